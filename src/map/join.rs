//! Joins the findings of all runs.

use super::run::{Run, Sighting};
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
}

/// Name and version of the picture's schema.
pub const SCHEMA: &str = "exfilscan/map/1";

/// A server: addresses and names that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Server {
    /// `s1`, `s2`, ...: its place in the list.
    pub id: String,
    /// The highest level of a finding.
    pub level: Level,
    /// The highest score of a finding, in decibans.
    pub score: f64,
    /// Addresses and names, each with when it was seen.
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
    /// Why taking it down would hit others or nobody: a messenger, a file host, a private address.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub shared: BTreeSet<String>,
    /// What says so.
    pub proofs: Vec<Proof>,
    /// Proofs beyond the bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_proofs: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// An address or a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// `addr` or `name`.
    pub kind: String,
    /// The address or the name.
    pub value: String,
    /// First packet of a finding with it.
    pub first: Timestamp,
    /// Last packet of a finding with it.
    pub last: Timestamp,
    /// Findings with it.
    pub findings: u64,
    /// What the name or address is known as: its operator serves others as well.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub known_as: BTreeSet<String>,
}

/// What says that a server had to do with a victim: packets.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Proof {
    /// Id of the finding.
    pub finding: String,
    /// Its level.
    pub level: Level,
    /// Its title.
    pub title: String,
    /// Id of the server.
    pub server: String,
    /// Id of the victim.
    pub victim: String,
    /// The capture as it was named.
    pub capture: String,
    /// SHA-256 of the capture, where it was taken.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Inclusive frame ranges.
    pub frames: Vec<(u64, u64)>,
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
    /// What says so.
    pub proofs: Vec<Proof>,
    /// Proofs beyond the bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_proofs: u64,
}

/// What makes two sightings of a service one server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Addr(IpAddr),
    Name(String),
}

/// Who a victim is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    /// A public address.
    Public(IpAddr),
    /// A private address with what tells it from the same address elsewhere: link-layer address, host name, else
    /// the capture.
    Private(IpAddr, String),
}

/// Joins the findings of runs. The order of the runs does not matter. Findings that several runs have (the same id in
/// the same capture) count once. Memory and time are proportional to findings, times a logarithm.
pub fn picture(runs: &[Run], services: &Services) -> Picture {
    let sightings = once(runs);
    let groups = groups(&sightings, services);
    let mut servers: Vec<(Server, Vec<usize>)> =
        groups.into_iter().map(|group| (server(&group, &sightings, services), group)).collect();
    servers.sort_by(|(a, _), (b, _)| {
        b.level.cmp(&a.level).then(b.score.total_cmp(&a.score)).then(a.first.cmp(&b.first)).then_with(|| {
            let value = |server: &Server| server.places.first().map(|place| place.value.clone());
            value(a).cmp(&value(b))
        })
    });
    let mut server_of = vec![String::new(); sightings.len()];
    for (at, (server, members)) in servers.iter_mut().enumerate() {
        server.id = format!("s{}", at + 1);
        for &member in &*members {
            server_of[member].clone_from(&server.id);
        }
    }
    let (victims, victim_of) = victims(&sightings, &server_of);
    let servers: Vec<Server> = servers
        .into_iter()
        .map(|(mut server, members)| {
            server.victims = members.iter().map(|&member| victim_of[member].clone()).collect();
            (server.proofs, server.more_proofs) = proofs(&members, &sightings, &server_of, &victim_of);
            server
        })
        .collect();
    let captures: BTreeSet<_> = runs.iter().flat_map(|run| &run.captures).map(capture_key).collect();
    Picture {
        schema: SCHEMA.to_owned(),
        runs: runs.len() as u64,
        captures: captures.len() as u64,
        findings: sightings.len() as u64,
        servers,
        victims,
    }
}

fn capture_key(capture: &crate::record::CaptureInfo) -> &str {
    if capture.sha256.is_empty() { &capture.path } else { &capture.sha256 }
}

/// The capture that a finding was seen in first.
fn seen_in<'a>(run: &'a Run, sighting: &Sighting) -> &'a str {
    let first = sighting.evidence.first().map_or(0, |packets| packets.capture);
    run.capture(first).map_or("", capture_key)
}

