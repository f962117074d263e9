//! One body in many pieces: cut into equal ones and sent at once, or sent little by little over a long time.

use super::{Needs, Signal, Traits, View, count, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Upload};
use crate::detect::ledger::{LARGE_TURN, LARGE_TURNS};
use crate::record::{Flow, Outline, Proto, SideName, Turn};
use crate::time::{Duration, Timestamp};
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "equal-chunks", needs: Needs::POST.or(Needs::TURNS), look: chunks },
    Signal { name: "slow-drip", needs: Needs::POST.or(Needs::SEVERAL), look: drip },
];

/// Least piece of a body that was cut, in bytes: below, messages are of one size by their kind.
const MIN_CHUNK: u64 = LARGE_TURN;
/// Fewest equal pieces in a row.
const MIN_CHUNKS: usize = LARGE_TURNS;
/// Longest pause between two pieces: what is cut goes out as fast as it can. Reports of equal size come by the clock.
const MAX_PAUSE: Duration = Duration::from_secs(20);
/// Most that is called a word of answer between two pieces, in bytes.
const MAX_WORD: u64 = 600;

/// Sizes of a single drop, in bytes: below, it is a sign of life; above, an upload of its own.
const DROP: std::ops::RangeInclusive<u64> = 200..=50_000;
/// Fewest drops, over how long, and what they must come to, in bytes.
const MIN_DROPS: usize = 12;
/// See [`MIN_DROPS`].
const MIN_SPAN: Duration = Duration::from_secs(1800);
/// See [`MIN_DROPS`].
const MIN_TOTAL: u64 = 10_000;
/// Parts of the whole time, of which all but one must have a drop: a burst and a straggler are no drip.
const PARTS: usize = 6;
/// Events of one channel looked at.
const MAX_EVENTS: usize = 20_000;

/// Something that went up, with what came back for it.
#[derive(Debug, Clone, Copy)]
struct Up {
    time: Timestamp,
    bytes: u64,
    back: u64,
    index: usize,
    frame: u64,
}

/// The longest run of equal pieces, each soon after the other, and whether a smaller rest follows it.
fn run(all: &[Up]) -> Option<(&[Up], bool)> {
    let mut best: Option<(&[Up], bool)> = None;
    let mut start = 0;
    for at in 1..=all.len() {
        let same = all.get(at).is_some_and(|next| {
            let last = &all[at - 1];
            next.bytes == last.bytes && last.back <= MAX_WORD && next.time.since(last.time) <= MAX_PAUSE
        });
        if same {
            continue;
        }
        let own = &all[start..at];
        let rest = all.get(at).is_some_and(|next| {
            next.bytes < own[0].bytes && next.time.since(own[own.len() - 1].time) <= MAX_PAUSE
        });
        let found = own[0].bytes >= MIN_CHUNK && own.len() >= MIN_CHUNKS;
        if found && best.is_none_or(|(old, _)| own.len() > old.len()) {
            best = Some((own, rest));
        }
        start = at;
    }
    best
}

