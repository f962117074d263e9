//! A MISP event: one object a connection, one a service with names, and as attributes to detect by only what
//! [`Blockable`] allows.
//!
//! Templates are those of MISP/misp-objects. Every uuid is a digest of what it names: a second import is the same event.

use super::block::{Blockable, is_name};
use super::plain::{self, Ends, clean};
use super::{Exporter, Report, Tlp, atlas, id};
use crate::detect::finding::{Finding, Level, Place};
use crate::time::{NANOS, Timestamp};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Template and version of `network-connection`.
const CONNECTION: (&str, &str) = ("af16764b-f8e5-4603-9de1-de34d272f80b", "7");
/// Template and version of `domain-ip`.
const DOMAIN_IP: (&str, &str) = ("43b3b146-77eb-4931-b4cc-b66c60f28734", "11");
/// Names and addresses of one service in its object.
const SHOWN: usize = 256;

/// Writes one event.
#[derive(Debug, Default, Clone, Copy)]
pub struct Misp {
    /// The tag of the event.
    pub tlp: Tlp,
}

impl Exporter for Misp {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, &json!({"Event": event(report, self.tlp)}))?;
        out.write_all(b"\n")
    }
}

fn event(report: &Report<'_>, tlp: Tlp) -> Value {
    let captures = &report.records.captures;
    let parts: Vec<&str> = captures
        .iter()
        .map(
            |capture| if capture.sha256.is_empty() { capture.path.as_str() } else { capture.sha256.as_str() },
        )
        .collect();
    let event = id::own("misp-event", &parts);
    let first =
        report.findings().map(|finding| finding.first).chain(captures.iter().filter_map(|c| c.first)).min();
    let last =
        report.findings().map(|finding| finding.last).chain(captures.iter().filter_map(|c| c.last)).max();
    let date = first.unwrap_or_default().to_string();
    let level = report.findings().map(|finding| finding.level).max();
    let mut attributes = Vec::new();
    let mut objects = Vec::new();
    for finding in report.findings() {
        attributes.extend(indicators(finding));
        attributes.extend(places(finding));
        objects.extend(described(report, finding));
    }
    json!({
        "uuid": event,
        "info": info(report),
        "date": date.get(..10).unwrap_or_default(),
        "timestamp": seconds(last.unwrap_or_default()),
        "threat_level_id": threat(level),
        "analysis": "0",
        "distribution": "0",
        "published": false,
        "Attribute": attributes,
        "Object": objects,
        "Tag": tags(report, tlp),
    })
}

fn info(report: &Report<'_>) -> String {
    let count = report.findings().count();
    let lead =
        report.findings().next().map_or_else(String::new, |finding| format!(": {}", clean(&finding.title)));
    format!("exfilscan, {count} finding{}{lead}", if count == 1 { "" } else { "s" })
}

const fn threat(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Critical | Level::High) => "1",
        Some(Level::Medium) => "2",
        Some(Level::Low) => "3",
        None => "4",
    }
}

fn tags(report: &Report<'_>, tlp: Tlp) -> Vec<Value> {
    let techniques = report.findings().flat_map(|finding| &finding.attack);
    // A quote in a tag would end its value; rules of one's own may say anything.
    let value = |text: &str| clean(text).replace('"', "'");
    let mut names: std::collections::BTreeSet<String> = techniques
        .map(|t| format!("misp-galaxy:mitre-attack-pattern=\"{} - {}\"", value(&t.name), value(&t.id)))
        .collect();
    let families = report.findings().filter_map(|finding| finding.family.as_ref());
    names.extend(families.map(|family| format!("exfilscan:family=\"{}\"", value(&family.name))));
    std::iter::once(format!("tlp:{}", tlp.name())).chain(names).map(|name| json!({ "name": name })).collect()
}

fn seconds(at: Timestamp) -> String {
    at.0.div_euclid(NANOS).max(0).to_string()
}

/// What may be detected by: `to_ids` is set here and nowhere else.
fn indicators(finding: &Finding) -> Vec<Value> {
    let blockable = Blockable::of(finding);
    let one = |kind: &str, value: &str| {
        json!({"uuid": id::own("misp-indicator", &[&finding.id, kind, value]), "type": kind,
            "category": "Network activity", "value": value, "to_ids": true, "distribution": "5",
            "comment": comment(finding), "timestamp": seconds(finding.last)})
    };
    let names = blockable.names.iter().map(|name| one("hostname", name));
    let addrs = blockable.addrs.iter().map(|addr| one("ip-dst", &addr.to_string()));
    let mailboxes = blockable.mailboxes.iter().map(|mailbox| one("email-dst", mailbox));
    names.chain(addrs).chain(mailboxes).collect()
}

/// Where the servers are, as MISP has a type for it; never to detect by.
fn places(finding: &Finding) -> Vec<Value> {
    let one = |place: &Place| {
        let (kind, value) = match (place.as_number, &place.country) {
            (Some(number), _) => ("AS", number.to_string()),
            (None, Some(country)) => ("text", format!("country {}", clean(country))),
            (None, None) => return None,
        };
        let addr = place.addr.to_string();
        Some(json!({"uuid": id::own("misp-place", &[&finding.id, &addr]), "type": kind,
            "category": if kind == "AS" { "Network activity" } else { "Other" }, "value": value, "to_ids": false,
            "disable_correlation": true, "distribution": "5", "timestamp": seconds(finding.last),
            "comment": format!("{addr}: {}", clean(&atlas::words(place)))}))
    };
    finding.server.places.iter().take(SHOWN).filter_map(one).collect()
}

