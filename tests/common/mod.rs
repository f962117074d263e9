//! Runs the program as its users do.

#![allow(dead_code, reason = "not every test file uses every helper")]

pub mod mmdb;

use serde_json::Value;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What a run gave.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The program, not yet started.
pub fn exfilscan() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exfilscan"));
    command.stdin(Stdio::null());
    command
}

/// Runs the program with these arguments.
pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    finish(&exfilscan().args(args).output().expect("the program starts"))
}

/// What an output says; output that is no UTF-8 and a death by a signal are failures of the program.
pub fn finish(output: &Output) -> Run {
    Run {
        code: output.status.code().expect("not killed by a signal"),
        out: String::from_utf8(output.stdout.clone()).expect("UTF-8"),
        err: String::from_utf8(output.stderr.clone()).expect("UTF-8"),
    }
}

/// A path below the repository.
pub fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The capture of a golden case, in whatever form.
pub fn capture(case: &str) -> PathBuf {
    let folder = root("testdata").join(case);
    let mut files = std::fs::read_dir(&folder).expect("a case").map(|entry| entry.expect("entry").path());
    files
        .find(|path| path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("capture")))
        .expect("a capture")
}

/// Whether nothing must be found in a golden case.
pub fn innocent(case: &str) -> bool {
    case.trim_start_matches("real-").starts_with("benign-")
}

/// The bytes of the capture of a golden case.
pub fn bytes(case: &str) -> Vec<u8> {
    std::fs::read(capture(case)).expect("golden capture")
}

/// The names of all golden cases.
pub fn cases() -> Vec<String> {
    let folders = std::fs::read_dir(root("testdata")).expect("testdata");
    let mut names: Vec<String> = folders
        .map(|entry| entry.expect("entry"))
        .filter(|entry| entry.path().join("case.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The JSON report of a scan with exit status 0.
pub fn report<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Value {
    let all: Vec<std::ffi::OsString> = ["scan", "--format", "json"]
        .into_iter()
        .map(Into::into)
        .chain(args.into_iter().map(|arg| arg.as_ref().to_owned()))
        .collect();
    let run = run(&all);
    assert_eq!(run.code, 0, "{all:?}: {}", run.err);
    serde_json::from_str(&run.out).expect("a JSON report")
}
