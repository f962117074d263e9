//! Bytes as packets of a few conversations, against an oracle.
//!
//! What a TCP segment carries follows from its sequence numbers alone: each byte is the low byte of its own. So
//! whatever the order, overlap and loss, bytes that are handed out together must count up, and a gap must move the
//! count by its length. No second reassembly is needed to know that the first one is right.

use exfilscan::anomaly::{Anomaly, Log};
use exfilscan::decode::{Encapsulation, Layers, Step, Tcp, Transport};
use exfilscan::flow::{Appetite, At, Carrier, Config, Conversation, Dissector, Opening, Side, Table};
use exfilscan::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of the fuzzer for a packet.
const PACKET: usize = 8;
/// Most packets of a run.
const MAX_PACKETS: usize = 2000;
/// Longest payload of a packet.
const MAX_PAYLOAD: usize = 255 * 8;
/// Where sequence numbers begin: one side wraps around soon.
const ISN: [u32; 2] = [0xffff_f800, 0x1000];

/// How the recorder answers.
#[derive(Debug, Default)]
struct Policy(u8);

/// Checks what it is fed.
#[derive(Debug)]
struct Recorder {
    tcp: bool,
    policy: u8,
    calls: u8,
    next: [Option<u8>; 2],
    skip: [u64; 2],
    enough: [bool; 2],
    /// Bytes given, passed over, lost.
    counts: [[u64; 3]; 2],
}

impl Recorder {
    fn moved(&mut self, side: Side, length: u64, what: usize) {
        assert!(length > 0, "nothing is no event");
        let side = side.index();
        self.next[side] = self.next[side].map(|next| next.wrapping_add(length as u8));
        self.counts[side][what] += length;
    }
}

impl Dissector for Recorder {
    type Facts = [[u64; 3]; 2];
    type Shared = Policy;

    fn open(opening: &Opening, shared: &mut Policy) -> Self {
        Self {
            tcp: opening.carrier == Carrier::Tcp,
            policy: shared.0,
            calls: 0,
            next: [None; 2],
            skip: [0; 2],
            enough: [false; 2],
            counts: [[0; 3]; 2],
        }
    }

    fn data(&mut self, side: Side, bytes: &[u8], _: At, _: &mut Policy) -> Appetite {
        assert!(!bytes.is_empty(), "an empty slice");
        assert!(!self.enough[side.index()], "fed though it had enough");
        assert_eq!(self.skip[side.index()], 0, "fed though it asked to pass over");
        if self.tcp {
            let expected = self.next[side.index()].unwrap_or(bytes[0]);
            for (n, byte) in bytes.iter().enumerate() {
                assert_eq!(*byte, expected.wrapping_add(n as u8), "bytes out of order");
            }
            self.next[side.index()] = Some(expected);
        }
        self.moved(side, bytes.len() as u64, 0);
        self.calls = self.calls.wrapping_add(1);
        match (self.policy & 3, self.calls & 7) {
            (1, 3) => {
                self.skip[side.index()] = 100;
                Appetite::Skip(100)
            }
            (2, 5) => {
                self.enough[side.index()] = true;
                Appetite::Enough
            }
            _ => Appetite::All,
        }
    }

    fn gap(&mut self, side: Side, length: u64, _: At, _: &mut Policy) {
        self.moved(side, length, 2);
        self.skip[side.index()] = 0;
    }

    fn passed(&mut self, side: Side, length: u64, _: At) {
        self.moved(side, length, 1);
        let left = &mut self.skip[side.index()];
        // What came too early and was not wanted then is not brought back by a gap that has ended the skip since.
        let gaps = self.counts[side.index()][2] > 0;
        assert!(gaps || self.enough[side.index()] || length <= *left, "passed over more than was asked");
        *left = left.saturating_sub(length);
    }

    fn client(&self) -> Option<Side> {
        None
    }

    fn end(self, _: &mut Policy) -> Self::Facts {
        self.counts
    }
}

/// What a run of the table gave.
type Ended = Vec<Conversation<[[u64; 3]; 2]>>;

