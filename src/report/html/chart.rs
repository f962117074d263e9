//! Pictures drawn as SVG inside one finding: what a term adds, beats, turns of an upload.

use super::size;
use crate::detect::finding::{Beacon, Sent};
use crate::record::SideName;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Width of the place of bars, in pixels.
const BAR: f64 = 140.0;

/// A weight as a bar to the right (it speaks for a thief) or to the left of zero, which stands at the left where `least`,
/// the least of its weights, is not below.
pub fn bar(weight: f64, least: f64, most: f64) -> Markup {
    let (least, most) = (least.min(0.0), most.max(1.0));
    let scale = BAR / (most - least);
    let zero = -least * scale;
    let length = (weight.abs() * scale).clamp(0.0, BAR);
    let x = if weight < 0.0 { (zero - length).max(0.0) } else { zero };
    let class = if weight < 0.0 { "minus" } else { "plus" };
    html! {
        svg width=(BAR) height="14" viewBox={ "0 0 " (BAR) " 14" } aria-hidden="true" {
            line.axis x1=(px(zero)) x2=(px(zero)) y1="0" y2="14" {}
            rect class=(class) x=(px(x)) y="3" width=(px(length)) height="8" rx="1" {}
        }
    }
}

/// Width of the raster and of its place for times, in pixels.
const RASTER: (f64, f64) = (560.0, 84.0);
/// Most rows of a raster, and the height of one in pixels.
const ROWS: (usize, f64) = (28, 9.0);
/// Pixels above the first row, for its label.
const TOP: f64 = 4.0;
/// Where in a row the first beat stands, as a share of a period: room for beats that come early.
const LEAD: f64 = 0.25;
/// Bars of the histogram of gaps, and its size in pixels.
const BINS: usize = 30;
const GAPS: (f64, f64) = (300.0, 110.0);

/// The beats as a raster: each row is the same number of periods, so that a steady beat makes upright lines; beside it
/// how long the gaps were. Nothing where the times are not told.
pub fn raster(beacon: &Beacon) -> Markup {
    let period = beacon.period_s * 1000.0;
    let beats: Vec<f64> = beacon.beats_ms.iter().map(|&ms| ms as f64).collect();
    let Some(&last) = beats.last().filter(|_| beats.len() >= 3 && period > 0.0) else { return html! {} };
    // Whole periods to a row, so few that the rows have room.
    let per_row = (last / period / (ROWS.0 as f64 - 1.0)).ceil().max(1.0);
    let row_ms = per_row * period;
    let mut rows: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for beat in &beats {
        let at = beat + LEAD * period;
        let row = (at / row_ms).floor();
        rows.entry(row as u64).or_default().push((at - row * row_ms) / row_ms);
    }
    let (width, left) = RASTER;
    let field = width - left;
    let height = rows.len() as f64 * ROWS.1 + TOP + 20.0;
    let lines = (per_row as usize).min(40);
    html! {
        div.pair {
            figure {
                svg.raster role="img" width=(width) height=(px(height)) viewBox={ "0 0 " (width) " " (px(height)) } {
                    title { (beats.len()) " beats, " (per_row) " periods a row" }
                    @for n in 0..lines {
                        @let x = left + (n as f64 + LEAD) / per_row * field;
                        line.axis x1=(px(x)) x2=(px(x)) y1="0" y2=(px(height - 18.0)) {}
                    }
                    @for (line, (row, marks)) in rows.iter().enumerate() {
                        @let y = TOP + line as f64 * ROWS.1;
                        @if line % 4 == 0 {
                            text x="0" y=(px(y + 8.0)) { "+" (span(*row as f64 * row_ms / 1000.0)) }
                        }
                        @for mark in marks {
                            rect.beat x=(px(left + mark * field - 1.5)) y=(px(y + 1.0)) width="3" height="7" {}
                        }
                    }
                    text x=(left) y=(px(height - 4.0)) { "each row " (span(row_ms / 1000.0)) }
                }
                figcaption.soft { "Each mark is a beat; upright lines mean a clock." }
            }
            (gaps(&beats, period))
        }
    }
}

/// How long the pauses between beats were.
fn gaps(beats: &[f64], period: f64) -> Markup {
    let gaps: Vec<f64> = beats.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let most = period * 2.5;
    let mut bins = [0_usize; BINS];
    for gap in &gaps {
        let at = (gap / most * BINS as f64) as usize;
        bins[at.min(BINS - 1)] += 1;
    }
    let top = bins.iter().copied().max().unwrap_or(1).max(1) as f64;
    let (width, height) = GAPS;
    let step = width / BINS as f64;
    let base = height - 18.0;
    let at = period / most * width;
    html! {
        figure {
            svg.gaps role="img" width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } {
                title { (gaps.len()) " gaps between beats by length" }
                @for (n, count) in bins.iter().enumerate() {
                    @if *count > 0 {
                        @let tall = *count as f64 / top * (base - 14.0);
                        rect.beat x=(px(n as f64 * step + 1.0)) y=(px(base - tall)) width=(px(step - 2.0)) height=(px(tall)) {
                            title { (count) " gaps" }
                        }
                    }
                }
                line.axis x1="0" x2=(width) y1=(base) y2=(base) {}
                line.median x1=(px(at)) x2=(px(at)) y1="0" y2=(base) {}
                text x=(px(at + 4.0)) y="10" { (span(period / 1000.0)) }
                text x="0" y=(height - 4.0) { "0" }
                text x=(width) y=(height - 4.0) text-anchor="end" { (span(most / 1000.0)) " and more" }
            }
            figcaption.soft { "Gaps by length; the line is the period." }
        }
    }
}

/// Width of the picture of turns, and the height of either side, in pixels.
const TURNS: (f64, f64) = (860.0, 54.0);

/// The turns of an upload, in order: what the victim sent stands up, what the server sent hangs down. Heights are
/// logarithms of bytes.
pub fn turns(turns: &[Sent]) -> Markup {
    let most = turns.iter().map(|turn| turn.bytes).max().unwrap_or(1).max(2) as f64;
    let (width, side) = TURNS;
    let step = (width / turns.len().max(1) as f64).min(36.0);
    let all = side * 2.0 + 2.0;
    html! {
        figure {
            svg.turns role="img" width=(width) height=(all) viewBox={ "0 0 " (width) " " (all) } {
                title { (turns.len()) " turns of the upload" }
                line.axis x1="0" x2=(px(step * turns.len() as f64)) y1=(side + 1.0) y2=(side + 1.0) {}
                @for (n, turn) in turns.iter().enumerate() {
                    @let tall = ((turn.bytes.max(1) as f64).ln() / most.ln() * (side - 4.0)).max(1.5);
                    @let up = turn.side == SideName::Client;
                    @let y = if up { side - tall } else { side + 2.0 };
                    rect class=(if up { "sent" } else { "got" }) x=(px(n as f64 * step + 1.0)) y=(px(y))
                        width=(px((step - 2.0).max(1.0))) height=(px(tall)) {
                        title {
                            (turn.time) ": " (size(turn.bytes)) @if up { " sent" } @else { " received" }
                            ", frame " (turn.frame)
                        }
                    }
                }
            }
            figcaption.soft { "Up: sent by the victim. Down: the answer. Logarithmic." }
        }
    }
}

/// A length of time for a reader.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s < 0.0005 => "0 s".to_owned(),
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} d", s / 86400.0),
    }
}

/// A coordinate.
pub fn px(value: f64) -> String {
    format!("{value:.1}")
}
