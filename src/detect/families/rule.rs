//! A family rule, and how a file of them is read.

use super::look::Look;
use super::value::{Confidence, Many, Range};
use crate::detect::finding::Kind;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Most decibans a rule may add: beyond, nothing else would count.
const MAX_WEIGHT: f64 = 60.0;
/// Least and most weight by how sure a rule is: low, medium, high.
const WEIGHTS: [(Confidence, f64, f64); 3] =
    [(Confidence::Low, 1.0, 15.0), (Confidence::Medium, 16.0, 29.0), (Confidence::High, 30.0, MAX_WEIGHT)];

/// What stops the reading of a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}{what}", .rule.as_ref().map_or_else(String::new, |id| format!("rule `{id}`: ")))]
pub struct RuleError {
    /// The file.
    pub file: String,
    /// The rule's id, or its number in the file where it has none.
    pub rule: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// What proves a family. Made by [`parse`] only.
#[derive(Debug, Clone)]
pub struct FamilyRule {
    /// Unique, kebab-case.
    pub id: String,
    /// The family.
    pub name: String,
    /// ATT&CK software id, `S0447`.
    pub software: Option<String>,
    /// Other families that the same evidence fits.
    pub also: Vec<String>,
    /// How sure.
    pub confidence: Confidence,
    /// Decibans at full strength.
    pub weight: f64,
    /// What it says of the channel.
    pub kinds: Vec<Kind>,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    /// What it sees, in words.
    pub about: String,
    /// What innocent thing looks the same.
    pub not_proof: String,
    /// Where the facts are from.
    pub source: String,
    /// The test case that shows it: of a shipped rule the test (`panels::lokibot`), of others a capture or records, the
    /// path relative to the rule's file. `rules check` refuses a rule without one.
    pub test: Option<String>,
    /// Whoever called in the conversation gives the orders, and who was called is the victim.
    pub reversed: bool,
    pub(super) body: RuleBody,
}

/// The part of a rule that looks.
#[derive(Debug, Clone)]
pub(super) struct RuleBody {
    pub steps: Vec<Step>,
    pub outside: bool,
    pub roles_not: Vec<String>,
    pub alone: f64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FamilyRule")]
struct RawRule {
    /// Unique: lower case, digits, hyphens.
    id: String,
    /// The family, where it is not that of the file.
    family: Option<String>,
    /// ATT&CK software id, `S0447`.
    software: Option<String>,
    /// Other families that the same evidence fits.
    #[serde(default)]
    also: Vec<String>,
    /// How sure; it bounds the weight: low 1 to 15, medium 16 to 29, high 30 to 60.
    confidence: Confidence,
    /// Decibans at full strength.
    weight: f64,
    /// What it says of the channel; at least one.
    kinds: Vec<Kind>,
    /// ATT&CK technique ids.
    #[serde(default)]
    attack: Vec<String>,
    /// What it sees, in words.
    about: String,
    /// What innocent thing looks the same.
    not_proof: String,
    /// Where the facts are from, where it is not that of the file.
    source: Option<String>,
    /// The capture or records that show it, relative to the file.
    test: Option<String>,
    /// Only where the service is of the Internet.
    #[serde(default)]
    reversed: bool,
    #[serde(default)]
    outside: bool,
    /// Not where the service has one of these roles (`rules/services.toml`).
    #[serde(default)]
    roles_not: Vec<String>,
    /// Strength without any step that adds, 0 to 1.
    #[serde(default = "one")]
    alone: f64,
    /// What must, may or must not be seen; the first is required and looks at the channel.
    step: Vec<Step>,
}

const fn one() -> f64 {
    1.0
}

/// Where a step looks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum On {
    /// In the channel the statement will be about.
    #[default]
    Channel,
    /// In everything the client did.
    Host,
}

/// What sights are told apart or put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Key {
    /// Path without query.
    Path,
    /// Last component of the path, lower case.
    File,
    /// Host header, server name, or address.
    Host,
    /// Address of the server.
    Server,
    /// Bytes sent.
    Bytes,
    /// Subject of a mail up to its first `_`, `|` or space.
    Tag,
}

