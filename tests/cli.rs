//! The command line keeps its contract.

mod common;

use common::{capture, exfilscan, report, root, run};
use serde_json::Value;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::Stdio;

fn scan(options: &[&str], case: &str) -> common::Run {
    let args = std::iter::once("scan").chain(options.iter().copied()).map(OsString::from);
    run(args.chain(std::iter::once(capture(case).into_os_string())))
}

fn json(run: &common::Run) -> Value {
    serde_json::from_str(&run.out).expect("JSON")
}

#[test]
fn findings_fail_only_when_asked_to() {
    assert_eq!(scan(&[], "lokibot").code, 0);
    assert_eq!(scan(&["--fail-on", "medium"], "lokibot").code, 1);
    assert_eq!(scan(&["--fail-on", "low"], "benign-ntp").code, 0);
}

#[test]
fn wrong_usage_is_status_2() {
    for args in [
        &["scan"][..],
        &["scan", "--level", "loud", "x"],
        &["frobnicate"],
        &["scan", "--rules", "absent.toml", "x"],
    ] {
        assert_eq!(run(args).code, 2, "{args:?}");
    }
}

#[test]
fn the_level_hides_and_the_file_gets_another_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alerts.ndjson");
    let option = format!("ecs={}", path.display());
    let run = scan(&["--output", &option, "--level", "critical", "--format", "ndjson"], "benign-ntp");
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(std::fs::read_to_string(&path).expect("written"), "");
    let run = scan(&["--output", &option], "lokibot");
    assert_eq!(run.code, 0, "{}", run.err);
    let alerts = std::fs::read_to_string(&path).expect("written");
    let alert: Value = serde_json::from_str(alerts.lines().next().expect("an alert")).expect("JSON");
    assert_eq!(alert["event"]["kind"], "alert");
    assert!(
        run.out.contains(alert["event"]["id"].as_str().expect("an id")),
        "ids are the same in every format"
    );
}

#[test]
fn a_file_of_options_is_read_where_it_is_named_and_the_command_line_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("exfilscan.toml");
    std::fs::write(
        &path,
        "fail-on = 'medium'\nformat = 'ndjson'\nquiet = true\noutput = { ecs = 'a.ndjson' }\n",
    )
    .expect("written");
    let path = path.to_string_lossy().into_owned();
    let run = scan(&["--config", &path], "lokibot");
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.out.starts_with("{\"type\":\"finding\""), "{}", run.out);
    assert!(folder.path().join("a.ndjson").exists(), "paths are taken from the folder of the file");
    let run = scan(&["--config", &path, "--fail-on", "none", "--format", "text"], "lokibot");
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(!run.out.starts_with('{'));
    std::fs::write(&path, "fial-on = 'medium'\n").expect("written");
    let run = scan(&["--config", &path], "lokibot");
    assert_eq!(run.code, 2);
    assert!(run.err.contains("exfilscan.toml") && run.err.contains("fial-on"), "{}", run.err);
}

#[test]
fn an_allow_list_lowers_with_its_reason() {
    let found = json(&scan(&["--format", "json"], "lokibot"));
    let finding = &found["findings"][0];
    let addr = finding["server"]["addrs"][0].as_str().expect("an address");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("allow.toml");
    let list = format!("[[allow]]\ncidr = '{addr}/32'\nreason = 'our own laboratory'\n");
    std::fs::write(&path, list).expect("written");
    let path = path.to_string_lossy().into_owned();
    let run = scan(&["--format", "json", "--fail-on", "low", "--allow", &path], "lokibot");
    assert_eq!(run.code, 0, "{}", run.err);
    let allowed = json(&run);
    assert_eq!(allowed["findings"].as_array().map(Vec::len), Some(0));
    assert_eq!(allowed["lowered"][0]["why"], "allowed: our own laboratory");
    assert_ne!(allowed["tool"]["rules_digest"], found["tool"]["rules_digest"]);
    std::fs::write(&path, "[[allow]]\nname = 'x.example'\n").expect("written");
    assert_eq!(scan(&["--allow", &path], "lokibot").code, 2, "an entry without a reason");
}

