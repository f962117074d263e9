//! The conversations that go on.

use super::clock::{Clock, beats};
use super::entry::{Common, Hot, Patience, Rare};
use super::key::{Dir, Key};
use super::stream::Budget;
use super::tcp::Verdict;
use super::turns::Listed;
use super::wheel::Wheel;
use super::{At, ClientBy, Config, Conversation, Dissector};
use crate::anomaly::{Kind, Log};
use crate::decode::{Layers, Transport};
use crate::time::Duration;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Silence after which a SYN without more is given up: above the longest pause between SYNs sent again (64 s).
const HALF_OPEN: Duration = Duration::from_secs(90);
/// How long a closed connection takes in what comes late: half of TIME-WAIT as most systems have it.
const CLOSED: Duration = Duration::from_secs(30);
/// How many conversations that are due are looked at for one packet: after a long silence all are, and in their last form
/// they take more than while they went on. The others have their turn with the next packets; a packet for one of them finds
/// that it is idle.
const DUE_AT_ONCE: usize = 64;
/// How many conversations are looked at to find one that is idle, when there are too many.
const TRIES: usize = 8;
/// Beats by which a conversation may be due later than the one due soonest and still be ended for it: one tick.
const SLACK: u32 = 16;
/// Most conversations whatever the configuration says: slots are numbered in 32 bits.
const MAX_FLOWS: usize = 1 << 30;
/// No conversation.
const NONE: u32 = u32::MAX;

/// All conversations that go on, by key.
///
/// State is a slab with an index: what each packet touches, what is touched rarely, and behind a pointer what
/// payload needs. Nothing is ever listed in the order of hashes.
#[derive(Debug)]
pub struct Table<D: Dissector> {
    config: Config,
    /// Most conversations at once.
    most: usize,
    hot: Vec<Hot<D>>,
    rare: Vec<Rare>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// The conversation of the last packet: the next is often of the same.
    latest: u32,
    clock: Clock,
    wheel: Wheel,
    budget: Budget,
    listed: Listed,
    /// Room is short: conversations are ended when they will hardly be missed, not only when they are idle.
    crowded: bool,
    /// Conversations ended for want of room that might have gone on: where the first was, and how many.
    crowded_out: Option<(At, u64)>,
}

/// A packet and where it falls.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    layers: &'a Layers<'a>,
    dir: Dir,
    at: At,
    wire_len: u32,
    /// Elapsed time, in beats.
    beat: u32,
}

impl<D: Dissector> Table<D> {
    /// An empty table.
    pub fn new(config: Config) -> Self {
        let shortest = config.idle_tcp.min(config.idle_other);
        Self {
            config,
            most: config.max_flows.clamp(1, MAX_FLOWS),
            hot: Vec::new(),
            rare: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            latest: NONE,
            clock: Clock::new(shortest),
            wheel: Wheel::new(),
            budget: Budget::new(config.max_buffered),
            listed: Listed::default(),
            crowded: false,
            crowded_out: None,
        }
    }

