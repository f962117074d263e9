//! Formats of other programs: those with a simple record layout are read, the rest is named.
//!
//! Layouts: RFC 1761 (snoop), Endace's Extensible Record Format and AIX iptrace 1.0 and 2.0 as Wireshark reads them,
//! Microsoft's Network Monitor 1 and 2 as its help describes them. ERF has no file header, so its first records must
//! make sense together. Damage ends the reading: none has a mark to search for. Logs of Ascend routers are text, which
//! [`ascend`] makes records of.

use super::ascend;
use super::original::Stated;
use super::pcap::MAX_PACKET;
use crate::time::{NANOS, Timestamp};

/// How a snoop file begins.
const SNOOP: &[u8] = b"snoop\0\0\0";
/// How an iptrace file begins, before its version.
const IPTRACE: &[u8] = b"iptrace ";
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
    /// AIX iptrace; true for version 2.0, whose times have nanoseconds.
    Iptrace(bool),
    /// Microsoft Network Monitor.
    NetMon(NetMon),
    /// A log of an Ascend router, as [`ascend::Transcript`] gives it.
    Ascend,
}

/// What the file header of a Network Monitor capture says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetMon {
    /// Version, major and minor.
    version: (u8, u8),
    /// Link type of all packets, where the version has one for all.
    link: u16,
    /// In the time zone of the machine, which is not stated.
    start: Timestamp,
    /// Offset of the table of frames, which stands behind them: they end there.
    end: u64,
}

/// How Network Monitor files begin, versions 1 and 2.
const NETMON: [&[u8]; 2] = [b"RTSS", b"GMBU"];
/// Length of their header. Frames begin there: they are written as they come, the table of them last.
const NETMON_HEADER: usize = 128;

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
        || Foreign::iptrace(head).is_some()
        || NetMon::of(head).is_some()
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
        // Versions that are not known.
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
        if let Some(iptrace) = Self::iptrace(bytes) {
            return Some((iptrace, IPTRACE.len() + 3));
        }
        if let Some(netmon) = NetMon::of(bytes) {
            return Some((Self::NetMon(netmon), NETMON_HEADER));
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

    fn iptrace(bytes: &[u8]) -> Option<Self> {
        match bytes.strip_prefix(IPTRACE)?.first_chunk()? {
            b"1.0" => Some(Self::Iptrace(false)),
            b"2.0" => Some(Self::Iptrace(true)),
            _ => None,
        }
    }

    /// As reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snoop(_) => "snoop",
            Self::Erf => "erf",
            Self::Iptrace(_) => "iptrace",
            Self::NetMon(_) => "netmon",
            Self::Ascend => "ascend",
        }
    }

    /// The link type of a record that is there whole.
    pub fn link(self, record: &[u8]) -> u16 {
        match self {
            Self::Snoop(link) => link,
            Self::Erf => LINKTYPE_ERF,
            // The interface's type (RFC 1573): Ethernet, token ring, FDDI, loopback.
            Self::Iptrace(_) => match record.get(28) {
                Some(6) => 1,
                Some(9) => 6,
                Some(15) => 10,
                Some(24) => 101,
                _ => u16::MAX,
            },
            Self::NetMon(netmon) => netmon.link(record),
            Self::Ascend => ascend::header(record).map_or(u16::MAX, |(.., link)| link),
        }
    }

    /// The resolution of its times as pcapng states it: powers of ten, or of two with the highest bit.
    pub const fn tsresol(self) -> u8 {
        match self {
            Self::Snoop(_) => 6,
            Self::Erf => 0x80 | 32,
            Self::Iptrace(_) | Self::NetMon(_) | Self::Ascend => 9,
        }
    }

    /// What a record of the interface with this number says, as stored.
    pub fn stated(self, bytes: &[u8], interface: u32) -> Option<Stated> {
        let (count, wire_len) = match self {
            Self::Snoop(_) => {
                (u64::from(word(bytes, 16)?) * 1_000_000 + u64::from(word(bytes, 20)?), word(bytes, 0)?)
            }
            Self::Erf => (u64::from_le_bytes(*bytes.first_chunk()?), self.record(bytes)?.wire_len),
            Self::Iptrace(_) | Self::NetMon(_) | Self::Ascend => {
                let record = self.record(bytes)?;
                (u64::try_from(record.time.0).unwrap_or(0), record.wire_len)
            }
        };
        Some(Stated { interface, count: Some(count), wire_len, options: None })
    }

    /// Bytes of a record header.
    pub const fn header(self) -> usize {
        match self {
            Self::Snoop(_) => 24,
            Self::Erf => 16,
            Self::Iptrace(false) => 30,
            Self::Iptrace(true) => 40,
            Self::NetMon(netmon) => netmon.record(),
            Self::Ascend => ascend::HEADER,
        }
    }

    /// Offset in the file at which no more records come, where it is stated.
    pub const fn end(self) -> Option<u64> {
        match self {
            Self::NetMon(netmon) => Some(netmon.end),
            _ => None,
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
            Self::Iptrace(nanoseconds) => {
                // What follows the first eight bytes: the rest of the header and the packet.
                let header = self.header() as u32;
                let length = word(bytes, 0)?.checked_add(8)?;
                let nanos = if nanoseconds { word(bytes, 36)? } else { 0 };
                let seconds = word(bytes, if nanoseconds { 32 } else { 4 })?;
                (header..=MAX_RECORD).contains(&length).then(|| Record {
                    time: Timestamp::new(i64::from(seconds), i64::from(nanos)),
                    from: header as usize,
                    to: length as usize,
                    wire_len: length - header,
                    length: length as usize,
                    packet: true,
                })
            }
            Self::NetMon(netmon) => netmon.read(bytes),
            Self::Ascend => {
                let (time, wire_len, captured, _) = ascend::header(bytes)?;
                let to = ascend::HEADER + captured as usize;
                (captured <= MAX_PACKET).then_some(Record {
                    time,
                    from: ascend::HEADER,
                    to,
                    wire_len,
                    length: to,
                    packet: true,
                })
            }
        }
    }
}

