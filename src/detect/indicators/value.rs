//! One entry: from its text, defanged or not, to what it is.

use ipnet::IpNet;
use std::borrow::Cow;
use std::net::IpAddr;

/// What an entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// An address or a network, with a port or 0.
    Net(IpNet, u16),
    /// A name, in lower case, which stands for itself and those below it.
    Name(Cow<'a, str>),
    /// A URL without its scheme: `host[:port]/path?query`, the host in lower case.
    Url(Cow<'a, str>),
    /// JA3 (MD5).
    Ja3(u128),
    /// JA4 in lower case.
    Ja4(Cow<'a, str>),
    /// SHA-1 of a certificate.
    Sha1([u8; 20]),
    /// SHA-256 of a certificate.
    Sha256([u8; 32]),
}

/// What is said of a text that is none of these.
const NOTHING: &str = "no address, name, URL or fingerprint";
/// Bytes of an entry beyond which it is not looked at.
const MAX_ENTRY: usize = 4096;

impl<'a> Value<'a> {
    /// Tells what a text names, by its form.
    ///
    /// # Errors
    ///
    /// In a few words, what is wrong with it.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.len() > MAX_ENTRY {
            return Err("too long");
        }
        match refanged(text) {
            Cow::Borrowed(text) => parse(text),
            Cow::Owned(text) => parse(&text).map(Value::into_owned),
        }
    }

    fn into_owned(self) -> Value<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Net(net, port) => Value::Net(net, port),
            Self::Name(name) => Value::Name(own(name)),
            Self::Url(url) => Value::Url(own(url)),
            Self::Ja4(print) => Value::Ja4(own(print)),
            Self::Ja3(print) => Value::Ja3(print),
            Self::Sha1(print) => Value::Sha1(print),
            Self::Sha256(print) => Value::Sha256(print),
        }
    }

    /// With the port that stands beside an address.
    pub fn at(self, port: Option<u16>) -> Self {
        match (self, port) {
            (Self::Net(net, 0), Some(port)) => Self::Net(net, port),
            (own, _) => own,
        }
    }
}

/// Takes away what keeps people from following an entry: `hxxp`, `[.]`, `(dot)`.
fn refanged(text: &str) -> Cow<'_, str> {
    let scheme = text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("hxxp"));
    if !scheme && memchr::memchr3(b'[', b'(', b'{', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut whole = text.to_owned();
    if scheme {
        whole.replace_range(..4, "http");
    }
    for (mark, plain) in [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[:]", ":"),
        ("[::]", "::"),
        ("[://]", "://"),
        ("[/]", "/"),
    ] {
        if whole.contains(mark) {
            whole = whole.replace(mark, plain);
        }
    }
    Cow::Owned(whole)
}

fn parse(text: &str) -> Result<Value<'_>, &'static str> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let web = ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
        return if web { url(rest) } else { Err("a URL of another scheme than http") };
    }
    if let Some(value) = address(text).or_else(|| print(text)) {
        return Ok(value);
    }
    if let Some((host, bits)) = text.split_once('/')
        && !bits.is_empty()
        && bits.bytes().all(|b| b.is_ascii_digit())
        && host.parse::<IpAddr>().is_ok()
    {
        return Err("a network with an impossible prefix");
    }
    if text.contains('/') {
        return if text.starts_with('/') { Err("a path without a host") } else { url(text) };
    }
    // `*.name`, `.name` and the `||name^` of filter lists mean a name and those below it, as every entry does.
    let text = text.strip_prefix("||").unwrap_or(text).trim_end_matches('^');
    let text = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    let bare = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    name(bare.map_or(text, |(host, _)| host)).map(Value::Name)
}

/// An address, a network, or an address with a port.
fn address(text: &str) -> Option<Value<'_>> {
    let first = text.as_bytes().first()?;
    if !first.is_ascii_hexdigit() && !matches!(first, b':' | b'[') {
        return None;
    }
    if let Ok(addr) = text.parse::<IpAddr>() {
        return Some(Value::Net(addr.to_canonical().into(), 0));
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(Value::Net(net.trunc(), 0));
    }
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let addr: IpAddr = host.parse().ok()?;
    Some(Value::Net(addr.to_canonical().into(), port.parse().ok()?))
}

/// A fingerprint, by its length and alphabet; colons between bytes are passed over.
fn print(text: &str) -> Option<Value<'_>> {
    match text.len() {
        32 | 40 | 64 => hash(text),
        59 | 95 => hash(&text.replace(':', "")).map(Value::into_owned),
        36 if ja4(text) => Some(Value::Ja4(lower(text))),
        _ => None,
    }
}

fn hash(text: &str) -> Option<Value<'_>> {
    match text.len() {
        32 => {
            let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
            digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Value::Ja3)
        }
        40 => bytes(text).map(Value::Sha1),
        64 => bytes(text).map(Value::Sha256),
        _ => None,
    }
}

