//! What the fuzz targets share: how their bytes become input, and what must hold whatever they are.
//!
//! A target that only looked for panics would miss the defects that matter more here: facts that depend on how the
//! bytes were cut, an answer that is another one the second time, memory that grows by what a length claims.

pub mod bodies;
pub mod captures;
pub mod dissect;
pub mod packets;
pub mod quic;
pub mod records;
pub mod rules;
pub mod script;
pub mod streams;

/// Gives the first byte and the rest, for targets that need a choice.
pub fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}
