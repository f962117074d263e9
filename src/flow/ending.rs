//! From an entry of the table to a conversation.

use super::entry::{ACKED, Cold, Common, FIN, Hot, KNOWN, Odd, RST, Rare, SYN, TALKED};
use super::key::Dir;
use super::{At, ClientBy, Conversation, Dissector, FlowKey, State};
use crate::anomaly::{Kind, Log};
use smallvec::SmallVec;

impl<D: Dissector> Hot<D> {
    /// Ends the conversation.
    pub(super) fn end(
        mut self,
        rare: Rare,
        common: &mut Common<'_, D::Shared>,
        log: &mut Log,
    ) -> Conversation<D::Facts> {
        let at = At { time: self.last, frame: self.last_frame, capture: self.capture };
        let missing = [0, 1].map(|dir| self.missing(&rare, dir));
        let mut payload = missing;
        let mut gaps = missing;
        let mut first_bytes = [SmallVec::new(), SmallVec::new()];
        let (mut turns, mut facts, mut conflicts) = ((Vec::new(), None), None, 0);
        let (mut client, mut by) = (usize::from(self.client & 1), self.by);
        if let Some(mut cold) = self.cold.take() {
            for dir in [0, 1] {
                let (stream, mut feed) = cold.feed(dir, self.client, common.shared);
                let total = if missing[dir] > 0 { stream.next() + missing[dir] } else { 0 };
                stream.close(total, at, common.budget, &mut feed);
                payload[dir] = stream.next();
                gaps[dir] = stream.gaps();
                first_bytes[dir] = SmallVec::from_slice(stream.head());
                if let (count, Some(hole)) = stream.holes() {
                    log.add(
                        Kind::Gap,
                        hole.capture,
                        Some(hole.frame),
                        count,
                        "bytes of a stream were not captured",
                    );
                }
            }
            if let Some((count, first)) = cold.conflicts.as_deref().copied() {
                conflicts = count;
                log.add(
                    Kind::OverlapConflict,
                    first.capture,
                    Some(first.frame),
                    conflicts,
                    "copies of the same bytes of a stream differ",
                );
            }
            let Cold { dissector, turns: spoken, .. } = *cold;
            if let Some(dissector) = dissector {
                let guessed = by == ClientBy::Port || by == ClientBy::First;
                if let Some(says) = dissector.client().filter(|_| guessed) {
                    by = ClientBy::Protocol;
                    client ^= says.index();
                }
                facts = Some(dissector.end(common.shared));
            }
            turns = spoken.end(client, common.listed);
        }
        let span = self.span(&rare);
        let state = self.state(client);
        let packets = self.packets(&rare);
        let (start, mut macs) = (rare.start, rare.macs);
        let Odd { earlier, encapsulation, .. } = rare.into_odd();
        let mut captures: SmallVec<_> = earlier.into_iter().collect();
        captures.push(span);
        captures.sort_unstable_by_key(|(capture, _)| (*capture != start.capture, *capture));
        let (client_end, server_end) = self.key.ends(client);
        let key = FlowKey { carrier: self.key.carrier(), client: client_end, server: server_end };
        if client == 1 {
            first_bytes.reverse();
            macs.reverse();
        }
        let oriented = |pair: [u64; 2]| if client == 0 { pair } else { [pair[1], pair[0]] };
        Conversation {
            client_by: by,
            client_mac: macs[0],
            server_mac: macs[1],
            encapsulation,
            captures,
            start: start.time,
            end: self.last.max(start.time),
            state,
            packets: oriented(packets),
            bytes: oriented(self.bytes),
            payload: oriented(payload),
            gaps: oriented(gaps),
            turns: turns.0,
            turns_rest: turns.1,
            first_bytes,
            conflicts,
            facts,
            key,
        }
    }

    /// TCP: bytes that a side sent after all that was seen, by its FIN or the other side's acknowledgement.
    fn missing(&self, rare: &Rare, dir: Dir) -> u64 {
        /// Nobody acknowledges more at once (RFC 7323, 2.3).
        const MAX_WINDOW: u32 = 1 << 30;
        if !self.key.is_tcp() || !(self.has(KNOWN, dir) || self.has(ACKED, dir)) {
            return 0;
        }
        let top = match (self.has(FIN, dir), self.has(ACKED, dir)) {
            (true, _) => rare.fin[dir],
            (false, true) => self.acked[dir],
            (false, false) => return 0,
        };
        let missing = top.wrapping_sub(self.next[dir]);
        // One number beyond what was sent is that of a FIN that was not captured.
        let least = if self.has(FIN, dir) { 1 } else { 2 };
        if (least..=MAX_WINDOW).contains(&missing) { u64::from(missing) } else { 0 }
    }

    fn state(&self, client: Dir) -> State {
        let server = 1 - client;
        let talked = self.flags & TALKED != 0;
        if !self.key.is_tcp() {
            State::Datagrams
        } else if !self.any(SYN) {
            State::Midstream
        } else if !talked && !self.has(SYN, server) && self.has(RST, server) {
            State::Refused
        } else if !talked && !self.sent(server) {
            State::Unanswered
        } else if self.any(FIN) {
            State::Closed
        } else if self.any(RST) {
            State::Reset
        } else {
            State::Open
        }
    }
}
