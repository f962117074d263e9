//! How far a run has come, and where its time went.

use crate::capture::{Reader, Source};
use std::time::{Duration, Instant};

/// How far a run has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The input being read.
    pub path: &'a str,
    /// Packets of the run so far.
    pub packets: u64,
    /// Bytes on the wire of the run so far.
    pub bytes: u64,
    /// Bytes of the inputs read so far, as stored.
    pub read: u64,
    /// Bytes of all inputs, as stored; nothing where one is a pipe, whose length nobody knows.
    pub total: Option<u64>,
}

/// Where the time of a run went: what a clock on the wall said, which is asked a few times an input and once a piece
/// of a megabyte. Never a part of records or reports.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Inputs were found, put in order by their first packets and opened.
    pub opening: Duration,
    /// Packets were waited for. Without a thread beside, that is reading, hashing and unpacking; of record files it is
    /// all that is done with them.
    pub reading: Duration,
    /// Packets were decoded, put together to conversations, taken apart by protocol, and looked into.
    pub packets: Duration,
    /// Conversations that were left were ended, and records put in order.
    pub ending: Duration,
    /// A thread beside was busy with reading, hashing and unpacking, meanwhile; nothing where there is none.
    pub beside: Duration,
    /// A thread beside was busy with records of conversations that had ended, meanwhile; nothing where there is none.
    pub keeping: Duration,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.opening += other.opening;
        self.reading += other.reading;
        self.packets += other.packets;
        self.ending += other.ending;
        self.beside += other.beside;
        self.keeping += other.keeping;
    }
}

/// Adds up where time goes from one call to the next.
pub(super) struct Watch(Instant);

impl Watch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since it was started or asked last.
    pub fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}

/// Where a run stands in its inputs, in bytes as stored.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Course {
    total: Option<u64>,
    behind: u64,
}

impl Course {
    /// Before the first of these inputs.
    pub fn new(sources: &[Source]) -> Self {
        Self { total: sources.iter().map(Source::size).sum(), behind: 0 }
    }

    /// An input with so many bytes is read.
    pub const fn pass(&mut self, bytes: u64) {
        self.behind = self.behind.saturating_add(bytes);
    }

    /// How far it is in an input.
    pub fn at<'a>(&self, source: &'a Source, reader: &Reader, packets: u64, bytes: u64) -> Progress<'a> {
        let read = self.behind.saturating_add(reader.position());
        Progress { path: &source.name, packets, bytes, read, total: self.total }
    }
}
