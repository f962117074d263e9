//! Formats of other programs: those with a simple record layout are read, the rest is named.
//!
//! Layouts: RFC 1761 (snoop), Endace's Extensible Record Format as Wireshark reads it. ERF has no file header, so its
//! first records must make sense together. Damage ends the reading: neither has a mark to search for.

use super::original::Stated;
use super::pcap::MAX_PACKET;
use crate::time::{NANOS, Timestamp};

/// How a snoop file begins.
const SNOOP: &[u8] = b"snoop\0\0\0";
/// ERF records that are tried to tell the format.
const TRIED: usize = 3;
/// Seconds between which the first time in an ERF file must be: from 1990 to 2100.
const YEARS: std::ops::Range<u32> = 631_152_000..4_102_444_800;
/// Longest record, in bytes: what is believed of a packet, and room for padding.
const MAX_RECORD: u32 = MAX_PACKET + (1 << 16);
/// The link type of a whole ERF record.
const LINKTYPE_ERF: u16 = 197;
/// ERF types with Ethernet in them: plain, and with colours and hashes.
const ETHERNET: [u8; 4] = [2, 11, 16, 20];

/// A format whose records follow each other without more ado.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Solaris snoop, with its link type.
    Snoop(u16),
    /// Endace ERF.
    Erf,
}

/// One record, in bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    pub time: Timestamp,
    pub from: usize,
    pub to: usize,
    pub wire_len: u32,
    pub length: usize,
    /// It holds a packet.
    pub packet: bool,
}

/// Whether the first bytes of a file can be those of such a format.
pub fn may_be(head: &[u8]) -> bool {
    Foreign::snoop(head).is_some()
        || Foreign::Erf.record(head).is_some_and(|_| {
            let seconds =
                head.get(4..).and_then(|rest| rest.first_chunk()).map(|raw| u32::from_le_bytes(*raw));
            let kind = head.get(8).map_or(0, |kind| kind & 0x7f);
            ETHERNET.contains(&kind) && seconds.is_some_and(|seconds| YEARS.contains(&seconds))
        })
}

/// The name of a format that is known and not read.
pub fn unread(head: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 9] = [
        (b"GMBU", "Microsoft Network Monitor"),
        (b"RTSS", "Microsoft Network Monitor"),
        (b"iptrace ", "AIX iptrace"),
        (b"XCP\0", "NetXRay"),
        (b"TRSNIFF", "Sniffer"),
        (b"\x7fver", "EtherPeek"),
        (b"\x05VNF", "Network Instruments Observer"),
        (b"ObserverPktBuffe", "Network Instruments Observer"),
        (b"btsnoop\0", "Bluetooth snoop"),
    ];
    known.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

impl Foreign {
    /// Tells the format by the first bytes, as many as there are, and the length of its file header.
    pub fn of(bytes: &[u8]) -> Option<(Self, usize)> {
        if let Some(snoop) = Self::snoop(bytes) {
            return Some((snoop, 16));
        }
        let mut rest = bytes;
        for tried in 0..TRIED {
            if rest.is_empty() && tried > 0 {
                break;
            }
            rest = rest.get(Self::Erf.record(rest)?.length..).unwrap_or_default();
        }
        Some((Self::Erf, 0))
    }

    fn snoop(bytes: &[u8]) -> Option<Self> {
        let version = word(bytes, 8)?;
        let link = match word(bytes, 12)? {
            0 | 4 => 1,
            2 => 6,
            8 => 10,
            // Decoding names it.
            _ => u16::MAX,
        };
        (bytes.starts_with(SNOOP) && version == 2).then_some(Self::Snoop(link))
    }

    /// As reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snoop(_) => "snoop",
            Self::Erf => "erf",
        }
    }

    /// The link type of its packets.
    pub const fn link(self) -> u16 {
        match self {
            Self::Snoop(link) => link,
            Self::Erf => LINKTYPE_ERF,
        }
    }

    /// The resolution of its times as pcapng states it: powers of ten, or of two with the highest bit.
    pub const fn tsresol(self) -> u8 {
        match self {
            Self::Snoop(_) => 6,
            Self::Erf => 0x80 | 32,
        }
    }

    /// What a record says, as stored.
    pub fn stated(self, bytes: &[u8]) -> Option<Stated> {
        let (count, wire_len) = match self {
            Self::Snoop(_) => {
                (u64::from(word(bytes, 16)?) * 1_000_000 + u64::from(word(bytes, 20)?), word(bytes, 0)?)
            }
            Self::Erf => (u64::from_le_bytes(*bytes.first_chunk()?), self.record(bytes)?.wire_len),
        };
        Some(Stated { interface: 0, count: Some(count), wire_len, options: None })
    }

    /// Bytes of a record header.
    pub const fn header(self) -> usize {
        match self {
            Self::Snoop(_) => 24,
            Self::Erf => 16,
        }
    }

    /// Reads a record header that is there whole; None where it cannot be one.
    pub fn record(self, bytes: &[u8]) -> Option<Record> {
        match self {
            Self::Snoop(_) => {
                let (original, captured, length) = (word(bytes, 0)?, word(bytes, 4)?, word(bytes, 8)?);
                let (seconds, micros) = (word(bytes, 16)?, word(bytes, 20)?);
                let sound = captured <= MAX_PACKET && (captured + 24..=MAX_RECORD).contains(&length);
                sound.then(|| Record {
                    time: Timestamp::new(i64::from(seconds), i64::from(micros) * 1000),
                    from: 24,
                    to: 24 + captured as usize,
                    wire_len: original.max(captured),
                    length: length as usize,
                    packet: true,
                })
            }
            Self::Erf => {
                let header: &[u8; 16] = bytes.first_chunk()?;
                // Seconds since 1970 as a fixed-point number, the one little-endian word.
                let [f0, f1, f2, f3, s0, s1, s2, s3, kind, _, l0, l1, ..] = *header;
                let fraction = u64::from(u32::from_le_bytes([f0, f1, f2, f3]));
                let seconds = u32::from_le_bytes([s0, s1, s2, s3]);
                let length = u16::from_be_bytes([l0, l1]);
                let nanos = (fraction * NANOS as u64) >> 32;
                (length >= 16 && kind & 0x7f != 0).then(|| Record {
                    time: Timestamp::new(i64::from(seconds), nanos as i64),
                    from: 0,
                    to: usize::from(length),
                    wire_len: u32::from(length),
                    length: usize::from(length),
                    // Type 48 is padding.
                    packet: kind & 0x7f != 48,
                })
            }
        }
    }
}

/// The big-endian 32-bit number at an offset.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|raw| u32::from_be_bytes(*raw))
}
