//! The rooms import what `ARCHITECTURE.md` allows, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Room to the rooms it may import, out of the table.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let table = text.split("| room |").nth(1).expect("the table of rooms").split("\n\n").next().unwrap_or("");
    let rows = table.lines().skip(2).filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        Some((names(cells.first()?).into_iter().next()?, names(cells.last()?)))
    });
    rows.collect()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("readable").map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
}

/// The rooms that a source file names with `crate::`, documentation and tests aside.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or("");
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>())
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn every_room_imports_only_what_the_table_allows() {
    let allowed = allowed();
    assert!(allowed.len() > 10, "the table was not read: {allowed:?}");
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(root().join("src")).expect("below src");
        let room = inside
            .iter()
            .next()
            .and_then(|part| part.to_str())
            .unwrap_or("")
            .trim_end_matches(".rs")
            .to_owned();
        if room == "main" || room == "lib" {
            continue;
        }
        let Some(may) = allowed.get(&room) else {
            wrong.push(format!("{} is in no room of the table", inside.display()));
            continue;
        };
        for import in imports(&fs::read_to_string(&file).expect("readable")) {
            if import != room && !may.contains(&import) {
                wrong.push(format!("{}: {room} must not import {import}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_an_import() {
    let text = "use crate::flow::Side;\n// crate::cli\nlet x = crate::record::Hex::default();\n#[cfg(test)]\nuse crate::cli;";
    assert_eq!(imports(text), BTreeSet::from(["flow".to_owned(), "record".to_owned()]));
}
