//! The picture as a drawing: servers in a column, who lost to them in another, what servers have in common before them.
//!
//! What hangs together is drawn together, under its family; so a drawing of hundreds is a stack of small ones that reads
//! like a list. Rows are ordered so that edges are short (the barycentre rule of layered drawings: Sugiyama, Tagawa and
//! Toda, 1981), ties by id: the same picture gives the same drawing.

use super::join::{Picture, Server, Victim};
use super::link::Link;
use super::seen::Sets;
use crate::report::Safe;
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// Height of a row, of a node in it, in pixels.
const ROW: f64 = 24.0;
const NODE: f64 = 19.0;
/// Left edge and width of the columns: what is in common, servers, victims; width of all, in pixels.
const TIES: (f64, f64) = (1.0, 240.0);
const SERVERS: (f64, f64) = (310.0, 380.0);
const VICTIMS: (f64, f64) = (810.0, 288.0);
const WIDTH: f64 = 1100.0;
/// Height of the line that names the columns, in pixels.
const HEAD: f64 = 20.0;
/// Characters that fit a node of each column.
const CHARS: (usize, usize, usize) = (32, 50, 36);
/// Passes of the ordering; more change nothing that can be seen.
const PASSES: usize = 6;
/// Drawings of things that hang together, at most; the tables have all.
const MAX_PARTS: usize = 1000;
/// Pixels between two parts of one drawing.
const BETWEEN: f64 = 10.0;

/// Servers and victims that hang together, by index.
#[derive(Debug, Default)]
struct Part {
    servers: Vec<usize>,
    victims: Vec<usize>,
    /// Links; of those with the same servers the first, and how many more there are.
    ties: Vec<usize>,
    more: BTreeMap<usize, usize>,
}

/// All parts, those of one family after another, each family a drawing with its heading.
pub fn graph(picture: &Picture) -> Markup {
    let mut sections: Vec<(Option<&str>, Vec<Part>)> = Vec::new();
    let mut at: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let mut parts = parts(picture);
    let rest = parts.len().saturating_sub(MAX_PARTS);
    parts.truncate(MAX_PARTS);
    for part in parts {
        let family = part.servers.iter().find_map(|&server| picture.servers[server].family());
        let section = *at.entry(family).or_insert_with(|| {
            sections.push((family, Vec::new()));
            sections.len() - 1
        });
        sections[section].1.push(part);
    }
    // What has no name comes last.
    sections.sort_by_key(|section| section.0.is_none());
    html! {
        @for (family, parts) in &sections {
            @let servers: usize = parts.iter().map(|part| part.servers.len()).sum();
            @let victims: BTreeSet<usize> = parts.iter().flat_map(|part| part.victims.iter().copied()).collect();
            section.panel {
                h3 {
                    (family.map_or("No family named".to_owned(), |name| short(name, 64)))
                    @let others = others(picture, *family, parts);
                    @if !others.is_empty() { span.soft { " with " (others) } }
                    span.soft { ": " (count(servers, "server")) ", " (count(victims.len(), "victim")) }
                }
                (drawing(picture, *family, parts))
            }
        }
        @if rest > 0 { p.soft { "and " (rest) " further parts; the tables have all" } }
    }
}

/// Other families of a drawing, the first ones.
fn others(picture: &Picture, family: Option<&str>, parts: &[Part]) -> String {
    let all = parts.iter().flat_map(|part| &part.servers).filter_map(|&at| picture.servers[at].family());
    let names: BTreeSet<&str> = all.filter(|own| Some(*own) != family).collect();
    let shown: Vec<String> = names.iter().take(6).map(|name| short(name, 32)).collect();
    shown.join(", ") + if names.len() > 6 { " and more" } else { "" }
}

fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// What hangs together by victims and groups, the worst first.
fn parts(picture: &Picture) -> Vec<Part> {
    let server_at: BTreeMap<&str, usize> =
        picture.servers.iter().enumerate().map(|(at, server)| (server.id.as_str(), at)).collect();
    let victim_at: BTreeMap<&str, usize> =
        picture.victims.iter().enumerate().map(|(at, victim)| (victim.id.as_str(), at)).collect();
    let link_at: BTreeMap<&str, usize> =
        picture.links.iter().enumerate().map(|(at, link)| (link.id.as_str(), at)).collect();
    let count = picture.servers.len();
    let mut sets = Sets::new(count + picture.victims.len());
    for (at, server) in picture.servers.iter().enumerate() {
        for victim in server.victims.iter().filter_map(|id| victim_at.get(id.as_str())) {
            sets.join(at, count + victim);
        }
    }
    let mut ties: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for group in &picture.groups {
        let members: Vec<usize> =
            group.servers.iter().filter_map(|id| server_at.get(id.as_str()).copied()).collect();
        if let [first, others @ ..] = members.as_slice() {
            for other in others {
                sets.join(*first, *other);
            }
            ties.entry(*first)
                .or_default()
                .extend(group.links.iter().filter_map(|id| link_at.get(id.as_str()).copied()));
        }
    }
    // Sets begin with their least server, which is the worst.
    let part = |members: Vec<usize>| {
        let (servers, victims): (Vec<usize>, Vec<usize>) = members.into_iter().partition(|at| *at < count);
        let own = servers.iter().filter_map(|server| ties.get(server)).flatten().copied();
        let mut same: BTreeMap<&BTreeSet<String>, (usize, usize)> = BTreeMap::new();
        for link in own.collect::<BTreeSet<usize>>() {
            same.entry(&picture.links[link].servers).or_insert((link, 0)).1 += 1;
        }
        let more: BTreeMap<usize, usize> = same.into_values().map(|(link, n)| (link, n - 1)).collect();
        let victims = victims.into_iter().map(|at| at - count).collect();
        Part { servers, victims, ties: more.keys().copied().collect(), more }
    };
    sets.list().into_iter().map(part).collect()
}

/// Where the nodes of a column stand: the middle of each, by index of the node.
type Column = BTreeMap<usize, f64>;

/// Puts nodes into rows in this order, spread over the height that the fullest column needs.
fn spread(order: &[usize], rows: usize) -> Column {
    let step = rows as f64 / order.len().max(1) as f64;
    order.iter().enumerate().map(|(n, &node)| (node, (n as f64 + 0.5) * step * ROW)).collect()
}

/// Edges from a node, and where the nodes at their ends stand.
type Beside<'a> = (&'a BTreeMap<usize, Vec<usize>>, &'a Column);

/// Orders nodes by the middle of their neighbours.
fn ordered(nodes: &[usize], sides: &[Beside<'_>]) -> Vec<usize> {
    let middle = |node: &usize| {
        let near = |(edges, column): &Beside<'_>| {
            edges
                .get(node)
                .into_iter()
                .flatten()
                .filter_map(|other| column.get(other).copied())
                .collect::<Vec<_>>()
        };
        let places = sides.iter().flat_map(near);
        let (sum, n) = places.fold((0.0, 0.0), |(sum, n), place| (sum + place, n + 1.0));
        if n > 0.0 { sum / n } else { f64::MAX }
    };
    let mut order: Vec<(f64, usize)> = nodes.iter().map(|node| (middle(node), *node)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, node)| node).collect()
}

/// A part with its places.
struct Laid {
    servers: Column,
    victims: Column,
    ties: Column,
    edges: Vec<(usize, usize)>,
    tied: Vec<(usize, usize)>,
    height: f64,
}

