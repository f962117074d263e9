//! Stealers that report over HTTP.

use super::build::*;
use crate::record::{Exchange, Flow, Shape};

const SERVER: &str = "203.0.113.20:80";

fn one(exchange: Exchange) -> Vec<Flow> {
    vec![http(SERVER, 10, [exchange])]
}

/// An upload form of a browser: what no rule may speak about.
fn browser_upload(path: &str) -> Exchange {
    request(
        &format!("POST {path}"),
        "Host: club.example\nUser-Agent: Mozilla/5.0 (Windows NT 10.0) Firefox/140.0\nReferer: http://club.example/new\nCookie: s=<20>\nContent-Type: multipart/form-data; boundary=----WebKitFormBoundaryA\nContent-Length: 9000",
    )
    .with(multipart(&[("token", None, text("abc")), ("file", Some("photo.jpg"), bytes(9000, Shape::Binary, b"\xff\xd8\xff"))]))
}

#[test]
fn ordinary_uploads_are_silent() {
    silent(one(browser_upload("/upload.php")));
    silent(one(browser_upload("/0123456789abcdef.php")));
    silent(one(request("POST /api", "Host: a.example\nUser-Agent: Mozilla/5.0").with(form("act=save&id=7"))));
    silent(one(request("GET /line/?fields=hosting", "Host: ip-api.com")));
}

const LOKI: &str = "User-Agent: Mozilla/4.08 (Charon; Inferno)\nHost: a.example\nAccept: */*\nContent-Type: application/octet-stream\nContent-Encoding: binary\nContent-Key: 1A2B3C4D\nContent-Length: 176\nConnection: close";

#[test]
fn lokibot() {
    let report = |kind: u8| {
        request("POST /x/fre.php HTTP/1.0", LOKI).with(bytes(176, Shape::Binary, &[0x12, 0, kind, 0, 0, 0]))
    };
    let flows: Vec<Flow> =
        (0..6).map(|n| http(SERVER, n * 60, [report(if n == 0 { 0x27 } else { 0x28 })])).collect();
    let said = names(flows, "lokibot-post");
    assert!(said.beacon.is_some_and(|beacon| (beacon.period_s - 60.0).abs() < 0.1 && beacon.count == 5));
    let agent = request("POST /a.php", "User-Agent: Mozilla/4.08 (Charon; Inferno)\nHost: a.example")
        .with(bytes(90, Shape::Binary, b""));
    names(one(agent), "lokibot-agent");
    let plain = LOKI.replace("Content-Key: 1A2B3C4D\n", "").replace("(Charon; Inferno)", "[en] (Win98)");
    silent(one(request("POST /x/fre.php HTTP/1.0", &plain).with(bytes(
        176,
        Shape::Binary,
        &[0x12, 0, 0x27, 0],
    ))));
}

const DECOY: &str = "/ab3/?Zx=QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0&t4=TVrpX8";

fn formbook_get(n: i64, line: &str) -> Flow {
    let headers = format!("Host: www.name{n}.example\nConnection: close");
    http(&format!("203.0.113.{n}:80"), n * 20, [request(&format!("GET {line}"), &headers)])
}

fn formbook_post(n: i64) -> Flow {
    let name = format!("www.name{n}.example");
    let headers = format!(
        "Host: {name}\nConnection: close\nContent-Length: 900\nCache-Control: no-cache\nOrigin: http://{name}\nUser-Agent: Mozilla/5.0 (Windows NT 6.1; Trident/7.0)\nContent-Type: application/x-www-form-urlencoded\nAccept: */*\nReferer: http://{name}/ab3/\nAccept-Language: en-US\nAccept-Encoding: gzip, deflate"
    );
    let body = form(&format!("Zx={}", "QUJD".repeat(240)));
    http(&format!("203.0.113.{n}:80"), n * 20 + 3, [request("POST /ab3/", &headers).with(body)])
}

#[test]
fn formbook() {
    let decoys: Vec<Flow> = (1..6).map(|n| formbook_get(n, DECOY)).collect();
    names(decoys.clone(), "formbook-decoys");
    let all: Vec<Flow> = (1..6).flat_map(|n| [formbook_get(n, DECOY), formbook_post(n)]).collect();
    assert!(names(all, "formbook-decoys").upload.is_some());
    names(vec![formbook_get(1, DECOY), formbook_post(1)], "formbook-post");
    let newer = |n: i64| {
        let mut flow = formbook_get(n, DECOY);
        flow.http[0].headers.push("User-Agent", "Mozilla/5.0");
        flow
    };
    names((1..6).map(newer).collect(), "formbook-decoys");
    // Other paths, too few names, and a form that was fetched by a browser.
    silent((1..6).map(|n| formbook_get(n, &DECOY.replace("ab3", &format!("ab{n}")))).collect());
    silent(decoys.into_iter().take(2).collect());
    silent(vec![formbook_post(1)]);
}

const AZORULT: &str = "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0b; Windows NT 5.1)\nHost: 203.0.113.20\nContent-Length: 101\nCache-Control: no-cache";

