//! Identifiers that are the same each time: so that a second import replaces and does not double.

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The namespace of STIX Cyber-observable Objects (STIX 2.1, 2.9).
const STIX_NAMESPACE: [u8; 16] =
    [0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7];

/// The UUID of a STIX Cyber-observable Object: version 5 over its contributing properties as canonical JSON.
pub fn observable(canonical: &str) -> String {
    let digest = Sha1::new().chain_update(STIX_NAMESPACE).chain_update(canonical).finalize();
    uuid(&digest, 0x50)
}

/// A UUID of this program's own for what `parts` name; `kind` keeps those of different things apart.
///
/// It has the form of version 4, which some consumers insist on, and is a digest in place of random bits.
pub fn own(kind: &str, parts: &[&str]) -> String {
    let mut sha = Sha256::new().chain_update("exfilscan");
    for part in std::iter::once(&kind).chain(parts) {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    uuid(&sha.finalize(), 0x40)
}

/// A number of at most `bits` bits for what `text` names.
pub fn number(text: &str, bits: u32) -> u64 {
    let digest = Sha256::digest(text);
    let wide = digest.iter().take(8).fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    wide.checked_shr(64_u32.saturating_sub(bits)).unwrap_or(0)
}

/// The first 16 bytes of a digest as a UUID with this version (RFC 9562, 4).
fn uuid(digest: &[u8], version: u8) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in digest.iter().take(16).enumerate() {
        let byte = match at {
            6 => byte & 0x0f | version,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
        text = format!("{text}{dash}{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observables_have_the_ids_that_others_give_them() {
        // As python-stix2 3.0.2 makes them.
        assert_eq!(observable(r#"{"value":"198.51.100.2"}"#), "9cf4a8ec-7640-5f40-a006-79942896168b");
        assert_eq!(observable(r#"{"value":"c2.example"}"#), "48a20b60-d03a-5e96-ad43-977ad0c63d84");
    }

    #[test]
    fn own_ids_have_the_form_of_version_4_and_keep_kinds_and_parts_apart() {
        let one = own("a", &["bc"]);
        assert_eq!((one.len(), one.as_bytes()[14]), (36, b'4'));
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert!(one == own("a", &["bc"]) && one != own("ab", &["c"]) && one != own("a", &["b", "c"]));
        assert!(number("x", 53) < 1 << 53 && number("x", 0) == 0 && number("x", 53) != number("y", 53));
    }
}
