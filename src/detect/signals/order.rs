//! What came shortly before: look-ups, dead drops, libraries, programs.

use super::{Needs, Signal, View, count};
use crate::detect::evidence::Statement;
use crate::detect::finding::Kind;
use crate::detect::ledger::{Event, EventKind};
use crate::record::Flow;
use crate::time::{Duration, Timestamp};
use std::collections::BTreeSet;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "lookup-before", needs: Needs::EVENTS, look: lookup },
    Signal { name: "dead-drop-before", needs: Needs::EVENTS, look: dead_drop },
    Signal { name: "libraries-before", needs: Needs::EVENTS, look: libraries },
    Signal { name: "program-from-same", needs: Needs::EVENTS, look: program },
    Signal { name: "disguised-program", needs: Needs::EVENTS, look: disguised },
    Signal { name: "program-before", needs: Needs::EVENTS, look: program_before },
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
/// Least that is called an upload here, in bytes.
const MIN_UPLOAD: u64 = 2_000;

/// The moments at which something may follow from what was before: first contact, and each upload.
fn moments<'a>(view: &View<'a>) -> Vec<(Timestamp, usize, &'a Flow)> {
    let mut moments: Vec<_> = view.flows().take(1).map(|(index, flow)| (flow.start, index, flow)).collect();
    let ups = view.flows().filter(|(_, flow)| {
        flow.payload.to_server >= MIN_UPLOAD && flow.payload.to_server > flow.payload.to_client
    });
    moments.extend(ups.take(256).map(|(index, flow)| (flow.start, index, flow)));
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
    let found = moments(view).into_iter().find_map(|(moment, index, flow)| {
        view.before(EventKind::Lookup, moment, LOOKUP).map(|event| (event, moment, index, flow))
    });
    let (event, moment, index, flow) = found?;
    let gap = moment.since(event.time).as_secs_f64();
    let why = format!("asked {} for the public address {gap:.0} s before", event.what);
    let strength = if gap <= 40.0 { 1.0 } else { 0.7 };
    Some(cite(view, view.say(strength, why), event).at(index, flow, flow.frames.first, flow.start))
}

/// The first contact with a service that nothing else explains follows a page where such addresses are left.
fn dead_drop(view: &View<'_>) -> Option<Statement> {
    let service = &view.channel.service;
    if service.is("dead-drop") || view.known() {
        return None;
    }
    let event = view.before(EventKind::DeadDrop, view.channel.first, DROP)?;
    let (index, flow) = view.flows().next()?;
    let gap = view.channel.first.since(event.time).as_secs_f64();
    let why = format!("first contact {gap:.0} s after a page of {}", event.what);
    let strength = if service.bare() { 1.0 } else { 0.5 };
    let mut statement =
        cite(view, view.say(strength, why), event).at(index, flow, flow.frames.first, flow.start);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// Libraries that open browser stores came from this service.
fn libraries(view: &View<'_>) -> Option<Statement> {
    let own: Vec<&Event> =
        view.host.timeline.iter().filter(|e| e.kind == EventKind::Library && e.channel == view.ix).collect();
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
    moments(view).into_iter().skip(1).find_map(|(moment, index, flow)| {
        let event = view.before(EventKind::Library, moment, LIBRARIES)?;
        let why = format!("{} was fetched elsewhere before the upload", event.what);
        Some(cite(view, view.say(0.6, why), event).at(index, flow, flow.frames.first, flow.start))
    })
}

/// Programs fetched from this service.
fn programs<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Event> + use<'a> {
    let ix = view.ix;
    view.host.timeline.iter().filter(move |event| event.kind == EventKind::Program && event.channel == ix)
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
    let event = view.recent(moment, PROGRAM).find(|event| {
        event.kind == EventKind::Program
            && event.channel != view.ix
            && !view.ledger.channel(event.channel).service.is("ordinary")
    })?;
    let (index, flow) = view.flows().next()?;
    let gap = moment.since(event.time).as_secs_f64();
    let why = format!("first contact {gap:.0} s after the program {} was fetched", event.what);
    Some(cite(view, view.say(1.0, why), event).at(index, flow, flow.frames.first, flow.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, request, view_of};
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
    fn a_dead_drop_just_before() {
        let ledger = ledger([
            flow("198.51.100.6", 443).tls(Some("t.me"), None).payload(400, 9000).build(),
            flow("203.0.113.4", 443).at_ms(2_000).payload(400, 600).build(),
        ]);
        assert!(dead_drop(&view_of(&ledger, "203.0.113.4")).unwrap().strength > 0.9);
        assert!(dead_drop(&view_of(&ledger, "198.51.100.6")).is_none());
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
