//! Files that a workstation stores at a server by FTP.

use super::inventory::holds;
use super::mail::{dated, tagged};
use super::{Marks, Needs, Signal, View, count};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Loot, Upload};
use crate::record::{Flow, Ftp};
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "ftp-store-only", needs: Needs::FTP.and(Marks::PUBLIC), look: store_only },
    Signal { name: "ftp-names-host", needs: Needs::FTP, look: names_host },
];

/// Names of stored files kept for a finding.
const MAX_NAMES: usize = 16;

struct Stored<'a> {
    index: usize,
    flow: &'a Flow,
    ftp: &'a Ftp,
    name: &'a str,
    frame: u64,
}

fn stored<'a>(view: &View<'a>) -> Vec<Stored<'a>> {
    let mut found = Vec::new();
    for (index, flow) in view.flows() {
        let Some(ftp) = flow.ftp.as_deref() else { continue };
        for (verb, name, _, frame) in &ftp.commands {
            if verb.eq_ignore_ascii_case("STOR") || verb.eq_ignore_ascii_case("APPE") {
                found.push(Stored { index, flow, ftp, name, frame: *frame });
            }
        }
    }
    found
}

fn statement(view: &View<'_>, strength: f64, why: String, found: &[Stored<'_>]) -> Statement {
    let said = view.say(strength, why);
    let mut said =
        found.iter().fold(said, |said, one| said.at(one.index, one.flow, one.frame, one.flow.start));
    let bytes = view
        .flows()
        .filter(|(_, flow)| flow.other.as_ref().is_some_and(|other| other.verb.as_deref() == Some("STOR")))
        .map(|(_, flow)| flow.payload.to_server)
        .fold(0, u64::saturating_add);
    let names: Vec<String> = found.iter().map(|one| one.name.to_owned()).take(MAX_NAMES).collect();
    let destination = names.first().cloned();
    said.upload =
        Some(Upload { bytes, requests: found.len() as u64, encoding: Some("ftp".to_owned()), destination });
    let drop = found.first().and_then(|one| one.ftp.user.clone());
    said.loot = Some(Loot { categories: BTreeMap::new(), names, drop });
    said.kinds.push(Kind::Exfiltration);
    said
}

/// The client logs in, stores, and looks at nothing.
fn store_only(view: &View<'_>) -> Option<Statement> {
    let found = stored(view);
    let looks = view.flows().filter_map(|(_, flow)| flow.ftp.as_deref()).any(|ftp| {
        ftp.commands.iter().any(|(verb, ..)| {
            ["RETR", "LIST", "NLST", "MLSD", "MLST", "DELE", "RNFR"]
                .iter()
                .any(|own| verb.eq_ignore_ascii_case(own))
        })
    });
    if found.is_empty() || looks || !view.public() {
        return None;
    }
    let why = format!("{} by FTP: {}", count(found.len(), "stored file"), found[0].name);
    Some(statement(view, 1.0, why, &found))
}

/// The stored file is named after the machine, its user and the moment, as reports of spies are.
fn names_host(view: &View<'_>) -> Option<Statement> {
    let mut own: Vec<String> = Vec::new();
    if let Some(known) = &view.host.known {
        own.extend(known.names.iter().chain(&known.users).map(|named| named.value.to_lowercase()));
    }
    let rank = |name: &str| {
        let text = name.to_lowercase();
        let named = own.iter().any(|word| word.len() >= 3 && holds(&text.replace('_', " "), word));
        let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending);
        let picture = matches!(ending, "jpeg" | "jpg" | "png" | "bmp");
        let report = picture || matches!(ending, "html" | "htm" | "txt" | "zip" | "log");
        let timed = dated(&text) || moment(&text);
        match (named || tagged(&text), timed, report) {
            (true, true, _) => 1.0,
            (true, false, true) => 0.8,
            // Cameras date their pictures; spies date their reports, too.
            (false, true, true) if !picture => 0.7,
            _ => 0.0,
        }
    };
    let found: Vec<Stored<'_>> = stored(view).into_iter().filter(|one| rank(one.name) > 0.0).collect();
    let strength = found.iter().map(|one| rank(one.name)).fold(0.0, f64::max);
    let first = found.first()?;
    let why = format!("{} named after machine or moment: {}", count(found.len(), "stored file"), first.name);
    Some(statement(view, strength, why, &found))
}

/// A date and a time to the second in other notations: `Keys_2026-03-02_09-01-00`, `20260302_090100`.
fn moment(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 12 && (text.contains("_20") || text.contains("-20") || text.starts_with("20"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, view};

    fn session(commands: &[(&str, &str)]) -> crate::detect::ledger::Ledger {
        let commands =
            commands.iter().map(|&(verb, name)| (verb.to_owned(), name.to_owned(), 226, 12)).collect();
        let ftp = Ftp { user: Some("log@a.example".into()), commands, ..Ftp::default() };
        ledger([flow("203.0.113.51", 21)
            .edit(|flow| flow.ftp = Some(Box::new(ftp)))
            .payload(300, 300)
            .build()])
    }

    #[test]
    fn stores_a_report_named_after_the_moment() {
        let spied = session(&[("PWD", ""), ("STOR", "PW_erika-PC_2026_03_02_09_01_00.html")]);
        assert!(store_only(&view(&spied)).is_some());
        assert!(names_host(&view(&spied)).is_some());
        let camera = session(&[("STOR", "cam1_20260302_090100.jpg")]);
        assert!(names_host(&view(&camera)).is_none());
        let screen = session(&[("STOR", "SC_erika-EXAMPLE-PC_2026_03_02_09_01_00.jpeg")]);
        assert!(names_host(&view(&screen)).is_some());
        let person = session(&[("LIST", ""), ("STOR", "index.html")]);
        assert!(store_only(&view(&person)).is_none());
        assert!(names_host(&view(&person)).is_none());
    }
}
