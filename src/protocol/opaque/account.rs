//! Who logs in to a mailbox: IMAP (RFC 9051, section 6.2) and POP3 (RFC 1939, RFC 5034). What is no account name is
//! dropped where it is read.

use crate::protocol::line::{Lines, text, unbase64};
use crate::protocol::smtp::login::Login;

/// Bytes kept of a line: the longest that a login needs (RFC 4954, section 4.5.3.1.1 of RFC 5321, and a token).
const MAX_LINE: usize = 4 << 10;
/// Longest account name, in bytes.
const MAX_NAME: usize = 255;
/// Account names told of one connection.
const MAX_NAMES: usize = 4;

/// What the next line of the client is.
#[derive(Debug)]
enum Expecting {
    /// A command.
    Command,
    /// The answer to a challenge.
    Answer(Login),
    /// A literal of so many bytes, which is the account name.
    Literal(usize),
    /// Nothing of either side is understood any more: bytes are missing, or TLS began.
    Nothing,
}

/// The dialogue of one mailbox connection.
#[derive(Debug)]
pub struct Account {
    imap: bool,
    lines: Lines,
    challenges: Lines,
    expecting: Expecting,
    names: usize,
}

impl Account {
    /// For a protocol by its name, where it is one of these.
    pub fn of(protocol: &str) -> Option<Self> {
        let imap = match protocol {
            "imap" => true,
            "pop3" => false,
            _ => return None,
        };
        let (lines, challenges) = (Lines::new(MAX_LINE), Lines::new(MAX_LINE));
        Some(Self { imap, lines, challenges, expecting: Expecting::Command, names: 0 })
    }

    /// The facts' word for where the name stood.
    pub const fn source(&self) -> &'static str {
        if self.imap { "imap" } else { "pop3" }
    }

    /// Bytes of either side are missing.
    pub fn gap(&mut self) {
        self.expecting = Expecting::Nothing;
    }

    /// Takes bytes of the server: its challenges.
    pub fn server(&mut self, mut bytes: &[u8]) {
        while let Some(line) = self.challenges.take(&mut bytes) {
            if let (Expecting::Answer(login), Some(challenge)) =
                (&mut self.expecting, line.bytes.strip_prefix(b"+"))
            {
                login.prompt(challenge.trim_ascii());
            }
        }
    }

    /// Takes bytes of the client, and gives each account name in them.
    pub fn client(&mut self, mut bytes: &[u8], mut found: impl FnMut(String)) {
        while self.names < MAX_NAMES && !matches!(self.expecting, Expecting::Nothing) {
            let Some(line) = self.lines.take(&mut bytes) else { return };
            let name = if line.dropped > 0 { None } else { self.line(&line.bytes) };
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                self.names += 1;
                found(name);
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Option<String> {
        match std::mem::replace(&mut self.expecting, Expecting::Command) {
            Expecting::Nothing => {
                self.expecting = Expecting::Nothing;
                None
            }
            Expecting::Literal(length) => line.get(..length).map(|name| text(name, MAX_NAME)),
            Expecting::Answer(_) if line == b"*" => None,
            Expecting::Answer(mut login) => {
                let name = login.answer(line);
                if !login.complete() {
                    self.expecting = Expecting::Answer(login);
                }
                name
            }
            Expecting::Command => self.command(line),
        }
    }

    fn command(&mut self, line: &[u8]) -> Option<String> {
        // A tag leads each command of IMAP.
        let line = if self.imap { word(line).1 } else { line };
        let (verb, rest) = word(line);
        let is = |wanted: &[u8]| verb.eq_ignore_ascii_case(wanted);
        match self.imap {
            true if is(b"LOGIN") => self.astring(rest),
            true if is(b"AUTHENTICATE") => self.authenticate(rest),
            false if is(b"USER") => Some(text(rest, MAX_NAME)),
            false if is(b"APOP") => Some(text(word(rest).0, MAX_NAME)),
            false if is(b"AUTH") => self.authenticate(rest),
            _ if is(b"STARTTLS") || is(b"STLS") => {
                self.expecting = Expecting::Nothing;
                None
            }
            _ => None,
        }
    }

    /// A mechanism, and its initial response where it is there.
    fn authenticate(&mut self, rest: &[u8]) -> Option<String> {
        let (mechanism, initial) = word(rest);
        if mechanism.is_empty() {
            return None;
        }
        let mut login = Login::new(text(mechanism, MAX_NAME).to_ascii_uppercase());
        let name = match initial {
            b"" => None,
            // An empty response.
            b"=" => login.initial(b""),
            _ => unbase64(initial).and_then(|_| login.initial(initial)),
        };
        if !login.complete() {
            self.expecting = Expecting::Answer(login);
        }
        name
    }

    /// An atom, a quoted string, or a literal, which comes on a line of its own.
    fn astring(&mut self, rest: &[u8]) -> Option<String> {
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let mut name = Vec::new();
            let mut escaped = false;
            for &byte in quoted {
                match byte {
                    b'\\' if !escaped => escaped = true,
                    b'"' if !escaped => return Some(text(&name, MAX_NAME)),
                    _ => {
                        name.push(byte);
                        escaped = false;
                    }
                }
            }
            return None;
        }
        if let Some(length) = rest.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")) {
            let digits = length.strip_suffix(b"+").unwrap_or(length);
            let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
            self.expecting = if length <= MAX_NAME { Expecting::Literal(length) } else { Expecting::Nothing };
            return None;
        }
        Some(text(word(rest).0, MAX_NAME))
    }
}

