//! What a rule may ask of a flow: one kind of look for each protocol.

use super::body::{BodyLook, given, word};
use super::sketch::{Asked, Begins, ByteSet, Holds};
use super::value::{Bytes, Many, Range, Text};
use crate::detect::ledger::sketch::Sketch;
use crate::record::{Certificate, Dns, Exchange, Flow, Headers, Mail, SideName, Sides, State, Tls, Turn};
use schemars::JsonSchema;
use serde::Deserialize;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Shape of the host a client names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum HostKind {
    /// An address.
    Address,
    /// A name.
    Name,
    /// Nothing.
    None,
}

impl HostKind {
    fn of(host: Option<&str>) -> Self {
        match host {
            None => Self::None,
            Some(host) if is_address(host) => Self::Address,
            Some(_) => Self::Name,
        }
    }
}

/// Whether a Host header (port allowed) is an address.
fn is_address(host: &str) -> bool {
    if host.starts_with('[') {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Conditions on an HTTP exchange.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpLook {
    /// Request method.
    method: Option<Many<String>>,
    /// Host as sent, with its port.
    host: Option<Text>,
    /// Shape of the host.
    host_kind: Option<Many<HostKind>>,
    /// Path without query.
    path: Option<Text>,
    /// Path without query: each of these is found in it.
    path_all: Option<Many<Text>>,
    /// Query, without the question mark; empty where there is none.
    query: Option<Text>,
    /// `1.0`, `1.1`, ...
    version: Option<Many<String>>,
    /// Request headers that are there, by name.
    has: Option<Many<String>>,
    /// Request headers that are not there.
    lacks: Option<Many<String>>,
    /// Request headers by value.
    header: Option<BTreeMap<String, Text>>,
    /// These headers are there and stand in this order; others may stand between them.
    order: Option<Many<String>>,
    /// The names of all request headers in order.
    exactly: Option<Many<String>>,
    /// Number of request headers.
    headers: Option<Range>,
    /// User-Agent; one that is not sent is the empty text.
    agent: Option<Text>,
    /// The Referer is the request's own address (a missing scheme is overlooked).
    own_referer: Option<bool>,
    /// Sum of the characters of the path after its first slash, modulo 256: one of these.
    checksum8: Option<Many<u8>>,
    /// Request body; a request without one does not fit.
    request: Option<Box<BodyLook>>,
    /// Length of the request body, 0 without one.
    sent: Option<Range>,
    /// Length of the response body, 0 without one.
    received: Option<Range>,
    /// Status; a range.
    status: Option<Range>,
    /// Response headers by value.
    response_header: Option<BTreeMap<String, Text>>,
    /// Response body.
    response: Option<Box<BodyLook>>,
}

impl HttpLook {
    fn asked(&self) -> Asked {
        let mut asked = Asked::default();
        if let Some(methods) = &self.method {
            asked.methods(methods.0.iter());
        }
        asked.has([&self.has, &self.order, &self.exactly].into_iter().flatten().flat_map(|list| &list.0));
        asked.has(self.header.iter().flat_map(BTreeMap::keys));
        asked.lacks(self.lacks.iter().flat_map(|list| &list.0));
        asked.body(self.request.is_some());
        asked
    }

    /// Whether `exchange` may be such an exchange, by the edges of its path and its User-Agent.
    pub fn may_fit(&self, exchange: &Exchange, sketch: &Sketch) -> bool {
        let path = sketch.path(exchange);
        given(self.path.as_ref(), |text| text.may_be_found(path))
            && given(self.path_all.as_ref(), |list| list.all(|text| text.may_be_found(path)))
            && given(self.agent.as_ref(), |text| {
                text.may_be_found(exchange.header("user-agent").unwrap_or_default())
            })
    }

    /// Whether `exchange` is such an exchange. The cheap conditions come first.
    pub fn fits(&self, exchange: &Exchange) -> bool {
        let split = || exchange.path.split_once('?').unwrap_or((&exchange.path, ""));
        let path = || split().0;
        given(self.method.as_ref(), |list| word(list, &exchange.method))
            && given(self.version.as_ref(), |list| word(list, &exchange.version))
            && given(self.status.as_ref(), |range| exchange.status.is_some_and(|s| range.has(s.into())))
            && given(self.sent.as_ref(), |range| range.has(exchange.sent()))
            && given(self.received.as_ref(), |range| range.has(exchange.received()))
            && given(self.headers.as_ref(), |range| range.has(exchange.headers.len() as u64))
            && given(self.lacks.as_ref(), |list| list.all(|name| exchange.header(name).is_none()))
            && given(self.has.as_ref(), |list| list.all(|name| exchange.header(name).is_some()))
            && given(self.path.as_ref(), |text| text.found(path()))
            && given(self.path_all.as_ref(), |list| list.all(|text| text.found(path())))
            && given(self.query.as_ref(), |text| text.found(split().1))
            && given(self.agent.as_ref(), |text| text.found(exchange.header("user-agent").unwrap_or("")))
            && given(self.host_kind.as_ref(), |list| {
                list.any(|kind| *kind == HostKind::of(exchange.host.as_deref()))
            })
            && given(self.own_referer.as_ref(), |own| *own == refers_to_itself(exchange, path()))
            && given(self.checksum8.as_ref(), |list| {
                let sum = path().bytes().skip(1).fold(0_u8, u8::wrapping_add);
                list.any(|wanted| *wanted == sum)
            })
            && given(self.host.as_ref(), |text| exchange.host.as_deref().is_some_and(|h| text.found(h)))
            && given(self.order.as_ref(), |list| in_order(&exchange.headers, &list.0))
            && given(self.exactly.as_ref(), |list| {
                let names = exchange.headers.iter().map(|(name, _)| name);
                names.len() == list.0.len() && names.zip(&list.0).all(|(a, b)| a.eq_ignore_ascii_case(b))
            })
            && given(self.header.as_ref(), |wanted| values(&exchange.headers, wanted))
            && given(self.response_header.as_ref(), |wanted| values(&exchange.response_headers, wanted))
            && given(self.request.as_ref(), |look| exchange.request.as_ref().is_some_and(|b| look.fits(b)))
            && given(self.response.as_ref(), |look| exchange.response.as_ref().is_some_and(|b| look.fits(b)))
    }
}

fn refers_to_itself(exchange: &Exchange, path: &str) -> bool {
    let Some(referer) = exchange.header("referer") else { return false };
    let referer = referer.split_once("://").map_or(referer, |(_, rest)| rest);
    let referer = referer.split('?').next().unwrap_or("");
    let Some(host) = exchange.host.as_deref() else { return false };
    // A port may be left out, as may the host be in capitals.
    let name = host.split(':').next().unwrap_or(host);
    [host, name].iter().any(|host| {
        let start = referer.get(..host.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(host)) && referer.get(host.len()..) == Some(path)
    })
}

fn in_order(headers: &Headers, names: &[String]) -> bool {
    let mut rest = headers.iter();
    names.iter().all(|name| rest.any(|(n, _)| n.eq_ignore_ascii_case(name)))
}

fn values(headers: &Headers, wanted: &BTreeMap<String, Text>) -> bool {
    wanted.iter().all(|(name, text)| {
        headers.iter().any(|(n, value)| n.eq_ignore_ascii_case(name) && text.found(value))
    })
}

/// Conditions on a TLS handshake.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsLook {
    /// Server name.
    sni: Option<Text>,
    /// Shape of the server name.
    sni_kind: Option<Many<HostKind>>,
    /// `TLS1.0` ... `TLS1.3`.
    version: Option<Many<String>>,
    /// Application data was exchanged.
    established: Option<bool>,
    /// JA3: one of these. Of a library, so weak.
    ja3: Option<Many<String>>,
    /// JA3S: one of these.
    ja3s: Option<Many<String>>,
    /// JA4: one of these.
    ja4: Option<Many<String>>,
    /// The server's first certificate.
    certificate: Option<Box<CertificateLook>>,
    /// What came before the handshake.
    after: Option<Many<String>>,
    /// Instead of the handshake, each such record of application data is counted.
    record: Option<RecordLook>,
}

/// Conditions on a certificate.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CertificateLook {
    /// Subject, `CN=...,O=...`.
    subject: Option<Text>,
    /// Issuer.
    issuer: Option<Text>,
    /// Common name of the subject.
    cn: Option<Text>,
    /// Subject equals issuer.
    self_signed: Option<bool>,
    /// Serial number, hexadecimal.
    serial: Option<Text>,
    /// Days it is valid for.
    days: Option<Range>,
    /// Number of names it is for.
    names: Option<Range>,
}

