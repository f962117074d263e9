//! QUIC over UDP (RFC 9000, RFC 9001, RFC 9369, drafts from 22 on), as far as it is open to everyone: the hellos.
//!
//! In: datagrams. Out: [`record::Quic`] and, where the hellos were captured,
//! [`record::Tls`] with names, versions and fingerprints. The keys of the first packets follow
//! from the client's first connection id; nobody needs to be asked for them. Recognised by long headers of known
//! versions with sane lengths, on any port. After the handshake datagrams are only counted. This protocol refuses to
//! keep state for more than the hellos, and to guess at packets with short headers alone.

mod keys;
mod parser;

use super::pieces::{MAX_MESSAGE, Pieces};
use super::tls::{Carried, Handshake};
use super::{Heads, MAX_HEAD, Next, Protocol, Recognised, Shared, Start};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{self, Facts};
use keys::Keys;
use parser::{Kind, Long, MAX_ID, Version};

/// Datagrams of a side in which the hellos are looked for. A post-quantum hello takes two; the rest is for what was
/// sent again.
const MAX_DATAGRAMS: u8 = 64;
/// Packets that are tried to be opened, for both sides, and not more: some microseconds each.
const MAX_OPENED: u8 = 48;
/// Keys that are derived; a Retry and another version take one more each.
const MAX_DERIVED: u8 = 6;
/// Longest usual datagram in bytes, that of Ethernet.
const MAX_DATAGRAM: usize = 1472;
/// Shortest connection id that a client may make up for its first packet, in bytes (RFC 9000, section 7.2).
const MIN_FIRST_ID: usize = 8;

/// Whether a datagram begins or continues a handshake.
///
/// Which side is the client: by what only one may send, else by the better known port.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    let bytes = heads.bytes[heads.first.index()];
    if heads.carrier != Carrier::Udp {
        return Recognised::No;
    }
    let Some(packet) = parser::long(bytes) else { return Recognised::No };
    // No more of a long datagram is shown than this, and no more may have been captured.
    let long = bytes.len() >= MAX_HEAD;
    let fits = packet.length <= bytes.len().max(MAX_DATAGRAM) || long;
    let [own, other] = [heads.first, heads.first.other()].map(|side| heads.ports[side.index()]);
    let by_port = if own < 1024 && other >= 1024 { heads.first.other() } else { heads.first };
    let client = match packet.kind {
        Kind::Negotiation => {
            // The server sends back the id that the client made up: a header of zeros is DNS.
            let known = parser::listed(bytes).any(Version::is_known);
            return if known && packet.from.len() >= MIN_FIRST_ID {
                Recognised::Yes(heads.first.other())
            } else {
                Recognised::No
            };
        }
        // Only a first packet states such a version, and it is a long one.
        Kind::Unknown => {
            let ids = (MIN_FIRST_ID..=MAX_ID).contains(&packet.to.len()) && packet.from.len() <= MAX_ID;
            let first = packet.version.is_grease() && bytes[0] & 0x40 != 0 && ids && long;
            return if first { Recognised::Yes(heads.first) } else { Recognised::No };
        }
        Kind::Retry => heads.first.other(),
        Kind::ZeroRtt => heads.first,
        Kind::Initial if !packet.token.is_empty() => heads.first,
        Kind::Initial if packet.to.len() < MIN_FIRST_ID => heads.first.other(),
        Kind::Initial | Kind::Handshake => by_port,
    };
    if fits { Recognised::Yes(client) } else { Recognised::No }
}

/// One connection.
pub struct Quic {
    shake: Handshake,
    version: Option<Version>,
    keys: Option<Box<Keys>>,
    streams: [Stream; 2],
    datagrams: [u8; 2],
    opened: u8,
    derived: u8,
}

/// The handshake bytes of one side.
#[derive(Default)]
struct Stream {
    /// Offset of the message at hand.
    begin: u64,
    pieces: Pieces,
}

impl Stream {
    fn keep(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len() as u64);
        if end <= self.begin {
            return;
        }
        let known = usize::try_from(self.begin.saturating_sub(offset)).unwrap_or(bytes.len());
        let at = offset.saturating_sub(self.begin);
        if end - self.begin <= MAX_MESSAGE as u64 {
            self.pieces.keep(at as usize, bytes.get(known..).unwrap_or_default());
        }
    }

    /// Takes the next message out, with its four-byte header, once it is whole.
    fn message(&mut self) -> Option<Vec<u8>> {
        let mut joined = self.pieces.joined();
        let &[_, high, mid, low, ..] = joined.as_slice() else { return None };
        let length = 4 + u32::from_be_bytes([0, high, mid, low]) as usize;
        if joined.len() < length {
            return None;
        }
        let rest = joined.split_off(length);
        self.begin += length as u64;
        self.pieces = Pieces::default();
        self.pieces.keep(0, &rest);
        Some(joined)
    }
}

impl Quic {
    /// Begins.
    pub fn new(start: &Start) -> Self {
        Self {
            shake: Handshake::new(start, Carried::Quic),
            version: None,
            keys: None,
            streams: [Stream::default(), Stream::default()],
            datagrams: [0; 2],
            opened: 0,
            derived: 0,
        }
    }

