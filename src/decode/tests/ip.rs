//! IP, fragments and transports.

use super::build::*;
use super::*;

#[test]
fn tcp_over_ipv4_without_the_padding_of_ethernet() {
    let mut frame = ether(0x0800, &ip4(6, &tcp(0x18, &[1; 12], b"abc")));
    frame.extend([0xee; 9]);
    let found = good(1, &frame);
    let expected = Tcp { src: 40_000, dst: 443, seq: 7, ack: 9, flags: 0x18, window: 0x201 };
    assert_eq!(found.transport, Transport::Tcp(expected));
    assert_eq!((&found.payload[..], found.payload_len), (&b"abc"[..], 3));
    assert_eq!(found.ends, "192.0.2.1 198.51.100.2");
    assert_eq!(found.macs, Some((MAC_A, MAC_B)));
    assert!(!found.bad_checksum && !found.fragment && found.path.is_empty());
}

#[test]
fn a_snap_length_anywhere_tells_the_true_payload_length() {
    let frame = ether(0x0800, &ip4(6, &tcp(0x18, &[1; 12], &[7; 100])));
    for cut in 0..frame.len() {
        let (found, trouble) = decode(&Packet { data: &frame[..cut], ..packet(1, &frame) });
        // Ethernet, IP and the part of TCP that matters.
        if cut < 14 + 20 + 16 {
            assert_eq!((found, trouble), (None, vec![(Kind::Snapped, 1)]), "{cut}");
            continue;
        }
        let found = found.expect("TCP");
        assert_eq!((found.payload.len(), found.payload_len), (cut.saturating_sub(66), 100), "{cut}");
        assert!(trouble.is_empty());
    }
}

#[test]
fn a_packet_that_ends_inside_its_headers_is_malformed() {
    let frame = ether(0x0800, &ip4_raw(6, 30, 1, 0, &[], &tcp(2, &[], &[])[..10]));
    assert_eq!(decode(&packet(1, &frame)), (None, vec![(Kind::Malformed, 1)]));
    assert_eq!(decode(&packet(1, &frame[..20])), (None, vec![(Kind::Malformed, 1)]));
}

#[test]
fn a_total_length_of_nothing_is_offload() {
    let frame = ether(0x0800, &ip4_raw(6, 0, 1, 0, &[], &tcp(0x10, &[], &[5; 3000])));
    let found = good(1, &frame);
    assert_eq!((found.payload.len(), found.payload_len), (3000, 3000));
    let (found, _) = decode(&Packet { data: &frame[..100], ..packet(1, &frame) });
    let found = found.expect("TCP");
    assert_eq!((found.payload.len(), found.payload_len), (46, 3000));
}

#[test]
fn the_frame_check_sequence_is_no_payload() {
    let mut frame = ether(0x0800, &ip4_raw(6, 0, 1, 0, &[], &tcp(0x10, &[], &[5; 30])));
    frame.extend([0xcc; 4]);
    let with = Packet { fcs_len: 4, ..packet(1, &frame) };
    for data in [&frame[..], &frame[..frame.len() - 2], &frame[..frame.len() - 10]] {
        let (found, _) = decode(&Packet { data, ..with });
        let found = found.expect("TCP");
        assert_eq!((found.payload_len, found.payload.iter().all(|&b| b == 5)), (30, true));
    }
}

#[test]
fn ipv4_lengths_that_cannot_be() {
    let tcp = tcp(0x10, &[], b"abc");
    let short = ether(0x0800, &ip4_raw(6, 19, 1, 0, &[], &tcp));
    assert_eq!(decode(&packet(1, &short)), (None, vec![(Kind::Malformed, 1)]));
    let long = ether(0x0800, &ip4_raw(6, 50, 1, 0, &[], &tcp));
    let (found, trouble) = decode(&packet(1, &long));
    let found = found.expect("TCP");
    assert_eq!((found.payload_len, found.payload.len(), trouble), (10, 3, vec![(Kind::Malformed, 1)]));
    let mut header = ether(0x0800, &ip4(6, &tcp));
    header[14] = 0x44;
    assert_eq!(decode(&packet(1, &header)), (None, vec![(Kind::Malformed, 1)]));
    header[14] = 0x55;
    assert_eq!(decode(&packet(1, &header)), (None, vec![(Kind::Malformed, 1)]));
}

