//! Community ID and the identity of a conversation.

use super::key::{ICMP, ICMP6, SCTP, TCP, UDP};
use super::{Carrier, FlowKey};
use crate::decode::{Encapsulation, Step};
use crate::time::Timestamp;
use sha1::{Digest, Sha1};
use std::net::{IpAddr, SocketAddr};

/// Longest input: seed, two IPv6 addresses, protocol, pad, two ports.
const MAX_INPUT: usize = 2 + 32 + 2 + 4;

/// The digest of Community ID version 1 (Corelight's specification) for one packet from `src` to `dst`.
///
/// For ICMP the port of `src` is the message type and that of `dst` its code. Ports count for TCP, UDP, SCTP and
/// ICMP only. It is printed as `1:` and its base64.
pub fn community_id(seed: u16, protocol: u8, src: SocketAddr, dst: SocketAddr) -> [u8; 20] {
    let (mut from, mut to) = ((src.ip(), src.port()), (dst.ip(), dst.port()));
    let ported = matches!(protocol, TCP | UDP | SCTP | ICMP | ICMP6);
    let mut one_way = false;
    if protocol == ICMP || protocol == ICMP6 {
        match counterpart(protocol, src.port()) {
            Some(answer) => to.1 = answer,
            None => one_way = true,
        }
    } else if !ported {
        (from.1, to.1) = (0, 0);
    }
    // Addresses of one family compare as their bytes do.
    if !one_way && to < from {
        std::mem::swap(&mut from, &mut to);
    }
    let mut input = Buffer::<MAX_INPUT>::default();
    input.put(&seed.to_be_bytes());
    input.put_addr(from.0);
    input.put_addr(to.0);
    input.put(&[protocol, 0]);
    if ported {
        input.put(&from.1.to_be_bytes());
        input.put(&to.1.to_be_bytes());
    }
    Sha1::digest(input.filled()).into()
}

/// The type that answers an ICMP type, or that it answers.
fn counterpart(protocol: u8, kind: u16) -> Option<u16> {
    let pairs: &[(u16, u16)] = if protocol == ICMP {
        &[(8, 0), (13, 14), (15, 16), (10, 9), (17, 18)]
    } else {
        &[(128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)]
    };
    pairs.iter().find_map(|&(a, b)| match kind {
        _ if kind == a => Some(b),
        _ if kind == b => Some(a),
        _ => None,
    })
}

