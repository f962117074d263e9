//! Captures as packets: taken apart, changed as networks and capture programs change them, and written again.

#![allow(dead_code, reason = "not every test file uses every helper")]

use exfilscan::anomaly::Log;
use exfilscan::capture::{Opened, Options, Source, open};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// Link types (tcpdump.org's list).
const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const LINUX_SLL: u16 = 113;
const LINUX_SLL2: u16 = 276;

const TCP: u8 = 6;
const UDP: u8 = 17;
const GRE: u8 = 47;

/// A packet of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub nanos: i64,
    pub link: u16,
    pub wire_len: u32,
    pub data: Vec<u8>,
}

/// Where the IP packet of a frame is, and what it holds.
#[derive(Debug, Clone, Copy)]
pub struct Ip {
    /// Offset of the IP header in the frame.
    pub at: usize,
    /// Offset of the transport header.
    pub transport: usize,
    pub protocol: u8,
    pub v6: bool,
}

/// The packets of a capture.
pub fn frames(path: &Path) -> Vec<Frame> {
    let source = Source { path: path.to_owned(), name: String::new(), first: None };
    let opened = open(&source, 0, Options { hash: false, threaded: false }).expect("a capture");
    let Opened::Packets(mut reader) = opened else { panic!("no capture") };
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(Frame {
            nanos: packet.time.0,
            link: packet.link.0,
            wire_len: packet.wire_len,
            data: packet.data.to_vec(),
        });
    }
    reader.finish(&mut Log::new());
    frames
}

/// A pcapng file: one interface for each link type, times in nanoseconds.
pub fn pcapng(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[&[u8]]| {
        let body = body.concat();
        let length = (12 + body.len().next_multiple_of(4)) as u32;
        out.extend(kind.to_le_bytes());
        out.extend(length.to_le_bytes());
        out.extend(&body);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(length.to_le_bytes());
    };
    block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &[0xff; 8]]);
    let mut interfaces: BTreeMap<u16, u32> = BTreeMap::new();
    for frame in frames {
        let next = interfaces.len() as u32;
        let id = *interfaces.entry(frame.link).or_insert_with(|| {
            // Option 9: resolution 10^-9.
            block(1, &[&frame.link.to_le_bytes(), &[0; 6], &[9, 0, 1, 0, 9, 0, 0, 0], &[0; 4]]);
            next
        });
        let time = frame.nanos as u64;
        let lengths = [(frame.data.len() as u32).to_le_bytes(), frame.wire_len.to_le_bytes()].concat();
        let times = [((time >> 32) as u32).to_le_bytes(), (time as u32).to_le_bytes()].concat();
        block(6, &[&id.to_le_bytes(), &times, &lengths, &frame.data]);
    }
    out
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

impl Frame {
    /// The outermost IP packet. None where there is none, and for fragments.
    pub fn ip(&self) -> Option<Ip> {
        let at = match self.link {
            ETHERNET if matches!(be16(&self.data, 12)?, 0x0800 | 0x86dd) => 14,
            LINUX_SLL if matches!(be16(&self.data, 14)?, 0x0800 | 0x86dd) => 16,
            LINUX_SLL2 if matches!(be16(&self.data, 0)?, 0x0800 | 0x86dd) => 20,
            RAW => 0,
            _ => return None,
        };
        let first = *self.data.get(at)?;
        if first >> 4 == 6 {
            let protocol = *self.data.get(at + 6)?;
            return Some(Ip { at, transport: at + 40, protocol, v6: true });
        }
        if be16(&self.data, at + 6)? & 0x3fff != 0 {
            return None;
        }
        let (protocol, header) = (*self.data.get(at + 9)?, usize::from(first & 15) * 4);
        Some(Ip { at, transport: at + header, protocol, v6: false })
    }

    /// Whether all that was on the wire was captured.
    pub fn is_whole(&self) -> bool {
        self.data.len() == self.wire_len as usize
    }

    fn with(&self, data: Vec<u8>) -> Self {
        Self { wire_len: data.len() as u32, data, ..self.clone() }
    }

