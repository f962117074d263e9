//! Check-ins that come ever more seldom: a program that backs off from a server it does not reach, or is not wanted by.

use super::beat::median;
use super::{Marks, Needs, Signal, Traits, View};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Beacon, Kind};
use crate::time::Timestamp;
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] =
    &[Signal { name: "beat-backoff", needs: Needs::SEVERAL.or(Needs::HTTP).and(Marks::NO_RESOLVER), look }];

/// Events nearer than this are one, in seconds: parallel connections, a request in pieces.
const TOGETHER_S: f64 = 0.8;
/// Fewest pauses that grow. Five pauses in rising order by chance are one in 120; that each also is about the same
/// multiple of the one before it (or about the same number of seconds longer) is far rarer.
const MIN_GROWING: usize = 5;
/// Least growth from one pause to the next, and most: below, the beat is steady; above, it is chance.
const FACTOR: (f64, f64) = (1.2, 6.0);
/// How far a step of growth may be from the median step, as a share of it.
const NEAR: f64 = 0.35;
/// Least growth from the first pause to the last.
const MIN_TOTAL: f64 = 3.0;
/// Longest series looked at, in events: whoever backs off is soon through.
const MAX_EVENTS: usize = 512;

/// Pauses that grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    /// The first growing pause and the last, in seconds.
    pub from: f64,
    pub to: f64,
    /// Pauses that grow.
    pub steps: usize,
    /// Pauses at the longest, after it was reached.
    pub held: usize,
    /// Whether each is a multiple of the one before; else each is so many seconds longer.
    pub multiple: bool,
}

/// Looks for pauses that grow by one rule, in moments given in seconds, in order. A burst before them, and pauses of
/// the greatest length after them, belong to it; nothing else does.
pub(super) fn growing(times: &[f64]) -> Option<Growth> {
    if times.len() > MAX_EVENTS {
        return None;
    }
    let mut kept: Vec<f64> = Vec::new();
    for &time in times {
        if kept.last().is_none_or(|last| time - last >= TOGETHER_S) {
            kept.push(time);
        }
    }
    let gaps: Vec<f64> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // What comes before the growth is at most a quarter of the whole.
    (0..=gaps.len() / 4).find_map(|skip| grown(&gaps[skip..]))
}

fn grown(gaps: &[f64]) -> Option<Growth> {
    let rising = 1 + gaps.windows(2).take_while(|pair| pair[1] >= pair[0] * FACTOR.0).count();
    // Steps of equal seconds become small multiples; they count as growth for as long as they do.
    let slow = 1 + gaps.windows(2).take_while(|pair| pair[1] >= pair[0] * 1.02).count();
    by_rule(gaps, rising, true).or_else(|| by_rule(gaps, slow, false))
}

fn by_rule(gaps: &[f64], steps: usize, multiple: bool) -> Option<Growth> {
    let (own, rest) = gaps.split_at_checked(steps)?;
    let (from, to) = (*own.first()?, *own.last()?);
    let even = |held: usize| {
        if multiple {
            let ratios: Vec<f64> = own.windows(2).take(held).map(|pair| pair[1] / pair[0]).collect();
            median(&ratios).is_some_and(|middle| {
                (FACTOR.0..=FACTOR.1).contains(&middle)
                    && ratios.iter().all(|ratio| (ratio - middle).abs() <= middle * NEAR)
            })
        } else {
            let longer: Vec<f64> = own.windows(2).take(held).map(|pair| pair[1] - pair[0]).collect();
            median(&longer).is_some_and(|middle| {
                middle >= from * FACTOR.0 / 6.0
                    && longer.iter().all(|step| (step - middle).abs() <= middle * NEAR)
            })
        }
    };
    // The last step may be cut short by the greatest length.
    let whole = even(own.len()) || own.len() > MIN_GROWING && even(own.len() - 2);
    let held = rest.iter().take_while(|gap| (**gap - to).abs() <= to * 0.2).count();
    let all = held == rest.len();
    (own.len() >= MIN_GROWING && to >= from * MIN_TOTAL && whole && all).then_some(Growth {
        from,
        to,
        steps: own.len(),
        held,
        multiple,
    })
}

/// Moments of one series with the flow and time of each, and its frame where it is not the flow's first.
type Moments = Vec<(f64, usize, Option<u64>, Timestamp)>;

