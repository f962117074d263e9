//! Every format on a report in which all text of the capture is out to break the format.

use super::*;
use crate::anomaly::Kind as Trouble;
use crate::detect::finding::{Beacon, Family, Loot, Upload};
use crate::record::Anomaly;
use serde_json::Value;

/// What the texts are made of; all of it in each.
const HOSTILE: &str = "=cmd|' /C calc'!A0\",\"@SUM(1)\r\n+1;-2\t]]></failure></testsuite><script>alert(1)</script>\
    ![x](http://evil.example) [y](javascript:1) `tick` ``two`` | bar \\| <b> &amp; @team #1 www.evil.example {0} \
    \u{1b}[31mred\u{7f}\u{9b}\u{202e}rtl\u{200b}\u{0}\u{ffff}' OR domain-name:value = 'x";

/// Formats that print for programs that may print it on: none of them may hold what steers a terminal.
const CLEAN: [&str; 10] =
    ["text", "csv", "markdown", "sarif", "junit", "eve", "navigator", "ocsf", "stix", "misp"];

fn evil() -> Finding {
    let text = || HOSTILE.to_owned();
    let mut finding = finding(Level::Critical, 90.0);
    finding.title = format!("{HOSTILE}{}", "a".repeat(70_000));
    finding.victim.names = vec![text(), "a.example".to_owned()];
    finding.victim.users = vec![text()];
    finding.victim.mac = None;
    finding.server.names = vec![text(), "drop.example".to_owned(), "x'.example".to_owned()];
    finding.server.app = "http".to_owned();
    finding.family = Some(Family {
        name: text(),
        confidence: "high".to_owned(),
        rule: text(),
        also: vec![text()],
        software: Some(text()),
    });
    finding.beacon = Some(Beacon {
        period_s: 60.0,
        jitter: 0.1,
        count: 9,
        missed: 0,
        basis: "requests".to_owned(),
        start: None,
        beats_ms: vec![0, 60_000],
    });
    finding.upload =
        Some(Upload { bytes: 1, requests: 1, encoding: Some(text()), destination: Some(text()) });
    finding.loot = Some(Loot {
        categories: std::collections::BTreeMap::from([(text(), 1)]),
        names: vec![text()],
        drop: Some(text()),
    });
    finding.terms[0].why = text();
    finding.not_proof = text();
    finding.attack.push(Technique { id: text(), name: text() });
    finding
}

fn hostile(format: &str) -> String {
    let records = Records {
        captures: vec![CaptureInfo {
            path: HOSTILE.to_owned(),
            truncated_at: Some(9),
            ..CaptureInfo::default()
        }],
        anomalies: vec![Anomaly {
            kind: Trouble::Gap,
            capture: 0,
            frame: Some(1),
            count: 1,
            what: HOSTILE.to_owned(),
        }],
        ..Records::default()
    };
    let verdict = Verdict { findings: vec![evil()], ..Verdict::default() };
    let report = Report { records: &records, verdict: &verdict, level: Level::Low, rules_digest: "abcdef" };
    let write = || {
        let mut out = Vec::new();
        exporter(format, false).expect("a format").export(&report, &mut out).expect("written");
        String::from_utf8(out).expect("UTF-8")
    };
    let text = write();
    assert_eq!(text, write(), "{format} is not the same twice");
    text
}

#[test]
fn nothing_steers_a_terminal() {
    for format in CLEAN {
        let text = hostile(format);
        let steers =
            |c: char| c.is_control() && !matches!(c, '\n' | '\r') || matches!(c, '\u{202e}' | '\u{200b}');
        let found: Vec<char> = text.chars().filter(|&c| steers(c)).collect();
        assert!(found.is_empty(), "{format}: {found:?}");
        assert!(text.len() < 200_000, "{format}: {} bytes", text.len());
    }
}

