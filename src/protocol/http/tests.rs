use super::*;
use crate::flow::Dissector as _;
use crate::protocol::Conversation;
use crate::protocol::testing::{Step, c, facts, opening, play, printed, s, sizes};
use base64::Engine as _;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

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
fn one_exchange_is_stated_whole() {
    let request = "POST http://u:pw@Panel.Example:8080/gate.php?a=1 HTTP/1.1\r\nHost: other.example\r\n\
                   Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    let found = facts(&[c(request), s(OK)], 8080);
    let [exchange] = &found.http[..] else { panic!("one exchange, not {:?}", found.http) };
    assert_eq!(exchange.host.as_deref(), Some("panel.example:8080"));
    assert_eq!((&*exchange.path, &*exchange.version), ("/gate.php?a=1", "1.1"));
    let names: Vec<_> = exchange.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Host", "Content-Type", "Content-Length"]);
    assert_eq!(exchange.status, Some(200));
    assert!(exchange.response_headers.iter().eq([("Content-Length", "2")]));
    assert_eq!(sizes(exchange), (5, 2));
    assert_eq!((exchange.frame, exchange.last_frame), (1, 2));
}

#[test]
fn keep_alive_and_pipelining_pair_in_order() {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let head = "HEAD /c HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let script = [
        c(get("/a") + &get("/b") + head + &get("/d")),
        s(
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\naaaHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        ),
        s("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        c(get("/e")),
        s(OK),
    ];
    let wanted =
        ["GET a.test/a 200 0/3", "GET a.test/b 304 0/0", "HEAD a.test/c 200 0/0", "GET a.test/d 204 0/0"];
    assert_eq!(outline(&script)[..4], wanted);
    assert_eq!(outline(&script)[4], "GET a.test/e 200 0/2");
}

#[test]
fn chunks_are_joined() {
    let script = [
        c(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\nT: 1\r\n\r\n",
        ),
        s(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end",
        ),
        c("GET /2 HTTP/1.1\r\n\r\n"),
    ];
    assert_eq!(outline(&script), ["POST / 200 7/2", "  200 0/10", "GET /2 - 0/0"]);
}

#[test]
fn a_bad_chunk_leaves_the_rest_as_body() {
    let script = [
        c("GET / HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nxyz\r\nrest"),
    ];
    assert_eq!(outline(&script), ["GET / 200 0/11"]);
}

#[test]
fn go_ahead_comes_before_the_answer() {
    let head = "POST /up HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let accepted = [c(head), s("HTTP/1.1 100 Continue\r\n\r\n"), c("data"), s(OK)];
    assert_eq!(outline(&accepted), ["POST a.test/up 200 4/2"]);
    let refused =
        [c(head), s("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"), c("GET /b HTTP/1.1\r\n\r\n"), s(OK)];
    assert_eq!(outline(&refused), ["POST a.test/up 417 0/0", "GET /b 200 0/2"]);
}

#[test]
fn bent_messages_are_read() {
    let script = [
        c(
            "\r\nPOST /fre.php HTTP/1.0\nUser-Agent : Agent\n Folded\nContent-Key: 0A1B2C3D\nContent-Length: 3\n\nabc",
        ),
        s("HTTP/1.0 404 Not Found\n\nFile not found."),
    ];
    let found = facts(&script, 80);
    assert_eq!(found.http[0].header("user-agent"), Some("Agent Folded"));
    assert_eq!(found.http[0].header("content-key"), Some("0A1B2C3D"));
    assert_eq!(found.http[0].host, None);
    assert_eq!(outline(&script), ["POST /fre.php 404 3/15"]);
}

#[test]
fn a_body_beyond_or_without_its_length_belongs_to_its_message() {
    let script = [
        c(
            "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcMORE\r\nMORE\x00POST /b HTTP/1.1\r\n\r\nundeclared\r\n",
        ),
        s(OK),
        c("GET /c HTTP/1.1\r\nContent-Length: 2\r\n\r\nxx"),
    ];
    assert_eq!(outline(&script), ["POST /a 200 14/2", "POST /b - 12/0", "GET /c - 2/0"]);
}

