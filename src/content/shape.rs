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
    if is_utf16(body) {
        return Some(Shape::Text);
    }
    if !is_text(body, complete) {
        return Some(Shape::Binary);
    }
    let text = body.trim_ascii();
    Some(match text.first() {
        Some(b'<') => markup(text),
        Some(b'{' | b'[') if is_json(text) => Shape::Json,
        _ if is_hex(text, complete) => Shape::Hex,
        _ if is_base64(text, complete) => Shape::Base64,
        _ if is_form(text) => Shape::Form,
        _ => Shape::Text,
    })
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

/// Printable text in UTF-8 or a legacy code page.
fn is_text(bytes: &[u8], complete: bool) -> bool {
    let control = |b: &&u8| matches!(b, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    let mut controls = bytes.iter().filter(control);
    let clean = controls.next().is_none();
    // One stray byte in 128, so that a separator such as 0x01 does not make a text binary.
    let stray = bytes.len() / 128;
    if !clean && (stray == 0 || controls.nth(stray - 1).is_some()) {
        return false;
    }
    let cut = |error: std::str::Utf8Error| error.error_len().is_none() && !complete;
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) if cut(error) => true,
        // A code page: random bytes of this length would hold control characters.
        Err(_) => {
            let high = bytes.iter().filter(|b| **b >= 0x80).count();
            clean && (bytes.len() >= 96 || high * 4 <= bytes.len())
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
    let name = text.iter().take(NAME_MAX + 1).position(|b| *b == b'=');
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
