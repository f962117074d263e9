//! `exfilscan map`: the findings of many captures and reports as one picture.

use super::scan::{Detection, Means};
use super::timings::{Stage, Timings};
use super::{Failure, InputArgs, Status, inputs, say};
use crate::detect::finding::Level;
use crate::map::{self, Picture, Run};
use crate::report::{Exporter as _, Json, Report, Safe};
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Options of `map`.
#[derive(Debug, Args)]
#[command(after_help = super::help::MAP)]
pub struct Map {
    #[command(flatten)]
    input: InputArgs,
    /// What goes to standard output.
    #[arg(short, long, value_enum, default_value_t)]
    format: Form,
    /// Write another form to a file as well; repeatable.
    #[arg(short, long, value_name = "FORM=FILE", value_parser = output)]
    output: Vec<(Form, PathBuf)>,
    /// In the list of what to take down, write addresses and names so that nobody follows them by accident.
    #[arg(long)]
    defang: bool,
    #[command(flatten)]
    detection: Detection,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For a reader.
    #[default]
    Text,
    /// All of it.
    Json,
    /// A page with a drawing, for an analyst.
    Html,
    /// A graph for Graphviz.
    Dot,
    /// A graph for other programs.
    Graphml,
    /// What to take down, as CSV.
    Takedown,
    /// Whom to tell, as CSV.
    Victims,
}

fn output(text: &str) -> Result<(Form, PathBuf), String> {
    let (form, file) = text.split_once('=').ok_or("expected FORM=FILE")?;
    Ok((Form::from_str(form, false)?, PathBuf::from(file)))
}

/// Runs the command.
pub fn run(args: &Map) -> Result<Status, Failure> {
    Timings::of(&args.input, |timings| join(args, timings))
}

fn join(args: &Map, timings: &mut Timings) -> Result<Status, Failure> {
    let means = timings.time(Stage::Rules, || args.detection.load(args.input.quiet))?;
    let mut runs = Vec::new();
    let mut status = Status::Clean;
    let (mut paths, unseen) = files(&args.input.paths);
    paths.sort();
    for (path, error) in unseen {
        say(format_args!("{}: {error}", Safe(&path.to_string_lossy())));
        status = Status::Incomplete;
    }
    for path in &paths {
        match one(path, args, &means, timings)? {
            (Some(run), own) => {
                runs.push(run);
                status = status.max(own);
            }
            (None, _) => status = Status::Incomplete,
        }
    }
    if runs.is_empty() {
        return Ok(Status::Nothing);
    }
    timings.time(Stage::Writing, || draw(args, &map::picture(&runs, means.rules.services())))?;
    Ok(status)
}

/// Writes the picture in all forms that were asked for.
fn draw(args: &Map, picture: &Picture) -> io::Result<()> {
    for (form, path) in &args.output {
        let mut file = BufWriter::new(File::create(path)?);
        write(picture, *form, args.defang, &mut file)?;
        file.flush()?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    write(picture, args.format, args.defang, &mut out)?;
    out.flush()
}

fn write(picture: &Picture, form: Form, defang: bool, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Form::Text => map::text(picture, out),
        Form::Json => {
            serde_json::to_writer_pretty(&mut *out, picture)?;
            writeln!(out)
        }
        Form::Html => map::page(picture, out),
        Form::Dot => map::dot(picture, out),
        Form::Graphml => map::graphml(picture, out),
        Form::Takedown => map::takedown(picture, defang, out),
        Form::Victims => map::victims(picture, out),
    }
}

/// The files of these paths; those below folders as well. Links to folders are not followed.
fn files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<(PathBuf, io::Error)>) {
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    let mut open = paths.to_vec();
    while let Some(path) = open.pop() {
        if !path.is_dir() {
            found.push(path);
            continue;
        }
        match std::fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => {
                let real = entries
                    .into_iter()
                    .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
                open.extend(real.map(|entry| entry.path()));
            }
            Err(error) => failed.push((path, error)),
        }
    }
    (found, failed)
}

/// One input: a report as it is, anything else scanned. None where it could not be read, which is said.
fn one(
    path: &Path,
    args: &Map,
    means: &Means,
    timings: &mut Timings,
) -> Result<(Option<Run>, Status), Failure> {
    if begins_like_json(path)
        && let Ok(run) = File::open(path)
            .map(BufReader::new)
            .map_err(|_| ())
            .and_then(|file| Run::of_report(file).map_err(|_| ()))
    {
        return Ok((Some(run), Status::Clean));
    }
    let (mut extracted, status) = inputs::read_these(&args.input, &[path.to_owned()], timings);
    if status == Status::Nothing {
        return Ok((None, status));
    }
    let verdict = args.detection.detect(&mut extracted, means, args.input.threads, timings);
    let report = Report {
        records: &extracted.records,
        verdict: &verdict,
        level: Level::Low,
        rules_digest: means.rules.digest(),
    };
    // The same way as a report that was written and read again.
    let mut text = Vec::new();
    Json.export(&report, &mut text)?;
    let run = Run::of_report(&*text).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok((Some(run), status))
}

fn begins_like_json(path: &Path) -> bool {
    let mut first = [0; 1];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok() && first == *b"{"
}
