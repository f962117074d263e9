//! Relays of Tor by their handshake.

use crate::record::Flow;

/// Lengths of the invented part of a name in a handshake (tor-spec, channels; `crypto_random_hostname` of the program).
const SERVER_NAME: std::ops::RangeInclusive<usize> = 4..=25;
/// Likewise in its certificate.
const CERTIFICATE: std::ops::RangeInclusive<usize> = 8..=20;

/// Whether a conversation is one with a relay of Tor: the client invents `www.<base32>.com` as server name, the relay
/// shows a certificate for `www.<base32>.net` by an issuer `www.<base32>.com`, all three different and drawn at random,
/// and nothing else in it.
pub fn relay(flow: &Flow) -> bool {
    let Some(tls) = flow.tls.as_deref() else { return false };
    let (Some(sni), [cert]) = (tls.sni.as_deref(), &*tls.certificates) else { return false };
    let own = cert.cn.as_deref().unwrap_or("");
    invented(sni, ".com", SERVER_NAME)
        && invented(own, ".net", CERTIFICATE)
        && cert.names.is_empty()
        && cert.subject.len() == own.len() + 3
        && cert.issuer.strip_prefix("CN=").is_some_and(|issuer| invented(issuer, ".com", CERTIFICATE))
}

fn invented(name: &str, end: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    let middle = name.strip_prefix("www.").and_then(|rest| rest.strip_suffix(end)).unwrap_or("");
    lengths.contains(&middle.len()) && middle.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{certificate, flow};

    #[test]
    fn three_invented_names() {
        let talk = |sni, subject, issuer| {
            let cert = certificate(subject, issuer, &[]);
            relay(&flow("203.0.113.9", 9001).tls(Some(sni), Some(cert)).build())
        };
        assert!(talk("www.qm4tzu6w.com", "CN=www.ab2cd3ef4g.net", "CN=www.zz77yy66xx.com"));
        assert!(!talk("www.shop-1.com", "CN=www.ab2cd3ef4g.net", "CN=www.zz77yy66xx.com"));
        assert!(!talk("www.qm4tzu6w.com", "CN=www.ab2cd3ef4g.com", "CN=www.zz77yy66xx.com"));
        assert!(!talk("www.qm4tzu6w.com", "CN=www.ab2cd3ef4g.net", "CN=Example Trust R3"));
        assert!(!talk("www.qm4tzu6w.com", "CN=www.ab2cd3ef4g.net,O=Shop", "CN=www.zz77yy66xx.com"));
    }
}
