//! Where entries are kept: sorted vectors for numbers, one table over one text for words.

use super::value::Value;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Bytes of all words together: offsets have 32 bits.
const MAX_TEXT: usize = 1 << 31;
/// Bytes of one word.
const MAX_WORD: usize = 4096;

/// Where an entry stands: list by number, and line or id in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub file: u16,
    pub place: u32,
}

/// Entries by kind.
#[derive(Debug, Clone, Default)]
pub struct Store {
    v4: Nets<u32>,
    v6: Nets<u128>,
    pub names: Words,
    pub urls: Words,
    pub ja4: Words,
    pub ja3: Sorted<u128>,
    pub sha1: Sorted<[u8; 20]>,
    pub sha256: Sorted<[u8; 32]>,
}

/// A network that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Bits of its prefix.
    pub bits: u8,
    /// The port that stands with it, 0 for any.
    pub port: u16,
    pub source: Source,
}

impl Store {
    /// Puts an entry in; says no where there is no room for a word.
    pub fn put(&mut self, value: Value<'_>, source: Source) -> bool {
        match value {
            Value::Net(net, port) => match net.network() {
                IpAddr::V4(v4) => self.v4.put(v4.to_bits(), net.prefix_len(), port, source),
                IpAddr::V6(v6) => self.v6.put(v6.to_bits(), net.prefix_len(), port, source),
            },
            Value::Name(name) => return self.names.put(&name, source),
            Value::Url(url) => return self.urls.put(&url, source),
            Value::Ja4(print) => return self.ja4.put(&print, source),
            Value::Ja3(print) => self.ja3.put(print, source),
            Value::Sha1(print) => self.sha1.put(print, source),
            Value::Sha256(print) => self.sha256.put(print, source),
        }
        true
    }

    /// Entries, those that stand twice too.
    pub fn len(&self) -> usize {
        let words = self.names.len() + self.urls.len() + self.ja4.len();
        let prints = self.ja3.items.len() + self.sha1.items.len() + self.sha256.items.len();
        words + prints + self.v4.count + self.v6.count
    }

    /// Puts everything in order: before this nothing is found.
    pub fn seal(&mut self) {
        self.v4.seal();
        self.v6.seal();
        self.ja3.seal();
        self.sha1.seal();
        self.sha256.seal();
    }

    /// The narrowest network with this address and one of these ports.
    pub fn net(&self, addr: IpAddr, ports: &BTreeSet<u16>) -> Option<Met> {
        match addr.to_canonical() {
            IpAddr::V4(v4) => {
                let mask = |bits: u8| v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                self.v4.find(mask, ports)
            }
            IpAddr::V6(v6) => {
                let mask =
                    |bits: u8| v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                self.v6.find(mask, ports)
            }
        }
    }
}

/// One network: address, port, source.
type Net<A> = (A, u16, Source);

/// Networks by the length of their prefix, an address being one of full length.
#[derive(Debug, Clone, Default)]
struct Nets<A> {
    by_bits: BTreeMap<u8, Vec<Net<A>>>,
    count: usize,
}

impl<A: Ord + Copy> Nets<A> {
    fn put(&mut self, net: A, bits: u8, port: u16, source: Source) {
        self.by_bits.entry(bits).or_default().push((net, port, source));
        self.count += 1;
    }

    fn seal(&mut self) {
        for nets in self.by_bits.values_mut() {
            nets.sort_unstable();
            nets.dedup_by_key(|(net, port, _)| (*net, *port));
        }
        self.count = self.by_bits.values().map(Vec::len).sum();
    }

    fn find(&self, mask: impl Fn(u8) -> A, ports: &BTreeSet<u16>) -> Option<Met> {
        self.by_bits.iter().rev().find_map(|(&bits, nets)| {
            let net = mask(bits);
            let from = nets.partition_point(|(own, ..)| *own < net);
            let mut same = nets.get(from..)?.iter().take_while(|(own, ..)| *own == net);
            let (_, port, source) = same.find(|(_, port, _)| *port == 0 || ports.contains(port))?;
            Some(Met { bits, port: *port, source: *source })
        })
    }
}

