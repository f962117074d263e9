//! Multipart bodies (RFC 2046, 5.1; RFC 7578), read leniently: malware gets them wrong in many ways.

use super::entity::Context;
use super::scanner::Declared;
use super::stream::Stream;
use super::value::{harmless, is_secret};
use super::wrapped::bounded;
use crate::record::{Body, Hex, Part, Shape};
use memchr::memmem::Finder;

/// Parts described; the rest is counted. Raccoon sends a part for each file, dozens.
const PARTS_MAX: usize = 64;

/// Bytes of one part's header that are kept.
const HEADER_MAX: usize = 8 * 1024;

/// Longest boundary: the RFC allows 70 characters, some programs take more.
const BOUNDARY_MAX: usize = 200;

/// Shortest boundary that is believed without a declaration.
const SNIFFED_MIN: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In what stands before the first part, or in a part.
    Content,
    /// Behind a delimiter: whether a `-` came.
    Delimiter(bool),
    /// In a part's header: whether the line so far is blank.
    Header(bool),
    End,
}

/// A multipart body as it passes.
#[derive(Debug)]
pub(super) struct Multipart {
    context: Context,
    /// Finds `\n--boundary`.
    finder: Finder<'static>,
    state: State,
    /// The end of the content so far: it may begin a delimiter.
    held: Vec<u8>,
    /// The first byte held was not in the body: it stands for the line break before a delimiter.
    supplied: bool,
    /// A carriage return stood before the last delimiter.
    cr: bool,
    header: Vec<u8>,
    current: Option<Open>,
    parts: Vec<Part>,
    seen: u64,
}

#[derive(Debug)]
struct Open {
    name: Option<String>,
    stream: Stream,
}

/// The boundary that a Content-Type value declares, behind `;` or (malformed, but seen) `,`.
pub(super) fn boundary(media_type: &str) -> Option<&[u8]> {
    let start = media_type.trim_start();
    if !start.get(..10).is_some_and(|t| t.eq_ignore_ascii_case("multipart/")) {
        return None;
    }
    parameter(start.as_bytes(), b"boundary").filter(|b| (1..=BOUNDARY_MAX).contains(&b.len()))
}

/// The boundary of a body that begins `--boundary`, line break, `Content-`.
pub(super) fn sniff(head: &[u8]) -> Option<&[u8]> {
    let rest = head.strip_prefix(b"\r\n").unwrap_or(head).strip_prefix(b"--")?;
    let end = memchr::memchr(b'\n', rest)?;
    let line = rest[..end].trim_ascii_end();
    let next = rest.get(end + 1..end + 9)?;
    let fits =
        (SNIFFED_MIN..=BOUNDARY_MAX).contains(&line.len()) && line.iter().all(|b| (0x20..0x7f).contains(b));
    (fits && next.eq_ignore_ascii_case(b"Content-")).then_some(line)
}

/// The value of a parameter: `; name=value` or `; name="value"`. Backslashes are kept: they stand in Windows paths
/// more often than as escapes.
fn parameter<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = value;
    loop {
        let at = memchr::memchr2(b';', b',', rest)?;
        // A quote in sight before the separator: the separator is inside it.
        if let Some(open) = memchr::memchr(b'"', &rest[..at]) {
            let close = memchr::memchr(b'"', &rest[open + 1..])?;
            rest = &rest[open + close + 2..];
            continue;
        }
        rest = rest[at + 1..].trim_ascii_start();
        let Some(found) = rest.get(..name.len()).filter(|n| n.eq_ignore_ascii_case(name)) else {
            continue;
        };
        let Some(after) = rest[found.len()..].trim_ascii_start().strip_prefix(b"=") else {
            continue;
        };
        let after = after.trim_ascii_start();
        return Some(if let Some(quoted) = after.strip_prefix(b"\"") {
            &quoted[..memchr::memchr(b'"', quoted).unwrap_or(quoted.len())]
        } else {
            let end = after.iter().position(|b| matches!(b, b';' | b',') || b.is_ascii_whitespace());
            &after[..end.unwrap_or(after.len())]
        });
    }
}

impl Multipart {
    pub(super) fn new(context: Context, boundary: &[u8]) -> Self {
        let delimiter = [b"\n--", boundary].concat();
        Self {
            context,
            finder: Finder::new(&delimiter).into_owned(),
            state: State::Content,
            held: vec![b'\n'],
            supplied: true,
            cr: false,
            header: Vec::new(),
            current: None,
            parts: Vec::new(),
            seen: 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let used = match self.state {
                State::End => return,
                State::Content => self.content(rest),
                State::Delimiter(dash) => self.delimiter(dash, byte),
                State::Header(blank) => {
                    self.header_byte(blank, byte);
                    1
                }
            };
            rest = &rest[used..];
        }
    }

