//! Bytes as the text of a rule file or of a list of indicators.

use crate::records::{extract, file, reports};
use exfilscan::detect::{self, Rules, families, parse_services, parse_signals};
use exfilscan::record::Records;
use std::sync::LazyLock;

/// What rules are tried on.
static CAPTURES: [&[u8]; 3] = [
    include_bytes!("../../testdata/lokibot/capture.pcap"),
    include_bytes!("../../testdata/agenttesla-smtp/capture.pcap"),
    include_bytes!("../../testdata/agenttesla-ftp/capture.pcap"),
];

static SCENES: LazyLock<Vec<Records>> =
    LazyLock::new(|| CAPTURES.iter().map(|bytes| extract(&file("scene", bytes), false).records).collect());

/// A rule file or a list is refused, or can be used on anything.
pub fn check(data: &[u8]) {
    let (kind, text) = super::choice(data);
    let Ok(text) = std::str::from_utf8(text) else { return };
    if kind & 4 != 0 {
        let mut rules = Rules::shipped().expect("the shipped rules");
        let Ok(loaded) = rules.watch(text, "list") else { return };
        assert!(loaded.taken > 0 && loaded.first.len() <= loaded.refused);
        return judge(&rules);
    }
    match kind & 3 {
        0 => drop(parse_signals(text, "signals.toml")),
        1 => {
            if let Ok(services) = parse_services(text, "services.toml") {
                let _ = services.roles("a.b.example").count();
            }
        }
        _ => {
            if families::parse(text, "family.toml").is_err() {
                return;
            }
            let path = file("family.toml", text.as_bytes());
            let Ok(rules) = Rules::load(&[path], false) else { return };
            judge(&rules);
        }
    }
}

/// Findings on every scene, the same twice.
fn judge(rules: &Rules) {
    for scene in SCENES.iter() {
        let run = || detect::detect(scene.clone(), rules, &detect::Options::default());
        let first = run();
        assert_eq!(reports(scene, &first), reports(scene, &run()));
    }
}
