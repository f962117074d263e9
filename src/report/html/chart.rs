//! Pictures drawn as SVG: what a term adds, and a victim's findings in time.

use super::server;
use crate::detect::finding::Finding;
use crate::report::Safe;
use crate::time::Timestamp;
use maud::{Markup, html};

/// Width of a bar, in pixels; the middle is zero.
const BAR: f64 = 140.0;

/// A weight as a bar to the right (it speaks for a thief) or to the left.
pub fn bar(weight: f64, most: f64) -> Markup {
    let length = (weight.abs() / most).clamp(0.0, 1.0) * BAR / 2.0;
    let x = if weight < 0.0 { BAR / 2.0 - length } else { BAR / 2.0 };
    let class = if weight < 0.0 { "minus" } else { "plus" };
    html! {
        svg width=(BAR) height="14" viewBox={ "0 0 " (BAR) " 14" } aria-hidden="true" {
            line.axis x1=(BAR / 2.0) x2=(BAR / 2.0) y1="0" y2="14" {}
            rect class=(class) x=(format!("{x:.1}")) y="3" width=(format!("{length:.1}")) height="8" rx="1" {}
        }
    }
}

/// Lanes of a time line drawn at most.
const MAX_LANES: usize = 40;
/// Height of a lane, and where its bar begins, in pixels.
const LANE: usize = 24;
const LEFT: f64 = 250.0;
const WIDTH: f64 = 950.0;
/// Characters of a server's name that fit before a lane.
const NAME: usize = 34;

/// One lane a finding, from its first to its last packet, in the time of all captures.
pub fn lanes(findings: &[&Finding], first: Timestamp, last: Timestamp) -> Markup {
    let all = last.since(first).as_secs_f64().max(1e-9);
    let at = |moment: Timestamp| {
        LEFT + (moment.since(first).as_secs_f64() / all).clamp(0.0, 1.0) * (WIDTH - LEFT - 10.0)
    };
    let shown = findings.len().min(MAX_LANES);
    let height = shown * LANE + 26;
    html! {
        svg.lanes role="img" width=(WIDTH) height=(height) viewBox={ "0 0 " (WIDTH) " " (height) } {
            title { (shown) " findings in time" }
            @for (lane, finding) in findings.iter().take(MAX_LANES).enumerate() {
                @let (from, to) = (at(finding.first), at(finding.last));
                @let y = lane * LANE;
                text x="0" y=(y + 16) { (Safe(&short(&server(finding)))) }
                line.axis x1=(LEFT) x2=(WIDTH - 10.0) y1=(y + 12) y2=(y + 12) {}
                a href={ "#" (Safe(&finding.id)) } {
                    rect.lane.(finding.level.name()) x=(format!("{from:.1}")) y=(y + 5)
                        width=(format!("{:.1}", (to - from).max(4.0))) height="14" rx="2" {
                        title { (finding.first) " to " (finding.last) ": " (Safe(&finding.title)) }
                    }
                }
            }
            text x=(LEFT) y=(height - 6) { (first) }
            text x=(WIDTH - 10.0) y=(height - 6) text-anchor="end" { (last) }
        }
        @if findings.len() > MAX_LANES { p.soft { "and " (findings.len() - MAX_LANES) " more" } }
    }
}

fn short(name: &str) -> String {
    let mut short: String = name.chars().take(NAME).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}
