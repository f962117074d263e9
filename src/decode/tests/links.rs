//! Link layers.

use super::build::*;
use super::*;

/// That the inner packet is found by this path.
fn finds(link: u16, data: &[u8], path: &str) {
    let found = good(link, data);
    assert_eq!(found.transport, Transport::Udp { src: 1000, dst: 2000 }, "{link}");
    assert_eq!((found.path.as_str(), &found.payload[..]), (path, &b"inner"[..]), "{link}");
}

#[test]
fn vlan_tags_of_every_kind() {
    let tag = |kind: u16, id: u16, next: u16, rest: &[u8]| {
        ether(kind, &[&(id | 0x6000).to_be_bytes()[..], &next.to_be_bytes(), rest].concat())
    };
    for kind in [0x8100, 0x88a8, 0x9100, 0x9200] {
        finds(1, &tag(kind, 100, 0x0800, &inner()), "vlan:100");
        let two = [&200_u16.to_be_bytes()[..], &[8, 0], &inner()].concat();
        finds(1, &tag(kind, 100, 0x8100, &two), "vlan:100 vlan:200");
    }
}

#[test]
fn raw_loopback_and_cooked() {
    for link in [12, 14, 101, 228, 229] {
        finds(link, &inner(), "");
    }
    for family in [2_u32, 10, 23, 24, 28, 30] {
        for order in [family.to_be_bytes(), family.to_le_bytes()] {
            finds(0, &[&order[..], &inner()].concat(), "");
            finds(108, &[&order[..], &inner()].concat(), "");
        }
    }
    let sll = [&[0; 14][..], &[8, 0], &inner()].concat();
    finds(113, &sll, "");
    let sll2 = [&[8, 0][..], &[0; 18], &inner()].concat();
    finds(276, &sll2, "");
    let tagged = [&[0; 14][..], &[0x81, 0, 0, 5, 8, 0], &inner()].concat();
    finds(113, &tagged, "vlan:5");
}

#[test]
fn ppp_and_its_kin() {
    for head in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0xff, 3, 0x21], &[0x21]] {
        finds(9, &[head, &inner()].concat(), "ppp");
        finds(50, &[head, &inner()].concat(), "ppp");
    }
    for head in [&[0xff, 3, 0, 0x3d, 0xc0, 1, 2, 3, 0x21][..], &[0x3d, 0xc0, 1, 2, 3, 0, 0x21]] {
        finds(50, &[head, &inner()].concat(), "ppp");
    }
    assert_eq!(decode(&packet(50, &[0xff, 3, 0, 0x3d, 0xc0, 1, 2, 3])), (None, vec![]));
    // The first part of a packet.
    let part = [&[0xff, 3, 0, 0x3d, 0x80, 1, 2, 3, 0x21][..], &inner()].concat();
    assert_eq!(decode(&packet(50, &part)), (None, vec![]));
    finds(104, &[&[0x0f, 0, 8, 0][..], &inner()].concat(), "");
    let length = (inner().len() + 2) as u16;
    let session = [&[0x11, 0, 0, 7][..], &length.to_be_bytes(), &[0, 0x21], &inner()].concat();
    finds(1, &ether(0x8864, &session), "pppoe:7");
    finds(51, &session, "pppoe:7");
    let padded = [&ether(0x8864, &session)[..], &[0; 7]].concat();
    finds(1, &padded, "pppoe:7");
    assert_eq!(decode(&packet(1, &ether(0x8863, &[0; 20]))), (None, vec![]));
}

#[test]
fn llc_in_frames_with_a_length() {
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &inner()].concat();
    finds(1, &ether(snap.len() as u16, &snap), "");
    finds(1, &ether(36, &[&[6, 6, 3][..], &inner()].concat()), "");
    finds(10, &[&[0x50; 13][..], &snap].concat(), "");
    // Spanning tree is no trouble.
    assert_eq!(decode(&packet(1, &ether(38, &[0x42; 38]))), (None, vec![]));
}

