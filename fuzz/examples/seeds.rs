//! Writes seeds for every target below a folder (`corpus` unless named): from the golden cases, which the generator
//! and recorded programs made, from the rules, and by hand for protocols that no case speaks. Never from captures of
//! real networks. Dictionaries out of the words of the sources go beside it.

use base64::Engine as _;
use exfilscan::anomaly::Log;
use exfilscan::capture::{self, Opened, Source};
use exfilscan::decode::Decoder;
use exfilscan::flow::{Appetite, At, Carrier, Config, Dissector, Opening, Side, Table};
use exfilscan::pipeline::{self, Options};
use exfilscan::protocol::{self, Shared};
use exfilscan::record::{Facts, Records, Writer};
use exfilscan_fuzz::{packets, records, script};
use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Longest seed: long inputs are slow, and the fuzzer grows what pays.
const MAX_SEED: usize = 6 << 10;
/// Longest capture.
const MAX_CAPTURE: usize = 24 << 10;
/// Seeds of one protocol from one capture.
const MAX_EACH: usize = 3;
/// Where a body follows the head of a message.
const BLANK: &[u8] = b"\r\n\r\n";

struct Corpus(PathBuf);

impl Corpus {
    fn add(&self, target: &str, bytes: &[u8]) {
        let mut hash = DefaultHasher::new();
        hash.write(bytes);
        let folder = self.0.join(target);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("seed-{:016x}", hash.finish())), bytes).expect("written");
    }
}

/// Keeps what it is fed, and what the dispatcher says of it.
struct Tee {
    carrier: Carrier,
    steps: Vec<(Side, Vec<u8>)>,
    length: usize,
    inner: protocol::Conversation,
}

impl Dissector for Tee {
    type Facts = (Carrier, Vec<(Side, Vec<u8>)>, Facts);
    type Shared = Shared;

    fn open(opening: &Opening, shared: &mut Shared) -> Self {
        let inner = protocol::Conversation::open(opening, shared);
        Self { carrier: opening.carrier, steps: Vec::new(), length: 0, inner }
    }
    fn data(&mut self, side: Side, bytes: &[u8], at: At, shared: &mut Shared) -> Appetite {
        let kept = bytes.len().min(MAX_SEED.saturating_sub(self.length));
        self.length += kept;
        match self.steps.last_mut() {
            Some((last, all)) if *last == side && self.carrier == Carrier::Tcp => all.extend(&bytes[..kept]),
            _ => self.steps.push((side, bytes[..kept].to_vec())),
        }
        self.inner.data(side, bytes, at, shared)
    }
    fn gap(&mut self, side: Side, length: u64, at: At, shared: &mut Shared) {
        self.inner.gap(side, length, at, shared);
    }
    fn passed(&mut self, side: Side, length: u64, at: At) {
        self.inner.passed(side, length, at);
    }
    fn client(&self) -> Option<Side> {
        self.inner.client()
    }
    fn end(self, shared: &mut Shared) -> Self::Facts {
        (self.carrier, self.steps, self.inner.end(shared))
    }
}

/// The targets that a conversation is a seed of, each with its first byte.
fn targets(carrier: Carrier, facts: &Facts) -> Vec<(&'static str, u8)> {
    let udp = carrier == Carrier::Udp;
    let mut all = vec![("conversation", if udp { 2 } else { 0 })];
    all.extend(facts.tls.is_some().then_some(("tls", u8::from(udp))));
    all.extend(facts.quic.is_some().then_some(("quic", 0)));
    all.extend((!facts.http.is_empty()).then_some(("http1", 0)));
    all.extend(facts.http.iter().any(|exchange| exchange.version.starts_with('2')).then_some(("http2", 0)));
    all.extend((!facts.dns.is_empty()).then_some(("dns", u8::from(!udp))));
    all.extend(facts.smtp.is_some().then_some(("smtp", 0)));
    all.extend(facts.ftp.is_some().then_some(("ftp", 0)));
    all.extend(facts.other.is_some().then_some(("opaque", u8::from(udp))));
    all
}

