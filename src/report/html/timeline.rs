//! What a victim did, in lanes of time: look-ups, downloads, check-ins, uploads, and how long each server was in touch.

use super::chart::px;
use super::server;
use crate::detect::finding::{Context, Finding, Moment};
use crate::record::SideName;
use crate::report::plain::clean;
use crate::time::{Duration, Timestamp};
use maud::{Markup, html};

/// Marks drawn in one lane; more lie upon each other.
const MAX_MARKS: usize = 600;
/// Servers with a lane of their own; the list of findings has all.
const MAX_SERVERS: usize = 24;
/// Height of a lane, place of the labels, width of all, in pixels.
const LANE: usize = 22;
const LEFT: f64 = 230.0;
const WIDTH: f64 = 1060.0;
/// Units of the field, in which marks are placed: what a zoom scales.
const UNITS: f64 = 10_000.0;
/// Characters of a label.
const NAME: usize = 34;
/// Moments named below the time line.
const TICKS: usize = 5;

/// A lane: its label, the class of its marks, and the marks with a word each.
struct Lane {
    label: &'static str,
    class: &'static str,
    marks: Vec<(Timestamp, String)>,
}

/// The time line of one victim. `context` is what is known of the host beside its findings.
pub fn timeline(findings: &[&Finding], context: &[&Context]) -> Markup {
    let lanes = lanes(findings, context);
    let marks = || lanes.iter().flat_map(|lane| lane.marks.iter().map(|mark| mark.0));
    let first = findings.iter().map(|one| one.first).chain(marks()).min().unwrap_or_default();
    let last = findings.iter().map(|one| one.last).chain(marks()).max().unwrap_or_default();
    // Some air at both ends, and never nothing.
    let air = Duration((last.since(first).0 / 50).max(50_000_000));
    let (first, last) = (first - air, last + air);
    let all = last.since(first).as_secs_f64();
    let at = |moment: Timestamp| moment.since(first).as_secs_f64() / all * UNITS;
    let shown = findings.len().min(MAX_SERVERS);
    let rows = lanes.len() + shown;
    let tall = rows * LANE;
    let field = WIDTH - LEFT;
    let tick = |n: usize| {
        let part = (all * 1e9 / (TICKS - 1) as f64) as i64;
        first + Duration(part.saturating_mul(n as i64))
    };
    html! {
        figure.time data-start=(first.0 / 1_000_000) data-length=(format!("{:.0}", all * 1000.0)) {
            svg.lanes role="img" width=(WIDTH) height=(tall + 22) viewBox={ "0 0 " (WIDTH) " " (tall + 22) } {
                title { "What the victim did from " (first) " to " (last) }
                @for (n, lane) in lanes.iter().enumerate() {
                    text x="0" y=(n * LANE + 15) { (lane.label) tspan.count { " " (lane.marks.len()) } }
                }
                @for (n, finding) in findings.iter().take(MAX_SERVERS).enumerate() {
                    text.name x="0" y=((lanes.len() + n) * LANE + 15) { (short(&server(finding))) }
                }
                svg.field x=(LEFT) y="0" width=(field) height=(tall) viewBox={ "0 0 " (UNITS) " " (tall) }
                    preserveAspectRatio="none" {
                    @for n in 0..rows {
                        line.axis x1="-100000" x2="110000" y1=(n * LANE + 11) y2=(n * LANE + 11) {}
                    }
                    @for (n, lane) in lanes.iter().enumerate() {
                        @let y = n * LANE;
                        @for (time, what) in lane.marks.iter().take(MAX_MARKS) {
                            @let x = px(at(*time));
                            line.mark.(lane.class) x1=(x) x2=(x) y1=(y + 3) y2=(y + 19) {
                                title { (time) ": " (what) }
                            }
                        }
                    }
                    @for (n, finding) in findings.iter().take(MAX_SERVERS).enumerate() {
                        @let y = (lanes.len() + n) * LANE + 11;
                        @let (from, to) = (at(finding.first), at(finding.last));
                        a href={ "#" (clean(&finding.id)) } aria-label=(clean(&finding.title)) {
                            line.span.(finding.level.name()) x1=(px(from)) x2=(px(to.max(from + 30.0))) y1=(y) y2=(y) {
                                title { (finding.first) " to " (finding.last) ": " (clean(&finding.title)) }
                            }
                        }
                    }
                }
                @for n in 0..TICKS {
                    @let x = LEFT + field * n as f64 / (TICKS - 1) as f64;
                    @let anchor = match n { 0 => "start", n if n == TICKS - 1 => "end", _ => "middle" };
                    text.tick x=(px(x)) y=(tall + 16) text-anchor=(anchor) { (label(tick(n), all)) }
                }
            }
            figcaption.soft {
                (first.to_string().get(..19).unwrap_or_default()) " to " (last.to_string().get(..19).unwrap_or_default()) " UTC"
                @if findings.len() > MAX_SERVERS { ", and " (findings.len() - MAX_SERVERS) " servers more in the list" }
            }
            div.zoom hidden {
                label { "From " input type="range" min="0" max="999" value="0"; }
                label { "to " input type="range" min="1" max="1000" value="1000"; }
                button type="button" { "Whole" } " "
                output.soft {}
            }
        }
    }
}

