//! One mail as it passes: its header read whole, its body to one scanner (RFC 5322, RFC 2045).

use super::super::line::text;
use super::words::decode;
use crate::content::{Declared, Scanner};
use crate::record::{Body, Mail};

/// Most bytes of a header; what is beyond is body. RFC 5322 sets none, servers refuse at about this.
const MAX_HEADER: usize = 64 * 1024;
/// Most header names that are kept of a mail.
const MAX_NAMES: usize = 64;
/// Longest header name that is kept, in bytes.
const MAX_NAME: usize = 64;
/// Longest subject, mailer or hint that is kept, in bytes.
const MAX_VALUE: usize = 512;
/// Longest value that is handed to the scanner, in bytes: a boundary has at most 70, a name 255.
const MAX_DECLARED: usize = 1024;

/// A mail that is being sent.
#[derive(Debug)]
pub(super) struct Message {
    facts: Mail,
    part: Part,
}

#[derive(Debug)]
enum Part {
    /// The header so far.
    Header(Vec<u8>),
    Body(Box<Scanner>),
}

impl Message {
    /// Begins with what the envelope says.
    pub(super) fn new(envelope: Mail) -> Self {
        Self { facts: envelope, part: Part::Header(Vec::new()) }
    }

    /// What is known beside header and body.
    pub(super) fn facts(&mut self) -> &mut Mail {
        &mut self.facts
    }

    /// No byte of it has come.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.part, Part::Header(held) if held.is_empty())
    }

    /// Takes its next bytes. True where its header reached the bound.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        let held = match &mut self.part {
            Part::Body(scanner) => {
                if scanner.wants() {
                    scanner.feed(bytes);
                } else {
                    scanner.passed(bytes.len() as u64);
                }
                return false;
            }
            Part::Header(held) => held,
        };
        let seen = held.len();
        let room = MAX_HEADER.saturating_sub(seen).min(bytes.len());
        let (own, over) = bytes.split_at(room);
        held.extend_from_slice(own);
        let end = header_end(held, seen);
        let full = end.is_none() && held.len() >= MAX_HEADER;
        if end.is_some() || full {
            self.end_header(end);
            if !over.is_empty() {
                self.feed(over);
            }
        }
        full
    }

    /// `length` bytes of it were never captured. A header ends there: what follows cannot be told from body.
    pub(super) fn missing(&mut self, length: u64) {
        if matches!(self.part, Part::Header(_)) {
            self.end_header(None);
        }
        if let Part::Body(scanner) = &mut self.part {
            scanner.missing(length);
        }
    }

    /// `length` bytes of it were captured and left out.
    pub(super) fn passed(&mut self, length: u64) {
        if let Part::Body(scanner) = &mut self.part {
            scanner.passed(length);
        }
    }

    /// States what was seen.
    pub(super) fn finish(mut self) -> Mail {
        if matches!(self.part, Part::Header(_)) {
            self.end_header(None);
        }
        self.facts.body = match self.part {
            Part::Body(scanner) => scanner.finish(),
            Part::Header(_) => Body::default(),
        };
        self.facts
    }

    /// Reads the header held, up to `end` or as far as it is one, and gives the rest to the body.
    fn end_header(&mut self, end: Option<usize>) {
        let Part::Header(held) = &mut self.part else { return };
        let held = std::mem::take(held);
        let (header, after) = held.split_at(end.unwrap_or(held.len()).min(held.len()));
        let mut fields = Fields { rest: header };
        let mut declared = Declarations::default();
        for (name, value) in fields.by_ref() {
            self.field(&name, &value);
            declared.field(&name, &value);
        }
        let mut scanner = Box::new(Scanner::new(&Declared {
            media_type: declared.media_type.as_deref(),
            encoding: None,
            transfer: declared.transfer.as_deref(),
            file_name: declared.file_name.as_deref(),
            upload: true,
        }));
        // Lines that are no header although no blank line came before them, then what followed.
        for piece in [fields.body(), after] {
            if !piece.is_empty() {
                scanner.feed(piece);
            }
        }
        self.part = Part::Body(scanner);
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        let facts = &mut self.facts;
        if facts.headers.len() < MAX_NAMES {
            facts.headers.push(text(name.as_bytes(), MAX_NAME));
        }
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let value = || text(decode(value).as_bytes(), MAX_VALUE);
        if is("subject") {
            facts.subject.get_or_insert_with(value);
        } else if is("x-mailer") || is("user-agent") {
            facts.mailer.get_or_insert_with(value);
        } else if is("thread-topic") || is("content-type") {
            hint(facts, name, &value());
        } else if is("from") {
            hint(facts, name, &display_name(&value()));
        }
    }
}

/// Keeps the first value of each name.
fn hint(facts: &mut Mail, name: &str, value: &str) {
    if !value.is_empty() && facts.hints.get(name).is_none() {
        facts.hints.push(name, value);
    }
}

/// The name before the address of a mailbox: `Erika <e@a.example>`; empty where there is none.
fn display_name(mailbox: &str) -> String {
    let before = mailbox.rfind('<').and_then(|at| mailbox.get(..at)).unwrap_or_default();
    before.trim().trim_matches('"').trim().to_owned()
}

