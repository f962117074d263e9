//! Findings to documents.
//!
//! In: a [`Report`]: what detection said, with the captures, hosts and anomalies of the run. Out: bytes in one of the
//! formats, each an [`Exporter`] in a file of its own; and back from two of them, by [`read`], what names packets. This
//! room adds nothing to a verdict and takes nothing away.

mod document;
mod ecs;
mod html;
mod json;
mod ndjson;
mod read;
mod safe;
mod text;

pub use document::{Document, HostEntry, SCHEMA, Tool, Totals};
pub use ecs::Ecs;
pub use html::Html;
pub use json::Json;
pub use ndjson::Ndjson;
pub use read::{NotAReport, Outline, Reported, read};
pub use safe::Safe;
pub use text::Text;

use crate::detect::Verdict;
use crate::detect::finding::{Finding, Level};
use crate::record::{CaptureInfo, Host, Records};
use std::io::{self, Write};

/// What is reported: the outcome of one run.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The facts of the run: captures, hosts, anomalies, totals.
    pub records: &'a Records,
    /// What detection said.
    pub verdict: &'a Verdict,
    /// Only findings of this level and above are shown.
    pub level: Level,
    /// Digest of the rules in force, SHA-256 in hexadecimal.
    pub rules_digest: &'a str,
}

impl<'a> Report<'a> {
    /// The findings to show, in order of score, then time, then id.
    pub fn findings(&self) -> impl Iterator<Item = &'a Finding> + Clone {
        let level = self.level;
        self.verdict.findings.iter().filter(move |finding| finding.level >= level)
    }
    /// The capture with this index, if there is one.
    pub fn capture(&self, index: u32) -> Option<&'a CaptureInfo> {
        self.records.captures.get(index as usize)
    }
    /// What is known of a host.
    pub fn host(&self, addr: std::net::IpAddr) -> Option<&'a Host> {
        self.records
            .hosts
            .binary_search_by_key(&addr, |host| host.addr)
            .ok()
            .map(|at| &self.records.hosts[at])
    }
}

/// One output format.
pub trait Exporter {
    /// Writes the whole report. Errors are those of `out` only.
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()>;
}

/// The formats by name, as `--format` takes them.
pub const FORMATS: [&str; 5] = ["text", "json", "ndjson", "ecs", "html"];

/// The exporter of a format; `colour` concerns `text` only. None for a name that is not in [`FORMATS`].
pub fn exporter(format: &str, colour: bool) -> Option<Box<dyn Exporter>> {
    Some(match format {
        "text" => Box::new(Text { colour }),
        "json" => Box::new(Json),
        "ndjson" => Box::new(Ndjson),
        "ecs" => Box::new(Ecs),
        "html" => Box::new(Html),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