/// What one capture has to give.
fn capture(corpus: &Corpus, path: &Path) {
    let bytes = fs::read(path).expect("a capture");
    let name = path.to_string_lossy().into_owned();
    let source = Source { path: path.to_owned(), name, first: None };
    let Ok(Opened::Packets(mut reader)) =
        capture::open(&source, 0, capture::Options { hash: false, threaded: false })
    else {
        return;
    };
    let (mut decoder, mut log, mut ended) = (Decoder::new(), Log::new(), Vec::new());
    let (mut table, mut shared) = (Table::<Tee>::new(Config::default()), Shared::default());
    let mut some = Vec::new();
    while let Some(packet) = reader.next_packet() {
        if some.len() < MAX_SEED {
            let missing = packet.wire_len.saturating_sub(packet.data.len() as u32).min(255);
            packets::write(&mut some, packet.link.0, missing as u8, packet.data);
        }
        let at = At { time: packet.time, frame: packet.frame, capture: 0 };
        if let Some(layers) = decoder.decode(&packet, &mut log) {
            table.packet(&layers, at, packet.wire_len, &mut shared, &mut log, &mut ended);
        }
    }
    table.finish(&mut shared, &mut log, &mut ended);
    corpus.add("decode", &some);
    let cut = &bytes[..bytes.len().min(MAX_CAPTURE)];
    corpus.add("container", &cut[..cut.len().min(MAX_SEED)]);
    corpus.add("scan", cut);
    let mut given = std::collections::BTreeMap::new();
    for (carrier, steps, facts) in ended.into_iter().filter_map(|ended| ended.facts) {
        for (target, choice) in targets(carrier, &facts) {
            let count: &mut usize = given.entry(target).or_default();
            *count += 1;
            if *count <= MAX_EACH {
                let pieces = steps.iter().map(|(side, bytes)| (*side, &bytes[..]));
                corpus.add(target, &script::write(choice, pieces));
            }
        }
        for (_, bytes) in steps.iter().take(MAX_EACH) {
            body(corpus, bytes);
        }
    }
    let mut extracted = pipeline::extract(
        &[path.to_owned()],
        &Options { threaded: false, hash: false, ..Options::default() },
        &mut |_| {},
    );
    extracted.records.flows = extracted.records.flows.iter().take(4).collect();
    record_file(corpus, &extracted.records);
}

/// A body behind the head of a message, with what that says of it, roughly.
fn body(corpus: &Corpus, message: &[u8]) {
    let at = message.windows(BLANK.len()).position(|window| window == BLANK).map_or(0, |at| at + BLANK.len());
    let (head, body) = message.split_at(at);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    let with = |how: u8, body: &[u8]| {
        corpus.add("content", &[&[how, 9, 0][..], line.as_bytes(), b"\n", body].concat());
    };
    with(0, body);
    if body.is_empty() || body.len() > 2 << 10 {
        return;
    }
    // As the bits of the first byte have it: gzip, deflate, base64, quoted-printable.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body).expect("compressed");
    with(1 << 1, &gzip.finish().expect("gzip"));
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(body).expect("compressed");
    with(2 << 1, &zlib.finish().expect("zlib"));
    with(1 << 3, base64::engine::general_purpose::STANDARD.encode(body).as_bytes());
    let quoted: String = body.iter().map(|byte| format!("={byte:02X}")).collect();
    with(2 << 3, quoted.as_bytes());
}

fn record_file(corpus: &Corpus, records: &Records) {
    let mut text = Vec::new();
    Writer::new(&mut text).write(records).expect("memory does not fail");
    if let Some(rest) = text.strip_prefix(records::BEGIN)
        && rest.len() <= MAX_CAPTURE
    {
        corpus.add("records", rest);
    }
}

/// The same capture in every packing.
fn packed(corpus: &Corpus, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(2 << 10)];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).expect("compressed");
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(bytes).expect("compressed");
    let zstd = ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    for packed in [gzip.finish().expect("gzip"), lz4.finish().expect("lz4"), zstd] {
        corpus.add("container", &packed);
        corpus.add("scan", &packed);
    }
}

