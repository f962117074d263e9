//! What DNS questions and echo messages carry beside what they are for: other protocols, words, pieces of files.

use super::{Needs, Signal, Traits, View, count, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::Kind;
use crate::detect::ledger::{ROOTLESS, stuffing};
use crate::record::{Dns, Flow, Proto};
use crate::time::Timestamp;
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "dns-tunnel", needs: Needs::DOMAIN, look: dns },
    Signal { name: "stuffed-questions", needs: Needs::STUFFED, look: stuffed },
    Signal { name: "icmp-tunnel", needs: Needs::ICMP, look: icmp },
    Signal { name: "word-in-echo", needs: Needs::ICMP, look: word },
];

/// Whether a signal looks at channels that are a domain's questions.
pub(super) fn of_domain(name: &str) -> bool {
    matches!(name, "dns-tunnel" | "alternative-root")
}

/// Names counted of one domain.
const MAX_NAMES: usize = 65_536;
/// Least of random bytes in echo messages that is called cipher, in bytes.
const MIN_DENSE: u64 = 2_000;
/// Fewest DNS questions that carry more than a question does, and least that they carry together, in bytes.
const STUFFED: (usize, u64) = (4, 1_000);
/// Least payload of an echo message beyond which it is no ordinary ping, in bytes.
const PING: u64 = 64;

/// Many names below one domain that are asked once each, carry long labels, or ask for records that carry data.
fn dns(view: &View<'_>) -> Option<Statement> {
    let base = view.channel.domain.as_deref()?.as_str();
    let below = |dns: &&Dns| match base {
        ROOTLESS => crate::detect::ledger::name::rootless(&dns.query),
        _ => dns.query.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    };
    let mut names: HashSet<&str> = HashSet::new();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut asked, mut long, mut label_bytes) = (0_usize, 0_usize, 0_usize);
    let mut moments = (i64::MAX, i64::MIN);
    let mut parts: Vec<(usize, u64, Timestamp)> = Vec::new();
    for (index, flow) in view.flows() {
        for dns in flow.dns.iter().filter(below) {
            asked += 1;
            if names.len() < MAX_NAMES {
                names.insert(&dns.query);
            }
            *kinds.entry(&dns.kind).or_default() += 1;
            let own = dns.query.len().saturating_sub(if base == ROOTLESS { 0 } else { base.len() });
            label_bytes += own;
            long += usize::from(own >= 30);
            moments = (moments.0.min(dns.time.0), moments.1.max(dns.time.0));
            parts.push((index, dns.frame, dns.time));
        }
    }
    if asked == 0 {
        return None;
    }
    let unique = names.len();
    let data = asked - ["A", "AAAA", "HTTPS", "PTR"].iter().filter_map(|kind| kinds.get(kind)).sum::<usize>();
    let (data_share, long_share) = (data as f64 / asked as f64, long as f64 / asked as f64);
    let fresh = unique as f64 / asked as f64;
    let minutes = moments.1.saturating_sub(moments.0).max(1) as f64 / 6e10;
    // Coded names: labels without vowels or with many digits.
    let coded = names.iter().filter(|name| coded(name.strip_suffix(base).unwrap_or(name))).count() as f64
        / unique as f64;
    let dense = long_share >= 0.5 || coded >= 0.6;
    let many = unique >= 100 && fresh >= 0.5 && dense;
    let carrying = unique >= 25 && fresh >= 0.6 && dense && data_share >= 0.3;
    // Types that only tunnels ask for; and names so long that they can only be data.
    let strange = kinds
        .iter()
        .filter(|(kind, _)| matches!(**kind, "NULL" | "KEY" | "PRIVATE" | "TYPE65399"))
        .map(|(_, n)| n);
    let strange = strange.sum::<usize>() * 2 >= asked && unique >= 8;
    let stuffed =
        unique >= 8 && fresh >= 0.8 && label_bytes / asked >= if data_share >= 0.5 { 60 } else { 110 };
    let full = unique >= 60 && data_share >= 0.7 && fresh >= 0.8;
    let strength = if many || carrying || strange || stuffed || full {
        1.0
    } else if unique >= 10 && data >= 30 && data_share >= 0.9 {
        0.9
    } else if unique >= 40 && fresh >= 0.6 && coded >= 0.5
        || unique >= 20 && data_share >= 0.7 && fresh >= 0.6
    {
        0.8
    } else if data >= 40 && data_share >= 0.8 {
        0.6
    } else {
        return None;
    };
    if asked as f64 / minutes.max(0.5) < 2.0 {
        return None;
    }
    let why = format!(
        "{} for {} below {base}, {} in names of {} each on average, {} for records that carry data",
        count(asked, "question"),
        count(unique, "name"),
        size(label_bytes as u64),
        size((label_bytes / asked) as u64),
        super::percent(data_share),
    );
    let mut statement = view.say(strength, why);
    for (index, frame, time) in parts {
        if statement.frames.len() >= super::MAX_FRAMES && statement.flows.len() >= super::MAX_FLOWS {
            break;
        }
        statement = statement.at(index, &view.ledger.flows[index], frame, time);
    }
    statement.span = (Timestamp(moments.0), Timestamp(moments.1));
    statement.kinds.push(Kind::Tunnel);
    Some(statement)
}

