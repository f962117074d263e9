//! What is no capture, or a damaged one: a message that names file and reason, the right exit status, and everything
//! else still analysed.

mod common;

use common::{bytes, capture, run};
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;

fn write(folder: &Path, name: &str, bytes: &[u8]) -> OsString {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path.into_os_string()
}

/// Scans alone: expects the status and that the message names the file and says `why`.
fn refuses(path: &OsString, code: i32, why: &str) {
    let run = run([OsString::from("scan"), path.clone()]);
    assert_eq!(run.code, code, "{}: {}", Path::new(path).display(), run.err);
    let name = Path::new(path).file_name().expect("a name").to_string_lossy().into_owned();
    assert!(
        run.err.starts_with("exfilscan: ") && run.err.contains(&name) && run.err.contains(why),
        "{}",
        run.err
    );
    assert!(!run.err.contains("panicked"), "{}", run.err);
}

#[test]
fn nothing_that_can_be_read_is_status_2_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    refuses(&write(folder.path(), "notes.txt", b"This is a text and no capture at all."), 2, "not a capture");
    refuses(&write(folder.path(), "empty.pcap", b""), 2, "empty");
    refuses(&folder.path().join("absent.pcap").into_os_string(), 2, "");
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).expect("made");
    write(&inside, "readme.md", b"# no capture");
    refuses(&inside.into_os_string(), 2, "no capture in this directory");
}

#[test]
fn an_empty_capture_is_read_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "header.pcap", &bytes("lokibot")[..24]);
    let run = run([OsString::from("scan"), path]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("0 packets"), "{}", run.out);
}

#[test]
fn a_cut_last_record_keeps_what_stands_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = bytes("lokibot");
    let path = write(folder.path(), "cut.pcap", &whole[..whole.len() - 7]);
    let run = run([OsString::from("scan"), "-f".into(), "json".into(), path]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("cut.pcap"), "{}", run.err);
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    assert!(report["captures"][0]["truncated_at"].is_u64());
    assert_eq!(report["findings"][0]["family"]["name"], "LokiBot");
    assert!(report["unseen"].as_array().expect("a list").iter().any(|unseen| unseen["kind"] == "truncated"));
}

#[test]
fn a_damaged_middle_does_not_lose_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut damaged = bytes("lokibot");
    let all = run([OsString::from("scan"), "-f".into(), "json".into(), capture("lokibot").into()]);
    let all: Value = serde_json::from_str(&all.out).expect("JSON");
    // The length of the first record becomes nonsense.
    damaged[24 + 8..24 + 16].fill(0xff);
    let path = write(folder.path(), "damaged.pcap", &damaged);
    let run = run([OsString::from("scan"), "-f".into(), "json".into(), path]);
    assert_eq!(run.code, 3, "{}", run.err);
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    let packets = |report: &Value| report["totals"]["packets"].as_u64().expect("packets");
    assert!(packets(&report) + 3 >= packets(&all), "{} of {}", packets(&report), packets(&all));
    assert_eq!(report["findings"][0]["family"]["name"], "LokiBot");
}

#[test]
fn an_unsupported_link_type_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut usb = bytes("lokibot");
    usb[20..24].copy_from_slice(&220u32.to_le_bytes());
    let path = write(folder.path(), "usb.pcap", &usb);
    let run = run([OsString::from("scan"), "-f".into(), "json".into(), path]);
    assert!(run.code == 0 || run.code == 3, "{}: {}", run.code, run.err);
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    let unseen = &report["unseen"][0];
    assert_eq!(unseen["kind"], "unsupported");
    assert_eq!(unseen["count"], report["totals"]["packets"]);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = write(folder.path(), "notes.txt", b"no capture");
    let run =
        run([OsString::from("scan"), "--fail-on".into(), "medium".into(), bad, capture("lokibot").into()]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("notes.txt") && run.out.contains("LokiBot"), "{}{}", run.err, run.out);
}

#[test]
fn a_block_that_claims_more_than_the_file_has_ends_the_file_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut pcapng = Vec::new();
    pcapng.extend(block(
        0x0a0d_0d0a,
        &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat(),
    ));
    pcapng.extend(block(1, &[1, 0, 0, 0, 0, 0, 4, 0]));
    pcapng.extend([6, 0, 0, 0, 0xf0, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let path = write(folder.path(), "claims.pcapng", &pcapng);
    let run = run([OsString::from("scan"), path]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("claims.pcapng"), "{}", run.err);
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (12 + body.len() as u32).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &length].concat()
}

#[test]
fn every_length_of_a_capture_is_survived() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = bytes("njrat");
    let step = (whole.len() / 40).max(1);
    for length in (0..whole.len()).step_by(step) {
        let path = write(folder.path(), "cut.pcap", &whole[..length]);
        let run = run([OsString::from("scan"), path]);
        assert!([0, 2, 3].contains(&run.code) && !run.err.contains("panicked"), "{length}: {}", run.err);
    }
}
