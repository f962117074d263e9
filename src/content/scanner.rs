//! The scanner: bytes of one body in, a description out.

use super::entity::Context;
use super::stream::Stream;
use crate::record::Body;

/// Layers of encoding that are undone below the declared one: base64 of gzip, base64 of base64.
pub(super) const LAYERS_MAX: u8 = 2;

/// Levels of multipart: a mail with attachments holds its text in two versions.
pub(super) const NESTED_MAX: u8 = 2;

/// What a protocol declared of a body before its bytes came.
#[derive(Debug, Default, Clone, Copy)]
pub struct Declared<'a> {
    /// The whole Content-Type value, parameters (boundary) included.
    pub media_type: Option<&'a str>,
    /// Content-Encoding.
    pub encoding: Option<&'a str>,
    /// MIME Content-Transfer-Encoding (mail): `base64`, `quoted-printable`, ... A mail without one is `7bit`
    /// (RFC 2045, 6.1); saying so keeps the first bytes of its text out of the record.
    pub transfer: Option<&'a str>,
    /// File name.
    pub file_name: Option<&'a str>,
    /// It goes to a server (an upload): looked at to the end of the bounds. Else only its first 64 KiB are.
    pub upload: bool,
}

/// Looks at one body as it passes. Memory is bounded whatever the body.
///
/// Declared encodings (a transfer encoding; gzip and deflate of uploads) are undone first: type, shape, entropy and
/// first bytes are those of the decoded body, lengths those of the transferred one.
#[derive(Debug)]
pub struct Scanner {
    stream: Stream,
}

impl Scanner {
    /// Starts on a body.
    pub fn new(declared: &Declared<'_>) -> Self {
        let nested = if declared.upload { NESTED_MAX } else { 0 };
        let context = Context { upload: declared.upload, layers: LAYERS_MAX, nested, ..Context::default() };
        Self { stream: Stream::new(context, declared) }
    }
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.stream.feed(bytes);
    }
    /// From here on only length, shape and entropy are asked for: nothing is looked into. What was found before may
    /// be lost.
    pub fn figures_only(&mut self) {
        self.stream.figures_only();
    }
    /// `length` bytes were never captured.
    pub fn missing(&mut self, length: u64) {
        self.stream.missing(length);
    }
    /// `length` bytes were captured but not handed over.
    pub fn passed(&mut self, length: u64) {
        self.stream.passed(length);
    }
    /// Whether more bytes would change anything but the length. Once false it stays so.
    pub fn wants(&self) -> bool {
        self.stream.wants()
    }
    /// States what was seen.
    pub fn finish(self) -> Body {
        self.stream.finish().body
    }
}

