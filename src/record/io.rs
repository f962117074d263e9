//! Records as NDJSON, in and out.

use super::{Anomaly, CaptureInfo, Flow, Host, Records, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read as _, Write};

/// Longest line that is read, in bytes. The longest that is written is that of a conversation with the most text that
/// HTTP keeps and the most DNS entries, some 10 MB.
const MAX_LINE: u64 = 64 << 20;

/// One line of a record file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Record {
    /// An input.
    Capture(CaptureInfo),
    /// A conversation.
    Flow(Box<Flow>),
    /// A host.
    Host(Host),
    /// Something a capture does wrong.
    Anomaly(Anomaly),
    /// Totals, the last line.
    Summary(Summary),
}

/// What stops the reading of a record file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is no record.
    #[error("line {line} is not a record: {source}")]
    Line {
        /// Line number from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line does not end within the bound.
    #[error("line {line} is not a record: it is longer than {MAX_LINE} bytes")]
    Long {
        /// Line number from 1.
        line: u64,
    },
}

/// Writes records, one JSON object a line.
#[derive(Debug)]
pub struct Writer<W>(W);

impl<W: Write> Writer<W> {
    /// Writes to `out`, which should be buffered.
    pub const fn new(out: W) -> Self {
        Self(out)
    }

    /// Writes all records of a run in the order of the contract.
    pub fn write(&mut self, records: &Records) -> io::Result<()> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename_all = "lowercase")]
        enum Line<'a> {
            Capture(&'a CaptureInfo),
            Flow(Box<Flow>),
            Host(&'a Host),
            Anomaly(&'a Anomaly),
            Summary(&'a Summary),
        }
        let captures = records.captures.iter().map(Line::Capture);
        let flows = records.flows.iter().map(|flow| Line::Flow(Box::new(flow)));
        let hosts = records.hosts.iter().map(Line::Host);
        let anomalies = records.anomalies.iter().map(Line::Anomaly);
        let summary = std::iter::once(Line::Summary(&records.summary));
        for line in captures.chain(flows).chain(hosts).chain(anomalies).chain(summary) {
            serde_json::to_writer(&mut self.0, &line)?;
            self.0.write_all(b"\n")?;
        }
        self.0.flush()
    }
}

/// Reads records from NDJSON.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: u64,
    text: String,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `input`.
    pub const fn new(input: R) -> Self {
        Self { input, line: 0, text: String::new() }
    }

    /// The next record; `None` at the end. Empty lines are passed over.
    ///
    /// # Errors
    /// What cannot be read, is no record, or has no end.
    pub fn next_record(&mut self) -> Result<Option<Record>, Error> {
        loop {
            self.text.clear();
            self.line += 1;
            let line = self.line;
            // A file may be compressed: a line that is not held to a bound could fill any memory.
            if (&mut self.input).take(MAX_LINE).read_line(&mut self.text)? == 0 {
                return Ok(None);
            }
            if self.text.len() as u64 >= MAX_LINE && !self.text.ends_with('\n') {
                return Err(Error::Long { line });
            }
            if !self.text.trim().is_empty() {
                let record = serde_json::from_str(&self.text);
                return record.map(Some).map_err(|source| Error::Line { line, source });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_not_held() {
        struct Endless(u64);
        impl io::Read for Endless {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                self.0 += out.len() as u64;
                out.fill(b' ');
                Ok(out.len())
            }
        }
        let mut reader = Reader::new(io::BufReader::with_capacity(1 << 20, Endless(0)));
        assert!(matches!(reader.next_record(), Err(Error::Long { line: 1 })));
        assert!(reader.input.get_ref().0 <= MAX_LINE + (1 << 20));
    }
}
