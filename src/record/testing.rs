//! Records for tests.

use super::{Client, ClientBy, CommunityId, Endpoint, FirstBytes, Flow, FlowId, Frames, Proto, Sides, State};
use crate::time::Timestamp;

/// A closed TCP conversation of which nothing is known.
pub fn flow() -> Flow {
    Flow {
        id: FlowId::default(),
        community_id: CommunityId::default(),
        capture: 0,
        frames: Frames { first: 1, last: 2, count: 2 },
        continued: Vec::new(),
        link: Vec::new(),
        proto: Proto::Tcp,
        client: Client { addr: [192, 0, 2, 10].into(), port: 50_000, by: ClientBy::Syn, mac: None },
        server: Endpoint { addr: [203, 0, 113, 4].into(), port: 443 },
        start: Timestamp(0),
        end: Timestamp(1),
        state: State::Closed,
        packets: Sides::default(),
        bytes: Sides::default(),
        payload: Sides::default(),
        gaps: Sides::default(),
        turns: Vec::new(),
        turns_rest: None,
        first_bytes: FirstBytes::default(),
        parent: None,
        conflicts: 0,
        tls: None,
        quic: None,
        http: Vec::new(),
        dns: Vec::new(),
        smtp: None,
        ftp: None,
        other: None,
    }
}
