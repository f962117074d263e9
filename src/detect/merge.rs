//! One finding of what belongs together.

use super::attack;
use super::evidence::Statement;
use super::facts;
use super::finding::{
    Beacon, Evidence, Family, Finding, Kind, Level, Loot, Server, Technique, Upload, Victim,
};
use super::indicators;
use super::ledger::{Channel, HostView, Ledger};
use super::score::{Sum, Weights};
use super::signals::View;
use crate::record::{Flow, Proto};
use crate::time::Timestamp;
use hashbrown::HashMap;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Conversations listed as evidence of one finding; the heaviest statements come first.
const MAX_EVIDENCE: usize = 64;
/// Addresses, names or ports of a joined finding.
const MAX_JOINED: usize = 1024;
/// As many are compared one by one with what is known: findings that are joined mostly bring one or two of a kind.
const FEW: usize = 8;
/// Names of a service or of loot that are shown.
const MAX_NAMES: usize = 32;

/// Makes the finding of one channel, but for the [look-ups](facts::lookups) of it.
pub fn finding(
    view: &View<'_>,
    level: Level,
    sum: Sum,
    statements: &[&Statement],
    weights: &Weights<'_>,
) -> Option<Finding> {
    let (ledger, channel) = (view.ledger, view.channel);
    let client = channel.client?;
    // The heaviest first: its words lead.
    let mut ranked: Vec<&Statement> = statements.to_vec();
    let weigh = |s: &Statement| weights.of(&s.signal).map_or(0.0, |w| w.weight * s.strength);
    ranked.sort_by(|a, b| weigh(b).total_cmp(&weigh(a)).then_with(|| a.signal.cmp(&b.signal)));
    let counted: BTreeSet<&str> =
        sum.terms.iter().filter(|t| t.weight > 0.0).map(|t| t.signal.as_str()).collect();
    ranked.retain(|statement| counted.contains(statement.signal.as_str()));
    let kinds = kinds(&ranked, weights);
    let span = ranked.iter().fold((Timestamp(i64::MAX), Timestamp(i64::MIN)), |span, s| {
        (span.0.min(s.span.0), span.1.max(s.span.1))
    });
    let (first, last) = if span.0 <= span.1 { span } else { (channel.first, channel.last) };
    let family = family(&ranked, weights);
    let (upload, carried) = upload(&ranked, weights).unzip();
    let loot = loot(&ranked);
    let beacon = beacon(&ranked);
    let names_of = |s: &&Statement| weights.families.get(&s.signal).is_some_and(|note| note.reversed);
    let turned = ranked.iter().any(names_of).then(|| turned(ledger, channel, client)).flatten();
    let reversed = turned.is_some();
    let (victim, mut server) =
        turned.unwrap_or_else(|| (victim(ledger, channel, client), server(ledger, channel)));
    let label = if reversed { client.to_string() } else { channel.service.label() };
    let bytes = if reversed { (channel.bytes.1, channel.bytes.0) } else { channel.bytes };
    server.certificates = facts::certificates(ledger, channel);
    server.templates = facts::templates(ledger, channel, &ranked);
    let listed = ranked.iter().all(|s| indicators::SIGNALS.contains(&s.signal.as_str()));
    let mut attack: Vec<Technique> = ranked
        .iter()
        .filter_map(|s| weights.of(&s.signal))
        .flat_map(|weighing| weighing.attack.iter().map(|id| attack::technique(id)))
        .collect();
    attack.sort();
    attack.dedup();
    let not_proof =
        ranked.iter().filter_map(|s| weights.of(&s.signal)).map(|w| w.not_proof.to_owned()).next();
    Some(Finding {
        id: identity(victim.addr, &server, &kinds, first),
        level,
        score: sum.score,
        title: if listed {
            format!("contact with {label}, which a list names")
        } else {
            title(&label, &kinds, family.as_ref(), upload.as_ref(), loot.as_ref(), beacon.as_ref())
        },
        kinds,
        family,
        victim,
        server,
        first,
        last,
        bytes_out: bytes.0,
        bytes_in: bytes.1,
        flows: channel.flows.len() as u64,
        beacon,
        upload,
        turns: facts::turns(ledger, carried.unwrap_or_default()),
        loot,
        lookups: Vec::new(),
        downloads: facts::downloads(view),
        terms: sum.terms,
        not_proof: not_proof.unwrap_or_default(),
        attack,
        evidence: evidence(ledger, channel, &ranked),
    })
}

