//! Records one at a time: `exfilscan flows CAPTURE... | cargo run --example stream_records`
//!
//! However long the file is, one record of it is in memory. Counts the names that TLS clients asked for.

use exfilscan::record::{Reader, Record};
use std::collections::BTreeMap;
use std::error::Error;
use std::io;

fn main() -> Result<(), Box<dyn Error>> {
    let mut reader = Reader::new(io::stdin().lock());
    let mut names: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(record) = reader.next_record()? {
        if let Record::Flow(flow) = record
            && let Some(name) = flow.tls.as_ref().and_then(|tls| tls.sni.as_ref())
        {
            *names.entry(name.to_string()).or_default() += 1;
        }
    }
    for (name, count) in &names {
        println!("{count}\t{name}");
    }
    Ok(())
}
