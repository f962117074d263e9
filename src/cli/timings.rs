//! `--timings`: where the time of a run went. It is said on standard error; no report has a clock in it.

use super::{Failure, InputArgs, Status, inputs, say};
use crate::pipeline::{Extracted, Spent};
use std::time::{Duration, Instant};

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Rules, lists and databases.
    Rules,
    /// Inputs are found and opened.
    Opening,
    /// Packets are waited for.
    Reading,
    /// Packets become conversations.
    Packets,
    /// What is left is ended, records are put in order.
    Ending,
    /// Records are folded into hosts and channels.
    Folding,
    /// Channels are judged.
    Judging,
    /// Reports and files are written.
    Writing,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Rules,
        Self::Opening,
        Self::Reading,
        Self::Packets,
        Self::Ending,
        Self::Folding,
        Self::Judging,
        Self::Writing,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Opening => "opening",
            Self::Reading => "reading",
            Self::Packets => "packets",
            Self::Ending => "ending",
            Self::Folding => "folding",
            Self::Judging => "judging",
            Self::Writing => "writing",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Rules => "rules, lists and databases read and compiled",
            Self::Opening => "inputs found, put in order and opened",
            Self::Reading => "waited for bytes of the inputs",
            Self::Packets => "decoded, put together, taken apart",
            Self::Ending => "conversations ended, records put in order",
            Self::Folding => "records to hosts and channels",
            Self::Judging => "channels to findings",
            Self::Writing => "results written",
        }
    }
}

/// Where the time of a run went, stage by stage; one thread's time after another's, so that the sum is the whole.
#[derive(Debug)]
pub struct Timings {
    start: Instant,
    spans: [Duration; Stage::ALL.len()],
    /// What threads beside did while packets were waited for, and while they were taken apart.
    beside: [Duration; 2],
    packets: u64,
    bytes: u64,
}

impl Timings {
    /// Does the work of a command, and then says where the time went, to those who asked.
    pub fn of(
        args: &InputArgs,
        work: impl FnOnce(&mut Self) -> Result<Status, Failure>,
    ) -> Result<Status, Failure> {
        let mut timings = Self::start();
        let status = work(&mut timings)?;
        if args.timings {
            let lines = timings.lines(timings.start.elapsed(), peak()).join("\n");
            say(format_args!("where the time went\n{lines}"));
        }
        Ok(status)
    }

    /// Begins a run.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            spans: Default::default(),
            beside: [Duration::ZERO; 2],
            packets: 0,
            bytes: 0,
        }
    }

    /// Does a part of the work.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.add(stage, start.elapsed());
        done
    }

    /// Takes in what extraction says of itself.
    pub fn extracted(&mut self, extracted: &Extracted) {
        let Spent { opening, reading, packets, ending, beside, keeping } = extracted.spent;
        self.add(Stage::Opening, opening);
        self.add(Stage::Reading, reading);
        self.add(Stage::Packets, packets);
        self.add(Stage::Ending, ending);
        self.beside = [self.beside[0] + beside, self.beside[1] + keeping];
        self.packets += extracted.records.summary.packets;
        self.bytes += extracted.records.captures.iter().map(|capture| capture.bytes).sum::<u64>();
    }

    fn add(&mut self, stage: Stage, span: Duration) {
        if let Some(sum) = self.spans.get_mut(stage as usize) {
            *sum += span;
        }
    }

    fn lines(&self, whole: Duration, peak: Option<u64>) -> Vec<String> {
        let line = |name: &str, span: Duration, about: &str| {
            let seconds = span.as_secs_f64();
            let share = if whole.is_zero() { 0.0 } else { 100.0 * seconds / whole.as_secs_f64() };
            format!("{name:<8} {seconds:>9.3} s {share:>5.1} %  {about}")
        };
        let mut lines = Vec::with_capacity(Stage::ALL.len() + 4);
        for (stage, span) in Stage::ALL.into_iter().zip(self.spans) {
            lines.push(line(stage.name(), span, stage.about()));
            let (span, about) = match stage {
                Stage::Reading => (self.beside[0], "a thread read, hashed and unpacked meanwhile"),
                Stage::Packets => (self.beside[1], "a thread made and kept records meanwhile"),
                _ => continue,
            };
            if !span.is_zero() {
                lines.push(line("(beside)", span, about));
            }
        }
        let rest = whole.saturating_sub(self.spans.iter().sum());
        lines.push(line("rest", rest, "all else"));
        let rate = |count: f64| if whole.is_zero() { 0.0 } else { count / whole.as_secs_f64() };
        let packets = rate(self.packets as f64);
        let about =
            format!("{packets:.0} packets/s, {:.0} MB/s", inputs::rate(self.bytes, whole.as_secs_f64()));
        let memory = peak.map(|bytes| format!(", {} MB of memory at most", bytes / 1_000_000));
        lines.push(line("whole", whole, &(about + &memory.unwrap_or_default())));
        lines
    }
}

/// Most memory the process had, in bytes, where the system says so (Linux: `VmHWM`, proc(5)).
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_the_whole() {
        let mut timings = Timings::start();
        timings.add(Stage::Rules, Duration::from_millis(250));
        timings.add(Stage::Writing, Duration::from_millis(500));
        timings.add(Stage::Writing, Duration::from_secs(1));
        timings.beside = [1500, 500].map(Duration::from_millis);
        (timings.packets, timings.bytes) = (4000, 8_000_000);
        let lines = timings.lines(Duration::from_secs(2), Some(3_000_000));
        let begins = |start: &str| lines.iter().any(|line| line.starts_with(start));
        assert!(begins("rules        0.250 s  12.5 %"), "{lines:#?}");
        assert!(begins("writing      1.500 s  75.0 %"), "{lines:#?}");
        assert!(begins("(beside)     1.500 s  75.0 %"), "{lines:#?}");
        assert!(begins("(beside)     0.500 s  25.0 %"), "{lines:#?}");
        assert!(begins("rest         0.250 s  12.5 %"), "{lines:#?}");
        assert!(
            begins("whole        2.000 s 100.0 %  2000 packets/s, 4 MB/s, 3 MB of memory at most"),
            "{lines:#?}"
        );
        assert!(lines.iter().all(|line| line.len() < 80), "{lines:#?}");
        assert_eq!(Timings::start().lines(Duration::ZERO, None).len(), Stage::ALL.len() + 2);
    }
}
