//! The command line: options in, exit status out.
//!
//! One file a command. This room prints; no other does. What a user may rely on is in the help texts and the README.

mod carve;
mod config;
mod explain;
mod flows;
mod help;
mod inputs;
mod map;
mod progress;
mod rules;
mod scan;
mod schema;
mod suggest;
mod timings;
mod verify;

use crate::pipeline;
use crate::report::Safe;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Finds infostealers in packet captures: which server received the data, from which victim, and how we know.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = help::PROGRAM)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read captures and report findings.
    Scan(scan::Scan),
    /// Print the records: all that detection sees, one JSON object a line.
    Flows(flows::Flows),
    /// Cut the packets of a finding, of conversations or by number out to a new pcapng.
    Carve(carve::Carve),
    /// Join the findings of many captures and reports into one picture of servers and victims.
    Map(map::Map),
    /// Compare the findings on captures with what a manifest expects.
    Verify(verify::Verify),
    /// List, show and check the rules and signals in force.
    Rules(rules::RulesArgs),
    /// Say what stands behind a finding, a signal, a rule, a family or an anomaly.
    Explain(explain::Explain),
    /// Print the JSON Schema of what is printed and read.
    Schema(schema::Schema),
    /// Print a completion script for a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page of the program or of a command, or write all of them.
    #[command(after_help = help::MAN)]
    Man {
        /// A command.
        command: Option<String>,
        /// Write the pages of all commands into this folder.
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        dir: Option<PathBuf>,
    },
}

/// When to use colours, or to show progress.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What all commands that read captures take.
// The switches are independent of each other.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Args)]
struct InputArgs {
    /// Captures (pcap, pcapng, snoop, ERF, iptrace, Network Monitor, Ascend logs; gzip, zstd, xz, lz4, bzip2), directories, record files, or - for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Threads to use, as many as there are processors where absent; with 1, one does all, else reading, analysing and keeping records have one each.
    // The default is not shown: the pages are made on one machine and read on others.
    #[arg(short = 'j', long, value_name = "N", default_value_t = default_threads(), hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
    /// Leave out the SHA-256 of the captures.
    #[arg(long)]
    no_hash: bool,
    /// Most memory to take, about, 128MiB at least; what is beyond is left out and said, and the exit status is 3.
    #[arg(long, value_name = "SIZE", default_value_t = bytesize::ByteSize(pipeline::MAX_MEMORY), value_parser = memory)]
    max_memory: bytesize::ByteSize,
    /// Show progress on standard error.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    progress: When,
    /// Print no messages, only results.
    #[arg(short, long)]
    quiet: bool,
    /// Say on standard error what is read and how long each part takes.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Say on standard error where the time of the run went, stage by stage.
    #[arg(long)]
    timings: bool,
}

/// A bound on memory that a run can keep.
fn memory(text: &str) -> Result<bytesize::ByteSize, String> {
    let size: bytesize::ByteSize = text.parse()?;
    if size.as_u64() < pipeline::MIN_MEMORY {
        return Err(format!("a run takes at least {}", bytesize::ByteSize(pipeline::MIN_MEMORY)));
    }
    Ok(size)
}

fn default_threads() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}

/// Why a command stops; printed as one line.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Wrong usage, an unreadable rule or manifest.
    #[error("{0}")]
    Usage(String),
    /// Standard output or a report file could not be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    /// As expected.
    Clean,
    /// A finding at or above `--fail-on`, a mismatch, a bad rule, something to carve that is not there.
    Found,
    /// Nothing could be read.
    Nothing,
    /// Some input could not be read whole.
    Incomplete,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Clean => 0,
            Status::Found => 1,
            Status::Nothing => 2,
            Status::Incomplete => 3,
        })
    }
}

/// Runs the program on the arguments it was started with.
pub fn main() -> ExitCode {
    let arguments = match config::expand(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(failure) => {
            complain(&failure);
            return ExitCode::from(2);
        }
    };
    let given = std::env::args_os().len();
    let parsed = match Cli::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() && arguments.len() > given {
                // Clap names an option; that it stands in the file is not seen from that.
                say(format_args!("some options are those of the file that --config names"));
            }
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = match parsed.command {
        Command::Scan(args) => scan::run(&args),
        Command::Flows(args) => flows::run(&args),
        Command::Carve(args) => carve::run(&args),
        Command::Map(args) => map::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "exfilscan", &mut script);
            print(&script)
        }
        Command::Man { command, dir } => man(command.as_deref(), dir.as_deref()),
    };
    match outcome {
        Ok(status) => status.into(),
        // Whoever reads has seen enough: `exfilscan flows x | head` is no failure.
        Err(Failure::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(2)
        }
    }
}

/// Says why the program ends, and what was meant where that can be guessed.
fn complain(failure: &Failure) {
    let message = failure.to_string();
    say(format_args!("{}", message.trim_end()));
    if let Some(offer) = suggest::in_message(&message) {
        say(format_args!("{offer}"));
    }
}

/// Pages are made of the definition of the command line: one for the program, one for each command.
fn man(command: Option<&str>, folder: Option<&Path>) -> Result<Status, Failure> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(whole, folder)?;
        return Ok(Status::Clean);
    }
    let one = match command {
        None => whole,
        Some(name) => {
            let names = whole.get_subcommands().map(clap::Command::get_name);
            let offer = suggest::offer(name, names);
            let wrong = || Failure::Usage(format!("no command is called {}{offer}", Safe(name)));
            whole.find_subcommand(name).cloned().ok_or_else(wrong)?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(one).render(&mut page)?;
    print(&page)
}

/// Writes to standard output.
fn print(bytes: &[u8]) -> Result<Status, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(Status::Clean)
}

/// `1 capture`, `3 captures`.
fn count(n: u64, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// One message on standard error; that it cannot be written is nobody's business.
fn say(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "exfilscan: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_every_example_is_a_command() {
        let mut shown = 0;
        let mut whole = Cli::command();
        whole.build();
        for command in whole.get_subcommands().chain([&whole]) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if command.get_name() == "help" {
                continue;
            }
            let examples: Vec<&str> =
                help.lines().map(str::trim).filter(|line| line.starts_with("exfilscan ")).collect();
            assert!(!examples.is_empty(), "{}", command.get_name());
            for example in examples {
                let words = example.split(" > ").next().unwrap_or_default().split(' ');
                let parsed = Cli::try_parse_from(words);
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
                shown += 1;
            }
        }
        assert!(shown > 20);
    }
}
