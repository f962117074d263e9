use super::*;
use crate::flow::{Carrier, Opening};
use crate::time::Timestamp;
use std::collections::BTreeMap;

const C: Side = Side::Client;
const S: Side = Side::Server;
const CLIENT: &str = "192.0.2.10";
const SERVER: &str = "203.0.113.5";

fn start() -> Start {
    let at = At { time: Timestamp::default(), frame: 1, capture: 0 };
    let (client, server) = ("192.0.2.10:50000".parse().unwrap(), "203.0.113.5:21".parse().unwrap());
    Start { opening: Opening { carrier: Carrier::Tcp, client, server, at }, after: None }
}

/// What a side says, or, where it is a number of bytes in angle brackets, how many of it are missing.
type Step<'a> = (Side, &'a str);
type Announced = BTreeMap<(IpAddr, u16), Expected>;

/// Facts, announcements, and at which step and offset in it another protocol began, of a script cut into pieces.
fn play(script: &[Step<'_>], size: usize) -> (record::Ftp, Announced, Option<(usize, usize)>) {
    let mut shared = Shared::default();
    let mut ftp = Box::new(Ftp::new(&start()));
    let mut over = None;
    'script: for (nth, (side, said)) in script.iter().enumerate() {
        let at = At { time: Timestamp::default(), frame: nth as u64 + 1, capture: 0 };
        if let Some(length) = said.strip_prefix('<').and_then(|said| said.strip_suffix('>')) {
            ftp.gap(*side, length.parse().unwrap(), at, &mut shared);
            continue;
        }
        for (piece, slice) in said.as_bytes().chunks(size).enumerate() {
            if let Next::HandOver { from, after } = ftp.data(*side, slice, at, &mut shared) {
                assert_eq!(after, "auth-tls");
                over = Some((nth, piece * size + from));
                break 'script;
            }
        }
    }
    let mut facts = Facts::default();
    ftp.end(&mut facts, &mut shared);
    (*facts.ftp.unwrap(), shared.expected, over)
}

