//! Chooses the dissector of a conversation by its first bytes and feeds it.

use super::opaque::{self, Opaque};
use super::shape::{Heads, MAX_HEAD, Next, Protocol, Recognised, Shared, Start};
use super::{dhcp, dns, ftp, http, http2, kerberos, nbns, openvpn, quic, smtp, socks, tls};
use crate::flow::{Appetite, At, Carrier, Dissector, Opening, Side};
use crate::record::Facts;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, DerefMut};

/// A dissector that may be chosen.
struct Entry {
    recognise: fn(&Heads<'_>) -> Recognised,
    begin: fn(&Start) -> Box<dyn Protocol + Send>,
    /// Its first bytes are so telling that it is also looked for where an unnamed stream turns its direction: a
    /// capture that began inside a message, a STARTTLS of a protocol that is only recognised.
    late: bool,
}

static HTTP: Entry =
    Entry { recognise: http::recognise, begin: |start| Box::new(http::Http::new(start)), late: true };

/// All dissectors but the opaque one, the surest first.
static TABLE: &[&Entry] = &[
    &HTTP,
    &Entry { recognise: http2::recognise, begin: |start| Box::new(http2::Http2::new(start)), late: true },
    &Entry { recognise: tls::recognise, begin: |start| Box::new(tls::Tls::new(start)), late: true },
    &Entry { recognise: quic::recognise, begin: |start| Box::new(quic::Quic::new(start)), late: false },
    &Entry { recognise: dns::recognise, begin: |start| Box::new(dns::Dns::new(start)), late: false },
    &Entry { recognise: smtp::recognise, begin: |start| Box::new(smtp::Smtp::new(start)), late: false },
    &Entry { recognise: ftp::recognise, begin: |start| Box::new(ftp::Ftp::new(start)), late: false },
    &Entry { recognise: nbns::recognise, begin: |start| Box::new(nbns::Nbns::new(start)), late: false },
    &Entry { recognise: dhcp::recognise, begin: |start| Box::new(dhcp::Dhcp::new(start)), late: false },
    &Entry {
        recognise: kerberos::recognise,
        begin: |start| Box::new(kerberos::Kerberos::new(start)),
        late: false,
    },
    &Entry {
        recognise: openvpn::recognise,
        begin: |start| Box::new(openvpn::OpenVpn::new(start)),
        late: false,
    },
    &Entry { recognise: socks::recognise, begin: |start| Box::new(socks::Socks::new(start)), late: false },
];

/// Turns that may pass before a dissector is chosen. Greetings tell within four.
const MAX_UNDECIDED: usize = 32;
/// Most hand-overs of one conversation; real chains have three (SOCKS, CONNECT, upgrade).
const MAX_HANDOVERS: u8 = 6;
/// Turns of an opaque stream at which a telling beginning is looked for.
const MAX_LATE_LOOKS: u8 = 64;
/// Datagrams after the first at which any protocol is looked for: the first may be damaged, or a stray one of a port
/// that was used again.
const MAX_DATAGRAM_LOOKS: u8 = 3;
/// Bytes of an opaque stream that are taken, though nothing reads them, so as to see it turn: some 3,000 packets.
const PATIENCE: u32 = 4 << 20;

/// One conversation, whatever it speaks: the flow room's dissector.
pub struct Conversation {
    // As in its `Opening`, in half the room.
    carrier: Carrier,
    addrs: [IpAddr; 2],
    ports: [u16; 2],
    began: At,
    /// What those stated that handed over.
    facts: Option<Box<Facts>>,
    stage: Stage,
    /// What handed over to the present stage.
    after: Option<&'static str>,
    handovers: u8,
    late_looks: u8,
    patience: u32,
    last: Option<Side>,
    client: Option<Side>,
    /// What the dissector wants of each side (of the opening) and the flow room was not told.
    wanted: [Appetite; 2],
}

// Tens of thousands are open at once: with what the flow room keeps they fit a block of 448 bytes.
const _: () = assert!(size_of::<Conversation>() <= 152);

enum Stage {
    Choosing(Kept),
    Opaque { engine: Box<Opaque>, turned: bool },
    Known { engine: Box<dyn Protocol + Send>, turned: bool },
}

/// What came before a dissector was chosen: nothing, and nowhere, in the common case.
#[derive(Default)]
struct Kept(Option<Box<Choosing>>);

impl Deref for Kept {
    type Target = Choosing;
    fn deref(&self) -> &Choosing {
        static NOTHING: Choosing =
            Choosing { heads: [const { Vec::new() }; 2], order: Vec::new(), gaps: Vec::new() };
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut Choosing {
        self.0.get_or_insert_default()
    }
}

/// The first bytes of each side, how they came in turns, and what was lost before them.
#[derive(Default)]
struct Choosing {
    heads: [Vec<u8>; 2],
    order: Vec<(Side, usize, At)>,
    gaps: Vec<(Side, u64, At)>,
}

/// One slice that waits to be fed.
type Piece<'a> = (Side, Cow<'a, [u8]>, At);

/// The choice made: an entry of the table or the opaque dissector, and which side is the client, where known.
type Choice = (Option<&'static Entry>, Option<Side>);

/// Chooses by the first bytes; `None` where they are too few and it is not the last call.
fn choose(heads: &Heads<'_>, pinned: bool, last_call: bool) -> Option<Choice> {
    let mut more = false;
    for entry in TABLE.iter().filter(|_| !pinned) {
        match (entry.recognise)(heads) {
            Recognised::Yes(client) => return Some((Some(entry), Some(client))),
            Recognised::More => more = true,
            Recognised::No => {}
        }
    }
    if more
        && last_call
        && let Recognised::Yes(client) = http::recognise_cut(heads)
    {
        return Some((Some(&HTTP), Some(client)));
    }
    // A name that is sure does not wait for those who still doubt.
    let full = heads.bytes.iter().any(|head| head.len() >= MAX_HEAD);
    let wait = more && !full && !last_call && heads.carrier == Carrier::Tcp && !opaque::is_named(heads);
    (!wait).then(|| (None, opaque::client(heads)))
}

impl Conversation {
    fn oriented(&self, turned: bool) -> Opening {
        let ends = [0, 1].map(|side: usize| SocketAddr::new(self.addrs[side], self.ports[side]));
        let (client, server) = if turned { (ends[1], ends[0]) } else { (ends[0], ends[1]) };
        Opening { carrier: self.carrier, client, server, at: self.began }
    }

    /// Whether nothing but the opaque dissector comes in question.
    fn pinned(&self) -> bool {
        self.after == Some("websocket") || self.handovers > MAX_HANDOVERS
    }

    /// Starts the chosen dissector.
    fn begin(&mut self, (entry, client): Choice, gaps: Vec<(Side, u64, At)>, shared: &mut Shared) {
        // An inner protocol keeps the sides of the outer one, unless it knows them better.
        let client = client.or(self.client);
        if self.client.is_none() {
            self.client = client;
        }
        let turned = client == Some(Side::Server);
        let start = Start { opening: self.oriented(turned), after: self.after };
        self.stage = match entry {
            Some(entry) => Stage::Known { engine: (entry.begin)(&start), turned },
            None => Stage::Opaque { engine: Box::new(Opaque::new(&start)), turned },
        };
        for (side, length, at) in gaps {
            self.forward_gap(side, length, at, shared);
        }
    }

    fn forward_gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared) {
        if let Some((engine, side)) = self.stage.engine(side) {
            engine.gap(side, length, at, shared);
        }
    }

    /// Takes the next piece while nothing is chosen yet. Gives the pieces kept before and this one to feed once
    /// something is.
    fn consider<'a>(
        &mut self,
        piece: Piece<'a>,
        shared: &mut Shared,
    ) -> Option<(VecDeque<Piece<'static>>, Piece<'a>)> {
        let (carrier, ports, pinned) = (self.carrier, self.ports, self.pinned());
        let Stage::Choosing(kept) = &mut self.stage else { return Some((VecDeque::new(), piece)) };
        let (side, ref bytes, at) = piece;
        let first = kept.order.first().map_or(side, |(side, ..)| *side);
        let midstream = !kept.gaps.is_empty();
        let direct = kept.order.is_empty();
        let before = kept.heads[side.index()].len();
        if !direct {
            let room = MAX_HEAD.saturating_sub(before).min(bytes.len());
            kept.heads[side.index()].extend_from_slice(&bytes[..room]);
        }
        let mut heads = [&kept.heads[0][..], &kept.heads[1][..]];
        if direct {
            heads[side.index()] = &bytes[..bytes.len().min(MAX_HEAD)];
        }
        let heads = Heads { bytes: heads, first, carrier, ports, midstream };
        let Some(choice) = choose(&heads, pinned, kept.order.len() >= MAX_UNDECIDED) else {
            let Stage::Choosing(kept) = &mut self.stage else { return None };
            if direct {
                kept.heads[side.index()].extend_from_slice(bytes);
            }
            match kept.order.last_mut() {
                Some((last, length, _)) if *last == side => *length += bytes.len(),
                _ => kept.order.push((side, bytes.len(), at)),
            }
            return None;
        };
        let Stage::Choosing(kept) = std::mem::replace(&mut self.stage, Stage::Choosing(Kept::default()))
        else {
            return None;
        };
        let Some(mut kept) = kept.0 else {
            self.begin(choice, Vec::new(), shared);
            return Some((VecDeque::new(), piece));
        };
        kept.heads[side.index()].truncate(before);
        let before = kept.pieces();
        self.begin(choice, kept.gaps, shared);
        Some((before, piece))
    }

