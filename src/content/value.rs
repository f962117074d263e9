//! Values of fields: what their characters are, what stands below their encoding, which may be shown.

use super::entity::Context;
use super::runs::Runs;
use super::shape::{BASE64_MIN, guid, mixed};
use super::wrapped::{Findings, Wrapped, bounded};
use crate::record::Field;
use aho_corasick::AhoCorasick;
use smol_str::SmolStr;
use std::sync::LazyLock;

/// Longest value that is shown, in characters.
const SHOWN_MAX: usize = 32;

/// Bytes of a value that are kept while it passes: a GUID in braces is 38, and base64 shows in 64.
const START: usize = 64;

/// Shortest value whose class is `hex`, in digits; below it is a number or a word.
const HEX_MIN: u64 = 8;

/// Kinds of characters, as bits.
const DIGIT: u8 = 1;
const HEX: u8 = 2;
const LETTER: u8 = 4;
const BASE: u8 = 8;
const WORD: u8 = 16;
const TEXT: u8 = 32;
const OTHER: u8 = 64;

/// The narrowest kind of each byte.
const KINDS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut n = 0;
    while n < 256 {
        let byte = n as u8;
        table[n] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            // Both alphabets, and what some programs put in place of `+`, `/` and `=`.
            b'+' | b'/' | b'=' | b'-' | b'_' | b'~' | b'(' | b')' | b'.' => BASE,
            b':' | b'@' => WORD,
            b'\t' | b'\r' | b'\n' | 0x20..=0x7e | 0x80..=0xff => TEXT,
            _ => OTHER,
        };
        n += 1;
    }
    table
};

/// One value as it passes.
#[derive(Debug)]
pub(super) struct Value {
    context: Context,
    kinds: u8,
    length: u64,
    start: Vec<u8>,
    below: Below,
}

#[derive(Debug)]
enum Below {
    Undecided,
    Wrapped(Box<Wrapped>),
    Runs(Box<Runs>),
    Nothing,
}

impl Value {
    pub(super) fn new(context: Context) -> Self {
        Self { context, kinds: 0, length: 0, start: Vec::new(), below: Below::Undecided }
    }

    /// Takes decoded bytes of the value.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.kinds |= bytes.iter().fold(0, |kinds, b| kinds | KINDS[usize::from(*b)]);
        self.length = self.length.saturating_add(bytes.len() as u64);
        let (now, later) = bytes.split_at((START - self.start.len()).min(bytes.len()));
        self.start.extend_from_slice(now);
        if matches!(self.below, Below::Undecided) {
            if self.start.len() < START {
                return;
            }
            self.decide();
        } else if !now.is_empty() {
            self.pass(now);
        }
        self.pass(later);
    }

    fn pass(&mut self, bytes: &[u8]) {
        match &mut self.below {
            Below::Wrapped(wrapped) => wrapped.feed(bytes),
            Below::Runs(runs) => runs.feed(bytes),
            Below::Undecided | Below::Nothing => {}
        }
    }

    /// Chooses by the first characters, and hands them on.
    fn decide(&mut self) {
        self.below = Below::Nothing;
        if !self.context.upload || self.start.len() < BASE64_MIN || guid(&self.start) {
            return;
        }
        let sign = |b: &u8| matches!(b, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n');
        let alphabet = |b: &u8| b.is_ascii_alphanumeric() || sign(b);
        let wrapped = if self.start.iter().all(u8::is_ascii_hexdigit) {
            // Identifiers are hexadecimal too: decoded only where a type shows.
            let bytes = crate::record::unhex(std::str::from_utf8(&self.start).unwrap_or(""));
            let known = bytes.is_some_and(|bytes| super::magic::identify(&bytes).is_some());
            if known { Wrapped::hex(self.context) } else { None }
        } else if self.start.iter().all(alphabet) && mixed(&self.start) {
            Wrapped::base64(self.context)
        } else {
            self.below = Below::Runs(Box::new(Runs::new(self.context)));
            None
        };
        if let Some(wrapped) = wrapped {
            self.below = Below::Wrapped(Box::new(wrapped));
        }
        let start = std::mem::take(&mut self.start);
        self.pass(&start);
        self.start = start;
    }

    /// Describes the value; `bytes` is its length undecoded.
    pub(super) fn finish(mut self, name: &str, bytes: u64, findings: &mut Findings) -> Field {
        if matches!(self.below, Below::Undecided) {
            self.decide();
        }
        match std::mem::replace(&mut self.below, Below::Nothing) {
            Below::Wrapped(wrapped) => findings.take(*wrapped, Some(name)),
            Below::Runs(runs) => findings.join(runs.finish()),
            Below::Undecided | Below::Nothing => {}
        }
        let value = if self.length as usize == self.start.len() { harmless(name, &self.start) } else { None };
        Field { name: bounded(name), bytes, value, class: SmolStr::new_static(self.class()) }
    }

    /// What the characters are.
    fn class(&self) -> &'static str {
        let only = |kinds: u8| self.kinds & !kinds == 0;
        if self.length == 0 {
            "empty"
        } else if only(DIGIT) {
            "digits"
        } else if only(DIGIT | HEX) && self.length >= HEX_MIN && self.length.is_multiple_of(2) {
            "hex"
        } else if self.length <= 38 && guid(&self.start) {
            "guid"
        } else if self.is_base64() {
            "base64"
        } else if only(DIGIT | HEX | LETTER | BASE | WORD) {
            "word"
        } else if only(DIGIT | HEX | LETTER | BASE | WORD | TEXT) {
            "text"
        } else {
            "binary"
        }
    }

    fn is_base64(&self) -> bool {
        let kinds = DIGIT | HEX | LETTER | BASE;
        self.length >= BASE64_MIN as u64 && self.kinds & !kinds == 0 && mixed(&self.start)
    }
}