/// A record of application data.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RecordLook {
    /// Who sent it: `c` or `s`.
    side: SideName,
    /// Its length.
    bytes: Range,
}

impl TlsLook {
    fn fits(&self, tls: &Tls) -> bool {
        let listed = |list: &Many<String>, value: &Option<SmolStr>| {
            value.as_deref().is_some_and(|value| word(list, value))
        };
        given(self.version.as_ref(), |list| word(list, &tls.version))
            && given(self.established.as_ref(), |established| *established == tls.established)
            && given(self.sni.as_ref(), |text| tls.sni.as_deref().is_some_and(|sni| text.found(sni)))
            && given(self.sni_kind.as_ref(), |list| list.any(|k| *k == HostKind::of(tls.sni.as_deref())))
            && given(self.ja3.as_ref(), |list| listed(list, &tls.ja3))
            && given(self.ja3s.as_ref(), |list| listed(list, &tls.ja3s))
            && given(self.ja4.as_ref(), |list| listed(list, &tls.ja4))
            && given(self.after.as_ref(), |list| listed(list, &tls.after))
            && given(self.certificate.as_ref(), |look| {
                tls.certificates.first().is_some_and(|certificate| look.fits(certificate))
            })
    }
}

impl CertificateLook {
    fn fits(&self, certificate: &Certificate) -> bool {
        let days = certificate.not_after.since(certificate.not_before).as_secs_f64() / 86_400.0;
        given(self.self_signed.as_ref(), |own| *own == certificate.self_signed)
            && given(self.subject.as_ref(), |text| text.found(&certificate.subject))
            && given(self.issuer.as_ref(), |text| text.found(&certificate.issuer))
            && given(self.cn.as_ref(), |text| certificate.cn.as_deref().is_some_and(|cn| text.found(cn)))
            && given(self.serial.as_ref(), |text| text.found(&certificate.serial))
            && given(self.days.as_ref(), |range| range.holds(days))
            && given(self.names.as_ref(), |range| range.has(certificate.names.len() as u64))
    }
}

