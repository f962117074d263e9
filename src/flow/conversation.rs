//! What is known of a conversation when it ends.

use super::key::{ICMP, ICMP6, TCP, UDP};
use super::stream::HEAD;
use super::{Carrier, Side};
use crate::decode::{Encapsulation, Mac};
use crate::time::Timestamp;
use smallvec::SmallVec;
use std::net::SocketAddr;

/// Carrier and endpoints, client first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowKey {
    /// What carries it.
    pub carrier: Carrier,
    /// The client. Its port is 0 where the carrier has none, and for ICMP the message type (of the request).
    pub client: SocketAddr,
    /// The server. Its port is 0 where the carrier has none, and for ICMP the message code.
    pub server: SocketAddr,
}

impl FlowKey {
    /// IP protocol number.
    pub fn protocol(&self) -> u8 {
        match self.carrier {
            Carrier::Tcp => TCP,
            Carrier::Udp => UDP,
            Carrier::Icmp if self.client.is_ipv6() => ICMP6,
            Carrier::Icmp => ICMP,
            Carrier::Other(protocol) => protocol,
        }
    }
}

/// How the client was told from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientBy {
    /// It sent the SYN.
    Syn,
    /// The protocol says so (the dissector, or the type of an ICMP request).
    Protocol,
    /// The other side has the lower or better known port.
    Port,
    /// It sent the first packet seen.
    First,
}

/// How far a conversation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// TCP: only SYNs, no answer.
    Unanswered,
    /// TCP: the SYN was answered by RST.
    Refused,
    /// TCP: handshake seen, not ended in the capture.
    Open,
    /// TCP: ended by FIN.
    Closed,
    /// TCP: ended by RST after the handshake.
    Reset,
    /// TCP: no handshake in the capture.
    Midstream,
    /// Not TCP.
    Datagrams,
}

/// Frames in one capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSpan {
    /// First frame number.
    pub first: u64,
    /// Last frame number.
    pub last: u64,
    /// How many.
    pub count: u64,
}

/// A run of bytes in one direction before the other side answers or a second of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Who sent.
    pub side: Side,
    /// Microseconds after the conversation's start; negative where the clock went back.
    pub offset: i64,
    /// Payload bytes, each once.
    pub bytes: u64,
    /// Frame of the first byte.
    pub frame: u64,
}

/// What became of turns beyond the bound. Pairs are client, server.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TurnsRest {
    /// Turns that are not listed.
    pub count: [u64; 2],
    /// Their bytes.
    pub bytes: [u64; 2],
    /// Pauses between the starts of client turns: milliseconds (lower bound of a bin some 5 % wide) and how many.
    pub gaps_ms: Vec<(u64, u64)>,
    /// Sizes of client turns in bytes and how many, at least; the commonest, by size.
    pub sizes: Vec<(u64, u64)>,
    /// Microseconds after the conversation's start of the last turn.
    pub last: i64,
}

/// A conversation that ended, client first wherever there are two.
#[derive(Debug, Clone)]
pub struct Conversation<F> {
    /// Carrier, client and server.
    pub key: FlowKey,
    /// How the client was told.
    pub client_by: ClientBy,
    /// The client's link-layer address, where the link has one.
    pub client_mac: Option<Mac>,
    /// The server's link-layer address as seen at the capture point: often that of a router.
    pub server_mac: Option<Mac>,
    /// Encapsulation path of the first packet.
    pub encapsulation: Encapsulation,
    /// Frames by capture: that in which it began, then the others in order; never empty.
    pub captures: SmallVec<[(u32, FrameSpan); 1]>,
    /// Time of the first packet.
    pub start: Timestamp,
    /// Time of the last packet, not before `start`.
    pub end: Timestamp,
    /// How far it came.
    pub state: State,
    /// Packets sent.
    pub packets: [u64; 2],
    /// Bytes on the wire sent, link headers included.
    pub bytes: [u64; 2],
    /// Transport payload sent, each byte once, `gaps` included.
    pub payload: [u64; 2],
    /// Payload bytes that were never captured.
    pub gaps: [u64; 2],
    /// Turns in order, up to a bound.
    pub turns: Vec<Turn>,
    /// Turns beyond the bound.
    pub turns_rest: Option<Box<TurnsRest>>,
    /// First payload bytes of a stream as far as they came without a gap, or of the first datagram; at most 48.
    pub first_bytes: [SmallVec<[u8; HEAD]>; 2],
    /// Retransmissions whose bytes differ from those first seen, as far as those were still at hand.
    pub conflicts: u64,
    /// What the dissector stated; none where no payload was captured.
    pub facts: Option<F>,
}
