use super::*;
use crate::protocol::testing::{Step, c, facts, opening, play, printed, s, sizes};
use proptest::prelude::*;

const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals that are remembered.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x40);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(text.len() as u8);
            block.extend(text.bytes());
        }
    }
    block
}

fn ask(stream: u32, flags: u8, method: &str, path: &str) -> Vec<u8> {
    let fields =
        [(":method", method), (":scheme", "http"), (":authority", "Panel.Example:8080"), (":path", path)];
    frame(1, 4 | flags, stream, &block(&fields))
}

fn answer(stream: u32, flags: u8, status: &str) -> Vec<u8> {
    frame(1, 4 | flags, stream, &block(&[(":status", status)]))
}

fn open() -> Vec<u8> {
    [&PREFACE[..], &SETTINGS].concat()
}

/// Method, host, path, status and body sizes of each exchange.
fn outline(script: &[Step]) -> Vec<String> {
    let facts = facts(script, 80);
    let line = |e: &Exchange| {
        let (sent, received) = sizes(e);
        let status = e.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        format!("{} {}{} {status} {sent}/{received}", e.method, e.host.as_deref().unwrap_or(""), e.path)
    };
    facts.http.iter().map(line).collect()
}

#[test]
fn one_exchange_is_stated_whole_and_secrets_are_not() {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/gate?id=1&password=hunter2"),
        (":authority", "u:pw@Panel.Example:8080"),
        ("user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64)"),
        ("cookie", "sid=0123456789"),
        ("content-type", "text/plain"),
    ];
    let script = [
        c([open(), frame(1, 4, 1, &block(&fields)), frame(0, 1, 1, b"hello")].concat()),
        s([&SETTINGS[..], &answer(1, 0, "200"), &frame(0, 0, 1, b"o"), &frame(0, 1, 1, b"k")].concat()),
    ];
    let found = facts(&script, 8080);
    let [exchange] = &found.http[..] else { panic!("one exchange, not {:?}", found.http) };
    assert_eq!(exchange.host.as_deref(), Some("panel.example:8080"));
    assert_eq!((&*exchange.method, &*exchange.path), ("POST", "/gate?id=1&password=<7>"));
    assert_eq!((&*exchange.version, exchange.status), ("2", Some(200)));
    let names: Vec<_> = exchange.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["user-agent", "cookie", "content-type"]);
    assert_eq!(exchange.header("cookie"), Some("sid=<10>"));
    assert_eq!(sizes(exchange), (5, 2));
    assert_eq!((exchange.frame, exchange.last_frame), (1, 2));
    assert_eq!(found.hints.iter().map(|hint| hint.value.as_str()).collect::<Vec<_>>(), ["Windows NT 10.0"]);
    let text = printed(&found);
    assert!(!text.contains("hunter2") && !text.contains("0123456789") && !text.contains("pw@"));
}

#[test]
fn padding_priority_and_continuation() {
    let block = block(&[(":method", "GET"), (":path", "/a"), (":authority", "a.test")]);
    let (first, rest) = block.split_at(10);
    let headers = [&[3][..], &[0x80, 0, 0, 0, 9], first, &[0; 3]].concat();
    let script = [
        c([
            open(),
            frame(1, 0x29, 1, &headers),
            frame(9, 0, 1, &rest[..5]),
            frame(9, 4, 1, &rest[5..]),
            frame(2, 0, 3, &[0; 5]),
        ]
        .concat()),
        s([
            answer(1, 0, "200"),
            frame(0, 8, 1, &[2, b'o', 0, 0]),
            // Nothing but padding, and a padding that is longer than its frame.
            frame(0, 8, 1, &[2, 0, 0]),
            frame(0, 9, 1, &[9, 0, 0]),
        ]
        .concat()),
    ];
    assert_eq!(outline(&script), ["GET a.test/a 200 0/1"]);
}

#[test]
fn streams_go_side_by_side() {
    let script = [
        c([open(), ask(1, 1, "GET", "/1"), ask(3, 0, "POST", "/3")].concat()),
        s([answer(3, 0, "100"), answer(1, 0, "200"), frame(0, 0, 1, &[b'x'; 300])].concat()),
        c([frame(0, 0, 3, &[b'y'; 20]), ask(5, 1, "GET", "/5"), frame(0, 0, 3, &[b'y'; 30])].concat()),
        s([answer(3, 1, "404"), frame(0, 0, 1, &[b'x'; 40]), answer(1, 1, "999")].concat()),
        c([frame(1, 5, 3, &block(&[("x-sum", "1")])), frame(3, 0, 5, &[0; 4])].concat()),
        // Too late: the stream was given up.
        s([answer(5, 0, "200"), frame(0, 1, 5, b"late")].concat()),
    ];
    let host = "panel.example:8080";
    assert_eq!(
        outline(&script),
        [format!("GET {host}/1 200 0/340"), format!("POST {host}/3 404 50/0"), format!("GET {host}/5 - 0/0")]
    );
}

#[test]
fn a_promise_is_an_exchange() {
    let promise = [&2_u32.to_be_bytes()[..], &block(&[(":method", "GET"), (":path", "/style")])].concat();
    let script = [
        c([open(), ask(1, 1, "GET", "/")].concat()),
        s([&SETTINGS[..], &frame(5, 4, 1, &promise), &answer(1, 1, "204"), &answer(2, 0, "200")].concat()),
        s(frame(0, 1, 2, b"body")),
    ];
    assert_eq!(outline(&script), ["GET panel.example:8080/ 204 0/0", "GET /style 200 0/4"]);
}

