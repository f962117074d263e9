//! The bounds of the table.

use crate::time::Duration;

/// How long conversations are kept and how much they may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Silence after which a TCP connection that was not closed is taken for ended, by the capture clock.
    pub idle_tcp: Duration,
    /// The same for everything else, and for a TCP connection that one side has closed.
    pub idle_other: Duration,
    /// Most conversations followed at once. From half of them on conversations are ended when they will hardly be missed
    /// (five seconds after an answer or their end, ten after a SYN without answer, five minutes of other silence);
    /// beyond it those are ended that come next.
    pub max_flows: usize,
    /// Most bytes of out-of-order data over all conversations, bookkeeping included.
    pub max_buffered: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // Beacons inside one connection beat every ten minutes; one missed beat and more must not part them.
            idle_tcp: Duration::from_secs(3600),
            // Firewalls forget UDP after 30 to 180 s; the generous end, so that retries stay together.
            idle_other: Duration::from_secs(180),
            // With its dissector a conversation is some 2 kB: 250 MB at the very worst, 35 MB for a flood of SYNs.
            max_flows: 1 << 17,
            // A lost segment at 100 Mbit/s and 100 ms holds up 1.2 MB: enough for two dozen such at once.
            max_buffered: 32 << 20,
        }
    }
}
