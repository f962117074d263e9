//! JSON (RFC 8259) as it passes: top-level members as fields, every string looked at.

use super::entity::Context;
use super::markers::Markers;
use super::value::Value;
use super::wrapped::{FIELDS_MAX, Findings, bounded};
use crate::record::Field;
use smol_str::SmolStr;

/// Bytes of a member's name that are kept while it passes.
const NAME_MAX: usize = 64;

/// Deepest nesting whose kinds of brackets are known; below, every string is a value.
const DEPTH_MAX: u32 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Plain,
    Escape,
    /// `\u` with this many digits read, and their value.
    Unicode(u8, u16),
}

#[derive(Debug)]
enum State {
    Between,
    /// A string: whether it names a member, and how its next byte reads.
    String(bool, Text),
    /// A number or literal.
    Scalar,
    /// What came is not JSON.
    Lost,
}

/// A JSON text as it passes.
#[derive(Debug)]
pub(super) struct Json {
    context: Context,
    state: State,
    depth: u32,
    /// For each depth up to the bound, whether it is an object; the lowest bit is the innermost.
    objects: u64,
    /// The next string of the innermost object is a name.
    naming: bool,
    /// Depth of the members that are fields: 1 for an object, 2 for an array of objects; 0 when they are over.
    fields_at: u32,
    /// The last name, at any depth.
    key: Vec<u8>,
    /// The last name at the depth of the fields.
    field: Vec<u8>,
    value: Value,
    /// Length of the value undecoded.
    raw: u64,
    /// Raw length of the nested value that is a field.
    nested: Option<u64>,
    fields: Vec<Field>,
    findings: Findings,
}

