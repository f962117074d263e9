//! The shipped rules as a whole.

use crate::detect::families::{Confidence, SHIPPED, parse, shipped};
use std::collections::BTreeSet;

#[test]
fn every_file_of_the_folder_is_shipped_and_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/families");
    let entries = std::fs::read_dir(folder).expect("the folder");
    let names: BTreeSet<String> = entries
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    let listed: BTreeSet<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, listed);
    for (name, text) in SHIPPED {
        // Read as those of others are: with every pattern compiled.
        parse(text, name).unwrap_or_else(|error| panic!("{error}"));
    }
    match shipped() {
        Ok(rules) => assert!(rules.len() > 30, "{}", rules.len()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn rules_hold_no_address_and_no_hash() {
    let forbidden = regex::Regex::new(
        r"\b\d{1,3}\\?\.\d{1,3}\\?\.\d{1,3}\\?\.\d{1,3}\b|\b[0-9a-f]{40}\b|\b[0-9a-f]{64}\b|@[a-z0-9-]+\\?\.[a-z]{2,}",
    )
    .expect("a pattern");
    for (name, text) in SHIPPED {
        for line in text.lines() {
            // Versions of browsers look like addresses.
            let line = line.replace("Chrome/", "Chrome/v");
            assert!(!forbidden.is_match(&line), "{name}: {line}");
        }
    }
}

#[test]
fn a_low_rule_never_carries_a_verdict_alone() {
    for rule in shipped().expect("rules") {
        assert!(rule.confidence != Confidence::Low || rule.weight <= 12.0, "{}", rule.id);
        assert!(rule.not_proof.ends_with('.'), "{}: not_proof is a sentence", rule.id);
    }
}

#[test]
fn every_rule_names_the_test_that_shows_it() {
    let tests = [
        ("hints", include_str!("hints.rs")),
        ("panels", include_str!("panels.rs")),
        ("mails", include_str!("mails.rs")),
        ("tools", include_str!("tools.rs")),
        ("tunnels", include_str!("tunnels.rs")),
        ("others", include_str!("others.rs")),
    ];
    for rule in shipped().expect("rules") {
        let named = rule.test.as_deref().and_then(|test| test.split_once("::"));
        let (file, test) = named.unwrap_or_else(|| panic!("{} names no test", rule.id));
        let text = tests.iter().find(|(name, _)| *name == file).expect("a file of tests").1;
        let start =
            text.find(&format!("#[test]\nfn {test}()")).unwrap_or_else(|| panic!("no {file}::{test}"));
        let body = text[start..].split("\n}\n").next().unwrap_or_default();
        assert!(body.contains(&format!("\"{}\"", rule.id)), "{file}::{test} does not show {}", rule.id);
    }
}
