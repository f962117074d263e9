//! One look each at one channel.
//!
//! In: a [`View`] of one channel and its host. Out: a [`Statement`] with figures, frames and strength, or nothing.
//! A signal knows no family and no other signal, and no weight: `rules/signals.toml` has those. `gate` says which looks
//! may see anything in a channel, `hosts` what is the same for all channels of a host.

mod answer;
mod beat;
mod destination;
mod doh;
mod drip;
mod ftp;
mod gate;
mod growth;
mod hosts;
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

pub use destination::BARE;
pub use hosts::{Hosts, Pasts};
pub use opaque::turned;

use super::evidence::{ChannelIx, MAX_FRAMES, Statement};
use super::ledger::{Channel, Event, EventKind, HostView, Ledger, Traits};
use crate::record::{Body, Exchange, Flow, Outline};
use crate::time::{Duration, Timestamp};
use gate::{Marks, Needs};
use hosts::Past;
use std::sync::LazyLock;

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

/// Bound on signals, in words of 64.
const WORDS: usize = 2;

/// Signals as bits, by their place in [`ALL`].
#[derive(Debug, Clone, Copy, Default)]
struct Set([u64; WORDS]);

impl Set {
    fn insert(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn add(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
    }

    fn keep(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own &= other);
    }

    /// The lowest, taken out.
    fn pop(&mut self) -> Option<usize> {
        let word = self.0.iter().position(|word| *word != 0)?;
        let bit = self.0[word].trailing_zeros() as usize;
        self.0[word] &= self.0[word] - 1;
        Some(word * 64 + bit)
    }
}

/// Signals by what they need.
struct Index {
    all: Vec<&'static Signal>,
    /// Those that need nothing.
    always: Set,
    /// Those that need one of some traits, by trait.
    by_trait: Vec<(Traits, Set)>,
    /// Those that look at a domain's questions, too.
    of_domain: Set,
    /// The one that says of most channels what alone tells nothing.
    bare: usize,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let all: Vec<&Signal> = ALL.into_iter().flatten().collect();
    assert!(all.len() <= WORDS * 64, "more signals than bits");
    let set = |fits: &dyn Fn(&Signal) -> bool| {
        let mut set = Set::default();
        all.iter().enumerate().filter(|(_, signal)| fits(signal)).for_each(|(at, _)| set.insert(at));
        set
    };
    let by_trait =
        gate::TRAITS.into_iter().map(|own| (own, set(&|signal| signal.needs.asks_for(own)))).collect();
    Index {
        always: set(&|signal| signal.needs.asks_for_nothing()),
        by_trait,
        of_domain: set(&|signal| tunnel::of_domain(signal.name)),
        bare: all.iter().position(|signal| signal.name == BARE).unwrap_or(usize::MAX),
        all,
    }
});

/// What all signals say of a channel.
#[derive(Debug, Default)]
pub struct Said {
    /// Their statements, in the order of [`ALL`].
    pub statements: Vec<Statement>,
    /// Where among them that of the bare address would stand, if it is yet to be made: it is said of most channels, and
    /// most have nothing else.
    pub bare: Option<usize>,
}

impl Said {
    /// Makes the statement that is yet to be made.
    pub fn complete(&mut self, view: &View<'_>) {
        if let Some(at) = self.bare.take()
            && let Some(statement) = INDEX.all.get(INDEX.bare).and_then(|signal| signal.look(view))
        {
            self.statements.insert(at, statement);
        }
    }
}

impl Signal {
    fn look(&self, view: &View<'_>) -> Option<Statement> {
        (self.look)(view).map(|statement| Statement { signal: self.name.into(), ..statement })
    }
}

/// What every signal says of a channel. Visitors from the Internet and multicast are no one's loss.
pub fn look(view: &View<'_>) -> Said {
    let index = &*INDEX;
    let mut set = index.always;
    for (own, signals) in &index.by_trait {
        if view.traits.any(*own) {
            set.add(*signals);
        }
    }
    if view.channel.domain.is_some() {
        set.keep(index.of_domain);
    }
    let mut said = Said::default();
    while let Some(at) = set.pop() {
        let signal = index.all[at];
        if !signal.needs.met_by(view.traits, view.marks) {
            continue;
        }
        if at == index.bare {
            said.bare = Some(said.statements.len());
        } else {
            said.statements.extend(signal.look(view));
        }
    }
    debug_assert_eq!(unfounded(view), None, "it sees without what it needs");
    said
}

