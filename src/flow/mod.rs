//! Layers to bytes in order.
//!
//! In: [`Layers`](crate::decode::Layers) with the time and number of their packet. Out: for each conversation the
//! bytes of each side in order, with gaps and times, fed to a [`Dissector`], and in the end a [`Conversation`]:
//! endpoints with the client first, times, frames, counts, turns, and what the dissector stated. This room refuses to
//! know protocols.
//!
//! [`Table`] is the door. Behind it: `key` says what is one conversation and which port is a server's, `clock` and
//! `wheel` what is idle, `tcp` what sequence numbers and flags mean, `stream` puts bytes in order, `turns` remembers
//! who spoke when. All that input can grow has a bound, stated where it is kept.

mod clock;
mod config;
mod conversation;
mod dissector;
mod ending;
mod entry;
mod identity;
mod key;
mod stream;
mod table;
mod tcp;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod turns;
mod wheel;

pub use config::Config;
pub use conversation::{ClientBy, Conversation, FlowKey, FrameSpan, State, Turn, TurnsRest};
pub use dissector::{Appetite, At, Carrier, Dissector, Opening, Side};
pub use key::endpoints;
pub use table::Table;
