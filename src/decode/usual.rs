//! The short way through packets as nearly all are: Ethernet, then IP, then TCP or UDP, and nothing wrong.
//!
//! It reads what [`network`](super::network) and [`transport`](super::transport) read, from where it stands in such a
//! packet, and is a fifth of the work. A test holds the two against each other.

use super::layers::{Encapsulation, Layers, Tcp, Transport};
use super::network::sums_up;
use super::tunnel;
use crate::capture::Packet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// LINKTYPE_ETHERNET (tcpdump.org's list of link types).
const ETHERNET: u16 = 1;
/// Length of its header, in bytes.
const ETHERNET_HEADER: usize = 14;

/// What an IP header says.
struct Ip {
    src: IpAddr,
    dst: IpAddr,
    ttl: u8,
    protocol: u8,
    /// Bytes before the transport header, from the start of the packet, and behind it by the length stated.
    header: usize,
    length: u32,
}

/// The layers of such a packet; none for any other, which takes the long way ([`Walk`](super::walk::Walk)) and has
/// its troubles counted there. Where it tells, it tells the same.
#[inline]
pub fn layers<'a>(packet: &Packet<'a>) -> Option<Layers<'a>> {
    if packet.link.0 != ETHERNET || packet.fcs_len > 0 {
        return None;
    }
    let data = packet.data;
    let frame: &[u8; ETHERNET_HEADER] = data.first_chunk()?;
    let ip = match [frame[12], frame[13]] {
        [0x08, 0x00] => v4(data)?,
        [0x86, 0xdd] => v6(data)?,
        _ => return None,
    };
    let on_wire = packet.wire_len.max(data.len() as u32);
    if ip.header as u64 + u64::from(ip.length) > u64::from(on_wire) {
        return None;
    }
    let rest = data.get(ip.header..)?;
    let (transport, header, length) = match ip.protocol {
        6 => tcp(rest, ip.length)?,
        17 => udp(rest, ip.length)?,
        _ => return None,
    };
    let payload = rest.get(header..).unwrap_or_default();
    Some(Layers {
        encapsulation: Encapsulation::default(),
        macs: Some((chunk(frame, 6), chunk(frame, 0))),
        src: ip.src,
        dst: ip.dst,
        ttl: ip.ttl,
        transport,
        payload: payload.get(..length as usize).unwrap_or(payload),
        payload_len: length,
        wire_len: packet.wire_len,
        bad_checksum: false,
        fragment: false,
    })
}

/// Without options, whole, with its checksum.
#[inline]
fn v4(data: &[u8]) -> Option<Ip> {
    let header: &[u8; 20] = data.get(ETHERNET_HEADER..)?.first_chunk()?;
    let length = u32::from(number(header, 2)).checked_sub(20)?;
    let fragment = number(header, 6) & 0x3fff != 0;
    (header[0] == 0x45 && !fragment && sums_up(header)).then(|| Ip {
        src: Ipv4Addr::from(chunk::<4>(header, 12)).into(),
        dst: Ipv4Addr::from(chunk::<4>(header, 16)).into(),
        ttl: header[8],
        protocol: header[9],
        header: ETHERNET_HEADER + 20,
        length,
    })
}

/// Without extension headers and jumbograms.
#[inline]
fn v6(data: &[u8]) -> Option<Ip> {
    let header: &[u8; 40] = data.get(ETHERNET_HEADER..)?.first_chunk()?;
    let length = u32::from(number(header, 4));
    (header[0] >> 4 == 6 && length > 0).then(|| Ip {
        src: Ipv6Addr::from(chunk::<16>(header, 8)).into(),
        dst: Ipv6Addr::from(chunk::<16>(header, 24)).into(),
        ttl: header[7],
        protocol: header[6],
        header: ETHERNET_HEADER + 40,
        length,
    })
}

/// The header, its length and that of what is behind it.
#[inline]
fn tcp(rest: &[u8], length: u32) -> Option<(Transport, usize, u32)> {
    let fixed: &[u8; 16] = rest.first_chunk()?;
    let header = u32::from(fixed[12] >> 4) * 4;
    let behind = length.checked_sub(header).filter(|_| header >= 20)?;
    let tcp = Tcp {
        src: number(fixed, 0),
        dst: number(fixed, 2),
        seq: u32::from_be_bytes(chunk(fixed, 4)),
        ack: u32::from_be_bytes(chunk(fixed, 8)),
        flags: fixed[13],
        window: number(fixed, 14),
    };
    Some((Transport::Tcp(tcp), header as usize, behind))
}

#[inline]
fn udp(rest: &[u8], length: u32) -> Option<(Transport, usize, u32)> {
    let header: &[u8; 8] = rest.first_chunk()?;
    let (src, dst) = (number(header, 0), number(header, 2));
    let behind = u32::from(number(header, 4)).checked_sub(8)?;
    (behind <= length.checked_sub(8)? && !tunnel::on_ports(src, dst)).then_some((
        Transport::Udp { src, dst },
        8,
        behind,
    ))
}

/// `N` bytes of a header, which has them.
#[inline]
fn chunk<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    header.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// A big-endian number of a header, which has it.
#[inline]
fn number(header: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(chunk(header, at))
}
