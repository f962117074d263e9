//! Regular check-ins: of connections, of requests, of turns inside one connection.

use super::{Marks, Needs, Signal, Traits, View};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Beacon, Kind};
use crate::detect::ledger::sketch::Sketch;
use crate::record::{Exchange, Flow, SideName};
use crate::time::{Duration, Timestamp};
use hashbrown::HashMap;
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        name: "beat-connections",
        needs: Needs::SEVERAL.and(Marks::FIVE).and(Marks::NO_RESOLVER),
        look: connections,
    },
    Signal { name: "beat-requests", needs: Needs::HTTP.and(Marks::ASKED), look: requests },
    Signal { name: "beat-turns", needs: Needs::TURNS, look: turns },
    Signal { name: "polling", needs: Needs::HTTP.and(Marks::ASKED), look: polling },
];

/// Events nearer than this are one: parallel connections, a request in pieces. Seconds.
const TOGETHER_S: f64 = 0.8;
/// Fewest beats that are called regular. Short captures hold few; with six gaps the chance that random times
/// (exponential gaps) spread as little as [`STEADY`] is below one in a thousand.
const MIN_BEATS: usize = 6;
/// Fewest moments of an exact beat: four gaps by chance within 3 % of each other are as rare as five within 20 %.
const MIN_EXACT: usize = 5;
/// Spread (1.4826·MAD/median) up to which a beat is exact, and up to which it is steady.
const EXACT: f64 = 0.03;
/// See [`EXACT`].
const STEADY: f64 = 0.20;
/// Share of gaps that must fit the period or a small multiple of it.
const MIN_FIT: f64 = 0.75;
/// A gap longer than this many periods ends a session (sleep of the host): it is not looked at. Periods.
const MAX_MISSED: f64 = 6.0;
/// Shortest and longest period looked at, in seconds. Below, transfers beat; above, captures hold too few.
const PERIOD_S: (f64, f64) = (1.0, 7200.0);
/// Fewest equal requests that are called polling.
const MIN_POLLS: usize = 8;
/// Events looked at in one series; more than enough to be sure.
const MAX_EVENTS: usize = 20_000;

/// How regular a series of moments is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Beat {
    pub period: f64,
    pub jitter: f64,
    pub count: usize,
    pub missed: u64,
    /// 0 to 1: exactness and number of beats.
    pub strength: f64,
}

impl Beat {
    /// The beat as findings tell it, with the moments in which it was found, in seconds after `from`.
    pub(super) fn beacon(&self, basis: &str, from: Timestamp, times: &[f64]) -> Beacon {
        let round = |x: f64| (x * 1000.0).round() / 1000.0;
        Beacon {
            period_s: round(self.period),
            jitter: round(self.jitter),
            count: self.count as u64,
            missed: self.missed,
            basis: basis.to_owned(),
            start: None,
            beats_ms: Vec::new(),
        }
        .at(apart(times).into_iter().map(|seconds| from + Duration((seconds * 1e9) as i64)))
    }
}

/// Moments without those that belong to the one before.
fn apart(times: &[f64]) -> Vec<f64> {
    let mut kept: Vec<f64> = Vec::new();
    for &time in times.iter().take(MAX_EVENTS) {
        if kept.last().is_none_or(|last| time - last >= TOGETHER_S) {
            kept.push(time);
        }
    }
    kept
}

