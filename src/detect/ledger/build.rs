//! The fold: flows in time order to channels and hosts.

use super::address::{self, Sides};
use super::services::Services;
use super::{Alike, Channel, EventKind, HostView, Ledger, ROOTLESS, Traits, likeness, name, timeline};
use crate::detect::evidence::ChannelIx;
use crate::record::{ClientBy, Dns, Flow, Records};
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Names kept for one address of one client. An address with more is a shared front, where no name tells.
const MAX_NAMES: usize = 16;
/// Pairs of client and address for which resolved names are kept.
const MAX_RESOLVED: usize = 1 << 18;
/// A certificate for more names than this is a shared front's: it does not make two addresses one service.
const MAX_CERT_NAMES: usize = 10;
/// Distinct names below one domain from which its questions are looked at as a channel of their own.
/// A browser asks for far fewer below one owner; every tunnel measured asks for more within a minute.
const MIN_DOMAIN_NAMES: usize = 25;
/// Questions for record types that carry data, likewise.
const MIN_DATA_QUESTIONS: usize = 8;
/// Shortest name below no top-level domain that is looked at, in bytes: mistyped names and search lists are shorter.
const MIN_ROOTLESS: usize = 20;
/// Flows that may state names, certificates, requests.
const NAMED: Traits = Traits::HTTP.or(Traits::TLS);
/// Flows that may have something for a time line by themselves.
const EVENTFUL: Traits = Traits::HTTP.or(Traits::DNS).or(Traits::DEAD).or(Traits::TLS);
/// Flows that may be like others of the host.
const LIKE: Traits = NAMED.or(Traits::RAW);
/// Names kept while counting those below one domain.
const MAX_DOMAIN_NAMES: usize = 4096;
/// Counters of questions by client and owner, of a byte: with a million domains in a capture few are shared.
const DOMAIN_COUNTS: usize = 1 << 20;
/// Owners of names that a print must be used with before it counts as what the host browses or updates with. Browsers
/// reach as many with one page, and so do the services of an operating system within minutes.
const MIN_OWNERS: usize = 3;
/// Flows of a host looked at for its prints.
const MAX_HABITS: usize = 20_000;

impl Ledger {
    /// Folds records. Time n log n, memory proportional to the flows.
    pub fn build(records: Records, services: &Services, sides: &Sides) -> Self {
        let mut flows = records.flows;
        if !flows.is_sorted_by_key(Flow::order) {
            flows.sort_by_key(Flow::order);
        }
        let traits: Vec<Traits> = flows.iter().map(Traits::from).collect();
        let with = |wanted: Traits| {
            flows.iter().zip(&traits).filter(move |(_, traits)| traits.any(wanted)).map(|(flow, _)| flow)
        };
        let resolved = Resolved::new(with(Traits::DNS));
        let mut joiner = Joiner::default();
        let owners = stated_owners(with(NAMED));
        let seats: Vec<Option<Seat>> = flows
            .iter()
            .zip(&traits)
            .map(|(flow, traits)| seat((flow, *traits), &resolved, &owners, &mut joiner))
            .collect();
        let mut own = Self { captures: records.captures, traits, ..Self::default() };
        own.seat_all(&flows, &seats, &mut joiner, sides);
        own.add_domains(&flows);
        own.name_all(&seats, &resolved, services);
        drop(resolved);
        own.flows = flows;
        own.meet_hosts(records.hosts);
        own.write_timelines();
        own.compare();
        own
    }

    fn seat_all(&mut self, flows: &[Flow], seats: &[Option<Seat>], joiner: &mut Joiner, sides: &Sides) {
        let mut by_root: HashMap<usize, usize> = HashMap::new();
        for (index, (flow, seat)) in flows.iter().zip(seats).enumerate() {
            let Some(seat) = seat else { continue };
            let at = *by_root.entry(joiner.root(seat.node)).or_insert_with(|| {
                self.channels.push(Channel {
                    client: Some(flow.client.addr),
                    first: flow.start,
                    last: flow.end,
                    ..Channel::default()
                });
                self.channels.len() - 1
            });
            self.channels[at].add(index, flow);
            self.channels[at].inbound = !sides.inside(flow.client.addr) && sides.inside(flow.server.addr);
        }
        self.channels
            .sort_by_cached_key(|channel| (channel.client, channel.first, channel.flows.first().copied()));
        self.channel_of = vec![None; flows.len()];
        for (ix, channel) in self.channels.iter().enumerate() {
            for &flow in &channel.flows {
                self.channel_of[flow] = Some(ChannelIx(ix));
            }
        }
    }

