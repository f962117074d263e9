//! A STIX 2.1 bundle (OASIS): what was seen, where it went, and of that what may be blocked.
//!
//! A finding is an infrastructure, an observed-data with its objects, a sighting at its victim, and, where [`Blockable`]
//! allows it, an indicator. Families are malware. Ids are digests of what they name and times are capture times, so that
//! the same input gives the same bundle.

use super::block::{Blockable, is_name, shared};
use super::plain::{self, Ends, clean};
use super::{Exporter, Report, Tlp, atlas, id};
use crate::detect::finding::{Family, Finding, Kind};
use crate::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

/// Transports and applications by the names under which IANA's registries of protocols and services have them, which is
/// what STIX asks for (2.1, 6.12); others are left out.
const REGISTERED: [&str; 44] = [
    "bittorrent",
    "coap",
    "dns",
    "esp",
    "ftp",
    "ftp-data",
    "http",
    "icmp",
    "igmp",
    "imap",
    "irc",
    "kerberos",
    "ldap",
    "llmnr",
    "mdns",
    "mongodb",
    "mqtt",
    "mysql",
    "ntp",
    "openvpn",
    "ospf",
    "pop3",
    "postgresql",
    "radius",
    "rdp",
    "redis",
    "rsync",
    "rtsp",
    "sctp",
    "sip",
    "smb",
    "smtp",
    "snmp",
    "socks",
    "ssdp",
    "ssh",
    "stun",
    "syslog",
    "tcp",
    "telnet",
    "tftp",
    "tls",
    "udp",
    "ws-discovery",
];

/// When objects that are of no capture were created: they never change.
const EPOCH: &str = "2026-01-01T00:00:00.000Z";
/// Most observations that STIX counts (2.1, 4.14).
const MAX_OBSERVED: u64 = 999_999_999;
/// Addresses and names of one server that become objects.
const MAX_OBJECTS: usize = 256;

/// Writes one bundle.
#[derive(Debug, Default, Clone, Copy)]
pub struct Stix {
    /// The marking of every object.
    pub tlp: Tlp,
}

impl Exporter for Stix {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut bundle = Bundle::new(self.tlp);
        for finding in report.findings() {
            bundle.finding(report, finding);
        }
        let mut parts: Vec<&str> = vec![self.tlp.name()];
        parts.extend(report.records.captures.iter().map(|capture| match capture.sha256.as_str() {
            "" => capture.path.as_str(),
            hash => hash,
        }));
        let objects: Vec<Value> = bundle.order.iter().filter_map(|id| bundle.objects.remove(id)).collect();
        let whole = json!({"type": "bundle", "id": format!("bundle--{}", id::own("bundle", &parts)), "objects": objects});
        serde_json::to_writer_pretty(&mut *out, &whole)?;
        out.write_all(b"\n")
    }
}

/// Objects by id, each once, in the order of coming.
struct Bundle {
    objects: BTreeMap<String, Value>,
    order: Vec<String>,
    author: String,
    marking: String,
}

impl Bundle {
    fn new(tlp: Tlp) -> Self {
        let mut own = Self {
            objects: BTreeMap::new(),
            order: Vec::new(),
            author: format!("identity--{}", id::own("identity", &["exfilscan"])),
            marking: String::new(),
        };
        own.marking = own.keep(marking(tlp));
        let author = json!({"type": "identity", "spec_version": "2.1", "id": own.author, "created": EPOCH,
            "modified": EPOCH, "name": "exfilscan", "identity_class": "system"});
        own.keep(author);
        own
    }

    fn keep(&mut self, object: Value) -> String {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        if self.objects.insert(id.clone(), object).is_none() {
            self.order.push(id.clone());
        }
        id
    }

    /// Adds a domain or relationship object; `parts` name it.
    fn domain(&mut self, kind: &str, parts: &[&str], times: &(String, String), fields: Value) -> String {
        let mut object = json!({"type": kind, "spec_version": "2.1", "id": format!("{kind}--{}", id::own(kind, parts)),
            "created": times.0, "modified": times.1, "created_by_ref": self.author,
            "object_marking_refs": [self.marking]});
        extend(&mut object, fields);
        self.keep(object)
    }

