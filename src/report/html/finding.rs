//! One finding: what, who, how sure and why, and the packets to open.

use super::chart::{bar, px, raster, turns};
use super::{clean, count, counts, frames, meaning, size};
use crate::detect::MAX_TURNS;
use crate::detect::finding::{Beacon, Evidence, Finding, Sent};
use crate::record::SideName;
use crate::report::{Report, atlas, plain};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Conversations listed of a finding that is told whole, and of one of very many.
const CONVERSATIONS: (usize, usize) = (64, 3);
/// Of these the ones that do not fold.
const FIRST: usize = 4;
/// Anomalies of its captures named at a finding.
const UNSEEN: usize = 4;
/// Applications whose contents nobody on the way can read.
const SEALED: [&str; 3] = ["tls", "quic", "ssh"];

/// A finding that folds; `whole` says whether it is told with everything.
pub fn section(report: &Report<'_>, finding: &Finding, open: bool, whole: bool) -> Markup {
    html! {
        details.finding.(finding.level.name()) data-level=(finding.level.name()) open[open] {
            summary {
                span.level { (finding.level.name()) " " (format!("{:.1}", finding.score)) } " "
                strong { (clean(&finding.title)) }
            }
            // The target is inside, so that a link to it unfolds the finding.
            div id=(clean(&finding.id)) {
                (facts(finding, whole))
                @if let Some(beacon) = &finding.beacon { (beat(beacon, whole)) }
                @if let Some(upload) = &finding.upload {
                    h3 { "The upload" }
                    p {
                        (size(upload.bytes)) " in " (count(upload.requests, "piece"))
                        @if let Some(encoding) = &upload.encoding { ", " (clean(encoding)) }
                        @if let Some(to) = &upload.destination { ", to " code { (clean(to)) } }
                        "."
                    }
                    @if whole && !finding.turns.is_empty() { (upload_turns(report, &finding.turns)) }
                }
                h3 { "Why" }
                (terms(finding, whole))
                p.doubt { "Innocent things that look the same: " (clean(&finding.not_proof)) }
                (lowered(report, finding))
                h3 { "The packets" }
                (evidence(report, finding, if whole { CONVERSATIONS.0 } else { CONVERSATIONS.1 }))
                (unseen(report, finding))
            }
        }
    }
}

fn facts(finding: &Finding, whole: bool) -> Markup {
    let server = &finding.server;
    let list = |texts: &[String]| texts.iter().map(|text| clean(text)).collect::<Vec<_>>().join(", ");
    let addrs: Vec<String> = server.addrs.iter().map(ToString::to_string).collect();
    let ports: Vec<String> = server.ports.iter().map(ToString::to_string).collect();
    html! {
        dl {
            dt { "How sure" }
            dd { (meaning(finding.level)) ", " (format!("{:.1}", finding.score)) " decibans" }
            dt { "Victim" }
            dd {
                (finding.victim.addr)
                @if let Some(mac) = &finding.victim.mac { " " span.mono { (clean(mac)) } }
                @if !finding.victim.names.is_empty() { ", " (list(&finding.victim.names)) }
                @if !finding.victim.users.is_empty() { ", user " (list(&finding.victim.users)) }
            }
            dt { "Server" }
            dd {
                @if !server.names.is_empty() { (list(&server.names)) ", " }
                (list(&addrs)) ", port " (list(&ports)) ", " (clean(&server.app)) " over " (clean(&server.transport))
                @if !server.roles.is_empty() { "; known as " (list(&server.roles)) }
            }
            @if !server.places.is_empty() {
                dt { "Where" }
                dd { (list(&atlas::all_words(&server.places))) }
            }
            @for cert in &server.certificates {
                dt { "Certificate" }
                dd {
                    (clean(&cert.subject)) @if cert.self_signed { ", self-signed" } ", frame " (cert.frame)
                    br; span.mono.soft { "SHA-256 " (clean(&cert.sha256)) }
                }
            }
            @if !server.templates.is_empty() {
                dt { "Requests" }
                dd { @for one in &server.templates { div.mono { (clean(&one.form)) span.soft { " frame " (one.frame) } } } }
            }
            dt { "When" }
            dd { (finding.first) " to " (finding.last) ", " (count(finding.flows, "conversation")) }
            dt { "Bytes" }
            dd { (size(finding.bytes_out)) " to the server, " (size(finding.bytes_in)) " from it" }
            @if let Some(family) = &finding.family {
                dt { "Family" }
                dd {
                    (clean(&family.name)) ", " (clean(&family.confidence)) " confidence"
                    @if !family.also.is_empty() { "; also consistent with " (list(&family.also)) }
                }
            }
            @if let Some(loot) = &finding.loot {
                @if !loot.categories.is_empty() { dt { "Taken" } dd { (counts(&loot.categories)) } }
                @if !loot.names.is_empty() { dt { "Names" } dd.mono { (list(&loot.names)) } }
                @if let Some(drop) = &loot.drop { dt { "Left at" } dd { (clean(drop)) } }
            }
            @if !finding.attack.is_empty() {
                dt { "ATT&CK" }
                dd {
                    @if whole {
                        ul.plain {
                            @for one in &finding.attack { li { span.mono { (clean(&one.id)) } " " (clean(&one.name)) } }
                        }
                    } @else {
                        (finding.attack.iter().map(|one| clean(&one.id)).collect::<Vec<_>>().join(", "))
                    }
                }
            }
        }
    }
}

