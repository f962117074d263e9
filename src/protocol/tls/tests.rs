use super::certificate::tests::{certificate, der, name};
use super::*;
use crate::anomaly::Kind;
use crate::flow::Opening;
use crate::record::{self, SideName, unhex};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddr};

const RANDOM: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn hex(text: &str) -> Vec<u8> {
    unhex(&text.replace(char::is_whitespace, "")).expect("hexadecimal")
}

/// A hello for `C2.example.` with ALPN, groups, formats, signatures, versions and GREASE.
fn client_hello() -> Vec<u8> {
    hex(&format!(
        "0100007d0303{RANDOM}0000080a0a1301c02b00ff0100004c1a1a000000000010000e00000b43322e6578616d706c652e
         000a000800062a2a001d0017000b000201000010000b000908687474702f312e31000d0006000404030804
         002b0005043a3a0304"
    ))
}

const JA3: &str = "633a7419e1fbbcbcd826571914890007";
const JA4: &str = "t13d0306h1_342068d8c85c_fb71836bce29";

fn server_hello(modern: bool, retry: bool) -> Vec<u8> {
    let random =
        if retry { "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c" } else { RANDOM };
    if modern {
        hex(&format!("0200002e0303{random}001301000006002b00020304"))
    } else {
        hex(&format!("020000260303{random}00c02f00"))
    }
}

fn record_of(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 3, 3];
    out.extend((body.len() as u16).to_be_bytes());
    out.extend(body);
    out
}

fn chain(certificates: &[Vec<u8>]) -> Vec<u8> {
    let prefixed = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[1..], bytes].concat();
    let list: Vec<u8> = certificates.iter().flat_map(|der| prefixed(der)).collect();
    [&[11][..], &prefixed(&prefixed(&list))].concat()
}

fn start(carrier: Carrier, after: Option<&'static str>) -> Start {
    let addr = |last| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 443));
    let opening = Opening { carrier, client: addr(1), server: addr(2), at: at(0) };
    Start { opening, after }
}

fn at(frame: u64) -> At {
    At { time: Timestamp(frame as i64 * 1_000_000), frame, capture: 0 }
}

/// Feeds like the flow room does: honours the appetite, tells of gaps and of what it passed over.
struct Feeder {
    tls: Box<Tls>,
    shared: Shared,
    appetite: [Appetite; 2],
    frame: u64,
}

impl Feeder {
    fn new(start: &Start) -> Self {
        let (tls, shared) = (Box::new(Tls::new(start)), Shared::default());
        Self { tls, shared, appetite: [Appetite::All; 2], frame: 0 }
    }
    fn give(&mut self, side: Side, bytes: &[u8]) {
        self.frame += 1;
        let at = at(self.frame);
        let mut rest = bytes;
        match self.appetite[side.index()] {
            Appetite::All => {}
            Appetite::Skip(count) => {
                let passed = rest.len().min(count as usize);
                self.tls.passed(side, passed as u64, at);
                rest = &rest[passed..];
                let left = count - passed as u64;
                self.appetite[side.index()] = if left > 0 { Appetite::Skip(left) } else { Appetite::All };
            }
            Appetite::Enough => {
                self.tls.passed(side, rest.len() as u64, at);
                return;
            }
        }
        if !rest.is_empty() {
            let Next::Want(appetite) = self.tls.data(side, rest, at, &mut self.shared) else {
                panic!("TLS hands nothing over")
            };
            self.appetite[side.index()] = appetite;
        }
    }
    fn lose(&mut self, side: Side, length: u64) {
        self.tls.gap(side, length, at(self.frame), &mut self.shared);
        if self.appetite[side.index()] != Appetite::Enough {
            self.appetite[side.index()] = Appetite::All;
        }
    }
    fn end(mut self) -> (record::Tls, Vec<crate::anomaly::Anomaly>) {
        let mut facts = Facts::default();
        self.tls.end(&mut facts, &mut self.shared);
        (*facts.tls.expect("facts"), self.shared.log.into_entries())
    }
}

