//! HTTP requests that browsers and honest programs do not make.

use super::{Marks, Needs, Signal, Traits, View, count};
use crate::detect::evidence::Statement;
use crate::detect::finding::Kind;
use crate::detect::ledger::name;
use crate::record::{Body, Exchange, Flow, Shape};
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "post-to-address", needs: Needs::POST, look: post_to_address },
    Signal { name: "post-without-agent", needs: Needs::POST, look: without_agent },
    Signal { name: "poor-headers", needs: Needs::POST, look: poor_headers },
    Signal { name: "old-agent", needs: Needs::HTTP, look: old_agent },
    Signal { name: "http-1.0-post", needs: Needs::POST, look: old_version },
    Signal { name: "false-encoding", needs: Needs::PIECE.with(Traits::HTTP), look: false_encoding },
    Signal { name: "body-in-get", needs: Needs::POST, look: body_in_get },
    Signal { name: "misdeclared-body", needs: Needs::POST, look: misdeclared },
    Signal { name: "untyped-body", needs: Needs::POST, look: untyped },
    Signal { name: "expect-without-agent", needs: Needs::POST, look: expect },
    Signal { name: "gate-path", needs: Needs::HTTP, look: gate },
    Signal { name: "comma-boundary", needs: Needs::HTTP, look: comma },
    Signal { name: "false-host", needs: Needs::HTTP, look: false_host },
    Signal { name: "errors-accepted", needs: Needs::POST, look: errors },
    Signal { name: "posts-only", needs: Needs::POST, look: posts_only },
    Signal { name: "http-odd-port", needs: Needs::HTTP.and(Marks::PUBLIC), look: odd_port },
    Signal { name: "http-on-443", needs: Needs::HTTP, look: on_443 },
    Signal { name: "coded-query", needs: Needs::HTTP, look: coded_query },
    Signal { name: "coded-cookie", needs: Needs::HTTP.with(Traits::COOKIE), look: coded_cookie },
    Signal { name: "cookie-without-agent", needs: Needs::HTTP, look: cookie_without_agent },
    Signal { name: "coded-path", needs: Needs::HTTP, look: coded_path },
    Signal { name: "foreign-referer", needs: Needs::HTTP, look: foreign_referer },
    Signal { name: "opaque-answer", needs: Needs::HTTP.with(Traits::CIPHER), look: opaque_answer },
    Signal { name: "coded-field", needs: Needs::POST, look: coded_field },
    Signal { name: "download-by-post", needs: Needs::POST, look: download_by_post },
    Signal { name: "odd-agent", needs: Needs::HTTP, look: odd_agent },
    Signal { name: "bare-get", needs: Needs::HTTP, look: bare_get },
    Signal { name: "impossible-host", needs: Needs::HTTP, look: impossible_host },
];

/// Shortest run of code in a query that is looked at: session tokens of web pages are mostly shorter.
const MIN_CODE: usize = 56;
/// How often a program that says nothing of itself must ask for the same.
const MIN_AGAIN: usize = 6;

type Found<'a> = (usize, &'a Flow, &'a Exchange);

/// States over all exchanges that fit, if any does.
fn all<'a>(
    view: &View<'a>,
    fits: impl Fn(&Exchange) -> bool,
    say: impl FnOnce(&[Found<'a>]) -> Option<(f64, String)>,
) -> Option<Statement> {
    let found: Vec<Found<'a>> = view.exchanges().filter(|(.., exchange)| fits(exchange)).collect();
    if found.is_empty() {
        return None;
    }
    let (strength, why) = say(&found)?;
    let statement = view.say(strength, why);
    Some(
        found
            .into_iter()
            .fold(statement, |said, (index, flow, exchange)| said.exchange(index, flow, exchange)),
    )
}

fn post(exchange: &Exchange) -> bool {
    exchange.method == "POST" && exchange.sent() > 0
}

fn first_path<'a>(found: &[Found<'a>]) -> &'a str {
    let path = found.first().map_or("", |(.., exchange)| exchange.path.as_str());
    path.char_indices().nth(60).map_or(path, |(end, _)| &path[..end])
}

/// Made by a browser for a page: it says where it comes from and what languages it wants.
fn browser_like(exchange: &Exchange) -> bool {
    let has = |name| exchange.header(name).is_some();
    let agent = exchange.header("User-Agent").unwrap_or("");
    agent.starts_with("Mozilla/")
        && has("Accept-Language")
        && (has("Referer")
            || has("Cookie")
            || has("Origin")
            || has("Sec-Fetch-Mode")
            || has("X-Requested-With"))
}

