//! JUnit XML: a suite a capture, a failed case a finding, a passed case where there is none.
//!
//! The form is that of the xunit plugin of Jenkins, which others read as well; there is no standard.

use super::plain::{self, clean};
use super::{Exporter, Report};
use crate::detect::finding::Finding;
use crate::record::CaptureInfo;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes one document.
#[derive(Debug, Clone, Copy)]
pub struct Junit;

impl Exporter for Junit {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let captures = &report.records.captures;
        let found = |at| report.findings().filter(|finding| of(finding) == at).collect();
        let mut suites: Vec<(&CaptureInfo, Vec<&Finding>)> =
            captures.iter().enumerate().map(|(at, capture)| (capture, found(at))).collect();
        let unknown = CaptureInfo { path: "unknown".to_owned(), ..CaptureInfo::default() };
        let rest: Vec<&Finding> = report.findings().filter(|finding| of(finding) >= captures.len()).collect();
        if !rest.is_empty() {
            suites.push((&unknown, rest));
        }
        let failures = report.findings().count();
        let errors = suites.iter().filter(|(capture, _)| capture.truncated_at.is_some()).count();
        let tests: usize = suites.iter().map(|(_, found)| found.len() + 1).sum();
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(
            out,
            "<testsuites name=\"exfilscan\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">"
        )?;
        for (capture, found) in suites {
            out.write_all(suite(report, capture, &found).as_bytes())?;
        }
        writeln!(out, "</testsuites>")
    }
}

/// The capture under which a finding is counted: that of its first conversation.
fn of(finding: &Finding) -> usize {
    finding.evidence.first().map_or(0, |evidence| evidence.capture as usize)
}

fn suite(report: &Report<'_>, capture: &CaptureInfo, found: &[&Finding]) -> String {
    let name = escape(&capture.path);
    let cut = capture.truncated_at;
    let mut text = format!(
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\"",
        found.len() + 1,
        found.len(),
        u8::from(cut.is_some())
    );
    if let Some(first) = capture.first {
        // The form of the schema has whole seconds and no zone.
        let _ = write!(text, " timestamp=\"{}\"", first.to_string().split('.').next().unwrap_or_default());
    }
    text.push_str(">\n");
    match cut {
        None => {
            let _ = writeln!(text, "    <testcase classname=\"exfilscan\" name=\"read: {name}\"/>");
        }
        Some(offset) => {
            let _ = writeln!(
                text,
                "    <testcase classname=\"exfilscan\" name=\"read: {name}\">\n      \
                 <error type=\"truncated\" message=\"cut or unreadable from offset {offset}\"/>\n    </testcase>"
            );
        }
    }
    for finding in found {
        let _ = writeln!(
            text,
            "    <testcase classname=\"exfilscan.{}\" name=\"{}: {}\">\n      \
             <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
            escape(plain::rule(finding)),
            finding.id,
            escape(&finding.title),
            plain::word(finding.level),
            escape(&finding.title),
            plain::summary(report, finding).iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n"),
        );
    }
    text.push_str("  </testsuite>\n");
    text
}

/// Text for content and quoted attributes of XML 1.0. What XML cannot hold is shown: control characters by
/// `clean`, the two non-characters here.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => safe.extend(c.escape_unicode()),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place() {
        assert_eq!(
            escape("]]></failure>\" onload='x' &amp;\0\u{b}\u{ffff}"),
            "]]&gt;&lt;/failure&gt;&quot; onload=&apos;x&apos; &amp;amp;\\u{0}\\u{b}\\u{ffff}"
        );
    }
}
