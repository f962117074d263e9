//! `exfilscan flows`: the records.

use super::timings::{Stage, Timings};
use super::{Failure, InputArgs, Status, inputs};
use crate::record::Writer;
use clap::{Args, builder::PossibleValuesParser};
use std::io::{self, BufWriter};

/// Options of `flows`.
#[derive(Debug, Args)]
#[command(after_help = super::help::FLOWS)]
pub struct Flows {
    #[command(flatten)]
    input: InputArgs,
    /// The form of the records.
    #[arg(short, long, default_value = "ndjson", value_parser = PossibleValuesParser::new(["ndjson"]))]
    format: String,
}

/// Bytes gathered before they are written: records are long lines.
const BUFFER: usize = 1 << 18;

/// Runs the command.
pub fn run(args: &Flows) -> Result<Status, Failure> {
    Timings::of(&args.input, |timings| {
        let (extracted, read) = inputs::read_records(&args.input, timings);
        if read != Status::Nothing {
            timings.time(Stage::Writing, || {
                Writer::new(BufWriter::with_capacity(BUFFER, io::stdout().lock())).write(&extracted.records)
            })?;
        }
        Ok(read)
    })
}
