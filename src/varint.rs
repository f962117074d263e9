//! Whole numbers in as few bytes as they need: seven bits a byte, the least first (LEB128), and small distances as small
//! numbers whichever way they go (zigzag).
//!
//! For what is kept in memory by the hundred thousand. What of it is a number is not this room's to know.

/// Writes a number: ten bytes at most.
#[inline]
pub fn write(mut number: u64, mut byte: impl FnMut(u8)) {
    while number >= 0x80 {
        byte(number as u8 | 0x80);
        number >>= 7;
    }
    byte(number as u8);
}

/// Reads a number; none where the bytes end before it does, or go on beyond ten.
#[inline]
pub fn read(mut byte: impl FnMut() -> Option<u8>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = byte()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A distance as a number.
#[inline]
pub const fn zigzag(distance: i64) -> u64 {
    ((distance << 1) ^ (distance >> 63)) as u64
}

/// The distance of a number.
#[inline]
pub const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_the_fewest_bytes() {
        for (number, length) in [(0, 1), (127, 1), (128, 2), (1 << 14, 3), (u64::MAX >> 1, 9), (u64::MAX, 10)]
        {
            let mut bytes = Vec::new();
            write(number, |byte| bytes.push(byte));
            assert_eq!(bytes.len(), length, "{number}");
            let mut own = bytes.iter().copied();
            assert_eq!((read(|| own.next()), own.next()), (Some(number), None));
            let mut cut = bytes[..length - 1].iter().copied();
            assert_eq!(read(|| cut.next()), None);
        }
        assert_eq!(read(|| Some(0x80)), None, "it goes on");
    }

    #[test]
    fn small_distances_are_small_numbers() {
        assert_eq!([0, -1, 1, -2, i64::MAX, i64::MIN].map(zigzag), [0, 1, 2, 3, u64::MAX - 1, u64::MAX]);
        for distance in [0, -1, 1, 64, -65, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(distance)), distance);
        }
    }
}
