//! Findings of many runs to one picture of the infrastructure.
//!
//! In: [`Run`]s, each the findings of one report or of one scan, and what `rules/services.toml` knows of names. Out: a
//! [`Picture`]: servers, joined where an address or a name of their own is the same; victims; links, which are what
//! servers have in common beside; and the forms it is printed in. This room reads no packets and judges nothing: levels
//! are those of the findings, and what may be acted on is what `report` lets machines block.

mod draw;
mod graph;
mod join;
mod link;
mod lists;
mod page;
mod place;
mod run;
mod seen;
mod text;

pub use graph::{dot, graphml};
pub use join::{Picture, Server, Victim, picture};
pub use link::{Group, Link};
pub use lists::{takedown, victims};
pub use page::page;
pub use place::Place;
pub use run::{Run, Sighting};
pub use seen::Proof;
pub use text::text;

#[cfg(test)]
mod tests;
