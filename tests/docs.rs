//! What the documents show is what the program does.
//!
//! Every `console` block of README.md and `docs/` is run, in order, in a folder of its document's own. In it:
//!
//! * a line `$ COMMAND` is run by `bash -o pipefail`; a line that ends with `\` goes on in the next;
//! * the lines up to the next command are what it must print, standard error included. A command without such lines may
//!   print what it likes. `...` alone on a line stands for any lines, `...` within a line for any text;
//! * the exit status must be 0, or N where the command's comment says `status N`;
//! * a command with a program that this machine lacks (of [`OPTIONAL`]) is left out, with a word.
//!
//! A block of another language with `file=NAME` behind it is written to that file first, so that later commands can read
//! it. The folder has `testdata` and `rules` of the repository, and everyday names ([`furnish`]) for commands that need
//! any capture. `curl` and `cargo` are stand-ins (`tests/docs/bin`): no document starts a build or a transfer.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` writes what was printed into the documents: of a block with one `...` line as
//! many lines before and after it as there were. Read the difference before committing it.

#![cfg(unix)]

mod common;

use common::{root, run};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that not every machine has.
const OPTIONAL: [&str; 10] =
    ["jq", "tshark", "capinfos", "zstd", "dot", "duckdb", "sha256sum", "python3", "xmllint", "man"];

/// What some programs say of their own surroundings, by its beginning: no document shows it.
const CHATTER: [&str; 2] = ["Running as user \"root\"", "tshark: Lua: Error during loading"];

/// The samples below `docs/siem/samples` and what writes them.
const SAMPLES: [(&str, &str); 5] = [
    ("ecs.ndjson", "exfilscan scan -q -f ecs testdata/vidar-2018/capture.pcap"),
    ("eve.ndjson", "exfilscan scan -q -f eve testdata/vidar-2018/capture.pcap"),
    ("ocsf.ndjson", "exfilscan scan -q -f ocsf testdata/vidar-2018/capture.pcap"),
    ("hec.ndjson", "exfilscan scan -q -f ndjson testdata/vidar-2018/capture.pcap | jq -cf docs/siem/hec.jq"),
    ("asim.json", "exfilscan scan -q -f ndjson testdata/vidar-2018/capture.pcap | jq -sf docs/siem/asim.jq"),
];

/// A command of a document and what must come of it.
#[derive(Debug)]
struct Step {
    /// Its line, from 0.
    line: usize,
    /// What the shell gets.
    text: String,
    /// The lines of the document with the output.
    shown: std::ops::Range<usize>,
}

/// What a document says, in order.
#[derive(Debug)]
enum Piece {
    /// A command.
    Run(Step),
    /// A file and what is in it.
    File(PathBuf, String),
}

/// Takes a document apart.
fn pieces(lines: &[&str]) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(info) = lines[at].strip_prefix("```").filter(|info| !info.is_empty()) else {
            at += 1;
            continue;
        };
        let start = at + 1;
        let end = start + lines[start..].iter().position(|line| *line == "```").expect("the block ends");
        let language = info.split([' ', ',']).next().unwrap_or_default();
        if language == "console" {
            console(lines, start..end, &mut found);
        } else if let Some(name) = info.split([' ', ',']).find_map(|word| word.strip_prefix("file=")) {
            found.push(Piece::File(name.into(), lines[start..end].join("\n") + "\n"));
        }
        at = end + 1;
    }
    found
}

fn console(lines: &[&str], block: std::ops::Range<usize>, found: &mut Vec<Piece>) {
    let mut at = block.start;
    while at < block.end {
        let line = at;
        let mut text =
            lines[at].strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {}", lines[at])).to_owned();
        at += 1;
        while text.ends_with('\\') && at < block.end {
            text.push('\n');
            text.push_str(lines[at]);
            at += 1;
        }
        let output = at;
        while at < block.end && !lines[at].starts_with("$ ") {
            at += 1;
        }
        found.push(Piece::Run(Step { line, text, shown: output..at }));
    }
}

/// Which exit status a command says that it has.
fn status(text: &str) -> i32 {
    let said = text.rsplit_once(" # ").and_then(|(_, comment)| comment.split_once("status "));
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    said.map_or(0, |(_, rest)| digits(rest).parse().expect("a number after `status`"))
}

/// Whether lines are as shown.
fn fits(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((&"...", rest)) => (0..=printed.len()).any(|skip| fits(rest, &printed[skip..])),
        Some((line, rest)) => {
            printed.split_first().is_some_and(|(first, others)| line_fits(line, first) && fits(rest, others))
        }
    }
}

