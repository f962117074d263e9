//! Ordinary traffic that has a thief's shape in one respect.

use super::{Case, VICTIM};
use crate::net::{Net, noise};
use crate::web::{BROWSER, browsing, end, once, part, request, response};
use crate::{quic, tls};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use std::net::SocketAddr;

pub fn cases() -> Vec<Case> {
    let benign = |name, about, wire| Case { name, about, expect: Vec::new(), wire };
    vec![
        benign(
            "benign-cloud-backup",
            "A backup client pushes 1.5 MB in equal pieces to a named service with an ordinary certificate.",
            cloud_backup,
        ),
        benign(
            "benign-quic-upload",
            "A person puts a 400 KB film on a video site with a browser that speaks QUIC.",
            quic_upload,
        ),
        benign("benign-form-upload", "A person sends a photograph and a form with a browser.", form_upload),
        benign("benign-telemetry", "A program reports 200 bytes of JSON to its maker each 10 s.", telemetry),
        benign(
            "benign-mail-attachment",
            "A mail program submits a letter with a ZIP of pictures.",
            mail_attachment,
        ),
        benign("benign-monitoring", "A monitoring server polls an agent each 5 s.", monitoring),
        benign(
            "benign-software-update",
            "An updater fetches a program in pieces and reports success.",
            software_update,
        ),
        benign("benign-video-call", "A call: UDP both ways at a steady rate, more up than down.", video_call),
        benign(
            "benign-chat",
            "A chat client: one long TLS connection, a heartbeat each 41 s, a few messages.",
            chat,
        ),
        benign(
            "benign-smart-lock",
            "A lock's hub: 31 bytes to a bare public address on an odd port each minute, answered.",
            smart_lock,
        ),
        benign("benign-ntp", "A clock: NTP each 64 s.", ntp),
        benign(
            "benign-internal-panel",
            "A control device posts encrypted bodies to its controller in the LAN each 5 s.",
            internal_panel,
        ),
    ]
}

fn named(net: &mut Net, name: &'static str, addr: &str) -> crate::net::Tcp {
    net.resolve(VICTIM, name, addr);
    let mut tcp = net.tcp(VICTIM, &format!("{addr}:443"));
    let own = tls::Cert {
        subject: &[("CN", name)],
        issuer: &[("C", "XX"), ("O", "Example Trust"), ("CN", "Example Trust R3")],
        from: "260115000000Z",
        until: "260415000000Z",
        names: &[name],
    };
    tls::open(net, &mut tcp, &tls::BROWSER, Some(name), Some(&own));
    tcp
}

fn cloud_backup(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = named(net, "upload.backup.example", "198.51.100.20");
    tls::data(net, &mut tcp, true, 900);
    tls::data(net, &mut tcp, false, 2400);
    for _ in 0..6 {
        tls::data(net, &mut tcp, true, 256_000);
        tls::data(net, &mut tcp, false, 310);
        net.wait_ms(900);
    }
    net.close(tcp);
}

fn quic_upload(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "upload.video.example", "198.51.100.33");
    let mut site = quic::open(net, VICTIM, "198.51.100.33:443", "upload.video.example");
    site.data(net, true, 900);
    site.data(net, false, 30_000);
    for _ in 0..7 {
        net.wait_ms(400);
        site.data(net, true, 60_000);
        site.data(net, false, 250);
    }
}

fn form_upload(net: &mut Net) {
    net.resolve(VICTIM, "photos.example", "198.51.100.21");
    let mut tcp = net.tcp(VICTIM, "198.51.100.21:80");
    let mut headers = vec!["Host: photos.example"];
    headers.extend(BROWSER);
    request(net, &mut tcp, "GET /album/new", &headers, b"");
    response(
        net,
        &mut tcp,
        "200 OK",
        "text/html",
        "<form enctype=multipart/form-data>".repeat(90).as_bytes(),
    );
    net.wait_ms(24_000);
    let b = "----WebKitFormBoundaryA1b2C3d4E5f6G7h8";
    let mut body = part(b, "title", None, b"Goats on a hill");
    body.extend(part(
        b,
        "photo",
        Some(("goats.jpg", "image/jpeg")),
        &[&[0xff, 0xd8, 0xff, 0xe0][..], &noise(2, 240_000)].concat(),
    ));
    body.extend(end(b));
    let kind = format!("Content-Type: multipart/form-data; boundary={b}");
    headers.extend([
        "Origin: http://photos.example",
        "Referer: http://photos.example/album/new",
        "Cookie: session=0123456789abcdef",
        &kind,
    ]);
    request(net, &mut tcp, "POST /album", &headers, &body);
    response(net, &mut tcp, "200 OK", "text/html", "<p>Your picture was stored.</p>".repeat(200).as_bytes());
    net.close(tcp);
}

