use super::*;
use crate::record::*;
use crate::time::Timestamp;
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;

fn flow(start: i64, frame: u64) -> Flow {
    let addr: IpAddr =
        if frame.is_multiple_of(2) { [192, 0, 2, 7].into() } else { "2001:db8::7".parse().unwrap() };
    let plain = testing::flow();
    let mut own = Flow {
        id: FlowId(frame.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        community_id: CommunityId([frame as u8 | 1; 20]),
        frames: Frames { first: frame, last: frame + 9, count: 5 },
        client: Client { addr, ..plain.client },
        start: Timestamp(start),
        end: Timestamp(start.saturating_add(77)),
        packets: Sides { to_server: 3, to_client: 2 },
        bytes: Sides { to_server: u64::MAX, to_client: 1 },
        payload: Sides { to_server: 300, to_client: 1 << 40 },
        ..plain
    };
    // Every third has the Community ID of its ends.
    if frame.is_multiple_of(3) {
        own.community_id = CommunityId::of(&own);
    }
    own
}

fn hex(bytes: &[u8]) -> Hex {
    Hex::from(bytes)
}

fn body(name: &str) -> Body {
    let member = Member { name: format!("{name}/Passwords.txt"), bytes: 12 };
    Body {
        bytes: 40_000,
        missing: 3,
        declared: Some("application/zip".into()),
        encoding: Some("binary".into()),
        file_name: Some(name.to_owned()),
        magic: Some("zip".into()),
        shape: Some(Shape::Binary),
        entropy: Some(7.99),
        first: hex(b"PK\x03\x04"),
        archive: Some(Box::new(Archive {
            kind: "zip".into(),
            encrypted: true,
            members: vec![member],
            more: 4,
        })),
        wrapped: vec!["base64".into()],
        parts: vec![Part { name: Some("f".into()), body: Body::default(), value: Some("v".into()) }],
        more_parts: 1,
        fields: vec![Field { name: "id".into(), bytes: 2, value: None, class: "digits".into() }],
        markers: vec![Marker { name: "url-user-pass".into(), count: 3 }],
    }
}

/// A record in which every field says something.
fn full(start: i64) -> Flow {
    let time = |n: i64| Timestamp(start - n * 1_000_000_007);
    let certificate = Arc::new(Certificate {
        subject: "CN=shop.example".into(),
        names: vec!["shop.example".into()],
        sha256: "ab".repeat(32),
        not_before: Timestamp(i64::MIN),
        ..Certificate::default()
    });
    let exchange = |n: i64| Exchange {
        method: "POST".into(),
        host: Some("panel.example:8080".into()),
        path: format!("/gate-{n}.php?id=4"),
        version: "1.1".into(),
        headers: [("Host", "panel.example:8080"), ("Content-Type", "multipart/form-data"), ("X", "")]
            .into_iter()
            .collect(),
        status: Some(200),
        response_headers: [("Server", "nginx")].into_iter().collect(),
        request: Some(Box::new(body("log.zip"))),
        response: Some(Box::default()),
        time: time(n),
        frame: 4,
        last_frame: 8,
    };
    let mail = Mail {
        from: Some("a@shop.example".into()),
        to: vec!["b@drop.example".into(); 2],
        subject: Some("PW_äöü".into()),
        headers: vec!["From".into()],
        mailer: Some("m".into()),
        hints: [("From", "x")].into_iter().collect(),
        body: body("a"),
        reply: Some(250),
        time: time(5),
        frames: (3, u64::MAX),
    };
    Flow {
        capture: 3,
        continued: vec![Continued { capture: 4, frames: Frames { first: 1, last: 2, count: 2 } }],
        link: vec!["vlan:7".into()],
        proto: Proto::Ip(47),
        client: Client { mac: Some(Mac([2, 0, 94, 0, 83, 1])), by: ClientBy::Port, ..flow(0, 1).client },
        gaps: Sides { to_server: 1, to_client: 0 },
        turns: vec![Turn(SideName::Server, -5, 9, 70), Turn(SideName::Client, i64::MAX, u64::MAX, 3)],
        turns_rest: Some(Box::new(TurnsRest {
            gaps_ms: vec![(5, 6)],
            sizes: vec![(7, 8)],
            last: -1,
            ..TurnsRest::default()
        })),
        first_bytes: FirstBytes { to_server: hex(&[0; 48]), to_client: hex(&[255; 3]) },
        parent: Some(FlowId(9)),
        conflicts: 2,
        tls: Some(Box::new(Tls {
            version: "TLS1.3".into(),
            sni: Some("shop.example".into()),
            alpn: vec!["h2".into()],
            ja3: Some("c".repeat(32).into()),
            ja3s: Some("d".repeat(32).into()),
            ja4: Some("t13d1516h2_8daaf6152771_e5627efa2ab1".into()),
            cipher: Some(0x1301),
            frame: Some(5),
            established: true,
            certificates: vec![Arc::clone(&certificate), certificate],
            records: vec![(SideName::Client, 5, 6, 7)],
            after: Some("connect".into()),
        })),
        quic: Some(Box::new(Quic { version: "1".into() })),
        http: (0..3).map(exchange).collect(),
        dns: vec![Dns {
            query: "www.a-name-that-is-rather-long.example".into(),
            kind: "A".into(),
            rcode: Some("NOERROR".into()),
            answers: ["203.0.113.4", "alias-of-a-name-that-is-long.example"].into_iter().collect(),
            time: time(2),
            frame: 6,
            bytes: (60, 90),
        }],
        smtp: Some(Box::new(Smtp {
            banner: Some("220".into()),
            ehlo: Some("HOST1".into()),
            auth: Some("LOGIN".into()),
            user: Some("u".into()),
            authenticated: true,
            starttls: true,
            mails: vec![mail],
        })),
        ftp: Some(Box::new(Ftp {
            banner: None,
            user: Some("u".into()),
            authenticated: true,
            commands: vec![("STOR".into(), "a.zip".into(), 226, 9)],
        })),
        other: Some(Box::new(Other {
            protocol: Some("ftp-data".into()),
            name: Some("a.zip".into()),
            verb: Some("STOR".into()),
            to_server: Some(Box::new(body("b"))),
            to_client: None,
            prefix: Some((hex(b"12"), hex(b"34"))),
        })),
        ..flow(start, 6)
    }
}

#[test]
fn what_is_kept_is_what_was_given() {
    let given: Vec<Flow> =
        (0..40).map(|n| if n % 4 == 0 { full(n * 50) } else { flow(n * 50, n as u64) }).collect();
    let kept: Flows = given.clone().into();
    assert_eq!(kept.iter().collect::<Vec<_>>(), given);
    for (index, flow) in given.iter().enumerate() {
        assert_eq!(
            (kept.get(index), kept.copy(index).as_ref(), kept.start(index)),
            (Some(flow), Some(flow), Some(flow.start))
        );
    }
    assert!(kept.get(40).is_none() && kept.copy(40).is_none() && kept.start(40).is_none());
    assert!(kept.outline(40).is_none());
    assert_eq!(kept.clone(), kept);
    assert_ne!(kept, given[1..].iter().cloned().collect());
}

#[test]
fn every_word_and_number_has_its_short_form() {
    let states = [
        State::Unanswered,
        State::Refused,
        State::Open,
        State::Closed,
        State::Reset,
        State::Midstream,
        State::Datagrams,
    ];
    let protos = [Proto::Tcp, Proto::Udp, Proto::Icmp, Proto::Icmp6, Proto::Ip(0), Proto::Ip(255)];
    let times = [i64::MIN, -1, 0, 1, i64::MAX];
    let shapes = [
        Shape::Text,
        Shape::Html,
        Shape::Xml,
        Shape::Json,
        Shape::Form,
        Shape::Base64,
        Shape::Hex,
        Shape::Binary,
    ];
    let bys = [ClientBy::Syn, ClientBy::Protocol, ClientBy::Port, ClientBy::First];
    let given: Vec<Flow> = (0..280)
        .map(|n| {
            let mut own = flow(times[n % 5], n as u64);
            own.end = Timestamp(times[(n + 1) % 5]);
            own.state = states[n % 7];
            own.proto = protos[n % 6];
            own.client.by = bys[n % 4];
            own.conflicts = 1_u64.checked_shl(n as u32 % 64).unwrap_or(0);
            let body = Body { shape: Some(shapes[n % 8]), ..Body::default() };
            own.other = Some(Box::new(Other { to_server: Some(Box::new(body)), ..Other::default() }));
            own
        })
        .collect();
    let kept = Flows::from(given.clone());
    assert_eq!(kept.iter().collect::<Vec<_>>(), given);
    for (index, Flow { start, end, payload, client, server, .. }) in given.into_iter().enumerate() {
        assert_eq!(kept.outline(index), Some(Outline { start, end, payload, client, server }));
    }
}

/// Bytes that begin alike more often than not, as the first bytes of a conversation and of its bodies do.
fn alike() -> impl Strategy<Value = Hex> {
    (0..3_u8, 0..40_usize).prop_map(|(first, length)| hex(&vec![first; length]))
}

proptest! {
    #[test]
    fn any_record_comes_back(
        start: i64, end: i64, frames: [u64; 3], sides in prop::array::uniform6(any::<u64>()), flags: [bool; 4],
        turns in prop::collection::vec((any::<bool>(), any::<i64>(), any::<u64>(), any::<u64>()), 0..5),
        firsts in prop::array::uniform4(alike()), text in r"([a-c]|\\|\\\.|\\[0-3][0-9][0-9]|\PC){0,60}",
        mac in prop::option::of(any::<[u8; 6]>()), entropy in prop::option::of(0.0_f32..8.0),
    ) {
        let of = |index: usize| Sides { to_server: sides[index], to_client: sides[index + 1] };
        let [to_server, to_client, up, down] = firsts;
        let first = |first: Hex| Some(Box::new(Body { first, entropy, bytes: sides[0], ..Body::default() }));
        let side = |server| if server { SideName::Server } else { SideName::Client };
        let dns = Dns { query: text.as_str().into(), answers: [&text].into_iter().collect(), ..Dns::default() };
        let tls = Tls { established: flags[0], cipher: flags[1].then_some(0), ..Tls::default() };
        let given = Flow {
            start: Timestamp(start),
            end: Timestamp(end),
            frames: Frames { first: frames[0], last: frames[1], count: frames[2] },
            turns: turns.into_iter().map(|(s, offset, bytes, frame)| Turn(side(s), offset, bytes, frame)).collect(),
            gaps: if flags[2] { of(0) } else { Sides::default() },
            payload: of(2),
            first_bytes: FirstBytes { to_server, to_client },
            tls: flags[3].then(|| Box::new(tls)),
            dns: vec![dns],
            other: Some(Box::new(Other { to_server: first(up), to_client: first(down), ..Other::default() })),
            client: Client { mac: mac.map(Mac), ..flow(0, 1).client },
            ..flow(0, 1)
        };
        let kept = Flows::from(vec![given.clone(), full(9), given.clone()]);
        prop_assert_eq!((&kept[0], &kept[2]), (&given, &given));
    }
}

#[test]
fn a_community_id_that_is_not_given_is_made() {
    let given = Flow { community_id: CommunityId::default(), ..full(5) };
    let kept = Flows::from(vec![given.clone()]);
    let made = CommunityId::of(&given);
    assert_ne!(made, given.community_id);
    assert_eq!(kept[0], Flow { community_id: made, ..given });
}

#[test]
fn they_are_put_in_the_order_of_records() {
    let mut given: Vec<Flow> =
        [(5, 3), (5, 1), (2, 9), (5, 2), (9, 0)].map(|(at, frame)| flow(at, frame)).into();
    let mut kept: Flows = given.clone().into();
    kept.sort();
    given.sort_by_key(Flow::order);
    assert_eq!(kept.iter().collect::<Vec<_>>(), given);
    kept.push(&flow(1, 1));
    kept.sort();
    assert_eq!(kept[0].start, Timestamp(1));
}

#[test]
fn what_was_asked_for_is_given_up() {
    let mut kept: Flows = (0..200).map(|n| flow(n, 1)).collect();
    let open = |kept: &Flows| (0..200).filter(|&n| kept.opened(n).is_some()).count();
    (0..200).step_by(2).for_each(|n| assert_eq!(kept[n].start, Timestamp(n as i64)));
    let (one, again): (&Flow, &Flow) = (&kept[64], &kept[64]);
    assert!(std::ptr::eq(one, again));
    kept.close_beyond(100);
    assert_eq!((open(&kept), kept.open.len()), (100, 4));
    kept.close_beyond(99);
    assert_eq!(open(&kept), 0);
    assert!(kept.open.iter().all(|page| page.get().is_none()));
    kept.change(3, |flow| flow.parent = Some(FlowId(7)));
    assert_eq!((kept[3].parent, kept[4].parent), (Some(FlowId(7)), None));
}

#[test]
fn threads_see_the_same_record() {
    let kept: Flows = (0..50).map(full).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|n| assert_eq!(kept[n], full(n as i64))));
        }
    });
}

