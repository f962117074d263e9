//! The cases: each a wire and what must be found on it.

mod benign;
mod control;
mod day;
mod home;
mod mail;
mod panels;
mod shapes;

use crate::net::Net;

/// The victim of most cases.
pub const VICTIM: &str = "192.0.2.10";

/// One golden case.
pub struct Case {
    /// Folder below `testdata/`.
    pub name: &'static str,
    /// What is shown, in a sentence or two.
    pub about: &'static str,
    /// What must be found; nothing for a benign look-alike.
    pub expect: Vec<Expect>,
    /// Writes the wire.
    pub wire: fn(&mut Net),
}

/// One expected finding.
pub struct Expect {
    pub server: &'static str,
    pub victim: &'static str,
    pub family: Option<&'static str>,
    pub kinds: &'static [&'static str],
    pub level: &'static str,
}

/// An expectation with the usual victim.
pub fn finds(
    server: &'static str,
    family: Option<&'static str>,
    kinds: &'static [&'static str],
    level: &'static str,
) -> Vec<Expect> {
    vec![Expect { server, victim: VICTIM, family, kinds, level }]
}

/// Every case, in the order of their names.
pub fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        panels::cases(),
        mail::cases(),
        control::cases(),
        shapes::cases(),
        benign::cases(),
        home::cases(),
        day::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    cases.sort_by_key(|case| case.name);
    cases
}

impl Case {
    /// The expectation as `exfilscan verify` reads it.
    pub fn manifest(&self) -> String {
        let mut text = format!(
            "# Written by `cargo run --example make_testdata`; the capture beside it likewise.\nname = {:?}\nabout = {:?}\ncapture = \"capture.pcap\"\n",
            self.name, self.about
        );
        if self.expect.is_empty() {
            text += "expect = \"none\"\n";
        }
        for expect in &self.expect {
            text += &format!("\n[[expect]]\nserver = {:?}\nvictim = {:?}\n", expect.server, expect.victim);
            if let Some(family) = expect.family {
                text += &format!("family = {family:?}\n");
            }
            text += &format!("kinds = {:?}\nlevel = {:?}\n", expect.kinds, expect.level);
        }
        text
    }
}
