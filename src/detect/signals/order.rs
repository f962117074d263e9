//! What came shortly before: look-ups, dead drops, libraries, programs.

use super::{Marks, Needs, Signal, Traits, View, count};
use crate::detect::evidence::Statement;
use crate::detect::finding::Kind;
use crate::detect::ledger::{Event, EventKind, name};
use crate::record::{Exchange, Outline};
use crate::time::{Duration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "lookup-before", needs: Needs::EVENTS, look: lookup },
    Signal { name: "dead-drop-before", needs: Needs::EVENTS.and(Marks::UNKNOWN), look: dead_drop },
    Signal { name: "libraries-before", needs: Needs::EVENTS, look: libraries },
    Signal { name: "program-from-same", needs: Needs::EVENTS.and(Marks::FETCHED), look: program },
    Signal { name: "disguised-program", needs: Needs::EVENTS.and(Marks::FETCHED), look: disguised },
    Signal { name: "program-before", needs: Needs::EVENTS, look: program_before },
    Signal {
        name: "dead-names-before",
        needs: Needs::EVENTS.and(Marks::PUBLIC).and(Marks::UNKNOWN),
        look: dead_names,
    },
    Signal {
        name: "sequence",
        needs: Needs::EVENTS.and(Marks::PUBLIC).and(Marks::UNKNOWN).with(Traits::TCP),
        look: sequence,
    },
    Signal {
        name: "program-calls-back",
        needs: Needs::EVENTS.and(Marks::FETCHED).and(Marks::BARE),
        look: calls_back,
    },
];

/// How long before the contact a look at the public address still belongs to it: measured gaps are 1 to 30 s,
/// mail follows within two minutes.
const LOOKUP: Duration = Duration::from_secs(120);
/// How long before the first contact a page was read that may have told its address.
const DROP: Duration = Duration::from_secs(45);
/// How long before an upload libraries were fetched.
const LIBRARIES: Duration = Duration::from_secs(900);
/// How long before a first contact a program was fetched that may make it.
const PROGRAM: Duration = Duration::from_secs(300);
/// How long before a first contact names were tried that do not exist or whose servers are gone.
const WALK: Duration = Duration::from_secs(120);
/// Fewest owners whose names must have failed: people mistype one, captive networks fail two.
const MIN_DEAD: usize = 3;
/// Owners from which on a resolver is gone, or filters: it fails for everything.
const MAX_DEAD: usize = 30;
/// Least that is called an upload here, in bytes.
const MIN_UPLOAD: u64 = 2_000;

/// The moments at which something may follow from what was before: first contact, and each upload.
fn moments(view: &View<'_>) -> Vec<(Timestamp, usize)> {
    let moment = |(index, flow, _): (usize, Outline, Traits)| (flow.start, index);
    let mut moments: Vec<_> = view.outlines().take(1).map(moment).collect();
    let ups = view.outlines().filter(|(_, flow, _)| {
        flow.payload.to_server >= MIN_UPLOAD && flow.payload.to_server > flow.payload.to_client
    });
    moments.extend(ups.take(256).map(moment));
    moments
}

fn cite(view: &View<'_>, statement: Statement, event: &Event) -> Statement {
    statement.at(event.flow, &view.ledger.flows[event.flow], event.frame, event.time)
}

/// The host asked for its public address just before.
fn lookup(view: &View<'_>) -> Option<Statement> {
    if view.channel.service.is("ip-lookup") {
        return None;
    }
    let found = moments(view).into_iter().find_map(|(moment, index)| {
        view.before(EventKind::Lookup, moment, LOOKUP).map(|event| (event, moment, index))
    });
    let (event, moment, index) = found?;
    let flow = &view.ledger.flows[index];
    let gap = moment.since(event.time).as_secs_f64();
    let why = format!("asked {} for the public address {gap:.0} s before", event.what);
    let strength = if gap <= 40.0 { 1.0 } else { 0.7 };
    Some(cite(view, view.say(strength, why), event).at(index, flow, flow.frames.first, flow.start))
}