/// Looks for a period in moments given in seconds, in order.
pub(super) fn regular(times: &[f64]) -> Option<Beat> {
    let kept = apart(times);
    if kept.len() < MIN_EXACT {
        return None;
    }
    let gaps: Vec<f64> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let rough = median(&gaps)?;
    // Pauses of the host are left out; misses are folded into the period.
    let whole: Vec<f64> = gaps.iter().copied().filter(|gap| *gap <= rough * (MAX_MISSED + 0.5)).collect();
    let period = median(&whole)?;
    if whole.len() < MIN_EXACT - 1 || whole.len() * 10 < gaps.len() * 7 {
        return None;
    }
    if !(PERIOD_S.0..=PERIOD_S.1).contains(&period) {
        return None;
    }
    let (mut missed, mut folds) = (0.0, 0_usize);
    let folded: Vec<f64> = whole
        .iter()
        .map(|gap| {
            let multiple = (gap / period).round().max(1.0);
            if multiple <= MAX_MISSED && (gap / multiple - period).abs() <= period * 0.15 {
                missed += multiple - 1.0;
                folds += usize::from(multiple > 1.0);
                gap / multiple
            } else {
                *gap
            }
        })
        .collect();
    // Anything fits the multiples of a short period.
    if folds * 2 > whole.len() {
        return None;
    }
    let spread =
        1.4826 * median(&folded.iter().map(|gap| (gap - period).abs()).collect::<Vec<_>>())? / period;
    let fit = folded.iter().filter(|gap| (*gap - period).abs() <= period * 0.3).count() as f64;
    let fit = fit / folded.len() as f64;
    let enough = ((kept.len() as f64 - 3.0) / 9.0).clamp(0.3, 1.0);
    let exact = if spread <= EXACT && fit >= 0.85 {
        1.0
    } else if kept.len() < MIN_BEATS || whole.len() < MIN_BEATS - 1 {
        return None;
    } else if spread <= STEADY && fit >= MIN_FIT {
        0.75
    } else if drawn_between(&folded) {
        0.6
    } else {
        return None;
    };
    Some(Beat { period, jitter: spread, count: kept.len(), missed: missed as u64, strength: exact * enough })
}

/// Gaps drawn evenly between two bounds, as agents do that take off a random part of their sleep: the tenth and
/// the ninetieth percentile are within a factor of 2.2 (of few gaps, 1.8), and nearly all gaps lie near them.
fn drawn_between(gaps: &[f64]) -> bool {
    let mut sorted = gaps.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let (low, high) = (at(0.1), at(0.9));
    let most = if sorted.len() >= 12 { 2.2 } else { 1.8 };
    let inside = sorted.iter().filter(|gap| (low * 0.8..=high * 1.2).contains(*gap)).count();
    sorted.len() >= 8 && low > 0.0 && high / low <= most && inside as f64 >= sorted.len() as f64 * 0.9
}

pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn seconds(time: Timestamp, from: Timestamp) -> f64 {
    time.since(from).as_secs_f64()
}

fn describe(beat: &Beat, what: &str) -> String {
    let missed = if beat.missed > 0 { format!(", {} missed", beat.missed) } else { String::new() };
    format!(
        "{} {what}, one each {:.1} s (spread {:.1} %{missed})",
        beat.count,
        beat.period,
        beat.jitter * 100.0
    )
}

/// Connections that were answered begin at a steady interval.
fn connections(view: &View<'_>) -> Option<Statement> {
    if view.channel.service.is("resolver") {
        return None;
    }
    let ledger = view.ledger;
    let flows = view.channel.flows.iter().filter(|&flow| ledger.traits[flow].any(Traits::SPOKE));
    let starts = flows.clone().filter_map(|flow| ledger.flows.start(flow));
    let times: Vec<f64> = starts.map(|start| seconds(start, view.channel.first)).collect();
    let beat = regular(&times)?;
    let statement = view.say(beat.strength, describe(&beat, "connections"));
    let mut statement =
        flows.take(super::MAX_FRAMES).fold(statement, |said, flow| said.flow(flow, &ledger.flows[flow]));
    statement.kinds.push(Kind::Beacon);
    statement.beacon = Some(beat.beacon("connections", view.channel.first, &times));
    Some(statement)
}

/// Whether a request is for a piece of a file (RFC 9110, 14): a download in pieces is no check-in.
fn piece(exchange: &Exchange) -> bool {
    exchange.status == Some(206) || exchange.header("Range").is_some()
}

/// The requests of a channel in few words, those for pieces aside.
fn sketches<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Sketch> + use<'a> {
    let ledger = view.ledger;
    let all = view.channel.flows.iter().flat_map(|flow| ledger.requests.of(flow));
    all.filter(|own| !own.piece).take(MAX_EVENTS)
}