    /// The questions to resolvers, with the flow they stand in.
    fn questions<'a>(&self, flows: &'a [Flow]) -> impl Iterator<Item = (usize, IpAddr, &'a Dns)> {
        let resolver = |&(index, flow): &(usize, &Flow)| {
            self.traits[index].any(Traits::DNS)
                && self.channel_of[index].is_some()
                && !matches!(flow.server.port, 5353 | 5355 | 137)
        };
        flows.iter().enumerate().filter(resolver).flat_map(|(index, flow)| {
            let client = flow.client.addr;
            flow.dns.iter().map(move |dns| (index, client, dns))
        })
    }

    /// Adds a channel for each domain with so many questions that they may be a channel themselves.
    fn add_domains(&mut self, flows: &[Flow]) {
        // Nearly all are asked a few times only: these need no more than a count, which may be too high.
        let mut asked = vec![0_u8; DOMAIN_COUNTS];
        let hasher = RandomState::default();
        let slot = |key: &(IpAddr, &str)| hasher.hash_one(key) as usize % DOMAIN_COUNTS;
        let slots =
            self.questions(flows).map(|(_, client, dns)| Some(slot(&(client, owner_of(&dns.query)?))));
        let slots: Vec<Option<usize>> = slots.collect();
        for &slot in slots.iter().flatten() {
            asked[slot] = asked[slot].saturating_add(1);
        }
        let enough = |count: u8| usize::from(count) >= MIN_DATA_QUESTIONS.min(MIN_DOMAIN_NAMES);
        let mut domains: BTreeMap<(IpAddr, &str), Domain<'_>> = BTreeMap::new();
        for ((index, client, dns), slot) in self.questions(flows).zip(slots) {
            if !slot.is_some_and(|slot| enough(asked[slot])) {
                continue;
            }
            let Some(owner) = owner_of(&dns.query) else { continue };
            let key = (client, owner);
            let domain = domains.entry(key).or_default();
            if domain.names.len() < MAX_DOMAIN_NAMES {
                domain.names.insert(&dns.query);
            }
            domain.data += usize::from(!matches!(&*dns.kind, "A" | "AAAA" | "PTR" | "HTTPS"));
            if domain.flows.last() != Some(&index) {
                domain.flows.push(index);
            }
        }
        for ((client, owner), domain) in domains {
            if domain.names.len() < MIN_DOMAIN_NAMES && domain.data < MIN_DATA_QUESTIONS {
                continue;
            }
            let mut channel = Channel { client: Some(client), ..Channel::default() };
            for index in domain.flows {
                channel.add(index, &flows[index]);
            }
            let base = match owner {
                ROOTLESS => common_suffix(&domain.names).unwrap_or(ROOTLESS),
                _ => common_suffix(&domain.names).unwrap_or(owner),
            };
            if base != ROOTLESS {
                channel.service.names.insert(base.to_owned());
                channel.service.stated.insert(base.to_owned());
                if owner != ROOTLESS {
                    channel.service.names.insert(owner.to_owned());
                }
            }
            channel.domain = Some(base.to_owned());
            self.channels.push(channel);
        }
    }

    fn name_all(&mut self, seats: &[Option<Seat>], resolved: &Resolved<'_>, services: &Services) {
        let traits = &self.traits;
        for channel in &mut self.channels {
            let Some(client) = channel.client else { continue };
            if channel.domain.is_none() {
                for seat in channel.flows.iter().filter_map(|&flow| seats[flow].as_ref()) {
                    channel.service.stated.extend(seat.stated.iter().cloned());
                    channel.service.verified.extend(seat.verified.iter().cloned());
                }
                channel.service.names.extend(channel.service.stated.iter().cloned());
                let owners: BTreeSet<String> =
                    channel.service.stated.iter().map(|name| name::owner(name).to_owned()).collect();
                for &addr in &channel.service.addrs {
                    for name in resolved.names(client, addr) {
                        if owners.is_empty() || owners.contains(name::owner(name)) {
                            channel.service.names.insert((*name).to_owned());
                        }
                    }
                }
            }
            let service = &mut channel.service;
            // A public name at a private address that no resolution gives: the address is a proxy's.
            let proxied =
                !service.stated.is_empty() && service.verified.is_empty() && channel.domain.is_none();
            service.local = service.addrs.iter().all(|&addr| address::private(addr)) && !proxied;
            service.roles =
                service.names.iter().flat_map(|name| services.roles(name)).map(str::to_owned).collect();
            let ordinary = |name: &String| services.roles(name).any(|role| services.ordinary(role).is_some());
            let confirmed = |name: &String| service.verified.contains(name) || !service.stated.contains(name);
            let known: Vec<bool> =
                service.names.iter().filter(|name| ordinary(name)).map(confirmed).collect();
            if !known.is_empty() {
                service.roles.insert(if known.contains(&true) { "ordinary" } else { "claimed" }.to_owned());
            }
            if channel.domain.is_none()
                && channel.flows.iter().all(|&flow| traits[flow].any(Traits::RESOLVER))
            {
                service.roles.insert("resolver".to_owned());
            }
        }
    }

    fn meet_hosts(&mut self, known: Vec<crate::record::Host>) {
        let clients = self.channels.iter().enumerate().filter_map(|(ix, own)| Some((own.client?, ix)));
        let mut clients: Vec<(IpAddr, usize)> = clients.collect();
        let channels = &self.channels;
        clients.sort_unstable_by_key(|&(client, ix)| (client, channels[ix].first, ix));
        // A tree that is made of a sorted list is filled to its last place.
        let host = |own: &[(IpAddr, usize)]| {
            let last = own.iter().map(|(_, ix)| channels[*ix].last).max();
            let span = (channels[own[0].1].first, last.unwrap_or_default());
            let channels = own.iter().map(|(_, ix)| ChannelIx(*ix)).collect();
            (own[0].0, HostView { channels, span, ..HostView::default() })
        };
        self.hosts = clients.chunk_by(|one, next| one.0 == next.0).map(host).collect();
        for record in known {
            if let Some(host) = self.hosts.get_mut(&record.addr) {
                host.known = Some(Box::new(record));
            }
        }
    }

    /// Notes what is alike among the channels of each host.
    fn compare(&mut self) {
        for (index, flow) in self.flows.iter().enumerate() {
            if self.traits[index].any(Traits::DNS)
                && self.channel_of[index].is_some()
                && let Some(host) = self.hosts.get_mut(&flow.client.addr)
            {
                host.resolves = true;
            }
        }
        for host in self.hosts.values_mut() {
            let mut alike = Alike::default();
            if host.timeline.iter().any(|event| event.kind == EventKind::Doh) {
                alike.habits = habits(&host.channels, &self.channels, &self.flows);
            }
            for &ix in &host.channels {
                let channel = &self.channels[ix.0];
                let traits = channel.flows.iter().fold(Traits::NOTHING, |all, &flow| all | self.traits[flow]);
                if !traits.any(LIKE) {
                    continue;
                }
                for template in likeness::templates(channel, &self.flows) {
                    alike.requests.entry(template).or_default().insert(ix);
                }
                for shape in likeness::addressed(channel, &self.flows) {
                    alike.bodies.entry(shape).or_default().insert(ix);
                }
                for print in likeness::hellos(channel, &self.flows) {
                    alike.hellos.entry(print).or_default().insert(ix);
                }
                for opening in likeness::openings(channel, &self.flows) {
                    alike.openings.entry(opening).or_default().insert(ix);
                }
                if likeness::home_made(channel, &self.flows) {
                    alike.home_made.insert(ix);
                }
            }
            for shared in [&mut alike.requests, &mut alike.bodies, &mut alike.hellos, &mut alike.openings] {
                shared.retain(|_, channels| channels.len() > 1);
            }
            host.alike = alike.says().then(|| Box::new(alike));
        }
    }

    fn write_timelines(&mut self) {
        for host in self.hosts.values_mut() {
            let mut events = Vec::new();
            for &ix in &host.channels {
                let channel = &self.channels[ix.0];
                if channel.domain.is_some() {
                    continue;
                }
                let telling = timeline::tells(&channel.service);
                for &flow in channel.flows.iter().filter(|&&flow| telling || self.traits[flow].any(EVENTFUL))
                {
                    timeline::note(&mut events, ix, flow, &self.flows[flow], &channel.service);
                }
            }
            events
                .sort_by(|a, b| (a.time, a.frame, a.kind, &a.what).cmp(&(b.time, b.frame, b.kind, &b.what)));
            host.timeline = events;
        }
    }
}

