//! The way from the first header of a packet to its innermost payload.

use super::fragments::{Datagram, Fragments, Outcome};
use super::layers::{Encapsulation, Layers, Mac, Step, Transport};
use super::link;
use super::network::{self, Ip, Part};
use super::span::Span;
use super::transport::transport;
use super::trouble::{Counters, Trouble};
use super::tunnel::{over_ip, over_udp};
use super::wifi;
use crate::capture::Packet;
use crate::time::Timestamp;

/// Headers of one packet that are taken off, all kinds together: three for each step of encapsulation, and some.
const MAX_HEADERS: usize = 4 * super::MAX_STEPS;

/// What comes next in a packet.
#[derive(Debug, Clone, Copy)]
pub enum Next<'a> {
    /// A header of this link type.
    Link(u16, Span<'a>),
    /// Ethernet addresses.
    Ethernet(Span<'a>),
    /// An IEEE 802.11 frame without its frame check sequence; true if its header is filled up to a multiple of four.
    Wifi(Span<'a>, bool),
    /// What this EtherType says.
    EtherType(u16, Span<'a>),
    /// A PPP protocol number; true if PPP is not inside something that is a step of its own.
    Ppp(Span<'a>, bool),
    /// An IP header of either version.
    Ip(Span<'a>),
    /// Netlink messages of the packet filter.
    Messages(Span<'a>),
    /// Subframes of an IEEE 802.11 frame.
    Subframes(Span<'a>),
    /// Nothing that is taken apart: the innermost IP packet found so far is the result.
    Nothing,
}

/// What holds several packets in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Several {
    Messages,
    Subframes,
}

/// Where in a frame the packets behind the present one begin.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    kind: Several,
    from: usize,
    length: usize,
    missing: u32,
}

/// The state of the way through one packet.
pub struct Walk<'a, 'c> {
    pub path: Encapsulation,
    pub macs: Option<(Mac, Mac)>,
    pub time: Timestamp,
    pub counters: &'c mut Counters,
    /// Where fragments are put together, until something is borrowed from it.
    pub fragments: Option<&'a mut Fragments>,
    /// The datagrams that the packet is a fragment of.
    datagrams: &'c mut Vec<Datagram>,
    /// The whole frame as captured.
    frame: &'a [u8],
    /// Length on the wire of what is the packet's own.
    wire_len: u32,
    rest: &'c mut Option<Rest>,
    bad_checksum: bool,
    /// The innermost IP packet so far. What is inside it replaces it, if it can be read.
    layers: Option<Layers<'a>>,
}

impl<'a, 'c> Walk<'a, 'c> {
    pub fn new(
        packet: &Packet<'a>,
        counters: &'c mut Counters,
        fragments: Option<&'a mut Fragments>,
        datagrams: &'c mut Vec<Datagram>,
        rest: &'c mut Option<Rest>,
    ) -> Self {
        Self {
            path: Encapsulation::default(),
            macs: None,
            time: packet.time,
            counters,
            fragments,
            datagrams,
            frame: packet.data,
            wire_len: packet.wire_len,
            rest,
            bad_checksum: false,
            layers: None,
        }
    }

    /// Goes on behind the packet before, in the same frame.
    #[cold]
    pub fn resume(mut self, rest: Rest) -> Option<Layers<'a>> {
        let data = self.frame.get(rest.from..)?.get(..rest.length)?;
        let span = Span { data, missing: rest.missing };
        match rest.kind {
            Several::Messages => self.run(Next::Messages(span)),
            Several::Subframes => {
                self.enter(Step::Wifi).ok()?;
                self.run(Next::Subframes(span))
            }
        }
    }

    /// Notes that the frame holds more packets, in `next`, and that `own` bytes of it are this one's.
    #[cold]
    pub fn leave(&mut self, kind: Several, next: Span<'a>, own: u32) {
        self.wire_len = own;
        let from = next.data.as_ptr().addr().checked_sub(self.frame.as_ptr().addr());
        *self.rest = from.filter(|_| !next.data.is_empty()).map(|from| Rest {
            kind,
            from,
            length: next.data.len(),
            missing: next.missing,
        });
    }

    /// Notes a step of encapsulation.
    pub fn enter(&mut self, step: Step) -> Result<(), Trouble> {
        if self.path.push(step) { Ok(()) } else { Err(Trouble::Deep) }
    }

    /// Goes from `next` as far as it goes.
    #[inline]
    pub fn run(mut self, mut next: Next<'a>) -> Option<Layers<'a>> {
        for _ in 0..MAX_HEADERS {
            let result = match next {
                Next::Ip(span) => self.packet(span),
                Next::EtherType(kind, span) => link::ether_type(&mut self, kind, span),
                Next::Ethernet(span) => link::ethernet(&mut self, span),
                Next::Wifi(span, padded) => wifi::frame(&mut self, span, padded),
                Next::Link(kind, span) => link::link(kind, span),
                Next::Messages(span) => link::messages(&mut self, span),
                Next::Subframes(span) => wifi::subframes(&mut self, span),
                Next::Ppp(span, alone) => link::ppp(&mut self, span, alone),
                Next::Nothing => return self.layers,
            };
            match result {
                Ok(following) => next = following,
                Err(trouble) => {
                    self.counters.add(trouble);
                    return self.layers;
                }
            }
        }
        self.counters.add(Trouble::Deep);
        self.layers
    }

    /// Reads an IP packet and its transport header.
    #[inline]
    fn packet(&mut self, span: Span<'a>) -> Result<Next<'a>, Trouble> {
        let mut ip = network::ip(span)?;
        if ip.bad_checksum {
            self.bad_checksum = true;
            self.counters.add(Trouble::Checksum);
        }
        if ip.overlong {
            self.counters.add(Trouble::Length);
        }
        if let Some(part) = ip.fragment {
            match self.fragment(&mut ip, part) {
                Outcome::Held => return Ok(Next::Nothing),
                Outcome::Refused if part.offset > 0 => {
                    self.found(&ip, Transport::Other(ip.protocol), ip.payload);
                    return Ok(Next::Nothing);
                }
                Outcome::Whole | Outcome::Refused => network::extensions(&mut ip)?,
            }
        }
        let (transport, payload, fits) = transport(ip.protocol, ip.payload, ip.fragment.is_some())?;
        if !fits {
            self.counters.add(Trouble::Datagram);
        }
        self.found(&ip, transport, payload);
        match transport {
            Transport::Tcp(_) | Transport::Icmp { .. } => Ok(Next::Nothing),
            Transport::Udp { src, dst } => over_udp(self, src, dst, payload),
            Transport::Other(protocol) => over_ip(self, protocol, payload),
        }
    }

    #[inline]
    fn found(&mut self, ip: &Ip<'a>, transport: Transport, payload: Span<'a>) {
        self.layers = Some(Layers {
            encapsulation: self.path,
            macs: self.macs,
            src: ip.src,
            dst: ip.dst,
            ttl: ip.ttl,
            transport,
            payload: payload.data,
            payload_len: payload.wire_len(),
            wire_len: self.wire_len,
            bad_checksum: self.bad_checksum,
            fragment: ip.fragment.is_some(),
        });
    }

    /// Holds a fragment back, or puts the whole datagram in its place if it was the last that was missing.
    #[cold]
    fn fragment(&mut self, ip: &mut Ip<'a>, part: Part) -> Outcome {
        self.counters.add(Trouble::Fragment);
        let key = Datagram { src: ip.src, dst: ip.dst, protocol: ip.protocol, id: part.id, path: self.path };
        self.datagrams.push(key);
        let Some(fragments) = self.fragments.take() else { return Outcome::Refused };
        if ip.payload.missing > 0 {
            // Without all its bytes no datagram is put together.
            self.fragments = Some(fragments);
            return Outcome::Refused;
        }
        let outcome = fragments.insert(key, part, ip.payload.data, self.time, self.counters);
        if outcome == Outcome::Whole {
            ip.payload = Span { data: fragments.whole(), missing: 0 };
            ip.fragment = None;
        } else {
            self.fragments = Some(fragments);
        }
        outcome
    }
}
