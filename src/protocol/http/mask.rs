//! Secrets out of header values and targets: the names stay, what they hold is told by its length.
//!
//! Sources: RFC 6265 (cookies), RFC 9110 section 11 (credentials), the Bot API of Telegram and the webhooks of
//! Discord and Slack (secrets in the path).

use aho_corasick::AhoCorasick;
use memchr::memchr2_iter;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Parts of a header name, lower case, that say its value is a secret. Not `key` alone: families are told by
/// `Content-Key` and their like.
const SECRET_HEADERS: [&str; 15] = [
    "token",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "api-key",
    "api_key",
    "apikey",
    "access-key",
    "subscription-key",
    "auth-key",
    "private-key",
    "session",
    "credential",
    "x-auth",
];

/// Finds [`SECRET_HEADERS`] in a name, all at once: it is asked for every header.
static IS_SECRET: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(SECRET_HEADERS).ok());

/// Header names that are no secret, and that nearly all requests and responses have: they are asked for first. Those
/// of a length stand together.
const PLAIN_HEADERS: [&[&str]; 11] = [
    &["age"],
    &["date", "etag", "vary"],
    &["accept", "pragma", "server"],
    &["expires"],
    &["connection", "keep-alive", "user-agent"],
    &["content-type", "x-powered-by"],
    &["accept-ranges", "cache-control", "if-none-match", "last-modified"],
    &["content-length"],
    &["accept-encoding", "accept-language"],
    &["content-encoding"],
    &["if-modified-since", "transfer-encoding"],
];

/// A longer one of them.
const PLAIN_LONG: &str = "upgrade-insecure-requests";

/// Whether a name is one of [`PLAIN_HEADERS`].
fn is_plain(name: &str) -> bool {
    let of_length = |known: &&&[&str]| known.first().is_some_and(|first| first.len() == name.len());
    let known = PLAIN_HEADERS.iter().find(of_length).copied().unwrap_or(&[PLAIN_LONG]);
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Parts of a query parameter's name, lower case, that say its value is a secret.
const SECRET_PARAMETERS: [&str; 12] = [
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "api_key",
    "apikey",
    "session_id",
    "sessionid",
];

/// Finds [`SECRET_PARAMETERS`] in a name, all at once: a query may have hundreds.
static IS_SECRET_PARAMETER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(SECRET_PARAMETERS).ok());

/// Attributes of a Set-Cookie value that are no secrets (RFC 6265 section 4.1, SameSite, Partitioned).
const COOKIE_ATTRIBUTES: [&str; 8] =
    ["expires", "max-age", "domain", "path", "secure", "httponly", "samesite", "partitioned"];

/// Digits of a bot's or webhook's number, at least.
const MIN_DIGITS: usize = 5;
/// Characters of a secret in a path, at least.
const MIN_SECRET: usize = 20;

/// The value of a header as it may be kept.
pub fn header<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if is_plain(name) {
        return without_credentials(value);
    }
    let is = |known: [&str; 2]| known.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is(["cookie", "cookie2"]) {
        return cookies(value).into();
    }
    if is(["set-cookie", "set-cookie2"]) {
        return set_cookie(value).into();
    }
    if is(["host", "from"]) {
        return match value.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => format!("{}@{host}", user_information(user)).into(),
            _ => Cow::Borrowed(value),
        };
    }
    if is(["authorization", "proxy-authorization"]) {
        return credentials(value).into();
    }
    // Without an automaton, which is small and can be built, everything is a secret.
    if IS_SECRET.as_ref().is_none_or(|secret| secret.is_match(name)) {
        return length(value).into();
    }
    without_credentials(value)
}

/// The value of a header that is no secret by its name.
fn without_credentials(value: &str) -> Cow<'_, str> {
    if holds_target(value.as_bytes()) {
        return target(value);
    }
    if starts_with_scheme(value) { credentials(value).into() } else { Cow::Borrowed(value) }
}

/// Whether `://` or `?` stands in a value.
fn holds_target(value: &[u8]) -> bool {
    memchr2_iter(b':', b'?', value).any(|at| value[at] == b'?' || value[at..].starts_with(b"://"))
}

fn length(value: &str) -> String {
    format!("<{}>", value.len())
}

/// `id=abc; lang=en` as `id=<3>; lang=<2>`.
fn cookies(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    for pair in value.split(';') {
        named(&mut kept, pair.trim());
    }
    kept
}

