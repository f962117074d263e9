//! One conversation.

use super::{Dns, Exchange, Facts, Ftp, Hex, Other, Quic, Smtp, Tls, is_zero};
use crate::time::Timestamp;
use base64::Engine as _;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::net::IpAddr;

/// A pair of figures, one for what went to the server and one for what went to the client.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sides {
    /// What the client sent.
    pub to_server: u64,
    /// What the server sent.
    pub to_client: u64,
}

impl Sides {
    fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// Who sent, in records.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum SideName {
    /// The client.
    #[default]
    #[serde(rename = "c")]
    Client,
    /// The server.
    #[serde(rename = "s")]
    Server,
}

/// How the client was told from the server.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientBy {
    /// It sent the SYN.
    Syn,
    /// The protocol says so.
    Protocol,
    /// The other side has the lower or better known port.
    Port,
    /// It sent the first packet seen.
    #[default]
    First,
}

/// The client of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Address.
    pub addr: IpAddr,
    /// Port; for ICMP the type.
    pub port: u16,
    /// How it was told from the server.
    pub by: ClientBy,
    /// Its link-layer address, `02:00:5e:00:53:01`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mac: Option<Mac>,
}

/// A link-layer address, printed `02:00:5e:00:53:01`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
        let mut text = [b':'; 17];
        for (place, byte) in text.chunks_mut(3).zip(self.0) {
            place[0] = digit(byte >> 4);
            place[1] = digit(byte);
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| std::fmt::Error)?)
    }
}

impl std::str::FromStr for Mac {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a link-layer address is six bytes in hexadecimal with colons between them";
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2).ok_or(WRONG)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| WRONG)?;
        }
        if parts.next().is_some() { Err(WRONG) } else { Ok(Self(bytes)) }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The server of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Address.
    pub addr: IpAddr,
    /// Port; for ICMP the code.
    pub port: u16,
}

/// The frames of a flow in one capture.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Frames {
    /// First frame number.
    pub first: u64,
    /// Last frame number.
    pub last: u64,
    /// How many.
    pub count: u64,
}

/// The frames of a flow in a further capture of the same run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Continued {
    /// Index of the capture.
    pub capture: u32,
    /// Its frames there.
    pub frames: Frames,
}

/// Transport of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proto {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP for IPv4.
    Icmp,
    /// ICMP for IPv6.
    Icmp6,
    /// Another IP protocol by number, printed `ip-47`.
    Ip(u8),
}

impl std::fmt::Display for Proto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp => f.write_str("tcp"),
            Self::Udp => f.write_str("udp"),
            Self::Icmp => f.write_str("icmp"),
            Self::Icmp6 => f.write_str("icmp6"),
            Self::Ip(number) => write!(f, "ip-{number}"),
        }
    }
}

impl Serialize for Proto {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Proto {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Ok(match &*text {
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "icmp" => Self::Icmp,
            "icmp6" => Self::Icmp6,
            other => match other.strip_prefix("ip-").and_then(|n| n.parse().ok()) {
                Some(number) => Self::Ip(number),
                None => return Err(de::Error::custom("unknown transport")),
            },
        })
    }
}

/// How far a conversation came.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// TCP: only SYNs, no answer.
    Unanswered,
    /// TCP: the SYN was answered by RST.
    Refused,
    /// TCP: handshake seen, not ended in the capture.
    Open,
    /// TCP: ended by FIN.
    Closed,
    /// TCP: ended by RST after the handshake.
    Reset,
    /// TCP: no handshake in the capture.
    Midstream,
    /// Not TCP.
    #[default]
    Datagrams,
}

/// A run of bytes in one direction before the other side answers or a second of silence: who sent,
/// microseconds after the flow's start, payload bytes, frame of the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Turn(pub SideName, pub i64, pub u64, pub u64);

/// What became of turns beyond the bound: enough to show period and sizes.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TurnsRest {
    /// Turns of the client and of the server that are not listed.
    pub count: Sides,
    /// Their bytes.
    pub bytes: Sides,
    /// Pauses between the starts of client turns, unlisted ones only: milliseconds (lower bound of a bin some 5 %
    /// wide) and how many; by size.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps_ms: Vec<(u64, u64)>,
    /// Sizes of client turns in bytes and how many; the commonest, by size.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<(u64, u64)>,
    /// Microseconds after the flow's start of the last turn.
    pub last: i64,
}

/// Identifies a flow in a run: the first 8 bytes of a hash of tunnel, endpoints, transport and start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

impl std::fmt::Display for FlowId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for FlowId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FlowId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(de::Error::custom)
    }
}

/// Community ID version 1: the SHA-1 that is printed as `1:` and base64.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommunityId(pub [u8; 20]);

