//! OpenVPN over UDP and TCP: the TLS handshake of its control channel.
//!
//! Recognised on any port by the first packet of a side, whose length and zeros are telling; with or without
//! `--tls-auth`. Gives the facts of the handshake as TLS does, which begins inside packets with numbers, is sent again
//! where it got lost, and is never longer than some dozens of them. With `--tls-crypt` all of it is encrypted, and the
//! protocol is only named. This protocol refuses to look at what goes through the tunnel.

mod parser;

use super::tls::Tls;
use super::{Heads, Next, Protocol, Recognised, Shared, Start};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::{Facts, Other};
use parser::Reset;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Pieces of the handshake of one side that are read: chains of certificates of 20 KB in pieces of 100 bytes.
const MAX_PIECES: u32 = 256;
/// Pieces that wait for one that is late; senders have at most twelve on the way.
const MAX_AHEAD: u32 = 16;
/// Longest packet of the control channel that is held, in bytes; they fit the way to the other end.
const MAX_PACKET: usize = 2048;
/// Packets of a side that are no pieces after which none is expected any more.
const MAX_OTHERS: u8 = 64;
/// Bytes of the length in front of a packet over TCP.
const LENGTH: usize = 2;

/// Whether the first packet of a conversation is the reset that begins one.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    let bytes = heads.bytes[heads.first.index()];
    let packet = match heads.carrier {
        Carrier::Udp => bytes,
        Carrier::Tcp if heads.midstream => return Recognised::No,
        Carrier::Tcp => match bytes {
            [0, length, packet @ ..] => match packet.get(..usize::from(*length)) {
                Some(packet) => packet,
                None if matches!(
                    packet.first(),
                    None | Some(&(parser::CLIENT_RESET | parser::SERVER_RESET))
                ) =>
                {
                    return Recognised::More;
                }
                None => return Recognised::No,
            },
            [] | [0] => return Recognised::More,
            _ => return Recognised::No,
        },
        _ => return Recognised::No,
    };
    match parser::reset(packet) {
        Some(Reset { client: true, .. }) => Recognised::Yes(heads.first),
        Some(Reset { client: false, .. }) => Recognised::Yes(heads.first.other()),
        None => Recognised::No,
    }
}

/// One side of a tunnel.
#[derive(Default)]
struct Half {
    /// Bytes of authentication in its packets, once its reset was seen.
    extra: Option<usize>,
    /// Pieces that were read, which is the number of the last.
    read: u32,
    ahead: BTreeMap<u32, Vec<u8>>,
    /// Bytes of the handshake that are not wanted.
    skip: u64,
    others: u8,
    /// Nothing more is wanted of it.
    done: bool,
    /// Over TCP: the packet at hand with its length, and bytes of one that are passed over.
    held: Vec<u8>,
    over: usize,
}

/// One tunnel.
pub struct OpenVpn {
    stream: bool,
    inner: Tls,
    fed: bool,
    halves: [Half; 2],
}

impl OpenVpn {
    /// Begins.
    pub fn new(start: &Start) -> Self {
        // Whatever carries the tunnel, the handshake in it is a stream.
        let mut inside = Start { after: Some("openvpn"), ..*start };
        inside.opening.carrier = Carrier::Tcp;
        Self {
            stream: start.opening.carrier == Carrier::Tcp,
            inner: Tls::new(&inside),
            fed: false,
            halves: [Half::default(), Half::default()],
        }
    }

    fn packet(&mut self, side: Side, packet: &[u8], at: At, shared: &mut Shared) {
        let half = &mut self.halves[side.index()];
        if let Some(Reset { extra, .. }) = parser::reset(packet) {
            half.extra = half.extra.or(Some(extra));
        }
        let Some((number, piece)) = half.extra.and_then(|extra| parser::control(packet, extra)) else {
            half.others = half.others.saturating_add(1);
            half.done |= half.others >= MAX_OTHERS;
            return;
        };
        // The reset has number 0.
        let next = half.read + 1;
        if number > next && number - next <= MAX_AHEAD && piece.len() <= MAX_PACKET {
            half.ahead.entry(number).or_insert_with(|| piece.to_vec());
        } else if number == next {
            self.piece(side, piece, at, shared);
            while let Some(piece) = self.waiting(side) {
                self.piece(side, &piece, at, shared);
            }
        }
    }

