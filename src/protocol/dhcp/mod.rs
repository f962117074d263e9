//! DHCP (RFC 2131, RFC 2132, RFC 4702): which machine has which address.
//!
//! Recognised by the BOOTP header and its magic cookie over UDP. Gives hints: host name, domain, vendor class,
//! link-layer address. It refuses to know leases.

use super::shape::{Heads, Next, Protocol, Recognised, Shared, Start};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{Facts, Hint, Other};
use smol_str::SmolStr;
use std::net::{IpAddr, Ipv4Addr};

/// Where the options begin, after the magic cookie.
const OPTIONS: usize = 240;
/// Hints of one conversation; renewals repeat them.
const MAX_HINTS: usize = 32;

/// Whether a datagram is DHCP.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    let side = heads.first;
    let bytes = heads.bytes[side.index()];
    let ethernet = bytes.get(1..3) == Some(&[1, 6]);
    let cookie = bytes.get(236..OPTIONS) == Some(&[0x63, 0x82, 0x53, 0x63]);
    match bytes.first() {
        Some(1) if heads.carrier == Carrier::Udp && ethernet && cookie => Recognised::Yes(side),
        Some(2) if heads.carrier == Carrier::Udp && ethernet && cookie => Recognised::Yes(side.other()),
        _ => Recognised::No,
    }
}

/// One client and server, or broadcasts between them.
pub struct Dhcp {
    hints: Vec<Hint>,
}

impl Dhcp {
    /// Starts on a conversation.
    pub fn new(_: &Start) -> Self {
        Self { hints: Vec::new() }
    }

    fn add(&mut self, addr: Ipv4Addr, kind: &str, value: String, at: At) {
        let known =
            self.hints.iter().any(|hint| hint.addr == addr && hint.kind == kind && hint.value == value);
        if value.is_empty() || known || self.hints.len() >= MAX_HINTS {
            return;
        }
        self.hints.push(Hint {
            addr: IpAddr::V4(addr),
            kind: kind.into(),
            value: value.into(),
            source: "dhcp".into(),
            time: at.time,
            frame: at.frame,
        });
    }
}

/// What a message says of the client.
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    kind: u8,
    client: Option<Ipv4Addr>,
    mac: String,
    name: String,
    domain: String,
    vendor: String,
}

fn message(bytes: &[u8]) -> Option<Message> {
    let address = |at: usize| {
        let raw = <[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?;
        Some(Ipv4Addr::from(raw)).filter(|address| !address.is_unspecified())
    };
    let mac = bytes.get(28..34)?.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    let mut found = Message { mac, client: address(12).or_else(|| address(16)), ..Message::default() };
    let mut options = bytes.get(OPTIONS..)?;
    while let [code, rest @ ..] = options {
        options = match code {
            0 => rest,
            255 => break,
            _ => {
                let Some((length, rest)) = rest.split_first() else { break };
                let Some((value, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
                found.option(*code, value);
                rest
            }
        };
    }
    Some(found)
}

impl Message {
    fn option(&mut self, code: u8, value: &[u8]) {
        let text = || String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
        match code {
            12 => self.name = text(),
            15 => self.domain = text(),
            50 if self.client.is_none() => {
                self.client = <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from);
            }
            53 => self.kind = value.first().copied().unwrap_or(0),
            60 => self.vendor = text(),
            // Flags, two codes, then the name as labels or text.
            81 if self.name.is_empty() => {
                let name = value.get(3..).unwrap_or_default();
                let wire = value.first().is_some_and(|flags| flags & 4 != 0);
                self.name = if wire { labels(name) } else { String::from_utf8_lossy(name).into_owned() };
                self.name.truncate(self.name.trim_end_matches(['\0', '.']).len());
            }
            _ => {}
        }
    }
}

/// A domain name of labels, without compression.
fn labels(mut bytes: &[u8]) -> String {
    let mut name = String::new();
    while let [length, rest @ ..] = bytes {
        let Some((label, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
        if label.is_empty() {
            break;
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label));
        bytes = rest;
    }
    name
}

/// DHCPREQUEST, DHCPACK and DHCPINFORM: the address is (about to be) the client's.
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const INFORM: u8 = 8;

impl Protocol for Dhcp {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, _: &mut Shared) -> Next {
        if let Some(message) = message(bytes)
            && let Some(client) = message.client
            && matches!((side, message.kind), (Side::Client, REQUEST | INFORM) | (Side::Server, ACK))
        {
            self.add(client, "mac", message.mac, at);
            self.add(client, "name", message.name, at);
            if side == Side::Server {
                self.add(client, "domain", message.domain, at);
            } else {
                self.add(client, "os", message.vendor, at);
            }
        }
        Next::Want(Appetite::All)
    }

    fn gap(&mut self, _: Side, _: u64, _: At, _: &mut Shared) {}

    fn end(self: Box<Self>, facts: &mut Facts, _: &mut Shared) {
        facts.hints.extend(self.hints);
        facts.other =
            Some(Box::new(Other { protocol: Some(SmolStr::new_static("dhcp")), ..Other::default() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8, options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; OPTIONS];
        bytes[..3].copy_from_slice(&[if kind == ACK { 2 } else { 1 }, 1, 6]);
        bytes[28..34].copy_from_slice(&[2, 0, 0x5e, 0, 0x53, 1]);
        bytes[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
        bytes.extend([53, 1, kind]);
        for (code, value) in options {
            bytes.extend([*code, value.len() as u8]);
            bytes.extend(*value);
        }
        bytes.push(255);
        bytes
    }

    #[test]
    fn a_request_names_its_client() {
        let bytes = packet(
            REQUEST,
            &[(50, &[192, 0, 2, 7]), (12, b"DESKTOP-AB12CD"), (60, b"MSFT 5.0"), (81, b"\0\0\0other")],
        );
        let found = message(&bytes).expect("whole");
        assert_eq!(found.client, Some(Ipv4Addr::new(192, 0, 2, 7)));
        assert_eq!(
            (&*found.name, &*found.vendor, &*found.mac),
            ("DESKTOP-AB12CD", "MSFT 5.0", "02:00:5e:00:53:01")
        );
        for cut in 0..bytes.len() {
            let _ = message(&bytes[..cut]);
        }
    }

    #[test]
    fn a_name_in_labels_is_read() {
        let bytes = packet(REQUEST, &[(81, b"\x04\0\0\x02pc\x04corp\x04test\0")]);
        assert_eq!(message(&bytes).expect("whole").name, "pc.corp.test");
    }
}