/// The same, however the script is cut.
fn read(script: &[Step<'_>]) -> (record::Ftp, Announced, Option<(usize, usize)>) {
    let whole = play(script, usize::MAX);
    for size in [1, 2, 3, 7] {
        assert_eq!(play(script, size), whole, "in pieces of {size}");
    }
    whole
}

fn key(address: &str, port: u16) -> (IpAddr, u16) {
    (address.parse().unwrap(), port)
}

fn expected(peer: &str, passive: bool, verb: &str, name: &str) -> Expected {
    let (verb, name) = (Some(verb.to_owned()), Some(name.to_owned()));
    Expected { peer: peer.parse().unwrap(), passive, verb, name }
}

const LOGIN: [Step<'_>; 5] = [
    (S, "220-Welcome\r\n220-no 220 here\r\n 220 nor here\r\n220 ready\r\n"),
    (C, "USER drop@a.example\r\n"),
    (S, "331 password\r\n"),
    (C, "PASS hunter2\r\n"),
    (S, "230-hello\r\n331 inside\r\n230 in\r\n"),
];

#[test]
fn an_upload_is_read_and_announced() {
    let script = [
        &LOGIN[..],
        &[
            (C, "opts utf8 on\r\n"),
            (S, "200 on\r\n"),
            (C, "PASV\r\n"),
            (S, "227 Entering Passive Mode (203,0,113,5,195,80)\r\n"),
            (C, "STOR PW_erika-PC.html\r\n"),
            (S, "150 go\r\n"),
            (S, "226 done\r\n"),
            (C, "QUIT\r\n"),
        ],
    ]
    .concat();
    let (facts, announced, over) = read(&script);
    assert_eq!(facts.banner.as_deref(), Some("Welcome\nno 220 here\n220 nor here\nready"));
    assert_eq!(facts.user.as_deref(), Some("drop@a.example"));
    assert!(facts.authenticated && over.is_none());
    let commands: Vec<(&str, &str, u16, u64)> = facts
        .commands
        .iter()
        .map(|(verb, name, code, frame)| (verb.as_str(), name.as_str(), *code, *frame))
        .collect();
    assert_eq!(
        commands,
        [
            ("USER", "drop@a.example", 331, 2),
            ("PASS", "", 230, 4),
            ("OPTS", "utf8 on", 200, 6),
            ("PASV", "", 227, 8),
            ("STOR", "PW_erika-PC.html", 226, 10),
            ("QUIT", "", 0, 13),
        ]
    );
    let want = expected(CLIENT, true, "STOR", "PW_erika-PC.html");
    assert_eq!(announced, BTreeMap::from([(key(SERVER, 50_000), want)]));
}

#[test]
fn each_way_to_announce_is_understood() {
    let stor = (C, "STOR x\r\n");
    let passive = || expected(CLIENT, true, "STOR", "x");
    let active = || expected(SERVER, false, "STOR", "x");
    let cases: [(Vec<Step<'_>>, Announced); 8] = [
        (
            vec![(C, "EPSV\r\n"), (S, "229 ok (|||40123|)\r\n"), stor],
            BTreeMap::from([(key(SERVER, 40_123), passive())]),
        ),
        // Behind address translation: said inside, reached outside.
        (
            vec![(C, "PASV\r\n"), (S, "227 ok (198,51,100,7,4,1)\r\n"), stor],
            BTreeMap::from([(key(SERVER, 1025), passive()), (key("198.51.100.7", 1025), passive())]),
        ),
        (
            vec![(C, "PASV\r\n"), (S, "227 ok 0,0,0,0,4,1\r\n"), stor],
            BTreeMap::from([(key(SERVER, 1025), passive())]),
        ),
        (
            vec![(C, "PORT 192,0,2,10,4,2\r\n"), (S, "200 ok\r\n"), stor],
            BTreeMap::from([(key(CLIENT, 1026), active())]),
        ),
        (
            vec![(C, "EPRT |2|2001:db8::9|1027|\r\n"), stor],
            BTreeMap::from([(key(CLIENT, 1027), active()), (key("2001:db8::9", 1027), active())]),
        ),
        // Sent ahead of the reply, after another announcement.
        (
            vec![
                (C, "PORT 192,0,2,10,4,2\r\nSTOR x\r\n"),
                (C, "PASV\r\nSTOR x\r\nPASV\r\nRETR y\r\n"),
                (S, "200 ok\r\n150 go\r\n226 ok\r\n227 ok (203,0,113,5,4,3)\r\n150 go\r\n226 ok\r\n"),
                (S, "227 ok (203,0,113,5,4,4)\r\n"),
            ],
            BTreeMap::from([
                (key(CLIENT, 1026), active()),
                (key(SERVER, 1027), passive()),
                (key(SERVER, 1028), expected(CLIENT, true, "RETR", "y")),
            ]),
        ),
        (
            vec![(C, "EPSV\r\n"), (S, "229 ok (|||7|)\r\n"), (C, "LIST\r\n")],
            BTreeMap::from([(
                key(SERVER, 7),
                Expected { verb: Some("LIST".to_owned()), name: None, ..passive() },
            )]),
        ),
        (
            vec![(C, "PASV\r\n"), (S, "227 ok (203,0,113,5,0,0)\r\n"), (C, "PORT 1,2\r\n"), stor],
            BTreeMap::new(),
        ),
    ];
    for (nth, (script, want)) in cases.into_iter().enumerate() {
        let script: Vec<Step<'_>> = [(S, "220 ftp\r\n")].into_iter().chain(script).collect();
        assert_eq!(read(&script).1, want, "case {nth}");
    }
}

#[test]
fn no_password_is_kept_in_whatever_order_it_comes() {
    let scripts: [&[Step<'_>]; 8] = [
        &LOGIN,
        &[(C, "PASS hunter2\r\nUSER x\r\n")],
        // Without its verb; as a command; across a bare line feed.
        &[(C, "USER x\r\n"), (S, "331 ok\r\n"), (C, "hunter2\r\n"), (S, "530 no\r\n")],
        &[(C, "USER x\r\n"), (S, "331 ok\r\n"), (C, "STOR hunter2\r\n"), (S, "530 no\r\n")],
        &[(C, "USER x\r\nPASS a\nhunter2 b\r\n")],
        // Its beginning was not captured.
        &[(C, "USER x\r\n"), (S, "331 ok\r\n"), (C, "<9>"), (C, "RETR hunter2\r\n"), (S, "230 ok\r\n")],
        &[(C, "USER x\r\nPASS c"), (C, "<9>"), (C, "CWD hunter2\r\n"), (S, "230 ok\r\n")],
        &[(C, "USER x\r\n"), (S, "332 ok\r\n"), (C, "ACCT hunter2\r\nSITE CPWD a hunter2\r\n")],
    ];
    for (nth, script) in scripts.iter().enumerate() {
        let shown = serde_json::to_string(&read(script).0).unwrap();
        assert!(!shown.contains("hunter2"), "script {nth}: {shown}");
    }
}

#[test]
fn a_name_that_needs_no_password_leaves_the_commands() {
    let (facts, ..) = read(&[(S, "220 ftp\r\n"), (C, "USER x\r\n"), (S, "230 in\r\n"), (C, "CWD logs\r\n")]);
    assert!(facts.authenticated);
    assert_eq!(facts.commands[1].0, "CWD");
    let refused = [(C, "USER x\r\n"), (S, "530 no\r\n"), (C, "STAT\r\n"), (S, "211 ok\r\n")];
    let (facts, ..) = read(&refused);
    assert!(!facts.authenticated);
    assert_eq!(facts.commands.len(), 2);
}

#[test]
fn tls_is_handed_over_after_its_reply() {
    let (facts, _, over) = read(&[(S, "220 ftp\r\n"), (C, "AUTH TLS\r\n"), (S, "234 go\r\n\x16\x03")]);
    assert_eq!(over, Some((2, 8)));
    assert_eq!(facts.commands, [("AUTH".to_owned(), "TLS".to_owned(), 234, 2)]);
    assert_eq!(read(&[(C, "AUTH SSL\r\n"), (C, "\x16\x03\x01")]).2, Some((1, 0)));
    assert_eq!(read(&[(C, "AUTH TLS\r\n"), (S, "<9>"), (S, "\x16\x03\x01")]).2, Some((2, 0)));
    let refused = [(S, "220 ftp\r\n"), (C, "AUTH TLS\r\n"), (S, "502 no\r\n"), (C, "\x16\r\n")];
    assert_eq!(read(&refused).2, None);
}

#[test]
fn replies_are_not_joined_across_a_gap() {
    let (facts, ..) = read(&[
        (S, "220 ftp\r\n"),
        (C, "CWD a\r\n"),
        (S, "<20>"),
        (C, "CWD b\r\n"),
        (S, "250 ok\r\n"),
        (C, "<20>"),
        (S, "200 lost\r\n"),
        (C, "CWD c\r\n"),
        (S, "550 no\r\n"),
    ]);
    let codes: Vec<u16> = facts.commands.iter().map(|command| command.2).collect();
    assert_eq!(codes, [0, 250, 550]);
}

#[test]
fn from_the_middle_what_is_left_is_read() {
    let (facts, announced, _) = read(&[
        (C, "ret\r\nPASV\r\n"),
        (S, "227 ok (203,0,113,5,4,1)\r\n"),
        (C, "STOR x\r\n"),
        (S, "226 ok\r\n"),
    ]);
    assert_eq!(facts.commands.len(), 2);
    assert_eq!(facts.banner, None);
    assert_eq!(announced.len(), 1);
}

#[test]
fn what_a_run_can_hold_is_bounded() {
    let mut shared = Shared::default();
    let at = start().opening.at;
    let mut ftp = Ftp::new(&start());
    for port in 1..=MAX_EXPECTED + 10 {
        let line = format!("PORT 198,51,100,9,{},{}\r\n", port >> 8, port & 255);
        ftp.data(C, line.as_bytes(), at, &mut shared);
        ftp.data(C, b"STOR x\r\n", at, &mut shared);
    }
    assert!(shared.expected.len() <= MAX_EXPECTED);
    let last = u16::try_from(MAX_EXPECTED + 10).unwrap();
    assert!(shared.expected.contains_key(&key(CLIENT, last)));
    assert!(shared.expected.contains_key(&key("198.51.100.9", last)));
    assert_eq!(ftp.facts.commands.len(), MAX_COMMANDS);
    assert!(ftp.awaited.len() <= MAX_AWAITED);
    ftp.data(C, &vec![b'x'; 100_000], at, &mut shared);
    assert!(ftp.lines[0].unfinished().len() <= MAX_LINE);
    assert_eq!(shared.log.into_entries().len(), 2);
}

mod any_order {
    use super::*;
    use proptest::prelude::*;

    const STEPS: [Step<'_>; 26] = [
        (C, "USER x\r\n"),
        (C, "PASS hunter2\r\n"),
        (C, "PASS hun"),
        (C, "hunter2\r\n"),
        (C, "PASV\r\n"),
        (C, "EPSV\r\n"),
        (C, "PORT 192,0,2,10,4,2\r\n"),
        (C, "STOR a\r\n"),
        (C, "RETR b\n"),
        (C, "ST"),
        (C, "\r"),
        (C, "\n"),
        (C, "AUTH TLS\r\n"),
        (C, "\x16"),
        (C, "<5>"),
        (S, "<5>"),
        (S, "220 ftp\r\n"),
        (S, "220-ftp\r\n"),
        (S, "331 more\r\n"),
        (S, "230 in\r\n"),
        (S, "227 (203,0,113,5,4,1)\r\n"),
        (S, "229 (|||9|)\r\n"),
        (S, "150 go\r\n"),
        (S, "226 ok\r\n"),
        (S, "502 no\r\n"),
        (S, "234 go\r\n"),
    ];

    proptest! {
        #[test]
        fn the_cut_of_slices_changes_nothing_and_no_password_is_kept(
            script in proptest::collection::vec(proptest::sample::select(&STEPS[..]), 1..40)
        ) {
            let whole = play(&script, usize::MAX);
            for size in [1, 2, 3] {
                prop_assert_eq!(play(&script, size), whole.clone());
            }
            prop_assert!(!serde_json::to_string(&whole.0).unwrap().contains("hunter2"));
        }
    }
}
