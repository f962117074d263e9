//! What the protocols state about a flow.

use super::{Body, Headers, Hex, SideName, Texts, is_zero};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;

/// All that a dissector may state about one conversation.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Facts {
    /// TLS, the first handshake of the connection.
    pub tls: Option<Box<Tls>>,
    /// QUIC; its hellos are in `tls`.
    pub quic: Option<Box<Quic>>,
    /// HTTP exchanges in order.
    pub http: Vec<Exchange>,
    /// DNS questions with their answers.
    pub dns: Vec<Dns>,
    /// A mail dialogue.
    pub smtp: Option<Box<Smtp>>,
    /// An FTP control connection.
    pub ftp: Option<Box<Ftp>>,
    /// Anything else.
    pub other: Option<Box<Other>>,
    /// Hints about who the client or another host is.
    pub hints: Vec<Hint>,
}

/// One TLS handshake and the records after it.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Negotiated version, else the client's highest: `SSLv3`, `TLS1.0` ... `TLS1.3`.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub version: SmolStr,
    /// Server name of the ClientHello, lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<SmolStr>,
    /// ALPN names the client offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<SmolStr>,
    /// JA3 (MD5, hexadecimal).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja3: Option<SmolStr>,
    /// JA3S of the ServerHello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja3s: Option<SmolStr>,
    /// JA4 of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja4: Option<SmolStr>,
    /// Cipher suite the server chose, IANA number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<u16>,
    /// Frame in which the ClientHello was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// Application data was exchanged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub established: bool,
    /// Certificates of the server in the order sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Arc<Certificate>>,
    /// Application-data records, the first ones up to a bound: who sent, microseconds after the flow's start,
    /// record length in bytes, frame.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<(SideName, i64, u32, u64)>,
    /// What came before the handshake: `starttls-smtp`, `connect`, `socks5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<SmolStr>,
}

/// A QUIC connection (RFC 9000). What its hellos say is in `tls` of the flow, if they could be read.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quic {
    /// Version: `1`, `2`, `draft-29`, or its number as `0xfaceb002`; empty where only a list of versions was seen.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub version: SmolStr,
}

/// Fields of one X.509 certificate (RFC 5280).
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// Subject in RFC 4514 style.
    pub subject: String,
    /// Issuer likewise.
    pub issuer: String,
    /// Common name of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cn: Option<String>,
    /// DNS names and addresses it is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// Subject and issuer are equal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub self_signed: bool,
    /// SHA-1 of the DER, hexadecimal.
    pub sha1: String,
    /// SHA-256 of the DER, hexadecimal.
    pub sha256: String,
}

/// One HTTP request with its response.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exchange {
    /// Request method; empty where only the response was captured.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub method: SmolStr,
    /// Authority by absolute-form target, else Host header, lower case, as sent (port included).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<SmolStr>,
    /// Path with query, at most 2,048 bytes; values of secret-looking query parameters are masked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// `1.0`, `1.1`, `0.9`, `2`.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub version: SmolStr,
    /// Request headers in order, names as sent; secrets are masked (`Cookie: id=<34>`).
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
    /// Status code, absent without a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Response headers in order.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub response_headers: Headers,
    /// Request body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<Body>>,
    /// Response body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Box<Body>>,
    /// When the request began (the response, where there is no request).
    pub time: Timestamp,
    /// Frame where it began.
    pub frame: u64,
    /// Last frame of request and response.
    pub last_frame: u64,
}

impl Exchange {
    /// The value of a request header, by case-insensitive name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
    /// Bytes of the request body, 0 without one.
    pub fn sent(&self) -> u64 {
        self.request.as_ref().map_or(0, |body| body.bytes)
    }
    /// Bytes of the response body, 0 without one.
    pub fn received(&self) -> u64 {
        self.response.as_ref().map_or(0, |body| body.bytes)
    }
}

/// One DNS question and its answer.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// The name asked for, lower case, without the trailing dot; `.` for the root.
    pub query: SmolStr,
    /// Record type: `A`, `TXT`, ..., or `TYPE123`.
    #[serde(rename = "type")]
    pub kind: SmolStr,
    /// Response code: `NOERROR`, `NXDOMAIN`, ...; absent without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcode: Option<SmolStr>,
    /// Answers as text: addresses, names, `"TXT:<bytes>"`; bounded.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub answers: Texts,
    /// When it was asked (answered, where the question was not captured).
    pub time: Timestamp,
    /// Frame of the question (of the answer, without one).
    pub frame: u64,
    /// Bytes of the DNS message asked and answered.
    pub bytes: (u32, u32),
}

impl Dns {
    /// The addresses among the answers.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.answers.iter().filter_map(|answer| answer.parse().ok())
    }
}

/// A mail submission or relay dialogue (RFC 5321).
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Smtp {
    /// The server's greeting, at most 200 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// The name the client gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ehlo: Option<String>,
    /// Authentication mechanism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// Account name; never the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The server accepted the login.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
    /// The connection went on in TLS; `tls` of the flow has the rest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub starttls: bool,
    /// Mails in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mails: Vec<Mail>,
}

/// One mail.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// Envelope sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Envelope recipients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Subject, encoded words undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Header names in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Program that made it (X-Mailer or User-Agent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailer: Option<String>,
    /// Other header values that tell tools apart: `Thread-Topic`, `From` display name; name and value.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub hints: Headers,
    /// The message after its header.
    pub body: Body,
    /// The server's reply code to the end of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<u16>,
    /// When the data began.
    pub time: Timestamp,
    /// First and last frame of it.
    pub frames: (u64, u64),
}

/// An FTP control connection (RFC 959).
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ftp {
    /// The server's greeting, at most 200 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// Login name; never the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The server accepted the login.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
    /// Commands in order: verb, argument (none for PASS), reply code (0 without one), frame. Bounded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<(String, String, u16, u64)>,
}

/// What is known of a conversation in no listed protocol, or in one that is only recognised.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Other {
    /// The protocol if it is recognised by its first bytes: `ssh`, `mqtt`, `ftp-data`, `rdp`, `stun`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<SmolStr>,
    /// What names the thing transferred: the FTP path of a data connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The command that led to it (`STOR`, `RETR`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// What the client sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_server: Option<Box<Body>>,
    /// What the server sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_client: Option<Box<Body>>,
    /// Messages after the first that begin with the same bytes as the first of their side: the common prefix,
    /// at most 16 bytes, for each side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<(Hex, Hex)>,
}

/// A hint about who a host is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// The host it is about.
    pub addr: IpAddr,
    /// `name`, `user`, `domain`, `os`, `mac`.
    pub kind: SmolStr,
    /// The value.
    pub value: SmolStr,
    /// Where it stood: `dhcp`, `nbns`, `smtp-ehlo`, `http-user-agent`, `imap`, `pop3`, ...
    pub source: SmolStr,
    /// When.
    pub time: Timestamp,
    /// Frame it stood in.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub frame: u64,
}
