//! Opens an input and tells what is in it.

use super::compression::{self, Compression};
use super::pcap;
use super::pcapng::SECTION;
use super::reader::Reader;
use super::stored::{Input, fill};
use super::window::{PIECE, Window};
use super::{Error, Source, foreign};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Bytes looked at to tell what a file is.
const HEAD: usize = 32;
/// How record files begin.
const RECORDS: &[u8] = br#"{"type":"capture""#;
/// Bytes read at once where only the first packet is wanted.
const GLANCE: usize = 1 << 16;

/// How an input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Compute the SHA-256 of the bytes as stored.
    pub hash: bool,
    /// Read, hash and decompress in a thread of its own.
    pub threaded: bool,
}

/// An input that was opened.
#[allow(clippy::large_enum_variant, reason = "one exists for each input, and it moves once")]
pub enum Opened {
    /// A packet capture.
    Packets(Reader),
    /// Records made earlier, for the record reader.
    Records(Records),
}

/// The lines of a record file, decompressed.
pub struct Records {
    /// As reports print it; `-` for standard input.
    pub path: String,
    inner: BufReader<Box<dyn Read + Send>>,
}

impl Read for Records {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.inner.read(out)
    }
}

impl BufRead for Records {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }
    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

/// Opens an input as number `capture` of the run.
///
/// # Errors
/// What cannot be opened, is empty, or is neither a capture nor records.
pub fn open(source: &Source, capture: u32, options: Options) -> Result<Opened, Error> {
    let mut opened = open_with(&source.path, &source.name, capture, options.hash, PIECE)?;
    if let (Opened::Packets(reader), true) = (&mut opened, options.threaded) {
        reader.threaded()?;
    }
    Ok(opened)
}

/// Opens bytes in memory as if they were a file, read in pieces of `piece` bytes. For fuzz targets only: they may not
/// depend on a file system, and put the seams between pieces where they like.
///
/// # Errors
/// As [`open`].
#[doc(hidden)]
pub fn open_bytes(bytes: Vec<u8>, piece: usize) -> Result<Opened, Error> {
    recognise(Input::new(Box::new(io::Cursor::new(bytes)), true), "memory", 0, piece)
}

/// Opens an input only to see what it is and when it begins.
pub(super) fn glance(path: &Path) -> Result<Opened, Error> {
    open_with(path, "", 0, false, GLANCE)
}

fn open_with(path: &Path, name: &str, capture: u32, hash: bool, piece: usize) -> Result<Opened, Error> {
    recognise(Input::open(path, hash)?, name, capture, piece)
}

/// Tells what an input is by its first bytes; it is then read in pieces of `piece` bytes.
pub(super) fn recognise(mut input: Input, name: &str, capture: u32, piece: usize) -> Result<Opened, Error> {
    let mut head = first(&mut input)?;
    if head.is_empty() {
        return Err(Error::Empty);
    }
    let compression = Compression::of(&head);
    let mut plain: Box<dyn Read + Send> = match compression {
        None => Box::new(input.clone()),
        Some(method) => {
            let mut plain = method.undo(std::mem::take(&mut head), input.clone());
            head = first(&mut *plain)?;
            plain
        }
    };
    if let (Some(outer), Some(inner)) = (compression, Compression::of(&head)) {
        return Err(Error::Nested(inner.name(), outer.name()));
    }
    let is_records = head.starts_with(RECORDS);
    let is_capture =
        pcap::is_magic(&head) || head.starts_with(&SECTION.to_be_bytes()) || foreign::may_be(&head);
    if !is_records && !is_capture {
        return Err(match (compression::unread(&head), foreign::unread(&head)) {
            (Some(method), _) => Error::Packed(method),
            (None, Some(program)) => Error::Foreign(program),
            (None, None) if head.is_empty() => Error::Empty,
            (None, None) => Error::NotACapture(printable(&head)),
        });
    }
    plain = Box::new(io::Cursor::new(head).chain(plain));
    if is_records {
        input.forget_hash();
        return Ok(Opened::Records(Records {
            path: name.to_owned(),
            inner: BufReader::with_capacity(piece, plain),
        }));
    }
    let reader = Reader::new(name.to_owned(), capture, Window::new(plain, piece), input, compression);
    reader.map(Opened::Packets).ok_or(Error::HeaderCut)
}

/// The first bytes, as many as there are. An error that comes after some is left to whoever reads on.
fn first(reader: &mut dyn Read) -> Result<Vec<u8>, Error> {
    let mut head = vec![0; HEAD];
    match fill(reader, &mut head) {
        (0, Err(error)) => Err(error.into()),
        (have, _) => {
            head.truncate(have);
            Ok(head)
        }
    }
}

/// The first bytes for an error message: text as it is, blanks before it left out, the rest in hexadecimal.
fn printable(head: &[u8]) -> String {
    if head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        let text = head.trim_ascii();
        return format!("the text {:?}", String::from_utf8_lossy(text.get(..16).unwrap_or(text)));
    }
    let shown = head.get(..8).unwrap_or(head);
    shown.iter().fold(String::from("bytes"), |mut text, byte| {
        let _ = write!(text, " {byte:02x}");
        text
    })
}
