//! What a body is, without keeping it.
//!
//! In: the bytes of one body in order, and what a protocol declared of it. Out: a [`Body`](crate::record::Body):
//! type by first bytes, shape, entropy, archive members, parts, fields, markers. Incremental and bounded: no body is
//! held whole, and slices of any size give the same description. This room refuses to know where a body came from,
//! and what to think of it.
//!
//! ```text
//! Scanner ─▶ Stream: undoes declared encodings ─▶ Entity: the first 512 bytes choose
//!                                                  ├─ Multipart: each part is a Stream again
//!                                                  └─ Plain: archive walker, markers, form, JSON, wrapped text
//! ```

mod archive;
mod decoder;
mod entity;
mod form;
mod gzip;
mod json;
mod magic;
pub mod markers;
mod member;
mod multipart;
mod plain;
mod rar;
mod runs;
mod sample;
mod scanner;
mod shape;
mod stream;
mod tar;
mod value;
mod wrapped;
mod zip;

pub use magic::gzip_behind_prefix;
pub use scanner::{Declared, Scanner};
