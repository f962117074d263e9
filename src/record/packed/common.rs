//! Texts that are common to many records.

use smol_str::SmolStr;

/// Places of texts: as many as a processor's cache holds, since each text of each record is looked for here.
const PLACES: usize = 1 << 13;
/// Texts with a number at most.
const MAX_TEXTS: usize = 1 << 20;
/// No text.
const NONE: u32 = u32::MAX;

/// Texts by number. A text gets one when it is seen for the second time and no other was seen at its place between: most
/// that are seen once are never seen again. A place knows two texts; one that is pushed out by others gets a new number
/// when it comes back, and has several from then on.
#[derive(Debug, Default, Clone)]
pub struct Common {
    known: Vec<SmolStr>,
    places: Vec<Place>,
    /// What the letters take, in bytes.
    letters: usize,
}

/// What was seen at a place.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// A part of the digest and the number of texts, the last that was seen first.
    known: [(u32, u32); 2],
    /// A part of the digest of the last text without a number; zero for none.
    met: u32,
}

impl Common {
    /// The number of a text, if it has one by now.
    pub fn number(&mut self, text: &str) -> Option<u32> {
        if self.places.is_empty() {
            self.places = vec![Place { known: [(0, NONE); 2], met: 0 }; PLACES];
        }
        let digest = digest(text.as_bytes());
        let mark = digest as u32 | 1;
        let place = self.places.get_mut((digest >> 32) as usize % PLACES)?;
        let all = &self.known;
        let is = |(own, number)| own == mark && all.get(number as usize).is_some_and(|known| known == text);
        let [last, other] = place.known;
        if is(last) {
            return Some(last.1);
        }
        if is(other) {
            place.known = [other, last];
            return Some(other.1);
        }
        if place.met != mark || self.known.len() >= MAX_TEXTS {
            place.met = mark;
            return None;
        }
        let number = self.known.len() as u32;
        place.known = [(mark, number), last];
        place.met = 0;
        let own = SmolStr::new(text);
        self.letters += if own.is_heap_allocated() { own.len() + 2 * size_of::<usize>() } else { 0 };
        self.known.push(own);
        Some(number)
    }

    /// The text of a number.
    pub fn get(&self, number: usize) -> Option<&SmolStr> {
        self.known.get(number)
    }

    /// About what they take, in bytes.
    pub const fn weight(&self) -> usize {
        let places = self.places.len() * size_of::<Place>();
        self.known.len() * size_of::<SmolStr>() + self.letters + places
    }
}

/// A digest of a text by three of its words. Texts made to have the same only lose their numbers.
fn digest(text: &[u8]) -> u64 {
    let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (head, middle, tail) = if text.len() < 8 {
        let all = text.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        (all, 0, 0)
    } else {
        let at = |from: usize| text.get(from..).map_or(0, word);
        (at(0), at(text.len() / 2 - 4), at(text.len() - 8))
    };
    let mix = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let length = text.len() as u64;
    mix(
        mix(head ^ 0x9e37_79b9_7f4a_7c15, middle ^ 0xd1b5_4a32_d192_ed03) ^ tail,
        length ^ 0x8cb9_2ba7_2f3d_8dd7,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_a_number_from_its_second_sight_on() {
        let mut texts = Common::default();
        assert_eq!(texts.number("shop.example"), None);
        let number = texts.number("shop.example");
        assert!(number.is_some());
        assert_eq!(texts.number("shop.example"), number);
        assert_eq!(texts.get(number.unwrap() as usize).map(SmolStr::as_str), Some("shop.example"));
        assert_eq!(texts.number("else.example"), None);
    }

    #[test]
    fn numbers_do_not_mix() {
        let mut texts = Common::default();
        let text = |n: usize| format!("name-{n}.example");
        for n in (0..2000).chain(0..2000).chain(0..2000) {
            if let Some(number) = texts.number(&text(n)) {
                assert_eq!(texts.get(number as usize).map(SmolStr::as_str), Some(&*text(n)));
            }
        }
        assert!(texts.known.len() > 1500, "{}", texts.known.len());
        let before = texts.weight();
        assert_eq!(texts.number("x"), None);
        assert_eq!(texts.weight(), before);
    }

    #[test]
    fn texts_of_any_length_have_digests_of_their_own() {
        let text = "abcdefghijklmnopqrstuvwxyz";
        let all: std::collections::BTreeSet<u64> =
            (0..text.len()).map(|n| digest(&text.as_bytes()[..n])).collect();
        assert_eq!(all.len(), text.len());
    }
}
