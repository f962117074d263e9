//! DNS over datagrams and streams, multicast DNS and LLMNR, which share its format.
//!
//! In: datagrams, or a stream of messages each behind two bytes of length. Out: one
//! [`record::Dns`] a question, with the answer that has its id, name and type; and hints about
//! hosts that say their own name. Recognised by the whole message, or on the ports of these protocols by its header.
//! This protocol refuses to keep what TXT and NULL records say; it states how much.

mod parser;

use super::{Heads, Next, Protocol, Recognised, Shared, Start};
use crate::anomaly::Kind;
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{self, Facts, Hint, Other, Texts};
use crate::time::Timestamp;
use parser::{BadName, HEADER, Header, Name, Record, kind_name, rcode_name};
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::net::IpAddr;

/// Questions stated for one conversation: a tunnel asks thousands from one port, and each takes some 100 to 300 bytes.
const MAX_ENTRIES: usize = 8192;
/// Latest questions among which the one of an answer is looked for. Answers come within a round trip.
const MAX_PENDING: usize = 128;
/// Answers stated for one question.
const MAX_ANSWERS: u8 = 16;
/// Questions read of one message; more than one is only usual in multicast.
const MAX_QUESTIONS: u16 = 64;
/// Records read of one message.
const MAX_RECORDS: u32 = 512;
/// Hints about hosts stated for one conversation.
const MAX_HINTS: usize = 4;
/// Slices of a stream after lost bytes in which a message is looked for before the side is given up.
const MAX_SEARCHES: u8 = 8;

/// Domain names (RFC 1035).
const PORT_DNS: u16 = 53;
/// Multicast DNS (RFC 6762).
const PORT_MDNS: u16 = 5353;
/// Link-local multicast name resolution (RFC 4795).
const PORT_LLMNR: u16 = 5355;
/// NetBIOS names (RFC 1002) have the format of DNS and another meaning.
const PORT_NBNS: u16 = 137;

/// Whether first bytes are DNS. The client is the side that asks; in multicast DNS, where both sides do both, the
/// side that spoke first.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    if heads.ports.contains(&PORT_NBNS) {
        return Recognised::No;
    }
    let known = heads.ports.iter().any(|port| matches!(*port, PORT_DNS | PORT_MDNS | PORT_LLMNR));
    let both = [heads.first, heads.first.other()];
    let sides = match heads.carrier {
        Carrier::Udp => &both[..1],
        Carrier::Tcp => &both[..],
        _ => return Recognised::No,
    };
    let mut more = false;
    for &side in sides {
        let bytes = heads.bytes[side.index()];
        let message = if heads.carrier == Carrier::Udp { Some((bytes, bytes.len())) } else { framed(bytes) };
        let Some((message, length)) = message else {
            more |= !bytes.is_empty();
            continue;
        };
        let good = if known {
            if message.len() < HEADER && length >= HEADER {
                more = true;
                continue;
            }
            is_plausible(message, length)
        } else if message.len() < length {
            more |= Header::read(message).is_none_or(|header| header.counts[0] == 1);
            continue;
        } else {
            parser::is_perfect(message)
        };
        if good {
            let asks = Header::read(message).is_some_and(|header| !header.is_response());
            let symmetric = heads.ports == [PORT_MDNS; 2];
            return Recognised::Yes(if asks || symmetric { side } else { side.other() });
        }
    }
    if more { Recognised::More } else { Recognised::No }
}

/// The first message of a stream as far as it is there, and the length it should have.
fn framed(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    Some((&rest[..length.min(rest.len())], length))
}

/// Whether a message can be one of DNS on a port where that is expected: either its header or its first question
/// may be damaged. `length` is that of the whole message.
fn is_plausible(message: &[u8], length: usize) -> bool {
    let Some(header) = Header::read(message) else { return false };
    let [questions, answers, authorities, additional] = header.counts;
    let records = u32::from(answers) + u32::from(authorities) + u32::from(additional);
    let something = questions > 0 || records > 0 || header.is_response();
    let fits = usize::from(questions) * 5 <= length.saturating_sub(HEADER);
    let sane = if header.is_response() {
        questions <= 8 && records <= 4096
    } else {
        questions <= MAX_QUESTIONS && records <= 256 && (header.rcode() == 0 || header.opcode() != 0)
    };
    let question = || parser::question(message, HEADER, &mut Name::default());
    let asks = || question().is_some_and(|(question, _)| parser::is_good(&question));
    header.opcode() <= 6 && ((something && fits && sane) || (questions > 0 && asks()))
}

/// A question, and what became of it.
#[derive(Debug)]
struct Entry {
    query: SmolStr,
    time: Timestamp,
    frame: u64,
    bytes: (u32, u32),
    kind: u16,
    rcode: Option<u8>,
    /// Answers that were read.
    answered: u8,
}

