//! Who spoke when, and how much.

use super::key::Dir;
use super::{At, Side, Turn, TurnsRest};
use crate::time::{Duration, Timestamp};
use crate::varint;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Silence that ends a turn even when the same side goes on.
const SILENCE: Duration = Duration::from_secs(1);
/// Most turns listed of a conversation: an hour of beats of ten seconds, there and back, is told apart by the first
/// 256 as well as by all.
pub(super) const MAX_TURNS: usize = 256;
/// Most turns listed over all open conversations, of some 8 bytes each and as much room to grow: 16 MB.
const MAX_TURNS_OPEN: usize = 1 << 20;
/// Sizes that are counted apart; beyond it the rarest make room (Misra and Gries, 1982).
const MAX_SIZES: usize = 256;
/// Commonest sizes that are told in the end.
const SIZES_TOLD: usize = 32;
/// Bins to an octave of pauses, as a shift: 16 bins are 3 to 6 % wide.
const BINS_SHIFT: u32 = 4;

/// A turn by which end of the key sent it.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The greater end sent it.
    greater: bool,
    offset: i64,
    bytes: u64,
    frame: u64,
}

impl Run {
    fn dir(&self) -> Dir {
        usize::from(self.greater)
    }
}

/// Turns of one conversation.
#[derive(Debug, Default)]
pub(super) struct Turns {
    listed: List,
    /// The turn that goes on, listed or not yet counted in `rest`.
    open: Option<Run>,
    /// Time of its last byte.
    last: Timestamp,
    rest: Option<Box<Rest>>,
}

/// Turns in the order they came, each by what it differs in from the one before: few bytes each. A conversation has
/// them for as long as it lasts.
#[derive(Debug, Default)]
struct List {
    /// Of each turn side and frame, time and bytes, as numbers of few bytes. Most conversations have a question and an answer.
    bytes: SmallVec<[u8; 24]>,
    count: u16,
    offset: i64,
    frame: u64,
}

impl List {
    fn push(&mut self, run: &Run) {
        // Clocks and, between captures, frames may go back. Frames are counted: none has a number of 62 bits.
        let frame = varint::zigzag(run.frame.wrapping_sub(self.frame) as i64);
        self.number(frame << 1 | u64::from(run.greater));
        self.number(varint::zigzag(run.offset.wrapping_sub(self.offset)));
        self.number(run.bytes);
        (self.offset, self.frame) = (run.offset, run.frame);
        self.count += 1;
    }

    fn number(&mut self, number: u64) {
        varint::write(number, |byte| self.bytes.push(byte));
    }

    fn len(&self) -> usize {
        usize::from(self.count)
    }

    fn iter(&self) -> impl Iterator<Item = Run> {
        let mut bytes = self.bytes.iter();
        let mut number = move || varint::read(|| bytes.next().copied()).unwrap_or_default();
        let (mut offset, mut frame) = (0_i64, 0_u64);
        (0..self.count).map(move |_| {
            let side = number();
            frame = frame.wrapping_add(varint::unzigzag(side >> 1) as u64);
            offset = offset.wrapping_add(varint::unzigzag(number()));
            Run { greater: side & 1 != 0, offset, bytes: number(), frame }
        })
    }
}

/// Summary of turns that are not listed, by end of the key.
#[derive(Debug, Default)]
struct Rest {
    sides: [Summary; 2],
    last: i64,
}

#[derive(Debug, Default)]
struct Summary {
    count: u64,
    bytes: u64,
    /// Milliseconds (lower bound of the bin): a few hundred bins at most.
    gaps: BTreeMap<u64, u64>,
    sizes: BTreeMap<u64, u64>,
    /// Start of the turn before, listed or not, in microseconds.
    before: Option<i64>,
}

/// How many turns all conversations list.
#[derive(Debug, Default)]
pub(super) struct Listed(usize);

