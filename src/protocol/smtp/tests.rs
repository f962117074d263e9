use super::*;
use crate::flow::{Carrier, Opening};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;

const C: Side = Side::Client;
const S: Side = Side::Server;

fn start() -> Start {
    let at = At { time: Timestamp::default(), frame: 1, capture: 0 };
    let (client, server) = ("192.0.2.10:50000".parse().unwrap(), "203.0.113.5:587".parse().unwrap());
    Start { opening: Opening { carrier: Carrier::Tcp, client, server, at }, after: None }
}

/// A step of a script: bytes of a side, or bytes missing.
#[derive(Debug)]
enum Step {
    Bytes(Side, Vec<u8>),
    Gap(Side, u64),
}

fn says(side: Side, text: &str) -> Step {
    Step::Bytes(side, text.as_bytes().to_vec())
}

/// What came of a script, its steps cut into pieces of at most `size` bytes: facts, hints, and at which step and
/// offset in it another protocol began.
fn play(script: &[Step], size: usize) -> (record::Smtp, Vec<Hint>, Option<(usize, usize)>) {
    let mut shared = Shared::default();
    let mut smtp = Box::new(Smtp::new(&start()));
    let mut over = None;
    'script: for (nth, step) in script.iter().enumerate() {
        let at = At { time: Timestamp::default(), frame: nth as u64 + 1, capture: 0 };
        match step {
            Step::Gap(side, length) => smtp.gap(*side, *length, at, &mut shared),
            Step::Bytes(side, bytes) => {
                for (piece, slice) in bytes.chunks(size).enumerate() {
                    if let Next::HandOver { from, after } = smtp.data(*side, slice, at, &mut shared) {
                        assert_eq!(after, "starttls-smtp");
                        over = Some((nth, piece * size + from));
                        break 'script;
                    }
                }
            }
        }
    }
    let mut facts = Facts::default();
    smtp.end(&mut facts, &mut shared);
    (*facts.smtp.unwrap(), facts.hints, over)
}

/// The facts of a script, which must not depend on how it is cut.
fn read(script: &[Step]) -> (record::Smtp, Vec<Hint>, Option<(usize, usize)>) {
    let whole = play(script, usize::MAX);
    for size in [1, 2, 3, 7] {
        assert_eq!(play(script, size), whole, "in pieces of {size}");
    }
    whole
}

fn json(facts: &record::Smtp) -> String {
    serde_json::to_string(facts).unwrap()
}

fn b64(text: &str) -> String {
    B64.encode(text)
}

/// Facts must show neither a secret nor its base64.
fn assert_hidden(facts: &record::Smtp, secret: &str) {
    let shown = json(facts);
    assert!(!shown.contains(secret), "{shown}");
    assert!(!shown.contains(&b64(secret)), "{shown}");
    assert!(!shown.to_lowercase().contains(secret), "{shown}");
}

