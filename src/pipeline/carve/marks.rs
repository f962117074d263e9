//! Which frames of a capture are selected: one bit each.

/// A set of frame numbers. Memory is an eighth of a byte for each frame of the capture up to the last one selected, of
/// which each takes 16 bytes and more in its file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Marks {
    words: Vec<u64>,
    count: u64,
}

impl Marks {
    /// Adds a frame, which must be one that was read: memory follows its number.
    pub fn add(&mut self, frame: u64) {
        let (word, bit) = (usize::try_from(frame / 64).unwrap_or(usize::MAX), 1 << (frame % 64));
        if self.words.len() <= word {
            self.words.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            self.count += u64::from(*word & bit == 0);
            *word |= bit;
        }
    }

    /// Whether a frame is in it.
    pub fn has(&self, frame: u64) -> bool {
        let word = usize::try_from(frame / 64).ok().and_then(|word| self.words.get(word));
        word.is_some_and(|word| word >> (frame % 64) & 1 == 1)
    }

    /// How many frames are in it.
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether any of these frames is in it, both ends included.
    pub fn any(&self, first: u64, last: u64) -> bool {
        let words = self.words.len() as u64;
        let mut word = first / 64;
        while word <= last / 64 && word < words {
            let from = if word == first / 64 { first % 64 } else { 0 };
            let to = if word == last / 64 { last % 64 } else { 63 };
            let bits = self.words.get(word as usize).copied().unwrap_or(0);
            if bits & (u64::MAX << from) & (u64::MAX >> (63 - to)) != 0 {
                return true;
            }
            word += 1;
        }
        false
    }

    /// The frames in rising order.
    pub fn frames(&self) -> impl Iterator<Item = u64> + '_ {
        let words = self.words.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(|(at, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |b| at as u64 * 64 + b)
        })
    }

    /// The frames as `1-3, 7`, at most so many bytes; false where not all of them fitted.
    pub fn text(&self, most: usize) -> (String, bool) {
        let mut text = String::new();
        let mut frames = self.frames().peekable();
        while let Some(first) = frames.next() {
            let mut last = first;
            while let Some(next) = frames.next_if_eq(&(last + 1)) {
                last = next;
            }
            let comma = if text.is_empty() { "" } else { ", " };
            let range =
                if first == last { format!("{comma}{first}") } else { format!("{comma}{first}-{last}") };
            if text.len() + range.len() > most {
                return (text, false);
            }
            text.push_str(&range);
        }
        (text, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(frames: &[u64]) -> Marks {
        let mut marks = Marks::default();
        for frame in frames {
            marks.add(*frame);
        }
        marks
    }

    #[test]
    fn each_frame_counts_once_and_comes_in_order() {
        let set = marks(&[130, 1, 64, 1, 63]);
        assert_eq!((set.len(), set.is_empty()), (4, false));
        assert_eq!(set.frames().collect::<Vec<_>>(), [1, 63, 64, 130]);
        assert!(set.has(63) && !set.has(62) && !set.has(1_000_000) && !set.has(u64::MAX));
    }

    #[test]
    fn a_range_is_looked_up_to_both_its_ends() {
        let set = marks(&[5, 130]);
        for (first, last, any) in
            [(5, 5, true), (6, 129, false), (0, 4, false), (6, 130, true), (130, 999, true)]
        {
            assert_eq!(set.any(first, last), any, "{first}-{last}");
        }
        assert!(!set.any(131, u64::MAX) && set.any(0, u64::MAX) && !set.any(6, 5));
    }

    #[test]
    fn runs_are_written_as_ranges_and_a_long_list_is_cut() {
        let set = marks(&[1, 2, 3, 7, 62, 63, 64, 65]);
        assert_eq!(set.text(100), ("1-3, 7, 62-65".to_owned(), true));
        assert_eq!(set.text(8), ("1-3, 7".to_owned(), false));
        assert_eq!(marks(&[]).text(8), (String::new(), true));
    }
}
