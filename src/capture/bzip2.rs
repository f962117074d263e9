//! Undoes bzip2.
//!
//! Format: as bzip2 1.0.8 writes it, described in the "BZIP2: Format Specification" of Joe Tsai (2016). Streams may follow
//! each other. Blocks that were made random (by versions before 0.9.5) are not read. A block is handed out while its
//! check sum is made: damage is an error at its end, as with the other methods.

use std::io::{self, BufRead, Read};

/// Bits that begin a block, and those that end a stream: the digits of pi and of its square root.
const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;
/// Longest code in bits.
const MAX_CODE: u32 = 20;
/// Symbols in a row that share a table of codes.
const GROUP: usize = 50;
/// Most groups of a block of 900,000 bytes; encoders may state more, which are passed over.
const MAX_SELECTORS: usize = 18_002;
/// Bytes of a block for each step of its level.
const STEP: usize = 100_000;
/// Bytes taken of the input at once.
const PIECE: usize = 1 << 14;

/// Bits of the input, the most significant of a byte first.
struct Bits<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    /// The next `count` bits, at the top.
    word: u64,
    count: u32,
}

impl<R: BufRead> Bits<R> {
    /// Has at least 32 bits at hand, or all that are left.
    #[inline]
    fn fill(&mut self) -> io::Result<()> {
        while self.count <= 56 {
            let Some(&byte) = self.buffer.get(self.at) else {
                let bytes = self.input.fill_buf()?;
                let taken = bytes.len().min(PIECE);
                if taken == 0 {
                    break;
                }
                self.buffer.clear();
                self.buffer.extend_from_slice(bytes.get(..taken).unwrap_or_default());
                self.input.consume(taken);
                self.at = 0;
                continue;
            };
            self.at += 1;
            self.word |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        Ok(())
    }

    /// Leaves bits behind that were looked at.
    #[inline]
    fn pass(&mut self, bits: u32) -> io::Result<()> {
        self.count = self.count.checked_sub(bits).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.word <<= bits;
        Ok(())
    }

    /// The next `bits` bits, 32 at most.
    #[inline]
    fn take(&mut self, bits: u32) -> io::Result<u32> {
        if self.count < bits {
            self.fill()?;
        }
        let value = self.word.checked_shr(64 - bits).unwrap_or(0) as u32;
        self.pass(bits)?;
        Ok(value)
    }

    fn flag(&mut self) -> io::Result<bool> {
        Ok(self.take(1)? == 1)
    }

    /// Goes on at the next whole byte.
    fn align(&mut self) -> io::Result<()> {
        self.pass(self.count % 8)
    }

    fn is_at_end(&mut self) -> io::Result<bool> {
        self.fill()?;
        Ok(self.count == 0)
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A canonical prefix code.
struct Code {
    /// By length: the first bits, filled up to [`MAX_CODE`], that are beyond the codes of this length.
    limits: [u32; MAX_CODE as usize + 1],
    /// By length: what is added to a code to find its symbol, modulo 2^32.
    offsets: [u32; MAX_CODE as usize + 1],
    /// Shortest length.
    shortest: u32,
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> io::Result<Self> {
        let (mut limits, mut offsets) = ([0; MAX_CODE as usize + 1], [0; MAX_CODE as usize + 1]);
        let mut symbols: Vec<u16> = Vec::with_capacity(lengths.len());
        let mut code = 0_u32;
        for (length, (limit, offset)) in (0..).zip(limits.iter_mut().zip(&mut offsets)).skip(1) {
            code <<= 1;
            *offset = (symbols.len() as u32).wrapping_sub(code);
            let before = symbols.len();
            symbols.extend(
                (0..).zip(lengths).filter(|(_, have)| **have == length).map(|(symbol, _): (u16, _)| symbol),
            );
            code += (symbols.len() - before) as u32;
            if code > 1 << length {
                return Err(damaged("more codes than there can be"));
            }
            *limit = code << (MAX_CODE - u32::from(length));
        }
        let shortest = u32::from(lengths.iter().copied().min().unwrap_or(1)).max(1);
        Ok(Self { limits, offsets, shortest, symbols })
    }

    /// Reads one symbol.
    #[inline]
    fn read<R: BufRead>(&self, bits: &mut Bits<R>) -> io::Result<u16> {
        if bits.count < MAX_CODE {
            bits.fill()?;
        }
        let ahead = (bits.word >> (64 - MAX_CODE)) as u32;
        let from = self.shortest as usize;
        let longer = self.limits.get(from..).unwrap_or_default().iter().position(|&limit| ahead < limit);
        let length = longer.map_or(MAX_CODE, |more| self.shortest + more as u32);
        let offset = self.offsets.get(length as usize).copied().unwrap_or(0);
        let symbol = (ahead >> (MAX_CODE - length)).wrapping_add(offset);
        bits.pass(length)?;
        self.symbols.get(symbol as usize).copied().ok_or_else(|| damaged("bits that are no code"))
    }
}

/// What is left of the present block.
#[derive(Default)]
struct Block {
    /// In the low byte a byte, above it the place of the one that follows it.
    links: Vec<u32>,
    place: u32,
    left: usize,
    last: u8,
    /// Equal bytes in a row so far; after four comes how often the byte is repeated.
    run: u8,
    repeat: u8,
    stated: u32,
    sum: u32,
}

/// The remainders of the CRC-32 of bzip2, most significant bit first.
static REMAINDERS: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut value, mut bit) = ((at as u32) << 24, 0);
        while bit < 8 {
            value = if value >> 31 == 1 { (value << 1) ^ 0x04c1_1db7 } else { value << 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

impl Block {
    /// Hands out bytes, as many as there are and fit.
    fn emit(&mut self, out: &mut [u8]) -> usize {
        let mut given = 0;
        for room in out {
            if self.repeat == 0 && self.run == 4 && self.left > 0 {
                self.repeat = self.next();
                self.run = 0;
            }
            if self.repeat > 0 {
                self.repeat -= 1;
            } else if self.left > 0 {
                let byte = self.next();
                self.run = if self.run > 0 && byte == self.last { self.run + 1 } else { 1 };
                self.last = byte;
            } else {
                break;
            }
            *room = self.last;
            let index = usize::from((self.sum >> 24) as u8 ^ self.last);
            self.sum = self.sum << 8 ^ REMAINDERS.get(index).copied().unwrap_or(0);
            given += 1;
        }
        given
    }

    #[inline]
    fn next(&mut self) -> u8 {
        let link = self.links.get(self.place as usize).copied().unwrap_or(0);
        self.place = link >> 8;
        self.left = self.left.saturating_sub(1);
        link as u8
    }

    /// Undoes the sorting (Burrows and Wheeler, 1994) of the bytes in `links`.
    fn sort_back(&mut self, origin: u32) -> io::Result<()> {
        let mut places = [0_u32; 256];
        for link in &self.links {
            places[usize::from(*link as u8)] += 1;
        }
        let mut sum = 0;
        for place in &mut places {
            sum += std::mem::replace(place, sum);
        }
        for at in 0..self.links.len() {
            let byte = self.links.get(at).map_or(0, |link| *link as u8);
            let place = &mut places[usize::from(byte)];
            if let Some(link) = self.links.get_mut(*place as usize) {
                *link |= (at as u32) << 8;
            }
            *place += 1;
        }
        let first =
            self.links.get(origin as usize).ok_or_else(|| damaged("a beginning outside the block"))?;
        self.place = first >> 8;
        self.left = self.links.len();
        (self.last, self.run, self.repeat, self.sum) = (0, 0, 0, u32::MAX);
        Ok(())
    }
}

/// A reader of what bzip2 compressed.
pub struct Bzip2<R> {
    bits: Bits<R>,
    block: Block,
    /// Most bytes of a block; 0 outside a stream.
    size: usize,
    begun: bool,
}

impl<R: BufRead> Bzip2<R> {
    pub fn new(input: R) -> Self {
        let bits = Bits { input, buffer: Vec::new(), at: 0, word: 0, count: 0 };
        Self { bits, block: Block::default(), size: 0, begun: false }
    }

    /// Begins the next stream; false at the end of the input.
    fn stream(&mut self) -> io::Result<bool> {
        if self.begun && self.bits.is_at_end()? {
            return Ok(false);
        }
        let (magic, level) = (self.bits.take(24)?, self.bits.take(8)?);
        if magic != 0x0042_5a68 || !(0x31..=0x39).contains(&level) {
            return Err(damaged("not a bzip2 stream"));
        }
        self.size = (level as usize - 0x30) * STEP;
        self.begun = true;
        Ok(true)
    }

    /// Reads the next block, or the end of the stream.
    fn next_block(&mut self) -> io::Result<()> {
        let magic = u64::from(self.bits.take(24)?) << 24 | u64::from(self.bits.take(24)?);
        self.block.stated = self.bits.take(32)?;
        match magic {
            BLOCK => {}
            END => {
                self.size = 0;
                self.bits.align()?;
                return Ok(());
            }
            _ => return Err(damaged("not a bzip2 block")),
        }
        if self.bits.flag()? {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a random bzip2 block"));
        }
        let origin = self.bits.take(24)?;
        let used = self.used()?;
        let alphabet = used.len() + 2;
        let (count, selectors) = self.selectors()?;
        let codes = (0..count).map(|_| self.code(alphabet)).collect::<io::Result<Vec<_>>>()?;
        self.symbols(used, &selectors, &codes)?;
        self.block.sort_back(origin)
    }

    /// The bytes that occur in the block: a map of maps.
    fn used(&mut self) -> io::Result<Vec<u8>> {
        let groups = self.bits.take(16)?;
        let mut used = Vec::with_capacity(256);
        for group in (0..16_u8).filter(|group| groups << group & 0x8000 != 0) {
            let map = self.bits.take(16)?;
            used.extend((0..16_u8).filter(|bit| map << bit & 0x8000 != 0).map(|bit| group << 4 | bit));
        }
        if used.is_empty() { Err(damaged("a block without bytes")) } else { Ok(used) }
    }

    /// How many codes there are, and which is for each group of symbols: moved to the front when used.
    fn selectors(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let codes = self.bits.take(3)? as u8;
        let count = self.bits.take(15)?;
        if !(2..=6).contains(&codes) || count == 0 {
            return Err(damaged("a number of codes that cannot be"));
        }
        let mut order = [0, 1, 2, 3, 4, 5];
        let mut selectors = Vec::new();
        for _ in 0..count {
            let mut place = 0;
            while self.bits.flag()? {
                place += 1;
                if place >= usize::from(codes) {
                    return Err(damaged("a code that is not there"));
                }
            }
            order[..=place].rotate_right(1);
            if selectors.len() < MAX_SELECTORS {
                selectors.push(order[0]);
            }
        }
        Ok((codes, selectors))
    }

    /// The lengths of a code, each as steps from the one before.
    fn code(&mut self, alphabet: usize) -> io::Result<Code> {
        let mut length = self.bits.take(5)?;
        let mut lengths = Vec::with_capacity(alphabet);
        for _ in 0..alphabet {
            loop {
                if !(1..=MAX_CODE).contains(&length) {
                    return Err(damaged("a length of code that cannot be"));
                }
                if !self.bits.flag()? {
                    break;
                }
                length = if self.bits.flag()? { length - 1 } else { length + 1 };
            }
            lengths.push(length as u8);
        }
        Code::new(&lengths)
    }

    /// The sorted bytes of the block: moved to the front when used, runs of the first counted in twos.
    fn symbols(&mut self, mut used: Vec<u8>, selectors: &[u8], codes: &[Code]) -> io::Result<()> {
        let end = used.len() as u16 + 1;
        let links = &mut self.block.links;
        links.clear();
        let (mut run, mut weight) = (0_usize, 1_usize);
        for selector in selectors {
            let code =
                codes.get(usize::from(*selector)).ok_or_else(|| damaged("a code that is not there"))?;
            for _ in 0..GROUP {
                let symbol = code.read(&mut self.bits)?;
                if symbol < 2 {
                    run += weight << symbol;
                    weight <<= 1;
                    if run > self.size {
                        return Err(damaged("a block that is too long"));
                    }
                    continue;
                }
                let total = links.len() + run;
                if total + usize::from(symbol != end) > self.size {
                    return Err(damaged("a block that is too long"));
                }
                links.resize(total, u32::from(used.first().copied().unwrap_or(0)));
                (run, weight) = (0, 1);
                if symbol == end {
                    return Ok(());
                }
                let Some(front) = used.get_mut(..usize::from(symbol)) else {
                    return Err(damaged("a byte that is not there"));
                };
                front.rotate_right(1);
                links.push(u32::from(front.first().copied().unwrap_or(0)));
            }
        }
        Err(damaged("a block without an end"))
    }
}

impl<R: BufRead> Read for Bzip2<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let given = self.block.emit(out);
            if given > 0 {
                return Ok(given);
            }
            if !self.block.links.is_empty() {
                self.block.links.clear();
                if !self.block.sum != self.block.stated {
                    return Err(damaged("a bzip2 block with a wrong check sum"));
                }
            }
            if self.size == 0 {
                if !self.stream()? {
                    return Ok(0);
                }
            } else {
                self.next_block()?;
            }
        }
    }
}