fn post_to_address(view: &View<'_>) -> Option<Statement> {
    let bare = |exchange: &Exchange| exchange.host.as_deref().and_then(name::address).is_some();
    all(
        view,
        |exchange| post(exchange) && bare(exchange) && !browser_like(exchange),
        |found| {
            let why = format!(
                "{} to a host named by its address: {}",
                count(found.len(), "POST"),
                first_path(found)
            );
            Some((if found.len() > 1 { 1.0 } else { 0.8 }, why))
        },
    )
}

fn without_agent(view: &View<'_>) -> Option<Statement> {
    all(
        view,
        |exchange| post(exchange) && exchange.header("User-Agent").is_none(),
        |found| {
            Some((1.0, format!("{} without a User-Agent: {}", count(found.len(), "POST"), first_path(found))))
        },
    )
}

/// A browser's name with a program's headers.
fn poor_headers(view: &View<'_>) -> Option<Statement> {
    let poor = |exchange: &Exchange| {
        let agent = exchange.header("User-Agent").unwrap_or("");
        agent.starts_with("Mozilla/")
            && exchange.header("Accept-Language").is_none()
            && exchange.headers.len() <= 8
    };
    all(
        view,
        |exchange| post(exchange) && poor(exchange),
        |found| {
            let least = found.iter().map(|(.., exchange)| exchange.headers.len()).min()?;
            Some((
                1.0,
                format!(
                    "{} in a browser's name with {least} headers and no language",
                    count(found.len(), "POST")
                ),
            ))
        },
    )
}

/// A browser's name that no browser of the last decade and a half gives, with a program's headers.
fn old_agent(view: &View<'_>) -> Option<Statement> {
    let ancient = |exchange: &Exchange| {
        let agent = exchange.header("User-Agent").unwrap_or("");
        let old = [
            "MSIE 6.",
            "MSIE 5.",
            "MSIE 7.0b",
            "Windows NT 5.",
            "Mozilla/3",
            "Mozilla/4.08",
            "Windows 98",
            "Firefox/2.",
            "Firefox/3.",
        ];
        old.iter().any(|mark| agent.contains(mark)) && !browser_like(exchange)
    };
    all(
        view,
        |exchange| (post(exchange) || exchange.method == "GET") && ancient(exchange),
        |found| {
            let agent = found.first()?.2.header("User-Agent").unwrap_or("");
            let posts = found.iter().any(|(.., exchange)| post(exchange));
            let agent: String = agent.chars().take(80).collect();
            Some((if posts { 1.0 } else { 0.5 }, format!("{} as {agent}", count(found.len(), "request"))))
        },
    )
}

fn old_version(view: &View<'_>) -> Option<Statement> {
    all(
        view,
        |exchange| post(exchange) && exchange.version == "1.0",
        |found| Some((1.0, format!("{} in HTTP/1.0", count(found.len(), "POST")))),
    )
}

/// A content encoding that does not exist.
fn false_encoding(view: &View<'_>) -> Option<Statement> {
    let known = [
        "gzip",
        "deflate",
        "br",
        "zstd",
        "identity",
        "compress",
        "x-gzip",
        "aws-chunked",
        "amz-1.0",
        "utf-8",
        "aes128gcm",
        "aesgcm",
        "snappy",
    ];
    let odd = |exchange: &Exchange| {
        let encoding = exchange.request.as_ref().and_then(|body| body.encoding.clone());
        encoding.filter(|own| !own.split(',').all(|one| known.contains(&one.trim())))
    };
    all(
        view,
        |exchange| odd(exchange).is_some(),
        |found| {
            let encoding = odd(found.first()?.2)?;
            Some((1.0, format!("{} with Content-Encoding {encoding}", count(found.len(), "request"))))
        },
    )
}

fn body_in_get(view: &View<'_>) -> Option<Statement> {
    all(
        view,
        |exchange| exchange.method == "GET" && exchange.sent() > 0,
        |found| {
            let bytes = found.iter().map(|(.., exchange)| exchange.sent()).fold(0, u64::saturating_add);
            Some((1.0, format!("{} with a body ({bytes} B)", count(found.len(), "GET"))))
        },
    )
}

/// Whether bytes look enciphered or compressed, or are one piece of code in text.
fn opaque(body: &Body) -> bool {
    match body.shape {
        Some(Shape::Binary) => {
            body.magic.is_none()
                && body.entropy.is_none_or(|bits| bits > dense(body.bytes))
                && body.encoding.is_none()
        }
        Some(Shape::Base64 | Shape::Hex) => body.bytes >= 32,
        _ => false,
    }
}

/// Entropy that so many random bytes hardly stay below, in bits a byte (bias of small samples).
fn dense(bytes: u64) -> f32 {
    match bytes {
        0..64 => 3.5,
        64..128 => 5.3,
        128..256 => 6.1,
        256..512 => 6.8,
        512..1024 => 7.3,
        _ => 7.6,
    }
}

