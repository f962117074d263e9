//! What a file says of its packets beyond what analysis needs: for writing them again as they were.
//!
//! Nothing of this is looked at when packets are only analysed: it is read a second time from the record at hand.

use super::bytes::Order;
use super::foreign::Foreign;
use super::packet::Packet;
use super::pcap::Layout;
use super::pcapng::{self, IF_FCSLEN, IF_TSOFFSET, IF_TSRESOL, Interface, Options};
use super::reader::{Info, Reader};
use crate::anomaly::Log;
use crate::time::Timestamp;

/// Bytes of options that are kept for the interfaces of one section; those beyond keep what time and length need.
const MAX_OPTIONS: usize = 8 << 20;
/// Bytes of decryption secrets that are kept of a file: the keys of tens of thousands of connections.
const MAX_SECRETS: usize = 8 << 20;
/// Options that a tool which changes a file is not to copy: custom ones, text and binary (draft, 3.5.1).
const NOT_COPIED: [u16; 2] = [19_372, 19_373];
/// An interface as its file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The byte order of the file: pseudo-headers of some link types have it too.
    pub(super) order: Order,
    pub(super) link: u16,
    /// In bytes; 0 where there is no limit.
    pub(super) snaplen: u32,
    /// Options as pcapng stores them, in `order`, padded, without the mark of their end.
    pub(super) options: Vec<u8>,
    clock: Interface,
}

/// A packet with all that its file says of it.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// The packet.
    pub packet: Packet<'a>,
    /// Number of its interface in the file, from 0, counted over all sections.
    pub interface: u32,
    /// Its interface.
    pub description: &'a Description,
    /// The decryption secrets that came before it, all of the file so far.
    pub secrets: &'a [Secrets],
    /// Its time in units of the interface; none where the file states none.
    pub count: Option<u64>,
    /// Length on the wire as stated: broken writers state less than was captured.
    pub stated_len: u32,
    /// Options of its block, in the byte order of its interface; may be damaged.
    pub(super) options: &'a [u8],
}

/// Decryption secrets that a capture brings with it, as the keys of its TLS connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    /// What they are, as the draft numbers them.
    pub(super) kind: u32,
    pub(super) data: Vec<u8>,
}

/// What a record header says, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stated {
    /// Index of the interface in its section.
    pub interface: u32,
    pub count: Option<u64>,
    pub wire_len: u32,
    /// Where the options begin in the record, for those formats that have any.
    pub options: Option<usize>,
}

impl Description {
    /// Of the interface that a pcap header describes.
    pub(super) fn of_pcap(layout: &Layout) -> Self {
        let mut options = Vec::new();
        let exponent = if layout.nanos { 9 } else { 6 };
        if layout.nanos {
            put(&mut options, layout.order, IF_TSRESOL, &[exponent]);
        }
        if layout.fcs_len > 0 {
            put(&mut options, layout.order, IF_FCSLEN, &[layout.fcs_len * 8]);
        }
        let clock = Interface::plain(layout.link, exponent);
        Self { order: layout.order, link: layout.link, snaplen: layout.snaplen, options, clock }
    }

    /// Of the interface that a format of another program stands for.
    fn of_foreign(format: Foreign, link: u16) -> Self {
        let mut options = Vec::new();
        let exponent = format.tsresol();
        if exponent != 6 {
            put(&mut options, Order::Little, IF_TSRESOL, &[exponent]);
        }
        let clock = Interface::plain(link, exponent);
        Self { order: Order::Little, link, snaplen: 0, options, clock }
    }

    /// Of a whole interface description block; `room` bytes of options are kept at most.
    fn of_block(block: &[u8], order: Order, clock: Interface, room: usize) -> Self {
        let end = block.len().saturating_sub(4);
        let stored = Options::new(block.get(16..end).unwrap_or_default(), order);
        let mut options = Vec::new();
        for (code, value) in stored {
            let needed = matches!(code, IF_TSRESOL | IF_FCSLEN | IF_TSOFFSET);
            if is_copied(code) && (needed && value.len() <= 8 || options.len() + value.len() + 8 <= room) {
                put(&mut options, order, code, value);
            }
        }
        Self { order, link: clock.link, snaplen: clock.snaplen, options, clock }
    }

