//! Records folded into hosts and channels.

use super::evidence::ChannelIx;
use crate::record::{CaptureInfo, Flow, Host};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Everything detection looks at: flows in time order, the channels they make, the hosts they belong to.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Inputs.
    pub captures: Vec<CaptureInfo>,
    /// Conversations in the order of [`Flow::order`].
    pub flows: Vec<Flow>,
    /// Channels by client, then first contact.
    pub channels: Vec<Channel>,
    /// The channel of each flow, by index into `flows`; none for flows that are no one's (multicast and the like).
    pub channel_of: Vec<Option<ChannelIx>>,
    /// Hosts that are clients of a channel.
    pub hosts: BTreeMap<IpAddr, HostView>,
}

/// One client and one service.
#[derive(Debug, Default, Clone)]
pub struct Channel {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The service.
    pub service: Service,
    /// Its flows by index into [`Ledger::flows`], in time order.
    pub flows: Vec<usize>,
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// Payload bytes to the service and from it.
    pub bytes: (u64, u64),
}

/// A service: one thing that a client talks to, joined over addresses by name, certificate or request template.
#[derive(Debug, Default, Clone)]
pub struct Service {
    /// Addresses.
    pub addrs: BTreeSet<IpAddr>,
    /// Names: SNI, Host, and names the capture resolved to these addresses for this client.
    pub names: BTreeSet<String>,
    /// Names the client itself used in the flows (SNI, Host), a subset of `names`.
    pub stated: BTreeSet<String>,
    /// Server ports.
    pub ports: BTreeSet<u16>,
    /// What `rules/services.toml` knows of it: roles such as `ip-lookup`, `messenger`, `file-host`, `update`.
    pub roles: BTreeSet<String>,
    /// All addresses are private, link-local or otherwise not of the Internet.
    pub local: bool,
}

/// A host with its time line.
#[derive(Debug, Default, Clone)]
pub struct HostView {
    /// What records say of it.
    pub known: Option<Host>,
    /// Its channels in order of first contact.
    pub channels: Vec<ChannelIx>,
    /// Its first and last packet.
    pub span: (Timestamp, Timestamp),
}

impl Ledger {
    /// A channel by index.
    pub fn channel(&self, ix: ChannelIx) -> &Channel {
        &self.channels[ix.0]
    }
    /// The flows of a channel in time order.
    pub fn flows_of(&self, ix: ChannelIx) -> impl DoubleEndedIterator<Item = (usize, &Flow)> + Clone {
        self.channels[ix.0].flows.iter().map(|&flow| (flow, &self.flows[flow]))
    }
}
