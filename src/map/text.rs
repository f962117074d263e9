//! The picture in words.

use super::join::{Picture, Server, Victim};
use super::link::Link;
use super::seen::Proof;
use crate::report::Safe;
use std::io::{self, Write};

/// Lines of one list that are shown; the JSON form has all.
const SHOWN: usize = 8;

/// Writes the picture for a reader.
pub fn text(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} servers and {} victims in {} findings of {} captures ({} runs)",
        picture.servers.len(),
        picture.victims.len(),
        picture.findings,
        picture.captures,
        picture.runs
    )?;
    for server in &picture.servers {
        self::server(server, out)?;
    }
    for victim in &picture.victims {
        self::victim(victim, out)?;
    }
    for link in &picture.links {
        self::link(link, out)?;
    }
    for group in &picture.groups {
        let ids = |ids: &std::collections::BTreeSet<String>| {
            shortened(&ids.iter().map(String::as_str).collect::<Vec<_>>())
        };
        writeln!(out, "\n{} {} put together by {}", group.id, ids(&group.servers), ids(&group.links))?;
    }
    Ok(())
}

fn link(link: &Link, out: &mut dyn Write) -> io::Result<()> {
    let servers: Vec<&str> = link.servers.iter().map(String::as_str).collect();
    let about = if link.about.is_empty() { String::new() } else { format!(" ({})", Safe(&link.about)) };
    writeln!(out, "\n{} {} {}{about}", link.id, link.kind, Safe(&link.value))?;
    writeln!(out, "  of {}", shortened(&servers))?;
    proofs(&link.proofs, link.more_proofs, out)
}

fn server(server: &Server, out: &mut dyn Write) -> io::Result<()> {
    let families = named(server.families.iter());
    let families = if families.is_empty() { String::new() } else { format!(" {families}") };
    let group = server.group.as_ref().map(|id| format!(" in {id}")).unwrap_or_default();
    writeln!(out, "\n{} {} ({:.1}){families}{group}", server.id, server.level.name(), server.score)?;
    for place in server.places.iter().take(SHOWN) {
        let why = place.withheld.iter().cloned().collect::<Vec<_>>().join("; ");
        let act = if place.takedown { "to take down".to_owned() } else { format!("not to take down: {why}") };
        writeln!(out, "  {} {}: {} to {}", place.kind, Safe(&place.value), place.first, place.last)?;
        writeln!(out, "    {}", Safe(&act))?;
    }
    rest(server.places.len(), out)?;
    let ports: Vec<String> = server.ports.iter().map(ToString::to_string).collect();
    let kinds: Vec<&str> = server.kinds.iter().map(String::as_str).collect();
    writeln!(out, "  ports {}; {}", ports.join(", "), Safe(&kinds.join(", ")))?;
    let victims: Vec<&str> = server.victims.iter().map(String::as_str).collect();
    writeln!(out, "  victims {}", shortened(&victims))?;
    proofs(&server.proofs, server.more_proofs, out)
}

fn victim(victim: &Victim, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<&str> = victim.names.iter().chain(&victim.users).map(String::as_str).collect();
    let names = if names.is_empty() { String::new() } else { format!(" {}", names.join(", ")) };
    let servers: Vec<&str> = victim.servers.iter().map(String::as_str).collect();
    writeln!(out, "\n{} {}{}, {}", victim.id, victim.addr, Safe(&names), victim.level.name())?;
    writeln!(out, "  lost to {}, {} to {}", shortened(&servers), victim.first, victim.last)?;
    let taken = named(victim.taken.iter());
    if !taken.is_empty() {
        writeln!(out, "  taken {}", Safe(&taken))?;
    }
    proofs(&victim.proofs, victim.more_proofs, out)
}

fn proofs(proofs: &[Proof], more: u64, out: &mut dyn Write) -> io::Result<()> {
    for proof in proofs.iter().take(SHOWN) {
        let frames: Vec<String> = proof.frames.iter().take(SHOWN).map(|&(a, b)| range(a, b)).collect();
        let dots = if proof.frames.len() > SHOWN { ", ..." } else { "" };
        writeln!(out, "  {} {}: {}", proof.finding, proof.level.name(), Safe(&proof.title))?;
        writeln!(out, "    {} frames {}{dots}", Safe(&proof.capture), frames.join(", "))?;
    }
    rest(proofs.len().saturating_add(usize::try_from(more).unwrap_or(usize::MAX)), out)
}

fn rest(all: usize, out: &mut dyn Write) -> io::Result<()> {
    if all > SHOWN { writeln!(out, "  and {} more", all - SHOWN) } else { Ok(()) }
}

/// A range of frames: `7` or `7-9`.
pub fn range(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn named<'a>(counts: impl Iterator<Item = (&'a String, &'a u64)>) -> String {
    counts.map(|(name, n)| format!("{} {n}", Safe(name))).collect::<Vec<_>>().join(", ")
}

fn shortened(ids: &[&str]) -> String {
    let shown = ids.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if ids.len() > SHOWN { format!("{shown} and {} more", ids.len() - SHOWN) } else { shown }
}