#[test]
fn a_submission_is_read_from_greeting_to_reply() {
    let script = [
        says(S, "220-mail.example ESMTP\r\n220 no spam\r\n"),
        says(C, "EHLO EXAMPLE-PC\r\n"),
        says(S, "250-mail.example\r\n250-AUTH LOGIN\r\n250 8BITMIME\r\n"),
        says(C, &format!("AUTH login {}\r\n", b64("office@a.example"))),
        says(S, "334 UGFzc3dvcmQ6\r\n"),
        says(C, &format!("{}\r\n", b64("s3cret!"))),
        says(S, "235 ok\r\n"),
        says(C, "MAIL FROM:<office@a.example>\r\n"),
        says(S, "250 ok\r\n"),
        says(C, "RCPT TO:<log@a.example>\r\n"),
        says(S, "250 ok\r\n"),
        says(C, "DATA\r\n"),
        says(S, "354 go\r\n"),
        says(
            C,
            "Subject: PW_erika/EXAMPLE-PC\r\nFrom: Office <office@a.example>\r\n\r\n..dot\r\nend\r\n.\r\n",
        ),
        says(S, "250 queued\r\n"),
        says(C, "MAIL FROM:<b@a.example>\r\nRCPT TO:<c@a.example>\r\nRCPT TO:<d@a.example>\r\nDATA\r\n"),
        says(S, "250 a\r\n250 b\r\n550 c\r\n354 go\r\n"),
        says(C, "\r\ntwo\r\n.\r\nQUIT\r\n"),
        says(S, "554 no\r\n221 bye\r\n"),
    ];
    let (facts, hints, over) = read(&script);
    assert_eq!(facts.banner.as_deref(), Some("mail.example ESMTP\nno spam"));
    assert_eq!(facts.ehlo.as_deref(), Some("EXAMPLE-PC"));
    assert_eq!((facts.auth.as_deref(), facts.user.as_deref()), (Some("LOGIN"), Some("office@a.example")));
    assert!(facts.authenticated && !facts.starttls && over.is_none());
    assert_eq!(facts.mails.len(), 2);
    let mail = &facts.mails[0];
    assert_eq!(mail.from.as_deref(), Some("office@a.example"));
    assert_eq!(mail.to, ["log@a.example"]);
    assert_eq!(mail.subject.as_deref(), Some("PW_erika/EXAMPLE-PC"));
    assert_eq!((mail.body.bytes, mail.reply, mail.frames), (11, Some(250), (12, 14)));
    assert_eq!((facts.mails[1].to.len(), facts.mails[1].body.bytes, facts.mails[1].reply), (2, 5, Some(554)));
    assert_eq!(hints.len(), 1);
    assert_eq!((hints[0].kind.as_str(), hints[0].value.as_str()), ("name", "EXAMPLE-PC"));
    assert_hidden(&facts, "s3cret!");
}

#[test]
fn the_end_mark_is_found_wherever_it_is_cut() {
    let text = "DATA\r\nX: y\r\n\r\nbody\r\n.\r\nMAIL FROM:<a@b.example>\r\n";
    for cut in 0..=text.len() {
        let (a, b) = text.split_at(cut);
        let (facts, ..) = play(&[says(C, a), says(C, b)], usize::MAX);
        assert_eq!((facts.mails.len(), facts.mails[0].body.bytes), (1, 6), "cut at {cut}");
    }
}

#[test]
fn no_password_is_kept_in_whatever_order_it_comes() {
    let secret = "hunter2hunter2";
    let (user, pass) = (b64("erika@a.example"), b64(secret));
    let plain = b64(&format!("\0erika@a.example\0{secret}"));
    let scripts: Vec<(Vec<Step>, Option<&str>)> = vec![
        (vec![says(C, &format!("AUTH PLAIN {plain}\r\n")), says(S, "235 ok\r\n")], Some("erika@a.example")),
        (
            vec![
                says(C, "AUTH PLAIN\r\n"),
                says(S, "334 \r\n"),
                says(C, &format!("{plain}\r\n")),
                says(S, "535 no\r\n"),
            ],
            Some("erika@a.example"),
        ),
        // All at once, no server seen.
        (
            vec![says(C, &format!("AUTH LOGIN\r\n{user}\r\n{pass}\r\nMAIL FROM:<x@a.example>\r\n"))],
            Some("erika@a.example"),
        ),
        // The server asks for the password first.
        (
            vec![
                says(C, "AUTH LOGIN\r\n"),
                says(S, &format!("334 {}\r\n", b64("Password:"))),
                says(C, &format!("{pass}\r\n")),
                says(S, &format!("334 {}\r\n", b64("Username:"))),
                says(C, &format!("{user}\r\n")),
                says(S, "235 ok\r\n"),
            ],
            Some("erika@a.example"),
        ),
        // The initial response is asked for again, so that the password is the third answer.
        (
            vec![
                says(C, &format!("AUTH LOGIN {user}\r\n")),
                says(S, &format!("334 {}\r\n", b64("Username:"))),
                says(C, &format!("{user}\r\n")),
                says(S, &format!("334 {}\r\n", b64("Password:"))),
                says(C, &format!("{pass}\r\n")),
                says(S, "235 ok\r\n"),
            ],
            Some("erika@a.example"),
        ),
        // The line with the name was not captured.
        (
            vec![
                says(C, "AUTH LOGIN\r\n"),
                Step::Gap(C, 22),
                says(C, &format!("{pass}\r\n")),
                says(S, "235 ok\r\n"),
            ],
            None,
        ),
        // From the middle: only the line with the password.
        (vec![says(C, &format!("{pass}\r\n")), says(S, "235 ok\r\n"), says(C, "NOOP\r\n")], None),
        // Not encoded at all.
        (
            vec![
                says(C, "AUTH LOGIN\r\n"),
                says(S, "334 UGFzc3dvcmQ6\r\n"),
                says(C, &format!("MAIL {secret}\r\n")),
            ],
            None,
        ),
        (vec![says(C, &format!("AUTH {secret}\r\n"))], None),
    ];
    for (nth, (script, user)) in scripts.iter().enumerate() {
        let (facts, ..) = read(script);
        assert_eq!(facts.user.as_deref(), *user, "script {nth}");
        assert_hidden(&facts, secret);
    }
}

