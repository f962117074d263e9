use super::super::testing::{self, Step, c, facts, s};
use super::*;
use crate::record::unhex;

const RANDOM: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A record with a hello for `c2.example`.
fn hello() -> Vec<u8> {
    let name = "0013 0000000f 000d 00 000a 63322e6578616d706c65".replace(' ', "");
    let body = unhex(&format!("0303{RANDOM}000004c02f009c0100{name}")).expect("hexadecimal");
    let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
}

fn server_hello() -> Vec<u8> {
    unhex(&format!("160303002a020000260303{RANDOM}00c02f00")).expect("hexadecimal")
}

/// Packets of one side with `extra` bytes of authentication.
struct Sender {
    session: u8,
    extra: usize,
    number: u32,
}

impl Sender {
    fn packet(&mut self, opcode: u8, acks: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![opcode];
        out.extend([self.session; 8]);
        out.extend(vec![0xee; self.extra]);
        out.push(acks);
        for ack in 0..acks {
            out.extend(u32::from(ack).to_be_bytes());
        }
        out.extend(vec![9; if acks > 0 { 8 } else { 0 }]);
        out.extend(self.number.to_be_bytes());
        self.number += 1;
        out.extend(payload);
        out
    }
}

/// Client and server with their resets.
fn begin(extra: usize) -> ([Sender; 2], Vec<Step>) {
    let [mut client, mut server] = [1, 2].map(|session| Sender { session, extra, number: 0 });
    let steps =
        vec![c(client.packet(parser::CLIENT_RESET, 0, &[])), s(server.packet(parser::SERVER_RESET, 1, &[]))];
    ([client, server], steps)
}

fn over_udp(script: &[Step]) -> Facts {
    let opening = testing::opening(Carrier::Udp, 4444);
    testing::play(script, &opening, usize::MAX, &mut Shared::default()).0
}

/// The same packets with their lengths.
fn framed(script: &[Step]) -> Vec<Step> {
    let frame = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    script
        .iter()
        .map(|step| match step {
            Step::C(bytes) => c(frame(bytes)),
            Step::S(bytes) => s(frame(bytes)),
            gap @ Step::Gap(..) => gap.clone(),
        })
        .collect()
}

fn check(found: &Facts) {
    let other = found.other.as_ref().and_then(|other| other.protocol.as_deref());
    assert_eq!(other, Some("openvpn"));
    let tls = found.tls.as_ref().expect("a handshake");
    assert_eq!((tls.sni.as_deref(), tls.after.as_deref()), (Some("c2.example"), Some("openvpn")));
    assert_eq!(tls.ja4.as_deref().map(|ja4| &ja4[..10]), Some("t12d020100"));
    assert!(tls.ja3.is_some() && tls.ja3s.is_some());
}

#[test]
fn the_handshake_is_found_with_and_without_authentication() {
    for extra in [0, 24, 28, 40, 72] {
        let ([mut client, mut server], mut script) = begin(extra);
        let hello = hello();
        for (acks, piece) in hello.chunks(20).enumerate() {
            script.push(c(client.packet(parser::CONTROL, acks.min(8) as u8, piece)));
            script.push(s(server.packet(5 << 3, 1, &[])));
            server.number -= 1;
        }
        script.push(s(server.packet(parser::CONTROL, 4, &server_hello())));
        script.push(c([&[6 << 3][..], &[7; 300]].concat()));
        check(&over_udp(&script));
        for port in [443, 1194, 4444] {
            check(&facts(&framed(&script), port));
        }
    }
}

#[test]
fn pieces_may_come_late_and_twice() {
    let ([mut client, mut server], mut script) = begin(28);
    let pieces: Vec<Step> =
        hello().chunks(10).map(|piece| c(client.packet(parser::CONTROL, 0, piece))).collect();
    script.extend(pieces.iter().rev().cloned());
    script.extend(pieces.iter().cloned());
    script.push(s(server.packet(parser::CONTROL, 1, &server_hello())));
    check(&over_udp(&script));
    // What is missing for good is not joined over.
    let mut holed = script.clone();
    holed.retain(|step| !matches!(step, Step::C(bytes) if bytes.windows(4).any(|four| four == b"exam")));
    let sni = over_udp(&holed).tls.and_then(|tls| tls.sni.clone());
    assert_eq!(sni, None);
}

#[test]
fn what_is_captured_from_the_servers_reset_on_has_its_sides() {
    let ([mut client, _], script) = begin(0);
    let script = [script[1].clone(), c(client.packet(parser::CONTROL, 1, &hello()))];
    let turned: Vec<Step> = script
        .iter()
        .map(|step| match step {
            Step::C(bytes) => s(bytes),
            Step::S(bytes) => c(bytes),
            gap @ Step::Gap(..) => gap.clone(),
        })
        .collect();
    let opening = testing::opening(Carrier::Udp, 4444);
    let (_, side, _) = testing::play(&turned, &opening, usize::MAX, &mut Shared::default());
    assert_eq!(side, Some(Side::Server));
}

#[test]
fn what_is_encrypted_or_odd_is_no_reset() {
    let ([mut client, _], _) = begin(0);
    client.number = 0;
    let sound = client.packet(parser::CLIENT_RESET, 0, &[]);
    assert_eq!(parser::reset(&sound), Some(Reset { client: true, extra: 0 }));
    let mut odd = vec![sound[..13].to_vec(), [&sound[..], &[0]].concat(), [&[0x39], &sound[1..]].concat()];
    // No session; with --tls-crypt the end is encrypted.
    odd.push([&[parser::CLIENT_RESET][..], &[0; 13]].concat());
    odd.push([&[parser::CLIENT_RESET][..], &[5; 53]].concat());
    for packet in odd {
        assert_eq!(parser::reset(&packet), None, "{packet:?}");
    }
}

#[test]
fn a_tunnel_is_not_followed_for_ever() {
    let (_, mut script) = begin(0);
    let data = c([&[6 << 3][..], &[7; 300]].concat());
    script.extend(std::iter::repeat_n(data, 1000));
    for (script, carrier) in [(script.clone(), Carrier::Udp), (framed(&script), Carrier::Tcp)] {
        let opening = testing::opening(carrier, 4444);
        let (found, _, given) = testing::play(&script, &opening, usize::MAX, &mut Shared::default());
        assert!(found.tls.is_none() && given < 40 * 1024, "{given}");
    }
    // Pieces far ahead, too long, or without end.
    let ([mut client, _], mut script) = begin(0);
    for jump in [1, 17, 1000, u32::MAX - 1] {
        client.number = jump;
        script.push(c(client.packet(parser::CONTROL, 0, &[22; 4000])));
    }
    client.number = 1;
    script.extend((0..600).map(|_| c(client.packet(parser::CONTROL, 0, &[]))));
    assert!(over_udp(&script).other.is_some());
    // A gap in the stream loses the packets behind it.
    let ([mut client, _], script) = begin(0);
    let mut script = framed(&script);
    script.push(Step::Gap(Side::Client, 5));
    script.extend(framed(&[c(client.packet(parser::CONTROL, 0, &hello()))]));
    let opening = testing::opening(Carrier::Tcp, 4444);
    assert!(testing::play(&script, &opening, usize::MAX, &mut Shared::default()).0.tls.is_none());
}
