//! DNS messages taken apart (RFC 1035, section 4; RFC 6891; RFC 6762 for multicast).
//!
//! Offsets are within the message, because names point back into it.

use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a header.
pub const HEADER: usize = 12;
/// Jumps followed within one name. Each must lead further back, so that none can loop; the bound only keeps long
/// chains cheap.
const MAX_JUMPS: usize = 127;
/// Longest name read, in bytes with its length bytes. The standard allows 255; tools that tunnel do not always
/// keep to it.
const MAX_NAME: usize = 1024;

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Identifies question and answer.
    pub id: u16,
    /// Flags, operation and response code.
    pub flags: u16,
    /// Questions, answers, authorities and additional records claimed.
    pub counts: [u16; 4],
}

impl Header {
    /// Reads it from the front of a message.
    pub fn read(message: &[u8]) -> Option<Self> {
        let word = |offset| word(message, offset);
        (message.len() >= HEADER).then_some(())?;
        Some(Self { id: word(0)?, flags: word(2)?, counts: [word(4)?, word(6)?, word(8)?, word(10)?] })
    }
    /// It answers.
    pub const fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }
    /// What is done: 0 query, 4 notify, 5 update.
    pub const fn opcode(self) -> u8 {
        (self.flags >> 11) as u8 & 15
    }
    /// Response code without the upper bits of EDNS.
    pub const fn rcode(self) -> u8 {
        self.flags as u8 & 15
    }
    /// A bit that must be zero.
    pub const fn reserved(self) -> bool {
        self.flags & 0x40 != 0
    }
}

