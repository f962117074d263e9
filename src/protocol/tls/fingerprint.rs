//! JA3 and JA3S (Salesforce, github.com/salesforce/ja3) and JA4 (FoxIO, technical_details/JA4.md of
//! github.com/FoxIO-LLC/ja4, BSD licence). The other members of that suite have another licence and stay out.

use super::parser::{ClientHello, ServerHello, kind};
use crate::record::Hex;
use md5::Md5;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use smol_str::{SmolStr, ToSmolStr as _};
use std::fmt::Write as _;

/// What carried the hello, the first letter of a JA4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// TLS over a stream.
    Tcp,
    /// DTLS over datagrams.
    Dtls,
    /// QUIC.
    Quic,
}

/// JA3 of a client, before hashing: version, suites, extensions, groups and point formats, in decimal.
fn ja3_text(hello: &ClientHello<'_>) -> String {
    let mut out = String::with_capacity(256);
    // Writing to a String does not fail.
    let _ = write!(out, "{},", hello.version);
    dashed(&mut out, hello.suites.iter().copied());
    out.push(',');
    dashed(&mut out, hello.kinds.iter().copied());
    out.push(',');
    dashed(&mut out, hello.groups.iter().copied());
    out.push(',');
    dashed(&mut out, hello.point_formats.iter().map(|&format| u16::from(format)));
    out
}

fn dashed(out: &mut String, numbers: impl Iterator<Item = u16>) {
    for (index, number) in numbers.enumerate() {
        if index > 0 {
            out.push('-');
        }
        let places = [10_000, 1000, 100, 10].into_iter().filter(|place| number >= *place);
        places.for_each(|place| out.push(digit(number / place % 10)));
        out.push(digit(number % 10));
    }
}

/// A digit of a number, decimal or hexadecimal; of what is more, its last one.
fn digit(value: u16) -> char {
    char::from(b"0123456789abcdef"[usize::from(value & 15)])
}

/// JA3 of a client in hexadecimal.
pub fn ja3(hello: &ClientHello<'_>) -> SmolStr {
    Hex::from(&Md5::digest(ja3_text(hello))[..]).to_smolstr()
}

/// JA3S of a server in hexadecimal. Servers send no GREASE, so none is left out.
pub fn ja3s(hello: &ServerHello) -> SmolStr {
    let mut text = format!("{},{},", hello.legacy_version, hello.suite);
    dashed(&mut text, hello.kinds.iter().copied());
    Hex::from(&Md5::digest(text)[..]).to_smolstr()
}

/// JA4 of a client.
pub fn ja4(hello: &ClientHello<'_>, carried: Carried) -> SmolStr {
    let named = hello.kinds.contains(&kind::SERVER_NAME);
    let [first, last] = alpn_letters(hello.protocols.first().copied());
    let mut suites: Numbers = hello.suites.iter().copied().collect();
    suites.sort_unstable();
    let own = |kind: &u16| !matches!(*kind, kind::SERVER_NAME | kind::ALPN);
    let mut kinds: Numbers = hello.kinds.iter().copied().filter(own).collect();
    kinds.sort_unstable();
    let mut list = commas(&kinds);
    if !list.is_empty() && !hello.signatures.is_empty() {
        list.push('_');
        list.push_str(&commas(&hello.signatures));
    }
    let mut text = String::with_capacity(JA4);
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "{}{}{}{:02}{:02}{first}{last}_{}_{}",
        match carried {
            Carried::Tcp => 't',
            Carried::Dtls => 'd',
            Carried::Quic => 'q',
        },
        version_digits(hello, carried),
        if named { 'd' } else { 'i' },
        suites.len().min(99),
        hello.kinds.len().min(99),
        short_hash(&commas(&suites)),
        short_hash(&list),
    );
    text.into()
}

/// Numbers of a hello: seldom more.
type Numbers = SmallVec<[u16; 32]>;
/// Letters of a JA4.
const JA4: usize = 36;

fn commas(numbers: &[u16]) -> String {
    let mut out = String::with_capacity(5 * numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        for shift in [12, 8, 4, 0] {
            out.push(digit(number >> shift));
        }
    }
    out
}

/// Twelve hexadecimal digits of SHA-256; zeros for nothing.
fn short_hash(text: &str) -> SmolStr {
    if text.is_empty() {
        return SmolStr::new_static("000000000000");
    }
    Hex::from(&Sha256::digest(text)[..6]).to_smolstr()
}

