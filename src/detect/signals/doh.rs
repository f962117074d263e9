//! Names asked for inside HTTPS by something that is no browser.

use super::{Marks, Needs, Signal, View};
use crate::detect::evidence::Statement;
use crate::detect::ledger::likeness::print;
use crate::detect::ledger::{EventKind, address};
use crate::record::Flow;
use crate::time::Duration;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "doh-by-program", needs: Needs::EVENTS.and(Marks::ALIKE), look: by_program },
    Signal {
        name: "doh-before",
        needs: Needs::EVENTS.and(Marks::ALIKE).and(Marks::PUBLIC).and(Marks::UNKNOWN),
        look: before,
    },
];

/// How long before a first contact a question still belongs to it.
const ASKED: Duration = Duration::from_secs(5);
/// Whether the channel is that of a resolver inside HTTPS.
fn resolver(view: &View<'_>) -> bool {
    let service = &view.channel.service;
    service.is("doh")
        || service.names.none_stated()
            && service.ports.contains(&443)
            && service.addrs.iter().any(|&addr| address::public_resolver(addr))
}

/// A program asks a public resolver inside HTTPS, with another print than the host's browser and system.
fn by_program(view: &View<'_>) -> Option<Statement> {
    if !resolver(view) {
        return None;
    }
    let usual = &view.host.alike.as_deref()?.habits;
    let odd = |(_, flow): &(usize, &Flow)| print(flow).is_some_and(|own| !usual.contains(own));
    let mut found = view.flows().filter(odd).peekable();
    let (_, first) = found.peek().copied()?;
    if usual.is_empty() {
        return None;
    }
    let nameless = first.tls.as_ref().is_some_and(|tls| tls.sni.is_none());
    let why = format!(
        "a resolver is asked inside HTTPS with the print {}, which the {} that this host talks to others with lack",
        first.tls.as_ref().and_then(|tls| tls.ja4.as_deref()).unwrap_or(""),
        super::count(usual.len(), "print"),
    );
    let statement = view.say(if nameless { 1.0 } else { 0.7 }, why);
    Some(found.fold(statement, |said, (index, flow)| said.flow(index, flow)))
}

/// First contact with a service whose name nobody saw asked for, right after a program had asked inside HTTPS.
fn before(view: &View<'_>) -> Option<Statement> {
    let service = &view.channel.service;
    if !view.public()
        || view.known()
        || resolver(view)
        || !view.host.resolves
        || !service.names.none_verified()
    {
        return None;
    }
    // Names that were resolved in the open need no other explanation.
    if service.names.none_stated() && !service.bare() {
        return None;
    }
    let event = view.before(EventKind::Doh, view.channel.first, ASKED)?;
    let asked = &view.ledger.flows[event.flow];
    let print_of = print(asked)?;
    let usual = &view.host.alike.as_deref()?.habits;
    if usual.is_empty() || usual.contains(print_of) {
        return None;
    }
    let (index, flow) = view.flows().next()?;
    let same = print(flow) == Some(print_of);
    let gap = view.channel.first.since(event.time).as_secs_f64();
    let by = if same { "by the same client" } else { "by no browser" };
    let why = format!("first contact {gap:.1} s after {} was asked inside HTTPS {by}", event.what);
    let statement = view.say(if same { 1.0 } else { 0.6 }, why);
    Some(statement.at(event.flow, asked, event.frame, event.time).at(
        index,
        flow,
        flow.frames.first,
        flow.start,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, view_of};

    const BROWSER: &str = "t13d1516h2_aaaaaaaaaaaa_bbbbbbbbbbbb";
    const PROGRAM: &str = "t13i1910h1_cccccccccccc_dddddddddddd";

    fn tls(server: &str, sni: Option<&str>, ja4: &str, ms: i64) -> Flow {
        let own = flow(server, 443).at_ms(ms).tls(sni, None).payload(900, 4000);
        own.edit(|flow| flow.tls.as_mut().unwrap().ja4 = Some(ja4.into())).build()
    }

    fn day(extra: Vec<Flow>) -> crate::detect::ledger::Ledger {
        let pages = ["www.shop.example", "news.paper.example.net", "mail.post.example.org"];
        let browse = pages
            .iter()
            .zip(1..)
            .map(|(name, n)| tls(&format!("198.51.100.{n}"), Some(name), BROWSER, i64::from(n) * 1000));
        let dns = flow("192.0.2.1", 53).dns("www.shop.example", "A", &["198.51.100.1"]).build();
        ledger(browse.chain([dns]).chain(extra))
    }

    #[test]
    fn a_resolver_asked_by_a_program() {
        let ledger = day(vec![tls("1.1.1.1", None, PROGRAM, 9_000)]);
        let said = by_program(&view_of(&ledger, "1.1.1.1")).unwrap();
        assert!(said.strength > 0.9 && said.why.contains(PROGRAM));
        // The browser's own questions, and a host of which nothing else is known.
        let ledger = day(vec![tls("1.1.1.1", Some("cloudflare-dns.com"), BROWSER, 9_000)]);
        assert!(by_program(&view_of(&ledger, "1.1.1.1")).is_none());
        let alone = super::super::super::testing::ledger([tls("1.1.1.1", None, PROGRAM, 9_000)]);
        assert!(by_program(&view_of(&alone, "1.1.1.1")).is_none());
    }

    #[test]
    fn a_contact_after_a_secret_question() {
        let after = |print, ms| {
            day(vec![
                tls("1.1.1.1", None, print, 9_000),
                tls("203.0.113.4", Some("c.panel.example.com"), print, ms),
            ])
        };
        assert!(before(&view_of(&after(PROGRAM, 9_700), "203.0.113.4")).unwrap().strength > 0.9);
        assert!(before(&view_of(&after(PROGRAM, 60_000), "203.0.113.4")).is_none());
        assert!(before(&view_of(&after(BROWSER, 9_700), "203.0.113.4")).is_none());
    }
}
