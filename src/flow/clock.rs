//! Capture time that only goes forward.
//!
//! Clocks of captures step, files come out of order, and a damaged record may carry any time. Idleness is
//! therefore measured in *elapsed* time: it grows with the capture clock, and a leap counts only when the next
//! packet agrees.

use super::At;
use crate::anomaly::{Kind, Log};
use crate::time::{Duration, Timestamp};

/// Longest step that is believed at once: below every idle time, so that one wrong clock ends nothing.
const LONGEST_STEP: Duration = Duration::from_secs(60);

/// Elapsed time is handed out in beats of 2^26 ns (67 ms): a `u32` of them lasts nine years.
const BEAT_SHIFT: u32 = 26;

/// A span in beats, rounded down; 0 for negative ones.
pub(super) fn beats(span: Duration) -> u32 {
    u32::try_from((span.0 >> BEAT_SHIFT).max(0)).unwrap_or(u32::MAX)
}

#[derive(Debug)]
pub(super) struct Clock {
    /// The latest time believed.
    now: Timestamp,
    /// Nanoseconds that went by, by what is believed.
    elapsed: i64,
    /// A time far from `now`, until another packet agrees.
    doubted: Option<Timestamp>,
    longest_step: i64,
    capture: Option<u32>,
}

impl Clock {
    /// A clock for idle times of which `shortest` is the shortest.
    pub(super) fn new(shortest: Duration) -> Self {
        let longest_step = LONGEST_STEP.0.min(shortest.0 / 2).max(1);
        Self { now: Timestamp(0), elapsed: 0, doubted: None, longest_step, capture: None }
    }

    /// Whether the last packet's time is far from those before it and no other has agreed yet.
    pub(super) const fn doubts(&self) -> bool {
        self.doubted.is_some()
    }

    /// Takes the time of a packet and gives the elapsed time in beats.
    pub(super) fn tick(&mut self, at: At, log: &mut Log) -> u32 {
        let step = at.time.since(self.now).0;
        // The common case, kept small.
        if step >= 0
            && step <= self.longest_step
            && self.doubted.is_none()
            && self.capture == Some(at.capture)
        {
            self.now = at.time;
            self.elapsed = self.elapsed.saturating_add(step);
        } else {
            self.tick_rarely(at, step, log);
        }
        u32::try_from(self.elapsed >> BEAT_SHIFT).unwrap_or(u32::MAX)
    }

    #[cold]
    fn tick_rarely(&mut self, at: At, step: i64, log: &mut Log) {
        let same_capture = self.capture == Some(at.capture);
        if self.capture.replace(at.capture).is_none() {
            self.now = at.time;
            return;
        }
        if step.saturating_abs() <= self.longest_step {
            self.advance(at.time);
            if self.doubted.take().is_some() && same_capture {
                log.note(
                    Kind::ClockStep,
                    at.capture,
                    Some(at.frame),
                    "a packet's time is far from those around it",
                );
            }
            return;
        }
        let Some(doubted) = self.doubted else {
            self.doubted = Some(at.time);
            return;
        };
        let near = at.time.since(doubted).0.saturating_abs() <= self.longest_step;
        let onward =
            (at.time >= doubted) == (doubted >= self.now) && (at.time >= self.now) == (doubted >= self.now);
        if !near && !onward {
            self.doubted = Some(at.time);
            return;
        }
        if doubted < self.now && same_capture {
            log.note(Kind::ClockStep, at.capture, Some(at.frame), "the clock went back");
        }
        if doubted < self.now {
            self.now = doubted;
        } else {
            self.advance(doubted);
        }
        // What lies between the two is believed as well when they are near.
        self.doubted = None;
        if near {
            self.advance(at.time);
        } else {
            self.doubted = Some(at.time);
        }
    }

    /// Moves forward to `time`; nothing when that lies behind.
    fn advance(&mut self, time: Timestamp) {
        let step = time.since(self.now).0;
        if step > 0 {
            self.now = time;
            self.elapsed = self.elapsed.saturating_add(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elapsed seconds after packets at these seconds, and how many anomalies.
    fn after(seconds: &[i64]) -> (i64, usize) {
        let (mut clock, mut log) = (Clock::new(Duration::from_secs(180)), Log::new());
        for (frame, second) in (1..).zip(seconds) {
            let at = At { time: Timestamp::new(*second, 0), frame, capture: 0 };
            clock.tick(at, &mut log);
        }
        (clock.elapsed / crate::time::NANOS, log.into_entries().len())
    }

    #[test]
    fn time_goes_on_in_small_steps() {
        assert_eq!(after(&[1_000, 1_010, 1_010, 1_060]), (60, 0));
        assert_eq!(after(&[1_000, 1_010, 1_005, 1_011]), (11, 0), "disorder counts once");
    }

    #[test]
    fn one_wrong_clock_moves_nothing() {
        assert_eq!(after(&[1_000, 900_000, 1_001]), (1, 1));
        assert_eq!(after(&[1_000, 3, 1_001]), (1, 1));
        assert_eq!(after(&[1_000, i64::MAX / 4, 1_001, i64::MIN / 4, 1_002]), (2, 1));
        assert_eq!(after(&[1_000, 900_000, 5, 1_001]), (1, 1));
    }

    #[test]
    fn silence_is_believed_when_the_next_packet_agrees() {
        assert_eq!(after(&[1_000, 9_000]), (0, 0));
        assert_eq!(after(&[1_000, 9_000, 9_001]), (8_001, 0));
        assert_eq!(after(&[0, 600, 1_200, 1_800, 2_400]), (1_800, 0), "sparse captures lag by one packet");
    }

    #[test]
    fn a_clock_set_back_goes_on_from_there() {
        assert_eq!(after(&[10_000, 10_010, 500, 501, 511]), (21, 1));
    }

    #[test]
    fn beats_round_down_and_saturate() {
        assert_eq!(beats(Duration(-1)), 0);
        assert_eq!(beats(Duration(1 << 26)), 1);
        assert_eq!(beats(Duration(i64::MAX)), u32::MAX);
    }
}
