//! The text of archive members, looked at for markers as it passes.

use super::decoder::{Compression, Decoder};
use super::markers::Markers;
use crate::record::Marker;

/// Endings of members that hold text; those without an ending do as well.
const TEXT: &[&[u8]] = &[b"txt", b"log", b"json", b"csv", b"tsv", b"htm", b"html", b"xml", b"ini", b"md"];

/// How a member is stored, as far as it is read here.
#[derive(Debug)]
enum Reading {
    No,
    Stored,
    Deflated(Decoder),
}

/// Looks at members, one after the other, within the bound on markers for all of them.
#[derive(Debug)]
pub(super) struct Texts {
    reading: Reading,
    markers: Markers,
}

/// Whether a member of this name and ZIP method is read.
pub(super) fn readable(name: &[u8], method: u16) -> bool {
    let file = name.rsplit(|b| matches!(b, b'/' | b'\\')).next().unwrap_or(name);
    let ending = file.rsplit(|b| *b == b'.').next().unwrap_or(file);
    let text = ending.len() == file.len() || TEXT.iter().any(|known| known.eq_ignore_ascii_case(ending));
    matches!(method, 0 | 8) && text && !file.is_empty()
}

impl Texts {
    pub(super) fn new() -> Self {
        Self { reading: Reading::No, markers: Markers::new() }
    }

    /// The data of a member stored by this method follows.
    pub(super) fn begin(&mut self, method: u16) {
        self.end();
        self.reading = match method {
            _ if self.markers.full() => Reading::No,
            0 => Reading::Stored,
            8 => Reading::Deflated(Decoder::inflate(Compression::Bare)),
            _ => Reading::No,
        };
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let markers = &mut self.markers;
        let open = match &mut self.reading {
            Reading::No => return,
            Reading::Stored => {
                markers.feed(bytes);
                true
            }
            Reading::Deflated(decoder) => decoder.feed(bytes, &mut |piece| markers.feed(piece)),
        };
        if !open || markers.full() {
            self.reading = Reading::No;
        }
    }

    /// The data of the member ends, or cannot be followed.
    pub(super) fn end(&mut self) {
        let markers = &mut self.markers;
        if let Reading::Deflated(decoder) = &mut self.reading {
            decoder.finish(&mut |piece| markers.feed(piece));
        }
        self.reading = Reading::No;
        self.markers.gap();
    }

    pub(super) fn finish(mut self) -> Vec<Marker> {
        self.end();
        self.markers.finish()
    }
}
