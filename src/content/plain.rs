//! A body that is not multipart: its archive, its markers, its fields, what is wrapped in it.

use super::archive::Walker;
use super::entity::Context;
use super::form::Form;
use super::json::Json;
use super::magic;
use super::markers::Markers;
use super::runs::Runs;
use super::shape;
use super::value;
use super::wrapped::{Findings, Wrapped, is_text_type, merge};
use crate::record::{Body, Shape};

/// Entropy from which a body of no known shape is opaque and is not searched for text, in bits a byte. Machine code
/// and framed text stay below; 4 KiB of random or compressed bytes measure 7.9.
const OPAQUE: f32 = 7.2;

/// Looks at one body.
#[derive(Debug)]
pub(super) struct Plain {
    archive: Option<Walker>,
    markers: Option<Markers>,
    text: Text,
}

/// What reads the text of a body.
#[derive(Debug)]
enum Text {
    Nothing,
    Form(Box<Form>),
    Json(Box<Json>),
    Wrapped(Box<Wrapped>),
    Runs(Runs),
}

/// What the first bytes of a body said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged<'a> {
    pub head: &'a [u8],
    pub magic: Option<&'static str>,
    pub shape: Option<Shape>,
    /// The body was declared to be a form.
    pub form: bool,
}

impl Plain {
    /// None where nothing is looked for.
    pub(super) fn new(context: Context, judged: &Judged<'_>) -> Option<Self> {
        let Judged { head, magic, shape, form } = *judged;
        let encoded = matches!(shape, Some(Shape::Base64 | Shape::Hex));
        let open = magic.is_none_or(is_text_type);
        let archive = if context.encoded || encoded {
            None
        } else {
            Walker::of(magic, head, context.upload)
                .or_else(|| (open && context.upload).then(|| Walker::search(head)))
        };
        let form = form && shape::begins_form(head) && open;
        let packed = match magic {
            Some("gzip") => Some(0),
            None if shape == Some(Shape::Binary) => magic::gzip_behind_prefix(head),
            _ => None,
        };
        let packed = packed.filter(|_| context.upload).and_then(|lead| Wrapped::gzip(context, lead));
        let reads = context.upload && open && packed.is_none() && (form || !encoded);
        let wrap = |wrapped| Text::Wrapped(Box::new(wrapped));
        let key = (shape == Some(Shape::Binary) && magic.is_none()).then(|| magic::xored(head)).flatten();
        let text = match shape {
            Some(Shape::Form) if context.upload => Text::Form(Box::new(Form::new(context))),
            _ if form && context.upload => Text::Form(Box::new(Form::new(context))),
            Some(Shape::Json) if context.upload => Text::Json(Box::new(Json::new(context))),
            Some(Shape::Base64) => Wrapped::base64(context).map_or(Text::Nothing, wrap),
            Some(Shape::Hex) => Wrapped::hex(context).map_or(Text::Nothing, wrap),
            Some(Shape::Binary) if key.is_some() => {
                key.and_then(|key| Wrapped::xor(context, key)).map_or(Text::Nothing, wrap)
            }
            _ if packed.is_some() => packed.map_or(Text::Nothing, wrap),
            _ if reads && context.layers > 0 => Text::Runs(Runs::new(context)),
            _ => Text::Nothing,
        };
        let any = archive.is_some() || reads || !matches!(text, Text::Nothing);
        any.then(|| Self { archive, markers: reads.then(Markers::new), text })
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if let Some(archive) = &mut self.archive {
            archive.feed(bytes);
        }
        let markers = &mut self.markers;
        match &mut self.text {
            Text::Form(form) => return form.feed(bytes, markers),
            Text::Json(json) => return json.feed(bytes, markers),
            Text::Wrapped(wrapped) => return wrapped.feed(bytes),
            Text::Runs(runs) => runs.feed(bytes),
            Text::Nothing => {}
        }
        if let Some(markers) = markers {
            markers.feed(bytes);
        }
    }

    /// Beyond the bound on scanning: only what costs nothing.
    pub(super) fn feed_cheap(&mut self, bytes: &[u8]) {
        if let Some(archive) = &mut self.archive
            && archive.in_step()
        {
            archive.feed(bytes);
        }
    }

    /// Bytes that are not seen.
    pub(super) fn skip(&mut self, length: u64) {
        if let Some(archive) = &mut self.archive {
            archive.skip(length);
        }
        match &mut self.text {
            Text::Form(form) => form.gap(&mut self.markers),
            Text::Json(json) => json.gap(&mut self.markers),
            Text::Wrapped(wrapped) => wrapped.gap(length),
            Text::Runs(runs) => runs.end(),
            Text::Nothing => {}
        }
        if let Some(markers) = &mut self.markers {
            markers.gap();
        }
    }

    /// The dense sample is complete: a binary body of high entropy is not searched for text any more.
    pub(super) fn sampled(&mut self, shape: Option<Shape>, entropy: Option<f32>) {
        if shape == Some(Shape::Binary) && entropy.is_some_and(|bits| bits >= OPAQUE) {
            self.markers = None;
            if matches!(self.text, Text::Runs(_)) {
                self.text = Text::Nothing;
            }
        }
    }

    /// Whether bytes beyond the bound on scanning matter.
    pub(super) fn in_step(&self) -> bool {
        self.archive.as_ref().is_some_and(Walker::in_step)
    }

    /// Whether anything in it still reads.
    pub(super) fn wants(&self) -> bool {
        let text = match &self.text {
            Text::Nothing => false,
            Text::Wrapped(wrapped) => wrapped.wants(),
            Text::Form(_) | Text::Json(_) | Text::Runs(_) => true,
        };
        text || self.archive.as_ref().is_some_and(Walker::wants) || self.markers.is_some()
    }

    pub(super) fn finish(self, body: &mut Body) {
        let (archive, inside) = self.archive.map(Walker::finish).unwrap_or_default();
        body.archive = archive.map(Box::new);
        let mut markers = self.markers;
        let findings = match self.text {
            Text::Form(form) => {
                let (fields, findings) = form.finish(&mut markers);
                body.fields = fields;
                findings
            }
            Text::Json(json) => {
                let (fields, findings) = json.finish(&mut markers);
                body.fields = fields;
                findings
            }
            Text::Wrapped(wrapped) => {
                let mut findings = Findings::default();
                findings.take(*wrapped, None);
                findings
            }
            Text::Runs(runs) => runs.finish(),
            Text::Nothing => Findings::default(),
        };
        if let Some(markers) = markers {
            merge(&mut body.markers, markers.finish());
        }
        findings.tell(body);
        let secret_fields = value::guard(&mut body.fields);
        if secret_fields || body.markers.iter().any(|marker| super::markers::is_secret(&marker.name)) {
            body.first = crate::record::Hex::default();
        }
        // The first bytes of an archive are none of its members' text.
        merge(&mut body.markers, inside);
    }
}
