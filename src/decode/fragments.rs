//! IP datagrams put together again from their fragments (RFC 791, 3.2; RFC 8200, 4.5).
//!
//! Bounded in datagrams, pieces, bytes and time. Fragments that overlap with the same bytes are put together; the first
//! bytes to arrive stay: a fragment that contradicts them is left out and counted.

use super::layers::Encapsulation;
use super::network::Part;
use super::trouble::{Counters, Trouble};
use crate::time::{Duration, Timestamp};
use std::net::IpAddr;

/// Datagrams that wait for fragments at once: with [`MAX_BYTES`] and [`MAX_PARTS`] this is 9 MiB at most.
const MAX_DATAGRAMS: usize = 128;
/// Longest datagram in bytes, as the IPv4 length field has it.
const MAX_BYTES: u32 = 65_535;
/// Pieces of a datagram that do not touch each other yet. In order there is one, whatever the size of the fragments;
/// when every other one is missing, this is enough for 16 KiB in the smallest fragments there are (8 bytes).
const MAX_PARTS: usize = 1024;
/// How long a datagram waits for its fragments, as RFC 8200, 4.5 has it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What fragments of one datagram share: addresses, protocol, identification and the tunnels they came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Datagram {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) protocol: u8,
    pub(super) id: u32,
    pub(super) path: Encapsulation,
}

#[derive(Debug)]
struct Waiting {
    key: Datagram,
    started: Timestamp,
    bytes: Vec<u8>,
    /// From where to where bytes are there: in rising order, and none touch.
    parts: Vec<(u32, u32)>,
    /// Length of the whole, once the last fragment was seen.
    length: Option<u32>,
}

/// What became of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Kept; others are missing.
    Held,
    /// The last that was missing: the datagram is [`Fragments::whole`].
    Whole,
    /// Not kept.
    Refused,
}

/// Datagrams that wait for fragments.
#[derive(Debug, Default)]
pub struct Fragments {
    waiting: Vec<Waiting>,
    whole: Vec<u8>,
}

impl Fragments {
    /// The datagram that was put together last.
    pub fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// Takes in a fragment of which all bytes were captured.
    pub fn insert(
        &mut self,
        key: Datagram,
        part: Part,
        data: &[u8],
        now: Timestamp,
        counters: &mut Counters,
    ) -> Outcome {
        let (from, to) = (part.offset, part.offset.saturating_add(data.len() as u32));
        // All fragments but the last are a multiple of eight long.
        if data.is_empty() || to > MAX_BYTES || part.more && !data.len().is_multiple_of(8) {
            counters.add(Trouble::Length);
            return Outcome::Refused;
        }
        let at = self.find(key, now, counters);
        let Some(datagram) = self.waiting.get_mut(at) else { return Outcome::Refused };
        match datagram.add((from, to), part.more, data, counters) {
            Ok(false) => Outcome::Held,
            Ok(true) => {
                self.whole = self.waiting.swap_remove(at).bytes;
                Outcome::Whole
            }
            Err(trouble) => {
                counters.add(trouble);
                Outcome::Refused
            }
        }
    }

    /// The datagram of this key, a new one if there is none. The oldest makes room.
    fn find(&mut self, key: Datagram, now: Timestamp, counters: &mut Counters) -> usize {
        if let Some(at) = self.waiting.iter().position(|datagram| datagram.key == key) {
            let late = self.waiting.get(at).is_some_and(|datagram| now.since(datagram.started) > PATIENCE);
            if !late {
                return at;
            }
            // Identifiers come round again.
            counters.add(Trouble::Incomplete);
            self.waiting.swap_remove(at);
        }
        if self.waiting.len() >= MAX_DATAGRAMS {
            let oldest = self.waiting.iter().enumerate().min_by_key(|(_, datagram)| datagram.started);
            if let Some((at, datagram)) = oldest {
                let late = now.since(datagram.started) > PATIENCE;
                counters.add(if late { Trouble::Incomplete } else { Trouble::Crowded });
                self.waiting.swap_remove(at);
            }
        }
        let empty = Waiting { key, started: now, bytes: Vec::new(), parts: Vec::new(), length: None };
        self.waiting.push(empty);
        self.waiting.len() - 1
    }

    /// Gives up what still waits.
    pub fn clear(&mut self, counters: &mut Counters) {
        for _ in self.waiting.drain(..) {
            counters.add(Trouble::Incomplete);
        }
    }
}

impl Waiting {
    /// Adds a fragment; true if the datagram is whole now.
    fn add(
        &mut self,
        (from, to): (u32, u32),
        more: bool,
        data: &[u8],
        counters: &mut Counters,
    ) -> Result<bool, Trouble> {
        let end = self.parts.last().map_or(0, |&(_, end)| end);
        let contradicts = match self.length {
            Some(length) => to > length || !more && to != length,
            None => !more && end > to,
        };
        // The pieces that this fragment touches.
        let first = self.parts.partition_point(|&(_, end)| end < from);
        let next = self.parts.partition_point(|&(start, _)| start <= to);
        let touched = self.parts.get(first..next).unwrap_or_default();
        if contradicts || !touched.iter().all(|&part| self.agrees(part, from, data)) {
            return Err(Trouble::Overlap);
        }
        if touched.iter().any(|&(start, end)| from >= start && to <= end) {
            // A copy of what is there.
            if !more {
                self.length = Some(to);
            }
            return Ok(self.is_whole());
        }
        if touched.is_empty() && self.parts.len() >= MAX_PARTS {
            return Err(Trouble::Crowded);
        }
        if touched.iter().any(|&(start, end)| from < end && start < to) {
            counters.add(Trouble::Overlap);
        }
        let start = touched.first().map_or(from, |part| part.0.min(from));
        let end = touched.last().map_or(to, |part| part.1.max(to));
        self.parts.splice(first..next, [(start, end)]);
        let place = from as usize..to as usize;
        if self.bytes.len() < place.end {
            self.bytes.resize(place.end, 0);
        }
        if let Some(room) = self.bytes.get_mut(place) {
            room.copy_from_slice(data);
        }
        if !more {
            self.length = Some(to);
        }
        Ok(self.is_whole())
    }

    /// Whether a fragment that begins at `from` has the same bytes as a piece where they overlap.
    fn agrees(&self, part: (u32, u32), from: u32, data: &[u8]) -> bool {
        let (start, end) = (part.0.max(from), part.1.min(from.saturating_add(data.len() as u32)));
        let new = (start.saturating_sub(from)) as usize..(end.saturating_sub(from)) as usize;
        start >= end || self.bytes.get(start as usize..end as usize) == data.get(new)
    }

    fn is_whole(&self) -> bool {
        self.length.is_some_and(|length| self.parts == [(0, length)])
    }
}
