//! What a body or a value looks like.

use crate::record::Shape;

/// Shortest base64 text, in characters: shorter ones are mostly words.
pub(super) const BASE64_MIN: usize = 24;

/// Shortest hexadecimal text, in digits.
const HEX_MIN: usize = 16;

/// Longest name of a form's first field, in bytes.
const NAME_MAX: usize = 64;

/// The shape of a body that begins with `head`. `complete` says that nothing follows.
pub(super) fn classify(head: &[u8], complete: bool) -> Option<Shape> {
    if head.is_empty() {
        return None;
    }
    // Senders in C count the NUL that ends their string.
    let end =
        if complete { head.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1) } else { head.len() };
    let head = &head[..end];
    let body = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let kinds = kinds_of_text(body);
    // A NUL is a control character, and UTF-16 of mostly Latin text is half of them.
    if kinds.is_none_or(|kinds| kinds & CONTROL != 0) && is_utf16(body) {
        return Some(Shape::Text);
    }
    let Some(kinds) = kinds.filter(|kinds| is_text(body, *kinds, complete)) else {
        return Some(Shape::Binary);
    };
    let text = body.trim_ascii();
    // What all bytes together are rules most shapes out before one is looked at again.
    Some(match text.first() {
        Some(b'<') => markup(text),
        Some(b'{' | b'[') if is_json(text) => Shape::Json,
        _ if may_be_hex(kinds) && is_hex(text, complete) => Shape::Hex,
        _ if may_be_base64(kinds) && is_base64(text, complete) => Shape::Base64,
        _ if kinds & EQUALS != 0 && is_form(text) => Shape::Form,
        _ => Shape::Text,
    })
}

/// What is asked of a byte, as bits.
const CONTROL: u16 = 1;
const HIGH: u16 = 1 << 1;
const UPPER: u16 = 1 << 2;
const LOWER: u16 = 1 << 3;
const DIGIT: u16 = 1 << 4;
/// `a` to `f` in either case.
const HEX_LETTER: u16 = 1 << 5;
/// `+` and `/`.
const SIGN: u16 = 1 << 6;
const EQUALS: u16 = 1 << 7;
/// It stands in no hexadecimal text.
const NOT_HEX: u16 = 1 << 8;
/// It stands in no base64 text.
const NOT_BASE64: u16 = 1 << 9;

/// The kinds of each byte.
const KINDS: [u16; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let byte = n as u8;
        let mut kinds = 0;
        if matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f) {
            kinds |= CONTROL;
        }
        if byte >= 0x80 {
            kinds |= HIGH;
        }
        if byte.is_ascii_uppercase() {
            kinds |= UPPER;
        }
        if byte.is_ascii_lowercase() {
            kinds |= LOWER;
        }
        if byte.is_ascii_digit() {
            kinds |= DIGIT;
        } else if byte.is_ascii_hexdigit() {
            kinds |= HEX_LETTER;
        }
        if matches!(byte, b'+' | b'/') {
            kinds |= SIGN;
        }
        if byte == b'=' {
            kinds |= EQUALS;
        }
        // White space may stand around either.
        if !(byte.is_ascii_hexdigit() || byte.is_ascii_whitespace() || byte == b'-') {
            kinds |= NOT_HEX;
        }
        let sign = matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
        if !(byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || sign) {
            kinds |= NOT_BASE64;
        }
        table[n] = kinds;
        n += 1;
    }
    table
};

/// The kinds of all bytes together; none where so many are control characters that they are no text. One stray byte
/// in 128 is allowed, so that a separator such as 0x01 does not make a text binary.
fn kinds_of_text(bytes: &[u8]) -> Option<u16> {
    let mut stray = bytes.len() / 128;
    let mut all = 0;
    // Binary bytes show in the first few.
    for piece in bytes.chunks(32) {
        let kinds = piece.iter().fold(0, |kinds, byte| kinds | KINDS[usize::from(*byte)]);
        if kinds & CONTROL != 0 {
            let controls = piece.iter().filter(|byte| KINDS[usize::from(**byte)] & CONTROL != 0).count();
            stray = stray.checked_sub(controls)?;
        }
        all |= kinds;
    }
    Some(all)
}

/// See [`is_hex`]: it needs both kinds of digits.
const fn may_be_hex(kinds: u16) -> bool {
    kinds & NOT_HEX == 0 && kinds & DIGIT != 0 && kinds & HEX_LETTER != 0
}

