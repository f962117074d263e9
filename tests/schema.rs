//! The form of what is printed and read does not change under the same version.
//!
//! `tests/schema.txt` lists, for every version of every schema, the SHA-256 of its form. Words (titles, descriptions) do
//! not count. When a form changes on purpose:
//!
//! * no release has the version yet: `UPDATE_SCHEMAS=1 cargo test --test schema` replaces its line;
//! * a release has it: raise the version (`Of::version` in `src/cli/schema.rs`, and `SCHEMA` of what carries one) and run
//!   the same; lines of older versions stay.

mod common;

use common::{root, run};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const NAMES: [&str; 8] = ["report", "finding", "record", "rule", "manifest", "map", "allow", "config"];

/// A schema without the words in it: `title`, `description`, `examples` and the like hold text there; where they are
/// the name of a property they hold a schema.
fn form(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let words = |(key, value): &(&String, &Value)| {
                let word = matches!(key.as_str(), "title" | "description" | "$comment" | "$id" | "$schema");
                !(word && value.is_string())
            };
            Value::Object(
                members.iter().filter(words).map(|(key, value)| (key.clone(), form(value))).collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(form).collect()),
        other => other.clone(),
    }
}

fn digest(schema: &Value) -> String {
    let mut text = String::new();
    // Objects of serde_json are ordered by key.
    for byte in Sha256::digest(form(schema).to_string()) {
        write!(text, "{byte:02x}").expect("a string takes all");
    }
    text
}

fn schema(name: &str) -> Value {
    let done = run(["schema", name]);
    assert_eq!(done.code, 0, "{}", done.err);
    serde_json::from_str(&done.out).expect("JSON")
}

#[test]
fn no_schema_changes_without_its_version() {
    let path = root("tests/schema.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let line = |line: &str| line.split_once(' ').map(|(id, digest)| (id.to_owned(), digest.to_owned()));
    let mut known: BTreeMap<String, String> = text.lines().filter_map(line).collect();
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for name in NAMES {
        let schema = schema(name);
        let id = schema["$id"].as_str().expect("a schema says what it is").to_owned();
        assert!(id.starts_with(&format!("urn:exfilscan:schema:{name}:")), "{id}");
        let digest = digest(&schema);
        if update {
            known.insert(id, digest);
        } else {
            assert_eq!(
                known.get(&id),
                Some(&digest),
                "{id} has another form than tests/schema.txt says: raise its version (or, before any release has it, \
                 UPDATE_SCHEMAS=1)"
            );
        }
    }
    if update {
        let lines: Vec<String> = known.iter().map(|(id, digest)| format!("{id} {digest}")).collect();
        std::fs::write(path, lines.join("\n") + "\n").expect("written");
    }
}

/// What carries its version says the version of its schema.
#[test]
fn documents_carry_the_version_of_their_schema() {
    let report = common::report([common::capture("lokibot")]);
    let id = schema("report")["$id"].as_str().expect("an id").replace("urn:exfilscan:schema:", "exfilscan/");
    assert_eq!(report["schema"], id.replace(':', "/"));
    let done = run(["map".into(), "-fjson".into(), common::capture("lokibot").into_os_string()]);
    let picture: Value = serde_json::from_str(&done.out).expect("JSON");
    let id = schema("map")["$id"].as_str().expect("an id").replace("urn:exfilscan:schema:", "exfilscan/");
    assert_eq!(picture["schema"], id.replace(':', "/"));
}

#[test]
fn words_do_not_count_and_everything_else_does() {
    let schema = |text: &str| digest(&serde_json::from_str(text).expect("JSON"));
    let one = schema(r#"{"title": "A", "properties": {"title": {"type": "string", "description": "x"}}}"#);
    assert_eq!(one, schema(r#"{"properties": {"title": {"description": "y", "type": "string"}}}"#));
    assert_ne!(one, schema(r#"{"properties": {"title": {"type": "integer"}}}"#));
    assert_ne!(one, schema(r#"{"properties": {}}"#));
}
