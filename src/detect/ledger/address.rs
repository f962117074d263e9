//! Which addresses are of the Internet, and which belong to no one host.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Says which side of a conversation is ours.
#[derive(Debug, Default, Clone)]
pub struct Sides {
    internal: Vec<IpNet>,
}

impl Sides {
    /// Takes the networks that a user calls internal, beyond those that never are of the Internet.
    pub fn new(internal: &[IpNet]) -> Self {
        Self { internal: internal.to_vec() }
    }

    /// Whether the address is ours: private by its class (RFC 1918, 4193, 6598, 3927), or named internal.
    ///
    /// The documentation networks (RFC 5737, 3849) count as public: examples and tests use them as such.
    pub fn inside(&self, addr: IpAddr) -> bool {
        private(addr) || self.internal.iter().any(|net| net.contains(&addr))
    }
}

/// Whether an address is of no use outside its own network.
pub fn private(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(v4) => private4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| private6(v6), private4),
    }
}

fn private4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    // RFC 6598: shared address space of carriers; 240.0.0.0/4 is reserved and used inside some networks.
    let carrier = a == 100 && (64..128).contains(&b);
    v4.is_private() || v4.is_loopback() || v4.is_link_local() || a == 0 || a >= 240 || carrier
}

fn private6(v6: Ipv6Addr) -> bool {
    let head = v6.segments()[0];
    v6.is_loopback() || v6.is_unspecified() || head & 0xffc0 == 0xfe80 || head & 0xfe00 == 0xfc00
}

/// Whether an address is for many or for none: multicast, broadcast, unspecified.
pub fn shared(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(v4) => {
            // A private address that ends in 255 is nearly always the broadcast of its network.
            v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_unspecified()
                || private4(v4) && v4.octets()[3] == 255
        }
        IpAddr::V6(v6) => v6.is_multicast() || v6.is_unspecified(),
    }
}

/// Whether an address is that of a resolver which the public may ask, by the published addresses of the four largest.
pub fn public_resolver(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(v4) => matches!(
            v4.octets(),
            [1, 1, 1, 1]
                | [1, 0, 0, 1]
                | [8, 8, 8, 8]
                | [8, 8, 4, 4]
                | [9, 9, 9, 9]
                | [149, 112, 112, 112]
                | [94, 140, 14, 14]
                | [94, 140, 15, 15]
        ),
        IpAddr::V6(v6) => matches!(
            v6.segments(),
            [0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111 | 0x1001]
                | [0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888 | 0x8844]
                | [0x2620, 0xfe, 0, 0, 0, 0, 0, 0xfe]
        ),
    }
}

/// Whether two addresses are near enough to be of one operator: the same /16 of IPv4, the same /32 of IPv6.
pub fn near(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..2] == b.octets()[..2],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..2] == b.segments()[..2],
        _ => false,
    }
}

/// Whether two addresses are near enough to be on one link: the same /24 of IPv4, the same /64 of IPv6 (RFC 4291, 2.5.1).
pub fn same_link(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..4] == b.segments()[..4],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_addresses() {
        for text in ["10.0.0.1", "172.31.0.1", "192.168.4.4", "100.64.0.1", "127.0.0.1", "fe80::1", "fd00::1"]
        {
            assert!(private(text.parse().unwrap()), "{text}");
        }
        for text in
            ["192.0.2.10", "203.0.113.1", "100.63.0.1", "172.32.0.1", "2001:db8::1", "::ffff:203.0.113.1"]
        {
            assert!(!private(text.parse().unwrap()), "{text}");
        }
        for text in ["224.0.0.251", "255.255.255.255", "192.168.1.255", "ff02::fb", "0.0.0.0"] {
            assert!(shared(text.parse().unwrap()), "{text}");
        }
        assert!(!shared("203.0.113.255".parse().unwrap()));
    }

    #[test]
    fn a_named_network_is_inside() {
        let sides = Sides::new(&["192.0.2.0/24".parse().unwrap()]);
        assert!(sides.inside("192.0.2.10".parse().unwrap()));
        assert!(!sides.inside("198.51.100.1".parse().unwrap()));
    }
}
