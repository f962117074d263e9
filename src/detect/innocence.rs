//! What speaks for a channel's innocence, with the reason.
//!
//! A name alone whitewashes nobody: it must agree with a resolution in the capture or with a certificate.

use super::ledger::{Channel, Services, address, tor};
use super::signals::View;
use super::signals::turned;
use crate::record::{Exchange, Flow};
use std::collections::BTreeSet;

/// The reasons, by their key in `rules/signals.toml`, where their negative weights are.
pub const REASONS: [&str; 6] =
    ["known-service", "known-name", "local-service", "browser-session", "known-protocol", "peer"];

/// Fewest pages and parts of pages that make a session with a browser.
const MIN_PAGES: usize = 4;

/// All that speaks for a channel.
pub fn reasons(view: &View<'_>, services: &Services) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    found.extend(known(view, services));
    if view.channel.service.local {
        found.push(("local-service", "the service is in a private network".to_owned()));
    } else if neighbours(view) {
        found.push(("local-service", "the service is in the client's own network".to_owned()));
    }
    found.extend(browser(view));
    found.extend(protocol(view));
    found.extend(peer(view));
    found
}

/// Whether a service is next to its client, at public addresses.
fn neighbours(view: &View<'_>) -> bool {
    let Channel { client: Some(client), service, .. } = view.channel else { return false };
    !service.addrs.is_empty()
        && service.bare()
        && service.addrs.iter().all(|&addr| address::same_link(*client, addr))
}

/// One of the many that a peer-to-peer program talks to.
fn peer(view: &View<'_>) -> Option<(&'static str, String)> {
    let ports = view.peers()?;
    let reason = format!("the host is among peers: servers without names answer it at {ports} ports");
    Some(("peer", reason))
}

fn known(view: &View<'_>, services: &Services) -> Option<(&'static str, String)> {
    let service = &view.channel.service;
    let confirmed = service.is("ordinary");
    if !confirmed && !service.is("claimed") {
        return None;
    }
    let named = service
        .names
        .iter()
        .find_map(|name| services.roles(name).find_map(|role| Some((name, role, services.ordinary(role)?))));
    let (name, role, reason) = named?;
    let reason = format!("{name} is known ({role}): {reason}");
    Some(if confirmed {
        ("known-service", reason)
    } else {
        ("known-name", reason + " The capture does not confirm the name.")
    })
}

/// Pages, pictures and scripts are fetched with a browser's headers, and posts are few among them.
fn browser(view: &View<'_>) -> Option<(&'static str, String)> {
    let (mut pages, mut posts) = (0_usize, 0_usize);
    let mut kinds: BTreeSet<&str> = BTreeSet::new();
    for (.., exchange) in view.exchanges() {
        if exchange.method == "GET" && browsed(exchange) {
            pages += 1;
            let declared =
                exchange.response.as_deref().and_then(|body| body.declared.as_deref()).unwrap_or("");
            kinds.extend(
                ["text/html", "text/css", "javascript", "image/", "font", "json"]
                    .iter()
                    .filter(|kind| declared.contains(*kind)),
            );
        } else if exchange.method == "POST" {
            posts += 1;
        }
    }
    (pages >= MIN_PAGES && kinds.len() >= 2 && pages >= posts * 2)
        .then(|| ("browser-session", format!("{pages} pages and parts of pages were fetched with a browser")))
}

fn browsed(exchange: &Exchange) -> bool {
    let has = |name| exchange.header(name).is_some();
    has("Accept-Language")
        && has("Accept")
        && exchange.header("User-Agent").is_some_and(|agent| agent.starts_with("Mozilla/"))
}

