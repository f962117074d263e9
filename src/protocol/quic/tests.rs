use super::*;
use crate::protocol::testing::{Step, opening, play};
use crate::record::{Hex, Tls, unhex};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
/// What the server calls itself in all tests.
const SERVER_ID: [u8; 8] = *b"\xf0\x67\xa5\x50\x2a\x42\x62\xb5";
const ONE: u32 = 1;
const TWO: u32 = 0x6b33_43cf;
const DRAFT_29: u32 = 0xff00_001d;

/// RFC 9001, appendix A.2: a ClientHello for example.com.
const HELLO: &str = "010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0\
     00000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e\
     000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec\
     74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c0002400100390032\
     0408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e515708\
     06048000ffff";
const JA3: &str = "41bc9ae914d6cb3bd0bd0a5453ab7d7f";
const JA4: &str = "q13d0211an_62ed6f6ca7ad_4d634acda6c0";
/// Appendix A.3.
const SERVER_HELLO: &str = "020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e00330024\
     001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304";

fn hex(text: &str) -> Vec<u8> {
    unhex(text).expect("hexadecimal")
}

fn varint(value: usize) -> Vec<u8> {
    (0x8000_0000 | value as u32).to_be_bytes().to_vec()
}

fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    [&[6][..], &varint(offset), &varint(bytes.len()), bytes].concat()
}

/// Hellos in one frame, padded as clients must.
fn padded(mut frames: Vec<u8>) -> Vec<u8> {
    frames.resize(frames.len().max(1162), 0);
    frames
}

#[derive(Clone)]
struct Sealer {
    version: u32,
    keys_of: (u32, Vec<u8>),
    to: Vec<u8>,
    from: Vec<u8>,
    token: Vec<u8>,
    side: Side,
    number: u8,
}

impl Sealer {
    fn client(version: u32) -> Self {
        Self {
            version,
            keys_of: (version, ID.to_vec()),
            to: ID.to_vec(),
            from: Vec::new(),
            token: Vec::new(),
            side: Side::Client,
            number: 0,
        }
    }
    fn server(version: u32) -> Self {
        Self { to: Vec::new(), from: SERVER_ID.to_vec(), side: Side::Server, ..Self::client(version) }
    }
    fn seal(&mut self, frames: &[u8]) -> Vec<u8> {
        let keys = Keys::derive(Version(self.keys_of.0), &self.keys_of.1).expect("known");
        let first = if self.version == TWO { 0xd1 } else { 0xc1 };
        let mut header = vec![first];
        header.extend(self.version.to_be_bytes());
        for id in [&self.to, &self.from] {
            header.push(id.len() as u8);
            header.extend(id);
        }
        header.extend(varint(self.token.len()));
        header.extend(&self.token);
        header.extend(varint(frames.len() + 2 + 16));
        header.extend([0, self.number]);
        self.number += 1;
        keys.seal(self.side, &header, 2, frames)
    }
}

fn facts_on(steps: &[Step], port: u16) -> (Facts, Option<Side>, u64) {
    play(steps, &opening(Carrier::Udp, port), usize::MAX, &mut Shared::default())
}

fn facts(steps: &[Step]) -> Facts {
    facts_on(steps, 443).0
}

fn tls(facts: &Facts) -> &Tls {
    facts.tls.as_deref().expect("hellos")
}

fn version(facts: &Facts) -> &str {
    &facts.quic.as_deref().expect("QUIC").version
}

fn is_whole(facts: &Facts) {
    let tls = tls(facts);
    assert_eq!(tls.sni.as_deref(), Some("example.com"));
    assert_eq!(tls.alpn, ["alpn"]);
    assert_eq!((tls.ja3.as_deref(), tls.ja4.as_deref()), (Some(JA3), Some(JA4)));
    assert_eq!(tls.version, "TLS1.3");
}

const SHORT: &[u8] = b"\x41 some sealed bytes that nobody opens";

