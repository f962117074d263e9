//! Header blocks to fields (RFC 7541), also when bytes of the connection are missing.
//!
//! Every field that can be known is given: an index whose entry was never seen costs that field and no other, since
//! entries are counted from the newest. A decoder that must refuse such a block, as the standard has it for the ends
//! of a connection, would give nothing after the first gap.
//!
//! That is why no crate does this. `loona-hpack` 0.4.3, the maintained heir of `hpack` and `fluke-hpack` (which panic at
//! a cut integer, 3f), did not panic in 2.7 million random blocks, but does not serve: an index that is not known refuses
//! the rest of the block (be, then the request of RFC 7541, C.4.1: no field instead of four); so does a table larger than
//! the bound that it is given, and without a bound a block of 48 KB makes it hold 250 MB; and it builds the tables of the
//! Huffman code anew for each string, so that it reads 20 KB/s of short ones: a few packets would stop an analysis.

use super::huffman;
use super::tables::STATIC;
use std::borrow::Cow;
use std::collections::VecDeque;

/// Bytes of fields that are remembered for each direction, as the standard counts them. Browsers and servers use 4 to
/// 64 KiB.
const MAX_TABLE: usize = 64 << 10;
/// What the standard lets an entry cost on top of its text, in bytes.
const OVERHEAD: usize = 32;
/// Bytes of fields that one block may give, counted likewise; servers refuse longer lists.
const MAX_LIST: usize = 64 << 10;

/// The block is not one: what follows in it is lost, and what it would have had remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Text that was seen, or was not.
type Text<'a> = Option<Cow<'a, [u8]>>;

/// A remembered field; its name is not known where it referred to one that is not.
#[derive(Debug)]
struct Entry {
    name: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

impl Entry {
    fn size(&self) -> usize {
        let length = |text: &Option<Vec<u8>>| text.as_ref().map_or(0, Vec::len);
        OVERHEAD + length(&self.name) + length(&self.value)
    }
}

/// The decoder of one direction.
#[derive(Debug)]
pub struct Decoder {
    /// The newest first.
    entries: VecDeque<Entry>,
    size: usize,
    limit: usize,
}

/// What a block gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Fields in order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Fields that refer to what was never seen.
    pub unknown: u32,
    /// Fields beyond the bound.
    pub dropped: u32,
}

impl Decoder {
    pub fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: 4096 }
    }

    /// Blocks were lost: what is remembered now stands at other places.
    pub fn forget(&mut self) {
        self.entries.clear();
        self.size = 0;
    }

    /// Takes a whole block, or the front of one.
    pub fn block(&mut self, block: &[u8], list: &mut List) -> Result<(), Broken> {
        let (mut rest, mut size) = (block, 0);
        while let Some(first) = rest.first() {
            let (name, value) = match first {
                0x80.. => {
                    let index = integer(&mut rest, 7)?;
                    if index == 0 {
                        return Err(Broken);
                    }
                    self.entry(index)
                }
                0x20..0x40 => {
                    self.limit = integer(&mut rest, 5)?.min(MAX_TABLE);
                    self.evict();
                    continue;
                }
                _ => {
                    let remembered = first & 0x40 != 0;
                    let index = integer(&mut rest, if remembered { 6 } else { 4 })?;
                    let name = if index == 0 { Some(string(&mut rest)?) } else { self.entry(index).0 };
                    let value = Some(string(&mut rest)?);
                    if remembered {
                        let owned = |text: &Text<'_>| text.as_ref().map(|text| text.to_vec());
                        let entry = Entry { name: owned(&name), value: owned(&value) };
                        list.add(name, value, &mut size);
                        self.remember(entry);
                        continue;
                    }
                    (name, value)
                }
            };
            list.add(name, value, &mut size);
        }
        Ok(())
    }

    fn entry(&self, index: usize) -> (Text<'_>, Text<'_>) {
        let known = |text: &'static str| Some(Cow::Borrowed(text.as_bytes()));
        if let Some((name, value)) = index.checked_sub(1).and_then(|index| STATIC.get(index)) {
            return (known(name), known(value));
        }
        let found = index.checked_sub(STATIC.len() + 1).and_then(|index| self.entries.get(index));
        found.map_or((None, None), |entry| {
            (entry.name.as_deref().map(Cow::Borrowed), entry.value.as_deref().map(Cow::Borrowed))
        })
    }

    fn remember(&mut self, entry: Entry) {
        let size = entry.size();
        self.entries.push_front(entry);
        self.size += size;
        self.evict();
    }

    fn evict(&mut self) {
        while self.size > self.limit
            && let Some(entry) = self.entries.pop_back()
        {
            self.size = self.size.saturating_sub(entry.size());
        }
    }
}

impl List {
    fn add(&mut self, name: Text<'_>, value: Text<'_>, size: &mut usize) {
        let (Some(name), Some(value)) = (name, value) else {
            self.unknown = self.unknown.saturating_add(1);
            return;
        };
        *size = size.saturating_add(OVERHEAD + name.len() + value.len());
        if *size > MAX_LIST {
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.fields.push((name.into_owned(), value.into_owned()));
        }
    }
}

