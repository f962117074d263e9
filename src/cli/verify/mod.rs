//! `exfilscan verify`: findings against expectations, for CI.

mod manifest;
mod outcome;
mod update;

pub use manifest::Manifest;

use super::scan::{Detection, Means};
use super::timings::Timings;
use super::{Failure, Status, say};
use crate::detect::finding::{Finding, Level};
use crate::pipeline;
use crate::report::Safe;
use clap::{Args, ValueEnum};
use manifest::{Case, Expect, Expected, Placed};
use outcome::Outcome;
use rayon::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

/// Options of `verify`.
#[derive(Debug, Args)]
#[command(after_help = super::help::VERIFY)]
pub struct Verify {
    /// A manifest (TOML), or a folder that is searched for `case.toml` files.
    #[arg(value_name = "MANIFEST|DIR")]
    path: PathBuf,
    /// Print mismatches only.
    #[arg(short, long)]
    quiet: bool,
    /// Write the outcome to a file as well, for CI; repeatable.
    #[arg(short, long, value_name = "FORMAT=FILE", value_parser = output)]
    output: Vec<(Form, PathBuf)>,
    /// Print mismatches as GitHub annotations too, each at the line of its case.
    #[arg(long)]
    annotations: bool,
    /// Write what is found into the manifests where it differs, and print what changes, to be reviewed. A manifest
    /// that does not exist is made of the captures below its folder.
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    detection: Detection,
}

/// Forms of the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// JUnit XML: a suite a manifest, a case a case.
    Junit,
    /// SARIF 2.1.0: a result a mismatch, at the line of its case.
    Sarif,
}

fn output(text: &str) -> Result<(Form, PathBuf), String> {
    let (form, file) = text.split_once('=').ok_or("expected FORMAT=FILE")?;
    Ok((Form::from_str(form, false)?, PathBuf::from(file)))
}

/// From which level on a finding that nobody expects is a mismatch.
const ALARM: Level = Level::Medium;

/// Runs the command: a line for each case in order of the manifests, then a line with the sums. Cases are judged in
/// parallel.
pub fn run(args: &Verify) -> Result<Status, Failure> {
    let means = args.detection.load(args.quiet)?;
    if args.update && !args.path.exists() {
        return update::make(&args.path, &means, &args.detection);
    }
    let mut cases: Vec<Placed> = Vec::new();
    for path in manifests(&args.path)? {
        cases.extend(manifest::read(&path)?);
    }
    let one = |placed: &Placed| {
        let found = Found::of(&placed.capture(), &means, &args.detection);
        let outcome = judge(&placed.case, &found);
        // Of thousands of cases what is found would fill the memory: only what is to be written down is kept.
        let kept = (args.update && outcome.is_failure()).then_some(found);
        (outcome, kept)
    };
    let (outcomes, found): (Vec<Outcome>, Vec<Option<Found>>) = cases.par_iter().map(one).unzip();
    let mut out = io::stdout().lock();
    outcome::lines(&cases, &outcomes, args.quiet, &mut out)?;
    if args.annotations {
        outcome::annotations(&cases, &outcomes, &mut out)?;
    }
    for (form, path) in &args.output {
        let text = match form {
            Form::Junit => outcome::junit(&cases, &outcomes),
            Form::Sarif => outcome::sarif(&cases, &outcomes),
        };
        std::fs::write(path, text).map_err(|error| usage(path, &error))?;
    }
    if cases.is_empty() {
        say(format_args!("{}: no case in it", Safe(&args.path.to_string_lossy())));
        return Ok(Status::Nothing);
    }
    let failed = outcomes.iter().any(Outcome::is_failure);
    if args.update && failed {
        return update::rewrite(&cases, &found, &mut out);
    }
    Ok(if failed { Status::Found } else { Status::Clean })
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

/// What is found in the capture of a case.
struct Found {
    findings: Vec<Finding>,
    problems: Vec<String>,
}

impl Found {
    fn of(capture: &Path, means: &Means, detection: &Detection) -> Self {
        let options =
            pipeline::Options { threaded: false, hash: false, survey: true, ..pipeline::Options::default() };
        let mut extracted = pipeline::extract(&[capture.to_owned()], &options, &mut |_| {});
        let say = |problem: &pipeline::Problem| format!("{}: {}", problem.path, problem.what);
        let problems = extracted.problems.iter().map(say).collect();
        let verdict = detection.detect(&mut extracted, means, 1, &mut Timings::start());
        Self { findings: verdict.findings, problems }
    }
}

fn judge(case: &Case, found: &Found) -> Outcome {
    let mut wrong = check(case, found);
    match &case.known_miss {
        Some(why) if !wrong.is_empty() => return Outcome::Missed(why.clone()),
        Some(_) => wrong.push("a known miss is found now: take `known_miss` out of the manifest".to_owned()),
        None => {}
    }
    if wrong.is_empty() { Outcome::Passed } else { Outcome::Failed(wrong) }
}

/// What differs from the expectation, a line each.
fn check(case: &Case, found: &Found) -> Vec<String> {
    let mut wrong = found.problems.clone();
    let expected: &[Expected] = match &case.expect {
        Expect::None(_) => &[],
        Expect::Findings(list) => list,
    };
    for want in expected {
        let on: Vec<&Finding> = found.findings.iter().filter(|finding| want.names(finding)).collect();
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
        for finding in found.findings.iter().filter(|f| f.level >= ALARM).filter(unexpected) {
            wrong.push(format!("not expected: {}", brief(finding)));
        }
    }
    wrong
}

fn brief(finding: &Finding) -> String {
    let server = finding.server.names.first().cloned();
    let server = server.or_else(|| finding.server.addrs.first().map(ToString::to_string)).unwrap_or_default();
    let level = finding.level.name();
    format!("{level} {:.1} {} to {server}: {}", finding.score, finding.victim.addr, finding.title)
}