/// Whether requests of one kind come at a steady interval, by their sketches.
fn may_beat(view: &View<'_>) -> bool {
    let mut kinds: HashMap<u64, Vec<f64>> = HashMap::new();
    let mut all = Vec::new();
    for own in sketches(view) {
        let moment = seconds(own.time, view.channel.first);
        kinds.entry(own.same.0).or_default().push(moment);
        all.push(moment);
    }
    let mut beats = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        regular(times).is_some()
    };
    kinds.values_mut().any(&mut beats) || kinds.len() > 1 && beats(&mut all)
}

/// Requests of one kind come at a steady interval, on one connection or several.
fn requests(view: &View<'_>) -> Option<Statement> {
    type Kinds<'a> = BTreeMap<(&'a str, &'a str), Vec<(f64, usize, u64, Timestamp)>>;
    if !may_beat(view) {
        return None;
    }
    let mut kinds: Kinds<'_> = BTreeMap::new();
    for (index, _, exchange) in view.exchanges().filter(|(.., own)| !piece(own)).take(MAX_EVENTS) {
        let path = exchange.path.split('?').next().unwrap_or("");
        let moment = (seconds(exchange.time, view.channel.first), index, exchange.frame, exchange.time);
        kinds.entry((&exchange.method, path)).or_default().push(moment);
    }
    // Paths drawn at random: all requests of one method as one series.
    if kinds.len() > 1 {
        let all: Vec<_> = kinds.values().flatten().copied().collect();
        kinds.insert(("*", "*"), all);
    }
    let (beat, what, moments) = kinds
        .iter_mut()
        .filter_map(|(kind, moments)| {
            moments.sort_by(|a, b| a.0.total_cmp(&b.0));
            let times: Vec<f64> = moments.iter().map(|moment| moment.0).collect();
            regular(&times).map(|beat| (beat, *kind, moments.clone()))
        })
        .max_by(|a, b| a.0.strength.total_cmp(&b.0.strength))?;
    let what =
        if what.0 == "*" { "requests".to_owned() } else { format!("requests {} {}", what.0, clip(what.1)) };
    let mut statement = view.say(beat.strength, describe(&beat, &what));
    let times: Vec<f64> = moments.iter().map(|moment| moment.0).collect();
    for (_, index, frame, time) in moments.into_iter().take(super::MAX_FRAMES) {
        statement = statement.at(index, &view.ledger.flows[index], frame, time);
    }
    statement.kinds.push(Kind::Beacon);
    statement.beacon = Some(beat.beacon("requests", view.channel.first, &times));
    Some(statement)
}

/// The same request again and again, at no steady interval, and hardly another.
fn polling(view: &View<'_>) -> Option<Statement> {
    type Same<'a> = Vec<(usize, &'a Flow, &'a Exchange)>;
    let mut kinds: HashMap<u64, usize> = HashMap::new();
    sketches(view).for_each(|own| *kinds.entry(own.same.1).or_default() += 1);
    let (all, most) = (kinds.values().sum::<usize>(), kinds.values().copied().max()?);
    if most < MIN_POLLS || most * 10 < all * 7 {
        return None;
    }
    let mut kinds: BTreeMap<(&str, &str), Same<'_>> = BTreeMap::new();
    let mut all = 0;
    for (index, flow, exchange) in view.exchanges().filter(|(.., own)| !piece(own)).take(MAX_EVENTS) {
        kinds.entry((&exchange.method, &exchange.path)).or_default().push((index, flow, exchange));
        all += 1;
    }
    let ((method, path), same) = kinds.into_iter().max_by_key(|(_, same)| same.len())?;
    let span = same.last()?.2.time.since(same.first()?.2.time).as_secs_f64();
    if same.len() < MIN_POLLS || same.len() * 10 < all * 7 || span < same.len() as f64 {
        return None;
    }
    let why = format!("{method} {} {} times in {span:.0} s", clip(path), same.len());
    let statement = view.say(if same.len() >= 20 { 1.0 } else { 0.7 }, why);
    let mut statement = same
        .into_iter()
        .fold(statement, |said, (index, flow, exchange)| said.exchange(index, flow, exchange));
    statement.kinds.push(Kind::Beacon);
    Some(statement)
}

fn clip(path: &str) -> String {
    path.chars().take(48).collect()
}