fn word(message: &[u8], offset: usize) -> Option<u16> {
    message.get(offset..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// Why a name could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadName {
    /// The message ends within it.
    Cut,
    /// A pointer does not lead back, or too many do.
    Loop,
    /// A label that is neither text nor pointer, or too long a name.
    Label,
}

/// Walks the labels of the name at `start`; gives the offset behind it.
///
/// The offset is right even where a pointer is bad: what follows can be read.
fn walk<'a>(
    message: &'a [u8],
    start: usize,
    mut label: impl FnMut(&'a [u8]),
) -> (Option<usize>, Result<(), BadName>) {
    let (mut at, mut segment, mut after) = (start, start, None);
    let (mut jumps, mut total) = (0, 0);
    loop {
        let Some(&length) = message.get(at) else { return (after, Err(BadName::Cut)) };
        match length {
            0 => return (after.or(Some(at + 1)), Ok(())),
            1..=63 => {
                let end = at + 1 + usize::from(length);
                let Some(text) = message.get(at + 1..end) else { return (after, Err(BadName::Cut)) };
                total += text.len() + 1;
                if total > MAX_NAME {
                    return (after, Err(BadName::Label));
                }
                label(text);
                at = end;
            }
            0xc0..=0xff => {
                let Some(pointer) = word(message, at) else { return (after, Err(BadName::Cut)) };
                let target = usize::from(pointer & 0x3fff);
                after = after.or(Some(at + 2));
                jumps += 1;
                if target >= segment || jumps > MAX_JUMPS {
                    return (after, Err(BadName::Loop));
                }
                (at, segment) = (target, target);
            }
            _ => return (after, Err(BadName::Label)),
        }
    }
}

/// Reads the name at `start` as text in lower case, without the trailing dot; `.` is the root. Bytes that do not
/// print are written `\DDD` (RFC 1035, section 5.1), as are dots within a label.
///
/// Gives the offset behind it where that is known.
pub fn name(message: &[u8], start: usize) -> (Option<usize>, Result<SmolStr, BadName>) {
    let mut name = Name::default();
    let (after, good) = name.read(message, start);
    (after, good.map(|()| name.as_str().into()))
}

/// Bytes of a name that are put together before anything is allocated: all but names of which much does not print.
const SHORT: usize = 256;

/// Each byte in lower case, 0 for one that does not stand for itself.
const PLAIN: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        if !matches!(byte, b'.' | b'\\') {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// Room for a name in printable ASCII, for one after another.
pub struct Name {
    short: [u8; SHORT],
    /// Bytes so far.
    length: usize,
    /// All of it, once it is longer than that.
    long: Vec<u8>,
}

impl Default for Name {
    fn default() -> Self {
        Self { short: [0; SHORT], length: 0, long: Vec::new() }
    }
}

impl Name {
    /// Reads the name at `start` in place of the one before; see [`name`].
    pub fn read(&mut self, message: &[u8], start: usize) -> (Option<usize>, Result<(), BadName>) {
        self.length = 0;
        self.long.clear();
        let read = walk(message, start, |label| {
            if self.length > 0 {
                self.push(b'.');
            }
            if !self.plain(label) {
                self.escaped(label);
            }
        });
        if self.length == 0 {
            self.push(b'.');
        }
        read
    }

    /// The name that was read last, as far as it could be.
    pub fn as_str(&self) -> &str {
        let short = self.short.get(..self.length).unwrap_or_default();
        let text = if self.long.is_empty() { short } else { &self.long };
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// Adds a label in lower case, if it is of characters that stand for themselves and there is room.
    fn plain(&mut self, label: &[u8]) -> bool {
        if !self.long.is_empty() {
            return false;
        }
        let Some(room) = self.short.get_mut(self.length..).and_then(|rest| rest.get_mut(..label.len()))
        else {
            return false;
        };
        let mut other = false;
        for (place, &byte) in room.iter_mut().zip(label) {
            let plain = PLAIN[usize::from(byte)];
            *place = plain;
            other |= plain == 0;
        }
        if !other {
            self.length += label.len();
        }
        !other
    }

    fn push(&mut self, byte: u8) {
        match self.short.get_mut(self.length).filter(|_| self.long.is_empty()) {
            Some(place) => *place = byte,
            None => self.lengthen().push(byte),
        }
        self.length += 1;
    }

    /// Adds a label that does not fit, or of which not all stands for itself.
    fn escaped(&mut self, label: &[u8]) {
        let long = self.lengthen();
        for &byte in label {
            match byte {
                b'.' | b'\\' => long.extend_from_slice(&[b'\\', byte]),
                b' '..=b'~' => long.push(byte.to_ascii_lowercase()),
                _ => {
                    let digit = |value: u8| b'0' + value % 10;
                    long.extend_from_slice(&[b'\\', digit(byte / 100), digit(byte / 10), digit(byte)]);
                }
            }
        }
        self.length = long.len();
    }

    /// Where the name goes on when it does not fit.
    fn lengthen(&mut self) -> &mut Vec<u8> {
        if self.long.is_empty() {
            // Four characters for each byte, at most.
            self.long.reserve_exact(4 * SHORT);
            self.long.extend_from_slice(self.short.get(..self.length).unwrap_or_default());
        }
        &mut self.long
    }
}

/// A question (RFC 1035, section 4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whether the name could be read.
    pub name: Result<(), BadName>,
    /// Record type.
    pub kind: u16,
    /// Class, with the top bit that multicast uses.
    pub class: u16,
}

/// Reads the question at `start`, its name into `name`, and the offset behind it; `None` if the message ends before it
/// does.
pub fn question(message: &[u8], start: usize, name: &mut Name) -> Option<(Question, usize)> {
    let (after, name) = name.read(message, start);
    let after = after?;
    let question = Question { name, kind: word(message, after)?, class: word(message, after + 2)? };
    Some((question, after + 4))
}

/// A resource record (RFC 1035, section 4.1.3), its data unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The message it stands in.
    message: &'a [u8],
    /// Where its owner's name begins.
    owner: usize,
    /// Record type.
    pub kind: u16,
    /// Class; of OPT the sender's buffer size.
    pub class: u16,
    /// Where its data begin.
    data: usize,
    /// Its data.
    pub rdata: &'a [u8],
}

/// Reads the record at `start` and the offset behind it; `None` if the message ends before it does.
pub fn record(message: &[u8], start: usize) -> Option<(Record<'_>, usize)> {
    let (after, _) = walk(message, start, |_| {});
    let after = after?;
    let (kind, class, length) = (word(message, after)?, word(message, after + 2)?, word(message, after + 8)?);
    let data = after + 10;
    let end = data + usize::from(length);
    let rdata = message.get(data..end)?;
    Some((Record { message, owner: start, kind, class, data, rdata }, end))
}

impl Record<'_> {
    /// The owner's name.
    pub fn owner(&self) -> Option<SmolStr> {
        name(self.message, self.owner).1.ok()
    }

    /// The address of an A or AAAA record.
    pub fn address(&self) -> Option<IpAddr> {
        match self.kind {
            1 => <[u8; 4]>::try_from(self.rdata).ok().map(|octets| Ipv4Addr::from(octets).into()),
            28 => <[u8; 16]>::try_from(self.rdata).ok().map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        }
    }

    /// Its data as a fact: an address, the name it leads to (put into `name`), else type and number of bytes.
    pub fn answer<'n>(&self, name: &'n mut Name) -> Answer<'n> {
        let target = match self.kind {
            // NS, CNAME, PTR, DNAME.
            2 | 5 | 12 | 39 => Some(0),
            // MX: a preference stands before.
            15 => Some(2),
            // SRV: priority, weight and port.
            33 => Some(6),
            _ => None,
        };
        let named = target.is_some_and(|offset| {
            let (after, good) = name.read(self.message, self.data + offset);
            // A name that goes on behind its record is none.
            good.is_ok() && after.is_some_and(|after| after <= self.data + self.rdata.len())
        });
        if named {
            return Answer::Name(name.as_str());
        }
        let address = self.address().map(text_of);
        Answer::Other(
            address.unwrap_or_else(|| format_smolstr!("{}:{}", kind_name(self.kind), self.rdata.len())),
        )
    }
}

