//! ZIP (APPNOTE.TXT 6.3.10): local headers read as they pass, the central directory for those that were missed.

use super::archive::{MEMBERS_MAX, Members, name_of};
use super::member::{self, Texts};
use crate::record::{Archive, Marker};

/// Bytes of a local header before the name (4.3.7).
const LOCAL: usize = 30;
/// Bytes of a central header before the name (4.3.12).
const CENTRAL: usize = 46;
/// Bytes of the end record before the comment (4.3.16).
const END: usize = 22;
/// Bytes of a data descriptor with signature (4.3.9).
const DESCRIPTOR: usize = 16;

/// Longest believed name, in bytes; longer ones are noise that looks like a header.
const NAME_MAX: usize = 1024;

/// Bytes of extra fields that are read; the rest is skipped. ZIP64 and AES stand well within.
const EXTRA_MAX: usize = 256;

/// Central headers that are compared with what passed; a longer directory is only counted.
const CENTRAL_MAX: u64 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Looking for the next header anywhere; the bytes kept are a possible beginning of one.
    Search,
    /// Collecting a header of `need` bytes, as far as it is known.
    Collect(usize),
    /// Passing over this many bytes, then a header is due.
    Skip(u64),
}

/// A walk through a ZIP archive.
#[derive(Debug)]
pub(super) struct Zip {
    state: State,
    buffer: Vec<u8>,
    members: Members,
    centrals: u64,
    encrypted: bool,
    found: bool,
    /// Bytes read so far.
    at: u64,
    /// Where the data of the last member begins, while its size is unknown.
    data_at: Option<u64>,
    /// Text members are looked at.
    look: bool,
    texts: Option<Box<Texts>>,
}