/// Conditions on a conversation in no listed protocol.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLook {
    /// First bytes of the client, at most 48 are known: one of these.
    client: Option<Many<Bytes>>,
    /// First bytes of the server: one of these.
    server: Option<Many<Bytes>>,
    /// Who spoke first: `c` or `s`.
    speaks: Option<SideName>,
    /// Both sides begin every message with the same bytes: how many.
    shared: Option<Range>,
    /// Both sides begin with the same bytes: how many.
    same_start: Option<Range>,
    /// The client's first message is as long as its length field says.
    framed: Option<Framed>,
    /// Length of the client's first message.
    opening: Option<Range>,
    /// Length of the server's first message.
    answer: Option<Range>,
    /// What the client sent, as a body.
    up: Option<Box<BodyLook>>,
    /// What the server sent, as a body.
    down: Option<Box<BodyLook>>,
    /// The protocol recognised; `none` where there is none.
    protocol: Option<Many<String>>,
    /// Instead of the conversation, each such message is counted.
    turn: Option<TurnLook>,
}

/// A message.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TurnLook {
    /// Who sent it: `c` or `s`.
    side: SideName,
    /// Its length.
    bytes: Range,
}

impl TurnLook {
    fn fits(&self, turn: &Turn) -> bool {
        turn.0 == self.side && self.bytes.has(turn.2)
    }
}

/// A length field.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Framed {
    /// Where it stands.
    #[serde(default)]
    at: u8,
    /// Its bytes, 1 to 8.
    width: Option<u8>,
    /// Most significant byte first.
    #[serde(default)]
    big_endian: bool,
    /// Instead of `width`: decimal digits, ended by these bytes (hexadecimal).
    digits_until: Option<Ending>,
    /// What the length leaves out of the message; 0 where it counts all of it. After digits, they and what ends
    /// them are left out too.
    without: u64,
    /// The length is a multiple of this.
    multiple_of: Option<u64>,
    /// More may follow in the same breath.
    #[serde(default)]
    more: bool,
}

/// What ends a length in digits.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Ending {
    /// A zero byte.
    Nul,
    /// Two line ends.
    Lines,
}