/// A small capture as xz(1) packs it: there is no encoder among the crates at hand.
const XZ: &[u8] =
    b"\xfd\x37\x7a\x58\x5a\x00\x00\x01\x69\x22\xde\x36\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3\
    \xe0\x00\x83\x00\x1c\x5d\x00\x6a\x30\xd1\xc8\x7d\x8b\xf8\x09\x9b\xad\x94\x4b\x8a\xf2\xff\xfa\xca\
    \xd6\x54\x3b\xcb\x34\x5a\xd0\xfb\x08\x00\x00\x00\xc2\xc2\xbc\xd4\x00\x01\x34\x84\x01\x00\x00\x00\
    \x51\xe0\x64\xa0\x3e\x30\x0d\x8b\x02\x00\x00\x00\x00\x01\x59\x5a";

/// Containers that no case has.
fn containers(corpus: &Corpus) {
    let block = |kind: u32, body: &[u8], big: bool| -> Vec<u8> {
        let word = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let length = word(12 + body.len() as u32);
        [&word(kind)[..], &length, body, &length].concat()
    };
    for big in [false, true] {
        let word = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let half = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let section = [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
        let interface =
            [&half(1)[..], &half(0), &word(96), &half(9), &half(1), &[9, 0, 0, 0], &word(0)].concat();
        let enhanced = [&word(0)[..], &word(0), &word(9), &word(20), &word(30), &[7; 20]].concat();
        let simple = [&word(9)[..], &[1; 12]].concat();
        let obsolete = [&half(0)[..], &half(0), &word(0), &word(9), &word(5), &word(5), &[2; 8]].concat();
        let file = [
            block(0x0a0d_0d0a, &section, big),
            block(1, &interface, big),
            block(6, &enhanced, big),
            block(3, &simple, big),
            block(2, &obsolete, big),
            block(5, &[0; 12], big),
        ];
        corpus.add("container", &file.concat());
        for magic in [0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34] {
            let header = [&word(magic)[..], &half(2), &half(4), &[0; 8], &word(65535), &word(1)].concat();
            let record = [&word(1)[..], &word(2), &word(20), &word(20), &[0; 28]].concat();
            corpus.add("container", &[header, record.repeat(4)].concat());
        }
    }
    corpus.add("container", XZ);
    corpus.add("scan", XZ);
    let word = u32::to_be_bytes;
    let record = [&word(20)[..], &word(20), &word(44), &word(0), &word(9), &word(1), &[3; 20]].concat();
    corpus.add("container", &[&b"snoop\0\0\0"[..], &word(2), &word(4), &record.repeat(3)].concat());
    let erf = [&[1; 8][..], &[2, 4, 0, 38, 0, 0, 0, 20], &[0; 22]].concat();
    corpus.add("container", &erf.repeat(4));
    let log = "\x1b[2J > wandRECV-a:7:(task: B0, time: 5.25) 18 octets @ 80\r\n  [0000]: FF 03 00 21 45 00 00 10 00 \
               00 00 00 40 11 00 00\r\n  [0010]: C0 00\r\nDate: 01/12/1990.  Time: 12:22:33\n\
               WD_DIALOUT_DISP: chunk 1 type IP.\n(task: 1, time: 6.00) 2 octets @ 1\n  [0000]: 01 02\n\
               PRI-XMIT-1/2 (task \"a b\" at 0x1, time: 7.5) 3 octets @ 0x1\n  [0000]: 01 02 03                        ...\n";
    corpus.add("container", log.as_bytes());
    corpus.add("scan", log.as_bytes());
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[tag, 0x82][..], &(content.len() as u16).to_be_bytes(), &content].concat()
}

