//! One page that says it all: offline, without a script, for a screen and for paper.
//!
//! Every text of a capture goes through [`Safe`](super::Safe) and the escaping of the template; a policy in the page
//! forbids scripts and requests, so that nothing out of a capture runs or leaves.

mod chart;

use super::{Exporter, Report, Safe, atlas};
use crate::detect::finding::{Finding, Kind, Level};
use chart::{bar, lanes};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

/// Findings that are unfolded when the page opens; the others open at a click or a key.
const OPEN: usize = 20;
/// Findings in the overview; the list below has all.
const TILES: usize = 60;
/// Lines of evidence, context or anomalies shown of each; JSON has all.
const SHOWN: usize = 100;

const STYLE: &str = include_str!("style.css");

/// Nothing may be loaded or run: the page has a style sheet and pictures of its own.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Writes the page.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl Exporter for Html {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(page(report).into_string().as_bytes())
    }
}

fn page(report: &Report<'_>) -> Markup {
    let all: Vec<&Finding> = report.findings().collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("exfilscan ", env!("CARGO_PKG_VERSION")));
                title { (headline(&all)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (head(report, &all)) }
                main {
                    (overview(&all))
                    (victims(report, &all))
                    @if !all.is_empty() { h2 id="findings" { "Findings" } }
                    @for (at, finding) in all.iter().enumerate() { (self::finding(report, finding, at < OPEN)) }
                    (lowered(report))
                    (context(report))
                    (unseen(report))
                    (captures(report))
                }
            }
        }
    }
}

fn headline(all: &[&Finding]) -> String {
    let grave = all.iter().filter(|finding| finding.level >= Level::Medium).count();
    match (grave, all.len()) {
        (0, 0) => "No findings".to_owned(),
        (0, n) => format!("{} of low level", count(n as u64, "finding")),
        (n, _) => format!("{} worth acting on", count(n as u64, "finding")),
    }
}

fn head(report: &Report<'_>, all: &[&Finding]) -> Markup {
    let summary = &report.records.summary;
    let first = report.records.captures.iter().filter_map(|capture| capture.first).min();
    let last = report.records.captures.iter().filter_map(|capture| capture.last).max();
    html! {
        h1 { (headline(all)) }
        p.soft {
            (count(summary.captures, "capture")) ", " (count(summary.packets, "packet")) ", "
            (count(summary.flows, "conversation"))
            @if let (Some(first), Some(last)) = (first, last) { ", " (first) " to " (last) }
        }
    }
}

/// What was stolen, from whom, to where, how sure.
fn overview(all: &[&Finding]) -> Markup {
    html! {
        ul.tiles {
            @for finding in all.iter().take(TILES) {
                li.tile.(finding.level.name()) {
                    a href={ "#" (Safe(&finding.id)) } {
                        span.level { (finding.level.name()) " " (format!("{:.1}", finding.score)) }
                        strong { (taken(finding)) }
                        span { (Safe(&victim(finding))) " → " (Safe(&server(finding))) }
                    }
                }
            }
        }
        @if all.len() > TILES { p.soft { "and " (count((all.len() - TILES) as u64, "finding")) " more below" } }
    }
}

/// What was taken, in a few words.
fn taken(finding: &Finding) -> String {
    let family =
        finding.family.as_ref().map(|family| format!("{}: ", Safe(&family.name))).unwrap_or_default();
    let categories = finding.loot.iter().flat_map(|loot| &loot.categories);
    let categories: Vec<String> = categories.map(|(what, _)| Safe(what).to_string()).collect();
    let what = if !categories.is_empty() {
        categories.join(", ")
    } else if let Some(upload) = &finding.upload {
        format!("{} sent", size(upload.bytes))
    } else {
        finding.kinds.iter().map(|kind| word(*kind)).collect::<Vec<_>>().join(", ")
    };
    family + &what
}

fn victim(finding: &Finding) -> String {
    let victim = &finding.victim;
    victim.names.first().map_or_else(|| victim.addr.to_string(), |name| format!("{name} ({})", victim.addr))
}

fn server(finding: &Finding) -> String {
    let server = &finding.server;
    let name = server.names.first().cloned();
    name.or_else(|| server.addrs.first().map(ToString::to_string)).unwrap_or_default()
}

/// A time line for each victim.
fn victims(report: &Report<'_>, all: &[&Finding]) -> Markup {
    let mut by_victim: BTreeMap<IpAddr, Vec<&Finding>> = BTreeMap::new();
    for finding in all {
        by_victim.entry(finding.victim.addr).or_default().push(finding);
    }
    for findings in by_victim.values_mut() {
        findings.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    }
    let first = report.records.captures.iter().filter_map(|capture| capture.first).min();
    let last = report.records.captures.iter().filter_map(|capture| capture.last).max();
    html! {
        @if !by_victim.is_empty() {
            h2 { "Victims in time" }
            @for (addr, findings) in by_victim.iter().take(SHOWN) {
                section.panel {
                    h3 { (addr) @for name in &findings[0].victim.names { " " (Safe(name)) } }
                    @if let (Some(first), Some(last)) = (first, last) { (lanes(findings, first, last)) }
                }
            }
        }
    }
}

