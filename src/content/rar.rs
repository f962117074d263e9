//! RAR 1.5 to 4 and RAR 5 (technote.txt of unrar; "RAR 5.0 archive format" of rarlab.com): block headers read as they
//! pass, data skipped.

use super::archive::Members;
use crate::record::Archive;

/// Longest block header that is read, in bytes; a name is at most 64 KiB, real ones are short.
const HEADER_MAX: usize = 4096;

/// Bytes of the longer of the two signatures.
const SIGNATURE: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Skip(u64),
    Signature,
    /// Collecting a block header; the number of bytes needed next.
    Block(usize),
    Done,
}

/// A walk through a RAR archive.
#[derive(Debug)]
pub(super) struct Rar {
    state: State,
    buffer: Vec<u8>,
    /// The signature has passed.
    begun: bool,
    five: bool,
    encrypted: bool,
    members: Members,
}

/// What a whole block header says.
struct Block {
    /// Bytes of data behind it.
    data: u64,
    /// Nothing readable follows.
    last: bool,
}

impl Rar {
    /// The signature stands `offset` bytes on.
    pub(super) fn new(offset: u64) -> Self {
        let state = if offset == 0 { State::Signature } else { State::Skip(offset) };
        Self {
            state,
            buffer: Vec::new(),
            begun: false,
            five: false,
            encrypted: false,
            members: Members::default(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let need = match self.state {
                State::Done => return,
                State::Skip(left) => {
                    let used = left.min(rest.len() as u64);
                    rest = &rest[used as usize..];
                    self.state = if used < left { State::Skip(left - used) } else { self.due() };
                    continue;
                }
                State::Signature => SIGNATURE,
                State::Block(need) => need,
            };
            let used = need.saturating_sub(self.buffer.len()).min(rest.len());
            self.buffer.extend_from_slice(&rest[..used]);
            rest = &rest[used..];
            if self.buffer.len() >= need {
                self.collected();
            }
        }
    }

    /// What is due after skipping: the signature once, then blocks.
    fn due(&self) -> State {
        if self.begun { State::Block(7) } else { State::Signature }
    }

    pub(super) fn skip(&mut self, length: u64) {
        self.state = match self.state {
            State::Skip(left) if left > length => State::Skip(left - length),
            State::Skip(left) if left == length => self.due(),
            _ => State::Done,
        };
        self.buffer.clear();
    }

    pub(super) fn in_step(&self) -> bool {
        self.state != State::Done
    }

    pub(super) fn finish(self) -> Archive {
        self.members.into_archive("rar", self.encrypted)
    }

    fn collected(&mut self) {
        if self.state == State::Signature {
            self.five = self.buffer[6] == 1;
            self.begun = true;
            // The older signature is a byte shorter: the eighth byte begins its first block.
            let first = if self.five { Vec::new() } else { self.buffer.split_off(7) };
            self.buffer = first;
            self.state = State::Block(7);
            return;
        }
        let need = if self.five { need5(&self.buffer) } else { need4(&self.buffer) };
        match need {
            Some(need) if need > HEADER_MAX => self.state = State::Done,
            Some(need) if need > self.buffer.len() => self.state = State::Block(need),
            Some(_) => {
                let block = if self.five { self.block5() } else { self.block4() };
                self.state = match block {
                    Some(Block { last: false, data }) if data > 0 => State::Skip(data),
                    Some(Block { last: false, .. }) => State::Block(7),
                    _ => State::Done,
                };
                self.buffer.clear();
            }
            None => self.state = State::Done,
        }
    }

    /// `crc2 type1 flags2 size2 [add4]`; 0x74 is a file, 0x73 the main header.
    fn block4(&mut self) -> Option<Block> {
        let header = self.buffer.as_slice();
        let (kind, flags) = (*header.get(2)?, u16le(header, 3)?);
        let added = if flags & 0x8000 != 0 { u64::from(u32le(header, 7)?) } else { 0 };
        match kind {
            0x73 if flags & 0x80 != 0 => {
                self.encrypted = true;
                Some(Block { data: 0, last: true })
            }
            0x74 => {
                let (mut packed, mut unpacked) =
                    (u64::from(u32le(header, 7)?), u64::from(u32le(header, 11)?));
                let length = usize::from(u16le(header, 26)?);
                let mut at = 32;
                if flags & 0x100 != 0 {
                    packed |= u64::from(u32le(header, 32)?) << 32;
                    unpacked |= u64::from(u32le(header, 36)?) << 32;
                    at = 40;
                }
                // A Unicode name is an ASCII one, a NUL and its encoding.
                let name = header.get(at..at + length)?;
                let name = name.split(|b| *b == 0).next()?;
                self.encrypted |= flags & 4 != 0;
                self.members.add(name, unpacked);
                Some(Block { data: packed, last: false })
            }
            0x7b => Some(Block { data: 0, last: true }),
            0x72..=0x7a => Some(Block { data: added, last: false }),
            _ => None,
        }
    }

    /// `crc4 size type flags [extra] [data] ...`, all but the first as variable integers.
    fn block5(&mut self) -> Option<Block> {
        let mut cursor = Cursor { bytes: self.buffer.get(4..)? };
        let _size = cursor.vint()?;
        let (kind, flags) = (cursor.vint()?, cursor.vint()?);
        let extra = if flags & 1 != 0 { cursor.vint()? } else { 0 };
        let data = if flags & 2 != 0 { cursor.vint()? } else { 0 };
        match kind {
            2 => {
                let file_flags = cursor.vint()?;
                let (unpacked, _attributes) = (cursor.vint()?, cursor.vint()?);
                cursor.skip(if file_flags & 2 != 0 { 4 } else { 0 })?;
                cursor.skip(if file_flags & 4 != 0 { 4 } else { 0 })?;
                let (_compression, _os) = (cursor.vint()?, cursor.vint()?);
                let length = usize::try_from(cursor.vint()?).ok()?;
                let name = cursor.bytes.get(..length)?;
                let rest = cursor.bytes.get(length..)?;
                let extra = rest.get(rest.len().checked_sub(usize::try_from(extra).ok()?)?..)?;
                self.encrypted |= encrypts(extra);
                let unpacked = if file_flags & 8 != 0 { 0 } else { unpacked };
                self.members.add(name, unpacked);
                Some(Block { data, last: false })
            }
            4 => {
                self.encrypted = true;
                Some(Block { data: 0, last: true })
            }
            5 => Some(Block { data: 0, last: true }),
            _ => Some(Block { data, last: false }),
        }
    }
}

/// Whether an extra area holds an encryption record (type 1).
fn encrypts(extra: &[u8]) -> bool {
    let mut cursor = Cursor { bytes: extra };
    while let Some(size) = cursor.vint() {
        let Some(record) = usize::try_from(size).ok().and_then(|size| cursor.bytes.get(..size)) else {
            break;
        };
        if (Cursor { bytes: record }).vint() == Some(1) {
            return true;
        }
        cursor.bytes = &cursor.bytes[record.len()..];
    }
    false
}

fn need4(header: &[u8]) -> Option<usize> {
    u16le(header, 5).map(usize::from).filter(|size| *size >= 7)
}

/// CRC, the size field itself, and the size.
fn need5(header: &[u8]) -> Option<usize> {
    let rest = header.get(4..)?;
    let mut cursor = Cursor { bytes: rest };
    // A header of more than 2 MiB is not allowed: the field has at most three bytes, and all are here.
    let size = usize::try_from(cursor.vint()?).ok()?;
    let field = rest.len() - cursor.bytes.len();
    (size > 1).then(|| size.saturating_add(4 + field))
}

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl Cursor<'_> {
    /// Seven bits a byte, least first; the high bit says that more follow.
    fn vint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.bytes = self.bytes.get(length..)?;
        Some(())
    }
}

