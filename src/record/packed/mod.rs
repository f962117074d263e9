//! Conversations in the fewest bytes: how a run keeps them, by the hundred thousand.
//!
//! A record in memory is made to be read: wide numbers, lists and texts in places of their own, some 2,000 bytes. Of most
//! only a few facts are asked again. [`Flows`] keeps each as its fields one after another, in some 90 to 250 bytes, and
//! makes it a record again where it is asked for. Fields that hold nothing take a bit (`fields`), numbers are as short as they
//! are (`code`), texts and link-layer addresses that come often have numbers (`common`, `macs`), escapes are undone
//! (`escaped`), long names take two bytes for three letters (`letters`), and what follows from the rest of the record is left out.
//! The bytes never leave the process: what is stored is NDJSON (`io`).

mod code;
mod common;
mod escaped;
mod fields;
mod letters;
mod macs;

use super::{Client, Endpoint, Flow, Sides};
use crate::time::Timestamp;
use code::{Pack, Packer, Unpacker};
use once_cell::race::OnceBox;
use std::ops::Index;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that are reserved at once.
const CHUNK: usize = 256 << 10;

/// Conversations next to each other whose places for records are made together.
const PAGE: usize = 64;
/// Places for records that are open.
type Page = [OnceBox<Flow>; PAGE];

/// Conversations, each in its short form until it is asked for.
///
/// A Community ID that a record does not have yet (all zero) it has when it is asked for: that of its ends.
///
/// [`iter`](Self::iter) makes records one at a time. [`get`](Self::get) and indexing make one that stays until
/// [`close`](Self::close): whoever looks at many closes now and then. A clone costs little: it keeps the same short forms, and
/// none of it is open. Threads that look at many take one each, so that what they ask for is made and given up by them.
#[derive(Default)]
pub struct Flows {
    /// Written by one that has it alone.
    kept: Arc<Kept>,
    /// Those that were asked for, page by page: most pages are empty.
    open: Vec<OnceBox<Page>>,
    opened: Mutex<Vec<u32>>,
}

/// The short forms.
#[derive(Default, Clone)]
struct Kept {
    packer: Packer,
    chunks: Vec<Vec<u8>>,
    places: Vec<Place>,
    /// Bytes in all chunks.
    bytes: usize,
    /// They are in order.
    sorted: bool,
}

/// What a conversation is at a glance. Its short form begins with it, so that it costs next to nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Its first packet.
    pub start: Timestamp,
    /// Its last packet.
    pub end: Timestamp,
    /// Payload bytes.
    pub payload: Sides,
    /// Who asked.
    pub client: Client,
    /// Who was asked.
    pub server: Endpoint,
}

/// Where a conversation is.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: Timestamp,
    chunk: u32,
    from: u32,
}

impl Flows {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.kept.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.places.is_empty()
    }

    /// About what they take, in bytes, those that are open aside.
    pub fn weight(&self) -> usize {
        let Kept { packer, places, bytes, .. } = &*self.kept;
        let pages = self.open.len() * size_of::<OnceBox<Page>>();
        bytes + places.len() * size_of::<Place>() + pages + packer.shared.weight()
    }

    /// Adds one at the end.
    pub fn push(&mut self, flow: &Flow) {
        let kept = Arc::make_mut(&mut self.kept);
        let place = kept.write(flow);
        kept.sorted = false;
        if kept.places.len().is_multiple_of(PAGE) {
            self.open.push(OnceBox::new());
        }
        kept.places.push(place);
    }

    /// The one at an index; it stays open until [`close`](Self::close).
    pub fn get(&self, index: usize) -> Option<&Flow> {
        if let Some(open) = self.opened(index) {
            return Some(open);
        }
        let flow = Box::new(self.kept.read(*self.kept.places.get(index)?)?);
        let page = self.open.get(index / PAGE)?.get_or_init(|| Box::new([const { OnceBox::new() }; PAGE]));
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(index as u32);
        Some(page.get(index % PAGE)?.get_or_init(|| flow))
    }

    /// The one at an index, if it is open.
    fn opened(&self, index: usize) -> Option<&Flow> {
        self.open.get(index / PAGE)?.get()?.get(index % PAGE)?.get()
    }

    /// When the one at an index began: known without making it a record.
    pub fn start(&self, index: usize) -> Option<Timestamp> {
        self.kept.places.get(index).map(|place| place.start)
    }

    /// What the one at an index is at a glance, without making it a record.
    pub fn outline(&self, index: usize) -> Option<Outline> {
        Outline::unpack(&mut self.kept.reader(*self.kept.places.get(index)?)?)
    }

    /// A copy of the one at an index.
    pub fn copy(&self, index: usize) -> Option<Flow> {
        let open = self.opened(index).cloned();
        open.or_else(|| self.kept.read(*self.kept.places.get(index)?))
    }

    /// All of them in order, made one at a time.
    pub fn iter(&self) -> Iter<'_> {
        Iter { flows: self, rest: self.kept.places.iter() }
    }

    /// Gives up the records that were asked for.
    pub fn close(&mut self) {
        let opened = self.opened.get_mut().unwrap_or_else(PoisonError::into_inner);
        for index in opened.drain(..) {
            if let Some(page) = self.open.get_mut(index as usize / PAGE) {
                *page = OnceBox::new();
            }
        }
    }

    /// Gives them up where they are more than so many.
    pub fn close_beyond(&mut self, most: usize) {
        if self.opened.get_mut().unwrap_or_else(PoisonError::into_inner).len() > most {
            self.close();
        }
    }

    /// Changes the one at an index; what is open is closed.
    pub fn change(&mut self, index: usize, change: impl FnOnce(&mut Flow)) {
        let Some(mut flow) = self.copy(index) else { return };
        change(&mut flow);
        let kept = Arc::make_mut(&mut self.kept);
        let place = kept.write(&flow);
        kept.sorted = false;
        kept.places[index] = place;
        self.close();
    }

    /// Puts them in the order of [`Flow::order`]; what is open is closed. Gives for each place the index that the one
    /// that is there now had before; nothing where all were in order.
    pub fn sort(&mut self) -> Option<Vec<u32>> {
        if self.kept.sorted {
            return None;
        }
        self.close();
        Arc::make_mut(&mut self.kept).sort()
    }
}

