//! Keyloggers and stealers that mail or store by FTP.

use super::build::*;
use crate::record::{Body, Flow, Marker, Shape};

const SUBMIT: &str = "203.0.113.50:587";

fn letter(subject: &str, headers: &str) -> Flow {
    mail(SUBMIT, 60, subject, headers, &[], bytes(1400, Shape::Html, b""))
}

#[test]
fn ordinary_mail_and_ftp_are_silent() {
    silent(vec![letter("Holiday pictures", PROGRAM_MAIL)]);
    silent(vec![letter("PW_erika/EXAMPLE-PC", PROGRAM_MAIL)]);
    silent(vec![letter("Daily report / backup", NET_MAIL)]);
    silent(vec![ftp("203.0.113.51:21", 1, &[("STOR", "backup_2026_03_02.zip"), ("STOR", "IMG_0001.jpeg")])]);
}

#[test]
fn agent_tesla() {
    let said = names(vec![letter("PW_erika/EXAMPLE-PC", NET_MAIL)], "agenttesla-mail");
    assert!(said.why.contains("PW_erika/EXAMPLE-PC") && said.loot.is_some() && said.upload.is_some());
    names(vec![letter("SC_erika/EXAMPLE-PC", NET_MAIL)], "agenttesla-mail");
    names(vec![letter("erika/EXAMPLE-PC Recovered Accounts", NET_MAIL)], "agenttesla-mail-old");
    let name = "PW_erika-EXAMPLE-PC_2026_03_02_09_01_00.html";
    names(vec![ftp("203.0.113.51:21", 1, &[("OPTS", "utf8 on"), ("STOR", name)])], "agenttesla-ftp");
    let mut data = raw("203.0.113.51:50000", 2, (b"", b""), &[]);
    let other = data.other.as_mut().expect("other");
    (other.protocol, other.verb, other.name) =
        (Some("ftp-data".into()), Some("STOR".into()), Some(name.into()));
    names(vec![data], "agenttesla-ftp-data");
    let panel = |path: &str| {
        let form = form(&format!("p={}", "QUJD".repeat(80)));
        vec![http(
            "203.0.113.52:80",
            1,
            [request(&format!("POST {path}"), "Host: a.example\nExpect: 100-continue").with(form)],
        )]
    };
    names(panel("/shop/inc/0123456789abcd.php"), "agenttesla-panel");
    silent(panel("/shop/inc/form.php"));
}

#[test]
fn snake() {
    let agent = "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.2; .NET CLR1.0.3705;)";
    let checks = |agent: &str| -> Vec<Flow> {
        let ask = request("GET /", &format!("User-Agent: {agent}\nHost: checkip.dyndns.org"));
        (0..6).map(|n| http("198.51.100.64:80", 10 + n, [ask.clone()])).collect()
    };
    let with = |agent: &str, last: Flow| -> Vec<Flow> { checks(agent).into_iter().chain([last]).collect() };
    names(with(agent, letter("hello", NET_MAIL)), "snake-lookup-then-send");
    names(
        with(agent, tls("198.51.100.65:443", 70, Some("api.telegram.org"), None)),
        "snake-lookup-then-send",
    );
    silent(with("ddclient/3.9", letter("hello", NET_MAIL)));
    silent(checks(agent));
    names(vec![letter("Pc Name: erika | Snake Tracker", NET_MAIL)], "snake-mail");
    silent(vec![letter("Pc Name: erika | Snake Tracker", PROGRAM_MAIL)]);
    silent(vec![letter("How to keep a snake", NET_MAIL)]);
}

