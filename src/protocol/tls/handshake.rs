//! Handshake messages and record headers to facts, whatever carried them.

use super::certificate;
use super::fingerprint::{self, Carried};
use super::lenient::old_client_hello;
use super::parser::{ClientHello, ServerHello, text, version_name};
use super::strict;
use crate::anomaly::Kind;
use crate::flow::{At, Side};
use crate::protocol::{Shared, Start};
use crate::record::{SideName, Tls};
use crate::time::Timestamp;
use smol_str::SmolStr;
use tls_parser::TlsHandshakeType;

/// Handshake message types (RFC 8446, appendix B.3).
pub const CLIENT_HELLO: u8 = TlsHandshakeType::ClientHello.0;
/// The server's answer, or its wish for another ClientHello.
pub const SERVER_HELLO: u8 = TlsHandshakeType::ServerHello.0;
/// A chain of certificates; in clear up to TLS 1.2.
pub const CERTIFICATE: u8 = TlsHandshakeType::Certificate.0;

/// Application-data records stated for one connection; later ones show in the turns of the flow.
pub const MAX_RECORDS: usize = 128;
/// Certificates stated; chains seldom have more than four.
const MAX_CERTIFICATES: usize = 8;
/// Protocol names stated.
const MAX_ALPN: usize = 16;
/// Longest server name stated, in bytes; DNS allows 255.
const MAX_SERVER_NAME: usize = 512;
/// Longest encrypted alert in bytes (RFC 8446, section 5.2: two bytes, type, tag), with room for padding. A
/// Finished has at least 53.
const MAX_ALERT: u32 = 32;

/// Whether a message of this type is read; others are passed over.
pub const fn is_wanted(kind: u8) -> bool {
    matches!(kind, CLIENT_HELLO | SERVER_HELLO | CERTIFICATE)
}

/// What is known of a connection so far.
#[derive(Debug)]
pub struct Handshake {
    /// The facts.
    pub facts: Tls,
    carried: Carried,
    begin: Timestamp,
    /// A ClientHello was read.
    hello: bool,
    /// A ServerHello that agrees to something was read.
    pub agreed: bool,
    /// A ServerHello that does not.
    pub retry: bool,
    /// Records longer than an alert that the client sent, at most 2 are counted.
    sent: u8,
}

impl Handshake {
    /// Nothing known yet.
    pub fn new(start: &Start, carried: Carried) -> Self {
        Self {
            facts: Tls { after: start.after.map(SmolStr::new), ..Tls::default() },
            carried,
            begin: start.opening.at.time,
            hello: false,
            agreed: false,
            retry: false,
            sent: 0,
        }
    }

    /// Takes a whole handshake message of `side`. A client's certificates are its own affair.
    pub fn message(&mut self, side: Side, kind: u8, body: &[u8], at: At, shared: &mut Shared) {
        match kind {
            CLIENT_HELLO => self.client_hello(body, Some(at)),
            SERVER_HELLO => self.server_hello(body),
            CERTIFICATE if side == Side::Server => self.certificates(body, at, shared),
            _ => {}
        }
    }

    /// Whether the client or the server has said anything that could be read.
    pub fn is_known(&self) -> bool {
        self.hello || self.agreed || self.retry
    }

    /// Whether nothing more is wanted of a side's hellos.
    pub fn has_hello(&self, side: Side) -> bool {
        if side == Side::Client { self.hello } else { self.agreed }
    }

    /// Takes what there is of a ClientHello whose rest was never captured.
    pub fn cut_client_hello(&mut self, body: &[u8]) {
        self.client_hello(body, None);
    }

    /// Takes a ClientHello in the layout of SSL 2.0: it states nothing but a version.
    pub fn old_client_hello(&mut self, body: &[u8], at: At) {
        if let (false, Some(version)) = (self.hello, old_client_hello(body)) {
            self.hello = true;
            self.facts.frame = Some(at.frame);
            self.name_version(version);
        }
    }