/// The packets of RFC 9001 and RFC 9369, and of two drafts, to the byte.
#[test]
fn packets_of_the_standards() {
    let frames = padded([&[6, 0, 0x40, 0xf1][..], &hex(HELLO)].concat());
    let cases = [
        (
            ONE,
            "c300000001",
            "c000000001088394c8f03e5157080000449e7b9aec34",
            "e221af44860018ab0856972e194cd934",
        ),
        (
            TWO,
            "d36b3343cf",
            "d76b3343cf088394c8f03e5157080000449ea0c95e82",
            "a18b2faa745b6fe189cf772a9f84cbfc",
        ),
        (DRAFT_29, "c3ff00001d", "cdff00001d088394c8f03e5157080000449e9cdb990b", ""),
        (0xff00_001b, "c3ff00001b", "c1ff00001b088394c8f03e5157080000449e5cb4396f", ""),
    ];
    for (number, header, begin, end) in cases {
        let header = hex(&format!("{header}088394c8f03e5157080000449e00000002"));
        let keys = Keys::derive(Version(number), &ID).expect("known");
        let packet = keys.seal(Side::Client, &header, 4, &frames);
        let text = Hex::from(&packet[..]).to_string();
        assert!(text.starts_with(begin) && text.ends_with(end), "{number:x}");
        if number == ONE {
            let digest = "73fa0210cb4a5a17dc10b9dc98e5cc359ba1c20fe7c0e93a9e1dcb473c37e097";
            assert_eq!(Hex::from(&Sha256::digest(&packet)[..]).to_string(), digest);
        }
        let found = facts(&[Step::C(packet)]);
        is_whole(&found);
        assert_eq!(version(&found), Version(number).name());
        assert_eq!(tls(&found).frame, Some(1));
        assert!(!tls(&found).established);
    }
}

#[test]
fn a_whole_connection_states_both_hellos_and_then_wants_nothing() {
    let (mut client, mut server) = (Sealer::client(ONE), Sealer::server(ONE));
    let hello = client.seal(&padded(crypto(0, &hex(HELLO))));
    let ack = hex("0200000000");
    let answer = server.seal(&[ack.clone(), crypto(0, &hex(SERVER_HELLO))].concat());
    // The server's handshake and first data follow in the same datagram.
    let handshake = [&hex("e000000001000801020304050607084020")[..], &[7; 32]].concat();
    let answer = [&answer, &handshake, SHORT].concat();
    client.to = SERVER_ID.to_vec();
    let steps = [
        Step::C(hello),
        Step::S(answer),
        Step::C([client.seal(&ack), handshake, SHORT.to_vec()].concat()),
        Step::S(SHORT.to_vec()),
        Step::C(SHORT.to_vec()),
        Step::C(SHORT.to_vec()),
    ];
    let (found, side, given) = facts_on(&steps, 8443);
    is_whole(&found);
    assert_eq!(side, Some(Side::Client));
    assert_eq!(tls(&found).cipher, Some(0x1301));
    // 771,4865,51-43
    assert_eq!(tls(&found).ja3s.as_deref(), Some("eb1d94daa7e0344597e756a1fb6e7054"));
    assert!(tls(&found).established);
    let taken: usize = steps[..3]
        .iter()
        .map(|step| match step {
            Step::C(bytes) | Step::S(bytes) => bytes.len(),
            Step::Gap(..) => 0,
        })
        .sum();
    assert_eq!(given, taken as u64, "after the handshake nothing is looked at");
}

/// As browsers send it: chopped, shuffled, over two packets, with pings and padding between.
fn chopped(client: &mut Sealer) -> [Vec<u8>; 2] {
    let hello = hex(HELLO);
    let one = [
        crypto(100, &hello[100..]),
        vec![0; 7],
        crypto(0, &hello[..1]),
        vec![1],
        crypto(20, &hello[20..60]),
        vec![0; 30],
    ];
    let two = [vec![1, 1], crypto(1, &hello[1..30]), vec![0; 3], crypto(60, &hello[60..104])];
    [client.seal(&padded(one.concat())), client.seal(&padded(two.concat()))]
}

#[test]
fn a_chopped_hello_is_put_together() {
    let [one, two] = chopped(&mut Sealer::client(ONE));
    let found = facts(&[Step::C(one.clone()), Step::C(two.clone())]);
    is_whole(&found);
    assert_eq!(tls(&found).frame, Some(2));
    // The other way round, in one datagram, and with the first sent again.
    is_whole(&facts(&[Step::C(two.clone()), Step::C(one.clone())]));
    is_whole(&facts(&[Step::C([one.clone(), two.clone()].concat())]));
    is_whole(&facts(&[Step::C(one.clone()), Step::C(one.clone()), Step::C(two)]));
    // A piece that never comes: what stands before it is stated, but no fingerprint.
    let found = facts(&[Step::C(one)]);
    assert_eq!(found.tls, None, "one byte says nothing");
    assert_eq!(version(&found), "1");
}

#[test]
fn a_datagram_may_be_padded_with_anything() {
    let [one, two] = chopped(&mut Sealer::client(ONE));
    is_whole(&facts(&[Step::C([&one, SHORT].concat()), Step::C(two)]));
}