#[test]
fn garbage_after_a_request_is_not_lost_and_ends() {
    let garbage: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let script = [c("GET /a HTTP/1.1\r\n\r\n"), c(&garbage), c("\nGET /b HTTP/1.1\r\n\r\n"), s(OK), s(OK)];
    assert_eq!(outline(&script), ["GET /a 200 200001/2", "GET /b 200 0/2"]);
}

#[test]
fn gaps_in_bodies_are_counted() {
    let script = [
        c("POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"),
        Step::Gap(Side::Client, 5),
        c("yzGET /b HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        Step::Gap(Side::Server, 4),
        s(OK),
    ];
    assert_eq!(outline(&script), ["POST /a 200 10/4", "GET /b 200 0/2"]);
    let found = facts(&script, 80);
    let missing = |body: &Option<Box<crate::record::Body>>| body.as_ref().map(|body| body.missing);
    assert_eq!(missing(&found.http[0].request), Some(5));
    assert_eq!(missing(&found.http[0].response), Some(4));
}

#[test]
fn a_gap_over_headers_resynchronises_and_pairs_by_time() {
    let script = [
        c("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        Step::Gap(Side::Server, 500),
        c("GET /b HTTP/1.1\r\nHost: a.test\r\nCoo"),
        Step::Gap(Side::Client, 80),
        c("tail\r\n\r\nGET /c HTTP/1.1\r\n\r\n"),
        s("rest of a body\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc"),
    ];
    assert_eq!(outline(&script), ["GET a.test/a - 0/0", "GET a.test/b - 0/0", "GET /c 200 0/1"]);
}

#[test]
fn a_capture_may_begin_with_a_response() {
    let script = [s(OK), c("GET /a HTTP/1.1\r\n\r\n"), s(OK)];
    assert_eq!(outline(&script), ["  200 0/2", "GET /a 200 0/2"]);
    // Even where the server is taken for the client.
    let turned = [c(OK), s("GET /a HTTP/1.1\r\n\r\n"), c(OK)];
    let (found, client, _) = play(&turned, &opening(Carrier::Tcp, 80), 9, &mut Shared::default());
    assert_eq!(client, Some(Side::Server));
    assert_eq!((found.http.len(), &*found.http[1].path), (2, "/a"));
}

#[test]
fn a_capture_may_begin_in_a_body() {
    let script = [s("\x00\x01binary tail of a download"), c("GET /a HTTP/1.1\r\n\r\n"), s(OK)];
    let (found, ..) = play(&script, &opening(Carrier::Tcp, 80), usize::MAX, &mut Shared::default());
    assert_eq!(found.http.len(), 1);
    assert_eq!((found.http[0].status, &*found.http[0].path), (Some(200), "/a"));
    assert_eq!(found.other.and_then(|other| other.to_client).map(|body| body.bytes), Some(27));
}

#[test]
fn cut_requests_are_kept_as_far_as_they_came() {
    assert_eq!(outline(&[c("GET /long/path?x=1")]), ["GET /long/path?x=1 - 0/0"]);
    assert_eq!(outline(&[c("GET /a HTTP/1.1\r\nHost: a.test\r\nCookie: id=aa")]), ["GET a.test/a - 0/0"]);
}

#[test]
fn a_header_without_end_is_bounded() {
    let endless = format!("GET /a HTTP/1.1\r\nHost: a.test\r\n{}", "X: yyyyyyyyyyyyyyyy\r\n".repeat(9000));
    let script = [c(endless), c("\r\nGET /b HTTP/1.1\r\n\r\n")];
    assert_eq!(outline(&script), ["GET a.test/a - 0/0", "GET /b - 0/0"]);
    assert_eq!(facts(&script, 80).http[0].headers.len(), MAX_FIELDS);
}

#[test]
fn exchanges_beyond_the_bound_are_paired_and_dropped() {
    let mut script = Vec::new();
    for number in 0..MAX_EXCHANGES + 5 {
        script.push(c(format!("GET /{number} HTTP/1.1\r\n\r\n")));
        script.push(s(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", 3, "abc")));
    }
    let mut shared = Shared::default();
    let (found, ..) = play(&script, &opening(Carrier::Tcp, 80), usize::MAX, &mut shared);
    assert_eq!(found.http.len(), MAX_EXCHANGES);
    assert_eq!(found.http[MAX_EXCHANGES - 1].path, format!("/{}", MAX_EXCHANGES - 1));
    assert!(shared.log.into_entries().iter().any(|entry| entry.kind == Kind::Limit));
}

#[test]
fn secrets_are_never_printed() {
    let blob = base64::engine::general_purpose::STANDARD.encode("alice:s3cretpass");
    let request = format!(
        "POST /bot123456789:AAsecretsecretsecretsecretsecretsec/sendDocument?password=s3cretpass HTTP/1.1\r\n\
         Host: u:s3cretpass@api.test\r\nCookie: sid=s3cretcookie; theme=s3cretother\r\nAuthorization: Basic {blob}\r\n\
         X-Access-Token: s3crettoken\r\nReferer: http://a.test/?pwd=s3cretpass\r\n\r\n"
    );
    let answer = "HTTP/1.1 302 Found\r\nSet-Cookie: sid=s3cretcookie; Path=/\r\nContent-Length: 0\r\n\r\n";
    for cut in 0..=request.len() {
        let text = printed(&facts(&[c(&request[..cut]), s(answer)], 80));
        assert!(!text.contains("s3cret"), "{text}");
        assert!(!text.contains(&blob), "{text}");
        assert!(!text.contains("AAsecretsecretsecretsecret"), "{text}");
    }
    let found = facts(&[c(&request), s(answer)], 80);
    assert_eq!(found.http[0].path, "/bot123456789:<35>/sendDocument?password=<10>");
    assert_eq!(found.http[0].header("cookie"), Some("sid=<12>; theme=<11>"));
    assert_eq!(found.http[0].host.as_deref(), Some("api.test"));
}

#[test]
fn a_tunnel_is_chosen_anew() {
    let script = [
        c("CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n"),
        s("HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno"),
        c("CONNECT far.example:443 HTTP/1.1\r\nProxy-Authorization: Basic abcdefgh\r\n\r\n"),
        s("HTTP/1.1 200 Connection established\r\n\r\nSSH-2.0-server\r\n"),
        c("SSH-2.0-client\r\n"),
    ];
    let found = facts(&script, 3128);
    assert_eq!(found.http.len(), 2);
    assert_eq!(found.http[1].host.as_deref(), Some("far.example:443"));
    let other = found.other.expect("what is in the tunnel");
    assert_eq!(other.protocol.as_deref(), Some("ssh"));
    assert_eq!(other.to_server.map(|body| body.bytes), Some(16));
    // HTTP in the tunnel, and a proxy whose consent is missing.
    let inner = "GET /in HTTP/1.1\r\n\r\n";
    let script = [c("CONNECT b.test:80 HTTP/1.1\r\n\r\n"), s("HTTP/1.0 200\r\n\r\n"), c(inner), s(OK)];
    assert_eq!(outline(&script), ["CONNECT b.test:80 200 0/0", "GET /in 200 0/2"]);
    let script = [c("CONNECT / HTTP/1.1\r\nHost: b.test\r\n\r\n"), s("HTTP/1.0 405 No\r\n\r\n")];
    assert_eq!(outline(&script), ["CONNECT b.test/ 405 0/0"]);
    let script = [c("CONNECT b.test:80 HTTP/1.1\r\n\r\n"), c(b"\x16\x03\x01\x00\x05hello")];
    assert_eq!(facts(&script, 3128).other.and_then(|other| other.to_server).map(|body| body.bytes), Some(10));
}

#[test]
fn a_websocket_is_named() {
    let script = [
        c("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
        s(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"),
        c(b"\x81\x82\x00\x00\x00\x00ho"),
    ];
    let found = facts(&script, 80);
    assert_eq!(found.http[0].status, Some(101));
    let other = found.other.expect("frames");
    assert_eq!(other.protocol.as_deref(), Some("websocket"));
    assert_eq!((other.to_server.map(|b| b.bytes), other.to_client.map(|b| b.bytes)), (Some(8), Some(4)));
}

#[test]
fn the_agent_and_logins_hint_at_the_host() {
    let message = crate::protocol::ntlm::tests::message("CORP", "alice", "DESKTOP-AB12CD");
    let login = base64::engine::general_purpose::STANDARD.encode(message);
    let request = format!(
        "GET / HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\n\
         Proxy-Authorization: NTLM {login}\r\n\r\n"
    );
    let found = facts(&[c(request.repeat(2))], 80);
    let hints: Vec<_> =
        found.hints.iter().take(4).map(|hint| (hint.kind.as_str(), hint.value.as_str())).collect();
    assert_eq!(
        hints,
        [("os", "Windows NT 10.0"), ("user", "alice"), ("domain", "CORP"), ("name", "DESKTOP-AB12CD")]
    );
    assert_eq!(found.hints.iter().filter(|hint| hint.kind == "os").count(), 1);
    let systems = [
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) X", Some("Mac OS X 10_15_7")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 14_4 like Mac OS X)", Some("iPhone OS 14_4")),
        ("Mozilla/5.0 (Linux; Android 11; Pixel)", Some("Android 11")),
        ("curl/8.0", None),
    ];
    for (agent, system) in systems {
        assert_eq!(operating_system(agent).as_deref(), system);
    }
}

#[test]
fn what_the_scanner_does_not_want_is_skipped() {
    // As far as the scanner allows, the appetite is the rest of the body.
    let mut shared = Shared::default();
    let mut conversation = Conversation::open(&opening(Carrier::Tcp, 80), &mut shared);
    let at = opening(Carrier::Tcp, 80).at;
    let mut get = |conversation: &mut Conversation| {
        for _ in 0..=MAX_EXCHANGES {
            let request = b"GET / HTTP/1.1\r\n\r\n";
            conversation.data(Side::Client, request, at, &mut shared);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc";
            if conversation.data(Side::Server, answer, at, &mut shared) == Appetite::Skip(997) {
                return true;
            }
            conversation.data(Side::Server, &[b'x'; 997], at, &mut shared);
        }
        false
    };
    assert!(get(&mut conversation), "an exchange beyond the bound is skipped");
    conversation.passed(Side::Server, 997, at);
    let mut shared = Shared::default();
    assert_eq!(conversation.data(Side::Server, b"HTTP/1.1 200 OK\r\n", at, &mut shared), Appetite::All);
}

/// Fragments that messages, good and bad, are made of.
const FRAGMENTS: [&[u8]; 20] = [
    b"GET / HTTP/1.1\r\n",
    b"POST /a?b=c HTTP/1.0\n",
    b"HEAD http://a.test HTTP/1.1\r\n",
    b"CONNECT a.test:443 HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 101 Up\r\nUpgrade: websocket\r\n",
    b"HTTP/1.0 100 Continue\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 70000\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b" fold\r\n",
    b"\r\n",
    b"\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffff\r\n",
    b"\x16\x03\x01\x00\x02\x01\x00",
    b"xxGET /z HTTP/1.1",
    b"PK\x03\x04\x00\xff",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..proptest::prelude::ProptestConfig::with_cases(300) })]
    #[test]
    fn any_mixture_gives_the_same_however_it_is_cut(
        picks in proptest::collection::vec((0usize..FRAGMENTS.len() + 2, proptest::bool::ANY), 1..24)
    ) {
        let script: Vec<Step> = picks.iter().map(|&(pick, client)| match FRAGMENTS.get(pick) {
            Some(bytes) if client => c(bytes),
            Some(bytes) => s(bytes),
            None => Step::Gap(if client { Side::Client } else { Side::Server }, pick as u64 * 3),
        }).collect();
        // Whole and in splinters nothing breaks; where streams stay HTTP, nothing differs either. (A protocol that
        // begins in the middle of an opaque stream is looked for where a slice begins, which depends on them.)
        for size in [1, 3, 100, usize::MAX] {
            play(&script, &opening(Carrier::Tcp, 80), size, &mut Shared::default());
        }
        let leaves = |step: &Step| matches!(step, Step::C(b) if b.starts_with(b"CONN"))
            || matches!(step, Step::S(b) if b.starts_with(b"HTTP/1.1 101"));
        let first = c("GET /first HTTP/1.1\r\n\r\n");
        let stays: Vec<_> = std::iter::once(first).chain(script.into_iter().filter(|step| !leaves(step))).collect();
        facts(&stays, 80);
    }
}
