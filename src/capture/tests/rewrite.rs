//! What is written is what was read.

use super::super::bytes::Order;
use super::super::pcapng::{Head, Options};
use super::super::writer::{MAX_TEXT, Writer};
use super::write::{Ng, Pcap};
use super::*;

/// Reads a capture and writes all of it again, as carving does it.
pub fn rewrite(bytes: &[u8]) -> Vec<u8> {
    let mut originals = open_bytes(bytes, 1 << 16).expect("a capture").originals();
    let (mut writer, mut interfaces, mut secrets) = (Writer::new(Vec::new()), Vec::new(), 0);
    while let Some(original) = originals.next_original() {
        if !writer.suits(original.description) {
            interfaces.clear();
            writer.section(original.description, "test", ["from a test"]).unwrap();
        }
        let known = interfaces.iter().find(|(of, _)| *of == original.interface).map(|(_, number)| *number);
        let number = known.unwrap_or_else(|| writer.interface(original.description).unwrap());
        interfaces.push((original.interface, number));
        for known in &original.secrets[secrets..] {
            writer.secrets(known).unwrap();
        }
        secrets = original.secrets.len();
        let frame = original.packet.frame;
        writer.packet(number, &original, &format!("frame {frame}")).unwrap();
    }
    writer.finish().unwrap()
}

/// Kind and body of every block.
fn blocks(bytes: &[u8], order: Order) -> Vec<(u32, Vec<u8>)> {
    let (mut rest, mut all) = (bytes, Vec::new());
    while !rest.is_empty() {
        let head = Head::of(rest, order).expect("a block");
        let (block, behind) = rest.split_at(head.length as usize);
        assert!(head.ends_well(block, order));
        all.push((head.kind, block[8..block.len() - 4].to_vec()));
        rest = behind;
    }
    all
}

/// Packets with their times in units of their interfaces and the lengths that are stated.
pub fn stated(bytes: &[u8]) -> Vec<(Option<u64>, u32, Seen)> {
    let mut originals = open_bytes(bytes, 1 << 16).expect("a capture").originals();
    let mut all = Vec::new();
    while let Some(original) = originals.next_original() {
        let packet = original.packet;
        let seen = Seen {
            frame: packet.frame,
            nanos: packet.time.0,
            link: packet.link.0,
            fcs_len: packet.fcs_len,
            wire_len: packet.wire_len,
            data: packet.data.to_vec(),
        };
        all.push((original.count, original.stated_len, seen));
    }
    all
}

fn captures() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::new();
    for order in [Order::Little, Order::Big] {
        all.push(("micro", Pcap::new(order, 0xa1b2_c3d4, 101).three().bytes));
        all.push(("nano", Pcap::new(order, 0xa1b2_3c4d, 1).three().bytes));
        all.push(("fcs", Pcap::new(order, 0xa1b2_c3d4, 0x2400_0001).three().bytes));
        all.push(("above a second", Pcap::new(order, 0xa1b2_c3d4, 1).packet(1, 2_000_000, 4, &[7; 4]).bytes));
        all.push(("cut by a snap length", Pcap::new(order, 0xa1b2_c3d4, 1).packet(1, 2, 400, &[7; 4]).bytes));
        all.push((
            "less on the wire than captured",
            Pcap::new(order, 0xa1b2_c3d4, 1).packet(1, 2, 3, &[7; 9]).bytes,
        ));
        all.push((
            "last moment",
            Pcap::new(order, 0xa1b2_3c4d, 1).packet(u32::MAX, 999_999_999, 1, &[0]).bytes,
        ));
        all.push(("pcapng", Ng::three(order).bytes));
        let offset = if order == Order::Big { 5_i64.to_be_bytes() } else { 5_i64.to_le_bytes() };
        for (resolution, count) in
            [(9, 600_000_004_123_456_789), (0x8a, 1_600_000_000 * 1024 + 513), (0xa0, 7 << 33)]
        {
            let ng = Ng::new(order).interface(
                113,
                96,
                &[(2, b"eth7"), (9, &[resolution]), (14, &offset), (13, &[32])],
            );
            all.push(("resolution", ng.enhanced(0, count, 700, &[1; 61], &[]).bytes));
        }
        let ng = Ng::new(order).interface(1, 0, &[(2, b"a")]).interface(101, 0, &[(2, b"b"), (9, &[9])]);
        let ng = ng.enhanced(1, 5, 1, &[1], &[]).enhanced(0, 6, 1, &[2], &[]).obsolete(1, 7, 4, &[3; 4]);
        let ng = ng.section(order).interface(113, 0, &[(2, b"c")]).enhanced(0, 8, 2, &[4; 2], &[]);
        all.push(("several interfaces and sections", ng.bytes));
        let (one, two) =
            (Pcap::new(order, 0xa1b2_c3d4, 1).three(), Pcap::new(order, 0xa1b2_c3d4, 101).three());
        all.push(("appended", [one.bytes, two.bytes].concat()));
    }
    all.push(("a log", super::ascend::log()));
    all
}