#[test]
fn a_hello_whose_end_is_missing_gives_what_it_has() {
    let hello = hex(HELLO);
    let mut client = Sealer::client(ONE);
    let found = facts(&[Step::C(client.seal(&padded(crypto(0, &hello[..120]))))]);
    assert_eq!(tls(&found).sni.as_deref(), Some("example.com"));
    assert_eq!((&tls(&found).ja4, &tls(&found).ja3, tls(&found).frame), (&None, &None, None));
    // The capture kept only the front of the datagram.
    let packet = client.seal(&padded(crypto(0, &hello)));
    let found = facts(&[Step::C(packet[..200].to_vec())]);
    assert_eq!(tls(&found).sni.as_deref(), Some("example.com"));
    assert_eq!(tls(&found).ja4, None);
    for length in 0..packet.len() {
        if let Some(tls) = facts(&[Step::C(packet[..length].to_vec())]).tls {
            assert!(tls.sni.is_none_or(|name| "example.com".starts_with(&*name)));
        }
    }
}

#[test]
fn a_retry_changes_the_keys() {
    let mut client = Sealer::client(ONE);
    let before = client.seal(&padded(crypto(0, &hex(HELLO)[..60])));
    let retry = hex("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba");
    (client.to, client.token) = (SERVER_ID.to_vec(), b"token".to_vec());
    client.keys_of.1 = SERVER_ID.to_vec();
    let again = client.seal(&padded(crypto(0, &hex(HELLO))));
    let mut server = Sealer::server(ONE);
    server.keys_of.1 = SERVER_ID.to_vec();
    let answer = server.seal(&crypto(0, &hex(SERVER_HELLO)));
    let found =
        facts(&[Step::C(before), Step::S(retry.clone()), Step::C(again.clone()), Step::S(answer.clone())]);
    is_whole(&found);
    assert_eq!(tls(&found).cipher, Some(0x1301));
    // Seen from the middle of it, and without the Retry.
    is_whole(&facts(&[Step::S(retry), Step::C(again.clone())]));
    is_whole(&facts(&[Step::C(again), Step::S(answer)]));
}

#[test]
fn another_version_has_other_keys() {
    let hello = hex(HELLO);
    // Both sides move on from version 1 to version 2 with the first connection id (RFC 9369, section 4.1).
    let [one, two] = chopped(&mut Sealer::client(ONE));
    let mut server = Sealer { keys_of: (TWO, ID.to_vec()), ..Sealer::server(TWO) };
    let answer = server.seal(&crypto(0, &hex(SERVER_HELLO)));
    let found = facts(&[Step::C(one.clone()), Step::C(two), Step::S(answer.clone())]);
    is_whole(&found);
    assert_eq!((tls(&found).cipher, version(&found)), (Some(0x1301), "2"));
    let mut rest = Sealer { to: SERVER_ID.to_vec(), ..Sealer::client(TWO) };
    let rest = rest.seal(&padded(crypto(1, &hello[1..])));
    is_whole(&facts(&[Step::C(one), Step::S(answer), Step::C(rest)]));
    // The server lists its versions and the client begins anew.
    let mut odd = padded(vec![]);
    odd[..16].copy_from_slice(&hex("ca1a2a3a4a088394c8f03e5157080000"));
    let list = hex("8000000000000883 94c8f03e515708 ff00001d 00000001".replace(' ', "").as_str());
    let begin = Sealer::client(DRAFT_29).seal(&padded(crypto(0, &hello)));
    let found = facts(&[Step::C(odd.clone()), Step::S(list.clone()), Step::C(begin.clone())]);
    is_whole(&found);
    assert_eq!(version(&found), "draft-29");
    is_whole(&facts(&[Step::S(list.clone()), Step::C(begin)]));
    // Nothing but attempts.
    let found = facts(&[Step::C(odd), Step::S(list)]);
    assert_eq!((version(&found), &found.tls, &found.other), ("0x1a2a3a4a", &None, &None));
}

#[test]
fn whoever_is_captured_first_the_client_is_the_client() {
    let hello = Sealer::client(ONE).seal(&padded(crypto(0, &hex(HELLO))));
    let answer = Sealer::server(ONE).seal(&crypto(0, &hex(SERVER_HELLO)));
    let handshake = [&hex("e000000001000801020304050607084020")[..], &[7; 32]].concat();
    // The server's port decides where nothing else does.
    let (found, side, _) =
        facts_on(&[Step::S(handshake), Step::S(answer.clone()), Step::C(hello.clone())], 443);
    assert_eq!(side, Some(Side::Client));
    is_whole(&found);
    assert_eq!(tls(&found).cipher, None, "its keys were not known yet");
    // Its empty connection id shows the server on any port; here the flow room takes it for the client.
    let (found, side, _) = facts_on(&[Step::C(answer), Step::S(hello)], 50_001);
    assert_eq!(side, Some(Side::Server));
    is_whole(&found);
}