fn telemetry(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "stats.editor.example", "198.51.100.22");
    for n in 0..40 {
        let body = format!(
            "{{\"session\":\"7f3a\",\"sequence\":{n},\"events\":[{{\"name\":\"cursor\",\"count\":{}}}],\"version\":\"4.2.1\"}}",
            n * 3
        );
        once(
            net,
            VICTIM,
            "198.51.100.22:80",
            (
                "POST /v2/events",
                &[
                    "Host: stats.editor.example",
                    "User-Agent: ExampleEditor/4.2.1 (Windows NT 10.0; Win64; x64)",
                    "Accept: application/json",
                    "Accept-Encoding: gzip",
                    "Content-Type: application/json",
                ],
                body.as_bytes(),
            ),
            ("202 Accepted", "application/json", b"{\"ok\":true}"),
        );
        net.wait_ms(9_900);
    }
}

fn mail_attachment(net: &mut Net) {
    net.resolve(VICTIM, "smtp.provider.example", "198.51.100.25");
    let mut tcp = net.tcp(VICTIM, "198.51.100.25:587");
    net.down(&mut tcp, b"220 smtp.provider.example ESMTP\r\n");
    for (ask, answer) in [
        ("EHLO [192.0.2.10]", "250-smtp.provider.example\r\n250 AUTH PLAIN"),
        (&*format!("AUTH PLAIN {}", B64.encode("\0erika@provider.example\0not-a-password")), "235 2.7.0 ok"),
        ("MAIL FROM:<erika@provider.example> BODY=8BITMIME", "250 ok"),
        ("RCPT TO:<max@elsewhere.example>", "250 ok"),
        ("DATA", "354 go ahead"),
    ] {
        net.up(&mut tcp, format!("{ask}\r\n").as_bytes());
        net.wait_ms(20);
        net.down(&mut tcp, format!("{answer}\r\n").as_bytes());
    }
    let archive = crate::net::zip(&[
        ("holiday/beach.jpg", &noise(4, 31_000)),
        ("holiday/goats.jpg", &noise(5, 28_000)),
    ]);
    let lines: Vec<String> = B64
        .encode(archive)
        .as_bytes()
        .chunks(72)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let mail = format!(
        "Message-ID: <0a1b2c3d@provider.example>\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\nUser-Agent: Mozilla Thunderbird\r\nContent-Language: en-GB\r\nTo: Max <max@elsewhere.example>\r\nFrom: Erika <erika@provider.example>\r\nSubject: Pictures of the holiday\r\nContent-Type: multipart/mixed; boundary=\"------------Qx1\"\r\n\r\n--------------Qx1\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nDear Max,\r\nhere are the pictures I promised. See you on Sunday!\r\n\r\n--------------Qx1\r\nContent-Type: application/zip; name=\"holiday.zip\"\r\nContent-Disposition: attachment; filename=\"holiday.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--------------Qx1--\r\n.\r\n",
        lines.join("\r\n")
    );
    net.up(&mut tcp, mail.as_bytes());
    net.down(&mut tcp, b"250 2.0.0 queued\r\n");
    net.up(&mut tcp, b"QUIT\r\n");
    net.down(&mut tcp, b"221 bye\r\n");
    net.close(tcp);
}

fn monitoring(net: &mut Net) {
    for n in 0..60_u64 {
        let mut tcp = net.tcp("192.0.2.200", "192.0.2.10:10050");
        net.up(&mut tcp, b"ZBXD\x01\x0e\0\0\0\0\0\0\0agent.ping_all");
        net.down(&mut tcp, format!("ZBXD\x01\x02\0\0\0\0\0\0\0{n:02}").as_bytes());
        net.close(tcp);
        net.wait_ms(4_950);
    }
}

