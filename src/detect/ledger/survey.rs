//! One look at each flow, for all that must be known of all of them before channels are made: a flow that is looked at
//! again is fetched from memory again.

use super::book::{Book, Names};
use super::resolved::{MAX_NAMES, Resolved};
use super::sketch::Requests;
use super::{ROOTLESS, Traits, address, name};
use crate::record::{Dns, Flow};
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Shortest name below no top-level domain that is looked at, in bytes: mistyped names and search lists are shorter.
const MIN_ROOTLESS: usize = 20;
/// Counters of questions by client and owner, of a byte: with a million domains in a capture few are shared.
const DOMAIN_COUNTS: usize = 1 << 20;
/// Flows that may state names, certificates, requests.
pub const NAMED: Traits = Traits::HTTP.or(Traits::TLS);
/// No number.
pub const NONE: u32 = u32::MAX;

/// What is known of the flows of a run.
#[derive(Debug)]
pub struct Survey<'a> {
    /// Names by number.
    pub names: Names<'a>,
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
    /// Whose names were used, by pair.
    owners: Vec<Owner>,
    /// Questions to resolvers: flow and counter, `NONE` for names that stay at home.
    pub questions: Vec<(u32, u32)>,
    /// How often was asked for the domains that share a counter; may be too high.
    asked: Vec<u8>,
    hasher: RandomState,
    scratch: Vec<u32>,
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

impl<'a> Survey<'a> {
    /// Looks at flows in time order; gives what each has and asked as well.
    pub fn new(flows: &'a [Flow]) -> (Self, Vec<Traits>, Requests) {
        let mut own = Self {
            names: Names::default(),
            hosts: Book::default(),
            resolved: Resolved::default(),
            pairs: Book::default(),
            pair_of: Vec::with_capacity(flows.len()),
            stated: Vec::with_capacity(flows.len()),
            owners: Vec::new(),
            questions: Vec::with_capacity(flows.len()),
            asked: vec![0; DOMAIN_COUNTS],
            hasher: RandomState::default(),
            scratch: Vec::new(),
        };
        let mut requests = Requests::with_capacity(flows.len());
        let traits = (0..).zip(flows).map(|(index, flow)| own.look(index, flow, &mut requests)).collect();
        own.resolved.settle(&own.hosts);
        (own, traits, requests)
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

    fn look(&mut self, index: u32, flow: &'a Flow, requests: &mut Requests) -> Traits {
        let traits = Traits::of_flow(flow, requests.add(flow));
        let (client, server) = (flow.client.addr, flow.server.addr);
        let ends = (self.hosts.number(&client), self.hosts.number(&server));
        let nobody = address::shared(server) || address::shared(client) || client == server;
        let pair = if nobody { NONE } else { self.pairs.number(&ends) };
        self.pair_of.push(pair);
        if traits.any(Traits::DNS) {
            self.resolved.take(flow, ends.0, &mut self.names, &mut self.hosts);
            if !nobody && !matches!(flow.server.port, 5353 | 5355 | 137) {
                for dns in &flow.dns {
                    self.count(index, client, dns);
                }
            }
        }
        if traits.any(NAMED) {
            self.state(index, flow, pair);
        }
        traits
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
    fn state(&mut self, index: u32, flow: &'a Flow, pair: u32) {
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
