//! STIX 2.1 (OASIS, 2021): the patterns of the indicators of a bundle.
//!
//! Understood are comparisons for equality, `IN` and `ISSUBSET`, alone or joined by `OR`; with `AND` only what says the
//! port and kind of one address. What needs two sightings, or a search, is refused: half a pattern would say too much.

use super::Intake;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What is said of patterns over files, mails and programs.
const UNSEEN: &str = "of a kind that packets do not show";
/// Tokens of one pattern.
const MAX_TOKENS: usize = 4096;

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    objects: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    pattern: Cow<'a, str>,
    #[serde(borrow, default)]
    pattern_type: Cow<'a, str>,
    #[serde(default)]
    revoked: bool,
}

/// The objects of a bundle.
pub fn bundle(text: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    let bundle: Bundle<'_> = serde_json::from_str(text)?;
    if bundle.kind == "bundle" { Ok(bundle.objects) } else { Err(serde::de::Error::custom("no bundle")) }
}

/// Reads indicators; what else is in the bundle is passed over.
pub fn read(objects: &[&RawValue], intake: &mut Intake<'_>) {
    intake.loaded.form = "STIX";
    intake.file.word = "indicator--";
    for raw in objects {
        let Ok(object) = serde_json::from_str::<Object<'_>>(raw.get()) else { continue };
        if object.kind != "indicator" || intake.full {
            continue;
        }
        let place = intake.identified(object.id.strip_prefix("indicator--").unwrap_or_default());
        if object.revoked {
            intake.pass();
        } else if !matches!(&*object.pattern_type, "" | "stix") {
            intake.refuse(&object.pattern, place, "a pattern of another language");
        } else {
            match values(&object.pattern) {
                Ok(found) => found.into_iter().for_each(|(text, port)| intake.text(&text, port, place)),
                Err(UNSEEN) => intake.pass(),
                Err(why) => intake.refuse(&object.pattern, place, why),
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A word, a path or a sign: `[`, `]`, `(`, `)`, `,`, `=`.
    Word(String),
    /// A text between quotes.
    Text(String),
}

/// One comparison.
struct Comparison {
    path: String,
    values: Vec<String>,
}

/// What an indicator's pattern looks for: texts with ports.
fn values(pattern: &str) -> Result<Vec<(String, Option<u16>)>, &'static str> {
    const UNKNOWN: &str = "a pattern that is not understood";
    let tokens = tokens(pattern).ok_or(UNKNOWN)?;
    let word =
        |token: &Token, own: &str| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(own));
    let any = |own: &str| tokens.iter().any(|token| word(token, own));
    if ["FOLLOWEDBY", "WITHIN", "REPEATS", "START"].into_iter().any(any) {
        return Err("a pattern that needs several sightings");
    }
    if ["NOT", "!=", "LIKE", "MATCHES", "EXISTS", "<", ">", "<=", ">=", "ISSUPERSET"].into_iter().any(any) {
        return Err("a pattern that is a search");
    }
    if any("AND")
        && (any("(") || tokens.windows(3).any(|three| word(&three[0], "]") && word(&three[1], "AND")))
    {
        return Err("a pattern that needs several things at once");
    }
    let mut groups: Vec<Vec<Comparison>> = Vec::new();
    let mut joined = false;
    let mut rest =
        tokens.iter().filter(|token| !["[", "]", "(", ")", ","].into_iter().any(|sign| word(token, sign)));
    while let Some(token) = rest.next() {
        let Token::Word(path) = token else { return Err(UNKNOWN) };
        match path.to_ascii_uppercase().as_str() {
            "AND" => joined = true,
            "OR" => joined = false,
            _ => {
                let Some(Token::Word(how)) = rest.next() else { return Err(UNKNOWN) };
                if !["=", "==", "IN", "ISSUBSET"].contains(&how.to_ascii_uppercase().as_str()) {
                    return Err(UNKNOWN);
                }
                let mut values = Vec::new();
                let mut ahead = rest.clone();
                while let Some(Token::Text(text)) = ahead.next() {
                    values.push(text.clone());
                    rest.next();
                }
                if values.is_empty() {
                    // A number, as of a port.
                    let Some(Token::Word(number)) = rest.next() else { return Err(UNKNOWN) };
                    values.push(number.clone());
                }
                let comparison = Comparison { path: path.clone(), values };
                match groups.last_mut().filter(|_| joined) {
                    Some(group) => group.push(comparison),
                    None => groups.push(vec![comparison]),
                }
                joined = false;
            }
        }
    }
    let mut found = Vec::new();
    let mut why = UNKNOWN;
    for group in &groups {
        match of_group(group) {
            Ok(more) => found.extend(more),
            Err(reason) => why = reason,
        }
    }
    if found.is_empty() { Err(why) } else { Ok(found) }
}

/// What comparisons that must hold together look for.
fn of_group(group: &[Comparison]) -> Result<Vec<(String, Option<u16>)>, &'static str> {
    let mut port = None;
    let mut main: Option<&Comparison> = None;
    for comparison in group {
        let path = comparison.path.to_ascii_lowercase();
        let one = comparison.values.first().map_or("", String::as_str);
        if path == "network-traffic:dst_port" {
            port = Some(one.parse().map_err(|_| "a port that is none")?);
        } else if path.starts_with("network-traffic:")
            && (path.ends_with("ref.type") || path.contains(":protocols"))
        {
            // Says of what kind the address is, which is seen.
        } else if main.replace(comparison).is_some() {
            return Err("a pattern that needs several things at once");
        }
    }
    let main = main.ok_or("a pattern that names no address, name, URL or fingerprint")?;
    if !known(&main.path) {
        return Err(UNSEEN);
    }
    Ok(main.values.iter().map(|value| (value.clone(), port)).collect())
}

