//! The picture in words.

use super::join::{Picture, Proof, Server, Victim};
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
    Ok(())
}

fn server(server: &Server, out: &mut dyn Write) -> io::Result<()> {
    let families = named(server.families.iter());
    let families = if families.is_empty() { String::new() } else { format!(" {families}") };
    writeln!(out, "\n{} {} ({:.1}){families}", server.id, server.level.name(), server.score)?;
    for place in server.places.iter().take(SHOWN) {
        let known = place.known_as.iter().cloned().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { known } else { format!(" ({})", Safe(&known)) };
        writeln!(out, "  {} {}{known}: {} to {}", place.kind, Safe(&place.value), place.first, place.last)?;
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