#[test]
fn a_password_that_is_a_command_is_still_an_answer() {
    let (facts, ..) = read(&[
        says(C, "AUTH LOGIN\r\n"),
        says(S, "334 VXNlcm5hbWU6\r\n"),
        says(C, &format!("{}\r\n", b64("erika"))),
        says(S, "334 UGFzc3dvcmQ6\r\n"),
        says(C, "DATA\r\n"),
        says(S, "235 ok\r\n"),
        says(C, "MAIL FROM:<a@b.example>\r\n"),
        says(S, "250 ok\r\n"),
    ]);
    assert!(facts.authenticated && facts.mails.is_empty());
}

#[test]
fn starttls_hands_over_after_its_reply() {
    let script = [
        says(S, "220 mail.example ESMTP\r\n"),
        says(C, "EHLO pc\r\n"),
        says(S, "250-mail.example\r\n250 STARTTLS\r\n"),
        says(C, "STARTTLS\r\n"),
        says(S, "220 ready\r\n\x16\x03"),
    ];
    let (facts, _, over) = play(&script, usize::MAX);
    assert_eq!(over, Some((4, 11)));
    assert!(facts.starttls);
    assert_eq!((facts.banner.as_deref(), facts.ehlo.as_deref()), (Some("mail.example ESMTP"), Some("pc")));
    assert_eq!(read(&script).2, Some((4, 11)));
}

#[test]
fn starttls_hands_over_where_a_side_is_missing_or_refuses() {
    let alone = [says(C, "EHLO pc\r\nSTARTTLS\r\n"), says(C, "\x16\x03\x01")];
    assert_eq!(read(&alone).2, Some((1, 0)));
    let joined = [says(C, "STARTTLS\r\n\x16\x03\x01")];
    assert_eq!(read(&joined).2, Some((0, 10)));
    let lost = [says(C, "STARTTLS\r\n"), Step::Gap(S, 12), says(S, "\x16\x03")];
    assert_eq!(read(&lost).2, Some((2, 0)));
    let middle = [says(C, "STARTTLS\r\n"), says(S, "220 go\r\n")];
    assert_eq!(read(&middle).2, Some((1, 8)));
    let refused =
        [says(S, "220 x ESMTP\r\n"), says(C, "STARTTLS\r\n"), says(S, "454 no\r\n"), says(C, "DATA\r\nx")];
    let (facts, _, over) = read(&refused);
    assert!(over.is_none() && !facts.starttls);
    assert_eq!(facts.mails.len(), 1);
    // Said before the greeting: the first 220 greets.
    let early = [says(C, "EHLO pc\r\nSTARTTLS\r\n"), says(S, "220 x ESMTP\r\n250 x\r\n220 go\r\n")];
    assert_eq!(read(&early).2, Some((1, 28)));
}

#[test]
fn chunks_are_counted_whatever_they_hold() {
    let (facts, ..) = read(&[
        says(C, "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 16\r\nSubject: x\r\n\r\n.\r"),
        says(S, "250 a\r\n250 b\r\n250 c\r\n"),
        says(C, "BDAT 9 LAST\r\n\n.\r\nQUITXRSET\r\nBDAT 4\r\nrest"),
        says(S, "250 sent\r\n250 reset\r\n"),
    ]);
    assert_eq!(facts.mails.len(), 2);
    let mail = &facts.mails[0];
    assert_eq!((mail.subject.as_deref(), mail.body.bytes, mail.reply), (Some("x"), 11, Some(250)));
    assert_eq!((mail.from.as_deref(), facts.mails[1].from.as_deref()), (Some("a@b.example"), None));
    let (huge, ..) = read(&[says(C, "BDAT 18446744073709551615 LAST\r\nSubject: y\r\n\r\nz")]);
    assert_eq!(huge.mails[0].subject.as_deref(), Some("y"));
    let (empty, ..) = read(&[says(C, "BDAT 5\r\nhelloBDAT 0 LAST\r\n"), says(S, "250 a\r\n251 b\r\n")]);
    assert_eq!((empty.mails[0].body.bytes, empty.mails[0].reply), (5, Some(251)));
}

