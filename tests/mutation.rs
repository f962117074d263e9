//! Damaged copies of every golden case: whatever became of a capture, the program ends with an outcome of the contract,
//! the same one each time, and what was captured before the damage is still told.

mod common;

#[path = "common/inside.rs"]
mod inside;
#[path = "common/wire.rs"]
mod wire;

use common::{bytes, capture, cases, exfilscan, finish};
use exfilscan::pipeline::Extracted;
use exfilscan::record::Flow;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use wire::{Dice, Frame};

/// Changes of every kind that are made to each case.
const ROUNDS: usize = 2;
/// Longest capture that is changed; longer ones are changed at their front, to keep the test short.
const MAX_BYTES: usize = 64 << 10;
/// One in so many outcomes is compared with that of the program itself.
const STARTED: usize = 40;

/// One damage: from a case's bytes and packets to those of a file.
type Damage = fn(&mut Dice, &[u8], &[Frame], &[Frame]) -> Vec<u8>;

fn cut(dice: &mut Dice, bytes: &[u8], _: &[Frame], _: &[Frame]) -> Vec<u8> {
    bytes[..dice.below(bytes.len())].to_vec()
}

/// The beginning is lost: often it is then no capture at all.
fn behead(dice: &mut Dice, bytes: &[u8], _: &[Frame], _: &[Frame]) -> Vec<u8> {
    bytes[dice.below(bytes.len() / 4)..].to_vec()
}

fn flip(dice: &mut Dice, bytes: &[u8], _: &[Frame], _: &[Frame]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(30) {
        let at = dice.below(bytes.len());
        bytes[at] ^= 1 << dice.below(8);
    }
    bytes
}

/// Lengths, ports and counts become extremes.
fn overwrite(dice: &mut Dice, bytes: &[u8], _: &[Frame], _: &[Frame]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(10) {
        let at = dice.below(bytes.len().saturating_sub(4));
        let value = [0, 1, 0x7fff_ffff, u32::MAX, 0xffff, 0x0100_0000][dice.below(6)];
        let width = 1 + dice.below(4);
        bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
    bytes
}

/// Pieces are lost, doubled, put elsewhere, without respect for records.
fn tear(dice: &mut Dice, bytes: &[u8], _: &[Frame], _: &[Frame]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        let from = dice.below(bytes.len());
        let to = (from + dice.below(2000)).min(bytes.len());
        let piece: Vec<u8> =
            if dice.below(2) == 0 { bytes.drain(from..to).collect() } else { bytes[from..to].to_vec() };
        let at = dice.below(bytes.len() + 1);
        bytes.splice(at..at, piece);
    }
    bytes
}

/// Two captures file behind file, the second one from somewhere.
fn append(dice: &mut Dice, bytes: &[u8], _: &[Frame], other: &[Frame]) -> Vec<u8> {
    let other = wire::pcapng(other);
    let at = dice.below(bytes.len());
    [&bytes[..at], &other[dice.below(other.len())..]].concat()
}

/// Two captures packet between packet.
fn mix(dice: &mut Dice, _: &[u8], frames: &[Frame], other: &[Frame]) -> Vec<u8> {
    let (mut mixed, mut one, mut two) = (Vec::new(), frames.iter(), other.iter());
    loop {
        let next = if dice.below(2) == 0 {
            one.next().or_else(|| two.next())
        } else {
            two.next().or_else(|| one.next())
        };
        match next {
            Some(frame) => mixed.push(frame.clone()),
            None => return wire::pcapng(&mixed),
        }
    }
}

/// Packets are lost, doubled, moved, and their bytes changed.
fn packets(dice: &mut Dice, _: &[u8], frames: &[Frame], _: &[Frame]) -> Vec<u8> {
    let mut frames = frames.to_vec();
    for _ in 0..=dice.below(frames.len() / 2 + 1) {
        let (at, to) = (dice.below(frames.len()), dice.below(frames.len()));
        match dice.below(5) {
            0 => frames.swap(at, to),
            1 => {
                let again = frames[at].clone();
                frames.insert(to, again);
            }
            2 if frames.len() > 1 => {
                frames.remove(at);
            }
            3 => {
                let length = frames[at].data.len();
                frames[at].data.truncate(dice.below(length + 1));
            }
            _ => {
                let length = frames[at].data.len();
                if let Some(byte) = frames[at].data.get_mut(dice.below(length.min(80))) {
                    *byte = dice.roll() as u8;
                }
            }
        }
    }
    wire::pcapng(&frames)
}