/// One conversation.
#[derive(Debug)]
pub struct Dns {
    /// Most conversations have one question.
    entries: SmallVec<[Entry; 1]>,
    /// The id of each entry.
    ids: SmallVec<[u16; 4]>,
    /// The answers of entries that have some, in the order in which these were answered first.
    answers: SmallVec<[(u32, Texts); 1]>,
    addresses: [IpAddr; 2],
    /// `dns`, `mdns` or `llmnr`.
    name: &'static str,
    /// Messages whose entry was beyond the bound, and where the first one was.
    beyond: Option<Box<(u64, At)>>,
    hints: Vec<Hint>,
    /// Of streams.
    framing: Option<Box<[Framing; 2]>>,
}

impl Dns {
    /// Begins.
    pub fn new(start: &Start) -> Self {
        let opening = &start.opening;
        let ports = [opening.client.port(), opening.server.port()];
        let name = if ports.contains(&PORT_MDNS) {
            "mdns"
        } else if ports.contains(&PORT_LLMNR) {
            "llmnr"
        } else {
            "dns"
        };
        Self {
            entries: SmallVec::new(),
            ids: SmallVec::new(),
            answers: SmallVec::new(),
            addresses: [opening.client.ip(), opening.server.ip()],
            name,
            beyond: None,
            hints: Vec::new(),
            framing: (opening.carrier == Carrier::Tcp).then(Box::default),
        }
    }

    /// Takes one message.
    fn message(&mut self, side: Side, message: &[u8], at: At, shared: &mut Shared) {
        let Some(header) = Header::read(message) else {
            shared.log.note(
                Kind::Undecodable,
                at.capture,
                Some(at.frame),
                "DNS message shorter than its header",
            );
            return;
        };
        let bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let (mut after, mut name) = (HEADER, Name::default());
        let mut first = None;
        let wanted = header.counts[0].min(MAX_QUESTIONS);
        for _ in 0..wanted {
            let Some((question, next)) = parser::question(message, after, &mut name) else {
                note_bad(parser::name(message, after).1.err(), at, shared);
                return;
            };
            after = next;
            match question.name {
                // Type 0 is reserved (RFC 6895, 3.1): zeros of another protocol on this port, as scanners send them.
                Ok(()) if question.kind == 0 && name.as_str() == "." => {
                    shared.log.note(Kind::Undecodable, at.capture, Some(at.frame), "DNS question of no type");
                    return;
                }
                Ok(()) if header.is_response() => {
                    let entry = self.answered(header, name.as_str(), question.kind, at, bytes);
                    first = first.or(entry);
                }
                Ok(()) => self.asked(header.id, name.as_str(), question.kind, at, bytes),
                Err(bad) => note_bad(Some(bad), at, shared),
            }
        }
        if header.counts[0] > wanted {
            shared.log.note(
                Kind::Limit,
                at.capture,
                Some(at.frame),
                "DNS questions beyond the bound of a message",
            );
            return;
        }
        if header.is_response() && header.counts[0] == 0 {
            first = self.answered_without_question(header, bytes);
        }
        let Some(wanted) = Wanted::of(header, self.name != "dns", first.is_some(), shared.addresses_only)
        else {
            return;
        };
        let good = self.records(side, message, after, first, wanted, at);
        if !good {
            shared.log.note(Kind::Undecodable, at.capture, Some(at.frame), "DNS record");
        }
    }

    /// States a question, unless it repeats one that still waits. Multicast has no ids, there each counts.
    fn asked(&mut self, id: u16, query: &str, kind: u16, at: At, bytes: u32) {
        let waits = |entry: &Entry| entry.asks(query, kind);
        let same = if id == 0 { None } else { self.position(id, waits) };
        let repeated = same.is_some_and(|index| self.entries[index].rcode.is_none());
        if !repeated {
            self.push(id, Entry::new(query, kind, None, at, (bytes, 0)), at);
        }
    }

    /// States the outcome of a question, also where the question itself was not captured. Gives the entry that the
    /// records of the message belong to: none where it is an answer given again.
    fn answered(&mut self, header: Header, query: &str, kind: u16, at: At, bytes: u32) -> Option<usize> {
        let rcode = Some(header.rcode());
        if let Some(index) = self.position(header.id, |entry| entry.asks(query, kind)) {
            let entry = &mut self.entries[index];
            if entry.rcode.is_none() {
                entry.rcode = rcode;
                entry.bytes.1 = bytes;
                return Some(index);
            }
            // Zone transfers answer with many messages, resolvers sometimes twice.
            let more = self.framing.is_some();
            if more {
                entry.bytes.1 = entry.bytes.1.saturating_add(bytes);
            }
            return more.then_some(index);
        }
        self.push(header.id, Entry::new(query, kind, rcode, at, (0, bytes)), at)
    }

