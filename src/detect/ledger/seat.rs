//! Which flows of a client belong together.

use super::survey::{NONE, Owner, Survey};
use super::{Traits, name};
use crate::record::Certificate;
use hashbrown::HashMap;
use std::sync::Arc;

/// A certificate for more names than this is a shared front's: it does not make two addresses one service.
const MAX_CERT_NAMES: usize = 10;

/// A name that a flow used for its service.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// The flow.
    pub flow: u32,
    /// The name by its number.
    pub name: u32,
    /// A resolution or a certificate by another issuer confirms it.
    pub verified: bool,
}

/// Where flows belong, and the names they used.
#[derive(Debug, Default)]
pub struct Seats {
    /// The node of each flow, `NONE` for those that are no one's.
    nodes: Vec<u32>,
    /// The node of each pair of client and server, `NONE` where no flow was seated yet.
    pairs: Vec<u32>,
    joiner: Joiner,
    /// Names used, flow by flow.
    pub said: Vec<Said>,
}

impl Seats {
    /// Finds where each flow belongs.
    pub fn new(traits: &[Traits], survey: &mut Survey) -> Self {
        let pairs = vec![NONE; survey.pairs.len()];
        let mut own = Self { nodes: Vec::with_capacity(traits.len()), pairs, ..Self::default() };
        let stated = std::mem::take(&mut survey.stated);
        let mut stated = stated.chunk_by(|one, next| one.0 == next.0).peekable();
        let shown = std::mem::take(&mut survey.shown);
        let mut shown = shown.iter().peekable();
        let mut certificates = HashMap::new();
        for (index, traits) in (0..).zip(traits) {
            let shown = shown.next_if(|(flow, _)| *flow == index).map(|(_, certificate)| certificate);
            let names = stated.next_if(|chunk| chunk[0].0 == index).unwrap_or_default();
            let pair = survey.pair_of[index as usize];
            let node = if pair == NONE {
                NONE
            } else {
                let node = own.pair(pair, survey);
                if names.is_empty() && !traits.any(Traits::TLS) {
                    node
                } else {
                    own.seat((pair, node), names, shown, survey, &mut certificates)
                }
            };
            own.nodes.push(node);
        }
        own
    }

    /// The group that each flow belongs to in the end, `NONE` for flows that are no one's.
    pub fn take_groups(&mut self) -> Vec<u32> {
        let mut nodes = std::mem::take(&mut self.nodes);
        for node in nodes.iter_mut().filter(|node| **node != NONE) {
            *node = self.joiner.root(*node);
        }
        nodes
    }

    /// A bound on the numbers of groups.
    pub fn groups(&self) -> usize {
        self.joiner.parent.len()
    }

    /// The node of a pair. Where its flows state no names, those that led there join it to others of their owner.
    fn pair(&mut self, pair: u32, survey: &mut Survey) -> u32 {
        let known = self.pairs[pair as usize];
        if known != NONE {
            return known;
        }
        let node = self.joiner.add();
        self.pairs[pair as usize] = node;
        let (client, server) = *survey.pairs.get(pair);
        if survey.owner(pair) == Owner::Nobody
            && let Some(owner) = survey.only_owner(client, server)
        {
            let named = self.joiner.node(client, Key::Owner(owner));
            self.joiner.join(named, node);
        }
        node
    }

    /// The node of a flow with this pair, stated names and first certificate.
    fn seat(
        &mut self,
        (pair, node): (u32, u32),
        stated: &[(u32, u32)],
        certificate: Option<&Arc<Certificate>>,
        survey: &mut Survey,
        certificates: &mut HashMap<String, u32>,
    ) -> u32 {
        let (client, server) = *survey.pairs.get(pair);
        let trusted = certificate.filter(|cert| !cert.self_signed);
        let from = self.said.len();
        for &(flow, number) in stated {
            let text = survey.names.get(number);
            let certified = trusted.is_some_and(|cert| cert.names.iter().any(|own| name::covers(own, text)));
            let verified = match (certified, survey.resolved.agrees(number, *survey.hosts.get(server))) {
                (true, _) | (_, Some(true)) => true,
                // A name that the capture resolves to quite another place: the Host header or SNI is false.
                (false, Some(false)) => continue,
                (false, None) => false,
            };
            self.said.push(Said { flow, name: number, verified });
        }
        let said = self.said.get(from..).unwrap_or_default();
        let joiner = &mut self.joiner;
        if let Some(first) = said.first() {
            let named = joiner.node(client, Key::Name(first.name));
            if survey.owner(pair) != Owner::Several {
                joiner.join(named, node);
                for other in &said[1..] {
                    let other = joiner.node(client, Key::Name(other.name));
                    joiner.join(named, other);
                }
            }
            return named;
        }
        if let Some(cert) = certificate.filter(|cert| cert.names.len() <= MAX_CERT_NAMES) {
            let new = certificates.len() as u32;
            let number = *certificates.entry_ref(&cert.sha256).or_insert(new);
            let same = joiner.node(client, Key::Certificate(number));
            joiner.join(same, node);
        }
        node
    }
}

/// What makes flows of one client belong together, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Name(u32),
    Owner(u32),
    Certificate(u32),
}

/// Sets that grow together (union-find with path halving).
#[derive(Debug, Default)]
struct Joiner {
    index: HashMap<(u32, Key), u32>,
    parent: Vec<u32>,
}

impl Joiner {
    fn node(&mut self, client: u32, key: Key) -> u32 {
        let parent = &mut self.parent;
        *self.index.entry((client, key)).or_insert_with(|| Self::another(parent))
    }

    /// A new node.
    fn add(&mut self) -> u32 {
        Self::another(&mut self.parent)
    }

    fn another(parent: &mut Vec<u32>) -> u32 {
        let node = parent.len() as u32;
        parent.push(node);
        node
    }

    fn root(&mut self, mut node: u32) -> u32 {
        loop {
            let above = self.parent[node as usize];
            if above == node {
                return node;
            }
            let higher = self.parent[above as usize];
            self.parent[node as usize] = higher;
            node = higher;
        }
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        // The older node leads, so that the outcome does not depend on who asks.
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high as usize] = low;
    }
}
