//! Kerberos (RFC 4120): who asks for a ticket from which machine.
//!
//! Recognised by the outer tags and the protocol version of a request, over UDP and TCP. Gives hints from
//! AS-REQ: user or machine name, realm, NetBIOS name. It refuses to know tickets and their keys.

use super::shape::{Heads, Next, Protocol, Recognised, Shared, Start};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{Facts, Hint, Other};
use smol_str::SmolStr;
use std::net::IpAddr;

/// Bytes of a request that are held; an AS-REQ has some 300, with a certificate some 4,000.
const MAX_REQUEST: usize = 8 << 10;
/// Hints of one conversation.
const MAX_HINTS: usize = 12;
/// Longest name that is kept.
const MAX_NAME: usize = 256;

/// APPLICATION 10 and 12: AS-REQ and TGS-REQ (section 5.10).
const AS_REQ: u8 = 0x6a;
const TGS_REQ: u8 = 0x6c;
const SEQUENCE: u8 = 0x30;
const GENERAL_STRING: u8 = 0x1b;
/// Address type of a NetBIOS name (section 7.5.3).
const NETBIOS: [u8; 1] = [20];

/// Whether first bytes are a request for a ticket.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    let bytes = heads.bytes[heads.first.index()];
    let message = match heads.carrier {
        Carrier::Tcp => match bytes {
            [0, 0, _, _, AS_REQ | TGS_REQ, ..] => &bytes[4..],
            [] | [0] | [0, 0] | [0, 0, _] | [0, 0, _, _] => return Recognised::More,
            _ => return Recognised::No,
        },
        Carrier::Udp => bytes,
        _ => return Recognised::No,
    };
    if !matches!(message.first(), Some(&(AS_REQ | TGS_REQ))) {
        return Recognised::No;
    }
    // Two lengths of up to 5 bytes, then `[1] INTEGER 5`.
    let version = [0xa1, 3, 2, 1, 5];
    let front = message.get(..17).unwrap_or(message);
    if front.windows(version.len()).any(|window| window == version) {
        return Recognised::Yes(heads.first);
    }
    if front.len() < 17 && heads.carrier == Carrier::Tcp { Recognised::More } else { Recognised::No }
}

/// One conversation with a key distribution centre.
pub struct Kerberos {
    client: IpAddr,
    stream: bool,
    held: Vec<u8>,
    hints: Vec<Hint>,
}

impl Kerberos {
    /// Starts on a conversation.
    pub fn new(start: &Start) -> Self {
        let stream = start.opening.carrier == Carrier::Tcp;
        Self { client: start.opening.client.ip(), stream, held: Vec::new(), hints: Vec::new() }
    }

    fn add(&mut self, kind: &str, value: &[u8], at: At) {
        let value = String::from_utf8_lossy(value).trim_end_matches([' ', '\0', '$']).to_owned();
        let known = self.hints.iter().any(|hint| hint.kind == kind && hint.value == value);
        if value.is_empty() || value.len() > MAX_NAME || known || self.hints.len() >= MAX_HINTS {
            return;
        }
        let (kind, value, source) = (kind.into(), value.into(), "kerberos".into());
        self.hints.push(Hint { addr: self.client, kind, value, source, time: at.time, frame: at.frame });
    }

    fn request(&mut self, message: &[u8], at: At) {
        let Some(names) = names(message) else { return };
        // A machine logs in by its name and a dollar sign.
        let kind = if names.client.ends_with(b"$") { "name" } else { "user" };
        self.add(kind, names.client, at);
        self.add("domain", names.realm, at);
        self.add("name", names.machine, at);
    }
}

/// The names in an AS-REQ.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names<'a> {
    client: &'a [u8],
    realm: &'a [u8],
    machine: &'a [u8],
}

/// One DER element: tag, content, what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 3 {
            return None;
        }
        length = digits.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

/// The content of the first element with `tag` among siblings.
fn child(mut bytes: &[u8], tag: u8) -> Option<&[u8]> {
    loop {
        let (found, content, after) = element(bytes)?;
        if found == tag {
            return Some(content);
        }
        bytes = after;
    }
}

fn path<'a>(bytes: &'a [u8], tags: &[u8]) -> Option<&'a [u8]> {
    tags.iter().try_fold(bytes, |bytes, tag| child(bytes, *tag))
}