fn software_update(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "download.editor.example", "198.51.100.26");
    let headers = ["Host: download.editor.example", "User-Agent: ExampleUpdater/1.9", "Accept: */*"];
    let mut tcp = net.tcp(VICTIM, "198.51.100.26:80");
    request(net, &mut tcp, "GET /stable/manifest.json", &headers, b"");
    response(net, &mut tcp, "200 OK", "application/json", b"{\"version\":\"4.2.2\",\"size\":600000}");
    for n in 0..3 {
        let range = format!("Range: bytes={}-{}", n * 200_000, n * 200_000 + 199_999);
        request(
            net,
            &mut tcp,
            "GET /stable/editor-4.2.2.exe",
            &[headers[0], headers[1], headers[2], &range],
            b"",
        );
        response(
            net,
            &mut tcp,
            "206 Partial Content",
            "application/octet-stream",
            &crate::web::program(200_000),
        );
    }
    request(
        net,
        &mut tcp,
        "POST /stable/report",
        &[headers[0], headers[1], headers[2], "Content-Type: application/json"],
        b"{\"from\":\"4.2.1\",\"to\":\"4.2.2\",\"result\":\"ok\"}",
    );
    response(net, &mut tcp, "204 No Content", "text/plain", b"");
    net.close(tcp);
}

fn video_call(net: &mut Net) {
    browsing(net, VICTIM);
    let own: SocketAddr = "192.0.2.10:52111".parse().expect("address");
    let peer: SocketAddr = "198.51.100.27:3478".parse().expect("address");
    for n in 0..900_u64 {
        let head = [0x80, 0x60, (n >> 8) as u8, n as u8, 0, 0, 0, 1, 0, 0, 0, 7];
        net.udp(own, peer, &[&head[..], &noise(n, 700)].concat());
        if n % 3 == 0 {
            net.udp(peer, own, &[&head[..], &noise(n + 5000, 400)].concat());
        }
        net.wait_ms(20);
    }
}

fn chat(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = named(net, "gateway.chat.example", "198.51.100.28");
    tls::data(net, &mut tcp, true, 1200);
    tls::data(net, &mut tcp, false, 48_000);
    for n in 0..18 {
        net.wait_ms(41_250);
        tls::data(net, &mut tcp, true, 30);
        tls::data(net, &mut tcp, false, 24);
        if n % 4 == 1 {
            tls::data(net, &mut tcp, true, 260 + 31 * n);
            tls::data(net, &mut tcp, false, 700 + 90 * n);
        }
    }
    net.close(tcp);
}

fn smart_lock(net: &mut Net) {
    let mut tcp = net.tcp("192.0.2.30", "198.51.100.29:9999");
    for n in 0..90_u64 {
        net.up(&mut tcp, &[&[0x30, 0x1d, 0, 5][..], b"lock/state", &noise(n / 30, 17)].concat());
        net.down(&mut tcp, &[&[0x40, 0x24][..], &noise(n / 30 + 50, 36)].concat());
        net.wait_ms(59_900);
    }
}

fn ntp(net: &mut Net) {
    let own: SocketAddr = "192.0.2.10:123".parse().expect("address");
    let peer: SocketAddr = "198.51.100.30:123".parse().expect("address");
    for n in 0..40 {
        let mut packet = [0_u8; 48];
        packet[0] = 0x23;
        packet[40..].copy_from_slice(&noise(n, 8));
        net.udp(own, peer, &packet);
        net.wait_ms(18);
        packet[0] = 0x24;
        packet[1] = 2;
        packet[24..40].copy_from_slice(&noise(n + 100, 16));
        net.udp(peer, own, &packet);
        net.wait_ms(63_980);
    }
}

fn internal_panel(net: &mut Net) {
    for n in 0..80_u64 {
        once(
            net,
            "10.0.0.31",
            "10.0.0.1:8080",
            (
                "POST /inform",
                &[
                    "Host: 10.0.0.1:8080",
                    "Accept: application/x-binary",
                    "Content-Type: application/x-binary",
                    "User-Agent: AirControl Agent v1.0",
                ],
                &[b"TNBU\0\0\0\0", &noise(n, 1400)[..]].concat(),
            ),
            ("200 OK", "application/x-binary", &noise(n + 999, 190)),
        );
        net.wait_ms(4_700);
    }
}
