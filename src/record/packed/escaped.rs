//! Texts in which bytes are escaped as names of DNS are (RFC 4343, 2.1: `\` and three digits), without these escapes: a
//! name that carries data has one for most of its bytes, each four letters long.

/// Whether a byte stands for itself in such a text, or begins an escape.
const fn plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Writes a text with its escaped bytes as they are, if it has such and [`restore`] makes the same text of it.
pub fn shorten(text: &str, to: &mut Vec<u8>) -> bool {
    to.clear();
    let mut rest = text.as_bytes();
    if memchr::memchr(b'\\', rest).is_none() {
        return false;
    }
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'\\', [a @ b'0'..=b'2', b @ b'0'..=b'9', c @ b'0'..=b'9', after @ ..]) => {
                let value = [a, b, c].into_iter().fold(0, |all, digit| all * 10 + u16::from(digit - b'0'));
                match u8::try_from(value).ok().filter(|byte| !plain(*byte)) {
                    Some(byte) => to.push(byte),
                    None => return false,
                }
                after
            }
            (b'\\', [second @ (b'.' | b'\\'), after @ ..]) => {
                to.extend_from_slice(&[b'\\', *second]);
                after
            }
            (byte, after) if plain(*byte) && *byte != b'\\' => {
                to.push(*byte);
                after
            }
            _ => return false,
        };
    }
    true
}

/// The text that was made shorter.
pub fn restore(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(4 * bytes.len());
    for &byte in bytes {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from(b'0' + value % 10);
            text.extend(['\\', digit(byte / 100), digit(byte / 10), digit(byte)]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_shorter_comes_back() {
        let mut short = Vec::new();
        // A single backslash stands for nothing.
        let all = restore(&(0..=255).filter(|byte| *byte != b'\\').collect::<Vec<u8>>());
        for (text, length) in [(r"a\001b\255.c", 6), (r"\\\.\000", 5), (r"\200", 1), (&*all, 255)] {
            assert!(shorten(text, &mut short), "{text}");
            assert_eq!((short.len(), &*restore(&short)), (length, text));
        }
    }

    #[test]
    fn what_would_not_come_back_stays() {
        let mut short = Vec::new();
        for text in ["", "shop.example", r"\065", r"\256", r"\25", r"\", r"a\x", r"\001ä", "\\001\n", r"\999"]
        {
            assert!(!shorten(text, &mut short), "{text}");
        }
    }
}
