//! Runs of base64 inside other text that begin like a known type: an archive in an XML element, a data URL.

use super::entity::Context;
use super::wrapped::{Findings, Wrapped};

/// Characters of a run that are held until its beginning is judged.
const START: usize = 24;

/// Runs that are decoded in one body; more would be a mail archive, and the first ones tell enough.
const RUNS_MAX: u32 = 64;

/// Base64 of the first bytes of known types and of listings. Three bytes are four characters; the last one of a
/// prefix depends on what follows, so it is left out where it may vary.
const BEGINNINGS: &[&[u8]] = &[
    b"UEsDB",    // PK 03 04
    b"UmFyIRoH", // Rar! 1a 07
    b"N3q8ryc",  // 7z bc af 27 1c
    b"H4sI",     // 1f 8b 08
    b"TVqQ",     // MZ 90
    b"TVpQ",     // MZP
    b"iVBORw0K", // PNG
    b"/9j/",     // JPEG
    b"Qk0",      // BM
    b"U1FMaXRl", // SQLite
    b"JVBERi0",  // %PDF-
    b"0M8R4KGx", // OLE
    b"VVJMO",    // URL:
    b"SG9zdD",   // Host:
    b"U29mdD",   // Soft:
];

/// Looks for such runs.
#[derive(Debug)]
pub(super) struct Runs {
    context: Context,
    /// The first characters of a run, so many of them.
    start: [u8; START],
    held: usize,
    state: State,
    found: u32,
    findings: Findings,
}

#[derive(Debug)]
enum State {
    /// Before or in the first characters of a run.
    Start,
    /// In a run that begins like nothing known.
    Pass,
    Decode(Box<Wrapped>),
}

/// Whether each byte stands in a run.
const IN_RUN: [bool; 256] = {
    let mut table = [false; 256];
    let mut n = 0;
    while n < 256 {
        let byte = n as u8;
        table[n] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        n += 1;
    }
    table
};

fn in_run(byte: u8) -> bool {
    IN_RUN[usize::from(byte)]
}

/// Leaves out bytes before the first run that may be long enough to be judged.
fn to_run(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    // A run that begins in these bytes and is long enough has the last of them.
    while let Some((window, after)) = rest.split_at_checked(START) {
        match window.iter().rposition(|byte| !in_run(*byte)) {
            None => break,
            Some(last) if last == START - 1 => rest = after,
            Some(before) => {
                rest = &rest[before + 1..];
                break;
            }
        }
    }
    rest
}

impl Runs {
    pub(super) fn new(context: Context) -> Self {
        let (start, held, state) = ([0; START], 0, State::Start);
        Self { context, start, held, state, found: 0, findings: Findings::default() }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if matches!(self.state, State::Start) && self.held == 0 {
                rest = to_run(rest);
            }
            // What begins a run decides whether a line break ends it.
            let room = if matches!(self.state, State::Start) { START - self.held } else { usize::MAX };
            let near = &rest[..rest.len().min(room)];
            let length = match self.state {
                // Line breaks belong to a run that is being decoded.
                State::Decode(_) => {
                    near.iter().position(|b| !in_run(*b) && !matches!(b, b'\r' | b'\n' | b'='))
                }
                State::Start | State::Pass => near.iter().position(|b| !in_run(*b)),
            };
            let (run, after) = rest.split_at(length.unwrap_or(near.len()));
            rest = self.take(run, after, length.is_some());
        }
    }

    /// Takes the characters of a run, and its end if that is next. Gives back what is left.
    fn take<'a>(&mut self, run: &[u8], after: &'a [u8], ends: bool) -> &'a [u8] {
        match &mut self.state {
            State::Decode(wrapped) => wrapped.feed(run),
            State::Pass => {}
            State::Start => self.begin(run),
        }
        if !ends {
            return after;
        }
        self.end();
        after.get(1..).unwrap_or_default()
    }

    /// Takes characters of which a run begins, no more than are judged.
    fn begin(&mut self, run: &[u8]) {
        for (place, byte) in self.start.iter_mut().skip(self.held).zip(run) {
            *place = *byte;
        }
        self.held += run.len();
        if self.held < START {
            return;
        }
        let known = BEGINNINGS.iter().any(|beginning| self.start.starts_with(beginning));
        self.state = State::Pass;
        if known
            && self.found < RUNS_MAX
            && let Some(mut wrapped) = Wrapped::base64(self.context)
        {
            self.found += 1;
            wrapped.feed(&self.start);
            self.state = State::Decode(Box::new(wrapped));
        }
        self.held = 0;
    }

    /// The run is over.
    pub(super) fn end(&mut self) {
        self.held = 0;
        if let State::Decode(wrapped) = std::mem::replace(&mut self.state, State::Start) {
            self.findings.take(*wrapped, None);
        }
    }

    pub(super) fn finish(mut self) -> Findings {
        self.end();
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::super::scanner::{Declared, Scanner};
    use super::super::zip::tests::{How, archive};
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn what_cannot_be_a_long_run_is_left_out() {
        let run = [b'a'; START];
        for before in 0..100 {
            // Words that are too short, of every length.
            let front: Vec<u8> =
                (0..before).map(|n| if n % (before % 7 + 1) == 0 { b'.' } else { b'b' }).collect();
            let text = [&front, &b"."[..], &run, b". and so on"].concat();
            let left = to_run(&text);
            let at = text.len() - left.len();
            assert!(at <= before + 1, "the run at {} is left out: {at}", before + 1);
        }
        assert_eq!(to_run(&[b'.'; 3 * START + 5]).len(), 5);
        assert_eq!(to_run(&run).len(), START);
        assert_eq!(to_run(b".aa").len(), 3);
    }

    #[test]
    fn line_breaks_belong_to_a_run_wherever_slices_end() {
        let zip = archive(&[("Passwords.txt", b"nothing"), ("Cookies/Browser.txt", b"none")], How::Plain);
        let coded = STANDARD.encode(&zip);
        let lines: Vec<&str> =
            coded.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        let text = format!("<a>name</a>\r\n<b>{}</b> and more", lines.join("\r\n"));
        let names = |size: usize| -> Vec<String> {
            let mut scanner = Scanner::new(&Declared { upload: true, ..Declared::default() });
            text.as_bytes().chunks(size).for_each(|piece| scanner.feed(piece));
            let archive = scanner.finish().archive.expect("an archive");
            archive.members.iter().map(|member| member.name.clone()).collect()
        };
        for size in [1, 23, 24, 25, 70, text.len()] {
            assert_eq!(names(size), ["Passwords.txt", "Cookies/Browser.txt"], "in pieces of {size}");
        }
    }
}
