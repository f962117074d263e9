//! Rules against a ledger.
//!
//! Every rule begins with a step that looks at one channel, so the work is channels times rules, less what the
//! protocols of a channel rule out at once; steps that look at everything a client did are run only for the
//! few channels in which the first step was seen.

use super::look::{Look, Sight, first, protocol};
use super::rule::{FamilyRule, Key, On, Step};
use super::sketch::{Asked, Beginning, Openings};
use crate::detect::evidence::{ChannelIx, MAX_FRAMES, Statement};
use crate::detect::finding::{Beacon, Kind, Loot, Upload};
use crate::detect::ledger::sketch::Sketch;
use crate::detect::ledger::{Channel, Ledger, Traits};
use crate::record::{Flow, SideName};
use crate::time::{Duration, Timestamp};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Bound on the sights kept for one step: more change neither count nor beat noticeably.
const MAX_SIGHTS: usize = 4096;
/// Bound on flows listed for one statement.
const MAX_FLOWS: usize = 256;
/// Sights from which a beat is stated.
const BEATS: usize = 4;
/// Longest label of a sight in a sentence, in characters.
const MAX_LABEL: usize = 72;

/// One sight, as far as it is needed later.
#[derive(Debug, Clone)]
struct Hit {
    flow: usize,
    capture: u32,
    frame: u64,
    last_frame: u64,
    time: Timestamp,
    /// Bytes that went up with it.
    up: u64,
    key: Option<String>,
    distinct: Option<String>,
    basis: &'static str,
}

/// What a step found.
struct Found<'r> {
    step: &'r Step,
    hits: Vec<Hit>,
    /// The figure that is compared with `at_least`.
    count: usize,
    label: String,
    period: Option<(f64, f64)>,
}

/// Two rules say the same: they name one family, or one allows for the other's.
fn kin(one: &FamilyRule, other: &FamilyRule) -> bool {
    one.name == other.name || one.also.contains(&other.name) || other.also.contains(&one.name)
}

fn fits_service(rule: &FamilyRule, channel: &Channel) -> bool {
    let inside = rule.body.outside && channel.service.local;
    !inside && !rule.body.roles_not.iter().any(|role| channel.service.is(role))
}

/// Sights of a step in order of time, and the first one in words.
type Sights = (Vec<Hit>, String);

/// Which DNS questions count: flows of a resolver carry those for all the world.
#[derive(Clone, Copy)]
enum Questions<'a> {
    /// All, where a host is looked at.
    All,
    /// None: the channel is a service, maybe the resolver.
    None,
    /// Those below a domain, where that is the channel.
    Below(&'a str),
}

