//! Reading inputs with progress and messages: what the commands that read captures share.

use super::timings::Timings;
use super::{InputArgs, Status, progress, say};
use crate::pipeline::{self, Extracted, Problem};
use crate::report::Safe;
use std::path::PathBuf;
use std::time::Instant;

/// Reads the inputs, says what is wrong with them, and whether that is all of them or some.
pub fn read(args: &InputArgs, timings: &mut Timings) -> (Extracted, Status) {
    read_these(args, &args.paths, timings)
}

/// The same with other paths.
pub fn read_these(args: &InputArgs, paths: &[PathBuf], timings: &mut Timings) -> (Extracted, Status) {
    extract(args, paths, &pipeline::Options { survey: true, ..options(args) }, timings)
}

/// The same for records that are printed and not judged.
pub fn read_records(args: &InputArgs, timings: &mut Timings) -> (Extracted, Status) {
    extract(args, &args.paths, &options(args), timings)
}

fn extract(
    args: &InputArgs,
    paths: &[PathBuf],
    options: &pipeline::Options,
    timings: &mut Timings,
) -> (Extracted, Status) {
    let start = Instant::now();
    let extracted =
        progress::watched(args, |watch| pipeline::extract(paths, options, &mut |progress| watch(progress)));
    timings.extracted(&extracted);
    let summary = &extracted.records.summary;
    let bytes: u64 = extracted.records.captures.iter().map(|capture| capture.bytes).sum();
    let seconds = start.elapsed().as_secs_f64();
    let what = format_args!(
        "read {} of {} with {} packets, {} conversations",
        bytesize::ByteSize(bytes).display().si(),
        super::count(summary.captures, "capture"),
        summary.packets,
        summary.flows
    );
    explain(args, format_args!("{what} in {seconds:.2} s ({:.0} MB/s)", rate(bytes, seconds)));
    tell(args, &extracted.problems);
    let status = status(&extracted);
    (extracted, status)
}

/// Says what was done, to those who asked.
pub fn explain(args: &InputArgs, what: std::fmt::Arguments<'_>) {
    if args.verbose {
        say(what);
    }
}

/// Megabytes a second.
pub fn rate(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { bytes as f64 / 1e6 / seconds } else { 0.0 }
}

/// How the inputs are to be read.
pub fn options(args: &InputArgs) -> pipeline::Options {
    pipeline::Options {
        threaded: args.threads > 1,
        hash: !args.no_hash,
        max_memory: args.max_memory.as_u64(),
        ..pipeline::Options::default()
    }
}

/// Says what could not be read.
pub fn tell(args: &InputArgs, problems: &[Problem]) {
    if !args.quiet {
        for problem in problems {
            say(format_args!("{}: {}", Safe(&problem.path), Safe(&problem.what)));
        }
    }
}

/// What the state of the inputs says of the exit status.
pub fn status(extracted: &Extracted) -> Status {
    if extracted.opened == 0 {
        Status::Nothing
    } else if extracted.records.summary.incomplete {
        Status::Incomplete
    } else {
        Status::Clean
    }
}
