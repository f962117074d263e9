//! What stands below an encoding: decoded as it passes and looked at like a body of its own.

use super::decoder::{Compression, Decoder};
use super::entity::{Context, Entity};
use crate::record::{Body, Field, Marker, Shape};

/// Fields kept of one body.
pub(super) const FIELDS_MAX: usize = 64;

/// Shortest decoded text that counts as something found, in bytes: shorter ones arise by chance.
const TEXT_MIN: u64 = 16;

/// A stream below one layer of encoding.
#[derive(Debug)]
pub(super) struct Wrapped {
    decoder: Decoder,
    inner: Entity,
    layer: &'static str,
    /// Bytes before the encoding begins that are still to come.
    lead: usize,
    open: bool,
}

impl Wrapped {
    /// None where the layers allowed are used up.
    fn new(context: Context, decoder: Decoder, layer: &'static str) -> Option<Self> {
        let layers = context.layers.checked_sub(1)?;
        let inner = Entity::new(Context { layers, ..context });
        Some(Self { decoder, inner, layer, lead: 0, open: true })
    }

    pub(super) fn base64(context: Context) -> Option<Self> {
        Self::new(context, Decoder::base64(false), "base64")
    }

    pub(super) fn hex(context: Context) -> Option<Self> {
        Self::new(context, Decoder::Hex(None), "hex")
    }

    pub(super) fn xor(context: Context, key: u8) -> Option<Self> {
        Self::new(context, Decoder::Xor(key), "xor")
    }

    /// A gzip stream that begins `lead` bytes into the body.
    pub(super) fn gzip(context: Context, lead: usize) -> Option<Self> {
        let wrapped = Self::new(context, Decoder::inflate(Compression::Gzip), "gzip")?;
        Some(Self { lead, ..wrapped })
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let lead = self.lead.min(bytes.len());
        self.lead -= lead;
        let bytes = &bytes[lead..];
        if self.open {
            let inner = &mut self.inner;
            self.open = self.decoder.feed(bytes, &mut |piece| inner.feed(piece));
        }
    }

    /// `length` encoded bytes are missing.
    pub(super) fn gap(&mut self, length: u64) {
        match self.decoder.gap(length) {
            Some(decoded) if self.open => self.inner.skip(decoded),
            _ => self.open = false,
        }
    }

    pub(super) fn wants(&self) -> bool {
        self.open && self.inner.wants()
    }

    fn finish(mut self) -> (&'static str, Body) {
        let inner = &mut self.inner;
        if self.open {
            self.decoder.finish(&mut |piece| inner.feed(piece));
        }
        (self.layer, self.inner.finish().body)
    }
}

/// What was found below encodings in one body; the most telling archive or type is kept, all markers are.
#[derive(Debug, Default)]
pub(super) struct Findings {
    best: Option<(u8, Box<Body>)>,
    markers: Vec<Marker>,
    fields: Vec<Field>,
}

/// How much a decoded body tells; none for one that tells nothing.
fn rank(body: &Body) -> Option<u8> {
    let text = |shape: Shape| !matches!(shape, Shape::Binary | Shape::Base64 | Shape::Hex);
    if body.archive.is_some() {
        Some(4)
    } else if body.magic.as_deref().is_some_and(|magic| !is_text_type(magic)) {
        Some(3)
    } else if !body.markers.is_empty() || !body.fields.is_empty() || !body.parts.is_empty() {
        Some(2)
    } else if body.shape.is_some_and(text) && body.bytes >= TEXT_MIN {
        Some(1)
    } else {
        None
    }
}

/// Types that the shape tells as well.
pub(super) fn is_text_type(magic: &str) -> bool {
    matches!(magic, "json" | "xml" | "html")
}

impl Findings {
    /// Takes what stood in a value named `name` (none: the whole body).
    pub(super) fn take(&mut self, wrapped: Wrapped, name: Option<&str>) {
        let (layer, mut body) = wrapped.finish();
        let Some(rank) = rank(&body) else {
            return;
        };
        merge(&mut self.markers, std::mem::take(&mut body.markers));
        for mut field in std::mem::take(&mut body.fields) {
            if let Some(name) = name {
                field.name = bounded(&format!("{name}.{}", field.name));
            }
            if self.fields.len() < FIELDS_MAX {
                self.fields.push(field);
            }
        }
        body.wrapped.insert(0, layer.to_owned());
        if self.best.as_ref().is_none_or(|(old, _)| *old < rank) {
            self.best = Some((rank, Box::new(body)));
        }
    }

    /// Takes all that another place of the same body gave.
    pub(super) fn join(&mut self, other: Self) {
        merge(&mut self.markers, other.markers);
        let room = FIELDS_MAX.saturating_sub(self.fields.len());
        self.fields.extend(other.fields.into_iter().take(room));
        if other.best.as_ref().map(|(rank, _)| *rank) > self.best.as_ref().map(|(rank, _)| *rank) {
            self.best = other.best;
        }
    }

    /// Adds them to the body around.
    pub(super) fn tell(self, body: &mut Body) {
        merge(&mut body.markers, self.markers);
        body.fields.extend(self.fields);
        body.fields.truncate(FIELDS_MAX);
        let Some((_, best)) = self.best else {
            return;
        };
        body.wrapped = best.wrapped;
        if body.magic.as_deref().is_none_or(is_text_type) && best.magic.is_some() {
            body.magic = best.magic;
        }
        if best.archive.is_some() {
            body.archive = best.archive;
        }
        if body.parts.is_empty() {
            body.parts = best.parts;
            body.more_parts = best.more_parts;
        }
    }
}

/// Adds counts of equal names; the result is in order of names.
pub(super) fn merge(into: &mut Vec<Marker>, from: Vec<Marker>) {
    for marker in from {
        match into.binary_search_by(|old| old.name.cmp(&marker.name)) {
            Ok(at) => into[at].count = into[at].count.saturating_add(marker.count),
            Err(at) => into.insert(at, marker),
        }
    }
}

/// A field's name, cut to 64 bytes at a character.
pub(super) fn bounded(name: &str) -> String {
    const NAME_MAX: usize = 64;
    let mut end = name.len().min(NAME_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}