/// The type says form, JSON, text or picture, and the bytes are none of that.
fn misdeclared(view: &View<'_>) -> Option<Statement> {
    let lie = |exchange: &Exchange| {
        let Some(body) = exchange.request.as_deref().filter(|body| body.bytes >= 16) else { return false };
        let declared = body.declared.as_deref().unwrap_or("");
        let texts = [
            "application/x-www-form-urlencoded",
            "application/json",
            "text/html",
            "text/plain",
            "text/xml",
            "application/xml",
        ];
        let text = texts.iter().any(|kind| declared.starts_with(kind));
        let picture = declared.starts_with("image/")
            || declared == "application/pdf"
            || declared.contains("javascript");
        if text {
            let form = declared.ends_with("urlencoded");
            opaque(body) && (!form || body.fields.is_empty() || body.shape == Some(Shape::Binary))
                || body.shape == Some(Shape::Binary) && body.magic.is_none() && body.encoding.is_none()
        } else {
            picture && body.magic.is_none() && body.encoding.is_none() && body.archive.is_none()
        }
    };
    all(
        view,
        |exchange| exchange.method == "POST" && lie(exchange),
        |found| {
            let body = found.first()?.2.request.as_deref()?;
            let shape = body
                .shape
                .map_or_else(|| "other bytes".to_owned(), |shape| format!("{shape:?}").to_lowercase());
            let declared = body.declared.as_deref().unwrap_or("");
            Some((1.0, format!("{} declared {declared} that hold {shape}", count(found.len(), "body"))))
        },
    )
}

/// A body without a type.
fn untyped(view: &View<'_>) -> Option<Statement> {
    let bare = |exchange: &Exchange| post(exchange) && exchange.header("Content-Type").is_none();
    all(view, bare, |found| {
        let binary = found.iter().any(|(.., exchange)| {
            let body = exchange.request.as_deref();
            body.is_some_and(|body| matches!(body.shape, Some(Shape::Binary | Shape::Base64 | Shape::Hex)))
        });
        let what = if binary { "binary or coded body" } else { "body" };
        Some((
            if binary { 1.0 } else { 0.5 },
            format!("{} with a {what} of no type", count(found.len(), "POST")),
        ))
    })
}

fn expect(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        post(exchange) && exchange.header("Expect").is_some() && exchange.header("User-Agent").is_none()
    };
    all(view, fits, |found| {
        Some((1.0, format!("{} that wait for 100 and name no agent", count(found.len(), "POST"))))
    })
}

/// A path of the kind control panels have: a script under a random or telling name.
fn gate(view: &View<'_>) -> Option<Statement> {
    all(
        view,
        |exchange| {
            let silent = exchange.method == "GET" && exchange.header("User-Agent").is_none();
            post(exchange)
                && !browser_like(exchange)
                && (panel_path(&exchange.path) || bot_path(&exchange.path))
                || silent && bot_path(&exchange.path)
        },
        |found| Some((1.0, format!("{} to {}", count(found.len(), "request"), first_path(found)))),
    )
}

/// A path that speaks of bots, victims or their orders; query names count.
fn bot_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let orders = [
        "getcommand",
        "get_command",
        "get_task",
        "gettask",
        "get_cmd",
        "getcmd",
        "sendresult",
        "victim",
        "keylog",
        "botlog",
        "bot_id",
        "botid",
        "addbot",
        "add_bot",
        "newbot",
        "stealer",
        "grabber",
        "infect",
    ];
    let (place, query) = path.split_once('?').unwrap_or((&path, ""));
    let bots = |part: &str| {
        part.strip_prefix("bot").is_some_and(|rest| {
            rest.is_empty() || matches!(rest, "s" | "net") || rest.bytes().all(|b| b.is_ascii_digit())
        })
    };
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    let mut words = place.split('/').chain(names);
    let last = place.rsplit('/').next().unwrap_or("");
    words.any(|word| word != last && bots(word) || orders.iter().any(|order| word.contains(order)))
}

/// The Host header is none: signs stand in it that no name and no address has.
fn impossible_host(view: &View<'_>) -> Option<Statement> {
    let odd = |exchange: &Exchange| {
        let host = exchange.header("Host").or(exchange.host.as_deref()).unwrap_or("");
        let sign =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'%');
        !host.is_empty() && host.is_ascii() && !host.bytes().all(sign)
    };
    all(
        view,
        |exchange| !exchange.method.is_empty() && odd(exchange),
        |found| {
            let host: String = found.first()?.2.header("Host").unwrap_or("").chars().take(60).collect();
            Some((1.0, format!("{} to the host `{host}`, which cannot be", count(found.len(), "request"))))
        },
    )
}

