//! IP datagrams put together again from their fragments (RFC 791, 3.2; RFC 8200, 4.5).
//!
//! Bounded in datagrams, fragments, bytes and time. The first bytes to arrive stay: a fragment that overlaps others is
//! left out and counted.

use super::layers::Encapsulation;
use super::network::Part;
use super::trouble::{Counters, Trouble};
use crate::time::{Duration, Timestamp};
use std::net::IpAddr;

/// Datagrams that wait for fragments at once: with [`MAX_BYTES`] this is 8 MiB at most.
const MAX_DATAGRAMS: usize = 128;
/// Longest datagram in bytes, as the IPv4 length field has it.
const MAX_BYTES: u32 = 65_535;
/// Fragments of a datagram: what [`MAX_BYTES`] need over the smallest usual link (576 bytes), and some.
const MAX_PARTS: usize = 160;
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
    /// From where to where bytes are there; none overlap.
    parts: Vec<(u32, u32)>,
    have: u32,
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
        match datagram.add(from, to, part.more, data) {
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
        let empty =
            Waiting { key, started: now, bytes: Vec::new(), parts: Vec::new(), have: 0, length: None };
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
    fn add(&mut self, from: u32, to: u32, more: bool, data: &[u8]) -> Result<bool, Trouble> {
        let place = from as usize..to as usize;
        if self.bytes.get(place.clone()) == Some(data) && self.parts.contains(&(from, to)) {
            return Ok(false);
        }
        let contradicts = match self.length {
            Some(length) => to > length || !more && to != length,
            None => !more && self.parts.iter().any(|&(_, end)| end > to),
        };
        if contradicts || self.parts.iter().any(|&(start, end)| from < end && start < to) {
            return Err(Trouble::Overlap);
        }
        if self.parts.len() >= MAX_PARTS {
            return Err(Trouble::Crowded);
        }
        if self.bytes.len() < place.end {
            self.bytes.resize(place.end, 0);
        }
        if let Some(room) = self.bytes.get_mut(place) {
            room.copy_from_slice(data);
        }
        self.parts.push((from, to));
        self.have += to - from;
        if !more {
            self.length = Some(to);
        }
        Ok(self.length == Some(self.have))
    }
}