fn u16at(bytes: &[u8], offset: usize) -> u16 {
    bytes.get(offset..offset + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32at(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..offset + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..offset + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes)
}

fn signature(bytes: [u8; 4]) -> bool {
    matches!(&bytes, b"PK\x03\x04" | b"PK\x01\x02" | b"PK\x05\x06" | b"PK\x07\x08")
}

impl Zip {
    /// For a body that begins with a header.
    pub(super) fn new(look: bool) -> Self {
        Self { state: State::Collect(4), look, ..Self::searching() }
    }

    /// For a body in which an archive may begin anywhere.
    pub(super) fn searching() -> Self {
        Self {
            state: State::Search,
            buffer: Vec::new(),
            members: Members::default(),
            centrals: 0,
            encrypted: false,
            found: false,
            at: 0,
            data_at: None,
            look: true,
            texts: None,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.state == State::Search
            && self.buffer.is_empty()
            && self.texts.is_none()
            && find(bytes).is_none()
        {
            // Nearly all that is searched.
            self.buffer.extend_from_slice(beginning(bytes));
            self.at = self.at.saturating_add(bytes.len() as u64);
            return;
        }
        let mut rest = bytes;
        // Bytes of a header that proved to be none are read again.
        let mut again: Vec<u8> = Vec::new();
        while !(rest.is_empty() && again.is_empty()) {
            if again.is_empty() {
                let (used, replay) = self.step(rest);
                rest = &rest[used..];
                again = replay;
            } else {
                let (used, replay) = self.step(&again);
                again.splice(..used, replay);
            }
        }
    }

    pub(super) fn skip(&mut self, length: u64) {
        self.at = self.at.saturating_add(length);
        self.data_at = None;
        if let Some(texts) = &mut self.texts {
            texts.end();
        }
        self.state = match self.state {
            State::Skip(left) if left > length => State::Skip(left - length),
            State::Skip(left) if left == length => State::Collect(4),
            _ => State::Search,
        };
        self.buffer.clear();
    }

    pub(super) fn in_step(&self) -> bool {
        self.found && self.state != State::Search
    }

    /// The archive, and the markers in its text members.
    pub(super) fn finish(mut self) -> (Option<Archive>, Vec<Marker>) {
        self.members.seen = self.members.seen.max(self.centrals);
        let markers = self.texts.map(|texts| texts.finish()).unwrap_or_default();
        (self.found.then(|| self.members.into_archive("zip", self.encrypted)), markers)
    }

    /// Takes some of `bytes`: how many, and what must be read again first.
    fn step(&mut self, bytes: &[u8]) -> (usize, Vec<u8>) {
        match self.state {
            State::Search => {
                let used = self.search(bytes);
                self.read(&bytes[..used]);
                self.at = self.at.saturating_add(used as u64);
                (used, Vec::new())
            }
            State::Skip(left) => {
                let used = left.min(bytes.len() as u64);
                self.read(&bytes[..used as usize]);
                self.state = if used == left { State::Collect(4) } else { State::Skip(left - used) };
                self.at = self.at.saturating_add(used);
                (used as usize, Vec::new())
            }
            State::Collect(need) => {
                let used = need.saturating_sub(self.buffer.len()).min(bytes.len());
                self.buffer.extend_from_slice(&bytes[..used]);
                self.at = self.at.saturating_add(used as u64);
                let replay = if self.buffer.len() >= need { self.collected() } else { Vec::new() };
                self.at = self.at.saturating_sub(replay.len() as u64);
                (used, replay)
            }
        }
    }

    /// Bytes of a member's data.
    fn read(&mut self, data: &[u8]) {
        if let Some(texts) = &mut self.texts {
            texts.feed(data);
        }
    }

    /// Looks for the next signature; keeps up to three bytes that may begin one.
    fn search(&mut self, bytes: &[u8]) -> usize {
        if !self.buffer.is_empty() {
            let held = self.buffer.len();
            let mut joined = std::mem::take(&mut self.buffer);
            joined.extend_from_slice(&bytes[..bytes.len().min(3)]);
            if let Some(at) = find(&joined)
                && at < held
            {
                self.hold(&joined[at..at + 4]);
                return at + 4 - held;
            }
            if bytes.len() < 3 {
                self.buffer.extend_from_slice(beginning(&joined));
                return bytes.len();
            }
        }
        if let Some(at) = find(bytes) {
            self.hold(&bytes[at..at + 4]);
            return at + 4;
        }
        self.buffer.extend_from_slice(beginning(bytes));
        bytes.len()
    }

    fn hold(&mut self, signature: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(signature);
        self.want();
    }

    /// Sets how much of the header in the buffer is needed next, by its signature.
    fn want(&mut self) -> bool {
        let need = match self.buffer.get(..4) {
            Some(b"PK\x03\x04") => LOCAL,
            Some(b"PK\x01\x02") => CENTRAL,
            Some(b"PK\x05\x06") => END,
            Some(b"PK\x07\x08") => DESCRIPTOR,
            _ => return false,
        };
        self.state = State::Collect(need);
        true
    }

    /// The buffer holds what was asked for, and `at` stands behind it. Gives back what must be read again.
    fn collected(&mut self) -> Vec<u8> {
        match self.buffer.len() {
            // The spanned marker (8.5.4) is passed over by the search.
            4 if !self.want() => self.lost(0),
            4 => Vec::new(),
            _ => match &self.buffer[..4] {
                b"PK\x03\x04" => self.local(),
                b"PK\x01\x02" => self.central(),
                b"PK\x05\x06" => {
                    let comment = u16at(&self.buffer, 20);
                    self.next(u64::from(comment))
                }
                _ => self.descriptor(),
            },
        }
    }

    /// Not a header: what stands from `from` on is searched.
    fn lost(&mut self, from: usize) -> Vec<u8> {
        self.state = State::Search;
        let replay = self.buffer.split_off(from.min(self.buffer.len()));
        self.buffer.clear();
        replay
    }

    fn next(&mut self, skip: u64) -> Vec<u8> {
        self.buffer.clear();
        self.state = if skip == 0 { State::Collect(4) } else { State::Skip(skip) };
        Vec::new()
    }

    fn local(&mut self) -> Vec<u8> {
        let header = self.buffer.as_slice();
        let (flags, method) = (u16at(header, 6), u16at(header, 8));
        let (name, extra) = (usize::from(u16at(header, 26)), usize::from(u16at(header, 28)));
        if header.len() == LOCAL {
            if !plausible(u16at(header, 4), method, name) {
                return self.lost(1);
            }
            self.state = State::Collect(LOCAL + name + extra.min(EXTRA_MAX));
            return Vec::new();
        }
        let (name, fields) = header[LOCAL..].split_at(name.min(header.len() - LOCAL));
        if !printable(name) {
            return self.lost(LOCAL);
        }
        let (packed, unpacked) = sizes(u32at(header, 18), u32at(header, 22), fields);
        let left = (extra - fields.len()) as u64;
        self.members.add(name, unpacked);
        self.encrypted |= flags & 1 != 0 || method == 99;
        self.found = true;
        if let Some(texts) = &mut self.texts {
            texts.end();
        }
        // Extra fields beyond what was read would stand before the data.
        if self.look && flags & 1 == 0 && left == 0 && member::readable(name, method) {
            self.texts.get_or_insert_with(|| Box::new(Texts::new())).begin(method);
        }
        if flags & 8 != 0 && packed == 0 {
            // The end is where the next signature stands; a descriptor then says the size.
            self.data_at = Some(self.at.saturating_add(left));
            return self.lost(usize::MAX);
        }
        self.data_at = None;
        self.next(packed.saturating_add(left))
    }

    fn central(&mut self) -> Vec<u8> {
        let header = self.buffer.as_slice();
        let (method, name) = (u16at(header, 10), usize::from(u16at(header, 28)));
        if header.len() == CENTRAL {
            if !plausible(u16at(header, 6), method, name) {
                return self.lost(1);
            }
            self.state = State::Collect(CENTRAL + name);
            return Vec::new();
        }
        let name = &header[CENTRAL..];
        if !printable(name) {
            return self.lost(CENTRAL);
        }
        self.encrypted |= u16at(header, 8) & 1 != 0 || method == 99;
        self.found = true;
        self.centrals = self.centrals.saturating_add(1);
        if self.centrals <= CENTRAL_MAX {
            let (size, shown) = (u64::from(u32at(header, 24)), name_of(name));
            match self.members.list.iter().position(|member| member.name == shown) {
                Some(at) if self.members.list[at].bytes == 0 => self.members.list[at].bytes = size,
                None if self.members.list.len() < MEMBERS_MAX => self.members.add(name, size),
                _ => {}
            }
        }
        let rest = u64::from(u16at(header, 30)) + u64::from(u16at(header, 32));
        self.next(rest)
    }

    fn descriptor(&mut self) -> Vec<u8> {
        let (packed, unpacked) = (u32at(&self.buffer, 8), u32at(&self.buffer, 12));
        let stands = self.at.saturating_sub(DESCRIPTOR as u64);
        // An archive inside a stored member has descriptors of its own: only the one that states the distance to
        // its member's data is believed.
        if self.data_at.is_some_and(|from| stands.checked_sub(from) == Some(u64::from(packed))) {
            if self.members.seen == self.members.list.len() as u64
                && let Some(last) = self.members.list.last_mut()
            {
                last.bytes = u64::from(unpacked);
            }
            self.data_at = None;
            return self.next(0);
        }
        self.lost(4)
    }
}

/// First signature in `bytes`.
fn find(bytes: &[u8]) -> Option<usize> {
    let whole = |at: &usize| bytes[*at..].first_chunk::<4>().is_some_and(|four| signature(*four));
    memchr::memchr_iter(b'P', bytes).find(whole)
}

/// The end of `bytes` in which a signature may begin: up to three bytes.
fn beginning(bytes: &[u8]) -> &[u8] {
    let last = &bytes[bytes.len().saturating_sub(3)..];
    last.iter().position(|byte| *byte == b'P').map_or(&[], |at| &last[at..])
}

/// Whether fields of a header are ones that a packer writes: version needed, method, length of the name.
fn plausible(version: u16, method: u16, name: usize) -> bool {
    // High byte: host system, up to 20; low byte: version times ten, up to 6.3 (4.4.2, 4.4.3).
    let version = version & 0xff <= 63 && version >> 8 <= 20;
    version && matches!(method, 0..=10 | 12 | 14 | 16 | 18..=20 | 93..=99) && (1..=NAME_MAX).contains(&name)
}

fn printable(name: &[u8]) -> bool {
    name.iter().all(|b| *b >= 0x20 && *b != 0x7f)
}

/// Packed and unpacked size, from the ZIP64 field where the header says so (4.5.3).
fn sizes(packed: u32, unpacked: u32, extra: &[u8]) -> (u64, u64) {
    let (mut packed64, mut unpacked64) = (u64::from(packed), u64::from(unpacked));
    let mut rest = extra;
    while rest.len() >= 4 {
        let length = usize::from(u16at(rest, 2));
        let Some(field) = rest.get(4..4 + length) else { break };
        if u16at(rest, 0) == 1 {
            let mut at = 0;
            if unpacked == u32::MAX {
                unpacked64 = u64at(field, at).unwrap_or(unpacked64);
                at += 8;
            }
            if packed == u32::MAX {
                packed64 = u64at(field, at).unwrap_or(packed64);
            }
        }
        rest = &rest[4 + length..];
    }
    (packed64, unpacked64)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// How a member is written.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in super::super) enum How {
        Plain,
        Descriptor,
        Encrypted,
    }

    /// An archive of stored members.
    pub(in super::super) fn archive(members: &[(&str, &[u8])], how: How) -> Vec<u8> {
        let (mut file, mut central) = (Vec::new(), Vec::new());
        for (name, data) in members {
            let flags: u16 = match how {
                How::Plain => 0,
                How::Descriptor => 8,
                How::Encrypted => 1,
            };
            let size = (data.len() as u32).to_le_bytes();
            let sizes = [[0; 4], size, size].concat();
            let name_length = (name.len() as u16).to_le_bytes();
            let head = [&[20, 0], flags.to_le_bytes().as_slice(), &[0, 0, 0x20, 0x48, 0x62, 0x5c]].concat();
            let offset = file.len() as u32;
            file.extend_from_slice(b"PK\x03\x04");
            file.extend_from_slice(&head);
            file.extend_from_slice(if how == How::Descriptor { &[0; 12] } else { &sizes });
            file.extend_from_slice(&name_length);
            file.extend_from_slice(&[0, 0]);
            file.extend_from_slice(name.as_bytes());
            file.extend_from_slice(data);
            if how == How::Descriptor {
                file.extend_from_slice(b"PK\x07\x08");
                file.extend_from_slice(&sizes);
            }
            central.extend_from_slice(b"PK\x01\x02\x14\x00");
            central.extend_from_slice(&head);
            central.extend_from_slice(&sizes);
            central.extend_from_slice(&name_length);
            central.extend_from_slice(&[0; 12]);
            central.extend_from_slice(&offset.to_le_bytes());
            central.extend_from_slice(name.as_bytes());
        }
        let (start, size, count) = (file.len() as u32, central.len() as u32, members.len() as u16);
        file.extend_from_slice(&central);
        file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        file.extend_from_slice(&count.to_le_bytes());
        file.extend_from_slice(&count.to_le_bytes());
        file.extend_from_slice(&size.to_le_bytes());
        file.extend_from_slice(&start.to_le_bytes());
        file.extend_from_slice(&[0, 0]);
        file
    }

    const LOOT: &[(&str, &[u8])] = &[
        ("Passwords.txt", b"nothing PK in here"),
        ("Cookies/Browser.txt", b""),
        ("screen.png", &[0x50; 700]),
    ];

    fn walk(bytes: &[u8], size: usize) -> Option<Archive> {
        let mut zip = Zip::searching();
        bytes.chunks(size).for_each(|piece| zip.feed(piece));
        zip.finish().0
    }

    fn names(archive: &Archive) -> Vec<(&str, u64)> {
        archive.members.iter().map(|m| (m.name.as_str(), m.bytes)).collect()
    }

    const EXPECTED: [(&str, u64); 3] =
        [("Passwords.txt", 18), ("Cookies/Browser.txt", 0), ("screen.png", 700)];

    #[test]
    fn members_pass_however_they_are_written_and_cut() {
        for how in [How::Plain, How::Descriptor, How::Encrypted] {
            let framed = [b"PKPK\x03\x04PK\x03".as_slice(), &archive(LOOT, how)].concat();
            for size in [1, 2, 3, 29, 4096] {
                let found = walk(&framed, size).unwrap();
                assert_eq!(names(&found), EXPECTED, "{how:?} in pieces of {size}");
                assert_eq!((found.encrypted, found.more), (how == How::Encrypted, 0));
            }
        }
    }

    #[test]
    fn the_directory_names_what_was_missed() {
        let bytes = archive(LOOT, How::Plain);
        let mut zip = Zip::new(true);
        zip.feed(&bytes[..10]);
        zip.skip(100);
        zip.feed(&bytes[110..]);
        let mut seen = zip.finish().0.unwrap();
        seen.members.sort_by_key(|m| m.bytes);
        assert_eq!(names(&seen), [EXPECTED[1], EXPECTED[0], EXPECTED[2]]);
    }

    #[test]
    fn a_hole_inside_a_member_is_stepped_over() {
        let bytes = archive(&[("a.bin", &[1; 5000]), ("b.txt", b"x")], How::Plain);
        let mut zip = Zip::new(true);
        zip.feed(&bytes[..200]);
        assert!(zip.in_step());
        zip.skip(4000);
        assert!(zip.in_step());
        zip.feed(&bytes[4200..5100]);
        assert_eq!(names(&zip.finish().0.unwrap()), [("a.bin", 5000), ("b.txt", 1)]);
    }

    #[test]
    fn more_members_than_kept_are_counted() {
        let many: Vec<(String, &[u8])> = (0..300).map(|n| (format!("f{n}"), b"x".as_slice())).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(name, data)| (name.as_str(), *data)).collect();
        let found = walk(&archive(&many, How::Plain), 1000).unwrap();
        assert_eq!((found.members.len(), found.more), (256, 44));
    }

    #[test]
    fn zip64_sizes_and_noise() {
        let mut extra = vec![1, 0, 16, 0];
        extra.extend_from_slice(&7_u64.to_le_bytes());
        extra.extend_from_slice(&5_u64.to_le_bytes());
        assert_eq!(sizes(u32::MAX, u32::MAX, &extra), (5, 7));
        assert_eq!(sizes(u32::MAX, 9, &extra[..6]), (u64::from(u32::MAX), 9));
        assert_eq!(walk(&b"PK\x03\x04\xff\xff noise ".repeat(50), 7), None);
        assert_eq!(walk(&b"PK\x03\x04".repeat(500), 11), None);
    }
}
