//! Sees which frames of a capture are asked for.

use super::datagrams::{Datagrams, Lot};
use super::marks::Marks;
use super::selection::{Matcher, has_ports};
use crate::anomaly;
use crate::capture::Packet;
use crate::decode::{Decoder, Layers, Transport};

/// Looks at the packets of one capture.
pub struct Look<'m, 's, 'd> {
    matcher: &'m mut Matcher<'s>,
    /// Two, because fragments are looked at both ways: put together, and for what the first of them says alone.
    decoders: &'d mut (Decoder, Decoder),
    datagrams: Datagrams,
    log: anomaly::Log,
    capture: u32,
    /// Frames that are asked for by number, in order; those behind are dropped from the end.
    ranges: Vec<(u64, u64)>,
}

impl<'m, 's, 'd> Look<'m, 's, 'd> {
    pub fn new(matcher: &'m mut Matcher<'s>, decoders: &'d mut (Decoder, Decoder), capture: u32) -> Self {
        let mut ranges = matcher.ranges(capture);
        ranges.reverse();
        let (datagrams, log) = (Datagrams::default(), anomaly::Log::new());
        Self { matcher, decoders, datagrams, log, capture, ranges }
    }

    /// Marks a frame if it is asked for, and those that turn out to be with it.
    pub fn packet(&mut self, packet: &Packet<'_>, marks: &mut Marks) {
        let frame = packet.frame;
        while self.ranges.last().is_some_and(|(_, last)| *last < frame) {
            self.ranges.pop();
        }
        if self.ranges.last().is_some_and(|(first, _)| *first <= frame) {
            marks.add(frame);
        }
        if !self.matcher.needs_layers() {
            return;
        }
        let (whole, apart) = &mut *self.decoders;
        let layers = whole.decode(packet, &mut self.log);
        let mut fits = layers.is_some_and(|layers| self.matcher.fits(&layers, self.capture, frame));
        while whole.has_more() {
            let layers = whole.decode_more(packet);
            fits |= layers.is_some_and(|layers| self.matcher.fits(&layers, self.capture, frame));
        }
        if !whole.datagrams().is_empty() {
            let alone = apart.decode(packet, &mut self.log);
            let tells = alone.as_ref().is_some_and(says_its_conversation);
            fits |= alone.is_some_and(|layers| self.matcher.fits(&layers, self.capture, frame));
            let lot = match (fits, tells) {
                (true, _) => Lot::Wanted,
                (false, true) => Lot::Unwanted,
                (false, false) => Lot::Unknown,
            };
            self.datagrams.frame(whole.datagrams(), frame, packet.time, lot, marks);
        }
        if fits {
            marks.add(frame);
        }
    }

    /// How many fragments were given up that might have belonged to what is asked for.
    pub const fn forgotten(&self) -> u64 {
        self.datagrams.forgotten()
    }
}

/// Whether a fragment by itself says what conversation it is of: it is the first, or of a protocol without ports.
fn says_its_conversation(layers: &Layers<'_>) -> bool {
    match layers.transport {
        Transport::Other(protocol) => !(layers.fragment && has_ports(protocol)),
        _ => true,
    }
}
