//! What findings tell of packets beside the verdict: times to draw, and what makes a server the same, or like another,
//! in the captures of others. Facts of records, bounded, each with its frame; nothing here weighs anything.

use super::evidence::{ChannelIx, Statement};
use super::finding::{Moment, Sent, Shown, Template};
use super::ledger::{Channel, Event, Ledger, Traits, likeness, name};
use super::signals::View;
use crate::record::{Exchange, Flow, Frames};
use crate::time::{Duration, Timestamp};
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Certificates or templates of one service: a service that shows more is told from others by none of them.
const MAX_MARKS: usize = 8;
/// Look-ups or downloads of one finding.
const MAX_MOMENTS: usize = 32;
/// Turns of one upload: what is smaller than so many others is no part of the loot.
pub const MAX_TURNS: usize = 64;
/// Characters of a certificate's subject or issuer, and of a template.
const MAX_TEXT: usize = 256;
/// Segments of a path and headers of a request that make its form.
const MAX_PARTS: usize = 32;
/// Requests of one channel that are looked at.
const MAX_REQUESTS: usize = 4096;
/// Fewest letters in a row that make a path or a query telling: shorter ones are everywhere.
const MIN_WORD: usize = 3;
/// From this length on a segment of digits and letters `a` to `f` is a digest or an id, in characters.
const MIN_HEX: usize = 8;
/// From this length on a segment of mixed letters and digits is drawn, not named, in characters.
const MIN_DRAWN: usize = 12;

/// Adds what is new, up to the bound of the list that is longer.
pub fn add<T: Ord>(own: &mut Vec<T>, more: Vec<T>) {
    let most = MAX_MOMENTS.max(own.len());
    for one in more {
        if own.len() < most && !own.contains(&one) {
            own.push(one);
        }
    }
    own.sort();
}

/// An event of a host's time line as findings tell it.
pub fn moment(ledger: &Ledger, event: &Event) -> Moment {
    let capture = ledger
        .flows
        .get(event.flow)
        .map_or(0, |flow| capture_of(ledger, flow, Some(event.time), event.frame));
    Moment { time: event.time, what: cut(&event.what), capture, frame: event.frame }
}

/// The capture in which a frame of a flow was seen: a flow may go on in later ones, each of which counts from 1. The
/// last one that has such a frame and, where the time is known, had begun.
fn capture_of(ledger: &Ledger, flow: &Flow, time: Option<Timestamp>, frame: u64) -> u32 {
    let begun = |index: u32| {
        let first = ledger.captures.get(index as usize).and_then(|capture| capture.first);
        time.is_none_or(|time| first.is_some_and(|first| first <= time))
    };
    let has = |frames: &Frames| (frames.first..=frames.last).contains(&frame);
    if time.is_none() && has(&flow.frames) {
        return flow.capture;
    }
    let later = flow.continued.iter().rev().find(|more| has(&more.frames) && begun(more.capture));
    later.map_or(flow.capture, |more| more.capture)
}

/// Programs and libraries that the victim fetched in this channel.
pub fn downloads(view: &View<'_>) -> Vec<Moment> {
    view.fetched().take(MAX_MOMENTS).map(|event| moment(view.ledger, event)).collect()
}

/// Questions of the victims for names of the services of some channels, channel by channel. The questions of a host are
/// gone through once for all of its channels: a run may have thousands of findings and a hundred thousand conversations.
pub fn lookups(ledger: &Ledger, channels: &[ChannelIx]) -> Vec<Vec<Moment>> {
    let names = |ix: ChannelIx| {
        let channel = ledger.channel(ix);
        channel.service.names.iter().filter(|_| channel.domain.is_none()).map(smol_str::SmolStr::as_str)
    };
    let mut asked: BTreeMap<IpAddr, HashMap<&str, BTreeSet<Moment>>> = BTreeMap::new();
    for &ix in channels {
        if let Some(client) = ledger.channel(ix).client {
            asked.entry(client).or_default().extend(names(ix).map(|name| (name, BTreeSet::new())));
        }
    }
    for (client, asked) in asked.iter_mut().filter(|(_, asked)| !asked.is_empty()) {
        answer(ledger, *client, asked);
    }
    let of = |&ix: &ChannelIx| {
        let asked = ledger.channel(ix).client.and_then(|client| asked.get(&client));
        let all = asked.into_iter().flat_map(|asked| names(ix).filter_map(|name| asked.get(name))).flatten();
        all.collect::<BTreeSet<_>>().into_iter().take(MAX_MOMENTS).cloned().collect()
    };
    channels.iter().map(of).collect()
}

