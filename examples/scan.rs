//! Scans captures: `cargo run --example scan -- CAPTURE...`

use exfilscan::{detect, pipeline};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let extracted = pipeline::extract(&paths, &pipeline::Options::default(), &mut |_| {});
    for problem in &extracted.problems {
        eprintln!("{}: {}", problem.path, problem.what);
    }
    let verdict = detect::detect(extracted.records, &detect::Rules::shipped()?, &detect::Options::default());
    for finding in &verdict.findings {
        println!("{:.1} {} lost: {}", finding.score, finding.victim.addr, finding.title);
    }
    Ok(())
}
