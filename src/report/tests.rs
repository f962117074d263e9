//! Every format on one small report.

mod hostile;

use super::*;
use crate::detect::finding::{Evidence, Kind, Server, Technique, Term, Victim};
use crate::record::Summary;
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr};

const VICTIM: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));

pub(super) fn finding(level: Level, score: f64) -> Finding {
    Finding {
        id: "xf-0123456789abcdef".to_owned(),
        level,
        score,
        title: "a title\u{1b}[2J".to_owned(),
        kinds: vec![Kind::Exfiltration],
        family: None,
        victim: Victim {
            addr: VICTIM,
            port: Some(50_000),
            mac: Some("02:00:5e:00:53:01".to_owned()),
            names: vec!["EXAMPLE-PC".to_owned()],
            users: vec!["erika".to_owned()],
        },
        server: Server {
            addrs: vec![SERVER],
            names: vec!["drop.example".to_owned()],
            ports: vec![80],
            transport: "tcp".to_owned(),
            app: "http".to_owned(),
            confirmed: vec!["drop.example".to_owned()],
            roles: Vec::new(),
            places: Vec::new(),
            certificates: Vec::new(),
            templates: Vec::new(),
        },
        first: Timestamp(1_000_000_000),
        last: Timestamp(3_500_000_000),
        bytes_out: 46_029,
        bytes_in: 100,
        flows: 1,
        beacon: None,
        upload: None,
        turns: Vec::new(),
        loot: None,
        lookups: Vec::new(),
        downloads: Vec::new(),
        terms: vec![Term {
            signal: "loot-listing".to_owned(),
            weight: score + 10.0,
            why: "passwords.txt".to_owned(),
            frames: vec![4, 9],
            capture: 0,
        }],
        not_proof: "a backup".to_owned(),
        attack: vec![
            Technique { id: "T1041".to_owned(), name: "Exfiltration Over C2 Channel".to_owned() },
            Technique { id: "T1071.001".to_owned(), name: "Web Protocols".to_owned() },
        ],
        evidence: vec![Evidence {
            capture: 0,
            frames: vec![(4, 9)],
            community_id: "1:x".to_owned(),
            filter: "ip.addr == 203.0.113.5".to_owned(),
        }],
    }
}

fn export(format: &str, level: Level) -> String {
    let records = Records {
        captures: vec![CaptureInfo {
            path: "a.pcap".to_owned(),
            sha256: "00".repeat(32),
            packets: 9,
            ..CaptureInfo::default()
        }],
        summary: Summary { captures: 1, packets: 9, ..Summary::default() },
        ..Records::default()
    };
    let verdict = Verdict {
        findings: vec![finding(Level::High, 30.0), finding(Level::Low, 6.0)],
        ..Verdict::default()
    };
    let report = Report { records: &records, verdict: &verdict, level, rules_digest: "abcdef" };
    let mut out = Vec::new();
    exporter(format, false).expect("a format").export(&report, &mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn every_format_has_its_exporter() {
    for format in FORMATS {
        assert!(!export(format, Level::Low).is_empty(), "{format}");
    }
    assert!(exporter("pdf", false).is_none());
}

#[test]
fn text_names_victim_server_reason_and_packets_and_obeys_no_escape() {
    let text = export("text", Level::Low);
    for part in [
        "HIGH 30.0",
        "192.0.2.10 port 50000 (EXAMPLE-PC; user erika",
        "drop.example at 203.0.113.5 port 80/tcp, http",
        "46,029 B up",
        "+40.0 loot-listing: passwords.txt (frames 4, 9)",
        "-10.0 before any evidence",
        "a.pcap frames 4-9: ip.addr == 203.0.113.5",
    ] {
        assert!(text.contains(part), "{part} not in\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn the_level_hides_what_is_below() {
    let document: serde_json::Value = serde_json::from_str(&export("json", Level::Medium)).expect("JSON");
    assert_eq!(document["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!(document["totals"]["findings"]["low"], 0);
    assert_eq!(document["hosts"][0]["addr"], "192.0.2.10");
    assert_eq!(document["hosts"][0]["findings"][0], "xf-0123456789abcdef");
}

#[test]
fn ndjson_ends_with_a_summary() {
    let text = export("ndjson", Level::Low);
    let types: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["type"]
                .as_str()
                .expect("type")
                .to_owned()
        })
        .collect();
    assert_eq!(types, ["finding", "finding", "capture", "summary"]);
}

#[test]
fn ecs_has_the_fields_a_siem_asks_for() {
    let text = export("ecs", Level::High);
    let alert: serde_json::Value =
        serde_json::from_str(text.lines().next().expect("one alert")).expect("JSON");
    assert_eq!(text.lines().count(), 1);
    assert_eq!(alert["event"]["kind"], "alert");
    assert_eq!(alert["event"]["severity"], 73);
    assert_eq!(alert["event"]["duration"], 2_500_000_000_u64);
    assert_eq!(alert["@timestamp"], "1970-01-01T00:00:03.500000000Z");
    assert_eq!(alert["source"]["mac"], "02-00-5E-00-53-01");
    assert_eq!(alert["threat"]["technique"]["id"][0], "T1041");
    assert_eq!(alert["threat"]["technique"]["subtechnique"]["id"][0], "T1071.001");
    assert_eq!(alert["destination"]["domain"], "drop.example");
    assert_eq!(alert["exfilscan"]["capture_sha256"][0], "00".repeat(32));
}
