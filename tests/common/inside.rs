//! Runs the library as the program does, without starting it: hundreds of runs in a test.

#![allow(dead_code, reason = "not every test file uses every helper")]

use exfilscan::detect::finding::Level;
use exfilscan::detect::{self, Rules, Verdict};
use exfilscan::pipeline::{self, Extracted};
use exfilscan::record::Records;
use exfilscan::report::{FORMATS, Report, exporter};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::shipped().expect("the shipped rules"));

/// Extracts one file of these bytes.
pub fn extract(folder: &Path, bytes: &[u8]) -> Extracted {
    let path = folder.join("capture");
    std::fs::write(&path, bytes).expect("written");
    extract_files(&[path])
}

/// Extracts files as one observation.
pub fn extract_files(paths: &[PathBuf]) -> Extracted {
    pipeline::extract(
        paths,
        &pipeline::Options { threaded: false, hash: false, ..pipeline::Options::default() },
        &mut |_| {},
    )
}

/// What detection says.
pub fn judge(records: Records) -> Verdict {
    detect::detect(records, &RULES, &detect::Options::default())
}

/// Every report in a row.
pub fn reports(extracted: &Extracted) -> Vec<u8> {
    let verdict = judge(extracted.records.clone());
    let report = Report {
        records: &extracted.records,
        verdict: &verdict,
        level: Level::Low,
        rules_digest: RULES.digest(),
    };
    let mut out = Vec::new();
    for format in FORMATS {
        exporter(format, false).expect("a format").export(&report, &mut out).expect("memory does not fail");
    }
    out
}
