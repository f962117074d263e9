//! pcapng: blocks, and what they say about packets.
//!
//! Format: draft-ietf-opsawg-pcapng. Frame numbers are Wireshark's: enhanced, simple and obsolete packet blocks take
//! one each, and so do custom blocks, journal entries and sysdig events (tried with Wireshark 4.0).
//!
//! pcap-parser says whether an interface description is sound. Options and packet blocks are read here: that crate builds
//! a list of options for every packet that has any, reads on behind the mark of their end, and reads `if_tsoffset` as
//! little-endian in every section.

use super::bytes::Order;
use super::original::Stated;
use crate::time::{NANOS, Timestamp};
use pcap_parser::Block;

/// Type of a section header block, the same in both byte orders.
pub const SECTION: u32 = 0x0a0d_0d0a;
pub const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
pub const ENHANCED_PACKET: u32 = 6;
/// Magic of a section in its own byte order.
pub const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Blocks without packet data that Wireshark counts as frames: journal entry, sysdig events (three versions), custom
/// blocks (to be copied and not).
const COUNTED: [u32; 6] = [9, 0x204, 0x216, 0x221, 0xbad, 0x4000_0bad];
/// Type of a block with decryption secrets.
pub const SECRETS: u32 = 0xa;
/// Blocks that are not counted: names, statistics, secrets.
const PASSED: [u32; 3] = [4, 5, SECRETS];
/// Shortest block: type, length, length.
pub const MIN_BLOCK: usize = 12;
/// Most interfaces of a section that are kept; more are not found on real machines.
const MAX_INTERFACES: usize = 65_536;
/// The option of an interface that states the resolution of its times; microseconds without it.
pub const IF_TSRESOL: u16 = 9;
/// That which states the length of frame check sequences, in bits.
pub const IF_FCSLEN: u16 = 13;
/// That which states seconds to add to every time.
pub const IF_TSOFFSET: u16 = 14;
/// The option of a packet block that holds its flags.
const FLAGS: u16 = 2;

/// One interface of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    pub link: u16,
    pub snaplen: u32,
    /// Units of time in a second.
    units: u128,
    /// Seconds to add to every time.
    offset: i64,
    fcs_len: u8,
}

impl Interface {
    fn new(block: &pcap_parser::InterfaceDescriptionBlock<'_>, order: Order, options: &[u8]) -> Self {
        let option =
            |wanted| Options::new(options, order).find(|(code, _)| *code == wanted).map(|(_, value)| value);
        let byte = |wanted| option(wanted).and_then(<[u8]>::first).copied();
        Self {
            snaplen: block.snaplen,
            offset: option(IF_TSOFFSET).and_then(|value| order.i64(value, 0)).unwrap_or(0),
            fcs_len: byte(IF_FCSLEN).map_or(0, |bits| bits / 8),
            ..Self::plain(block.linktype.0 as u16, byte(IF_TSRESOL).unwrap_or(6))
        }
    }

    /// An interface of this link type and resolution, of which nothing else is known.
    pub fn plain(link: u16, tsresol: u8) -> Self {
        let exponent = u32::from(tsresol & 0x7f);
        // Finer than these no 64-bit time can be.
        let units = if tsresol & 0x80 == 0 { 10_u128.pow(exponent.min(19)) } else { 1 << exponent.min(63) };
        Self { link, snaplen: 0, units, offset: 0, fcs_len: 0 }
    }

    /// The units since 1970 that a moment is, rounded down; what does not fit saturates.
    pub fn count(&self, time: Timestamp) -> u64 {
        let nanos = i128::from(time.0) - i128::from(self.offset) * i128::from(NANOS);
        let nanos = u128::try_from(nanos).unwrap_or(0);
        let (seconds, rest) = (nanos / NANOS as u128, nanos % NANOS as u128);
        let units = seconds.saturating_mul(self.units).saturating_add(rest * self.units / NANOS as u128);
        u64::try_from(units).unwrap_or(u64::MAX)
    }

    /// The time of a packet: `count` units since 1970.
    #[inline]
    fn time(&self, count: u64) -> Timestamp {
        if self.units == 1_000_000 {
            let (seconds, micros) = (count / 1_000_000, count % 1_000_000);
            return Timestamp::new((seconds as i64).saturating_add(self.offset), micros as i64 * 1000);
        }
        let seconds = (u128::from(count) / self.units) as i64;
        let nanos = (u128::from(count) % self.units * NANOS as u128 / self.units) as i64;
        Timestamp::new(seconds.saturating_add(self.offset), nanos)
    }
}

