//! `map`: captures, records and reports of many runs give one picture.

mod common;

use common::{capture, run};
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;

fn map(options: &[&str], paths: &[&Path]) -> common::Run {
    let options = std::iter::once("map").chain(options.iter().copied()).map(OsString::from);
    run(options.chain(paths.iter().map(|path| path.as_os_str().to_owned())))
}

fn json(run: &common::Run) -> Value {
    serde_json::from_str(&run.out).expect("JSON")
}

#[test]
fn a_report_and_its_capture_say_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = capture("lokibot");
    for format in ["json", "ndjson"] {
        let path = folder.path().join(format);
        let report = run([OsString::from("scan"), "-f".into(), format.into(), case.clone().into()]);
        std::fs::write(&path, report.out).expect("written");
        let (of_report, of_capture) =
            (json(&map(&["-f", "json"], &[&path])), json(&map(&["-f", "json"], &[&case])));
        assert_eq!(of_report, of_capture, "{format}");
        let both = json(&map(&["-f", "json"], &[&path, &case]));
        assert_eq!((&both["findings"], &both["servers"]), (&of_capture["findings"], &of_capture["servers"]));
        assert_eq!(both["runs"], 2);
    }
}

#[test]
fn every_form_is_written_and_twice_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [capture("lokibot"), capture("telegram-upload"), capture("benign-ntp")];
    let paths: Vec<&Path> = cases.iter().map(AsRef::as_ref).collect();
    for form in ["text", "json", "html", "dot", "graphml", "takedown", "victims"] {
        let path = folder.path().join(form);
        let option = format!("{form}={}", path.display());
        let run = map(&["-f", form, "-o", &option], &paths);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(run.out.len() > 60, "{form}: {}", run.out);
        assert_eq!(std::fs::read_to_string(&path).expect("written"), run.out);
    }
    let list = std::fs::read_to_string(folder.path().join("takedown")).expect("written");
    assert!(list.lines().any(|line| line.starts_with("\"yes\",") && line.contains("loki.example")), "{list}");
    assert!(list.lines().all(|line| !(line.starts_with("\"yes\",") && line.contains("telegram"))), "{list}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nonsense");
    std::fs::write(&path, "{ no report").expect("written");
    let run = map(&[], &[&path]);
    assert_eq!(run.code, 2, "{}", run.err);
    let run = map(&[], &[&path, &capture("lokibot")]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("nonsense") && run.out.contains("LokiBot"), "{}", run.err);
}

/// What is listed for takedown is what machines may block, and no more.
#[test]
fn the_list_is_what_may_be_blocked() {
    let mut listed = 0;
    for case in ["lokibot", "telegram-upload", "snake-smtp", "formbook", "vidar-2025", "dns-tunnel"] {
        let path = capture(case);
        let scan = run([OsString::from("scan"), "-f".into(), "stix".into(), path.clone().into()]);
        let bundle: Value = serde_json::from_str(&scan.out).expect("JSON");
        let objects = bundle["objects"].as_array().expect("objects");
        let blocked: Vec<String> = objects
            .iter()
            .filter_map(|object| object["pattern"].as_str())
            .flat_map(|pattern| pattern.split('\'').skip(1).step_by(2).map(str::to_owned))
            .collect();
        let list = map(&["-f", "takedown"], &[&path]).out;
        for line in list.lines().filter(|line| line.starts_with("\"yes\",")) {
            let value = line.split('"').nth(5).expect("a value");
            assert!(blocked.iter().any(|own| own == value), "{case}: {value} not in {blocked:?}");
            listed += 1;
        }
    }
    assert!(listed > 3, "{listed}");
}
