//! The one driver over all capture formats.
//!
//! It always moves on or ends: a length is checked before it is used, memory grows only by bytes that were read, a
//! damaged place is left behind by searching for the next record that makes sense, within a bound.

use super::ascend;
use super::foreign::Foreign;
use super::original::{Description, Descriptions, Stated};
use super::packet::{LinkType, Packet};
use super::pcap::{Layout, MAX_PACKET, MAX_RECORD_HEADER};
use super::pcapng::{Given, Head, MIN_BLOCK, SECRETS, SECTION, Section};
use super::stored::{Digested, Input};
use super::window::{Spent, Window};
use super::{Compression, pcapng};
use crate::anomaly::{Kind, Log};
use crate::time::{Duration, Timestamp};
use std::collections::BTreeSet;
use std::io;

/// Longest block that is held in memory, in bytes; longer ones are passed over.
const MAX_BLOCK: u64 = 16 << 20;
/// Longest block that is believed, in bytes, as in Wireshark.
const MAX_CLAIM: u64 = (128 << 20) + (1 << 17) + 32;
/// A record cut by the end of the file is believed up to this length; a longer one is searched for others inside.
const MAX_CUT: u64 = MAX_PACKET as u64 + (1 << 16);
/// Longest block that counts as one when a damaged file is searched.
const MAX_FOUND: u64 = 1 << 20;
/// How far a damaged file is searched for the next record, in bytes.
const MAX_SEARCH: u64 = 16 << 20;
/// Bytes at the beginning, or of an appended capture, that are enough to tell the record layouts apart.
const BEGINNING: usize = 1 << 16;
/// The capture clock may go back by this much before it is an anomaly: packets of several interfaces and processors
/// are written slightly out of order.
const CLOCK_STEP: Duration = Duration::from_secs(1);

/// What a capture file was, when all of it has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// As reports print it; `-` for standard input.
    pub path: String,
    /// Lower-case hexadecimal SHA-256 of the file as stored; empty when it was not asked for.
    pub sha256: String,
    /// Size of the file as stored, in bytes.
    pub bytes: u64,
    /// `pcap`, `pcap-ns`, `pcap-modified`, `pcap-lcap`, `pcapng`, `snoop`, `erf`, `iptrace`, `netmon`,
    /// `ascend`.
    pub format: String,
    /// `gzip`, `zstd`, `xz`, `lz4`, `bzip2`.
    pub compression: Option<String>,
    /// Link types of its interfaces, in rising order.
    pub link_types: Vec<u16>,
    /// Frame numbers given out: packets, and blocks that count as such.
    pub packets: u64,
    /// Earliest time of a packet.
    pub first: Option<Timestamp>,
    /// Latest time of a packet.
    pub last: Option<Timestamp>,
    /// Offset in the decompressed file where it was cut or could not be read further.
    pub truncated_at: Option<u64>,
}

/// Something that went wrong, where it did first and how often.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    frame: Option<u64>,
    offset: u64,
    what: &'static str,
}

impl Tally {
    fn add(&mut self, frame: u64, offset: u64, what: &'static str) {
        if self.count == 0 {
            *self = Self { count: 0, frame: (frame > 0).then_some(frame), offset, what };
        }
        self.count += 1;
    }
}

enum Format {
    Pcap(Layout),
    PcapNg(Section),
    Foreign(Foreign),
}

/// A packet found, in terms of the window.
struct Found {
    time: Option<Timestamp>,
    link: u16,
    fcs_len: u8,
    wire_len: u32,
    from: usize,
    to: usize,
    /// Bytes of the whole record.
    length: usize,
}

/// What one look at the window gives.
enum Step {
    Found(Found),
    Again,
    End,
}

/// Reads the packets of one capture.
pub struct Reader {
    path: String,
    capture: u32,
    window: Window,
    input: Input,
    compression: Option<Compression>,
    format: Format,
    name: &'static str,
    /// Bytes of the packet handed out last, to be left behind.
    pending: usize,
    frame: u64,
    /// Time of the packet before.
    time: Option<Timestamp>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    links: BTreeSet<u16>,
    ended: bool,
    truncated: Tally,
    damaged: Tally,
    snapped: Tally,
    stepped: Tally,
    skipped: Tally,
    truncated_at: Option<u64>,
    /// The interfaces as described, where somebody asks for them.
    descriptions: Option<Box<Descriptions>>,
}