/// A section: its byte order and interfaces.
#[derive(Debug, Default)]
pub struct Section {
    pub order: Order,
    interfaces: Vec<Interface>,
    /// A version that is not known: its blocks are passed over.
    unknown: bool,
}

/// The head of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub kind: u32,
    /// Length as stated.
    stated: u32,
    /// Length in bytes of the whole block, rounded up to four as Wireshark does.
    pub length: u64,
}

/// The byte order of a section header block, by its first twelve bytes.
pub fn byte_order(bytes: &[u8]) -> Option<Order> {
    [Order::Little, Order::Big].into_iter().find(|order| order.u32(bytes, 8) == Some(BYTE_ORDER))
}

impl Head {
    /// Reads the head of a block, by its first twelve bytes. None if it cannot be one.
    #[inline]
    pub fn of(bytes: &[u8], order: Order) -> Option<Self> {
        let kind = order.u32(bytes, 0)?;
        let order = if kind == SECTION { byte_order(bytes)? } else { order };
        let stated = order.u32(bytes, 4)?;
        let length = u64::from(stated).next_multiple_of(4);
        let shortest = if kind == SECTION { 28 } else { MIN_BLOCK as u64 };
        (length >= shortest).then_some(Self { kind, stated, length })
    }

    /// Whether the length at the end of the block agrees.
    #[inline]
    pub fn ends_well(&self, bytes: &[u8], order: Order) -> bool {
        let order = if self.kind == SECTION { byte_order(bytes).unwrap_or(order) } else { order };
        order.u32(bytes, self.length as usize - 4) == Some(self.stated)
    }

    /// Whether the type is one that is known.
    pub fn is_known(&self) -> bool {
        self.is_counted() || matches!(self.kind, SECTION | INTERFACE) || PASSED.contains(&self.kind)
    }

    /// Whether the block takes a frame number.
    pub fn is_counted(&self) -> bool {
        matches!(self.kind, OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET) || COUNTED.contains(&self.kind)
    }
}

/// A packet of a block; its bytes are `from..to` of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// None in blocks that carry no time.
    pub time: Option<Timestamp>,
    pub link: u16,
    pub fcs_len: u8,
    pub wire_len: u32,
    pub from: usize,
    pub to: usize,
}

/// What a block gives.
#[derive(Debug)]
pub enum Given {
    Packet(Packet),
    /// An interface with this link type.
    Interface(u16),
    /// Nothing but, where it is counted, a frame number.
    Nothing,
}

