//! What decoding a packet gives.

use std::net::IpAddr;

/// A MAC address.
pub type Mac = [u8; 6];

/// The headers of one packet, outermost first, and what is left of it.
#[derive(Debug, Clone)]
pub struct Layers<'a> {
    /// Which tunnels, VLANs and label stacks the packet came in, outermost first; see [`Encapsulation`].
    pub encapsulation: Encapsulation,
    /// Link-layer source and destination where the link has them.
    pub macs: Option<(Mac, Mac)>,
    /// Source address (innermost IP header).
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP time to live or hop limit.
    pub ttl: u8,
    /// Transport header facts.
    pub transport: Transport,
    /// Transport payload as captured; shorter than `payload_len` where bytes are missing.
    pub payload: &'a [u8],
    /// Transport payload length by the headers, in bytes.
    pub payload_len: u32,
    /// Bytes on the wire, link headers included; of one of several packets in a frame, those that are its own.
    pub wire_len: u32,
    /// Header or transport checksum is wrong (counted only; offload makes them wrong on the sender).
    pub bad_checksum: bool,
    /// A fragment other than a whole datagram: `transport` is [`Transport::Other`] unless it is the first.
    pub fragment: bool,
}

/// The transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP header facts.
    Tcp(Tcp),
    /// UDP ports.
    Udp {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
    },
    /// `ICMP` (IPv4, protocol 1) or `ICMPv6` (protocol 58); the payload starts after the 8-byte header.
    Icmp {
        /// True for `ICMPv6`.
        v6: bool,
        /// Message type.
        kind: u8,
        /// Message code.
        code: u8,
        /// Echo identifier and sequence number, or whatever stands there.
        rest: [u8; 4],
    },
    /// Any other IP protocol by number; no ports.
    Other(u8),
}

/// TCP header facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub src: u16,
    /// Destination port.
    pub dst: u16,
    /// Sequence number of the first payload byte (of the SYN itself, when set).
    pub seq: u32,
    /// Acknowledgement number, meaningful with the ACK flag.
    pub ack: u32,
    /// Flags as on the wire: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32.
    pub flags: u8,
    /// Receive window, unscaled.
    pub window: u16,
}

impl Tcp {
    /// The FIN flag.
    pub const FIN: u8 = 1;
    /// The SYN flag.
    pub const SYN: u8 = 2;
    /// The RST flag.
    pub const RST: u8 = 4;
    /// The ACK flag.
    pub const ACK: u8 = 16;
    /// Whether all of `flags` are set.
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// One step of encapsulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// 802.1Q, 802.1ad or older stacked tag with its VLAN identifier.
    Vlan(u16),
    /// MPLS with its bottom label.
    Mpls(u32),
    /// VXLAN with its network identifier.
    Vxlan(u32),
    /// GENEVE with its network identifier.
    Geneve(u32),
    /// GRE with its key, 0 without one.
    Gre(u32),
    /// ERSPAN with its session.
    Erspan(u16),
    /// IP in IP, either version in either.
    IpIp,
    /// GTP-U with its tunnel endpoint.
    Gtp(u32),
    /// L2TP with its session.
    L2tp(u32),
    /// Teredo.
    Teredo,
    /// AYIYA.
    Ayiya,
    /// Ethernet in IP.
    EtherIp,
    /// PPP over Ethernet with its session.
    Pppoe(u16),
    /// PPP by itself.
    Ppp,
    /// Cisco `FabricPath` with its forwarding tag.
    FabricPath(u16),
    /// IEEE 802.11.
    Wifi,
}

/// Deepest encapsulation that is taken apart; beyond it a packet is undecoded.
pub const MAX_STEPS: usize = 10;

/// The encapsulation path of a packet: a bounded list without allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Encapsulation {
    steps: [Step; MAX_STEPS],
    used: u8,
}

impl Default for Encapsulation {
    fn default() -> Self {
        Self { steps: [Step::IpIp; MAX_STEPS], used: 0 }
    }
}

impl Encapsulation {
    /// Adds a step; false when the path is full.
    #[must_use]
    pub fn push(&mut self, step: Step) -> bool {
        let Some(slot) = self.steps.get_mut(usize::from(self.used)) else { return false };
        *slot = step;
        self.used += 1;
        true
    }
    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.steps[..usize::from(self.used)]
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Vlan(id) => write!(f, "vlan:{id}"),
            Self::Mpls(label) => write!(f, "mpls:{label}"),
            Self::Vxlan(vni) => write!(f, "vxlan:{vni}"),
            Self::Geneve(vni) => write!(f, "geneve:{vni}"),
            Self::Gre(0) => write!(f, "gre"),
            Self::Gre(key) => write!(f, "gre:{key}"),
            Self::Erspan(session) => write!(f, "erspan:{session}"),
            Self::IpIp => write!(f, "ipip"),
            Self::Gtp(teid) => write!(f, "gtp:{teid}"),
            Self::L2tp(session) => write!(f, "l2tp:{session}"),
            Self::Teredo => write!(f, "teredo"),
            Self::Ayiya => write!(f, "ayiya"),
            Self::EtherIp => write!(f, "etherip"),
            Self::Pppoe(session) => write!(f, "pppoe:{session}"),
            Self::Ppp => write!(f, "ppp"),
            Self::FabricPath(tag) => write!(f, "fabricpath:{tag}"),
            Self::Wifi => write!(f, "wifi"),
        }
    }
}
