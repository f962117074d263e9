//! Makes flows and ledgers with invented values.

use crate::detect::families::{FamilyRule, evaluate, shipped};
use crate::detect::ledger::{Channel, HostView, HostViews, Ledger, Traits};
use crate::detect::{ChannelIx, Statement};
use crate::record::{
    Archive, Body, Certificate, Client, Dns, Endpoint, Exchange, Field, FirstBytes, Flow, FlowId, Frames,
    Ftp, Headers, Hex, Mail, Member, Other, Part, Proto, Shape, SideName, Sides, Smtp, Tls, Turn, testing,
};
use crate::time::{Duration, Timestamp};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

/// The victim of all tests.
pub const VICTIM: &str = "192.0.2.10";

/// A flow to `server` (`address:port`), `second` seconds after the beginning.
pub fn flow(server: &str, second: i64) -> Flow {
    let server: std::net::SocketAddr = server.parse().expect("address and port");
    let plain = testing::flow();
    Flow {
        id: FlowId(second as u64),
        frames: Frames { first: second as u64 * 10 + 1, last: second as u64 * 10 + 8, count: 8 },
        client: Client { addr: VICTIM.parse().expect("address"), ..plain.client },
        server: Endpoint { addr: server.ip(), port: server.port() },
        start: moment(second),
        end: moment(second + 1),
        packets: Sides { to_server: 4, to_client: 4 },
        bytes: Sides { to_server: 1000, to_client: 1000 },
        payload: Sides { to_server: 600, to_client: 600 },
        ..plain
    }
}

pub fn moment(second: i64) -> Timestamp {
    Timestamp::new(1_800_000_000, 0) + Duration::from_secs(second)
}

/// A flow of HTTP exchanges, times set from the flow's.
pub fn http(server: &str, second: i64, exchanges: impl IntoIterator<Item = Exchange>) -> Flow {
    let mut flow = flow(server, second);
    flow.payload.to_server = 0;
    for (n, mut exchange) in exchanges.into_iter().enumerate() {
        flow.payload.to_server += 200 + exchange.sent();
        exchange.time = moment(second);
        exchange.frame = flow.frames.first + n as u64;
        exchange.last_frame = exchange.frame;
        flow.http.push(exchange);
    }
    flow
}

/// `request("POST /a.php HTTP/1.0", "Host: x\nAccept: */*")`.
pub fn request(line: &str, headers: &str) -> Exchange {
    let mut words = line.split(' ');
    let method = words.next().unwrap_or("").to_owned();
    let path = words.next().unwrap_or("/").to_owned();
    let version = words.next().and_then(|v| v.strip_prefix("HTTP/")).unwrap_or("1.1").to_owned();
    let headers: Headers = headers
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let host = headers.get("host").map(|value| value.to_ascii_lowercase().into());
    Exchange {
        method: method.into(),
        path,
        version: version.into(),
        headers,
        host,
        status: Some(200),
        ..Exchange::default()
    }
}

/// Adds bodies to an exchange.
pub trait Say: Sized {
    fn with(self, body: Body) -> Self;
    fn answered(self, status: u16, body: Body) -> Self;
}

impl Say for Exchange {
    fn with(mut self, body: Body) -> Self {
        let declared = self.header("content-type").map(|v| v.split([';', ',']).next().unwrap_or("").into());
        let encoding = self.header("content-encoding").map(SmolStr::new);
        self.request = Some(Box::new(Body { declared, encoding, ..body }));
        self
    }
    fn answered(mut self, status: u16, body: Body) -> Self {
        self.status = Some(status);
        self.response = Some(Box::new(body));
        self
    }
}

/// A body of so many bytes.
pub fn bytes(length: u64, shape: Shape, first: &[u8]) -> Body {
    Body { bytes: length, shape: Some(shape), first: Hex(first.into()), ..Body::default() }
}