fn lay(picture: &Picture, part: &Part) -> Laid {
    let victim_at: BTreeMap<&str, usize> =
        part.victims.iter().map(|&at| (picture.victims[at].id.as_str(), at)).collect();
    let server_at: BTreeMap<&str, usize> =
        part.servers.iter().map(|&at| (picture.servers[at].id.as_str(), at)).collect();
    let mut edges = Vec::new();
    for &server in &part.servers {
        let own = picture.servers[server].victims.iter().filter_map(|id| victim_at.get(id.as_str()));
        edges.extend(own.map(|&victim| (server, victim)));
    }
    let mut tied = Vec::new();
    for &tie in &part.ties {
        let own = picture.links[tie].servers.iter().filter_map(|id| server_at.get(id.as_str()));
        tied.extend(own.map(|&server| (tie, server)));
    }
    let by = |pairs: &[(usize, usize)], turned: bool| {
        let mut map: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &(a, b) in pairs {
            let (from, to) = if turned { (b, a) } else { (a, b) };
            map.entry(from).or_default().push(to);
        }
        map
    };
    let (to_victims, to_servers) = (by(&edges, false), by(&edges, true));
    let (of_ties, of_tied) = (by(&tied, false), by(&tied, true));
    let rows = part.servers.len().max(part.victims.len()).max(part.ties.len()).max(1);
    let mut servers = spread(&part.servers, rows);
    for _ in 0..PASSES {
        let victims = spread(&ordered(&part.victims, &[(&to_servers, &servers)]), rows);
        let ties = spread(&ordered(&part.ties, &[(&of_ties, &servers)]), rows);
        servers = spread(&ordered(&part.servers, &[(&to_victims, &victims), (&of_tied, &ties)]), rows);
    }
    let victims = spread(&ordered(&part.victims, &[(&to_servers, &servers)]), rows);
    let ties = spread(&ordered(&part.ties, &[(&of_ties, &servers)]), rows);
    Laid { servers, victims, ties, edges, tied, height: rows as f64 * ROW }
}

fn drawing(picture: &Picture, family: Option<&str>, parts: &[Part]) -> Markup {
    let laid: Vec<Laid> = parts.iter().map(|part| lay(picture, part)).collect();
    // Where nothing is in common anywhere, the column before the servers is left out of all drawings.
    let tied = !picture.groups.is_empty();
    let left = if tied { 0.0 } else { SERVERS.0 - 1.0 };
    let height: f64 = laid.iter().map(|part| part.height + BETWEEN).sum::<f64>() + HEAD;
    let mut top = HEAD;
    let tops: Vec<f64> = laid
        .iter()
        .map(|part| {
            let own = top;
            top += part.height + BETWEEN;
            own
        })
        .collect();
    let width = WIDTH - left;
    html! {
        svg.graph role="img" width=(px(width)) height=(px(height))
            viewBox={ (px(left)) " 0 " (px(width)) " " (px(height)) } {
            title { "Servers and who lost data to them" }
            @if laid.iter().any(|part| !part.ties.is_empty()) { text.soft x=(px(TIES.0)) y="11" { "in common" } }
            text.soft x=(px(SERVERS.0)) y="11" { "servers" }
            text.soft x=(px(VICTIMS.0)) y="11" { "victims" }
            @for ((part, from), top) in laid.iter().zip(parts).zip(&tops) {
                @for (server, victim) in &part.edges {
                    path.edge d=(curve(
                        (SERVERS.0 + SERVERS.1, top + place(&part.servers, *server)),
                        (VICTIMS.0, top + place(&part.victims, *victim)),
                    )) {}
                }
                @for (tie, server) in &part.tied {
                    path.tie d=(curve(
                        (TIES.0 + TIES.1, top + place(&part.ties, *tie)),
                        (SERVERS.0, top + place(&part.servers, *server)),
                    )) {}
                }
                @for (&at, y) in &part.ties { (tie(&picture.links[at], from.more.get(&at).copied().unwrap_or(0), top + y)) }
                @for (&at, y) in &part.servers { (server(&picture.servers[at], family, top + y)) }
                @for (&at, y) in &part.victims { (victim(&picture.victims[at], top + y)) }
            }
        }
    }
}

fn place(column: &Column, node: usize) -> f64 {
    column.get(&node).copied().unwrap_or_default()
}

fn curve(from: (f64, f64), to: (f64, f64)) -> String {
    let middle = f64::midpoint(from.0, to.0);
    format!(
        "M{} {}C{m} {} {m} {} {} {}",
        px(from.0),
        px(from.1),
        px(from.1),
        px(to.1),
        px(to.0),
        px(to.1),
        m = px(middle)
    )
}

/// A link and how many more of the same servers it stands for.
fn tie(link: &Link, more: usize, y: f64) -> Markup {
    let label = match link.kind.as_str() {
        "certificate" if !link.about.is_empty() => format!("key of {}", link.about),
        _ => link.value.clone(),
    };
    let title = format!("{}: {}", link.kind, link.value);
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    let label = short(&label, CHARS.0.saturating_sub(more.len())) + &more;
    node(
        &Node {
            column: TIES,
            href: &link.id,
            level: "",
            label: &label,
            aside: "",
            act: false,
            title: &title,
        },
        y,
    )
}