    fn waiting(&mut self, side: Side) -> Option<Vec<u8>> {
        let half = &mut self.halves[side.index()];
        half.ahead.remove(&(half.read + 1)).filter(|_| !half.done)
    }

    fn piece(&mut self, side: Side, piece: &[u8], at: At, shared: &mut Shared) {
        let half = &mut self.halves[side.index()];
        half.read += 1;
        half.done |= half.read >= MAX_PIECES;
        let over = half.skip.min(piece.len() as u64);
        half.skip -= over;
        if over > 0 {
            self.inner.passed(side, over, at);
        }
        let piece = piece.get(over as usize..).unwrap_or_default();
        if piece.is_empty() {
            return;
        }
        self.fed = true;
        let next = self.inner.data(side, piece, at, shared);
        let half = &mut self.halves[side.index()];
        match next {
            Next::Want(Appetite::All) => {}
            Next::Want(Appetite::Skip(bytes)) => half.skip = bytes,
            Next::Want(Appetite::Enough) | Next::HandOver { .. } => half.done = true,
        }
    }

    /// Takes the packets out of a stream.
    fn stream(&mut self, side: Side, mut bytes: &[u8], at: At, shared: &mut Shared) {
        while !bytes.is_empty() && !self.halves[side.index()].done {
            let half = &mut self.halves[side.index()];
            if half.over > 0 {
                let over = half.over.min(bytes.len());
                half.over -= over;
                bytes = bytes.get(over..).unwrap_or_default();
                continue;
            }
            let wanted = match half.held.as_slice() {
                [high, low, _, ..] => LENGTH + usize::from(u16::from_be_bytes([*high, *low])),
                _ => LENGTH + 1,
            };
            let (piece, rest) = bytes.split_at(wanted.saturating_sub(half.held.len()).min(bytes.len()));
            half.held.extend_from_slice(piece);
            bytes = rest;
            let [high, low, opcode, ..] = *half.held.as_slice() else { return };
            let length = usize::from(u16::from_be_bytes([high, low]));
            if length == 0 || !parser::is_opcode(opcode) {
                half.done = true;
            } else if parser::is_data(opcode) || length > MAX_PACKET {
                half.over = length - 1;
                half.held.clear();
                half.others = half.others.saturating_add(1);
                half.done |= half.others >= MAX_OTHERS;
            } else if half.held.len() == LENGTH + length {
                let held = std::mem::take(&mut half.held);
                self.packet(side, held.get(LENGTH..).unwrap_or_default(), at, shared);
            }
        }
    }
}

impl Protocol for OpenVpn {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next {
        if self.stream {
            self.stream(side, bytes, at, shared);
        } else if !self.halves[side.index()].done {
            self.packet(side, bytes, at, shared);
        }
        let done = self.halves[side.index()].done;
        Next::Want(if done { Appetite::Enough } else { Appetite::All })
    }

    fn gap(&mut self, side: Side, length: u64, _: At, _: &mut Shared) {
        let half = &mut self.halves[side.index()];
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        // What is sent again over UDP has the same number; over TCP the beginning of the next packet is lost.
        if self.stream && length > half.over {
            half.done = true;
        } else if self.stream {
            half.over -= length;
        }
    }

    fn end(self: Box<Self>, facts: &mut Facts, shared: &mut Shared) {
        if self.fed {
            Box::new(self.inner).end(facts, shared);
        }
        facts.other =
            Some(Box::new(Other { protocol: Some(SmolStr::new_static("openvpn")), ..Other::default() }));
    }
}

#[cfg(test)]
mod tests;
