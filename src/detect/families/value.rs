//! The small values of the rule language: words, ranges, patterns over text and over bytes.

use memchr::memmem::Finder;
use regex::bytes;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};
use regex_syntax::hir::{Hir, HirKind, Look, LookSet};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// Largest compiled size of one regular expression, in bytes: rules may come from elsewhere.
const REGEX_SIZE: usize = 1 << 20;

/// One value or a list of them.
#[derive(Debug, Clone)]
pub struct Many<T>(pub Vec<T>);

impl<T> Many<T> {
    /// Whether one of them fits.
    pub fn any(&self, fits: impl FnMut(&T) -> bool) -> bool {
        self.0.iter().any(fits)
    }
    /// Whether all of them fit.
    pub fn all(&self, fits: impl FnMut(&T) -> bool) -> bool {
        self.0.iter().all(fits)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Each<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Each<T> {
            type Value = Many<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Many<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Many(values))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Many<T>, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(|value| Many(vec![value]))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Many<T>, E> {
                T::deserialize(de::value::I64Deserializer::new(number)).map(|value| Many(vec![value]))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Many<T>, E> {
                T::deserialize(de::value::U64Deserializer::new(number)).map(|value| Many(vec![value]))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|value| Many(vec![value]))
            }
        }
        d.deserialize_any(Each(PhantomData))
    }
}

/// A regular expression over text; unanchored, case matters unless it says `(?i)`. Its classes (`\d`, `\w`, `[^/]`)
/// and counts are of bytes, which is what the wire has.
///
/// It is compiled when it is first asked for: a run over a small capture asks for few, and compiling them all takes
/// longer than such a run.
#[derive(Debug, Clone)]
pub struct Text {
    pattern: String,
    compiled: OnceLock<Option<bytes::Regex>>,
    edges: OnceLock<Edges>,
}

impl Text {
    /// Whether it may be found in `text`, by how that begins and ends: a fraction of the work.
    pub fn may_be_found(&self, text: &str) -> bool {
        self.edges.get_or_init(|| Edges::of(&self.pattern)).fit(text.as_bytes())
    }

    /// Whether it is found in `text`. One that cannot be compiled, which [`check`](Self::check) tells, never is.
    pub fn found(&self, text: &str) -> bool {
        let edges = self.edges.get_or_init(|| Edges::of(&self.pattern));
        if let Some(whole) = &edges.whole {
            return whole.found(text.as_bytes());
        }
        if !edges.fit(text.as_bytes()) {
            return false;
        }
        let compiled = self.compiled.get_or_init(|| compile(&self.pattern, false).ok());
        compiled.as_ref().is_some_and(|regex| regex.is_match(text.as_bytes()))
    }

    /// Whether it can be compiled.
    pub fn check(&self) -> Result<(), regex::Error> {
        compile(&self.pattern, false).map(drop)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text =
            Self { pattern: String::deserialize(d)?, compiled: OnceLock::new(), edges: OnceLock::new() };
        if !TRUSTED.get() {
            text.check().map_err(de::Error::custom)?;
        }
        Ok(text)
    }
}

/// What a text begins and ends with, one of each, in which a pattern is found; none where that is open.
#[derive(Debug, Clone, Default)]
struct Edges {
    front: Vec<Box<[u8]>>,
    back: Vec<Box<[u8]>>,
    /// The whole pattern, where it is nothing but a few texts.
    whole: Option<Whole>,
}

/// A pattern that is one of some texts, anywhere or at an end.
#[derive(Debug, Clone)]
struct Whole {
    start: bool,
    end: bool,
    texts: Vec<Finder<'static>>,
}

