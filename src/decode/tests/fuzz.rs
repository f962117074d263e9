//! Whatever the bytes and whatever the link, decoding ends without a panic and within the packet.

use super::build::*;
use super::links::logged;
use super::*;
use proptest::prelude::*;

fn packets() -> Vec<(u16, Vec<u8>)> {
    let frame = ether(0x0800, &inner());
    let vxlan = udp(9, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &frame].concat());
    let gtp =
        udp(9, 2152, &[&[0x34, 0xff, 0, 41, 0, 0, 0, 8, 0, 0, 0, 0x85, 1, 0, 0, 0][..], &inner()].concat());
    let fragment = ip4_raw(17, 36, 5, 1 << 13, &[], &[1; 16]);
    vec![
        (1, ether(0x0800, &ip4(6, &tcp(24, &[1; 8], &[7; 40])))),
        (
            1,
            ether(
                0x8100,
                &[
                    &[0, 5, 0x86, 0xdd][..],
                    &ip6(0, &[&[44, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 1][..], &[5; 24]].concat()),
                ]
                .concat(),
            ),
        ),
        (1, ether(0x8864, &[&[0x11, 0, 0, 7, 0, 50, 0, 0x21][..], &inner()].concat())),
        (1, ether(0x8847, &[&[0, 1, 1, 64, 0, 0, 0, 0][..], &frame].concat())),
        (113, [&[0; 14][..], &[8, 0], &ip4(17, &vxlan)].concat()),
        (101, ip4(17, &gtp)),
        (101, ip4(47, &[&[0xb0, 0, 0x65, 0x58, 1, 1, 0, 0, 0, 0, 0, 100, 0, 0, 0, 1][..], &frame].concat())),
        (101, fragment),
        (253, [&[0; 14][..], &[0, 12], &logged(&inner(), false), &logged(&inner(), false)].concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_packets_are_decoded_within_bounds(
        rounds in prop::collection::vec(
            (0..9_usize, prop::collection::vec((any::<usize>(), any::<u8>()), 0..5), any::<u16>(), 0..9_u8, prop::option::of(0..300_u16)),
            1..8,
        ),
    ) {
        let (mut decoder, mut log) = (Decoder::new(), Log::new());
        for (which, changes, cut, fcs_len, link) in rounds {
            let (usual, mut data) = packets().swap_remove(which);
            for (at, value) in changes {
                let at = at % data.len();
                data[at] = value;
            }
            let wire_len = data.len() as u32;
            let short = data.len() - usize::from(cut) % (data.len() * 2).max(1).min(data.len());
            let seen = Packet { fcs_len, wire_len, data: &data[..short], ..packet(link.unwrap_or(usual), &[]) };
            if let Some(layers) = decoder.decode(&seen, &mut log) {
                prop_assert!(layers.payload.len() <= layers.payload_len as usize);
                prop_assert!(u16::try_from(layers.payload.len()).is_ok());
            }
            let mut more = 0;
            while decoder.has_more() {
                more += 1;
                prop_assert!(more < 8);
                if let Some(layers) = decoder.decode_more(&seen) {
                    prop_assert!(layers.payload.len() <= layers.payload_len as usize);
                }
            }
        }
        decoder.finish(&mut log);
    }

    #[test]
    fn the_short_way_tells_what_the_long_one_does(
        which in 0..6_usize,
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        cut in 0..60_usize,
        beyond in 0..3_u32,
    ) {
        let frame = |next: u8, body: &[u8]| ether(0x0800, &ip4(next, body));
        let mut data = [
            frame(6, &tcp(24, &[1; 8], &[7; 40])),
            frame(17, &udp(5353, 53, b"a question")),
            frame(17, &udp(9, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &frame(6, &tcp(20, &[], b"x"))].concat())),
            ether(0x86dd, &ip6(6, &tcp(20, &[], b"over IPv6"))),
            ether(0x86dd, &ip6(0, &[&[17, 0, 0, 0, 0, 0, 0, 0][..], &udp(9, 99, b"behind options")].concat())),
            packets().swap_remove(1).1,
        ][which].clone();
        for (at, value) in changes {
            let at = at % data.len();
            data[at] = value;
        }
        let wire_len = data.len() as u32 + beyond;
        let seen = Packet { wire_len, data: &data[..data.len().saturating_sub(cut.saturating_sub(40))], ..packet(1, &[]) };
        if let Some(short) = usual::layers(&seen) {
            let mut decoder = Decoder::new();
            let long = decoder.walk(&seen).as_ref().map(|long| (Found::of(long), long.ttl, long.wire_len));
            prop_assert_eq!(Some((Found::of(&short), short.ttl, short.wire_len)), long);
            let mut log = Log::new();
            decoder.finish(&mut log);
            prop_assert_eq!(log.into_entries().len(), 0, "the short way passes over a trouble");
        }
    }

    #[test]
    fn noise_is_decoded_within_bounds(link in 0..300_u16, data in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut decoder, mut log) = (Decoder::new(), Log::new());
        if let Some(layers) = decoder.decode(&packet(link, &data), &mut log) {
            prop_assert!(layers.payload.len() <= data.len());
        }
    }
}
