//! Folds hints and link-layer addresses into host records.

use crate::record::{Flow, Hint, Host, Mac, Named};
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Hosts that are kept; beyond it new ones are not described.
const MAX_HOSTS: usize = 200_000;
/// Values of one kind kept for a host.
const MAX_VALUES: usize = 16;
/// Addresses that may share a link-layer address before it is taken for a router's and said of none: a host has a
/// few of each version.
const MAX_ADDRS_OF_MAC: usize = 6;

/// The hosts of a run.
#[derive(Debug, Default)]
pub struct Hosts {
    known: HashMap<IpAddr, Host>,
    addrs_of: BTreeMap<Mac, BTreeSet<IpAddr>>,
    /// What flows told, and the last of it. Bounded like hosts and their values.
    told: HashSet<(IpAddr, Mac)>,
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
        if self.latest.replace((addr, mac)) == Some((addr, mac)) || self.told.contains(&(addr, mac)) {
            return;
        }
        // Of a router nothing is told in the end.
        if self.addrs_of.get(&mac).is_some_and(|addrs| addrs.len() > MAX_ADDRS_OF_MAC) {
            return;
        }
        let Some(host) = self.host(addr) else { return };
        if host.macs.len() >= MAX_VALUES {
            return;
        }
        let text = mac.to_string();
        if host.macs.contains(&text) {
            return;
        }
        host.macs.push(text);
        self.addrs_of.entry(mac).or_default().insert(addr);
        self.told.insert((addr, mac));
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
        let Some(host) = self.host(known.addr) else { return };
        for mac in known.macs {
            if !host.macs.contains(&mac) && host.macs.len() < MAX_VALUES {
                host.macs.push(mac);
            }
        }
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
        let Self { known: hosts, addrs_of, .. } = self;
        let routers = addrs_of.iter().filter(|(_, addrs)| addrs.len() > MAX_ADDRS_OF_MAC);
        let routers: BTreeSet<String> = routers.map(|(mac, _)| mac.to_string()).collect();
        let tidy = |mut host: Host| {
            host.macs.retain(|mac| !routers.contains(mac));
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
        let mut hosts: Vec<Host> = hosts.into_values().map(tidy).filter(says).collect();
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
        values.push(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn hint(value: &str, at: i64) -> Hint {
        Hint {
            addr: "192.0.2.10".parse().expect("address"),
            kind: "name".to_owned(),
            value: value.to_owned(),
            source: "dhcp".to_owned(),
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

    #[test]
    fn values_of_a_host_are_bounded() {
        let mut hosts = Hosts::default();
        (0..100).for_each(|n| hosts.hint(hint(&format!("PC-{n}"), n)));
        assert_eq!(hosts.finish()[0].names.len(), MAX_VALUES);
    }
}
