//! A dissector that remembers everything, and packets for it.

use super::*;
use crate::anomaly::{Anomaly, Log};
use crate::decode::{Encapsulation, Layers, Tcp, Transport};
use crate::time::Timestamp;
use std::net::SocketAddr;

pub(super) const CLIENT: &str = "192.0.2.10:49152";
pub(super) const SERVER: &str = "198.51.100.20:443";

/// What was told, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Data(Side, Vec<u8>, u64),
    Gap(Side, u64),
    Passed(Side, u64),
}

/// What the recorder is to answer, by side; the last appetite is repeated.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    pub(super) appetites: [Vec<Appetite>; 2],
    pub(super) client: Option<Side>,
    pub(super) opened: Vec<Opening>,
}

/// Records all it is told.
#[derive(Debug)]
pub(super) struct Recorder {
    told: Vec<Told>,
    client: Option<Side>,
    calls: [usize; 2],
}

impl Dissector for Recorder {
    type Facts = Vec<Told>;
    type Shared = Script;

    fn open(opening: &Opening, shared: &mut Script) -> Self {
        shared.opened.push(*opening);
        Self { told: Vec::new(), client: shared.client, calls: [0; 2] }
    }
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Script) -> Appetite {
        assert!(!bytes.is_empty());
        let appetites = &shared.appetites[side.index()];
        let appetite = appetites.get(self.calls[side.index()]).or(appetites.last()).copied();
        self.calls[side.index()] += 1;
        self.told.push(Told::Data(side, bytes.to_vec(), at.frame));
        appetite.unwrap_or(Appetite::All)
    }
    fn gap(&mut self, side: Side, length: u64, _: At, _: &mut Script) {
        assert!(length > 0);
        self.told.push(Told::Gap(side, length));
    }
    fn passed(&mut self, side: Side, length: u64, _: At) {
        assert!(length > 0);
        self.told.push(Told::Passed(side, length));
    }
    fn client(&self) -> Option<Side> {
        self.client
    }
    fn end(self, _: &mut Script) -> Vec<Told> {
        self.told
    }
}

/// The bytes given of a side, and how many were passed over and lost.
pub(super) fn sums(conversation: &Conversation<Vec<Told>>, side: Side) -> (Vec<u8>, u64, u64) {
    let (mut bytes, mut passed, mut lost) = (Vec::new(), 0, 0);
    for told in conversation.facts.iter().flatten() {
        match told {
            Told::Data(from, data, _) if *from == side => bytes.extend_from_slice(data),
            Told::Gap(from, length) if *from == side => lost += length,
            Told::Passed(from, length) if *from == side => passed += length,
            _ => {}
        }
    }
    (bytes, passed, lost)
}

/// A packet between two addresses (`192.0.2.1` or with a port, which is not looked at).
pub(super) fn layers<'a>(src: &str, dst: &str, transport: Transport, payload: &'a [u8]) -> Layers<'a> {
    let addr = |text: &str| {
        text.parse::<SocketAddr>().map_or_else(|_| text.parse().expect("an address"), |end| end.ip())
    };
    Layers {
        encapsulation: Encapsulation::default(),
        macs: Some(([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])),
        src: addr(src),
        dst: addr(dst),
        ttl: 64,
        transport,
        payload,
        payload_len: payload.len() as u32,
        wire_len: payload.len() as u32 + 54,
        bad_checksum: false,
        fragment: false,
    }
}

fn port(end: &str) -> u16 {
    end.parse::<SocketAddr>().expect("address and port").port()
}

/// A datagram.
pub(super) fn udp<'a>(src: &str, dst: &str, payload: &'a [u8]) -> Layers<'a> {
    layers(src, dst, Transport::Udp { src: port(src), dst: port(dst) }, payload)
}

/// A segment; `flags` as letters of `SAFR`.
pub(super) fn tcp<'a>(
    src: &str,
    dst: &str,
    flags: &str,
    seq: u32,
    ack: u32,
    payload: &'a [u8],
) -> Layers<'a> {
    let bits = flags.chars().map(|flag| match flag {
        'S' => Tcp::SYN,
        'A' => Tcp::ACK,
        'F' => Tcp::FIN,
        'R' => Tcp::RST,
        other => panic!("no flag: {other}"),
    });
    let header = Tcp { src: port(src), dst: port(dst), seq, ack, flags: bits.sum(), window: 1000 };
    layers(src, dst, Transport::Tcp(header), payload)
}

/// A table that counts frames and moves its clock a millisecond a packet.
pub(super) struct Bench {
    pub(super) table: Table<Recorder>,
    pub(super) script: Script,
    pub(super) log: Log,
    pub(super) ended: Vec<Conversation<Vec<Told>>>,
    pub(super) frame: u64,
    pub(super) time: Timestamp,
    pub(super) capture: u32,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }
    pub(super) fn with(config: Config) -> Self {
        Self {
            table: Table::new(config),
            script: Script::default(),
            log: Log::new(),
            ended: Vec::new(),
            frame: 0,
            time: Timestamp::new(1_700_000_000, 0),
            capture: 0,
        }
    }
    pub(super) fn feed(&mut self, layers: &Layers<'_>) -> &mut Self {
        self.frame += 1;
        self.time = Timestamp(self.time.0 + 1_000_000);
        let at = At { time: self.time, frame: self.frame, capture: self.capture };
        let wire = 54 + layers.payload_len;
        self.table.packet(layers, at, wire, &mut self.script, &mut self.log, &mut self.ended);
        self
    }
    /// A segment from the client.
    pub(super) fn c(&mut self, flags: &str, seq: u32, ack: u32, payload: &[u8]) -> &mut Self {
        self.feed(&tcp(CLIENT, SERVER, flags, seq, ack, payload))
    }
    /// A segment from the server.
    pub(super) fn s(&mut self, flags: &str, seq: u32, ack: u32, payload: &[u8]) -> &mut Self {
        self.feed(&tcp(SERVER, CLIENT, flags, seq, ack, payload))
    }
    /// A handshake after which the client's data starts at `client` and the server's at `server`.
    pub(super) fn handshake(&mut self, client: u32, server: u32) -> &mut Self {
        self.c("S", client.wrapping_sub(1), 0, b"");
        self.s("SA", server.wrapping_sub(1), client, b"");
        self.c("A", client, server, b"")
    }
    pub(super) fn sleep(&mut self, seconds: i64) -> &mut Self {
        self.time = Timestamp(self.time.0 + seconds * crate::time::NANOS);
        self
    }
    /// All conversations, and the anomalies.
    pub(super) fn finish(mut self) -> (Vec<Conversation<Vec<Told>>>, Vec<Anomaly>) {
        self.table.finish(&mut self.script, &mut self.log, &mut self.ended);
        assert_eq!(self.table.len(), 0);
        assert_eq!(self.table.buffered(), 0, "all room is given back");
        (self.ended, self.log.into_entries())
    }
    /// The only conversation.
    pub(super) fn only(self) -> Conversation<Vec<Told>> {
        let (mut ended, _) = self.finish();
        assert_eq!(ended.len(), 1, "{ended:#?}");
        ended.remove(0)
    }
}
