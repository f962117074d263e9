//! `exfilscan carve`: packets out of captures, into a new one.

mod output;
mod wish;

use super::scan::Detection;
use super::timings::{Stage, Timings};
use super::{Failure, InputArgs, Status, inputs, progress, say};
use crate::pipeline::Problem;
use crate::pipeline::carve::{Error, Job, Notes, Selected};
use crate::record::CommunityId;
use crate::report::{self, Outline, Reported, Safe};
use clap::{ArgGroup, Args};
use output::Output;
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use wish::{Range, Wishes};

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 18;

/// Options of `carve`.
#[derive(Debug, Args)]
#[command(after_help = super::help::CARVE)]
#[command(group(ArgGroup::new("selection").args(["finding", "community_id", "frames"]).required(true).multiple(true)))]
pub struct Carve {
    #[command(flatten)]
    input: InputArgs,
    /// The new file, or - for standard output. A file that exists is replaced when the new one is whole; an input
    /// never is.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The packets of a finding, by its id (or how it begins) or its number in the report from 1; repeatable. Without
    /// --report the inputs are scanned for it.
    #[arg(long, value_name = "ID|N")]
    finding: Vec<String>,
    /// The report that findings are in: of `scan` with --format json or ndjson; - for standard input.
    #[arg(long, value_name = "FILE", requires = "finding")]
    report: Option<PathBuf>,
    /// Of a finding take only what it lists as evidence, not all traffic between victim and service.
    #[arg(long, requires = "finding")]
    evidence_only: bool,
    /// The packets of a conversation by its Community ID (version 1, seed 0; in tunnels that of the innermost
    /// addresses); repeatable.
    #[arg(long, value_name = "ID")]
    community_id: Vec<CommunityId>,
    /// Frames by number as Wireshark counts them: 10-20,33 or 100- to the end. One input only.
    #[arg(long, value_name = "A-B,C", value_delimiter = ',')]
    frames: Vec<Range>,
    /// Leave out the decryption secrets that pcapng files bring with them.
    #[arg(long)]
    discard_all_secrets: bool,
    #[command(flatten)]
    detection: Detection,
}

/// Runs the command.
pub fn run(args: &Carve) -> Result<Status, Failure> {
    Timings::of(&args.input, |timings| carve(args, timings))
}

fn carve(args: &Carve, timings: &mut Timings) -> Result<Status, Failure> {
    if args.output.as_os_str() == "-" && io::stdout().is_terminal() {
        return Err(Failure::Usage("packets are not for a terminal: name a file with --output".to_owned()));
    }
    let mut job = Job::new(&args.input.paths, inputs::options(&args.input)).map_err(failure)?;
    for input in job.paths().chain(args.report.as_deref()) {
        if output::is_same(&args.output, input) {
            let input = input.to_string_lossy();
            return Err(Failure::Usage(format!("{}: is read, and will not be written to", Safe(&input))));
        }
    }
    let (reported, mut status, told) = findings(args, &mut job, timings)?;
    let mut wishes = Wishes::default();
    let mut missing = wishes.findings(&args.finding, &reported, &job, args.evidence_only)?;
    if !missing.is_empty() {
        status = status.max(Status::Incomplete);
    }
    wishes.conversations(&args.community_id);
    wishes.frames(&args.frames, &job)?;
    let selected = timings.time(Stage::Packets, || {
        progress::watched(&args.input, |watch| job.select(&wishes.selection, &mut |progress| watch(progress)))
    });
    missing.extend(selected.problems.iter().filter(|problem| !told.contains(problem)).cloned());
    inputs::tell(&args.input, &missing);
    if selected.opened == 0 {
        return Ok(Status::Nothing);
    }
    if !selected.problems.is_empty() {
        status = status.max(Status::Incomplete);
    }
    for wish in wishes.unmet(&selected.hits) {
        note(args, format_args!("{}: in no input", Safe(wish)));
        status = status.max(Status::Found);
    }
    if selected.frames() == 0 {
        let n = selected.packets;
        note(args, format_args!("nothing is selected of {n} packets: no file is written"));
        return Ok(status.max(Status::Found));
    }
    let notes = Notes { why: &wishes.why(), secrets: !args.discard_all_secrets };
    timings.time(Stage::Writing, || write(&args.output, &job, &selected, &notes))?;
    Ok(status)
}

/// One message, unless none are wanted.
fn note(args: &Carve, message: std::fmt::Arguments<'_>) {
    if !args.input.quiet {
        say(message);
    }
}

/// The findings that are chosen from, how the reading went if the inputs had to be read for them, and what was said.
fn findings(
    args: &Carve,
    job: &mut Job,
    timings: &mut Timings,
) -> Result<(Reported, Status, Vec<Problem>), Failure> {
    if args.finding.is_empty() {
        return Ok((Reported::default(), Status::Clean, Vec::new()));
    }
    if let Some(path) = &args.report {
        job.identify();
        return Ok((stored(path)?, Status::Clean, Vec::new()));
    }
    let means = timings.time(Stage::Rules, || args.detection.load(args.input.quiet))?;
    let (mut extracted, status) = inputs::read(&args.input, timings);
    let verdict = args.detection.detect(&mut extracted, &means, args.input.threads, timings);
    let findings = verdict.findings.iter().map(Outline::from).collect();
    job.know(&extracted.records.captures);
    // Whether anything can be read is seen again when packets are looked for.
    let status = if status == Status::Nothing { Status::Clean } else { status };
    Ok((Reported { captures: extracted.records.captures, findings }, status, extracted.problems))
}

fn stored(path: &Path) -> Result<Reported, Failure> {
    let name = path.to_string_lossy();
    let bad = |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", Safe(&name)));
    if path.as_os_str() == "-" {
        return report::read(io::stdin().lock()).map_err(|error| bad(&error));
    }
    let file = std::fs::File::open(path).map_err(|error| bad(&error))?;
    report::read(BufReader::new(file)).map_err(|error| bad(&error))
}

fn write(path: &Path, job: &Job, selected: &Selected, notes: &Notes<'_>) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        let out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
        job.write(selected, notes, out).map_err(failure)?;
        return Ok(());
    }
    let name = path.to_string_lossy();
    let failed = |error: Error| match error {
        Error::Write(error) => Failure::Usage(format!("{}: cannot be written: {error}", Safe(&name))),
        other => failure(other),
    };
    let mut output = Output::create(path).map_err(|error| failed(error.into()))?;
    let mut out = BufWriter::with_capacity(BUFFER, output.file());
    job.write(selected, notes, &mut out).map_err(failed)?;
    out.flush().map_err(|error| failed(error.into()))?;
    drop(out);
    output.finish().map_err(|error| failed(error.into()))
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Write(error) => Failure::Write(error),
        other => Failure::Usage(Safe(&other.to_string()).to_string()),
    }
}