/// A finding that is put in order and joined: a thousand bytes, of which only the place is moved.
pub type Moved = Box<Finding>;

/// Joins findings of one victim that are one thing: the same request to several servers (a list of controllers, or
/// one among decoys), or one server under several names. The best leads and lends its words; servers and evidence
/// are of all.
pub fn join(found: Vec<(Option<String>, Moved)>) -> Vec<Moved> {
    let mut alone = Vec::new();
    let mut groups: BTreeMap<(IpAddr, String), Vec<Moved>> = BTreeMap::new();
    for (template, finding) in found {
        match template {
            Some(template) => groups.entry((finding.victim.addr, template)).or_default().push(finding),
            None => alone.push(finding),
        }
    }
    alone.extend(groups.into_values().filter_map(absorb_all));
    join_addresses(alone)
}

/// Joins findings worth a call that share victim and server address, unless two families say they are two things.
/// Findings below that stay apart: at an address that many sites share they would only grow.
fn join_addresses(found: Vec<Moved>) -> Vec<Moved> {
    let (worth, mut done): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|finding| finding.level >= Level::Medium);
    // With the family that a group is of, if its members name one.
    let mut groups: Vec<(Option<String>, Vec<Moved>)> = Vec::new();
    let mut by_address: BTreeMap<(IpAddr, IpAddr), Vec<usize>> = BTreeMap::new();
    for finding in worth {
        let victim = finding.victim.addr;
        let near: BTreeSet<usize> = finding
            .server
            .addrs
            .iter()
            .filter_map(|addr| by_address.get(&(victim, *addr)))
            .flatten()
            .copied()
            .collect();
        let own = finding.family.as_ref().map(|family| family.name.as_str());
        let fits = |group: &usize| match (&groups[*group].0, own) {
            (Some(name), Some(own)) => name == own,
            _ => true,
        };
        let at = near.iter().copied().find(fits).unwrap_or_else(|| {
            groups.push((None, Vec::new()));
            groups.len() - 1
        });
        if groups[at].0.is_none() {
            groups[at].0 = own.map(str::to_owned);
        }
        for addr in &finding.server.addrs {
            let known = by_address.entry((victim, *addr)).or_default();
            if !known.contains(&at) {
                known.push(at);
            }
        }
        groups[at].1.push(finding);
    }
    done.extend(groups.into_iter().filter_map(|(_, group)| absorb_all(group)));
    done
}

/// The best of a group with what the others add.
fn absorb_all(mut group: Vec<Moved>) -> Option<Moved> {
    group.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    group.into_iter().reduce(absorb)
}

fn absorb(mut best: Moved, other: Moved) -> Moved {
    let other = *other;
    best.victim.port = None;
    extend(&mut best.server.addrs, other.server.addrs);
    extend(&mut best.server.names, other.server.names);
    extend(&mut best.server.confirmed, other.server.confirmed);
    extend(&mut best.server.ports, other.server.ports);
    extend(&mut best.server.roles, other.server.roles);
    best.server.roles.sort();
    extend(&mut best.attack, other.attack);
    extend(&mut best.kinds, other.kinds);
    best.kinds.sort_unstable();
    best.attack.sort();
    best.family = best.family.take().or(other.family);
    if best.upload.is_none() {
        (best.upload, best.turns) = (other.upload, other.turns);
    }
    facts::add(&mut best.server.certificates, other.server.certificates);
    facts::add(&mut best.server.templates, other.server.templates);
    facts::add(&mut best.lookups, other.lookups);
    facts::add(&mut best.downloads, other.downloads);
    best.beacon = best.beacon.take().or(other.beacon);
    best.loot = best.loot.take().or(other.loot);
    best.first = best.first.min(other.first);
    best.last = best.last.max(other.last);
    best.bytes_out = best.bytes_out.saturating_add(other.bytes_out);
    best.bytes_in = best.bytes_in.saturating_add(other.bytes_in);
    best.flows = best.flows.saturating_add(other.flows);
    add_evidence(&mut best.evidence, other.evidence);
    best
}

