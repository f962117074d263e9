//! Community ID: the same name for a conversation in the logs of many programs.

use super::{CommunityId, Flow, Proto};
use sha1::{Digest, Sha1};
use std::net::{IpAddr, SocketAddr};

// IP protocol numbers (IANA "Assigned Internet Protocol Numbers") whose ports count.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;
const SCTP: u8 = 132;

/// Longest input: seed, two IPv6 addresses, protocol, pad, two ports.
const MAX_INPUT: usize = 2 + 32 + 2 + 4;

impl CommunityId {
    /// The Community ID, version 1 (Corelight's specification), of one packet from `src` to `dst`.
    ///
    /// For ICMP the port of `src` is the message type and that of `dst` its code. Ports count for TCP, UDP, SCTP and
    /// ICMP only. Nearly everybody's `seed` is 0.
    pub fn new(seed: u16, protocol: u8, src: SocketAddr, dst: SocketAddr) -> Self {
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
        let mut input = [0; MAX_INPUT];
        let mut used = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(room) = input.get_mut(used..used + bytes.len()) {
                room.copy_from_slice(bytes);
                used += bytes.len();
            }
        };
        put(&seed.to_be_bytes());
        for (addr, _) in [from, to] {
            match addr {
                IpAddr::V4(v4) => put(&v4.octets()),
                IpAddr::V6(v6) => put(&v6.octets()),
            }
        }
        put(&[protocol, 0]);
        if ported {
            put(&from.1.to_be_bytes());
            put(&to.1.to_be_bytes());
        }
        Self(Sha1::digest(input.get(..used).unwrap_or_default()).into())
    }

    /// That of a conversation by its ends, seed 0.
    pub fn of(flow: &Flow) -> Self {
        let Flow { proto, client, server, .. } = flow;
        let (client, server) = ((client.addr, client.port).into(), (server.addr, server.port).into());
        Self::new(0, proto.number(), client, server)
    }
}

impl Proto {
    /// Its IP protocol number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => TCP,
            Self::Udp => UDP,
            Self::Icmp => ICMP,
            Self::Icmp6 => ICMP6,
            Self::Ip(number) => number,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(seed: u16, protocol: u8, src: &str, dst: &str) -> String {
        CommunityId::new(seed, protocol, src.parse().unwrap(), dst.parse().unwrap()).to_string()
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
}
