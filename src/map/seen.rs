//! Findings with where they were seen and what of them may be acted on; each once.

use super::run::{Run, Service, Sighting};
use crate::detect::finding::Level;
use crate::detect::private;
use crate::record::CaptureInfo;
use crate::report::Blockable;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

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

/// A finding.
#[derive(Debug, Clone)]
pub(super) struct Seen<'a> {
    pub run: &'a Run,
    pub sighting: &'a Sighting,
    /// What of it may be acted on by itself.
    pub blockable: Blockable<'a>,
    /// Why its server is not the thief's alone, if it is not.
    pub shared: Option<String>,
}

/// Ids of servers and victims by the index of a finding.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub server: Vec<String>,
    pub victim: Vec<String>,
}

impl<'a> Seen<'a> {
    fn new((run, sighting): (&'a Run, &'a Sighting)) -> Self {
        let subject = sighting.subject();
        Self { run, sighting, blockable: Blockable::judge(&subject), shared: subject.shared() }
    }

    /// Whether many use the server: what is there to compare is of the service, not of who uses it.
    pub fn of_many(&self) -> bool {
        let own = |role: &String| OWN.contains(&role.as_str());
        is_mail(&self.sighting.server) || !self.sighting.server.roles.iter().all(own)
    }

    /// Captures it was seen in: SHA-256, else path.
    pub fn captures(&self) -> impl Iterator<Item = &'a str> {
        let used: BTreeSet<u32> = self.sighting.evidence.iter().map(|packets| packets.capture).collect();
        let run = self.run;
        used.into_iter().filter_map(move |index| run.capture(index).map(capture_key))
    }
}

/// Roles of names below which each customer has one of its own.
pub(super) const OWN: [&str; 3] = ["dynamic-dns", "tunnel-service", "free-hosting"];

pub(super) fn is_mail(service: &Service) -> bool {
    service.app == "smtp" || service.ports.iter().any(|port| matches!(port, 25 | 465 | 587 | 2525))
}

pub(super) fn capture_key(capture: &CaptureInfo) -> &str {
    if capture.sha256.is_empty() { &capture.path } else { &capture.sha256 }
}

/// The capture that a finding was seen in first.
fn seen_in<'a>(run: &'a Run, sighting: &Sighting) -> &'a str {
    let first = sighting.evidence.first().map_or(0, |packets| packets.capture);
    run.capture(first).map_or("", capture_key)
}

/// Every finding once, in an order that does not depend on that of the runs.
pub(super) fn once(runs: &[Run]) -> Vec<Seen<'_>> {
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
    all.into_values().map(Seen::new).collect()
}

/// Who a victim is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Identity {
    /// A public address.
    Public(IpAddr),
    /// A private address with what tells it from the same address elsewhere: link-layer address, host name, else
    /// the capture.
    Private(IpAddr, String),
}

pub(super) fn identity(seen: &Seen<'_>) -> Identity {
    let host = &seen.sighting.victim;
    if !private(host.addr) {
        return Identity::Public(host.addr);
    }
    let name = host.names.first().map(|name| name.to_ascii_lowercase());
    let apart = host.mac.clone().or(name).unwrap_or_else(|| seen_in(seen.run, seen.sighting).to_owned());
    Identity::Private(host.addr, apart)
}

/// How many captures these findings were seen in.
pub(super) fn captures_of(members: &[usize], seen: &[Seen<'_>]) -> u64 {
    members.iter().flat_map(|&member| seen[member].captures()).collect::<BTreeSet<_>>().len() as u64
}

/// What these findings rest on, the strongest first, and how many were left out beyond `most`.
pub(super) fn proofs(members: &[usize], seen: &[Seen<'_>], ids: &Ids, most: usize) -> (Vec<Proof>, u64) {
    let score = |member: usize| seen[member].sighting.score;
    let mut ranked = members.to_vec();
    ranked.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
    let mut list = Vec::new();
    let mut more = 0;
    for member in ranked {
        let mut frames: BTreeMap<u32, BTreeSet<(u64, u64)>> = BTreeMap::new();
        for packets in &seen[member].sighting.evidence {
            frames.entry(packets.capture).or_default().extend(&packets.frames);
        }
        for (capture, frames) in frames {
            if list.len() >= most {
                more += 1;
                continue;
            }
            list.push(proof(member, seen, ids, capture, frames.into_iter().collect()));
        }
    }
    (list, more)
}

/// One proof: these frames of a capture.
pub(super) fn proof(
    member: usize,
    seen: &[Seen<'_>],
    ids: &Ids,
    capture: u32,
    frames: Vec<(u64, u64)>,
) -> Proof {
    let Seen { run, sighting, .. } = &seen[member];
    let info = run.capture(capture);
    Proof {
        finding: sighting.id.clone(),
        level: sighting.level,
        title: sighting.title.clone(),
        server: ids.server.get(member).cloned().unwrap_or_default(),
        victim: ids.victim.get(member).cloned().unwrap_or_default(),
        capture: info.map(|info| info.path.clone()).unwrap_or_default(),
        sha256: info.map(|info| info.sha256.clone()).unwrap_or_default(),
        frames,
    }
}

/// Sets of indices that become one where something is the same.
#[derive(Debug)]
pub(super) struct Sets(Vec<usize>);

impl Sets {
    pub fn new(count: usize) -> Self {
        Self((0..count).collect())
    }
    /// The least index of the set.
    pub fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }
    pub fn join(&mut self, one: usize, other: usize) {
        let (a, b) = (self.root(one), self.root(other));
        self.0[a.max(b)] = a.min(b);
    }
    /// Members of each set in order, sets by their least member.
    pub fn list(mut self) -> Vec<Vec<usize>> {
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.0.len() {
            sets.entry(self.root(at)).or_default().push(at);
        }
        sets.into_values().collect()
    }
}