/// A form: `form("a=1&b=2")`.
pub fn form(text: &str) -> Body {
    let field = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let harmless = !value.is_empty()
            && value.len() <= 32
            && value.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        let class = if value.is_empty() {
            "empty"
        } else if value.bytes().all(|b| b.is_ascii_digit()) {
            "digits"
        } else if value.bytes().all(|b| b.is_ascii_hexdigit()) {
            "hex"
        } else if value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=%".contains(&b)) {
            "base64"
        } else {
            "text"
        };
        Field {
            name: name.to_owned(),
            bytes: value.len() as u64,
            value: harmless.then(|| value.to_owned()),
            class: class.into(),
        }
    };
    Body { fields: text.split('&').map(field).collect(), ..bytes(text.len() as u64, Shape::Form, b"") }
}

/// A multipart body of (name, file name, body).
pub fn multipart(parts: &[(&str, Option<&str>, Body)]) -> Body {
    let parts: Vec<Part> = parts
        .iter()
        .map(|(name, file, body)| Part {
            name: Some((*name).to_owned()),
            body: Body { file_name: file.map(str::to_owned), ..body.clone() },
            value: None,
        })
        .collect();
    let length = parts.iter().map(|part| part.body.bytes + 120).sum();
    Body { parts, ..bytes(length, Shape::Binary, b"--") }
}

/// A part that is a short field.
pub fn text(value: &str) -> Body {
    bytes(value.len() as u64, Shape::Text, value.as_bytes().get(..value.len().min(32)).unwrap_or_default())
}

/// A ZIP with these members.
pub fn zip(length: u64, members: &[&str]) -> Body {
    let members = members.iter().map(|name| Member { name: (*name).to_owned(), bytes: 100 }).collect();
    let archive = Archive { kind: "zip".into(), members, ..Archive::default() };
    Body {
        magic: Some("zip".into()),
        archive: Some(Box::new(archive)),
        ..bytes(length, Shape::Binary, b"PK\x03\x04")
    }
}

/// A conversation in no listed protocol: first bytes of both sides, then turns of (side, second, bytes).
pub fn raw(server: &str, second: i64, first: (&[u8], &[u8]), turns: &[(char, i64, u64)]) -> Flow {
    let mut flow = flow(server, second);
    flow.first_bytes = FirstBytes { to_server: Hex(first.0.into()), to_client: Hex(first.1.into()) };
    flow.other = Some(Box::new(Other::default()));
    for (n, (side, at, bytes)) in turns.iter().enumerate() {
        let side = if *side == 'c' { SideName::Client } else { SideName::Server };
        flow.turns.push(Turn(side, at * 1_000_000, *bytes, flow.frames.first + n as u64));
    }
    flow
}

/// A TLS flow with a server name and a certificate (subject, issuer).
pub fn tls(server: &str, second: i64, sni: Option<&str>, names: Option<(&str, &str)>) -> Flow {
    let mut flow = flow(server, second);
    let certificate = names.map(|(subject, issuer)| Certificate {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
        cn: subject.split(',').find_map(|part| part.trim().strip_prefix("CN=")).map(str::to_owned),
        self_signed: subject == issuer,
        ..Certificate::default()
    });
    flow.tls = Some(Box::new(Tls {
        version: "TLS1.2".into(),
        sni: sni.map(SmolStr::new),
        established: true,
        frame: Some(flow.frames.first),
        certificates: certificate.into_iter().map(Into::into).collect(),
        ..Tls::default()
    }));
    flow
}

/// A submission of one mail: subject, header names (by comma), hints, body.
pub fn mail(
    server: &str,
    second: i64,
    subject: &str,
    headers: &str,
    hints: &[(&str, &str)],
    body: Body,
) -> Flow {
    let mut flow = flow(server, second);
    let mail = Mail {
        from: Some("post@harbour.example".to_owned()),
        to: vec!["post@harbour.example".to_owned()],
        subject: Some(subject.to_owned()),
        headers: headers.split(',').map(|name| name.trim().to_owned()).collect(),
        hints: hints.iter().copied().collect(),
        body,
        time: moment(second),
        frames: (flow.frames.first, flow.frames.last),
        ..Mail::default()
    };
    flow.smtp = Some(Box::new(Smtp {
        ehlo: Some("EXAMPLE-PC".to_owned()),
        authenticated: true,
        mails: vec![mail],
        ..Smtp::default()
    }));
    flow
}

