//! Markers: what a text lists, by name and count, never what it says.
//!
//! | marker | what stands in the text | counted |
//! |---|---|---|
//! | `url-user-password-block` | lines labelled `URL:`/`Host:`/`Website:`, `User:`/`Login:`, `Password:`/`PSWD:` near each other | blocks |
//! | `url-user-password-json`, `url-user-password-xml` | the same as members of JSON objects, as XML elements | blocks |
//! | `card-block` | a card number's label with expiry, holder or CVV near it | blocks |
//! | `netscape-cookies` | lines of seven tab-separated columns with TRUE or FALSE in the second and fourth | lines |
//! | `cookie-json` | cookies exported as JSON (`expirationDate`, `hostOnly`) | cookies |
//! | `system-inventory` | at least four labels of a machine's description: `OS:`, `CPU:`, `HWID:`, ... | distinct labels |
//! | `system-inventory-json`, `system-inventory-xml` | the same as members, as elements | distinct labels |
//! | `process-list` | the names of Windows' own processes together | distinct names |
//! | `keylog` | names of typed keys: `[ENTER]`, `{BACKSPACE}` | keys |
//! | others | one of the phrases in this file's table | phrases |
//!
//! Labels count at the start of a line, behind any bullet or mark-up; UTF-16 text is read like ASCII.

use crate::record;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, PatternID};
use smol_str::SmolStr;
use std::sync::LazyLock;

/// Bytes of a body that are scanned; a listing of ten thousand logins is no longer.
const SCANNED_MAX: u64 = 1024 * 1024;

/// Farthest distance in bytes between the labels of one block: long URLs and a few lines between.
const BLOCK_SPAN: u64 = 1536;

/// Fewest distinct labels that make an inventory; three stand together in many a support mail.
const INVENTORY_MIN: u32 = 4;

/// Fewest key names that make a keylog; one stands in manuals.
const KEYS_MIN: u32 = 2;

/// Fewest process names that make a list of processes.
const PROCESSES_MIN: u32 = 4;

/// What role a label has in a credential or card block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Url,
    User,
    Password,
    Card,
    CardDetail,
}

