//! Back from a report to what names its packets.
//!
//! Only that is read, and unknown fields are passed over: so that the reports of later versions serve as well.

use crate::detect::finding::{Evidence, Finding};
use crate::record::CaptureInfo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::Read;
use std::net::IpAddr;

/// What of a finding names packets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Outline {
    /// As in the report.
    pub id: String,
    /// The victim.
    pub victim: Host,
    /// The service.
    pub server: Service,
    /// Conversations.
    pub evidence: Vec<Evidence>,
    /// What the score rests on.
    pub terms: Vec<Frames>,
}

/// A victim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Host {
    /// Address.
    pub addr: IpAddr,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Service {
    /// Every address used.
    pub addrs: Vec<IpAddr>,
    /// Ports.
    pub ports: Vec<u16>,
}

/// Frames of a capture that a term rests on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Frames {
    /// Frame numbers.
    #[serde(default)]
    pub frames: Vec<u64>,
    /// Index of the capture.
    #[serde(default)]
    pub capture: u32,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reported<F = Outline> {
    /// Inputs of the run; findings name them by index.
    #[serde(default)]
    pub captures: Vec<CaptureInfo>,
    /// In the order of the report.
    pub findings: Vec<F>,
}

impl<F> Default for Reported<F> {
    fn default() -> Self {
        Self { captures: Vec::new(), findings: Vec::new() }
    }
}

/// Why something is no report that names packets.
#[derive(Debug, thiserror::Error)]
pub enum NotAReport {
    /// It is no JSON, or a finding of it is none.
    #[error("not a report: {0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON of something else.
    #[error("not a report of scan --format json or ndjson")]
    Other,
}

impl From<&Finding> for Outline {
    fn from(finding: &Finding) -> Self {
        let frames = |term: &crate::detect::finding::Term| Frames {
            frames: term.frames.clone(),
            capture: term.capture,
        };
        Self {
            id: finding.id.clone(),
            victim: Host { addr: finding.victim.addr },
            server: Service { addrs: finding.server.addrs.clone(), ports: finding.server.ports.clone() },
            evidence: finding.evidence.clone(),
            terms: finding.terms.iter().map(frames).collect(),
        }
    }
}

/// Reads a report in the `json` or the `ndjson` format; `F` says what of the findings.
pub fn read<F: DeserializeOwned>(input: impl Read) -> Result<Reported<F>, NotAReport> {
    let mut reported = Reported::default();
    let mut some = false;
    for value in serde_json::Deserializer::from_reader(input).into_iter::<Value>() {
        let mut value = value?;
        let kind = value.as_object_mut().and_then(|fields| fields.remove("type"));
        match kind.as_ref().and_then(Value::as_str) {
            Some("finding") => reported.findings.push(serde_json::from_value(value)?),
            Some("capture") => reported.captures.push(serde_json::from_value(value)?),
            Some("unseen" | "summary") => {}
            None if value.get("findings").is_some() => reported = serde_json::from_value(value)?,
            _ => return Err(NotAReport::Other),
        }
        some = true;
    }
    if some { Ok(reported) } else { Err(NotAReport::Other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINDING: &str = r#"{"id":"xf-1","later":1,"victim":{"addr":"192.0.2.1"},"server":{"addrs":["203.0.113.4"],
        "ports":[80],"transport":"tcp"},"terms":[{"signal":"s","frames":[4,9],"capture":0}],
        "evidence":[{"capture":0,"frames":[[1,9]],"community_id":"1:x","filter":"f"}]"#;

    #[test]
    fn both_formats_say_the_same() {
        let json = format!(
            r#"{{"schema":"exfilscan/report/1","captures":[{{"path":"a"}}],"findings":[{FINDING}}}]}}"#
        );
        let lines = format!(
            "{FINDING},\"type\":\"finding\"}}\n{{\"type\":\"capture\",\"path\":\"a\"}}\n{{\"type\":\"summary\"}}\n"
        );
        let (json, lines): (Reported, Reported) =
            (read(json.as_bytes()).unwrap(), read(lines.as_bytes()).unwrap());
        assert_eq!(json, lines);
        assert_eq!((json.findings[0].terms[0].frames.as_slice(), json.captures.len()), (&[4, 9][..], 1));
    }

    #[test]
    fn what_is_no_report_is_told() {
        for text in ["", "{}", "[1]", r#"{"type":"flow"}"#] {
            assert!(matches!(read::<Outline>(text.as_bytes()), Err(NotAReport::Other)), "{text}");
        }
        for text in ["{", "nonsense", r#"{"findings":[{"id":"x"}]}"#] {
            assert!(matches!(read::<Outline>(text.as_bytes()), Err(NotAReport::Json(_))), "{text}");
        }
    }
}
