//! `--progress`: one line on a terminal that says how far reading has come, written over and over.

use super::{InputArgs, When, inputs};
use crate::pipeline::Progress;
use crate::report::Safe;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Columns that the line takes at most: a narrow terminal has 80, and many break the line after the last one.
const COLUMNS: usize = 79;
/// Columns that are left to the name of the input at least.
const NAME: usize = 8;

/// Does what takes a while, and shows on a terminal how far it has come.
pub fn watched<T>(args: &InputArgs, work: impl FnOnce(&mut dyn FnMut(&Progress<'_>)) -> T) -> T {
    let show = match args.progress {
        When::Always => true,
        When::Never => false,
        When::Auto => std::io::stderr().is_terminal() && !args.quiet,
    };
    let start = Instant::now();
    let mut stderr = std::io::stderr();
    let done = work(&mut |progress: &Progress<'_>| {
        if show {
            let _ = write!(stderr, "\r\u{1b}[K{}", line(progress, start.elapsed()));
        }
    });
    if show {
        let _ = write!(stderr, "\r\u{1b}[K");
    }
    done
}

/// The name of the input, and how much of all inputs is read, how fast and how long it will take where that is known.
fn line(progress: &Progress<'_>, elapsed: Duration) -> String {
    let size = |bytes: u64| bytesize::ByteSize(bytes).display().si();
    let (read, packets) = (progress.read, progress.packets);
    let rate = format!("{:.0} MB/s, {packets} packets", inputs::rate(read, elapsed.as_secs_f64()));
    let told = match progress.total.filter(|total| *total > 0) {
        None => format!("{}, {rate}", size(read)),
        Some(total) => {
            // A file may have grown since.
            let read = read.min(total);
            let share = u128::from(read) * 100 / u128::from(total);
            format!("{share} % of {}, {rate}{}", size(total), left(read, total, elapsed))
        }
    };
    let room = COLUMNS.saturating_sub(told.len() + 2).max(NAME);
    format!("{}: {told}", ending(&Safe(progress.path).to_string(), room))
}

/// What the rest takes if it goes on as it did.
fn left(read: u64, total: u64, elapsed: Duration) -> String {
    if read == 0 {
        return String::new();
    }
    let seconds = (elapsed.as_secs_f64() * (total - read) as f64 / read as f64).ceil() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!(", {hours}:{minutes:02}:{seconds:02} left")
    } else {
        format!(", {minutes}:{seconds:02} left")
    }
}

/// The end of a name in so many columns: paths differ there. What is not ASCII may take two.
fn ending(name: &str, columns: usize) -> String {
    let width = |c: char| if c.is_ascii() { 1 } else { 2 };
    if name.chars().map(width).sum::<usize>() <= columns {
        return name.to_owned();
    }
    let mut room = columns.saturating_sub(3);
    let fits = |c: &char| {
        let left = room.checked_sub(width(*c));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let kept: Vec<char> = name.chars().rev().take_while(fits).collect();
    format!("...{}", kept.into_iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(path: &str, read: u64, total: Option<u64>) -> Progress<'_> {
        Progress { path, packets: 1_000_000, bytes: 0, read, total }
    }

    #[test]
    fn what_is_known_is_said() {
        let of = at("day/a.pcap", 500_000_000, Some(2_000_000_000));
        assert_eq!(line(&of, SECOND * 2), "day/a.pcap: 25 % of 2.0 GB, 250 MB/s, 1000000 packets, 0:06 left");
        assert_eq!(line(&at("-", 500_000_000, None), SECOND), "-: 500.0 MB, 500 MB/s, 1000000 packets");
        let slow = line(&at("a", 1, Some(7201)), SECOND);
        assert!(slow.ends_with(", 2:00:00 left"), "{slow}");
        let grown = line(&at("a", 20, Some(10)), SECOND);
        assert!(grown.contains("100 %") && grown.ends_with(", 0:00 left"), "{grown}");
        assert!(line(&at("a", 0, Some(10)), Duration::ZERO).starts_with("a: 0 % of 10 B, 0 MB/s"));
        assert!(line(&at("a", 5, Some(0)), SECOND).starts_with("a: 5 B"));
    }

    #[test]
    fn it_fits_a_narrow_terminal() {
        let long = format!("{}/the-end.pcap", "folder".repeat(30));
        let wide = "\u{8a18}".repeat(60);
        for path in [&*long, &*wide, "\u{1b}[2J\n\r\u{7}\u{202e}"] {
            for total in [None, Some(1_500_000_000_000)] {
                let line = line(&at(path, 900_000_000_000, total), SECOND * 4000);
                let columns: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                assert!(columns < 80, "{columns}: {line}");
                assert!(!line.contains(['\u{1b}', '\n', '\r']), "{line:?}");
            }
        }
        assert!(line(&at(&long, 1, None), SECOND).contains("-end.pcap: "));
    }
}