fn comment(finding: &Finding) -> String {
    format!("{} {} {:.1}: {}", finding.id, plain::word(finding.level), finding.score, clean(&finding.title))
}

/// The objects of a finding.
fn described(report: &Report<'_>, finding: &Finding) -> Vec<Value> {
    let mut objects = Vec::new();
    let service = service(finding);
    if let Some(mut connection) = connection(report, finding) {
        if let Some(service) = &service {
            let (from, to) = (&connection["uuid"], &service["uuid"]);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            connection["ObjectReference"] = json!([{"uuid": id::own("misp-reference", &[&text(from), &text(to)]),
                "object_uuid": from, "referenced_uuid": to, "relationship_type": "connected-to",
                "timestamp": seconds(finding.last)}]);
        }
        objects.push(connection);
    }
    objects.extend(service);
    objects
}

/// Collects the attributes of one object.
struct Object<'a> {
    finding: &'a Finding,
    name: &'static str,
    attributes: Vec<Value>,
}

impl<'a> Object<'a> {
    fn new(finding: &'a Finding, name: &'static str) -> Self {
        Self { finding, name, attributes: Vec::new() }
    }

    fn put(&mut self, relation: &str, kind: &str, value: &impl ToString) {
        let value = value.to_string();
        let category = if matches!(kind, "counter" | "datetime" | "size-in-bytes" | "text") {
            "Other"
        } else {
            "Network activity"
        };
        // What is of the victim's network, or a figure, says nothing about events of others.
        let alike = !matches!(relation, "ip-dst" | "hostname-dst" | "community-id" | "domain" | "ip");
        self.attributes.push(
            json!({"uuid": id::own("misp-attribute", &[&self.finding.id, self.name, relation, &value]),
            "object_relation": relation, "type": kind, "category": category, "value": value, "to_ids": false,
            "disable_correlation": alike, "distribution": "5", "timestamp": seconds(self.finding.last)}),
        );
    }

    fn done(self, (template, version): (&str, &str), comment: &str) -> Value {
        json!({"uuid": id::own("misp-object", &[&self.finding.id, self.name]), "name": self.name,
            "meta-category": "network", "template_uuid": template, "template_version": version,
            "distribution": "5", "comment": comment, "timestamp": seconds(self.finding.last),
            "Attribute": self.attributes})
    }
}

fn connection(report: &Report<'_>, finding: &Finding) -> Option<Value> {
    let ends = Ends::first(finding)?;
    let mut object = Object::new(finding, "network-connection");
    object.put("ip-src", "ip-src", &ends.client);
    object.put("ip-dst", "ip-dst", &ends.server);
    if let Some((client, server)) = ends.ports {
        object.put("src-port", "port", &client);
        object.put("dst-port", "port", &server);
    }
    if let Some(name) = finding.victim.names.iter().find(|name| is_name(name)) {
        object.put("hostname-src", "hostname", name);
    }
    if let Some(name) = finding.server.names.iter().find(|name| is_name(name)) {
        object.put("hostname-dst", "hostname", name);
    }
    if let Some(mac) = &finding.victim.mac {
        object.put("mac-src", "mac-address", mac);
    }
    object.put("layer3-protocol", "text", &if ends.server.is_ipv4() { "IP" } else { "IPv6" });
    object.put("layer4-protocol", "text", &clean(&finding.server.transport).to_uppercase());
    if finding.server.app != "unknown" {
        object.put("layer7-protocol", "text", &clean(&finding.server.app).to_uppercase());
    }
    if let Some(evidence) = finding.evidence.first().filter(|evidence| !evidence.community_id.is_empty()) {
        object.put("community-id", "community-id", &evidence.community_id);
    }
    object.put("first-packet-seen", "datetime", &moment(finding.first));
    object.put("last-packet-seen", "datetime", &moment(finding.last));
    object.put("src-bytes-count", "size-in-bytes", &finding.bytes_out);
    object.put("dst-bytes-count", "size-in-bytes", &finding.bytes_in);
    object.put("count", "counter", &finding.flows);
    Some(object.done(CONNECTION, &plain::summary(report, finding).join("\n")))
}

/// All names and addresses of the service, never to detect by; the comment says why, where they are withheld.
fn service(finding: &Finding) -> Option<Value> {
    let mut object = Object::new(finding, "domain-ip");
    for name in finding.server.names.iter().filter(|name| is_name(name)).take(SHOWN) {
        object.put("domain", "domain", name);
    }
    for addr in finding.server.addrs.iter().take(SHOWN) {
        object.put("ip", "ip-dst", addr);
    }
    if object.attributes.is_empty() {
        return None;
    }
    let withheld = Blockable::of(finding).withheld;
    let note = withheld.map(|why| format!(" (not to detect by: {why})")).unwrap_or_default();
    Some(object.done(DOMAIN_IP, &format!("{}{note}", plain::server(finding))))
}

/// Microseconds and a numeric zone.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}+00:00", text.get(..text.len().saturating_sub(4)).unwrap_or_default())
}
