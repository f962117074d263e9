//! One JSON document.

use super::{Document, Exporter, Report};
use std::io::{self, Write};

/// Writes the [`Document`] with two spaces of indentation and a line feed at the end.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Exporter for Json {
    fn export(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, &Document::of(report))?;
        out.write_all(b"\n")
    }
}
