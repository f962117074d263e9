//! Dialogues of lines, as SMTP and FTP hold them: lines out of slices, three-digit replies, text for records.

use crate::flow::{Carrier, Side};
use crate::protocol::{Heads, Recognised};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

/// Base64 as clients write it: with padding or without, trailing bits or none.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Cuts the bytes of one side into lines. Holds at most one unfinished line, and of that at most its bound.
#[derive(Debug)]
pub(super) struct Lines {
    held: Vec<u8>,
    dropped: u64,
    max: usize,
}

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its bytes, at most the bound.
    pub(super) bytes: Cow<'a, [u8]>,
    /// Bytes of it beyond the bound.
    pub(super) dropped: u64,
    /// It ended in LF alone.
    pub(super) bare: bool,
}

impl Lines {
    /// Keeps at most `max` bytes of a line.
    pub(super) const fn new(max: usize) -> Self {
        Self { held: Vec::new(), dropped: 0, max }
    }

    /// Takes the next line out of `rest`, which is moved on; none where `rest` ends before the line does.
    pub(super) fn take<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Line<'a>> {
        let Some(end) = memchr::memchr(b'\n', rest) else {
            self.hold(rest);
            *rest = &[];
            return None;
        };
        let (piece, after) = (rest.get(..end)?, rest.get(end + 1..).unwrap_or_default());
        *rest = after;
        if self.is_empty() && piece.len() <= self.max {
            let (bytes, bare) = piece.strip_suffix(b"\r").map_or((piece, true), |line| (line, false));
            return Some(Line { bytes: Cow::Borrowed(bytes), dropped: 0, bare });
        }
        self.hold(piece);
        let mut bytes = std::mem::take(&mut self.held);
        let dropped = std::mem::take(&mut self.dropped);
        let bare = dropped == 0 && bytes.last() != Some(&b'\r');
        if dropped == 0 && !bare {
            bytes.pop();
        }
        Some(Line { bytes: Cow::Owned(bytes), dropped, bare })
    }

    fn hold(&mut self, piece: &[u8]) {
        let room = self.max.saturating_sub(self.held.len()).min(piece.len());
        self.held.extend_from_slice(piece.get(..room).unwrap_or_default());
        self.dropped += (piece.len() - room) as u64;
    }

    /// No line has been begun.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.dropped == 0
    }

    /// Forgets the line that was begun.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.dropped = 0;
    }

    /// The line that was begun and never ended.
    pub(super) fn unfinished(&mut self) -> Vec<u8> {
        self.dropped = 0;
        std::mem::take(&mut self.held)
    }
}

/// One line of a server's reply (RFC 5321 section 4.2, RFC 959 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    /// Three digits, 100 to 699.
    pub(super) code: u16,
    /// Further lines of the same reply follow.
    pub(super) more: bool,
    /// What stands after the code.
    pub(super) text: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads a line; none where it does not begin with a code.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let (digits, rest) = line.split_at_checked(3)?;
        if !matches!(digits, [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9']) {
            return None;
        }
        let code = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        match rest.split_first() {
            None => Some(Self { code, more: false, text: &[] }),
            Some((b' ', text)) => Some(Self { code, more: false, text }),
            Some((b'-', text)) => Some(Self { code, more: true, text }),
            Some(_) => None,
        }
    }
}

/// Text for a record: at most `max` bytes, blanks at the ends taken off, what is no UTF-8 or is a control
/// character replaced.
pub(super) fn text(bytes: &[u8], max: usize) -> String {
    let lossy = String::from_utf8_lossy(bytes.trim_ascii());
    let mut out = String::new();
    for c in lossy.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }) {
        if out.len() + c.len_utf8() > max {
            break;
        }
        out.push(c);
    }
    out
}

/// Base64 undone; none where it is not.
pub(super) fn unbase64(bytes: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(bytes.trim_ascii()).ok()
}