/// Moments with their frames: microseconds after the flow's start.
type Series = Vec<(i64, u64)>;

/// Inside one long connection one side speaks at a steady interval.
fn turns(view: &View<'_>) -> Option<Statement> {
    let mut best: Option<(Beat, usize, Series)> = None;
    for (index, flow) in view.flows_with(Traits::LASTING) {
        // Requests have a signal of their own; and what is over sooner has not beats enough.
        let records = flow.tls.iter().flat_map(|tls| &tls.records).map(|record| record.1);
        let last = flow.turns.iter().map(|turn| turn.1).chain(records).max().unwrap_or(0);
        let lasted = last as f64 / 1e6;
        if !flow.http.is_empty() || !flow.dns.is_empty() || lasted < TOGETHER_S * (MIN_EXACT - 1) as f64 {
            continue;
        }
        for moments in series(flow) {
            let times: Vec<f64> = moments.iter().map(|(micros, _)| *micros as f64 / 1e6).collect();
            if let Some(beat) = regular(&times)
                && best.as_ref().is_none_or(|(old, _, _)| beat.strength > old.strength)
            {
                best = Some((beat, index, moments));
            }
        }
    }
    let (beat, index, moments) = best?;
    let flow = &view.ledger.flows[index];
    let mut statement = view.say(beat.strength, describe(&beat, "turns in one connection"));
    let times: Vec<f64> = moments.iter().map(|(micros, _)| *micros as f64 / 1e6).collect();
    for (micros, frame) in moments.into_iter().take(super::MAX_FRAMES) {
        statement = statement.at(index, flow, frame, flow.start + Duration(micros.saturating_mul(1000)));
    }
    statement.kinds.push(Kind::Beacon);
    statement.beacon = Some(beat.beacon("turns", flow.start, &times));
    Some(statement)
}

