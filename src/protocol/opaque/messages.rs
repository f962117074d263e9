//! Messages of a WebSocket's client (RFC 6455): unmasked as they pass, and described one by one.
//!
//! Compressed messages (RFC 7692) are only counted.

use crate::content::{Declared, Scanner};
use crate::record::{Body, Hex, Part};

/// Messages kept: those that tell most.
const MAX_KEPT: usize = 8;
/// Messages that are looked at. Those that introduce and those that steal come soon; chats go on for days.
const MAX_LOOKED_AT: u32 = 4096;
/// Longest header of a frame, in bytes (RFC 6455 section 5.2).
const MAX_HEADER: usize = 14;
/// Bytes that are unmasked at a time.
const CHUNK: usize = 1024;

/// Splits the bytes of a client into messages.
#[derive(Default)]
pub struct Messages {
    header: [u8; MAX_HEADER],
    /// Bytes of the header that are there.
    have: usize,
    /// Payload of the present frame that is still to come.
    left: u64,
    mask: [u8; 4],
    /// Payload of the present frame that has passed, modulo four.
    phase: usize,
    /// The present frame carries a message.
    data: bool,
    /// The present frame is the last of its message.
    last: bool,
    /// The message under way; none where it is not looked at.
    scanner: Option<Box<Scanner>>,
    looked_at: u32,
    kept: Vec<(u8, Body)>,
    /// Messages that told something and were not kept.
    more: u64,
    /// Frames can no longer be told apart.
    lost: bool,
}

impl Messages {
    /// Whether more bytes would tell more.
    pub fn wants(&self) -> bool {
        !self.lost
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !self.lost && !bytes.is_empty() {
            if self.left == 0 {
                let Some((&first, rest)) = bytes.split_first() else { return };
                bytes = rest;
                self.begin(first);
                continue;
            }
            let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len()).min(CHUNK);
            let (piece, rest) = bytes.split_at(length);
            bytes = rest;
            self.payload(piece);
            self.pass(length as u64);
        }
    }

    /// `length` bytes are not seen.
    pub fn skip(&mut self, length: u64) {
        // Where the next frame begins is known only inside the payload of this one.
        if length > self.left {
            self.lost = true;
            self.end_message();
        } else if length > 0 {
            if self.data
                && let Some(scanner) = &mut self.scanner
            {
                scanner.missing(length);
            }
            self.pass(length);
        }
    }

    /// The messages that tell most, as parts, and how many more there were.
    pub fn finish(mut self) -> (Vec<Part>, u64) {
        self.end_message();
        let parts = self.kept.into_iter().map(|(_, body)| Part { body, ..Part::default() }).collect();
        (parts, self.more)
    }

    /// Takes one byte of a header.
    fn begin(&mut self, byte: u8) {
        let Some(place) = self.header.get_mut(self.have) else {
            self.lost = true;
            return;
        };
        *place = byte;
        self.have += 1;
        let wide = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        // A client must mask (section 5.1): one that does not speaks something else.
        if self.have >= 2 && self.header[1] & 0x80 == 0 {
            self.lost = true;
            return;
        }
        if self.have < 2 || self.have < 6 + wide {
            return;
        }
        self.left = match wide {
            0 => u64::from(self.header[1] & 0x7f),
            _ => self.header[2..2 + wide].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
        };
        self.mask.copy_from_slice(&self.header[2 + wide..6 + wide]);
        (self.have, self.phase) = (0, 0);
        let (first, opcode) = (self.header[0], self.header[0] & 0x0f);
        self.lost = first & 0x30 != 0 || !matches!(opcode, 0..=2 | 8..=10);
        self.data = opcode < 8;
        self.last = first & 0x80 != 0;
        if matches!(opcode, 1 | 2) && !self.lost {
            self.end_message();
            // The first reserved bit: compressed.
            if first & 0x40 == 0 && self.looked_at < MAX_LOOKED_AT {
                self.looked_at += 1;
                let declared = Declared { upload: true, ..Declared::default() };
                self.scanner = Some(Box::new(Scanner::new(&declared)));
            }
        }
        self.end_frame();
    }

    /// Looks at payload of the present frame.
    fn payload(&mut self, piece: &[u8]) {
        if self.data
            && let Some(scanner) = &mut self.scanner
        {
            if !scanner.wants() {
                scanner.passed(piece.len() as u64);
                return;
            }
            let mut clear = [0; CHUNK];
            let masks = self.mask.iter().cycle().skip(self.phase);
            for ((clear, byte), mask) in clear.iter_mut().zip(piece).zip(masks) {
                *clear = byte ^ mask;
            }
            scanner.feed(clear.get(..piece.len()).unwrap_or_default());
        }
    }

    /// Goes on in the present frame.
    fn pass(&mut self, length: u64) {
        self.left = self.left.saturating_sub(length);
        self.phase = (self.phase + (length % 4) as usize) % 4;
        self.end_frame();
    }

    fn end_frame(&mut self) {
        if self.left == 0 && self.data && self.last {
            self.end_message();
        }
    }

    fn end_message(&mut self) {
        let Some(scanner) = self.scanner.take() else { return };
        let mut body = scanner.finish();
        // What people write to each other is not kept.
        body.first = Hex::default();
        let Some(rank) = rank(&body) else { return };
        if self.kept.len() < MAX_KEPT {
            self.kept.push((rank, body));
            return;
        }
        self.more = self.more.saturating_add(1);
        // The last of those that tell least makes room, so that the first of a kind stays.
        let least = self.kept.iter().map(|(rank, _)| *rank).min();
        if least.is_some_and(|least| least < rank)
            && let Some(place) = self.kept.iter().rposition(|(rank, _)| Some(*rank) == least)
        {
            self.kept.remove(place);
            self.kept.push((rank, body));
        }
    }
}