fn finding(report: &Report<'_>, finding: &Finding, open: bool) -> Markup {
    html! {
        details.finding.(finding.level.name()) id=(Safe(&finding.id)) open[open] {
            summary {
                span.level { (finding.level.name()) " " (format!("{:.1}", finding.score)) } " "
                strong { (Safe(&finding.title)) }
            }
            div {
                (facts(finding))
                h3 { "Why" }
                (terms(finding))
                p.doubt { "Innocent things that look the same: " (Safe(&finding.not_proof)) }
                h3 { "The packets" }
                (evidence(report, finding))
            }
        }
    }
}

fn facts(finding: &Finding) -> Markup {
    let server = &finding.server;
    let list =
        |texts: &[String]| texts.iter().map(|text| Safe(text).to_string()).collect::<Vec<_>>().join(", ");
    let addrs: Vec<String> = server.addrs.iter().map(ToString::to_string).collect();
    let ports: Vec<String> = server.ports.iter().map(ToString::to_string).collect();
    html! {
        dl {
            dt { "Victim" }
            dd {
                (finding.victim.addr)
                @if let Some(mac) = &finding.victim.mac { " " span.mono { (Safe(mac)) } }
                @if !finding.victim.names.is_empty() { ", " (list(&finding.victim.names)) }
                @if !finding.victim.users.is_empty() { ", user " (list(&finding.victim.users)) }
            }
            dt { "Server" }
            dd {
                @if !server.names.is_empty() { (list(&server.names)) ", " }
                (list(&addrs)) ", port " (list(&ports)) ", " (Safe(&server.app)) " over " (Safe(&server.transport))
            }
            @if !server.places.is_empty() {
                dt { "Where" }
                dd { (list(&atlas::all_words(&server.places))) }
            }
            dt { "When" }
            dd { (finding.first) " to " (finding.last) ", " (count(finding.flows, "conversation")) }
            dt { "Bytes" }
            dd { (size(finding.bytes_out)) " to the server, " (size(finding.bytes_in)) " from it" }
            @if let Some(family) = &finding.family {
                dt { "Family" }
                dd {
                    (Safe(&family.name)) ", " (Safe(&family.confidence)) " confidence"
                    @if !family.also.is_empty() { "; also consistent with " (list(&family.also)) }
                }
            }
            @if let Some(loot) = &finding.loot {
                @if !loot.categories.is_empty() {
                    dt { "Taken" }
                    dd { (counts(&loot.categories)) }
                }
                @if !loot.names.is_empty() { dt { "Names" } dd.mono { (list(&loot.names)) } }
                @if let Some(drop) = &loot.drop { dt { "Left at" } dd { (Safe(drop)) } }
            }
            @if let Some(upload) = &finding.upload {
                dt { "Upload" }
                dd {
                    (size(upload.bytes)) " in " (count(upload.requests, "piece"))
                    @if let Some(encoding) = &upload.encoding { ", " (Safe(encoding)) }
                    @if let Some(to) = &upload.destination { ", to " (Safe(to)) }
                }
            }
            @if let Some(beacon) = &finding.beacon {
                dt { "Beat" }
                dd {
                    (beacon.count) " " (Safe(&beacon.basis)) ", one each " (format!("{:.1} s", beacon.period_s))
                    " (spread " (format!("{:.1} %", beacon.jitter * 100.0)) "), " (beacon.missed) " missed"
                }
            }
            @if !finding.attack.is_empty() {
                dt { "ATT&CK" }
                dd {
                    ul.plain {
                        @for one in &finding.attack { li { span.mono { (Safe(&one.id)) } " " (Safe(&one.name)) } }
                    }
                }
            }
        }
    }
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(what, n)| format!("{} {n}", Safe(what))).collect::<Vec<_>>().join(", ")
}

fn terms(finding: &Finding) -> Markup {
    let most = finding.terms.iter().map(|term| term.weight.abs()).fold(1.0, f64::max);
    html! {
        table {
            thead { tr { th { "Decibans" } th.bar { } th { "Evidence" } th { "Frames" } } }
            tbody {
                @for term in &finding.terms {
                    tr {
                        td.number { (format!("{:+.1}", term.weight)) }
                        td.bar { (bar(term.weight, most)) }
                        td { code { (Safe(&term.signal)) } " " (Safe(&term.why)) }
                        td.mono { (frames(&term.frames)) }
                    }
                }
            }
        }
    }
}

