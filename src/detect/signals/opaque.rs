//! Conversations in no known protocol.

use super::{Marks, Needs, Signal, Traits, View, common_port, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Upload};
use crate::detect::ledger::{bare_code, code};
use crate::record::{Body, Flow, Outline, Proto, Shape, SideName, State, Turn};

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "opaque-on-web-port", needs: Needs::RAW, look: on_web_port },
    Signal { name: "shared-prefix", needs: Needs::RAW, look: shared_prefix },
    Signal { name: "length-framed", needs: Needs::RAW, look: framed },
    Signal { name: "raw-archive", needs: Needs::RAW, look: raw_archive },
    Signal { name: "raw-upload", needs: Needs::RAW, look: raw_upload },
    Signal { name: "raw-report", needs: Needs::RAW, look: report },
    Signal { name: "stage-pushed", needs: Needs::TCP.or(Needs::HTTP).with(Traits::CODE), look: stage },
    Signal { name: "shell-banner", needs: Needs::RAW, look: shell },
    Signal { name: "unknown-text", needs: Needs::RAW, look: text },
    Signal { name: "folders-asked", needs: Needs::RAW.and(Marks::PUBLIC), look: folders },
    Signal {
        name: "roles-reversed",
        needs: Needs::TCP.and(Marks::PUBLIC).with(Traits::OFFERS),
        look: reversed,
    },
    Signal { name: "server-asks", needs: Needs::RAW.and(Marks::PUBLIC), look: server_asks },
];

/// Shortest prefix common to both sides that is called a mark, in bytes.
const MIN_PREFIX: usize = 4;
/// Bytes of a message in which its length may stand.
const MAX_HEAD: usize = 20;
/// Least opaque upload, in bytes.
const MIN_UPLOAD: u64 = 15_000;

/// Longest question of a server that is called a word, in bytes, and fewest of them.
const MAX_ASKED: u64 = 64;
/// See [`MAX_ASKED`].
const MIN_ASKED: usize = 3;

