//! A format of one's own: `cargo run --example own_exporter -- CAPTURE...`
//!
//! One line for each finding, for a program that reads lines. An exporter adds nothing to a verdict and takes nothing away;
//! what comes out of a capture is hostile and goes through [`Safe`].

use exfilscan::detect::finding::Level;
use exfilscan::detect::{self, Rules};
use exfilscan::pipeline;
use exfilscan::report::{Exporter, Report, Safe};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;

struct Lines;

impl Exporter for Lines {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        for finding in report.findings() {
            let file = finding.evidence.first().and_then(|evidence| report.capture(evidence.capture));
            let file = file.map_or("", |capture| capture.path.as_str());
            writeln!(out, "{}\t{:.1}\t{}\t{}", finding.id, finding.score, Safe(file), Safe(&finding.title))?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let records = pipeline::extract(&paths, &pipeline::Options::default(), &mut |_| {}).records;
    let rules = Rules::shipped()?;
    let verdict = detect::detect(records.clone(), &rules, &detect::Options::default());
    let report =
        Report { records: &records, verdict: &verdict, level: Level::Medium, rules_digest: rules.digest() };
    Lines.export(&report, &mut io::stdout().lock())?;
    Ok(())
}
