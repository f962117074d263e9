//! Logs of a terminal on an Ascend router, which shows packets as hexadecimal text.
//!
//! Source: Wireshark's description of the traces that these routers (Ascend, Lucent and Avaya: MAX, Pipeline, TNT, APX)
//! print of WAN sessions, dial-out, Ethernet and ISDN. A packet is a line that names direction, task, time and length,
//! and lines of an offset and up to sixteen bytes:
//!
//! ```text
//! RECV-user:7:(task: B0000000, time: 1234.56) 18 octets @ 80000000
//!   [0000]: FF 03 00 21 45 00 00 28 69 DA 40 00 3F 06 50 F9
//!   [0010]: C0 00
//! ```
//!
//! What else the terminal showed, menus and what was typed, stands before, behind and between, even in front of
//! a heading. A log is turned into plain records while it is read, so that it goes the way of every other format.

use super::foreign::word;
use crate::time::Timestamp;
use memchr::memmem::find;
use std::io::{self, Read};

/// How far a text is searched for its first packet, in bytes: menus are drawn before, as much as in Wireshark.
pub const SEARCHED: usize = 1 << 18;
/// Longest line that is looked at, in bytes; of a longer one (a screen that is drawn) the end is.
const MAX_LINE: usize = 2048;
/// Longest packet, in bytes: the routers print the first hundred or so, offsets have four digits.
const MAX_OCTETS: usize = 1 << 16;
/// Bytes of a log that are read at once.
const PIECE: usize = 1 << 14;
/// Bytes of a packet in a line.
const PER_LINE: usize = 16;
/// Bytes of the header of a record: time in nanoseconds, length on the wire, length here, link type.
pub const HEADER: usize = 20;

/// Link types: Ethernet, PPP in HDLC-like framing, ISDN's LAPD.
const ETHERNET: u16 = 1;
const PPP: u16 = 50;
const LAPD: u16 = 203;

/// What a heading says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heading {
    link: u16,
    /// Since the router started, in nanoseconds.
    uptime: i64,
    wire_len: u32,
    /// Second paragraph of a packet: ISDN frames that are sent come in two.
    second: bool,
}

/// A packet of which lines are still to come.
struct Open {
    heading: Heading,
    time: i64,
    /// Bytes before the paragraph that is being read.
    base: usize,
    data: Vec<u8>,
}

/// Lines to records.
#[derive(Default)]
struct Log {
    open: Option<Open>,
    /// The line before announced a packet that is dialled out for.
    dialout: bool,
    /// A date that was shown, for what comes next.
    date: Option<i64>,
    /// When the router started, in nanoseconds since 1970: what the first packet says.
    start: Option<i64>,
}

impl Log {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if let Some((offset, text)) = counter(line) {
            if let Some(open) = &mut self.open {
                open.add(offset, text);
            }
        } else if let Some(heading) = Heading::of(line, self.dialout) {
            self.begin(heading, out);
        } else {
            self.date = date(line).or(self.date);
            // The number and kind of the chunk stand between the announcement and the heading, in one line.
            self.dialout = find(line, b"WD_DIALOUT_DISP:").is_some();
            return;
        }
        self.dialout = false;
    }

    fn begin(&mut self, heading: Heading, out: &mut Vec<u8>) {
        if heading.second
            && let Some(open) = &mut self.open
            && open.heading.link == heading.link
        {
            open.base = open.data.len();
            open.heading.wire_len = open.heading.wire_len.saturating_add(heading.wire_len);
            return;
        }
        self.end(out);
        let since = |date: i64| date.saturating_sub(heading.uptime - heading.uptime % 1_000_000_000);
        let start = *self.start.get_or_insert(self.date.map_or(0, since));
        let time = start.saturating_add(heading.uptime);
        self.open = Some(Open { heading, time, base: 0, data: Vec::new() });
    }

    /// Writes the packet down; a heading without bytes is none.
    fn end(&mut self, out: &mut Vec<u8>) {
        let Some(mut open) = self.open.take().filter(|open| !open.data.is_empty()) else { return };
        open.data.truncate(open.heading.wire_len as usize);
        out.extend(open.time.to_be_bytes());
        out.extend(open.heading.wire_len.to_be_bytes());
        out.extend((open.data.len() as u32).to_be_bytes());
        out.extend(u32::from(open.heading.link).to_be_bytes());
        out.extend(open.data);
    }
}

