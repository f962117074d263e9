//! Who logs in, out of an AUTH exchange (RFC 4954; of IMAP and POP3 as well). What is no account name is dropped where it is read.

use super::super::line::{contains, text, unbase64};

/// Longest account name that is kept, in bytes.
const MAX_USER: usize = 255;

/// What the server asked for last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompt {
    User,
    Secret,
    /// No text that tells: a challenge, or empty.
    Unclear,
}

/// One exchange of the client's answers to the server's prompts.
#[derive(Debug)]
pub(in crate::protocol) struct Login {
    mechanism: String,
    /// Prompts of the server and answers of the client to them, the initial response aside.
    prompts: u32,
    answers: u32,
    /// Answers with the initial response.
    given: u32,
    prompt: Option<Prompt>,
    /// Lines of the exchange were lost: only an answer to a prompt that asks for the name is believed.
    lost: bool,
}

impl Login {
    /// Begins at the AUTH command.
    pub(in crate::protocol) const fn new(mechanism: String) -> Self {
        Self { mechanism, prompts: 0, answers: 0, given: 0, prompt: None, lost: false }
    }

    /// Takes the text of a 334 reply. True where the client has not answered it ahead.
    pub(in crate::protocol) fn prompt(&mut self, challenge: &[u8]) -> bool {
        self.prompts = self.prompts.saturating_add(1);
        let open = self.prompts > self.answers;
        if open {
            let said = unbase64(challenge).unwrap_or_default();
            let said = [challenge, &said];
            let says = |word: &[u8]| said.iter().any(|text| contains(text, word));
            self.prompt = Some(match () {
                () if says(b"pass") => Prompt::Secret,
                () if says(b"user") => Prompt::User,
                () => Prompt::Unclear,
            });
        }
        open
    }

    /// Notes that lines of either side are missing.
    pub(in crate::protocol) fn gap(&mut self) {
        self.lost = true;
        self.prompt = None;
    }

    /// Takes the initial response.
    pub(in crate::protocol) fn initial(&mut self, answer: &[u8]) -> Option<String> {
        self.given = 1;
        self.name(answer, None, 0)
    }

    /// Takes a line the client answers with: the account name, where it is told.
    pub(in crate::protocol) fn answer(&mut self, line: &[u8]) -> Option<String> {
        let nth = self.given;
        self.given = self.given.saturating_add(1);
        self.answers = self.answers.saturating_add(1);
        let prompt = self.prompt.take();
        self.name(line, prompt, nth)
    }

    /// No further answer is due by the mechanism's rules.
    pub(in crate::protocol) fn complete(&self) -> bool {
        let due = match self.mechanism.as_str() {
            "LOGIN" | "NTLM" => 2,
            "PLAIN" | "CRAM-MD5" | "XOAUTH2" | "OAUTHBEARER" | "EXTERNAL" => 1,
            _ => u32::MAX,
        };
        self.given >= due
    }

    fn name(&self, answer: &[u8], prompt: Option<Prompt>, nth: u32) -> Option<String> {
        if self.lost && prompt != Some(Prompt::User) {
            return None;
        }
        let plain = unbase64(answer)?;
        let name = match self.mechanism.as_str() {
            "LOGIN" => match prompt {
                Some(Prompt::User) => Some(plain.as_slice()),
                Some(Prompt::Secret) => None,
                Some(Prompt::Unclear) | None => (nth == 0).then_some(plain.as_slice()),
            },
            "PLAIN" => plain_name(&plain),
            "CRAM-MD5" => cram_name(&plain),
            "XOAUTH2" => field(&plain, b"user=", b"\x01"),
            "OAUTHBEARER" => field(&plain, b",a=", b","),
            "NTLM" => return ntlm_name(&plain),
            "DIGEST-MD5" => field(&plain, b"username=\"", b"\""),
            scram if scram.starts_with("SCRAM-") && nth == 0 => field(&plain, b",n=", b","),
            _ => None,
        };
        name.map(|name| text(name, MAX_USER)).filter(|name| !name.is_empty())
    }
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616).
fn plain_name(plain: &[u8]) -> Option<&[u8]> {
    let parts: Vec<&[u8]> = plain.splitn(4, |byte| *byte == 0).collect();
    match parts.as_slice() {
        [other, b"", _] => Some(other),
        // In the second form the NUL in front is forgotten: the name leads, the password follows.
        [_, name, _, ..] | [name, _] => Some(name),
        _ => None,
    }
}

/// `name SP digest`, the digest in 32 hexadecimal digits (RFC 2195).
fn cram_name(plain: &[u8]) -> Option<&[u8]> {
    let space = plain.iter().rposition(|byte| *byte == b' ')?;
    let (name, digest) = plain.split_at_checked(space)?;
    let digest = digest.trim_ascii();
    (digest.len() == 32 && digest.iter().all(u8::is_ascii_hexdigit)).then_some(name)
}

