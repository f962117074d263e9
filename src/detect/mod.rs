//! Records to findings.
//!
//! In: [`Records`] and [`Rules`]. Out: a [`Verdict`]. A [`Survey`] notes of each record what will be asked of all, best while
//! it is at hand; `ledger` folds records into hosts and channels; `signals` and `families` look at each channel,
//! [`indicators`] finds it in lists of the user; `score` adds up decibans, `innocence` lowers with a reason, `merge` makes the
//! findings and `facts` tells what they show.
//! This room refuses to see a packet, and gives the same findings for the same records.

pub mod allow;
mod attack;
mod evidence;
mod facts;
pub mod families;
pub mod finding;
pub mod indicators;
mod innocence;
mod ledger;
mod merge;
#[cfg(test)]
mod modern;
mod rules;
#[cfg(test)]
mod scale;
mod score;
mod signals;
#[cfg(test)]
mod testing;

pub use evidence::{ChannelIx, MAX_FRAMES, SignalRule, SignalRules, Statement};
pub use facts::MAX_TURNS;
pub use finding::{Finding, Verdict};
pub use indicators::Indicators;
pub use ledger::address::private;
pub use ledger::survey::Survey;
pub use ledger::{Books, Channel, Event, EventKind, HostView, Ledger, Service, Services};
pub use rules::{RuleError, Rules, parse_services, parse_signals};
pub use score::FamilyNote;

use crate::record::Records;
use finding::{Context, Level, Lowered, Moment};
use ledger::Sides;
use rayon::prelude::*;
use score::Weights;
use std::collections::{BTreeMap, BTreeSet};

/// Bound on the frames listed for a piece of context.
const CONTEXT_FRAMES: usize = 8;
/// Bound on pieces of context.
const MAX_CONTEXT: usize = 256;

/// What the user chose.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// No family rule and no list speaks: findings rest on behaviour alone.
    pub behaviour_only: bool,
    /// Networks that are ours beside those that are by their class.
    pub internal: Vec<ipnet::IpNet>,
    /// Threads that look at channels; 0 and 1 for none beside the caller's. What is found does not depend on it.
    pub threads: usize,
}

/// Channels from which several threads look at them: fewer are done before threads have begun.
const MANY_CHANNELS: usize = 1024;
/// Flows whose channels are looked at before the records that were asked for are given up, about: as many as a processor's
/// cache holds.
const FLOWS_AT_ONCE: usize = 256;
/// Flows whose channels a thread takes at once, about: enough that taking them costs nothing, few enough that no thread waits
/// long for the last.
const FLOWS_TO_TAKE: usize = 2048;

/// Looks at the records of a run. They are taken: flows are large, and nothing after detection needs them.
pub fn detect(records: Records, rules: &Rules, options: &Options) -> Verdict {
    judge(&mut fold(records, rules, options), rules, options)
}

/// The first half of [`detect`]: folds records into hosts and channels. For callers that want the ledger, or decide
/// themselves when its memory is given back.
pub fn fold(records: Records, rules: &Rules, options: &Options) -> Ledger {
    Ledger::build(records, rules.services(), &Sides::new(&options.internal))
}

/// As [`fold`], for records in order that a survey was told of while they were made.
pub fn fold_surveyed(records: Records, survey: Survey, rules: &Rules, options: &Options) -> Ledger {
    if survey.len() != records.flows.len() {
        return fold(records, rules, options);
    }
    Ledger::of(records, survey, rules.services(), &Sides::new(&options.internal))
}