#[test]
fn every_packet_comes_back_as_it_was() {
    for (name, bytes) in captures() {
        let (before, written) = (stated(&bytes), rewrite(&bytes));
        assert!(!before.is_empty(), "{name}");
        assert_eq!(stated(&written), before, "{name}");
        assert_eq!(rewrite(&bytes), written, "{name}");
        let whole = read(&written);
        let damaged =
            whole.anomalies.iter().filter(|anomaly| !matches!(anomaly.kind, Kind::Snapped | Kind::ClockStep));
        assert_eq!(damaged.count(), 0, "{name}: {:?}", whole.anomalies);
        assert_eq!(
            (whole.info.format.as_str(), whole.info.packets as usize),
            ("pcapng", before.len()),
            "{name}"
        );
    }
}

/// The whole of a small file, as the format has it.
#[test]
fn the_bytes_are_those_of_the_format() {
    for order in [Order::Little, Order::Big] {
        let written = rewrite(&Pcap::new(order, 0xa1b2_3c4d, 1).packet(3, 4, 9, &[1, 2, 3, 4, 5]).bytes);
        let comment = Ng { order, bytes: Vec::new() };
        let mut section =
            [&write::u32(order, 0x1a2b_3c4d)[..], &write::u16(order, 1), &write::u16(order, 0)].concat();
        section.extend([0xff; 8]);
        section.extend([comment.option(1, b"from a test"), comment.option(4, b"test"), vec![0; 4]].concat());
        let mut interface = [&write::u16(order, 1)[..], &[0; 2], &write::u32(order, 65_535)].concat();
        interface.extend([comment.option(9, &[9]), vec![0; 4]].concat());
        let packet = [0, 0, 3_000_000_004, 5, 9].map(|word| write::u32(order, word)).concat();
        let packet =
            [&packet[..], &[1, 2, 3, 4, 5, 0, 0, 0], &comment.option(1, b"frame 1"), &[0; 4]].concat();
        let expected = Ng { order, bytes: Vec::new() };
        let expected = expected.block(0x0a0d_0d0a, &section).block(1, &interface).block(6, &packet);
        assert_eq!(written, expected.bytes, "{order:?}");
    }
}

#[test]
fn interfaces_and_packets_keep_their_options() {
    for order in [Order::Little, Order::Big] {
        let ng = Ng::new(order);
        let flags = ng.option(2, &write::u32(order, 0b10 | 4 << 5));
        let (comment, never) = (ng.option(1, b"seen by a tap"), ng.option(19_373, &[1; 9]));
        let options = [&never[..], &comment, &flags, &[0; 4], b"beyond the end"].concat();
        let ng =
            ng.interface(1, 0, &[(2, b"eth0"), (3, b"uplink"), (6, &[2, 0, 0, 0, 0, 1]), (19_372, b"x")]);
        let written = rewrite(&ng.enhanced(0, 5, 60, &[9; 60], &options).bytes);
        let [_, (1, interface), (6, packet)] = &blocks(&written, order)[..] else { panic!("blocks") };
        let kept: Vec<_> = Options::new(&interface[8..], order).collect();
        assert_eq!(kept, [(2, &b"eth0"[..]), (3, b"uplink"), (6, &[2, 0, 0, 0, 0, 1])]);
        let kept: Vec<_> = Options::new(&packet[80..], order).collect();
        let flags = write::u32(order, 0b10 | 4 << 5);
        assert_eq!(kept, [(1, &b"frame 1"[..]), (1, b"seen by a tap"), (2, &flags)]);
        assert_eq!(read(&written).packets[0].fcs_len, 4);
    }
}