impl Section {
    /// Reads one whole block. An error says what is wrong with it.
    #[inline]
    pub fn block(&mut self, head: Head, bytes: &[u8]) -> Result<Given, &'static str> {
        match head.kind {
            SECTION => self.begin(bytes),
            _ if self.unknown => Ok(Given::Nothing),
            ENHANCED_PACKET => self.enhanced(bytes).map(Given::Packet),
            INTERFACE => self.interface(bytes),
            SIMPLE_PACKET => self.simple(bytes).map(Given::Packet),
            OBSOLETE_PACKET => self.obsolete(bytes).map(Given::Packet),
            _ => Ok(Given::Nothing),
        }
    }

    fn begin(&mut self, bytes: &[u8]) -> Result<Given, &'static str> {
        self.order = byte_order(bytes).ok_or("a section without a byte order")?;
        self.interfaces.clear();
        self.unknown = self.order.u16(bytes, 12) != Some(1);
        if self.unknown { Err("a section of an unknown version") } else { Ok(Given::Nothing) }
    }

    fn interface(&mut self, bytes: &[u8]) -> Result<Given, &'static str> {
        let parsed = match self.order {
            Order::Little => pcap_parser::pcapng::parse_block_le(bytes),
            Order::Big => pcap_parser::pcapng::parse_block_be(bytes),
        };
        let Ok((_, Block::InterfaceDescription(block))) = parsed else {
            return Err("an interface description that cannot be read");
        };
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err("more interfaces than are kept");
        }
        let options = bytes.get(16..bytes.len().saturating_sub(4)).unwrap_or_default();
        let interface = Interface::new(&block, self.order, options);
        self.interfaces.push(interface);
        Ok(Given::Interface(interface.link))
    }

    /// The packet of `captured` bytes at `from`, of this interface.
    #[inline]
    fn packet(
        &self,
        interface: usize,
        count: u64,
        wire_len: u32,
        from: usize,
        captured: u32,
        end: usize,
    ) -> Result<Packet, &'static str> {
        let interface =
            self.interfaces.get(interface).ok_or("a packet of an interface that is not described")?;
        let to = from.saturating_add(captured as usize);
        if to > end {
            return Err("a packet longer than its block");
        }
        Ok(Packet {
            time: Some(interface.time(count)),
            link: interface.link,
            fcs_len: interface.fcs_len,
            wire_len: wire_len.max(captured),
            from,
            to,
        })
    }

    #[inline]
    fn enhanced(&self, bytes: &[u8]) -> Result<Packet, &'static str> {
        const SHORT: &str = "a packet block that is too short";
        let word = |at| self.order.u32(bytes, at).ok_or(SHORT);
        let count = u64::from(word(12)?) << 32 | u64::from(word(16)?);
        let end = bytes.len().checked_sub(4).filter(|&end| end >= 28).ok_or(SHORT)?;
        let mut packet = self.packet(word(8)? as usize, count, word(24)?, 28, word(20)?, end)?;
        let options = packet.to.next_multiple_of(4);
        if options < end
            && let Some(flags) = self.option(bytes.get(options..end).unwrap_or_default(), FLAGS)
        {
            // Bits 5 to 8: length of the frame check sequence in bytes, 0 where it is not known.
            let fcs_len = (self.order.u32(flags, 0).unwrap_or(0) >> 5 & 0xf) as u8;
            packet.fcs_len = if fcs_len == 0 { packet.fcs_len } else { fcs_len };
        }
        Ok(packet)
    }

    /// The value of an option.
    fn option<'a>(&self, options: &'a [u8], wanted: u16) -> Option<&'a [u8]> {
        Options::new(options, self.order).find(|(code, _)| *code == wanted).map(|(_, value)| value)
    }

    /// The interface that was described last.
    pub fn latest(&self) -> Option<Interface> {
        self.interfaces.last().copied()
    }

    /// What a packet block that was read says, as stored.
    pub fn stated(&self, bytes: &[u8]) -> Option<Stated> {
        let word = |at| self.order.u32(bytes, at);
        let kind = word(0)?;
        if kind == SIMPLE_PACKET {
            return Some(Stated { interface: 0, count: None, wire_len: word(8)?, options: None });
        }
        let interface = match kind {
            OBSOLETE_PACKET => u32::from(self.order.u16(bytes, 8)?),
            _ => word(8)?,
        };
        let count = u64::from(word(12)?) << 32 | u64::from(word(16)?);
        let options = (word(20)? as usize).checked_next_multiple_of(4)?.checked_add(28);
        Some(Stated { interface, count: Some(count), wire_len: word(24)?, options })
    }

    /// The simple packet block always belongs to the first interface and carries no time; its captured length is
    /// what the original length, that interface's snap length and the block leave.
    fn simple(&self, bytes: &[u8]) -> Result<Packet, &'static str> {
        let wire_len = self.order.u32(bytes, 8).ok_or("a packet block that is too short")?;
        let end =
            bytes.len().checked_sub(4).filter(|&end| end >= 12).ok_or("a packet block that is too short")?;
        let snaplen = self.interfaces.first().map_or(0, |interface| interface.snaplen);
        let cut = if snaplen == 0 { wire_len } else { wire_len.min(snaplen) };
        let captured = cut.min((end - 12) as u32);
        Ok(Packet { time: None, ..self.packet(0, 0, wire_len, 12, captured, end)? })
    }

    fn obsolete(&self, bytes: &[u8]) -> Result<Packet, &'static str> {
        const SHORT: &str = "a packet block that is too short";
        let word = |at| self.order.u32(bytes, at).ok_or(SHORT);
        let count = u64::from(word(12)?) << 32 | u64::from(word(16)?);
        let end = bytes.len().checked_sub(4).filter(|&end| end >= 28).ok_or(SHORT)?;
        let interface = self.order.u16(bytes, 8).ok_or(SHORT)?;
        self.packet(usize::from(interface), count, word(24)?, 28, word(20)?, end)
    }
}

/// The options of a block, one after the other, up to the first that does not fit. The mark of their end may be
/// missing.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    rest: &'a [u8],
    order: Order,
}

impl<'a> Options<'a> {
    /// The options in `bytes`.
    pub const fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { rest: bytes, order }
    }
}

impl<'a> Iterator for Options<'a> {
    /// Code and value.
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (code, length) = (self.order.u16(self.rest, 0)?, usize::from(self.order.u16(self.rest, 2)?));
        if code == 0 {
            return None;
        }
        let value = self.rest.get(4..4 + length)?;
        self.rest = self.rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}
