//! One look at each flow, for all that must be known of all of them before channels are made: a flow that is looked at
//! again is made again of its short form.

use super::book::{Book, Names};
use super::resolved::{MAX_NAMES, Resolved};
use super::sketch::Requests;
use super::{ROOTLESS, Traits, address, name};
use crate::record::{Certificate, Dns, Flow, Flows, Texts};
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

/// Shortest name below no top-level domain that is looked at, in bytes: mistyped names and search lists are shorter.
const MIN_ROOTLESS: usize = 20;
/// Counters of questions by client and owner, of a byte: with a million domains in a capture few are shared.
const DOMAIN_COUNTS: usize = 1 << 20;
/// Flows that may state names, certificates, requests.
pub const NAMED: Traits = Traits::HTTP.or(Traits::TLS);
/// No number.
pub const NONE: u32 = u32::MAX;

/// What is known of the flows of a run: told of each as it ends, while it is still at hand, or of all at once.
#[derive(Debug)]
pub struct Survey {
    /// What each flow has.
    pub traits: Vec<Traits>,
    /// The requests of each in a few words.
    pub requests: Requests,
    /// Names by number.
    pub names: Names,
    /// Addresses by number.
    pub hosts: Book<IpAddr>,
    /// What DNS answers say.
    pub resolved: Resolved,
    /// Pairs of client and server, these by their numbers.
    pub pairs: Book<(u32, u32)>,
    /// The pair of each flow by number; `NONE` for flows that are no one's.
    pub pair_of: Vec<u32>,
    /// The names that flows state (SNI, Host): flow and name, those of each flow by the text, each once.
    pub stated: Vec<(u32, u32)>,
    /// First certificates: flow and certificate.
    pub shown: Vec<(u32, Arc<Certificate>)>,
    /// Whose names were used, by pair.
    owners: Vec<Owner>,
    /// Questions to resolvers: flow and counter, `NONE` for names that stay at home.
    pub questions: Vec<(u32, u32)>,
    /// Answers of resolvers, until they are put together.
    answers: Vec<Answer>,
    /// How often was asked for the domains that share a counter; may be too high.
    asked: Vec<u8>,
    hasher: RandomState,
    scratch: Vec<u32>,
}

/// An address in an answer that a client got.
#[derive(Debug, Clone, Copy)]
struct Answer {
    /// The flow.
    flow: u32,
    /// The client, the name asked for and the address by their numbers.
    client: u32,
    name: u32,
    addr: u32,
}

/// Whose names were used at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// None was used.
    Nobody,
    /// Of this one only.
    One(u32),
    /// Of several.
    Several,
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            traits: Vec::new(),
            requests: Requests::default(),
            names: Names::default(),
            hosts: Book::default(),
            resolved: Resolved::default(),
            pairs: Book::default(),
            pair_of: Vec::new(),
            stated: Vec::new(),
            shown: Vec::new(),
            owners: Vec::new(),
            questions: Vec::new(),
            answers: Vec::new(),
            asked: vec![0; DOMAIN_COUNTS],
            hasher: RandomState::default(),
            scratch: Vec::new(),
        }
    }
}

impl Survey {
    /// Of flows.
    pub fn of(flows: &Flows) -> Self {
        let mut own = Self::default();
        flows.iter().for_each(|flow| own.add(&flow));
        own
    }

    /// How many flows it was told of.
    pub const fn len(&self) -> usize {
        self.traits.len()
    }

    /// Whether it was told of none.
    pub const fn is_empty(&self) -> bool {
        self.traits.is_empty()
    }

    /// Looks at the next flow.
    pub fn add(&mut self, flow: &Flow) {
        let index = self.traits.len() as u32;
        let traits = Traits::of_flow(flow, self.requests.add(flow));
        self.traits.push(traits);
        let (client, server) = (flow.client.addr, flow.server.addr);
        let ends = (self.hosts.number(&client), self.hosts.number(&server));
        let nobody = address::shared(server) || address::shared(client) || client == server;
        let pair = if nobody { NONE } else { self.pairs.number(&ends) };
        self.pair_of.push(pair);
        if traits.any(Traits::DNS) {
            self.ask(index, flow, ends.0, nobody);
        }
        if traits.any(NAMED) {
            self.state(index, flow, pair);
        }
        let leaf = flow.tls.as_ref().and_then(|tls| tls.certificates.first());
        self.shown.extend(leaf.map(|leaf| (index, Arc::clone(leaf))));
    }

    /// Looks at the next flow, and takes from it what detection does not look at again: the answers of DNS, half of what
    /// the records of some captures hold.
    pub fn take(&mut self, flow: &mut Flow) {
        self.add(flow);
        for dns in &mut flow.dns {
            dns.answers = Texts::default();
        }
    }

    /// Looks again at a flow that was changed: what it has, not whose it is.
    pub fn again(&mut self, index: usize, flow: &Flow) {
        if let Some(traits) = self.traits.get_mut(index) {
            *traits = Traits::of_flow(flow, self.requests.of(index));
        }
    }

