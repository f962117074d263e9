//! The GitHub action: what its script tells the runner. What only the runner does (fetching a release, sending SARIF) is
//! not run here.

#![cfg(unix)]

mod common;

use common::{Run, capture, finish, root};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs the action's script as the runner would. None where it cannot run: it needs bash and jq.
fn act(folder: &Path, set: &[(&str, &str)]) -> Option<(Run, String, String)> {
    let there = |program| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there("bash") || !there("jq") {
        eprintln!("left out: no bash or no jq here");
        return None;
    }
    let (output, summary) = (folder.join("output"), folder.join("summary"));
    let done = Command::new("bash")
        .arg(root("packaging/action/run.sh"))
        .current_dir(folder)
        .env("PROGRAM", env!("CARGO_BIN_EXE_exfilscan"))
        .envs([("MODE", "scan"), ("FAIL_ON", "medium"), ("LEVEL", "low"), ("ARGS", "")])
        .envs([("GITHUB_OUTPUT", &output), ("GITHUB_STEP_SUMMARY", &summary)])
        .env("RUNNER_TEMP", folder)
        .envs(set.iter().copied())
        .output()
        .expect("bash");
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    Some((finish(&done), read(&output), read(&summary)))
}

/// The commands that the runner obeys.
fn commands(run: &Run) -> Vec<&str> {
    let mut stop: Option<String> = None;
    let mut obeyed = Vec::new();
    for line in run.out.lines() {
        match &stop {
            Some(token) if *line == **token => stop = None,
            Some(_) => {}
            None => match line.strip_prefix("::stop-commands::") {
                Some(token) => stop = Some(format!("::{token}::")),
                None if line.starts_with("::") => obeyed.push(line),
                None => {}
            },
        }
    }
    obeyed
}

fn output<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).expect("an output")
}

#[test]
fn a_finding_is_an_annotation_and_a_status() {
    let folder = tempfile::tempdir().expect("a folder");
    // A name that would end a command, or part its properties, were it not escaped.
    let name = "a,b%0A::warning::c.pcap";
    fs::create_dir(folder.path().join("captures")).expect("a folder");
    fs::copy(capture("lokibot"), folder.path().join("captures").join(name)).expect("copied");
    fs::copy(capture("benign-ntp"), folder.path().join("captures/quiet.pcap")).expect("copied");
    let Some((run, outputs, summary)) = act(folder.path(), &[("INPUT_PATHS", "captures/*.pcap")]) else {
        return;
    };
    assert_eq!(run.code, 1, "{}", run.err);
    let commands = commands(&run);
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(
        commands[0].starts_with(
            "::error file=captures/a%2Cb%250A%3A%3Awarning%3A%3Ac.pcap,title=exfilscan critical"
        )
    );
    assert!(
        commands[0].contains("loki.example") && commands[0].contains("%0Avictim 192.0.2.10"),
        "{commands:?}"
    );
    assert_eq!(output(&outputs, "findings"), "1");
    let sarif: Value =
        serde_json::from_str(&fs::read_to_string(output(&outputs, "sarif")).expect("SARIF")).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    assert!(summary.contains("loki.example"), "{summary}");
}

#[test]
fn nothing_found_is_status_0_and_nothing_read_is_status_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = capture("benign-ntp").display().to_string();
    let Some((run, outputs, _)) = act(folder.path(), &[("INPUT_PATHS", &path)]) else { return };
    assert_eq!((run.code, commands(&run).len()), (0, 0), "{}", run.err);
    assert_eq!(output(&outputs, "findings"), "0");
    let (run, _, _) = act(folder.path(), &[("INPUT_PATHS", "absent.pcap")]).expect("as before");
    assert_eq!(run.code, 2);
    assert!(commands(&run)[0].starts_with("::error"), "{}", run.out);
}

#[test]
fn a_case_that_fails_is_an_annotation() {
    let folder = tempfile::tempdir().expect("a folder");
    let from = root("testdata/lokibot");
    fs::copy(from.join("capture.pcap"), folder.path().join("capture.pcap")).expect("copied");
    let manifest = "name = \"nothing here\"\ncapture = \"capture.pcap\"\nexpect = \"none\"\n";
    fs::write(folder.path().join("case.toml"), manifest).expect("written");
    let Some((run, outputs, summary)) = act(folder.path(), &[("MODE", "verify"), ("INPUT_PATHS", ".")])
    else {
        return;
    };
    assert_eq!(run.code, 1, "{}", run.err);
    let commands = commands(&run);
    assert_eq!(commands.len(), 1, "{}", run.out);
    assert!(commands[0].starts_with("::error title=exfilscan%3A nothing here::"), "{commands:?}");
    assert_eq!(output(&outputs, "findings"), "1");
    assert!(summary.contains("FAIL  nothing here"), "{summary}");
}
