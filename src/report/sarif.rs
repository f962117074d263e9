//! Static Analysis Results Interchange Format 2.1.0 (OASIS): for viewers and gates of build systems.
//!
//! Captures are artifacts, rules and signals are rules, findings are results.

use super::plain::{self, clean};
use super::{Exporter, Report, atlas, id};
use crate::detect::finding::{Evidence, Finding, Level};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Conversations listed as related locations of one result.
const SHOWN: usize = 16;

/// Writes one log with one run.
#[derive(Debug, Clone, Copy)]
pub struct Sarif;

impl Exporter for Sarif {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let log = json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run(report)]});
        serde_json::to_writer_pretty(&mut *out, &log)?;
        out.write_all(b"\n")
    }
}

fn run(report: &Report<'_>) -> Value {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in report.findings() {
        rules.entry(plain::rule(finding)).or_insert(finding);
    }
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, id)| (*id, at)).collect();
    let results: Vec<Value> = report.findings().map(|finding| result(report, finding, &index)).collect();
    let descriptors: Vec<Value> = rules.iter().map(|(id, finding)| descriptor(id, finding)).collect();
    json!({
        "tool": {"driver": {"name": "exfilscan", "semanticVersion": env!("CARGO_PKG_VERSION"),
            "version": env!("CARGO_PKG_VERSION"), "rules": descriptors,
            "properties": {"rulesDigest": report.rules_digest}}},
        "columnKind": "unicodeCodePoints",
        "automationDetails": {"id": "exfilscan/"},
        "invocations": [invocation(report)],
        "artifacts": report.records.captures.iter().enumerate().map(artifact).collect::<Vec<_>>(),
        "results": results,
    })
}

fn invocation(report: &Report<'_>) -> Value {
    let notify = |item: &crate::record::Anomaly| {
        let text = format!("{} ({} times): {}", plain::word(item.kind), item.count, clean(&item.what));
        let mut notification = json!({"level": "note", "message": message(&text)});
        if report.capture(item.capture).is_some() {
            notification["locations"] = json!([location(report, item.capture)]);
        }
        notification
    };
    json!({
        "executionSuccessful": !report.records.summary.incomplete,
        "toolExecutionNotifications": report.records.anomalies.iter().map(notify).collect::<Vec<_>>(),
    })
}

fn artifact((at, capture): (usize, &crate::record::CaptureInfo)) -> Value {
    // The index keeps apart what is one file named twice: the schema wants artifacts to differ.
    let mut artifact = json!({"location": {"uri": uri(&capture.path)}, "length": capture.bytes,
        "properties": {"capture": at}});
    if !capture.sha256.is_empty() {
        artifact["hashes"] = json!({"sha-256": capture.sha256});
    }
    artifact
}

fn descriptor(id: &str, finding: &Finding) -> Value {
    let about = finding.family.as_ref().map_or_else(
        || format!("Behaviour of an infostealer: {}", clean(id)),
        |family| format!("Traffic of {}", clean(&family.name)),
    );
    json!({"id": clean(id), "shortDescription": message(&about),
        "help": message(&format!("exfilscan rules show {}. What looks the same: {}", clean(id), clean(&finding.not_proof)))})
}

fn result(report: &Report<'_>, finding: &Finding, index: &BTreeMap<&str, usize>) -> Value {
    let rule = plain::rule(finding);
    let tags: Vec<String> = finding
        .attack
        .iter()
        .map(|technique| format!("external/mitre-attack/{}", clean(&technique.id)))
        .collect();
    let mut result = Map::new();
    result.insert("ruleId".to_owned(), json!(clean(rule)));
    if let Some(at) = index.get(rule) {
        result.insert("ruleIndex".to_owned(), json!(at));
    }
    result.insert("level".to_owned(), json!(level(finding.level)));
    result.insert("kind".to_owned(), json!("fail"));
    result.insert("rank".to_owned(), json!(f64::from(plain::risk(finding.score))));
    result.insert("message".to_owned(), message(&plain::summary(report, finding).join("\n")));
    let first = finding.evidence.first().filter(|evidence| report.capture(evidence.capture).is_some());
    let first = first.map(|evidence| conversation(report, evidence));
    result.insert("locations".to_owned(), json!(first.into_iter().collect::<Vec<_>>()));
    // The schema wants them to differ; joined findings may list a conversation twice.
    let mut listed: Vec<&Evidence> = finding.evidence.iter().take(1).collect();
    let mut more = Vec::new();
    for evidence in finding.evidence.iter().filter(|evidence| report.capture(evidence.capture).is_some()) {
        if more.len() < SHOWN && !listed.contains(&evidence) {
            listed.push(evidence);
            more.push(conversation(report, evidence));
        }
    }
    if !more.is_empty() {
        result.insert("relatedLocations".to_owned(), json!(more));
    }
    result.insert("guid".to_owned(), json!(id::own("sarif", &[&finding.id])));
    result.insert("partialFingerprints".to_owned(), json!({"exfilscanFinding/v1": finding.id}));
    result.insert(
        "properties".to_owned(),
        plain::object(json!({"tags": tags, "id": finding.id, "score": finding.score, "level": finding.level,
            "kinds": finding.kinds, "family": finding.family.as_ref().map(|family| clean(&family.name)),
            "victim": finding.victim.addr, "serverAddrs": finding.server.addrs,
            "serverNames": plain::cleaned(&finding.server.names), "serverRoles": finding.server.roles,
            "serverPlaces": plain::cleaned(&atlas::all_words(&finding.server.places))})),
    );
    Value::Object(result)
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Critical | Level::High => "error",
        Level::Medium => "warning",
        Level::Low => "note",
    }
}

fn conversation(report: &Report<'_>, evidence: &Evidence) -> Value {
    let mut place = location(report, evidence.capture);
    let text = format!("frames {}: {}", plain::frames(evidence), clean(&evidence.filter));
    place["message"] = message(&text);
    place["properties"] = json!({"frames": evidence.frames, "communityId": evidence.community_id});
    place
}

fn location(report: &Report<'_>, capture: u32) -> Value {
    let path = report.capture(capture).map_or("", |capture| capture.path.as_str());
    json!({"physicalLocation": {"artifactLocation": {"uri": uri(path), "index": capture}}})
}

/// A plain-text message: brackets would make links, braces placeholders (SARIF 2.1.0, 3.11.5 and 3.11.6).
pub fn message(text: &str) -> Value {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '[' | ']' => safe.extend(['\\', c]),
            '{' | '}' => safe.extend([c, c]),
            _ => safe.push(c),
        }
    }
    json!({ "text": safe })
}

/// A path as a URI reference (RFC 3986): everything but unreserved characters and slashes in percent form.
pub fn uri(path: &str) -> String {
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    path.bytes().fold(scheme.to_owned(), |mut uri, byte| {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_makes_no_link_and_no_placeholder() {
        assert_eq!(message("[x](http://a.example) {0} \\")["text"], "\\[x\\](http://a.example) {{0}} \\\\");
    }

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("a b/é#?.pcap"), "a%20b/%C3%A9%23%3F.pcap");
        assert_eq!(uri("/x:y"), "file:///x%3Ay");
    }
}