#[test]
fn mpls_and_what_is_under_it() {
    let labels = [&[0, 1, 0, 64, 0, 2, 1, 64][..], &inner()].concat();
    finds(1, &ether(0x8847, &labels), "mpls:32");
    finds(219, &labels, "mpls:32");
    let word = [&[0, 1, 1, 64, 0, 0, 0, 0][..], &ether(0x0800, &inner())].concat();
    finds(1, &ether(0x8848, &word), "mpls:16");
    let none = [&[0, 1, 1, 64][..], &ether(0x0800, &inner())].concat();
    finds(1, &ether(0x8847, &none), "mpls:16");
    // A stack without a bottom.
    assert_eq!(decode(&packet(219, &[0; 200])), (None, vec![(Kind::Limit, 1)]));
}

#[test]
fn headers_that_name_what_they_hold() {
    let ppi = [&[0, 0, 8, 0, 1, 0, 0, 0][..], &ether(0x0800, &inner())].concat();
    finds(192, &ppi, "");
    let mut tap = [0; 108];
    (tap[0], tap[4], tap[8]) = (108, 1, 101);
    finds(258, &[&tap[..], &inner()].concat(), "");
    tap[8..10].copy_from_slice(&258_u16.to_le_bytes());
    assert_eq!(decode(&packet(258, &[&tap[..], &inner()].concat())), (None, vec![]));
    let nflog = [&[2, 0, 0, 0, 6, 0, 1, 0, 9, 9, 0, 0, 37, 0, 9, 0][..], &inner()].concat();
    finds(239, &nflog, "");
}

/// A data frame from the station A to the address B by way of an access point.
fn station(control: u8, flags: u8, extra: &[u8]) -> Vec<u8> {
    let addresses = [&[9; 6][..], &MAC_A, &MAC_B].concat();
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    [&[control, flags, 0, 0][..], &addresses, &[0x10, 0], extra, &snap, &inner()].concat()
}

#[test]
fn wifi_data_frames_behind_every_header() {
    let plain = station(0x08, 1, &[]);
    finds(105, &plain, "wifi");
    assert_eq!(good(105, &plain).macs, Some((MAC_A, MAC_B)));
    finds(105, &station(0x88, 1, &[0, 0]), "wifi");
    finds(105, &station(0x88, 0x81, &[0, 0, 1, 2, 3, 4]), "wifi");
    let four = station(0x08, 3, &MAC_B);
    assert_eq!(good(105, &four).macs, Some((MAC_B, MAC_B)));
    let trailed = [&plain[..], &[0xee; 4]].concat();
    finds(127, &[&[0, 0, 8, 0, 0, 0, 0, 0][..], &plain].concat(), "wifi");
    // Two words of fields, a time stamp, flags: frame check sequence.
    let long = [&[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0][..], &[1; 8], &[0x10]].concat();
    finds(127, &[&long, &trailed[..]].concat(), "wifi");
    // A header that is filled up.
    let filled = station(0x88, 1, &[0, 0, 0, 0]);
    finds(127, &[&[0, 0, 9, 0, 2, 0, 0, 0, 0x20][..], &filled].concat(), "wifi");
    let ppi = [&[0, 0, 32, 0, 105, 0, 0, 0, 2, 0, 20, 0][..], &[0; 8], &[1, 0], &[0; 10]].concat();
    finds(192, &[&ppi, &trailed[..]].concat(), "wifi");
    finds(119, &[&[0x44, 0, 0, 0][..], &[0; 140], &plain].concat(), "wifi");
    let avs = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56], &plain].concat();
    finds(119, &avs, "wifi");
    finds(163, &avs, "wifi");
}