/// Every conversation is in a protocol that is recognised and has its own use.
fn protocol(view: &View<'_>) -> Option<(&'static str, String)> {
    let own = |flow: &Flow| {
        !matches!(
            flow.app(),
            "unknown"
                | "tls"
                | "http"
                | "http2"
                | "smtp"
                | "ftp"
                | "ftp-data"
                | "dns"
                | "socks"
                | "quic"
                | "irc"
                | "stratum"
                | "telnet"
        )
    };
    let mut flows = view.flows().map(|(_, flow)| flow).peekable();
    let first = flows.peek()?.app().to_owned();
    if view.channel.domain.is_some() {
        return None;
    }
    if view.channel.service.is("resolver") {
        return Some(("known-protocol", "questions to a DNS resolver".to_owned()));
    }
    // Whoever stands behind a relay is not seen, and the relay is a volunteer's.
    if view.flows().any(|(_, flow)| tor::relay(flow)) {
        return Some(("known-protocol", "a relay of Tor, by the invented names of its handshake".to_owned()));
    }
    // A protocol whose roles are turned round is not used for what it is for.
    if flows.any(turned) {
        return None;
    }
    let mut flows = view.flows().map(|(_, flow)| flow);
    flows.all(own).then(|| ("known-protocol", format!("all of it is {first}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::ledger::Ledger;
    use crate::detect::testing::{certificate, flow, ledger, services, view_of};
    use crate::record::Other;

    fn names(view: &View<'_>) -> Vec<&'static str> {
        reasons(view, &services()).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_name_must_be_confirmed() {
        let ledger = ledger([
            flow("192.0.2.1", 53).dns("www.dropbox.com", "A", &["203.0.113.4"]).build(),
            flow("203.0.113.4", 443).tls(Some("www.dropbox.com"), None).build(),
            flow("203.0.113.5", 443).tls(Some("d.dropbox.com"), None).build(),
            flow("198.51.100.6", 443)
                .tls(Some("www.dropbox.com"), Some(certificate("CN=x", "CN=x", &["www.dropbox.com"])))
                .build(),
        ]);
        assert_eq!(names(&view_of(&ledger, "203.0.113.4")), ["known-service"]);
        assert_eq!(names(&view_of(&ledger, "203.0.113.5")), ["known-name"]);
        assert_eq!(names(&view_of(&ledger, "198.51.100.6")), [] as [&str; 0]);
    }

    #[test]
    fn private_and_recognised() {
        let ntp = Other { protocol: Some("ntp".into()), ..Other::default() };
        let ledger = ledger([flow("10.0.0.1", 123).client("10.0.0.2").other(ntp).build()]);
        assert_eq!(names(&view_of(&ledger, "10.0.0.1")), ["local-service", "known-protocol"]);
    }

    #[test]
    fn on_one_link() {
        let ledger = ledger([
            flow("203.0.113.9", 443).client("203.0.113.200").payload(10, 10).build(),
            flow("203.0.112.9", 443).client("203.0.113.200").payload(10, 10).build(),
            flow("2001:db8::9", 443).client("2001:db8::8").payload(10, 10).build(),
            flow("2001:db8:0:1::9", 443).client("2001:db8::8").payload(10, 10).build(),
        ]);
        assert_eq!(names(&view_of(&ledger, "203.0.113.9")), ["local-service"]);
        assert_eq!(names(&view_of(&ledger, "203.0.112.9")), [] as [&str; 0]);
        assert_eq!(names(&view_of(&ledger, "2001:db8::9")), ["local-service"]);
        assert_eq!(names(&view_of(&ledger, "2001:db8:0:1::9")), [] as [&str; 0]);
    }

    #[test]
    fn among_peers() {
        let talk = |peers: u8, answer: u64| {
            let peers = (0..peers).map(|n| (format!("198.51.100.{n}"), 20_000 + u16::from(n)));
            let others = [("203.0.113.4".to_owned(), 443), ("203.0.113.5".to_owned(), 9001)];
            let ends = peers.chain(others);
            ledger(ends.map(|(server, port)| flow(&server, port).payload(50, answer).build()))
        };
        let of = |ledger: &Ledger, server: &str| names(&view_of(ledger, server)).contains(&"peer");
        // One of the others is at a port of its own as well.
        let enough = talk(31, 50);
        assert!(of(&enough, "198.51.100.7") && of(&enough, "203.0.113.5"));
        assert!(!of(&enough, "203.0.113.4"), "a common port");
        assert!(!of(&talk(30, 50), "198.51.100.7"), "too few");
        assert!(!of(&talk(31, 0), "198.51.100.7"), "nobody answers");
    }
}
