//! Joining and printing, on findings made by hand.

use super::*;
use crate::detect::{Rules, Services};
use std::fmt::Write as _;

fn services() -> Services {
    Rules::shipped().expect("rules").services().clone()
}

/// A finding: id, seconds, victim, server address and name, level.
fn finding(id: &str, second: u32, victim: &str, addr: &str, name: &str, level: &str) -> String {
    let names = if name.is_empty() { String::new() } else { format!("\"{name}\"") };
    let score = if level == "critical" { 40 } else { 20 };
    format!(
        r#"{{"id":"xf-{id}","level":"{level}","score":{score},"title":"t {id}","kinds":["exfiltration"],
        "family":{{"name":"LokiBot","confidence":"high","rule":"r"}},"later":true,
        "victim":{{"addr":"{victim}","names":["PC-{victim}"]}},
        "server":{{"addrs":["{addr}"],"names":[{names}],"confirmed":[{names}],"ports":[80],"transport":"tcp","app":"http"}},
        "first":"2026-01-02T03:04:{second:02}Z","last":"2026-01-02T03:05:00Z",
        "loot":{{"categories":{{"passwords":3}}}},
        "evidence":[{{"capture":0,"frames":[[4,9],[12,12]],"community_id":"1:x","filter":"f"}}]}}"#
    )
}

fn run(capture: &str, findings: &[String]) -> Run {
    let mut text = format!(
        r#"{{"schema":"exfilscan/report/1","captures":[{{"path":"{capture}.pcap","sha256":"{capture}"}}],"findings":["#
    );
    let _ = write!(text, "{}]}}", findings.join(","));
    Run::of_report(text.as_bytes()).expect("a report")
}

