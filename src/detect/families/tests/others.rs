//! Tools with one shape of their own.

use super::build::*;
use crate::record::{Body, Exchange, Flow, Shape};

fn one(exchange: Exchange) -> Vec<Flow> {
    vec![http("203.0.113.90:80", 1, [exchange])]
}

fn get(line: &str, headers: &str) -> Vec<Flow> {
    one(request(&format!("GET {line}"), &format!("Host: a.example\n{headers}")))
}

fn post(line: &str, headers: &str, body: Body) -> Vec<Flow> {
    one(request(&format!("POST {line}"), &format!("Host: a.example\n{headers}")).with(body))
}

#[track_caller]
fn says(client: &[u8], server: &[u8], rule: &str) {
    names(vec![raw("203.0.113.90:5552", 1, (client, server), &[])], rule);
}

#[test]
fn over_http() {
    let some = || bytes(90, Shape::Text, b"x");
    names(post("/", "Access-Control: aW5mbw==\nX-Access: 00", some()), "acbackdoor-post");
    names(post("/kvs.php HTTP/1.0", "", form("SNI=A&UME=B&OPQ=C&IVR=D&st=0")), "artra-form");
    names(get("/p/receive.php?command=UGluZw==&vicID=SGFj", ""), "blacknet-get");
    names(
        post("/Auth/index.php", "", form("type=login&username=a&hwid=b&session_id=c&session_salt=d")),
        "borr-login",
    );
    names(get(&format!("/api/update/{}", "YzE0".repeat(60)), "User-Agent: Mozilla/5.0"), "buer-get");
    silent(get("/api/update/1.2.3", "User-Agent: Mozilla/5.0"));
    let hello = Body { shape: Some(Shape::Json), ..form("username=a&platform=b&hostname=c") };
    names(post("/api/admin_1/hello", "User-Agent: python-requests/2.18.4", hello), "ares-hello");
    names(get("/plugins/keylogger.p", ""), "diamondfox-plugin");
    names(get("/gate.php?serial=MTc4NS0", "User-Agent: License"), "delfloader-gate");
    names(post("/b.php?79", "", form("main1=a&back=b&main3=c")), "engrwiz-post");
    names(post("/2021", "User-Agent: Mozilla/4.0", form("D=PC&U=erika&OS=6.1&PR=Dwm.exe")), "get2-form");
    let uuid = "00000000-1111-2222-3333-444444444444";
    names(
        post(&format!("/bots/post-ia-data?uuid={uuid}"), "User-Agent: Go-http-client/1.1", some()),
        "glupteba-bots",
    );
    names(get("/gate16.php?g=-994429369&k=7NLp9MrFuKWnfhYAmxKEcsWO2", ""), "godzilla-get");
    names(
        post(
            "/",
            "Content-Type: application/x-www-Form-urlencoded; Charset=UTF-8\nCookie: _uot=<300>",
            some(),
        ),
        "jsoutprox-cookie",
    );
    let lines = bytes(242, Shape::Base64, b"AAAA");
    names(
        post("/gate.php?bot_id=ErikaPCERIKAPCexample0000", "Content-Type: application/json", lines),
        "jssloader-post",
    );
    names(post("/html", "encoder: 1252\nshellchcp: 437", some()), "koadic-post");
    let list = multipart(&[("userfile", Some("erika-EXAMPLE-PC-passwords.txt"), text("x"))]);
    names(post("/te.php", "Content-Type: multipart/form-data; boundary=x", list), "lazagne-post");
    names(
        post(
            "/api/x/new",
            "User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1)\nConnection: KeepAlive",
            some(),
        ),
        "micropsia-post",
    );
    names(post("/panel/52/tasks.php HTTP/1.0", "Cookie: auth=<32>", form("_wv=Y21k")), "neutrino-tasks");
    names(
        post("/update?wd=b0b9d49c", "x-debug: 0\nx-request: 0\nx-content: 61456\nx-storage: 1", some()),
        "plugx-post",
    );
    names(get("/bot1234567:<35>/getMe", "User-Agent: AutoIt"), "qulab-bot");
    names(post("/recv4.php", "User-Agent: WebMonitor Client", some()), "revcode-post");
    names(post("/f.php?hwid=A&ci=8&p=0&c=4&a=0&f=0&t=0", "", some()), "sakari-upload");
    names(get("/gate/connect?os=Windows+7&bits=x64&av=none", ""), "sarwent-gate");
    names(post("/a.php", "", form("uuid=1&id=2&pass=3&username=4&pcname=5&osver=6")), "tvrat-post");
    names(get("/project.aspx?cwdTelemetry=2&regclid=bmtiZmE1&agwHit=x", ""), "valak-get");
    let settings = request(
        "GET /getSettings?user_id=WqH4UfHnZ0QYjIVskHWDiQ%3D%3D",
        "Host: a.example\nConnection: Keep-Alive",
    );
    names(one(settings), "vikro-settings");
    names(post("/api/base.php", "", form("token=5RnK&hwid=1")), "zyklon-post");
    let headers = "Accept: */*\nUser-Agent: Mozilla/4.0\nHost: a.example\nContent-Length: 133\nConnection: Keep-Alive\nCache-Control: no-cache";
    names(one(request("POST /n/file.php", headers).with(bytes(133, Shape::Binary, &[1]))), "zeus-post");
    silent(one(request("POST /n/file.php", headers).with(bytes(133, Shape::Form, b"a=b"))));
}

#[test]
fn protocols_of_their_own() {
    says(b"dOzT0FrVDQL0o2IHopFl1i7HL5HHTOnf", b"dOzT0Fo=", "bandook-hello");
    says(b"\x1b\0\0\0\0\0\0LOGIN|-|ROOT02|-|PC@erika|-|", b"", "cobian-login");
    says(b"x|lugocv|x|erika|WIN_7|X86|", b"", "loda-hello");
    says(b"#PRINCIPAL##Convite#", b"", "ousaban-words");
    says(&[0x53, 0xe1, 0x6d, 0xd3, 0x9e, 0xee, 0x45, 0xd4, 1], b"", "pyrogenic-hello");
    says(b"\0\0\0\x80t\0\0{\"serverPath\":\"C:", b"", "qealler-json");
    let mut support =
        raw("203.0.113.90:5655", 1, (b"\0\0\0<?xml version=\"1.0\" encoding=\"UTF-8\"?>", b""), &[]);
    support.other.as_mut().expect("other").to_server = Some(Box::new(bytes(300, Shape::Xml, b"\0")));
    names(vec![support], "rms-message");
    let object = [
        0x53, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0,
        0,
    ];
    says(&object, b"", "firebird-hello");
    says(b"9\0\0\0\0\0\0\0\0\x01\0\0\0>Clientx, Version=0.0.0.0", b"", "blackrat-objects");
    says(&[0x12, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 6], "raaloader-hello");
}