/// What a pattern of the table means.
#[derive(Debug, Clone, Copy)]
enum Means {
    /// A phrase that counts for the marker.
    Phrase(&'static str),
    /// A label: role in a block, number of what it says of a machine, marker of its own.
    Label(Option<Role>, Option<u8>, Option<&'static str>),
    /// A process, by number.
    Process(u8),
    /// `TRUE` or `FALSE` behind a tab.
    Flag,
}

const fn role(role: Role) -> Means {
    Means::Label(Some(role), None, None)
}

const fn machine(number: u8) -> Means {
    Means::Label(None, Some(number), None)
}

const fn label(marker: &'static str) -> Means {
    Means::Label(None, None, Some(marker))
}

use Means::{Flag, Label, Phrase, Process};

/// Lower-case patterns. Spellings are those of public descriptions of stealers' logs.
const TABLE: &[(&str, Means)] = &[
    ("url", role(Role::Url)),
    ("host", role(Role::Url)),
    ("hostname", Label(Some(Role::Url), Some(5), None)),
    ("website", role(Role::Url)),
    ("web site", role(Role::Url)),
    ("site", role(Role::Url)),
    ("site url", role(Role::Url)),
    ("link", role(Role::Url)),
    ("origin", role(Role::Url)),
    ("origin_url", role(Role::Url)),
    ("origin url", role(Role::Url)),
    ("action url", role(Role::Url)),
    ("server", role(Role::Url)),
    ("user", Label(Some(Role::User), Some(6), None)),
    ("username", Label(Some(Role::User), Some(6), None)),
    ("user name", Label(Some(Role::User), Some(6), None)),
    ("username_value", role(Role::User)),
    ("userid", role(Role::User)),
    ("login", role(Role::User)),
    ("usr", role(Role::User)),
    ("email", role(Role::User)),
    ("e-mail", role(Role::User)),
    ("account", role(Role::User)),
    ("pass", role(Role::Password)),
    ("password", role(Role::Password)),
    ("password_value", role(Role::Password)),
    ("passwd", role(Role::Password)),
    ("passw", role(Role::Password)),
    ("pswd", role(Role::Password)),
    ("psw", role(Role::Password)),
    ("pwd", role(Role::Password)),
    ("card", role(Role::Card)),
    ("card number", role(Role::Card)),
    ("cardnumber", role(Role::Card)),
    ("cc number", role(Role::Card)),
    ("holder", role(Role::CardDetail)),
    ("card holder", role(Role::CardDetail)),
    ("cardholder", role(Role::CardDetail)),
    ("name on card", role(Role::CardDetail)),
    ("exp", role(Role::CardDetail)),
    ("expire", role(Role::CardDetail)),
    ("expires", role(Role::CardDetail)),
    ("expiry", role(Role::CardDetail)),
    ("expiration", role(Role::CardDetail)),
    ("expiration date", role(Role::CardDetail)),
    ("expireyear", role(Role::CardDetail)),
    ("cvv", role(Role::CardDetail)),
    ("cvc", role(Role::CardDetail)),
    ("found from", label("label-found-from")),
    ("application", label("label-application")),
    ("soft", label("label-application")),
    ("os", machine(0)),
    ("os name", machine(0)),
    ("osname", machine(0)),
    ("os version", machine(0)),
    ("osversion", machine(0)),
    ("operating system", machine(0)),
    ("operation system", machine(0)),
    ("operationsystem", machine(0)),
    ("windows", machine(0)),
    ("windows version", machine(0)),
    ("system", machine(0)),
    ("osfullname", Label(None, Some(0), Some("label-osfullname"))),
    ("platform", machine(0)),
    ("cpu", machine(1)),
    ("cpu name", machine(1)),
    ("processor", machine(1)),
    ("gpu", machine(2)),
    ("video card", machine(2)),
    ("videocard", machine(2)),
    ("video", machine(2)),
    ("graphics", machine(2)),
    ("graphics card", machine(2)),
    ("display", machine(2)),
    ("ram", machine(3)),
    ("memory", machine(3)),
    ("total memory", machine(3)),
    ("physical memory", machine(3)),
    ("hwid", machine(4)),
    ("hardware id", machine(4)),
    ("machine id", machine(4)),
    ("machineid", machine(4)),
    ("machineguid", machine(4)),
    ("guid", machine(4)),
    ("uuid", machine(4)),
    ("computer", machine(5)),
    ("computer name", machine(5)),
    ("computername", machine(5)),
    ("machine name", machine(5)),
    ("machinename", machine(5)),
    ("netbios", machine(5)),
    ("pc", machine(5)),
    ("pc name", machine(5)),
    ("pcname", machine(5)),
    ("pc user", machine(6)),
    ("owner name", machine(6)),
    ("ip", machine(7)),
    ("ip address", machine(7)),
    ("ipaddress", machine(7)),
    ("client ip", machine(7)),
    ("public ip", machine(7)),
    ("external ip", machine(7)),
    ("wan ip", machine(7)),
    ("country", machine(8)),
    ("country name", machine(8)),
    ("country code", machine(8)),
    ("location", machine(8)),
    ("city", machine(8)),
    ("geo", machine(8)),
    ("timezone", machine(9)),
    ("time zone", machine(9)),
    ("local time", machine(9)),
    ("local date", machine(9)),
    ("date and time", machine(9)),
    ("time", machine(9)),
    ("date", machine(9)),
    ("language", machine(10)),
    ("languages", machine(10)),
    ("system language", machine(10)),
    ("current language", machine(10)),
    ("locale", machine(10)),
    ("keyboard", machine(11)),
    ("keyboards", machine(11)),
    ("keyboard layout", machine(11)),
    ("keyboard languages", machine(11)),
    ("available keyboard layouts", machine(11)),
    ("screen", machine(12)),
    ("screen size", machine(12)),
    ("screen resolution", machine(12)),
    ("screensize", machine(12)),
    ("resolution", machine(12)),
    ("display resolution", machine(12)),
    ("display size", machine(12)),
    ("monitor", machine(12)),
    ("antivirus", machine(13)),
    ("anti virus", machine(13)),
    ("anti-virus", machine(13)),
    ("antiviruses", machine(13)),
    ("av", machine(13)),
    ("firewall", machine(14)),
    ("installed software", machine(15)),
    ("installed apps", machine(15)),
    ("installed programs", machine(15)),
    ("software", machine(15)),
    ("processes", machine(16)),
    ("process list", machine(16)),
    ("running processes", machine(16)),
    ("work dir", machine(17)),
    ("workdir", machine(17)),
    ("working dir", machine(17)),
    ("path", machine(17)),
    ("filelocation", machine(17)),
    ("file location", machine(17)),
    ("execution path", machine(17)),
    ("build id", machine(18)),
    ("build", machine(18)),
    ("bot_id", machine(18)),
    ("mac address", machine(19)),
    ("bios", machine(20)),
    ("bios version", machine(20)),
    ("uac", machine(21)),
    ("domain", machine(22)),
    ("domain name", machine(22)),
    ("hardware", machine(23)),
    ("disks", machine(24)),
    ("drives", machine(24)),
    ("disk", machine(24)),
    ("clipboard", label("clipboard")),
    ("clipboard text", label("clipboard")),
    ("clipboard data", label("clipboard")),
    ("\ttrue", Flag),
    ("\tfalse", Flag),
    ("csrss.exe", Process(0)),
    ("lsass.exe", Process(1)),
    ("svchost.exe", Process(2)),
    ("explorer.exe", Process(3)),
    ("winlogon.exe", Process(4)),
    ("services.exe", Process(5)),
    ("smss.exe", Process(6)),
    ("wininit.exe", Process(7)),
    ("expirationdate\":", Phrase("cookie-json")),
    ("[enter]", Phrase("keylog")),
    ("{enter}", Phrase("keylog")),
    ("[return]", Phrase("keylog")),
    ("[backspace]", Phrase("keylog")),
    ("{backspace}", Phrase("keylog")),
    ("[back]", Phrase("keylog")),
    ("{back}", Phrase("keylog")),
    ("[tab]", Phrase("keylog")),
    ("{tab}", Phrase("keylog")),
    ("[ctrl]", Phrase("keylog")),
    ("{ctrl}", Phrase("keylog")),
    ("[shift]", Phrase("keylog")),
    ("{shift}", Phrase("keylog")),
    ("[alt]", Phrase("keylog")),
    ("[capslock]", Phrase("keylog")),
    ("{capslock}", Phrase("keylog")),
    ("[caps lock]", Phrase("keylog")),
    ("[delete]", Phrase("keylog")),
    ("[del]", Phrase("keylog")),
    ("{del}", Phrase("keylog")),
    ("[win]", Phrase("keylog")),
    ("{win}", Phrase("keylog")),
    ("[lcontrolkey]", Phrase("keylog")),
    ("[lshiftkey]", Phrase("keylog")),
    ("wallet.dat", Phrase("wallet")),
    ("metamask", Phrase("wallet")),
    ("electrum", Phrase("wallet")),
    ("exodus.wallet", Phrase("wallet")),
    ("atomic wallet", Phrase("wallet")),
    ("trust wallet", Phrase("wallet")),
    ("tronlink", Phrase("wallet")),
    ("binance chain wallet", Phrase("wallet")),
    // Extension id of MetaMask in Chromium's store.
    ("nkbihfbeogaeaoehlefnkodbefgpgknn", Phrase("wallet")),
    ("seed phrase", Phrase("wallet")),
    ("mnemonic phrase", Phrase("wallet")),
    ("private key-----", Phrase("private-key")),
    ("d877f783d5d3ef8c", Phrase("telegram-tdata")),
    ("tdata/", Phrase("telegram-tdata")),
    ("tdata\\", Phrase("telegram-tdata")),
    ("key_datas", Phrase("telegram-tdata")),
    ("discord token", Phrase("discord-token")),
    // How Discord begins an encrypted token in its store.
    ("dqw4w9wgxcq:", Phrase("discord-token")),
    ("loginusers.vdf", Phrase("steam")),
    ("steam\\config", Phrase("steam")),
    ("\\ssfn", Phrase("steam")),
    ("/ssfn", Phrase("steam")),
    ("recentservers.xml", Phrase("ftp-client")),
    ("sitemanager.xml", Phrase("ftp-client")),
    ("filezilla", Phrase("ftp-client")),
    ("winscp", Phrase("ftp-client")),
    ("coreftp", Phrase("ftp-client")),
    ("flashfxp", Phrase("ftp-client")),
    ("smartftp", Phrase("ftp-client")),
    ("outlook-accounts", Phrase("mail-client-accounts")),
    ("thunderbird-emails", Phrase("mail-client-accounts")),
    ("imap password", Phrase("mail-client-accounts")),
    ("pop3 password", Phrase("mail-client-accounts")),
    ("smtp password", Phrase("mail-client-accounts")),
    ("imap server", Phrase("mail-client-accounts")),
    ("foxmail", Phrase("mail-client-accounts")),
    ("incredimail", Phrase("mail-client-accounts")),
    ("key4.db", Phrase("browser-store")),
    ("key3.db", Phrase("browser-store")),
    ("logins.json", Phrase("browser-store")),
    ("cookies.sqlite", Phrase("browser-store")),
    ("formhistory.sqlite", Phrase("browser-store")),
    ("\\login data", Phrase("browser-store")),
    ("/login data", Phrase("browser-store")),
    ("\\local state", Phrase("browser-store")),
    ("/local state", Phrase("browser-store")),
    ("\\web data", Phrase("browser-store")),
    ("/web data", Phrase("browser-store")),
    ("scannedbrowser", Phrase("scan-result-xml")),
    ("scannedfile", Phrase("scan-result-xml")),
    ("scannedwallet", Phrase("scan-result-xml")),
    ("installedbrowser", Phrase("scan-result-xml")),
    ("gamelauncherfiles", Phrase("scan-result-xml")),
    // A text that says what wrote it.
    ("keylogger", Phrase("self-name-keylogger")),
    ("stealer", Phrase("self-name-stealer")),
    ("hawkeye", Phrase("self-name-hawkeye")),
    ("snake tracker", Phrase("self-name-snake")),
    ("| snake", Phrase("self-name-snake")),
    ("vip recovery", Phrase("self-name-vip-recovery")),
    ("masslogger", Phrase("self-name-masslogger")),
    ("agent tesla", Phrase("self-name-agent-tesla")),
    ("predator pain", Phrase("self-name-predator-pain")),
    ("remus log", Phrase("self-name-remus")),
    ("xworm v", Phrase("self-name-xworm")),
];

/// Markers whose presence says that secrets stand in the text in clear: its first bytes are then not kept.
const SECRET: &[&str] = &[
    BLOCKS[0],
    BLOCKS[1],
    BLOCKS[2],
    CARD,
    COOKIES,
    "cookie-json",
    "keylog",
    "clipboard",
    "wallet",
    "private-key",
    "discord-token",
    "mail-client-accounts",
    "label-found-from",
];

const BLOCKS: [&str; 3] = ["url-user-password-block", "url-user-password-json", "url-user-password-xml"];
const INVENTORY: [&str; 3] = ["system-inventory", "system-inventory-json", "system-inventory-xml"];
const CARD: &str = "card-block";
const COOKIES: &str = "netscape-cookies";
const PROCESSES: &str = "process-list";

/// Whether a marker says that secrets stand in the text.
pub(super) fn is_secret(marker: &str) -> bool {
    SECRET.contains(&marker)
}

/// The names of all markers, in order.
pub fn names() -> &'static [&'static str] {
    &TABLES.names
}

/// What is built from the table once.
struct Tables {
    automaton: Option<DFA>,
    start: StateID,
    names: Vec<&'static str>,
    /// For each pattern, the index into `names` of what it counts for.
    counts: Vec<Option<u16>>,
    lengths: Vec<u64>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let of = |means: &Means| match means {
        Phrase(name) | Label(_, _, Some(name)) => Some(*name),
        _ => None,
    };
    let composed = BLOCKS.into_iter().chain(INVENTORY).chain([CARD, COOKIES, PROCESSES]);
    let mut names: Vec<&str> = TABLE.iter().filter_map(|(_, means)| of(means)).chain(composed).collect();
    names.sort_unstable();
    names.dedup();
    let index = |name: &str| names.binary_search(&name).ok().map(|at| at as u16);
    let counts = TABLE.iter().map(|(_, means)| of(means).and_then(index)).collect();
    let patterns = TABLE.iter().map(|(text, _)| *text);
    // Fails only for tables of gigabytes; without an automaton nothing is found.
    let automaton = DFA::builder().ascii_case_insensitive(true).build(patterns).ok();
    let start = automaton.as_ref().and_then(|a| a.start_state(Anchored::No).ok()).unwrap_or_default();
    let lengths = TABLE.iter().map(|(text, _)| text.len() as u64).collect();
    Tables { automaton, start, names, counts, lengths }
});

