//! Undoes one layer of encoding as bytes pass: base64, hexadecimal, quoted-printable, exclusive or, deflate.

use super::gzip;
use flate2::{Decompress, FlushDecompress, Status};

/// Decoded bytes are handed on in pieces of up to this many, so that nothing is kept.
const PIECE: usize = 1024;

/// Most bytes that one compressed body may expand to; 4 MiB hold any report worth reading.
const INFLATED_MAX: u64 = 4 * 1024 * 1024;

/// Bytes out for each byte in that are believed, beyond [`RATIO_FREE`]: text compresses 4 to 20 times.
const RATIO_MAX: u64 = 100;

/// Bytes out before the ratio counts: a short JSON of repeated keys compresses well.
const RATIO_FREE: u64 = 64 * 1024;

/// Compressed bytes are taken in blocks of this size, so that the ratio does not depend on how they came.
const BLOCK: usize = 512;

/// Receives decoded bytes.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8]);

/// One layer of encoding. After an error it is silent.
#[derive(Debug)]
pub(super) enum Decoder {
    /// RFC 4648, either alphabet.
    Base64(Base64),
    /// Pairs of hexadecimal digits; white space, `-` and `:` between them.
    Hex(Option<u8>),
    /// RFC 2045, 6.7.
    Quoted(Quoted),
    /// Every byte combined with this one by exclusive or.
    Xor(u8),
    /// gzip, zlib or bare deflate.
    Inflate(Box<Inflate>),
}

impl Decoder {
    /// Base64; a `lenient` one skips what is not in the alphabet (RFC 2045, 6.8), else that ends it.
    pub(super) fn base64(lenient: bool) -> Self {
        Self::Base64(Base64 { bits: 0, count: 0, lenient, ended: false, resume: false })
    }

    pub(super) fn inflate(kind: Compression) -> Self {
        let state = InflateState::Header(kind);
        Self::Inflate(Box::new(Inflate { state, waiting: Vec::new(), taken: 0, given: 0 }))
    }

    /// Takes the next bytes; false once nothing more will come out.
    pub(super) fn feed(&mut self, bytes: &[u8], sink: Sink<'_>) -> bool {
        match self {
            Self::Base64(base64) => base64.feed(bytes, sink),
            Self::Hex(half) => hex(half, bytes, sink),
            Self::Quoted(quoted) => {
                quoted.feed(bytes, sink);
                true
            }
            Self::Inflate(inflate) => inflate.feed(bytes, sink),
            Self::Xor(key) => {
                let mut out = [0; PIECE];
                for piece in bytes.chunks(PIECE) {
                    out.iter_mut().zip(piece).for_each(|(to, from)| *to = from ^ *key);
                    sink(&out[..piece.len()]);
                }
                true
            }
        }
    }

    /// Hands out what waits for bytes that will not come.
    pub(super) fn finish(&mut self, sink: Sink<'_>) {
        match self {
            Self::Base64(base64) => base64.flush(sink),
            Self::Inflate(inflate) => inflate.finish(sink),
            Self::Hex(_) | Self::Quoted(_) | Self::Xor(_) => {}
        }
    }

    /// `length` encoded bytes are missing: about how many decoded ones that is, or none where nothing can be read
    /// beyond a hole.
    pub(super) fn gap(&mut self, length: u64) -> Option<u64> {
        match self {
            Self::Base64(base64) => {
                // Lines of an encoder hold whole groups: reading goes on behind the next line break.
                base64.resume = true;
                (base64.bits, base64.count) = (0, 0);
                Some(length / 4 * 3)
            }
            Self::Quoted(quoted) => {
                quoted.state = QuotedState::Text;
                Some(length)
            }
            Self::Xor(_) => Some(length),
            Self::Hex(_) | Self::Inflate(_) => None,
        }
    }
}

const SKIP: u8 = 0xfe;
const PAD: u8 = 0xfd;
const BAD: u8 = 0xff;

