//! Known services by role, out of `rules/services.toml`.

use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// One role with its names.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Why these names have it.
    pub reason: String,
    /// Ordinary regular or heavy contact with it is no ground for suspicion, once its name is confirmed.
    #[serde(default)]
    pub ordinary: bool,
    /// Names; each stands for itself and everything below it.
    pub names: BTreeSet<String>,
}

/// `rules/services.toml`.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRules {
    /// Roles by name.
    pub role: BTreeMap<String, Role>,
}

/// Roles by name suffix.
#[derive(Debug, Default, Clone)]
pub struct Services {
    by_name: HashMap<String, Vec<String>>,
    ordinary: BTreeMap<String, String>,
}

impl Services {
    /// Turns the rules around: from name to roles.
    pub fn new(rules: &ServiceRules) -> Self {
        let mut own = Self::default();
        for (role, entry) in &rules.role {
            for name in &entry.names {
                own.by_name.entry(name.to_ascii_lowercase()).or_default().push(role.clone());
            }
            if entry.ordinary {
                own.ordinary.insert(role.clone(), entry.reason.clone());
            }
        }
        own
    }

    /// The roles of a name: those of itself and of every name above it.
    pub fn roles<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::successors(Some(name), |rest| rest.split_once('.').map(|(_, above)| above))
            .filter_map(|part| self.by_name.get(part))
            .flatten()
            .map(String::as_str)
    }

    /// Whether this very name is of a role, and not only one above it.
    pub fn lists(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Why contact with a role is ordinary, if it is.
    pub fn ordinary(&self, role: &str) -> Option<&str> {
        self.ordinary.get(role).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_roles_of_those_above_it() {
        let text = "[role.chat]\nreason = \"r\"\nordinary = true\nnames = [\"chat.example\"]\n[role.drop]\nreason = \"r\"\nnames = [\"api.chat.example\"]\n";
        let services = Services::new(&toml::from_str(text).unwrap());
        assert_eq!(services.roles("x.api.chat.example").collect::<Vec<_>>(), ["drop", "chat"]);
        assert_eq!(services.roles("badchat.example").count(), 0);
        assert!(services.ordinary("chat").is_some() && services.ordinary("drop").is_none());
    }
}
