//! The sum: decibans of statements, group by group, to a level.

use super::evidence::{SignalRules, Statement};
use super::finding::{Kind, Level, Term};
use std::collections::BTreeMap;

/// What a family rule weighs and says.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyNote {
    /// Family name.
    pub name: String,
    /// ATT&CK software id.
    pub software: Option<String>,
    /// `high`, `medium`, `low`.
    pub confidence: String,
    /// Other families that the same evidence fits.
    pub also: Vec<String>,
    /// Decibans at full strength.
    pub weight: f64,
    /// What it says of the channel.
    pub kinds: Vec<Kind>,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    /// What innocent thing looks the same.
    pub not_proof: String,
    /// The caller gives the orders: victim and server change places.
    pub reversed: bool,
}

/// Weights of signals and of family rules by id.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// `rules/signals.toml`.
    pub signals: &'a SignalRules,
    /// Family rules by id.
    pub families: &'a BTreeMap<String, FamilyNote>,
}

/// What stands behind one statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighing<'a> {
    /// Decibans at full strength.
    pub weight: f64,
    /// Group; `family:<name>` for a family rule.
    pub group: String,
    /// Most that the group adds.
    pub cap: f64,
    /// What it says of the channel.
    pub kinds: &'a [Kind],
    /// ATT&CK technique ids.
    pub attack: &'a [String],
    /// What innocent thing looks the same.
    pub not_proof: &'a str,
}

impl<'a> Weights<'a> {
    /// The weight behind a statement; 0 where no rule knows its signal.
    fn at_most(&self, signal: &str) -> f64 {
        let own = self.signals.signal.get(signal).map(|rule| rule.weight);
        own.or_else(|| self.families.get(signal).map(|note| note.weight)).unwrap_or(0.0)
    }

    /// What stands behind a statement; nothing where no rule knows its signal.
    pub fn of(&self, signal: &str) -> Option<Weighing<'a>> {
        if let Some(rule) = self.signals.signal.get(signal) {
            return Some(Weighing {
                weight: rule.weight,
                group: rule.group.clone(),
                cap: self.signals.groups.get(&rule.group).copied().unwrap_or(0.0),
                kinds: &rule.kinds,
                attack: &rule.attack,
                not_proof: &rule.not_proof,
            });
        }
        let note = self.families.get(signal)?;
        Some(Weighing {
            weight: note.weight,
            group: format!("family:{}", note.name),
            // Several rules of one family see the same thing; together they weigh little more than the best.
            cap: note.weight * FAMILY_CAP,
            kinds: &note.kinds,
            attack: &note.attack,
            not_proof: &note.not_proof,
        })
    }
}

/// How much more than its best rule a family may weigh.
const FAMILY_CAP: f64 = 1.3;
/// Decibans beyond the weak groups from which a level above `low` is possible.
const MIN_SECOND: f64 = 3.0;
/// Decibans in groups of contents and families from which innocence weighs half.
const PROOF: f64 = 25.0;
/// Groups that look into what was said.
const PROVING: [&str; 5] = ["content", "ftp", "mail", "tunnel", "inventory"];

/// The sum for one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sum {
    /// Prior and terms, in decibans, one decimal.
    pub score: f64,
    /// Level reached.
    pub level: Option<Level>,
    /// Level without what speaks for innocence.
    pub without: Option<Level>,
    /// Terms, heaviest first.
    pub terms: Vec<Term>,
}

/// Adds up the statements about one channel, with what speaks for its innocence: signal and reason.
pub fn sum(weights: &Weights<'_>, statements: &[&Statement], innocence: &[(&str, String)]) -> Sum {
    let mut groups: BTreeMap<String, Vec<(f64, &Statement)>> = BTreeMap::new();
    let mut caps: BTreeMap<String, f64> = BTreeMap::new();
    for statement in statements {
        let Some(weighing) = weights.of(&statement.signal) else { continue };
        let cap = caps.entry(weighing.group.clone()).or_insert(weighing.cap);
        *cap = cap.max(weighing.cap);
        groups.entry(weighing.group).or_default().push((weighing.weight * statement.strength, statement));
    }
    let mut terms: Vec<Term> = Vec::new();
    let (mut strong, mut proof) = (0.0, 0.0);
    for (group, mut members) in groups {
        members.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.signal.cmp(&b.1.signal)));
        let mut left = caps.get(&group).copied().unwrap_or(0.0);
        for (weight, statement) in members {
            let counted = tenth(weight.min(left));
            left -= counted;
            strong += if weights.signals.weak.contains(&group) { 0.0 } else { counted };
            let proves = PROVING.contains(&group.as_str()) || group.starts_with("family:");
            proof += if proves { counted } else { 0.0 };
            terms.push(Term {
                signal: statement.signal.clone(),
                weight: counted,
                why: statement.why.clone(),
                frames: statement.frames.clone(),
                capture: statement.capture,
            });
        }
    }
    let against: f64 = weights.signals.prior + terms.iter().map(|term| term.weight).sum::<f64>();
    let without = level(weights.signals, against, strong);
    let scale = if proof >= PROOF { 0.5 } else { 1.0 };
    for (signal, why) in innocence {
        let Some(rule) = weights.signals.signal.get(*signal) else { continue };
        let weight = tenth(rule.weight * scale);
        terms.push(Term {
            signal: (*signal).to_owned(),
            weight,
            why: why.clone(),
            frames: Vec::new(),
            capture: 0,
        });
    }
    terms.retain(|term| term.weight != 0.0);
    terms.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.signal.cmp(&b.signal)));
    let score = tenth(weights.signals.prior + terms.iter().map(|term| term.weight).sum::<f64>());
    Sum { score, level: level(weights.signals, score, strong), without, terms }
}

