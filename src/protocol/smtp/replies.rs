//! The server's half of a mail dialogue: what its replies confirm, correct and begin.

use super::super::line::{Reply, text};
use super::{Await, Phase, Smtp, TLS_HANDSHAKE};

/// Longest greeting that is kept, in bytes.
const MAX_BANNER: usize = 200;

impl Smtp {
    /// Goes through bytes of the server; where TLS begins in or after them, the offset.
    pub(super) fn answers(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if self.tls_asked && *first == TLS_HANDSHAKE && self.lines[1].is_empty() {
                return Some(bytes.len() - rest.len());
            }
            let line = self.lines[1].take(&mut rest)?;
            let Some(reply) = Reply::parse(&line.bytes) else { continue };
            if !self.greeted && reply.code == 220 {
                self.greet(reply.text);
            }
            if !reply.more && self.reply(reply) {
                return Some(bytes.len() - rest.len());
            }
        }
        None
    }

    /// Keeps the text of a 220 that comes first, to be thrown away where it turns out to answer STARTTLS.
    fn greet(&mut self, said: &[u8]) {
        let room = MAX_BANNER.saturating_sub(self.banner.len());
        if !self.banner.is_empty() && room > 1 {
            self.banner.push('\n');
        }
        self.banner.push_str(&text(said, room.saturating_sub(1)));
    }

    /// Takes the last line of a reply. True where TLS follows it.
    fn reply(&mut self, reply: Reply<'_>) -> bool {
        let asked = self.awaited.front().copied();
        if !self.greeted && asked != Some(Await::StartTls) {
            self.greeted = true;
            if reply.code == 220 || (asked.is_none() && matches!(reply.code, 421 | 521 | 554)) {
                let refused = if reply.code == 220 { String::new() } else { text(reply.text, MAX_BANNER) };
                let said = std::mem::take(&mut self.banner);
                self.facts.banner = Some(if said.is_empty() { refused } else { said });
                return false;
            }
        }
        self.greeted = true;
        match reply.code {
            334 => {
                self.prompt(reply.text);
                return false;
            }
            235 => {
                self.facts.authenticated = true;
                self.skip_to(Await::Auth);
            }
            354 => self.skip_to(Await::Data),
            _ => {}
        }
        let accepted = (200..300).contains(&reply.code);
        match self.awaited.pop_front() {
            Some(Await::StartTls) => {
                self.tls_asked = reply.code == 220;
                return self.tls_asked;
            }
            Some(Await::Auth) => {
                self.login = None;
                if matches!(self.phase, Phase::Answers) {
                    self.phase = Phase::Commands;
                }
            }
            Some(Await::Rcpt) => self.envelope.accepted += usize::from(accepted),
            Some(Await::Data) if reply.code != 354 => self.refuse_data(reply.code),
            Some(Await::End(Some(mail))) => {
                if let Some(mail) = self.facts.mails.get_mut(mail) {
                    mail.reply.get_or_insert(reply.code);
                }
            }
            None if reply.code != 354 => self.unasked(reply.code),
            Some(Await::End(None) | Await::Data | Await::Other) | None => {}
        }
        false
    }

    /// A prompt of an authentication exchange.
    fn prompt(&mut self, challenge: &[u8]) {
        self.skip_to(Await::Auth);
        if let Some(login) = &mut self.login {
            let open = login.prompt(challenge);
            if open && matches!(self.phase, Phase::Commands) && self.lines[0].is_empty() {
                self.phase = Phase::Answers;
            }
        }
    }

    /// Replies were lost: a reply that only one command gets tells which it answers.
    fn skip_to(&mut self, wanted: Await) {
        if let Some(at) = self.awaited.iter().position(|awaited| *awaited == wanted) {
            self.awaited.drain(..at);
        }
    }

    /// DATA was refused: nothing is sent, unless it was sent without waiting.
    fn refuse_data(&mut self, code: u16) {
        if !matches!(self.phase, Phase::Data(_) | Phase::Doubt { .. }) {
            return;
        }
        if self.open.as_ref().is_some_and(|open| open.is_empty()) {
            self.open = None;
            self.phase = Phase::Commands;
        } else {
            self.unasked(code);
        }
    }

    /// A reply to nothing that was seen, while a mail is sent: the server takes the mail for ended.
    fn unasked(&mut self, code: u16) {
        if !matches!(self.phase, Phase::Data(_) | Phase::Doubt { .. }) {
            return;
        }
        if let Some(open) = &mut self.open {
            open.facts().reply.get_or_insert(code);
        }
        if let Phase::Data(unstuff) = &self.phase
            && unstuff.at_line_start()
        {
            self.phase = Phase::Doubt { bare: unstuff.bare() };
        }
    }
}