#[test]
fn the_same_again_takes_little() {
    let one = Flows::from(vec![full(5)]).weight();
    let many = Flows::from(vec![full(5); 1001]).weight();
    assert!((many - one) / 1000 < 900, "{}", (many - one) / 1000);
    let plain = Flows::from(vec![flow(5, 2); 1000]).weight() / 1000;
    assert!(plain < 400, "{plain}");
}

#[test]
fn bytes_that_are_no_record_are_none() {
    let mut packer = Packer::default();
    packer.flow(&full(5));
    let bytes = packer.bytes.clone();
    for end in 0..bytes.len() {
        assert_eq!(Unpacker::new(&bytes[..end], &packer.shared, Timestamp(5)).flow(), None, "{end}");
    }
    // Whatever stands there is read or is not; nothing else happens.
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            let _ = Unpacker::new(&bytes, &packer.shared, Timestamp(5)).flow();
        }
    }
}

#[test]
fn a_clone_keeps_the_same_and_goes_its_own_way() {
    let one: Flows = (1..4).map(full).collect();
    assert!(one.get(1).is_some());
    let mut other = one.clone();
    assert!(Arc::ptr_eq(&one.kept, &other.kept) && one == other);
    assert!(one.opened(1).is_some() && other.opened(1).is_none());
    other.push(&full(9));
    other.change(0, |flow| flow.conflicts += 1);
    assert_eq!((one.len(), other.len()), (3, 4));
    assert_eq!(other[0].conflicts, one[0].conflicts + 1);
    assert_eq!((&one[2], &other[2]), (&full(3), &full(3)));
}
