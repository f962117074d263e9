//! Whether a conversation is SMTP, by its first bytes.

use super::super::line::{self, Fit, Greeting, contains, fit};
use super::super::{Heads, MAX_HEAD, Recognised};
use super::parser;

/// Ports of mail, to break a tie: relay, its neighbour at hosters, submission in three forms.
const PORTS: [u16; 5] = [25, 26, 465, 587, 2525];
/// What a client begins with.
const BEGINNINGS: [&[u8]; 4] = [b"EHLO ", b"HELO ", b"LHLO ", b"MAIL FROM:"];
/// What a client says in the middle.
const MIDDLES: [&[u8]; 4] = [b"RCPT TO:", b"STARTTLS\r\n", b"DATA\r\n", b"BDAT "];

/// Tells from the first bytes whether a conversation is SMTP. Pure; datagrams never are.
pub fn recognise(heads: &Heads<'_>) -> Recognised {
    line::recognise(heads, &PORTS, fits)
}

fn fits(client: &[u8], server: &[u8], port: bool, midstream: bool) -> Fit {
    let greeting = Greeting::of(server);
    if greeting == Greeting::Foreign {
        return Fit::Not;
    }
    if client.is_empty() {
        return greets(greeting, server.is_empty(), port);
    }
    let begins = fit(client, &BEGINNINGS);
    if begins == Fit::Whole {
        return begins;
    }
    if greets(greeting, server.is_empty(), false) == Fit::Whole && fit(client, &[b"USER "]) == Fit::Not {
        return Fit::Whole;
    }
    if begins == Fit::Part || !midstream {
        return begins;
    }
    let inside = client.split(|byte| *byte == b'\n').skip(1).any(|line| fit(line, &BEGINNINGS) == Fit::Whole);
    match fit(client, &MIDDLES) {
        Fit::Not if inside => Fit::Whole,
        Fit::Not if port && client.len() < MAX_HEAD => Fit::Part,
        found => found,
    }
}

/// What a server's first line alone tells; `port`: its port is one of mail.
fn greets(greeting: Greeting<'_>, silent: bool, port: bool) -> Fit {
    match greeting {
        Greeting::Silent if !silent => Fit::Part,
        Greeting::Reply(reply, whole) if matches!(reply.code, 220 | 421 | 554) => {
            let transfer = contains(reply.text, b"ftp");
            let named = reply.code == 220 && parser::mail_words(reply.text);
            match () {
                () if !transfer && (named || (whole && port)) => Fit::Whole,
                () if reply.code == 220 || !whole => Fit::Part,
                () => Fit::Not,
            }
        }
        _ => Fit::Not,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Side;
    use crate::protocol::testing::{Case, recognises};

    const C: Side = Side::Client;
    const S: Side = Side::Server;

    #[test]
    fn a_mail_dialogue_is_recognised_by_what_is_said() {
        use Recognised::{More, No, Yes};
        let cases: &[Case<'_>] = &[
            (b"", b"220 mx.example ESMTP ready\r\n", 4000, false, Yes(C)),
            (b"", b"220 welcome\r\n", 4000, false, More),
            (b"", b"220 welcome\r\n", 587, false, Yes(C)),
            (b"", b"220 welcome", 587, false, More),
            (b"", b"220 FTP ready\r\n", 587, false, More),
            (b"", b"554 go away\r\n", 25, false, Yes(C)),
            (b"", b"554 go away\r\n", 21, false, No),
            (b"", b"22", 25, false, More),
            (b"", b"SSH-2.0-x", 25, false, No),
            (b"", b"+OK", 110, false, No),
            (b"EHLO pc\r\n", b"220 welcome\r\n", 4000, false, Yes(C)),
            (b"USER x\r\n", b"220 welcome\r\n", 25, false, No),
            (b"USER x\r\n", b"220 smtp.example\r\n", 25, false, No),
            (b"QUIT\r\n", b"220 x ESMTP\r\n", 25, false, Yes(C)),
            (b"ehlo x", b"", 4000, false, Yes(C)),
            (b"HE", b"", 80, false, More),
            (b"HEAD / HTTP/1.1\r\n", b"", 25, false, No),
            (b"HELO x\r\n", b"\x16\x03", 25, false, No),
            (b"RCPT TO:<a@b.example>\r\n", b"", 4000, true, Yes(C)),
            (b"c2VjcmV0\r\nMAIL FROM:<a@b.example>\r\n", b"235 ok\r\n", 4000, true, Yes(C)),
            (b"c2VjcmV0\r\n", b"235 ok\r\n", 587, true, More),
            (b"220 x ESMTP\r\n", b"EHLO pc\r\n", 587, true, Yes(S)),
        ];
        recognises(recognise, cases);
    }
}
