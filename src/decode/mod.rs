//! Packets to layers.
//!
//! In: a [`Packet`]. Out: [`Layers`], or why there are none. This room
//! takes link headers, tunnels, IP and transport headers apart; it keeps no state but fragments and refuses to know
//! streams.
//!
//! A packet in a tunnel is what is inside it; where that cannot be read, it is the tunnel's own packet. Fragments are
//! held back until their datagram is whole, which then comes with the last of them; those that cannot be put
//! together (cut by the snap length, contradictory, too many) come one by one. A frame may hold several packets.

mod fragments;
mod layers;
mod link;
mod network;
mod span;
mod transport;
mod trouble;
mod tunnel;
mod usual;
mod walk;
mod wifi;

#[cfg(test)]
mod tests;

pub use fragments::{Datagram, PATIENCE};
pub use layers::{Encapsulation, Layers, MAX_STEPS, Mac, Step, Tcp, Transport};

use crate::anomaly::Log;
use crate::capture::Packet;
use fragments::Fragments;
use span::Span;
use trouble::Counters;
use walk::{Next, Rest, Walk};

/// Decodes packets; keeps fragments and counts what is wrong.
#[derive(Debug, Default)]
pub struct Decoder {
    counters: Counters,
    fragments: Fragments,
    /// Fragments come one by one.
    apart: bool,
    /// The datagrams that the last packet was a fragment of; few, as each is a header.
    datagrams: Vec<Datagram>,
    /// The packets of the present frame that were not given yet.
    rest: Option<Rest>,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder that holds no fragment back: each comes by itself, the first with its ports.
    pub fn apart() -> Self {
        Self { apart: true, ..Self::default() }
    }

    /// The datagrams that the packet decoded last was a fragment of, outermost first. An inner one is known only where
    /// the outer one is whole, or the fragment is its first.
    pub fn datagrams(&self) -> &[Datagram] {
        &self.datagrams
    }

    /// Takes a packet apart. None where there is no IP in it, where it was not understood, and for a fragment that is
    /// held until the others are there. Counts are written to `log` when another capture begins, and by
    /// [`Decoder::finish`].
    ///
    /// Of a frame with several packets (netlink, A-MSDU) it is the first; [`Decoder::has_more`] tells.
    #[inline]
    pub fn decode<'a>(&'a mut self, packet: &Packet<'a>, log: &mut Log) -> Option<Layers<'a>> {
        self.counters.packet(packet.capture, packet.frame, log);
        self.rest = None;
        self.datagrams.clear();
        let usual = usual::layers(packet);
        if usual.is_some() { usual } else { self.walk(packet) }
    }

    /// The long way, which knows all links and tunnels and counts what is wrong.
    #[inline(never)]
    fn walk<'a>(&'a mut self, packet: &Packet<'a>) -> Option<Layers<'a>> {
        let missing = packet.wire_len.saturating_sub(packet.data.len() as u32);
        let mut span = Span { data: packet.data, missing };
        if packet.fcs_len > 0 {
            // The frame check sequence is the last of what was on the wire, and may be cut off in part.
            span = span.limit(span.wire_len().saturating_sub(u32::from(packet.fcs_len)));
        }
        let fragments = (!self.apart).then_some(&mut self.fragments);
        let walk = Walk::new(packet, &mut self.counters, fragments, &mut self.datagrams, &mut self.rest);
        walk.run(Next::Link(packet.link.0, span))
    }

    /// Whether the frame that was decoded last holds packets that were not given yet.
    #[inline]
    pub const fn has_more(&self) -> bool {
        self.rest.is_some()
    }

    /// The next packet of the frame that was given to [`Decoder::decode`] before; None as there. Ends: each takes bytes of
    /// the frame.
    #[cold]
    pub fn decode_more<'a>(&'a mut self, packet: &Packet<'a>) -> Option<Layers<'a>> {
        let rest = self.rest.take()?;
        let fragments = (!self.apart).then_some(&mut self.fragments);
        // The datagrams of the packets before are kept: the frame is a fragment of all of them.
        Walk::new(packet, &mut self.counters, fragments, &mut self.datagrams, &mut self.rest).resume(rest)
    }

    /// Writes down what was counted, and gives up fragments that still wait.
    pub fn finish(&mut self, log: &mut Log) {
        self.fragments.clear(&mut self.counters);
        self.counters.flush(log);
    }
}