fn raw<'a>(view: &View<'a>) -> impl Iterator<Item = (usize, &'a Flow)> + Clone + use<'a> {
    view.flows_with(Traits::RAW)
}

/// Ports of the web and of mail carry TLS or their own protocol, never anything else.
fn on_web_port(view: &View<'_>) -> Option<Statement> {
    let odd = |(_, flow, traits): &(usize, Outline, Traits)| {
        traits.any(Traits::RAW)
            && matches!(flow.server.port, 80 | 443 | 465 | 587 | 993 | 995 | 8080 | 8443)
            && flow.payload.to_server >= 4
    };
    let (index, flow, _) = view.outlines().find(odd)?;
    let why = format!("port {} with neither TLS nor HTTP", flow.server.port);
    let strength = if flow.payload.to_client > 0 { 1.0 } else { 0.6 };
    Some(view.say(strength, why).flow(index, &view.ledger.flows[index]))
}

/// Both sides begin what they say with the same bytes, and these are no words.
fn shared_prefix(view: &View<'_>) -> Option<Statement> {
    let (index, flow, length, again) = raw(view).find_map(|(index, flow)| {
        let firsts = (&*flow.first_bytes.to_server.0, &*flow.first_bytes.to_client.0);
        let length = common(firsts.0, firsts.1);
        let mark = firsts.0.get(..length)?;
        let prefixes = flow.other.as_ref().and_then(|other| other.prefix.as_ref());
        // Later messages of a side keep the mark.
        let again = prefixes
            .is_some_and(|(up, down)| [up, down].iter().any(|own| common(&own.0, mark) >= MIN_PREFIX));
        (length >= MIN_PREFIX && random(mark)).then_some((index, flow, length, again))
    })?;
    // A mark with a true length after it is how honest protocols frame, too.
    let framed = framing(flow).is_some();
    let strength = match (length, again, framed) {
        (8.., _, false) | (_, true, false) => 1.0,
        (6.., false, false) => 0.8,
        (_, false, false) => 0.5,
        (_, _, true) => 0.3,
    };
    let kept = if again { ", and later messages as well" } else { "" };
    let why = format!("both sides begin with the same {length} bytes{kept}");
    let mut statement = view.say(strength, why).flow(index, flow);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// Bytes that are no words, no zeros and no counters: mostly different, few of them printable.
fn random(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|b| b.is_ascii_graphic()).count();
    let zeros = bytes.split(|b| *b == 0).count() - 1;
    let mut distinct = bytes.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    printable * 10 <= bytes.len() * 7 && zeros * 4 <= bytes.len() && distinct.len() * 4 >= bytes.len() * 3
}

/// How the first message of a side states its length: the manner, and where in the message.
fn frame(first: &[u8], length: u64) -> Option<(&'static str, usize)> {
    // A word somewhere in the head counts the whole message, or what follows the word.
    for at in 0..MAX_HEAD {
        let Some(word) = first.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) else {
            break;
        };
        let (le, be) = (u64::from(u32::from_le_bytes(word)), u64::from(u32::from_be_bytes(word)));
        let rest = length.saturating_sub(at as u64 + 4);
        if length >= 8 && le > 0 && (le == rest || le == length) {
            return Some(("little-endian", at));
        }
        if length >= 8 && be > 0 && (be == rest || be == length) {
            return Some(("big-endian", at));
        }
        // Crimson and its kin put one byte between length and message.
        if length >= 8 && le > 0 && rest > 0 && le == rest - 1 && first.get(at + 4) == Some(&0) {
            return Some(("little-endian", at));
        }
    }
    // Decimal digits, then NUL or CRLF, then exactly so many bytes.
    let digits = first.iter().take_while(|b| b.is_ascii_digit()).count();
    let number: u64 = std::str::from_utf8(first.get(..digits)?).ok()?.parse().ok()?;
    let end = match first.get(digits..)? {
        [0, ..] => 1,
        [b'\r', b'\n', b'\r', b'\n', ..] => 4,
        [b'\r', b'\n', ..] => 2,
        _ => return None,
    };
    (digits > 0 && number.checked_add(digits as u64 + end) == Some(length)).then_some(("decimal", 0))
}

/// Whether a packed piece (zlib, RFC 1950) begins in the head of a message.
fn packed(first: &[u8]) -> bool {
    (6..MAX_HEAD + 8).any(|at| matches!(first.get(at..at + 2), Some([0x78, 0x9c | 0xda | 0x5e | 0x01])))
}

/// How the first messages of both sides state their lengths.
struct Framing {
    /// The client's way.
    up: Option<&'static str>,
    /// The server's way.
    down: Option<&'static str>,
    /// What stands inside.
    inside: Inside,
    /// Both sides put the same bytes before the length.
    headed: bool,
}

/// What stands inside a message with its own length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// A piece packed with zlib.
    Packed,
    /// Cipher, on both sides.
    Cipher,
    /// Anything.
    Plain,
}

fn framing(flow: &Flow) -> Option<Framing> {
    let first = |side| flow.turns.iter().find(|turn| turn.0 == side).map_or(0, |turn| turn.2);
    let (up, down) = (&*flow.first_bytes.to_server.0, &*flow.first_bytes.to_client.0);
    let ways = (frame(up, first(SideName::Client)), frame(down, first(SideName::Server)));
    let (_, at) = ways.0.or(ways.1)?;
    let after = |first: &[u8]| first.get(at + 4..).is_some_and(enciphered);
    let inside = if packed(up) || packed(down) {
        Inside::Packed
    } else if after(up) && after(down) {
        Inside::Cipher
    } else {
        Inside::Plain
    };
    // Zeros before a length are its upper half.
    let headed = at > 1 && up.get(..at) == down.get(..at) && up.iter().take(at).any(|b| *b != 0);
    Some(Framing { up: ways.0.map(|way| way.0), down: ways.1.map(|way| way.0), inside, headed })
}