    /// Chooses now, with what there is.
    fn settle(&mut self, shared: &mut Shared) -> VecDeque<Piece<'static>> {
        if !matches!(&self.stage, Stage::Choosing(kept) if !kept.order.is_empty()) {
            return VecDeque::new();
        }
        let (carrier, ports, pinned) = (self.carrier, self.ports, self.pinned());
        let fresh = Stage::Choosing(Kept::default());
        match std::mem::replace(&mut self.stage, fresh) {
            Stage::Choosing(kept) if !kept.order.is_empty() => {
                let first = kept.order.first().map_or(Side::Client, |(side, ..)| *side);
                let midstream = !kept.gaps.is_empty();
                let bytes = [&kept.heads[0][..], &kept.heads[1][..]];
                let heads = Heads { bytes, first, carrier, ports, midstream };
                let choice = choose(&heads, pinned, true).unwrap_or((None, None));
                let queue = kept.pieces();
                self.begin(choice, kept.0.map(|kept| kept.gaps).unwrap_or_default(), shared);
                queue
            }
            other => {
                self.stage = other;
                VecDeque::new()
            }
        }
    }

    /// Feeds pieces in order, through as many hand-overs as they hold.
    fn feed(&mut self, mut queue: VecDeque<Piece<'_>>, shared: &mut Shared) {
        let mut before = None;
        while let Some((side, bytes, at)) = queue.pop_front() {
            // What was kept while nothing was chosen turns as well.
            let turns = before.replace(side).is_some_and(|before| before != side);
            if turns && matches!(self.stage, Stage::Opaque { .. }) {
                self.begins_late(side, &bytes, shared);
            }
            let Some((rest, from)) = self.owed(side, bytes, at) else { continue };
            let bytes = &rest[from..];
            if matches!(self.stage, Stage::Choosing(_)) {
                if let Some((before, (side, bytes, at))) =
                    self.consider((side, Cow::Borrowed(bytes), at), shared)
                {
                    queue.push_front((side, Cow::Owned(bytes.into_owned()), at));
                    before.into_iter().rev().for_each(|piece| queue.push_front(piece));
                }
                continue;
            }
            if let Some(left) = self.give(side, bytes, at, shared) {
                queue.push_front((side, Cow::Owned(bytes[left..].to_vec()), at));
            }
        }
    }

    /// Passes over what the dissector does not want. Gives the bytes and the offset of the first wanted one.
    fn owed<'a>(&mut self, side: Side, bytes: Cow<'a, [u8]>, at: At) -> Option<(Cow<'a, [u8]>, usize)> {
        let length = bytes.len() as u64;
        let over = match self.wanted[side.index()] {
            Appetite::All => 0,
            Appetite::Skip(count) => {
                let over = count.min(length);
                self.wanted[side.index()] =
                    if count > over { Appetite::Skip(count - over) } else { Appetite::All };
                over
            }
            Appetite::Enough => length,
        };
        if over > 0
            && let Some((engine, side)) = self.stage.engine(side)
        {
            engine.passed(side, over, at);
        }
        (over < length).then_some((bytes, over as usize))
    }

    /// Gives bytes to the running dissector. After a hand-over: the offset from which another protocol begins.
    fn give(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Option<usize> {
        let (engine, inner) = self.stage.engine(side)?;
        match engine.data(inner, bytes, at, shared) {
            Next::Want(appetite) => {
                self.wanted[side.index()] = appetite;
                self.turn_opaque();
                None
            }
            Next::HandOver { from, after } => {
                self.hand_over(Some(after), shared);
                let from = from.min(bytes.len());
                (from < bytes.len()).then_some(from)
            }
        }
    }

    /// Follows the opaque dissector where it has learnt which side is the client.
    fn turn_opaque(&mut self) {
        if let Stage::Opaque { engine, turned } = &mut self.stage
            && self.client.is_none()
            && let Some(client) = engine.client()
        {
            if client == Side::Server {
                engine.turn_around();
                *turned = !*turned;
            }
            self.client = Some(if *turned { Side::Server } else { Side::Client });
        }
    }

    /// Ends the running dissector, keeping its facts, and chooses anew.
    fn hand_over(&mut self, after: Option<&'static str>, shared: &mut Shared) {
        let stage = std::mem::replace(&mut self.stage, Stage::Choosing(Kept::default()));
        stage.end(self.facts.get_or_insert_default(), shared);
        self.wanted = [Appetite::All; 2];
        self.after = after;
        self.handovers = self.handovers.saturating_add(1);
    }

    /// Whether it is worth while to look for the beginning of a protocol in what fits none.
    fn may_begin_late(&self) -> bool {
        let Stage::Opaque { engine, .. } = &self.stage else { return false };
        match self.carrier {
            Carrier::Tcp => engine.may_turn_out() && self.late_looks < MAX_LATE_LOOKS,
            Carrier::Udp => engine.name().is_none() && self.late_looks < MAX_DATAGRAM_LOOKS,
            _ => false,
        }
    }

    /// Whether a stream that fits no protocol begins one here, where its direction turns, or one of its datagrams does.
    fn begins_late(&mut self, side: Side, bytes: &[u8], shared: &mut Shared) {
        let Stage::Opaque { engine, turned } = &self.stage else { return };
        if !self.may_begin_late() || self.pinned() {
            return;
        }
        self.late_looks += 1;
        let (named, turned) = (engine.name(), *turned);
        let inner = if turned { side } else { side.other() };
        let datagram = self.carrier == Carrier::Udp;
        let mut heads = if datagram { [&[][..]; 2] } else { [engine.head(inner); 2] };
        heads[side.index()] = &bytes[..bytes.len().min(MAX_HEAD)];
        let (carrier, ports) = (self.carrier, self.ports);
        let heads = Heads { bytes: heads, first: side, carrier, ports, midstream: false };
        let found = TABLE.iter().filter(|entry| entry.late || datagram).find_map(|entry| {
            match (entry.recognise)(&heads) {
                Recognised::Yes(client) => Some((entry, client)),
                _ => None,
            }
        });
        let Some((entry, client)) = found else { return };
        // A server's name that was read off its greeting stands, whoever begins the rest.
        if named.is_some() && turned != (client == Side::Server) {
            return;
        }
        self.hand_over(named.or(self.after), shared);
        if named.is_none() {
            self.client = Some(client);
        }
        self.begin((Some(entry), Some(client)), Vec::new(), shared);
    }
}

