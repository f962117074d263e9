//! Folds hints and link-layer addresses into host records.

use crate::record::{Flow, Hint, Host, Mac, Named};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use smallvec::SmallVec;
use std::net::IpAddr;

/// Hosts that are kept by what hints say, and likewise by link-layer addresses; beyond it new ones are not described.
const MAX_HOSTS: usize = 200_000;
/// Values of one kind kept for a host.
const MAX_VALUES: usize = 16;
/// Addresses that may share a link-layer address before it is taken for a router's and said of none: a host has a
/// few of each version.
const MAX_ADDRS_OF_MAC: usize = 6;

/// The hosts of a run.
#[derive(Debug, Default)]
pub struct Hosts {
    /// What hints and earlier runs tell.
    known: HashMap<IpAddr, Host>,
    /// Link-layer addresses of hosts: most have nothing else, and most have one.
    macs: HashMap<IpAddr, SmallVec<[Mac; 2]>>,
    /// Which hosts have a link-layer address by flows, up to one more than may.
    addrs_of: HashMap<Mac, SmallVec<[IpAddr; 1]>>,
    /// What the last flow told.
    latest: Option<(IpAddr, Mac)>,
}

impl Hosts {
    fn host(&mut self, addr: IpAddr) -> Option<&mut Host> {
        let full = self.known.len() >= MAX_HOSTS;
        match self.known.entry(addr) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(new) => (!full).then(|| new.insert(Host::at(addr))),
        }
    }

    /// Learns the client's link-layer address.
    pub fn flow(&mut self, flow: &Flow) {
        let Some(mac) = flow.client.mac else { return };
        let addr = flow.client.addr;
        // Most flows tell what the one before told.
        if self.latest.replace((addr, mac)) == Some((addr, mac)) {
            return;
        }
        // Of a router nothing is told in the end.
        let router = self.addrs_of.get(&mac).is_some_and(|addrs| addrs.len() > MAX_ADDRS_OF_MAC);
        if !router && self.mac(addr, mac) {
            self.addrs_of.entry(mac).or_default().push(addr);
        }
    }

    /// Adds a link-layer address of a host; false where it was known or is too many.
    fn mac(&mut self, addr: IpAddr, mac: Mac) -> bool {
        let full = self.macs.len() >= MAX_HOSTS;
        let macs = match self.macs.entry(addr) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if full => return false,
            Entry::Vacant(new) => new.insert(SmallVec::new()),
        };
        let new = macs.len() < MAX_VALUES && !macs.contains(&mac);
        if new {
            macs.push(mac);
        }
        new
    }

    /// Takes one hint.
    pub fn hint(&mut self, hint: Hint) {
        let Some(host) = self.host(hint.addr) else { return };
        let values = match hint.kind.as_str() {
            "name" => &mut host.names,
            "user" => &mut host.users,
            "domain" => &mut host.domains,
            "os" => &mut host.os_hints,
            _ => return,
        };
        add(values, Named { value: hint.value, source: hint.source, first: hint.time, last: hint.time });
    }

    /// Takes a host that an earlier run described.
    pub fn known(&mut self, known: Host) {
        for mac in known.macs.iter().filter_map(|mac| mac.parse().ok()) {
            self.mac(known.addr, mac);
        }
        let Some(host) = self.host(known.addr) else { return };
        for (values, more) in [
            (&mut host.names, known.names),
            (&mut host.users, known.users),
            (&mut host.domains, known.domains),
            (&mut host.os_hints, known.os_hints),
        ] {
            for named in more {
                add(values, named);
            }
        }
    }

    /// The hosts by address, values by first sight.
    pub fn finish(self) -> Vec<Host> {
        let Self { mut known, macs, addrs_of, .. } = self;
        let router = |mac: &Mac| addrs_of.get(mac).is_some_and(|addrs| addrs.len() > MAX_ADDRS_OF_MAC);
        for (addr, mut macs) in macs {
            macs.retain(|mac| !router(mac));
            if !macs.is_empty() {
                let host = known.entry(addr).or_insert_with(|| Host::at(addr));
                host.macs = macs.iter().map(Mac::to_string).collect();
            }
        }
        let tidy = |mut host: Host| {
            for values in [&mut host.names, &mut host.users, &mut host.domains, &mut host.os_hints] {
                values.sort_by(|a, b| (a.first, &a.value, &a.source).cmp(&(b.first, &b.value, &b.source)));
            }
            host
        };
        let says = |host: &Host| {
            !(host.macs.is_empty()
                && host.names.is_empty()
                && host.users.is_empty()
                && host.domains.is_empty()
                && host.os_hints.is_empty())
        };
        let mut hosts: Vec<Host> = known.into_values().map(tidy).filter(says).collect();
        hosts.sort_unstable_by_key(|host| host.addr);
        hosts
    }
}

