//! What a body is, without keeping it.
//!
//! In: the bytes of one body in order. Out: a [`Body`](crate::record::Body). Incremental and bounded: no body is
//! held whole. This room refuses to know where a body came from.

mod scanner;

pub use scanner::{Declared, Scanner};