/// Header names as .NET's mail class writes them.
pub const NET_MAIL: &str = "MIME-Version,From,To,Date,Subject,Content-Type,Content-Transfer-Encoding";
/// Header names as a mail program writes them.
pub const PROGRAM_MAIL: &str = "Message-ID,Date,MIME-Version,User-Agent,From,To,Subject,Content-Type";

/// An FTP control connection of (verb, argument).
pub fn ftp(server: &str, second: i64, commands: &[(&str, &str)]) -> Flow {
    let mut flow = flow(server, second);
    let frame = flow.frames.first;
    let commands =
        commands.iter().map(|(verb, name)| ((*verb).to_owned(), (*name).to_owned(), 226, frame)).collect();
    flow.ftp = Some(Box::new(Ftp { commands, authenticated: true, ..Ftp::default() }));
    flow
}

/// Questions below a domain, each with its own name.
pub fn questions(names: &[&str], kind: &str) -> Flow {
    let mut flow = flow("192.0.2.1:53", 1);
    flow.proto = Proto::Udp;
    for (n, name) in names.iter().enumerate() {
        flow.dns.push(Dns {
            query: (*name).into(),
            kind: kind.to_owned().into(),
            rcode: Some("NOERROR".into()),
            time: moment(n as i64),
            frame: n as u64 + 1,
            ..Dns::default()
        });
    }
    flow
}

/// A ledger of these flows: a channel for each server name or address.
pub fn ledger(flows: Vec<Flow>) -> Ledger {
    let mut ledger = Ledger::default();
    let mut channels: BTreeMap<String, usize> = BTreeMap::new();
    let client: IpAddr = VICTIM.parse().expect("address");
    for (at, flow) in flows.iter().enumerate() {
        let named =
            flow.http.iter().find_map(|e| e.host.clone()).or(flow.tls.as_ref().and_then(|t| t.sni.clone()));
        let named = named.map(String::from);
        let key = named.clone().unwrap_or_else(|| flow.server.addr.to_string());
        let ix = *channels.entry(key).or_insert(ledger.channels.len());
        if ix == ledger.channels.len() {
            ledger.channels.push(Channel {
                client: Some(client),
                first: flow.start,
                last: flow.end,
                ..Channel::default()
            });
        }
        let traits = Traits::of_flow(flow, ledger.requests.add(flow));
        ledger.traits.push(traits);
        let channel = &mut ledger.channels[ix];
        channel.flows.push(at);
        channel.has = channel.has | traits;
        channel.last = flow.end;
        channel.service.addrs.insert(flow.server.addr);
        channel.service.ports.insert(flow.server.port);
        if let Some(name) = named {
            let known = channel.service.names.iter().cloned().chain([name.into()]);
            channel.service.names = known.map(|name| (name, false, false)).collect();
        }
    }
    let view =
        HostView { channels: (0..ledger.channels.len()).map(ChannelIx).collect(), ..HostView::default() };
    ledger.hosts = HostViews::new(vec![(client, view)]);
    ledger.flows = flows.into();
    ledger
}

/// The shipped rules, read once.
pub static RULES: LazyLock<Vec<FamilyRule>> = LazyLock::new(|| shipped().expect("shipped rules"));

/// What the shipped rules say of these flows.
pub fn say(flows: Vec<Flow>) -> Vec<Statement> {
    evaluate(&ledger(flows), &RULES)
}

/// Asserts that a rule speaks, and that it names the family on its own.
#[track_caller]
pub fn names(flows: Vec<Flow>, rule: &str) -> Statement {
    let said = say(flows);
    let found = said.iter().find(|statement| statement.signal == rule);
    let all: Vec<&str> = said.iter().map(|statement| statement.signal.as_str()).collect();
    let found = found.unwrap_or_else(|| panic!("{rule} is silent; {all:?} speak"));
    assert!(found.strength > 0.5 && found.strength <= 1.0, "{found:?}");
    assert!(!found.frames.is_empty() && !found.flows.is_empty() && !found.kinds.is_empty(), "{found:?}");
    found.clone()
}

/// Asserts that no rule speaks.
#[track_caller]
pub fn silent(flows: Vec<Flow>) {
    let said = say(flows);
    assert!(said.is_empty(), "{said:#?}");
}