#[test]
fn verbose_says_what_was_read_and_judged() {
    let run = scan(&["--verbose"], "lokibot");
    assert!(run.err.contains("exfilscan: read ") && run.err.contains("1 capture with "), "{}", run.err);
    assert!(run.err.contains("exfilscan: judged "), "{}", run.err);
    assert_eq!(scan(&["-v", "-q"], "lokibot").code, 2, "one or the other");
}

#[test]
fn timings_name_every_stage_and_change_no_report() {
    const STAGES: [&str; 10] = [
        "rules ", "opening ", "reading ", "packets ", "ending ", "folding ", "judging ", "writing ", "rest ",
        "whole ",
    ];
    for threads in ["1", "2"] {
        let plain = scan(&["-j", threads, "--format", "json"], "lokibot");
        let timed = scan(&["-j", threads, "--format", "json", "--timings"], "lokibot");
        assert_eq!((timed.code, &timed.out), (plain.code, &plain.out));
        assert!(!plain.err.contains("whole "), "{}", plain.err);
        let lines: Vec<&str> = timed.err.lines().collect();
        for stage in STAGES {
            let told = lines.iter().filter(|line| line.starts_with(stage) && line.contains(" s "));
            assert_eq!(told.count(), 1, "{stage}: {}", timed.err);
        }
        let beside = lines.iter().any(|line| line.starts_with("(beside) "));
        assert!(threads == "2" || !beside, "there is no thread beside: {}", timed.err);
        assert!(lines.iter().all(|line| line.len() <= 80), "{}", timed.err);
    }
    let flows = |options: &[&str]| {
        let args = std::iter::once("flows").chain(options.iter().copied()).map(OsString::from);
        run(args.chain(std::iter::once(capture("lokibot").into())))
    };
    let (plain, timed) = (flows(&[]), flows(&["--timings"]));
    assert_eq!(timed.out, plain.out);
    assert!(timed.err.contains("\nwhole "), "{}", timed.err);
}

/// A pipe has no length: only what is known is shown.
#[test]
fn progress_is_one_line_that_is_taken_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.pcap");
    let once = datagrams(1 << 15);
    let whole = [&once[..], &once[24..], &once[24..], &once[24..]].concat();
    std::fs::write(&path, &whole).expect("written");
    let options = ["scan", "--progress", "always", "-j", "1"].map(OsString::from);
    let file = run(options.clone().into_iter().chain(std::iter::once(path.clone().into_os_string())));
    let lines: Vec<&str> = file.err.split('\r').collect();
    assert_eq!(lines.len(), 4, "two, and one that clears: {:?}", file.err);
    assert!(lines[1].contains(" % of ") && lines[2].contains("131072 packets, 0:0"), "{:?}", file.err);
    assert!(
        lines[3].strip_prefix("\u{1b}[K").is_some_and(|rest| !rest.contains("packets")),
        "{:?}",
        file.err
    );
    let mut child = exfilscan()
        .args(options)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    child.stdin.take().expect("a pipe").write_all(&whole).expect("sent");
    let output = child.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("-: ") && said.contains("131072 packets") && !said.contains('%'), "{said:?}");
}

