//! Long headers (RFC 9000, section 17.2; RFC 8999) and the frames of Initial packets (section 19).

use crate::protocol::bytes::Bytes;

/// Longest connection id of the versions known here, in bytes.
pub const MAX_ID: usize = 20;
/// Shortest rest of a packet from its length on: packet number, what header protection samples, tag.
const MIN_REST: u64 = 20;

/// A version by its number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u32);

/// RFC 9369.
const TWO: Version = Version(0x6b33_43cf);

impl Version {
    /// The draft of the specification that it is; the last for what became the standard, which did not change after.
    /// Meta's and Google's own numbers stand for the draft they were made after (Wireshark's packet-quic.c).
    pub const fn draft(self) -> Option<u8> {
        match self.0 {
            0x0000_0001 => Some(34),
            number @ 0xff00_0016..=0xff00_0022 => Some(number as u8),
            0xface_b001 => Some(22),
            0xface_b002 | 0xface_b00e | 0x5430_3530 | 0x5430_3531 => Some(27),
            _ => None,
        }
    }

    /// Whether it is version 2, which numbers packets anew.
    pub fn is_two(self) -> bool {
        self == TWO
    }

    /// Whether it is one of Google's own with TLS.
    pub const fn is_google(self) -> bool {
        matches!(self.0, 0x5430_3530 | 0x5430_3531)
    }

    /// Whether Initial packets of it can be opened.
    pub fn is_known(self) -> bool {
        self.is_two() || self.draft().is_some()
    }

    /// Whether it is one of those that ask for a list of versions (RFC 9000, section 15).
    pub const fn is_grease(self) -> bool {
        self.0 & 0x0f0f_0f0f == 0x0a0a_0a0a
    }

    /// Its name as records give it.
    pub fn name(self) -> String {
        match (self.0, self.0.to_be_bytes()) {
            (1, _) => "1".to_owned(),
            _ if self.is_two() => "2".to_owned(),
            (0xff00_0000..=0xff00_00ff, [.., draft]) => format!("draft-{draft}"),
            (_, bytes @ [b'T', ..]) => bytes.map(char::from).into_iter().collect(),
            (number, _) => format!("0x{number:08x}"),
        }
    }
}

/// What a packet with a long header is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hellos.
    Initial,
    /// The client's data before the server has answered.
    ZeroRtt,
    /// The encrypted rest of the handshake.
    Handshake,
    /// The server wants to see its token again.
    Retry,
    /// The server lists its versions.
    Negotiation,
    /// The version is not known, so neither is what follows the connection ids.
    Unknown,
}

/// A packet with a long header.
#[derive(Debug, Clone, Copy)]
pub struct Long<'a> {
    /// What it is for.
    pub kind: Kind,
    /// The version it states.
    pub version: Version,
    /// Connection id of who receives it.
    pub to: &'a [u8],
    /// Connection id of who sends it.
    pub from: &'a [u8],
    /// Token of an Initial packet.
    pub token: &'a [u8],
    /// Where in the packet its number is, still under protection.
    pub number_at: usize,
    /// Bytes of the packet by its own word; may be more than there are.
    pub length: usize,
}

/// Reads the packet at the front of a datagram. `None` if its lengths cannot be, or the datagram ends in its header.
pub fn long(bytes: &[u8]) -> Option<Long<'_>> {
    let mut rest = Bytes(bytes);
    let first = rest.u8().filter(|first| first & 0x80 != 0)?;
    let version = Version(rest.u32()?);
    let to = rest.vec8()?;
    let from = rest.vec8()?;
    let mut packet =
        Long { kind: Kind::Unknown, version, to, from, token: &[], number_at: 0, length: bytes.len() };
    if version.0 == 0 {
        packet.kind = Kind::Negotiation;
        return Some(packet);
    }
    if !version.is_known() {
        return Some(packet);
    }
    if first & 0x40 == 0 || to.len() > MAX_ID || from.len() > MAX_ID {
        return None;
    }
    let shift = u8::from(version.is_two());
    packet.kind = match (first >> 4 & 3).wrapping_sub(shift) & 3 {
        0 => Kind::Initial,
        1 => Kind::ZeroRtt,
        2 => Kind::Handshake,
        _ => Kind::Retry,
    };
    if packet.kind == Kind::Retry {
        return Some(packet);
    }
    if packet.kind == Kind::Initial {
        let length = varint(&mut rest)?;
        packet.token = rest.take(usize::try_from(length).ok()?)?;
    }
    let length = varint(&mut rest).filter(|length| (MIN_REST..=0xffff).contains(length))?;
    packet.number_at = bytes.len() - rest.0.len();
    packet.length = packet.number_at + length as usize;
    Some(packet)
}

/// The versions that a server lists.
pub fn listed(negotiation: &[u8]) -> impl Iterator<Item = Version> + '_ {
    let mut rest = Bytes(negotiation);
    let ids = rest.take(5).and_then(|_| rest.vec8()).and_then(|_| rest.vec8());
    std::iter::from_fn(move || ids.and_then(|_| rest.u32()).map(Version))
}

/// An integer whose first two bits say how long it is (RFC 9000, section 16).
fn varint(rest: &mut Bytes<'_>) -> Option<u64> {
    let first = rest.u8()?;
    let more = rest.take((1 << (first >> 6)) - 1)?;
    Some(more.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte)))
}

