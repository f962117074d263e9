//! One look each at one channel.
//!
//! In: a [`View`] of one channel and its host. Out: a [`Statement`] with figures, frames and strength, or nothing.
//! A signal knows no family and no other signal, and no weight: `rules/signals.toml` has those.

mod answer;
mod beat;
mod destination;
mod doh;
mod drip;
mod ftp;
mod growth;
mod inventory;
mod loot;
mod mail;
mod opaque;
mod order;
mod request;
pub mod rotation;
mod silence;
mod tls;
mod tunnel;
mod upload;
mod web_service;
mod webdav;

pub use opaque::turned;

use super::evidence::{ChannelIx, MAX_FRAMES, Statement};
use super::ledger::{Channel, Event, EventKind, HostView, Ledger, Traits as Needs};
use crate::record::{Body, Exchange, Flow, Proto};
use crate::time::{Duration, Timestamp};

/// A signal: its name in `rules/signals.toml` and how it looks.
#[derive(Debug, Clone, Copy)]
pub struct Signal {
    /// Key of `rules/signals.toml`.
    pub name: &'static str,
    /// What the channel must have for the look to see anything.
    pub needs: Needs,
    /// The look.
    pub look: fn(&View<'_>) -> Option<Statement>,
}

/// All signals, topic by topic.
pub const ALL: [&[Signal]; 20] = [
    answer::SIGNALS,
    beat::SIGNALS,
    destination::SIGNALS,
    doh::SIGNALS,
    drip::SIGNALS,
    ftp::SIGNALS,
    growth::SIGNALS,
    inventory::SIGNALS,
    loot::SIGNALS,
    mail::SIGNALS,
    opaque::SIGNALS,
    order::SIGNALS,
    request::SIGNALS,
    rotation::SIGNALS,
    silence::SIGNALS,
    tls::SIGNALS,
    tunnel::SIGNALS,
    upload::SIGNALS,
    web_service::SIGNALS,
    webdav::SIGNALS,
];

/// Every statement of every signal, channel by channel. Visitors from the Internet and multicast are no one's loss.
pub fn look(view: &View<'_>) -> Vec<Statement> {
    let apart = |signal: &&Signal| view.channel.domain.is_none() || tunnel::of_domain(signal.name);
    let traits = Needs::of(view.ledger, view.channel, view.host);
    let needed = |signal: &&Signal| {
        let may = signal.needs.met_by(traits);
        debug_assert!(may || (signal.look)(view).is_none(), "{} sees without what it needs", signal.name);
        may
    };
    let said = ALL.into_iter().flatten().filter(apart).filter(needed).filter_map(|signal| {
        (signal.look)(view).map(|statement| Statement { signal: signal.name.into(), ..statement })
    });
    said.collect()
}

/// One channel as a signal sees it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Everything, for what happened around.
    pub ledger: &'a Ledger,
    /// Which channel.
    pub ix: ChannelIx,
    /// The channel.
    pub channel: &'a Channel,
    /// Its client.
    pub host: &'a HostView,
}

/// Something that went to the service as one piece.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Flow by index.
    pub index: usize,
    /// The flow.
    pub flow: &'a Flow,
    /// Frame it began in.
    pub frame: u64,
    /// When.
    pub time: Timestamp,
    /// What.
    pub body: &'a Body,
    /// Path, mailbox or file it went to.
    pub place: Option<&'a str>,
}

impl<'a> View<'a> {
    /// The view of a channel; none where it cannot be a victim's.
    pub fn new(ledger: &'a Ledger, ix: ChannelIx) -> Option<Self> {
        let channel = ledger.channels.get(ix.0)?;
        let host = ledger.hosts.get(&channel.client?)?;
        (!channel.inbound).then_some(Self { ledger, ix, channel, host })
    }

    /// Flows with their index in the ledger, in time order.
    pub fn flows(&self) -> impl DoubleEndedIterator<Item = (usize, &'a Flow)> + Clone + use<'a> {
        let flows = &self.ledger.flows;
        self.channel.flows.iter().map(move |index| (index, &flows[index]))
    }

    /// HTTP exchanges with their flow, in time order within a flow.
    pub fn exchanges(&self) -> impl Iterator<Item = (usize, &'a Flow, &'a Exchange)> + Clone + use<'a> {
        self.flows().flat_map(|(index, flow)| flow.http.iter().map(move |exchange| (index, flow, exchange)))
    }