#[test]
fn azorult() {
    let hello = request("POST /p/index.php", AZORULT).with(bytes(101, Shape::Binary, &[0, 0, 0, 0x26, 0x66]));
    let report = request("POST /p/index.php", AZORULT).with(bytes(20_000, Shape::Binary, &[0, 0, 0]));
    let said = names(vec![http(SERVER, 1, [hello.clone()]), http(SERVER, 9, [report])], "azorult-v3");
    assert!(said.upload.is_some_and(|upload| upload.bytes == 20_000));
    let typed = format!("{AZORULT}\nContent-Type: text/plain");
    silent(one(request("POST /p/index.php", &typed).with(bytes(101, Shape::Text, b"hello"))));
    let old =
        bytes(2700, Shape::Binary, &[0x43, 0x57, 0x43, 0x5e, 0x40, 0x47, 0x55, 0x53, 0x47, 0x50, 0x0f, 9]);
    names(
        one(request("POST /gate.php HTTP/1.0", "Host: a.example\nContent-Type: image/jpeg").with(old)),
        "azorult-v1",
    );
}

#[test]
fn raccoon() {
    let (hash, js) = ("0".repeat(40), "f".repeat(40));
    let zip_part = multipart(&[("file", Some("data.zip"), zip(2800, &["System Info.txt"]))]);
    let upload = |kind: &str, query: &str| {
        request(
            &format!("POST /file_x/file.php?{query}"),
            &format!("Host: 203.0.113.20\nContent-Type: {kind}"),
        )
        .with(zip_part.clone())
    };
    let query = format!("hash={hash}&js={js}&callback=x");
    names(one(upload("multipart/form-data, boundary=Zk3v", &query)), "raccoon-v1-upload");
    silent(one(upload("multipart/form-data; boundary=Zk3v", &query)));
    silent(one(upload("multipart/form-data, boundary=Zk3v", "id=7")));

    let hello = request(
        "POST /gate/log.php",
        "Cache-Control: no-cache\nHost: 203.0.113.20\nContent-Type: application/x-www-form-urlencoded",
    )
    .with(form(&format!("params={}", "QUJD".repeat(37))));
    let library = request("GET /gate/sqlite3.dll", "Host: 203.0.113.20");
    names(vec![http(SERVER, 1, [hello.clone(), library])], "raccoon-v1-check-in");
    silent(one(hello));

    let hello = request("POST /", "Host: 203.0.113.20\nUser-Agent: record")
        .with(form("machineId=0000|erika&configId=0123456789abcdef0123456789abcdef"));
    names(one(hello), "raccoon-v2");
    let loot = request(
        &format!("POST /{}", "fe".repeat(16)),
        "Host: 203.0.113.20\nContent-Type: multipart/form-data; boundary=x",
    )
    .with(multipart(&[("file", Some("System Info.txt"), text("x"))]));
    names(one(loot.clone()), "raccoon-v2-upload");
    let other = request(
        &format!("POST /{}", "fe".repeat(16)),
        "Host: 203.0.113.20\nContent-Type: multipart/form-data; boundary=x",
    )
    .with(multipart(&[("file", Some("photo.jpg"), text("x"))]));
    silent(one(other));
}

#[test]
fn redline() {
    let call = |action: &str| {
        request("POST /", &format!("Content-Type: text/xml; charset=utf-8\nSOAPAction: \"http://tempuri.org/{action}\"\nHost: 203.0.113.20:35211\nExpect: 100-continue"))
            .with(bytes(4000, Shape::Xml, b"<s:Envelope"))
    };
    let said = names(one(call("Endpoint/SetEnvironment")), "redline-soap");
    assert!(said.strength > 0.99 && said.loot.is_some());
    names(one(call("Entity/Id3")), "redline-entity-soap");
    silent(one(call("IOrders/GetOrders")));
    let marker = crate::record::Marker { name: "scan-result-xml".into(), count: 3 };
    let result = crate::record::Body { markers: vec![marker], ..bytes(90_000, Shape::Xml, b"<s:Env") };
    names(one(request("POST /", "Host: 203.0.113.20:35211").with(result)), "redline-scan-result");
    let preamble = |text: &str| {
        let mut first = vec![0, 1, 0, 1, 2, 2, text.len() as u8];
        first.extend(text.bytes());
        raw("203.0.113.20:35211", 1, (&first, &[0x0b]), &[('c', 0, 40), ('s', 0, 1)])
    };
    names(vec![preamble("net.tcp://203.0.113.20:35211/")], "redline-net-tcp");
    names(vec![preamble("net.tcp://quiet.example:35211/")], "redline-net-tcp");
    let mut business = preamble("net.tcp://orders.example/svc");
    business.server.port = 808;
    silent(vec![business]);
    let mut local = ledger(vec![preamble("net.tcp://203.0.113.20:35211/")]);
    local.channels[0].service.local = true;
    assert!(crate::detect::families::evaluate(&local, &RULES).is_empty());
}

const ARKEI: &str = "Host: 203.0.113.20\nAccept: text/html, */*;q=0.1\nAccept-Language: ru-RU,ru;q=0.9,en;q=0.8\nAccept-Charset: iso-8859-1, utf-8, utf-16, *;q=0.1\nContent-Type: multipart/form-data; boundary=1BEF0A57BE110FD467A";

