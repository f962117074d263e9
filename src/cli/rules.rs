//! `exfilscan rules`: what is in force, and whether one's own holds.

use super::{Failure, Status, print, say, suggest};
use crate::detect::families::{FamilyRule, Index, Scene};
use crate::detect::{self, ChannelIx, Rules, families};
use crate::pipeline;
use crate::report::Safe;
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Options of `rules`.
#[derive(Debug, Args)]
#[command(after_help = super::help::RULES)]
pub struct RulesArgs {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every signal and family rule, a line each.
    List,
    /// One signal or family rule in full.
    Show {
        /// Its id.
        id: String,
    },
    /// Check family rules of one's own (the shipped ones without FILE): each must be read, name a test case, and
    /// speak about the capture that this is.
    Check {
        /// TOML files.
        files: Vec<PathBuf>,
    },
}

/// Runs the command.
pub fn run(args: &RulesArgs) -> Result<Status, Failure> {
    match &args.command {
        What::List => print(list(&shipped()?).as_bytes()),
        What::Show { id } => {
            let rules = shipped()?;
            let Some(text) = show(&rules, id) else {
                let known = rules.signals().signal.keys().chain(rules.families().iter().map(|rule| &rule.id));
                let offer = suggest::offer(id, known.map(String::as_str));
                let what = format!("no signal or rule {}{offer}", Safe(id));
                return Err(Failure::Usage(format!("{what}; see `exfilscan rules list`")));
            };
            print(text.as_bytes())
        }
        What::Check { files } => check(files),
    }
}

fn shipped() -> Result<Rules, Failure> {
    Rules::shipped().map_err(|error| Failure::Usage(error.to_string()))
}

fn list(rules: &Rules) -> String {
    let mut text = String::new();
    for (id, signal) in &rules.signals().signal {
        let _ = writeln!(text, "signal  {:>5.1}  {id:32} {}", signal.weight, signal.about);
    }
    for rule in rules.families() {
        let _ = writeln!(text, "family  {:>5.1}  {:32} {}", rule.weight, rule.id, rule.name);
    }
    text
}

fn show(rules: &Rules, id: &str) -> Option<String> {
    let mut text = String::new();
    if let Some(signal) = rules.signals().signal.get(id) {
        let cap = rules.signals().groups.get(&signal.group);
        let cap = cap.map(|cap| format!(", which adds {cap:.1} at most")).unwrap_or_default();
        let _ = writeln!(text, "{id}: {}\n", signal.about);
        let _ = writeln!(
            text,
            "weight     {:.1} decibans at full strength; group {}{cap}",
            signal.weight, signal.group
        );
        let _ = writeln!(text, "reason     {}", signal.reason);
        let _ = writeln!(text, "not proof  {}", signal.not_proof);
        let _ = writeln!(text, "att&ck     {}", signal.attack.join(", "));
        return Some(text);
    }
    let rule = rules.families().iter().find(|rule| rule.id == id)?;
    let software = rule.software.as_ref().map(|id| format!(" (ATT&CK {id})")).unwrap_or_default();
    let _ = writeln!(text, "{id}: {}{software}\n", rule.name);
    let _ = writeln!(text, "weight     {:.1} decibans at full strength", rule.weight);
    let _ = writeln!(text, "source     {}", rule.source);
    let _ = writeln!(text, "shown by   {}", rule.test.as_deref().unwrap_or("no test case"));
    let _ = writeln!(text, "not proof  {}", rule.not_proof);
    let _ = writeln!(text, "att&ck     {}", rule.attack.join(", "));
    if !rule.also.is_empty() {
        let _ = writeln!(text, "fits also  {}", rule.also.join(", "));
    }
    Some(text)
}

fn check(files: &[PathBuf]) -> Result<Status, Failure> {
    if files.is_empty() {
        let rules = shipped()?;
        let mut status = Status::Clean;
        for rule in rules.families().iter().filter(|rule| rule.test.is_none()) {
            say(format_args!("rule `{}`: names no test case (`test`)", rule.id));
            status = Status::Found;
        }
        if status == Status::Found {
            return Ok(status);
        }
        return print(
            format!(
                "{} signals, {} family rules: good\n",
                rules.signals().signal.len(),
                rules.families().len()
            )
            .as_bytes(),
        );
    }
    let mut status = Status::Clean;
    for path in files {
        let name = path.to_string_lossy();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("{}: {error}", Safe(&name))))?;
        match families::parse(&text, &name) {
            Ok(rules) => {
                let weights = shipped()?;
                let folder = path.parent().unwrap_or_else(|| Path::new(""));
                let wrong = rules.iter().filter_map(|rule| Some((rule, untested(rule, folder, &weights)?)));
                let mut good = true;
                for (rule, what) in wrong {
                    say(format_args!("{}: rule `{}`: {}", Safe(&name), Safe(&rule.id), Safe(&what)));
                    good = false;
                }
                if good {
                    print(format!("{}: {} rules: good\n", Safe(&name), rules.len()).as_bytes())?;
                } else {
                    status = Status::Found;
                }
            }
            Err(error) => {
                let message = error.to_string();
                say(format_args!("{}", Safe(&message)));
                if let Some(offer) = suggest::in_message(&message) {
                    say(format_args!("{offer}"));
                }
                status = Status::Found;
            }
        }
    }
    Ok(status)
}

/// What a rule's test case lacks; nothing where the rule speaks about the capture.
fn untested(rule: &FamilyRule, folder: &Path, weights: &Rules) -> Option<String> {
    let Some(test) = rule.test.as_deref() else {
        return Some(
            "names no test case: `test = \"example.pcap\"`, a capture or records beside the file".to_owned(),
        );
    };
    // Shipped rules name a test of the program, which the program's own tests hold them to.
    if weights.families().iter().any(|own| own.id == rule.id && own.test.as_deref() == Some(test)) {
        return None;
    }
    let capture = folder.join(test);
    if !capture.is_file() {
        return Some(format!("its test case {test} is no file beside the rule's"));
    }
    let options = pipeline::Options { threaded: false, hash: false, ..pipeline::Options::default() };
    let extracted = pipeline::extract(&[capture], &options, &mut |_| {});
    if let Some(problem) = extracted.problems.first() {
        return Some(format!("its test case {test}: {}", problem.what));
    }
    let ledger = detect::fold(extracted.records, weights, &detect::Options::default());
    let index = Index::new(std::slice::from_ref(rule));
    let scene = Scene::new(&ledger, &index);
    let speaks = (0..ledger.channels.len()).any(|at| !scene.statements(ChannelIx(at)).is_empty());
    (!speaks).then(|| format!("says nothing about its test case {test}"))
}
