//! `exfilscan scan`: the main job.

use super::{Failure, InputArgs, Status, When, inputs};
use crate::detect::finding::Level;
use crate::detect::{self, Rules, Verdict};
use crate::record::Records;
use crate::report::{Choices, FORMATS, Report, Safe, Tlp, exporter_with};
use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

/// Flows from which on their memory is not given back piece by piece: small runs, of which `verify` makes many, are.
const MANY_FLOWS: usize = 1000;

/// Options of `scan`.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub struct Scan {
    /// Options of a file (`exfilscan.toml`); the command line wins.
    // Read before the command line is: see `config`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    input: InputArgs,
    /// What goes to standard output.
    #[arg(short, long, default_value = "text", value_parser = PossibleValuesParser::new(FORMATS))]
    format: String,
    /// Write another format to a file as well; repeatable.
    #[arg(short, long, value_name = "FORMAT=FILE", value_parser = output)]
    output: Vec<(String, PathBuf)>,
    /// Show only findings of this level and above.
    #[arg(long, value_enum, default_value_t = LevelArg::Low)]
    level: LevelArg,
    /// Exit with 1 when there is a finding of this level or above.
    #[arg(long, value_enum, default_value_t = FailOn::None)]
    fail_on: FailOn,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
    /// With whom what is exported may be shared (TLP), for stix and misp.
    #[arg(long, default_value = "amber", value_parser = PossibleValuesParser::new(Tlp::NAMES), value_name = "LABEL")]
    tlp: String,
    #[command(flatten)]
    detection: Detection,
}

/// What steers detection; shared with `verify`.
#[derive(Debug, Default, Args)]
pub struct Detection {
    /// Turn every family rule off: findings rest on behaviour alone.
    #[arg(long)]
    behaviour_only: bool,
    /// Add family rules of a file or folder (TOML); repeatable.
    #[arg(long, value_name = "DIR|FILE")]
    rules: Vec<PathBuf>,
    /// Drop the shipped family rules.
    #[arg(long)]
    no_default_rules: bool,
    /// Allow-list (TOML): names, networks, JA4 and signals that are no finding here, each with a reason; repeatable.
    #[arg(long, value_name = "FILE")]
    allow: Vec<PathBuf>,
    /// Addresses that are ours where address classes cannot tell; repeatable.
    #[arg(long, value_name = "CIDR")]
    internal: Vec<ipnet::IpNet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LevelArg {
    Low,
    Medium,
    High,
    Critical,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Low => Self::Low,
            LevelArg::Medium => Self::Medium,
            LevelArg::High => Self::High,
            LevelArg::Critical => Self::Critical,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    None,
    Low,
    Medium,
    High,
    Critical,
}

impl FailOn {
    const fn level(self) -> Option<Level> {
        match self {
            Self::None => None,
            Self::Low => Some(Level::Low),
            Self::Medium => Some(Level::Medium),
            Self::High => Some(Level::High),
            Self::Critical => Some(Level::Critical),
        }
    }
}

fn output(text: &str) -> Result<(String, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("expected FORMAT=FILE")?;
    if !FORMATS.contains(&format) {
        return Err(format!("unknown format {format}; there are {}", FORMATS.join(", ")));
    }
    Ok((format.to_owned(), PathBuf::from(file)))
}

impl Detection {
    /// The rules that these options ask for.
    pub fn load(&self) -> Result<Rules, Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let mut rules = Rules::load(&self.rules, !self.no_default_rules).map_err(|error| wrong(&error))?;
        for path in &self.allow {
            let file = Safe(&path.to_string_lossy()).to_string();
            let text = std::fs::read_to_string(path).map_err(|error| wrong(&format!("{file}: {error}")))?;
            rules.allow(&text, &file).map_err(|error| wrong(&error))?;
        }
        Ok(rules)
    }

    /// Finds. The flows are taken out of the records: they are most of the memory, and no report needs them.
    pub fn detect(&self, records: &mut Records, rules: &Rules, threads: u32) -> Verdict {
        let options = detect::Options {
            behaviour_only: self.behaviour_only,
            internal: self.internal.clone(),
            threads: threads as usize,
        };
        let flows = std::mem::take(&mut records.flows);
        let ledger = detect::fold(Records { flows, ..records.clone() }, rules, &options);
        let verdict = detect::judge(&ledger, rules, &options);
        if ledger.flows.len() > MANY_FLOWS {
            // The process ends with the report: to free millions of small pieces before that would only take time.
            std::mem::forget(ledger);
        }
        verdict
    }
}

/// Runs the command.
pub fn run(args: &Scan) -> Result<Status, Failure> {
    let rules = args.detection.load()?;
    let (mut extracted, read) = inputs::read(&args.input);
    if read == Status::Nothing {
        return Ok(read);
    }
    let start = Instant::now();
    let verdict = args.detection.detect(&mut extracted.records, &rules, args.input.threads);
    let findings = super::count(verdict.findings.len() as u64, "finding");
    let seconds = start.elapsed().as_secs_f64();
    inputs::explain(
        &args.input,
        format_args!("judged {} channels in {seconds:.2} s: {findings}", verdict.channels),
    );
    let report = Report {
        records: &extracted.records,
        verdict: &verdict,
        level: args.level.into(),
        rules_digest: rules.digest(),
    };
    let choices = Choices { colour: false, tlp: Tlp::named(&args.tlp).unwrap_or_default() };
    for (format, path) in &args.output {
        let mut file = BufWriter::new(File::create(path)?);
        export(format, choices, &report, &mut file)?;
        file.flush()?;
    }
    let colour = match args.color {
        When::Always => true,
        When::Never => false,
        When::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    export(&args.format, Choices { colour, ..choices }, &report, &mut out)?;
    out.flush()?;
    let alarm = args.fail_on.level().is_some_and(|level| verdict.findings.iter().any(|f| f.level >= level));
    Ok(read.max(if alarm { Status::Found } else { Status::Clean }))
}

fn export(format: &str, choices: Choices, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    exporter_with(format, choices).map_or(Ok(()), |exporter| exporter.export(report, out))
}
