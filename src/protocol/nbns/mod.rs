//! NetBIOS names: registrations (RFC 1002 section 4.2, UDP 137) and the announcements of machines
//! ([MS-BRWS] section 2.2, UDP 138).
//!
//! Recognised by the shape of the encoded name over UDP. Gives hints: host name, workgroup or domain, operating
//! system version. It refuses to know questions.

use super::shape::{Heads, Next, Protocol, Recognised, Shared, Start};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{Facts, Hint, Other};
use memchr::memmem;
use std::net::{IpAddr, Ipv4Addr};

/// Length of an encoded name with its length byte and end.
const NAME: usize = 34;
/// Where the name stands in a name service message.
const QUESTION: usize = 12;
/// Where the name stands in a datagram service message.
const SOURCE: usize = 14;
/// Hints of one conversation; announcements repeat them.
const MAX_HINTS: usize = 32;

/// Whether a datagram is of the NetBIOS name or datagram service.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    let side = heads.first;
    let bytes = heads.bytes[side.index()];
    if heads.carrier != Carrier::Udp {
        return Recognised::No;
    }
    let service =
        bytes.len() >= QUESTION + NAME && heads.ports.contains(&137) && name(bytes, QUESTION).is_some();
    let datagram = matches!(bytes.first(), Some(0x10..=0x12)) && name(bytes, SOURCE).is_some();
    match bytes.get(2) {
        Some(flags) if service && flags & 0x80 != 0 => Recognised::Yes(side.other()),
        _ if service || datagram => Recognised::Yes(side),
        _ => Recognised::No,
    }
}

/// An encoded name: 15 characters and a suffix, each half byte a letter from `A` to `P`.
fn name(bytes: &[u8], at: usize) -> Option<(String, u8)> {
    let encoded = bytes.get(at..at + NAME)?.strip_prefix(b"\x20")?.get(..32)?;
    let mut decoded = [0u8; 16];
    for (byte, pair) in decoded.iter_mut().zip(encoded.chunks_exact(2)) {
        if !pair.iter().all(|letter| (b'A'..=b'P').contains(letter)) {
            return None;
        }
        *byte = (pair[0] - b'A') << 4 | (pair[1] - b'A');
    }
    let text = String::from_utf8_lossy(&decoded[..15]);
    Some((text.trim_end_matches([' ', '\0']).to_owned(), decoded[15]))
}

/// What a name with its suffix is the name of. `group` is the group flag.
fn kind(suffix: u8, group: bool) -> Option<&'static str> {
    match (suffix, group) {
        (0x00 | 0x20, false) => Some("name"),
        (0x00 | 0x1b..=0x1e, true) | (0x1b | 0x1d, false) => Some("domain"),
        _ => None,
    }
}

/// One kind of fact about a host.
type Fact = (Ipv4Addr, &'static str, String);

/// A registration or refresh: opcode 5 or 8, the name's address in the additional record.
fn registration(bytes: &[u8]) -> Option<Fact> {
    let opcode = bytes.get(2)? >> 3 & 15;
    let response = bytes.get(2)? & 0x80 != 0;
    if response || !matches!(opcode, 5 | 8 | 9) {
        return None;
    }
    let (text, suffix) = name(bytes, QUESTION)?;
    let tail = bytes.get(bytes.len().checked_sub(6)?..)?;
    let kind = kind(suffix, tail[0] & 0x80 != 0)?;
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(&tail[2..]).ok()?);
    Some((address, kind, text))
        .filter(|(address, _, text)| !address.is_unspecified() && !text.starts_with('\u{1}'))
}

/// A datagram: who sent it, and what it announces of itself.
fn datagram(bytes: &[u8]) -> Vec<Fact> {
    let mut facts = Vec::new();
    let Some(address) = bytes.get(4..8).and_then(|raw| <[u8; 4]>::try_from(raw).ok()).map(Ipv4Addr::from)
    else {
        return facts;
    };
    if let Some((text, 0x00 | 0x20)) = name(bytes, SOURCE) {
        facts.push((address, "name", text));
    }
    let browse = b"\\MAILSLOT\\BROWSE\0";
    let Some(at) = memmem::find(bytes, browse) else { return facts };
    let message = bytes.get(at + browse.len()..).unwrap_or_default();
    let text = message.get(6..22).map(|raw| {
        let end = raw.iter().position(|b| *b == 0).unwrap_or(raw.len());
        String::from_utf8_lossy(&raw[..end]).into_owned()
    });
    match (message.first(), text) {
        // Host and local master announcement; the version of the system follows the name.
        (Some(1 | 0x0f), Some(text)) => {
            facts.push((address, "name", text));
            if let Some([major, minor]) = message.get(22..24) {
                facts.push((address, "os", format!("Windows NT {major}.{minor}")));
            }
        }
        (Some(0x0c), Some(text)) => facts.push((address, "domain", text)),
        _ => {}
    }
    facts
}