impl Channel {
    fn add(&mut self, index: usize, flow: &Flow) {
        if self.flows.is_empty() {
            (self.first, self.last) = (flow.start, flow.end);
        }
        self.flows.push(index);
        self.first = self.first.min(flow.start);
        self.last = self.last.max(flow.end);
        self.bytes.0 = self.bytes.0.saturating_add(flow.payload.to_server);
        self.bytes.1 = self.bytes.1.saturating_add(flow.payload.to_client);
        self.certain |= matches!(flow.client.by, ClientBy::Syn | ClientBy::Protocol);
        self.service.addrs.insert(flow.server.addr);
        self.service.ports.insert(flow.server.port);
    }
}

/// The prints with which a host talks to several owners' names, resolvers aside.
fn habits(own: &[ChannelIx], channels: &[Channel], flows: &[Flow]) -> BTreeSet<String> {
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let others = own.iter().map(|ix| &channels[ix.0]).filter(|channel| channel.domain.is_none());
    let others = others.filter(|channel| !channel.service.is("doh"));
    for flow in others.flat_map(|channel| channel.flows.iter().map(|&flow| &flows[flow])).take(MAX_HABITS) {
        let sni = flow.tls.as_ref().and_then(|tls| tls.sni.as_deref());
        if let (Some(print), Some(sni)) = (likeness::print(flow), sni) {
            let known = owners.entry(print).or_default();
            if known.len() < MIN_OWNERS {
                known.insert(name::owner(sni));
            }
        }
    }
    owners.retain(|_, owners| owners.len() >= MIN_OWNERS);
    owners.into_keys().map(str::to_owned).collect()
}

