//! What an analyst reads first.

use super::{Exporter, Report, Safe, atlas};
use crate::anomaly::Kind as Trouble;
use crate::detect::finding::{Beacon, Context, Evidence, Finding, Level, Loot, Upload};
use crate::record::Anomaly;
use anstyle::{AnsiColor, Style};
use std::fmt::{self, Display};
use std::io::{self, Write};

/// Names, frames and filters shown of a list before it is cut with the number of the rest.
const SHOWN: usize = 8;
/// Anomalies and contexts shown before the rest is only counted.
const SHOWN_LINES: usize = 12;
/// Width of the labels of a finding's lines, in characters.
const LABEL: usize = 9;

/// Writes findings by level: victim, server, what was taken, why, the packets to open.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Whether ANSI colours are used.
    pub colour: bool,
}

impl Exporter for Text {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.head(report, out)?;
        for finding in report.findings() {
            self.finding(report, finding, out)?;
        }
        self.lowered(report, out)?;
        self.context(&report.verdict.context, out)?;
        self.unseen(report, out)
    }
}

impl Text {
    fn paint(self, style: Style, text: impl Display) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    fn bold(self, text: impl Display) -> String {
        self.paint(Style::new().bold(), text)
    }

    fn dim(self, text: impl Display) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    fn level(self, level: Level) -> String {
        let (name, colour) = match level {
            Level::Critical => ("CRITICAL", AnsiColor::Red),
            Level::High => ("HIGH", AnsiColor::Red),
            Level::Medium => ("MEDIUM", AnsiColor::Yellow),
            Level::Low => ("LOW", AnsiColor::Cyan),
        };
        self.paint(colour.on_default().bold(), name)
    }

    fn head(self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let summary = &report.records.summary;
        let shown = report.findings().count();
        let findings = match shown {
            0 => "no findings".to_owned(),
            n => plural(n as u64, "finding"),
        };
        let first = report.records.captures.iter().filter_map(|capture| capture.first).min();
        let last = report.records.captures.iter().filter_map(|capture| capture.last).max();
        writeln!(
            out,
            "{} in {}: {}, {}, {}",
            self.bold(findings),
            plural(summary.captures, "capture"),
            plural(summary.packets, "packet"),
            plural(summary.flows, "flow"),
            Size(summary.bytes)
        )?;
        if let (Some(first), Some(last)) = (first, last) {
            writeln!(out, "{}", self.dim(format!("captured {first} to {last}")))?;
        }
        Ok(())
    }

    fn finding(self, report: &Report<'_>, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out)?;
        writeln!(
            out,
            "{} {:.1}  {}  {}",
            self.level(finding.level),
            finding.score,
            self.bold(Safe(&finding.title)),
            self.dim(&finding.id)
        )?;
        self.line(out, "victim", &victim(finding))?;
        self.line(out, "server", &server(finding))?;
        let places = atlas::all_words(&finding.server.places);
        if !places.is_empty() {
            self.line(out, "where", &list(&places))?;
        }
        self.line(out, "when", &when(finding))?;
        if let Some(family) = &finding.family {
            let id = family.software.as_ref().map(|id| format!(", ATT&CK {}", Safe(id))).unwrap_or_default();
            let also = if family.also.is_empty() {
                String::new()
            } else {
                format!("; fits also {}", list(&family.also))
            };
            self.line(
                out,
                "family",
                &format!(
                    "{} ({} confidence, rule {}{id}){also}",
                    Safe(&family.name),
                    Safe(&family.confidence),
                    Safe(&family.rule)
                ),
            )?;
        }
        if let Some(loot) = &finding.loot {
            self.line(out, "taken", &taken(loot))?;
        }
        if let Some(upload) = &finding.upload {
            self.line(out, "upload", &uploaded(upload))?;
        }
        if let Some(beacon) = &finding.beacon {
            self.line(out, "beat", &beat(beacon))?;
        }
        self.why(report, finding, out)?;
        self.line(out, "doubt", &Safe(&finding.not_proof).to_string())?;
        if !finding.attack.is_empty() {
            let names: Vec<String> =
                finding.attack.iter().map(|t| format!("{} {}", Safe(&t.id), Safe(&t.name))).collect();
            self.line(out, "att&ck", &names.join(", "))?;
        }
        self.evidence(report, &finding.evidence, out)
    }

