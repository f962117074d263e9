//! Messengers, webhooks, file hosts and paste sites as the place where loot is left.

use super::{Marks, Needs, Signal, View, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Loot, Upload};
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "messenger-upload", needs: Needs::NOTHING.and(Marks::MESSENGER), look: messenger },
    Signal { name: "file-host-upload", needs: Needs::NOTHING.and(Marks::FILE_HOST), look: file_host },
    Signal { name: "chain-rpc", needs: Needs::NOTHING.and(Marks::CHAIN), look: chain },
];

/// Least that goes to a messenger's interface, in bytes: a greeting with the host's facts is some hundred,
/// the TLS handshake some hundred more.
const MIN_MESSAGE: u64 = 2_000;
/// Least that goes to a file host.
const MIN_FILE: u64 = 15_000;

/// Data goes to the interface that programs, not people, use to post into a chat.
fn messenger(view: &View<'_>) -> Option<Statement> {
    // Where the host runs the chat's own program, its channels are seen too.
    (!view.past.chats()).then(|| left(view, "messenger", MIN_MESSAGE))?
}

/// A file goes to a service that keeps files for anyone.
fn file_host(view: &View<'_>) -> Option<Statement> {
    left(view, "file-host", MIN_FILE)
}

fn left(view: &View<'_>, role: &str, least: u64) -> Option<Statement> {
    if !view.channel.service.is(role) {
        return None;
    }
    let (index, flow) = view
        .flows()
        .filter(|(_, flow)| {
            flow.payload.to_server >= least && flow.payload.to_server > flow.payload.to_client
        })
        .max_by_key(|(_, flow)| flow.payload.to_server)?;
    let (up, down) = (flow.payload.to_server, flow.payload.to_client);
    let label = view.channel.service.label();
    let why = format!("{} up against {} down to {label}", size(up), size(down));
    let strength = if up >= 20_000 && up / 4 >= down { 1.0 } else { 0.7 };
    let mut statement = view.say(strength, why).flow(index, flow);
    let encoding = Some(flow.app().to_owned());
    statement.upload = Some(Upload { bytes: up, requests: 1, encoding, destination: Some(label.clone()) });
    statement.loot = Some(Loot { categories: BTreeMap::new(), names: Vec::new(), drop: Some(label) });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// A program that is no wallet asks a public blockchain node, where addresses of control servers are kept.
fn chain(view: &View<'_>) -> Option<Statement> {
    if !view.channel.service.is("chain-rpc") {
        return None;
    }
    let (index, flow) = view.flows().find(|(_, flow)| flow.payload.to_server > 0)?;
    let why = format!("asked {}, a public blockchain node", view.channel.service.label());
    Some(view.say(1.0, why).flow(index, flow))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, view};

    #[test]
    fn a_file_for_a_bot() {
        let to = |name, up, down| {
            ledger([flow("203.0.113.4", 443).tls(Some(name), None).payload(up, down).build()])
        };
        assert!(messenger(&view(&to("api.telegram.org", 184_000, 900))).is_some());
        assert!(messenger(&view(&to("api.telegram.org", 700, 900))).is_none());
        assert!(messenger(&view(&to("chat.example", 184_000, 900))).is_none());
        assert!(file_host(&view(&to("store1.gofile.io", 412_000, 900))).is_some());
    }

    #[test]
    fn a_node_of_a_chain() {
        let to = |name| ledger([flow("203.0.113.4", 443).tls(Some(name), None).payload(700, 900).build()]);
        assert!(chain(&view(&to("bsc-rpc.publicnode.com"))).is_some());
        assert!(chain(&view(&to("node.example"))).is_none());
    }
}