fn look(view: &View<'_>) -> Option<Statement> {
    // Growing pauses lie between one moment more than there are of them.
    let ledger = view.ledger;
    let requests = view.channel.flows.iter().map(|flow| ledger.requests.of(flow).len()).sum::<usize>();
    if view.channel.service.is("resolver") || view.channel.flows.len() + requests <= MIN_GROWING {
        return None;
    }
    let from = view.channel.first;
    let mut series: BTreeMap<(&str, &str), Moments> = BTreeMap::new();
    for index in view.channel.flows.iter().take(MAX_EVENTS + 1) {
        let (traits, Some(start)) = (ledger.traits[index], ledger.flows.start(index)) else { continue };
        let failed = traits.any(Traits::DEAD);
        if failed || traits.any(Traits::SPOKE) {
            let moment = (start.since(from).as_secs_f64(), index, None, start);
            series.entry(("connections", if failed { "failed" } else { "" })).or_default().push(moment);
        }
    }
    let exchanges = view.exchanges().take(if requests > MIN_GROWING { MAX_EVENTS + 1 } else { 0 });
    for (index, _, exchange) in exchanges {
        let path = exchange.path.split('?').next().unwrap_or("");
        let moment = (exchange.time.since(from).as_secs_f64(), index, Some(exchange.frame), exchange.time);
        series.entry((&exchange.method, path)).or_default().push(moment);
    }
    let (growth, what, moments) = series.into_iter().find_map(|(what, mut moments)| {
        moments.sort_by(|a, b| a.0.total_cmp(&b.0));
        let times: Vec<f64> = moments.iter().map(|moment| moment.0).collect();
        Some((growing(&times)?, what, moments))
    })?;
    let whose = match what {
        ("connections", "failed") => "attempts".to_owned(),
        ("connections", _) => "connections".to_owned(),
        (method, path) => format!("requests {method} {}", path.chars().take(48).collect::<String>()),
    };
    let manner = if growth.multiple { "each a multiple of the last" } else { "each longer by the same" };
    let held = if growth.held > 0 { format!(", {} more at the longest", growth.held) } else { String::new() };
    let why = format!(
        "{} {whose} with {} pauses that grow from {:.1} s to {:.1} s, {manner}{held}",
        moments.len(),
        growth.steps,
        growth.from,
        growth.to
    );
    let strength = match growth.steps + growth.held {
        ..=5 => 0.6,
        6 | 7 => 0.8,
        _ => 1.0,
    };
    let gaps: Vec<f64> = moments.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let period = median(&gaps)?;
    let spread = 1.4826 * median(&gaps.iter().map(|gap| (gap - period).abs()).collect::<Vec<_>>())?
        / period.max(f64::MIN_POSITIVE);
    let round = |x: f64| (x * 1000.0).round() / 1000.0;
    let count = moments.len() as u64;
    let times: Vec<Timestamp> = moments.iter().map(|moment| moment.3).collect();
    let mut statement = view.say(strength, why);
    for (_, index, frame, time) in moments.into_iter().take(super::MAX_FRAMES) {
        let flow = &ledger.flows[index];
        statement = statement.at(index, flow, frame.unwrap_or(flow.frames.first), time);
    }
    statement.kinds.push(Kind::Beacon);
    let basis = if what.0 == "connections" { whose } else { "requests".to_owned() };
    statement.beacon = Some(
        Beacon {
            period_s: round(period),
            jitter: round(spread),
            count,
            missed: 0,
            basis,
            start: None,
            beats_ms: Vec::new(),
        }
        .at(times),
    );
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, request, view};
    use crate::record::State;

    fn times(gaps: &[f64]) -> Vec<f64> {
        std::iter::once(0.0)
            .chain(gaps.iter().scan(0.0, |sum, gap| {
                *sum += gap;
                Some(*sum)
            }))
            .collect()
    }

    #[test]
    fn pauses_that_grow_by_one_rule() {
        let doubled = growing(&times(&[2.0, 4.1, 8.0, 15.7, 33.0, 64.0])).unwrap();
        assert!(doubled.multiple && doubled.steps == 6 && doubled.held == 0);
        let capped = growing(&times(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 61.0])).unwrap();
        assert!(capped.held >= 2);
        let linear = growing(&times(&[10.0, 20.0, 30.0, 40.0, 50.0, 60.0])).unwrap();
        assert!((linear.to - 60.0).abs() < 1e-9);
        let with_burst = growing(&times(&[0.1, 0.1, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0]));
        assert!(with_burst.is_some());
    }

    #[test]
    fn pauses_that_do_not() {
        assert_eq!(growing(&times(&[60.0; 12])), None, "steady");
        assert_eq!(growing(&times(&[2.0, 4.0, 8.0, 16.0])), None, "too few to tell");
        assert_eq!(growing(&times(&[1.0, 1.3, 5.0, 5.6, 30.0, 31.0, 200.0])), None, "no one rule");
        assert_eq!(growing(&times(&[2.0, 4.0, 8.0, 16.0, 32.0, 3.0, 9.0, 1.0])), None, "not to the end");
        assert_eq!(growing(&times(&[5.0, 90.0, 2.0, 30.0, 12.0, 400.0, 7.0])), None, "a person reading");
    }

    #[test]
    fn connections_and_requests_back_off() {
        let at = [0, 2, 6, 14, 30, 62, 126];
        let tries = at.map(|s| flow("203.0.113.74", 8080).at_ms(s * 1000).state(State::Refused).build());
        let said = look(&view(&ledger(tries))).unwrap();
        assert_eq!(said.beacon.unwrap().basis, "attempts");
        assert!(said.frames.len() == 7 && said.why.contains("2.0 s to 64.0 s"), "{}", said.why);
        let get = |s: i64| {
            let exchange = request("GET", "a.example", "/t?n=1", &[], None);
            flow("203.0.113.9", 80).at_ms(s * 1000).http(exchange).build()
        };
        assert!(look(&view(&ledger(at.map(get)))).is_some());
        assert!(look(&view(&ledger([0, 1, 40, 44, 90, 300, 320].map(get)))).is_none());
    }
}
