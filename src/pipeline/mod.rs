//! Wires the rooms: paths in, records out.
//!
//! In: paths of captures, directories and record files. Out: [`Extracted`]: the records of all of them as one
//! observation, and what could not be read. This room knows no format and no protocol: it hands packets from one room
//! to the next, in file order, and turns conversations into records.

mod convert;
mod hosts;
mod link;

use crate::anomaly;
use crate::capture::{self, Opened, Source};
use crate::decode::Decoder;
use crate::flow::{self, At, Conversation, Table};
use crate::protocol;
use crate::record::{Facts, Flow, Record, Records, Sides, State};
use hosts::Hosts;
use std::path::PathBuf;

/// How to extract.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Read and hash in a thread of its own.
    pub threaded: bool,
    /// Take the SHA-256 of the captures.
    pub hash: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { threaded: true, hash: true }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The input being read.
    pub path: &'a str,
    /// Packets of the run so far.
    pub packets: u64,
    /// Bytes on the wire of the run so far.
    pub bytes: u64,
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
    /// What could not be read at all, then what was cut or damaged.
    pub problems: Vec<Problem>,
    /// Inputs of which at least the beginning was read.
    pub opened: usize,
}

/// Packets between two calls of the watcher: often enough for an eye, rarely enough to cost nothing.
const WATCH_EVERY: u64 = 1 << 16;

/// Connection attempts without answer that are kept, of some 500 bytes and as much again in detection: more than the
/// stubborn clients of a large network make in an hour, far fewer than floods and scans do.
const MAX_SILENT: usize = 1 << 18;

/// Conversations ended at once when the capture is over: so that they do not all exist in two forms together.
const END_AT_ONCE: usize = 4096;

/// Reads every input as one observation: in order of their first packets, with state kept across them.
///
/// An input that cannot be read is a [`Problem`]; the others go on. `watch` is called now and then.
pub fn extract(paths: &[PathBuf], options: &Options, watch: &mut dyn FnMut(&Progress<'_>)) -> Extracted {
    let expanded = capture::expand(paths);
    let mut run = Run::new(*options);
    let failed = expanded.failed.into_iter();
    run.out.problems = failed.map(|(path, error)| Problem { path, what: error.to_string() }).collect();
    for source in &expanded.sources {
        run.input(source, watch);
    }
    run.finish()
}

/// One run: the rooms with their state.
struct Run {
    options: Options,
    decoder: Decoder,
    table: Table<protocol::Conversation>,
    shared: protocol::Shared,
    log: anomaly::Log,
    ended: Vec<Conversation<Facts>>,
    hosts: Hosts,
    bytes: u64,
    packets: u64,
    /// Connection attempts without answer so far.
    silent: usize,
    out: Extracted,
}

impl Run {
    fn new(options: Options) -> Self {
        Self {
            options,
            decoder: Decoder::new(),
            table: Table::new(flow::Config::default()),
            shared: protocol::Shared::default(),
            log: anomaly::Log::new(),
            ended: Vec::new(),
            hosts: Hosts::default(),
            bytes: 0,
            packets: 0,
            silent: 0,
            out: Extracted::default(),
        }
    }

    fn input(&mut self, source: &Source, watch: &mut dyn FnMut(&Progress<'_>)) {
        let index = self.out.records.captures.len() as u32;
        let options = capture::Options { hash: self.options.hash, threaded: self.options.threaded };
        match capture::open(source, index, options) {
            Ok(Opened::Packets(reader)) => self.packets(source, reader, watch),
            Ok(Opened::Records(records)) => self.records(source, records, index),
            Err(error) => self.problem(&source.name, error.to_string()),
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
    ) {
        self.out.opened += 1;
        while let Some(packet) = reader.next_packet() {
            self.packets += 1;
            self.bytes += u64::from(packet.wire_len);
            if self.packets.is_multiple_of(WATCH_EVERY) {
                watch(&Progress { path: &source.name, packets: self.packets, bytes: self.bytes });
            }
            let at = At { time: packet.time, frame: packet.frame, capture: packet.capture };
            if let Some(layers) = self.decoder.decode(&packet, &mut self.log) {
                self.table.packet(
                    &layers,
                    at,
                    packet.wire_len,
                    &mut self.shared,
                    &mut self.log,
                    &mut self.ended,
                );
            }
            if !self.ended.is_empty() {
                self.keep();
            }
        }
        let mut log = anomaly::Log::new();
        let info = convert::capture(reader.finish(&mut log));
        let stopped: Vec<anomaly::Anomaly> = log.clone().into_entries();
        for trouble in stopped.iter().filter(|trouble| stops(trouble.kind)) {
            let frame = trouble.frame.map(|frame| format!(" (frame {frame})")).unwrap_or_default();
            self.problem(&source.name, format!("{}{frame}", trouble.what));
        }
        self.log.merge(log);
        self.out.records.captures.push(info);
    }

    /// Turns what has ended into records.
    fn keep(&mut self) {
        for conversation in self.ended.drain(..) {
            let (flow, hints) = convert::flow(conversation);
            self.hosts.flow(&flow);
            for hint in hints {
                self.hosts.hint(hint);
            }
            if matches!(flow.state, State::Unanswered | State::Refused) && flow.payload == Sides::default() {
                self.silent += 1;
                if self.silent > MAX_SILENT {
                    let what = "connection attempts without answer beyond the bound are not kept";
                    self.log.note(anomaly::Kind::Limit, flow.capture, Some(flow.frames.first), what);
                    continue;
                }
            }
            self.out.records.flows.push(flow);
        }
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
                    self.problem(&source.name, error.to_string());
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
                self.out.records.flows.push(*flow);
            }
            Record::Host(host) => self.hosts.known(host),
            Record::Anomaly(anomaly) => {
                let capture = anomaly.capture.saturating_add(offset);
                self.log.add(anomaly.kind, capture, anomaly.frame, anomaly.count, &anomaly.what);
            }
            Record::Summary(summary) => {
                self.packets += summary.packets;
                self.bytes += summary.bytes;
                self.out.records.summary.incomplete |= summary.incomplete;
            }
        }
    }

    fn finish(mut self) -> Extracted {
        while !self.table.finish_some(END_AT_ONCE, &mut self.shared, &mut self.log, &mut self.ended) {
            self.keep();
        }
        self.keep();
        self.decoder.finish(&mut self.log);
        self.log.merge(std::mem::take(&mut self.shared.log));
        let records = &mut self.out.records;
        records.flows.sort_unstable_by_key(Flow::order);
        link::data_to_control(&mut records.flows);
        records.hosts = self.hosts.finish();
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

/// Whether a kind of trouble means that a capture was not read whole.
const fn stops(kind: anomaly::Kind) -> bool {
    matches!(kind, anomaly::Kind::Truncated | anomaly::Kind::Damaged)
}