fn of(parts: &[(Side, Vec<u8>)]) -> record::Tls {
    let mut feeder = Feeder::new(&start(Carrier::Tcp, None));
    for (side, bytes) in parts {
        feeder.give(*side, bytes);
    }
    feeder.end().0
}

use Side::{Client, Server};

#[test]
fn a_connection_of_tls_1_2() {
    let subject = name(&[(3, 12, b"c2.example")]);
    let der = certificate(&subject, &subject, &der(0x17, b"490102030405Z"));
    let flight = [server_hello(false, false), chain(&[der.clone(), der]), vec![14, 0, 0, 0]].concat();
    let facts = of(&[
        (Client, record_of(22, &client_hello())),
        (Server, record_of(22, &flight)),
        (
            Client,
            [record_of(22, &[16, 0, 0, 1, 0]), record_of(20, &[1]), record_of(22, &[0x17; 40])].concat(),
        ),
        (Server, [record_of(20, &[1]), record_of(22, &[1; 40])].concat()),
        (Client, record_of(23, &[9; 300])),
        (Server, [record_of(23, &[9; 100]), record_of(21, &[9; 26])].concat()),
    ]);
    assert_eq!(facts.version, "TLS1.2");
    assert_eq!(facts.sni.as_deref(), Some("c2.example"));
    assert_eq!(facts.alpn, ["http/1.1"]);
    assert_eq!((facts.ja3.as_deref(), facts.ja4.as_deref()), (Some(JA3), Some(JA4)));
    assert_eq!(facts.cipher, Some(0xc02f));
    assert!(facts.ja3s.is_some());
    assert_eq!(facts.frame, Some(1));
    assert_eq!(facts.certificates.len(), 2);
    assert!(facts.certificates[0].self_signed);
    assert!(facts.established);
    assert_eq!(facts.records, [(SideName::Client, 5000, 300, 5), (SideName::Server, 6000, 100, 6)]);
}

#[test]
fn tls_1_3_is_established_when_the_client_went_on() {
    let begin = [
        (Client, record_of(22, &client_hello())),
        (
            Server,
            [record_of(22, &server_hello(true, false)), record_of(20, &[1]), record_of(23, &[0; 2000])]
                .concat(),
        ),
    ];
    let facts = of(&begin);
    assert_eq!((facts.version.as_str(), facts.cipher), ("TLS1.3", Some(0x1301)));
    assert!(!facts.established, "the server's flight is no data");

    let refused = [&begin[..], &[(Client, record_of(23, &[0; 19]))]].concat();
    assert!(!of(&refused).established, "an alert is no data");

    let finished = [&begin[..], &[(Client, record_of(23, &[0; 53]))]].concat();
    assert!(!of(&finished).established);
    assert!(of(&[&finished[..], &[(Client, record_of(23, &[0; 500]))]].concat()).established);
    assert!(of(&[&finished[..], &[(Server, record_of(23, &[0; 250]))]].concat()).established);
}

#[test]
fn after_a_retry_the_first_hello_and_the_real_answer_count() {
    let mut second = client_hello();
    // Another first suite, so that another fingerprint would show.
    second[43] = 0x13;
    let facts = of(&[
        (Client, record_of(22, &client_hello())),
        (Server, [record_of(22, &server_hello(true, true)), record_of(20, &[1])].concat()),
        (Client, [record_of(20, &[1]), record_of(22, &second)].concat()),
        (Server, record_of(22, &server_hello(true, false))),
    ]);
    assert_eq!(facts.ja4.as_deref(), Some(JA4));
    assert_eq!(facts.cipher, Some(0x1301));
    assert!(facts.ja3s.is_some());
}

#[test]
fn a_client_s_certificate_is_not_the_server_s() {
    let subject = name(&[(3, 12, b"client.example")]);
    let der = certificate(&subject, &subject, &der(0x17, b"490102030405Z"));
    let facts = of(&[(Client, record_of(22, &chain(&[der])))]);
    assert!(facts.certificates.is_empty());
}