#[test]
fn refused_data_is_no_mail() {
    let (facts, ..) = read(&[
        says(C, "MAIL FROM:<a@b.example>\r\n"),
        says(S, "250 ok\r\n"),
        says(C, "DATA\r\n"),
        says(S, "503 no recipient\r\n"),
        says(C, "QUIT\r\n"),
    ]);
    assert!(facts.mails.is_empty());
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let (facts, ..) = read(&[
        says(S, "220 x LMTP\r\n"),
        says(
            C,
            "LHLO x.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n",
        ),
        says(S, "250 x\r\n250 a\r\n250 b\r\n250 c\r\n354 go\r\n"),
        says(C, "\r\nx\r\n.\r\n"),
        says(S, "250 first\r\n452 second\r\n"),
        says(C, "DATA\r\n\r\ny\r\n.\r\n"),
        says(S, "354 go\r\n251 third\r\n"),
    ]);
    assert_eq!(facts.mails.iter().map(|mail| mail.reply).collect::<Vec<_>>(), [Some(250), Some(251)]);
}

#[test]
fn the_client_alone_tells_most() {
    let (facts, ..) = read(&[says(
        C,
        "EHLO pc\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: one\r\n\r\nx\r\n.\r\nMAIL FROM:<e@b.example>\r\nDATA\r\nSubject: two\r\n\r\nunfinished",
    )]);
    assert_eq!(facts.mails.len(), 2);
    assert_eq!(facts.mails[1].subject.as_deref(), Some("two"));
    assert_eq!(facts.mails[1].body.bytes, 10);
    assert_eq!(facts.mails[1].reply, None);
}

#[test]
fn a_gap_over_the_end_mark_does_not_swallow_the_next_mail() {
    let (facts, ..) = read(&[
        says(C, "MAIL FROM:<a@b.example>\r\nDATA\r\nSubject: one\r\n\r\nfirst"),
        Step::Gap(C, 100),
        says(C, "tail\r\n"),
        says(S, "250 ok\r\n250 ok\r\n"),
        says(C, "MAIL FROM:<a@b.example>\r\nDATA\r\nSubject: two\r\n\r\nsecond\r\n.\r\n"),
    ]);
    assert_eq!(facts.mails.len(), 2);
    assert_eq!((facts.mails[0].body.bytes, facts.mails[0].body.missing), (111, 100));
    assert_eq!(facts.mails[1].subject.as_deref(), Some("two"));
    // A line begun in the doubt is not lost to the next gap.
    let (twice, ..) =
        read(&[says(C, "DATA\r\n\r\na"), Step::Gap(C, 2), says(C, "bc"), Step::Gap(C, 4), says(C, "d")]);
    assert_eq!((twice.mails[0].body.bytes, twice.mails[0].body.missing), (10, 6));
    // Found again by its end mark.
    let (found, ..) = read(&[
        says(C, "DATA\r\n\r\nfirst"),
        Step::Gap(C, 10),
        says(C, "..x\r\n.\r\nDATA\r\n\r\ny\r\n.\r\n"),
    ]);
    assert_eq!(found.mails.iter().map(|mail| mail.body.bytes).collect::<Vec<_>>(), [19, 3]);
}

