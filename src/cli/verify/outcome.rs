//! How cases went, for people and for CI.

use super::manifest::Placed;
use crate::report::{Safe, sarif_message, sarif_uri, xml};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As the manifest says.
    Passed,
    /// Not, line by line.
    Failed(Vec<String>),
    /// Not, as the manifest says with its reason.
    Missed(String),
}

impl Outcome {
    /// Whether it is a mismatch that nobody knew of.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// A line for each case, then the sums.
pub fn lines(cases: &[Placed], outcomes: &[Outcome], quiet: bool, out: &mut dyn Write) -> io::Result<()> {
    let (mut passed, mut failed, mut missed) = (0_u64, 0_u64, 0_u64);
    for (placed, outcome) in cases.iter().zip(outcomes) {
        let name = Safe(&placed.case.name);
        match outcome {
            Outcome::Passed => {
                passed += 1;
                if !quiet {
                    writeln!(out, "ok    {name}")?;
                }
            }
            Outcome::Missed(why) => {
                missed += 1;
                writeln!(out, "miss  {name}: {}", Safe(why))?;
            }
            Outcome::Failed(wrong) => {
                failed += 1;
                writeln!(out, "FAIL  {name}")?;
                wrong.iter().try_for_each(|line| writeln!(out, "      {}", Safe(line)))?;
            }
        }
    }
    let known = if missed > 0 { format!(", {missed} known to be missed") } else { String::new() };
    writeln!(out, "{passed} passed, {failed} failed{known}")
}

/// Mismatches as commands that GitHub shows at their line.
pub fn annotations(cases: &[Placed], outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    for (placed, wrong) in failed(cases, outcomes) {
        let file = placed.file.to_string_lossy();
        writeln!(
            out,
            "::error file={},line={},title={}::{}",
            property(&file),
            placed.line,
            property(&format!("exfilscan: {}", placed.case.name)),
            data(&wrong.join("\n"))
        )?;
    }
    Ok(())
}

fn failed<'a>(
    cases: &'a [Placed],
    outcomes: &'a [Outcome],
) -> impl Iterator<Item = (&'a Placed, &'a Vec<String>)> {
    cases.iter().zip(outcomes).filter_map(|(placed, outcome)| match outcome {
        Outcome::Failed(wrong) => Some((placed, wrong)),
        Outcome::Passed | Outcome::Missed(_) => None,
    })
}

/// The text of a command, as the runner of GitHub reads it (actions/toolkit, `command.ts`).
fn data(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| Safe(line).to_string()).collect();
    lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command, likewise.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// JUnit XML: a suite a manifest, a case a case.
pub fn junit(cases: &[Placed], outcomes: &[Outcome]) -> String {
    let count =
        |of: &dyn Fn(&Outcome) -> bool, outcomes: &[Outcome]| outcomes.iter().filter(|o| of(o)).count();
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
    let missed = |outcome: &Outcome| matches!(outcome, Outcome::Missed(_));
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"exfilscan verify\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n",
        cases.len(),
        count(&failed, outcomes)
    );
    let mut from = 0;
    while let Some(first) = cases.get(from) {
        let many = cases[from..].iter().take_while(|placed| placed.file == first.file).count();
        let own = outcomes.get(from..from + many).unwrap_or_default();
        let file = xml(&first.file.to_string_lossy());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{file}\" tests=\"{many}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">",
            count(&failed, own),
            count(&missed, own)
        );
        for (placed, outcome) in cases[from..].iter().zip(own) {
            let name = xml(&placed.case.name);
            let _ = write!(text, "    <testcase classname=\"exfilscan.verify\" name=\"{name}\"");
            let _ = match outcome {
                Outcome::Passed => writeln!(text, "/>"),
                Outcome::Missed(why) => {
                    writeln!(text, "><skipped message=\"{}\"/></testcase>", xml(why))
                }
                Outcome::Failed(wrong) => {
                    let lines: Vec<String> = wrong.iter().map(|line| xml(line)).collect();
                    let head = lines.first().map_or("", String::as_str);
                    writeln!(
                        text,
                        ">\n      <failure type=\"mismatch\" message=\"{head}\">{}</failure>\n    </testcase>",
                        lines.join("\n")
                    )
                }
            };
        }
        text.push_str("  </testsuite>\n");
        from += many;
    }
    text.push_str("</testsuites>\n");
    text
}

/// SARIF 2.1.0: a result a mismatch.
pub fn sarif(cases: &[Placed], outcomes: &[Outcome]) -> String {
    let result = |(placed, wrong): (&Placed, &Vec<String>)| {
        let lines: Vec<String> = wrong.iter().map(|line| Safe(line).to_string()).collect();
        let text = format!("{}: {}", Safe(&placed.case.name), lines.join("\n"));
        json!({"ruleId": "mismatch", "ruleIndex": 0, "level": "error", "kind": "fail", "message": sarif_message(&text),
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": sarif_uri(&placed.file.to_string_lossy())},
                "region": {"startLine": placed.line}}}],
            "partialFingerprints": {"exfilscanCase/v1": placed.case.name}})
    };
    let results: Vec<Value> = failed(cases, outcomes).map(result).collect();
    let version = env!("CARGO_PKG_VERSION");
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "exfilscan verify", "semanticVersion": version, "version": version,
            "rules": [{"id": "mismatch", "shortDescription": {"text": "A capture is judged otherwise than its manifest says"}}]}},
            "columnKind": "unicodeCodePoints", "automationDetails": {"id": "exfilscan-verify/"},
            "invocations": [{"executionSuccessful": true}], "results": results}]});
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_a_command_or_begins_another() {
        assert_eq!(data("50 %\n::error::x"), "50 %25%0A::error::x");
        assert_eq!(property("a:b,c\u{1b}"), "a%3Ab%2Cc\\u{1b}");
    }
}
