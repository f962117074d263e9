//! Comma-separated values (RFC 4180): one row a finding, below one row of names.
//!
//! Lists are joined by ` | `. Text that a spreadsheet could take for a formula gets an apostrophe in front, wherever a
//! cell could begin for a program that splits otherwise than this one joins (OWASP, CSV injection).

use super::plain::{self, clean};
use super::{Exporter, Report, atlas};
use crate::detect::finding::Finding;
use std::io::{self, Write};

/// Writes a header and one row a finding.
#[derive(Debug, Clone, Copy)]
pub struct Csv;

const COLUMNS: [&str; 40] = [
    "id",
    "level",
    "score",
    "title",
    "kinds",
    "family",
    "family_confidence",
    "family_rule",
    "attack_software",
    "victim_addr",
    "victim_port",
    "victim_mac",
    "victim_names",
    "victim_users",
    "server_addrs",
    "server_names",
    "server_ports",
    "transport",
    "app",
    "server_roles",
    "first",
    "last",
    "bytes_out",
    "bytes_in",
    "flows",
    "upload_bytes",
    "upload_encoding",
    "upload_destination",
    "loot",
    "loot_drop",
    "beacon_period_s",
    "beacon_jitter",
    "attack",
    "signals",
    "not_proof",
    "captures",
    "frames",
    "filters",
    "server_countries",
    "server_systems",
];

/// A cell: figures stand as they are, text is quoted and made harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A number, of this program's own making.
    Figure(String),
    /// Anything else.
    Text(String),
    /// Nothing is known.
    Unknown,
}

impl Cell {
    /// A text; nothing where it is empty. Bounded and freed of what steers.
    pub fn text(value: &str) -> Self {
        if value.is_empty() { Self::Unknown } else { Self::Text(clean(value)) }
    }
    /// A figure.
    pub fn figure(value: &impl ToString) -> Self {
        Self::Figure(value.to_string())
    }
    /// Several values, ` | ` between them.
    pub fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<String> = values.into_iter().map(|value| clean(&value.to_string())).collect();
        if values.is_empty() { Self::Unknown } else { Self::Text(values.join(" | ")) }
    }
}

/// Writes a line of cells (RFC 4180). Errors are those of `out` only.
pub fn write_row(cells: &[Cell], out: &mut dyn Write) -> io::Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        match cell {
            Cell::Figure(figure) => write!(out, "{comma}{figure}")?,
            Cell::Text(text) => write!(out, "{comma}\"{}\"", harmless(text).replace('"', "\"\""))?,
            Cell::Unknown => write!(out, "{comma}")?,
        }
    }
    out.write_all(b"\r\n")
}

impl Exporter for Csv {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}\r\n", COLUMNS.join(","))?;
        for finding in report.findings() {
            write_row(&row(report, finding), out)?;
        }
        Ok(())
    }
}

fn figure(value: impl ToString + Copy) -> Cell {
    Cell::figure(&value)
}

fn text(value: &str) -> Cell {
    Cell::text(value)
}

fn maybe<T>(value: Option<T>, cell: impl Fn(T) -> Cell) -> Cell {
    value.map_or(Cell::Unknown, cell)
}

fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> Cell {
    Cell::list(values)
}

/// Each text once, in the order of coming.
fn once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut all = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

fn row(report: &Report<'_>, finding: &Finding) -> [Cell; COLUMNS.len()] {
    let (victim, server) = (&finding.victim, &finding.server);
    let (family, upload, loot, beacon) =
        (finding.family.as_ref(), finding.upload.as_ref(), finding.loot.as_ref(), finding.beacon.as_ref());
    let frames =
        finding.evidence.iter().map(|evidence| format!("{}: {}", evidence.capture, plain::frames(evidence)));
    [
        text(&finding.id),
        text(&plain::word(finding.level)),
        figure(finding.score),
        text(&finding.title),
        list(plain::kinds(finding)),
        maybe(family, |family| text(&family.name)),
        maybe(family, |family| text(&family.confidence)),
        maybe(family, |family| text(&family.rule)),
        maybe(family.and_then(|family| family.software.as_deref()), text),
        list([victim.addr]),
        maybe(victim.port, figure),
        maybe(victim.mac.as_deref(), text),
        list(&victim.names),
        list(&victim.users),
        list(&server.addrs),
        list(&server.names),
        list(&server.ports),
        text(&server.transport),
        text(&server.app),
        list(&server.roles),
        list([finding.first]),
        list([finding.last]),
        figure(finding.bytes_out),
        figure(finding.bytes_in),
        figure(finding.flows),
        maybe(upload, |upload| figure(upload.bytes)),
        maybe(upload.and_then(|upload| upload.encoding.as_deref()), text),
        maybe(upload.and_then(|upload| upload.destination.as_deref()), text),
        maybe(loot, |loot| list(loot.categories.iter().map(|(what, n)| format!("{what} {n}")))),
        maybe(loot.and_then(|loot| loot.drop.as_deref()), text),
        maybe(beacon, |beacon| figure(beacon.period_s)),
        maybe(beacon, |beacon| figure(beacon.jitter)),
        list(finding.attack.iter().map(|technique| &technique.id)),
        list(finding.terms.iter().map(|term| format!("{} {:+.1}", term.signal, term.weight))),
        text(&finding.not_proof),
        list(plain::captures(report, finding).iter().map(|capture| &capture.path)),
        list(frames),
        list(finding.evidence.iter().map(|evidence| &evidence.filter)),
        list(once(server.places.iter().filter_map(|place| place.country.clone()))),
        list(once(server.places.iter().filter_map(atlas::system))),
    ]
}

/// Puts an apostrophe before what starts a formula: at the start, and behind all that some program splits cells at.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    let mut start = true;
    for c in text.chars() {
        // The wide forms are taken for the narrow ones by spreadsheets in East Asian settings.
        if start && matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') {
            safe.push('\'');
        }
        safe.push(c);
        start = matches!(c, ';' | ',' | '|' | '"' | '\'') || start && c.is_whitespace();
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_starts_a_formula() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("  @SUM(A1)", "  '@SUM(A1)"),
            ("a | -2", "a | '-2"),
            ("x\";=cmd|' /C calc'!A0", "x\";'=cmd|' /C calc'!A0"),
            ("＝1", "'＝1"),
            ("2 - 1 = 1", "2 - 1 = 1"),
            ("drop.example", "drop.example"),
        ] {
            assert_eq!(harmless(text), safe);
        }
    }
}