#[cfg(test)]
mod tests {
    use super::super::zip::tests::{How, archive};
    use super::super::{tar, zip};
    use super::*;
    use crate::record::{Archive, Shape};
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD as B64, URL_SAFE};
    use proptest::prelude::*;
    use std::io::Write as _;

    const UP: Declared<'static> =
        Declared { media_type: None, encoding: None, transfer: None, file_name: None, upload: true };

    /// Scans in one piece, byte by byte and in odd pieces, which must agree.
    fn scan(declared: &Declared<'_>, bytes: &[u8]) -> Body {
        let pieces = |size: usize| {
            let mut scanner = Scanner::new(declared);
            bytes.chunks(size).for_each(|piece| scanner.feed(piece));
            scanner.finish()
        };
        let whole = pieces(bytes.len().max(1));
        for size in [1, 7, 509, 1460] {
            assert_eq!(pieces(size), whole, "in pieces of {size}");
        }
        assert_eq!(whole.bytes, bytes.len() as u64);
        whole
    }

    fn up(bytes: &[u8]) -> Body {
        scan(&UP, bytes)
    }

    fn typed(media_type: &str) -> Declared<'_> {
        Declared { media_type: Some(media_type), ..UP }
    }

    /// Bytes without structure.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x1234_5678_9abc_def0_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    fn loot(how: How) -> Vec<u8> {
        let noise = noise(3000);
        archive(
            &[("Passwords.txt", b"nothing"), ("Cookies/Browser.txt", b"none"), ("screen.png", &noise)],
            how,
        )
    }

    fn names(archive: &Archive) -> Vec<&str> {
        archive.members.iter().map(|m| m.name.as_str()).collect()
    }

    const LOOT: [&str; 3] = ["Passwords.txt", "Cookies/Browser.txt", "screen.png"];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn has_loot(body: &Body) {
        assert_eq!(body.archive.as_deref().map(names), Some(LOOT.to_vec()), "{body:?}");
    }

    /// Lines of 76 characters, as mail has them.
    fn mime(text: &str) -> String {
        let lines: Vec<_> = text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        lines.join("\r\n") + "\r\n"
    }

    const LISTING: &str = "URL: https://shop.example/\r\nUsername: erika\r\nPassword: nothing\r\n\r\n";

    #[test]
    fn an_empty_body_says_nothing() {
        assert_eq!(up(b""), Body::default());
    }

    #[test]
    fn an_archive_is_found_plain_encrypted_streamed_and_behind_a_length() {
        for how in [How::Plain, How::Descriptor, How::Encrypted] {
            let bytes = loot(how);
            let body = up(&bytes);
            assert_eq!((body.magic.as_deref(), body.shape), (Some("zip"), Some(Shape::Binary)));
            assert!(body.first.0.starts_with(b"PK\x03\x04") && body.first.0.len() == 32);
            assert_eq!(body.archive.as_ref().map(|a| a.encrypted), Some(how == How::Encrypted));
            has_loot(&body);
            let framed = [&(bytes.len() as u32).to_le_bytes(), b"\x01loot".as_slice(), &bytes].concat();
            let body = up(&framed);
            assert_eq!(body.magic, None);
            has_loot(&body);
        }
        let late = [noise(20_000), loot(How::Plain)].concat();
        has_loot(&up(&late));
    }

    #[test]
    fn base64_in_all_its_places_is_undone() {
        let bytes = loot(How::Plain);
        let text = B64.encode(&bytes);
        let lines = mime(&text);
        for (body, shape) in [
            (text.clone(), Shape::Base64),
            (URL_SAFE.encode(&bytes), Shape::Base64),
            (lines, Shape::Base64),
            (
                format!(
                    "{{\"pc\":\"EXAMPLE-PC\",\"files\":[{{\"n\":1,\"data\":\"{}\"}}]}}",
                    text.replace('/', "\\/")
                ),
                Shape::Json,
            ),
            (
                format!("id=7&data={}", text.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D")),
                Shape::Form,
            ),
            (format!("id=7&data={text}"), Shape::Form),
            (format!("<a:Envelope><f>{text}</f></a:Envelope>"), Shape::Xml),
            (format!("name x\ndata:application/zip;base64,{text}\nend"), Shape::Text),
        ] {
            let seen = up(body.as_bytes());
            assert_eq!(seen.shape, Some(shape), "{body:.60}");
            assert_eq!(seen.wrapped, ["base64"], "{body:.60}");
            assert_eq!(seen.magic.as_deref(), Some("zip"), "{body:.60}");
            has_loot(&seen);
        }
        let twice = up(B64.encode(&text).as_bytes());
        assert_eq!(twice.wrapped, ["base64", "base64"]);
        has_loot(&twice);
        let thrice = up(B64.encode(B64.encode(&text)).as_bytes());
        assert_eq!(thrice.archive, None);
        let hex = crate::record::Hex::from(bytes.as_slice()).to_string();
        let seen = up(hex.as_bytes());
        assert_eq!((seen.shape, seen.wrapped.as_slice()), (Some(Shape::Hex), ["hex".to_owned()].as_slice()));
        has_loot(&seen);
    }

    #[test]
    fn compressed_uploads_are_looked_into() {
        let json = format!("{{\"data\":\"{}\"}}", B64.encode(loot(How::Plain)));
        let packed = gzip(json.as_bytes());
        let body =
            scan(&Declared { encoding: Some("gzip"), media_type: Some("application/json"), ..UP }, &packed);
        assert_eq!((body.shape, body.encoding.as_deref()), (Some(Shape::Json), Some("gzip")));
        has_loot(&body);
        let tar = tar::tests::archive(&[("a/Passwords.txt", b"x"), ("a/Login Data", b"y")]);
        let body = up(&gzip(&tar));
        assert_eq!(body.magic.as_deref(), Some("gzip"));
        assert_eq!(body.wrapped, ["gzip"]);
        let inner = body.archive.unwrap();
        assert_eq!((inner.kind.as_str(), names(&inner)), ("tar", vec!["a/Passwords.txt", "a/Login Data"]));
        // The same behind a length, as raw protocols and home-made uploads send it.
        let framed = [&(packed.len() as u32).to_le_bytes()[..], &gzip(&tar)].concat();
        let body = up(&framed);
        assert_eq!(
            (body.magic.as_deref(), body.wrapped.as_slice()),
            (Some("tar"), ["gzip".to_owned()].as_slice())
        );
        assert_eq!(body.archive.as_deref().map(names), Some(vec!["a/Passwords.txt", "a/Login Data"]));
        let down = scan(&Declared { upload: false, ..UP }, &framed);
        assert_eq!((down.archive, down.wrapped.len()), (None, 0));
        // Three bytes that only look like it keep their archive's name and nothing else.
        let broken = up(&[b"\0\0\0\x40\x1f\x8b\x08\0\0\0\0\0\0\x0b", &noise(600)[..]].concat());
        assert_eq!((broken.archive.map(|a| a.members.len()), broken.wrapped.len()), (Some(0), 0));
        // A response that is compressed in transfer is no archive.
        let down = Declared { encoding: Some("gzip"), upload: false, ..UP };
        assert_eq!(scan(&down, &packed).archive, None);
        assert_eq!(
            scan(&Declared { upload: false, ..UP }, &packed).archive.map(|a| a.kind),
            Some("gzip".into())
        );
    }

    fn part(head: &str, body: &[u8]) -> Vec<u8> {
        [format!("--B0undary\r\n{head}\r\n\r\n").as_bytes(), body, b"\r\n"].concat()
    }

    fn upload_form() -> Vec<u8> {
        [
            part("Content-Disposition: form-data; name=\"hwid\"", b"0123456789abcdef"),
            part("Content-Disposition: form-data; name=\"password\"", b"nothing"),
            part("Content-Disposition: form-data; name=\"empty\"", b""),
            part(
                "Content-Disposition: form-data; name=\"file\"; filename=\"C:\\Temp\\EX.zip\"\r\nContent-Type: application/zip",
                &loot(How::Plain),
            ),
            part("Content-Disposition: form-data; name=\"data\"", B64.encode(loot(How::Plain)).as_bytes()),
            b"--B0undary--\r\n".to_vec(),
        ]
        .concat()
    }

    #[test]
    fn a_multipart_form_has_parts() {
        let bytes = upload_form();
        for declared in [
            typed("multipart/form-data; boundary=B0undary"),
            typed("multipart/form-data, boundary=\"B0undary\""),
            typed("multipart/form-data; boundary=other"),
            UP,
        ] {
            let body = scan(&declared, &bytes);
            let parts: Vec<_> = body.parts.iter().map(|p| (p.name.as_deref(), p.value.as_deref())).collect();
            let expected = [
                (Some("hwid"), Some("0123456789abcdef")),
                (Some("password"), None),
                (Some("empty"), None),
                (Some("file"), None),
                (Some("data"), None),
            ];
            assert_eq!(parts, expected);
            assert!(body.parts[1].body.first.is_empty());
            assert_eq!((body.parts[1].body.bytes, body.parts[2].body.bytes), (7, 0));
            let file = &body.parts[3].body;
            assert_eq!(
                (file.file_name.as_deref(), file.magic.as_deref()),
                (Some("C:\\Temp\\EX.zip"), Some("zip"))
            );
            assert_eq!(file.declared.as_deref(), Some("application/zip"));
            assert_eq!(file.bytes, loot(How::Plain).len() as u64);
            has_loot(file);
            assert_eq!(body.parts[4].body.wrapped, ["base64"]);
            assert_eq!(body.archives().len(), 2);
        }
    }

    #[test]
    fn a_boundary_that_begins_another_line_is_content() {
        let body =
            b"--ab\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\none\r\n--abc\r\n--a\r\ntwo\r\n--ab--";
        let seen = scan(&typed("multipart/form-data; boundary=ab"), body);
        assert_eq!(seen.parts.len(), 1);
        assert_eq!(seen.parts[0].body.bytes, "one\r\n--abc\r\n--a\r\ntwo".len() as u64);
        let only = scan(&typed("multipart/form-data; boundary=ab"), b"--ab--\r\n");
        assert_eq!((only.parts.len(), only.first.0.len()), (0, 8));
        let cut = scan(
            &typed("multipart/form-data; boundary=ab"),
            b"--ab\nContent-Disposition: form-data; name=q\n\nhalf",
        );
        assert_eq!(cut.parts[0].value.as_deref(), Some("half"));
    }

    #[test]
    fn parts_beyond_the_bound_are_counted() {
        let mut bytes: Vec<u8> = (0..70)
            .flat_map(|n| part(&format!("Content-Disposition: form-data; name=\"n{n}\""), b"v"))
            .collect();
        bytes.extend_from_slice(b"--B0undary--");
        let body = up(&bytes);
        assert_eq!((body.parts.len(), body.more_parts), (64, 6));
    }

    #[test]
    fn a_mail_is_opened_down_to_its_attachments() {
        let zip = B64.encode(loot(How::Plain));
        let lines = mime(&zip);
        let mail = format!(
            "A preamble.\r\n--=_out\r\nContent-Type: multipart/alternative;\r\n boundary=\"=_out_in\"\r\n\r\n\
             --=_out_in\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n\
             --=_out_in\r\nContent-Type: text/html\r\n\r\n<p>Dear Max</p>\r\n--=_out_in--\r\n\
             --=_out\r\nContent-Type: application/octet-stream; name=loot.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{lines}\
             --=_out--\r\n",
            LISTING.replace("https", "=68ttps").replace("Pass", "Pa=\r\nss"),
        );
        let body = scan(&typed("multipart/mixed; boundary=\"=_out\""), mail.as_bytes());
        assert_eq!(body.parts.len(), 2);
        let text = &body.parts[0].body.parts;
        assert_eq!(text.len(), 2, "{body:?}");
        assert_eq!(text[0].body.marker("url-user-password-block"), 1);
        assert!(text.iter().all(|p| p.body.first.is_empty() && p.value.is_none()));
        assert_eq!(body.marker("url-user-password-block"), 1);
        let file = &body.parts[1].body;
        assert_eq!((file.file_name.as_deref(), file.magic.as_deref()), (Some("loot.zip"), Some("zip")));
        assert!(file.wrapped.is_empty(), "a transfer encoding is no wrapping");
        has_loot(file);
    }

    #[test]
    fn a_single_part_mail_is_decoded_and_not_quoted() {
        let declared =
            Declared { transfer: Some("quoted-printable"), ..typed("text/html; charset=us-ascii") };
        let body = scan(&declared, b"Time: 1<br>User Name: e<br>Computer Name: P<br>CPU: x<br>RAM: 8 MB<br>OSFullName: W<br><hr>URL=3A a<br>\r\nUsername: b<br>Password: c<br>");
        assert_eq!(body.marker("url-user-password-block"), 1);
        assert_eq!(body.marker("system-inventory"), 6);
        assert!(body.first.is_empty());
        let dear = scan(&Declared { transfer: Some("7bit"), ..UP }, b"Dear Max, see you on Sunday!");
        assert!(dear.first.is_empty());
    }

    #[test]
    fn fields_of_forms_are_described() {
        let body = up(b"hwid=0123456789abcdef&user=erika&pass=nothing&os=Windows+10&act=send_message&empty=&a%5B%5D=%20");
        let fields: Vec<_> = body
            .fields
            .iter()
            .map(|f| (f.name.as_str(), f.bytes, f.class.as_str(), f.value.as_deref()))
            .collect();
        let expected = [
            ("hwid", 16, "hex", Some("0123456789abcdef")),
            ("user", 5, "word", None),
            ("pass", 7, "word", None),
            ("os", 10, "word", None),
            ("act", 12, "word", Some("send_message")),
            ("empty", 0, "empty", None),
            ("a[]", 3, "text", None),
        ];
        assert_eq!(fields, expected);
        assert!(body.first.is_empty(), "a password stands in it");
        let hancitor =
            up(b"GUID=1234567890123456789&BUILD=1_a&INFO=EX @ EX\\erika&IP=192.0.2.1&TYPE=1&WIN=6.1(x64)");
        assert_eq!((hancitor.shape, hancitor.fields.len()), (Some(Shape::Form), 6));
        assert_eq!(hancitor.fields[3].value.as_deref(), Some("192.0.2.1"));
        let lie = scan(&typed("application/x-www-form-urlencoded"), &noise(300));
        assert_eq!((lie.shape, lie.fields.len()), (Some(Shape::Binary), 0));
    }

    #[test]
    fn fields_below_base64_are_named_by_their_path() {
        let inner = B64.encode("bot_id=00000000-1111-2222-3333-444444444444_erika&config_id=0011&data=null");
        let body = up(format!("params={inner}").as_bytes());
        let names: Vec<_> = body.fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["params", "params.bot_id", "params.config_id", "params.data"]);
        assert_eq!(
            (body.fields[0].class.as_str(), body.wrapped.as_slice()),
            ("base64", ["base64".to_owned()].as_slice())
        );
        let whole = up(B64.encode("{\"build\":\"x1\",\"hwid\":\"0011223344\"}").as_bytes());
        assert_eq!(whole.magic.as_deref(), Some("json"));
        assert_eq!(whole.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["build", "hwid"]);
    }

    #[test]
    fn members_of_json_are_described() {
        let body = up(br#" {"hwid":"001122334f","n":-1.5,"on":true,"list":[1,{"a":"}"}],"o":{"deep":{}},"esc":"a\n\u0041\"b","password":"x","token":""}"#);
        let fields: Vec<_> =
            body.fields.iter().map(|f| (f.name.as_str(), f.bytes, f.class.as_str())).collect();
        let expected = [
            ("hwid", 10, "hex"),
            ("n", 4, "word"),
            ("on", 4, "word"),
            ("list", 13, "object"),
            ("o", 11, "object"),
            ("esc", 12, "text"),
            ("password", 1, "word"),
            ("token", 0, "empty"),
        ];
        assert_eq!(fields, expected);
        let list =
            up(br#"[{"url":"a","username":"b","password":"c"},{"url":"a","username":"b","password":"c"}]"#);
        assert_eq!(
            list.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
            ["url", "username", "password"]
        );
        assert_eq!(list.marker("url-user-password-json"), 2);
        let text = serde_json::json!({"chat_id": 7, "text": LISTING}).to_string();
        assert_eq!(up(text.as_bytes()).marker("url-user-password-block"), 1);
        assert_eq!(up(b"{\"a\":\"cut").fields.len(), 1);
    }

    #[test]
    fn listings_are_marked_and_hidden() {
        let body = up(LISTING.repeat(3).as_bytes());
        assert_eq!(body.marker("url-user-password-block"), 3);
        assert!(body.first.is_empty());
        let wide: Vec<u8> = LISTING.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(up(&wide).marker("url-user-password-block"), 1);
        let packed = up(B64.encode(LISTING).as_bytes());
        assert_eq!((packed.marker("url-user-password-block"), packed.wrapped.len()), (1, 1));
        assert!(packed.first.is_empty());
        // Framed binary with text in it.
        let framed = [&[0x12, 0, 0x27, 0, 0, 0, 0x10, 1, 2], LISTING.as_bytes()].concat();
        assert_eq!(up(&framed).marker("url-user-password-block"), 1);
        let down = scan(&Declared { upload: false, ..UP }, LISTING.as_bytes());
        assert!(down.markers.is_empty());
    }

    #[test]
    fn noise_is_opaque() {
        let body = up(&noise(300_000));
        assert_eq!((body.shape, body.magic.as_deref()), (Some(Shape::Binary), None));
        assert!(body.entropy.is_some_and(|bits| bits > 7.9));
        assert!(body.markers.is_empty() && body.archive.is_none() && body.wrapped.is_empty());
    }

    #[test]
    fn a_response_is_looked_at_only_at_its_front() {
        let down = Declared { upload: false, ..UP };
        let mut scanner = Scanner::new(&down);
        assert!(scanner.wants());
        scanner.feed(&noise(60_000));
        assert!(scanner.wants());
        scanner.feed(&noise(10_000));
        assert!(!scanner.wants());
        scanner.passed(1000);
        let body = scanner.finish();
        assert_eq!((body.bytes, body.missing), (71_000, 0));
    }

    #[test]
    fn a_long_upload_is_let_go_but_a_long_archive_is_walked() {
        let mut scanner = Scanner::new(&UP);
        let block = noise(1 << 20);
        for _ in 0..8 {
            assert!(scanner.wants());
            scanner.feed(&block);
        }
        assert!(!scanner.wants());
        let big = vec![1; 9 << 20];
        let long = archive(&[("big.bin", &big), ("Passwords.txt", b"x")], How::Plain);
        let mut scanner = Scanner::new(&UP);
        scanner.feed(&long[..100]);
        scanner.passed((9 << 20) - 100);
        assert!(scanner.wants());
        scanner.feed(&long[9 << 20..]);
        assert_eq!(scanner.finish().archive.as_deref().map(names), Some(vec!["big.bin", "Passwords.txt"]));
        let mut scanner = Scanner::new(&UP);
        scanner.feed(&long);
        assert_eq!(scanner.finish().archive.map(|a| a.members.len()), Some(2));
    }

    #[test]
    fn holes_are_survived() {
        let bytes = upload_form();
        for hole in [1, 300, 2000] {
            for at in (0..bytes.len() - hole).step_by(211) {
                let mut scanner = Scanner::new(&typed("multipart/form-data; boundary=B0undary"));
                scanner.feed(&bytes[..at]);
                scanner.missing(hole as u64);
                scanner.feed(&bytes[at + hole..]);
                let body = scanner.finish();
                assert_eq!((body.bytes, body.missing), (bytes.len() as u64, hole as u64));
                assert!(!body.archives().is_empty(), "{hole} at {at}");
            }
        }
        let mut scanner = Scanner::new(&UP);
        scanner.missing(1000);
        scanner.feed(&loot(How::Plain));
        let body = scanner.finish();
        assert!(body.first.is_empty() && body.magic.is_none());
        has_loot(&body);
    }

    #[test]
    fn an_attachment_goes_on_behind_a_hole() {
        let zip = archive(&[("one.bin", &noise(5000)), ("Passwords.txt", b"x")], How::Plain);
        let text = B64.encode(&zip);
        let lines = mime(&text);
        let mut scanner = Scanner::new(&Declared { transfer: Some("base64"), ..UP });
        scanner.feed(&lines.as_bytes()[..1000]);
        scanner.missing(1460);
        scanner.feed(&lines.as_bytes()[2460..]);
        assert_eq!(scanner.finish().archive.as_deref().map(names), Some(vec!["one.bin", "Passwords.txt"]));
    }

    #[test]
    fn a_scanner_starts_small() {
        assert!(size_of::<Scanner>() <= 320, "{}", size_of::<Scanner>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn splits_do_not_matter(
            pieces in proptest::collection::vec((0..13_usize, 0..400_usize), 0..10),
            cuts in proptest::collection::vec(1..900_usize, 1..12),
            declaration in 0..7_usize,
        ) {
            let zip = loot(How::Descriptor);
            let base = B64.encode(&zip);
            let noise = noise(400);
            let mut bytes = Vec::new();
            for (kind, length) in pieces {
                let source: &[u8] = match kind {
                    0 => &noise,
                    1 => &zip,
                    2 => base.as_bytes(),
                    3 => b"--B0undary\r\nContent-Disposition: form-data; name=\"x\"; filename=\"a.txt\"\r\n\r\n",
                    4 => b"\r\n--B0undary",
                    5 => LISTING.as_bytes(),
                    6 => b"{\"a\":\"\\u0041\\\"\",\"b\":[{\"c\":1}],",
                    7 => b"k=%50%4b&x=%zz%&data=",
                    8 => b"<URL>a</URL><User>b</User><Password>",
                    9 => b"Rar!\x1a\x07\x01\x00\x00\x00\x00\x00\x03\x01\x00\x00",
                    10 => b"\x1f\x8b\x08\x08\0\0\0\0\0\x03name\0",
                    11 => b"=3D=\r\n=",
                    _ => b"PK\x03\x04PK\x01\x02PK\x07\x08",
                };
                bytes.extend_from_slice(&source[..length.min(source.len())]);
            }
            let declared = match declaration {
                0 => typed("multipart/mixed; boundary=B0undary"),
                1 => typed("application/x-www-form-urlencoded"),
                2 => Declared { transfer: Some("base64"), ..UP },
                3 => Declared { transfer: Some("quoted-printable"), ..UP },
                4 => Declared { encoding: Some("gzip"), ..UP },
                5 => Declared { encoding: Some("deflate"), upload: false, ..UP },
                _ => UP,
            };
            let mut whole = Scanner::new(&declared);
            whole.feed(&bytes);
            let mut split = Scanner::new(&declared);
            let (mut rest, mut turn) = (bytes.as_slice(), 0);
            while !rest.is_empty() {
                let (now, after) = rest.split_at(cuts[turn % cuts.len()].min(rest.len()));
                split.feed(now);
                (rest, turn) = (after, turn + 1);
            }
            prop_assert_eq!(split.finish(), whole.finish());
        }

        #[test]
        fn random_bytes_and_holes_do_no_harm(
            parts in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..700), 0..3000_u64), 0..8),
            magic in 0..8_usize,
        ) {
            let heads: [&[u8]; 8] = [b"", b"PK\x03\x04", b"Rar!\x1a\x07\x00", b"\x1f\x8b\x08", b"{\"", b"a=", b"--x\r\nContent-", b"<"];
            let mut scanner = Scanner::new(&typed("multipart/form-data; boundary=x"));
            scanner.feed(heads[magic]);
            let mut total = heads[magic].len() as u64;
            for (bytes, hole) in &parts {
                scanner.feed(bytes);
                scanner.missing(*hole);
                total += bytes.len() as u64 + hole;
            }
            prop_assert_eq!(scanner.finish().bytes, total);
        }
    }

    #[test]
    fn the_walk_itself_takes_any_bytes() {
        let mut walker = zip::Zip::searching();
        walker.feed(&noise(10_000));
        assert!(walker.finish().0.is_none());
    }

    #[test]
    fn a_body_behind_one_key_byte_is_read() {
        let hidden: Vec<u8> = loot(How::Plain).iter().map(|b| b ^ 0x37).collect();
        let body = up(&hidden);
        assert_eq!(
            (body.magic.as_deref(), body.wrapped.as_slice()),
            (Some("zip"), ["xor".to_owned()].as_slice())
        );
        has_loot(&body);
    }

    #[test]
    fn text_in_an_archive_is_marked() {
        let listing = LISTING.repeat(5);
        for how in [How::Plain, How::Descriptor, How::Encrypted] {
            let zip = archive(&[("a/Passwords.txt", listing.as_bytes()), ("b.bin", listing.as_bytes())], how);
            let body = up(&zip);
            let expected = if how == How::Encrypted { 0 } else { 5 };
            assert_eq!(body.marker("url-user-password-block"), expected, "{how:?}");
            assert!(!body.first.is_empty());
        }
        let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflated.write_all(listing.as_bytes()).unwrap();
        let mut zip = archive(&[("Passwords", &deflated.finish().unwrap())], How::Plain);
        zip[8] = 8;
        assert_eq!(up(&zip).marker("url-user-password-block"), 5);
    }
}
