//! Thieves of recent years as a whole, on a workstation that does other things besides: each must be found by behaviour
//! alone, whatever it is called.

use super::finding::Level;
use super::testing::{body, certificate, flow, request};
use super::{Options, Rules, Verdict, detect};
use crate::record::{Body, Certificate, Flow, Other, Part, Records, Shape, SideName, Smtp};
use crate::time::Duration;
use SideName::{Client, Server};

const THIEF: &str = "203.0.113.77";

/// Hellos and pages of an ordinary half hour.
fn day() -> Vec<Flow> {
    let names = ["www.news.example", "static.news.example", "mail.office.example", "chat.office.example"];
    let pages = (0..24).map(|n: i64| {
        let name = names[usize::try_from(n).unwrap_or(0) % names.len()];
        let cert = aged(certificate(&format!("CN={name}"), "CN=R3", &[name]), 40);
        flow(&format!("198.51.100.{}", 20 + n % 4), 443)
            .at_ms(n * 70_000)
            .tls(Some(name), Some(cert))
            .payload(2_400, 90_000)
            .build()
    });
    pages.collect()
}

fn aged(mut cert: Certificate, days: i64) -> Certificate {
    cert.not_before = cert.not_before - Duration::from_secs(days * 86_400);
    cert
}

fn named(ms: i64, server: &str, name: &str, up: u64, down: u64) -> Flow {
    flow(server, 443)
        .at_ms(ms)
        .tls(Some(name), None)
        .turns(&[(Client, 10, 500), (Server, 60, down), (Client, 120, up), (Server, 400, 200)])
        .payload(up + 500, down + 200)
        .build()
}

fn bare(ms: i64, port: u16, up: u64, down: u64) -> Flow {
    let own = aged(certificate("CN=quay", "CN=quay", &[]), 200);
    flow(THIEF, port)
        .at_ms(ms)
        .tls(None, Some(own))
        .turns(&[(Client, 10, 500), (Server, 60, down), (Client, 120, up), (Server, 400, 200)])
        .payload(up + 500, down + 200)
        .edit(|flow| flow.tls.iter_mut().for_each(|tls| tls.frame = Some(4)))
        .build()
}

fn fails(ms: i64, name: &str) -> Flow {
    flow("192.0.2.1", 53)
        .at_ms(ms)
        .dns(name, "A", &[])
        .edit(|flow| flow.dns[0].rcode = Some("NXDOMAIN".into()))
        .build()
}

fn asks(ms: i64, name: &str, addr: &str) -> Flow {
    flow("192.0.2.1", 53).at_ms(ms).dns(name, "A", &[addr]).build()
}

fn stream(ms: i64, port: u16, first: (&[u8], &[u8]), body: Body, turns: &[(SideName, i64, u64)]) -> Flow {
    let of = |side| turns.iter().filter(|turn| turn.0 == side).map(|turn| turn.2).sum();
    flow(THIEF, port)
        .at_ms(ms)
        .first(first.0, first.1)
        .other(Other { to_server: Some(Box::new(body)), ..Other::default() })
        .turns(turns)
        .payload(of(Client), of(Server))
        .build()
}

fn cipher(bytes: u64) -> Body {
    Body { bytes, shape: Some(Shape::Binary), entropy: Some(7.95), ..Body::default() }
}

fn judge(flows: Vec<Flow>) -> Verdict {
    let records = Records { flows: [day(), flows].concat().into(), ..Records::default() };
    let options = Options { behaviour_only: true, ..Options::default() };
    detect(records, &Rules::shipped().unwrap(), &options)
}

