//! Reading inputs with progress and messages: what the commands that read captures share.

use super::{InputArgs, Status, When, say};
use crate::pipeline::{self, Extracted, Problem, Progress};
use crate::report::Safe;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

/// Reads the inputs, says what is wrong with them, and whether that is all of them or some.
pub fn read(args: &InputArgs) -> (Extracted, Status) {
    read_these(args, &args.paths)
}

/// The same with other paths.
pub fn read_these(args: &InputArgs, paths: &[PathBuf]) -> (Extracted, Status) {
    let start = Instant::now();
    let extracted =
        watched(args, |watch| pipeline::extract(paths, &options(args), &mut |progress| watch(progress)));
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
fn rate(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { bytes as f64 / 1e6 / seconds } else { 0.0 }
}

/// How the inputs are to be read.
pub fn options(args: &InputArgs) -> pipeline::Options {
    pipeline::Options {
        threaded: args.threads > 1,
        hash: !args.no_hash,
        max_memory: args.max_memory.as_u64(),
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

/// Does what takes a while, and shows on a terminal how far it has come.
pub fn watched<T>(args: &InputArgs, work: impl FnOnce(&mut dyn FnMut(&Progress<'_>)) -> T) -> T {
    let show = match args.progress {
        When::Always => true,
        When::Never => false,
        When::Auto => std::io::stderr().is_terminal() && !args.quiet,
    };
    let start = Instant::now();
    let mut stderr = std::io::stderr();
    let done = work(&mut |progress: &Progress<'_>| {
        if show {
            let _ = write!(
                stderr,
                "\r\u{1b}[K{}: {} packets, {} MB on the wire, {:.0} MB/s",
                Safe(progress.path),
                progress.packets,
                progress.bytes / 1_000_000,
                rate(progress.bytes, start.elapsed().as_secs_f64())
            );
        }
    });
    if show {
        let _ = write!(stderr, "\r\u{1b}[K");
    }
    done
}