/// The pieces of the handshake in the frames of an Initial packet: where each belongs, and its bytes. Ends at a frame
/// that has no business there. Where `cut`, the last may go on beyond the end. Google's versions number frames their own
/// way, and of those only the pieces and what fills up is read (Wireshark's packet-quic.c).
pub fn crypto(frames: &[u8], version: Version, cut: bool) -> impl Iterator<Item = (u64, &[u8])> {
    let google = version.is_google();
    let mut rest = Bytes(frames);
    std::iter::from_fn(move || {
        loop {
            match varint(&mut rest)? {
                // PADDING, PING
                0 => {}
                1 if !google => {}
                7 if google => {}
                kind @ (2 | 3) if !google => acknowledged(&mut rest, kind == 3)?,
                kind @ (6 | 8) if google == (kind == 8) => {
                    let (offset, length) = (varint(&mut rest)?, varint(&mut rest)?);
                    let length = usize::try_from(length).ok()?;
                    let length = if cut { length.min(rest.0.len()) } else { length };
                    return Some((offset, rest.take(length)?));
                }
                // CONNECTION_CLOSE of the transport: code, frame type, reason; of the application: code, reason
                kind @ (0x1c | 0x1d) if !google => {
                    varint(&mut rest)?;
                    if kind == 0x1c {
                        varint(&mut rest)?;
                    }
                    let reason = varint(&mut rest)?;
                    rest.take(usize::try_from(reason).ok()?)?;
                }
                _ => return None,
            }
        }
    })
}

/// Reads over an ACK frame (section 19.3).
fn acknowledged(rest: &mut Bytes<'_>, congestion: bool) -> Option<()> {
    let (_, _, ranges, _) = (varint(rest)?, varint(rest)?, varint(rest)?, varint(rest)?);
    let counts = if congestion { 3 } else { 0 };
    for _ in 0..ranges.checked_mul(2)?.checked_add(counts)? {
        varint(rest)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::unhex;

    #[test]
    fn integers_of_every_length() {
        // RFC 9000, appendix A.1.
        let cases: [(&str, u64); 5] = [
            ("c2197c5eff14e88c", 151_288_809_941_952_652),
            ("9d7f3e7d", 494_878_333),
            ("7bbd", 15_293),
            ("25", 37),
            ("4025", 37),
        ];
        for (hex, value) in cases {
            let bytes = unhex(hex).expect("hexadecimal");
            assert_eq!(varint(&mut Bytes(&bytes)), Some(value));
            assert_eq!(varint(&mut Bytes(&bytes[..bytes.len() - 1])), None);
        }
    }

    #[test]
    fn frames_before_and_after_the_handshake_are_passed_over() {
        let frames = unhex(concat!(
            "0201000102030405", // ACK with a range
            "0301000001040506", // ACK with congestion counts, second range missing counts
        ));
        let frames = frames.expect("hexadecimal");
        assert_eq!(crypto(&frames, Version(1), false).count(), 0);
        let text = "02 0a 00 01 00 0102 | 03 0a 00 00 00 010203 | 00 0000 | 01 | 06 05 02 6162 | 1c 01 06 02 7878 | 1d 01 00 | 06 4007 01 63 | 08 00";
        let frames = unhex(&text.replace([' ', '|'], "")).expect("hexadecimal");
        let found: Vec<_> = crypto(&frames, Version(1), false).collect();
        assert_eq!(found, [(5, &b"ab"[..]), (7, &b"c"[..])]);
        for length in 0..frames.len() {
            assert!(crypto(&frames[..length], Version(1), false).count() <= 2);
        }
    }

    #[test]
    fn a_cut_packet_gives_the_front_of_its_piece() {
        let frames = unhex("06000a6162").expect("hexadecimal");
        assert_eq!(crypto(&frames, Version(1), false).count(), 0);
        assert_eq!(crypto(&frames, Version(1), true).collect::<Vec<_>>(), [(0, &b"ab"[..])]);
    }

    #[test]
    fn impossible_headers_are_refused() {
        let head = "c300000001 08 0102030405060708 00 00 4014";
        let sound = unhex(&head.replace(' ', "")).expect("hexadecimal");
        let packet = long(&sound).expect("a header");
        assert_eq!((packet.kind, packet.number_at, packet.length), (Kind::Initial, 18, 38));
        for (from, to) in
            [("4014", "13"), ("c3", "43"), ("c3", "83"), ("08 01", "ff 01"), ("00 4014", "4fff 4014")]
        {
            let other = unhex(&head.replacen(from, to, 1).replace(' ', "")).expect("hexadecimal");
            assert!(long(&other).is_none(), "{to}");
        }
        for length in 0..sound.len() {
            assert!(long(&sound[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn version_two_numbers_its_packets_anew() {
        let kinds = |version: &str, shift: u8| {
            [0u8, 1, 2, 3].map(|kind| {
                let first = 0xc0 | (((kind + shift) % 4) << 4);
                let text = format!("{first:02x}{version}08010203040506070800{}", "14".repeat(30));
                long(&unhex(&text).expect("hexadecimal")).expect("a header").kind
            })
        };
        assert_eq!(kinds("00000001", 0), [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry]);
        assert_eq!(kinds("6b3343cf", 1), [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry]);
    }

    #[test]
    fn versions_have_names() {
        let cases = [
            (1, "1"),
            (0x6b33_43cf, "2"),
            (0xff00_001d, "draft-29"),
            (0x5430_3531, "T051"),
            (0xface_b002, "0xfaceb002"),
        ];
        for (number, name) in cases {
            assert_eq!(Version(number).name(), name);
            assert!(Version(number).is_known());
        }
        assert!(!Version(0xff00_0015).is_known() && !Version(0x5130_3530).is_known());
    }
}
