//! The rules in force: weights and reasons of signals, known services.

use super::allow::Allow;
use super::evidence::{SignalRule, SignalRules};
use super::families::{self, FamilyRule};
use super::finding::Level;
use super::indicators::{self, Indicators, ListError, Loaded};
use super::ledger::{ServiceRules, Services};
use super::score::FamilyNote;
use super::{attack, signals};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SIGNALS: &str = include_str!("../../rules/signals.toml");
const SERVICES: &str = include_str!("../../rules/services.toml");
/// The same, in the form that `build.rs` gives them.
const SIGNALS_MADE: &str = include_str!(concat!(env!("OUT_DIR"), "/rules/signals.json"));
/// Likewise.
const SERVICES_MADE: &str = include_str!(concat!(env!("OUT_DIR"), "/rules/services.json"));

/// What is wrong with a rule text.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// It is not the TOML that was expected.
    #[error("{file}: {source}")]
    Toml {
        /// Which text.
        file: String,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// It is well-formed and makes no sense.
    #[error("{file}: {what}")]
    Senseless {
        /// Which text.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// A family rule is wrong.
    #[error(transparent)]
    Family(#[from] families::RuleError),
    /// A file of rules could not be read.
    #[error("{file}: {source}")]
    Io {
        /// Which file or folder.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// All rules, compiled.
#[derive(Debug, Clone)]
pub struct Rules {
    signals: SignalRules,
    services: Services,
    families: Vec<FamilyRule>,
    notes: BTreeMap<String, FamilyNote>,
    allow: Allow,
    lists: Option<Box<Indicators>>,
    digest: String,
}

impl Rules {
    /// The rules that come with the program.
    pub fn shipped() -> Result<Self, RuleError> {
        Self::load(&[], true)
    }

    /// Signals and services that come with the program, with the family rules of these files and folders (`*.toml`
    /// in them, by name), and the shipped family rules where `shipped` says so.
    pub fn load(paths: &[PathBuf], shipped: bool) -> Result<Self, RuleError> {
        let signals = check_signals(made(SIGNALS_MADE, "rules/signals.toml")?, "rules/signals.toml")?;
        let services = Services::new(&made(SERVICES_MADE, "rules/services.toml")?);
        let mut digest = Sha256::new().chain_update(SIGNALS).chain_update(SERVICES);
        let mut families = Vec::new();
        if shipped {
            families = families::shipped()?;
            digest = families::SHIPPED.iter().fold(digest, |digest, (_, text)| digest.chain_update(text));
        }
        for file in files(paths)? {
            let name = file.to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&file)
                .map_err(|source| RuleError::Io { file: name.clone(), source })?;
            families.extend(families::parse(&text, &name)?);
            digest = digest.chain_update(&text);
        }
        families::unique(&families)?;
        let notes = families.iter().map(|rule| (rule.id.clone(), note(rule))).collect();
        let digest = crate::record::Hex::from(&*digest.finalize()).to_string();
        Ok(Self { signals, services, families, notes, allow: Allow::default(), lists: None, digest })
    }

    /// Adds an allow-list: what the user vouches for. `file` names it in errors.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn allow(&mut self, text: &str, file: &str) -> Result<(), RuleError> {
        self.allow.add(text, file, self.families.iter().map(|rule| rule.id.as_str()))?;
        let digest = Sha256::new().chain_update(&self.digest).chain_update(text);
        self.digest = crate::record::Hex::from(&*digest.finalize()).to_string();
        Ok(())
    }

    /// Adds a list of indicators: what the user looks for. `file` names it in reports and errors.
    ///
    /// # Errors
    ///
    /// When nothing in it can be looked for; single entries that cannot are told in [`Loaded`].
    pub fn watch(&mut self, text: &str, file: &str) -> Result<Loaded, ListError> {
        let loaded = self.lists.get_or_insert_default().add(text, file, &self.services)?;
        let digest = Sha256::new().chain_update(&self.digest).chain_update(text);
        self.digest = crate::record::Hex::from(&*digest.finalize()).to_string();
        Ok(loaded)
    }

    /// What the user looks for; nothing where no list was given.
    pub(super) fn watched(&self) -> Option<&Indicators> {
        self.lists.as_deref()
    }

    /// What the user vouches for.
    pub(super) const fn allowed(&self) -> &Allow {
        &self.allow
    }

    /// Family rules.
    pub fn families(&self) -> &[FamilyRule] {
        &self.families
    }

    /// What family rules weigh and say, by id.
    pub(super) const fn notes(&self) -> &BTreeMap<String, FamilyNote> {
        &self.notes
    }

    /// SHA-256 of the rule texts, hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Weights and reasons.
    pub const fn signals(&self) -> &SignalRules {
        &self.signals
    }

    /// Known services.
    pub const fn services(&self) -> &Services {
        &self.services
    }
}

/// The files of these paths: those in a folder that end in `.toml`, by name.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, RuleError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let wrong = |source| RuleError::Io { file: path.to_string_lossy().into_owned(), source };
            let mut inside = Vec::new();
            for entry in std::fs::read_dir(path).map_err(wrong)? {
                inside.push(entry.map_err(wrong)?.path());
            }
            inside.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
            inside.sort();
            files.extend(inside);
        } else {
            files.push(Path::to_owned(path));
        }
    }
    Ok(files)
}