impl Reader {
    /// Begins at the file header; None where the window does not hold a whole one. `given` is a format that has none
    /// there.
    pub(super) fn new(
        path: String,
        capture: u32,
        mut window: Window,
        input: Input,
        compression: Option<Compression>,
        given: Option<Foreign>,
    ) -> Option<Self> {
        window.ensure(BEGINNING);
        let (format, name) = if let Some(foreign) = given {
            (Format::Foreign(foreign), foreign.name())
        } else if window.bytes().starts_with(&pcapng::SECTION.to_be_bytes()) {
            (Format::PcapNg(Section::default()), "pcapng")
        } else if let Some(layout) = Layout::of(window.bytes()) {
            window.consume(layout.header);
            (Format::Pcap(layout), layout.name())
        } else {
            let (foreign, header) = Foreign::of(window.bytes())?;
            window.consume(header);
            (Format::Foreign(foreign), foreign.name())
        };
        let links = match &format {
            Format::Pcap(layout) => BTreeSet::from([layout.link]),
            // Each interface or record has its own.
            Format::PcapNg(_) | Format::Foreign(_) => BTreeSet::new(),
        };
        Some(Self {
            path,
            capture,
            window,
            input,
            compression,
            format,
            name,
            pending: 0,
            frame: 0,
            time: None,
            first: None,
            last: None,
            links,
            ended: false,
            truncated: Tally::default(),
            damaged: Tally::default(),
            snapped: Tally::default(),
            stepped: Tally::default(),
            skipped: Tally::default(),
            truncated_at: None,
            descriptions: None,
        })
    }

    /// Keeps the descriptions of interfaces from here on.
    pub(super) fn describe(&mut self) {
        let mut descriptions = Descriptions::default();
        match &self.format {
            Format::Pcap(layout) => descriptions.add(Description::of_pcap(layout)),
            // They come with their packets.
            Format::Foreign(_) | Format::PcapNg(_) => {}
        }
        self.descriptions = Some(Box::new(descriptions));
    }

    pub(super) fn threaded(&mut self) -> io::Result<()> {
        self.window.threaded()
    }