/// A value that may be shown: one word of at most 32 characters, no mail address, under a name that is not one of a
/// secret.
pub(super) fn harmless(name: &str, value: &[u8]) -> Option<String> {
    let word =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'-' | b'{' | b'}');
    if value.is_empty() || value.len() > SHOWN_MAX || !value.iter().all(word) || is_secret(name) {
        return None;
    }
    std::str::from_utf8(value).ok().map(str::to_owned)
}

/// Parts of a name under which a secret stands, all looked for at once.
static SECRET_PARTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let parts = [
        "pass",
        "pwd",
        "pswd",
        "psw",
        "secret",
        "token",
        "cookie",
        "session",
        "auth",
        "bearer",
        "apikey",
        "privatekey",
        "credential",
        "cvv",
        "cvc",
        "card",
        "seed",
        "mnemonic",
        "otp",
        "signature",
        "iban",
        "ssn",
        "jwt",
        "csrf",
    ];
    AhoCorasick::new(parts).ok()
});

/// Whether a name is one under which a secret stands. `passwordCount` and the like are counters.
pub(super) fn is_secret(name: &str) -> bool {
    const WHOLE: &[&str] = &["p", "pw", "pin", "key", "code", "sid", "sig"];
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if plain.ends_with("count") {
        return false;
    }
    // Without an automaton, which is small and can be built, everything is a secret.
    SECRET_PARTS.as_ref().is_none_or(|parts| parts.is_match(&plain)) || WHOLE.contains(&plain.as_str())
}

/// Whether a name is one of an account. Beside a secret its value is half of a stolen pair.
fn is_account(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    ["user", "login", "mail", "account"].iter().any(|part| plain.contains(part))
}

/// Takes away account names beside secrets; whether there are secrets.
pub(super) fn guard(fields: &mut [Field]) -> bool {
    const PASSWORDS: &[&str] =
        &["pass", "pwd", "pswd", "psw", "cookie", "secret", "cvv", "card", "seed", "mnemonic"];
    let password = |field: &&Field| {
        let name = field.name.to_ascii_lowercase();
        is_secret(&name) && PASSWORDS.iter().any(|part| name.contains(part)) && field.bytes > 0
    };
    let secrets = fields.iter().any(|field| password(&field));
    if secrets {
        fields.iter_mut().filter(|field| is_account(&field.name)).for_each(|field| field.value = None);
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &[u8]) -> Field {
        let context = Context { upload: true, layers: 2, ..Context::default() };
        let describe = |size: usize| {
            let mut seen = Value::new(context);
            value.chunks(size).for_each(|piece| seen.feed(piece));
            seen.finish(name, value.len() as u64, &mut Findings::default())
        };
        let whole = describe(value.len().max(1));
        assert_eq!(describe(1), whole);
        whole
    }

    #[test]
    fn classes_of_values() {
        for (value, class) in [
            (b"".as_slice(), "empty"),
            (b"4711", "digits"),
            (b"0123456789abcdef", "hex"),
            (b"abc", "word"),
            (b"4.0", "word"),
            (b"{00000000-1111-2222-3333-444444444444}", "guid"),
            (b"aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0", "base64"),
            (b"aGVsbG8gd29ybGQsIHRoa~MgaXMgYSB0(ZXN0)__", "base64"),
            (b"two words", "text"),
            (b"\x01\x02", "binary"),
        ] {
            assert_eq!(field("x", value).class, class, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn only_harmless_words_are_shown() {
        assert_eq!(field("act", b"send_message").value.as_deref(), Some("send_message"));
        assert_eq!(field("hwid", &[b'a'; 32]).value.map(|v| v.len()), Some(32));
        assert_eq!(field("hwid", &[b'a'; 33]).value, None);
        assert_eq!(field("user", b"erika@provider.example").value, None);
        assert_eq!(field("name", b"two words").value, None);
        for secret in ["password", "user_pass", "PWD", "access_token", "p", "Cookie"] {
            assert_eq!(field(secret, b"nothing").value, None, "{secret}");
        }
        assert_eq!(field("passwordCount", b"12").value.as_deref(), Some("12"));
        let mut both = [field("username", b"erika"), field("password", b"x"), field("os", b"Win")];
        assert!(guard(&mut both));
        assert_eq!(both.map(|f| f.value.is_some()), [false, false, true]);
    }
}
