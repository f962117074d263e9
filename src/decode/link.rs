//! Link layers: from a link type, an EtherType or a PPP protocol to the next header.
//!
//! Layouts: tcpdump.org's list of link types; IEEE 802.3, 802.1Q, 802.1ad; RFC 1042 (SNAP), RFC 1661 and 1662 (PPP),
//! RFC 1990 (multilink), RFC 2516 (PPPoE), RFC 3032 (MPLS), RFC 4385 (pseudo-wire control word), RFC 1201 (ARCNET),
//! RFC 2427 (frame relay), IEEE 802.1ah.

use super::layers::Step;
use super::span::Span;
use super::trouble::Trouble;
use super::walk::{Next, Several, Walk};
use super::wifi;

/// Labels of an MPLS stack that are read; real ones have a handful.
const MAX_LABELS: usize = 16;
/// Where a type stops being a length (IEEE 802.3, 3.2.6).
const MAX_LENGTH: u16 = 1500;

/// Takes the header of a link type off.
#[inline]
pub fn link(kind: u16, span: Span<'_>) -> Result<Next<'_>, Trouble> {
    match kind {
        1 => Ok(Next::Ethernet(span)),
        0 | 108 => family(span, 4),
        // Token Ring: access and frame control, addresses, then a routing field if the source's first bit says so.
        6 => {
            let routed = span.data.get(8).is_some_and(|first| first & 0x80 != 0);
            let field = if routed { usize::from(span.u16(14)? >> 8 & 0x1f) } else { 0 };
            llc(span.after(14 + field)?)
        }
        9 | 50 => Ok(Next::Ppp(framing(span), true)),
        // ARCNET: source, destination, protocol, split flag, sequence; Linux has two bytes more after the addresses.
        7 => arcnet(span, 2),
        129 => arcnet(span, 4),
        // SLIP: direction and compressed header.
        8 => Ok(Next::Ip(span.after(16)?)),
        // FDDI: frame control and addresses.
        10 => llc(span.after(13)?),
        12 | 14 | 101 | 228 | 229 => Ok(Next::Ip(span)),
        51 => Ok(Next::EtherType(0x8864, span)),
        // OpenBSD encapsulated packets: address family in host order, SPI, flags.
        109 => family(span, 12),
        105 => Ok(Next::Wifi(span, false)),
        107 => frame_relay(span),
        119 => wifi::prism(span),
        127 => wifi::radiotap(span),
        163 => wifi::avs(span),
        // OpenBSD's packet filter: length of the header, which is filled up to a multiple of four.
        117 => Ok(Next::Ip(span.after(usize::from(span.u16(0)? >> 8).next_multiple_of(4))?)),
        197 => erf(span),
        // Cisco HDLC: address, control, EtherType.
        104 | 112 => Ok(Next::EtherType(span.u16(2)?, span.after(4)?)),
        113 => cooked(span, span.u16(14)?, 16),
        // Direction in front of the address and control bytes, or in place of the address.
        166 => Ok(Next::Ppp(span.after(2)?, true)),
        204 => Ok(Next::Ppp(framing(span.after(1)?), true)),
        219 => Ok(Next::EtherType(0x8847, span)),
        // Per-packet information: its length and the link type of what follows, little-endian.
        192 if span.data.get(4..8) == Some(&[105, 0, 0, 0]) => wifi::ppi(span),
        192 => inner(span, u32::from(span.u16(2)?.swap_bytes()), span.u32(4)?.swap_bytes()),
        239 => nflog(span),
        253 => netlink(span),
        // Apple's packet tap, which its own captures number 149: length of the header, record type, link type.
        149 | 258 => inner(span, span.u32(0)?.swap_bytes(), span.u32(8)?.swap_bytes()),
        276 => cooked(span, span.u16(0)?, 20),
        _ => Err(Trouble::Link(kind)),
    }
}

/// BSD loopback: the address family in the byte order of the machine that wrote it; each system has its own for IPv6.
fn family(span: Span<'_>, header: usize) -> Result<Next<'_>, Trouble> {
    let raw = span.u32(0)?;
    match (raw, raw.swap_bytes()) {
        (2 | 10 | 23 | 24 | 28 | 30, _) | (_, 2 | 10 | 23 | 24 | 28 | 30) => {
            Ok(Next::Ip(span.after(header)?))
        }
        _ => Ok(Next::Nothing),
    }
}

/// Linux cooked captures: the protocol is an EtherType, or one of Linux's own numbers below.
fn cooked(span: Span<'_>, protocol: u16, header: usize) -> Result<Next<'_>, Trouble> {
    let rest = span.after(header)?;
    Ok(match protocol {
        // LINUX_SLL_P_802_2: a frame that starts with LLC.
        4 => llc(rest)?,
        0x600.. => Next::EtherType(protocol, rest),
        _ => Next::Nothing,
    })
}

/// A header of `length` bytes that names the link type of what follows it. It must not name one like itself.
fn inner(span: Span<'_>, length: u32, link: u32) -> Result<Next<'_>, Trouble> {
    match u16::try_from(link) {
        Ok(149 | 192 | 258) | Err(_) => Ok(Next::Nothing),
        Ok(link) => Ok(Next::Link(link, span.after(length as usize)?)),
    }
}

/// ARCNET's protocols for IP: of RFC 1201 and RFC 1051.
fn arcnet(span: Span<'_>, addresses: usize) -> Result<Next<'_>, Trouble> {
    Ok(match span.u16(addresses)?.to_be_bytes() {
        // An exception frame fills its first four bytes up and has the split flag again.
        [0xd4, 0xff] => Next::Ip(span.after(addresses + 8)?),
        // The first of a packet in parts tells how many there are.
        [0xd4, _] => Next::Ip(span.after(addresses + 4)?),
        [0xf0, _] => Next::Ip(span.after(addresses + 1)?),
        _ => Next::Nothing,
    })
}

/// Frame relay: address of two to four bytes, control, protocol (RFC 2427), or an EtherType as Cisco has it.
fn frame_relay(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    let address = span.data.iter().take(4).position(|byte| byte & 1 == 1).map_or(2, |last| last + 1);
    let rest = span.after(address)?;
    Ok(match rest.data {
        [3, 0xcc | 0x8e, ..] => Next::Ip(rest.after(2)?),
        [3, 0x80, 0, 0, 0, _, _, ..] => Next::EtherType(rest.u16(5)?.max(MAX_LENGTH + 1), rest.after(7)?),
        [3, 0, 0x80, 0, 0, 0, _, _, ..] => Next::EtherType(rest.u16(6)?.max(MAX_LENGTH + 1), rest.after(8)?),
        [first, _, ..] if *first >= 6 => Next::EtherType(rest.u16(0)?, rest.after(2)?),
        _ => Next::Nothing,
    })
}

/// Most extension headers of an ERF record.
const MAX_ERF_EXTENSIONS: usize = 16;

/// Endace ERF: time, type, flags, length of the record, length on the wire; extension headers say by their first bit
/// whether another follows.
fn erf(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    let (kind, wire) = (span.u16(8)? >> 8, u32::from(span.u16(14)?));
    let (mut header, mut more) = (16, kind & 0x80 != 0);
    for _ in 0..MAX_ERF_EXTENSIONS {
        if !more {
            break;
        }
        more = span.u16(header)? & 0x8000 != 0;
        header += 8;
    }
    Ok(match kind & 0x7f {
        // Two bytes to line the addresses up; the length counts the frame check sequence.
        2 | 11 | 16 | 20 => {
            let frame = span.after(header + 2)?;
            Next::Ethernet(frame.limit(wire.saturating_sub(4)))
        }
        22 | 23 => Next::Ip(span.after(header)?),
        _ => Next::Nothing,
    })
}

/// Attributes of an NFLOG packet that are looked at; the kernel writes some ten.
const MAX_ATTRIBUTES: usize = 32;

/// Linux NFLOG: address family, then attributes in the byte order of the machine that wrote them; number 9 is the packet.
fn nflog(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    attribute(span.after(4)?, 9)
}

/// Linux netlink: a cooked header, then messages.
fn netlink(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    // The family is netlink's, not an EtherType: 12 is the packet filter.
    Ok(if span.u16(14)? == 12 { Next::Messages(span.after(16)?) } else { Next::Nothing })
}

/// Length of the header of a netlink message, and of the packet filter's header behind it.
const MESSAGE: usize = 16;
const FILTER: usize = 4;

/// Netlink messages of the packet filter: those that log or queue a packet hold it; the kernel puts several in a frame.
pub fn messages<'a>(walk: &mut Walk<'a, '_>, mut span: Span<'a>) -> Result<Next<'a>, Trouble> {
    while span.wire_len() as usize >= MESSAGE + FILTER {
        // In the byte order of the machine that wrote them: of its two readings the length is the one that fits.
        let (raw, kind) = (span.u32(0)?, span.u16(4)?);
        let length = raw.min(raw.swap_bytes());
        let kind = if length == raw { kind } else { kind.swap_bytes() };
        if (length as usize) < MESSAGE || length > span.wire_len() {
            return Err(Trouble::Length);
        }
        let message = span.limit(length);
        // Behind the last one there need be nothing to fill it up.
        let next =
            span.after((length as usize).next_multiple_of(4)).unwrap_or(Span { data: &[], missing: 0 });
        // Subsystem and message; both messages are number 0.
        let wanted = match kind {
            0x0400 => Some(9),
            0x0300 => Some(10),
            _ => None,
        };
        if let Some(wanted) = wanted {
            walk.leave(Several::Messages, next, length);
            return attribute(message.after(MESSAGE + FILTER)?, wanted);
        }
        span = next;
    }
    Ok(Next::Nothing)
}

/// The attribute that holds a packet.
fn attribute(mut rest: Span<'_>, wanted: u16) -> Result<Next<'_>, Trouble> {
    for _ in 0..MAX_ATTRIBUTES {
        let (length, kind) = (rest.u16(0)?, rest.u16(2)?);
        // No kind reaches 256, so the byte that is set tells the order.
        let (length, kind) =
            if kind > 0xff { (length.swap_bytes(), kind.swap_bytes()) } else { (length, kind) };
        let length = usize::from(length).max(4);
        if kind == wanted {
            return Ok(Next::Ip(rest.limit((length as u32).min(rest.wire_len())).after(4)?));
        }
        rest = rest.after(length.next_multiple_of(4))?;
    }
    Ok(Next::Nothing)
}

/// Ethernet: addresses and what follows them.
#[inline]
pub fn ethernet<'a>(walk: &mut Walk<'a, '_>, span: Span<'a>) -> Result<Next<'a>, Trouble> {
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *span.head::<14>()?;
    walk.macs = Some(([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]));
    Ok(Next::EtherType(u16::from_be_bytes([t0, t1]), span.after(14)?))
}

/// What follows an EtherType, or a length in its place.
#[inline]
pub fn ether_type<'a>(walk: &mut Walk<'a, '_>, kind: u16, span: Span<'a>) -> Result<Next<'a>, Trouble> {
    match kind {
        0x0800 | 0x86dd => Ok(Next::Ip(span)),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
            walk.enter(Step::Vlan(span.u16(0)? & 0xfff))?;
            Ok(Next::EtherType(span.u16(2)?, span.after(4)?))
        }
        0x8847 | 0x8848 => mpls(walk, span),
        0x8864 => {
            walk.enter(Step::Pppoe(span.u16(2)?))?;
            let length = u32::from(span.u16(4)?);
            Ok(Next::Ppp(span.after(6)?.limit(length.min(span.wire_len() - 6)), false))
        }
        // Provider backbone bridges: service tag, then a whole frame.
        0x88e7 => Ok(Next::Ethernet(span.after(4)?)),
        // Transparent Ethernet bridging.
        0x6558 => Ok(Next::Ethernet(span)),
        // Cisco FabricPath: forwarding tag of 10 bits and hop count, then a whole frame.
        0x8903 => {
            walk.enter(Step::FabricPath(span.u16(0)? >> 6))?;
            Ok(Next::Ethernet(span.after(2)?))
        }
        // Cisco metadata and VN-tag stand in front of the type like a VLAN tag.
        0x8909 => Ok(Next::EtherType(span.u16(6)?, span.after(8)?)),
        0x8926 => Ok(Next::EtherType(span.u16(4)?, span.after(6)?)),
        0x88e5 => Err(Trouble::Encrypted),
        ..=MAX_LENGTH => llc(span),
        _ => Ok(Next::Nothing),
    }
}

