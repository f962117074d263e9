//! What of a request rules most often ask for, as bits: most looks at most requests end here.

use crate::record::Exchange;

/// Headers that have a bit.
const NAMES: [&str; 16] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-key",
    "content-length",
    "content-type",
    "cookie",
    "dnt",
    "expect",
    "host",
    "origin",
    "referer",
    "user-agent",
];

/// A request in bits, or several together.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sketch {
    method: u8,
    /// Headers that one of the requests has.
    has: u16,
    /// Headers that one of the requests has not.
    lacks: u16,
    body: bool,
}

impl Sketch {
    /// Of a request.
    pub fn of(exchange: &Exchange) -> Self {
        let headers = exchange.headers.iter().fold(0, |bits, (name, _)| bits | header(name));
        let body = exchange.request.is_some();
        Self { method: method(&exchange.method), has: headers, lacks: !headers, body }
    }

    /// Both together: what may fit one of them may fit this.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            method: self.method | other.method,
            has: self.has | other.has,
            lacks: self.lacks | other.lacks,
            body: self.body || other.body,
        }
    }
}

/// What a look asks of a sketch: never more than it asks of the request itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Methods that will not do.
    not_methods: u8,
    has: u16,
    lacks: u16,
    body: bool,
}

impl Asked {
    /// One of these methods.
    pub fn methods<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        self.not_methods = !names.fold(0, |bits, name| bits | method(name));
    }
    /// All of these headers.
    pub fn has<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        self.has = names.fold(self.has, |bits, name| bits | header(name));
    }
    /// None of these headers.
    pub fn lacks<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        self.lacks = names.fold(self.lacks, |bits, name| bits | header(name));
    }
    /// A body.
    pub fn body(&mut self, asked: bool) {
        self.body = asked;
    }
    /// Whether a request may be what is asked for.
    pub const fn may_fit(self, sketch: Sketch) -> bool {
        !self.not_methods & sketch.method != 0
            && self.has & !sketch.has == 0
            && self.lacks & !sketch.lacks == 0
            && (sketch.body || !self.body)
    }
}

fn method(name: &str) -> u8 {
    match name {
        "GET" => 1,
        "POST" => 2,
        _ => 4,
    }
}

fn header(name: &str) -> u16 {
    let known = |known: &&str| known.len() == name.len() && known.eq_ignore_ascii_case(name);
    NAMES.iter().position(known).map_or(0, |at| 1 << at)
}
