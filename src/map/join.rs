//! Joins the findings of all runs to servers and victims.

use super::link::{Group, Link, groups, links};
use super::place::{Key, Place, places};
use super::run::Run;
use super::seen::{Identity, Ids, OWN, Proof, Seen, Sets, capture_key, captures_of, identity, once, proofs};
use crate::detect::finding::Level;
use crate::detect::{Services, private};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Proofs kept for one server or victim; the strongest come first.
const MAX_PROOFS: usize = 64;

/// Servers and victims, and who lost what to whom.
#[derive(Debug, Default, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Picture {
    /// Name and version of its schema: `exfilscan/map/1`.
    pub schema: String,
    /// Runs that were joined.
    pub runs: u64,
    /// Captures behind them, each once.
    pub captures: u64,
    /// Findings behind them, each once.
    pub findings: u64,
    /// The worst first, then by first sight.
    pub servers: Vec<Server>,
    /// Those with most servers first, then by first sight.
    pub victims: Vec<Victim>,
    /// What several servers have in common.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Servers that links put together: of one owner, or of one set-up of one program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// Name and version of the picture's schema.
pub const SCHEMA: &str = "exfilscan/map/1";

/// A server: addresses and names that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Server {
    /// `s1`, `s2`, ...: its place in the list.
    pub id: String,
    /// The group it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The highest level of a finding.
    pub level: Level,
    /// The highest score of a finding, in decibans.
    pub score: f64,
    /// Addresses, names and mailboxes, each with when it was seen.
    pub places: Vec<Place>,
    /// Ports.
    pub ports: BTreeSet<u16>,
    /// Families named, with how many findings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub families: BTreeMap<String, u64>,
    /// What it did: `exfiltration`, `c2`, ...
    pub kinds: BTreeSet<String>,
    /// Ids of the victims.
    pub victims: BTreeSet<String>,
    /// First packet of a finding.
    pub first: Timestamp,
    /// Last packet of a finding.
    pub last: Timestamp,
    /// Captures it was seen in.
    pub captures: u64,
    /// What it or its address is known as, where others use it: a messenger, a file host, a private address.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub shared: BTreeSet<String>,
    /// What says so.
    pub proofs: Vec<Proof>,
    /// Proofs beyond the bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_proofs: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
pub(super) const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Server {
    /// What it is called: the name seen most, else the address seen most.
    pub fn label(&self) -> &str {
        let most = |kind: &str| {
            let of_kind = self.places.iter().filter(|place| place.kind == kind);
            of_kind.reduce(|best, place| if place.findings > best.findings { place } else { best })
        };
        most("name").or_else(|| most("addr")).map_or("", |place| &place.value)
    }

    /// The family that most findings name, the first by name of several.
    pub fn family(&self) -> Option<&str> {
        let best = self.families.iter().reduce(|best, own| if own.1 > best.1 { own } else { best });
        best.map(|(name, _)| name.as_str())
    }
}

/// A victim.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Victim {
    /// `v1`, `v2`, ...: its place in the list.
    pub id: String,
    /// Address. A private one is told apart by link-layer address, name or capture.
    pub addr: IpAddr,
    /// Link-layer address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Host names.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
    /// User names.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<String>,
    /// The highest level of a finding.
    pub level: Level,
    /// Ids of the servers.
    pub servers: BTreeSet<String>,
    /// What was taken, by category.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: BTreeMap<String, u64>,
    /// First packet of a finding.
    pub first: Timestamp,
    /// Last packet of a finding.
    pub last: Timestamp,
    /// Captures it was seen in.
    pub captures: u64,
    /// What says so.
    pub proofs: Vec<Proof>,
    /// Proofs beyond the bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_proofs: u64,
}

/// Joins the findings of runs. The order of the runs does not matter. Findings that several runs have (the same id in
/// the same capture) count once. Memory and time are proportional to findings, times a logarithm.
pub fn picture(runs: &[Run], services: &Services) -> Picture {
    let seen = once(runs);
    let mut servers: Vec<(Server, Vec<usize>)> =
        same(&seen, services).into_iter().map(|members| (server(&members, &seen), members)).collect();
    let least = |members: &[usize]| members.first().map(|&member| &seen[member].sighting.id);
    servers.sort_by(|(a, of_a), (b, of_b)| {
        (b.level.cmp(&a.level))
            .then(b.score.total_cmp(&a.score))
            .then(a.first.cmp(&b.first))
            .then_with(|| least(of_a).cmp(&least(of_b)))
    });
    let mut ids = Ids { server: vec![String::new(); seen.len()], victim: Vec::new() };
    let mut server_at = vec![0; seen.len()];
    for (at, (server, members)) in servers.iter_mut().enumerate() {
        server.id = format!("s{}", at + 1);
        for &member in &*members {
            ids.server[member].clone_from(&server.id);
            server_at[member] = at;
        }
    }
    let victims = victims(&seen, &mut ids);
    let servers = servers.into_iter().map(|(mut server, members)| {
        server.victims = members.iter().map(|&member| ids.victim[member].clone()).collect();
        (server.proofs, server.more_proofs) = proofs(&members, &seen, &ids, MAX_PROOFS);
        server.places = places(&members, &seen, &ids, services);
        server.shared = server.places.iter().flat_map(|place| place.known_as.iter().cloned()).collect();
        server
    });
    let mut servers: Vec<Server> = servers.collect();
    let links = links(&seen, &ids, &server_at);
    let groups = groups(&mut servers, &links);
    let captures: BTreeSet<_> = runs.iter().flat_map(|run| &run.captures).map(capture_key).collect();
    Picture {
        schema: SCHEMA.to_owned(),
        runs: runs.len() as u64,
        captures: captures.len() as u64,
        findings: seen.len() as u64,
        servers,
        victims,
        links,
        groups,
    }
}