/// The data of a record as text.
pub enum Answer<'n> {
    /// A name.
    Name(&'n str),
    /// What is shorter than most names.
    Other(SmolStr),
}

impl Answer<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Other(other) => other,
        }
    }
}

/// An address as text.
fn text_of(address: IpAddr) -> SmolStr {
    let IpAddr::V4(address) = address else { return format_smolstr!("{address}") };
    // Most are of this kind: written without the machinery of formatting.
    let (mut text, mut length) = ([0; 15], 0);
    let mut push = |byte: u8| {
        if let Some(place) = text.get_mut(length) {
            *place = byte;
            length += 1;
        }
    };
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            push(b'.');
        }
        if octet >= 100 {
            push(b'0' + octet / 100);
        }
        if octet >= 10 {
            push(b'0' + octet / 10 % 10);
        }
        push(b'0' + octet % 10);
    }
    std::str::from_utf8(&text[..length]).map(SmolStr::new).unwrap_or_default()
}

/// Whether a message is exactly what its counts say, with a question, in a known operation and class.
///
/// This is asked where no port suggests DNS.
pub fn is_perfect(message: &[u8]) -> bool {
    let Some(header) = Header::read(message) else { return false };
    let counts = header.counts;
    let kind_known = matches!(header.opcode(), 0 | 4 | 5) && !header.reserved();
    let query_clean = header.is_response() || (header.rcode() == 0 && header.flags & 0x0080 == 0);
    if !kind_known || !query_clean || counts[0] == 0 || counts[0] > 16 {
        return false;
    }
    let (mut at, mut name) = (HEADER, Name::default());
    for _ in 0..counts[0] {
        let Some((question, after)) = question(message, at, &mut name) else { return false };
        if !is_good(&question) || is_netbios(message, at, &question) {
            return false;
        }
        at = after;
    }
    for _ in 0..counts[1..].iter().map(|count| u32::from(*count)).sum::<u32>() {
        match record(message, at) {
            Some((_, after)) => at = after,
            None => return false,
        }
    }
    at == message.len()
}

/// Whether the question at `start` is for a NetBIOS name: half-bytes written as the letters A to P (RFC 1001,
/// section 14.1), of type NB or NBSTAT.
fn is_netbios(message: &[u8], start: usize, question: &Question) -> bool {
    let label = message.get(start..).and_then(<[u8]>::split_first_chunk);
    let letters = label.is_some_and(|([length], rest)| {
        *length == 32 && rest.iter().take(32).all(|letter| (b'A'..=b'P').contains(letter))
    });
    letters && matches!(question.kind, 32 | 33)
}