impl Choosing {
    /// The kept bytes as they came.
    fn pieces<'a>(&self) -> VecDeque<Piece<'a>> {
        let mut at_offset = [0usize; 2];
        if self.order.is_empty() {
            return VecDeque::new();
        }
        let mut pieces = VecDeque::with_capacity(self.order.len() + 1);
        for &(side, length, at) in &self.order {
            let from = at_offset[side.index()];
            let bytes = self.heads[side.index()].get(from..from + length).unwrap_or_default();
            at_offset[side.index()] += length;
            pieces.push_back((side, Cow::Owned(bytes.to_vec()), at));
        }
        pieces
    }
}

impl Stage {
    /// The running dissector and `side` as it sees it.
    fn engine(&mut self, side: Side) -> Option<(&mut dyn Protocol, Side)> {
        match self {
            Self::Choosing(_) => None,
            Self::Opaque { engine, turned } => {
                Some((engine.as_mut(), if *turned { side.other() } else { side }))
            }
            Self::Known { engine, turned } => {
                Some((engine.as_mut(), if *turned { side.other() } else { side }))
            }
        }
    }

    fn end(self, facts: &mut Facts, shared: &mut Shared) {
        match self {
            Self::Choosing(_) => {}
            Self::Opaque { engine, .. } => engine.end(facts, shared),
            Self::Known { engine, .. } => engine.end(facts, shared),
        }
    }
}

