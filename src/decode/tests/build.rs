//! Headers for the tests, inside out.

use std::net::Ipv6Addr;

pub const A: [u8; 4] = [192, 0, 2, 1];
pub const B: [u8; 4] = [198, 51, 100, 2];
pub const MAC_A: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub const MAC_B: [u8; 6] = [2, 0, 0, 0, 0, 2];

pub fn a6() -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)
}

pub fn b6() -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)
}

pub fn ether(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&MAC_B[..], &MAC_A, &kind.to_be_bytes(), payload].concat()
}

fn checksum(header: &[u8]) -> [u8; 2] {
    let sum: u32 = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes()
}

/// IPv4 with the total length, fragment word and identifier given.
pub fn ip4_raw(protocol: u8, total: u16, id: u16, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x40 | (5 + options.len() / 4) as u8, 0];
    header.extend([total.to_be_bytes(), id.to_be_bytes(), fragment.to_be_bytes()].concat());
    header.extend([63, protocol, 0, 0]);
    header.extend([A, B].concat());
    header.extend(options);
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum);
    [&header[..], payload].concat()
}

pub fn ip4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ip4_raw(protocol, 20 + payload.len() as u16, 1, 0x4000, &[], payload)
}

pub fn ip6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((payload.len() as u16).to_be_bytes());
    header.extend([next, 64]);
    header.extend([a6().octets(), b6().octets()].concat());
    [&header[..], payload].concat()
}

pub fn tcp(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut header = [40_000_u16.to_be_bytes(), 443_u16.to_be_bytes()].concat();
    header.extend([7_u32.to_be_bytes(), 9_u32.to_be_bytes()].concat());
    header.extend([((5 + options.len() / 4) << 4) as u8, flags, 2, 1, 0, 0, 0, 0]);
    [&header[..], options, payload].concat()
}

pub fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let words = [src, dst, 8 + payload.len() as u16, 0].map(u16::to_be_bytes);
    [&words.concat()[..], payload].concat()
}

/// An inner packet to be found: UDP from 1000 to 2000.
pub fn inner() -> Vec<u8> {
    ip4(17, &udp(1000, 2000, b"inner"))
}