#[test]
fn a_wrong_header_checksum_is_counted_and_no_more() {
    let mut frame = ether(0x0800, &ip4_raw(6, 48, 1, 0, &[1; 8], &tcp(2, &[], &[])));
    assert!(!good(1, &frame).bad_checksum);
    frame[14 + 8] = 99;
    let (found, trouble) = decode(&packet(1, &frame));
    assert!(found.expect("TCP").bad_checksum);
    assert_eq!(trouble, [(Kind::Checksum, 1)]);
}

#[test]
fn tcp_and_udp_headers_that_cannot_be() {
    for offset in [0x40, 0xf0] {
        let mut segment = tcp(0x10, &[], b"abc");
        segment[12] = offset;
        assert_eq!(decode(&packet(101, &ip4(6, &segment))), (None, vec![(Kind::Malformed, 1)]), "{offset}");
    }
    for (length, expected) in [(8, Some(0)), (10, Some(2)), (0, Some(3)), (7, None), (12, Some(3))] {
        let mut datagram = udp(5, 6, b"abc");
        datagram[5] = length;
        let (found, trouble) = decode(&packet(101, &ip4(17, &datagram)));
        assert_eq!(found.map(|found| found.payload_len), expected, "{length}");
        // A length beyond the packet is counted, and what there is is taken.
        assert_eq!(trouble.is_empty(), !matches!(length, 7 | 12));
    }
}

#[test]
fn icmp_of_both_versions() {
    let echo = [8, 0, 0, 0, 0x12, 0x34, 0, 7, b'd', b'a'];
    let found = good(101, &ip4(1, &echo));
    assert_eq!(found.transport, Transport::Icmp { v6: false, kind: 8, code: 0, rest: [0x12, 0x34, 0, 7] });
    assert_eq!(found.payload, b"da");
    let found = good(101, &ip6(58, &echo));
    assert!(matches!(found.transport, Transport::Icmp { v6: true, kind: 8, .. }));
}

#[test]
fn ipv6_extension_headers_are_passed_over() {
    let options = |next: u8, units: u8| [vec![next, units], vec![0; 6 + usize::from(units) * 8]].concat();
    let auth = |next: u8| [vec![next, 4], vec![0; 22]].concat();
    let atomic = [17, 0, 0, 0, 0, 0, 0, 1];
    let body = [options(60, 0), options(43, 1), options(51, 0), auth(44), atomic.to_vec(), udp(1, 2, b"xy")]
        .concat();
    let found = good(101, &ip6(0, &body));
    assert_eq!(found.transport, Transport::Udp { src: 1, dst: 2 });
    assert_eq!((&found.payload[..], found.fragment), (&b"xy"[..], false));
    assert_eq!(found.ends, "2001:db8::1 2001:db8::2");
    // One that is longer than the packet, and a chain without an end.
    let long = [60, 9, 0, 0, 0, 0, 0, 0];
    assert_eq!(decode(&packet(101, &ip6(0, &long))), (None, vec![(Kind::Malformed, 1)]));
    let chain = options(60, 0).repeat(40);
    assert_eq!(decode(&packet(101, &ip6(60, &chain))), (None, vec![(Kind::Malformed, 1)]));
    // Nothing, and something encrypted.
    assert_eq!(good(101, &ip6(59, &[])).transport, Transport::Other(59));
    assert_eq!(good(101, &ip6(50, &[1; 20])).transport, Transport::Other(50));
}

#[test]
fn authentication_header_in_ipv4() {
    let body = [&[6, 4][..], &[0; 22], &tcp(2, &[], &[])].concat();
    assert!(matches!(good(101, &ip4(51, &body)).transport, Transport::Tcp(_)));
}

/// A datagram of 24 and some bytes in three fragments.
fn fragments(id: u16) -> (Vec<u8>, [Vec<u8>; 3]) {
    let datagram = udp(1000, 53, b"a question that is long enough");
    let piece = |from: usize, to: usize, more: u16| {
        let data = &datagram[from..to];
        ip4_raw(17, 20 + data.len() as u16, id, (from / 8) as u16 | more << 13, &[], data)
    };
    let parts = [piece(0, 16, 1), piece(16, 32, 1), piece(32, datagram.len(), 0)];
    (datagram[8..].to_vec(), parts)
}

