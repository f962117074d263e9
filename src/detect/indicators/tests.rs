//! Lists in every form, and what they do to verdicts.

use super::*;
use crate::detect::finding::{Finding, Level};
use crate::detect::testing::{body, certificate, flow, request, services};
use crate::detect::{Options, Rules, Verdict, detect};
use crate::record::{Flow, Records};

fn list(text: &str) -> (Indicators, Loaded) {
    let mut own = Indicators::default();
    let loaded = own.add(text, "list", &services()).unwrap();
    (own, loaded)
}

fn judged(text: &str, flows: Vec<Flow>) -> Verdict {
    let mut rules = Rules::shipped().unwrap();
    rules.watch(text, "list").unwrap();
    detect(Records { flows: flows.into(), ..Records::default() }, &rules, &Options::default())
}

fn reasons(finding: &Finding) -> Vec<String> {
    let listed = finding.terms.iter().filter(|term| SIGNALS.contains(&term.signal.as_str()));
    listed.map(|term| format!("{}: {}", term.signal, term.why)).collect()
}

#[test]
fn lines_take_what_people_write() {
    let text = "\u{feff}# remark\n\n203.0.113.4 # seen\n- hxxp://drop[.]example/gate.php\n0.0.0.0 a.example b.example\n\
        localhost\nco.uk\napi.telegram.org\n";
    let (own, loaded) = list(text);
    assert_eq!((loaded.form, loaded.taken, loaded.refused), ("lines", 4, 3));
    assert_eq!(
        loaded.first,
        [
            "line 6 `localhost` (no address, name, URL or fingerprint)",
            "line 7 `co.uk` (a public suffix)",
            "line 8 `api.telegram.org` (a service of many, messenger)"
        ]
    );
    assert_eq!(own.store.len(), 4);
    assert!(loaded.to_string().starts_with("4 entries of a list (lines), 3 refused: line 6"));
}

#[test]
fn rows_take_named_columns_ports_and_marks() {
    let text = "# first,dst_ip,dst_port,ioc_type\nx,203.0.113.4,8080,ip:port\nx,\"203.0.113.5\",,ip\n\
        x,aabb,,sha256_hash\n\"a\nb\",203.0.113.6,,ip\n";
    let (own, loaded) = list(text);
    assert_eq!((loaded.form, loaded.taken, loaded.passed, loaded.refused), ("CSV", 3, 1, 0));
    let place = |addr: &str, port: u16| {
        let met = own.store.net(addr.parse().unwrap(), &[port].into());
        met.map(|met| own.place(met.source))
    };
    assert_eq!(place("203.0.113.4", 8080).as_deref(), Some("list, line 2"));
    assert_eq!(place("203.0.113.4", 80), None);
    assert_eq!(place("203.0.113.6", 80).as_deref(), Some("list, line 5"), "where a row of two lines begins");
    let text = "list;kind;value\nyes;name;drop[.]example\nno;name;chat.example\n";
    assert_eq!((list(text).1.taken, list(text).1.passed), (1, 1), "what `map -o takedown` writes");
}

#[test]
fn a_bundle_gives_its_indicators_by_id() {
    let text = r#"{"type":"bundle","id":"bundle--1","objects":[{"type":"identity","id":"identity--1"},
        {"type":"indicator","id":"indicator--00000000-0000-4000-8000-00000000000a","pattern_type":"stix","pattern":"[domain-name:value = 'drop.example']"},
        {"type":"indicator","id":"other","pattern":"[ipv4-addr:value = '203.0.113.4']"},
        {"type":"indicator","id":"x","revoked":true,"pattern":"[ipv4-addr:value = '203.0.113.5']"},
        {"type":"indicator","id":"x","pattern_type":"snort","pattern":"alert"}]}"#;
    let (own, loaded) = list(text);
    assert_eq!((loaded.form, loaded.taken, loaded.passed, loaded.refused), ("STIX", 2, 1, 1));
    let place = |name: &str| own.place(own.store.names.find(name).unwrap());
    assert_eq!(place("drop.example"), "list, indicator--00000000-0000-4000-8000-00000000000a");
    let met = own.store.net("203.0.113.4".parse().unwrap(), &[1].into()).unwrap();
    assert_eq!(own.place(met.source), "list, entry 2");
}