fn server(server: &Server, family: Option<&str>, y: f64) -> Markup {
    let more = match server.places.len().saturating_sub(1) {
        0 => String::new(),
        others => format!(" +{others}"),
    };
    let aside =
        server.family().filter(|own| Some(*own) != family).map(|own| short(own, 16)).unwrap_or_default();
    let room =
        CHARS.1.saturating_sub(more.len() + if aside.is_empty() { 0 } else { aside.chars().count() + 2 });
    let label = short(server.label(), room) + &more;
    let act = server.places.iter().any(|place| place.takedown);
    let places: Vec<&str> = server.places.iter().map(|place| place.value.as_str()).take(16).collect();
    let title = format!("{} {}: {}", server.id, server.level.name(), places.join(", "));
    let level = server.level.name();
    node(
        &Node { column: SERVERS, href: &server.id, level, label: &label, aside: &aside, act, title: &title },
        y,
    )
}

fn victim(victim: &Victim, y: f64) -> Markup {
    let name = victim.names.first().map(|name| format!("{name} ")).unwrap_or_default();
    let label = short(&format!("{}{}", short(&name, 20), victim.addr), CHARS.2);
    let taken: Vec<&str> = victim.taken.keys().map(String::as_str).collect();
    let title = format!("{} {name}{}: {}", victim.id, victim.addr, taken.join(", "));
    let level = victim.level.name();
    node(
        &Node {
            column: VICTIMS,
            href: &victim.id,
            level,
            label: &label,
            aside: "",
            act: false,
            title: &title,
        },
        y,
    )
}

/// A box of the drawing.
struct Node<'a> {
    /// Left edge and width.
    column: (f64, f64),
    /// The row of a table that it leads to.
    href: &'a str,
    level: &'a str,
    label: &'a str,
    /// What stands at the right end.
    aside: &'a str,
    /// There is something to act on.
    act: bool,
    title: &'a str,
}

/// A node: a box with a dot of its level, and a bar where there is something to act on.
fn node(node: &Node<'_>, y: f64) -> Markup {
    let (x, width) = node.column;
    let inset = if node.level.is_empty() { 8.0 } else { 20.0 };
    html! {
        a href={ "#" (node.href) } {
            rect.node x=(px(x)) y=(px(y - NODE / 2.0)) width=(px(width)) height=(px(NODE)) rx="4" {
                title { (short(node.title, 512)) }
            }
            @if node.act {
                rect.act x=(px(x + width - 5.0)) y=(px(y - NODE / 2.0)) width="5" height=(px(NODE)) rx="2" {}
            }
            @if !node.level.is_empty() { circle.dot.(node.level) cx=(px(x + 11.0)) cy=(px(y)) r="4" {} }
            text x=(px(x + inset)) y=(px(y + 4.2)) { (node.label) }
            @if !node.aside.is_empty() {
                text.soft x=(px(x + width - 12.0)) y=(px(y + 4.2)) text-anchor="end" { (node.aside) }
            }
        }
    }
}

/// Text of a capture, cut to so many characters and freed of what steers.
fn short(text: &str, most: usize) -> String {
    let safe = Safe(text.get(..text.floor_char_boundary(4096)).unwrap_or_default()).to_string();
    if safe.chars().count() <= most {
        return safe;
    }
    safe.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_their_neighbours() {
        // Three servers, each with the victim of the other end.
        let beside = spread(&[10, 11, 12], 3);
        let neighbours = BTreeMap::from([(0, vec![12]), (1, vec![11]), (2, vec![10])]);
        assert_eq!(ordered(&[0, 1, 2, 3], &[(&neighbours, &beside)]), [2, 1, 0, 3]);
        let column = spread(&[5], 4);
        assert!((place(&column, 5) - 2.0 * ROW).abs() < 1e-9, "alone it stands in the middle");
    }

    #[test]
    fn labels_are_cut_and_steer_nothing() {
        assert_eq!(short("a\u{202e}b", 40), "a\\u{202e}b");
        assert_eq!(short(&"é".repeat(70_000), 5), "éééé…");
    }
}
