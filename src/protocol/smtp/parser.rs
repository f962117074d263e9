//! Lines of a mail dialogue to values (RFC 5321, RFC 3030, RFC 4954).

use super::super::line::{after, contains, text};

/// Longest address that is kept, in bytes: 64 of the local part, `@`, 255 of the domain (RFC 5321 4.5.3.1).
const MAX_ADDRESS: usize = 320;
/// Longest name of a client that is kept, in bytes: that of a domain (RFC 1035).
const MAX_NAME: usize = 255;
/// Longest name of a mechanism, in bytes (RFC 4422 section 3.1).
const MAX_MECHANISM: usize = 20;

/// What a client asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// EHLO, HELO, or LHLO of LMTP (RFC 2033).
    Hello { lmtp: bool, name: String },
    /// AUTH with the mechanism in capitals, where it is a known one, and the initial response.
    Auth { mechanism: String, initial: Option<&'a [u8]> },
    /// MAIL FROM.
    Mail(String),
    /// RCPT TO.
    Rcpt(String),
    /// DATA.
    Data,
    /// BDAT: a chunk of so many bytes follows.
    Bdat { bytes: u64, last: bool },
    /// RSET.
    Rset,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// Any other of the known verbs.
    Other,
}

/// Verbs of which nothing is kept, but that are commands.
const OTHERS: [&[u8]; 12] = [
    b"NOOP",
    b"QUIT",
    b"VRFY",
    b"EXPN",
    b"HELP",
    b"TURN",
    b"ETRN",
    b"ATRN",
    b"XCLIENT",
    b"XFORWARD",
    b"X-ANONYMOUSTLS",
    b"X-EXPS",
];

/// Reads a line of the client; none where it is no command.
pub(super) fn command(line: &[u8]) -> Option<Command<'_>> {
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (verb, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_ascii_start();
    let alone = rest.is_empty();
    let is = |name: &[u8]| verb.eq_ignore_ascii_case(name);
    if is(b"EHLO") || is(b"HELO") || is(b"LHLO") {
        return Some(Command::Hello { lmtp: is(b"LHLO"), name: text(rest, MAX_NAME) });
    }
    if is(b"AUTH") && !alone {
        return Some(auth(rest));
    }
    if is(b"MAIL") || is(b"RCPT") {
        let path = after(rest, if is(b"MAIL") { b"FROM" } else { b"TO" })?.trim_ascii_start();
        let address = address(path.strip_prefix(b":")?);
        return Some(if is(b"MAIL") { Command::Mail(address) } else { Command::Rcpt(address) });
    }
    if is(b"BDAT") {
        return bdat(rest);
    }
    match verb {
        _ if is(b"DATA") && alone => Some(Command::Data),
        _ if is(b"RSET") && alone => Some(Command::Rset),
        _ if is(b"STARTTLS") && alone => Some(Command::StartTls),
        _ if OTHERS.iter().any(|name| is(name)) => Some(Command::Other),
        _ => None,
    }
}

/// Whether a line can be taken for a command where text or a secret is as likely: only forms that have no other
/// meaning.
pub(super) fn surely_command(line: &[u8]) -> bool {
    match command(line) {
        Some(Command::Hello { name, .. }) => !name.is_empty() && !name.contains(' '),
        Some(Command::Auth { mechanism, .. }) => is_mechanism(&mechanism),
        Some(Command::Other) => line.trim_ascii().eq_ignore_ascii_case(b"QUIT"),
        Some(Command::Data) | None => false,
        Some(_) => true,
    }
}

fn is_mechanism(name: &str) -> bool {
    let known =
        ["PLAIN", "LOGIN", "NTLM", "GSSAPI", "XOAUTH", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS"];
    known.contains(&name) || name == "CRAM-MD5" || name == "DIGEST-MD5" || name.starts_with("SCRAM-SHA-")
}

/// A mechanism of no known name is left empty: what stands there may be anything, a password too.
fn auth(rest: &[u8]) -> Command<'_> {
    let mut words = rest.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let named = text(words.next().unwrap_or_default(), MAX_MECHANISM).to_ascii_uppercase();
    let mechanism = if is_mechanism(&named) { named } else { String::new() };
    Command::Auth { mechanism, initial: words.next() }
}

