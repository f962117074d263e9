//! One body below its declared encodings: the first bytes choose what looks at it.

use super::multipart::{self, Multipart};
use super::plain::{Judged, Plain};
use super::sample::{DENSE, Sample};
use super::{magic, shape};
use crate::record::{Body, Hex, Shape};
use smol_str::SmolStr;

/// First bytes that choose, in bytes: a tar header, and the boundary of a multipart body with its first header.
const HEAD: usize = 512;

/// First bytes that are stated, in bytes.
const FIRST: usize = 32;

/// Bytes of an upload that are looked at; beyond, an archive is only walked where that costs nothing. Uploads of
/// stealers are some megabytes, and their lists stand at the front.
const UPLOAD_MAX: u64 = 8 * 1024 * 1024;

/// Bytes in which the entropy is sampled.
const SAMPLE_MAX: u64 = 1024 * 1024;

/// Bytes of a multipart upload that are looked at: finding the next boundary is cheap.
const MULTIPART_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of a response that are looked at.
const RESPONSE_MAX: u64 = 64 * 1024;

/// How far a look may go.
// They are independent of each other: no two make one state.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Context {
    /// It goes to a server.
    pub upload: bool,
    /// Layers of encoding that may still be undone.
    pub layers: u8,
    /// Levels of multipart that may still be opened.
    pub nested: u8,
    /// It is (part of) a mail: the text is not shown.
    pub mail: bool,
    /// A content encoding was declared that is not undone: an archive type is no archive then.
    pub encoded: bool,
    /// Nothing is looked into: length, shape and entropy are all that is asked for.
    pub bare: bool,
}

impl Context {
    /// Not inside a multipart body or an encoding.
    pub(super) fn top(self) -> bool {
        self.nested == super::scanner::NESTED_MAX && self.layers == super::scanner::LAYERS_MAX
    }
}

#[derive(Debug)]
enum Mode {
    Head,
    Multipart(Box<Multipart>),
    Plain(Box<Plain>),
    /// Nothing looks into it: most that servers send.
    Closed,
}

/// A body as it passes.
#[derive(Debug)]
pub(super) struct Entity {
    context: Context,
    /// Boundary of a declared multipart type.
    boundary: Option<Box<[u8]>>,
    /// Declared to be a form.
    form: bool,
    /// Bytes so far, gaps included.
    at: u64,
    head: Vec<u8>,
    /// The first bytes were not captured.
    headless: bool,
    sample: Option<Box<Sample>>,
    /// Of a body of which all is in the head: no sample goes on then.
    entropy: Option<f32>,
    magic: Option<&'static str>,
    shape: Option<Shape>,
    mode: Mode,
}

/// What an entity gives.
pub(super) struct Seen {
    pub body: Body,
    /// The whole of a body of at most 32 bytes without gaps.
    pub whole: Option<Vec<u8>>,
}