#[test]
fn a_hello_cut_anywhere_is_the_same_hello() {
    let hello = client_hello();
    let whole = of(&[(Client, record_of(22, &hello))]);
    let record = record_of(22, &hello);
    for cut in 1..record.len() {
        let mut facts = of(&[(Client, record[..cut].to_vec()), (Client, record[cut..].to_vec())]);
        assert_eq!(facts.frame.take(), Some(2), "complete in the second slice, cut {cut}");
        assert_eq!(facts, record::Tls { frame: None, ..whole.clone() }, "cut {cut}");
    }
    for cut in 1..hello.len() {
        let records = [record_of(22, &hello[..cut]), record_of(22, &hello[cut..])].concat();
        assert_eq!(of(&[(Client, records)]), whole, "cut {cut}");
    }
    let bytes = record.iter().map(|byte| (Client, vec![*byte])).collect::<Vec<_>>();
    let facts = of(&bytes);
    assert_eq!(facts, record::Tls { frame: Some(record.len() as u64), ..whole });
}

#[test]
fn byte_by_byte_a_connection_gives_the_same_records() {
    let subject = name(&[(3, 12, b"c2.example")]);
    let der = certificate(&subject, &subject, &der(0x17, b"490102030405Z"));
    let flight = record_of(22, &[server_hello(false, false), chain(&[der])].concat());
    let parts = [
        (Client, record_of(22, &client_hello())),
        (Server, flight),
        (
            Client,
            [record_of(20, &[1]), record_of(23, &[5; 40]), record_of(23, &[]), record_of(23, &[6; 70])]
                .concat(),
        ),
    ];
    let whole = of(&parts);
    let single: Vec<_> =
        parts.iter().flat_map(|(side, bytes)| bytes.iter().map(|byte| (*side, vec![*byte]))).collect();
    let split = of(&single);
    let lengths = |facts: &record::Tls| facts.records.iter().map(|r| (r.0, r.2)).collect::<Vec<_>>();
    assert_eq!(lengths(&split), [(SideName::Client, 40), (SideName::Client, 0), (SideName::Client, 70)]);
    assert_eq!(lengths(&split), lengths(&whole));
    assert_eq!(split.certificates, whole.certificates);
    assert_eq!((split.ja3s, split.cipher), (whole.ja3s, whole.cipher));
}

#[test]
fn a_hello_without_its_end_still_names_the_server() {
    let record = record_of(22, &client_hello());
    let mut feeder = Feeder::new(&start(Carrier::Tcp, None));
    feeder.give(Client, &record[..90]);
    let facts = feeder.end().0;
    assert_eq!(facts.sni.as_deref(), Some("c2.example"));
    assert_eq!((facts.ja3, facts.ja4, facts.frame), (None, None, None));
}

#[test]
fn names_are_kept_as_sent() {
    let hello = |name: &[u8]| {
        let mut body = hex(&format!("0303{RANDOM}000002002f0100"));
        let length = name.len() as u16;
        body.extend((length + 9).to_be_bytes());
        body.extend([0, 0]);
        body.extend((length + 5).to_be_bytes());
        body.extend((length + 3).to_be_bytes());
        body.push(0);
        body.extend(length.to_be_bytes());
        body.extend(name);
        let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
        of(&[(Client, record_of(22, &message))])
    };
    assert_eq!(hello(b"198.51.100.1").sni.as_deref(), Some("198.51.100.1"));
    assert_eq!(hello(b"A_b..").sni.as_deref(), Some("a_b."));
    assert_eq!(hello(b"a\xffb").sni.as_deref(), Some("a\\255b"));
    assert_eq!(hello(b"").sni, None);
    assert!(hello(b"").ja4.is_some_and(|ja4| ja4.starts_with("t12d0101")));
}