/// Where the header ends, past its blank line, in `held` of which `seen` bytes were looked at before.
fn header_end(held: &[u8], seen: usize) -> Option<usize> {
    // The header may be empty: the blank line is the first.
    for blank in [&b"\r\n"[..], b"\n"] {
        if held.starts_with(blank) {
            return Some(blank.len());
        }
    }
    let from = seen.saturating_sub(3);
    let news = held.get(from..)?;
    memchr::memchr_iter(b'\n', news).find_map(|at| match news.get(at + 1..)? {
        [b'\n', ..] => Some(from + at + 2),
        [b'\r', b'\n', ..] => Some(from + at + 3),
        _ => None,
    })
}

/// What the header says of the body.
#[derive(Debug, Default)]
struct Declarations {
    media_type: Option<String>,
    transfer: Option<String>,
    file_name: Option<String>,
}

impl Declarations {
    fn field(&mut self, name: &str, value: &[u8]) {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let value = || text(value, MAX_DECLARED);
        if is("content-type") {
            let value = self.media_type.get_or_insert_with(value);
            let name = parameter(value, "name");
            self.file_name = self.file_name.take().or(name);
        } else if is("content-transfer-encoding") {
            self.transfer.get_or_insert_with(|| value().to_ascii_lowercase());
        } else if is("content-disposition") {
            let name = parameter(&value(), "filename");
            self.file_name = name.or(self.file_name.take());
        }
    }
}

/// A parameter of a header value (RFC 2045 section 5.1), quotes and encoded words undone.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case(wanted).then(|| decode(value.as_bytes()))
    })
}

/// The fields of a header one by one, folded lines joined; ends before what is no field.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// What is left: nothing, or lines that are no header.
    fn body(&self) -> &'a [u8] {
        self.rest.strip_prefix(b"\r\n").or(self.rest.strip_prefix(b"\n")).unwrap_or(self.rest)
    }

    fn line(rest: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        rest.split_at(end)
    }
}

impl Iterator for Fields<'_> {
    type Item = (String, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let (line, mut rest) = Self::line(self.rest);
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii_end();
        // RFC 5322 section 2.2: printable characters without blanks.
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut value = value.get(1..).unwrap_or_default().trim_ascii().to_vec();
        while rest.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            let (folded, next) = Self::line(rest);
            value.push(b' ');
            value.extend_from_slice(folded.trim_ascii());
            rest = next;
        }
        self.rest = rest;
        Some((String::from_utf8_lossy(name).into_owned(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mail: &[u8]) -> Mail {
        let mut whole = Message::new(Mail::default());
        whole.feed(mail);
        let whole = whole.finish();
        let mut pieces = Message::new(Mail::default());
        for byte in mail.chunks(1) {
            pieces.feed(byte);
        }
        assert_eq!(pieces.finish(), whole);
        whole
    }

    #[test]
    fn a_header_is_read_with_its_folds_and_words() {
        let mail = read(
            b"MIME-Version: 1.0\r\nFrom: \"VIP: A\" <a@b.example>\r\nsubject: =?utf-8?B?UFdf?=\r\n =?utf-8?Q?erika=2FPC?=\r\nX-Mailer: Example 1.0\r\nThread-Topic: T\r\nContent-Type: multipart/mixed;\r\n boundary=--boundary_0_x\r\n\r\nbody\r\n",
        );
        assert_eq!(mail.subject.as_deref(), Some("PW_erika/PC"));
        assert_eq!(mail.mailer.as_deref(), Some("Example 1.0"));
        assert_eq!(
            mail.headers,
            ["MIME-Version", "From", "subject", "X-Mailer", "Thread-Topic", "Content-Type"]
        );
        let hints: Vec<(&str, &str)> = mail.hints.iter().collect();
        assert_eq!(
            hints,
            [
                ("From", "VIP: A"),
                ("Thread-Topic", "T"),
                ("Content-Type", "multipart/mixed; boundary=--boundary_0_x")
            ]
        );
        assert_eq!(mail.body.bytes, 6);
    }

    #[test]
    fn body_begins_where_the_header_is_none() {
        assert_eq!(read(b"\r\nbody").body.bytes, 4);
        assert_eq!(read(b"\nbody").body.bytes, 4);
        assert_eq!(read(b"no header here\r\n\r\nmore").body.bytes, 22);
        let mixed = read(b"Subject: x\nnot a field\nmore\n\nrest");
        assert_eq!((mixed.subject.as_deref(), mixed.body.bytes), (Some("x"), 22));
        assert_eq!(read(b"").body.bytes, 0);
        assert_eq!(read(b"Subject: only").subject.as_deref(), Some("only"));
    }

    #[test]
    fn a_header_without_end_is_bounded() {
        let mut message = Message::new(Mail::default());
        let line = [b"X: ", [b'y'; 1021].as_slice()].concat();
        let mut full = 0;
        for _ in 0..100 {
            full += u32::from(message.feed(&line));
            if let Part::Header(held) = &message.part {
                assert!(held.len() <= MAX_HEADER);
            }
        }
        assert_eq!(full, 1);
        assert_eq!(message.finish().headers.len(), 1);
    }

    #[test]
    fn a_gap_ends_the_header() {
        let mut message = Message::new(Mail::default());
        message.feed(b"Subject: a\r\nFr");
        message.missing(10);
        message.feed(b"rest");
        let mail = message.finish();
        assert_eq!(mail.subject.as_deref(), Some("a"));
        assert_eq!((mail.body.bytes, mail.body.missing), (16, 10));
    }

    #[test]
    fn parameters_are_found_with_their_quotes_undone() {
        assert_eq!(parameter("a/b; charset=x; name=\"l og.txt\"", "name").as_deref(), Some("l og.txt"));
        assert_eq!(parameter("a/b; xname=1", "name"), None);
    }
}
