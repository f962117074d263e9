//! A look of one's own at what was read: `cargo run --example own_signal -- CAPTURE...`
//!
//! The ledger has what signals see: channels (one client and one service), their flows in order of time, and what is known
//! of the service. This one asks which services without a name got much more than they gave.

use exfilscan::detect::{self, ChannelIx, Rules};
use exfilscan::pipeline;
use std::error::Error;
use std::path::PathBuf;

/// From how many bytes on an upload is of interest.
const MUCH: u64 = 4096;
/// How many times more went up than came down.
const ONE_SIDED: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let records = pipeline::extract(&paths, &pipeline::Options::default(), &mut |_| {}).records;
    let ledger = detect::fold(records, &Rules::shipped()?, &detect::Options::default());
    for ix in (0..ledger.channels.len()).map(ChannelIx) {
        let channel = ledger.channel(ix);
        let (up, down) = channel.bytes;
        if channel.service.names.is_empty() && up >= MUCH && up >= ONE_SIDED * down {
            let frames: Vec<u64> = ledger.flows_of(ix).map(|(_, flow)| flow.frames.first).collect();
            println!("{} got {up} bytes and gave {down}, from frames {frames:?} on", channel.service.label());
        }
    }
    Ok(())
}
