//! One page that says it all: offline, for a screen and for paper.
//!
//! Every text of a capture goes through [`clean`] and the escaping of the template, and the page's policy knows one script
//! and one style sheet, both part of this program: nothing out of a capture runs, styles, links or leaves. Without the
//! script everything can be read; it zooms, copies and sifts.

mod chart;
mod finding;
mod sheet;
mod timeline;

pub use sheet::frame;

use super::plain::clean;
use super::{Exporter, Report};
use crate::detect::finding::{Context, Finding, Kind, Level};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

/// Findings that are unfolded when the page opens; the others open at a click or a key.
const OPEN: usize = 5;
/// Findings told with all their conversations, turns and beats; of those below, which are weaker, the first of each
/// stand here and the rest in the JSON report: a page of thousands must stay usable.
const WHOLE: usize = 400;
/// Findings in the overview; the list below has all.
const TILES: usize = 24;
/// Victims with a time line; the others are named by their findings.
const VICTIMS: usize = 60;
/// Lines of evidence, context or anomalies shown of each; JSON has all.
const SHOWN: usize = 100;

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
    let body = html! {
        (overview(&all))
        (victims(report, &all))
        @if !all.is_empty() {
            h2 id="findings" { "Findings" }
            (sift(&all))
            @for (at, finding) in all.iter().enumerate() {
                (finding::section(report, finding, at < OPEN, at < WHOLE))
            }
        }
        (lowered(report))
        (context(report))
        (unseen(report))
        (captures(report))
    };
    frame(&headline(&all), true, &head(report, &all), &body)
}

/// Controls to find a finding by; the script shows them.
fn sift(all: &[&Finding]) -> Markup {
    html! {
        form.sift id="sift" hidden {
            label { "Find " input type="search" placeholder="name, address, signal, family" size="28"; }
            @for level in [Level::Critical, Level::High, Level::Medium, Level::Low] {
                @let n = all.iter().filter(|finding| finding.level == level).count();
                @if n > 0 {
                    label { input type="checkbox" value=(level.name()) checked; " " (level.name()) " " (n) }
                }
            }
            output.soft {}
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
            @if let (Some(first), Some(last)) = (first, last) { ", " (moment(first)) " to " (moment(last)) " UTC" }
        }
        nav aria-label="Parts of the report" {
            @if !all.is_empty() { a href="#victims" { "Victims in time" } a href="#findings" { "Findings" } }
            @if !report.verdict.lowered.is_empty() { a href="#lowered" { "Lowered" } }
            @if !report.verdict.context.is_empty() { a href="#context" { "Context" } }
            a href="#unseen" { "Not seen" }
            a href="#captures" { "Captures" }
        }
    }
}

/// A moment for a reader, to the second.
fn moment(time: crate::time::Timestamp) -> String {
    let text = time.to_string();
    text.get(..19).map_or(text.clone(), |part| part.replace('T', " "))
}

