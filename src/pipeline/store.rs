//! The records of a run within its bound on memory.

use crate::anomaly::{Kind, Log};
use crate::record::{Body, Exchange, Flow, Sides, State, Tls};
use hashbrown::HashMap;
use std::mem::size_of;
use std::net::IpAddr;

/// Connection attempts without answer that are kept: more than the stubborn clients of a large network make in an
/// hour, far fewer than floods and scans do.
const MAX_SILENT: usize = 1 << 18;

/// Flows of one client and one server that are enough, when memory is short: more of the same hardly change what is
/// found.
const ENOUGH: u32 = 64;

/// What detection needs for a flow beside its record, in bytes: its seat in a channel, names, statements (measured
/// over mixed and DNS-only captures, and on one of short connections of many hosts).
const LEDGER: usize = 300;

/// What an allocation costs beside its content, in bytes.
const ALLOCATION: usize = 16;

/// Flows that are kept.
#[derive(Debug)]
pub struct Store {
    flows: Vec<Flow>,
    /// What they weigh, and may, in bytes.
    used: usize,
    most: usize,
    /// Connection attempts without answer so far.
    silent: usize,
    /// Flows kept of each client and server, once memory is short.
    pairs: HashMap<(IpAddr, IpAddr), u32>,
}

impl Store {
    /// An empty store of at most `most` bytes, what detection makes of it included.
    pub fn new(most: usize) -> Self {
        let mut flows = Vec::new();
        // There are addresses for all that may be kept, so that they need not move as they become more, which takes
        // time and twice the memory. Where no flow is written there is no memory. Where there are not so many
        // addresses they move.
        let _ = flows.try_reserve_exact(most / (size_of::<Flow>() + LEDGER));
        Self { flows, used: 0, most, silent: 0, pairs: HashMap::new() }
    }

    /// Keeps a flow if there is room for it, else says that it is missing.
    ///
    /// Room is given by what a flow tells: from half the bound on only to those that carry something, from three
    /// quarters on only to the first ones of a client and a server.
    pub fn push(&mut self, flow: Flow, log: &mut Log) {
        let empty = flow.payload == Sides::default();
        let attempt = empty && matches!(flow.state, State::Unanswered | State::Refused);
        self.silent += usize::from(attempt);
        let what = if attempt && self.silent > MAX_SILENT {
            Some("connection attempts without answer beyond the bound are not kept")
        } else if self.has_room(&flow, empty) {
            None
        } else {
            Some("conversations beyond the bound on memory are not kept")
        };
        if let Some(what) = what {
            log.note(Kind::Limit, flow.capture, Some(flow.frames.first), what);
            return;
        }
        self.used = self.used.saturating_add(weight(&flow));
        self.flows.push(flow);
    }

    fn has_room(&mut self, flow: &Flow, empty: bool) -> bool {
        let quarter = self.most / 4;
        if self.used < 2 * quarter {
            return true;
        }
        if self.used < 3 * quarter {
            return !empty;
        }
        if self.used >= self.most || empty {
            return false;
        }
        let count = self.pairs.entry((flow.client.addr, flow.server.addr)).or_insert(0);
        *count += 1;
        *count <= ENOUGH
    }

    /// The flows, in the order they came.
    pub fn into_flows(self) -> Vec<Flow> {
        self.flows
    }
}

/// About how much memory a flow takes, in bytes: exact for its lists, rounded for texts.
fn weight(flow: &Flow) -> usize {
    let bodies = |body: Option<&Body>| body.map_or(0, of_body);
    let mut sum = size_of::<Flow>() + LEDGER;
    sum += list::<crate::record::Turn>(flow.turns.len());
    sum += flow.http.iter().map(of_exchange).sum::<usize>();
    for dns in &flow.dns {
        let answers = dns.answers.iter().map(|answer| text(answer) + size_of_val(answer)).sum::<usize>();
        sum += size_of_val(dns) + text(&dns.query) + answers + ALLOCATION;
    }
    sum += flow.tls.as_deref().map_or(0, of_tls);
    if let Some(other) = flow.other.as_deref() {
        sum += size_of_val(other) + bodies(other.to_server.as_deref()) + bodies(other.to_client.as_deref());
    }
    for mail in flow.smtp.iter().flat_map(|smtp| &smtp.mails) {
        sum += size_of_val(mail) + of_body(&mail.body) + 64 * mail.headers.len();
    }
    sum + flow.ftp.as_ref().map_or(0, |ftp| 96 * ftp.commands.len())
}

