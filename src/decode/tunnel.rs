//! Tunnels over IP and UDP.
//!
//! Layouts: RFC 2784, 2890 and 2637 (GRE, PPTP), draft-foschiano-erspan, RFC 7348 (VXLAN), RFC 8926 (GENEVE), 3GPP TS
//! 29.281 (GTP-U), RFC 2661 (L2TP), RFC 4380 (Teredo), RFC 7510 and 4023 (MPLS), RFC 8086 (GRE in UDP), RFC 3378
//! (EtherIP), draft-massar-v6ops-ayiya, draft-ietf-nvo3-vxlan-gpe. Over UDP only the port announces a
//! tunnel, so what is inside must be plausible, or it stays UDP.

use super::layers::Step;
use super::link::{mpls, plausible_frame, plausible_ip};
use super::span::Span;
use super::trouble::Trouble;
use super::walk::{Next, Walk};

/// What an IP protocol carries when it is a tunnel.
#[inline]
pub fn over_ip<'a>(walk: &mut Walk<'a, '_>, protocol: u8, span: Span<'a>) -> Result<Next<'a>, Trouble> {
    match protocol {
        4 | 41 => {
            walk.enter(Step::IpIp)?;
            Ok(Next::Ip(span))
        }
        47 => gre(walk, span),
        97 if span.data.starts_with(&[0x30, 0]) => {
            walk.enter(Step::EtherIp)?;
            Ok(Next::Ethernet(span.after(2)?))
        }
        137 => mpls(walk, span),
        _ => Ok(Next::Nothing),
    }
}

fn gre<'a>(walk: &mut Walk<'a, '_>, span: Span<'a>) -> Result<Next<'a>, Trouble> {
    let (flags, protocol) = (span.u16(0)?, span.u16(2)?);
    let present = |bit: u16| usize::from(flags & bit != 0) * 4;
    let (checksum, key, sequence) = (present(0x8000), present(0x2000), present(0x1000));
    // Source routing was never used and was taken out of the protocol.
    if flags & 0x4000 != 0 {
        return Ok(Next::Nothing);
    }
    let value = if key > 0 { span.u32(4 + checksum)? } else { 0 };
    if flags & 7 == 1 {
        if protocol != 0x880b {
            return Ok(Next::Nothing);
        }
        // PPTP: the key is payload length and call; an acknowledgement may follow the sequence number.
        let header = 4 + key + sequence + present(0x0080);
        if sequence == 0 {
            return Ok(Next::Nothing);
        }
        walk.enter(Step::Gre(value & 0xffff))?;
        return Ok(match span.after(header)? {
            Span { data: [0xff, 3, data @ ..], missing } => Next::Ppp(Span { data, missing }, false),
            rest => Next::Ppp(rest, false),
        });
    }
    let rest = span.after(4 + checksum + key + sequence)?;
    match protocol {
        0x0800 | 0x86dd | 0x6558 | 0x8847 | 0x8848 => {
            walk.enter(Step::Gre(value))?;
            Ok(Next::EtherType(protocol, rest))
        }
        0x880b => {
            walk.enter(Step::Gre(value))?;
            Ok(Next::Ppp(rest, false))
        }
        // ERSPAN: type I has no header and no sequence number, II has eight bytes, III twelve and perhaps eight more.
        0x88be if sequence == 0 => {
            walk.enter(Step::Erspan(0))?;
            Ok(Next::Ethernet(rest))
        }
        0x88be | 0x22eb => {
            walk.enter(Step::Erspan(rest.u16(2)? & 0x3ff))?;
            let header = match protocol {
                0x88be => 8,
                _ if rest.u16(10)? & 1 == 1 => 20,
                _ => 12,
            };
            Ok(Next::Ethernet(rest.after(header)?))
        }
        _ => Ok(Next::Nothing),
    }
}

/// Whether a datagram of these ports may carry packets; see [`over_udp`].
#[inline]
pub const fn on_ports(src: u16, dst: u16) -> bool {
    matches!(dst, 1701 | 2152 | 4754 | 4789 | 4790 | 6081 | 6635 | 8472)
        || matches!(src, 3544 | 5072)
        || matches!(dst, 3544 | 5072)
}

/// What a UDP datagram carries when its ports are those of a tunnel.
#[inline]
pub fn over_udp<'a>(
    walk: &mut Walk<'a, '_>,
    src: u16,
    dst: u16,
    span: Span<'a>,
) -> Result<Next<'a>, Trouble> {
    let inner = match (src, dst) {
        // 8472 is what Linux used before there was a number.
        (_, 4789 | 8472) => vxlan(span),
        (_, 6081) => geneve(span),
        (_, 2152) => gtp(span),
        (_, 1701) => l2tp(span),
        (3544, _) | (_, 3544) => teredo(span),
        (5072, _) | (_, 5072) => ayiya(span),
        (_, 4790) => vxlan_gpe(span),
        (_, 4754) if plausible_gre(span) => return gre(walk, span),
        (_, 6635) => return mpls(walk, span),
        _ => return Ok(Next::Nothing),
    };
    match inner {
        // A datagram of another protocol on this port is no trouble.
        None => Ok(Next::Nothing),
        Some((step, next)) => {
            walk.enter(step)?;
            Ok(next)
        }
    }
}

