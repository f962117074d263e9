//! The report as one document: what `--format json` prints and `schema report` describes.

use super::Report;
use crate::detect::finding::{Context, Finding, Level, Lowered};
use crate::record::{Anomaly, CaptureInfo, Host};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Name and version of the document's schema.
pub const SCHEMA: &str = "exfilscan/report/1";

/// The whole report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Document {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What made it.
    pub tool: Tool,
    /// Inputs in the order of reading; findings name them by index.
    pub captures: Vec<CaptureInfo>,
    /// Hosts by address: those with findings and those of which more than an address is known.
    pub hosts: Vec<HostEntry>,
    /// By score, then time, then id.
    pub findings: Vec<Finding>,
    /// Worth knowing, never an alarm by itself.
    pub context: Vec<Context>,
    /// What was lowered, and why.
    pub lowered: Vec<Lowered>,
    /// What the captures do wrong: what was not seen.
    pub unseen: Vec<Anomaly>,
    /// Figures of the whole run.
    pub totals: Totals,
}

/// What made a report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Tool {
    /// `exfilscan`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the rules in force, hexadecimal.
    pub rules_digest: String,
}

/// A host and the findings it is the victim of.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HostEntry {
    /// What is known of it.
    #[serde(flatten)]
    pub host: Host,
    /// Ids of the findings whose victim it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// Figures of a run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Totals {
    /// Packets read.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Conversations.
    pub flows: u64,
    /// Hosts known.
    pub hosts: u64,
    /// Channels looked at.
    pub channels: u64,
    /// Findings shown, by level.
    pub findings: BTreeMap<Level, u64>,
}

impl Tool {
    /// This program with the rules of `digest`.
    pub fn this(digest: &str) -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rules_digest: digest.to_owned(),
        }
    }
}

impl Totals {
    /// Of a report.
    pub fn of(report: &Report<'_>) -> Self {
        let levels = [Level::Critical, Level::High, Level::Medium, Level::Low];
        let count = |level| report.findings().filter(|finding| finding.level == level).count() as u64;
        let summary = &report.records.summary;
        Self {
            packets: summary.packets,
            bytes: summary.bytes,
            flows: summary.flows,
            hosts: summary.hosts,
            channels: report.verdict.channels,
            findings: levels.into_iter().map(|level| (level, count(level))).collect(),
        }
    }
}

impl Document {
    /// The document of a report.
    pub fn of(report: &Report<'_>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool: Tool::this(report.rules_digest),
            captures: report.records.captures.clone(),
            hosts: hosts(report),
            findings: report.findings().cloned().collect(),
            context: report.verdict.context.clone(),
            lowered: report.verdict.lowered.clone(),
            unseen: report.records.anomalies.clone(),
            totals: Totals::of(report),
        }
    }
}

fn hosts(report: &Report<'_>) -> Vec<HostEntry> {
    let mut found: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for finding in report.findings() {
        found.entry(finding.victim.addr).or_default().push(finding.id.clone());
    }
    let known = report.records.hosts.iter().filter(|host| says_more(host)).map(|host| host.addr);
    let addrs: BTreeSet<_> = known.chain(found.keys().copied()).collect();
    let entry = |addr| HostEntry {
        host: report.host(addr).cloned().unwrap_or_else(|| Host::at(addr)),
        findings: found.remove(&addr).unwrap_or_default(),
    };
    addrs.into_iter().map(entry).collect()
}

/// Whether more than addresses is known of a host.
fn says_more(host: &Host) -> bool {
    !(host.names.is_empty() && host.users.is_empty() && host.domains.is_empty() && host.os_hints.is_empty())
}
