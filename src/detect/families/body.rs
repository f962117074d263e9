//! What a rule may ask of a body.

use super::value::{Bytes, Many, Range, Text};
use crate::record::{Archive, Body, Shape};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Conditions on one body; all that are given must hold.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyLook {
    /// Length in bytes.
    bytes: Option<Range>,
    /// Declared media type; an undeclared one is the empty text.
    declared: Option<Text>,
    /// Declared content encoding; an undeclared one is the empty text.
    encoding: Option<Text>,
    /// Declared file name.
    file: Option<Text>,
    /// Type by first bytes; `none` for a body without one.
    magic: Option<Many<String>>,
    /// Looks of it.
    shape: Option<Many<Shape>>,
    /// Entropy in bits a byte.
    entropy: Option<Range>,
    /// First bytes, at most 32 are known: one of these.
    first: Option<Many<Bytes>>,
    /// Text encodings around what is inside, outermost first.
    wrapped: Option<Many<String>>,
    /// Names of fields or parts: all of these.
    names: Option<Many<String>>,
    /// Names of fields or parts: one of these.
    names_any: Option<Many<String>>,
    /// Names of all fields or parts in order: exactly these.
    names_exactly: Option<Many<String>>,
    /// Number of fields or parts.
    names_count: Option<Range>,
    /// Names of all fields or parts, joined by commas.
    names_text: Option<Text>,
    /// The characters of every value are one of these classes; of fields only.
    classes: Option<Many<String>>,
    /// A field or part by name, and what it must be.
    field: Option<BTreeMap<String, FieldLook>>,
    /// The first field or part has such a name.
    first_name: Option<Text>,
    /// There is such a part; each of these.
    part: Option<Many<PartLook>>,
    /// An archive in it or its parts.
    archive: Option<ArchiveLook>,
    /// Markers in it or its parts, each at least once.
    markers: Option<Many<String>>,
    /// Markers: one of these at least.
    markers_any: Option<Many<String>>,
}

/// Conditions on a field, or on a part that is one.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FieldLook {
    /// Length of its value in bytes.
    bytes: Option<Range>,
    /// What its characters are.
    class: Option<Many<String>>,
    /// The value, where it is known (one short harmless word).
    value: Option<Text>,
    /// The same, but a value that is not known passes.
    value_if_known: Option<Text>,
}

/// Conditions on a part of a multipart body, or on an attachment.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PartLook {
    /// Its field name; a nameless part is the empty text.
    name: Option<Text>,
    /// Its body.
    body: Option<BodyLook>,
}

/// Conditions on an archive.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ArchiveLook {
    /// `zip`, `rar`, ...
    kind: Option<Many<String>>,
    /// Needs a password.
    encrypted: Option<bool>,
    /// Members: each of these patterns is found in the name of one.
    members: Option<Many<Text>>,
    /// Members: one of these patterns is found in the name of one.
    members_any: Option<Many<Text>>,
}

/// A given condition holds; one that is not given always does.
pub fn given<T>(condition: Option<&T>, holds: impl FnOnce(&T) -> bool) -> bool {
    condition.is_none_or(holds)
}

/// Whether a list of words has this one.
pub fn word(list: &Many<String>, word: &str) -> bool {
    list.any(|w| w == word)
}

fn names(body: &Body) -> impl Iterator<Item = &str> {
    let fields = body.fields.iter().map(|field| field.name.as_str());
    fields.chain(body.parts.iter().filter_map(|part| part.name.as_deref()))
}

impl BodyLook {
    /// Whether it asks for what is only in a body that was taken apart: an archive, parts, markers.
    pub const fn asks_inside(&self) -> bool {
        self.archive.is_some() || self.markers.is_some() || self.markers_any.is_some() || self.part.is_some()
    }

