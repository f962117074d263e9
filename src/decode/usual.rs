//! The short way through packets as nearly all are: Ethernet, then IP, then TCP or UDP, and nothing wrong.

use super::layers::{Encapsulation, Layers, Transport};
use super::network;
use super::span::Span;
use super::transport::transport;
use super::tunnel;
use crate::capture::Packet;

/// LINKTYPE_ETHERNET (tcpdump.org's list of link types).
const ETHERNET: u16 = 1;

/// The layers of such a packet; none for any other, which takes the long way ([`Walk`](super::walk::Walk)) and has
/// its troubles counted there. Where it tells, it tells the same.
#[inline]
pub fn layers<'a>(packet: &Packet<'a>) -> Option<Layers<'a>> {
    if packet.link.0 != ETHERNET || packet.fcs_len > 0 {
        return None;
    }
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *packet.data.first_chunk()?;
    if !matches!([t0, t1], [0x08, 0x00] | [0x86, 0xdd]) {
        return None;
    }
    let missing = packet.wire_len.saturating_sub(packet.data.len() as u32);
    let ip = network::ip(Span { data: packet.data.get(14..)?, missing }).ok()?;
    if ip.bad_checksum || ip.overlong || ip.fragment.is_some() {
        return None;
    }
    let (transport, payload, fits) = transport(ip.protocol, ip.payload, false).ok()?;
    let ends = match transport {
        Transport::Tcp(_) => true,
        Transport::Udp { src, dst } => !tunnel::on_ports(src, dst),
        Transport::Icmp { .. } | Transport::Other(_) => false,
    };
    (ends && fits).then(|| Layers {
        encapsulation: Encapsulation::default(),
        macs: Some(([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5])),
        src: ip.src,
        dst: ip.dst,
        ttl: ip.ttl,
        transport,
        payload: payload.data,
        payload_len: payload.wire_len(),
        wire_len: packet.wire_len,
        bad_checksum: false,
        fragment: false,
    })
}
