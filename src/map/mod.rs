//! Findings of many runs to one picture of the infrastructure.
//!
//! In: [`Run`]s, each the findings of one report or of one scan, and what `rules/services.toml` knows of names. Out: a
//! [`Picture`]: servers, joined where an address or a name of their own is the same, and victims, with what joins
//! them; and the forms it is printed in. This room reads no packets and judges nothing: levels are those of the findings.

mod graph;
mod join;
mod lists;
mod run;
mod text;

pub use graph::{dot, graphml};
pub use join::{Picture, Place, Proof, Server, Victim, picture};
pub use lists::{takedown, victims};
pub use run::{Run, Sighting};
pub use text::text;

#[cfg(test)]
mod tests;
