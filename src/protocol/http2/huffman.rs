//! The Huffman code of RFC 7541, section 5.2 and appendix B.

use super::tables::LENGTHS;

/// Longest code in bits.
const LONGEST: usize = 30;

/// The code as it is read: by length.
struct Code {
    /// For each length, the first value of as many bits that is not a code of this length or a shorter one, at the top
    /// of 32 bits.
    limit: [u64; LONGEST + 1],
    /// For each length, its first code and where its symbols begin.
    first: [(u32, u16); LONGEST + 1],
    /// Symbols by length, then by value.
    symbols: [u16; 257],
}

static CODE: Code = Code::new();

impl Code {
    const fn new() -> Self {
        let mut code = Self { limit: [0; LONGEST + 1], first: [(0, 0); LONGEST + 1], symbols: [0; 257] };
        let (mut next, mut used, mut length) = (0_u32, 0, 1);
        while length <= LONGEST {
            next <<= 1;
            code.first[length] = (next, used as u16);
            let mut symbol = 0;
            while symbol < LENGTHS.len() {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[used] = symbol as u16;
                    used += 1;
                    next += 1;
                }
                symbol += 1;
            }
            code.limit[length] = (next as u64) << (32 - length);
            length += 1;
        }
        code
    }

    /// The symbol at the top of 32 bits, and its length.
    fn symbol(&self, bits: u32) -> Option<(u16, usize)> {
        let length = (5..=LONGEST).find(|&length| u64::from(bits) < self.limit[length])?;
        let (first, place) = self.first[length];
        let place = usize::from(place) + ((bits >> (32 - length)).wrapping_sub(first)) as usize;
        Some((*self.symbols.get(place)?, length))
    }
}

/// Undoes the code; at most eight fifths of `coded` come out. None where it is not the code of a string.
pub fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(coded.len() + coded.len() / 2);
    let mut bytes = coded.iter();
    // Bits not yet read, at the top, and how many they are.
    let (mut bits, mut have) = (0_u64, 0);
    loop {
        while have <= 56
            && let Some(byte) = bytes.next()
        {
            bits |= u64::from(*byte) << (56 - have);
            have += 8;
        }
        let top = (bits >> 32) as u32;
        // What is left over is the beginning of the end of string, and shorter than any code of that kind.
        let ones = u64::MAX.checked_shl(64 - have).unwrap_or(0);
        if have < 8 && bits == ones {
            return Some(plain);
        }
        let (symbol, length) = CODE.symbol(top)?;
        // The end of string itself must not be there.
        let byte = u8::try_from(symbol).ok()?;
        have = have.checked_sub(length as u32)?;
        bits <<= length;
        plain.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, the other way round.
    fn encode(text: &[u8]) -> Vec<u8> {
        let mut order: Vec<usize> = (0..LENGTHS.len()).collect();
        order.sort_by_key(|symbol| (LENGTHS[*symbol], *symbol));
        let (mut codes, mut next, mut length) = (vec![0_u32; 257], 0_u32, 0);
        for symbol in order {
            next <<= LENGTHS[symbol] - length;
            length = LENGTHS[symbol];
            codes[symbol] = next;
            next += 1;
        }
        let mut bits: Vec<bool> = Vec::new();
        for byte in text {
            let (code, length) = (codes[usize::from(*byte)], LENGTHS[usize::from(*byte)]);
            bits.extend((0..length).rev().map(|at| code >> at & 1 == 1));
        }
        bits.resize(bits.len().next_multiple_of(8), true);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
    }

    #[test]
    fn every_byte_comes_back_at_every_place() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)).as_deref(), Some(&all[..]));
        for byte in all {
            for before in 0..4 {
                let text = [&b"eat"[..before.min(3)], &[byte, byte]].concat();
                assert_eq!(decode(&encode(&text)), Some(text));
            }
        }
        assert_eq!(decode(b""), Some(Vec::new()));
    }

    #[test]
    fn values_of_the_standard() {
        // RFC 7541, C.4.1 and C.6.1.
        let text = |coded: &[u8]| decode(coded).map(|plain| String::from_utf8_lossy(&plain).into_owned());
        let authority = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(text(&authority).as_deref(), Some("www.example.com"));
        assert_eq!(text(&[0x64, 0x02]).as_deref(), Some("302"));
    }

    #[test]
    fn bad_padding_and_the_end_of_string_are_refused() {
        // `0` is five zero bits.
        assert_eq!(decode(&[0b0000_0111]), Some(vec![b'0']));
        assert_eq!(decode(&[0b0000_0110]), None);
        assert_eq!(decode(&[0b0000_0111, 0xff]), None);
        assert_eq!(decode(&[0xff]), None);
        assert_eq!(decode(&[0xff; 4]), None);
        assert_eq!(decode(&[0xff; 40]), None);
    }
}