#[test]
fn oski_and_its_kin() {
    let library =
        |name: &str| request(&format!("POST /{name}.dll"), ARKEI).with(bytes(25, Shape::Text, b"--"));
    let loot = request("POST /", ARKEI).with(multipart(&[(
        "file",
        Some("_4711081542.zip"),
        zip(46_000, &["passwords.txt"]),
    )]));
    let calls = [library("sqlite3"), library("nss3"), library("softokn3"), loot.clone()];
    names(vec![http(SERVER, 1, calls)], "oski-libraries-by-post");
    names(one(loot), "oski-upload");
    let unknown = request("POST /gate", ARKEI).with(bytes(4000, Shape::Binary, b""));
    names(one(unknown), "arkei-boundary");
    let other = ARKEI.replace("1BEF0A57BE110FD467A", "AaB03x");
    silent(vec![http(
        SERVER,
        1,
        [
            request("POST /sqlite3.dll", &other).with(bytes(25, Shape::Text, b"")),
            request("POST /nss3.dll", &other).with(bytes(25, Shape::Text, b"")),
        ],
    )]);
    names(one(request("POST /server/grubConfig", "Host: a.example\nUser-Agent: Arkei/1.0")), "arkei-agent");
}

#[test]
fn vidar() {
    let fields =
        ["hwid", "os", "platform", "profile", "user", "cccount", "ccount", "fcount", "telegram", "ver"];
    let mut parts: Vec<(&str, Option<&str>, crate::record::Body)> =
        fields.iter().map(|name| (*name, None, text("1"))).collect();
    silent(one(
        request("POST /", ARKEI.replace("1BEF0A57BE110FD467A", "x").as_str()).with(multipart(&parts[..3]))
    ));
    parts.push(("logs", Some("EX_0.zip"), zip(58_000, &["information.txt"])));
    names(one(request("POST /", ARKEI).with(multipart(&parts))), "vidar-v1");

    let hello = multipart(&[("hwid", None, text("0")), ("build_id", None, text(&"a".repeat(32)))]);
    let kind = "Host: 203.0.113.20\nContent-Type: multipart/form-data; boundary=x";
    names(one(request("GET /", kind).with(hello.clone())), "vidar-get-with-body");
    names(one(request("POST /", kind).with(hello)), "vidar-build-id");
    let crash = multipart(&[
        ("build_id", None, text("7")),
        ("upload_file_minidump", Some("a.dmp"), bytes(90_000, Shape::Binary, b"MDMP")),
    ]);
    silent(one(request("POST /", kind).with(crash)));

    let own = ("CN=203.0.113.23", "CN=203.0.113.23");
    let tail = || (0..4).map(|n| tls("203.0.113.23:443", 20 + n, None, Some(own)));
    let drops = [
        tls("198.51.100.61:443", 1, Some("t.me"), None),
        tls("198.51.100.62:443", 3, Some("steamcommunity.com"), None),
    ];
    names(drops.iter().cloned().chain(tail()).collect(), "vidar-dead-drop-tls");
    names(drops.iter().take(1).cloned().chain(tail()).collect(), "vidar-dead-drop-tls");
    silent(tail().collect());
    silent(drops.to_vec());
}

#[test]
fn stealc() {
    let kind = "Host: 203.0.113.20\nContent-Type: multipart/form-data; boundary=----AFBKKEBAKJDGHJJKFIDG\nCache-Control: no-cache";
    let path = "POST /1f4b7a90c2d3e5f6.php";
    let ask = request(path, kind)
        .with(multipart(&[("token", None, text("a")), ("message", None, text("browsers"))]));
    names(vec![http(SERVER, 1, [ask.clone(), ask.clone(), ask.clone()])], "stealc-v1");
    silent(one(ask));
    let hello =
        request(path, kind).with(multipart(&[("hwid", None, text("0A")), ("build", None, text("d"))]));
    names(one(hello), "stealc-v1-check-in");
    let post = |shape: Shape, path: &str| {
        request(path, "Host: 203.0.113.20\nContent-Type: application/json").with(bytes(900, shape, b"QUJD"))
    };
    names(
        vec![http(
            SERVER,
            1,
            [post(Shape::Base64, path), post(Shape::Base64, path), post(Shape::Base64, path)],
        )],
        "stealc-v2",
    );
    silent(vec![http(
        SERVER,
        1,
        [post(Shape::Json, path), post(Shape::Json, path), post(Shape::Json, path)],
    )]);
    let api = "POST /api/save.php";
    silent(vec![http(
        SERVER,
        1,
        [post(Shape::Base64, api), post(Shape::Base64, api), post(Shape::Base64, api)],
    )]);
}

