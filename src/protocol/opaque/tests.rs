use super::*;
use crate::protocol::testing::{Step, c, facts, opening, play, printed, s};

fn udp(script: &[Step], port: u16) -> (Facts, Option<Side>) {
    let (facts, client, _) = play(script, &opening(Carrier::Udp, port), 0, &mut Shared::default());
    (facts, client)
}

#[test]
fn messages_that_begin_alike_are_told() {
    let script = [
        c(b"\x28\x00\x01\x07abc"),
        s(b"\x99ok"),
        c(b"\x28\x00\x01\x09d"),
        s(b"\x99no"),
        c(b"\x28\x00\x01\x01"),
    ];
    let other = facts(&script, 4000).other.expect("something");
    assert_eq!(other.protocol, None);
    let (client, server) = other.prefix.expect("a prefix");
    assert_eq!((&*client.0, &*server.0), (&b"\x28\x00\x01"[..], &b"\x99"[..]));
    assert_eq!(other.to_server.map(|body| body.bytes), Some(7 + 5 + 4));
}

#[test]
fn one_message_has_no_prefix() {
    let other = facts(&[c(b"\x28\x00\x01\x07abc"), s(b"\x99ok")], 4000).other.expect("something");
    assert_eq!(other.prefix, None);
    let other = facts(&[c(b"\x28\x00"), s(b"\x99ok"), c(b"\x27\x00")], 4000).other.expect("something");
    assert_eq!(other.prefix, None);
}

#[test]
fn only_sides_that_spoke_have_bodies() {
    let other = facts(&[c(b"\x01\x02\x03")], 4000).other.expect("something");
    assert!(other.to_server.is_some() && other.to_client.is_none());
    let (found, _) = udp(&[c(b"\x01\x02\x03"), c(b"\x01\x02\x04")], 4000);
    let other = found.other.expect("something");
    assert_eq!(other.to_server.map(|body| body.bytes), Some(6));
    assert_eq!(other.prefix.map(|(client, _)| client.0.to_vec()), Some(vec![1, 2]));
}

