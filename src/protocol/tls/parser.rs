//! What hellos say (RFC 8446, section 4.1; RFC 5246, section 7.4.1), whichever reader took them apart.

use super::{lenient, strict};

/// Extension types (IANA, TLS ExtensionType Values).
pub mod kind {
    use tls_parser::TlsExtensionType as Kind;

    /// Server name indication (RFC 6066).
    pub const SERVER_NAME: u16 = Kind::ServerName.0;
    /// Elliptic curves or key exchange groups (RFC 8446).
    pub const GROUPS: u16 = Kind::SupportedGroups.0;
    /// Elliptic curve point formats (RFC 8422).
    pub const POINT_FORMATS: u16 = Kind::EcPointFormats.0;
    /// Signature algorithms (RFC 8446).
    pub const SIGNATURE_ALGORITHMS: u16 = Kind::SignatureAlgorithms.0;
    /// Application-layer protocol negotiation (RFC 7301).
    pub const ALPN: u16 = Kind::ApplicationLayerProtocolNegotiation.0;
    /// Supported versions (RFC 8446).
    pub const VERSIONS: u16 = Kind::SupportedVersions.0;
}

/// The random of a ServerHello that asks for another ClientHello: SHA-256 of `HelloRetryRequest` (RFC 8446,
/// section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Whether a value is one of those that are sent to be ignored (RFC 8701).
pub fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// The 16-bit numbers of a list, GREASE left out; an odd last byte is, too.
pub fn numbers(list: &[u8]) -> Vec<u16> {
    let all = list.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    all.filter(|number| !is_grease(*number)).collect()
}

/// What a client says first. Lists are in the order sent, without GREASE. Of repeated extensions the first counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The version field; TLS 1.3 hides in an extension.
    pub version: u16,
    /// Cipher suites.
    pub suites: Vec<u16>,
    /// Extension types, each as often as it was sent.
    pub kinds: Vec<u16>,
    /// The server's name as sent: the first that is not empty. With encrypted hellos that of the outer one.
    pub server_name: Option<&'a [u8]>,
    /// Key exchange groups.
    pub groups: Vec<u16>,
    /// Elliptic curve point formats.
    pub point_formats: &'a [u8],
    /// Signature algorithms.
    pub signatures: Vec<u16>,
    /// Names of the protocols offered, as sent.
    pub protocols: Vec<&'a [u8]>,
    /// Versions of the extension; none without it.
    pub versions: Vec<u16>,
    /// It was all there, so that fingerprints may be taken.
    pub whole: bool,
    seen: Seen,
}

impl<'a> ClientHello<'a> {
    /// Reads the body of the handshake message. With `cookie` the layout is that of DTLS (RFC 6347).
    ///
    /// `None` if not even the version is there.
    pub fn read(body: &'a [u8], cookie: bool) -> Option<Self> {
        // The crate's reader of DTLS hellos is not public.
        let strict = if cookie { None } else { strict::client_hello(body) };
        strict.or_else(|| lenient::client_hello(body, cookie))
    }

    /// Nothing but a version.
    pub fn new(version: u16) -> Self {
        Self { version, ..Self::default() }
    }

    /// Notes that an extension of this type comes; whether it is the first, where that is asked.
    pub fn is_new(&mut self, kind: u16) -> bool {
        if !is_grease(kind) {
            self.kinds.push(kind);
        }
        self.seen.is_new(kind)
    }
}

/// Which of the first 64 extension types have come; all of [`kind`] are among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen(u64);

impl Seen {
    fn is_new(&mut self, kind: u16) -> bool {
        let bit = 1u64.checked_shl(kind.into()).unwrap_or(0);
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHello {
    /// The version agreed: that of the extension, else of the field.
    pub version: u16,
    /// The version field.
    pub legacy_version: u16,
    /// The cipher suite chosen.
    pub suite: u16,
    /// Extension types in the order sent.
    pub kinds: Vec<u16>,
    /// It asks for another ClientHello and agrees to nothing.
    pub retry: bool,
    /// It was all there.
    pub whole: bool,
    seen: Seen,
}

impl ServerHello {
    /// Reads the body of the handshake message.
    pub fn read(body: &[u8]) -> Option<Self> {
        strict::server_hello(body).or_else(|| lenient::server_hello(body))
    }

    /// What stands before the extensions.
    pub fn new(version: u16, suite: u16, random: &[u8]) -> Self {
        let (kinds, retry, seen) = (Vec::new(), random == RETRY, Seen::default());
        Self { version, legacy_version: version, suite, kinds, retry, whole: false, seen }
    }

    /// Notes that an extension of this type comes; whether it is the first, where that is asked.
    pub fn is_new(&mut self, kind: u16) -> bool {
        self.kinds.push(kind);
        self.seen.is_new(kind)
    }
}

/// Whether a hello in the layout of SSL 2.0 may state this version.
pub fn is_old_version(version: u16) -> bool {
    matches!(version, 0x0002 | 0x0300..=0x0303)
}

/// The name of a version; empty if it has none.
pub fn version_name(version: u16) -> &'static str {
    match version {
        0x0002 => "SSLv2",
        0x0300 => "SSLv3",
        0x0301 => "TLS1.0",
        0x0302 => "TLS1.1",
        0x0303 => "TLS1.2",
        // Drafts, Google's and Facebook's experiments are TLS 1.3 to everyone but their peers.
        0x0304 | 0x7f00..=0x7fff | 0xfb00..=0xfbff => "TLS1.3",
        // OpenSSL's DTLS before it was one.
        0x0100 | 0xfeff => "DTLS1.0",
        0xfefd => "DTLS1.2",
        0xfefc => "DTLS1.3",
        _ => "",
    }
}

/// Bytes that should be a name as text: what is no printing ASCII is written `\DDD`.
///
/// `limit` bounds the bytes that are taken.
pub fn text(bytes: &[u8], limit: usize) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len().min(limit));
    for &byte in bytes.iter().take(limit) {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => out.push(byte.into()),
            // Writing to a String does not fail.
            _ => {
                let _ = write!(out, "\\{byte:03}");
            }
        }
    }
    out
}
