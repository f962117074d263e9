//! Finds infostealers in packet captures: which server received the data, from which victim, and how we know.
//!
//! One direction, one border:
//!
//! ```text
//! capture ─▶ decode ─▶ flow ─▶ protocol ─▶ content ─▶ │ record │ ─▶ detect ─▶ report
//! ```
//!
//! Left of [`record`] nobody has an opinion; right of it nobody has a packet. `ARCHITECTURE.md` lists the rooms
//! and who may import whom; the door of each room is its module documentation.

pub mod anomaly;
pub mod capture;
pub mod cli;
pub mod content;
pub mod decode;
pub mod detect;
pub mod flow;
pub mod map;
pub mod pipeline;
pub mod protocol;
pub mod record;
pub mod report;
pub mod time;
mod varint;