/// A reader that leaves early is no failure.
#[test]
fn a_broken_pipe_ends_quietly() {
    let mut child = exfilscan()
        .arg("flows")
        .arg(root("testdata"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut first = [0; 16];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("a beginning");
    let output = child.wait_with_output().expect("ended");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn records_are_one_object_a_line_in_the_order_of_the_contract() {
    let run = run([OsString::from("flows"), capture("hancitor").into()]);
    let kinds: Vec<String> = run
        .out
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["type"].as_str().expect("a type").to_owned()
        })
        .collect();
    assert_eq!(kinds.first().map(String::as_str), Some("capture"));
    assert_eq!(kinds.last().map(String::as_str), Some("summary"));
    let rank =
        |kind: &String| ["capture", "flow", "host", "anomaly", "summary"].iter().position(|k| k == kind);
    assert!(kinds.windows(2).all(|pair| rank(&pair[0]) <= rank(&pair[1])), "{kinds:?}");
}

/// A data connection says which control connection announced it.
#[test]
fn ftp_data_belongs_to_its_control_connection() {
    let run = run([OsString::from("flows"), capture("agenttesla-ftp").into()]);
    let flows: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let control = flows.iter().find(|flow| flow.get("ftp").is_some()).expect("a control connection");
    let data = flows.iter().find(|flow| flow["other"]["protocol"] == "ftp-data").expect("a data connection");
    assert_eq!(data["parent"], control["id"]);
}

#[test]
fn every_term_of_a_score_is_shown() {
    for case in common::cases() {
        let mut priors = Vec::new();
        for finding in report([capture(&case)])["findings"].as_array().expect("findings") {
            let terms: f64 = finding["terms"]
                .as_array()
                .expect("terms")
                .iter()
                .map(|t| t["weight"].as_f64().expect("a weight"))
                .sum();
            priors.push(finding["score"].as_f64().expect("a score") - terms);
            assert!(!finding["evidence"].as_array().expect("evidence").is_empty(), "{case}");
        }
        assert!(priors.windows(2).all(|p| (p[0] - p[1]).abs() < 0.11), "{case}: {priors:?}");
    }
}

/// What is absent is left out: no null, no empty text.
#[test]
fn unknown_is_absent() {
    fn check(value: &Value, path: &str) {
        match value {
            Value::Null => panic!("null at {path}"),
            Value::Array(items) => items.iter().for_each(|item| check(item, path)),
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| check(value, &format!("{path}.{key}")));
            }
            _ => {}
        }
    }
    for case in ["redline-soap", "asyncrat-tls", "agenttesla-smtp"] {
        check(&report([capture(case)]), case);
    }
}

#[test]
fn schemas_completions_man_and_rules_are_printed() {
    for of in ["report", "finding", "record", "manifest"] {
        let schema: Value = serde_json::from_str(&run(["schema", of]).out).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{of}");
    }
    assert!(run(["completions", "bash"]).out.contains("exfilscan"));
    assert!(run(["man"]).out.contains(".TH"));
    let list = run(["rules", "list"]);
    let id = list
        .out
        .lines()
        .find(|line| line.starts_with("family"))
        .and_then(|line| line.split_whitespace().nth(2));
    let shown = run(["rules", "show", id.expect("a rule")]);
    assert!(shown.code == 0 && shown.out.contains("not proof"), "{}", shown.err);
    assert_eq!(run(["rules", "show", "no-such-rule"]).code, 2);
    assert_eq!(run(["rules", "check"]).code, 0);
}

#[test]
fn a_bad_rule_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "[[rule]]\nid = \"x\"\nnonsense = 1\n").expect("written");
    let run = run([OsString::from("rules"), "check".into(), path.into()]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("mine.toml") && run.err.contains("nonsense"), "{}", run.err);
}

#[test]
fn a_rule_needs_a_test_case_it_speaks_about() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(capture("lokibot"), folder.path().join("c.pcap")).expect("copied");
    let check = |test: &str, method: &str| {
        let rule = format!(
            "family = \"Mine\"\nsource = \"here\"\n[[rule]]\nid = \"mine-post\"\n{test}\nconfidence = \"low\"\n\
             weight = 5\nkinds = [\"c2\"]\nabout = \"a post\"\nnot_proof = \"Everything.\"\n\
             [[rule.step]]\nname = \"post\"\nhttp = {{ method = \"{method}\" }}\n"
        );
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, rule).expect("written");
        run([OsString::from("rules"), "check".into(), path.into()])
    };
    let good = check("test = \"c.pcap\"", "POST");
    assert_eq!(good.code, 0, "{}", good.err);
    for (test, method, what) in [
        ("", "POST", "names no test case"),
        ("test = \"d.pcap\"", "POST", "no file"),
        ("test = \"c.pcap\"", "TRACE", "says nothing"),
    ] {
        let bad = check(test, method);
        assert!(bad.code == 1 && bad.err.contains(what), "{what}: {}", bad.err);
    }
}

