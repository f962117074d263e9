//! Archives, walked as they pass.

use super::rar::Rar;
use super::tar::Tar;
use super::zip::Zip;
use super::{gzip, magic};
use crate::record::{Archive, Marker, Member};
use smol_str::SmolStr;

/// Members kept by name; the rest is counted. A stealer's archive has dozens, a backup has thousands.
pub(super) const MEMBERS_MAX: usize = 256;

/// Longest name kept, in bytes.
const NAME_MAX: usize = 255;

/// Reads one kind of archive.
#[derive(Debug)]
pub(super) enum Walker {
    Zip(Zip),
    Tar(Box<Tar>),
    Rar(Box<Rar>),
    /// Recognised, no members in sight.
    Plain(Archive),
}

impl Walker {
    /// The walker for an archive of this type at the start of the body, of which `head` is the beginning. `look`:
    /// the text of its members is looked at.
    pub(super) fn of(magic: Option<&str>, head: &[u8], look: bool) -> Option<Self> {
        Some(match magic? {
            "zip" => Self::Zip(Zip::new(look)),
            "tar" => Self::Tar(Box::new(Tar::new())),
            "rar" => Self::Rar(Box::new(Rar::new(0))),
            "gzip" => {
                let name = gzip::header(head).and_then(|header| header.name);
                let members = name.map(|name| Member { name: name_of(name), bytes: 0 }).into_iter().collect();
                Self::Plain(Archive { kind: SmolStr::new_static("gzip"), members, ..Archive::default() })
            }
            kind @ ("7z" | "cab") => Self::Plain(Archive { kind: kind.into(), ..Archive::default() }),
            _ => return None,
        })
    }

    /// The walker for an archive that may stand anywhere in a body of no known type.
    pub(super) fn search(head: &[u8]) -> Self {
        match magic::behind_prefix(head) {
            Some(("rar", offset)) => Self::Rar(Box::new(Rar::new(offset as u64))),
            Some((kind, _)) => Self::Plain(Archive { kind: kind.into(), ..Archive::default() }),
            None => Self::Zip(Zip::searching()),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Zip(zip) => zip.feed(bytes),
            Self::Tar(tar) => tar.feed(bytes),
            Self::Rar(rar) => rar.feed(bytes),
            Self::Plain(_) => {}
        }
    }

    /// `length` bytes are not seen.
    pub(super) fn skip(&mut self, length: u64) {
        match self {
            Self::Zip(zip) => zip.skip(length),
            Self::Tar(tar) => tar.skip(length),
            Self::Rar(rar) => rar.skip(length),
            Self::Plain(_) => {}
        }
    }

    /// Whether it stands in an archive whose next header it can reach by skipping: it then goes on beyond the
    /// bound on scanning, at no cost.
    pub(super) fn in_step(&self) -> bool {
        match self {
            Self::Zip(zip) => zip.in_step(),
            Self::Tar(tar) => tar.in_step(),
            Self::Rar(rar) => rar.in_step(),
            Self::Plain(_) => false,
        }
    }

    /// Whether more bytes may add members.
    pub(super) fn wants(&self) -> bool {
        match self {
            Self::Zip(_) => true,
            Self::Plain(_) => false,
            Self::Tar(_) | Self::Rar(_) => self.in_step(),
        }
    }

    /// The archive, and the markers in its text members.
    pub(super) fn finish(self) -> (Option<Archive>, Vec<Marker>) {
        match self {
            Self::Zip(zip) => zip.finish(),
            Self::Tar(tar) => (Some(tar.finish()), Vec::new()),
            Self::Rar(rar) => (Some(rar.finish()), Vec::new()),
            Self::Plain(archive) => (Some(archive), Vec::new()),
        }
    }
}

/// A name for the record: lossily decoded and bounded.
pub(super) fn name_of(bytes: &[u8]) -> String {
    // Cut bytes first: a hostile name may be 64 KiB.
    let text = String::from_utf8_lossy(bytes.get(..NAME_MAX).unwrap_or(bytes));
    let clean = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut name: String = clean.collect();
    while name.len() > NAME_MAX {
        name.pop();
    }
    name
}

/// Members of an archive, kept up to the bound.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub list: Vec<Member>,
    /// How many there were.
    pub seen: u64,
}

impl Members {
    pub(super) fn add(&mut self, name: &[u8], bytes: u64) {
        self.seen = self.seen.saturating_add(1);
        if self.list.len() < MEMBERS_MAX {
            self.list.push(Member { name: name_of(name), bytes });
        }
    }

    pub(super) fn into_archive(self, kind: &str, encrypted: bool) -> Archive {
        let more = self.seen.saturating_sub(self.list.len() as u64);
        Archive { kind: kind.into(), encrypted, members: self.list, more }
    }
}
