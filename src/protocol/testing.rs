//! Plays scripts of conversations into the dispatcher, whole and in splinters.

use super::{Conversation, Heads, Recognised, Shared};
use crate::flow::{Appetite, At, Carrier, Dissector as _, Opening, Side};
use crate::record::{Body, Exchange, Facts};
use crate::time::Timestamp;

/// A step of a script.
#[derive(Debug, Clone)]
pub enum Step {
    /// The client sends.
    C(Vec<u8>),
    /// The server sends.
    S(Vec<u8>),
    /// Bytes of a side were never captured.
    Gap(Side, u64),
}

pub fn c(bytes: impl AsRef<[u8]>) -> Step {
    Step::C(bytes.as_ref().to_vec())
}

pub fn s(bytes: impl AsRef<[u8]>) -> Step {
    Step::S(bytes.as_ref().to_vec())
}

pub fn opening(carrier: Carrier, port: u16) -> Opening {
    Opening {
        carrier,
        client: "192.0.2.10:50000".parse().expect("an address"),
        server: ("198.51.100.20".parse::<std::net::IpAddr>().expect("an address"), port).into(),
        at: at(1),
    }
}

fn at(frame: u64) -> At {
    At { time: Timestamp::new(frame as i64, 0), frame, capture: 0 }
}

/// First bytes of client and server, the server's port, midstream, what is to be told.
pub type Case<'a> = (&'a [u8], &'a [u8], u16, bool, Recognised);

/// Whether the conversations of cases are recognised as they say, and as datagrams never.
pub fn recognises(recognise: fn(&Heads<'_>) -> Recognised, cases: &[Case<'_>]) {
    for (client, server, port, midstream, want) in cases {
        let given = Heads {
            bytes: [client, server],
            first: if server.is_empty() { Side::Client } else { Side::Server },
            carrier: Carrier::Tcp,
            ports: [50_000, *port],
            midstream: *midstream,
        };
        assert_eq!(recognise(&given), *want, "{:?}", (client.escape_ascii().to_string(), port));
        assert_eq!(recognise(&Heads { carrier: Carrier::Udp, ..given }), Recognised::No);
    }
}

/// Plays a script, at most `size` bytes a slice, as the flow room would: what is not wanted is passed over.
pub fn play(
    script: &[Step],
    opening: &Opening,
    size: usize,
    shared: &mut Shared,
) -> (Facts, Option<Side>, u64) {
    let mut conversation = Conversation::open(opening, shared);
    let mut wanted = [Appetite::All; 2];
    let mut given = 0;
    for (number, step) in script.iter().enumerate() {
        let at = at(number as u64 + 1);
        let (side, bytes) = match step {
            Step::C(bytes) => (Side::Client, bytes),
            Step::S(bytes) => (Side::Server, bytes),
            Step::Gap(side, length) => {
                conversation.gap(*side, *length, at, shared);
                if let Appetite::Skip(left) = &mut wanted[side.index()] {
                    *left = left.saturating_sub(*length);
                }
                continue;
            }
        };
        let size = if opening.carrier == Carrier::Tcp { size } else { usize::MAX };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let over = match wanted[side.index()] {
                Appetite::All => 0,
                Appetite::Skip(count) => usize::try_from(count).unwrap_or(usize::MAX).min(rest.len()),
                Appetite::Enough => rest.len(),
            };
            if over > 0 {
                conversation.passed(side, over as u64, at);
                if let Appetite::Skip(left) = &mut wanted[side.index()] {
                    *left -= over as u64;
                }
                rest = &rest[over..];
                continue;
            }
            let (slice, after) = rest.split_at(size.min(rest.len()));
            given += slice.len() as u64;
            wanted[side.index()] = conversation.data(side, slice, at, shared);
            rest = after;
        }
    }
    let client = conversation.client();
    (conversation.end(shared), client, given)
}

/// Plays a script whole and in splinters, and gives what all of them gave.
pub fn facts(script: &[Step], port: u16) -> Facts {
    let opening = opening(Carrier::Tcp, port);
    let (whole, client, _) = play(script, &opening, usize::MAX, &mut Shared::default());
    for size in [1, 2, 3, 7, 64, 1000] {
        let (split, other, _) = play(script, &opening, size, &mut Shared::default());
        assert_eq!(split, whole, "slices of {size}");
        assert_eq!(other, client, "slices of {size}");
    }
    whole
}

/// The facts as they are printed.
pub fn printed(facts: &Facts) -> String {
    let parts = (&facts.http, &facts.other, &facts.hints);
    serde_json::to_string(&parts).expect("plain data")
}

/// Bytes of a body, 0 without one.
pub fn sizes(exchange: &Exchange) -> (u64, u64) {
    let bytes = |body: &Option<Box<Body>>| body.as_ref().map_or(0, |body| body.bytes);
    (bytes(&exchange.request), bytes(&exchange.response))
}
