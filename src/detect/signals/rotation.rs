//! One thing said to many servers.

use super::{Marks, Needs, Signal, View, count};
use crate::detect::evidence::{ChannelIx, Statement};
use crate::detect::finding::Kind;
use crate::detect::ledger::{Channel, likeness, name};
use crate::record::{Exchange, Flow};
use crate::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "one-request-many-servers", needs: Needs::HTTP.and(Marks::ALIKE), look: requests },
    Signal { name: "one-certificate-style", needs: Needs::TLS.and(Marks::ALIKE), look: certificates },
    Signal { name: "one-name-many-addresses", needs: Needs::POST, look: addresses },
    Signal { name: "one-body-many-addresses", needs: Needs::POST.and(Marks::ALIKE), look: bodies },
    Signal { name: "one-hello-many-addresses", needs: Needs::TLS.and(Marks::ALIKE), look: hellos },
    Signal { name: "one-opening-many-addresses", needs: Needs::RAW.and(Marks::ALIKE), look: openings },
];

/// Fewest other services that must get the same.
const MIN_OTHERS: usize = 2;
/// Fewest addresses under one name; load balancers show a client two or three.
const MIN_ADDRESSES: usize = 5;
/// Fewest networks that one hello must go to.
const MIN_NETWORKS: usize = 3;
/// Other services compared; more do not make it surer.
const MAX_OTHERS: usize = 256;

/// The same request, of a program, to services that have nothing to do with each other.
fn requests(view: &View<'_>) -> Option<Statement> {
    let alike = view.host.alike.as_deref().filter(|alike| !alike.requests.is_empty() && !view.known())?;
    let mine = likeness::owners(view.channel);
    let shared = view.exchanges().take(MAX_OTHERS).find_map(|(index, flow, exchange)| {
        let channels = alike.requests.get(&likeness::template(exchange)?)?;
        let others = channels.iter().filter(|ix| **ix != view.ix).take(MAX_OTHERS);
        let apart = others.filter(|ix| unrelated(view, &mine, view.ledger.channel(**ix))).count();
        (apart >= MIN_OTHERS).then_some((index, flow, exchange, apart))
    });
    let (index, flow, exchange, apart) = shared?;
    let path = exchange.path.split('?').next().unwrap_or("");
    let why =
        format!("the same {} {path} went to {} besides", exchange.method, count(apart, "unrelated service"));
    let strength = if apart > MIN_OTHERS { 1.0 } else { 0.7 };
    let mut statement = view.say(strength, why).exchange(index, flow, exchange);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// Whether none of the owners of the channel is one of another's.
fn unrelated(view: &View<'_>, mine: &BTreeSet<String>, other: &Channel) -> bool {
    let (own, other) = (&view.channel.service, &other.service);
    match (own.names.none_stated(), other.names.none_stated()) {
        (true, true) => own.addrs.is_disjoint(&other.addrs),
        (false, true) => !other.addrs.iter().any(|addr| mine.contains(&addr.to_string())),
        (_, false) => {
            // An owner is the end of a name; to compare ends is cheaper than to look one up.
            let ends = |name: &str| mine.iter().any(|own| name.ends_with(own.as_str()));
            !other.names.stated().any(|name| ends(name) && mine.contains(name::owner(name)))
        }
    }
}

/// The template by which a channel belongs together with others, if it does; for merging.
pub fn template_of(view: &View<'_>) -> Option<String> {
    requests(view)?;
    let alike = view.host.alike.as_deref()?;
    view.exchanges().find_map(|(.., exchange)| {
        likeness::template(exchange).filter(|own| alike.requests.contains_key(own))
    })
}

/// Several bare addresses answer with certificates that nobody vouches for.
fn certificates(view: &View<'_>) -> Option<Statement> {
    let all = &view.host.alike.as_deref()?.home_made;
    if !all.contains(&view.ix) || all.len() < 2 {
        return None;
    }
    let (index, flow) = view.flows().find(|(_, flow)| flow.tls.is_some())?;
    let others = all.len() - 1;
    let why =
        format!("{} besides, each a bare address with a home-made certificate", count(others, "server"));
    Some(view.say(if others >= 2 { 1.0 } else { 0.7 }, why).flow(index, flow))
}

/// The same POST to address after address under one name, within minutes.
fn addresses(view: &View<'_>) -> Option<Statement> {
    type Same<'a> = (BTreeSet<IpAddr>, Vec<(usize, &'a Flow, &'a Exchange)>);
    let mut shapes: BTreeMap<(String, u64), Same<'_>> = BTreeMap::new();
    for (index, flow, exchange, body) in view.posts().take(MAX_OTHERS) {
        if let Some(template) = likeness::template(exchange) {
            let (addrs, seen) = shapes.entry((template, body.bytes)).or_default();
            addrs.insert(flow.server.addr);
            seen.push((index, flow, exchange));
        }
    }
    let (addrs, seen) = shapes.into_values().max_by_key(|(addrs, _)| addrs.len())?;
    let span = seen.last()?.2.time.since(seen.first()?.2.time);
    if addrs.len() < MIN_ADDRESSES || span > Duration::from_secs(600) {
        return None;
    }
    let why = format!("the same POST to {} under one name", count(addrs.len(), "server"));
    Some(
        seen.into_iter()
            .fold(view.say(1.0, why), |said, (index, flow, exchange)| said.exchange(index, flow, exchange)),
    )
}

/// Networks of addresses by their first half: a list of controllers is spread over hosters, a service is not.
fn networks(view: &View<'_>, channels: &BTreeSet<ChannelIx>) -> usize {
    let near = |ix: &ChannelIx| view.ledger.channel(*ix).service.addrs.first().copied().map(network);
    channels.iter().take(MAX_OTHERS).filter_map(near).collect::<BTreeSet<_>>().len()
}

fn network(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(v4) => v4.octets()[..2].to_vec(),
        IpAddr::V6(v6) => v6.octets()[..4].to_vec(),
    }
}

