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

/// Bits for bzip2, the most significant of a byte first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u64, bits: u32) {
        self.0.extend((0..bits).rev().map(|bit| value.checked_shr(bit).is_some_and(|value| value & 1 == 1)));
    }
}

/// bzip2 with blocks of 30,000 bytes, which are sorted as one would on paper, and two codes that are the same.
fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(u64::from_be_bytes(*b"\0\0\0\0BZh1"), 32);
    for block in bytes.chunks(30_000) {
        bzip2_block(&mut bits, block);
    }
    // The sum over all blocks is not looked at.
    bits.put(0x1772_4538_5090, 48);
    bits.put(0, 32);
    bits.0
        .chunks(8)
        .map(|byte| (0..8).fold(0, |sum, at| sum << 1 | u8::from(byte.get(at) == Some(&true))))
        .collect()
}

fn bzip2_block(bits: &mut Bits, bytes: &[u8]) {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
        }
    }
    // Four equal bytes are followed by how many more there are.
    let mut short: Vec<u8> = Vec::new();
    for run in bytes.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255)) {
        short.extend(&run[..run.len().min(4)]);
        short.extend((run.len() >= 4).then_some(run.len() as u8 - run.len().min(4) as u8));
    }
    let mut order: Vec<usize> = (0..short.len()).collect();
    let twice = short.repeat(2);
    order.sort_unstable_by_key(|&at| &twice[at..at + short.len()]);
    let origin = order.iter().position(|&at| at == 0).expect("the first");
    let mut used: Vec<u8> = short.clone();
    used.sort_unstable();
    used.dedup();
    bits.put(0x3141_5926_5359, 48);
    bits.put(u64::from(!sum), 32);
    bits.put(0, 1);
    bits.put(origin as u64, 24);
    let has = |byte: u32| used.contains(&(byte as u8));
    (0..16).for_each(|group| bits.put(u64::from((0..16).any(|low| has(group << 4 | low))), 1));
    for group in (0..16).filter(|group| (0..16).any(|low| has(group << 4 | low))) {
        (0..16).for_each(|low| bits.put(u64::from(has(group << 4 | low)), 1));
    }
    // Moved to the front; runs of the first in twos.
    let (mut symbols, mut run) = (Vec::new(), 0_u64);
    let end = used.len() as u64 + 1;
    let flush = |symbols: &mut Vec<u64>, run: &mut u64| {
        while *run > 0 {
            symbols.push(1 - (*run & 1));
            *run = (*run - 1) >> 1;
        }
    };
    for &at in &order {
        let byte = short[(at + short.len() - 1) % short.len()];
        let place = used.iter().position(|&known| known == byte).expect("used");
        used[..=place].rotate_right(1);
        if place == 0 {
            run += 1;
        } else {
            flush(&mut symbols, &mut run);
            symbols.push(place as u64 + 1);
        }
    }
    flush(&mut symbols, &mut run);
    symbols.push(end);
    bits.put(2, 3);
    let groups = symbols.len().div_ceil(50);
    bits.put(groups as u64, 15);
    // The two codes in turn.
    (0..groups).for_each(|group| if group == 0 { bits.put(0, 1) } else { bits.put(0b10, 2) });
    let length = (end + 1).next_power_of_two().trailing_zeros().max(1);
    for _ in 0..2 {
        bits.put(u64::from(length), 5);
        bits.put(0, end as u32 + 1);
    }
    for &symbol in &symbols {
        bits.put(symbol, length);
    }
}

