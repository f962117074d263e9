//! What detection says: findings as the contract prints them.

use crate::record::SideName;
use crate::time::{Duration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

/// How sure and how grave: thresholds on the score, see `docs/scoring.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth a look by who has the time.
    Low,
    /// Worth an analyst's time.
    Medium,
    /// Very likely a thief or its control.
    High,
    /// As good as proven from the packets.
    Critical,
}

impl Level {
    /// Its word in every format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Data left.
    Exfiltration,
    /// Regular check-ins.
    Beacon,
    /// Command and control.
    C2,
    /// An address fetched from a public page.
    DeadDrop,
    /// Another protocol carried inside.
    Tunnel,
    /// Code or libraries fetched.
    Download,
}

/// One victim and one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// `xf-` and 16 hexadecimal digits, stable for victim, service, kinds and first frame's time.
    pub id: String,
    /// Threshold reached.
    pub level: Level,
    /// Decibans: prior plus the sum of terms, one decimal.
    pub score: f64,
    /// One line for a ticket.
    pub title: String,
    /// At least one.
    pub kinds: Vec<Kind>,
    /// The family, where a rule names it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub family: Option<Family>,
    /// The host that lost something.
    pub victim: Victim,
    /// Where it went.
    pub server: Server,
    /// First packet of the evidence.
    pub first: Timestamp,
    /// Last packet of the evidence.
    pub last: Timestamp,
    /// Payload bytes to the service.
    pub bytes_out: u64,
    /// Payload bytes from it.
    pub bytes_in: u64,
    /// Conversations with the service.
    pub flows: u64,
    /// The beat, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub beacon: Option<Beacon>,
    /// The upload, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub upload: Option<Upload>,
    /// Who sent how much in the conversations that carried the upload, in order of time: the largest turns.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub turns: Vec<Sent>,
    /// What was taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub loot: Option<Loot>,
    /// Every term of the score.
    pub terms: Vec<Term>,
    /// When the victim asked for the service's names, the first ones.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub lookups: Vec<Moment>,
    /// Programs and libraries it fetched from the service, the first ones.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub downloads: Vec<Moment>,
    /// What innocent thing looks the same.
    pub not_proof: String,
    /// ATT&CK techniques.
    pub attack: Vec<Technique>,
    /// The packets to open.
    pub evidence: Vec<Evidence>,
}

/// A family with how sure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Name.
    pub name: String,
    /// `high`, `medium`, `low`.
    pub confidence: String,
    /// The rule that says so.
    pub rule: String,
    /// Other families the same evidence fits.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<String>,
    /// ATT&CK software id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub software: Option<String>,
}

/// The victim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Victim {
    /// Address.
    pub addr: IpAddr,
    /// Port, where the finding rests on one conversation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    /// Link-layer address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mac: Option<String>,
    /// Host names.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<String>,
    /// User names.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub users: Vec<String>,
}

/// The service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Every address used.
    pub addrs: Vec<IpAddr>,
    /// Every name used.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<String>,
    /// Those of `names` that the capture confirms: a resolution led to the address, or a certificate that another issued
    /// is for the name. The others only the client claims (SNI, Host), and could be anyone's.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub confirmed: Vec<String>,
    /// Ports.
    pub ports: Vec<u16>,
    /// `tcp`, `udp`, ...
    pub transport: String,
    /// `tls`, `http`, `smtp`, ..., `unknown`.
    pub app: String,
    /// What `rules/services.toml` knows of its names (`messenger`, `file-host`, `free-hosting`, ...), with `ordinary`
    /// where the capture confirms such a name, `claimed` where it does not, and `resolver` for a server of DNS.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub roles: Vec<String>,
    /// Where its addresses are by the databases that the user gave (`--mmdb`), in the order of `addrs`; those that are
    /// in none are absent.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub places: Vec<Place>,
    /// Certificates it showed, the first ones: what makes it the same server in another capture.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub certificates: Vec<Shown>,
    /// Forms of the requests that speak for a thief, the first ones: what makes two servers alike.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub templates: Vec<Template>,
}

/// Where an address is, by a database of the user: a hint whom to ask, never evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The address.
    pub addr: IpAddr,
    /// Country, ISO 3166-1 in two letters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub country: Option<String>,
    /// Number of the autonomous system.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub as_number: Option<u32>,
    /// Its operator.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub as_name: Option<String>,
}

/// A certificate that a service showed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// SHA-256 of the DER, hexadecimal.
    pub sha256: String,
    /// Subject in RFC 4514 style, cut at 256 characters.
    pub subject: String,
    /// Issuer likewise.
    pub issuer: String,
    /// Subject and issuer are equal.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub self_signed: bool,
    /// Index of the capture.
    pub capture: u32,
    /// Frame of the hello that it answered; the first of the conversation, where that was not seen.
    pub frame: u64,
}