/// Questions for names carry hundreds of bytes besides, behind the question or in records that questions do not have: who is
/// asked reads them, and resolvers do not pass them on.
fn stuffed(view: &View<'_>) -> Option<Statement> {
    let (mut questions, mut bytes) = (Vec::new(), 0_u64);
    for (index, flow) in view.flows_with(Traits::STUFFED) {
        for dns in &flow.dns {
            let more = stuffing(flow, dns);
            if more > 0 {
                bytes = bytes.saturating_add(more);
                questions.push((index, flow, dns));
            }
        }
    }
    if questions.len() < STUFFED.0 || bytes < STUFFED.1 {
        return None;
    }
    let name = &questions.first()?.2.query;
    let why = format!(
        "{} for {name} and the like with {} more than names and extensions take",
        count(questions.len(), "question"),
        size(bytes)
    );
    let at =
        |said: Statement, (index, flow, dns): (usize, &Flow, &Dns)| said.at(index, flow, dns.frame, dns.time);
    let mut statement = questions.into_iter().take(super::MAX_FRAMES).fold(view.say(1.0, why), at);
    statement.kinds.extend([Kind::Tunnel, Kind::Exfiltration]);
    Some(statement)
}

/// Labels that are code: no word has so many digits or so long a run of consonants.
fn coded(labels: &str) -> bool {
    let (mut letters, mut digits, mut run) = (0_usize, 0_usize, 0_usize);
    for byte in labels.bytes() {
        match byte.to_ascii_lowercase() {
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => {
                letters += 1;
                run = 0;
            }
            b'a'..=b'z' => {
                letters += 1;
                run += 1;
                if run >= 5 {
                    return true;
                }
            }
            b'0'..=b'9' => {
                digits += 1;
                run = 0;
            }
            b'.' | b'-' | b'_' => run = 0,
            _ => return true,
        }
    }
    letters + digits >= 10 && digits * 5 >= letters
}

