//! Writers of capture files for the tests.

use super::super::bytes::Order;

pub fn u16(order: Order, value: u16) -> [u8; 2] {
    if order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() }
}

pub fn u32(order: Order, value: u32) -> [u8; 4] {
    if order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() }
}

/// A pcap file in the making; `extra` bytes follow each record header.
#[derive(Clone)]
pub struct Pcap {
    pub order: Order,
    pub extra: usize,
    pub bytes: Vec<u8>,
}

impl Pcap {
    pub fn new(order: Order, magic: u32, link: u32) -> Self {
        let mut bytes = u32(order, magic).to_vec();
        bytes.extend([u16(order, 2), u16(order, 4)].concat());
        bytes.extend([u32(order, 0), u32(order, 0), u32(order, 65_535), u32(order, link)].concat());
        Self { order, extra: 0, bytes }
    }

    /// Microseconds, Ethernet, little-endian.
    pub fn usual() -> Self {
        Self::new(Order::Little, 0xa1b2_c3d4, 1)
    }

    pub fn packet(mut self, seconds: u32, fraction: u32, wire_len: u32, data: &[u8]) -> Self {
        let words = [seconds, fraction, data.len() as u32, wire_len].map(|word| u32(self.order, word));
        self.bytes.extend(words.concat());
        self.bytes.extend(vec![0; self.extra]);
        self.bytes.extend(data);
        self
    }

    /// Three packets of different lengths, a second apart.
    pub fn three(self) -> Self {
        self.packet(1_000_000, 1, 60, &[1; 60])
            .packet(1_000_001, 2, 5, &[2; 5])
            .packet(1_000_002, 3, 90, &[3; 90])
    }
}

/// A pcapng file in the making.
#[derive(Clone, Default)]
pub struct Ng {
    pub order: Order,
    pub bytes: Vec<u8>,
}

impl Ng {
    /// A file with one section.
    pub fn new(order: Order) -> Self {
        Self::default().section(order)
    }

    pub fn section(mut self, order: Order) -> Self {
        self.order = order;
        let body = [&u32(order, 0x1a2b_3c4d)[..], &u16(order, 1), &u16(order, 0), &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let length = u32(self.order, 12 + body.len().next_multiple_of(4) as u32);
        self.bytes.extend(u32(self.order, kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.extend(vec![0; body.len().next_multiple_of(4) - body.len()]);
        self.bytes.extend(length);
        self
    }

    pub fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [u16(self.order, code), u16(self.order, value.len() as u16)].concat();
        option.extend(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    pub fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = [&u16(self.order, link)[..], &[0; 2], &u32(self.order, snaplen)].concat();
        for (code, value) in options {
            body.extend(self.option(*code, value));
        }
        self.block(1, &body)
    }

    pub fn enhanced(self, interface: u32, time: u64, wire_len: u32, data: &[u8], options: &[u8]) -> Self {
        let words = [interface, (time >> 32) as u32, time as u32, data.len() as u32, wire_len];
        let mut body = words.map(|word| u32(self.order, word)).concat();
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }

    pub fn simple(self, wire_len: u32, data: &[u8]) -> Self {
        let body = [&u32(self.order, wire_len)[..], data].concat();
        self.block(3, &body)
    }

    pub fn obsolete(self, interface: u16, time: u64, wire_len: u32, data: &[u8]) -> Self {
        let mut body = [u16(self.order, interface), u16(self.order, 0)].concat();
        let words = [(time >> 32) as u32, time as u32, data.len() as u32, wire_len];
        body.extend(words.map(|word| u32(self.order, word)).concat());
        body.extend(data);
        self.block(2, &body)
    }

    /// One section, one interface, three packets.
    pub fn three(order: Order) -> Self {
        Self::new(order)
            .interface(1, 0, &[])
            .enhanced(0, 1_000_000_000_001, 60, &[1; 60], &[])
            .enhanced(0, 1_000_001_000_002, 5, &[2; 5], &[])
            .enhanced(0, 1_000_002_000_003, 90, &[3; 90], &[])
    }
}
