//! Findings to documents.
//!
//! In: a [`Report`]: what detection said, with the captures, hosts and anomalies of the run. Out: bytes in one of the
//! formats, each an [`Exporter`] in a file of its own; and back from two of them, by [`read`], what names packets. This
//! room adds nothing to a verdict and takes nothing away.

mod atlas;
mod block;
mod csv;
mod document;
mod ecs;
mod eve;
mod html;
mod id;
mod json;
mod junit;
mod markdown;
mod misp;
mod navigator;
mod ndjson;
mod ocsf;
mod plain;
mod read;
mod safe;
mod sarif;
mod stix;
mod text;
mod tlp;
mod trouble;

pub use atlas::{Atlas, NoAtlas};
pub use block::{Blockable, Subject};
pub use csv::{Cell, Csv, write_row};
pub use document::{Document, HostEntry, SCHEMA, Tool, Totals};
pub use ecs::Ecs;
pub use eve::Eve;
pub use html::{Html, frame};
pub use json::Json;
pub use junit::{Junit, escape as xml};
pub use markdown::Markdown;
pub use misp::Misp;
pub use navigator::Navigator;
pub use ndjson::Ndjson;
pub use ocsf::Ocsf;
pub use read::{NotAReport, Outline, Reported, read};
pub use safe::Safe;
pub use sarif::{Sarif, message as sarif_message, uri as sarif_uri};
pub use stix::Stix;
pub use text::Text;
pub use tlp::Tlp;
pub use trouble::{Trouble, trouble, troubles};

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
pub const FORMATS: [&str; 14] = [
    "text",
    "json",
    "ndjson",
    "ecs",
    "html",
    "csv",
    "markdown",
    "sarif",
    "junit",
    "eve",
    "navigator",
    "ocsf",
    "stix",
    "misp",
];

/// What a reader chooses beside the format; each concerns some formats only.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// ANSI colours, in `text`.
    pub colour: bool,
    /// The marking of `stix` and `misp`.
    pub tlp: Tlp,
}

/// The exporter of a format; `colour` concerns `text` only. None for a name that is not in [`FORMATS`].
pub fn exporter(format: &str, colour: bool) -> Option<Box<dyn Exporter>> {
    exporter_with(format, Choices { colour, ..Choices::default() })
}

/// The exporter of a format with what was chosen. None for a name that is not in [`FORMATS`].
pub fn exporter_with(format: &str, choices: Choices) -> Option<Box<dyn Exporter>> {
    let Choices { colour, tlp } = choices;
    Some(match format {
        "text" => Box::new(Text { colour }),
        "json" => Box::new(Json),
        "ndjson" => Box::new(Ndjson),
        "ecs" => Box::new(Ecs),
        "html" => Box::new(Html),
        "csv" => Box::new(Csv),
        "markdown" => Box::new(Markdown),
        "sarif" => Box::new(Sarif),
        "junit" => Box::new(Junit),
        "eve" => Box::new(Eve),
        "navigator" => Box::new(Navigator),
        "ocsf" => Box::new(Ocsf),
        "stix" => Box::new(Stix { tlp }),
        "misp" => Box::new(Misp { tlp }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