/// See [`is_base64`] and [`mixed`].
const fn may_be_base64(kinds: u16) -> bool {
    kinds & NOT_BASE64 == 0 && kinds & UPPER != 0 && kinds & LOWER != 0 && kinds & (DIGIT | SIGN) != 0
}

/// UTF-16 of mostly Latin text, either byte order.
fn is_utf16(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\xff\xfe") && bytes.len() >= 4 && bytes[3] == 0 {
        return true;
    }
    if bytes.len() < 16 {
        return false;
    }
    let printable = |byte: u8| matches!(byte, b'\t' | b'\r' | b'\n' | 0x20..=0x7e);
    // So many pairs may be something else. Other bytes exceed it soon.
    let odd = bytes.len() / 2 / 10;
    let little = |pair: &&[u8]| !(pair[1] == 0 && printable(pair[0]));
    let big = |pair: &&[u8]| !(pair[0] == 0 && printable(pair[1]));
    bytes.chunks_exact(2).filter(little).nth(odd).is_none()
        || bytes.chunks_exact(2).filter(big).nth(odd).is_none()
}

/// Printable text in UTF-8 or a legacy code page, of bytes of which few enough are control characters.
fn is_text(bytes: &[u8], kinds: u16, complete: bool) -> bool {
    if kinds & HIGH == 0 {
        return true;
    }
    let cut = |error: std::str::Utf8Error| error.error_len().is_none() && !complete;
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) if cut(error) => true,
        // A code page: random bytes of this length would hold control characters.
        Err(_) => {
            let high = bytes.iter().filter(|b| **b >= 0x80).count();
            kinds & CONTROL == 0 && (bytes.len() >= 96 || high * 4 <= bytes.len())
        }
    }
}

fn markup(text: &[u8]) -> Shape {
    const HTML: &[&str] = &[
        "!doctype html",
        "html",
        "head",
        "body",
        "script",
        "div",
        "table",
        "style",
        "b>",
        "br",
        "p>",
        "font",
        "span",
        "hr",
        "title",
        "center",
        "h1",
        "h2",
        "h3",
        "meta",
        "pre",
    ];
    let rest = &text[1..];
    let starts =
        |word: &&str| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    if HTML.iter().any(starts) {
        Shape::Html
    } else if rest.first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'?' | b'!' | b'_')) {
        Shape::Xml
    } else {
        Shape::Text
    }
}

