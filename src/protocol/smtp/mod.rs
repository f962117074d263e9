//! SMTP and LMTP: who mails what to whom through which account (RFC 5321, 2033, 2920, 3030, 3207, 4954).
//!
//! Recognised: a server that greets with 220 and is a mail server by its words, by the client's first command or,
//! where neither tells, by its port; a client that says EHLO, HELO, LHLO or MAIL FROM. The dialogue is followed by
//! the client's commands, the replies confirm or correct: one side alone gives most of the facts. Passwords pass
//! through as lines that are dropped where they are read.

pub(super) mod login;
mod message;
mod parser;
mod recognise;
mod replies;
mod words;

pub use recognise::recognise;

use super::line::{Line, Lines};
use super::{Next, Protocol, Shared, Start};
use crate::anomaly::Kind;
use crate::flow::{Appetite, At, Side};
use crate::record::{self, Facts, Hint, Mail};
use login::Login;
use message::Message;
use parser::{Command, Unstuff};
use std::collections::VecDeque;

/// Longest line of a client that is kept, in bytes: that of an authentication exchange (RFC 4954 section 4).
const MAX_LINE: usize = 12_288;
/// Longest line of a server that is kept, in bytes: twice that of RFC 5321 section 4.5.3.1.5.
const MAX_REPLY: usize = 1024;
/// Most mails that are kept of one connection.
const MAX_MAILS: usize = 256;
/// Most recipients that are kept of one mail: RFC 5321 section 4.5.3.1.8 asks servers for 100.
const MAX_RECIPIENTS: usize = 100;
/// Most commands whose reply is awaited: pipelining sends some hundred at once, for one mail.
const MAX_AWAITED: usize = 512;
/// First byte of a TLS handshake record; no command and no reply begins with it.
const TLS_HANDSHAKE: u8 = 22;
/// What is handed over after.
const STARTTLS: &str = "starttls-smtp";

/// One mail dialogue.
#[derive(Debug)]
pub struct Smtp {
    facts: record::Smtp,
    hints: Vec<Hint>,
    client: std::net::IpAddr,
    lines: [Lines; 2],
    phase: Phase,
    awaited: VecDeque<Await>,
    /// The authentication that is going on, to its final reply.
    login: Option<Box<Login>>,
    /// Sender and recipients of the next mail.
    envelope: Envelope,
    /// The mail whose data is being sent.
    open: Option<Box<Message>>,
    /// The greeting was read, or missed.
    greeted: bool,
    /// Text of the greeting so far.
    banner: String,
    /// STARTTLS was asked and not refused.
    tls_asked: bool,
    lmtp: bool,
}

/// What the client's next bytes are.
#[derive(Debug)]
enum Phase {
    /// Commands.
    Commands,
    /// Answers to the server's prompts.
    Answers,
    /// A mail, to its end mark.
    Data(Unstuff),
    /// A mail whose end mark may have been missed: lines, of which one may be a command again. Whether the lines
    /// end in LF alone.
    Doubt { bare: bool },
    /// A chunk of a mail, of which so many bytes are left.
    Chunk { left: u64, last: bool },
}

/// What a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Await {
    Auth,
    Rcpt,
    Data,
    /// The end of the data of this mail, where it was kept.
    End(Option<usize>),
    StartTls,
    Other,
}

#[derive(Debug, Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
    /// Recipients the server accepted.
    accepted: usize,
}

impl Smtp {
    /// Begins a dialogue.
    pub fn new(start: &Start) -> Self {
        Self {
            facts: record::Smtp::default(),
            hints: Vec::new(),
            client: start.opening.client.ip(),
            lines: [Lines::new(MAX_LINE), Lines::new(MAX_REPLY)],
            phase: Phase::Commands,
            awaited: VecDeque::new(),
            login: None,
            envelope: Envelope::default(),
            open: None,
            greeted: false,
            banner: String::new(),
            tls_asked: false,
            lmtp: false,
        }
    }