#[test]
fn fragments_in_any_order_give_the_datagram_once() {
    let (payload, parts) = fragments(5);
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        // Each is sent twice, as copies do happen; what comes after the last is a beginning again.
        let packets: Vec<Packet<'_>> =
            order.iter().flat_map(|&at| [packet(101, &parts[at]), packet(101, &parts[at])]).collect();
        let (found, trouble) = decode_all(&packets);
        let whole: Vec<&Found> = found.iter().flatten().collect();
        assert_eq!(whole.len(), 1, "{order:?}");
        assert_eq!(whole[0].transport, Transport::Udp { src: 1000, dst: 53 });
        assert_eq!((&whole[0].payload, whole[0].fragment), (&payload, false));
        assert_eq!(found.iter().position(Option::is_some), Some(4));
        assert_eq!(trouble, [(Kind::Fragment, 1), (Kind::Fragment, 6)]);
    }
}

#[test]
fn ipv6_fragments_too() {
    // Destination options belong to what is fragmented.
    let whole = [&[6, 0, 1, 4, 0, 0, 0, 0][..], &tcp(0x18, &[], b"0123456789")].concat();
    let piece = |from: usize, to: usize, more: u8| {
        let head = [60, 0, 0, from as u8 | more, 0, 0, 0, 9];
        ip6(44, &[&head[..], &whole[from..to]].concat())
    };
    let (one, two) = (piece(0, 24, 1), piece(24, 38, 0));
    let (found, _) = decode_all(&[packet(101, &two), packet(101, &one)]);
    assert_eq!(found[0], None);
    let whole = found[1].clone().expect("whole");
    assert_eq!((&whole.payload[..], whole.fragment), (&b"0123456789"[..], false));
    assert!(matches!(whole.transport, Transport::Tcp(_)));
}

#[test]
fn fragments_that_were_cut_come_one_by_one() {
    let (payload, parts) = fragments(5);
    let cut = |at: usize| Packet { wire_len: 20 + 16, data: &parts[at][..34], ..packet(101, &parts[at]) };
    let (found, trouble) = decode_all(&[cut(0), cut(1)]);
    let (first, second) = (found[0].clone().expect("the first"), found[1].clone().expect("the second"));
    assert_eq!((first.transport, first.fragment), (Transport::Udp { src: 1000, dst: 53 }, true));
    assert_eq!((&first.payload[..], first.payload_len), (&payload[..6], 8));
    assert_eq!((second.transport, second.fragment, second.payload_len), (Transport::Other(17), true, 16));
    assert_eq!(trouble, [(Kind::Fragment, 2)]);
}

#[test]
fn fragments_that_overlap_with_the_same_bytes_are_put_together() {
    let datagram = udp(1000, 53, b"a question that is long enough, and then some more of it");
    let piece = |from: usize, to: usize| {
        let (data, more) = (&datagram[from..to], u16::from(to < datagram.len()) << 13);
        ip4_raw(17, 20 + data.len() as u16, 9, (from / 8) as u16 | more, &[], data)
    };
    let end = datagram.len();
    // Over the end of one, over two and the hole between them, around one, inside one.
    for cuts in [
        vec![(0, 32), (16, 48), (40, end)],
        vec![(0, 16), (32, end), (8, 40)],
        vec![(16, 24), (8, 40), (0, 16), (32, end)],
        vec![(32, end), (0, 40), (8, 16)],
    ] {
        let parts: Vec<Vec<u8>> = cuts.iter().map(|&(from, to)| piece(from, to)).collect();
        let packets: Vec<Packet<'_>> = parts.iter().map(|part| packet(101, part)).collect();
        let (found, trouble) = decode_all(&packets);
        let whole: Vec<&Found> = found.iter().flatten().collect();
        assert_eq!(whole.len(), 1, "{cuts:?}");
        assert_eq!((&whole[0].payload[..], whole[0].fragment), (&datagram[8..], false));
        let overlaps = match cuts[0] {
            (0, 32) => 2,
            (16, 24) => 3,
            _ => 1,
        };
        assert!(trouble.contains(&(Kind::Malformed, overlaps)), "{trouble:?}");
    }
}

