//! The fold: flows in time order to channels and hosts.

use super::address::{self, Sides};
use super::seat::{Said, Seats};
use super::services::Services;
use super::survey::{NAMED, NONE, Survey, owner_of};
use super::{
    Alike, Books, Channel, EventKind, FlowList, HostView, HostViews, Ledger, ROOTLESS, Roles, Traits,
    likeness, name, timeline,
};
use crate::detect::evidence::ChannelIx;
use crate::record::{ClientBy, Flows, Outline, Records};
use hashbrown::{HashMap, HashSet};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Distinct names below one domain from which its questions are looked at as a channel of their own.
/// A browser asks for far fewer below one owner; every tunnel measured asks for more within a minute.
const MIN_DOMAIN_NAMES: usize = 25;
/// Questions for record types that carry data, likewise.
const MIN_DATA_QUESTIONS: usize = 8;
/// Flows that may be like others of the host.
const LIKE: Traits = NAMED.or(Traits::RAW);
/// Names kept while counting those below one domain.
const MAX_DOMAIN_NAMES: usize = 4096;
/// Owners of names that a print must be used with before it counts as what the host browses or updates with. Browsers
/// reach as many with one page, and so do the services of an operating system within minutes.
const MIN_OWNERS: usize = 3;
/// Records that are open at once, about.
const OPEN: usize = 256;
/// Flows of a host looked at for its prints.
const MAX_HABITS: usize = 20_000;
/// Addresses of a channel that are put in order one by one: more are collected and ordered at once, so that the cost
/// stays n log n.
const FEW_ADDRS: usize = 32;

impl Ledger {
    /// Folds records. Time n log n, memory proportional to the flows.
    pub fn build(records: Records, services: &Services, sides: &Sides) -> Self {
        let mut flows = records.flows;
        flows.sort();
        let survey = Survey::of(&flows);
        Self::of(Records { flows, ..records }, survey, services, sides)
    }

    /// Folds records in order of which a survey was made.
    pub fn of(records: Records, survey: Survey, services: &Services, sides: &Sides) -> Self {
        let mut flows = records.flows;
        let mut own = Books { captures: records.captures, ..Books::default() };
        own.seat_all(&flows, survey, services, sides);
        own.meet_hosts(records.hosts);
        own.tell(&mut flows);
        Self { flows, books: Arc::new(own) }
    }
}

impl Books {
    fn seat_all(&mut self, flows: &Flows, mut survey: Survey, services: &Services, sides: &Sides) {
        survey.settle();
        self.traits = std::mem::take(&mut survey.traits);
        self.requests = std::mem::take(&mut survey.requests);
        let mut seats = Seats::new(&self.traits, &mut survey);
        let domains = self.domains(flows, &survey);
        survey.questions = Vec::new();
        let channel_of = self.make_channels(&mut seats, (flows, &survey), (sides, domains.len()));
        self.channels.extend(domains);
        let mut naming = Naming { survey, services, roles: HashMap::new(), shared: HashMap::new() };
        self.name_all(&seats.said, &channel_of, &mut naming);
    }

