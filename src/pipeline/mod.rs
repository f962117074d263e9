//! Wires the rooms: paths in, records out.
//!
//! In: paths of captures, directories and record files. Out: [`Extracted`]: the records of all of them as one
//! observation, what could not be read, and where the time went. This room knows no format and no protocol: it hands
//! packets from one room to the next, in file order, and turns conversations into records, where threads are allowed in one
//! of its own (`keeper`). [`carve`] leads from records back to packets.

pub mod carve;
mod convert;
mod hosts;
mod keeper;
mod link;
mod progress;
mod store;

use crate::anomaly;
use crate::capture::{self, Opened, Source};
use crate::decode::Decoder;
use crate::detect::Survey;
use crate::flow::{self, At, Table};
use crate::protocol;
use crate::record::{Record, Records};
use keeper::{Desk, Ended, Keeper};
use progress::{Course, Watch};
pub use progress::{Progress, Spent};
use std::path::{Path, PathBuf};
use store::Store;

/// How to extract.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Read and hash in a thread of its own, and make and keep records in another.
    pub threaded: bool,
    /// Take the SHA-256 of the captures.
    pub hash: bool,
    /// Note of each conversation what detection will ask for, while it is at hand; see [`Extracted::survey`]. Records
    /// are kept without what only the survey looks at: answers of DNS.
    pub survey: bool,
    /// Most memory that the run may take, in bytes, about: what is beyond is left out and said. Small figures are
    /// raised to [`MIN_MEMORY`].
    pub max_memory: u64,
}

/// The memory a run may take where nothing else is said, in bytes: a few million conversations.
pub const MAX_MEMORY: u64 = 4 << 30;

/// Least memory that a run can do with, in bytes.
pub const MIN_MEMORY: u64 = 128 << 20;

impl Default for Options {
    fn default() -> Self {
        Self { threaded: true, hash: true, survey: false, max_memory: MAX_MEMORY }
    }
}

/// An input that could not be read, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The input as named.
    pub path: String,
    /// What is wrong with it, where known with frame and offset.
    pub what: String,
}

/// What extraction gives.
#[derive(Debug, Default)]
pub struct Extracted {
    /// The records of all inputs, in order.
    pub records: Records,
    /// What detection noted of the flows while they were made, if it was asked to: for
    /// [`fold_surveyed`](crate::detect::fold_surveyed), which need not look at all of them again.
    pub survey: Option<Survey>,
    /// What could not be read at all, then what was cut or damaged.
    pub problems: Vec<Problem>,
    /// Inputs of which at least the beginning was read.
    pub opened: usize,
    /// Where the time went.
    pub spent: Spent,
}

/// Packets between two calls of the watcher: often enough for an eye, rarely enough to cost nothing.
const WATCH_EVERY: u64 = 1 << 16;

/// Conversations ended at once when the capture is over: so that they do not all exist in two forms together.
const END_AT_ONCE: usize = 4096;

