//! The classic pcap file: its header and record headers.
//!
//! Format: draft-ietf-opsawg-pcap; the modified variants as libpcap and Wireshark read them. The file header is read
//! by pcap-parser where it knows the magic; record headers are read here, as they come in five layouts.

use super::bytes::Order;
use super::original::Stated;
use crate::time::{Duration, NANOS, Timestamp};

/// Longest packet that is believed, in bytes, as in Wireshark; some link types carry more.
pub const MAX_PACKET: u32 = 262_144;
/// Longest message of [`MESSAGES`], in bytes, as in Wireshark.
pub const MAX_MESSAGE: u32 = 128 << 20;
/// Link types that carry whole messages: D-Bus, USB and others.
const MESSAGES: [u16; 6] = [189, 220, 231, 249, 266, 279];
/// Records that are tried to tell the layouts apart.
const TRIED: usize = 3;
/// How far apart the times of neighbouring records may be when a damaged file is searched for the next record.
const NEIGHBOURS: Duration = Duration::from_secs(7 * 86_400);
/// Longest record header of all layouts, in bytes.
pub const MAX_RECORD_HEADER: usize = 28;

/// What a file header says about the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub order: Order,
    /// Fractions are nanoseconds, else microseconds.
    pub nanos: bool,
    /// Longest packet, in bytes, as the header states it.
    pub snaplen: u32,
    /// Bytes of the file header.
    pub header: usize,
    /// Bytes of a record header.
    pub record: usize,
    pub link: u16,
    pub fcs_len: u8,
    /// Which of the two lengths comes first.
    lengths: Lengths,
    /// The file's magic as stored, to know the header of a capture that was appended.
    magic: [u8; 4],
}

/// Which length of a record header is the captured one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// The first, as since version 2.4.
    First,
    /// The second, as before version 2.3.
    Last,
    /// The smaller, as writers of version 2.3 did not agree.
    Smaller,
}

/// One record header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    pub time: Timestamp,
    pub captured: u32,
    pub wire_len: u32,
}

/// Whether `bytes` start with a magic of this format.
pub fn is_magic(bytes: &[u8]) -> bool {
    Magic::of(bytes).is_some()
}

struct Magic {
    order: Order,
    nanos: bool,
    header: usize,
    record: usize,
}

impl Magic {
    fn of(bytes: &[u8]) -> Option<Self> {
        let magic: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        let (order, value) = match magic[0] {
            0xa1 | 0x1c => (Order::Big, u32::from_be_bytes(magic)),
            _ => (Order::Little, u32::from_le_bytes(magic)),
        };
        let (nanos, header, record) = match value {
            0xa1b2_c3d4 => (false, 24, 16),
            0xa1b2_3c4d => (true, 24, 16),
            // Kuznetzov's patches to libpcap: interface, protocol and packet type follow the lengths.
            0xa1b2_cd34 => (false, 24, 24),
            // Ixia lcap, hardware and software: the file header ends with the length of all records.
            0x1c00_01ac | 0x1c00_01ab => (false, 28, 16),
            _ => return None,
        };
        Some(Self { order, nanos, header, record })
    }
}

