//! Whether a conversation is an FTP control connection, by its first bytes.

use super::super::line::{self, Fit, Greeting, contains, fit};
use super::super::{Heads, MAX_HEAD, Recognised};

/// The port of FTP and its neighbour at hosters, to break a tie.
const PORTS: [u16; 2] = [21, 2121];
/// What only an FTP client says.
const OWN: [&[u8]; 14] = [
    b"PASV\r\n",
    b"EPSV\r\n",
    b"EPSV ",
    b"EPRT |",
    b"STOR ",
    b"TYPE I",
    b"TYPE A",
    b"OPTS UTF8",
    b"AUTH TLS",
    b"AUTH SSL",
    b"PBSZ 0",
    b"MLSD",
    b"CLNT ",
    b"FEAT\r\n",
];
/// What clients of other protocols may say too, none of which answers in three digits.
const SHARED: [&[u8]; 12] = [
    b"USER ",
    b"HOST ",
    b"SYST\r\n",
    b"PWD\r\n",
    b"XPWD\r\n",
    b"CWD ",
    b"RETR ",
    b"LIST",
    b"NLST",
    b"SIZE ",
    b"PORT ",
    b"APPE ",
];
/// What a mail client begins with.
const MAIL: [&[u8]; 4] = [b"EHLO ", b"HELO ", b"LHLO ", b"MAIL "];

/// Tells from the first bytes whether a conversation is an FTP control connection. Pure; datagrams never are.
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
    if fit(client, &MAIL) == Fit::Whole {
        return Fit::Not;
    }
    let named = greets(greeting, server.is_empty(), false) == Fit::Whole;
    let own = fit(client, &OWN);
    if own == Fit::Whole || named {
        return Fit::Whole;
    }
    let answers = matches!(greeting, Greeting::Reply(..));
    match fit(client, &SHARED) {
        Fit::Whole if answers || port => return Fit::Whole,
        Fit::Not => {}
        // Where the server's answer is missing, it decides once it comes.
        Fit::Whole | Fit::Part => return Fit::Part,
    }
    if own == Fit::Part || !midstream {
        return own;
    }
    let inside =
        client.split_inclusive(|byte| *byte == b'\n').skip(1).any(|line| fit(line, &OWN) == Fit::Whole);
    match () {
        () if inside => Fit::Whole,
        () if port && client.len() < MAX_HEAD => Fit::Part,
        () => Fit::Not,
    }
}

/// What a server's first line alone tells; `port`: its port is one of FTP.
fn greets(greeting: Greeting<'_>, silent: bool, port: bool) -> Fit {
    match greeting {
        Greeting::Silent if !silent => Fit::Part,
        Greeting::Reply(reply, _) if matches!(reply.code, 227 | 229) => {
            if contains(reply.text, b"passive mode") { Fit::Whole } else { Fit::Part }
        }
        Greeting::Reply(reply, whole) if matches!(reply.code, 120 | 220 | 421 | 530) => {
            let mail = contains(reply.text, b"smtp");
            let named = contains(reply.text, b"ftp") || contains(reply.text, b"filezilla");
            match () {
                () if !mail && named && reply.code == 220 => Fit::Whole,
                () if !mail && whole && port => Fit::Whole,
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
    fn a_control_connection_is_recognised_by_what_is_said() {
        use Recognised::{More, No, Yes};
        let cases: &[Case<'_>] = &[
            (b"", b"220 FTP Server ready.\r\n", 4000, false, Yes(C)),
            (b"", b"220 welcome\r\n", 4000, false, More),
            (b"", b"220 welcome\r\n", 21, false, Yes(C)),
            (b"", b"220 x ESMTP\r\n", 21, false, More),
            (b"", b"220 wel", 21, false, More),
            (b"", b"+OK", 21, false, No),
            (b"", b"2", 4000, false, More),
            (b"USER x\r\n", b"220 welcome\r\n", 25, false, Yes(C)),
            (b"USER x\r\n", b"220 x ESMTP\r\n", 25, false, Yes(C)),
            (b"EHLO x\r\n", b"220 welcome\r\n", 21, false, No),
            (b"EHLO x\r\n", b"220 ftp\r\n", 21, false, No),
            (b"USER x\r\n", b"+OK POP3\r\n", 110, false, No),
            (b"USER x\r\n", b"", 4000, false, More),
            (b"USER x\r\n", b"", 21, false, Yes(C)),
            (b"QUIT\r\n", b"220 FTP\r\n", 4000, false, Yes(C)),
            (b"AUTH TLS\r\n", b"220 welcome\r\n", 4000, false, Yes(C)),
            (b"GET / HTTP/1.1\r\n", b"", 80, false, No),
            (b"US", b"220 welcome\r\n", 4000, false, More),
            (b"STOR x.html\r\n", b"", 4000, true, Yes(C)),
            (b"ret\r\nPASV\r\n", b"230 ok\r\n", 4000, true, Yes(C)),
            (b"", b"227 Entering Passive Mode (192,0,2,1,4,5)\r\n", 4000, true, Yes(C)),
            (b"220 welcome\r\n", b"USER x\r\n", 50_000, true, Yes(S)),
        ];
        recognises(recognise, cases);
    }
}
