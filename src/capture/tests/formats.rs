//! What the formats say.

use super::super::bytes::Order;
use super::write::{Ng, Pcap};
use super::*;

const SECOND: i64 = 1_000_000_000;

#[test]
fn pcap_in_both_orders_and_resolutions() {
    for order in [Order::Little, Order::Big] {
        for (magic, unit, name) in [(0xa1b2_c3d4, 1000, "pcap"), (0xa1b2_3c4d, 1, "pcap-ns")] {
            let whole = read(&Pcap::new(order, magic, 101).three().bytes);
            assert_eq!(whole.info.format, name);
            assert_eq!(whole.frames(), [1, 2, 3]);
            assert_eq!(whole.packets[1].nanos, 1_000_001 * SECOND + 2 * unit);
            assert_eq!(whole.packets[2].data, [3; 90]);
            assert_eq!((whole.packets[0].link, whole.packets[0].fcs_len), (101, 0));
            assert_eq!(whole.info.link_types, [101]);
            assert_eq!(whole.info.first.map(|t| t.0), Some(1_000_000 * SECOND + unit));
            assert_eq!(whole.info.last.map(|t| t.0), Some(1_000_002 * SECOND + 3 * unit));
            assert!(whole.anomalies.is_empty(), "{:?}", whole.anomalies);
        }
    }
}

#[test]
fn pcap_variants_are_told_apart() {
    for order in [Order::Little, Order::Big] {
        for (magic, extra) in [(0xa1b2_cd34, 8), (0xa1b2_cd34, 12), (0xa1b2_c3d4, 4), (0xa1b2_c3d4, 8)] {
            let mut file = Pcap::new(order, magic, 1);
            file.extra = extra;
            let whole = read(&file.three().bytes);
            assert_eq!(whole.info.format, "pcap-modified", "{magic:x} {extra}");
            assert_eq!(whole.packets.iter().map(|p| p.data.len()).collect::<Vec<_>>(), [60, 5, 90]);
        }
    }
}

#[test]
fn the_link_type_word_states_the_fcs() {
    let fcs = |word| read(&Pcap::new(Order::Big, 0xa1b2_c3d4, word).three().bytes).packets[0].fcs_len;
    assert_eq!((fcs(0x2400_0001), fcs(0x2000_0001)), (4, 0));
}

#[test]
fn old_versions_have_their_lengths_the_other_way_round() {
    let mut bytes = Pcap::usual().bytes;
    bytes[6] = 2;
    bytes.extend([[1, 0, 0, 0], [0; 4], [9, 0, 0, 0], [4, 0, 0, 0]].concat());
    bytes.extend([5; 4]);
    let whole = read(&bytes);
    assert_eq!((whole.packets[0].wire_len, &whole.packets[0].data[..]), (9, &[5; 4][..]));
}

#[test]
fn fractions_above_a_second_are_carried() {
    let whole = read(&Pcap::usual().packet(1, 2_000_000, 1, &[0]).bytes);
    assert_eq!(whole.packets[0].nanos, 3 * SECOND);
}

#[test]
fn an_original_length_below_the_captured_one_is_raised() {
    let whole = read(&Pcap::usual().packet(1, 0, 10, &[0; 42]).bytes);
    assert_eq!(whole.packets[0].wire_len, 42);
    assert_eq!(whole.count(Kind::Snapped), 0);
}

#[test]
fn snapped_packets_and_clock_steps_are_counted() {
    let file = Pcap::usual()
        .packet(100, 0, 1500, &[0; 60])
        .packet(99, 0, 60, &[0; 60])
        .packet(97, 0, 0x600, &[])
        .packet(200, 0, 60, &[0; 60]);
    let whole = read(&file.bytes);
    assert_eq!(whole.count(Kind::Snapped), 2);
    assert_eq!(whole.count(Kind::ClockStep), 1);
    let step = whole.anomalies.iter().find(|anomaly| anomaly.kind == Kind::ClockStep).expect("a step");
    assert_eq!((step.frame, step.capture), (Some(3), 7));
    assert_eq!(whole.info.first.map(|t| t.0), Some(97 * SECOND));
}