    /// How many conversations go on.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes that wait to be put in order.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.budget.used()
    }

    /// Whether none goes on.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Takes one packet of `wire_len` bytes on the wire. Conversations that end by it (idle by the capture clock,
    /// some at a time, begun anew with the same ports, quiet or crowded out where room is short) are appended to `ended`.
    pub fn packet(
        &mut self,
        layers: &Layers<'_>,
        at: At,
        wire_len: u32,
        shared: &mut D::Shared,
        log: &mut Log,
        ended: &mut Vec<Conversation<D::Facts>>,
    ) {
        let doubted = self.clock.doubts();
        let beat = self.clock.tick(at, log);
        if doubted
            && !self.clock.doubts()
            && let Some(hot) = self.hot.get_mut(self.latest as usize)
        {
            // The packet before was the first after a leap: its conversation was not silent all that time.
            hot.seen = beat;
        }
        for _ in 0..DUE_AT_ONCE {
            let Some(index) = self.wheel.pop_due(beat) else { break };
            if !self.put_on(index, beat) {
                self.end(index, shared, log, ended);
            }
        }
        let (key, dir, asking) = Key::of(layers);
        let arrival = Arrival { layers, dir, at, wire_len, beat };
        let mut verdict = Verdict::Part;
        let mut found = self.find(&key);
        if let Some(index) = found {
            verdict = self.judge(index, &arrival);
            if verdict == Verdict::Another {
                self.end(index, shared, log, ended);
                found = None;
            }
        }
        let index = if let Some(index) = found {
            index
        } else {
            if self.len() >= self.most {
                self.crowd_out(at, beat, shared, log, ended);
            }
            self.begin(key, asking, &arrival)
        };
        self.latest = index;
        self.take(index, verdict, &arrival, shared);
        if self.budget.refused > 0 {
            self.budget.refused = 0;
            log.note(
                Kind::Limit,
                at.capture,
                Some(at.frame),
                "no room to put streams in order: gaps declared early",
            );
        }
    }

    /// Ends all conversations.
    pub fn finish(&mut self, shared: &mut D::Shared, log: &mut Log, ended: &mut Vec<Conversation<D::Facts>>) {
        while !self.finish_some(usize::MAX, shared, log, ended) {}
    }

    /// Ends at most so many conversations, those first that would be idle soonest; true when none is left. For
    /// callers that work on them in portions, so that not all are in memory twice.
    pub fn finish_some(
        &mut self,
        at_most: usize,
        shared: &mut D::Shared,
        log: &mut Log,
        ended: &mut Vec<Conversation<D::Facts>>,
    ) -> bool {
        for _ in 0..at_most {
            let Some((index, _)) = self.wheel.pop_soonest() else { break };
            self.end(index, shared, log, ended);
        }
        if let Some((first, count)) = self.crowded_out.take() {
            let what = "too many conversations at once: those idle soonest were ended";
            log.add(Kind::Limit, first.capture, Some(first.frame), count, what);
        }
        self.is_empty()
    }

    fn find(&self, key: &Key) -> Option<u32> {
        let is = |index: u32| self.hot.get(index as usize).is_some_and(|hot| hot.live() && hot.key == *key);
        if is(self.latest) {
            return Some(self.latest);
        }
        self.index.find(self.hasher.hash_one(key), |&index| is(index)).copied()
    }

    fn judge(&mut self, index: u32, arrival: &Arrival<'_>) -> Verdict {
        let Arrival { layers, dir, beat, .. } = *arrival;
        let index = index as usize;
        let (Some(hot), Some(rare)) = (self.hot.get(index), self.rare.get_mut(index)) else {
            return Verdict::Part;
        };
        if beat - hot.seen.min(beat) > span(&self.config, hot.patience()) {
            return Verdict::Another;
        }
        match &layers.transport {
            Transport::Tcp(tcp) => hot.judge(rare, dir, tcp, layers.payload_len),
            _ => Verdict::Part,
        }
    }

    fn begin(&mut self, key: Key, asking: Option<Dir>, arrival: &Arrival<'_>) -> u32 {
        let Arrival { layers, dir, at, .. } = *arrival;
        let (client, by) = match (asking, key.client_by_port()) {
            (Some(client), _) => (client, ClientBy::Protocol),
            (None, Some(client)) => (client, ClientBy::Port),
            (None, None) => (dir, ClientBy::First),
        };
        let hot = Hot::new(key, client, by, at);
        let rare = Rare::new(layers, dir, at);
        let slot = self.free.pop().and_then(|index| {
            Some((index, self.hot.get_mut(index as usize)?, self.rare.get_mut(index as usize)?))
        });
        let index = if let Some((index, hot_slot, rare_slot)) = slot {
            (*hot_slot, *rare_slot) = (hot, rare);
            index
        } else {
            self.hot.push(hot);
            self.rare.push(rare);
            (self.hot.len() - 1) as u32
        };
        let (slots, hasher) = (&self.hot, &self.hasher);
        let rehash = |&index: &u32| slots.get(index as usize).map_or(0, |hot| hasher.hash_one(hot.key));
        self.index.insert_unique(hasher.hash_one(key), index, rehash);
        if !self.crowded && self.len() > self.most / 2 {
            self.crowded = true;
            self.place_all();
        }
        index
    }

    /// Puts all conversations where they are due by now: once each time that room becomes short.
    fn place_all(&mut self) {
        for index in 0..self.hot.len() as u32 {
            if self.hot.get(index as usize).is_some_and(Hot::live) {
                self.wheel.place(index, self.due(index));
            }
        }
    }

    /// Takes a packet into its conversation.
    fn take(&mut self, index: u32, verdict: Verdict, arrival: &Arrival<'_>, shared: &mut D::Shared) {
        let Arrival { layers, dir, at, wire_len, beat } = *arrival;
        let Some(hot) = self.hot.get_mut(index as usize) else { return };
        let (first, answered) = (!hot.sent(dir), hot.sent(1 - dir));
        let patience = hot.patience();
        hot.seen = beat;
        hot.count(&mut self.rare, index as usize, dir, at, wire_len, layers.macs.map(|(src, _)| src));
        let Some(rare) = self.rare.get_mut(index as usize) else { return };
        let mut common = Common { budget: &mut self.budget, listed: &mut self.listed, shared };
        match &layers.transport {
            Transport::Tcp(_) if verdict == Verdict::Astray => {}
            Transport::Tcp(tcp) => hot.tcp(rare, dir, tcp, layers, at, &mut common),
            _ => hot.datagram(rare, dir, layers, at, &mut common),
        }
        // Else it is early enough to see when it is due: only what makes it end sooner counts at once.
        let sooner = hot.patience() > patience || first && (!answered || self.crowded);
        if sooner {
            self.wheel.place(index, self.due(index));
        }
    }

    /// When a conversation will be idle if nothing more comes, in beats; where room is short, when it will hardly be
    /// missed.
    fn due(&self, index: u32) -> u32 {
        let Some(hot) = self.hot.get(index as usize) else { return 0 };
        let idle = span(&self.config, hot.patience());
        hot.seen.saturating_add(if self.crowded { idle.min(missed(hot)) } else { idle })
    }

    /// Puts a conversation that was due where it is due by now; false when it is idle.
    fn put_on(&mut self, index: u32, beat: u32) -> bool {
        let due = self.due(index);
        let goes_on = due >= beat;
        if goes_on {
            self.wheel.place(index, due);
        }
        goes_on
    }

    /// Ends the conversation that would be idle soonest, or one that is close to it. It is told only where more of
    /// it was to be expected.
    fn crowd_out(
        &mut self,
        at: At,
        beat: u32,
        shared: &mut D::Shared,
        log: &mut Log,
        ended: &mut Vec<Conversation<D::Facts>>,
    ) {
        let Some(index) = self.soonest() else { return };
        let Some(hot) = self.hot.get(index as usize) else { return };
        if hot.patience() != Patience::Closed && beat.saturating_sub(hot.seen) < missed(hot) {
            self.crowded_out.get_or_insert((at, 0)).1 += 1;
        }
        self.end(index, shared, log, ended);
    }

    fn soonest(&mut self) -> Option<u32> {
        for _ in 0..TRIES {
            let (index, placed) = self.wheel.pop_soonest()?;
            let due = self.due(index);
            // Packets came since it was placed: another may be due sooner.
            if due <= placed.saturating_add(SLACK) {
                return Some(index);
            }
            self.wheel.place(index, due);
        }
        self.wheel.pop_soonest().map(|(index, _)| index)
    }

    /// Takes a conversation out of the table.
    fn end(
        &mut self,
        index: u32,
        shared: &mut D::Shared,
        log: &mut Log,
        ended: &mut Vec<Conversation<D::Facts>>,
    ) {
        self.wheel.remove(index);
        let (Some(hot), Some(rare)) = (self.hot.get_mut(index as usize), self.rare.get_mut(index as usize))
        else {
            return;
        };
        let hash = self.hasher.hash_one(hot.key);
        if let Ok(entry) = self.index.find_entry(hash, |&found| found == index) {
            entry.remove();
        }
        let hot = hot.take();
        let rare = rare.take();
        self.free.push(index);
        // Those that were placed for want of room come early and are put on.
        self.crowded &= self.len() > self.most / 4;
        let mut common = Common { budget: &mut self.budget, listed: &mut self.listed, shared };
        ended.push(hot.end(rare, &mut common, log));
    }
}