/// A moment as it stands below the line: the same as the script writes.
fn label(time: Timestamp, seconds: f64) -> String {
    let text = time.to_string();
    let part = if seconds > 36.0 * 3600.0 {
        text.get(5..16).map(|part| part.replace('T', " "))
    } else {
        text.get(11..if seconds < 12.0 { 23 } else { 19 }).map(str::to_owned)
    };
    part.unwrap_or(text)
}

/// The lanes that have anything.
fn lanes(findings: &[&Finding], context: &[&Context]) -> Vec<Lane> {
    let of_context = |kinds: &[&str], word: &str| -> Vec<(Timestamp, String)> {
        let fitting = context.iter().filter(|one| kinds.contains(&one.kind.as_str()));
        let moments = fitting.flat_map(|one| one.moments.iter());
        moments.map(|moment| told(moment, word)).collect()
    };
    let of_findings = |list: fn(&Finding) -> &[Moment], word: &str| -> Vec<(Timestamp, String)> {
        findings.iter().flat_map(|one| list(one)).map(|moment| told(moment, word)).collect()
    };
    let mut lookups = of_findings(|one| &one.lookups, "asked for");
    lookups.extend(of_context(&["public-ip-lookup", "dead-drop-page"], "asked"));
    let mut downloads = of_findings(|one| &one.downloads, "fetched");
    downloads.extend(of_context(&["library-download", "program-download"], "fetched"));
    let beats = findings.iter().filter_map(|one| {
        let beacon = one.beacon.as_ref()?;
        Some((one, beacon, beacon.start?))
    });
    let checks = beats.flat_map(|(finding, beacon, start)| {
        let what = format!("checked in with {}", short(&server(finding)));
        let time =
            move |ms: &u64| start + Duration::from_millis(i64::try_from(*ms).unwrap_or(i64::MAX / 2_000_000));
        beacon.beats_ms.iter().map(move |ms| (time(ms), what.clone())).collect::<Vec<_>>()
    });
    let uploads = findings.iter().flat_map(|finding| {
        let sent = finding.turns.iter().filter(|turn| turn.side == SideName::Client);
        let to = short(&server(finding));
        sent.map(move |turn| (turn.time, format!("sent {} to {to}", super::size(turn.bytes))))
            .collect::<Vec<_>>()
    });
    let all = [
        ("Look-ups", "lookup", lookups),
        ("Downloads", "download", downloads),
        ("Check-ins", "check", checks.collect()),
        ("Uploads", "upload", uploads.collect()),
    ];
    let filled = all.into_iter().map(|(label, class, mut marks)| {
        marks.sort();
        marks.dedup();
        Lane { label, class, marks }
    });
    filled.filter(|lane| !lane.marks.is_empty()).collect()
}

fn told(moment: &Moment, word: &str) -> (Timestamp, String) {
    (moment.time, format!("{word} {} (frame {})", clean(&moment.what), moment.frame))
}

fn short(name: &str) -> String {
    let mut short: String = clean(name).chars().take(NAME).collect();
    if name.chars().count() > NAME {
        short.push('…');
    }
    short
}