#[test]
fn a_header_alone_is_a_capture_without_packets() {
    for bytes in [Pcap::usual().bytes, Ng::new(Order::Big).bytes] {
        let whole = read(&bytes);
        assert_eq!((whole.info.packets, whole.info.first, whole.info.truncated_at), (0, None, None));
        assert!(whole.anomalies.is_empty());
    }
}

#[test]
fn what_is_no_capture_says_what_it_starts_with() {
    let error = |bytes: &[u8]| open_bytes(bytes, 64).err().expect("no capture").to_string();
    assert!(error(b"").starts_with("the file is empty"));
    assert!(error(b"MZ not a capture").contains("\"MZ not a capture\""));
    assert!(error(b"\n\n <!DOCTYPE html>\n<html>").contains("the text \"<!DOCTYPE html>\\n\","));
    assert!(error(&[0xd0, 0xcf, 0x11, 0xe0]).contains("bytes d0 cf 11 e0"));
    assert!(error(b"PK\x03\x04....").starts_with("ZIP files"));
    assert!(error(&Pcap::usual().bytes[..23]).starts_with("the capture ends inside its file header"));
}

#[test]
fn frames_are_numbered_over_sections_of_either_order() {
    let file = Ng::three(Order::Little)
        .section(Order::Big)
        .interface(101, 0, &[])
        .interface(113, 0, &[])
        .enhanced(1, 2_000_000_000_000, 4, &[4; 4], &[])
        .section(Order::Little)
        .interface(1, 0, &[])
        .obsolete(0, 3_000_000_000_000, 6, &[5; 6]);
    let whole = read(&file.bytes);
    assert_eq!(whole.frames(), [1, 2, 3, 4, 5]);
    assert_eq!(whole.packets.iter().map(|p| p.link).collect::<Vec<_>>(), [1, 1, 1, 113, 1]);
    assert_eq!(whole.packets[4].nanos, 3_000_000 * SECOND);
    assert_eq!(whole.info.link_types, [1, 101, 113]);
    assert_eq!((whole.info.format.as_str(), whole.info.packets), ("pcapng", 5));
    assert!(whole.anomalies.is_empty(), "{:?}", whole.anomalies);
}

#[test]
fn blocks_that_wireshark_counts_take_a_number() {
    let mut file = Ng::three(Order::Little);
    for kind in [9, 0x204, 0x216, 0x221, 0xbad, 0x4000_0bad] {
        file = file.block(kind, &[0; 16]);
    }
    for kind in [4, 5, 0xa, 0x208, 0x8000_0001, 77] {
        file = file.block(kind, &[0; 16]);
    }
    let whole = read(&file.enhanced(0, 1_000_003_000_000, 1, &[9], &[]).bytes);
    assert_eq!(whole.frames(), [1, 2, 3, 10]);
    assert_eq!(whole.info.packets, 10);
}

#[test]
fn time_resolutions_of_both_bases_and_offsets_in_both_orders() {
    for order in [Order::Little, Order::Big] {
        let offset = if order == Order::Big {
            1_000_000_000_i64.to_be_bytes()
        } else {
            1_000_000_000_i64.to_le_bytes()
        };
        let file = Ng::new(order)
            .interface(1, 0, &[(9, &[0x8a])])
            .interface(1, 0, &[(9, &[9]), (14, &offset), (0, &[])])
            .interface(1, 0, &[(9, &[0])])
            .interface(1, 0, &[(9, &[0x7f])])
            .interface(1, 0, &[(9, &[0xff])])
            .enhanced(0, 1_600_000_000 * 1024 + 512, 1, &[0], &[])
            .enhanced(1, 600_000_004_123_456_789, 1, &[0], &[])
            .enhanced(2, 1_600_000_005, 1, &[0], &[])
            .enhanced(3, u64::MAX, 1, &[0], &[])
            .enhanced(4, u64::MAX, 1, &[0], &[]);
        let times: Vec<i64> = read(&file.bytes).packets.iter().map(|packet| packet.nanos).collect();
        assert_eq!(
            times[..3],
            [1_600_000_000_500_000_000, 1_600_000_004_123_456_789, 1_600_000_005 * SECOND]
        );
        // Units of 10^-127 and 2^-127 seconds are nonsense; what they give is bounded.
        assert_eq!(times[3..], [1_844_674_407, 1_999_999_999]);
    }
}

