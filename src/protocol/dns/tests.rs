use super::*;
use crate::anomaly::Anomaly;
use crate::flow::Opening;
use crate::record::unhex;
use crate::time::Timestamp;
use Side::{Client, Server};
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddr};

const ANSWER: &str =
    "12348180000100010000000003777777076578616d706c6503636f6d0000010001c00c000100010000003c0004c6336402";

fn hex(text: &str) -> Vec<u8> {
    unhex(&text.replace(char::is_whitespace, "")).expect("hexadecimal")
}

fn at(frame: u64) -> At {
    At { time: Timestamp(frame as i64 * 1_000_000), frame, capture: 0 }
}

fn start(carrier: Carrier, port: u16) -> Start {
    let addr = |last, port| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), port));
    let opening = Opening { carrier, client: addr(1, 50_000), server: addr(2, port), at: at(0) };
    Start { opening, after: None }
}

fn labels(name: &str) -> Vec<u8> {
    let mut out: Vec<u8> = name
        .split('.')
        .filter(|label| !label.is_empty())
        .flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes()))
        .collect();
    out.push(0);
    out
}

fn message(id: u16, flags: u16, questions: &[(&str, u16)], records: &[(&str, u16, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [id, flags, questions.len() as u16, records.len() as u16, 0, 0] {
        out.extend(word.to_be_bytes());
    }
    for (name, kind) in questions {
        out.extend(labels(name));
        out.extend([kind.to_be_bytes(), [0, 1]].concat());
    }
    for (name, kind, data) in records {
        out.extend(labels(name));
        out.extend(
            [&kind.to_be_bytes()[..], &[0, 1, 0, 0, 0, 60], &(data.len() as u16).to_be_bytes(), data]
                .concat(),
        );
    }
    out
}

fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    message(id, 0x0100, &[(name, kind)], &[])
}

fn run(start: &Start, parts: &[(Side, Vec<u8>)]) -> (Facts, Vec<Anomaly>) {
    let (mut dns, mut shared) = (Box::new(Dns::new(start)), Shared::default());
    for (index, (side, bytes)) in parts.iter().enumerate() {
        assert_eq!(dns.data(*side, bytes, at(index as u64 + 1), &mut shared), Next::Want(Appetite::All));
    }
    let mut facts = Facts::default();
    dns.end(&mut facts, &mut shared);
    (facts, shared.log.into_entries())
}

fn udp(parts: &[(Side, Vec<u8>)]) -> (Facts, Vec<Anomaly>) {
    run(&start(Carrier::Udp, 53), parts)
}

#[test]
fn question_and_answer_are_one_entry() {
    let asked = query(0x1234, "wWw.Example.com", 1);
    let (facts, log) = udp(&[(Client, asked.clone()), (Server, hex(ANSWER))]);
    let [entry] = &facts.dns[..] else { panic!("{:?}", facts.dns) };
    assert_eq!((entry.query.as_str(), entry.kind.as_ref()), ("www.example.com", "A"));
    assert_eq!(entry.rcode.as_deref(), Some("NOERROR"));
    assert!(entry.answers.iter().eq(["198.51.100.2"]));
    assert_eq!(entry.addresses().count(), 1);
    assert_eq!((entry.frame, entry.time), (1, at(1).time));
    assert_eq!(entry.bytes, (asked.len() as u32, 49));
    assert!(log.is_empty());
}

#[test]
fn an_answer_alone_is_an_entry() {
    let (facts, _) = udp(&[(Server, hex(ANSWER))]);
    assert_eq!(facts.dns.len(), 1);
    assert_eq!((facts.dns[0].query.as_str(), facts.dns[0].bytes), ("www.example.com", (0, 49)));
}

#[test]
fn answers_are_paired_by_id_name_and_type() {
    let (facts, _) = udp(&[
        (Client, query(1, "a.example", 1)),
        (Client, query(1, "a.example", 28)),
        (Client, query(2, "b.example", 1)),
        (Client, query(2, "b.example", 1)),
        (Server, message(2, 0x8183, &[("b.example", 1)], &[])),
        (Server, message(1, 0x8180, &[("A.example", 28)], &[])),
        (Server, message(1, 0x8180, &[("other.example", 1)], &[])),
        (Server, message(2, 0x8180, &[("b.example", 1)], &[("b.example", 1, &[192, 0, 2, 9])])),
    ]);
    let seen: Vec<_> = facts
        .dns
        .iter()
        .map(|e| (e.query.as_str(), e.kind.as_ref(), e.rcode.as_deref(), e.answers.len()))
        .collect();
    assert_eq!(
        seen,
        [
            ("a.example", "A", None, 0),
            ("a.example", "AAAA", Some("NOERROR"), 0),
            ("b.example", "A", Some("NXDOMAIN"), 0),
            ("other.example", "A", Some("NOERROR"), 0),
        ]
    );
}

#[test]
fn answers_of_all_kinds() {
    let target = labels("t.example");
    let mx = [&[0, 10][..], &target].concat();
    let srv = [&[0, 1, 0, 2, 0, 53][..], &target].concat();
    let records: [(&str, u16, &[u8]); 9] = [
        ("a.example", 5, &target),
        ("a.example", 15, &mx),
        ("a.example", 33, &srv),
        ("a.example", 16, b"\x05hello"),
        ("a.example", 10, &[0; 300]),
        ("a.example", 28, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("a.example", 1, &[1, 2, 3]),
        ("a.example", 700, b"xyz"),
        ("a.example", 5, b"\x30cut"),
    ];
    let (facts, _) = udp(&[(Server, message(7, 0x8180, &[("a.example", 255)], &records))]);
    assert_eq!(facts.dns[0].kind, "ANY");
    assert_eq!(
        facts.dns[0].answers.iter().collect::<Vec<_>>(),
        [
            "t.example",
            "t.example",
            "t.example",
            "TXT:6",
            "NULL:300",
            "2001:db8::1",
            "A:3",
            "TYPE700:3",
            "CNAME:4"
        ]
    );
}

#[test]
fn answers_that_are_no_addresses_may_be_left_out() {
    let alias = labels("a.shop.example");
    let records = [("s.example", 5, &*alias), ("s.example", 1, &[192, 0, 2, 9]), ("s.example", 16, b"text")];
    let answer = message(7, 0x8180, &[("s.example", 1)], &records);
    for (addresses_only, texts) in
        [(false, &["a.shop.example", "192.0.2.9", "TXT:4"][..]), (true, &["192.0.2.9"])]
    {
        let mut shared = Shared { addresses_only, ..Shared::default() };
        let mut dns = Box::new(Dns::new(&start(Carrier::Udp, 53)));
        dns.data(Server, &answer, at(1), &mut shared);
        let mut facts = Facts::default();
        dns.end(&mut facts, &mut shared);
        assert_eq!(facts.dns[0].answers.iter().collect::<Vec<_>>(), texts);
    }
}

#[test]
fn answers_are_bounded() {
    let records = [("a.example", 1u16, &[192u8, 0, 2, 1][..]); 40];
    let (facts, _) = udp(&[(Server, message(7, 0x8180, &[("a.example", 1)], &records))]);
    assert_eq!(facts.dns[0].answers.len(), usize::from(MAX_ANSWERS));
    // Which are read does not depend on which are kept.
    let mut records = vec![("a.example", 16u16, &b"\x03abc"[..]); 15];
    records.extend([("a.example", 1u16, &[192u8, 0, 2, 1][..]); 40]);
    let mut shared = Shared { addresses_only: true, ..Shared::default() };
    let mut dns = Box::new(Dns::new(&start(Carrier::Udp, 53)));
    let answer = message(7, 0x8180, &[("a.example", 1)], &records);
    dns.data(Server, &answer, at(1), &mut shared);
    let mut facts = Facts::default();
    dns.end(&mut facts, &mut shared);
    assert!(facts.dns[0].answers.iter().eq(["192.0.2.1"]));
}

#[test]
fn answers_find_their_questions_in_any_order() {
    let tcp = start(Carrier::Tcp, 53);
    let name = |n: u16| format!("x{n}.example");
    let ask = |n: u16| (Client, framed_message(&query(n, &name(n), 1)));
    let tell = |n: u16| {
        let addr = [192, 0, 2, n as u8];
        let owner = name(n);
        (Server, framed_message(&message(n, 0x8180, &[(&owner, 1)], &[(&owner, 1, &addr)])))
    };
    // As many wait as may, the last is answered first, and each a second time after all others.
    let mut talk: Vec<_> = (1..=128).map(ask).collect();
    talk.extend((1..=128).rev().map(tell));
    talk.extend((1..=128).map(tell));
    let told = run(&tcp, &talk).0.dns;
    assert_eq!(told.len(), 128);
    for (n, entry) in (1..=128).zip(&told) {
        let addr = format!("192.0.2.{n}");
        assert!(entry.query == name(n) && entry.answers.iter().eq([&*addr, &*addr]), "{entry:?}");
    }
}

#[test]
fn a_loop_is_said_and_the_rest_kept() {
    let bad = hex("123401000001000000000000c00c00010001");
    let (facts, log) = udp(&[(Client, bad.clone()), (Client, query(2, "a.example", 1))]);
    assert_eq!(facts.dns.len(), 1);
    assert_eq!((log.len(), log[0].kind, log[0].frame), (1, Kind::Undecodable, Some(1)));
    let (facts, _) = udp(&[(Client, bad)]);
    assert_eq!(facts.other.and_then(|other| other.protocol).as_deref(), Some("dns"));
}

#[test]
fn refusals_may_leave_the_question_out() {
    let refusal = message(2, 0x8185, &[], &[]);
    let (facts, _) =
        udp(&[(Client, query(1, "a.example", 1)), (Client, query(2, "b.example", 1)), (Server, refusal)]);
    assert_eq!(facts.dns[0].rcode, None);
    assert_eq!(facts.dns[1].rcode.as_deref(), Some("REFUSED"));
}

#[test]
fn the_root_has_a_name_and_classes_do_not_matter() {
    let mut asked = query(1, "", 2);
    let end = asked.len();
    asked[end - 2] = 0x80;
    let (facts, log) = udp(&[(Client, asked)]);
    assert_eq!((facts.dns[0].query.as_str(), facts.dns[0].kind.as_ref()), (".", "NS"));
    assert!(log.is_empty());
}

#[test]
fn zeros_are_no_question() {
    let (facts, anomalies) = udp(&[(Client, query(1, ".", 0)), (Client, query(2, "a.test", 1))]);
    assert_eq!(facts.dns.iter().map(|entry| entry.query.as_str()).collect::<Vec<_>>(), ["a.test"]);
    assert_eq!(anomalies.len(), 1);
}

#[test]
fn cut_messages_keep_what_is_there() {
    let whole = hex(ANSWER);
    for length in 0..whole.len() {
        let (facts, log) = udp(&[(Server, whole[..length].to_vec())]);
        assert_eq!(log.len(), 1, "{length}");
        assert_eq!(facts.dns.len(), usize::from(length >= 33), "{length}");
    }
}

#[test]
fn multicast_questions_each_count_and_announcements_name_their_host() {
    let mdns = start(Carrier::Udp, PORT_MDNS);
    let asked = message(0, 0, &[("x.local", 1), ("y.local", 33)], &[]);
    let told =
        message(0, 0x8400, &[], &[("Desk-1.local", 1, &[192, 0, 2, 1]), ("other.local", 1, &[192, 0, 2, 7])]);
    let (facts, _) = run(&mdns, &[(Client, asked.clone()), (Client, asked), (Client, told.clone())]);
    assert_eq!(facts.dns.len(), 4);
    assert!(facts.dns.iter().all(|entry| entry.rcode.is_none()));
    let [hint] = &facts.hints[..] else { panic!("{:?}", facts.hints) };
    assert_eq!((hint.value.as_str(), hint.source.as_str()), ("desk-1", "mdns"));
    let (facts, _) = run(&mdns, &[(Client, told)]);
    assert!(facts.dns.is_empty());
    assert_eq!(facts.other.and_then(|other| other.protocol).as_deref(), Some("mdns"));
}

#[test]
fn an_update_names_its_host() {
    let mut update =
        message(9, 0x2800, &[("corp.example", 6)], &[("desk-1.corp.example", 1, &[192, 0, 2, 1])]);
    // The record stands in the update section.
    (update[7], update[9]) = (0, 1);
    let (facts, _) = udp(&[(Client, update)]);
    assert_eq!((facts.dns[0].query.as_str(), facts.dns[0].kind.as_ref()), ("corp.example", "SOA"));
    assert_eq!(facts.hints[0].value, "desk-1.corp.example");
    assert_eq!(facts.hints[0].source, "dns-update");
}

fn framed_message(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

#[test]
fn streams_may_be_cut_anywhere() {
    let tcp = start(Carrier::Tcp, 53);
    let asked = [query(1, "a.example", 1), query(2, "b.example", 16)].map(|m| framed_message(&m)).concat();
    let told = framed_message(&message(2, 0x8180, &[("b.example", 16)], &[("b.example", 16, b"\x03abc")]));
    let whole = run(&tcp, &[(Client, asked.clone()), (Server, told.clone())]).0.dns;
    assert_eq!(whole.len(), 2);
    assert!(whole[1].answers.iter().eq(["TXT:4"]));
    let untimed = |entries: &[record::Dns]| {
        let strip = |entry: &record::Dns| record::Dns { time: Timestamp(0), frame: 0, ..entry.clone() };
        entries.iter().map(strip).collect::<Vec<_>>()
    };
    for cut in 1..asked.len() {
        let parts =
            [(Client, asked[..cut].to_vec()), (Client, asked[cut..].to_vec()), (Server, told.clone())];
        assert_eq!(untimed(&run(&tcp, &parts).0.dns), untimed(&whole), "cut {cut}");
    }
    let single: Vec<_> =
        asked.iter().map(|b| (Client, vec![*b])).chain(told.iter().map(|b| (Server, vec![*b]))).collect();
    assert_eq!(untimed(&run(&tcp, &single).0.dns), untimed(&whole));
}

#[test]
fn streams_go_on_after_lost_bytes() {
    let tcp = start(Carrier::Tcp, 53);
    let (mut dns, mut shared) = (Box::new(Dns::new(&tcp)), Shared::default());
    let first = framed_message(&query(1, "a.example", 1));
    dns.data(Client, &first[..10], at(1), &mut shared);
    dns.gap(Client, 40, at(2), &mut shared);
    dns.data(Client, &[0xee; 30], at(3), &mut shared);
    dns.data(Client, &framed_message(&query(2, "b.example", 1)), at(4), &mut shared);
    assert_eq!(dns.entries.len(), 1);
    dns.gap(Client, 40, at(5), &mut shared);
    for _ in 0..7 {
        assert_eq!(dns.data(Client, &[0xee; 30], at(6), &mut shared), Next::Want(Appetite::All));
    }
    assert_eq!(dns.data(Client, &[0xee; 30], at(6), &mut shared), Next::Want(Appetite::Enough));
}

#[test]
fn questions_are_bounded_and_counted() {
    let (mut dns, mut shared) = (Box::new(Dns::new(&start(Carrier::Udp, 53))), Shared::default());
    for index in 0..9000u16 {
        dns.data(Client, &query(index, &format!("x{index}.example"), 16), at(index.into()), &mut shared);
    }
    let mut facts = Facts::default();
    dns.end(&mut facts, &mut shared);
    assert_eq!(facts.dns.len(), MAX_ENTRIES);
    let log = shared.log.into_entries();
    assert_eq!((log[0].kind, log[0].count, log[0].frame), (Kind::Limit, 9000 - 8192, Some(8192)));
}

fn heads(bytes: &[u8], carrier: Carrier, port: u16) -> Heads<'_> {
    Heads { bytes: [bytes, &[]], first: Client, carrier, ports: [50_000, port], midstream: false }
}

#[test]
fn recognised_by_the_whole_message_on_any_port() {
    let (asked, told) = (query(1, "a.example", 1), hex(ANSWER));
    for port in [53, 7777] {
        assert_eq!(recognise(&heads(&asked, Carrier::Udp, port)), Recognised::Yes(Client));
        assert_eq!(recognise(&heads(&told, Carrier::Udp, port)), Recognised::Yes(Server));
        let framed = framed_message(&asked);
        assert_eq!(recognise(&heads(&framed, Carrier::Tcp, port)), Recognised::Yes(Client));
        for length in 1..14 {
            assert_eq!(
                recognise(&heads(&framed[..length], Carrier::Tcp, port)),
                Recognised::More,
                "{length}"
            );
        }
    }
    let edns = [message(1, 0x0100, &[("a.example", 1)], &[]), hex("0000291000000000000000")].concat();
    let mut counted = edns.clone();
    counted[11] = 1;
    assert_eq!(recognise(&heads(&counted, Carrier::Udp, 7777)), Recognised::Yes(Client));
    assert_eq!(recognise(&heads(&edns, Carrier::Udp, 7777)), Recognised::No);
}

#[test]
fn damaged_messages_are_recognised_only_where_expected() {
    let bad = hex("123401000001000000000000c00c00010001");
    assert_eq!(recognise(&heads(&bad, Carrier::Udp, 53)), Recognised::Yes(Client));
    assert_eq!(recognise(&heads(&bad, Carrier::Udp, 7777)), Recognised::No);
    let mut counts = query(1, "a.example", 1);
    counts[6] = 0x60;
    assert_eq!(recognise(&heads(&counts, Carrier::Udp, 53)), Recognised::Yes(Client));
    assert_eq!(recognise(&heads(&counts, Carrier::Udp, 7777)), Recognised::No);
    assert_eq!(recognise(&heads(&[0x38; 60], Carrier::Udp, 53)), Recognised::No);
    assert_eq!(recognise(&heads(&[0; 60], Carrier::Udp, 53)), Recognised::No);
    assert_eq!(recognise(&heads(b"GET / HTTP/1.1\r\n\r\n", Carrier::Tcp, 53)), Recognised::No);
}

#[test]
fn netbios_names_are_not_recognised() {
    let asked = query(1, "EEEFFDELFEEPFACNEBECDBDCEDEECAAA", 32);
    assert_eq!(recognise(&heads(&asked, Carrier::Udp, 137)), Recognised::No);
    assert_eq!(recognise(&heads(&asked, Carrier::Udp, 7777)), Recognised::No);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..90)), 0..20),
        tcp in any::<bool>(),
    ) {
        let carrier = if tcp { Carrier::Tcp } else { Carrier::Udp };
        let (mut dns, mut shared) = (Box::new(Dns::new(&start(carrier, 53))), Shared::default());
        for (client, bytes) in &parts {
            let side = if *client { Client } else { Server };
            let _ = dns.data(side, bytes, at(1), &mut shared);
            for port in [53, 7777] {
                let _ = recognise(&heads(bytes, carrier, port));
            }
        }
        dns.end(&mut Facts::default(), &mut shared);
    }

    #[test]
    fn damaged_messages_never_panic(changes in prop::collection::vec((0usize..49, any::<u8>()), 1..6)) {
        let mut bytes = hex(ANSWER);
        for (offset, value) in changes {
            bytes[offset] = value;
        }
        let _ = recognise(&heads(&bytes, Carrier::Udp, 7777));
        let (mut dns, mut shared) = (Box::new(Dns::new(&start(Carrier::Udp, 53))), Shared::default());
        let _ = dns.data(Server, &bytes, at(1), &mut shared);
        dns.end(&mut Facts::default(), &mut shared);
    }
}
