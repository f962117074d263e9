//! Entropy of a bounded sample.

use std::sync::LazyLock;

/// Every byte up to here counts, in bytes. Random data measures 7.95 bits on 4 KiB, so it is told from text and
/// from most code.
pub(super) const DENSE: u64 = 4096;

/// Beyond [`DENSE`], the first [`SPARSE`] bytes of every [`STRIDE`] count: 0.4 %, which keeps the cost of long bodies
/// near nothing.
const SPARSE: u64 = 256;
const STRIDE: u64 = 64 * 1024;

/// Below this many bytes the entropy says nothing: even random data measures only 5.8 bits on 64 bytes.
const MIN_BYTES: u64 = 64;

/// `weight` of small counts, which are most.
static WEIGHTS: LazyLock<Vec<f64>> = LazyLock::new(|| (0..256).map(weight).collect());

/// What a value counted `count` times takes off the entropy, times the length of the sample.
fn weight(count: u16) -> f64 {
    if count == 0 { 0.0 } else { f64::from(count) * f64::from(count).log2() }
}

/// Counts of byte values of a sample.
#[derive(Debug)]
pub(super) struct Sample {
    counts: [u16; 256],
}

impl Sample {
    pub(super) fn new() -> Self {
        Self { counts: [0; 256] }
    }

    /// Whether so many bytes have no entropy.
    pub(super) const fn is_too_small(bytes: usize) -> bool {
        (bytes as u64) < MIN_BYTES
    }

    /// Takes `bytes` that stand at `position` of the body.
    pub(super) fn add(&mut self, position: u64, bytes: &[u8]) {
        let mut at = position;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (counts, run) = if at < DENSE {
                (true, DENSE - at)
            } else if at % STRIDE < SPARSE {
                (true, SPARSE - at % STRIDE)
            } else {
                (false, STRIDE - at % STRIDE)
            };
            let length = run.min(rest.len() as u64);
            let (piece, after) = rest.split_at(length as usize);
            if counts {
                self.count(piece);
            }
            at = at.wrapping_add(length);
            rest = after;
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // Some 8,000 are counted at most.
            self.counts[usize::from(byte)] = self.counts[usize::from(byte)].wrapping_add(1);
        }
    }

    /// How many bytes count.
    fn total(&self) -> u32 {
        self.counts.iter().map(|count| u32::from(*count)).sum()
    }

    /// Shannon entropy in bits a byte, rounded to two digits; none for a sample that is too small.
    pub(super) fn entropy(&self) -> Option<f32> {
        let total = self.total();
        if u64::from(total) < MIN_BYTES {
            return None;
        }
        let total = f64::from(total);
        let weight =
            |count: &u16| WEIGHTS.get(usize::from(*count)).copied().unwrap_or_else(|| weight(*count));
        // A short text has few values, which stand near each other: most of the table is passed over at once.
        let (groups, _) = self.counts.as_chunks::<32>();
        let some = groups.iter().filter(|group| group.iter().fold(0, |all, n| all | n) > 1);
        let weights: f64 = some.flatten().filter(|n| **n > 1).map(weight).sum();
        let bits = total.log2() - weights / total;
        Some(((bits * 100.0).round() / 100.0) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_known_distributions() {
        let mut sample = Sample::new();
        sample.add(0, &[7; 63]);
        assert_eq!(sample.entropy(), None);
        sample.add(63, &[7]);
        assert_eq!(sample.entropy(), Some(0.0));
        let all: Vec<u8> = (0..=255).collect();
        let mut sample = Sample::new();
        sample.add(0, &all);
        assert_eq!(sample.entropy(), Some(8.0));
    }

    #[test]
    fn pieces_count_as_the_whole() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut whole = Sample::new();
        whole.add(0, &bytes);
        let mut pieces = Sample::new();
        for (n, piece) in bytes.chunks(997).enumerate() {
            pieces.add(n as u64 * 997, piece);
        }
        assert_eq!(whole.counts, pieces.counts);
        assert_eq!(u64::from(whole.total()), DENSE + 3 * SPARSE);
    }
}