/// One body cut into equal pieces, request by request or turn by turn.
fn chunks(view: &View<'_>) -> Option<Statement> {
    let mut paths: BTreeMap<(&str, &str), Vec<Up>> = BTreeMap::new();
    // What begins with bytes of its own is a file, and no piece of one.
    for (index, _, exchange, body) in view.posts().filter(|posted| posted.3.magic.is_none()).take(MAX_EVENTS)
    {
        let path = exchange.path.split('?').next().unwrap_or("");
        let (bytes, back) = (body.bytes, exchange.received());
        paths.entry((&exchange.method, path)).or_default().push(Up {
            time: exchange.time,
            bytes,
            back,
            index,
            frame: exchange.frame,
        });
    }
    let requests = paths.values().filter_map(|all| run(all)).max_by_key(|(own, _)| own.len());
    let requests = requests.map(|(own, rest)| (own.to_vec(), rest, "bodies"));
    let (own, rest, what) = requests.or_else(|| {
        view.flows_with(Traits::LARGE).find_map(|(index, flow)| {
            let all = turns(index, flow);
            run(&all).map(|(own, rest)| (own.to_vec(), rest, "turns"))
        })
    })?;
    let bytes = own[0].bytes;
    let total = own.iter().map(|up| up.bytes).fold(0, u64::saturating_add);
    let tail = if rest { " and a smaller rest" } else { "" };
    let seconds = own[own.len() - 1].time.since(own[0].time).as_secs_f64();
    let why = format!("{} {what} of {} each{tail} in {seconds:.0} s", own.len(), size(bytes));
    let strength = if rest || own.len() >= 8 { 1.0 } else { 0.6 };
    let mut statement = view.say(strength, why);
    for up in &own {
        statement = statement.at(up.index, &view.ledger.flows[up.index], up.frame, up.time);
    }
    let encoding = Some("chunks".to_owned());
    statement.upload = Some(Upload { bytes: total, requests: own.len() as u64, encoding, destination: None });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// The client's turns with what each got.
fn turns(index: usize, flow: &Flow) -> Vec<Up> {
    let mut found: Vec<Up> = Vec::new();
    for &Turn(side, micros, bytes, frame) in &flow.turns {
        match (side, found.last_mut()) {
            (SideName::Client, _) => {
                let time = flow.start + Duration(micros.saturating_mul(1000));
                found.push(Up { time, bytes, back: 0, index, frame });
            }
            (SideName::Server, Some(last)) => last.back = last.back.saturating_add(bytes),
            (SideName::Server, None) => {}
        }
    }
    // Without an answer between them two pieces are one turn; what is here is as it was answered.
    found.retain(|up| up.back > 0);
    found
}

/// Many small uploads over a long time, with hardly an answer: whoever must not be noticed sends little by little.
fn drip(view: &View<'_>) -> Option<Statement> {
    if view.channel.last.since(view.channel.first) < MIN_SPAN {
        return None;
    }
    let most = view.channel.flows.iter().map(|flow| view.ledger.requests.of(flow).len().max(1));
    if most.sum::<usize>() < MIN_DROPS
        || !view.channel.has.any(Traits::HTTP) && view.channel.bytes.0 < MIN_TOTAL
    {
        return None;
    }
    // Without a body there is no drop in a request, nor without payload in another connection.
    let may_drop = |(index, flow, _): (usize, Outline, Traits)| {
        let requests = view.ledger.requests.of(index);
        let other = requests.is_empty() && flow.payload.to_server >= *DROP.start();
        usize::from(other) + requests.iter().filter(|request| request.body).count()
    };
    if view.outlines().take(MAX_EVENTS).map(may_drop).sum::<usize>() < MIN_DROPS {
        return None;
    }
    let mut drops: Vec<Up> = Vec::new();
    let mut all = 0_usize;
    for (index, flow) in view.flows().take(MAX_EVENTS) {
        if !flow.http.is_empty() {
            for exchange in &flow.http {
                all += 1;
                let (bytes, back) = (exchange.sent(), exchange.received());
                drops.push(Up { time: exchange.time, bytes, back, index, frame: exchange.frame });
            }
        } else if flow.proto == Proto::Tcp && matches!(flow.app(), "unknown" | "tls") {
            all += 1;
            let (bytes, back) = sent(flow);
            drops.push(Up { time: flow.start, bytes, back, index, frame: flow.frames.first });
        }
    }
    drops.retain(|up| DROP.contains(&up.bytes) && up.bytes / 4 >= up.back);
    drops.truncate(MAX_EVENTS);
    drops.sort_by_key(|up| (up.time, up.frame));
    let (first, last) = (drops.first()?, drops.last()?);
    let span = last.time.since(first.time);
    let total = drops.iter().map(|up| up.bytes).fold(0, u64::saturating_add);
    if drops.len() < MIN_DROPS || span < MIN_SPAN || total < MIN_TOTAL || drops.len() * 10 < all * 6 {
        return None;
    }
    let mut parts = [false; PARTS];
    for up in &drops {
        let share = up.time.since(first.time).as_secs_f64() / span.as_secs_f64();
        parts[((share * PARTS as f64) as usize).min(PARTS - 1)] = true;
    }
    if parts.iter().filter(|has| !**has).count() > 1 {
        return None;
    }
    let why = format!(
        "{} of {} on average, {} in all over {:.0} minutes, and hardly an answer",
        count(drops.len(), "small upload"),
        size(total / drops.len() as u64),
        size(total),
        span.as_secs_f64() / 60.0
    );
    let requests = drops.len() as u64;
    let mut statement = view.say(if total >= 100_000 { 1.0 } else { 0.7 }, why);
    for up in drops {
        statement = statement.at(up.index, &view.ledger.flows[up.index], up.frame, up.time);
    }
    statement.upload =
        Some(Upload { bytes: total, requests, encoding: Some("drip".to_owned()), destination: None });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// Bytes of data up and down; of TLS those of its records, without the handshake.
fn sent(flow: &Flow) -> (u64, u64) {
    let Some(tls) = &flow.tls else { return (flow.payload.to_server, flow.payload.to_client) };
    let of = |side| {
        let own = tls.records.iter().filter(|record| record.0 == side);
        own.map(|record| u64::from(record.2)).fold(0, u64::saturating_add)
    };
    (of(SideName::Client), of(SideName::Server))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, request, view};
    use SideName::{Client, Server};

    fn post(ms: i64, bytes: u64) -> Flow {
        let exchange = request("POST", "203.0.113.4", "/in", &[], Some(body(bytes)));
        flow("203.0.113.4", 80).at_ms(ms).http(exchange).build()
    }

    #[test]
    fn a_body_cut_into_equal_posts() {
        let cut =
            |pause: i64| ledger((0..6).map(move |n| post(n * pause, if n < 5 { 65_536 } else { 9_000 })));
        let said = chunks(&view(&cut(900))).unwrap();
        assert!(said.strength > 0.9 && said.frames.len() == 5, "{}", said.why);
        assert_eq!(said.upload.unwrap().bytes, 5 * 65_536);
        // A report of one size each minute is none.
        assert!(chunks(&view(&cut(60_000))).is_none());
        assert!(chunks(&view(&ledger((0..6).map(|n| post(n * 900, 65_536 - n.unsigned_abs()))))).is_none());
    }

    #[test]
    fn a_body_cut_into_equal_turns() {
        let talk = |chunk: u64, word: u64| {
            let turns: Vec<_> = (0..6)
                .flat_map(|n| {
                    [(Client, n * 200, if n < 5 { chunk } else { 77 }), (Server, n * 200 + 90, word)]
                })
                .collect();
            ledger([flow("203.0.113.4", 7788).turns(&turns).payload(5 * chunk, 6 * word).build()])
        };
        assert!(chunks(&view(&talk(8_192, 4))).is_some());
        // Keep-alives, and a conversation whose answers are as long.
        assert!(chunks(&view(&talk(45, 45))).is_none());
        assert!(chunks(&view(&talk(8_192, 8_192))).is_none());
    }

    #[test]
    fn drop_by_drop() {
        let drops = |n: i64, pause: i64, bytes: u64| ledger((0..n).map(move |i| post(i * pause, bytes)));
        let said = drip(&view(&drops(20, 200_000, 2_000))).unwrap();
        assert_eq!(said.upload.unwrap().bytes, 40_000);
        assert!(drip(&view(&drops(20, 1_000, 2_000))).is_none(), "a burst");
        assert!(drip(&view(&drops(20, 200_000, 90))).is_none(), "signs of life");
        assert!(drip(&view(&drops(6, 700_000, 9_000))).is_none(), "too few to tell");
    }

    #[test]
    fn answers_as_long_as_the_questions_are_no_drip() {
        let ask = |n: i64| {
            let mut exchange = request("POST", "a.example", "/q", &[], Some(body(900)));
            exchange.response = Some(Box::new(body(4_000)));
            flow("203.0.113.4", 80).at_ms(n * 200_000).http(exchange).build()
        };
        assert!(drip(&view(&ledger((0..20).map(ask)))).is_none());
    }
}
