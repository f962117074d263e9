//! FTP control connections: who logs in, what is stored and fetched, and where its bytes will pass (RFC 959, 2428,
//! 4217).
//!
//! Recognised: a server that greets with 220 and says FTP, is on its port, or is then asked what only an FTP client
//! asks; a client that says PASV, STOR and the like. Each data connection is announced in [`Shared::expected`]
//! before its first byte passes. Arguments of PASS and its like are dropped where they are read, and a line that is
//! no known command is never kept.

mod parser;
mod recognise;

pub use recognise::recognise;

use super::line::{Lines, Reply, text};
use super::{Expected, Next, Protocol, Shared, Start};
use crate::anomaly::Kind;
use crate::flow::{Appetite, At, Side};
use crate::record::{self, Facts};
use parser::Command;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Longest line of a side that is kept, in bytes: a verb and a path of 4,096 as file systems allow it.
const MAX_LINE: usize = 4200;
/// Longest greeting that is kept, in bytes.
const MAX_BANNER: usize = 200;
/// Longest login name that is kept, in bytes.
const MAX_USER: usize = 255;
/// Most commands that are kept of one connection.
const MAX_COMMANDS: usize = 512;
/// Most commands whose reply is awaited; clients send one at a time, some a few.
const MAX_AWAITED: usize = 128;
/// Most announcements of a run that wait for their data connection. Those of connections that were never captured
/// stay; some 150 bytes each.
const MAX_EXPECTED: usize = 10_000;
/// First byte of a TLS handshake record; no command and no reply begins with it.
const TLS_HANDSHAKE: u8 = 22;
/// What is handed over after.
const AUTH_TLS: &str = "auth-tls";

/// One control connection.
#[derive(Debug)]
pub struct Ftp {
    facts: record::Ftp,
    client: IpAddr,
    server: IpAddr,
    lines: [Lines; 2],
    /// Commands without a final reply.
    awaited: VecDeque<Awaited>,
    /// The code of a reply of several lines, to its last.
    reply: Option<u16>,
    /// The greeting, until it is whole; gone once it is, or was missed.
    greeting: Option<String>,
    /// What the client's next line may be.
    due: Due,
    /// AUTH TLS was asked and not refused.
    tls_asked: bool,
    /// Where the latest announced data connection listens: by what was said and by the server's own address.
    announced: Vec<(IpAddr, u16)>,
}

/// What the client's next line may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Command,
    /// A name was given: the next line that is nothing else may be a password, with its verb or without.
    Secret,
    /// The rest of a line whose beginning is missing, maybe a password's.
    Torn,
}

/// A command whose final reply has not come.
#[derive(Debug)]
struct Awaited {
    /// Its index among the commands that are kept.
    command: Option<usize>,
    /// It names the account.
    user: bool,
    /// It asks for TLS.
    tls: bool,
    /// It asks the server to listen.
    passive: bool,
    /// Verb and argument, where it is to be served by a data connection.
    transfer: Option<(&'static str, String)>,
}

impl Ftp {
    /// Begins a control connection.
    pub fn new(start: &Start) -> Self {
        Self {
            facts: record::Ftp::default(),
            client: start.opening.client.ip(),
            server: start.opening.server.ip(),
            lines: [Lines::new(MAX_LINE), Lines::new(MAX_LINE)],
            awaited: VecDeque::new(),
            reply: None,
            greeting: Some(String::new()),
            due: Due::Command,
            tls_asked: false,
            announced: Vec::new(),
        }
    }

