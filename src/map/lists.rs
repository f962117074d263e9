//! Two lists to act on: what to take down, and whom to tell.
//!
//! Both are CSV (RFC 4180) with a header line, in the manner of the `csv` format: nothing in a cell steers a terminal, is
//! a formula, or ends it early.

use super::join::{Picture, Server};
use super::place::Place;
use super::seen::Proof;
use super::text::range;
use crate::report::{Cell, write_row};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Findings and captures named in one line.
const NAMED: usize = 8;

/// Addresses, names and mailboxes of servers, one a line, the worst first, each with its own level and proofs. What
/// others use as well (messengers, file hosts, mail servers, addresses reached by name), what may be a decoy, what the
/// server does not confirm, what is private, and what no finding of `high` or above names come with `no` in the column
/// `list` and the reason: they are there to be known, not to be taken down. `defang` writes `203[.]0[.]113[.]4`.
pub fn takedown(picture: &Picture, defang: bool, out: &mut dyn Write) -> io::Result<()> {
    let header = [
        "list",
        "kind",
        "value",
        "level",
        "score",
        "server",
        "group",
        "families",
        "ports",
        "first",
        "last",
        "victims",
        "seen_in_captures",
        "also_there",
        "known_as",
        "reason",
        "findings",
        "captures",
    ];
    write!(out, "{}\r\n", header.join(","))?;
    for server in &picture.servers {
        for place in &server.places {
            write_row(&row(server, place, defang), out)?;
        }
    }
    Ok(())
}

fn row(server: &Server, place: &Place, defang: bool) -> [Cell; 18] {
    let others = server.places.iter().filter(|other| other.value != place.value);
    let victims: BTreeSet<&str> = place.proofs.iter().map(|proof| proof.victim.as_str()).collect();
    [
        Cell::text(if place.takedown { "yes" } else { "no" }),
        Cell::text(&place.kind),
        Cell::text(&shown(&place.value, defang)),
        Cell::text(place.level.name()),
        Cell::figure(&format!("{:.1}", place.score)),
        Cell::text(&server.id),
        Cell::text(server.group.as_deref().unwrap_or("")),
        Cell::list(server.families.keys()),
        Cell::list(&server.ports),
        Cell::text(&place.first.to_string()),
        Cell::text(&place.last.to_string()),
        Cell::list(victims),
        Cell::figure(&place.captures),
        Cell::list(others.take(NAMED).map(|other| shown(&other.value, defang))),
        Cell::list(&place.known_as),
        Cell::list(&place.withheld),
        Cell::list(findings(&place.proofs)),
        Cell::list(captures(&place.proofs)),
    ]
}

/// Victims, one a line: whom to notify and of what.
pub fn victims(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    let header = [
        "victim",
        "addr",
        "mac",
        "names",
        "users",
        "level",
        "first",
        "last",
        "taken",
        "servers",
        "seen_in_captures",
        "findings",
        "captures",
    ];
    write!(out, "{}\r\n", header.join(","))?;
    for victim in &picture.victims {
        let cells = [
            Cell::text(&victim.id),
            Cell::text(&victim.addr.to_string()),
            Cell::text(victim.mac.as_deref().unwrap_or("")),
            Cell::list(&victim.names),
            Cell::list(&victim.users),
            Cell::text(victim.level.name()),
            Cell::text(&victim.first.to_string()),
            Cell::text(&victim.last.to_string()),
            Cell::list(victim.taken.iter().map(|(what, n)| format!("{what} {n}"))),
            Cell::list(&victim.servers),
            Cell::figure(&victim.captures),
            Cell::list(findings(&victim.proofs)),
            Cell::list(captures(&victim.proofs)),
        ];
        write_row(&cells, out)?;
    }
    Ok(())
}

fn findings(proofs: &[Proof]) -> impl Iterator<Item = String> {
    let mut ids: Vec<String> = proofs.iter().map(|proof| proof.finding.clone()).collect();
    ids.dedup();
    ids.truncate(NAMED);
    ids.into_iter()
}

/// Captures with the frames: SHA-256 where it is known, else the path.
fn captures(proofs: &[Proof]) -> impl Iterator<Item = String> {
    proofs.iter().take(NAMED).map(|proof| {
        let capture = if proof.sha256.is_empty() { &proof.capture } else { &proof.sha256 };
        let frames: Vec<String> = proof.frames.iter().take(NAMED).map(|&(a, b)| range(a, b)).collect();
        format!("{capture} frames {}", frames.join(","))
    })
}

fn shown(value: &str, defang: bool) -> String {
    if defang { value.replace('.', "[.]").replace(':', "[:]").replace('@', "[@]") } else { value.to_owned() }
}