/// Whether a path is of something that records hold.
fn known(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let (object, property) = path.split_once(':').unwrap_or_default();
    match object {
        "ipv4-addr" | "ipv6-addr" | "domain-name" | "url" => property == "value",
        "network-traffic" => {
            property == "dst_ref.value" || property.contains("ja3") || property.contains("ja4")
        }
        "x509-certificate" => property.starts_with("hashes"),
        _ => property.contains("ja3") || property.contains("ja4"),
    }
}

/// The tokens of a pattern; none where a text does not end.
fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(&next) = chars.peek() {
        if tokens.len() >= MAX_TOKENS {
            return None;
        }
        if next.is_whitespace() {
            chars.next();
        } else if next == '\'' {
            tokens.push(Token::Text(quoted(&mut chars)?));
        } else if matches!(next, '[' | ']' | '(' | ')' | ',') {
            chars.next();
            tokens.push(Token::Word(next.to_string()));
        } else {
            let sign = |c: char| matches!(c, '=' | '!' | '<' | '>');
            let mut word = String::new();
            while let Some(&c) = chars.peek() {
                // A key in quotes is part of its path: `hashes.'SHA-256'`.
                if c == '\'' && word.ends_with('.') {
                    word.push_str(&quoted(&mut chars)?);
                } else if c.is_whitespace()
                    || matches!(c, '[' | ']' | '(' | ')' | ',' | '\'')
                    || !word.is_empty() && sign(c) != word.chars().all(sign)
                {
                    break;
                } else {
                    word.push(c);
                    chars.next();
                }
            }
            tokens.push(Token::Word(word));
        }
    }
    Some(tokens)
}

/// A text between quotes, with a backslash before a quote or a backslash in it.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    chars.next();
    let mut text = String::new();
    loop {
        match chars.next()? {
            '\\' => text.push(chars.next()?),
            '\'' => return Some(text),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::Value;
    use super::*;

    /// What a pattern looks for, as far as it is taken.
    fn taken(pattern: &str) -> Result<Vec<String>, &'static str> {
        let all = values(pattern)?;
        for (text, _) in &all {
            Value::parse(text)?;
        }
        Ok(all
            .into_iter()
            .map(|(text, port)| port.map_or(text.clone(), |port| format!("{text}:{port}")))
            .collect())
    }

    #[test]
    fn patterns_of_one_thing_are_understood() {
        let sha = "ab".repeat(32);
        for (pattern, found) in [
            ("[ipv4-addr:value = '203.0.113.4']", vec!["203.0.113.4"]),
            ("[ipv4-addr:value='203.0.113.4']", vec!["203.0.113.4"]),
            ("[ipv4-addr:value ISSUBSET '203.0.113.0/24']", vec!["203.0.113.0/24"]),
            ("[domain-name:value IN ('a.example', 'b.example')]", vec!["a.example", "b.example"]),
            ("[domain-name:value = 'a.example' OR email-addr:value = 'x@b.example']", vec!["a.example"]),
            (
                "([domain-name:value = 'a.example'] OR [url:value = 'http://b.example/it\\'s'])",
                vec!["a.example", "http://b.example/it's"],
            ),
            (
                "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.4' AND network-traffic:dst_port = 443]",
                vec!["203.0.113.4:443"],
            ),
            (&format!("[x509-certificate:hashes.'SHA-256' = '{sha}']"), vec![sha.as_str()]),
            ("[x-tls:ja3 = '000000000000000000000000000000ff']", vec!["000000000000000000000000000000ff"]),
        ] {
            assert_eq!(
                taken(pattern).as_deref(),
                Ok(&*found.iter().map(|&t| t.to_owned()).collect::<Vec<_>>()),
                "{pattern}"
            );
        }
    }

    #[test]
    fn half_a_pattern_is_none() {
        for pattern in [
            "[domain-name:value = 'a.example' AND url:value = 'http://b.example/x']",
            "[domain-name:value = 'a.example'] AND [ipv4-addr:value = '203.0.113.4']",
            "[domain-name:value = 'a.example'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.4']",
            "[domain-name:value LIKE '%.example']",
            "[domain-name:value MATCHES '^a']",
            "[domain-name:value != 'a.example']",
            "[domain-name:value NOT = 'a.example']",
            "[ipv4-addr:value = '203.0.113.4'] WITHIN 5 SECONDS",
            "[file:hashes.'SHA-256' = 'ab']",
            "[domain-name:value = 'a.example",
            "[network-traffic:dst_port = 443]",
            "",
            "[",
            "'",
            "a b c d",
            "[(((((((((",
        ] {
            assert!(taken(pattern).is_err(), "{pattern}: {:?}", taken(pattern));
        }
    }
}