#[test]
fn wifi_frames_without_a_packet_in_clear() {
    assert_eq!(decode(&packet(105, &station(0x08, 0x41, &[]))), (None, vec![(Kind::Unsupported, 1)]));
    // Beacon, acknowledgement, no data, second part.
    let mut part = station(0x08, 1, &[]);
    part[22] = 1;
    for quiet in [station(0x80, 0, &[]), vec![0xd4; 10], station(0x48, 1, &[]), part] {
        assert_eq!(decode(&packet(105, &quiet)), (None, vec![]));
    }
}

#[test]
fn wifi_frames_of_several_packets() {
    let header = station(0x88, 1, &[0x80, 0])[..26].to_vec();
    let subframe = |from: Mac, payload: &[u8]| {
        let body = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &ip4(17, &udp(1, 2, payload))].concat();
        [&MAC_B[..], &from, &(body.len() as u16).to_be_bytes(), &body].concat()
    };
    let filled = |mut frame: Vec<u8>| {
        frame.resize(frame.len().next_multiple_of(4), 0);
        frame
    };
    let parts =
        [filled(subframe(MAC_A, b"one")), filled(subframe(MAC_B, b"two!!")), subframe(MAC_A, b"three")];
    let (found, trouble) = decode_frame(&packet(105, &[&header[..], &parts.concat()].concat()));
    let payloads: Vec<&[u8]> = found.iter().map(|(found, _)| &found.payload[..]).collect();
    assert_eq!(payloads, [&b"one"[..], b"two!!", b"three"]);
    assert!(found.iter().all(|(found, _)| found.path == "wifi"));
    assert_eq!(found[1].0.macs, Some((MAC_B, MAC_B)));
    assert!(trouble.is_empty(), "{trouble:?}");
    // A subframe longer than the frame.
    let mut long = [&header[..], &parts.concat()].concat();
    long[26 + parts[0].len() + 12] = 9;
    let (found, trouble) = decode_frame(&packet(105, &long));
    assert_eq!((found.len(), trouble), (1, vec![(Kind::Malformed, 1)]));
}

