//! Packets out of captures: which are asked for, and a new file of them.
//!
//! The inputs are read twice: once to see which frames are asked for, and what each file is, then to copy these frames.
//! So memory holds a bit for each frame and no packet, and the new file can begin with what is in it. What can be read
//! only once (standard input, pipes) is refused.

mod copy;
mod datagrams;
mod look;
mod marks;
mod selection;
#[cfg(test)]
mod tests;

pub use copy::Notes;
pub use marks::Marks;
pub use selection::{Selection, Want};

use super::progress::Course;
use super::{Options, Problem, Progress, WATCH_EVERY, stopped};
use crate::anomaly;
use crate::capture::{self, Opened, Source};
use crate::decode::Decoder;
use crate::record::CaptureInfo;
use copy::Copy;
use look::Look;
use selection::Matcher;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What prevents a carving altogether.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The new file cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// An input can be read only once.
    #[error("{0}: can be read only once, and carving reads twice; store it in a file first")]
    Once(String),
    /// An input is not what it was when it was read first.
    #[error("{0}: changed while it was read")]
    Changed(String),
}

/// The inputs of a carving. Captures are numbered in the order in which they are read.
#[derive(Debug)]
pub struct Job {
    options: Options,
    sources: Vec<Source>,
    /// SHA-256 of those of which it is known.
    hashes: Vec<String>,
    /// What could not be read at all.
    problems: Vec<Problem>,
}

/// The frames that are asked for.
#[derive(Debug, Default)]
pub struct Selected {
    /// By capture.
    pub marks: Vec<Marks>,
    /// Whether anything was found of each thing that was asked for.
    pub hits: Vec<bool>,
    /// What could not be read, or not whole.
    pub problems: Vec<Problem>,
    /// Captures of which at least the beginning was read.
    pub opened: usize,
    /// Packets that were looked at.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
}

impl Selected {
    /// How many frames are asked for.
    pub fn frames(&self) -> u64 {
        self.marks.iter().map(Marks::len).sum()
    }
}

impl Job {
    /// Finds the captures that `paths` name.
    ///
    /// # Errors
    /// [`Error::Once`].
    pub fn new(paths: &[PathBuf], options: Options) -> Result<Self, Error> {
        let expanded = capture::expand(paths);
        let once = |source: &&Source| source.path.as_os_str() == "-" || !source.path.is_file();
        if let Some(source) = expanded.sources.iter().find(once) {
            return Err(Error::Once(source.name.clone()));
        }
        let failed = expanded.failed.into_iter();
        let problems = failed.map(|(path, error)| Problem { path, what: error.to_string() }).collect();
        let hashes = vec![String::new(); expanded.sources.len()];
        Ok(Self { options, sources: expanded.sources, hashes, problems })
    }

