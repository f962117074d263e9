//! A small network on paper: hosts talk, the wire is written down as a pcap file.
//!
//! Everything is invented: documentation addresses, names under .example and .test (public services are named
//! where a case is about them). Times come from a fixed clock, so the same case gives the same bytes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Most payload bytes in one segment.
const MSS: usize = 1460;

/// A wire that is being written down.
pub struct Net {
    packets: Vec<(u64, Vec<u8>)>,
    /// Nanoseconds since 1970.
    now: u64,
    next_port: u16,
    ip_id: u16,
}

impl Net {
    /// An empty wire at 2026-03-02T09:00:00Z.
    pub fn new() -> Self {
        Self { packets: Vec::new(), now: 1_772_442_000_000_000_000, next_port: 49_700, ip_id: 1 }
    }

    /// Lets time pass.
    pub fn wait_ms(&mut self, millis: u64) {
        self.now += millis * 1_000_000;
    }

    /// A fresh client port.
    pub fn port(&mut self) -> u16 {
        self.next_port += 1;
        self.next_port
    }

    /// Opens a TCP connection with a handshake.
    pub fn tcp(&mut self, client: &str, server: &str) -> Tcp {
        let client = SocketAddr::new(client.parse().unwrap(), self.port());
        let server: SocketAddr = server.parse().unwrap();
        let seed = u32::from(client.port()) * 7919;
        let mut tcp = Tcp { ends: [client, server], seq: [seed, seed ^ 0x5bd1_e995] };
        self.segment(&mut tcp, 0, 0x02, b"");
        self.wait_ms(12);
        self.segment(&mut tcp, 1, 0x12, b"");
        self.segment(&mut tcp, 0, 0x10, b"");
        tcp
    }

    /// A connection attempt that is not answered (or refused with RST).
    pub fn attempt(&mut self, client: &str, server: &str, refused: bool) {
        let client = SocketAddr::new(client.parse().unwrap(), self.port());
        let mut tcp = Tcp { ends: [client, server.parse().unwrap()], seq: [1000, 0] };
        self.segment(&mut tcp, 0, 0x02, b"");
        if refused {
            self.wait_ms(5);
            self.segment(&mut tcp, 1, 0x14, b"");
        }
    }

    /// The client sends bytes, the server acknowledges.
    pub fn up(&mut self, tcp: &mut Tcp, bytes: &[u8]) {
        self.send(tcp, 0, bytes);
    }

    /// The server sends bytes, the client acknowledges.
    pub fn down(&mut self, tcp: &mut Tcp, bytes: &[u8]) {
        self.send(tcp, 1, bytes);
    }

    fn send(&mut self, tcp: &mut Tcp, side: usize, bytes: &[u8]) {
        for (n, piece) in bytes.chunks(MSS).enumerate() {
            self.segment(tcp, side, 0x18, piece);
            self.now += 300_000;
            if n % 2 == 1 {
                self.segment(tcp, 1 - side, 0x10, b"");
            }
        }
        self.wait_ms(9);
        self.segment(tcp, 1 - side, 0x10, b"");
    }

    /// Both sides close.
    pub fn close(&mut self, mut tcp: Tcp) {
        self.segment(&mut tcp, 0, 0x11, b"");
        self.wait_ms(8);
        self.segment(&mut tcp, 1, 0x11, b"");
        self.segment(&mut tcp, 0, 0x10, b"");
    }

    /// The server resets.
    pub fn reset(&mut self, mut tcp: Tcp) {
        self.segment(&mut tcp, 1, 0x14, b"");
    }