/// The clock jumps, to the ends of what a file can say.
fn clock(dice: &mut Dice, _: &[u8], frames: &[Frame], _: &[Frame]) -> Vec<u8> {
    let mut frames = frames.to_vec();
    for _ in 0..=dice.below(frames.len()) {
        let at = dice.below(frames.len());
        let extremes =
            [0, i64::MAX, i64::MIN, -1, frames[at].nanos.wrapping_add(1 << 50), frames[at].nanos / 2];
        frames[at].nanos = extremes[dice.below(extremes.len())];
    }
    wire::pcapng(&frames)
}

const DAMAGES: [(&str, Damage); 9] = [
    ("clock", clock),
    ("cut", cut),
    ("behead", behead),
    ("flip", flip),
    ("overwrite", overwrite),
    ("tear", tear),
    ("append", append),
    ("mix", mix),
    ("packets", packets),
];

/// The exit status that the contract gives an outcome.
fn status(extracted: &Extracted) -> i32 {
    match (extracted.opened, extracted.records.summary.incomplete) {
        (0, _) => 2,
        (_, true) => 3,
        (_, false) => 0,
    }
}

/// A case as far as it is changed.
fn front(case: &str) -> (Vec<u8>, Vec<Frame>) {
    let mut frames = wire::frames(&capture(case));
    let mut total = 0;
    frames.retain(|frame| {
        total += frame.data.len() + 16;
        total <= MAX_BYTES
    });
    let mut bytes = bytes(case);
    bytes.truncate(MAX_BYTES);
    (bytes, frames)
}

#[test]
fn damage_is_survived_and_gives_the_same_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = cases();
    let mut dice = Dice::new(1);
    let mut seen = HashMap::<i32, usize>::new();
    let mut number = 0;
    let mut before = front(&cases[0]).1;
    for case in &cases {
        let (bytes, frames) = front(case);
        for (name, damage) in DAMAGES.iter().flat_map(|damage| std::iter::repeat_n(damage, ROUNDS)) {
            number += 1;
            let changed = damage(&mut dice, &bytes, &frames, &before);
            let run = || {
                let extracted = inside::extract(folder.path(), &changed);
                (status(&extracted), inside::reports(&extracted), lines(&extracted))
            };
            let survived = catch_unwind(AssertUnwindSafe(run));
            let Ok((status, reports, records)) = survived else {
                panic!("{case}, {name}, number {number}: panicked")
            };
            *seen.entry(status).or_default() += 1;
            if number % STARTED == 0 {
                started(folder.path(), status, &format!("{case}, {name}, number {number}"));
            }
            if number % 6 == 0 {
                assert!(
                    inside::reports(&inside::extract(folder.path(), &changed)) == reports,
                    "{case}, {name}, number {number}: another answer"
                );
            }
            if number % 6 == 3 && status != 2 {
                let again = inside::reports(&inside::extract(folder.path(), records.as_bytes()));
                assert!(again == reports, "{case}, {name}, number {number}: another answer from the records");
            }
        }
        before = frames;
    }
    // Else the damage is too small or too great to test anything.
    assert!(seen.values().all(|count| *count >= 10) && seen.len() == 3, "{seen:?}");
}

/// The program itself says the same of the file written last.
fn started(folder: &Path, status: i32, what: &str) {
    let run = exfilscan().args(["scan", "-f", "json"]).arg(folder.join("capture")).output().expect("started");
    let run = finish(&run);
    assert_eq!(run.code, status, "{what}: {}", run.err);
    assert!(!run.err.contains("panicked"), "{what}: {}", run.err);
    assert_eq!(run.err.is_empty(), status == 0, "{what}: {}", run.err);
}

/// What a conversation says that cannot be taken back by what comes later: name and fingerprint of the hello, requests,
/// queries, senders of mails.
fn told(flow: &Flow) -> [Vec<String>; 4] {
    let hello = flow.tls.iter().filter(|tls| tls.ja4.is_some());
    let hello = hello.map(|tls| format!("{:?} {:?} {:?}", tls.sni, tls.ja3, tls.ja4));
    let mails = flow.smtp.iter().flat_map(|smtp| &smtp.mails);
    let mails = mails.map(|mail| format!("{:?}", mail.from));
    let requests = flow
        .http
        .iter()
        .map(|exchange| format!("{:?} {:?} {:?}", exchange.method, exchange.host, exchange.path));
    let queries = flow.dns.iter().map(|dns| format!("{:?}", dns.query));
    [hello.collect(), requests.collect(), queries.collect(), mails.collect()]
}