/// Where `word` stands in `text`, cases aside.
pub(super) fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// `text` after `word`, cases aside.
pub(super) fn after<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// How the first bytes of a side fit what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// They begin so.
    Whole,
    /// They may yet begin so.
    Part,
    /// They do not.
    Not,
}

/// How `head` fits any of `words`, cases aside.
pub(super) fn fit(head: &[u8], words: &[&[u8]]) -> Fit {
    let mut best = Fit::Not;
    for word in words {
        if after(head, word).is_some() {
            return Fit::Whole;
        }
        if after(word, head).is_some() {
            best = Fit::Part;
        }
    }
    best
}

/// What the first bytes of a supposed server say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting<'a> {
    /// Nothing, or too little to tell.
    Silent,
    /// A reply, as far as it came, with whether its first line is whole.
    Reply(Reply<'a>, bool),
    /// Something else.
    Foreign,
}

impl<'a> Greeting<'a> {
    /// Reads the first line that a server sent.
    pub(super) fn of(head: &'a [u8]) -> Self {
        let digits = head.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        if digits < head.len().min(3) {
            return Self::Foreign;
        }
        if head.len() < 4 {
            return Self::Silent;
        }
        let end = memchr::memchr(b'\n', head);
        let line = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Reply::parse(line).map_or(Self::Foreign, |reply| Self::Reply(reply, end.is_some()))
    }
}

/// Tells whether a conversation is a dialogue of lines, either side being its client. `fits` says how the bytes of
/// client and server fit, given whether the server's port is one of `ports` and whether bytes are missing before. Nothing
/// where the carrier is no stream.
pub(super) fn recognise(
    heads: &Heads<'_>,
    ports: &[u16],
    fits: fn(&[u8], &[u8], bool, bool) -> Fit,
) -> Recognised {
    if heads.carrier != Carrier::Tcp {
        return Recognised::No;
    }
    let mut more = false;
    for side in [Side::Client, Side::Server] {
        let (asked, answered) = (heads.bytes[side.index()], heads.bytes[side.other().index()]);
        let port = ports.contains(&heads.ports[side.other().index()]);
        match fits(asked, answered, port, heads.midstream) {
            Fit::Whole => return Recognised::Yes(side),
            Fit::Part => more = true,
            Fit::Not => {}
        }
    }
    if more { Recognised::More } else { Recognised::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]], max: usize) -> Vec<(Vec<u8>, u64, bool)> {
        let mut lines = Lines::new(max);
        let mut out = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while let Some(line) = lines.take(&mut rest) {
                out.push((line.bytes.to_vec(), line.dropped, line.bare));
            }
        }
        out
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut() {
        let text = b"one\r\ntwo\n\r\n0123456789\r\n01234567\r\n0123456\r\nrest";
        let whole = lines(&[text], 8);
        assert_eq!(whole.len(), 6);
        assert_eq!(whole[1], (b"two".to_vec(), 0, true));
        assert_eq!(whole[3], (b"01234567".to_vec(), 3, false));
        assert_eq!(whole[5], (b"0123456".to_vec(), 0, false));
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(&bytes, 8), whole);
        for cut in 0..text.len() {
            let (a, b) = text.split_at(cut);
            assert_eq!(lines(&[a, b], 8), whole);
        }
    }

    #[test]
    fn replies_are_codes_with_or_without_more() {
        assert_eq!(Reply::parse(b"250-SIZE"), Some(Reply { code: 250, more: true, text: b"SIZE" }));
        assert_eq!(Reply::parse(b"354"), Some(Reply { code: 354, more: false, text: b"" }));
        for wrong in [&b"25"[..], b"25x ok", b"250ok", b"999 x", b""] {
            assert_eq!(Reply::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn text_is_bounded_at_whole_characters_and_holds_no_control() {
        assert_eq!(text("  a\u{7}\u{e4}\u{e4}".as_bytes(), 7), "a\u{fffd}\u{e4}");
        assert_eq!(text(b"\xff", 10), "\u{fffd}");
    }
}
