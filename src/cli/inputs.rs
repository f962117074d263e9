//! Reading inputs with progress and messages: what the commands that read captures share.

use super::{InputArgs, Status, When, say};
use crate::pipeline::{self, Extracted, Problem, Progress};
use crate::report::Safe;
use std::io::{IsTerminal, Write};

/// Reads the inputs, says what is wrong with them, and whether that is all of them or some.
pub fn read(args: &InputArgs) -> (Extracted, Status) {
    let extracted = watched(args, |watch| {
        pipeline::extract(&args.paths, &options(args), &mut |progress| watch(progress))
    });
    tell(args, &extracted.problems);
    let status = status(&extracted);
    (extracted, status)
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
    let mut stderr = std::io::stderr();
    let done = work(&mut |progress: &Progress<'_>| {
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
    done
}
