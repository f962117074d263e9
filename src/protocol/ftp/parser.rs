//! Lines of an FTP control connection to values (RFC 959, 2228, 2389, 2428, 3659, 4217, 7151).

use super::super::line::text;
use std::net::{IpAddr, Ipv4Addr};

/// Longest argument that is kept, in bytes.
pub(super) const MAX_ARGUMENT: usize = 512;
/// Telnet's "interpret as command"; clients send it with a second byte before ABOR and STAT (RFC 959 section 4.1.3).
const TELNET: u8 = 255;

/// Every verb that may stand in a record, so that nothing else ever does: a line that is none may hold a password.
const VERBS: [&str; 63] = [
    "ABOR", "ACCT", "ADAT", "ALLO", "APPE", "AUTH", "AVBL", "CCC", "CDUP", "CLNT", "CONF", "CSID", "CWD",
    "DELE", "DSIZ", "ENC", "EPRT", "EPSV", "FEAT", "HELP", "HOST", "LANG", "LIST", "LPRT", "LPSV", "MDTM",
    "MFCT", "MFF", "MFMT", "MIC", "MKD", "MLSD", "MLST", "MODE", "NLST", "NOOP", "OPTS", "PASS", "PASV",
    "PBSZ", "PORT", "PROT", "PWD", "QUIT", "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE", "SIZE",
    "SMNT", "SPSV", "STAT", "STOR", "STOU", "STRU", "SYST", "TYPE", "USER", "XCRC", "XMD5",
];
/// Older names (RFC 775) of verbs.
const OLD: [(&str, &str); 5] =
    [("XCUP", "CDUP"), ("XCWD", "CWD"), ("XMKD", "MKD"), ("XPWD", "PWD"), ("XRMD", "RMD")];

/// A command of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// In capitals, by its present name.
    pub(super) verb: &'static str,
    /// What follows.
    pub(super) argument: &'a [u8],
}

impl<'a> Command<'a> {
    /// Reads a line; none where it is no command.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut line = line.trim_ascii();
        while let [TELNET, _, rest @ ..] = line {
            line = rest.trim_ascii_start();
        }
        let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
        let (name, rest) = line.split_at_checked(end)?;
        let is = |verb: &str| name.eq_ignore_ascii_case(verb.as_bytes());
        let verb = VERBS
            .iter()
            .copied()
            .find(|verb| is(verb))
            .or_else(|| OLD.iter().find(|(old, _)| is(old)).map(|(_, verb)| *verb))?;
        Some(Self { verb, argument: rest.trim_ascii() })
    }

    /// The argument as it may be kept: none where it is a secret.
    pub(super) fn shown(&self) -> String {
        let argument = match self.verb {
            "PASS" | "ACCT" | "ADAT" | "MIC" | "CONF" | "ENC" => &[],
            // SITE commands of servers set passwords too: only which command it is.
            "SITE" => self.argument.split(u8::is_ascii_whitespace).next().unwrap_or_default(),
            _ => self.argument,
        };
        text(argument, MAX_ARGUMENT)
    }

    /// A data connection serves it.
    pub(super) fn transfers(&self) -> bool {
        matches!(self.verb, "STOR" | "APPE" | "STOU" | "RETR" | "LIST" | "NLST" | "MLSD")
    }

    /// It asks the server to listen.
    pub(super) fn passive(&self) -> bool {
        matches!(self.verb, "PASV" | "EPSV" | "LPSV" | "SPSV")
    }

    /// It may come between name and password.
    pub(super) fn before_login(&self) -> bool {
        matches!(
            self.verb,
            "USER" | "QUIT" | "AUTH" | "ADAT" | "PBSZ" | "PROT" | "FEAT" | "OPTS" | "HOST" | "CLNT" | "REIN"
        )
    }

    /// It asks for TLS (RFC 4217; `SSL` of its drafts).
    pub(super) fn asks_tls(&self) -> bool {
        let wanted = |name: &[u8]| self.argument.eq_ignore_ascii_case(name);
        self.verb == "AUTH" && [&b"TLS"[..], b"SSL", b"TLS-C", b"TLS-P"].into_iter().any(wanted)
    }
}