/// The bytes that hexadecimal digits spell, if they are as many.
pub fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut own = [0; N];
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for (byte, pair) in own.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *byte = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Some(own)
}

/// Whether a text has the form of JA4: `t13d1516h2_8daaf6152771_02713d6af862`.
fn ja4(text: &str) -> bool {
    let mut parts = text.split('_');
    let hex = |part: Option<&str>| {
        part.is_some_and(|part| part.len() == 12 && part.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let head = parts.next().unwrap_or_default();
    head.len() == 10
        && head.starts_with(['t', 'q', 'd', 'T', 'Q', 'D'])
        && hex(parts.next())
        && hex(parts.next())
}

/// A URL without its scheme. One that names a host and nothing else is that host.
fn url(rest: &str) -> Result<Value<'_>, &'static str> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split('#').next().unwrap_or_default();
    let place = address(authority);
    if matches!(path, "" | "/") {
        return place.map_or_else(
            || name(authority.rsplit_once(':').map_or(authority, |(host, _)| host)).map(Value::Name),
            Ok,
        );
    }
    let standard = authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443"));
    let authority = standard.filter(|host| !host.ends_with(':')).unwrap_or(authority);
    if place.is_none() {
        name(authority.rsplit_once(':').map_or(authority, |(host, _)| host))?;
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Value::Url(Cow::Owned(format!("{}{slash}{path}", lower(authority)))))
}

/// A name of a host, in lower case and without the dot of the root.
fn name(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if !text.is_ascii() {
        return Err("a name in other letters; give its xn-- form");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let top = text.rsplit('.').next().unwrap_or_default();
    let good = text.len() <= 253
        && text.contains('.')
        && top.bytes().any(|b| b.is_ascii_alphabetic())
        && text.split('.').all(label);
    if good { Ok(lower(text)) } else { Err(NOTHING) }
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str, port: u16) -> Value<'static> {
        Value::Net(text.parse().unwrap(), port)
    }
    fn named(text: &'static str) -> Value<'static> {
        Value::Name(text.into())
    }
    fn web(text: &'static str) -> Value<'static> {
        Value::Url(text.into())
    }

    #[test]
    fn every_kind_is_told_by_its_form() {
        for (text, value) in [
            ("203.0.113.4", net("203.0.113.4/32", 0)),
            (" 203[.]0[.]113[.]4:8080 ", net("203.0.113.4/32", 8080)),
            ("203.0.113.77/24", net("203.0.113.0/24", 0)),
            ("2001:db8::1", net("2001:db8::1/128", 0)),
            ("[2001:db8::1]:443", net("2001:db8::1/128", 443)),
            ("2001[:]db8[::]1", net("2001:db8::1/128", 0)),
            ("::ffff:203.0.113.4", net("203.0.113.4/32", 0)),
            ("Drop.Example.", named("drop.example")),
            ("*.drop[.]example", named("drop.example")),
            ("||drop.example^", named("drop.example")),
            ("drop(dot)example:8443", named("drop.example")),
            ("hxxp://drop[.]example/", named("drop.example")),
            ("hXXps[://]drop.example", named("drop.example")),
            ("http://203.0.113.4:81/", net("203.0.113.4/32", 81)),
            ("http://DROP.example:80/Gate.php?a=B#c", web("drop.example/Gate.php?a=B")),
            ("http://drop.example?a=B", web("drop.example/?a=B")),
            ("https://203.0.113.4:8443/x", web("203.0.113.4:8443/x")),
            ("http://[2001:db8::1]:80/x", web("[2001:db8::1]/x")),
            ("user:word@drop.example/x", web("drop.example/x")),
            ("drop.example/x", web("drop.example/x")),
            (
                "T13d1516h2_8DAAF6152771_02713d6af862",
                Value::Ja4("t13d1516h2_8daaf6152771_02713d6af862".into()),
            ),
            ("000000000000000000000000000000FF", Value::Ja3(255)),
            ("01".repeat(20).as_str(), Value::Sha1([1; 20])),
            ("02".repeat(32).as_str(), Value::Sha256([2; 32])),
            (["0a"; 20].join(":").as_str(), Value::Sha1([10; 20])),
            (["0B"; 32].join(":").as_str(), Value::Sha256([11; 32])),
        ] {
            assert_eq!(Value::parse(text).map(Value::into_owned), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_nothing_is_said_to_be() {
        for text in [
            "",
            "localhost",
            "a b.example",
            "-",
            "1.2.3",
            "1.2.3.4.5",
            "ftp://drop.example/x",
            "/gate.php",
            "a..example",
            "http://",
            "http:///x",
            "é.example",
            "203.0.113.4:99999",
            "203.0.113.4/40",
            "[",
            "[]",
            "::::",
            "a@b.example",
            "+0000000000000000000000000000001",
            &"a".repeat(5000),
        ] {
            assert!(Value::parse(text).is_err(), "{text}: {:?}", Value::parse(text));
        }
    }
}