impl Framed {
    fn fits(&self, first: &[u8], length: u64) -> bool {
        let Some((stated, without)) = self.stated(first) else { return false };
        let Some(counted) = length.checked_sub(without) else { return false };
        given(self.multiple_of.as_ref(), |n| *n != 0 && stated.is_multiple_of(*n))
            && if self.more { stated > 0 && stated <= counted } else { stated == counted }
    }

    /// The length stated, and how much of the message it leaves out.
    fn stated(&self, first: &[u8]) -> Option<(u64, u64)> {
        let at = usize::from(self.at);
        let rest = first.get(at..)?;
        let Some(ending) = self.digits_until else {
            let field = rest.get(..usize::from(self.width?.min(8)))?;
            let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
            let stated =
                if self.big_endian { field.iter().fold(0, push) } else { field.iter().rev().fold(0, push) };
            return Some((stated, self.without));
        };
        let digits = rest.iter().take(9).take_while(|b| b.is_ascii_digit()).count();
        let ending: &[u8] = match ending {
            Ending::Nul => b"\0",
            Ending::Lines => b"\r\n\r\n",
        };
        let (number, rest) = rest.split_at_checked(digits)?;
        let stated = std::str::from_utf8(number).ok()?.parse().ok()?;
        let head = (at + digits + ending.len()) as u64;
        rest.starts_with(ending).then_some((stated, head + self.without))
    }
}

/// Bytes that begin every message of both sides.
fn shared(flow: &Flow) -> u64 {
    let prefix = flow.other.as_ref().and_then(|other| other.prefix.as_ref());
    prefix.map_or(0, |(client, server)| common(&client.0, &server.0))
}

fn common(one: &[u8], other: &[u8]) -> u64 {
    one.iter().zip(other).take_while(|(a, b)| a == b).count() as u64
}

/// The first bytes of a side; those before another protocol took over, where one did.
pub fn first(flow: &Flow, side: SideName) -> &[u8] {
    let other = flow.other.as_deref();
    let (raw, body) = match side {
        SideName::Client => (&flow.first_bytes.to_server, other.and_then(|o| o.to_server.as_deref())),
        SideName::Server => (&flow.first_bytes.to_client, other.and_then(|o| o.to_client.as_deref())),
    };
    let bytes = if raw.is_empty() { body.map(|body| &body.first) } else { Some(raw) };
    bytes.map_or(&[], |bytes| &bytes.0)
}

fn opening(flow: &Flow, side: SideName) -> Option<u64> {
    flow.turns.iter().find(|turn| turn.0 == side).map(|turn| turn.2)
}

impl RawLook {
    fn begins(&self) -> Begins {
        let of = |patterns: &Option<Many<Bytes>>| patterns.as_ref().map_or_else(Vec::new, ByteSet::near);
        Begins {
            speaks: self.speaks,
            lengths: [self.opening, self.answer],
            bytes: [of(&self.client), of(&self.server)],
            holds: [&self.client, &self.server]
                .map(|patterns| patterns.as_ref().map_or_else(Vec::new, Holds::of)),
            alike: self.shared.as_ref().is_some_and(|range| !range.has(0)),
            apart: self.up.as_ref().is_some_and(|look| look.asks_inside()),
            // None is what `none` is called in rules.
            named: self.protocol.as_ref().and_then(|list| {
                match list.0.iter().filter(|name| *name == "none").count() {
                    0 => Some(true),
                    count => (count == list.0.len()).then_some(false),
                }
            }),
            ..Begins::default()
        }
    }

    fn fits(&self, flow: &Flow) -> bool {
        let other = flow.other.as_deref();
        let protocol = other.and_then(|other| other.protocol.as_deref()).unwrap_or("none");
        let (client, server) = (first(flow, SideName::Client), first(flow, SideName::Server));
        // Figures first: they are cheap, and few conversations have them.
        given(self.speaks.as_ref(), |side| flow.turns.first().is_some_and(|turn| turn.0 == *side))
            && given(self.opening.as_ref(), |r| opening(flow, SideName::Client).is_some_and(|n| r.has(n)))
            && given(self.answer.as_ref(), |r| opening(flow, SideName::Server).is_some_and(|n| r.has(n)))
            && given(self.protocol.as_ref(), |list| word(list, protocol))
            && given(self.client.as_ref(), |list| list.any(|bytes| bytes.fits(client)))
            && given(self.server.as_ref(), |list| list.any(|bytes| bytes.fits(server)))
            && given(self.framed.as_ref(), |framed| {
                opening(flow, SideName::Client).is_some_and(|n| framed.fits(client, n))
            })
            && given(self.same_start.as_ref(), |range| range.has(common(client, server)))
            && given(self.shared.as_ref(), |range| range.has(shared(flow)))
            && given(self.up.as_ref(), |look| {
                other.and_then(|o| o.to_server.as_deref()).is_some_and(|body| look.fits(body))
            })
            && given(self.down.as_ref(), |look| {
                other.and_then(|o| o.to_client.as_deref()).is_some_and(|body| look.fits(body))
            })
    }
}