#[test]
fn lines_that_end_in_lf_alone_are_followed() {
    let (loose, ..) = read(&[says(C, "MAIL FROM:<a@b.example>\nDATA\nSubject: x\n\n..y\n.\nDATA\n\nz\n.\n")]);
    assert_eq!(loose.mails.iter().map(|mail| mail.body.bytes).collect::<Vec<_>>(), [3, 2]);
    let (mixed, ..) = read(&[
        says(C, "DATA\r\n"),
        says(S, "354 go\r\n"),
        says(C, "Subject: x\n\ny\n.\n"),
        says(S, "250 ok\r\n"),
        says(C, "MAIL FROM:<a@b.example>\r\n"),
        says(S, "250 ok\r\n"),
        says(C, "DATA\r\n"),
        says(S, "354 ok\r\n"),
        says(C, "\r\nz\r\n.\r\n"),
    ]);
    assert_eq!(mixed.mails.len(), 2);
    assert_eq!(mixed.mails[0].reply, Some(250));
    assert_eq!(mixed.mails[1].body.bytes, 3);
}

#[test]
fn a_reply_ahead_of_the_data_in_the_capture_ends_nothing() {
    let (facts, ..) = read(&[
        says(C, "DATA\r\n"),
        says(S, "354 go\r\n"),
        says(C, "Subject: x\r\n\r\none\r\n"),
        says(S, "250 ok\r\n"),
        says(C, "two\r\n.\r\nQUIT\r\n"),
        says(S, "221 bye\r\n"),
    ]);
    assert_eq!((facts.mails.len(), facts.mails[0].body.bytes, facts.mails[0].reply), (1, 10, Some(250)));
}

#[test]
fn what_a_connection_can_hold_is_bounded() {
    let mut text = String::from("EHLO pc\r\n");
    for _ in 0..MAX_MAILS + 3 {
        text += "MAIL FROM:<a@b.example>\r\n";
        text += &"RCPT TO:<a@b.example>\r\n".repeat(3);
        text += "DATA\r\n\r\nx\r\n.\r\n";
    }
    text += "MAIL FROM:<a@b.example>\r\n";
    text += &"RCPT TO:<a@b.example>\r\n".repeat(MAX_RECIPIENTS + 5);
    let mut shared = Shared::default();
    let mut smtp = Smtp::new(&start());
    let at = start().opening.at;
    smtp.data(C, text.as_bytes(), at, &mut shared);
    smtp.data(C, &vec![b'x'; 100_000], at, &mut shared);
    assert_eq!(smtp.facts.mails.len(), MAX_MAILS);
    assert_eq!(smtp.envelope.to.len(), MAX_RECIPIENTS);
    assert!(smtp.awaited.len() <= MAX_AWAITED);
    assert!(smtp.lines[0].unfinished().len() <= MAX_LINE);
    assert_eq!(shared.log.into_entries().len(), 2);
}

mod any_order {
    use super::*;
    use proptest::prelude::*;

    const CLIENT: [&str; 22] = [
        "EHLO pc\r\n",
        "LHLO pc\r\n",
        "AUTH LOGIN\r\n",
        "AUTH PLAIN AGEAYg==\r\n",
        "ZXJpa2E=\r\n",
        "MAIL FROM:<a@b.example>\r\n",
        "RCPT TO:<c@d.example>\n",
        "DATA\r\n",
        "DATA\n",
        "Subject: x\r\n",
        "\r\n",
        "..\r\n",
        ".\r\n",
        "text",
        "\r",
        "\n",
        "BDAT 9\r\n",
        "BDAT 30 LAST\r\n",
        "RSET\r\n",
        "QUIT\r\n",
        "STARTTLS\r\n",
        "\x16",
    ];
    const SERVER: [&str; 9] = [
        "220 x\r\n",
        "250-x\r\n250 y\r\n",
        "250 ok\r\n",
        "334 VXNlcm5hbWU6\r\n",
        "334 UGFzc3dvcmQ6\r\n",
        "235 ok\r\n",
        "354 go\r\n",
        "550 no",
        "\r\n",
    ];

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => proptest::sample::select(&CLIENT[..]).prop_map(|text| says(C, text)),
            3 => proptest::sample::select(&SERVER[..]).prop_map(|text| says(S, text)),
            1 => (any::<bool>(), 1..40_u64).prop_map(|(asks, n)| Step::Gap(if asks { C } else { S }, n)),
        ]
    }

    proptest! {
        #[test]
        fn the_cut_of_slices_changes_nothing(script in proptest::collection::vec(step(), 1..40)) {
            let whole = play(&script, usize::MAX);
            for size in [1, 2, 3] {
                prop_assert_eq!(play(&script, size), whole.clone());
            }
        }
    }
}
