//! TLS records in a TCP stream (RFC 8446, section 5.1).
//!
//! Only five-byte headers and handshake messages in clear are looked at; all other bodies are asked to be passed
//! over.

use super::handshake::{CLIENT_HELLO, Handshake, is_wanted};
use super::parser::is_old_version;
use crate::anomaly::Kind;
use crate::flow::{Appetite, At, Side};
use crate::protocol::pieces::MAX_MESSAGE;
use crate::protocol::{MAX_HEAD, Shared};

/// Longest record body in bytes: 2^14 and what compression and encryption may add (RFC 5246, section 6.2.3).
const MAX_RECORD: u16 = 0x4000 + 2048;
/// Slices after lost bytes in which the next record is looked for before a side is given up: at usual segment
/// sizes more than the longest record fills.
const MAX_SEARCHES: u8 = 16;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Content type: 20 to 24.
    pub kind: u8,
    /// Bytes of the body.
    pub length: u16,
}

impl Header {
    /// Reads five bytes; `None` if they cannot be a header.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let &[kind @ 20..=24, 3, 0..=4, high, low, ..] = bytes else { return None };
        let length = u16::from_be_bytes([high, low]);
        let sane = length <= MAX_RECORD && (length > 0 || kind == APPLICATION_DATA);
        sane.then_some(Self { kind, length })
    }
}

/// What is done with the body of the record at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// Not looked at.
    PassedOver,
    /// Handshake messages in clear.
    Messages,
    /// A hello in the layout of SSL 2.0.
    OldHello,
}

/// Whether it is known where records begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// Yes.
    Held,
    /// By reckoning over a gap: the next header must prove it.
    Reckoned,
    /// No; so many slices were searched.
    Lost(u8),
    /// This side is given up.
    GivenUp,
}

/// One direction.
#[derive(Debug)]
struct Half {
    header: [u8; 5],
    filled: u8,
    body: Body,
    /// Bytes of the body still to come.
    left: u32,
    /// The rest of the body was asked to be passed over.
    skipping: bool,
    sync: Sync,
    /// No record was read yet: only now an SSL 2.0 hello is possible.
    fresh: bool,
    /// From here on handshake messages are encrypted.
    encrypted: bool,
    /// The handshake message being gathered, with its header.
    message: Vec<u8>,
    /// Bytes of a handshake message still to be passed over.
    unwanted: u32,
}

impl Half {
    const fn new() -> Self {
        Self {
            header: [0; 5],
            filled: 0,
            body: Body::PassedOver,
            left: 0,
            skipping: false,
            sync: Sync::Held,
            fresh: true,
            encrypted: false,
            message: Vec::new(),
            unwanted: 0,
        }
    }

    /// Moves bytes into the header until it has `wanted`.
    fn fill(&mut self, bytes: &mut &[u8], wanted: usize) -> bool {
        let have = usize::from(self.filled);
        let count = wanted.saturating_sub(have).min(bytes.len());
        let (head, tail) = bytes.split_at(count);
        if let Some(room) = self.header.get_mut(have..have + count) {
            room.copy_from_slice(head);
        }
        self.filled += count as u8;
        *bytes = tail;
        have + count >= wanted
    }

    /// Reads the header of the next record from the front of `bytes`. `None`: more bytes are needed; an error:
    /// this is none.
    fn next_record(
        &mut self,
        side: Side,
        bytes: &mut &[u8],
        agreed: bool,
        retry: bool,
    ) -> Option<Result<Header, ()>> {
        if self.fresh && side == Side::Client {
            if !self.fill(bytes, 2) {
                return None;
            }
            if let [high @ 0x80..=0xff, low, ..] = self.header {
                (self.fresh, self.filled) = (false, 0);
                let length = u16::from_be_bytes([high & 0x7f, low]);
                self.body = Body::OldHello;
                self.left = length.into();
                return Some(Ok(Header { kind: HANDSHAKE, length }));
            }
        }
        if !self.fill(bytes, 5) {
            return None;
        }
        (self.fresh, self.filled) = (false, 0);
        let Some(header) = Header::read(&self.header) else { return Some(Err(())) };
        self.sync = Sync::Held;
        self.left = header.length.into();
        // After a HelloRetryRequest this record only calms middleboxes (RFC 8446, appendix D.4).
        let calming = retry && !agreed;
        self.encrypted |= header.kind == CHANGE_CIPHER_SPEC && !calming;
        self.body =
            if header.kind == HANDSHAKE && !self.encrypted { Body::Messages } else { Body::PassedOver };
        Some(Ok(header))
    }

