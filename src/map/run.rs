//! The findings of one run, as far as a picture needs them.

use crate::detect::finding::Level;
use crate::record::CaptureInfo;
use crate::report::{NotAReport, Reported, Subject, read};
use crate::time::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;

/// One run.
pub type Run = Reported<Sighting>;

/// A finding. Fields that are not read here are passed over, so that reports of later versions serve as well.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sighting {
    /// Its id.
    pub id: String,
    /// How sure.
    pub level: Level,
    /// Decibans.
    pub score: f64,
    /// One line.
    pub title: String,
    /// What it is.
    pub kinds: Vec<String>,
    /// The family, if one is named.
    #[serde(default)]
    pub family: Option<Named>,
    /// The victim.
    pub victim: Host,
    /// The service.
    pub server: Service,
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// What was taken.
    #[serde(default)]
    pub loot: Option<Taken>,
    /// The upload, where there is one.
    #[serde(default)]
    pub upload: Option<Upload>,
    /// The terms of the score.
    #[serde(default)]
    pub terms: Vec<Term>,
    /// The packets to open.
    #[serde(default)]
    pub evidence: Vec<Packets>,
}

/// Something with a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
}

/// A victim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Host {
    /// Address.
    pub addr: IpAddr,
    /// Link-layer address.
    #[serde(default)]
    pub mac: Option<String>,
    /// Host names.
    #[serde(default)]
    pub names: Vec<String>,
    /// User names.
    #[serde(default)]
    pub users: Vec<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Service {
    /// Addresses.
    pub addrs: Vec<IpAddr>,
    /// Names.
    #[serde(default)]
    pub names: Vec<String>,
    /// Ports.
    pub ports: Vec<u16>,
    /// What it spoke: `http`, `smtp`, ...
    #[serde(default)]
    pub app: String,
    /// What `rules/services.toml` knew of it when the report was made.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Names that the capture confirms.
    #[serde(default)]
    pub confirmed: Vec<String>,
    /// Certificates it showed.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// Forms of the requests it got.
    #[serde(default)]
    pub templates: Vec<Template>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Certificate {
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Subject.
    #[serde(default)]
    pub subject: String,
    /// Issuer.
    #[serde(default)]
    pub issuer: String,
    /// They are equal.
    #[serde(default)]
    pub self_signed: bool,
    /// Index of the capture.
    #[serde(default)]
    pub capture: u32,
    /// Frame.
    #[serde(default)]
    pub frame: u64,
}

/// The form of a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Template {
    /// Method, path, query and headers without what changes.
    pub form: String,
    /// Index of the capture.
    #[serde(default)]
    pub capture: u32,
    /// Frame of the first request.
    #[serde(default)]
    pub frame: u64,
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Upload {
    /// Path, mailbox or file name it went to.
    #[serde(default)]
    pub destination: Option<String>,
}

/// A term of the score.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Term {
    /// Signal or rule.
    pub signal: String,
    /// Decibans it adds.
    #[serde(default)]
    pub weight: f64,
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Taken {
    /// By category, how many.
    #[serde(default)]
    pub categories: BTreeMap<String, u64>,
    /// The mailbox, bot or page it was left at.
    #[serde(default)]
    pub drop: Option<String>,
}

/// Frames of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Packets {
    /// Index of the capture.
    pub capture: u32,
    /// Inclusive ranges.
    pub frames: Vec<(u64, u64)>,
}

impl Sighting {
    /// What decides whether its server may be acted on.
    pub fn subject(&self) -> Subject<'_> {
        let server = &self.server;
        Subject {
            level: self.level,
            app: &server.app,
            roles: &server.roles,
            names: &server.names,
            confirmed: &server.confirmed,
            addrs: &server.addrs,
            signals: self
                .terms
                .iter()
                .filter(|term| term.weight > 0.0)
                .map(|term| term.signal.as_str())
                .collect(),
            drop: self.loot.as_ref().and_then(|loot| loot.drop.as_deref()),
            destination: self.upload.as_ref().and_then(|upload| upload.destination.as_deref()),
        }
    }
}

impl Run {
    /// Reads a report in the `json` or the `ndjson` format.
    ///
    /// # Errors
    ///
    /// It is no report, or is broken.
    pub fn of_report(input: impl Read) -> Result<Self, NotAReport> {
        read(input)
    }

    /// The capture with this index.
    pub fn capture(&self, index: u32) -> Option<&CaptureInfo> {
        self.captures.get(index as usize)
    }
}