/// Silence after which a conversation is hardly missed when there is no room for all, in beats.
fn missed<D: Dissector>(hot: &Hot<D>) -> u32 {
    beats(quiet(hot.patience(), hot.sent(0) && hot.sent(1), hot.cold.is_some()))
}

/// The same by what it is.
const fn quiet(patience: Patience, answered: bool, payload: bool) -> Duration {
    match patience {
        // Keep-alives and beats of the more eager kind come within it.
        Patience::Connected if answered || payload => Duration::from_secs(300),
        // A question has its answer. A connection has its end: what is still under way comes at once, but would else
        // be taken for another.
        Patience::Other if answered => Duration::from_secs(5),
        Patience::Closed => Duration::from_secs(5),
        // Retries of resolvers and the like are over.
        Patience::Other => Duration::from_secs(30),
        // So are most SYNs that are sent again: after 1, 3, 7 s. An acknowledgement alone is what is left of a
        // connection.
        Patience::HalfOpen | Patience::Connected => Duration::from_secs(10),
    }
}

/// How much silence is borne, in beats.
fn span(config: &Config, patience: Patience) -> u32 {
    let least = |span: Duration| beats(span.min(config.idle_tcp));
    match patience {
        Patience::Connected => beats(config.idle_tcp),
        Patience::Other => beats(config.idle_other),
        Patience::HalfOpen => least(HALF_OPEN),
        Patience::Closed => least(CLOSED),
    }
}
