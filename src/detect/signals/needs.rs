//! What a look cannot do without, as bits: most looks at most channels end here, before a flow is read.

use crate::detect::ledger::{Channel, HostView, Ledger};
use crate::record::{Flow, Proto, State};
use std::ops::BitOr;

/// Traits of a channel. A look names those of which it needs one at least; none where it always looks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Needs(u16);

/// Flows that are few for any regularity.
const SEVERAL: usize = 4;
/// Turns or records of one connection that are too few for any regularity.
const TURNS: usize = 6;

impl Needs {
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

    /// The traits of a channel.
    pub fn of(ledger: &Ledger, channel: &Channel, host: &HostView) -> Self {
        let flows = channel.flows.iter().filter_map(|&index| ledger.flows.get(index));
        let mut own = flows.map(of_flow).fold(Self::NOTHING, BitOr::bitor);
        own = own | Self::DOMAIN.when(channel.domain.is_some());
        own = own | Self::SEVERAL.when(channel.flows.len() >= SEVERAL);
        own | Self::EVENTS.when(!host.timeline.is_empty())
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

impl BitOr for Needs {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

fn of_flow(flow: &Flow) -> Needs {
    let mut own = match flow.proto {
        Proto::Tcp => Needs::TCP,
        Proto::Icmp | Proto::Icmp6 => Needs::ICMP,
        Proto::Udp | Proto::Ip(_) => Needs::NOTHING,
    };
    let body = |exchange: &crate::record::Exchange| exchange.request.is_some();
    let posts = flow.http.iter().any(|exchange| exchange.sent() > 0);
    let mails = flow.smtp.as_ref().is_some_and(|smtp| !smtp.mails.is_empty());
    let stream = flow.other.as_ref().is_some_and(|other| other.to_server.is_some());
    own = own | Needs::HTTP.when(!flow.http.is_empty()) | Needs::POST.when(posts);
    own = own | Needs::PIECE.when(mails || stream || flow.http.iter().any(body));
    own = own | Needs::TLS.when(flow.tls.is_some());
    own = own | Needs::SMTP.when(flow.smtp.is_some()) | Needs::FTP.when(flow.ftp.is_some());
    let begun = flow.proto == Proto::Tcp && flow.state != State::Midstream;
    own = own | Needs::RAW.when(begun && super::opaque(flow));
    let records = flow.tls.as_ref().map_or(0, |tls| tls.records.len());
    let many = flow.turns.len().max(records) >= TURNS;
    own | Needs::TURNS.when(many && flow.http.is_empty() && flow.dns.is_empty())
}