fn names(message: &[u8]) -> Option<Names<'_>> {
    let body = path(message, &[AS_REQ, SEQUENCE, 0xa4, SEQUENCE])?;
    let mut names = Names {
        client: path(body, &[0xa1, SEQUENCE, 0xa1, SEQUENCE, GENERAL_STRING]).unwrap_or_default(),
        realm: path(body, &[0xa2, GENERAL_STRING]).unwrap_or_default(),
        machine: &[],
    };
    let mut addresses = path(body, &[0xa9, SEQUENCE]).unwrap_or_default();
    while let Some((SEQUENCE, address, after)) = element(addresses) {
        if path(address, &[0xa0, 2]) == Some(&NETBIOS) {
            names.machine = path(address, &[0xa1, 4]).unwrap_or_default();
        }
        addresses = after;
    }
    Some(names)
}

impl Protocol for Kerberos {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, _: &mut Shared) -> Next {
        if side == Side::Server {
            return Next::Want(if self.stream { Appetite::Enough } else { Appetite::All });
        }
        if !self.stream {
            self.request(bytes, at);
            return Next::Want(Appetite::All);
        }
        let room = MAX_REQUEST.saturating_sub(self.held.len()).min(bytes.len());
        self.held.extend_from_slice(&bytes[..room]);
        while let Some((size, rest)) = self.held.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*size) as usize;
            let Some(message) = rest.get(..length) else { break };
            let message = message.to_vec();
            self.request(&message, at);
            self.held.drain(..4 + length);
        }
        Next::Want(if self.held.len() < MAX_REQUEST { Appetite::All } else { Appetite::Enough })
    }

    fn gap(&mut self, side: Side, _: u64, _: At, _: &mut Shared) {
        if side == Side::Client {
            self.held.clear();
        }
    }

    fn end(self: Box<Self>, facts: &mut Facts, _: &mut Shared) {
        facts.hints.extend(self.hints);
        facts.other =
            Some(Box::new(Other { protocol: Some(SmolStr::new_static("kerberos")), ..Other::default() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{c, facts, opening, play};

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let mut bytes = vec![tag, 0x82, (content.len() >> 8) as u8, content.len() as u8];
        bytes.extend(content);
        bytes
    }

    fn request(client: &[u8]) -> Vec<u8> {
        let integer = |value: u8| der(2, &[&[value]]);
        let name = der(
            SEQUENCE,
            &[&der(0xa0, &[&integer(1)]), &der(0xa1, &[&der(SEQUENCE, &[&der(GENERAL_STRING, &[client])])])],
        );
        let address =
            der(SEQUENCE, &[&der(0xa0, &[&integer(20)]), &der(0xa1, &[&der(4, &[b"PC-7            "])])]);
        let body = der(
            SEQUENCE,
            &[
                &der(0xa1, &[&name]),
                &der(0xa2, &[&der(GENERAL_STRING, &[b"CORP.TEST"])]),
                &der(0xa9, &[&der(SEQUENCE, &[&address])]),
            ],
        );
        der(AS_REQ, &[&der(SEQUENCE, &[&[0xa1, 3, 2, 1, 5], &[0xa2, 3, 2, 1, 10], &der(0xa4, &[&body])])])
    }

    #[test]
    fn a_request_names_user_machine_and_realm() {
        let asked = request(b"alice");
        let mut framed = (asked.len() as u32).to_be_bytes().to_vec();
        framed.extend(&asked);
        let wanted = [("user", "alice"), ("domain", "CORP.TEST"), ("name", "PC-7")];
        let (datagram, ..) = play(&[c(&asked)], &opening(Carrier::Udp, 88), 0, &mut Shared::default());
        for found in [facts(&[c(framed)], 88), datagram] {
            let hints: Vec<_> = found.hints.iter().map(|hint| (&*hint.kind, &*hint.value)).collect();
            assert_eq!(hints, wanted);
        }
        let machine = request(b"PC-7$");
        let (found, ..) = play(&[c(&machine)], &opening(Carrier::Udp, 88), 0, &mut Shared::default());
        assert_eq!(found.hints.first().map(|hint| (&*hint.kind, &*hint.value)), Some(("name", "PC-7")));
    }

    #[test]
    fn cut_requests_break_nothing() {
        let asked = request(b"alice");
        for cut in 0..asked.len() {
            let _ = names(&asked[..cut]);
        }
    }
}