/// An integer whose first byte has `prefix` bits of it (section 5.1).
fn integer(rest: &mut &[u8], prefix: u32) -> Result<usize, Broken> {
    let [first, more @ ..] = *rest else { return Err(Broken) };
    let mask = (1_u32 << prefix) - 1;
    let mut value = u32::from(*first) & mask;
    *rest = more;
    if value < mask {
        return Ok(value as usize);
    }
    // Four bytes more make 28 bits, beyond every bound of this folder.
    for shift in [0, 7, 14, 21] {
        let [byte, more @ ..] = *rest else { return Err(Broken) };
        value = value.saturating_add(u32::from(byte & 0x7f) << shift);
        *rest = more;
        if byte & 0x80 == 0 {
            return Ok(value as usize);
        }
    }
    Err(Broken)
}

/// A string, plain or coded (section 5.2).
fn string<'a>(rest: &mut &'a [u8]) -> Result<Cow<'a, [u8]>, Broken> {
    let coded = rest.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(rest, 7)?;
    let (text, more) = rest.split_at_checked(length).ok_or(Broken)?;
    *rest = more;
    if coded { huffman::decode(text).map(Cow::Owned).ok_or(Broken) } else { Ok(Cow::Borrowed(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(decoder: &mut Decoder, block: &[u8]) -> (Vec<String>, u32) {
        let mut list = List::default();
        decoder.block(block, &mut list).expect("a block");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let line = |(name, value): &(Vec<u8>, Vec<u8>)| format!("{}={}", text(name), text(value));
        (list.fields.iter().map(line).collect(), list.unknown)
    }

    const FIRST: [u8; 17] = [
        0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
    ];
    const SECOND: [u8; 12] = [0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];

    #[test]
    fn values_of_the_standard() {
        // RFC 7541, C.4.
        let mut decoder = Decoder::new();
        let first = [":method=GET", ":scheme=http", ":path=/", ":authority=www.example.com"];
        assert_eq!(decode(&mut decoder, &FIRST), (first.map(str::to_owned).to_vec(), 0));
        assert_eq!(decoder.size, 57);
        let (second, _) = decode(&mut decoder, &SECOND);
        assert_eq!(second[..4], first);
        assert_eq!(second[4], "cache-control=no-cache");
        assert_eq!(decoder.size, 110);
    }

    #[test]
    fn what_was_not_seen_costs_only_itself() {
        let mut decoder = Decoder::new();
        let (found, unknown) = decode(&mut decoder, &SECOND);
        assert_eq!(found, [":method=GET", ":scheme=http", ":path=/", "cache-control=no-cache"]);
        assert_eq!(unknown, 1);
        // The newest entry is number 62 whatever came before it.
        assert_eq!(decode(&mut decoder, &[0xbe]), (vec!["cache-control=no-cache".to_owned()], 0));
        // A value whose name was not seen keeps its place.
        assert_eq!(decode(&mut decoder, &[0x7f, 9, 1, b'x']), (vec![], 1));
        assert_eq!(decode(&mut decoder, &[0xbe]), (vec![], 1));
        assert_eq!(decode(&mut decoder, &[0xbf]), (vec!["cache-control=no-cache".to_owned()], 0));
        decoder.forget();
        assert_eq!(decode(&mut decoder, &[0xbe]), (vec![], 1));
    }

    #[test]
    fn the_table_is_bounded_by_the_encoder_and_here() {
        let mut decoder = Decoder::new();
        decode(&mut decoder, &FIRST);
        // Size 56 has no room for it, 57 had.
        decode(&mut decoder, &[0x3f, 25]);
        assert_eq!((decoder.entries.len(), decoder.size), (0, 0));
        decode(&mut decoder, &[0x3f, 0xff, 0xff, 0x7f]);
        assert_eq!(decoder.limit, MAX_TABLE);
        let field = [&[0x40, 1, b'n', 0x7f, 0x81, 0x0f][..], &[b'v'; 2048]].concat();
        for _ in 0..100 {
            decode(&mut decoder, &field);
        }
        assert!(decoder.size <= MAX_TABLE && decoder.entries.len() == MAX_TABLE / (2048 + 33));
        // A block of nothing but references is cut off at the bound of a list.
        let mut list = List::default();
        decoder.block(&[0xbe; 1000], &mut list).expect("a block");
        assert_eq!(list.fields.len() as u32 + list.dropped, 1000);
        assert_eq!(list.fields.len(), MAX_LIST / (2048 + 33));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for bad in [
            &[0x80][..],
            &[0x3f],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x40],
            &[0x40, 2, b'n'],
            &[0x40, 0x81, 0, 0],
            &[0x41, 0x7f],
        ] {
            assert_eq!(Decoder::new().block(bad, &mut List::default()), Err(Broken), "{bad:?}");
        }
    }
}