/// A signal that says something of a channel although that has not what it needs: there is none.
fn unfounded(view: &View<'_>) -> Option<&'static str> {
    let apart = |signal: &&Signal| view.channel.domain.is_none() || tunnel::of_domain(signal.name);
    let passed = |signal: &&Signal| !signal.needs.met_by(view.traits, view.marks);
    let mut passed = ALL.into_iter().flatten().filter(apart).filter(passed);
    passed.find(|signal| (signal.look)(view).is_some()).map(|signal| signal.name)
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
    /// All hosts.
    hosts: Hosts<'a>,
    /// What the client did.
    past: &'a Past,
    /// What the channel has.
    traits: Traits,
    marks: Marks,
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
    pub fn new(hosts: Hosts<'a>, ix: ChannelIx) -> Option<Self> {
        let ledger = hosts.ledger();
        let channel = ledger.channels.get(ix.0).filter(|channel| !channel.inbound)?;
        let (host, past) = hosts.of(ix)?;
        let traits = Traits::of(channel, host);
        let marks =
            Marks::of(ledger, channel, (host, past.fetched(&host.timeline, ix).next().is_some()), traits);
        Some(Self { ledger, ix, channel, host, hosts, past, traits, marks })
    }

    /// At how many ports servers without names answer the host, where it is among peers and this is one of them.
    pub fn peers(&self) -> Option<usize> {
        self.past.peers().filter(|_| hosts::like_a_peer(self.channel))
    }

    /// Flows with their index in the ledger, in time order.
    pub fn flows(&self) -> impl DoubleEndedIterator<Item = (usize, &'a Flow)> + Clone + use<'a> {
        let flows = &self.ledger.flows;
        self.channel.flows.iter().map(move |index| (index, &flows[index]))
    }

    /// The same at a glance, with what each has: none is made a record for it.
    pub fn outlines(&self) -> impl Iterator<Item = (usize, Outline, Traits)> + use<'a> {
        let (flows, traits) = (&self.ledger.flows, &self.ledger.traits);
        self.channel.flows.iter().filter_map(move |index| Some((index, flows.outline(index)?, traits[index])))
    }

    /// Those of them that have one of some traits: others are not made records for it.
    pub fn flows_with(&self, any: Traits) -> impl Iterator<Item = (usize, &'a Flow)> + Clone + use<'a> {
        let (flows, traits) = (&self.ledger.flows, &self.ledger.traits);
        let own = self.channel.flows.iter().filter(move |&index| traits[index].any(any));
        own.map(move |index| (index, &flows[index]))
    }

    /// HTTP exchanges with their flow, in time order within a flow.
    pub fn exchanges(&self) -> impl Iterator<Item = (usize, &'a Flow, &'a Exchange)> + Clone + use<'a> {
        self.flows_with(Traits::HTTP)
            .flat_map(|(index, flow)| flow.http.iter().map(move |exchange| (index, flow, exchange)))
    }

    /// Requests that carry a body.
    pub fn posts(&self) -> impl Iterator<Item = (usize, &'a Flow, &'a Exchange, &'a Body)> + Clone + use<'a> {
        let posting = self.flows_with(Traits::POST);
        let all = posting.flat_map(|(index, flow)| flow.http.iter().map(move |own| (index, flow, own)));
        all.filter_map(|(index, flow, exchange)| {
            let body = exchange.request.as_deref()?;
            (body.bytes > 0).then_some((index, flow, exchange, body))
        })
    }

    /// All that went to the service in pieces that could be looked into: request bodies, mails, stored files,
    /// the client's side of an opaque stream.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'a>> + use<'a> {
        self.flows_with(Traits::PIECE).flat_map(|(index, flow)| {
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
        self.recent(kind, moment, within).find(|event| event.channel != self.ix)
    }

    /// What the host did of a kind in the time `within` before `moment`, the latest first.
    pub fn recent(
        &self,
        kind: EventKind,
        moment: Timestamp,
        within: Duration,
    ) -> impl Iterator<Item = &'a Event> + use<'a> {
        self.past.recent(&self.host.timeline, kind, moment, within)
    }

    /// Libraries and programs that came from the service, in order of time.
    pub fn fetched(&self) -> impl Iterator<Item = &'a Event> + use<'a> {
        self.past.fetched(&self.host.timeline, self.ix)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, certificate, flow, ledger, mail, request, view_at, zip};
    use crate::record::{Mail, Proto, SideName, State};

    /// Conversations of most kinds, each with something said of it.
    fn ledgers() -> Vec<Ledger> {
        let at = |n: i64| 1_000 * n;
        let agent = [("User-Agent", "Mozilla/4.08"), ("Content-Type", "multipart/form-data,boundary=x")];
        let loot = zip(40_000, &["Passwords.txt", "Cookies/a.txt"]);
        let pe = crate::record::Body { magic: Some("pe".into()), ..body(90_000) };
        let mut got = request("GET", "203.0.113.6", "/a.exe?bot_id=1&os=2", &[], None);
        got.response = Some(Box::new(pe));
        let own = certificate("CN=localhost", "CN=localhost", &[]);
        let word: Vec<u8> = b"shell".iter().copied().chain([0; 43]).collect();
        let turns: Vec<_> = (0..20).map(|n| (SideName::Client, n * 60_000, 45)).collect();
        let polls = (0..12).map(|n| {
            let get = request("GET", "203.0.113.7", "/tasks", &[], None);
            flow("203.0.113.7", 8090).at_ms(n * 30_000).http(get).build()
        });
        let gone = (0..9).map(|n| flow("203.0.113.8", 4444).at_ms(n * 30_000).state(State::Refused).build());
        vec![
            ledger([flow("192.0.2.1", 53).dns("www.shop.example", "A", &["198.51.100.9"]).build()]),
            ledger([flow("198.51.100.9", 443)
                .tls(Some("www.shop.example"), None)
                .payload(900, 9_000)
                .build()]),
            ledger([flow("203.0.113.5", 8444).tls(None, Some(own)).payload(90_000, 900).build()]),
            ledger([flow("203.0.113.4", 80)
                .http(request("POST", "203.0.113.4", "/gate.php", &agent, Some(loot)))
                .build()]),
            ledger([
                flow("203.0.113.6", 80).http(got).build(),
                flow("203.0.113.6", 4443).at_ms(at(9)).payload(99, 99).first(&[7; 40], &[7; 40]).build(),
                flow("203.0.113.9", 4443).at_ms(at(12)).payload(30_000, 99).turns(&turns).build(),
            ]),
            ledger([flow("203.0.113.3", 587)
                .smtp(mail("HOST1", Mail { headers: vec!["To".into()], ..Mail::default() }))
                .build()]),
            ledger([flow("203.0.113.2", 0).proto(Proto::Icmp).first(&word, &[]).payload(788, 0).build()]),
            ledger(polls.chain(gone)),
        ]
    }

    #[test]
    fn what_is_passed_by_says_nothing() {
        let mut names = Vec::new();
        for ledger in ledgers() {
            for ix in 0..ledger.channels.len() {
                let view = view_at(&ledger, ix);
                let apart =
                    |signal: &&Signal| view.channel.domain.is_none() || tunnel::of_domain(signal.name);
                let all: Vec<Statement> =
                    ALL.into_iter().flatten().filter(apart).filter_map(|signal| signal.look(&view)).collect();
                let mut said = look(&view);
                said.complete(&view);
                assert_eq!(said.statements, all);
                names.extend(all.into_iter().map(|statement| statement.signal));
            }
        }
        names.sort();
        names.dedup();
        assert!(names.len() >= 20, "{names:?}");
    }
}