/// The first word of a line and what follows it.
fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (first, rest) = line.split_at(end);
    (first, rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays lines of the client and, after `<`, of the server, in pieces of `size` bytes.
    fn names(protocol: &str, script: &str, size: usize) -> Vec<String> {
        let mut account = Account::of(protocol).expect("a mailbox");
        let mut found = Vec::new();
        for line in script.split_inclusive('\n') {
            for piece in line.strip_prefix('<').unwrap_or(line).as_bytes().chunks(size) {
                if line.starts_with('<') {
                    account.server(piece);
                } else {
                    account.client(piece, |name| found.push(name));
                }
            }
        }
        found
    }

    #[test]
    fn account_names_of_every_way_to_log_in() {
        let cases = [
            ("pop3", "USER ann\r\nPASS hush\r\n", &["ann"][..]),
            ("pop3", "apop bob c4c9334bac560ecc979e58001b3e22fb\r\n", &["bob"]),
            // NUL ann NUL hush
            ("pop3", "AUTH PLAIN AGFubgBodXNo\r\n", &["ann"]),
            ("pop3", "AUTH PLAIN\r\n<+ \r\nAGFubgBodXNo\r\n", &["ann"]),
            ("pop3", "AUTH LOGIN\r\n<+ VXNlcm5hbWU6\r\nYW5u\r\n<+ UGFzc3dvcmQ6\r\naHVzaA==\r\n", &["ann"]),
            ("pop3", "CAPA\r\nAUTH\r\nQUIT\r\n", &[]),
            ("imap", "a1 LOGIN ann hush\r\n", &["ann"]),
            ("imap", "a1 login \"ann \\\"x\\\"\" \"hush\"\r\n", &["ann \"x\""]),
            ("imap", "a1 LOGIN {3}\r\n<+ go on\r\nann {4}\r\n<+ go on\r\nhush\r\n", &["ann"]),
            ("imap", "a1 LOGIN {3+}\r\nann hush\r\n", &["ann"]),
            ("imap", "a1 AUTHENTICATE PLAIN AGFubgBodXNo\r\n", &["ann"]),
            ("imap", "a1 AUTHENTICATE PLAIN\r\n<+\r\nAGFubgBodXNo\r\na2 SELECT INBOX\r\n", &["ann"]),
            ("imap", "a1 AUTHENTICATE LOGIN\r\n*\r\na2 LOGIN ann hush\r\n", &["ann"]),
            ("imap", "a1 STARTTLS\r\na2 LOGIN ann hush\r\n", &[]),
            ("imap", "a1 LOGIN {999999}\r\nann hush\r\n", &[]),
            ("imap", "a1 SEARCH LOGIN ann\r\n", &[]),
        ];
        for (protocol, script, wanted) in cases {
            for size in [1, 2, 5, 4096] {
                let found = names(protocol, script, size);
                assert_eq!(found, wanted, "{script:?} in pieces of {size}");
                assert!(!found.iter().any(|name| name.contains("hush")));
            }
        }
    }

    #[test]
    fn names_are_few_and_nothing_is_read_across_a_gap() {
        assert_eq!(names("pop3", &"USER ann\r\n".repeat(100), 4096).len(), MAX_NAMES);
        let mut account = Account::of("pop3").expect("a mailbox");
        account.gap();
        account.client(b"USER ann\r\n", |name| panic!("{name}"));
        assert!(Account::of("smtp").is_none());
        // A line without an end is held within its bound.
        let mut account = Account::of("imap").expect("a mailbox");
        (0..1000).for_each(|_| account.client(&[b'a'; 1000], |name| panic!("{name}")));
        account.client(b"\r\na1 LOGIN ann hush\r\n", |name| assert_eq!(name, "ann"));
    }
}
