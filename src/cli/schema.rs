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

/// Where schemas are named; none is fetched from there.
const NAMESPACE: &str = "urn:exfilscan:schema";

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

impl Of {
    /// Name and version of the schema. The version goes up with every change that a reader of the old form would stumble
    /// over; `tests/schema.rs` holds each version to its form.
    const fn version(self) -> (&'static str, u32) {
        match self {
            Self::Report => ("report", 1),
            Self::Finding => ("finding", 1),
            Self::Record => ("record", 1),
            Self::Rule => ("rule", 1),
            Self::Manifest => ("manifest", 1),
            Self::Map => ("map", 1),
            Self::Allow => ("allow", 1),
            Self::Config => ("config", 1),
        }
    }
}

/// Runs the command.
pub fn run(args: &Schema) -> Result<Status, Failure> {
    let mut schema = match args.of {
        Of::Report => schema_for!(Document),
        Of::Finding => schema_for!(Finding),
        Of::Record => schema_for!(Record),
        Of::Rule => families::schema(),
        Of::Manifest => schema_for!(Manifest),
        Of::Map => schema_for!(Picture),
        Of::Allow => schema_for!(Allow),
        Of::Config => schema_for!(Config),
    };
    let (name, version) = args.of.version();
    schema.insert("$id".to_owned(), format!("{NAMESPACE}:{name}:{version}").into());
    let mut text = serde_json::to_string_pretty(&schema).map_err(std::io::Error::from)?;
    text.push('\n');
    print(text.as_bytes())
}
