//! `exfilscan.toml`: options of `scan` in a file, named with `--config`. The command line wins.
//!
//! Each key is a long option of `scan`. The file is turned into arguments in front of those that were given, so that
//! there is one definition of what an option may be.

use super::Failure;
use crate::report::Safe;
use schemars::JsonSchema;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The file. Paths in it are taken from the folder it is in.
// As on the command line, the switches are independent of each other.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Threads to use.
    threads: Option<u32>,
    /// Most memory to take, such as `2GiB`.
    max_memory: Option<String>,
    /// Leave out the SHA-256 of the captures.
    no_hash: bool,
    /// When to show progress: `auto`, `always`, `never`.
    progress: Option<String>,
    /// Print no messages.
    quiet: bool,
    /// Say what is done.
    verbose: bool,
    /// Say where the time of the run went.
    timings: bool,
    /// What goes to standard output.
    format: Option<String>,
    /// Reports to write to files, by format.
    output: std::collections::BTreeMap<String, PathBuf>,
    /// Least level shown.
    level: Option<String>,
    /// Level from which the exit status is 1.
    fail_on: Option<String>,
    /// When to use colours: `auto`, `always`, `never`.
    color: Option<String>,
    /// No family rule speaks.
    behaviour_only: bool,
    /// Files and folders of family rules to add.
    rules: Vec<PathBuf>,
    /// Drop the shipped family rules.
    no_default_rules: bool,
    /// Allow-lists.
    allow: Vec<PathBuf>,
    /// Networks that are ours.
    internal: Vec<String>,
    /// Lists of indicators.
    indicators: Vec<PathBuf>,
    /// Databases of places.
    mmdb: Vec<PathBuf>,
    /// Marking of what is shared: `clear`, `green`, `amber`, `red`.
    tlp: Option<String>,
}

/// The arguments with those of the file that `--config` names in front, where `scan` is the command.
pub fn expand(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    if arguments.get(1).is_some_and(|command| command == "scan")
        && let Some(path) = named(&arguments[2..])
    {
        let config = read(&path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        arguments.splice(2..2, config.arguments(folder));
    }
    Ok(arguments)
}

/// The file that the last `--config` names.
fn named(arguments: &[OsString]) -> Option<PathBuf> {
    let mut found = None;
    let mut rest = arguments.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = rest.next() {
        if argument == "--config" {
            found = rest.next().map(PathBuf::from);
        } else if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            found = Some(PathBuf::from(path));
        }
    }
    found
}

fn read(path: &Path) -> Result<Config, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", Safe(&path.to_string_lossy())));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    toml::from_str(&text).map_err(|error| wrong(&error))
}

impl Config {
    fn arguments(&self, folder: &Path) -> Vec<OsString> {
        let mut list = Vec::new();
        let mut put = |name: &str, value: &OsStr| {
            let mut argument = OsString::from(format!("--{name}="));
            argument.push(value);
            list.push(argument);
        };
        let threads = self.threads.map(|n| n.to_string());
        for (name, value) in [
            ("threads", &threads),
            ("max-memory", &self.max_memory),
            ("progress", &self.progress),
            ("format", &self.format),
            ("level", &self.level),
            ("fail-on", &self.fail_on),
            ("color", &self.color),
            ("tlp", &self.tlp),
        ] {
            if let Some(value) = value {
                put(name, value.as_ref());
            }
        }
        for (format, path) in &self.output {
            let mut value = OsString::from(format!("{format}="));
            value.push(folder.join(path));
            put("output", &value);
        }
        self.rules.iter().for_each(|path| put("rules", folder.join(path).as_os_str()));
        for (name, paths) in [("indicators", &self.indicators), ("mmdb", &self.mmdb)] {
            for path in paths {
                put(name, folder.join(path).as_os_str());
            }
        }
        self.allow.iter().for_each(|path| put("allow", folder.join(path).as_os_str()));
        self.internal.iter().for_each(|network| put("internal", network.as_ref()));
        for (name, set) in [
            ("--no-hash", self.no_hash),
            ("--quiet", self.quiet),
            ("--verbose", self.verbose),
            ("--timings", self.timings),
            ("--behaviour-only", self.behaviour_only),
            ("--no-default-rules", self.no_default_rules),
        ] {
            if set {
                list.push(name.into());
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_file_comes_before_the_command_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("exfilscan.toml");
        let text = "level = 'high'\nfail-on = 'medium'\nquiet = true\nallow = ['mine.toml']\noutput = { json = 'r.json' }\n";
        std::fs::write(&path, text).expect("written");
        let given = format!("exfilscan scan --config {} --level low x.pcap", path.display());
        let all = expand(words(&given)).expect("a file");
        let allow = format!("--allow={}", folder.path().join("mine.toml").display());
        let output = format!("--output=json={}", folder.path().join("r.json").display());
        let expected = ["exfilscan", "scan", "--level=high", "--fail-on=medium", &output, &allow, "--quiet"];
        assert_eq!(all[..7], expected.map(OsString::from));
        assert_eq!(all[7..], words(&given)[2..]);
    }

    #[test]
    fn every_option_is_a_key_and_every_key_is_documented() {
        use clap::CommandFactory as _;
        let mut whole = crate::cli::Cli::command();
        whole.build();
        let scan = whole.find_subcommand("scan").expect("a command");
        let options = scan.get_arguments().filter_map(clap::Arg::get_long);
        let options: Vec<&str> =
            options.filter(|name| !["config", "help", "version"].contains(name)).collect();
        let schema = serde_json::to_value(schemars::schema_for!(Config)).expect("JSON");
        let keys: Vec<&String> = schema["properties"].as_object().expect("keys").keys().collect();
        let document = include_str!("../../docs/config.md");
        for name in &options {
            assert!(keys.iter().any(|key| key == name), "--{name} is no key");
            assert!(document.contains(&format!("| `{name}` |")), "{name} is not documented");
        }
        assert_eq!(keys.len(), options.len(), "{keys:?}");
    }

    #[test]
    fn no_file_is_read_that_is_not_named() {
        for given in ["exfilscan scan x.pcap", "exfilscan flows --config y x", "exfilscan scan -- --config"] {
            assert_eq!(expand(words(given)).expect("as it was"), words(given));
        }
        assert!(expand(words("exfilscan scan --config=/nowhere/x.toml y")).is_err());
    }

    #[test]
    fn a_misspelt_key_is_named_with_those_there_are() {
        let error = toml::from_str::<Config>("fomat = 'json'").expect_err("wrong").to_string();
        assert!(error.contains("fomat") && error.contains("`format`"), "{error}");
    }
}
