//! `explain` and the help of the program.

mod common;

use common::{capture, run};
use std::ffi::OsString;

#[test]
fn signals_rules_families_and_anomalies_are_explained() {
    for (name, parts) in [
        (
            "beat-connections",
            &["beat-connections: signal.", "25 times likelier", "a weak group", "not proof"][..],
        ),
        ("lumma-v6", &["family rule for Lumma", "[[rule]]", "id = \"lumma-v6\""]),
        ("lokibot", &["LokiBot: family", "named by"]),
        ("overlap-conflict", &["anomaly.", "effect", "to do"]),
        ("public-ip-lookup", &["context."]),
        ("listed-name", &["A list of the user"]),
    ] {
        let run = run(["explain", name]);
        assert_eq!(run.code, 0, "{name}: {}", run.err);
        for part in parts {
            assert!(run.out.contains(part), "{name}: {part} not in\n{}", run.out);
        }
    }
}

#[test]
fn a_misspelt_name_is_offered_as_it_is_spelt() {
    for (args, offer) in [
        (["explain", "beat-conections"], "did you mean beat-connections"),
        (["explain", "Lumna"], "Lumma"),
        (["explain", "overlap-conflit"], "overlap-conflict"),
        (["man", "scna"], "did you mean scan"),
    ] {
        let run = run(args);
        assert!(run.code == 2 && run.err.contains(offer), "{args:?}: {}", run.err);
    }
    assert!(run(["rules", "show", "lumma-v7"]).err.contains("lumma-v6"));
    assert!(!run(["explain", "zzzzzz"]).err.contains("did you mean"));
}

#[test]
fn a_finding_is_explained_from_its_report() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in ["json", "ndjson"] {
        let path = folder.path().join(format);
        let written = run([
            OsString::from("scan"),
            "-f".into(),
            "json".into(),
            "-o".into(),
            format!("{format}={}", path.display()).into(),
            capture("lokibot").into(),
        ]);
        let report: serde_json::Value = serde_json::from_str(&written.out).expect("JSON");
        let id = report["findings"][0]["id"].as_str().expect("an id");
        let path = path.to_string_lossy();
        let whole = run(["explain", id, "--report", &path]);
        assert_eq!(whole.code, 0, "{}", whole.err);
        for part in [
            id,
            "loki.example",
            "score: ",
            "from the prior -20.0",
            "level: ",
            "family rule for LokiBot",
            "open",
        ] {
            assert!(whole.out.contains(part), "{part} not in\n{}", whole.out);
        }
        assert_eq!(run(["explain", "1", "--report", &path]).out, whole.out);
        assert_eq!(run(["explain", &id[..10], "--report", &path]).out, whole.out);
        let other = run(["explain", "xf-ffffffffffffffff", "--report", &path]);
        assert!(other.code == 2 && other.err.contains("no finding"), "{}", other.err);
    }
    let bare = run(["explain", "xf-0123456789abcdef"]);
    assert!(bare.code == 2 && bare.err.contains("--report FILE"), "{}", bare.err);
}

#[test]
fn every_command_has_a_page_and_the_pages_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let run_ = run([OsString::from("man"), "--dir".into(), folder.path().into()]);
    assert_eq!(run_.code, 0, "{}", run_.err);
    for command in ["", "-scan", "-verify", "-explain", "-map", "-carve", "-flows", "-rules", "-schema"] {
        let page = std::fs::read_to_string(folder.path().join(format!("exfilscan{command}.1")));
        let page = page.unwrap_or_else(|error| panic!("exfilscan{command}.1: {error}"));
        assert!(page.contains(".TH"), "{command}");
    }
    let scan = run(["man", "scan"]);
    assert!(scan.out.contains("indicators") && scan.out.contains("Examples"), "{}", scan.out);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(run(["completions", shell]).out.contains("indicators"), "{shell}");
    }
}

#[test]
fn the_schema_of_rules_fits_the_shipped_rules() {
    let run = run(["schema", "rule"]);
    let schema: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let step = &schema["$defs"]["Step"]["properties"];
    for key in ["name", "http", "tls", "raw", "mail", "ftp", "file", "dns", "flow", "any", "at_least"] {
        assert!(step.get(key).is_some(), "{key}");
    }
    assert!(step.get("looks").is_none(), "what is made of it is no part of the language");
    for file in std::fs::read_dir(common::root("rules/families")).expect("rules") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("read");
        let value: toml::Value = toml::from_str(&text).expect("TOML");
        let value = serde_json::to_value(value).expect("JSON");
        let mut wrong = Vec::new();
        check(&schema, &schema, &value, &path.to_string_lossy(), &mut wrong);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// As much of JSON Schema as the schema of rules uses.
fn check(
    root: &serde_json::Value,
    schema: &serde_json::Value,
    value: &serde_json::Value,
    at: &str,
    wrong: &mut Vec<String>,
) {
    use serde_json::Value;
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return check(root, &root["$defs"][name], value, at, wrong);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[key].as_array() {
            let fits = |choice: &Value| {
                let mut wrong = Vec::new();
                check(root, choice, value, at, &mut wrong);
                wrong.is_empty()
            };
            if !choices.iter().any(fits) {
                wrong.push(format!("{at}: {value} is none of {}", schema[key]));
            }
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |kind: &&str| match *kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    };
    if !types.is_empty() && !types.iter().any(is) {
        wrong.push(format!("{at}: {value} is not {types:?}"));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        wrong.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        wrong.push(format!("{at}: {value} is not among {words:?}"));
    }
    if let Some(fields) = value.as_object() {
        for (key, inner) in fields {
            match schema["properties"].get(key) {
                Some(own) => check(root, own, inner, &format!("{at}.{key}"), wrong),
                None if schema["additionalProperties"] == false => wrong.push(format!("{at}: unknown {key}")),
                None => {}
            }
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(key) {
                wrong.push(format!("{at}: no {key}"));
            }
        }
    }
    for (number, inner) in value.as_array().into_iter().flatten().enumerate() {
        if schema.get("items").is_some() {
            check(root, &schema["items"], inner, &format!("{at}[{number}]"), wrong);
        }
    }
}
