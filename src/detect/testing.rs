//! Makes records for tests: a flow in a line or two.

use super::evidence::ChannelIx;
use super::ledger::{Ledger, ServiceRules, Services, Sides};
use super::signals::{Hosts, Pasts, View};
use crate::record::{
    Archive, Body, Certificate, Client, ClientBy, CommunityId, Dns, Endpoint, Exchange, Flow, FlowId, Frames,
    Mail, Member, Other, Proto, Records, SideName, Sides as Pair, Smtp, State, Tls, Turn,
};
use crate::time::{Duration, Timestamp};

pub const VICTIM: &str = "192.0.2.10";
const START: i64 = 1_770_000_000;

/// A flow under construction.
pub struct Make(Flow);

/// A TCP conversation of the victim with `server`, closed in order, without payload.
pub fn flow(server: &str, port: u16) -> Make {
    Make(Flow {
        id: FlowId(0),
        community_id: CommunityId([7; 20]),
        capture: 0,
        frames: Frames { first: 1, last: 9, count: 9 },
        continued: Vec::new(),
        link: Vec::new(),
        proto: Proto::Tcp,
        client: Client { addr: VICTIM.parse().unwrap(), port: 49_200, by: ClientBy::Syn, mac: None },
        server: Endpoint { addr: server.parse().unwrap(), port },
        start: Timestamp::new(START, 0),
        end: Timestamp::new(START, 0) + Duration::from_secs(1),
        state: State::Closed,
        packets: Pair { to_server: 5, to_client: 4 },
        bytes: Pair::default(),
        payload: Pair::default(),
        gaps: Pair::default(),
        turns: Vec::new(),
        turns_rest: None,
        first_bytes: crate::record::FirstBytes::default(),
        parent: None,
        conflicts: 0,
        tls: None,
        http: Vec::new(),
        dns: Vec::new(),
        smtp: None,
        ftp: None,
        quic: None,
        other: None,
    })
}

impl Make {
    pub fn client(mut self, addr: &str) -> Self {
        self.0.client.addr = addr.parse().unwrap();
        self
    }
    pub fn at_ms(mut self, ms: i64) -> Self {
        let length = self.0.end.since(self.0.start);
        self.0.start = Timestamp::new(START, 0) + Duration::from_millis(ms);
        self.0.end = self.0.start + length;
        let first = 1 + (ms / 10).unsigned_abs();
        self.0.frames = Frames { first, last: first + 8, count: 9 };
        self.0.id = FlowId(ms.unsigned_abs());
        self
    }
    pub fn payload(mut self, up: u64, down: u64) -> Self {
        self.0.payload = Pair { to_server: up, to_client: down };
        self
    }
    pub fn state(mut self, state: State) -> Self {
        self.0.state = state;
        self
    }
    pub fn proto(mut self, proto: Proto) -> Self {
        self.0.proto = proto;
        self.0.state = State::Datagrams;
        self
    }
    pub fn turns(mut self, turns: &[(SideName, i64, u64)]) -> Self {
        self.0.turns = turns
            .iter()
            .zip(10..)
            .map(|(&(side, ms, bytes), frame)| Turn(side, ms * 1000, bytes, frame))
            .collect();
        self
    }
    pub fn first(mut self, up: &[u8], down: &[u8]) -> Self {
        self.0.first_bytes.to_server = up.into();
        self.0.first_bytes.to_client = down.into();
        self
    }
    pub fn http(mut self, exchange: Exchange) -> Self {
        let time = self.0.start;
        let sent = exchange.sent() + 300;
        self.0.payload.to_server += sent;
        self.0.payload.to_client += exchange.received() + 200;
        self.0.http.push(Exchange { time, frame: self.0.frames.first + 3, ..exchange });
        self
    }
    pub fn tls(mut self, sni: Option<&str>, cert: Option<Certificate>) -> Self {
        self.0.tls = Some(Box::new(Tls {
            version: "TLS1.2".into(),
            sni: sni.map(Into::into),
            established: true,
            certificates: cert.into_iter().map(Into::into).collect(),
            ..Tls::default()
        }));
        self
    }
    pub fn dns(mut self, query: &str, kind: &str, answers: &[&str]) -> Self {
        let time = self.0.start;
        self.0.proto = Proto::Udp;
        self.0.dns.push(Dns {
            query: query.into(),
            kind: kind.to_owned().into(),
            rcode: Some("NOERROR".into()),
            answers: answers.iter().collect(),
            time,
            frame: self.0.frames.first,
            bytes: (60 + query.len() as u32, 90 + query.len() as u32),
        });
        self
    }
    pub fn smtp(mut self, smtp: Smtp) -> Self {
        self.0.smtp = Some(Box::new(smtp));
        self
    }
    pub fn other(mut self, other: Other) -> Self {
        self.0.other = Some(Box::new(other));
        self
    }
    pub fn edit(mut self, change: impl FnOnce(&mut Flow)) -> Self {
        change(&mut self.0);
        self
    }
    pub fn copy(&self) -> Flow {
        self.0.clone()
    }
    pub fn build(self) -> Flow {
        self.0
    }
}

