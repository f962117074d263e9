//! `exfilscan scan`: the main job.

use super::timings::{Stage, Timings};
use super::{Failure, InputArgs, Status, When, inputs};
use crate::detect::finding::Level;
use crate::detect::{self, Rules, Verdict};
use crate::pipeline::Extracted;
use crate::record::Records;
use crate::report::{Atlas, Choices, FORMATS, Report, Safe, Tlp, exporter_with};
use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Flows from which on their memory is not given back piece by piece: small runs, of which `verify` makes many, are.
const MANY_FLOWS: usize = 1000;

/// Options of `scan`.
#[derive(Debug, Args)]
#[command(args_override_self = true, after_help = super::help::SCAN)]
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
    /// Indicators to look for: addresses, networks, names, URLs, JA3, JA4, certificate hashes (a line each, CSV, STIX 2.1 or MISP); repeatable.
    #[arg(long, value_name = "FILE", conflicts_with = "behaviour_only")]
    indicators: Vec<PathBuf>,
    /// Database in MaxMind's format, for country and autonomous system of servers; repeatable.
    #[arg(long, value_name = "FILE")]
    mmdb: Vec<PathBuf>,
}

/// What detection is done with, and what its findings are told more by.
#[derive(Debug)]
pub struct Means {
    /// Rules, allow-lists and indicators.
    pub rules: Rules,
    atlas: Atlas,
}

/// Bytes of a list or a database: both are read whole.
const MAX_FILE: u64 = 1 << 30;

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
    /// The rules, lists and databases that these options ask for. What is left out of a list is said, unless `quiet`.
    pub fn load(&self, quiet: bool) -> Result<Means, Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let mut rules = Rules::load(&self.rules, !self.no_default_rules).map_err(|error| wrong(&error))?;
        for path in &self.allow {
            let file = Safe(&path.to_string_lossy()).to_string();
            let text = std::fs::read_to_string(path).map_err(|error| wrong(&format!("{file}: {error}")))?;
            rules.allow(&text, &file).map_err(|error| wrong(&error))?;
        }
        for path in &self.indicators {
            let (file, bytes) = (path.to_string_lossy(), read(path)?);
            let loaded = rules
                .watch(&String::from_utf8_lossy(&bytes), &file)
                .map_err(|error| wrong(&Safe(&error.to_string())))?;
            if loaded.refused > 0 && !quiet {
                super::say(format_args!("{}: {}", Safe(&file), Safe(&loaded.to_string())));
            }
        }
        let mut atlas = Atlas::default();
        for path in &self.mmdb {
            let file = path.to_string_lossy();
            atlas.add(read(path)?, &file).map_err(|error| wrong(&Safe(&error.to_string())))?;
        }
        Ok(Means { rules, atlas })
    }

    /// Finds. The flows are taken out of the records: they are most of the memory, and no report needs them.
    pub fn detect(
        &self,
        extracted: &mut Extracted,
        means: &Means,
        threads: u32,
        timings: &mut Timings,
    ) -> Verdict {
        let rules = &means.rules;
        let options = detect::Options {
            behaviour_only: self.behaviour_only,
            internal: self.internal.clone(),
            threads: threads as usize,
        };
        let records = &mut extracted.records;
        let flows = std::mem::take(&mut records.flows);
        let (records, survey) = (Records { flows, ..records.clone() }, extracted.survey.take());
        let mut ledger = timings.time(Stage::Folding, || match survey {
            Some(survey) => detect::fold_surveyed(records, survey, rules, &options),
            None => detect::fold(records, rules, &options),
        });
        let verdict = timings.time(Stage::Judging, || {
            let mut verdict = detect::judge(&mut ledger, rules, &options);
            means.atlas.mark(&mut verdict.findings);
            verdict
        });
        if ledger.flows.len() > MANY_FLOWS {
            // The process ends with the report: to free millions of small pieces before that would only take time.
            std::mem::forget(ledger);
        }
        verdict
    }
}

/// A file that is read whole.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", Safe(&path.to_string_lossy())));
    let bytes = std::fs::metadata(path).map_err(|error| wrong(&error))?.len();
    if bytes > MAX_FILE {
        return Err(wrong(&format!("larger than {}; split it", bytesize::ByteSize(MAX_FILE))));
    }
    std::fs::read(path).map_err(|error| wrong(&error))
}

/// Runs the command.
pub fn run(args: &Scan) -> Result<Status, Failure> {
    Timings::of(&args.input, |timings| scan(args, timings))
}

fn scan(args: &Scan, timings: &mut Timings) -> Result<Status, Failure> {
    let start = Instant::now();
    let means = timings.time(Stage::Rules, || args.detection.load(args.input.quiet))?;
    if !args.detection.indicators.is_empty() {
        let lists = super::count(args.detection.indicators.len() as u64, "list");
        let seconds = start.elapsed().as_secs_f64();
        inputs::explain(&args.input, format_args!("read {lists} of indicators in {seconds:.2} s"));
    }
    let (mut extracted, read) = inputs::read(&args.input, timings);
    if read == Status::Nothing {
        return Ok(read);
    }
    let start = Instant::now();
    let verdict = args.detection.detect(&mut extracted, &means, args.input.threads, timings);
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
        rules_digest: means.rules.digest(),
    };
    timings.time(Stage::Writing, || write(args, &report))?;
    let alarm = args.fail_on.level().is_some_and(|level| verdict.findings.iter().any(|f| f.level >= level));
    Ok(read.max(if alarm { Status::Found } else { Status::Clean }))
}

/// Writes the report in all forms that were asked for.
fn write(args: &Scan, report: &Report<'_>) -> Result<(), Failure> {
    let choices = Choices { colour: false, tlp: Tlp::named(&args.tlp).unwrap_or_default() };
    for (format, path) in &args.output {
        let mut file = BufWriter::new(File::create(path)?);
        export(format, choices, report, &mut file)?;
        file.flush()?;
    }
    let colour = match args.color {
        When::Always => true,
        When::Never => false,
        When::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    export(&args.format, Choices { colour, ..choices }, report, &mut out)?;
    Ok(out.flush()?)
}

fn export(format: &str, choices: Choices, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    exporter_with(format, choices).map_or(Ok(()), |exporter| exporter.export(report, out))
}
