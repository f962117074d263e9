//! Where servers are: country and autonomous system, by databases of the user in MaxMind's format (MaxMind DB 2.0).
//!
//! Offline and of the user: a database says where its maker believes an address is, on the day it was made. That is a
//! hint whom to ask, never evidence, and has no weight.

use crate::detect::finding::{Finding, Place};
use maxminddb::Reader;
use serde_json::Value;
use std::collections::HashMap;
use std::net::IpAddr;

/// Characters of an operator's name that are kept.
const MAX_NAME: usize = 200;

/// What is wrong with a database.
#[derive(Debug, thiserror::Error)]
#[error("{file}: not a MaxMind database: {what}")]
pub struct NoAtlas {
    file: String,
    what: String,
}

/// Databases, asked in the order of coming: what the first does not know the next may.
#[derive(Default)]
pub struct Atlas {
    readers: Vec<Reader<Vec<u8>>>,
}

impl std::fmt::Debug for Atlas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<&str> = self.readers.iter().map(|r| r.metadata().database_type.as_str()).collect();
        f.debug_tuple("Atlas").field(&kinds).finish()
    }
}

impl Atlas {
    /// Adds a database. `file` names it in errors.
    ///
    /// # Errors
    ///
    /// When the bytes are no such database.
    pub fn add(&mut self, bytes: Vec<u8>, file: &str) -> Result<(), NoAtlas> {
        let wrong =
            |error: maxminddb::MaxMindDbError| NoAtlas { file: file.to_owned(), what: error.to_string() };
        self.readers.push(Reader::from_source(bytes).map_err(wrong)?);
        Ok(())
    }

    /// Writes into findings where their servers are.
    pub fn mark(&self, findings: &mut [Finding]) {
        if self.readers.is_empty() {
            return;
        }
        let mut known: HashMap<IpAddr, Option<Place>> = HashMap::new();
        for server in findings.iter_mut().map(|finding| &mut finding.server) {
            let places = server.addrs.iter();
            server.places = places
                .filter_map(|&addr| known.entry(addr).or_insert_with(|| self.place(addr)).clone())
                .collect();
        }
    }

    fn place(&self, addr: IpAddr) -> Option<Place> {
        let mut place = Place { addr, country: None, as_number: None, as_name: None };
        for reader in &self.readers {
            // A damaged record is one that is not known.
            let found = reader
                .lookup(addr.to_canonical())
                .ok()
                .and_then(|found| found.decode::<Value>().ok().flatten());
            let Some(record) = found else { continue };
            place.country = place.country.or_else(|| country(&record));
            place.as_number = place.as_number.or_else(|| as_number(&record));
            place.as_name = place.as_name.or_else(|| as_name(&record));
        }
        (place.country.is_some() || place.as_number.is_some() || place.as_name.is_some()).then_some(place)
    }
}

/// ISO 3166-1 code of two letters, where MaxMind and the makers of like databases put it.
fn country(record: &Value) -> Option<String> {
    let places = [&record["country"]["iso_code"], &record["country_code"], &record["country"]];
    let registered = &record["registered_country"]["iso_code"];
    let code = places.into_iter().chain([registered]).find_map(Value::as_str)?;
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
}

fn as_number(record: &Value) -> Option<u32> {
    let number = record["autonomous_system_number"].as_u64().or_else(|| record["asn"].as_u64());
    let spelled = || record["asn"].as_str()?.trim_start_matches("AS").parse().ok();
    number.and_then(|number| u32::try_from(number).ok()).or_else(spelled)
}

fn as_name(record: &Value) -> Option<String> {
    let places = ["autonomous_system_organization", "as_name", "asname", "as_organization"];
    let name = places.into_iter().find_map(|key| record[key].as_str())?;
    (!name.trim().is_empty()).then(|| name.chars().take(MAX_NAME).collect())
}

/// The autonomous system in a few words: `AS64500 Example Hosting`.
pub fn system(place: &Place) -> Option<String> {
    let number = place.as_number.map(|number| format!("AS{number}"));
    let parts: Vec<String> = number.into_iter().chain(place.as_name.clone()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A place in a few words: `NL, AS64500 Example Hosting`.
pub fn words(place: &Place) -> String {
    place.country.iter().cloned().chain(system(place)).collect::<Vec<_>>().join(", ")
}

/// What is known of where one address of a server is.
pub fn of(finding: &Finding, addr: IpAddr) -> Option<&Place> {
    finding.server.places.iter().find(|place| place.addr == addr)
}

/// Places of a finding in words, each once, with the addresses where there are several.
pub fn all_words(places: &[Place]) -> Vec<String> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for place in places {
        let text = words(place);
        match all.iter_mut().find(|(known, _)| *known == text) {
            Some((_, addrs)) => addrs.push(place.addr.to_string()),
            None => all.push((text, vec![place.addr.to_string()])),
        }
    }
    if let [(one, _)] = all.as_slice() {
        return vec![one.clone()];
    }
    all.into_iter().map(|(text, addrs)| format!("{text} ({})", addrs.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn makers_put_it_in_different_places() {
        for (record, code, number, name) in [
            (json!({"country": {"iso_code": "NL"}}), Some("NL"), None, None),
            (json!({"country": "nl", "asn": "AS64500", "as_name": "X"}), Some("NL"), Some(64_500), Some("X")),
            (json!({"registered_country": {"iso_code": "DE"}}), Some("DE"), None, None),
            (
                json!({"autonomous_system_number": 64_501, "autonomous_system_organization": "Y"}),
                None,
                Some(64_501),
                Some("Y"),
            ),
            (json!({"country": "The Netherlands", "asn": -1}), None, None, None),
            (json!([]), None, None, None),
            (json!("x"), None, None, None),
        ] {
            let found = (country(&record), as_number(&record), as_name(&record));
            assert_eq!(found, (code.map(str::to_owned), number, name.map(str::to_owned)), "{record}");
        }
    }

    #[test]
    fn what_is_no_database_is_said() {
        for bytes in [Vec::new(), vec![0; 100_000], b"\xab\xcd\xefMaxMind.com".to_vec()] {
            let error = Atlas::default().add(bytes, "x.mmdb").unwrap_err().to_string();
            assert!(error.starts_with("x.mmdb: not a MaxMind database: "), "{error}");
        }
    }

    #[test]
    fn words_name_addresses_only_where_they_differ() {
        let place = |last: u8, country: &str| Place {
            addr: IpAddr::from([203, 0, 113, last]),
            country: Some(country.to_owned()),
            as_number: Some(64_500),
            as_name: Some("Example".to_owned()),
        };
        assert_eq!(all_words(&[place(1, "NL"), place(2, "NL")]), ["NL, AS64500 Example"]);
        assert_eq!(
            all_words(&[place(1, "NL"), place(2, "DE")]),
            ["NL, AS64500 Example (203.0.113.1)", "DE, AS64500 Example (203.0.113.2)"]
        );
        assert!(all_words(&[]).is_empty());
    }
}
