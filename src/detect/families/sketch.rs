//! What of a request or a conversation rules most often ask for, in a few words: most looks end here.

use super::look::first;
use super::value::{Bytes, Many, Range};
use crate::record::{Exchange, Flow, SideName};
use memchr::memmem::Finder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Look;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};

/// Places at which first bytes are looked at before a pattern is.
const MAX_PLACE: usize = 16;

/// Headers that have a bit.
const NAMES: [&str; 16] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-key",
    "content-length",
    "content-type",
    "cookie",
    "dnt",
    "expect",
    "host",
    "origin",
    "referer",
    "user-agent",
];

/// A request in bits, or several together.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sketch {
    method: u8,
    /// Headers that one of the requests has.
    has: u16,
    /// Headers that one of the requests has not.
    lacks: u16,
    body: bool,
    /// Length of the path without query, in bytes; of several requests it says nothing.
    path: u32,
}

impl Sketch {
    /// Of a request.
    pub fn of(exchange: &Exchange) -> Self {
        let headers = exchange.headers.iter().fold(0, |bits, (name, _)| bits | header(name));
        let body = exchange.request.is_some();
        let path = exchange.path.find('?').unwrap_or(exchange.path.len()) as u32;
        Self { method: method(&exchange.method), has: headers, lacks: !headers, body, path }
    }

    /// The path without query of the request that this is of.
    pub fn path<'a>(&self, exchange: &'a Exchange) -> &'a str {
        exchange.path.get(..self.path as usize).unwrap_or_default()
    }

    /// Both together: what may fit one of them may fit this.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            method: self.method | other.method,
            has: self.has | other.has,
            lacks: self.lacks | other.lacks,
            body: self.body || other.body,
            path: 0,
        }
    }
}

/// What a look asks of a sketch: never more than it asks of the request itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Methods that will not do.
    not_methods: u8,
    has: u16,
    lacks: u16,
    body: bool,
}

impl Asked {
    /// One of these methods.
    pub fn methods<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        self.not_methods = !names.fold(0, |bits, name| bits | method(name));
    }
    /// All of these headers.
    pub fn has<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        self.has = names.fold(self.has, |bits, name| bits | header(name));
    }
    /// None of these headers.
    pub fn lacks<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        self.lacks = names.fold(self.lacks, |bits, name| bits | header(name));
    }
    /// A body.
    pub fn body(&mut self, asked: bool) {
        self.body = asked;
    }
    /// Whether a request may be what is asked for.
    pub const fn may_fit(self, sketch: Sketch) -> bool {
        !self.not_methods & sketch.method != 0
            && self.has & !sketch.has == 0
            && self.lacks & !sketch.lacks == 0
            && (sketch.body || !self.body)
    }
}

/// How a conversation in no listed protocol begins.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    speaks: Option<SideName>,
    /// Length of the first message of client and server, in bytes.
    lengths: [Option<u64>; 2],
    /// First bytes of client and server.
    bytes: [&'a [u8]; 2],
    /// Port of the server.
    port: u16,
    /// Payload bytes to the server.
    up: u64,
    /// The protocol was recognised.
    named: bool,
    /// Messages after the first begin alike.
    alike: bool,
    /// What the client sent was taken apart: it has an archive, parts or markers.
    apart: bool,
}

impl<'a> Beginning<'a> {
    /// Of a flow.
    pub fn of(flow: &'a Flow) -> Self {
        let length = |side| flow.turns.iter().find(|turn| turn.0 == side).map(|turn| turn.2);
        Self {
            speaks: flow.turns.first().map(|turn| turn.0),
            lengths: [length(SideName::Client), length(SideName::Server)],
            bytes: [first(flow, SideName::Client), first(flow, SideName::Server)],
            port: flow.server.port,
            up: flow.payload.to_server,
            named: flow.other.as_ref().is_some_and(|other| other.protocol.is_some()),
            alike: flow.other.as_ref().is_some_and(|other| other.prefix.is_some()),
            apart: flow.other.as_ref().and_then(|other| other.to_server.as_deref()).is_some_and(|body| {
                body.archive.is_some() || !body.parts.is_empty() || !body.markers.is_empty()
            }),
        }
    }
}

/// What a look asks of a beginning: never more than it asks of the conversation itself.
#[derive(Debug, Clone, Default)]
pub struct Begins {
    /// Who speaks first.
    pub speaks: Option<SideName>,
    /// Length of the first message of client and server.
    pub lengths: [Option<Range>; 2],
    /// A byte near the start of client and server, and where it stands.
    pub bytes: [Option<(usize, ByteSet)>; 2],
    /// What the first bytes of client and server hold, one of each; nothing where that is open.
    pub holds: [Vec<Holds>; 2],
    /// One of these ports of the server.
    pub ports: Option<Vec<u16>>,
    /// Payload bytes to the server.
    pub up: Option<Range>,
    /// A recognised protocol, or none that is.
    pub named: Option<bool>,
    /// Messages that begin alike.
    pub alike: bool,
    /// An archive or markers in what the client sent.
    pub apart: bool,
}

