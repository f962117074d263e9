//! Fragments that wait to be told whether their datagram is asked for.
//!
//! Only the first fragment of a datagram, or all of them together, say what conversation it belongs to. Until one is
//! seen the frames of the others are kept here, and from then on they share its lot. A datagram in a tunnel may be in
//! fragments whose carriers are in fragments again: those datagrams that share a frame share a lot.

use super::marks::Marks;
use crate::decode::{Datagram, PATIENCE};
use crate::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Datagrams that are remembered at once, of some 200 bytes each: those of a second on a busy link.
const MAX_DATAGRAMS: usize = 4096;
/// Frames that wait, of all datagrams together: 8 MiB.
const MAX_FRAMES: usize = 1 << 20;
/// Datagrams that share a frame with one: one for each fragment that has an outer one in fragments.
const MAX_KIN: usize = 64;

/// What is known of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lot {
    /// Not yet to which conversation it belongs.
    Unknown,
    /// It is asked for.
    Wanted,
    /// It is not.
    Unwanted,
}

#[derive(Debug)]
struct Group {
    started: Timestamp,
    lot: Lot,
    /// Frames that wait.
    frames: Vec<u64>,
    /// Datagrams that share a frame with it.
    kin: Vec<Datagram>,
}

/// Datagrams of one capture, by what their fragments share.
#[derive(Debug, Default)]
pub struct Datagrams {
    groups: BTreeMap<Datagram, Group>,
    /// In the order in which they began, those that are over included until they come up.
    order: VecDeque<(Datagram, Timestamp)>,
    /// Frames that wait, of all datagrams.
    waiting: usize,
    /// Fragments that were forgotten while others of their datagram could still come.
    forgotten: u64,
}

impl Datagrams {
    /// Takes in a frame that is a fragment of all of `of`, and what it says by itself of their lot. Frames that turn out
    /// to be asked for are marked.
    pub fn frame(&mut self, of: &[Datagram], frame: u64, time: Timestamp, lot: Lot, marks: &mut Marks) {
        let mut lot = lot;
        for datagram in of {
            let group = self.group(*datagram, time);
            for other in of.iter().filter(|other| *other != datagram) {
                if group.kin.len() < MAX_KIN && !group.kin.contains(other) {
                    group.kin.push(*other);
                }
            }
            lot = if lot == Lot::Unknown || group.lot == Lot::Wanted { group.lot } else { lot };
        }
        match lot {
            Lot::Wanted => marks.add(frame),
            // A first fragment may be too short to tell what is in a tunnel: all of them together have the last word.
            Lot::Unknown | Lot::Unwanted => self.wait(of, frame),
        }
        if lot != Lot::Unknown {
            self.settle(of.to_vec(), lot, marks);
        }
    }

    fn wait(&mut self, of: &[Datagram], frame: u64) {
        while self.waiting + of.len() > MAX_FRAMES && self.forget(None) {}
        for datagram in of {
            if let Some(group) = self.groups.get_mut(datagram) {
                group.frames.push(frame);
                self.waiting += 1;
            }
        }
    }

    /// Settles the lot of these datagrams and of all that share a frame with them.
    fn settle(&mut self, mut these: Vec<Datagram>, lot: Lot, marks: &mut Marks) {
        while let Some(datagram) = these.pop() {
            let open =
                |group: &&mut Group| group.lot == Lot::Unknown || group.lot != lot && lot == Lot::Wanted;
            if let Some(group) = self.groups.get_mut(&datagram).filter(open) {
                group.lot = lot;
                if lot == Lot::Wanted {
                    self.waiting -= group.frames.len();
                    for frame in std::mem::take(&mut group.frames) {
                        marks.add(frame);
                    }
                }
                these.extend(group.kin.iter().copied());
            }
        }
    }

    /// The datagram that these fragments belong to; identifications come round again.
    fn group(&mut self, datagram: Datagram, time: Timestamp) -> &mut Group {
        let late = |group: &Group| time.since(group.started) > PATIENCE;
        if self.groups.get(&datagram).is_none_or(late) {
            while self.order.len() >= MAX_DATAGRAMS && self.forget(Some(time)) {}
            self.order.push_back((datagram, time));
            self.remove(&datagram);
        }
        self.groups.entry(datagram).or_insert_with(|| Group {
            started: time,
            lot: Lot::Unknown,
            frames: Vec::new(),
            kin: Vec::new(),
        })
    }

    /// Takes a datagram out; gives the number of frames that wait to be told what it belongs to.
    fn remove(&mut self, datagram: &Datagram) -> u64 {
        let Some(group) = self.groups.remove(datagram) else { return 0 };
        self.waiting -= group.frames.len();
        if group.lot == Lot::Unknown { group.frames.len() as u64 } else { 0 }
    }

    /// Forgets the datagram that began first; false where there is none. It is missed unless it is old `now`.
    fn forget(&mut self, now: Option<Timestamp>) -> bool {
        let Some((oldest, started)) = self.order.pop_front() else { return false };
        // Another that began later may have its place.
        if self.groups.get(&oldest).is_some_and(|group| group.started == started) {
            let frames = self.remove(&oldest);
            let late = now.is_some_and(|now| now.since(started) > PATIENCE);
            self.forgotten += if late { 0 } else { frames };
        }
        true
    }

    /// How many fragments were given up that might have belonged to what is asked for.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