    /// The first ClientHello counts: what follows a HelloRetryRequest or a cookie is the same client.
    fn client_hello(&mut self, body: &[u8], at: Option<At>) {
        let Some(hello) = ClientHello::read(body, self.carried == Carried::Dtls) else { return };
        if self.hello || version_name(hello.version).is_empty() {
            return;
        }
        self.hello = true;
        self.facts.frame = at.map(|at| at.frame);
        self.facts.sni =
            hello.server_name.map(server_name).filter(|name| !name.is_empty()).map(SmolStr::from);
        self.facts.alpn = hello.protocols.iter().take(MAX_ALPN).map(|name| text(name, 255).into()).collect();
        if hello.whole && at.is_some() {
            self.facts.ja3 = Some(fingerprint::ja3(&hello));
            self.facts.ja4 = Some(fingerprint::ja4(&hello, self.carried));
        }
        let offered = hello.versions.iter().copied().filter(|version| !version_name(*version).is_empty());
        let newest = match self.carried {
            // 0304 may stand beside drafts, whose numbers are higher but whose name is the same.
            Carried::Tcp | Carried::Quic => offered.max(),
            Carried::Dtls => offered.filter(|version| *version >= 0xfe00).min(),
        };
        if !self.agreed {
            self.name_version(newest.unwrap_or(hello.version));
        }
    }

    fn server_hello(&mut self, body: &[u8]) {
        let Some(hello) = ServerHello::read(body) else { return };
        if self.agreed || version_name(hello.version).is_empty() {
            return;
        }
        self.name_version(hello.version);
        if hello.retry {
            self.retry = true;
            return;
        }
        self.agreed = true;
        self.facts.cipher = Some(hello.suite);
        if hello.whole {
            self.facts.ja3s = Some(fingerprint::ja3s(&hello));
        }
    }

    fn name_version(&mut self, version: u16) {
        self.facts.version = SmolStr::new(version_name(version));
    }

    /// Takes the server's chain (RFC 5246, section 7.4.2).
    fn certificates(&mut self, body: &[u8], at: At, shared: &mut Shared) {
        if !self.facts.certificates.is_empty() {
            return;
        }
        for der in strict::certificates(body) {
            if self.facts.certificates.len() == MAX_CERTIFICATES {
                shared.log.note(Kind::Limit, at.capture, Some(at.frame), "certificates beyond the bound");
                return;
            }
            let (certificate, good) = certificate::known(der, &mut shared.certificates);
            if !good {
                shared.log.note(Kind::Undecodable, at.capture, Some(at.frame), "X.509 certificate");
            }
            self.facts.certificates.push(certificate);
        }
    }

    /// Whether as many records are stated as the bound allows: nothing more is wanted of either side.
    pub fn is_full(&self) -> bool {
        self.facts.records.len() >= MAX_RECORDS
    }

    /// Takes the header of an application-data record; `length` is that of the record's body.
    ///
    /// In TLS 1.3 the encrypted part of the handshake looks like application data. Its client sends one such record,
    /// Finished, before its own data, and the server none between its own Finished and the client's unless it has
    /// data. So the connection counts as established when the client sends a second one, or the server one after
    /// the client's first; alerts are told by their length. (A client certificate or early data make the client's
    /// Finished its second record: the server has then accepted more than a hello, which is near enough.)
    pub fn application_data(&mut self, side: Side, length: u32, at: At) {
        self.record(side, length, at);
        if self.facts.established {
            return;
        }
        let hidden = self.retry || matches!(self.facts.version.as_str(), "TLS1.3" | "DTLS1.3");
        if !hidden {
            self.facts.established = true;
        } else if length > MAX_ALERT {
            let before = self.sent;
            self.sent = (before + u8::from(side == Side::Client)).min(2);
            self.facts.established = self.sent == 2 || (side == Side::Server && before > 0);
        }
    }
}

impl Handshake {
    /// Takes a record of DTLS 1.3 whose epoch says that it is data and no handshake: the client has none before it is
    /// done.
    pub fn sealed_data(&mut self, side: Side, length: u32, at: At) {
        self.record(side, length, at);
        self.facts.established |= side == Side::Client;
    }

    fn record(&mut self, side: Side, length: u32, at: At) {
        if !self.is_full() {
            let name = if side == Side::Client { SideName::Client } else { SideName::Server };
            let micros = at.time.since(self.begin).as_micros();
            let records = &mut self.facts.records;
            if records.len() == records.capacity() {
                // Connections have them for as long as they last.
                records.reserve_exact(4 + records.len() / 2);
            }
            records.push((name, micros, length, at.frame));
        }
    }
}

/// A server name as facts give it: lower case, one trailing dot taken off, else as sent.
fn server_name(raw: &[u8]) -> String {
    let raw = raw.strip_suffix(b".").unwrap_or(raw);
    let mut name = text(raw, MAX_SERVER_NAME);
    name.make_ascii_lowercase();
    name
}
