//! Frames of the fuzzer, sealed into Initial packets (RFC 9001): no fuzzer guesses an authentication tag.

use crate::dissect::play_alone;
use crate::script::{Script, Step, read};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use exfilscan::flow::{Carrier, Side};
use exfilscan::protocol::quic;
use hkdf::Hkdf;
use sha2::Sha256;

/// The salt of version 1 (RFC 9001, section 5.2).
const SALT: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
/// The connection id that the client begins with.
const FIRST_ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
/// Most bytes of frames in a packet.
const MAX_FRAMES: usize = 1400;

fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let info = [&[0, N as u8, 6 + label.len() as u8][..], b"tls13 ", label.as_bytes(), &[0]].concat();
    let mut out = [0; N];
    secret.expand(&info, &mut out).expect("short");
    out
}

/// An Initial packet of a side.
fn seal(side: Side, number: u8, frames: &[u8]) -> Vec<u8> {
    let secret = Hkdf::<Sha256>::new(Some(&SALT), &FIRST_ID);
    let label = if side == Side::Client { "client in" } else { "server in" };
    let secret = Hkdf::<Sha256>::from_prk(&expand::<32>(&secret, label)).expect("32 bytes");
    let mut text = frames[..frames.len().min(MAX_FRAMES)].to_vec();
    // The sample for header protection needs some bytes.
    text.resize(text.len().max(4), 0);
    let mut packet = vec![0xc0, 0, 0, 0, 1];
    let ids = if side == Side::Client { [&FIRST_ID[..], &[]] } else { [&[][..], &[9; 4]] };
    for id in ids {
        packet.push(id.len() as u8);
        packet.extend(id);
    }
    packet.push(0);
    packet.extend((0x4000 | (text.len() as u16 + 17)).to_be_bytes());
    packet.push(number);
    let number_at = packet.len() - 1;
    let cipher = Aes128Gcm::new(&expand::<16>(&secret, "quic key").into());
    let mut iv = expand::<12>(&secret, "quic iv");
    iv[11] ^= number;
    let tag =
        cipher.encrypt_inout_detached(&Nonce::from(iv), &packet, text.as_mut_slice().into()).expect("short");
    packet.extend(text);
    packet.extend(tag);
    let sample: [u8; 16] = packet[number_at + 4..number_at + 20].try_into().expect("16 bytes");
    let mut block = Array::from(sample);
    Aes128::new(&expand::<16>(&secret, "quic hp").into()).encrypt_block(&mut block);
    packet[0] ^= block[0] & 0x0f;
    packet[number_at] ^= block[1];
    packet
}

/// Datagrams as they are, or (first bit of the first byte) frames that are sealed first.
pub fn check(data: &[u8]) {
    let script = read(data, &[(Carrier::Udp, 443)]);
    let sealed: Vec<(Side, Vec<u8>)> = script
        .steps
        .iter()
        .enumerate()
        .filter_map(|(number, step)| match *step {
            Step::Data(side, bytes) => Some((side, seal(side, number as u8, bytes))),
            Step::Gap(..) => None,
        })
        .collect();
    let steps = if data.first().is_some_and(|first| first & 1 == 0) {
        script.steps
    } else {
        sealed.iter().map(|(side, bytes)| Step::Data(*side, bytes)).collect()
    };
    let script = Script { opening: script.opening, steps };
    play_alone(&script, data.len(), quic::recognise, |start| Box::new(quic::Quic::new(start)));
}
