//! What the table keeps of an open conversation, by how often it is touched.

use super::key::{Dir, Key};
use super::stream::{Budget, Segment, Sink, Stream};
use super::turns::{Listed, Turns};
use super::{Appetite, At, ClientBy, Dissector, FrameSpan, Opening, Side};
use crate::decode::{Encapsulation, Layers, Mac};
use crate::time::Timestamp;

// Flags of an entry. Those of a side are shifted by its `Dir`.
/// The side sent a SYN.
pub(super) const SYN: u16 = 1;
/// The side sent a FIN.
pub(super) const FIN: u16 = 1 << 2;
/// The side sent an RST.
pub(super) const RST: u16 = 1 << 4;
/// The side's `next` is known, by its SYN or data.
pub(super) const KNOWN: u16 = 1 << 6;
/// The side was acknowledged; where it is not `KNOWN`, `next` is the first acknowledgement.
pub(super) const ACKED: u16 = 1 << 8;
/// Something but SYN and RST was seen.
pub(super) const TALKED: u16 = 1 << 10;
/// The entry is in use.
pub(super) const LIVE: u16 = 1 << 11;

/// How long silence is borne, shortest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Patience {
    Connected,
    Other,
    HalfOpen,
    Closed,
}

/// What each packet touches: two cache lines.
#[derive(Debug)]
pub(super) struct Hot<D> {
    pub(super) key: Key,
    /// Elapsed time of the last packet, in beats.
    pub(super) seen: u32,
    /// Capture time of the last packet.
    pub(super) last: Timestamp,
    pub(super) last_frame: u64,
    pub(super) bytes: [u64; 2],
    /// What has payload, made when payload comes.
    pub(super) cold: Option<Box<Cold<D>>>,
    /// Packets, modulo 2^32: see [`Odd::rounds`].
    packets: [u32; 2],
    /// Sequence number of the next byte in order.
    pub(super) next: [u32; 2],
    /// Highest acknowledgement by the other side.
    pub(super) acked: [u32; 2],
    pub(super) capture: u32,
    pub(super) flags: u16,
    /// The end taken for the client.
    pub(super) client: u8,
    pub(super) by: ClientBy,
}

const _: () = assert!(size_of::<Hot<u64>>() <= 128);

/// What begin, end and handshake touch.
#[derive(Debug)]
pub(super) struct Rare {
    pub(super) start: At,
    /// First frame in the present capture.
    first: u64,
    pub(super) macs: [Option<Mac>; 2],
    /// Sequence numbers of SYN and FIN.
    pub(super) isn: [u32; 2],
    pub(super) fin: [u32; 2],
    odd: Option<Box<Odd>>,
}

const _: () = assert!(size_of::<Rare>() <= 72);

/// What most conversations have nothing of.
#[derive(Debug, Default)]
pub(super) struct Odd {
    /// Frames in captures before.
    pub(super) earlier: Vec<(u32, FrameSpan)>,
    pub(super) encapsulation: Encapsulation,
    /// How often `packets` went round.
    rounds: [u32; 2],
    /// Where a segment far from the stream would go on, until another does.
    pub(super) astray: [Option<u32>; 2],
}

/// What payload touches.
#[derive(Debug)]
pub(super) struct Cold<D> {
    pub(super) dissector: Option<D>,
    pub(super) streams: [Stream; 2],
    pub(super) turns: Turns,
    /// Bytes lost before there was a dissector to tell.
    early: [u64; 2],
    /// Copies of the same bytes that differ: how many, and where the first was.
    pub(super) conflicts: Option<Box<(u64, At)>>,
}

// With 152 bytes for the dissector in place of 8 it is 440: allocators round up to 448.
const _: () = assert!(size_of::<Cold<Box<()>>>() <= 296);

/// What all conversations share while one is worked on.
pub(super) struct Common<'a, S> {
    pub(super) budget: &'a mut Budget,
    pub(super) listed: &'a mut Listed,
    pub(super) shared: &'a mut S,
}

