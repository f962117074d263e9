//! Bytes in order to facts.
//!
//! In: what the flow room feeds. Out: [`Facts`](crate::record::Facts). One folder a protocol, all of one shape:
//! `mod.rs` states what is recognised and holds the state machine, `parser.rs` turns bytes into values. Which
//! dissector: by the first bytes of both sides, never by port alone. This room refuses to have an opinion.

mod bytes;
mod conversation;
pub mod dhcp;
pub mod dns;
pub mod ftp;
pub mod http;
pub mod http2;
pub mod kerberos;
mod line;
pub mod nbns;
mod ntlm;
pub mod opaque;
pub mod openvpn;
mod pieces;
pub mod quic;
mod shape;
pub mod smtp;
pub mod socks;
#[cfg(test)]
mod testing;
pub mod tls;

pub use conversation::Conversation;
pub use shape::{Expected, Heads, MAX_HEAD, Next, Protocol, Recognised, Shared, Start};