impl Open {
    /// Takes the bytes of a line that go on where the packet ends.
    fn add(&mut self, offset: usize, mut text: &[u8]) {
        if self.base + offset != self.data.len() || self.data.len() + PER_LINE > MAX_OCTETS {
            return;
        }
        for _ in 0..PER_LINE {
            let blanks = text.iter().take_while(|byte| **byte == b' ').count();
            // Behind four blanks the same bytes stand as characters.
            let Some(byte) = text.get(blanks..).and_then(hex_byte).filter(|_| (1..4).contains(&blanks))
            else {
                return;
            };
            self.data.push(byte);
            text = text.get(blanks + 2..).unwrap_or_default();
        }
    }
}

impl Heading {
    fn of(line: &[u8], dialout: bool) -> Option<Self> {
        let (before, task) = split(line, b"(task")?;
        let (link, second) = if dialout { (ETHERNET, false) } else { source(before)? };
        let (_, rest) = split(task, b"time: ")?;
        let (seconds, rest) = number(rest)?;
        let (nanos, rest) = match rest.strip_prefix(b".") {
            Some(rest) => fraction(rest)?,
            None => (0, rest),
        };
        let (wire_len, rest) = number(rest.strip_prefix(b")")?.trim_ascii_start())?;
        let uptime = i64::from(seconds) * 1_000_000_000 + i64::from(nanos);
        rest.starts_with(b" octets").then_some(Self { link, uptime, wire_len, second })
    }
}

/// What printed a packet, by what is in front of its task; true for the second paragraph of one.
fn source(before: &[u8]) -> Option<(u16, bool)> {
    let marks: [(&[u8], u16); 9] = [
        (b"PRI-XMIT-", LAPD),
        (b"PRI-RCV-", LAPD),
        (b"ETHER", ETHERNET),
        (b"XMIT-", PPP),
        (b"RECV-", PPP),
        (b"XMIT:", PPP),
        (b"RECV:", PPP),
        (b"PPP-OUT", PPP),
        (b"PPP-IN", PPP),
    ];
    // Names of users follow, and may hold anything: the first mark counts.
    let (_, link) = marks
        .iter()
        .filter_map(|(mark, link)| Some((find(before, mark)?, *link)))
        .min_by_key(|(place, _)| *place)?;
    let name = before.trim_ascii_end();
    Some((link, link == LAPD && name.strip_suffix(b":").unwrap_or(name).ends_with(b"/2")))
}

/// The offset in front of a line of bytes, and what follows it.
fn counter(line: &[u8]) -> Option<(usize, &[u8])> {
    let end = find(line, b"]:")?;
    let digits: &[u8; 5] = line.get(end.checked_sub(5)?..end)?.first_chunk()?;
    let [b'[', digits @ ..] = digits else { return None };
    let offset = digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | hex_digit(*digit)?))?;
    Some((offset, line.get(end + 2..)?))
}

/// A day and time as the routers print them, in nanoseconds since 1970; their time zone is not stated.
fn date(line: &[u8]) -> Option<i64> {
    let day = split(line, b"Date: ")?.1;
    let time: &[u8; 8] = split(day, b"Time: ")?.1.first_chunk()?;
    let [m0, m1, b'/', d0, d1, b'/', year @ ..] = day.first_chunk::<10>()? else { return None };
    let month = [m0, m1, &b'-', d0, d1].map(|byte| char::from(*byte));
    let text = format!(
        "{}-{}T{}Z",
        str::from_utf8(year).ok()?,
        month.iter().collect::<String>(),
        str::from_utf8(time).ok()?
    );
    text.parse::<Timestamp>().ok().map(|time| time.0)
}

/// What stands before and behind a mark.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = find(text, mark)?;
    Some((text.get(..place)?, text.get(place + mark.len()..)?))
}