/// Hands the bytes of one side to the dissector.
pub(super) struct Feed<'a, D: Dissector> {
    dissector: Option<&'a mut D>,
    early: &'a mut u64,
    side: Side,
    shared: &'a mut D::Shared,
}

impl<D: Dissector> Sink for Feed<'_, D> {
    fn data(&mut self, bytes: &[u8], at: At) -> Appetite {
        match &mut self.dissector {
            Some(dissector) => dissector.data(self.side, bytes, at, self.shared),
            None => Appetite::All,
        }
    }
    fn gap(&mut self, length: u64, at: At) {
        match &mut self.dissector {
            Some(dissector) => dissector.gap(self.side, length, at, self.shared),
            None => *self.early = self.early.saturating_add(length),
        }
    }
    fn passed(&mut self, length: u64, at: At) {
        if let Some(dissector) = &mut self.dissector {
            dissector.passed(self.side, length, at);
        }
    }
}

impl Rare {
    pub(super) fn new(layers: &Layers<'_>, dir: Dir, at: At) -> Self {
        let mut macs = [None; 2];
        if let Some((src, dst)) = layers.macs {
            macs[dir & 1] = Some(src);
            // A group address is nobody's.
            macs[1 - (dir & 1)] = Some(dst).filter(|mac| mac[0] & 1 == 0);
        }
        let path = layers.encapsulation;
        Self {
            start: at,
            first: at.frame,
            macs,
            isn: [0; 2],
            fin: [0; 2],
            odd: (!path.steps().is_empty()).then(|| Box::new(Odd { encapsulation: path, ..Odd::default() })),
        }
    }

    /// Leaves the slot vacant.
    pub(super) fn take(&mut self) -> Self {
        let vacant = Self { odd: None, ..*self };
        std::mem::replace(self, vacant)
    }

    /// What is odd about it, from now on.
    pub(super) fn odd(&mut self) -> &mut Odd {
        self.odd.get_or_insert_default()
    }

    /// What was odd about it.
    pub(super) fn into_odd(self) -> Odd {
        self.odd.map(|odd| *odd).unwrap_or_default()
    }
}

impl<D: Dissector> Cold<D> {
    fn new() -> Self {
        Self {
            dissector: None,
            streams: [Stream::default(), Stream::default()],
            turns: Turns::default(),
            early: [0; 2],
            conflicts: None,
        }
    }

    /// The stream of `dir` and where its bytes go.
    pub(super) fn feed<'a>(
        &'a mut self,
        dir: Dir,
        client: u8,
        shared: &'a mut D::Shared,
    ) -> (&'a mut Stream, Feed<'a, D>) {
        let Self { dissector, streams: [a, b], early: [early_a, early_b], .. } = self;
        let (stream, early) = if dir == 0 { (a, early_a) } else { (b, early_b) };
        (stream, Feed { dissector: dissector.as_mut(), early, side: side(dir, client), shared })
    }
}

/// The side that `dir` is when `client` is the client.
fn side(dir: Dir, client: u8) -> Side {
    if dir == usize::from(client) { Side::Client } else { Side::Server }
}

impl<D: Dissector> Hot<D> {
    pub(super) fn new(key: Key, client: Dir, by: ClientBy, at: At) -> Self {
        Self {
            key,
            seen: 0,
            last: at.time,
            last_frame: at.frame,
            bytes: [0; 2],
            cold: None,
            packets: [0; 2],
            next: [0; 2],
            acked: [0; 2],
            capture: at.capture,
            flags: LIVE,
            client: client as u8,
            by,
        }
    }

    /// Leaves the slot vacant.
    pub(super) fn take(&mut self) -> Self {
        let nowhere = At { time: self.last, frame: 0, capture: 0 };
        let vacant = Self { flags: 0, ..Self::new(self.key, 0, self.by, nowhere) };
        std::mem::replace(self, vacant)
    }