/// Who is behind an address, by hand: DHCP, NBNS, mDNS, Kerberos, NTLM.
fn hints(corpus: &Corpus) {
    let mut dhcp = vec![0; 236];
    dhcp[..4].copy_from_slice(&[1, 1, 6, 0]);
    dhcp.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 3, 12, 4, b'P', b'C', b'-', b'7', 50, 4, 192, 0, 2, 10]);
    dhcp.extend([81, 8, 0, 0, 0, b'p', b'c', b'.', b'a', b'b', 60, 4, b'M', b'S', b'F', b'T', 0xff]);
    let name: Vec<u8> =
        b"PC-7            ".iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]).collect();
    let asked = [&[0, 1, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32][..], &name, &[0, 0, 32, 0, 1]].concat();
    let nbns = [&asked[..], &[0xc0, 12, 0, 32, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0, 192, 0, 2, 10]].concat();
    let mdns = [
        &[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 4][..],
        b"pc-7\x05local\0",
        &[0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 192, 0, 2, 10],
    ]
    .concat();
    let integer = |value: u8| der(2, &[&[value]]);
    let client =
        der(0x30, &[&der(0xa0, &[&integer(1)]), &der(0xa1, &[&der(0x30, &[&der(0x1b, &[b"alice"])])])]);
    let address = der(0x30, &[&der(0xa0, &[&integer(20)]), &der(0xa1, &[&der(4, &[b"PC-7            "])])]);
    let request = der(
        0x30,
        &[
            &der(0xa1, &[&client]),
            &der(0xa2, &[&der(0x1b, &[b"CORP.TEST"])]),
            &der(0xa9, &[&der(0x30, &[&address])]),
        ],
    );
    let kerberos =
        der(0x6a, &[&der(0x30, &[&[0xa1, 3, 2, 1, 5], &[0xa2, 3, 2, 1, 10], &der(0xa4, &[&request])])]);
    let framed = [&(kerberos.len() as u32).to_be_bytes()[..], &kerberos].concat();
    let mut ntlm = b"NTLMSSP\0\x03\0\0\0".to_vec();
    ntlm.resize(72, 0);
    ntlm[60] = 1;
    for (field, text) in [(28, "CORP"), (36, "alice"), (44, "PC-7")] {
        let raw: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let offset = ntlm.len() as u32;
        ntlm[field..field + 2].copy_from_slice(&(raw.len() as u16).to_le_bytes());
        ntlm[field + 4..field + 8].copy_from_slice(&offset.to_le_bytes());
        ntlm.extend(raw);
    }
    let smb = [&[0, 0, 0, 200, 0xfe][..], b"SMB", &[0; 60], &ntlm].concat();
    let blob = base64::engine::general_purpose::STANDARD.encode(&ntlm);
    let http = format!("GET /a HTTP/1.1\r\nHost: a.test\r\nAuthorization: Negotiate {blob}\r\n\r\n");
    let all = [&dhcp[..], &nbns, &mdns, &kerberos, &framed, &smb, http.as_bytes(), &[5, 1, 0]];
    for (choice, bytes) in all.into_iter().enumerate() {
        corpus.add("hints", &script::write(choice as u8, [(Side::Client, bytes), (Side::Server, bytes)]));
    }
}

/// Tunnels of OpenVPN, by hand: resets, and a hello in pieces.
fn tunnels(corpus: &Corpus) {
    let name = [&[0, 19, 0, 0, 0, 15, 0, 13, 0, 0, 10][..], b"c2.example"].concat();
    let hello = [&[3, 3][..], &[7; 32], &[0, 0, 4, 0xc0, 0x2f, 0, 0x9c, 1, 0], &name].concat();
    let hello = [&[22, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8][..], &hello].concat();
    for (extra, stream) in [(0, false), (28, false), (0, true), (72, true)] {
        let packet = |opcode: u8, acks: u8, number: u8, piece: &[u8]| {
            let ids = vec![0; usize::from(acks) * 4];
            let theirs = vec![9; if acks > 0 { 8 } else { 0 }];
            let head = [&[opcode][..], &[5; 8], &vec![0xee; extra], &[acks], &ids, &theirs].concat();
            let packet = [&head[..], &[0, 0, 0, number], piece].concat();
            let length = if stream { (packet.len() as u16).to_be_bytes().to_vec() } else { Vec::new() };
            [length, packet].concat()
        };
        let (first, second) = hello.split_at(40);
        let all = [
            (Side::Client, packet(0x38, 0, 0, &[])),
            (Side::Server, packet(0x40, 1, 0, &[])),
            (Side::Client, packet(0x20, 1, 1, first)),
            (Side::Client, packet(0x20, 0, 2, second)),
            (Side::Server, packet(0x20, 2, 1, &[22, 3, 3, 0, 4, 14, 0, 0, 0])),
            (Side::Client, packet(0x30, 0, 3, &[1; 50])),
        ];
        let steps = all.iter().map(|(side, bytes)| (*side, &bytes[..]));
        corpus.add("openvpn", &script::write(u8::from(!stream), steps.clone()));
        corpus.add("conversation", &script::write(if stream { 1 } else { 2 }, steps));
    }
}