impl Layout {
    /// Reads the file header; `bytes` are the first ones of the file, as many as there are. None where they hold
    /// no whole header.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let Magic { order, mut nanos, header, record } = Magic::of(bytes)?;
        let records = bytes.get(header..)?;
        let (major, minor, word) = match pcap_parser::parse_pcap_header(bytes) {
            Ok((_, parsed)) => (parsed.version_major, parsed.version_minor, parsed.network.0 as u32),
            Err(_) => (order.u16(bytes, 4)?, order.u16(bytes, 6)?, order.u32(bytes, 20)?),
        };
        let mut link = word as u16;
        if (major, minor) == (2, 2) && matches!(link, 6 | 9 | 15 | 24) {
            // AIX writes interface types for link types, and nanoseconds.
            nanos = true;
            link = match link {
                6 => 1,
                9 => 6,
                15 => 10,
                _ => 0,
            };
        }
        let lengths = match (major, minor) {
            (2, ..=2) | (543, _) => Lengths::Last,
            (2, 3) => Lengths::Smaller,
            _ => Lengths::First,
        };
        let fcs_len = if word & 0x0400_0000 == 0 { 0 } else { (word >> 28) as u8 * 2 };
        let magic = bytes.get(..4)?.try_into().ok()?;
        let snaplen = order.u32(bytes, 16)?;
        let layout = Self { order, nanos, snaplen, header, record, link, fcs_len, lengths, magic };
        Some(layout.likeliest(records))
    }

    /// The magic does not tell all record layouts apart: headers of 20 (Nokia), 24 and 28 bytes exist under the same
    /// ones. The standard layout stays unless the first records make no sense in it and perfect sense in another.
    fn likeliest(self, records: &[u8]) -> Self {
        let others: &[usize] = if self.record == 16 { &[24, 20] } else { &[28] };
        let sane = |layout: &Self| match layout.faults(records) {
            (0, whole) => whole >= 2,
            _ => false,
        };
        if self.header != 24 || self.faults(records).0 == 0 {
            return self;
        }
        others.iter().map(|&record| Self { record, ..self }).find(sane).unwrap_or(self)
    }

    /// What is wrong with the first records in this layout, and how many of them are there whole.
    fn faults(&self, mut records: &[u8]) -> (u32, usize) {
        let (mut faults, mut earlier) = (0, None::<Timestamp>);
        for whole in 0..TRIED {
            let Some(record) = self.record(records).filter(|_| !self.is_appended(records)) else {
                return (faults, whole);
            };
            faults += u32::from(record.captured == 0 || !self.sane(&record, records, earlier));
            earlier = Some(record.time);
            let Some(rest) = records.get(self.record + record.captured as usize..) else {
                return (faults, whole);
            };
            records = rest;
        }
        (faults, TRIED)
    }

    /// Reads a record header, when it is there whole.
    #[inline]
    pub fn record(&self, bytes: &[u8]) -> Option<Record> {
        let header = bytes.get(..self.record)?;
        let (seconds, fraction) = (self.order.u32(header, 0)?, self.order.u32(header, 4)?);
        let nanos = if self.nanos { i64::from(fraction) } else { i64::from(fraction) * 1000 };
        let (first, last) = (self.order.u32(header, 8)?, self.order.u32(header, 12)?);
        let (captured, wire_len) = match self.lengths {
            Lengths::First => (first, last),
            Lengths::Last => (last, first),
            Lengths::Smaller => (first.min(last), first.max(last)),
        };
        Some(Record {
            time: Timestamp::new(i64::from(seconds), nanos),
            captured,
            wire_len: wire_len.max(captured),
        })
    }

    /// What a record header says, as stored.
    pub fn stated(&self, bytes: &[u8]) -> Option<Stated> {
        let record = self.record(bytes)?;
        let (seconds, fraction) = (self.order.u32(bytes, 0)?, self.order.u32(bytes, 4)?);
        let units: u64 = if self.nanos { NANOS as u64 } else { 1_000_000 };
        let wire_len = match self.lengths {
            Lengths::First => self.order.u32(bytes, 12)?,
            Lengths::Last => self.order.u32(bytes, 8)?,
            Lengths::Smaller => record.wire_len,
        };
        let count = Some(u64::from(seconds) * units + u64::from(fraction));
        Some(Stated { interface: 0, count, wire_len, options: None })
    }

    /// Whether a record of this captured length is believed.
    #[inline]
    pub const fn believes(captured: u32) -> bool {
        captured <= MAX_PACKET
    }

    /// Whether it may be a message of a link type that has longer ones.
    pub fn is_message(&self, captured: u32) -> bool {
        captured <= MAX_MESSAGE && MESSAGES.contains(&self.link)
    }

    /// Whether `bytes`, at the place of a record, are the header of another capture of the same kind.
    pub fn is_appended(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(&self.magic)
            && self.order.u16(bytes, 4) == Some(2)
            && self.order.u16(bytes, 6).is_some_and(|minor| minor <= 4)
    }

    /// Whether a record header could be one: fraction below a second, lengths that agree, a time near `other`.
    fn sane(&self, record: &Record, header: &[u8], other: Option<Timestamp>) -> bool {
        let limit = if self.nanos { NANOS as u32 } else { 1_000_000 };
        let near = other.is_none_or(|other| record.time.since(other).0.unsigned_abs() <= NEIGHBOURS.0 as u64);
        // A wire length below the captured one was raised to it when it was read.
        let stated = match self.lengths {
            Lengths::First => self.order.u32(header, 12),
            _ => Some(record.wire_len),
        };
        near && self.order.u32(header, 4).is_some_and(|fraction| fraction < limit)
            && Self::believes(record.captured)
            && record.wire_len <= MAX_MESSAGE
            && stated.is_some_and(|stated| stated >= record.captured)
    }

    /// Whether `bytes` could be a record near `last` in time when a damaged file is searched; its header if so.
    pub fn candidate(&self, bytes: &[u8], last: Option<Timestamp>) -> Option<Record> {
        let record = self.record(bytes)?;
        let sane = record.captured > 0 && record.time.0 > 0 && self.sane(&record, bytes, last);
        sane.then_some(record)
    }

    /// As reports name it.
    pub const fn name(&self) -> &'static str {
        match (self.header, self.record, self.nanos) {
            (28, ..) => "pcap-lcap",
            (_, 16, false) => "pcap",
            (_, 16, true) => "pcap-ns",
            _ => "pcap-modified",
        }
    }
}