/// One thing that must, may or must not be seen.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// What it is, in a word or two.
    pub name: String,
    #[serde(default)]
    pub on: On,
    /// How often it must be seen.
    #[serde(default = "once")]
    pub at_least: usize,
    /// It must not be seen.
    #[serde(default)]
    pub none: bool,
    /// It need not be seen; if it is, the statement is stronger by this.
    pub adds: Option<f64>,
    /// Only sights not before the first one of this earlier step.
    pub after: Option<String>,
    /// Only sights within so many seconds of the first one of the step `after`, else of the first step.
    pub within_s: Option<f64>,
    /// Median seconds between sights.
    pub period_s: Option<Range>,
    /// Sights that agree in this are counted together; the largest group counts.
    pub same: Option<Key>,
    /// Sights that agree in this count once.
    pub distinct: Option<Key>,
    /// What it takes: categories of loot.
    #[serde(default)]
    pub takes: Vec<String>,
    /// Its bytes went up as an upload.
    #[serde(default)]
    pub upload: bool,
    /// Kinds that it adds to the rule's.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Any of these looks.
    pub any: Option<Many<Look>>,
    /// HTTP exchanges.
    http: Option<Box<super::look::HttpLook>>,
    tls: Option<Box<super::look::TlsLook>>,
    raw: Option<Box<super::look::RawLook>>,
    mail: Option<Box<super::look::MailLook>>,
    ftp: Option<Box<super::look::FtpLook>>,
    file: Option<Box<super::look::FileLook>>,
    dns: Option<Box<super::look::DnsLook>>,
    flow: Option<Box<super::look::FlowLook>>,
    #[serde(skip)]
    pub looks: Vec<Look>,
    /// Protocols of its looks; 0 where any will do.
    #[serde(skip)]
    pub protocols: u8,
}

const fn once() -> usize {
    1
}

impl Step {
    /// Whether the rule fails without it.
    pub fn required(&self) -> bool {
        !self.none && self.adds.is_none()
    }
    fn gather(&mut self) {
        let own = Look {
            http: self.http.take(),
            tls: self.tls.take(),
            raw: self.raw.take(),
            mail: self.mail.take(),
            ftp: self.ftp.take(),
            file: self.file.take(),
            dns: self.dns.take(),
            flow: self.flow.take(),
            ..Look::default()
        };
        let given = own.count() > 0 || own.flow.is_some();
        self.looks = self.any.take().map(|any| any.0).unwrap_or_default();
        if given {
            self.looks.push(own);
        }
        self.looks.iter_mut().for_each(Look::settle);
        let any = self.looks.iter().any(|look| look.protocols() == 0);
        self.protocols =
            if any { 0 } else { self.looks.iter().fold(0, |bits, look| bits | look.protocols()) };
    }

    fn check(&self, before: &[Self], first: bool) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("step `{}`: {what}", self.name));
        if self.looks.is_empty() {
            return wrong("looks at nothing");
        }
        if self.looks.iter().any(|look| look.count() > 1) {
            return wrong("one look is at one protocol; alternatives stand in `any`");
        }
        if self.required() && self.looks.iter().any(|look| look.count() == 0) {
            return wrong("a port or a size alone may only support (`adds`)");
        }
        if first && (!self.required() || self.on != On::Channel) {
            return wrong("the first step must be required and look at the channel");
        }
        if self.none && (self.adds.is_some() || self.at_least != 1 || self.upload) {
            return wrong("`none` goes with no count, `adds` or `upload`");
        }
        if self.at_least == 0 || before.iter().any(|step| step.name == self.name) {
            return wrong("`at_least` counts from 1, and names are unique");
        }
        if self.adds.is_some_and(|adds| !(0.0..=1.0).contains(&adds)) {
            return wrong("`adds` is from 0 to 1");
        }
        if self.within_s.is_some_and(|s| s.is_nan() || s <= 0.0) || (first && self.within_s.is_some()) {
            return wrong("`within_s` is above 0, and counts from an earlier step");
        }
        if let Some(after) = &self.after
            && !before.iter().any(|step| step.name == *after && step.required())
        {
            return wrong("`after` names an earlier, required step");
        }
        Ok(())
    }
}

/// A file of rules. [`parse`] reads rule by rule, to name the one that is wrong.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A file of family rules")]
struct RuleFile {
    /// The family of all rules in the file that name none.
    family: Option<String>,
    /// Its ATT&CK software id.
    software: Option<String>,
    /// Where the facts are from.
    source: Option<String>,
    /// The rules.
    rule: Vec<RawRule>,
}

/// JSON Schema 2020-12 of a rule file.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(RuleFile)
}

/// Reads a rule file. Strict: what it does not know, it refuses.
///
/// # Errors
///
/// Names the file and the rule, and says what is wrong.
pub fn parse(text: &str, file: &str) -> Result<Vec<FamilyRule>, RuleError> {
    let error = |rule: Option<&str>, what: String| RuleError {
        file: file.to_owned(),
        rule: rule.map(str::to_owned),
        what,
    };
    let table = DeTable::parse(text).map_err(|e| error(None, e.to_string()))?;
    let mut table = table.into_inner();
    let rules = table.remove("rule").map(Spanned::into_inner);
    let head = |key: &str| match table.get(key).map(Spanned::get_ref) {
        None => Ok(None),
        Some(DeValue::String(text)) => Ok(Some(&**text)),
        Some(_) => Err(error(None, format!("`{key}` must be a text"))),
    };
    let head = (head("family")?, head("software")?, head("source")?);
    let known = |key: &str| matches!(key, "family" | "software" | "source");
    if let Some(key) = table.keys().find(|key| !known(key.get_ref())) {
        return Err(error(None, format!("unknown key `{}`", key.get_ref())));
    }
    let Some(DeValue::Array(rules)) = rules else {
        return Err(error(None, "no [[rule]]".to_owned()));
    };
    let mut ids = BTreeSet::new();
    let mut read = Vec::with_capacity(rules.len());
    for (number, value) in rules.into_iter().enumerate() {
        let id =
            value.get_ref().as_table().and_then(|rule| rule.get("id")).and_then(|id| id.get_ref().as_str());
        let name = id.map_or_else(|| (number + 1).to_string(), str::to_owned);
        let error = |what: String| error(Some(&name), what);
        if let Some(path) = hollow(value.get_ref()) {
            return Err(error(format!("`{path}` is empty")));
        }
        let raw = RawRule::deserialize(ValueDeserializer::from(value))
            .map_err(|e: toml::de::Error| error(e.message().to_owned()))?;
        let rule = check(raw, head).map_err(error)?;
        if !ids.insert(rule.id.clone()) {
            return Err(error("its id is used twice".to_owned()));
        }
        read.push(rule);
    }
    Ok(read)
}

