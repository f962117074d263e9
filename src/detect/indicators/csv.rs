//! Comma-separated values (RFC 4180; semicolons and tabs too) with names of columns, in a header or in a remark above.

use super::Intake;
use super::plain::is_remark;
use std::borrow::Cow;

/// Lines in which a header is looked for.
const HEAD_LINES: usize = 64;
/// Columns that are looked at.
const MAX_COLUMNS: usize = 256;
/// Lines that one quoted cell may have.
const MAX_CELL_LINES: u32 = 256;

/// Names of columns that hold entries.
const ENTRIES: [&str; 42] = [
    "addr",
    "address",
    "artifact",
    "c2_ip",
    "cert_sha1",
    "cert_sha256",
    "certificate_sha1",
    "certificate_sha256",
    "cidr",
    "dest_ip",
    "destination_ip",
    "domain",
    "domain_name",
    "dst_ip",
    "fingerprint",
    "fqdn",
    "host",
    "hostname",
    "indicator",
    "indicator_value",
    "ioc",
    "ioc_value",
    "ip",
    "ip_address",
    "ipaddress",
    "ipv4",
    "ipv6",
    "ja3",
    "ja3_fingerprint",
    "ja3_hash",
    "ja3_md5",
    "ja4",
    "ja4_fingerprint",
    "network",
    "observable",
    "server_ip",
    "sha1",
    "sha256",
    "subnet",
    "thumbprint",
    "url",
    "value",
];
/// Names of columns with the port of the address beside.
const PORTS: [&str; 5] = ["dest_port", "destination_port", "dst_port", "port", "server_port"];
/// Names of columns that say of what kind an entry is.
const KINDS: [&str; 5] = ["attribute_type", "indicator_type", "ioc_type", "kind", "type"];
/// Names of columns that say whether an entry is meant: those of MISP and of this program's `map`.
const MEANT: [&str; 2] = ["list", "to_ids"];

/// What the columns hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    entries: Vec<usize>,
    port: Option<usize>,
    kind: Option<usize>,
    meant: Option<usize>,
    separator: u8,
}

impl Head {
    fn of(line: &str) -> Option<Self> {
        let line = line.trim_start_matches(['#', ';', '/', ' ']);
        let separator = [b',', b';', b'\t']
            .into_iter()
            .max_by_key(|&separator| line.bytes().filter(|&byte| byte == separator).count())?;
        let mut names = Vec::new();
        cells(line, separator, &mut names);
        let names: Vec<String> = names
            .iter()
            .map(|name| name.trim().trim_matches('"').to_ascii_lowercase().replace([' ', '-'], "_"))
            .collect();
        let place = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let entries = (0..names.len()).filter(|&at| ENTRIES.contains(&names[at].as_str())).collect();
        let own = Self { entries, port: place(&PORTS), kind: place(&KINDS), meant: place(&MEANT), separator };
        (!own.entries.is_empty()).then_some(own)
    }
}

/// Whether the text has a header that names a column of entries.
pub fn has_header(text: &str) -> bool {
    head(text).is_some()
}

/// The header and the number of lines up to its end. Feeds put it into the last remark before the first row.
fn head(text: &str) -> Option<(Head, u32)> {
    let mut best = None;
    for (number, line) in (1_u32..).zip(text.lines().take(HEAD_LINES)) {
        let line = line.trim();
        if is_remark(line) {
            best = Head::of(line).map(|head| (head, number)).or(best);
        } else if !line.is_empty() {
            return Head::of(line).map(|head| (head, number)).or(best);
        }
    }
    best
}