    pub(super) fn live(&self) -> bool {
        self.flags & LIVE != 0
    }
    /// Whether a flag of a side is set.
    pub(super) fn has(&self, flag: u16, dir: Dir) -> bool {
        self.flags & flag << dir != 0
    }
    pub(super) fn set(&mut self, flag: u16, dir: Dir) {
        self.flags |= flag << dir;
    }
    /// Whether a flag is set of any side.
    pub(super) fn any(&self, flag: u16) -> bool {
        self.flags & (flag | flag << 1) != 0
    }
    /// TCP: nothing more is to come.
    pub(super) fn closed(&self) -> bool {
        self.any(RST) || (self.has(FIN, 0) && self.has(FIN, 1))
    }
    /// Whether the dissector exists: the sides are settled then.
    pub(super) fn opened(&self) -> bool {
        self.cold.as_ref().is_some_and(|cold| cold.dissector.is_some())
    }
    /// Whether a side sent a packet.
    pub(super) fn sent(&self, dir: Dir) -> bool {
        self.bytes[dir & 1] > 0 || self.packets[dir & 1] > 0
    }

    pub(super) fn patience(&self) -> Patience {
        if !self.key.is_tcp() {
            Patience::Other
        } else if self.closed() {
            Patience::Closed
        } else if self.flags & TALKED == 0 {
            Patience::HalfOpen
        } else if self.any(FIN) {
            Patience::Other
        } else {
            Patience::Connected
        }
    }

    /// Counts a packet.
    pub(super) fn count(
        &mut self,
        rare: &mut [Rare],
        index: usize,
        dir: Dir,
        at: At,
        wire_len: u32,
        mac: Option<Mac>,
    ) {
        let dir = dir & 1;
        let rarely = self.packets[dir] == 0 || self.packets[dir] == u32::MAX || self.capture != at.capture;
        if let Some(rare) = rare.get_mut(index).filter(|_| rarely) {
            self.count_rarely(rare, dir, at, mac);
        }
        self.packets[dir] = self.packets[dir].wrapping_add(1);
        self.bytes[dir] = self.bytes[dir].saturating_add(u64::from(wire_len));
        self.last = at.time;
        self.last_frame = at.frame;
    }

    /// The first packet of a side, of a capture, of four thousand million.
    fn count_rarely(&mut self, rare: &mut Rare, dir: Dir, at: At, mac: Option<Mac>) {
        if self.packets[dir] == 0 && mac.is_some() {
            rare.macs[dir] = mac;
        }
        if self.capture != at.capture {
            let (capture, span) = self.span(rare);
            let earlier = &mut rare.odd().earlier;
            earlier.push((capture, span));
            // Captures that overlap in time are read in turns.
            let before = earlier.iter().position(|(capture, _)| *capture == at.capture);
            let before = before.map(|index| earlier.remove(index));
            rare.first = before.map_or(at.frame, |(_, span)| span.first);
            self.capture = at.capture;
        }
        if self.packets[dir] == u32::MAX {
            rare.odd().rounds[dir] += 1;
        }
    }

    /// All packets of each side.
    pub(super) fn packets(&self, rare: &Rare) -> [u64; 2] {
        let rounds = rare.odd.as_ref().map_or([0; 2], |odd| odd.rounds);
        [0, 1].map(|dir: usize| u64::from(rounds[dir]) << 32 | u64::from(self.packets[dir]))
    }

    /// The frames in the present capture.
    pub(super) fn span(&self, rare: &Rare) -> (u32, FrameSpan) {
        let earlier = rare.odd.iter().flat_map(|odd| &odd.earlier);
        let earlier: u64 = earlier.map(|(_, span)| span.count).sum();
        let all: u64 = self.packets(rare).iter().sum();
        (
            self.capture,
            FrameSpan { first: rare.first, last: self.last_frame, count: all.saturating_sub(earlier) },
        )
    }