/// One conversation, mostly a broadcast.
pub struct Nbns {
    datagrams: bool,
    hints: Vec<Hint>,
}

impl Nbns {
    /// Starts on a conversation.
    pub fn new(start: &Start) -> Self {
        let ports = [start.opening.client.port(), start.opening.server.port()];
        Self { datagrams: !ports.contains(&137), hints: Vec::new() }
    }
}

impl Protocol for Nbns {
    fn data(&mut self, _: Side, bytes: &[u8], at: At, _: &mut Shared) -> Next {
        let found = if self.datagrams { datagram(bytes) } else { registration(bytes).into_iter().collect() };
        for (address, kind, value) in found {
            let addr = IpAddr::V4(address);
            let known =
                self.hints.iter().any(|hint| hint.addr == addr && hint.kind == kind && hint.value == value);
            if known || value.is_empty() || self.hints.len() >= MAX_HINTS {
                continue;
            }
            let source = if self.datagrams { "browser" } else { "nbns" };
            self.hints.push(Hint {
                addr,
                kind: kind.into(),
                value: value.into(),
                source: source.into(),
                time: at.time,
                frame: at.frame,
            });
        }
        Next::Want(Appetite::All)
    }

    fn gap(&mut self, _: Side, _: u64, _: At, _: &mut Shared) {}

    fn end(self: Box<Self>, facts: &mut Facts, _: &mut Shared) {
        facts.hints.extend(self.hints);
        let protocol = if self.datagrams { "nbds" } else { "nbns" };
        facts.other = Some(Box::new(Other { protocol: Some(protocol.into()), ..Other::default() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, suffix: u8) -> Vec<u8> {
        let mut raw = format!("{text:15}").into_bytes();
        raw.push(suffix);
        let mut bytes = vec![0x20];
        bytes.extend(raw.iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]));
        bytes.push(0);
        bytes
    }

    fn register(text: &str, suffix: u8, flags: u8) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1];
        bytes.extend(encoded(text, suffix));
        bytes.extend([0, 0x20, 0, 1, 0xc0, 0x0c, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, flags, 0]);
        bytes.extend([192, 0, 2, 7]);
        bytes
    }

    #[test]
    fn a_registration_names_a_host_or_its_group() {
        let address = Ipv4Addr::new(192, 0, 2, 7);
        let host = registration(&register("DESKTOP-AB12CD", 0, 0));
        assert_eq!(host, Some((address, "name", "DESKTOP-AB12CD".to_owned())));
        let group = registration(&register("CORP", 0, 0x80));
        assert_eq!(group, Some((address, "domain", "CORP".to_owned())));
        assert_eq!(registration(&register("CORP", 3, 0)), None);
        let mut query = register("CORP", 0, 0);
        query[2] = 1;
        assert_eq!(registration(&query), None);
    }

    #[test]
    fn an_announcement_names_host_and_system() {
        let mut bytes = vec![0x11, 0, 0, 1, 192, 0, 2, 9, 0, 138, 0, 0, 0, 0];
        bytes.extend(encoded("PC-9", 0x20));
        bytes.extend(encoded("CORP", 0x1d));
        bytes.extend(
            b"\xffSMB%\\MAILSLOT\\BROWSE\0\x01\x00\x80\xfc\x0a\x00PC-9\0\0\0\0\0\0\0\0\0\0\0\0\x0a\x00",
        );
        let address = Ipv4Addr::new(192, 0, 2, 9);
        let name = (address, "name", "PC-9".to_owned());
        assert_eq!(datagram(&bytes), [name.clone(), name, (address, "os", "Windows NT 10.0".to_owned())]);
        for cut in 0..bytes.len() {
            let _ = datagram(&bytes[..cut]);
        }
    }
}