    /// Makes a channel of each group of flows: by client, then first contact. Gives the channel of each flow, `NONE` for
    /// those that are no one's. Room is left for so many more.
    fn make_channels(
        &mut self,
        seats: &mut Seats,
        (flows, survey): (&Flows, &Survey),
        (sides, more): (&Sides, usize),
    ) -> Vec<u32> {
        let mut by_group = vec![NONE; seats.groups()];
        // Client and number of flows of each channel, in the order of first contact.
        let mut met: Vec<(u32, u32)> = Vec::new();
        let mut channel_of = seats.take_groups();
        for (at, pair) in channel_of.iter_mut().zip(&survey.pair_of).filter(|(at, _)| **at != NONE) {
            let channel = &mut by_group[*at as usize];
            if *channel == NONE {
                *channel = met.len() as u32;
                met.push((survey.pairs.get(*pair).0, 0));
            }
            met[*channel as usize].1 += 1;
            *at = *channel;
        }
        drop(by_group);
        // Apart, they are put in order in a third of the room.
        let (mut v4, mut v6) = (Vec::with_capacity(met.len()), Vec::new());
        for ((client, _), channel) in met.iter().zip(0_u32..) {
            match *survey.hosts.get(*client) {
                IpAddr::V4(client) => v4.push((client, channel)),
                IpAddr::V6(client) => v6.push((client, channel)),
            }
        }
        v4.sort_unstable();
        v6.sort_unstable();
        let v4 = v4.into_iter().map(|(client, channel)| (IpAddr::V4(client), channel));
        let v6 = v6.into_iter().map(|(client, channel)| (IpAddr::V6(client), channel));
        let mut place = vec![NONE; met.len()];
        self.channels = Vec::with_capacity(met.len() + more);
        for (client, channel) in v4.chain(v6) {
            place[channel as usize] = self.channels.len() as u32;
            let own = FlowList::with_capacity(met[channel as usize].1 as usize);
            self.channels.push(Channel { client: Some(client), flows: own, ..Channel::default() });
        }
        let mut many: Vec<(u32, IpAddr)> = Vec::new();
        for (index, at) in channel_of.iter_mut().enumerate() {
            if *at == NONE {
                continue;
            }
            *at = place[*at as usize];
            let Some((client, server)) = survey.ends(index) else { continue };
            let Some(outline) = flows.outline(index) else { continue };
            let channel = &mut self.channels[*at as usize];
            if !channel.add(index, &outline, self.traits[index]) {
                many.push((*at, server));
            }
            channel.inbound = !sides.inside(client) && sides.inside(server);
        }
        many.sort_unstable();
        many.dedup();
        for more in many.chunk_by(|one, next| one.0 == next.0) {
            self.channels[more[0].0 as usize].service.addrs.extend(more.iter().map(|(_, addr)| *addr));
        }
        channel_of
    }

    /// A channel for each domain with so many questions that they may be a channel themselves.
    fn domains(&self, flows: &Flows, survey: &Survey) -> Vec<Channel> {
        let mut domains: BTreeMap<(IpAddr, SmolStr), Domain> = BTreeMap::new();
        for questions in survey.questions.chunk_by(|one, next| one.0 == next.0) {
            // Nearly all are asked a few times only: these need no more than a count, which may be too high.
            let enough =
                |(_, counter): &(u32, u32)| survey.asked(*counter, MIN_DATA_QUESTIONS.min(MIN_DOMAIN_NAMES));
            if !questions.iter().any(enough) {
                continue;
            }
            let index = questions[0].0 as usize;
            let Some(flow) = flows.copy(index) else { continue };
            for (dns, _) in flow.dns.iter().zip(questions).filter(|(_, question)| enough(question)) {
                let Some(owner) = owner_of(&dns.query) else { continue };
                let domain = domains.entry((flow.client.addr, owner.into())).or_default();
                if domain.names.len() < MAX_DOMAIN_NAMES {
                    domain.names.insert(dns.query.clone());
                }
                domain.data += usize::from(!matches!(&*dns.kind, "A" | "AAAA" | "PTR" | "HTTPS"));
                if domain.flows.last() != Some(&index) {
                    domain.flows.push(index);
                }
            }
        }
        let mut channels = Vec::new();
        for ((client, owner), domain) in domains {
            if domain.names.len() < MIN_DOMAIN_NAMES && domain.data < MIN_DATA_QUESTIONS {
                continue;
            }
            let mut channel = Channel { client: Some(client), ..Channel::default() };
            let mut addrs: BTreeSet<IpAddr> = BTreeSet::new();
            for index in domain.flows {
                let Some(outline) = flows.outline(index).filter(|_| survey.ends(index).is_some()) else {
                    continue;
                };
                channel.add(index, &outline, self.traits[index]);
                addrs.insert(outline.server.addr);
            }
            channel.service.addrs.extend(addrs);
            let base = common_suffix(&domain.names).unwrap_or(&owner);
            if base != ROOTLESS {
                let above =
                    Some(owner.clone()).filter(|owner| owner != ROOTLESS).map(|owner| (owner, false, false));
                channel.service.names = above.into_iter().chain([(base.into(), true, false)]).collect();
            }
            channel.domain = Some(Box::new(base.into()));
            channels.push(channel);
        }
        channels
    }