/// The first 8 bytes of the SHA-1 of tunnel, endpoints, transport and start.
pub(super) fn identity(path: &Encapsulation, key: &FlowKey, start: Timestamp) -> u64 {
    let mut hash = Sha1::new();
    let mut input = Buffer::<128>::default();
    for step in path.steps() {
        let (kind, id) = match *step {
            Step::Vlan(id) => (1, u32::from(id)),
            Step::Mpls(id) => (2, id),
            Step::Vxlan(id) => (3, id),
            Step::Geneve(id) => (4, id),
            Step::Gre(id) => (5, id),
            Step::Erspan(id) => (6, u32::from(id)),
            Step::IpIp => (7, 0),
            Step::Gtp(id) => (8, id),
            Step::L2tp(id) => (9, id),
            Step::Teredo => (10, 0),
            Step::Pppoe(id) => (11, u32::from(id)),
            Step::Ppp => (12, 0),
            Step::FabricPath(id) => (13, u32::from(id)),
            Step::Wifi => (14, 0),
            Step::Ayiya => (15, 0),
            Step::EtherIp => (16, 0),
        };
        input.put(&[kind]);
        input.put(&id.to_be_bytes());
    }
    hash.update(input.filled());
    let mut input = Buffer::<128>::default();
    let carrier = match key.carrier {
        Carrier::Tcp => [0, TCP],
        Carrier::Udp => [0, UDP],
        Carrier::Icmp => [0, key.protocol()],
        Carrier::Other(protocol) => [1, protocol],
    };
    input.put(&carrier);
    for end in [key.client, key.server] {
        input.put_addr(end.ip());
        input.put(&end.port().to_be_bytes());
    }
    input.put(&start.0.to_be_bytes());
    hash.update(input.filled());
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

/// Hash input, put together without allocation. What does not fit is left out; the sizes above let all fit.
struct Buffer<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Default for Buffer<N> {
    fn default() -> Self {
        Self { bytes: [0; N], used: 0 }
    }
}

impl<const N: usize> Buffer<N> {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.used..self.used + bytes.len()) {
            room.copy_from_slice(bytes);
            self.used += bytes.len();
        }
    }
    fn put_addr(&mut self, addr: IpAddr) {
        match addr {
            IpAddr::V4(v4) => self.put(&v4.octets()),
            IpAddr::V6(v6) => self.put(&v6.octets()),
        }
    }
    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn printed(seed: u16, protocol: u8, src: &str, dst: &str) -> String {
        let digest = community_id(seed, protocol, src.parse().unwrap(), dst.parse().unwrap());
        format!("1:{}", base64::engine::general_purpose::STANDARD.encode(digest))
    }

    #[test]
    fn published_and_computed_ids_come_out() {
        let rows = [
            (
                6,
                "10.0.0.1:40000",
                "10.0.0.2:443",
                "UWHKJ/x6OQ1YiVv4rIl0t3yhjg8=",
                "Q7H1j4969kQjqAOVK58jFFqfvj4=",
            ),
            (
                6,
                "[2001:db8::1]:40000",
                "[2001:db8::2]:443",
                "RYG3Msb11GthNt1OYXJouPzmrvA=",
                "peWUSlQq1xlj1PK7Xj7V/6Aio78=",
            ),
            (
                17,
                "192.0.2.10:53123",
                "198.51.100.53:53",
                "MaWJcL+ePnmxWTcpIswyS6Ogckc=",
                "5XMrjovjn1Hb1yGlv7du9d8xCSw=",
            ),
            (
                132,
                "192.0.2.1:5000",
                "192.0.2.2:3868",
                "28Q46Qw7HNb3TC983n693W8cUYA=",
                "AV6vra0/aU3lWpmwwtxMNJhwv28=",
            ),
            (1, "192.0.2.1:8", "192.0.2.2:0", "IOfYZQoUwQ3ZLk3+qU6KcSd9W5k=", "CHSnlPp+p1ZX2umIHnFTLhIFab4="),
            (1, "192.0.2.2:0", "192.0.2.1:0", "IOfYZQoUwQ3ZLk3+qU6KcSd9W5k=", "CHSnlPp+p1ZX2umIHnFTLhIFab4="),
            (1, "192.0.2.2:3", "192.0.2.1:1", "EBIAE7qvAT3HwYAIi4T6COC6KV8=", "pWI+7VFHN3hc0m88RaB6auKChzY="),
            (
                58,
                "[2001:db8::1]:128",
                "[2001:db8::2]:0",
                "u2vMS3HiWth2lIMKHB1fjELshpQ=",
                "/8emheB+mrn2yPC8dLdJ0QdERzQ=",
            ),
            (
                47,
                "192.0.2.1:0",
                "192.0.2.2:0",
                "OF71QrXQ3uLb1NPEC6e1InPqsIM=",
                "cHFzm7oq6Y/mPl9UqZkFurIiIUQ=",
            ),
            (6, "10.0.0.1:5", "10.0.0.1:4", "gLmjZuaRsMk4vbmk5HxV9Jb1iQg=", "eACivQt8FH9RN2LkU3GZ0oXWTJQ="),
        ];
        for (protocol, src, dst, zero, one) in rows {
            assert_eq!(printed(0, protocol, src, dst), format!("1:{zero}"), "{protocol} {src}");
            assert_eq!(printed(1, protocol, src, dst), format!("1:{one}"), "{protocol} {src}");
        }
        // Two rows of Corelight's published baseline.
        assert_eq!(
            printed(0, 6, "66.35.250.204:80", "128.232.110.120:34855"),
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
        );
        assert_eq!(printed(0, 46, "10.1.12.2:7", "10.1.12.1:9"), "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=");
    }

    #[test]
    fn a_reply_has_the_id_of_its_request() {
        assert_eq!(
            printed(0, 17, "192.0.2.1:1", "192.0.2.2:2"),
            printed(0, 17, "192.0.2.2:2", "192.0.2.1:1")
        );
        assert_ne!(printed(0, 1, "192.0.2.1:3", "192.0.2.2:1"), printed(0, 1, "192.0.2.2:3", "192.0.2.1:1"));
    }

    #[test]
    fn identity_depends_on_each_part() {
        let key = |carrier, client: &str| FlowKey {
            carrier,
            client: client.parse().unwrap(),
            server: "192.0.2.2:2".parse().unwrap(),
        };
        let mut tunnel = Encapsulation::default();
        assert!(tunnel.push(Step::Vlan(3)));
        let none = Encapsulation::default();
        let (start, tcp) = (Timestamp(1), key(Carrier::Tcp, "192.0.2.1:1"));
        let base = identity(&none, &tcp, start);
        assert_eq!(base, identity(&none, &tcp.clone(), start));
        let others = [
            identity(&tunnel, &tcp, start),
            identity(&none, &key(Carrier::Udp, "192.0.2.1:1"), start),
            identity(&none, &key(Carrier::Other(6), "192.0.2.1:1"), start),
            identity(&none, &key(Carrier::Tcp, "192.0.2.1:3"), start),
            identity(&none, &tcp, Timestamp(2)),
        ];
        assert!(others.iter().all(|other| *other != base), "{others:?}");
    }
}
