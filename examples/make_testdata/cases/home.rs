//! Devices and services that tempt: what they send looks like control traffic or theft by one measure or another.

use super::{Case, VICTIM};
use crate::net::{Net, noise};
use crate::tls;
use crate::web::{browsing, once};

pub fn cases() -> Vec<Case> {
    let benign = |name, about, wire| Case { name, about, expect: Vec::new(), wire };
    vec![
        benign(
            "benign-voice-bursts",
            "A speaker that listens: bursts of 30 to 90 KB up in TLS when it is spoken to, a heartbeat each 30 s.",
            voice,
        ),
        benign(
            "benign-camera-cloud",
            "A camera pushes pieces of film to its maker's name over one TLS connection, and pictures in the network.",
            camera,
        ),
        benign(
            "benign-lamp-polls",
            "A telephone asks the bridge of the lamps for their state each 2 s.",
            lamps,
        ),
        benign(
            "benign-agent-storm",
            "Agents of a monitoring server: a short connection with a length in it each second, to it and from it.",
            storm,
        ),
        benign(
            "benign-backup-packs",
            "A backup by REST to the organisation's own store by address: packs of random bytes, one POST each.",
            packs,
        ),
        benign(
            "benign-scada-polls",
            "A control room asks a station for registers each second, by Modbus over TCP and by a protocol of its own.",
            scada,
        ),
        benign(
            "benign-back-off",
            "A broker is down: a hub tries again after 1, 2, 4, ... seconds, then it is there.",
            back_off,
        ),
        benign(
            "benign-own-folder",
            "A folder in the web at home: files read and put by WebDAV, in clear, by address.",
            folder,
        ),
    ]
}

fn cert<'a>(subject: &'a [(&'a str, &'a str)], names: &'a [&'a str]) -> tls::Cert<'a> {
    tls::Cert {
        subject,
        issuer: &[("C", "XX"), ("O", "Example Trust"), ("CN", "Example Trust R3")],
        from: "260115000000Z",
        until: "260415000000Z",
        names,
    }
}

fn voice(net: &mut Net) {
    const NAME: &str = "voice.speaker.example";
    let client = "192.0.2.41";
    net.resolve(client, NAME, "198.51.100.101");
    let mut tcp = net.tcp(client, "198.51.100.101:443");
    tls::open(net, &mut tcp, &tls::SYSTEM, Some(NAME), Some(&cert(&[("CN", NAME)], &[NAME])));
    for n in 0..40_usize {
        if n % 13 == 4 {
            tls::data(net, &mut tcp, true, 30_000 + 1_700 * n);
            net.wait_ms(700);
            tls::data(net, &mut tcp, false, 9_000 + 311 * n);
        }
        tls::data(net, &mut tcp, true, 46);
        tls::data(net, &mut tcp, false, 39);
        net.wait_ms(29_800);
    }
    net.close(tcp);
}

fn camera(net: &mut Net) {
    const NAME: &str = "relay.camera.example";
    let client = "192.0.2.42";
    net.resolve(client, NAME, "198.51.100.102");
    let mut tcp = net.tcp(client, "198.51.100.102:443");
    tls::open(net, &mut tcp, &tls::SYSTEM, Some(NAME), Some(&cert(&[("CN", NAME)], &[NAME])));
    for n in 0..16_usize {
        tls::data(net, &mut tcp, true, 7_000 + 37 * (n % 5));
        tls::data(net, &mut tcp, false, 24);
        net.wait_ms(4_000);
    }
    net.close(tcp);
    for n in 0..6_u64 {
        let picture = [&[0xff, 0xd8, 0xff, 0xe0][..], &noise(n + 7, 9_000)].concat();
        once(
            net,
            "10.0.0.42",
            "10.0.0.5:80",
            ("POST /snapshot", &["Host: 10.0.0.5", "Content-Type: image/jpeg"], &picture),
            ("200 OK", "text/plain", b"ok"),
        );
        net.wait_ms(10_000);
    }
}

fn lamps(net: &mut Net) {
    for n in 0..90_u64 {
        let state = format!("{{\"1\":{{\"on\":{},\"bri\":{}}}}}", n % 30 < 20, 100 + n / 30);
        once(
            net,
            "10.0.0.51",
            "10.0.0.50:80",
            (
                "GET /api/1kQw9ZpL0aYdHs7fTnVbXcRmEuJg2i4o6B8rC3xM/lights",
                &["Host: 10.0.0.50", "User-Agent: okhttp/4.12.0", "Accept: application/json"],
                b"",
            ),
            ("200 OK", "application/json", state.as_bytes()),
        );
        net.wait_ms(1_900);
    }
}