/// Notes the first questions of a host for each of some names.
fn answer(ledger: &Ledger, client: IpAddr, names: &mut HashMap<&str, BTreeSet<Moment>>) {
    let channels = ledger.hosts.get(client).into_iter().flat_map(|host| &host.channels);
    let asking = |&index: &usize| ledger.traits.get(index).is_some_and(|traits| traits.any(Traits::DNS));
    let flows = channels.flat_map(|&ix| ledger.channel(ix).flows.iter().filter(asking));
    for flow in flows.filter_map(|index| ledger.flows.copy(index)) {
        for dns in &flow.dns {
            let Some(found) = names.get_mut(dns.query.as_str()) else { continue };
            if found.len() >= MAX_MOMENTS && found.last().is_some_and(|last| last.time < dns.time) {
                continue;
            }
            found.insert(Moment {
                time: dns.time,
                what: format!("{} {}", dns.kind, cut(&dns.query)),
                capture: capture_of(ledger, &flow, Some(dns.time), dns.frame),
                frame: dns.frame,
            });
            if found.len() > MAX_MOMENTS {
                found.pop_last();
            }
        }
    }
}

/// Turns of the conversations that carried an upload.
pub fn turns(ledger: &Ledger, flows: &[usize]) -> Vec<Sent> {
    let mut all: Vec<Sent> = flows
        .iter()
        .filter_map(|&index| ledger.flows.get(index))
        .flat_map(|flow| {
            flow.turns.iter().map(|turn| {
                let time = flow.start + Duration(turn.1.saturating_mul(1000));
                let capture = capture_of(ledger, flow, Some(time), turn.3);
                Sent { time, side: turn.0, bytes: turn.2, capture, frame: turn.3 }
            })
        })
        .collect();
    all.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.cmp(b)));
    all.truncate(MAX_TURNS);
    all.sort();
    all
}

/// Certificates that the service showed, each once, but those for names of several owners: they are of a front that
/// many stand behind.
pub fn certificates(ledger: &Ledger, channel: &Channel) -> Vec<Shown> {
    let mut found: BTreeMap<&str, Shown> = BTreeMap::new();
    for flow in channel.flows.iter().filter_map(|index| ledger.flows.get(index)) {
        let Some(tls) = flow.tls.as_deref() else { continue };
        let Some(leaf) = tls.certificates.first() else { continue };
        let owners: BTreeSet<&str> = leaf.names.iter().map(|name| name::owner(name)).collect();
        if leaf.sha256.is_empty() || owners.len() > 1 || found.len() >= MAX_MARKS {
            continue;
        }
        let frame = tls.frame.unwrap_or(flow.frames.first);
        found.entry(&leaf.sha256).or_insert_with(|| Shown {
            sha256: leaf.sha256.clone(),
            subject: cut(&leaf.subject),
            issuer: cut(&leaf.issuer),
            self_signed: leaf.self_signed,
            capture: capture_of(ledger, flow, None, frame),
            frame,
        });
    }
    found.into_values().collect()
}

/// Forms of the requests that statements rest on, and of others that no browser and not every program makes.
pub fn templates(ledger: &Ledger, channel: &Channel, ranked: &[&Statement]) -> Vec<Template> {
    let proven: BTreeSet<(usize, u64)> = ranked
        .iter()
        .flat_map(|s| s.flows.iter().flat_map(|&flow| s.frames.iter().map(move |f| (flow, *f))))
        .collect();
    let mut found: BTreeMap<String, Template> = BTreeMap::new();
    let flows = channel.flows.iter().filter_map(|index| Some((index, ledger.flows.get(index)?)));
    let all = flows.flat_map(|(index, flow)| flow.http.iter().map(move |exchange| (index, flow, exchange)));
    for (index, flow, exchange) in all.take(MAX_REQUESTS) {
        if found.len() >= MAX_MARKS {
            break;
        }
        if !proven.contains(&(index, exchange.frame)) && likeness::template(exchange).is_none() {
            continue;
        }
        let Some(form) = form(exchange) else { continue };
        found.entry(form.clone()).or_insert_with(|| Template {
            form,
            capture: capture_of(ledger, flow, Some(exchange.time), exchange.frame),
            frame: exchange.frame,
        });
    }
    found.into_values().collect()
}