impl Whole {
    fn of(parsed: &Hir) -> Option<Self> {
        let alone = std::slice::from_ref(parsed);
        let parts = if let HirKind::Concat(parts) = parsed.kind() { parts.as_slice() } else { alone };
        let is = |part: Option<&Hir>, look| part.is_some_and(|part| *part.kind() == HirKind::Look(look));
        let start = is(parts.first(), Look::Start);
        let parts = &parts[usize::from(start)..];
        let end = is(parts.last(), Look::End);
        let middle = Hir::concat(parts[..parts.len() - usize::from(end)].to_vec());
        let found = Extractor::new().extract(&middle);
        let all = found.literals().filter(|all| !all.is_empty() && all.len() <= MAX_EDGES)?;
        let exact = middle.properties().look_set().is_empty() && all.iter().all(Literal::is_exact);
        let texts = all.iter().map(|text| Finder::new(text.as_bytes()).into_owned()).collect();
        exact.then_some(Self { start, end, texts })
    }

    fn found(&self, text: &[u8]) -> bool {
        self.texts.iter().any(|own| match (self.start, self.end) {
            (true, true) => text == own.needle(),
            (true, false) => text.starts_with(own.needle()),
            (false, true) => text.ends_with(own.needle()),
            (false, false) => own.find(text).is_some(),
        })
    }
}

/// Beginnings or endings of one pattern that are compared; of more only their outermost bytes are.
const MAX_EDGES: usize = 12;

impl Edges {
    fn of(pattern: &str) -> Self {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
        let Ok(parsed) = parser.parse(pattern) else { return Self::default() };
        let literals = |kind: ExtractKind| {
            let mut found = Extractor::new().kind(kind.clone()).extract(&parsed);
            for bytes in (1..=8).rev() {
                if found.len().is_some_and(|count| count > MAX_EDGES) {
                    match kind {
                        ExtractKind::Suffix => found.keep_last_bytes(bytes),
                        _ => found.keep_first_bytes(bytes),
                    }
                    found.dedup();
                }
            }
            let few = found.literals().filter(|all| all.len() <= MAX_EDGES).unwrap_or_default();
            // An empty one is at the edge of every text.
            let open = few.iter().any(Literal::is_empty);
            few.iter().filter(|_| !open).map(|literal| literal.as_bytes().into()).collect()
        };
        let anchored = |set: LookSet, look: Look| set.contains(look);
        let properties = parsed.properties();
        let front = anchored(properties.look_set_prefix(), Look::Start);
        let back = anchored(properties.look_set_suffix(), Look::End);
        Self {
            front: if front { literals(ExtractKind::Prefix) } else { Vec::new() },
            back: if back { literals(ExtractKind::Suffix) } else { Vec::new() },
            whole: Whole::of(&parsed),
        }
    }

    fn fit(&self, text: &[u8]) -> bool {
        let one = |edges: &[Box<[u8]>], at: fn(&[u8], &[u8]) -> bool| {
            edges.is_empty() || edges.iter().any(|edge| at(text, edge))
        };
        one(&self.front, <[u8]>::starts_with) && one(&self.back, <[u8]>::ends_with)
    }
}

thread_local! {
    /// The rules being read are those of the program, whose patterns a test compiles.
    static TRUSTED: Cell<bool> = const { Cell::new(false) };
}

/// Reads rules of the program itself: their patterns are compiled when they are first asked for. Patterns of others
/// are compiled at once, so that what is wrong with them is said.
pub fn trusting<T>(read: impl FnOnce() -> T) -> T {
    TRUSTED.set(true);
    let read = read();
    TRUSTED.set(false);
    read
}

/// What bytes begin with: hexadecimal digits (`24 01 ?? 00`, `?` is any digit), from `@N ` on if not from the
/// start; or, between slashes, a regular expression over bytes (`/^\d+\x00ll/`) in which `.` is any byte.
#[derive(Debug, Clone)]
pub enum Bytes {
    /// Offset, then value and mask of each byte.
    Digits(usize, Vec<(u8, u8)>),
    /// A regular expression, compiled when it is first asked for.
    Regex(String, OnceLock<Option<bytes::Regex>>),
}

