//! What a host did, in time order, as far as it gives meaning to what comes after.

use super::{Service, address, name, tor};
use crate::detect::evidence::ChannelIx;
use crate::record::{Dns, Exchange, Flow, Proto, State};
use crate::time::Timestamp;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A service was asked for the host's public address or place.
    Lookup,
    /// A page was fetched where addresses are left for malware to find.
    DeadDrop,
    /// One of the libraries that read browser stores was fetched.
    Library,
    /// A program was fetched.
    Program,
    /// A name of the Internet does not exist, or its server does not answer: what is the name's owner or the address.
    Dead,
    /// A resolver was asked inside HTTPS, where nobody sees the question: the resolver.
    Doh,
    /// A relay of Tor was called: its address.
    Tor,
}

/// One thing a host did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: EventKind,
    /// The channel it happened in.
    pub channel: ChannelIx,
    /// The flow, by index.
    pub flow: usize,
    /// The frame.
    pub frame: u64,
    /// The name asked for or the file fetched.
    pub what: String,
}

/// Bound on events of one host; a host that does more of them gives no meaning by any one.
pub const MAX_EVENTS: usize = 4096;

/// Libraries that programs need to open the stores of browsers and mail programs, by file name. Stealers that
/// come small fetch them from their own server (knowledge common to many public reports).
const LIBRARIES: [&str; 9] = [
    "sqlite3.dll",
    "nss3.dll",
    "mozglue.dll",
    "softokn3.dll",
    "freebl3.dll",
    "msvcp140.dll",
    "vcruntime140.dll",
    "libs.zip",
    "nssdbm3.dll",
];

/// The library a request fetches, by the last part of its path.
pub fn library(exchange: &Exchange) -> Option<&'static str> {
    let file = file_of(&exchange.path);
    LIBRARIES.into_iter().find(|name| file.eq_ignore_ascii_case(name))
}

/// The last component of a path, without its query.
pub fn file_of(path: &str) -> &str {
    let path = path.split(['?', '#']).next().unwrap_or("");
    path.rsplit('/').next().unwrap_or("")
}

/// Whether the response is a program by its first bytes.
pub fn program(exchange: &Exchange) -> bool {
    let magic = exchange.response.as_ref().and_then(|body| body.magic.as_deref());
    matches!(magic, Some("pe" | "elf" | "macho" | "mach-o" | "dex"))
}

/// Roles of services whose every use is an event, but for what [`is_else`] knows.
const ROLES: [(&str, EventKind); 3] = [
    ("ip-lookup", EventKind::Lookup),
    ("dead-drop", EventKind::DeadDrop),
    ("chain-rpc", EventKind::DeadDrop),
];

/// Whether pages are seen of a service that tells the address on some, and none of these is among them.
fn is_else(flow: &Flow, service: &Service) -> bool {
    /// They begin so (httpbin and its like).
    const TELLING: [&str; 3] = ["/ip", "/get", "/anything"];
    let tells = |exchange: &Exchange| TELLING.iter().any(|path| exchange.path.starts_with(path));
    service.is("request-echo") && !flow.http.is_empty() && !flow.http.iter().any(tells)
}

/// Whether each flow of a service may be an event.
pub fn tells(service: &Service) -> bool {
    service.is("doh") || ROLES.iter().any(|(role, _)| service.is(role))
}

/// Whether a flow tells something whatever its service is, connections without an answer aside.
pub fn eventful(flow: &Flow) -> bool {
    let web = |exchange: &Exchange| library(exchange).is_some() || program(exchange);
    flow.dns.iter().any(unknown)
        || flow.tls.is_some() && (address::public_resolver(flow.server.addr) || tor::relay(flow))
        || flow.http.iter().any(web)
}

/// Whether the answer is that there is no such name.
fn unknown(dns: &Dns) -> bool {
    dns.rcode.as_deref() == Some("NXDOMAIN")
}

/// Notes what one flow tells.
pub fn note(events: &mut Vec<Event>, channel: ChannelIx, index: usize, flow: &Flow, service: &Service) {
    let mut push = |time, kind, frame, what: &str| {
        // Floods of names that do not exist leave room for the rest.
        let most = if kind == EventKind::Dead { MAX_EVENTS / 4 } else { MAX_EVENTS };
        if events.len() < most {
            events.push(Event { time, kind, channel, flow: index, frame, what: what.to_owned() });
        }
    };
    let established = flow.payload.to_server > 0;
    for (role, kind) in ROLES {
        if established && service.is(role) && !(kind == EventKind::Lookup && is_else(flow, service)) {
            push(flow.start, kind, flow.frames.first, &service.label());
        }
    }
    let web = flow.tls.is_some() && flow.server.port == 443;
    if web && (service.is("doh") || address::public_resolver(flow.server.addr)) {
        push(flow.start, EventKind::Doh, flow.frames.first, &service.label());
    }
    for dns in flow.dns.iter().filter(|dns| unknown(dns)) {
        if !name::rootless(&dns.query) && dns.query.contains('.') && !dns.query.ends_with(".arpa") {
            push(dns.time, EventKind::Dead, dns.frame, name::owner(&dns.query));
        }
    }
    if !service.local
        && flow.proto == Proto::Tcp
        && matches!(flow.state, State::Unanswered | State::Refused)
        && let Some(what) = service.names.first().map(|own| name::owner(own).to_owned())
    {
        push(flow.start, EventKind::Dead, flow.frames.first, &what);
    }
    if tor::relay(flow) {
        push(flow.start, EventKind::Tor, flow.frames.first, &flow.server.addr.to_string());
    }
    for exchange in &flow.http {
        if let Some(name) = library(exchange) {
            push(exchange.time, EventKind::Library, exchange.frame, name);
        } else if program(exchange) {
            push(exchange.time, EventKind::Program, exchange.frame, file_of(&exchange.path));
        }
    }
}