#[test]
fn lumma() {
    let plain = "Host: quiet.example\nUser-Agent: Mozilla/5.0 Chrome/119.0\nContent-Type: application/x-www-form-urlencoded";
    names(
        one(request("POST /c2sock", &plain.replace("Mozilla/5.0 Chrome/119.0", "TeslaBrowser/5.5"))
            .with(form("hwid=1&pid=2"))),
        "lumma-v3",
    );
    names(
        one(request("POST /api", plain).with(form("act=recive_message&ver=4.0&lid=EXMPL0--t&j=default"))),
        "lumma-v4",
    );
    names(one(request("POST /api", plain).with(form("act=life"))), "lumma-v4");
    silent(one(request("POST /api", plain).with(form("act=list&lid=4"))));
    let loot = multipart(&[
        ("hwid", None, text("0")),
        ("pid", None, text("2")),
        ("lid", None, text("x")),
        ("file", Some("file"), zip(900, &["System.txt"])),
    ]);
    names(one(request("POST /api", plain).with(loot)), "lumma-v4-upload");

    let uid = "0123456789abcdef".repeat(3);
    let ask =
        request("POST /zpah", plain).with(form(&format!("uid={uid}&cid=00112233445566778899aabbccddeeff")));
    let random = crate::record::Body { entropy: Some(7.9), ..bytes(8200, Shape::Binary, &[7, 8]) };
    let ask = ask.answered(200, random);
    let piece = multipart(&[
        ("uid", None, text(&uid)),
        ("pid", None, text("2")),
        ("hwid", None, text("0")),
        ("file", Some("data"), bytes(9000, Shape::Binary, &[1, 2])),
    ]);
    names(vec![http(SERVER, 1, [ask.clone(), request("POST /zpah", plain).with(piece)])], "lumma-v6");
    names(one(ask), "lumma-v6-ask");
    silent(one(request("POST /pixel", plain).with(form("uid=4711&cid=12"))));
    let gone = |n: i64, name: &str| {
        let mut flow = questions(&[name], "A");
        flow.dns[0].rcode = Some("NXDOMAIN".into());
        flow.dns[0].time = moment(n);
        flow
    };
    let mut live = tls("203.0.113.9:443", 8, Some("far-mill.shop"), None);
    live.payload.to_server = 40_000;
    let tried = [gone(1, "still-pond.shop"), gone(2, "low-bridge.top"), gone(3, "old-tower.fun")];
    names(tried.iter().cloned().chain([live.clone()]).collect(), "lumma-names");
    silent(vec![live]);
    silent(tried.to_vec());
    names(
        one(request("POST /api/set_agent?id=0123456789abcdef0123&token=<40>&act=log", plain)),
        "lumma-set-agent",
    );
}

#[test]
fn amadey() {
    let poll = request(
        "POST /k8FppT/index.php",
        "Content-Type: application/x-www-form-urlencoded\nHost: 203.0.113.20",
    )
    .with(form("id=108273645500&vs=2.11&sd=0a1b2c&os=1&bi=1&ar=1&pc=EXAMPLE-PC&un=erika&dm=&av=0&lv=0"));
    let flows: Vec<Flow> = (0..6).map(|n| http(SERVER, n * 60, [poll.clone()])).collect();
    assert!(names(flows, "amadey-poll").beacon.is_some());
    let plain = "Content-Type: application/x-www-form-urlencoded\nHost: 203.0.113.20";
    let new = [
        request("POST /h9/index.php", plain).with(form("st=s")),
        request("POST /h9/index.php", plain).with(form(&format!("r={}", "AB12".repeat(40)))),
    ];
    names(vec![http(SERVER, 1, new.clone())], "amadey-v3");
    names(one(request("GET /h9/Plugins/cred64.dll", "Host: 203.0.113.20")), "amadey-plugin");
    silent(one(request("POST /check.php", plain).with(form("id=1&vs=2&os=10"))));
    silent(vec![http(SERVER, 1, new.into_iter().take(1))]);
}

#[test]
fn hancitor_and_pony() {
    let body = form(
        "GUID=1234567890123456789&BUILD=0203_x&INFO=PC @ D\\erika&EXT=&IP=192.0.2.10&TYPE=1&WIN=10.0(x64)",
    );
    names(one(request("POST /8/forum.php", "Host: a.example").with(body)), "hancitor-form");
    silent(one(request("POST /8/forum.php", "Host: a.example").with(form("GUID=1&TYPE=1&IP=192.0.2.1"))));
    let pony = "Host: a.example\nAccept: */*\nAccept-Encoding: identity, *;q=0\nContent-Length: 300\nConnection: close\nContent-Type: application/octet-stream\nContent-Encoding: binary\nUser-Agent: Mozilla/4.0 (compatible; MSIE 7.0)";
    names(
        one(request("POST /gate.php HTTP/1.0", pony).with(bytes(300, Shape::Binary, b"CRYPTED0"))),
        "pony-post",
    );
    silent(one(request("POST /gate.php HTTP/1.0", &pony.replace("identity, *;q=0", "gzip")).with(bytes(
        300,
        Shape::Binary,
        b"",
    ))));
}

