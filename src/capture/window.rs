//! A window over the bytes of a capture: grows only by bytes that are really there.
//!
//! Bytes come in pooled pieces, read and hashed and decompressed by a thread of their own or in line. A record that
//! reaches from one piece into the next is carried over in front of it, so that what is in the middle of a piece is
//! never copied.

use super::stored::fill;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, Read};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes of a piece: from 128 KiB to 2 MiB reading takes the same time.
pub const PIECE: usize = 1 << 19;
/// Room in front of a piece for the record that began in the one before.
const HEADROOM: usize = 1 << 17;
/// Pieces between the reading thread and the analysis.
const QUEUE: usize = 4;

/// Bytes of the input, from `start` on, in a buffer that is used again.
struct Piece {
    buffer: Vec<u8>,
    end: usize,
    error: Option<io::Error>,
    /// What it took to read, hash and unpack it.
    took: Duration,
}

impl Piece {
    /// Reads a piece into `buffer`, if it is one of a piece's size, else into a new one.
    fn read(reader: &mut dyn Read, mut buffer: Vec<u8>, size: usize) -> Self {
        let start = Instant::now();
        if buffer.len() != HEADROOM + size {
            buffer = vec![0; HEADROOM + size];
        }
        let (have, result) = fill(reader, buffer.get_mut(HEADROOM..).unwrap_or_default());
        Self { buffer, end: HEADROOM + have, error: result.err(), took: start.elapsed() }
    }

    fn is_last(&self) -> bool {
        self.end < self.buffer.len() || self.error.is_some()
    }
}

enum Supply {
    Inline { reader: Box<dyn Read + Send>, spare: Vec<u8>, size: usize },
    Threaded { full: Receiver<Piece>, empty: Sender<Vec<u8>>, worker: JoinHandle<()> },
    Ended,
}

/// How long reading took. The clock is asked once a piece.
#[derive(Debug, Default, Clone, Copy)]
pub struct Spent {
    /// The analysis stood still for it.
    pub waited: Duration,
    /// A thread of its own was busy with it; nothing where there is none.
    pub beside: Duration,
}

/// The window.
pub struct Window {
    supply: Supply,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of the window's first byte in the input, decompressed.
    offset: u64,
    error: Option<io::Error>,
    spent: Spent,
}

impl Window {
    /// A window over `reader`, which is read in pieces of `size` bytes.
    pub fn new(reader: Box<dyn Read + Send>, size: usize) -> Self {
        let supply = Supply::Inline { reader, spare: Vec::new(), size };
        Self { supply, buffer: Vec::new(), start: 0, end: 0, offset: 0, error: None, spent: Spent::default() }
    }

    /// Lets a thread read ahead from here on.
    pub fn threaded(&mut self) -> io::Result<()> {
        let Supply::Inline { mut reader, size, .. } = std::mem::replace(&mut self.supply, Supply::Ended)
        else {
            return Ok(());
        };
        let (send, full) = bounded(QUEUE);
        let (empty, returned) = bounded::<Vec<u8>>(QUEUE);
        let worker = std::thread::Builder::new().name("reader".to_owned()).spawn(move || {
            loop {
                let piece = Piece::read(&mut *reader, returned.try_recv().unwrap_or_default(), size);
                let last = piece.is_last();
                // Nobody listens any more when the reader was dropped.
                if send.send(piece).is_err() || last {
                    return;
                }
            }
        })?;
        self.supply = Supply::Threaded { full, empty, worker };
        Ok(())
    }

    /// All bytes that are at hand.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Offset of the first of them in the input, decompressed.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What ended the input early, once it has ended.
    pub const fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// How long reading took up to here.
    pub const fn spent(&self) -> Spent {
        self.spent
    }

    /// Gets `n` bytes into the window; false if the input ends before. The caller bounds `n`; memory is used only for
    /// bytes that were read.
    #[inline]
    pub fn ensure(&mut self, n: usize) -> bool {
        while self.end - self.start < n {
            if !self.more() {
                return false;
            }
        }
        true
    }

    /// Moves on by `n` bytes of those at hand.
    #[inline]
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
    }

    /// Moves on by `n` bytes without keeping them; false if the input ends before.
    pub fn skip(&mut self, mut n: u64) -> bool {
        loop {
            let step = n.min((self.end - self.start) as u64);
            self.consume(step as usize);
            n -= step;
            if n == 0 {
                return true;
            }
            if !self.more() {
                return false;
            }
        }
    }

    /// Ends the reading; a thread is waited for.
    pub fn close(&mut self) {
        if let Supply::Threaded { full, empty, worker } = std::mem::replace(&mut self.supply, Supply::Ended) {
            drop((full, empty));
            let _ = worker.join();
        }
    }

    #[cold]
    fn more(&mut self) -> bool {
        let start = Instant::now();
        let piece = match &mut self.supply {
            Supply::Inline { reader, spare, size } => {
                Piece::read(&mut **reader, std::mem::take(spare), *size)
            }
            Supply::Threaded { full, .. } => match full.recv() {
                Ok(piece) => piece,
                Err(_) => Piece {
                    buffer: Vec::new(),
                    end: 0,
                    error: Some(io::Error::other("the reading thread ended")),
                    took: Duration::ZERO,
                },
            },
            Supply::Ended => return false,
        };
        self.spent.waited += start.elapsed();
        if matches!(self.supply, Supply::Threaded { .. }) {
            self.spent.beside += piece.took;
        }
        let last = piece.is_last();
        let old = self.take(piece);
        match &mut self.supply {
            Supply::Inline { spare, .. } => *spare = old,
            Supply::Threaded { empty, .. } => drop(empty.try_send(old)),
            Supply::Ended => {}
        }
        if last {
            self.close();
            self.supply = Supply::Ended;
        }
        true
    }

    /// Puts a piece behind what is at hand and gives back the buffer that is free now.
    fn take(&mut self, piece: Piece) -> Vec<u8> {
        let Piece { mut buffer, end, error, took: _ } = piece;
        self.error = self.error.take().or(error);
        let carried = self.end - self.start;
        let (old, new) = (self.buffer.get(self.start..self.end), buffer.get_mut(..HEADROOM));
        if let (Some(old), Some(room)) = (old, new)
            && let Some(room) = HEADROOM.checked_sub(carried).and_then(|from| room.get_mut(from..))
        {
            room.copy_from_slice(old);
            (self.start, self.end) = (HEADROOM - carried, end);
            return std::mem::replace(&mut self.buffer, buffer);
        }
        // More than the headroom is carried: a record longer than a piece's worth grows here, by whole pieces.
        self.buffer.truncate(self.end);
        self.buffer.drain(..self.start);
        self.buffer.extend_from_slice(buffer.get(HEADROOM..end).unwrap_or_default());
        (self.start, self.end) = (0, self.buffer.len());
        buffer
    }
}
