//! Feeds long inputs made of one pattern and says how the time grows with the length: no step may be worse than
//! n log n, and fuzzers keep their inputs too short to notice. Prints what needs far more than twice the time for twice
//! the length, or is slow at all; all of it with `-v`. Run it with `--release`.

use exfilscan::content::{Declared, Scanner};
use exfilscan::flow::{Appetite, Carrier, Dissector as _, Side};
use exfilscan::protocol::{Conversation, Shared};
use exfilscan_fuzz::captures;
use exfilscan_fuzz::script::{at, opening};
use std::time::{Duration, Instant};

/// Bytes of the shorter input; the longer one has twice as many.
const LENGTH: usize = 4 << 20;
/// Bytes of a segment.
const SEGMENT: usize = 1460;
/// Twice the length may take so many times the time: caches and growing buffers take their share.
const GROWTH: f64 = 3.0;
/// Below this nothing is said: clocks are coarse, and beginnings cost.
const NOTHING: Duration = Duration::from_millis(60);
/// Slower than this is slow: 8 MiB/s.
const SLOW: Duration = Duration::from_secs(1);

/// A beginning, and what follows it again and again.
type Pattern = (&'static [u8], &'static [u8]);

/// What a client says to a port, and what the server answers first.
const STREAMS: &[(u16, &[u8], &[Pattern])] = &[
    (
        80,
        b"",
        &[
            (b"", b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
            (b"GET / HTTP/1.1\r\n", b"a: b\r\n"),
            (b"GET / HTTP/1.1\r\n", b" folded\r\n"),
            (b"GET / HTTP/1.1\r\n", b"Cookie: a=b; c=d\r\n"),
            (b"GET / HTTP/1.1\r\nx: ", b"y"),
            (b"GET /", b"a%41&=/?"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;x=y\r\na\r\n"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
            (b"", b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na"),
            (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"\r\n\r\nGET / HTTP/1.1\r\n"),
            (b"", b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"),
            (b"", b"CONNECT a.test:1 HTTP/1.1\r\n\r\n"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\x01\x01\x04\0\0\0\x01\x82"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\x06\x01\x04\0\0\0\x01\x40\x01a\x02bc"),
            (
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x01\x01\0\0\0\0\x01\x82",
                b"\0\0\x01\x09\0\0\0\0\x01\x82",
            ),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\0\0\0\0\0\0\x01"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\x06\x04\0\0\0\0\0\0\x01\0\0\0\0"),
        ],
    ),
    (
        443,
        b"",
        &[
            (b"", b"\x16\x03\x03\0\x01\x01"),
            (b"\x16\x03\x01\0\x05\x01\0\0\x01\0", b"\x16\x03\x03\0\x01\0"),
            (b"\x16\x03\x01\0\x05\x01\0\0\x01\0", b"\x17\x03\x03\0\x01\0"),
            (b"\x16\x03\x01\0\x05\x01\0\0\x01\0", b"\x16\x03\x03\0\x04\x0b\0\0\0"),
            (b"\x16\x03\x01\x40\0\x0b\xff\xff\xff", b"\0"),
        ],
    ),
    (
        587,
        b"220 a ESMTP\r\n",
        &[
            (b"EHLO a\r\n", b"MAIL FROM:<a@b.test>\r\n"),
            (b"EHLO a\r\n", b"RCPT TO:<a@b.test>\r\n"),
            (b"EHLO a\r\n", b"AUTH LOGIN\r\n"),
            (b"EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n", b"\r\n.\r\n"),
            (b"EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n", b"Subject: a\r\n"),
            (
                b"EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nSubject: a\r\n",
                b" =?utf-8?b?YWJj?=\r\n",
            ),
            (b"EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n", b"x"),
            (b"EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n\r\n", b".\r\n..\r\n"),
            (b"EHLO ", b"a"),
            (b"EHLO a\r\n", b"BDAT 1\r\na"),
        ],
    ),
    (
        21,
        b"220 a FTP\r\n",
        &[
            (b"USER a\r\n", b"STOR a\r\n"),
            (b"USER a\r\n", b"PORT 192,0,2,10,1,2\r\n"),
            (b"USER a\r\n", b"CWD a\r\n"),
            (b"USER ", b"a"),
        ],
    ),
    (
        53,
        b"",
        &[
            (b"", b"\0\x1d\0\x07\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0"),
            (b"", b"\0\x12\0\x07\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01"),
        ],
    ),
    (88, b"", &[(b"", b"\0\0\0\x0e\x6a\x0c\x30\x0a\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a")]),
    (445, b"", &[(b"", b"NTLMSSP\0\x03\0\0\0"), (b"\0\0\0\x40\xfeSMB", b"\0")]),
    (
        4444,
        b"",
        &[
            (b"", b"PK\x03\x04"),
            (b"", b"\0\0\0\x04abcd"),
            (b"", b"P"),
            (b"", b"\x1f\x8b\x08"),
            (b"{", b"\"a\":1,"),
        ],
    ),
];

/// A declared type and a body of it.
const BODIES: &[(&str, &[Pattern])] = &[
    (
        "",
        &[
            (b"", b"PK\x03\x04"),
            (b"PK\x03\x04", b"PK\x01\x02PK\x05\x06"),
            (b"PK\x03\x04\x14\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a", b"PK\x07\x08"),
            (b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a", b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a"),
            (b"Rar!\x1a\x07\0", b"\0\0\x74\0\0\x20\0"),
            (b"Rar!\x1a\x07\x01\0", b"\0\0\0\0\x03\x02\x02\0"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\0"),
            (b"\x1f\x8b\x08\x08\0\0\0\0\0\xff", b"a"),
            (b"", b"\0"),
            (b"", b"password: a\r\n"),
            (b"", b"http://a.test/ "),
            (b"", b"a@b.test;"),
            (b"", b"%41"),
            (b"", b"QUJD"),
            (b"", b"UEsDBBQA"),
            (b"", b"ff d8 "),
            (b"<?xml?>", b"<a>"),
        ],
    ),
    ("application/json", &[(b"", b"["), (b"", b"{\"a\":"), (b"{", b"\"a\":1,"), (b"{\"a\":\"", b"\\u0041"), (b"\"", b"\\\\"), (b"{\"a\":\"", b"QUJD"), (b"[", b"{},")]),
    ("application/x-www-form-urlencoded", &[(b"", b"a=b&"), (b"", b"&"), (b"a=", b"%41"), (b"a=", b"+"), (b"", b"a"), (b"a=", b"QUJD")]),
    ("multipart/form-data; boundary=B", &[
        (b"", b"\r\n--"),
        (b"", b"--B\r\n"),
        (b"", b"--B\r\n\r\n\r\n"),
        (b"--B\r\n", b"a: b\r\n"),
        (b"--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"", b"a"),
        (b"--B\r\n\r\n", b"\r"),
        (b"--B\r\n\r\n", b"\r\n-"),
        (b"", b"--B\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"),
        (b"", b"--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b.zip\"\r\n\r\nPK\x03\x04\r\n"),
    ]),
];

/// Files.
const FILES: &[Pattern] = &[
    (b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0", b"\0"),
    (b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0", b"\x01"),
    (b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", b"\0\0\0\0\x01\0\0\0\0\0\x02\0\0\0\x02\0"),
    (b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", b"\0"),
    (b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0", b"\x0c\0\0\0\x0c\0\0\0\x0c\0\0\0"),
    (b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0", b"\x01\0\0\0\x14\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0"),
    (b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0", b"\x06\0\0\0\0\0\x01\0"),
    (b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0\x06\0\0\0\xff\xff\xff\xff", b"\x06\0\0\0\xf0\0\x01\0"),
];

fn long(pattern: &Pattern, length: usize) -> Vec<u8> {
    let mut all = pattern.0.to_vec();
    all.extend(pattern.1.iter().cycle().take(length));
    all
}

fn stream(port: u16, greeting: &[u8], bytes: &[u8], segment: usize) {
    let (mut shared, opening) = (Shared::default(), opening(Carrier::Tcp, port));
    let mut conversation = Conversation::open(&opening, &mut shared);
    if !greeting.is_empty() {
        conversation.data(Side::Server, greeting, at(1), &mut shared);
    }
    let mut skip = 0;
    for (n, slice) in bytes.chunks(segment).enumerate() {
        let at = at(n as u64 + 2);
        let over = usize::try_from(skip).unwrap_or(usize::MAX).min(slice.len());
        if over > 0 {
            conversation.passed(Side::Client, over as u64, at);
            skip -= over as u64;
        }
        if over < slice.len() {
            skip = match conversation.data(Side::Client, &slice[over..], at, &mut shared) {
                Appetite::All => 0,
                Appetite::Skip(length) => length,
                Appetite::Enough => u64::MAX,
            };
        }
    }
    conversation.end(&mut shared);
}

fn body(media_type: &str, bytes: &[u8], size: usize) {
    let media_type = (!media_type.is_empty()).then_some(media_type);
    let mut scanner = Scanner::new(&Declared { media_type, upload: true, ..Declared::default() });
    bytes.chunks(size).for_each(|piece| scanner.feed(piece));
    scanner.finish();
}

/// Processor time of this thread: on a machine that does other things as well the clock on the wall says little. Linux
/// only; elsewhere the wall's.
fn used(since: Instant) -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanos = spent.ok().and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fn measure(what: &str, pattern: &Pattern, run: impl Fn(&[u8])) -> bool {
    let start = Instant::now();
    let time = |length| {
        let bytes = long(pattern, length);
        let before = used(start);
        run(&bytes);
        used(start).saturating_sub(before)
    };
    let (one, two) = (time(LENGTH), time(2 * LENGTH));
    let growth = two.as_secs_f64() / one.as_secs_f64().max(1e-9);
    let bad = two > NOTHING && growth > GROWTH || two > SLOW;
    if bad || std::env::args().any(|arg| arg == "-v") {
        let text =
            |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).escape_debug().to_string();
        println!("{what}: {one:?}, {two:?}, {growth:.1} times: {} then {}", text(pattern.0), text(pattern.1));
    }
    bad
}

fn main() {
    let mut bad = 0;
    for (port, greeting, patterns) in STREAMS {
        for pattern in *patterns {
            for segment in [SEGMENT, 1] {
                let what = format!("port {port} in segments of {segment}");
                bad += usize::from(measure(&what, pattern, |bytes| stream(*port, greeting, bytes, segment)));
            }
        }
    }
    for (media_type, patterns) in BODIES {
        for pattern in *patterns {
            for size in [SEGMENT, 1] {
                let what = format!("body {media_type} in pieces of {size}");
                bad += usize::from(measure(&what, pattern, |bytes| body(media_type, bytes, size)));
            }
        }
    }
    for pattern in FILES {
        bad += usize::from(measure("file, read twice", pattern, captures::check));
    }
    println!("{bad} of these want a look");
}
