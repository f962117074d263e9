//! What makes channels of one host alike: the same request, the same manner of certificate.

use super::sketch::{COOKIE, LANGUAGE, REFERER, Sketch};
use super::{Channel, name};
use crate::record::{Exchange, Flow, Flows, Proto, Tls};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Requests of one channel that are looked at.
const MAX_REQUESTS: usize = 64;
/// Shortest query that makes a path without a body telling, in bytes.
const MIN_QUERY: usize = 40;

/// What makes two requests the same: method, path without query, header names in order. Nothing for what a browser
/// or every program asks.
pub fn template(exchange: &Exchange) -> Option<String> {
    let path = telling(exchange, &Sketch::of(exchange))?;
    let words: Vec<&str> = exchange.headers.iter().map(|(name, _)| name).collect();
    Some(format!("{} {path} {}", exchange.method, words.join(",")))
}

/// The path without query of a request that has a template.
pub fn telling<'a>(exchange: &'a Exchange, sketch: &Sketch) -> Option<&'a str> {
    let has = |header| sketch.has & header != 0;
    if has(LANGUAGE) && has(COOKIE) {
        return None;
    }
    let path = sketch.path(exchange);
    // Paths that every site has prove nothing, unless there is a body.
    let common = matches!(path, "/" | "" | "/favicon.ico" | "/robots.txt" | "/index.html" | "/index.php");
    let body = exchange.sent() > 0;
    let declared = exchange.request.as_ref().and_then(|body| body.declared.as_deref()).unwrap_or("");
    let cookie = has(COOKIE) && !has(REFERER) && exchange.headers.len() <= 5;
    let telling = body || cookie || !common && exchange.path.len() - path.len() >= MIN_QUERY;
    (telling && !declared.contains("ocsp")).then_some(path)
}

/// The templates of a channel's first requests.
pub fn templates(channel: &Channel, flows: &Flows) -> BTreeSet<String> {
    let all = channel.flows.iter().flat_map(|flow| &flows[flow].http);
    all.take(MAX_REQUESTS).filter_map(template).collect()
}

/// Least body whose length is a mark, in bytes: shorter ones are alike by chance.
const MIN_BODY: u64 = 48;

/// Shapes of POSTs of programs to a public service that has no true name: length of the body, header names in order.
pub fn addressed(channel: &Channel, flows: &Flows) -> BTreeSet<String> {
    if !channel.service.bare() || channel.service.local {
        return BTreeSet::new();
    }
    let all = channel.flows.iter().flat_map(|flow| &flows[flow].http);
    let posts = all.take(MAX_REQUESTS).filter(|exchange| exchange.method == "POST");
    let program = posts.filter(|exchange| exchange.header("Accept-Language").is_none());
    let large = program.filter(|exchange| exchange.sent() >= MIN_BODY);
    large
        .map(|exchange| {
            let words: Vec<&str> = exchange.headers.iter().map(|(name, _)| name).collect();
            format!("{} {}", exchange.sent(), words.join(","))
        })
        .collect()
}

/// Prints (JA4, else JA3) of hellos without a server name to a public service that has no name.
pub fn hellos(channel: &Channel, flows: &Flows) -> BTreeSet<String> {
    if !channel.service.bare() || channel.service.local || channel.domain.is_some() {
        return BTreeSet::new();
    }
    let all = channel.flows.iter().filter_map(|flow| Some((&flows[flow], flows[flow].tls.as_deref()?)));
    // DNS in TLS and calls between peers go to addresses by design.
    let own = all.filter(|(flow, tls)| {
        tls.sni.is_none()
            && tls.after.is_none()
            && tls.alpn.is_empty()
            && flow.quic.is_none()
            && flow.proto == Proto::Tcp
            && !matches!(flow.server.port, 853 | 3478..=3481 | 5223 | 5228..=5230)
    });
    let print = |(_, tls): (&Flow, &Tls)| Some(tls.ja4.as_deref().or(tls.ja3.as_deref())?.to_owned());
    own.take(MAX_REQUESTS).filter_map(print).collect()
}

/// Bytes of an opening that are compared: enough for a greeting with its lengths, before what changes.
const OPENING: usize = 12;

/// First bytes of the client to a public service that has no name, on a port of the web and in no protocol of it.
/// Where such a server answered others in TLS, the port is what it seems, and the greeting was but a knock.
pub fn openings(channel: &Channel, flows: &Flows) -> BTreeSet<String> {
    if !channel.service.bare() || channel.service.local || channel.domain.is_some() {
        return BTreeSet::new();
    }
    let all = || channel.flows.iter().map(|flow| &flows[flow]);
    if all().any(|flow| flow.tls.is_some() || !flow.http.is_empty() || matches!(flow.app(), "tls" | "http")) {
        return BTreeSet::new();
    }
    let raw = |flow: &&Flow| {
        flow.proto == Proto::Tcp
            && flow.app() == "unknown"
            && matches!(flow.server.port, 80 | 443 | 8080 | 8443)
            && flow.state != crate::record::State::Midstream
    };
    let firsts = all().filter(raw).filter_map(|flow| flow.first_bytes.to_server.0.get(..OPENING));
    let telling = firsts.filter(|first| first.iter().collect::<BTreeSet<_>>().len() >= 3);
    let code = |first: &[u8]| {
        first.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    telling.take(MAX_REQUESTS).map(code).collect()
}

/// What of a JA4 is of the program and not of the occasion: the sorted ciphers and the sorted extensions with their
/// algorithms; not whether there is a server name, nor the application protocol. QUIC has extensions of its own, and its
/// prints are compared with none.
pub fn print(flow: &Flow) -> Option<&str> {
    let (_, own) = flow.tls.as_deref()?.ja4.as_deref()?.split_once('_')?;
    flow.quic.is_none().then_some(own)
}

/// Whether a bare public address answers with a certificate that only its owner made.
pub fn home_made(channel: &Channel, flows: &Flows) -> bool {
    let own = |flow: &Flow| {
        let leaf = flow.tls.as_ref().and_then(|tls| tls.certificates.first());
        leaf.is_some_and(|cert| cert.self_signed || cert.cn.as_deref().and_then(name::host).is_none())
    };
    let nameless = channel.service.names.none_stated() && !channel.service.local;
    nameless && channel.flows.iter().any(|flow| own(&flows[flow]))
}

/// Registered owners of a service's names; its addresses where it has none.
pub fn owners(channel: &Channel) -> BTreeSet<String> {
    let service = &channel.service;
    if service.names.none_stated() {
        return service.addrs.iter().map(ToString::to_string).collect();
    }
    service.names.stated().map(|own| name::owner(own).to_owned()).collect()
}