fn panel_path(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or("").to_ascii_lowercase();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let Some(stem) = parts.last().and_then(|file| file.strip_suffix(".php")) else { return false };
    let telling = [
        "gate", "panel", "fre", "c2", "c2conf", "log", "logs", "loggate", "pony", "forum", "connect",
        "collect", "receive", "grab", "bot", "gateway", "tasks", "command",
    ];
    let hex = stem.len() >= 8 && stem.bytes().all(|b| b.is_ascii_hexdigit());
    let random = |part: &str| part.len() >= 10 && consonants(part) >= 5 || mixed(part);
    telling.contains(&stem)
        || hex
        || random(stem)
        || parts.iter().any(|part| matches!(*part, "panel" | "gate" | "webpanel" | "pony") || random(part))
}

/// Letters and digits alternate as in no word: three times or more, in letters of both cases.
fn mixed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let turns = bytes.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    bytes.len() >= 8 && turns >= 3 && bytes.iter().any(u8::is_ascii_alphabetic)
}

/// The longest run of consonants in a name: words of languages have five at most, and seldom.
fn consonants(text: &str) -> usize {
    let vowel = |b: u8| matches!(b.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let runs = text.as_bytes().split(|&b| vowel(b) || !b.is_ascii_alphabetic());
    runs.map(<[u8]>::len).max().unwrap_or(0)
}

/// A multipart header whose boundary stands after a comma: no library writes it so.
fn comma(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        let Some(kind) = exchange.header("Content-Type") else { return false };
        let kind = kind.to_ascii_lowercase().replace(' ', "");
        kind.starts_with("multipart/form-data,boundary") || kind.starts_with("multipart/form-data:boundary")
    };
    all(view, fits, |found| {
        Some((1.0, format!("{} with a comma before the boundary", count(found.len(), "request"))))
    })
}

/// The Host header names a service that the capture resolves to quite another address.
fn false_host(view: &View<'_>) -> Option<Statement> {
    let service = &view.channel.service;
    let fits = |exchange: &Exchange| {
        // What is stated is in the form of names: most hosts are sent so.
        let other = exchange.host.as_deref().filter(|host| !service.names.states(host));
        other.and_then(name::host).is_some_and(|host| !service.names.states(host.as_str()))
    };
    all(view, fits, |found| {
        let host = found.first()?.2.host.as_deref()?;
        Some((1.0, format!("Host {host}, which the capture resolves to other addresses")))
    })
}

/// Every POST is answered with an error that has a body, and the client is content.
fn errors(view: &View<'_>) -> Option<Statement> {
    let posts: Vec<_> = view.posts().filter(|(_, _, exchange, _)| exchange.status.is_some()).collect();
    let failed = posts.iter().filter(|(_, _, exchange, _)| {
        exchange.status.is_some_and(|status| status >= 400) && exchange.received() > 0
    });
    let failed = failed.count();
    if failed < 3 || failed < posts.len() {
        return None;
    }
    let status = posts.first()?.2.status?;
    let why = format!("{} answered {status} with a body, and more followed", count(failed, "POST"));
    let statement = view.say(if failed >= 5 { 1.0 } else { 0.7 }, why);
    Some(
        posts
            .into_iter()
            .fold(statement, |said, (index, flow, exchange, _)| said.exchange(index, flow, exchange)),
    )
}

/// Nothing is ever read from the service by GET: several POSTs to one path, and no page.
fn posts_only(view: &View<'_>) -> Option<Statement> {
    let mut paths: BTreeMap<&str, usize> = BTreeMap::new();
    let mut others = 0;
    for (.., exchange) in view.exchanges() {
        if post(exchange) && !browser_like(exchange) {
            *paths.entry(exchange.path.split('?').next().unwrap_or("")).or_default() += 1;
        } else if !exchange.method.is_empty() {
            others += 1;
        }
    }
    let (path, n) = paths.into_iter().max_by_key(|(_, n)| *n)?;
    if n < 2 || others > 0 {
        return None;
    }
    let why = format!("{} to {path} and no other request", count(n, "POST"));
    let statement = view.say(if n >= 4 { 1.0 } else { 0.6 }, why);
    Some(
        view.posts().fold(statement, |said, (index, flow, exchange, _)| said.exchange(index, flow, exchange)),
    )
}

fn odd_port(view: &View<'_>) -> Option<Statement> {
    let usual = |port| {
        matches!(
            port,
            80 | 81 | 8000 | 8008 | 8080 | 8081 | 8088 | 8888 | 3128 | 5357 | 2869 | 5985 | 631 | 49152..
        )
    };
    let (index, flow, exchange) = view.exchanges().find(|(_, flow, exchange)| {
        !usual(flow.server.port) && flow.server.port != 443 && !exchange.method.is_empty()
    })?;
    if !view.public() {
        return None;
    }
    let why = format!("HTTP on port {}", flow.server.port);
    Some(view.say(1.0, why).exchange(index, flow, exchange))
}