fn line_fits(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (shown.trim_end(), printed.trim_end());
    let parts: Vec<&str> = shown.split("...").collect();
    let [first, middle @ .., last] = &parts[..] else { return shown == printed };
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// What a document should show: as much of the output as it did.
fn abridged(shown: &[&str], printed: &[&str]) -> Vec<String> {
    let own = |lines: &[&str]| lines.iter().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    match shown.iter().position(|line| *line == "...") {
        Some(at) if shown.len() - 1 < printed.len() => {
            let tail = shown.len() - at - 1;
            [own(&printed[..at]), vec!["...".to_owned()], own(&printed[printed.len() - tail..])].concat()
        }
        _ => own(printed),
    }
}

/// The documents.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root("README.md")];
    let mut open = vec![root("docs")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The programs that a document's commands find first.
fn programs(folder: &Path) -> OsString {
    let bin = folder.join("bin");
    fs::create_dir(&bin).expect("a folder");
    symlink(env!("CARGO_BIN_EXE_exfilscan"), bin.join("exfilscan")).expect("a link");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let all = [bin, root("tests/docs/bin")].into_iter().chain(std::env::split_paths(&paths));
    std::env::join_paths(all).expect("a search path")
}

/// Whether a program is on the search path.
fn there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|path| path.join(program).is_file())
}

/// Where `cargo test` puts the examples.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_exfilscan")).with_file_name("examples")
}

/// A program that a command needs and this machine lacks.
fn lacking(text: &str) -> Option<&str> {
    let example = text.split("--example ").nth(1).and_then(|rest| rest.split_whitespace().next());
    if let Some(example) = example.filter(|example| !examples().join(example).is_file()) {
        return Some(example);
    }
    let between = |c: char| !(c.is_alphanumeric() || "-_./".contains(c));
    OPTIONAL.into_iter().find(|tool| text.split(between).any(|word| word == *tool) && !there(tool))
}

/// Runs a command. Its exit status and what it printed.
fn shell(text: &str, folder: &Path, search_path: &OsString) -> (i32, String) {
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &format!("exec 2>&1\n{text}")])
        .current_dir(folder)
        .env("PATH", search_path)
        .env("EXAMPLES", examples())
        .envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("NO_COLOR", "1"), ("TERM", "dumb")])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("bash");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn gzip(from: &Path, to: &Path) {
    let mut coder =
        flate2::write::GzEncoder::new(fs::File::create(to).expect("a file"), flate2::Compression::fast());
    coder.write_all(&fs::read(from).expect("a capture")).expect("written");
    coder.finish().expect("written");
}

/// Makes the working folder of a document.
fn furnish(folder: &Path) {
    for name in ["testdata", "rules", "docs"] {
        symlink(root(name), folder.join(name)).expect("a link");
    }
    let case = |name: &str| root("testdata").join(name).join("capture.pcap");
    for name in ["day", "lab", "reports", "cases"] {
        fs::create_dir(folder.join(name)).expect("a folder");
    }
    for name in ["capture.pcapng", "a.pcapng", "lab.pcap", "lab/one.pcap"] {
        fs::copy(case("vidar-2018"), folder.join(name)).expect("copied");
    }
    for (name, from) in [("08", "vidar-2018"), ("09", "benign-ntp"), ("10", "lokibot")] {
        gzip(&case(from), &folder.join(format!("day/{name}.pcap.gz")));
    }
    gzip(&case("amadey"), &folder.join("day3.pcap.gz"));
    for name in ["lokibot", "benign-ntp"] {
        let to = folder.join("cases").join(name);
        fs::create_dir(&to).expect("a folder");
        for file in ["case.toml", "capture.pcap"] {
            fs::copy(root("testdata").join(name).join(file), to.join(file)).expect("copied");
        }
    }
    for (report, of) in [("report.json", folder.join("day")), ("reports/1.json", case("vidar-2018"))] {
        let file = folder.join(report);
        let done = run([OsString::from("scan"), "-fjson".into(), "-q".into(), of.into()]);
        fs::write(file, done.out).expect("written");
    }
    let own = "[[allow]]\nname = \"backup.example\"\nreason = \"our backup\"\n";
    fs::write(folder.join("ours.toml"), own).expect("written");
    fs::write(folder.join("exfilscan.toml"), "threads = 1\n").expect("written");
    fs::write(folder.join("feed.csv"), "ip,comment\n203.0.113.22,listed\n").expect("written");
    fs::write(folder.join("country.mmdb"), places()).expect("written");
    fs::create_dir(folder.join("captures")).expect("a folder");
    fs::copy(case("lokibot"), folder.join("captures/one.pcap")).expect("copied");
    let manifest = "[[case]]\nname = \"one\"\ncapture = \"one.pcap\"\nexpect = \"none\"\n";
    fs::write(folder.join("captures/manifest.toml"), manifest).expect("written");
}

