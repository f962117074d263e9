//! The records of a run within its bound on memory.

use super::link::Links;
use crate::anomaly::{Kind, Log};
use crate::detect::Survey;
use crate::record::{Flow, Flows, Sides, State};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Connection attempts without answer that are kept: more than the stubborn clients of a large network make in an
/// hour, far fewer than floods and scans do.
const MAX_SILENT: usize = 1 << 18;

/// Flows of one client and one server that are enough, when memory is short: more of the same hardly change what is
/// found.
const ENOUGH: u32 = 64;

/// What detection needs for a flow beside its record, in bytes: survey, seat in a channel, names, statements. Measured on
/// the dearest captures that could be thought of: requests of as many clients to as many servers by as many names.
const LEDGER: usize = 500;

/// Groups of pairs of client and server that are told apart when it is asked how large the largest is.
const GROUPS: usize = 4096;

/// What a flow takes when it is looked at with all others of its channel, in bytes: that, and so many times its short
/// form. Most take less.
const OPEN: (usize, usize) = (700, 5);

/// Flows that are kept.
#[derive(Debug)]
pub struct Store {
    flows: Flows,
    links: Links,
    /// What detection notes of each, if it will be asked.
    survey: Option<Survey>,
    /// What they may weigh, in bytes.
    most: usize,
    /// What those of each group of pairs weigh when they are looked at, and the largest of these, in bytes.
    groups: Vec<usize>,
    largest: usize,
    /// The same in every run, so that the same flows are kept.
    hasher: FixedState,
    /// Connection attempts without answer so far.
    silent: usize,
    /// Flows kept of each client and server, once memory is short.
    pairs: HashMap<(IpAddr, IpAddr), u32>,
}

impl Store {
    /// An empty store of at most `most` bytes, what detection makes of it included.
    pub fn new(most: usize, survey: bool) -> Self {
        Self {
            flows: Flows::new(),
            links: Links::default(),
            survey: survey.then(Survey::default),
            most,
            groups: vec![0; GROUPS],
            largest: 0,
            hasher: FixedState::default(),
            silent: 0,
            pairs: HashMap::new(),
        }
    }

    /// Keeps a flow if there is room for it, else says that it is missing.
    ///
    /// Room is given by what a flow tells: from half the bound on only to those that carry something, from three
    /// quarters on only to the first ones of a client and a server.
    /// With a survey, the record is kept without what only that looks at.
    pub fn push(&mut self, flow: &mut Flow, log: &mut Log) {
        let empty = flow.payload == Sides::default();
        let attempt = empty && matches!(flow.state, State::Unanswered | State::Refused);
        self.silent += usize::from(attempt);
        let what = if attempt && self.silent > MAX_SILENT {
            Some("connection attempts without answer beyond the bound are not kept")
        } else if self.has_room(flow, empty) {
            None
        } else {
            Some("conversations beyond the bound on memory are not kept")
        };
        if let Some(what) = what {
            log.note(Kind::Limit, flow.capture, Some(flow.frames.first), what);
            return;
        }
        self.links.note(self.flows.len(), flow);
        if let Some(survey) = &mut self.survey {
            survey.take(flow);
        }
        let before = self.flows.weight();
        self.flows.push(flow);
        let open = OPEN.0 + OPEN.1 * (self.flows.weight() - before);
        let group = self.hasher.hash_one((flow.client.addr, flow.server.addr)) as usize % GROUPS;
        if let Some(group) = self.groups.get_mut(group) {
            *group = group.saturating_add(open);
            self.largest = self.largest.max(*group);
        }
    }

    /// What the flows weigh while one channel of them is looked at, in bytes.
    fn used(&self) -> usize {
        let ledger = self.flows.len().saturating_mul(LEDGER);
        self.flows.weight().saturating_add(ledger).saturating_add(self.largest)
    }

    fn has_room(&mut self, flow: &Flow, empty: bool) -> bool {
        let (used, quarter) = (self.used(), self.most / 4);
        if used < 2 * quarter {
            return true;
        }
        if used < 3 * quarter {
            return !empty;
        }
        if used >= self.most || empty {
            return false;
        }
        let count = self.pairs.entry((flow.client.addr, flow.server.addr)).or_insert(0);
        *count += 1;
        *count <= ENOUGH
    }

    /// The flows in order, with what detection noted of them.
    pub fn finish(self) -> (Flows, Option<Survey>) {
        let (mut flows, mut survey) = (self.flows, self.survey);
        self.links.settle(&mut flows, survey.as_mut());
        let order = flows.sort();
        if let (Some(order), Some(survey)) = (order, &mut survey) {
            survey.arrange(&order);
        }
        (flows, survey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Endpoint, testing};

    fn flow(server: u8, sent: u64) -> Flow {
        Flow {
            server: Endpoint { addr: [203, 0, 113, server].into(), port: 443 },
            state: if sent > 0 { State::Closed } else { State::Unanswered },
            payload: Sides { to_server: sent, to_client: 0 },
            ..testing::flow()
        }
    }

    /// What one of these flows takes, and more.
    const ONE: usize = 3_000;

    #[test]
    fn the_bound_holds_and_what_is_missing_is_said() {
        let (mut own, mut log) = (Store::new(400_000, false), Log::new());
        (0..3000).for_each(|n| own.push(&mut flow(n as u8, 5), &mut log));
        assert!((300_000..400_000 + ONE).contains(&own.used()), "{}", own.used());
        let kept = own.finish().0.len();
        let [entry] = &*log.into_entries() else { panic!("one anomaly") };
        assert_eq!((entry.kind, entry.count), (Kind::Limit, 3000 - kept as u64));
    }

    #[test]
    fn room_goes_to_what_tells_something() {
        let (mut own, mut log) = (Store::new(1_000_000, false), Log::new());
        // Attempts fill half of it, one talkative pair a quarter and what is enough; others still find room.
        (0..3000).for_each(|_| own.push(&mut flow(1, 0), &mut log));
        assert!((500_000..500_000 + ONE).contains(&own.used()), "{}", own.used());
        while own.used() < 750_000 {
            own.push(&mut flow(2, 5), &mut log);
        }
        let before = own.flows.len();
        (0..1000).for_each(|_| own.push(&mut flow(2, 5), &mut log));
        assert_eq!(own.flows.len(), before + ENOUGH as usize);
        own.push(&mut flow(3, 5), &mut log);
        assert_eq!(own.flows.iter().last().map(|flow| flow.server.addr), Some([203, 0, 113, 3].into()));
    }

    #[test]
    fn with_a_survey_answers_are_given_up_when_they_were_looked_at() {
        let answers: crate::record::Texts = ["203.0.113.9"].into_iter().collect();
        for survey in [false, true] {
            let dns = crate::record::Dns { answers: answers.clone(), ..Default::default() };
            let (mut own, mut log) = (Store::new(usize::MAX, survey), Log::new());
            own.push(&mut Flow { dns: vec![dns], ..flow(1, 5) }, &mut log);
            assert_eq!(own.finish().0[0].dns[0].answers.is_empty(), survey);
        }
    }

    #[test]
    fn a_channel_that_is_looked_at_needs_room() {
        let kept = |server: fn(usize) -> u8| {
            let (mut own, mut log) = (Store::new(1_000_000, false), Log::new());
            (0..9000).for_each(|n| own.push(&mut flow(server(n), 5), &mut log));
            own.flows.len()
        };
        // Conversations with one server are looked at together.
        assert!(kept(|n| n as u8) > kept(|_| 1) * 2, "{} {}", kept(|n| n as u8), kept(|_| 1));
    }
}