/// How a label stands in the text; the index into [`BLOCKS`] and [`INVENTORY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Line,
    Json,
    Tag,
}

/// No position.
const NONE: u64 = u64::MAX;

/// Positions of the labels of a block that is not complete.
#[derive(Debug, Clone, Copy)]
struct Open([u64; 3]);

impl Open {
    const EMPTY: Self = Self([NONE; 3]);

    /// Notes a label; whether the block is now complete.
    fn note(&mut self, part: usize, at: u64, needed: usize) -> bool {
        self.0[part] = at;
        let near = |p: &u64| *p != NONE && at.saturating_sub(*p) <= BLOCK_SPAN;
        let complete = self.0[..needed].iter().all(near);
        if complete {
            *self = Self::EMPTY;
        }
        complete
    }
}

/// What a byte does to the line it stands in, beside what it may complete.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Nothing.
    Neutral,
    /// It parts a label from its colon.
    Other,
    /// The same, and begins what stands in the line.
    Word,
    /// See [`Markers::before`].
    Telling,
}

/// The manner of each byte: most are settled by it.
const MANNERS: [Manner; 256] = {
    let mut table = [Manner::Other; 256];
    let mut n = 0;
    while n < 256 {
        let byte = n as u8;
        table[n] = match byte {
            b' ' | b'*' | b'_' | b'"' | b'`' | b'.' => Manner::Neutral,
            b'\n' | b'\r' | b'\t' | b'<' | b'/' | b'>' | b'|' | b':' | b'=' | b']' | b'n' | b'r' => {
                Manner::Telling
            }
            _ if byte.is_ascii_alphanumeric() => Manner::Word,
            _ => Manner::Other,
        };
        n += 1;
    }
    table
};