fn run(policy: u8, packets: &[u8]) -> (Ended, Vec<Anomaly>) {
    let config = if policy & 4 == 0 {
        Config::default()
    } else {
        Config { max_flows: 3, max_buffered: 8 << 10, ..Config::default() }
    };
    let pattern: Vec<u8> = (0..256 + MAX_PAYLOAD).map(|n| n as u8).collect();
    let (mut table, mut log, mut ended) = (Table::<Recorder>::new(config), Log::new(), Vec::new());
    let (mut shared, mut nanos) = (Policy(policy), 1_700_000_000_000_000_000_i64);
    for (number, packet) in packets.chunks_exact(PACKET).take(MAX_PACKETS).enumerate() {
        let &[what, flags, high, low, length, cut, wait, ack] = packet else { return (ended, Vec::new()) };
        nanos += match wait {
            0..200 => i64::from(wait) * 1_000_000,
            200..230 => i64::from(wait - 199) * 60_000_000_000,
            230..250 => i64::from(wait - 229) * 1_000_000_000_000,
            _ => -(i64::from(wait - 249) * 700_000_000),
        };
        let side = usize::from(what >> 2 & 1);
        let other = u16::from(what >> 3 & 3);
        let addr = |side: usize| -> IpAddr {
            if what & 32 == 0 {
                Ipv4Addr::new(192, 0, 2, side as u8 + 1).into()
            } else {
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, side as u16 + 1).into()
            }
        };
        let ports = [50_000 + other, 443];
        let mut encapsulation = Encapsulation::default();
        if what & 128 != 0 {
            assert!(encapsulation.push(Step::Vlan(1 + u16::from(what >> 6 & 1))));
        }
        let (seq, mut payload_len) = (i16::from_be_bytes([high, low]), u32::from(length));
        let tcp = what & 3 < 2;
        if tcp && flags & 64 != 0 {
            payload_len *= 8;
        }
        let syn = flags & Tcp::SYN != 0;
        let data_seq = ISN[side].wrapping_add(1).wrapping_add(if syn { 0 } else { i32::from(seq) as u32 });
        let from = usize::from(data_seq as u8);
        let have = (payload_len as usize).saturating_sub(usize::from(cut.saturating_sub(200)));
        let transport = match what & 3 {
            0 | 1 => Transport::Tcp(Tcp {
                src: ports[side],
                dst: ports[1 - side],
                seq: if syn { ISN[side] } else { data_seq },
                ack: ISN[1 - side].wrapping_add(1).wrapping_add(u32::from(ack) * 64),
                flags: flags & 63,
                window: 0xffff,
            }),
            2 => Transport::Udp { src: ports[side], dst: ports[1 - side] },
            _ => Transport::Icmp {
                v6: what & 32 != 0,
                kind: flags & 15,
                code: 0,
                rest: [0, other as u8, 0, 1],
            },
        };
        let layers = Layers {
            encapsulation,
            macs: (ack & 1 == 0).then_some(([2, 0, 0, 0, 0, side as u8], [2, 0, 0, 0, 0, 1 - side as u8])),
            src: addr(side),
            dst: addr(1 - side),
            ttl: 64,
            transport,
            payload: &pattern[from..from + have],
            payload_len,
            wire_len: 60 + payload_len,
            bad_checksum: false,
            fragment: false,
        };
        let at = At { time: Timestamp(nanos), frame: number as u64 + 1, capture: 0 };
        table.packet(&layers, at, 60 + payload_len, &mut shared, &mut log, &mut ended);
        if policy & 4 != 0 {
            assert!(table.len() <= config.max_flows, "more conversations than allowed");
        }
    }
    table.finish(&mut shared, &mut log, &mut ended);
    assert!(table.is_empty());
    (ended, log.into_entries())
}

/// Bytes in order, every packet and every byte accounted for, the same twice.
pub fn check(data: &[u8]) {
    let (policy, packets) = super::choice(data);
    let (ended, anomalies) = run(policy, packets);
    let given = (packets.len() / PACKET).min(MAX_PACKETS) as u64;
    let counted: u64 = ended.iter().flat_map(|ended| ended.packets).sum();
    assert_eq!(counted, given, "packets lost or counted twice");
    for conversation in &ended {
        assert!(conversation.start <= conversation.end);
        assert!(conversation.captures.iter().map(|(_, span)| span.count).sum::<u64>() >= 1);
        let counts = conversation.facts.unwrap_or_default();
        if conversation.key.carrier == Carrier::Tcp && conversation.facts.is_some() {
            let mut own: Vec<(u64, u64)> =
                (0..2).map(|n| (conversation.payload[n], conversation.gaps[n])).collect();
            let mut fed: Vec<(u64, u64)> = counts.iter().map(|side| (side.iter().sum(), side[2])).collect();
            own.sort_unstable();
            fed.sort_unstable();
            assert_eq!(own, fed, "payload and gaps counted are not those that were fed: {conversation:?}");
        }
    }
    let again = run(policy, packets);
    assert_eq!(format!("{again:?}"), format!("{:?}", (ended, anomalies)), "another answer the second time");
}
