//! Families of which little is known: each hint speaks about what it is for.

use super::build::*;
use crate::record::{Archive, Body, Exchange, Flow, Other, Shape};

const SERVER: &str = "203.0.113.95:80";
const BARE: &str = "Host: 203.0.113.95";

fn at(server: &str, line: &str, headers: &str, body: Option<Body>) -> Flow {
    let exchange = request(line, headers);
    http(server, 5, [body.map_or_else(|| exchange.clone(), |body| exchange.clone().with(body))])
}

fn post(path: &str, headers: &str, body: Body) -> Flow {
    at(SERVER, &format!("POST {path}"), headers, Some(body))
}

fn get(path: &str, headers: &str) -> Flow {
    at(SERVER, &format!("GET {path}"), headers, None)
}

fn dense(length: u64) -> Body {
    Body { entropy: Some(7.9), ..bytes(length, Shape::Binary, &[0x9d, 0x11, 0xf3, 0x48]) }
}

fn stream(port: u16, up: Body, turns: &[(char, i64, u64)], first: (&[u8], &[u8])) -> Flow {
    let mut flow = raw(&format!("203.0.113.95:{port}"), 5, first, turns);
    flow.payload.to_server = up.bytes;
    flow.other = Some(Box::new(Other { to_server: Some(Box::new(up)), ..Other::default() }));
    flow
}

fn json(body: Body) -> Body {
    Body { shape: Some(Shape::Json), ..body }
}

#[test]
fn archives_by_name_and_place() {
    let part = |name: &str| multipart(&[("document", Some(name), zip(90_000, &["Passwords.txt"]))]);
    let bot = |name: &str| vec![post("/bot1:x/sendDocument", "Host: a.example", part(name))];
    names(bot("[NZ]_192.0.2.10_EXAMPLE-PC.zip"), "pxa-archive");
    assert!(say(bot("holiday.zip")).iter().all(|said| said.signal != "pxa-archive"));
    let loot = || multipart(&[("file", Some("out.zip"), zip(90_000, &[]))]);
    names(
        vec![post("/upload", "Host: 203.0.113.95\nUser-Agent: python-requests/2.31", loot())],
        "macstealer-upload",
    );
    let go = "Host: 203.0.113.95:4000\nUser-Agent: Go-http-client/1.1";
    names(vec![at("203.0.113.95:4000", "POST /notify", go, Some(dense(40_000)))], "cthulhu-archive");
    let packed = Archive { kind: "zip".into(), ..Archive::default() };
    let wrapped = json(Body { archive: Some(Box::new(packed)), ..bytes(60_000, Shape::Json, b"{") });
    names(vec![post("/x", "Host: quay-boats.shop", wrapped)], "aurastealer-json");
    names(
        vec![post("/log", "Host: a.example\nUser-Agent: curl/8.4\nusername: erika", zip(900, &[]))],
        "odyssey-log",
    );
    let inside = zip(40_000, &["PC_info.txt"]);
    names(vec![at("203.0.113.95:9090", "PUT /a1b2c_report", BARE, Some(inside))], "whitesnake-layout");
    names(vec![at("203.0.113.95:6767", "POST /part", BARE, Some(dense(40_000)))], "santastealer-parts");
    let gate = multipart(&[("filename", None, text("a")), ("f", Some("a.zip"), zip(9_000, &[]))]);
    names(vec![post("/m/gate.php", "Host: a.example", gate)], "phemedrone-gate");
}

#[test]
fn paths_of_panels() {
    let some = || bytes(200, Shape::Base64, b"QUJD");
    names(
        vec![post(
            "/api/webhooks/12345678901234567/x",
            "Host: a.example\nUser-Agent: Go-http-client/1.1",
            some(),
        )],
        "skuld-embed",
    );
    names(vec![post("/send/", BARE, bytes(60_000, Shape::Json, b"{"))], "banshee-send");
    let twice: Vec<Flow> = (0..2).map(|_| post("/static.php", BARE, some())).collect();
    names(twice, "cuckoo-static");
    let library = get("/request", BARE);
    let mut library = library;
    library.http[0].response = Some(Box::new(zip(2_000_000, &["nss3.dll"])));
    let loot = multipart(&[("hwid", None, text("A1")), ("file", Some("a.zip"), zip(9_000, &[]))]);
    names(vec![library, post("/g.php", BARE, loot)], "mars-request");
    names(vec![post("/", "Host: a.example", form("id=A&data=B&act=1000"))], "darkgate-form");
    names(vec![post("/live/", "Host: a.example", some())], "latrodectus-path");
    names(vec![post("/gate", "Host: a.example\nUser-Agent: bumblebee", some())], "bumblebee-agent");
    names(vec![get("/get_settings.php", BARE), post("/set_file.php", BARE, dense(9_000))], "risepro-http");
    names(vec![get("/gateway/a1b2c3d4.e5f6g7", BARE)], "rhadamanthys-gateway");
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    names(vec![get(&format!("/ujs/{uuid}"), BARE), post("/Up/b", BARE, dense(9_000))], "acr-dead-drop");
    names(vec![get(&format!("/m/get_task/{uuid}"), BARE)], "eddiestealer-task");
    let answered =
        request("POST /out.php", BARE).with(dense(900)).answered(200, bytes(2, Shape::Text, b"KH"));
    names(vec![http(SERVER, 5, [answered])], "strelastealer-answer");
    names(vec![at("203.0.113.95:1244", "POST /uploads", BARE, Some(dense(900)))], "beavertail-upload");
    let ping = request("GET /ping", BARE).answered(200, bytes(2, Shape::Text, b"OK"));
    names(vec![http(SERVER, 5, [ping, request("GET /plugin", BARE)])], "purelogs-ping");
    names(vec![post("/", BARE, form("profile=1&profile_id=2&hwid=3&token=4"))], "vidar-2022");
    let polls = |n: i64| -> Exchange { request(&format!("POST /?{n}"), BARE) };
    let poll: Vec<Flow> = (0..5).map(|n| http(SERVER, n * 55, [polls(n).with(some())])).collect();
    names(poll, "solarmarker-poll");
}

