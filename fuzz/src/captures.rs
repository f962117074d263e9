//! Bytes as a capture file.

use exfilscan::anomaly::{Anomaly, Log};
use exfilscan::capture::{Info, Opened, open_bytes};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;

/// Most packets that are looked at: a bomb is a matter of time, not of correctness.
const MAX_PACKETS: u64 = 100_000;
/// Bytes of a record file that are read, for the same reason.
const MAX_RECORDS: u64 = 16 << 20;

/// What a capture gave, its packets as a hash.
#[derive(Debug, PartialEq)]
enum Whole {
    Failed(String),
    Records(usize),
    Packets { count: u64, hash: u64, rest: Option<(Info, Vec<Anomaly>)> },
}

fn read(bytes: &[u8], piece: usize) -> Whole {
    let mut reader = match open_bytes(bytes.to_vec(), piece) {
        Err(error) => return Whole::Failed(error.to_string()),
        Ok(Opened::Records(records)) => {
            let mut lines = Vec::new();
            let _ = records.take(MAX_RECORDS).read_to_end(&mut lines);
            return Whole::Records(lines.len());
        }
        Ok(Opened::Packets(reader)) => reader,
    };
    let (mut count, mut last) = (0, 0);
    let mut hash = DefaultHasher::new();
    while let Some(packet) = reader.next_packet() {
        assert!(packet.frame > last, "frame numbers rise");
        last = packet.frame;
        (packet.frame, packet.time, packet.link, packet.fcs_len, packet.wire_len).hash(&mut hash);
        packet.data.hash(&mut hash);
        count += 1;
        if count == MAX_PACKETS {
            return Whole::Packets { count, hash: hash.finish(), rest: None };
        }
    }
    let mut log = Log::new();
    let info = reader.finish(&mut log);
    assert_eq!(info.bytes, bytes.len() as u64);
    if info.compression.is_none() {
        // The shortest record of all formats has twelve bytes.
        assert!(info.packets <= info.bytes / 12);
    }
    Whole::Packets { count, hash: hash.finish(), rest: Some((info, log.into_entries())) }
}

/// The same packets wherever the seams between pieces fall; no more packets than there is room for.
pub fn check(bytes: &[u8]) {
    let whole = read(bytes, 1 << 16);
    assert_eq!(read(bytes, 61), whole, "in pieces of 61 bytes");
}
