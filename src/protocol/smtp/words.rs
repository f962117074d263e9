//! Encoded words of header values (RFC 2047).

use super::super::line::unbase64;

/// Longest text of one word, in bytes: RFC 2047 allows 75 for the whole, programs write more.
const MAX_WORD: usize = 1024;

/// Undoes the encoded words of a value. Blanks between two of them are no part of it, and a character may be cut
/// across two words of one character set, as many programs do.
pub(super) fn decode(value: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = value;
    // Bytes of adjacent words of one character set.
    let mut run: Option<(Charset, Vec<u8>)> = None;
    while !rest.is_empty() {
        let start = memchr::memmem::find(rest, b"=?");
        let (plain, from) = rest.split_at(start.unwrap_or(rest.len()));
        if run.is_none() || !plain.trim_ascii().is_empty() || start.is_none() {
            flush(&mut out, &mut run);
            out.push_str(&String::from_utf8_lossy(plain));
        }
        rest = from;
        if rest.is_empty() {
            break;
        }
        if let Some((charset, bytes, after)) = word(rest) {
            match &mut run {
                Some((known, held)) if *known == charset => held.extend_from_slice(&bytes),
                _ => {
                    flush(&mut out, &mut run);
                    run = Some((charset, bytes));
                }
            }
            rest = after;
        } else {
            flush(&mut out, &mut run);
            out.push_str("=?");
            rest = rest.get(2..).unwrap_or_default();
        }
    }
    flush(&mut out, &mut run);
    out
}

/// How the bytes of a word are read: the sets that need no tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Latin1,
    /// Some other set: its ASCII is read, the rest replaced.
    Other,
}

fn flush(out: &mut String, run: &mut Option<(Charset, Vec<u8>)>) {
    let Some((charset, bytes)) = run.take() else { return };
    match charset {
        Charset::Utf8 => out.push_str(&String::from_utf8_lossy(&bytes)),
        Charset::Latin1 => out.extend(bytes.iter().map(|byte| char::from(*byte))),
        Charset::Other => out.extend(
            bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER }),
        ),
    }
}

/// One word at the start of `text`: `=?charset?encoding?text?=`, its bytes, and what follows it.
fn word(text: &[u8]) -> Option<(Charset, Vec<u8>, &[u8])> {
    let mut parts = text.get(2..)?.splitn(3, |byte| *byte == b'?');
    let (charset, encoding, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let end = memchr::memmem::find(rest.get(..MAX_WORD).unwrap_or(rest), b"?=")?;
    let (inner, after) = (rest.get(..end)?, rest.get(end + 2..)?);
    let bytes = match encoding {
        b"B" | b"b" => unbase64(inner)?,
        b"Q" | b"q" => quoted(inner),
        _ => return None,
    };
    // RFC 2231 section 5: a language may follow the set.
    let charset = charset.split(|byte| *byte == b'*').next()?.to_ascii_lowercase();
    let charset = match charset.as_slice() {
        b"utf-8" | b"utf8" | b"us-ascii" => Charset::Utf8,
        b"iso-8859-1" | b"iso-8859-15" | b"windows-1252" => Charset::Latin1,
        _ => Charset::Other,
    };
    Some((charset, bytes, after))
}

/// The "Q" encoding: `_` is a blank, `=` begins two hexadecimal digits.
fn quoted(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, digit(tail.first()), digit(tail.get(1))) {
            (b'=', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'_', ..) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_undone_and_joined() {
        let cases: [(&str, &str); 9] = [
            ("plain", "plain"),
            ("=?utf-8?Q?a_=3D_b?= c", "a = b c"),
            ("=?UTF-8?B?w6Q=?=", "\u{e4}"),
            ("=?utf-8?B?ww==?= =?utf-8?B?pA==?=", "\u{e4}"),
            ("=?iso-8859-1?q?=E4?=  x", "\u{e4}  x"),
            ("x =?koi8-r?Q?a=C1?= =?utf-8?Q?b?= y", "x a\u{fffd}b y"),
            ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
            ("=?broken", "=?broken"),
            ("=?utf-8?Q?=G1=?", "=?utf-8?Q?=G1=?"),
        ];
        for (given, want) in cases {
            assert_eq!(decode(given.as_bytes()), want, "{given}");
        }
    }
}