/// Reads a file of the program itself, in the form that `build.rs` gives it.
///
/// # Errors
///
/// A defect of the program: a test holds it against the file that it was made of.
pub(super) fn made(text: &str, file: &str) -> Result<Vec<FamilyRule>, RuleError> {
    let error = |rule, what| RuleError { file: file.to_owned(), rule, what };
    let RuleFile { family, software, source, rule } =
        serde_json::from_str(text).map_err(|e| error(None, e.to_string()))?;
    let head = (family.as_deref(), software.as_deref(), source.as_deref());
    let one = |raw: RawRule| {
        let id = raw.id.clone();
        check(raw, head).map_err(|what| error(Some(id), what))
    };
    rule.into_iter().map(one).collect()
}

/// The first key below which nothing stands: a condition without content would always hold.
fn hollow(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Table(table) => table.iter().find_map(|(key, value)| match value.get_ref() {
            DeValue::Table(inner) if inner.is_empty() => Some(key.get_ref().to_string()),
            DeValue::Array(inner) if inner.is_empty() => Some(key.get_ref().to_string()),
            DeValue::String(inner) if inner.trim().is_empty() => Some(key.get_ref().to_string()),
            value => hollow(value).map(|below| format!("{}.{below}", key.get_ref())),
        }),
        DeValue::Array(list) => list.iter().find_map(|value| hollow(value.get_ref())),
        _ => None,
    }
}

/// `T1041`, `T1071.001`; `S0447`.
fn is_id(text: &str, letter: char) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = text.strip_prefix(letter) else { return false };
    match rest.split_once('.') {
        Some((id, part)) => letter == 'T' && digits(id, 4) && digits(part, 3),
        None => digits(rest, 4),
    }
}

type Head<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

fn check(raw: RawRule, (family, software, source): Head<'_>) -> Result<FamilyRule, String> {
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if raw.id.is_empty() || !raw.id.chars().all(kebab) {
        return Err("the id must be of lower-case letters, digits and hyphens".to_owned());
    }
    let Some(name) = raw.family.as_deref().or(family) else { return Err("no family".to_owned()) };
    let Some(source) = raw.source.as_deref().or(source) else { return Err("no source".to_owned()) };
    // A rule that names another family than its file does not take the file's id.
    let software =
        raw.software.as_deref().or(if raw.family.is_none() { software } else { None }).map(str::to_owned);
    if let Some(id) = software.as_ref().filter(|id| !is_id(id, 'S')) {
        return Err(format!("no ATT&CK software id: {id}"));
    }
    if let Some(id) = raw.attack.iter().find(|id| !is_id(id, 'T')) {
        return Err(format!("no ATT&CK technique id: {id}"));
    }
    if let Some((_, least, most)) = WEIGHTS
        .iter()
        .find(|(sure, least, most)| *sure == raw.confidence && !(*least..=*most).contains(&raw.weight))
    {
        return Err(format!("confidence {} goes with a weight of {least} to {most}", raw.confidence));
    }
    if !(0.0..=1.0).contains(&raw.alone) {
        return Err("`alone` is from 0 to 1".to_owned());
    }
    if raw.kinds.is_empty() {
        return Err("no kinds".to_owned());
    }
    let mut steps = raw.step;
    for at in 0..steps.len() {
        steps[at].gather();
        let (before, rest) = steps.split_at(at);
        rest[0].check(before, at == 0)?;
    }
    if steps.is_empty() {
        return Err("no steps".to_owned());
    }
    Ok(FamilyRule {
        id: raw.id,
        name: name.to_owned(),
        software,
        also: raw.also,
        confidence: raw.confidence,
        weight: raw.weight,
        kinds: raw.kinds,
        attack: raw.attack,
        about: raw.about,
        not_proof: raw.not_proof,
        source: source.to_owned(),
        test: raw.test,
        reversed: raw.reversed,
        body: RuleBody { steps, outside: raw.outside, roles_not: raw.roles_not, alone: raw.alone },
    })
}