    /// Requests that carry a body.
    pub fn posts(&self) -> impl Iterator<Item = (usize, &'a Flow, &'a Exchange, &'a Body)> + Clone + use<'a> {
        self.exchanges().filter_map(|(index, flow, exchange)| {
            let body = exchange.request.as_deref()?;
            (body.bytes > 0).then_some((index, flow, exchange, body))
        })
    }

    /// All that went to the service in pieces that could be looked into: request bodies, mails, stored files,
    /// the client's side of an opaque stream.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'a>> + use<'a> {
        self.flows().flat_map(|(index, flow)| {
            let requests = flow.http.iter().filter_map(move |exchange| {
                let body = exchange.request.as_deref()?;
                let (frame, time) = (exchange.frame, exchange.time);
                Some(Piece { index, flow, frame, time, body, place: Some(&exchange.path) })
            });
            let mails = flow.smtp.iter().flat_map(|smtp| &smtp.mails).map(move |mail| {
                let place = mail.to.first().map(String::as_str);
                let (frame, time) = (mail.frames.0, mail.time);
                Piece { index, flow, frame, time, body: &mail.body, place }
            });
            let stream = flow.other.iter().filter_map(move |other| {
                let body = other.to_server.as_deref()?;
                let (frame, time) = (flow.frames.first, flow.start);
                Some(Piece { index, flow, frame, time, body, place: other.name.as_deref() })
            });
            requests.chain(mails).chain(stream)
        })
    }

    /// A statement about this channel. The caller of all signals fills in the name.
    pub fn say(&self, strength: f64, why: String) -> Statement {
        Statement {
            channel: self.ix,
            signal: String::new(),
            strength: strength.clamp(0.0, 1.0),
            why,
            capture: 0,
            frames: Vec::new(),
            span: (Timestamp(i64::MAX), Timestamp(i64::MIN)),
            flows: Vec::new(),
            kinds: Vec::new(),
            beacon: None,
            upload: None,
            loot: None,
        }
    }

    /// Whether the service is one of the Internet.
    pub fn public(&self) -> bool {
        !self.channel.service.local
    }

    /// The last event of a kind in another channel, at most `within` before `moment`.
    pub fn before(&self, kind: EventKind, moment: Timestamp, within: Duration) -> Option<&'a Event> {
        self.recent(moment, within).find(|event| event.kind == kind && event.channel != self.ix)
    }

    /// What the host did in the time `within` before `moment`, the latest first.
    pub fn recent(&self, moment: Timestamp, within: Duration) -> impl Iterator<Item = &'a Event> + use<'a> {
        let events = &self.host.timeline;
        let past = events.partition_point(|event| event.time <= moment);
        events[..past].iter().rev().take_while(move |event| moment.since(event.time) <= within)
    }

    /// Whether the service is what it is called, and `rules/services.toml` knows it for ordinary business.
    pub fn known(&self) -> bool {
        self.channel.service.is("ordinary")
    }
}

impl Statement {
    /// Adds what it rests on: a frame of a flow.
    #[must_use]
    pub fn at(mut self, index: usize, flow: &Flow, frame: u64, time: Timestamp) -> Self {
        if self.flows.is_empty() {
            self.capture = flow.capture;
        }
        if self.flows.len() < MAX_FLOWS && self.flows.last() != Some(&index) && !self.flows.contains(&index) {
            self.flows.push(index);
        }
        if flow.capture == self.capture && self.frames.len() < MAX_FRAMES && !self.frames.contains(&frame) {
            self.frames.push(frame);
        }
        self.span = (self.span.0.min(time), self.span.1.max(time));
        self
    }

    /// Adds a whole flow.
    #[must_use]
    pub fn flow(self, index: usize, flow: &Flow) -> Self {
        let end = flow.end;
        let mut own = self.at(index, flow, flow.frames.first, flow.start);
        own.span.1 = own.span.1.max(end);
        own
    }

    /// Adds a piece.
    #[must_use]
    pub fn piece(self, piece: &Piece<'_>) -> Self {
        self.at(piece.index, piece.flow, piece.frame, piece.time)
    }

    /// Adds a request.
    #[must_use]
    pub fn exchange(self, index: usize, flow: &Flow, exchange: &Exchange) -> Self {
        self.at(index, flow, exchange.frame, exchange.time)
    }
}

/// Bound on the flows one statement lists; what is beyond is of the same kind.
const MAX_FLOWS: usize = 64;

/// Ports where servers of the common protocols listen: no name for the service is needed to expect them.
fn common_port(port: u16) -> bool {
    matches!(
        port,
        20..=23 | 25 | 53 | 80 | 110 | 119 | 123 | 143 | 161 | 389 | 443 | 445 | 465 | 554 | 563 | 587 | 636 | 853
            | 989..=995 | 1194 | 1883 | 1935 | 3128 | 3478..=3481 | 4500 | 5060 | 5061 | 5222 | 5223 | 5228..=5230
            | 8000 | 8008 | 8009 | 8080 | 8081 | 8443 | 8883 | 8888
    )
}

/// Whether the flow is TCP, UDP or whatever else carries a conversation of which nothing is recognised.
fn opaque(flow: &Flow) -> bool {
    flow.app() == "unknown" && matches!(flow.proto, Proto::Tcp | Proto::Udp)
}

/// Bytes as a person reads them: `950 B`, `41.2 KB`, `1.8 MB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..=9999 => format!("{bytes} B"),
        10_000..=999_999 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// A share of 0 to 1 in whole percent.
fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `1 library`, `3 libraries`, `3 uploads`.
fn count(n: usize, thing: &str) -> String {
    match thing.strip_suffix('y') {
        _ if n == 1 => format!("1 {thing}"),
        Some(stem) => format!("{n} {stem}ies"),
        None => format!("{n} {thing}s"),
    }
}