/// The form of a request, if it tells anything: some word of the path or the query is its own.
fn form(exchange: &Exchange) -> Option<String> {
    if exchange.method.is_empty() {
        return None;
    }
    let (path, query) = exchange.path.split_once('?').unwrap_or((&exchange.path, ""));
    let segments: Vec<String> = path.split('/').take(MAX_PARTS).map(segment).collect();
    let keys: Vec<&str> = query
        .split('&')
        .take(MAX_PARTS)
        .filter_map(|pair| pair.split_once('=').map(|(key, _)| key))
        .filter(|key| {
            segment(key) == *key && all(key, |b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b))
        })
        .collect();
    let word = |text: &str| text.split(|c: char| !c.is_ascii_alphabetic()).any(|run| run.len() >= MIN_WORD);
    let own = segments.iter().map(|segment| segment.split('.').next().unwrap_or(""));
    let common = |stem: &&str| matches!(*stem, "index" | "favicon" | "{n}" | "{hex}" | "{id}");
    if !own.filter(|stem| !common(stem)).chain(keys.iter().copied()).any(word) {
        return None;
    }
    let path = segments.join("/");
    let query = if keys.is_empty() { String::new() } else { format!("?{}", keys.join("&")) };
    let headers: Vec<&str> = exchange.headers.iter().take(MAX_PARTS).map(|(name, _)| name).collect();
    Some(cut(&format!("{} {path}{query} [{}]", exchange.method, headers.join(", "))))
}

/// A segment of a path with what changes from host to host taken out; an ending stays.
fn segment(text: &str) -> String {
    let (stem, ending) = match text.rsplit_once('.') {
        Some((stem, ending))
            if !stem.is_empty() && ending.len() <= 5 && !all(ending, |b| b.is_ascii_digit()) =>
        {
            (stem, format!(".{ending}"))
        }
        _ => (text, String::new()),
    };
    let digits = stem.bytes().filter(u8::is_ascii_digit).count();
    let letters = stem.bytes().filter(u8::is_ascii_alphabetic).count();
    let stem = if stem.is_empty() {
        stem
    } else if all(stem, |b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b':')) {
        "{n}"
    } else if stem.len() >= MIN_HEX && all(stem, |b| b.is_ascii_hexdigit() || b == b'-') && digits > 0 {
        "{hex}"
    } else if stem.len() >= MIN_DRAWN && (digits >= 2 && letters >= 2 || mixed(stem)) || stem.len() > 48 {
        "{id}"
    } else {
        stem
    };
    format!("{stem}{ending}")
}

fn all(text: &str, is: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(is)
}