    /// Gives each channel the names that were used for it or led to it, and what is known of them.
    fn name_all(&mut self, said: &[Said], channel_of: &[u32], naming: &mut Naming<'_>) {
        let mut used: Vec<(u32, u32, bool)> = said
            .iter()
            .filter_map(|said| {
                let channel = channel_of.get(said.flow as usize).copied()?;
                (channel != NONE).then_some((channel, said.name, said.verified))
            })
            .collect();
        used.sort_unstable();
        used.dedup();
        let mut used = used.chunk_by(|one, next| one.0 == next.0).peekable();
        for (ix, channel) in self.channels.iter_mut().enumerate() {
            let own = used.next_if(|chunk| chunk[0].0 as usize == ix).unwrap_or_default();
            if channel.domain.is_none() {
                naming.names(channel, own);
            }
            let resolver = channel.domain.is_none()
                && channel.has.any(Traits::RESOLVER)
                && channel.flows.iter().all(|flow| self.traits[flow].any(Traits::RESOLVER));
            naming.roles(channel, resolver);
        }
    }

    fn meet_hosts(&mut self, known: Vec<crate::record::Host>) {
        let channels = &self.channels;
        let channel = |ix: u32| &channels[ix as usize];
        let mut order: Vec<u32> = (0..channels.len() as u32).collect();
        // They are, but for the domains, which stand behind all others.
        order.sort_unstable_by_key(|&ix| (channel(ix).client, channel(ix).first, ix));
        let host = |own: &[u32]| {
            let Channel { client, first, .. } = *channel(own[0]);
            let last = own.iter().map(|ix| channel(*ix).last).max();
            let channels = own.iter().map(|ix| ChannelIx(*ix as usize)).collect();
            Some((
                client?,
                HostView { channels, span: (first, last.unwrap_or_default()), ..HostView::default() },
            ))
        };
        let own = || order.chunk_by(|one, next| channel(*one).client == channel(*next).client);
        let mut hosts = Vec::with_capacity(own().count());
        hosts.extend(own().filter_map(host));
        self.hosts = HostViews::new(hosts);
        for record in known {
            if let Some(host) = self.hosts.get_mut(record.addr) {
                host.known = Some(Box::new(record));
            }
        }
    }

    /// Writes each host's time line, and notes what is alike among its channels.
    fn tell(&mut self, flows: &mut Flows) {
        let Self { traits, channels, hosts, .. } = self;
        for (_, host) in hosts.iter_mut() {
            for &ix in &host.channels {
                let channel = &channels[ix.0];
                host.resolves |= channel.has.any(Traits::DNS);
                if channel.domain.is_none() {
                    let telling = timeline::tells(&channel.service);
                    let own = channel.flows.iter().filter(|&flow| telling || traits[flow].any(Traits::EVENT));
                    for flow in own {
                        timeline::note(&mut host.timeline, ix, flow, &flows[flow], &channel.service);
                        flows.close_beyond(OPEN);
                    }
                }
            }
            host.timeline
                .sort_by(|a, b| (a.time, a.frame, a.kind, &a.what).cmp(&(b.time, b.frame, b.kind, &b.what)));
            let mut alike = Alike::default();
            if host.timeline.iter().any(|event| event.kind == EventKind::Doh) {
                alike.habits = habits(&host.channels, channels, flows);
            }
            for &ix in &host.channels {
                alike.note(ix, &channels[ix.0], flows);
                flows.close_beyond(OPEN);
            }
            for shared in [&mut alike.requests, &mut alike.bodies, &mut alike.hellos, &mut alike.openings] {
                shared.retain(|_, channels| channels.len() > 1);
            }
            host.alike = alike.says().then(|| Box::new(alike));
        }
        flows.close();
    }
}