/// Conditions on a mail and the dialogue that brought it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailLook {
    /// Subject; none is the empty text.
    subject: Option<Text>,
    /// Envelope sender.
    from: Option<Text>,
    /// One of the recipients.
    to: Option<Text>,
    /// Sender and recipient are one mailbox.
    to_itself: Option<bool>,
    /// The name the client gave.
    ehlo: Option<Text>,
    /// Headers that are there, by name.
    has: Option<Many<String>>,
    /// Headers that are not there.
    lacks: Option<Many<String>>,
    /// Header values that are known, by name.
    header: Option<BTreeMap<String, Text>>,
    /// Program that made it; none is the empty text.
    mailer: Option<Text>,
    /// The message; attachments are its parts.
    body: Option<Box<BodyLook>>,
}

impl MailLook {
    fn fits(&self, mail: &Mail, ehlo: Option<&str>) -> bool {
        let named = |name: &String| mail.headers.iter().any(|n| n.eq_ignore_ascii_case(name));
        given(self.subject.as_ref(), |text| text.found(mail.subject.as_deref().unwrap_or("")))
            && given(self.from.as_ref(), |text| text.found(mail.from.as_deref().unwrap_or("")))
            && given(self.to.as_ref(), |text| mail.to.iter().any(|to| text.found(to)))
            && given(self.to_itself.as_ref(), |own| {
                *own == mail.to.iter().any(|to| mail.from.as_ref() == Some(to))
            })
            && given(self.ehlo.as_ref(), |text| text.found(ehlo.unwrap_or("")))
            && given(self.has.as_ref(), |list| list.all(named))
            && given(self.lacks.as_ref(), |list| !list.any(named))
            && given(self.header.as_ref(), |wanted| values(&mail.hints, wanted))
            && given(self.mailer.as_ref(), |text| text.found(mail.mailer.as_deref().unwrap_or("")))
            && given(self.body.as_ref(), |look| look.fits(&mail.body))
    }
}

/// Conditions on a command of an FTP control connection.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FtpLook {
    /// The command, `STOR`.
    verb: Option<Many<String>>,
    /// Its argument.
    argument: Option<Text>,
    /// Login name.
    user: Option<Text>,
}

/// Conditions on a data connection of FTP.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLook {
    /// The command that led to it.
    verb: Option<Many<String>>,
    /// Path of the file.
    name: Option<Text>,
    /// What the client sent.
    body: Option<Box<BodyLook>>,
}

/// Conditions on a DNS question.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsLook {
    /// The name asked for.
    name: Option<Text>,
    /// Record type.
    kind: Option<Many<String>>,
    /// Response code; no answer is the empty text.
    rcode: Option<Many<String>>,
}

impl DnsLook {
    fn fits(&self, dns: &Dns) -> bool {
        given(self.kind.as_ref(), |list| word(list, &dns.kind))
            && given(self.rcode.as_ref(), |list| word(list, dns.rcode.as_deref().unwrap_or("")))
            && given(self.name.as_ref(), |text| text.found(&dns.query))
    }
}

/// Conditions on any flow; they stand beside another look, or alone in a step that only supports.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowLook {
    /// Port of the server.
    ports: Option<Many<u16>>,
    /// Not these ports.
    not_ports: Option<Many<u16>>,
    /// Payload bytes to the server.
    up: Option<Range>,
    /// Payload bytes to the client.
    down: Option<Range>,
    /// How far it came.
    state: Option<Many<State>>,
    /// How long it lived.
    seconds: Option<Range>,
}