    /// Adds a cyber-observable object; `naming` are the fields that its id is made of.
    fn observable(&mut self, kind: &str, naming: Value, fields: Value) -> String {
        // Keys are in order and texts are ASCII: this is the canonical form of RFC 8785.
        let id = format!("{kind}--{}", id::observable(&naming.to_string()));
        let mut object =
            json!({"type": kind, "spec_version": "2.1", "id": id, "object_marking_refs": [self.marking]});
        extend(&mut object, naming);
        extend(&mut object, fields);
        self.keep(object)
    }

    fn address(&mut self, addr: IpAddr) -> String {
        let kind = if addr.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" };
        let id = format!("{kind}--{}", id::observable(&json!({ "value": addr }).to_string()));
        // One that is there may say more: to which system it belongs.
        if self.objects.contains_key(&id) {
            id
        } else {
            self.observable(kind, json!({"value": addr}), json!({}))
        }
    }

    /// An address of the server, with the autonomous system it belongs to where that is known.
    fn placed(&mut self, finding: &Finding, addr: IpAddr) -> String {
        let id = self.address(addr);
        let place = atlas::of(finding, addr);
        if let Some((place, number)) = place.and_then(|place| Some((place, place.as_number?))) {
            let name = json!({"name": place.as_name.as_deref().map(clean)});
            let system = self.observable("autonomous-system", json!({"number": number}), plain::object(name));
            if let Some(object) = self.objects.get_mut(&id) {
                object["belongs_to_refs"] = json!([system]);
            }
        }
        id
    }

    /// The countries of the server.
    fn countries(&mut self, finding: &Finding) -> Vec<String> {
        let countries: std::collections::BTreeSet<&str> =
            finding.server.places.iter().filter_map(|place| place.country.as_deref()).collect();
        let times = (EPOCH.to_owned(), EPOCH.to_owned());
        let make = |country: &str| self.domain("location", &[country], &times, json!({ "country": country }));
        countries.into_iter().map(make).collect()
    }

    fn finding(&mut self, report: &Report<'_>, finding: &Finding) {
        let times = (millis(finding.first), millis(finding.last));
        let server = self.server(finding);
        let seen = self.observed(finding, &server, &times);
        let place = self.infrastructure(report, finding, &times);
        for part in server.iter().filter(|id| !id.starts_with("email-addr")) {
            self.relate(finding, &times, "consists-of", &place, part);
        }
        for country in self.countries(finding) {
            self.relate(finding, &times, "located-at", &place, &country);
        }
        let malware = finding.family.as_ref().map(|family| self.malware(family));
        if let Some(malware) = &malware {
            for word in verbs(finding) {
                self.relate(finding, &times, word, malware, &place);
            }
        }
        let indicator = self.indicator(report, finding, &times);
        if let Some(indicator) = &indicator {
            self.relate(finding, &times, "indicates", indicator, malware.as_ref().unwrap_or(&place));
        }
        let victim = self.victim(finding);
        let of = indicator.or(malware).unwrap_or(place);
        let fields = json!({"first_seen": micros(finding.first), "last_seen": micros(finding.last),
            "count": finding.flows.clamp(1, MAX_OBSERVED), "sighting_of_ref": of, "observed_data_refs": [seen],
            "where_sighted_refs": [victim]});
        self.domain("sighting", &[&finding.id], &times, fields);
    }

    /// The addresses, names and mailbox of the server as objects.
    fn server(&mut self, finding: &Finding) -> Vec<String> {
        let server = &finding.server;
        let mut ids: Vec<String> =
            server.addrs.iter().take(MAX_OBJECTS).map(|&addr| self.placed(finding, addr)).collect();
        for name in server.names.iter().filter(|name| is_name(name)).take(MAX_OBJECTS) {
            ids.push(self.observable("domain-name", json!({ "value": name }), json!({})));
        }
        for mailbox in Blockable::of(finding).mailboxes {
            ids.push(self.observable("email-addr", json!({ "value": mailbox }), json!({})));
        }
        ids
    }