/// Address and port of six numbers, `h1,h2,h3,h4,p1,p2`, wherever they stand in the text of PORT or 227.
pub(super) fn six_numbers(said: &[u8]) -> Option<(Ipv4Addr, u16)> {
    said.split(|byte| !byte.is_ascii_digit() && *byte != b',').find_map(|run| {
        let mut numbers = [0_u8; 6];
        let mut parts = run.split(|byte| *byte == b',');
        for number in &mut numbers {
            *number = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
        }
        let [a, b, c, d, high, low] = numbers;
        parts.next().is_none().then_some((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
    })
}

/// Address, where there is one, and port of `|protocol|address|port|` with any delimiter: EPRT, or 229 with or
/// without the parentheses (RFC 2428).
pub(super) fn extended(said: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let open = memchr::memchr(b'(', said).map_or(0, |at| at + 1);
    let (delimiter, rest) = said.get(open..)?.trim_ascii_start().split_first()?;
    // RFC 2428 section 2: printable, and no digit could delimit digits.
    if !delimiter.is_ascii_punctuation() {
        return None;
    }
    let mut parts = rest.split(|byte| byte == delimiter);
    let (_, address, port) = (parts.next()?, parts.next()?, parts.next()?);
    let port = std::str::from_utf8(port).ok()?.parse().ok()?;
    let address =
        if address.is_empty() { None } else { Some(std::str::from_utf8(address).ok()?.parse().ok()?) };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_known_verbs_only() {
        let parse = |line: &'static [u8]| Command::parse(line).map(|c| (c.verb, c.shown()));
        assert_eq!(parse(b"stor  a b.html "), Some(("STOR", "a b.html".to_owned())));
        assert_eq!(parse(b"XMKD x"), Some(("MKD", "x".to_owned())));
        assert_eq!(parse(b"\xff\xf4\xff\xf2ABOR"), Some(("ABOR", String::new())));
        assert_eq!(parse(b" pass hunter2"), Some(("PASS", String::new())));
        assert_eq!(parse(b"PASS\thunter2"), Some(("PASS", String::new())));
        assert_eq!(parse(b"SITE PSWD old new"), Some(("SITE", "PSWD".to_owned())));
        assert_eq!(parse(b"hunter2 store"), None);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"\xff"), None);
    }

    #[test]
    fn six_numbers_are_found_and_bounded() {
        let want = Some((Ipv4Addr::new(192, 0, 2, 1), 50_000));
        for said in ["Entering Passive Mode (192,0,2,1,195,80).", "=192,0,2,1,195,80", "192,0,2,1,195,80"] {
            assert_eq!(six_numbers(said.as_bytes()), want, "{said}");
        }
        for said in ["192,0,2,1,195", "192,0,2,1,195,256", "192,0,2,1,195,80,1", "", "(192,,2,1,195,80)"] {
            assert_eq!(six_numbers(said.as_bytes()), None, "{said}");
        }
    }

    #[test]
    fn extended_forms_take_any_delimiter() {
        assert_eq!(extended(b"Entering Extended Passive Mode (|||40123|)"), Some((None, 40_123)));
        assert_eq!(extended(b"ok (!!!5!)"), Some((None, 5)));
        assert_eq!(extended(b"|2|2001:db8::1|6446|"), Some((Some("2001:db8::1".parse().unwrap()), 6446)));
        assert_eq!(extended(b"|1|192.0.2.1|70000|"), None);
        assert_eq!(extended(b"|1|x|7|"), None);
        assert_eq!(extended(b"(1111)"), None);
        assert_eq!(extended(b""), None);
    }
}