/// Whether a byte does nothing behind the beginning of a line, where no label is due: most of all bytes. What a
/// colon does depends on the style, what a letter does on a backslash before it.
const PASSES: [bool; 256] = {
    let mut table = [true; 256];
    let others = *b"\0\n\r\t<>|:\\";
    let mut n = 0;
    while n < others.len() {
        table[others[n] as usize] = false;
        n += 1;
    }
    table
};

/// Scans text as it passes.
#[derive(Debug)]
pub(super) struct Markers {
    state: StateID,
    /// Bytes scanned; NULs of UTF-16 do not count.
    at: u64,
    /// Where the first letter or digit of this line stands.
    line: u64,
    style: Style,
    /// The byte before, NULs left out.
    previous: u8,
    /// The byte before was NUL.
    zero: bool,
    /// A label whose colon is due.
    pending: Option<u16>,
    tabs: u8,
    flags: u8,
    processes: u8,
    machine: [u32; 3],
    blocks: [Open; 3],
    card: Open,
    /// By marker; empty until something counts, as in most texts nothing does.
    counts: Vec<u32>,
}

impl Markers {
    pub(super) fn new() -> Self {
        Self {
            state: TABLES.start,
            at: 0,
            line: NONE,
            style: Style::Line,
            previous: 0,
            zero: false,
            pending: None,
            tabs: 0,
            flags: 0,
            processes: 0,
            machine: [0; 3],
            blocks: [Open::EMPTY; 3],
            card: Open::EMPTY,
            counts: Vec::new(),
        }
    }

