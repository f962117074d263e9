//! Everything that is not taken apart: what it is called, where first bytes tell, and what its bytes are like.
//!
//! Takes what no other dissector wants, WebSockets, and the data connections that FTP announced. Gives for each
//! side a description of its first bytes, and what the messages of a side have in common. It refuses to keep any
//! bytes of a protocol that is recognised: logins stand there, of which only the account's name is told. What the client of a WebSocket says is described message
//! by message, like bodies of HTTP.

mod account;
mod messages;
mod names;
#[cfg(test)]
mod tests;

use super::ntlm;
use super::shape::{Expected, Heads, Next, Protocol, Shared, Start};
use crate::content::{Declared, Scanner, gzip_behind_prefix};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{Body, Facts, Hex, Hint, Other};
use account::Account;
use memchr::{memchr3_iter, memmem};
use messages::Messages;
use names::View;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::LazyLock;

/// Bytes of the client that are looked at. Stolen data that is sent raw follows soon after the greeting.
const MAX_TO_SERVER: u64 = 64 << 10;
/// Bytes of the server that are looked at.
const MAX_TO_CLIENT: u64 = 16 << 10;
/// Bytes of a side that may name the protocol.
const MAX_NAMING: usize = 160;
/// Bytes in which messages of a side may agree.
const MAX_PREFIX: usize = 16;
/// Bytes of a message in which an archive may begin: after a length, a command, a machine's name.
const MAX_LEAD: usize = 128;
/// Longest NTLM login that is held, in bytes.
const MAX_LOGIN: usize = 2 << 10;
/// How the message of NTLM that names the user begins ([MS-NLMP] 2.2.1.3).
static LOGIN: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new(b"NTLMSSP\0\x03\0\0\0"));
/// Beginnings of archives that are looked for inside a message.
const ARCHIVES: [&[u8]; 3] = [b"PK\x03\x04", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c"];

/// The side (of those given) that is the client, where first bytes tell.
pub fn client(heads: &Heads<'_>) -> Option<Side> {
    [heads.first, heads.first.other()].into_iter().find_map(|side| {
        let (own, other) = (side.index(), side.other().index());
        let view = View { bytes: heads.bytes[own], ports: (heads.ports[own], heads.ports[other]) };
        names::find(&view, heads.carrier)?.1.client(side)
    })
}

/// Whether first bytes of either side name a protocol.
pub fn is_named(heads: &Heads<'_>) -> bool {
    [Side::Client, Side::Server].into_iter().any(|side| {
        let (own, other) = (side.index(), side.other().index());
        let view = View { bytes: heads.bytes[own], ports: (heads.ports[own], heads.ports[other]) };
        // What a login belongs to is told by the server's answers.
        names::find(&view, heads.carrier).is_some_and(|(name, _)| name != names::LOGIN)
    })
}

/// A conversation that is not taken apart.
pub struct Opaque {
    carrier: Carrier,
    ports: [u16; 2],
    name: Option<&'static str>,
    client: Option<Side>,
    last: Option<Side>,
    lanes: [Lane; 2],
    /// The address of the client.
    addr: IpAddr,
    logins: Option<Box<Logins>>,
    known: Option<Box<Known>>,
}

// There may be a hundred thousand. With 16 bytes more they would share pages with what outlives them.
const _: () = assert!(size_of::<Opaque>() <= 224);

/// What is known of the few that are looked at further.
enum Known {
    Announced(Announced),
    WebSocket(Messages),
    Mailbox(Account),
}

impl Known {
    fn announced(&self) -> Option<&Announced> {
        if let Self::Announced(announced) = self { Some(announced) } else { None }
    }
    fn messages(&mut self) -> Option<&mut Messages> {
        if let Self::WebSocket(messages) = self { Some(messages) } else { None }
    }
    fn account(&mut self) -> Option<&mut Account> {
        if let Self::Mailbox(account) = self { Some(account) } else { None }
    }
}

/// A data connection of FTP.
struct Announced {
    key: (IpAddr, u16),
    verb: Option<String>,
    name: Option<String>,
}

/// Logins in clear: they name user and machine.
#[derive(Default)]
struct Logins {
    /// One by NTLM, whatever carries it (SMB, RPC, LDAP), from its signature on, while more of it may come.
    held: Option<(Vec<u8>, At)>,
    hints: Vec<Hint>,
}

/// One direction.
#[derive(Default)]
struct Lane {
    /// Of a stream.
    begun: Option<Box<Begun>>,
    scanner: Option<Box<Scanner>>,
    bytes: u64,
    missing: u64,
    looked_at: u64,
    /// The scanner reads an archive.
    archive: bool,
    /// The present message was seen from its first byte.
    whole: bool,
    messages: u32,
    /// The first bytes of the present message.
    front: Front,
    /// What all messages so far begin with.
    common: Front,
}

/// What is kept of a stream because more may follow.
#[derive(Default)]
struct Begun {
    /// The first bytes, while no name is found.
    head: Vec<u8>,
    /// The front of the present message.
    lead: Vec<u8>,
}

/// So many bytes.
#[derive(Default, Clone, Copy)]
struct Front {
    bytes: [u8; MAX_PREFIX],
    length: u8,
}

impl Front {
    fn get(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Takes what there is room for.
    fn extend(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(usize::from(self.length)..).unwrap_or_default();
        self.length += room.len().min(bytes.len()) as u8;
        room.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    }
}

impl Opaque {
    /// Starts on a conversation.
    pub fn new(start: &Start) -> Self {
        let opening = &start.opening;
        Self {
            carrier: opening.carrier,
            ports: [opening.client.port(), opening.server.port()],
            name: (start.after == Some("websocket")).then_some("websocket"),
            client: None,
            last: None,
            lanes: [Lane::default(), Lane::default()],
            addr: opening.client.ip(),
            logins: None,
            known: (start.after == Some("websocket"))
                .then(|| Box::new(Known::WebSocket(Messages::default()))),
        }
    }

    /// Starts on a data connection that FTP announced by `key`.
    pub fn announced(start: &Start, key: (IpAddr, u16), expected: &Expected) -> Self {
        let (verb, name) = (expected.verb.clone(), expected.name.clone());
        Self {
            name: Some("ftp-data"),
            known: Some(Box::new(Known::Announced(Announced { key, verb, name }))),
            ..Self::new(start)
        }
    }

    /// What it was recognised as.
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The side that is the client, where bytes have told.
    pub fn client(&self) -> Option<Side> {
        self.client
    }

    /// The first bytes of a side, as far as they are kept.
    pub fn head(&self, side: Side) -> &[u8] {
        self.lanes[side.index()].head()
    }

    /// Takes the sides the other way round from now on.
    pub fn turn_around(&mut self) {
        self.lanes.swap(0, 1);
        self.ports.swap(0, 1);
        self.last = self.last.map(Side::other);
        self.client = self.client.map(Side::other);
        self.known.take_if(|known| known.messages().is_some());
    }

    /// Whether another protocol may begin later in it.
    pub fn may_turn_out(&self) -> bool {
        let open = |name| name == names::LOGIN || names::MAY_START_TLS.contains(&name);
        self.carrier == Carrier::Tcp && self.name.is_none_or(open)
    }

    /// Names the protocol by the first bytes of a side.
    fn recognise(&mut self, side: Side, bytes: &[u8], at: At) {
        let (own, other) = (side.index(), side.other().index());
        let lane = &mut self.lanes[own];
        // What a login belongs to may still show.
        let named = self.name.is_some_and(|name| name != names::LOGIN);
        if named || lane.head().len() >= MAX_NAMING || lane.missing > 0 {
            return;
        }
        // Only the first datagram counts: they do not join.
        if self.carrier != Carrier::Tcp && lane.bytes > 0 {
            return;
        }
        let before = lane.head().len();
        // A datagram states its length, and is looked at where it is.
        let mut view = View { bytes, ports: (self.ports[own], self.ports[other]) };
        if self.carrier == Carrier::Tcp {
            let room = (MAX_NAMING - before).min(bytes.len());
            let head = &mut lane.begun.get_or_insert_default().head;
            head.extend_from_slice(&bytes[..room]);
            view.bytes = head;
        }
        if let Some((name, speaker)) = names::find(&view, self.carrier) {
            self.name = Some(name);
            self.client = speaker.client(side);
            if let Some(account) = Account::of(name) {
                self.known = Some(Box::new(Known::Mailbox(account)));
                // What came before it was enough to tell; the rest is looked at by the caller.
                let head = lane.head().get(..before).unwrap_or_default().to_vec();
                self.mailbox(side, &head, at);
            }
            self.lanes.iter_mut().filter_map(|lane| lane.scanner.as_mut()).for_each(|s| s.figures_only());
        }
    }

    /// Whether the protocol is known, so that only figures are told.
    fn recognised(&self) -> bool {
        self.name.is_some_and(|name| name != "ftp-data")
    }

    /// A message begins where the direction turns; each datagram is one.
    fn turn(&mut self, side: Side) {
        if self.last == Some(side) && self.carrier == Carrier::Tcp {
            return;
        }
        self.settle_login();
        if let Some(before) = self.last {
            self.lanes[before.index()].end_message();
        }
        self.last = Some(side);
        let lane = &mut self.lanes[side.index()];
        if let Some(begun) = &mut lane.begun {
            begun.lead.clear();
        }
        lane.front = Front::default();
        lane.whole = true;
    }

    /// Looks for a login in what the client sends. Its signature is found where it is in one segment.
    fn look_for_login(&mut self, bytes: &[u8], at: At) {
        if let Some(found) = LOGIN.find(bytes) {
            self.settle_login();
            let held = bytes[found..].iter().take(MAX_LOGIN).copied().collect();
            self.logins.get_or_insert_default().held = Some((held, at));
        } else if let Some(Logins { held: Some((held, _)), .. }) = self.logins.as_deref_mut() {
            held.extend(bytes.iter().take(MAX_LOGIN.saturating_sub(held.len())));
        }
    }

    /// Reads the login that is held: its message is at an end.
    fn settle_login(&mut self) {
        if let Some(Logins { held, hints }) = self.logins.as_deref_mut()
            && let Some((held, at)) = held.take()
            && hints.len() < ntlm::MAX_HINTS
            && let Some(login) = ntlm::login(&held)
        {
            hints.extend(login.hints(self.addr, "ntlm", at));
        }
    }
}

impl Lane {
    fn head(&self) -> &[u8] {
        self.begun.as_ref().map_or(&[], |begun| &begun.head)
    }

    fn lead(&self) -> &[u8] {
        self.begun.as_ref().map_or(&[], |begun| &begun.lead)
    }

    /// Folds the front of a message into what all have in common.
    fn end_message(&mut self) {
        if !std::mem::take(&mut self.whole) || self.front.length == 0 {
            return;
        }
        if self.messages == 0 {
            self.common = self.front;
        } else {
            let agree = |(a, b): &(&u8, &u8)| a == b;
            let agreed = self.common.get().iter().zip(self.front.get()).take_while(agree).count();
            self.common.length = agreed as u8;
        }
        self.messages = self.messages.saturating_add(1);
    }

    /// A scanner; of what is recognised only figures are told.
    fn begin(declared: &Declared<'_>, recognised: bool) -> Box<Scanner> {
        let mut scanner = Box::new(Scanner::new(declared));
        if recognised {
            scanner.figures_only();
        }
        scanner
    }

    fn take(&mut self, bytes: &[u8], carrier: Carrier, look: &Look<'_>) {
        let Look { budget, declared, recognised } = *look;
        self.bytes += bytes.len() as u64;
        let before = self.lead().len();
        if self.whole && before < MAX_LEAD {
            self.front.extend(bytes);
            let own = &bytes[..(MAX_LEAD - before).min(bytes.len())];
            // A datagram is all of its message.
            let lead = if carrier == Carrier::Tcp {
                let lead = &mut self.begun.get_or_insert_default().lead;
                lead.extend_from_slice(own);
                lead
            } else {
                own
            };
            if declared.upload
                && !self.archive
                && let Some(at) = archive_at(lead)
            {
                // From here on the archive is what the side sends.
                self.archive = true;
                let mut scanner = Self::begin(declared, recognised);
                scanner.feed(lead.get(at.min(before)..before).unwrap_or_default());
                scanner.feed(bytes.get(at.saturating_sub(before)..).unwrap_or_default());
                self.scanner = Some(scanner);
                return;
            }
        }
        let scanner = self.scanner.get_or_insert_with(|| Self::begin(declared, recognised));
        let left = match budget {
            Some(budget) if !self.archive => budget.saturating_sub(self.looked_at),
            _ => u64::MAX,
        };
        let length = bytes.len() as u64;
        let fed = if scanner.wants() { usize::try_from(left.min(length)).unwrap_or(bytes.len()) } else { 0 };
        if fed > 0 {
            scanner.feed(&bytes[..fed]);
        }
        if length > fed as u64 {
            scanner.passed(length - fed as u64);
        }
        self.looked_at = self.looked_at.saturating_add(fed as u64);
    }

    fn wants(&self, budget: Option<u64>) -> bool {
        let within = self.archive || budget.is_none_or(|budget| self.looked_at < budget);
        within && self.scanner.as_ref().is_none_or(|scanner| scanner.wants())
    }

    /// States the side. Of a recognised protocol only sizes and kinds.
    fn finish(&mut self, recognised: bool) -> Option<Box<Body>> {
        let mut body = self.scanner.take().map(|scanner| scanner.finish()).unwrap_or_default();
        body.bytes = self.bytes.saturating_add(self.missing);
        body.missing = self.missing;
        if recognised {
            body = Body {
                bytes: body.bytes,
                missing: body.missing,
                shape: body.shape,
                entropy: body.entropy,
                ..Body::default()
            };
        }
        (body.bytes > 0).then(|| Box::new(body))
    }
}

/// How a side is looked at.
struct Look<'a> {
    /// Bytes that are.
    budget: Option<u64>,
    declared: &'a Declared<'a>,
    /// Only figures are told.
    recognised: bool,
}

/// Where an archive begins in the front of a message.
fn archive_at(lead: &[u8]) -> Option<usize> {
    // All begin with one of three letters.
    let archive = |at: &usize| ARCHIVES.iter().any(|magic| lead[*at..].starts_with(magic));
    memchr3_iter(b'P', b'R', b'7', lead).find(archive).or_else(|| gzip_behind_prefix(lead))
}

impl Opaque {
    /// What FTP said of it.
    fn announcement(&self) -> Option<&Announced> {
        self.known.as_ref()?.announced()
    }

    /// What a WebSocket says.
    fn messages(&mut self) -> Option<&mut Messages> {
        self.known.as_deref_mut()?.messages()
    }

    fn budget(&self, side: Side) -> Option<u64> {
        match (self.announcement(), side) {
            (Some(_), _) => None,
            (None, Side::Client) => Some(MAX_TO_SERVER),
            (None, Side::Server) => Some(MAX_TO_CLIENT),
        }
    }
}

/// The first packet of a MySQL client that wants TLS: 32 bytes, the first of its sequence, with the flag set. The
/// handshake follows it without an answer (MySQL internals, Protocol::SSLRequest).
const SSL_REQUEST: usize = 36;

impl Opaque {
    /// Looks for who logs in to a mailbox. Of a greeting that named the protocol nothing is looked at: the server is
    /// not asking for anything in it.
    fn mailbox(&mut self, side: Side, bytes: &[u8], at: At) {
        let Some(account) = self.known.as_deref_mut().and_then(Known::account) else { return };
        if side == Side::Server {
            return account.server(bytes);
        }
        let (source, addr, logins) = (account.source(), self.addr, &mut self.logins);
        account.client(bytes, |value| {
            let hints = &mut logins.get_or_insert_default().hints;
            if hints.len() < ntlm::MAX_HINTS {
                let (kind, value, source) = ("user".into(), value.into(), source.into());
                hints.push(Hint { addr, kind, value, source, time: at.time, frame: at.frame });
            }
        });
    }

    /// Where in what a MySQL client sends its TLS begins.
    fn switches_to_tls(&self, bytes: &[u8]) -> Option<usize> {
        let lane = &self.lanes[Side::Client.index()];
        let before = usize::try_from(lane.bytes).ok().filter(|&before| before < SSL_REQUEST)?;
        let end = SSL_REQUEST - before;
        if self.name != Some("mysql") || bytes.len() < end || lane.missing > 0 || lane.lead().len() != before
        {
            return None;
        }
        let mut head = [0; 8];
        let all = lane.lead().iter().chain(bytes);
        head.iter_mut().zip(all).for_each(|(room, byte)| *room = *byte);
        let flags = u16::from_le_bytes([head[4], head[5]]);
        (head[..4] == [32, 0, 0, 1] && flags & 0x0800 != 0).then_some(end)
    }
}

impl Protocol for Opaque {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, _: &mut Shared) -> Next {
        self.turn(side);
        if side == Side::Client && self.carrier == Carrier::Tcp && self.announcement().is_none() {
            self.look_for_login(bytes, at);
        }
        self.recognise(side, bytes, at);
        let switch = if side == Side::Client { self.switches_to_tls(bytes) } else { None };
        let bytes = bytes.get(..switch.unwrap_or(bytes.len())).unwrap_or(bytes);
        self.mailbox(side, bytes, at);
        let budget = self.budget(side);
        let recognised = self.recognised();
        let announced = self.known.as_deref().and_then(Known::announced);
        let file_name = announced.and_then(|announced| announced.name.as_deref());
        let declared = Declared { file_name, upload: side == Side::Client, ..Declared::default() };
        let look = Look { budget, declared: &declared, recognised };
        let lane = &mut self.lanes[side.index()];
        lane.take(bytes, self.carrier, &look);
        let mut wants = lane.wants(budget);
        if let (Side::Client, Some(messages)) = (side, self.messages()) {
            messages.feed(bytes);
            wants |= messages.wants();
        }
        if let Some(from) = switch {
            return Next::HandOver { from, after: "mysql" };
        }
        Next::Want(if wants { Appetite::All } else { Appetite::Enough })
    }

    fn gap(&mut self, side: Side, length: u64, _: At, _: &mut Shared) {
        self.turn(side);
        let lane = &mut self.lanes[side.index()];
        lane.missing = lane.missing.saturating_add(length);
        lane.whole = false;
        if let Some(scanner) = &mut lane.scanner {
            scanner.missing(length);
        }
        if let Some(account) = self.known.as_deref_mut().and_then(Known::account) {
            account.gap();
        }
        if let (Side::Client, Some(messages)) = (side, self.messages()) {
            messages.skip(length);
        }
    }

    fn passed(&mut self, side: Side, length: u64, _: At) {
        self.turn(side);
        let lane = &mut self.lanes[side.index()];
        lane.bytes = lane.bytes.saturating_add(length);
        lane.whole = false;
        if let Some(scanner) = &mut lane.scanner {
            scanner.passed(length);
        }
        if let (Side::Client, Some(messages)) = (side, self.messages()) {
            messages.skip(length);
        }
    }

    fn end(mut self: Box<Self>, facts: &mut Facts, shared: &mut Shared) {
        // What led here, where a proxy did.
        let before = facts.other.take().map(|other| *other).unwrap_or_default();
        let mut other = Other { protocol: self.name.map(SmolStr::new_static), ..Other::default() };
        let mut messages = None;
        match self.known.take().map(|known| *known) {
            Some(Known::WebSocket(own)) => messages = Some(own),
            Some(Known::Announced(Announced { key, mut verb, mut name })) => {
                // The command may have come after the connection.
                if let Some(expected) = shared.expected.remove(&key).filter(|_| verb.is_none()) {
                    verb = expected.verb;
                    name = name.or(expected.name);
                }
                (other.verb, other.name) = (verb, name);
            }
            Some(Known::Mailbox(_)) | None => {}
        }
        let recognised = self.recognised();
        self.settle_login();
        facts.hints.extend(self.logins.take().into_iter().flat_map(|logins| logins.hints));
        for lane in &mut self.lanes {
            lane.end_message();
        }
        let repeats = self.lanes.iter().any(|lane| lane.messages > 1 && lane.common.length > 0);
        if repeats && self.name.is_none() {
            let common =
                |lane: &Lane| if lane.messages > 1 { Hex::from(lane.common.get()) } else { Hex::default() };
            other.prefix = Some((common(&self.lanes[0]), common(&self.lanes[1])));
        }
        other.to_server = self.lanes[0].finish(recognised);
        other.to_client = self.lanes[1].finish(recognised);
        if let (Some(messages), Some(body)) = (messages, other.to_server.as_mut()) {
            (body.parts, body.more_parts) = messages.finish();
        }
        if let Some(name) = &other.name {
            let sent = if other.to_server.is_some() { &mut other.to_server } else { &mut other.to_client };
            if let Some(body) = sent.as_mut().filter(|_| self.name == Some("ftp-data")) {
                body.file_name.get_or_insert_with(|| bounded(name).to_owned());
            }
        }
        other.protocol = other.protocol.or(before.protocol);
        other.name = other.name.or(before.name);
        facts.other = Some(Box::new(other));
    }
}

/// A file name as it is kept, at most 255 bytes.
fn bounded(name: &str) -> &str {
    &name[..name.floor_char_boundary(255)]
}
