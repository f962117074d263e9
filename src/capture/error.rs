//! What stops one input.

use std::io;

/// What stops one input; the others go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It could not be opened or read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// There is nothing in it.
    #[error("the file is empty; end a capture before its file is copied")]
    Empty,
    /// It starts with nothing that is known.
    #[error(
        "not a capture: starts with {0}, which is neither pcap nor pcapng nor records; what Wireshark opens, `editcap -F pcapng FILE NEW` turns into pcapng"
    )]
    NotACapture(String),
    /// It is a capture of another program.
    #[error("{0} captures are not read; convert it to pcapng first (tshark -r FILE -w FILE.pcapng)")]
    Foreign(&'static str),
    /// It starts like a capture and ends before its header does.
    #[error("the capture ends inside its file header; copy it again from where it was made")]
    HeaderCut,
    /// It is compressed within compression: the inner and the outer method.
    #[error("{0} inside {1} is not read; unpack it once")]
    Nested(&'static str, &'static str),
    /// It is packed in a way that is not read.
    #[error("{0} files are not read; unpack it first")]
    Packed(&'static str),
    /// A directory with no capture below it.
    #[error("no capture in this directory ({0} other files)")]
    NoCaptures(usize),
}