    /// Goes through bytes of the client; where TLS begins in them, the offset.
    fn asks(&mut self, bytes: &[u8], at: At, shared: &mut Shared) -> Option<usize> {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            match &mut self.phase {
                Phase::Chunk { left, last } => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    let (own, after) = rest.split_at(length);
                    rest = after;
                    *left -= length as u64;
                    let ended = (*left == 0).then_some(*last);
                    self.feed(own, at, shared);
                    if let Some(last) = ended {
                        self.end_chunk(last, shared, at);
                    }
                }
                Phase::Data(unstuff) => {
                    let Some(open) = &mut self.open else {
                        self.phase = Phase::Commands;
                        continue;
                    };
                    let mut full = false;
                    let ended = unstuff.feed(&mut rest, |own| full |= open.feed(own));
                    seen(open.facts(), at);
                    if full {
                        note(shared, at, "a mail header of more than 64 KiB");
                    }
                    if ended {
                        self.end_data(shared, at);
                    }
                }
                Phase::Commands | Phase::Answers | Phase::Doubt { .. } => {
                    let fresh = self.lines[0].is_empty();
                    if fresh && self.tls_asked && *first == TLS_HANDSHAKE {
                        return Some(bytes.len() - rest.len());
                    }
                    let line = self.lines[0].take(&mut rest)?;
                    self.line(&line, at, shared);
                }
            }
        }
        None
    }

    fn line(&mut self, line: &Line<'_>, at: At, shared: &mut Shared) {
        match self.phase {
            Phase::Doubt { bare } => self.doubtful(line, bare, at, shared),
            Phase::Answers if !parser::surely_command(&line.bytes) || !line.bytes.contains(&b' ') => {
                self.answer(&line.bytes);
            }
            _ => self.command(line, at, shared),
        }
    }

    /// A line of a mail, or a command after it.
    fn doubtful(&mut self, line: &Line<'_>, bare: bool, at: At, shared: &mut Shared) {
        let loose = bare || self.answered().is_some();
        if line.bytes.as_ref() == b"." && (loose || !line.bare) {
            self.end_data(shared, at);
        } else if parser::surely_command(&line.bytes) {
            self.finish_mail(shared, at);
            self.phase = Phase::Commands;
            self.command(line, at, shared);
        } else if let Some(open) = &mut self.open {
            let own = line.bytes.strip_prefix(b".").unwrap_or(&line.bytes);
            open.feed(own);
            open.passed(line.dropped);
            open.feed(if line.bare { b"\n" } else { b"\r\n" });
            seen(open.facts(), at);
        }
    }

    /// A line of the client in an authentication exchange: never kept but for the account name in it.
    fn answer(&mut self, line: &[u8]) {
        let Some(login) = &mut self.login else {
            self.phase = Phase::Commands;
            return;
        };
        if let Some(user) = login.answer(line) {
            self.facts.user = Some(user);
        }
        if login.complete() || line == b"*" {
            self.phase = Phase::Commands;
        }
    }

    fn command(&mut self, line: &Line<'_>, at: At, shared: &mut Shared) {
        self.phase = Phase::Commands;
        let Some(command) = parser::command(&line.bytes) else {
            // An empty line may be the answer to a refused token; it gets no reply of its own.
            if !line.bytes.trim_ascii().is_empty() {
                self.expect(Await::Other);
            }
            return;
        };
        let awaited = match command {
            Command::Hello { lmtp, name } => {
                self.finish_mail(shared, at);
                self.envelope = Envelope::default();
                self.lmtp = lmtp;
                self.hello(name, at);
                Await::Other
            }
            Command::Auth { mechanism, initial } => {
                self.authenticate(mechanism, initial);
                Await::Auth
            }
            Command::Mail(address) => {
                self.finish_mail(shared, at);
                self.envelope = Envelope { from: Some(address), ..Envelope::default() };
                Await::Other
            }
            Command::Rcpt(address) => {
                if self.envelope.to.len() < MAX_RECIPIENTS {
                    self.envelope.to.push(address);
                } else {
                    note(shared, at, "a mail with more recipients than are kept");
                }
                Await::Rcpt
            }
            Command::Data => {
                self.finish_mail(shared, at);
                self.begin_mail(at);
                self.phase = Phase::Data(Unstuff::new(line.bare));
                Await::Data
            }
            Command::Bdat { bytes, last } => {
                if self.open.is_none() {
                    self.begin_mail(at);
                }
                self.phase = Phase::Chunk { left: bytes, last };
                if bytes == 0 {
                    self.end_chunk(last, shared, at);
                }
                if last {
                    return;
                }
                Await::Other
            }
            Command::Rset => {
                self.finish_mail(shared, at);
                self.envelope = Envelope::default();
                Await::Other
            }
            Command::StartTls => {
                self.tls_asked = true;
                Await::StartTls
            }
            Command::Other => Await::Other,
        };
        self.expect(awaited);
    }

    fn hello(&mut self, name: String, at: At) {
        if name.is_empty() || self.facts.ehlo.is_some() {
            return;
        }
        if parser::bare_host(&name) {
            self.hints.push(Hint {
                addr: self.client,
                kind: "name".into(),
                value: name.as_str().into(),
                source: "smtp-ehlo".into(),
                time: at.time,
                frame: at.frame,
            });
        }
        self.facts.ehlo = Some(name);
    }

    fn authenticate(&mut self, mechanism: String, initial: Option<&[u8]>) {
        self.facts.auth = Some(mechanism.clone()).filter(|name| !name.is_empty());
        let mut login = Box::new(Login::new(mechanism));
        // A lone "=" is an empty initial response (RFC 4954 section 4).
        if let Some(user) = initial.and_then(|answer| login.initial(answer)) {
            self.facts.user = Some(user);
        }
        self.phase = if login.complete() { Phase::Commands } else { Phase::Answers };
        self.login = Some(login);
    }

    fn expect(&mut self, awaited: Await) {
        if self.awaited.len() < MAX_AWAITED {
            self.awaited.push_back(awaited);
        }
    }

    fn begin_mail(&mut self, at: At) {
        self.open = Some(Box::new(Message::new(Mail {
            from: self.envelope.from.clone(),
            to: self.envelope.to.clone(),
            time: at.time,
            frames: (at.frame, at.frame),
            ..Mail::default()
        })));
    }

    fn feed(&mut self, bytes: &[u8], at: At, shared: &mut Shared) {
        let Some(open) = &mut self.open else { return };
        if open.feed(bytes) {
            note(shared, at, "a mail header of more than 64 KiB");
        }
        seen(open.facts(), at);
    }

    fn end_chunk(&mut self, last: bool, shared: &mut Shared, at: At) {
        self.phase = Phase::Commands;
        if last {
            self.end_data(shared, at);
        }
    }

    /// The end mark was met: the reply to it is awaited, in LMTP one for each accepted recipient.
    fn end_data(&mut self, shared: &mut Shared, at: At) {
        self.phase = Phase::Commands;
        let answered = self.answered().is_some();
        let replies = if self.lmtp { self.envelope.accepted.clamp(1, MAX_RECIPIENTS) } else { 1 };
        if let Some(open) = &mut self.open {
            seen(open.facts(), at);
        }
        let kept = self.finish_mail(shared, at);
        if !answered {
            for _ in 0..replies {
                self.expect(Await::End(kept));
            }
        }
    }

    /// The reply to the open mail, where it came before its end mark was seen.
    fn answered(&mut self) -> Option<u16> {
        self.open.as_mut().and_then(|open| open.facts().reply)
    }

    /// Puts the open mail among the facts; its index there.
    fn finish_mail(&mut self, shared: &mut Shared, at: At) -> Option<usize> {
        let open = self.open.take()?;
        self.envelope = Envelope::default();
        if self.facts.mails.len() >= MAX_MAILS {
            note(shared, at, "more mails in one connection than are kept");
            return None;
        }
        self.facts.mails.push(open.finish());
        Some(self.facts.mails.len() - 1)
    }

    fn client_gap(&mut self, length: u64, at: At, shared: &mut Shared) {
        let begun = self.lines[0].unfinished();
        if let Some(login) = &mut self.login {
            login.gap();
        }
        match &mut self.phase {
            Phase::Commands | Phase::Answers => self.awaited.clear(),
            Phase::Data(unstuff) => {
                let bare = unstuff.bare();
                self.phase = Phase::Doubt { bare };
                self.lose(length, at);
            }
            Phase::Doubt { .. } => {
                self.feed(&begun, at, shared);
                self.lose(length, at);
            }
            Phase::Chunk { left, last } => {
                let own = length.min(*left);
                *left -= own;
                let ended = (*left == 0).then_some(*last);
                self.lose(own, at);
                if length > own {
                    self.awaited.clear();
                }
                if let Some(last) = ended {
                    self.end_chunk(last, shared, at);
                }
            }
        }
    }

    fn lose(&mut self, length: u64, at: At) {
        if let Some(open) = &mut self.open {
            open.missing(length);
            seen(open.facts(), at);
        }
    }
}

