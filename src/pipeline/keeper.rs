//! What becomes of conversations that ended: a record of each, kept within the bound on memory, and what it told of
//! hosts.
//!
//! The work is done in line, or in a thread of its own while packets go on: in the same order, so that what is kept is
//! the same.

use super::convert;
use super::hosts::Hosts;
use super::store::Store;
use crate::anomaly;
use crate::flow::Conversation;
use crate::record::{Facts, Flow, Host};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Conversations that have ended.
pub type Ended = Vec<Conversation<Facts>>;

/// Conversations that are handed to the thread at once: enough that handing over costs nothing beside them, and few
/// enough to stay in the cache of a processor.
const AT_ONCE: usize = 64;
/// Portions between the two threads.
const QUEUE: usize = 4;

/// Keeps records.
#[derive(Debug)]
pub struct Keeper {
    pub store: Store,
    pub hosts: Hosts,
    /// What was not kept.
    pub log: anomaly::Log,
}

impl Keeper {
    /// Turns what has ended into records.
    fn keep(&mut self, ended: &mut Ended) {
        for conversation in ended.iter_mut() {
            let (mut flow, hints) = convert::flow(conversation);
            self.hosts.flow(&flow);
            for hint in hints {
                self.hosts.hint(hint);
            }
            self.flow(&mut flow);
        }
        ended.clear();
    }

    /// Takes the record of a conversation.
    pub fn flow(&mut self, flow: &mut Flow) {
        self.store.push(flow, &mut self.log);
    }

    /// Takes a host that an earlier run described.
    pub fn host(&mut self, host: Host) {
        self.hosts.known(host);
    }
}

/// Where records are kept.
#[derive(Debug)]
pub struct Desk {
    /// None while it works beside.
    keeper: Option<Box<Keeper>>,
    beside: Option<Beside>,
    /// It may work beside.
    threaded: bool,
    /// How long it was busy there.
    took: Duration,
}

/// A keeper in a thread of its own.
#[derive(Debug)]
struct Beside {
    full: Sender<Ended>,
    empty: Receiver<Ended>,
    worker: JoinHandle<Option<(Box<Keeper>, Duration)>>,
}

impl Desk {
    /// A desk at which records are put into `store`; in a thread of its own, if that is allowed, once there is much to
    /// do.
    pub fn new(store: Store, threaded: bool) -> Self {
        let keeper = Keeper { store, hosts: Hosts::default(), log: anomaly::Log::new() };
        Self { keeper: Some(Box::new(keeper)), beside: None, threaded, took: Duration::ZERO }
    }

    /// Takes conversations that ended, or leaves them until they are worth handing over.
    pub fn keep(&mut self, ended: &mut Ended) {
        if ended.len() < AT_ONCE {
            return;
        }
        if self.threaded && self.beside.is_none() {
            self.go_beside();
        }
        let Some(beside) = &self.beside else {
            self.here(ended);
            return;
        };
        let next = beside.empty.try_recv().unwrap_or_default();
        if let Err(refused) = beside.full.send(std::mem::replace(ended, next)) {
            // It has panicked: fetching it says so.
            *ended = refused.0;
            self.here(ended);
        }
    }

    /// The keeper, when it has taken all that ended so far.
    ///
    /// # Panics
    /// Where it panicked beside.
    pub fn here(&mut self, ended: &mut Ended) -> &mut Keeper {
        if let Some(Beside { full, empty, worker }) = self.beside.take() {
            drop((full, empty));
            let back = worker.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
            if let Some((keeper, took)) = back {
                self.keeper = Some(keeper);
                self.took += took;
            }
        }
        let keeper = self.keeper.as_mut().expect("a keeper comes back");
        keeper.keep(ended);
        keeper
    }

    /// The keeper, when all is done, and how long it was busy in a thread of its own.
    pub fn finish(mut self, ended: &mut Ended) -> (Keeper, Duration) {
        self.here(ended);
        (*self.keeper.expect("a keeper comes back"), self.took)
    }

