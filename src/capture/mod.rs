//! Files to packets.
//!
//! In: paths. Out: [`Packet`]s with the frame numbers Wireshark gives them, and what each file is. This room
//! opens, decompresses, hashes and puts files in order, and writes packets to a new pcapng as they were; it refuses to
//! know what the bytes of a packet mean.
//!
//! [`expand`] turns paths into [`Source`]s in order, [`open`] gives a [`Reader`] for each, which gives packets until it
//! says `None`, and is then [finished](Reader::finish). Damage is noted and read past; only what prevents a file from
//! being opened is an [`Error`]. [`Reader::originals`] gives packets with all that their file says of them, which a
//! [`Writer`] writes down again.

mod ascend;
mod bytes;
mod bzip2;
mod compression;
mod error;
mod expand;
mod foreign;
mod open;
mod original;
mod packet;
mod pcap;
mod pcapng;
mod reader;
mod stored;
mod window;
mod writer;

#[cfg(test)]
mod tests;

use crate::time::Timestamp;
use std::path::PathBuf;

use compression::Compression;
pub use error::Error;
pub use expand::{Expanded, expand};
#[doc(hidden)]
pub use open::open_bytes;
pub use open::{Opened, Options, Records, open};
pub use original::{Description, Original, Originals, Secrets};
pub use packet::{LinkType, Packet};
pub use reader::{Info, Reader};
pub use window::Spent;
pub use writer::Writer;

/// An input to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is; `-` for standard input.
    pub path: PathBuf,
    /// As reports print it.
    pub name: String,
    /// Time of its first packet, where it could be looked at beforehand.
    pub first: Option<Timestamp>,
}

impl Source {
    /// Its length in bytes as stored; nothing where that is not known before it is read, as of a pipe.
    pub fn size(&self) -> Option<u64> {
        let known = std::fs::metadata(&self.path).ok().filter(|_| self.path.as_os_str() != "-")?;
        known.is_file().then_some(known.len())
    }
}