/// The first contact with a service that nothing else explains follows a page where such addresses are left.
fn dead_drop(view: &View<'_>) -> Option<Statement> {
    let service = &view.channel.service;
    if service.is("dead-drop") || service.is("chain-rpc") || view.known() {
        return None;
    }
    let event = view.before(EventKind::DeadDrop, view.channel.first, DROP)?;
    let (index, flow) = view.flows().next()?;
    let gap = view.channel.first.since(event.time).as_secs_f64();
    let why = format!("first contact {gap:.0} s after a page of {}", event.what);
    // People follow one link; programs go through a list of places.
    let second = view.recent(EventKind::DeadDrop, view.channel.first, DROP).find(|other| {
        other.channel != view.ix
            && other.what != event.what
            && name::owner(&other.what) != name::owner(&event.what)
    });
    // Nobody reads the nodes of a blockchain with their own eyes.
    let node = view.ledger.channel(event.channel).service.is("chain-rpc");
    let strength = match (second.is_some(), service.bare()) {
        (true, _) => 1.0,
        _ if node => 0.9,
        (false, true) => 0.7,
        (false, false) => 0.35,
    };
    let why = second.map_or_else(|| why.clone(), |other| format!("{why} and one of {}", other.what));
    let mut statement =
        cite(view, view.say(strength, why), event).at(index, flow, flow.frames.first, flow.start);
    statement = second.into_iter().fold(statement, |said, other| cite(view, said, other));
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// Libraries that open browser stores came from this service.
fn libraries(view: &View<'_>) -> Option<Statement> {
    let own: Vec<&Event> = view.fetched().filter(|event| event.kind == EventKind::Library).collect();
    let names: BTreeSet<&str> = own.iter().map(|event| event.what.as_str()).collect();
    if let Some(first) = own.first()
        && view.channel.last >= first.time
    {
        let listed = names.iter().copied().collect::<Vec<_>>().join(", ");
        let strength = if names.len() >= 2 { 1.0 } else { 0.6 };
        let why = format!("{} fetched from here: {listed}", count(names.len(), "library"));
        let mut statement = own.iter().fold(view.say(strength, why), |said, event| cite(view, said, event));
        statement.kinds.push(Kind::Download);
        return Some(statement);
    }
    moments(view).into_iter().skip(1).find_map(|(moment, index)| {
        let event = view.before(EventKind::Library, moment, LIBRARIES)?;
        let flow = &view.ledger.flows[index];
        let why = format!("{} was fetched elsewhere before the upload", event.what);
        Some(cite(view, view.say(0.6, why), event).at(index, flow, flow.frames.first, flow.start))
    })
}

/// Programs fetched from this service.
fn programs<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Event> + use<'a> {
    view.fetched().filter(|event| event.kind == EventKind::Program)
}

/// A program was fetched from this service.
fn program(view: &View<'_>) -> Option<Statement> {
    let first = programs(view).next()?;
    let why = format!("a program came from here: {}", first.what);
    let mut statement = programs(view).fold(view.say(1.0, why), |said, event| cite(view, said, event));
    statement.kinds.push(Kind::Download);
    Some(statement)
}

/// A program came under the name of a picture, a text, a page.
fn disguised(view: &View<'_>) -> Option<Statement> {
    let lie = |event: &Event| -> Option<f64> {
        let ending = event.what.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        match ending.as_str() {
            "jpg" | "jpeg" | "png" | "gif" | "bmp" | "ico" | "txt" | "pdf" | "doc" | "css" | "js" | "htm"
            | "html" | "mp3" | "mp4" | "avi" | "wav" => Some(1.0),
            "dat" | "log" | "csv" | "xml" | "rtf" => Some(0.7),
            _ => None,
        }
    };
    let (strength, event) =
        programs(view).filter_map(|event| Some((lie(event)?, event))).max_by(|a, b| a.0.total_cmp(&b.0))?;
    let mut statement =
        cite(view, view.say(strength, format!("a program came under the name {}", event.what)), event);
    statement.kinds.push(Kind::Download);
    Some(statement)
}