    fn counts(&mut self) -> &mut Vec<u32> {
        if self.counts.is_empty() {
            self.counts = vec![0; TABLES.names.len()];
        }
        &mut self.counts
    }

    /// Takes the next bytes of a text.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let tables = &*TABLES;
        let Some(automaton) = &tables.automaton else {
            return;
        };
        let left = SCANNED_MAX.saturating_sub(self.at).min(bytes.len() as u64);
        let mut rest = &bytes[..left as usize];
        while let Some((&byte, after)) = rest.split_first() {
            if self.line != NONE && self.pending.is_none() && self.previous != b'\\' {
                let passed = self.pass(automaton, rest);
                if passed > 0 {
                    rest = &rest[passed..];
                    continue;
                }
            }
            rest = after;
            self.step(tables, automaton, byte);
        }
    }

    /// Passes over bytes of which none begins, ends or confirms anything (see [`PASSES`]), nor completes a pattern.
    /// Gives how many they are.
    fn pass(&mut self, automaton: &DFA, bytes: &[u8]) -> usize {
        let (mut state, mut passed) = (self.state, 0_usize);
        for &byte in bytes {
            if !PASSES[usize::from(byte)] {
                break;
            }
            let next = automaton.next_state(Anchored::No, state, byte);
            if automaton.is_special(next) && automaton.is_match(next) {
                break;
            }
            state = next;
            passed += 1;
        }
        if let Some(last) = passed.checked_sub(1).and_then(|last| bytes.get(last)) {
            self.state = state;
            self.at += passed as u64;
            self.previous = *last;
            self.zero = false;
        }
        passed
    }

    /// Takes one byte, whatever it is.
    fn step(&mut self, tables: &Tables, automaton: &DFA, byte: u8) {
        // UTF-16: every other byte is NUL. Two in a row are not text.
        if byte == 0 {
            if self.zero {
                self.break_line(Style::Line);
                self.state = tables.start;
            }
            self.zero = true;
            return;
        }
        self.zero = false;
        match MANNERS[usize::from(byte)] {
            Manner::Neutral => {}
            Manner::Other => self.pending = None,
            Manner::Word => {
                self.pending = None;
                if self.line == NONE {
                    self.line = self.at;
                }
            }
            Manner::Telling => self.before(byte),
        }
        self.state = automaton.next_state(Anchored::No, self.state, byte);
        self.at += 1;
        if automaton.is_special(self.state) && automaton.is_match(self.state) {
            for n in 0..automaton.match_len(self.state) {
                self.matched(automaton.match_pattern(self.state, n));
            }
        }
        self.previous = byte;
    }

    /// The bound is reached.
    pub(super) fn full(&self) -> bool {
        self.at >= SCANNED_MAX
    }

    /// A member name of a JSON object.
    pub(super) fn key(&mut self, name: &[u8]) {
        self.separate();
        self.style = Style::Json;
        self.feed(name);
        self.feed(b":");
        self.separate();
    }

    /// What follows does not belong to what was before.
    pub(super) fn separate(&mut self) {
        self.feed(b"\n");
    }

    /// Bytes are missing here.
    pub(super) fn gap(&mut self) {
        self.state = TABLES.start;
        self.end_line();
    }

    /// What a byte means for lines and labels.
    fn before(&mut self, byte: u8) {
        match byte {
            b'\n' | b'\r' => self.end_line(),
            b'\t' => self.tabs = self.tabs.saturating_add(1),
            b'<' => self.break_line(Style::Tag),
            // A closing element; or the end of a label in the style of an opening one.
            b'/' if self.style == Style::Tag && self.line == NONE => self.style = Style::Line,
            b'>' => {
                if self.style == Style::Tag {
                    self.confirm();
                }
                self.break_line(Style::Line);
            }
            b'|' => self.break_line(Style::Line),
            b':' if self.style == Style::Tag && self.pending.is_none() => self.line = NONE,
            b':' | b'=' => self.confirm(),
            b']' => self.confirm_heading(),
            b' ' | b'*' | b'_' | b'"' | b'`' | b'.' => {}
            b'n' | b'r' if self.previous == b'\\' => self.end_line(),
            _ => {
                self.pending = None;
                if self.line == NONE && byte.is_ascii_alphanumeric() {
                    self.line = self.at;
                }
            }
        }
    }

    fn end_line(&mut self) {
        if self.tabs == 6 && self.flags == 3 {
            self.count(COOKIES);
        }
        self.tabs = 0;
        self.flags = 0;
        self.break_line(Style::Line);
    }

    fn break_line(&mut self, style: Style) {
        self.line = NONE;
        self.pending = None;
        self.style = style;
    }

    fn matched(&mut self, pattern: PatternID) {
        let index = pattern.as_usize();
        let Some((_, means)) = TABLE.get(index) else {
            return;
        };
        match means {
            Phrase(_) => self.count_pattern(index),
            Label(..) => {
                let length = TABLES.lengths.get(index).copied().unwrap_or(0);
                if self.line != NONE && self.line + length == self.at {
                    self.pending = Some(index as u16);
                }
            }
            Process(number) => self.processes |= 1 << number,
            Flag => match self.tabs {
                1 => self.flags |= 1,
                3 => self.flags |= 2,
                _ => {}
            },
        }
    }

    /// The pending label is one: its colon came.
    fn confirm(&mut self) {
        let Some(index) = self.pending.take() else {
            return;
        };
        let Some((_, Label(role, machine, marker))) = TABLE.get(usize::from(index)) else {
            return;
        };
        if marker.is_some() {
            self.count_pattern(usize::from(index));
        }
        if let Some(number) = machine {
            self.machine[self.style as usize] |= 1 << number;
        }
        let open = &mut self.blocks[self.style as usize];
        let block = match role {
            Some(Role::Url) => open.note(0, self.at, 3),
            Some(Role::User) => open.note(1, self.at, 3),
            Some(Role::Password) => open.note(2, self.at, 3),
            Some(Role::Card | Role::CardDetail) | None => false,
        };
        let card = match role {
            Some(Role::Card) => self.card.note(0, self.at, 2),
            Some(Role::CardDetail) => self.card.note(1, self.at, 2),
            _ => false,
        };
        if block {
            self.count(BLOCKS[self.style as usize]);
        }
        if card {
            self.count(CARD);
        }
    }

    /// `[Hardware]`: a heading names a part of an inventory.
    fn confirm_heading(&mut self) {
        if let Some(index) = self.pending.take()
            && let Some((_, Label(_, Some(number), _))) = TABLE.get(usize::from(index))
        {
            self.machine[self.style as usize] |= 1 << number;
        }
    }

    fn count_pattern(&mut self, pattern: usize) {
        let slot = TABLES.counts.get(pattern).copied().flatten();
        if let Some(count) = slot.and_then(|at| self.counts().get_mut(usize::from(at))) {
            *count = count.saturating_add(1);
        }
    }

    fn set(&mut self, name: &str, value: u32) {
        if let Ok(at) = TABLES.names.binary_search(&name) {
            self.counts()[at] = value;
        }
    }

    fn count(&mut self, name: &str) {
        if let Ok(at) = TABLES.names.binary_search(&name) {
            let count = &mut self.counts()[at];
            *count = count.saturating_add(1);
        }
    }

    /// What was found, by name.
    pub(super) fn finish(mut self) -> Vec<record::Marker> {
        self.end_line();
        for style in [Style::Line, Style::Json, Style::Tag] {
            let distinct = self.machine[style as usize].count_ones();
            if distinct >= INVENTORY_MIN {
                self.set(INVENTORY[style as usize], distinct);
            }
        }
        let processes = self.processes.count_ones();
        if processes >= PROCESSES_MIN {
            self.set(PROCESSES, processes);
        }
        if self.counts.is_empty() {
            return Vec::new();
        }
        let keys = TABLES.names.binary_search(&"keylog").ok().map_or(0, |at| self.counts[at]);
        if keys < KEYS_MIN {
            self.set("keylog", 0);
        }
        let found = TABLES.names.iter().zip(&self.counts).filter(|(_, count)| **count > 0);
        found.map(|(name, count)| record::Marker { name: SmolStr::new_static(name), count: *count }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &[u8]) -> Vec<(SmolStr, u32)> {
        let found = |size: usize| {
            let mut markers = Markers::new();
            text.chunks(size).for_each(|piece| markers.feed(piece));
            markers.finish().into_iter().map(|m| (m.name, m.count)).collect::<Vec<_>>()
        };
        let whole = found(text.len().max(1));
        assert_eq!(found(1), whole, "byte by byte");
        whole
    }

    fn count(text: &[u8], name: &str) -> u32 {
        assert!(names().contains(&name), "{name}");
        scan(text).iter().find(|(n, _)| n == name).map_or(0, |(_, count)| *count)
    }

    #[test]
    fn what_is_passed_over_changes_nothing() {
        let tables = &*TABLES;
        let automaton = tables.automaton.as_ref().expect("an automaton");
        for byte in 0..=255 {
            for front in ["", "user: x", "<a", "os", "a\\", "\tTRUE", "\0"] {
                let text = [front.as_bytes(), &[byte], b"nr/=] password\\nlogin\t:<b>x:user:"].concat();
                let (mut passing, mut stepping) = (Markers::new(), Markers::new());
                passing.feed(&text);
                for byte in &text {
                    stepping.step(tables, automaton, *byte);
                }
                assert_eq!(format!("{passing:?}"), format!("{stepping:?}"), "{}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn credential_blocks_in_their_spellings() {
        for text in [
            "URL: https://a.example/\nUsername: erika\nPassword: nothing\nApplication: Browser\n",
            "Soft: Browser\r\nHost: https://a.example/\r\nLogin: erika\r\nPassword: nothing\r\n",
            "Found From: Browser\r\nHost: https://a.example/\r\nUSR: erika\r\nPSWD: nothing\r\n",
            "<html>Time: x<hr>URL:https://a.example/<br>\r\nUsername:erika<br>Password:nothing<br>\r\nApplication:B<br><hr>",
            "Web Site    : a\nUser Name   : b\nPassword    : c\n",
            "\u{2022} **URL**: a\n\u{2022} **Login**: b\n\u{2022} **Pass**: c",
            "URL: a\\nUSER: b\\nPASS: c",
        ] {
            assert_eq!(count(text.as_bytes(), BLOCKS[0]), 1, "{text}");
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(count(&wide, BLOCKS[0]), 1, "UTF-16: {text}");
        }
        let three = "URL: a\nUsername: b\nPassword: c\n\n".repeat(3);
        assert_eq!(count(three.as_bytes(), BLOCKS[0]), 3);
    }

    #[test]
    fn prose_and_forms_are_no_blocks() {
        for text in [
            "Please open the url: then your user: and password: in one line",
            "Host: www.example\r\nUser-Agent: x\r\nAccept: */*\r\nReferer: y\r\n",
            "Username: b\nPassword: c\n",
            "Curl: a\nSuperuser: b\nPasswords: c\n",
        ] {
            assert_eq!(scan(text.as_bytes()), [], "{text}");
        }
        let far = format!("URL: a\nUsername: b\n{}\nPassword: c\n", "x".repeat(2000));
        assert_eq!(count(far.as_bytes(), BLOCKS[0]), 0);
    }

    #[test]
    fn elements_and_members_are_told_apart() {
        let xml = "<Login><URL>a</URL><Username>b</Username><Password>c</Password></Login>\
                   <x:Login><x:URL>a</x:URL><x:Username>b</x:Username><x:Password>c</x:Password></x:Login>";
        assert_eq!(scan(xml.as_bytes()), [(SmolStr::new(BLOCKS[2]), 2)]);
        let mut markers = Markers::new();
        for name in ["url", "username", "password"] {
            markers.key(name.as_bytes());
            markers.feed(b"URL: x");
            markers.separate();
        }
        let found: Vec<_> = markers.finish().into_iter().map(|m| (m.name, m.count)).collect();
        assert_eq!(found, [(SmolStr::new(BLOCKS[1]), 1)]);
    }

    #[test]
    fn cookies_inventory_processes_keys_and_cards() {
        let cookies = ".a.example\tTRUE\t/\tFALSE\t1790000000\tsid\tnothing\r\n".repeat(4)
            + ".a.example\tTRUE\t/\tmaybe\t1790000000\tsid\tnothing\n.b\tTRUE\t/\tTRUE\t0\tx\ty";
        assert_eq!(count(cookies.as_bytes(), COOKIES), 5);
        let machine = "OS: Windows\nCPU: x\nRAM: 8 GB\nComputer Name: EXAMPLE-PC\n- IP Address: 192.0.2.1\n[Processes]\n";
        assert_eq!(count(machine.as_bytes(), INVENTORY[0]), 6);
        assert_eq!(count(b"OS: x\nCPU: y\nRAM: z\n", INVENTORY[0]), 0);
        assert_eq!(count(b"csrss.exe\nlsass.exe svchost.exe,svchost.exe;explorer.exe", PROCESSES), 4);
        assert_eq!(count(b"Dear sir[ENTER]te[BACKSPACE][BACKSPACE]to", "keylog"), 3);
        assert_eq!(count(b"press [ENTER] to go on", "keylog"), 0);
        assert_eq!(count(b"Card: 0000\nExp: 01/30\nHolder: E\n", CARD), 1);
    }

    #[test]
    fn phrases_count_and_the_scan_is_bounded() {
        assert_eq!(count(b"C:\\x\\WALLET.dat and Telegram\\tdata\\key_datas", "wallet"), 1);
        assert_eq!(count(b"metadata", "telegram-tdata"), 0);
        let mut markers = Markers::new();
        markers.feed(&vec![b'x'; SCANNED_MAX as usize]);
        markers.feed(b"wallet.dat");
        assert_eq!(markers.finish(), []);
    }
}