impl Dissector for Conversation {
    type Facts = Facts;
    type Shared = Shared;

    fn open(opening: &Opening, shared: &mut Shared) -> Self {
        let mut conversation = Self {
            carrier: opening.carrier,
            addrs: [opening.client.ip(), opening.server.ip()],
            ports: [opening.client.port(), opening.server.port()],
            began: opening.at,
            facts: None,
            stage: Stage::Choosing(Kept::default()),
            after: None,
            handovers: 0,
            late_looks: 0,
            patience: PATIENCE,
            last: None,
            client: None,
            wanted: [Appetite::All; 2],
        };
        if opening.carrier == Carrier::Tcp && !shared.expected.is_empty() {
            let listener = [(Side::Server, opening.server), (Side::Client, opening.client)]
                .into_iter()
                .map(|(side, end)| (side, (end.ip(), end.port())))
                .find(|(_, key)| shared.expected.contains_key(key));
            if let Some((side, key)) = listener
                && let Some(expected) = shared.expected.get(&key)
            {
                // The FTP client is the client, whoever opened the connection.
                let client = if expected.passive { side.other() } else { side };
                let turned = client == Side::Server;
                let start = Start { opening: conversation.oriented(turned), after: None };
                let engine = Box::new(Opaque::announced(&start, key, expected));
                conversation.client = Some(client);
                conversation.stage = Stage::Opaque { engine, turned };
            }
        }
        conversation
    }

    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Appetite {
        let turns = self.last.replace(side) != Some(side) || self.carrier == Carrier::Udp;
        if turns && matches!(self.stage, Stage::Opaque { .. }) {
            self.begins_late(side, bytes, shared);
        }
        if matches!(self.stage, Stage::Choosing(_)) {
            let Some((before, piece)) = self.consider((side, Cow::Borrowed(bytes), at), shared) else {
                return Appetite::All;
            };
            if !before.is_empty() {
                let mut queue: VecDeque<Piece<'_>> = before;
                queue.push_back(piece);
                self.feed(queue, shared);
                return self.tell(side, bytes.len() as u64);
            }
        }
        if let Some((_, from)) = self.owed(side, Cow::Borrowed(bytes), at) {
            // The common case: the slice of the packet goes to the dissector as it is.
            let bytes = &bytes[from..];
            if let Some(from) = self.give(side, bytes, at, shared) {
                self.feed(VecDeque::from([(side, Cow::Borrowed(&bytes[from..]), at)]), shared);
            }
        }
        self.tell(side, bytes.len() as u64)
    }

    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared) {
        if let Stage::Choosing(kept) = &mut self.stage {
            if kept.order.is_empty() {
                match kept.gaps.iter_mut().find(|(known, ..)| *known == side) {
                    Some((_, sum, _)) => *sum = sum.saturating_add(length),
                    None => kept.gaps.push((side, length, at)),
                }
                return;
            }
            let queue = self.settle(shared);
            self.feed(queue, shared);
        }
        if let Appetite::Skip(count) = self.wanted[side.index()] {
            self.wanted[side.index()] =
                if count > length { Appetite::Skip(count - length) } else { Appetite::All };
        }
        self.forward_gap(side, length, at, shared);
    }

    fn passed(&mut self, side: Side, length: u64, at: At) {
        if let Some((engine, side)) = self.stage.engine(side) {
            engine.passed(side, length, at);
        }
    }

    fn client(&self) -> Option<Side> {
        let Stage::Choosing(kept) = &self.stage else { return self.client };
        // Undecided to the end: as it will be chosen then.
        self.client.or_else(|| {
            let first = kept.order.first().map(|(side, ..)| *side)?;
            let bytes = [&kept.heads[0][..], &kept.heads[1][..]];
            let (carrier, ports, midstream) = (self.carrier, self.ports, !kept.gaps.is_empty());
            choose(&Heads { bytes, first, carrier, ports, midstream }, self.pinned(), true)?.1
        })
    }

    fn end(mut self, shared: &mut Shared) -> Facts {
        // What was kept may itself hand over.
        for _ in 0..=MAX_HANDOVERS {
            let queue = self.settle(shared);
            if queue.is_empty() {
                break;
            }
            self.feed(queue, shared);
        }
        let mut facts = self.facts.map_or_else(Facts::default, |facts| *facts);
        self.stage.end(&mut facts, shared);
        facts
    }
}

