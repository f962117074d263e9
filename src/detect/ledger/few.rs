//! Sets of few things, and lists of flows: most channels have one address, one port, one name and one flow.

use smol_str::SmolStr;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

/// Addresses of a service.
pub type FewAddrs = Few<IpAddr>;
/// Ports of a service.
pub type FewPorts = Few<u16>;

/// Things in a row, of which most often there is one: it is kept in place.
#[derive(Debug, Default, Clone)]
enum Row<T> {
    #[default]
    None,
    One(T),
    // A pointer to a pointer, so that it takes no more room than the one.
    #[expect(clippy::box_collection, reason = "a vector is three words, its box one")]
    Many(Box<Vec<T>>),
}

impl<T> Row<T> {
    /// Puts one in at a place, behind all at most.
    fn insert(&mut self, at: usize, item: T) {
        match std::mem::take(self) {
            Self::None => *self = Self::One(item),
            Self::One(first) => {
                *self = Self::Many(Box::new(if at == 0 { vec![item, first] } else { vec![first, item] }));
            }
            Self::Many(mut all) => {
                all.insert(at.min(all.len()), item);
                *self = Self::Many(all);
            }
        }
    }

    /// All of them, to be changed; see [`of`](Self::of).
    fn take(&mut self) -> Vec<T> {
        match std::mem::take(self) {
            Self::None => Vec::new(),
            Self::One(one) => vec![one],
            Self::Many(all) => *all,
        }
    }

    /// Of these.
    fn of(mut all: Vec<T>) -> Self {
        if all.len() > 1 {
            all.shrink_to_fit();
            return Self::Many(Box::new(all));
        }
        all.pop().map_or(Self::None, Self::One)
    }
}

impl<T> Deref for Row<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(all) => all,
        }
    }
}

/// A set in order. To put something in takes time in proportion to what is there: large sets are collected at once.
#[derive(Debug, Clone)]
pub struct Few<T>(Row<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Row::None)
    }
}

impl<T: Ord> Few<T> {
    /// Puts something in; false where it was there.
    pub fn insert(&mut self, item: T) -> bool {
        let Err(at) = self.0.binary_search(&item) else { return false };
        self.0.insert(at, item);
        true
    }
    /// Whether it is there.
    pub fn contains(&self, item: &T) -> bool {
        self.0.binary_search(item).is_ok()
    }
    /// Whether nothing is in both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        !self.0.iter().any(|own| other.contains(own))
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];
    /// All in ascending order.
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T: Ord> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut own = Self::default();
        own.extend(items);
        own
    }
}

impl<T: Ord> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        let mut all = self.0.take();
        all.extend(items);
        all.sort_unstable();
        all.dedup();
        self.0 = Row::of(all);
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// What is known of a service, in order. Many services have the same roles: they share them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Roles(Option<Arc<Vec<SmolStr>>>);

impl Roles {
    /// These, each once.
    pub fn new(mut roles: Vec<SmolStr>) -> Self {
        roles.sort_unstable();
        roles.dedup();
        Self((!roles.is_empty()).then(|| Arc::new(roles)))
    }
}

impl std::ops::Deref for Roles {
    type Target = [SmolStr];
    fn deref(&self) -> &[SmolStr] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

/// Flows by their index in the ledger, in time order.
///
/// Indices take 32 bits: so many flows are far more than memory holds.
#[derive(Debug, Default, Clone)]
pub struct FlowList(Row<u32>);

impl FlowList {
    /// An empty list with room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self(if count > 1 { Row::Many(Box::new(Vec::with_capacity(count))) } else { Row::None })
    }
    /// Adds one at the end.
    pub fn push(&mut self, index: usize) {
        self.0.insert(self.0.len(), u32::try_from(index).unwrap_or(u32::MAX));
    }
    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + Clone + use<'_> {
        self.0.iter().map(|&index| index as usize)
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The only one, where there are no others.
    pub fn only(&self) -> Option<usize> {
        if let [only] = *self.0 { Some(only as usize) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_in_order_and_has_each_once() {
        let mut ports: FewPorts = [443, 80, 443].into_iter().collect();
        assert!(ports.insert(25) && !ports.insert(80));
        ports.extend([8080, 25]);
        assert_eq!(*ports, [25, 80, 443, 8080]);
        assert!(ports.contains(&443) && !ports.contains(&22));
        let mut ports = FewPorts::default();
        let sets = [80, 25, 443, 110, 80].map(|port| {
            ports.insert(port);
            ports.to_vec()
        });
        assert_eq!(sets, [&[80][..], &[25, 80], &[25, 80, 443], &[25, 80, 110, 443], &[25, 80, 110, 443]]);
        ports.extend([]);
        assert_eq!((ports.len(), FewPorts::from_iter([7, 7]).to_vec()), (4, vec![7]));
    }

    #[test]
    fn roles_are_in_order_and_stand_once() {
        let roles = Roles::new(["update", "doh", "update"].map(SmolStr::from).into());
        assert_eq!(*roles, ["doh", "update"]);
        assert_eq!((Roles::default().len(), Roles::new(Vec::new())), (0, Roles::default()));
    }

    #[test]
    fn a_list_knows_whether_it_has_one() {
        let mut list = FlowList::with_capacity(1);
        assert_eq!((list.only(), list.is_empty()), (None, true));
        list.push(7);
        assert_eq!(list.only(), Some(7));
        list.push(9);
        assert_eq!((list.only(), list.len()), (None, 2));
        assert_eq!(list.iter().rev().collect::<Vec<_>>(), [9, 7]);
    }
}