#[test]
fn trickbot() {
    let folder = "/mor99/EXAMPLE-PC_W10019041.0123456789ABCDEF0123456789ABCDEF";
    let parts = multipart(&[("data", None, text("x")), ("source", None, text("y"))]);
    let said = names(
        one(request(&format!("POST {folder}/81/"), "Host: 203.0.113.20:8082").with(parts)),
        "trickbot-data",
    );
    assert!(said.loot.is_some());
    names(one(request(&format!("GET {folder}/5/spk/"), "Host: 203.0.113.20")), "trickbot-command");
    silent(one(request("GET /mor99/EXAMPLE-PC/5/spk/", "Host: 203.0.113.20")));
}

#[test]
fn amos() {
    let curl = "Host: 203.0.113.31\nUser-Agent: curl/8.7.1\nAccept: */*\nuser: <44>\nBuildID: <44>\nContent-Type: multipart/form-data; boundary=x";
    let body = multipart(&[("file", Some("out.zip"), zip(40_000, &["Chromium/Default/Cookies"]))]);
    names(one(request("POST /joinsystem", curl).with(body.clone())), "amos-curl");
    silent(one(request("POST /artifacts", &curl.replace("user: <44>\n", "")).with(body)));
}

fn get(line: &str, headers: &str) -> Vec<Flow> {
    one(request(&format!("GET {line}"), &format!("Host: a.example\n{headers}")))
}

fn post(line: &str, headers: &str, body: crate::record::Body) -> Vec<Flow> {
    one(request(&format!("POST {line}"), &format!("Host: a.example\n{headers}")).with(body))
}

const MULTIPART: &str = "Content-Type: multipart/form-data; boundary=x";

#[test]
fn panels_of_2019() {
    let settings = || {
        request(
            "GET /ImgcsQGM6ZclLvqr/conf.php",
            "Host: a.example\nContent-Type: application/x-www-form-urlencoded",
        )
    };
    let report = request(
        "POST /ImgcsQGM6ZclLvqr/conf.php",
        "Host: a.example\nContent-Type: application/octet-stream\nContent-Encoding: binary",
    )
    .with(bytes(190_000, Shape::Binary, b"P@F,"));
    names(vec![http(SERVER, 1, [settings(), report])], "kpot-post");
    names(one(settings()), "kpot-settings");
    silent(get("/ImgcsQGM6ZclLvqr/conf.php", ""));

    let archive = || multipart(&[("file", Some("a.zip"), zip(90_000, &["General/passwords.txt"]))]);
    names(post("/api/gate.get?p1=1&p2=0&p3=4", MULTIPART, archive()), "predator-gate");
    let pages = [
        request("GET /api/info.get", "Host: a.example"),
        request("GET /api/download.get", "Host: a.example"),
    ];
    names(vec![http(SERVER, 1, pages)], "predator-info");
    names(post("/gate/log/?post=2&data=QUJD", MULTIPART, archive()), "taurus-gate");
    let short =
        [request("POST /cfg/", "Host: a.example"), request("POST /log/", "Host: a.example").with(archive())];
    names(vec![http(SERVER, 1, short)], "taurus-short");
    names(
        post("/gate.php?hwid=1&passwords=<1>&cookies=4&forms=0&wallets=0", MULTIPART, archive()),
        "baldr-gate",
    );
    silent(post("/gate.php?hwid=1", MULTIPART, archive()));

    let path = "C:\\ProgramData\\AaZ2\\SS5K.zip";
    let lists =
        multipart(&[("file", Some(path), zip(50_000, &["Browsers/_FilePasswords.txt", "_Information.txt"]))]);
    names(post("/index.php", MULTIPART, lists), "cryptbot-upload");
    let plain = multipart(&[("file", Some(path), zip(50_000, &["a.txt"]))]);
    names(post("/index.php", MULTIPART, plain), "cryptbot-path");
    silent(post("/index.php", MULTIPART, archive()));

    names(
        post("/k/connect_meta.php", "User-Agent: Client", form("id=01&message=test_message")),
        "krypton-post",
    );
    let guid = bytes(90_000, Shape::Binary, b"{00000000-1111-2222-3333-4444444");
    names(
        post("/gate.php", "User-Agent: Client\nContent-Type: application/octet-stream;", guid),
        "parasite-upload",
    );
    let logs = ["logs", "screen"].map(|page| {
        request(&format!("POST //{page}.php?hwid=0123456789ABCDEF"), "Host: a.example").with(archive())
    });
    names(vec![http(SERVER, 1, logs)], "gomorrah-upload");
    silent(post("/logs.php?hwid=0123456789ABCDEF", MULTIPART, archive()));
    names(
        get("/index.php?action=add&username=e&password=<3>&app=x&pcname=PC&sitename=s", ""),
        "isrstealer-get",
    );
    names(
        post("/get_data.php?id=1&cc=0&pc=2&hash=00", "User-Agent: uploader", archive()),
        "collector-upload",
    );
    names(post("/files/upload.php?user=e&hwid=12", MULTIPART, archive()), "evrial-upload");
    names(
        post("/gate.php", "Accepts-Language: en\nContent-Type: multipart/form-data; boundary=x", archive()),
        "idex-gate",
    );
    names(post("/a.php", "", form("zipx=QUJD&id=1")), "poullight-post");
    names(post("/a.php", "User-Agent: AutoHotkey", form("log=x")), "ahk-passwords");
    let snow = multipart(&[("token", None, text("a")), ("f", Some("snow.txt"), text("b"))]);
    names(post("/a", "User-Agent: RestSharp/106.11", snow), "sn0w-post");
    names(post("/a", "", form("outlook-accounts=1&thunderbird-emails=2")), "jsonmail-thief");
}