fn beat(beacon: &Beacon, whole: bool) -> Markup {
    html! {
        h3 { "The beat" }
        p {
            (beacon.count) " " (clean(&beacon.basis)) ", one each " (super::chart::span(beacon.period_s))
            ", jitter " (format!("{:.1} %", beacon.jitter * 100.0)) ", " (beacon.missed) " missed."
        }
        @if whole { (raster(beacon)) }
    }
}

/// The turns as a picture, and as a table that folds.
fn upload_turns(report: &Report<'_>, all: &[Sent]) -> Markup {
    html! {
        (turns(all))
        details.turns {
            summary { (count(all.len() as u64, "turn")) @if all.len() >= MAX_TURNS { ", the largest," } " with frames" }
            table {
                thead { tr { th { "Time" } th { "Who" } th.number { "Bytes" } th.number { "Frame" } th { "Capture" } } }
                tbody {
                    @for turn in all {
                        tr {
                            td.mono { (turn.time) }
                            td { @if turn.side == SideName::Client { "victim" } @else { "server" } }
                            td.number { (turn.bytes) }
                            td.number { (turn.frame) }
                            td { (clean(report.capture(turn.capture).map_or("", |capture| &capture.path))) }
                        }
                    }
                }
            }
        }
    }
}

fn terms(finding: &Finding, whole: bool) -> Markup {
    let most = finding.terms.iter().map(|term| term.weight).fold(1.0, f64::max);
    let least = finding.terms.iter().map(|term| term.weight).fold(0.0, f64::min);
    let sum: f64 = finding.terms.iter().map(|term| term.weight).sum();
    html! {
        table.terms {
            thead { tr { th.number { "Decibans" } th.bar { span.away { "Weight" } } th { "Evidence" } th { "Frames" } } }
            tbody {
                @for term in &finding.terms {
                    tr {
                        td.number { (format!("{:+.1}", term.weight)) }
                        td.bar { @if whole { (bar(term.weight, least, most)) } }
                        td { (clean(&term.why)) " " code.soft { (clean(&term.signal)) } }
                        td.mono { (frames(&term.frames)) }
                    }
                }
                tr.soft {
                    td.number { (format!("{:+.1}", finding.score - sum)) }
                    td.bar {}
                    td colspan="2" { "before any evidence: most hosts have no thief" }
                }
                tr.sum { td.number { (px(finding.score)) } td.bar {} td colspan="2" { "sum" } }
            }
        }
    }
}

