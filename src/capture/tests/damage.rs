//! Captures that are cut or damaged.

use super::super::bytes::Order;
use super::write::{Ng, Pcap, u32};
use super::*;

/// The ends of records of a file, its header the first.
fn ends(file: &[u8], lengths: &[usize]) -> Vec<usize> {
    let first = file.len() - lengths.iter().sum::<usize>();
    lengths
        .iter()
        .scan(first, |at, length| {
            *at += length;
            Some(*at)
        })
        .collect()
}

#[test]
fn a_cut_at_any_byte_keeps_what_came_before() {
    let files = [
        (Pcap::usual().three().bytes, vec![76, 21, 106], 24),
        (Ng::three(Order::Big).bytes, vec![28, 20, 92, 40, 124], 12),
    ];
    for (file, lengths, shortest) in files {
        let ends = ends(&file, &lengths);
        let packets = read(&file).packets;
        for cut in shortest..file.len() {
            let whole = read(&file[..cut]);
            let kept = ends.iter().rev().take(3).filter(|&&end| end <= cut).count();
            assert_eq!(whole.packets, packets[..kept], "{cut}");
            let start = ends
                .iter()
                .rev()
                .find(|&&end| end <= cut)
                .copied()
                .unwrap_or(file.len() - lengths.iter().sum::<usize>());
            if cut == start {
                assert!(whole.anomalies.is_empty(), "{cut}");
            } else {
                assert_eq!(whole.info.truncated_at, Some(start as u64), "{cut}");
                assert_eq!(whole.count(Kind::Truncated), 1, "{cut}");
                assert_eq!(whole.count(Kind::Damaged), 0, "{cut}");
            }
        }
    }
}

#[test]
fn a_record_that_claims_four_gigabytes_is_left_behind() {
    let mut file = Pcap::usual().three();
    let at = file.bytes.len();
    file.bytes.extend([1_000_003, 0, 0xffff_fff0, 60].map(|word| u32(Order::Little, word)).concat());
    file.bytes.extend([9; 33]);
    let end = read(&file.bytes);
    assert_eq!((end.frames(), end.info.truncated_at), (vec![1, 2, 3], Some(at as u64)));
    assert_eq!(end.count(Kind::Damaged), 1);
    let middle = read(&file.packet(1_000_004, 0, 60, &[4; 60]).packet(1_000_005, 0, 60, &[5; 60]).bytes);
    assert_eq!(middle.frames(), [1, 2, 3, 4, 5]);
    assert_eq!((middle.packets[3].data[0], middle.info.truncated_at), (4, None));
    let damage = middle.anomalies.iter().find(|anomaly| anomaly.kind == Kind::Damaged).expect("damage");
    assert_eq!((damage.frame, damage.count), (Some(3), 1));
    assert!(damage.what.ends_with(&format!("first at byte {at}")), "{}", damage.what);
}