/// A netlink message of the packet filter that logs a packet, little- or big-endian.
pub(super) fn logged(packet: &[u8], big: bool) -> Vec<u8> {
    let order = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let whole = 20 + 8 + 4 + packet.len() as u16;
    let length = if big { [[0; 2], order(whole)].concat() } else { [order(whole), [0; 2]].concat() };
    let mut message = [&length[..], &order(0x0400), &[0; 10], &[2, 0, 0, 42]].concat();
    message.extend([&order(8)[..], &order(1), &[0; 4], &order(4 + packet.len() as u16), &order(9)].concat());
    message.extend(packet);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

#[test]
fn a_frame_of_several_logged_packets() {
    let head = [&[0; 14][..], &[0, 12]].concat();
    let (one, two) = (ip4(17, &udp(1, 2, b"a")), ip4(17, &udp(3, 4, b"bcdef")));
    let other = [&[20, 0, 0, 0, 3, 0][..], &[0; 14]].concat();
    for big in [false, true] {
        let frame = [&head[..], &logged(&one, big), &other, &logged(&two, big)].concat();
        let (found, trouble) = decode_frame(&packet(253, &frame));
        let short: Vec<_> = found.iter().map(|(found, own)| (&found.payload[..], *own)).collect();
        assert_eq!(short, [(&b"a"[..], 32 + 29), (&b"bcdef"[..], 32 + 33)], "{big}");
        assert!(trouble.is_empty(), "{trouble:?}");
        // Every cut gives what is whole, and one cut off by the snap length is counted.
        for cut in 16..frame.len() {
            let (cut_found, _) = decode_frame(&Packet { data: &frame[..cut], ..packet(253, &frame) });
            assert!(cut_found.len() <= 2);
            assert!(
                cut_found.iter().zip(&found).all(|((cut, _), (whole, _))| cut.transport == whole.transport)
            );
        }
    }
    // A length that is less than its own header, or more than the frame: what is there whole is given.
    for length in [0_u32, 15, 4000] {
        let mut frame = [&head[..], &logged(&one, false), &logged(&two, false)].concat();
        let at = 16 + logged(&one, false).len();
        frame[at..at + 4].copy_from_slice(&length.to_le_bytes());
        let (found, trouble) = decode_frame(&packet(253, &frame));
        assert_eq!((found.len(), trouble), (1, vec![(Kind::Malformed, 1)]), "{length}");
    }
}

#[test]
fn rare_links() {
    finds(7, &[&[1, 2, 0xd4, 0, 0, 1][..], &inner()].concat(), "");
    finds(129, &[&[1, 2, 0, 0, 0xd4, 0, 0, 1][..], &inner()].concat(), "");
    finds(7, &[&[1, 2, 0xd4, 0xff, 0xff, 0xff, 0xd4, 0, 0, 1][..], &inner()].concat(), "");
    finds(8, &[&[0; 16][..], &inner()].concat(), "");
    finds(107, &[&[0x18, 0x41, 3, 0xcc][..], &inner()].concat(), "");
    finds(107, &[&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0][..], &inner()].concat(), "");
    finds(107, &[&[0x18, 0x41, 8, 0][..], &inner()].concat(), "");
    finds(117, &[&[61, 2][..], &[0; 62], &inner()].concat(), "");
    finds(1, &ether(0x88e7, &[&[0; 4][..], &ether(0x0800, &inner())].concat()), "");
    let (length, kind) = ((inner().len() + 4) as u8, 10);
    let queued = [
        &[0; 14][..],
        &[0, 12],
        &[32 + length, 0, 0, 0],
        &[0, 3],
        &[0; 14],
        &[9, 0, 11, 0],
        &[7; 8],
        &[length, 0, kind, 0],
    ];
    finds(253, &[&queued.concat(), &inner()[..]].concat(), "");
    assert_eq!(decode(&packet(253, &[0; 60])), (None, vec![]));
    let frame = ether(0x0800, &inner());
    let mut erf = vec![0; 8];
    erf.extend([0x82, 4, 0, 99, 0, 0, 0, frame.len() as u8 + 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    finds(197, &[&erf, &frame, &[0xee; 7][..]].concat(), "");
}

#[test]
fn what_is_not_ip_is_no_trouble_and_unknown_links_are_counted() {
    assert_eq!(decode(&packet(1, &ether(0x0806, &[0; 28]))), (None, vec![]));
    assert_eq!(decode(&packet(1, &ether(0x88cc, &[0; 28]))), (None, vec![]));
    assert_eq!(decode(&packet(147, &[0; 60])), (None, vec![(Kind::Unsupported, 1)]));
    assert_eq!(decode(&packet(1, &ether(0x88e5, &[0; 60]))), (None, vec![(Kind::Unsupported, 1)]));
    assert_eq!(decode(&packet(101, &[0x50; 60])), (None, vec![(Kind::Malformed, 1)]));
    let all: Vec<Packet<'_>> = (1000..60_000).map(|link| packet(link, &[])).collect();
    let (_, trouble) = decode_all(&all);
    assert!(trouble.len() < 200, "{}", trouble.len());
    assert_eq!(trouble.iter().map(|(_, count)| count).sum::<u64>(), 59_000);
}

#[test]
fn counts_belong_to_their_capture() {
    let (mut decoder, mut log) = (Decoder::new(), Log::new());
    for (capture, frame) in [(0, 3), (0, 4), (1, 9)] {
        decoder.decode(&Packet { capture, frame, ..packet(147, &[0]) }, &mut log);
    }
    decoder.finish(&mut log);
    let entries = log.into_entries();
    let short: Vec<_> = entries.iter().map(|a| (a.capture, a.frame, a.count)).collect();
    assert_eq!(short, [(0, Some(3), 2), (1, Some(9), 1)]);
}