impl Alike {
    /// Notes what of a channel may be alike in others.
    fn note(&mut self, ix: ChannelIx, channel: &Channel, flows: &Flows) {
        let traits = channel.has;
        if !traits.any(LIKE) {
            return;
        }
        if traits.any(Traits::TELLING) {
            for template in likeness::templates(channel, flows) {
                self.requests.entry(template).or_default().insert(ix);
            }
        }
        if traits.any(Traits::POST) {
            for shape in likeness::addressed(channel, flows) {
                self.bodies.entry(shape).or_default().insert(ix);
            }
        }
        if traits.any(Traits::NAMELESS) {
            for print in likeness::hellos(channel, flows) {
                self.hellos.entry(print).or_default().insert(ix);
            }
        }
        if traits.any(Traits::RAW) && !traits.any(NAMED) {
            for opening in likeness::openings(channel, flows) {
                self.openings.entry(opening).or_default().insert(ix);
            }
        }
        if traits.any(Traits::SHOWN) && likeness::home_made(channel, flows) {
            self.home_made.insert(ix);
        }
    }
}

impl Channel {
    /// Adds a flow; false where its address is still to be put among the others.
    fn add(&mut self, index: usize, flow: &Outline, traits: Traits) -> bool {
        if self.flows.is_empty() {
            (self.first, self.last) = (flow.start, flow.end);
        }
        self.flows.push(index);
        self.has = self.has | traits;
        self.first = self.first.min(flow.start);
        self.last = self.last.max(flow.end);
        self.bytes.0 = self.bytes.0.saturating_add(flow.payload.to_server);
        self.bytes.1 = self.bytes.1.saturating_add(flow.payload.to_client);
        // A SYN or the protocol tells who asked whom.
        self.certain |= matches!(flow.client.by, ClientBy::Syn | ClientBy::Protocol);
        self.service.ports.insert(flow.server.port);
        let addrs = &mut self.service.addrs;
        if addrs.len() < FEW_ADDRS {
            addrs.insert(flow.server.addr);
        }
        addrs.contains(&flow.server.addr)
    }
}

/// What names and roles are taken from.
struct Naming<'a> {
    survey: Survey,
    services: &'a Services,
    /// Roles of names, and whether one of them is ordinary.
    roles: HashMap<SmolStr, (Vec<SmolStr>, bool)>,
    /// Roles of services.
    shared: HashMap<Vec<SmolStr>, Roles>,
}

impl Naming<'_> {
    /// Gives a channel the names used in its flows, and those that led its client to its addresses.
    fn names(&mut self, channel: &mut Channel, used: &[(u32, u32, bool)]) {
        let Survey { names, hosts, resolved, .. } = &mut self.survey;
        let Some(client) = channel.client else { return };
        let client = hosts.number(&client);
        let owners: BTreeSet<u32> = used.iter().map(|&(_, name, _)| names.owner(name)).collect();
        let mut all: Vec<u32> = Vec::new();
        for addr in &channel.service.addrs {
            for &name in resolved.names(client, hosts.number(addr)) {
                if owners.is_empty() || owners.contains(&names.owner(name)) {
                    all.push(name);
                }
            }
        }
        let used = used.iter().map(|&(_, name, verified)| (name, true, verified));
        let all = used.chain(all.into_iter().map(|name| (name, false, false)));
        let named = all.map(|(name, stated, verified)| (names.get(name).clone(), stated, verified));
        channel.service.names = named.collect();
    }

    /// Says where the service is, and which roles its names have.
    fn roles(&mut self, channel: &mut Channel, resolver: bool) {
        let service = &mut channel.service;
        // A public name at a private address that no resolution gives: the address is a proxy's.
        let names = &service.names;
        let proxied = !names.none_stated() && names.none_verified() && channel.domain.is_none();
        service.local = service.addrs.iter().all(|&addr| address::private(addr)) && !proxied;
        let mut roles: Vec<SmolStr> = Vec::new();
        let (mut confirmed, mut claimed) = (false, false);
        for name in names.iter() {
            let services = self.services;
            let (own, ordinary) = self.roles.entry(name.clone()).or_insert_with(|| {
                let own: Vec<SmolStr> = services.roles(name).map(SmolStr::from).collect();
                let ordinary = own.iter().any(|role| services.ordinary(role).is_some());
                (own, ordinary)
            });
            roles.extend(own.iter().cloned());
            if *ordinary {
                let sure = names.confirms(name);
                confirmed |= sure;
                claimed |= !sure;
            }
        }
        if confirmed {
            roles.push("ordinary".into());
        } else if claimed {
            roles.push("claimed".into());
        }
        if resolver {
            roles.push("resolver".into());
        }
        service.roles =
            self.shared.entry(roles).or_insert_with_key(|roles| Roles::new(roles.clone())).clone();
    }
}

