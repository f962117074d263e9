//! TCP's flags and numbers: whether a packet belongs to the conversation it falls on, and what it changes there.

use super::entry::{ACKED, Common, FIN, Hot, KNOWN, RST, Rare, SYN, TALKED};
use super::key::Dir;
use super::{At, ClientBy, Dissector};
use crate::decode::{Layers, Tcp};

/// A SYN this close ahead of a connection's next byte may be forged or astray: the receiver would not reset its
/// connection for it (RFC 5961, 4). The unscaled window. Beyond it the numbers are those of a new connection:
/// RFC 6528 lets them grow by 250 a millisecond.
const SYN_WINDOW: u32 = 1 << 16;
/// A segment farther from the stream than this is not believed at once: four times the largest buffers that systems
/// give a connection by default.
const FAR: u32 = 64 << 20;
/// Farthest that an acknowledgement goes at once: the largest window (RFC 7323, 2.3).
const MAX_WINDOW: u32 = 1 << 30;

/// What a packet is to the conversation with its endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Part of it.
    Part,
    /// The beginning of another one with the same endpoints.
    Another,
    /// Its numbers are far off: counted, its payload not believed.
    Astray,
}

impl<D: Dissector> Hot<D> {
    /// Judges a TCP packet with `len` bytes of payload.
    pub(super) fn judge(&self, rare: &mut Rare, dir: Dir, tcp: &Tcp, len: u32) -> Verdict {
        if tcp.has(Tcp::RST) {
            return Verdict::Part;
        }
        if tcp.has(Tcp::SYN) {
            return if self.is_another(rare, dir, tcp) { Verdict::Another } else { Verdict::Part };
        }
        if len == 0 || !self.has(KNOWN, dir) {
            return Verdict::Part;
        }
        let distance = |from: u32| (tcp.seq.wrapping_sub(from) as i32).unsigned_abs();
        let near = distance(self.next[dir]) <= FAR
            || (self.has(ACKED, dir)
                && distance(self.acked[dir]) <= FAR
                && (self.acked[dir].wrapping_sub(self.next[dir]) as i32) > 0);
        if near {
            return Verdict::Part;
        }
        // Two in a row are no accident: the beginning of another connection was not captured.
        let expected = rare.odd().astray[dir].replace(tcp.seq.wrapping_add(len));
        if expected == Some(tcp.seq) { Verdict::Another } else { Verdict::Astray }
    }

    /// Whether a SYN begins another connection.
    fn is_another(&self, rare: &Rare, dir: Dir, tcp: &Tcp) -> bool {
        let other = 1 - dir;
        let answer = tcp.has(Tcp::ACK);
        let after_syn = tcp.seq.wrapping_add(1);
        if self.has(SYN, dir) {
            let ahead = tcp.seq.wrapping_sub(self.next[dir]);
            let stray = self.flags & TALKED != 0 && !self.closed() && ahead < SYN_WINDOW;
            // An answer with another number answers a SYN that would have been seen.
            return rare.isn[dir] != tcp.seq && if answer { self.closed() } else { !stray };
        }
        if self.has(KNOWN, dir) {
            // The SYN of the data seen may come late.
            let delivered = self.cold.as_ref().map_or(0, |cold| cold.streams[dir & 1].next());
            return after_syn != self.next[dir].wrapping_sub(delivered as u32);
        }
        if answer && self.has(SYN, other) {
            return self.closed() && tcp.ack != rare.isn[other].wrapping_add(1);
        }
        if self.has(ACKED, dir) {
            return after_syn != self.next[dir];
        }
        // Both sides may send a SYN (RFC 9293, 3.5); without one the other's packets are remains of another.
        !self.has(SYN, other) || self.closed()
    }

    /// Takes a TCP packet that is part of this conversation.
    pub(super) fn tcp(
        &mut self,
        rare: &mut Rare,
        dir: Dir,
        tcp: &Tcp,
        layers: &Layers<'_>,
        at: At,
        common: &mut Common<'_, D::Shared>,
    ) {
        let (dir, other) = (dir & 1, 1 - (dir & 1));
        if tcp.has(Tcp::RST) {
            // Its payload, if any, says why (RFC 9293, 3.5.3); its acknowledgement may be anything.
            self.set(RST, dir);
            return;
        }
        let syn = tcp.has(Tcp::SYN);
        if syn {
            self.began(rare, dir, tcp);
        } else {
            self.flags |= TALKED;
        }
        if tcp.has(Tcp::ACK) {
            self.acknowledged(other, tcp.ack);
        }
        let seq = tcp.seq.wrapping_add(u32::from(syn));
        if layers.payload_len > 0 {
            self.segment(rare, dir, seq, layers, at, common);
        }
        if tcp.has(Tcp::FIN) {
            rare.fin[dir] = seq.wrapping_add(layers.payload_len);
            self.set(FIN, dir);
        }
    }

    fn began(&mut self, rare: &mut Rare, dir: Dir, tcp: &Tcp) {
        if !self.has(KNOWN, dir) {
            self.next[dir] = tcp.seq.wrapping_add(1);
        }
        rare.isn[dir] = tcp.seq;
        self.set(SYN | KNOWN, dir);
        if self.by != ClientBy::Syn && !self.opened() {
            self.client = (if tcp.has(Tcp::ACK) { 1 - dir } else { dir }) as u8;
            self.by = ClientBy::Syn;
        }
    }

    /// The side `dir` was acknowledged up to `ack`.
    fn acknowledged(&mut self, dir: Dir, ack: u32) {
        if !self.has(ACKED, dir) {
            self.set(ACKED, dir);
            self.acked[dir] = ack;
            if !self.has(KNOWN, dir) {
                self.next[dir] = ack;
            }
        } else if (1..=MAX_WINDOW).contains(&ack.wrapping_sub(self.acked[dir])) {
            self.acked[dir] = ack;
        }
    }
}
