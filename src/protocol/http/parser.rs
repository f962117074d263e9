//! Lines to values, as RFC 9112 has them and as malware bends them.

use memchr::{memchr, memmem};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Fields that need no room of their own: most headers have fewer.
const USUAL_FIELDS: usize = 16;
/// Names and values.
pub type Fields<'h> = SmallVec<[(&'h [u8], Cow<'h, [u8]>); USUAL_FIELDS]>;
/// Longest method that is believed.
const MAX_METHOD: usize = 24;

/// Methods that are looked for inside a line, behind bytes that do not belong there.
const METHODS: [&[u8]; 8] =
    [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT "];

/// Which of the two start lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `METHOD target HTTP/1.1`
    Request,
    /// `HTTP/1.1 200 reason`
    Response,
}

/// What the first bytes of a side look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A start line.
    Start(Role),
    /// Neither.
    No,
    /// It may become one.
    More,
}

/// A start line taken apart; slices of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// Of a request.
    Request {
        /// Upper-case token.
        method: &'a [u8],
        /// Target as sent.
        target: &'a [u8],
        /// `1.1`
        version: &'a [u8],
    },
    /// Of a response.
    Response {
        /// Status code.
        status: u16,
        /// `1.1`
        version: &'a [u8],
    },
}

/// A line without its end.
pub fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'-' || byte == b'_'
}

/// The length of the method at the start of `bytes`, where a space ends it.
fn method_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.iter().take(MAX_METHOD + 1).take_while(|b| is_method_byte(**b)).count();
    (length > 0 && length <= MAX_METHOD && bytes.get(length) == Some(&b' ')).then_some(length)
}

/// Takes a whole line apart as a start line of `role`.
pub fn start_line(line: &[u8], role: Role) -> Option<StartLine<'_>> {
    let line = trim_end(line).trim_ascii_end();
    match role {
        Role::Request => {
            let length = method_length(line)?;
            let (method, rest) = (&line[..length], &line[length + 1..]);
            let cut = rest.iter().rposition(|b| *b == b' ')?;
            let (target, protocol) = (rest[..cut].trim_ascii(), &rest[cut + 1..]);
            let version = protocol.strip_prefix(b"HTTP/")?;
            let sound = is_version(version) && version != b"2.0" && !target.is_empty();
            sound.then_some(StartLine::Request { method, target, version })
        }
        Role::Response => {
            let rest = line.strip_prefix(b"HTTP/")?;
            let (version, rest) = rest.split_at_checked(3)?;
            let digits = rest.strip_prefix(b" ")?.trim_ascii_start();
            let status = digits.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit))?;
            let ends = digits.get(3).is_none_or(|b| *b == b' ');
            let status = status.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
            (is_version(version) && ends && status >= 100).then_some(StartLine::Response { status, version })
        }
    }
}

fn is_version(text: &[u8]) -> bool {
    matches!(text, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// Where in a line a start line of `role` begins: at its front, or behind bytes that do not belong to it.
pub fn find_start(line: &[u8], role: Role) -> Option<usize> {
    if start_line(line, role).is_some() {
        return Some(0);
    }
    match role {
        Role::Request => {
            let trimmed = trim_end(line).trim_ascii_end();
            let tail = trimmed.get(trimmed.len().checked_sub(9)?..)?;
            if !tail.starts_with(b" HTTP/") {
                return None;
            }
            let candidates = METHODS
                .iter()
                .flat_map(|method| memmem::find_iter(trimmed, method).map(|at| (at, at + method.len())));
            let plausible = candidates.filter(|(at, target)| {
                let goes = matches!(trimmed.get(*target), Some(b'/' | b'*' | b'h'));
                goes && start_line(&trimmed[*at..], role).is_some()
            });
            plausible.map(|(at, _)| at).min()
        }
        Role::Response => {
            memmem::find_iter(line, b"HTTP/1.").find(|at| start_line(&line[*at..], role).is_some())
        }
    }
}

/// What the first bytes of a side look like; `full` when no more can be asked for.
pub fn look(bytes: &[u8], full: bool) -> Look {
    let skipped = bytes.iter().take(4).take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let bytes = &bytes[skipped..];
    let line_end = memchr(b'\n', bytes);
    if let Some(end) = line_end {
        let found = [Role::Request, Role::Response]
            .into_iter()
            .find(|role| start_line(&bytes[..end], *role).is_some());
        return found.map_or(Look::No, Look::Start);
    }
    let prefix = b"HTTP/";
    let shared = bytes.len().min(prefix.len());
    if bytes[..shared] == prefix[..shared] {
        return match bytes.len() {
            0..12 if full => Look::No,
            0..13 => Look::More,
            _ => start_line(&bytes[..13], Role::Response).map_or(Look::No, |_| Look::Start(Role::Response)),
        };
    }
    let length = bytes.iter().take(MAX_METHOD + 1).take_while(|b| is_method_byte(**b)).count();
    if length == 0 || length > MAX_METHOD {
        return Look::No;
    }
    let Some(target) = bytes.get(length..).filter(|rest| !rest.is_empty()) else {
        return if full { Look::No } else { Look::More };
    };
    let Some(target) = target.strip_prefix(b" ") else { return Look::No };
    let connect = bytes.starts_with(b"CONNECT ");
    let plausible = target.first().is_none_or(|b| connect || matches!(b, b'/' | b'*' | b'h' | b'H'));
    if !plausible || target.iter().any(|b| *b < b' ' && *b != b'\r') {
        return Look::No;
    }
    if full { Look::Start(Role::Request) } else { Look::More }
}

/// Where the header ends, after its blank line; searched from `from`.
pub fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memchr(b'\n', bytes.get(at..)?) {
        let next = at + found + 1;
        match bytes.get(next..) {
            Some([b'\n', ..]) => return Some(next + 1),
            Some([b'\r', b'\n', ..]) => return Some(next + 2),
            _ => at = next,
        }
    }
    None
}

/// The lines of a header after its start line, obsolete folds (RFC 9112 section 5.2) joined, as name and value.
/// A line without a colon is left out.
pub fn fields(head: &[u8]) -> Fields<'_> {
    let mut fields = Fields::new();
    let mut rest = memchr(b'\n', head).map_or(&[][..], |end| &head[end + 1..]);
    while !rest.is_empty() {
        let (line, after) = rest.split_at(memchr(b'\n', rest).map_or(rest.len(), |end| end + 1));
        let line = trim_end(line);
        rest = after;
        if let [b' ' | b'\t', ..] = line {
            if let Some((_, value)) = fields.last_mut() {
                let more = line.trim_ascii();
                if !more.is_empty() {
                    let value = value.to_mut();
                    value.push(b' ');
                    value.extend_from_slice(more);
                }
            }
            continue;
        }
        if let Some(colon) = memchr(b':', line)
            && fields.len() < super::MAX_FIELDS
        {
            let name = line[..colon].trim_ascii_end();
            if !name.is_empty() {
                fields.push((name, Cow::Borrowed(line[colon + 1..].trim_ascii())));
            }
        }
    }
    fields
}