impl Json {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            state: State::Between,
            depth: 0,
            objects: 0,
            naming: false,
            fields_at: 1,
            key: Vec::new(),
            field: Vec::new(),
            value: Value::new(context),
            raw: 0,
            nested: None,
            fields: Vec::new(),
            findings: Findings::default(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], markers: &mut Option<Markers>) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            let used = match self.state {
                State::Lost => return,
                State::String(name, Text::Plain) => {
                    let run = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    if run > 0 {
                        self.text(name, &rest[..run], markers);
                        self.raw += run as u64;
                        run
                    } else if byte == b'"' {
                        self.end_string(name, markers);
                        1
                    } else {
                        self.state = State::String(name, Text::Escape);
                        self.raw += 1;
                        1
                    }
                }
                State::String(name, how) => {
                    self.raw += 1;
                    self.escaped(name, how, byte, markers);
                    1
                }
                State::Scalar if !matches!(byte, b',' | b'}' | b']' | b' ' | b'\r' | b'\n' | b'\t') => {
                    self.scalar(&[byte]);
                    1
                }
                State::Scalar => {
                    self.end_value(markers);
                    self.state = State::Between;
                    0
                }
                State::Between => {
                    self.between(byte);
                    1
                }
            };
            if let Some(nested) = &mut self.nested {
                *nested += used as u64;
            }
            rest = if used == 1 { after } else { &rest[used..] };
        }
    }

    /// Bytes are missing: where it stands is unknown from here on.
    pub(super) fn gap(&mut self, markers: &mut Option<Markers>) {
        if matches!(self.state, State::String(false, _)) {
            self.end_value(markers);
        }
        self.state = State::Lost;
    }

    pub(super) fn finish(mut self, markers: &mut Option<Markers>) -> (Vec<Field>, Findings) {
        match self.state {
            State::String(false, _) | State::Scalar => self.end_value(markers),
            _ => {}
        }
        if let Some(bytes) = self.nested.take() {
            self.add_object(bytes);
        }
        (self.fields, self.findings)
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.depth <= DEPTH_MAX && self.objects & 1 == 1
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b'"' => {
                let name = self.naming && self.in_object();
                if name {
                    self.key.clear();
                }
                self.raw = 0;
                self.state = State::String(name, Text::Plain);
            }
            b'{' | b'[' => self.open(byte == b'{'),
            b'}' | b']' => self.close(),
            b',' => self.naming = true,
            b':' => self.naming = false,
            b' ' | b'\t' | b'\r' | b'\n' | 0 | 0xef | 0xbb | 0xbf => {}
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.state = State::Scalar;
                self.raw = 0;
                self.scalar(&[byte]);
            }
            _ => self.state = State::Lost,
        }
    }

    fn open(&mut self, object: bool) {
        // Members of the first object of a list are the fields.
        if self.depth == 0 && !object && self.fields_at == 1 {
            self.fields_at = 2;
        }
        if self.depth == self.fields_at && self.depth > 0 && self.in_object() && self.nested.is_none() {
            self.nested = Some(0);
        }
        self.depth = self.depth.saturating_add(1);
        self.objects = self.objects << 1 | u64::from(object);
        self.naming = object;
    }

    fn close(&mut self) {
        if self.depth == 0 {
            self.state = State::Lost;
            return;
        }
        if self.depth == self.fields_at && self.in_object() {
            self.fields_at = 0;
        }
        self.depth -= 1;
        self.objects >>= 1;
        if self.depth > 0
            && self.depth == self.fields_at
            && let Some(bytes) = self.nested.take()
        {
            // The opening bracket counted, the closing one does not yet.
            self.add_object(bytes + 1);
        }
        self.naming = true;
    }

    fn add_object(&mut self, bytes: u64) {
        if self.fields.len() < FIELDS_MAX {
            let name = String::from_utf8_lossy(&self.field);
            self.fields.push(Field {
                name: bounded(&name),
                bytes,
                value: None,
                class: SmolStr::new_static("object"),
            });
        }
    }

    /// Whether a value that ends now is a field.
    fn is_field(&self) -> bool {
        self.fields_at > 0 && self.depth == self.fields_at && self.in_object()
    }

    fn scalar(&mut self, bytes: &[u8]) {
        self.raw += bytes.len() as u64;
        self.value.feed(bytes);
    }

    /// Decoded text of a string.
    fn text(&mut self, name: bool, text: &[u8], markers: &mut Option<Markers>) {
        if name {
            let room = NAME_MAX.saturating_sub(self.key.len());
            self.key.extend(text.iter().take(room));
        } else {
            self.value.feed(text);
            if let Some(markers) = markers {
                markers.feed(text);
            }
        }
    }

    fn escaped(&mut self, name: bool, how: Text, byte: u8, markers: &mut Option<Markers>) {
        let digit = char::from(byte).to_digit(16).map(|d| d as u16);
        let next = match (how, digit) {
            (Text::Escape, _) if byte == b'u' => Text::Unicode(0, 0),
            (Text::Unicode(read, value), Some(digit)) if read < 3 => {
                Text::Unicode(read + 1, value << 4 | digit)
            }
            (Text::Unicode(_, value), Some(digit)) => {
                // Halves of surrogate pairs are emoji and the like: what they say does not matter here.
                let code = u32::from(value << 4 | digit);
                let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                self.text(name, char.encode_utf8(&mut [0; 4]).as_bytes(), markers);
                Text::Plain
            }
            _ => {
                let plain = match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => other,
                };
                self.text(name, &[plain], markers);
                Text::Plain
            }
        };
        self.state = State::String(name, next);
    }

    fn end_string(&mut self, name: bool, markers: &mut Option<Markers>) {
        self.state = State::Between;
        if !name {
            self.end_value(markers);
            return;
        }
        if let Some(markers) = markers {
            markers.key(&self.key);
        }
        if self.is_field() {
            self.field.clone_from(&self.key);
        }
    }

    fn end_value(&mut self, markers: &mut Option<Markers>) {
        if let Some(markers) = markers {
            markers.separate();
        }
        let value = std::mem::replace(&mut self.value, Value::new(self.context));
        let field = self.is_field();
        let name = String::from_utf8_lossy(if field { &self.field } else { &self.key }).into_owned();
        let described = value.finish(&name, self.raw, &mut self.findings);
        if field && self.fields.len() < FIELDS_MAX {
            self.fields.push(described);
        }
        self.raw = 0;
    }
}
