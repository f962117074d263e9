//! Plays scripts into dissectors.

use crate::script::{Script, Step, at, read};
use exfilscan::flow::{Appetite, At, Carrier, Dissector as _, Side};
use exfilscan::protocol::opaque::Opaque;
use exfilscan::protocol::{Conversation, Heads, MAX_HEAD, Next, Protocol, Recognised, Shared, Start};
use exfilscan::record::Facts;

/// Facts of one conversation have a bound: this much, printed, and so much for each byte of input. A fact that is
/// printed takes more room than its bytes: names of fields, escapes.
const FACTS_BASE: usize = 1 << 20;
const FACTS_FOR_A_BYTE: usize = 400;

/// Whoever is fed.
trait Fed {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Option<Appetite>;
    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared);
    fn passed(&mut self, side: Side, length: u64, at: At);
    fn end(self, shared: &mut Shared) -> Facts;
}

impl Fed for Conversation {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Option<Appetite> {
        Some(exfilscan::flow::Dissector::data(self, side, bytes, at, shared))
    }
    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared) {
        exfilscan::flow::Dissector::gap(self, side, length, at, shared);
    }
    fn passed(&mut self, side: Side, length: u64, at: At) {
        exfilscan::flow::Dissector::passed(self, side, length, at);
    }
    fn end(self, shared: &mut Shared) -> Facts {
        exfilscan::flow::Dissector::end(self, shared)
    }
}

/// One protocol alone; where it hands over, the play is over.
struct Alone(Box<dyn Protocol + Send>);

impl Fed for Alone {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Option<Appetite> {
        match self.0.data(side, bytes, at, shared) {
            Next::Want(appetite) => Some(appetite),
            Next::HandOver { from, .. } => {
                assert!(from <= bytes.len(), "handed over behind the slice");
                None
            }
        }
    }
    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared) {
        self.0.gap(side, length, at, shared);
    }
    fn passed(&mut self, side: Side, length: u64, at: At) {
        self.0.passed(side, length, at);
    }
    fn end(self, shared: &mut Shared) -> Facts {
        let mut facts = Facts::default();
        self.0.end(&mut facts, shared);
        facts
    }
}

/// Feeds a script as the flow room would, at most `size` bytes a slice: what is not wanted is passed over.
fn play<F: Fed>(mut fed: F, script: &Script<'_>, size: usize, shared: &mut Shared) -> Facts {
    let mut wanted = [Appetite::All; 2];
    let size = if script.opening.carrier == Carrier::Tcp { size } else { usize::MAX };
    'steps: for (number, step) in script.steps.iter().enumerate() {
        let at = at(number as u64 + 1);
        let (side, mut rest) = match *step {
            Step::Data(side, bytes) => (side, bytes),
            Step::Gap(side, length) => {
                fed.gap(side, length, at, shared);
                if let Appetite::Skip(left) = &mut wanted[side.index()] {
                    *left = left.saturating_sub(length);
                }
                continue;
            }
        };
        while !rest.is_empty() {
            let over = match &mut wanted[side.index()] {
                Appetite::All => 0,
                Appetite::Skip(left) => {
                    let over = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= over as u64;
                    over
                }
                Appetite::Enough => rest.len(),
            };
            if over > 0 {
                fed.passed(side, over as u64, at);
                rest = &rest[over..];
                continue;
            }
            let (slice, after) = rest.split_at(size.min(rest.len()));
            let Some(appetite) = fed.data(side, slice, at, shared) else { break 'steps };
            wanted[side.index()] = appetite;
            rest = after;
        }
    }
    fed.end(shared)
}

/// Where facts must not depend on how the bytes were cut.
#[derive(Clone, Copy, PartialEq)]
enum Slices {
    /// Everywhere.
    Never,
    /// Where a protocol was recognised that is taken apart. What is not is named by what one segment holds.
    NeverOfKnown,
    /// Nowhere.
    Matter,
}

/// The same facts twice, the same in slices of any size, and no more of them than there is input for.
///
/// Behind lost bytes dissectors look for the next message where segments begin: there, and only there, slices matter.
fn check<F: Fed>(begin: impl Fn(&mut Shared) -> F, script: &Script<'_>, input: usize, slices: Slices) {
    let run = |size| {
        let mut shared = Shared::default();
        let fed = begin(&mut shared);
        let facts = play(fed, script, size, &mut shared);
        (facts, shared.log.into_entries())
    };
    let whole = run(usize::MAX);
    let printed = format!("{:?}", whole.0);
    let bound = FACTS_BASE + FACTS_FOR_A_BYTE * input;
    assert!(printed.len() <= bound, "{} bytes of facts from {input} of input", printed.len());
    assert!(run(usize::MAX) == whole, "another answer the second time");
    let lossless = !script.steps.iter().any(|step| matches!(step, Step::Gap(..)));
    if script.opening.carrier == Carrier::Tcp && lossless && slices != Slices::Matter {
        for size in [1, 7] {
            let (facts, _) = run(size);
            // Records without a handshake are known by where a segment ends: in other slices they may be something else.
            let cut = |facts: &Facts| facts.tls.as_ref().is_some_and(|tls| tls.version.is_empty());
            if cut(&facts) != cut(&whole.0) {
                continue;
            }
            if slices == Slices::Never || facts.other.is_none() && whole.0.other.is_none() {
                assert_eq!(facts, whole.0, "in slices of {size}");
            }
        }
    }
}

/// Plays into the dispatcher, which chooses the protocol.
pub fn conversation(data: &[u8], carriers: &[(Carrier, u16)]) {
    let script = read(data, carriers);
    check(|shared| Conversation::open(&script.opening, shared), &script, data.len(), Slices::NeverOfKnown);
}

/// Plays into one protocol, whether its beginning is recognised or not: a hand-over or a look at a later place may
/// bring it any bytes.
pub fn alone(
    data: &[u8],
    carriers: &[(Carrier, u16)],
    recognise: fn(&Heads<'_>) -> Recognised,
    begin: fn(&Start) -> Box<dyn Protocol + Send>,
) {
    play_alone(&read(data, carriers), data.len(), recognise, begin);
}

/// As [`alone`], with a script that was made.
pub fn play_alone(
    script: &Script<'_>,
    input: usize,
    recognise: fn(&Heads<'_>) -> Recognised,
    begin: fn(&Start) -> Box<dyn Protocol + Send>,
) {
    for step in script.steps.iter().take(4) {
        if let Step::Data(side, bytes) = *step {
            let mut heads = [&[][..]; 2];
            heads[side.index()] = &bytes[..bytes.len().min(MAX_HEAD)];
            let ports = [script.opening.client.port(), script.opening.server.port()];
            for midstream in [false, true] {
                let carrier = script.opening.carrier;
                let heads = Heads { bytes: heads, first: side, carrier, ports, midstream };
                assert_eq!(recognise(&heads), recognise(&heads));
            }
        }
    }
    let start = Start { opening: script.opening, after: None };
    check(|_| Alone(begin(&start)), script, input, Slices::Never);
}

/// Plays into the dissector of what is not taken apart.
pub fn opaque(data: &[u8], carriers: &[(Carrier, u16)]) {
    let script = read(data, carriers);
    let start = Start { opening: script.opening, after: None };
    check(|_| Alone(Box::new(Opaque::new(&start))), &script, data.len(), Slices::Matter);
}
