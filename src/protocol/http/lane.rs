//! One direction of a connection: where messages begin and end (RFC 9112 section 6), whatever the slices.

use super::MAX_HEADER;
use super::parser::{self, Role};
use memchr::memchr;
use std::borrow::Cow;

/// Longest start line that is found, in bytes. Stolen data in a query string has been seen to fill 8 KiB.
const MAX_LINE: usize = 32 << 10;
/// Longest line with the size of a chunk, in bytes.
const MAX_CHUNK_LINE: usize = 4 << 10;
/// Bytes that fit no message after which a direction is given up.
const MAX_STRAY: u64 = 4 << 20;

/// How the body of a message is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// By a length.
    Length(u64),
    /// By chunks.
    Chunked,
    /// By the end of the connection.
    ToClose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a start line.
    Seek,
    /// In a header.
    Head,
    /// In a body of known length; what is left.
    Length(u64),
    /// Before the size of a chunk.
    ChunkSize,
    /// In a chunk; what is left.
    Chunk(u64),
    /// After the last chunk.
    Trailer,
    /// In a body to the end of the connection.
    ToClose,
    /// Given up.
    Over,
}

/// What a step found.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing yet.
    Nothing,
    /// A whole header with its blank line.
    Head(Cow<'a, [u8]>),
    /// The beginning of a header that does not end within the bound.
    Overlong(Cow<'a, [u8]>),
    /// Bytes of the body, or bytes after it that belong to no message.
    Body(Cow<'a, [u8]>),
}

/// What a gap or passed bytes did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// Bytes of them that belong to the open body.
    pub body: u64,
    /// Where the next message begins is not known: some may be lost.
    pub lost: bool,
}

/// The state of one direction.
#[derive(Debug)]
pub struct Lane {
    role: Role,
    state: State,
    /// An unfinished line or header.
    buffer: Vec<u8>,
    /// Bytes of the buffer in which no end of the header is.
    searched: usize,
    /// Bytes came since the last message that belong to none.
    stray: bool,
    strays: u64,
}

impl Lane {
    pub fn new(role: Role) -> Self {
        Self { role, state: State::Seek, buffer: Vec::new(), searched: 0, stray: false, strays: 0 }
    }

    /// Between messages with nothing held.
    pub fn is_idle(&self) -> bool {
        self.state == State::Seek && self.buffer.is_empty()
    }

    /// In a body with a known number of bytes to come before anything else may.
    pub fn to_come(&self) -> Option<u64> {
        match self.state {
            State::Length(left) | State::Chunk(left) => Some(left),
            _ => None,
        }
    }

    /// Nothing but body, or nothing of worth, comes any more.
    pub fn is_last(&self) -> bool {
        matches!(self.state, State::ToClose | State::Over)
    }

    /// Says what follows the header just found.
    pub fn body(&mut self, framing: Framing) {
        self.stray = false;
        self.state = match framing {
            Framing::None | Framing::Length(0) => State::Seek,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize,
            Framing::ToClose => State::ToClose,
        };
    }

    /// Takes a step in `rest`, which is not empty. Gives how many bytes it took and what it found; takes none
    /// only when the state has changed.
    pub fn step<'a>(&mut self, rest: &'a [u8]) -> (usize, Event<'a>) {
        match self.state {
            State::Seek => self.seek(rest),
            State::Head => self.head(rest),
            State::Length(left) | State::Chunk(left) => {
                let taken = within(left, rest.len());
                self.take(taken as u64);
                (taken, Event::Body(Cow::Borrowed(&rest[..taken])))
            }
            State::ChunkSize => self.chunk_size(rest),
            State::Trailer => self.trailer(rest),
            State::ToClose | State::Over => (rest.len(), Event::Body(Cow::Borrowed(rest))),
        }
    }

    /// Counts bytes of a body of known length.
    fn take(&mut self, count: u64) {
        self.state = match self.state {
            State::Length(left) if left <= count => State::Seek,
            State::Length(left) => State::Length(left - count),
            State::Chunk(left) if left <= count => State::ChunkSize,
            State::Chunk(left) => State::Chunk(left - count),
            other => other,
        };
    }

    fn seek<'a>(&mut self, rest: &'a [u8]) -> (usize, Event<'a>) {
        let Some(newline) = memchr(b'\n', rest) else { return self.seek_on(rest) };
        let (end, held) = (newline + 1, self.buffer.len());
        if held == 0 {
            let line = &rest[..end];
            let skipped = end.saturating_sub(MAX_LINE);
            return match parser::find_start(&line[skipped..], self.role).map(|at| at + skipped) {
                Some(0) => {
                    self.state = State::Head;
                    (0, Event::Nothing)
                }
                Some(at) => {
                    self.state = State::Head;
                    (at, self.strayed(Cow::Borrowed(&line[..at])))
                }
                None if !self.stray && parser::trim_end(line).is_empty() => (end, Event::Nothing),
                None => (end, self.strayed(Cow::Borrowed(line))),
            };
        }
        let mut line = std::mem::take(&mut self.buffer);
        line.extend_from_slice(&rest[..end]);
        let skipped = line.len().saturating_sub(MAX_LINE);
        match parser::find_start(&line[skipped..], self.role).map(|at| at + skipped) {
            Some(at) => {
                self.state = State::Head;
                self.searched = 0;
                self.buffer = line.split_off(at);
                (end, if line.is_empty() { Event::Nothing } else { self.strayed(Cow::Owned(line)) })
            }
            None if !self.stray && parser::trim_end(&line).is_empty() => (end, Event::Nothing),
            None => (end, self.strayed(Cow::Owned(line))),
        }
    }

    /// Keeps the beginning of a line; of an endless one only as much as a start line may have.
    fn seek_on<'a>(&mut self, rest: &'a [u8]) -> (usize, Event<'a>) {
        if self.buffer.len() + rest.len() <= 2 * MAX_LINE {
            self.buffer.extend_from_slice(rest);
            return (rest.len(), Event::Nothing);
        }
        if self.buffer.is_empty() {
            let spilt = rest.len() - MAX_LINE;
            return (spilt, self.strayed(Cow::Borrowed(&rest[..spilt])));
        }
        let kept = MAX_LINE.saturating_sub(rest.len()).min(self.buffer.len());
        let tail = self.buffer.split_off(self.buffer.len() - kept);
        let spilt = std::mem::replace(&mut self.buffer, tail);
        (0, self.strayed(Cow::Owned(spilt)))
    }

    fn strayed<'a>(&mut self, bytes: Cow<'a, [u8]>) -> Event<'a> {
        self.stray = true;
        self.strays = self.strays.saturating_add(bytes.len() as u64);
        if self.strays > MAX_STRAY && self.state == State::Seek {
            self.state = State::Over;
        }
        Event::Body(bytes)
    }

    fn head<'a>(&mut self, rest: &'a [u8]) -> (usize, Event<'a>) {
        let held = self.buffer.len();
        let taken = rest.len().min(MAX_HEADER.saturating_sub(held));
        if held == 0 {
            return match parser::head_end(&rest[..taken], 0) {
                Some(end) => (end, Event::Head(Cow::Borrowed(&rest[..end]))),
                None if taken == MAX_HEADER => (taken, Event::Overlong(Cow::Borrowed(&rest[..taken]))),
                None => {
                    self.buffer.extend_from_slice(rest);
                    self.searched = taken;
                    (taken, Event::Nothing)
                }
            };
        }
        self.buffer.extend_from_slice(&rest[..taken]);
        // The last three bytes may begin the blank line.
        if let Some(end) = parser::head_end(&self.buffer, self.searched.saturating_sub(3)) {
            self.buffer.truncate(end);
            self.searched = 0;
            return (end.saturating_sub(held), Event::Head(Cow::Owned(std::mem::take(&mut self.buffer))));
        }
        self.searched = self.buffer.len();
        if self.buffer.len() < MAX_HEADER {
            return (taken, Event::Nothing);
        }
        self.searched = 0;
        (taken, Event::Overlong(Cow::Owned(std::mem::take(&mut self.buffer))))
    }

    /// Collects a line in the buffer or finds it in `rest`; `None` while it is not whole.
    fn line<'a>(&mut self, rest: &'a [u8]) -> Option<(usize, Cow<'a, [u8]>)> {
        let end = memchr(b'\n', rest)? + 1;
        if self.buffer.is_empty() {
            return Some((end, Cow::Borrowed(&rest[..end])));
        }
        let mut line = std::mem::take(&mut self.buffer);
        line.extend_from_slice(&rest[..end]);
        Some((end, Cow::Owned(line)))
    }

    fn chunk_size<'a>(&mut self, rest: &'a [u8]) -> (usize, Event<'a>) {
        let Some((end, line)) = self.line(rest) else {
            if self.buffer.len() + rest.len() > MAX_CHUNK_LINE {
                return self.stray_on();
            }
            self.buffer.extend_from_slice(rest);
            return (rest.len(), Event::Nothing);
        };
        if parser::trim_end(&line).is_empty() {
            return (end, Event::Nothing);
        }
        match parser::chunk_size(&line) {
            Some(0) => self.state = State::Trailer,
            Some(size) if line.len() <= MAX_CHUNK_LINE => self.state = State::Chunk(size),
            _ => {
                self.stray = true;
                self.state = State::Seek;
                return (end, self.strayed(line));
            }
        }
        (end, Event::Nothing)
    }

    fn stray_on<'a>(&mut self) -> (usize, Event<'a>) {
        self.stray = true;
        self.state = State::Seek;
        (0, Event::Nothing)
    }

    fn trailer<'a>(&mut self, rest: &'a [u8]) -> (usize, Event<'a>) {
        let Some((end, line)) = self.line(rest) else {
            if self.buffer.len() + rest.len() > MAX_LINE {
                return self.stray_on();
            }
            self.buffer.extend_from_slice(rest);
            return (rest.len(), Event::Nothing);
        };
        let blank = parser::trim_end(&line).is_empty();
        // A server that leaves the trailer's blank line out goes on with the next message.
        if !blank && parser::start_line(&line, self.role).is_some() {
            self.state = State::Head;
            self.searched = 0;
            self.buffer = line.into_owned();
            return (end, Event::Nothing);
        }
        if blank {
            self.body(Framing::None);
        }
        (end, Event::Nothing)
    }

    /// Bytes that were never captured, or captured and passed over.
    pub fn miss(&mut self, length: u64) -> Missed {
        let (body, lost) = match self.state {
            State::Length(left) | State::Chunk(left) => {
                let exact = left.min(length);
                self.take(exact);
                let over = length > exact;
                let chunked = matches!(self.state, State::ChunkSize);
                // Chunk after chunk: what is beyond this one is most likely more of the same body.
                (if over && chunked { length } else { exact }, over)
            }
            State::ToClose | State::Over => (length, false),
            State::Seek | State::Head | State::ChunkSize | State::Trailer => (0, true),
        };
        if lost {
            self.state = State::Seek;
            self.buffer.clear();
            self.searched = 0;
            self.stray = true;
        }
        Missed { body, lost }
    }

    /// The header, or the start line, that did not end; whole lines of it. Or else bytes that belong to no
    /// message.
    pub fn unfinished(&mut self) -> Option<Event<'static>> {
        let mut held = std::mem::take(&mut self.buffer);
        self.searched = 0;
        match self.state {
            State::Head => {
                let end = held.iter().rposition(|b| *b == b'\n')? + 1;
                held.truncate(end);
                Some(Event::Overlong(Cow::Owned(held)))
            }
            State::Seek if held.is_empty() => None,
            State::Seek => {
                let start = parser::look(&held, true) == parser::Look::Start(self.role);
                Some(if start { Event::Overlong(held.into()) } else { Event::Body(held.into()) })
            }
            _ => None,
        }
    }
}

fn within(left: u64, length: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(length)
}