impl FlowLook {
    fn fits(&self, flow: &Flow) -> bool {
        let Sides { to_server, to_client } = flow.payload;
        given(self.ports.as_ref(), |list| list.any(|port| *port == flow.server.port))
            && given(self.not_ports.as_ref(), |list| !list.any(|port| *port == flow.server.port))
            && given(self.up.as_ref(), |range| range.has(to_server))
            && given(self.down.as_ref(), |range| range.has(to_client))
            && given(self.state.as_ref(), |list| list.any(|state| *state == flow.state))
            && given(self.seconds.as_ref(), |range| range.holds(flow.end.since(flow.start).as_secs_f64()))
    }
}

/// A look at a flow: conditions on one protocol, and beside them on the flow itself.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// HTTP.
    pub http: Option<Box<HttpLook>>,
    /// TLS.
    pub tls: Option<Box<TlsLook>>,
    /// No listed protocol.
    pub raw: Option<Box<RawLook>>,
    /// Mail.
    pub mail: Option<Box<MailLook>>,
    /// FTP control.
    pub ftp: Option<Box<FtpLook>>,
    /// FTP data.
    pub file: Option<Box<FileLook>>,
    /// DNS.
    pub dns: Option<Box<DnsLook>>,
    /// The flow.
    pub flow: Option<Box<FlowLook>>,
    /// See [`Look::protocols`].
    #[serde(skip)]
    pub needs: u8,
    /// What it asks of a request at least.
    #[serde(skip)]
    pub asked: Asked,
}