    fn line(self, out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
        writeln!(out, "  {} {text}", self.dim(format_args!("{label:<LABEL$}")))
    }

    fn why(self, report: &Report<'_>, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
        let several = report.records.captures.len() > 1;
        let mut label = "why";
        for term in &finding.terms {
            let frames = frames(&term.frames);
            let place = if several && !frames.is_empty() {
                format!(" in capture {}", term.capture)
            } else {
                String::new()
            };
            let place = if frames.is_empty() { String::new() } else { format!(" ({frames}{place})") };
            let text =
                format!("{:+6.1} {}: {}{}", term.weight, term.signal, Safe(&term.why), self.dim(place));
            self.line(out, label, &text)?;
            label = "";
        }
        let prior = finding.score - finding.terms.iter().map(|term| term.weight).sum::<f64>();
        self.line(out, label, &self.dim(format!("{prior:+6.1} before any evidence")))
    }

    fn evidence(self, report: &Report<'_>, evidence: &[Evidence], out: &mut dyn Write) -> io::Result<()> {
        let mut label = "open";
        for item in evidence.iter().take(SHOWN) {
            let path = report.capture(item.capture).map_or("?", |capture| capture.path.as_str());
            let ranges: Vec<String> = item.frames.iter().take(SHOWN).map(|&(a, b)| range(a, b)).collect();
            let frames = ranges.join(", ");
            self.line(out, label, &format!("{} frames {frames}: {}", Safe(path), item.filter))?;
            label = "";
        }
        if evidence.len() > SHOWN {
            let rest = plural((evidence.len() - SHOWN) as u64, "further conversation");
            self.line(out, label, &self.dim(rest))?;
        }
        Ok(())
    }

    fn lowered(self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let lowered = &report.verdict.lowered;
        if lowered.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", self.bold("lowered"))?;
        for item in lowered.iter().take(SHOWN_LINES) {
            let level = |level: Option<Level>| {
                level.map_or("nothing".to_owned(), |l| format!("{l:?}").to_lowercase())
            };
            writeln!(
                out,
                "  {} to {}: {} to {}: {}",
                item.host,
                Safe(&item.server),
                level(item.from),
                level(item.to),
                Safe(&item.why)
            )?;
        }
        self.rest(lowered.len(), out)
    }

    fn context(self, context: &[Context], out: &mut dyn Write) -> io::Result<()> {
        if context.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", self.bold("context"))?;
        for item in context.iter().take(SHOWN_LINES) {
            writeln!(out, "  {} {}: {}", item.host, item.kind, Safe(&item.what))?;
        }
        self.rest(context.len(), out)
    }

    fn unseen(self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let unseen: Vec<&Anomaly> = report.records.anomalies.iter().collect();
        if unseen.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", self.bold("not seen or not understood"))?;
        for item in unseen.iter().take(SHOWN_LINES) {
            let at = item.frame.map(|frame| format!(", first at frame {frame}")).unwrap_or_default();
            let path = report.capture(item.capture).map_or("?", |capture| capture.path.as_str());
            writeln!(
                out,
                "  {}: {} {}× {}{at}",
                Safe(path),
                trouble(item.kind),
                item.count,
                Safe(&item.what)
            )?;
        }
        self.rest(unseen.len(), out)
    }

    fn rest(self, all: usize, out: &mut dyn Write) -> io::Result<()> {
        match all.saturating_sub(SHOWN_LINES) {
            0 => Ok(()),
            more => writeln!(out, "  {}", self.dim(format!("and {more} more; --format json lists all"))),
        }
    }
}