#[test]
fn what_is_recognised_keeps_no_bytes() {
    let script = [
        s("+OK POP3 ready\r\n"),
        c("USER a\r\nPASS s3cret\r\n"),
        s("+OK\r\n"),
        c("USER a\r\nPASS s3cret\r\n"),
    ];
    let found = facts(&script, 110);
    let text = printed(&found);
    assert!(text.contains("pop3"), "{text}");
    for secret in ["s3cret", &Hex::from(&b"s3cret"[..]).to_string()] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn who_logs_in_to_a_mailbox_is_told_and_nothing_else() {
    let pop3 = [s("+OK POP3 ready\r\n"), c("USER ann\r\n"), s("+OK\r\n"), c("PASS s3cret\r\n"), s("+OK\r\n")];
    let imap = [s("* OK ready\r\n"), c("a1 LOGIN ann s3cret\r\n"), s("a1 OK\r\n"), c("a2 SELECT INBOX\r\n")];
    for (script, port, source) in [(&pop3[..], 110, "pop3"), (&imap[..], 143, "imap")] {
        let found = facts(script, port);
        let told: Vec<_> =
            found.hints.iter().map(|hint| (&*hint.kind, &*hint.value, &*hint.source)).collect();
        assert_eq!(told, [("user", "ann", source)]);
        assert!(!printed(&found).contains("s3cret"));
    }
}

#[test]
fn no_secret_of_a_client_whose_server_was_not_captured() {
    for (bytes, port, users) in [
        ("USER ann\r\nPASS s3cret\r\n", 110, 1),
        ("a1 login ann s3cret\r\n", 143, 1),
        ("USER ann\r\nPASS s3cret\r\nSYST\r\n", 8021, 0),
        ("AUTH s3cret\r\n", 6379, 0),
    ] {
        let found = facts(&[c(bytes)], port);
        let text = printed(&found);
        assert!(found.other.as_ref().is_some_and(|other| other.protocol.is_some()), "{text}");
        assert_eq!(found.hints.len(), users, "{text}");
        for secret in ["s3cret", &Hex::from(&b"s3cret"[..]).to_string()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_login_takes_the_name_of_what_it_turns_out_to_be() {
    let found = facts(&[c("PASS s3cret\r\n"), c("NICK a\r\nUSER a 0 * :a\r\n")], 5555);
    assert_eq!(found.other.as_ref().and_then(|other| other.protocol.as_deref()), Some("irc"));
    let found = facts(&[c("PASS s3cret\r\n"), s("welcome\r\n")], 5555);
    assert_eq!(found.other.as_ref().and_then(|other| other.protocol.as_deref()), Some("login"));
}

#[test]
fn tls_follows_the_request_of_a_mysql_client_at_once() {
    let greeting = [&[74, 0, 0, 0, 10][..], b"8.0.36\0", &[1; 67]].concat();
    let request = |flags: u8| [&[32, 0, 0, 1, 0x05, flags, 0, 0, 0, 0, 0, 1, 45][..], &[0; 23]].concat();
    let hello = [&[1, 0, 0, 41, 3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let record = [&[22, 3, 1, 0, hello.len() as u8][..], &hello].concat();
    let script = |flags| [s(&greeting), c([request(flags), record.clone()].concat())];
    let found = facts(&script(0xae), 3306);
    let tls = found.tls.expect("TLS");
    assert_eq!((tls.version.as_str(), tls.after.as_deref()), ("TLS1.2", Some("mysql")));
    assert!(tls.ja4.is_some());
    let other = found.other.expect("MySQL");
    assert_eq!(other.protocol.as_deref(), Some("mysql"));
    assert_eq!(other.to_server.map(|body| body.bytes), Some(36));
    // Without the flag it is no request.
    assert!(facts(&script(0xa6), 3306).tls.is_none());
}

#[test]
fn a_greeting_tells_the_server() {
    let script = [c("* OK ready\r\n"), s("a LOGIN b c\r\n")];
    let (found, client, _) = play(&script, &opening(Carrier::Tcp, 143), 5, &mut Shared::default());
    let other = found.other.expect("something");
    assert_eq!((client, other.protocol.as_deref()), (Some(Side::Server), Some("imap")));
    assert_eq!(other.to_server.map(|body| body.bytes), Some(13));
}

#[test]
fn gaps_are_counted_and_break_messages() {
    let script =
        [c(b"\x28\x00\x01"), Step::Gap(Side::Client, 9), c(b"\x28\x00\x01"), s(b"\x01"), c(b"\x28\x01")];
    let (found, ..) = play(&script, &opening(Carrier::Tcp, 4000), usize::MAX, &mut Shared::default());
    let body = found.other.and_then(|other| other.to_server).expect("a body");
    assert_eq!((body.bytes, body.missing), (17, 9));
}

#[test]
fn an_announced_connection_is_ftp_data() {
    let expected = |passive, verb: Option<&str>| Expected {
        peer: "192.0.2.10".parse().expect("an address"),
        passive,
        verb: verb.map(str::to_owned),
        name: verb.map(|_| "/in/a.zip".to_owned()),
    };
    for (passive, key) in [(true, "198.51.100.20"), (false, "192.0.2.10")] {
        let key = (key.parse().expect("an address"), if passive { 2121 } else { 50_000 });
        let mut shared = Shared::default();
        shared.expected.insert(key, expected(passive, Some("STOR")));
        // In active mode the side that listens, the FTP client, sends.
        let script = [c("GET / HTTP/1.1\r\n\r\n")];
        let (found, client, _) = play(&script, &opening(Carrier::Tcp, 2121), 4, &mut shared);
        let other = found.other.expect("something");
        assert!(found.http.is_empty(), "what was announced is not HTTP");
        assert_eq!(client, Some(Side::Client));
        assert_eq!((other.protocol.as_deref(), other.verb.as_deref()), (Some("ftp-data"), Some("STOR")));
        assert_eq!(other.to_server.and_then(|body| body.file_name).as_deref(), Some("/in/a.zip"));
        assert!(shared.expected.is_empty());
    }
}

#[test]
fn the_command_may_come_after_the_connection() {
    use crate::flow::Dissector as _;
    let opening = opening(Carrier::Tcp, 2121);
    let key = (opening.server.ip(), 2121);
    let peer = opening.client.ip();
    let mut shared = Shared::default();
    shared.expected.insert(key, Expected { peer, passive: true, verb: None, name: None });
    let mut conversation = crate::protocol::Conversation::open(&opening, &mut shared);
    conversation.data(Side::Client, b"abc", opening.at, &mut shared);
    if let Some(expected) = shared.expected.get_mut(&key) {
        (expected.verb, expected.name) = (Some("STOR".to_owned()), Some("b.txt".to_owned()));
    }
    let other = conversation.end(&mut shared).other.expect("something");
    assert_eq!((other.verb.as_deref(), other.name.as_deref()), (Some("STOR"), Some("b.txt")));
}

#[test]
fn a_proxy_hands_over_with_its_target() {
    let greeting = [c(b"\x05\x01\x00"), s(b"\x05\x00")];
    let request =
        [c(b"\x05\x01\x00\x03\x0afar.test.a\x00\x50"), s(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")];
    let http = [c("GET /x HTTP/1.1\r\n\r\n"), s("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")];
    let script = [greeting, request, http].concat();
    let found = facts(&script, 1080);
    let other = found.other.expect("the proxy");
    assert_eq!((other.protocol.as_deref(), other.name.as_deref()), (Some("socks5"), Some("far.test.a:80")));
    assert_eq!(found.http.len(), 1);
    // Version 4, and something opaque inside.
    let script = [
        c(b"\x04\x01\x1f\x90\xc6\x33\x64\x07user\0"),
        s(b"\x00\x5a\x00\x00\x00\x00\x00\x00"),
        c(b"\x07\x07\x07"),
    ];
    let other = facts(&script, 1080).other.expect("something");
    assert_eq!(
        (other.protocol.as_deref(), other.name.as_deref()),
        (Some("socks4"), Some("198.51.100.7:8080"))
    );
    assert_eq!(other.to_server.map(|body| body.bytes), Some(3));
}

#[test]
fn a_proxy_login_is_not_kept() {
    let script = [
        c(b"\x05\x02\x00\x02"),
        s(b"\x05\x02"),
        c(b"\x01\x05alice\x06s3cret"),
        s(b"\x01\x00"),
        c(b"\x05\x01\x00\x01\xc6\x33\x64\x07\x01\xbb"),
        s(b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"),
    ];
    let found = facts(&script, 1080);
    let text = printed(&found);
    assert!(!text.contains("s3cret") && text.contains("198.51.100.7:443"), "{text}");
}

#[test]
fn datagrams_do_not_join_to_a_name() {
    let (found, _) = udp(&[c(b"\x01"), c(b"M-SEARCH * HTTP/1.1\r\n")], 1900);
    assert_eq!(found.other.and_then(|other| other.protocol), None);
    let (found, client) = udp(&[c(b"\x24\x01\x02\x03"), s([0x24; 48])], 123);
    assert_eq!(
        (found.other.and_then(|other| other.protocol).as_deref(), client),
        (Some("ntp"), Some(Side::Client))
    );
}

#[test]
fn dhcp_and_netbios_datagrams_find_their_dissector() {
    let mut ask = vec![0; 240];
    ask[..3].copy_from_slice(&[1, 1, 6]);
    ask[28..34].copy_from_slice(&[2, 0, 0x5e, 0, 0x53, 1]);
    ask[236..].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    ask.extend(b"\x35\x01\x03\x32\x04\xc0\x00\x02\x07\x0c\x04PC-7\xff");
    let (found, client) = udp(&[c(&ask), c(&ask)], 67);
    let hints: Vec<_> = found.hints.iter().map(|h| (h.addr.to_string(), &*h.kind, &*h.value)).collect();
    let addr = "192.0.2.7".to_owned();
    assert_eq!(hints, [(addr.clone(), "mac", "02:00:5e:00:53:01"), (addr, "name", "PC-7")]);
    assert_eq!(client, Some(Side::Client));
    let mut register =
        b"\x12\x34\x29\x10\0\x01\0\0\0\0\0\x01\x20FAEDCNDHCACACACACACACACACACACAAA\0\0\x20\0\x01".to_vec();
    register.extend(b"\xc0\x0c\0\x20\0\x01\0\x04\x93\xe0\0\x06\0\0\xc0\0\x02\x07");
    let (found, _) = udp(&[c(&register)], 137);
    assert_eq!(found.hints.first().map(|hint| hint.value.as_str()), Some("PC-7"));
}

#[test]
fn undecided_beginnings_end_as_opaque() {
    for text in ["POST", "HTT", "\x05", "\x04\x01"] {
        let other = facts(&[c(text)], 4000).other.expect("something");
        assert_eq!(other.to_server.map(|body| body.bytes), Some(text.len() as u64), "{text:?}");
    }
}

#[test]
fn a_login_in_clear_names_user_and_machine() {
    let mut setup = b"\x00\x00\x02\x00\xfeSMB\x40\x00".to_vec();
    setup.extend(crate::protocol::ntlm::tests::message("CORP", "alice", "DESKTOP-AB12CD"));
    let script = [c(b"\x00\x00\x00\x45\xffSMBr"), s(b"\x00\x00\x00\x45\xfeSMB"), c(&setup), s(b"\x00")];
    for size in [setup.len() / 2, 64, usize::MAX] {
        let (found, ..) = play(&script, &opening(Carrier::Tcp, 445), size, &mut Shared::default());
        let hints: Vec<_> = found.hints.iter().map(|hint| (&*hint.kind, &*hint.value)).collect();
        assert_eq!(hints, [("user", "alice"), ("domain", "CORP"), ("name", "DESKTOP-AB12CD")], "{size}");
        assert_eq!(found.other.and_then(|other| other.protocol).as_deref(), Some("smb"));
    }
}

#[test]
fn what_stays_undecided_is_bounded() {
    // Each byte may yet become a method; after enough turns it is taken for what it is.
    let script: Vec<Step> = (0..200).map(|turn| if turn % 2 == 0 { c("A") } else { s("B") }).collect();
    let other = facts(&script, 4000).other.expect("something");
    assert_eq!(other.to_server.map(|body| body.bytes), Some(100));
    assert_eq!(other.prefix.map(|(client, server)| (client.0.len(), server.0.len())), Some((1, 1)));
}

#[test]
fn a_packed_stream_behind_a_length_is_opened() {
    use std::io::Write as _;
    // A tar of one member: name, size in octal, its checksum, `ustar`.
    let mut tar = vec![0; 2048];
    tar[..13].copy_from_slice(b"Passwords.txt");
    tar[124..135].copy_from_slice(b"00000000005");
    tar[257..262].copy_from_slice(b"ustar");
    tar[148..156].fill(b' ');
    let sum: u32 = tar[..512].iter().map(|&byte| u32::from(byte)).sum();
    tar[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    tar[512..517].copy_from_slice(b"a b c");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&tar).expect("memory");
    let packed = packer.finish().expect("memory");
    let message = [&(packed.len() as u32).to_le_bytes()[..], &packed].concat();
    // As the first message, and after a greeting.
    for script in [vec![c(&message)], vec![c(b"\x01\x02"), s(b"\x01"), c(&message)]] {
        for size in [1, 7, usize::MAX] {
            let (found, ..) = play(&script, &opening(Carrier::Tcp, 4000), size, &mut Shared::default());
            let body = found.other.and_then(|other| other.to_server).expect("a body");
            let members = body.archive.map(|archive| archive.members).unwrap_or_default();
            assert_eq!(members.first().map(|member| member.name.as_str()), Some("Passwords.txt"), "{size}");
        }
    }
}

#[test]
fn what_a_websocket_says_is_described() {
    let hello = messages::tests::frame(0x81, br#"{"hwid":"0123","password":"s3cret"}"#);
    let script = [
        c("GET /ws HTTP/1.1\r\nHost: 198.51.100.20\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
        s("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
        c(&hello),
        s(b"\x81\x02ok"),
    ];
    for size in [1, 5, usize::MAX] {
        let (found, ..) = play(&script, &opening(Carrier::Tcp, 80), size, &mut Shared::default());
        assert!(!printed(&found).contains("s3cret"));
        let body = found.other.and_then(|other| other.to_server).expect("a body");
        assert_eq!(body.bytes, hello.len() as u64);
        let fields: Vec<_> = body.parts[0].body.fields.iter().map(|field| &*field.name).collect();
        assert_eq!(fields, ["hwid", "password"], "{size}");
    }
}