fn bdat(rest: &[u8]) -> Option<Command<'_>> {
    let mut words = rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let bytes = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
    Some(Command::Bdat { bytes, last })
}

/// The address of a path: without the angle brackets and a source route; parameters after it left out.
fn address(path: &[u8]) -> String {
    let path = path.trim_ascii_start();
    let bare = match path.strip_prefix(b"<") {
        Some(inner) => inner.split(|byte| *byte == b'>').next(),
        None => path.split(|byte| *byte == b' ').next(),
    };
    let bare = bare.unwrap_or_default();
    let routed = if bare.starts_with(b"@") { bare.splitn(2, |byte| *byte == b':').nth(1) } else { None };
    text(routed.unwrap_or(bare), MAX_ADDRESS)
}

/// Whether the name a client gave is one label of a host name, as a workstation gives its own.
pub(super) fn bare_host(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&name.len())
        && name.bytes().all(allowed)
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !name.eq_ignore_ascii_case("localhost")
}

/// Undoes what keeps a mail apart from the dialogue: the dots doubled at line starts, and the end mark.
#[derive(Debug)]
pub(super) struct Unstuff {
    place: Place,
    /// The last byte was LF, or none has come.
    fresh: bool,
    /// Lines end in LF alone in this dialogue.
    bare: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of a line.
    Start,
    /// Inside a line.
    Inside,
    /// After a CR.
    Cr,
    /// After a dot at the start of a line.
    Dot,
    /// After that and a CR.
    DotCr,
}

impl Unstuff {
    /// Begins at the start of a line. `bare`: the client ends its lines in LF alone.
    pub(super) const fn new(bare: bool) -> Self {
        Self { place: Place::Start, fresh: true, bare }
    }

    /// Goes through `rest`, which is moved on, and gives the mail's own bytes to `sink`. True where the end mark
    /// was met: what is left of `rest` is dialogue again.
    pub(super) fn feed(&mut self, rest: &mut &[u8], mut sink: impl FnMut(&[u8])) -> bool {
        if let Some(last) = rest.last() {
            self.fresh = *last == b'\n';
        }
        while let Some((&first, tail)) = rest.split_first() {
            match self.place {
                Place::Start if first == b'.' => {
                    *rest = tail;
                    self.place = Place::Dot;
                }
                Place::Inside => self.inside(rest, &mut sink),
                Place::Cr if first == b'\n' => {
                    sink(b"\n");
                    *rest = tail;
                    self.place = Place::Start;
                }
                Place::Dot if first == b'\r' => {
                    *rest = tail;
                    self.place = Place::DotCr;
                }
                Place::Dot if first == b'\n' && self.bare => {
                    *rest = tail;
                    return true;
                }
                Place::DotCr if first == b'\n' => {
                    *rest = tail;
                    return true;
                }
                Place::DotCr => {
                    sink(b"\r");
                    self.place = Place::Inside;
                }
                Place::Start | Place::Cr | Place::Dot => self.place = Place::Inside,
            }
        }
        false
    }

    /// Passes on everything up to the next line that begins with a dot.
    fn inside(&mut self, rest: &mut &[u8], sink: &mut impl FnMut(&[u8])) {
        let mark: &[u8] = if self.bare { b"\n." } else { b"\r\n." };
        let end = memchr::memmem::find(rest, mark).map(|at| at + mark.len() - 1);
        let (own, tail) = rest.split_at(end.unwrap_or(rest.len()));
        sink(own);
        *rest = tail;
        self.place = match own {
            _ if end.is_some() => Place::Start,
            [.., b'\r', b'\n'] => Place::Start,
            [.., b'\n'] if self.bare => Place::Start,
            [.., b'\r'] => Place::Cr,
            _ => Place::Inside,
        };
    }

    /// Whether the next byte begins a line, after CR LF or LF alone.
    pub(super) fn at_line_start(&self) -> bool {
        self.fresh
    }

    /// Whether the client ends its lines in LF alone.
    pub(super) fn bare(&self) -> bool {
        self.bare
    }
}