    /// `length` bytes are not seen.
    pub(super) fn skip(&mut self, length: u64) {
        match self.state {
            State::End => return,
            State::Content => self.release(),
            State::Delimiter(_) => self.begin_header(),
            State::Header(_) => {}
        }
        if let State::Header(_) = self.state {
            self.open();
        }
        self.state = State::Content;
        self.held.clear();
        self.supplied = false;
        if let Some(open) = &mut self.current {
            open.stream.missing(length);
        }
    }

    pub(super) fn wants(&self) -> bool {
        self.state != State::End
    }

    pub(super) fn finish(mut self, body: &mut Body) {
        match self.state {
            State::Content => self.release(),
            State::Header(_) => self.open(),
            State::Delimiter(_) | State::End => {}
        }
        self.close();
        body.more_parts = self.seen.saturating_sub(self.parts.len() as u64);
        body.parts = self.parts;
    }

    /// Takes content up to the next delimiter; how much of `bytes`.
    fn content(&mut self, bytes: &[u8]) -> usize {
        let length = self.finder.needle().len();
        if self.held.is_empty() {
            if let Some(at) = self.finder.find(bytes) {
                self.found(&bytes[..at]);
                return at + length;
            }
            let keep = bytes.len().saturating_sub(length);
            self.give(&bytes[..keep]);
            self.held.extend_from_slice(&bytes[keep..]);
            return bytes.len();
        }
        let before = self.held.len();
        let taken = bytes.len().min(2 * length);
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(&bytes[..taken]);
        if let Some(at) = self.finder.find(&joined) {
            self.found(&joined[..at]);
            return (at + length).saturating_sub(before);
        }
        let keep = joined.len().saturating_sub(length);
        self.give(&joined[..keep]);
        if taken < bytes.len() {
            // All that is left of it stands in `bytes` too: go on there without the copy.
            return taken - (joined.len() - keep);
        }
        joined.drain(..keep);
        self.held = joined;
        taken
    }

    /// A delimiter stands behind `content`.
    fn found(&mut self, content: &[u8]) {
        let bare = content.strip_suffix(b"\r");
        self.cr = bare.is_some();
        self.give(bare.unwrap_or(content));
        self.supplied = false;
        self.state = State::Delimiter(false);
    }

    /// Hands content to the part.
    fn give(&mut self, content: &[u8]) {
        let supplied = usize::from(self.supplied && !content.is_empty());
        self.supplied &= content.is_empty();
        if let Some(open) = &mut self.current {
            open.stream.feed(&content[supplied..]);
        }
    }

