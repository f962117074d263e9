//! Names of services: what is a name, and which names are one owner's.

use std::net::IpAddr;

/// The host of an authority (`Host` header, SNI) in lower case without port and trailing dot, if it is a DNS name
/// with at least one dot; an address is no name.
pub fn host(authority: &str) -> Option<String> {
    let bare = without_port(authority).trim_end_matches('.').to_ascii_lowercase();
    let name = bare.contains('.')
        && bare.len() <= 253
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') || !b.is_ascii());
    (name && bare.parse::<IpAddr>().is_err()).then_some(bare)
}

/// The address an authority spells out, if it does.
pub fn address(authority: &str) -> Option<IpAddr> {
    let bare = without_port(authority);
    bare.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']')) =>
        {
            host
        }
        _ => authority,
    }
}

/// The part of a name that its owner registered, by the Public Suffix List with its private part: names at a
/// shared host (`a.duckdns.org`, `b.duckdns.org`) stay apart. The name itself where the list has no answer.
pub fn owner(name: &str) -> &str {
    psl::domain_str(name).unwrap_or(name)
}

/// Whether a name of several labels is below no top-level domain that exists.
pub fn rootless(name: &str) -> bool {
    name.contains('.') && psl::suffix(name.as_bytes()).is_none_or(|suffix| !suffix.is_known())
}

/// Whether a certificate name (`*.example.org`) covers a host name (RFC 6125).
pub fn covers(pattern: &str, host: &str) -> bool {
    pattern.strip_prefix("*.").map_or_else(
        || pattern.eq_ignore_ascii_case(host),
        |base| host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(base)),
    )
}

/// Whether a name is another or below it. Both are in lower case.
pub fn below(name: &str, above: &str) -> bool {
    name.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_authorities() {
        assert_eq!(host("WWW.Panel.example:8080").as_deref(), Some("www.panel.example"));
        assert_eq!(host("203.0.113.4:81"), None);
        assert_eq!(host("localhost"), None);
        assert_eq!(host("a b.example"), None);
        assert_eq!(address("203.0.113.4:81"), "203.0.113.4".parse().ok());
        assert_eq!(address("[2001:db8::1]:443"), "2001:db8::1".parse().ok());
        assert_eq!(address("2001:db8::1"), "2001:db8::1".parse().ok());
        assert_eq!(address("panel.example"), None);
    }

    #[test]
    fn owners_of_names() {
        assert_eq!(owner("a.b.example.co.uk"), "example.co.uk");
        assert_eq!(owner("x.duckdns.org"), "x.duckdns.org");
    }

    #[test]
    fn wildcards_cover_one_label() {
        assert!(covers("*.panel.example", "a.panel.example"));
        assert!(!covers("*.panel.example", "a.b.panel.example"));
        assert!(covers("panel.example", "PANEL.example"));
    }
}