/// POSTs of one length and one manner to bare addresses that have nothing to do with each other.
fn bodies(view: &View<'_>) -> Option<Statement> {
    let alike = view.host.alike.as_deref().filter(|alike| !alike.bodies.is_empty())?;
    let shapes = likeness::addressed(view.channel, &view.ledger.flows);
    let shared = shapes.iter().filter_map(|shape| alike.bodies.get(shape));
    let apart = shared.map(|channels| networks(view, channels)).max().filter(|n| *n >= 2)?;
    let (index, flow, exchange, body) = view.posts().next()?;
    let why = format!(
        "POSTs of {} B of the same manner to {} besides",
        body.bytes,
        count(apart - 1, "bare address")
    );
    let mut statement = view.say(if apart > 2 { 1.0 } else { 0.7 }, why).exchange(index, flow, exchange);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// One TLS client goes through bare addresses in several networks and names none of them.
fn hellos(view: &View<'_>) -> Option<Statement> {
    let alike = view.host.alike.as_deref().filter(|alike| !alike.hellos.is_empty())?;
    let prints = likeness::hellos(view.channel, &view.ledger.flows);
    let shared = prints.iter().filter_map(|print| alike.hellos.get(print));
    let apart = shared.map(|channels| networks(view, channels)).max().filter(|n| *n >= MIN_NETWORKS)?;
    let (index, flow) = view.flows().find(|(_, flow)| flow.tls.is_some())?;
    let why = format!("the same hello without a name to bare addresses in {}", count(apart, "network"));
    let mut statement = view.say(if apart > MIN_NETWORKS { 1.0 } else { 0.7 }, why).flow(index, flow);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// One greeting in no protocol of the web goes to web ports of bare addresses in several networks.
fn openings(view: &View<'_>) -> Option<Statement> {
    let alike = view.host.alike.as_deref().filter(|alike| !alike.openings.is_empty())?;
    let own = likeness::openings(view.channel, &view.ledger.flows);
    let shared = own.iter().filter_map(|opening| Some((opening, alike.openings.get(opening)?)));
    let (opening, apart) = shared
        .map(|(opening, channels)| (opening, networks(view, channels)))
        .max_by_key(|(_, apart)| *apart)
        .filter(|(_, apart)| *apart >= 2)?;
    let (index, flow) = view.flows().find(|(_, flow)| flow.app() == "unknown")?;
    let port = flow.server.port;
    let why = format!(
        "port {port} is greeted with {opening} here and at {} besides",
        count(apart - 1, "bare address")
    );
    let mut statement = view.say(1.0, why).flow(index, flow);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_greeting_for_several_web_ports() {
        let greet =
            |server: &str, port, first: &[u8]| flow(server, port).first(first, &[]).payload(88, 90).build();
        let hello = [0x70, 0, 0xd1, 0x15, 3, 0x99, 0xee, 4, 3, 0x99, 0x81, 0, 7];
        let two = |a: &[u8], b: &[u8], port| {
            let ledger = ledger([greet("203.0.113.4", port, a), greet("198.51.100.9", port, b)]);
            openings(&view_of(&ledger, "203.0.113.4")).is_some()
        };
        assert!(two(&hello, &hello, 443));
        assert!(!two(&hello, &[0x70, 0, 0xd1, 0x15, 3, 0x99, 0xee, 4, 3, 0x99, 0x82, 0, 7], 443));
        assert!(!two(&hello, &hello, 6_881), "peers among themselves");
        assert!(!two(&[0; 12], &[0; 12], 443));
        // A server that speaks TLS on that port was only knocked at.
        let knocked = ledger([
            greet("203.0.113.4", 443, &hello),
            flow("203.0.113.4", 443).at_ms(900).tls(None, None).build(),
            greet("198.51.100.9", 443, &hello),
        ]);
        assert!(openings(&view_of(&knocked, "203.0.113.4")).is_none());
        assert!(openings(&view_of(&knocked, "198.51.100.9")).is_none());
    }
    use crate::detect::testing::{body, certificate, flow, ledger, request, view_of};

    #[test]
    fn decoys_get_the_same() {
        let to = |n: u8, path: &str| {
            let exchange = request(
                "POST",
                &format!("site{n}-{n}.example"),
                path,
                &[("Connection", "close")],
                Some(body(348)),
            );
            flow(&format!("203.0.113.{n}"), 80).at_ms(i64::from(n) * 15_000).http(exchange).build()
        };
        let same = ledger((1..6).map(|n| to(n, "/k8b/")));
        assert!(requests(&view_of(&same, "203.0.113.3")).is_some());
        let apart = ledger((1..6).map(|n| to(n, &format!("/p{n}/"))));
        assert!(requests(&view_of(&apart, "203.0.113.3")).is_none());
    }

    #[test]
    fn many_servers_of_one_make() {
        let to =
            |n: u8, cert| flow(&format!("203.0.113.{n}"), 443).tls(None, Some(cert)).payload(9, 9).build();
        let own = |n: u8| {
            let name = format!("CN=box{n}");
            certificate(&name, &name, &[])
        };
        let made = ledger((1..4).map(|n| to(n, own(n))));
        assert!(certificates(&view_of(&made, "203.0.113.2")).is_some());
        let sold =
            ledger((1..4).map(|n| to(n, certificate("CN=www.shop.example", "CN=R3", &["www.shop.example"]))));
        assert!(certificates(&view_of(&sold, "203.0.113.2")).is_none());
    }

    #[test]
    fn one_length_to_unrelated_addresses() {
        let to = |n: u8, bytes| {
            let server = format!("203.{n}.113.4");
            let exchange = request("POST", &server, &format!("/x{n}.php"), &[], Some(body(bytes)));
            flow(&server, 80).at_ms(i64::from(n) * 1500).http(exchange).build()
        };
        assert!(bodies(&view_of(&ledger((1..4).map(|n| to(n, 232))), "203.3.113.4")).unwrap().strength > 0.9);
        assert!(
            bodies(&view_of(&ledger((1..4).map(|n| to(n, 232 + u64::from(n)))), "203.3.113.4")).is_none()
        );
    }

    #[test]
    fn one_hello_to_unrelated_addresses() {
        let to = |n: u8, sni: Option<&str>, print: String| {
            flow(&format!("203.{n}.113.4"), 8080)
                .at_ms(i64::from(n) * 1500)
                .tls(sni, None)
                .payload(104, 0)
                .edit(|flow| flow.tls.iter_mut().for_each(|tls| tls.ja4 = Some(print.as_str().into())))
                .build()
        };
        let same = ledger((1..5).map(|n| to(n, None, "t10i120400_a_b".to_owned())));
        assert!(hellos(&view_of(&same, "203.2.113.4")).unwrap().strength > 0.9);
        let named = ledger((1..5).map(|n| to(n, Some("a.example"), "t10i120400_a_b".to_owned())));
        assert!(hellos(&view_of(&named, "203.2.113.4")).is_none());
        let each = ledger((1..5).map(|n| to(n, None, format!("t10i120400_a_{n}"))));
        assert!(hellos(&view_of(&each, "203.2.113.4")).is_none());
    }

    #[test]
    fn one_name_at_many_addresses() {
        let to = |n: u8, bytes| {
            let exchange = request("POST", "cars.example", "/k/index.php", &[], Some(body(bytes)));
            flow(&format!("203.0.113.{n}"), 80).at_ms(i64::from(n) * 1500).http(exchange).build()
        };
        assert!(addresses(&view_of(&ledger((1..9).map(|n| to(n, 369))), "203.0.113.3")).is_some());
        assert!(addresses(&view_of(&ledger((1..3).map(|n| to(n, 369))), "203.0.113.2")).is_none());
    }
}
