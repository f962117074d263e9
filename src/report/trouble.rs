//! What anomalies mean to a reader: what each is, what it does to findings, what to do.

use super::plain::word;
use crate::anomaly::Kind;

/// An anomaly in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// What it is.
    pub what: &'static str,
    /// What it does to what is found.
    pub effect: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

const ALL: [(Kind, Trouble); 12] = [
    (
        Kind::Truncated,
        Trouble {
            what: "The file ends inside a packet.",
            effect: "Everything before is analysed; what came after is not there.",
            remedy: "Copy the file again, or capture again and end the capture before copying.",
        },
    ),
    (
        Kind::Damaged,
        Trouble {
            what: "Part of the file could not be read as packets.",
            effect: "Reading goes on behind the damage; conversations across it have gaps.",
            remedy: "Compare the SHA-256 with that of the original; a transfer in text mode is the usual cause.",
        },
    ),
    (
        Kind::Snapped,
        Trouble {
            what: "Packets hold fewer bytes than were on the wire.",
            effect: "Sizes and times are right; names of stolen files, forms and certificates may be missing.",
            remedy: "Capture with a snap length of 0 (tcpdump -s 0).",
        },
    ),
    (
        Kind::Unsupported,
        Trouble {
            what: "A link type or a layer that is not taken apart.",
            effect: "These packets are counted and not analysed.",
            remedy: "Capture further in, behind the tunnel or on another interface.",
        },
    ),
    (
        Kind::Malformed,
        Trouble {
            what: "Headers of a packet contradict themselves.",
            effect: "The packet is counted and its contents are not used.",
            remedy: "Look at the frame in Wireshark; many of them mean a faulty capture device.",
        },
    ),
    (
        Kind::Fragment,
        Trouble {
            what: "IP datagrams came in fragments.",
            effect: "They are put together where all are there; what lacks a part is not analysed.",
            remedy: "Nothing, unless many are incomplete: then the capture misses packets.",
        },
    ),
    (
        Kind::Checksum,
        Trouble {
            what: "Checksums are wrong.",
            effect: "None: packets are used all the same. Network cards fill checksums in after the capture.",
            remedy: "Nothing. To have them right, capture on another machine or switch offloading off.",
        },
    ),
    (
        Kind::Gap,
        Trouble {
            what: "Bytes of a TCP stream were never captured.",
            effect: "What is behind a gap is read where the protocol allows; an upload with a gap is described by the rest.",
            remedy: "Find out why the capture loses packets: a full disk, a slow machine, one direction of a mirrored port.",
        },
    ),
    (
        Kind::OverlapConflict,
        Trouble {
            what: "Copies of the same TCP bytes differ.",
            effect: "The first copy counts. Two devices may have seen different data, and somebody may have meant them to.",
            remedy: "Open the conversation: it is a mark of evasion, or of two captures merged into one.",
        },
    ),
    (
        Kind::ClockStep,
        Trouble {
            what: "The clock of the capture went back or leapt.",
            effect: "Periods and orders across the step are not to be trusted.",
            remedy: "Scan files of different machines apart; set clocks by NTP before capturing.",
        },
    ),
    (
        Kind::Undecodable,
        Trouble {
            what: "A message of a known protocol could not be understood.",
            effect: "The conversation is judged by its sizes, times and names.",
            remedy: "Look at the frame in Wireshark; if it is understood there, report it with the frame.",
        },
    ),
    (
        Kind::Limit,
        Trouble {
            what: "A bound was reached and something was left out.",
            effect: "Findings rest on what is before the bound.",
            remedy: "Raise --max-memory, or scan fewer files at a time.",
        },
    ),
];

/// What is to be said of an anomaly, by the word it is printed as.
pub fn trouble(name: &str) -> Option<Trouble> {
    ALL.iter().find(|(kind, _)| word(*kind) == name).map(|(_, trouble)| *trouble)
}

/// The words of all anomalies.
pub fn troubles() -> impl Iterator<Item = String> {
    ALL.iter().map(|(kind, _)| word(*kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_anomaly_is_explained_once() {
        let schema = serde_json::to_value(schemars::schema_for!(Kind)).unwrap();
        let kinds: Vec<&str> =
            schema["oneOf"].as_array().unwrap().iter().filter_map(|kind| kind["const"].as_str()).collect();
        assert_eq!(kinds.len(), ALL.len());
        assert!(kinds.iter().all(|kind| trouble(kind).is_some()), "{kinds:?}");
    }
}