impl Bytes {
    /// Whether `bytes` fit.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Digits(offset, digits) => bytes.get(*offset..offset + digits.len()).is_some_and(|part| {
                part.iter().zip(digits).all(|(byte, (value, mask))| byte & mask == *value)
            }),
            Self::Regex(pattern, compiled) => {
                let compiled = compiled.get_or_init(|| compile(pattern, true).ok());
                compiled.as_ref().is_some_and(|regex| regex.is_match(bytes))
            }
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(inner) = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            if !TRUSTED.get() {
                compile(inner, true).map_err(|error| error.to_string())?;
            }
            return Ok(Self::Regex(inner.to_owned(), OnceLock::new()));
        }
        let (offset, digits) = match text.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
            Some((number, rest)) => {
                (number.parse::<u8>().map_err(|_| format!("no offset: {text}"))?.into(), rest)
            }
            None => (0, text),
        };
        let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.is_empty() || !digits.len().is_multiple_of(2) {
            return Err(format!("not whole bytes: {text}"));
        }
        let digit = |c: char| match c {
            '?' => Some((0, 0)),
            c => c.to_digit(16).map(|value| (value as u8, 0x0f)),
        };
        let byte = |pair: &[char]| {
            let ((high, high_mask), (low, low_mask)) = (digit(pair[0])?, digit(pair[1])?);
            Some((high << 4 | low, high_mask << 4 | low_mask))
        };
        let bytes: Option<Vec<(u8, u8)>> = digits.chunks(2).map(byte).collect();
        bytes.map(|bytes| Self::Digits(offset, bytes)).ok_or_else(|| format!("not hexadecimal: {text}"))
    }
}

/// A pattern over bytes, in which a dot is any byte at all or any but a line feed.
fn compile(pattern: &str, any: bool) -> Result<bytes::Regex, regex::Error> {
    let mut builder = bytes::RegexBuilder::new(pattern);
    builder.unicode(false).dot_matches_new_line(any).size_limit(REGEX_SIZE).build()
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}

/// A range with both ends in it: `95-111`, `95-`, `-300`, `25`, and for parts of a unit `3.2-3.9`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    least: f64,
    most: f64,
}

impl Range {
    /// Whether `value` lies in it.
    pub fn holds(&self, value: f64) -> bool {
        self.least <= value && value <= self.most
    }
    /// Whether a number of things lies in it.
    pub fn has(&self, value: u64) -> bool {
        self.holds(value as f64)
    }

    fn parse(text: &str) -> Option<Self> {
        let number =
            |text: &str, open: f64| if text.is_empty() { Some(open) } else { text.trim().parse().ok() };
        let (least, most) = match text.split_once('-') {
            Some((least, most)) => (number(least, 0.0)?, number(most, f64::INFINITY)?),
            None => (text.trim().parse().ok()?, text.trim().parse().ok()?),
        };
        (least <= most).then_some(Self { least, most })
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Range;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a range such as \"95-111\", \"95-\" or \"-300\", or a number")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Range, E> {
                Range::parse(text).ok_or_else(|| E::custom(format!("not a range: {text}")))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Range, E> {
                Ok(Range { least: number as f64, most: number as f64 })
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Range, E> {
                Ok(Range { least: number as f64, most: number as f64 })
            }
        }
        d.deserialize_any(Read)
    }
}