#[test]
fn an_event_gives_the_attributes_meant_for_detection() {
    let attribute = |kind: &str, value: &str, ids: &str| {
        format!(
            r#"{{"type":"{kind}","value":"{value}","to_ids":{ids},"uuid":"00000000-0000-4000-8000-00000000000b"}}"#
        )
    };
    let all = [
        attribute("ip-dst|port", "203.0.113.4|8080", "true"),
        attribute("domain|ip", "drop.example|203.0.113.5", "\"1\""),
        attribute("domain", "seen.example", "false"),
        attribute("sha256", "aa", "true"),
    ]
    .join(",");
    let event = format!(
        r#"{{"Attribute":[{all}],"Object":[{{"Attribute":[{}]}}]}}"#,
        attribute("url", "http://x.example/a", "1")
    );
    for text in [
        format!(r#"{{"Event":{event}}}"#),
        format!(r#"{{"response":[{{"Event":{event}}}]}}"#),
        format!(r#"[{{"Event":{event}}}]"#),
        format!(r#"{{"response":{event}}}"#),
    ] {
        let (own, loaded) = list(&text);
        assert_eq!((loaded.form, loaded.taken, loaded.passed), ("MISP", 4, 2), "{text}");
        let source = own.store.urls.find("x.example/a").unwrap();
        assert_eq!(own.place(source), "list, attribute 00000000-0000-4000-8000-00000000000b");
    }
}

#[test]
fn what_is_no_list_is_said() {
    let add = |text: &str| Indicators::default().add(text, "list", &services()).unwrap_err().to_string();
    for (text, word) in [
        ("", "no address"),
        ("# nothing\n", "no address"),
        ("co.uk\n", "public suffix"),
        ("{", "not JSON"),
        ("{}", "neither"),
        ("[]", "neither"),
        ("{\"type\":\"bundle\"}", "no address"),
        ("{\"type\":\"other\"}", "neither"),
        ("[1,2]", "neither"),
    ] {
        assert!(add(text).contains(word), "{text}: {}", add(text));
    }
    assert!(add("{\"a\":\n}").contains("line 2"));
}

/// Cut and damaged at every byte, a list is read or refused.
#[test]
fn damage_is_survived() {
    let services = services();
    let sha = "ab".repeat(32);
    for text in [
        format!("# a\n203[.]0[.]113[.]4:80, x\n[2001:db8::1]:443\nhxxps://a.example/b?c=d\n*.b.example\n{sha}\n"),
        "id;dst_ip;dst_port;\"url\"\n1;203.0.113.4;80;\"http://a.example/\"\"b\"\"\"\n".to_owned(),
        r#"{"type":"bundle","objects":[{"type":"indicator","id":"indicator--00000000-0000-4000-8000-00000000000a","pattern":"[x509-certificate:hashes.'SHA-1' = 'ab' OR url:value IN ('http://a.example/x', 'b\'')]"}]}"#.to_owned(),
        r#"{"Event":{"Attribute":[{"type":"domain|ip","value":"a.example|203.0.113.4","to_ids":true,"uuid":"x"}]}}"#.to_owned(),
    ] {
        for at in 0..text.len() {
            for byte in [0, b'"', b'\'', b'[', b'|', b',', b'\n', 0xc3] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = byte;
                let _ = Indicators::default().add(&String::from_utf8_lossy(&bytes), "list", &services);
            }
            let _ = Indicators::default().add(&text[..at], "list", &services);
        }
    }
}

#[test]
fn every_kind_is_met_with_its_place() {
    let mut cert = certificate("CN=x", "CN=y", &["x.example"]);
    cert.sha1 = "ab".repeat(20);
    cert.sha256 = "cd".repeat(32);
    let ja4 = "t13d1516h2_8daaf6152771_02713d6af862";
    let tls = flow("203.0.113.9", 443).tls(Some("x.example"), Some(cert)).payload(9, 9).edit(|flow| {
        let tls = flow.tls.as_mut().unwrap();
        tls.ja3 = Some("000000000000000000000000000000ff".into());
        tls.ja4 = Some(ja4.into());
    });
    let flows = || {
        vec![
            flow("203.0.113.4", 8080).payload(9, 9).build(),
            flow("203.0.113.200", 80).payload(9, 9).build(),
            flow("203.0.113.5", 80)
                .http(request("GET", "a.drop.example", "/gate.php?x=1", &[], None))
                .build(),
        ]
    };
    let all = |entry: &str| {
        let mut flows = flows();
        flows.push(tls.copy());
        let verdict = judged(entry, flows);
        verdict.findings.iter().flat_map(reasons).collect::<Vec<_>>()
    };
    for (entry, reason) in [
        ("203.0.113.4:8080", "listed-address: 203.0.113.4 port 8080 is listed: list, line 1"),
        ("203.0.113.128/25", "listed-network: 203.0.113.200 is in a listed network (/25): list, line 1"),
        ("drop.example", "listed-name: a.drop.example is below drop.example, which is listed: list, line 1"),
        (
            "http://a.drop.example/gate.php?x=1",
            "listed-url: http://a.drop.example/gate.php?x=1 is listed: list, line 1",
        ),
        (ja4, "listed-fingerprint: JA4 t13d1516h2_8daaf6152771_02713d6af862 is listed: list, line 1"),
        (
            "000000000000000000000000000000ff",
            "listed-fingerprint: JA3 000000000000000000000000000000ff is listed: list, line 1",
        ),
        (
            &"AB".repeat(20),
            &format!(
                "listed-certificate: the certificate with SHA-1 {} is listed: list, line 1",
                "ab".repeat(20)
            ),
        ),
        (
            &"cd".repeat(32),
            &format!(
                "listed-certificate: the certificate with SHA-256 {} is listed: list, line 1",
                "cd".repeat(32)
            ),
        ),
    ] {
        assert_eq!(all(entry), [reason], "{entry}");
    }
    for entry in ["203.0.113.4:80", "203.0.113.0/30", "op.example", "http://a.drop.example/gate.php"] {
        assert_eq!(all(entry), [] as [&str; 0], "{entry}");
    }
}

#[test]
fn a_hit_without_behaviour_is_low_and_says_so() {
    let everything = "203.0.113.4\ndrop.example\nhttp://drop.example/a\n";
    let get =
        || flow("203.0.113.4", 80).http(request("GET", "drop.example", "/a", &[("Accept", "*/*")], None));
    let verdict = judged(everything, vec![get().build()]);
    let [finding] = &*verdict.findings else { panic!("{:?}", verdict.findings) };
    assert_eq!(finding.level, Level::Low, "{:?}", finding.terms);
    let bare = judged("203.0.113.4\n", vec![flow("203.0.113.4", 443).tls(Some("x.example"), None).build()]);
    let [finding] = &*bare.findings else { panic!("{:?}", bare.findings) };
    assert_eq!(
        (finding.level, finding.title.as_str()),
        (Level::Low, "contact with x.example, which a list names")
    );
}

#[test]
fn a_hit_lifts_what_behaves() {
    let post = || {
        let exchange = request("POST", "203.0.113.4", "/gate.php", &[], Some(body(30_000)));
        vec![flow("203.0.113.4", 80).http(exchange).build()]
    };
    let level = |verdict: &Verdict| verdict.findings.first().map(|finding| finding.level);
    let without = judged("198.51.100.1\n", post());
    let with = judged("203.0.113.4\n", post());
    assert!(level(&with) > level(&without), "{with:?} {without:?}");
}

#[test]
fn a_listed_name_that_was_only_asked_for_is_context() {
    let flows = || {
        vec![
            flow("192.0.2.1", 53).dns("a.drop.example", "A", &[]).build(),
            flow("192.0.2.1", 53).at_ms(20).dns("met.example", "A", &["203.0.113.4"]).build(),
            flow("203.0.113.4", 80).at_ms(90).http(request("GET", "met.example", "/", &[], None)).build(),
        ]
    };
    let verdict = judged("drop.example\nmet.example\n", flows());
    let [context] = &*verdict.context else { panic!("{:?}", verdict.context) };
    assert_eq!(context.kind, "listed-name-asked");
    assert_eq!(context.what, "a.drop.example (below drop.example) is listed: list, line 1");
    assert_eq!(verdict.findings.len(), 1);
}

#[test]
fn lists_are_part_of_the_digest_and_behaviour_alone_passes_over_them() {
    let mut rules = Rules::shipped().unwrap();
    let before = rules.digest().to_owned();
    rules.watch("203.0.113.4\n", "list").unwrap();
    assert_ne!(rules.digest(), before);
    let records =
        Records { flows: vec![flow("203.0.113.4", 443).payload(9, 9).build()].into(), ..Records::default() };
    let alone = Options { behaviour_only: true, ..Options::default() };
    assert!(detect(records, &rules, &alone).findings.is_empty());
}
