//! The bytes of one side in order.
//!
//! In: segments with their place in the stream, and how far the other side acknowledged. Out, to a [`Sink`]: each
//! byte once and in order, as given, as passed over, or as a gap. Bytes in order are handed on as slices of the
//! packet; only what came too early is copied, if anybody wants it. The first copy of a byte wins.

use super::{Appetite, At};
use std::collections::VecDeque;

/// First bytes kept of each side.
pub(super) const HEAD: usize = 48;
/// Most pieces that wait behind holes: 512 full segments are 730 kB, a window at 100 Mbit/s and 60 ms.
const MAX_PIECES: usize = 512;
/// The same where the other side was never seen: no acknowledgement will ever tell what was lost.
const MAX_PIECES_ONE_SIDED: usize = 32;
/// Most bytes that wait behind holes on one side: a lost segment's wait at 100 Mbit/s and 80 ms.
const MAX_BYTES: usize = 1 << 20;
/// What a waiting piece costs besides its bytes, in bytes: entry, spare room of the queue, allocation.
const PIECE_COST: usize = 128;
/// Segments of the side that must follow before an acknowledged hole is taken for lost: captures of several
/// queues or interfaces hold packets some places out of order.
const GRACE: u8 = 8;

/// Where the bytes of a side go.
pub(super) trait Sink {
    /// Bytes in order.
    fn data(&mut self, bytes: &[u8], at: At) -> Appetite;
    /// Bytes that were never captured.
    fn gap(&mut self, length: u64, at: At);
    /// Bytes in order that were captured and are not wanted. Where they came too early they were not wanted then:
    /// that a gap has ended a skip since does not bring them back.
    fn passed(&mut self, length: u64, at: At);
}

/// What waiting pieces of all conversations may hold, in bytes.
#[derive(Debug)]
pub(super) struct Budget {
    used: usize,
    most: usize,
    /// How often it did not suffice.
    pub(super) refused: u64,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        Self { used: 0, most, refused: 0 }
    }
    /// Bytes held at present.
    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.used
    }
    fn spend(&mut self, bytes: usize) -> bool {
        let enough = self.used.saturating_add(bytes) <= self.most;
        if enough {
            self.used += bytes;
        } else {
            self.refused += 1;
        }
        enough
    }
    fn release(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }
}

/// Part of a stream that came before what precedes it.
#[derive(Debug)]
struct Piece {
    start: u64,
    len: u64,
    at: At,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// Captured and wanted.
    Kept(Box<[u8]>),
    /// Captured, not wanted.
    Passed,
    /// On the wire, but cut off by the snap length.
    Lost,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
    fn cost(&self) -> usize {
        PIECE_COST + self.kept()
    }
    fn kept(&self) -> usize {
        if let Body::Kept(bytes) = &self.body { bytes.len() } else { 0 }
    }
}

/// A segment, by its place in the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    /// Offset of its first byte; negative before what was first seen.
    pub(super) offset: i64,
    /// What was captured of it.
    pub(super) bytes: &'a [u8],
    /// Its length by the headers, at least that of `bytes`.
    pub(super) len: u32,
    /// Its packet.
    pub(super) at: At,
}

impl<'a> Segment<'a> {
    /// The captured bytes of the stream's part `[from, to)`, and how many of the part were not captured.
    fn part(&self, from: u64, to: u64) -> (&'a [u8], u64) {
        let place =
            |offset: u64| usize::try_from(offset as i64 - self.offset).unwrap_or(0).min(self.bytes.len());
        let bytes = self.bytes.get(place(from)..place(to)).unwrap_or_default();
        (bytes, to.saturating_sub(from).saturating_sub(bytes.len() as u64))
    }
}

/// What a segment brought.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Brought {
    /// Bytes not seen before.
    pub(super) fresh: u64,
    /// Bytes seen before had another value.
    pub(super) conflict: bool,
}

/// One side of a conversation: what a stream without trouble needs.
#[derive(Debug)]
pub(super) struct Stream {
    /// Offset of the next byte in order: all before were given, passed or declared lost.
    next: u64,
    /// Nothing before this offset is wanted; `u64::MAX` once nothing more ever is.
    wanted_from: u64,
    /// What came out of order or was lost, made when something is.
    trouble: Option<Box<Trouble>>,
    head_len: u8,
    /// The head is complete, or a gap ended it.
    head_closed: bool,
    head: [u8; HEAD],
}