    /// Sends the keeper to work beside; it stays where no thread can be had.
    fn go_beside(&mut self) {
        let (give, given) = bounded::<Box<Keeper>>(1);
        let (full, portions) = bounded::<Ended>(QUEUE);
        let (used, empty) = bounded::<Ended>(QUEUE);
        let work = move || {
            let mut keeper = given.recv().ok()?;
            let mut took = Duration::ZERO;
            for mut portion in portions {
                let start = Instant::now();
                keeper.keep(&mut portion);
                took += start.elapsed();
                // With room for as many again; nobody needs it in the end.
                let _ = used.try_send(portion);
            }
            Some((keeper, took))
        };
        let Ok(worker) = std::thread::Builder::new().name("keeper".to_owned()).spawn(work) else {
            self.threaded = false;
            return;
        };
        if let Some(keeper) = self.keeper.take() {
            let _ = give.send(keeper);
        }
        self.beside = Some(Beside { full, empty, worker });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Encapsulation;
    use crate::flow::{Carrier, ClientBy, FlowKey, FrameSpan, State};
    use crate::record::Hint;
    use crate::time::{Duration, Timestamp};

    fn conversation(number: u32) -> Conversation<Facts> {
        let [.., low] = number.to_be_bytes();
        let (client, server) = ([192, 0, 2, low], [203, 0, 113, low % 7]);
        let start = Timestamp(0) + Duration::from_millis(i64::from(number / 3));
        let name = |value: String| Hint {
            addr: client.into(),
            kind: "name".into(),
            value: value.into(),
            source: "dns".into(),
            time: start,
            frame: number.into(),
        };
        Conversation {
            key: FlowKey {
                carrier: Carrier::Udp,
                client: (client, number as u16).into(),
                server: (server, 53).into(),
            },
            client_by: ClientBy::Port,
            client_mac: Some([2, 0, 0, 0, 0, low]),
            server_mac: None,
            encapsulation: Encapsulation::default(),
            captures: [(0, FrameSpan { first: number.into(), last: number.into(), count: 1 })].into(),
            start,
            end: start,
            state: State::Datagrams,
            packets: [1, 0],
            bytes: [90, 0],
            payload: [40, 0],
            gaps: [0; 2],
            turns: Vec::new(),
            turns_rest: None,
            first_bytes: Default::default(),
            conflicts: 0,
            facts: Some(Facts { hints: vec![name(format!("host-{number}.example"))], ..Facts::default() }),
        }
    }

    /// What is kept of so many conversations that end a few at a time, and how long a thread was busy with it.
    fn kept(threaded: bool, most: usize, fetch: bool) -> (String, std::time::Duration) {
        let mut desk = Desk::new(Store::new(most, true), threaded);
        let mut ended = Ended::new();
        for number in 0..2000 {
            ended.push(conversation(number));
            desk.keep(&mut ended);
            assert!(ended.len() < AT_ONCE);
            if fetch && number % 500 == 0 {
                desk.here(&mut ended);
                assert!(ended.is_empty());
            }
        }
        let (keeper, took) = desk.finish(&mut ended);
        let (flows, survey) = keeper.store.finish();
        assert_eq!(survey.map(|survey| survey.len()), Some(flows.len()));
        let (hosts, log) = (keeper.hosts.finish(), keeper.log.into_entries());
        (format!("{flows:?}{hosts:?}{log:?}"), took)
    }

    #[test]
    fn a_thread_keeps_the_same() {
        for most in [usize::MAX, 300_000] {
            let (here, took) = kept(false, most, false);
            assert!(took.is_zero());
            assert_eq!(here.contains("beyond the bound"), most < usize::MAX);
            for fetch in [false, true] {
                let (beside, took) = kept(true, most, fetch);
                assert!(!took.is_zero());
                assert!(beside == here, "{beside}");
            }
        }
    }

    #[test]
    fn few_conversations_need_no_thread() {
        let mut desk = Desk::new(Store::new(usize::MAX, true), true);
        let mut ended: Ended = (0..AT_ONCE as u32 - 1).map(conversation).collect();
        desk.keep(&mut ended);
        let (keeper, took) = desk.finish(&mut ended);
        assert_eq!((keeper.store.finish().0.len(), took.is_zero()), (AT_ONCE - 1, true));
    }

    #[test]
    #[should_panic(expected = "the keeper fell ill")]
    fn a_panic_beside_is_no_silence() {
        let mut desk = Desk::new(Store::new(usize::MAX, true), true);
        let mut ended: Ended = (0..AT_ONCE as u32).map(conversation).collect();
        desk.keep(&mut ended);
        if let Some(beside) = &mut desk.beside {
            beside.worker = std::thread::spawn(|| panic!("the keeper fell ill"));
        }
        desk.here(&mut ended);
    }
}