/// How sure a rule is of the name it gives.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A hint.
    Low,
    /// Moderately sure.
    Medium,
    /// As good as proven.
    High,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_ends_in_them() {
        let range = |text| Range::parse(text).expect(text);
        assert!(range("95-111").has(95) && range("95-111").has(111) && !range("95-111").has(112));
        assert!(range("95-").has(u64::MAX) && !range("95-").has(94));
        assert!(range("-300").has(0) && !range("-300").has(301));
        assert!(range("25").has(25) && !range("25").has(26));
        assert!(range("3.2-3.9").holds(3.53) && !range("3.2-3.9").holds(3.95));
        for wrong in ["", "a-b", "9-3", "1-2-3"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_found_fits_the_edges_of_its_pattern() {
        let edges = |pattern: &str| {
            let Edges { front, back, .. } = Edges::of(pattern);
            let text = |edges: Vec<Box<[u8]>>| {
                edges
                    .iter()
                    .map(|edge| String::from_utf8_lossy(edge).into_owned())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            (text(front), text(back))
        };
        let is = |front: &str, back: &str| (front.to_owned(), back.to_owned());
        assert_eq!(edges(r"^/gate\.php$"), is("/gate.php", "/gate.php"));
        assert_eq!(edges(r"^/[a-z]{8}/login\.php$"), is("/", "/login.php"));
        assert_eq!(edges(r"^/(api|log)/"), is("/api/ /log/", ""));
        assert_eq!(edges("gate"), is("", ""));
        assert_eq!(edges(r"^(/a|)b*"), is("", ""));
        assert_eq!(edges("^x|y$"), is("", ""));
        assert!(!edges(r"(?i)^/loader").0.is_empty());
        let text = |pattern: &str| Text {
            pattern: pattern.to_owned(),
            compiled: OnceLock::new(),
            edges: OnceLock::new(),
        };
        for (pattern, found) in [
            (r"(?i)^/Loader[0-9]", "/lOADER7x"),
            (r"^/(?:[a-f]+|x)?\.(php|asp)$", "/.asp"),
            (r"^\d{3,}$", "12345"),
            (r"^$", ""),
            (r"(?m)^b$", "a\nb\nc"),
            (r"^[^/]*/x|^y.*z$", "y--z"),
            (r"^.*end\z", "the end"),
        ] {
            assert!(text(pattern).found(found) && text(pattern).may_be_found(found), "{pattern}");
        }
    }

    #[test]
    fn patterns_that_are_texts_are_found_as_the_regex_finds_them() {
        let texts = ["", "ab", "xab", "abx", "cd", "xcdx", "a", "b", "ab\n", "AB", "acd", "bcd"];
        for (pattern, plain) in [
            ("ab", true),
            ("^ab", true),
            ("ab$", true),
            ("^ab$", true),
            ("^(ab|cd)$", true),
            ("[ab]cd", true),
            ("ab|cd$", false),
            ("^(a$|b)cd$", false),
            ("(?i)ab$", true),
            ("(?m)^ab$", false),
            ("ab*", false),
            ("^$", true),
            (r"\bab", false),
        ] {
            let whole = Edges::of(pattern).whole;
            assert_eq!(whole.is_some(), plain, "{pattern}");
            let regex = compile(pattern, false).expect(pattern);
            for text in texts {
                let text = text.as_bytes();
                assert!(
                    whole.as_ref().is_none_or(|own| own.found(text) == regex.is_match(text)),
                    "{pattern}"
                );
            }
        }
    }

    #[test]
    fn bytes_fit_by_digit_offset_and_wildcard() {
        let fits = |pattern: &str, bytes: &[u8]| Bytes::parse(pattern).expect(pattern).fits(bytes);
        assert!(fits("24 01 ?? 00", &[0x24, 1, 77, 0, 9]));
        assert!(!fits("24 01 ?? 00", &[0x24, 1, 77]));
        assert!(fits("@2 2?", &[0x12, 0, 0x27]) && !fits("@2 2?", &[0x12, 0, 0x37]));
        assert!(fits(r"/^\d+\x00ll/", b"147\0ll|'|'|") && !fits(r"/^\d+\x00ll/", b"147ll"));
        assert!(fits("/^a.b/", b"a\nb") && fits(r"/^\xff/", &[0xff]));
        for wrong in ["", "1", "zz", "@x 00", "/(/", "@300 00"] {
            assert!(Bytes::parse(wrong).is_err(), "{wrong}");
        }
    }
}
