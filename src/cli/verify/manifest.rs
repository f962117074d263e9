//! What a manifest says.

use super::{ALARM, usage};
use crate::cli::Failure;
use crate::detect::finding::{Finding, Kind, Level};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// What a manifest says: one case, or a list of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Manifest {
    /// Several cases in one file.
    Many(Many),
    /// One case, as in a `case.toml`.
    One(Box<Case>),
}

/// Several cases.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Many {
    /// The cases.
    case: Vec<Case>,
}

/// A capture and what must be found in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is called in the output.
    pub(super) name: String,
    /// What it shows.
    #[serde(default)]
    #[allow(dead_code)]
    about: String,
    /// The capture, relative to the manifest.
    pub(super) capture: PathBuf,
    /// `none`, or the findings that must be there.
    pub(super) expect: Expect,
    /// Further findings of medium level or above are no mismatch.
    #[serde(default)]
    pub(super) others: bool,
    /// Why what is expected is not found yet. The case is then a mismatch when it *is* found: so that the expectation
    /// stays as an analyst wants it, and no progress goes unnoticed.
    #[serde(default)]
    pub(super) known_miss: Option<String>,
}

/// What must be found.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Expect {
    /// `"none"`: no finding of medium level or above.
    None(#[allow(dead_code, reason = "its being there is what it says")] None),
    /// Each of these.
    Findings(Vec<Expected>),
}

/// The word for nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum None {
    None,
}

/// One expected finding; what is absent is not compared.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expected {
    /// Address or name of the server; a name also matches those below it.
    server: String,
    /// Address of the victim.
    victim: Option<IpAddr>,
    /// Family, compared without regard to case.
    family: Option<String>,
    /// Kinds that must be among those of the finding.
    kinds: Vec<Kind>,
    /// The level at least; `medium` where absent.
    level: Option<Level>,
}

/// A case with where it stands.
#[derive(Debug)]
pub struct Placed {
    pub case: Case,
    /// The manifest.
    pub file: PathBuf,
    /// Its number in the manifest.
    pub number: usize,
    /// The line its section begins at, from 1.
    pub line: usize,
}

impl Placed {
    /// The capture, from where the program runs.
    pub fn capture(&self) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(&self.case.capture)
    }
}

/// Reads the cases of a manifest.
pub fn read(path: &Path) -> Result<Vec<Placed>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| usage(path, &error))?;
    let cases = parse(&text).map_err(|error| usage(path, &error))?;
    let starts = sections(&text);
    let place = |(number, case)| Placed {
        case,
        file: path.to_owned(),
        number,
        line: starts.get(number).map_or(1, |at| at + 1),
    };
    Ok(cases.into_iter().enumerate().map(place).collect())
}

/// The cases of a text.
pub fn parse(text: &str) -> Result<Vec<Case>, toml::de::Error> {
    let table: toml::Table = text.parse()?;
    // By its shape, not by trial: so that an error is about the form that was meant.
    let manifest = if table.contains_key("case") {
        Manifest::Many(toml::from_str(text)?)
    } else {
        Manifest::One(Box::new(toml::from_str(text)?))
    };
    Ok(match manifest {
        Manifest::Many(many) => many.case,
        Manifest::One(case) => vec![*case],
    })
}

/// The lines, from 0, at which cases begin: each `[[case]]`, or the first line of a manifest of one.
pub fn sections(text: &str) -> Vec<usize> {
    let heads = text.lines().enumerate().filter(|(_, line)| header(line) == Some("[[case]]"));
    let found: Vec<usize> = heads.map(|(at, _)| at).collect();
    if found.is_empty() { vec![0] } else { found }
}

/// The header that a line is, without its remark.
pub fn header(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or_default().trim();
    (line.starts_with('[') && line.ends_with(']')).then_some(line)
}

impl Expected {
    /// Whether a finding is about this server.
    pub fn names(&self, finding: &Finding) -> bool {
        let below = |name: &String| {
            name.eq_ignore_ascii_case(&self.server)
                || name.to_lowercase().ends_with(&format!(".{}", self.server.to_lowercase()))
        };
        finding.server.addrs.iter().any(|addr| addr.to_string() == self.server)
            || finding.server.names.iter().any(below)
    }

    /// What a finding lacks to be the one expected.
    pub fn lacks(&self, finding: &Finding) -> Vec<String> {
        let mut lacks = Vec::new();
        let level = self.level.unwrap_or(ALARM);
        if finding.level < level {
            lacks.push(format!("level is below {}", level.name()));
        }
        if self.victim.is_some_and(|victim| victim != finding.victim.addr) {
            lacks.push(format!("victim is {}", finding.victim.addr));
        }
        if let Some(family) = &self.family {
            let named = finding.family.as_ref();
            let fits = |name: &String| name.eq_ignore_ascii_case(family);
            if !named.is_some_and(|f| fits(&f.name) || f.also.iter().any(fits)) {
                lacks.push(format!("family is {}", named.map_or("not named", |f| f.name.as_str())));
            }
        }
        for kind in self.kinds.iter().filter(|kind| !finding.kinds.contains(kind)) {
            lacks.push(format!("kind {kind:?} is not among {:?}", finding.kinds).to_lowercase());
        }
        lacks
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} or above on {}", self.level.unwrap_or(ALARM), self.server)?;
        if let Some(victim) = self.victim {
            write!(f, " from {victim}")?;
        }
        if let Some(family) = &self.family {
            write!(f, ", {family}")?;
        }
        Ok(())
    }
}
