//! Packets to layers.
//!
//! In: a [`Packet`](crate::capture::Packet). Out: [`Layers`], or why there are none. This room takes link
//! headers, tunnels, IP and transport headers apart; it keeps no state but fragments and refuses to know streams.

mod layers;

pub use layers::{Encapsulation, Layers, MAX_STEPS, Mac, Step, Tcp, Transport};
