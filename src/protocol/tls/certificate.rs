//! Fields of X.509 certificates (RFC 5280) as facts.

use super::parser::text;
use crate::record::{Certificate, Hex};
use crate::time::Timestamp;
use hashbrown::HashMap;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use x509_parser::asn1_rs::Tag;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Most names of one certificate that are kept: large providers put hundreds into one.
const MAX_NAMES: usize = 64;
/// Most bytes of one value; RFC 5280 allows 64 to 32,768 characters by attribute.
const MAX_VALUE: usize = 256;
/// Most attributes of a subject or issuer that are written out; usual are under ten.
const MAX_ATTRIBUTES: usize = 32;
/// Most bytes of a serial number; RFC 5280 allows 20.
const MAX_SERIAL: usize = 64;

/// Most certificates that are kept to be known again, of some 2 KB and their own length.
const MAX_KNOWN: usize = 2048;
/// Longest certificate that is kept so, in bytes; usual are under 2,000.
const MAX_KNOWN_LENGTH: usize = 6 << 10;

/// States the fields of a certificate, from those `known` if it is among them. One that cannot be read keeps its
/// hashes; the second value says if it could.
pub fn known(
    der: &[u8],
    known: &mut HashMap<Box<[u8]>, (Arc<Certificate>, bool)>,
) -> (Arc<Certificate>, bool) {
    // Comparing bytes costs a small part of what a hash over them does.
    if let Some(of) = known.get(der) {
        return of.clone();
    }
    let (facts, good) = read(der);
    let of = (Arc::new(facts), good);
    if der.len() <= MAX_KNOWN_LENGTH {
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(der.into(), of.clone());
    }
    of
}

fn read(der: &[u8]) -> (Certificate, bool) {
    let mut facts = Certificate {
        sha1: Hex::from(&Sha1::digest(der)[..]).to_string(),
        sha256: Hex::from(&Sha256::digest(der)[..]).to_string(),
        ..Certificate::default()
    };
    let Ok((_, parsed)) = X509Certificate::from_der(der) else {
        return (facts, false);
    };
    let (subject, issuer) = (parsed.subject(), parsed.issuer());
    facts.subject = distinguished(subject);
    facts.issuer = distinguished(issuer);
    facts.cn = subject.iter_common_name().last().map(value);
    facts.names = names(&parsed);
    facts.serial = serial(parsed.raw_serial());
    facts.not_before = Timestamp::new(parsed.validity().not_before.timestamp(), 0);
    facts.not_after = Timestamp::new(parsed.validity().not_after.timestamp(), 0);
    facts.self_signed = subject.as_raw() == issuer.as_raw();
    (facts, true)
}

/// Serial number in hexadecimal, without the zero that only keeps it positive.
fn serial(raw: &[u8]) -> String {
    let digits = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        _ => raw,
    };
    Hex::from(&digits[..digits.len().min(MAX_SERIAL)]).to_string()
}

/// Names and addresses the certificate is for (RFC 5280, section 4.2.1.6).
fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let extensions = parsed.extensions().iter().map(x509_parser::extensions::X509Extension::parsed_extension);
    let lists = extensions.filter_map(|extension| match extension {
        ParsedExtension::SubjectAlternativeName(list) => Some(&list.general_names),
        _ => None,
    });
    let texts = lists.flatten().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(text(name.as_bytes(), MAX_VALUE)),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    texts.take(MAX_NAMES).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| Ipv4Addr::from(octets).to_string());
    let v6 = <[u8; 16]>::try_from(bytes).map(|octets| Ipv6Addr::from(octets).to_string());
    v4.or(v6).ok()
}

/// A name as RFC 4514 writes it: the last part first.
fn distinguished(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    let parts: Vec<_> = name.iter_rdn().take(MAX_ATTRIBUTES).collect();
    for (index, part) in parts.into_iter().rev().enumerate() {
        for (nth, attribute) in part.iter().take(MAX_ATTRIBUTES).enumerate() {
            match (index, nth) {
                (0, 0) => {}
                (_, 0) => out.push(','),
                _ => out.push('+'),
            }
            match keyword(attribute.attr_type().as_bytes()) {
                Some(word) => out.push_str(word),
                None => out.push_str(&attribute.attr_type().to_id_string()),
            }
            out.push('=');
            escaped(&mut out, &value(attribute));
        }
    }
    out
}

/// The keyword of an attribute type, by the content of its object identifier.
fn keyword(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 4] => "SN",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "STREET",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x55, 4, 12] => "title",
        [0x55, 4, 42] => "GN",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        _ => return None,
    })
}

