//! HTTP/1 (RFC 9112), as browsers and as malware speak it.
//!
//! Recognised by a start line: `METHOD target HTTP/1.1` or `HTTP/1.1 200`, over TCP. Requests and responses are
//! paired in order. Bodies go to a content scanner as they pass; what it does not want costs nothing. Bytes that
//! fit no message belong to the body of the message before them: a body without or beyond its Content-Length.
//! Secrets in headers and targets never leave this folder (`mask`). CONNECT and Upgrade hand over.

mod lane;
pub(super) mod mask;
mod parser;
#[cfg(test)]
mod tests;

use super::ntlm;
use super::shape::{Heads, MAX_HEAD, Next, Protocol, Recognised, Shared, Start};
use crate::anomaly::Kind;
use crate::content::{Declared, Scanner};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{Exchange, Facts, Headers, Hint};
use lane::{Event, Framing, Lane};
use memchr::memchr;
use parser::{Look, Role, StartLine};
use smol_str::{SmolStr, StrExt as _};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Exchanges of a flow that are kept. Later ones are framed and paired, not kept.
pub(super) const MAX_EXCHANGES: usize = 1000;
/// Bytes of header text and paths of a flow that are kept; long-lived proxies fill it, victims do not.
pub(super) const MAX_TEXT: usize = 2 << 20;
/// Requests that wait for a response; a client that pipelines sends tens.
const MAX_PENDING: usize = 1024;
/// Longest header, in bytes; servers refuse longer ones.
const MAX_HEADER: usize = 64 << 10;
/// Fields of a header that are read.
const MAX_FIELDS: usize = 100;
/// Bytes of a field value that are kept.
const MAX_VALUE: usize = 512;
/// Bytes of a field name that are kept.
const MAX_NAME: usize = 64;
/// Bytes of a path with its query that are kept.
pub(super) const MAX_PATH: usize = 2048;
/// Bytes of a host name that are kept; DNS allows 253, a port comes on top.
const MAX_HOST: usize = 260;
/// Longest operating system hint.
const MAX_OS: usize = 40;

/// Whether first bytes are those of HTTP.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    look(heads, false)
}

/// Whether first bytes, after which none came, are the beginning of a request.
pub fn recognise_cut(heads: &Heads<'_>) -> Recognised {
    look(heads, true)
}

fn look(heads: &Heads<'_>, cut: bool) -> Recognised {
    if heads.carrier != Carrier::Tcp {
        return Recognised::No;
    }
    let mut more = false;
    for side in [heads.first, heads.first.other()] {
        let bytes = heads.bytes[side.index()];
        if bytes.is_empty() {
            continue;
        }
        match parser::look(bytes, cut || bytes.len() >= MAX_HEAD) {
            Look::Start(Role::Request) => return Recognised::Yes(side),
            Look::Start(Role::Response) => return Recognised::Yes(side.other()),
            Look::More => more = true,
            Look::No => {}
        }
    }
    if more { Recognised::More } else { Recognised::No }
}

/// A request that waits for its response.
struct Pending {
    /// Its exchange, where it is kept.
    slot: Option<usize>,
    head: bool,
    connect: bool,
    /// It waits for a go-ahead before its body.
    expects: bool,
    frame: u64,
}

/// The last message of a side: its body may still grow.
struct Open {
    slot: usize,
    scanner: Option<Box<Scanner>>,
}

/// One connection.
pub struct Http {
    client: IpAddr,
    exchanges: Vec<Exchange>,
    pending: VecDeque<Pending>,
    lanes: [Lane; 2],
    open: [Option<Open>; 2],
    /// Where the message being read began.
    began: [Option<At>; 2],
    /// Responses may have been lost: pair the next by time.
    realign: bool,
    /// Bytes of text kept.
    text: usize,
    over: bool,
    os: bool,
    hints: Vec<Hint>,
}

/// What a header says about what follows.
// Four headers, each there or not.
#[allow(clippy::struct_excessive_bools)]
#[derive(Default)]
struct Told {
    length: Option<u64>,
    chunked: bool,
    coded: bool,
    websocket: bool,
    expects: bool,
}