/// Whether small and capital letters change more often than words do.
fn mixed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let changes = bytes
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    changes * 4 >= bytes.len()
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, request};
    use crate::record::{Certificate, SideName};

    fn channel_to(ledger: &Ledger, addr: &str) -> (ChannelIx, Channel) {
        let addr: IpAddr = addr.parse().expect("an address");
        let at = ledger.channels.iter().position(|channel| channel.service.addrs.contains(&addr));
        let at = at.expect("a channel");
        (ChannelIx(at), ledger.channels[at].clone())
    }

    #[test]
    fn forms_keep_words_and_drop_what_changes() {
        for (path, form) in [
            ("/gate/17/log.php?id=4&os=10", "/gate/{n}/log.php?id&os"),
            ("/0a1b2c3d4e5f6071/sqlite3.dll", "/{hex}/sqlite3.dll"),
            ("/api/aZ3kQ9xLm2PqTr", "/api/{id}"),
            ("/c2sock", "/c2sock"),
        ] {
            let made = form_of(path).expect("a form");
            assert!(made.starts_with(&format!("POST {form} [Host")), "{made}");
        }
        for path in ["/", "/index.php", "/1/2", "/0a1b2c3d4e5f6071", "/?=x"] {
            assert_eq!(form_of(path), None, "{path}");
        }
        assert!(form_of(&format!("/word/{}", "ab/".repeat(2000))).expect("a form").len() <= MAX_TEXT);
    }

    fn form_of(path: &str) -> Option<String> {
        form(&request("POST", "203.0.113.4", path, &[("Accept", "*/*")], None))
    }

    #[test]
    fn certificates_of_fronts_are_left_out() {
        let cert = |sha: &str, names: &[&str]| Certificate {
            sha256: sha.to_owned(),
            subject: "CN=x".to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            ..Certificate::default()
        };
        let one = flow("203.0.113.4", 443).tls(None, Some(cert("aa", &["a.one.example", "one.example"])));
        let front =
            flow("203.0.113.4", 443).at_ms(9000).tls(None, Some(cert("bb", &["one.example", "two.test"])));
        let ledger = ledger([one.build(), front.build()]);
        let shown = certificates(&ledger, &channel_to(&ledger, "203.0.113.4").1);
        assert_eq!(shown.iter().map(|one| one.sha256.as_str()).collect::<Vec<_>>(), ["aa"]);
        assert_eq!(shown[0].frame, 1);
    }

    #[test]
    fn the_largest_turns_are_kept_in_order_of_time() {
        let many: Vec<_> =
            (0..100_i64).map(|n| (SideName::Client, n * 10, 1000 + n.unsigned_abs())).collect();
        let ledger = ledger([flow("203.0.113.4", 80).turns(&many).build()]);
        let kept = turns(&ledger, &[0, 7]);
        assert_eq!((kept.len(), kept[0].bytes, kept[63].bytes), (MAX_TURNS, 1036, 1099));
        assert!(kept.is_sorted_by_key(|turn| turn.time));
    }

    #[test]
    fn frames_of_a_flow_that_goes_on_are_of_the_capture_that_has_them() {
        use crate::record::{CaptureInfo, Continued};
        let frames = |first, last| Frames { first, last, count: 9 };
        let mut talk = flow("203.0.113.4", 80).build();
        talk.frames = frames(900, 999);
        talk.continued = vec![Continued { capture: 1, frames: frames(1, 950) }];
        let mut ledger = ledger([talk]);
        let start = ledger.flows[0].start;
        let from = |first| CaptureInfo { first: Some(first), ..CaptureInfo::default() };
        ledger.captures = vec![from(start), from(start + Duration::from_secs(60))];
        let of = |seconds: i64, frame| {
            capture_of(&ledger, &ledger.flows[0], Some(start + Duration::from_secs(seconds)), frame)
        };
        assert_eq!([of(1, 920), of(61, 920), of(61, 4), of(61, 990)], [0, 1, 1, 0]);
        let untimed = |frame| capture_of(&ledger, &ledger.flows[0], None, frame);
        assert_eq!([untimed(920), untimed(4)], [0, 1]);
    }

    #[test]
    fn look_ups_of_the_service_are_told_with_their_frame() {
        let asked = flow("192.0.2.53", 53).at_ms(100).dns("drop.example", "A", &["203.0.113.4"]).build();
        let other = flow("192.0.2.53", 53).at_ms(200).dns("else.example", "A", &["203.0.113.9"]).build();
        let post = flow("203.0.113.4", 80).at_ms(900).http(request("POST", "drop.example", "/up", &[], None));
        let ledger = ledger([asked, other, post.build()]);
        let (ix, _) = channel_to(&ledger, "203.0.113.4");
        let (other, _) = channel_to(&ledger, "192.0.2.53");
        let [told, none] = &*lookups(&ledger, &[ix, other]) else { panic!("one list for each channel") };
        assert_eq!((told.len(), none.len()), (1, 0));
        assert_eq!((told[0].what.as_str(), told[0].frame), ("A drop.example", 11));
    }
}