/// Adds conversations, up to a bound; one that is listed already gets the further frames.
fn add_evidence(own: &mut Vec<Evidence>, more: Vec<Evidence>) {
    for evidence in more {
        let same = |known: &&mut Evidence| {
            known.capture == evidence.capture
                && known.community_id == evidence.community_id
                && known.filter == evidence.filter
        };
        if let Some(known) = own.iter_mut().find(same) {
            known.frames.extend(evidence.frames);
            known.frames.sort_unstable();
            known.frames.dedup();
        } else if own.len() < MAX_EVIDENCE {
            own.push(evidence);
        }
    }
}

/// Adds what is new, up to a bound, in the order of coming.
fn extend<T: Ord + Clone>(own: &mut Vec<T>, more: Vec<T>) {
    let (before, room) = (own.len(), MAX_JOINED.saturating_sub(own.len()));
    if room == 0 || more.is_empty() {
        return;
    }
    if more.len() <= FEW {
        let new: Vec<T> = more.into_iter().filter(|one| !own[..before].contains(one)).take(room).collect();
        own.extend(new);
        return;
    }
    let known: BTreeSet<T> = own.iter().cloned().collect();
    own.extend(more.into_iter().filter(|one| !known.contains(one)).take(room));
}

fn kinds(ranked: &[&Statement], weights: &Weights<'_>) -> Vec<Kind> {
    let own = ranked.iter().filter_map(|s| weights.of(&s.signal)).flat_map(|w| w.kinds.iter().copied());
    let mut kinds: BTreeSet<Kind> = own.collect();
    kinds.extend(ranked.iter().flat_map(|s| s.kinds.iter().copied()));
    if kinds.is_empty() {
        kinds.insert(Kind::C2);
    }
    kinds.into_iter().collect()
}

fn family(ranked: &[&Statement], weights: &Weights<'_>) -> Option<Family> {
    let mut named = ranked.iter().filter_map(|s| weights.families.get(&s.signal).map(|note| (s, note)));
    let (statement, note) = named.next()?;
    let mut also: BTreeSet<String> = note.also.iter().cloned().collect();
    also.extend(named.map(|(_, other)| other.name.clone()).filter(|name| *name != note.name));
    Some(Family {
        name: note.name.clone(),
        confidence: note.confidence.clone(),
        rule: statement.signal.clone(),
        also: also.into_iter().collect(),
        software: note.software.clone(),
    })
}

/// The upload that the content knows best, else the largest.
/// With the flows that carried it.
fn upload<'a>(ranked: &[&'a Statement], weights: &Weights<'_>) -> Option<(Upload, &'a [usize])> {
    let rank = |s: &Statement| weights.of(&s.signal).is_some_and(|w| w.group != "upload");
    let all = ranked.iter().filter_map(|s| Some((rank(s), s.upload.clone()?, &*s.flows)));
    all.max_by_key(|(known, upload, _)| (*known, upload.bytes)).map(|(_, upload, flows)| (upload, flows))
}