/// The second half of [`detect`]: what a ledger shows.
pub fn judge(ledger: &mut Ledger, rules: &Rules, options: &Options) -> Verdict {
    let weights = Weights { signals: rules.signals(), families: rules.notes() };
    let families = (!options.behaviour_only).then(|| families::Index::new(rules.families()));
    let lists = rules.watched().filter(|lists| !options.behaviour_only && !lists.is_empty());
    let mut verdict = Verdict { channels: ledger.channels.len() as u64, ..Verdict::default() };
    let pasts = signals::Pasts::new(ledger);
    let lone = score::tells_nothing(&weights, signals::BARE);
    let channels = in_order_of_flows(ledger);
    let several = options.threads > 1 && channels.len() >= MANY_CHANNELS;
    let pool = several.then(|| rayon::ThreadPoolBuilder::new().num_threads(options.threads).build());
    let look = |ledger: &mut Ledger, channels: &[u32]| -> Vec<(u32, Looked)> {
        let mut looked = Vec::new();
        for channels in batches(ledger, channels, FLOWS_AT_ONCE) {
            let hosts = signals::Hosts::new(ledger, &pasts);
            let scene = families.as_ref().map(|families| families::Scene::new(ledger, families));
            let look = |ix| look_at((hosts, ChannelIx(ix)), (rules, &weights), (scene, lists, lone));
            looked.extend(channels.iter().filter_map(|ix| Some((*ix, look(*ix as usize)?))));
            ledger.flows.close();
        }
        looked
    };
    let mut looked = match pool {
        Some(Ok(pool)) => {
            let pieces = batches(ledger, &channels, FLOWS_TO_TAKE);
            let ledger = &*ledger;
            // What a thread asks for it makes and gives up itself.
            let looked =
                || pieces.par_iter().map_init(|| ledger.clone(), |own, piece| look(own, piece)).flatten();
            pool.install(|| looked().collect())
        }
        Some(Err(_)) | None => look(ledger, &channels),
    };
    looked.sort_unstable_by_key(|(ix, _)| *ix);
    let (mut channels, mut found) = (Vec::new(), Vec::new());
    for (ix, one) in looked {
        verdict.lowered.extend(one.lowered);
        if let Some(one) = one.found {
            channels.push(ChannelIx(ix as usize));
            found.push(one);
        }
    }
    for ((_, finding), lookups) in found.iter_mut().zip(facts::lookups(ledger, &channels)) {
        finding.lookups = lookups;
    }
    let mut findings = merge::join(found);
    findings.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then(a.first.cmp(&b.first)).then_with(|| a.id.cmp(&b.id))
    });
    findings.dedup_by(|a, b| a.id == b.id);
    verdict.findings = findings.into_iter().map(|finding| *finding).collect();
    verdict.context = context(ledger);
    verdict.context.extend(lists.into_iter().flat_map(|lists| asked(lists, ledger)));
    verdict.lowered.sort_by(|a, b| (a.host, &a.server, &a.why).cmp(&(b.host, &b.server, &b.why)));
    verdict.lowered.dedup();
    verdict
}

/// Channels in pieces that have so many flows together, and the last of them the rest.
fn batches<'a>(ledger: &Ledger, channels: &'a [u32], enough: usize) -> Vec<&'a [u32]> {
    let mut flows = 0;
    let full = |ix: &u32, _: &u32| {
        flows += ledger.channel(ChannelIx(*ix as usize)).flows.len();
        let goes_on = flows < enough;
        flows = if goes_on { flows } else { 0 };
        goes_on
    };
    channels.chunk_by(full).collect()
}

/// Channels in the order of their first flows: what flows have lies in memory as it was made, and most channels of large
/// captures have one flow.
fn in_order_of_flows(ledger: &Ledger) -> Vec<u32> {
    let first = |channel: &Channel| channel.flows.iter().next().map_or(u32::MAX, |flow| flow as u32);
    let mut order: Vec<(u32, u32)> = ledger.channels.iter().map(first).zip(0..).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, ix)| ix).collect()
}

/// What one channel came to.
#[derive(Default)]
struct Looked {
    lowered: Option<Lowered>,
    /// The template it may be joined by, and the finding.
    found: Option<(Option<String>, merge::Moved)>,
}

