//! Logs of a router's terminal.

use super::*;
use std::fmt::Write as _;
use std::io::{Read, Write as _};

const SECOND: i64 = 1_000_000_000;

/// Lines of bytes as the routers print them; `shown` adds them as characters.
fn lines(data: &[u8], shown: bool) -> String {
    let mut text = String::new();
    for (number, line) in data.chunks(16).enumerate() {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let halves: Vec<String> = bytes.chunks(8).map(|half| half.join(" ")).collect();
        let (joined, characters) =
            if shown { (halves.join("  "), "ab 12 cd") } else { (bytes.join(" ").to_uppercase(), "") };
        let blanks = if shown { 52_usize.saturating_sub(joined.len()) } else { 1 };
        let _ = write!(text, "  [{:04x}]: {joined}{}{characters}\r\n", number * 16, " ".repeat(blanks));
    }
    text
}

/// A log with packets of all kinds: PPP of 20 bytes twice, Ethernet of 44 of which 32 are there, two of ISDN.
pub fn log() -> Vec<u8> {
    let ppp: Vec<u8> = (0xf0..=0xff).chain(0..4).collect();
    let menu =
        format!("Trying 192.0.2.1...\r\n\x1b[2J{}\x1b[7m [2J:\n > wandsess", "\x1b[3;3Hx ".repeat(2000));
    [
        menu.as_bytes(),
        b" user\n > RECV-user:7:(task: B04C7A20, time: 1000.25) 20 octets @ 8003AE30\n",
        lines(&ppp, false).as_bytes(),
        b"quiXMIT-7: (task \"idle task\" at 0xb05e6e00, time: 1001.5) 20 octets @ 0x8000e0fc\n",
        lines(&ppp, true).as_bytes(),
        b"LAN session up\nDate: 01/12/1990.  Time: 12:22:33\r\nCause an attempt to place call to 1\r\n",
        b"WD_DIALOUT_DISP: chunk 2515EE type IP.\r\n(task: 251790, time: 1002.00) 44 octets @ 2782B8\r\n",
        lines(&[0xaa; 32], false).as_bytes(),
        b"PRI-XMIT-19/1:  (task \"l1Task\" at 0x1, time: 1003.00) 4 octets @\n0x1027f230\n",
        lines(&[1; 4], true).as_bytes(),
        b"PRI-XMIT-19/2 (task \"l1Task\" at 0x1, time: 1003.00) 18 octets @ 0x1027f234\n",
        lines(&[2; 18], true).as_bytes(),
        b"PRI-RCV-27: (task \"idle task\" at 0x2, time: 1004.00) 4 octets @ 0x1027fb00\n",
        lines(&[3; 4], true).as_bytes(),
        b"RECV-user:7:(task: B04C7A20, time: 1005.00) 8 octets @ 8003AE30\n > quit\n",
    ]
    .concat()
}

#[test]
fn packets_between_what_a_terminal_shows() {
    let whole = read(&log());
    assert_eq!((whole.info.format.as_str(), whole.frames()), ("ascend", vec![1, 2, 3, 4, 5]));
    let found: Vec<_> = whole.packets.iter().map(|p| (p.link, p.data.len(), p.wire_len, p.nanos)).collect();
    let time = |hundredths: i64| hundredths * SECOND / 100;
    let expected = [
        (50, 20, 20, time(100_025)),
        (50, 20, 20, time(100_150)),
        (1, 32, 44, time(100_200)),
        (203, 22, 22, time(100_300)),
        (203, 4, 4, time(100_400)),
    ];
    assert_eq!(found, expected);
    let ppp: Vec<u8> = (0xf0..=0xff).chain(0..4).collect();
    assert_eq!([&whole.packets[0].data, &whole.packets[1].data], [&ppp, &ppp]);
    assert_eq!(whole.packets[3].data, [[1; 4].to_vec(), [2; 18].to_vec()].concat());
    assert_eq!((whole.anomalies.len(), whole.count(Kind::Snapped)), (1, 1), "{:?}", whole.anomalies);
    assert_eq!(whole.info.bytes, log().len() as u64);
    for piece in [1, 7, 64, 4096] {
        assert_eq!(drain(open_bytes(&log(), piece).expect("a capture")).packets, whole.packets, "{piece}");
    }
}