fn loot(ranked: &[&Statement]) -> Option<Loot> {
    let mut all = ranked.iter().filter_map(|s| s.loot.clone());
    let mut loot = all.next()?;
    for other in all {
        for (category, n) in other.categories {
            let own = loot.categories.entry(category).or_default();
            *own = (*own).max(n);
        }
        loot.names.extend(other.names);
        loot.drop = loot.drop.or(other.drop);
    }
    loot.names.sort();
    loot.names.dedup();
    loot.names.truncate(MAX_NAMES);
    Some(loot)
}

fn beacon(ranked: &[&Statement]) -> Option<Beacon> {
    let mut best: Option<&Beacon> = None;
    for beacon in ranked.iter().filter_map(|s| s.beacon.as_ref()) {
        if best.is_none_or(|old| beacon.count > old.count) {
            best = Some(beacon);
        }
    }
    best.cloned()
}

fn server(ledger: &Ledger, channel: &Channel) -> Server {
    let flows = || channel.flows.iter().map(|index| &ledger.flows[index]);
    let mut apps: BTreeMap<&str, u64> = BTreeMap::new();
    let mut transports: BTreeMap<String, u64> = BTreeMap::new();
    for flow in flows() {
        for bytes in
            [apps.entry(flow.app()).or_default(), transports.entry(flow.proto.to_string()).or_default()]
        {
            *bytes = bytes.saturating_add(1).saturating_add(flow.payload.to_server);
        }
    }
    let most = |(name, _): (&str, u64)| name.to_owned();
    // Names that were used lead; the others follow.
    let mut names: Vec<String> = channel.service.names.stated().map(ToString::to_string).collect();
    let others = channel.service.names.iter().filter(|name| !channel.service.names.states(name));
    names.extend(others.map(ToString::to_string));
    names.truncate(MAX_NAMES);
    // Questions below a domain go to whoever serves it: DNS itself confirms the name.
    let asked = channel.domain.is_some();
    let confirmed = names.iter().filter(|name| asked || channel.service.confirms(name)).cloned().collect();
    Server {
        confirmed,
        addrs: channel.service.addrs.iter().copied().collect(),
        names,
        ports: channel.service.ports.iter().copied().collect(),
        transport: transports.into_iter().max_by_key(|(_, n)| *n).map_or_else(String::new, |(name, _)| name),
        app: apps.into_iter().max_by_key(|(_, n)| *n).map_or_else(String::new, most),
        roles: channel.service.roles.iter().map(ToString::to_string).collect(),
        places: Vec::new(),
        certificates: Vec::new(),
        templates: Vec::new(),
    }
}

/// Victim and server of a channel whose client gives the orders; none where it is not one host that is called.
fn turned(ledger: &Ledger, channel: &Channel, client: IpAddr) -> Option<(Victim, Server)> {
    let (called, None) = (channel.service.addrs.first().copied()?, channel.service.addrs.get(1)) else {
        return None;
    };
    let server =
        Server { addrs: vec![client], names: Vec::new(), confirmed: Vec::new(), ..server(ledger, channel) };
    let known = ledger.hosts.get(called).and_then(|host| host.known.as_deref());
    let mac = known.and_then(|host| host.macs.first().cloned());
    Some((
        Victim { port: None, mac, ..victim(ledger, channel, called) },
        Server { roles: Vec::new(), ..server },
    ))
}

fn victim(ledger: &Ledger, channel: &Channel, addr: IpAddr) -> Victim {
    let known = ledger.hosts.get(addr).and_then(|host: &HostView| host.known.as_deref());
    let values = |list: Option<&Vec<crate::record::Named>>| {
        let mut seen = BTreeSet::new();
        let all = list.into_iter().flatten().map(|named| named.value.clone());
        all.filter(|value| seen.insert(value.to_lowercase())).take(MAX_NAMES).map(String::from).collect()
    };
    let mac =
        channel.flows.iter().find_map(|index| ledger.flows[index].client.mac).map(|mac| mac.to_string());
    Victim {
        addr,
        port: match channel.flows.only().map(|only| &ledger.flows[only]) {
            Some(only) if matches!(only.proto, Proto::Tcp | Proto::Udp) => Some(only.client.port),
            _ => None,
        },
        mac: mac.or_else(|| known.and_then(|host| host.macs.first().cloned())),
        names: values(known.map(|host| &host.names)),
        users: values(known.map(|host| &host.users)),
    }
}