#[test]
fn a_capture_appended_to_another_is_read() {
    let second = Pcap::new(Order::Little, 0xa1b2_c3d4, 101).three().bytes;
    let whole = read(&[Pcap::usual().three().bytes, second].concat());
    assert_eq!(whole.frames(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(whole.packets.iter().map(|p| p.link).collect::<Vec<_>>(), [1, 1, 1, 101, 101, 101]);
    assert_eq!(whole.count(Kind::Damaged), 1);
}

#[test]
fn long_messages_are_passed_over_where_the_link_type_has_them() {
    let long = vec![0; 300_000];
    let message =
        read(&Pcap::new(Order::Little, 0xa1b2_c3d4, 231).packet(1, 0, 300_000, &long).three().bytes);
    assert_eq!((message.frames(), message.count(Kind::Limit)), (vec![2, 3, 4], 1));
    let packet = read(&Pcap::usual().packet(1_000_000, 0, 300_000, &long).three().bytes);
    assert_eq!((packet.frames(), packet.count(Kind::Damaged)), (vec![1, 2, 3], 1));
}

#[test]
fn blocks_with_impossible_lengths_are_left_behind() {
    for order in [Order::Little, Order::Big] {
        let good = Ng::three(order);
        let at = good.bytes.len();
        for length in [0_u32, 8, 0x0fff_fff0, 0xffff_fffc, 0xffff_ffff, 20 << 20] {
            for kind in [6, 1, 0x0a0d_0d0a, 77] {
                let mut bad = good.clone();
                bad.bytes.extend([u32(order, kind), u32(order, length)].concat());
                bad.bytes.extend([0x77; 21]);
                let end = read(&bad.bytes);
                assert_eq!(
                    (end.frames(), end.info.truncated_at),
                    (vec![1, 2, 3], Some(at as u64)),
                    "{kind} {length}"
                );
                let known = kind != 77 && length == 20 << 20 && kind != 0x0a0d_0d0a;
                let middle = read(&bad.enhanced(0, 1_000_003_000_000, 4, &[4; 4], &[]).bytes);
                // A long block of a known type is believed: there may be such.
                let expected = if known { 3 } else { 4 };
                assert_eq!(middle.packets.len(), expected, "{kind} {length}");
            }
        }
    }
}

#[test]
fn a_block_that_contradicts_itself_is_left_behind() {
    let order = Order::Little;
    let start = Ng::three(order).bytes.len();
    let whole = |at: usize, value: u32| {
        let mut file = Ng::three(order).enhanced(0, 1_000_003_000_000, 8, &[4; 8], &[]);
        file.bytes[start + at..start + at + 4].copy_from_slice(&u32(order, value));
        read(&file.enhanced(0, 1_000_004_000_000, 8, &[5; 8], &[]).bytes)
    };
    // Captured length above the block, an interface that is not there: the block keeps its number.
    for (at, value) in [(20, 4000), (20, 0xffff_ffff), (8, 1), (8, 0xffff_ffff)] {
        let whole = whole(at, value);
        assert_eq!((whole.frames(), whole.count(Kind::Damaged)), (vec![1, 2, 3, 5], 1), "{at} {value}");
    }
    // A length at the end that differs: no block.
    let whole = whole(36, 44);
    assert_eq!((whole.frames(), whole.count(Kind::Damaged)), (vec![1, 2, 3, 4], 1));
    assert_eq!(whole.packets[3].data, [5; 8]);
}

#[test]
fn garbage_between_blocks_is_searched_to_the_next_section() {
    let mut file = Ng::three(Order::Little);
    file.bytes.extend([0; 1021]);
    let whole = read(&[file.bytes, Ng::three(Order::Big).bytes].concat());
    assert_eq!(whole.frames(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(whole.count(Kind::Damaged), 1);
}

#[test]
fn a_section_of_an_unknown_version_is_passed_over() {
    let mut unknown = Ng::three(Order::Little).bytes;
    unknown[12] = 2;
    let whole = read(&[unknown, Ng::three(Order::Little).bytes].concat());
    assert_eq!(whole.packets.len(), 3);
    assert_eq!(whole.count(Kind::Damaged), 1);
}

/// Gives some bytes, then an error.
struct Failing(io::Cursor<Vec<u8>>);

impl io::Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::Error::other("the disk is broken")),
            n => Ok(n),
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_further_keeps_what_came_before() {
    let file = Pcap::usual().three().bytes;
    let cut = file.len() as u64 - 50;
    for length in [file.len() - 50, file.len()] {
        let failing = Failing(io::Cursor::new(file[..length].to_vec()));
        let opened = recognise(Input::new(Box::new(failing), true), "x", 0, 64);
        let Ok(Opened::Packets(reader)) = opened else { panic!("not opened") };
        let whole = drain(reader);
        assert_eq!(whole.count(Kind::Damaged), 1);
        assert_eq!(whole.packets.len(), if length as u64 == cut { 2 } else { 3 });
        assert!(whole.info.truncated_at.is_some());
    }
}
