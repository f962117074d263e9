//! Writes the golden cases of `testdata/`: for each a folder with `capture.pcap` and `case.toml`.
//!
//! ```text
//! cargo run --example make_testdata            # all into testdata/
//! cargo run --example make_testdata -- --check # exit 1 if a committed file differs from what would be written
//! ```

// A generator is read more often than it is run: texts are put together where they are needed.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod cases;
mod net;
mod quic;
mod tls;
mod web;

use std::path::Path;
use std::{fs, process};

fn main() {
    let check = std::env::args().any(|arg| arg == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut stale = 0;
    for case in cases::all() {
        let mut wire = net::Net::new();
        (case.wire)(&mut wire);
        let folder = root.join(case.name);
        for (name, bytes) in [("capture.pcap", wire.pcap()), ("case.toml", case.manifest().into_bytes())] {
            let path = folder.join(name);
            let same = fs::read(&path).is_ok_and(|old| old == bytes);
            if check && !same {
                eprintln!("{}: not what the generator writes", path.display());
                stale += 1;
            } else if !check && !same {
                fs::create_dir_all(&folder).expect("testdata can be written");
                fs::write(&path, bytes).expect("testdata can be written");
            }
        }
    }
    process::exit(i32::from(stale > 0));
}
