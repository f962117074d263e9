//! What the user vouches for: services and signals that are no finding here, each with a reason.
//!
//! In: a TOML text (`docs/rules.md`). Out: for a channel or a statement about it, the reason why it does not count.

use super::indicators;
use super::ledger::name;
use super::rules::RuleError;
use super::signals::{self, View};
use ipnet::IpNet;
use schemars::JsonSchema;
use smol_str::SmolStr;

/// An allow-list.
#[derive(Debug, Default, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// The entries.
    #[serde(default)]
    allow: Vec<Entry>,
}

/// One entry. Of `name`, `cidr`, `ja4` and `signal` all that are given must hold, and one must be.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// A name of the service, or a name above it. A name that only the client states does not count: the capture
    /// must resolve it to the address, or the certificate must be for it.
    name: Option<String>,
    /// A network that all addresses of the service are in.
    #[schemars(with = "Option<String>")]
    cidr: Option<IpNet>,
    /// JA4 of every handshake with the service.
    ja4: Option<String>,
    /// Only this signal or family rule does not count, instead of all.
    signal: Option<String>,
    /// Why; it stands in the report.
    reason: String,
}

impl Allow {
    /// Reads a list and adds its entries. `families` are the ids of the family rules in force.
    ///
    /// # Errors
    ///
    /// Names the file, and what is wrong: TOML, an entry without a condition or a reason, an unknown signal.
    pub fn add<'a>(
        &mut self,
        text: &str,
        file: &str,
        mut families: impl Iterator<Item = &'a str>,
    ) -> Result<(), RuleError> {
        let list: Self = toml::from_str(text)
            .map_err(|source| RuleError::Toml { file: file.to_owned(), source: Box::new(source) })?;
        for entry in &list.allow {
            let senseless = |what: String| Err(RuleError::Senseless { file: file.to_owned(), what });
            let bare = entry.name.is_none() && entry.cidr.is_none() && entry.ja4.is_none();
            if bare && entry.signal.is_none() {
                return senseless("an entry names neither name, cidr, ja4 nor signal".to_owned());
            }
            if entry.reason.trim().is_empty() {
                return senseless("an entry has no reason".to_owned());
            }
            if let Some(signal) = &entry.signal
                && !signals::ALL.into_iter().flatten().any(|known| known.name == signal)
                && !indicators::SIGNALS.contains(&signal.as_str())
                && !families.any(|known| known == signal)
            {
                return senseless(format!("no signal or rule is called {signal}"));
            }
        }
        self.allow.extend(list.allow);
        Ok(())
    }

    /// Why nothing said of a channel counts.
    pub fn channel(&self, view: &View<'_>) -> Option<&str> {
        let whole = self.allow.iter().filter(|entry| entry.signal.is_none());
        whole.into_iter().find(|entry| entry.fits(view)).map(|entry| entry.reason.as_str())
    }

    /// Whether a signal does not count for a channel.
    pub fn signal(&self, view: &View<'_>, signal: &str) -> bool {
        self.allow.iter().any(|entry| entry.signal.as_deref() == Some(signal) && entry.fits(view))
    }
}

impl Entry {
    fn fits(&self, view: &View<'_>) -> bool {
        let service = &view.channel.service;
        let named = |wanted: &String| {
            let wanted = wanted.trim_end_matches('.').to_ascii_lowercase();
            let below = |name: &&SmolStr| name::below(name, &wanted);
            service.names.iter().filter(below).any(|name| service.confirms(name))
        };
        let inside =
            |cidr: &IpNet| !service.addrs.is_empty() && service.addrs.iter().all(|addr| cidr.contains(addr));
        let printed = |wanted: &String| {
            let mut hellos = view.flows().filter_map(|(_, flow)| flow.tls.as_deref()).peekable();
            hellos.peek().is_some() && hellos.all(|tls| tls.ja4.as_deref() == Some(wanted))
        };
        self.name.as_ref().is_none_or(named)
            && self.cidr.as_ref().is_none_or(inside)
            && self.ja4.as_ref().is_none_or(printed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::finding::Level;
    use crate::detect::testing::{flow, request, zip};
    use crate::detect::{Options, Rules, Verdict, detect};
    use crate::record::Records;

    fn scan(list: &str) -> Verdict {
        let mut rules = Rules::shipped().expect("rules");
        rules.allow(list, "list").expect("a list");
        let loot = zip(40_000, &["Passwords.txt", "Cookies/a.txt", "Screenshot.png", "System.txt"]);
        let upload = request("POST", "drop.example", "/up", &[], Some(loot));
        let flows = vec![
            flow("192.0.2.1", 53).dns("drop.example", "A", &["203.0.113.4"]).build(),
            flow("203.0.113.4", 80).at_ms(4000).http(upload).build(),
        ];
        detect(Records { flows: flows.into(), ..Records::default() }, &rules, &Options::default())
    }

    #[test]
    fn what_is_allowed_is_lowered_with_its_reason() {
        assert!(scan("").findings[0].level >= Level::High);
        for condition in ["name = 'drop.example'", "name = 'example'", "cidr = '203.0.113.0/24'"] {
            let verdict = scan(&format!("[[allow]]\n{condition}\nreason = 'our own test'\n"));
            assert!(verdict.findings.is_empty(), "{condition}");
            assert_eq!(verdict.lowered[0].why, "allowed: our own test");
        }
        for other in ["name = 'rop.example'", "cidr = '203.0.113.8/29'", "ja4 = 'x'"] {
            assert_eq!(scan(&format!("[[allow]]\n{other}\nreason = 'r'\n")).findings.len(), 1, "{other}");
        }
    }

    #[test]
    fn one_signal_may_be_allowed() {
        let all = scan("").findings.remove(0);
        let less = scan("[[allow]]\nsignal = 'loot-listing'\nreason = 'r'\n").findings.remove(0);
        assert!(all.terms.iter().any(|term| term.signal == "loot-listing"));
        assert!(less.terms.iter().all(|term| term.signal != "loot-listing"));
        assert!(less.score < all.score);
    }

    #[test]
    fn a_list_that_makes_no_sense_is_refused() {
        for (list, why) in [
            ("[[allow]]\nreason = 'r'\n", "neither name"),
            ("[[allow]]\nname = 'a.example'\n", "reason"),
            ("[[allow]]\nname = 'a.example'\nreason = ' '\n", "no reason"),
            ("[[allow]]\nsignal = 'no-such'\nreason = 'r'\n", "no signal or rule is called no-such"),
            ("[[allow]]\nnmae = 'a'\nreason = 'r'\n", "nmae"),
            ("[[allow]]\ncidr = '203.0.113.0/99'\nreason = 'r'\n", "list"),
        ] {
            let error = Allow::default().add(list, "list", std::iter::empty()).unwrap_err().to_string();
            assert!(error.contains(why), "{list}: {error}");
        }
    }
}