    /// Source and destination address.
    pub fn ends(&self) -> Option<(IpAddr, IpAddr)> {
        let ip = self.ip()?;
        let bytes = &self.data[ip.at..];
        Some(if ip.v6 {
            let addr = |at: usize| -> Option<IpAddr> {
                Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?).into())
            };
            (addr(8)?, addr(24)?)
        } else {
            let addr = |at: usize| -> Option<IpAddr> {
                Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?).into())
            };
            (addr(12)?, addr(16)?)
        })
    }

    /// The same packet between other hosts: the second byte of every IPv4 address, the third group of every IPv6
    /// address is changed. Checksums are left wrong, as offload leaves them.
    pub fn elsewhere(mut self) -> Self {
        if let Some(ip) = self.ip() {
            let places = if ip.v6 { [8 + 5, 24 + 5] } else { [12 + 1, 16 + 1] };
            for place in places {
                if let Some(byte) = self.data.get_mut(ip.at + place) {
                    *byte ^= 0x20;
                }
            }
        }
        self
    }

    /// The TCP segment in pieces of at most `size` bytes of payload; anything else as it is.
    pub fn split(&self, size: usize) -> Vec<Self> {
        let whole = || vec![self.clone()];
        let Some(ip) = self.ip().filter(|ip| ip.protocol == TCP && self.is_whole()) else { return whole() };
        let Some(offset) = self.data.get(ip.transport + 12) else { return whole() };
        let start = ip.transport + usize::from(offset >> 4) * 4;
        // What is behind the IP packet pads the frame.
        let length = if ip.v6 {
            be16(&self.data, ip.at + 4).map_or(0, |length| usize::from(length) + 40)
        } else {
            be16(&self.data, ip.at + 2).map_or(0, usize::from)
        };
        let end = ip.at + length;
        let flags = self.data[ip.transport + 13];
        // A SYN is left alone, and so is what a program marked as urgent.
        let Some(payload) =
            self.data.get(start..end).filter(|payload| payload.len() > size && flags & 0x22 == 0)
        else {
            return whole();
        };
        let seq = u32::from_be_bytes(self.data[ip.transport + 4..][..4].try_into().expect("four bytes"));
        let pieces = payload.len().div_ceil(size);
        let piece = |(n, bytes): (usize, &[u8])| {
            let mut data = [&self.data[..start], bytes].concat();
            let place = if ip.v6 { ip.at + 4 } else { ip.at + 2 };
            let length = data.len() - ip.at - if ip.v6 { 40 } else { 0 };
            data[place..place + 2].copy_from_slice(&(length as u16).to_be_bytes());
            let seq = seq.wrapping_add((n * size) as u32);
            data[ip.transport + 4..ip.transport + 8].copy_from_slice(&seq.to_be_bytes());
            if n + 1 < pieces {
                // FIN and PSH go with the last.
                data[ip.transport + 13] &= !0x09;
            }
            Self { nanos: self.nanos + n as i64 * 1000, ..self.with(data) }
        };
        payload.chunks(size).enumerate().map(piece).collect()
    }

    /// The packet with a VLAN tag; only Ethernet has them.
    pub fn vlan(&self, id: u16) -> Self {
        if self.link != ETHERNET || self.data.len() < 14 {
            return self.clone();
        }
        let tag = [0x81, 0, (id >> 8) as u8, id as u8];
        let data = [&self.data[..12], &tag, &self.data[12..]].concat();
        Self { wire_len: self.wire_len + 4, data, ..self.clone() }
    }

    /// The IP packet in GRE between two routers; what is no IP is left out of the tunnel.
    pub fn gre(&self) -> Self {
        let Some(ip) = self.ip() else { return self.clone() };
        let kind: [u8; 2] = if ip.v6 { [0x86, 0xdd] } else { [8, 0] };
        let missing = self.wire_len - self.data.len() as u32;
        self.tunnel(GRE, &[&[0, 0][..], &kind, &self.data[ip.at..]].concat(), missing)
    }

    /// The frame in VXLAN between two routers.
    pub fn vxlan(&self) -> Self {
        let Some(ip) = self.ip() else { return self.clone() };
        let kind: [u8; 2] = if ip.v6 { [0x86, 0xdd] } else { [8, 0] };
        let inner = if self.link == ETHERNET {
            self.data.clone()
        } else {
            [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &kind, &self.data[ip.at..]].concat()
        };
        let missing = self.wire_len - self.data.len() as u32;
        let length = (16 + inner.len() as u32 + missing) as u16;
        let header = [0xd0, 0, 0x12, 0xb5, (length >> 8) as u8, length as u8, 0, 0, 8, 0, 0, 0, 0, 0, 42, 0];
        self.tunnel(UDP, &[&header[..], &inner].concat(), missing)
    }

    /// `payload` of a protocol between two routers, of which `missing` bytes more were on the wire.
    fn tunnel(&self, protocol: u8, payload: &[u8], missing: u32) -> Self {
        let length = (20 + payload.len() as u32 + missing) as u16;
        let header = [
            &[0x45, 0][..],
            &length.to_be_bytes(),
            &[0, 0, 0, 0, 64, protocol, 0, 0],
            &[198, 51, 100, 250],
            &[198, 51, 100, 251],
        ];
        let frame =
            [&[2, 0, 0, 0, 0, 0xfa, 2, 0, 0, 0, 0, 0xfb, 8, 0][..], &header.concat(), payload].concat();
        Self { nanos: self.nanos, link: ETHERNET, wire_len: frame.len() as u32 + missing, data: frame }
    }
}

/// Numbers that are the same in every run (xorshift).
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub const fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`; 0 where that is 0.
    pub const fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.roll() >> 11) as usize % end }
    }
}
