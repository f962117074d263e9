//! Frames are built here, as headers have them, and asked for.

use super::datagrams::{Datagrams, Lot};
use super::*;
use crate::capture::{LinkType, Packet};
use crate::record::CommunityId;
use crate::time::{Duration, Timestamp};
use std::collections::BTreeSet;
use std::net::SocketAddr;

const A: [u8; 4] = [192, 0, 2, 1];
const B: [u8; 4] = [203, 0, 113, 4];
/// IPv4 without a link header.
const RAW: LinkType = LinkType(101);

/// An IPv4 packet; `word` holds the fragment's flags and offset.
fn ip(from: [u8; 4], to: [u8; 4], protocol: u8, id: u16, word: u16, payload: &[u8]) -> Vec<u8> {
    let total = 20 + payload.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend([total.to_be_bytes(), id.to_be_bytes(), word.to_be_bytes()].concat());
    packet.extend([&[64, protocol, 0, 0][..], &from, &to, payload].concat());
    packet
}

fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let words = [src, dst, 8 + payload.len() as u16, 0].map(u16::to_be_bytes);
    [&words.concat()[..], payload].concat()
}

/// A datagram in fragments of eight bytes each.
fn fragments(from: [u8; 4], to: [u8; 4], id: u16, datagram: &[u8]) -> Vec<Vec<u8>> {
    let pieces = datagram.chunks(8).enumerate();
    let last = datagram.len().div_ceil(8) - 1;
    let more = |at: usize| if at == last { 0 } else { 0x2000 };
    pieces.map(|(at, piece)| ip(from, to, 17, id, at as u16 | more(at), piece)).collect()
}

/// An Ethernet frame in VXLAN.
fn vxlan(inner: &[u8]) -> Vec<u8> {
    let ethernet = [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0][..], inner].concat();
    udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &ethernet].concat())
}

fn id(protocol: u8, src: &str, dst: &str) -> CommunityId {
    let end = |text: &str| text.parse::<SocketAddr>().unwrap();
    CommunityId::new(0, protocol, end(src), end(dst))
}

fn conversation() -> Want {
    Want::Conversation(id(17, "203.0.113.4:53", "192.0.2.1:40000"))
}

/// The frames that are selected of packets a millisecond apart, and what was found of each thing asked for.
fn select_at(packets: &[(i64, Vec<u8>)], wants: &[Want]) -> (Vec<u64>, Vec<bool>) {
    let mut selection = Selection::default();
    for want in wants {
        selection.add(want.clone());
    }
    let mut matcher = Matcher::new(&selection);
    let mut decoders = (Decoder::new(), Decoder::apart());
    let mut look = Look::new(&mut matcher, &mut decoders, 0);
    let mut marks = Marks::default();
    for (frame, (millis, data)) in (1..).zip(packets) {
        let time = Timestamp::new(1_000_000, 0) + Duration::from_millis(*millis);
        let wire_len = data.len() as u32;
        look.packet(&Packet { capture: 0, frame, time, link: RAW, fcs_len: 0, wire_len, data }, &mut marks);
    }
    (marks.frames().collect(), matcher.hits(&[marks]))
}

fn select(packets: &[Vec<u8>], wants: &[Want]) -> Vec<u64> {
    let timed: Vec<_> = (0..).zip(packets.iter().cloned()).collect();
    select_at(&timed, wants).0
}

#[test]
fn a_conversation_is_taken_in_both_directions() {
    let packets = [
        ip(A, B, 17, 1, 0, &udp(40_000, 53, b"ask")),
        ip(A, B, 17, 1, 0, &udp(40_001, 53, b"other")),
        ip(B, A, 17, 1, 0, &udp(53, 40_000, b"answer")),
    ];
    assert_eq!(select(&packets, &[conversation()]), [1, 3]);
}

#[test]
fn a_tunnel_is_taken_for_what_is_inside() {
    let inner = ip(A, B, 17, 1, 0, &udp(40_000, 53, b"ask"));
    let outer = |inner: &[u8]| ip([198, 51, 100, 1], [198, 51, 100, 2], 17, 2, 0, &vxlan(inner));
    let other = ip(A, B, 17, 1, 0, &udp(40_001, 53, b"ask"));
    assert_eq!(select(&[outer(&inner), outer(&other), inner], &[conversation()]), [1, 3]);
}

