//! What of a request or a conversation rules most often ask for, in a few words: most looks end here.

use super::look::first;
use super::value::{Bytes, Many, Range};
use crate::detect::ledger::sketch::{Sketch, header, method};
use crate::record::{Flow, SideName};
use memchr::memmem::Finder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// Places at which first bytes are looked at before a pattern is; bits of a word.
const MAX_PLACE: usize = 32;
/// Places that are looked at for one look and side: those that leave the fewest bytes.
const MAX_TELLING: usize = 2;

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
    /// The different ones among them.
    all: [ByteSet; 2],
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
        let bytes = [first(flow, SideName::Client), first(flow, SideName::Server)];
        Self {
            speaks: flow.turns.first().map(|turn| turn.0),
            lengths: [length(SideName::Client), length(SideName::Server)],
            bytes,
            all: bytes.map(ByteSet::of),
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
    /// Bytes near the start of client and server, and where they stand.
    pub bytes: [Vec<(usize, ByteSet)>; 2],
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
            self.bytes[side].iter().all(fits)
        };
        let holds = |side: usize| {
            let (bytes, all) = (beginning.bytes[side], &beginning.all[side]);
            self.holds[side].is_empty() || self.holds[side].iter().any(|one| one.may_fit(bytes, all))
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

/// First looks at conversations in no listed protocol, found by how those begin.
pub struct Openings<T> {
    looks: Vec<(T, Begins)>,
    /// For each place of client and server that a look asks for: the looks that each byte leaves, and those that are left
    /// where none stands there. Bits of [`looks`](Self::looks).
    rows: [Vec<(usize, Box<[Word; 257]>)>; 2],
    /// Looks that the speaker leaves: client, server, none.
    speaks: [Word; 3],
    /// Looks that a recognised protocol leaves, and those that none leaves.
    named: [Word; 2],
    /// Looks that do not ask for messages that begin alike, and those that ask for nothing taken apart.
    plain: [Word; 2],
}

/// Looks as bits.
type Word = [u64; WORDS];
/// Bound on looks found so, in words of 64; what is beyond is held against every beginning.
const WORDS: usize = 3;

impl<T: Copy> Openings<T> {
    /// Of looks by what they ask for.
    pub fn new(looks: Vec<(T, Begins)>) -> Self {
        let set = |fits: &dyn Fn(&Begins) -> bool| {
            let mut word = [0; WORDS];
            for (at, (_, begins)) in looks.iter().enumerate().take(WORDS * 64) {
                word[at / 64] |= u64::from(fits(begins)) << (at % 64);
            }
            word
        };
        let rows = [0, 1].map(|side| {
            let mut places: Vec<usize> =
                looks.iter().flat_map(|(_, begins)| begins.bytes[side].iter().map(|(at, _)| *at)).collect();
            places.sort_unstable();
            places.dedup();
            places.into_iter().map(|place| (place, row(&looks, side, place))).collect()
        });
        let speaks = [Some(SideName::Client), Some(SideName::Server), None];
        let speaks = speaks.map(|own| set(&|begins| begins.speaks.is_none() || begins.speaks == own));
        let named = [true, false].map(|own| set(&|begins| begins.named.is_none_or(|named| named == own)));
        let plain = [set(&|begins| !begins.alike), set(&|begins| !begins.apart)];
        Self { looks, rows, speaks, named, plain }
    }

    /// Calls with each look that may fit a conversation that begins so.
    pub fn each(&self, beginning: &Beginning<'_>, mut call: impl FnMut(T)) {
        let mut left = match beginning.speaks {
            Some(SideName::Client) => self.speaks[0],
            Some(SideName::Server) => self.speaks[1],
            None => self.speaks[2],
        };
        let mut keep = |other: &Word| left.iter_mut().zip(other).for_each(|(own, other)| *own &= other);
        keep(&self.named[usize::from(!beginning.named)]);
        if !beginning.alike {
            keep(&self.plain[0]);
        }
        if !beginning.apart {
            keep(&self.plain[1]);
        }
        for (bytes, rows) in beginning.bytes.iter().zip(&self.rows) {
            for (place, row) in rows {
                keep(&row[bytes.get(*place).map_or(256, |byte| usize::from(*byte))]);
            }
        }
        for (at, mut word) in left.into_iter().enumerate() {
            while word != 0 {
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                if let Some((look, begins)) = self.looks.get(at * 64 + bit)
                    && begins.may_fit(beginning)
                {
                    call(*look);
                }
            }
        }
        for (look, begins) in self.looks.iter().skip(WORDS * 64) {
            if begins.may_fit(beginning) {
                call(*look);
            }
        }
    }
}

/// The looks that each byte at a place leaves, and last those that none leaves.
fn row<T>(looks: &[(T, Begins)], side: usize, place: usize) -> Box<[Word; 257]> {
    let mut open = [0; WORDS];
    let mut row = Box::new([[0; WORDS]; 257]);
    for (at, (_, begins)) in looks.iter().enumerate().take(WORDS * 64) {
        let bit = 1 << (at % 64);
        match begins.bytes[side].iter().find(|(own, _)| *own == place) {
            None => open[at / 64] |= bit,
            Some((_, set)) => {
                (0..=u8::MAX).filter(|byte| set.has(*byte)).for_each(|byte| {
                    row[usize::from(byte)][at / 64] |= bit;
                });
            }
        }
    }
    for left in row.iter_mut() {
        left.iter_mut().zip(open).for_each(|(own, open)| *own |= open);
    }
    row
}

/// What first bytes hold in which one pattern is found.
#[derive(Debug, Clone)]
pub struct Holds {
    /// How many they are, at least.
    least: usize,
    /// One of these stands in them; none where that is open. With the bytes of each.
    texts: Vec<(ByteSet, Finder<'static>)>,
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
        let text = |text: &Literal| (ByteSet::of(text.as_bytes()), Finder::new(text.as_bytes()).into_owned());
        let texts = texts.iter().map(text).collect();
        Some(Self { least: parsed.properties().minimum_len()?, texts })
    }

    /// Whether the pattern may be found in first bytes, of which `all` are the different ones.
    fn may_fit(&self, bytes: &[u8], all: &ByteSet) -> bool {
        let stands = |(own, text): &(ByteSet, Finder<'_>)| own.within(all) && text.find(bytes).is_some();
        bytes.len() >= self.least && (self.texts.is_empty() || self.texts.iter().any(stands))
    }
}

/// A set of bytes.
#[derive(Debug, Clone, Copy)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    const EMPTY: Self = Self([0; 4]);
    const FULL: Self = Self([u64::MAX; 4]);

    /// The different ones of some bytes.
    fn of(bytes: &[u8]) -> Self {
        let mut own = Self::EMPTY;
        for byte in bytes {
            own.insert(*byte);
        }
        own
    }

    /// What the bytes of which one of `patterns` is asked have at some places, and which: those places that leave the
    /// fewest; none where anything may stand, or nothing.
    pub fn near(patterns: &Many<Bytes>) -> Vec<(usize, Self)> {
        let mut all: Option<Vec<Self>> = None;
        for pattern in &patterns.0 {
            let own = Self::places(pattern);
            // What is shorter than another pattern fits wherever it ends.
            all = Some(match all {
                None => own,
                Some(all) => all.into_iter().zip(own).map(|(one, other)| one.or(other)).collect(),
            });
        }
        let places = all.unwrap_or_default().into_iter().enumerate();
        let mut places: Vec<(usize, Self)> = places.filter(|(_, set)| set.len() < 256).collect();
        places.sort_by_key(|(_, set)| set.len());
        places.truncate(MAX_TELLING);
        places
    }

    /// What may stand at each of the first places, as far as something must stand there.
    fn places(pattern: &Bytes) -> Vec<Self> {
        match pattern {
            Bytes::Digits(offset, digits) => {
                let open = std::iter::repeat_n(Self::FULL, *offset);
                let digits = digits.iter().map(|(value, mask)| {
                    let mut own = Self::EMPTY;
                    (0..=u8::MAX).filter(|byte| byte & mask == *value).for_each(|byte| own.insert(byte));
                    own
                });
                open.chain(digits).take(MAX_PLACE).collect()
            }
            Bytes::Regex(pattern, _) => Self::places_of(pattern).unwrap_or_default(),
        }
    }

    /// Likewise of an anchored regular expression.
    fn places_of(pattern: &str) -> Option<Vec<Self>> {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build();
        let parsed = parser.parse(pattern).ok()?;
        if !parsed.properties().look_set_prefix().contains(Look::Start) {
            return None;
        }
        let least = parsed.properties().minimum_len()?;
        let mut places = [Self::EMPTY; MAX_PLACE];
        walk(&parsed, 1, &mut places)?;
        Some(places.into_iter().take(least).collect())
    }

    const fn len(&self) -> u32 {
        self.0[0].count_ones() + self.0[1].count_ones() + self.0[2].count_ones() + self.0[3].count_ones()
    }

    const fn insert(&mut self, byte: u8) {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
    }

    fn or(self, other: Self) -> Self {
        let mut own = self;
        own.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
        own
    }

    fn within(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(own, other)| own & !other == 0)
    }

    const fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] & 1 << (byte & 63) != 0
    }
}