fn cases() -> Vec<(&'static str, Vec<Flow>)> {
    let dead = ["willow-lamp.com", "copperplum.net", "marshkite.org", "ferrytop.com", "pinelathe.net"];
    let walk = || dead.iter().zip(600..).map(|(name, n)| fails(n * 1000, name));
    let t_me = || named(600_000, "198.51.100.91", "t.me", 300, 9_000);
    let steam = || named(601_000, "198.51.100.92", "steamcommunity.com", 300, 30_000);
    let own = "kelp-and-quay.com";
    let gate = |ms, up, down| named(ms, THIEF, own, up, down);
    let lookup = |name| named(600_000, "198.51.100.93", name, 300, 900);
    let zip = || super::testing::zip(1_400_000, &[]);
    let curl = |path: &str| {
        let part = Part { name: Some("file".into()), body: zip(), value: None };
        let form =
            Body { parts: vec![part], declared: Some("multipart/form-data".into()), ..body(1_400_400) };
        request(
            "POST",
            THIEF,
            path,
            &[("User-Agent", "curl/8.7.1"), ("user", "a"), ("BuildID", "b")],
            Some(form),
        )
    };
    let starttls = Smtp { ehlo: Some("EXAMPLE-PC".into()), ..Smtp::default() };
    let mails = |ms| {
        flow(THIEF, 587)
            .at_ms(ms)
            .smtp(starttls.clone())
            .tls(None, None)
            .edit(|flow| flow.tls.iter_mut().for_each(|tls| tls.after = Some("starttls-smtp".into())))
            .payload(24_000, 3_000)
            .build()
    };
    let hook = |name| named(606_000, "198.51.100.95", name, 180_000, 4_000);
    let pings: Vec<(SideName, i64, u64)> = (0..60)
        .map(|n| if n % 2 == 0 { (Client, n * 5_000, 66) } else { (Server, n * 5_000 + 90, 51) })
        .collect();
    vec![
        (
            "walk then uploads in TLS",
            walk()
                .chain([
                    asks(606_000, own, THIEF),
                    gate(606_500, 300, 9_000),
                    gate(607_000, 60_000, 300),
                    gate(608_000, 140_000, 200),
                ])
                .collect(),
        ),
        (
            "steam, walk, uploads",
            [steam()]
                .into_iter()
                .chain(walk())
                .chain([asks(606_000, own, THIEF), gate(607_000, 60_000, 300), gate(608_000, 140_000, 200)])
                .collect(),
        ),
        (
            "two drops, bare address",
            vec![
                t_me(),
                steam(),
                bare(604_000, 443, 300, 2_000_000),
                bare(606_000, 443, 90_000, 300),
                bare(607_000, 443, 190_000, 300),
            ],
        ),
        (
            "two drops, named",
            vec![
                t_me(),
                steam(),
                asks(603_000, own, THIEF),
                gate(604_000, 300, 2_000_000),
                gate(606_000, 90_000, 300),
                gate(607_000, 190_000, 300),
            ],
        ),
        (
            "bare TLS on an odd port",
            vec![bare(604_000, 8888, 300, 900_000), bare(606_000, 8888, 700_000, 300)],
        ),
        ("bot", vec![lookup("api.ipify.org"), hook("api.telegram.org")]),
        ("webhook", vec![lookup("ip-api.com"), hook("discord.com")]),
        ("file host", vec![lookup("api.ipify.org"), hook("store1.gofile.io")]),
        (
            "raw frames",
            vec![
                lookup("ipinfo.io"),
                stream(
                    604_000,
                    50500,
                    (&[9, 2, 0, 0, 0x27, 0x81], &[8, 0, 0, 0]),
                    cipher(400_000),
                    &[(Client, 10, 13), (Server, 60, 400), (Client, 90, 400_000), (Server, 900, 12)],
                ),
            ],
        ),
        (
            "raw base64",
            vec![stream(
                604_000,
                15666,
                (b"UEsDBBQAAAAIAAAAIQ", b""),
                Body { shape: Some(Shape::Base64), ..body(1_200_000) },
                &[(Client, 10, 1_200_000)],
            )],
        ),
        (
            "net.tcp",
            vec![stream(
                604_000,
                1912,
                (b"\0\x01\0\x01\x02\x02\x20net.tcp://203.0.113.77", &[0x0b]),
                cipher(600_000),
                &[
                    (Client, 10, 50),
                    (Server, 60, 1),
                    (Client, 90, 300),
                    (Server, 190, 4_000),
                    (Client, 290, 600_000),
                    (Server, 900, 60),
                ],
            )],
        ),
        ("curl of a zip", vec![flow(THIEF, 80).at_ms(604_000).http(curl("/joinsystem")).build()]),
        (
            "look-ups and mail in TLS",
            (0..6)
                .map(|n| {
                    flow("198.51.100.96", 80)
                        .at_ms(600_000 + n * 400)
                        .http(request(
                            "GET",
                            "checkip.dyndns.org",
                            "/",
                            &[(
                                "User-Agent",
                                "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.2; .NET CLR1.0.3705;)",
                            )],
                            None,
                        ))
                        .build()
                })
                .chain([
                    named(603_000, "198.51.100.97", "reallyfreegeoip.org", 300, 900),
                    mails(620_000),
                    mails(626_000),
                ])
                .collect(),
        ),
        (
            "AES frames with pings",
            vec![stream(
                604_000,
                7000,
                (b"224\0\x9d\x11\xf3\x48\x27\x61\xb3\xc5", b"48\0\x5a\x17\x93\x41\x06"),
                cipher(2_200),
                &[&[(Client, 0, 228)][..], &pings].concat(),
            )],
        ),
        ("self-signed upload", vec![bare(604_000, 56001, 1_100_000, 4_000)]),
        (
            "chain node then uploads",
            vec![
                named(600_000, "198.51.100.98", "bsc-dataseed1.binance.org", 700, 900),
                asks(603_000, own, THIEF),
                gate(604_000, 90_000, 300),
            ],
        ),
        (
            "young certificate and lookup",
            vec![
                lookup("api.ipify.org"),
                asks(603_000, own, THIEF),
                flow(THIEF, 443)
                    .at_ms(605_000)
                    .tls(Some(own), Some(certificate("CN=kelp-and-quay.com", "CN=R3", &[own])))
                    .payload(240_000, 3_000)
                    .build(),
            ],
        ),
    ]
}

