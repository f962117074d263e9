//! Captures are written here byte by byte, as the formats have them, and read back.

mod ascend;
mod compressed;
mod damage;
mod formats;
mod fuzz;
mod paths;
mod rewrite;
mod write;

use super::open::recognise;
use super::stored::Input;
use super::*;
use crate::anomaly::{Anomaly, Kind, Log};
use std::io;

/// A packet that was read, without its borrow.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    frame: u64,
    nanos: i64,
    link: u16,
    fcs_len: u8,
    wire_len: u32,
    data: Vec<u8>,
}

#[derive(Debug)]
struct Whole {
    packets: Vec<Seen>,
    info: Info,
    anomalies: Vec<Anomaly>,
}

impl Whole {
    fn frames(&self) -> Vec<u64> {
        self.packets.iter().map(|packet| packet.frame).collect()
    }
    fn count(&self, kind: Kind) -> u64 {
        self.anomalies.iter().filter(|anomaly| anomaly.kind == kind).map(|anomaly| anomaly.count).sum()
    }
}

fn drain(mut reader: Reader) -> Whole {
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        packets.push(Seen {
            frame: packet.frame,
            nanos: packet.time.0,
            link: packet.link.0,
            fcs_len: packet.fcs_len,
            wire_len: packet.wire_len,
            data: packet.data.to_vec(),
        });
    }
    let mut log = Log::new();
    let info = reader.finish(&mut log);
    Whole { packets, info, anomalies: log.into_entries() }
}

/// Opens bytes, to be read in pieces of `piece` bytes.
fn open_bytes(bytes: &[u8], piece: usize) -> Result<Reader, Error> {
    let input = Input::new(Box::new(io::Cursor::new(bytes.to_vec())), true);
    match recognise(input, "test.pcap", 7, piece)? {
        Opened::Packets(reader) => Ok(reader),
        Opened::Records(_) => panic!("taken for records"),
    }
}

fn read(bytes: &[u8]) -> Whole {
    drain(open_bytes(bytes, 1 << 16).expect("a capture"))
}
