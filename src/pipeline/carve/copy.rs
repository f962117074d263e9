//! Copies the frames that are asked for.

use super::marks::Marks;
use super::{Error, Selected};
use crate::capture::{Original, Originals, Writer};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Longest list of frame numbers in the comment of a section, in bytes: for eyes, as each packet says its own.
const MAX_LISTED: usize = 8 << 10;
/// What writes the files, as they say.
const PROGRAM: &str = concat!("exfilscan ", env!("CARGO_PKG_VERSION"));

/// What goes into the new file beside packets.
#[derive(Debug, Clone)]
pub struct Notes<'a> {
    /// What was asked for, in words.
    pub why: &'a str,
    /// Decryption secrets of the inputs.
    pub secrets: bool,
}

/// Writes the new file.
pub struct Copy<'a, W> {
    writer: Writer<W>,
    selected: &'a Selected,
    /// What each capture is called.
    labels: Vec<String>,
    /// SHA-256 of each, empty where it is not known.
    hashes: &'a [String],
    /// What was asked for, in words.
    why: &'a str,
    /// Frames come from more than one capture.
    several: bool,
    /// Decryption secrets are copied.
    secrets: bool,
}

impl<'a, W: Write> Copy<'a, W> {
    /// Begins a file.
    pub fn new(
        out: W,
        selected: &'a Selected,
        labels: Vec<String>,
        hashes: &'a [String],
        notes: &Notes<'a>,
    ) -> Self {
        let several = selected.marks.iter().filter(|marks| !marks.is_empty()).count() > 1;
        let Notes { why, secrets } = *notes;
        Self { writer: Writer::new(out), selected, labels, hashes, why, several, secrets }
    }

    /// Copies the marked frames of one capture and says how many there were; stops reading behind the last.
    pub fn capture(&mut self, at: usize, mut originals: Originals, marks: &Marks) -> Result<u64, Error> {
        let label = self.labels.get(at).filter(|_| self.several).map(|label| format!(" of {label}"));
        let label = label.unwrap_or_default();
        // Numbers of the interfaces in the capture and in the section.
        let mut interfaces: BTreeMap<u32, u32> = BTreeMap::new();
        let (mut copied, mut secrets) = (0, 0);
        while copied < marks.len() {
            let Some(original) = originals.next_original() else { break };
            if !marks.has(original.packet.frame) {
                continue;
            }
            if !self.writer.suits(original.description) {
                self.section(&original)?;
                interfaces.clear();
            }
            let interface = if let Some(number) = interfaces.get(&original.interface) {
                *number
            } else {
                let number = self.writer.interface(original.description)?;
                interfaces.insert(original.interface, number);
                number
            };
            for known in original.secrets.iter().skip(secrets).filter(|_| self.secrets) {
                self.writer.secrets(known)?;
            }
            secrets = original.secrets.len();
            self.writer.packet(interface, &original, &comment(&original, &label))?;
            copied += 1;
        }
        Ok(copied)
    }

    /// Ends the file.
    pub fn finish(self) -> io::Result<W> {
        self.writer.finish()
    }

    /// Begins a section that says where all packets come from.
    fn section(&mut self, like: &Original<'_>) -> io::Result<()> {
        let mut comments = Vec::new();
        if !self.why.is_empty() {
            comments.push(self.why.to_owned());
        }
        for ((label, marks), hash) in self.labels.iter().zip(&self.selected.marks).zip(self.hashes) {
            if !marks.is_empty() {
                let hash = if hash.is_empty() { String::new() } else { format!(", SHA-256 {hash}") };
                let (list, all) = marks.text(MAX_LISTED);
                let rest = if all { "" } else { ", ... (each packet says its own)" };
                let n = marks.len();
                comments.push(format!("from {label}{hash}: {n} packets, original frames {list}{rest}"));
            }
        }
        self.writer.section(like.description, PROGRAM, comments.iter().map(String::as_str))
    }
}

/// What the new file says of a packet.
fn comment(original: &Original<'_>, of: &str) -> String {
    let time = if original.count.is_none() { ", which has no time: that of the frame before" } else { "" };
    format!("original frame {}{of}{time}", original.packet.frame)
}