fn title(
    label: &str,
    kinds: &[Kind],
    family: Option<&Family>,
    upload: Option<&Upload>,
    loot: Option<&Loot>,
    beacon: Option<&Beacon>,
) -> String {
    let who = family.map_or_else(String::new, |family| format!("{}: ", family.name));
    let taken = loot.filter(|loot| !loot.categories.is_empty()).map_or_else(String::new, |loot| {
        let categories: Vec<&str> = loot.categories.keys().map(String::as_str).collect();
        format!(" ({})", categories.join(", "))
    });
    let beat = beacon.map_or_else(String::new, |beacon| format!(", each {:.1} s", beacon.period_s));
    let what = if kinds.contains(&Kind::Tunnel) {
        format!("tunnel through {label}")
    } else if kinds.contains(&Kind::Exfiltration) {
        let bytes = upload.map_or_else(String::new, |upload| format!("{} bytes ", upload.bytes));
        format!("{bytes}sent to {label}{taken}")
    } else if kinds.contains(&Kind::Beacon) {
        format!("check-ins with {label}{beat}")
    } else if kinds.contains(&Kind::C2) {
        format!("control traffic with {label}")
    } else if kinds.contains(&Kind::Download) {
        format!("programs fetched from {label}")
    } else {
        format!("dead drop at {label}")
    };
    format!("{who}{what}")
}

fn identity(victim: IpAddr, server: &Server, kinds: &[Kind], first: Timestamp) -> String {
    let mut sha = Sha256::new();
    sha.update(format!("{victim}|{:?}|{:?}|{kinds:?}|{}", server.names, server.addrs, first.0));
    let digest = sha.finalize();
    digest.iter().take(8).fold("xf-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

/// The conversations that the statements rest on, heaviest statement first, then in time order.
fn evidence(ledger: &Ledger, channel: &Channel, ranked: &[&Statement]) -> Vec<Evidence> {
    let mut chosen: Vec<usize> = Vec::new();
    for index in ranked.iter().flat_map(|s| s.flows.iter().copied()).chain(channel.flows.iter()) {
        if chosen.len() < MAX_EVIDENCE && !chosen.contains(&index) {
            chosen.push(index);
        }
    }
    chosen.sort_unstable();
    let mut alike: HashMap<_, u32> = HashMap::new();
    for flow in channel.flows.iter().map(|index| &ledger.flows[index]) {
        *alike.entry(ends(flow)).or_default() += 1;
    }
    let reused = |flow: &Flow| alike.get(&ends(flow)).is_some_and(|count| *count > 1);
    let flows = chosen.into_iter().map(|index| &ledger.flows[index]);
    flows.flat_map(|flow| of_flow(flow, reused(flow))).collect()
}

/// What a display filter tells conversations apart by.
fn ends(flow: &Flow) -> (Proto, IpAddr, IpAddr, Option<(u16, u16)>) {
    let ports = matches!(flow.proto, Proto::Tcp | Proto::Udp).then_some((flow.client.port, flow.server.port));
    (flow.proto, flow.client.addr, flow.server.addr, ports)
}

/// The evidence that a flow is; `reused` if others of the same ends came before or after it.
fn of_flow(flow: &Flow, reused: bool) -> Vec<Evidence> {
    let filter = if reused { format!("{} && {}", filter(flow), moments(flow)) } else { filter(flow) };
    let one = |capture, first, last| Evidence {
        capture,
        frames: vec![(first, last)],
        community_id: flow.community_id.to_string(),
        filter: filter.clone(),
    };
    let own = std::iter::once(one(flow.capture, flow.frames.first, flow.frames.last));
    own.chain(flow.continued.iter().map(|more| one(more.capture, more.frames.first, more.frames.last)))
        .collect()
}

/// The part of a display filter that leaves out what is before and after a conversation: whole microseconds around it.
fn moments(flow: &Flow) -> String {
    let time = |nanos: i64| {
        let micros = nanos.div_euclid(1000);
        format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000))
    };
    let (from, to) = (time(flow.start.0), time(flow.end.0.saturating_add(999)));
    format!("frame.time_epoch >= {from} && frame.time_epoch <= {to}")
}