impl Begins {
    /// Whether a conversation that begins so may be what is asked for.
    pub fn may_fit(&self, beginning: &Beginning<'_>) -> bool {
        let length = |side: usize| {
            self.lengths[side].is_none_or(|range| beginning.lengths[side].is_some_and(|n| range.has(n)))
        };
        let byte = |side: usize| {
            let fits =
                |(at, set): &(usize, ByteSet)| beginning.bytes[side].get(*at).is_some_and(|b| set.has(*b));
            self.bytes[side].as_ref().is_none_or(fits)
        };
        let holds = |side: usize| {
            let bytes = beginning.bytes[side];
            self.holds[side].is_empty() || self.holds[side].iter().any(|one| one.may_fit(bytes))
        };
        let port = self.ports.as_ref().is_none_or(|ports| ports.contains(&beginning.port));
        let whole = self.named.is_none_or(|named| named == beginning.named)
            && self.up.is_none_or(|range| range.has(beginning.up));
        let speaks = self.speaks.is_none_or(|side| beginning.speaks == Some(side));
        let taken = (beginning.alike || !self.alike) && (beginning.apart || !self.apart);
        port && whole
            && taken
            && speaks
            && length(0)
            && length(1)
            && byte(0)
            && byte(1)
            && holds(0)
            && holds(1)
    }
}

/// What first bytes hold in which one pattern is found.
#[derive(Debug, Clone)]
pub struct Holds {
    /// How many they are, at least.
    least: usize,
    /// One of these stands in them; none where that is open.
    texts: Vec<Finder<'static>>,
}

/// Texts that are looked for in first bytes for one pattern, and how long each is at least: short ones are everywhere.
const MAX_TEXTS: usize = 4;
/// See [`MAX_TEXTS`].
const MIN_TEXT: usize = 3;

impl Holds {
    /// Of each of `patterns`; nothing where one of them is open.
    pub fn of(patterns: &Many<Bytes>) -> Vec<Self> {
        patterns.0.iter().map(Self::one).collect::<Option<_>>().unwrap_or_default()
    }

    fn one(pattern: &Bytes) -> Option<Self> {
        let pattern = match pattern {
            Bytes::Digits(offset, digits) => {
                return Some(Self { least: offset + digits.len(), texts: Vec::new() });
            }
            Bytes::Regex(pattern, _) => pattern,
        };
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build();
        let parsed = parser.parse(pattern).ok()?;
        // What a match ends with stands in the text.
        let ends = Extractor::new().kind(ExtractKind::Suffix).extract(&parsed);
        let telling = |all: &&[Literal]| {
            (1..=MAX_TEXTS).contains(&all.len()) && all.iter().all(|text| text.len() >= MIN_TEXT)
        };
        let texts = ends.literals().filter(telling).unwrap_or_default();
        let texts = texts.iter().map(|text| Finder::new(text.as_bytes()).into_owned()).collect();
        Some(Self { least: parsed.properties().minimum_len()?, texts })
    }

    fn may_fit(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.least
            && (self.texts.is_empty() || self.texts.iter().any(|text| text.find(bytes).is_some()))
    }
}

/// A set of bytes.
#[derive(Debug, Clone, Copy)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// What the bytes of which one of `patterns` is asked have at some place, and which: the place that leaves the fewest;
    /// none where anything may stand, or nothing.
    pub fn near(patterns: &Many<Bytes>) -> Option<(usize, Self)> {
        let all = (0..MAX_PLACE).filter_map(|at| Some((at, Self::at(patterns, at)?)));
        all.min_by_key(|(_, set)| set.len()).filter(|(_, set)| set.len() < 256)
    }

    /// What may stand at a place; none where all may, or nothing.
    fn at(patterns: &Many<Bytes>, at: usize) -> Option<Self> {
        let mut own = Self([0; 4]);
        for pattern in &patterns.0 {
            match pattern {
                Bytes::Digits(offset, digits) => {
                    let digit = at.checked_sub(*offset).and_then(|place| digits.get(place));
                    let (value, mask) = digit.copied().unwrap_or((0, 0));
                    // What is shorter than this does not fit, wherever it ends.
                    if at >= offset + digits.len() {
                        return None;
                    }
                    (0..=u8::MAX).filter(|byte| byte & mask == value).for_each(|byte| own.insert(byte));
                }
                Bytes::Regex(pattern, _) if at == 0 => own.insert_first_of(pattern)?,
                Bytes::Regex(..) => return None,
            }
        }
        Some(own)
    }

    const fn len(&self) -> u32 {
        self.0[0].count_ones() + self.0[1].count_ones() + self.0[2].count_ones() + self.0[3].count_ones()
    }

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    /// The bytes that what an anchored regular expression finds may begin with, if they are few.
    fn insert_first_of(&mut self, pattern: &str) -> Option<()> {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build();
        let parsed = parser.parse(pattern).ok()?;
        if !parsed.properties().look_set_prefix().contains(Look::Start) {
            return None;
        }
        let mut extractor = Extractor::new();
        extractor.limit_class(256).limit_literal_len(1).limit_total(512);
        for literal in extractor.extract(&parsed).literals()? {
            self.insert(*literal.as_bytes().first()?);
        }
        Some(())
    }

    const fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] & 1 << (byte & 63) != 0
    }
}

