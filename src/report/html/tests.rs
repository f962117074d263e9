//! The page on hostile text, and that nothing of it runs.

use super::*;
use crate::detect::Verdict;
use crate::record::{CaptureInfo, Records, Summary};
use crate::report::tests::finding as sample;
use crate::time::Timestamp;

fn render(findings: Vec<Finding>) -> String {
    let records = Records {
        captures: vec![CaptureInfo {
            path: "<img src=x onerror=alert(1)>.pcap".to_owned(),
            first: Some(Timestamp(0)),
            last: Some(Timestamp(9_000_000_000)),
            ..CaptureInfo::default()
        }],
        summary: Summary { captures: 1, packets: 9, ..Summary::default() },
        ..Records::default()
    };
    let verdict = Verdict { findings, ..Verdict::default() };
    let report = Report { records: &records, verdict: &verdict, level: Level::Low, rules_digest: "d" };
    page(&report).into_string()
}

#[test]
fn nothing_out_of_a_capture_runs_or_links() {
    let mut bad = sample(Level::High, 30.0);
    let evil = "</style></title><script>alert(1)</script><a href=javascript:alert(1)>\u{202e}\u{1b}[2J\"'";
    bad.title = evil.to_owned();
    bad.server.names = vec![evil.to_owned(), "x".repeat(65_536)];
    bad.victim.names = vec![evil.to_owned()];
    bad.terms[0].why = evil.to_owned();
    bad.evidence[0].filter = evil.to_owned();
    bad.not_proof = evil.to_owned();
    let page = render(vec![bad]);
    for wrong in ["<a href=javascript", "<img", "\u{202e}", "\u{1b}", "href=\"http", "onerror=\"", "style=\""]
    {
        assert!(!page.contains(wrong), "{wrong:?}");
    }
    assert_eq!((page.matches("<script").count(), page.matches("</script>").count()), (1, 1));
    assert!(page.len() < 100_000, "{} bytes", page.len());
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn every_finding_stands_in_the_page_and_few_are_unfolded() {
    let many = (0..50).map(|n| Finding { id: format!("xf-{n:016x}"), ..sample(Level::Medium, 12.0) });
    let page = render(many.collect());
    assert_eq!(page.matches("<details class=\"finding medium\"").count(), 50);
    assert_eq!(page.matches(" open>").count(), OPEN);
    assert!(page.contains("50 findings worth acting on"));
    assert_eq!(render(Vec::new()).matches("<details").count(), 0);
    assert!(render(Vec::new()).contains("No findings"));
}

#[test]
fn the_same_report_gives_the_same_page() {
    let page = || render(vec![sample(Level::Critical, 44.0), sample(Level::Low, 6.0)]);
    assert_eq!(page(), page());
    // What lowers is drawn to the other side.
    let mut lowered = sample(Level::High, 30.0);
    lowered.terms.push(crate::detect::finding::Term { weight: -5.0, ..lowered.terms[0].clone() });
    assert!(render(vec![lowered]).contains("class=\"minus\""));
}

#[test]
fn the_policy_names_the_style_and_the_script_of_the_page() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = render(vec![sample(Level::High, 30.0)]);
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let text = page.split(open).nth(1).and_then(|rest| rest.split(close).next()).expect("one");
        let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text.as_bytes()));
        assert!(page.contains(&format!("'sha256-{digest}'")), "{open}");
    }
    assert!(!page.contains("unsafe"));
}

#[test]
fn beats_and_turns_are_drawn_and_the_time_line_has_their_lanes() {
    use crate::detect::finding::{Beacon, Moment, Sent, Upload};
    use crate::record::SideName;
    let mut one = sample(Level::High, 30.0);
    let beacon = Beacon {
        period_s: 60.0,
        jitter: 0.02,
        count: 40,
        missed: 1,
        basis: "requests".to_owned(),
        start: None,
        beats_ms: Vec::new(),
    };
    one.beacon = Some(beacon.at((0..40).map(|n| Timestamp(1_000_000_000 + n * 60_000_000_000))));
    one.upload = Some(Upload { bytes: 9000, requests: 1, encoding: None, destination: None });
    let sent = |ns, side, bytes| Sent { time: Timestamp(ns), side, bytes, capture: 0, frame: 5 };
    one.turns = vec![sent(2_000_000_000, SideName::Client, 9000), sent(2_500_000_000, SideName::Server, 90)];
    one.lookups =
        vec![Moment { time: Timestamp(900_000_000), what: "A x.example".to_owned(), capture: 0, frame: 2 }];
    let page = render(vec![one]);
    assert!(page.matches("class=\"beat\"").count() >= 40);
    for part in ["Look-ups", "Check-ins", "Uploads", "class=\"sent\"", "class=\"got\"", "jitter 2.0 %"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("class=\"mark check\"").count(), 40);
}