/// A message of the agent: its mark, a flag, the length in eight bytes, JSON.
fn agent(text: &str) -> Vec<u8> {
    [&b"ZBXD\x01"[..], &(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn storm(net: &mut Net) {
    for n in 0..60_u64 {
        let mut tcp = net.tcp(VICTIM, "198.51.100.103:10051");
        let report = format!(
            "{{\"request\":\"agent data\",\"host\":\"EXAMPLE-PC\",\"data\":[{{\"key\":\"cpu\",\"value\":\"{}\"}}]}}",
            n % 7
        );
        net.up(&mut tcp, &agent(&report));
        net.down(&mut tcp, &agent("{\"response\":\"success\",\"info\":\"processed: 1; failed: 0\"}"));
        net.close(tcp);
        net.wait_ms(400);
        let mut tcp = net.tcp("198.51.100.103", "192.0.2.10:10050");
        net.up(&mut tcp, &agent("system.uptime"));
        net.down(&mut tcp, &agent(&format!("{}", 40_000 + n)));
        net.close(tcp);
        net.wait_ms(600);
    }
}

fn packs(net: &mut Net) {
    for n in 0..12_u64 {
        let path = format!(
            "POST /repo/data/{}",
            noise(n, 32).iter().map(|b| format!("{b:02x}")).collect::<String>()
        );
        once(
            net,
            "10.0.0.61",
            "10.0.0.60:8000",
            (
                &path,
                &[
                    "Host: 10.0.0.60:8000",
                    "User-Agent: Go-http-client/1.1",
                    "Content-Type: application/octet-stream",
                ],
                &noise(n + 60, 24_000),
            ),
            ("200 OK", "text/plain", b""),
        );
        net.wait_ms(500);
    }
}

fn scada(net: &mut Net) {
    let mut bus = net.tcp("10.0.1.9", "10.0.1.20:502");
    let mut own = net.tcp("10.0.1.9", "198.51.100.104:20000");
    for n in 0..90_u16 {
        let id = n.to_be_bytes();
        net.up(&mut bus, &[id[0], id[1], 0, 0, 0, 6, 1, 3, 0, 16, 0, 4]);
        net.down(
            &mut bus,
            &[&[id[0], id[1], 0, 0, 0, 11, 1, 3, 8][..], &noise(u64::from(n / 9), 8)].concat(),
        );
        // A frame of DNP3 in outline: its mark, length, control, addresses.
        net.up(
            &mut own,
            &[0x05, 0x64, 0x0b, 0xc4, 1, 0, 3, 0, 0x7a, 0x11, 0xc0 | (n as u8 & 15), 0xc1, 1, 60, 2, 6, 9, 9],
        );
        net.down(
            &mut own,
            &[&[0x05, 0x64, 0x12, 0x44, 3, 0, 1, 0][..], &noise(u64::from(n / 9), 20)].concat(),
        );
        net.wait_ms(990);
    }
    net.close(bus);
    net.close(own);
}

fn back_off(net: &mut Net) {
    let client = "192.0.2.43";
    net.resolve(client, "broker.hub.example", "198.51.100.105");
    for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        net.attempt(client, "198.51.100.105:1883", true);
        net.wait_ms(pause);
    }
    let mut tcp = net.tcp(client, "198.51.100.105:1883");
    net.up(&mut tcp, b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03hub");
    net.down(&mut tcp, &[0x20, 2, 0, 0]);
    for _ in 0..6 {
        net.wait_ms(60_000);
        net.up(&mut tcp, &[0xc0, 0]);
        net.down(&mut tcp, &[0xd0, 0]);
    }
    net.close(tcp);
}

fn folder(net: &mut Net) {
    browsing(net, VICTIM);
    let agent = "User-Agent: Microsoft-WebDAV-MiniRedir/10.0.26100";
    let host = "Host: 10.0.0.70";
    let ask = |net: &mut Net, line: &str, body: &[u8], status, answer: &[u8]| {
        once(
            net,
            "10.0.0.10",
            "10.0.0.70:80",
            (line, &[host, agent], body),
            (status, "application/xml", answer),
        );
        net.wait_ms(300);
    };
    let listing = b"<D:multistatus xmlns:D=\"DAV:\"><D:response/></D:multistatus>";
    ask(net, "OPTIONS /", b"", "200 OK", b"");
    ask(net, "PROPFIND /tools", b"", "207 Multi-Status", listing);
    ask(net, "GET /tools/setup.exe", b"", "200 OK", &crate::web::program(9_000));
    ask(net, "MKCOL /letters/2026", b"", "201 Created", b"");
    for n in 0..4_u64 {
        ask(net, &format!("PUT /letters/2026/{n}.docx"), &noise(n, 7_000), "201 Created", b"");
    }
}
