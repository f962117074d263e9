//! SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): which target a proxy was asked for.
//!
//! Recognised by the client's greeting; version 5 also by the server's choice of method. Gives the target as the
//! name of the conversation and hands over to what is spoken through the proxy. It refuses to keep logins.

use super::shape::{Heads, Next, Protocol, Recognised, Shared, Start};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{Facts, Other};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest message that is held: a login of two names of 255 bytes.
const MAX_MESSAGE: usize = 600;

/// Whether first bytes are those of SOCKS.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    if heads.carrier != Carrier::Tcp || heads.midstream {
        return Recognised::No;
    }
    let side = heads.first;
    let (asked, answered) = (heads.bytes[side.index()], heads.bytes[side.other().index()]);
    match (asked.first(), answered) {
        (Some(5), _) => greeting(asked, answered, side),
        (Some(4), []) if could_be_4(asked) => Recognised::More,
        // The reply: version 0 and a code of the four.
        (Some(4), [0, 0x5a..=0x5d, ..]) if request_4(asked).is_some() => Recognised::Yes(side),
        (Some(4), [0]) if request_4(asked).is_some() => Recognised::More,
        _ => Recognised::No,
    }
}

fn greeting(asked: &[u8], answered: &[u8], side: Side) -> Recognised {
    let Some(count) = asked.get(1).map(|count| usize::from(*count)) else { return Recognised::More };
    let methods = asked.get(2..).unwrap_or_default();
    let known = methods.iter().take(count).all(|method| *method <= 9 || *method >= 0x80);
    if count == 0 || !known || (methods.len() > count && answered.is_empty()) {
        return Recognised::No;
    }
    match answered {
        [] | [5] => Recognised::More,
        [5, method, ..] if *method == 0xff || methods.contains(method) => Recognised::Yes(side),
        _ => Recognised::No,
    }
}

fn could_be_4(asked: &[u8]) -> bool {
    asked.get(1).is_none_or(|command| matches!(command, 1 | 2)) && asked.len() < 300
}

/// What a message says, and how long it is. `None` while it is not whole.
type Parsed<T> = Option<(T, usize)>;

/// A request of version 4 or 4a: the target.
fn request_4(bytes: &[u8]) -> Parsed<String> {
    let fixed = bytes.get(..8)?;
    if fixed[0] != 4 || !matches!(fixed[1], 1 | 2) {
        return None;
    }
    let port = u16::from_be_bytes([fixed[2], fixed[3]]);
    let address = [fixed[4], fixed[5], fixed[6], fixed[7]];
    let user = bytes.get(8..)?.iter().position(|b| *b == 0)?;
    let end = 8 + user + 1;
    if address[..3] == [0; 3] && address[3] != 0 {
        let name = bytes.get(end..)?;
        let length = name.iter().position(|b| *b == 0)?;
        return Some((format!("{}:{port}", host(&name[..length])), end + length + 1));
    }
    Some((format!("{}:{port}", Ipv4Addr::from(address)), end))
}

/// A request or reply of version 5: its code and address.
fn message_5(bytes: &[u8]) -> Parsed<(u8, String)> {
    let code = *bytes.get(1)?;
    let (address, end) = match bytes.get(3)? {
        1 => (Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(4..8)?).ok()?).to_string(), 8),
        4 => (format!("[{}]", Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(4..20)?).ok()?)), 20),
        _ => {
            let end = 5 + usize::from(*bytes.get(4)?);
            (host(bytes.get(5..end)?), end)
        }
    };
    let port = u16::from_be_bytes(bytes.get(end..end + 2)?.try_into().ok()?);
    Some(((code, format!("{address}:{port}")), end + 2))
}

fn host(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

/// How far a side came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Client: greeting. Server: choice of method.
    Method,
    /// Login and its answer.
    Login,
    /// Request and reply.
    Request,
    /// Nothing is understood any more.
    Lost,
}

/// One connection to a proxy.
pub struct Socks {
    five: Option<bool>,
    steps: [Step; 2],
    held: [Vec<u8>; 2],
    target: Option<String>,
}

impl Socks {
    /// Starts on a connection.
    pub fn new(_: &Start) -> Self {
        Self { five: None, steps: [Step::Method; 2], held: [Vec::new(), Vec::new()], target: None }
    }

    /// Takes one message off what is held. Gives whether the tunnel begins after it.
    fn message(&mut self, side: Side) -> Parsed<bool> {
        let held = &self.held[side.index()];
        let (first, second) = (*held.first()?, held.get(1).copied());
        let five = *self.five.get_or_insert(first == 5);
        let step = &mut self.steps[side.index()];
        match (five, side, *step) {
            (false, Side::Client, _) => {
                let (target, length) = request_4(held)?;
                self.target = Some(target);
                *step = Step::Lost;
                Some((false, length))
            }
            (false, Side::Server, _) => {
                held.get(7)?;
                *step = Step::Lost;
                Some((second == Some(0x5a), 8))
            }
            (true, Side::Client, Step::Method) => {
                let length = 2 + usize::from(second?);
                held.get(length - 1)?;
                *step = Step::Request;
                Some((false, length))
            }
            (true, Side::Client, Step::Login | Step::Request) => {
                // A login has version 1, a request 5.
                if first == 1 {
                    let user = usize::from(second?);
                    let length = 3 + user + usize::from(*held.get(2 + user)?);
                    held.get(length - 1)?;
                    return Some((false, length));
                }
                let ((_, target), length) = message_5(held)?;
                self.target = Some(target);
                *step = Step::Lost;
                Some((false, length))
            }
            (true, Side::Server, Step::Method) => {
                *step = if second? == 2 { Step::Login } else { Step::Request };
                Some((false, 2))
            }
            (true, Side::Server, Step::Login) => {
                second?;
                *step = Step::Request;
                Some((false, 2))
            }
            (true, Side::Server, Step::Request) => {
                let ((code, _), length) = message_5(held)?;
                *step = Step::Lost;
                Some((code == 0, length))
            }
            (true, _, Step::Lost) => None,
        }
    }
}

impl Protocol for Socks {
    fn data(&mut self, side: Side, bytes: &[u8], _: At, _: &mut Shared) -> Next {
        let index = side.index();
        let before = self.held[index].len();
        let room = MAX_MESSAGE.saturating_sub(before).min(bytes.len());
        self.held[index].extend_from_slice(&bytes[..room]);
        let mut used = 0;
        while self.steps[index] != Step::Lost {
            let Some((tunnel, length)) = self.message(side) else { break };
            self.held[index].drain(..length.min(self.held[index].len()));
            used += length;
            if tunnel {
                let after = if self.five == Some(true) { "socks5" } else { "socks4" };
                return Next::HandOver { from: used.saturating_sub(before), after };
            }
        }
        Next::Want(Appetite::All)
    }

    fn gap(&mut self, side: Side, _: u64, _: At, _: &mut Shared) {
        self.steps[side.index()] = Step::Lost;
    }

    fn end(self: Box<Self>, facts: &mut Facts, _: &mut Shared) {
        let protocol = if self.five == Some(false) { "socks4" } else { "socks5" };
        facts.other =
            Some(Box::new(Other { protocol: Some(protocol.into()), name: self.target, ..Other::default() }));
    }
}
