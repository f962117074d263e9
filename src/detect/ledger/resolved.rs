//! What the DNS answers of a run say.

use super::address;
use super::book::Book;
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;
use std::net::IpAddr;

/// Names kept for one address of one client. An address with more is a shared front, where no name tells.
pub const MAX_NAMES: usize = 16;
/// Pairs of client and address for which resolved names are kept.
const MAX_RESOLVED: usize = 1 << 18;
/// In place of a client: all of them.
const ALL: u32 = u32::MAX;

/// What DNS answers say, for each client and for all; names, clients and addresses by their numbers.
#[derive(Debug, Default)]
pub struct Resolved {
    names: HashMap<(u32, u32), SmallVec<[u32; 4]>>,
    /// Names with their addresses, until they are put together.
    pairs: HashSet<(u32, u32)>,
    /// Addresses by name, those of each together: see `starts`.
    addresses: Vec<IpAddr>,
    /// Where the addresses of each name begin.
    starts: Vec<u32>,
}

impl Resolved {
    /// Takes an answer that a client got: its number, that of the name and of the address.
    pub fn take(&mut self, client: u32, name: u32, addr: u32) {
        if self.names.len() >= MAX_RESOLVED {
            return;
        }
        for client in [client, ALL] {
            let known = self.names.entry((client, addr)).or_default();
            if known.len() < MAX_NAMES && !known.contains(&name) {
                known.push(name);
            }
        }
        self.pairs.insert((name, addr));
    }

    /// Puts the addresses of each name together, once all answers are taken.
    pub fn settle(&mut self, hosts: &Book<IpAddr>) {
        let mut pairs: Vec<(u32, u32)> = std::mem::take(&mut self.pairs).into_iter().collect();
        pairs.sort_unstable();
        for (name, addr) in pairs {
            while self.starts.len() <= name as usize {
                self.starts.push(self.addresses.len() as u32);
            }
            self.addresses.push(*hosts.get(addr));
        }
        self.starts.push(self.addresses.len() as u32);
    }

    /// Names that led this client to the address; where it asked for none, those that led others there.
    pub fn names(&self, client: u32, addr: u32) -> &[u32] {
        let own = self.names.get(&(client, addr)).or_else(|| self.names.get(&(ALL, addr)));
        own.map_or(&[], SmallVec::as_slice)
    }

    /// Whether the answers for a name hold this address, or one near it; none where there are no answers.
    pub fn agrees(&self, name: u32, addr: IpAddr) -> Option<bool> {
        let at = name as usize;
        let range = *self.starts.get(at)? as usize..*self.starts.get(at + 1)? as usize;
        let known = self.addresses.get(range).filter(|known| !known.is_empty())?;
        Some(known.iter().any(|&own| own == addr || address::near(own, addr)))
    }
}