impl Kept {
    fn sort(&mut self) -> Option<Vec<u32>> {
        self.sorted = true;
        let place = |index: u32| self.places[index as usize];
        let mut order: Vec<u32> = (0..self.places.len() as u32).collect();
        order.sort_by_key(|index| place(*index).start);
        let same = |one: &u32, next: &u32| place(*one).start == place(*next).start;
        for same in order.chunk_by_mut(same).filter(|same| same.len() > 1) {
            same.sort_by_cached_key(|index| self.read(place(*index)).map(|flow| flow.order()));
        }
        if order.is_sorted() {
            return None;
        }
        self.places = order.iter().map(|index| place(*index)).collect();
        Some(order)
    }

    fn write(&mut self, flow: &Flow) -> Place {
        self.packer.flow(flow);
        let bytes = &self.packer.bytes;
        let fits = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= bytes.len();
        if !self.chunks.last().is_some_and(fits) {
            self.chunks.push(Vec::with_capacity(CHUNK.max(bytes.len())));
        }
        let number = self.chunks.len().saturating_sub(1) as u32;
        let from = self.chunks.last_mut().map_or(0, |chunk| {
            let from = chunk.len() as u32;
            chunk.extend_from_slice(bytes);
            from
        });
        self.bytes += bytes.len();
        Place { start: flow.start, chunk: number, from }
    }

    fn reader(&self, place: Place) -> Option<Unpacker<'_>> {
        let bytes = self.chunks.get(place.chunk as usize)?.get(place.from as usize..)?;
        Some(Unpacker::new(bytes, &self.packer.shared, place.start))
    }

    fn read(&self, place: Place) -> Option<Flow> {
        self.reader(place)?.flow()
    }
}

/// Conversations in order, each made a record when its turn comes.
#[derive(Debug)]
pub struct Iter<'a> {
    flows: &'a Flows,
    rest: std::slice::Iter<'a, Place>,
}

impl Iterator for Iter<'_> {
    type Item = Flow;
    fn next(&mut self) -> Option<Flow> {
        self.flows.kept.read(*self.rest.next()?)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl<'a> IntoIterator for &'a Flows {
    type Item = Flow;
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl Index<usize> for Flows {
    type Output = Flow;
    /// As [`get`](Self::get).
    ///
    /// # Panics
    /// Where there are not so many.
    fn index(&self, index: usize) -> &Flow {
        let all = self.len();
        self.get(index).unwrap_or_else(|| panic!("no conversation {index} among {all}"))
    }
}

impl Extend<Flow> for Flows {
    fn extend<I: IntoIterator<Item = Flow>>(&mut self, flows: I) {
        flows.into_iter().for_each(|flow| self.push(&flow));
    }
}

impl FromIterator<Flow> for Flows {
    fn from_iter<I: IntoIterator<Item = Flow>>(flows: I) -> Self {
        let mut own = Self::new();
        own.extend(flows);
        own
    }
}

impl From<Vec<Flow>> for Flows {
    fn from(flows: Vec<Flow>) -> Self {
        flows.into_iter().collect()
    }
}

impl Clone for Flows {
    fn clone(&self) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
            open: self.open.iter().map(|_| OnceBox::new()).collect(),
            opened: Mutex::default(),
        }
    }
}

impl PartialEq for Flows {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for Flows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