fn method(name: &str) -> u8 {
    match name {
        "GET" => 1,
        "POST" => 2,
        _ => 4,
    }
}

fn header(name: &str) -> u16 {
    let known = |known: &&str| known.len() == name.len() && known.eq_ignore_ascii_case(name);
    NAMES.iter().position(known).map_or(0, |at| 1 << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pattern: &str) -> Option<Vec<u8>> {
        let patterns: Many<Bytes> =
            toml::from_str::<std::collections::BTreeMap<String, Many<Bytes>>>(&format!("p = ['{pattern}']"))
                .ok()?
                .remove("p")?;
        let set = ByteSet::at(&patterns, 0)?;
        Some((0..=u8::MAX).filter(|byte| set.has(*byte)).collect())
    }

    #[test]
    fn what_first_bytes_hold() {
        let may_fit = |list: &str, bytes: &[u8]| {
            let patterns: std::collections::BTreeMap<String, Many<Bytes>> =
                toml::from_str(&format!("p = {list}")).expect(list);
            let holds = Holds::of(&patterns["p"]);
            let fits = holds.is_empty() || holds.iter().any(|one| one.may_fit(bytes));
            assert!(fits || !patterns["p"].any(|pattern| pattern.fits(bytes)), "{list}");
            fits
        };
        assert!(may_fit(r"['/^.{0,9}LOGIN/']", b"..LOGIN") && !may_fit(r"['/^.{0,9}LOGIN/']", b"..LOGOUT"));
        assert!(!may_fit(r"['/^.{0,9}LOGIN/']", b"OGIN"));
        assert!(may_fit(r"['/^a(one|three)x?/']", b"athree!") && !may_fit(r"['/^a(one|three)/']", b"atwo"));
        assert!(may_fit("['?? 01']", &[7, 1]) && !may_fit("['?? 01']", &[7]));
        assert!(may_fit(r"['/^.{0,9}LOGIN/', '05']", &[5]));
        assert!(may_fit(r"['/^a*/']", b""));
    }

    #[test]
    fn the_place_that_tells_most() {
        let near = |list: &str| {
            let patterns: std::collections::BTreeMap<String, Many<Bytes>> =
                toml::from_str(&format!("p = {list}")).expect(list);
            ByteSet::near(&patterns["p"]).map(|(at, set)| (at, set.len()))
        };
        assert_eq!(near("['?? ?? 07']"), Some((2, 1)));
        assert_eq!(near("['?? ?1 07', '?? 22 08']"), Some((2, 2)));
        assert_eq!(near("['@1 07', '05 ?? 01']"), None);
        assert_eq!(near("['07 01', '08']"), Some((0, 2)));
        assert_eq!(near("['?? 01', '/^x/']"), None);
    }

    #[test]
    fn first_bytes_of_patterns() {
        assert_eq!(set("24 01"), Some(vec![0x24]));
        assert_eq!(set("2? 01").map(|set| set.len()), Some(16));
        assert_eq!(set("@2 24").map(|set| set.len()), Some(256));
        assert_eq!(set(r"/^\d{2,4}x/"), Some((b'0'..=b'9').collect()));
        assert_eq!(set("/^(ab|[cd]e)f/"), Some(vec![b'a', b'c', b'd']));
        assert_eq!(set("/^(ab)?f/"), Some(vec![b'a', b'f']));
        assert_eq!(set("/^[ -~]{4}x/").map(|set| set.len()), Some(95));
        // Anything may stand in front, or nothing may be there at all.
        for open in ["/ab/", "/^.{0,8}ab/", "/^a*/", "/^(a|b*)/", "/^ab|c/"] {
            assert!(set(open).is_none_or(|set| set.len() == 256), "{open}: {:?}", set(open));
        }
    }
}