    fn command(&mut self, line: &[u8], at: At, shared: &mut Shared) {
        let due = self.due;
        if due == Due::Torn {
            self.due = Due::Command;
            return;
        }
        let command = Command::parse(line);
        let known = command.filter(|c| due != Due::Secret || c.verb == "PASS" || c.before_login());
        let Some(command) = known else {
            if !line.trim_ascii().is_empty() {
                self.expect(None, None);
            }
            return;
        };
        match command.verb {
            "USER" => {
                self.facts.user = Some(text(command.argument, MAX_USER));
                self.due = Due::Secret;
            }
            "PASS" | "REIN" => self.due = Due::Command,
            "PORT" => {
                if let Some((address, port)) = parser::six_numbers(command.argument) {
                    self.announce(Some(address.into()), port, false, at, shared);
                }
            }
            "EPRT" => {
                if let Some((address, port)) = parser::extended(command.argument) {
                    self.announce(address, port, false, at, shared);
                }
            }
            _ => {}
        }
        self.tls_asked |= command.asks_tls();
        if command.transfers() && !self.awaited.iter().any(|awaited| awaited.passive) {
            for key in &self.announced {
                if let Some(expected) = shared.expected.get_mut(key) {
                    expected.verb = Some(command.verb.to_owned());
                    expected.name = Some(command.shown()).filter(|name| !name.is_empty());
                }
            }
        }
        let kept = self.keep(&command, at, shared);
        self.expect(kept, Some(&command));
    }

    /// Puts a command among the facts; its index there.
    fn keep(&mut self, command: &Command<'_>, at: At, shared: &mut Shared) -> Option<usize> {
        if self.facts.commands.len() >= MAX_COMMANDS {
            let what = "more FTP commands in one connection than are kept";
            shared.log.note(Kind::Limit, at.capture, Some(at.frame), what);
            return None;
        }
        self.facts.commands.push((command.verb.to_owned(), command.shown(), 0, at.frame));
        Some(self.facts.commands.len() - 1)
    }

    fn expect(&mut self, index: Option<usize>, command: Option<&Command<'_>>) {
        if self.awaited.len() < MAX_AWAITED {
            self.awaited.push_back(Awaited {
                command: index,
                user: command.is_some_and(|c| c.verb == "USER"),
                tls: command.is_some_and(Command::asks_tls),
                passive: command.is_some_and(Command::passive),
                transfer: command.filter(|c| c.transfers()).map(|c| (c.verb, c.shown())),
            });
        }
    }

    /// Takes a line of the server. True where TLS follows it.
    fn answer(&mut self, line: &[u8], at: At, shared: &mut Shared) -> bool {
        let parsed = Reply::parse(line);
        // Inside a reply of several lines only its own code with a blank ends it (RFC 959 section 4.2).
        let reply = match (self.reply, parsed) {
            (Some(code), Some(reply)) if reply.code == code => reply,
            (None, Some(reply)) => reply,
            (Some(_), _) => {
                self.greet(line);
                return false;
            }
            (None, None) => return false,
        };
        if reply.code == 220 {
            self.greet(reply.text);
        }
        self.reply = reply.more.then_some(reply.code);
        !reply.more && self.replied(reply, at, shared)
    }

    /// Keeps the text of a greeting as it comes.
    fn greet(&mut self, said: &[u8]) {
        if let Some(greeting) = &mut self.greeting {
            let room = MAX_BANNER.saturating_sub(greeting.len()).saturating_sub(1);
            if !greeting.is_empty() && room > 0 {
                greeting.push('\n');
            }
            greeting.push_str(&text(said, room));
        }
    }

