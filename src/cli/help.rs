//! Examples under the help of each command. A test holds each of them to the command line there is.

/// Of the program.
pub const PROGRAM: &str = "\
Examples:
  exfilscan scan capture.pcapng
  exfilscan scan -o html=report.html day/
  exfilscan explain lookup-before

Exit status:
  0  everything was read and analysed; no finding at or above --fail-on
  1  a finding at or above --fail-on; verify: a mismatch; rules check: a bad rule; carve: some
     of what was asked for is not there
  2  usage, or nothing could be read at all
  3  some input could not be read, was damaged or cut short: results are complete for the rest";

/// Of `scan`.
pub const SCAN: &str = "\
Examples:
  exfilscan scan capture.pcapng
  exfilscan scan -f json day/*.pcap.gz
  exfilscan scan -o html=report.html -o stix=case.json day/
  exfilscan scan --fail-on high --level medium lab/
  exfilscan scan --indicators feed.csv --mmdb country.mmdb day/
  exfilscan scan --allow ours.toml --internal 198.51.100.0/24 day/
  exfilscan scan --config exfilscan.toml -
";

/// Of `flows`.
pub const FLOWS: &str = "\
Examples:
  exfilscan flows capture.pcapng
  exfilscan flows -q day/ - > records.ndjson
";

/// Of `carve`.
pub const CARVE: &str = "\
Examples:
  exfilscan carve day/ --finding 1 -o case.pcapng
  exfilscan carve day/ --finding xf-0123456789abcdef --report report.json -o case.pcapng
  exfilscan carve capture.pcapng --frames 10-40 -o part.pcapng

What is asked for together is joined. Fragments of an IP datagram are taken together. Times, lengths, link types and \
interfaces stay as they were; comments name the inputs, their SHA-256 and the original frame numbers. Inputs are read \
twice, so standard input and pipes are refused.

Exit status:
  0  all that was asked for is in the new file
  1  some of it is in no input; without any packet no file is written
  2  usage, or nothing could be read or written
  3  some input could not be read whole";

/// Of `map`.
pub const MAP: &str = "\
Examples:
  exfilscan map day1/ day2/
  exfilscan map reports/ -o takedown=list.csv -o victims=notify.csv
  exfilscan map -f json reports/
";

/// Of `verify`.
pub const VERIFY: &str = "\
Examples:
  exfilscan verify cases/
  exfilscan verify --annotations -o junit=verify.xml -o sarif=verify.sarif cases/
  exfilscan verify --update captures/manifest.toml
";

/// Of `rules`.
pub const RULES: &str = "\
Examples:
  exfilscan rules list
  exfilscan rules show lumma-v6
  exfilscan rules check mine.toml
";

/// Of `explain`.
pub const EXPLAIN: &str = "\
Examples:
  exfilscan explain upload-burst
  exfilscan explain LokiBot
  exfilscan explain overlap-conflict
  exfilscan explain 1 --report report.json
  exfilscan explain xf-0123456789abcdef --report report.ndjson
";

/// Of `schema`.
pub const SCHEMA: &str = "\
Examples:
  exfilscan schema report
  exfilscan schema rule
";

/// Of `completions`.
pub const COMPLETIONS: &str = "\
Examples:
  exfilscan completions bash
  exfilscan completions zsh
";

/// Of `man`.
pub const MAN: &str = "\
Examples:
  exfilscan man
  exfilscan man scan
  exfilscan man --dir man1/
";
