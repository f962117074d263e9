//! How much went up, how fast, and how little came back.

use super::{Marks, Needs, Signal, View, count, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Upload};
use crate::detect::ledger::name;
use crate::record::{Body, Exchange, Flow, Proto, SideName, Turn};
use crate::time::Duration;
use std::cmp::Reverse;
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "upload-burst", needs: Needs::TCP, look: burst },
    Signal { name: "upload-in-parts", needs: Needs::POST, look: parts },
    Signal { name: "same-size-uploads", needs: Needs::TLS, look: same_size },
    Signal { name: "archive-posted", needs: Needs::POST.and(Marks::PUBLIC), look: archive },
];

/// Least upload that is called one, in bytes: below, requests and reports of every program live.
const MIN_UPLOAD: u64 = 20_000;
/// How much more must go up than comes down.
const MIN_RATIO: f64 = 3.0;
/// Most that is called a word in answer, in bytes.
const MAX_WORD: u64 = 2_000;
/// A thief sends what it has within minutes of the first contact.
const FRESH: Duration = Duration::from_secs(600);
/// Largest upload of the kind, in bytes. Beyond it backups and media are far more common than loot.
const MAX_UPLOAD: u64 = 60_000_000;

/// One conversation that sends much, gets little back, and comes soon after the first contact.
fn burst(view: &View<'_>) -> Option<Statement> {
    let mut best: Option<(u64, usize, &Flow)> = None;
    for (index, flow) in view.flows() {
        let (up, down) = (flow.payload.to_server, flow.payload.to_client);
        let steep = up as f64 >= MIN_RATIO * down.max(1) as f64;
        let fresh = flow.start.since(view.channel.first) <= FRESH;
        let size = (MIN_UPLOAD..=MAX_UPLOAD).contains(&up);
        if flow.proto == Proto::Tcp && size && steep && fresh && best.is_none_or(|(most, ..)| up > most) {
            best = Some((up, index, flow));
        }
    }
    let Some((up, index, flow)) = best else { return turn(view) };
    let down = flow.payload.to_client;
    let ratio = up as f64 / down.max(1) as f64;
    let strength = if ratio >= 10.0 { 1.0 } else { 0.7 };
    let seconds = flow.start.since(view.channel.first).as_secs_f64();
    let why = format!("{} up against {} down, {seconds:.0} s after the first contact", size(up), size(down));
    let mut statement = view.say(strength, why).flow(index, flow);
    statement.upload =
        Some(Upload { bytes: up, requests: 1, encoding: Some(flow.app().to_owned()), destination: None });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// The largest turn of the client that is an upload and got but a word in answer: its bytes and those of the answer.
fn turn_of(flow: &Flow) -> Option<(u64, u64)> {
    let pairs = flow.turns.windows(2).filter_map(|pair| {
        let [Turn(SideName::Client, _, up, _), Turn(SideName::Server, _, down, _)] = pair else {
            return None;
        };
        let word = *down <= MAX_WORD && up / 10 >= *down;
        (word && (MIN_UPLOAD..=MAX_UPLOAD).contains(up)).then_some((*up, *down))
    });
    pairs.max()
}

/// Bytes of what is an upload by its shape: much up and little down, in the whole or in one turn.
pub(super) fn large(flow: &Flow) -> Option<u64> {
    let (up, down) = (flow.payload.to_server, flow.payload.to_client);
    let steep = up as f64 >= MIN_RATIO * down.max(1) as f64 && (MIN_UPLOAD..=MAX_UPLOAD).contains(&up);
    if flow.proto != Proto::Tcp {
        return None;
    }
    if steep { Some(up) } else { turn_of(flow).map(|(up, _)| up) }
}

/// Inside a conversation that brought more than it took, one side's turn sends much and gets a word for it: libraries
/// and settings come down first, then the loot goes up.
fn turn(view: &View<'_>) -> Option<Statement> {
    let fresh = view
        .flows()
        .filter(|(_, flow)| flow.proto == Proto::Tcp && flow.start.since(view.channel.first) <= FRESH);
    let turns = fresh.filter_map(|(index, flow)| Some((turn_of(flow)?, index, flow)));
    let ((up, down), index, flow) = turns.max_by_key(|(turn, index, _)| (*turn, Reverse(*index)))?;
    let why = format!("one turn of {} up, answered with {}", size(up), size(down));
    let mut statement = view.say(0.7, why).flow(index, flow);
    statement.upload =
        Some(Upload { bytes: up, requests: 1, encoding: Some(flow.app().to_owned()), destination: None });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// Whether a request body is of files: multipart with a file, or an archive, or opaque bytes of some size.
fn file_like(body: &Body) -> bool {
    let multipart = body.parts.iter().any(|part| part.body.file_name.is_some() || part.body.bytes > 500);
    multipart || body.archive.is_some() || body.bytes >= 5_000
}

/// A picture that is called one.
fn picture(body: &Body) -> bool {
    let declared = body.declared.as_deref().unwrap_or("");
    declared.starts_with("image/") && matches!(body.magic.as_deref(), Some("jpeg" | "png" | "gif" | "webp"))
}

/// Several uploads to one path in a burst, as when a host is emptied piece by piece.
fn parts(view: &View<'_>) -> Option<Statement> {
    let mut paths: BTreeMap<&str, Vec<(usize, &Flow, &Exchange)>> = BTreeMap::new();
    for (index, flow, exchange, body) in view.posts() {
        // A camera in the own network: pictures that are called so.
        let camera = !view.public() && picture(body);
        if file_like(body) && !camera {
            let path = exchange.path.split('?').next().unwrap_or("");
            paths.entry(path).or_default().push((index, flow, exchange));
        }
    }
    let (path, sent) = paths.into_iter().max_by_key(|(_, sent)| sent.len())?;
    let (first, last) = (sent.first()?.2, sent.last()?.2);
    let span = last.time.since(first.time);
    if sent.len() < 2 || span > FRESH {
        return None;
    }
    let bytes = sent.iter().map(|(.., exchange)| exchange.sent()).fold(0, u64::saturating_add);
    let strength = match sent.len() {
        2 => 0.5,
        3..=5 => 0.75,
        _ => 1.0,
    };
    let why = format!(
        "{} with {} to {path} in {:.0} s",
        count(sent.len(), "upload"),
        size(bytes),
        span.as_secs_f64()
    );
    let statement = view.say(strength, why);
    let requests = sent.len() as u64;
    let mut statement = sent
        .into_iter()
        .fold(statement, |said, (index, flow, exchange)| said.exchange(index, flow, exchange));
    let encoding = Some("multipart".to_owned());
    statement.upload = Some(Upload { bytes, requests, encoding, destination: Some(path.to_owned()) });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// An archive goes to an address by a program.
fn archive(view: &View<'_>) -> Option<Statement> {
    let packed = |body: &Body| {
        let kind = body.archive.as_ref().map(|archive| archive.kind.as_str()).or(body.magic.as_deref());
        matches!(kind, Some("zip" | "rar" | "7z" | "tar"))
    };
    let (index, flow, exchange, body) = view.posts().find(|(_, _, exchange, body)| {
        let program = exchange.header("Accept-Language").is_none() && exchange.header("Referer").is_none();
        let own = packed(body) || body.parts.iter().any(|part| packed(&part.body));
        program && own && body.bytes >= 2_000
    })?;
    let bare = exchange.host.as_deref().is_none_or(|host| name::address(host).is_some());
    let why = format!("a program posts an archive in {}", size(body.bytes));
    let mut statement = view.say(if bare { 1.0 } else { 0.4 }, why).exchange(index, flow, exchange);
    statement.kinds.push(Kind::Exfiltration);
    view.public().then_some(statement)
}

/// The same number of bytes goes up again and again inside TLS, seldom and in one burst each time.
fn same_size(view: &View<'_>) -> Option<Statement> {
    let mut sizes: BTreeMap<u64, Vec<(usize, &Flow)>> = BTreeMap::new();
    for (index, flow) in view.flows() {
        let own = flow.turns.iter().filter(|turn| turn.0 == SideName::Client);
        let up = own.map(|turn| turn.2).fold(0, u64::saturating_add);
        if flow.tls.is_some() && up >= 2_000 && flow.turns_rest.is_none() {
            sizes.entry(up).or_default().push((index, flow));
        }
    }
    let (bytes, flows) = sizes.into_iter().max_by_key(|(bytes, flows)| (flows.len(), *bytes))?;
    if flows.len() < 3 {
        return None;
    }
    let why = format!("{} sent {} each", count(flows.len(), "connection"), size(bytes));
    let strength = if flows.len() >= 5 { 1.0 } else { 0.7 };
    Some(flows.into_iter().fold(view.say(strength, why), |said, (index, flow)| said.flow(index, flow)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, request, view};

    #[test]
    fn much_up_little_down_at_first_contact() {
        assert!(burst(&view(&ledger([flow("203.0.113.4", 443).payload(90_000, 700).build()]))).is_some());
        assert!(burst(&view(&ledger([flow("203.0.113.4", 443).payload(9_000, 700).build()]))).is_none());
        assert!(burst(&view(&ledger([flow("203.0.113.4", 443).payload(90_000, 70_000).build()]))).is_none());
        let late = [
            flow("203.0.113.4", 443).payload(900, 700).build(),
            flow("203.0.113.4", 443).at_ms(3_600_000).payload(90_000, 700).build(),
        ];
        assert!(burst(&view(&ledger(late))).is_none());
    }

    #[test]
    fn a_turn_that_sends_much_after_libraries_came() {
        use SideName::{Client, Server};
        let turns = [(Client, 0, 300), (Server, 90, 2_400_000), (Client, 900, 184_000), (Server, 990, 240)];
        let talk = |last| {
            let turns = [&turns[..3], &[(Server, 990, last)]].concat();
            ledger([flow("203.0.113.4", 443).turns(&turns).payload(184_300, 2_400_000 + last).build()])
        };
        assert!(burst(&view(&talk(240))).is_some());
        assert!(burst(&view(&talk(90_000))).is_none());
    }

    #[test]
    fn an_archive_for_an_address() {
        let post = |host: &str, headers: &[(&str, &str)]| {
            let zip = crate::detect::testing::zip(90_000, &[]);
            ledger([flow("203.0.113.4", 80).http(request("POST", host, "/in", headers, Some(zip))).build()])
        };
        assert!(archive(&view(&post("203.0.113.4", &[]))).unwrap().strength > 0.9);
        assert!(archive(&view(&post("a.example", &[]))).unwrap().strength < 0.5);
        assert!(archive(&view(&post("203.0.113.4", &[("Accept-Language", "de")]))).is_none());
    }

    #[test]
    fn many_uploads_to_one_path() {
        let post = |ms, path: &str| {
            let exchange = request("POST", "203.0.113.4", path, &[], Some(body(9_000)));
            flow("203.0.113.4", 80).at_ms(ms).http(exchange).build()
        };
        let said = parts(&view(&ledger((0..8).map(|n| post(n * 500, "/in.php"))))).unwrap();
        assert_eq!(said.upload.unwrap().requests, 8);
        assert!(parts(&view(&ledger([post(0, "/a"), post(900, "/b")]))).is_none());
        // A camera's pictures in the own network, and anywhere else.
        let shot = |server: &str, client: &str, ms| {
            let picture =
                Body { declared: Some("image/jpeg".into()), magic: Some("jpeg".into()), ..body(9_000) };
            let exchange = request("POST", server, "/shot", &[], Some(picture));
            flow(server, 80).client(client).at_ms(ms).http(exchange).build()
        };
        let shots = |server: &str, client: &str| {
            parts(&view(&ledger((0..6).map(|n| shot(server, client, n * 9_000))))).is_some()
        };
        assert!(!shots("10.0.0.5", "10.0.0.42") && shots("203.0.113.4", "192.0.2.10"));
    }

    #[test]
    fn the_same_number_of_bytes_again() {
        let one = |n: i64, bytes| {
            let turns = [(SideName::Client, 0, bytes), (SideName::Server, 90, 300)];
            flow("203.0.113.4", 443)
                .at_ms(n * 700_000)
                .tls(None, None)
                .turns(&turns)
                .payload(bytes, 300)
                .build()
        };
        assert!(same_size(&view(&ledger((0..5).map(|n| one(n, 5861))))).is_some());
        assert!(same_size(&view(&ledger((0..5).map(|n| one(n, 5861 + n.unsigned_abs() * 7))))).is_none());
    }
}
