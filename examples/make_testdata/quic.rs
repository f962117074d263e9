//! QUIC on paper: Initial packets as RFC 9001 seals them, and datagrams of noise after them.

use crate::net::{Net, noise};
use crate::tls;
use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use std::net::SocketAddr;

/// Bytes of a full datagram.
const DATAGRAM: usize = 1250;
/// The salt of version 1 (RFC 9001, section 5.2).
const SALT: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";

/// A connection.
pub struct Quic {
    ends: [SocketAddr; 2],
    ids: [Vec<u8>; 2],
    number: u64,
}

fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let info = [&[0, N as u8, 6 + label.len() as u8][..], b"tls13 ", label.as_bytes(), &[0]].concat();
    let mut out = [0; N];
    secret.expand(&info, &mut out).expect("short");
    out
}

/// Seals an Initial packet with the keys of the client's first connection id.
fn initial(first_id: &[u8], label: &str, to: &[u8], from: &[u8], frames: &[u8]) -> Vec<u8> {
    let secret = Hkdf::<Sha256>::new(Some(&SALT), first_id);
    let secret = Hkdf::<Sha256>::from_prk(&expand::<32>(&secret, label)).expect("32 bytes");
    let mut packet = vec![0xc0, 0, 0, 0, 1];
    for id in [to, from] {
        packet.push(id.len() as u8);
        packet.extend(id);
    }
    packet.push(0);
    packet.extend((0x4000 | (frames.len() as u16 + 17)).to_be_bytes());
    packet.push(0);
    let number_at = packet.len() - 1;
    let mut text = frames.to_vec();
    let cipher = Aes128Gcm::new(&expand::<16>(&secret, "quic key").into());
    let nonce = Nonce::from(expand::<12>(&secret, "quic iv"));
    let tag = cipher.encrypt_inout_detached(&nonce, &packet, text.as_mut_slice().into()).expect("short");
    packet.extend(text);
    packet.extend(tag);
    let mut mask: [u8; 16] = packet[number_at + 4..number_at + 20].try_into().expect("16 bytes");
    let mut block = Array::from(mask);
    Aes128::new(&expand::<16>(&secret, "quic hp").into()).encrypt_block(&mut block);
    mask.copy_from_slice(&block);
    packet[0] ^= mask[0] & 0x0f;
    packet[number_at] ^= mask[1];
    packet
}

fn crypto(offset: u16, bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![6];
    frame.extend((0x4000 | offset).to_be_bytes());
    frame.extend((0x4000 | bytes.len() as u16).to_be_bytes());
    frame.extend(bytes);
    frame
}

/// Opens a connection as a browser does: its hello is chopped and shuffled.
pub fn open(net: &mut Net, client: &str, server: &str, name: &str) -> Quic {
    let own = SocketAddr::new(client.parse().expect("an address"), net.port());
    let ends = [own, server.parse().expect("an address")];
    let ids = [noise(41, 8), noise(42, 8)];
    // Without the header of the record.
    let hello = tls::client_hello(&tls::BROWSER, Some(name)).split_off(5);
    let (front, back) = hello.split_at(hello.len() / 3);
    let mut frames = [crypto(front.len() as u16, back), vec![0; 11], vec![1], crypto(0, front)].concat();
    frames.resize(DATAGRAM - 40, 0);
    net.udp(ends[0], ends[1], &initial(&ids[1], "client in", &ids[1], &[], &frames));
    net.wait_ms(14);
    let answer = tls::server_hello(true).split_off(5);
    let answer =
        initial(&ids[1], "server in", &[], &ids[0], &[vec![2, 0, 0, 0, 0], crypto(0, &answer)].concat());
    let mut quic = Quic { ends, ids, number: 0 };
    let handshake = quic.handshake(false, 1000);
    net.udp(ends[1], ends[0], &[answer, handshake].concat());
    net.wait_ms(1);
    let handshake = quic.handshake(true, 60);
    let first = quic.sealed(true, 300);
    net.udp(ends[0], ends[1], &[handshake, first].concat());
    quic
}

impl Quic {
    /// A Handshake packet, sealed with keys that nobody has.
    fn handshake(&self, up: bool, length: u16) -> Vec<u8> {
        let mut packet = vec![0xe0, 0, 0, 0, 1];
        for id in if up { [&self.ids[0][..], &[]] } else { [&[][..], &self.ids[0][..]] } {
            packet.push(id.len() as u8);
            packet.extend(id);
        }
        packet.extend((0x4000 | length).to_be_bytes());
        packet.extend(noise(43, length.into()));
        packet
    }

    /// A packet with a short header.
    fn sealed(&mut self, up: bool, length: usize) -> Vec<u8> {
        self.number += 1;
        let to = if up { &self.ids[0][..] } else { &[] };
        [&[0x40 | self.number as u8 & 0x3f][..], to, &noise(self.number, length)].concat()
    }

    /// Sends so many bytes in full datagrams; the other side acknowledges every second.
    pub fn data(&mut self, net: &mut Net, up: bool, length: usize) {
        let (own, peer) = if up { (0, 1) } else { (1, 0) };
        for n in 0..length.div_ceil(DATAGRAM) {
            let packet = self.sealed(up, (length - n * DATAGRAM).min(DATAGRAM));
            net.udp(self.ends[own], self.ends[peer], &packet);
            net.wait_ms(1);
            if n % 2 == 1 {
                let packet = self.sealed(!up, 30);
                net.udp(self.ends[peer], self.ends[own], &packet);
            }
        }
        net.wait_ms(9);
    }
}
