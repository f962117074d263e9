//! What several formats say of a finding, in plain words and figures.
//!
//! Text that comes out of a capture is hostile in every format: it is bounded and freed of what steers by [`clean`] or
//! [`Safe`] here, and escaped for the format by the format's own file.

use super::{Report, Safe, atlas};
use crate::detect::finding::{Evidence, Finding, Kind, Level};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Most characters of one piece of text; names of 64 KB are made to break viewers.
const MAX_TEXT: usize = 1024;
/// Decibans that are printed as the top of the 0 to 100 risk scale.
const TOP_SCORE: f64 = 60.0;

/// The version of ATT&CK that techniques are named after.
pub const ATTACK_VERSION: &str = "18.1";

/// Text of a capture: bounded, with everything that could steer a terminal or turn a line escaped.
pub fn clean(text: &str) -> String {
    let mut end = text.char_indices().map(|(at, _)| at);
    match end.nth(MAX_TEXT) {
        None => Safe(text).to_string(),
        Some(cut) => format!("{}…", Safe(text.get(..cut).unwrap_or_default())),
    }
}

/// Every text of a list by [`clean`].
pub fn cleaned<T: AsRef<str>>(texts: &[T]) -> Vec<String> {
    texts.iter().map(|text| clean(text.as_ref())).collect()
}

/// The word that a serialised enumeration prints.
pub fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Decibans on a scale of 0 to 100.
pub fn risk(score: f64) -> u32 {
    (score.clamp(0.0, TOP_SCORE) / TOP_SCORE * 100.0).round() as u32
}

/// What says so: the family's rule, else the first term of the score.
pub fn rule(finding: &Finding) -> &str {
    let term = || finding.terms.first().map_or("behaviour", |term| term.signal.as_str());
    finding.family.as_ref().map_or_else(term, |family| family.rule.as_str())
}

/// The least level that is worth acting on without a look: what automatic blocking may rest on.
pub const CERTAIN: Level = Level::High;

/// The ends of one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The victim's address.
    pub client: IpAddr,
    /// The server's address.
    pub server: IpAddr,
    /// Ports of both, where the protocol has them.
    pub ports: Option<(u16, u16)>,
}

impl Ends {
    /// The ends that the display filter of a piece of evidence names: client first, as detection writes it.
    pub fn of(evidence: &Evidence) -> Option<Self> {
        let values: Vec<(&str, &str)> =
            evidence.filter.split(" && ").filter_map(|part| part.split_once(" == ")).collect();
        let value = |suffix: &str, nth: usize| {
            let mut fitting = values.iter().filter(|(field, _)| field.ends_with(suffix));
            fitting.nth(nth).map(|(_, value)| *value)
        };
        let port = |nth| value(".port", nth).and_then(|text| text.parse().ok());
        Some(Self {
            client: value(".addr", 0)?.parse().ok()?,
            server: value(".addr", 1)?.parse().ok()?,
            ports: port(0).zip(port(1)),
        })
    }

    /// The ends of a finding's first conversation; where there is none, its first addresses.
    pub fn first(finding: &Finding) -> Option<Self> {
        let stated = || {
            let port = finding.victim.port.zip(finding.server.ports.first().copied());
            Some(Self { client: finding.victim.addr, server: *finding.server.addrs.first()?, ports: port })
        };
        finding.evidence.first().and_then(Self::of).or_else(stated)
    }
}

/// Frames of one piece of evidence: `4-9, 12`.
pub fn frames(evidence: &Evidence) -> String {
    let range = |&(a, b): &(u64, u64)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    evidence.frames.iter().map(range).collect::<Vec<_>>().join(", ")
}

/// Paths of the captures that a finding rests on, in the order of the report.
pub fn captures<'a>(report: &Report<'a>, finding: &Finding) -> Vec<&'a crate::record::CaptureInfo> {
    let used: BTreeSet<u32> = finding.evidence.iter().map(|evidence| evidence.capture).collect();
    used.into_iter().filter_map(|index| report.capture(index)).collect()
}

/// Where its packets are: the first conversations, by capture and frames, in one line.
pub fn places(report: &Report<'_>, finding: &Finding, most: usize) -> String {
    let place = |evidence: &Evidence| {
        let path = report.capture(evidence.capture).map_or("?", |capture| capture.path.as_str());
        format!("{} frames {}", clean(path), frames(evidence))
    };
    let mut shown: Vec<String> = finding.evidence.iter().take(most).map(place).collect();
    if let Some(more) = finding.evidence.len().checked_sub(most).filter(|more| *more > 0) {
        shown.push(format!("{more} more conversations"));
    }
    shown.join("; ")
}

