//! One direction of a connection: where frames begin and end (RFC 9113, section 4), whatever the slices.

use std::collections::VecDeque;

/// What a client says first (section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Longest header block that is kept, in bytes as sent; servers refuse longer ones.
const MAX_BLOCK: usize = 64 << 10;
/// Bytes of a frame header.
const HEADER: usize = 9;
/// Longest frame that is believed where a header is looked for: what is allowed unless a side allows more.
const MAX_FOUND: u32 = 16 << 10;
/// How far beyond the streams seen a stream may be whose frame is looked for.
const MAX_AHEAD: u32 = 400;

/// Frame types (section 6).
mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags (section 6).
mod flag {
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 32;
}

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    length: u32,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn of(header: [u8; HEADER]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = header;
        Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff,
        }
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether these nine bytes, with nothing before them to vouch for it, are the header of a frame.
    fn is_likely(self, reserved: bool, highest: [u32; 2]) -> bool {
        let last = highest[self.stream as usize & 1];
        let seen = self.stream != 0 && self.stream <= last;
        // A stream may have begun unseen, but only a header is telling enough to believe it.
        let near = self.stream & 1 == 1 && self.stream <= last.saturating_add(MAX_AHEAD);
        let (flags, fits) = match self.kind {
            kind::DATA => (flag::END_STREAM | flag::PADDED, seen && self.length > 0),
            kind::HEADERS => (
                flag::END_STREAM | flag::END_HEADERS | flag::PADDED | flag::PRIORITY,
                (seen || near) && self.length > 0 && self.has(flag::END_HEADERS),
            ),
            kind::RST_STREAM => (0, seen && self.length == 4),
            kind::WINDOW_UPDATE => (0, (seen || self.stream == 0) && self.length == 4),
            kind::PING => (1, self.stream == 0 && self.length == 8),
            _ => return false,
        };
        !reserved && fits && self.flags & !flags == 0 && self.length <= MAX_FOUND
    }
}

/// Whether a side's first bytes are the SETTINGS frame that must come first (section 3.4).
pub fn begins(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk() else {
        // Length below 256, type, flags and stream, as far as they came.
        let wanted = [(0, 0), (1, 0), (3, kind::SETTINGS), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0)];
        return wanted.iter().all(|(at, byte)| head.get(*at).is_none_or(|found| found == byte));
    };
    let frame = Frame::of(*header);
    frame.kind == kind::SETTINGS
        && frame.flags == 0
        && frame.stream == 0
        && frame.length < 256
        && frame.length.is_multiple_of(6)
}

/// What a step found.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing.
    Nothing,
    /// A header block.
    Block(Block),
    /// Bytes of a body.
    Data {
        /// Whose.
        stream: u32,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// A side says no more on a stream.
    End(u32),
    /// A stream is no more.
    Reset(u32),
}

/// A header block, put together of its frames.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The stream it is sent on, or promised for.
    pub stream: u32,
    /// It is a request that the server promises to answer.
    pub promise: bool,
    /// Nothing follows it on the stream.
    pub ends: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its end, or something in it, is missing.
    pub cut: bool,
}

/// What a gap or passed bytes did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Bytes of them that belong to the body of a stream.
    pub body: Option<(u32, u64)>,
    /// The beginning of a block whose end is missing.
    pub block: Option<Block>,
    /// Frames may be missing: what follows need not follow what came.
    pub lost: bool,
}

#[derive(Debug)]
enum State {
    /// In the preface; what is left.
    Preface(usize),
    /// Before or in a frame header.
    Header,
    /// In a frame; what is left of it.
    Payload(Frame, u32),
    /// Bytes are missing, and where a frame begins is not known.
    Lost,
}

/// The state of one direction.
#[derive(Debug)]
pub struct Lane {
    state: State,
    /// An unfinished frame header, or the last bytes in which one is looked for.
    header: VecDeque<u8>,
    /// Payload of the frame being read that is not passed on at once.
    held: Vec<u8>,
    /// Bytes of padding at the end of the frame being read, once known.
    padding: Option<u8>,
    /// Bytes of the held payload are missing.
    torn: bool,
    /// A block of which frames are still to come.
    block: Option<Block>,
}

impl Lane {
    pub fn new(client: bool) -> Self {
        Self {
            state: if client { State::Preface(PREFACE.len()) } else { State::Header },
            header: VecDeque::with_capacity(HEADER),
            held: Vec::new(),
            padding: None,
            torn: false,
            block: None,
        }
    }