/// IEEE 802.2: SNAP with an EtherType, or the service access point of IP.
pub fn llc(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    let Ok([dsap, ssap, control]) = span.head::<3>() else { return Ok(Next::Nothing) };
    Ok(match (dsap, ssap, control) {
        (0xaa, 0xaa, 3) => {
            let kind = span.u16(6)?;
            // Below this no EtherType is; it also keeps a length from being taken for one again.
            if kind > MAX_LENGTH { Next::EtherType(kind, span.after(8)?) } else { Next::Nothing }
        }
        (6, 6, 3) => Next::Ip(span.after(3)?),
        _ => Next::Nothing,
    })
}

/// HDLC-like framing of PPP, which may be left out.
fn framing(span: Span<'_>) -> Span<'_> {
    match span.data {
        [0xff, 3, data @ ..] => Span { data, ..span },
        _ => span,
    }
}

/// PPP by its protocol, which is one byte long when that is odd (protocol field compression).
pub fn ppp<'a>(walk: &mut Walk<'a, '_>, span: Span<'a>, alone: bool) -> Result<Next<'a>, Trouble> {
    if alone {
        walk.enter(Step::Ppp)?;
    }
    let [first] = *span.head::<1>()?;
    let (protocol, header) = if first & 1 == 1 { (u16::from(first), 1) } else { (span.u16(0)?, 2) };
    let rest = span.after(header)?;
    Ok(match protocol {
        0x21 | 0x57 => Next::Ip(rest),
        // Multilink (RFC 1990): what begins and ends in one fragment, behind the long sequence number. Parts of packets
        // and the short number, which is negotiated, are left.
        0x3d if rest.head::<1>()? == &[0xc0] => match rest.after(4)? {
            // Sent to tell how far the sender is.
            nothing if nothing.wire_len() == 0 => Next::Nothing,
            packet => Next::Ppp(packet, false),
        },
        0x281 | 0x283 => Next::EtherType(0x8847, rest),
        _ => Next::Nothing,
    })
}

