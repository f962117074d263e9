//! The picture as a graph: for Graphviz (DOT) and for everything that reads GraphML.

use super::join::Picture;
use super::link::Link;
use std::io::{self, Write};

/// Writes DOT. Servers are boxes, victims ellipses; an edge is labelled with the findings behind it.
pub fn dot(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "graph exfilscan {{")?;
    for node in nodes(picture) {
        let shape = if node.server { "box" } else { "ellipse" };
        writeln!(out, "  \"{}\" [shape={shape}, label=\"{}\"];", node.id, quoted(&node.label))?;
    }
    for (server, victim, findings) in edges(picture) {
        writeln!(out, "  \"{victim}\" -- \"{server}\" [label=\"{findings}\"];")?;
    }
    for link in linked(picture) {
        let label = quoted(&format!("{}\n{}", link.kind, short(&link.value)));
        writeln!(out, "  \"{}\" [shape=diamond, label=\"{label}\"];", link.id)?;
        for server in &link.servers {
            writeln!(out, "  \"{}\" -- \"{server}\" [style=dashed];", link.id)?;
        }
    }
    writeln!(out, "}}")
}

/// Writes GraphML.
pub fn graphml(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
    writeln!(out, "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">")?;
    for (key, of, kind) in [
        ("kind", "node", "string"),
        ("label", "node", "string"),
        ("level", "node", "string"),
        ("findings", "edge", "long"),
    ] {
        writeln!(out, "  <key id=\"{key}\" for=\"{of}\" attr.name=\"{key}\" attr.type=\"{kind}\"/>")?;
    }
    writeln!(out, "  <graph id=\"exfilscan\" edgedefault=\"undirected\">")?;
    for node in nodes(picture) {
        let kind = if node.server { "server" } else { "victim" };
        writeln!(out, "    <node id=\"{}\">", node.id)?;
        for (key, value) in [("kind", kind), ("label", &node.label), ("level", node.level)] {
            writeln!(out, "      <data key=\"{key}\">{}</data>", escaped(value))?;
        }
        writeln!(out, "    </node>")?;
    }
    for (server, victim, findings) in edges(picture) {
        writeln!(
            out,
            "    <edge source=\"{victim}\" target=\"{server}\"><data key=\"findings\">{findings}</data></edge>"
        )?;
    }
    for link in linked(picture) {
        writeln!(out, "    <node id=\"{}\">", link.id)?;
        writeln!(out, "      <data key=\"kind\">{}</data>", link.kind)?;
        writeln!(out, "      <data key=\"label\">{}</data>", escaped(&link.value))?;
        writeln!(out, "    </node>")?;
        for server in &link.servers {
            writeln!(out, "    <edge source=\"{}\" target=\"{server}\"/>", link.id)?;
        }
    }
    writeln!(out, "  </graph>\n</graphml>")
}

/// Links that are drawn: families are in the labels of servers.
fn linked(picture: &Picture) -> impl Iterator<Item = &Link> {
    picture.links.iter().filter(|link| link.kind != "family")
}

/// Characters of a link's value in a drawing.
const VALUE: usize = 48;

fn short(value: &str) -> String {
    let cut: String = value.chars().take(VALUE).collect();
    if cut.len() < value.len() { cut + "…" } else { cut }
}

struct Node<'a> {
    id: &'a str,
    server: bool,
    label: String,
    level: &'static str,
}

fn nodes(picture: &Picture) -> impl Iterator<Item = Node<'_>> {
    let servers = picture.servers.iter().map(|server| {
        let families: Vec<&str> = server.families.keys().map(String::as_str).collect();
        let label = [server.label(), &families.join(", ")].join("\n");
        Node { id: &server.id, server: true, label: label.trim().to_owned(), level: server.level.name() }
    });
    let victims = picture.victims.iter().map(|victim| {
        let name = victim.names.first().map_or("", String::as_str);
        let label = format!("{}\n{name}", victim.addr).trim().to_owned();
        Node { id: &victim.id, server: false, label, level: victim.level.name() }
    });
    servers.chain(victims)
}

/// Server, victim, and how many findings join them.
fn edges(picture: &Picture) -> impl Iterator<Item = (&str, &str, usize)> {
    picture.servers.iter().flat_map(|server| {
        server.victims.iter().map(move |victim| {
            let mut ids: Vec<&str> =
                server.proofs.iter().filter(|p| p.victim == *victim).map(|p| p.finding.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            (server.id.as_str(), victim.as_str(), ids.len().max(1))
        })
    })
}

/// Text inside quotes in DOT.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Text in XML 1.0; characters that it does not allow are left out.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