/// Whether a greeting calls itself a mail server's.
pub(super) fn mail_words(greeting: &[u8]) -> bool {
    contains(greeting, b"smtp") || contains(greeting, b"lmtp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_whatever_their_case_and_blanks() {
        let mail = |line: &str| command(line.as_bytes()).map(|c| format!("{c:?}"));
        assert_eq!(command(b"mail from: <a@b.example> SIZE=9"), Some(Command::Mail("a@b.example".into())));
        assert_eq!(command(b"RCPT TO:<@r.example:a@b.example>"), Some(Command::Rcpt("a@b.example".into())));
        assert_eq!(command(b"MAIL FROM:<>"), Some(Command::Mail(String::new())));
        assert_eq!(command(b"RCPT TO:a@b.example NOTIFY=NEVER"), Some(Command::Rcpt("a@b.example".into())));
        assert_eq!(command(b"BDAT 12 last"), Some(Command::Bdat { bytes: 12, last: true }));
        assert_eq!(command(b"BDAT -1"), None);
        assert_eq!(
            command(b"AUTH login dGVzdA=="),
            Some(Command::Auth { mechanism: "LOGIN".into(), initial: Some(b"dGVzdA==") })
        );
        assert_eq!(mail("DATA now"), None);
        assert_eq!(mail("c2VjcmV0"), None);
    }

    #[test]
    fn text_is_not_taken_for_a_command_where_it_is_as_likely() {
        for text in ["DATA", "help me", "auth was refused", "NOOP", "mail from the office", "HELO there you"]
        {
            assert!(!surely_command(text.as_bytes()), "{text}");
        }
        for line in ["QUIT", "RSET", "MAIL FROM:<a@b.example>", "EHLO PC", "AUTH PLAIN"] {
            assert!(surely_command(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_bare_host_is_one_label() {
        assert!(bare_host("DESKTOP-EXAMPLE"));
        for other in ["[192.0.2.1]", "pc.example", "192", "localhost", "", "a b"] {
            assert!(!bare_host(other), "{other}");
        }
    }

    /// What is sent, whether lines end in LF alone, the mail in it, what follows its end mark.
    type Case<'a> = (&'a [u8], bool, &'a [u8], Option<&'a [u8]>);

    fn unstuffed(pieces: &[&[u8]], bare: bool) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut unstuff = Unstuff::new(bare);
        let mut out = Vec::new();
        let mut left: Option<Vec<u8>> = None;
        for piece in pieces {
            let mut rest = *piece;
            if let Some(left) = &mut left {
                left.extend_from_slice(rest);
            } else if unstuff.feed(&mut rest, |own| out.extend_from_slice(own)) {
                left = Some(rest.to_vec());
            }
        }
        (out, left)
    }

    #[test]
    fn dots_and_end_mark_are_undone_wherever_the_slices_end() {
        let cases: &[Case<'_>] = &[
            (b"..a\r\n..\r\n.b\r\n\r\n.\r\nQUIT\r\n", false, b".a\r\n.\r\nb\r\n\r\n", Some(b"QUIT\r\n")),
            (b".\r\nX", false, b"", Some(b"X")),
            (b"a\n.\nb\r\n.\rc\r\n.\r\n", false, b"a\n.\nb\r\n\rc\r\n", Some(b"")),
            (b"a\n..b\n.\nX", true, b"a\n.b\n", Some(b"X")),
            (b"a\r\r\n.\r\n", false, b"a\r\r\n", Some(b"")),
            (b"no end\r\n.", false, b"no end\r\n", None),
            (b"a\r\n.\nb\r\n.\r\n", false, b"a\r\n\nb\r\n", Some(b"")),
        ];
        for (given, bare, own, left) in cases {
            let want = (own.to_vec(), left.map(<[u8]>::to_vec));
            assert_eq!(unstuffed(&[given], *bare), want, "{:?}", given.escape_ascii().to_string());
            assert_eq!(unstuffed(&given.chunks(1).collect::<Vec<_>>(), *bare), want);
            for cut in 0..given.len() {
                let (a, b) = given.split_at(cut);
                assert_eq!(unstuffed(&[a, b], *bare), want, "cut at {cut}");
            }
        }
    }
}