#[test]
fn one_row_a_finding_and_no_formula() {
    let text = hostile("csv");
    let rows: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(rows.len(), 3, "header, finding, end: {text}");
    // Cells by the quotes: quoted text has them doubled, so that every second piece is text.
    let cells: Vec<String> =
        rows[1].replace("\"\"", "\u{1}").split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(cells.len() > 20);
    for cell in cells {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
    let figures = rows[0].split(',').count();
    let outside: String = rows[1].replace("\"\"", "").split('"').step_by(2).collect();
    assert_eq!(outside.matches(',').count() + 1, figures);
}

#[test]
fn markup_stays_in_its_code_spans() {
    let text = hostile("markdown");
    let mut outside = String::new();
    for line in text.lines() {
        // Whoever reads code spans as CommonMark does: a run of backticks up to the next run of the same length.
        let mut rest = line;
        while let Some(at) = rest.find('`') {
            outside.push_str(&rest[..at]);
            let fence = rest[at..].len() - rest[at..].trim_start_matches('`').len();
            let body = &rest[at + fence..];
            let mut close = None;
            let mut from = 0;
            while let Some(next) = body[from..].find('`') {
                let start = from + next;
                let length = body[start..].len() - body[start..].trim_start_matches('`').len();
                if length == fence {
                    close = Some(start);
                    break;
                }
                from = start + length;
            }
            let Some(close) = close else { panic!("a span without end in {line}") };
            rest = &body[close + fence..];
        }
        outside.push_str(rest);
        outside.push('\n');
    }
    for part in ["<", "[", "http:", "www", "team", "script", "\\"] {
        assert!(!outside.contains(part), "{part} in {outside}");
    }
    let rows = outside.lines().filter(|line| line.starts_with("| id |")).count();
    assert_eq!(rows, 1);
}

#[test]
fn xml_has_only_its_own_tags() {
    let text = hostile("junit");
    let tags: Vec<&str> = text
        .split('<')
        .skip(1)
        .map(|tag| tag.split([' ', '>', '/']).find(|name| !name.is_empty()).unwrap_or_default())
        .collect();
    let known = ["?xml", "testsuites", "testsuite", "testcase", "failure", "error"];
    assert!(tags.iter().all(|tag| known.contains(tag)), "{tags:?}");
    let of = |name| tags.iter().filter(|tag| **tag == name).count();
    assert_eq!((of("testsuite"), of("failure"), of("error")), (2, 2, 1));
}

#[test]
fn patterns_and_indicators_hold_no_text_but_names() {
    let bundle: Value = serde_json::from_str(&hostile("stix")).expect("JSON");
    let objects = bundle["objects"].as_array().expect("objects");
    let of = |kind: &str| objects.iter().filter(|object| object["type"] == kind).cloned().collect::<Vec<_>>();
    assert_eq!(of("indicator")[0]["pattern"], "[domain-name:value = 'drop.example']");
    assert_eq!(of("domain-name").len(), 1);
    let event: Value = serde_json::from_str(&hostile("misp")).expect("JSON");
    let attributes = event["Event"]["Attribute"].as_array().expect("attributes");
    let values: Vec<&Value> = attributes.iter().map(|attribute| &attribute["value"]).collect();
    assert_eq!(values, ["drop.example"]);
}

#[test]
fn messages_of_sarif_hold_no_link_and_no_placeholder() {
    let log: Value = serde_json::from_str(&hostile("sarif")).expect("JSON");
    let text = log["runs"][0]["results"][0]["message"]["text"].as_str().expect("a message");
    assert!(text.contains("\\[y\\](javascript:1)") && text.contains("{{0}}"), "{text}");
    let uri = log["runs"][0]["artifacts"][0]["location"]["uri"].as_str().expect("a URI");
    assert!(uri.bytes().all(|b| b.is_ascii_alphanumeric() || b"%/.-_~".contains(&b)), "{uri}");
}

#[test]
fn navigator_takes_only_techniques() {
    let layer: Value = serde_json::from_str(&hostile("navigator")).expect("JSON");
    let ids: Vec<&Value> =
        layer["techniques"].as_array().expect("techniques").iter().map(|t| &t["techniqueID"]).collect();
    assert_eq!(ids, ["T1041", "T1071.001", "T1071"]);
}

#[test]
fn the_marking_is_what_was_chosen() {
    for (tlp, stix, misp) in [(Tlp::Clear, "TLP:WHITE", "tlp:clear"), (Tlp::Red, "TLP:RED", "tlp:red")] {
        for (format, word) in [("stix", stix), ("misp", misp)] {
            let records = Records::default();
            let verdict = Verdict::default();
            let report = Report { records: &records, verdict: &verdict, level: Level::Low, rules_digest: "" };
            let mut out = Vec::new();
            let exporter = exporter_with(format, Choices { tlp, ..Choices::default() }).expect("a format");
            exporter.export(&report, &mut out).expect("written");
            assert!(String::from_utf8(out).expect("UTF-8").contains(word), "{format} {word}");
        }
    }
}
