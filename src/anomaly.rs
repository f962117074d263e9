//! What a capture does wrong, as data.
//!
//! In: a kind, a frame and a few words, from any room left of the border. Out: one entry for each kind of
//! trouble in each capture, with a count. Nothing here stops a run; what stops one input is the `Error` of the
//! room that met it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kinds of trouble, named as they are printed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The capture ends inside a record.
    Truncated,
    /// Part of the capture could not be read as packets.
    Damaged,
    /// Packets hold fewer bytes than were on the wire (snap length).
    Snapped,
    /// A link type or encapsulation that is not taken apart.
    Unsupported,
    /// A packet whose headers contradict themselves.
    Malformed,
    /// An IP datagram in fragments.
    Fragment,
    /// A checksum that is wrong; counted, never a reason to drop.
    Checksum,
    /// Bytes of a TCP stream that were never captured.
    Gap,
    /// Copies of the same TCP bytes that differ.
    OverlapConflict,
    /// The capture clock went back or leapt.
    ClockStep,
    /// A protocol message that could not be understood.
    Undecodable,
    /// A bound was reached and something was left out.
    Limit,
}

/// One kind of trouble in one capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Anomaly {
    /// What it is.
    pub kind: Kind,
    /// Index of the capture in the run.
    pub capture: u32,
    /// The first frame it was seen at, if it belongs to one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub frame: Option<u64>,
    /// How often.
    pub count: u64,
    /// What happened, in a few words; equal words are joined.
    pub what: String,
}

/// Bound on distinct entries of a log; what is beyond is joined per kind.
const MAX_ENTRIES: usize = 1024;

/// Collects anomalies, joining those of one capture, kind and wording.
#[derive(Debug, Default, Clone)]
pub struct Log {
    entries: BTreeMap<(u32, Kind, String), (Option<u64>, u64)>,
}

impl Log {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one occurrence. `what` must not hold anything that varies by packet, or joining fails.
    pub fn note(&mut self, kind: Kind, capture: u32, frame: Option<u64>, what: &str) {
        self.add(kind, capture, frame, 1, what);
    }

    /// Notes `count` occurrences at once.
    pub fn add(&mut self, kind: Kind, capture: u32, frame: Option<u64>, count: u64, what: &str) {
        let key = if self.entries.len() < MAX_ENTRIES {
            (capture, kind, what.to_owned())
        } else {
            (capture, kind, "further, not told apart".to_owned())
        };
        let (first, total) = self.entries.entry(key).or_insert((frame, 0));
        *total = total.saturating_add(count);
        if let (Some(old), Some(new)) = (*first, frame) {
            *first = Some(old.min(new));
        }
    }

    /// Takes the entries of another log.
    pub fn merge(&mut self, other: Self) {
        for ((capture, kind, what), (frame, count)) in other.entries {
            self.add(kind, capture, frame, count, &what);
        }
    }

    /// The entries by capture, kind and wording.
    pub fn into_entries(self) -> Vec<Anomaly> {
        self.entries
            .into_iter()
            .map(|((capture, kind, what), (frame, count))| Anomaly { kind, capture, frame, count, what })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_trouble_is_joined_at_its_first_frame() {
        let mut log = Log::new();
        log.note(Kind::Gap, 0, Some(9), "hole");
        log.note(Kind::Gap, 0, Some(4), "hole");
        log.note(Kind::Gap, 1, None, "hole");
        let entries = log.into_entries();
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].frame, entries[0].count), (Some(4), 2));
    }
}