#[test]
fn a_datagram_in_the_smallest_fragments_there_are() {
    let datagram = udp(1000, 53, &[7; 9000]);
    let parts: Vec<Vec<u8>> = datagram
        .chunks(8)
        .enumerate()
        .map(|(at, data)| {
            let more = u16::from((at + 1) * 8 < datagram.len()) << 13;
            ip4_raw(17, 20 + data.len() as u16, 9, at as u16 | more, &[], data)
        })
        .collect();
    let mut packets: Vec<Packet<'_>> = parts.iter().map(|part| packet(101, part)).collect();
    assert_eq!(decode_all(&packets).0.iter().flatten().map(|found| found.payload.len()).sum::<usize>(), 9000);
    packets.reverse();
    assert_eq!(decode_all(&packets).0.iter().flatten().map(|found| found.payload.len()).sum::<usize>(), 9000);
    // Every other one: more pieces than are kept.
    let holes: Vec<Packet<'_>> = packets.iter().rev().step_by(2).cycle().take(3000).copied().collect();
    assert!(decode_all(&holes).1.iter().all(|(kind, _)| *kind != Kind::Limit));
    let long: Vec<Vec<u8>> =
        (0..1100_u16).map(|at| ip4_raw(17, 28, 9, (2 * at) | 1 << 13, &[], &[7; 8])).collect();
    let long: Vec<Packet<'_>> = long.iter().map(|part| packet(101, part)).collect();
    assert!(decode_all(&long).1.contains(&(Kind::Limit, 1100 - 1024)));
}

#[test]
fn fragments_that_contradict_are_left_out() {
    let (payload, parts) = fragments(5);
    let evil = ip4_raw(17, 44, 5, 1 | 1 << 13, &[], &[0xee; 24]);
    let (found, trouble) = decode_all(&[
        packet(101, &parts[0]),
        packet(101, &evil),
        packet(101, &parts[1]),
        packet(101, &parts[2]),
    ]);
    assert_eq!(found[3].clone().expect("whole").payload, payload);
    assert_eq!(found[1].clone().expect("alone").transport, Transport::Other(17));
    assert_eq!(trouble, [(Kind::Malformed, 1), (Kind::Fragment, 4)]);
}

#[test]
fn lengths_of_fragments_that_cannot_be() {
    let odd = ip4_raw(17, 33, 1, 1 << 13, &[], &[0; 13]);
    let far = ip4_raw(17, 36, 1, 0x1fff, &[], &[0; 16]);
    let empty = ip4_raw(17, 20, 1, 5, &[], &[]);
    for part in [odd, far, empty] {
        let (_, trouble) = decode(&packet(101, &part));
        assert!(trouble.contains(&(Kind::Malformed, 1)), "{trouble:?}");
        assert!(!trouble.contains(&(Kind::Limit, 1)));
    }
}

#[test]
fn a_flood_of_fragments_is_bounded() {
    let parts: Vec<Vec<u8>> = (0..1000).map(|id| fragments(id).1[0].clone()).collect();
    let packets: Vec<Packet<'_>> = parts.iter().map(|part| packet(101, part)).collect();
    let (found, trouble) = decode_all(&packets);
    assert!(found.iter().all(Option::is_none));
    assert_eq!(
        trouble.iter().filter(|(kind, _)| *kind == Kind::Limit).map(|(_, n)| n).sum::<u64>(),
        1000 - 128
    );
}

#[test]
fn late_fragments_begin_again() {
    let (_, parts) = fragments(5);
    let late = Packet { time: Timestamp(61_000_000_000), ..packet(101, &parts[2]) };
    let (found, trouble) = decode_all(&[packet(101, &parts[0]), packet(101, &parts[1]), late]);
    assert!(found.iter().all(Option::is_none));
    // The old ones, and the new one at the end.
    assert!(trouble.contains(&(Kind::Fragment, 2)), "{trouble:?}");
}