#[test]
fn an_upgrade_is_answered_on_stream_one() {
    let script = [
        c("GET /up HTTP/1.1\r\nHost: a.test\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"),
        s([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", &SETTINGS[..]].concat()),
        s([answer(1, 0, "200"), frame(0, 1, 1, b"seven b")].concat()),
        c([open(), ask(3, 1, "GET", "/next")].concat()),
        s(answer(3, 1, "304")),
    ];
    assert_eq!(outline(&script), ["GET a.test/up 200 0/7", "GET panel.example:8080/next 304 0/0"]);
    // Without an answer the upgrade itself stays.
    let found = outline(&[script[0].clone(), script[1].clone(), c(open())]);
    assert_eq!(found, ["GET a.test/up 101 0/0"]);
}

#[test]
fn a_server_may_speak_first_and_the_middle_is_left_alone() {
    let server = [s(SETTINGS), c([open(), ask(1, 1, "GET", "/")].concat())];
    assert_eq!(outline(&server), ["GET panel.example:8080/ - 0/0"]);
    let middle = facts(&[c(ask(3, 1, "GET", "/")), s(answer(3, 1, "200"))], 80);
    assert!(middle.http.is_empty() && middle.other.is_some());
}

#[test]
fn a_gap_in_a_body_is_counted_and_one_in_a_header_costs_its_rest() {
    let body = frame(0, 1, 1, &[b'x'; 100]);
    let head = ask(3, 1, "GET", "/three");
    let script = [
        c([&open()[..], &ask(1, 0, "POST", "/1"), &body[..50]].concat()),
        Step::Gap(Side::Client, 40),
        c([&body[90..], &head[..head.len() - 4]].concat()),
        Step::Gap(Side::Client, 4),
        c(frame(1, 5, 5, &[0x82, 0x84, 0xbe])),
    ];
    let found = outline(&script);
    assert_eq!(found[..2], ["POST panel.example:8080/1 - 100/0", "GET panel.example:8080 - 0/0"]);
    // What stream 3 had remembered is not relied upon.
    assert_eq!(found[2..], ["GET / - 0/0"]);
}

#[test]
fn after_a_gap_frames_are_found_again() {
    let script = [
        c([open(), ask(1, 0, "POST", "/1"), frame(0, 0, 1, &[0; 30])[..20].to_vec()].concat()),
        Step::Gap(Side::Client, 5000),
        // The rest of a frame of numbers, a frame of a stream that was never seen, then whole ones.
        c([&[0; 40][..], &[4, 0, 0, 0], &frame(0, 1, 9, &[b'x'; 12]), &ask(11, 1, "GET", "/11")].concat()),
        Step::Gap(Side::Server, 700),
        s([answer(11, 0, "200"), frame(0, 1, 11, b"ok")].concat()),
    ];
    let found = outline(&script);
    assert!(found[0].starts_with("POST panel.example:8080/1 - 30/"), "{found:?}");
    assert_eq!(found[1..], ["GET panel.example:8080/11 200 0/2"]);
}

#[test]
fn streams_and_lists_are_bounded() {
    let mut bytes = open();
    for id in 0..2000 {
        bytes.extend(ask(id * 2 + 1, 0, "GET", "/"));
    }
    let opening = opening(Carrier::Tcp, 80);
    let mut shared = Shared::default();
    let (found, ..) = play(&[c(&bytes)], &opening, usize::MAX, &mut shared);
    assert_eq!(found.http.len(), MAX_EXCHANGES);
    let mut many = block(&[(":method", "GET"), (":path", "/many")]);
    many.extend([0x90; 5000]);
    let (found, ..) = play(&[c([open(), frame(1, 5, 1, &many)].concat())], &opening, 1400, &mut shared);
    assert_eq!(found.http[0].headers.len(), MAX_FIELDS);
    // Frames of one header that never ends.
    let mut endless = [open(), frame(1, 0, 1, &block(&[(":method", "GET"), (":path", "/endless")]))].concat();
    for _ in 0..20 {
        endless.extend(frame(9, 0, 1, &[0x90; 16_000]));
    }
    endless.extend(frame(9, 4, 1, &[]));
    let (found, ..) = play(&[c(endless)], &opening, 1400, &mut shared);
    assert_eq!(found.http[0].path, "/endless");
}

/// Frames as they might be, and worse.
fn noise() -> impl Strategy<Value = Step> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(block(&[(":method", "GET"), (":path", "/x"), ("a", "b")])),
        Just(block(&[(":status", "200")])),
        prop::collection::vec(0x80..0xff_u8, 0..10),
    ];
    let one = (0..12_u8, any::<u8>(), 0..8_u32, payload, prop::option::of((any::<usize>(), any::<u8>())));
    let bytes = prop::collection::vec(one, 1..5).prop_map(|frames| {
        let mut bytes = Vec::new();
        for (kind, flags, stream, payload, change) in frames {
            let mut frame = frame(kind, flags, stream, &payload);
            if let Some((at, value)) = change {
                let at = at % frame.len();
                frame[at] = value;
            }
            bytes.extend(frame);
        }
        bytes
    });
    (bytes, any::<bool>(), prop::option::weighted(0.2, 1..200_u64)).prop_map(|(bytes, client, gap)| {
        match (gap, client) {
            (Some(length), true) => Step::Gap(Side::Client, length),
            (Some(length), false) => Step::Gap(Side::Server, length),
            (None, true) => Step::C(bytes),
            (None, false) => Step::S(bytes),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_is_the_same_in_splinters(steps in prop::collection::vec(noise(), 0..8)) {
        let script: Vec<Step> = std::iter::once(c(open())).chain(steps).collect();
        // Compares slices of every size with the whole.
        let found = facts(&script, 80);
        prop_assert!(found.http.iter().all(|exchange| exchange.version == "2"));
    }
}
