//! `exfilscan explain`: what stands behind a finding, a signal, a rule, a family or an anomaly.

use super::{Failure, Status, print, suggest};
use crate::detect::families::{self, FamilyRule};
use crate::detect::finding::{Finding, Level};
use crate::detect::{Rules, Verdict};
use crate::record::Records;
use crate::report::{self, Exporter, Report, Reported, Safe, Text};
use clap::Args;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

/// Options of `explain`.
#[derive(Debug, Args)]
#[command(after_help = super::help::EXPLAIN)]
pub struct Explain {
    /// A signal, a family rule, a family, an anomaly, a kind of context; or, with --report, a finding by id, by the
    /// beginning of its id, or by its number from 1.
    name: String,
    /// The report (json or ndjson) that holds the finding.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Explain) -> Result<Status, Failure> {
    let rules = Rules::shipped().map_err(|error| Failure::Usage(error.to_string()))?;
    let text = match &args.report {
        Some(path) => finding(&args.name, path, &rules)?,
        None if args.name.starts_with("xf-") => {
            return Err(Failure::Usage(format!(
                "{}: a finding is explained from its report: add --report FILE, as `scan --format json` writes it",
                Safe(&args.name)
            )));
        }
        None => named(&args.name, &rules).ok_or_else(|| {
            let known = names(&rules);
            let offer = suggest::offer(&args.name, known.iter().map(String::as_str));
            let what = "no signal, rule, family, anomaly or context";
            Failure::Usage(format!("{what} is called {}{offer}", Safe(&args.name)))
        })?,
    };
    print(text.as_bytes())
}

/// What a name stands for; the same name may be of several things.
fn named(name: &str, rules: &Rules) -> Option<String> {
    let parts = [
        signal(name, rules),
        rules.families().iter().find(|rule| rule.id == name).map(rule),
        family(name, rules),
        trouble(name),
        context(name),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join("\n");
    (!text.is_empty()).then_some(text)
}

fn names(rules: &Rules) -> Vec<String> {
    let mut all: Vec<String> = rules.signals().signal.keys().cloned().collect();
    all.extend(rules.families().iter().flat_map(|rule| [rule.id.clone(), rule.name.clone()]));
    all.extend(report::troubles());
    all.extend(CONTEXT.iter().map(|(kind, _)| (*kind).to_owned()));
    all
}

/// How much likelier decibans make a thief: `25 times`.
fn times(decibans: f64) -> String {
    let ratio = 10_f64.powf(decibans.abs() / 10.0);
    let ratio = match ratio {
        // Weights are estimates: beyond this a figure would only look exact.
        _ if ratio > 9999.0 => "more than 10,000".to_owned(),
        _ if ratio < 10.0 => format!("{ratio:.1}"),
        _ => format!("{ratio:.0}"),
    };
    format!("{ratio} times {}", if decibans < 0.0 { "less likely" } else { "likelier" })
}

/// One line of an explanation.
fn line(text: &mut String, label: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "{label:<10} {value}");
    }
}

fn signal(name: &str, rules: &Rules) -> Option<String> {
    let signals = rules.signals();
    let signal = signals.signal.get(name)?;
    let mut text = format!("{name}: signal. {}\n\n", signal.about);
    let weight = signal.weight;
    line(
        &mut text,
        "weight",
        &format!("{weight:+.1} decibans at full strength: makes a thief {}", times(weight)),
    );
    let cap = signals.groups.get(&signal.group).copied().unwrap_or(0.0);
    let others: Vec<&str> = signals
        .signal
        .iter()
        .filter(|(other, rule)| rule.group == signal.group && *other != name)
        .map(|(other, _)| other.as_str())
        .collect();
    let others = if others.is_empty() { String::new() } else { format!(", with {}", others.join(", ")) };
    let most = if cap > 0.0 { format!(", which adds {cap:.1} at most") } else { String::new() };
    line(&mut text, "group", &format!("{}{most}{others}", signal.group));
    if signals.weak.contains(&signal.group) {
        line(&mut text, "", "a weak group: without evidence of another kind the level stays low");
    }
    line(&mut text, "reason", &signal.reason);
    line(&mut text, "not proof", &signal.not_proof);
    let kinds: Vec<String> = signal.kinds.iter().map(|kind| word(*kind)).collect();
    line(&mut text, "means", &kinds.join(", "));
    line(&mut text, "att&ck", &signal.attack.join(", "));
    Some(text)
}