#[test]
fn fcs_of_an_interface_and_of_a_packet() {
    let file = Ng::new(Order::Big).interface(1, 0, &[(13, &[32])]);
    let flags = file.option(2, &(2_u32 << 5).to_be_bytes());
    let comment = [file.option(1, b"a comment"), flags].concat();
    let file = file.enhanced(0, 1, 8, &[0; 8], &[]).enhanced(0, 1, 7, &[0; 7], &comment);
    let whole = read(&file.bytes);
    assert_eq!(whole.packets.iter().map(|p| p.fcs_len).collect::<Vec<_>>(), [4, 2]);
}

#[test]
fn simple_packets_are_cut_by_the_snap_length_and_carry_the_time_before() {
    let file = Ng::new(Order::Little)
        .interface(1, 30, &[])
        .simple(42, &[7; 30])
        .enhanced(0, 5_000_000, 4, &[1; 4], &[])
        .simple(6, &[8; 6]);
    let whole = read(&file.bytes);
    assert_eq!((whole.packets[0].wire_len, whole.packets[0].data.len(), whole.packets[0].nanos), (42, 30, 0));
    assert_eq!((&whole.packets[2].data[..], whole.packets[2].nanos), (&[8; 6][..], 5 * SECOND));
    assert_eq!(whole.info.first.map(|t| t.0), Some(5 * SECOND));
    assert_eq!(whole.count(Kind::Snapped), 1);
}

#[test]
fn lengths_that_are_no_multiple_of_four_are_rounded_up() {
    let mut file = Ng::three(Order::Little);
    let at = file.bytes.len();
    file = file.enhanced(0, 1_000_003_000_000, 42, &[4; 42], &[]);
    let (length, end) = (file.bytes[at + 4] - 2, file.bytes.len());
    file.bytes[at + 4] = length;
    file.bytes[end - 4] = length;
    let whole = read(&file.enhanced(0, 1_000_003_000_000, 1, &[5], &[]).bytes);
    assert_eq!(whole.frames(), [1, 2, 3, 4, 5]);
    assert!(whole.anomalies.is_empty(), "{:?}", whole.anomalies);
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let big = Pcap::usual().three().packet(1_000_003, 0, 200_000, &vec![6; 200_000]).three();
    for file in [Ng::three(Order::Big).bytes, big.bytes] {
        let whole = read(&file);
        for piece in [1, 7, 64, 4096] {
            // A piece of a byte is slow and proves no more on the big file.
            if file.len() / piece < 5_000 {
                let again = drain(open_bytes(&file, piece).expect("a capture"));
                assert_eq!(
                    (again.packets, again.info),
                    (whole.packets.clone(), whole.info.clone()),
                    "{piece}"
                );
            }
        }
    }
}

/// A snoop file with a packet of 5 bytes, of which 9 were on the wire.
pub fn snoop(version: u8, link: u8) -> Vec<u8> {
    let mut bytes = [&b"snoop\0\0\0"[..], &[0, 0, 0, version, 0, 0, 0, link]].concat();
    let words = [9_u32, 5, 32, 0, 1_000_000, 7].map(u32::to_be_bytes);
    bytes.extend(words.concat());
    bytes.extend([b"fiver"[..].to_vec(), vec![0; 3]].concat());
    bytes
}

