//! What came back, and is not what it is called; and pages that a program turns over and over.

use super::{Marks, Needs, Signal, Traits, View, count, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::Kind;
use crate::detect::ledger::dense;
use crate::detect::ledger::sketch::{self, Sketch};
use crate::record::{Exchange, Flow};
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        name: "false-file",
        needs: Needs::HTTP.and(Marks::PUBLIC).with(Traits::DENSE),
        look: false_file,
    },
    Signal { name: "same-page", needs: Needs::HTTP.and(Marks::ASKED), look: same_page },
    Signal { name: "bare-browser", needs: Needs::HTTP.with(Traits::PLAIN), look: bare_browser },
];

/// Fewest requests for pages that are turned over and over.
const MIN_TURNS: usize = 10;
/// Most pages that are turned.
const MAX_PAGES: usize = 6;
/// Requests of one channel looked at.
const MAX_REQUESTS: usize = 20_000;

/// Asked for by a person with a browser: it has a language, or comes from a page.
fn browsed(exchange: &Exchange) -> bool {
    exchange.header("Accept-Language").is_some() || exchange.header("Referer").is_some()
}

fn ending(path: &str) -> String {
    let file = path.split('?').next().unwrap_or("").rsplit('/').next().unwrap_or("");
    file.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase()
}

/// A program asks for a picture, an archive or a document by name, and gets cipher.
fn false_file(view: &View<'_>) -> Option<Statement> {
    // Kinds of files that always begin with bytes of their own.
    const FORMATS: [&str; 13] =
        ["zip", "rar", "7z", "cab", "png", "gif", "jpg", "jpeg", "bmp", "pdf", "avi", "gz", "ico"];
    let lie = |exchange: &Exchange| {
        let body = exchange.response.as_deref()?;
        let declared = body.declared.as_deref().unwrap_or("");
        let own = ending(&exchange.path);
        let format = FORMATS.iter().find(|format| **format == own)?;
        let picture = declared.starts_with("image/");
        // An application/octet-stream says nothing; a text is an error page.
        let said = declared.starts_with("application/") || picture;
        let whole = exchange.status == Some(200) && !body.first.is_empty();
        (said && whole && dense(body) && body.archive.is_none()).then_some((*format, body.bytes))
    };
    let dense = view.flows_with(Traits::DENSE);
    let mut found = dense
        .flat_map(|(index, flow)| flow.http.iter().map(move |exchange| (index, flow, exchange)))
        .filter(|(.., exchange)| !browsed(exchange))
        .filter_map(|(index, flow, exchange)| Some((index, flow, exchange, lie(exchange)?)))
        .peekable();
    let (format, bytes) = found.peek()?.3;
    let why = format!("asked for a {format}, got {} of cipher", size(bytes));
    let statement = view.say(1.0, why);
    let mut statement =
        found.fold(statement, |said, (index, flow, exchange, _)| said.exchange(index, flow, exchange));
    statement.kinds.push(Kind::Download);
    view.public().then_some(statement)
}

/// A program turns a few pages over and over, and each time they say the same few bytes: an empty list of orders.
fn same_page(view: &View<'_>) -> Option<Statement> {
    let turned = |own: &&Sketch| {
        own.page && own.method == sketch::GET && own.has & (sketch::LANGUAGE | sketch::REFERER) == 0
    };
    let requests = view.channel.flows.iter().flat_map(|flow| view.ledger.requests.of(flow));
    if requests.filter(turned).take(MIN_TURNS).count() < MIN_TURNS {
        return None;
    }
    let mut asked = 0_usize;
    let mut pages: BTreeMap<&str, usize> = BTreeMap::new();
    let mut sizes: BTreeMap<u64, Vec<(usize, &Flow, &Exchange)>> = BTreeMap::new();
    for (index, flow, exchange) in view.exchanges().take(MAX_REQUESTS) {
        let Some(body) = exchange.response.as_deref().filter(|_| exchange.method == "GET") else { continue };
        asked += 1;
        if sketch::page(body) && exchange.status == Some(200) && !browsed(exchange) {
            *pages.entry(exchange.path.split('?').next().unwrap_or("")).or_default() += 1;
            sizes.entry(body.bytes).or_default().push((index, flow, exchange));
        }
    }
    let (bytes, same) = sizes.into_iter().max_by_key(|(bytes, same)| (same.len(), *bytes))?;
    let span = same.last()?.2.time.since(same.first()?.2.time).as_secs_f64();
    let often = same.len() >= MIN_TURNS && same.len() * 10 >= asked * 7 && span >= same.len() as f64;
    if !often || pages.len() > MAX_PAGES {
        return None;
    }
    let why = format!(
        "{} asked for {} times in {span:.0} s, {} of them answered with the same {bytes} B",
        count(pages.len(), "page"),
        asked,
        same.len()
    );
    let statement = view.say(if same.len() >= 20 { 1.0 } else { 0.8 }, why);
    let mut statement = same
        .into_iter()
        .fold(statement, |said, (index, flow, exchange)| said.exchange(index, flow, exchange));
    statement.kinds.push(Kind::Beacon);
    Some(statement)
}