    fn observed(&mut self, finding: &Finding, server: &[String], times: &(String, String)) -> String {
        let mut refs: Vec<String> = vec![self.address(finding.victim.addr)];
        refs.extend(server.iter().cloned());
        refs.extend(self.traffic(finding));
        let mut unique = std::collections::BTreeSet::new();
        refs.retain(|id| unique.insert(id.clone()));
        let fields = json!({"first_observed": micros(finding.first), "last_observed": micros(finding.last),
            "number_observed": finding.flows.clamp(1, MAX_OBSERVED), "object_refs": refs});
        self.domain("observed-data", &[&finding.id], times, fields)
    }

    fn traffic(&mut self, finding: &Finding) -> Option<String> {
        let ends = Ends::first(finding)?;
        let (src, dst) = (self.address(ends.client), self.address(ends.server));
        let mut protocols = vec![if ends.server.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned()];
        let known = |name: &&String| REGISTERED.contains(&name.as_str());
        protocols.extend([&finding.server.transport, &finding.server.app].into_iter().filter(known).cloned());
        let naming = plain::object(
            json!({"start": micros(finding.first), "end": micros(finding.last), "src_ref": src,
            "dst_ref": dst, "src_port": ends.ports.map(|ports| ports.0), "dst_port": ends.ports.map(|ports| ports.1),
            "protocols": protocols}),
        );
        let fields = json!({"is_active": false, "src_byte_count": finding.bytes_out, "dst_byte_count": finding.bytes_in});
        Some(self.observable("network-traffic", naming, fields))
    }

    fn infrastructure(&mut self, report: &Report<'_>, finding: &Finding, times: &(String, String)) -> String {
        let kinds = &finding.kinds;
        let mut types = Vec::new();
        if kinds.contains(&Kind::Exfiltration) {
            types.push("exfiltration");
        }
        if kinds.iter().any(|kind| matches!(kind, Kind::Beacon | Kind::C2 | Kind::DeadDrop | Kind::Tunnel)) {
            types.push("command-and-control");
        }
        if kinds.contains(&Kind::Download) {
            types.push("hosting-malware");
        }
        let shared = shared(finding);
        let note = shared.as_ref().map(|why| format!("Not to be blocked: {why}.\n")).unwrap_or_default();
        let references: Vec<Value> =
            finding.attack.iter().map(|technique| reference(&technique.id)).collect();
        let fields = plain::object(json!({"name": plain::server(finding), "infrastructure_types": types,
            "description": format!("{note}{}", plain::summary(report, finding).join("\n")),
            "first_seen": micros(finding.first), "last_seen": micros(finding.last),
            "labels": shared.map(|_| ["shared-service"]), "external_references": references,
            "confidence": plain::risk(finding.score)}));
        self.domain("infrastructure", &[&finding.id], times, fields)
    }

    fn malware(&mut self, family: &Family) -> String {
        let references: Vec<Value> = family.software.iter().map(|id| reference(id)).collect();
        let fields = plain::object(json!({"name": clean(&family.name), "is_family": true,
            "malware_types": ["spyware"], "external_references": references}));
        self.domain("malware", &[&family.name], &(EPOCH.to_owned(), EPOCH.to_owned()), fields)
    }

    /// The victim, by what it is known by: the same host in another capture is the same identity.
    fn victim(&mut self, finding: &Finding) -> String {
        let victim = &finding.victim;
        let addr = victim.addr.to_string();
        let mut parts = vec!["victim", addr.as_str(), victim.mac.as_deref().unwrap_or_default()];
        parts.extend(victim.names.iter().map(String::as_str));
        let name =
            victim.names.first().map_or_else(|| addr.clone(), |name| format!("{} ({addr})", clean(name)));
        let fields = json!({"name": name, "identity_class": "system"});
        self.domain("identity", &parts, &(EPOCH.to_owned(), EPOCH.to_owned()), fields)
    }

