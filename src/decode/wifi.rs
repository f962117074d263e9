//! IEEE 802.11: headers that capture drivers put in front of a frame, and data frames that are not encrypted.
//!
//! Layouts: IEEE 802.11-2020, 9.2 and 9.3; radiotap.org; the PPI header of CACE Technologies; Prism and AVS as in
//! tcpdump.org's list of link types.

use super::layers::Step;
use super::link::llc;
use super::span::Span;
use super::trouble::Trouble;
use super::walk::{Next, Several, Walk};

/// Bytes of a frame check sequence.
const FCS: u32 = 4;
/// Words that say which radiotap fields are there; drivers write up to three.
const MAX_PRESENT: usize = 8;
/// Fields of a PPI header that are looked at; drivers write one or two.
const MAX_FIELDS: usize = 16;
/// Length of a Prism header in bytes.
const PRISM: usize = 144;

/// The frame without the check sequence that is at its end.
fn trimmed(frame: Span<'_>, fcs: bool) -> Span<'_> {
    if fcs { frame.limit(frame.wire_len().saturating_sub(FCS)) } else { frame }
}

/// Radiotap: little-endian; of its fields only the flags matter, which nothing but a time stamp precedes.
pub fn radiotap(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    let length = usize::from(span.u16(2)?.swap_bytes());
    let present = span.u32(4)?.swap_bytes();
    let (mut fields, mut word) = (8, present);
    for _ in 0..MAX_PRESENT {
        if word & 0x8000_0000 == 0 {
            break;
        }
        word = span.u32(fields)?.swap_bytes();
        fields += 4;
    }
    let flags = if present & 2 == 0 {
        0
    } else {
        let at = if present & 1 == 0 { fields } else { fields.next_multiple_of(8) + 8 };
        span.data.get(at).copied().unwrap_or(0)
    };
    let frame = span.after(length.max(8))?;
    Ok(Next::Wifi(trimmed(frame, flags & 0x10 != 0), flags & 0x20 != 0))
}

/// PPI in front of IEEE 802.11: fields of type and length; the second of them has the flags.
pub fn ppi(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    let length = usize::from(span.u16(2)?.swap_bytes());
    let (mut at, mut fcs) = (8, false);
    for _ in 0..MAX_FIELDS {
        if at + 4 > length {
            break;
        }
        let (kind, size) = (span.u16(at)?.swap_bytes(), usize::from(span.u16(at + 2)?.swap_bytes()));
        if kind == 2 {
            // IEEE 802.11 common: time stamp of eight bytes, flags.
            fcs = span.u16(at + 12)?.swap_bytes() & 1 != 0;
        }
        at += 4 + size;
    }
    Ok(Next::Wifi(trimmed(span.after(length.max(8))?, fcs), false))
}

/// Prism, or AVS under the same number.
pub fn prism(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    match span.u32(0)? {
        0x8021_1001 | 0x8021_1002 => avs(span),
        _ => Ok(Next::Wifi(span.after(PRISM)?, false)),
    }
}

/// AVS: version, length of the header.
pub fn avs(span: Span<'_>) -> Result<Next<'_>, Trouble> {
    Ok(Next::Wifi(span.after((span.u32(4)? as usize).max(8))?, false))
}

/// Length of the header of a data frame.
fn header_length(frame: Span<'_>) -> Result<usize, Trouble> {
    let [control, flags] = *frame.head::<2>()?;
    let four = flags & 3 == 3;
    let qos = control & 0x80 != 0;
    let high_throughput = qos && flags & 0x80 != 0;
    Ok(24 + if four { 6 } else { 0 } + if qos { 2 } else { 0 } + if high_throughput { 4 } else { 0 })
}

/// Takes the header of a data frame off.
pub fn frame<'a>(walk: &mut Walk<'a, '_>, span: Span<'a>, padded: bool) -> Result<Next<'a>, Trouble> {
    let [control, flags] = *span.head::<2>()?;
    // Version 0, data, and not one of the kinds without a payload.
    if control & 0x0f != 0x08 || control & 0x40 != 0 {
        return Ok(Next::Nothing);
    }
    if flags & 0x40 != 0 {
        return Err(Trouble::Protected);
    }
    let header: &[u8; 24] = span.head()?;
    let [_, _, _, _, first @ .., _, _] = header;
    let (one, two, three) = (&first[..6], &first[6..12], &first[12..]);
    // Only the first part of a frame in parts has what follows the header.
    if header[22] & 0xf != 0 {
        return Ok(Next::Nothing);
    }
    let four = span.data.get(24..30).unwrap_or(two);
    let (source, destination) = match flags & 3 {
        0 => (two, one),
        1 => (two, three),
        2 => (three, one),
        _ => (four, three),
    };
    let mac = |bytes: &[u8]| bytes.first_chunk().copied();
    walk.macs = mac(source).zip(mac(destination));
    walk.enter(Step::Wifi)?;
    let length = header_length(span)?;
    let length = if padded { length.next_multiple_of(4) } else { length };
    let qos = control & 0x80 != 0;
    let quality = if flags & 3 == 3 { 30 } else { 24 };
    if qos && span.u16(quality)? & 0x8000 != 0 {
        return Ok(Next::Subframes(span.after(length)?));
    }
    llc(span.after(length)?)
}

/// Several packets in one frame (A-MSDU): each with addresses and a length of its own, filled up to a multiple of four.
pub fn subframes<'a>(walk: &mut Walk<'a, '_>, span: Span<'a>) -> Result<Next<'a>, Trouble> {
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, l0, l1] = *span.head::<14>()?;
    let length = u32::from(u16::from_be_bytes([l0, l1]));
    let body = span.after(14)?;
    if length > body.wire_len() {
        return Err(Trouble::Length);
    }
    walk.macs = Some(([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]));
    let whole = 14 + length;
    let next = span.after(whole.next_multiple_of(4) as usize).unwrap_or(Span { data: &[], missing: 0 });
    walk.leave(Several::Subframes, next, whole);
    llc(body.limit(length))
}