/// A GET in a browser's name that says neither what it takes nor in which language, as no browser asks.
fn bare_browser(view: &View<'_>) -> Option<Statement> {
    let bare = |exchange: &Exchange| {
        let lacks = |name| exchange.header(name).is_none();
        exchange.method == "GET"
            && exchange.header("User-Agent").is_some_and(|agent| agent.starts_with("Mozilla/"))
            && lacks("Accept")
            && lacks("Accept-Language")
            && lacks("Accept-Encoding")
            && lacks("Referer")
    };
    let found: Vec<_> = view.exchanges().filter(|(.., exchange)| bare(exchange)).collect();
    if found.is_empty() {
        return None;
    }
    let why = format!("{} in a browser's name without what browsers say", count(found.len(), "GET"));
    let statement = view.say(1.0, why);
    Some(
        found
            .into_iter()
            .fold(statement, |said, (index, flow, exchange)| said.exchange(index, flow, exchange)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, request, view};
    use crate::record::Body;
    use crate::record::Shape;

    fn get(path: &str, headers: &[(&str, &str)], answer: Body) -> crate::detect::ledger::Ledger {
        let mut exchange = request("GET", "203.0.113.4", path, headers, None);
        exchange.response = Some(Box::new(answer));
        ledger([flow("203.0.113.4", 80).http(exchange).build()])
    }

    fn cipher(declared: &str, magic: Option<&str>) -> Body {
        Body {
            bytes: 90_000,
            declared: Some(declared.into()),
            magic: magic.map(Into::into),
            shape: Some(Shape::Binary),
            entropy: Some(7.97),
            first: (&[0x1d_u8, 0x9b, 0x77, 0xe2][..]).into(),
            ..Body::default()
        }
    }

    #[test]
    fn a_file_that_is_none() {
        let look = |path, headers: &[(&str, &str)], answer| false_file(&view(&get(path, headers, answer)));
        assert!(look("/t/voice.rar", &[], cipher("application/x-rar-compressed", None)).is_some());
        assert!(look("/i/aB3.gif", &[], cipher("image/gif", None)).is_some());
        // What it is called; a name that promises nothing; a page that a person reads.
        assert!(look("/t/voice.rar", &[], cipher("application/x-rar-compressed", Some("rar"))).is_none());
        assert!(look("/t/voice.bin", &[], cipher("application/octet-stream", None)).is_none());
        assert!(look("/i/a.gif", &[("Referer", "http://a.example/")], cipher("image/gif", None)).is_none());
    }

    fn turned(
        n: i64,
        answer: impl Fn(i64) -> u64,
        headers: &[(&str, &str)],
    ) -> crate::detect::ledger::Ledger {
        ledger((0..n).map(|i| {
            let path = ["/a/get.php", "/news.php", "/login.php"][(i % 3) as usize];
            let mut exchange = request("GET", "203.0.113.4", path, headers, None);
            exchange.response = Some(Box::new(Body { shape: Some(Shape::Html), ..body(answer(i)) }));
            flow("203.0.113.4", 80).at_ms(i * 4_700 + i % 3 * 900).http(exchange).build()
        }))
    }

    #[test]
    fn pages_turned_over_and_over() {
        assert!(same_page(&view(&turned(24, |_| 173, &[]))).is_some());
        assert!(same_page(&view(&turned(24, |i| 173 + i.unsigned_abs(), &[]))).is_none(), "news");
        assert!(same_page(&view(&turned(6, |_| 173, &[]))).is_none(), "too few");
        assert!(
            same_page(&view(&turned(24, |_| 173, &[("Accept-Language", "de")]))).is_none(),
            "a tab left open"
        );
    }

    #[test]
    fn a_browser_that_says_nothing() {
        let agent = ("User-Agent", "Mozilla/5.0 (Windows NT 10.0)");
        assert!(bare_browser(&view(&get("/a", &[agent], body(9)))).is_some());
        assert!(bare_browser(&view(&get("/a", &[agent, ("Accept", "*/*")], body(9)))).is_none());
        assert!(bare_browser(&view(&get("/a", &[("User-Agent", "curl/8.1")], body(9)))).is_none());
    }
}