/// The first contact follows the download of a program from a service without a confirmed name.
fn program_before(view: &View<'_>) -> Option<Statement> {
    let moment = view.channel.first;
    let event = view.recent(EventKind::Program, moment, PROGRAM).find(|event| {
        event.channel != view.ix && !view.ledger.channel(event.channel).service.is("ordinary")
    })?;
    let (index, flow) = view.flows().next()?;
    let gap = moment.since(event.time).as_secs_f64();
    let why = format!("first contact {gap:.0} s after the program {} was fetched", event.what);
    Some(cite(view, view.say(1.0, why), event).at(index, flow, flow.frames.first, flow.start))
}

/// From a bare address a program came in clear, and then the host talks with the same address in another way.
fn calls_back(view: &View<'_>) -> Option<Statement> {
    if !view.channel.service.bare() {
        return None;
    }
    let event = programs(view).next()?;
    let from = view.ledger.flows.get(event.flow)?;
    let (index, flow) = view.flows().find(|(_, flow)| {
        let other = flow.server.port != from.server.port && matches!(flow.app(), "unknown" | "tls");
        let gap = flow.start.since(event.time);
        let talk = flow.payload.to_server > 0 && flow.payload.to_client > 0;
        let raw = flow.proto == crate::record::Proto::Tcp && !super::common_port(flow.server.port);
        other && talk && (raw || flow.tls.is_some()) && gap >= Duration(0) && gap <= PROGRAM
    })?;
    let gap = flow.start.since(event.time).as_secs_f64();
    let port = flow.server.port;
    let why =
        format!("{gap:.0} s after {} came from this address, the host calls its port {port}", event.what);
    let strength = if view.public() { 1.0 } else { 0.8 };
    let statement = cite(view, view.say(strength, why), event);
    let mut statement = statement.at(index, flow, flow.frames.first, flow.start);
    statement.kinds.extend([Kind::Download, Kind::C2]);
    Some(statement)
}

/// A list of names or addresses of several owners failed one after the other, then this one answered.
fn dead_names(view: &View<'_>) -> Option<Statement> {
    let service = &view.channel.service;
    if !view.public() || view.known() || view.channel.bytes.0 == 0 || view.channel.bytes.1 == 0 {
        return None;
    }
    let mut owners: Option<Vec<&str>> = None;
    let mut dead: BTreeMap<&str, &Event> = BTreeMap::new();
    for event in view.recent(EventKind::Dead, view.channel.first, WALK) {
        if event.channel == view.ix || dead.contains_key(event.what.as_str()) {
            continue;
        }
        let owners =
            owners.get_or_insert_with(|| service.names.iter().map(|name| name::owner(name)).collect());
        if !owners.contains(&event.what.as_str()) {
            dead.insert(&event.what, event);
        }
        // What fails for everything is the resolver.
        if dead.len() >= MAX_DEAD {
            return None;
        }
    }
    let (index, flow) = view.flows().next()?;
    let strength = match dead.len() {
        0..MIN_DEAD => return None,
        MIN_DEAD => 0.6,
        _ => 1.0,
    };
    let names = dead.keys().take(4).copied().collect::<Vec<_>>().join(", ");
    let why = format!("first contact after {} had failed: {names}", count(dead.len(), "other service"));
    let statement = dead.values().fold(view.say(strength, why), |said, event| cite(view, said, event));
    Some(statement.at(index, flow, flow.frames.first, flow.start))
}

