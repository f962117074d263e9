//! Texts of few letters, as names in DNS are: small letters, digits, `-`, `.` and `_`, three of them in two bytes (DEC's
//! RADIX-50 had the same 40 letters to three in a word). A name that carries data has up to 253 of them.

/// How many letters there are; one more than has a place, for what is behind the last.
const RADIX: u16 = 40;
/// Letters to a word.
const WORD: usize = 3;
/// Shorter texts stand in place when they are read, and are not worth it, in bytes.
const MIN: usize = 24;

/// The letters by number.
static LETTERS: [u8; RADIX as usize] = *b"abcdefghijklmnopqrstuvwxyz0123456789-._\0";

/// The number of each letter; `RADIX` for what is none.
static NUMBERS: [u8; 256] = {
    let mut all = [RADIX as u8; 256];
    let mut number = 0;
    while number + 1 < LETTERS.len() {
        all[LETTERS[number] as usize] = number as u8;
        number += 1;
    }
    all
};

/// Writes a text of such letters, and gives whether it is one and long enough.
pub fn shorten(text: &str, to: &mut Vec<u8>) -> bool {
    let number = |byte: &u8| NUMBERS[usize::from(*byte)];
    // Most others show it soon.
    if text.len() < MIN || text.as_bytes().iter().map(number).any(|number| u16::from(number) == RADIX) {
        return false;
    }
    to.clear();
    let words = text.as_bytes().chunks(WORD).map(|letters| {
        let numbers = letters.iter().map(number).chain(std::iter::repeat(RADIX as u8 - 1));
        numbers.take(WORD).fold(0, |word, number| word * RADIX + u16::from(number))
    });
    to.extend(words.flat_map(u16::to_le_bytes));
    true
}

/// The bytes that a text of so many letters takes.
pub const fn shortened(letters: usize) -> usize {
    letters.div_ceil(WORD).saturating_mul(2)
}

/// The text of so many letters that was made shorter.
pub fn restore(bytes: &[u8], letters: usize) -> String {
    let letter = |number: u16| LETTERS[usize::from(number % RADIX)];
    let (words, _) = bytes.as_chunks::<2>();
    let mut text = Vec::with_capacity(words.len() * WORD);
    for word in words {
        let word = u16::from_le_bytes(*word);
        text.extend_from_slice(&[letter(word / RADIX / RADIX), letter(word / RADIX), letter(word)]);
    }
    text.truncate(letters);
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_bytes_hold_three_letters() {
        let mut short = Vec::new();
        for (text, length) in [
            ("abcdefghijklmnopqrstuvwx", 16),
            ("0123456789-._0123456789abc", 18),
            ("zzzzzzzzzzzzzzzzzzzzzzzzz", 18),
            ("_________________________________", 22),
        ] {
            assert!(shorten(text, &mut short), "{text}");
            assert_eq!((short.len(), shortened(text.len())), (length, length), "{text}");
            assert_eq!(restore(&short, text.len()), text);
        }
    }

    #[test]
    fn others_stay_as_they_are() {
        let mut short = Vec::new();
        for text in [
            "",
            "shop.example",
            "abcdefghijklmnopqrstuvw\0",
            "Abcdefghijklmnopqrstuvwxyz",
            "ä23456789012345678901234",
        ] {
            assert!(!shorten(text, &mut short), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_shorter_comes_back(text in "[a-z0-9._-]{24,300}") {
            let mut short = Vec::new();
            prop_assert!(shorten(&text, &mut short));
            prop_assert_eq!(restore(&short, text.len()), text);
        }
    }
}