impl Turns {
    /// `bytes` fresh bytes came from `dir`; `start` is that of the conversation.
    pub(super) fn spoke(&mut self, dir: Dir, bytes: u64, at: At, start: Timestamp, listed: &mut Listed) {
        let silent = at.time.since(self.last) >= SILENCE;
        self.last = at.time;
        match &mut self.open {
            Some(run) if run.dir() == dir && !silent => {
                run.bytes = run.bytes.saturating_add(bytes);
            }
            _ => {
                self.settle(listed);
                let offset = at.time.since(start).as_micros();
                self.open = Some(Run { greater: dir != 0, offset, bytes, frame: at.frame });
            }
        }
    }

    /// Lists the open turn, or counts it.
    fn settle(&mut self, listed: &mut Listed) {
        let Some(run) = self.open.take() else { return };
        if self.rest.is_none() && self.listed.len() < MAX_TURNS && listed.0 < MAX_TURNS_OPEN {
            listed.0 += 1;
            self.listed.push(&run);
            return;
        }
        let rest = self.rest.get_or_insert_with(|| {
            let mut rest = Box::<Rest>::default();
            for run in self.listed.iter() {
                rest.sides[run.dir()].before = Some(run.offset);
            }
            rest
        });
        rest.last = run.offset;
        rest.sides[run.dir()].add(&run);
    }

    /// All turns and the summary of those not listed, with the end `client` as the client.
    pub(super) fn end(mut self, client: Dir, listed: &mut Listed) -> (Vec<Turn>, Option<Box<TurnsRest>>) {
        self.settle(listed);
        listed.0 = listed.0.saturating_sub(self.listed.len());
        let side = |dir: Dir| if dir == client { Side::Client } else { Side::Server };
        let turn =
            |run: Run| Turn { side: side(run.dir()), offset: run.offset, bytes: run.bytes, frame: run.frame };
        let turns: Vec<Turn> = self.listed.iter().map(turn).collect();
        let rest = self.rest.map(|rest| {
            let Rest { sides: [a, b], last } = *rest;
            let (client, server) = if client == 0 { (a, b) } else { (b, a) };
            Box::new(TurnsRest {
                count: [client.count, server.count],
                bytes: [client.bytes, server.bytes],
                gaps_ms: client.gaps.into_iter().collect(),
                sizes: commonest(client.sizes),
                last,
            })
        });
        (turns, rest)
    }
}

impl Summary {
    fn add(&mut self, run: &Run) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(run.bytes);
        if let Some(before) = self.before.replace(run.offset) {
            let pause = u64::try_from(run.offset.saturating_sub(before)).unwrap_or(0) / 1000;
            *self.gaps.entry(bin(pause)).or_default() += 1;
        }
        if self.sizes.len() < MAX_SIZES || self.sizes.contains_key(&run.bytes) {
            *self.sizes.entry(run.bytes).or_default() += 1;
        } else {
            self.sizes.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }
}

/// The lower bound of the bin of a number: 16 bins to each doubling, exact below 32.
fn bin(n: u64) -> u64 {
    let coarse = n.checked_ilog2().unwrap_or(0).saturating_sub(BINS_SHIFT);
    n >> coarse << coarse
}