impl Http {
    /// Starts on a connection.
    pub fn new(start: &Start) -> Self {
        Self {
            client: start.opening.client.ip(),
            exchanges: Vec::new(),
            pending: VecDeque::new(),
            lanes: [Lane::new(Role::Request), Lane::new(Role::Response)],
            open: [None, None],
            began: [None, None],
            realign: false,
            text: 0,
            over: false,
            os: false,
            hints: Vec::new(),
        }
    }

    /// A place for a further exchange, within the bounds.
    fn slot(&mut self, at: At, shared: &mut Shared) -> Option<usize> {
        if self.exchanges.len() < MAX_EXCHANGES && self.text < MAX_TEXT {
            if self.exchanges.len() == self.exchanges.capacity() {
                // Most connections have one or a few, and have them for as long as they last.
                self.exchanges.reserve_exact(1 + self.exchanges.len() / 2);
            }
            self.exchanges.push(Exchange {
                time: at.time,
                frame: at.frame,
                last_frame: at.frame,
                ..Exchange::default()
            });
            return Some(self.exchanges.len() - 1);
        }
        if !self.over {
            self.over = true;
            shared.log.note(
                Kind::Limit,
                at.capture,
                Some(at.frame),
                "HTTP exchanges of one flow beyond the bound",
            );
        }
        None
    }