/// Value of each base64 character.
const VALUES: [u8; 256] = {
    let mut table = [BAD; 256];
    let mut n = 0;
    while n < 26 {
        table[b'A' as usize + n] = n as u8;
        table[b'a' as usize + n] = n as u8 + 26;
        n += 1;
    }
    n = 0;
    while n < 10 {
        table[b'0' as usize + n] = n as u8 + 52;
        n += 1;
    }
    table[b'+' as usize] = 62;
    table[b'-' as usize] = 62;
    table[b'/' as usize] = 63;
    table[b'_' as usize] = 63;
    table[b'=' as usize] = PAD;
    table[b'\r' as usize] = SKIP;
    table[b'\n' as usize] = SKIP;
    table[b'\t' as usize] = SKIP;
    table[b' ' as usize] = SKIP;
    table[0] = SKIP;
    table
};

/// State of a base64 decoder.
#[derive(Debug)]
pub(super) struct Base64 {
    bits: u32,
    count: u8,
    lenient: bool,
    ended: bool,
    /// The place in a group is unknown up to the next line break.
    resume: bool,
}

impl Base64 {
    fn feed(&mut self, bytes: &[u8], sink: Sink<'_>) -> bool {
        let mut out = Vec::with_capacity(PIECE.min(bytes.len() / 4 * 3 + 3));
        let mut rest = bytes;
        if self.resume {
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                return true;
            };
            self.resume = false;
            rest = &bytes[end + 1..];
        }
        while !rest.is_empty() && !self.ended {
            if out.len() + 3 > PIECE {
                sink(&out);
                out.clear();
            }
            if self.count == 0 {
                // Whole groups, the common case.
                while let Some(&[a, b, c, d]) = rest.first_chunk::<4>() {
                    let [a, b, c, d] = [a, b, c, d].map(|x| VALUES[usize::from(x)]);
                    if (a | b | c | d) & 0xc0 != 0 || out.len() + 3 > PIECE {
                        break;
                    }
                    let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
                    out.extend_from_slice(&bits.to_be_bytes()[1..]);
                    rest = &rest[4..];
                }
            }
            if let Some((&byte, after)) = rest.split_first()
                && out.len() + 3 <= PIECE
            {
                self.take(byte, &mut out);
                rest = after;
            }
        }
        if !out.is_empty() {
            sink(&out);
        }
        !self.ended
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        match VALUES[usize::from(byte)] {
            SKIP => {}
            // Padding ends a group; another text may follow it.
            PAD => self.partial(out),
            BAD if self.lenient => {}
            BAD => {
                self.partial(out);
                self.ended = true;
            }
            value => {
                self.bits = self.bits << 6 | u32::from(value);
                self.count += 1;
                if self.count == 4 {
                    out.extend_from_slice(&self.bits.to_be_bytes()[1..]);
                    (self.bits, self.count) = (0, 0);
                }
            }
        }
    }

    fn partial(&mut self, out: &mut Vec<u8>) {
        match self.count {
            2 => out.push((self.bits >> 4) as u8),
            3 => out.extend_from_slice(&((self.bits >> 2) as u16).to_be_bytes()),
            _ => {}
        }
        (self.bits, self.count) = (0, 0);
    }

    fn flush(&mut self, sink: Sink<'_>) {
        let mut out = Vec::new();
        self.partial(&mut out);
        if !out.is_empty() {
            sink(&out);
        }
    }
}

fn hex(half: &mut Option<u8>, bytes: &[u8], sink: Sink<'_>) -> bool {
    let mut out = Vec::with_capacity(PIECE.min(bytes.len() / 2 + 1));
    let mut valid = true;
    for &byte in bytes {
        let Some(digit) = char::from(byte).to_digit(16) else {
            if matches!(byte, b'\r' | b'\n' | b' ' | b'-' | b':' | 0) {
                continue;
            }
            valid = false;
            break;
        };
        match half.take() {
            None => *half = Some(digit as u8),
            Some(high) => {
                out.push(high << 4 | digit as u8);
                if out.len() == PIECE {
                    sink(&out);
                    out.clear();
                }
            }
        }
    }
    if !out.is_empty() {
        sink(&out);
    }
    valid
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum QuotedState {
    #[default]
    Text,
    Equals,
    /// A soft line break whose line feed is due.
    Break,
    Digit(u8),
}

/// State of a quoted-printable decoder.
#[derive(Debug, Default)]
pub(super) struct Quoted {
    state: QuotedState,
}

impl Quoted {
    fn feed(&mut self, bytes: &[u8], sink: Sink<'_>) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if self.state == QuotedState::Text {
                let end = memchr::memchr(b'=', rest).unwrap_or(rest.len());
                if end > 0 {
                    sink(&rest[..end]);
                    rest = &rest[end..];
                    continue;
                }
            }
            let digit = char::from(byte).to_digit(16).map(|d| d as u8);
            rest = match (self.state, byte, digit) {
                (QuotedState::Text, ..) => self.go(QuotedState::Equals, rest),
                (QuotedState::Equals, b'\r', _) => self.go(QuotedState::Break, rest),
                (QuotedState::Equals | QuotedState::Break, b'\n', _) => self.go(QuotedState::Text, rest),
                (QuotedState::Equals, _, Some(high)) => self.go(QuotedState::Digit(high), rest),
                (QuotedState::Digit(high), _, Some(low)) => {
                    sink(&[high << 4 | low]);
                    self.go(QuotedState::Text, rest)
                }
                // Not an escape: the byte is looked at again as text.
                (QuotedState::Equals, ..) => {
                    sink(b"=");
                    self.state = QuotedState::Text;
                    if byte == b'=' { self.go(QuotedState::Equals, rest) } else { rest }
                }
                (QuotedState::Break | QuotedState::Digit(_), ..) => {
                    self.state = QuotedState::Text;
                    rest
                }
            };
        }
    }

    fn go<'a>(&mut self, state: QuotedState, rest: &'a [u8]) -> &'a [u8] {
        self.state = state;
        &rest[1..]
    }
}