impl Conversation {
    /// What the flow room is told of an appetite. What it is told it sees to itself; what it is not told stays in
    /// `wanted`.
    fn tell(&mut self, side: Side, length: u64) -> Appetite {
        let wanted = self.wanted[side.index()];
        if wanted == Appetite::Enough && self.may_begin_late() && self.patience > 0 {
            self.patience = self.patience.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
            return Appetite::All;
        }
        if wanted != Appetite::Enough {
            self.wanted[side.index()] = Appetite::All;
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{self, Step, c, facts, s};

    const ASK: &str = "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n";

    #[test]
    fn a_gap_before_or_within_the_first_bytes_does_not_hide_what_follows() {
        let found = facts(&[Step::Gap(Side::Client, 900), c(ASK)], 80);
        assert_eq!(found.http.len(), 1);
        // Cut in the request line; the next request is whole.
        let found = facts(&[c("GET /x HT"), Step::Gap(Side::Client, 30), c("\r\n\r\n"), c(ASK)], 80);
        let paths: Vec<_> = found.http.iter().map(|exchange| exchange.path.as_str()).collect();
        assert_eq!(paths, ["/x", "/a"]);
    }

    #[test]
    fn a_damaged_datagram_does_not_hide_the_next() {
        let query = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x01a\x04test\0\0\x01\0\x01"].concat();
        let opening = testing::opening(Carrier::Udp, 53);
        let ask = |before: usize| {
            let mut script = vec![c(&query[..15]); before];
            script.push(c(&query));
            testing::play(&script, &opening, usize::MAX, &mut Shared::default()).0
        };
        assert_eq!(ask(0).dns.len(), 1);
        let found = ask(usize::from(MAX_DATAGRAM_LOOKS));
        assert!(found.dns.len() == 1 && found.other.is_some());
        assert!(ask(usize::from(MAX_DATAGRAM_LOOKS) + 1).dns.is_empty());
    }

    #[test]
    fn hand_overs_are_bounded() {
        let one = [c("CONNECT a.test:1 HTTP/1.1\r\n\r\n"), s("HTTP/1.1 200 OK\r\n\r\n")];
        let script: Vec<Step> = one.iter().cycle().take(40).cloned().collect();
        let found = facts(&script, 80);
        assert_eq!(found.http.len(), usize::from(MAX_HANDOVERS) + 1);
        assert!(found.other.is_some(), "what is deeper is opaque");
    }

    #[test]
    fn what_is_replayed_may_be_unwanted() {
        // The length of the body is only known after the first slice: what a slice has too much is passed over.
        let body = "x".repeat(5000);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{body}");
        let found = facts(&[s(&answer[..9]), s(&answer[9..]), c(ASK), s(&answer)], 80);
        let sizes: Vec<_> = found.http.iter().map(crate::record::Exchange::received).collect();
        assert_eq!(sizes, [5000, 5000]);
    }
}