    /// In the bytes of this stream's body, with so many of its frame to come.
    pub fn body(&self) -> Option<(u32, u64)> {
        match self.state {
            State::Payload(frame, left)
                if frame.kind == kind::DATA && (!frame.has(flag::PADDED) || self.padding.is_some()) =>
            {
                let left = left.saturating_sub(u32::from(self.padding.unwrap_or(0)));
                (left > 0).then_some((frame.stream, u64::from(left)))
            }
            _ => None,
        }
    }

    /// Between two messages, with nothing held.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Header) && self.header.is_empty() && self.block.is_none()
    }

    /// Takes a step in `rest`, which is not empty: how many bytes it took, and what it found. After it,
    /// [`Lane::settle`] is to be asked. `highest` are the highest streams seen that a server and that
    /// a client began.
    pub fn step<'a>(&mut self, rest: &'a [u8], highest: [u32; 2]) -> (usize, Event<'a>) {
        match self.state {
            State::Preface(left) => {
                let taken = left.min(rest.len());
                self.state = if left > taken { State::Preface(left - taken) } else { State::Header };
                (taken, Event::Nothing)
            }
            State::Header => {
                let taken = (HEADER - self.header.len().min(HEADER)).min(rest.len());
                self.header.extend(&rest[..taken]);
                self.begin();
                (taken, Event::Nothing)
            }
            State::Lost => {
                for (at, byte) in rest.iter().enumerate() {
                    if self.header.len() >= HEADER {
                        self.header.pop_front();
                    }
                    self.header.push_back(*byte);
                    if let Some(header) = self.whole_header()
                        && Frame::of(header).is_likely(header[5] & 0x80 != 0, highest)
                    {
                        self.begin();
                        return (at + 1, Event::Nothing);
                    }
                }
                (rest.len(), Event::Nothing)
            }
            State::Payload(frame, left) => self.payload(frame, left, rest),
        }
    }

    fn whole_header(&self) -> Option<[u8; HEADER]> {
        let mut header = [0; HEADER];
        if self.header.len() != HEADER {
            return None;
        }
        for (to, from) in header.iter_mut().zip(&self.header) {
            *to = *from;
        }
        Some(header)
    }

    /// Enters a frame, once its header is whole.
    fn begin(&mut self) {
        let Some(header) = self.whole_header() else { return };
        let frame = Frame::of(header);
        self.header.clear();
        self.held.clear();
        self.padding = None;
        self.torn = false;
        self.state = State::Payload(frame, frame.length);
    }

    /// Takes payload, of which there is some left.
    fn payload<'a>(&mut self, frame: Frame, left: u32, rest: &'a [u8]) -> (usize, Event<'a>) {
        let within = |count: u32| usize::try_from(count).unwrap_or(usize::MAX).min(rest.len());
        match frame.kind {
            kind::DATA if frame.has(flag::PADDED) && self.padding.is_none() => {
                let left = left.saturating_sub(1);
                self.padding = rest.first().map(|padding| (*padding).min(left.min(255) as u8));
                self.state = State::Payload(frame, left);
                (1, Event::Nothing)
            }
            kind::DATA => {
                let padding = u32::from(self.padding.unwrap_or(0));
                let taken = within(if left > padding { left - padding } else { left });
                self.state = State::Payload(frame, left - taken as u32);
                let body = left > padding && frame.stream != 0;
                let event = Event::Data { stream: frame.stream, bytes: &rest[..taken] };
                (taken, if body { event } else { Event::Nothing })
            }
            kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => {
                let taken = within(left);
                self.hold(&rest[..taken]);
                self.state = State::Payload(frame, left - taken as u32);
                (taken, Event::Nothing)
            }
            _ => {
                let taken = within(left);
                self.state = State::Payload(frame, left - taken as u32);
                (taken, Event::Nothing)
            }
        }
    }

    /// What a frame does that has just come to its end, if it was not told yet.
    pub fn settle(&mut self) -> Event<'static> {
        match self.state {
            State::Payload(frame, 0) => self.ends(frame),
            _ => Event::Nothing,
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = MAX_BLOCK.saturating_sub(self.held.len()).min(bytes.len());
        if !self.torn {
            self.held.extend_from_slice(&bytes[..room]);
        }
        self.torn |= room < bytes.len();
    }

    /// Ends a frame.
    fn ends(&mut self, frame: Frame) -> Event<'static> {
        self.state = State::Header;
        match frame.kind {
            kind::DATA if frame.has(flag::END_STREAM) => Event::End(frame.stream),
            kind::HEADERS | kind::PUSH_PROMISE => match self.fragment(frame) {
                Some((promised, bytes)) => {
                    self.extend(frame, Block { cut: self.torn, ..Block::of(frame, promised, bytes) })
                }
                None => Event::Nothing,
            },
            kind::CONTINUATION => match self.block.take() {
                Some(mut block) => {
                    let room = MAX_BLOCK.saturating_sub(block.bytes.len()).min(self.held.len());
                    if !block.cut {
                        block.bytes.extend_from_slice(&self.held[..room]);
                    }
                    block.cut |= self.torn || room < self.held.len();
                    self.extend(frame, block)
                }
                None => Event::Nothing,
            },
            kind::RST_STREAM => Event::Reset(frame.stream),
            _ => Event::Nothing,
        }
    }

    /// Passes a block on, or waits for its continuation.
    fn extend(&mut self, frame: Frame, block: Block) -> Event<'static> {
        if frame.has(flag::END_HEADERS) {
            self.block = None;
            return Event::Block(block);
        }
        self.block = Some(block);
        Event::Nothing
    }

    /// The fragment in the held payload of HEADERS or PUSH_PROMISE, and the stream promised.
    fn fragment(&mut self, frame: Frame) -> Option<(u32, Vec<u8>)> {
        let mut held = &self.held[..];
        let mut padding = 0;
        if frame.has(flag::PADDED) {
            let (first, rest) = held.split_first()?;
            (padding, held) = (usize::from(*first), rest);
        }
        let mut promised = 0;
        if frame.kind == kind::PUSH_PROMISE {
            let (first, rest) = held.split_first_chunk()?;
            (promised, held) = (u32::from_be_bytes(*first) & 0x7fff_ffff, rest);
        } else if frame.has(flag::PRIORITY) {
            held = held.get(5..)?;
        }
        // Where the end is missing, so is the padding.
        let length = if self.torn { held.len() } else { held.len().checked_sub(padding)? };
        Some((promised, held[..length].to_vec()))
    }

    /// Bytes that were never captured, or captured and passed over.
    pub fn miss(&mut self, length: u64) -> Missed {
        let body = self.body();
        let mut missed = Missed::default();
        match &mut self.state {
            State::Preface(left) if length <= *left as u64 => {
                *left -= length as usize;
                if *left == 0 {
                    self.state = State::Header;
                }
                return missed;
            }
            State::Payload(frame, left) if length <= u64::from(*left) => {
                *left -= length as u32;
                missed.body = body.map(|(stream, left)| (stream, left.min(length)));
                match frame.kind {
                    // How much is padding is not known any more.
                    kind::DATA if frame.has(flag::PADDED) => self.padding = self.padding.or(Some(0)),
                    kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => self.torn = true,
                    _ => {}
                }
                return missed;
            }
            _ => {}
        }
        missed.body = body;
        missed.block = self.unfinished();
        missed.lost = true;
        self.state = State::Lost;
        self.header.clear();
        missed
    }

    /// The block that did not end, as far as it came.
    pub fn unfinished(&mut self) -> Option<Block> {
        let open = self.block.take().map(|block| Block { cut: true, ..block });
        let State::Payload(frame, _) = self.state else { return open };
        self.torn = true;
        match frame.kind {
            kind::HEADERS | kind::PUSH_PROMISE if !self.held.is_empty() => {
                let (promised, bytes) = self.fragment(frame)?;
                self.held.clear();
                Some(Block { cut: true, ends: false, ..Block::of(frame, promised, bytes) })
            }
            kind::CONTINUATION => open.map(|mut block| {
                block.bytes.append(&mut self.held);
                block
            }),
            _ => open,
        }
    }
}

impl Block {
    fn of(frame: Frame, promised: u32, bytes: Vec<u8>) -> Self {
        let promise = frame.kind == kind::PUSH_PROMISE;
        Self {
            stream: if promise { promised } else { frame.stream },
            promise,
            ends: !promise && frame.has(flag::END_STREAM),
            bytes,
            cut: false,
        }
    }
}