fn tenth(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

/// Whether statements may reach any level: not, where even all of them without caps do not.
pub fn may_reach(weights: &Weights<'_>, statements: &[&Statement]) -> bool {
    // Each term is rounded to a tenth.
    let most = |statement: &&Statement| weights.at_most(&statement.signal) * statement.strength + 0.1;
    let most = weights.signals.prior + statements.iter().map(most).sum::<f64>();
    weights.signals.levels.values().any(|limit| most >= *limit)
}

/// Whether a signal, at whatever strength, reaches no level alone.
pub fn tells_nothing(weights: &Weights<'_>, signal: &str) -> bool {
    let most = weights.signals.prior + (weights.at_most(signal).max(0.0) + 0.1);
    !weights.signals.levels.values().any(|limit| most >= *limit)
}

fn level(rules: &SignalRules, score: f64, strong: f64) -> Option<Level> {
    let reached = rules.levels.iter().filter(|(_, limit)| score >= **limit).map(|(level, _)| *level).max()?;
    Some(if strong < MIN_SECOND { Level::Low } else { reached })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Rules;
    use crate::detect::testing::{flow, ledger, view};

    fn summed(said: &[(&str, f64)], innocence: &[(&str, String)]) -> Sum {
        let rules = Rules::shipped().unwrap();
        let ledger = ledger([flow("203.0.113.4", 80).payload(9, 9).build()]);
        let view = view(&ledger);
        let statements: Vec<Statement> = said
            .iter()
            .map(|(signal, strength)| Statement {
                signal: (*signal).to_owned(),
                ..view.say(*strength, String::new())
            })
            .collect();
        let families = BTreeMap::new();
        let weights = Weights { signals: rules.signals(), families: &families };
        sum(&weights, &statements.iter().collect::<Vec<_>>(), innocence)
    }

    #[test]
    fn terms_add_up_and_groups_are_capped() {
        let sum = summed(&[("loot-listing", 1.0), ("credential-text", 1.0)], &[]);
        let rules = Rules::shipped().unwrap();
        let total: f64 = sum.terms.iter().map(|term| term.weight).sum();
        assert!((sum.score - rules.signals().prior - total).abs() < 0.05);
        assert!((total - rules.signals().groups["content"]).abs() < 0.05);
        assert!(sum.level >= Some(Level::High));
    }

    #[test]
    fn weak_groups_stay_low_together() {
        let weak =
            [("beat-connections", 1.0), ("bare-address", 1.0), ("odd-port", 1.0), ("upload-burst", 1.0)];
        let sum = summed(&weak, &[]);
        assert_eq!(sum.level, Some(Level::Low));
        let more: Vec<_> = weak.into_iter().chain([("shared-prefix", 1.0)]).collect();
        assert!(summed(&more, &[]).level > Some(Level::Low));
    }

    #[test]
    fn no_signal_but_a_proof_makes_medium_alone() {
        let rules = Rules::shipped().unwrap();
        for (name, rule) in &rules.signals().signal {
            let level = summed(&[(name, 1.0)], &[]).level;
            let proof = ["content", "tunnel", "shell"].contains(&rule.group.as_str());
            assert_eq!(level >= Some(Level::Medium), proof, "{name}");
        }
    }

    #[test]
    fn innocence_lowers_and_is_a_term() {
        let said = [("messenger-upload", 1.0), ("lookup-before", 1.0), ("upload-burst", 1.0)];
        let fair = summed(&said, &[("known-service", "its own".to_owned())]);
        assert!(fair.level < fair.without);
        assert!(fair.terms.iter().any(|term| term.signal == "known-service" && term.weight < 0.0));
    }
}
