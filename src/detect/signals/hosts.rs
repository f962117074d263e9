//! What is the same for all channels of a host, worked out once: its past by kind of event, and what it runs.

use crate::detect::evidence::ChannelIx;
use crate::detect::ledger::{Channel, Event, EventKind, HostView, Ledger, Traits};
use crate::time::{Duration, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::OnceLock;

/// Hosts of a ledger, found by channel.
#[derive(Debug, Clone, Copy)]
pub struct Hosts<'a> {
    ledger: &'a Ledger,
    pasts: &'a Pasts,
}

/// What the hosts of a ledger did, worked out once.
#[derive(Debug, Default)]
pub struct Pasts {
    /// Where each channel's host is among those of the ledger, which stay as they are from here on, and where its past.
    seats: Vec<(u32, u32)>,
    all: Vec<Past>,
    /// Channels with echo messages by client and server, in order of first contact; made when asked for.
    echoes: OnceLock<BTreeMap<(IpAddr, IpAddr), Vec<ChannelIx>>>,
}

/// What one host did and runs. The first of all is that of a host that did nothing.
#[derive(Debug, Default)]
pub struct Past {
    /// Events by kind, then time, by their place in the time line.
    kinds: Box<[(EventKind, usize)]>,
    /// Libraries and programs by the channel that they came from, then time, likewise.
    fetched: Box<[(ChannelIx, usize)]>,
    /// The host runs a chat's own program.
    chats: bool,
    /// The host is among peers: so many ports of servers without names answer it, if there are enough.
    peers: Option<usize>,
}

/// Fewest ports of their own at which servers without names answer a host that is among peers: programs that share files
/// or calls ask hundreds. A thief's list of servers is shorter, and its ports are few.
const MIN_PEERS: usize = 32;
/// Lowest port that a peer chooses.
const MIN_PEER_PORT: u16 = 1024;

impl Pasts {
    /// Goes through all hosts. Time n log n in channels and events.
    pub fn new(ledger: &Ledger) -> Self {
        let mut seats = vec![(u32::MAX, 0); ledger.channels.len()];
        let mut pasts = vec![Past::default()];
        for (place, (_, host)) in ledger.hosts.iter().enumerate() {
            let past = Past::of(ledger, host);
            let at = if past.says() {
                pasts.push(past);
                pasts.len() - 1
            } else {
                0
            };
            for ix in &host.channels {
                if let Some(seat) = seats.get_mut(ix.0) {
                    *seat = (place as u32, at as u32);
                }
            }
        }
        Self { seats, all: pasts, echoes: OnceLock::new() }
    }
}

impl<'a> Hosts<'a> {
    /// The hosts of a ledger with what they did.
    pub const fn new(ledger: &'a Ledger, pasts: &'a Pasts) -> Self {
        Self { ledger, pasts }
    }

    /// The ledger.
    pub const fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// The host of a channel with its past.
    pub fn of(&self, ix: ChannelIx) -> Option<(&'a HostView, &'a Past)> {
        let (host, past) = *self.pasts.seats.get(ix.0)?;
        Some((self.ledger.hosts.at(host as usize)?, self.pasts.all.get(past as usize)?))
    }

    /// Channels in which a host sent another echo messages, in order of first contact.
    pub fn echoes(&self, client: IpAddr, server: IpAddr) -> &'a [ChannelIx] {
        let all = self.pasts.echoes.get_or_init(|| {
            let mut all: BTreeMap<_, Vec<ChannelIx>> = BTreeMap::new();
            for (client, host) in self.ledger.hosts.iter() {
                for &ix in &host.channels {
                    let channel = self.ledger.channel(ix);
                    let icmp = |flow: usize| self.ledger.traits[flow].any(Traits::ICMP);
                    if channel.flows.iter().any(icmp) {
                        for &server in &channel.service.addrs {
                            all.entry((client, server)).or_default().push(ix);
                        }
                    }
                }
            }
            all
        });
        all.get(&(client, server)).map_or(&[], Vec::as_slice)
    }
}

/// Whether a channel looks like one with a peer: a server of the Internet without a name, at ports it chose.
pub fn like_a_peer(channel: &Channel) -> bool {
    let service = &channel.service;
    channel.domain.is_none()
        && service.bare()
        && !service.local
        && service.ports.iter().all(|&port| port >= MIN_PEER_PORT)
}

/// Ports at which peers answer a host, if they are enough.
fn peers(ledger: &Ledger, host: &HostView) -> Option<usize> {
    if host.channels.len() < MIN_PEERS {
        return None;
    }
    let channels = host.channels.iter().map(|&ix| ledger.channel(ix));
    let answering = channels.filter(|channel| channel.bytes.0 > 0 && channel.bytes.1 > 0);
    let mut ports: Vec<u16> = answering
        .filter(|channel| like_a_peer(channel))
        .flat_map(|channel| channel.service.ports.iter().copied())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    (ports.len() >= MIN_PEERS).then_some(ports.len())
}

impl Past {
    fn of(ledger: &Ledger, host: &HostView) -> Self {
        let events = host.timeline.iter().enumerate();
        let mut kinds: Vec<(EventKind, usize)> = events.clone().map(|(at, event)| (event.kind, at)).collect();
        kinds.sort_unstable();
        let came = events.filter(|(_, event)| matches!(event.kind, EventKind::Library | EventKind::Program));
        let mut fetched: Vec<(ChannelIx, usize)> = came.map(|(at, event)| (event.channel, at)).collect();
        fetched.sort_unstable();
        let chats = host.channels.iter().any(|&ix| ledger.channel(ix).service.is("chat-client"));
        Self { kinds: kinds.into(), fetched: fetched.into(), chats, peers: peers(ledger, host) }
    }

    const fn says(&self) -> bool {
        self.chats || self.peers.is_some() || !self.kinds.is_empty()
    }

    /// At how many ports servers without names answer the host, where it is among peers.
    pub const fn peers(&self) -> Option<usize> {
        self.peers
    }

    /// Whether the host runs a chat's own program.
    pub const fn chats(&self) -> bool {
        self.chats
    }

    /// Events of a kind that are no more than `within` before `moment`, the latest first.
    pub fn recent<'a>(
        &'a self,
        events: &'a [Event],
        kind: EventKind,
        moment: Timestamp,
        within: Duration,
    ) -> impl Iterator<Item = &'a Event> + use<'a> {
        let past =
            self.kinds.partition_point(|&(own, at)| own < kind || own == kind && events[at].time <= moment);
        let past = self.kinds[..past].iter().rev().take_while(move |(own, _)| *own == kind);
        past.map(|&(_, at)| &events[at]).take_while(move |event| moment.since(event.time) <= within)
    }

    /// Libraries and programs that came from a channel, in order of time.
    pub fn fetched<'a>(
        &'a self,
        events: &'a [Event],
        from: ChannelIx,
    ) -> impl Iterator<Item = &'a Event> + use<'a> {
        let start = self.fetched.partition_point(|(ix, _)| *ix < from);
        let own = self.fetched[start..].iter().take_while(move |(ix, _)| *ix == from);
        own.map(|&(_, at)| &events[at])
    }
}