/// What a compressed stream was declared or seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or bare RFC 1951 as some send it.
    Deflate,
    /// RFC 1951.
    Bare,
}

enum InflateState {
    Header(Compression),
    Data(Decompress),
    /// What was declared compressed is not: passed on as it is.
    Raw,
    Done,
}

impl std::fmt::Debug for InflateState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header(_) => "Header",
            Self::Data(_) => "Data",
            Self::Raw => "Raw",
            Self::Done => "Done",
        })
    }
}

/// Bounded inflation.
#[derive(Debug)]
pub(super) struct Inflate {
    state: InflateState,
    waiting: Vec<u8>,
    taken: u64,
    given: u64,
}

impl Inflate {
    fn feed(&mut self, bytes: &[u8], sink: Sink<'_>) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.state {
                InflateState::Done => return false,
                InflateState::Raw => {
                    sink(rest);
                    return true;
                }
                InflateState::Header(_) | InflateState::Data(_) => {
                    let room = BLOCK.saturating_sub(self.waiting.len());
                    let (now, after) = rest.split_at(room.min(rest.len()));
                    self.waiting.extend_from_slice(now);
                    rest = after;
                    if self.waiting.len() == BLOCK {
                        self.block(sink);
                    }
                }
            }
        }
        !matches!(self.state, InflateState::Done)
    }

    fn finish(&mut self, sink: Sink<'_>) {
        if !self.waiting.is_empty() {
            self.block(sink);
        }
    }

    fn block(&mut self, sink: Sink<'_>) {
        let block = std::mem::take(&mut self.waiting);
        let mut rest = block.as_slice();
        if let InflateState::Header(kind) = self.state {
            let (state, skip) = begin(kind, rest);
            self.state = state;
            rest = rest.get(skip..).unwrap_or_default();
        }
        match &mut self.state {
            InflateState::Raw => sink(rest),
            InflateState::Data(inflater) => {
                self.taken += rest.len() as u64;
                if !run(inflater, rest, &mut self.given, self.taken, sink) {
                    self.state = InflateState::Done;
                }
            }
            InflateState::Header(_) | InflateState::Done => {}
        }
        // The allocation is used for the next block.
        self.waiting = block;
        self.waiting.clear();
    }
}

/// Reads the header of a compressed stream: what to do and how many bytes it took.
fn begin(kind: Compression, head: &[u8]) -> (InflateState, usize) {
    match kind {
        Compression::Gzip => match gzip::header(head) {
            Some(header) => (InflateState::Data(Decompress::new(false)), header.length),
            // A header longer than a block is not one of a program that sends.
            None if head.starts_with(b"\x1f\x8b") => (InflateState::Done, 0),
            None => (InflateState::Raw, 0),
        },
        Compression::Bare => (InflateState::Data(Decompress::new(false)), 0),
        Compression::Deflate => match head {
            [cmf, flags, ..] if cmf & 0x0f == 8 && u16::from_be_bytes([*cmf, *flags]) % 31 == 0 => {
                (InflateState::Data(Decompress::new(true)), 0)
            }
            _ => {
                let mut probe = [0; 64];
                let bare = Decompress::new(false).decompress(head, &mut probe, FlushDecompress::None).is_ok();
                (if bare { InflateState::Data(Decompress::new(false)) } else { InflateState::Raw }, 0)
            }
        },
    }
}