/// Preparations, then at once an upload to a service that was new: each is ordinary, in this order they are a theft's.
fn sequence(view: &View<'_>) -> Option<Statement> {
    let (index, flow, bytes) = view.flows().find_map(|(index, flow)| {
        let up = super::upload::large(flow)?;
        (flow.start.since(view.channel.first) <= LOOKUP).then_some((index, flow, up))
    })?;
    if !view.public() || view.known() || view.exchanges().any(|(.., exchange)| browsed(exchange)) {
        return None;
    }
    let lookup = lookup(view).filter(|said| said.strength > 0.9);
    let said = [dead_names(view), dead_drop(view).filter(|said| said.strength > 0.8), lookup];
    let steps: Vec<&Statement> = said.iter().flatten().collect();
    let first = steps.first()?;
    let strength = if said[2].is_some() && steps.len() == 1 { 0.7 } else { 1.0 };
    let why = format!("{}, then {} up", first.why, super::size(bytes));
    let mut statement = view.say(strength, why).flow(index, flow);
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// Asked for by a browser for a page.
fn browsed(exchange: &Exchange) -> bool {
    exchange.header("Accept-Language").is_some() && exchange.header("Referer").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{self, body, flow, ledger, request, view_of};
    use crate::record::Body;

    #[test]
    fn a_lookup_just_before() {
        let ledger = ledger([
            flow("198.51.100.6", 443).tls(Some("api.ipify.org"), None).payload(400, 900).build(),
            flow("203.0.113.4", 587).at_ms(9_000).payload(4000, 600).build(),
            flow("203.0.113.5", 443).at_ms(900_000).payload(4000, 600).build(),
        ]);
        assert!(lookup(&view_of(&ledger, "203.0.113.4")).is_some());
        assert!(lookup(&view_of(&ledger, "203.0.113.5")).is_none());
        assert!(lookup(&view_of(&ledger, "198.51.100.6")).is_none());
    }

    #[test]
    fn a_page_of_a_test_server_that_tells_the_address() {
        let after = |path: &str| {
            let ledger = ledger([
                flow("198.51.100.6", 80).http(request("GET", "httpbin.org", path, &[], None)).build(),
                flow("203.0.113.4", 587).at_ms(9_000).payload(4000, 600).build(),
            ]);
            lookup(&view_of(&ledger, "203.0.113.4")).is_some()
        };
        assert_eq!(["/ip", "/get?a=1", "/basic-auth/user/passwd"].map(after), [true, true, false]);
    }

    #[test]
    fn a_program_that_calls_back() {
        let with = |host: &str, magic: Option<&str>, port, ms| {
            let mut exchange = request("GET", host, "/update.exe", &[], None);
            exchange.response = Some(Box::new(Body { magic: magic.map(Into::into), ..body(90_000) }));
            ledger([
                flow("203.0.113.4", 80).http(exchange).build(),
                flow("203.0.113.4", port).at_ms(ms).tls(None, None).payload(900, 4000).build(),
            ])
        };
        let look = |ledger| calls_back(&view_of(&ledger, "203.0.113.4"));
        assert!(look(with("203.0.113.4", Some("pe"), 8080, 9_000)).is_some());
        // A page, the same port, an hour later, a named download server.
        assert!(look(with("203.0.113.4", Some("html"), 8080, 9_000)).is_none());
        assert!(look(with("203.0.113.4", Some("pe"), 80, 9_000)).is_none());
        assert!(look(with("203.0.113.4", Some("pe"), 8080, 3_600_000)).is_none());
        assert!(look(with("get.maker.example", Some("pe"), 443, 9_000)).is_none());
    }

    #[test]
    fn a_dead_drop_just_before() {
        let ledger = ledger([
            flow("198.51.100.6", 443).tls(Some("t.me"), None).payload(400, 9000).build(),
            flow("203.0.113.4", 443).at_ms(2_000).payload(400, 600).build(),
        ]);
        assert!(dead_drop(&view_of(&ledger, "203.0.113.4")).unwrap().strength < 0.9);
        assert!(dead_drop(&view_of(&ledger, "198.51.100.6")).is_none());
        let two = testing::ledger([
            flow("198.51.100.6", 443).tls(Some("t.me"), None).payload(400, 9000).build(),
            flow("198.51.100.7", 443)
                .at_ms(900)
                .tls(Some("steamcommunity.com"), None)
                .payload(400, 9000)
                .build(),
            flow("203.0.113.4", 443).at_ms(2_000).tls(Some("a.example"), None).payload(400, 600).build(),
        ]);
        assert!(dead_drop(&view_of(&two, "203.0.113.4")).unwrap().strength > 0.9);
    }

    #[test]
    fn a_walk_over_dying_names() {
        let fail = |n: i64, name: &str| {
            flow("192.0.2.1", 53)
                .at_ms(n * 800)
                .dns(name, "A", &[])
                .edit(|flow| flow.dns[0].rcode = Some("NXDOMAIN".into()))
                .build()
        };
        let with = |names: &[&str]| {
            let dead = names.iter().zip(1..).map(|(name, n)| fail(n, name));
            let live = flow("203.0.113.4", 443).at_ms(9_000).tls(Some("quay-of-boats.com"), None);
            ledger(dead.chain([live.payload(40_000, 900).build()]))
        };
        let four = ["willow-lamp.com", "copperplum.net", "marshkite.org", "ferrytop.com"];
        assert!(dead_names(&view_of(&with(&four), "203.0.113.4")).unwrap().strength > 0.9);
        assert!(dead_names(&view_of(&with(&four[..2]), "203.0.113.4")).is_none());
        // Names of one owner, and names that are no one's on the Internet.
        let one = ["a.marshkite.org", "b.marshkite.org", "c.marshkite.org"];
        assert!(dead_names(&view_of(&with(&one), "203.0.113.4")).is_none());
        let home = ["wpad.lan", "printer.local", "nas.home", "files.corp"];
        assert!(dead_names(&view_of(&with(&home), "203.0.113.4")).is_none());
    }

    #[test]
    fn an_upload_at_the_end_of_preparations() {
        let with = |name: &str, up| {
            ledger([
                flow("198.51.100.6", 443).tls(Some(name), None).payload(400, 900).build(),
                flow("203.0.113.4", 443)
                    .at_ms(9_000)
                    .tls(Some("quay-of-boats.com"), None)
                    .payload(up, 600)
                    .build(),
            ])
        };
        assert!(sequence(&view_of(&with("api.ipify.org", 90_000), "203.0.113.4")).is_some());
        assert!(sequence(&view_of(&with("polygon-rpc.com", 90_000), "203.0.113.4")).unwrap().strength > 0.9);
        assert!(sequence(&view_of(&with("api.ipify.org", 900), "203.0.113.4")).is_none());
        assert!(sequence(&view_of(&with("t.me", 90_000), "203.0.113.4")).is_none());
        assert!(sequence(&view_of(&with("www.news.example", 90_000), "203.0.113.4")).is_none());
    }

    #[test]
    fn libraries_and_programs() {
        let get = |path| {
            let mut one = request("GET", "203.0.113.4", path, &[], None);
            one.response = Some(Box::new(Body { magic: Some("pe".into()), ..body(90_000) }));
            one
        };
        let ledger = ledger([
            flow("203.0.113.4", 80).http(get("/x/nss3.dll")).http(get("/x/sqlite3.dll")).build(),
            flow("203.0.113.5", 80).at_ms(3000).http(get("/a/picture.png")).build(),
            flow("203.0.113.6", 443).at_ms(9000).payload(90, 60).build(),
        ]);
        assert!(libraries(&view_of(&ledger, "203.0.113.4")).unwrap().strength > 0.9);
        assert!(program(&view_of(&ledger, "203.0.113.4")).is_none());
        assert!(program(&view_of(&ledger, "203.0.113.5")).is_some());
        assert!(disguised(&view_of(&ledger, "203.0.113.5")).is_some());
        assert!(disguised(&view_of(&ledger, "203.0.113.4")).is_none());
        assert!(program_before(&view_of(&ledger, "203.0.113.6")).is_some());
        assert!(program_before(&view_of(&ledger, "203.0.113.4")).is_none());
    }
}
