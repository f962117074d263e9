//! What makes two packets the same conversation.

use super::Carrier;
use crate::decode::{Encapsulation, Layers, Step, Transport};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// IP protocol numbers (IANA "Assigned Internet Protocol Numbers") that this room treats specially.
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMP6: u8 = 58;
pub(super) const SCTP: u8 = 132;

/// Which end of the unordered pair of a [`Key`] sent a packet: 0 the smaller, 1 the greater.
pub(super) type Dir = usize;

/// Carrier, unordered pair of endpoints and address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// The smaller and the greater endpoint's address.
    addrs: [Address; 2],
    /// Their ports; for ICMP type (that of the request) and code; 0 where there are none.
    ports: [u16; 2],
    /// Identifier of an ICMP exchange; where it has none, the end that asks.
    ident: u16,
    /// IP protocol number.
    pub(super) protocol: u8,
    /// The addresses are IPv6.
    v6: bool,
    /// Taken by the addresses alone: no transport header was read.
    bare: bool,
    /// See [`space`].
    space: u32,
}

/// An address as IPv6, that of IPv4 mapped, in two halves: compared as numbers rather than byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    high: u64,
    low: u64,
}

impl Address {
    /// The lower half of a mapped IPv4 address without its 32 bits (RFC 4291, 2.5.5.2).
    const MAPPED: u64 = 0xffff << 32;

    fn of(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(v4) => Self { high: 0, low: Self::MAPPED | u64::from(v4.to_bits()) },
            IpAddr::V6(v6) => Self { high: (v6.to_bits() >> 64) as u64, low: v6.to_bits() as u64 },
        }
    }

    fn bits(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

/// Sent by the side that asks; by the one that answers; not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Yes,
    No,
    Unknown,
}

/// IP protocol, source and destination of a packet, with ports as Community ID takes them: 0
/// where there are none, and for ICMP type and code of this very message.
pub fn endpoints(layers: &Layers<'_>) -> (u8, SocketAddr, SocketAddr) {
    let (protocol, src, dst) = match layers.transport {
        Transport::Tcp(tcp) => (TCP, tcp.src, tcp.dst),
        Transport::Udp { src, dst } => (UDP, src, dst),
        Transport::Icmp { kind, code, .. } => {
            (if layers.src.is_ipv6() { ICMP6 } else { ICMP }, u16::from(kind), u16::from(code))
        }
        Transport::Other(protocol) => {
            let (src, dst) = sctp_ports(protocol, layers).unwrap_or_default();
            (protocol, src, dst)
        }
    };
    (protocol, SocketAddr::new(layers.src, src), SocketAddr::new(layers.dst, dst))
}

