//! One layer of compression, recognised by its first bytes and undone.
//!
//! Formats: RFC 1952 (gzip), RFC 8878 (zstd), the .xz file format 1.2, the LZ4 frame format 1.6, bzip2. A decoder that meets
//! an error hands out what it had decoded before, as far as the library lets it; a panic in one is an error too.

use super::bzip2::Bzip2;
use super::stored::Input;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Largest window that is given to a decoder, in bytes: what `xz -9` and `zstd --ultra -22` need.
const MAX_WINDOW: u64 = 128 << 20;
/// The same for the xz decoder with its tables, in KiB.
const MAX_XZ_KIB: u32 = (MAX_WINDOW >> 10) as u32 + 1024;
/// Compressed bytes read at once.
const BUFFER: usize = 1 << 18;
/// Bytes asked of a decoder at once. What it decoded in a call that fails is lost, so this is small.
const STEP: usize = 1 << 12;

/// Compressions by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstd,
    Xz,
    Lz4,
    Bzip2,
}

impl Compression {
    /// What `head` starts with.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // A skippable frame may come first; writers that use one (pzstd) are zstd's.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            // A block or, of nothing, the end.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, ..] => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// As reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
        }
    }

    /// A reader of what was compressed. `head` are the first bytes of `input`, read already.
    pub fn undo(self, head: Vec<u8>, input: Input) -> Box<dyn Read + Send> {
        let input = BufReader::with_capacity(BUFFER, io::Cursor::new(head).chain(input));
        let inner: Box<dyn Read + Send> = match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Self::Zstd => Box::new(Zstd::new(input)),
            Self::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, MAX_XZ_KIB)),
            Self::Lz4 => Box::new(Lz4(lz4_flex::frame::FrameDecoder::new(input))),
            Self::Bzip2 => Box::new(Bzip2::new(input)),
        };
        Box::new(Guarded { inner, over: false })
    }
}

/// Packings that are recognised only to be named in the error.
pub fn unread(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'P', b'K', 3, 4, ..] => Some("ZIP"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("7z"),
        [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => Some("RAR"),
        _ => None,
    }
}

/// Keeps a decoder from being asked again after it failed, and a panic of one from spreading.
struct Guarded {
    inner: Box<dyn Read + Send>,
    over: bool,
}

impl Read for Guarded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.over {
            return Ok(0);
        }
        let length = out.len().min(STEP);
        let out = out.get_mut(..length).unwrap_or_default();
        let got = catch_unwind(AssertUnwindSafe(|| self.inner.read(out)))
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::InvalidData, "decoder gave up")));
        self.over = got.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        got
    }
}

/// LZ4 frames one after the other: the decoder says 0 at the end of each.
struct Lz4<R: Read>(lz4_flex::frame::FrameDecoder<R>);

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.0.read(out)?;
            if n > 0 || self.0.get_mut().fill_buf()?.is_empty() {
                return Ok(n);
            }
        }
    }
}

/// zstd frames one after the other, skippable ones passed over.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    /// Inside a frame.
    open: bool,
    /// What went wrong; told when everything decoded before it has been handed out.
    failed: Option<io::Error>,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self { source, decoder, open: false, failed: None }
    }

    /// Begins the next frame; false at the end of the input.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(self.cause(&error)),
            }
        }
        Ok(false)
    }

    /// Decodes one block. The decoder keeps a window of decoded bytes back until a frame is over: after an error it is
    /// given an empty last block (and a checksum that is not looked at), so that it hands out what it had.
    fn block(&mut self) {
        if let Err(error) = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
        {
            self.failed = Some(self.cause(&error));
            let last: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
            let _ = self.decoder.decode_blocks(last, BlockDecodingStrategy::UptoBlocks(1));
        }
    }

    /// An input that is used up was cut, any other error is damage.
    fn cause(&mut self, error: &FrameDecoderError) -> io::Error {
        let cut = self.source.fill_buf().is_ok_and(<[u8]>::is_empty);
        let kind = if cut { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
        io::Error::new(kind, error.to_string())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if self.open && self.decoder.can_collect() > 0 {
                return self.decoder.read(out);
            }
            if let Some(error) = self.failed.take() {
                self.open = false;
                return Err(error);
            }
            if self.open && !self.decoder.is_finished() {
                self.block();
            } else {
                self.open = self.begin()?;
                if !self.open {
                    return Ok(0);
                }
            }
        }
    }
}
