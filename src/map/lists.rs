//! Two lists to act on: what to take down, and whom to tell.
//!
//! Both are CSV (RFC 4180) with a header line. Cells are safe in spreadsheets: what would be taken for a formula has an
//! apostrophe in front, and nothing in them steers a terminal.

use super::join::{Picture, Place, Proof, Server};
use super::text::range;
use crate::detect::finding::Level;
use crate::report::Safe;
use std::io::{self, Write};

/// The least level at which a server is listed: what is lower is no ground for a measure against anyone.
const LEAST: Level = Level::High;

/// Findings and captures named in one line.
const NAMED: usize = 8;

/// Addresses and names of servers, one a line, the worst first. Those that serve others as well (messengers, file hosts,
/// well-known services), that are private, or that no finding of `high` or above names come with `no` in the column
/// `list` and the reason: they are there to be known, not to be taken down. `defang` writes `203[.]0[.]113[.]4`.
pub fn takedown(picture: &Picture, defang: bool, out: &mut dyn Write) -> io::Result<()> {
    let header = [
        "list",
        "kind",
        "value",
        "level",
        "score",
        "families",
        "ports",
        "first",
        "last",
        "victims",
        "also_there",
    ];
    line(header.into_iter().chain(["reason", "findings", "captures"]).map(str::to_owned), out)?;
    for server in &picture.servers {
        for place in &server.places {
            let why = reason(server, place);
            let others = server.places.iter().filter(|other| other.value != place.value);
            let others = others.take(NAMED).map(|other| shown(&other.value, defang));
            let cells = [
                if why.is_none() { "yes" } else { "no" }.to_owned(),
                place.kind.clone(),
                shown(&place.value, defang),
                server.level.name().to_owned(),
                format!("{:.1}", server.score),
                joined(server.families.keys().cloned()),
                joined(server.ports.iter().map(ToString::to_string)),
                place.first.to_string(),
                place.last.to_string(),
                server.victims.len().to_string(),
                joined(others),
                why.unwrap_or_default(),
                joined(findings(&server.proofs)),
                joined(captures(&server.proofs)),
            ];
            line(cells, out)?;
        }
    }
    Ok(())
}

/// Why a place is not one to take down.
fn reason(server: &Server, place: &Place) -> Option<String> {
    let known: Vec<&str> = place.known_as.iter().map(String::as_str).collect();
    if !known.is_empty() {
        return Some(format!("known as {}: others use it", known.join(", ")));
    }
    let shared: Vec<&str> = server.shared.iter().map(String::as_str).collect();
    if !shared.is_empty() {
        return Some(format!("reached under a name that is known as {}", shared.join(", ")));
    }
    (server.level < LEAST).then(|| format!("no finding above {}", server.level.name()))
}

/// Victims, one a line: whom to notify and of what.
pub fn victims(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    let header = [
        "addr", "mac", "names", "users", "level", "first", "last", "taken", "servers", "findings", "captures",
    ];
    line(header.map(str::to_owned), out)?;
    for victim in &picture.victims {
        let cells = [
            victim.addr.to_string(),
            victim.mac.clone().unwrap_or_default(),
            joined(victim.names.iter().cloned()),
            joined(victim.users.iter().cloned()),
            victim.level.name().to_owned(),
            victim.first.to_string(),
            victim.last.to_string(),
            joined(victim.taken.iter().map(|(what, n)| format!("{what} {n}"))),
            joined(victim.servers.iter().cloned()),
            joined(findings(&victim.proofs)),
            joined(captures(&victim.proofs)),
        ];
        line(cells, out)?;
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
    if defang { value.replace('.', "[.]").replace(':', "[:]") } else { value.to_owned() }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

fn line(cells: impl IntoIterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<String> = cells.into_iter().map(|text| cell(&text)).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// A cell: nothing in it steers, is a formula, or ends it early.
fn cell(text: &str) -> String {
    let text = Safe(text).to_string();
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text };
    if text.contains([',', '"', '\'', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
