//! Files to packets.
//!
//! In: paths. Out: [`Packet`]s with the frame numbers Wireshark gives them, and what each file is. This room
//! opens, decompresses, hashes and puts files in order; it refuses to know what the bytes of a packet mean.

mod packet;

pub use packet::{LinkType, Packet};