#[test]
fn all_fragments_are_taken_in_whatever_order_they_come() {
    let parts = fragments(A, B, 9, &udp(40_000, 53, &[7; 20]));
    let others = fragments(A, B, 10, &udp(40_001, 53, &[7; 20]));
    let [a, b, c, d] = &parts[..] else { panic!("{} parts", parts.len()) };
    for order in [[a, b, c, d], [d, c, b, a], [b, d, a, c]] {
        let mixed: Vec<_> =
            order.into_iter().zip(&others).flat_map(|(one, other)| [one.clone(), other.clone()]).collect();
        assert_eq!(select(&mixed, &[conversation()]), [1, 3, 5, 7]);
    }
}

/// Some are missing: the first says what they are.
#[test]
fn fragments_that_are_never_whole_are_taken() {
    let parts = fragments(A, B, 9, &udp(40_000, 53, &[7; 40]));
    assert_eq!(select(&[parts[2].clone(), parts[0].clone(), parts[4].clone()], &[conversation()]), [1, 2, 3]);
    assert_eq!(select(&[parts[2].clone(), parts[4].clone()], &[conversation()]), [0; 0]);
}

#[test]
fn fragments_of_a_tunnel_are_taken_for_what_is_inside() {
    let inner = ip(A, B, 17, 1, 0, &udp(40_000, 53, b"ask"));
    let other = ip(A, B, 17, 1, 0, &udp(40_001, 53, b"ask"));
    let (from, to) = ([198, 51, 100, 1], [198, 51, 100, 2]);
    let mut packets = fragments(from, to, 3, &vxlan(&other));
    let others = packets.len() as u64;
    packets.extend(fragments(from, to, 4, &vxlan(&inner)));
    let all: Vec<u64> = (others + 1..=packets.len() as u64).collect();
    assert_eq!(select(&packets, &[conversation()]), all);
}

/// Fragments in a tunnel whose packets are fragments again.
#[test]
fn fragments_in_fragments_share_one_lot() {
    let (from, to) = ([198, 51, 100, 1], [198, 51, 100, 2]);
    let inner = fragments(A, B, 9, &udp(40_000, 53, &[7; 8]));
    let [first, second] = &inner[..] else { panic!("{} parts", inner.len()) };
    let mut packets = fragments(from, to, 3, &vxlan(second));
    packets.extend(fragments(from, to, 4, &vxlan(first)));
    let all: Vec<u64> = (1..=packets.len() as u64).collect();
    assert_eq!(select(&packets, &[conversation()]), all);
}

#[test]
fn identifications_that_come_round_again_are_another_datagram() {
    let mine = fragments(A, B, 9, &udp(40_000, 53, &[7; 8]));
    let other = fragments(A, B, 9, &udp(40_001, 53, &[7; 8]));
    let packets = [(0, &mine[1]), (1, &mine[0]), (61_500, &other[1]), (61_501, &other[0])];
    let packets = packets.map(|(millis, data)| (millis, data.clone()));
    assert_eq!(select_at(&packets, &[conversation()]).0, [1, 2]);
}

#[test]
fn datagrams_that_crowd_each_other_out_are_counted() {
    let (mut datagrams, mut marks, mut decoder) = (Datagrams::default(), Marks::default(), Decoder::new());
    let mut log = anomaly::Log::new();
    for n in 0..4200_u16 {
        // Of every second one nothing but the end is there.
        let parts = fragments(A, B, n, &udp(40_000, 53, &[7; 8]));
        for (at, data) in parts.iter().enumerate().skip(usize::from(n % 2)) {
            let (frame, time) = (u64::from(n) + 1, Timestamp::new(5, i64::from(n)));
            let wire_len = data.len() as u32;
            let packet = Packet { capture: 0, frame, time, link: RAW, fcs_len: 0, wire_len, data };
            let _ = decoder.decode(&packet, &mut log);
            let lot = if at == 0 { Lot::Unwanted } else { Lot::Unknown };
            datagrams.frame(decoder.datagrams(), frame, time, lot, &mut marks);
        }
    }
    assert_eq!((datagrams.forgotten(), marks.len()), (52, 0));
}

