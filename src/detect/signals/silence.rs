//! A server that is gone, and a client that does not give up.

use super::beat::regular;
use super::growth::growing;
use super::{Marks, Needs, Signal, Traits, View, count, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::Kind;
use crate::record::{Outline, Proto, State};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "attempts", needs: Needs::SEVERAL.and(Marks::EIGHT).with(Traits::DEAD), look: attempts },
    Signal { name: "unheard", needs: Needs::SEVERAL.with(Traits::TCP), look: unheard },
    Signal { name: "monologue", needs: Needs::TURNS, look: monologue },
];

/// Fewest failed attempts that are called persistence.
const MIN_ATTEMPTS: usize = 8;
/// Attempts, and seconds from the first to the last, that are called patience whatever their rhythm.
const MIN_PATIENT: usize = 30;
/// See [`MIN_PATIENT`].
const PATIENCE_S: f64 = 1200.0;
/// Fewest turns of a client that talks to itself.
const MIN_TURNS: usize = 8;
/// Fewest equal messages without any answer.
const MIN_UNHEARD: usize = 4;

/// Connection attempts that nobody answers, again and again.
fn attempts(view: &View<'_>) -> Option<Statement> {
    let failed: Vec<_> = view
        .flows()
        .filter(|(_, flow)| {
            flow.proto == Proto::Tcp && matches!(flow.state, State::Unanswered | State::Refused)
        })
        .collect();
    let answered = view.flows().any(|(_, flow)| flow.payload.to_client > 0);
    if failed.len() < MIN_ATTEMPTS || answered {
        return None;
    }
    let times: Vec<f64> =
        failed.iter().map(|(_, flow)| flow.start.since(view.channel.first).as_secs_f64()).collect();
    let beat = regular(&times);
    let span = failed.last()?.1.start.since(failed.first()?.1.start).as_secs_f64();
    let why = format!("{} without an answer in {span:.0} s", count(failed.len(), "connection attempt"));
    // A clock, a rule of growth, or patience for an hour: no person tries like that.
    let patient = failed.len() >= MIN_PATIENT && span >= PATIENCE_S;
    let strength = if beat.is_some() || patient || growing(&times).is_some() { 1.0 } else { 0.6 };
    let statement = view.say(strength, why);
    let mut statement = failed.into_iter().fold(statement, |said, (index, flow)| said.flow(index, flow));
    statement.beacon = beat.map(|beat| beat.beacon("attempts", view.channel.first, &times));
    if statement.beacon.is_some() {
        statement.kinds.push(Kind::Beacon);
    }
    Some(statement)
}

/// The same number of bytes goes up on new connections, and nothing ever comes back.
fn unheard(view: &View<'_>) -> Option<Statement> {
    let alone = |(_, flow, traits): &(usize, Outline, Traits)| {
        traits.any(Traits::TCP) && flow.payload.to_server > 0 && flow.payload.to_client == 0
    };
    if view.outlines().filter(alone).take(MIN_UNHEARD).count() < MIN_UNHEARD {
        return None;
    }
    let mut sizes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut sent = 0_usize;
    for (index, flow) in view.flows() {
        if flow.proto != Proto::Tcp || flow.state == State::Midstream || flow.tls.is_some() {
            continue;
        }
        if flow.payload.to_client > 0 {
            return None;
        }
        // Something must have come from the server, or the capture shows one direction only.
        if flow.payload.to_server > 0 && flow.packets.to_client > 0 {
            sizes.entry(flow.payload.to_server).or_default().push(index);
            sent += 1;
        }
    }
    let (bytes, flows) = sizes.into_iter().max_by_key(|(bytes, flows)| (flows.len(), *bytes))?;
    if flows.len() < MIN_UNHEARD || flows.len() * 3 < sent * 2 {
        return None;
    }
    let times: Vec<f64> = flows
        .iter()
        .map(|&index| view.ledger.flows[index].start.since(view.channel.first).as_secs_f64())
        .collect();
    let beat = regular(&times);
    let why =
        format!("{} sent {} each and were never answered", count(flows.len(), "connection"), size(bytes));
    let first = |index: &usize| &*view.ledger.flows[*index].first_bytes.to_server.0;
    let cipher = flows.first().map(first).filter(|own| flows.iter().map(first).all(|other| other == *own));
    // The same cipher each time: no clock, no counter, no challenge in it, as no maker of devices would have it.
    let again = cipher.is_some_and(enciphered);
    let strength = if flows.len() >= 8 || again { 1.0 } else { 0.75 };
    let why = if again { format!("{why}, the same cipher each time") } else { why };
    let mut statement = view.say(strength, why);
    for index in flows {
        statement = statement.flow(index, &view.ledger.flows[index]);
    }
    statement.beacon = beat.map(|beat| beat.beacon("attempts", view.channel.first, &times));
    statement.kinds.push(Kind::Beacon);
    Some(statement)
}