impl Questions<'_> {
    fn count(self, query: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Below(domain) => {
                query.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

/// All rules on one ledger.
#[derive(Clone, Copy)]
pub struct Scene<'a, 'r> {
    ledger: &'a Ledger,
    index: &'a Index<'r>,
}

/// Rules by what they ask for first, and what they saw of whole clients: worked out once for a ledger.
pub struct Index<'r> {
    rules: &'r [FamilyRule],
    /// By number, rules whose first step looks at one of these protocols, made for each set of protocols that channels
    /// speak beside HTTP and those that are not listed.
    speaking: [OnceLock<Box<[usize]>>; 256],
    /// Rules whose first step looks at requests, by number, with each look that does and what it asks for: looks are
    /// large, and most are passed by for what they ask.
    asking: OnceLock<Vec<(Asked, usize, &'r Look)>>,
    /// Those whose first step looks at conversations in no listed protocol.
    openings: OnceLock<Openings<(usize, &'r Look)>>,
    /// What steps that look at a whole client saw, by client, rule and step: asked once for each.
    seen: Mutex<BTreeMap<(IpAddr, String, usize), Arc<Sights>>>,
}

impl<'r> Index<'r> {
    /// Prepares for the questions of all rules.
    pub fn new(rules: &'r [FamilyRule]) -> Self {
        Self {
            rules,
            speaking: [const { OnceLock::new() }; 256],
            asking: OnceLock::new(),
            openings: OnceLock::new(),
            seen: Mutex::default(),
        }
    }

    /// The looks of first steps at a protocol, with the numbers of their rules and something worked out for each.
    fn first_looks<T>(&self, at: u8, work: impl Fn(&Look) -> T) -> Vec<((usize, &'r Look), T)> {
        let first = |(number, rule): (usize, &'r FamilyRule)| Some((number, rule.body.steps.first()?));
        let looks = self.rules.iter().enumerate().filter_map(first);
        let looks = looks.flat_map(|(number, step)| step.looks.iter().map(move |look| (number, look)));
        looks.filter(|(_, look)| look.protocols() == at).map(|own| (own, work(own.1))).collect()
    }

    /// Numbers of the rules that have something to look at in a channel that speaks these protocols.
    fn speaking(&self, speaks: u8) -> &[usize] {
        if speaks == 0 {
            return &[];
        }
        self.speaking[usize::from(speaks)].get_or_init(|| {
            let looks = |rule: &FamilyRule| {
                let mut looks = rule.body.steps.first().into_iter().flat_map(|step| &step.looks);
                looks.any(|look| look.begins_in(speaks))
            };
            self.rules.iter().enumerate().filter(|(_, rule)| looks(rule)).map(|(number, _)| number).collect()
        })
    }
}

impl<'a, 'r> Scene<'a, 'r> {
    /// Puts rules before a ledger. What an index has seen is of this ledger only.
    pub const fn new(ledger: &'a Ledger, index: &'a Index<'r>) -> Self {
        Self { ledger, index }
    }

    /// Statements of all rules about a channel, by weight. Of rules that say the same the strongest speaks.
    pub fn statements(&self, ix: ChannelIx) -> Vec<Statement> {
        let channel = self.ledger.channel(ix);
        let begun = self.begun(channel);
        if begun.is_empty() {
            return Vec::new();
        }
        let mut said: Vec<(&FamilyRule, f64, Statement)> = Vec::new();
        for rule in begun.into_iter().filter_map(|number| self.index.rules.get(number)) {
            if fits_service(rule, channel)
                && let Some(statement) = self.judge(ix, rule)
            {
                said.push((rule, rule.weight * statement.strength, statement));
            }
        }
        // Stable: of equals the first rule speaks.
        said.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut spoken: Vec<&FamilyRule> = Vec::new();
        let mut statements = Vec::new();
        for (rule, _, statement) in said {
            if !spoken.iter().any(|stronger| kin(stronger, rule)) {
                spoken.push(rule);
                statements.push(statement);
            }
        }
        statements
    }

    /// A rule that speaks of a channel although it does not begin in it: there is none.
    #[cfg(test)]
    pub fn unbegun(&self, ix: ChannelIx) -> Option<&'r str> {
        let begun = self.begun(self.ledger.channel(ix));
        let passed = self.index.rules.iter().enumerate().filter(|(number, _)| !begun.contains(number));
        passed.map(|(_, rule)| rule).find(|rule| self.judge(ix, rule).is_some()).map(|rule| rule.id.as_str())
    }

    /// The rules whose first step may see something in a channel, by number.
    fn begun(&self, channel: &Channel) -> Vec<usize> {
        let mut speaks = protocol::of(channel.has);
        if channel.domain.is_none() {
            // The questions in a resolver's channel belong to domains.
            speaks &= !protocol::DNS;
        }
        let mut begun: Vec<usize> = Vec::new();
        if speaks & protocol::RAW != 0 {
            let openings = self
                .index
                .openings
                .get_or_init(|| Openings::new(self.index.first_looks(protocol::RAW, Look::begins)));
            for flow in channel.flows.iter().filter(|&flow| self.ledger.traits[flow].any(Traits::UNLISTED)) {
                let Some(record) = self.ledger.flows.get(flow) else { continue };
                openings.each(&Beginning::of(record), |(number, look)| {
                    if !begun.contains(&number) && look.sees(record) {
                        begun.push(number);
                    }
                });
            }
        }
        if speaks & protocol::HTTP != 0 {
            let asking = self.index.asking.get_or_init(|| {
                let looks = self.index.first_looks(protocol::HTTP, |look| look.asked).into_iter();
                looks.map(|((number, look), asked)| (asked, number, look)).collect()
            });
            let requests: SmallVec<[(usize, usize, Sketch); 4]> =
                channel.flows.iter().flat_map(|flow| self.requests_of(flow)).collect();
            let joined = requests.iter().fold(Sketch::default(), |all, (.., sketch)| all.and(*sketch));
            let fits = |look: &Look, (flow, nth, sketch): &(usize, usize, Sketch)| {
                let exchange = self.ledger.flows.get(*flow).and_then(|flow| flow.http.get(*nth));
                look.http.as_ref().is_none_or(|http| exchange.is_some_and(|own| http.may_fit(own, sketch)))
            };
            let asks = |asked: Asked, look: &Look| {
                asked.may_fit(joined) && requests.iter().any(|own| asked.may_fit(own.2) && fits(look, own))
            };
            let asking = asking.iter().filter(|(asked, _, look)| asks(*asked, look));
            begun.extend(asking.map(|(_, number, _)| *number));
        }
        begun.extend(self.index.speaking(speaks & !(protocol::HTTP | protocol::RAW)));
        begun.sort_unstable();
        begun.dedup();
        begun
    }

    /// The requests of a flow in few words: flow, place in it, sketch.
    fn requests_of(&self, flow: usize) -> impl Iterator<Item = (usize, usize, Sketch)> {
        self.ledger.requests.of(flow).iter().enumerate().map(move |(nth, sketch)| (flow, nth, *sketch))
    }

    fn judge(&self, ix: ChannelIx, rule: &FamilyRule) -> Option<Statement> {
        let mut found: Vec<Found<'_>> = Vec::new();
        let mut strength = rule.body.alone;
        for (at, step) in rule.body.steps.iter().enumerate() {
            let one = self.find(ix, (rule, at, step), &found);
            let seen = one.count >= step.at_least && fits_period(&one);
            match (step.none, step.adds, seen) {
                (true, _, true) | (false, None, false) => return None,
                (true, _, false) | (false, Some(_), false) => {}
                (false, None, true) => found.push(one),
                (false, Some(adds), true) => {
                    strength += adds;
                    found.push(one);
                }
            }
        }
        self.state(ix, rule, &found, strength.clamp(0.0, 1.0))
    }

    fn find<'s>(
        &self,
        ix: ChannelIx,
        (rule, at, step): (&FamilyRule, usize, &'s Step),
        before: &[Found<'s>],
    ) -> Found<'s> {
        let window = window(step, before);
        let inside = |hit: &Hit| window.is_none_or(|(from, to)| from <= hit.time && hit.time <= to);
        let (mut hits, label) = match (step.on, self.ledger.channel(ix).client) {
            (On::Channel, _) => {
                let channel = self.ledger.channel(ix);
                let domain = channel.domain.as_deref();
                let questions = domain.map_or(Questions::None, |domain| Questions::Below(domain));
                let (mut hits, label) = self.look(step, channel.flows.iter(), questions);
                hits.retain(inside);
                (hits, label)
            }
            (On::Host, None) => Sights::default(),
            (On::Host, Some(client)) => {
                let sights = self.of_host(client, (&rule.id, at, step));
                (sights.0.iter().filter(|hit| inside(hit)).cloned().collect(), sights.1.clone())
            }
        };
        if step.same.is_some() {
            hits = largest_group(hits);
        }
        let count = if step.distinct.is_some() {
            hits.iter().filter_map(|hit| hit.distinct.as_deref()).collect::<BTreeSet<_>>().len()
        } else {
            hits.len()
        };
        let period = beat(&hits);
        Found { step, hits, count, label, period }
    }

    /// What a step that looks at a whole client sees, looked at once for each client.
    fn of_host(&self, client: IpAddr, (rule, at, step): (&str, usize, &Step)) -> Arc<Sights> {
        let key = (client, rule.to_owned(), at);
        let seen = || self.index.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen().get(&key).cloned();
        known.unwrap_or_else(|| {
            // Two threads may look at once, and see the same.
            let sights = Arc::new(self.look(step, self.flows_of_host(client), Questions::All));
            seen().insert(key, Arc::clone(&sights));
            sights
        })
    }

    /// Everything in `flows` that the step looks for.
    fn look(&self, step: &Step, flows: impl Iterator<Item = usize>, questions: Questions<'_>) -> Sights {
        let mut hits: Vec<Hit> = Vec::new();
        let mut label = String::new();
        for flow in flows {
            let Some(speaks) = self.ledger.traits.get(flow).map(|own| protocol::of(*own)) else { continue };
            if step.protocols != 0 && step.protocols & speaks == 0 {
                continue;
            }
            let Some(record) = self.ledger.flows.get(flow) else { continue };
            let requests = self.ledger.requests.of(flow);
            for (nth, look) in step.looks.iter().enumerate() {
                if matches!(questions, Questions::None) && look.protocols() == protocol::DNS {
                    continue;
                }
                look.each(record, (speaks, requests), |sight| {
                    if hits.len() >= MAX_SIGHTS {
                        return;
                    }
                    if matches!(sight, Sight::Dns(dns) if !questions.count(&dns.query)) {
                        return;
                    }
                    let hit = hit(flow, record, sight, step);
                    // Two alternatives may see the same request.
                    let again = nth > 0
                        && hits.iter().rev().take_while(|h| h.flow == flow).any(|h| h.frame == hit.frame);
                    if !again {
                        if label.is_empty() {
                            label = describe(record, sight);
                        }
                        hits.push(hit);
                    }
                });
            }
        }
        if hits.len() > 1 {
            hits.sort_by_key(|hit| (hit.time, hit.frame));
        }
        (hits, label)
    }

    fn flows_of_host(&self, client: IpAddr) -> impl Iterator<Item = usize> {
        let channels = self.ledger.hosts.get(client).map(|host| host.channels.as_slice());
        let channels = channels.unwrap_or_default().iter();
        let channels = channels.filter_map(|other| self.ledger.channels.get(other.0));
        // The questions below a domain are in flows that a resolver's channel has as well.
        let channels = channels.filter(|channel| channel.domain.is_none());
        channels.flat_map(|channel| channel.flows.iter())
    }

    fn state(
        &self,
        ix: ChannelIx,
        rule: &FamilyRule,
        found: &[Found<'_>],
        strength: f64,
    ) -> Option<Statement> {
        let own = || found.iter().filter(|one| one.step.on == On::Channel).flat_map(|one| &one.hits);
        let first = own().min_by_key(|hit| hit.time)?;
        let last = own().map(|hit| hit.time).max()?;
        let frames: BTreeSet<u64> = own()
            .filter(|hit| hit.capture == first.capture)
            .flat_map(|hit| [hit.frame, hit.last_frame])
            .collect();
        let flows: BTreeSet<usize> = own().map(|hit| hit.flow).collect();
        let mut labels = BTreeSet::new();
        let mut sentences = Vec::new();
        for one in found {
            sentences.extend(sentence(one, labels.insert(one.label.as_str())));
        }
        let mut kinds: BTreeSet<Kind> = rule.kinds.iter().copied().collect();
        kinds.extend(found.iter().flat_map(|one| one.step.kinds.iter().copied()));
        let mut categories: BTreeMap<String, u64> = BTreeMap::new();
        for one in found.iter().filter(|one| one.step.on == On::Channel) {
            for category in &one.step.takes {
                *categories.entry(category.clone()).or_default() += one.hits.len() as u64;
            }
        }
        Some(Statement {
            channel: ix,
            signal: rule.id.clone(),
            strength,
            why: format!("{}: {}", rule.about, sentences.join("; ")),
            capture: first.capture,
            frames: frames.into_iter().take(MAX_FRAMES).collect(),
            span: (first.time, last),
            flows: flows.into_iter().take(MAX_FLOWS).collect(),
            kinds: kinds.into_iter().collect(),
            beacon: found.iter().find_map(beacon),
            upload: upload(self.ledger, found),
            loot: (!categories.is_empty()).then(|| Loot { categories, ..Loot::default() }),
        })
    }
}

/// The span that a step's sights must lie in.
fn window(step: &Step, before: &[Found<'_>]) -> Option<(Timestamp, Timestamp)> {
    let start = |one: &Found<'_>| one.hits.first().map(|hit| hit.time);
    let named = step.after.as_ref().and_then(|name| before.iter().find(|one| one.step.name == *name));
    let span = step.within_s.map(|seconds| Duration((seconds * 1e9).min(9e18) as i64));
    match (named.and_then(start), span) {
        (Some(from), Some(span)) => Some((from, from + span)),
        (Some(from), None) => Some((from, Timestamp(i64::MAX))),
        (None, Some(span)) => before.first().and_then(start).map(|moment| (moment - span, moment + span)),
        (None, None) => None,
    }
}

fn hit(flow: usize, record: &Flow, sight: Sight<'_>, step: &Step) -> Hit {
    let (frame, last_frame, time, up, basis) = match sight {
        Sight::Http(e) => (e.frame, e.last_frame, e.time, e.sent(), "requests"),
        Sight::Tls(tls) => {
            let frame = tls.frame.unwrap_or(record.frames.first);
            (frame, frame, record.start, record.payload.to_server, "connections")
        }
        Sight::Record(&(side, micros, bytes, frame)) => {
            let up = if side == SideName::Client { bytes.into() } else { 0 };
            (frame, frame, after(record.start, micros), up, "turns")
        }
        Sight::Raw => {
            let frames = record.frames;
            (frames.first, frames.first, record.start, record.payload.to_server, "connections")
        }
        Sight::Turn(turn) => {
            let up = if turn.0 == SideName::Client { turn.2 } else { 0 };
            (turn.3, turn.3, after(record.start, turn.1), up, "turns")
        }
        Sight::Mail(mail) => (mail.frames.0, mail.frames.1, mail.time, mail.body.bytes, "requests"),
        Sight::Ftp(command) => (command.3, command.3, record.start, 0, "requests"),
        Sight::File => {
            let frames = record.frames;
            (frames.first, frames.last, record.start, record.payload.to_server, "connections")
        }
        Sight::Dns(dns) => (dns.frame, dns.frame, dns.time, 0, "queries"),
    };
    let key = |key: Option<Key>| key.map(|key| value(key, record, sight, up));
    Hit {
        flow,
        capture: record.capture,
        frame,
        last_frame,
        time,
        up,
        key: key(step.same),
        distinct: key(step.distinct),
        basis,
    }
}

fn after(start: Timestamp, micros: i64) -> Timestamp {
    start + Duration(micros.saturating_mul(1000))
}

fn value(key: Key, record: &Flow, sight: Sight<'_>, up: u64) -> String {
    let path = || match sight {
        Sight::Http(e) => e.path.split('?').next().unwrap_or("").to_owned(),
        Sight::Ftp(command) => command.1.clone(),
        Sight::Dns(dns) => dns.query.to_string(),
        _ => String::new(),
    };
    match key {
        Key::Path => path(),
        Key::File => path().rsplit('/').next().unwrap_or("").to_ascii_lowercase(),
        Key::Host => match sight {
            Sight::Http(e) => e.host.as_deref(),
            Sight::Tls(tls) => tls.sni.as_deref(),
            _ => None,
        }
        .map_or_else(|| record.server.addr.to_string(), str::to_owned),
        Key::Server => record.server.addr.to_string(),
        Key::Bytes => up.to_string(),
        Key::Tag => match sight {
            Sight::Mail(mail) => mail.subject.as_deref().unwrap_or(""),
            Sight::Ftp(command) => &command.1,
            _ => "",
        }
        .split(['_', '|', ' '])
        .next()
        .unwrap_or("")
        .to_owned(),
    }
}

/// The sights of the key that has most distinct values (most sights, where nothing is counted once).
fn largest_group(hits: Vec<Hit>) -> Vec<Hit> {
    let mut groups: BTreeMap<String, Vec<Hit>> = BTreeMap::new();
    for hit in hits {
        groups.entry(hit.key.clone().unwrap_or_default()).or_default().push(hit);
    }
    let size = |group: &Vec<Hit>| {
        let distinct: BTreeSet<Option<&str>> = group.iter().map(|hit| hit.distinct.as_deref()).collect();
        (distinct.len(), group.len())
    };
    let mut best: Vec<Hit> = Vec::new();
    for group in groups.into_values() {
        if best.is_empty() || size(&group) > size(&best) {
            best = group;
        }
    }
    best
}

/// Median seconds between sights and their relative spread (1.4826 · MAD / median), from [`BEATS`] sights on.
fn beat(hits: &[Hit]) -> Option<(f64, f64)> {
    if hits.len() < BEATS {
        return None;
    }
    let gaps: Vec<f64> = hits.windows(2).map(|pair| pair[1].time.since(pair[0].time).as_secs_f64()).collect();
    let middle = median(gaps.clone())?;
    let spread = median(gaps.iter().map(|gap| (gap - middle).abs()).collect())?;
    (middle > 0.0).then(|| (middle, 1.4826 * spread / middle))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    if values.len().is_multiple_of(2) {
        values.get(half.wrapping_sub(1)).map(|lower| f64::midpoint(*lower, upper))
    } else {
        Some(upper)
    }
}

fn fits_period(found: &Found<'_>) -> bool {
    found.step.period_s.is_none_or(|range| found.period.is_some_and(|(period, _)| range.holds(period)))
}

fn beacon(found: &Found<'_>) -> Option<Beacon> {
    let (period_s, jitter) = found.period.filter(|_| found.step.period_s.is_some())?;
    if found.step.on == On::Host {
        return None;
    }
    let basis = found.hits.first()?.basis.to_owned();
    let count = found.hits.len() as u64;
    let beacon = Beacon { period_s, jitter, count, missed: 0, basis, start: None, beats_ms: Vec::new() };
    Some(beacon.at(found.hits.iter().map(|hit| hit.time)))
}

/// The upload that the steps marked so saw together, in the statement's own channel.
fn upload(ledger: &Ledger, found: &[Found<'_>]) -> Option<Upload> {
    let steps = || found.iter().filter(|one| one.step.upload && one.step.on == On::Channel);
    let hits: BTreeMap<(usize, u64), u64> =
        steps().flat_map(|one| &one.hits).map(|hit| ((hit.flow, hit.frame), hit.up)).collect();
    let &(flow, frame) = hits.keys().next()?;
    let exchange = ledger.flows.get(flow).and_then(|f| f.http.iter().find(|e| e.frame == frame));
    let destination = exchange.map(|e| e.path.split('?').next().unwrap_or("").to_owned());
    let bytes = hits.values().fold(0_u64, |sum, up| sum.saturating_add(*up));
    (bytes > 0).then_some(Upload { bytes, requests: hits.len() as u64, encoding: None, destination })
}

/// What a step saw, with figures; its label only where it is `new` to the reader.
fn sentence(found: &Found<'_>, new: bool) -> Option<String> {
    let first = found.hits.first()?;
    let up = found.hits.iter().fold(0_u64, |sum, hit| sum.saturating_add(hit.up));
    let label = if new { format!(" {}", found.label) } else { String::new() };
    let different = found.step.distinct.map(|_| format!(" ({} different)", found.count));
    let tells = found.step.upload || !found.step.takes.is_empty();
    let bytes = (up > 0 && tells && first.basis != "queries").then(|| format!(", {up} bytes up"));
    let beat = found.period.filter(|_| found.step.period_s.is_some());
    let parts = [
        format!("{} {} ×{label}", found.step.name, found.hits.len()),
        different.unwrap_or_default(),
        bytes.unwrap_or_default(),
        beat.map(|(period, _)| format!(", one each {period:.1} s")).unwrap_or_default(),
    ];
    Some(parts.concat())
}

/// A sight in a few words.
fn describe(record: &Flow, sight: Sight<'_>) -> String {
    let text = match sight {
        Sight::Http(e) => {
            let path = e.path.split('?').next().unwrap_or("");
            format!("{} {}{path}", e.method, e.host.as_deref().unwrap_or(""))
        }
        Sight::Tls(tls) => {
            let subject = tls.certificates.first().map(|c| c.subject.as_str());
            match (tls.sni.as_deref(), subject) {
                (sni, Some(subject)) => {
                    format!(
                        "{} with certificate {subject}, server name {}",
                        tls.version,
                        sni.unwrap_or("none")
                    )
                }
                (sni, None) => format!("{} with server name {}", tls.version, sni.unwrap_or("none")),
            }
        }
        Sight::Record(record) => format!("TLS record of {} bytes", record.2),
        Sight::Raw => {
            let client = first(record, SideName::Client);
            let (who, bytes) = if client.is_empty() {
                ("server", first(record, SideName::Server))
            } else {
                ("client", client)
            };
            if bytes.is_empty() {
                format!("connection to port {}", record.server.port)
            } else {
                format!("connection whose {who} begins {}", printable(bytes))
            }
        }
        Sight::Turn(turn) => format!("message of {} bytes", turn.2),
        Sight::Mail(mail) => format!("mail with subject {:?}", mail.subject.as_deref().unwrap_or("")),
        Sight::Ftp(command) => format!("{} {}", command.0, command.1),
        Sight::File => {
            let name = record.other.as_ref().and_then(|other| other.name.as_deref());
            format!("file {}", name.unwrap_or("without a name"))
        }
        Sight::Dns(dns) => format!("question for {}", dns.query),
    };
    if text.chars().count() <= MAX_LABEL {
        return text;
    }
    text.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}

/// The first bytes as text where they are text, else as hexadecimal digits.
fn printable(bytes: &[u8]) -> String {
    let text: String = bytes.iter().take(24).map(|&b| char::from(b)).collect();
    if text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return format!("{text:?}");
    }
    let hex: Vec<String> = bytes.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    hex.join(" ")
}
