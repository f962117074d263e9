//! Names of protocols that are recognised and not taken apart, by their first bytes.
//!
//! Sources: the RFCs and specifications named at each test. Ports only break ties.

use crate::flow::{Carrier, Side};
use memchr::memmem;

/// Who sends bytes like these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The one who asks.
    Client,
    /// The one who is asked.
    Server,
    /// Either.
    Both,
}

impl Speaker {
    /// The client, where `side` sent the bytes.
    pub fn client(self, side: Side) -> Option<Side> {
        match self {
            Self::Client => Some(side),
            Self::Server => Some(side.other()),
            Self::Both => None,
        }
    }
}

/// The first bytes of one side.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub bytes: &'a [u8],
    /// Its port and the other side's.
    pub ports: (u16, u16),
}

impl View<'_> {
    fn starts(&self, prefix: &[u8]) -> bool {
        self.bytes.starts_with(prefix)
    }
    /// Whether either port is one of these, which are few: compared one by one where they stand.
    #[inline]
    fn any_port<const N: usize>(&self, ports: &[u16; N]) -> bool {
        ports.iter().any(|port| *port == self.ports.0 || *port == self.ports.1)
    }
    /// The byte at an offset, 0 where there is none.
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }
    fn be16(&self, at: usize) -> usize {
        usize::from(u16::from_be_bytes([self.byte(at), self.byte(at + 1)]))
    }
    fn be32(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.byte(at), self.byte(at + 1), self.byte(at + 2), self.byte(at + 3)])
    }
    /// Whether the first line begins with one of these words, in letters of either case, and more follows.
    fn first_word_is(&self, words: &[&[u8]]) -> bool {
        words.iter().any(|word| {
            self.bytes.get(..word.len()).is_some_and(|own| own.eq_ignore_ascii_case(word))
                && matches!(self.byte(word.len()), b' ' | b'\r' | b'\n')
        })
    }
    fn line_has(&self, word: &[u8]) -> bool {
        let line = self.bytes.split(|b| *b == b'\n').next().unwrap_or(self.bytes);
        memmem::find(line, word).is_some()
    }
}

/// A login of FTP, POP3, IRC or their like, by a client whose server was not captured: they are told apart by its
/// answers. It is named so that nothing of it is kept.
pub const LOGIN: &str = "login";
/// Commands of POP3 before the login, and those right after it.
const POP3: [&[u8]; 9] = [b"USER", b"PASS", b"APOP", b"AUTH", b"CAPA", b"STLS", b"STAT", b"UIDL", b"LIST"];
/// Commands of IMAP before the login.
const IMAP: [&[u8]; 5] = [b"LOGIN", b"AUTHENTICATE", b"CAPABILITY", b"STARTTLS", b"ID"];