/// An ERF record of a type, with Ethernet.
pub fn erf(kind: u8, half: u32, data: &[u8]) -> Vec<u8> {
    let length = (18 + data.len()) as u16;
    let time = [half.to_le_bytes(), 1_000_000_000_u32.to_le_bytes()].concat();
    let wire = (data.len() as u16).to_be_bytes();
    [&time[..], &[kind, 4], &length.to_be_bytes(), &[0, 0], &wire, &[0, 0], data].concat()
}

#[test]
fn snoop_is_read() {
    let one = snoop(2, 4);
    let whole = read(&[&one[..], &one[16..]].concat());
    assert_eq!((whole.info.format.as_str(), whole.frames()), ("snoop", vec![1, 2]));
    let first = &whole.packets[0];
    assert_eq!((first.link, first.wire_len, &first.data[..]), (1, 9, &b"fiver"[..]));
    assert_eq!(first.nanos, 1_000_000 * SECOND + 7000);
    assert!(matches!(open_bytes(&snoop(3, 4), 1 << 16), Err(Error::NotACapture(_))));
    let mut short = one.clone();
    short[27] = 20;
    let whole = read(&short);
    assert_eq!((whole.packets.len(), whole.count(Kind::Damaged)), (0, 1));
    let whole = read(&one[..one.len() - 4]);
    assert_eq!((whole.packets.len(), whole.count(Kind::Truncated)), (0, 1));
}

#[test]
fn erf_is_read_and_told_by_more_than_one_record() {
    let file = [erf(2, 1 << 31, &[1; 60]), erf(48, 0, &[0; 6]), erf(2, 0, &[2; 70])].concat();
    let whole = read(&file);
    assert_eq!((whole.info.format.as_str(), whole.frames()), ("erf", vec![1, 2]));
    assert_eq!((whole.packets[0].link, whole.packets[0].data.len()), (197, 78));
    assert_eq!(whole.packets[0].nanos, 1_000_000_000 * SECOND + SECOND / 2);
    // What follows the first record is none.
    let noise = [&erf(2, 0, &[1; 60])[..], &[0; 40]].concat();
    assert!(open_bytes(&noise, 1 << 16).is_err());
}

#[test]
fn iptrace_is_read() {
    // Seconds, name of the interface, its type, direction; in version 2 the time once more, with nanoseconds.
    let record = |two: bool, kind: u8, data: &[u8]| {
        let rest = if two { 32 } else { 22 };
        let mut bytes = (rest + data.len() as u32).to_be_bytes().to_vec();
        bytes.extend([&1000_u32.to_be_bytes()[..], &[0; 20], &[kind, 1]].concat());
        if two {
            bytes.extend([&[0; 2][..], &2000_u32.to_be_bytes(), &7_u32.to_be_bytes()].concat());
        }
        [&bytes[..], data].concat()
    };
    for (two, version, nanos) in [(false, "1.0", 1000 * SECOND), (true, "2.0", 2000 * SECOND + 7)] {
        let parts = [record(two, 6, &[1; 60]), record(two, 9, &[2; 50]), record(two, 99, b"")];
        let file = [b"iptrace ", version.as_bytes(), &parts.concat()].concat();
        let whole = read(&file);
        assert_eq!((whole.info.format.as_str(), whole.frames()), ("iptrace", vec![1, 2, 3]));
        let found: Vec<_> =
            whole.packets.iter().map(|p| (p.link, p.data.len(), p.wire_len, p.nanos)).collect();
        assert_eq!(found, [(1, 60, 60, nanos), (6, 50, 50, nanos), (u16::MAX, 0, 0, nanos)]);
        assert!(whole.anomalies.is_empty());
        assert_eq!(read(&file[..file.len() - 1]).count(Kind::Truncated), 1);
        // A length that is less than the header.
        let short = [b"iptrace ", version.as_bytes(), &[0, 0, 0, 9], &[0; 60]].concat();
        assert_eq!((read(&short).packets.len(), read(&short).count(Kind::Damaged)), (0, 1));
    }
}