/// Roles of a name that many unrelated people use.
pub(super) fn roles<'a>(name: &'a str, services: &'a Services) -> impl Iterator<Item = &'a str> {
    // A name below a dynamic DNS or tunnel service is its customer's own.
    services.roles(name).filter(|role| !OWN.contains(role))
}

/// Indices of the findings of one server each: joined by addresses, and by names that are nobody else's.
fn same(seen: &[Seen<'_>], services: &Services) -> Vec<Vec<usize>> {
    let mut sets = Sets::new(seen.len());
    let mut first: BTreeMap<Key, usize> = BTreeMap::new();
    for (at, one) in seen.iter().enumerate() {
        let service = &one.sighting.server;
        let known = service.roles.iter().any(|role| !OWN.contains(&role.as_str()));
        let shared = known || service.names.iter().any(|name| roles(name, services).next().is_some());
        // Behind the address of a messenger or a file host is more than one service.
        let addrs =
            service.addrs.iter().filter(|addr| !shared && !private(**addr)).map(|addr| Key::Addr(*addr));
        let names = service.names.iter().map(|name| Key::Name(name.to_ascii_lowercase()));
        for key in addrs.chain(names) {
            let other = *first.entry(key).or_insert(at);
            sets.join(at, other);
        }
    }
    sets.list()
}

fn server(members: &[usize], seen: &[Seen<'_>]) -> Server {
    let mut own = Server {
        id: String::new(),
        group: None,
        level: Level::Low,
        score: f64::MIN,
        places: Vec::new(),
        ports: BTreeSet::new(),
        families: BTreeMap::new(),
        kinds: BTreeSet::new(),
        victims: BTreeSet::new(),
        first: Timestamp(i64::MAX),
        last: Timestamp(i64::MIN),
        captures: captures_of(members, seen),
        shared: BTreeSet::new(),
        proofs: Vec::new(),
        more_proofs: 0,
    };
    for sighting in members.iter().map(|&member| seen[member].sighting) {
        own.level = own.level.max(sighting.level);
        own.score = own.score.max(sighting.score);
        (own.first, own.last) = (own.first.min(sighting.first), own.last.max(sighting.last));
        own.ports.extend(&sighting.server.ports);
        own.kinds.extend(sighting.kinds.iter().cloned());
        if let Some(family) = &sighting.family {
            *own.families.entry(family.name.clone()).or_default() += 1;
        }
    }
    own
}

/// The victims; notes the id of each finding's.
fn victims(seen: &[Seen<'_>], ids: &mut Ids) -> Vec<Victim> {
    let mut found: BTreeMap<Identity, Vec<usize>> = BTreeMap::new();
    for (at, one) in seen.iter().enumerate() {
        found.entry(identity(one)).or_default().push(at);
    }
    let mut list: Vec<(Victim, Vec<usize>)> =
        found.into_values().map(|members| (victim(&members, seen, ids), members)).collect();
    list.sort_by(|(a, of_a), (b, of_b)| {
        (b.servers.len().cmp(&a.servers.len()))
            .then(a.first.cmp(&b.first))
            .then(a.addr.cmp(&b.addr))
            .then(of_a.cmp(of_b))
    });
    ids.victim = vec![String::new(); seen.len()];
    for (at, (victim, members)) in list.iter_mut().enumerate() {
        victim.id = format!("v{}", at + 1);
        for &member in &*members {
            ids.victim[member].clone_from(&victim.id);
        }
    }
    let with_proofs = list.into_iter().map(|(mut victim, members)| {
        (victim.proofs, victim.more_proofs) = proofs(&members, seen, ids, MAX_PROOFS);
        victim
    });
    with_proofs.collect()
}

fn victim(members: &[usize], seen: &[Seen<'_>], ids: &Ids) -> Victim {
    let first = seen[members[0]].sighting;
    let mut own = Victim {
        id: String::new(),
        addr: first.victim.addr,
        mac: None,
        names: BTreeSet::new(),
        users: BTreeSet::new(),
        level: Level::Low,
        servers: BTreeSet::new(),
        taken: BTreeMap::new(),
        first: first.first,
        last: first.last,
        captures: captures_of(members, seen),
        proofs: Vec::new(),
        more_proofs: 0,
    };
    for &member in members {
        let sighting = seen[member].sighting;
        own.mac = own.mac.take().or_else(|| sighting.victim.mac.clone());
        own.names.extend(sighting.victim.names.iter().cloned());
        own.users.extend(sighting.victim.users.iter().cloned());
        own.level = own.level.max(sighting.level);
        own.servers.insert(ids.server[member].clone());
        (own.first, own.last) = (own.first.min(sighting.first), own.last.max(sighting.last));
        for (category, n) in sighting.loot.iter().flat_map(|loot| &loot.categories) {
            *own.taken.entry(category.clone()).or_default() += n;
        }
    }
    own
}