/// What stands between `start` and the next `end`.
fn field<'a>(plain: &'a [u8], start: &[u8], end: &[u8]) -> Option<&'a [u8]> {
    let from = memchr::memmem::find(plain, start)? + start.len();
    let rest = plain.get(from..)?;
    rest.get(..memchr::memmem::find(rest, end).unwrap_or(rest.len()))
}

/// `DOMAIN\user` of an NTLM AUTHENTICATE message ([MS-NLMP] 2.2.1.3).
fn ntlm_name(message: &[u8]) -> Option<String> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(message.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(message.get(at..at + 4)?.try_into().ok()?));
    if !message.starts_with(b"NTLMSSP\0") || u32_at(8)? != 3 {
        return None;
    }
    let wide = u32_at(60)? & 1 == 1;
    let field = |at: usize| {
        let from = usize::try_from(u32_at(at + 4)?).ok()?;
        let bytes = message.get(from..from.checked_add(usize::from(u16_at(at)?))?)?;
        if !wide {
            return Some(text(bytes, MAX_USER));
        }
        let units = bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
        let wide = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        Some(text(wide.collect::<String>().as_bytes(), MAX_USER))
    };
    let (domain, user) = (field(28)?, field(36)?);
    match (domain.is_empty(), user.is_empty()) {
        (_, true) => None,
        (true, false) => Some(user),
        (false, false) => Some(format!("{domain}\\{user}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as B64;

    fn first(mechanism: &str, answer: &[u8]) -> Option<String> {
        Login::new(mechanism.to_owned()).answer(B64.encode(answer).as_bytes())
    }

    #[test]
    fn each_mechanism_tells_its_account_name_only() {
        assert_eq!(first("PLAIN", b"\0erika@a.example\0secret"), Some("erika@a.example".into()));
        assert_eq!(first("PLAIN", b"erika\0\0secret"), Some("erika".into()));
        assert_eq!(first("PLAIN", b"erika\0secret"), Some("erika".into()));
        assert_eq!(first("PLAIN", b"secret"), None);
        assert_eq!(first("CRAM-MD5", b"eri ka 0123456789abcdef0123456789ABCDEF"), Some("eri ka".into()));
        assert_eq!(first("CRAM-MD5", b"two words"), None);
        assert_eq!(
            first("XOAUTH2", b"user=erika@a.example\x01auth=Bearer t\x01\x01"),
            Some("erika@a.example".into())
        );
        assert_eq!(first("OAUTHBEARER", b"n,a=erika,\x01auth=Bearer t\x01\x01"), Some("erika".into()));
        assert_eq!(first("DIGEST-MD5", b"username=\"erika\",realm=\"x\""), Some("erika".into()));
        assert_eq!(first("SCRAM-SHA-256", b"n,,n=erika,r=abc"), Some("erika".into()));
        assert_eq!(first("GSSAPI", b"anything"), None);
    }

    #[test]
    fn a_login_follows_the_prompts_before_the_order() {
        let mut login = Login::new("LOGIN".into());
        login.prompt(B64.encode("Password:").as_bytes());
        assert_eq!(login.answer(B64.encode("secret").as_bytes()), None);
        login.prompt(B64.encode("Username:").as_bytes());
        assert_eq!(login.answer(B64.encode("erika").as_bytes()), Some("erika".into()));
        let mut ahead = Login::new("LOGIN".into());
        assert_eq!(ahead.answer(B64.encode("erika").as_bytes()), Some("erika".into()));
        assert_eq!(ahead.answer(B64.encode("secret").as_bytes()), None);
        assert!(ahead.complete());
        assert!(!ahead.prompt(B64.encode("Username:").as_bytes()));
    }

    #[test]
    fn nothing_is_taken_for_a_name_after_a_gap_or_out_of_clear_text() {
        let mut lost = Login::new("LOGIN".into());
        lost.gap();
        assert_eq!(lost.answer(B64.encode("secret").as_bytes()), None);
        assert_eq!(Login::new("LOGIN".into()).answer(b"se cret!"), None);
    }

    #[test]
    fn an_ntlm_message_is_read_within_its_bounds() {
        let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
        message.resize(64, 0);
        message[28..36].copy_from_slice(&[4, 0, 4, 0, 64, 0, 0, 0]);
        message[36..44].copy_from_slice(&[10, 0, 10, 0, 68, 0, 0, 0]);
        message[60] = 1;
        message.extend("EXerika".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(first("NTLM", &message), Some("EX\\erika".into()));
        message[40] = 255;
        assert_eq!(first("NTLM", &message), None);
        for length in 0..message.len() {
            let _ = first("NTLM", &message[..length]);
        }
    }
}