/// The ports of an SCTP packet, where its header is at hand.
fn sctp_ports(protocol: u8, layers: &Layers<'_>) -> Option<(u16, u16)> {
    let ports = layers.payload.first_chunk::<4>().filter(|_| protocol == SCTP && !layers.fragment);
    ports.map(|[a, b, c, d]| (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
}

impl Key {
    /// The key of a packet, which end sent it, and which end asks where the ICMP type says so.
    pub(super) fn of(layers: &Layers<'_>) -> (Self, Dir, Option<Dir>) {
        let (protocol, src, dst, ident, asks) = match layers.transport {
            Transport::Tcp(tcp) => (TCP, tcp.src, tcp.dst, 0, Asks::Unknown),
            Transport::Udp { src, dst } => (UDP, src, dst, 0, Asks::Unknown),
            Transport::Icmp { kind, code, rest, .. } => {
                let protocol = if layers.src.is_ipv6() { ICMP6 } else { ICMP };
                let (kind, asks) = request(protocol, kind);
                let ident =
                    if has_ident(protocol, kind) { u16::from_be_bytes([rest[0], rest[1]]) } else { 0 };
                (protocol, u16::from(kind), u16::from(code), ident, asks)
            }
            Transport::Other(protocol) => {
                let (src, dst) = sctp_ports(protocol, layers).unwrap_or_default();
                (protocol, src, dst, 0, Asks::Unknown)
            }
        };
        let bare = matches!(layers.transport, Transport::Other(_));
        let icmp = !bare && (protocol == ICMP || protocol == ICMP6);
        let (from, to) = (Address::of(layers.src), Address::of(layers.dst));
        // A host that pings itself is told apart by the type.
        let dir = if icmp {
            usize::from(from > to || (from == to && asks == Asks::No))
        } else {
            usize::from((from, src) > (to, dst))
        };
        let swap = dir == 1;
        // Two neighbours that ask each other have two conversations, as Community ID has it.
        let ident = match asks {
            Asks::Yes if icmp && !has_ident(protocol, src as u8) => dir as u16,
            Asks::No if icmp && !has_ident(protocol, src as u8) => 1 - dir as u16,
            _ => ident,
        };
        let key = Self {
            addrs: if swap { [to, from] } else { [from, to] },
            ports: if swap && !icmp { [dst, src] } else { [src, dst] },
            ident,
            protocol,
            v6: layers.src.is_ipv6(),
            bare,
            space: space(&layers.encapsulation),
        };
        let asking = match asks {
            Asks::Yes => Some(dir),
            Asks::No => Some(1 - dir),
            Asks::Unknown => None,
        };
        (key, dir, asking)
    }

    /// Client and server, with the conventions of [`FlowKey`](super::FlowKey) for ICMP.
    pub(super) fn ends(&self, client: Dir) -> (SocketAddr, SocketAddr) {
        let icmp = self.carrier() == Carrier::Icmp;
        let ports = if icmp { self.ports } else { [self.ports[client & 1], self.ports[1 - (client & 1)]] };
        let end = |dir: usize, port| SocketAddr::new(self.addr(dir), port);
        (end(client & 1, ports[0]), end(1 - (client & 1), ports[1]))
    }

    fn addr(&self, dir: Dir) -> IpAddr {
        let addr = Ipv6Addr::from_bits(self.addrs[dir & 1].bits());
        match addr.to_ipv4_mapped() {
            Some(v4) if !self.v6 => IpAddr::V4(v4),
            _ => IpAddr::V6(addr),
        }
    }

    /// Whether it is a TCP connection.
    pub(super) fn is_tcp(&self) -> bool {
        self.protocol == TCP && !self.bare
    }

    /// What carries the conversation.
    pub(super) fn carrier(&self) -> Carrier {
        match self.protocol {
            other if self.bare => Carrier::Other(other),
            TCP => Carrier::Tcp,
            UDP => Carrier::Udp,
            ICMP | ICMP6 => Carrier::Icmp,
            other => Carrier::Other(other),
        }
    }

    /// Which end has the port of a client, when the ports tell.
    ///
    /// Ports below 1024 are servers' (IANA system ports), those below 32768 rather so (registered services; Linux
    /// takes its own from 32768), those from 49152 are clients' (RFC 6335; Windows, macOS). In one class below
    /// 32768 the lower is the server's.
    pub(super) fn client_by_port(&self) -> Option<Dir> {
        let class = |port: u16| match port {
            0..1024 => 0,
            1024..32_768 => 1,
            32_768..49_152 => 2,
            _ => 3,
        };
        if self.protocol != TCP && self.protocol != UDP && self.protocol != SCTP {
            return None;
        }
        let [a, b] = self.ports;
        match class(a).cmp(&class(b)) {
            std::cmp::Ordering::Less => Some(1),
            std::cmp::Ordering::Greater => Some(0),
            std::cmp::Ordering::Equal if a == b || class(a) > 1 => None,
            std::cmp::Ordering::Equal => Some(usize::from(a < b)),
        }
    }
}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u128(self.addrs[0].bits());
        state.write_u128(self.addrs[1].bits());
        let [a, b] = self.ports.map(u64::from);
        state.write_u64(a << 48 | b << 32 | u64::from(self.ident) << 16 | u64::from(self.protocol));
        state.write_u32(self.space);
    }
}

/// What of an encapsulation path tells address spaces apart, as a number (FNV-1a); 0 for none.
///
/// Identities that differ between the two directions of one conversation must not split it: labels of MPLS and
/// tunnel endpoints of GTP and L2TP are chosen by each receiver, VLAN tags are often seen on one direction only,
/// a mirror's session says who mirrored. They count as their kind or not at all.
fn space(path: &Encapsulation) -> u32 {
    path.steps().iter().fold(0, |hash, step| {
        let (kind, id) = match *step {
            Step::Vlan(_) | Step::Mpls(_) | Step::Ppp | Step::Wifi | Step::FabricPath(_) => return hash,
            Step::Vxlan(vni) => (1, vni),
            Step::Geneve(vni) => (2, vni),
            Step::Gre(_) => (3, 0),
            Step::Erspan(_) => (4, 0),
            Step::IpIp => (5, 0),
            Step::Gtp(_) => (6, 0),
            Step::L2tp(_) => (7, 0),
            Step::Teredo => (8, 0),
            Step::Pppoe(session) => (9, u32::from(session)),
            Step::Ayiya => (10, 0),
            Step::EtherIp => (11, 0),
        };
        let start = if hash == 0 { 0x811c_9dc5 } else { hash };
        [kind, id & 0xff, id >> 8 & 0xff, id >> 16 & 0xff, id >> 24]
            .iter()
            .fold(start, |hash: u32, byte| (hash ^ byte).wrapping_mul(0x0100_0193))
    })
}

/// The type of the request that an ICMP message belongs to, and whether it is one (RFC 792, 950, 1256, 4443).
fn request(protocol: u8, kind: u8) -> (u8, Asks) {
    match (protocol, kind) {
        (ICMP, 8 | 10 | 13 | 15 | 17) | (ICMP6, 128 | 133 | 135 | 139 | 144) => (kind, Asks::Yes),
        (ICMP, 0) => (8, Asks::No),
        (ICMP, 9) => (10, Asks::No),
        (ICMP, 14 | 16 | 18) | (ICMP6, 129 | 134 | 136 | 140 | 145) => (kind - 1, Asks::No),
        _ => (kind, Asks::Unknown),
    }
}