    /// Forgets what belongs to the attempt so far: the client begins anew, or it is at its end.
    fn restart(&mut self) {
        self.keys = None;
        self.streams = [Stream::default(), Stream::default()];
    }

    fn long(&mut self, side: Side, bytes: &[u8], packet: &Long<'_>, at: At, shared: &mut Shared) {
        match packet.kind {
            Kind::Retry | Kind::Negotiation if side == Side::Server && !self.shake.agreed => self.restart(),
            Kind::Initial | Kind::ZeroRtt | Kind::Handshake | Kind::Unknown if self.keys.is_none() => {
                self.version = Some(packet.version);
            }
            _ => {}
        }
        if packet.kind != Kind::Initial || self.shake.has_hello(side) || self.opened >= MAX_OPENED {
            return;
        }
        self.opened += 1;
        let Some((frames, cut)) = self.open(side, bytes, packet) else { return };
        let stream = &mut self.streams[side.index()];
        for (offset, piece) in parser::crypto(&frames, packet.version, cut) {
            stream.keep(offset, piece);
        }
        while let Some(message) = stream.message() {
            if let [kind, _, _, _, body @ ..] = message.as_slice() {
                self.shake.message(side, *kind, body, at, shared);
            }
        }
        if [Side::Client, Side::Server].into_iter().all(|side| self.shake.has_hello(side)) {
            self.restart();
        }
    }

    /// The frames of an Initial packet, and whether its end is missing. Keys stay when connection ids change, but not
    /// after a Retry, and another version of the same connection has others.
    fn open(&mut self, side: Side, bytes: &[u8], packet: &Long<'_>) -> Option<(Vec<u8>, bool)> {
        let cut = packet.length > bytes.len();
        let bytes = bytes.get(..packet.length.min(bytes.len()))?;
        let attempt = |keys: &Keys| {
            if !cut {
                return keys.open(side, bytes, packet.number_at);
            }
            // Without its tag nothing but the beginning of a hello proves it.
            keys.open_cut(side, bytes, packet.number_at).filter(|frames| {
                parser::crypto(frames, packet.version, true)
                    .any(|(offset, piece)| begins_hello(offset, piece))
            })
        };
        if let Some(keys) = &self.keys {
            if keys.version == packet.version
                && let Some(frames) = attempt(keys)
            {
                return Some((frames, cut));
            }
            if keys.version != packet.version {
                let id = keys.id().to_vec();
                if let Some((keys, frames)) = self.derive(packet.version, &id, attempt) {
                    self.keys = Some(keys);
                    self.version = Some(packet.version);
                    return Some((frames, cut));
                }
            }
        }
        let new = self.keys.as_ref().is_none_or(|keys| keys.id() != packet.to);
        if side == Side::Server || !new {
            return None;
        }
        let (keys, frames) = self.derive(packet.version, packet.to, attempt)?;
        self.restart();
        self.keys = Some(keys);
        self.version = Some(packet.version);
        Some((frames, cut))
    }

    fn derive(
        &mut self,
        version: Version,
        id: &[u8],
        attempt: impl Fn(&Keys) -> Option<Vec<u8>>,
    ) -> Option<(Box<Keys>, Vec<u8>)> {
        if self.derived >= MAX_DERIVED {
            return None;
        }
        self.derived += 1;
        let keys = Keys::derive(version, id)?;
        let frames = attempt(&keys)?;
        Some((Box::new(keys), frames))
    }

    /// What is still wanted of a side. A client sends packets with short headers once the handshake is done.
    fn appetite(&self, side: Side) -> Appetite {
        let done = self.shake.facts.established || side == Side::Server && self.shake.agreed;
        if done || self.datagrams[side.index()] >= MAX_DATAGRAMS { Appetite::Enough } else { Appetite::All }
    }
}

/// Whether a piece begins a ClientHello of TLS 1.2 or later (RFC 8446, section 4.1.2).
fn begins_hello(offset: u64, piece: &[u8]) -> bool {
    offset == 0 && matches!(piece, [1, 0, _, _, 3, 3, ..])
}

impl Protocol for Quic {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next {
        let seen = &mut self.datagrams[side.index()];
        *seen = seen.saturating_add(1);
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if first & 0x80 == 0 {
                // After a first packet it may be padding.
                let meant = rest.len() == bytes.len() || self.datagrams[Side::Server.index()] > 0;
                self.shake.facts.established |= side == Side::Client && first & 0x40 != 0 && meant;
                break;
            }
            let Some(packet) = parser::long(rest) else { break };
            self.long(side, rest, &packet, at, shared);
            rest = rest.get(packet.length..).unwrap_or_default();
        }
        Next::Want(self.appetite(side))
    }

    fn gap(&mut self, _: Side, _: u64, _: At, _: &mut Shared) {}

    fn end(mut self: Box<Self>, facts: &mut Facts, _: &mut Shared) {
        if !self.shake.has_hello(Side::Client)
            && let [1, _, _, _, body @ ..] = self.streams[Side::Client.index()].pieces.joined().as_slice()
        {
            self.shake.cut_client_hello(body);
        }
        let version = self.version.map(Version::name).unwrap_or_default().into();
        facts.quic = Some(Box::new(record::Quic { version }));
        if self.shake.is_known() {
            facts.tls = Some(Box::new(self.shake.facts));
        }
    }
}

#[cfg(test)]
mod tests;