/// What put this finding down, and by how much.
fn lowered(report: &Report<'_>, finding: &Finding) -> Markup {
    let server = &finding.server;
    let own = |label: &str| {
        server.names.iter().any(|name| name == label)
            || server.addrs.iter().any(|addr| addr.to_string() == label)
    };
    let all = report.verdict.lowered.iter();
    let fitting: Vec<_> =
        all.filter(|one| one.host == finding.victim.addr && own(&one.server)).take(UNSEEN).collect();
    html! {
        @for one in fitting {
            p.doubt {
                "Lowered from " (one.from.map_or("", crate::detect::finding::Level::name)) " to "
                (one.to.map_or("nothing", crate::detect::finding::Level::name)) ": " (clean(&one.why))
            }
        }
    }
}

fn evidence(report: &Report<'_>, finding: &Finding, most: usize) -> Markup {
    let shown = &finding.evidence[..finding.evidence.len().min(most)];
    let (first, folded) = shown.split_at(shown.len().min(FIRST));
    html! {
        @for evidence in first { (conversation(report, evidence)) }
        @if !folded.is_empty() {
            details.more {
                summary { (count(folded.len() as u64, "conversation")) " more" }
                @for evidence in folded { (conversation(report, evidence)) }
            }
        }
        @if finding.evidence.len() > most {
            p.soft { "and " (count((finding.evidence.len() - most) as u64, "conversation")) " more; the JSON report has all" }
        }
        p.soft { "Cut its packets out of the captures:" }
        div.line {
            code.filter {
                "exfilscan carve " (carved(report, finding)) " --finding " (clean(&finding.id)) " -o "
                (clean(&finding.id)) ".pcapng"
            }
        }
    }
}

/// A conversation and the display filter that selects it.
fn conversation(report: &Report<'_>, evidence: &Evidence) -> Markup {
    let path = report.capture(evidence.capture).map_or("", |capture| capture.path.as_str());
    let ranges: Vec<String> = evidence.frames.iter().take(6).map(|&(a, b)| range(a, b)).collect();
    html! {
        p.soft {
            (clean(path)) ", frames " (ranges.join(", ")) ", " span.mono { (clean(&evidence.community_id)) }
        }
        div.line { code.filter { (clean(&evidence.filter)) } }
    }
}

fn range(a: u64, b: u64) -> String {
    if a == b { a.to_string() } else { format!("{a}-{b}") }
}

/// The captures of a finding as words of a shell; a placeholder where a name could be anything else there.
fn carved(report: &Report<'_>, finding: &Finding) -> String {
    let words: Vec<String> =
        plain::captures(report, finding).iter().map(|capture| shell(&capture.path)).collect();
    if words.is_empty() || words.iter().any(String::is_empty) {
        "CAPTURE...".to_owned()
    } else {
        words.join(" ")
    }
}

/// A name in single quotes as a POSIX shell takes it literally, or nothing where it has what cannot be shown.
fn shell(path: &str) -> String {
    if path.is_empty() || path.starts_with('-') || clean(path) != path {
        String::new()
    } else if path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b)) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// What could not be seen of this finding.
fn unseen(report: &Report<'_>, finding: &Finding) -> Markup {
    let used: BTreeSet<u32> = finding.evidence.iter().map(|evidence| evidence.capture).collect();
    let wrong: Vec<_> =
        report.records.anomalies.iter().filter(|anomaly| used.contains(&anomaly.capture)).collect();
    let sealed = SEALED.contains(&finding.server.app.as_str());
    html! {
        @if sealed || !wrong.is_empty() {
            h3 { "Not seen" }
            ul {
                @if sealed {
                    li { "The contents are encrypted: what is said of them rests on names, certificates, sizes and times." }
                }
                @for one in wrong.iter().take(UNSEEN) { li { (clean(&one.what)) ", " (one.count) " times in its captures" } }
                @if wrong.len() > UNSEEN { li { a href="#unseen" { "and " (wrong.len() - UNSEEN) " kinds more" } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_one_word_of_a_shell() {
        for (path, word) in [
            ("day/a-1.pcap", "day/a-1.pcap"),
            ("a b.pcap", "'a b.pcap'"),
            ("it's.pcap", "'it'\\''s.pcap'"),
            ("$(rm x).pcap", "'$(rm x).pcap'"),
            ("-rf", ""),
            ("a\nb", ""),
            ("a\u{202e}b", ""),
        ] {
            assert_eq!(shell(path), word);
        }
    }
}