/// A decimal number and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = str::from_utf8(text.get(..digits)?).ok()?.parse().ok()?;
    Some((value, text.get(digits..)?))
}

/// Decimal places in billionths and what follows them.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let places = text.iter().copied().take(digits).chain(std::iter::repeat(b'0')).take(9);
    let value = places.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (digits > 0).then_some((value, text.get(digits..)?))
}

fn hex_digit(digit: u8) -> Option<usize> {
    char::from(digit).to_digit(16).map(|value| value as usize)
}

fn hex_byte(text: &[u8]) -> Option<u8> {
    let [high, low] = *text.first_chunk::<2>()?;
    u8::try_from(hex_digit(high)? << 4 | hex_digit(low)?).ok()
}

/// Whether the first bytes of a file can be those of a log, so that more of it is to be [searched](is_log).
pub fn may_be(head: &[u8]) -> bool {
    let shown =
        |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || matches!(byte, 7 | 8 | 27);
    !head.is_empty() && head.iter().all(shown)
}

/// Whether a packet begins in the first [`SEARCHED`] bytes of a file.
pub fn is_log(bytes: &[u8]) -> bool {
    let (mut log, mut out) = (Log::default(), Vec::new());
    bytes.split(|byte| *byte == b'\n').any(|line| {
        log.line(line, &mut out);
        log.open.as_ref().is_some_and(|open| !open.data.is_empty())
    })
}

/// A log as records.
pub struct Transcript {
    inner: Box<dyn Read + Send>,
    log: Log,
    /// The line that is being read.
    line: Vec<u8>,
    /// Records, and how much of them was handed out.
    out: Vec<u8>,
    given: usize,
    /// Bytes of the log that were read.
    offset: u64,
    /// What ended it; handed out behind the last record.
    end: Option<io::Result<()>>,
}

/// Where in a log an error came.
#[derive(Debug, thiserror::Error)]
#[error("{error} at byte {offset} of the log")]
struct At {
    error: io::Error,
    offset: u64,
}

impl Transcript {
    /// The records of a log.
    pub fn new(inner: Box<dyn Read + Send>) -> Self {
        let (line, out) = (Vec::new(), Vec::new());
        Self { inner, log: Log::default(), line, out, given: 0, offset: 0, end: None }
    }

    /// Reads a piece of the log.
    fn more(&mut self) {
        self.out.clear();
        self.given = 0;
        let mut piece = [0; PIECE];
        match self.inner.read(&mut piece) {
            Ok(0) => self.finish(Ok(())),
            Ok(have) => {
                self.offset += have as u64;
                self.take(piece.get(..have).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.finish(Err(io::Error::new(error.kind(), At { error, offset: self.offset })));
            }
        }
    }

    fn take(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() > 2 * MAX_LINE {
                self.line.drain(..self.line.len() - MAX_LINE);
            }
            if self.line.ends_with(b"\n") {
                self.log.line(&self.line, &mut self.out);
                self.line.clear();
            }
        }
    }

    fn finish(&mut self, end: io::Result<()>) {
        self.log.line(&std::mem::take(&mut self.line), &mut self.out);
        self.log.end(&mut self.out);
        self.end = Some(end);
    }
}

impl Read for Transcript {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            match self.end.replace(Ok(())) {
                None => {
                    self.end = None;
                    self.more();
                }
                Some(end) => return end.map(|()| 0),
            }
        }
        let rest = self.out.get(self.given..).unwrap_or_default();
        let length = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.given += length;
        Ok(length)
    }
}

/// Where in its log an error came, if it is one of a [`Transcript`].
pub fn place(error: &io::Error) -> Option<u64> {
    error.get_ref()?.downcast_ref::<At>().map(|at| at.offset)
}

/// What the header of a record says: time, length on the wire, length here, link type.
pub fn header(record: &[u8]) -> Option<(Timestamp, u32, u32, u16)> {
    let time = Timestamp(i64::from_be_bytes(*record.first_chunk()?));
    Some((time, word(record, 8)?, word(record, 12)?, u16::try_from(word(record, 16)?).ok()?))
}
