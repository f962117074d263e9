//! Time in proportion: a host with very many conversations, and a conversation with very many flows.

use super::testing::{body, certificate, flow, request};
use super::{Options, Records, Rules, fold, judge};
use crate::record::{Flow, State};
use std::time::{Duration, Instant};

/// Flows of the small run; the large one has ten times as many.
const SMALL: usize = 2_000;
/// How much longer the large run may take: ten times is in proportion, and the rest is for sorting and a busy machine.
const MOST: u32 = 30;

fn server(n: usize) -> String {
    format!("203.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

/// A program's upload.
fn upload(to: &str, at_ms: usize) -> Flow {
    let post = request("POST", to, "/gate.php?hwid=7", &[("Connection", "close")], Some(body(39_000)));
    flow(to, 80).at_ms(at_ms as i64).http(post).build()
}

fn session(to: &str, name: Option<&str>, at_ms: usize) -> Flow {
    let subject = format!("CN={}", name.unwrap_or("x"));
    let names: Vec<&str> = name.into_iter().collect();
    let own = certificate(&subject, if name.is_some() { "CN=Example Trust" } else { &subject }, &names);
    flow(to, 443).at_ms(at_ms as i64).payload(30_000, 400).tls(name, Some(own)).build()
}

type Make = fn(usize) -> Flow;

/// What one host does: the n-th flow of many channels, and of one.
const KINDS: [(&str, Make); 8] = [
    ("channels of uploads", |n| upload(&server(n), n * 40)),
    ("channels of home-made certificates", |n| session(&server(n), None, n * 40)),
    ("channels of chats", |n| session(&server(n), Some(&format!("a{n}.api.telegram.org")), n * 40)),
    ("channels of names that were asked for", |n| match n % 2 {
        0 => flow("192.0.2.1", 53)
            .at_ms(n as i64 * 40)
            .dns(&format!("drop{n}.example"), "A", &[&server(n)])
            .build(),
        _ => upload(&server(n - 1), n * 40),
    }),
    ("channels after programs", |n| match n % 4 {
        0 => {
            let mut get = request("GET", &server(n), &format!("/{n}.exe"), &[], None);
            get.response = Some(Box::new(crate::record::Body { magic: Some("pe".into()), ..body(90_000) }));
            flow(&server(n), 80).at_ms(n as i64 * 40).http(get).build()
        }
        1 => flow(&server(n), 4444).at_ms(n as i64 * 40).state(State::Refused).build(),
        _ => upload(&server(n), n * 40),
    }),
    ("flows of uploads", |n| upload("203.0.113.4", n * 400)),
    ("flows of sessions", |n| session("203.0.113.4", Some("a.shop.example"), n * 400)),
    ("flows of attempts", |n| flow("203.0.113.4", 4444).at_ms(n as i64 * 400).state(State::Refused).build()),
];

/// Time to judge so many of a kind.
fn time(make: Make, many: usize, rules: &Rules) -> Duration {
    let records = Records { flows: (0..many).map(make).collect(), ..Records::default() };
    let options = Options::default();
    let mut ledger = fold(records, rules, &options);
    let from = Instant::now();
    let verdict = judge(&mut ledger, rules, &options);
    let took = from.elapsed();
    assert!(verdict.channels > 0);
    took
}

#[test]
#[ignore = "measures time: run alone, `cargo test --release scale:: -- --ignored --nocapture`"]
fn time_is_in_proportion() {
    let rules = Rules::shipped().expect("shipped rules");
    for (kind, make) in KINDS {
        let (few, many) = (time(make, SMALL, &rules), time(make, SMALL * 10, &rules));
        println!("{kind}: {SMALL} in {few:?}, ten times as many in {many:?}");
        assert!(many < few.max(Duration::from_millis(10)) * MOST, "{kind}: {few:?}, then {many:?}");
    }
}
