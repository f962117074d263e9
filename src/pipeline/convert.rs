//! From the plain types of the left rooms to records.

use crate::capture;
use crate::flow::{self, Conversation, FlowKey, Side};
use crate::record::{
    CaptureInfo, Client, ClientBy, CommunityId, Continued, Endpoint, Facts, FirstBytes, Flow, FlowId, Frames,
    Hex, Hint, Mac, Proto, SideName, Sides, State, Turn, TurnsRest,
};

/// The record of a capture.
pub fn capture(info: capture::Info) -> CaptureInfo {
    CaptureInfo {
        path: info.path,
        sha256: info.sha256,
        bytes: info.bytes,
        format: info.format,
        compression: info.compression,
        link_types: info.link_types,
        packets: info.packets,
        first: info.first,
        last: info.last,
        truncated_at: info.truncated_at,
    }
}

/// The record of a conversation, and the hints it gave about hosts.
pub fn flow(conversation: &mut Conversation<Facts>) -> (Flow, Vec<Hint>) {
    let turns = std::mem::take(&mut conversation.turns);
    let [to_server, to_client] = std::mem::take(&mut conversation.first_bytes);
    let (rest, facts) = (conversation.turns_rest.take(), conversation.facts.take());
    let Conversation { key, captures, .. } = &*conversation;
    let ((capture, span), later) = match captures.split_first() {
        Some((first, later)) => (*first, later),
        None => ((0, flow::FrameSpan { first: 0, last: 0, count: 0 }), &[][..]),
    };
    // What is recognised is described better by its facts.
    let recognised = facts.as_ref().is_some_and(recognised);
    let first_bytes = if recognised {
        FirstBytes::default()
    } else {
        FirstBytes { to_server: Hex::from(&*to_server), to_client: Hex::from(&*to_client) }
    };
    let mut flow = Flow {
        id: FlowId(conversation.identity()),
        // Made of the ends when the record is asked for.
        community_id: CommunityId::default(),
        capture,
        frames: frames(span),
        continued: later.iter().map(|&(capture, span)| Continued { capture, frames: frames(span) }).collect(),
        link: conversation.encapsulation.steps().iter().map(ToString::to_string).collect(),
        proto: proto(key),
        client: Client {
            addr: key.client.ip(),
            port: key.client.port(),
            by: client_by(conversation.client_by),
            mac: conversation.client_mac.map(Mac),
        },
        server: Endpoint { addr: key.server.ip(), port: key.server.port() },
        start: conversation.start,
        end: conversation.end,
        state: state(conversation.state),
        packets: sides(conversation.packets),
        bytes: sides(conversation.bytes),
        payload: sides(conversation.payload),
        gaps: sides(conversation.gaps),
        turns: turns.into_iter().map(turn).collect(),
        turns_rest: rest.map(|rest| Box::new(turns_rest(*rest))),
        first_bytes,
        parent: None,
        conflicts: conversation.conflicts,
        tls: None,
        http: Vec::new(),
        dns: Vec::new(),
        smtp: None,
        ftp: None,
        quic: None,
        other: None,
    };
    let mut hints = Vec::new();
    if let Some(mut facts) = facts {
        hints = std::mem::take(&mut facts.hints);
        flow.take(facts);
    }
    (flow, hints)
}

/// Whether a dissector knows the protocol.
fn recognised(facts: &Facts) -> bool {
    let named = facts.other.as_ref().is_some_and(|other| other.protocol.is_some());
    facts.tls.is_some()
        || facts.quic.is_some()
        || !facts.http.is_empty()
        || !facts.dns.is_empty()
        || facts.smtp.is_some()
        || facts.ftp.is_some()
        || named
}

fn frames(span: flow::FrameSpan) -> Frames {
    Frames { first: span.first, last: span.last, count: span.count }
}

const fn sides([to_server, to_client]: [u64; 2]) -> Sides {
    Sides { to_server, to_client }
}

fn proto(key: &FlowKey) -> Proto {
    match (key.carrier, key.protocol()) {
        (flow::Carrier::Tcp, _) => Proto::Tcp,
        (flow::Carrier::Udp, _) => Proto::Udp,
        (flow::Carrier::Icmp, 58) => Proto::Icmp6,
        (flow::Carrier::Icmp, _) => Proto::Icmp,
        (flow::Carrier::Other(_), number) => Proto::Ip(number),
    }
}

const fn client_by(by: flow::ClientBy) -> ClientBy {
    match by {
        flow::ClientBy::Syn => ClientBy::Syn,
        flow::ClientBy::Protocol => ClientBy::Protocol,
        flow::ClientBy::Port => ClientBy::Port,
        flow::ClientBy::First => ClientBy::First,
    }
}

const fn state(state: flow::State) -> State {
    match state {
        flow::State::Unanswered => State::Unanswered,
        flow::State::Refused => State::Refused,
        flow::State::Open => State::Open,
        flow::State::Closed => State::Closed,
        flow::State::Reset => State::Reset,
        flow::State::Midstream => State::Midstream,
        flow::State::Datagrams => State::Datagrams,
    }
}

fn turn(turn: flow::Turn) -> Turn {
    let side = match turn.side {
        Side::Client => SideName::Client,
        Side::Server => SideName::Server,
    };
    Turn(side, turn.offset, turn.bytes, turn.frame)
}

fn turns_rest(rest: flow::TurnsRest) -> TurnsRest {
    TurnsRest {
        count: sides(rest.count),
        bytes: sides(rest.bytes),
        gaps_ms: rest.gaps_ms,
        sizes: rest.sizes,
        last: rest.last,
    }
}
