//! Bytes as a body with what was declared of it.

use exfilscan::content::{Declared, Scanner};
use exfilscan::record::Body;

/// Declared types; the last stands for the first line of the input.
const TYPES: [Option<&str>; 10] = [
    None,
    Some("application/octet-stream"),
    Some("application/x-www-form-urlencoded"),
    Some("application/json"),
    Some("multipart/form-data; boundary=B"),
    Some("multipart/mixed; boundary=\"B\""),
    Some("text/html; charset=utf-8"),
    Some("application/zip"),
    Some("text/plain"),
    Some(""),
];
const ENCODINGS: [Option<&str>; 4] = [None, Some("gzip"), Some("deflate"), Some("identity, gzip")];
const TRANSFERS: [Option<&str>; 4] = [None, Some("base64"), Some("quoted-printable"), Some("7bit")];
/// Bytes of the input before the body.
pub const HEADER: usize = 3;
/// What a description may take, printed: it has a bound whatever the body.
const MAX_PRINTED: usize = 4 << 20;

/// Gaps and changes of mind at places of the body.
struct Turns {
    missing_at: usize,
    missing: u64,
    figures_at: usize,
}

fn scan(declared: &Declared<'_>, body: &[u8], size: usize, turns: &Turns) -> Body {
    let mut scanner = Scanner::new(declared);
    let mut satisfied = false;
    let mut offset = 0;
    let seams = [turns.missing_at, turns.figures_at];
    while offset < body.len() {
        if offset == turns.missing_at && turns.missing > 0 {
            scanner.missing(turns.missing);
        }
        if offset == turns.figures_at {
            scanner.figures_only();
        }
        let seam = seams.into_iter().filter(|seam| *seam > offset).min().unwrap_or(usize::MAX);
        let end = offset.saturating_add(size).min(seam).min(body.len());
        scanner.feed(&body[offset..end]);
        offset = end;
        assert!(!(satisfied && scanner.wants()), "wants again what it did not want");
        satisfied = !scanner.wants();
    }
    scanner.finish()
}

/// The same description in slices of any size, with a bound.
pub fn check(data: &[u8]) {
    let Some((&[how, typed, twist], mut body)) = data.split_first_chunk::<HEADER>() else { return };
    let mut media_type = TYPES[usize::from(typed) % TYPES.len()];
    if media_type == Some("") {
        let end = body.iter().position(|byte| *byte == b'\n').unwrap_or(body.len());
        media_type = std::str::from_utf8(&body[..end]).ok();
        body = body.get(end + 1..).unwrap_or_default();
    }
    let declared = Declared {
        media_type,
        encoding: ENCODINGS[usize::from(how >> 1 & 3)],
        transfer: TRANSFERS[usize::from(how >> 3 & 3)],
        file_name: (how & 32 != 0).then_some("a.zip"),
        upload: how & 1 == 0,
    };
    let place = |n: u8| if n == 0 { usize::MAX } else { body.len() * usize::from(n) / 16 };
    let turns = Turns { missing_at: place(twist & 15), missing: 1000, figures_at: place(twist >> 4) };
    let whole = scan(&declared, body, usize::MAX, &turns);
    let missing = if turns.missing_at < body.len() { turns.missing } else { 0 };
    assert_eq!(whole.bytes, body.len() as u64 + missing);
    assert!(format!("{whole:?}").len() <= MAX_PRINTED, "a description without a bound");
    for size in [1, 7, 509] {
        assert_eq!(scan(&declared, body, size, &turns), whole, "in pieces of {size}");
    }
}
