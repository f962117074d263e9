//! What servers have in common beside addresses and names, and which of them that puts together.
//!
//! A link is weaker than being one server: a program's makers share its requests and its default certificate with all
//! who run it. So links join servers to groups and never to one server, and no template joins two families.

use super::join::{Server, is_zero};
use super::seen::{Ids, Proof, Seen, Sets, proof};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Proofs kept for one link; one a server comes first.
const MAX_PROOFS: usize = 64;
/// A mark that more servers have is one of the program, not of an owner.
const MAX_OWNED: usize = 64;

/// Something that several servers have in common.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Link {
    /// `l1`, `l2`, ...: its place in the list.
    pub id: String,
    /// What: `certificate` (the same key), `certificate-names` (made by the same program or hand), `mailbox`, `template`
    /// (requests of one form), `family`.
    pub kind: String,
    /// SHA-256 of the certificate, subject and issuer, mailbox, form of the request, name of the family.
    pub value: String,
    /// Subject of the certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Ids of the servers, at least two.
    pub servers: BTreeSet<String>,
    /// What says so: the frames in which it was seen.
    pub proofs: Vec<Proof>,
    /// Proofs beyond the bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_proofs: u64,
}

/// Servers that common marks put together: of one owner, or of one set-up of one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Group {
    /// `g1`, `g2`, ...: its place in the list.
    pub id: String,
    /// Ids of its servers.
    pub servers: BTreeSet<String>,
    /// Ids of the links that make it.
    pub links: BTreeSet<String>,
    /// Families named for its servers.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub families: BTreeSet<String>,
}

/// Kinds of links, the strongest first.
const KINDS: [&str; 5] = ["certificate", "mailbox", "certificate-names", "template", "family"];
/// Kinds that make groups.
const JOIN: [&str; 3] = ["certificate", "mailbox", "template"];

/// A sight of a mark: finding, capture, frames.
type Sight = (usize, u32, Vec<(u64, u64)>);

/// Marks by kind and value: what they are about, and their sights.
#[derive(Debug, Default)]
struct Marks(BTreeMap<(usize, String), (String, Vec<Sight>)>);

impl Marks {
    fn note(&mut self, kind: &str, value: &str, about: &str, sight: Sight) {
        let rank = KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len());
        let (known, sights) = self.0.entry((rank, value.to_owned())).or_default();
        if known.is_empty() {
            about.clone_into(known);
        }
        sights.push(sight);
    }
}