/// Bytes without words, zeros or repetition: of 24 random ones, 23 differ on average.
fn enciphered(bytes: &[u8]) -> bool {
    let head = bytes.get(..24).unwrap_or_default();
    let mut distinct = head.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let printable = head.iter().filter(|b| b.is_ascii_graphic() || **b == b' ').count();
    distinct.len() >= 21 && printable <= 14 && !head.contains(&0)
}

/// The first messages state their own length, as home-made protocols do.
fn framed(view: &View<'_>) -> Option<Statement> {
    let (index, flow, framing) = raw(view).find_map(|(index, flow)| Some((index, flow, framing(flow)?)))?;
    let Framing { up, down, inside, headed } = framing;
    let kind = up.or(down)?;
    let both = up.is_some() && up == down || headed && up.is_some();
    let (whose, strength) = match (both, up.is_some(), kind == "decimal", inside) {
        (true, _, _, Inside::Packed) => ("both sides begin", 1.0),
        (true, _, _, Inside::Cipher) => ("both sides begin", 0.6),
        (true, _, true, Inside::Plain) => ("both sides begin", 0.55),
        (true, _, false, Inside::Plain) if headed => ("both sides begin", 0.4),
        (true, _, false, Inside::Plain) => ("both sides begin", 0.3),
        (false, true, _, Inside::Packed) => ("the client begins", 0.5),
        (false, true, true, _) => ("the client begins", 0.45),
        (false, true, false, _) => ("the client begins", 0.16),
        (false, false, ..) => ("the server begins", 0.16),
    };
    let inside = match inside {
        Inside::Packed => ", a packed piece after it",
        Inside::Cipher => ", cipher after it",
        Inside::Plain if headed => ", the same bytes before it on both sides",
        Inside::Plain => "",
    };
    let why = format!("{whose} with a {kind} length that is true{inside}");
    let mut statement = view.say(strength, why).flow(index, flow);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// A file as the whole of what a raw stream carries.
fn raw_archive(view: &View<'_>) -> Option<Statement> {
    let (index, flow, magic) = raw(view).find_map(|(index, flow)| {
        let body = flow.other.as_ref()?.to_server.as_deref()?;
        let archive = body.archive.as_ref().map(|archive| archive.kind.as_str());
        let magic = archive.or(body.magic.as_deref())?;
        let file = matches!(
            magic,
            "zip" | "rar" | "7z" | "gzip" | "png" | "jpeg" | "bmp" | "sqlite" | "tar" | "cab"
        );
        (file && flow.payload.to_server >= 1_000).then_some((index, flow, magic))
    })?;
    let (up, down) = (flow.payload.to_server, flow.payload.to_client);
    let strength = if down.saturating_mul(10) <= up { 1.0 } else { 0.6 };
    let why = format!("a raw stream of {} begins as {magic}; {} came back", size(up), size(down));
    let mut statement = view.say(strength, why).flow(index, flow);
    statement.upload =
        Some(Upload { bytes: up, requests: 1, encoding: Some(magic.to_owned()), destination: None });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// Much goes up in an unknown protocol on an odd port, in few turns.
fn raw_upload(view: &View<'_>) -> Option<Statement> {
    let (index, flow, most) = raw(view).find_map(|(index, flow)| {
        let most = flow.turns.iter().filter(|turn| turn.0 == SideName::Client).map(|turn| turn.2).max()?;
        let odd = !common_port(flow.server.port) || matches!(flow.server.port, 80 | 443);
        (odd && most >= MIN_UPLOAD && flow.payload.to_server >= flow.payload.to_client.saturating_mul(2))
            .then_some((index, flow, most))
    })?;
    let why = format!("{} at once in an unknown protocol", size(most));
    let mut statement = view.say(1.0, why).flow(index, flow);
    statement.upload =
        Some(Upload { bytes: flow.payload.to_server, requests: 1, encoding: None, destination: None });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// The printable beginning of what a side said.
fn words(first: &[u8]) -> String {
    let clean = |b: &u8| b.is_ascii_graphic() || *b == b' ';
    first.iter().copied().filter(clean).map(char::from).collect()
}

/// A side opens with fields between separators: reports about a machine, commands.
fn report(view: &View<'_>) -> Option<Statement> {
    const SEPARATORS: [&str; 12] =
        ["|'|'|", "<|>", "|", "><", "*-]", "[-*", "##", "::", "$$", "<>", "~!", "-=>"];
    let fields = |first: &[u8]| {
        let text = words(first);
        let letters = text.chars().filter(char::is_ascii_alphanumeric).count();
        // HTTP before it had versions, and its pages.
        let web = ["GET /", "POST /", "<html", "<HTML", "<!DOC", "<!doc", "<?xml", "HTTP/"];
        if web.iter().any(|start| text.starts_with(start)) {
            return None;
        }
        let fields = SEPARATORS.iter().map(|sep| text.matches(sep).count()).max().unwrap_or(0);
        (text.len() >= 14 && text.len() * 10 >= first.len() * 7 && letters * 5 >= text.len() * 2)
            .then_some(fields)
    };
    let (index, flow, fields) = raw(view).find_map(|(index, flow)| {
        let both = [&flow.first_bytes.to_server, &flow.first_bytes.to_client];
        let most = both.iter().filter_map(|first| fields(&first.0)).max()?;
        (most >= 2).then_some((index, flow, most + 1))
    })?;
    let why = format!("a side opens with {fields} or more fields between separators");
    let mut statement = view.say(if fields >= 4 { 1.0 } else { 0.7 }, why).flow(index, flow);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// The server pushes a program or code that loads one, as the stagers of attack frameworks ask for.
fn stage(view: &View<'_>) -> Option<Statement> {
    let found = view.flows_with(Traits::CODE).find_map(|(index, flow)| {
        let pushed = flow.other.as_ref().and_then(|other| other.to_client.as_deref());
        let first = pushed.map_or(&*flow.first_bytes.to_client.0, |body| &*body.first.0);
        let raw = flow.proto == Proto::Tcp && flow.http.is_empty() && flow.payload.to_client >= 100;
        let named = flow.other.as_ref().is_some_and(|other| other.protocol.is_some());
        (raw && !named && code(first)).then_some((index, flow, flow.frames.first, flow.start))
    });
    let fetched = || {
        view.flows_with(Traits::CODE).find_map(|(index, flow)| {
            let bare = |body: &Body| bare_code(&body.first.0);
            let fetched = flow.http.iter().find(|exchange| exchange.response.as_deref().is_some_and(bare))?;
            Some((index, flow, fetched.frame, fetched.time))
        })
    };
    let (index, flow, frame, time) = found.or_else(fetched)?;
    let mut statement =
        view.say(1.0, "bare code came down, ready to run".to_owned()).at(index, flow, frame, time);
    statement.kinds.extend([Kind::C2, Kind::Download]);
    Some(statement)
}

/// What a command line prints when it starts, sent to a server.
fn shell(view: &View<'_>) -> Option<Statement> {
    let (index, flow, mark) = raw(view).find_map(|(index, flow)| {
        let text = words(&flow.first_bytes.to_server.0);
        Some((index, flow, command_line(&text)?))
    })?;
    let mut statement =
        view.say(1.0, format!("a command line speaks to the server: {mark}")).flow(index, flow);
    statement.kinds.push(Kind::C2);
    Some(statement)
}

/// By what a text shows that a command line wrote it.
fn command_line(text: &str) -> Option<&'static str> {
    const MARKS: [&str; 10] = [
        "Microsoft Windows [",
        "Microsoft Windows XP [",
        "Windows PowerShell",
        "PS C:\\",
        // bash, dash and BusyBox without a terminal; the prompts of bash.
        "no job control in this shell",
        "cannot set terminal process group",
        "can't access tty",
        "sh-3.",
        "sh-4.",
        "sh-5.",
    ];
    let mark = MARKS.into_iter().find(|mark| text.contains(mark));
    let id = || text.match_indices("uid=").any(|(at, own)| user(&text[at + own.len()..])).then_some("uid=");
    mark.or_else(id).or_else(|| prompt(text).then_some("a prompt with user and host"))
}

/// Whether it goes on as `id(1)` does: the number of a user, and a name in brackets.
fn user(rest: &str) -> bool {
    let name = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    name.len() < rest.len() && name.starts_with('(')
}

/// Whether a text has a prompt as Debian (`user@host:~$`) and Red Hat (`[user@host dir]$`) set it.
fn prompt(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let user = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let before = text[..at].trim_end_matches(user);
        let after = text[at + 1..].trim_start_matches(host);
        if before.len() == at || after.len() + 1 == text.len() - at {
            return false;
        }
        let ends = |sign: &str| sign.starts_with("$ ") || sign.starts_with("# ");
        let path = after.strip_prefix(':').filter(|path| path.starts_with(['~', '/']));
        let debian =
            path.and_then(|path| path.find(['$', '#', ' ']).map(|end| &path[end..])).is_some_and(ends);
        let dir = after
            .strip_prefix(' ')
            .and_then(|rest| rest.split_once(']'))
            .filter(|(dir, _)| !dir.contains(' '));
        debian || before.ends_with('[') && dir.is_some_and(|(_, sign)| ends(sign))
    })
}

/// A side speaks text in no known protocol, without lines; code in text tells most.
fn text(view: &View<'_>) -> Option<Statement> {
    let (index, flow, strength) = raw(view).find_map(|(index, flow)| {
        let other = flow.other.as_ref()?;
        let code = |shape| matches!(shape, Some(Shape::Base64 | Shape::Hex));
        let up = other.to_server.as_deref().and_then(|body| body.shape);
        let down = other.to_client.as_deref().and_then(|body| body.shape);
        let lines = flow.first_bytes.to_server.0.contains(&b'\n');
        let client = flow.turns.first().is_some_and(|turn| turn.0 == SideName::Client);
        let some = (flow.payload.to_server, flow.payload.to_client);
        let opens = client && some.0 >= 40 && (code(up) || matches!(up, Some(Shape::Text | Shape::Form)));
        match (code(up) && code(down) && some.0 >= 16 && some.1 >= 8, opens) {
            _ if lines => None,
            (true, _) => Some((index, flow, 1.0)),
            (false, true) => Some((index, flow, 0.6)),
            (false, false) => None,
        }
    })?;
    let why = format!("{} of text in no known protocol", size(flow.payload.to_server));
    Some(view.say(strength, why).flow(index, flow))
}

/// The server names folders of the user, as settings of thieves do who are told what to look for.
fn folders(view: &View<'_>) -> Option<Statement> {
    const FOLDERS: [&str; 8] = [
        "%userprofile%",
        "%appdata%",
        "%localappdata%",
        "%desktop%",
        "%documents%",
        "%dsk_",
        "\\desktop\\",
        "*wallet*",
    ];
    let (index, flow, folder) = raw(view).find_map(|(index, flow)| {
        let text = words(&flow.first_bytes.to_client.0).to_ascii_lowercase();
        FOLDERS.iter().find(|folder| text.contains(*folder)).map(|folder| (index, flow, folder))
    })?;
    let mut statement = view.say(1.0, format!("the server asks for what is in {folder}")).flow(index, flow);
    statement.kinds.push(Kind::C2);
    view.public().then_some(statement)
}

/// What the caller of a flow offers to the one it called, where the roles of the protocol are turned round: its screen
/// (RFB, RFC 6143) or its network (SOCKS 5, RFC 1928).
fn offers(flow: &Flow) -> Option<&'static str> {
    if flow.proto != Proto::Tcp || flow.state == State::Midstream {
        return None;
    }
    let greets = |first: &[u8], length: u64| {
        let methods = first.get(1).copied().map_or(0, u64::from);
        first.first() == Some(&5) && (1..=4).contains(&methods) && length == methods + 2
    };
    let (up, down) = (&*flow.first_bytes.to_server.0, &*flow.first_bytes.to_client.0);
    let turn = flow.turns.first()?;
    let screen = turn.0 == SideName::Client && up.starts_with(b"RFB 00") && down.starts_with(b"RFB 00");
    let network = turn.0 == SideName::Server && greets(down, turn.2) && up.starts_with(&[5, 0]);
    match (screen, network) {
        (true, _) => Some("its screen (VNC)"),
        (_, true) => Some("its network (SOCKS)"),
        _ => None,
    }
}