/// Every finding once, in an order that does not depend on that of the runs.
fn once(runs: &[Run]) -> Vec<(&Run, &Sighting)> {
    let mut all: BTreeMap<(Timestamp, &str, &str), (&Run, &Sighting)> = BTreeMap::new();
    for run in runs {
        for sighting in &run.findings {
            let key = (sighting.first, sighting.id.as_str(), seen_in(run, sighting));
            let known = all.entry(key).or_insert((run, sighting));
            // Of a finding that two versions of the rules made, the surer counts.
            let path = |run: &'_ Run| run.captures.first().map(|capture| capture.path.clone());
            let better = sighting.score.total_cmp(&known.1.score).then_with(|| path(known.0).cmp(&path(run)));
            if better.is_gt() {
                *known = (run, sighting);
            }
        }
    }
    all.into_values().collect()
}

/// Roles of a name that many unrelated people use.
fn roles<'a>(name: &'a str, services: &'a Services) -> impl Iterator<Item = &'a str> {
    // A name below a dynamic DNS or tunnel service is its customer's own.
    services.roles(name).filter(|role| !OWN.contains(role))
}

/// Roles of names below which each customer has one of its own.
const OWN: [&str; 3] = ["dynamic-dns", "tunnel-service", "free-hosting"];

/// Indices of the sightings of one server each: joined by addresses, and by names that are nobody else's.
fn groups(sightings: &[(&Run, &Sighting)], services: &Services) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..sightings.len()).collect();
    let mut seen: BTreeMap<Key, usize> = BTreeMap::new();
    for (at, (_, sighting)) in sightings.iter().enumerate() {
        let service = &sighting.server;
        let known = service.roles.iter().any(|role| !OWN.contains(&role.as_str()));
        let shared = known || service.names.iter().any(|name| roles(name, services).next().is_some());
        // Behind the address of a messenger or a file host is more than one service.
        let addrs =
            service.addrs.iter().filter(|addr| !shared && !private(**addr)).map(|addr| Key::Addr(*addr));
        let names = service.names.iter().map(|name| Key::Name(name.to_ascii_lowercase()));
        for key in addrs.chain(names) {
            let other = *seen.entry(key).or_insert(at);
            let (a, b) = (root(&mut parent, at), root(&mut parent, other));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..sightings.len() {
        groups.entry(root(&mut parent, at)).or_default().push(at);
    }
    groups.into_values().collect()
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

fn server(group: &[usize], sightings: &[(&Run, &Sighting)], services: &Services) -> Server {
    let mut places: BTreeMap<Key, Place> = BTreeMap::new();
    // Mail goes through servers of many, or of somebody whose password was stolen before.
    let mail = group.iter().any(|&member| is_mail(&sightings[member].1.server));
    let mut own = Server {
        id: String::new(),
        level: Level::Low,
        score: f64::MIN,
        places: Vec::new(),
        ports: BTreeSet::new(),
        families: BTreeMap::new(),
        kinds: BTreeSet::new(),
        victims: BTreeSet::new(),
        first: Timestamp(i64::MAX),
        last: Timestamp(i64::MIN),
        shared: BTreeSet::new(),
        proofs: Vec::new(),
        more_proofs: 0,
    };
    for (_, sighting) in group.iter().map(|&member| sightings[member]) {
        own.level = own.level.max(sighting.level);
        own.score = own.score.max(sighting.score);
        (own.first, own.last) = (own.first.min(sighting.first), own.last.max(sighting.last));
        own.ports.extend(&sighting.server.ports);
        own.kinds.extend(sighting.kinds.iter().cloned());
        if let Some(family) = &sighting.family {
            *own.families.entry(family.name.clone()).or_default() += 1;
        }
        let addrs = sighting.server.addrs.iter().map(|addr| (Key::Addr(*addr), "addr", addr.to_string()));
        let names = sighting.server.names.iter().map(|name| {
            let name = name.to_ascii_lowercase();
            (Key::Name(name.clone()), "name", name)
        });
        for (key, kind, value) in addrs.chain(names) {
            let place = places.entry(key).or_insert_with(|| Place {
                kind: kind.to_owned(),
                value,
                first: sighting.first,
                last: sighting.last,
                findings: 0,
                known_as: BTreeSet::new(),
            });
            place.first = place.first.min(sighting.first);
            place.last = place.last.max(sighting.last);
            place.findings += 1;
        }
    }
    for (key, place) in &mut places {
        match key {
            Key::Name(name) => place.known_as.extend(roles(name, services).map(str::to_owned)),
            Key::Addr(addr) if private(*addr) => {
                place.known_as.insert("private-address".to_owned());
            }
            Key::Addr(_) => {}
        }
    }
    if mail {
        for place in places.values_mut() {
            place.known_as.insert("mail-server".to_owned());
        }
    }
    own.shared = places.values().flat_map(|place| place.known_as.iter().cloned()).collect();
    own.places = places.into_values().collect();
    own
}

fn is_mail(service: &super::run::Service) -> bool {
    service.app == "smtp" || service.ports.iter().any(|port| matches!(port, 25 | 465 | 587 | 2525))
}

fn identity(run: &Run, sighting: &Sighting) -> Identity {
    let host = &sighting.victim;
    if !private(host.addr) {
        return Identity::Public(host.addr);
    }
    let name = host.names.first().map(|name| name.to_ascii_lowercase());
    let apart = host.mac.clone().or(name).unwrap_or_else(|| seen_in(run, sighting).to_owned());
    Identity::Private(host.addr, apart)
}

/// The victims, and the id of each sighting's.
fn victims(sightings: &[(&Run, &Sighting)], server_of: &[String]) -> (Vec<Victim>, Vec<String>) {
    let mut found: BTreeMap<Identity, Vec<usize>> = BTreeMap::new();
    for (at, (run, sighting)) in sightings.iter().enumerate() {
        found.entry(identity(run, sighting)).or_default().push(at);
    }
    let mut list: Vec<(Victim, Vec<usize>)> =
        found.into_values().map(|members| (victim(&members, sightings, server_of), members)).collect();
    list.sort_by(|(a, _), (b, _)| {
        (b.servers.len().cmp(&a.servers.len())).then(a.first.cmp(&b.first)).then(a.addr.cmp(&b.addr))
    });
    let mut victim_of = vec![String::new(); sightings.len()];
    for (at, (victim, members)) in list.iter_mut().enumerate() {
        victim.id = format!("v{}", at + 1);
        for &member in &*members {
            victim_of[member].clone_from(&victim.id);
        }
    }
    let list = list.into_iter().map(|(mut victim, members)| {
        (victim.proofs, victim.more_proofs) = proofs(&members, sightings, server_of, &victim_of);
        victim
    });
    (list.collect(), victim_of)
}

fn victim(members: &[usize], sightings: &[(&Run, &Sighting)], server_of: &[String]) -> Victim {
    let first = sightings[members[0]].1;
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
        proofs: Vec::new(),
        more_proofs: 0,
    };
    for &member in members {
        let sighting = sightings[member].1;
        own.mac = own.mac.take().or_else(|| sighting.victim.mac.clone());
        own.names.extend(sighting.victim.names.iter().cloned());
        own.users.extend(sighting.victim.users.iter().cloned());
        own.level = own.level.max(sighting.level);
        own.servers.insert(server_of[member].clone());
        (own.first, own.last) = (own.first.min(sighting.first), own.last.max(sighting.last));
        for (category, n) in sighting.loot.iter().flat_map(|loot| &loot.categories) {
            *own.taken.entry(category.clone()).or_default() += n;
        }
    }
    own
}

/// What sightings rest on, the strongest first, and how many were left out.
fn proofs(
    members: &[usize],
    sightings: &[(&Run, &Sighting)],
    server_of: &[String],
    victim_of: &[String],
) -> (Vec<Proof>, u64) {
    let mut ranked = members.to_vec();
    ranked.sort_by(|&a, &b| sightings[b].1.score.total_cmp(&sightings[a].1.score).then(a.cmp(&b)));
    let mut list = Vec::new();
    let mut more = 0;
    for member in ranked {
        let (run, sighting) = sightings[member];
        let mut frames: BTreeMap<u32, BTreeSet<(u64, u64)>> = BTreeMap::new();
        for packets in &sighting.evidence {
            frames.entry(packets.capture).or_default().extend(&packets.frames);
        }
        for (capture, frames) in frames {
            if list.len() >= MAX_PROOFS {
                more += 1;
                continue;
            }
            let info = run.capture(capture);
            list.push(Proof {
                finding: sighting.id.clone(),
                level: sighting.level,
                title: sighting.title.clone(),
                server: server_of[member].clone(),
                victim: victim_of[member].clone(),
                capture: info.map(|info| info.path.clone()).unwrap_or_default(),
                sha256: info.map(|info| info.sha256.clone()).unwrap_or_default(),
                frames: frames.into_iter().collect(),
            });
        }
    }
    (list, more)
}