    /// Whether `body` is such a body.
    pub fn fits(&self, body: &Body) -> bool {
        let has = |name: &String| names(body).any(|n| n == name);
        given(self.bytes.as_ref(), |range| range.has(body.bytes))
            && given(self.declared.as_ref(), |text| text.found(body.declared.as_deref().unwrap_or("")))
            && given(self.encoding.as_ref(), |text| text.found(body.encoding.as_deref().unwrap_or("")))
            && given(self.file.as_ref(), |text| text.found(body.file_name.as_deref().unwrap_or("")))
            && given(self.magic.as_ref(), |list| word(list, body.magic.as_deref().unwrap_or("none")))
            && given(self.shape.as_ref(), |list| list.any(|shape| Some(*shape) == body.shape))
            && given(self.entropy.as_ref(), |range| body.entropy.is_some_and(|e| range.holds(f64::from(e))))
            && given(self.first.as_ref(), |list| list.any(|bytes| bytes.fits(&body.first.0)))
            && given(self.wrapped.as_ref(), |list| list.0 == body.wrapped)
            && given(self.names.as_ref(), |list| list.all(has))
            && given(self.names_any.as_ref(), |list| list.any(has))
            && given(self.names_exactly.as_ref(), |list| names(body).eq(list.0.iter()))
            && given(self.names_count.as_ref(), |range| range.has(names(body).count() as u64))
            && given(self.names_text.as_ref(), |text| text.found(&names(body).collect::<Vec<_>>().join(",")))
            && given(self.classes.as_ref(), |list| {
                !body.fields.is_empty() && body.fields.iter().all(|field| word(list, &field.class))
            })
            && given(self.field.as_ref(), |fields| fields.iter().all(|(name, look)| look.fits(body, name)))
            && given(self.first_name.as_ref(), |text| names(body).next().is_some_and(|n| text.found(n)))
            && given(self.part.as_ref(), |looks| {
                looks.all(|look| body.parts.iter().any(|part| look.fits(part)))
            })
            && given(self.archive.as_ref(), |look| body.archives().iter().any(|archive| look.fits(archive)))
            && given(self.markers.as_ref(), |list| list.all(|name| body.marker(name) > 0))
            && given(self.markers_any.as_ref(), |list| list.any(|name| body.marker(name) > 0))
    }
}

impl FieldLook {
    fn fits(&self, body: &Body, name: &str) -> bool {
        let fields = body.fields.iter().filter(|field| field.name == name);
        let mut fields =
            fields.map(|field| (field.bytes, Some(field.class.as_str()), field.value.as_deref()));
        let parts = body.parts.iter().filter(|part| part.name.as_deref() == Some(name));
        let mut parts = parts.map(|part| (part.body.bytes, None, part.value.as_deref()));
        let one = |(bytes, class, value): (u64, Option<&str>, Option<&str>)| {
            given(self.bytes.as_ref(), |range| range.has(bytes))
                && given(self.class.as_ref(), |list| class.is_none_or(|class| word(list, class)))
                && given(self.value.as_ref(), |text| value.is_some_and(|value| text.found(value)))
                && given(self.value_if_known.as_ref(), |text| value.is_none_or(|value| text.found(value)))
        };
        fields.any(one) || parts.any(one)
    }
}

impl PartLook {
    fn fits(&self, part: &crate::record::Part) -> bool {
        given(self.name.as_ref(), |text| text.found(part.name.as_deref().unwrap_or("")))
            && given(self.body.as_ref(), |look| look.fits(&part.body))
    }
}

impl ArchiveLook {
    fn fits(&self, archive: &Archive) -> bool {
        let has = |text: &Text| archive.members.iter().any(|member| text.found(&member.name));
        given(self.kind.as_ref(), |list| word(list, &archive.kind))
            && given(self.encrypted.as_ref(), |encrypted| *encrypted == archive.encrypted)
            && given(self.members.as_ref(), |list| list.all(has))
            && given(self.members_any.as_ref(), |list| list.any(has))
    }
}
