//! A message that comes in pieces, in any order and more than once.

use std::collections::BTreeMap;

/// Longest message that is put together, in bytes: certificate chains of 20 KB are seen, post-quantum hellos have 2 KB.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Pieces of one message that may wait: 64 KiB in the smallest usual pieces, and more than a browser chops its hello
/// into.
const MAX_PIECES: usize = 128;
/// Bytes of the pieces of one message that may wait: all of it once, and as much that was sent again.
const MAX_HELD: usize = 2 * MAX_MESSAGE;

/// Pieces that wait for others.
#[derive(Debug, Default)]
pub struct Pieces {
    by_offset: BTreeMap<usize, Vec<u8>>,
    held: usize,
}

impl Pieces {
    /// Keeps a piece, within the bounds. Of two with the same offset the longer one is kept.
    pub fn keep(&mut self, offset: usize, bytes: &[u8]) {
        let known = self.by_offset.get(&offset).map(Vec::len);
        let held = self.held - known.unwrap_or(0) + bytes.len();
        let fits = held <= MAX_HELD && (known.is_some() || self.by_offset.len() < MAX_PIECES);
        if fits && !bytes.is_empty() && known.is_none_or(|length| length < bytes.len()) {
            self.by_offset.insert(offset, bytes.to_vec());
            self.held = held;
        }
    }

    /// Bytes of all pieces, those sent again counted again: less than the message has means that it is not whole.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The message from its first byte on, as far as there is no hole.
    pub fn joined(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (&offset, bytes) in &self.by_offset {
            let Some(new) = out.len().checked_sub(offset) else { break };
            out.extend_from_slice(bytes.get(new..).unwrap_or(&[]));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_in_any_order_up_to_the_first_hole() {
        let mut pieces = Pieces::default();
        for (offset, bytes) in [(6, "gh"), (2, "cde"), (0, "a"), (0, "abc"), (4, "ef"), (9, "x")] {
            pieces.keep(offset, bytes.as_bytes());
        }
        assert_eq!(pieces.joined(), b"abcdefgh");
        assert_eq!(pieces.held(), 11);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut pieces = Pieces::default();
        for offset in 0..1000 {
            pieces.keep(offset * 2, b"x");
        }
        assert_eq!(pieces.held(), MAX_PIECES);
        let mut pieces = Pieces::default();
        for offset in 0..100 {
            pieces.keep(offset * 5000, &[0; 5000]);
        }
        assert!(pieces.held() <= MAX_HELD && pieces.held() > MAX_HELD - 5000);
    }
}