/// Echo messages whose payload is large, of many sizes, or answered with something else.
fn icmp(view: &View<'_>) -> Option<Statement> {
    let mut sizes: BTreeSet<u64> = BTreeSet::new();
    let (mut up, mut down, mut messages, mut packets) = (0_u64, 0_u64, 0_u64, (0_u64, 0_u64));
    let mut flows = Vec::new();
    for (index, flow) in view.flows().filter(|(_, flow)| matches!(flow.proto, Proto::Icmp | Proto::Icmp6)) {
        // Types 8 and 128 ask for an echo, 0 and 129 answer.
        if !matches!(flow.client.port, 8 | 128 | 0 | 129) {
            continue;
        }
        up = up.saturating_add(flow.payload.to_server);
        down = down.saturating_add(flow.payload.to_client);
        packets.0 = packets.0.saturating_add(flow.packets.to_server);
        packets.1 = packets.1.saturating_add(flow.packets.to_client);
        messages = messages.saturating_add(flow.packets.to_server);
        sizes.extend(flow.turns.iter().map(|turn| turn.2));
        flows.push((index, flow));
    }
    if messages < 4 || up == 0 {
        return None;
    }
    let each = up / messages.max(1);
    // Random bytes in quantity: programs that test a path send patterns.
    let dense = |flow: &Flow| {
        let body = flow.other.as_ref().and_then(|other| other.to_server.as_deref());
        body.is_some_and(|body| {
            // The pattern of ordinary pings counts upwards.
            let counts = body.first.0.windows(2).filter(|pair| pair[1] == pair[0].wrapping_add(1)).count();
            body.bytes >= MIN_DENSE && counts < 8 && body.entropy.is_some_and(|bits| bits >= 7.6)
        })
    };
    // Requests without answers are one turn; where they are of one size, they all have the same share of it.
    let uneven =
        |flow: &Flow| flow.payload.to_server.checked_rem(flow.packets.to_server).is_some_and(|rest| rest > 0);
    let (dense, uneven) = flows
        .iter()
        .filter(|(_, flow)| dense(flow))
        .fold((false, false), |(_, differ), (_, flow)| (true, differ || uneven(flow)));
    let differ = packets.0.abs_diff(packets.1).saturating_mul(10) > packets.0
        || up.abs_diff(down).saturating_mul(20) > up.max(down);
    let strength = match (each > PING, sizes.len() >= 8, differ && down > 0) {
        (true, true, true) => 1.0,
        (true, true, false) if sizes.len() >= 16 => 0.8,
        (true, ..) if dense => 0.9,
        // Programs that fill pings with random bytes send one size.
        (false, ..) if uneven => 0.8,
        // Two sizes are a question and its answer cut short, as some servers do with large pings.
        (true, false, true) if sizes.len() <= 2 => 0.5,
        (true, false, true) => 0.7,
        (false, true, true) => 0.6,
        _ => return None,
    };
    let why = format!(
        "{} with {} up and {} down, {} of turn",
        count(messages as usize, "echo message"),
        size(up),
        size(down),
        count(sizes.len(), "size")
    );
    let mut statement =
        flows.into_iter().fold(view.say(strength, why), |said, (index, flow)| said.flow(index, flow));
    statement.kinds.push(Kind::Tunnel);
    Some(statement)
}

/// A request for an echo (type 8, or 128 in ICMPv6) that holds a word and zeros: its first word.
fn message(flow: &Flow) -> Option<String> {
    let request = matches!(flow.proto, Proto::Icmp | Proto::Icmp6) && matches!(flow.client.port, 8 | 128);
    let each = flow.payload.to_server / flow.packets.to_server.max(1);
    let first = &*flow.first_bytes.to_server.0;
    let length = first.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let (word, rest) = first.split_at_checked(length)?;
    let empty = rest.len() >= 16 && rest.iter().all(|b| *b == 0);
    let body = flow.other.as_ref().and_then(|other| other.to_server.as_deref());
    let thin = body.and_then(|body| body.entropy).is_some_and(|bits| bits < 1.0);
    let alike = word.windows(2).all(|pair| pair[0] == pair[1]);
    (request && each > PING && (2..=16).contains(&length) && !alike && empty && thin)
        .then(|| word.iter().copied().map(char::from).collect())
}