/// Bytes that are neither words nor numbers: nearly all different, few printable, hardly a zero.
fn enciphered(first: &[u8]) -> bool {
    let head = first.get(..16).unwrap_or_default();
    let distinct = head.iter().collect::<BTreeSet<_>>().len();
    let printable = head.iter().filter(|b| b.is_ascii_graphic() || **b == b' ').count();
    distinct >= 14 && printable <= 9
}

/// On one connection the client speaks again and again, in pieces of one size, and the server says nothing.
fn monologue(view: &View<'_>) -> Option<Statement> {
    let (index, flow, bytes, n) = view.flows().find_map(|(index, flow)| {
        let own = flow.proto == Proto::Tcp && flow.app() == "unknown" && flow.state != State::Midstream;
        if !own || flow.payload.to_client > 0 || flow.packets.to_client == 0 || flow.turns.len() < MIN_TURNS {
            return None;
        }
        let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
        for turn in &flow.turns {
            *sizes.entry(turn.2).or_default() += 1;
        }
        let (bytes, n) = sizes.into_iter().max_by_key(|(bytes, n)| (*n, *bytes))?;
        (n * 10 >= flow.turns.len() * 6).then_some((index, flow, bytes, n))
    })?;
    let why = format!("{} of {} on one connection, never answered", count(n, "message"), size(bytes));
    let mut statement = view.say(1.0, why).flow(index, flow);
    statement.kinds.push(Kind::Beacon);
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, view};

    #[test]
    fn attempts_that_nobody_answers() {
        let tries = |n, state| {
            ledger((0..n).map(move |i| flow("203.0.113.74", 8080).at_ms(i * 30_000).state(state).build()))
        };
        let said = attempts(&view(&tries(20, State::Unanswered))).unwrap();
        assert_eq!(said.beacon.unwrap().basis, "attempts");
        assert!(attempts(&view(&tries(3, State::Unanswered))).is_none());
        assert!(attempts(&view(&tries(20, State::Closed))).is_none());
    }

    #[test]
    fn a_client_that_talks_to_itself() {
        let turns: Vec<_> = (0..20).map(|n| (crate::record::SideName::Client, n * 5000, 161)).collect();
        let alone = |down| ledger([flow("203.0.113.73", 8219).turns(&turns).payload(161 * 20, down).build()]);
        assert!(monologue(&view(&alone(0))).is_some());
        assert!(monologue(&view(&alone(9))).is_none());
    }

    #[test]
    fn the_same_message_to_nobody() {
        let sends = |down| {
            ledger(
                (0..16).map(move |i| flow("203.0.113.73", 2404).at_ms(i * 15_000).payload(594, down).build()),
            )
        };
        assert!(unheard(&view(&sends(0))).unwrap().strength > 0.9);
        assert!(unheard(&view(&sends(4))).is_none());
        let few = |first: &[u8]| {
            let one = |i: i64| {
                flow("203.0.113.73", 2404).at_ms(i * 15_000).payload(594, 0).first(first, &[]).build()
            };
            unheard(&view(&ledger((0..5).map(one)))).unwrap().strength
        };
        let cipher =
            [0x1d, 0x9b, 0x77, 0xe2, 5, 0xc1, 0x34, 0x8a, 0xf0, 0x11, 0x92, 0xd4, 0x66, 0x3b, 0xb8, 0x07];
        assert!(few(&cipher) > 0.9 && few(b"HELLO EXAMPLE-PC") < 0.9);
    }
}
