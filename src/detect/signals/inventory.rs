//! Facts about the machine and its user, sent where nobody asked for them.

use super::loot::marks;
use super::{Needs, Signal, Traits, View};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Loot};
use crate::record::{Body, Field};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "bot-fields", needs: Needs::HTTP, look: fields },
    Signal { name: "host-names-sent", needs: Needs::HTTP, look: names },
    Signal { name: "inventory-text", needs: Needs::PIECE.with(Traits::MARKED), look: text },
    Signal { name: "report-in-agent", needs: Needs::HTTP, look: agent },
];

/// Field names that bots use to introduce themselves, each the mark of a machine's identity.
const IDENTITY: [&str; 24] = [
    "hwid",
    "bot_id",
    "botid",
    "machineid",
    "machine_id",
    "machineguid",
    "buildid",
    "build_id",
    "configid",
    "config_id",
    "guid",
    "bid",
    "uid",
    "pcname",
    "pc_name",
    "compname",
    "computername",
    "computer_name",
    "sysid",
    "victim",
    "hid",
    "machine",
    "agent_id",
    "paw",
];
/// Field names for facts of the machine.
const FACTS: [&str; 38] = [
    "os",
    "osver",
    "os_version",
    "win",
    "windows",
    "user",
    "username",
    "un",
    "pc",
    "av",
    "antivirus",
    "arch",
    "bits",
    "build",
    "ver",
    "vs",
    "cpu",
    "gpu",
    "ram",
    "screen",
    "lang",
    "priv",
    "admin",
    "domain",
    "ip",
    "country",
    "type",
    "info",
    "ar",
    "bi",
    "sd",
    "lv",
    "cccount",
    "pcount",
    "platform",
    "pid",
    "privilege",
    "executors",
];

/// Every field of a body and its parts, by name in lower case, with its value where that is kept.
fn walk<'a>(body: &'a Body, call: &mut dyn FnMut(String, Option<&'a str>)) {
    for Field { name, value, .. } in &body.fields {
        call(name.to_ascii_lowercase(), value.as_deref());
    }
    for part in &body.parts {
        if let Some(name) = &part.name {
            call(name.to_ascii_lowercase(), part.value.as_deref());
        }
        walk(&part.body, call);
    }
}

/// The names in a query string.
fn query_names(path: &str) -> impl Iterator<Item = String> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split('=').next()).map(str::to_ascii_lowercase)
}