#[test]
fn what_cannot_be_opened_is_named_and_no_more() {
    let mut client = Sealer::client(ONE);
    client.keys_of.1 = vec![1; 8];
    let packet = client.seal(&padded(crypto(0, &hex(HELLO))));
    let found = facts(&vec![Step::C(packet); 100]);
    assert_eq!((version(&found), &found.tls), ("1", &None));
    // Google's first QUIC keeps its name.
    let old = padded(hex("c351303530081234567812345678123400"));
    let found = facts(&[Step::C(old)]);
    let other = found.other.as_deref().expect("a name");
    assert_eq!((other.protocol.as_deref(), found.quic), (Some("quic"), None));
}

#[test]
fn effort_is_bounded() {
    let mut client = Sealer::client(ONE);
    let (mut wanted, mut tries) = (0, 0);
    let opening = opening(Carrier::Udp, 443);
    let start = Start { opening, after: None };
    let mut quic = Quic::new(&start);
    for number in 0..200u8 {
        (client.to, client.keys_of.1) = (vec![number; 8], vec![9; 8]);
        let packet = client.seal(&padded(vec![]));
        match quic.data(Side::Client, &packet, opening.at, &mut Shared::default()) {
            Next::Want(Appetite::Enough) => break,
            _ => wanted += 1,
        }
        tries = quic.derived.max(tries);
    }
    assert_eq!((wanted, tries), (MAX_DATAGRAMS as usize - 1, MAX_DERIVED));
}

#[test]
fn other_datagrams_are_not_recognised() {
    let heads = |bytes: &[u8], carrier| {
        recognise(&Heads {
            bytes: [bytes, &[]],
            first: Side::Client,
            carrier,
            ports: [50_000, 443],
            midstream: false,
        })
    };
    let packet = Sealer::client(ONE).seal(&padded(vec![]));
    assert_eq!(heads(&packet[..512], Carrier::Udp), Recognised::Yes(Side::Client));
    assert_eq!(heads(&packet, Carrier::Tcp), Recognised::No);
    let mut claims = packet.clone();
    claims[19..23].copy_from_slice(&[0x80, 0, 0xff, 0xf0]);
    assert_eq!(heads(&claims[..500], Carrier::Udp), Recognised::No, "longer than any datagram");
    for other in [
        &b"\xc3\x00\x00\x00\x02\x08abcdefgh"[..],
        SHORT,
        b"",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        &[0x80; 40],
    ] {
        assert_eq!(heads(other, Carrier::Udp), Recognised::No);
    }
    // A question of a resolver, whose counts look like a list of versions.
    assert_eq!(heads(&hex("c000000000010000000000010161000001"), Carrier::Udp), Recognised::No);
    // A list of versions of which none is known may be anything.
    assert_eq!(heads(b"\x80\0\0\0\0\0\0\x01\x02\x03\x04", Carrier::Udp), Recognised::No);
}

#[test]
fn googles_versions_number_frames_their_own_way() {
    for (version, name) in [(0x5430_3530, "T050"), (0x5430_3531, "T051")] {
        let frames = [&[7, 8][..], &varint(0), &varint(hex(HELLO).len()), &hex(HELLO)].concat();
        let found = facts(&[Step::C(Sealer::client(version).seal(&padded(frames)))]);
        is_whole(&found);
        assert_eq!(self::version(&found), name);
        // What is a piece of the handshake elsewhere is something else in them.
        let found = facts(&[Step::C(Sealer::client(version).seal(&padded(crypto(0, &hex(HELLO)))))]);
        assert!(found.tls.is_none());
    }
}

proptest! {
    #[test]
    fn no_datagram_harms(steps in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..80), 0usize..60), 1..12)) {
        let hello = Sealer::client(ONE).seal(&padded(crypto(0, &hex(HELLO))));
        let mut script = vec![Step::C(hello.clone())];
        for (client, bytes, at) in steps {
            let mut packet = hello.clone();
            packet[at..at + bytes.len()].copy_from_slice(&bytes);
            script.push(if client { Step::C(packet) } else { Step::S(packet) });
        }
        is_whole(&facts(&script));
        script.remove(0);
        facts(&script);
    }

    #[test]
    fn any_frames_are_survived(frames in prop::collection::vec(any::<u8>(), 20..200)) {
        let packet = Sealer::client(ONE).seal(&frames);
        let found = facts(&[Step::C(packet)]);
        prop_assert!(found.quic.is_some());
    }
}

#[test]
fn a_conversation_stays_small() {
    assert!(size_of::<Quic>() <= 640, "{}", size_of::<Quic>());
}
