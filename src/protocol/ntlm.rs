//! The names in an NTLM login ([MS-NLMP] section 2.2.1.3): who logs in from which machine. Never a response.

use crate::flow::At;
use crate::record::Hint;
use base64::Engine as _;
use std::net::IpAddr;

/// Hints of one conversation that are kept: a host has few names.
pub const MAX_HINTS: usize = 12;
/// Longest credentials that are decoded, in bytes of base64.
const MAX_CREDENTIALS: usize = 8 << 10;
/// Longest name, in bytes as sent.
const MAX_NAME: usize = 256;
/// Set in the flags where names are UTF-16.
const UNICODE: u32 = 1;

/// The names of an AUTHENTICATE message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Login {
    pub domain: String,
    pub user: String,
    pub workstation: String,
}

impl Login {
    /// The names as hints about the host at `addr`.
    pub fn hints(self, addr: IpAddr, source: &'static str, at: At) -> impl Iterator<Item = Hint> {
        let named = [("user", self.user), ("domain", self.domain), ("name", self.workstation)];
        named.into_iter().filter(|(_, value)| !value.is_empty()).map(move |(kind, value)| Hint {
            addr,
            kind: kind.into(),
            value: value.into(),
            source: source.into(),
            time: at.time,
            frame: at.frame,
        })
    }
}

/// Reads the names of an AUTHENTICATE message that begins `bytes`.
pub fn login(bytes: &[u8]) -> Option<Login> {
    let message = bytes.strip_prefix(b"NTLMSSP\0\x03\0\0\0").map(|_| bytes)?;
    let flags = u32::from_le_bytes(message.get(60..64)?.try_into().ok()?);
    let name = |field: usize| -> Option<String> {
        let length = usize::from(u16::from_le_bytes(message.get(field..field + 2)?.try_into().ok()?));
        let offset = u32::from_le_bytes(message.get(field + 4..field + 8)?.try_into().ok()?) as usize;
        let raw = message.get(offset..offset.checked_add(length)?)?;
        if raw.len() > MAX_NAME {
            return None;
        }
        Some(if flags & UNICODE != 0 {
            let units: Vec<u16> =
                raw.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        } else {
            String::from_utf8_lossy(raw).into_owned()
        })
    };
    Some(Login {
        domain: name(28).unwrap_or_default(),
        user: name(36).unwrap_or_default(),
        workstation: name(44).unwrap_or_default(),
    })
}

/// Reads the names in the value of an Authorization header.
pub fn in_credentials(value: &[u8]) -> Option<Login> {
    let (scheme, blob) = value.split_at(value.iter().position(|b| *b == b' ')?);
    let blob = blob.trim_ascii();
    let known = scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate");
    if !known || blob.len() > MAX_CREDENTIALS {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(blob).ok()?;
    let at = memchr::memmem::find(&decoded, b"NTLMSSP\0\x03")?;
    login(decoded.get(at..)?)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An AUTHENTICATE message with the names of a fictitious login.
    pub fn message(domain: &str, user: &str, workstation: &str) -> Vec<u8> {
        let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
        message.resize(72, 0);
        message[60] = 1;
        for (field, text) in [(28, domain), (36, user), (44, workstation)] {
            let raw: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let offset = message.len() as u32;
            message[field..field + 2].copy_from_slice(&(raw.len() as u16).to_le_bytes());
            message[field + 4..field + 8].copy_from_slice(&offset.to_le_bytes());
            message.extend(raw);
        }
        message
    }

    #[test]
    fn names_are_read_and_bad_offsets_refused() {
        let good = message("CORP", "alice", "DESKTOP-AB12CD");
        let wanted =
            Login { domain: "CORP".into(), user: "alice".into(), workstation: "DESKTOP-AB12CD".into() };
        assert_eq!(login(&good), Some(wanted));
        let mut bad = good.clone();
        bad[40] = 0xff;
        assert_eq!(login(&bad).map(|login| login.user), Some(String::new()));
        for cut in 0..64 {
            assert_eq!(login(&good[..cut]), None);
        }
    }

    #[test]
    fn credentials_are_looked_into() {
        let blob = base64::engine::general_purpose::STANDARD.encode(message("D", "u", "W"));
        let found = in_credentials(format!("Negotiate {blob}").as_bytes()).expect("a login");
        assert_eq!(found.user, "u");
        assert_eq!(in_credentials(format!("Basic {blob}").as_bytes()), None);
    }
}