#[test]
fn services_and_their_loaders() {
    let mut answer = request("GET /", "Host: a.example");
    answer.response_headers.push("Server", "RisePro");
    names(one(answer), "risepro-server");
    names(get("/base/api/statistics.php", ""), "privateloader-api");
    names(post("/api/firegate.php", "", form("data=QUJD")), "privateloader-api-2");
    silent(post("/api/upload.php", "", form("data=QUJD")));

    let stream = |shape: Shape| {
        let mut flow = raw("203.0.113.9:15666", 1, (b"QUJDREVG", b""), &[('c', 0, 900_000)]);
        flow.other.as_mut().expect("other").to_server = Some(Box::new(bytes(900_000, shape, b"QUJD")));
        vec![flow]
    };
    assert!(names(stream(Shape::Base64), "meduza-stream").upload.is_some());
    silent(stream(Shape::Binary));

    names(post("/AbCdE_erika@PC_report.wsr", "", bytes(90_000, Shape::Binary, b"WSR$")), "whitesnake-report");
    let koi = [
        request("GET /index.php?id=1&subid=AbCd1234", "Host: 203.0.113.20"),
        request("POST /index.php", "Host: 203.0.113.20").with(bytes(90, Shape::Binary, b"")),
    ];
    names(vec![http(SERVER, 1, koi)], "koi-scripts");
    names(get("/", "User-Agent: Mozilla/5.0 Chrome/135.0 Safari/537.36 katz-ontop"), "katz-agent");
    let hex = "0123456789abcdef0123456789abcdef";
    let tag = form(&format!("tag={hex}&exp=1800000000&hwid={hex}"));
    let made =
        request("POST /", "Host: microsoft.com").with(tag).answered(201, bytes(90, Shape::Binary, b""));
    assert!(names(one(made), "remus-register").strength > 0.99);
    let step =
        || http(SERVER, 9, [request("POST /", "Host: microsoft.com").with(form("access_token=<64>&step=1"))]);
    let chain = tls("198.51.100.80:443", 1, Some("ethereum-rpc.publicnode.com"), None);
    names(vec![chain, step()], "remus-steps");
    silent(vec![step()]);
    let meta = ["/api/client_hello", "/tasks/collect"]
        .map(|path| request(&format!("POST {path}"), "Host: a.example:1775"));
    names(vec![http(SERVER, 1, meta)], "metastealer-cpp");

    let strela = request("POST /up.php", "Host: 203.0.113.20").with(bytes(900, Shape::Binary, b""));
    let library = request("GET /123456789012345.dll", "Host: 203.0.113.20:8888");
    names(
        vec![http("203.0.113.20:8888", 1, [library]), http(SERVER, 20, [strela.clone()])],
        "strelastealer-post",
    );
    silent(one(strela));

    let ficker = |path: &str| {
        vec![
            http("198.51.100.63:80", 1, [request(&format!("GET {path}"), "Host: api.ipify.org")]),
            raw("203.0.113.9:80", 3, (&[0x0a, 0x0a, 0xf1], b""), &[('c', 0, 900)]),
        ]
    };
    names(ficker("/?format=xml"), "ficker-raw");
    silent(ficker("/"));

    let hook = |fields: &str| {
        let mut flow = tls("198.51.100.70:443", 5, Some("discord.com"), None);
        flow.payload.to_server = 90_000;
        vec![
            http(
                "198.51.100.60:80",
                1,
                [request(&format!("GET /json/?fields={fields}"), "Host: ip-api.com")],
            ),
            flow,
        ]
    };
    names(hook("225545"), "blankgrabber-lookup-then-hook");
    silent(hook("country"));
    let clear = multipart(&[("document", Some("x.zip"), zip(9000, &["Passwords.txt"]))]);
    names(post("/bot1234567:<35>/sendDocument", MULTIPART, clear), "hook-in-clear");
}

#[test]
fn stealers_of_the_mac() {
    let id = "0123456789abcdef".repeat(4);
    let piece =
        format!("/gate?buildtxd={id}&upload_id=1800000000-0123456789abcdef&chunk_index=0&total_chunks=3");
    names(post(&piece, "User-Agent: curl/8.7.1", bytes(9000, Shape::Binary, b"PK")), "macsync-gate");
    let scripts = [
        request(&format!("GET /curl/{id}"), "Host: a.example"),
        request(&format!("GET /dynamic?txd={id}"), "Host: a.example"),
    ];
    names(vec![http(SERVER, 1, scripts)], "macsync-script");
    names(get("/debug/loader.sh?build=0123456789abcdef0123456789abcdef", ""), "shub-debug");
    silent(get("/debug/loader.sh", ""));
    let report = multipart(&[
        ("user_id", None, text("1")),
        ("build_tag", None, text("x")),
        ("file", Some("a.zip"), zip(900, &[])),
    ]);
    names(post("/api/reports/upload", "User-Agent: curl/8.7.1", report), "clickfix-dmg-report");
}

