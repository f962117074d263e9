//! The identity of a conversation.

use super::key::{TCP, UDP};
use super::{Carrier, Conversation, FlowKey};
use crate::decode::{Encapsulation, Step};
use crate::time::Timestamp;
use sha1::{Digest, Sha1};
use smallvec::SmallVec;
use std::net::IpAddr;

impl<F> Conversation<F> {
    /// What it is known by: the first 8 bytes of the SHA-1 of tunnel, endpoints, transport and start.
    pub fn identity(&self) -> u64 {
        identity(&self.encapsulation, &self.key, self.start)
    }
}

/// The first 8 bytes of the SHA-1 of tunnel, endpoints, transport and start.
fn identity(path: &Encapsulation, key: &FlowKey, start: Timestamp) -> u64 {
    let mut input: SmallVec<[u8; 128]> = SmallVec::new();
    for step in path.steps() {
        let (kind, id) = match *step {
            Step::Vlan(id) => (1, u32::from(id)),
            Step::Mpls(id) => (2, id),
            Step::Vxlan(id) => (3, id),
            Step::Geneve(id) => (4, id),
            Step::Gre(id) => (5, id),
            Step::Erspan(id) => (6, u32::from(id)),
            Step::IpIp => (7, 0),
            Step::Gtp(id) => (8, id),
            Step::L2tp(id) => (9, id),
            Step::Teredo => (10, 0),
            Step::Pppoe(id) => (11, u32::from(id)),
            Step::Ppp => (12, 0),
            Step::FabricPath(id) => (13, u32::from(id)),
            Step::Wifi => (14, 0),
            Step::Ayiya => (15, 0),
            Step::EtherIp => (16, 0),
        };
        input.push(kind);
        input.extend_from_slice(&id.to_be_bytes());
    }
    let carrier = match key.carrier {
        Carrier::Tcp => [0, TCP],
        Carrier::Udp => [0, UDP],
        Carrier::Icmp => [0, key.protocol()],
        Carrier::Other(protocol) => [1, protocol],
    };
    input.extend_from_slice(&carrier);
    for end in [key.client, key.server] {
        match end.ip() {
            IpAddr::V4(v4) => input.extend_from_slice(&v4.octets()),
            IpAddr::V6(v6) => input.extend_from_slice(&v6.octets()),
        }
        input.extend_from_slice(&end.port().to_be_bytes());
    }
    input.extend_from_slice(&start.0.to_be_bytes());
    let digest = Sha1::digest(&input);
    digest.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_depends_on_each_part() {
        let key = |carrier, client: &str| FlowKey {
            carrier,
            client: client.parse().unwrap(),
            server: "192.0.2.2:2".parse().unwrap(),
        };
        let mut tunnel = Encapsulation::default();
        assert!(tunnel.push(Step::Vlan(3)));
        let none = Encapsulation::default();
        let (start, tcp) = (Timestamp(1), key(Carrier::Tcp, "192.0.2.1:1"));
        let base = identity(&none, &tcp, start);
        assert_eq!(base, identity(&none, &tcp.clone(), start));
        let others = [
            identity(&tunnel, &tcp, start),
            identity(&none, &key(Carrier::Udp, "192.0.2.1:1"), start),
            identity(&none, &key(Carrier::Other(6), "192.0.2.1:1"), start),
            identity(&none, &key(Carrier::Tcp, "192.0.2.1:3"), start),
            identity(&none, &tcp, Timestamp(2)),
        ];
        assert!(others.iter().all(|other| *other != base), "{others:?}");
    }
}