/// The value of an attribute as text, whatever its string type.
fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    let bytes = attribute.as_slice();
    let bytes = &bytes[..bytes.len().min(MAX_VALUE)];
    match attribute.attr_value().tag() {
        Tag::BmpString => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Tag::T61String => bytes.iter().map(|&byte| char::from(byte)).collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Writes a value with the escapes of RFC 4514, section 2.4.
fn escaped(out: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (index, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', c]),
            '#' if index == 0 => out.push_str("\\#"),
            ' ' if index == 0 || index == last => out.push_str("\\ "),
            // Writing to a String does not fail.
            '\0'..='\x1f' | '\x7f' => {
                let _ = write!(out, "\\{:02x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_once_and_the_store_is_bounded() {
        let mut store = HashMap::new();
        let first = known(b"no certificate", &mut store).0;
        assert!(Arc::ptr_eq(&first, &known(b"no certificate", &mut store).0));
        for n in 0..=MAX_KNOWN as u32 {
            assert_eq!(known(&n.to_be_bytes(), &mut store), (Arc::new(read(&n.to_be_bytes()).0), false));
        }
        assert!(store.len() <= MAX_KNOWN);
        store.clear();
        let long = [0; MAX_KNOWN_LENGTH + 1];
        assert_eq!(known(&long, &mut store), known(&long, &mut store));
        assert!(store.is_empty());
    }

    pub fn der(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match body.len() {
            n if n < 128 => out.push(n as u8),
            n if n < 256 => out.extend([0x81, n as u8]),
            n => out.extend([0x82, (n >> 8) as u8, n as u8]),
        }
        out.extend(body);
        out
    }

    fn attribute(last: u8, tag: u8, value: &[u8]) -> Vec<u8> {
        der(0x31, &der(0x30, &[der(6, &[0x55, 4, last]), der(tag, value)].concat()))
    }

    /// A certificate whose signature nobody checks.
    pub fn certificate(issuer: &[u8], subject: &[u8], until: &[u8]) -> Vec<u8> {
        let algorithm =
            der(0x30, &[der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), der(5, &[])].concat());
        let key = der(0x30, &[der(2, &[0, 0x81, 7, 7]), der(2, &[1, 0, 1])].concat());
        let key = [&[0][..], &key].concat();
        let rsa = der(0x30, &[der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), der(5, &[])].concat());
        let san = [der(0x82, b"c2.example"), der(0x87, &[198, 51, 100, 7]), der(0x87, &[1, 2, 3])].concat();
        let san = der(0x30, &[der(6, &[0x55, 0x1d, 17]), der(4, &der(0x30, &san))].concat());
        let body = [
            der(0xa0, &der(2, &[2])),
            der(2, &[0, 0x9a, 1, 2]),
            algorithm.clone(),
            issuer.to_vec(),
            der(0x30, &[der(0x17, b"240102030405Z"), until.to_vec()].concat()),
            subject.to_vec(),
            der(0x30, &[rsa, der(3, &key)].concat()),
            der(0xa3, &der(0x30, &san)),
        ];
        der(0x30, &[der(0x30, &body.concat()), algorithm, der(3, &[0, 1, 2, 3])].concat())
    }

    pub fn name(parts: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let parts: Vec<Vec<u8>> =
            parts.iter().map(|(last, tag, value)| attribute(*last, *tag, value)).collect();
        der(0x30, &parts.concat())
    }

    #[test]
    fn fields_are_read() {
        let subject = name(&[(6, 19, b"XX"), (10, 12, b"Evil, Inc"), (3, 12, b"c2.example")]);
        let (facts, good) = read(&certificate(&subject, &subject, &der(0x17, b"490102030405Z")));
        assert!(good);
        assert_eq!(facts.subject, "CN=c2.example,O=Evil\\, Inc,C=XX");
        assert_eq!(facts.issuer, facts.subject);
        assert!(facts.self_signed);
        assert_eq!(facts.cn.as_deref(), Some("c2.example"));
        assert_eq!(facts.names, ["c2.example", "198.51.100.7"]);
        assert_eq!(facts.serial, "9a0102");
        assert_eq!(facts.not_before.to_string(), "2024-01-02T03:04:05.000000000Z");
        assert_eq!(facts.not_after.to_string(), "2049-01-02T03:04:05.000000000Z");
        assert_eq!((facts.sha1.len(), facts.sha256.len()), (40, 64));
    }

    #[test]
    fn other_string_types_and_far_years() {
        let issuer = name(&[(3, 30, &[0, b'R', 0, 0xe4]), (11, 20, &[0xe4, b' '])]);
        let subject = name(&[(3, 12, b"\xff#")]);
        let (facts, good) = read(&certificate(&issuer, &subject, &der(0x18, b"99991231235959Z")));
        assert!(good);
        assert_eq!(facts.issuer, "OU=\u{e4}\\ ,CN=R\u{e4}");
        assert_eq!(facts.subject, "CN=\u{fffd}#");
        assert!(!facts.self_signed);
        assert_eq!(facts.not_after, Timestamp(i64::MAX));
    }

    #[test]
    fn what_cannot_be_read_keeps_its_hashes() {
        let (facts, good) = read(b"no certificate");
        assert!(!good);
        assert_eq!(facts.sha1, Hex::from(&Sha1::digest(b"no certificate")[..]).to_string());
        assert!(facts.subject.is_empty());
    }

    #[test]
    fn every_cut_is_survived() {
        let subject = name(&[(3, 12, b"c2.example")]);
        let whole = certificate(&subject, &subject, &der(0x17, b"490102030405Z"));
        for length in 0..whole.len() {
            assert!(!read(&whole[..length]).1, "{length}");
        }
    }
}
