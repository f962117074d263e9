//! Reading inputs with progress and messages: what `scan`, `flows` and `verify` share.

use super::{InputArgs, Status, When, say};
use crate::pipeline::{self, Extracted, Progress};
use crate::report::Safe;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Reads the inputs, says what is wrong with them, and whether that is all of them or some.
pub fn read(args: &InputArgs) -> (Extracted, Status) {
    let options = pipeline::Options {
        threaded: args.threads > 1,
        hash: !args.no_hash,
        max_memory: args.max_memory.as_u64(),
    };
    let show = match args.progress {
        When::Always => true,
        When::Never => false,
        When::Auto => std::io::stderr().is_terminal() && !args.quiet,
    };
    let extracted = extract(&args.paths, options, show);
    if !args.quiet {
        for problem in &extracted.problems {
            say(format_args!("{}: {}", Safe(&problem.path), Safe(&problem.what)));
        }
    }
    let status = status(&extracted);
    (extracted, status)
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

fn extract(paths: &[PathBuf], options: pipeline::Options, show: bool) -> Extracted {
    let mut stderr = std::io::stderr();
    let extracted = pipeline::extract(paths, &options, &mut |progress: &Progress<'_>| {
        if show {
            let _ = write!(
                stderr,
                "\r\u{1b}[K{}: {} packets, {} MB",
                Safe(progress.path),
                progress.packets,
                progress.bytes / 1_000_000
            );
        }
    });
    if show {
        let _ = write!(stderr, "\r\u{1b}[K");
    }
    extracted
}