/// A Network Monitor file of these records, with a table of frames behind them.
fn netmon(magic: [u8; 4], minor: u8, medium: u16, records: &[u8]) -> Vec<u8> {
    let time = [2026_u16, 3, 0, 4, 5, 6, 7, 8].map(u16::to_le_bytes).concat();
    let table = 128 + records.len() as u32;
    let major = if &magic == b"RTSS" { 1 } else { 2 };
    let mut file = [&magic[..], &[minor, major], &medium.to_le_bytes(), &time, &table.to_le_bytes()].concat();
    file.resize(128, 0);
    file.extend(records);
    file.extend([0xee; 12]);
    file
}

#[test]
fn network_monitor_files_are_read() {
    let start: Timestamp = "2026-03-04T05:06:07.008Z".parse().expect("a time");
    let one = |millis: u32, data: &[u8]| {
        let lengths = [9_u16, data.len() as u16].map(u16::to_le_bytes).concat();
        [&millis.to_le_bytes()[..], &lengths, data].concat()
    };
    let whole = read(&netmon(*b"RTSS", 0, 2, &[one(0, b"fiver"), one(1500, b"six...")].concat()));
    assert_eq!((whole.info.format.as_str(), whole.frames()), ("netmon", vec![1, 2]));
    let second = &whole.packets[1];
    assert_eq!((second.link, second.wire_len, &second.data[..]), (6, 9, &b"six..."[..]));
    assert_eq!(second.nanos, start.0 + 1500 * SECOND / 1000);
    assert!(whole.anomalies.iter().all(|anomaly| anomaly.kind == Kind::Snapped), "{:?}", whole.anomalies);
    // Version 2: microseconds, and behind the packet its medium, a process, a time.
    for (minor, trailer) in [(0, 0), (1, 2), (2, 6), (3, 15)] {
        let two = |medium: u16, data: &[u8]| {
            let lengths = [data.len() as u32; 2].map(u32::to_le_bytes).concat();
            let mut more = medium.to_le_bytes().to_vec();
            more.resize(15, 0xdd);
            [&7_u64.to_le_bytes()[..], &lengths, data, &more[..trailer]].concat()
        };
        let records = [two(1, b"fiver"), two(0xe065, b"raw"), two(9, b"x")].concat();
        let file = netmon(*b"GMBU", minor, 1, &records);
        let whole = read(&file);
        let found: Vec<_> = whole.packets.iter().map(|p| (p.link, p.data.len(), p.nanos - start.0)).collect();
        let links = if minor == 0 { [1, 1, 1] } else { [1, 101, u16::MAX] };
        assert_eq!(found, [(links[0], 5, 7000), (links[1], 3, 7000), (links[2], 1, 7000)], "2.{minor}");
        assert!(whole.anomalies.is_empty(), "{:?}", whole.anomalies);
        // Cut within the last packet.
        let cut = read(&file[..128 + records.len() - trailer - 1]);
        assert_eq!((cut.packets.len(), cut.count(Kind::Truncated)), (2, 1));
        let mut long = file.clone();
        long[128 + 12..128 + 16].fill(0xff);
        assert_eq!((read(&long).packets.len(), read(&long).count(Kind::Damaged)), (0, 1));
    }
}

#[test]
fn captures_of_other_programs_are_named() {
    for (magic, name) in [("GMBU", "Microsoft Network Monitor"), ("iptrace 3.0", "AIX iptrace")] {
        let error = open_bytes(&[magic.as_bytes(), &[0; 40]].concat(), 1 << 16).err().expect("refused");
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

/// What stands behind the mark of the end is no option.
#[test]
fn options_end_at_their_mark() {
    let resolution: &[(u16, &[u8])] = &[(2, b"eth0"), (0, &[]), (9, &[9]), (13, &[32])];
    let whole = read(&Ng::new(Order::Big).interface(1, 0, resolution).enhanced(0, 5, 4, &[1; 4], &[]).bytes);
    assert_eq!((whole.packets[0].nanos, whole.packets[0].fcs_len), (5000, 0));
}