/// Marks a frame as holding bytes of the mail.
fn seen(mail: &mut Mail, at: At) {
    mail.frames.1 = mail.frames.1.max(at.frame);
}

fn note(shared: &mut Shared, at: At, what: &str) {
    shared.log.note(Kind::Limit, at.capture, Some(at.frame), what);
}

impl Protocol for Smtp {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next {
        let over = match side {
            Side::Client => self.asks(bytes, at, shared),
            Side::Server => self.answers(bytes),
        };
        over.map_or(Next::Want(Appetite::All), |from| {
            self.facts.starttls = true;
            Next::HandOver { from, after: STARTTLS }
        })
    }

    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared) {
        match side {
            Side::Client => self.client_gap(length, at, shared),
            Side::Server => {
                self.lines[1].clear();
                self.awaited.clear();
                if let Some(login) = &mut self.login {
                    login.gap();
                }
            }
        }
    }

    fn end(mut self: Box<Self>, facts: &mut Facts, _: &mut Shared) {
        if matches!(self.phase, Phase::Doubt { .. }) {
            let rest = self.lines[0].unfinished();
            if let Some(open) = &mut self.open {
                open.feed(&rest);
            }
        }
        // A refused or never begun mail is none.
        if self.open.as_ref().is_some_and(|open| open.is_empty()) {
            self.open = None;
        }
        if let Some(open) = self.open.take()
            && self.facts.mails.len() < MAX_MAILS
        {
            self.facts.mails.push(open.finish());
        }
        facts.smtp = Some(Box::new(self.facts));
        facts.hints.append(&mut self.hints);
    }
}

#[cfg(test)]
mod tests;