/// A form, JSON object or query introduces a machine: an identity and facts about it.
fn fields(view: &View<'_>) -> Option<Statement> {
    let mut best: Option<(BTreeSet<&'static str>, BTreeSet<&'static str>, bool, Statement)> = None;
    for (index, flow, exchange) in view.exchanges() {
        if exchange.request.is_none() && !exchange.path.contains('?') {
            continue;
        }
        let (mut identity, mut facts) = (BTreeSet::new(), BTreeSet::new());
        let mut take = |name: &str| {
            // Members of a coded field are named `field.member`.
            let name = name.rsplit('.').next().unwrap_or(name);
            identity.extend(IDENTITY.iter().find(|own| **own == name));
            facts.extend(FACTS.iter().find(|own| **own == name));
        };
        let mut coded = false;
        if let Some(body) = exchange.request.as_deref() {
            walk(body, &mut |name, _| take(&name));
            coded = body.wrapped.iter().any(|layer| layer == "base64" || layer == "hex");
        }
        query_names(&exchange.path).for_each(|name| take(&name));
        if identity.is_empty() {
            continue;
        }
        let rank = identity.len() * 2 + facts.len();
        if best.as_ref().is_none_or(|(i, f, ..)| rank > i.len() * 2 + f.len()) {
            best =
                Some((identity, facts, coded, view.say(0.0, String::new()).exchange(index, flow, exchange)));
        }
    }
    let (identity, facts, coded, mut statement) = best?;
    // Honest programs do not code a whole object as text before they send it.
    let sure = coded
        || identity.iter().any(|name| {
            matches!(
                *name,
                "hwid"
                    | "bot_id"
                    | "botid"
                    | "machineid"
                    | "machineguid"
                    | "sysid"
                    | "victim"
                    | "pcname"
                    | "pc_name"
                    | "compname"
                    | "computername"
            )
        });
    statement.strength = match (sure, identity.len(), facts.len()) {
        (true, 2.., _) | (true, _, 2..) => 1.0,
        (true, ..) | (false, _, 5..) => 0.7,
        // Licence and update checks of honest programs say as much.
        (false, _, 3..) => 0.35,
        (false, 2.., 1..) => 0.5,
        _ => return None,
    };
    let listed: Vec<&str> = identity.iter().chain(&facts).copied().collect();
    let manner = if coded { ", all in one piece of code" } else { "" };
    statement.why = format!("fields of a bot's report: {}{manner}", listed.join(", "));
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// The host's own name or its user's stands in what it sent.
fn names(view: &View<'_>) -> Option<Statement> {
    let known = view.host.known.as_deref();
    let names = known.into_iter().flat_map(|known| &known.names);
    let users = known.into_iter().flat_map(|known| &known.users);
    let own: BTreeMap<String, &'static str> = (names.map(|n| (n.value.to_lowercase(), "host name")))
        .chain(users.map(|n| (n.value.to_lowercase(), "user name")))
        .filter(|(value, _)| {
            value.len() >= 4
                && !matches!(value.as_str(), "user" | "admin" | "administrator" | "guest" | "root")
        })
        .map(|(value, what)| (value.split('.').next().unwrap_or("").to_owned(), what))
        .collect();
    let mut seen: BTreeMap<&'static str, Statement> = BTreeMap::new();
    let mut before = None;
    let mut texts = Vec::new();
    for (index, flow, exchange) in view.exchanges() {
        texts.clear();
        texts.push(lower(&exchange.path));
        // What the request before said needs no second look.
        let agent = exchange.header("User-Agent");
        if before != agent {
            texts.extend(agent.map(lower));
            before = agent;
        }
        if let Some(body) = exchange.request.as_deref() {
            walk(body, &mut |_, value| texts.extend(value.map(|value| value.to_lowercase().into())));
        }
        if view.public() && texts.iter().any(|text| given_name(text)) {
            seen.entry("host name")
                .or_insert_with(|| view.say(0.0, String::new()).exchange(index, flow, exchange));
        }
        for (value, what) in &own {
            if texts.iter().any(|text| holds(text, value)) {
                seen.entry(what)
                    .or_insert_with(|| view.say(0.0, String::new()).exchange(index, flow, exchange));
            }
        }
    }
    let listed: Vec<&str> = seen.keys().copied().collect();
    let mut statement = seen.values().next()?.clone();
    statement.strength = if listed.len() >= 2 { 1.0 } else { 0.7 };
    statement.why = format!("the {} of this machine stands in what it sent", listed.join(" and the "));
    Some(statement)
}

/// A text in lower case; itself, where it is.
fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return text.into();
    }
    text.to_lowercase().into()
}

/// Whether a name that Windows gives to machines on its own stands in a text of lower case: `desktop-` and 7 signs,
/// `laptop-` and 8, `win-` and 11.
fn given_name(text: &str) -> bool {
    memchr::memchr_iter(b'-', text.as_bytes()).any(|hyphen| {
        let (front, rest) = (&text.as_bytes()[..hyphen], &text.as_bytes()[hyphen + 1..]);
        [("desktop", 7), ("laptop", 8), ("win", 11)].iter().any(|(start, length)| {
            let Some(before) = front.strip_suffix(start.as_bytes()) else { return false };
            let run = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
            let digit = rest.iter().take(*length).any(u8::is_ascii_digit);
            run == *length && digit && before.last().is_none_or(|b| !b.is_ascii_alphanumeric())
        })
    })
}

/// Whether a word stands in a text between characters that belong to no word.
pub(super) fn holds(text: &str, word: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(word).any(|(at, found)| {
        edge(text[..at].chars().next_back()) && edge(text[at + found.len()..].chars().next())
    })
}

