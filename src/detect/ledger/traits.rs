//! What a flow or a channel has, as bits: most looks at most channels end here, before a record is read.

use super::sketch::{self, Sketch};
use super::{Channel, HostView, likeness, timeline};
use crate::record::{Body, Dns, Exchange, Flow, Proto, Shape, SideName, State, Turn};
use std::ops::BitOr;

/// Traits of a flow, or of a channel: those of its flows and some of its own. A look names those of which it needs
/// one at least; none where it always looks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Traits(u64);

/// Flows that are few for any regularity.
const SEVERAL: usize = 4;
/// Turns or records of one connection that are too few for any regularity.
const TURNS: usize = 6;
/// Turns and records within this are no regularity, in microseconds.
const MOMENT: i64 = 3_000_000;

/// Least bytes of a turn that is large.
pub const LARGE_TURN: u64 = 1_024;
/// Fewest large turns that are a trait.
pub const LARGE_TURNS: usize = 4;

impl Traits {
    /// Nothing: the look is always taken.
    pub const NOTHING: Self = Self(0);
    /// HTTP exchanges.
    pub const HTTP: Self = Self(1);
    /// A request with a body.
    pub const POST: Self = Self(1 << 1);
    /// Something that went up and could be looked into: a request body, a mail, the client's side of a stream.
    pub const PIECE: Self = Self(1 << 2);
    /// TLS.
    pub const TLS: Self = Self(1 << 3);
    /// A mail dialogue.
    pub const SMTP: Self = Self(1 << 4);
    /// An FTP control connection.
    pub const FTP: Self = Self(1 << 5);
    /// TCP from its beginning, in no known protocol.
    pub const RAW: Self = Self(1 << 6);
    /// TCP.
    pub const TCP: Self = Self(1 << 7);
    /// ICMP.
    pub const ICMP: Self = Self(1 << 8);
    /// The channel is a domain's questions.
    pub const DOMAIN: Self = Self(1 << 9);
    /// Four flows or more.
    pub const SEVERAL: Self = Self(1 << 10);
    /// A connection with six turns or records, in a protocol without requests.
    pub const TURNS: Self = Self(1 << 11);
    /// The host's time line is not empty.
    pub const EVENTS: Self = Self(1 << 12);
    /// DNS questions.
    pub const DNS: Self = Self(1 << 13);
    /// DNS questions and no other protocol.
    pub const RESOLVER: Self = Self(1 << 14);
    /// A TCP connection that was refused or not answered.
    pub const DEAD: Self = Self(1 << 15);
    /// Something for the host's time line, whatever the service is.
    pub const EVENT: Self = Self(1 << 16);
    /// A file of FTP.
    pub const FILE: Self = Self(1 << 17);
    /// A conversation in no protocol that has facts of its own, or that began so.
    pub const UNLISTED: Self = Self(1 << 18);
    /// A request that may have a template (`likeness::template`).
    pub const TELLING: Self = Self(1 << 19);
    /// A piece, or a part of one, has markers.
    pub const MARKED: Self = Self(1 << 20);
    /// A piece has an archive, a file's name or parts, or a flow that may have pieces serves another.
    pub const FILED: Self = Self(1 << 21);
    /// A TLS handshake without a server name.
    pub const NAMELESS: Self = Self(1 << 22);
    /// A certificate.
    pub const SHOWN: Self = Self(1 << 23);
    /// A certificate that is signed by itself, or has no names and stands alone.
    pub const HOME_MADE: Self = Self(1 << 24);
    /// An answer of bytes of no known kind, or of code for bytes.
    pub const CIPHER: Self = Self(1 << 25);
    /// A request with a cookie.
    pub const COOKIE: Self = Self(1 << 26);
    /// A GET with a User-Agent and nothing else that browsers say of themselves.
    pub const PLAIN: Self = Self(1 << 27);
    /// The client's first bytes are those of one that serves: a screen (RFB), a choice of SOCKS.
    pub const OFFERS: Self = Self(1 << 28);
    /// What the server sent begins as code does that runs wherever it stands, or as a program in no known protocol.
    pub const CODE: Self = Self(1 << 29);

    /// The client said something, in a conversation that was neither refused nor left unanswered.
    pub const SPOKE: Self = Self(1 << 30);

    /// [`Self::TURNS`] in a connection whose last turn or record came after more than three seconds.
    pub const LASTING: Self = Self(1 << 31);

    /// A TCP connection without requests in which the client had [four](LARGE_TURNS) [large](LARGE_TURN) turns.
    pub const LARGE: Self = Self(1 << 32);

    /// An answer that is [`dense`].
    pub const DENSE: Self = Self(1 << 33);

    /// A DNS question that [carries](stuffing) more than a question does.
    pub const STUFFED: Self = Self(1 << 34);