fn on_443(view: &View<'_>) -> Option<Statement> {
    let (index, flow, exchange) = view.exchanges().find(|(_, flow, exchange)| {
        flow.server.port == 443
            && flow.tls.is_none()
            && !exchange.method.is_empty()
            && exchange.method != "CONNECT"
    })?;
    let mut statement = view.say(1.0, "HTTP in clear on port 443".to_owned()).exchange(index, flow, exchange);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// The longest run of base64 or hexadecimal characters in a text.
fn longest_code(text: &str) -> usize {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_' | '%' | '~')))
        .map(str::len)
        .max()
        .unwrap_or(0)
}

/// A program that is no browser asks with a long coded query.
fn coded_query(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        let coded =
            || exchange.path.split_once('?').is_some_and(|(_, query)| longest_code(query) >= MIN_CODE);
        let bare = || exchange.header("User-Agent").is_none() || exchange.headers.len() <= 4;
        exchange.method == "GET"
            && exchange.path.len() > MIN_CODE
            && bare()
            && coded()
            && !browser_like(exchange)
    };
    all(view, fits, |found| {
        let least = found.iter().map(|(.., exchange)| exchange.headers.len()).min()?;
        let why =
            format!("{} with a long coded query and {}", count(found.len(), "GET"), count(least, "header"));
        Some((if least <= 3 { 1.0 } else { 0.6 }, why))
    })
}

/// A long cookie that no server gave: alone in a bare request, or with the same request again and again.
fn coded_cookie(view: &View<'_>) -> Option<Statement> {
    let given = view.exchanges().any(|(.., exchange)| {
        exchange.response_headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
    });
    let long = |exchange: &Exchange| {
        exchange.method == "GET"
            && exchange.header("Cookie").is_some_and(|cookie| cookie_length(cookie) >= 80)
    };
    if given {
        return None;
    }
    let mut paths: BTreeMap<&str, usize> = BTreeMap::new();
    for (.., exchange) in view.exchanges().filter(|(.., exchange)| long(exchange)) {
        *paths.entry(&exchange.path).or_default() += 1;
    }
    let again = paths.values().copied().max()?;
    all(view, long, |found| {
        let bare = found.iter().any(|(.., exchange)| {
            exchange.header("Referer").is_none() && exchange.header("Accept-Language").is_none()
        });
        let strength = match (again, bare) {
            (10.., _) => 1.0,
            (4.., _) => 0.6,
            (_, true) => 0.35,
            _ => return None,
        };
        let why =
            format!("{} with a long cookie that nobody gave, {again} times alike", count(found.len(), "GET"));
        Some((strength, why))
    })
}

/// Cookies, and no User-Agent: whoever keeps cookies is a browser and says so.
fn cookie_without_agent(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        exchange.header("Cookie").is_some()
            && exchange.header("User-Agent").is_none()
            && exchange.headers.len() <= 5
    };
    all(view, fits, |found| {
        Some((1.0, format!("{} with cookies and no User-Agent", count(found.len(), "request"))))
    })
}

/// The path itself is code: long, in pieces of letters of both cases and digits, without a question.
fn coded_path(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        let path = exchange.path.split('?').next().unwrap_or("");
        let code = |part: &&str| {
            let both =
                part.bytes().any(|b| b.is_ascii_uppercase()) && part.bytes().any(|b| b.is_ascii_lowercase());
            let digits = part.bytes().filter(u8::is_ascii_digit).count();
            part.len() >= 8 && both && digits >= 1 && !part.contains(['-', '.'])
        };
        let coded = || path.split('/').filter(code).map(str::len).sum::<usize>();
        let program = || exchange.headers.len() <= 5 && exchange.header("Accept-Language").is_none();
        exchange.method == "GET" && path.len() >= 120 && program() && coded() * 10 >= path.len() * 6
    };
    all(view, fits, |found| {
        Some((1.0, format!("{} whose path is code: {}", count(found.len(), "GET"), first_path(found))))
    })
}

/// A bare address is asked in the name of a page elsewhere.
fn foreign_referer(view: &View<'_>) -> Option<Statement> {
    let other = |exchange: &Exchange| {
        let page = exchange.header("Referer")?;
        exchange.host.as_deref().and_then(name::address)?;
        let page = page.split_once("://").map_or(page, |(_, rest)| rest);
        name::host(page.split('/').next().unwrap_or(""))
    };
    all(
        view,
        |exchange| other(exchange).is_some() && !exchange.method.is_empty(),
        |found| {
            let page = other(found.first()?.2)?;
            Some((
                if found.len() >= 3 { 1.0 } else { 0.6 },
                format!("{} to an address in the name of a page of {page}", count(found.len(), "request")),
            ))
        },
    )
}