/// What was taken, from whom, where to, how sure: a few lines of plain text.
pub fn summary(report: &Report<'_>, finding: &Finding) -> Vec<String> {
    let mut lines = vec![
        format!("{} ({:.1} decibans, {})", clean(&finding.title), finding.score, finding.id),
        format!("victim: {}", victim(finding)),
        format!("server: {}", server(finding)),
        format!("from {} to {}", finding.first, finding.last),
    ];
    let spots = atlas::all_words(&finding.server.places);
    if !spots.is_empty() {
        lines.insert(3, format!("where: {}", cleaned(&spots).join("; ")));
    }
    lines.extend(
        finding
            .terms
            .iter()
            .map(|term| format!("{:+.1} {}: {}", term.weight, clean(&term.signal), clean(&term.why))),
    );
    lines.push(format!("looks the same: {}", clean(&finding.not_proof)));
    lines.push(format!("packets: {}", places(report, finding, 8)));
    lines
}

/// The victim in words.
pub fn victim(finding: &Finding) -> String {
    let victim = &finding.victim;
    let mut text = victim.addr.to_string();
    for (what, values) in [("", &victim.names), ("user ", &victim.users)] {
        if !values.is_empty() {
            text = format!("{text}, {what}{}", cleaned(values).join(", "));
        }
    }
    text
}

/// The server in words.
pub fn server(finding: &Finding) -> String {
    let server = &finding.server;
    let ports: Vec<String> = server.ports.iter().map(ToString::to_string).collect();
    let addrs: Vec<String> = server.addrs.iter().map(ToString::to_string).collect();
    let names = if server.names.is_empty() {
        String::new()
    } else {
        format!("{} at ", cleaned(&server.names).join(", "))
    };
    format!("{names}{} port {}/{}, {}", addrs.join(", "), ports.join(", "), server.transport, server.app)
}

/// Kinds as the report prints them.
pub fn kinds(finding: &Finding) -> Vec<String> {
    finding.kinds.iter().map(|kind: &Kind| word(kind)).collect()
}

/// An object without the fields that are unknown: null, empty text, empty lists and empty objects.
pub fn object(value: Value) -> Value {
    let unknown = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !unknown(value)).collect(),
        other => json!(other),
    }
}

/// A finding as the report prints it, every text by [`clean`].
pub fn whole(finding: &Finding) -> Value {
    scrub(json!(finding))
}

/// As deep as the type of a finding is, which no input makes deeper.
fn scrub(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(&text)),
        Value::Array(items) => items.into_iter().map(scrub).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (clean(&name), scrub(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(filter: &str) -> Evidence {
        Evidence {
            capture: 0,
            frames: vec![(4, 9), (12, 12)],
            community_id: String::new(),
            filter: filter.to_owned(),
        }
    }

    #[test]
    fn a_filter_names_its_ends() {
        let both = evidence(
            "ip.addr == 192.0.2.10 && ip.addr == 203.0.113.4 && tcp.port == 49200 && tcp.port == 443",
        );
        let ends = Ends::of(&both).unwrap();
        assert_eq!(
            (ends.client.to_string(), ends.server.to_string()),
            ("192.0.2.10".into(), "203.0.113.4".into())
        );
        assert_eq!(ends.ports, Some((49_200, 443)));
        let icmp =
            Ends::of(&evidence("ipv6.addr == 2001:db8::1 && ipv6.addr == 2001:db8::2 && icmpv6")).unwrap();
        assert_eq!((icmp.server.to_string(), icmp.ports), ("2001:db8::2".into(), None));
        for odd in ["", "ip.addr == x && ip.addr == y", "ip.addr == 192.0.2.1", "frame"] {
            assert_eq!(Ends::of(&evidence(odd)), None, "{odd}");
        }
        assert_eq!(frames(&both), "4-9, 12");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = clean(&"é".repeat(70_000));
        assert_eq!((text.chars().count(), text.ends_with('…')), (MAX_TEXT + 1, true));
        assert_eq!(clean("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn the_unknown_is_absent() {
        let value = object(json!({"a": null, "b": "", "c": [], "d": {}, "e": 0, "f": false}));
        assert_eq!(value, json!({"e": 0, "f": false}));
    }

    #[test]
    fn risk_is_between_0_and_100() {
        assert_eq!([risk(-5.0), risk(30.0), risk(1e9), risk(f64::NAN)], [0, 50, 100, 0]);
    }
}