/// The commonest entries, by size; among equally common ones the smaller.
fn commonest(sizes: BTreeMap<u64, u64>) -> Vec<(u64, u64)> {
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|&(size, count)| (std::cmp::Reverse(count), size));
    sizes.truncate(SIZES_TOLD);
    sizes.sort_unstable();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64, frame: u64) -> At {
        At { time: Timestamp(millis * 1_000_000), frame, capture: 0 }
    }

    fn told(events: &[(Dir, u64, i64)], client: Dir) -> (Vec<Turn>, Option<Box<TurnsRest>>) {
        let (mut turns, mut listed) = (Turns::default(), Listed::default());
        for (frame, &(dir, bytes, millis)) in (1..).zip(events) {
            turns.spoke(dir, bytes, at(millis, frame), Timestamp(0), &mut listed);
        }
        let end = turns.end(client, &mut listed);
        assert_eq!(listed.0, 0, "what was listed is given back");
        end
    }

    #[test]
    fn a_list_gives_what_it_was_given() {
        let all = [0, 1, 127, 128, 1 << 40, u64::MAX >> 1, u64::MAX];
        let mut list = List::default();
        let mut runs = Vec::new();
        for (n, bytes) in all.into_iter().enumerate() {
            for (offset, frame) in [(0, 1), (i64::MAX, 1 << 60), (i64::MIN, 0), (-1, 7)] {
                runs.push(Run { greater: n % 2 == 0, offset, bytes, frame });
            }
        }
        for run in &runs {
            list.push(run);
        }
        assert_eq!(list.len(), runs.len());
        let told = |run: &Run| (run.greater, run.offset, run.bytes, run.frame);
        assert!(list.iter().map(|run| told(&run)).eq(runs.iter().map(told)));
        let mut list = List::default();
        list.push(&Run { greater: true, offset: 0, bytes: 60, frame: 900_000 });
        list.push(&Run { greater: false, offset: 20_000, bytes: 200, frame: 900_003 });
        assert!(!list.bytes.spilled(), "a question and its answer take no memory of their own");
    }

    #[test]
    fn an_answer_or_silence_ends_a_turn() {
        let (turns, rest) = told(&[(0, 10, 0), (0, 5, 900), (1, 7, 901), (0, 1, 902), (0, 2, 1902)], 0);
        let expected = [
            (Side::Client, 0, 15, 1),
            (Side::Server, 901_000, 7, 3),
            (Side::Client, 902_000, 1, 4),
            (Side::Client, 1_902_000, 2, 5),
        ];
        let got: Vec<_> = turns.iter().map(|t| (t.side, t.offset, t.bytes, t.frame)).collect();
        assert_eq!(got, expected);
        assert!(rest.is_none());
        let (turns, _) = told(&[(0, 10, 0), (1, 7, 1)], 1);
        assert_eq!((turns[0].side, turns[1].side), (Side::Server, Side::Client));
    }

    #[test]
    fn what_is_beyond_the_bound_keeps_period_and_sizes() {
        // A beat of a minute: 200 bytes there, 40 back.
        let events: Vec<_> = (0..400)
            .flat_map(|n| [(0, 200 + u64::from(n == 399), n * 60_000), (1, 40, n * 60_000 + 80)])
            .collect();
        for client in [0, 1] {
            let (turns, rest) = told(&events, client);
            let rest = rest.expect("more than are listed");
            assert_eq!(turns.len(), MAX_TURNS);
            assert_eq!(rest.count, [272, 272]);
            let bytes = [272 * 200 + 1, 272 * 40];
            assert_eq!(rest.bytes, if client == 0 { bytes } else { [bytes[1], bytes[0]] });
            assert_eq!(rest.gaps_ms, [(bin(60_000), 272)], "the first reaches back to the listed ones");
            assert_eq!(rest.last, (399 * 60_000 + 80) * 1000);
            let sizes: &[_] = if client == 0 { &[(200, 271), (201, 1)] } else { &[(40, 272)] };
            assert_eq!(rest.sizes, sizes);
        }
    }

    #[test]
    fn endless_sizes_do_not_hide_the_common_one() {
        let events: Vec<_> =
            (0..20_000).map(|n: i64| (0, if n % 3 == 0 { 77 } else { 1000 + n as u64 }, n * 2000)).collect();
        let (_, rest) = told(&events, 0);
        let rest = rest.expect("more than are listed");
        assert!(rest.sizes.len() <= SIZES_TOLD);
        let common = rest.sizes.iter().find(|(size, _)| *size == 77).expect("the common size").1;
        assert!((6_000..=6_582).contains(&common), "{common}");
    }

    #[test]
    fn bins_are_some_five_percent_wide() {
        assert_eq!((bin(0), bin(31), bin(33), bin(60_000)), (0, 31, 32, 59_392));
        for n in (1..2_000_000).step_by(997) {
            assert!(bin(n) <= n && (n - bin(n)) * 16 <= n, "{n} {}", bin(n));
        }
    }

    #[test]
    fn a_clock_that_goes_back_ends_no_turn() {
        let (turns, _) = told(&[(0, 1, 50_000), (0, 1, 1), (1, 1, 2)], 0);
        assert_eq!(turns.len(), 2);
        assert_eq!(turns[1].offset, 2000);
    }
}
