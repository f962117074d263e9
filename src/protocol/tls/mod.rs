//! TLS over streams and DTLS over datagrams, as far as they are in clear.
//!
//! In: the bytes of both sides. Out: [`record::Tls`](crate::record::Tls): names, versions, fingerprints and
//! certificates of the handshake, and the lengths and times of the first application-data records. Recognised by
//! content on any port: a ClientHello (also in the layout of SSL 2.0), a ServerHello, or records of a connection
//! that began before the capture. This protocol refuses to decrypt.

mod certificate;
mod dtls;
mod fingerprint;
mod handshake;
mod lenient;
mod parser;
mod stream;
mod strict;

use super::{Heads, Next, Protocol, Recognised, Shared, Start};
use crate::flow::{Appetite, At, Carrier, Side};
use crate::record::Facts;
use dtls::Datagrams;
pub(super) use fingerprint::Carried;
pub(super) use handshake::Handshake;
use stream::{Begin, Stream};

/// Whether first bytes are TLS or DTLS. Where only records after the handshake were captured, the side taken for the
/// client so far stays it.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    let begins = [heads.first, heads.first.other()].map(|side| {
        let bytes = heads.bytes[side.index()];
        let begin = match heads.carrier {
            Carrier::Tcp if !bytes.is_empty() => stream::begin(bytes),
            Carrier::Udp if side == heads.first => dtls::begin(bytes),
            _ => Begin::No,
        };
        (side, begin)
    });
    let find = |wanted: Begin| begins.iter().find(|(_, begin)| *begin == wanted).map(|(side, _)| *side);
    if let Some(side) = find(Begin::Client) {
        return Recognised::Yes(side);
    }
    if let Some(side) = find(Begin::Server) {
        return Recognised::Yes(side.other());
    }
    let records = begins.iter().filter(|(_, begin)| matches!(begin, Begin::Records(_))).count();
    let proven = find(Begin::Records(true)).is_some() || heads.midstream || records == 2;
    if records > 0 && proven {
        return Recognised::Yes(Side::Client);
    }
    if find(Begin::More).is_some() || records > 0 { Recognised::More } else { Recognised::No }
}

/// One connection.
#[derive(Debug)]
pub struct Tls {
    shake: Handshake,
    carried: Carriage,
}

#[derive(Debug)]
enum Carriage {
    Stream(Stream),
    Datagrams(Datagrams),
}

impl Tls {
    /// Begins.
    pub fn new(start: &Start) -> Self {
        let (carried, carriage) = match start.opening.carrier {
            Carrier::Udp => (Carried::Dtls, Carriage::Datagrams(Datagrams::default())),
            _ => (Carried::Tcp, Carriage::Stream(Stream::new())),
        };
        Self { shake: Handshake::new(start, carried), carried: carriage }
    }
}

impl Protocol for Tls {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next {
        Next::Want(match &mut self.carried {
            Carriage::Stream(stream) => stream.data(side, bytes, at, &mut self.shake, shared),
            Carriage::Datagrams(datagrams) => {
                datagrams.data(side, bytes, at, &mut self.shake, shared);
                if self.shake.is_full() { Appetite::Enough } else { Appetite::All }
            }
        })
    }

    fn gap(&mut self, side: Side, length: u64, _: At, _: &mut Shared) {
        if let Carriage::Stream(stream) = &mut self.carried {
            stream.gap(side, length, &mut self.shake);
        }
    }

    fn passed(&mut self, side: Side, length: u64, _: At) {
        if let Carriage::Stream(stream) = &mut self.carried {
            stream.passed(side, length);
        }
    }

    fn end(mut self: Box<Self>, facts: &mut Facts, _: &mut Shared) {
        match &mut self.carried {
            Carriage::Stream(stream) => stream.end(&mut self.shake),
            Carriage::Datagrams(datagrams) => datagrams.end(&mut self.shake),
        }
        facts.tls = Some(Box::new(self.shake.facts));
    }
}

#[cfg(test)]
mod tests;