/// Joins a value with the same one of the same source.
fn add(values: &mut Vec<Named>, new: Named) {
    let same = |old: &&mut Named| old.value == new.value && old.source == new.source;
    if let Some(old) = values.iter_mut().find(same) {
        old.first = old.first.min(new.first);
        old.last = old.last.max(new.last);
    } else if values.len() < MAX_VALUES {
        // Most hosts have one name.
        values.reserve_exact(1);
        values.push(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Client, testing};
    use crate::time::Timestamp;

    fn hint(value: &str, at: i64) -> Hint {
        Hint {
            addr: "192.0.2.10".parse().expect("address"),
            kind: "name".into(),
            value: value.into(),
            source: "dhcp".into(),
            time: Timestamp(at),
            frame: 1,
        }
    }

    #[test]
    fn the_same_value_is_joined_and_the_earliest_comes_first() {
        let mut hosts = Hosts::default();
        hosts.hint(hint("B-PC", 5));
        hosts.hint(hint("A-PC", 3));
        hosts.hint(hint("B-PC", 9));
        let hosts = hosts.finish();
        let seen: Vec<_> = hosts[0].names.iter().map(|n| (n.value.as_str(), n.first.0, n.last.0)).collect();
        assert_eq!(seen, [("A-PC", 3, 3), ("B-PC", 5, 9)]);
    }

    fn seen(hosts: &mut Hosts, addr: [u8; 4], mac: u8) {
        let client =
            Client { addr: addr.into(), mac: Some(Mac([2, 0, 0, 0, 0, mac])), ..testing::flow().client };
        hosts.flow(&Flow { client, ..testing::flow() });
    }

    #[test]
    fn a_link_layer_address_describes_a_host_and_no_router() {
        let mut hosts = Hosts::default();
        let most = MAX_ADDRS_OF_MAC as u8;
        for n in 0..=most {
            seen(&mut hosts, [192, 0, 2, n], 7);
        }
        for n in 0..most {
            seen(&mut hosts, [198, 51, 100, n], 8);
            seen(&mut hosts, [198, 51, 100, n], 8);
        }
        seen(&mut hosts, [192, 0, 2, 1], 9);
        let own: Host =
            Host { macs: vec!["02:00:00:00:00:0a".to_owned()], ..Host::at([192, 0, 2, 2].into()) };
        hosts.known(own);
        let hosts = hosts.finish();
        let macs: Vec<_> = hosts.iter().map(|host| (host.addr.to_string(), host.macs.join(" "))).collect();
        let of = |addr: &str| macs.iter().find(|(own, _)| own == addr).map(|(_, macs)| macs.as_str());
        assert_eq!(macs.len(), 2 + usize::from(most));
        assert_eq!(
            (of("192.0.2.1"), of("192.0.2.2")),
            (Some("02:00:00:00:00:09"), Some("02:00:00:00:00:0a"))
        );
        assert_eq!((of("192.0.2.3"), of("198.51.100.0")), (None, Some("02:00:00:00:00:08")));
    }

    #[test]
    fn values_of_a_host_are_bounded() {
        let mut hosts = Hosts::default();
        (0..100).for_each(|n| hosts.hint(hint(&format!("PC-{n}"), n)));
        assert_eq!(hosts.finish()[0].names.len(), MAX_VALUES);
    }
}
