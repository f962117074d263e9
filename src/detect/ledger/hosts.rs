//! Hosts by address: made once, asked often.

use super::HostView;
use std::net::IpAddr;

/// Hosts in order of their addresses, next to each other: a tree of as many takes as much again while it is made.
#[derive(Debug, Default, Clone)]
pub struct HostViews(Vec<(IpAddr, HostView)>);

impl HostViews {
    /// Those of a list, which is put in order. Of several of one address the first stays.
    pub fn new(mut hosts: Vec<(IpAddr, HostView)>) -> Self {
        if !hosts.is_sorted_by_key(|(addr, _)| *addr) {
            hosts.sort_by_key(|(addr, _)| *addr);
        }
        hosts.dedup_by_key(|(addr, _)| *addr);
        Self(hosts)
    }

    fn place(&self, addr: IpAddr) -> Option<usize> {
        self.0.binary_search_by_key(&addr, |(addr, _)| *addr).ok()
    }

    /// The host of an address.
    pub fn get(&self, addr: IpAddr) -> Option<&HostView> {
        Some(&self.0.get(self.place(addr)?)?.1)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, addr: IpAddr) -> Option<&mut HostView> {
        let place = self.place(addr)?;
        Some(&mut self.0.get_mut(place)?.1)
    }

    /// The host at a place in order of addresses.
    pub fn at(&self, place: usize) -> Option<&HostView> {
        self.0.get(place).map(|(_, host)| host)
    }

    /// All in order of their addresses.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (IpAddr, &HostView)> {
        self.0.iter().map(|(addr, host)| (*addr, host))
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (IpAddr, &mut HostView)> {
        self.0.iter_mut().map(|(addr, host)| (*addr, host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_order() {
        let addr = |last: u8| IpAddr::from([192, 0, 2, last]);
        let host = |resolves| HostView { resolves, ..HostView::default() };
        let mut hosts =
            HostViews::new(vec![(addr(9), host(false)), (addr(1), host(true)), (addr(9), host(true))]);
        let all: Vec<_> = hosts.iter().map(|(addr, host)| (addr, host.resolves)).collect();
        assert_eq!(all, [(addr(1), true), (addr(9), false)]);
        assert!(hosts.at(0).is_some_and(|host| host.resolves) && hosts.at(2).is_none());
        hosts.get_mut(addr(9)).expect("a host").resolves = true;
        assert!(hosts.get(addr(9)).expect("a host").resolves && hosts.get(addr(2)).is_none());
    }
}
