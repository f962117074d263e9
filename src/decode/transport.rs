//! TCP, UDP and ICMP headers (RFC 9293, RFC 768, RFC 792, RFC 4443).
//!
//! Read by hand from their fixed part, so that a snap length that cuts TCP options off costs nothing else. Checksums
//! are not verified: offload makes them wrong on the machine that captures, and a look at every byte costs as much
//! as all of decoding.

use super::layers::{Tcp, Transport};
use super::span::Span;
use super::trouble::Trouble;

/// Reads the transport header of `protocol`; the rest is its payload. False where the header claims more than there is.
#[inline]
pub fn transport(
    protocol: u8,
    span: Span<'_>,
    fragment: bool,
) -> Result<(Transport, Span<'_>, bool), Trouble> {
    let (transport, payload) = match protocol {
        6 => tcp(span)?,
        17 => return udp(span, fragment),
        1 | 58 => {
            let [kind, code, _, _, rest @ ..] = *span.head::<8>()?;
            (Transport::Icmp { v6: protocol == 58, kind, code, rest }, span.after(8)?)
        }
        other => (Transport::Other(other), span),
    };
    Ok((transport, payload, true))
}

#[inline]
fn tcp(span: Span<'_>) -> Result<(Transport, Span<'_>), Trouble> {
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1] = *span.head::<16>()?;
    let header = u32::from(offset >> 4) * 4;
    if header < 20 || header > span.wire_len() {
        return Err(Trouble::Offset);
    }
    let tcp = Tcp {
        src: u16::from_be_bytes([s0, s1]),
        dst: u16::from_be_bytes([d0, d1]),
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        window: u16::from_be_bytes([w0, w1]),
    };
    // Where options were cut off, there is payload on the wire and none here.
    let payload =
        span.after(header as usize).unwrap_or(Span { data: &[], missing: span.wire_len() - header });
    Ok((Transport::Tcp(tcp), payload))
}

#[inline]
fn udp(span: Span<'_>, fragment: bool) -> Result<(Transport, Span<'_>, bool), Trouble> {
    let [s0, s1, d0, d1, l0, l1, _, _] = *span.head::<8>()?;
    let transport = Transport::Udp { src: u16::from_be_bytes([s0, s1]), dst: u16::from_be_bytes([d0, d1]) };
    let payload = span.after(8)?;
    let length = u32::from(u16::from_be_bytes([l0, l1]));
    let payload = match length {
        length @ 8.. if length - 8 <= payload.wire_len() => payload.limit(length - 8),
        // A jumbogram (RFC 2675, 4) or segmentation offload; or the rest is in other fragments, or nowhere.
        0 | 8.. => payload,
        _ => return Err(Trouble::Datagram),
    };
    let fits = fragment || length.saturating_sub(8) <= payload.wire_len();
    Ok((transport, payload, fits))
}
