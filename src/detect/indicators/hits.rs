//! Where entries are met: a look at one channel, and at questions that led to no contact.

use super::Indicators;
use super::store::Source;
use super::value::bytes;
use crate::detect::evidence::Statement;
use crate::detect::ledger::{Ledger, Traits, name};
use crate::detect::signals::View;
use crate::record::{Exchange, Flow};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Keys of `rules/signals.toml` for what a list names.
pub const SIGNALS: [&str; 6] = [
    "listed-address",
    "listed-network",
    "listed-name",
    "listed-url",
    "listed-fingerprint",
    "listed-certificate",
];

/// Entries named in one statement.
const NAMED: usize = 3;
/// Questions for listed names that are told, of one run.
const MAX_ASKED: usize = 4096;

/// A question for a listed name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Who asked.
    pub host: IpAddr,
    /// What for, and where that stands.
    pub what: String,
    /// Frames, bounded by the caller.
    pub frames: Vec<u64>,
}

/// Sentences of one signal with the flows they rest on.
#[derive(Default)]
struct Said {
    /// Sentence to the first flow and frame that show it.
    by: BTreeMap<String, (usize, u64)>,
}

impl Said {
    fn put(&mut self, why: String, index: usize, frame: u64) {
        self.by.entry(why).or_insert((index, frame));
    }
}

impl Indicators {
    /// What the lists say of a channel: a statement for each kind of entry that was met.
    pub fn look(&self, view: &View<'_>) -> Vec<Statement> {
        let mut said: [Said; 6] = Default::default();
        self.addresses(view, &mut said);
        self.names(view, &mut said);
        for (index, flow) in view.flows() {
            self.urls(index, flow, &mut said);
            self.prints(index, flow, &mut said);
        }
        let kinds = said.into_iter().zip(SIGNALS).filter(|(said, _)| !said.by.is_empty());
        kinds.map(|(said, signal)| statement(view, signal, &said)).collect()
    }

    fn addresses(&self, view: &View<'_>, said: &mut [Said; 6]) {
        for &addr in &view.channel.service.addrs {
            let own = || view.flows().filter(move |(_, flow)| flow.server.addr == addr);
            let ports: BTreeSet<u16> = own().map(|(_, flow)| flow.server.port).collect();
            let Some(met) = self.store.net(addr, &ports) else { continue };
            let Some((index, flow)) = own().find(|(_, flow)| met.port == 0 || flow.server.port == met.port)
            else {
                continue;
            };
            let port = if met.port == 0 { String::new() } else { format!(" port {}", met.port) };
            let place = self.place(met.source);
            let whole = met.bits == if addr.to_canonical().is_ipv4() { 32 } else { 128 };
            let (at, why) = if whole {
                (0, format!("{addr}{port} is listed: {place}"))
            } else {
                (1, format!("{addr}{port} is in a listed network (/{}): {place}", met.bits))
            };
            said[at].put(why, index, flow.frames.first);
        }
    }

    fn names(&self, view: &View<'_>, said: &mut [Said; 6]) {
        if self.store.names.is_empty() {
            return;
        }
        for name in view.channel.service.names.iter() {
            let Some((above, source)) = self.name(name) else { continue };
            let uses = |flow: &Flow| {
                flow.tls.as_ref().is_some_and(|tls| tls.sni.as_deref() == Some(name))
                    || flow.http.iter().any(|exchange| host(exchange).is_some_and(|host| host == *name))
            };
            let first = || view.flows().next();
            let Some((index, flow)) = view.flows().find(|(_, flow)| uses(flow)).or_else(first) else {
                continue;
            };
            let place = self.place(source);
            let why = if above == name {
                format!("{name} is listed: {place}")
            } else {
                format!("{name} is below {above}, which is listed: {place}")
            };
            said[2].put(why, index, flow.frames.first);
        }
    }

    fn urls(&self, index: usize, flow: &Flow, said: &mut [Said; 6]) {
        if self.store.urls.is_empty() {
            return;
        }
        for exchange in &flow.http {
            let Some(url) = url(exchange, flow) else { continue };
            if let Some(source) = self.store.urls.find(&url) {
                said[3].put(format!("http://{url} is listed: {}", self.place(source)), index, exchange.frame);
            }
        }
    }

