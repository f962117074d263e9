//! What a flow or a channel has, as bits: most looks at most channels end here, before a record is read.

use super::{Channel, HostView, Ledger, timeline};
use crate::record::{Flow, Proto, State};
use std::ops::BitOr;

/// Traits of a flow, or of a channel: those of its flows and some of its own. A look names those of which it needs
/// one at least; none where it always looks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Traits(u32);

/// Flows that are few for any regularity.
const SEVERAL: usize = 4;
/// Turns or records of one connection that are too few for any regularity.
const TURNS: usize = 6;

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

    /// The traits of a channel.
    pub fn of(ledger: &Ledger, channel: &Channel, host: &HostView) -> Self {
        let flows = channel.flows.iter().filter_map(|index| ledger.traits.get(index));
        let mut own = flows.copied().fold(Self::NOTHING, BitOr::bitor);
        own = own | Self::DOMAIN.when(channel.domain.is_some());
        own = own | Self::SEVERAL.when(channel.flows.len() >= SEVERAL);
        own | Self::EVENTS.when(!host.timeline.is_empty())
    }

    /// Whether it has one of these.
    pub const fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
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

impl From<&Flow> for Traits {
    /// The traits of a flow.
    fn from(flow: &Flow) -> Self {
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
        own = own | Self::DEAD.when(tcp && matches!(flow.state, State::Unanswered | State::Refused));
        own = own | Self::EVENT.when(own.any(Self::DEAD) || timeline::eventful(flow));
        let records = flow.tls.as_ref().map_or(0, |tls| tls.records.len());
        let many = flow.turns.len().max(records) >= TURNS;
        own | Self::TURNS.when(many && flow.http.is_empty() && flow.dns.is_empty())
    }
}
