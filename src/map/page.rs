//! The picture as a page: a drawing, what to act on, and the proofs behind each word. Nothing in it needs a script.

use super::draw::graph;
use super::join::{Picture, Server, Victim};
use super::link::Link;
use super::seen::Proof;
use super::text::range;
use crate::detect::finding::Level;
use crate::report::{Safe, frame};
use crate::time::Timestamp;
use maud::{Markup, html};
use std::io::{self, Write};

/// Places, servers, victims and proofs shown of one thing; JSON has all.
const SHOWN: usize = 12;
/// Characters of one text; names of 64 KB are made to break viewers.
const MAX_TEXT: usize = 512;

/// Writes the page.
pub fn page(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    let title =
        format!("{} and {}", count(picture.servers.len(), "server"), count(picture.victims.len(), "victim"));
    let head = html! {
        h1 { (title) }
        p.soft {
            (count(picture.findings as usize, "finding")) " of " (count(picture.captures as usize, "capture")) ", "
            (count(picture.runs as usize, "run")) ". Servers are one where they share an address or a name of their own."
        }
        nav aria-label="Parts of the picture" {
            a href="#drawing" { "Drawing" } a href="#servers" { "Servers" } a href="#victims" { "Victims" }
            @if !picture.links.is_empty() { a href="#links" { "In common" } }
        }
    };
    out.write_all(frame(&title, false, &head, &body(picture)).into_string().as_bytes())
}

fn body(picture: &Picture) -> Markup {
    let act: usize =
        picture.servers.iter().flat_map(|server| &server.places).filter(|place| place.takedown).count();
    let families = picture.links.iter().filter(|link| link.kind == "family").count();
    let named = picture.servers.iter().filter(|server| !server.families.is_empty()).count();
    html! {
        ul.figures {
            li { strong { (picture.servers.len()) } "servers, " (named) " with a family" }
            li { strong { (picture.victims.len()) } "victims to tell" }
            li { strong { (act) } "addresses, names and mailboxes to take down" }
            li { strong { (picture.groups.len()) } "groups with common marks" }
            @if families > 0 { li { strong { (families) } "families on several servers" } }
        }
        h2 id="drawing" { "Who lost what to whom" }
        p.key {
            @for level in [Level::Critical, Level::High, Level::Medium, Level::Low] {
                span class=(level.name()) { (level.name()) }
            }
        }
        p.soft {
            "Servers in the middle, victims on the right; on the left what servers of one group have in common. A green edge: "
            "something there may be taken down."
        }
        (graph(picture))
        h2 id="servers" { "Servers" }
        div.scroll { table {
            thead { tr { th { "Id" } th { "Level" } th { "Addresses, names, mailboxes" } th { "Families" } th { "Seen" } th { "Proofs" } } }
            tbody { @for server in &picture.servers { (self::server(server)) } }
        } }
        h2 id="victims" { "Victims" }
        div.scroll { table {
            thead { tr { th { "Id" } th { "Level" } th { "Who" } th { "Taken" } th { "To" } th { "Seen" } th { "Proofs" } } }
            tbody { @for victim in &picture.victims { (self::victim(victim)) } }
        } }
        @if !picture.links.is_empty() {
            h2 id="links" { "In common" }
            p.soft {
                "The same key, mailbox or form of requests puts servers into one group, of one owner or of one set-up of one program, "
                "unless they are of two families. The same words in certificates and the same family are of the program, which has "
                "many owners."
            }
            div.scroll { table {
                thead { tr { th { "Id" } th { "What" } th { "Value" } th { "Servers" } th { "Proofs" } } }
                tbody { @for link in &picture.links { (self::link(link)) } }
            } }
        }
    }
}

fn server(server: &Server) -> Markup {
    html! {
        tr id=(server.id) {
            td { (server.id) @if let Some(group) = &server.group { br; span.soft { (group) } } }
            td { span.level.(server.level.name()) { (server.level.name()) " " (format!("{:.1}", server.score)) } }
            td {
                ul.plain {
                    @for place in server.places.iter().take(SHOWN) {
                        li {
                            span.mono { (text(&place.value)) } " "
                            @if place.takedown { span.yes { "take down" } }
                            @else { span.soft { (text(&list(place.withheld.iter()))) } }
                        }
                    }
                    (rest(server.places.len()))
                }
            }
            td { (text(&list(server.families.keys()))) }
            td.when { (seen(server.first, server.last, server.captures)) }
            td { (proofs(&server.proofs, server.more_proofs)) }
        }
    }
}