/// HTTP/2 and QUIC frames, by hand.
fn frames(corpus: &Corpus) {
    let frame = |kind: u8, flags: u8, stream: u8, body: &[u8]| -> Vec<u8> {
        [&[0, (body.len() >> 8) as u8, body.len() as u8, kind, flags, 0, 0, 0, stream][..], body].concat()
    };
    // `:method: POST`, `:scheme: https`, `:path: /up`, `:authority: a.test`, `content-type: text/plain`.
    let head =
        [&[0x83, 0x87, 0x44, 3][..], b"/up", &[0x41, 6], b"a.test", &[0x5f, 10], b"text/plain"].concat();
    let up = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0, 0]),
        frame(1, 4, 1, &head),
        frame(0, 1, 1, b"hello, this is a body"),
        frame(8, 0, 0, &[0, 1, 0, 0]),
        frame(1, 0, 3, &head[..8]),
        frame(9, 4, 3, &head[8..]),
        frame(6, 0, 0, &[0; 8]),
    ];
    let down =
        [frame(4, 0, 0, &[]), frame(1, 4, 1, &[0x88]), frame(0, 1, 1, b"ok"), frame(3, 0, 3, &[0, 0, 0, 8])];
    let steps = [(Side::Client, &up.concat()[..]), (Side::Server, &down.concat())];
    corpus.add("http2", &script::write(0, steps));
    // PADDING, PING, ACK, CRYPTO in two parts.
    let crypto = [&[0, 0, 1, 2, 0, 6, 0, 20][..], &[1, 0, 0, 16], &[3; 16]].concat();
    let rest = [&[6, 20, 10][..], &[3; 10], &[2, 1, 0, 0, 0]].concat();
    corpus.add(
        "quic",
        &script::write(1, [(Side::Client, &crypto[..]), (Side::Server, &crypto), (Side::Client, &rest)]),
    );
}

/// A handshake, segments in and out of order, an end.
fn segments(corpus: &Corpus) {
    for policy in 0..8 {
        let mut seed = vec![policy];
        let mut add = |side: u8, flags: u8, seq: i16, length: u8| {
            let [high, low] = seq.to_be_bytes();
            seed.extend([side << 2, flags, high, low, length, 0, 10, 0]);
        };
        for (side, flags, seq, length) in [
            (0, 2, 0, 0),
            (1, 18, 0, 0),
            (0, 24, 0, 100),
            (0, 24, 200, 100),
            (0, 24, 100, 100),
            (1, 24, 0, 200),
            (0, 24, 50, 100),
            (0, 24, 900, 10),
            (1, 24, 210, 250),
            (0, 17, 300, 0),
            (1, 17, 460, 0),
        ] {
            add(side, flags, seq, length);
        }
        seed.extend([
            2, 0, 0, 0, 30, 0, 210, 0, 6, 0, 0, 0, 60, 0, 1, 0, 3, 8, 0, 0, 60, 0, 1, 0, 7, 0, 0, 0, 60, 0,
            1, 0,
        ]);
        corpus.add("reassembly", &seed);
    }
}

/// Where the words of a target's dictionary stand.
const WORDS: [(&str, &str); 13] = [
    ("conversation", "src/protocol"),
    ("tls", "src/protocol/tls"),
    ("http1", "src/protocol/http"),
    ("http2", "src/protocol/http2"),
    ("dns", "src/protocol/dns"),
    ("smtp", "src/protocol/smtp"),
    ("ftp", "src/protocol/ftp"),
    ("hints", "src/protocol"),
    ("opaque", "src/protocol/opaque"),
    ("content", "src/content"),
    ("records", "src/record"),
    ("rules", "src/detect/families"),
    ("container", "src/capture"),
];