    /// An answer that does not repeat its question, as servers send that refuse.
    fn answered_without_question(&mut self, header: Header, bytes: u32) -> Option<usize> {
        if self.name == "mdns" {
            return None;
        }
        let index = self.position(header.id, |entry| entry.rcode.is_none())?;
        let entry = &mut self.entries[index];
        entry.rcode = Some(header.rcode());
        entry.bytes.1 = bytes;
        Some(index)
    }

    /// The latest entry of an id that fits, among the latest ones.
    fn position(&self, id: u16, fits: impl Fn(&Entry) -> bool) -> Option<usize> {
        let from = self.ids.len().saturating_sub(MAX_PENDING);
        let mut behind = self.ids.len();
        // Among two-byte numbers next to each other one is found fast.
        while let Some(at) = self.ids.get(from..behind)?.iter().rposition(|known| *known == id) {
            behind = from + at;
            if self.entries.get(behind).is_some_and(&fits) {
                return Some(behind);
            }
        }
        None
    }

    fn push(&mut self, id: u16, entry: Entry, at: At) -> Option<usize> {
        if self.entries.len() >= MAX_ENTRIES {
            self.beyond.get_or_insert_with(|| Box::new((0, at))).0 += 1;
            return None;
        }
        self.entries.push(entry);
        self.ids.push(id);
        Some(self.entries.len() - 1)
    }

    /// Where the answers of an entry are kept.
    fn answers(&mut self, entry: usize) -> &mut Texts {
        // Of what was answered since, each was asked at most so many questions before this one or after it.
        let near = self.answers.len().saturating_sub(2 * MAX_PENDING);
        let known = self.answers[near..].iter().rposition(|(own, _)| *own as usize == entry);
        let index = known.map_or(self.answers.len(), |known| near + known);
        if known.is_none() {
            self.answers.push((entry as u32, Texts::default()));
        }
        &mut self.answers[index].1
    }

    /// Reads the records behind the questions: the answers of `entry`, and the names hosts give themselves. Gives
    /// whether all that are wanted could be read.
    fn records(
        &mut self,
        side: Side,
        message: &[u8],
        mut after: usize,
        entry: Option<usize>,
        wanted: Wanted,
        at: At,
    ) -> bool {
        let mut name = Name::default();
        for index in 0..wanted.records {
            let Some((record, next)) = parser::record(message, after) else { return false };
            after = next;
            if let Some(number) = entry
                && let Some(entry) = self.entries.get_mut(number)
                && index < wanted.answers
                && entry.answered < MAX_ANSWERS
            {
                entry.answered += 1;
                if !wanted.addresses_only || record.address().is_some() {
                    let answer = record.answer(&mut name);
                    self.answers(number).push(answer.as_str());
                }
            }
            if wanted.names {
                self.hint(side, &record, wanted.update, at);
            }
        }
        true
    }

    /// A host that gives its own address a name says its own name.
    fn hint(&mut self, side: Side, record: &Record<'_>, update: bool, at: At) {
        let addr = self.addresses[side.index()];
        if self.hints.len() == MAX_HINTS || record.address() != Some(addr) {
            return;
        }
        let Some(owner) = record.owner() else { return };
        let value: SmolStr = owner.strip_suffix(".local").unwrap_or(&owner).into();
        let source = if update { "dns-update" } else { self.name }.into();
        if value != "." && !self.hints.iter().any(|hint| hint.value == value) {
            let kind = "name".into();
            self.hints.push(Hint { addr, kind, value, source, time: at.time, frame: at.frame });
        }
    }
}

impl Entry {
    fn new(query: &str, kind: u16, rcode: Option<u8>, at: At, bytes: (u32, u32)) -> Self {
        Self { query: query.into(), time: at.time, frame: at.frame, bytes, kind, rcode, answered: 0 }
    }

    fn asks(&self, query: &str, kind: u16) -> bool {
        self.kind == kind && self.query == query
    }

    fn state(self) -> record::Dns {
        record::Dns {
            query: self.query,
            kind: kind_name(self.kind),
            rcode: self.rcode.map(rcode_name),
            time: self.time,
            frame: self.frame,
            bytes: self.bytes,
            ..record::Dns::default()
        }
    }
}

/// Which records of a message are read.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// How many.
    records: u32,
    /// The first so many answer the question.
    answers: u32,
    /// They may say how a host names itself: it does in local protocols and in updates (RFC 2136).
    names: bool,
    /// It is an update.
    update: bool,
    /// Answers that are no addresses are not kept.
    addresses_only: bool,
}