/// Reads rows.
pub fn read(text: &str, intake: &mut Intake<'_>) {
    intake.loaded.form = "CSV";
    let Some((head, skip)) = head(text) else { return };
    let mut number = skip;
    let mut lines = text.lines().skip(skip as usize);
    let mut row = Vec::new();
    while let Some(line) = lines.next() {
        number = number.saturating_add(1);
        let first = number;
        if intake.full {
            return;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        row.clear();
        if open(line) {
            let mut whole = line.to_owned();
            while open(&whole) && number - first < MAX_CELL_LINES {
                let Some(next) = lines.next() else { break };
                number = number.saturating_add(1);
                whole.push('\n');
                whole.push_str(next);
            }
            let mut owned = Vec::new();
            cells(&whole, head.separator, &mut owned);
            take(&head, &owned, first, intake);
        } else {
            cells(line, head.separator, &mut row);
            take(&head, &row, first, intake);
        }
    }
}

/// Whether a quoted cell goes on in the next line.
fn open(line: &str) -> bool {
    memchr::memchr_iter(b'"', line.as_bytes()).count() % 2 == 1
}

/// The cells of a row.
fn cells<'a>(row: &'a str, separator: u8, out: &mut Vec<Cow<'a, str>>) {
    let mut rest = row;
    while out.len() < MAX_COLUMNS {
        let text = rest.trim_start_matches(' ');
        if let Some(inside) = text.strip_prefix('"') {
            let bytes = inside.as_bytes();
            let (mut end, mut from, mut doubled) = (bytes.len(), 0, false);
            while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memchr(b'"', rest)) {
                let at = from + at;
                if bytes.get(at + 1) != Some(&b'"') {
                    end = at;
                    break;
                }
                doubled = true;
                from = at + 2;
            }
            let cell = inside.get(..end).unwrap_or(inside);
            out.push(if doubled { Cow::Owned(cell.replace("\"\"", "\"")) } else { Cow::Borrowed(cell) });
            rest = inside.get(end..).unwrap_or_default();
        } else {
            let end = memchr::memchr(separator, rest.as_bytes()).unwrap_or(rest.len());
            out.push(Cow::Borrowed(rest.get(..end).unwrap_or_default()));
            rest = rest.get(end..).unwrap_or_default();
        }
        let Some(next) = memchr::memchr(separator, rest.as_bytes()) else { return };
        rest = rest.get(next + 1..).unwrap_or_default();
    }
}

fn take(head: &Head, row: &[Cow<'_, str>], line: u32, intake: &mut Intake<'_>) {
    let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).map_or("", |cell| cell.trim());
    if matches!(cell(head.meant), "no" | "0" | "false" | "False") {
        return intake.pass();
    }
    let kind = cell(head.kind).to_ascii_lowercase();
    if unseen(&kind) {
        return intake.pass();
    }
    let port = cell(head.port).parse().ok();
    for &at in &head.entries {
        let text = cell(Some(at)).trim_start_matches('\'');
        // `ip|port` and `domain|ip` of MISP.
        let mut parts = text.split('|').map(str::trim);
        let Some(first) = parts.next().filter(|first| !matches!(*first, "" | "-" | "None")) else { continue };
        match parts.next() {
            None => intake.text(first, port, line),
            Some(second) => match second.parse() {
                Ok(port) => intake.text(first, Some(port), line),
                Err(_) => [first, second].into_iter().for_each(|text| intake.text(text, None, line)),
            },
        }
    }
}

/// Whether a kind is of files, mails or programs.
fn unseen(kind: &str) -> bool {
    let other = [
        "md5", "sha1", "sha256", "sha512", "hash", "file", "mail", "mutex", "regkey", "registry", "yara",
        "ssdeep",
    ];
    let ours = ["x509", "cert", "ja3", "ja4", "ssl", "tls", "fingerprint"];
    other.iter().any(|word| kind.contains(word)) && !ours.iter().any(|word| kind.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        cells(text, b',', &mut out);
        out.into_iter().map(Cow::into_owned).collect()
    }

    #[test]
    fn cells_are_those_of_the_standard() {
        assert_eq!(row("a,b"), ["a", "b"]);
        assert_eq!(row(""), [""]);
        assert_eq!(row(",\"x, \"\"y\"\"\", z,"), ["", "x, \"y\"", " z", ""]);
        assert_eq!(row("\"open"), ["open"]);
        assert_eq!(row("\"\",\"\"\"\""), ["", "\""]);
        assert_eq!(row(&",".repeat(1000)).len(), MAX_COLUMNS);
    }

    #[test]
    fn a_header_may_stand_in_a_remark() {
        let text = "# A list\n# \"First Seen\",\"Dst IP\",\"dst_port\"\n#\n2026-01-01,203.0.113.4,80\n";
        let (head, lines) = head(text).unwrap();
        assert_eq!((head.entries, head.port, lines), (vec![1], Some(2), 2));
        assert!(!has_header("# addresses\n203.0.113.4\n"));
        assert!(has_header("id;Domain;why\n1;drop.example;x\n"));
        assert!(!has_header(""));
    }
}
