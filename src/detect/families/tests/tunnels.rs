//! Tunnels through DNS: the channel is a domain, not a resolver.

use super::build::*;
use crate::detect::Statement;
use crate::detect::families::evaluate;

/// What is said of the channel that is the domain `tunnel.example`, in which these names were asked.
fn below(names: &[&str], kind: &str) -> Vec<Statement> {
    let mut ledger = ledger(vec![questions(names, kind)]);
    let mut domain = ledger.channels[0].clone();
    domain.domain = Some(Box::new("tunnel.example".into()));
    ledger.channels.push(domain);
    evaluate(&ledger, &RULES)
}

#[track_caller]
fn named(names: &[&str], kind: &str, rule: &str) {
    let said = below(names, kind);
    let rules: Vec<&str> = said.iter().map(|statement| statement.signal.as_str()).collect();
    assert_eq!(rules, [rule]);
    assert_eq!(said[0].channel.0, 1, "the domain, not the resolver");
}

#[test]
fn tools_are_named_by_their_names() {
    let hex: Vec<String> = (10..24).map(|n| format!("ab{n}01c0ffee0{n}00112233.tunnel.example")).collect();
    let hex: Vec<&str> = hex.iter().map(String::as_str).collect();
    named(&hex, "TXT", "dnscat2-names");
    assert!(below(&hex, "A").is_empty());
    assert!(below(&hex[..5], "TXT").is_empty());
    let word: Vec<String> = (10..14).map(|n| format!("dnscat.c0ffee00{n}.tunnel.example")).collect();
    named(&word.iter().map(String::as_str).collect::<Vec<_>>(), "A", "dnscat2-prefix");
    named(&["vaaaakabc12.tunnel.example"], "CNAME", "iodine-handshake");
    let odd: Vec<String> = (10..24).map(|n| format!("x{n}.tunnel.example")).collect();
    named(&odd.iter().map(String::as_str).collect::<Vec<_>>(), "NULL", "iodine-pings");
    let pings: Vec<String> = (10..26).map(|n| format!("pabcde{n}.tunnel.example")).collect();
    named(&pings.iter().map(String::as_str).collect::<Vec<_>>(), "MX", "iodine-ping-names");
    named(&["init.mrxhg5dboaxg.base64.tunnel.example"], "TXT", "dnsexfiltrator-names");
    named(&["0-60451.id-1605.down.tunnel.example", "abc.1-0.id-1605.up.tunnel.example"], "A", "ozyman-names");
    named(&["aaaaaaaaaa.=auth.tunnel.example"], "TXT", "dns2tcp-names");
    let id = "0123456789abcdef0123456789abcdef";
    let doors = [format!("n.0.f.{id}.tunnel.example"), format!("abc.1.d.{id}.tunnel.example")];
    named(&[&doors[0], &doors[1]], "AAAA", "ismdoor-names");
    named(&["4711.1.gettasks.tunnel.example"], "TXT", "mozart-names");
    let pieces: Vec<String> = (1..8).map(|n| format!("l.{n}.tunnel.example")).collect();
    named(&pieces.iter().map(String::as_str).collect::<Vec<_>>(), "TXT", "dns-text-loader");
    assert!(below(&["www.tunnel.example", "mail.tunnel.example"], "A").is_empty());
}

#[test]
fn questions_for_other_domains_do_not_count() {
    assert!(below(&["vaaaakabc12.elsewhere.example"], "NULL").is_empty());
}
