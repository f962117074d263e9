//! Records folded into hosts and channels.
//!
//! In: [`Records`](crate::record::Records) and what `rules/services.toml` knows. Out: a [`Ledger`]: who talked with
//! which service, and each host's time line. It has no opinion yet.
//!
//! `survey` looks at each flow once: names and addresses get numbers (`book`), answers of DNS are noted (`resolved`), the
//! flow gets its [`Traits`] and its requests their [`sketch`]. `seat` says which flows belong together, and `build` makes
//! channels of them, whose names (`names`) say how each is known, and `hosts` whose they are. Most looks of `signals` and `families` end at traits and sketches.

pub mod address;
mod book;
mod build;
mod few;
mod hosts;
pub mod likeness;
pub mod name;
mod names;
mod resolved;
mod seat;
mod services;
pub mod sketch;
pub mod survey;
mod timeline;
pub mod tor;
mod traits;

pub use address::Sides;
pub use few::{FewAddrs, FewPorts, FlowList, Roles};
pub use hosts::HostViews;
pub use names::Names;
pub use services::{ServiceRules, Services};
pub use timeline::{Event, EventKind};
pub use traits::{LARGE_TURN, LARGE_TURNS, Traits, bare_code, code, dense, stuffing};

use super::evidence::ChannelIx;
use crate::record::{CaptureInfo, Flow, Flows, Host};
use crate::time::Timestamp;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

/// Everything detection looks at: flows in time order, and what they make. A clone costs little, and its flows are opened and
/// closed apart: threads that look at channels take one each.
#[derive(Debug, Default, Clone)]
pub struct Ledger {
    /// Conversations in the order of [`Flow::order`]. Who looks at many closes them now and then.
    pub flows: Flows,
    books: Arc<Books>,
}

/// What flows make: channels, and the hosts these belong to.
#[derive(Debug, Default, Clone)]
pub struct Books {
    /// Inputs.
    pub captures: Vec<CaptureInfo>,
    /// What each flow has; records are large, and most steps have nothing to do with most.
    pub traits: Vec<Traits>,
    /// The requests of each in a few words.
    pub requests: sketch::Requests,
    /// Channels by client, then first contact.
    pub channels: Vec<Channel>,
    /// Hosts that are clients of a channel.
    pub hosts: HostViews,
}

/// What [`Channel::domain`] is for questions whose names are below no top-level domain.
pub const ROOTLESS: &str = "(no root)";

/// One client and one service.
#[derive(Debug, Default, Clone)]
pub struct Channel {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The service.
    pub service: Service,
    /// Its flows by index into [`Ledger::flows`], in time order.
    pub flows: FlowList,
    /// What one of these at least has.
    pub has: Traits,
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// Payload bytes to the service and from it.
    pub bytes: (u64, u64),
    /// The client is of the Internet and the service is ours: a visitor, nobody's theft.
    pub inbound: bool,
    /// For some flow of it a SYN or the protocol tells who asked whom.
    pub certain: bool,
    /// Not flows of a service but questions below one DNS domain, by whichever resolver.
    pub domain: Option<Box<SmolStr>>,
}

// A capture may have a million.
const _: () = assert!(size_of::<Channel>() <= 152);

/// A service: one thing that a client talks to, joined over addresses by name, certificate or request template.
#[derive(Debug, Default, Clone)]
pub struct Service {
    /// Addresses.
    pub addrs: FewAddrs,
    /// Names: SNI, Host, and names the capture resolved to these addresses for this client.
    pub names: Names,
    /// Server ports.
    pub ports: FewPorts,
    /// What `rules/services.toml` knows of it: roles such as `ip-lookup`, `messenger`, `file-host`, `update`.
    pub roles: Roles,
    /// All addresses are private, link-local or otherwise not of the Internet.
    pub local: bool,
}

impl Service {
    /// What it is called in a sentence: a name it was called by, else one it was resolved from, else its address.
    pub fn label(&self) -> String {
        let name = self.names.stated().next().or_else(|| self.names.first());
        name.map(SmolStr::to_string)
            .or_else(|| self.addrs.first().map(ToString::to_string))
            .unwrap_or_else(|| "an unknown service".to_owned())
    }
    /// Whether `rules/services.toml` gives it a role.
    pub fn is(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
    /// Whether the capture confirms a name: a resolution led to one of the addresses, or a certificate that another
    /// issued is for it. What the client only claims (SNI, Host) it does not.
    pub fn confirms(&self, name: &str) -> bool {
        self.names.confirms(name)
    }
    /// Reached by address alone: no name was used, and none was resolved in the capture.
    pub fn bare(&self) -> bool {
        self.names.is_empty()
    }
}

/// A host with its time line.
#[derive(Debug, Default, Clone)]
pub struct HostView {
    /// What records say of it.
    pub known: Option<Box<Host>>,
    /// Its channels in order of first contact.
    pub channels: Vec<ChannelIx>,
    /// Its first and last packet.
    pub span: (Timestamp, Timestamp),
    /// What it did, in time order: look-ups, dead drops, downloads.
    pub timeline: Vec<Event>,
    /// The capture has DNS questions of it.
    pub resolves: bool,
    /// What is alike among its channels; most hosts have nothing of it.
    pub alike: Option<Box<Alike>>,
}

/// What is alike among the channels of a host.
#[derive(Debug, Default, Clone)]
pub struct Alike {
    /// Request templates (`likeness::template`) with the channels that saw them; only those of several.
    pub requests: BTreeMap<String, BTreeSet<ChannelIx>>,
    /// Shapes of POSTs to bare addresses (`likeness::addressed`) with the channels that saw them; only those of several.
    pub bodies: BTreeMap<String, BTreeSet<ChannelIx>>,
    /// Prints of TLS hellos without a server name to bare addresses, with their channels; only those of several.
    pub hellos: BTreeMap<String, BTreeSet<ChannelIx>>,
    /// Openings of unknown protocols to bare addresses on ports of the web, with their channels; only those of several.
    pub openings: BTreeMap<String, BTreeSet<ChannelIx>>,
    /// Channels with bare addresses and home-made certificates.
    pub home_made: BTreeSet<ChannelIx>,
    /// Of a host that asks a resolver inside HTTPS: prints of TLS (`likeness::print`) that it uses with names of several
    /// owners, as its browser and its system do.
    pub habits: BTreeSet<String>,
}

impl Alike {
    /// Whether anything is alike.
    fn says(&self) -> bool {
        let shared = [&self.requests, &self.bodies, &self.hellos, &self.openings];
        let own = !self.home_made.is_empty() || !self.habits.is_empty();
        own || shared.iter().any(|shared| !shared.is_empty())
    }
}

impl Deref for Ledger {
    type Target = Books;
    fn deref(&self) -> &Books {
        &self.books
    }
}

#[cfg(test)]
impl std::ops::DerefMut for Ledger {
    fn deref_mut(&mut self) -> &mut Books {
        Arc::make_mut(&mut self.books)
    }
}

impl Ledger {
    /// A channel by index.
    pub fn channel(&self, ix: ChannelIx) -> &Channel {
        &self.channels[ix.0]
    }
    /// The flows of a channel in time order.
    pub fn flows_of(&self, ix: ChannelIx) -> impl DoubleEndedIterator<Item = (usize, &Flow)> + Clone {
        self.channels[ix.0].flows.iter().map(|flow| (flow, &self.flows[flow]))
    }
}