/// A database of places in MaxMind's format (version 2) that knows no place: one node, both of whose ways end.
fn places() -> Vec<u8> {
    const STRING: u8 = 2 << 5;
    const UINT16: u8 = 5 << 5;
    const UINT32: u8 = 6 << 5;
    const MAP: u8 = 7 << 5;
    // The types above seven say 0 and, in a second byte, how much above.
    let (uint64, array) = ([1, 2, 1], [0, 4]);
    let text = |text: &str| [&[STRING | text.len() as u8], text.as_bytes()].concat();
    let entries: [(&str, Vec<u8>); 9] = [
        ("node_count", vec![UINT32 | 1, 1]),
        ("record_size", vec![UINT16 | 1, 24]),
        ("ip_version", vec![UINT16 | 1, 6]),
        ("database_type", text("Nowhere-Country")),
        ("languages", array.to_vec()),
        ("binary_format_major_version", vec![UINT16 | 1, 2]),
        ("binary_format_minor_version", vec![UINT16]),
        ("build_epoch", uint64.to_vec()),
        ("description", vec![MAP]),
    ];
    let tree = [0, 0, 1, 0, 0, 1].into_iter().chain([0; 16]);
    let mut file: Vec<u8> =
        tree.chain(*b"\xab\xcd\xefMaxMind.com").chain([MAP | entries.len() as u8]).collect();
    for (key, value) in &entries {
        file.extend([&text(key)[..], value].concat());
    }
    file
}

/// Runs a document. Commands that failed, those that print something else than is shown, and the document as it should
/// be.
fn play(path: &Path) -> (Vec<String>, Vec<String>, String) {
    let text = fs::read_to_string(path).expect("a document");
    let lines: Vec<&str> = text.lines().collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path_variable = programs(folder.path());
    let work = folder.path().join("work");
    fs::create_dir(&work).expect("a folder");
    furnish(&work);
    let mut failed = Vec::new();
    let mut changed = Vec::new();
    let mut mended: Vec<String> = Vec::new();
    let mut copied = 0;
    for piece in pieces(&lines) {
        let step = match piece {
            Piece::Run(step) => step,
            Piece::File(name, content) => {
                let file = work.join(name);
                fs::create_dir_all(file.parent().expect("a folder")).expect("made");
                fs::write(file, content).expect("written");
                continue;
            }
        };
        let place = format!("{}:{}", path.strip_prefix(root("")).unwrap_or(path).display(), step.line + 1);
        if let Some(lacking) = lacking(&step.text) {
            eprintln!("left out: {place}: no {lacking} here: {}", step.text);
            continue;
        }
        let (code, printed) = shell(&step.text, &work, &path_variable);
        let printed: Vec<&str> =
            printed.lines().filter(|line| !CHATTER.iter().any(|start| line.starts_with(start))).collect();
        if code != status(&step.text) {
            failed.push(format!("{place}: status {code}: $ {}\n{}", step.text, printed.join("\n")));
            continue;
        }
        let shown = &lines[step.shown.clone()];
        if !shown.is_empty() && !fits(shown, &printed) {
            changed.push(format!("{place}: $ {} prints\n{}", step.text, printed.join("\n")));
            mended.extend(lines[copied..step.shown.start].iter().map(|line| (*line).to_owned()));
            mended.extend(abridged(shown, &printed));
            copied = step.shown.end;
        }
    }
    mended.extend(lines[copied..].iter().map(|line| (*line).to_owned()));
    (failed, changed, mended.join("\n") + "\n")
}

/// The slug of a heading, as mdBook and GitHub make it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect::<String>().replace(' ', "-")
}

/// The slugs of the headings of a document.
fn headings(file: &Path) -> impl Iterator<Item = String> {
    let text = fs::read_to_string(file).expect("a document");
    let named = |line: &str| line.starts_with('#').then(|| slug(line.trim_start_matches('#')));
    text.lines().filter_map(named).collect::<Vec<_>>().into_iter()
}

fn updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

