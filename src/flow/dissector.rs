//! What the flow room feeds and what it asks of a dissector.
//!
//! A dissector is fed, it does not pull. It gets the bytes of both sides in order, each byte once, with the gaps
//! said; it answers with its appetite, so that the flow room neither copies nor reassembles what nobody wants.

use crate::time::Timestamp;
use std::net::SocketAddr;

/// One of the two sides of a conversation, by who *sends*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The side taken for the client when the conversation began.
    Client,
    /// The side taken for the server.
    Server,
}

impl Side {
    /// The side that answers.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
    /// An index for a pair kept as an array: client 0, server 1.
    pub const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }
}

/// Where in the captures something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Time of the packet.
    pub time: Timestamp,
    /// Frame number.
    pub frame: u64,
    /// Capture index.
    pub capture: u32,
}

/// What a dissector wants next from the side it was just given bytes of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appetite {
    /// Everything.
    All,
    /// Nothing of the next so many bytes of this side; then everything.
    Skip(u64),
    /// Nothing more of this side, ever.
    Enough,
}

/// The transports that are followed as conversations with payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// A TCP stream: `data` gets slices of any length.
    Tcp,
    /// UDP: each call of `data` is one datagram.
    Udp,
    /// ICMP echo and the like: each call of `data` is the payload of one message after its 8-byte header.
    Icmp,
    /// Another IP protocol: each call of `data` is one packet's payload.
    Other(u8),
}

/// How a conversation begins.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// What carries it.
    pub carrier: Carrier,
    /// The side taken for the client. Ports are 0 where the carrier has none (ICMP: type and code).
    pub client: SocketAddr,
    /// The side taken for the server.
    pub server: SocketAddr,
    /// The first packet.
    pub at: At,
}

/// States facts about one conversation from its bytes.
///
/// Only bytes are promised in order within a side; sides interleave as captured. The orientation at the
/// [`Opening`] is provisional unless a SYN was seen: a dissector that knows better says so by
/// [`client`](Self::client), and gives its facts in the right orientation itself.
pub trait Dissector: Sized {
    /// What it states in the end.
    type Facts;
    /// What all dissectors of a run share: expected data connections, anomalies.
    type Shared: Default;

    /// Starts on a conversation. Called when the first payload byte arrives, not before.
    fn open(opening: &Opening, shared: &mut Self::Shared) -> Self;
    /// Takes bytes that `side` sent. Never called with an empty slice.
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Self::Shared) -> Appetite;
    /// Says that `length` bytes of `side` were never captured. Does not answer with an appetite: after a gap
    /// everything comes, unless `Enough` was said before.
    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Self::Shared);
    /// Bytes of `side` that were captured and not handed over because of [`Appetite::Skip`] or `Enough`.
    fn passed(&mut self, side: Side, length: u64, at: At);
    /// Which side of the opening the protocol says is the client, once known.
    fn client(&self) -> Option<Side>;
    /// Ends the conversation and states its facts.
    fn end(self, shared: &mut Self::Shared) -> Self::Facts;
}
