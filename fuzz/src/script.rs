//! Bytes of the fuzzer as the script of a conversation.
//!
//! The first byte chooses carrier and port, then come steps. A step begins behind a mark of three bytes, so that
//! the fuzzer can insert and remove bytes without having to repair a length.

use exfilscan::flow::{At, Carrier, Opening, Side};
use exfilscan::time::Timestamp;

/// The first two bytes of a mark. The third says what the step is: bit 0 the side, bit 1 that its bytes are missing.
pub const MARK: [u8; 2] = [0xfd, 0xc5];
/// Most steps that are played: more teaches nothing and takes time.
const MAX_STEPS: usize = 200;

/// A step of a script.
#[derive(Debug, Clone)]
pub enum Step<'a> {
    /// A side sends: a segment or a datagram.
    Data(Side, &'a [u8]),
    /// So many bytes of a side were never captured.
    Gap(Side, u64),
}

/// A conversation.
pub struct Script<'a> {
    pub opening: Opening,
    pub steps: Vec<Step<'a>>,
}

/// Where a step of a script is.
pub fn at(frame: u64) -> At {
    At { time: Timestamp::new(frame as i64, 0), frame, capture: 0 }
}

/// A conversation of documentation addresses.
pub fn opening(carrier: Carrier, port: u16) -> Opening {
    Opening {
        carrier,
        client: "192.0.2.10:50000".parse().expect("an address"),
        server: (std::net::IpAddr::from([198, 51, 100, 20]), port).into(),
        at: at(1),
    }
}

fn side(tag: u8) -> Side {
    if tag & 1 == 0 { Side::Client } else { Side::Server }
}

/// The script that `data` is, over one of `carriers`.
pub fn read<'a>(data: &'a [u8], carriers: &[(Carrier, u16)]) -> Script<'a> {
    let (chosen, mut rest) = super::choice(data);
    let (carrier, port) = carriers[usize::from(chosen) % carriers.len()];
    let mut steps = Vec::new();
    let mut tag = 0;
    while !rest.is_empty() && steps.len() < MAX_STEPS {
        let mark = rest.windows(3).position(|window| window[..2] == MARK);
        let (bytes, next) = mark.map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + 3..]));
        match bytes {
            [] => {}
            [length @ .., _] if tag & 2 != 0 => {
                let length =
                    length.iter().take(3).fold(u64::from(bytes[0]), |sum, byte| sum << 8 | u64::from(*byte));
                steps.push(Step::Gap(side(tag), length.max(1)));
            }
            _ => steps.push(Step::Data(side(tag), bytes)),
        }
        tag = mark.map_or(0, |at| rest[at + 2]);
        rest = next;
    }
    Script { opening: opening(carrier, port), steps }
}

/// Writes a script as [`read`] reads it; what holds a mark by chance is left out.
pub fn write<'a>(choice: u8, steps: impl IntoIterator<Item = (Side, &'a [u8])>) -> Vec<u8> {
    let mut out = vec![choice];
    for (side, bytes) in steps {
        if bytes.windows(2).any(|window| window == MARK) {
            continue;
        }
        // The first step is the client's even without a mark.
        out.extend(MARK);
        out.push(side.index() as u8);
        out.extend(bytes);
    }
    out
}
