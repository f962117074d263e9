//! Keys of Initial packets: everyone who sees the client's first packet can derive them (RFC 9001, section 5.2;
//! RFC 9369, section 3.3).

use super::parser::{MAX_ID, Version};
use crate::flow::Side;
use aes::Aes128;
use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

/// Bytes of the tag at the end of a packet.
const TAG: usize = 16;
/// Bytes that header protection samples.
const SAMPLE: usize = 16;
/// Longest packet number, which the sample keeps clear of.
const MAX_NUMBER: usize = 4;

type Salt = [u8; 20];
/// RFC 9369.
const SALT_2: Salt = *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
/// RFC 9001, and drafts from 33 on.
const SALT_1: Salt = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
/// Drafts 29 to 32.
const SALT_29: Salt = *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
/// Drafts 23 to 28.
const SALT_23: Salt = *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
/// Draft 22.
const SALT_22: Salt = *b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a";
/// Google's T050 and T051 (Wireshark's packet-quic.c).
const SALT_T50: Salt = *b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10";
const SALT_T51: Salt = *b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d";

/// The salt of a version, where it is known.
fn salt(version: Version) -> Option<Salt> {
    match (version.0, version.draft()) {
        _ if version.is_two() => Some(SALT_2),
        (0x5430_3530, _) => Some(SALT_T50),
        (0x5430_3531, _) => Some(SALT_T51),
        (_, Some(22)) => Some(SALT_22),
        (_, Some(23..=28)) => Some(SALT_23),
        (_, Some(29..=32)) => Some(SALT_29),
        (_, Some(33..)) => Some(SALT_1),
        _ => None,
    }
}

/// HKDF-Expand-Label of TLS 1.3 with an empty context (RFC 8446, section 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> Option<[u8; N]> {
    let info = [&[0, N as u8, 6 + label.len() as u8][..], b"tls13 ", label.as_bytes(), &[0]].concat();
    let mut out = [0; N];
    secret.expand(&info, &mut out).ok()?;
    Some(out)
}

/// What one side seals its Initial packets with.
struct Half {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Half {
    fn derive(initial: &Hkdf<Sha256>, version: Version, label: &str) -> Option<Self> {
        let secret = Hkdf::<Sha256>::from_prk(&expand::<32>(initial, label)?).ok()?;
        let [key, iv, header] = if version.is_two() {
            ["quicv2 key", "quicv2 iv", "quicv2 hp"]
        } else {
            ["quic key", "quic iv", "quic hp"]
        };
        Some(Self { key: expand(&secret, key)?, iv: expand(&secret, iv)?, header: expand(&secret, header)? })
    }

    /// The bytes that cover the first byte and the packet number (RFC 9001, section 5.4).
    fn mask(&self, packet: &[u8], number_at: usize) -> Option<[u8; 1 + MAX_NUMBER]> {
        let sample = packet.get(number_at.checked_add(MAX_NUMBER)?..)?.get(..SAMPLE)?;
        let mut block = Array::try_from(sample).ok()?;
        Aes128::new(&self.header.into()).encrypt_block(&mut block);
        block.get(..=MAX_NUMBER)?.try_into().ok()
    }

    fn nonce(&self, number: &[u8]) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= number;
        }
        nonce
    }

    /// Takes the protection off the header. Gives the bytes of the header, packet number included.
    fn unmask(&self, packet: &mut [u8], number_at: usize) -> Option<usize> {
        let mask = self.mask(packet, number_at)?;
        let first = packet.first_mut()?;
        *first ^= mask[0] & 0x0f;
        let end = number_at + usize::from(*first & 3) + 1;
        for (byte, mask) in packet.get_mut(number_at..end)?.iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
        Some(end)
    }

    fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let header = self.unmask(&mut packet, number_at)?;
        let (head, body) = packet.split_at_mut_checked(header)?;
        let (text, tag) = body.split_at_mut_checked(body.len().checked_sub(TAG)?)?;
        let nonce = Nonce::from(self.nonce(head.get(number_at..)?));
        let tag = Tag::try_from(&*tag).ok()?;
        Aes128Gcm::new(&self.key.into()).decrypt_inout_detached(&nonce, head, text.into(), &tag).ok()?;
        packet.truncate(packet.len() - TAG);
        packet.drain(..header);
        Some(packet)
    }

    /// Decrypts the front of a packet whose end, and with it the tag, was not captured. Nothing proves the result.
    fn open_cut(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let header = self.unmask(&mut packet, number_at)?;
        let nonce = self.nonce(packet.get(number_at..header)?);
        let cipher = Aes128::new(&self.key.into());
        let mut text = packet.split_off(header);
        // Galois counter mode keeps the first counter for the tag (NIST SP 800-38D, section 7.1).
        for (chunk, counter) in text.chunks_mut(16).zip(2u32..) {
            let mut block = [0; 16];
            block[..12].copy_from_slice(&nonce);
            block[12..].copy_from_slice(&counter.to_be_bytes());
            let mut block = Array::from(block);
            cipher.encrypt_block(&mut block);
            for (byte, mask) in chunk.iter_mut().zip(block) {
                *byte ^= mask;
            }
        }
        Some(text)
    }
}

/// Keys of both sides.
pub struct Keys {
    /// The version they are for.
    pub version: Version,
    id: Vec<u8>,
    halves: [Half; 2],
}