fn rule(rule: &FamilyRule) -> String {
    let mut text = format!("{}: family rule for {}. {}\n\n", rule.id, rule.name, rule.about);
    line(
        &mut text,
        "weight",
        &format!("{:+.1} decibans at full strength: makes a thief {}", rule.weight, times(rule.weight)),
    );
    line(&mut text, "confidence", &rule.confidence.to_string());
    line(&mut text, "software", rule.software.as_deref().unwrap_or_default());
    line(&mut text, "fits also", &rule.also.join(", "));
    line(&mut text, "source", &rule.source);
    line(&mut text, "not proof", &rule.not_proof);
    line(&mut text, "att&ck", &rule.attack.join(", "));
    line(&mut text, "shown by", rule.test.as_deref().unwrap_or_default());
    if let Some(own) = definition(&rule.id) {
        let _ = write!(text, "\nWhat it looks for (docs/rules.md is the language):\n\n{own}");
    }
    text
}

/// The text of a shipped rule, indented.
fn definition(id: &str) -> Option<String> {
    let head = format!("id = \"{id}\"");
    let (_, whole) =
        families::SHIPPED.iter().find(|(_, text)| text.lines().any(|line| line.trim() == head))?;
    let lines: Vec<&str> = whole.lines().collect();
    let at = lines.iter().position(|line| line.trim() == head)?;
    let is_head = |line: &str| line.trim() == "[[rule]]";
    let from = lines.get(..at)?.iter().rposition(|line| is_head(line))?;
    let rest = lines.get(from..)?;
    let to = rest.iter().skip(1).position(|line| is_head(line)).map_or(rest.len(), |to| to + 1);
    let mut own: Vec<&str> = rest.get(..to)?.to_vec();
    // Remarks before the next rule are of that one.
    while own.last().is_some_and(|line| line.trim().is_empty() || line.starts_with('#')) {
        own.pop();
    }
    Some(own.iter().fold(String::new(), |text, line| text + "  " + line + "\n"))
}

fn family(name: &str, rules: &Rules) -> Option<String> {
    let own: Vec<&FamilyRule> =
        rules.families().iter().filter(|rule| rule.name.eq_ignore_ascii_case(name)).collect();
    let first = own.first()?;
    let id = first.software.as_ref().map(|id| format!(" (ATT&CK {id})")).unwrap_or_default();
    let mut text = format!("{}: family{id}, named by\n\n", first.name);
    for rule in &own {
        let _ = writeln!(text, "{:+6.1}  {:32} {}", rule.weight, rule.id, rule.about);
    }
    let also: Vec<&str> = rules
        .families()
        .iter()
        .filter(|rule| rule.also.iter().any(|other| other.eq_ignore_ascii_case(name)))
        .map(|rule| rule.id.as_str())
        .collect();
    if !also.is_empty() {
        let _ = writeln!(text, "\nfits also {}", also.join(", "));
    }
    let _ = writeln!(text, "\nSeveral rules of one family add at most 1.3 times the weight of the heaviest.");
    Some(text)
}

/// The word that an enumeration prints.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn trouble(name: &str) -> Option<String> {
    let trouble = report::trouble(name)?;
    let mut text = format!("{name}: anomaly. {}\n\n", trouble.what);
    line(&mut text, "effect", trouble.effect);
    line(&mut text, "to do", trouble.remedy);
    Some(text)
}

/// Kinds of context.
const CONTEXT: [(&str, &str); 5] = [
    (
        "public-ip-lookup",
        "The host asked a service for its own public address, as thieves do first and many programs do too.",
    ),
    (
        "dead-drop-page",
        "The host fetched a page where anyone may write, and thieves keep addresses of their servers.",
    ),
    (
        "library-download",
        "The host fetched a library that thieves need to open browsers' stores, and installers bring too.",
    ),
    ("program-download", "The host fetched a program over clear HTTP."),
    (
        "listed-name-asked",
        "The host asked DNS for a name on a list (--indicators), and no connection to it followed.",
    ),
];

fn context(name: &str) -> Option<String> {
    let (_, what) = CONTEXT.iter().find(|(kind, _)| *kind == name)?;
    Some(format!("{name}: context. {what}\n\nContext is worth knowing and never an alarm by itself.\n"))
}