/// What several servers have in common, the strongest kind first. `server_at` is the index of each finding's server.
pub(super) fn links(seen: &[Seen<'_>], ids: &Ids, server_at: &[usize]) -> Vec<Link> {
    let mut marks = Marks::default();
    for (at, one) in seen.iter().enumerate() {
        note(&mut marks, at, one);
    }
    let mut links = Vec::new();
    for ((rank, value), (about, mut sights)) in marks.0 {
        let servers: BTreeSet<usize> = sights.iter().map(|sight| server_at[sight.0]).collect();
        if servers.len() < 2 {
            continue;
        }
        // Of each server the first sight, before the second of any.
        let mut nth: BTreeMap<usize, usize> = BTreeMap::new();
        sights.sort();
        let mut ranked: Vec<(usize, usize, Sight)> = sights
            .into_iter()
            .map(|sight| {
                let server = server_at[sight.0];
                let n = nth.entry(server).or_default();
                *n += 1;
                (*n, server, sight)
            })
            .collect();
        ranked.sort();
        let more = ranked.len().saturating_sub(MAX_PROOFS) as u64;
        let shown = ranked.into_iter().take(MAX_PROOFS);
        links.push(Link {
            id: format!("l{}", links.len() + 1),
            kind: KINDS.get(rank).copied().unwrap_or_default().to_owned(),
            value,
            about,
            servers: servers.iter().map(|server| format!("s{}", server + 1)).collect(),
            proofs: shown
                .map(|(_, _, (at, capture, frames))| proof(at, seen, ids, capture, frames))
                .collect(),
            more_proofs: more,
        });
    }
    links
}

fn note(marks: &mut Marks, at: usize, one: &Seen<'_>) {
    let sighting = one.sighting;
    let evidence = || {
        let packets = sighting.evidence.first();
        packets.map_or((at, 0, Vec::new()), |packets| (at, packets.capture, packets.frames.clone()))
    };
    if let Some(family) = &sighting.family {
        marks.note("family", &family.name, "", evidence());
    }
    for mailbox in &one.blockable.mailboxes {
        marks.note("mailbox", &mailbox.to_ascii_lowercase(), "", evidence());
    }
    // What services of many show and are asked is theirs and their programs', not that of who misuses them.
    if one.of_many() {
        return;
    }
    for cert in &sighting.server.certificates {
        let sight = || (at, cert.capture, vec![(cert.frame, cert.frame)]);
        marks.note("certificate", &cert.sha256, &cert.subject, sight());
        // Names of a host in it are of its owner and say no more than the name does.
        let host = cert.subject.split(['=', ',', '+']).any(|word| word.trim().contains('.'));
        if !cert.subject.is_empty() && (cert.self_signed || !host) {
            let value = format!("{} by {}", cert.subject, cert.issuer);
            marks.note("certificate-names", &value, "", sight());
        }
    }
    for template in &sighting.server.templates {
        marks.note(
            "template",
            &template.form,
            "",
            (at, template.capture, vec![(template.frame, template.frame)]),
        );
    }
}

/// Groups of servers; notes each server's.
pub(super) fn groups(servers: &mut [Server], links: &[Link]) -> Vec<Group> {
    let index: BTreeMap<&str, usize> =
        servers.iter().enumerate().map(|(at, server)| (server.id.as_str(), at)).collect();
    let mut sets = Sets::new(servers.len());
    let mut families: Vec<BTreeSet<String>> =
        servers.iter().map(|server| server.families.keys().cloned().collect()).collect();
    let mut used: Vec<(usize, String)> = Vec::new();
    for link in links.iter().filter(|link| JOIN.contains(&link.kind.as_str())) {
        let mut members: Vec<usize> =
            link.servers.iter().filter_map(|id| index.get(id.as_str()).copied()).collect();
        if members.len() > MAX_OWNED {
            continue;
        }
        members.sort_unstable();
        for (n, &one) in members.iter().enumerate() {
            for &other in &members[n + 1..] {
                let (a, b) = (sets.root(one), sets.root(other));
                if a != b && !agree(&families[a], &families[b], link.kind == "template") {
                    continue;
                }
                if a != b {
                    let more = std::mem::take(&mut families[a.max(b)]);
                    families[a.min(b)].extend(more);
                    sets.join(a, b);
                }
                used.push((one, link.id.clone()));
            }
        }
    }
    let lists: Vec<Vec<usize>> = sets.list().into_iter().filter(|members| members.len() > 1).collect();
    let mut groups = Vec::new();
    for members in lists {
        let id = format!("g{}", groups.len() + 1);
        let inside: BTreeSet<usize> = members.iter().copied().collect();
        let links =
            used.iter().filter(|(one, _)| inside.contains(one)).map(|(_, link)| link.clone()).collect();
        groups.push(Group {
            id: id.clone(),
            servers: members.iter().map(|&at| servers[at].id.clone()).collect(),
            links,
            families: members.iter().flat_map(|&at| servers[at].families.keys().cloned()).collect(),
        });
        for at in members {
            servers[at].group = Some(id.clone());
        }
    }
    groups
}

/// Whether servers with these families may be of one group. A template does not carry a name to a server without one
/// against another name: either knows no family, or they have one in common.
fn agree(one: &BTreeSet<String>, other: &BTreeSet<String>, template: bool) -> bool {
    !template || one.is_empty() || other.is_empty() || !one.is_disjoint(other)
}
