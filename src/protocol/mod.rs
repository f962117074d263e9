//! Bytes in order to facts.
//!
//! In: what the flow room feeds. Out: [`Facts`](crate::record::Facts). One folder a protocol, all of one shape:
//! `mod.rs` states what is recognised and holds the state machine, `parser.rs` turns bytes into values. Which
//! dissector: by the first bytes of both sides, never by port alone. This room refuses to have an opinion.

mod shape;

pub use shape::{Expected, Next, Protocol, Recognised, Shared};