fn vxlan(span: Span<'_>) -> Option<(Step, Next<'_>)> {
    let [flags, _, _, _, n0, n1, n2, _] = *span.head::<8>().ok()?;
    let inner = span.after(8).ok()?;
    // Some senders leave the flag out that says the identifier is there.
    let valid = flags & 0x08 != 0 || flags == 0;
    (valid && plausible_frame(inner))
        .then(|| (Step::Vxlan(u32::from_be_bytes([0, n0, n1, n2])), Next::Ethernet(inner)))
}

/// VXLAN with the number of the protocol inside. Some senders leave the flag out that says it is there.
fn vxlan_gpe(span: Span<'_>) -> Option<(Step, Next<'_>)> {
    let [flags, _, _, protocol, n0, n1, n2, _] = *span.head::<8>().ok()?;
    let inner = span.after(8).ok()?;
    let next = match (flags & 0x0c, protocol) {
        (0x0c, 3) | (0x08, _) if plausible_frame(inner) => Next::Ethernet(inner),
        (0x0c | 0x08, 1 | 2) if plausible_ip(inner) => Next::Ip(inner),
        _ => return None,
    };
    Some((Step::Vxlan(u32::from_be_bytes([0, n0, n1, n2])), next))
}

/// Whether a datagram could be GRE: version 0, only flags that are used, and something plausible inside.
fn plausible_gre(span: Span<'_>) -> bool {
    let (Ok(flags), Ok(protocol)) = (span.u16(0), span.u16(2)) else { return false };
    let options = (flags & 0xb000).count_ones() as usize * 4;
    let Ok(inner) = span.after(4 + options) else { return false };
    flags & !0xb000 == 0
        && match protocol {
            0x0800 | 0x86dd => plausible_ip(inner),
            0x6558 => plausible_frame(inner),
            _ => false,
        }
}

/// AYIYA: lengths of identity (a power of two) and signature (in words), operation 1 for a packet, protocol, time.
fn ayiya(span: Span<'_>) -> Option<(Step, Next<'_>)> {
    let [identity, signature, operation, protocol, ..] = *span.head::<8>().ok()?;
    let header = 8 + (1_usize << (identity >> 4)) + usize::from(signature >> 4) * 4;
    let inner = span.after(header).ok()?;
    let sound = operation & 0xf == 1 && matches!(protocol, 4 | 41) && plausible_ip(inner);
    sound.then_some((Step::Ayiya, Next::Ip(inner)))
}

fn geneve(span: Span<'_>) -> Option<(Step, Next<'_>)> {
    let [first, _, p0, p1, n0, n1, n2, _] = *span.head::<8>().ok()?;
    let inner = span.after(8 + usize::from(first & 0x3f) * 4).ok()?;
    let next = match u16::from_be_bytes([p0, p1]) {
        0x6558 if plausible_frame(inner) => Next::Ethernet(inner),
        0x0800 | 0x86dd if plausible_ip(inner) => Next::Ip(inner),
        _ => return None,
    };
    (first >> 6 == 0).then_some((Step::Geneve(u32::from_be_bytes([0, n0, n1, n2])), next))
}

/// Most extension headers of a GTP-U packet that are passed over; there are few kinds.
const MAX_GTP_EXTENSIONS: usize = 8;

fn gtp(span: Span<'_>) -> Option<(Step, Next<'_>)> {
    let [flags, kind, _, _, t0, t1, t2, t3] = *span.head::<8>().ok()?;
    // Version 1, GTP and not GTP', user data.
    if flags & 0xf0 != 0x30 || kind != 0xff {
        return None;
    }
    let mut header = 8;
    if flags & 7 != 0 {
        let mut next = *span.data.get(11)?;
        header = 12;
        for _ in 0..MAX_GTP_EXTENSIONS {
            if next == 0 || flags & 4 == 0 {
                break;
            }
            let length = usize::from(*span.data.get(header)?) * 4;
            if length == 0 {
                return None;
            }
            header += length;
            next = *span.data.get(header - 1)?;
        }
    }
    let inner = span.after(header).ok()?;
    let step = Step::Gtp(u32::from_be_bytes([t0, t1, t2, t3]));
    if plausible_ip(inner) {
        return Some((step, Next::Ip(inner)));
    }
    plausible_frame(inner).then_some((step, Next::Ethernet(inner)))
}

fn l2tp(span: Span<'_>) -> Option<(Step, Next<'_>)> {
    let flags = span.u16(0).ok()?;
    // Version 2, data and not control.
    if flags & 0x800f != 2 {
        return None;
    }
    let ids = if flags & 0x4000 == 0 { 2 } else { 4 };
    let session = span.u16(ids + 2).ok()?;
    let mut header = ids + 4 + if flags & 0x0800 == 0 { 0 } else { 4 };
    if flags & 0x0200 != 0 {
        header += 2 + usize::from(span.u16(header).ok()?);
    }
    let inner = match span.after(header).ok()? {
        Span { data: [0xff, 3, data @ ..], missing } => Span { data, missing },
        inner => inner,
    };
    Some((Step::L2tp(u32::from(session)), Next::Ppp(inner, false)))
}

fn teredo(mut span: Span<'_>) -> Option<(Step, Next<'_>)> {
    if let [0, 1, id, auth, ..] = *span.data {
        span = span.after(13 + usize::from(id) + usize::from(auth)).ok()?;
    }
    if let [0, 0, ..] = *span.data {
        span = span.after(8).ok()?;
    }
    let is_v6 = span.data.first().is_some_and(|first| first >> 4 == 6);
    (is_v6 && plausible_ip(span)).then_some((Step::Teredo, Next::Ip(span)))
}
