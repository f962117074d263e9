//! Opens an input and tells what is in it.

use super::compression::{self, Compression};
use super::foreign::Foreign;
use super::pcap;
use super::pcapng::SECTION;
use super::reader::Reader;
use super::stored::{Input, fill};
use super::window::{PIECE, Window};
use super::{Error, Source, ascend, foreign};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Bytes looked at to tell what a file is: formats need 32, records the rest where much space is between their words.
const HEAD: usize = 256;
/// Bytes of them that tell text from other things.
const START: usize = 32;
/// How record files begin, word by word.
const RECORDS: [&[u8]; 4] = [b"{", br#""type""#, b":", br#""capture""#];
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
    let (mut head, mut end) = first(&mut input)?;
    if head.is_empty() {
        return Err(Error::Empty);
    }
    let compression = Compression::of(&head);
    let mut plain: Box<dyn Read + Send> = match compression {
        None => Box::new(input.clone()),
        Some(method) => {
            let mut plain = method.undo(std::mem::take(&mut head), input.clone());
            (head, end) = first(&mut *plain)?;
            plain
        }
    };
    if let (Some(outer), Some(inner)) = (compression, Compression::of(&head)) {
        return Err(Error::Nested(inner.name(), outer.name()));
    }
    let is_records = is_records(&head);
    let is_capture =
        pcap::is_magic(&head) || head.starts_with(&SECTION.to_be_bytes()) || foreign::may_be(&head);
    let is_log = !is_records && !is_capture && ascend::may_be(start(&head)) && {
        let begun = head.len();
        if end.is_none() {
            let mut more = vec![0; ascend::SEARCHED];
            let (have, result) = fill(&mut plain, &mut more);
            end = result.err();
            head.extend_from_slice(more.get(..have).unwrap_or_default());
        }
        let is_log = ascend::is_log(&head);
        head.truncate(if is_log { head.len() } else { begun });
        is_log
    };
    if !is_records && !is_capture && !is_log {
        return Err(match (compression::unread(&head), foreign::unread(&head)) {
            (Some(method), _) => Error::Packed(method),
            (None, Some(program)) => Error::Foreign(program),
            (None, None) if head.is_empty() => Error::Empty,
            (None, None) => Error::NotACapture(printable(start(&head))),
        });
    }
    plain = Box::new(io::Cursor::new(head).chain(Failed(end)).chain(plain));
    if is_records {
        input.forget_hash();
        return Ok(Opened::Records(Records {
            path: name.to_owned(),
            inner: BufReader::with_capacity(piece, plain),
        }));
    }
    let given = is_log.then_some(Foreign::Ascend);
    if is_log {
        plain = Box::new(ascend::Transcript::new(plain));
    }
    let window = Window::new(plain, piece);
    let reader = Reader::new(name.to_owned(), capture, window, input, compression, given);
    reader.map(Opened::Packets).ok_or(Error::HeaderCut)
}

/// An error that came behind bytes which were read to look at them.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The first bytes, as many as there are, and the error that came after some.
fn first(reader: &mut dyn Read) -> Result<(Vec<u8>, Option<io::Error>), Error> {
    let mut head = vec![0; HEAD];
    match fill(reader, &mut head) {
        (0, Err(error)) => Err(error.into()),
        (have, result) => {
            head.truncate(have);
            Ok((head, result.err()))
        }
    }
}

/// As much of the first bytes as tells what kind of bytes they are.
fn start(head: &[u8]) -> &[u8] {
    head.get(..START).unwrap_or(head)
}

/// Whether a record begins here, whatever space its writer puts between words (RFC 8259, 2).
fn is_records(head: &[u8]) -> bool {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let next = |rest: &mut &[u8], word: &&[u8]| {
        let blanks = rest.iter().take_while(|byte| space(byte)).count();
        *rest = rest.get(blanks..)?.strip_prefix(*word)?;
        Some(())
    };
    let mut rest = head;
    RECORDS.iter().all(|word| next(&mut rest, word).is_some())
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
