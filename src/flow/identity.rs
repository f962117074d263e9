//! The identity of a conversation.

use super::key::{TCP, UDP};
use super::{Carrier, Conversation, FlowKey};
use crate::decode::{Encapsulation, Step};
use crate::time::Timestamp;
use sha1::{Digest, Sha1};
use std::net::IpAddr;

impl<F> Conversation<F> {
    /// What it is known by: the first 8 bytes of the SHA-1 of tunnel, endpoints, transport and start.
    pub fn identity(&self) -> u64 {
        identity(&self.encapsulation, &self.key, self.start)
    }
}

/// The first 8 bytes of the SHA-1 of tunnel, endpoints, transport and start.
fn identity(path: &Encapsulation, key: &FlowKey, start: Timestamp) -> u64 {
    let mut hash = Sha1::new();
    let mut input = Buffer::<128>::default();
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
        input.put(&[kind]);
        input.put(&id.to_be_bytes());
    }
    hash.update(input.filled());
    let mut input = Buffer::<128>::default();
    let carrier = match key.carrier {
        Carrier::Tcp => [0, TCP],
        Carrier::Udp => [0, UDP],
        Carrier::Icmp => [0, key.protocol()],
        Carrier::Other(protocol) => [1, protocol],
    };
    input.put(&carrier);
    for end in [key.client, key.server] {
        input.put_addr(end.ip());
        input.put(&end.port().to_be_bytes());
    }
    input.put(&start.0.to_be_bytes());
    hash.update(input.filled());
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

/// Hash input, put together without allocation. What does not fit is left out; the sizes above let all fit.
struct Buffer<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Default for Buffer<N> {
    fn default() -> Self {
        Self { bytes: [0; N], used: 0 }
    }
}

impl<const N: usize> Buffer<N> {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.used..self.used + bytes.len()) {
            room.copy_from_slice(bytes);
            self.used += bytes.len();
        }
    }
    fn put_addr(&mut self, addr: IpAddr) {
        match addr {
            IpAddr::V4(v4) => self.put(&v4.octets()),
            IpAddr::V6(v6) => self.put(&v6.octets()),
        }
    }
    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
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
