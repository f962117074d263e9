//! What packets do wrong, counted without a word being written for each.

use crate::anomaly::{Kind, Log};
use std::borrow::Cow;

/// Most kinds of trouble told apart in one capture; link types are the only ones that input can invent.
const MAX_KINDS: usize = 128;

/// What is wrong with a packet, or not taken apart in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A link type without a decoder.
    Link(u16),
    /// IEEE 802.1AE.
    Encrypted,
    /// IEEE 802.11 data under WEP or WPA.
    Protected,
    /// More encapsulation than is taken apart.
    Deep,
    /// The packet ends inside its headers.
    Short,
    /// The snap length cut the headers.
    Cut,
    /// An IP version other than 4 and 6, or not the one that was announced.
    Version,
    /// An IPv4 header length below 20.
    HeaderLength,
    /// An IP length that is less than its own header or more than the packet.
    Length,
    /// A chain of extension headers that is too long or does not fit.
    Extensions,
    /// A TCP data offset that cannot be.
    Offset,
    /// A UDP length that cannot be.
    Datagram,
    /// The IPv4 header checksum.
    Checksum,
    /// A part of a datagram.
    Fragment,
    /// Parts that contradict each other.
    Overlap,
    /// A datagram of which parts are missing.
    Incomplete,
    /// No room to wait for the other parts.
    Crowded,
}

impl Trouble {
    fn kind(self) -> Kind {
        match self {
            Self::Link(_) | Self::Encrypted | Self::Protected => Kind::Unsupported,
            Self::Deep | Self::Crowded => Kind::Limit,
            Self::Cut => Kind::Snapped,
            Self::Checksum => Kind::Checksum,
            Self::Fragment | Self::Incomplete => Kind::Fragment,
            _ => Kind::Malformed,
        }
    }

    fn what(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Link(number) => return Cow::Owned(format!("link type {number} is not taken apart")),
            Self::Encrypted => "MACsec is not taken apart",
            Self::Protected => "encrypted IEEE 802.11 frames",
            Self::Deep => "deeper encapsulation than is taken apart",
            Self::Short => "packets that end inside their headers",
            Self::Cut => "headers cut off by the snap length",
            Self::Version => "IP packets of no known version",
            Self::HeaderLength => "IPv4 header lengths below 20 bytes",
            Self::Length => "IP lengths that contradict the packet",
            Self::Extensions => "IP extension headers that do not fit",
            Self::Offset => "TCP header lengths that contradict the packet",
            Self::Datagram => "UDP lengths that contradict the packet",
            Self::Checksum => "wrong IPv4 header checksums",
            Self::Fragment => "IP fragments",
            Self::Overlap => "IP fragments that overlap",
            Self::Incomplete => "IP datagrams of which fragments are missing",
            Self::Crowded => "more IP datagrams in fragments than are kept",
        })
    }
}

/// Counts by kind of trouble for the capture that is being read.
#[derive(Debug, Default)]
pub struct Counters {
    capture: u32,
    frame: u64,
    /// Trouble, first frame, count; few, and mostly the same one again.
    entries: Vec<(Trouble, u64, u64)>,
}

impl Counters {
    /// Moves on to a packet.
    #[inline]
    pub fn packet(&mut self, capture: u32, frame: u64, log: &mut Log) {
        if capture != self.capture {
            self.flush(log);
            self.capture = capture;
        }
        self.frame = frame;
    }

    /// Counts one case in the present packet.
    pub fn add(&mut self, trouble: Trouble) {
        let trouble = match trouble {
            Trouble::Link(_) if self.entries.len() >= MAX_KINDS => Trouble::Link(u16::MAX),
            other => other,
        };
        match self.entries.iter_mut().find(|(known, ..)| *known == trouble) {
            Some((.., count)) => *count += 1,
            None => self.entries.push((trouble, self.frame, 1)),
        }
    }

    /// Writes the counts down.
    pub fn flush(&mut self, log: &mut Log) {
        for (trouble, frame, count) in self.entries.drain(..) {
            log.add(trouble.kind(), self.capture, Some(frame), count, &trouble.what());
        }
    }
}