/// How much a message tells; none for one that tells nothing.
fn rank(body: &Body) -> Option<u8> {
    if body.archive.is_some() {
        Some(4)
    } else if !body.markers.is_empty() {
        Some(3)
    } else if body.magic.as_deref().is_some_and(|magic| magic != "json") {
        Some(2)
    } else if !body.fields.is_empty() {
        Some(1)
    } else {
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A masked frame.
    pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut out = vec![first];
        match payload.len() {
            length @ 0..=125 => out.push(0x80 | length as u8),
            length @ 126..=0xffff => {
                out.push(0xfe);
                out.extend((length as u16).to_be_bytes());
            }
            length => {
                out.push(0xff);
                out.extend((length as u64).to_be_bytes());
            }
        }
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    /// Reads in pieces of several sizes, which must agree.
    fn read(bytes: &[u8]) -> (Vec<Part>, u64) {
        let pieces = |size: usize| {
            let mut messages = Messages::default();
            bytes.chunks(size).for_each(|piece| messages.feed(piece));
            messages.finish()
        };
        let whole = pieces(bytes.len().max(1));
        for size in [1, 3, 509, 1460] {
            assert_eq!(pieces(size), whole, "in pieces of {size}");
        }
        whole
    }

    fn fields(part: &Part) -> Vec<&str> {
        part.body.fields.iter().map(|field| field.name.as_str()).collect()
    }

    const HELLO: &[u8] = br#"{"hwid":"0123","user":"erika"}"#;

    #[test]
    fn messages_are_unmasked_and_joined() {
        let long = format!("{{\"a\":\"{}\",\"b\":1}}", "x y ".repeat(20_000));
        let split = [frame(0x01, &HELLO[..10]), frame(0x89, b"ping"), frame(0x80, &HELLO[10..])].concat();
        let bytes = [frame(0x81, HELLO), split, frame(0x81, long.as_bytes()), frame(0x88, b"")].concat();
        let (parts, more) = read(&bytes);
        let found: Vec<_> = parts.iter().map(fields).collect();
        assert_eq!(found, [vec!["hwid", "user"], vec!["hwid", "user"], vec!["a", "b"]]);
        assert_eq!((parts[0].body.bytes, parts[2].body.bytes, more), (30, long.len() as u64, 0));
        assert!(parts.iter().all(|part| part.body.first.is_empty()));
    }

    #[test]
    fn what_tells_most_is_kept() {
        let mut bytes = frame(0x81, HELLO);
        for _ in 0..20 {
            bytes.extend(frame(0x81, br#"{"type":"ping"}"#));
        }
        bytes.extend(frame(0x82, b"\x1f\x8b\x08\0\0\0\0\0\0\x0b not really packed but named so"));
        bytes.extend(frame(0x81, b"a word between people"));
        let (parts, more) = read(&bytes);
        assert_eq!((parts.len(), more), (8, 14));
        assert_eq!(fields(&parts[0]), ["hwid", "user"]);
        assert_eq!(parts[7].body.magic.as_deref(), Some("gzip"));
    }

    #[test]
    fn what_is_compressed_unmasked_or_no_frame_tells_nothing() {
        assert_eq!(read(&[frame(0xc1, HELLO), frame(0x81, HELLO)].concat()).0.len(), 1);
        for bytes in [&b"\x81\x1e{\"hwid\":1}"[..], b"\x8f\x80\0\0\0\0", b"\xb1\x80\0\0\0\0", &[0xff; 64]] {
            assert_eq!(read(&[bytes, &frame(0x81, HELLO)].concat()).0.len(), 0, "{bytes:?}");
        }
        // A length that is never reached, and every front of a message.
        let bytes = frame(0x81, HELLO);
        for end in 0..bytes.len() {
            read(&bytes[..end]);
        }
        assert_eq!(read(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0abc"), (Vec::new(), 0));
    }

    #[test]
    fn a_hole_inside_a_message_is_stepped_over() {
        let bytes = [frame(0x82, &[7; 900]), frame(0x81, HELLO)].concat();
        let holed = |from: usize, length: usize| {
            let mut messages = Messages::default();
            messages.feed(&bytes[..from]);
            messages.skip(length as u64);
            messages.feed(&bytes[from + length..]);
            messages.finish().0.len()
        };
        assert_eq!(holed(100, 501), 1);
        assert_eq!(holed(4, 2), 0);
        assert_eq!(holed(900, 20), 0);
    }
}
