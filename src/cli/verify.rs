//! `exfilscan verify`: findings against expectations, for CI.

use super::scan::Detection;
use super::{Failure, Status, say};
use crate::detect::Rules;
use crate::detect::finding::{Finding, Kind, Level};
use crate::pipeline;
use crate::report::Safe;
use clap::Args;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// A manifest (TOML), or a folder that is searched for `case.toml` files.
    #[arg(value_name = "MANIFEST|DIR")]
    path: PathBuf,
    /// Print mismatches only.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    detection: Detection,
}

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
    name: String,
    /// What it shows.
    #[serde(default)]
    #[allow(dead_code)]
    about: String,
    /// The capture, relative to the manifest.
    capture: PathBuf,
    /// `none`, or the findings that must be there.
    expect: Expect,
    /// Further findings of medium level or above are no mismatch.
    #[serde(default)]
    others: bool,
    /// Why what is expected is not found yet. The case is then a mismatch when it *is* found: so that the expectation
    /// stays as an analyst wants it, and no progress goes unnoticed.
    #[serde(default)]
    known_miss: Option<String>,
}

/// What must be found.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Expect {
    /// `"none"`: no finding of medium level or above.
    None(#[allow(dead_code, reason = "its being there is what it says")] None),
    /// Each of these.
    Findings(Vec<Expected>),
}

/// The word for nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum None {
    None,
}

/// One expected finding; what is absent is not compared.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Expected {
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

/// From which level on a finding that nobody expects is a mismatch.
const ALARM: Level = Level::Medium;

/// Runs the command: a line for each case in order of the manifests, then a line with the sums. Cases are judged in
/// parallel.
pub fn run(args: &Verify) -> Result<Status, Failure> {
    let rules = args.detection.load()?;
    let mut cases: Vec<(PathBuf, Case)> = Vec::new();
    for path in manifests(&args.path)? {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        cases.extend(read(&path)?.cases().into_iter().map(|case| (folder.clone(), case)));
    }
    let judge = |(folder, case): &(PathBuf, Case)| check(case, folder, &rules, &args.detection);
    let outcomes: Vec<Vec<String>> = cases.par_iter().map(judge).collect();
    let mut out = io::stdout().lock();
    let (mut passed, mut failed, mut missed) = (0u64, 0u64, 0u64);
    for ((_, case), mut wrong) in cases.iter().zip(outcomes) {
        let name = Safe(&case.name);
        match &case.known_miss {
            Some(why) if !wrong.is_empty() => {
                missed += 1;
                writeln!(out, "miss  {name}: {}", Safe(why))?;
                continue;
            }
            Some(_) => {
                wrong.push("a known miss is found now: take `known_miss` out of the manifest".to_owned());
            }
            None => {}
        }
        if wrong.is_empty() {
            passed += 1;
            if !args.quiet {
                writeln!(out, "ok    {name}")?;
            }
        } else {
            failed += 1;
            writeln!(out, "FAIL  {name}")?;
            wrong.iter().try_for_each(|line| writeln!(out, "      {}", Safe(line)))?;
        }
    }
    let known = if missed > 0 { format!(", {missed} known to be missed") } else { String::new() };
    writeln!(out, "{passed} passed, {failed} failed{known}")?;
    if passed + failed + missed == 0 {
        say(format_args!("{}: no case in it", Safe(&args.path.to_string_lossy())));
        return Ok(Status::Nothing);
    }
    Ok(if failed > 0 { Status::Found } else { Status::Clean })
}

/// The manifests of a path, in order of their names.
fn manifests(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| usage(&folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| usage(&folder, &error))?;
            // A link is not followed: it may lead in a circle.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            } else if entry.file_name() == "case.toml" {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn usage(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("{}: {error}", Safe(&path.to_string_lossy())))
}

impl Manifest {
    fn cases(self) -> Vec<Case> {
        match self {
            Self::Many(many) => many.case,
            Self::One(case) => vec![*case],
        }
    }
}

fn read(path: &Path) -> Result<Manifest, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| usage(path, &error))?;
    let table: toml::Table = text.parse().map_err(|error| usage(path, &error))?;
    // By its shape, not by trial: so that an error is about the form that was meant.
    if table.contains_key("case") {
        toml::from_str(&text).map(Manifest::Many).map_err(|error| usage(path, &error))
    } else {
        toml::from_str(&text).map(|case| Manifest::One(Box::new(case))).map_err(|error| usage(path, &error))
    }
}

/// What differs from the expectation, a line each.
fn check(case: &Case, folder: &Path, rules: &Rules, detection: &Detection) -> Vec<String> {
    let options = pipeline::Options { threaded: false, hash: false, ..pipeline::Options::default() };
    let mut extracted = pipeline::extract(&[folder.join(&case.capture)], &options, &mut |_| {});
    let mut wrong: Vec<String> =
        extracted.problems.iter().map(|problem| format!("{}: {}", problem.path, problem.what)).collect();
    let verdict = detection.detect(&mut extracted.records, rules, 1);
    let expected: &[Expected] = match &case.expect {
        Expect::None(_) => &[],
        Expect::Findings(list) => list,
    };
    for want in expected {
        let on: Vec<&Finding> = verdict.findings.iter().filter(|finding| want.names(finding)).collect();
        if !on.iter().any(|finding| want.lacks(finding).is_empty()) {
            wrong.push(format!("expected {want}"));
            match on.first() {
                Some(finding) => {
                    wrong.push(format!("  found {}: {}", brief(finding), want.lacks(finding).join(", ")));
                }
                None => wrong.push("  found nothing on that server".to_owned()),
            }
        }
    }
    if !case.others {
        let unexpected = |finding: &&Finding| !expected.iter().any(|want| want.names(finding));
        for finding in verdict.findings.iter().filter(|f| f.level >= ALARM).filter(unexpected) {
            wrong.push(format!("not expected: {}", brief(finding)));
        }
    }
    wrong
}

fn brief(finding: &Finding) -> String {
    let server = finding.server.names.first().cloned();
    let server = server.or_else(|| finding.server.addrs.first().map(ToString::to_string)).unwrap_or_default();
    let level = format!("{:?}", finding.level).to_lowercase();
    format!("{level} {:.1} {} to {server}: {}", finding.score, finding.victim.addr, finding.title)
}

impl Expected {
    /// Whether a finding is about this server.
    fn names(&self, finding: &Finding) -> bool {
        let below = |name: &String| {
            name.eq_ignore_ascii_case(&self.server)
                || name.to_lowercase().ends_with(&format!(".{}", self.server.to_lowercase()))
        };
        finding.server.addrs.iter().any(|addr| addr.to_string() == self.server)
            || finding.server.names.iter().any(below)
    }

    /// What a finding lacks to be the one expected.
    fn lacks(&self, finding: &Finding) -> Vec<String> {
        let mut lacks = Vec::new();
        let level = self.level.unwrap_or(ALARM);
        if finding.level < level {
            lacks.push(format!("level is below {}", format!("{level:?}").to_lowercase()));
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
