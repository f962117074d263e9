//! Packets are built here header by header and taken apart.

mod build;
mod fuzz;
mod ip;
mod links;
mod tunnels;

use super::*;
use crate::anomaly::Kind;
use crate::capture::LinkType;
use crate::time::Timestamp;

fn packet(link: u16, data: &[u8]) -> Packet<'_> {
    Packet {
        capture: 0,
        frame: 1,
        time: Timestamp(0),
        link: LinkType(link),
        fcs_len: 0,
        wire_len: data.len() as u32,
        data,
    }
}

/// What was found in a packet, without its borrow.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    path: String,
    ends: String,
    transport: Transport,
    payload: Vec<u8>,
    payload_len: u32,
    macs: Option<(Mac, Mac)>,
    bad_checksum: bool,
    fragment: bool,
}

impl Found {
    fn of(layers: &Layers<'_>) -> Self {
        let steps: Vec<String> = layers.encapsulation.steps().iter().map(ToString::to_string).collect();
        Self {
            path: steps.join(" "),
            ends: format!("{} {}", layers.src, layers.dst),
            transport: layers.transport,
            payload: layers.payload.to_vec(),
            payload_len: layers.payload_len,
            macs: layers.macs,
            bad_checksum: layers.bad_checksum,
            fragment: layers.fragment,
        }
    }
}

/// Decodes packets one after the other: what was found, and the kinds of trouble with their counts.
fn decode_all(packets: &[Packet<'_>]) -> (Vec<Option<Found>>, Vec<(Kind, u64)>) {
    let (mut decoder, mut log) = (Decoder::new(), Log::new());
    let found =
        packets.iter().map(|packet| decoder.decode(packet, &mut log).as_ref().map(Found::of)).collect();
    decoder.finish(&mut log);
    (found, log.into_entries().into_iter().map(|anomaly| (anomaly.kind, anomaly.count)).collect())
}

/// Kinds of trouble with their counts.
type Troubles = Vec<(Kind, u64)>;

/// All that is found in one frame, with the bytes each packet has of it.
fn decode_frame(packet: &Packet<'_>) -> (Vec<(Found, u32)>, Troubles) {
    let (mut decoder, mut log) = (Decoder::new(), Log::new());
    let one = |layers: Option<Layers<'_>>| layers.map(|layers| (Found::of(&layers), layers.wire_len));
    let mut found: Vec<_> = one(decoder.decode(packet, &mut log)).into_iter().collect();
    while decoder.has_more() {
        found.extend(one(decoder.decode_more(packet)));
    }
    decoder.finish(&mut log);
    (found, log.into_entries().into_iter().map(|anomaly| (anomaly.kind, anomaly.count)).collect())
}

fn decode(packet: &Packet<'_>) -> (Option<Found>, Vec<(Kind, u64)>) {
    let (mut found, trouble) = decode_all(std::slice::from_ref(packet));
    (found.pop().flatten(), trouble)
}

/// What is found in a packet that has nothing wrong.
fn good(link: u16, data: &[u8]) -> Found {
    let (found, trouble) = decode(&packet(link, data));
    assert!(trouble.is_empty(), "{trouble:?}");
    found.expect("IP")
}