impl Entity {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            boundary: None,
            form: false,
            at: 0,
            head: Vec::new(),
            headless: false,
            sample: None,
            entropy: None,
            magic: None,
            shape: None,
            mode: Mode::Head,
        }
    }

    /// With the whole declared Content-Type.
    pub(super) fn declared(context: Context, media_type: Option<&str>) -> Self {
        let boundary = media_type.and_then(multipart::boundary).map(Into::into);
        let form = media_type.is_some_and(|t| {
            let name = b"x-www-form-urlencoded";
            t.as_bytes().windows(name.len()).any(|part| part.eq_ignore_ascii_case(name))
        });
        Self { boundary, form, ..Self::new(context) }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let limit = self.limit();
            if self.at >= limit {
                self.beyond(rest);
                return;
            }
            let mut length = (rest.len() as u64).min(limit - self.at) as usize;
            if matches!(self.mode, Mode::Head) {
                length = length.min(HEAD - self.head.len());
            }
            for bound in [DENSE, SAMPLE_MAX] {
                if self.at < bound {
                    length = (length as u64).min(bound - self.at) as usize;
                }
            }
            let (now, after) = rest.split_at(length);
            self.take(now);
            rest = after;
        }
    }

    /// `length` bytes are not seen.
    pub(super) fn skip(&mut self, length: u64) {
        if length == 0 {
            return;
        }
        if matches!(self.mode, Mode::Head) {
            if self.at == 0 {
                self.headless = true;
            }
            if !self.head.is_empty() {
                self.decide(false);
            }
        }
        match &mut self.mode {
            Mode::Head | Mode::Closed => {}
            Mode::Multipart(multipart) => multipart.skip(length),
            Mode::Plain(plain) => plain.skip(length),
        }
        let before = self.at;
        self.at = self.at.saturating_add(length);
        if before < DENSE && self.at >= DENSE {
            self.sampled();
        }
    }

    /// Whether more bytes would change anything but the length.
    /// See [`Scanner::figures_only`](super::Scanner::figures_only).
    pub(super) fn figures_only(&mut self) {
        self.context.bare = true;
        if matches!(self.mode, Mode::Plain(_)) {
            self.mode = Mode::Closed;
        }
    }

    pub(super) fn wants(&self) -> bool {
        match &self.mode {
            Mode::Head => true,
            _ if self.at < DENSE => true,
            Mode::Multipart(multipart) => self.at < self.limit() && multipart.wants(),
            Mode::Plain(plain) if self.at < self.limit() => plain.wants() || self.at < SAMPLE_MAX,
            Mode::Plain(plain) => self.context.upload && plain.in_step(),
            Mode::Closed => self.at < self.limit() && self.at < SAMPLE_MAX,
        }
    }

    pub(super) fn finish(mut self) -> Seen {
        let gapless = !self.headless && self.at == self.head.len() as u64;
        if matches!(self.mode, Mode::Head) {
            self.decide(gapless);
        }
        let first = if self.headless { &[] } else { &self.head[..self.head.len().min(FIRST)] };
        let mut body = Body {
            bytes: self.at,
            magic: self.magic.map(SmolStr::new_static),
            shape: self.shape,
            entropy: self.entropy.or_else(|| self.sample.as_ref().and_then(|sample| sample.entropy())),
            first: Hex::from(first),
            ..Body::default()
        };
        let whole = (gapless && self.head.len() <= FIRST).then_some(self.head);
        match self.mode {
            Mode::Multipart(multipart) => multipart.finish(&mut body),
            Mode::Plain(plain) => plain.finish(&mut body),
            Mode::Head | Mode::Closed => {}
        }
        let text = !matches!(self.shape, Some(Shape::Binary | Shape::Base64 | Shape::Hex));
        if self.context.mail && text && body.parts.is_empty() {
            body.first = Hex::default();
        }
        Seen { body, whole }
    }

    fn limit(&self) -> u64 {
        match self.mode {
            _ if !self.context.upload => RESPONSE_MAX,
            Mode::Multipart(_) => MULTIPART_MAX,
            _ => UPLOAD_MAX,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if let Some(sample) = &mut self.sample
            && self.at < SAMPLE_MAX
        {
            sample.add(self.at, bytes);
        }
        match &mut self.mode {
            Mode::Head => {
                self.head.extend_from_slice(bytes);
                if self.head.len() == HEAD {
                    self.at += bytes.len() as u64;
                    self.decide(false);
                    return;
                }
            }
            Mode::Multipart(multipart) => multipart.feed(bytes),
            Mode::Plain(plain) => plain.feed(bytes),
            Mode::Closed => {}
        }
        self.at += bytes.len() as u64;
        if self.at == DENSE {
            self.sampled();
        }
    }

    fn beyond(&mut self, bytes: &[u8]) {
        self.at = self.at.saturating_add(bytes.len() as u64);
        if self.context.upload
            && let Mode::Plain(plain) = &mut self.mode
        {
            plain.feed_cheap(bytes);
        }
    }

    fn sampled(&mut self) {
        let entropy = self.sample.as_ref().and_then(|sample| sample.entropy());
        if let Mode::Plain(plain) = &mut self.mode {
            plain.sampled(self.shape, entropy);
        }
    }

    /// The head is complete: what is it? `complete` says that nothing follows.
    fn decide(&mut self, complete: bool) {
        let mut head = std::mem::take(&mut self.head);
        if !self.headless {
            self.magic = magic::identify(&head);
        }
        self.shape = match self.magic {
            Some(name) if !super::wrapped::is_text_type(name) && name != "rtf" && name != "pdf" => {
                Some(Shape::Binary)
            }
            _ => shape::classify(&head, complete),
        };
        let counted = || {
            let mut sample = Sample::new();
            sample.add(self.at.saturating_sub(head.len() as u64), &head);
            sample
        };
        if !complete {
            self.sample = Some(Box::new(counted()));
        } else if !Sample::is_too_small(head.len()) {
            self.entropy = counted().entropy();
        }
        let context = self.context;
        let sniffed = if context.bare { None } else { multipart::sniff(&head).map(Into::into) };
        let boundary = sniffed.or_else(|| self.boundary.take());
        self.mode = match boundary {
            Some(boundary) if context.nested > 0 && !context.bare => {
                let mail = context.mail;
                Mode::Multipart(Box::new(Multipart::new(
                    Context { nested: context.nested - 1, mail, ..context },
                    &boundary,
                )))
            }
            _ if context.bare => Mode::Closed,
            _ => {
                let judged = Judged { head: &head, magic: self.magic, shape: self.shape, form: self.form };
                Plain::new(context, &judged).map_or(Mode::Closed, |plain| Mode::Plain(Box::new(plain)))
            }
        };
        match &mut self.mode {
            Mode::Multipart(multipart) => multipart.feed(&head),
            Mode::Plain(plain) => plain.feed(&head),
            Mode::Head | Mode::Closed => {}
        }
        head.truncate(FIRST + 1);
        if !complete {
            // It stays for as long as the body passes.
            head.shrink_to_fit();
        }
        self.head = head;
        if self.at >= DENSE {
            self.sampled();
        }
    }
}