/// Looks at one channel; nothing where nothing is to be said of it.
fn look_at(
    (hosts, ix): (signals::Hosts<'_>, ChannelIx),
    (rules, weights): (&Rules, &Weights<'_>),
    (families, lists, lone): (Option<families::Scene<'_, '_>>, Option<&Indicators>, bool),
) -> Option<Looked> {
    let view = signals::View::new(hosts, ix)?;
    let mut first = signals::look(&view);
    let mut more = families.map(|scene| scene.statements(ix)).unwrap_or_default();
    if let Some(lists) = lists {
        more.extend(lists.look(&view));
    }
    if lone && first.statements.is_empty() && more.is_empty() {
        return None;
    }
    first.complete(&view);
    let mut said = first.statements;
    said.append(&mut more);
    said.retain(|statement| !rules.allowed().signal(&view, &statement.signal));
    if said.is_empty() {
        return None;
    }
    let said: Vec<&Statement> = said.iter().collect();
    if !score::may_reach(weights, &said) {
        return None;
    }
    let sum = score::sum(weights, &said, &innocence::reasons(&view, rules.services()));
    if let Some(reason) = rules.allowed().channel(&view) {
        let lowered = lowered(&view, sum.level, None, format!("allowed: {reason}"));
        return Some(Looked { lowered, found: None });
    }
    let lowered = put_down(&view, &sum);
    let level = sum.level;
    let finding = level.and_then(|level| merge::finding(&view, level, sum, &said, weights));
    let found = finding.map(|finding| (signals::rotation::template_of(&view), Box::new(finding)));
    Some(Looked { lowered, found })
}

/// A finding that reasons for innocence put down by a level or away.
fn put_down(view: &signals::View<'_>, sum: &score::Sum) -> Option<Lowered> {
    if sum.without.is_none() || sum.level == sum.without || sum.without < Some(Level::Medium) {
        return None;
    }
    let why: Vec<&str> =
        sum.terms.iter().filter(|term| term.weight < 0.0).map(|term| term.why.as_str()).collect();
    lowered(view, sum.without, sum.level, why.join("; "))
}

/// A channel that was put down from one level to another.
fn lowered(view: &signals::View<'_>, from: Option<Level>, to: Option<Level>, why: String) -> Option<Lowered> {
    let server = view.channel.service.label();
    view.channel.client.filter(|_| from > to).map(|host| Lowered { host, server, from, to, why })
}

/// Host, kind and what was seen, with how often, frames and moments.
type Seen<'a> = ((std::net::IpAddr, &'a str, String), (u64, BTreeSet<u64>, Vec<Moment>));

/// Look-ups of the public address and dead-drop pages, host by host.
fn context(ledger: &Ledger) -> Vec<Context> {
    let mut found: BTreeMap<_, (u64, BTreeSet<u64>, Vec<Moment>)> = BTreeMap::new();
    for (addr, host) in ledger.hosts.iter() {
        for event in &host.timeline {
            let kind = match event.kind {
                EventKind::Lookup => "public-ip-lookup",
                EventKind::DeadDrop => "dead-drop-page",
                EventKind::Library => "library-download",
                EventKind::Program => "program-download",
                EventKind::Tor => "tor-relay",
                // Names that do not exist are many in every network; they matter before a contact only.
                // So do resolvers that are asked in secret: browsers ask them all day.
                EventKind::Dead | EventKind::Doh => continue,
            };
            let (count, frames, moments) = found.entry((addr, kind, event.what.clone())).or_default();
            *count += 1;
            if frames.len() < CONTEXT_FRAMES {
                frames.insert(event.frame);
            }
            if moments.len() < CONTEXT_FRAMES {
                moments.push(facts::moment(ledger, event));
            }
        }
    }
    let make = |((host, kind, what), (count, frames, moments)): Seen<'_>| Context {
        kind: kind.to_owned(),
        host,
        what: if count > 1 { format!("{what}, {count} times") } else { what },
        frames: frames.into_iter().collect(),
        moments,
    };
    found.into_iter().take(MAX_CONTEXT).map(make).collect()
}