#[test]
fn loaders_and_bankers() {
    let emotet = |referer: &str, dnt: &str| {
        let headers = format!(
            "Referer: {referer}\nContent-Type: application/x-www-form-urlencoded\n{dnt}User-Agent: Mozilla/4.0 (compatible; MSIE 7.0)\nHost: 203.0.113.20:8080"
        );
        one(request("POST /mult/tlb/", &headers).with(form(&format!("abcd={}", "QUJD".repeat(110)))))
    };
    names(emotet("http://203.0.113.20/mult/tlb/", "DNT: 1\n"), "emotet-2019");
    silent(emotet("http://203.0.113.20/other/", "DNT: 1\n"));
    silent(emotet("http://203.0.113.20/mult/tlb/", ""));
    let headers = "DNT: 0\nReferer: 203.0.113.20/AbC12/dEf\nContent-Type: multipart/form-data; boundary=--------------AbCdEf\nHost: 203.0.113.20:8080";
    let file = || multipart(&[("qwerty", Some("zxcv"), bytes(5000, Shape::Binary, b""))]);
    names(one(request("POST /AbC12/dEf/", headers).with(file())), "emotet-2020");
    silent(one(request("POST /AbC12/dEf/", &headers.replace("DNT: 0\n", "")).with(file())));
    let cookie = |n: u8| {
        let headers = format!(
            "Cookie: Ab12=<340>\nUser-Agent: Mozilla/5.0 (compatible; MSIE 8.0)\nHost: 203.0.113.{n}:8080"
        );
        http(&format!("203.0.113.{n}:8080"), n.into(), [request("GET /", &headers)])
    };
    names((1..5).map(cookie).collect(), "emotet-cookie");
    silent(vec![cookie(1)]);
    let bare = |n: u8| {
        let body = bytes(340, Shape::Binary, &[9, 200]);
        http(
            &format!("203.0.113.{n}:443"),
            n.into(),
            [request("POST /", &format!("User-Agent: Mozilla/4.0\nHost: 203.0.113.{n}")).with(body)],
        )
    };
    names((1..4).map(bare).collect(), "emotet-2017");
    let stolen = bytes(4000, Shape::Xml, b"<Information><id>x");
    names(post("/a.php", "", stolen), "emotet-mail-theft");

    names(
        get("/", "Cookie: __gads=<9>; _gat=<3>; _ga=<20>; _u=<30>; __io=<20>; _gid=<12>"),
        "icedid-cookies",
    );
    silent(get("/", "Cookie: _ga=<20>; _gid=<12>; _gat=<1>; __gads=<30>"));
    names(get("/photo.png?id=0181B9BACBCF3080870000000000FF40000001", ""), "icedid-photo");
    names(get("/data2.php?0123456789ABCDEF", "Upgrade: websocket"), "icedid-websocket");
    let local = ("CN=localhost,O=Internet Widgits Pty Ltd", "CN=localhost,O=Internet Widgits Pty Ltd");
    names(
        (0..3).map(|n| tls("203.0.113.9:443", n, Some("quiet.example"), Some(local))).collect(),
        "icedid-certificate",
    );

    let qakbot = "Host: 203.0.113.20\nAccept: application/x-shockwave-flash, image/gif, */*";
    names(
        one(request("POST /t3", qakbot).with(form(&format!("ycgizbarun={}", "QUJD".repeat(50))))),
        "qakbot-form",
    );
    let decoys = ["broadcom.com", "cisco.com", "irs.gov", "oracle.com", "www.xfinity.com"];
    let mut flows: Vec<Flow> = decoys
        .iter()
        .zip(0..)
        .map(|(name, n)| tls(&format!("198.51.100.{n}:443"), n, Some(name), None))
        .collect();
    silent(flows.clone());
    flows.push(tls("203.0.113.9:2222", 9, None, None));
    names(flows, "qakbot-decoys");

    let path = "/images/wsF0B4sp/ZaYjjdVgt73Q1BSOy_2Fofi/qF_2BfPTuK/5Ha_2F0xEvmbSfT_2/FluJ8ZF_2Fx8/g6xkZAZrZwN/2skHgzv92i/58a3";
    names(
        get(&format!("{path}.gif"), "User-Agent: Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)"),
        "ursnif-path",
    );
    silent(get(
        &format!("{}.gif", path.replace('_', "x")),
        "User-Agent: Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)",
    ));

    let helper = request("GET /tor/voip2.rar", "Host: 203.0.113.20")
        .answered(200, crate::record::Body { entropy: Some(7.9), ..bytes(900_000, Shape::Binary, &[1]) });
    names(one(helper), "ursnif-helper");
    let program = crate::record::Body { magic: Some("pe".into()), ..bytes(400_000, Shape::Binary, b"MZ") };
    names(
        one(request("GET /44465.4652759259.dat", "Host: 203.0.113.20").answered(200, program)),
        "qakbot-drop",
    );
    names(
        post("/a/hipto.php", "", form("Pattern0=svchost!7!!&Pattern1=a&Pattern2=b&Pattern3=c")),
        "patterns-form",
    );
    let smoke = |status: u16| {
        let body = bytes(70, Shape::Binary, &[0xc7, 0x11]);
        let ask = request(
            "POST /",
            "Content-Type: application/x-www-form-urlencoded\nUser-Agent: Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0)\nHost: a.example",
        );
        let ask = ask.with(body).answered(status, bytes(7, Shape::Binary, &[2]));
        vec![http(SERVER, 1, [ask.clone()]), http(SERVER, 600, [ask])]
    };
    names(smoke(404), "smokeloader-post");
    silent(smoke(200));
    names(get("/api/key?k=QUJD", "User-Agent: Mozilla 4.0 / Chrome"), "danabot-loader");
    let darkgate: Vec<Flow> = (0..9)
        .map(|n| {
            http(
                SERVER,
                n,
                [request("POST / HTTP/1.0", "Host: a.example\nA: 1\nB: 2\nC: 3\nD: 4").with(bytes(
                    90,
                    Shape::Text,
                    b"x",
                ))],
            )
        })
        .collect();
    names(darkgate, "darkgate-posts");
    names(
        post(
            "/live/",
            "User-Agent: Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1; Tob 1.1)",
            bytes(300, Shape::Base64, b"QUJD"),
        ),
        "latrodectus-post",
    );
    names(post("/like/s.php", "User-Agent: Mozilla/5.0", form("key=1&sysid=2&resp=3")), "servhelper-form");
    names(
        post("/request", "User-Agent: agent", form(&format!("request={}", "QUJD".repeat(60)))),
        "darkrat-form",
    );
    names(get("/q.php?id=1&c=2&mk=ab12&il=H&vr=1.1&bt=64", ""), "quant-get");
    let sprayed = |n: u8| {
        let body = form(&format!("abcdefg={}", "QUJD".repeat(90)));
        http(
            &format!("203.0.113.{n}:80"),
            n.into(),
            [request(
                "POST /index.php",
                "Host: quiet.example\nContent-Type: application/x-www-form-urlencoded",
            )
            .with(body)],
        )
    };
    names((1..6).map(sprayed).collect(), "nymaim-sprayed");
    silent((1..3).map(sprayed).collect());
    names(post("/k9d7f6/ HTTP/1.0", "Content-Length: 200", bytes(200, Shape::Binary, &[1])), "tinba-post");
    names(get("/de/?d=2026061&v=4&t=2026--03", ""), "foudre-get");
    names(
        post("/mjp/api/?act=in", "Expect: 100-continue", bytes(172, Shape::Base64, b"QUJD")),
        "majikpos-api",
    );
    names(
        post(
            "/.av/logout.php",
            "Content-Type: application/x-www-form-urlencoded",
            form(&format!("abc=386731&def=20191&ghi={}", "C27431FC".repeat(60))),
        ),
        "betabot-form",
    );
    silent(post("/pay.php", "", form("amount=11&number=22&code=33")));
}

