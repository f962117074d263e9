//! What of a request is most often asked for, in a few words: most looks end here, before the request is read.

use crate::record::{Body, Exchange, Flow, Shape};
use crate::time::Timestamp;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

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
/// The bit of `Accept`.
pub const ACCEPT: u16 = 1;
/// The bit of `Accept-Encoding`.
pub const ENCODING: u16 = 1 << 1;
/// The bit of `Accept-Language`.
pub const LANGUAGE: u16 = 1 << 2;
/// The bit of `Cookie`.
pub const COOKIE: u16 = 1 << 9;
/// The bit of `Referer`.
pub const REFERER: u16 = 1 << 14;
/// The bit of `User-Agent`.
pub const AGENT: u16 = 1 << 15;
/// The bit of GET.
pub const GET: u8 = 1;

/// Longest answer that is a short page, in bytes.
pub const MAX_PAGE: u64 = 2_000;

/// Whether an answer is a short page.
pub fn page(answer: &Body) -> bool {
    answer.shape == Some(Shape::Html) && (1..=MAX_PAGE).contains(&answer.bytes)
}

/// A request in bits, or several together.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sketch {
    /// The bit of its [`method`].
    pub method: u8,
    /// There is a request body.
    pub body: bool,
    /// It was answered with a [short page](MAX_PAGE).
    pub page: bool,
    /// Headers that one of the requests has, by [`header`].
    pub has: u16,
    /// Headers that one of the requests has not.
    pub lacks: u16,
    /// It is for a piece of a file (RFC 9110, 14).
    pub piece: bool,
    /// When it began.
    pub time: Timestamp,
    /// The same for the same method and path without query, and for these with the query; of several requests these say
    /// nothing.
    pub same: (u64, u64),
    /// Length of the path without query, in bytes; of several requests it says nothing.
    path: u32,
}

impl Sketch {
    /// Of a request.
    pub fn of(exchange: &Exchange) -> Self {
        let headers = exchange.headers.iter().fold(0, |bits, (name, _)| bits | header(name));
        let body = exchange.request.is_some();
        let path = exchange.path.find('?').unwrap_or(exchange.path.len()) as u32;
        let page = exchange.status == Some(200) && exchange.response.as_deref().is_some_and(page);
        let same = |path: &str| FixedState::default().hash_one((exchange.method.as_str(), path));
        Self {
            method: method(&exchange.method),
            has: headers,
            lacks: !headers,
            body,
            page,
            piece: exchange.status == Some(206) || exchange.header("Range").is_some(),
            time: exchange.time,
            same: (same(exchange.path.get(..path as usize).unwrap_or_default()), same(&exchange.path)),
            path,
        }
    }

    /// The path without query of the request that this is of.
    pub fn path<'a>(&self, exchange: &'a Exchange) -> &'a str {
        exchange.path.get(..self.path as usize).unwrap_or_default()
    }

    /// Both together: what may fit one of them may fit this.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            method: self.method | other.method,
            has: self.has | other.has,
            lacks: self.lacks | other.lacks,
            body: self.body || other.body,
            page: self.page || other.page,
            piece: self.piece || other.piece,
            time: Timestamp(0),
            same: (0, 0),
            path: 0,
        }
    }
}

/// The bit of a method.
pub fn method(name: &str) -> u8 {
    match name {
        "GET" => GET,
        "POST" => 2,
        _ => 4,
    }
}

/// The bit of a header; none for those that have none.
pub fn header(name: &str) -> u16 {
    let known = |known: &&str| known.len() == name.len() && known.eq_ignore_ascii_case(name);
    NAMES.iter().position(known).map_or(0, |at| 1 << at)
}

/// The requests of all flows.
#[derive(Debug, Default, Clone)]
pub struct Requests {
    all: Vec<Sketch>,
    /// Where those of each flow begin.
    from: Vec<u32>,
}

impl Requests {
    /// Adds those of the next flow, and gives them.
    pub fn add(&mut self, flow: &Flow) -> &[Sketch] {
        let from = self.all.len();
        self.from.push(u32::try_from(from).unwrap_or(u32::MAX));
        self.all.extend(flow.http.iter().map(Sketch::of));
        self.all.get(from..).unwrap_or_default()
    }

    /// Puts the flows in another order: at each place the one that was at this index.
    pub fn arrange(&mut self, order: &[u32]) {
        let mut own = Self { all: Vec::with_capacity(self.all.len()), from: Vec::with_capacity(order.len()) };
        for &flow in order {
            own.from.push(u32::try_from(own.all.len()).unwrap_or(u32::MAX));
            own.all.extend_from_slice(self.of(flow as usize));
        }
        *self = own;
    }

    /// Those of a flow.
    pub fn of(&self, flow: usize) -> &[Sketch] {
        let place = |flow: usize| self.from.get(flow).map(|&from| from as usize);
        let Some(from) = place(flow) else { return &[] };
        self.all.get(from..place(flow + 1).unwrap_or(self.all.len())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, request};

    #[test]
    fn headers_have_their_bits() {
        let bits = ["Accept-Language", "cookie", "REFERER", "X-Other"].map(header);
        assert_eq!(bits, [LANGUAGE, COOKIE, REFERER, 0]);
        assert_eq!(["accept", "accept-encoding", "User-Agent"].map(header), [ACCEPT, ENCODING, AGENT]);
    }

    #[test]
    fn each_flow_has_its_own() {
        let get = |path: &str| request("GET", "203.0.113.4", path, &[], None);
        let mut requests = Requests::default();
        let flows = [
            flow("203.0.113.4", 80).http(get("/a?b")).http(get("/longer")).build(),
            flow("203.0.113.4", 443).build(),
            flow("203.0.113.4", 80).http(get("/last")).build(),
        ];
        for flow in &flows {
            requests.add(flow);
        }
        for (at, flow) in flows.iter().enumerate() {
            let paths: Vec<&str> =
                requests.of(at).iter().zip(&flow.http).map(|(sketch, own)| sketch.path(own)).collect();
            assert_eq!(paths, [&["/a", "/longer"][..], &[], &["/last"]][at]);
        }
        assert!(requests.of(3).is_empty());
    }
}
