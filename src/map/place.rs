//! Addresses, names and mailboxes of a server, and which of them are the thief's alone.

use super::join::{is_zero, roles};
use super::seen::{Ids, Proof, Seen, captures_of, is_mail, proofs};
use crate::detect::finding::Level;
use crate::detect::{Services, private};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Proofs kept for one place; the strongest come first.
const MAX_PROOFS: usize = 16;

/// What makes two sightings of a service one server, and what is listed of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Addr(IpAddr),
    Name(String),
    /// Where loot was left: of the thief, on a server of others. Joins nothing by itself.
    Mailbox(String),
}

/// An address, a name or a mailbox.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Place {
    /// `addr`, `name` or `mailbox`.
    pub kind: String,
    /// The address, the name or the mailbox.
    pub value: String,
    /// The highest level of a finding with it.
    pub level: Level,
    /// The highest score of a finding with it, in decibans.
    pub score: f64,
    /// First packet of a finding with it.
    pub first: Timestamp,
    /// Last packet of a finding with it.
    pub last: Timestamp,
    /// Findings with it.
    pub findings: u64,
    /// Captures with it.
    pub captures: u64,
    /// What the name or address is known as: its operator serves others as well.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub known_as: BTreeSet<String>,
    /// It is the thief's alone, as far as the captures show: ground for a measure, after a look at the proofs.
    pub takedown: bool,
    /// Why it is not, in the words of what stands against it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub withheld: BTreeSet<String>,
    /// What says so.
    pub proofs: Vec<Proof>,
    /// Proofs beyond the bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_proofs: u64,
}

/// The places of a server.
pub(super) fn places(members: &[usize], seen: &[Seen<'_>], ids: &Ids, services: &Services) -> Vec<Place> {
    let mut found: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for &member in members {
        let service = &seen[member].sighting.server;
        let addrs = service.addrs.iter().map(|addr| Key::Addr(*addr));
        let names = service.names.iter().map(|name| Key::Name(name.to_ascii_lowercase()));
        let boxes =
            seen[member].blockable.mailboxes.iter().map(|name| Key::Mailbox(name.to_ascii_lowercase()));
        let own: BTreeSet<Key> = addrs.chain(names).chain(boxes).collect();
        for key in own {
            found.entry(key).or_default().push(member);
        }
    }
    found.into_iter().map(|(key, members)| place(&key, &members, seen, ids, services)).collect()
}

fn place(key: &Key, members: &[usize], seen: &[Seen<'_>], ids: &Ids, services: &Services) -> Place {
    let (kind, value) = match key {
        Key::Addr(addr) => ("addr", addr.to_string()),
        Key::Name(name) => ("name", name.clone()),
        Key::Mailbox(name) => ("mailbox", name.clone()),
    };
    let sightings = || members.iter().map(|&member| seen[member].sighting);
    let mut known_as: BTreeSet<String> = BTreeSet::new();
    match key {
        Key::Name(name) => known_as.extend(roles(name, services).map(str::to_owned)),
        Key::Addr(addr) if private(*addr) => known_as.extend(["private-address".to_owned()]),
        Key::Addr(_) | Key::Mailbox(_) => {}
    }
    // Mail goes through servers of many, or of somebody whose password was stolen before.
    if !matches!(key, Key::Mailbox(_)) && sightings().any(|sighting| is_mail(&sighting.server)) {
        known_as.insert("mail-server".to_owned());
    }
    let withheld = withheld(key, members, seen, &known_as);
    let (proofs, more_proofs) = proofs(members, seen, ids, MAX_PROOFS);
    Place {
        kind: kind.to_owned(),
        value,
        level: sightings().map(|sighting| sighting.level).max().unwrap_or(Level::Low),
        score: sightings().map(|sighting| sighting.score).fold(f64::MIN, f64::max),
        first: sightings().map(|sighting| sighting.first).min().unwrap_or_default(),
        last: sightings().map(|sighting| sighting.last).max().unwrap_or_default(),
        findings: members.len() as u64,
        captures: captures_of(members, seen),
        known_as,
        takedown: withheld.is_empty(),
        withheld,
        proofs,
        more_proofs,
    }
}

/// What stands against acting on a place. One finding must allow it, and none may say that others use it: what one
/// capture shows of a server holds for the others as well.
fn withheld(
    key: &Key,
    members: &[usize],
    seen: &[Seen<'_>],
    known_as: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut why: BTreeSet<String> =
        known_as.iter().map(|known| format!("known as {known}: others use it")).collect();
    let allowed = |one: &Seen<'_>| match key {
        Key::Addr(addr) => one.blockable.addrs.contains(addr),
        Key::Name(name) => one.blockable.names.iter().any(|own| own.eq_ignore_ascii_case(name)),
        Key::Mailbox(name) => one.blockable.mailboxes.iter().any(|own| own.eq_ignore_ascii_case(name)),
    };
    let of_members = || members.iter().map(|&member| &seen[member]);
    if !matches!(key, Key::Mailbox(_)) {
        why.extend(of_members().filter_map(|one| one.shared.clone()));
    }
    if matches!(key, Key::Addr(_)) && of_members().any(|one| !one.sighting.server.names.is_empty()) {
        why.insert("reached by name: others may live there".to_owned());
    }
    if why.is_empty() && !of_members().any(allowed) {
        let nothing = of_members().filter(|one| one.blockable.is_empty());
        why.extend(nothing.filter_map(|one| one.blockable.withheld.clone()));
        if why.is_empty() {
            why.insert("not a name that one owner has".to_owned());
        }
    }
    why
}