    /// Takes a piece of a record that holds handshake messages.
    fn gather(&mut self, side: Side, mut piece: &[u8], shake: &mut Handshake, at: At, shared: &mut Shared) {
        while !piece.is_empty() {
            if self.unwanted > 0 {
                let count = piece.len().min(self.unwanted as usize);
                self.unwanted -= count as u32;
                piece = &piece[count..];
            } else if let (true, Some(whole)) = (self.message.is_empty(), whole_message(piece)) {
                let (message, rest) = piece.split_at(whole);
                shake.message(side, message[0], &message[4..], at, shared);
                piece = rest;
            } else {
                let wanted = message_length(&self.message).unwrap_or(4);
                let count = piece.len().min(wanted - self.message.len().min(wanted));
                self.message.extend_from_slice(&piece[..count]);
                piece = &piece[count..];
                self.settle(side, shake, at, shared);
            }
        }
    }

    /// Looks at the message gathered: whether it is wanted, and whether it is complete.
    fn settle(&mut self, side: Side, shake: &mut Handshake, at: At, shared: &mut Shared) {
        let Some(length) = message_length(&self.message) else { return };
        let kind = self.message[0];
        if !is_wanted(kind) || length > MAX_MESSAGE {
            if is_wanted(kind) {
                shared.log.note(
                    Kind::Limit,
                    at.capture,
                    Some(at.frame),
                    "TLS handshake message beyond the bound",
                );
            }
            self.unwanted = (length - self.message.len()) as u32;
            self.message.clear();
        } else if self.message.len() >= length {
            let message = std::mem::take(&mut self.message);
            shake.message(side, kind, &message[4..], at, shared);
        }
    }

    /// Gives up what is gathered: a ClientHello still states what it has.
    fn drop_message(&mut self, shake: &mut Handshake) {
        if let [CLIENT_HELLO, _, _, _, body @ ..] = self.message.as_slice() {
            shake.cut_client_hello(body);
        }
        self.message = Vec::new();
        self.unwanted = 0;
    }

    /// Where in a slice after lost bytes the next record begins.
    fn search(&mut self, bytes: &[u8], tried: u8) -> Option<usize> {
        let found = (0..bytes.len().saturating_sub(4)).find(|&offset| is_begin(bytes, offset));
        self.sync = match found {
            Some(_) => Sync::Reckoned,
            None if tried + 1 < MAX_SEARCHES => Sync::Lost(tried + 1),
            None => Sync::GivenUp,
        };
        found
    }
}

/// Length of a handshake message with its header, once that is there.
fn message_length(message: &[u8]) -> Option<usize> {
    let &[_, high, mid, low, ..] = message else { return None };
    Some(4 + u32::from_be_bytes([0, high, mid, low]) as usize)
}

/// Length of the message at the front of a piece, if it is all there.
fn whole_message(piece: &[u8]) -> Option<usize> {
    message_length(piece).filter(|length| *length <= piece.len() && *length <= MAX_MESSAGE)
}

/// Whether a record begins at `offset`: a header, and after its body another or the end of the slice. At the front
/// of a slice, where segments like to begin records, a body that goes on beyond the slice is believed, too.
fn is_begin(bytes: &[u8], offset: usize) -> bool {
    let Some(header) = Header::read(&bytes[offset..]) else { return false };
    let end = offset + 5 + usize::from(header.length);
    match bytes.get(end..) {
        Some([]) => true,
        Some(next) if next.len() >= 5 => Header::read(next).is_some(),
        Some(_) | None => offset == 0,
    }
}

