//! What a signal or a rule hands to the score.

use super::finding::{Beacon, Kind, Loot, Upload};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Index of a channel in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelIx(pub usize);

/// Bound on the frames listed for one piece of evidence.
pub const MAX_FRAMES: usize = 16;

/// One statement about one channel, with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The channel it is about.
    pub channel: ChannelIx,
    /// Which signal (a key of `rules/signals.toml`) or family rule (its id) says so.
    pub signal: String,
    /// 0 to 1: the share of the signal's weight that this evidence earns.
    pub strength: f64,
    /// One sentence with the figures.
    pub why: String,
    /// Capture and frames, bounded by [`MAX_FRAMES`].
    pub capture: u32,
    /// Frames in that capture.
    pub frames: Vec<u64>,
    /// First and last moment of what was seen.
    pub span: (Timestamp, Timestamp),
    /// Indices of the flows it rests on, into `Ledger::flows`.
    pub flows: Vec<usize>,
    /// Kinds beyond those that the signal has by itself.
    pub kinds: Vec<Kind>,
    /// The beat, if that is what was seen.
    pub beacon: Option<Beacon>,
    /// The upload, if that is what was seen.
    pub upload: Option<Upload>,
    /// What was taken, if it could be seen.
    pub loot: Option<Loot>,
}

/// What `rules/signals.toml` says of one signal.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRule {
    /// Decibans at full strength.
    pub weight: f64,
    /// Signals of one group share a cap, so that one fact is not counted twice.
    pub group: String,
    /// What it says of the channel.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// ATT&CK technique ids.
    #[serde(default)]
    pub attack: Vec<String>,
    /// What it means, in a sentence; shown by `rules show`.
    pub about: String,
    /// What innocent thing looks the same.
    pub not_proof: String,
    /// Why the weight is what it is.
    pub reason: String,
}

/// `rules/signals.toml`.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRules {
    /// Decibans before any evidence.
    pub prior: f64,
    /// Score from which a level holds.
    pub levels: BTreeMap<super::finding::Level, f64>,
    /// Most decibans a group adds.
    pub groups: BTreeMap<String, f64>,
    /// Groups that say nothing without another: evidence of these alone stays at `low`, whatever the sum.
    #[serde(default)]
    pub weak: BTreeSet<String>,
    /// The signals.
    pub signal: BTreeMap<String, SignalRule>,
}
