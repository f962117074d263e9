//! Families: what proves a name.
//!
//! In: the [`Ledger`](super::Ledger) and rules in TOML (`docs/rules.md`). Out: [`Statement`](super::Statement)s, each about one channel, each with
//! figures and frames. This folder refuses to know levels, other signals, and any address, name or hash of a
//! real server: rules state how malware speaks, not where it lives.

mod body;
mod evaluate;
mod look;
mod rule;
mod schema;
mod sketch;
mod value;

#[cfg(test)]
mod tests;

#[cfg(test)]
use crate::detect::evidence::{ChannelIx, Statement};
#[cfg(test)]
use crate::detect::ledger::Ledger;
use std::collections::BTreeSet;

pub use evaluate::{Index, Scene};
pub use rule::{FamilyRule, RuleError, parse, schema};
pub use value::Confidence;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The rule files that are part of the program: name and text.
        pub const SHIPPED: &[(&str, &str)] = &[
            $(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/families/", $name, ".toml")))),*
        ];
        /// The same files, in the form that `build.rs` gives them.
        const MADE: [&str; SHIPPED.len()] =
            [$(include_str!(concat!(env!("OUT_DIR"), "/rules/families/", $name, ".json"))),*];
    };
}

shipped![
    "agenttesla",
    "amadey",
    "amos",
    "arkei",
    "asyncrat",
    "azorult",
    "darkcloud",
    "dnstunnels",
    "emotet",
    "formbook",
    "hancitor",
    "hawkeye",
    "hints",
    "layouts",
    "loaders",
    "lokibot",
    "lumma",
    "macos",
    "masslogger",
    "njrat",
    "others",
    "panels-2019",
    "phoenix",
    "pony",
    "raccoon",
    "rawtools",
    "redline",
    "services-2021",
    "snake",
    "stealc",
    "tlsnames",
    "trickbot",
    "vidar",
    "webtools",
    "zeus",
];

/// Reads the shipped rules; see [`unique`] for what is checked beyond [`parse`].
///
/// # Errors
///
/// A defect of the program: a test reads them all.
pub fn shipped() -> Result<Vec<FamilyRule>, RuleError> {
    let mut rules = Vec::new();
    for ((name, _), made) in SHIPPED.iter().zip(MADE) {
        rules.extend(value::trusting(|| rule::made(made, &format!("rules/families/{name}.toml")))?);
    }
    unique(&rules)?;
    Ok(rules)
}

/// Checks that no two rules, possibly of several files, share an id: findings name rules by it.
///
/// # Errors
///
/// Names the id that is used twice.
pub fn unique(rules: &[FamilyRule]) -> Result<(), RuleError> {
    let mut seen = BTreeSet::new();
    for rule in rules {
        if !seen.insert(rule.id.as_str()) {
            return Err(RuleError {
                file: "all rules".to_owned(),
                rule: Some(rule.id.clone()),
                what: "its id is used twice".to_owned(),
            });
        }
    }
    Ok(())
}

/// Holds every rule against every channel. Linear in flows for each rule; of rules of one family, or of
/// families that fit the same evidence, the strongest speaks for a channel. Weights are in the rules:
/// [`Statement::signal`] is the rule's id.
#[cfg(test)]
fn evaluate(ledger: &Ledger, rules: &[FamilyRule]) -> Vec<Statement> {
    let index = Index::new(rules);
    let scene = Scene::new(ledger, &index);
    let channels = (0..ledger.channels.len()).map(ChannelIx);
    let look = |ix| {
        assert_eq!(scene.unbegun(ix), None);
        scene.statements(ix)
    };
    channels.flat_map(look).collect()
}