    /// How many captures there are.
    pub const fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The paths of the captures.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(|source| source.path.as_path())
    }

    /// Takes over the hashes of captures that were read before, under the names they have here.
    pub fn know(&mut self, captures: &[CaptureInfo]) {
        for (source, hash) in self.sources.iter().zip(&mut self.hashes) {
            if let Some(known) = captures.iter().find(|capture| capture.path == source.name) {
                hash.clone_from(&known.sha256);
            }
        }
    }

    /// Hashes the captures, if hashing is on.
    pub fn identify(&mut self) {
        for at in 0..self.sources.len() {
            if let (true, Some(source)) = (self.options.hash, self.sources.get(at))
                && let Ok(Opened::Packets(reader)) = capture::open(source, at as u32, self.reading(at))
                && let Some(hash) = self.hashes.get_mut(at)
            {
                *hash = reader.finish(&mut anomaly::Log::new()).sha256;
            }
        }
    }

    /// The number of a capture that a report names: by its hash where both are known, else by its path. Of copies that
    /// of the same path is taken.
    pub fn find(&self, capture: &CaptureInfo) -> Option<u32> {
        let mut found = None;
        for (at, (hash, source)) in (0..).zip(self.hashes.iter().zip(&self.sources)) {
            let named = source.name == capture.path;
            let known = !hash.is_empty() && !capture.sha256.is_empty();
            let is = if known { *hash == capture.sha256 } else { named };
            if is && (found.is_none() || named) {
                found = Some(at);
            }
        }
        found
    }

    fn reading(&self, at: usize) -> capture::Options {
        let known = self.hashes.get(at).is_some_and(|hash| !hash.is_empty());
        capture::Options { hash: self.options.hash && !known, threaded: self.options.threaded }
    }

    /// Reads all captures and sees which of their frames are asked for. `watch` is called now and then.
    pub fn select(&mut self, selection: &Selection, watch: &mut dyn FnMut(&Progress<'_>)) -> Selected {
        let mut selected = Selected { problems: self.problems.clone(), ..Selected::default() };
        let mut matcher = Matcher::new(selection);
        let mut decoders = (Decoder::new(), Decoder::apart());
        let mut course = Course::new(&self.sources);
        for (at, source) in self.sources.iter().enumerate() {
            let mut marks = Marks::default();
            let mut problem =
                |what: String| selected.problems.push(Problem { path: source.name.clone(), what });
            match capture::open(source, at as u32, self.reading(at)) {
                Ok(Opened::Packets(mut reader)) => {
                    selected.opened += 1;
                    let mut look = Look::new(&mut matcher, &mut decoders, at as u32);
                    while let Some(packet) = reader.next_packet() {
                        selected.packets += 1;
                        selected.bytes += u64::from(packet.wire_len);
                        look.packet(&packet, &mut marks);
                        if selected.packets.is_multiple_of(WATCH_EVERY) {
                            let (packets, bytes) = (selected.packets, selected.bytes);
                            watch(&course.at(source, &reader, packets, bytes));
                        }
                    }
                    if look.forgotten() > 0 {
                        let n = look.forgotten();
                        problem(format!("{n} fragments beyond a bound: some may be missing in the new file"));
                    }
                    let mut log = anomaly::Log::new();
                    let info = reader.finish(&mut log);
                    course.pass(info.bytes);
                    selected.problems.extend(stopped(&source.name, log));
                    if let Some(hash) = self.hashes.get_mut(at).filter(|hash| hash.is_empty()) {
                        *hash = info.sha256;
                    }
                }
                Ok(Opened::Records(_)) => {
                    problem("holds records and no packets: name the captures they were made from".to_owned());
                }
                Err(error) => problem(error.to_string()),
            }
            selected.marks.push(marks);
        }
        selected.hits = matcher.hits(&selected.marks);
        selected
    }

    /// Copies the selected frames to a new pcapng, capture after capture, in the order of their numbers.
    ///
    /// # Errors
    /// [`Error::Write`] and [`Error::Changed`]; what was written up to then is of no use.
    pub fn write<W: Write>(&self, selected: &Selected, notes: &Notes<'_>, out: W) -> Result<(), Error> {
        let mut copy = Copy::new(out, selected, self.labels(selected), &self.hashes, notes);
        let options = capture::Options { hash: false, threaded: self.options.threaded };
        for ((at, source), marks) in self.sources.iter().enumerate().zip(&selected.marks) {
            if marks.is_empty() {
                continue;
            }
            let changed = || Error::Changed(source.name.clone());
            let Ok(Opened::Packets(reader)) = capture::open(source, at as u32, options) else {
                return Err(changed());
            };
            if copy.capture(at, reader.originals(), marks)? != marks.len() {
                return Err(changed());
            }
        }
        copy.finish()?;
        Ok(())
    }

    /// What each capture is called in the new file: by its file name, where only one has that.
    fn labels(&self, selected: &Selected) -> Vec<String> {
        let short = |source: &Source| match source.path.file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => source.name.clone(),
        };
        let used = self.sources.iter().zip(&selected.marks).filter(|(_, marks)| !marks.is_empty());
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        used.for_each(|(source, _)| *uses.entry(short(source)).or_default() += 1);
        let label = |source: &Source| match short(source) {
            name if uses.get(&name).is_none_or(|count| *count < 2) => name,
            _ => source.name.clone(),
        };
        self.sources.iter().map(label).collect()
    }
}
