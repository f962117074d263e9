//! Hellos and certificate chains that are as they should be, by the `tls-parser` crate.
//!
//! It refuses what is not whole or whose lengths contradict each other; the [lenient](super::lenient) reader takes
//! that. Two things are not left to the crate. Extensions are told apart by their numbers, not by its enumeration,
//! which takes every number of the pattern `?a?a` for GREASE (in answers it also takes 21 for 22). And the list of
//! versions: the crate passes over the length of the list and takes any two bytes for one version.

use super::parser::{ClientHello, ServerHello, is_grease, kind, numbers};
use crate::protocol::bytes::Bytes;
use tls_parser::nom::IResult;
use tls_parser::{
    TlsExtension, TlsMessageHandshake, parse_tls_extension_alpn_content,
    parse_tls_extension_ec_point_formats_content, parse_tls_extension_elliptic_curves_content,
    parse_tls_extension_signature_algorithms_content, parse_tls_extension_sni_content,
    parse_tls_extension_unknown, parse_tls_handshake_client_hello, parse_tls_handshake_msg_certificate,
    parse_tls_handshake_server_hello,
};

/// What a parser made of all of its input.
fn all<T>(result: IResult<&[u8], T>) -> Option<T> {
    result.ok().filter(|(rest, _)| rest.is_empty()).map(|(_, value)| value)
}

/// Extensions by number and content; `None` in place of the rest that is none.
fn extensions(mut block: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        if block.is_empty() {
            return None;
        }
        match parse_tls_extension_unknown(std::mem::take(&mut block)) {
            Ok((rest, TlsExtension::Unknown(kind, content))) => {
                block = rest;
                Some(Some((kind.0, content)))
            }
            _ => Some(None),
        }
    })
}

/// Reads the body of a ClientHello over TLS or QUIC.
pub fn client_hello(body: &[u8]) -> Option<ClientHello<'_>> {
    let message = all(parse_tls_handshake_client_hello(body))?;
    let mut hello = ClientHello::new(message.version.0);
    hello.suites = message.ciphers.iter().map(|suite| suite.0).filter(|suite| !is_grease(*suite)).collect();
    hello.whole = true;
    for extension in extensions(message.ext.unwrap_or_default()) {
        let (kind, content) = extension?;
        if hello.is_new(kind) {
            fill(&mut hello, kind, content)?;
        }
    }
    Some(hello)
}

/// Reads one extension of a ClientHello.
fn fill<'a>(hello: &mut ClientHello<'a>, number: u16, content: &'a [u8]) -> Option<()> {
    let plain = |list: Vec<u16>| list.into_iter().filter(|number| !is_grease(*number)).collect();
    match number {
        kind::SERVER_NAME => {
            if let TlsExtension::SNI(names) = all(parse_tls_extension_sni_content(content))? {
                hello.server_name = names.into_iter().map(|(_, name)| name).find(|name| !name.is_empty());
            }
        }
        kind::GROUPS => {
            if let TlsExtension::EllipticCurves(list) =
                all(parse_tls_extension_elliptic_curves_content(content))?
            {
                hello.groups = plain(list.into_iter().map(|group| group.0).collect());
            }
        }
        kind::POINT_FORMATS => {
            if let TlsExtension::EcPointFormats(list) =
                all(parse_tls_extension_ec_point_formats_content(content))?
            {
                hello.point_formats = list;
            }
        }
        kind::SIGNATURE_ALGORITHMS => {
            let parsed = all(parse_tls_extension_signature_algorithms_content(content))?;
            if let TlsExtension::SignatureAlgorithms(list) = parsed {
                hello.signatures = plain(list);
            }
        }
        kind::ALPN => {
            if let TlsExtension::ALPN(list) = all(parse_tls_extension_alpn_content(content))? {
                hello.protocols = list;
            }
        }
        kind::VERSIONS => {
            let mut rest = Bytes(content);
            hello.versions = numbers(rest.vec8().filter(|list| list.len().is_multiple_of(2))?);
            return rest.0.is_empty().then_some(());
        }
        _ => {}
    }
    Some(())
}

/// Reads the body of a ServerHello; not of TLS 1.3 before its 22nd draft, nor with extensions in SSL 3.0.
pub fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let message = all(parse_tls_handshake_server_hello(body))?;
    let mut hello = ServerHello::new(message.version.0, message.cipher.0, message.random);
    hello.whole = true;
    for extension in extensions(message.ext.unwrap_or_default()) {
        let (number, content) = extension?;
        if hello.is_new(number) && number == kind::VERSIONS {
            hello.version = u16::from_be_bytes(content.try_into().ok()?);
        }
    }
    Some(hello)
}

/// The certificates of a chain up to TLS 1.2 (RFC 5246, section 7.4.2), as far as they are whole.
pub fn certificates(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let chain = match parse_tls_handshake_msg_certificate(body) {
        Ok((_, TlsMessageHandshake::Certificate(message))) => message.cert_chain,
        _ => Vec::new(),
    };
    chain.into_iter().map(|certificate| certificate.data)
}
