//! Open Cybersecurity Schema Framework 1.8.0: Detection Finding (class 2004), JSON a line.

use super::block::{is_mailbox, is_name};
use super::plain::{self, ATTACK_VERSION, Ends, clean};
use super::{Exporter, Report, atlas};
use crate::detect::finding::{Evidence, Finding, Level, Place, Technique};
use crate::time::Timestamp;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::IpAddr;

/// The version of the schema that is written.
const OCSF_VERSION: &str = "1.8.0";
/// Conversations given as evidence of one finding.
const SHOWN: usize = 16;
/// `malware.classification_ids`: Spyware.
const SPYWARE: u8 = 17;

/// Writes one Detection Finding a finding.
#[derive(Debug, Clone, Copy)]
pub struct Ocsf;

impl Exporter for Ocsf {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        for finding in report.findings() {
            serde_json::to_writer(&mut *out, &event(report, finding))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn event(report: &Report<'_>, finding: &Finding) -> Value {
    let (severity, severity_id, confidence_id, risk_id) = grade(finding.level);
    plain::object(json!({
        "activity_id": 1, "activity_name": "Create",
        "category_uid": 2, "category_name": "Findings",
        "class_uid": 2004, "class_name": "Detection Finding",
        "type_uid": 200_401, "type_name": "Detection Finding: Create",
        "time": millis(finding.last),
        "severity_id": severity_id, "severity": severity,
        "confidence_id": confidence_id,
        "risk_level_id": risk_id, "risk_score": plain::risk(finding.score),
        "status_id": 1, "status": "New",
        "is_alert": true,
        "message": clean(&finding.title),
        "metadata": {"version": OCSF_VERSION, "uid": finding.id, "log_name": "findings",
            "original_time": finding.last.to_string(),
            "product": {"name": "exfilscan", "vendor_name": "exfilscan", "version": env!("CARGO_PKG_VERSION")}},
        "finding_info": info(report, finding),
        "malware": malware(finding),
        "evidences": evidences(report, finding),
        "resources": [resource(finding)],
        "observables": observables(finding),
        "unmapped": {"exfilscan": plain::whole(finding), "rules_digest": report.rules_digest},
    }))
}

/// `severity`, `severity_id`, `confidence_id`, `risk_level_id`.
const fn grade(level: Level) -> (&'static str, u8, u8, u8) {
    match level {
        Level::Low => ("Low", 2, 1, 1),
        Level::Medium => ("Medium", 3, 2, 2),
        Level::High => ("High", 4, 3, 3),
        Level::Critical => ("Critical", 5, 3, 4),
    }
}

/// `timestamp_t`: milliseconds since 1970.
fn millis(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

fn info(report: &Report<'_>, finding: &Finding) -> Value {
    let rule = clean(plain::rule(finding));
    let (kind, name) = if finding.family.is_some() { (1, "Rule") } else { (2, "Behavioral") };
    let sources: Vec<String> =
        plain::captures(report, finding).iter().map(|capture| clean(&capture.path)).collect();
    plain::object(json!({
        "uid": finding.id,
        "title": clean(&finding.title),
        "desc": plain::summary(report, finding).join("\n"),
        "first_seen_time": millis(finding.first),
        "last_seen_time": millis(finding.last),
        "types": plain::kinds(finding),
        "data_sources": sources,
        "analytic": {"uid": rule, "name": rule, "type_id": kind, "type": name},
        "attacks": finding.attack.iter().map(attack).collect::<Vec<_>>(),
    }))
}

fn attack(technique: &Technique) -> Value {
    let (id, name) = (clean(&technique.id), clean(&technique.name));
    match id.split_once('.') {
        Some((above, _)) => json!({"version": ATTACK_VERSION, "technique": {"uid": above},
            "sub_technique": {"uid": id, "name": name}}),
        None => json!({"version": ATTACK_VERSION, "technique": {"uid": id, "name": name}}),
    }
}

fn malware(finding: &Finding) -> Vec<Value> {
    let family = finding.family.iter();
    family
        .map(|family| {
            plain::object(json!({"name": clean(&family.name), "uid": family.software.as_deref().map(clean),
                "classification_ids": [SPYWARE], "classifications": ["Spyware"]}))
        })
        .collect()
}

fn evidences(report: &Report<'_>, finding: &Finding) -> Vec<Value> {
    let shown = finding.evidence.iter().take(SHOWN);
    shown.filter_map(|evidence| Some(conversation(report, finding, evidence, Ends::of(evidence)?))).collect()
}

fn conversation(report: &Report<'_>, finding: &Finding, evidence: &Evidence, ends: Ends) -> Value {
    let name = finding.server.names.iter().find(|name| is_name(name));
    let transport = clean(&finding.server.transport);
    let number = match transport.as_str() {
        "tcp" => Some(6),
        "udp" => Some(17),
        "icmp" => Some(1),
        "icmp6" => Some(58),
        _ => None,
    };
    let version = |addr: IpAddr| if addr.is_ipv4() { 4 } else { 6 };
    let path = report.capture(evidence.capture).map(|capture| clean(&capture.path));
    let place = atlas::of(finding, ends.server);
    json!({
        "src_endpoint": plain::object(json!({"ip": ends.client, "port": ends.ports.map(|ports| ports.0),
            "mac": finding.victim.mac, "hostname": finding.victim.names.iter().find(|name| is_name(name)),
            "name": finding.victim.names.first().map(|name| clean(name))})),
        "dst_endpoint": plain::object(json!({"ip": ends.server, "port": ends.ports.map(|ports| ports.1), "hostname": name,
            "location": place.and_then(|place| place.country.as_deref()).map(|country| json!({"country": country})),
            "autonomous_system": place.and_then(system)})),
        "connection_info": plain::object(json!({"direction_id": 2, "direction": "Outbound",
            "protocol_name": transport, "protocol_num": number, "protocol_ver_id": version(ends.server),
            "community_uid": evidence.community_id})),
        "data": plain::object(json!({"capture": path, "frames": evidence.frames, "filter": clean(&evidence.filter)})),
    })
}

fn system(place: &Place) -> Option<Value> {
    place
        .as_number
        .map(|number| plain::object(json!({"number": number, "name": place.as_name.as_deref().map(clean)})))
}

fn resource(finding: &Finding) -> Value {
    let victim = &finding.victim;
    plain::object(
        json!({"uid": victim.addr, "ip": victim.addr, "type": "Host", "role_id": 1, "role": "Target",
        "hostname": victim.names.iter().find(|name| is_name(name)),
        "name": victim.names.first().map(|name| clean(name)),
        "owner": victim.users.first().map(|user| json!({"name": clean(user)}))}),
    )
}

/// What a SIEM joins events by; names are where in this event each is from.
fn observables(finding: &Finding) -> Vec<Value> {
    let mut all = Vec::new();
    let mut put = |name: &str, kind: u8, caption: &str, value: String| {
        all.push(json!({"name": name, "type_id": kind, "type": caption, "value": value}));
    };
    put("resources[].ip", 2, "IP Address", finding.victim.addr.to_string());
    for addr in &finding.server.addrs {
        put("unmapped.exfilscan.server.addrs", 2, "IP Address", addr.to_string());
    }
    for name in finding.server.names.iter().filter(|name| is_name(name)) {
        put("unmapped.exfilscan.server.names", 1, "Hostname", name.clone());
    }
    if let Some(mac) = &finding.victim.mac {
        put("evidences[].src_endpoint.mac", 3, "MAC Address", mac.clone());
    }
    for user in &finding.victim.users {
        put("unmapped.exfilscan.victim.users", 4, "User Name", clean(user));
    }
    if let Some(drop) =
        finding.loot.as_ref().and_then(|loot| loot.drop.as_deref()).filter(|drop| is_mailbox(drop))
    {
        put("unmapped.exfilscan.loot.drop", 5, "Email Address", drop.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_rounded_down() {
        assert_eq!([millis(Timestamp(1_999_999)), millis(Timestamp(-1))], [1, -1]);
    }
}
