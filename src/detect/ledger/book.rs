//! Names and addresses by number, while a ledger is built: a run has far fewer of them than flows.

use super::name;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};
use smol_str::SmolStr;
use std::hash::{BuildHasher, Hash};

/// No number.
const NONE: u32 = u32::MAX;

/// Things by number, each once.
#[derive(Debug)]
pub struct Book<T> {
    entries: Vec<T>,
    index: HashTable<u32>,
    hasher: RandomState,
}

impl<T> Default for Book<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: HashTable::new(), hasher: RandomState::default() }
    }
}

impl<T: Hash + Eq + Clone> Book<T> {
    /// The number of a thing, a new one where it has none.
    pub fn number(&mut self, thing: &T) -> u32 {
        let hash = self.hasher.hash_one(thing);
        let is = |&at: &u32| self.entries.get(at as usize) == Some(thing);
        if let Some(&known) = self.index.find(hash, is) {
            return known;
        }
        let number = u32::try_from(self.entries.len()).unwrap_or(NONE);
        self.entries.push(thing.clone());
        let (entries, hasher) = (&self.entries, &self.hasher);
        let rehash = |&at: &u32| entries.get(at as usize).map_or(0, |entry| hasher.hash_one(entry));
        self.index.insert_unique(hash, number, rehash);
        number
    }

    /// The thing of a number.
    pub fn get(&self, number: u32) -> &T {
        &self.entries[number as usize]
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Names with their owners.
#[derive(Debug, Default)]
pub struct Names {
    book: Book<SmolStr>,
    /// The owner of each, `NONE` where nobody asked yet.
    owners: Vec<u32>,
    /// The names in authorities as sent, `NONE` for those that have none.
    authorities: HashMap<SmolStr, u32>,
}

impl Names {
    /// The number of a name in lower case.
    pub fn number(&mut self, name: &SmolStr) -> u32 {
        self.book.number(name)
    }

    /// The number of the name in an authority (SNI, `Host`), if it is one.
    pub fn of_authority(&mut self, authority: &str) -> Option<u32> {
        let book = &mut self.book;
        let number = if let Some(known) = self.authorities.get(authority) {
            *known
        } else {
            let new = name::host(authority).map_or(NONE, |host| book.number(&host.into()));
            self.authorities.insert(authority.into(), new);
            new
        };
        (number != NONE).then_some(number)
    }

    /// The name of a number.
    pub fn get(&self, number: u32) -> &SmolStr {
        self.book.get(number)
    }

    /// The number of the name that its owner registered.
    pub fn owner(&mut self, number: u32) -> u32 {
        let at = number as usize;
        if self.owners.len() <= at {
            self.owners.resize(at + 1, NONE);
        }
        if self.owners[at] == NONE {
            let owner = SmolStr::new(name::owner(self.get(number)));
            self.owners[at] = self.book.number(&owner);
        }
        self.owners[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_however_it_is_written() {
        let mut names = Names::default();
        let one = names.of_authority("WWW.Panel.example:8080");
        assert_eq!(one, names.of_authority("www.panel.example"));
        assert_eq!(one, Some(names.number(&"www.panel.example".into())));
        assert_eq!(names.of_authority("203.0.113.4"), None);
        let owner = names.owner(one.unwrap());
        assert_eq!(names.get(owner), "panel.example");
        assert_eq!(names.owner(owner), owner);
    }
}
