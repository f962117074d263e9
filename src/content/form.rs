//! Urlencoded forms (`application/x-www-form-urlencoded`, WHATWG URL standard, 5.1).

use super::entity::Context;
use super::markers::Markers;
use super::value::Value;
use super::wrapped::{FIELDS_MAX, Findings};
use crate::record::Field;

/// Bytes of a name that are kept while it passes.
const NAME_MAX: usize = 64;

/// Decoded bytes are handed on in pieces of this many.
const PIECE: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Percent,
    Digit(u8),
}

/// A form as it passes.
#[derive(Debug)]
pub(super) struct Form {
    context: Context,
    name: Vec<u8>,
    /// None while the name passes.
    value: Option<Value>,
    /// Bytes of the value undecoded.
    raw: u64,
    begun: bool,
    escape: Escape,
    decoded: Vec<u8>,
    fields: Vec<Field>,
    findings: Findings,
}

impl Form {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            name: Vec::new(),
            value: None,
            raw: 0,
            begun: false,
            escape: Escape::None,
            decoded: Vec::new(),
            fields: Vec::new(),
            findings: Findings::default(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], markers: &mut Option<Markers>) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            self.begun = true;
            if self.escape == Escape::None && self.value.is_some() {
                let run = memchr::memchr2(b'&', b'%', rest).unwrap_or(rest.len());
                // Short runs are gathered, long ones handed on as they are.
                if run > 0 {
                    if self.decoded.len() + run > PIECE {
                        self.flush(markers);
                    }
                    self.raw += run as u64;
                    if run > PIECE {
                        self.hand(&rest[..run], markers);
                    } else {
                        self.decoded.extend_from_slice(&rest[..run]);
                    }
                    rest = &rest[run..];
                    continue;
                }
            }
            rest = after;
            match byte {
                b'&' => self.end(markers),
                b'=' if self.value.is_none() => {
                    self.literal_escape();
                    self.flush(markers);
                    self.value = Some(Value::new(self.context));
                }
                _ => {
                    self.raw += u64::from(self.value.is_some());
                    self.take(byte);
                    if self.decoded.len() >= PIECE {
                        self.flush(markers);
                    }
                }
            }
        }
    }

    /// Bytes are missing: the field they stood in ends there.
    pub(super) fn gap(&mut self, markers: &mut Option<Markers>) {
        if self.begun {
            self.end(markers);
        }
    }

    pub(super) fn finish(mut self, markers: &mut Option<Markers>) -> (Vec<Field>, Findings) {
        if self.begun {
            self.end(markers);
        }
        (self.fields, self.findings)
    }

    fn take(&mut self, byte: u8) {
        let digit = char::from(byte).to_digit(16).map(|d| d as u8);
        match (self.escape, digit) {
            (Escape::None, _) if byte == b'%' => self.escape = Escape::Percent,
            (Escape::None, _) => self.decoded.push(byte),
            (Escape::Percent, Some(high)) => self.escape = Escape::Digit(high),
            (Escape::Digit(high), Some(low)) => {
                self.decoded.push(high << 4 | low);
                self.escape = Escape::None;
            }
            _ => {
                self.literal_escape();
                self.take_plain(byte);
            }
        }
    }

    fn take_plain(&mut self, byte: u8) {
        if byte == b'%' {
            self.escape = Escape::Percent;
        } else {
            self.decoded.push(byte);
        }
    }

    /// What began like an escape was none.
    fn literal_escape(&mut self) {
        match std::mem::replace(&mut self.escape, Escape::None) {
            Escape::None => {}
            Escape::Percent => self.decoded.push(b'%'),
            Escape::Digit(high) => {
                let digit = char::from_digit(u32::from(high), 16).unwrap_or('0');
                self.decoded.extend_from_slice(&[b'%', digit as u8]);
            }
        }
    }

    /// Hands decoded bytes on. An unescaped `+` is a space by the standard, but programs that do not escape
    /// base64 mean it: the value keeps it, the markers see a space.
    fn flush(&mut self, markers: &mut Option<Markers>) {
        let mut decoded = std::mem::take(&mut self.decoded);
        self.hand(&decoded, markers);
        decoded.clear();
        self.decoded = decoded;
    }

    fn hand(&mut self, decoded: &[u8], markers: &mut Option<Markers>) {
        let Some(value) = &mut self.value else {
            let room = NAME_MAX.saturating_sub(self.name.len());
            self.name.extend(decoded.iter().take(room));
            return;
        };
        value.feed(decoded);
        let Some(markers) = markers else {
            return;
        };
        // Base64 without escapes is full of `+` and of no label.
        let mut rest = decoded;
        while let Some(at) = memchr::memchr(b'+', rest) {
            markers.feed(&rest[..at]);
            markers.feed(b" ");
            rest = &rest[at + 1..];
        }
        markers.feed(rest);
    }

    fn end(&mut self, markers: &mut Option<Markers>) {
        self.literal_escape();
        self.flush(markers);
        if let Some(markers) = markers {
            markers.separate();
        }
        let name = String::from_utf8_lossy(&self.name).into_owned();
        let value = self.value.take().unwrap_or_else(|| Value::new(self.context));
        let field = value.finish(&name, self.raw, &mut self.findings);
        if self.fields.len() < FIELDS_MAX && !(name.is_empty() && self.raw == 0) {
            self.fields.push(field);
        }
        self.name.clear();
        self.raw = 0;
        self.begun = false;
    }
}