fn printed(write: impl Fn(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn addresses_and_names_join_servers_over_runs() {
    let runs = [
        run("aa", &[finding("1", 1, "10.0.0.5", "203.0.113.4", "one.example", "high")]),
        run(
            "bb",
            &[
                finding("2", 2, "10.0.0.6", "203.0.113.4", "", "critical"),
                finding("3", 3, "10.0.0.6", "203.0.113.9", "ONE.example", "high"),
                finding("4", 4, "10.0.0.6", "198.51.100.7", "else.example", "high"),
            ],
        ),
    ];
    let picture = picture(&runs, &services());
    assert_eq!((picture.runs, picture.captures, picture.findings), (2, 2, 4));
    let values = |server: &Server| server.places.iter().map(|place| place.value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&picture.servers[0]), ["203.0.113.4", "203.0.113.9", "one.example"]);
    assert_eq!(values(&picture.servers[1]), ["198.51.100.7", "else.example"]);
    assert_eq!(picture.servers[0].victims.len(), 2);
    assert_eq!(picture.servers[0].families["LokiBot"], 3);
    assert_eq!(picture.victims.len(), 2);
    assert_eq!(picture.victims[0].servers.len(), 2, "the victim of more servers comes first");
    assert_eq!(picture.victims[0].taken["passwords"], 9);
    assert_eq!(picture.servers[0].proofs[0].finding, "xf-2", "the strongest proof comes first");
    assert_eq!(picture.servers[0].proofs[0].frames, [(4, 9), (12, 12)]);
}

#[test]
fn the_order_of_runs_does_not_matter_and_a_second_import_does_not_double() {
    let a = run("aa", &[finding("1", 1, "10.0.0.5", "203.0.113.4", "one.example", "high")]);
    let b = run("bb", &[finding("2", 2, "10.0.0.5", "203.0.113.4", "", "critical")]);
    let one = picture(&[a.clone(), b.clone()], &services());
    assert_eq!(one, picture(&[b.clone(), a.clone()], &services()));
    let twice = picture(&[a.clone(), b, a], &services());
    assert_eq!((twice.findings, &twice.servers), (2, &one.servers));
}

#[test]
fn one_private_address_in_two_networks_is_two_victims() {
    let other = finding("2", 2, "10.0.0.5", "203.0.113.4", "", "high").replace("PC-10.0.0.5", "OTHER");
    let runs = [run("aa", &[finding("1", 1, "10.0.0.5", "203.0.113.4", "", "high")]), run("bb", &[other])];
    assert_eq!(picture(&runs, &services()).victims.len(), 2);
}

#[test]
fn what_others_use_is_not_joined_by_address_and_not_listed() {
    let runs = [run(
        "aa",
        &[
            finding("1", 1, "10.0.0.5", "203.0.113.4", "api.telegram.org", "critical"),
            finding("2", 2, "10.0.0.5", "203.0.113.4", "own.invented-name.com", "critical"),
            finding("3", 3, "10.0.0.5", "192.168.7.7", "", "critical"),
            finding("4", 4, "10.0.0.5", "203.0.113.8", "", "medium"),
            finding("5", 5, "10.0.0.5", "203.0.113.25", "mail.own.test", "critical")
                .replace("\"http\"", "\"smtp\""),
        ],
    )];
    let picture = picture(&runs, &services());
    assert_eq!(picture.servers.len(), 5);
    let list = printed(|out| takedown(&picture, true, out));
    let yes: Vec<&str> = list.lines().filter(|line| line.starts_with("\"yes\",")).collect();
    assert_eq!(yes.len(), 1, "{list}");
    assert!(yes[0].contains("\"own[.]invented-name[.]com\""), "{list}");
    for (value, why) in [
        ("api[.]telegram[.]org", "messenger"),
        ("192[.]168[.]7[.]7", "private"),
        ("203[.]0[.]113[.]4", "reached by name"),
        ("203[.]0[.]113[.]8", "level medium is below high"),
        ("mail[.]own[.]test", "mail-server"),
    ] {
        assert!(
            list.lines()
                .any(|line| line.starts_with("\"no\",") && line.contains(value) && line.contains(why)),
            "{value}: {list}"
        );
    }
}

#[test]
fn private_addresses_in_every_form_are_not_listed() {
    for addr in ["::ffff:192.168.7.7", "100.64.0.9", "240.0.0.9", "fd00::7"] {
        let runs = [run("aa", &[finding("1", 1, "10.0.0.5", addr, "", "critical")])];
        let list = printed(|out| takedown(&picture(&runs, &services()), false, out));
        assert!(!list.contains("\"yes\","), "{addr}: {list}");
    }
}

#[test]
fn hostile_names_stay_text_in_every_form() {
    let bad = finding("1", 1, "10.0.0.5", "203.0.113.4", "=HYPERLINK(1)\\u001b[31m,\\\"x<b>\\n", "critical");
    let picture = picture(&[run("aa", &[bad])], &services());
    let csv = printed(|out| takedown(&picture, false, out));
    assert!(csv.contains("\"'=hyperlink(1)") && !csv.contains('\u{1b}'), "{csv}");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let words = printed(|out| text(&picture, out));
    assert!(!words.contains('\u{1b}'), "{words}");
    let graph = printed(|out| dot(&picture, out));
    assert!(graph.contains("\\\"x<b>") && !graph.contains('\u{1b}'), "{graph}");
    let xml = printed(|out| graphml(&picture, out));
    assert!(xml.contains("&lt;b&gt;") && !xml.contains("<b>") && !xml.contains('\u{1b}'), "{xml}");
    let sheet = printed(|out| page(&picture, out));
    assert!(sheet.contains("&lt;b&gt;") && !sheet.contains("<b>") && !sheet.contains('\u{1b}'), "{sheet}");
    assert!(!sheet.contains("<script"), "reading needs none");
}

/// A finding with more in its server or beside it.
fn with(finding: &str, server: &str, more: &str) -> String {
    finding
        .replace("\"transport\"", &format!("{server}\"transport\""))
        .replace("\"later\":true", &format!("{more}\"later\":true"))
}

#[test]
fn decoys_and_unconfirmed_names_are_not_listed() {
    for signal in ["one-request-many-servers", "false-host"] {
        let one = finding("1", 1, "10.0.0.5", "203.0.113.4", "drop.example", "critical");
        let doubtful = with(&one, "", &format!(r#""terms":[{{"signal":"{signal}","weight":3.0}}],"#));
        let list = |text: String| {
            printed(|out| {
                takedown(&picture(&[run("aa", std::slice::from_ref(&text))], &services()), false, out)
            })
        };
        assert!(list(one.clone()).contains("\"yes\",\"name\",\"drop.example\""));
        let claimed = one.replace("\"confirmed\":[\"drop.example\"]", "\"confirmed\":[]");
        assert!(!list(claimed).contains("\"yes\""), "only the client says that name");
        assert!(!list(doubtful).contains("\"yes\""), "{signal}");
    }
}

#[test]
fn what_one_capture_shows_of_an_address_holds_for_the_others() {
    let bare = finding("1", 1, "10.0.0.5", "203.0.113.4", "", "critical");
    let named = finding("2", 2, "10.0.0.6", "203.0.113.4", "drop.example", "critical");
    let list = |runs: &[Run]| printed(|out| takedown(&picture(runs, &services()), false, out));
    assert!(list(&[run("aa", std::slice::from_ref(&bare))]).contains("\"yes\",\"addr\",\"203.0.113.4\""));
    assert!(list(&[run("aa", &[bare]), run("bb", &[named])]).contains("\"no\",\"addr\",\"203.0.113.4\""));
}

#[test]
fn a_mailbox_is_listed_and_its_server_is_not() {
    let mail = finding("1", 1, "10.0.0.5", "203.0.113.25", "mail.hoster.example", "critical")
        .replace("\"http\"", "\"smtp\"")
        .replace("{\"passwords\":3}", "{\"passwords\":3},\"drop\":\"box@drop.example\"");
    let picture = picture(&[run("aa", &[mail])], &services());
    let list = printed(|out| takedown(&picture, true, out));
    assert_eq!(list.matches("\"yes\"").count(), 1, "{list}");
    assert!(list.contains("\"yes\",\"mailbox\",\"box[@]drop[.]example\""), "{list}");
}

/// Three servers of different victims and runs, with these fields of their servers.
fn three(fields: [&str; 3]) -> Picture {
    let of = |n: usize, server: &str| {
        let addr = format!("203.0.113.{}", n + 1);
        let one = finding(&n.to_string(), 1, &format!("10.0.0.{n}"), &addr, "", "high");
        run(&format!("c{n}"), &[with(&one, server, "")])
    };
    let runs: Vec<Run> = fields.iter().enumerate().map(|(n, server)| of(n, server)).collect();
    picture(&runs, &services())
}

#[test]
fn certificates_and_templates_make_groups_with_their_frames() {
    let cert = |sha: &str, subject: &str| {
        format!(
            r#""certificates":[{{"sha256":"{sha}","subject":"{subject}","issuer":"{subject}","self_signed":true,
            "capture":0,"frame":7}}],"#
        )
    };
    let picture = three([&cert("aa", "CN=one"), &cert("aa", "CN=one"), &cert("bb", "CN=one")]);
    assert_eq!(picture.servers.len(), 3, "a mark is no address");
    let kinds: Vec<&str> = picture.links.iter().map(|link| link.kind.as_str()).collect();
    assert_eq!(kinds, ["certificate", "certificate-names", "family"]);
    assert_eq!((picture.links[0].servers.len(), picture.links[1].servers.len()), (2, 3));
    let proof = &picture.links[0].proofs[0];
    assert_eq!((proof.frames.as_slice(), proof.sha256.as_str()), (&[(7, 7)][..], "c0"));
    assert_eq!(picture.groups.len(), 1);
    assert_eq!(picture.groups[0].servers.len(), 2, "default names make no owner");
    assert_eq!(picture.servers.iter().filter(|server| server.group.is_some()).count(), 2);

    let form = r#""templates":[{"form":"POST /gate.php [Host, Accept]","capture":0,"frame":9}],"#;
    let same = three([form, form, ""]);
    assert_eq!((same.links[0].kind.as_str(), same.groups.len()), ("template", 1));
}

#[test]
fn a_template_joins_no_two_families_and_no_service_of_many() {
    let form = r#""templates":[{"form":"POST /gate.php [Host]"}],"#;
    let of = |n: u8, family: &str, roles: &str| {
        let one = finding(&n.to_string(), 1, &format!("10.0.0.{n}"), &format!("203.0.113.{n}"), "", "high");
        let one = with(&one, &format!("\"roles\":[{roles}],{form}"), "");
        run(&format!("c{n}"), &[one.replace("LokiBot", family)])
    };
    let two = picture(&[of(1, "LokiBot", ""), of(2, "Vidar", "")], &services());
    assert_eq!((two.links.len(), two.groups.len()), (1, 0));
    let many = picture(&[of(1, "LokiBot", "\"messenger\""), of(2, "LokiBot", "\"messenger\"")], &services());
    assert!(many.links.iter().all(|link| link.kind == "family"), "{:?}", many.links);
}