fn finding(name: &str, path: &PathBuf, rules: &Rules) -> Result<String, Failure> {
    let file = path.to_string_lossy();
    let wrong = |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", Safe(&file)));
    let open = File::open(path).map_err(|error| wrong(&error))?;
    let reported: Reported<Finding> = report::read(BufReader::new(open)).map_err(|error| wrong(&error))?;
    let found = choose(name, &reported.findings).ok_or_else(|| {
        let ids = reported.findings.iter().map(|finding| finding.id.as_str());
        let offer = suggest::offer(name, ids);
        let count = super::count(reported.findings.len() as u64, "finding");
        wrong(&format!("no finding {} among its {count}{offer}", Safe(name)))
    })?;
    let records = Records { captures: reported.captures, ..Records::default() };
    let verdict = Verdict { findings: vec![found.clone()], ..Verdict::default() };
    let report = Report { records: &records, verdict: &verdict, level: Level::Low, rules_digest: "" };
    let mut out = Vec::new();
    Text { colour: false }.export(&report, &mut out)?;
    let whole = String::from_utf8_lossy(&out);
    // The head counts the packets of a run.
    let mut text = whole.split_once("\n\n").map_or("", |(_, rest)| rest).to_owned();
    text.push_str(&sums(&found, rules));
    for term in &found.terms {
        if let Some(behind) = named(&term.signal, rules) {
            let own = behind.split("\nWhat it looks for").next().unwrap_or_default();
            // Which other signals share a group is of the signal, not of this finding.
            let brief = |line: &str| match line.split_once(" at most, with ") {
                Some((head, _)) => format!("{head} at most"),
                None => line.to_owned(),
            };
            let own = own.lines().map(brief).collect::<Vec<_>>().join("\n");
            let _ = writeln!(text, "\n{}", own.replace("\n\n", "\n").trim_end());
        } else {
            let _ = write!(text, "\n{}: of a rule that is not shipped\n", Safe(&term.signal));
        }
    }
    Ok(text)
}

/// How the score and the level come about.
fn sums(finding: &Finding, rules: &Rules) -> String {
    let signals = rules.signals();
    let sum: f64 = finding.terms.iter().map(|term| term.weight).sum();
    let odds = times(finding.score);
    let mut text = format!(
        "\nscore: {:.1} from the prior {:.1} and {sum:+.1} of terms; by the sum a thief is {odds} than not\n",
        finding.score,
        finding.score - sum
    );
    let reached =
        signals.levels.iter().filter(|(_, limit)| finding.score >= **limit).map(|(level, _)| *level);
    let from = signals.levels.get(&finding.level).copied().unwrap_or_default();
    let _ = match reached.max() {
        Some(level) if level > finding.level => writeln!(
            text,
            "level: {}, although the sum would be {}: only weak groups speak ({})",
            finding.level.name(),
            level.name(),
            signals.weak.iter().cloned().collect::<Vec<_>>().join(", ")
        ),
        _ => writeln!(text, "level: {}, from {from:.0} decibans on", finding.level.name()),
    };
    text
}

/// A finding by id, by the beginning of its id where that is clear, or by its number.
fn choose(name: &str, findings: &[Finding]) -> Option<Finding> {
    if let Some(at) = name.parse::<usize>().ok().and_then(|number| number.checked_sub(1))
        && let Some(finding) = findings.get(at)
    {
        return Some(finding.clone());
    }
    let mut fitting = findings.iter().filter(|finding| finding.id.starts_with(name));
    let one = fitting.next()?;
    (one.id == name || fitting.next().is_none()).then(|| one.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_printed_can_be_explained() {
        let rules = Rules::shipped().unwrap();
        for name in names(&rules) {
            assert!(named(&name, &rules).is_some_and(|text| text.contains(": ")), "{name}");
        }
    }

    #[test]
    fn a_rule_shows_its_own_text_only() {
        let rules = Rules::shipped().unwrap();
        for rule in rules.families() {
            let own = definition(&rule.id).unwrap_or_else(|| panic!("{}", rule.id));
            assert_eq!(own.matches("[[rule]]").count(), 1, "{}", rule.id);
            assert!(own.contains(&rule.id));
        }
    }

    #[test]
    fn decibans_are_said_in_times() {
        assert_eq!(
            [times(20.0), times(3.0), times(-10.0)],
            ["100 times likelier", "2.0 times likelier", "10 times less likely"]
        );
    }
}