#[test]
fn an_old_hello_states_a_version() {
    let hello = hex("802e0103010015000000 10 010080 020080 030080 00002f 000035 00000a 0000ff
                     000102030405060708090a0b0c0d0e0f");
    assert_eq!(stream::begin(&hello), Begin::Client);
    let facts =
        of(&[(Client, hello[..20].to_vec()), (Client, [&hello[20..], &record_of(23, &[0; 40])].concat())]);
    assert_eq!((facts.version.as_str(), facts.frame), ("TLS1.0", Some(2)));
    assert_eq!(facts.records.len(), 1);
    let mut wrong = hello.clone();
    wrong[6] = 0x14;
    assert_eq!(stream::begin(&wrong), Begin::No);
    for length in 1..11 {
        assert_eq!(stream::begin(&hello[..length]), Begin::More, "{length}");
    }
}

#[test]
fn long_records_are_passed_over_and_bounded() {
    let mut feeder = Feeder::new(&start(Carrier::Tcp, None));
    feeder.give(Client, &record_of(22, &client_hello()));
    feeder.give(Server, &record_of(22, &server_hello(false, false)));
    let bulk = record_of(23, &[0; 16_000]).repeat(200);
    let mut asked = 0;
    for piece in bulk.chunks(1448) {
        asked += usize::from(feeder.appetite[0] == Appetite::All);
        feeder.give(Client, piece);
    }
    assert_eq!(feeder.appetite[0], Appetite::Enough);
    assert!(asked < 130, "{asked} slices were looked at whole");
    let facts = feeder.end().0;
    assert_eq!(facts.records.len(), handshake::MAX_RECORDS);
    assert!(facts.records.iter().all(|record| record.2 == 16_000));
}

#[test]
fn records_go_on_after_lost_bytes() {
    // Lost within a body: the next record is reckoned.
    let mut feeder = Feeder::new(&start(Carrier::Tcp, None));
    let record = record_of(23, &[7; 4000]);
    feeder.give(Client, &record[..1000]);
    feeder.lose(Client, 1000);
    feeder.give(Client, &record[2000..]);
    feeder.give(Client, &record_of(23, &[7; 50]));
    // Lost over a border: it is found at the front of a slice, or within one where two follow each other.
    feeder.give(Client, &record[..1000]);
    feeder.lose(Client, 5000);
    feeder.give(Client, &[9; 700]);
    feeder.give(Client, &record_of(23, &[7; 51]));
    feeder.lose(Client, 5000);
    feeder.give(Client, &[vec![9; 700], record_of(23, &[7; 52]), record_of(23, &[7; 53])].concat());
    let (facts, log) = feeder.end();
    let lengths: Vec<u32> = facts.records.iter().map(|record| record.2).collect();
    assert_eq!(lengths, [4000, 50, 4000, 51, 52, 53]);
    assert!(log.is_empty());
}

#[test]
fn bytes_put_aside_before_a_gap_was_known_count() {
    let mut feeder = Feeder::new(&start(Carrier::Tcp, None));
    let record = record_of(23, &[7; 4000]);
    feeder.give(Client, &record[..1000]);
    feeder.lose(Client, 1000);
    // The rest had come early, and was not kept because it was not wanted then.
    feeder.tls.passed(Client, 2005, at(9));
    feeder.give(Client, &record_of(23, &[7; 50]));
    let (facts, log) = feeder.end();
    let lengths: Vec<u32> = facts.records.iter().map(|record| record.2).collect();
    assert_eq!(lengths, [4000, 50]);
    assert!(log.is_empty());
}

#[test]
fn a_side_that_cannot_be_found_again_is_given_up() {
    let mut feeder = Feeder::new(&start(Carrier::Tcp, None));
    feeder.lose(Client, 5000);
    for _ in 0..16 {
        assert_eq!(feeder.appetite[0], Appetite::All);
        feeder.give(Client, &[9; 700]);
    }
    assert_eq!(feeder.appetite[0], Appetite::Enough);
}

#[test]
fn what_is_no_record_ends_it() {
    let mut feeder = Feeder::new(&start(Carrier::Tcp, Some("starttls-smtp")));
    feeder.give(Server, &record_of(21, &[2, 40]));
    feeder.give(Server, b"221 bye\r\n");
    assert_eq!(feeder.appetite[1], Appetite::Enough);
    let (facts, log) = feeder.end();
    assert_eq!(facts.after.as_deref(), Some("starttls-smtp"));
    assert_eq!((log.len(), log[0].kind), (1, Kind::Undecodable));
}

#[test]
fn messages_that_are_too_long_are_passed_over() {
    let mut feeder = Feeder::new(&start(Carrier::Tcp, None));
    let length = 70_000u32;
    let message = [&[11][..], &length.to_be_bytes()[1..], &vec![0; length as usize]].concat();
    for piece in message.chunks(10_000) {
        feeder.give(Server, &record_of(22, piece));
    }
    feeder.give(Server, &record_of(22, &server_hello(false, false)));
    let (facts, log) = feeder.end();
    assert_eq!(facts.cipher, Some(0xc02f));
    assert_eq!((log.len(), log[0].kind), (1, Kind::Limit));
}

fn heads(bytes: [&[u8]; 2], midstream: bool) -> Heads<'_> {
    Heads { bytes, first: Client, carrier: Carrier::Tcp, ports: [50_000, 8080], midstream }
}