fn of_exchange(exchange: &Exchange) -> usize {
    let headers = exchange.headers.iter().chain(&exchange.response_headers);
    let headers = headers.map(|pair| size_of_val(pair) + text(&pair.0) + text(&pair.1)).sum::<usize>();
    let bodies = [exchange.request.as_deref(), exchange.response.as_deref()];
    let bodies = bodies.into_iter().flatten().map(of_body).sum::<usize>();
    size_of::<Exchange>() + exchange.path.len() + headers + bodies + 3 * ALLOCATION
}

fn of_tls(tls: &Tls) -> usize {
    // Certificates are shared between the connections of a server.
    size_of::<Tls>() + list::<(u64, u64, u64)>(tls.records.len()) + 160
}

/// A body with what it holds, to any depth that content analysis goes.
fn of_body(body: &Body) -> usize {
    let members = body.archive.as_ref().map_or(0, |archive| 96 * archive.members.len());
    let small = 64 * body.markers.len() + 96 * body.fields.len() + 64 * body.wrapped.len();
    let parts = body.parts.iter().map(|part| 64 + of_body(&part.body)).sum::<usize>();
    size_of::<Body>() + ALLOCATION + members + small + parts
}

/// What a text takes outside of its own place.
fn text(text: &smol_str::SmolStr) -> usize {
    if text.is_heap_allocated() { text.len() + ALLOCATION } else { 0 }
}

const fn list<T>(length: usize) -> usize {
    if length == 0 { 0 } else { length * size_of::<T>() + ALLOCATION }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Client, ClientBy, CommunityId, Endpoint, FirstBytes, FlowId, Frames, Proto};
    use crate::time::Timestamp;

    fn flow(server: u8, sent: u64) -> Flow {
        Flow {
            id: FlowId::default(),
            community_id: CommunityId::default(),
            capture: 0,
            frames: Frames { first: 1, last: 2, count: 2 },
            continued: Vec::new(),
            link: Vec::new(),
            proto: Proto::Tcp,
            client: Client {
                addr: "192.0.2.10".parse().expect("address"),
                port: 50_000,
                by: ClientBy::Syn,
                mac: None,
            },
            server: Endpoint { addr: [203, 0, 113, server].into(), port: 443 },
            start: Timestamp(0),
            end: Timestamp(1),
            state: if sent > 0 { State::Closed } else { State::Unanswered },
            packets: Sides::default(),
            bytes: Sides::default(),
            payload: Sides { to_server: sent, to_client: 0 },
            gaps: Sides::default(),
            turns: Vec::new(),
            turns_rest: None,
            first_bytes: FirstBytes::default(),
            parent: None,
            conflicts: 0,
            tls: None,
            quic: None,
            http: Vec::new(),
            dns: Vec::new(),
            smtp: None,
            ftp: None,
            other: None,
        }
    }

    /// A store for so many flows without facts.
    fn store(flows: usize) -> Store {
        Store::new(weight(&flow(1, 1)) * flows)
    }

    #[test]
    fn the_bound_holds_and_what_is_missing_is_said() {
        let (mut own, mut log) = (store(100), Log::new());
        (0..1000).for_each(|n| own.push(flow(n as u8, 5), &mut log));
        assert!(own.used <= own.most);
        assert_eq!(own.into_flows().len(), 100);
        let [entry] = &*log.into_entries() else { panic!("one anomaly") };
        assert_eq!((entry.kind, entry.count), (Kind::Limit, 900));
    }

    #[test]
    fn room_goes_to_what_tells_something() {
        let (mut own, mut log) = (store(400), Log::new());
        // Attempts fill half of it, one talkative pair a quarter and what is enough; others still find room.
        (0..1000).for_each(|_| own.push(flow(1, 0), &mut log));
        assert_eq!(own.flows.len(), 200);
        (0..1000).for_each(|_| own.push(flow(2, 5), &mut log));
        assert_eq!(own.flows.len(), 300 + ENOUGH as usize);
        own.push(flow(3, 5), &mut log);
        assert_eq!(own.flows.last().map(|flow| flow.server.addr), Some([203, 0, 113, 3].into()));
    }

    #[test]
    fn facts_weigh() {
        let plain = weight(&flow(1, 5));
        let name = "a-name-of-some-length.shop.example";
        let mut asked = flow(1, 5);
        asked.dns.push(crate::record::Dns { query: name.into(), ..Default::default() });
        assert!(weight(&asked) > plain + name.len());
        let mut posted = flow(1, 5);
        let header = ("User-Agent".into(), "x".repeat(1000).into());
        let body = Box::new(Body::default());
        posted.http.push(Exchange { headers: vec![header], request: Some(body), ..Exchange::default() });
        assert!(weight(&posted) > plain + 1000 + size_of::<Body>());
    }
}