/// Both directions.
#[derive(Debug)]
pub struct Stream {
    halves: [Half; 2],
}

impl Stream {
    /// At the beginning, or somewhere within.
    pub const fn new() -> Self {
        Self { halves: [Half::new(), Half::new()] }
    }

    /// Takes bytes of one side.
    pub fn data(
        &mut self,
        side: Side,
        bytes: &[u8],
        at: At,
        shake: &mut Handshake,
        shared: &mut Shared,
    ) -> Appetite {
        let half = &mut self.halves[side.index()];
        let mut rest = bytes;
        if half.skipping {
            // No gap came between: what was to be passed over has been.
            (half.skipping, half.left) = (false, 0);
        }
        if let Sync::Lost(tried) = half.sync {
            let Some(offset) = half.search(rest, tried) else {
                return if half.sync == Sync::GivenUp { Appetite::Enough } else { Appetite::All };
            };
            rest = &rest[offset..];
        }
        while half.sync != Sync::GivenUp && !shake.is_full() {
            let count = rest.len().min(half.left as usize);
            let (piece, tail) = rest.split_at(count);
            half.left -= count as u32;
            rest = tail;
            match half.body {
                Body::PassedOver if half.left > 0 => {
                    half.skipping = true;
                    return Appetite::Skip(half.left.into());
                }
                Body::PassedOver => {}
                Body::Messages => half.gather(side, piece, shake, at, shared),
                Body::OldHello => {
                    half.message.extend_from_slice(piece);
                    if half.left == 0 {
                        shake.old_client_hello(&std::mem::take(&mut half.message), at);
                        half.body = Body::PassedOver;
                    }
                }
            }
            if rest.is_empty() {
                return Appetite::All;
            }
            match half.next_record(side, &mut rest, shake.agreed, shake.retry) {
                None => return Appetite::All,
                Some(Ok(header)) if header.kind == APPLICATION_DATA => {
                    shake.application_data(side, header.length.into(), at);
                }
                Some(Ok(_)) => {}
                Some(Err(())) if half.sync == Sync::Reckoned => {
                    half.sync = Sync::Lost(0);
                    return Appetite::All;
                }
                Some(Err(())) => {
                    shared.log.note(Kind::Undecodable, at.capture, Some(at.frame), "TLS record header");
                    half.drop_message(shake);
                    half.sync = Sync::GivenUp;
                }
            }
        }
        Appetite::Enough
    }

    /// Takes note of lost bytes. Inside a body the next header can be reckoned; else it must be found.
    pub fn gap(&mut self, side: Side, length: u64, shake: &mut Handshake) {
        let half = &mut self.halves[side.index()];
        half.drop_message(shake);
        if half.sync == Sync::GivenUp {
            return;
        }
        (half.skipping, half.fresh, half.body) = (false, false, Body::PassedOver);
        match u32::try_from(length) {
            Ok(lost) if half.filled == 0 && half.left >= lost && !matches!(half.sync, Sync::Lost(_)) => {
                half.left -= lost;
                half.sync = Sync::Reckoned;
            }
            _ => {
                (half.filled, half.left) = (0, 0);
                half.sync = Sync::Lost(0);
            }
        }
    }

    /// Takes note of bytes passed over: those that were asked to be, and after lost bytes such as were already put
    /// aside.
    pub fn passed(&mut self, side: Side, length: u64) {
        let half = &mut self.halves[side.index()];
        match u32::try_from(length).ok().and_then(|length| half.left.checked_sub(length)) {
            Some(left) => half.left = left,
            None if half.sync == Sync::GivenUp => {}
            None => {
                (half.skipping, half.filled, half.left) = (false, 0, 0);
                half.sync = Sync::Lost(0);
            }
        }
    }

    /// Ends both directions.
    pub fn end(&mut self, shake: &mut Handshake) {
        for half in &mut self.halves {
            half.drop_message(shake);
        }
    }
}