/// A cookie with its attributes, which stay.
fn set_cookie(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    for (index, part) in value.split(';').enumerate() {
        let part = part.trim();
        let name = part.split('=').next().unwrap_or("").trim();
        let attribute = index > 0 && COOKIE_ATTRIBUTES.iter().any(|known| name.eq_ignore_ascii_case(known));
        if !attribute {
            named(&mut kept, part);
        } else if !part.is_empty() {
            separate(&mut kept);
            kept.push_str(part);
        }
    }
    kept
}

/// Adds the name of a pair and the length of its value.
fn named(kept: &mut String, pair: &str) {
    if pair.is_empty() {
        return;
    }
    separate(kept);
    let _ = match pair.split_once('=') {
        Some((name, value)) => {
            kept.push_str(name.trim_end());
            write!(kept, "=<{}>", value.len())
        }
        None => write!(kept, "<{}>", pair.len()),
    };
}

fn separate(kept: &mut String) {
    if !kept.is_empty() {
        kept.push_str("; ");
    }
}

/// `Basic QWxhZGRpbjo=` as `Basic <12>`.
fn credentials(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, rest)) if is_scheme(scheme) => format!("{scheme} <{}>", rest.trim().len()),
        _ => length(value),
    }
}

fn is_scheme(word: &str) -> bool {
    !word.is_empty() && word.len() <= 16 && word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}

fn starts_with_scheme(value: &str) -> bool {
    let known = ["basic", "bearer", "digest", "negotiate", "ntlm"];
    if !value.starts_with(['b', 'd', 'n', 'B', 'D', 'N']) {
        return false;
    }
    value.split_once(' ').is_some_and(|(scheme, rest)| {
        known.iter().any(|known| scheme.eq_ignore_ascii_case(known))
            && rest.len() >= 8
            && !rest.contains("realm")
    })
}

fn secret_parameter(name: &str) -> bool {
    let ends = name.trim_end_matches(|c: char| c.is_ascii_digit()).as_bytes();
    let ends_with = |word: &str| {
        let own = ends.len().checked_sub(word.len()).and_then(|at| ends.get(at..));
        own.is_some_and(|own| own.eq_ignore_ascii_case(word.as_bytes()))
    };
    // As with headers, without an automaton everything is a secret.
    IS_SECRET_PARAMETER.as_ref().is_none_or(|secret| secret.is_match(name))
        || (ends_with("pass") && !ends_with("bypass") && !ends_with("compass"))
}

/// A target or URL as it may be kept: user information, secret parameters and secrets in the path are masked.
pub fn target(text: &str) -> Cow<'_, str> {
    let mut kept = Kept::new(text);
    let mut rest = text;
    let mut first = true;
    loop {
        let cut = rest.find(['?', '&', ';', '#']).unwrap_or(rest.len());
        let (part, after) = rest.split_at(cut);
        kept.push(part, if first { path(part) } else { parameter(part) });
        first = false;
        let Some(separator) = after.get(..1) else { return kept.finish() };
        kept.push(separator, separator.into());
        rest = &after[1..];
    }
}

/// A text piece by piece, copied only from where a piece is changed.
struct Kept<'a> {
    text: &'a str,
    /// Bytes of it that were gone through.
    at: usize,
    changed: Option<String>,
}

impl<'a> Kept<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0, changed: None }
    }

    /// The next piece, and what is kept of it.
    fn push(&mut self, piece: &str, kept: Cow<'_, str>) {
        match (&mut self.changed, kept) {
            (Some(changed), kept) => changed.push_str(&kept),
            (None, Cow::Owned(kept)) => self.changed = Some(format!("{}{kept}", &self.text[..self.at])),
            (None, Cow::Borrowed(_)) => {}
        }
        self.at += piece.len();
    }

    fn finish(self) -> Cow<'a, str> {
        self.changed.map_or(Cow::Borrowed(self.text), Cow::Owned)
    }
}

fn parameter(part: &str) -> Cow<'_, str> {
    match part.split_once('=') {
        Some((name, value)) if !value.is_empty() && secret_parameter(name) => {
            format!("{name}=<{}>", value.len()).into()
        }
        // A URL inside a parameter has a path of its own.
        Some((name, value)) if value.contains('/') => match path(value) {
            Cow::Owned(value) => format!("{name}={value}").into(),
            Cow::Borrowed(_) => Cow::Borrowed(part),
        },
        _ => Cow::Borrowed(part),
    }
}

