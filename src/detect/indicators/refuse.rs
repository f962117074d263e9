//! Which entries would blame the innocent.

use super::value::Value;
use crate::detect::ledger::{Services, address};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Roles below whose names anyone gets one of his own.
const OWN_NAME_ROLES: [&str; 3] = ["dynamic-dns", "free-hosting", "tunnel-service"];
/// Shortest prefixes that are still one operator's: what is wider is a registry's.
const LEAST_BITS: (u8, u8) = (8, 16);
/// Public resolvers, asked by everyone: they stand in lists because somebody's sandbox asked them.
const RESOLVERS4: [[u8; 4]; 10] = [
    [1, 0, 0, 1],
    [1, 1, 1, 1],
    [4, 2, 2, 1],
    [4, 2, 2, 2],
    [8, 8, 4, 4],
    [8, 8, 8, 8],
    [9, 9, 9, 9],
    [149, 112, 112, 112],
    [208, 67, 220, 220],
    [208, 67, 222, 222],
];
const RESOLVERS6: [[u16; 8]; 4] = [
    [0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888],
    [0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8844],
    [0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111],
    [0x2620, 0x00fe, 0, 0, 0, 0, 0, 0x00fe],
];

/// Why an entry is refused.
pub fn reason(value: &Value<'_>, services: &Services) -> Option<String> {
    match value {
        Value::Net(net, _) => network(net).map(str::to_owned),
        Value::Name(name) => shared(name, services),
        // One page of a service that many share is one page.
        Value::Url(_) | Value::Ja3(_) | Value::Ja4(_) | Value::Sha1(_) | Value::Sha256(_) => None,
    }
}

fn network(net: &IpNet) -> Option<&'static str> {
    let addr = net.network();
    let least = if addr.is_ipv4() { LEAST_BITS.0 } else { LEAST_BITS.1 };
    if net.prefix_len() < least {
        return Some("a network of many owners");
    }
    if address::private(addr) {
        return Some("of no use outside its own network");
    }
    if address::shared(addr) {
        return Some("an address of many hosts or of none");
    }
    let resolver = match addr {
        IpAddr::V4(v4) => RESOLVERS4.iter().any(|&own| Ipv4Addr::from(own) == v4),
        IpAddr::V6(v6) => RESOLVERS6.iter().any(|&own| Ipv6Addr::from(own) == v6),
    };
    (resolver && net.prefix_len() == net.max_prefix_len()).then_some("a public resolver")
}

fn shared(name: &str, services: &Services) -> Option<String> {
    let Some(domain) = psl::domain(name.as_bytes()) else {
        return Some("a public suffix".to_owned());
    };
    let role = services.roles(name).find(|role| !OWN_NAME_ROLES.contains(role));
    let given = services.roles(name).find(|role| OWN_NAME_ROLES.contains(role));
    // Below a suffix of the list's private part names are given to customers, each his own.
    let own = domain.suffix().typ() == Some(psl::Type::Private);
    match (role, given) {
        (Some(role), _) if !own => Some(format!("a service of many, {role}")),
        (_, Some(role)) if services.lists(name) => Some(format!("names below it are given away, {role}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::services;

    fn refused(text: &str) -> Option<String> {
        reason(&Value::parse(text).unwrap(), &services())
    }

    #[test]
    fn suffixes_services_and_networks_of_many_are_refused() {
        for (text, word) in [
            ("co.uk", "public suffix"),
            ("duckdns.org", "public suffix"),
            ("api.telegram.org", "messenger"),
            ("dropbox.com", "cloud-storage"),
            ("192.168.1.7", "own network"),
            ("127.0.0.1", "own network"),
            ("224.0.0.5", "many hosts"),
            ("8.8.8.8", "resolver"),
            ("2001:4860:4860::8888", "resolver"),
            ("203.0.0.0/7", "many owners"),
            ("2000::/3", "many owners"),
            ("10.0.0.0/8", "own network"),
        ] {
            assert!(refused(text).is_some_and(|why| why.contains(word)), "{text}: {:?}", refused(text));
        }
    }

    #[test]
    fn what_is_somebodys_own_is_taken() {
        for text in [
            "drop.example",
            "mine.duckdns.org",
            "d1.cloudfront.net",
            "203.0.113.4",
            "8.8.8.0/24",
            "http://api.telegram.org/bot1/sendDocument",
        ] {
            assert_eq!(refused(text), None, "{text}");
        }
    }
}