    /// What is held is content after all.
    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.give(&held);
    }

    /// A byte behind a delimiter; how many were used.
    fn delimiter(&mut self, dash: bool, byte: u8) -> usize {
        match byte {
            b'-' if dash => {
                self.close();
                self.state = State::End;
            }
            b'-' => self.state = State::Delimiter(true),
            b' ' | b'\t' | b'\r' if !dash => {}
            b'\n' if !dash => self.begin_header(),
            _ => {
                // A longer line that begins like the delimiter is content.
                let line = [if self.cr { b"\r".as_slice() } else { b"" }, self.finder.needle()].concat();
                self.give(&line);
                if dash {
                    self.give(b"-");
                }
                self.state = State::Content;
                self.held.clear();
                return 0;
            }
        }
        1
    }

    fn begin_header(&mut self) {
        self.close();
        self.header.clear();
        self.state = State::Header(true);
    }

    fn header_byte(&mut self, blank: bool, byte: u8) {
        match byte {
            b'\n' if blank => {
                self.open();
                self.state = State::Content;
                // The delimiter of an empty part begins with the line break that ends the header.
                self.held = vec![b'\n'];
                self.supplied = true;
            }
            b'\n' => {
                self.state = State::Header(true);
                self.keep(byte);
            }
            b'\r' => self.keep(byte),
            _ => {
                self.state = State::Header(false);
                self.keep(byte);
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.header.len() < HEADER_MAX {
            self.header.push(byte);
        }
    }

    /// Begins a part with the header collected.
    fn open(&mut self) {
        self.seen += 1;
        if self.parts.len() >= PARTS_MAX {
            return;
        }
        let header = std::mem::take(&mut self.header);
        let header = Header::read(&header);
        let declared = Declared {
            media_type: header.media_type.as_deref(),
            encoding: None,
            transfer: header.transfer.as_deref(),
            file_name: header.file_name.as_deref(),
            upload: self.context.upload,
        };
        let stream = Stream::new(self.context, &declared);
        self.current = Some(Open { name: header.name, stream });
    }

    /// Ends the current part.
    fn close(&mut self) {
        let Some(open) = self.current.take() else {
            return;
        };
        let seen = open.stream.finish();
        let mut body = seen.body;
        let name = open.name.as_deref().unwrap_or("");
        let field = body.file_name.is_none();
        let value = if field && !self.context.mail {
            seen.whole.and_then(|whole| harmless(name, &whole))
        } else {
            None
        };
        let text = !matches!(body.shape, Some(Shape::Binary | Shape::Base64 | Shape::Hex));
        if is_secret(name) || field && text && value.is_none() {
            // The value of a field: what cannot be shown whole is not shown in part.
            body.first = Hex::default();
        }
        self.parts.push(Part { name: open.name.map(|name| bounded(&name)), body, value });
    }
}

/// What a part's header says.
#[derive(Debug, Default)]
struct Header {
    name: Option<String>,
    file_name: Option<String>,
    media_type: Option<String>,
    transfer: Option<String>,
}

impl Header {
    fn read(bytes: &[u8]) -> Self {
        let mut header = Self::default();
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for line in bytes.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match lines.last_mut() {
                // Folded (RFC 5322, 2.2.3).
                Some(last) if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) => {
                    last.extend_from_slice(line);
                }
                _ => lines.push(line.to_vec()),
            }
        }
        for line in &lines {
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            let text = || String::from_utf8_lossy(value).into_owned();
            if name.eq_ignore_ascii_case(b"content-disposition") {
                header.name = parameter(value, b"name").map(lossy);
                let plain = parameter(value, b"filename").map(lossy);
                let extended = || parameter(value, b"filename*").map(extended);
                header.file_name = plain.or_else(extended).or(header.file_name);
            } else if name.eq_ignore_ascii_case(b"content-type") {
                let file = parameter(value, b"name").map(lossy);
                header.file_name = header.file_name.or(file);
                header.media_type = Some(text());
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                header.transfer = Some(text());
            }
        }
        header
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `charset'language'percent-encoded` (RFC 8187, 3.2).
fn extended(value: &[u8]) -> String {
    let text = value.splitn(3, |b| *b == b'\'').last().unwrap_or(value);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                rest = &after[2..];
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    lossy(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_in_their_spellings() {
        for (declared, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("multipart/form-data, boundary=abc", Some("abc")),
            ("Multipart/Mixed; charset=\"a;b\"; Boundary=\"x y\"; q=1", Some("x y")),
            ("multipart/mixed;\r\n boundary=--boundary_0_00", Some("--boundary_0_00")),
            ("multipart/form-data", None),
            ("text/plain; boundary=abc", None),
        ] {
            assert_eq!(boundary(declared), expected.map(str::as_bytes), "{declared}");
        }
        assert_eq!(sniff(b"--abcd\r\nContent-Disposition: x"), Some(b"abcd".as_slice()));
        assert_eq!(sniff(b"--abcd\r\nHello there"), None);
        assert_eq!(sniff(b"-- \r\nContent-Type"), None);
    }

    #[test]
    fn part_headers() {
        let header = Header::read(
            b"Content-Disposition: form-data; name=\"file\";\r\n filename=\"C:\\Temp\\a;b.zip\"\r\ncontent-type: application/zip\r\nContent-Transfer-Encoding: binary\r\n",
        );
        assert_eq!(header.name.as_deref(), Some("file"));
        assert_eq!(header.file_name.as_deref(), Some("C:\\Temp\\a;b.zip"));
        assert_eq!(header.media_type.as_deref(), Some("application/zip"));
        assert_eq!(header.transfer.as_deref(), Some("binary"));
        let mail =
            Header::read(b"Content-Type: text/plain; name=Passwords.txt\nContent-Disposition: attachment");
        assert_eq!(mail.file_name.as_deref(), Some("Passwords.txt"));
        let star = Header::read(b"Content-Disposition: attachment; filename*=UTF-8''gr%C3%BCn.txt");
        assert_eq!(star.file_name.as_deref(), Some("gr\u{fc}n.txt"));
    }
}