#[test]
fn a_mismatch_is_shown_and_is_status_1() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(capture("lokibot"), folder.path().join("c.pcap")).expect("copied");
    let manifest = |expect: &str| {
        let path = folder.path().join("case.toml");
        std::fs::write(&path, format!("name = \"mine\"\ncapture = \"c.pcap\"\n{expect}")).expect("written");
        run([OsString::from("verify"), path.into()])
    };
    let none = manifest("expect = \"none\"\n");
    assert_eq!(none.code, 1, "{}", none.out);
    assert!(none.out.contains("FAIL  mine") && none.out.contains("not expected"), "{}", none.out);
    let other = manifest("[[expect]]\nserver = \"198.51.100.77\"\n");
    assert_eq!(other.code, 1);
    assert!(other.out.contains("found nothing on that server"), "{}", other.out);
    assert_eq!(manifest("expcet = 1\n").code, 2);
    let known = manifest("known_miss = \"not yet\"\n[[expect]]\nserver = \"198.51.100.77\"\n");
    assert!(known.code == 0 && known.out.contains("miss  mine: not yet"), "{}", known.out);
    let found = manifest("known_miss = \"not yet\"\nothers = true\nexpect = []\n");
    assert_eq!(found.code, 1, "{}", found.out);
}

/// A capture of so many datagrams, each the beginning of a conversation.
fn datagrams(count: u16) -> Vec<u8> {
    let mut file =
        [&0xa1b2_c3d4_u32.to_le_bytes()[..], &[2, 0, 4, 0], &[0; 8], &[0, 0, 1, 0, 101, 0, 0, 0]].concat();
    for number in 0..count {
        let mut packet = vec![0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0x8e, 0x80, 192, 0, 2, 1, 198, 51, 100, 20];
        packet.extend((10_000 + number).to_be_bytes());
        packet.extend([0x1f, 0x90, 0, 16, 0, 0]);
        packet.extend(b"datagram");
        let length = (packet.len() as u32).to_le_bytes();
        file.extend([&1_700_000_000_u32.to_le_bytes()[..], &[0; 4], &length, &length, &packet].concat());
    }
    file
}

#[test]
fn the_bound_on_memory_holds_and_what_is_missing_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.pcap");
    std::fs::write(&path, datagrams(6000)).expect("written");
    let scan = |options: &[&str]| {
        let args = std::iter::once("scan").chain(options.iter().copied()).map(OsString::from);
        run(args.chain(std::iter::once(path.clone().into_os_string())))
    };
    let usual = scan(&[]);
    assert_eq!(usual.code, 0, "{}", usual.err);
    let tight = scan(&["--max-memory", "128MiB"]);
    assert_eq!(tight.code, 3, "{}", tight.err);
    let missing = |text: &str| text.contains("too many conversations at once");
    assert!(missing(&tight.out) && !missing(&usual.out), "{}", tight.out);
    let document = json(&scan(&["--max-memory", "128MiB", "--format", "json"]));
    let unseen = document["unseen"].as_array().expect("a list");
    let limit = unseen.iter().find(|anomaly| anomaly["kind"] == "limit").expect("a limit");
    assert!(limit["count"].as_u64().is_some_and(|count| count > 0), "{limit}");
    // Conversations that were ended early are still there.
    assert_eq!(document["totals"]["flows"], 6000, "{}", document["totals"]);
}

#[test]
fn a_bound_on_memory_that_no_run_can_keep_is_refused() {
    for small in ["0", "1", "64MiB", "127MiB"] {
        let run = scan(&["--max-memory", small], "lokibot");
        assert_eq!(run.code, 2, "{small}");
        assert!(run.err.contains("at least 128.0 MiB"), "{}", run.err);
        assert_eq!(run.out, "");
    }
    assert_eq!(scan(&["--max-memory", "much"], "lokibot").code, 2);
}