    /// The traits of a channel.
    pub fn of(channel: &Channel, host: &HostView) -> Self {
        let mut own = channel.has;
        own = own | Self::DOMAIN.when(channel.domain.is_some());
        own = own | Self::SEVERAL.when(channel.flows.len() >= SEVERAL);
        own | Self::EVENTS.when(!host.timeline.is_empty())
    }

    /// Whether it has one of these.
    pub const fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// Whether it has all of these.
    pub const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    /// Whether a channel of these traits may be what the look is for.
    pub const fn met_by(self, traits: Self) -> bool {
        self.0 == 0 || self.0 & traits.0 != 0
    }

    /// Either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn when(self, has: bool) -> Self {
        if has { self } else { Self::NOTHING }
    }
}

impl BitOr for Traits {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl Traits {
    /// The traits of a flow with its requests.
    pub fn of_flow(flow: &Flow, requests: &[Sketch]) -> Self {
        let mut own = match flow.proto {
            Proto::Tcp => Self::TCP,
            Proto::Icmp | Proto::Icmp6 => Self::ICMP,
            Proto::Udp | Proto::Ip(_) => Self::NOTHING,
        };
        let body = |exchange: &crate::record::Exchange| exchange.request.is_some();
        let posts = flow.http.iter().any(|exchange| exchange.sent() > 0);
        let mails = flow.smtp.as_ref().is_some_and(|smtp| !smtp.mails.is_empty());
        let stream = flow.other.as_ref().is_some_and(|other| other.to_server.is_some());
        own = own | Self::HTTP.when(!flow.http.is_empty()) | Self::POST.when(posts);
        own = own | Self::PIECE.when(mails || stream || flow.http.iter().any(body));
        own = own | Self::TLS.when(flow.tls.is_some());
        own = own | Self::SMTP.when(flow.smtp.is_some()) | Self::FTP.when(flow.ftp.is_some());
        let (app, tcp) = (flow.app(), flow.proto == Proto::Tcp);
        own = own | Self::RAW.when(tcp && flow.state != State::Midstream && app == "unknown");
        own = own | Self::DNS.when(!flow.dns.is_empty()) | Self::RESOLVER.when(app == "dns");
        own = own | Self::STUFFED.when(flow.dns.iter().any(|dns| stuffing(flow, dns) > 0));
        let dead = matches!(flow.state, State::Unanswered | State::Refused);
        own = own | Self::DEAD.when(tcp && dead);
        own = own | Self::SPOKE.when(!dead && flow.payload.to_server > 0);
        own = own | Self::EVENT.when(own.any(Self::DEAD) || timeline::eventful(flow));
        let records = flow.tls.as_ref().map_or(0, |tls| tls.records.len());
        let many = flow.turns.len().max(records) >= TURNS;
        let turned = many && flow.http.is_empty() && flow.dns.is_empty();
        own = own | Self::TURNS.when(turned) | Self::LASTING.when(turned && lasted(flow) > MOMENT);
        let large = |turn: &&Turn| turn.0 == SideName::Client && turn.2 >= LARGE_TURN;
        let large = || flow.turns.iter().filter(large).take(LARGE_TURNS).count() == LARGE_TURNS;
        own = own | Self::LARGE.when(tcp && flow.http.is_empty() && large());
        own = own | Self::unlisted(flow, own);
        if own.any(Self::HTTP.or(Self::PIECE).or(Self::TLS)) {
            own = own | Self::looked_into(flow);
        }
        own = own | requests.iter().fold(Self::NOTHING, |all, sketch| all | Self::of_request(*sketch));
        own = own | flow.http.iter().fold(Self::NOTHING, |all, exchange| all | Self::of_answer(exchange));
        let (up, down) = (&flow.first_bytes.to_server, &flow.first_bytes.to_client);
        let pushed = flow.other.as_ref().and_then(|other| other.to_client.as_deref());
        own = own | Self::CODE.when(code(pushed.map_or(&down.0, |body| &body.first.0)));
        own = own | Self::OFFERS.when(tcp && (up.0.starts_with(b"RFB 00") || up.0.starts_with(&[5, 0])));
        let telling =
            |(exchange, sketch): (&Exchange, &Sketch)| likeness::telling(exchange, sketch).is_some();
        own | Self::TELLING.when(flow.http.iter().zip(requests).any(telling))
    }

    const fn of_request(sketch: Sketch) -> Self {
        const BROWSERS: u16 = sketch::ACCEPT | sketch::LANGUAGE | sketch::ENCODING | sketch::REFERER;
        let cookie = Self::COOKIE.when(sketch.has & sketch::COOKIE != 0);
        let plain = sketch.method == sketch::GET && sketch.has & (BROWSERS | sketch::AGENT) == sketch::AGENT;
        cookie.or(Self::PLAIN.when(plain))
    }

    fn of_answer(exchange: &Exchange) -> Self {
        let Some(body) = exchange.response.as_deref() else { return Self::NOTHING };
        let cipher = match body.shape {
            Some(Shape::Binary) => body.magic.is_none() && body.encoding.is_none(),
            Some(Shape::Base64 | Shape::Hex) => true,
            _ => false,
        };
        Self::CIPHER.when(cipher) | Self::CODE.when(bare_code(&body.first.0)) | Self::DENSE.when(dense(body))
    }