    fn prints(&self, index: usize, flow: &Flow, said: &mut [Said; 6]) {
        let Some(tls) = &flow.tls else { return };
        let frame = tls.frame.unwrap_or(flow.frames.first);
        let store = &self.store;
        if let Some(print) = &tls.ja3
            && !store.ja3.is_empty()
            && let Some(source) = u128::from_str_radix(print, 16).ok().and_then(|print| store.ja3.find(print))
        {
            said[4].put(format!("JA3 {print} is listed: {}", self.place(source)), index, frame);
        }
        if let Some(print) = &tls.ja4
            && let Some(source) = store.ja4.find(print)
        {
            said[4].put(format!("JA4 {print} is listed: {}", self.place(source)), index, frame);
        }
        if store.sha1.is_empty() && store.sha256.is_empty() {
            return;
        }
        for certificate in &tls.certificates {
            let short = bytes(&certificate.sha1).and_then(|print| store.sha1.find(print));
            let long = bytes(&certificate.sha256).and_then(|print| store.sha256.find(print));
            for (kind, print, source) in
                [("SHA-1", &certificate.sha1, short), ("SHA-256", &certificate.sha256, long)]
            {
                let Some(source) = source else { continue };
                let why = format!("the certificate with {kind} {print} is listed: {}", self.place(source));
                said[5].put(why, index, frame);
            }
        }
    }

    /// The listed name that is this one or above it, the nearest.
    fn name<'n>(&self, name: &'n str) -> Option<(&'n str, Source)> {
        let above = std::iter::successors(Some(name), |rest| rest.split_once('.').map(|(_, above)| above));
        above.into_iter().find_map(|part| Some((part, self.store.names.find(part)?)))
    }

    /// Questions for listed names that led this host to no service of that name: an answer that did not come, or a
    /// name that was taken down. In order of host and name.
    pub fn asked(&self, ledger: &Ledger) -> Vec<Listed> {
        if self.store.names.is_empty() {
            return Vec::new();
        }
        let mut found: BTreeMap<(IpAddr, SmolStr), (Source, String, BTreeSet<u64>)> = BTreeMap::new();
        let asking = |(_, traits): &(usize, &Traits)| traits.any(Traits::DNS);
        let asking = ledger.traits.iter().enumerate().filter(asking);
        for flow in asking.filter_map(|(index, _)| ledger.flows.copy(index)) {
            for dns in &flow.dns {
                let Some((above, source)) = self.name(&dns.query) else { continue };
                let key = (flow.client.addr, dns.query.clone());
                if found.len() >= MAX_ASKED && !found.contains_key(&key) {
                    continue;
                }
                found
                    .entry(key)
                    .or_insert_with(|| (source, above.to_owned(), BTreeSet::new()))
                    .2
                    .insert(dns.frame);
            }
        }
        let met: BTreeSet<(IpAddr, &str)> = ledger
            .channels
            .iter()
            .filter_map(|channel| Some((channel.client?, &channel.service.names)))
            .flat_map(|(client, names)| names.iter().map(move |name| (client, name.as_str())))
            .collect();
        let unmet = found.into_iter().filter(|((host, query), _)| !met.contains(&(*host, query.as_str())));
        unmet
            .map(|((host, query), (source, above, frames))| {
                let below = if above == *query { String::new() } else { format!(" (below {above})") };
                let what = format!("{query}{below} is listed: {}", self.place(source));
                Listed { host, what, frames: frames.into_iter().collect() }
            })
            .collect()
    }
}

fn statement(view: &View<'_>, signal: &str, said: &Said) -> Statement {
    let mut why: Vec<&str> = said.by.keys().take(NAMED).map(String::as_str).collect();
    let more = said.by.len().saturating_sub(NAMED);
    let rest = format!("and {more} more");
    if more > 0 {
        why.push(&rest);
    }
    let mut own = view.say(1.0, why.join("; "));
    signal.clone_into(&mut own.signal);
    for &(index, frame) in said.by.values() {
        if let Some(flow) = view.ledger.flows.get(index) {
            own = own.at(index, flow, frame, flow.start);
        }
    }
    own
}

/// The name that a request asks.
fn host(exchange: &Exchange) -> Option<String> {
    exchange.host.as_deref().and_then(name::host)
}

/// A request as lists write it: host, its port unless it is the usual one, path and query.
fn url(exchange: &Exchange, flow: &Flow) -> Option<String> {
    let authority = match exchange.host.as_deref() {
        Some(host) => Cow::Borrowed(host),
        None if flow.server.port == 80 => Cow::Owned(flow.server.addr.to_string()),
        None => Cow::Owned(format!("{}:{}", flow.server.addr, flow.server.port)),
    };
    let usual = authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443"));
    let authority = usual.filter(|host| !host.ends_with(':')).unwrap_or(&authority);
    (!exchange.path.is_empty()).then(|| format!("{}{}", authority.to_ascii_lowercase(), exchange.path))
}