impl NetMon {
    fn of(bytes: &[u8]) -> Option<Self> {
        let magic: &[u8; 4] = bytes.first_chunk()?;
        let major = NETMON.iter().zip(1..).find(|(known, _)| *known == magic).map(|(_, major)| major)?;
        let header: &[u8; 32] = bytes.first_chunk()?;
        let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let [year, month, _, day, hour, minute, second, millis] = std::array::from_fn(|at| half(8 + 2 * at));
        let start = format!("{year}-{month}-{day}T{hour}:{minute}:{second}.{millis:03}Z").parse().ok()?;
        let table = u32::from_le_bytes([header[24], header[25], header[26], header[27]]);
        // A capture that was not closed has no table.
        let end = if table == 0 { u64::MAX } else { u64::from(table) };
        (header[5] == major && end >= NETMON_HEADER as u64).then(|| Self {
            version: (major, header[4]),
            link: medium(half(6)),
            start,
            end,
        })
    }

    /// Bytes of a record header: time and two lengths, which are twice as long in version 2.
    const fn record(self) -> usize {
        if self.version.0 == 1 { 8 } else { 16 }
    }

    /// Bytes behind a packet: its medium; a process; time and time zone.
    const fn trailer(self) -> usize {
        match self.version {
            (1, _) | (2, 0) => 0,
            (2, 1) => 2,
            (2, 2) => 6,
            _ => 15,
        }
    }

    fn read(self, bytes: &[u8]) -> Option<Record> {
        let little = |at: usize| word(bytes, at).map(u32::swap_bytes);
        let (nanos, wire_len, captured) = if self.version.0 == 1 {
            let lengths = little(4)?;
            (i64::from(little(0)?) * 1_000_000, lengths & 0xffff, lengths >> 16)
        } else {
            let micros = u64::from(little(4)?) << 32 | u64::from(little(0)?);
            (i64::try_from(micros).ok()?.checked_mul(1000)?, little(8)?, little(12)?)
        };
        let from = self.record();
        (captured <= MAX_PACKET).then(|| Record {
            time: Timestamp(self.start.0.saturating_add(nanos)),
            from,
            to: from + captured as usize,
            wire_len: wire_len.max(captured),
            length: from + captured as usize + self.trailer(),
            packet: true,
        })
    }

    fn link(self, record: &[u8]) -> u16 {
        let stated = record.len().checked_sub(self.trailer()).and_then(|at| record.get(at..));
        match stated.and_then(<[u8]>::first_chunk).map(|raw| u16::from_le_bytes(*raw)) {
            // A link type of pcap.
            Some(link @ 0xe000..=0xefff) => link & 0xfff,
            Some(number) => medium(number),
            None => self.link,
        }
    }
}

/// The link type of a medium by Network Monitor's number: Ethernet, token ring, FDDI.
const fn medium(number: u16) -> u16 {
    match number {
        1 => 1,
        2 => 6,
        3 => 10,
        _ => u16::MAX,
    }
}

/// The big-endian 32-bit number at an offset.
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|raw| u32::from_be_bytes(*raw))
}
