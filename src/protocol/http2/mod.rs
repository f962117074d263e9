//! HTTP/2 in clear (RFC 9113): with prior knowledge, and after `Upgrade: h2c`.
//!
//! Recognised by the client's preface, over TCP; a connection that was captured from its middle has none and stays
//! unnamed. Streams become exchanges in the order in which they begin; bodies go to a content scanner as they pass.
//! After a gap frames are looked for, and fields that refer to what was missed are left out. What may be kept of a
//! header is what the `http` folder keeps: secrets never leave it. The answer to an upgraded request is put where the
//! request is.

mod frames;
mod hpack;
mod huffman;
mod tables;
#[cfg(test)]
mod tests;

use super::http::{self, MAX_EXCHANGES, MAX_PATH, MAX_TEXT, bounded, kept, kept_host, mask};
use super::shape::{Heads, Next, Protocol, Recognised, Shared, Start};
use crate::anomaly::Kind;
use crate::content::Scanner;
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{Exchange, Facts, Headers, Hint};
use frames::{Block, Event, Lane, PREFACE};
use hpack::{Decoder, List};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Streams of a connection that are open at once; servers allow 100 to 250.
const MAX_STREAMS: usize = 256;
/// Fields of a header that are kept.
const MAX_FIELDS: usize = 100;

/// Whether first bytes are those of HTTP/2.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    if heads.carrier != Carrier::Tcp {
        return Recognised::No;
    }
    let mut more = false;
    for side in [heads.first, heads.first.other()] {
        let (bytes, other) = (heads.bytes[side.index()], heads.bytes[side.other().index()]);
        if bytes.starts_with(PREFACE) {
            return Recognised::Yes(side);
        }
        // A server need not wait for the preface.
        let may_come = other.is_empty() || PREFACE.starts_with(other);
        more |= !bytes.is_empty() && (PREFACE.starts_with(bytes) || may_come && frames::begins(bytes));
    }
    if more { Recognised::More } else { Recognised::No }
}

/// What one side says on a stream.
#[derive(Default)]
struct Half {
    /// Its header came.
    head: bool,
    /// It says no more.
    ended: bool,
    scanner: Option<Box<Scanner>>,
}

/// One stream.
#[derive(Default)]
struct Stream {
    /// Its exchange, where it is kept.
    slot: Option<usize>,
    halves: [Half; 2],
}

/// One connection.
pub struct Http2 {
    client: IpAddr,
    exchanges: Vec<Exchange>,
    streams: BTreeMap<u32, Stream>,
    lanes: [Lane; 2],
    decoders: [Decoder; 2],
    /// Highest stream seen of those a server and those a client begins.
    highest: [u32; 2],
    /// Frames were missed: a stream may have begun unseen.
    lost: bool,
    /// Where the message being read began.
    began: [Option<At>; 2],
    /// Stream 1 answers the request that asked for the upgrade.
    upgraded: bool,
    /// The exchange of that answer, once it is there.
    answer: Option<usize>,
    /// Bytes of text kept.
    text: usize,
    over: bool,
    os: Option<Hint>,
}

impl Http2 {
    /// Starts on a connection.
    pub fn new(start: &Start) -> Self {
        Self {
            client: start.opening.client.ip(),
            exchanges: Vec::new(),
            streams: BTreeMap::new(),
            lanes: [Lane::new(true), Lane::new(false)],
            decoders: [Decoder::new(), Decoder::new()],
            highest: [0; 2],
            lost: false,
            began: [None; 2],
            upgraded: start.after == Some("upgrade"),
            answer: None,
            text: 0,
            over: false,
            os: None,
        }
    }

    /// The stream of this number, a new one if it can be one.
    fn stream(&mut self, id: u32, at: At, shared: &mut Shared) -> Option<&mut Stream> {
        if id == 0 {
            return None;
        }
        if !self.streams.contains_key(&id) {
            let highest = &mut self.highest[id as usize & 1];
            if id <= *highest && !self.lost {
                return None;
            }
            *highest = id.max(*highest);
            if self.streams.len() >= MAX_STREAMS
                && let Some((_, oldest)) = self.streams.pop_first()
            {
                self.close(oldest);
            }
            let slot = self.slot(at, shared);
            let mut stream = Stream { slot, ..Stream::default() };
            if id == 1 && std::mem::take(&mut self.upgraded) {
                self.answer = slot;
                stream.halves[Side::Client.index()] = Half { head: true, ended: true, scanner: None };
            }
            self.streams.insert(id, stream);
        }
        self.streams.get_mut(&id)
    }

