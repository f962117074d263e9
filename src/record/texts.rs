//! Lists of texts, each list in one piece of memory: header fields and answers are many and short.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;

/// Most bytes that are reserved for a list before its texts are there.
const MAX_RESERVED: usize = 1 << 20;

/// Bytes that are reserved at least when there is no more room: some answers of DNS.
const SPARE: usize = 64;

/// Texts in order.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Texts {
    all: String,
    /// Where each ends, in bytes.
    ends: SmallVec<[u32; 4]>,
}

impl Texts {
    /// None, with room for so many of so many bytes in all.
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        let (count, bytes) = (count.min(MAX_RESERVED), bytes.min(MAX_RESERVED));
        Self { all: String::with_capacity(bytes), ends: SmallVec::with_capacity(count) }
    }

    /// Adds one. What is beyond 4 GiB in all is cut off.
    pub fn push(&mut self, text: &str) {
        if self.all.capacity() - self.all.len() < text.len() {
            self.all.reserve(text.len().max(SPARE));
        }
        let room = (u32::MAX as usize).saturating_sub(self.all.len());
        self.all.push_str(&text[..text.floor_char_boundary(room)]);
        self.ends.push(self.all.len() as u32);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all of them.
    pub const fn bytes(&self) -> usize {
        self.all.len()
    }

    /// All of them in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        let mut from = 0;
        self.ends.iter().map(move |&end| {
            let own = self.all.get(from..end as usize).unwrap_or_default();
            from = end as usize;
            own
        })
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
        let Texts { all, ends } = &self.0;
        let mut from = 0;
        for pair in ends.chunks_exact(2) {
            let (middle, end) = (pair[0] as usize, pair[1] as usize);
            // Most names differ in their lengths.
            if middle - from == name.len()
                && all
                    .as_bytes()
                    .get(from..middle)
                    .is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
            {
                return all.get(middle..end);
            }
            from = end;
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
        assert_eq!((texts.len(), texts.bytes()), (5, 16));
        let json = serde_json::to_string(&texts).expect("JSON");
        assert_eq!(json, r#"["one","","näme","four","five"]"#);
        assert_eq!(serde_json::from_str::<Texts>(&json).expect("texts"), texts);
        assert!(serde_json::from_str::<Texts>("[1]").is_err());
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