#[test]
fn recognised_by_either_hello() {
    let (client, server) = (record_of(22, &client_hello()), record_of(22, &server_hello(true, false)));
    assert_eq!(recognise(&heads([&client, &[]], false)), Recognised::Yes(Client));
    assert_eq!(recognise(&heads([&server, &client], false)), Recognised::Yes(Server));
    assert_eq!(recognise(&heads([&server, &[]], false)), Recognised::Yes(Server));
    for length in 1..11 {
        assert_eq!(recognise(&heads([&client[..length], &[]], false)), Recognised::More, "{length}");
    }
    let tiny: Vec<u8> = client_hello().iter().flat_map(|byte| record_of(22, &[*byte])).collect();
    assert_eq!(recognise(&heads([&tiny[..20], &[]], false)), Recognised::More);
    assert_eq!(recognise(&heads([&tiny[..40], &[]], false)), Recognised::Yes(Client));
}

#[test]
fn recognised_from_the_middle() {
    let data = record_of(23, &[7; 900]);
    let two = [record_of(23, &[7; 90]), record_of(23, &[7; 900])].concat();
    assert_eq!(recognise(&heads([&data[..512], &[]], true)), Recognised::Yes(Client));
    assert_eq!(recognise(&heads([&two[..512], &[]], false)), Recognised::Yes(Client));
    assert_eq!(recognise(&heads([&data[..512], &[]], false)), Recognised::Yes(Client), "long");
    assert_eq!(recognise(&heads([&data[..400], &[]], false)), Recognised::More);
    assert_eq!(recognise(&heads([&data[..400], &two[..40]], false)), Recognised::Yes(Client), "both sides");
    assert_eq!(recognise(&heads([&two[..95], &[]], false)), Recognised::Yes(Client), "ends with the slice");
    let broken = [&two[..95], &[0; 5]].concat();
    assert_eq!(recognise(&heads([&broken, &[]], true)), Recognised::No);
}

#[test]
fn other_first_bytes_are_not_recognised() {
    let others: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"220 mail.example ESMTP\r\n",
        b"SSH-2.0-x\r\n",
        &[0x16, 3, 1, 0, 0, 1, 0, 0, 40, 3, 3],
        &[0x16, 3, 1, 0xff, 0xff, 1, 0, 0, 40, 3, 3],
        &[0x17, 2, 3, 0, 40],
        &[0x16, 3, 1, 0, 0x50, 1, 0, 0, 1, 3, 3, 0, 0, 0, 0],
        &[0x80, 0x2e, 2, 0, 2, 0, 0, 0, 0, 0, 16],
        &[0xff; 40],
    ];
    for bytes in others {
        let answer = recognise(&heads([bytes, &[]], false));
        assert!(matches!(answer, Recognised::No | Recognised::More), "{bytes:x?}");
        if !matches!(bytes[0], 0x16) {
            assert_eq!(answer, Recognised::No, "{bytes:x?}");
        }
    }
}

