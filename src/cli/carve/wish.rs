//! What the user asks for, in terms of packets.

use super::super::Failure;
use crate::pipeline::Problem;
use crate::pipeline::carve::{Job, Selection, Want};
use crate::record::CommunityId;
use crate::report::{Outline, Reported, Safe};
use std::collections::BTreeSet;

/// Frames by number, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range(u64, u64);

impl std::str::FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number =
            |text: &str| text.trim().parse::<u64>().map_err(|_| format!("not a frame number: {text:?}"));
        let range = match text.split_once('-') {
            Some((first, "")) => Self(number(first)?, u64::MAX),
            Some((first, last)) => Self(number(first)?, number(last)?),
            None => Self(number(text)?, number(text)?),
        };
        match range {
            Self(0, _) => Err("frames are counted from 1".to_owned()),
            Self(first, last) if first > last => Err("ends before it begins".to_owned()),
            range => Ok(range),
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self(first, last) if first == last => write!(f, "{first}"),
            Self(first, u64::MAX) => write!(f, "{first}-"),
            Self(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// All wishes, and what each comes down to.
#[derive(Debug, Default)]
pub struct Wishes {
    /// What is looked for.
    pub selection: Selection,
    /// What was asked for in words, and the things in the selection that stand for it.
    parts: Vec<(String, Vec<usize>)>,
}

impl Wishes {
    /// Asks for findings. What a report names that is not among the inputs is given back.
    pub fn findings(
        &mut self,
        names: &[String],
        reported: &Reported,
        job: &Job,
        evidence_only: bool,
    ) -> Result<Vec<Problem>, Failure> {
        let mut lost: BTreeSet<String> = BTreeSet::new();
        for name in names {
            let Some(finding) = choose(name, &reported.findings)? else {
                self.parts.push((format!("finding {name}"), Vec::new()));
                continue;
            };
            let mut wants = Vec::new();
            let mut place = |capture: u32| {
                let info = reported.captures.get(capture as usize);
                let found = info.and_then(|info| job.find(info));
                if found.is_none() {
                    lost.insert(info.map_or_else(|| format!("capture {capture}"), |info| info.path.clone()));
                }
                found
            };
            for evidence in &finding.evidence {
                let id: CommunityId = evidence
                    .community_id
                    .parse()
                    .map_err(|error| Failure::Usage(format!("finding {}: {error}", Safe(&finding.id))))?;
                let capture = place(evidence.capture);
                if !evidence_only {
                    wants.push(Want::Conversation(id));
                } else if let Some(capture) = capture {
                    let frames = evidence.frames.iter();
                    wants.extend(frames.map(|&(first, last)| Want::Span { id, capture, first, last }));
                }
            }
            for term in finding.terms.iter().filter(|term| !term.frames.is_empty()) {
                if let Some(capture) = place(term.capture) {
                    let frames = term.frames.iter();
                    wants.extend(frames.map(|&frame| Want::Frames { capture, first: frame, last: frame }));
                }
            }
            if !evidence_only {
                wants.push(Want::Channel {
                    client: finding.victim.addr,
                    servers: finding.server.addrs.iter().copied().collect(),
                    ports: finding.server.ports.iter().copied().collect(),
                });
            }
            self.add(format!("finding {}", finding.id), wants);
        }
        let what = "named by the report, and not among the inputs";
        Ok(lost.into_iter().map(|path| Problem { path, what: what.to_owned() }).collect())
    }

    /// Asks for conversations.
    pub fn conversations(&mut self, ids: &[CommunityId]) {
        for id in ids {
            self.add(format!("Community ID {id}"), vec![Want::Conversation(*id)]);
        }
    }

    /// Asks for frames.
    pub fn frames(&mut self, ranges: &[Range], job: &Job) -> Result<(), Failure> {
        if !ranges.is_empty() && job.len() > 1 {
            let n = job.len();
            return Err(Failure::Usage(format!("--frames counts in one capture, and there are {n}")));
        }
        for range in ranges {
            let want = Want::Frames { capture: 0, first: range.0, last: range.1 };
            self.add(format!("frames {range}"), vec![want]);
        }
        Ok(())
    }

    fn add(&mut self, what: String, wants: Vec<Want>) {
        let numbers = wants.into_iter().map(|want| self.selection.add(want)).collect();
        self.parts.push((what, numbers));
    }

    /// What was asked for and is not there.
    pub fn unmet<'w>(&'w self, hits: &'w [bool]) -> impl Iterator<Item = &'w str> {
        let hit = |number: &usize| hits.get(*number) == Some(&true);
        let unmet = self.parts.iter().filter(move |(_, numbers)| !numbers.iter().any(hit));
        unmet.map(|(what, _)| what.as_str())
    }

    /// What was asked for, for the new file.
    pub fn why(&self) -> String {
        let parts: Vec<&str> = self.parts.iter().map(|(what, _)| what.as_str()).collect();
        format!("carved: {}", parts.join(", "))
    }
}

/// The finding of this id, or beginning of one, or number from 1.
fn choose<'f>(name: &str, findings: &'f [Outline]) -> Result<Option<&'f Outline>, Failure> {
    if let Ok(number) = name.parse::<usize>() {
        return Ok(number.checked_sub(1).and_then(|at| findings.get(at)));
    }
    let mut begin = findings.iter().filter(|finding| finding.id.starts_with(name) && !name.is_empty());
    match (begin.next(), begin.next()) {
        (Some(_), Some(_)) => match findings.iter().find(|finding| finding.id == name) {
            Some(finding) => Ok(Some(finding)),
            None => Err(Failure::Usage(format!("{}: several findings begin like this", Safe(name)))),
        },
        (only, _) => Ok(only),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_written() {
        for text in ["7", "10-20", "100-"] {
            assert_eq!(text.parse::<Range>().unwrap().to_string(), text);
        }
        for text in ["", "0", "0-4", "9-3", "-4", "x", "1-x", "1-2-3", "99999999999999999999"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_finding_is_told_by_id_beginning_or_number() {
        let outline = |id: &str| -> Outline {
            let text = format!(
                r#"{{"id":"{id}","victim":{{"addr":"192.0.2.1"}},"server":{{"addrs":[],"ports":[]}},"evidence":[],"terms":[]}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let findings = [outline("xf-0a01"), outline("xf-0a02"), outline("xf-0a")];
        let id = |name: &str| choose(name, &findings).map(|found| found.map(|finding| finding.id.as_str()));
        assert_eq!(id("xf-0a02").unwrap(), Some("xf-0a02"));
        assert_eq!(id("xf-0a").unwrap(), Some("xf-0a"));
        assert_eq!(id("2").unwrap(), Some("xf-0a02"));
        assert_eq!(id("xf-0a01").unwrap(), Some("xf-0a01"));
        for absent in ["0", "4", "xf-ff", ""] {
            assert_eq!(id(absent).unwrap(), None, "{absent}");
        }
        assert!(id("xf-").is_err());
    }
}
