//! The bytes of an input as they are stored: read once, counted and hashed on the way.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes read at once when the rest of an input is only hashed.
const DRAIN: usize = 1 << 18;

/// Bytes read at once where they are hashed.
const HASHED: usize = 1 << 17;

/// What the whole input was.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Digested {
    /// Lower-case hexadecimal SHA-256, empty if it was not asked for.
    pub sha256: String,
    /// Bytes as stored.
    pub bytes: u64,
}

struct Tap {
    inner: Box<dyn Read + Send>,
    hash: Option<Sha256>,
}

struct Shared {
    tap: Mutex<Tap>,
    /// Bytes read so far. Beside the lock, which may be held while a pipe is waited for.
    bytes: AtomicU64,
}

/// A handle on an input. Decoders own one and read through it; another stays behind to take the hash when they are
/// done or have given up. The lock is taken once a piece, never by two at a time.
#[derive(Clone)]
pub struct Input(Arc<Shared>);

impl Input {
    /// Opens a path, `-` for standard input.
    pub fn open(path: &Path, hash: bool) -> io::Result<Self> {
        let inner: Box<dyn Read + Send> =
            if path.as_os_str() == "-" { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
        Ok(Self::new(inner, hash))
    }

    /// An input of what `inner` gives.
    pub fn new(inner: Box<dyn Read + Send>, hash: bool) -> Self {
        let tap = Mutex::new(Tap { inner, hash: hash.then(Sha256::new) });
        Self(Arc::new(Shared { tap, bytes: AtomicU64::new(0) }))
    }

    /// Stops hashing: nobody will ask.
    pub fn forget_hash(&self) {
        self.tap().hash = None;
    }

    /// Bytes read so far, as stored.
    pub fn position(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    fn tap(&self) -> MutexGuard<'_, Tap> {
        self.0.tap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_by(&self, tap: &mut Tap, out: &mut [u8]) -> io::Result<usize> {
        let n = tap.read(out)?;
        self.0.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }

    /// Reads what is left, so that the hash is that of the whole, and says what was stored. Where reading fails
    /// the hash is that of what could be read.
    pub fn finish(&self) -> Digested {
        let mut tap = self.tap();
        let mut piece = vec![0; DRAIN];
        loop {
            match self.read_by(&mut tap, &mut piece) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        Digested { sha256: tap.hash.take().map(hex).unwrap_or_default(), bytes: self.position() }
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.read_by(&mut self.tap(), out)
    }
}

impl Read for Tap {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // What is hashed right after it was read should still be in the cache next to the core.
        let most = if self.hash.is_some() { HASHED.min(out.len()) } else { out.len() };
        let n = self.inner.read(out.get_mut(..most).unwrap_or_default())?;
        if let Some(hash) = &mut self.hash {
            hash.update(out.get(..n).unwrap_or_default());
        }
        Ok(n)
    }
}

/// A hash in lower-case hexadecimal.
pub fn hex(hash: Sha256) -> String {
    use std::fmt::Write as _;
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads until `out` is full, the input ends or fails; the error comes with the next call if bytes came before it.
pub fn fill(reader: &mut dyn Read, out: &mut [u8]) -> (usize, io::Result<()>) {
    let mut have = 0;
    while let Some(rest) = out.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (have, Err(error)),
        }
    }
    (have, Ok(()))
}