    /// A place for a further exchange, within the bounds.
    fn slot(&mut self, at: At, shared: &mut Shared) -> Option<usize> {
        if self.exchanges.len() < MAX_EXCHANGES && self.text < MAX_TEXT {
            self.exchanges.push(Exchange {
                version: SmolStr::new_static("2"),
                time: at.time,
                frame: at.frame,
                last_frame: at.frame,
                ..Exchange::default()
            });
            return Some(self.exchanges.len() - 1);
        }
        if !std::mem::replace(&mut self.over, true) {
            let words = "HTTP exchanges of one flow beyond the bound";
            shared.log.note(Kind::Limit, at.capture, Some(at.frame), words);
        }
        None
    }

    /// Takes a header block that `side` sent.
    fn block(&mut self, side: Side, block: &Block, at: At, shared: &mut Shared) {
        let mut list = List::default();
        let decoder = &mut self.decoders[side.index()];
        let broken = decoder.block(&block.bytes, &mut list).is_err();
        if broken || block.cut {
            decoder.forget();
        }
        let words = if broken && !block.cut {
            Some("HTTP/2 header blocks that cannot be decoded")
        } else if block.cut || list.unknown > 0 {
            Some("HTTP/2 header fields lost with bytes that are missing")
        } else {
            None
        };
        if let Some(words) = words {
            shared.log.note(Kind::Undecodable, at.capture, Some(at.frame), words);
        }
        if list.dropped > 0 || list.fields.len() > MAX_FIELDS {
            let words = "HTTP/2 header lists beyond the bound";
            shared.log.note(Kind::Limit, at.capture, Some(at.frame), words);
        }
        let began = self.began[side.index()].take().unwrap_or(at);
        let request = side == Side::Client || block.promise;
        let half = if request { Side::Client } else { Side::Server };
        let Some(stream) = self.stream(block.stream, began, shared) else { return };
        let slot = stream.slot;
        let state = &mut stream.halves[half.index()];
        let status = list.get(b":status").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        let interim = !request && matches!(status, Some(100..200));
        // A second block is a trailer.
        if !state.head && !interim {
            state.head = true;
            if let Some(slot) = slot {
                if request {
                    self.keep_request(slot, &list, at);
                } else {
                    self.keep_response(slot, status, &list, at);
                }
            }
        }
        if block.ends || block.promise {
            self.end_half(block.stream, half);
        }
    }

    fn keep_request(&mut self, slot: usize, list: &List, at: At) {
        if self.os.is_none()
            && let Some(agent) = list.get(b"user-agent")
            && let Some(value) = http::operating_system(&String::from_utf8_lossy(agent))
        {
            self.os = Some(Hint {
                addr: self.client,
                kind: "os".into(),
                value,
                source: "http-user-agent".into(),
                time: at.time,
                frame: at.frame,
            });
        }
        let headers = self.headers(list);
        let Some(exchange) = self.exchanges.get_mut(slot) else { return };
        let text = |name: &[u8]| list.get(name).map(String::from_utf8_lossy);
        exchange.host = text(b":authority").or_else(|| text(b"host")).and_then(|host| kept_host(&host));
        exchange.method =
            text(b":method").map_or_else(SmolStr::default, |method| SmolStr::new(bounded(&method, 32)));
        if let Some(path) = text(b":path") {
            bounded(&mask::target(&path), MAX_PATH).clone_into(&mut exchange.path);
        }
        exchange.headers = headers;
        exchange.last_frame = exchange.last_frame.max(at.frame);
        self.text += exchange.path.len() + exchange.host.as_ref().map_or(0, SmolStr::len);
    }

    fn keep_response(&mut self, slot: usize, status: Option<u16>, list: &List, at: At) {
        let headers = self.headers(list);
        let Some(exchange) = self.exchanges.get_mut(slot) else { return };
        exchange.status = status;
        exchange.response_headers = headers;
        exchange.last_frame = exchange.last_frame.max(at.frame);
    }

    /// Fields as they are kept, without those that stand for the start line.
    fn headers(&mut self, list: &List) -> Headers {
        let fields = list.fields.iter().filter(|(name, _)| !name.starts_with(b":"));
        let kept = kept(fields.take(MAX_FIELDS).map(|(name, value)| (&**name, &**value)));
        self.text += kept.bytes();
        kept
    }

    /// The scanner of a body that goes on, and its exchange's last frame moved on.
    fn scanner(&mut self, id: u32, side: Side, at: At, shared: &mut Shared) -> Option<&mut Scanner> {
        let stream = self.stream(id, at, shared)?;
        if stream.halves[side.index()].ended {
            return None;
        }
        let slot = stream.slot?;
        let exchange = self.exchanges.get_mut(slot)?;
        exchange.last_frame = exchange.last_frame.max(at.frame);
        let half = &mut self.streams.get_mut(&id)?.halves[side.index()];
        Some(half.scanner.get_or_insert_with(|| Box::new(http::scanner(exchange, side))))
    }