#[test]
fn other_keyloggers() {
    names(
        vec![letter("HawkEye Keylogger - Reborn v9 - Passwords Logs - erika \\ PC", NET_MAIL)],
        "hawkeye-mail",
    );
    names(vec![ftp("203.0.113.51:21", 1, &[("STOR", "HawkEye_Keylogger_1.txt")])], "hawkeye-ftp");
    let post = form("Secret=1&HWID=2&Name=3&OS=4&Type=5");
    names(
        vec![http("203.0.113.52:80", 1, [request("POST /p.php", "Host: a.example").with(post)])],
        "hawkeye-panel",
    );
    names(vec![letter("Predator Pain v13 - Server Ran - [PC]", NET_MAIL)], "predatorpain-mail");
    names(vec![letter("KeyStroke Monitoring", NET_MAIL)], "m00nd3v-mail");
    let get = request("GET /panel/post.php?type=passwords&machinename=PC&application=x", "Host: a.example");
    names(vec![http("203.0.113.52:80", 1, [get])], "keybase-panel");
    names(vec![letter("MassLogger | erika | PC", NET_MAIL)], "masslogger-mail");
    let name = "erika_Exampleland_0123456789_02-03-2026 10.zip";
    names(vec![ftp("203.0.113.51:21", 1, &[("STOR", name)])], "masslogger-ftp");
    let log = zip(9000, &["Log.txt"]);
    let log = multipart(&[("file", Some("erika_Exampleland_0123456789_x.zip"), log)]);
    let kind = "Host: a.example\nContent-Type: multipart/form-data; boundary=---------------------8d8";
    names(
        vec![http("203.0.113.52:80", 1, [request("POST /panel/upload.php", kind).with(log)])],
        "masslogger-panel",
    );
    names(vec![letter("PX | PSWD | Client Name: erika", NET_MAIL)], "phoenix-mail");
    names(vec![letter("Logs | erika", NET_MAIL)], "phoenix-mail-short");
    let tagged = |topic: &str| {
        vec![mail(SUBMIT, 1, "x", NET_MAIL, &[("Thread-Topic", topic)], bytes(900, Shape::Text, b""))]
    };
    names(tagged("DC-FG:::EXAMPLE-PC\\erika\\192.0.2.10"), "darkcloud-mail");
    silent(tagged("DC-offices meeting"));
    silent(vec![letter("Logger battery low", NET_MAIL)]);
    silent(vec![letter("Password change", NET_MAIL)]);
    silent(vec![letter("Logs | erika", PROGRAM_MAIL)]);
}

#[test]
fn reports_are_known_by_what_they_list() {
    let marked = |names: &[&str]| {
        let markers = names.iter().map(|name| Marker { name: (*name).into(), count: 1 }).collect();
        Body { markers, ..bytes(1400, Shape::Html, b"") }
    };
    let report =
        |headers: &str, names: &[&str]| vec![mail(SUBMIT, 60, "report", headers, &[], marked(names))];
    names(report(NET_MAIL, &["label-osfullname", "system-inventory"]), "agenttesla-mail-markers");
    silent(report(PROGRAM_MAIL, &["label-osfullname", "system-inventory"]));
    silent(report(NET_MAIL, &["system-inventory"]));
    names(report(NET_MAIL, &["self-name-snake"]), "snake-markers");
    silent(report(PROGRAM_MAIL, &["self-name-snake"]));
}

#[test]
fn encrypted_mail_after_an_address_check() {
    let submission = || {
        let mut flow = tls(SUBMIT, 60, Some("mail.harbour.example"), None);
        flow.payload.to_server = 2000;
        flow.tls.as_mut().expect("tls").after = Some("starttls-smtp".into());
        flow
    };
    let check = |line: &str, headers: &str| http("198.51.100.60:80", 10, [request(line, headers)]);
    let net = "Host: checkip.amazonaws.com\nConnection: Keep-Alive";
    names(vec![check("GET /", net), submission()], "agenttesla-encrypted-mail-lookup");
    silent(vec![check("GET /", &format!("{net}\nUser-Agent: curl/8.7.1")), submission()]);
    names(
        vec![check("GET /line/?fields=hosting", "Host: ip-api.com"), submission()],
        "agenttesla-encrypted-mail",
    );
    silent(vec![submission()]);
}
