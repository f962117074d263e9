//! What is asked for, and whether a packet is that.

use super::marks::Marks;
use crate::decode::Layers;
use crate::flow::endpoints;
use crate::record::CommunityId;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Conversations whose answer is remembered, of some 100 bytes each; when there are more, all are forgotten.
const MAX_REMEMBERED: usize = 1 << 16;
/// IP protocols with ports that a service is told by: TCP, UDP, SCTP; and ICMP, which has types for them.
const PORTED: [u8; 3] = [6, 17, 132];
const ICMP: [u8; 2] = [1, 58];

/// One thing that is asked for. Captures are numbers of the inputs of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// Every packet of a conversation, by the innermost addresses.
    Conversation(CommunityId),
    /// The packets of a conversation between two frames of a capture, both included.
    Span {
        /// The conversation.
        id: CommunityId,
        /// The capture.
        capture: u32,
        /// First frame.
        first: u64,
        /// Last frame.
        last: u64,
    },
    /// Everything between a host and a service.
    Channel {
        /// The host.
        client: IpAddr,
        /// Addresses of the service.
        servers: BTreeSet<IpAddr>,
        /// Its ports; where a packet has none, the addresses suffice.
        ports: BTreeSet<u16>,
    },
    /// Frames of a capture, both ends included.
    Frames {
        /// The capture.
        capture: u32,
        /// First frame.
        first: u64,
        /// Last frame.
        last: u64,
    },
}

/// All that is asked for; a packet is taken that is any of it.
#[derive(Debug, Default, Clone)]
pub struct Selection {
    wants: Vec<Want>,
}

impl Selection {
    /// Asks for one thing more, and gives its number.
    pub fn add(&mut self, want: Want) -> usize {
        self.wants.push(want);
        self.wants.len() - 1
    }

    /// Whether nothing is asked for.
    pub const fn is_empty(&self) -> bool {
        self.wants.is_empty()
    }
}

/// Protocol and both ends of a packet.
type Ends = (u8, SocketAddr, SocketAddr);

/// Whether the packets of a conversation are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    No,
    Yes,
    /// Between frames, see [`Matcher::spans`].
    Within(CommunityId),
}

/// Part of a conversation.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// Number of what was asked for.
    number: usize,
    first: u64,
    last: u64,
}

/// Looks packets up.
pub struct Matcher<'s> {
    selection: &'s Selection,
    conversations: BTreeMap<CommunityId, Vec<usize>>,
    channels: Vec<usize>,
    /// Spans of conversations, by capture.
    spans: BTreeMap<(u32, CommunityId), Vec<Span>>,
    /// The conversations of all of them.
    spanned: BTreeSet<CommunityId>,
    known: HashMap<Ends, Fit, RandomState>,
    /// What was found of each thing that was asked for.
    hit: Vec<bool>,
}

impl<'s> Matcher<'s> {
    pub fn new(selection: &'s Selection) -> Self {
        let mut matcher = Self {
            selection,
            conversations: BTreeMap::new(),
            channels: Vec::new(),
            spans: BTreeMap::new(),
            spanned: BTreeSet::new(),
            known: HashMap::with_hasher(RandomState::default()),
            hit: vec![false; selection.wants.len()],
        };
        for (number, want) in selection.wants.iter().enumerate() {
            match want {
                Want::Conversation(id) => matcher.conversations.entry(*id).or_default().push(number),
                Want::Span { id, capture, first, last } => {
                    matcher.spanned.insert(*id);
                    matcher.spans.entry((*capture, *id)).or_default().push(Span {
                        number,
                        first: *first,
                        last: *last,
                    });
                }
                Want::Channel { .. } => matcher.channels.push(number),
                Want::Frames { .. } => {}
            }
        }
        matcher
    }

    /// Whether packets must be taken apart at all: frame numbers do not need it.
    pub fn needs_layers(&self) -> bool {
        !(self.conversations.is_empty() && self.spans.is_empty() && self.channels.is_empty())
    }

