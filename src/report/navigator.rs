//! A layer of the ATT&CK Navigator, format 4.5: what techniques were seen, as high as the best score of a finding.

use super::plain::{self, ATTACK_VERSION, clean};
use super::{Exporter, Report};
use crate::detect::finding::Finding;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Findings named in the comment of one technique.
const SHOWN: usize = 16;

/// Writes one layer.
#[derive(Debug, Clone, Copy)]
pub struct Navigator;

impl Exporter for Navigator {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, &layer(report))?;
        out.write_all(b"\n")
    }
}

fn layer(report: &Report<'_>) -> Value {
    let mut seen: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    let mut count = 0_u64;
    for finding in report.findings() {
        count += 1;
        for technique in finding.attack.iter().filter(|technique| is_technique(&technique.id)) {
            seen.entry(&technique.id).or_default().push(finding);
        }
    }
    let above =
        |id: &str| seen.keys().any(|other| other.strip_prefix(id).is_some_and(|rest| rest.starts_with('.')));
    let mut techniques: Vec<Value> =
        seen.iter().map(|(id, findings)| technique(id, findings, above(id))).collect();
    // A technique of which only a part was seen is shown open, without a score of its own.
    for id in seen.keys().filter_map(|id| id.split_once('.').map(|(id, _)| id)) {
        if !techniques.iter().any(|technique| technique["techniqueID"] == id) {
            techniques.push(json!({"techniqueID": id, "enabled": true, "showSubtechniques": true}));
        }
    }
    let captures = report.records.captures.len();
    json!({
        "name": "exfilscan",
        "description": format!("{count} findings in {captures} captures; score: the best of a technique's findings, 0 to 100"),
        "domain": "enterprise-attack",
        "versions": {"attack": ATTACK_VERSION.split('.').next(), "navigator": "5.1.0", "layer": "4.5"},
        "sorting": 3,
        "hideDisabled": false,
        "techniques": techniques,
        "gradient": {"colors": ["#ffe766ff", "#ff6666ff"], "minValue": 0, "maxValue": 100},
        "metadata": [{"name": "rules_digest", "value": report.rules_digest}],
    })
}

fn technique(id: &str, findings: &[&Finding], open: bool) -> Value {
    let score = findings.iter().map(|finding| plain::risk(finding.score)).max().unwrap_or(0);
    let mut comment: Vec<String> = findings
        .iter()
        .take(SHOWN)
        .map(|finding| format!("{} {}", finding.id, clean(&finding.title)))
        .collect();
    if findings.len() > SHOWN {
        comment.push(format!("and {} more", findings.len() - SHOWN));
    }
    json!({"techniqueID": id, "score": score, "comment": comment.join("\n"), "enabled": true, "showSubtechniques": open,
        "metadata": [{"name": "findings", "value": findings.len().to_string()}]})
}

/// `T1041`, `T1071.001`: rules of one's own may say anything.
fn is_technique(id: &str) -> bool {
    let (main, sub) = id.split_once('.').map_or((id, "000"), |(main, sub)| (main, sub));
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    main.strip_prefix('T').is_some_and(|number| digits(number, 4)) && digits(sub, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_techniques_are_techniques() {
        assert!(is_technique("T1041") && is_technique("T1071.001"));
        assert!(
            !["", "1041", "T104", "T1041.1", "TA0010", "T1041\"", "T1041.001.002"]
                .into_iter()
                .any(is_technique)
        );
    }
}