/// Reads every input as one observation: in order of their first packets, with state kept across them.
///
/// An input that cannot be read is a [`Problem`]; the others go on. `watch` is called now and then.
pub fn extract(paths: &[PathBuf], options: &Options, watch: &mut dyn FnMut(&Progress<'_>)) -> Extracted {
    let mut clock = Watch::start();
    let expanded = capture::expand(paths);
    let mut run = Run::new(*options);
    run.course = Course::new(&expanded.sources);
    let failed = expanded.failed.into_iter();
    run.out.problems = failed.map(|(path, error)| Problem { path, what: error.to_string() }).collect();
    run.out.spent.opening += clock.lap();
    for source in &expanded.sources {
        run.input(source, watch, &mut clock);
    }
    let mut extracted = run.finish();
    extracted.spent.ending += clock.lap();
    extracted
}

/// The captures and record files that a path names or that are below it, by path.
pub fn captures(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        capture::expand(&[path.to_owned()]).sources.into_iter().map(|source| source.path).collect();
    found.sort();
    found
}

/// One run: the rooms with their state.
struct Run {
    options: Options,
    decoder: Decoder,
    table: Table<protocol::Conversation>,
    shared: protocol::Shared,
    log: anomaly::Log,
    ended: Ended,
    desk: Desk,
    bytes: u64,
    packets: u64,
    course: Course,
    out: Extracted,
}

/// What threads have in their hands, in bytes: pieces of the input, conversations that ended, records that are looked at.
/// It is set aside for one thread too, so that the same is kept.
const IN_HANDS: u64 = 20 << 20;

/// How the memory of a run is shared out: to what waits to be put in order, to the conversations that go on, and to
/// records, in bytes.
fn shares(max_memory: u64) -> (flow::Config, usize) {
    let all = usize::try_from(max_memory.max(MIN_MEMORY) - IN_HANDS).unwrap_or(usize::MAX);
    let usual = flow::Config::default();
    let config = flow::Config {
        max_buffered: usual.max_buffered.min(all / 16),
        max_flows: usual.max_flows.min(all / 8 / FLOW_STATE),
        ..usual
    };
    (config, all / 8 * 5)
}

/// What a conversation that goes on takes with its dissector, in bytes: the worst of what captures showed.
const FLOW_STATE: usize = 4096;

impl Run {
    fn new(options: Options) -> Self {
        let (config, records) = shares(options.max_memory);
        Self {
            options,
            decoder: Decoder::new(),
            table: Table::new(config),
            shared: protocol::Shared { addresses_only: options.survey, ..protocol::Shared::default() },
            log: anomaly::Log::new(),
            ended: Ended::new(),
            desk: Desk::new(Store::new(records, options.survey), options.threaded),
            bytes: 0,
            packets: 0,
            course: Course::default(),
            out: Extracted::default(),
        }
    }

    fn input(&mut self, source: &Source, watch: &mut dyn FnMut(&Progress<'_>), clock: &mut Watch) {
        let index = self.out.records.captures.len() as u32;
        let options = capture::Options { hash: self.options.hash, threaded: self.options.threaded };
        match capture::open(source, index, options) {
            Ok(Opened::Packets(reader)) => {
                // The first piece is read to see what it is.
                let first = reader.spent().waited;
                let opening = clock.lap().saturating_sub(first);
                self.out.spent += Spent { opening, reading: first, ..Spent::default() };
                self.packets(source, reader, watch, clock);
            }
            Ok(Opened::Records(records)) => {
                self.out.spent.opening += clock.lap();
                self.records(source, records, index);
                self.out.spent.reading += clock.lap();
                self.course.pass(source.size().unwrap_or_default());
            }
            Err(error) => {
                self.problem(&source.name, error.to_string());
                self.out.spent.opening += clock.lap();
            }
        }
    }

    fn problem(&mut self, path: &str, what: String) {
        self.out.problems.push(Problem { path: path.to_owned(), what });
    }

    fn packets(
        &mut self,
        source: &Source,
        mut reader: capture::Reader,
        watch: &mut dyn FnMut(&Progress<'_>),
        clock: &mut Watch,
    ) {
        self.out.opened += 1;
        let first = reader.spent().waited;
        while let Some(packet) = reader.next_packet() {
            self.packets += 1;
            self.bytes += u64::from(packet.wire_len);
            let at = At { time: packet.time, frame: packet.frame, capture: packet.capture };
            let mut layers = self.decoder.decode(&packet, &mut self.log);
            loop {
                if let Some(layers) = &layers {
                    self.table.packet(
                        layers,
                        at,
                        layers.wire_len,
                        &mut self.shared,
                        &mut self.log,
                        &mut self.ended,
                    );
                }
                if !self.decoder.has_more() {
                    break;
                }
                layers = self.decoder.decode_more(&packet);
            }
            if !self.ended.is_empty() {
                self.desk.keep(&mut self.ended);
            }
            if self.packets.is_multiple_of(WATCH_EVERY) {
                self.tell(source, &reader, watch);
            }
        }
        let capture::Spent { waited, beside } = reader.spent();
        let waited = waited.saturating_sub(first);
        let packets = clock.lap().saturating_sub(waited);
        let mut log = anomaly::Log::new();
        let info = convert::capture(reader.finish(&mut log));
        self.out.problems.extend(stopped(&source.name, log.clone()));
        self.log.merge(log);
        self.course.pass(info.bytes);
        self.out.records.captures.push(info);
        // The rest of a file that was given up is read for its hash.
        let reading = waited + clock.lap();
        self.out.spent += Spent { reading, packets, beside, ..Spent::default() };
    }

    #[cold]
    fn tell(&self, source: &Source, reader: &capture::Reader, watch: &mut dyn FnMut(&Progress<'_>)) {
        watch(&self.course.at(source, reader, self.packets, self.bytes));
    }

    /// Takes the records of a file that an earlier run wrote; capture indices are moved behind those here.
    fn records(&mut self, source: &Source, input: capture::Records, offset: u32) {
        self.out.opened += 1;
        let mut reader = crate::record::Reader::new(input);
        loop {
            match reader.next_record() {
                Ok(Some(record)) => self.record(record, offset),
                Ok(None) => return,
                Err(error) => {
                    let remedy = "records of another version are to be made again with `exfilscan flows`";
                    self.problem(&source.name, format!("{error}; {remedy}"));
                    return;
                }
            }
        }
    }

    fn record(&mut self, record: Record, offset: u32) {
        match record {
            Record::Capture(info) => self.out.records.captures.push(info),
            Record::Flow(mut flow) => {
                flow.capture = flow.capture.saturating_add(offset);
                for continued in &mut flow.continued {
                    continued.capture = continued.capture.saturating_add(offset);
                }
                self.desk.here(&mut self.ended).flow(&mut flow);
            }
            Record::Host(host) => self.desk.here(&mut self.ended).host(host),
            Record::Anomaly(anomaly) => {
                let capture = anomaly.capture.saturating_add(offset);
                self.log.add(anomaly.kind, capture, anomaly.frame, anomaly.count, &anomaly.what);
            }
            Record::Summary(summary) => {
                self.packets = self.packets.saturating_add(summary.packets);
                self.bytes = self.bytes.saturating_add(summary.bytes);
                self.out.records.summary.incomplete |= summary.incomplete;
            }
        }
    }

    fn finish(mut self) -> Extracted {
        while !self.table.finish_some(END_AT_ONCE, &mut self.shared, &mut self.log, &mut self.ended) {
            self.desk.keep(&mut self.ended);
        }
        // All conversations are over: what is made of the records may have the room.
        drop(self.table);
        let (Keeper { store, hosts, log }, keeping) = self.desk.finish(&mut self.ended);
        self.out.spent.keeping = keeping;
        self.log.merge(log);
        self.decoder.finish(&mut self.log);
        self.log.merge(std::mem::take(&mut self.shared.log));
        let records = &mut self.out.records;
        (records.flows, self.out.survey) = store.finish();
        records.hosts = hosts.finish();
        records.anomalies = self.log.into_entries();
        let limited = records.anomalies.iter().any(|anomaly| anomaly.kind == anomaly::Kind::Limit);
        let summary = &mut records.summary;
        summary.captures = records.captures.len() as u64;
        summary.packets = self.packets;
        summary.bytes = self.bytes;
        summary.flows = records.flows.len() as u64;
        summary.hosts = records.hosts.len() as u64;
        summary.incomplete |= limited || !self.out.problems.is_empty();
        self.out
    }
}

/// The problems of a capture that was not read whole.
fn stopped(name: &str, log: anomaly::Log) -> impl Iterator<Item = Problem> {
    let stopped = log.into_entries().into_iter().filter(|trouble| stops(trouble.kind));
    stopped.map(move |trouble| {
        let frame = trouble.frame.map(|frame| format!(" (frame {frame})")).unwrap_or_default();
        let remedy = match trouble.kind {
            anomaly::Kind::Truncated => {
                "all before is analysed; copy the file again if its original is longer"
            }
            _ => "the rest is analysed; compare the file with its original",
        };
        Problem { path: name.to_owned(), what: format!("{}{frame}: {remedy}", trouble.what) }
    })
}

/// Whether a kind of trouble means that a capture was not read whole.
const fn stops(kind: anomaly::Kind) -> bool {
    matches!(kind, anomaly::Kind::Truncated | anomaly::Kind::Damaged)
}