    /// The next packet; None at the end, and where nothing more can be read.
    #[inline]
    pub fn next_packet(&mut self) -> Option<Packet<'_>> {
        let found = self.advance()?;
        let time = self.hand_out(&found);
        Some(self.packet(&found, time))
    }

    /// The next packet with its whole record, what that states, and the interfaces of its section.
    pub(super) fn next_stated(&mut self) -> Option<(Packet<'_>, &[u8], Stated, &Descriptions)> {
        let found = self.advance()?;
        let time = self.hand_out(&found);
        let format = match self.format {
            Format::Foreign(format) => Some(format),
            Format::Pcap(_) | Format::PcapNg(_) => None,
        };
        let link = format.zip(self.descriptions.as_deref_mut());
        let interface = link.map_or(0, |(format, descriptions)| descriptions.of_link(format, found.link));
        let record = self.window.bytes().get(..found.length)?;
        let stated = match &self.format {
            Format::Pcap(layout) => layout.stated(record),
            Format::PcapNg(section) => section.stated(record),
            Format::Foreign(format) => format.stated(record, interface),
        };
        Some((self.packet(&found, time), record, stated?, self.descriptions.as_deref()?))
    }

    /// Counts a packet and notes what is odd about it; gives its time.
    #[inline]
    fn hand_out(&mut self, found: &Found) -> Timestamp {
        self.pending = found.length;
        self.frame += 1;
        let time = found.time.or(self.time).unwrap_or_default();
        if let Some(time) = found.time {
            self.note_time(time);
        }
        if found.to - found.from < found.wire_len as usize {
            self.snapped.add(self.frame, 0, "packets hold fewer bytes than were on the wire");
        }
        time
    }

    #[inline]
    fn packet(&self, found: &Found, time: Timestamp) -> Packet<'_> {
        Packet {
            capture: self.capture,
            frame: self.frame,
            time,
            link: LinkType(found.link),
            fcs_len: found.fcs_len,
            wire_len: found.wire_len,
            data: self.window.bytes().get(found.from..found.to).unwrap_or_default(),
        }
    }

    #[inline]
    fn note_time(&mut self, time: Timestamp) {
        if self.time.is_some_and(|before| before.since(time) > CLOCK_STEP) {
            self.stepped.add(self.frame, 0, "time goes back by more than a second");
        }
        self.time = Some(time);
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    fn advance(&mut self) -> Option<Found> {
        self.window.consume(std::mem::take(&mut self.pending));
        while !self.ended {
            let step = match &self.format {
                Format::Pcap(layout) => self.pcap(*layout),
                Format::PcapNg(_) => self.pcapng(),
                Format::Foreign(foreign) => self.foreign(*foreign),
            };
            match step {
                Step::Found(found) => return Some(found),
                Step::Again => {}
                Step::End => self.ended = true,
            }
        }
        None
    }

    /// Looks at the next record of a pcap file.
    #[inline]
    fn pcap(&mut self, layout: Layout) -> Step {
        if !self.window.ensure(layout.record) {
            return self.cut();
        }
        let Some(record) = layout.record(self.window.bytes()) else { return self.cut() };
        let (captured, length) = (record.captured as usize, layout.record + record.captured as usize);
        if !Layout::believes(record.captured) {
            return self.odd_record(layout, record.captured);
        }
        if layout.is_appended(self.window.bytes()) && self.append(layout) {
            return Step::Again;
        }
        if !self.window.ensure(length) {
            return self.cut();
        }
        Step::Found(Found {
            time: Some(record.time),
            link: layout.link,
            fcs_len: layout.fcs_len,
            wire_len: record.wire_len,
            from: layout.record,
            to: layout.record + captured,
            length,
        })
    }

    /// A record whose length is not believed: a long message is passed over, the rest is damage.
    #[cold]
    fn odd_record(&mut self, layout: Layout, captured: u32) -> Step {
        if layout.is_appended(self.window.bytes()) && self.append(layout) {
            return Step::Again;
        }
        if layout.is_message(captured) {
            self.frame += 1;
            return self.pass_over((layout.record as u64).saturating_add(u64::from(captured)));
        }
        self.damage("a record with an impossible length");
        let (start, last) = (self.window.offset(), self.time);
        while self.window.offset() - start < MAX_SEARCH {
            self.window.consume(1);
            if !self.window.ensure(layout.record) {
                break;
            }
            if layout.is_appended(self.window.bytes()) || self.is_record(layout, last) {
                return Step::Again;
            }
        }
        self.give_up(start)
    }

    /// Whether a record begins here: it makes sense, and so does the one behind it, or the file ends there.
    fn is_record(&mut self, layout: Layout, last: Option<Timestamp>) -> bool {
        let Some(record) = layout.candidate(self.window.bytes(), last) else { return false };
        let length = layout.record + record.captured as usize;
        if self.window.ensure(length + MAX_RECORD_HEADER) {
            let next = self.window.bytes().get(length..).unwrap_or_default();
            return layout.candidate(next, Some(record.time)).is_some();
        }
        match self.window.bytes().get(length..) {
            Some([]) => true,
            Some(next) => layout.candidate(next, Some(record.time)).is_some(),
            None => false,
        }
    }

    /// Begins a capture that was appended to the one before.
    #[cold]
    fn append(&mut self, before: Layout) -> bool {
        self.window.ensure(BEGINNING);
        let Some(layout) = Layout::of(self.window.bytes()) else { return false };
        self.damaged.add(self.frame, self.window.offset(), "another capture file is appended");
        self.window.consume(before.header);
        self.links.insert(layout.link);
        if let Some(descriptions) = &mut self.descriptions {
            descriptions.begin();
            descriptions.add(Description::of_pcap(&layout));
        }
        self.format = Format::Pcap(layout);
        true
    }

    /// Looks at the next record of another format.
    fn foreign(&mut self, format: Foreign) -> Step {
        if format.end().is_some_and(|end| self.window.offset() >= end) {
            return Step::End;
        }
        if !self.window.ensure(format.header()) {
            return self.cut();
        }
        let Some(record) = format.record(self.window.bytes()) else {
            self.damage("a record with an impossible length");
            return self.give_up(self.window.offset());
        };
        if !self.window.ensure(record.length) {
            return self.cut();
        }
        if !record.packet {
            self.window.consume(record.length);
            return Step::Again;
        }
        let link = format.link(self.window.bytes().get(..record.length).unwrap_or_default());
        self.links.insert(link);
        Step::Found(Found {
            time: Some(record.time),
            link,
            fcs_len: 0,
            wire_len: record.wire_len,
            from: record.from,
            to: record.to,
            length: record.length,
        })
    }

    /// Looks at the next block of a pcapng file.
    #[inline]
    fn pcapng(&mut self) -> Step {
        let Format::PcapNg(section) = &mut self.format else { return Step::End };
        if !self.window.ensure(MIN_BLOCK) {
            return self.cut();
        }
        let Some(head) = Head::of(self.window.bytes(), section.order) else {
            return self.search("a block with an impossible type or length");
        };
        if head.length > MAX_BLOCK {
            return self.odd_block(head);
        }
        let length = head.length as usize;
        if !self.window.ensure(length) {
            if head.length <= MAX_CUT {
                return self.cut();
            }
            return self.search("a block longer than the rest of the file");
        }
        let bytes = self.window.bytes().get(..length).unwrap_or_default();
        if !head.ends_well(bytes, section.order) {
            return self.search("a block whose two lengths differ");
        }
        match section.block(head, bytes) {
            Ok(Given::Packet(packet)) => {
                return Step::Found(Found {
                    time: packet.time,
                    link: packet.link,
                    fcs_len: packet.fcs_len,
                    wire_len: packet.wire_len,
                    from: packet.from,
                    to: packet.to,
                    length,
                });
            }
            Ok(Given::Interface(link)) => {
                self.links.insert(link);
                if let Some(descriptions) = &mut self.descriptions {
                    descriptions.add_block(bytes, section);
                }
            }
            Ok(Given::Nothing) => {
                self.frame += u64::from(head.is_counted());
                match (&mut self.descriptions, head.kind) {
                    (Some(descriptions), SECTION) => descriptions.begin(),
                    (Some(descriptions), SECRETS) => descriptions.add_secrets(bytes, section.order),
                    _ => {}
                }
            }
            Err(what) => {
                self.damage(what);
                self.frame += u64::from(head.is_counted());
            }
        }
        self.window.consume(length);
        Step::Again
    }

    /// A block that is not held in memory: passed over where its type is known, else damage.
    #[cold]
    fn odd_block(&mut self, head: Head) -> Step {
        if head.length > MAX_CLAIM || !head.is_known() {
            return self.search("a block with an impossible length");
        }
        self.frame += u64::from(head.is_counted());
        self.pass_over(head.length)
    }

    /// Searches a damaged pcapng file for the next block.
    #[cold]
    fn search(&mut self, what: &'static str) -> Step {
        let Format::PcapNg(section) = &self.format else { return Step::End };
        let (order, start) = (section.order, self.window.offset());
        self.damage(what);
        while self.window.offset() - start < MAX_SEARCH {
            self.window.consume(1);
            if !self.window.ensure(MIN_BLOCK) {
                break;
            }
            let Some(head) = Head::of(self.window.bytes(), order) else { continue };
            if head.is_known()
                && head.length <= MAX_FOUND
                && self.window.ensure(head.length as usize)
                && head.ends_well(self.window.bytes(), order)
            {
                return Step::Again;
            }
        }
        self.give_up(start)
    }

    #[cold]
    fn pass_over(&mut self, length: u64) -> Step {
        self.skipped.add(self.frame, self.window.offset(), "longer messages than are held in memory");
        let start = self.window.offset();
        if self.window.skip(length) {
            return Step::Again;
        }
        self.truncated.add(self.frame, start, "the capture ends inside a record");
        self.give_up(start)
    }

    #[cold]
    fn damage(&mut self, what: &'static str) {
        self.damaged.add(self.frame, self.offset(), what);
    }

    #[cold]
    fn give_up(&mut self, offset: u64) -> Step {
        self.truncated_at = self.truncated_at.or(Some(offset));
        Step::End
    }

    /// Where the file is read, decompressed.
    fn offset(&self) -> u64 {
        // Of a log, the window holds what was made of it.
        self.window.error().and_then(ascend::place).unwrap_or_else(|| self.window.offset())
    }

    /// The bytes at hand are less than a record: the end, in order or not.
    #[cold]
    fn cut(&mut self) -> Step {
        let what = match self.window.error().map(io::Error::kind) {
            Some(io::ErrorKind::UnexpectedEof) => "the compressed data end early",
            Some(_) if self.compression.is_some() => {
                self.damage("compressed data that cannot be undone further");
                return self.give_up(self.offset());
            }
            Some(_) => {
                self.damage("the file cannot be read further");
                return self.give_up(self.offset());
            }
            None if self.window.bytes().is_empty() => return Step::End,
            None => "the capture ends inside a record",
        };
        self.truncated.add(self.frame, self.offset(), what);
        self.give_up(self.offset())
    }

    /// Bytes of the file that were read so far, as stored: some are ahead of the packets.
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    /// How long reading took up to here.
    pub const fn spent(&self) -> Spent {
        self.window.spent()
    }

    /// Ends the reading, wherever it is: reads the rest of the file for its hash, and notes what was wrong with it.
    pub fn finish(mut self, log: &mut Log) -> Info {
        self.window.close();
        let Digested { sha256, bytes } = self.input.finish();
        let placed = [(Kind::Truncated, &self.truncated), (Kind::Damaged, &self.damaged)];
        for (kind, tally) in placed.into_iter().filter(|(_, tally)| tally.count > 0) {
            let what = format!("{}, first at byte {}", tally.what, tally.offset);
            let what = if kind == Kind::Truncated { what.replace(", first", "") } else { what };
            log.add(kind, self.capture, tally.frame, tally.count, &what);
        }
        let joined =
            [(Kind::Snapped, &self.snapped), (Kind::ClockStep, &self.stepped), (Kind::Limit, &self.skipped)];
        for (kind, tally) in joined.into_iter().filter(|(_, tally)| tally.count > 0) {
            log.add(kind, self.capture, tally.frame, tally.count, tally.what);
        }
        Info {
            path: self.path,
            sha256,
            bytes,
            format: self.name.to_owned(),
            compression: self.compression.map(|compression| compression.name().to_owned()),
            link_types: self.links.into_iter().collect(),
            packets: self.frame,
            first: self.first,
            last: self.last,
            truncated_at: self.truncated_at,
        }
    }
}