/// Whether the messages of this request type carry an identifier.
fn has_ident(protocol: u8, kind: u8) -> bool {
    matches!((protocol, kind), (ICMP, 8 | 13 | 15 | 17) | (ICMP6, 128))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{layers, udp};
    use super::*;

    const A: &str = "192.0.2.1:40000";
    const B: &str = "198.51.100.7:53";

    #[test]
    fn neighbours_that_ask_each_other_have_two_conversations() {
        let of = |src: &str, dst: &str, kind| {
            let transport = Transport::Icmp { v6: true, kind, code: 0, rest: [0; 4] };
            Key::of(&layers(src, dst, transport, b"")).0
        };
        let (one, two) = ("2001:db8::1", "2001:db8::2");
        assert_eq!(of(one, two, 135), of(two, one, 136));
        assert_eq!(of(two, one, 135), of(one, two, 136));
        assert_ne!(of(one, two, 135), of(two, one, 135));
    }

    #[test]
    fn both_directions_have_one_key() {
        let (there, from_a, _) = Key::of(&udp(A, B, b"x"));
        let (back, from_b, _) = Key::of(&udp(B, A, b"x"));
        assert_eq!(there, back);
        assert_eq!((from_a, from_b), (0, 1));
        assert_eq!(there.ends(from_a), (A.parse().unwrap(), B.parse().unwrap()));
        assert_eq!(there.ends(from_b), (B.parse().unwrap(), A.parse().unwrap()));
        assert_eq!(there.client_by_port(), Some(0));
        assert_ne!(there, Key::of(&udp("192.0.2.1:40001", B, b"x")).0);
    }

    #[test]
    fn a_mapped_address_is_not_the_ipv4_one() {
        let v4 = Key::of(&udp("192.0.2.1:1", "192.0.2.2:2", b"")).0;
        let v6 = Key::of(&udp("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2", b"")).0;
        assert_ne!(v4, v6);
        assert!(v6.ends(0).0.is_ipv6() && v4.ends(0).0.is_ipv4());
    }

    #[test]
    fn networks_part_conversations_and_directional_labels_do_not() {
        let with = |steps: &[Step]| {
            let mut layers = udp(A, B, b"x");
            for step in steps {
                assert!(layers.encapsulation.push(*step));
            }
            Key::of(&layers).0
        };
        assert_ne!(with(&[]), with(&[Step::Vxlan(7)]));
        assert_ne!(with(&[Step::Vxlan(8)]), with(&[Step::Vxlan(7)]));
        assert_ne!(with(&[Step::Vxlan(8)]), with(&[Step::Geneve(8)]));
        assert_ne!(with(&[Step::IpIp]), with(&[Step::IpIp, Step::IpIp]));
        assert_eq!(with(&[Step::Vlan(8)]), with(&[]));
        assert_eq!(with(&[Step::Mpls(8)]), with(&[Step::Mpls(9), Step::Mpls(1)]));
        assert_eq!(with(&[Step::Gtp(8)]), with(&[Step::Gtp(9)]));
    }

    #[test]
    fn an_echo_and_its_reply_are_one_by_identifier() {
        let icmp = |src: &str, dst: &str, kind, ident: u8| {
            let transport = Transport::Icmp { v6: false, kind, code: 0, rest: [0, ident, 0, 1] };
            Key::of(&layers(src, dst, transport, b"x"))
        };
        let (request, from, asking) = icmp("192.0.2.9", "192.0.2.1", 8, 5);
        let (reply, answer_from, answer_asking) = icmp("192.0.2.1", "192.0.2.9", 0, 5);
        assert_eq!(request, reply);
        assert_eq!((from, answer_from), (1, 0));
        assert_eq!((asking, answer_asking), (Some(1), Some(1)));
        assert_eq!(request.ends(1), ("192.0.2.9:8".parse().unwrap(), "192.0.2.1:0".parse().unwrap()));
        assert_ne!(request, icmp("192.0.2.9", "192.0.2.1", 8, 6).0);
        let (_, to_self, asking) = icmp("192.0.2.9", "192.0.2.9", 0, 5);
        assert_eq!((to_self, asking), (1, Some(0)));
        assert_ne!(icmp("192.0.2.9", "192.0.2.1", 3, 5).0, icmp("192.0.2.9", "192.0.2.1", 11, 5).0);
        assert_eq!(icmp("192.0.2.9", "192.0.2.1", 3, 5).0, icmp("192.0.2.9", "192.0.2.1", 3, 6).0);
    }

    #[test]
    fn ports_tell_the_client_as_far_as_they_do() {
        let client = |a: u16, b: u16| {
            let (key, from, _) = Key::of(&udp(&format!("192.0.2.1:{a}"), &format!("192.0.2.2:{b}"), b""));
            key.client_by_port().map(|dir| if dir == from { a } else { b })
        };
        assert_eq!(client(50_000, 443), Some(50_000));
        assert_eq!(client(443, 40_000), Some(40_000));
        assert_eq!(client(40_000, 60_000), Some(60_000));
        assert_eq!(client(1200, 1433), Some(1433));
        assert_eq!(client(8080, 1080), Some(8080));
        assert_eq!(client(123, 123), None);
        assert_eq!(client(50_000, 60_000), None);
    }
}