/// What was seen once.
#[derive(Debug, Clone, Copy)]
pub enum Sight<'a> {
    /// A request with its response.
    Http(&'a Exchange),
    /// A handshake.
    Tls(&'a Tls),
    /// A record of application data: side, microseconds, length, frame.
    Record(&'a (SideName, i64, u32, u64)),
    /// A conversation.
    Raw,
    /// A message in one.
    Turn(&'a Turn),
    /// A mail.
    Mail(&'a Mail),
    /// A command: verb, argument, reply, frame.
    Ftp(&'a (String, String, u16, u64)),
    /// A file.
    File,
    /// A question.
    Dns(&'a Dns),
}

/// Protocols as bits, to pass by rules that have nothing to look at.
pub mod protocol {
    use crate::detect::ledger::Traits;

    /// HTTP.
    pub const HTTP: u8 = 1;
    /// TLS.
    pub const TLS: u8 = 2;
    /// None that is listed.
    pub const RAW: u8 = 4;
    /// SMTP.
    pub const MAIL: u8 = 8;
    /// FTP control.
    pub const FTP: u8 = 16;
    /// FTP data.
    pub const FILE: u8 = 32;
    /// DNS.
    pub const DNS: u8 = 64;
    /// TLS with a certificate; no look is at it alone.
    pub const SHOWN: u8 = 128;

    /// What a flow of these traits speaks.
    pub const fn of(flow: Traits) -> u8 {
        const BITS: [(Traits, u8); 8] = [
            (Traits::HTTP, HTTP),
            (Traits::TLS, TLS),
            (Traits::UNLISTED, RAW),
            (Traits::SMTP, MAIL),
            (Traits::FTP, FTP),
            (Traits::FILE, FILE),
            (Traits::DNS, DNS),
            (Traits::SHOWN, SHOWN),
        ];
        let mut bits = 0;
        let mut at = 0;
        while at < BITS.len() {
            if flow.any(BITS[at].0) {
                bits |= BITS[at].1;
            }
            at += 1;
        }
        bits
    }
}

impl Look {
    /// The protocols it needs; 0 where any flow will do. Known once it is [settled](Self::settle).
    pub const fn protocols(&self) -> u8 {
        self.needs
    }

    /// Whether there may be something to see in a channel that speaks these, by its protocols.
    pub fn begins_in(&self, speaks: u8) -> bool {
        let certified = self.tls.as_ref().is_some_and(|look| look.certificate.is_some());
        self.protocols() & speaks != 0 && (!certified || speaks & protocol::SHOWN != 0)
    }

    /// Works out what is asked for every flow.
    pub fn settle(&mut self) {
        self.needs = self.looked_at();
        self.asked = self.http.as_ref().map_or(Asked::default(), |look| look.asked());
    }

    /// What it asks of the beginning of a conversation at least.
    pub fn begins(&self) -> Begins {
        let mut begins = self.raw.as_ref().map_or(Begins::default(), |look| look.begins());
        if let Some(flow) = &self.flow {
            begins.ports = flow.ports.as_ref().map(|list| list.0.clone());
            begins.up = flow.up;
        }
        begins
    }

    fn looked_at(&self) -> u8 {
        let has = |yes: bool, bit: u8| if yes { bit } else { 0 };
        has(self.http.is_some(), protocol::HTTP)
            | has(self.tls.is_some(), protocol::TLS)
            | has(self.raw.is_some(), protocol::RAW)
            | has(self.mail.is_some(), protocol::MAIL)
            | has(self.ftp.is_some(), protocol::FTP)
            | has(self.file.is_some(), protocol::FILE)
            | has(self.dns.is_some(), protocol::DNS)
    }

    /// How many protocols it looks at.
    pub fn count(&self) -> u32 {
        self.looked_at().count_ones()
    }

    /// Whether there is something to see in a conversation in no listed protocol.
    pub fn sees(&self, flow: &Flow) -> bool {
        let Some(look) = &self.raw else { return false };
        given(self.flow.as_ref(), |look| look.fits(flow))
            && look.fits(flow)
            && given(look.turn.as_ref(), |wanted| flow.turns.iter().any(|turn| wanted.fits(turn)))
    }

    /// Calls `seen` for everything in `flow` that fits. `speaks` is what the flow speaks.
    pub fn each<'a>(
        &self,
        flow: &'a Flow,
        (speaks, requests): (u8, &[Sketch]),
        mut seen: impl FnMut(Sight<'a>),
    ) {
        let needs = self.protocols();
        if (needs != 0 && needs & speaks == 0) || !given(self.flow.as_ref(), |look| look.fits(flow)) {
            return;
        }
        if let Some(look) = &self.http {
            let may_fit = flow.http.iter().zip(requests).filter(|(_, request)| self.asked.may_fit(**request));
            may_fit.filter(|(e, _)| look.fits(e)).for_each(|(e, _)| seen(Sight::Http(e)));
        } else if let Some(look) = &self.tls {
            let Some(tls) = flow.tls.as_deref().filter(|tls| look.fits(tls)) else { return };
            match &look.record {
                None => seen(Sight::Tls(tls)),
                Some(wanted) => {
                    let fits =
                        |r: &&(SideName, i64, u32, u64)| r.0 == wanted.side && wanted.bytes.has(r.2.into());
                    tls.records.iter().filter(fits).for_each(|record| seen(Sight::Record(record)));
                }
            }
        } else if let Some(look) = &self.raw {
            if !look.fits(flow) {
                return;
            }
            match &look.turn {
                None => seen(Sight::Raw),
                Some(wanted) => {
                    flow.turns
                        .iter()
                        .filter(|turn| wanted.fits(turn))
                        .for_each(|turn| seen(Sight::Turn(turn)));
                }
            }
        } else if let Some(look) = &self.mail {
            let Some(smtp) = flow.smtp.as_deref() else { return };
            let mails = smtp.mails.iter().filter(|mail| look.fits(mail, smtp.ehlo.as_deref()));
            mails.for_each(|mail| seen(Sight::Mail(mail)));
        } else if let Some(look) = &self.ftp {
            let Some(ftp) = flow.ftp.as_deref() else { return };
            if !given(look.user.as_ref(), |text| ftp.user.as_deref().is_some_and(|user| text.found(user))) {
                return;
            }
            let fits = |command: &&(String, String, u16, u64)| {
                given(look.verb.as_ref(), |list| word(list, &command.0))
                    && given(look.argument.as_ref(), |text| text.found(&command.1))
            };
            ftp.commands.iter().filter(fits).for_each(|command| seen(Sight::Ftp(command)));
        } else if let Some(look) = &self.file {
            let Some(other) = flow.other.as_deref() else { return };
            let fits = given(look.verb.as_ref(), |list| word(list, other.verb.as_deref().unwrap_or("")))
                && given(look.name.as_ref(), |text| text.found(other.name.as_deref().unwrap_or("")))
                && given(look.body.as_ref(), |body| {
                    other.to_server.as_deref().is_some_and(|sent| body.fits(sent))
                });
            if fits {
                seen(Sight::File);
            }
        } else if let Some(look) = &self.dns {
            flow.dns.iter().filter(|d| look.fits(d)).for_each(|d| seen(Sight::Dns(d)));
        } else {
            seen(Sight::Raw);
        }
    }
}
