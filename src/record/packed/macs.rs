//! Addresses of links that are common to many records.

use crate::record::Mac;

/// Places of addresses.
const PLACES: usize = 1 << 8;
/// Addresses with a number at most.
const MAX_MACS: usize = 1 << 16;

/// Addresses by number. A place knows the last address that was seen there; one that was pushed out by others gets a new
/// number when it comes back.
#[derive(Debug, Default, Clone)]
pub struct Macs {
    known: Vec<Mac>,
    /// The number of the address at each place.
    places: Vec<u32>,
}

impl Macs {
    /// The number of an address; none where there are too many.
    pub fn number(&mut self, mac: Mac) -> Option<u32> {
        let place = place(mac);
        if let Some(&number) = self.places.get(place)
            && self.get(number as usize) == Some(mac)
        {
            return Some(number);
        }
        if self.known.len() >= MAX_MACS {
            return None;
        }
        let number = self.known.len() as u32;
        self.places.resize(PLACES, 0);
        self.known.push(mac);
        *self.places.get_mut(place)? = number;
        Some(number)
    }

    /// The address of a number.
    pub fn get(&self, number: usize) -> Option<Mac> {
        self.known.get(number).copied()
    }

    /// What they take, in bytes.
    pub const fn weight(&self) -> usize {
        self.known.len() * size_of::<Mac>() + self.places.len() * size_of::<u32>()
    }
}

/// The place of an address, by all of its bytes.
fn place(mac: Mac) -> usize {
    let number = mac.0.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_number() {
        let mut macs = Macs::default();
        let mac = |n: u32| Mac([2, 0, (n >> 16) as u8, (n >> 8) as u8, n as u8, 1]);
        assert_eq!(
            (macs.number(mac(7)), macs.number(mac(8)), macs.number(mac(7))),
            (Some(0), Some(1), Some(0))
        );
        let numbers: Vec<_> = (0..70_000).map(|n| macs.number(mac(n))).collect();
        for (n, number) in (0..).zip(numbers) {
            assert!(number.is_none_or(|number| macs.get(number as usize) == Some(mac(n))));
        }
        assert_eq!((macs.known.len(), macs.number(mac(70_001)), macs.get(MAX_MACS)), (MAX_MACS, None, None));
        assert_eq!(macs.weight(), 6 * MAX_MACS + 4 * PLACES);
    }
}
