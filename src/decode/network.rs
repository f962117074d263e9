//! IPv4 and IPv6 with their extension headers.
//!
//! Layouts: RFC 791, RFC 8200, RFC 4302 (authentication header). Fixed headers are read by etherparse.

use super::span::Span;
use super::trouble::Trouble;
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};
use std::net::IpAddr;

/// Extension headers of one packet that are read; RFC 8200 knows no more than seven in a sane order.
const MAX_EXTENSIONS: usize = 16;

/// What an IP header and its extensions say.
#[derive(Debug, Clone, Copy)]
pub struct Ip<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub ttl: u8,
    /// Of what follows all extension headers, or of a fragment's data.
    pub protocol: u8,
    pub payload: Span<'a>,
    pub fragment: Option<Part>,
    pub bad_checksum: bool,
    /// The stated length is more than the packet had on the wire.
    pub overlong: bool,
}

/// Where a fragment belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub id: u32,
    /// In bytes.
    pub offset: u32,
    pub more: bool,
}

/// Reads an IP packet by its version.
#[inline]
pub fn ip(span: Span<'_>) -> Result<Ip<'_>, Trouble> {
    let [first] = *span.head::<1>()?;
    match first >> 4 {
        4 => v4(span),
        6 => v6(span),
        _ => Err(Trouble::Version),
    }
}

#[inline]
fn v4(span: Span<'_>) -> Result<Ip<'_>, Trouble> {
    let header = Ipv4HeaderSlice::from_slice(span.data).map_err(|_| {
        if span.data.first().is_some_and(|first| first & 0xf < 5) {
            Trouble::HeaderLength
        } else {
            span.short()
        }
    })?;
    let length = header.slice().len();
    let rest = span.after(length)?;
    let total = u32::from(header.total_len());
    let payload_len = match total {
        // Segmentation offload: the sender's card fills the length in later.
        0 => rest.wire_len(),
        _ => total.checked_sub(length as u32).ok_or(Trouble::Length)?,
    };
    let offset = u32::from(header.fragments_offset().value()) * 8;
    let fragment = (offset > 0 || header.more_fragments()).then(|| Part {
        id: u32::from(header.identification()),
        offset,
        more: header.more_fragments(),
    });
    let mut ip = Ip {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        ttl: header.ttl(),
        protocol: header.protocol().0,
        payload: rest.limit(payload_len),
        fragment,
        bad_checksum: !sums_up(header.slice()),
        overlong: payload_len > rest.wire_len(),
    };
    if ip.protocol == 51 && ip.fragment.is_none() {
        extensions(&mut ip)?;
    }
    Ok(ip)
}

/// The one's complement sum over a header, whose length is a multiple of four, and its checksum is all ones (RFC 1071,
/// 2: in any byte order, and over longer words).
#[inline]
pub fn sums_up(header: &[u8]) -> bool {
    let sum: u64 = header.as_chunks().0.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16) == 0xffff
}

#[inline]
fn v6(span: Span<'_>) -> Result<Ip<'_>, Trouble> {
    let header = Ipv6HeaderSlice::from_slice(span.data).map_err(|_| span.short())?;
    let rest = span.after(header.slice().len())?;
    let payload_len = match u32::from(header.payload_length()) {
        // A jumbogram or segmentation offload.
        0 if header.next_header().0 != 59 => rest.wire_len(),
        length => length,
    };
    let mut ip = Ip {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        ttl: header.hop_limit(),
        protocol: header.next_header().0,
        payload: rest.limit(payload_len),
        fragment: None,
        bad_checksum: false,
        overlong: payload_len > rest.wire_len(),
    };
    extensions(&mut ip)?;
    Ok(ip)
}

/// Passes over extension headers up to the first one that is a transport's, is encrypted or leads a fragment.
#[inline]
pub fn extensions(ip: &mut Ip<'_>) -> Result<(), Trouble> {
    for _ in 0..MAX_EXTENSIONS {
        let length = match ip.protocol {
            // Hop-by-hop, routing, destination, mobility, HIP, shim6.
            0 | 43 | 60 | 135 | 139 | 140 => (usize::from(ip.payload.head::<2>()?[1]) + 1) * 8,
            51 => (usize::from(ip.payload.head::<2>()?[1]) + 2) * 4,
            44 => 8,
            _ => return Ok(()),
        };
        if length as u32 > ip.payload.wire_len() {
            return Err(Trouble::Extensions);
        }
        let next = ip.payload.head::<1>()?[0];
        if ip.protocol == 44 {
            let (field, id) = (ip.payload.u16(2)?, ip.payload.u32(4)?);
            let part = Part { id, offset: u32::from(field & !7), more: field & 1 == 1 };
            // An atomic fragment is a whole datagram (RFC 6946).
            ip.fragment = (part.offset > 0 || part.more).then_some(part);
        }
        ip.payload = ip.payload.after(length)?;
        ip.protocol = next;
        if ip.fragment.is_some() {
            return Ok(());
        }
    }
    Err(Trouble::Extensions)
}