/// Length of the longest value of a Cookie header, whose values are masked as `<length>`.
fn cookie_length(cookie: &str) -> usize {
    let masked = cookie.split('<').skip(1).filter_map(|rest| rest.split('>').next()?.parse().ok());
    masked.max().unwrap_or_else(|| cookie.split(';').map(str::len).max().unwrap_or(0))
}

/// The answer says HTML or text and is opaque.
fn opaque_answer(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        let Some(body) = exchange.response.as_deref().filter(|body| body.bytes >= 16) else { return false };
        let text = body.declared.as_deref().is_none_or(|kind| kind.starts_with("text/"));
        text && opaque(body) && !browser_like(exchange) && exchange.status.is_some_and(|status| status != 304)
    };
    all(view, fits, |found| {
        let body = found.first()?.2.response.as_deref()?;
        let declared = body.declared.as_deref().unwrap_or("nothing");
        Some((1.0, format!("{} declared {declared} that hold no text", count(found.len(), "answer"))))
    })
}

/// How much of a form is code or cipher under harmless names: 0 to 1.
fn coded_share(body: &Body) -> f64 {
    let most = body.bytes.saturating_mul(6) / 10;
    let code = |class: &str| matches!(class, "base64" | "hex" | "binary");
    let coded = body.fields.iter().filter(|f| code(&f.class) && f.bytes >= 20);
    let coded = coded.map(|f| f.bytes).fold(0, u64::saturating_add);
    let plain = body.fields.iter().filter(|field| !code(&field.class)).count();
    let part = body.parts.iter().any(|part| {
        let bare = part.body.file_name.is_none() || part.body.declared.is_none();
        bare && part.body.bytes >= most && opaque(&part.body)
    });
    match (coded >= most, part, plain) {
        // Beside several plain fields, a coded one is how programs sign their questions.
        (true, _, 3..) => 0.4,
        (true, ..) | (_, true, _) => 1.0,
        _ => 0.0,
    }
}

/// Fields or a part that are code or cipher hold most of the body.
fn coded_field(view: &View<'_>) -> Option<Statement> {
    let share = |exchange: &Exchange| {
        let body = exchange.request.as_deref().filter(|body| body.bytes >= 120);
        body.filter(|_| post(exchange) && !browser_like(exchange)).map_or(0.0, coded_share)
    };
    all(
        view,
        |exchange| share(exchange) > 0.0,
        |found| {
            let most = found.iter().map(|(.., exchange)| share(exchange)).fold(0.0, f64::max);
            let strength = if found.len() > 1 { most } else { most * 0.8 };
            Some((strength, format!("{} of code under harmless names", count(found.len(), "form"))))
        },
    )
}

/// A short POST brings down a program or a large piece of cipher.
fn download_by_post(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        let Some(body) = exchange.response.as_deref().filter(|body| body.bytes >= 50_000) else {
            return false;
        };
        let dense =
            body.shape == Some(Shape::Binary) && matches!(body.magic.as_deref(), None | Some("pe" | "elf"));
        post(exchange) && exchange.sent() <= 2_000 && dense && !browser_like(exchange)
    };
    let mut statement = all(view, fits, |found| {
        let bytes = found.iter().map(|(.., exchange)| exchange.received()).fold(0, u64::saturating_add);
        Some((
            1.0,
            format!("{bytes} B of program or cipher in answer to {}", count(found.len(), "short POST")),
        ))
    })?;
    statement.kinds.push(Kind::Download);
    Some(statement)
}

/// A User-Agent of one plain word, as nobody names a product.
fn odd_agent(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        let agent = exchange.header("User-Agent").unwrap_or("");
        let word = !agent.is_empty()
            && agent.len() <= 24
            && agent.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
        let asks = post(exchange) || exchange.path.contains('?');
        let known = [
            "Microsoft",
            "Windows",
            "Apple",
            "Google",
            "Amazon",
            "Dalvik",
            "okhttp",
            "curl",
            "Debian",
            "Ubuntu",
            "Steam",
            "Valve",
        ];
        word && asks && !known.iter().any(|name| agent.contains(name))
    };
    all(view, fits, |found| {
        let agent = found.first()?.2.header("User-Agent")?;
        Some((1.0, format!("{} as {agent}", count(found.len(), "request"))))
    })
}

