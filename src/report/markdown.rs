//! Markdown (GitHub's and GitLab's dialects) for a ticket.
//!
//! Whatever comes out of a capture stands in a code span, where no markup, no link, no mention and no HTML is read.

use super::plain::{self, clean};
use super::{Exporter, Report, atlas};
use crate::detect::finding::{Finding, Level};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Conversations and terms listed of one finding.
const SHOWN: usize = 16;

/// Writes a chapter a finding.
#[derive(Debug, Clone, Copy)]
pub struct Markdown;

impl Exporter for Markdown {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let found = report.findings().count();
        let s = if found == 1 { "" } else { "s" };
        writeln!(out, "# exfilscan: {found} finding{s}\n")?;
        for capture in &report.records.captures {
            let hash = if capture.sha256.is_empty() {
                String::new()
            } else {
                format!(", SHA-256 {}", code(&capture.sha256))
            };
            writeln!(out, "- capture {}: {} packets{hash}", code(&capture.path), capture.packets)?;
        }
        for finding in report.findings() {
            out.write_all(chapter(report, finding).as_bytes())?;
        }
        let unseen = report.records.anomalies.len();
        if unseen > 0 || report.records.summary.incomplete {
            writeln!(out, "\n## Not seen\n")?;
            for item in report.records.anomalies.iter().take(SHOWN) {
                let path = report.capture(item.capture).map_or("?", |capture| capture.path.as_str());
                writeln!(
                    out,
                    "- {}: {} {}×, {}",
                    code(path),
                    plain::word(item.kind),
                    item.count,
                    code(&item.what)
                )?;
            }
            if unseen > SHOWN {
                writeln!(out, "- and {} more", unseen - SHOWN)?;
            }
        }
        Ok(())
    }
}

fn chapter(report: &Report<'_>, finding: &Finding) -> String {
    let level = match finding.level {
        Level::Critical => "CRITICAL",
        Level::High => "HIGH",
        Level::Medium => "MEDIUM",
        Level::Low => "LOW",
    };
    let mut text =
        format!("\n## {level} {:.1}: {}\n\n| | |\n|---|---|\n", finding.score, code(&finding.title));
    for (what, value) in facts(finding) {
        let _ = writeln!(text, "| {what} | {} |", no_bar(&value));
    }
    text.push_str("\n### Why\n\n| decibans | signal | what was seen | frames |\n|---:|---|---|---|\n");
    for term in &finding.terms {
        let frames: Vec<String> = term.frames.iter().take(SHOWN).map(ToString::to_string).collect();
        let (signal, why) = (cell(&term.signal), cell(&term.why));
        let _ = writeln!(text, "| {:+.1} | {signal} | {why} | {} |", term.weight, frames.join(", "));
    }
    let prior = finding.score - finding.terms.iter().map(|term| term.weight).sum::<f64>();
    let _ = writeln!(text, "| {prior:+.1} | | before any evidence | |");
    let _ = writeln!(text, "\nWhat innocent thing looks the same: {}", code(&finding.not_proof));
    text.push_str("\n### Packets\n\n");
    for evidence in finding.evidence.iter().take(SHOWN) {
        let path = report.capture(evidence.capture).map_or("?", |capture| capture.path.as_str());
        let _ =
            writeln!(text, "- {} frames {}: {}", code(path), plain::frames(evidence), code(&evidence.filter));
    }
    if finding.evidence.len() > SHOWN {
        let _ = writeln!(text, "- and {} more conversations", finding.evidence.len() - SHOWN);
    }
    text
}

fn facts(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("id", code(&finding.id)),
        ("kinds", plain::kinds(finding).join(", ")),
        ("victim", code(&plain::victim(finding))),
        ("server", code(&plain::server(finding))),
    ];
    let claimed: Vec<String> = finding
        .server
        .names
        .iter()
        .filter(|name| !finding.server.confirmed.contains(name))
        .cloned()
        .collect();
    if !claimed.is_empty() {
        facts.push(("only claimed", codes(&claimed)));
    }
    if !finding.server.roles.is_empty() {
        facts.push(("known as", codes(&finding.server.roles)));
    }
    let places = atlas::all_words(&finding.server.places);
    if !places.is_empty() {
        facts.push(("where", codes(&places)));
    }
    facts.push(("when", format!("{} to {}", finding.first, finding.last)));
    facts.push((
        "traffic",
        format!("{} bytes up, {} bytes down, {} flows", finding.bytes_out, finding.bytes_in, finding.flows),
    ));
    if let Some(family) = &finding.family {
        let id =
            family.software.as_deref().map(|id| format!(", ATT&amp;CK {}", code(id))).unwrap_or_default();
        facts.push((
            "family",
            format!(
                "{} ({} confidence, rule {}{id})",
                code(&family.name),
                code(&family.confidence),
                code(&family.rule)
            ),
        ));
    }
    if let Some(loot) = &finding.loot {
        let taken: Vec<String> =
            loot.categories.iter().map(|(what, n)| format!("{} {n}", code(what))).collect();
        facts.push(("taken", taken.join(", ")));
        if !loot.names.is_empty() {
            facts.push(("as", codes(&loot.names)));
        }
        facts.extend(loot.drop.as_deref().map(|drop| ("left at", code(drop))));
    }
    if let Some(upload) = &finding.upload {
        let encoding = upload.encoding.as_deref().map(|e| format!(" as {}", code(e))).unwrap_or_default();
        let to = upload.destination.as_deref().map(|to| format!(" to {}", code(to))).unwrap_or_default();
        facts.push(("upload", format!("{} bytes in {} pieces{encoding}{to}", upload.bytes, upload.requests)));
    }
    if let Some(beacon) = &finding.beacon {
        let figures = format!(
            "every {:.1} s (± {:.0} %), {} {}, {} missed",
            beacon.period_s,
            beacon.jitter * 100.0,
            beacon.count,
            beacon.basis,
            beacon.missed
        );
        facts.push(("beat", figures));
    }
    if !finding.attack.is_empty() {
        let techniques: Vec<String> =
            finding.attack.iter().map(|t| code(&format!("{} {}", t.id, t.name))).collect();
        facts.push(("ATT&amp;CK", techniques.join(", ")));
    }
    facts
}

fn codes(texts: &[String]) -> String {
    texts.iter().take(SHOWN).map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

/// A code span in a cell of a table.
fn cell(text: &str) -> String {
    no_bar(&code(text))
}

/// In a table a bar ends the cell even inside a code span. Dialects differ on what a backslash before it does when
/// another stands before that, so it is shown as other characters that steer.
fn no_bar(text: &str) -> String {
    text.replace('|', "\\u{7c}")
}

/// A code span that its text cannot end: the fence is longer than any run of backticks inside.
fn code(text: &str) -> String {
    let text = clean(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A space at both ends is taken off again (CommonMark 6.1); text that is empty or only blank needs other words.
    match text.trim() {
        "" => "(empty)".to_owned(),
        _ if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) => format!("{fence} {text} {fence}"),
        _ => format!("{fence}{text}{fence}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_span() {
        for (text, span) in [
            ("a", "`a`"),
            ("`", "`` ` ``"),
            ("a``b", "```a``b```"),
            (" a ", "`  a  `"),
            ("", "(empty)"),
            ("a\n# b", "`a\\u{a}# b`"),
        ] {
            assert_eq!(code(text), span);
        }
        assert_eq!(cell("a\\|b"), "`a\\\\u{7c}b`");
    }
}
