//! Where the service is and what it is called: weak by themselves.

use super::{Marks, Needs, Signal, Traits, View, common_port};
use crate::detect::evidence::Statement;
use crate::record::Outline;
use crate::time::Duration;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: BARE, needs: Needs::NOTHING.and(Marks::PUBLIC).and(Marks::BARE), look: bare },
    Signal { name: "odd-port", needs: Needs::TCP.and(Marks::PUBLIC), look: odd_port },
    Signal { name: "dynamic-name", needs: Needs::NOTHING.and(Marks::DYNAMIC), look: dynamic },
    Signal { name: "tunnel-name", needs: Needs::NOTHING.and(Marks::TUNNEL), look: tunnel },
    Signal { name: "alternative-root", needs: Needs::NOTHING.and(Marks::NAMED), look: alternative },
    Signal {
        name: "unresolved-name",
        needs: Needs::HTTP.and(Marks::PUBLIC).and(Marks::NAMED),
        look: unresolved,
    },
];

/// How long most answers of DNS are remembered.
const REMEMBERED: Duration = Duration::from_secs(300);

/// The signal that most channels of a scan have, and that alone says nothing.
pub const BARE: &str = "bare-address";

fn told(view: &View<'_>, strength: f64, why: String) -> Option<Statement> {
    let (index, flow) = view.flows().next()?;
    Some(view.say(strength, why).at(index, flow, flow.frames.first, flow.start))
}

/// No name led to the address, and none was used there.
fn bare(view: &View<'_>) -> Option<Statement> {
    if !view.public() || !view.channel.service.bare() || !spoken(view) {
        return None;
    }
    // Where the capture has no DNS of this host at all, a missing resolution says little.
    let resolves = view.host.resolves;
    let why = if resolves { "no name led to the address" } else { "the address was used without a name" };
    told(view, if resolves { 1.0 } else { 0.6 }, why.to_owned())
}

/// Whether the client said anything, or tried to.
fn spoken(view: &View<'_>) -> bool {
    view.outlines().any(|(_, flow, traits)| traits.any(Traits::TCP) || flow.payload.to_server > 0)
}

/// The service listens where no common protocol does.
fn odd_port(view: &View<'_>) -> Option<Statement> {
    if view.channel.service.ports.iter().all(|&port| common_port(port)) {
        return None;
    }
    let odd = |(_, flow, traits): &(usize, Outline, Traits)| {
        traits.any(Traits::TCP) && !common_port(flow.server.port)
    };
    let (index, ..) = view.outlines().find(odd)?;
    let mut files = view.flows_with(Traits::FTP.or(Traits::FILE));
    let ftp = files.any(|(_, flow)| flow.app() == "ftp" || flow.app() == "ftp-data");
    (view.public() && !ftp).then(|| {
        let flow = &view.ledger.flows[index];
        view.say(1.0, format!("TCP port {} is of no common service", flow.server.port)).flow(index, flow)
    })
}

/// The name is of a dynamic DNS service.
fn dynamic(view: &View<'_>) -> Option<Statement> {
    named(view, "dynamic-dns", "is given out by a dynamic DNS service")
}

/// The name is of a tunnel service.
fn tunnel(view: &View<'_>) -> Option<Statement> {
    named(view, "tunnel-service", "leads through a tunnel service to a machine anywhere")
}

fn named(view: &View<'_>, role: &str, what: &str) -> Option<Statement> {
    let service = &view.channel.service;
    (service.is(role) && !view.known())
        .then(|| told(view, 1.0, format!("the name {} {what}", service.label())))?
}

/// The name is below a root that the ordinary DNS does not know.
fn alternative(view: &View<'_>) -> Option<Statement> {
    let names = &view.channel.service.names;
    let name = names.iter().find(|name| {
        matches!(
            name.rsplit('.').next(),
            Some("bit" | "emc" | "coin" | "lib" | "bazar" | "onion" | "i2p" | "eth")
        )
    });
    if let Some(name) = name {
        return told(view, 1.0, format!("{name} is below no root of the ordinary DNS"));
    }
    // Gateways give the names of hidden services (16 or 56 signs of base32) a place in the ordinary DNS.
    let hidden = |label: &str| {
        matches!(label.len(), 16 | 56) && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
    };
    let name = names.iter().find(|name| {
        let mut labels = name.split('.');
        labels.next().is_some_and(hidden)
            && labels.next().is_some_and(|gate| gate.contains("onion") || gate.contains("tor"))
    })?;
    told(view, 1.0, format!("{name} is a hidden service behind a gateway"))
}

/// The host asks DNS for other names, but used this one without asking, in clear HTTP.
fn unresolved(view: &View<'_>) -> Option<Statement> {
    let service = &view.channel.service;
    let name = service.names.stated().next()?;
    let clear = view.channel.has.any(Traits::HTTP);
    if !view.host.resolves || !service.names.none_verified() || !clear || !view.public() {
        return None;
    }
    // Systems remember answers for minutes: what a host did before it was watched is not known.
    let watched = view.channel.first.since(view.host.span.0) >= REMEMBERED;
    told(view, if watched { 1.0 } else { 0.5 }, format!("{name} was never asked for in DNS"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, view_of};

    #[test]
    fn an_address_that_no_name_led_to() {
        let ledger = ledger([
            flow("192.0.2.1", 53).dns("a.example", "A", &["203.0.113.5"]).build(),
            flow("203.0.113.5", 443).payload(9, 9).build(),
            flow("203.0.113.6", 4444).payload(9, 9).build(),
        ]);
        assert!(bare(&view_of(&ledger, "203.0.113.5")).is_none());
        assert!(bare(&view_of(&ledger, "203.0.113.6")).is_some());
        assert!(odd_port(&view_of(&ledger, "203.0.113.5")).is_none());
        assert!(odd_port(&view_of(&ledger, "203.0.113.6")).is_some());
    }

    #[test]
    fn names_of_dynamic_dns_and_other_roots() {
        let ledger = ledger([
            flow("203.0.113.5", 443).tls(Some("a.duckdns.org"), None).build(),
            flow("203.0.113.6", 80).payload(9, 9).build(),
            flow("192.0.2.1", 53).dns("panel.bit", "A", &["203.0.113.6"]).build(),
        ]);
        assert!(dynamic(&view_of(&ledger, "203.0.113.5")).is_some());
        assert!(alternative(&view_of(&ledger, "203.0.113.6")).is_some());
        assert!(alternative(&view_of(&ledger, "203.0.113.5")).is_none());
        let gate =
            |name| crate::detect::testing::ledger([flow("203.0.113.5", 443).tls(Some(name), None).build()]);
        assert!(alternative(&view_of(&gate("abcdefghijklmnop.onion.example"), "203.0.113.5")).is_some());
        assert!(alternative(&view_of(&gate("onion.example"), "203.0.113.5")).is_none());
    }

    #[test]
    fn a_name_that_was_never_asked_for() {
        let get = || crate::detect::testing::request("GET", "a.example", "/", &[], None);
        let said = |name: &str, ms| {
            let ledger = ledger([
                flow("192.0.2.1", 53).dns(name, "A", &["203.0.113.6"]).build(),
                flow("203.0.113.6", 80).at_ms(ms).http(get()).build(),
            ]);
            unresolved(&view_of(&ledger, "203.0.113.6")).map(|said| said.strength)
        };
        // At first the answer may be remembered from before.
        assert_eq!([90, 299_000, 300_000].map(|ms| said("b.example", ms)), [Some(0.5), Some(0.5), Some(1.0)]);
        assert_eq!(said("a.example", 300_000), None);
    }
}
