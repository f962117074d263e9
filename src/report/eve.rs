//! Alert records as Suricata writes them (EVE, JSON a line): for tool chains that read those.
//!
//! One record a finding, of the fields that Suricata's own schema (`etc/schema.json`) allows and no others.

use super::plain::{self, Ends, clean};
use super::{Exporter, Report, atlas, id};
use crate::detect::finding::{Finding, Level};
use crate::time::Timestamp;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// The generator id of this program: Suricata's own are below 300, 1 stands for its text rules.
const GID: u64 = 7845;
/// Signature ids start here, above all ranges given away (sidallocation.org), and have 30 bits.
const FIRST_SID: u64 = 2_000_000_000;
/// Bits of a flow id: as many as every reader of JSON keeps exact.
const FLOW_BITS: u32 = 53;

/// Writes one alert a finding.
#[derive(Debug, Clone, Copy)]
pub struct Eve;

impl Exporter for Eve {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        for finding in report.findings() {
            serde_json::to_writer(&mut *out, &record(report, finding))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn record(report: &Report<'_>, finding: &Finding) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    put("timestamp", json!(time(finding.last)));
    put("flow_id", json!(id::number(&finding.id, FLOW_BITS)));
    put("event_type", json!("alert"));
    put("direction", json!("to_server"));
    put("proto", json!(proto(&finding.server.transport)));
    if let Some(ends) = Ends::first(finding) {
        put("src_ip", json!(ends.client));
        put("dest_ip", json!(ends.server));
        if let Some((client, server)) = ends.ports {
            put("src_port", json!(client));
            put("dest_port", json!(server));
        }
    }
    if finding.server.app != "unknown" {
        put("app_proto", json!(finding.server.app));
    }
    if let Some(evidence) = finding.evidence.first() {
        put("community_id", json!(evidence.community_id));
        put("pcap_cnt", json!(evidence.frames.first().map_or(0, |range| range.0)));
        if let Some(capture) = report.capture(evidence.capture) {
            put("pcap_filename", json!(clean(&capture.path)));
        }
    }
    put("alert", alert(finding));
    put(
        "flow",
        json!({"bytes_toserver": finding.bytes_out, "bytes_toclient": finding.bytes_in, "start": time(finding.first)}),
    );
    Value::Object(record)
}

fn alert(finding: &Finding) -> Value {
    let rule = plain::rule(finding);
    let mut metadata = Map::new();
    let mut put = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            metadata.insert(name.to_owned(), json!(values));
        }
    };
    put("exfilscan_id", vec![finding.id.clone()]);
    put("exfilscan_rule", vec![clean(rule)]);
    put("exfilscan_level", vec![plain::word(finding.level)]);
    put("exfilscan_score", vec![format!("{:.1}", finding.score)]);
    put("exfilscan_kinds", plain::kinds(finding));
    put("malware_family", finding.family.iter().map(|family| clean(&family.name)).collect());
    put("mitre_technique_id", finding.attack.iter().map(|technique| clean(&technique.id)).collect());
    put("mitre_technique_name", finding.attack.iter().map(|technique| clean(&technique.name)).collect());
    put("server_names", plain::cleaned(&finding.server.names));
    put("server_places", plain::cleaned(&atlas::all_words(&finding.server.places)));
    json!({
        "action": "allowed",
        "gid": GID,
        "signature_id": FIRST_SID + id::number(rule, 30),
        "rev": 1,
        "signature": format!("EXFILSCAN {}", clean(&finding.title)),
        "category": category(finding),
        "severity": severity(finding.level),
        "metadata": metadata,
    })
}

/// The classes of Suricata's `classification.config`.
fn category(finding: &Finding) -> &'static str {
    if finding.family.is_some() {
        "Malware Command and Control Activity Detected"
    } else {
        "A Network Trojan was detected"
    }
}

/// 1 is the gravest.
const fn severity(level: Level) -> u8 {
    match level {
        Level::Critical | Level::High => 1,
        Level::Medium => 2,
        Level::Low => 3,
    }
}

/// Names of protocols as Suricata writes them.
fn proto(transport: &str) -> String {
    match transport {
        "icmp6" => "IPv6-ICMP".to_owned(),
        other => other.to_uppercase(),
    }
}

/// Microseconds and a numeric zone: `2026-11-23T10:15:30.123456+0000`.
fn time(at: Timestamp) -> String {
    let text = at.to_string();
    let micros = text.get(..text.len().saturating_sub(4)).unwrap_or_default();
    format!("{micros}+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_suricata() {
        assert_eq!(time(Timestamp(1_500_000_999)), "1970-01-01T00:00:01.500000+0000");
    }
}