#[test]
fn frameworks() {
    let body = bytes(300, Shape::Binary, &[0, 0, 1, 0x28, 0xde, 0xad, 0xbe, 0xef]);
    names(vec![post("/index.aspx", "Host: a.example", body)], "havoc-magic");
    let cookie = "Host: a.example\nCookie: PHPSESSID=<32>";
    let code = bytes(300, Shape::Base64, b"QUJD");
    let asks = get("/font/site.woff?q=7a5k3j9d2", cookie);
    names(vec![post("/login.php?z=81h72k9d0", cookie, code), asks], "sliver-posts");
    let own = Some(("CN=abcdefgh", "CN=abcdefgh"));
    names(vec![tls("203.0.113.95:4444", 5, None, own)], "meterpreter-certificate");
    names(vec![tls("203.0.113.95:13721", 5, None, Some(("CN=a b", "CN=a b")))], "pikabot-ports");
    let mut print = tls("203.0.113.95:2404", 5, None, None);
    print.tls.as_mut().expect("tls").ja3 = Some("a85be79f7b569f1df5e6087b69deb493".into());
    names(vec![print], "remcos-ja3");
}

#[test]
fn streams() {
    names(vec![stream(13219, dense(9_000), &[('c', 0, 9_000)], (&[9, 1], b""))], "mystic-ports");
    let hello: Vec<(char, i64, u64)> = (0..8).map(|n| ('c', n * 5, 90)).collect();
    names(vec![stream(443, dense(720), &hello, (&[9, 1], b""))], "lobshot-hello");
    names(vec![stream(4001, dense(900), &[('c', 0, 100)], (&[9, 1], b""))], "systembc-hello");
    let work = stream(
        8081,
        json(bytes(900, Shape::Json, b"{")),
        &[('s', 0, 4), ('c', 1, 900)],
        (b"{\"a\"", b"WORK"),
    );
    names(vec![work], "aurora-work");
    let shared = [0x1d, 0x9b, 0x77, 0xe2, 5, 0xc1, 0x34, 0x8a];
    let pings: Vec<(char, i64, u64)> =
        (0..12).map(|n| if n % 2 == 0 { ('s', n * 10, 30) } else { ('c', n * 10, 60) }).collect();
    let mut both = stream(2404, dense(900), &pings, (&shared, &shared));
    both.other.as_mut().expect("other").prefix = Some((shared[..].into(), shared[..].into()));
    names(vec![both], "remcos-same-bytes");
    let mut broker = stream(1883, dense(90), &[('c', 0, 90)], (&[0x10, 0x20], &[0x20, 2]));
    broker.other.as_mut().expect("other").protocol = Some("mqtt".into());
    names(vec![questions(&["broker.emqx.io"], "A"), broker], "wikiloader-broker");
    let stored = "EXAMPLE-PC - Passwords ID - 1234.txt";
    names(vec![ftp("203.0.113.95:21", 5, &[("STOR", stored)])], "snake-ftp");
}

#[test]
fn nanocore_answers() {
    let mut first = vec![0x40, 0, 0, 0];
    first.extend([0x9d; 44]);
    let short = [8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let turns: Vec<(char, i64, u64)> = [('c', 0, 80), ('s', 1, 48)]
        .into_iter()
        .chain((1..6).flat_map(|n| [('c', n * 5, 12), ('s', n * 5 + 1, 36)]))
        .collect();
    let talk = |port: u16, server: &[u8]| vec![stream(port, dense(900), &turns, (&first, server))];
    names(talk(5656, &short), "nanocore-exchange");
    assert!(say(talk(443, &short)).iter().all(|said| said.signal != "nanocore-exchange"));
    assert!(say(talk(5656, b"HELLO")).iter().all(|said| said.signal != "nanocore-exchange"));
}

#[test]
fn ficker_settings() {
    let settings = b"\0\x27\0\0\0\x01\0\0\0\x15%userprofile%\\Papers\0*.txt";
    let talk = |server: &[u8]| {
        vec![stream(80, dense(900), &[('s', 0, 41), ('c', 1, 900)], (&[0xc, 0, 0xf], server))]
    };
    names(talk(settings), "ficker-settings");
    assert!(say(talk(b"220 mail.example")).iter().all(|said| said.signal != "ficker-settings"));
}

#[test]
fn amadey_early() {
    let poll = |form_text: &str| vec![post("/index.php", "Host: 203.0.113.95", form(form_text))];
    names(poll("id=1234567890&vs=1.03&ar=0&bi=1&lv=0&os=1&av=0"), "amadey-early");
    silent(poll("id=1234567890&vs=1.03&ar=0&bi=1&lv=0&os=1"));
}