type Test = fn(&View<'_>) -> Option<Speaker>;

fn when(holds: bool, speaker: Speaker) -> Option<Speaker> {
    holds.then_some(speaker)
}

use Speaker::{Both, Client, Server};

/// Over TCP, the surest first.
const STREAMS: &[(&str, Test)] = &[
    // RFC 4253 section 4.2
    ("ssh", |v| when(v.starts(b"SSH-2.0-") || v.starts(b"SSH-1."), Both)),
    // RFC 9113 section 3.4
    ("http2", |v| when(v.starts(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Client)),
    // [MS-SMB2] section 2.1: NetBIOS framing, then FF/FE/FD/FC `SMB`
    ("smb", |v| when(v.byte(0) == 0 && v.byte(4) >= 0xfc && v.bytes.get(5..8) == Some(b"SMB"), Both)),
    // RFC 1002 section 4.3.2: session request to a NetBIOS name, over which SMB follows
    ("smb", |v| when(v.starts(&[0x81, 0, 0, 0x44, 0x20]), Client)),
    // Stratum: JSON-RPC of miners
    ("stratum", |v| {
        let calls = [&b"\"mining."[..], b"\"method\":\"login\"", b"\"method\": \"login\""];
        when(v.byte(0) == b'{' && calls.iter().any(|call| v.line_has(call)), Client)
    }),
    // RFC 1006, X.224: connection request and confirm as [MS-RDPBCGR] has them
    ("rdp", |v| {
        let tpkt = v.starts(&[3, 0]) && v.be16(2) >= 11 && usize::from(v.byte(4)) + 5 <= v.be16(2);
        let cookie = v.bytes.get(11..17) == Some(b"Cookie") || matches!(v.byte(11), 1..=3);
        match v.byte(5) {
            0xe0 if tpkt && (cookie || v.any_port(&[3389])) => Some(Client),
            0xd0 if tpkt && (cookie || v.any_port(&[3389])) => Some(Server),
            _ => None,
        }
    }),
    // rsync(1), daemon: both sides open with the version of their protocol
    ("rsync", |v| when(v.starts(b"@RSYNCD: ") && v.byte(9).is_ascii_digit(), Both)),
    // Printer Job Language: universal exit, then its first command
    ("pjl", |v| when(v.starts(b"\x1b%-12345X@PJL"), Client)),
    // RFC 6143 section 7.1.1
    ("vnc", |v| when(v.starts(b"RFB 00") && v.byte(7) == b'.', Both)),
    // OASIS MQTT 3.1.1 section 3.1
    ("mqtt", |v| {
        let named = [&b"\x00\x04MQTT"[..], b"\x00\x06MQIsdp"];
        let found = named.iter().any(|name| (2..=5).any(|at| v.bytes.get(at..at + name.len()) == Some(name)));
        when(v.byte(0) == 0x10 && found, Client)
    }),
    // Android Debug Bridge, protocol.txt: a command, and its complement at the end of the header
    ("adb", |v| {
        let known = matches!(v.bytes.get(..4), Some(b"CNXN" | b"AUTH" | b"OPEN" | b"STLS"));
        when(known && v.bytes.len() >= 24 && v.be32(0) == !v.be32(20), Both)
    }),
    // BEP 3
    ("bittorrent", |v| when(v.starts(b"\x13BitTorrent protocol"), Both)),
    // RFC 7826, RFC 2326
    ("rtsp", |v| {
        if v.starts(b"RTSP/1.") || v.starts(b"RTSP/2.") {
            Some(Server)
        } else {
            when(v.line_has(b" RTSP/1.") || v.line_has(b" RTSP/2."), Client)
        }
    }),
    // RFC 3261
    ("sip", |v| when(v.starts(b"SIP/2.0 ") || v.line_has(b" SIP/2.0"), Both)),
    // RFC 1939
    ("pop3", |v| when(v.starts(b"+OK") && (v.any_port(&[110]) || v.line_has(b"POP")), Server)),
    // RFC 9051 section 7.1
    ("imap", |v| when(v.starts(b"* OK") || v.starts(b"* PREAUTH"), Server)),
    // RFC 6120 section 4.2
    ("xmpp", |v| {
        let text = v.bytes.strip_prefix(b"<?xml version='1.0'?>").unwrap_or(v.bytes).trim_ascii_start();
        when(text.starts_with(b"<stream:stream"), Both)
    }),
    // RFC 2812 section 3.1
    ("irc", |v| {
        let asks =
            [&b"NICK "[..], b"USER ", b"PASS ", b"CAP LS", b"CAP REQ"].iter().any(|word| v.starts(word));
        let sure = v.any_port(&[194, 6660, 6661, 6662, 6663, 6664, 6665, 6666, 6667, 6668, 6669, 7000])
            || memmem::find(v.bytes, b"NICK ").is_some() && memmem::find(v.bytes, b"USER ").is_some();
        if asks {
            return when(sure, Client);
        }
        when(v.byte(0) == b':' && v.line_has(b" NOTICE "), Server)
    }),
    // MySQL protocol 10: packet 0 of the server begins with the protocol version and a version text
    ("mysql", |v| {
        let length = u32::from_le_bytes([v.byte(0), v.byte(1), v.byte(2), 0]);
        let greeting = v.byte(3) == 0 && v.byte(4) == 10 && (30..512).contains(&length);
        when(greeting && v.byte(5).is_ascii_digit() && matches!(v.byte(6), b'.' | b'0'..=b'9'), Server)
    }),
    // PostgreSQL: length, then protocol 3.0 or the SSL request code
    ("postgresql", |v| {
        let code = v.be32(4);
        when(v.be32(0) < 10_000 && (code == 0x0003_0000 || (code == 80_877_103 && v.be32(0) == 8)), Client)
    }),
    // TDS 7: PRELOGIN
    ("tds", |v| {
        when(v.starts(&[0x12, 1, 0]) && v.be16(2) >= 20 && v.bytes.get(6..9) == Some(&[0, 0, 0]), Client)
    }),
    // RESP arrays
    ("redis", |v| {
        let array = v.byte(0) == b'*' && v.byte(1).is_ascii_digit();
        when(array && memmem::find(v.bytes.get(..12).unwrap_or(v.bytes), b"\r\n$").is_some(), Client)
    }),
    // MongoDB wire protocol: length, ids, opcode 2013 or 2004
    ("mongodb", |v| {
        let word =
            |at: usize| u32::from_le_bytes([v.byte(at), v.byte(at + 1), v.byte(at + 2), v.byte(at + 3)]);
        when((26..65_536).contains(&word(0)) && word(8) == 0 && matches!(word(12), 2004 | 2013), Client)
    }),
    // RFC 4511 section 4.2: BindRequest, ExtendedRequest or SearchRequest as first message
    ("ldap", |v| {
        let at = match v.byte(1) {
            0x84 => 6,
            0x82 => 4,
            0x81 => 3,
            length if length < 0x80 => 2,
            _ => return None,
        };
        let first = v.byte(at) == 2 && v.byte(at + 1) == 1 && matches!(v.byte(at + 3), 0x60 | 0x63 | 0x77);
        when(v.byte(0) == 0x30 && first && v.any_port(&[389, 3268]), Client)
    }),
    // RFC 4120 section 7.2.2: length, then AS-REP, TGS-REP or KRB-ERROR, where the request was not captured
    ("kerberos", |v| {
        when(v.be32(0) < 65_536 && matches!(v.byte(4), 0x6b | 0x6d | 0x7e) && v.ports.0 == 88, Server)
    }),
    // DCE 1.1 RPC: version 5.0, bind or bind-ack, little-endian data
    ("dcerpc", |v| match (v.starts(&[5, 0]), v.byte(2)) {
        (true, 11) if v.byte(4) == 0x10 => Some(Client),
        (true, 12) if v.byte(4) == 0x10 => Some(Server),
        _ => None,
    }),
    // Zabbix header
    ("zabbix", |v| when(v.starts(b"ZBXD\x01") || v.starts(b"ZBXD\x03"), Both)),
    // Adobe RTMP section 5.2: C0 and C1, whose second word is zero
    ("rtmp", |v| when(v.byte(0) == 3 && v.bytes.len() > 9 && v.be32(5) == 0 && v.any_port(&[1935]), Client)),
    // RFC 854: IAC, a negotiation, its option. The option must be there: a byte that is not yet come is no option.
    ("telnet", |v| when(matches!(v.bytes, [0xff, 0xfb..=0xfe, option, ..] if *option < 0x50), Both)),
    // RFC 8489 section 5 and 6.2.2
    ("stun", stun),
    // Modbus: protocol 0, the length it states
    ("modbus", |v| {
        let length = v.be16(4);
        let framed = v.be16(2) == 0 && (2..=254).contains(&length) && v.bytes.len() >= 6 + length;
        let speaker = if v.ports.1 == 502 { Client } else { Server };
        when(framed && v.any_port(&[502]), speaker)
    }),
    // IEC 60870-5-104: STARTDT act, TESTFR act
    ("iec104", |v| when(v.starts(&[0x68, 4]) && v.any_port(&[2404]) && matches!(v.byte(2), 7 | 0x43), Both)),
    // RFC 2131 has nothing on TCP; TeamViewer's two bytes
    ("teamviewer", |v| {
        when(v.any_port(&[5938]) && matches!(v.bytes, [0x17, 0x24, ..] | [0x11, 0x30, ..]), Both)
    }),
    // WHOIS, RFC 3912: one line to port 43
    ("whois", |v| when(v.ports.1 == 43 && v.bytes.ends_with(b"\r\n") && v.bytes.is_ascii(), Client)),
    // OpenVPN over TCP, where it is encrypted from its beginning: length, then a whole hard reset with key 0
    ("openvpn", |v| match (v.be16(0), v.byte(2)) {
        (length @ 14..=1200, 0x38 | 0x50) if v.any_port(&[1194, 443]) => {
            (v.bytes.len() >= 2 + length).then_some(Client)
        }
        _ => None,
    }),
    // RFC 854 without negotiation, RFC 1282
    ("git", |v| {
        when(v.bytes.get(4..12) == Some(b"git-uplo") || v.bytes.get(4..12) == Some(b"git-rece"), Client)
    }),
    // RFC 1939, RFC 2449: a client whose server was not captured
    ("pop3", |v| when(v.any_port(&[110]) && v.first_word_is(&POP3), Client)),
    // RFC 9051 section 6: a tag, then a command of one who is not logged in
    ("imap", |v| {
        let (tag, command) = v.bytes.split_at(v.bytes.iter().position(|b| *b == b' ').unwrap_or(0));
        let tagged = (1..=16).contains(&tag.len()) && tag.iter().all(u8::is_ascii_alphanumeric);
        let command = View { bytes: command.get(1..).unwrap_or_default(), ..*v };
        when(tagged && v.bytes.is_ascii() && command.first_word_is(&IMAP), Client)
    }),
    ("redis", |v| when(v.any_port(&[6379]) && v.first_word_is(&[b"AUTH"]), Client)),
    (LOGIN, |v| {
        let mut lines = v.bytes.split(|b| *b == b'\n').map(|bytes| View { bytes, ..*v });
        let asks =
            lines.clone().next().is_some_and(|first| first.first_word_is(&[b"USER", b"PASS", b"AUTH"]));
        let tells = lines.by_ref().take(4).any(|line| line.first_word_is(&[b"PASS", b"AUTH"]));
        when(asks && tells && v.bytes.is_ascii(), Client)
    }),
];

/// Over UDP, the surest first.
const DATAGRAMS: &[(&str, Test)] = &[
    ("stun", stun),
    // RFC 9000 section 17.2, versions 1 and 2, drafts and version negotiation
    ("quic", |v| {
        let version = v.be32(1);
        let known =
            matches!(version, 1 | 0x6b33_43cf) || version >> 8 == 0x00ff_0000 || version >> 24 == 0x51;
        let long = v.byte(0) & 0xc0 == 0xc0 && known && v.byte(5) <= 20;
        when(long, if v.ports.1 == 443 { Client } else { Both })
    }),
    // UPnP Device Architecture 1.1 section 1
    ("ssdp", |v| {
        if v.starts(b"M-SEARCH * HTTP/1.1") || v.starts(b"NOTIFY * HTTP/1.1") {
            Some(Client)
        } else {
            when(v.starts(b"HTTP/1.1 200 OK") && v.any_port(&[1900]), Server)
        }
    }),
    // OASIS WS-Discovery section 2.4
    ("ws-discovery", |v| {
        when(v.any_port(&[3702]) && v.byte(0) == b'<', if v.ports.1 == 3702 { Client } else { Server })
    }),
    // Dropbox looks for itself in the local network
    ("dropbox-lan", |v| when(v.any_port(&[17_500]) && v.line_has(b"\"host_int\""), Client)),
    // RFC 5905 section 7.3: 48 bytes, versions 1 to 4, mode 3 asks and 4 answers
    ("ntp", |v| {
        let version = v.byte(0) >> 3 & 7;
        let framed = v.bytes.len() >= 48 && (1..=4).contains(&version) && v.any_port(&[123]);
        match v.byte(0) & 7 {
            4 | 5 if framed => Some(if v.byte(0) & 7 == 4 { Server } else { Client }),
            1..=3 | 6 | 7 if framed => Some(Client),
            _ => None,
        }
    }),
    // RFC 3411: sequence, version, community or global data
    ("snmp", |v| {
        let at = if v.byte(1) == 0x82 {
            4
        } else if v.byte(1) == 0x81 {
            3
        } else {
            2
        };
        let sound = v.byte(0) == 0x30 && v.bytes.get(at..at + 2) == Some(&[2, 1]) && v.byte(at + 2) <= 3;
        when(sound && v.any_port(&[161, 162]), if matches!(v.ports.1, 161 | 162) { Client } else { Server })
    }),
    ("sip", |v| when(v.starts(b"SIP/2.0 ") || v.line_has(b" SIP/2.0"), Both)),
    // RFC 4120: replies, where the request was not captured
    ("kerberos", |v| when(matches!(v.byte(0), 0x6b | 0x6d | 0x7e) && v.ports.0 == 88, Server)),
    // RFC 4511 over UDP, as domain members ping their controllers
    ("cldap", |v| {
        when(v.byte(0) == 0x30 && v.any_port(&[389]), if v.ports.1 == 389 { Client } else { Server })
    }),
    // WireGuard: message 1 is 148 bytes, message 2 is 92, three zero bytes after the type
    ("wireguard", |v| match (v.bytes.get(..4), v.bytes.len()) {
        (Some([1, 0, 0, 0]), 148) => Some(Client),
        (Some([2, 0, 0, 0]), 92) => Some(Server),
        _ => None,
    }),
    // OpenVPN, encrypted from its beginning: hard reset of the client, version 2 or 3, key 0; 14 bytes or more
    ("openvpn", |v| match v.byte(0) {
        0x38 | 0x50 if v.any_port(&[1194]) && v.bytes.len() >= 14 => Some(Client),
        0x40 if v.any_port(&[1194]) && v.bytes.len() >= 26 => Some(Server),
        _ => None,
    }),
    // RFC 7296 section 3.1: IKE, version 2.0 or 1.0, the length it states
    ("ike", |v| {
        let at = if v.bytes.starts_with(&[0; 4]) { 4 } else { 0 };
        let sound = matches!(v.byte(at + 17), 0x20 | 0x10) && v.be32(at + 24) as usize == v.bytes.len() - at;
        when(v.bytes.len() >= at + 28 && sound && v.any_port(&[500, 4500]), Both)
    }),
    // BEP 5 and BEP 29
    ("bittorrent", |v| when(v.starts(b"d1:ad2:id20:") || v.starts(b"d1:rd2:id20:"), Both)),
    // RFC 5424: priority in angle brackets
    ("syslog", |v| when(v.ports.1 == 514 && v.byte(0) == b'<' && v.byte(1).is_ascii_digit(), Client)),
    // RFC 1350
    ("tftp", |v| when(v.ports.1 == 69 && v.byte(0) == 0 && matches!(v.byte(1), 1 | 2), Client)),
    // RFC 8415
    ("dhcpv6", |v| when(v.any_port(&[547]) && (1..=13).contains(&v.byte(0)), Both)),
    // RFC 2865
    ("radius", |v| {
        let speaker = if matches!(v.ports.1, 1812 | 1813) { Client } else { Server };
        when(v.any_port(&[1812, 1813]) && v.be16(2) == v.bytes.len(), speaker)
    }),
    // RFC 7011 section 3.1 and NetFlow 5, 9
    ("netflow", |v| when(v.any_port(&[2055, 4739, 9995, 9996]) && matches!(v.be16(0), 5 | 9 | 10), Client)),
    // RFC 7252: version 1
    ("coap", |v| when(v.any_port(&[5683]) && v.byte(0) >> 6 == 1 && v.byte(0) & 15 <= 8, Both)),
];

/// IP protocols by their number (IANA).
const PACKETS: &[(u8, &str)] = &[
    (2, "igmp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (88, "eigrp"),
    (89, "ospf"),
    (103, "pim"),
    (112, "vrrp"),
    (132, "sctp"),
];

/// RFC 8489 section 5: two zero bits, a length in words, the magic cookie.
fn stun(v: &View<'_>) -> Option<Speaker> {
    let sound = v.byte(0) < 0x40 && v.be32(4) == 0x2112_a442 && v.be16(2).is_multiple_of(4);
    // The class: request and indication ask, the rest answers.
    when(sound, if v.byte(0) & 1 == 0 { Client } else { Server })
}

/// Protocols that are clear text at first and may go on in TLS.
pub const MAY_START_TLS: [&str; 10] =
    ["adb", "rdp", "imap", "pop3", "xmpp", "ldap", "postgresql", "mysql", "irc", "tds"];

/// The protocol that first bytes of a side belong to, and who of the two sent them.
pub fn find(view: &View<'_>, carrier: Carrier) -> Option<(&'static str, Speaker)> {
    let table = match carrier {
        Carrier::Tcp => STREAMS,
        Carrier::Udp => DATAGRAMS,
        Carrier::Icmp => return None,
        Carrier::Other(number) => {
            return PACKETS.iter().find(|(known, _)| *known == number).map(|(_, name)| (*name, Both));
        }
    };
    if view.bytes.is_empty() {
        return None;
    }
    table.iter().find_map(|(name, test)| test(view).map(|speaker| (*name, speaker)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(bytes: &[u8], ports: (u16, u16)) -> Option<(&'static str, Speaker)> {
        find(&View { bytes, ports }, Carrier::Tcp)
    }
    fn udp(bytes: &[u8], ports: (u16, u16)) -> Option<(&'static str, Speaker)> {
        find(&View { bytes, ports }, Carrier::Udp)
    }

    #[test]
    fn streams_are_named_by_content_on_any_port() {
        assert_eq!(tcp(b"SSH-2.0-x\r\n", (4242, 50_000)), Some(("ssh", Both)));
        assert_eq!(tcp(b"\x00\x00\x00\x45\xffSMBr", (50_000, 445)), Some(("smb", Both)));
        let rdp = b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00";
        assert_eq!(tcp(rdp, (50_000, 33_890)), Some(("rdp", Client)));
        assert_eq!(tcp(b"RFB 003.008\n", (5900, 50_000)), Some(("vnc", Both)));
        assert_eq!(tcp(b"\x10\x1a\x00\x04MQTT\x04\xc2", (50_000, 1883)), Some(("mqtt", Client)));
        assert_eq!(tcp(b"* OK ready\r\n", (143, 50_000)), Some(("imap", Server)));
        assert_eq!(tcp(b"NICK a\r\nUSER a 0 * :a\r\n", (50_000, 8080)), Some(("irc", Client)));
        let miner = br#"{"id":1,"method":"mining.subscribe","params":[]}"#;
        assert_eq!(tcp(miner, (50_000, 80)), Some(("stratum", Client)));
        assert_eq!(find(&View { bytes: b"\x22", ports: (0, 0) }, Carrier::Other(2)), Some(("igmp", Both)));
        assert_eq!(tcp(b"ZBXD\x01", (50_000, 10_051)), Some(("zabbix", Both)));
        assert_eq!(tcp(b"@RSYNCD: 31.0 sha512\n", (50_000, 8730)), Some(("rsync", Both)));
        assert_eq!(tcp(b"@RSYNCD: \n", (50_000, 873)), None);
        let adb = b"CNXN\x01\0\0\x01\0\0\x10\0\x07\0\0\0\0\0\0\0\xbc\xb1\xa7\xb1host::\0";
        assert_eq!(tcp(adb, (50_000, 5555)), Some(("adb", Both)));
        assert_eq!(tcp(&adb[..23], (50_000, 5555)), None);
        assert_eq!(tcp(b"\x1b%-12345X@PJL JOB\r\n", (50_000, 9100)), Some(("pjl", Client)));
    }

    #[test]
    fn logins_are_named_where_only_the_client_was_captured() {
        assert_eq!(tcp(b"USER ann\r\n", (50_000, 110)), Some(("pop3", Client)));
        assert_eq!(tcp(b"a1 LOGIN ann hush\r\n", (50_000, 4143)), Some(("imap", Client)));
        assert_eq!(tcp(b"0001 capability\r\n", (50_000, 143)), Some(("imap", Client)));
        assert_eq!(tcp(b"AUTH hush\r\n", (50_000, 6379)), Some(("redis", Client)));
        assert_eq!(tcp(b"USER ann\r\nPASS hush\r\n", (50_000, 8110)), Some((LOGIN, Client)));
        assert_eq!(tcp(b"PASS hush\r\n", (50_000, 8110)), Some((LOGIN, Client)));
        for other in [
            &b"USER ann\r\n"[..],
            b"PASSPORT 1\r\n",
            b"a b LOGIN c\r\n",
            b"USER: a\nPASS: b\n",
            b"x\nPASS y\n",
        ] {
            assert_eq!(tcp(other, (50_000, 8110)), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn a_port_alone_names_nothing() {
        for port in
            [22, 88, 110, 143, 389, 445, 502, 1194, 1883, 1935, 3306, 3389, 5432, 5900, 5938, 6379, 6667]
        {
            assert_eq!(tcp(b"\x28\x00\x00\x00\x9b\x41\x02\x77", (50_000, port)), None, "{port}");
            assert_eq!(tcp(b"hello there", (50_000, port)), None, "{port}");
        }
        for port in [53, 88, 123, 137, 161, 389, 443, 500, 1194, 1900, 3478, 5683, 51_820] {
            assert_eq!(udp(b"\xe3\x00\x00\x00\x9b\x41\x02\x77", (50_000, port)), None, "{port}");
        }
    }

    #[test]
    fn datagrams_are_named() {
        let mut ntp = [0u8; 48];
        ntp[0] = 0x23;
        assert_eq!(udp(&ntp, (50_000, 123)), Some(("ntp", Client)));
        ntp[0] = 0x24;
        assert_eq!(udp(&ntp, (123, 50_000)), Some(("ntp", Server)));
        assert_eq!(udp(b"\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa", (1, 2)), Some(("stun", Client)));
        assert_eq!(udp(b"\xc3\x00\x00\x00\x01\x08aaaaaaaa", (50_000, 443)), Some(("quic", Client)));
        assert_eq!(udp(b"M-SEARCH * HTTP/1.1\r\n", (1, 1900)), Some(("ssdp", Client)));
    }

    #[test]
    fn no_front_of_anything_breaks_a_test() {
        let samples: [&[u8]; 4] =
            [&[0; 160], &[0xff; 160], &[0x30; 160], b"+OK\r\n* OK \x03\x00\x13BitTorrent"];
        for sample in samples {
            for end in 0..sample.len() {
                for start in 0..end.min(8) {
                    for port in [88, 389, 500, 4500, 502, 161] {
                        let _ = tcp(&sample[start..end], (port, 1));
                        let _ = udp(&sample[start..end], (1, port));
                    }
                }
            }
        }
    }
}
