//! Paths to inputs in the order in which they are to be read.

use super::open::{Opened, glance};
use super::{Error, Source};
use crate::time::Timestamp;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The inputs that were found, and what could not be used.
#[derive(Debug, Default)]
pub struct Expanded {
    /// By time of the first packet, then by path; those without a time (standard input, pipes, records, captures
    /// without packets) come last.
    pub sources: Vec<Source>,
    /// What was named, or could not be looked at below a directory, and why it is left out.
    pub failed: Vec<(String, Error)>,
}

/// Finds the inputs that `paths` name: files, directories (all captures and record files below them), `-` for standard
/// input. The same file named twice is read once.
pub fn expand(paths: &[PathBuf]) -> Expanded {
    let mut walk = Walk::default();
    for path in paths {
        walk.path(path);
    }
    let mut expanded = walk.expanded;
    expanded
        .sources
        .sort_by(|a, b| (a.first.is_none(), a.first, &a.path).cmp(&(b.first.is_none(), b.first, &b.path)));
    expanded
}

/// What an entry of a directory is.
enum Entry {
    Directory,
    Capture,
    Other,
}

#[derive(Default)]
struct Walk {
    expanded: Expanded,
    /// Real paths of directories and captures that were seen: ends loops of symbolic links.
    seen: BTreeSet<PathBuf>,
}

impl Walk {
    fn path(&mut self, path: &Path) {
        if path.as_os_str() == "-" {
            if self.seen.insert(path.to_owned()) {
                self.add(path, None);
            }
            return;
        }
        let found = match fs::metadata(path) {
            Err(error) => Err(error.into()),
            Ok(meta) if meta.is_dir() => self.directory(path),
            Ok(meta) if meta.is_file() => self.file(path),
            // A pipe can be opened only once: what is in it is seen when it is read.
            Ok(_) => {
                self.add(path, None);
                Ok(())
            }
        };
        if let Err(error) = found {
            self.fail(path, error);
        }
    }

    /// Takes a file in, unless that was done already, under whatever name.
    fn file(&mut self, path: &Path) -> Result<(), Error> {
        let real = fs::canonicalize(path)?;
        if !self.seen.contains(&real) {
            let first = begins(path)?;
            self.seen.insert(real);
            self.add(path, first);
        }
        Ok(())
    }

    fn directory(&mut self, root: &Path) -> Result<(), Error> {
        let (mut others, mut captures) = (0, 0);
        let mut waiting = vec![root.to_owned()];
        while let Some(directory) = waiting.pop() {
            if !self.seen.insert(fs::canonicalize(&directory)?) {
                // Named before, or a loop of links: what is in it is read already.
                captures += usize::from(directory == root);
                continue;
            }
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if directory == root => return Err(error.into()),
                Err(error) => {
                    self.fail(&directory, error.into());
                    continue;
                }
            };
            // The order of a directory is that of the file system; errors are reported in ours.
            let paths: BTreeSet<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            for path in paths {
                match self.entry(&path) {
                    Ok(Entry::Directory) => waiting.push(path),
                    Ok(Entry::Capture) => captures += 1,
                    Err(error @ (Error::Io(_) | Error::HeaderCut | Error::Nested(..))) => {
                        self.fail(&path, error);
                    }
                    Ok(Entry::Other) | Err(_) => others += 1,
                }
            }
        }
        if captures == 0 { Err(Error::NoCaptures(others)) } else { Ok(()) }
    }

    /// Looks at one entry of a directory and takes it in if it is a capture.
    fn entry(&mut self, path: &Path) -> Result<Entry, Error> {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Ok(Entry::Directory),
            Ok(meta) if meta.is_file() => self.file(path).map(|()| Entry::Capture),
            // Sockets, pipes, dangling links.
            _ => Ok(Entry::Other),
        }
    }

    fn add(&mut self, path: &Path, first: Option<Timestamp>) {
        self.expanded.sources.push(Source { path: path.to_owned(), name: path.display().to_string(), first });
    }

    fn fail(&mut self, path: &Path, error: Error) {
        self.expanded.failed.push((path.display().to_string(), error));
    }
}

/// When a capture begins; None for records and for captures without packets.
fn begins(path: &Path) -> Result<Option<Timestamp>, Error> {
    Ok(match glance(path)? {
        Opened::Packets(mut reader) => reader.next_packet().map(|packet| packet.time),
        Opened::Records(_) => None,
    })
}
