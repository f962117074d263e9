//! Captures in compression.

use super::super::bytes::Order;
use super::write::{Ng, Pcap};
use super::*;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockSize, FrameInfo};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Write as _;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let frame = FrameInfo::new().block_size(BlockSize::Max64KB).content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// The .xz format with stored LZMA2 chunks.
fn xz(bytes: &[u8]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let number = |mut value: usize| {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    };
    let flags = [0, 1];
    let mut out = [&b"\xfd7zXZ\0"[..], &flags, &crc(&flags)].concat();
    let header = [2, 0, 0x21, 1, 22, 0, 0, 0];
    let mut block = [&header[..], &crc(&header)].concat();
    for (index, chunk) in bytes.chunks(1 << 16).enumerate() {
        block.push(if index == 0 { 1 } else { 2 });
        block.extend((chunk.len() as u16).wrapping_sub(1).to_be_bytes());
        block.extend(chunk);
    }
    block.push(0);
    let unpadded = block.len() + 4;
    block.resize(block.len().next_multiple_of(4), 0);
    block.extend(crc(bytes));
    out.extend(block);
    let mut index = [vec![0, 1], number(unpadded), number(bytes.len())].concat();
    index.resize(index.len().next_multiple_of(4), 0);
    let size = ((index.len() + 4) / 4 - 1) as u32;
    out.extend([&index[..], &crc(&index)].concat());
    let footer = [&size.to_le_bytes()[..], &flags].concat();
    out.extend([&crc(&footer)[..], &footer, b"YZ"].concat());
    out
}

type Pack = fn(&[u8]) -> Vec<u8>;
const METHODS: [(&str, Pack); 4] = [("gzip", gzip), ("zstd", zstd), ("xz", xz), ("lz4", lz4)];

/// A capture of some length that does not compress to nothing.
fn long() -> Vec<u8> {
    let mut state = 1_u32;
    let mut file = Pcap::usual();
    for second in 0..400 {
        let data: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 28) as u8
        })
        .take(1000)
        .collect();
        file = file.packet(1_000_000 + second, 0, 1000, &data);
    }
    file.bytes
}

#[test]
fn every_method_is_recognised_and_undone() {
    let plain = read(&long());
    for (name, pack) in METHODS {
        let packed = pack(&long());
        let whole = read(&packed);
        assert_eq!(whole.info.compression.as_deref(), Some(name));
        assert!(whole.packets == plain.packets, "{name}");
        assert!(whole.anomalies.is_empty(), "{name} {:?}", whole.anomalies);
        assert_eq!(whole.info.bytes, packed.len() as u64);
    }
}

#[test]
fn members_and_frames_one_after_the_other_are_one_file() {
    let (plain, bytes) = (read(&long()), long());
    let (one, two) = bytes.split_at(123_457);
    for (name, pack) in METHODS {
        let whole = read(&[pack(one), pack(two)].concat());
        assert!(whole.packets == plain.packets, "{name}");
        assert!(whole.anomalies.is_empty(), "{name} {:?}", whole.anomalies);
    }
    let skippable = [&[0x52, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9][..], &zstd(&bytes)].concat();
    assert!(read(&skippable).packets == plain.packets);
}

#[test]
fn a_cut_keeps_what_came_before() {
    let plain = read(&long()).packets;
    for (name, pack) in METHODS {
        let packed = pack(&long());
        for part in [4, 2] {
            let whole = read(&packed[..packed.len() - packed.len() / part]);
            let expected = plain.len() - plain.len() / part;
            // A block of 128 KiB, the largest of all, may be lost.
            assert!(whole.packets.len() + 140 >= expected, "{name} {}", whole.packets.len());
            assert!(whole.packets == plain[..whole.packets.len()], "{name}");
            assert_eq!(whole.count(Kind::Truncated), 1, "{name} {:?}", whole.anomalies);
            assert!(whole.info.truncated_at.is_some());
        }
    }
}

#[test]
fn damage_in_the_middle_keeps_what_came_before() {
    let plain = read(&long()).packets;
    for (name, pack) in METHODS {
        let mut packed = pack(&long());
        let middle = packed.len() / 2;
        packed[middle..middle + 64].fill(0xff);
        let whole = read(&packed);
        let good = whole.packets.iter().zip(&plain).take_while(|(a, b)| a == b).count();
        assert!(good >= 40, "{name} {good}");
        assert!(whole.count(Kind::Damaged) + whole.count(Kind::Truncated) > 0, "{name}");
    }
}

#[test]
fn compression_in_compression_is_refused() {
    for (outer, pack) in METHODS {
        let error = open_bytes(&pack(&gzip(&long())), 64).err().expect("refused");
        assert_eq!(error.to_string(), format!("gzip inside {outer} is not read"));
    }
    let empty = open_bytes(&gzip(b""), 64).err().expect("refused");
    assert!(matches!(empty, Error::Empty));
}

#[test]
fn a_window_as_large_as_memory_is_refused() {
    // A zstd frame header that asks for 3.75 TiB, an xz block with a dictionary of 4 GiB.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0];
    assert!(open_bytes(&zstd, 64).is_err());
    let mut xz = xz(&long());
    xz[16] = 40;
    let crc = {
        let mut crc = flate2::Crc::new();
        crc.update(&xz[12..20]);
        crc.sum()
    };
    xz[20..24].copy_from_slice(&crc.to_le_bytes());
    assert!(open_bytes(&xz, 64).is_err());
}

#[test]
fn records_are_told_from_packets() {
    let lines = b"{\"type\":\"capture\",\"path\":\"x\"}\n{\"type\":\"summary\"}\n";
    for bytes in [lines.to_vec(), gzip(lines), xz(lines)] {
        let input = Input::new(Box::new(io::Cursor::new(bytes)), true);
        let Ok(Opened::Records(records)) = recognise(input, "x", 0, 64) else { panic!("no records") };
        let lines: Vec<String> = io::BufRead::lines(records).map(|line| line.expect("readable")).collect();
        assert_eq!(lines[1], "{\"type\":\"summary\"}");
    }
}

#[test]
fn pcapng_is_found_inside() {
    assert_eq!(read(&zstd(&Ng::three(Order::Big).bytes)).frames(), [1, 2, 3]);
}
