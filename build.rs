//! Puts the rules of the program into a form that is read in a third of the time: the TOML files stay what they are made
//! of, a run reads the same as JSON. What is wrong with a rule is said by the tests, which read the TOML too.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match make() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).ok_or("cargo sets it");
    let (from, to) = (variable("CARGO_MANIFEST_DIR")?.join("rules"), variable("OUT_DIR")?.join("rules"));
    fs::create_dir_all(to.join("families"))?;
    for folder in ["", "families"] {
        for entry in fs::read_dir(from.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let name = path.with_extension("json");
                let name = Path::new(folder).join(name.file_name().ok_or("a file has a name")?);
                fs::write(to.join(name), convert(&path)?)?;
            }
        }
    }
    Ok(())
}

/// The same in JSON.
fn convert(path: &Path) -> Result<String, Box<dyn Error>> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let value: serde_json::Value = toml::from_str(&text).map_err(|error| wrong(&error))?;
    Ok(value.to_string())
}