    /// One UDP datagram.
    pub fn udp(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let mut datagram = Vec::with_capacity(8 + payload.len());
        datagram.extend(from.port().to_be_bytes());
        datagram.extend(to.port().to_be_bytes());
        datagram.extend((8 + payload.len() as u16).to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(payload);
        self.ip(from.ip(), to.ip(), 17, datagram, Some(6));
    }

    /// One ICMP message.
    pub fn icmp(&mut self, from: &str, to: &str, kind: u8, id: u16, seq: u16, payload: &[u8]) {
        let mut message = vec![kind, 0, 0, 0];
        message.extend(id.to_be_bytes());
        message.extend(seq.to_be_bytes());
        message.extend(payload);
        self.ip(from.parse().unwrap(), to.parse().unwrap(), 1, message, Some(2));
    }

    /// A lookup of an address at a resolver, answered.
    pub fn resolve(&mut self, client: &str, name: &str, addr: &str) {
        let answer: Ipv4Addr = addr.parse().unwrap();
        self.dns(client, name, 1, 0, &[&answer.octets()]);
        self.wait_ms(3);
    }

    /// A lookup of any type: answers are raw record data.
    pub fn dns(&mut self, client: &str, name: &str, kind: u16, rcode: u8, answers: &[&[u8]]) {
        let port = self.port();
        let client = SocketAddr::new(client.parse().unwrap(), port);
        let resolver: SocketAddr = "192.0.2.53:53".parse().unwrap();
        let mut question = Vec::new();
        for label in name.split('.') {
            question.push(label.len() as u8);
            question.extend(label.as_bytes());
        }
        question.push(0);
        question.extend(kind.to_be_bytes());
        question.extend([0, 1]);
        let mut query = port.to_be_bytes().to_vec();
        query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        query.extend(&question);
        self.udp(client, resolver, &query);
        self.wait_ms(14);
        let mut reply = port.to_be_bytes().to_vec();
        reply.extend([0x81, 0x80 | rcode, 0, 1, 0, answers.len() as u8, 0, 0, 0, 0]);
        reply.extend(&question);
        for data in answers {
            reply.extend([0xc0, 12]);
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1, 0, 0, 0, 60]);
            reply.extend((data.len() as u16).to_be_bytes());
            reply.extend(*data);
        }
        self.udp(resolver, client, &reply);
    }

    fn segment(&mut self, tcp: &mut Tcp, side: usize, flags: u8, payload: &[u8]) {
        let (from, to) = (tcp.ends[side], tcp.ends[1 - side]);
        let mut segment = Vec::with_capacity(20 + payload.len());
        segment.extend(from.port().to_be_bytes());
        segment.extend(to.port().to_be_bytes());
        segment.extend(tcp.seq[side].to_be_bytes());
        let ack = if flags & 0x10 == 0 { 0 } else { tcp.seq[1 - side] };
        segment.extend(ack.to_be_bytes());
        segment.extend([0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        segment.extend(payload);
        let advance = payload.len() as u32 + u32::from(flags & 0x03 != 0);
        tcp.seq[side] = tcp.seq[side].wrapping_add(advance);
        self.ip(from.ip(), to.ip(), 6, segment, Some(16));
        self.now += 50_000;
    }

    /// Wraps a transport message in IPv4 or IPv6 and Ethernet; `checksum` is where its checksum goes.
    fn ip(&mut self, src: IpAddr, dst: IpAddr, proto: u8, mut message: Vec<u8>, checksum: Option<usize>) {
        let mut pseudo = Vec::new();
        let head = match (src, dst) {
            (IpAddr::V4(s), IpAddr::V4(d)) => {
                pseudo.extend(s.octets());
                pseudo.extend(d.octets());
                let mut head = vec![0x45, 0];
                head.extend((20 + message.len() as u16).to_be_bytes());
                head.extend(self.ip_id.to_be_bytes());
                head.extend([0x40, 0, 64, proto, 0, 0]);
                head.extend(s.octets());
                head.extend(d.octets());
                let sum = sum16(&head);
                head[10..12].copy_from_slice(&sum.to_be_bytes());
                head
            }
            (IpAddr::V6(s), IpAddr::V6(d)) => {
                pseudo.extend(s.octets());
                pseudo.extend(d.octets());
                let mut head = vec![0x60, 0, 0, 0];
                head.extend((message.len() as u16).to_be_bytes());
                head.extend([proto, 64]);
                head.extend(s.octets());
                head.extend(d.octets());
                head
            }
            _ => panic!("one IP version a conversation"),
        };
        self.ip_id = self.ip_id.wrapping_add(1);
        if let Some(at) = checksum {
            let mut all = if proto == 1 { Vec::new() } else { pseudo };
            if proto != 1 {
                all.extend((message.len() as u32).to_be_bytes());
                all.extend([0, 0, 0, proto]);
            }
            all.extend(&message);
            let sum = sum16(&all);
            message[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        let mut frame = mac(dst).to_vec();
        frame.extend(mac(src));
        frame.extend(if src.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] });
        frame.extend(head);
        frame.extend(message);
        self.packets.push((self.now, frame));
    }

    /// The wire as a nanosecond pcap file, packets by time.
    pub fn pcap(mut self) -> Vec<u8> {
        self.packets.sort_by_key(|(time, _)| *time);
        let mut file = Vec::new();
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 1] {
            file.extend(word.to_le_bytes());
        }
        for (time, frame) in &self.packets {
            for word in [(time / 1_000_000_000) as u32, (time % 1_000_000_000) as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend((frame.len() as u32).to_le_bytes());
            file.extend((frame.len() as u32).to_le_bytes());
            file.extend(frame);
        }
        file
    }
}

/// A TCP connection: both ends and their next sequence numbers.
pub struct Tcp {
    pub ends: [SocketAddr; 2],
    seq: [u32; 2],
}

/// A locally administered MAC address made from an IP address; all of the Internet is behind one router.
fn mac(addr: IpAddr) -> [u8; 6] {
    match addr {
        IpAddr::V4(v4) if v4.is_private() || v4.octets()[..3] == [192, 0, 2] => {
            let o = v4.octets();
            [0x02, 0x00, o[0], o[1], o[2], o[3]]
        }
        _ => [0x02, 0x00, 0x5e, 0x00, 0x53, 0x01],
    }
}

fn sum16(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Bytes that look random, the same for the same seed (SplitMix64).
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend((z ^ (z >> 31)).to_le_bytes());
    }
    out.truncate(length);
    out
}

/// A stored ZIP archive of the named members.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut central) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let mut common = vec![20, 0, 0, 0, 0, 0, 0x20, 0x48, 0x62, 0x5c];
        common.extend(crc.sum().to_le_bytes());
        common.extend((data.len() as u32).to_le_bytes());
        common.extend((data.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        central.extend(b"PK\x01\x02\x14\x00");
        central.extend(&common);
        central.extend([0; 10]);
        central.extend((file.len() as u32).to_le_bytes());
        central.extend(name.as_bytes());
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(*data);
    }
    let (start, size, count) = (file.len() as u32, central.len() as u32, members.len() as u16);
    file.extend(central);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}
