//! One captured packet.

use crate::time::Timestamp;

/// A link type number as capture files state it (tcpdump.org's list), without the FCS bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// A packet, borrowed from the reader's buffer until the next one is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Index of the capture in the run, in the order of reading.
    pub capture: u32,
    /// Number in its file as Wireshark counts: from 1, over sections and interfaces.
    pub frame: u64,
    /// When it was captured. Packets without a time (simple packet blocks) carry the time before them.
    pub time: Timestamp,
    /// What the bytes start with.
    pub link: LinkType,
    /// Bytes of a frame check sequence at the end of `data`, when the file says so.
    pub fcs_len: u8,
    /// Length on the wire in bytes; `data` is shorter where a snap length cut it.
    pub wire_len: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}