/// A Wireshark display filter for one conversation, by addresses and ports: good in any file that holds it.
fn filter(flow: &Flow) -> String {
    let ip = if flow.client.addr.is_ipv4() { "ip" } else { "ipv6" };
    let (a, b) = (flow.client.addr, flow.server.addr);
    let hosts = format!("{ip}.addr == {a} && {ip}.addr == {b}");
    match flow.proto {
        Proto::Tcp | Proto::Udp => {
            let proto = flow.proto;
            let (from, to) = (flow.client.port, flow.server.port);
            // Messages about lost packets quote their headers, and would fit as well.
            let quoted = if ip == "ip" { "icmp" } else { "icmpv6" };
            format!("{hosts} && {proto}.port == {from} && {proto}.port == {to} && !{quoted}")
        }
        Proto::Icmp => format!("{hosts} && icmp"),
        Proto::Icmp6 => format!("{hosts} && icmpv6"),
        Proto::Ip(number) => {
            format!("{hosts} && {ip}.{} == {number}", if ip == "ip" { "proto" } else { "nxt" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::flow;

    #[test]
    fn conversations_of_the_same_ends_are_told_apart_by_their_time() {
        let at = |ms| flow("203.0.113.4", 443).at_ms(ms).payload(40, 90).build();
        let ledger = crate::detect::testing::ledger([at(0), at(90_000)]);
        let filters: Vec<String> =
            evidence(&ledger, &ledger.channels[0], &[]).into_iter().map(|one| one.filter).collect();
        assert_eq!(filters.len(), 2);
        assert!(filters.iter().all(|filter| filter.contains("frame.time_epoch >= ")), "{filters:?}");
        assert_ne!(filters[0], filters[1]);
        let alone = crate::detect::testing::ledger([at(0)]);
        assert!(!evidence(&alone, &alone.channels[0], &[])[0].filter.contains("time"));
        assert_eq!(
            moments(&Flow { start: Timestamp(1_500_000_001), end: Timestamp(2_000_000_001), ..at(0) }),
            "frame.time_epoch >= 1.500000 && frame.time_epoch <= 2.000001"
        );
    }

    #[test]
    fn a_conversation_is_listed_once_with_all_its_frames() {
        let of = |conversation: &str, frames: &[(u64, u64)]| Evidence {
            capture: 0,
            frames: frames.to_vec(),
            community_id: conversation.to_owned(),
            filter: "f".to_owned(),
        };
        let mut own = vec![of("1:a", &[(4, 9)])];
        add_evidence(&mut own, vec![of("1:b", &[(1, 2)]), of("1:a", &[(4, 9), (1, 2)])]);
        assert_eq!(own, [of("1:a", &[(1, 2), (4, 9)]), of("1:b", &[(1, 2)])]);
        let many = (0..200).map(|n| of(&format!("1:{n}"), &[(n, n)])).collect();
        add_evidence(&mut own, many);
        assert_eq!(own.len(), MAX_EVIDENCE);
    }

    #[test]
    fn filters_name_both_ends() {
        let tcp = flow("203.0.113.4", 443).build();
        assert_eq!(
            filter(&tcp),
            "ip.addr == 192.0.2.10 && ip.addr == 203.0.113.4 && tcp.port == 49200 && tcp.port == 443 && !icmp"
        );
    }
}