/// Bytes of a literal, without its quotes; `None` at escapes that are not those of bytes.
fn unescape(literal: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), literal.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, if byte == b'\\' { rest.next()? } else { 0 }) {
            (b'\\', b'n') => b'\n',
            (b'\\', b'r') => b'\r',
            (b'\\', b't') => b'\t',
            (b'\\', b'0') => 0,
            (b'\\', b'x') => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            (b'\\', other @ (b'\\' | b'"')) => other,
            (b'\\', _) => return None,
            _ => byte,
        });
    }
    Some(bytes)
}

/// Lists of indicators in every form.
const LISTS: [&str; 4] = [
    "# x\nloki.example\n203[.]0[.]113[.]4:80\nhxxp://loki.example/a\n0.0.0.0 a.example\n2001:db8::/32\n",
    "id,dst_ip,dst_port,url\n1,\"203.0.113.4\",80,http://loki.example/a\n",
    "{\"type\":\"bundle\",\"objects\":[{\"type\":\"indicator\",\"id\":\"indicator--00000000-0000-4000-8000-000000000001\",\"pattern\":\"[domain-name:value = 'loki.example' OR ipv4-addr:value IN ('203.0.113.4', '203.0.113.5')]\"}]}",
    "{\"Event\":{\"Attribute\":[{\"type\":\"ip-dst|port\",\"value\":\"203.0.113.4|80\",\"to_ids\":true,\"uuid\":\"00000000-0000-4000-8000-000000000001\"}]}}",
];

/// Literals of the sources in a folder, and what the rules are written with.
fn words(folder: &Path, found: &mut BTreeSet<Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("sources").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            words(&entry, found);
        } else if let Ok(text) = fs::read_to_string(&entry) {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().replace("\\\"", "\\x22");
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let literals = lines
                .flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
            found.extend(
                literals
                    .filter_map(|literal| unescape(&literal))
                    .filter(|word| (2..=32).contains(&word.len())),
            );
        }
    }
}

/// Writes the dictionaries below a folder.
fn dictionaries(root: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    for (target, sources) in WORDS {
        let mut found = BTreeSet::new();
        words(&root.join(sources), &mut found);
        let quote = |word: &Vec<u8>| {
            let escaped: String = word
                .iter()
                .map(|byte| match byte {
                    b'"' | b'\\' => format!("\\{}", char::from(*byte)),
                    b' '..=b'~' => char::from(*byte).to_string(),
                    _ => format!("\\x{byte:02X}"),
                })
                .collect();
            format!("\"{escaped}\"\n")
        };
        let mark = (0..4).map(|kind| format!("\"\\xFD\\xC5\\x{kind:02X}\"\n"));
        fs::write(folder.join(target), found.iter().map(quote).chain(mark).collect::<String>())
            .expect("written");
    }
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = std::env::args().nth(1).map_or_else(|| root.join("fuzz/corpus"), PathBuf::from);
    dictionaries(&root, &folder.join("../dictionaries"));
    let corpus = Corpus(folder);
    let mut cases: Vec<PathBuf> = fs::read_dir(root.join("testdata"))
        .expect("testdata")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    cases.sort();
    for case in cases.iter().filter(|case| case.is_dir()) {
        let files = fs::read_dir(case).expect("a case").map(|entry| entry.expect("an entry").path());
        for file in files.filter(|file| {
            file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("capture."))
        }) {
            capture(&corpus, &file);
            if file.ends_with("lokibot/capture.pcap") {
                packed(&corpus, &fs::read(&file).expect("a capture"));
            }
        }
    }
    containers(&corpus);
    hints(&corpus);
    frames(&corpus);
    tunnels(&corpus);
    segments(&corpus);
    let rules = root.join("rules");
    corpus.add("rules", &[&[0][..], &fs::read(rules.join("signals.toml")).expect("signals")].concat());
    corpus.add("rules", &[&[1][..], &fs::read(rules.join("services.toml")).expect("services")].concat());
    for list in LISTS {
        corpus.add("rules", &[&[4][..], list.as_bytes()].concat());
    }
    for family in fs::read_dir(rules.join("families")).expect("families") {
        let text = fs::read(family.expect("an entry").path()).expect("a family");
        corpus.add("rules", &[&[2][..], &text].concat());
    }
}