fn u16le(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..offset + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes)
}

fn u32le(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..offset + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file4(name: &[u8], data: &[u8], flags: u16) -> Vec<u8> {
        let mut block = vec![0, 0, 0x74];
        block.extend_from_slice(&(0x8000 | flags).to_le_bytes());
        block.extend_from_slice(&(32 + name.len() as u16).to_le_bytes());
        block.extend_from_slice(&(data.len() as u32).to_le_bytes());
        block.extend_from_slice(&900_u32.to_le_bytes());
        block.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 29, 0x33]);
        block.extend_from_slice(&(name.len() as u16).to_le_bytes());
        block.extend_from_slice(&[0; 4]);
        block.extend_from_slice(name);
        block.extend_from_slice(data);
        block
    }

    fn block5(body: &[u8]) -> Vec<u8> {
        [&[0xaa; 4], [body.len() as u8].as_slice(), body].concat()
    }

    fn walk(bytes: &[u8], offset: u64, size: usize) -> Archive {
        let mut rar = Rar::new(offset);
        bytes.chunks(size).for_each(|piece| rar.feed(piece));
        rar.finish()
    }

    #[test]
    fn rar4_files_are_named() {
        let mut bytes = b"Rar!\x1a\x07\x00".to_vec();
        bytes.extend_from_slice(&[0, 0, 0x73, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(file4(b"Passwords.txt", &[9; 300], 0));
        bytes.extend(file4(b"b\0\x01x", &[], 4));
        for size in [1, 7, 1000] {
            let found = walk(&bytes, 0, size);
            let names: Vec<_> = found.members.iter().map(|m| (m.name.as_str(), m.bytes)).collect();
            assert_eq!(names, [("Passwords.txt", 900), ("b", 900)]);
            assert!(found.encrypted);
        }
    }

    #[test]
    fn rar5_files_are_named_behind_a_prefix() {
        let mut bytes = b"len=9;Rar!\x1a\x07\x01\x00".to_vec();
        bytes.extend(block5(&[1, 0, 0]));
        // type 2, flags 2 (data), 5 bytes of data, no file flags, size 300, attributes, compression, system, name.
        bytes.extend(block5(&[2, 2, 5, 0, 0xac, 0x02, 0x20, 0, 0, 5, b'a', b'.', b't', b'x', b't']));
        bytes.extend_from_slice(b"DATA!");
        bytes.extend(block5(&[2, 0, 0, 1, 0x20, 0, 0, 1, b'b']));
        bytes.extend(block5(&[5, 0, 0]));
        for size in [1, 3, 1000] {
            let found = walk(&bytes, 6, size);
            let names: Vec<_> = found.members.iter().map(|m| (m.name.as_str(), m.bytes)).collect();
            assert_eq!(names, [("a.txt", 300), ("b", 1)]);
            assert!(!found.encrypted);
        }
        let hidden = [b"Rar!\x1a\x07\x01\x00".as_slice(), &block5(&[4, 0, 0, 0, 15])].concat();
        assert!(walk(&hidden, 0, 5).encrypted);
    }
}