/// Numbers in order, each once.
#[derive(Debug, Clone, Default)]
pub struct Sorted<K> {
    items: Vec<(K, Source)>,
}

impl<K: Ord + Copy> Sorted<K> {
    fn put(&mut self, key: K, source: Source) {
        self.items.push((key, source));
    }

    fn seal(&mut self) {
        self.items.sort_unstable();
        self.items.dedup_by_key(|(key, _)| *key);
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn find(&self, key: K) -> Option<Source> {
        let at = self.items.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.items.get(at).map(|(_, source)| *source)
    }
}

/// A word in the common text.
#[derive(Debug, Clone, Copy)]
struct Word {
    at: u32,
    len: u16,
    source: Source,
}

/// Words in one text, found by their hash: no allocation a word.
#[derive(Debug, Clone, Default)]
pub struct Words {
    text: String,
    table: HashTable<Word>,
    hasher: RandomState,
}

impl Words {
    /// Puts a word in; the first source of a word stays. Says no where there is no room.
    fn put(&mut self, word: &str, source: Source) -> bool {
        let Self { text, table, hasher } = self;
        let hash = hasher.hash_one(word);
        if word.len() > MAX_WORD || text.len() > MAX_TEXT {
            return false;
        }
        if table.find(hash, |own| slice(text, *own) == word).is_none() {
            let own = Word { at: text.len() as u32, len: word.len() as u16, source };
            text.push_str(word);
            table.insert_unique(hash, own, |own| hasher.hash_one(slice(text, *own)));
        }
        true
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub fn find(&self, word: &str) -> Option<Source> {
        let own = self.table.find(self.hasher.hash_one(word), |own| slice(&self.text, *own) == word)?;
        Some(own.source)
    }
}

fn slice(text: &str, word: Word) -> &str {
    let at = word.at as usize;
    text.get(at..at + usize::from(word.len)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Source = Source { file: 0, place: 1 };
    const SECOND: Source = Source { file: 0, place: 2 };

    #[test]
    fn the_narrowest_network_speaks_and_ports_bind() {
        let mut store = Store::default();
        for (net, port, source) in [
            ("203.0.113.0/24", 0, FIRST),
            ("203.0.113.4/32", 8080, SECOND),
            ("2001:db8::/32", 0, FIRST),
            ("0.0.0.0/0", 7, FIRST),
        ] {
            store.put(Value::Net(net.parse().unwrap(), port), source);
        }
        store.seal();
        let find = |addr: &str, ports: &[u16]| {
            let ports = ports.iter().copied().collect();
            store.net(addr.parse().unwrap(), &ports).map(|met| (met.bits, met.port))
        };
        assert_eq!(find("203.0.113.4", &[8080, 80]), Some((32, 8080)));
        assert_eq!(find("203.0.113.4", &[80]), Some((24, 0)));
        assert_eq!(find("::ffff:203.0.113.4", &[80]), Some((24, 0)));
        assert_eq!(find("198.51.100.1", &[80]), None);
        assert_eq!(find("198.51.100.1", &[7]), Some((0, 7)));
        assert_eq!(find("2001:db8:ffff::1", &[]), Some((32, 0)));
        assert_eq!(find("2001:db9::1", &[]), None);
    }

    #[test]
    fn words_stand_once_with_their_first_source() {
        let mut words = Words::default();
        for n in 0..2000 {
            assert!(words.put(&format!("w{}", n % 1000), Source { file: 0, place: n }));
        }
        assert_eq!((words.len(), words.find("w7").map(|s| s.place)), (1000, Some(7)));
        assert_eq!(words.find("w1000"), None);
        assert!(!words.put(&"x".repeat(MAX_WORD + 1), FIRST));
    }

    #[test]
    fn numbers_stand_once_with_their_first_source() {
        let mut sorted = Sorted::default();
        for (key, source) in [(9_u128, SECOND), (3, SECOND), (9, FIRST)] {
            sorted.put(key, source);
        }
        sorted.seal();
        assert_eq!([sorted.find(9), sorted.find(3), sorted.find(4)], [Some(FIRST), Some(SECOND), None]);
    }
}