/// What was settled as unwanted is wanted after all, when all of it says so.
#[test]
fn a_first_fragment_too_small_for_its_header_is_no_last_word() {
    let mut datagram = vec![0x9c, 0x40, 0, 53, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 16, 1, 1, 0, 0, 0, 0];
    datagram.extend([7; 12]);
    let parts = fragments(A, B, 9, &datagram).into_iter().map(|mut part| {
        part[9] = 6;
        part
    });
    let parts: Vec<_> = parts.collect();
    assert_eq!(
        select(&parts, &[Want::Conversation(id(6, "192.0.2.1:40000", "203.0.113.4:53"))]),
        [1, 2, 3, 4]
    );
}

#[test]
fn a_channel_is_all_between_a_host_and_a_service() {
    let channel =
        Want::Channel { client: A.into(), servers: BTreeSet::from([B.into()]), ports: BTreeSet::from([53]) };
    let packets = [
        ip(A, B, 17, 1, 0, &udp(40_000, 53, b"")),
        ip(B, A, 17, 1, 0, &udp(53, 40_001, b"")),
        ip(A, B, 17, 1, 0, &udp(40_000, 54, b"")),
        // Port 53 of the host itself is not the service's.
        ip(A, B, 17, 1, 0, &udp(53, 40_000, b"")),
        ip([192, 0, 2, 9], B, 17, 1, 0, &udp(40_000, 53, b"")),
        ip(B, A, 1, 1, 0, &[3, 3, 0, 0, 0, 0, 0, 0]),
    ];
    assert_eq!(select(&packets, &[channel]), [1, 2, 6]);
}

#[test]
fn a_span_is_part_of_a_conversation_in_one_capture() {
    let packets: Vec<_> = (0..6).map(|n: u16| ip(A, B, 17, n, 0, &udp(40_000 + n % 2, 53, b""))).collect();
    let span = |capture, first, last| Want::Span {
        id: id(17, "192.0.2.1:40000", "203.0.113.4:53"),
        capture,
        first,
        last,
    };
    let timed: Vec<_> = (0..).zip(packets).collect();
    let found = select_at(&timed, &[span(0, 2, 4), span(1, 1, 9), span(0, 6, 9), span(0, 5, 5)]);
    assert_eq!(found, (vec![3, 5], vec![true, false, false, true]));
}

#[test]
fn messages_without_answer_are_one_conversation_in_both_directions() {
    let unreachable = [3, 1, 0, 0, 0, 0, 0, 0];
    let packets = [ip(A, B, 1, 1, 0, &unreachable), ip(B, A, 1, 1, 0, &unreachable)];
    assert_eq!(select(&packets, &[Want::Conversation(id(1, "192.0.2.1:3", "203.0.113.4:1"))]), [1, 2]);
    let echo = |kind| [kind, 0, 0, 0, 0, 9, 0, 1];
    let packets = [ip(A, B, 1, 1, 0, &echo(8)), ip(B, A, 1, 1, 0, &echo(0))];
    assert_eq!(select(&packets, &[Want::Conversation(id(1, "192.0.2.1:8", "203.0.113.4:0"))]), [1, 2]);
}

#[test]
fn frames_are_taken_by_number_of_their_capture() {
    let packets = vec![ip(A, B, 17, 1, 0, &udp(1, 2, b"")); 9];
    let timed: Vec<_> = (0..).zip(packets).collect();
    let frames = |capture, first, last| Want::Frames { capture, first, last };
    let wants = [
        frames(0, 7, 8),
        frames(0, 1, 2),
        frames(0, 2, 3),
        frames(1, 5, 5),
        frames(0, 9, u64::MAX),
        frames(0, 10, 12),
    ];
    let found = select_at(&timed, &wants);
    assert_eq!(found, (vec![1, 2, 3, 7, 8, 9], vec![true, true, true, false, true, false]));
}