    fn body(&mut self, id: u32, side: Side, bytes: &[u8], at: At, shared: &mut Shared) {
        if let Some(scanner) = self.scanner(id, side, at, shared) {
            if scanner.wants() {
                scanner.feed(bytes);
            } else {
                scanner.passed(bytes.len() as u64);
            }
        }
    }

    fn wants(&self, id: u32, side: Side) -> bool {
        // One that is not known yet is made by its first bytes.
        let Some(stream) = self.streams.get(&id) else { return true };
        let half = &stream.halves[side.index()];
        !half.ended && stream.slot.is_some() && half.scanner.as_ref().is_none_or(|scanner| scanner.wants())
    }

    /// A side says no more on a stream.
    fn end_half(&mut self, id: u32, side: Side) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let half = &mut stream.halves[side.index()];
        half.ended = true;
        let (slot, scanner) = (stream.slot, half.scanner.take());
        let over = stream.halves.iter().all(|half| half.ended);
        self.keep_body(slot, side, scanner);
        if over {
            self.streams.remove(&id);
        }
    }

    fn close(&mut self, stream: Stream) {
        for (side, half) in [Side::Client, Side::Server].into_iter().zip(stream.halves) {
            self.keep_body(stream.slot, side, half.scanner);
        }
    }

    fn keep_body(&mut self, slot: Option<usize>, side: Side, scanner: Option<Box<Scanner>>) {
        let Some(exchange) = slot.and_then(|slot| self.exchanges.get_mut(slot)) else { return };
        let Some(body) = scanner.map(|scanner| scanner.finish()).filter(|body| body.bytes > 0) else {
            return;
        };
        let place = if side == Side::Client { &mut exchange.request } else { &mut exchange.response };
        *place = Some(Box::new(body));
    }

    /// Does what a step found.
    fn event(&mut self, side: Side, event: Event<'_>, at: At, shared: &mut Shared) {
        match event {
            Event::Nothing => {}
            Event::Block(block) => self.block(side, &block, at, shared),
            Event::Data { stream, bytes } => self.body(stream, side, bytes, at, shared),
            Event::End(stream) => self.end_half(stream, side),
            Event::Reset(stream) => {
                if let Some(stream) = self.streams.remove(&stream) {
                    self.close(stream);
                }
            }
        }
    }

    /// Counts bytes that were not seen.
    fn missed(&mut self, side: Side, length: u64, captured: bool, at: At, shared: &mut Shared) {
        let missed = self.lanes[side.index()].miss(length);
        if let Some((stream, length)) = missed.body
            && let Some(scanner) = self.scanner(stream, side, at, shared)
        {
            if captured {
                scanner.passed(length);
            } else {
                scanner.missing(length);
            }
        }
        if let Some(block) = missed.block {
            self.block(side, &block, at, shared);
        }
        if missed.lost {
            self.lost = true;
            self.began[side.index()] = None;
            self.decoders[side.index()].forget();
        }
        let event = self.lanes[side.index()].settle();
        self.event(side, event, at, shared);
    }
}

impl List {
    /// The value of the first field of this name.
    fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| &value[..])
    }
}

impl Protocol for Http2 {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next {
        let index = side.index();
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.lanes[index].is_idle() {
                self.began[index] = Some(at);
            }
            let (taken, event) = self.lanes[index].step(rest, self.highest);
            rest = rest.get(taken..).unwrap_or_default();
            self.event(side, event, at, shared);
            let event = self.lanes[index].settle();
            self.event(side, event, at, shared);
        }
        Next::Want(match self.lanes[index].body() {
            Some((stream, left)) if !self.wants(stream, side) => Appetite::Skip(left),
            _ => Appetite::All,
        })
    }

    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared) {
        self.missed(side, length, false, at, shared);
    }

    fn passed(&mut self, side: Side, length: u64, at: At) {
        // Only ever bytes of a body within its frame.
        self.missed(side, length, true, at, &mut Shared::default());
    }

    fn end(mut self: Box<Self>, facts: &mut Facts, shared: &mut Shared) {
        for side in [Side::Client, Side::Server] {
            if let (Some(block), Some(at)) = (self.lanes[side.index()].unfinished(), self.began[side.index()])
            {
                self.block(side, &block, at, shared);
            }
        }
        while let Some((_, stream)) = self.streams.pop_first() {
            self.close(stream);
        }
        if let Some(slot) = self.answer
            && let Some(asked) = facts.http.last_mut().filter(|asked| asked.status == Some(101))
            && slot < self.exchanges.len()
        {
            let answer = self.exchanges.remove(slot);
            asked.status = answer.status;
            asked.response_headers = answer.response_headers;
            asked.response = answer.response;
            asked.last_frame = asked.last_frame.max(answer.last_frame);
        }
        facts.http.append(&mut self.exchanges);
        facts.hints.extend(self.os);
    }
}
