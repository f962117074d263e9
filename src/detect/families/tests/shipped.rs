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
fn every_rule_that_may_name_a_family_is_tested() {
    let tests = [
        include_str!("panels.rs"),
        include_str!("mails.rs"),
        include_str!("tools.rs"),
        include_str!("tunnels.rs"),
        include_str!("others.rs"),
    ]
    .concat();
    for rule in shipped().expect("rules") {
        let tested = tests.contains(&format!("\"{}\"", rule.id));
        assert!(tested || rule.confidence == Confidence::Low, "{} has no test", rule.id);
    }
}
