//! tar (POSIX ustar and pax, GNU long names): headers of 512 bytes, data skipped.

use super::archive::Members;
use crate::record::Archive;

const BLOCK: usize = 512;

/// Longest name in an extension header that is read, in bytes.
const LONG_MAX: u64 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Skip(u64),
    /// Data of an extension header that names the next member: type flag, bytes of value, bytes with padding.
    Long(u8, u64, u64),
    Done,
}

/// A walk through a tar archive.
#[derive(Debug)]
pub(super) struct Tar {
    state: State,
    buffer: Vec<u8>,
    members: Members,
    /// Name of the next member, out of an extension header.
    long: Option<Vec<u8>>,
}

impl Tar {
    pub(super) fn new() -> Self {
        Self { state: State::Header, buffer: Vec::new(), members: Members::default(), long: None }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let need = match self.state {
                State::Done => return,
                State::Skip(left) => {
                    let used = left.min(rest.len() as u64);
                    self.state = if used == left { State::Header } else { State::Skip(left - used) };
                    rest = &rest[used as usize..];
                    continue;
                }
                State::Header => BLOCK,
                State::Long(_, _, padded) => padded as usize,
            };
            let used = need.saturating_sub(self.buffer.len()).min(rest.len());
            self.buffer.extend_from_slice(&rest[..used]);
            rest = &rest[used..];
            if self.buffer.len() >= need {
                self.collected();
                self.buffer.clear();
            }
        }
    }

    /// Bytes that are not seen: inside a member they are stepped over, else the place is lost.
    pub(super) fn skip(&mut self, length: u64) {
        self.state = match self.state {
            State::Skip(left) if left > length => State::Skip(left - length),
            State::Skip(left) if left == length => State::Header,
            _ => State::Done,
        };
        self.buffer.clear();
    }

    pub(super) fn in_step(&self) -> bool {
        self.state != State::Done
    }

    pub(super) fn finish(self) -> Archive {
        self.members.into_archive("tar", false)
    }

    fn collected(&mut self) {
        if let State::Long(flag, length, _) = self.state {
            let value = self.buffer.get(..length as usize).unwrap_or_default();
            self.long = if flag == b'L' { Some(until_nul(value).to_vec()) } else { pax_path(value) };
            self.state = State::Header;
            return;
        }
        let header = self.buffer.as_slice();
        if !checksum_fits(header) {
            // Two blocks of zeros end an archive; anything else here is not one.
            self.state = State::Done;
            return;
        }
        let size = number(&header[124..136]);
        let padded = size.saturating_add(BLOCK as u64 - 1) / BLOCK as u64 * BLOCK as u64;
        let flag = header[156];
        if matches!(flag, b'L' | b'x') && (1..=LONG_MAX).contains(&size) {
            self.state = State::Long(flag, size, padded);
            return;
        }
        if !matches!(flag, b'g' | b'K' | b'L' | b'x') {
            let name = self.long.take().unwrap_or_else(|| name(header));
            self.members.add(&name, size);
        }
        self.state = if padded == 0 { State::Header } else { State::Skip(padded) };
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())]
}

fn name(header: &[u8]) -> Vec<u8> {
    let name = until_nul(&header[..100]);
    let prefix = until_nul(&header[345..500]);
    // GNU tar keeps times where ustar has the prefix; its magic ends in a space.
    if prefix.is_empty() || header[257..263] != *b"ustar\0" {
        name.to_vec()
    } else {
        [prefix, b"/", name].concat()
    }
}

/// The `path` record of a pax header: `length key=value\n`.
fn pax_path(value: &[u8]) -> Option<Vec<u8>> {
    value.split(|b| *b == b'\n').find_map(|record| {
        let at = memchr::memchr(b' ', record)?;
        record[at + 1..].strip_prefix(b"path=").map(<[u8]>::to_vec)
    })
}

/// Octal digits, or GNU's base 256 where the first bit is set.
fn number(field: &[u8]) -> u64 {
    if field.first().is_some_and(|b| b & 0x80 != 0) {
        return field[1..].iter().fold(0, |n: u64, b| n << 8 | u64::from(*b));
    }
    let digits = field.iter().skip_while(|b| **b == b' ').take_while(|b| (b'0'..=b'7').contains(b));
    digits.fold(0, |n: u64, b| n << 3 | u64::from(b - b'0'))
}

fn checksum_fits(header: &[u8]) -> bool {
    let sum = |range: &[u8]| range.iter().map(|b| u64::from(*b)).sum::<u64>();
    let total = sum(&header[..148]) + 8 * u64::from(b' ') + sum(&header[156..]);
    header[148] != 0 && number(&header[148..156]) == total
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn block(name: &[u8], flag: u8, data: &[u8]) -> Vec<u8> {
        let mut header = vec![0; BLOCK];
        header[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        header[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        header[156] = flag;
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u64 = header.iter().map(|b| u64::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header.extend_from_slice(data);
        header.resize(header.len().div_ceil(BLOCK) * BLOCK, 0);
        header
    }

    pub(in super::super) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file: Vec<u8> =
            members.iter().flat_map(|(name, data)| block(name.as_bytes(), b'0', data)).collect();
        file.extend_from_slice(&[0; 1024]);
        file
    }

    #[test]
    fn members_pass_and_long_names_are_read() {
        let mut file = block(b"x", b'L', b"a/very/long/name\0");
        file.extend(block(b"a/very/lo", b'0', &[7; 600]));
        file.extend(block(b"pax", b'x', b"18 path=of/pax.txt\n"));
        file.extend(block(b"short", b'0', b"1"));
        file.extend(archive(&[("last.txt", b"")]));
        for size in [1, 100, 512, 9000] {
            let mut tar = Tar::new();
            file.chunks(size).for_each(|piece| tar.feed(piece));
            let found = tar.finish();
            let names: Vec<_> = found.members.iter().map(|m| (m.name.as_str(), m.bytes)).collect();
            assert_eq!(names, [("a/very/long/name", 600), ("of/pax.txt", 1), ("last.txt", 0)], "{size}");
        }
    }

    #[test]
    fn a_hole_ends_it_unless_it_is_inside_a_member() {
        let file = archive(&[("a", &[1; 5000]), ("b", b"")]);
        let mut tar = Tar::new();
        tar.feed(&file[..600]);
        tar.skip(3000);
        tar.feed(&file[3600..]);
        assert_eq!(tar.finish().members.len(), 2);
        let mut tar = Tar::new();
        tar.feed(&file[..600]);
        tar.skip(6000);
        tar.feed(&file[6600..]);
        assert_eq!(tar.finish().members.len(), 1);
    }
}
