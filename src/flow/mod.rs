//! Layers to bytes in order.
//!
//! In: [`Layers`](crate::decode::Layers) with the time and number of their packet. Out: for each conversation the
//! bytes of each side in order, with gaps and times, fed to a [`Dissector`], and in the end a summary of the
//! conversation. This room refuses to know protocols.

mod dissector;

pub use dissector::{Appetite, At, Carrier, Dissector, Opening, Side};