fn frames(frames: &[u64]) -> String {
    let shown: Vec<String> = frames.iter().take(6).map(ToString::to_string).collect();
    shown.join(", ") + if frames.len() > 6 { ", ..." } else { "" }
}

fn evidence(report: &Report<'_>, finding: &Finding) -> Markup {
    html! {
        @for evidence in finding.evidence.iter().take(SHOWN) {
            @let path = report.capture(evidence.capture).map_or("", |capture| capture.path.as_str());
            @let ranges: Vec<String> = evidence.frames.iter().take(6).map(|(a, b)| format!("{a}-{b}")).collect();
            p.soft { (Safe(path)) ", frames " (ranges.join(", ")) ", " span.mono { (Safe(&evidence.community_id)) } }
            code.filter { (Safe(&evidence.filter)) }
        }
        @if finding.evidence.len() > SHOWN {
            p.soft { "and " (count((finding.evidence.len() - SHOWN) as u64, "conversation")) " more" }
        }
        p.soft { "Cut them out:" }
        code.filter { "exfilscan carve CAPTURE... --finding " (Safe(&finding.id)) " -o finding.pcapng" }
    }
}

fn lowered(report: &Report<'_>) -> Markup {
    let lowered = &report.verdict.lowered;
    html! {
        @if !lowered.is_empty() {
            h2 { "Lowered, and why" }
            table {
                thead { tr { th { "Host" } th { "Server" } th { "From" } th { "To" } th { "Why" } } }
                tbody {
                    @for one in lowered.iter().take(SHOWN) {
                        tr {
                            td { (one.host) }
                            td { (Safe(&one.server)) }
                            td { (one.from.map_or("", Level::name)) }
                            td { (one.to.map_or("nothing", Level::name)) }
                            td { (Safe(&one.why)) }
                        }
                    }
                }
            }
            (rest(lowered.len()))
        }
    }
}

fn context(report: &Report<'_>) -> Markup {
    let context = &report.verdict.context;
    html! {
        @if !context.is_empty() {
            h2 { "Context, never an alarm by itself" }
            table {
                thead { tr { th { "Host" } th { "Kind" } th { "What" } th { "Frames" } } }
                tbody {
                    @for one in context.iter().take(SHOWN) {
                        tr {
                            td { (one.host) }
                            td { (Safe(&one.kind)) }
                            td { (Safe(&one.what)) }
                            td.mono { (frames(&one.frames)) }
                        }
                    }
                }
            }
            (rest(context.len()))
        }
    }
}

fn unseen(report: &Report<'_>) -> Markup {
    let unseen = &report.records.anomalies;
    html! {
        h2 { "Not seen or not understood" }
        @if unseen.is_empty() {
            p { "Nothing is missing from the captures, as far as they tell. What is encrypted is known by names, "
                "certificates, sizes and times only." }
        } @else {
            table {
                thead { tr { th { "Capture" } th { "What" } th { "Times" } th { "First frame" } } }
                tbody {
                    @for one in unseen.iter().take(SHOWN) {
                        tr {
                            td { (Safe(report.capture(one.capture).map_or("", |capture| &capture.path))) }
                            td { (Safe(&one.what)) }
                            td.number { (one.count) }
                            td.number { @if let Some(frame) = one.frame { (frame) } }
                        }
                    }
                }
            }
            (rest(unseen.len()))
        }
    }
}

fn captures(report: &Report<'_>) -> Markup {
    html! {
        h2 { "Captures" }
        table {
            thead { tr { th { "File" } th { "Bytes" } th { "Packets" } th { "First packet" } th { "SHA-256" } } }
            tbody {
                @for capture in &report.records.captures {
                    tr {
                        td { (Safe(&capture.path)) }
                        td.number { (capture.bytes) }
                        td.number { (capture.packets) }
                        td { @if let Some(first) = capture.first { (first) } }
                        td.mono { (Safe(&capture.sha256)) }
                    }
                }
            }
        }
        p.soft { (concat!("exfilscan ", env!("CARGO_PKG_VERSION"))) ", rules " span.mono { (report.rules_digest) } }
    }
}

fn rest(all: usize) -> Markup {
    html! { @if all > SHOWN { p.soft { "and " (all - SHOWN) " more; the JSON report has all" } } }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Exfiltration => "data sent out",
        Kind::Beacon => "regular check-ins",
        Kind::C2 => "control",
        Kind::DeadDrop => "a dead drop",
        Kind::Tunnel => "a tunnel",
        Kind::Download => "a download",
    }
}

fn count(n: u64, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).display().si().to_string()
}

#[cfg(test)]
mod tests;