/// The size of a chunk by its line (RFC 9112 section 7.1), extensions passed over.
pub fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = trim_end(line).trim_ascii();
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let sound = matches!(line.get(digits), None | Some(b';' | b' ' | b'\t'));
    if digits == 0 || digits > 15 || !sound {
        return None;
    }
    std::str::from_utf8(&line[..digits]).ok().and_then(|text| u64::from_str_radix(text, 16).ok())
}

/// A decimal length; of a list of equal ones the first.
pub fn content_length(value: &[u8]) -> Option<u64> {
    let first = value.split(|b| *b == b',').next()?.trim_ascii();
    if first.is_empty() || !first.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(first).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_lines_are_told_at_every_length() {
        let request = b"POST /a HTTP/1.1\r\n";
        for cut in 1..request.len() {
            assert_eq!(look(&request[..cut], false), Look::More, "{cut}");
        }
        assert_eq!(look(request, false), Look::Start(Role::Request));
        let response = b"HTTP/1.0 404 Not Found\r\n";
        for cut in 1..13 {
            assert_eq!(look(&response[..cut], false), Look::More, "{cut}");
        }
        assert_eq!(look(&response[..13], false), Look::Start(Role::Response));
    }

    #[test]
    fn others_are_not_http() {
        for text in [
            "PRI * HTTP/2.0\r\n",
            "OPTIONS sip:a@b.test SIP/2.0\r\n",
            "220 ftp.test\r\n",
            "NICK joe\r\n",
            "HTTP/1.1 OK\r\n",
            "get / HTTP/1.1\r\n",
            "GET\u{1}/",
            "HELO a.test",
        ] {
            assert_eq!(look(text.as_bytes(), false), Look::No, "{text}");
        }
    }

    #[test]
    fn a_start_line_is_found_behind_garbage() {
        assert_eq!(find_start(b"xx\x00POST /a HTTP/1.1\r\n", Role::Request), Some(3));
        assert_eq!(find_start(b"xxPOSE /a HTTP/1.1\r\n", Role::Request), None);
        assert_eq!(find_start(b"}HTTP/1.1 200 OK\r\n", Role::Response), Some(1));
        assert_eq!(find_start(b"HTTP/1.1 2000\r\n", Role::Response), None);
    }

    #[test]
    fn headers_are_read_as_they_are_bent() {
        let head = b"GET / HTTP/1.1\r\nA : 1\r\nnonsense\r\nB:2\n fold\r\n\tmore\r\nC:\r\n\r\n";
        let read = fields(head);
        let expected: [(&[u8], &[u8]); 3] = [(b"A", b"1"), (b"B", b"2 fold more"), (b"C", b"")];
        assert_eq!(read.len(), expected.len());
        for ((name, value), wanted) in read.iter().zip(expected) {
            assert_eq!((*name, &value[..]), wanted);
        }
    }

    #[test]
    fn sizes_are_read_or_refused() {
        assert_eq!(chunk_size(b"1aF;x=y\r\n"), Some(0x1af));
        assert_eq!(chunk_size(b"0\n"), Some(0));
        for bad in [&b"\r\n"[..], b"-1\r\n", b"ffffffffffffffff\r\n", b"12g\r\n"] {
            assert_eq!(chunk_size(bad), None);
        }
        assert_eq!(content_length(b" 12, 12"), Some(12));
        assert_eq!(content_length(b"+3"), None);
        assert_eq!(content_length(b"99999999999999999999999"), None);
    }
}
