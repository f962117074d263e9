//! The scanner: bytes of one body in, a description out.

use crate::record::Body;

/// What a protocol declared of a body before its bytes came.
#[derive(Debug, Default, Clone, Copy)]
pub struct Declared<'a> {
    /// The whole Content-Type value, parameters (boundary) included.
    pub media_type: Option<&'a str>,
    /// Content-Encoding.
    pub encoding: Option<&'a str>,
    /// MIME Content-Transfer-Encoding (mail): `base64`, `quoted-printable`, ...
    pub transfer: Option<&'a str>,
    /// File name.
    pub file_name: Option<&'a str>,
    /// It goes to a server (an upload): looked at to the end of the bounds. Else only its first 64 KiB are.
    pub upload: bool,
}

/// Looks at one body as it passes. Memory is bounded whatever the body.
#[derive(Debug)]
pub struct Scanner {
    body: Body,
}

impl Scanner {
    /// Starts on a body.
    pub fn new(declared: &Declared<'_>) -> Self {
        let _ = declared;
        Self { body: Body::default() }
    }
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.body.bytes += bytes.len() as u64;
    }
    /// `length` bytes were never captured.
    pub fn missing(&mut self, length: u64) {
        self.body.bytes += length;
        self.body.missing += length;
    }
    /// `length` bytes were captured but not handed over.
    pub fn passed(&mut self, length: u64) {
        self.body.bytes += length;
    }
    /// Whether more bytes would change anything but the length.
    pub fn wants(&self) -> bool {
        true
    }
    /// States what was seen.
    pub fn finish(self) -> Body {
        self.body
    }
}