fn path(part: &str) -> Cow<'_, str> {
    let mut before = ["", "", ""];
    let mut kept = Kept::new(part);
    for (index, segment) in part.split('/').enumerate() {
        if index > 0 {
            kept.push("/", "/".into());
        }
        kept.push(segment, path_segment(segment, before, index));
        before = [before[1], before[2], segment];
    }
    kept.finish()
}

/// One segment, with the three before it.
fn path_segment<'a>(segment: &'a str, before: [&str; 3], index: usize) -> Cow<'a, str> {
    let long = segment.len() >= MIN_SECRET;
    let is_number = |text: &str| text.len() >= MIN_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((number, secret)) = segment.strip_prefix("bot").and_then(split_colon)
        && is_number(number)
        && !secret.is_empty()
    {
        return format!("bot{number}:<{}>", secret.len()).into();
    }
    let webhook = before[1].eq_ignore_ascii_case("webhooks") && is_number(before[2]);
    let services = before[0] == "services" && before[1].starts_with('T') && before[2].starts_with('B');
    if long && (webhook || services) {
        return length(segment).into();
    }
    // `scheme://user:password@host`
    let authority = index == 2 && before[1].ends_with(':') && before[2].is_empty();
    if authority && let Some((user, host)) = segment.rsplit_once('@') {
        return format!("{}@{host}", user_information(user)).into();
    }
    Cow::Borrowed(segment)
}

fn user_information(text: &str) -> String {
    match text.split_once(':') {
        Some((user, secret)) => format!("{user}:<{}>", secret.len()),
        None => text.to_owned(),
    }
}

fn split_colon(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').or_else(|| text.split_once("%3A")).or_else(|| text.split_once("%3a"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_lengths_and_names_stay() {
        let cases = [
            ("Cookie", "id=abcdef; _ga=GA1.2; odd", "id=<6>; _ga=<5>; <3>"),
            ("Set-Cookie", "sid=0123; Path=/; HttpOnly; x=9", "sid=<4>; Path=/; HttpOnly; x=<1>"),
            ("Authorization", "Basic QWxhZGRpbjo=", "Basic <12>"),
            ("authorization", "0123456789abcdef", "<16>"),
            ("Proxy-Authorization", "NTLM TlRMTVNT", "NTLM <8>"),
            ("X-Api-Key", "k1k2", "<4>"),
            ("X-CSRF-Token", "k1k2", "<4>"),
            ("X-Odd", "Bearer abcdefgh", "Bearer <8>"),
            ("WWW-Authenticate", "Basic realm=\"x\"", "Basic realm=\"x\""),
            ("Content-Key", "0A1B2C3D", "0A1B2C3D"),
            ("user", "abc=", "abc="),
            ("BuildID", "abc", "abc"),
            ("SOAPAction", "\"http://service.test/Endpoint\"", "\"http://service.test/Endpoint\""),
            ("Referer", "http://a.test/?user=x&password=hunter2", "http://a.test/?user=x&password=<7>"),
            ("Location", "http://a:b1c@h.test/#access_token=zz", "http://a:<3>@h.test/#access_token=<2>"),
        ];
        for (name, value, kept) in cases {
            assert_eq!(header(name, value), kept, "{name}");
        }
    }

    #[test]
    fn secrets_in_targets_are_masked() {
        let cases = [
            ("/bot12345678:AAabcdefghijklmnopqrstuvwxyz0123456/send", "/bot12345678:<35>/send"),
            ("/file/bot12345678%3AAAbcdefghijklmnopqrstuvwxyz/x", "/file/bot12345678:<27>/x"),
            (
                "/api/webhooks/123456789/abcdefghijklmnopqrstuvwxyz?wait=1",
                "/api/webhooks/123456789/<26>?wait=1",
            ),
            ("/services/T00/B00/abcdefghijklmnopqrstuvwx", "/services/T00/B00/<24>"),
            ("/a?pass=1&userpass2=22&bypass=1&u=x;pwd=333", "/a?pass=<1>&userpass2=<2>&bypass=1&u=x;pwd=<3>"),
            ("/bottle:1/?passwords=", "/bottle:1/?passwords="),
            ("/gate?hwid=1&token=ab", "/gate?hwid=1&token=ab"),
        ];
        for (path, kept) in cases {
            assert_eq!(target(path), kept);
        }
    }
}
