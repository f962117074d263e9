//! The border: plain data between extraction and detection.
//!
//! In: what the rooms left of here found in packets. Out: records that can be printed, stored, read back and
//! shipped; detection sees nothing else. Records hold facts, never verdicts; never a password, a cookie or the
//! text of a mail. Conversations are kept short until one is asked for ([`Flows`]), and
//! their Community IDs are made here (`community`). This room refuses to know packets, and
//! refuses to have an opinion.

mod app;
mod body;
mod community;
mod flow;
mod host;
mod io;
mod packed;
#[cfg(test)]
pub mod testing;
mod texts;

pub use app::{Certificate, Dns, Exchange, Facts, Ftp, Hint, Mail, Other, Quic, Smtp, Tls};
pub use body::{Archive, Body, Field, Marker, Member, Part, Shape};
pub use flow::{
    Client, ClientBy, CommunityId, Continued, Endpoint, FirstBytes, Flow, FlowId, Frames, Mac, Proto,
    SideName, Sides, State, Turn, TurnsRest,
};
pub use host::{Host, Named};
pub use io::{Error, Reader, Record, Writer};
pub use packed::{Flows, Outline};
pub use texts::{Headers, Texts};

pub use crate::anomaly::Anomaly;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smallvec::SmallVec;

/// One input of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureInfo {
    /// As named on the command line or found in a directory; `-` for standard input.
    pub path: String,
    /// SHA-256 of the file's bytes as stored; absent when hashing was switched off.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Size of the file in bytes as stored.
    pub bytes: u64,
    /// `pcap`, `pcap-ns`, `pcap-modified`, `pcapng`, ...
    pub format: String,
    /// `gzip`, `zstd`, `xz`, `lz4`, `bzip2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// Link types of its interfaces, as numbers.
    pub link_types: Vec<u16>,
    /// Packets read.
    pub packets: u64,
    /// Time of the earliest packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// Time of the latest packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Offset in the (uncompressed) file where it was cut or could not be read further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated_at: Option<u64>,
}

/// The last line of a record file.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Summary {
    /// Captures read.
    pub captures: u64,
    /// Packets read.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Flow records.
    pub flows: u64,
    /// Host records.
    pub hosts: u64,
    /// Some input could not be read whole.
    pub incomplete: bool,
}

/// All records of a run, in order: what detection is given.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Records {
    /// Inputs in the order of reading.
    pub captures: Vec<CaptureInfo>,
    /// Conversations by start, then frame, then id.
    pub flows: Flows,
    /// Hosts by address.
    pub hosts: Vec<Host>,
    /// What the captures do wrong.
    pub anomalies: Vec<Anomaly>,
    /// Totals.
    pub summary: Summary,
}

/// Bytes that stand in a [`Hex`] itself: as many as are stated of a side.
const SHORT: usize = 48;

/// Bytes printed as lower-case hexadecimal.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex(pub SmallVec<[u8; SHORT]>);

impl Hex {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for Hex {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// Bytes that are written at once.
        const PIECE: usize = 32;
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
        for piece in self.0.chunks(PIECE) {
            let mut digits = [0; 2 * PIECE];
            for (pair, byte) in digits.chunks_exact_mut(2).zip(piece) {
                pair.copy_from_slice(&[digit(byte >> 4), digit(*byte)]);
            }
            let digits = digits.get(..2 * piece.len()).unwrap_or_default();
            f.write_str(std::str::from_utf8(digits).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        unhex(&text).map(|bytes| Self(bytes.into())).ok_or_else(|| de::Error::custom("not hexadecimal"))
    }
}

impl JsonSchema for Hex {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hex".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^([0-9a-f]{2})*$"})
    }
}

/// Reads hexadecimal text of even length.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |b: u8| char::from(b).to_digit(16);
    digits.chunks(2).map(|pair| Some((nibble(pair[0])? << 4 | nibble(pair[1])?) as u8)).collect()
}

// serde's `skip_serializing_if` hands a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_written_and_read_at_every_length() {
        for length in 0..100_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            let text = Hex::from(&bytes[..]).to_string();
            assert_eq!(text.len(), 2 * bytes.len());
            assert_eq!(unhex(&text), Some(bytes));
        }
        assert_eq!(Hex::from(&[0, 0x0f, 0xf0, 0xff, 0xa5][..]).to_string(), "000ff0ffa5");
    }
}
