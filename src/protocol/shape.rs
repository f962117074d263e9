//! The one shape of all dissectors, and what they share.

use crate::anomaly;
use crate::flow::{Appetite, At, Carrier, Opening, Side};
use crate::record::{Certificate, Facts};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What a protocol answers to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It goes on, with this appetite for the side just fed.
    Want(Appetite),
    /// From byte `from` of the slice just given, and for all later bytes of both sides, another protocol begins
    /// (STARTTLS, CONNECT, SOCKS, upgrade). It is chosen anew by content; this one keeps its facts.
    HandOver {
        /// Offset in the slice just given.
        from: usize,
        /// What led there, for `Tls::after`: `starttls-smtp`, `connect`, `socks5`.
        after: &'static str,
    },
}

/// How a protocol begins: the conversation, turned so that `opening.client` is the side that asks.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// The conversation, oriented by the protocol.
    pub opening: Opening,
    /// What led here, where another protocol handed over; see [`Next::HandOver`].
    pub after: Option<&'static str>,
}

/// The first bytes of both sides, as far as they came: what a protocol is recognised by.
///
/// Each protocol's `mod.rs` has `pub fn recognise(heads: &Heads<'_>) -> Recognised`.
#[derive(Debug, Clone, Copy)]
pub struct Heads<'a> {
    /// First bytes of the provisional client and of the provisional server, at most `MAX_HEAD` each; empty where
    /// that side has not spoken.
    pub bytes: [&'a [u8]; 2],
    /// Which side spoke first.
    pub first: Side,
    /// What carries it. For datagrams `bytes` is the datagram just seen, of the side `first`.
    pub carrier: Carrier,
    /// Ports of the provisional client and server: never enough to recognise by, only to break a tie.
    pub ports: [u16; 2],
    /// Bytes of either side are missing before these: they need not be the beginning.
    pub midstream: bool,
}

/// Most bytes of a side that are kept to recognise a protocol.
pub const MAX_HEAD: usize = 512;

/// A dissector of one protocol. Sides are as the protocol sees them: `Side::Client` is the one that asks, the
/// caller has turned a conversation around that was captured from its middle.
pub trait Protocol {
    /// Takes bytes that `side` sent, in order, each once.
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next;
    /// `length` bytes of `side` were never captured: resynchronise, never join across silently.
    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared);
    /// Bytes of `side` that were captured but passed over because of [`Appetite::Skip`] or `Enough`; for counting.
    fn passed(&mut self, side: Side, length: u64, at: At) {
        let _ = (side, length, at);
    }
    /// States what it found.
    fn end(self: Box<Self>, facts: &mut Facts, shared: &mut Shared);
}

/// Whether first bytes are those of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// They are, and this side of those given is the client.
    Yes(Side),
    /// They are not.
    No,
    /// Too few bytes to tell; asked again with more, at most until `MAX_HEAD` bytes of a side.
    More,
}

/// What is shared by all conversations of a run.
#[derive(Debug, Default)]
pub struct Shared {
    /// Data connections that a control connection announced, by listening address and port. Bounded.
    pub expected: BTreeMap<(IpAddr, u16), Expected>,
    /// Certificates that were read, by their bytes, and whether they could be: the same few are sent again and
    /// again. Bounded.
    pub certificates: HashMap<Box<[u8]>, (Arc<Certificate>, bool)>,
    /// What could not be understood.
    pub log: anomaly::Log,
    /// Only addresses are wanted of the answers of DNS: others are not kept.
    pub addresses_only: bool,
}

/// A data connection that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The other end's address.
    pub peer: IpAddr,
    /// The side that listens is the server of the control connection (passive mode).
    pub passive: bool,
    /// The command it serves (`STOR`, `RETR`, `LIST`), once given.
    pub verb: Option<String>,
    /// Its argument.
    pub name: Option<String>,
}