fn victim(victim: &Victim) -> Markup {
    let taken: Vec<String> = victim.taken.iter().map(|(what, n)| format!("{what} {n}")).collect();
    html! {
        tr id=(victim.id) {
            td { (victim.id) }
            td { span.level.(victim.level.name()) { (victim.level.name()) } }
            td {
                (victim.addr)
                @if let Some(mac) = &victim.mac { " " span.mono { (text(mac)) } }
                @if !victim.names.is_empty() { br; (text(&list(victim.names.iter()))) }
                @if !victim.users.is_empty() { br; span.soft { "user " (text(&list(victim.users.iter()))) } }
            }
            td { (text(&list(taken.iter()))) }
            td { (to(&victim.servers)) }
            td.when { (seen(victim.first, victim.last, victim.captures)) }
            td { (proofs(&victim.proofs, victim.more_proofs)) }
        }
    }
}

fn link(link: &Link) -> Markup {
    html! {
        tr id=(link.id) {
            td { (link.id) }
            td { (link.kind) }
            td.mono { (text(&link.value)) @if !link.about.is_empty() { br; (text(&link.about)) } }
            td { (to(&link.servers)) }
            td { (proofs(&link.proofs, link.more_proofs)) }
        }
    }
}

fn to(ids: &std::collections::BTreeSet<String>) -> Markup {
    html! {
        @for (n, id) in ids.iter().take(SHOWN).enumerate() {
            @if n > 0 { ", " } a href={ "#" (id) } { (id) }
        }
        @if ids.len() > SHOWN { " and " (ids.len() - SHOWN) " more" }
    }
}

/// What says so, folded: finding, capture with its digest, frames.
fn proofs(proofs: &[Proof], more: u64) -> Markup {
    html! {
        details.more {
            summary { (count(proofs.len(), "proof")) @if more > 0 { " and " (more) " more" } }
            ul.plain {
                @for proof in proofs.iter().take(SHOWN) {
                    li {
                        span.level.(proof.level.name()) { (proof.level.name()) } " " (text(&proof.title))
                        div.soft {
                            span.mono { (text(&proof.finding)) } ", " (text(&proof.capture)) ", frames " (frames(&proof.frames))
                            @if !proof.sha256.is_empty() { br; span.mono { "SHA-256 " (text(&proof.sha256)) } }
                        }
                    }
                }
                (rest(proofs.len()))
            }
        }
    }
}

fn frames(frames: &[(u64, u64)]) -> String {
    let shown: Vec<String> = frames.iter().take(SHOWN).map(|&(a, b)| range(a, b)).collect();
    shown.join(", ") + if frames.len() > SHOWN { ", ..." } else { "" }
}

fn rest(all: usize) -> Markup {
    html! { @if all > SHOWN { li.soft { "and " (all - SHOWN) " more in the JSON form" } } }
}

fn list<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    texts.take(SHOWN).cloned().collect::<Vec<_>>().join("; ")
}

/// First and last sight, and in how many captures.
fn seen(first: Timestamp, last: Timestamp, captures: u64) -> Markup {
    let (from, to) = (day(first), day(last));
    html! {
        (from) br;
        // Of the same day the time is enough.
        span.soft {
            "to " @if from.get(..10) == to.get(..10) { (to.get(11..).unwrap_or(&to)) } @else { (to) } br;
            (count(captures as usize, "capture"))
        }
    }
}

fn day(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..16).map_or(text.clone(), |part| part.replace('T', " "))
}

fn text(text: &str) -> String {
    let mut end = text.char_indices().map(|(at, _)| at);
    match end.nth(MAX_TEXT) {
        None => Safe(text).to_string(),
        Some(cut) => format!("{}…", Safe(text.get(..cut).unwrap_or_default())),
    }
}

fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}