/// Two hosts send each other words in requests for echoes: who was asked answers with a request of its own. The one that
/// spoke first gives the orders.
fn word(view: &View<'_>) -> Option<Statement> {
    let (index, flow, own) = view.flows().find_map(|(index, flow)| Some((index, flow, message(flow)?)))?;
    let (ours, theirs) = (flow.client.addr, flow.server.addr);
    let back = view.hosts.echoes(theirs, ours).iter().map(|ix| view.ledger.channel(*ix));
    let (order, asked, word) = back
        .flat_map(|channel| channel.flows.iter().map(|index| (index, &view.ledger.flows[index])))
        .filter(|(_, other)| other.server.addr == ours && other.start < flow.start)
        .find_map(|(index, other)| Some((index, other, message(other)?)))?;
    let why = format!("the server's echo request says {word:?}, this host's own request {own:?}");
    let statement = view.say(1.0, why).flow(order, asked).flow(index, flow);
    let mut statement = statement;
    statement.kinds.extend([Kind::C2, Kind::Tunnel]);
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger};
    use crate::record::SideName::{Client, Server};

    fn asked(names: impl Iterator<Item = String>, kind: &str) -> crate::detect::ledger::Ledger {
        ledger(
            names
                .enumerate()
                .map(|(n, name)| flow("192.0.2.1", 53).at_ms(n as i64 * 400).dns(&name, kind, &[]).build()),
        )
    }

    fn said(ledger: &crate::detect::ledger::Ledger) -> Option<Statement> {
        let ix = ledger.channels.iter().position(|channel| channel.domain.is_some())?;
        dns(&crate::detect::testing::view_at(ledger, ix))
    }

    #[test]
    fn names_that_carry_data() {
        let tunnel = asked(
            (0..200_u64).map(|n| {
                format!(
                    "{:016x}{:016x}.{:08x}.t.tunnel.example",
                    n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                    n * 77,
                    n
                )
            }),
            "TXT",
        );
        let found = said(&tunnel).unwrap();
        assert!(found.strength > 0.9);
        assert!(found.why.contains("below t.tunnel.example"), "{}", found.why);
        let words = ["mail", "www", "cdn", "img", "static", "login", "api", "news", "shop", "blog"];
        let plain = asked(
            (0..60).map(|n| {
                format!("{}{}.big.example", words[n % 10], ["one", "two", "six", "ten", "dot", "far"][n / 10])
            }),
            "A",
        );
        assert_eq!(said(&plain), None);
    }

    #[test]
    fn questions_that_carry_more_than_a_question() {
        let said = |count: i64, bytes: u32, kind: &str, port: u16| {
            let one = |n: i64| {
                let flow = flow("203.0.113.53", port).at_ms(n * 1_000).dns("www.shop.example", kind, &[]);
                flow.edit(|flow| flow.dns[0].bytes.0 = bytes).build()
            };
            let ledger = ledger((0..count).map(one));
            stuffed(&crate::detect::testing::view_at(&ledger, 0)).map(|said| said.frames.len())
        };
        assert_eq!(said(6, 900, "AAAA", 53), Some(6));
        // Few, with long extensions, padded, those whose records are the message, and multicast with its known answers.
        assert_eq!(said(3, 900, "AAAA", 53), None);
        assert_eq!(said(6, 400, "AAAA", 53), None);
        assert_eq!(said(60, 250, "A", 53), None);
        assert_eq!(said(60, 512, "TXT", 53), None);
        assert_eq!(said(6, 900, "TKEY", 53), None);
        assert_eq!(said(6, 900, "PTR", 5353), None);
    }

    #[test]
    fn cipher_in_echoes_and_the_pattern_of_pings() {
        let echo = |first: Vec<u8>| {
            let body = crate::record::Body {
                bytes: 26_000,
                entropy: Some(7.96),
                first: (&*first).into(),
                ..Default::default()
            };
            let other = crate::record::Other { to_server: Some(Box::new(body)), ..Default::default() };
            ledger([flow("203.0.113.75", 0)
                .proto(Proto::Icmp)
                .edit(|flow| {
                    flow.client.port = 8;
                    (flow.packets.to_server, flow.packets.to_client) = (30, 30);
                })
                .other(other)
                .payload(26_000, 26_000)
                .build()])
        };
        let cipher = (0..32_u8).map(|n| n.wrapping_mul(151) ^ 0x5a).collect();
        assert!(icmp(&crate::detect::testing::view(&echo(cipher))).is_some());
        assert!(icmp(&crate::detect::testing::view(&echo((0x10..0x30).collect()))).is_none());
    }

    #[test]
    fn short_requests_of_random_bytes_differ_in_size() {
        let said = |bytes: u64, entropy: f32| {
            let first: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(151) ^ 0x5a).collect();
            let body = crate::record::Body {
                bytes,
                entropy: Some(entropy),
                first: (&*first).into(),
                ..Default::default()
            };
            let other = crate::record::Other { to_server: Some(Box::new(body)), ..Default::default() };
            let ledger = ledger([flow("203.0.113.75", 0)
                .proto(Proto::Icmp)
                .edit(|flow| {
                    flow.client.port = 8;
                    flow.packets.to_server = 300;
                })
                .other(other)
                .payload(bytes, 0)
                .build()]);
            icmp(&crate::detect::testing::view(&ledger)).map(|said| said.strength)
        };
        assert_eq!(said(300 * 47 + 113, 7.95), Some(0.8));
        // Of one size, or a text.
        assert_eq!(said(300 * 47, 7.95), None);
        assert_eq!(said(300 * 47 + 113, 5.1), None);
    }

    #[test]
    fn words_in_echoes_both_ways() {
        let echo = |from: &str, to: &str, ms, text: &[u8], size: u64| {
            let mut first = text.to_vec();
            first.resize(48, 0);
            let body = crate::record::Body { bytes: size, entropy: Some(0.1), ..Default::default() };
            let other = crate::record::Other { to_server: Some(Box::new(body)), ..Default::default() };
            flow(to, 0)
                .client(from)
                .at_ms(ms)
                .proto(Proto::Icmp)
                .edit(|flow| {
                    flow.client.port = 8;
                    flow.packets.to_server = 1;
                })
                .first(&first, &first)
                .other(other)
                .payload(size, size)
                .build()
        };
        let (boss, host) = ("203.0.113.75", "192.0.2.10");
        let look = |flows: Vec<crate::record::Flow>, of: &str| {
            let ledger = ledger(flows);
            word(&crate::detect::testing::view_of(&ledger, of))
        };
        let order = || echo(boss, host, 0, b"run", 700);
        assert!(look(vec![order(), echo(host, boss, 900, b"done", 900)], boss).is_some());
        // The one who began, a ping as long, and one that nobody asked for.
        assert!(look(vec![order(), echo(host, boss, 900, b"done", 900)], host).is_none());
        assert!(look(vec![order(), echo(host, boss, 900, b"abcdefghijklmnopqrstuvw", 900)], boss).is_none());
        assert!(look(vec![echo(host, boss, 900, b"done", 900)], boss).is_none());
        assert!(look(vec![echo(boss, host, 0, b"", 700), echo(host, boss, 900, b"", 700)], boss).is_none());
    }

    #[test]
    fn echo_that_is_no_echo() {
        let echo = |sizes: &[(u64, u64)]| {
            let turns: Vec<_> = sizes
                .iter()
                .zip(0..)
                .flat_map(|(&(up, down), n)| [(Client, n * 100, up), (Server, n * 100 + 50, down)])
                .collect();
            let (up, down) = sizes.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            ledger([flow("203.0.113.75", 0)
                .proto(Proto::Icmp)
                .edit(|flow| {
                    flow.client.port = 8;
                    flow.packets.to_server = sizes.len() as u64;
                    flow.packets.to_client = sizes.len() as u64;
                })
                .turns(&turns)
                .payload(up, down)
                .build()])
        };
        let tunnel: Vec<(u64, u64)> = (0..40).map(|n| (60 + n * 37 % 900, 1000 - n * 37 % 900)).collect();
        assert!(icmp(&crate::detect::testing::view(&echo(&tunnel))).is_some());
        assert!(icmp(&crate::detect::testing::view(&echo(&[(56, 56); 40]))).is_none());
        assert!(icmp(&crate::detect::testing::view(&echo(&[(1400, 1400); 40]))).is_none());
    }
}