/// Whether the caller of a flow serves the one it called.
pub fn turned(flow: &Flow) -> bool {
    offers(flow).is_some()
}

/// Whoever called is served.
fn reversed(view: &View<'_>) -> Option<Statement> {
    let (index, flow, what) = view.flows().find_map(|(index, flow)| Some((index, flow, offers(flow)?)))?;
    let mut statement =
        view.say(1.0, format!("the caller offers {what} to the one it called")).flow(index, flow);
    statement.kinds.extend([Kind::C2, Kind::Tunnel]);
    view.public().then_some(statement)
}

/// In an unknown protocol the server speaks first and asks with a word, and is told much for it: the caller serves.
fn server_asks(view: &View<'_>) -> Option<Statement> {
    let (index, flow, asked) = raw(view).find_map(|(index, flow)| {
        let first = flow.turns.first()?;
        let word = |turn: &Turn| turn.0 == SideName::Server && turn.2 <= MAX_ASKED;
        let asked = flow.turns.iter().filter(|turn| word(turn)).count();
        let servers = flow.turns.iter().filter(|turn| turn.0 == SideName::Server).count();
        let told = flow.payload.to_server >= flow.payload.to_client.saturating_mul(3);
        let odd = !common_port(flow.server.port) || matches!(flow.server.port, 80 | 443 | 8080 | 8443);
        (word(first) && asked >= MIN_ASKED && asked == servers && told && odd).then_some((index, flow, asked))
    })?;
    let (up, down) = (flow.payload.to_server, flow.payload.to_client);
    let why = format!("the server asks {asked} times in {} and is told {}", size(down), size(up));
    let mut statement = view.say(1.0, why).flow(index, flow);
    statement.kinds.push(Kind::C2);
    view.public().then_some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{flow, ledger, view};
    use SideName::{Client, Server};

    #[test]
    fn the_same_random_bytes_both_ways() {
        let mark = [0x1d, 0x9b, 0x77, 0xe2, 0x05, 0xc1, 0x34, 0x8a];
        let with = |up: &[u8], down: &[u8]| {
            ledger([flow("203.0.113.72", 4782).first(up, down).payload(500, 90).build()])
        };
        assert!(
            shared_prefix(&view(&with(&[&mark[..], b"abc"].concat(), &[&mark[..], b"zzz"].concat())))
                .is_some()
        );
        assert!(shared_prefix(&view(&with(b"HELLO one", b"HELLO two"))).is_none());
        assert!(shared_prefix(&view(&with(&[0; 12], &[0; 12]))).is_none());
    }

    #[test]
    fn lengths_that_are_true() {
        let with = |up: &[u8], bytes| {
            ledger([flow("203.0.113.72", 443)
                .first(up, &[])
                .turns(&[(Client, 0, bytes), (Server, 9, 16)])
                .payload(bytes, 16)
                .build()])
        };
        assert!(framed(&view(&with(&[0x41, 0, 0, 0, 0x99, 1, 2], 69))).is_some());
        assert!(framed(&view(&with(b"144\0ll|'|'|", 148))).is_some());
        assert!(framed(&view(&with(&[0x41, 0, 0, 0, 0x99, 1, 2], 300))).is_none());
        // Were the sum to go round, it would be true.
        assert!(framed(&view(&with(b"18446744073709551615\0", 20))).is_none());
        assert!(on_web_port(&view(&with(&[0x41, 0, 0, 0, 0x99, 1, 2], 69))).is_some());
    }

    #[test]
    fn code_and_shells() {
        let with = |up: &[u8], down: &[u8]| {
            ledger([flow("203.0.113.70", 4444).first(up, down).payload(150, 4000).build()])
        };
        assert!(stage(&view(&with(b"", &[0x2f, 0x26, 0x12, 0, b'M', b'Z', 0x41, 0x52]))).is_some());
        assert!(stage(&view(&with(b"", b"hello there"))).is_none());
        assert!(shell(&view(&with(b"Microsoft Windows [Version 10.0.19045]", b""))).is_some());
        for (up, mark) in [
            (&b"/bin/sh: 0: can't access tty; job control turned"[..], Some("can't access tty")),
            (b"bash: cannot set terminal process group (812): I", Some("cannot set terminal process group")),
            (b"bash: no job control in this shell\n", Some("no job control in this shell")),
            (b"sh-3.2$ ", Some("sh-3.")),
            (b"uid=1000(ann) gid=1000(ann)", Some("uid=")),
            (b"ann@ns01:~$ ", Some("a prompt with user and host")),
            (b"\x1b]0;root@web: /srv\x07root@web:/srv# ", Some("a prompt with user and host")),
            (b"[ann@web-2.shop log]$ ", Some("a prompt with user and host")),
            (b"uid=1000;x=(1)", None),
            (b"ann@shop.example: hello $ ", None),
            (b"ann@shop.example wrote]$ ", None),
            (b"@:~$ ", None),
        ] {
            assert_eq!(command_line(&words(up)), mark);
            assert_eq!(shell(&view(&with(up, b"id\n"))).is_some(), mark.is_some());
        }
        assert!(shell(&view(&with(b"GET /", b""))).is_none());
    }

    #[test]
    fn a_caller_that_serves() {
        let with = |up: &[u8], down: &[u8], first: (crate::record::SideName, i64, u64)| {
            let turns = [first, (if first.0 == Client { Server } else { Client }, 9, 12)];
            ledger([flow("203.0.113.70", 8080).first(up, down).turns(&turns).payload(900, 900).build()])
        };
        let rfb = b"RFB 003.008\n";
        assert!(reversed(&view(&with(rfb, rfb, (Client, 0, 12)))).is_some());
        assert!(reversed(&view(&with(rfb, rfb, (Server, 0, 12)))).is_none());
        assert!(reversed(&view(&with(&[5, 0], &[5, 1, 0], (Server, 0, 3)))).is_some());
        assert!(reversed(&view(&with(&[5, 1, 0], &[5, 0], (Client, 0, 3)))).is_none());
        assert!(reversed(&view(&with(&[5, 0], &[5, 1, 0, 9], (Server, 0, 4)))).is_none());
    }

    #[test]
    fn cipher_and_heads_behind_lengths() {
        let with = |up: &[u8], down: &[u8]| {
            let (a, b) = (up.len() as u64, down.len() as u64);
            ledger([flow("203.0.113.72", 1985)
                .first(up, down)
                .turns(&[(Client, 0, a), (Server, 9, b)])
                .payload(a, b)
                .build()])
        };
        let cipher = |seed: u8, head: &[u8]| {
            let body: Vec<u8> = (1..=32_u8).map(|n| n.wrapping_mul(151).wrapping_add(seed) | 0x81).collect();
            let body: Vec<u8> = body.iter().zip(1..).map(|(b, n): (&u8, u8)| b.wrapping_add(n * 3)).collect();
            [head, &32_u32.to_le_bytes(), &body].concat()
        };
        let said = framed(&view(&with(&cipher(3, &[]), &cipher(77, &[])))).unwrap();
        assert!(said.why.contains("cipher") && (said.strength - 0.6).abs() < 1e-9, "{}", said.why);
        let plain = |head: &[u8]| [head, &32_u32.to_le_bytes(), &[0, 1, 0, 2, 0, 3, 0, 4], &[0; 24]].concat();
        assert!(framed(&view(&with(&plain(&[]), &plain(&[])))).unwrap().strength < 0.35);
        let headed = framed(&view(&with(&plain(&[0x52, 0xff]), &plain(&[0x52, 0xff])))).unwrap();
        assert!(headed.why.contains("the same bytes"), "{}", headed.why);
    }

    #[test]
    fn a_server_that_asks() {
        let with = |words: &[(crate::record::SideName, i64, u64)], up, down| {
            ledger([flow("203.0.113.70", 9011).turns(words).payload(up, down).build()])
        };
        let led =
            [(Server, 0, 17), (Client, 40, 96), (Server, 900, 17), (Client, 990, 503), (Server, 9000, 16)];
        assert!(server_asks(&view(&with(&led, 599, 50))).is_some());
        // A client that asks, and a server that tells.
        assert!(server_asks(&view(&with(&led[1..], 599, 33))).is_none());
        assert!(server_asks(&view(&with(&led, 99, 4_000))).is_none());
    }

    #[test]
    fn folders_that_a_server_asks_for() {
        let with =
            |down: &[u8]| ledger([flow("203.0.113.70", 80).first(b"x", down).payload(900, 41).build()]);
        assert!(folders(&view(&with(b"\0\x1d\0\0\0%userprofile%\\Desktop\0*.txt"))).is_some());
        assert!(folders(&view(&with(b"100% of your profile is complete"))).is_none());
    }

    #[test]
    fn a_report_in_clear() {
        let with = |up: &[u8]| ledger([flow("203.0.113.70", 5552).first(up, &[]).payload(150, 4).build()]);
        assert!(report(&view(&with(b"144\0ll|'|'|RVhBTVBMRQ==|'|'|EXAMPLE-PC|'|'|"))).is_some());
        assert!(report(&view(&with(b"\x16\x03\x01 something else entirely"))).is_none());
        assert!(report(&view(&with(b"<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>"))).is_none());
    }

    #[test]
    fn files_and_floods_without_a_protocol() {
        let with = |magic: Option<&str>, bytes, down| {
            let body = crate::record::Body { bytes, magic: magic.map(Into::into), ..Default::default() };
            let other = crate::record::Other { to_server: Some(Box::new(body)), ..Default::default() };
            ledger([flow("203.0.113.80", 7711)
                .other(other)
                .turns(&[(Client, 0, bytes), (Server, 9, 2)])
                .payload(bytes, down)
                .build()])
        };
        assert!(raw_archive(&view(&with(Some("zip"), 40_000, 2))).is_some());
        assert!(raw_archive(&view(&with(None, 40_000, 2))).is_none());
        assert!(raw_upload(&view(&with(None, 40_000, 2))).is_some());
        assert!(raw_upload(&view(&with(None, 40_000, 60_000))).is_none());
    }

    #[test]
    fn code_spoken_as_text() {
        let with = |up, down| {
            let side =
                |shape| Some(Box::new(crate::record::Body { shape: Some(shape), ..Default::default() }));
            let other =
                crate::record::Other { to_server: side(up), to_client: side(down), ..Default::default() };
            ledger([flow("203.0.113.80", 1604)
                .other(other)
                .turns(&[(Server, 0, 12), (Client, 9, 80)])
                .payload(80, 12)
                .build()])
        };
        assert!(text(&view(&with(Shape::Hex, Shape::Hex))).is_some());
        assert!(text(&view(&with(Shape::Binary, Shape::Binary))).is_none());
    }
}