/// What is out of order in a stream.
#[derive(Debug, Default)]
struct Trouble {
    /// Bytes declared lost.
    gaps: u64,
    /// Holes that were given up, snapped packets aside, and where the first was.
    holes: u64,
    first_hole: Option<At>,
    /// How far the other side acknowledged, noted while there are pieces.
    acked: u64,
    /// By offset, none touching `next`, none overlapping.
    pieces: VecDeque<Piece>,
    /// Bytes in `pieces`.
    waiting: usize,
    /// Segments that came since the oldest hole was acknowledged.
    grace: u8,
}

impl Trouble {
    /// Whether the other side has acknowledged what the first piece waits for.
    fn acknowledged(&self) -> bool {
        self.pieces.front().is_some_and(|piece| piece.start <= self.acked)
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self { next: 0, wanted_from: 0, trouble: None, head_len: 0, head_closed: false, head: [0; HEAD] }
    }
}

impl Stream {
    /// Offset of the next byte in order; in the end, all bytes.
    pub(super) fn next(&self) -> u64 {
        self.next
    }
    /// Bytes declared lost so far.
    pub(super) fn gaps(&self) -> u64 {
        self.trouble.as_ref().map_or(0, |trouble| trouble.gaps)
    }
    /// How many holes were given up so far, and where the first was.
    pub(super) fn holes(&self) -> (u64, Option<At>) {
        self.trouble.as_ref().map_or((0, None), |trouble| (trouble.holes, trouble.first_hole))
    }
    /// Whether anything waits behind a hole.
    pub(super) fn waits(&self) -> bool {
        self.first_piece().is_some()
    }
    /// Where the first piece begins that waits behind a hole.
    fn first_piece(&self) -> Option<u64> {
        Some(self.trouble.as_ref()?.pieces.front()?.start)
    }
    fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }
    /// The first bytes, without a gap among them.
    pub(super) fn head(&self) -> &[u8] {
        self.head.get(..usize::from(self.head_len)).unwrap_or_default()
    }

    /// Takes a datagram: always the next bytes.
    pub(super) fn datagram(&mut self, bytes: &[u8], len: u32, at: At, sink: &mut impl Sink) {
        self.feed(bytes, at, sink);
        self.lose(u64::from(len).saturating_sub(bytes.len() as u64), at, sink);
        self.head_closed = true;
    }

    /// Takes a segment. `answered` says that the other side was seen.
    pub(super) fn segment(
        &mut self,
        segment: &Segment<'_>,
        answered: bool,
        budget: &mut Budget,
        sink: &mut impl Sink,
    ) -> Brought {
        let end = segment.offset.saturating_add(i64::from(segment.len));
        let mut brought = Brought::default();
        if segment.offset < self.next as i64 {
            brought.conflict = self.differs_from_head(segment);
        }
        if end <= self.next as i64 {
            return brought;
        }
        let end = end as u64;
        let mut from = self.next.max(u64::try_from(segment.offset).unwrap_or(0));
        if from == self.next && !self.waits() {
            self.deliver(segment, from, end, sink);
            return Brought { fresh: end - from, ..brought };
        }
        let most = if answered { MAX_PIECES } else { MAX_PIECES_ONE_SIDED };
        while from < end {
            let pieces = &self.trouble().pieces;
            let index = pieces.partition_point(|piece| piece.end() <= from);
            let following = pieces.get(index);
            if let Some(piece) = following.filter(|piece| piece.start <= from) {
                let (start, to) = (piece.start, piece.end().min(end));
                brought.conflict |= differs(piece, segment, from, to);
                if start == self.next {
                    self.deliver_first(budget, sink);
                }
                from = to;
                continue;
            }
            let to = following.map_or(end, |piece| piece.start.min(end));
            if from == self.next {
                self.deliver(segment, from, to, sink);
            } else if !self.keep(index, segment, from, to, most, budget) {
                // No room: the oldest hole is given up, and this part looked at again.
                self.give_up_hole(Some(from), segment.at, budget, sink);
                continue;
            }
            brought.fresh += to - from;
            from = to;
        }
        self.drain(budget, sink);
        self.consider_acked(segment.at, budget, sink);
        brought
    }

    /// Notes that the other side acknowledged all before `offset`.
    pub(super) fn note_acked(&mut self, offset: i64) {
        let trouble = self.trouble();
        trouble.acked = trouble.acked.max(u64::try_from(offset).unwrap_or(0));
    }

    /// Gives up the holes that the other side acknowledged, because it goes on talking.
    pub(super) fn give_up_acked(&mut self, at: At, budget: &mut Budget, sink: &mut impl Sink) {
        while self.trouble.as_ref().is_some_and(|trouble| trouble.acknowledged()) {
            self.give_up_hole(None, at, budget, sink);
        }
    }

    /// Ends the side, which is known to have sent `total` bytes at least.
    pub(super) fn close(&mut self, total: u64, at: At, budget: &mut Budget, sink: &mut impl Sink) {
        while self.waits() {
            self.give_up_hole(None, at, budget, sink);
        }
        if let Some(trouble) = &mut self.trouble {
            trouble.pieces = VecDeque::new();
        }
        self.lose_hole(total, at, sink);
    }

    /// Hands on the part `[from, to)` of a segment, `from` being the next byte.
    fn deliver(&mut self, segment: &Segment<'_>, from: u64, to: u64, sink: &mut impl Sink) {
        let (bytes, lost) = segment.part(from, to);
        self.feed(bytes, segment.at, sink);
        self.lose(lost, segment.at, sink);
    }

    /// Hands on bytes in order.
    fn feed(&mut self, bytes: &[u8], at: At, sink: &mut impl Sink) {
        if !self.head_closed {
            self.extend_head(bytes);
        }
        let unwanted = self.wanted_from.saturating_sub(self.next).min(bytes.len() as u64);
        if unwanted > 0 {
            self.next = self.next.saturating_add(unwanted);
            sink.passed(unwanted, at);
        }
        let rest = bytes.get(unwanted as usize..).unwrap_or_default();
        if !rest.is_empty() {
            self.next = self.next.saturating_add(rest.len() as u64);
            self.wanted_from = match sink.data(rest, at) {
                Appetite::All => 0,
                Appetite::Skip(length) => self.next.saturating_add(length).min(u64::MAX - 1),
                Appetite::Enough => u64::MAX,
            };
        }
    }

    /// Declares the next bytes lost.
    fn lose(&mut self, length: u64, at: At, sink: &mut impl Sink) {
        if length == 0 {
            return;
        }
        self.next = self.next.saturating_add(length);
        let trouble = self.trouble();
        trouble.gaps = trouble.gaps.saturating_add(length);
        self.head_closed = true;
        // After a gap everything is wanted, unless nothing is.
        if self.wanted_from != u64::MAX {
            self.wanted_from = 0;
        }
        sink.gap(length, at);
    }

    /// Declares everything up to `to` lost, as one hole.
    fn lose_hole(&mut self, to: u64, at: At, sink: &mut impl Sink) {
        if to > self.next {
            let trouble = self.trouble();
            trouble.holes += 1;
            trouble.first_hole.get_or_insert(at);
            self.lose(to - self.next, at, sink);
        }
    }

    /// Hands on all pieces that are next.
    fn drain(&mut self, budget: &mut Budget, sink: &mut impl Sink) {
        while self.first_piece().is_some_and(|start| start <= self.next) {
            self.deliver_first(budget, sink);
        }
    }

    /// Hands on the first piece, whose bytes are next.
    fn deliver_first(&mut self, budget: &mut Budget, sink: &mut impl Sink) {
        let Some(trouble) = &mut self.trouble else { return };
        let Some(piece) = trouble.pieces.pop_front() else { return };
        budget.release(piece.cost());
        trouble.waiting = trouble.waiting.saturating_sub(piece.kept());
        trouble.grace = 0;
        match &piece.body {
            Body::Kept(bytes) => self.feed(bytes, piece.at, sink),
            Body::Passed => {
                self.head_closed = true;
                self.next = piece.end();
                sink.passed(piece.len, piece.at);
            }
            Body::Lost => self.lose(piece.len, piece.at, sink),
        }
    }

    /// Declares the oldest hole lost, at most up to `limit`, and hands on what follows.
    fn give_up_hole(&mut self, limit: Option<u64>, at: At, budget: &mut Budget, sink: &mut impl Sink) {
        let Some(to) = self.first_piece().into_iter().chain(limit).min() else { return };
        self.lose_hole(to, at, sink);
        self.drain(budget, sink);
    }

    /// Gives up the oldest hole when it was acknowledged some segments ago.
    fn consider_acked(&mut self, at: At, budget: &mut Budget, sink: &mut impl Sink) {
        let Some(trouble) = self.trouble.as_mut().filter(|trouble| trouble.acknowledged()) else { return };
        trouble.grace += 1;
        if trouble.grace >= GRACE {
            trouble.grace = 0;
            self.give_up_acked(at, budget, sink);
        }
    }

    /// Keeps the part `[from, to)` of a segment as the piece at `index`; false when there is no room.
    fn keep(
        &mut self,
        index: usize,
        segment: &Segment<'_>,
        from: u64,
        to: u64,
        most: usize,
        budget: &mut Budget,
    ) -> bool {
        let (bytes, lost) = segment.part(from, to);
        let unwanted = to <= self.wanted_from;
        let trouble = self.trouble();
        let before = index.checked_sub(1).and_then(|before| trouble.pieces.get_mut(before));
        let joins = |piece: &&mut Piece| piece.end() == from && matches!(piece.body, Body::Passed);
        if let Some(piece) = before.filter(joins).filter(|_| unwanted && lost == 0) {
            piece.len += to - from;
            piece.at = segment.at;
            return true;
        }
        let pieces = usize::from(!bytes.is_empty()) + usize::from(lost > 0);
        let kept = if unwanted { 0 } else { bytes.len() };
        if trouble.pieces.len() + pieces > most
            || trouble.waiting + kept > MAX_BYTES
            || !budget.spend(pieces * PIECE_COST + kept)
        {
            return false;
        }
        trouble.waiting += kept;
        let cut = to - lost;
        if lost > 0 {
            trouble.pieces.insert(index, Piece { start: cut, len: lost, at: segment.at, body: Body::Lost });
        }
        if !bytes.is_empty() {
            let body = if unwanted { Body::Passed } else { Body::Kept(bytes.into()) };
            trouble.pieces.insert(index, Piece { start: from, len: cut - from, at: segment.at, body });
        }
        true
    }

    fn extend_head(&mut self, bytes: &[u8]) {
        let used = usize::from(self.head_len);
        let take = bytes.len().min(HEAD - used);
        if let (Some(room), Some(bytes)) = (self.head.get_mut(used..used + take), bytes.get(..take)) {
            room.copy_from_slice(bytes);
        }
        self.head_len += take as u8;
        self.head_closed = usize::from(self.head_len) == HEAD;
    }

    /// Whether a retransmission differs from the first bytes, which are at hand. The one byte of a keep-alive,
    /// just before the next, is no copy (RFC 9293, 3.8.4).
    fn differs_from_head(&self, segment: &Segment<'_>) -> bool {
        let head = self.head();
        let from = u64::try_from(segment.offset).unwrap_or(0);
        if from >= head.len() as u64 || (segment.len == 1 && from + 1 == self.next) {
            return false;
        }
        let (bytes, _) = segment.part(from, head.len() as u64);
        head.get(from as usize..).is_some_and(|head| head.iter().zip(bytes).any(|(old, new)| old != new))
    }
}

/// Whether a segment's bytes differ from those of a piece in `[from, to)`.
fn differs(piece: &Piece, segment: &Segment<'_>, from: u64, to: u64) -> bool {
    let Body::Kept(old) = &piece.body else { return false };
    let (new, _) = segment.part(from, to);
    old.get((from - piece.start) as usize..)
        .is_some_and(|old| old.iter().zip(new).any(|(old, new)| old != new))
}