/// A program asks a script with parameters and says nothing of itself.
fn bare_get(view: &View<'_>) -> Option<Statement> {
    let fits = |exchange: &Exchange| {
        let script = exchange.path.split_once('?').is_some_and(|(path, query)| {
            let script = matches!(path.rsplit_once(['.', '/']), Some((_, "php" | "" | "asp" | "aspx")));
            script && query.matches('=').count() >= 2
        });
        exchange.method == "GET"
            && script
            && exchange.headers.len() <= 3
            && exchange.header("User-Agent").is_none()
    };
    // The same page over and over, by someone who says nothing at all of himself.
    let mut paths: BTreeMap<&str, usize> = BTreeMap::new();
    let silent = |exchange: &Exchange| {
        exchange.method == "GET" && exchange.headers.len() <= 2 && exchange.header("User-Agent").is_none()
    };
    for (.., exchange) in view.exchanges().filter(|(.., exchange)| silent(exchange)) {
        *paths.entry(&exchange.path).or_default() += 1;
    }
    let again = |exchange: &Exchange| {
        silent(exchange) && paths.get(exchange.path.as_str()).is_some_and(|n| *n >= MIN_AGAIN)
    };
    if view.public()
        && !view.exchanges().any(|(.., exchange)| fits(exchange))
        && let Some(statement) = all(view, again, |found| {
            let why = format!("{} for {} and hardly a header", count(found.len(), "GET"), first_path(found));
            Some((1.0, why))
        })
    {
        return Some(statement);
    }
    all(view, fits, |found| {
        Some((
            1.0,
            format!(
                "{} with parameters and hardly a header: {}",
                count(found.len(), "GET"),
                first_path(found)
            ),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, request, view, view_of};

    fn one(exchange: Exchange) -> crate::detect::ledger::Ledger {
        ledger([flow("203.0.113.4", 80).http(exchange).build()])
    }

    const BROWSER: [(&str, &str); 3] = [
        ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140.0"),
        ("Accept-Language", "de"),
        ("Referer", "http://photos.example/"),
    ];

    #[test]
    fn hosts_that_cannot_be_and_paths_that_tell() {
        let to = |host: &str, path: &str| one(request("GET", host, path, &[], None));
        assert!(impossible_host(&view(&to("k3q8 org", "/"))).is_some());
        assert!(impossible_host(&view(&to("[2001:db8::4]:80", "/"))).is_none());
        assert!(gate(&view(&to("a.example", "/bot12/target"))).is_some());
        assert!(gate(&view(&to("a.example", "/x/getCommand.php?clientId=7"))).is_some());
        for path in ["/robots.txt", "/bot", "/bottle/7", "/task", "/both/x"] {
            assert!(gate(&view(&to("a.example", path))).is_none(), "{path}");
        }
        let polls = |n: i64| {
            let ask = |i| {
                flow("203.0.113.4", 80).at_ms(i * 30_000).http(request(
                    "GET",
                    "a.example",
                    "/target",
                    &[],
                    None,
                ))
            };
            ledger((0..n).map(|i| ask(i).build()))
        };
        assert!(bare_get(&view(&polls(8))).is_some());
        assert!(bare_get(&view(&polls(3))).is_none());
    }

    #[test]
    fn a_bare_post_and_a_browsers() {
        let bare = one(request("POST", "203.0.113.4", "/a1b2c3d4e5f60718.php", &[], Some(body(90))));
        let seen = view(&bare);
        for look in [post_to_address, without_agent, untyped, gate] {
            assert!(look(&seen).is_some());
        }
        let page = one(request("POST", "photos.example", "/album", &BROWSER, Some(body(90_000))));
        let seen = view(&page);
        for signal in SIGNALS.iter().filter(|signal| signal.name != "untyped-body") {
            assert_eq!((signal.look)(&seen), None, "{}", signal.name);
        }
    }

    #[test]
    fn oddities_of_the_request() {
        let mut old = request(
            "POST",
            "a.example",
            "/x/fre.php",
            &[("Content-Encoding", "binary"), ("User-Agent", "Mozilla/4.08 (Example)")],
            Some(Body { encoding: Some("binary".into()), ..body(170) }),
        );
        old.version = "1.0".into();
        old.status = Some(404);
        let ledger_of =
            ledger([0, 1000, 2000].map(|ms| flow("203.0.113.4", 80).at_ms(ms).http(old.clone()).build()));
        let seen = view(&ledger_of);
        for look in [old_version, false_encoding, old_agent, gate, errors, posts_only] {
            assert!(look(&seen).is_some());
        }
        let get = one(request("GET", "a.example", "/", &[], Some(body(345))));
        assert!(body_in_get(&view(&get)).is_some());
        let comma_ed = one(request(
            "POST",
            "a.example",
            "/",
            &[("Content-Type", "multipart/form-data, boundary=x")],
            Some(body(9)),
        ));
        assert!(comma(&view(&comma_ed)).is_some());
    }

    #[test]
    fn bodies_that_are_not_what_they_say() {
        let lie = |declared: &str, shape, bytes| {
            let one_body = Body {
                declared: Some(declared.into()),
                shape: Some(shape),
                entropy: Some(7.9),
                ..body(bytes)
            };
            one(request("POST", "a.example", "/", &[("Content-Type", declared)], Some(one_body)))
        };
        assert!(misdeclared(&view(&lie("application/json", Shape::Base64, 400))).is_some());
        assert!(misdeclared(&view(&lie("application/x-www-form-urlencoded", Shape::Binary, 4000))).is_some());
        assert!(misdeclared(&view(&lie("application/json", Shape::Json, 400))).is_none());
        assert!(misdeclared(&view(&lie("application/octet-stream", Shape::Binary, 4000))).is_none());
    }

    #[test]
    fn a_host_header_that_the_capture_contradicts() {
        let ledger = ledger([
            flow("192.0.2.1", 53).dns("bank.example", "A", &["198.51.100.9"]).build(),
            flow("203.0.113.4", 80).http(request("POST", "bank.example", "/", &[], Some(body(369)))).build(),
            flow("198.51.100.9", 80).http(request("POST", "bank.example", "/", &[], Some(body(369)))).build(),
        ]);
        assert!(false_host(&view_of(&ledger, "203.0.113.4")).is_some());
        assert!(false_host(&view_of(&ledger, "198.51.100.9")).is_none());
    }

    #[test]
    fn codes_in_queries_and_cookies() {
        let query = "a=".to_owned() + &"q8Zx".repeat(20) + "&b=1";
        let get = request("GET", "a.example", &format!("/kx2?{query}"), &[("Connection", "close")], None);
        assert!(coded_query(&view(&one(get))).is_some());
        let page = request("GET", "a.example", &format!("/search?{query}"), &BROWSER, None);
        assert!(coded_query(&view(&one(page))).is_none());
        let cookie = request("GET", "a.example", "/", &[("Cookie", "<172>")], None);
        assert!(coded_cookie(&view(&one(cookie))).is_some());
    }

    #[test]
    fn a_field_of_code_and_an_answer_of_cipher() {
        let field = |class: &str| crate::record::Field {
            name: "p".into(),
            bytes: 900,
            value: None,
            class: class.into(),
        };
        let form = |class: &str| {
            let one_body = Body { fields: vec![field(class)], ..body(910) };
            one(request("POST", "a.example", "/p", &[], Some(one_body)))
        };
        assert!(coded_field(&view(&form("base64"))).is_some());
        assert!(coded_field(&view(&form("text"))).is_none());
        let mut small = request("POST", "a.example", "/p", &[], Some(body(90)));
        small.response = Some(Box::new(Body { shape: Some(Shape::Binary), ..body(400_000) }));
        assert!(download_by_post(&view(&one(small))).is_some());
    }

    #[test]
    fn agents_and_requests_that_say_nothing() {
        let client = request("POST", "a.example", "/p", &[("User-Agent", "Client")], Some(body(90)));
        assert!(odd_agent(&view(&one(client))).is_some());
        let named = request("POST", "a.example", "/p", &[("User-Agent", "Editor/4.2")], Some(body(90)));
        assert!(odd_agent(&view(&one(named))).is_none());
        let get = request("GET", "a.example", "/mail/index.php?id=8754&c=1", &[], None);
        assert!(bare_get(&view(&one(get))).is_some());
    }

    #[test]
    fn paths_referers_and_cookies_of_programs() {
        let code = "/SlcDck1HzUm4QciUl/FOlA4zCxPCjd6MT4/Q73yw7qhXID2OxKvP/2FqXCz0Patgt0YGQ5ew/Tgcbto2IxFQ8epozW3P/K4x8MZVV34tI2BQKL4elMRB/.gif";
        assert!(coded_path(&view(&one(request("GET", "a.example", code, &[], None)))).is_some());
        let plain = format!("/a{}", "/pictures-of-the-holiday".repeat(8));
        assert!(coded_path(&view(&one(request("GET", "a.example", &plain, &[], None)))).is_none());
        let from = |page| request("GET", "203.0.113.4", "/j.js", &[("Referer", page)], None);
        assert!(foreign_referer(&view(&one(from("http://code.library.example/")))).is_some());
        assert!(foreign_referer(&view(&one(from("http://203.0.113.4/")))).is_none());
        let bare = request("GET", "a.example", "/", &[("Cookie", "a=<4>")], None);
        assert!(cookie_without_agent(&view(&one(bare))).is_some());
        let named =
            request("GET", "a.example", "/", &[("Cookie", "a=<4>"), ("User-Agent", "Editor/4")], None);
        assert!(cookie_without_agent(&view(&one(named))).is_none());
    }
}