    /// Puts the flows in another order: at each place the one that was told of at this index.
    pub fn arrange(&mut self, order: &[u32]) {
        fn arranged<T: Copy>(own: &[T], order: &[u32]) -> Vec<T> {
            order.iter().filter_map(|&old| own.get(old as usize).copied()).collect()
        }
        fn moved<T>(own: &mut Vec<T>, to: &[u32], index: impl Fn(&mut T) -> &mut u32) {
            let moved = std::mem::take(own).into_iter().map(|mut one| {
                let index = index(&mut one);
                *index = to.get(*index as usize).copied().unwrap_or(NONE);
                (*index, one)
            });
            let mut moved: Vec<(u32, T)> = moved.collect();
            // Stable: what is said of one flow keeps its order.
            moved.sort_by_key(|(index, _)| *index);
            *own = moved.into_iter().map(|(_, one)| one).collect();
        }
        self.traits = arranged(&self.traits, order);
        self.pair_of = arranged(&self.pair_of, order);
        self.requests.arrange(order);
        let mut to = vec![NONE; order.len()];
        for (new, &old) in (0..).zip(order) {
            if let Some(place) = to.get_mut(old as usize) {
                *place = new;
            }
        }
        moved(&mut self.stated, &to, |one| &mut one.0);
        moved(&mut self.questions, &to, |one| &mut one.0);
        moved(&mut self.shown, &to, |one| &mut one.0);
        moved(&mut self.answers, &to, |one| &mut one.flow);
    }

    /// Puts answers together, once all flows are there and in order.
    pub fn settle(&mut self) {
        for Answer { client, name, addr, .. } in std::mem::take(&mut self.answers) {
            self.resolved.take(client, name, addr);
        }
        self.resolved.settle(&self.hosts);
    }

    /// The client and the server of a flow that is someone's.
    pub fn ends(&self, flow: usize) -> Option<(IpAddr, IpAddr)> {
        let pair = *self.pair_of.get(flow).filter(|pair| **pair != NONE)?;
        let (client, server) = *self.pairs.get(pair);
        Some((*self.hosts.get(client), *self.hosts.get(server)))
    }

    /// Whether a question's domain was asked for so often, at least by what is counted.
    pub fn asked(&self, counter: u32, least: usize) -> bool {
        self.asked.get(counter as usize).is_some_and(|&count| usize::from(count) >= least)
    }

    /// Whose names were used by a pair.
    pub fn owner(&self, pair: u32) -> Owner {
        self.owners.get(pair as usize).copied().unwrap_or(Owner::Nobody)
    }

    /// The owner of all names that led this client to the address, where it is one.
    pub fn only_owner(&mut self, client: u32, server: u32) -> Option<u32> {
        let (first, others) = self.resolved.names(client, server).split_first()?;
        let owner = self.names.owner(*first);
        others.iter().all(|&other| self.names.owner(other) == owner).then_some(owner)
    }

    /// Takes the questions of a flow and their answers.
    fn ask(&mut self, index: u32, flow: &Flow, client: u32, nobody: bool) {
        let counted = !nobody && !matches!(flow.server.port, 5353 | 5355 | 137);
        for dns in &flow.dns {
            if counted {
                self.count(index, flow.client.addr, dns);
            }
            if !dns.query.contains('.') {
                continue;
            }
            let mut addresses = dns.addresses().peekable();
            if addresses.peek().is_none() {
                continue;
            }
            let name = self.names.number(&dns.query);
            for addr in addresses {
                let addr = self.hosts.number(&addr);
                self.answers.push(Answer { flow: index, client, name, addr });
            }
        }
    }

    fn count(&mut self, index: u32, client: IpAddr, dns: &Dns) {
        let counter = owner_of(&dns.query)
            .map_or(NONE, |owner| (self.hasher.hash_one((client, owner)) as usize % DOMAIN_COUNTS) as u32);
        if let Some(count) = self.asked.get_mut(counter as usize) {
            *count = count.saturating_add(1);
        }
        self.questions.push((index, counter));
    }

    /// Takes the names a flow states, and notes whose they are.
    fn state(&mut self, index: u32, flow: &Flow, pair: u32) {
        let sni = flow.tls.iter().filter_map(|tls| tls.sni.as_deref());
        let hosts = flow.http.iter().filter_map(|exchange| exchange.host.as_deref());
        let (names, stated) = (&mut self.names, &mut self.scratch);
        stated.clear();
        stated.extend(sni.chain(hosts).filter_map(|own| names.of_authority(own)).take(MAX_NAMES));
        if stated.len() > 1 {
            stated.sort_by(|a, b| names.get(*a).cmp(names.get(*b)));
            stated.dedup();
        }
        if stated.is_empty() || pair == NONE {
            return;
        }
        if self.owners.len() <= pair as usize {
            self.owners.resize(pair as usize + 1, Owner::Nobody);
        }
        let known = &mut self.owners[pair as usize];
        for &name in &*stated {
            self.stated.push((index, name));
            let owner = Owner::One(names.owner(name));
            if *known == Owner::Nobody {
                *known = owner;
            } else if *known != owner {
                *known = Owner::Several;
            }
        }
    }
}

/// Whose a name is that was asked for; none for names that stay at home.
pub fn owner_of(query: &str) -> Option<&str> {
    if query.len() >= MIN_ROOTLESS && name::rootless(query) {
        return Some(ROOTLESS);
    }
    let owner = name::owner(query);
    (!matches!(owner.rsplit_once('.'), None | Some((_, "arpa" | "local")))).then_some(owner)
}