    /// Whether a packet is of a conversation that is asked for.
    pub fn fits(&mut self, layers: &Layers<'_>, capture: u32, frame: u64) -> bool {
        let ends = endpoints(layers);
        let known = self.known.get(&ends).copied();
        let fit = known.unwrap_or_else(|| {
            let fit = self.look(ends);
            if self.known.len() >= MAX_REMEMBERED {
                self.known.clear();
            }
            self.known.insert(ends, fit);
            fit
        });
        match fit {
            Fit::No => false,
            Fit::Yes => true,
            Fit::Within(id) => self.within(id, capture, frame),
        }
    }

    fn within(&mut self, id: CommunityId, capture: u32, frame: u64) -> bool {
        let spans = self.spans.get(&(capture, id)).into_iter().flatten();
        let hit: Vec<usize> =
            spans.filter(|span| (span.first..=span.last).contains(&frame)).map(|span| span.number).collect();
        self.found(&hit);
        !hit.is_empty()
    }

    /// Looks a conversation up that is not remembered.
    fn look(&mut self, ends: Ends) -> Fit {
        let mut spanned = None;
        let mut hit: Vec<usize> = Vec::new();
        for id in ids(ends) {
            hit.extend(self.conversations.get(&id).into_iter().flatten());
            spanned = spanned.or(self.spanned.get(&id).copied());
        }
        let is = |number: &&usize| {
            self.selection.wants.get(**number).is_some_and(|want| is_of_channel(want, ends))
        };
        hit.extend(self.channels.iter().filter(is));
        self.found(&hit);
        match spanned {
            _ if !hit.is_empty() => Fit::Yes,
            Some(id) => Fit::Within(id),
            None => Fit::No,
        }
    }

    fn found(&mut self, numbers: &[usize]) {
        for number in numbers {
            if let Some(hit) = self.hit.get_mut(*number) {
                *hit = true;
            }
        }
    }

    /// Frames of a capture that are asked for by number, as ranges that neither overlap nor touch, in order.
    pub fn ranges(&self, of: u32) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let wanted = self.selection.wants.iter().filter_map(|want| match want {
            Want::Frames { capture, first, last } if *capture == of && first <= last => Some((*first, *last)),
            _ => None,
        });
        let mut wanted: Vec<_> = wanted.collect();
        wanted.sort_unstable();
        for (first, last) in wanted {
            match ranges.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        ranges
    }

    /// What was found of each thing that was asked for, by its number, when the inputs were read. `marks` are those of
    /// each capture.
    pub fn hits(mut self, marks: &[Marks]) -> Vec<bool> {
        for (number, want) in self.selection.wants.iter().enumerate() {
            if let (Want::Frames { capture, first, last }, Some(hit)) = (want, self.hit.get_mut(number)) {
                let marks = marks.get(*capture as usize);
                *hit = marks.is_some_and(|marks| marks.any(*first, *last));
            }
        }
        self.hit
    }
}

/// Whether conversations of a protocol are told apart by more than addresses.
pub fn has_ports(protocol: u8) -> bool {
    PORTED.contains(&protocol) || ICMP.contains(&protocol)
}

/// Whether a packet is between the host and the service of a channel.
fn is_of_channel(want: &Want, (protocol, src, dst): Ends) -> bool {
    let Want::Channel { client, servers, ports } = want else { return false };
    let between = |host: SocketAddr, service: SocketAddr| {
        host.ip() == *client
            && servers.contains(&service.ip())
            && (!PORTED.contains(&protocol) || ports.contains(&service.port()))
    };
    between(src, dst) || between(dst, src)
}

/// The Community IDs that a packet's conversation may have. Messages of ICMP that have no answer are one conversation
/// in both directions, with the ID of the first.
fn ids((protocol, src, dst): Ends) -> impl Iterator<Item = CommunityId> {
    let id = CommunityId::new(0, protocol, src, dst);
    let mirrored = ICMP.contains(&protocol).then(|| {
        let (from, to) = (SocketAddr::new(dst.ip(), src.port()), SocketAddr::new(src.ip(), dst.port()));
        CommunityId::new(0, protocol, from, to)
    });
    std::iter::once(id).chain(mirrored)
}
