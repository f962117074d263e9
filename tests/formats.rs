//! Every format over every golden case, as a user gets it: well-formed, with the ids of the report, and nothing to
//! block that many share. The formats' own validators are run by `tests/validate/run.sh`.

mod common;

use common::{capture, cases, run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

const FORMATS: [&str; 10] =
    ["json", "csv", "markdown", "sarif", "junit", "eve", "navigator", "ocsf", "stix", "misp"];

/// Every format of one run over one capture.
fn export(capture: &Path, threads: &str) -> BTreeMap<&'static str, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut args: Vec<OsString> =
        ["scan", "-f", "ndjson", "-j", threads].into_iter().map(OsString::from).collect();
    for format in FORMATS {
        let file = folder.path().join(format);
        args.extend([OsString::from("-o"), format!("{format}={}", file.display()).into()]);
    }
    args.push(capture.into());
    let run = run(&args);
    assert_eq!(run.code, 0, "{}: {}", capture.display(), run.err);
    let read = |format| std::fs::read_to_string(folder.path().join(format)).expect("UTF-8");
    FORMATS.into_iter().map(|format| (format, read(format))).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn strings(values: &Value) -> Vec<&str> {
    list(values).iter().filter_map(Value::as_str).collect()
}

#[test]
fn every_format_is_well_formed_and_has_the_ids_of_the_report() {
    let mut found = 0;
    for case in cases() {
        let texts = export(&capture(&case), "1");
        let report = json(&texts["json"]);
        let ids: Vec<&str> = list(&report["findings"]).iter().filter_map(|f| f["id"].as_str()).collect();
        found += ids.len();

        let rows: Vec<&str> = texts["csv"].split_terminator("\r\n").collect();
        let first: Vec<&str> = rows[1..].iter().filter_map(|row| row.split('"').nth(1)).collect();
        assert_eq!(first, ids, "{case}: csv");
        let columns = rows[0].split(',').count();
        for row in &rows[1..] {
            let outside: String = row.replace("\"\"", "").split('"').step_by(2).collect();
            assert_eq!(outside.matches(',').count() + 1, columns, "{case}: {row}");
        }

        let chapters = texts["markdown"].lines().filter(|line| line.starts_with("| id |")).count();
        assert_eq!(chapters, ids.len(), "{case}: markdown");

        let results = json(&texts["sarif"]);
        let results = list(&results["runs"][0]["results"]).iter();
        let prints: Vec<String> = results
            .map(|r| r["partialFingerprints"]["exfilscanFinding/v1"].as_str().expect("a print").to_owned())
            .collect();
        assert_eq!(prints, ids, "{case}: sarif");

        assert_eq!(elements(&texts["junit"])["failure"], ids.len(), "{case}: junit");

        let own = |format: &str, at: fn(&Value) -> &Value| -> Vec<String> {
            let lines = texts[format].lines().map(json);
            lines.map(|line| at(&line).as_str().expect("an id").to_owned()).collect()
        };
        assert_eq!(own("eve", |e| &e["alert"]["metadata"]["exfilscan_id"][0]), ids, "{case}: eve");
        assert_eq!(own("ocsf", |e| &e["finding_info"]["uid"]), ids, "{case}: ocsf");

        let seen: BTreeSet<&str> = list(&report["findings"])
            .iter()
            .flat_map(|f| list(&f["attack"]))
            .filter_map(|t| t["id"].as_str())
            .collect();
        let layer = json(&texts["navigator"]);
        let scored = list(&layer["techniques"]).iter().filter(|technique| technique["score"].is_u64());
        assert_eq!(
            scored.filter_map(|t| t["techniqueID"].as_str()).collect::<BTreeSet<_>>(),
            seen,
            "{case}: navigator"
        );
    }
    assert!(found > 40, "only {found} findings in all cases");
}

/// Opened and closed elements by name. Fails on what is not closed in order; knows no comments, for none are written.
fn elements(xml: &str) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::from([("failure", 0)]);
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("a tag ends");
        assert!(!text.contains('>'), "a bare > in {text}");
        let name = tag.trim_matches('/').split_whitespace().next().expect("a name");
        if tag.starts_with('?') || tag.ends_with('/') {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            *counts.entry(name).or_default() += 1;
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    counts
}

#[test]
fn references_inside_a_bundle_and_an_event_resolve_and_ids_are_unique() {
    for case in cases() {
        let texts = export(&capture(&case), "1");
        let bundle = json(&texts["stix"]);
        let objects = list(&bundle["objects"]);
        let ids: BTreeSet<&str> = objects.iter().filter_map(|object| object["id"].as_str()).collect();
        assert_eq!(ids.len(), objects.len(), "{case}: an id twice");
        for object in objects {
            for (field, value) in object.as_object().expect("an object") {
                if field.ends_with("_ref") {
                    assert!(ids.contains(value.as_str().expect("an id")), "{case}: {field} {value}");
                } else if field.ends_with("_refs") {
                    assert!(strings(value).iter().all(|id| ids.contains(id)), "{case}: {field} {value}");
                }
            }
        }
        let event = json(&texts["misp"]);
        let mut uuids: Vec<&str> = event["Event"]["uuid"].as_str().into_iter().collect();
        for attribute in list(&event["Event"]["Attribute"]) {
            uuids.extend(attribute["uuid"].as_str());
        }
        let objects = list(&event["Event"]["Object"]);
        let known: BTreeSet<&str> = objects.iter().filter_map(|object| object["uuid"].as_str()).collect();
        for object in objects {
            uuids.extend(object["uuid"].as_str());
            uuids
                .extend(list(&object["Attribute"]).iter().filter_map(|attribute| attribute["uuid"].as_str()));
            assert!(
                list(&object["Attribute"]).iter().all(|attribute| attribute["to_ids"] == false),
                "{case}"
            );
            for reference in list(&object["ObjectReference"]) {
                assert!(known.contains(reference["referenced_uuid"].as_str().expect("an id")), "{case}");
            }
        }
        assert_eq!(uuids.iter().collect::<BTreeSet<_>>().len(), uuids.len(), "{case}: a uuid twice");
    }
}

/// What machines are told to block in one run.
fn blocked(texts: &BTreeMap<&str, String>) -> BTreeSet<String> {
    let bundle = json(&texts["stix"]);
    let patterns = list(&bundle["objects"]).iter().filter_map(|object| object["pattern"].as_str());
    let mut values: BTreeSet<String> =
        patterns.flat_map(|pattern| pattern.split('\'').skip(1).step_by(2).map(str::to_owned)).collect();
    let event = json(&texts["misp"]);
    let misp: BTreeSet<String> = list(&event["Event"]["Attribute"])
        .iter()
        .filter(|attribute| attribute["to_ids"] == true)
        .filter_map(|attribute| attribute["value"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(values, misp, "both formats block the same");
    values.extend(misp);
    values
}

#[test]
fn what_many_share_is_never_to_be_blocked() {
    let (mut shared, mut some) = (0, 0);
    for case in cases() {
        let texts = export(&capture(&case), "1");
        let blocked = blocked(&texts);
        some += blocked.len();
        let report = json(&texts["json"]);
        for finding in list(&report["findings"]) {
            let server = &finding["server"];
            if strings(&server["roles"]).iter().any(|role| !["dynamic-dns", "free-hosting"].contains(role)) {
                shared += 1;
                for value in strings(&server["addrs"]).iter().chain(&strings(&server["names"])) {
                    assert!(!blocked.contains(*value), "{case}: {value}");
                }
            }
            if !strings(&server["names"]).is_empty() {
                assert!(strings(&server["addrs"]).iter().all(|addr| !blocked.contains(*addr)), "{case}");
            }
        }
    }
    assert!(shared > 0 && some > 0, "{shared} shared services, {some} things to block");
}

#[test]
fn two_runs_are_the_same_to_the_byte() {
    for case in ["redline-soap", "webhook-and-file-host", "vidar-2025", "benign-ntp"] {
        let path = capture(case);
        assert!(export(&path, "1") == export(&path, "4"), "{case}");
    }
}

#[test]
fn the_label_is_an_option() {
    let scan = |label: &str| {
        let args = ["scan", "-f", "misp", "--tlp", label].map(OsString::from);
        run(args.into_iter().chain([capture("lokibot").into_os_string()]))
    };
    assert!(scan("green").out.contains("\"tlp:green\""));
    assert_eq!(scan("purple").code, 2);
}