fn is_json(text: &[u8]) -> bool {
    let next = text[1..].trim_ascii_start().first();
    match text[0] {
        b'{' => matches!(next, Some(b'"' | b'}')),
        _ => matches!(next, Some(b'{' | b'[' | b']' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n')),
    }
}

fn is_hex(text: &[u8], complete: bool) -> bool {
    let filler = |b: &u8| matches!(b, b'\r' | b'\n' | b' ' | b'-');
    if !text.iter().all(|b| b.is_ascii_hexdigit() || filler(b)) {
        return false;
    }
    let digits = text.iter().filter(|b| b.is_ascii_hexdigit()).count();
    let filler = text.len() - digits;
    let kinds = text.iter().any(u8::is_ascii_digit)
        && text.iter().any(|b| b.is_ascii_hexdigit() && !b.is_ascii_digit());
    let pairs = filler * 2 <= digits + 2;
    digits >= HEX_MIN && kinds && pairs && !(complete && digits % 2 == 1) && !guid(text)
}

fn is_base64(text: &[u8], complete: bool) -> bool {
    let body = text.trim_ascii_end();
    let body = body.strip_suffix(b"==").or_else(|| body.strip_suffix(b"=")).unwrap_or(body);
    let line = |b: &u8| matches!(b, b'\r' | b'\n');
    let all = |signs: [u8; 2]| body.iter().all(|b| b.is_ascii_alphanumeric() || signs.contains(b) || line(b));
    if !(all(*b"+/") || all(*b"-_")) {
        return false;
    }
    let count = body.iter().filter(|b| !line(b)).count();
    // Lines of words would pass: their lines differ in length, those of an encoder do not.
    count >= BASE64_MIN && mixed(body) && !(complete && count % 4 == 1) && !guid(text) && even_lines(body)
}

/// All lines but the last are of one length.
fn even_lines(text: &[u8]) -> bool {
    let mut lines = text.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
    let first = lines.next().unwrap_or(0);
    let rest: Vec<usize> = lines.collect();
    rest.split_last().is_none_or(|(last, middle)| *last <= first && middle.iter().all(|n| *n == first))
}

/// Upper case, lower case and a digit or sign: what base64 of any two dozen bytes has and a word has not.
pub(super) fn mixed(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_uppercase)
        && text.iter().any(u8::is_ascii_lowercase)
        && text.iter().any(|b| b.is_ascii_digit() || matches!(b, b'+' | b'/'))
}

/// Whether `text` begins `name=value`.
pub(super) fn begins_form(text: &[u8]) -> bool {
    let name = memchr::memchr(b'=', &text[..text.len().min(NAME_MAX + 1)]);
    let ok = |b: &u8| b.is_ascii_alphanumeric() || b"_.-[]%$~*:+".contains(b);
    name.is_some_and(|end| end > 0 && text[..end].iter().all(ok))
}

fn is_form(text: &[u8]) -> bool {
    if !begins_form(text) {
        return false;
    }
    let encoded = text.iter().all(|b| (0x21..0x7f).contains(b) && !matches!(b, b'"' | b'<' | b'>'));
    // Some programs do not encode their spaces.
    let several = text.contains(&b'&') && !text.iter().any(|b| matches!(b, b'\r' | b'\n'));
    encoded || several
}

/// `8-4-4-4-12` hexadecimal digits, braces allowed.
pub(super) fn guid(text: &[u8]) -> bool {
    let inner = text.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or(text);
    let fits = |(at, b): (usize, &u8)| {
        if matches!(at, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() }
    };
    inner.len() == 36 && inner.iter().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_bytes_are_rules_out_no_shape_that_fits() {
        let fronts = ["0123456789abcdef0123", "aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0", "a=1", "", "\t-_+/"];
        for (byte, front) in (0..=255_u8).flat_map(|byte| fronts.map(|front| (byte, front.as_bytes()))) {
            let text = [front, &[byte], front].concat();
            let Some(kinds) = kinds_of_text(&text) else { continue };
            let inner = text.trim_ascii();
            assert!(may_be_hex(kinds) || !is_hex(inner, false), "{}", text.escape_ascii());
            assert!(may_be_base64(kinds) || !is_base64(inner, false), "{}", text.escape_ascii());
            assert!(kinds & EQUALS != 0 || !is_form(inner), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_text_may_hold_one_stray_byte_in_128() {
        let text = |length: usize, stray: &[usize]| {
            let mut text = vec![b'a'; length];
            for at in stray {
                text[*at] = 1;
            }
            classify(&text, false)
        };
        assert_eq!(text(127, &[3]), Some(Shape::Binary));
        assert_eq!(text(128, &[3]), Some(Shape::Text));
        assert_eq!(text(128, &[3, 127]), Some(Shape::Binary));
        assert_eq!(text(300, &[3, 299]), Some(Shape::Text));
    }

    #[test]
    fn shapes_of_short_bodies() {
        let utf16: Vec<u8> = "User: erika, host".bytes().flat_map(|b| [b, 0]).collect();
        for (bytes, shape) in [
            (b"".as_slice(), None),
            (b"received", Some(Shape::Text)),
            (b"received\0", Some(Shape::Text)),
            (b"\x01\x02\x03\xff", Some(Shape::Binary)),
            (&utf16, Some(Shape::Text)),
            ("gr\u{fc}\u{df}e".as_bytes(), Some(Shape::Text)),
            (b"<br>text", Some(Shape::Html)),
            (b"<?xml version='1.0'?><a/>", Some(Shape::Xml)),
            (b"<s:Envelope>", Some(Shape::Xml)),
            (b"<- an arrow", Some(Shape::Text)),
            (b"{\"a\": 1}", Some(Shape::Json)),
            (b"[1, 2]", Some(Shape::Json)),
            (b"{ENTER} typed", Some(Shape::Text)),
            (b"a=1&b=2", Some(Shape::Form)),
            (b"INFO=PC @ DOM\\user&TYPE=1", Some(Shape::Form)),
            (b"a = b", Some(Shape::Text)),
            (b"0123456789abcdef0123", Some(Shape::Hex)),
            (b"01234567890123456789", Some(Shape::Text)),
            (b"0123456789abcdef012", Some(Shape::Text)),
            (b"aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0", Some(Shape::Base64)),
            (b"aGVsbG8gd29ybGQs\r\nIHRoaXMgaXMgYSB0\r\nZQ==\r\n", Some(Shape::Base64)),
            (b"p=aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0", Some(Shape::Form)),
            (b"00000000-1111-2222-3333-44444444444a", Some(Shape::Text)),
        ] {
            assert_eq!(classify(bytes, true), shape, "{}", bytes.escape_ascii());
        }
    }
}