/// The form of a request: what stays when addresses, numbers and identifiers change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Method, path with `{n}`, `{hex}` and `{id}` for what changes, names of the query, header names in order.
    pub form: String,
    /// Index of the capture.
    pub capture: u32,
    /// Frame of the first request of this form.
    pub frame: u64,
}

/// Something the victim did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// When.
    pub time: Timestamp,
    /// The name asked for, the file fetched.
    pub what: String,
    /// Index of the capture.
    pub capture: u32,
    /// Frame it began in.
    pub frame: u64,
}

/// A beat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// Median period in seconds.
    pub period_s: f64,
    /// Relative spread of the gaps: 1.4826 · MAD / median.
    pub jitter: f64,
    /// Beats seen.
    pub count: u64,
    /// Beats that should have been there.
    pub missed: u64,
    /// What beats: `connections`, `requests`, `turns`, `attempts`, `queries`.
    pub basis: String,
    /// The first beat.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start: Option<Timestamp>,
    /// Beats in milliseconds after `start`, in order, at most [`MAX_BEATS`]: the first ones.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub beats_ms: Vec<u64>,
}

/// Most beats of which the time is told: enough to see period, jitter and pauses.
pub const MAX_BEATS: usize = 512;

impl Beacon {
    /// With the times of its beats, given in order.
    #[must_use]
    pub fn at(mut self, times: impl IntoIterator<Item = Timestamp>) -> Self {
        let mut times = times.into_iter().peekable();
        self.start = times.peek().copied();
        let since = |time: Timestamp| self.start.map_or(Duration(0), |start| time.since(start));
        self.beats_ms =
            times.take(MAX_BEATS).map(|time| (since(time).0.max(0) / 1_000_000).unsigned_abs()).collect();
        self
    }
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// Payload bytes of the uploads.
    pub bytes: u64,
    /// Requests, mails, files or turns.
    pub requests: u64,
    /// `zip`, `base64 zip`, `multipart`, `xor`, `tls`, ...
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub encoding: Option<String>,
    /// Path, mailbox or file name it went to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub destination: Option<String>,
}

/// A run of bytes in one direction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// When it began.
    pub time: Timestamp,
    /// Who sent.
    pub side: SideName,
    /// Payload bytes.
    pub bytes: u64,
    /// Index of the capture.
    pub capture: u32,
    /// Frame of the first byte.
    pub frame: u64,
}

/// What was taken, never a secret itself.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Loot {
    /// Category (`passwords`, `cookies`, `cards`, `wallets`, `screenshot`, `system`, ...) to how many.
    pub categories: BTreeMap<String, u64>,
    /// Names of the things taken, bounded.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<String>,
    /// The mailbox, bot or page it was left at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub drop: Option<String>,
}

/// One term of the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Signal or rule.
    pub signal: String,
    /// Decibans it adds; negative where it lowers. What a group's cap took away is not counted.
    pub weight: f64,
    /// A sentence with the figures.
    pub why: String,
    /// Frames it rests on, bounded.
    pub frames: Vec<u64>,
    /// Index of their capture.
    pub capture: u32,
}

/// An ATT&CK technique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Technique {
    /// `T1041`.
    pub id: String,
    /// `Exfiltration Over C2 Channel`.
    pub name: String,
}

/// Packets to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Index of the capture.
    pub capture: u32,
    /// Inclusive frame ranges.
    pub frames: Vec<(u64, u64)>,
    /// Community ID of the conversation.
    pub community_id: String,
    /// Wireshark display filter that selects it.
    pub filter: String,
}

/// Something worth knowing that is never an alarm by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// `public-ip-lookup`, `dead-drop-page`, `library-download`, `program-download`, `tor-relay`.
    pub kind: String,
    /// The host.
    pub host: IpAddr,
    /// What was seen.
    pub what: String,
    /// Frames, bounded.
    pub frames: Vec<u64>,
    /// When, and in which frame of which capture: the first ones.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub moments: Vec<Moment>,
}

/// A finding that was lowered or put away, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lowered {
    /// The host.
    pub host: IpAddr,
    /// The service, by name or address.
    pub server: String,
    /// Level before; absent below `low`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Level>,
    /// Level after; absent when no finding remains.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<Level>,
    /// The reason.
    pub why: String,
}

/// All that detection says of a run.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Verdict {
    /// By score, then time, then id.
    pub findings: Vec<Finding>,
    /// Context, by host and kind.
    pub context: Vec<Context>,
    /// What was lowered.
    pub lowered: Vec<Lowered>,
    /// Channels looked at.
    pub channels: u64,
}