impl Wanted {
    fn of(header: Header, local: bool, answering: bool, addresses_only: bool) -> Option<Self> {
        let response = header.is_response();
        let update = header.opcode() == 5 && !response;
        let names = update || (local && response);
        let all: u32 = header.counts[1..].iter().map(|count| u32::from(*count)).sum();
        let answers = if response { u32::from(header.counts[1]) } else { 0 };
        let records = if names { all } else { answers }.min(MAX_RECORDS);
        (names || answering).then_some(Self { records, answers, names, update, addresses_only })
    }
}

fn note_bad(bad: Option<BadName>, at: At, shared: &mut Shared) {
    let what = match bad {
        Some(BadName::Loop) => "DNS name whose pointer does not lead back",
        Some(BadName::Label) => "DNS name with a bad label",
        Some(BadName::Cut) | None => "DNS question cut short",
    };
    shared.log.note(Kind::Undecodable, at.capture, Some(at.frame), what);
}

/// Messages behind their lengths in one direction of a stream (RFC 1035, section 4.2.2).
#[derive(Debug, Default)]
struct Framing {
    /// A message with its length, as far as it came: at most 65,537 bytes.
    partial: Vec<u8>,
    /// Bytes were lost: so many slices were searched for a message since.
    lost: Option<u8>,
    /// This side is given up.
    given_up: bool,
}

impl Framing {
    /// Whether the slice can be read after lost bytes: it must begin a message.
    fn resume(&mut self, bytes: &[u8]) -> bool {
        let Some(tried) = self.lost else { return true };
        if framed(bytes).is_some_and(|(message, length)| is_plausible(message, length)) {
            self.lost = None;
            return true;
        }
        self.lost = Some(tried + 1);
        self.given_up = tried + 1 >= MAX_SEARCHES;
        false
    }
}

/// Moves bytes to `partial` until that is a whole message with its length; gives whether it is.
fn complete(partial: &mut Vec<u8>, bytes: &mut &[u8]) -> bool {
    loop {
        let wanted = match partial.first_chunk() {
            Some(length) => 2 + usize::from(u16::from_be_bytes(*length)),
            None => 2,
        };
        let missing = wanted - partial.len().min(wanted);
        if missing == 0 {
            return true;
        }
        if bytes.is_empty() {
            return false;
        }
        let (head, tail) = bytes.split_at(missing.min(bytes.len()));
        partial.extend_from_slice(head);
        *bytes = tail;
    }
}

impl Protocol for Dns {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next {
        let Some(framing) = self.framing.as_deref_mut() else {
            self.message(side, bytes, at, shared);
            return Next::Want(Appetite::All);
        };
        let framing = &mut framing[side.index()];
        if framing.given_up || !framing.resume(bytes) {
            return Next::Want(if framing.given_up { Appetite::Enough } else { Appetite::All });
        }
        let mut partial = std::mem::take(&mut framing.partial);
        let mut rest = bytes;
        while !rest.is_empty() {
            match framed(rest) {
                Some((message, length)) if partial.is_empty() && message.len() == length => {
                    rest = &rest[2 + length..];
                    self.message(side, message, at, shared);
                }
                _ if complete(&mut partial, &mut rest) => {
                    self.message(side, &partial[2..], at, shared);
                    partial.clear();
                }
                _ => {}
            }
        }
        if let Some(framing) = self.framing.as_deref_mut() {
            framing[side.index()].partial = partial;
        }
        Next::Want(Appetite::All)
    }

    fn gap(&mut self, side: Side, _: u64, _: At, _: &mut Shared) {
        if let Some(framing) = self.framing.as_deref_mut() {
            let framing = &mut framing[side.index()];
            framing.partial = Vec::new();
            framing.lost = Some(0);
        }
    }

    fn end(self: Box<Self>, facts: &mut Facts, shared: &mut Shared) {
        if let Some((count, at)) = self.beyond.as_deref().copied() {
            let what = "DNS messages beyond the bound of a conversation";
            shared.log.add(Kind::Limit, at.capture, Some(at.frame), count, what);
        }
        if self.entries.is_empty() {
            // Announcements, and what could not be read, are still this protocol.
            facts.other =
                Some(Box::new(Other { protocol: Some(SmolStr::new_static(self.name)), ..Other::default() }));
        }
        facts.dns = self.entries.into_iter().map(Entry::state).collect();
        for (entry, answers) in self.answers {
            if let Some(entry) = facts.dns.get_mut(entry as usize) {
                entry.answers = answers;
            }
        }
        facts.hints.extend(self.hints);
    }
}

#[cfg(test)]
mod tests;