fn fragment(offset: usize, piece: &[u8], whole: &[u8], record_sequence: u8) -> Vec<u8> {
    let three = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    let body =
        [vec![1], three(whole.len()), vec![0, 0], three(offset), three(piece.len()), piece.to_vec()].concat();
    let header = [22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, record_sequence];
    [&header[..], &(body.len() as u16).to_be_bytes(), &body].concat()
}

fn dtls_body() -> Vec<u8> {
    hex(&format!(
        "fefd{RANDOM}00000004c02b13010100001b0000000f000d00000a63322e6578616d706c65000d000400020403"
    ))
}

#[test]
fn datagram_hellos_are_joined() {
    let body = dtls_body();
    for cut in 0..body.len() {
        let mut feeder = Feeder::new(&start(Carrier::Udp, None));
        // The later piece comes first, and once more.
        feeder.give(Client, &fragment(cut, &body[cut..], &body, 1));
        feeder.give(Client, &fragment(cut, &body[cut..], &body, 1));
        feeder.give(Client, &fragment(0, &body[..cut], &body, 0));
        let facts = feeder.end().0;
        assert_eq!(facts.ja4.as_deref(), Some("dd2d020200_777cda164f4b_79c50902419d"), "cut {cut}");
        assert_eq!(facts.sni.as_deref(), Some("c2.example"));
        assert_eq!(facts.version, "DTLS1.2");
    }
}

#[test]
fn datagram_hellos_are_recognised() {
    let body = dtls_body();
    let hello = fragment(0, &body, &body, 0);
    let datagram = |bytes| Heads { carrier: Carrier::Udp, ..heads([bytes, &[]], false) };
    assert_eq!(recognise(&datagram(&hello)), Recognised::Yes(Client));
    let data = [&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 40][..], &[7; 40]].concat();
    assert_eq!(recognise(&datagram(&data)), Recognised::Yes(Client));
    assert_eq!(recognise(&datagram(&data[..40])), Recognised::No);
    assert_eq!(recognise(&datagram(&record_of(22, &client_hello()))), Recognised::No);
}

