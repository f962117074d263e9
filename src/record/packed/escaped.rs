//! Texts in which bytes are escaped as names of DNS are (RFC 4343, 2.1: `\` and three digits), without these escapes: a
//! name that carries data has one for most of its bytes, each four letters long.

/// Whether a byte stands for itself in such a text, or begins an escape.
const fn plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Writes a text with its escaped bytes as they are, if it has such and [`restore`] makes the same text of it.
pub fn shorten(text: &str, to: &mut Vec<u8>) -> bool {
    let mut rest = text.as_bytes();
    if memchr::memchr(b'\\', rest).is_none() {
        return false;
    }
    to.clear();
    to.reserve(rest.len());
    while let Some(&byte) = rest.first() {
        let next = rest.first_chunk().copied().unwrap_or([byte, 0, 0, 0]);
        let escape = byte == b'\\';
        if escape && matches!(next[1], b'.' | b'\\') {
            to.extend_from_slice(&[b'\\', next[1]]);
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        let byte = if escape { escaped(next) } else { plain(byte).then_some(byte) };
        let Some(byte) = byte else { return false };
        to.push(byte);
        rest = rest.get(if escape { 4 } else { 1 }..).unwrap_or_default();
    }
    true
}

/// The byte of an escape that [`restore`] writes.
fn escaped([_, a, b, c]: [u8; 4]) -> Option<u8> {
    let digit = |byte: u8| u16::from(byte.wrapping_sub(b'0'));
    let (a, b, c) = (digit(a), digit(b), digit(c));
    let value = a * 100 + b * 10 + c;
    let byte = value as u8;
    (a < 10 && b < 10 && c < 10 && value < 256 && !plain(byte)).then_some(byte)
}

/// The text that was made shorter.
pub fn restore(bytes: &[u8]) -> String {
    let mut text = vec![0; 4 * bytes.len()];
    let mut used = 0;
    for &byte in bytes {
        // All four are written, and one or all of them stay.
        let (letters, length) = LETTERS[usize::from(byte)];
        if let Some(room) = text.get_mut(used..used + 4) {
            room.copy_from_slice(&letters);
        }
        used += length;
    }
    text.truncate(used);
    String::from_utf8(text).unwrap_or_default()
}

/// What each byte is written as, and how many letters that is.
static LETTERS: [([u8; 4], usize); 256] = {
    let mut all = [([0; 4], 1); 256];
    let mut byte = 0;
    while byte < 256 {
        let own = byte as u8;
        all[byte] = if plain(own) {
            ([own, 0, 0, 0], 1)
        } else {
            ([b'\\', b'0' + own / 100, b'0' + own / 10 % 10, b'0' + own % 10], 4)
        };
        byte += 1;
    }
    all
};

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