/// What behaviour alone leaves `low`: to a service of .NET that sends much, a business program's upload is the same.
const NAMED_BY_RULES: [&str; 1] = ["net.tcp"];

#[test]
fn thieves_are_found_by_what_they_do() {
    for (what, flows) in cases() {
        let verdict = judge(flows);
        let best = verdict.findings.iter().map(|finding| finding.level).max();
        let least = if NAMED_BY_RULES.contains(&what) { Level::Low } else { Level::Medium };
        assert!(best >= Some(least), "{what}: {best:?}");
        let wrong = verdict.findings.iter().find(|finding| {
            finding.level > Level::Low
                && finding.server.addrs.iter().any(|addr| addr.to_string().starts_with("198.51.100.2"))
        });
        assert!(wrong.is_none(), "{what}: {wrong:?}");
    }
}

#[test]
fn an_ordinary_day_is_quiet() {
    let verdict = judge(Vec::new());
    assert!(verdict.findings.iter().all(|finding| finding.level == Level::Low), "{:?}", verdict.findings);
    // A page read on one such place and a photograph sent to another: people do so.
    let page = named(600_000, "198.51.100.92", "steamcommunity.com", 300, 30_000);
    let photo = named(620_000, THIEF, "photos.kelp-and-quay.com", 900_000, 300);
    let verdict = judge(vec![page, photo]);
    assert!(verdict.findings.iter().all(|finding| finding.level == Level::Low), "{:?}", verdict.findings);
    // A private network has certificates of its own.
    let mut tunnel = bare(630_000, 56_001, 1_100_000, 400_000);
    tunnel.tls.iter_mut().for_each(|tls| tls.after = Some("openvpn".into()));
    let verdict = judge(vec![tunnel]);
    assert!(verdict.findings.iter().all(|finding| finding.level == Level::Low), "{:?}", verdict.findings);
}