/// Whose a name is that was asked for; none for names that stay at home.
fn owner_of(query: &str) -> Option<&str> {
    if query.len() >= MIN_ROOTLESS && name::rootless(query) {
        return Some(ROOTLESS);
    }
    let owner = name::owner(query);
    (!matches!(owner.rsplit_once('.'), None | Some((_, "arpa" | "local")))).then_some(owner)
}

/// Questions below one domain, while they are counted.
#[derive(Default)]
struct Domain<'a> {
    names: HashSet<&'a str>,
    data: usize,
    flows: Vec<usize>,
}

/// The longest run of whole labels that all names end in; none where there is but one name.
fn common_suffix<'a>(names: &HashSet<&'a str>) -> Option<&'a str> {
    let first = *names.iter().min()?;
    let mut best = first;
    for name in names {
        while *name != best && !name.ends_with(&format!(".{best}")) {
            best = best.split_once('.')?.1;
        }
    }
    (names.len() > 1 && best.contains('.')).then_some(best)
}

/// Where a flow belongs.
struct Seat {
    node: usize,
    stated: Vec<String>,
    verified: Vec<String>,
}

/// The names a flow itself states: SNI, Host.
fn stated(flow: &Flow) -> BTreeSet<String> {
    let sni = flow.tls.iter().filter_map(|tls| tls.sni.as_deref());
    let hosts = flow.http.iter().filter_map(|exchange| exchange.host.as_deref());
    sni.chain(hosts).filter_map(name::host).take(MAX_NAMES).collect()
}

/// For each client and address the owners of the names that were used there.
fn stated_owners<'a>(flows: impl Iterator<Item = &'a Flow>) -> HashMap<(IpAddr, IpAddr), BTreeSet<String>> {
    let mut owners: HashMap<_, BTreeSet<String>> = HashMap::new();
    for flow in flows {
        let names = stated(flow);
        if !names.is_empty() {
            let entry = owners.entry((flow.client.addr, flow.server.addr)).or_default();
            entry.extend(names.iter().map(|name| name::owner(name).to_owned()).take(MAX_NAMES));
        }
    }
    owners
}