    /// A moment in units of the interface, rounded down; what does not fit saturates.
    pub(super) fn count(&self, time: Timestamp) -> u64 {
        self.clock.count(time)
    }
}

/// Whether an option may be copied to another file.
pub(super) fn is_copied(code: u16) -> bool {
    !NOT_COPIED.contains(&code)
}

/// Adds an option: code, length, value, padding up to four. What is longer than a length can state is cut.
pub(super) fn put(out: &mut Vec<u8>, order: Order, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    order.put_u16(out, code);
    order.put_u16(out, length);
    out.extend_from_slice(value.get(..usize::from(length)).unwrap_or_default());
    out.resize(out.len() + usize::from(length).next_multiple_of(4) - usize::from(length), 0);
}

/// The interfaces of the section that is being read.
#[derive(Debug, Default)]
pub(super) struct Descriptions {
    /// Interfaces of the sections before.
    before: u32,
    list: Vec<Description>,
    /// Bytes of their options.
    bytes: usize,
    secrets: Vec<Secrets>,
    secret_bytes: usize,
}

impl Descriptions {
    /// Forgets the interfaces: another section begins.
    pub fn begin(&mut self) {
        self.before = self.before.saturating_add(self.list.len() as u32);
        self.list.clear();
        self.bytes = 0;
    }

    pub fn add(&mut self, description: Description) {
        self.bytes += description.options.len();
        self.list.push(description);
    }

    /// The interface that stands for packets of a link type in a format of another program, by its number.
    pub fn of_link(&mut self, format: Foreign, link: u16) -> u32 {
        let known = self.list.iter().position(|known| known.link == link);
        let index = known.unwrap_or_else(|| {
            self.add(Description::of_foreign(format, link));
            self.list.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// Takes in a whole interface description block that was read.
    pub fn add_block(&mut self, block: &[u8], section: &pcapng::Section) {
        if let Some(clock) = section.latest() {
            let room = MAX_OPTIONS.saturating_sub(self.bytes);
            self.add(Description::of_block(block, section.order, clock, room));
        }
    }

    /// Takes in a whole block of decryption secrets that was read; what is beyond the bound or broken is left out.
    pub fn add_secrets(&mut self, block: &[u8], order: Order) {
        let length = order.u32(block, 12).map_or(0, |length| length as usize);
        let data = block.get(16..block.len().saturating_sub(4)).and_then(|rest| rest.get(..length));
        let room = MAX_SECRETS.saturating_sub(self.secret_bytes);
        if let (Some(kind), Some(data)) = (order.u32(block, 8), data.filter(|data| data.len() <= room)) {
            // A block without any costs memory all the same.
            self.secret_bytes += data.len().max(size_of::<Secrets>());
            self.secrets.push(Secrets { kind, data: data.to_vec() });
        }
    }

    fn get(&self, index: u32) -> Option<(u32, &Description)> {
        Some((self.before.saturating_add(index), self.list.get(index as usize)?))
    }
}

/// Reads the packets of one capture with all that its file says of them.
pub struct Originals(Reader);

impl Reader {
    /// Reads the packets as originals from now on, which must be before the first.
    pub fn originals(mut self) -> Originals {
        self.describe();
        Originals(self)
    }
}

impl Originals {
    /// The next packet; None at the end, and where nothing more can be read.
    pub fn next_original(&mut self) -> Option<Original<'_>> {
        let (packet, record, stated, descriptions) = self.0.next_stated()?;
        let (interface, description) = descriptions.get(stated.interface)?;
        let options = stated.options.and_then(|from| record.get(from..record.len().saturating_sub(4)));
        Some(Original {
            packet,
            interface,
            description,
            secrets: &descriptions.secrets,
            count: stated.count,
            stated_len: stated.wire_len,
            options: options.unwrap_or_default(),
        })
    }

    /// Ends the reading, see [`Reader::finish`].
    pub fn finish(self, log: &mut Log) -> Info {
        self.0.finish(log)
    }
}