impl Keys {
    /// Derives the keys from the connection id to which the client sent its first packet; `None` for a version that
    /// has none known.
    pub fn derive(version: Version, id: &[u8]) -> Option<Self> {
        let id = id.get(..id.len().min(MAX_ID))?;
        let initial = Hkdf::<Sha256>::new(Some(&salt(version)?), id);
        let halves =
            [Half::derive(&initial, version, "client in")?, Half::derive(&initial, version, "server in")?];
        Some(Self { version, id: id.to_vec(), halves })
    }

    /// The connection id they were derived from.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// Opens a packet that `side` sent: its frames, if it was sealed with these keys.
    pub fn open(&self, side: Side, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        self.halves[side.index()].open(packet, number_at)
    }

    /// The frames of a packet whose end was not captured, and nothing proves them.
    pub fn open_cut(&self, side: Side, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        self.halves[side.index()].open_cut(packet, number_at)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::record::{Hex, unhex};

    impl Keys {
        /// Seals an Initial packet as `side` does: `header` ends with the packet number.
        pub fn seal(&self, side: Side, header: &[u8], number_length: usize, frames: &[u8]) -> Vec<u8> {
            let half = &self.halves[side.index()];
            let number_at = header.len() - number_length;
            let mut text = frames.to_vec();
            let nonce = Nonce::from(half.nonce(&header[number_at..]));
            let cipher = Aes128Gcm::new(&half.key.into());
            let tag = cipher.encrypt_inout_detached(&nonce, header, text[..].as_mut().into()).expect("short");
            let mut packet = [header, &text, &tag[..]].concat();
            let mask = half.mask(&packet, number_at).expect("long enough");
            packet[0] ^= mask[0] & 0x0f;
            for (byte, mask) in packet[number_at..header.len()].iter_mut().zip(&mask[1..]) {
                *byte ^= mask;
            }
            packet
        }
    }

    const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    /// RFC 9001, appendix A.1, and RFC 9369, appendix A.1.
    #[test]
    fn keys_of_the_standards() {
        let hex = |bytes: &[u8]| Hex::from(bytes).to_string();
        let cases = [
            (
                1,
                Side::Client,
                "1f369613dd76d5467730efcbe3b1a22d",
                "fa044b2f42a3fd3b46fb255c",
                "9f50449e04a0e810283a1e9933adedd2",
            ),
            (
                1,
                Side::Server,
                "cf3a5331653c364c88f0f379b6067e37",
                "0ac1493ca1905853b0bba03e",
                "c206b8d9b9f0f37644430b490eeaa314",
            ),
            (
                0x6b33_43cf,
                Side::Client,
                "8b1a0bc121284290a29e0971b5cd045d",
                "91f73e2351d8fa91660e909f",
                "45b95e15235d6f45a6b19cbcb0294ba9",
            ),
            // Computed by the same derivation, checked against tshark.
            (
                0xff00_001d,
                Side::Client,
                "175257a31eb09dea9366d8bb79ad80ba",
                "6b26114b9cba2b63a9e8dd4f",
                "9ddd12c994c0698b89374a9c077a3077",
            ),
            (
                0xff00_001b,
                Side::Client,
                "af7fd7efebd21878ff66811248983694",
                "8681359410a70bb9c92f0420",
                "a980b8b4fb7d9fbc13e814c23164253d",
            ),
        ];
        for (version, side, key, iv, header) in cases {
            let keys = Keys::derive(Version(version), &ID).expect("known");
            let half = &keys.halves[side.index()];
            assert_eq!(
                (hex(&half.key), hex(&half.iv), hex(&half.header)),
                (key.into(), iv.into(), header.into())
            );
        }
        assert!(Keys::derive(Version(0x0a0a_0a0a), &ID).is_none());
    }

    /// RFC 9001, appendix A.3: the server's Initial, with its ACK and its ServerHello.
    #[test]
    fn the_answer_of_rfc_9001() {
        let packet = unhex(
            "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb3\
             8cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84\
             022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee",
        )
        .expect("hexadecimal");
        let keys = Keys::derive(Version(1), &ID).expect("known");
        let frames = keys.open(Side::Server, &packet, 18).expect("opens");
        assert_eq!(hex_of(&frames[..15]), "02000000000600405a020000560303");
        assert_eq!(frames, keys.open_cut(Side::Server, &packet[..packet.len() - TAG], 18).expect("opens"));
        assert!(keys.open(Side::Client, &packet, 18).is_none());
        for length in 0..packet.len() {
            assert!(keys.open(Side::Server, &packet[..length], 18).is_none());
            let _ = keys.open_cut(Side::Server, &packet[..length], 18);
        }
    }

    fn hex_of(bytes: &[u8]) -> String {
        Hex::from(bytes).to_string()
    }

    #[test]
    fn sealed_packets_open_with_every_version_and_length_of_number() {
        for version in
            [1, 0x6b33_43cf, 0xff00_0016, 0xff00_0017, 0xff00_0020, 0xff00_0021, 0x5430_3531, 0xface_b001]
        {
            let keys = Keys::derive(Version(version), &ID).expect("known");
            for length in 1..=4 {
                let mut header = vec![0xc0 | (length as u8 - 1), 1, 2, 3];
                header.extend([0, 0, 1, 200].iter().skip(4 - length));
                let mut packet = keys.seal(Side::Client, &header, length, b"some frames and padding");
                assert_eq!(
                    keys.open(Side::Client, &packet, 4).as_deref(),
                    Some(&b"some frames and padding"[..])
                );
                packet[20] ^= 1;
                assert!(keys.open(Side::Client, &packet, 4).is_none(), "a changed packet");
            }
        }
    }
}