/// Questions for listed names that led nowhere.
fn asked(lists: &Indicators, ledger: &Ledger) -> impl Iterator<Item = Context> {
    lists.asked(ledger).into_iter().take(MAX_CONTEXT).map(|listed| Context {
        kind: "listed-name-asked".to_owned(),
        host: listed.host,
        what: listed.what,
        frames: listed.frames.into_iter().take(CONTEXT_FRAMES).collect(),
        moments: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::testing::{VICTIM, body, flow, request, zip};
    use super::*;
    use crate::record::{Flow, SideName};
    use finding::Kind;

    fn run(flows: Vec<Flow>) -> Verdict {
        let records = Records { flows: flows.into(), ..Records::default() };
        detect(records, &Rules::shipped().unwrap(), &Options::default())
    }

    fn worst(verdict: &Verdict) -> Option<Level> {
        verdict.findings.iter().map(|finding| finding.level).max()
    }

    #[test]
    fn loot_in_an_archive_is_one_finding_with_its_proof() {
        let loot = zip(40_000, &["Passwords.txt", "Cookies/a.txt", "Screenshot.png", "System.txt"]);
        let upload = request("POST", "203.0.113.4", "/gate.php", &[], Some(loot));
        let verdict = run(vec![
            flow("192.0.2.1", 53).dns("www.shop.example", "A", &["198.51.100.9"]).build(),
            flow("198.51.100.9", 443).tls(Some("www.shop.example"), None).payload(2000, 90_000).build(),
            flow("203.0.113.4", 80).at_ms(4000).http(upload).build(),
        ]);
        let [finding] = &*verdict.findings else { panic!("{:?}", verdict.findings) };
        assert!(finding.level >= Level::High);
        assert_eq!(finding.victim.addr.to_string(), VICTIM);
        assert!(finding.kinds.contains(&Kind::Exfiltration));
        assert!(finding.loot.as_ref().is_some_and(|loot| loot.categories.contains_key("passwords")));
        assert!(!finding.evidence.is_empty() && !finding.not_proof.is_empty() && !finding.attack.is_empty());
        let total: f64 = finding.terms.iter().map(|term| term.weight).sum();
        assert!((finding.score - Rules::shipped().unwrap().signals().prior - total).abs() < 0.06);
    }

    #[test]
    fn a_name_is_confirmed_by_a_resolution_and_not_by_being_used() {
        let upload = |host: &str| {
            let loot = zip(40_000, &["Passwords.txt", "Cookies/a.txt", "Screenshot.png"]);
            flow("203.0.113.4", 80).at_ms(4000).http(request("POST", host, "/in", &[], Some(loot))).build()
        };
        let asked = flow("192.0.2.1", 53).dns("drop.shop.example", "A", &["203.0.113.4"]).build();
        let confirmed = |flows| run(flows).findings[0].server.confirmed.clone();
        assert_eq!(confirmed(vec![asked, upload("drop.shop.example")]), ["drop.shop.example"]);
        assert!(confirmed(vec![upload("drop.shop.example")]).is_empty());
    }

    #[test]
    fn a_caller_that_gives_orders_is_the_server() {
        let mut order = b"shell".to_vec();
        order.resize(48, 0);
        let echo = flow("192.0.2.10", 0)
            .client("203.0.113.9")
            .proto(crate::record::Proto::Icmp)
            .edit(|flow| flow.client.port = 8)
            .first(&order, &order)
            .turns(&[(SideName::Client, 0, 788), (SideName::Server, 1, 788)])
            .payload(788, 788);
        let verdict = run(vec![echo.build()]);
        let [finding] = &*verdict.findings else { panic!("{:?}", verdict.findings) };
        assert_eq!(finding.victim.addr.to_string(), "192.0.2.10");
        assert_eq!(finding.server.addrs, ["203.0.113.9".parse::<std::net::IpAddr>().unwrap()]);
        assert!(finding.title.contains("203.0.113.9"), "{}", finding.title);
    }

    #[test]
    fn a_regular_device_is_no_finding_worth_a_call() {
        let lock = flow("203.0.113.9", 9999).payload(45 * 90, 45 * 90).turns(
            &(0..90)
                .flat_map(|n| [(SideName::Client, n * 60_000, 45), (SideName::Server, n * 60_000 + 40, 45)])
                .collect::<Vec<_>>(),
        );
        assert!(worst(&run(vec![lock.build()])) <= Some(Level::Low));
        let retries = (0..40).map(|n| {
            flow("203.0.113.8", 8080).at_ms(n * 30_000).state(crate::record::State::Unanswered).build()
        });
        assert!(worst(&run(retries.collect())) <= Some(Level::Low));
    }

    #[test]
    fn a_visitor_from_the_internet_is_no_victim() {
        let loot = zip(40_000, &["Passwords.txt", "Cookies/a.txt", "Screenshot.png", "System.txt"]);
        let upload = request("POST", "10.0.0.4", "/upload", &[], Some(loot));
        let verdict = run(vec![flow("10.0.0.4", 80).client("203.0.113.77").http(upload).build()]);
        assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    }

    #[test]
    fn one_request_to_many_servers_is_one_finding() {
        let to = |n: u8| {
            let host = format!("site{n}-{n}.example");
            let exchange = request("POST", &host, "/k8b/", &[("Connection", "close")], Some(body(57_000)));
            flow(&format!("203.0.113.{n}"), 80).at_ms(i64::from(n) * 15_000).http(exchange).build()
        };
        let verdict = run((1..8).map(to).collect());
        assert_eq!(verdict.findings.len(), 1);
        assert_eq!(verdict.findings[0].server.addrs.len(), 7);
    }

    #[test]
    fn one_server_under_two_names_is_one_finding() {
        let to = |n: i64, host: &str| {
            let loot = zip(40_000, &["Passwords.txt", "Cookies/a.txt", "Screenshot.png"]);
            let upload = request("POST", host, &format!("/{n}"), &[], Some(loot));
            flow("203.0.113.4", 80).at_ms(n * 4000).http(upload).build()
        };
        let verdict = run(vec![to(1, "one.example"), to(2, "two.test")]);
        let [finding] = &*verdict.findings else { panic!("{:?}", verdict.findings) };
        assert_eq!(finding.server.names, ["one.example", "two.test"]);
        assert_eq!(finding.flows, 2);
    }

    #[test]
    fn a_survey_told_as_flows_end_gives_the_same() {
        let loot = || zip(40_000, &["Passwords.txt", "Cookies/a.txt", "Screenshot.png"]);
        let mut ended: Vec<Flow> = (0..40_u8)
            .map(|n| {
                let asked = flow("192.0.2.53", 53).dns(&format!("n{n}.drop.example"), "A", &["203.0.113.4"]);
                let post = request("POST", "n1.drop.example", &format!("/{n}"), &[], Some(loot()));
                let sent = flow("203.0.113.4", 80).http(post);
                let shown = flow("203.0.113.9", 443).tls(Some("n3.drop.example"), None).payload(90_000, 10);
                let own = [asked, sent, shown][usize::from(n % 3)].copy();
                let moment = crate::time::Duration::from_millis(i64::from(n) * 977 % 40_000);
                Flow { start: own.start + moment, end: own.end + moment, ..own }
            })
            .collect();
        ended.rotate_left(7);
        let mut survey = Survey::default();
        let mut kept = ended.clone();
        for flow in &mut kept {
            survey.take(flow);
        }
        assert_ne!(kept, ended);
        let mut flows = crate::record::Flows::from(kept);
        let order = flows.sort().expect("they were not in order");
        survey.arrange(&order);
        assert_eq!(survey.len(), 40);
        let rules = Rules::shipped().expect("rules");
        let records = Records { flows, ..Records::default() };
        let mut ledger = fold_surveyed(records, survey, &rules, &Options::default());
        let verdict = judge(&mut ledger, &rules, &Options::default());
        assert!(!verdict.findings.is_empty());
        assert_eq!(verdict, run(ended));
    }

    #[test]
    fn threads_find_the_same() {
        let flows = || {
            (0..240_u8)
                .flat_map(|client| (1..31_u8).map(move |server| (client, server)))
                .map(|(client, server)| {
                    let loot = zip(40_000, &["Passwords.txt", "Cookies/a.txt", "Screenshot.png"]);
                    let upload = request("POST", "203.0.113.4", &format!("/{server}"), &[], Some(loot));
                    let flow = flow(&format!("203.0.113.{server}"), 80).client(&format!("192.0.2.{client}"));
                    let flow = flow.at_ms(i64::from(server) * 900);
                    if client % 48 == 0 { flow.http(upload).build() } else { flow.payload(40, 90).build() }
                })
                .collect::<Vec<_>>()
        };
        let verdict = |threads| {
            let records = Records { flows: flows().into(), ..Records::default() };
            let options = Options {
                threads,
                internal: vec!["192.0.2.0/24".parse().expect("a network")],
                ..Options::default()
            };
            detect(records, &Rules::shipped().expect("rules"), &options)
        };
        let alone = verdict(1);
        assert!(flows().len() > 3 * FLOWS_TO_TAKE, "several pieces");
        assert!(alone.channels >= MANY_CHANNELS as u64 && alone.findings.len() >= 5);
        assert_eq!(verdict(4), alone);
    }

    #[test]
    fn the_same_records_give_the_same_verdict() {
        let flows = || {
            (1..9_u8)
                .map(|n| {
                    let post = request("POST", "203.0.113.4", "/a.php", &[], Some(body(30_000)));
                    flow(&format!("203.0.113.{}", n % 3 + 4), 8081)
                        .at_ms(i64::from(n) * 20_000)
                        .http(post)
                        .build()
                })
                .collect::<Vec<_>>()
        };
        let mut other = flows();
        other.reverse();
        assert_eq!(run(flows()), run(other));
    }
}