/// The User-Agent is a report: fields between separators that no product name has.
fn agent(view: &View<'_>) -> Option<Statement> {
    const SEPARATORS: [&str; 6] = ["<|>", "|", "\\", "##", "::", "%%"];
    let (index, flow, exchange, fields) = view.exchanges().find_map(|(index, flow, exchange)| {
        let agent = exchange.header("User-Agent")?;
        // All of them are made of these.
        if agent.bytes().filter(|byte| b"|\\#:%".contains(byte)).count() < 3 {
            return None;
        }
        let most = SEPARATORS.iter().map(|sep| agent.matches(sep).count()).max()?;
        (most >= 3).then_some((index, flow, exchange, most + 1))
    })?;
    let why = format!("a User-Agent of {fields} fields between separators");
    let mut statement = view.say(1.0, why).exchange(index, flow, exchange);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// Text with the marks of a machine's inventory.
fn text(view: &View<'_>) -> Option<Statement> {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut carrying = Vec::new();
    for piece in view.pieces() {
        let mut found = false;
        marks(piece.body, &mut |name, n| {
            if INVENTORY_MARKS.contains(&name) {
                found = true;
                *seen.entry(name.to_owned()).or_default() += n;
            }
        });
        if found {
            carrying.push(piece);
        }
    }
    if seen.is_empty() {
        return None;
    }
    // An inventory counts its labels: support mails and crash reports hold a few, spies many.
    let strength = match (seen.len(), seen.values().max()) {
        (2.., _) => 1.0,
        (_, Some(6..)) => 0.9,
        _ => 0.6,
    };
    let listed: Vec<String> = seen.iter().map(|(name, n)| format!("{name} {n}")).collect();
    let why = format!("text with a machine's inventory: {}", listed.join(", "));
    let mut statement = carrying.iter().fold(view.say(strength, why), Statement::piece);
    statement.loot = Some(Loot { categories: BTreeMap::from([("system".to_owned(), 1)]), ..Loot::default() });
    Some(statement)
}

/// Markers of text that describes a machine.
const INVENTORY_MARKS: [&str; 6] = [
    "system-inventory",
    "system-inventory-json",
    "system-inventory-xml",
    "process-list",
    "label-osfullname",
    "clipboard",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, request, view};

    fn form(names: &[&str]) -> Body {
        let fields = names.iter().map(|&name| Field {
            name: name.into(),
            bytes: 4,
            value: None,
            class: "word".into(),
        });
        Body { fields: fields.collect(), ..body(90) }
    }

    fn sent(names: &[&str]) -> crate::detect::ledger::Ledger {
        ledger([flow("203.0.113.4", 80)
            .http(request("POST", "a.example", "/", &[], Some(form(names))))
            .build()])
    }

    #[test]
    fn names_that_windows_gives() {
        for text in ["/a.php?b=desktop-k3q8z7p_x", "win-0a1b2c3d4e5", "id=laptop-1a2b3c4d&v=1"] {
            assert!(given_name(text), "{text}");
        }
        for text in ["desktop-version", "desktop-wallpaper1", "win-x64", "mydesktop-k3q8z7p", "laptop-"] {
            assert!(!given_name(text), "{text}");
        }
    }

    #[test]
    fn a_bots_introduction() {
        assert!(fields(&view(&sent(&["hwid", "os", "build"]))).unwrap().strength > 0.9);
        assert!(fields(&view(&sent(&["id", "vs", "sd", "os", "bi", "ar", "pc", "un"]))).is_none());
        assert!(fields(&view(&sent(&["title", "photo", "type"]))).is_none());
    }

    #[test]
    fn a_report_for_a_name() {
        let as_agent = |agent: &str| {
            let exchange = request("POST", "a.example", "/is-ready", &[("User-Agent", agent)], Some(body(0)));
            ledger([flow("203.0.113.4", 80).http(exchange).build()])
        };
        assert!(agent(&view(&as_agent("A1B2<|>EXAMPLE-PC<|>erika<|>Windows 10<|>plus"))).is_some());
        assert!(agent(&view(&as_agent("Mozilla/5.0 (Windows NT 10.0; Win64; x64)"))).is_none());
    }

    #[test]
    fn a_word_by_itself() {
        assert!(holds("pw_erika/example-pc", "example-pc"));
        assert!(!holds("counterexample-pcs", "example-pc"));
    }

    #[test]
    fn the_machines_own_name() {
        let sent_by = |path: &str| {
            let mut ledger =
                ledger([flow("203.0.113.4", 80).http(request("GET", "a.example", path, &[], None)).build()]);
            let named = |value: &str| crate::record::Named {
                value: value.into(),
                source: "dhcp".into(),
                first: crate::time::Timestamp(0),
                last: crate::time::Timestamp(0),
            };
            let host = crate::record::Host {
                addr: crate::detect::testing::VICTIM.parse().unwrap(),
                macs: Vec::new(),
                names: vec![named("EXAMPLE-PC")],
                users: vec![named("erika")],
                domains: Vec::new(),
                os_hints: Vec::new(),
            };
            for (_, view) in ledger.hosts.iter_mut() {
                view.known = Some(Box::new(host.clone()));
            }
            ledger
        };
        assert!(names(&view(&sent_by("/c?pc=example-pc&u=erika"))).unwrap().strength > 0.9);
        assert!(names(&view(&sent_by("/c?page=counterexample"))).is_none());
    }

    #[test]
    fn an_inventory_in_text() {
        let marked = |name: &str| {
            let mut one = body(900);
            one.markers.push(crate::record::Marker { name: name.into(), count: 7 });
            ledger([flow("203.0.113.4", 80).http(request("POST", "a.example", "/", &[], Some(one))).build()])
        };
        assert!(text(&view(&marked("system-inventory"))).is_some());
        assert!(text(&view(&marked("netscape-cookies"))).is_none());
    }
}