/// What the first bytes of one side are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// A ClientHello.
    Client,
    /// A ServerHello.
    Server,
    /// Records of a connection that began earlier; with whether more than one header speaks for it: that a second
    /// follows, that the slice ends where the record does, or that a long record of application data began.
    Records(bool),
    /// Too few bytes.
    More,
    /// No TLS.
    No,
}

/// Looks at the first bytes of one side, which are not empty.
pub fn begin(bytes: &[u8]) -> Begin {
    if bytes[0] & 0x80 != 0 {
        return old_begin(bytes);
    }
    let prefix: &[std::ops::RangeInclusive<u8>] = &[20..=23, 3..=3, 0..=4];
    if !prefix.iter().zip(bytes).all(|(range, byte)| range.contains(byte)) {
        return Begin::No;
    }
    if bytes.len() < 5 {
        return Begin::More;
    }
    let Some(header) = Header::read(bytes) else { return Begin::No };
    if header.kind == HANDSHAKE {
        match hello_begin(bytes) {
            Begin::No => {}
            known => return known,
        }
    }
    let long = header.kind == APPLICATION_DATA && bytes.len() >= MAX_HEAD;
    match bytes.get(5 + usize::from(header.length)..) {
        None => Begin::Records(long),
        Some([]) => Begin::Records(true),
        Some(next) if next.len() < 5 => Begin::Records(false),
        Some(next) if Header::read(next).is_some() => Begin::Records(true),
        Some(_) => Begin::No,
    }
}

/// Looks at the first six bytes of handshake message, over as many records as they are spread.
fn hello_begin(bytes: &[u8]) -> Begin {
    let mut head = [0; 6];
    let mut filled = 0;
    let mut rest = bytes;
    while filled < head.len() {
        if rest.len() < 5 {
            return Begin::More;
        }
        let Some(header) = Header::read(rest).filter(|header| header.kind == HANDSHAKE) else {
            return Begin::No;
        };
        let (body, after) = rest[5..].split_at((rest.len() - 5).min(header.length.into()));
        let count = body.len().min(head.len() - filled);
        head[filled..filled + count].copy_from_slice(&body[..count]);
        filled += count;
        if filled < head.len() && body.len() < usize::from(header.length) {
            let possible = filled == 0 || matches!(head[0], 1 | 2);
            return if possible { Begin::More } else { Begin::No };
        }
        rest = after;
    }
    // A hello has 38 bytes and more; the longest are those with post-quantum keys and tickets.
    let sane = (38..=MAX_MESSAGE).contains(&message_length(&head).unwrap_or(0));
    match head {
        [1, _, _, _, 3, 0..=4] if sane => Begin::Client,
        // Drafts of TLS 1.3 put their number here.
        [2, _, _, _, 3, 0..=4] | [2, _, _, _, 0x7f, _] if sane => Begin::Server,
        _ => Begin::No,
    }
}

/// Looks for a ClientHello in the layout of SSL 2.0.
fn old_begin(bytes: &[u8]) -> Begin {
    if bytes.len() < 11 {
        return if bytes.get(2).is_none_or(|kind| *kind == 1)
            && bytes.get(3).is_none_or(|high| matches!(high, 0 | 3))
        {
            Begin::More
        } else {
            Begin::No
        };
    }
    let word = |offset: usize| u16::from_be_bytes([bytes[offset], bytes[offset + 1]]);
    let [length, version, suites, session, challenge] =
        [word(0) & 0x7fff, word(3), word(5), word(7), word(9)];
    let sum = [suites, session, challenge].iter().fold(9, |sum, part| sum + u32::from(*part));
    let sane =
        suites > 0 && suites.is_multiple_of(3) && matches!(session, 0 | 16) && (16..=32).contains(&challenge);
    if bytes[2] == 1 && is_old_version(version) && sane && sum == u32::from(length) {
        Begin::Client
    } else {
        Begin::No
    }
}
