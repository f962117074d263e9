//! The bytes of a body or part as transferred: undoes what was declared of them.

use super::decoder::{Compression, Decoder, Quoted};
use super::entity::{Context, Entity, Seen};
use super::scanner::Declared;
use smol_str::{SmolStr, StrExt as _};

/// Longest file name stated, in bytes.
const NAME_MAX: usize = 255;

/// Longest declared type and encoding stated, in bytes.
const TYPE_MAX: usize = 128;

/// One body as transferred.
#[derive(Debug)]
pub(super) struct Stream {
    stated: Option<Box<Stated>>,
    decoder: Option<Decoder>,
    open: bool,
    entity: Entity,
    bytes: u64,
    missing: u64,
}

/// What was declared, as it is stated.
#[derive(Debug)]
struct Stated {
    media_type: Option<SmolStr>,
    encoding: Option<SmolStr>,
    file_name: Option<String>,
}

impl Stream {
    pub(super) fn new(context: Context, declared: &Declared<'_>) -> Self {
        let media_type = declared.media_type.and_then(|t| token(t.split([';', ',']).next()?));
        let encoding = declared.encoding.and_then(token);
        let transfer = declared.transfer.and_then(token);
        let multipart = media_type.as_deref().and_then(|t| t.strip_prefix("multipart/"));
        let text_only = matches!(transfer.as_deref(), Some("7bit" | "8bit" | "quoted-printable" | "base64"));
        // A part of a form may state its encoding; the form around it already said that it is no mail.
        let form = multipart == Some("form-data");
        let mail = context.mail || (context.top() && text_only) || multipart.is_some() && !form;
        let decoder = match transfer.as_deref() {
            Some("base64") => Some(Decoder::base64(true)),
            Some("quoted-printable") => Some(Decoder::Quoted(Quoted::default())),
            _ if !declared.upload => None,
            _ => match encoding.as_deref() {
                Some("gzip" | "x-gzip") => Some(Decoder::inflate(Compression::Gzip)),
                Some("deflate") => Some(Decoder::inflate(Compression::Deflate)),
                _ => None,
            },
        };
        let coded = matches!(encoding.as_deref(), Some("gzip" | "x-gzip" | "deflate" | "br" | "zstd"));
        let context = Context { mail, encoded: coded && decoder.is_none(), ..context };
        let stated = Stated {
            media_type,
            encoding,
            file_name: declared.file_name.map(|n| cut(n, NAME_MAX).to_owned()),
        };
        let any = stated.media_type.is_some() || stated.encoding.is_some() || stated.file_name.is_some();
        Self {
            stated: any.then(|| Box::new(stated)),
            decoder,
            open: true,
            entity: Entity::declared(context, declared.media_type),
            bytes: 0,
            missing: 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let entity = &mut self.entity;
        match &mut self.decoder {
            Some(decoder) if self.open => self.open = decoder.feed(bytes, &mut |piece| entity.feed(piece)),
            Some(_) => {}
            None => entity.feed(bytes),
        }
    }

    /// `length` bytes were never captured.
    pub(super) fn missing(&mut self, length: u64) {
        self.missing = self.missing.saturating_add(length);
        self.passed(length);
    }

    /// `length` bytes are not handed over.
    pub(super) fn passed(&mut self, length: u64) {
        self.bytes = self.bytes.saturating_add(length);
        match &mut self.decoder {
            None => self.entity.skip(length),
            Some(decoder) => match decoder.gap(length) {
                Some(decoded) => self.entity.skip(decoded),
                None => self.open = false,
            },
        }
    }

    /// See [`Scanner::figures_only`](super::Scanner::figures_only).
    pub(super) fn figures_only(&mut self) {
        self.entity.figures_only();
    }

    pub(super) fn wants(&self) -> bool {
        self.open && self.entity.wants()
    }

    pub(super) fn finish(mut self) -> Seen {
        let entity = &mut self.entity;
        if let Some(decoder) = &mut self.decoder
            && self.open
        {
            decoder.finish(&mut |piece| entity.feed(piece));
        }
        let mut seen = self.entity.finish();
        let body = &mut seen.body;
        body.bytes = self.bytes;
        body.missing = self.missing;
        if let Some(stated) = self.stated {
            body.declared = stated.media_type;
            body.encoding = stated.encoding;
            body.file_name = stated.file_name;
        }
        seen
    }
}

/// A declared token in lower case; none for an empty one.
fn token(text: &str) -> Option<SmolStr> {
    let text = text.trim();
    (!text.is_empty()).then(|| cut(text, TYPE_MAX).to_ascii_lowercase_smolstr())
}

/// The text up to `max` bytes, cut at a character.
fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