type Pack = fn(&[u8]) -> Vec<u8>;
const METHODS: [(&str, Pack); 5] =
    [("gzip", gzip), ("zstd", zstd), ("xz", xz), ("lz4", lz4), ("bzip2", bzip2)];

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
        assert_eq!(error.to_string(), format!("gzip inside {outer} is not read; unpack it once"));
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
fn records_are_told_however_they_are_spaced() {
    let opened = |text: &str| {
        let input = Input::new(Box::new(io::Cursor::new(text.to_owned().into_bytes())), true);
        matches!(recognise(input, "x", 0, 64), Ok(Opened::Records(_)))
    };
    for text in [
        r#"{"type":"capture"}"#,
        r#"{"type": "capture", "path": "x"}"#,
        r#" { "type" : "capture" }"#,
        "\n\r\n{\n\t\"type\"\t:\r\n    \"capture\"\n}",
    ] {
        assert!(opened(text), "{text:?}");
    }
    for text in
        [r#"{"type":"captured"}"#, r#"{"type" "capture"}"#, r#"{"ty pe":"capture"}"#, r#"{"type":"#, "{"]
    {
        assert!(!opened(text), "{text:?}");
    }
}

/// What comes behind the bytes that were looked at first is not forgotten, be there ever so few.
#[test]
fn a_small_capture_in_damaged_compression_is_truncated() {
    let small = Pcap::usual().packet(1, 0, 60, &[0; 60]).bytes;
    let mut packed = gzip(&small);
    packed.truncate(packed.len() - 8);
    let whole = read(&packed);
    assert_eq!((whole.packets.len(), whole.count(Kind::Truncated)), (1, 1), "{:?}", whole.anomalies);
}

#[test]
fn pcapng_is_found_inside() {
    assert_eq!(read(&zstd(&Ng::three(Order::Big).bytes)).frames(), [1, 2, 3]);
}

/// Undoes bzip2 into pieces of `piece` bytes.
fn undo_bzip2(hex: &[&str], piece: usize) -> (Vec<u8>, Option<io::ErrorKind>) {
    let hex = hex.concat();
    let packed: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hexadecimal"))
        .collect();
    undo(&packed, piece)
}

fn undo(packed: &[u8], piece: usize) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut reader = super::super::bzip2::Bzip2::new(packed);
    let (mut out, mut buffer) = (Vec::new(), vec![0; piece]);
    loop {
        match io::Read::read(&mut reader, &mut buffer) {
            Ok(0) => return (out, None),
            Ok(have) => out.extend(&buffer[..have]),
            Err(error) => return (out, Some(error.kind())),
        }
    }
}

#[test]
fn what_bzip2_itself_wrote() {
    let text = [
        "425a6839314159265359a15c9ca50000a919804004000832e59e00200070530004d029549b1434c2645f91b9616eb95c",
        "ad2fab8585d2f48d970b92d2ed57b2ecb2b05959476be178b4b62d2372d91e23f8bb9229c284850ae4e528",
    ];
    let runs = [
        "425a6839314159265359d7d1a16800000bc101e0003e0000800008200031064c40ca7a68ca531001f203a3370bd32a30",
        "e3468dc035fc5dc914e142435f4685a0",
    ];
    let expected_text = b"to the lighthouse, to the harbour, to the lighthouse again; ".repeat(6);
    let expected_runs: Vec<u8> = [(b'a', 4), (b'b', 5), (b'c', 259), (b'd', 260), (b'e', 3), (0, 1000)]
        .iter()
        .flat_map(|&(byte, count)| std::iter::repeat_n(byte, count))
        .collect();
    for piece in [1, 3, 4096] {
        assert_eq!(undo_bzip2(&text, piece), (expected_text.clone(), None));
        assert_eq!(undo_bzip2(&runs, piece), (expected_runs.clone(), None));
        assert_eq!(undo_bzip2(&["425a683917724538509000000000"], piece), (Vec::new(), None));
    }
    // Every bit of it matters: what comes out is something else or an error, and never a panic.
    let packed: Vec<u8> = bzip2(&expected_text);
    assert_eq!(undo(&packed, 64), (expected_text.clone(), None));
    let stored = packed.len() * 8 - 32 - 8;
    for bit in 0..stored {
        let mut changed = packed.clone();
        changed[bit / 8] ^= 0x80 >> (bit % 8);
        let (out, error) = undo(&changed, 64);
        assert!(error.is_some() || out == expected_text, "{bit}");
        assert!(out.len() <= 900_000 * 52, "{bit}");
    }
    for cut in 0..packed.len() - 1 {
        assert!(undo(&packed[..cut], 64).1.is_some(), "{cut}");
    }
}
