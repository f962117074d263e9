//! What happens to a capture without changing what happened on the network does not change the verdict.

mod common;

#[path = "common/inside.rs"]
mod inside;
#[path = "common/wire.rs"]
mod wire;

use common::{capture, cases, innocent};
use exfilscan::detect::finding::{Finding, Level};
use std::collections::BTreeSet;
use wire::{Dice, Frame};

/// A finding as far as it must stay: victim, server, family, level.
type Brief = (String, String, String, Level);

/// The findings that alarm.
fn verdict(frames: &[Frame]) -> BTreeSet<Brief> {
    let folder = tempfile::tempdir().expect("a folder");
    let extracted = inside::extract(folder.path(), &wire::pcapng(frames));
    let brief = |finding: &Finding| {
        // Addresses and names stand in the order of their first use.
        let (mut addrs, mut names) = (finding.server.addrs.clone(), finding.server.names.clone());
        addrs.sort();
        names.sort();
        let server = format!("{addrs:?} {names:?} {:?}", finding.server.ports);
        let family = finding.family.as_ref().map(|family| family.name.clone()).unwrap_or_default();
        (finding.victim.addr.to_string(), server, family, finding.level)
    };
    let found = inside::judge(extracted.records).findings;
    found.iter().filter(|finding| finding.level >= Level::Medium).map(brief).collect()
}

/// Changes every case and compares.
fn relation(name: &str, change: impl Fn(Vec<Frame>) -> Vec<Frame>) {
    let mut changed = Vec::new();
    let (mut thieves, mut touched) = (0, 0);
    // Days hold thieves that have a case of their own; they would double the time and show nothing else.
    for case in cases().into_iter().filter(|case| !case.starts_with("day-")) {
        let frames = wire::frames(&capture(&case));
        let before = verdict(&frames);
        if innocent(&case) {
            assert!(before.is_empty(), "{case}: {before:#?}");
        }
        let other = change(frames.clone());
        thieves += usize::from(!before.is_empty());
        touched += usize::from(other != frames);
        let after = verdict(&other);
        if before != after {
            changed.push(format!("{case}: {before:#?} became {after:#?}"));
        }
    }
    // Else the test would say nothing.
    assert!(
        thieves >= 40 && (touched >= 60 || name == AGAIN),
        "{name}: {thieves} with findings, {touched} changed"
    );
    assert!(changed.is_empty(), "{name}: {} cases\n{}", changed.len(), changed.join("\n"));
}

/// The change that is none.
const AGAIN: &str = "written again";

#[test]
fn writing_it_again() {
    relation(AGAIN, |frames| frames);
}

#[test]
fn duplicates() {
    relation("every packet twice", |frames| {
        frames
            .into_iter()
            .flat_map(|frame| {
                let again = Frame { nanos: frame.nanos + 500, ..frame.clone() };
                [frame, again]
            })
            .collect()
    });
}

#[test]
fn smaller_segments() {
    relation("segments of 536 bytes", |frames| frames.iter().flat_map(|frame| frame.split(536)).collect());
}

#[test]
fn odd_segments() {
    relation("segments of 97 bytes", |frames| frames.iter().flat_map(|frame| frame.split(97)).collect());
}

#[test]
fn vlans() {
    relation("in a VLAN", |frames| frames.iter().map(|frame| frame.vlan(7)).collect());
}

#[test]
fn gre_tunnels() {
    relation("in GRE", |frames| frames.iter().map(Frame::gre).collect());
}

#[test]
fn vxlan_tunnels() {
    relation("in VXLAN", |frames| frames.iter().map(Frame::vxlan).collect());
}

/// The capture point sees both sides of a switch: every packet once bare and once in its VLAN.
#[test]
fn seen_at_two_places() {
    relation("bare and in a VLAN", |frames| {
        frames
            .iter()
            .flat_map(|frame| [frame.clone(), Frame { nanos: frame.nanos + 500, ..frame.vlan(7) }])
            .collect()
    });
}

#[test]
fn another_day() {
    // A year and some hours: nothing depends on the date.
    const SHIFT: i64 = (365 * 24 + 7) * 3_600_000_000_000 + 123_456_789;
    relation("a year later", |mut frames| {
        for frame in &mut frames {
            frame.nanos += SHIFT;
        }
        frames
    });
}

/// Packets that are at most this far apart may change places: what queues of a network card and two ways through a
/// network do.
const NEAR: i64 = 2_000_000;

#[test]
fn small_disorder() {
    relation("neighbours change places", |mut frames| {
        let mut dice = Dice::new(7);
        let mut at = 0;
        while at + 1 < frames.len() {
            let (one, two) = (frames[at].nanos, frames[at + 1].nanos);
            // A question and its answer stay in order: no network and no queue delivers an effect before its cause, and
            // whoever is told so sees other turns.
            let turned =
                frames[at].ends().is_some_and(|(from, to)| frames[at + 1].ends() == Some((to, from)));
            if (two - one).abs() <= NEAR && !turned && dice.below(2) == 0 {
                // The clock of the capture goes on; the packets come in another order.
                frames.swap(at, at + 1);
                (frames[at].nanos, frames[at + 1].nanos) = (one, two);
                at += 1;
            }
            at += 1;
        }
        frames
    });
}

/// An innocent capture of other hosts, moved so that it begins at `start`.
fn others(case: &str, start: i64) -> Vec<Frame> {
    let frames = wire::frames(&capture(case));
    let first = frames.first().map_or(0, |frame| frame.nanos);
    frames
        .into_iter()
        .map(|frame| Frame { nanos: frame.nanos - first + start, ..frame }.elsewhere())
        .collect()
}

/// Innocent captures that are put before and behind.
const UNRELATED: [&str; 3] = ["benign-chat", "real-benign-apt", "real-benign-mail"];

#[test]
fn unrelated_traffic_before() {
    relation("other traffic before", |frames| {
        let start = frames.first().map_or(0, |frame| frame.nanos);
        let mut all: Vec<Frame> =
            UNRELATED.iter().flat_map(|case| others(case, start - 3_600_000_000_000)).collect();
        all.sort_by_key(|frame| frame.nanos);
        all.retain(|frame| frame.nanos < start);
        all.extend(frames);
        all
    });
}

#[test]
fn unrelated_traffic_behind() {
    relation("other traffic behind", |mut frames| {
        let end = frames.last().map_or(0, |frame| frame.nanos);
        let mut all: Vec<Frame> =
            UNRELATED.iter().flat_map(|case| others(case, end + 1_000_000_000)).collect();
        all.sort_by_key(|frame| frame.nanos);
        frames.extend(all);
        frames
    });
}

#[test]
fn unrelated_traffic_among() {
    relation("other traffic at the same time", |mut frames| {
        let start = frames.first().map_or(0, |frame| frame.nanos);
        frames.extend(UNRELATED.iter().flat_map(|case| others(case, start)));
        frames.sort_by_key(|frame| frame.nanos);
        frames
    });
}