/// Notes what may stand at each place where what is found of an expression begins at one of `starts`, and gives the
/// places after its end; places are bits. Nothing where that is open. The depth of an expression is bounded by the parser.
fn walk(part: &Hir, starts: u32, places: &mut [ByteSet; MAX_PLACE]) -> Option<u32> {
    let mut note = |starts: u32, bytes: std::ops::RangeInclusive<u8>| {
        let at = places.iter_mut().enumerate().filter(|(at, _)| starts & 1 << at != 0);
        at.for_each(|(_, set)| bytes.clone().for_each(|byte| set.insert(byte)));
    };
    Some(match part.kind() {
        HirKind::Empty | HirKind::Look(_) => starts,
        HirKind::Literal(literal) => literal.0.iter().fold(starts, |starts, byte| {
            note(starts, *byte..=*byte);
            starts << 1
        }),
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().for_each(|range| note(starts, range.start()..=range.end()));
            starts << 1
        }
        // Alternatives of one letter each become such a class; beyond ASCII a letter is several bytes.
        HirKind::Class(Class::Unicode(class)) => {
            for range in class.iter() {
                let (from, to) = (u8::try_from(range.start()).ok()?, u8::try_from(range.end()).ok()?);
                if !to.is_ascii() {
                    return None;
                }
                note(starts, from..=to);
            }
            starts << 1
        }
        HirKind::Repetition(again) => {
            let mut own = starts;
            for _ in 0..again.min {
                if own == 0 {
                    break;
                }
                own = walk(&again.sub, own, places)?;
            }
            let mut ends = own;
            for _ in again.min..again.max.unwrap_or(u32::MAX) {
                own = walk(&again.sub, own, places)?;
                if own & !ends == 0 {
                    break;
                }
                ends |= own;
            }
            ends
        }
        HirKind::Capture(capture) => walk(&capture.sub, starts, places)?,
        HirKind::Concat(parts) => {
            let mut own = starts;
            for part in parts {
                own = walk(part, own, places)?;
            }
            own
        }
        HirKind::Alternation(parts) => {
            let mut ends = 0;
            for part in parts {
                ends |= walk(part, starts, places)?;
            }
            ends
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pattern: &str) -> Option<Vec<u8>> {
        let patterns: Many<Bytes> =
            toml::from_str::<std::collections::BTreeMap<String, Many<Bytes>>>(&format!("p = ['{pattern}']"))
                .ok()?
                .remove("p")?;
        let set = *ByteSet::places(patterns.0.first()?).first()?;
        Some((0..=u8::MAX).filter(|byte| set.has(*byte)).collect())
    }

    #[test]
    fn what_first_bytes_hold() {
        let may_fit = |list: &str, bytes: &[u8]| {
            let patterns: std::collections::BTreeMap<String, Many<Bytes>> =
                toml::from_str(&format!("p = {list}")).expect(list);
            let holds = Holds::of(&patterns["p"]);
            let fits = holds.is_empty() || holds.iter().any(|one| one.may_fit(bytes, &ByteSet::of(bytes)));
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
    fn the_places_that_tell_most() {
        let near = |list: &str| {
            let patterns: std::collections::BTreeMap<String, Many<Bytes>> =
                toml::from_str(&format!("p = {list}")).expect(list);
            ByteSet::near(&patterns["p"]).into_iter().map(|(at, set)| (at, set.len())).collect::<Vec<_>>()
        };
        assert_eq!(near("['?? ?? 07']"), [(2, 1)]);
        assert_eq!(near("['?? ?1 07', '?? 22 08']"), [(2, 2), (1, 17)]);
        assert_eq!(near("['@1 07', '05 ?? 01']"), []);
        assert_eq!(near("['07 01', '08']"), [(0, 2)]);
        assert_eq!(near("['?? 01', '/^x/']"), []);
        assert_eq!(near(r"['/^[ -~]{5}.{8}\x78[\x01\x5e]/']"), [(13, 1), (14, 2)]);
        assert_eq!(near(r"['/^\d{2,3}\x00ll/']"), [(4, 1), (3, 2)]);
    }

    #[test]
    fn what_fits_is_left_by_the_places() {
        let patterns = [
            r"/^\d{2,4}\x00(ll|lv)[^A-Z]/",
            r"/^(ab|c)?d{2}e*f/",
            r"/^(a|bc)*d/",
            r"/^.{3,5}x(y|z)$/",
            r"/^(?i)ab+c/",
            "24 ?? 0?",
            "@2 01 02",
        ];
        let texts: [&[u8]; 12] = [
            b"147\x00llx",
            b"12\x00ll\x01",
            b"1234\x00lv|",
            b"abddf",
            b"cddeef",
            b"ddf",
            b"abcabcd",
            b"d",
            b"12345xz",
            b"ABBc",
            b"\x24\x99\x07",
            b"..\x01\x02",
        ];
        for pattern in patterns {
            let own = Bytes::parse(pattern).expect(pattern);
            let places = ByteSet::places(&own);
            assert!(!places.is_empty(), "{pattern}");
            let mut fit = 0;
            for text in texts.iter().filter(|text| own.fits(text)) {
                fit += 1;
                assert!(text.len() >= places.len(), "{pattern}: {text:?}");
                assert!(places.iter().zip(*text).all(|(set, byte)| set.has(*byte)), "{pattern}: {text:?}");
            }
            assert!(fit > 0, "{pattern} is found in none");
        }
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