    /// Takes a header. `whole` is false where its end was not seen. Gives what to hand over to.
    fn head(
        &mut self,
        side: Side,
        head: &[u8],
        whole: bool,
        at: At,
        shared: &mut Shared,
    ) -> Option<&'static str> {
        self.close(side);
        let line = memchr(b'\n', head).map_or(head, |end| &head[..end]);
        let fields = parser::fields(head);
        let told = Told::read(&fields);
        let began = self.began[side.index()].take().unwrap_or(at);
        if side == Side::Client {
            let (method, target, version) = if let Some(StartLine::Request { method, target, version }) =
                parser::start_line(line, Role::Request)
            {
                (method, target, version)
            } else {
                // Cut before its end.
                let mut words = line.splitn(3, |b| *b == b' ');
                (words.next().unwrap_or(b""), words.next().unwrap_or(b""), &b""[..])
            };
            let slot = self.slot(began, shared);
            if self.pending.len() >= MAX_PENDING {
                self.pending.pop_front();
            }
            self.pending.push_back(Pending {
                slot,
                head: method == b"HEAD",
                connect: method == b"CONNECT",
                expects: told.expects,
                frame: began.frame,
            });
            self.lanes[0].body(told.request_framing(whole));
            if let Some(slot) = slot {
                self.hint(&fields, began);
                self.keep_request(slot, method, target, version, &fields, at);
                self.open[0] = whole.then_some(Open { slot, scanner: None });
            }
            return None;
        }
        let Some(StartLine::Response { status, version }) = parser::start_line(line, Role::Response) else {
            self.lanes[1].body(Framing::None);
            return None;
        };
        if (100..200).contains(&status) && status != 101 {
            self.lanes[1].body(Framing::None);
            return None;
        }
        let request = self.answered(began);
        let slot = match &request {
            Some(pending) => pending.slot,
            None => self.slot(began, shared),
        };
        if let Some(slot) = slot {
            self.keep_response(slot, status, version, &fields, at);
            self.open[1] = whole.then_some(Open { slot, scanner: None });
        }
        if request.as_ref().is_some_and(|request| request.expects) && status >= 400 {
            self.refuse_body();
        }
        let (head, connect) = request.map_or((false, false), |request| (request.head, request.connect));
        if connect && (200..300).contains(&status) {
            return Some("connect");
        }
        if status == 101 {
            return Some(if told.websocket { "websocket" } else { "upgrade" });
        }
        let bodiless = head || status == 204 || status == 304;
        self.lanes[1].body(if bodiless { Framing::None } else { told.response_framing(whole) });
        None
    }

    /// The request that a response answers.
    fn answered(&mut self, response: At) -> Option<Pending> {
        if std::mem::take(&mut self.realign) {
            // Clients that pipeline are rare: it answers the last request before it.
            while self.pending.get(1).is_some_and(|next| next.frame <= response.frame) {
                self.pending.pop_front();
            }
        }
        self.pending.pop_front()
    }

    /// A client that waits for `100 Continue` and is refused does not send its body.
    fn refuse_body(&mut self) {
        let untouched = self.open[0].as_ref().is_some_and(|open| open.scanner.is_none());
        if untouched && self.pending.is_empty() && self.lanes[0].to_come().is_some() {
            self.lanes[0].body(Framing::None);
        }
    }

    fn keep_request(
        &mut self,
        slot: usize,
        method: &[u8],
        target: &[u8],
        version: &[u8],
        fields: &[(&[u8], Cow<'_, [u8]>)],
        at: At,
    ) {
        let headers = self.headers(fields);
        let target = text(target);
        let Some(exchange) = self.exchanges.get_mut(slot) else { return };
        let (authority, path) =
            // Scanners ask to be connected to a path, which names no host.
            if method == b"CONNECT" && !target.starts_with('/') { (Some(&*target), "") } else { split_target(&target) };
        let host = authority.map(Cow::Borrowed).or_else(|| {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"host")).map(|(_, value)| text(value))
        });
        exchange.host = host.and_then(|host| kept_host(&host));
        exchange.method = SmolStr::new(text(method));
        bounded(&mask::target(path), MAX_PATH).clone_into(&mut exchange.path);
        exchange.version = SmolStr::new(text(version));
        exchange.headers = headers;
        exchange.last_frame = at.frame;
        self.text += exchange.path.len() + exchange.host.as_ref().map_or(0, SmolStr::len);
    }

    fn keep_response(
        &mut self,
        slot: usize,
        status: u16,
        version: &[u8],
        fields: &[(&[u8], Cow<'_, [u8]>)],
        at: At,
    ) {
        let headers = self.headers(fields);
        let Some(exchange) = self.exchanges.get_mut(slot) else { return };
        exchange.status = Some(status);
        if exchange.version.is_empty() {
            exchange.version = SmolStr::new(text(version));
        }
        exchange.response_headers = headers;
        exchange.last_frame = exchange.last_frame.max(at.frame);
    }

    /// Header fields as they are kept.
    fn headers(&mut self, fields: &[(&[u8], Cow<'_, [u8]>)]) -> Headers {
        let kept = kept(fields.iter().map(|(name, value)| (*name, &**value)));
        self.text += kept.bytes();
        kept
    }

    /// What request headers say of the host.
    fn hint(&mut self, fields: &[(&[u8], Cow<'_, [u8]>)], at: At) {
        for (name, value) in fields {
            if !self.os && name.eq_ignore_ascii_case(b"user-agent") {
                if let Some(value) = operating_system(&text(value)) {
                    self.os = true;
                    // Most have no other.
                    self.hints.reserve_exact(1);
                    self.hints.push(Hint {
                        addr: self.client,
                        kind: "os".into(),
                        value,
                        source: "http-user-agent".into(),
                        time: at.time,
                        frame: at.frame,
                    });
                }
            } else if ends_with(name, b"authorization") && self.hints.len() < ntlm::MAX_HINTS {
                let found = ntlm::in_credentials(value);
                self.hints
                    .extend(found.into_iter().flat_map(|login| login.hints(self.client, "http-ntlm", at)));
            }
        }
    }

    /// Takes bytes of a body.
    fn body(&mut self, side: Side, bytes: &[u8], at: At) {
        let index = side.index();
        let Some(open) = &mut self.open[index] else { return };
        let Some(exchange) = self.exchanges.get_mut(open.slot) else { return };
        exchange.last_frame = exchange.last_frame.max(at.frame);
        let scanner = open.scanner.get_or_insert_with(|| Box::new(scanner(exchange, side)));
        if scanner.wants() {
            scanner.feed(bytes);
        } else {
            scanner.passed(bytes.len() as u64);
        }
    }

    /// Ends the body of the last message of a side.
    fn close(&mut self, side: Side) {
        let Some(Open { slot, scanner: Some(scanner) }) = self.open[side.index()].take() else { return };
        let Some(exchange) = self.exchanges.get_mut(slot) else { return };
        let body = scanner.finish();
        if body.bytes > 0 {
            let place = if side == Side::Client { &mut exchange.request } else { &mut exchange.response };
            *place = Some(Box::new(body));
        }
    }

    fn wants(&self, side: Side) -> bool {
        self.open[side.index()]
            .as_ref()
            .is_some_and(|open| open.scanner.as_ref().is_none_or(|scanner| scanner.wants()))
    }

    fn appetite(&self, side: Side) -> Appetite {
        let lane = &self.lanes[side.index()];
        if self.wants(side) {
            return Appetite::All;
        }
        match lane.to_come() {
            Some(left) => Appetite::Skip(left),
            None if lane.is_last() => Appetite::Enough,
            None => Appetite::All,
        }
    }

    /// Counts bytes that were not seen.
    fn missed(&mut self, side: Side, length: u64, captured: bool, at: At) {
        let missed = self.lanes[side.index()].miss(length);
        if missed.body > 0
            && let Some(open) = &mut self.open[side.index()]
            && let Some(exchange) = self.exchanges.get_mut(open.slot)
        {
            exchange.last_frame = exchange.last_frame.max(at.frame);
            let scanner = open.scanner.get_or_insert_with(|| Box::new(scanner(exchange, side)));
            if captured {
                scanner.passed(missed.body);
            } else {
                scanner.missing(missed.body);
            }
        }
        if missed.lost {
            if missed.body < length {
                self.close(side);
                self.open[side.index()] = None;
            }
            self.began[side.index()] = None;
            self.realign |= side == Side::Server;
        }
    }

    /// States what did not end.
    fn finish(&mut self, side: Side, at: Option<At>, shared: &mut Shared) {
        let began = self.began[side.index()].or(at);
        match (self.lanes[side.index()].unfinished(), began) {
            (Some(Event::Overlong(head)), Some(at)) => {
                self.head(side, &head, false, at, shared);
            }
            (Some(Event::Body(bytes)), Some(at)) => self.body(side, &bytes, at),
            _ => {}
        }
    }
}

impl Protocol for Http {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next {
        let index = side.index();
        let mut from = 0;
        while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
            if self.lanes[index].is_idle() {
                self.began[index] = Some(at);
                let asked = side == Side::Client && self.pending.back().is_some_and(|last| last.connect);
                // The proxy's consent was not captured.
                if asked && !matches!(rest.first(), Some(b'A'..=b'Z' | b'\r' | b'\n')) {
                    return Next::HandOver { from, after: "connect" };
                }
            }
            let (taken, event) = self.lanes[index].step(rest);
            from += taken;
            let after = match event {
                Event::Nothing => None,
                Event::Head(head) => self.head(side, &head, true, at, shared),
                Event::Overlong(head) => {
                    let words = "HTTP header without an end";
                    shared.log.note(Kind::Undecodable, at.capture, Some(at.frame), words);
                    self.head(side, &head, false, at, shared)
                }
                Event::Body(bytes) => {
                    self.body(side, &bytes, at);
                    None
                }
            };
            if let Some(after) = after {
                return Next::HandOver { from, after };
            }
        }
        Next::Want(self.appetite(side))
    }

    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared) {
        self.finish(side, None, shared);
        self.missed(side, length, false, at);
    }

    fn passed(&mut self, side: Side, length: u64, at: At) {
        self.missed(side, length, true, at);
    }

    fn end(mut self: Box<Self>, facts: &mut Facts, shared: &mut Shared) {
        for side in [Side::Client, Side::Server] {
            self.finish(side, None, shared);
            self.close(side);
        }
        if facts.http.is_empty() {
            facts.http = self.exchanges;
        } else {
            facts.http.append(&mut self.exchanges);
        }
        facts.hints.append(&mut self.hints);
    }
}

impl Told {
    fn read(fields: &[(&[u8], Cow<'_, [u8]>)]) -> Self {
        let mut told = Self::default();
        for (name, value) in fields {
            if name.eq_ignore_ascii_case(b"content-length") {
                told.length = told.length.or_else(|| parser::content_length(value));
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                told.coded = true;
                told.chunked |= ends_with(value, b"chunked");
            } else if name.eq_ignore_ascii_case(b"upgrade") {
                told.websocket |= value.eq_ignore_ascii_case(b"websocket");
            } else if name.eq_ignore_ascii_case(b"expect") {
                told.expects = true;
            }
        }
        told
    }

    fn request_framing(&self, whole: bool) -> Framing {
        match (whole, self.chunked, self.length) {
            (false, ..) | (true, false, None) => Framing::None,
            (true, true, _) => Framing::Chunked,
            (true, false, Some(length)) => Framing::Length(length),
        }
    }

    fn response_framing(&self, whole: bool) -> Framing {
        match (whole, self.chunked, self.length) {
            (false, ..) => Framing::None,
            (true, true, _) => Framing::Chunked,
            (true, false, Some(length)) if !self.coded => Framing::Length(length),
            (true, false, _) => Framing::ToClose,
        }
    }
}

/// Whether a text ends with another, in letters of either case.
fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|own| own.eq_ignore_ascii_case(end))
}

/// The scanner of a body, as the header before it declares it.
pub(super) fn scanner(exchange: &Exchange, side: Side) -> Scanner {
    let upload = side == Side::Client;
    let headers = if upload { &exchange.headers } else { &exchange.response_headers };
    let value = |name: &str| headers.get(name);
    Scanner::new(&Declared {
        media_type: value("content-type"),
        encoding: value("content-encoding"),
        transfer: None,
        file_name: value("content-disposition").and_then(file_name),
        upload,
    })
}

/// The file name of a Content-Disposition value (RFC 6266), the plain form.
fn file_name(disposition: &str) -> Option<&str> {
    let at = disposition.to_ascii_lowercase().find("filename=")?;
    let value = disposition.get(at + "filename=".len()..)?;
    let name = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(';').next().map(str::trim),
    };
    name.filter(|name| !name.is_empty())
}

/// The authority of an absolute-form target, and the path with its query.
fn split_target(target: &str) -> (Option<&str>, &str) {
    let scheme = ["http://", "https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let Some(rest) = scheme.and_then(|scheme| target.get(scheme.len()..)) else { return (None, target) };
    match rest.find(['/', '?', '#']) {
        Some(cut) => (Some(&rest[..cut]), &rest[cut..]),
        None => (Some(rest), "/"),
    }
}

/// Bytes as text, lossily; nearly all are text as they stand, which is told faster.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Header fields as they are kept.
pub(super) fn kept<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) -> Headers {
    let (count, bytes) = fields.clone().fold((0, 0), |(count, bytes), (name, value)| {
        (count + 1, bytes + name.len().min(MAX_NAME) + value.len().min(MAX_VALUE))
    });
    let mut kept = Headers::with_capacity(count, bytes);
    for (name, value) in fields {
        let name = text(name);
        let name = bounded(&name, MAX_NAME);
        let value = text(value);
        let value = mask::header(name, &value);
        kept.push(name, bounded(&value, MAX_VALUE));
    }
    kept
}

/// A host as it is kept: user information before an `@` is a secret and no host.
pub(super) fn kept_host(host: &str) -> Option<SmolStr> {
    let host = bounded(host.rsplit('@').next().unwrap_or(""), MAX_HOST).to_ascii_lowercase_smolstr();
    (!host.is_empty()).then_some(host)
}

/// The front of a text, at most `bytes` long, whole characters.
pub(super) fn bounded(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The operating system in a User-Agent.
pub(super) fn operating_system(agent: &str) -> Option<SmolStr> {
    let marks = ["Windows NT ", "Windows Phone ", "Android ", "iPhone OS ", "Mac OS X", "CrOS ", "Linux"];
    let at = marks.iter().find_map(|mark| agent.find(mark))?;
    let rest = agent.get(at..)?.split([';', ')', '(']).next()?;
    let value = rest.split(" like ").next()?.trim();
    Some(bounded(value, MAX_OS).into())
}