#[test]
fn a_date_before_the_first_packet_is_the_time_of_day() {
    let first =
        b"ETHER3ND RECV: (task \"t\" at 0x8, time: 259848.03) 4 octets @ 0xa\n  [0000]: 00 d0 52 04\n";
    let date = b"Date: 01/12/1990.  Time: 12:22:33\nCause an attempt to place call to 1\n";
    let later = b"XMIT:7:(task: 1, time: 259850.00) 1 octets @ 1\n [0000]: 01\n";
    let whole = read(&[&date[..], first, date, later].concat());
    let start: Timestamp = "1990-01-12T12:22:33Z".parse().expect("a time");
    let found: Vec<_> = whole.packets.iter().map(|packet| (packet.link, packet.nanos - start.0)).collect();
    assert_eq!(found, [(1, 3 * SECOND / 100), (50, 2 * SECOND)]);
    for odd in ["Date: 13/12/1990.  Time: 12:22:33\n", "Date: 01/12/1990", "Date: ", "Date: 1/1/90 Time: 1"] {
        assert_eq!(read(&[odd.as_bytes(), first].concat()).packets[0].nanos, 259_848_030_000_000, "{odd}");
    }
}

#[test]
fn lines_that_do_not_fit_are_passed_over() {
    let heading = "RECV-9:(task: B0, time: 5.00) 18 octets @ 80\n";
    let data = |text: &str| {
        let whole = read(format!("{heading}  [0000]: 01 02\n{text}").as_bytes());
        assert_eq!(whole.packets.len(), 1, "{text}");
        whole.packets[0].data.clone()
    };
    assert_eq!(data("  [0002]: 03 04\n"), [1, 2, 3, 4]);
    // Bytes of another packet, no offset, no bytes.
    for odd in ["  [0000]: 09\n", "  [0010]: 09\n", "[02]: 09\n", "[zzzz]: 09\n", "  [0002]: zz\n", "]: 09\n"]
    {
        assert_eq!(data(odd), [1, 2], "{odd}");
    }
    // No more than is stated, and than a line holds.
    assert_eq!(data(&format!("  [0002]: {}\n", "07 ".repeat(40))).len(), 18);
    let mut lines = String::new();
    for offset in (2..20).step_by(2) {
        let _ = writeln!(lines, "  [{offset:04x}]: 07 07");
    }
    assert_eq!(data(&lines).len(), 18);
    // Nothing is believed of a heading that is none.
    for odd in [
        "RECV-9:(task: B0, time: 99999999999.00) 8 octets @ 80\n  [0000]: 01\n",
        "RECV-9:(task: B0, time: 5.00) 8 bytes @ 80\n  [0000]: 01\n",
        "RECV-9:(task: B0, time: 5.) 8 octets @ 80\n  [0000]: 01\n",
        "SENT-9:(task: B0, time: 5.00) 8 octets @ 80\n  [0000]: 01\n",
        "(task: B0, time: 5.00) 8 octets @ 80\n  [0000]: 01\n",
        "  [0000]: 01\n",
        heading,
    ] {
        assert!(matches!(open_bytes(odd.as_bytes(), 64), Err(Error::NotACapture(_))), "{odd}");
    }
}

#[test]
fn memory_is_bounded_by_what_is_printed() {
    let mut text = String::from("RECV-9:(task: B0, time: 5.00) 4294967295 octets @ 80\n");
    let bytes = "01 ".repeat(16);
    for line in 0..0x1_0000_u32 {
        let _ = writeln!(text, "  [{:04x}]: {bytes}", (line * 16) & 0xffff);
    }
    let whole = read(text.as_bytes());
    assert_eq!((whole.packets.len(), whole.packets[0].data.len()), (1, 1 << 16));
    assert_eq!(whole.packets[0].wire_len, u32::MAX);
    // A line without end in front of a packet.
    let long = format!("{}\x1b{}", "x".repeat(100_000), String::from_utf8_lossy(&log()));
    assert_eq!(read(long.as_bytes()).packets, read(&log()).packets);
}

#[test]
fn damage_is_where_it_is_in_the_log() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(&log()).expect("memory");
    let mut packed = packed.finish().expect("memory");
    packed.truncate(packed.len() - 500);
    let whole = read(&packed);
    assert_eq!(whole.count(Kind::Truncated), 1, "{:?}", whole.anomalies);
    assert_eq!(whole.packets[..3], read(&log()).packets[..3]);
    assert!(whole.packets.len() < 5);
    let at = whole.info.truncated_at.expect("an offset");
    let mut plain = Vec::new();
    let _ = flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain);
    assert!(at <= plain.len() as u64 && at + 4096 > plain.len() as u64, "{at} of {}", plain.len());
}