fn trouble(kind: Trouble) -> String {
    serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn victim(finding: &Finding) -> String {
    let victim = &finding.victim;
    let port = victim.port.map(|port| format!(" port {port}")).unwrap_or_default();
    let text = format!("{}{port}", victim.addr);
    let mut known: Vec<String> = Vec::new();
    if !victim.names.is_empty() {
        known.push(list(&victim.names));
    }
    if !victim.users.is_empty() {
        known.push(format!("user {}", list(&victim.users)));
    }
    known.extend(victim.mac.clone());
    if known.is_empty() { text } else { format!("{text} ({})", known.join("; ")) }
}

fn server(finding: &Finding) -> String {
    let server = &finding.server;
    let addrs: Vec<String> = server.addrs.iter().map(ToString::to_string).collect();
    let ports: Vec<String> = server.ports.iter().map(ToString::to_string).collect();
    // A name that only the client states could be anyone's.
    let claim = if server.confirmed.is_empty() { " (not confirmed by the capture)" } else { "" };
    let names =
        if server.names.is_empty() { String::new() } else { format!("{}{claim} at ", list(&server.names)) };
    format!("{names}{} port {}/{}, {}", list(&addrs), list(&ports), server.transport, server.app)
}

fn when(finding: &Finding) -> String {
    let span = finding.last.since(finding.first).as_secs_f64();
    format!(
        "{} + {span:.1} s; {}, {} up, {} down",
        finding.first,
        plural(finding.flows, "flow"),
        Size(finding.bytes_out),
        Size(finding.bytes_in)
    )
}

fn taken(loot: &Loot) -> String {
    let mut parts: Vec<String> =
        loot.categories.iter().map(|(what, n)| format!("{} {n}", Safe(what))).collect();
    if !loot.names.is_empty() {
        parts.push(format!("as {}", list(&loot.names)));
    }
    if let Some(drop) = &loot.drop {
        parts.push(format!("left at {}", Safe(drop)));
    }
    parts.join(", ")
}

fn uploaded(upload: &Upload) -> String {
    let encoding = upload.encoding.as_ref().map(|e| format!(" as {}", Safe(e))).unwrap_or_default();
    let destination = upload.destination.as_ref().map(|d| format!(" to {}", Safe(d))).unwrap_or_default();
    format!("{} in {}{encoding}{destination}", Size(upload.bytes), plural(upload.requests, "piece"))
}

fn beat(beacon: &Beacon) -> String {
    let missed = if beacon.missed > 0 { format!(", {} missed", beacon.missed) } else { String::new() };
    format!(
        "every {:.1} s (± {:.0} %), {} {}{missed}",
        beacon.period_s,
        beacon.jitter * 100.0,
        beacon.count,
        beacon.basis
    )
}

/// The first of a list, made safe, with the number of the rest.
fn list<T: AsRef<str>>(items: &[T]) -> String {
    let shown: Vec<String> = items.iter().take(SHOWN).map(|item| Safe(item.as_ref()).to_string()).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn frames(frames: &[u64]) -> String {
    let shown: Vec<String> = frames.iter().take(SHOWN).map(ToString::to_string).collect();
    match frames.len() {
        0 => String::new(),
        1 => format!("frame {}", shown.join(", ")),
        n if n > SHOWN => format!("frames {} ...", shown.join(", ")),
        _ => format!("frames {}", shown.join(", ")),
    }
}

fn range(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// `1 flow`, `2 flows`, with separators from 10,000 on.
fn plural(n: u64, what: &str) -> String {
    format!("{} {what}{}", Grouped(n), if n == 1 { "" } else { "s" })
}

/// A number with commas between groups of three digits.
struct Grouped(u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A number of bytes in decimal units: `46,029 B`, `1.2 MB`.
struct Size(u64);

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < 100_000 => write!(f, "{} B", Grouped(n)),
            n if n < 1_000_000 => write!(f, "{} kB", n / 1000),
            n if n < 1_000_000_000 => write!(f, "{:.1} MB", n as f64 / 1e6),
            n => write!(f, "{:.1} GB", n as f64 / 1e9),
        }
    }
}
