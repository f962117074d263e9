//! One JSON object a line: findings, then what they rest on, then a summary.

use super::{Exporter, Report, Tool, Totals};
use crate::detect::finding::Finding;
use crate::record::{Anomaly, CaptureInfo};
use serde::Serialize;
use std::io::{self, Write};

/// Writes `finding`, `capture`, `unseen` and one last `summary` line.
#[derive(Debug, Clone, Copy)]
pub struct Ndjson;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Finding(&'a Finding),
    Capture(&'a CaptureInfo),
    Unseen(&'a Anomaly),
    Summary(Summary),
}

#[derive(Serialize)]
struct Summary {
    tool: Tool,
    #[serde(flatten)]
    totals: Totals,
    incomplete: bool,
}

impl Exporter for Ndjson {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let summary = Summary {
            tool: Tool::this(report.rules_digest),
            totals: Totals::of(report),
            incomplete: report.records.summary.incomplete,
        };
        let lines = report.findings().map(Line::Finding);
        let lines = lines.chain(report.records.captures.iter().map(Line::Capture));
        let lines = lines.chain(report.records.anomalies.iter().map(Line::Unseen));
        for line in lines.chain(std::iter::once(Line::Summary(summary))) {
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}
