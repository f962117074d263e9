//! Bytes as packets of any link type.

use exfilscan::anomaly::{Anomaly, Log};
use exfilscan::capture::{LinkType, Packet};
use exfilscan::decode::Decoder;
use exfilscan::time::Timestamp;

/// Before each packet: link type (2), captured length (2), bytes missing on the wire (1), bytes of a frame check
/// sequence (1, of which the low three bits count).
pub const HEADER: usize = 6;

/// Writes a packet as [`packets`] reads it.
pub fn write(out: &mut Vec<u8>, link: u16, missing: u8, data: &[u8]) {
    let length = data.len().min(usize::from(u16::MAX));
    out.extend(link.to_le_bytes());
    out.extend((length as u16).to_le_bytes());
    out.extend([missing, 0]);
    out.extend(&data[..length]);
}

/// The packets that `data` holds.
pub fn packets(mut data: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let mut frame = 0;
    std::iter::from_fn(move || {
        let (head, rest) = data.split_first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_le_bytes([head[2], head[3]])).min(rest.len());
        let (bytes, after) = rest.split_at(length);
        data = after;
        frame += 1;
        Some(Packet {
            capture: 0,
            frame,
            time: Timestamp::new(frame as i64, 0),
            link: LinkType(u16::from_le_bytes([head[0], head[1]])),
            fcs_len: head[5] & 7,
            wire_len: (length as u32).saturating_add(u32::from(head[4])),
            data: bytes,
        })
    })
}

fn decode(data: &[u8]) -> (Vec<String>, Vec<Anomaly>) {
    let (mut decoder, mut log) = (Decoder::new(), Log::new());
    let (mut seen, mut total) = (Vec::new(), 0);
    for packet in packets(data) {
        total += packet.data.len();
        if let Some(layers) = decoder.decode(&packet, &mut log) {
            assert!(layers.payload.len() <= layers.payload_len as usize, "more payload than the headers say");
            assert!(layers.payload.len() <= total, "more payload than there were bytes");
            seen.push(format!("{layers:?}"));
        }
    }
    decoder.finish(&mut log);
    (seen, log.into_entries())
}

/// Payloads within bounds, the same layers twice.
pub fn check(data: &[u8]) {
    assert_eq!(decode(data), decode(data));
}
