//! `verify` for CI: forms of its outcome, annotations, and manifests that are written from what is found.

mod common;

use common::{capture, run};
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;

const TWO: &str = "# kept\n[[case]]\nname = \"good: a, b\"\ncapture = \"c.pcap\"\nothers = true\nexpect = []\n\n\
    [[case]]\nname = \"bad\"  # kept too\ncapture = \"c.pcap\"\n\n[[case.expect]]\nserver = \"198.51.100.77\"\n";

fn lab(manifest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(capture("lokibot"), folder.path().join("c.pcap")).expect("copied");
    std::fs::write(folder.path().join("m.toml"), manifest).expect("written");
    folder
}

fn verify(folder: &Path, options: &[&str]) -> common::Run {
    let path = folder.join("m.toml").into_os_string();
    run(std::iter::once("verify").chain(options.iter().copied()).map(OsString::from).chain([path]))
}

#[test]
fn ci_is_told_in_its_own_forms() {
    let folder = lab(TWO);
    let (junit, sarif) = (folder.path().join("v.xml"), folder.path().join("v.sarif"));
    let outputs = [format!("junit={}", junit.display()), format!("sarif={}", sarif.display())];
    let run = verify(folder.path(), &["--annotations", "-o", &outputs[0], "-o", &outputs[1]]);
    assert_eq!(run.code, 1, "{}", run.err);
    let annotations: Vec<&str> = run.out.lines().filter(|line| line.starts_with("::error ")).collect();
    let [annotation] = annotations.as_slice() else { panic!("{}", run.out) };
    assert!(annotation.contains("m.toml,line=8,title=exfilscan%3A bad::expected Medium"), "{annotation}");
    assert!(annotation.contains("%0A"), "{annotation}");

    let junit = std::fs::read_to_string(junit).expect("written");
    assert!(junit.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{junit}");
    assert!(junit.contains("<failure type=\"mismatch\"") && junit.ends_with("</testsuites>\n"), "{junit}");

    let log: Value = serde_json::from_str(&std::fs::read_to_string(sarif).expect("written")).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["locations"][0]["physicalLocation"]["region"]["startLine"], 8);
    assert_eq!(verify(folder.path(), &["-o", "pdf=x"]).code, 2);
}

#[test]
fn an_update_writes_what_is_found_and_shows_it() {
    let folder = lab(TWO);
    let run = verify(folder.path(), &["--update"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    for line in [
        "-server = \"198.51.100.77\"",
        "+server = \"loki.example\"",
        "+family = \"LokiBot\"",
        "updated 1 case",
    ] {
        assert!(run.out.contains(line), "{line} not in\n{}", run.out);
    }
    let text = std::fs::read_to_string(folder.path().join("m.toml")).expect("read");
    assert!(text.starts_with(&TWO[..TWO.find("[[case.expect]]").unwrap()]), "{text}");
    assert_eq!(verify(folder.path(), &[]).code, 0, "{text}");
    let again = verify(folder.path(), &["--update"]);
    assert_eq!((again.code, std::fs::read_to_string(folder.path().join("m.toml")).expect("read")), (0, text));
    assert!(!again.out.contains("+++"));
}

#[test]
fn an_update_knows_the_forms_of_an_expectation() {
    for manifest in [
        "name = \"x\"\ncapture = \"c.pcap\"\nexpect = \"none\"\n",
        "name = \"x\"\nexpect = \"none\" # nothing\ncapture = \"c.pcap\"\n",
        "name = \"x\"\ncapture = \"c.pcap\"\nexpect = [\n  { server = \"198.51.100.77\", kinds = [\"c2\"] },\n]\nothers = false\n",
        "name = \"x\"\ncapture = \"c.pcap\"\n[[expect]]\nserver = \"a.test\"\n[[expect]]\nserver = \"b.test\"\n",
        "name = \"x\"\ncapture = \"c.pcap\"\nknown_miss = \"not yet\"\n[[expect]]\nserver = \"loki.example\"\n",
        "[[case]]\nname = \"x\"\ncapture = \"c.pcap\"\nexpect = []\n",
    ] {
        let folder = lab(manifest);
        assert_eq!(verify(folder.path(), &[]).code, 1, "{manifest}");
        let run = verify(folder.path(), &["--update"]);
        let text = std::fs::read_to_string(folder.path().join("m.toml")).expect("read");
        assert_eq!(run.code, 0, "{manifest}\n{}{}", run.out, run.err);
        assert_eq!(verify(folder.path(), &[]).code, 0, "{manifest}\n{text}");
        assert!(text.contains("loki.example") && !text.contains("known_miss"), "{text}");
    }
}

#[test]
fn what_is_not_whole_and_what_is_known_to_be_missed_is_not_updated() {
    let missed = "name = \"x\"\ncapture = \"c.pcap\"\nothers = true\nknown_miss = \"not yet\"\n[[expect]]\nserver = \"b.test\"\n";
    let folder = lab(missed);
    assert_eq!(verify(folder.path(), &["--update"]).code, 0);
    assert_eq!(std::fs::read_to_string(folder.path().join("m.toml")).expect("read"), missed);
    let cut = "name = \"x\"\ncapture = \"cut.pcap\"\nexpect = \"none\"\n";
    let folder = lab(cut);
    let bytes = std::fs::read(folder.path().join("c.pcap")).expect("read");
    std::fs::write(folder.path().join("cut.pcap"), &bytes[..bytes.len() - 5]).expect("written");
    let run = verify(folder.path(), &["--update"]);
    assert!(run.code == 1 && run.err.contains("not whole"), "{}{}", run.out, run.err);
    assert_eq!(std::fs::read_to_string(folder.path().join("m.toml")).expect("read"), cut);
}

#[test]
fn a_manifest_is_made_of_a_folder() {
    let folder = lab("");
    std::fs::remove_file(folder.path().join("m.toml")).expect("removed");
    std::fs::create_dir(folder.path().join("sub")).expect("made");
    std::fs::copy(capture("benign-ntp"), folder.path().join("sub/n.pcap")).expect("copied");
    assert_eq!(verify(folder.path(), &[]).code, 2, "without --update it must be there");
    let run = verify(folder.path(), &["--update"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(
        run.out.contains("+capture = \"sub/n.pcap\"") && run.out.contains("+expect = \"none\""),
        "{}",
        run.out
    );
    assert_eq!(verify(folder.path(), &[]).code, 0);
}
