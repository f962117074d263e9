//! Lists of texts, each list in one piece of memory: header fields and answers are many and short.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Most bytes that are reserved for a list before its texts are there.
const MAX_RESERVED: usize = 1 << 20;

/// Bytes that are reserved at least when there is no more room: some answers of DNS.
const SPARE: usize = 64;

/// Texts in order.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Texts {
    /// Each behind its length (`push_length`).
    all: String,
    count: u32,
    /// Of the texts alone.
    bytes: u32,
}

/// Bits of a length that a character holds; one more says that others follow, and the character is still ASCII.
const BITS: u32 = 6;
const FOLLOWED: u32 = 1 << BITS;

/// Writes the length of a text in front of it: texts of less than 64 bytes have one of a byte.
fn push_length(all: &mut String, mut length: u32) {
    while length >= FOLLOWED {
        all.push((FOLLOWED | (length % FOLLOWED)) as u8 as char);
        length >>= BITS;
    }
    all.push(length as u8 as char);
}

/// The first text of some, each behind its length, and the others.
fn split_first(all: &str) -> Option<(&str, &str)> {
    let (mut length, mut shift) = (0, 0);
    for (at, byte) in all.bytes().enumerate() {
        length |= (byte as usize % FOLLOWED as usize) << shift;
        shift += BITS;
        if u32::from(byte) < FOLLOWED {
            return all.get(at + 1..)?.split_at_checked(length);
        }
    }
    None
}

/// Texts one after another.
#[derive(Debug, Clone)]
struct Iter<'a> {
    rest: &'a str,
    count: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a str;
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = split_first(self.rest)?;
        self.rest = rest;
        self.count = self.count.saturating_sub(1);
        Some(first)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl Texts {
    /// None, with room for so many of so many bytes in all.
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        let (count, bytes) = (count.min(MAX_RESERVED), bytes.min(MAX_RESERVED));
        Self { all: String::with_capacity(bytes + count + (bytes >> BITS)), count: 0, bytes: 0 }
    }

    /// Adds one. What is beyond 4 GiB in all is cut off.
    pub fn push(&mut self, text: &str) {
        let room = (u32::MAX - self.bytes) as usize;
        let text = &text[..text.floor_char_boundary(room)];
        let wanted = text.len() + 1 + text.len().checked_ilog2().unwrap_or(0) as usize / BITS as usize;
        if self.all.capacity() - self.all.len() < wanted {
            self.all.reserve(wanted.max(SPARE));
        }
        push_length(&mut self.all, text.len() as u32);
        self.all.push_str(text);
        self.bytes += text.len() as u32;
        self.count = self.count.saturating_add(1);
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all of them.
    pub const fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// All of them in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        Iter { rest: &self.all, count: self.len() }
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut own = Self::default();
        texts.into_iter().for_each(|text| own.push(text.as_ref()));
        own
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Cow<'_, str>>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl JsonSchema for Texts {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<String>::json_schema(generator)
    }
}

/// Header fields in order, names as sent.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Headers(Texts);

impl Headers {
    /// None, with room for so many of so many bytes in all.
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        Self(Texts::with_capacity(2 * count, bytes))
    }

    /// Adds one.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push(name);
        self.0.push(value);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all names and values.
    pub const fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        let mut texts = self.0.iter();
        (0..self.len()).map(move |_| (texts.next().unwrap_or_default(), texts.next().unwrap_or_default()))
    }

    /// The first value of a name, by whatever case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut rest = self.0.all.as_str();
        while let Some((own, behind)) = split_first(rest) {
            let (value, behind) = split_first(behind)?;
            // Most names differ in their lengths.
            if own.len() == name.len() && own.eq_ignore_ascii_case(name) {
                return Some(value);
            }
            rest = behind;
        }
        None
    }

    /// Names and values, each after the other.
    pub(super) const fn texts(&self) -> &Texts {
        &self.0
    }
}

impl From<Texts> for Headers {
    fn from(texts: Texts) -> Self {
        Self(texts)
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut own = Self::default();
        fields.into_iter().for_each(|(name, value)| own.push(name.as_ref(), value.as_ref()));
        own
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<(Cow<'_, str>, Cow<'_, str>)>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl JsonSchema for Headers {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Headers".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<(String, String)>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_they_were() {
        let texts: Texts = ["one", "", "näme", "four", "five"].into_iter().collect();
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["one", "", "näme", "four", "five"]);
        assert_eq!((texts.len(), texts.iter().len(), texts.bytes()), (5, 5, 16));
        let json = serde_json::to_string(&texts).expect("JSON");
        assert_eq!(json, r#"["one","","näme","four","five"]"#);
        assert_eq!(serde_json::from_str::<Texts>(&json).expect("texts"), texts);
        assert!(serde_json::from_str::<Texts>("[1]").is_err());
    }

    #[test]
    fn texts_may_be_long_and_find_the_room_that_was_made() {
        let lengths = [0, 1, 63, 64, 65, 2047, 2048, 2049, 131_071, 131_072, 131_073];
        let all: Vec<String> = lengths.iter().map(|length| "é".repeat(*length)).collect();
        let mut texts = Texts::with_capacity(all.len(), all.iter().map(String::len).sum());
        let room = texts.all.capacity();
        for text in &all {
            texts.push(text);
        }
        assert!(texts.iter().eq(all.iter().map(String::as_str)));
        assert_eq!(texts.all.capacity(), room);
    }

    #[test]
    fn headers_are_pairs() {
        let headers: Headers =
            [("Host", "shop.example"), ("X-A", ""), ("host", "other")].into_iter().collect();
        assert_eq!(
            (headers.len(), headers.get("HOST"), headers.get("x-a")),
            (3, Some("shop.example"), Some(""))
        );
        assert_eq!(headers.get("Cookie"), None);
        let json = serde_json::to_string(&headers).expect("JSON");
        assert_eq!(json, r#"[["Host","shop.example"],["X-A",""],["host","other"]]"#);
        assert_eq!(serde_json::from_str::<Headers>(&json).expect("headers"), headers);
        assert!(serde_json::from_str::<Headers>(r#"[["a"]]"#).is_err());
    }
}