/// The prints with which a host talks to several owners' names, resolvers aside.
fn habits(own: &[ChannelIx], channels: &[Channel], flows: &Flows) -> BTreeSet<String> {
    let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let others = own.iter().map(|ix| &channels[ix.0]).filter(|channel| channel.domain.is_none());
    let others = others.filter(|channel| !channel.service.is("doh"));
    let all = others.flat_map(|channel| channel.flows.iter()).take(MAX_HABITS);
    for flow in all.filter_map(|flow| flows.copy(flow)) {
        let sni = flow.tls.as_ref().and_then(|tls| tls.sni.as_deref());
        if let (Some(print), Some(sni)) = (likeness::print(&flow), sni) {
            let known = owners.entry(print.to_owned()).or_default();
            if known.len() < MIN_OWNERS {
                known.insert(name::owner(sni).to_owned());
            }
        }
    }
    owners.retain(|_, owners| owners.len() >= MIN_OWNERS);
    owners.into_keys().collect()
}

/// Questions below one domain, while they are counted.
#[derive(Default)]
struct Domain {
    names: HashSet<SmolStr>,
    data: usize,
    flows: Vec<usize>,
}

/// The longest run of whole labels that all names end in; none where there is but one name.
fn common_suffix(names: &HashSet<SmolStr>) -> Option<&str> {
    let first = names.iter().min()?;
    let mut best = first.as_str();
    for name in names {
        while name != best && !name.ends_with(&format!(".{best}")) {
            best = best.split_once('.')?.1;
        }
    }
    (names.len() > 1 && best.contains('.')).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger};

    #[test]
    fn channels_stand_by_client_then_first_contact() {
        let clients = ["2001:db8::2", "192.0.2.9", "2001:db8::1", "192.0.2.10", "192.0.2.9"];
        let flows = clients.iter().zip(0_i64..).map(|(client, n)| {
            flow(&format!("203.0.113.{}", 50 - n), 443).client(client).at_ms(n * 60_000).build()
        });
        let ledger = ledger(flows);
        let order = |channel: &Channel| (channel.client.map(|addr| addr.to_string()), channel.first);
        let told: Vec<_> = ledger.channels.iter().map(order).collect();
        let of = |client: &str| Some(client.to_owned());
        let clients: Vec<_> = told.iter().map(|(client, _)| client.clone()).collect();
        let expected = ["192.0.2.9", "192.0.2.9", "192.0.2.10", "2001:db8::1", "2001:db8::2"].map(of);
        assert_eq!(clients, expected);
        assert!(told[0].1 < told[1].1);
        // Hosts have theirs.
        for (addr, host) in ledger.hosts.iter() {
            let own = host.channels.iter().map(|ix| ledger.channel(*ix));
            assert!(own.clone().all(|channel| channel.client == Some(addr)));
            assert_eq!(host.span.0, own.map(|channel| channel.first).min().expect("a channel"));
        }
        assert_eq!(ledger.hosts.iter().len(), 4);
    }
}