/// What was stolen, from whom, to where, how sure.
fn overview(all: &[&Finding]) -> Markup {
    html! {
        ul.tiles {
            @for finding in all.iter().take(TILES) {
                li.tile.(finding.level.name()) {
                    a href={ "#" (clean(&finding.id)) } {
                        span.level { (finding.level.name()) " " (format!("{:.1}", finding.score)) }
                        span.sure { (meaning(finding.level)) }
                        strong { (taken(finding)) }
                        span.way { (clean(&victim(finding))) " → " (clean(&server(finding))) }
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
        finding.family.as_ref().map(|family| format!("{}: ", clean(&family.name))).unwrap_or_default();
    let categories = finding.loot.iter().flat_map(|loot| &loot.categories);
    let categories: Vec<String> = categories.map(|(what, _)| clean(what)).collect();
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
    let mut context: BTreeMap<IpAddr, Vec<&Context>> = BTreeMap::new();
    for one in &report.verdict.context {
        context.entry(one.host).or_default().push(one);
    }
    let mut ranked: Vec<(IpAddr, Vec<&Finding>)> = by_victim.into_iter().collect();
    let worst = |list: &[&Finding]| list.iter().map(|one| one.score).fold(f64::MIN, f64::max);
    ranked.sort_by(|a, b| worst(&b.1).total_cmp(&worst(&a.1)).then(a.0.cmp(&b.0)));
    html! {
        @if !ranked.is_empty() {
            h2 id="victims" { "Victims in time" }
            @for (addr, findings) in ranked.iter().take(VICTIMS) {
                section.panel {
                    h3 {
                        (addr)
                        @for name in findings.first().iter().flat_map(|one| &one.victim.names) { " " (clean(name)) }
                        span.soft { " " (count(findings.len() as u64, "finding")) }
                    }
                    (timeline::timeline(findings, context.get(addr).map_or(&[], Vec::as_slice)))
                }
            }
            @if ranked.len() > VICTIMS { p.soft { "and " (ranked.len() - VICTIMS) " victims more, by their findings below" } }
        }
    }
}

/// Frames in words, the first ones.
fn frames(frames: &[u64]) -> String {
    let shown: Vec<String> = frames.iter().take(6).map(ToString::to_string).collect();
    shown.join(", ") + if frames.len() > 6 { ", ..." } else { "" }
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(what, n)| format!("{} {n}", clean(what))).collect::<Vec<_>>().join(", ")
}

fn lowered(report: &Report<'_>) -> Markup {
    let lowered = &report.verdict.lowered;
    html! {
        @if !lowered.is_empty() {
            h2 id="lowered" { "Lowered, and why" }
            div.scroll { table {
                thead { tr { th { "Host" } th { "Server" } th { "From" } th { "To" } th { "Why" } } }
                tbody {
                    @for one in lowered.iter().take(SHOWN) {
                        tr {
                            td { (one.host) }
                            td { (clean(&one.server)) }
                            td { (one.from.map_or("", Level::name)) }
                            td { (one.to.map_or("nothing", Level::name)) }
                            td { (clean(&one.why)) }
                        }
                    }
                }
            } }
            (rest(lowered.len()))
        }
    }
}

fn context(report: &Report<'_>) -> Markup {
    let context = &report.verdict.context;
    html! {
        @if !context.is_empty() {
            h2 id="context" { "Context, never an alarm by itself" }
            div.scroll { table {
                thead { tr { th { "Host" } th { "Kind" } th { "What" } th { "Frames" } } }
                tbody {
                    @for one in context.iter().take(SHOWN) {
                        tr {
                            td { (one.host) }
                            td { (clean(&one.kind)) }
                            td { (clean(&one.what)) }
                            td.mono { (frames(&one.frames)) }
                        }
                    }
                }
            } }
            (rest(context.len()))
        }
    }
}

fn unseen(report: &Report<'_>) -> Markup {
    let unseen = &report.records.anomalies;
    html! {
        h2 id="unseen" { "Not seen or not understood" }
        @if unseen.is_empty() {
            p { "Nothing is missing from the captures, as far as they tell. What is encrypted is known by names, "
                "certificates, sizes and times only." }
        } @else {
            div.scroll { table {
                thead { tr { th { "Capture" } th { "What" } th { "Times" } th { "First frame" } } }
                tbody {
                    @for one in unseen.iter().take(SHOWN) {
                        tr {
                            td { (clean(report.capture(one.capture).map_or("", |capture| &capture.path))) }
                            td { (clean(&one.what)) }
                            td.number { (one.count) }
                            td.number { @if let Some(frame) = one.frame { (frame) } }
                        }
                    }
                }
            } }
            (rest(unseen.len()))
        }
    }
}

fn captures(report: &Report<'_>) -> Markup {
    html! {
        h2 id="captures" { "Captures" }
        div.scroll { table {
            thead { tr { th { "File" } th { "Bytes" } th { "Packets" } th { "First packet" } th { "SHA-256" } } }
            tbody {
                @for capture in &report.records.captures {
                    tr {
                        td { (clean(&capture.path)) }
                        td.number { (capture.bytes) }
                        td.number { (capture.packets) }
                        td { @if let Some(first) = capture.first { (first) } }
                        td.mono { (clean(&capture.sha256)) }
                    }
                }
            }
        } }
        p.soft { (concat!("exfilscan ", env!("CARGO_PKG_VERSION"))) ", rules " span.mono { (report.rules_digest) } }
    }
}

fn rest(all: usize) -> Markup {
    html! { @if all > SHOWN { p.soft { "and " (all - SHOWN) " more; the JSON report has all" } } }
}

/// What a level means.
const fn meaning(level: Level) -> &'static str {
    match level {
        Level::Critical => "as good as proven",
        Level::High => "very likely",
        Level::Medium => "worth an analyst's time",
        Level::Low => "worth a look",
    }
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
