//! `exfilscan schema`: JSON Schema 2020-12 of what is printed and read.

use super::{Failure, Status, config::Config, print, verify::Manifest};
use crate::detect::allow::Allow;
use crate::detect::families;
use crate::detect::finding::Finding;
use crate::map::Picture;
use crate::record::Record;
use crate::report::Document;
use clap::{Args, ValueEnum};
use schemars::schema_for;

/// Options of `schema`.
#[derive(Debug, Args)]
#[command(after_help = super::help::SCHEMA)]
pub struct Schema {
    /// Of what.
    #[arg(value_enum, default_value_t = Of::Report)]
    of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Of {
    /// The document of `scan --format json`.
    Report,
    /// One finding.
    Finding,
    /// One line of `flows`.
    Record,
    /// A file of family rules.
    Rule,
    /// A manifest of `verify`.
    Manifest,
    /// The picture of `map --format json`.
    Map,
    /// An allow-list.
    Allow,
    /// `exfilscan.toml`.
    Config,
}

/// Runs the command.
pub fn run(args: &Schema) -> Result<Status, Failure> {
    let schema = match args.of {
        Of::Report => schema_for!(Document),
        Of::Finding => schema_for!(Finding),
        Of::Record => schema_for!(Record),
        Of::Rule => families::schema(),
        Of::Manifest => schema_for!(Manifest),
        Of::Map => schema_for!(Picture),
        Of::Allow => schema_for!(Allow),
        Of::Config => schema_for!(Config),
    };
    let mut text = serde_json::to_string_pretty(&schema).map_err(std::io::Error::from)?;
    text.push('\n');
    print(text.as_bytes())
}
