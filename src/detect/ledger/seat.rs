//! Which flows of a client belong together.

use super::book::{Book, Names};
use super::resolved::{MAX_NAMES, Resolved};
use super::{Traits, address, name};
use crate::record::Flow;
use hashbrown::HashMap;
use std::net::IpAddr;

/// A certificate for more names than this is a shared front's: it does not make two addresses one service.
const MAX_CERT_NAMES: usize = 10;
/// Flows that may state names, certificates, requests.
pub const NAMED: Traits = Traits::HTTP.or(Traits::TLS);
/// No node.
const NONE: u32 = u32::MAX;

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
    joiner: Joiner,
    /// Names used, flow by flow.
    pub said: Vec<Said>,
}

/// What is known of all flows when they are seated.
struct Scene<'a, 'b> {
    names: &'b mut Names<'a>,
    hosts: &'b mut Book<IpAddr>,
    certificates: HashMap<&'a str, u32>,
    resolved: &'b Resolved,
    owners: HashMap<(u32, u32), Owner>,
}

/// Whose names were used at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    One(u32),
    Several,
}

impl Seats {
    /// Finds where each flow belongs.
    pub fn new<'a>(
        flows: &'a [Flow],
        traits: &[Traits],
        names: &mut Names<'a>,
        hosts: &mut Book<IpAddr>,
        resolved: &Resolved,
    ) -> Self {
        let mut scene =
            Scene { names, hosts, certificates: HashMap::new(), resolved, owners: HashMap::new() };
        let mut stated = Vec::new();
        for (flow, _) in flows.iter().zip(traits).filter(|(_, traits)| traits.any(NAMED)) {
            scene.owner(flow, &mut stated);
        }
        let mut own = Self { nodes: Vec::with_capacity(flows.len()), ..Self::default() };
        for (index, (flow, traits)) in flows.iter().zip(traits).enumerate() {
            let node = own.seat(index as u32, flow, traits.any(NAMED), &mut scene, &mut stated);
            own.nodes.push(node.unwrap_or(NONE));
        }
        own
    }

    /// The group that a flow belongs to in the end; none for flows that are no one's.
    pub fn group(&mut self, flow: usize) -> Option<usize> {
        let node = *self.nodes.get(flow)?;
        (node != NONE).then(|| self.joiner.root(node) as usize)
    }

    /// A bound on the numbers of groups.
    pub fn groups(&self) -> usize {
        self.joiner.parent.len()
    }

    fn seat<'a>(
        &mut self,
        index: u32,
        flow: &'a Flow,
        telling: bool,
        scene: &mut Scene<'a, '_>,
        stated: &mut Vec<u32>,
    ) -> Option<u32> {
        let (client_addr, server_addr) = (flow.client.addr, flow.server.addr);
        if address::shared(server_addr) || address::shared(client_addr) || client_addr == server_addr {
            return None;
        }
        let (client, server) = (scene.hosts.number(&client_addr), scene.hosts.number(&server_addr));
        let certificate = flow.tls.as_ref().filter(|_| telling).and_then(|tls| tls.certificates.first());
        let trusted = certificate.filter(|cert| !cert.self_signed);
        let from = self.said.len();
        stated.clear();
        if telling {
            scene.stated(flow, stated);
        }
        for &number in &*stated {
            let text = scene.names.get(number);
            let certified = trusted.is_some_and(|cert| cert.names.iter().any(|own| name::covers(own, text)));
            let verified = match (certified, scene.resolved.agrees(number, server_addr)) {
                (true, _) | (_, Some(true)) => true,
                // A name that the capture resolves to quite another place: the Host header or SNI is false.
                (false, Some(false)) => continue,
                (false, None) => false,
            };
            self.said.push(Said { flow: index, name: number, verified });
        }
        let said = self.said.get(from..).unwrap_or_default();
        let joiner = &mut self.joiner;
        let node = joiner.node(client, Key::Addr(server));
        let here = scene.owners.get(&(client, server));
        if let Some(first) = said.first() {
            let named = joiner.node(client, Key::Name(first.name));
            if here != Some(&Owner::Several) {
                joiner.join(named, node);
                for other in &said[1..] {
                    let other = joiner.node(client, Key::Name(other.name));
                    joiner.join(named, other);
                }
            }
            return Some(named);
        }
        if here.is_none()
            && let Some(owner) = scene.only_owner(client, server)
        {
            let named = joiner.node(client, Key::Owner(owner));
            joiner.join(named, node);
        }
        if let Some(cert) = certificate.filter(|cert| cert.names.len() <= MAX_CERT_NAMES) {
            let new = scene.certificates.len() as u32;
            let number = *scene.certificates.entry(&cert.sha256).or_insert(new);
            let same = joiner.node(client, Key::Certificate(number));
            joiner.join(same, node);
        }
        Some(node)
    }
}

impl<'a> Scene<'a, '_> {
    /// The names a flow itself states (SNI, Host), in their order, each once.
    fn stated(&mut self, flow: &'a Flow, stated: &mut Vec<u32>) {
        stated.clear();
        let sni = flow.tls.iter().filter_map(|tls| tls.sni.as_deref());
        let hosts = flow.http.iter().filter_map(|exchange| exchange.host.as_deref());
        let names = &mut *self.names;
        stated.extend(sni.chain(hosts).filter_map(|own| names.of_authority(own)).take(MAX_NAMES));
        if stated.len() > 1 {
            stated.sort_by(|a, b| self.names.get(*a).cmp(self.names.get(*b)));
            stated.dedup();
        }
    }

    /// Notes for client and address whose names were used there.
    fn owner(&mut self, flow: &'a Flow, stated: &mut Vec<u32>) {
        self.stated(flow, stated);
        let (client, server) = (self.hosts.number(&flow.client.addr), self.hosts.number(&flow.server.addr));
        for &name in &*stated {
            let owner = self.names.owner(name);
            let known = self.owners.entry((client, server)).or_insert(Owner::One(owner));
            if *known != Owner::One(owner) {
                *known = Owner::Several;
            }
        }
    }

    /// The owner of all names that led this client to the address, where it is one.
    fn only_owner(&mut self, client: u32, server: u32) -> Option<u32> {
        let resolved = self.resolved;
        let (first, others) = resolved.names(client, server).split_first()?;
        let owner = self.names.owner(*first);
        others.iter().all(|&other| self.names.owner(other) == owner).then_some(owner)
    }
}

/// What makes flows of one client belong together, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Addr(u32),
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
        *self.index.entry((client, key)).or_insert_with(|| {
            let node = self.parent.len() as u32;
            self.parent.push(node);
            node
        })
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