impl std::fmt::Display for CommunityId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1:{}", base64::engine::general_purpose::STANDARD.encode(self.0))
    }
}

impl std::str::FromStr for CommunityId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digest = text.strip_prefix("1:").ok_or("a Community ID starts with 1:")?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(digest).map_err(|_| "not base64")?;
        bytes.try_into().map(Self).map_err(|_| "not 20 bytes")
    }
}

impl Serialize for CommunityId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CommunityId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

macro_rules! text_schema {
    ($($name:ident: $pattern:literal),*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    )*};
}
text_schema!(Proto: "^(tcp|udp|icmp|icmp6|ip-[0-9]+)$", FlowId: "^[0-9a-f]{16}$", CommunityId: "^1:[A-Za-z0-9+/]{27}=$",
    Mac: "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$");

/// A conversation: one transport, two endpoints, one life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Its identity in the run.
    pub id: FlowId,
    /// Community ID v1, seed 0, of the innermost addresses.
    pub community_id: CommunityId,
    /// Index of the capture it began in.
    pub capture: u32,
    /// Its frames there.
    pub frames: Frames,
    /// Its frames in later captures of the run.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub continued: Vec<Continued>,
    /// Encapsulation path of its first packet, outermost first: `vlan:7`, `vxlan:42`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub link: Vec<String>,
    /// Transport.
    pub proto: Proto,
    /// Who asked.
    pub client: Client,
    /// Who was asked.
    pub server: Endpoint,
    /// Time of the first packet.
    pub start: Timestamp,
    /// Time of the last packet.
    pub end: Timestamp,
    /// How far it came.
    pub state: State,
    /// Packets.
    pub packets: Sides,
    /// Bytes on the wire, link headers included.
    pub bytes: Sides,
    /// Transport payload, each byte once.
    pub payload: Sides,
    /// Payload bytes that were never captured.
    #[serde(skip_serializing_if = "Sides::is_zero", default)]
    pub gaps: Sides,
    /// Turns in order, up to a bound.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub turns: Vec<Turn>,
    /// Turns beyond the bound.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub turns_rest: Option<Box<TurnsRest>>,
    /// First payload bytes of each side, at most 48; absent where the protocol is recognised.
    #[serde(skip_serializing_if = "FirstBytes::is_empty", default)]
    pub first_bytes: FirstBytes,
    /// Flows of the same capture that this one belongs to, as the FTP control connection of a data connection.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<FlowId>,
    /// Anomalous retransmissions with other content.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub conflicts: u64,
    /// TLS facts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tls: Option<Box<Tls>>,
    /// QUIC facts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quic: Option<Box<Quic>>,
    /// HTTP exchanges.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub http: Vec<Exchange>,
    /// DNS questions.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dns: Vec<Dns>,
    /// Mail dialogue.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub smtp: Option<Box<Smtp>>,
    /// FTP control dialogue.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ftp: Option<Box<Ftp>>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub other: Option<Box<Other>>,
}

/// First payload bytes of each side.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FirstBytes {
    /// Of the client.
    #[serde(skip_serializing_if = "Hex::is_empty")]
    pub to_server: Hex,
    /// Of the server.
    #[serde(skip_serializing_if = "Hex::is_empty")]
    pub to_client: Hex,
}

impl FirstBytes {
    fn is_empty(&self) -> bool {
        self.to_server.is_empty() && self.to_client.is_empty()
    }
}

impl Flow {
    /// Takes what a dissector stated. Hints go to the hosts, not here.
    pub fn take(&mut self, facts: Facts) {
        self.tls = facts.tls;
        self.quic = facts.quic;
        self.http = facts.http;
        self.dns = facts.dns;
        self.smtp = facts.smtp;
        self.ftp = facts.ftp;
        self.other = facts.other;
    }

    /// The application protocol in one word: `quic`, `tls`, `http`, `dns`, `smtp`, `ftp`, a recognised other, or `unknown`.
    pub fn app(&self) -> &str {
        if self.smtp.is_some() {
            "smtp"
        } else if self.ftp.is_some() {
            "ftp"
        } else if self.quic.is_some() {
            "quic"
        } else if self.tls.is_some() {
            "tls"
        } else if !self.http.is_empty() {
            "http"
        } else if !self.dns.is_empty() {
            "dns"
        } else {
            self.other.as_ref().and_then(|other| other.protocol.as_deref()).unwrap_or("unknown")
        }
    }

    /// The order of records: by start, capture, first frame, id.
    pub fn order(&self) -> (Timestamp, u32, u64, FlowId) {
        (self.start, self.capture, self.frames.first, self.id)
    }
}
