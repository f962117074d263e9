//! DTLS records in datagrams (RFC 6347, section 4.1; RFC 9147).

use super::handshake::{CLIENT_HELLO, Handshake, SERVER_HELLO, is_wanted};
use super::stream::Begin;
use crate::flow::{At, Side};
use crate::protocol::Shared;
use crate::protocol::bytes::Bytes;
use crate::protocol::pieces::{MAX_MESSAGE, Pieces};
use tls_parser::TlsHandshakeType;

/// Handshake messages of which pieces may wait at a time, for both sides; a flight has at most five.
const MAX_WAITING: usize = 4;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// The epoch of the encrypted part of a handshake of DTLS 1.3.
const HANDSHAKE_EPOCH: u16 = 2;
const HELLO_VERIFY_REQUEST: u8 = TlsHandshakeType::HelloVerifyRequest.0;

/// A record of a datagram.
#[derive(Debug, Clone, Copy)]
struct Record<'a> {
    kind: u8,
    epoch: u16,
    body: &'a [u8],
    /// It has the header of DTLS 1.3, which hides the kind.
    sealed: bool,
}

/// The records of a datagram with a full header.
fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = Bytes(datagram);
    std::iter::from_fn(move || record(&mut rest))
}

/// The records of a datagram with either header.
fn all_records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = Bytes(datagram);
    std::iter::from_fn(move || match rest.0.first() {
        Some(flags) if is_sealed(*flags) => sealed(&mut rest),
        _ => record(&mut rest),
    })
}

/// Whether a record of DTLS 1.3 begins with this byte.
const fn is_sealed(flags: u8) -> bool {
    flags & 0xe0 == 0x20
}

/// A record with the unified header of DTLS 1.3 (RFC 9147, section 4): three bits that tell it, whether a connection ID
/// is there, the size of the sequence number, whether a length is there, two bits of the epoch. How long a connection
/// ID is, is not stated: the rest of the datagram is then taken for one record.
fn sealed<'a>(rest: &mut Bytes<'a>) -> Option<Record<'a>> {
    let flags = rest.u8().filter(|flags| is_sealed(*flags))?;
    if flags & 0x10 == 0 {
        rest.take(if flags & 0x08 == 0 { 1 } else { 2 })?;
    }
    let body = if flags & 0x14 == 0x04 { rest.vec16()? } else { std::mem::take(&mut rest.0) };
    let epoch = u16::from(flags & 3);
    // The second epoch is that of the handshake; all others carry data.
    let kind = if epoch == HANDSHAKE_EPOCH { HANDSHAKE } else { APPLICATION_DATA };
    // The shortest tag is eight bytes, the shortest content its kind.
    (body.len() > 8).then_some(Record { kind, epoch, body, sealed: true })
}

fn record<'a>(rest: &mut Bytes<'a>) -> Option<Record<'a>> {
    let kind = rest.u8().filter(|kind| (20..=25).contains(kind))?;
    rest.u16().filter(|version| matches!(version, 0xfeff | 0xfefd | 0x0100))?;
    let epoch = rest.u16()?;
    rest.take(6)?;
    Some(Record { kind, epoch, body: rest.vec16()?, sealed: false })
}

/// A piece of a handshake message.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    kind: u8,
    length: u32,
    sequence: u16,
    offset: u32,
    bytes: &'a [u8],
}

fn piece<'a>(rest: &mut Bytes<'a>) -> Option<Piece<'a>> {
    let (kind, length, sequence, offset) = (rest.u8()?, rest.u24()?, rest.u16()?, rest.u24()?);
    let bytes = rest.vec24()?;
    let end = offset.checked_add(bytes.len() as u32)?;
    (end <= length).then_some(Piece { kind, length, sequence, offset, bytes })
}

/// What a datagram is.
pub fn begin(datagram: &[u8]) -> Begin {
    let Some(first) = records(datagram).next() else { return Begin::No };
    if first.kind == HANDSHAKE && first.epoch == 0 {
        return match piece(&mut Bytes(first.body)).map(|piece| piece.kind) {
            Some(CLIENT_HELLO) => Begin::Client,
            Some(SERVER_HELLO | HELLO_VERIFY_REQUEST) => Begin::Server,
            Some(_) => Begin::Records(true),
            None => Begin::No,
        };
    }
    let mut rest = Bytes(datagram);
    while record(&mut rest).is_some() {}
    // Encrypted records carry at least a tag of eight bytes.
    let sane = first.kind == APPLICATION_DATA && first.epoch > 0 && first.body.len() >= 8;
    if sane && rest.0.is_empty() { Begin::Records(true) } else { Begin::No }
}

/// A message of which pieces wait.
#[derive(Debug)]
struct Waiting {
    side: Side,
    sequence: u16,
    kind: u8,
    length: u32,
    pieces: Pieces,
}

/// Both directions of a DTLS connection.
#[derive(Debug, Default)]
pub struct Datagrams {
    waiting: Vec<Waiting>,
}

impl Datagrams {
    /// Takes one datagram.
    pub fn data(&mut self, side: Side, datagram: &[u8], at: At, shake: &mut Handshake, shared: &mut Shared) {
        for record in all_records(datagram) {
            if record.kind == APPLICATION_DATA && record.sealed {
                shake.sealed_data(side, record.body.len() as u32, at);
            } else if record.kind == APPLICATION_DATA {
                shake.application_data(side, record.body.len() as u32, at);
            } else if record.kind == HANDSHAKE && record.epoch == 0 {
                let mut rest = Bytes(record.body);
                while let Some(piece) = piece(&mut rest) {
                    if is_wanted(piece.kind) {
                        self.piece(side, piece, at, shake, shared);
                    }
                }
            }
        }
    }

    fn piece(&mut self, side: Side, piece: Piece<'_>, at: At, shake: &mut Handshake, shared: &mut Shared) {
        if piece.bytes.len() == piece.length as usize {
            shake.message(side, piece.kind, piece.bytes, at, shared);
            return;
        }
        if piece.length as usize > MAX_MESSAGE {
            return;
        }
        let known = |waiting: &Waiting| {
            (waiting.side, waiting.sequence, waiting.kind, waiting.length)
                == (side, piece.sequence, piece.kind, piece.length)
        };
        let index = self.waiting.iter().position(known).unwrap_or_else(|| {
            if self.waiting.len() == MAX_WAITING {
                self.waiting.remove(0);
            }
            let (sequence, kind, length) = (piece.sequence, piece.kind, piece.length);
            self.waiting.push(Waiting { side, sequence, kind, length, pieces: Pieces::default() });
            self.waiting.len() - 1
        });
        let waiting = &mut self.waiting[index];
        waiting.pieces.keep(piece.offset as usize, piece.bytes);
        if waiting.pieces.held() < waiting.length as usize {
            return;
        }
        let message = waiting.pieces.joined();
        if message.len() >= waiting.length as usize {
            self.waiting.remove(index);
            shake.message(side, piece.kind, &message, at, shared);
        }
    }

    /// Ends: a ClientHello of which pieces are missing states what it has.
    pub fn end(&mut self, shake: &mut Handshake) {
        for waiting in self.waiting.drain(..).filter(|waiting| waiting.kind == CLIENT_HELLO) {
            shake.cut_client_hello(&waiting.pieces.joined());
        }
    }
}