fn note(rule: &FamilyRule) -> FamilyNote {
    FamilyNote {
        name: rule.name.clone(),
        software: rule.software.clone(),
        confidence: rule.confidence.to_string(),
        also: rule.also.clone(),
        weight: rule.weight,
        kinds: rule.kinds.clone(),
        attack: rule.attack.clone(),
        not_proof: rule.not_proof.clone(),
        reversed: rule.reversed,
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str, file: &str) -> Result<T, RuleError> {
    toml::from_str(text).map_err(|source| RuleError::Toml { file: file.to_owned(), source: Box::new(source) })
}

/// Reads what `build.rs` made of a file of the program.
fn made<T: serde::de::DeserializeOwned>(text: &str, file: &str) -> Result<T, RuleError> {
    serde_json::from_str(text)
        .map_err(|error| RuleError::Senseless { file: file.to_owned(), what: error.to_string() })
}

/// Reads the text of `services.toml`.
pub fn parse_services(text: &str, file: &str) -> Result<Services, RuleError> {
    read::<ServiceRules>(text, file).map(|rules| Services::new(&rules))
}

/// Reads and checks the text of `signals.toml`.
pub fn parse_signals(text: &str, file: &str) -> Result<SignalRules, RuleError> {
    check_signals(read(text, file)?, file)
}

fn check_signals(rules: SignalRules, file: &str) -> Result<SignalRules, RuleError> {
    let wrong = |what: String| Err(RuleError::Senseless { file: file.to_owned(), what });
    for (name, rule) in &rules.signal {
        let SignalRule { weight, group, attack: techniques, .. } = rule;
        if !rules.groups.contains_key(group) {
            return wrong(format!("signal {name} is of the group {group}, which has no cap"));
        }
        if let Some(id) = techniques.iter().find(|id| attack::name(id).is_none()) {
            return wrong(format!("signal {name}: {id} is no technique that is known"));
        }
        if !weight.is_finite() {
            return wrong(format!("signal {name} has no finite weight"));
        }
    }
    let all = signals::ALL.into_iter().flatten().map(|signal| signal.name);
    if let Some(name) = all
        .chain(super::innocence::REASONS)
        .chain(indicators::SIGNALS)
        .find(|name| !rules.signal.contains_key(*name))
    {
        return wrong(format!("signal {name} has no weight"));
    }
    if let Some(group) = rules.weak.iter().find(|group| !rules.groups.contains_key(*group)) {
        return wrong(format!("the weak group {group} has no cap"));
    }
    let levels = [Level::Low, Level::Medium, Level::High, Level::Critical];
    let limits: Vec<Option<f64>> = levels.iter().map(|level| rules.levels.get(level).copied()).collect();
    if limits.iter().any(Option::is_none) || !limits.is_sorted() {
        return wrong("levels must be four limits that rise".to_owned());
    }
    if limits.first().copied().flatten().is_none_or(|low| low < 0.0) {
        return wrong("no level begins below even odds".to_owned());
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_stand() {
        let rules = Rules::shipped().unwrap();
        assert_eq!(rules.digest().len(), 64);
        for rule in rules.families() {
            let unknown = rule.attack.iter().find(|id| attack::name(id).is_none());
            assert_eq!(unknown, None, "technique of {}", rule.id);
        }
    }

    #[test]
    fn what_is_made_of_the_rules_says_the_same() {
        let same = |made: &dyn std::fmt::Debug, text: &dyn std::fmt::Debug| {
            assert_eq!(format!("{made:?}"), format!("{text:?}"));
        };
        same(
            &made::<SignalRules>(SIGNALS_MADE, "made").unwrap(),
            &parse_signals(SIGNALS, "rules/signals.toml").unwrap(),
        );
        same(
            &made::<ServiceRules>(SERVICES_MADE, "made").unwrap(),
            &read::<ServiceRules>(SERVICES, "rules/services.toml").unwrap(),
        );
        let read = families::SHIPPED.iter().flat_map(|(name, text)| families::parse(text, name).unwrap());
        same(&families::shipped().unwrap(), &read.collect::<Vec<_>>());
    }

    #[test]
    fn senseless_rules_are_refused() {
        for (old, new) in
            [("weight = 14", "weight = nan"), ("group = \"beat\"", "group = \"nowhere\""), ("T1041", "T9999")]
        {
            assert!(SIGNALS.contains(old), "{old}");
            assert!(parse_signals(&SIGNALS.replacen(old, new, 1), "test").is_err(), "{new}");
        }
    }
}