#[test]
fn every_command_prints_what_the_document_shows() {
    let documents = documents();
    let only = std::env::var("ONLY_DOCS").unwrap_or_default();
    let mut wrong = samples();
    for path in documents.iter().filter(|path| path.to_string_lossy().contains(&only)) {
        let (failed, changed, mended) = play(path);
        wrong.extend(failed);
        if !updating() {
            wrong.extend(changed);
        } else if !changed.is_empty() {
            fs::write(path, mended).expect("written");
            eprintln!("mended: {}\n", changed.join("\n\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What turns findings into events of others does so for findings of any kind.
#[test]
fn every_finding_becomes_an_event() {
    if lacking("jq").is_some() {
        eprintln!("left out: no jq here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let search_path = programs(folder.path());
    let list = folder.path().join("findings.ndjson").display().to_string();
    let count = |command: &str| {
        let (code, printed) = shell(command, &root(""), &search_path);
        assert_eq!(code, 0, "{command}: {printed}");
        printed.trim().parse::<u64>().unwrap_or_else(|_| panic!("{command}: {printed}"))
    };
    let findings = count(&format!(
        "exfilscan scan -q -f ndjson testdata/*/capture.pcap* > {list}; jq -c 'select(.type == \"finding\")' {list} | grep -c ''"
    ));
    assert!(findings > 10, "{findings}");
    assert_eq!(
        count(&format!(
            "jq -cf docs/siem/hec.jq {list} | jq -s 'map(.event | select(.src and .dest and .signature)) | length'"
        )),
        findings
    );
    assert_eq!(
        count(&format!(
            "jq -sf docs/siem/asim.jq {list} | jq 'map(select(.SrcIpAddr and .DstIpAddr and .EventOriginalUid)) | length'"
        )),
        findings
    );
}

/// Which samples are not what the program writes today.
fn samples() -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let search_path = programs(folder.path());
    let mut wrong = Vec::new();
    for (name, command) in SAMPLES {
        if let Some(lacking) = lacking(command) {
            eprintln!("left out: {name}: no {lacking} here");
            continue;
        }
        let (code, printed) = shell(command, &root(""), &search_path);
        let file = root("docs/siem/samples").join(name);
        if code != 0 {
            wrong.push(format!("{command}: status {code}: {printed}"));
        } else if updating() {
            fs::write(file, printed).expect("written");
        } else if fs::read_to_string(&file).unwrap_or_default() != printed {
            wrong.push(format!("{} is not what the program writes now: UPDATE_DOCS=1", file.display()));
        }
    }
    wrong
}

/// A chapter that the table of contents lacks is in no book, and a link that leads nowhere helps nobody.
#[test]
fn every_chapter_is_in_the_book_and_every_link_leads_somewhere() {
    let contents = fs::read_to_string(root("docs/SUMMARY.md")).expect("a table of contents");
    let mut wrong = Vec::new();
    for path in documents() {
        let folder = path.parent().expect("a folder");
        if let Ok(chapter) = path.strip_prefix(root("docs")) {
            let link = format!("({})", chapter.display());
            if chapter != Path::new("SUMMARY.md") && !contents.contains(&link) {
                wrong.push(format!("{} is not in docs/SUMMARY.md", chapter.display()));
            }
        }
        let text = fs::read_to_string(&path).expect("a document");
        // What only installs or builds may stand where it is not run; the program's own commands may not.
        for block in text.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            if block.lines().any(|line| line.starts_with("exfilscan ")) {
                wrong.push(format!("{}: a command that is not run: {block}", path.display()));
            }
        }
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { folder.join(file) };
            let there = target.contains("://")
                || file.exists() && (heading.is_empty() || headings(&file).any(|name| name == heading));
            if !there {
                wrong.push(format!("{}: {target} leads nowhere", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ellipses_stand_for_what_is_left_out_and_for_nothing_else() {
    assert!(fits(&["a", "...", "d"], &["a", "b", "c", "d"]));
    assert!(fits(&["a", "..."], &["a"]));
    assert!(!fits(&["a", "...", "d"], &["a", "d", "e"]));
    assert!(!fits(&["a"], &["a", "b"]));
    assert!(line_fits("read 1 capture in ... s", "read 1 capture in 0.02 s"));
    assert!(line_fits("a...b...c", "a1b2c") && !line_fits("a...b...c", "a1c2b"));
    assert!(!line_fits("read 1 capture", "read 2 captures"));
    assert_eq!(status("exfilscan x # for CI: status 1 when"), 1);
    assert_eq!(status("echo 'status 2'"), 0);
    assert_eq!(abridged(&["x", "...", "y"], &["1", "2", "3"]), ["1", "...", "3"]);
}