/// The series of one flow that may beat: all turns of a side, and those of its commonest size.
fn series(flow: &Flow) -> Vec<Series> {
    let mut found = Vec::new();
    for side in [SideName::Client, SideName::Server] {
        let records: Vec<(i64, u64, u64)> = match &flow.tls {
            Some(tls) if tls.records.len() >= MIN_BEATS => tls
                .records
                .iter()
                .filter(|record| record.0 == side)
                .map(|record| (record.1, u64::from(record.2), record.3))
                .collect(),
            _ => {
                flow.turns.iter().filter(|turn| turn.0 == side).map(|turn| (turn.1, turn.2, turn.3)).collect()
            }
        };
        let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
        for (_, bytes, _) in &records {
            *sizes.entry(*bytes).or_default() += 1;
        }
        let common = sizes.into_iter().max_by_key(|(bytes, n)| (*n, *bytes)).map(|(bytes, _)| bytes);
        found.push(records.iter().map(|(at, _, frame)| (*at, *frame)).collect());
        found.push(
            records
                .iter()
                .filter(|(_, bytes, _)| Some(*bytes) == common)
                .map(|(at, _, frame)| (*at, *frame))
                .collect(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, request, view};

    fn times(gaps: &[f64]) -> Vec<f64> {
        gaps.iter()
            .scan(0.0, |sum, gap| {
                *sum += gap;
                Some(*sum)
            })
            .collect()
    }

    #[test]
    fn exact_steady_drawn_and_random_gaps() {
        let exact = regular(&times(&[60.0; 20])).unwrap();
        assert!(exact.strength > 0.99 && exact.jitter < 0.001 && (exact.period - 60.0).abs() < 1e-9);
        let with_misses =
            regular(&times(&[20.0, 20.0, 40.0, 20.0, 60.0, 20.0, 20.0, 20.0, 20.0, 20.0])).unwrap();
        assert_eq!(with_misses.missed, 3);
        let drawn: Vec<f64> = (0..24).map(|n| 3.0 + f64::from(n * 7 % 24) / 8.0).collect();
        assert!(regular(&times(&drawn)).is_some());
        let random = [1.0, 9.0, 2.0, 30.0, 4.0, 90.0, 1.5, 17.0, 55.0, 3.0, 12.0, 7.0, 41.0];
        assert_eq!(regular(&times(&random)), None);
        assert_eq!(regular(&times(&[60.0; 4])), None, "too few to tell");
    }

    #[test]
    fn five_exact_moments_are_enough_and_no_less() {
        assert!(regular(&times(&[0.0, 60.0, 60.3, 59.8, 60.1])).is_some_and(|beat| beat.strength < 0.5));
        assert!(regular(&times(&[0.0, 60.0, 60.3, 59.8])).is_none());
        assert!(regular(&times(&[0.0, 60.0, 69.0, 54.0, 62.0])).is_none());
    }

    #[test]
    fn a_pause_of_the_host_does_not_hide_the_beat() {
        let mut gaps = vec![30.0; 10];
        gaps[5] = 40_000.0;
        assert!(regular(&times(&gaps)).is_some());
    }

    #[test]
    fn connections_at_a_steady_interval() {
        let flows = (0..12).map(|n| flow("203.0.113.9", 8081).at_ms(n * 30_000).payload(200, 90).build());
        let ledger = ledger(flows);
        let said = connections(&view(&ledger)).unwrap();
        let beacon = said.beacon.unwrap();
        assert!((beacon.period_s - 30.0).abs() < 1e-6);
        assert_eq!(beacon.start, Some(ledger.flows[0].start), "each beat is told");
        assert_eq!(beacon.beats_ms, (0..12).map(|n| n * 30_000).collect::<Vec<_>>());
        let flows = [0, 100, 4000, 31_000, 33_000, 99_000, 240_000, 241_500];
        let ledger = super::super::super::testing::ledger(
            flows.map(|ms| flow("203.0.113.9", 8081).at_ms(ms).payload(200, 90).build()),
        );
        assert_eq!(connections(&view(&ledger)), None);
    }

    #[test]
    fn pieces_of_a_file_are_no_beat() {
        let get = |n: i64, headers: &[(&str, &str)]| {
            let exchange = request("GET", "a.example", "/big.iso", headers, None);
            flow("203.0.113.9", 80).at_ms(n * 1_400).http(exchange).build()
        };
        let all = |headers: &[(&str, &str)]| ledger((0..12).map(|n| get(n, headers)));
        assert!(requests(&view(&all(&[]))).is_some() && polling(&view(&all(&[]))).is_some());
        let pieces = all(&[("Range", "bytes=0-4095")]);
        assert!(requests(&view(&pieces)).is_none() && polling(&view(&pieces)).is_none());
    }

    #[test]
    fn requests_and_turns_at_a_steady_interval() {
        let get = |ms: i64| {
            flow("203.0.113.9", 80).at_ms(ms).http(request("GET", "a.example", "/t", &[], None)).build()
        };
        let said = requests(&view(&ledger((0..10).map(|n| get(n * 5_000))))).unwrap();
        assert_eq!(said.beacon.unwrap().basis, "requests");
        assert!(requests(&view(&ledger([0, 900, 7000, 7900, 60_000, 61_000, 200_000].map(get)))).is_none());
        let turns: Vec<_> = (0..20).map(|n| (SideName::Client, n * 17_000, 5)).collect();
        let one = ledger([flow("203.0.113.9", 1111).turns(&turns).payload(100, 0).build()]);
        assert_eq!(super::turns(&view(&one)).unwrap().beacon.unwrap().count, 20);
        let uneven =
            [0, 1500, 9000, 9900, 30_000, 90_000, 91_500, 200_000].map(|ms| (SideName::Client, ms, 5));
        let one = ledger([flow("203.0.113.9", 1111).turns(&uneven).payload(40, 0).build()]);
        assert_eq!(super::turns(&view(&one)), None);
    }

    #[test]
    fn the_same_request_at_no_interval() {
        let get = |(n, path): (i64, &str)| {
            let ms = n * n * 700 + n * 900;
            flow("203.0.113.9", 80).at_ms(ms).http(request("GET", "a.example", path, &[], None)).build()
        };
        assert!(polling(&view(&ledger((0..12).map(|n| get((n, "/task")))))).is_some());
        let pages = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/i", "/j", "/k", "/l"];
        assert!(polling(&view(&ledger((0..12).zip(pages).map(get)))).is_none());
    }
}