#[test]
fn zeus_and_its_kin() {
    let own = ("CN=domain.com,O=My Company Name LTD.", "CN=domain.com,O=My Company Name LTD.");
    let sessions = |n| (0..n).map(|n| tls("203.0.113.9:443", n, Some("quiet.example"), Some(own))).collect();
    names(sessions(20), "zeuspanda-certificate");
    silent(sessions(3));
    let headers = "Accept: */*\nUser-Agent: Mozilla/4.0 (compatible; MSIE 8.0)\nHost: a.example\nContent-Length: 848\nConnection: Close";
    names(one(request("POST /www/", headers).with(bytes(848, Shape::Binary, &[7]))), "chthonic-post");
    silent(one(request("POST /www/", headers).with(bytes(848, Shape::Json, b"{"))));
    let post = request("POST /ab12cd34/xy98zw.php", "Host: a.example\nUser-Agent: Mozilla/4.0").with(bytes(
        1200,
        Shape::Binary,
        &[7],
    ));
    names(vec![http(SERVER, 1, [post.clone(), post])], "zloader-post");
}

#[test]
fn layouts_of_archives() {
    let loot = |members: &[&str]| multipart(&[("file", Some("a.zip"), zip(90_000, members))]);
    names(post("/in", MULTIPART, loot(&["X/UserInformation.txt", "X/Passwords.txt"])), "redline-layout");
    names(post("/in", MULTIPART, loot(&["domain_detect.txt", "Passwords/a.txt"])), "lumma-layout");
    names(post("/in", MULTIPART, loot(&["pc_info.json", "Cookies/a.txt"])), "acreed-layout");
    silent(post("/in", MULTIPART, loot(&["UserInformation.txt", "notes.txt"])));
    let marker = crate::record::Marker { name: "self-name-remus".into(), count: 1 };
    let body = crate::record::Body { markers: vec![marker], ..bytes(900, Shape::Text, b"#") };
    names(post("/in", "", body), "remus-layout");
}