#[test]
fn a_capture_that_was_cut_tells_the_beginning() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dice = Dice::new(2);
    let mut compared = [0; 4];
    for case in cases() {
        let (_, frames) = front(&case);
        let whole = inside::extract(folder.path(), &wire::pcapng(&frames)).records;
        let known: HashMap<_, Flow> = whole.flows.iter().map(|flow| (flow.id, flow)).collect();
        for _ in 0..3 {
            let kept = 1 + dice.below(frames.len());
            let file = wire::pcapng(&frames[..kept]);
            // Half of the cuts go through the last packet.
            let end = file.len() - if dice.below(2) == 0 { 0 } else { 1 + dice.below(20) };
            let part = inside::extract(folder.path(), &file[..end]).records;
            for flow in &part.flows {
                let all =
                    known.get(&flow.id).unwrap_or_else(|| panic!("{case}, {kept}: {:?} is new", flow.id));
                assert!(flow.start == all.start && flow.end <= all.end, "{case}, {kept}");
                assert!(flow.frames.count <= all.frames.count, "{case}, {kept}");
                for (kind, (some, more)) in told(&flow).iter().zip(&told(all)).enumerate() {
                    // A request or query that is cut tells what it has; a hello has a fingerprint or none.
                    let sure = if matches!(kind, 0 | 3) { some.len() } else { some.len().saturating_sub(1) };
                    assert!(more.get(..sure) == some.get(..sure), "{case}, {kept}: {some:#?} {more:#?}");
                    compared[kind] += sure;
                }
            }
        }
    }
    let enough = compared.iter().zip([15, 300, 100, 5]).all(|(have, wanted)| *have >= wanted);
    assert!(enough, "facts compared, by kind: {compared:?}");
}

/// The records of a case as lines.
fn lines(extracted: &Extracted) -> String {
    let mut out = Vec::new();
    exfilscan::record::Writer::new(&mut out).write(&extracted.records).expect("memory does not fail");
    String::from_utf8(out).expect("UTF-8")
}

/// Numbers that arithmetic may go wrong with. An archive may claim any size, so records may hold any number.
const EXTREMES: [&str; 7] = ["0", "1", "255", "65535", "4294967295", "999999999999999", "-999999999999999"];
/// Times and durations likewise.
const TIMES: [&str; 5] = [
    "0001-01-01T00:00:00.000000000Z",
    "1677-09-21T00:12:43.145224192Z",
    "1970-01-01T00:00:00.000000000Z",
    "2262-04-11T23:47:16.854775807Z",
    "9999-12-31T23:59:59.999999999Z",
];

/// Puts extremes in the place of some numbers and times of a JSON line.
fn exaggerate(dice: &mut Dice, line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut rest, mut quoted) = (line, false);
    while let Some(first) = rest.chars().next() {
        let is_number = !quoted && (first.is_ascii_digit() || first == '-');
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '-' && c != '.').unwrap_or(rest.len());
        let time = quoted && rest.get(..31).is_some_and(|text| text.ends_with("Z\"") && text.contains('T'));
        if is_number {
            let text =
                if dice.below(12) == 0 { EXTREMES[dice.below(EXTREMES.len())] } else { &rest[..digits] };
            out.push_str(text);
            rest = &rest[digits..];
        } else if time && dice.below(4) == 0 {
            out.push_str(TIMES[dice.below(TIMES.len())]);
            rest = &rest[rest.find('"').unwrap_or(rest.len())..];
        } else {
            quoted ^= first == '"';
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Record files come from elsewhere, too: their numbers need not be those of a capture.
#[test]
fn records_with_impossible_numbers_are_survived() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dice = Dice::new(3);
    let (mut read, mut number) = (0, 0);
    for case in cases() {
        let (_, frames) = front(&case);
        let original = lines(&inside::extract(folder.path(), &wire::pcapng(&frames)));
        for _ in 0..3 {
            number += 1;
            // What cannot be a record ends the file: each line is tried alone first.
            let mut text = String::new();
            for (n, line) in original.lines().enumerate() {
                let changed = exaggerate(&mut dice, line);
                let good = exfilscan::record::Reader::new(changed.as_bytes()).next_record().is_ok();
                text.push_str(if good && n > 0 { &changed } else { line });
                text.push('\n');
                read += usize::from(good && changed != line);
            }
            let run = || {
                let extracted = inside::extract(folder.path(), text.as_bytes());
                (status(&extracted), inside::reports(&extracted))
            };
            let survived = catch_unwind(AssertUnwindSafe(run));
            let Ok(outcome) = survived else {
                let kept = std::env::temp_dir().join("records-that-panic.ndjson");
                std::fs::write(&kept, &text).expect("written");
                panic!("{case}, number {number}: panicked; the records are in {}", kept.display());
            };
            if number % 5 == 0 {
                assert!(run() == outcome, "{case}, number {number}: another answer");
            }
        }
    }
    assert!(read > 1000, "only {read} records were changed and still read");
}