/// Inflates one block; false at the end, at an error or at a bound.
fn run(inflater: &mut Decompress, block: &[u8], given: &mut u64, taken: u64, sink: Sink<'_>) -> bool {
    let mut rest = block;
    let mut out = [0; PIECE];
    loop {
        let (before_in, before_out) = (inflater.total_in(), inflater.total_out());
        let result = inflater.decompress(rest, &mut out, FlushDecompress::None);
        let used = (inflater.total_in() - before_in) as usize;
        let made = (inflater.total_out() - before_out) as usize;
        if made > 0 {
            sink(&out[..made]);
        }
        *given += made as u64;
        rest = rest.get(used..).unwrap_or_default();
        let bounded = *given < INFLATED_MAX && *given <= RATIO_FREE + taken.saturating_mul(RATIO_MAX);
        match result {
            Ok(Status::Ok | Status::BufError) if bounded => {
                if made < PIECE && (rest.is_empty() || used == 0) {
                    return true;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn decode(make: impl Fn() -> Decoder, bytes: &[u8]) -> Vec<u8> {
        let collect = |size: usize| {
            let (mut decoder, mut out) = (make(), Vec::new());
            let open = bytes.chunks(size).all(|piece| decoder.feed(piece, &mut |b| out.extend_from_slice(b)));
            if open {
                decoder.finish(&mut |b| out.extend_from_slice(b));
            }
            out
        };
        let whole = collect(bytes.len().max(1));
        for size in [1, 2, 3, 5, 700] {
            assert_eq!(collect(size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn base64_of_both_alphabets_with_breaks_and_padding() {
        assert_eq!(
            decode(|| Decoder::base64(false), b"aGVs\r\nbG8g\r\n8J+YgA=="),
            "hello \u{1f600}".as_bytes()
        );
        assert_eq!(decode(|| Decoder::base64(false), b"8J-YgA"), "\u{1f600}".as_bytes());
        assert_eq!(decode(|| Decoder::base64(false), b"aGVs!bG8g"), b"hel");
        assert_eq!(decode(|| Decoder::base64(true), b"aGVs!bG8g"), b"hello ");
        assert_eq!(decode(|| Decoder::base64(false), b"YQ==Yg=="), b"ab");
        let long = "QUJD".repeat(3000);
        assert_eq!(decode(|| Decoder::base64(false), long.as_bytes()), "ABC".repeat(3000).into_bytes());
    }

    #[test]
    fn hexadecimal_and_quoted_printable() {
        assert_eq!(decode(|| Decoder::Hex(None), b"50 4b-03\r\n04"), b"PK\x03\x04");
        assert_eq!(decode(|| Decoder::Hex(None), b"504bzz04"), b"PK");
        let quoted = || Decoder::Quoted(Quoted::default());
        assert_eq!(decode(quoted, b"a=3Db=\r\nc=\nd=xe=f"), b"a=bcd=xe");
        assert_eq!(decode(quoted, b"==41"), b"=A");
    }

    #[test]
    fn compressed_bodies_are_inflated_within_bounds() {
        let text = b"URL: https://shop.example\n".repeat(500);
        let mut gzip = flate2::GzBuilder::new().filename("x").write(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(decode(|| Decoder::inflate(Compression::Gzip), &gzip), text);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).unwrap();
        assert_eq!(decode(|| Decoder::inflate(Compression::Deflate), &zlib.finish().unwrap()), text);
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        bare.write_all(&text).unwrap();
        assert_eq!(decode(|| Decoder::inflate(Compression::Deflate), &bare.finish().unwrap()), text);
        assert_eq!(decode(|| Decoder::inflate(Compression::Gzip), b"not compressed"), b"not compressed");
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        bomb.write_all(&vec![0; 30_000_000]).unwrap();
        let out = decode(|| Decoder::inflate(Compression::Gzip), &bomb.finish().unwrap());
        assert!(out.len() as u64 <= INFLATED_MAX + PIECE as u64, "{}", out.len());
    }
}
