//! Records to findings.
//!
//! In: [`Records`](crate::record::Records). Out: a [`Verdict`]. This room refuses to see a packet.

mod evidence;
pub mod finding;
mod ledger;

pub use evidence::{ChannelIx, MAX_FRAMES, SignalRule, SignalRules, Statement};
pub use finding::{Finding, Verdict};
pub use ledger::{Channel, HostView, Ledger, Service};
