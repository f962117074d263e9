//! Elastic Common Schema: one alert a finding, NDJSON.
//!
//! Field names and types are those of ECS 9.4.0 (elastic/ecs, `generated/csv/fields.csv`); what ECS has no field for
//! stands below `exfilscan`. Times are capture times; there is no `event.created`, so that the same input gives the
//! same bytes.

use super::plain::{self, Ends};
use super::{Exporter, Report, atlas};
use crate::detect::finding::{Finding, Level};
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::net::IpAddr;

/// The version of the schema that is written.
const ECS_VERSION: &str = "9.4.0";
/// Decibans that are printed as the top of the 0 to 100 risk scale.
const TOP_SCORE: f64 = 60.0;

/// Writes one ECS alert a finding.
#[derive(Debug, Clone, Copy)]
pub struct Ecs;

impl Exporter for Ecs {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        for finding in report.findings() {
            serde_json::to_writer(&mut *out, &alert(report, finding))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn alert(report: &Report<'_>, finding: &Finding) -> Value {
    let mut alert = json!({
        "@timestamp": finding.last,
        "ecs": {"version": ECS_VERSION},
        "message": finding.title,
        "tags": ["exfilscan", "offline"],
        "event": event(finding),
        "rule": rule(report, finding),
        "threat": threat(finding),
        "network": network(finding),
        "source": source(finding),
        "destination": destination(finding),
        "host": host(finding),
        "observer": {"vendor": "exfilscan", "product": "exfilscan", "type": "ids", "version": env!("CARGO_PKG_VERSION")},
        "related": related(finding),
        "exfilscan": own(report, finding),
    });
    let first = finding.evidence.first().and_then(|evidence| report.capture(evidence.capture));
    if let (Some(capture), Value::Object(fields)) = (first, &mut alert) {
        fields.insert("log".to_owned(), json!({"file": {"path": capture.path}}));
        if let Some(user) = finding.victim.users.first() {
            fields.insert("user".to_owned(), json!({"name": user}));
        }
    }
    alert
}

fn event(finding: &Finding) -> Value {
    let category: &[&str] = if finding.family.is_some() {
        &["intrusion_detection", "network", "malware"]
    } else {
        &["intrusion_detection", "network"]
    };
    let risk = risk(finding.score);
    json!({
        "kind": "alert",
        "category": category,
        "type": ["info"],
        "action": format!("{}-detected", kind(finding)),
        "dataset": "exfilscan.finding",
        "module": "exfilscan",
        "provider": "exfilscan",
        "id": finding.id,
        "severity": severity(finding.level),
        "risk_score": risk,
        "risk_score_norm": risk,
        "start": finding.first,
        "end": finding.last,
        "duration": finding.last.since(finding.first).0.max(0),
        "reason": finding.terms.first().map_or("", |term| term.why.as_str()),
    })
}

/// The scale of Elastic's detection rules: 21, 47, 73, 99.
const fn severity(level: Level) -> u32 {
    match level {
        Level::Low => 21,
        Level::Medium => 47,
        Level::High => 73,
        Level::Critical => 99,
    }
}

/// Decibans on a scale of 0 to 100, one decimal.
fn risk(score: f64) -> f64 {
    (score.clamp(0.0, TOP_SCORE) / TOP_SCORE * 1000.0).round() / 10.0
}

fn kind(finding: &Finding) -> String {
    let first = finding.kinds.first().map(|kind| json!(kind));
    first.as_ref().and_then(Value::as_str).unwrap_or("threat").to_owned()
}

fn rule(report: &Report<'_>, finding: &Finding) -> Value {
    let (id, category) = match &finding.family {
        Some(family) => (family.rule.clone(), "family"),
        None => (finding.terms.first().map(|term| term.signal.clone()).unwrap_or_default(), "behaviour"),
    };
    json!({"id": id, "name": id, "category": category, "ruleset": "exfilscan",
        "version": report.rules_digest.get(..12).unwrap_or_default()})
}

fn threat(finding: &Finding) -> Value {
    let mut techniques: Vec<(&str, &str)> = Vec::new();
    let mut sub: Vec<(&str, &str)> = Vec::new();
    for technique in &finding.attack {
        if technique.id.contains('.') { &mut sub } else { &mut techniques }
            .push((technique.id.as_str(), technique.name.as_str()));
    }
    let columns = |rows: &[(&str, &str)]| json!({"id": rows.iter().map(|row| row.0).collect::<Vec<_>>(), "name": rows.iter().map(|row| row.1).collect::<Vec<_>>()});
    let mut technique = match columns(&techniques) {
        Value::Object(fields) if !techniques.is_empty() => fields,
        _ => Map::new(),
    };
    if !sub.is_empty() {
        technique.insert("subtechnique".to_owned(), columns(&sub));
    }
    let mut threat = Map::new();
    threat.insert("framework".to_owned(), json!("MITRE ATT&CK"));
    if !technique.is_empty() {
        threat.insert("technique".to_owned(), Value::Object(technique));
    }
    if let Some(family) = &finding.family {
        let mut software = Map::new();
        software.insert("name".to_owned(), json!(family.name));
        software.insert("type".to_owned(), json!("Malware"));
        if let Some(id) = &family.software {
            software.insert("id".to_owned(), json!(id));
        }
        threat.insert("software".to_owned(), Value::Object(software));
    }
    Value::Object(threat)
}

fn network(finding: &Finding) -> Value {
    let v4 = Ends::first(finding).is_none_or(|ends| ends.server.is_ipv4());
    let mut network = Map::new();
    network.insert("type".to_owned(), json!(if v4 { "ipv4" } else { "ipv6" }));
    network.insert("transport".to_owned(), json!(finding.server.transport));
    if finding.server.app != "unknown" {
        network.insert("protocol".to_owned(), json!(finding.server.app));
    }
    network.insert("direction".to_owned(), json!("outbound"));
    network.insert("bytes".to_owned(), json!(finding.bytes_out.saturating_add(finding.bytes_in)));
    if let Some(evidence) = finding.evidence.first() {
        network.insert("community_id".to_owned(), json!(evidence.community_id));
    }
    Value::Object(network)
}

fn source(finding: &Finding) -> Value {
    let mut source = Map::new();
    source.insert("address".to_owned(), json!(finding.victim.addr));
    source.insert("ip".to_owned(), json!(finding.victim.addr));
    source.insert("bytes".to_owned(), json!(finding.bytes_out));
    let first = Ends::first(finding).and_then(|ends| ends.ports).map(|ports| ports.0);
    if let Some(port) = first {
        source.insert("port".to_owned(), json!(port));
    }
    if let Some(mac) = &finding.victim.mac {
        source.insert("mac".to_owned(), json!(dashed(mac)));
    }
    Value::Object(source)
}

/// ECS writes MAC addresses as RFC 7042 does: upper case, with dashes.
fn dashed(mac: &str) -> String {
    mac.replace(':', "-").to_uppercase()
}

fn destination(finding: &Finding) -> Value {
    let mut destination = Map::new();
    destination.insert("bytes".to_owned(), json!(finding.bytes_in));
    // The ends of the conversation that `network.community_id` names: a joined finding has several servers.
    if let Some(ends) = Ends::first(finding) {
        destination.insert("address".to_owned(), json!(ends.server));
        destination.insert("ip".to_owned(), json!(ends.server));
        if let Some((_, port)) = ends.ports {
            destination.insert("port".to_owned(), json!(port));
        }
        if let Some(place) = atlas::of(finding, ends.server) {
            if let Some(country) = &place.country {
                destination.insert("geo".to_owned(), json!({"country_iso_code": country}));
            }
            if place.as_number.is_some() || place.as_name.is_some() {
                let name = place.as_name.as_ref().map(|name| json!({"name": name}));
                let system = json!({"number": place.as_number, "organization": name});
                destination.insert("as".to_owned(), plain::object(system));
            }
        }
    }
    if let Some(name) = finding.server.names.first() {
        destination.insert("domain".to_owned(), json!(name));
    }
    Value::Object(destination)
}

fn host(finding: &Finding) -> Value {
    let mut host = Map::new();
    host.insert("ip".to_owned(), json!([finding.victim.addr]));
    if let Some(mac) = &finding.victim.mac {
        host.insert("mac".to_owned(), json!([dashed(mac)]));
    }
    if let Some(name) = finding.victim.names.first() {
        host.insert("name".to_owned(), json!(name));
    }
    Value::Object(host)
}

fn related(finding: &Finding) -> Value {
    let ips: Vec<&IpAddr> = std::iter::once(&finding.victim.addr).chain(&finding.server.addrs).collect();
    let hosts: Vec<&String> = finding.victim.names.iter().chain(&finding.server.names).collect();
    let mut related = Map::new();
    related.insert("ip".to_owned(), json!(ips));
    if !hosts.is_empty() {
        related.insert("hosts".to_owned(), json!(hosts));
    }
    if !finding.victim.users.is_empty() {
        related.insert("user".to_owned(), json!(finding.victim.users));
    }
    Value::Object(related)
}

fn own(report: &Report<'_>, finding: &Finding) -> Value {
    let hashes: Vec<&str> = finding
        .evidence
        .iter()
        .filter_map(|evidence| report.capture(evidence.capture))
        .map(|capture| capture.sha256.as_str())
        .filter(|hash| !hash.is_empty())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    json!({"finding": finding, "capture_sha256": hashes})
}