    /// Takes the payload of a datagram.
    pub(super) fn datagram(
        &mut self,
        rare: &Rare,
        dir: Dir,
        layers: &Layers<'_>,
        at: At,
        common: &mut Common<'_, D::Shared>,
    ) {
        if layers.payload_len == 0 {
            return;
        }
        let client = self.client;
        let cold = self.ready(rare, layers.payload, at, common.shared);
        cold.turns.spoke(dir, u64::from(layers.payload_len), at, rare.start.time, common.listed);
        let (stream, mut feed) = cold.feed(dir, client, common.shared);
        stream.datagram(layers.payload, layers.payload_len, at, &mut feed);
    }

    /// Takes the payload of a TCP segment that starts at `seq`.
    pub(super) fn segment(
        &mut self,
        rare: &Rare,
        dir: Dir,
        seq: u32,
        layers: &Layers<'_>,
        at: At,
        common: &mut Common<'_, D::Shared>,
    ) {
        let (dir, other) = (dir & 1, 1 - (dir & 1));
        if !self.has(KNOWN, dir) {
            // A keep-alive's byte at the next number less one would be taken for the first (RFC 9293, 3.8.4).
            if layers.payload_len == 1 && layers.payload.iter().all(|byte| *byte == 0) {
                return;
            }
            self.next[dir] = seq;
            self.set(KNOWN, dir);
        }
        let (client, answered, next) = (self.client, self.sent(other), self.next);
        let acked = [0, 1].map(|side| self.has(ACKED, side).then_some(self.acked[side]));
        let cold = self.ready(rare, layers.payload, at, common.shared);
        // What the other side has waiting it sent before this, if this acknowledges it.
        let (stream, mut feed) = cold.feed(other, client, common.shared);
        let others = stream.next();
        if stream.waits() {
            stream.note_acked(acked[other].map_or(0, |acked| place(others, next[other], acked)));
            stream.give_up_acked(at, common.budget, &mut feed);
        }
        let others = stream.next() - others;
        let (stream, mut feed) = cold.feed(dir, client, common.shared);
        let own = stream.next();
        if stream.waits() {
            stream.note_acked(acked[dir].map_or(0, |acked| place(own, next[dir], acked)));
        }
        let segment = Segment {
            offset: place(own, next[dir], seq),
            bytes: layers.payload,
            len: layers.payload_len.max(layers.payload.len() as u32),
            at,
        };
        let brought = stream.segment(&segment, answered, common.budget, &mut feed);
        let own = stream.next() - own;
        if brought.conflict {
            cold.conflicts.get_or_insert_with(|| Box::new((0, at))).0 += 1;
        }
        if brought.fresh > 0 {
            cold.turns.spoke(dir, brought.fresh, at, rare.start.time, common.listed);
            // An RST whose sender goes on was not its own.
            self.flags &= !(RST << dir);
        }
        self.next[dir] = self.next[dir].wrapping_add(own as u32);
        self.next[other] = self.next[other].wrapping_add(others as u32);
    }

    /// What payload needs, with a dissector once some was captured.
    fn ready(&mut self, rare: &Rare, payload: &[u8], at: At, shared: &mut D::Shared) -> &mut Cold<D> {
        let (key, client) = (self.key, self.client);
        let cold = self.cold.get_or_insert_with(|| Box::new(Cold::new()));
        if cold.dissector.is_none() && !payload.is_empty() {
            let (client_end, server_end) = key.ends(usize::from(client));
            let opening =
                Opening { carrier: key.carrier(), client: client_end, server: server_end, at: rare.start };
            let mut dissector = D::open(&opening, shared);
            for dir in [0, 1] {
                let lost = std::mem::take(&mut cold.early[dir]);
                if lost > 0 {
                    dissector.gap(side(dir, client), lost, at, shared);
                }
            }
            cold.dissector = Some(dissector);
        }
        cold
    }
}

/// The offset in the stream of sequence number `seq`, when `next` is the number of offset `at`.
fn place(at: u64, next: u32, seq: u32) -> i64 {
    (at as i64).saturating_add(i64::from(seq.wrapping_sub(next) as i32))
}
