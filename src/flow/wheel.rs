//! Which conversations are due to be looked at: a wheel of buckets, one for each 1.07 s to come.
//!
//! A packet does not touch the wheel. A conversation stands in the bucket of the moment when it would be idle if
//! nothing more came; when that moment comes it is looked at, and put where it belongs by then or ended. Each
//! conversation is thus touched once in its idle time, not once a packet.

/// Beats to a tick, as a shift: 16 beats of 67 ms.
const TICK_SHIFT: u32 = 4;
/// Buckets: 73 minutes ahead. What is due later waits in the last one and is put on from there.
const BUCKETS: u32 = 4096;
/// No conversation.
const NONE: u32 = u32::MAX;

/// Where a conversation stands.
#[derive(Debug, Clone, Copy)]
struct Link {
    prev: u32,
    next: u32,
    /// Its bucket, `NONE` when it stands nowhere.
    bucket: u32,
}

#[derive(Debug)]
pub(super) struct Wheel {
    /// First and last of each bucket.
    ends: Vec<(u32, u32)>,
    /// Which buckets are not empty.
    used: Vec<u64>,
    links: Vec<Link>,
    /// The first tick that is not past.
    tick: u32,
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self {
            ends: vec![(NONE, NONE); BUCKETS as usize],
            used: vec![0; BUCKETS as usize / 64],
            links: Vec::new(),
            tick: 0,
        }
    }

    /// Puts `index` where it is due at `beat`, wherever it stood.
    pub(super) fn place(&mut self, index: u32, beat: u32) {
        self.remove(index);
        if self.links.len() <= index as usize {
            self.links.resize(index as usize + 1, Link { prev: NONE, next: NONE, bucket: NONE });
        }
        let due = (beat >> TICK_SHIFT).clamp(self.tick, self.tick.saturating_add(BUCKETS - 1));
        let bucket = due % BUCKETS;
        let Some((first, last)) = self.ends.get_mut(bucket as usize) else { return };
        let prev = std::mem::replace(last, index);
        if prev == NONE {
            *first = index;
            self.mark(bucket, true);
        }
        self.set(index, Link { prev, next: NONE, bucket });
        self.change(prev, |link| link.next = index);
    }

    /// Takes `index` out, if it stands anywhere.
    pub(super) fn remove(&mut self, index: u32) {
        let Some(&Link { prev, next, bucket }) = self.links.get(index as usize) else { return };
        let Some((first, last)) = self.ends.get_mut(bucket as usize) else { return };
        if prev == NONE {
            *first = next;
        }
        if next == NONE {
            *last = prev;
        }
        let empty = *first == NONE;
        if empty {
            self.mark(bucket, false);
        }
        self.change(prev, |link| link.next = next);
        self.change(next, |link| link.prev = prev);
        self.set(index, Link { prev: NONE, next: NONE, bucket: NONE });
    }

    /// Takes out one that is due before `beat`; call it until it gives none.
    pub(super) fn pop_due(&mut self, beat: u32) -> Option<u32> {
        let now = beat >> TICK_SHIFT;
        if now <= self.tick {
            return None;
        }
        // Everything is within one turn of the wheel.
        match self.distance_to_used() {
            Some(distance) if self.tick.saturating_add(distance) < now => {
                self.tick += distance;
                self.pop_of(self.tick % BUCKETS)
            }
            _ => {
                self.tick = now;
                None
            }
        }
    }

    /// Takes out the one that stands first, and says for which beat (of a tick, the first).
    pub(super) fn pop_soonest(&mut self) -> Option<(u32, u32)> {
        let due = self.tick.saturating_add(self.distance_to_used()?);
        Some((self.pop_of(due % BUCKETS)?, due << TICK_SHIFT))
    }

    fn pop_of(&mut self, bucket: u32) -> Option<u32> {
        let first = self.ends.get(bucket as usize)?.0;
        self.remove(first);
        (first != NONE).then_some(first)
    }

    /// Ticks from the present one to the next bucket that is not empty.
    fn distance_to_used(&self) -> Option<u32> {
        let start = self.tick % BUCKETS;
        let words = BUCKETS / 64;
        (0..=words).find_map(|step| {
            let word = (start / 64 + step) % words;
            let bits = self.used.get(word as usize)?;
            let bits = match step {
                0 => bits & (u64::MAX << (start % 64)),
                _ if step == words => bits & !(u64::MAX << (start % 64)),
                _ => *bits,
            };
            (bits != 0).then(|| (word * 64 + bits.trailing_zeros() + BUCKETS - start) % BUCKETS)
        })
    }

    fn mark(&mut self, bucket: u32, used: bool) {
        if let Some(word) = self.used.get_mut(bucket as usize / 64) {
            let bit = 1 << (bucket % 64);
            *word = if used { *word | bit } else { *word & !bit };
        }
    }

    fn set(&mut self, index: u32, link: Link) {
        self.change(index, |slot| *slot = link);
    }

    fn change(&mut self, index: u32, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.get_mut(index as usize) {
            change(link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut Wheel, beat: u32) -> Vec<u32> {
        std::iter::from_fn(|| wheel.pop_due(beat)).collect()
    }

    #[test]
    fn each_comes_when_its_time_is_past_and_in_order() {
        let mut wheel = Wheel::new();
        for (index, beat) in [(0, 1600), (1, 800), (2, 805), (3, 64_000)] {
            wheel.place(index, beat);
        }
        assert!(due(&mut wheel, 815).is_empty());
        assert_eq!(due(&mut wheel, 816), [1, 2]);
        wheel.place(0, 3200);
        assert!(due(&mut wheel, 3200).is_empty());
        wheel.remove(3);
        assert_eq!(due(&mut wheel, 3216), [0]);
        assert!(due(&mut wheel, 1_000_000).is_empty());
    }

    #[test]
    fn what_is_due_beyond_the_wheel_comes_at_its_end() {
        let mut wheel = Wheel::new();
        wheel.place(7, u32::MAX);
        assert!(due(&mut wheel, 4095 << 4).is_empty());
        assert_eq!(due(&mut wheel, 4096 << 4), [7]);
        wheel.place(7, u32::MAX);
        assert_eq!(due(&mut wheel, u32::MAX), [7]);
    }

    #[test]
    fn the_soonest_is_found_all_round_the_wheel() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.pop_soonest(), None);
        assert!(due(&mut wheel, 4000 << 4).is_empty());
        for (index, tick) in [(0, 4000), (1, 4063), (2, 4100), (3, 8000), (4, 3999), (5, 8070)] {
            wheel.place(index, tick << 4);
        }
        let order: Vec<u32> = std::iter::from_fn(|| wheel.pop_soonest()).map(|(index, _)| index).collect();
        assert_eq!(order, [0, 4, 1, 2, 3, 5]);
    }
}