    fn indicator(
        &mut self,
        report: &Report<'_>,
        finding: &Finding,
        times: &(String, String),
    ) -> Option<String> {
        let blockable = Blockable::of(finding);
        if blockable.is_empty() {
            return None;
        }
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
        let mut terms: Vec<String> =
            blockable.names.iter().map(|name| format!("domain-name:value = '{}'", quoted(name))).collect();
        terms.extend(blockable.addrs.iter().map(|addr| {
            let kind = if addr.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" };
            format!("{kind}:value = '{addr}'")
        }));
        terms.extend(
            blockable.mailboxes.iter().map(|mailbox| format!("email-addr:value = '{}'", quoted(mailbox))),
        );
        let fields = json!({"name": clean(&finding.title), "description": plain::summary(report, finding).join("\n"),
            "indicator_types": ["malicious-activity"], "pattern": format!("[{}]", terms.join(" OR ")),
            "pattern_type": "stix", "pattern_version": "2.1", "valid_from": micros(finding.first),
            "confidence": plain::risk(finding.score)});
        Some(self.domain("indicator", &[&finding.id], times, fields))
    }

    fn relate(&mut self, finding: &Finding, times: &(String, String), word: &str, from: &str, to: &str) {
        let fields = json!({"relationship_type": word, "source_ref": from, "target_ref": to});
        self.domain("relationship", &[&finding.id, word, from, to], times, fields);
    }
}

fn extend(object: &mut Value, fields: Value) {
    if let (Value::Object(object), Value::Object(fields)) = (object, fields) {
        object.extend::<Map<String, Value>>(fields);
    }
}

/// What malware does with infrastructure (STIX 2.1, 4.11).
fn verbs(finding: &Finding) -> Vec<&'static str> {
    let mut verbs = Vec::new();
    if finding.kinds.contains(&Kind::Exfiltration) {
        verbs.push("exfiltrates-to");
    }
    if finding.kinds.contains(&Kind::Beacon) {
        verbs.push("beacons-to");
    }
    if verbs.is_empty() {
        verbs.push("uses");
    }
    verbs
}

/// The predefined markings of STIX 2.1, 7.2.1.4: what was TLP:WHITE there is TLP:CLEAR now.
fn marking(tlp: Tlp) -> Value {
    let (uuid, name) = match tlp {
        Tlp::Clear => ("613f2e26-407d-48c7-9eca-b8e91df99dc9", "white"),
        Tlp::Green => ("34098fce-860f-48ae-8e50-ebd3cc5e41da", "green"),
        Tlp::Amber => ("f88d31f6-486f-44da-b317-01333bde0b82", "amber"),
        Tlp::Red => ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "red"),
    };
    json!({"type": "marking-definition", "spec_version": "2.1", "id": format!("marking-definition--{uuid}"),
        "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp", "name": format!("TLP:{}", name.to_uppercase()),
        "definition": {"tlp": name}})
}

/// A reference without its address: one with it should have a digest of the page behind it (STIX 2.1, 2.5).
fn reference(id: &str) -> Value {
    json!({"source_name": "mitre-attack", "external_id": clean(id)})
}

/// `created` and `modified` have exactly three digits (STIX 2.1, 3.2).
fn millis(at: Timestamp) -> String {
    cut(at, 6)
}

/// Consumers read no more than six digits.
fn micros(at: Timestamp) -> String {
    cut(at, 3)
}

fn cut(at: Timestamp, digits: usize) -> String {
    let text = at.to_string();
    format!("{}Z", text.get(..text.len().saturating_sub(digits + 1)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_digits_that_stix_asks_for() {
        let at = Timestamp(1_123_456_789);
        assert_eq!(
            (millis(at).as_str(), micros(at).as_str()),
            ("1970-01-01T00:00:01.123Z", "1970-01-01T00:00:01.123456Z")
        );
    }
}