    /// Whether a flow is a file, or in no listed protocol.
    fn unlisted(flow: &Flow, own: Self) -> Self {
        const LISTED: Traits = Traits::HTTP.or(Traits::TLS).or(Traits::SMTP).or(Traits::FTP).or(Traits::DNS);
        let Some(other) = flow.other.as_ref() else { return Self::UNLISTED.when(!own.any(LISTED)) };
        if other.protocol.as_deref() == Some("ftp-data") {
            return Self::FILE;
        }
        // A conversation may turn into a listed protocol after bytes of its own.
        let before = other.to_server.is_some() || other.to_client.is_some();
        Self::UNLISTED.when(before || !own.any(LISTED))
    }

    /// What pieces and certificates are.
    fn looked_into(flow: &Flow) -> Self {
        let mut own = Self::FILED.when(flow.parent.is_some());
        let requests = flow.http.iter().filter_map(|exchange| exchange.request.as_deref());
        let mails = flow.smtp.iter().flat_map(|smtp| &smtp.mails).map(|mail| &mail.body);
        let stream = flow.other.iter().filter_map(|other| other.to_server.as_deref());
        for body in requests.chain(mails).chain(stream) {
            own = own | Self::of_piece(body);
        }
        if let Some(tls) = flow.tls.as_deref() {
            own = own | Self::NAMELESS.when(tls.sni.is_none());
            if let Some(leaf) = tls.certificates.first() {
                let alone = leaf.names.is_empty() && tls.certificates.len() == 1;
                own = own | Self::SHOWN | Self::HOME_MADE.when(leaf.self_signed || alone);
            }
        }
        own
    }

    fn of_piece(body: &Body) -> Self {
        let parts = !body.parts.is_empty();
        let filed = parts || body.archive.is_some() || body.file_name.is_some();
        Self::MARKED.when(parts || !body.markers.is_empty()) | Self::FILED.when(filed)
    }
}

/// Least answer of which its entropy tells, in bytes.
const MIN_DENSE: u64 = 2_000;
/// Entropy from which bytes are cipher or packed, in bits a byte.
const DENSE: f32 = 7.7;

/// Whether an answer is cipher or packed bytes of no known kind, and not short.
pub fn dense(body: &Body) -> bool {
    body.shape == Some(Shape::Binary)
        && body.magic.is_none()
        && body.encoding.is_none()
        && body.bytes >= MIN_DENSE
        && body.entropy.is_some_and(|bits| bits >= DENSE)
}

/// Bytes of a DNS question beyond its name and the room that extensions may take.
pub fn stuffing(flow: &Flow, dns: &Dns) -> u64 {
    /// Header, end of the name, type and class (RFC 1035, 4.1).
    const AROUND: u64 = 12 + 2 + 4;
    /// An OPT record with a subnet and a cookie takes some 80 bytes (RFC 6891, 7871, 7873).
    const EXTENSIONS: u64 = 256;
    /// Clients that pad do it to multiples of 64 bytes (DNSCrypt) or 128 (RFC 8467, 4.1).
    const BLOCK: u32 = 64;
    // Multicast lists the answers that are known (RFC 6762, 7.1); keys, transfers and updates are records themselves.
    let listed = matches!(flow.server.port, 5353 | 5355 | 137);
    let padded = dns.bytes.0.is_multiple_of(BLOCK);
    if listed || padded || matches!(&*dns.kind, "SOA" | "TKEY" | "IXFR" | "AXFR" | "ANY") {
        return 0;
    }
    u64::from(dns.bytes.0).saturating_sub(dns.query.len() as u64 + AROUND + EXTENSIONS)
}

/// Whether bytes begin as position-independent code for 32 or 64 bits does that every stager loads (cld; call).
pub fn bare_code(first: &[u8]) -> bool {
    first.starts_with(&[0xfc, 0xe8]) || first.starts_with(&[0xfc, 0x48, 0x83, 0xe4])
}

/// Whether bytes begin as a program or such code, maybe behind a length.
pub fn code(first: &[u8]) -> bool {
    let at = |n: usize| first.get(n..).unwrap_or(&[]);
    let begins = |bytes: &[u8]| {
        bytes.starts_with(b"MZ")
            || bytes.starts_with(&[0xfc, 0xe8])
            || bytes.starts_with(&[0xfc, 0x48, 0x83, 0xe4, 0xf0])
    };
    begins(at(0)) || begins(at(4))
}

/// The last turn or record of a flow, in microseconds after its start.
fn lasted(flow: &Flow) -> i64 {
    let records = flow.tls.iter().flat_map(|tls| &tls.records).map(|record| record.1);
    flow.turns.iter().map(|turn| turn.1).chain(records).max().unwrap_or(0)
}