#[test]
fn sealed_records_of_dtls_1_3_are_counted() {
    let body = hex(&format!(
        "fefd{RANDOM}0000000213010100001e0000000f000d00000a63322e6578616d706c65002b0007060304fefcfefd"
    ));
    let mut hello = body.clone();
    // The list of versions: one that is none, DTLS 1.3 and 1.2.
    let at = hello.len() - 6;
    hello[at..].copy_from_slice(&[0xfe, 0xfc, 0xfe, 0xfd, 0xfe, 0xff]);
    let answer = hex(&format!("fefd{RANDOM}001301000006002b0002fefc"));
    let from_server = |body: &[u8]| {
        let mut datagram = fragment(0, body, body, 0);
        datagram[13] = 2;
        datagram
    };
    let sealed = |flags: u8, length: usize| {
        let head = match flags & 0x0c {
            0x0c => vec![flags, 0, 7, 0, length as u8],
            0x08 => vec![flags, 0, 7],
            0x04 => vec![flags, 7, 0, length as u8],
            _ => vec![flags, 7],
        };
        [head, vec![9; length]].concat()
    };
    let mut feeder = Feeder::new(&start(Carrier::Udp, None));
    feeder.give(Client, &fragment(0, &hello, &hello, 0));
    feeder.give(Server, &from_server(&answer));
    // Its encrypted handshake, and data of the server in the same datagram.
    feeder.give(Server, &[sealed(0x2e, 60), sealed(0x2f, 33)].concat());
    feeder.give(Client, &sealed(0x2a, 60));
    // With and without lengths, with a connection ID, and too short to be one.
    feeder.give(Client, &[sealed(0x27, 40), sealed(0x2b, 50)].concat());
    feeder.give(Client, &sealed(0x3f, 70));
    feeder.give(Client, &sealed(0x2b, 8));
    let facts = feeder.end().0;
    assert_eq!(facts.version, "DTLS1.3");
    assert!(facts.ja4.as_deref().is_some_and(|ja4| ja4.starts_with("dd3d")), "{:?}", facts.ja4);
    let lengths: Vec<u32> = facts.records.iter().map(|record| record.2).collect();
    assert_eq!(lengths, [33, 40, 50, 74]);
    assert!(facts.established);
    // Such a first byte alone begins no DTLS.
    let datagram = |bytes| Heads { carrier: Carrier::Udp, ..heads([bytes, &[]], false) };
    assert_eq!(recognise(&datagram(&sealed(0x2f, 40))), Recognised::No);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(
        pieces in prop::collection::vec((any::<bool>(), 0u8..8, prop::collection::vec(any::<u8>(), 1..80)), 0..40),
        udp in any::<bool>(),
    ) {
        let carrier = if udp { Carrier::Udp } else { Carrier::Tcp };
        let mut feeder = Feeder::new(&start(carrier, None));
        for (client, form, bytes) in pieces {
            let side = if client { Client } else { Server };
            match form {
                0 => feeder.lose(side, u64::from(bytes[0])),
                1 => feeder.give(side, &bytes),
                2 => feeder.give(side, &fragment(bytes[0].into(), &bytes, &[0; 200], 0)),
                3 => feeder.give(side, &record_of(23, &bytes)),
                _ => {
                    let message = [&[form - 3, 0, 0, bytes.len() as u8][..], &bytes].concat();
                    feeder.give(side, &record_of(22, &message));
                }
            }
        }
        let _ = feeder.end();
    }

    #[test]
    fn random_heads_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), kind in 20u8..24) {
        let framed = [&[kind, 3, 1][..], &bytes].concat();
        for bytes in [&bytes, &framed] {
            for carrier in [Carrier::Tcp, Carrier::Udp] {
                let _ = recognise(&Heads { carrier, ..heads([bytes, &[]], true) });
            }
        }
    }

    #[test]
    fn a_damaged_hello_never_panics(offset in 0usize..120, value in any::<u8>(), cut in 5usize..130) {
        let mut message = client_hello();
        if let Some(byte) = message.get_mut(offset) {
            *byte = value;
        }
        let record = record_of(22, &message);
        let _ = of(&[(Client, record[..cut.min(record.len())].to_vec())]);
    }

    #[test]
    fn slices_do_not_matter(cuts in prop::collection::vec(1usize..60, 1..30)) {
        let stream = [
            record_of(22, &client_hello()),
            record_of(20, &[1]),
            record_of(23, &[1; 100]),
            record_of(23, &[1; 33]),
            record_of(21, &[1; 26]),
            record_of(23, &[1; 200]),
        ]
        .concat();
        let mut rest = stream.as_slice();
        let mut parts = Vec::new();
        for cut in cuts.iter().cycle() {
            let (head, tail) = rest.split_at((*cut).min(rest.len()));
            parts.push((Client, head.to_vec()));
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        let facts = of(&parts);
        let lengths: Vec<u32> = facts.records.iter().map(|record| record.2).collect();
        prop_assert_eq!(lengths, [100, 33, 200]);
        prop_assert_eq!(facts.ja4.as_deref(), Some(JA4));
    }
}

/// Both readers of hellos, on bodies of hellos.
mod readers {
    use super::*;
    use crate::protocol::tls::parser::{ClientHello, ServerHello};
    use crate::protocol::tls::{lenient, strict};

    /// What the strict reader takes, the lenient one reads alike. Gives whether it did.
    fn agree(body: &[u8]) -> (bool, bool) {
        let (client, server) = (strict::client_hello(body), strict::server_hello(body));
        let taken = (client.is_some(), server.is_some());
        if taken.0 {
            assert_eq!(client, lenient::client_hello(body, false));
        }
        if taken.1 {
            assert_eq!(server, lenient::server_hello(body));
        }
        taken
    }