/// A request with headers and a body.
pub fn request(
    method: &str,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Body>,
) -> Exchange {
    let own = [("Host", host)];
    Exchange {
        method: method.into(),
        host: Some(host.into()),
        path: path.into(),
        version: "1.1".into(),
        headers: own.into_iter().chain(headers.iter().copied()).collect(),
        status: Some(200),
        request: body.map(Box::new),
        response: Some(Box::new(Body { bytes: 2, ..Body::default() })),
        ..Exchange::default()
    }
}

/// A body of so many bytes.
pub fn body(bytes: u64) -> Body {
    Body { bytes, ..Body::default() }
}

/// A ZIP body with members.
pub fn zip(bytes: u64, members: &[&str]) -> Body {
    let members = members.iter().map(|&name| Member { name: name.into(), bytes: 10 }).collect();
    let archive = Archive { kind: "zip".into(), members, ..Archive::default() };
    Body { bytes, magic: Some("zip".into()), archive: Some(Box::new(archive)), ..Body::default() }
}

/// A certificate.
pub fn certificate(subject: &str, issuer: &str, names: &[&str]) -> Certificate {
    let cn = subject.split(',').find_map(|part| part.trim().strip_prefix("CN="));
    Certificate {
        subject: subject.into(),
        issuer: issuer.into(),
        cn: cn.map(str::to_owned),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        serial: "01".into(),
        not_before: Timestamp::new(START - 86_400, 0),
        not_after: Timestamp::new(START + 86_400 * 89, 0),
        self_signed: subject == issuer,
        sha1: String::new(),
        sha256: format!("{subject}/{issuer}"),
    }
}

/// A login with one mail.
pub fn mail(ehlo: &str, mail: Mail) -> Smtp {
    Smtp {
        ehlo: Some(ehlo.into()),
        auth: Some("LOGIN".into()),
        authenticated: true,
        mails: vec![mail],
        ..Smtp::default()
    }
}

/// Known services for tests.
pub fn services() -> Services {
    let text = include_str!("../../rules/services.toml");
    let rules: ServiceRules = toml::from_str(text).unwrap();
    Services::new(&rules)
}

/// A ledger of flows.
pub fn ledger(flows: impl IntoIterator<Item = Flow>) -> Ledger {
    let records = Records { flows: flows.into_iter().collect(), ..Records::default() };
    Ledger::build(records, &services(), &Sides::default())
}

/// The view of the first channel that is no resolver's.
pub fn view(ledger: &Ledger) -> View<'_> {
    let ix = ledger.channels.iter().position(|channel| !channel.service.is("resolver")).unwrap();
    view_at(ledger, ix)
}

/// The view of a channel by its place. What is known of hosts is never given back: tests are short.
pub fn view_at(ledger: &Ledger, ix: usize) -> View<'_> {
    View::new(Hosts::new(ledger, Box::leak(Box::new(Pasts::new(ledger)))), ChannelIx(ix)).unwrap()
}

/// The view of the channel with this server.
pub fn view_of<'a>(ledger: &'a Ledger, server: &str) -> View<'a> {
    let addr = server.parse().unwrap();
    let ix = ledger.channels.iter().position(|channel| channel.service.addrs.contains(&addr)).unwrap();
    view_at(ledger, ix)
}