/// Options that are cut or claim too much end the options, and nothing else.
#[test]
fn broken_options_are_left_out() {
    let ng = Ng::new(Order::Little);
    let good = ng.option(1, b"good");
    for broken in [&[9, 9, 9][..], &[2, 0, 200, 0, 1, 2, 3, 4], &[1, 0, 0xff, 0xff]] {
        let options = [&good[..], broken].concat();
        let file = ng.clone().interface(1, 0, &[]).enhanced(0, 5, 4, &[9; 4], &options);
        let written = rewrite(&file.bytes);
        let block = blocks(&written, Order::Little).pop().expect("a packet").1;
        let kept: Vec<_> = Options::new(&block[24..], Order::Little).collect();
        assert_eq!(kept, [(1, &b"frame 1"[..]), (1, b"good")], "{broken:?}");
    }
}

#[test]
fn a_packet_without_time_has_that_of_the_one_before() {
    let ng = Ng::new(Order::Little).interface(1, 3, &[(9, &[9])]).enhanced(0, 77, 4, &[1; 4], &[]);
    let written = rewrite(&ng.simple(60, &[8; 3]).bytes);
    let (count, wire_len, seen) = stated(&written).pop().expect("a packet");
    assert_eq!((count, wire_len, seen.data), (Some(77), 60, vec![8; 3]));
}

#[test]
fn byte_orders_are_sections() {
    let mixed =
        Ng::three(Order::Little).section(Order::Big).interface(101, 0, &[]).enhanced(0, 1, 1, &[5], &[]);
    let written = rewrite(&mixed.bytes);
    assert_eq!(stated(&written), stated(&mixed.bytes));
    assert_eq!(written.windows(4).filter(|four| *four == [0x0a, 0x0d, 0x0d, 0x0a]).count(), 2);
}

#[test]
fn a_text_too_long_for_an_option_is_cut_between_characters() {
    let bytes = Pcap::usual().three().bytes;
    let mut originals = open_bytes(&bytes, 1 << 16).expect("a capture").originals();
    let original = originals.next_original().expect("a packet");
    let mut writer = Writer::new(Vec::new());
    writer.section(original.description, "test", [&*"é".repeat(MAX_TEXT)]).unwrap();
    let written = writer.finish().unwrap();
    let block = blocks(&written, Order::Little).pop().expect("a section").1;
    let kept: Vec<_> = Options::new(&block[16..], Order::Little).collect();
    let text = std::str::from_utf8(kept[0].1).expect("UTF-8");
    assert_eq!((kept.len(), text.chars().count()), (2, MAX_TEXT / 2));
}

/// Interfaces of sections that are over are forgotten, and numbers are never given twice.
#[test]
fn interfaces_are_numbered_over_sections() {
    let ng = Ng::new(Order::Little).interface(1, 0, &[]).interface(1, 0, &[]).enhanced(1, 5, 1, &[1], &[]);
    let ng = ng.section(Order::Little).interface(101, 0, &[]).enhanced(0, 6, 1, &[1], &[]);
    let mut originals = open_bytes(&ng.bytes, 1 << 16).expect("a capture").originals();
    let mut numbers = Vec::new();
    while let Some(original) = originals.next_original() {
        numbers.push((original.interface, original.description.link));
    }
    assert_eq!(numbers, [(1, 1), (2, 101)]);
}

/// Keys come before the packets that they are for, whatever the byte order; broken blocks of them are left out.
#[test]
fn decryption_secrets_come_along() {
    let block = |order, length: u32, data: &[u8]| {
        [&write::u32(order, 0x544c_534b)[..], &write::u32(order, length), data].concat()
    };
    let ng = Ng::three(Order::Big).block(0xa, &block(Order::Big, 5, b"key 1")).section(Order::Little);
    let ng = ng.block(0xa, &block(Order::Little, 3, b"2nd")).block(0xa, &block(Order::Little, 99, b"cut"));
    let ng = ng
        .block(0xa, &[])
        .interface(1, 0, &[])
        .enhanced(0, 1, 1, &[5], &[])
        .block(0xa, &block(Order::Little, 1, b"x"));
    let written = rewrite(&ng.bytes);
    let little = written.windows(4).rposition(|four| *four == [0x0a, 0x0d, 0x0d, 0x0a]);
    let kinds: Vec<u32> =
        blocks(&written[..little.unwrap()], Order::Big).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [0x0a0d_0d0a, 1, 6, 6, 6]);
    let all = blocks(&written[little.unwrap()..], Order::Little);
    assert_eq!(all.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 0xa, 0xa, 6]);
    assert_eq!(all[2].1, block(Order::Little, 5, b"key 1\0\0\0"));
    assert_eq!(all[3].1, block(Order::Little, 3, b"2nd\0"));
}