/// An MPLS label stack. What is under it is not stated: IP by its version and lengths, Ethernet behind a control word,
/// or Ethernet without one.
pub fn mpls<'a>(walk: &mut Walk<'a, '_>, mut span: Span<'a>) -> Result<Next<'a>, Trouble> {
    for _ in 0..MAX_LABELS {
        let entry = span.u32(0)?;
        span = span.after(4)?;
        if entry & 0x100 == 0 {
            continue;
        }
        walk.enter(Step::Mpls(entry >> 12))?;
        let [first] = *span.head::<1>()?;
        return Ok(match first >> 4 {
            4 | 6 if plausible_ip(span) => Next::Ip(span),
            0 if plausible_frame(Span { data: span.data.get(4..).unwrap_or_default(), ..span }) => {
                Next::Ethernet(span.after(4)?)
            }
            // A channel of the pseudo-wire itself (RFC 4385, 5).
            1 => Next::Nothing,
            _ if plausible_frame(span) => Next::Ethernet(span),
            _ => Next::Nothing,
        });
    }
    Err(Trouble::Deep)
}

/// Whether bytes that nothing announces could be an IP packet.
pub fn plausible_ip(span: Span<'_>) -> bool {
    match span.data {
        [first, _, length @ ..] if first >> 4 == 4 => {
            let header = u32::from(first & 0xf) * 4;
            let total = length.first_chunk().map_or(0, |raw| u32::from(u16::from_be_bytes(*raw)));
            header >= 20 && (total == 0 || total >= header) && total <= span.wire_len()
        }
        [first, _, _, _, length @ ..] if first >> 4 == 6 => {
            let payload = length.first_chunk().map_or(u32::MAX, |raw| u32::from(u16::from_be_bytes(*raw)));
            payload.saturating_add(40) <= span.wire_len()
        }
        _ => false,
    }
}

/// Whether bytes that nothing announces could be an Ethernet frame: a type that is known, or a length that fits.
pub fn plausible_frame(span: Span<'_>) -> bool {
    let (Ok(kind), Ok(rest)) = (span.u16(12), span.after(14)) else { return false };
    match kind {
        0x0800 | 0x86dd => plausible_ip(rest),
        0x0806 | 0x8100 | 0x88a8 | 0x8847 | 0x8848 | 0x8863 | 0x8864 | 0x88cc => true,
        ..=MAX_LENGTH => u32::from(kind) <= rest.wire_len() && matches!(rest.data, [0x42 | 0xaa | 0xfe, ..]),
        _ => false,
    }
}