fn version_digits(hello: &ClientHello<'_>, carried: Carried) -> &'static str {
    // DTLS counts its versions downwards.
    let offered = hello.versions.iter().copied();
    let newest = match carried {
        Carried::Tcp | Carried::Quic => offered.max(),
        Carried::Dtls => offered.filter(|version| *version >= 0xfe00).min(),
    };
    match newest.unwrap_or(hello.version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last letter of the first protocol offered; of its hexadecimal digits if either is no ASCII letter
/// or digit; zeros without one.
fn alpn_letters(protocol: Option<&[u8]>) -> [char; 2] {
    let Some((&first, &last)) = protocol.and_then(|name| name.first().zip(name.last())) else {
        return ['0', '0'];
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first.into(), last.into()];
    }
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::unhex;

    /// Body of a handshake message given whole, in hexadecimal.
    fn body(message: &str) -> Vec<u8> {
        unhex(message).expect("hexadecimal").split_off(4)
    }

    fn check(message: &str, dtls: bool, text: &str, ja3_hash: &str, ja4_value: &str) {
        let body = body(message);
        // Published DTLS vectors leave the cookie in: an empty one.
        let hello = ClientHello::read(&body, dtls).expect("a hello");
        assert!(hello.whole, "{message}");
        assert_eq!(ja3_text(&hello), text);
        assert_eq!(ja3(&hello), ja3_hash);
        let carried = if dtls { Carried::Dtls } else { Carried::Tcp };
        assert_eq!(ja4(&hello, carried), ja4_value);
    }

    const RANDOM: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn grease_is_left_out_everywhere() {
        let message = format!(
            "0100007c0303{RANDOM}0000080a0a1301c02b00ff0100004b1a1a00000000000f000d00000a63322e6578616d706c65\
             000a000800062a2a001d0017000b000201000010000b000908687474702f312e31000d0006000404030804002b0005\
             043a3a0304"
        );
        check(
            &message,
            false,
            "771,4865-49195-255,0-10-11-16-13-43,29-23,0",
            "633a7419e1fbbcbcd826571914890007",
            "t13d0306h1_342068d8c85c_fb71836bce29",
        );
    }

    #[test]
    fn a_hello_without_extensions_has_zeros() {
        check(
            &format!("0100002b0301{RANDOM}000004000400050100"),
            false,
            "769,4-5,,,",
            "1d70598d8ccdfcb836bfeb091ab8e469",
            "t10i020000_6e254592683c_000000000000",
        );
    }

    #[test]
    fn name_and_protocol_do_not_count_in_the_last_part() {
        check(
            &format!("010000420303{RANDOM}000002002f01000017000000080006000003612e62001000070005043031abcd"),
            false,
            "771,47,0-16,,",
            "c0aa4b955cfe1951eebea4819cd199ac",
            "t12d01023d_ba72b8082249_000000000000",
        );
    }

    #[test]
    fn datagram_hellos_have_a_cookie() {
        check(
            &format!(
                "01000049fefd{RANDOM}00000004c02b13010100001b0000000f000d00000a63322e6578616d706c65\
                 000d000400020403"
            ),
            true,
            "65277,49195-4865,0-13,,",
            "34fa8b2abe5c22bcc39a74e32bd2e1bd",
            "dd2d020200_777cda164f4b_79c50902419d",
        );
    }

    /// RFC 9001, appendix A.2: the hello is carried by QUIC, which only changes the first letter.
    #[test]
    fn the_hello_of_rfc_9001() {
        check(
            "010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301130201\
             0000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d00170018001000070005\
             04616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f\
             1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00\
             024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8\
             f03e51570806048000ffff",
            false,
            "771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,",
            "41bc9ae914d6cb3bd0bd0a5453ab7d7f",
            "t13d0211an_62ed6f6ca7ad_4d634acda6c0",
        );
    }

    #[test]
    fn servers_are_told_by_version_suite_and_extensions() {
        let cases = [
            // 771,4865,51-43
            (format!("0303{RANDOM}00130100000800330000002b0000"), "eb1d94daa7e0344597e756a1fb6e7054"),
            // 771,49199,65281-0-16
            (
                format!("0303{RANDOM}00c02f000012ff0100010000000000001000050003026832"),
                "7554747c64df99ef4b45f1b1172df217",
            ),
        ];
        for (body, hash) in cases {
            let body = unhex(&body).expect("hexadecimal");
            let hello = ServerHello::read(&body).expect("a hello");
            assert!(hello.whole);
            assert_eq!(ja3s(&hello), hash);
        }
    }

    #[test]
    fn letters_of_the_protocol() {
        let cases: [(&[u8], &str); 10] = [
            (b"\xab", "ab"),
            (b"\x20", "20"),
            (b"\xab\xcd", "ad"),
            (b"\x20\x61", "21"),
            (b"\x30\xab", "3b"),
            (b"\x61\x20", "60"),
            (b"\x30\x31\xab\xcd", "3d"),
            (b"\x30\xab\xcd\x31", "01"),
            (b"a", "aa"),
            (b"h2", "h2"),
        ];
        for (name, letters) in cases {
            assert_eq!(alpn_letters(Some(name)).iter().collect::<String>(), letters, "{name:?}");
        }
        assert_eq!(alpn_letters(None), ['0', '0']);
        assert_eq!(alpn_letters(Some(b"")), ['0', '0']);
    }

    #[test]
    fn counts_stop_at_99() {
        let suites = "c02b".repeat(120);
        let message = format!("010000000301{RANDOM}0000f0{suites}0100");
        let body = body(&message);
        let hello = ClientHello::read(&body, false).expect("a hello");
        assert!(ja4(&hello, Carried::Tcp).starts_with("t10i990000_"));
    }
}