fn seat(
    (flow, traits): (&Flow, Traits),
    resolved: &Resolved<'_>,
    owners: &HashMap<(IpAddr, IpAddr), BTreeSet<String>>,
    joiner: &mut Joiner,
) -> Option<Seat> {
    let (client, server) = (flow.client.addr, flow.server.addr);
    if address::shared(server) || address::shared(client) || client == server {
        return None;
    }
    let telling = traits.any(NAMED);
    let certificate = flow.tls.as_ref().filter(|_| telling).and_then(|tls| tls.certificates.first());
    let trusted = certificate.filter(|cert| !cert.self_signed);
    let mut names = Vec::new();
    let mut verified = Vec::new();
    for name in if telling { stated(flow) } else { BTreeSet::new() } {
        let certified = trusted.is_some_and(|cert| cert.names.iter().any(|own| name::covers(own, &name)));
        match (certified, resolved.agrees(client, &name, server)) {
            (true, _) | (_, Some(true)) => verified.push(name.clone()),
            // A name that the capture resolves to quite another place: the Host header or SNI is false.
            (false, Some(false)) => continue,
            (false, None) => {}
        }
        names.push(name);
    }
    let node = joiner.node(client, Key::Addr(server));
    let here = owners.get(&(client, server)).map_or(0, BTreeSet::len);
    let seat = if let Some(first) = names.first() {
        let named = joiner.node(client, Key::Name(first.clone()));
        if here <= 1 {
            joiner.join(named, node);
            for other in &names[1..] {
                let other = joiner.node(client, Key::Name(other.clone()));
                joiner.join(named, other);
            }
        }
        named
    } else {
        let known = resolved.names(client, server);
        let owner: BTreeSet<&str> = known.iter().map(|name| name::owner(name)).collect();
        if let (0, 1, Some(owner)) = (here, owner.len(), owner.first()) {
            let named = joiner.node(client, Key::Owner((*owner).to_owned()));
            joiner.join(named, node);
        }
        if let Some(cert) = certificate.filter(|cert| cert.names.len() <= MAX_CERT_NAMES) {
            let same = joiner.node(client, Key::Certificate(cert.sha256.clone()));
            joiner.join(same, node);
        }
        node
    };
    Some(Seat { node: seat, stated: names, verified })
}

/// What DNS answers in the capture say, for each client and for all.
struct Resolved<'a> {
    names: HashMap<(Option<IpAddr>, IpAddr), BTreeSet<&'a str>>,
    addresses: HashMap<&'a str, BTreeSet<IpAddr>>,
}

impl<'a> Resolved<'a> {
    fn new(flows: impl Iterator<Item = &'a Flow>) -> Self {
        let mut own = Self { names: HashMap::new(), addresses: HashMap::new() };
        for flow in flows {
            for dns in flow.dns.iter().filter(|dns| dns.query.contains('.')) {
                for addr in dns.addresses() {
                    if own.names.len() >= MAX_RESOLVED {
                        return own;
                    }
                    for client in [Some(flow.client.addr), None] {
                        let names = own.names.entry((client, addr)).or_default();
                        if names.len() < MAX_NAMES {
                            names.insert(&dns.query);
                        }
                    }
                    own.addresses.entry(&dns.query).or_default().insert(addr);
                }
            }
        }
        own
    }

    /// Names that led this client to the address; where it asked for none, those that led others there.
    fn names(&self, client: IpAddr, addr: IpAddr) -> Vec<&'a str> {
        let own = self.names.get(&(Some(client), addr)).or_else(|| self.names.get(&(None, addr)));
        own.into_iter().flatten().copied().collect()
    }

    /// Whether the answers for a name hold this address, or one near it; none where there are no answers.
    fn agrees(&self, _client: IpAddr, name: &str, addr: IpAddr) -> Option<bool> {
        let known = self.addresses.get(name)?;
        Some(known.iter().any(|&own| own == addr || address::near(own, addr)))
    }
}

/// What makes flows of one client belong together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Addr(IpAddr),
    Name(String),
    Owner(String),
    Certificate(String),
}

/// Sets that grow together (union-find with path halving).
#[derive(Default)]
struct Joiner {
    index: HashMap<(IpAddr, Key), usize>,
    parent: Vec<usize>,
}

impl Joiner {
    fn node(&mut self, client: IpAddr, key: Key) -> usize {
        *self.index.entry((client, key)).or_insert_with(|| {
            self.parent.push(self.parent.len());
            self.parent.len() - 1
        })
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.parent[node] != node {
            self.parent[node] = self.parent[self.parent[node]];
            node = self.parent[node];
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The older node leads, so that the outcome does not depend on who asks.
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high] = low;
    }
}