    /// Takes the last line of a reply. True where TLS follows it.
    fn replied(&mut self, reply: Reply<'_>, at: At, shared: &mut Shared) -> bool {
        // 120: the greeting follows in some minutes.
        if reply.code != 120
            && let Some(said) = self.greeting.take()
            && (reply.code == 220 || (matches!(reply.code, 421 | 530) && self.awaited.is_empty()))
        {
            let refused = || text(reply.text, MAX_BANNER);
            self.facts.banner = Some(if reply.code == 220 { said } else { refused() });
            return false;
        }
        if let Some((_, _, code, _)) =
            self.awaited.front().and_then(|first| self.facts.commands.get_mut(first.command?))
        {
            *code = reply.code;
        }
        if reply.code < 200 {
            return false;
        }
        let answered = self.awaited.pop_front();
        let is = |what: fn(&Awaited) -> bool| answered.as_ref().is_some_and(what);
        if is(|command| command.user) && !(300..400).contains(&reply.code) && self.due == Due::Secret {
            self.due = Due::Command;
        }
        if is(|command| command.tls) && reply.code != 234 {
            self.tls_asked = false;
        }
        match reply.code {
            230 | 232 => {
                self.facts.authenticated = true;
                self.due = Due::Command;
            }
            227 => {
                if let Some((address, port)) = parser::six_numbers(reply.text) {
                    self.announce(Some(address.into()), port, true, at, shared);
                }
            }
            229 => {
                if let Some((address, port)) = parser::extended(reply.text) {
                    self.announce(address, port, true, at, shared);
                }
            }
            // No other mechanism ends with it: those of RFC 2228 go on with 334 and end with 235.
            234 => return true,
            _ => {}
        }
        false
    }

    /// States where a data connection will be made to: the address that was said, and that of the control connection,
    /// which is another where the listener is behind address translation.
    fn announce(&mut self, said: Option<IpAddr>, port: u16, passive: bool, at: At, shared: &mut Shared) {
        let (listener, peer) = if passive { (self.server, self.client) } else { (self.client, self.server) };
        let before = std::mem::take(&mut self.announced);
        if port == 0 {
            return;
        }
        let said = said.filter(|said| *said != listener && !said.is_unspecified());
        self.announced = std::iter::once(listener).chain(said).map(|address| (address, port)).collect();
        // Commands were sent ahead of the replies: the next transfer among them is the one.
        let next = self.awaited.iter().find_map(|awaited| awaited.transfer.as_ref());
        let next = next.filter(|_| passive);
        let expected = Expected {
            peer,
            passive,
            verb: next.map(|(verb, _)| (*verb).to_owned()),
            name: next.map(|(_, name)| name.clone()).filter(|name| !name.is_empty()),
        };
        if shared.expected.len() + self.announced.len() > MAX_EXPECTED {
            let what = "more FTP data connections announced than are kept";
            shared.log.note(Kind::Limit, at.capture, Some(at.frame), what);
            // One transfer at a time: what this connection announced before has begun, or never will.
            for key in &before {
                shared.expected.remove(key);
            }
            while shared.expected.len() + self.announced.len() > MAX_EXPECTED {
                shared.expected.pop_first();
            }
        }
        for key in &self.announced {
            shared.expected.insert(*key, expected.clone());
        }
    }
}

impl Protocol for Ftp {
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Next {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            let lines = &mut self.lines[side.index()];
            if self.tls_asked && *first == TLS_HANDSHAKE && lines.is_empty() {
                return Next::HandOver { from: bytes.len() - rest.len(), after: AUTH_TLS };
            }
            let Some(line) = lines.take(&mut rest) else { break };
            match side {
                Side::Client => self.command(&line.bytes, at, shared),
                Side::Server => {
                    if self.answer(&line.bytes, at, shared) {
                        return Next::HandOver { from: bytes.len() - rest.len(), after: AUTH_TLS };
                    }
                }
            }
        }
        Next::Want(Appetite::All)
    }

    fn gap(&mut self, side: Side, _: u64, _: At, _: &mut Shared) {
        // Which replies and commands were lost is not known: none of those awaited is joined with what follows.
        self.awaited.clear();
        let lines = &mut self.lines[side.index()];
        match side {
            Side::Client => {
                let torn = !lines.is_empty() || self.due != Due::Command;
                self.due = if torn { Due::Torn } else { Due::Command };
            }
            Side::Server => self.reply = None,
        }
        lines.clear();
    }

    fn end(self: Box<Self>, facts: &mut Facts, _: &mut Shared) {
        facts.ftp = Some(Box::new(self.facts));
    }
}

#[cfg(test)]
mod tests;
