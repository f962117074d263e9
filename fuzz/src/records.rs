//! Bytes as an input of the whole program: from a file to every report.

use exfilscan::detect::finding::Level;
use exfilscan::detect::{self, Rules, Verdict};
use exfilscan::pipeline::{self, Extracted};
use exfilscan::record::{Reader, Records, Writer};
use exfilscan::report::{FORMATS, Report, exporter};
use std::path::PathBuf;
use std::sync::LazyLock;

/// How a record file begins.
pub const BEGIN: &[u8] = br#"{"type":"capture""#;
/// What all reports of an input of some kilobytes may take.
const MAX_REPORT: usize = 64 << 20;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::shipped().expect("the shipped rules"));

/// A file of this process in memory.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(format!("/dev/shm/exfilscan-fuzz-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).expect("written");
    path
}

/// Reads a file as the program would.
pub fn extract(path: &PathBuf, threaded: bool) -> Extracted {
    pipeline::extract(
        std::slice::from_ref(path),
        &pipeline::Options { threaded, hash: false, ..pipeline::Options::default() },
        &mut |_| {},
    )
}

/// All formats of a report; each is what it says it is, and none can steer a terminal.
pub fn reports(records: &Records, verdict: &Verdict) -> Vec<Vec<u8>> {
    let report = Report { records, verdict, level: Level::Low, rules_digest: RULES.digest() };
    let write = |format: &&str| {
        let mut out = Vec::new();
        exporter(format, false).expect("a format").export(&report, &mut out).expect("memory does not fail");
        assert!(out.len() <= MAX_REPORT, "a report of {} bytes", out.len());
        let text = std::str::from_utf8(&out).expect("UTF-8");
        let json = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        };
        let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        match *format {
            "json" | "sarif" | "navigator" | "stix" | "misp" => json(text),
            "ndjson" | "ecs" | "eve" | "ocsf" => text.lines().for_each(json),
            _ => assert!(!text.contains(steers), "a control character in {format}"),
        }
        out
    };
    FORMATS.iter().map(write).collect()
}

fn run(path: &PathBuf, threaded: bool) -> (Vec<Vec<u8>>, Vec<pipeline::Problem>, Vec<u8>) {
    let mut extracted = extract(path, threaded);
    let mut text = Vec::new();
    Writer::new(&mut text).write(&extracted.records).expect("memory does not fail");
    let flows = std::mem::take(&mut extracted.records.flows);
    let records = Records { flows, ..extracted.records.clone() };
    let verdict = detect::detect(records, &RULES, &detect::Options::default());
    (reports(&extracted.records, &verdict), extracted.problems, text)
}

/// Whatever is found is found again by other means of reading, and is said in well-formed documents.
pub fn check(bytes: &[u8]) {
    let path = file("scan", bytes);
    let (said, problems, text) = run(&path, false);
    assert!(run(&path, true) == (said.clone(), problems, text.clone()), "threads make a difference");
    if text.starts_with(BEGIN) {
        assert!(run(&file("records", &text), false).0 == said, "records make a difference");
    }
}

/// A record that can be read is written so that it is read as the same again; then the rest of the program.
pub fn check_records(bytes: &[u8]) {
    let text = [BEGIN, bytes].concat();
    let mut reader = Reader::new(&text[..]);
    let mut records = Records::default();
    while let Ok(Some(record)) = reader.next_record() {
        use exfilscan::record::Record;
        match record {
            Record::Capture(info) => records.captures.push(info),
            Record::Flow(flow) => records.flows.push(&flow),
            Record::Host(host) => records.hosts.push(host),
            Record::Anomaly(anomaly) => records.anomalies.push(anomaly),
            Record::Summary(summary) => records.summary = summary,
        }
    }
    let mut once = Vec::new();
    Writer::new(&mut once).write(&records).expect("memory does not fail");
    let mut reader = Reader::new(&once[..]);
    let mut flows = records.flows.iter();
    while let Some(record) = reader.next_record().expect("what was written is read") {
        if let exfilscan::record::Record::Flow(flow) = record {
            assert_eq!(Some(*flow), flows.next(), "another record when read back");
        }
    }
    check(&text);
}
