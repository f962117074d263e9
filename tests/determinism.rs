//! The same packets give the same verdict, to the byte, however they come.

mod common;

use common::{bytes, capture, cases, exfilscan, finish, report, run};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

/// What must not depend on the file that the packets came in.
fn verdict(mut report: Value) -> Value {
    let report = report.as_object_mut().expect("an object");
    report.retain(|key, _| key != "captures" && key != "tool");
    Value::Object(report.clone())
}

#[test]
fn threads_make_no_difference() {
    for case in cases() {
        let scan = |threads| {
            run([
                std::ffi::OsString::from("scan"),
                "-f".into(),
                "json".into(),
                "-j".into(),
                threads,
                capture(&case).into(),
            ])
            .out
        };
        assert_eq!(scan("1".into()), scan("4".into()), "{case}");
    }
}

#[test]
fn compression_makes_no_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in ["redline-soap", "benign-chat"] {
        let plain = bytes(case);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).expect("compressed");
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&plain).expect("compressed");
        let zstd = ruzstd::encoding::compress_to_vec(&plain[..], ruzstd::encoding::CompressionLevel::Fastest);
        let expected = verdict(report([capture(case)]));
        for (kind, packed) in
            [("gzip", gzip.finish().expect("gzip")), ("lz4", lz4.finish().expect("lz4")), ("zstd", zstd)]
        {
            // The ending does not tell: the magic does.
            let path = folder.path().join("capture.pcap");
            std::fs::write(&path, packed).expect("written");
            let found = report([&path]);
            assert_eq!(found["captures"][0]["compression"], kind);
            assert_eq!(verdict(found), expected, "{case} as {kind}");
        }
    }
}

#[test]
fn a_record_file_gives_what_the_capture_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in cases() {
        let flows = run([std::ffi::OsString::from("flows"), capture(&case).into()]);
        assert_eq!(flows.code, 0, "{}", flows.err);
        let path = folder.path().join("records.ndjson");
        std::fs::write(&path, flows.out).expect("written");
        let (mut from_records, mut from_capture) = (report([&path]), report([capture(&case)]));
        assert_eq!(from_records["captures"], from_capture["captures"], "{case}");
        for report in [&mut from_records, &mut from_capture] {
            report["tool"].take();
        }
        assert_eq!(from_records, from_capture, "{case}");
    }
}

#[test]
fn standard_input_gives_what_the_file_gives() {
    let case = "lokibot";
    let mut child = exfilscan()
        .args(["scan", "-f", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    child.stdin.take().expect("a pipe").write_all(&bytes(case)).expect("written");
    let run = finish(&child.wait_with_output().expect("ended"));
    assert_eq!(run.code, 0, "{}", run.err);
    let found: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(found["captures"][0]["path"], "-");
    assert_eq!(verdict(found), verdict(report([capture(case)])));
}

/// A capture cut in two files is one observation.
#[test]
fn a_split_capture_gives_the_same_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in ["redline-soap", "asyncrat-tls", "agenttesla-ftp"] {
        let whole = bytes(case);
        let middle = record_boundary(&whole, whole.len() / 2);
        let second = [&whole[..24], &whole[middle..]].concat();
        // Named so that the order of names is not the order of time.
        std::fs::write(folder.path().join("b.pcap"), &whole[..middle]).expect("written");
        std::fs::write(folder.path().join("a.pcap"), second).expect("written");
        let found = report([folder.path()]);
        let expected = report([capture(case)]);
        assert!(found["captures"][0]["path"].as_str().expect("a path").ends_with("b.pcap"));
        let brief = |report: &Value| -> Vec<Value> {
            let mut findings = report["findings"].as_array().expect("findings").clone();
            // Where a mark was seen is told by file and frame, which are others.
            for finding in &mut findings {
                for marks in ["certificates", "templates"] {
                    for mark in finding["server"][marks].as_array_mut().into_iter().flatten() {
                        mark["capture"].take();
                        mark["frame"].take();
                    }
                }
            }
            findings
                .iter()
                .map(|f| {
                    serde_json::json!([
                        f["id"],
                        f["score"],
                        f["server"],
                        f["victim"],
                        f["bytes_out"],
                        f["family"]
                    ])
                })
                .collect()
        };
        assert_eq!(brief(&found), brief(&expected), "{case}");
    }
}

/// The first record boundary of a little-endian pcap at or behind an offset.
fn record_boundary(pcap: &[u8], offset: usize) -> usize {
    let mut at = 24;
    while at < offset {
        let length = u32::from_le_bytes(pcap[at + 8..at + 12].try_into().expect("four bytes"));
        at += 16 + length as usize;
    }
    at
}