    /// Replaces the block of extensions of [`client_hello`].
    fn with_extensions(block: &[u8]) -> Vec<u8> {
        let mut body = client_hello()[4..].to_vec();
        body.truncate(2 + 32 + 1 + 10 + 2);
        body.extend((block.len() as u16).to_be_bytes());
        body.extend(block);
        body
    }

    #[test]
    fn what_is_sound_is_read_by_the_crate() {
        assert_eq!(agree(&client_hello()[4..]), (true, false));
        assert_eq!(agree(&with_extensions(&[])[..47]), (true, false), "without extensions");
        for modern in [false, true] {
            assert!(agree(&server_hello(modern, false)[4..]).1);
            assert!(agree(&server_hello(modern, true)[4..]).1);
        }
    }

    #[test]
    fn what_is_not_sound_is_read_all_the_same() {
        // Number, content, whether the strict reader takes it.
        let cases: [(&str, bool); 16] = [
            ("002b0003020304", true),
            ("002b00020103", false),              // half a version
            ("002b0005020304 0303", false),       // more than the list says
            ("002b0003050304", false),            // less
            ("0a1a0001ff", true),                 // no GREASE, though it looks like it
            ("1a1a0001ff", true),                 // GREASE
            ("000a00040003001d", false),          // odd list
            ("000d0005000304 0308", true),        // odd list
            ("000d000400060403", false),          // list longer than the extension
            ("000b00020200", false),              // likewise
            ("00000000", true),                   // no name
            ("0000000500030000 01", true),        // half a name
            ("00000009000700000000000161", true), // an empty name first
            ("0010000700050161026832", true),
            ("000b00020100000b00020101", true), // sent twice: the first counts
            ("00170003000000", true),           // not empty, as it should be
        ];
        for (block, strict) in cases {
            let body = with_extensions(&hex(block));
            assert_eq!(agree(&body).0, strict, "{block}");
            let hello = ClientHello::read(&body, false).expect("a hello");
            assert!(hello.whole, "{block}");
        }
        let cut = with_extensions(&hex("002b0003020304"));
        for length in 0..cut.len() {
            assert!(!agree(&cut[..length]).0 || length == 47);
        }
        let session = [&hex("0303")[..], &[7; 32], &[33], &[1; 33], &hex("0002130101 00")].concat();
        assert!(!agree(&session).0);
        assert!(ClientHello::read(&session, false).expect("a hello").whole, "a long session id is read");
    }

    #[test]
    fn answers_that_the_crate_does_not_know() {
        let draft = hex(&format!("7f17{RANDOM}13010006002b00027f17"));
        assert!(!agree(&draft).1);
        assert_eq!(ServerHello::read(&draft).expect("an answer").suite, 0x1301);
        let old = hex(&format!("0300{RANDOM}00002f000005ff01000100"));
        assert!(!agree(&old).1);
        assert_eq!(ServerHello::read(&old).expect("an answer").kinds, [0xff01]);
    }

    proptest! {
        #[test]
        fn both_readers_agree_on_hellos_that_were_changed(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in prop::option::of(any::<prop::sample::Index>()),
            server in any::<bool>(),
        ) {
            let whole = if server { server_hello(true, false) } else { client_hello() };
            let mut body = whole[4..].to_vec();
            for (at, byte) in changes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            if let Some(cut) = cut {
                body.truncate(cut.index(body.len()));
            }
            agree(&body);
        }

        #[test]
        fn both_readers_agree_on_any_extensions(
            extensions in prop::collection::vec(
                (
                    prop_oneof![
                        prop::sample::select(vec![0u16, 10, 11, 13, 16, 43, 0x0a0a, 0x0a1a, 23, 0xff01]),
                        any::<u16>(),
                    ],
                    prop::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..12),
                ),
                0..6,
            ),
        ) {
            let mut block = Vec::new();
            for (kind, content) in extensions {
                block.extend(kind.to_be_bytes());
                block.extend((content.len() as u16).to_be_bytes());
                block.extend(content);
            }
            agree(&with_extensions(&block));
        }
    }
}