/// Whether a question can be one: a readable name, a type, a class that is used.
pub fn is_good(question: &Question) -> bool {
    question.name.is_ok() && question.kind != 0 && matches!(question.class & 0x7fff, 1 | 3 | 4 | 254 | 255)
}

/// The name of a record type (IANA, DNS parameters), else `TYPE123` (RFC 3597).
pub fn kind_name(kind: u16) -> SmolStr {
    SmolStr::new_static(match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        10 => "NULL",
        11 => "WKS",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        17 => "RP",
        18 => "AFSDB",
        24 => "SIG",
        25 => "KEY",
        28 => "AAAA",
        29 => "LOC",
        33 => "SRV",
        35 => "NAPTR",
        36 => "KX",
        37 => "CERT",
        38 => "A6",
        39 => "DNAME",
        41 => "OPT",
        42 => "APL",
        43 => "DS",
        44 => "SSHFP",
        45 => "IPSECKEY",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        49 => "DHCID",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        53 => "SMIMEA",
        55 => "HIP",
        59 => "CDS",
        60 => "CDNSKEY",
        61 => "OPENPGPKEY",
        62 => "CSYNC",
        63 => "ZONEMD",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        108 => "EUI48",
        109 => "EUI64",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        _ => return format_smolstr!("TYPE{kind}"),
    })
}

/// The name of a response code (RFC 6895), else `RCODE12`.
pub fn rcode_name(rcode: u8) -> SmolStr {
    SmolStr::new_static(match rcode {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        _ => return format_smolstr!("RCODE{rcode}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_followed_back() {
        // example at 0, www -> 0 at 9.
        let message = b"\x07eXample\x00\x03www\xc0\x00rest";
        assert_eq!(name(message, 0), (Some(9), Ok("example".into())));
        assert_eq!(name(message, 9), (Some(15), Ok("www.example".into())));
        assert_eq!(name(message, 8), (Some(9), Ok(".".into())));
    }

    #[test]
    fn addresses_are_written_as_the_library_writes_them() {
        for octets in [[0, 0, 0, 0], [255; 4], [192, 0, 2, 9], [10, 100, 99, 101], [9, 10, 109, 200]] {
            let address = Ipv4Addr::from(octets);
            assert_eq!(text_of(address.into()), address.to_string());
        }
        let address = Ipv6Addr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]);
        assert_eq!(text_of(address.into()), "2001:db8::1");
    }

    #[test]
    fn bytes_that_do_not_print_are_escaped() {
        assert_eq!(name(b"\x05a.\\\x00\xff\x01 \x00", 0).1, Ok("a\\.\\\\\\000\\255. ".into()));
    }

    #[test]
    fn pointers_that_do_not_lead_back_are_loops() {
        assert_eq!(name(b"\xc0\x00", 0), (Some(2), Err(BadName::Loop)));
        assert_eq!(name(b"\x01a\xc0\x00", 0), (Some(4), Err(BadName::Loop)));
        assert_eq!(name(b"\xc0\x04\x01a\x00\xc0\x00", 5), (Some(7), Err(BadName::Loop)));
        assert_eq!(name(b"\xc0\x02\x01a\x00", 0), (Some(2), Err(BadName::Loop)));
        assert_eq!(name(b"\x01a", 0), (None, Err(BadName::Cut)));
        assert_eq!(name(b"\x40a", 0), (None, Err(BadName::Label)));
    }

    #[test]
    fn long_chains_of_pointers_end() {
        let mut message = vec![0u8, 0];
        for target in 0..400u16 {
            message.extend((0xc000 | (target * 2)).to_be_bytes());
        }
        assert_eq!(name(&message, 2 * 100).1, Ok(".".into()));
        assert_eq!(name(&message, 2 * 400).1, Err(BadName::Loop));
    }

    #[test]
    fn long_names_are_read_up_to_a_bound() {
        let label = [&[63u8][..], &[b'a'; 63]].concat();
        let long = |labels: usize| [label.repeat(labels), vec![0]].concat();
        assert_eq!(name(&long(16), 0).1.map(|name| name.len()), Ok(16 * 64 - 1));
        assert_eq!(name(&long(17), 0).1, Err(BadName::Label));
    }
}
