//! The room as a whole.

use super::testing::{Bench, CLIENT, SERVER, Told, layers, sums, tcp, udp};
use super::*;
use crate::anomaly::Kind;
use crate::decode::{Step, Transport};
use crate::time::Timestamp;
use proptest::prelude::*;

fn given(conversation: &Conversation<Vec<Told>>, side: Side) -> String {
    String::from_utf8(sums(conversation, side).0).expect("text")
}

/// Given, passed and lost bytes are the payload, and lost bytes the gaps.
fn assert_sums(conversation: &Conversation<Vec<Told>>) {
    for side in [Side::Client, Side::Server] {
        let (bytes, passed, lost) = sums(conversation, side);
        let index = side.index();
        assert_eq!(bytes.len() as u64 + passed + lost, conversation.payload[index], "{side:?}");
        assert_eq!(lost, conversation.gaps[index], "{side:?}");
    }
}

#[test]
fn a_whole_connection() {
    let mut bench = Bench::new();
    bench.handshake(1000, 9000);
    bench.c("A", 1000, 9000, b"hello ").s("A", 9000, 1006, b"").c("A", 1006, 9000, b"there");
    bench.s("A", 9000, 1011, b"hi").c("FA", 1011, 9002, b"").s("FA", 9002, 1012, b"").c("A", 1012, 9003, b"");
    let opening_of = |bench: &Bench| bench.script.opened[0];
    let opening = opening_of(&bench);
    assert_eq!((opening.client.to_string(), opening.server.to_string()), (CLIENT.into(), SERVER.into()));
    assert_eq!((opening.at.frame, opening.carrier), (1, Carrier::Tcp));
    let start = Timestamp(1_700_000_000_001_000_000);
    let c = bench.only();
    assert_eq!((given(&c, Side::Client).as_str(), given(&c, Side::Server).as_str()), ("hello there", "hi"));
    assert_eq!((c.state, c.client_by, c.start), (State::Closed, ClientBy::Syn, start));
    assert_eq!(c.end, Timestamp(start.0 + 9_000_000));
    assert_eq!((c.packets, c.payload, c.gaps), ([6, 4], [11, 2], [0, 0]));
    assert_eq!(c.bytes, [6 * 54 + 11, 4 * 54 + 2]);
    assert_eq!(*c.captures, [(0, FrameSpan { first: 1, last: 10, count: 10 })]);
    assert_eq!((c.first_bytes[0].as_slice(), c.first_bytes[1].as_slice()), (&b"hello there"[..], &b"hi"[..]));
    let turns: Vec<_> = c.turns.iter().map(|t| (t.side, t.offset, t.bytes, t.frame)).collect();
    assert_eq!(turns, [(Side::Client, 3000, 11, 4), (Side::Server, 6000, 2, 7)]);
    assert_sums(&c);
}

#[test]
fn bytes_come_in_order_across_the_end_of_the_numbers() {
    let mut bench = Bench::new();
    let first = u32::MAX - 3;
    bench.handshake(first, u32::MAX);
    bench.c("A", first.wrapping_add(8), 0, b"ijkl").c("A", first, 0, b"abcd").c(
        "A",
        first.wrapping_add(4),
        0,
        b"efgh",
    );
    bench.s("A", u32::MAX, 8, b"xyz").c("FA", 8, 2, b"").s("FA", 2, 9, b"");
    let c = bench.only();
    assert_eq!((given(&c, Side::Client).as_str(), given(&c, Side::Server).as_str()), ("abcdefghijkl", "xyz"));
    assert_eq!((c.payload, c.gaps), ([12, 3], [0, 0]));
    let frames = c.facts.iter().flatten().filter_map(|told| match told {
        Told::Data(Side::Client, _, frame) => Some(*frame),
        _ => None,
    });
    assert_eq!(frames.collect::<Vec<_>>(), [5, 6, 4], "each byte with the frame that brought it");
}

#[test]
fn retransmissions_count_once_and_the_first_copy_wins() {
    let mut bench = Bench::new();
    bench.handshake(1, 1);
    bench.c("A", 1, 1, b"abcdef").c("A", 1, 1, b"abcdef").c("A", 4, 1, b"defghi").c("A", 13, 1, b"mno");
    bench.c("A", 10, 1, b"jklMNOpq").c("A", 1, 1, b"aXcdef");
    let (mut ended, anomalies) = bench.finish();
    let c = ended.remove(0);
    assert_eq!(given(&c, Side::Client), "abcdefghijklmnopq");
    assert_eq!((c.payload[0], c.conflicts), (17, 2));
    let conflict = anomalies.iter().find(|a| a.kind == Kind::OverlapConflict).expect("noted");
    assert_eq!((conflict.count, conflict.frame), (2, Some(8)));
    assert_eq!(c.turns.iter().map(|turn| turn.bytes).sum::<u64>(), 17);
}

#[test]
fn keep_alives_and_zero_window_probes_are_no_payload_twice() {
    let mut bench = Bench::new();
    bench.handshake(100, 1);
    bench.c("A", 100, 1, b"ab").s("A", 1, 102, b"").c("A", 101, 1, b"\0").c("A", 101, 1, b"");
    bench.c("A", 102, 1, b"c").c("A", 102, 1, b"c").c("A", 102, 1, b"cd");
    let c = bench.only();
    assert_eq!((given(&c, Side::Client).as_str(), c.payload[0], c.conflicts), ("abcd", 4, 0));
}

#[test]
fn a_stream_may_begin_in_the_middle() {
    let mut bench = Bench::new();
    // A keep-alive, data, data before the first data seen.
    bench
        .s("A", 5000, 777, b"")
        .c("A", 776, 5000, b"\0")
        .c("A", 777, 5000, b"POST")
        .c("A", 700, 5000, b"old");
    bench.s("A", 5000, 781, b"200");
    let c = bench.only();
    assert_eq!((given(&c, Side::Client).as_str(), given(&c, Side::Server).as_str()), ("POST", "200"));
    assert_eq!((c.state, c.client_by, c.payload, c.gaps), (State::Midstream, ClientBy::Port, [4, 3], [0, 0]));
}

#[test]
fn a_hole_is_given_up_when_the_other_side_has_it() {
    let mut bench = Bench::new();
    bench.handshake(1, 1);
    bench.c("A", 1, 1, b"abc").c("A", 7, 1, b"ghi").s("A", 1, 10, b"").s("A", 1, 10, b"answer");
    bench.c("A", 10, 7, b"next");
    let c = bench.only();
    let expected = [
        Told::Data(Side::Client, b"abc".to_vec(), 4),
        Told::Gap(Side::Client, 3),
        Told::Data(Side::Client, b"ghi".to_vec(), 5),
        Told::Data(Side::Server, b"answer".to_vec(), 7),
        Told::Data(Side::Client, b"next".to_vec(), 8),
    ];
    assert_eq!(c.facts.as_deref(), Some(&expected[..]));
    assert_eq!((c.payload, c.gaps), ([13, 6], [3, 0]));
    assert_eq!(*c.first_bytes[0], *b"abc", "first bytes end at a gap");
}

#[test]
fn an_acknowledged_hole_waits_for_packets_out_of_order() {
    let mut bench = Bench::new();
    bench.handshake(1, 1);
    bench.s("A", 1, 10, b"").c("A", 7, 1, b"ghi").c("A", 1, 1, b"abc").c("A", 4, 1, b"def");
    let c = bench.only();
    assert_eq!((given(&c, Side::Client).as_str(), c.gaps[0]), ("abcdefghi", 0));
    let mut bench = Bench::new();
    bench.handshake(1, 1);
    bench.s("A", 1, 10, b"").c("A", 7, 1, b"ghi");
    for (at, byte) in b"jklmnopq".iter().enumerate() {
        assert!(bench.table.buffered() > 0, "some places out of order");
        bench.c("A", 10 + at as u32, 1, std::slice::from_ref(byte));
    }
    assert!(bench.table.buffered() == 0, "not for ever");
    assert_eq!(given(&bench.only(), Side::Client), "ghijklmnopq");
}

#[test]
fn what_waits_at_the_end_is_given_with_its_gap() {
    let mut bench = Bench::new();
    bench.handshake(1, 1).c("A", 4, 1, b"def").c("A", 10, 1, b"jkl").c("FA", 20, 1, b"");
    let (mut ended, anomalies) = bench.finish();
    let c = ended.remove(0);
    assert_eq!(given(&c, Side::Client), "defjkl");
    assert_eq!((c.payload[0], c.gaps[0]), (19, 13), "up to the FIN");
    let gap = anomalies.iter().find(|a| a.kind == Kind::Gap).expect("noted");
    assert_eq!(gap.count, 3);
    assert_sums(&c);
}

#[test]
fn one_side_alone_tells_the_other_by_its_acknowledgements() {
    let mut bench = Bench::new();
    bench
        .c("S", 0, 0, b"")
        .c("A", 1, 5001, b"")
        .c("A", 1, 5001, b"GET")
        .c("A", 4, 9001, b"")
        .c("A", 4, 205_001, b"");
    let c = bench.only();
    assert_eq!((c.payload, c.gaps), ([3, 200_000], [0, 200_000]));
    assert_eq!(c.state, State::Open);
    // The FIN that was not captured is no byte.
    let mut bench = Bench::new();
    bench.handshake(1, 1).c("A", 1, 1, b"GET").s("A", 1, 4, b"ok").c("A", 4, 4, b"");
    assert_eq!(bench.only().gaps, [0, 0]);
}

#[test]
fn one_side_alone_gives_up_holes_soon() {
    let mut bench = Bench::new();
    bench.c("S", 0, 0, b"").c("A", 1, 1, b"a");
    for n in 0..100 {
        bench.c("A", 10 + n, 1, b"b");
    }
    let (mut ended, _) = bench.finish();
    let c = ended.remove(0);
    assert_eq!((c.payload[0], c.gaps[0]), (109, 8));
    let gap_at = c.facts.iter().flatten().position(|told| matches!(told, Told::Gap(..))).expect("a gap");
    assert_eq!(gap_at, 1);
    assert_eq!(c.facts.map(|told| told.len()), Some(102));
}

#[test]
fn snapped_packets_count_by_their_headers() {
    let mut bench = Bench::new();
    bench.handshake(1, 1);
    for seq in [1, 201, 101] {
        let mut layers = tcp(CLIENT, SERVER, "A", seq, 1, b"abcd");
        layers.payload_len = 100;
        bench.feed(&layers);
    }
    let mut layers = tcp(SERVER, CLIENT, "A", 1, 301, b"");
    layers.payload_len = 50;
    bench.feed(&layers);
    let c = bench.only();
    let piece = |frame| [Told::Data(Side::Client, b"abcd".to_vec(), frame), Told::Gap(Side::Client, 96)];
    let expected = [piece(4), piece(6), piece(5)].concat();
    assert_eq!(c.facts.as_ref().map(|told| &told[..6]), Some(&expected[..]));
    assert_eq!((c.payload, c.gaps), ([300, 50], [288, 50]));
    // Only headers: nobody is told, everything is counted.
    let mut bench = Bench::new();
    let mut layers = udp(CLIENT, SERVER, b"");
    layers.payload_len = 70;
    bench.feed(&layers);
    let c = bench.only();
    assert_eq!((c.payload, c.gaps, c.facts), ([70, 0], [70, 0], None));
}

#[test]
fn bytes_lost_before_the_first_are_told_after_opening() {
    let mut bench = Bench::new();
    bench.handshake(1, 1);
    let mut layers = tcp(CLIENT, SERVER, "A", 1, 1, b"");
    layers.payload_len = 10;
    bench.feed(&layers).c("A", 11, 1, b"k");
    let c = bench.only();
    assert_eq!(c.facts, Some(vec![Told::Gap(Side::Client, 10), Told::Data(Side::Client, b"k".to_vec(), 5)]));
}

#[test]
fn the_same_ports_again_are_another_conversation() {
    // After FIN, RST, without an end, and without an answer; near numbers (RFC 6528) as well as far ones.
    for (flags, isn) in [("FA", 600_000), ("RA", 70_000), ("A", 3_000_000_000), ("A", 200_000)] {
        let mut bench = Bench::new();
        bench.handshake(1, 1).c("A", 1, 1, b"one").c(flags, 4, 1, b"");
        if flags == "FA" {
            bench.s("FA", 1, 5, b"");
        }
        bench.handshake(isn, 50).c("A", isn, 50, b"two");
        let (ended, _) = bench.finish();
        let streams: Vec<_> = ended.iter().map(|c| given(c, Side::Client)).collect();
        assert_eq!(streams, ["one", "two"], "{flags} {isn}");
        assert_ne!(ended[0].identity(), ended[1].identity());
        assert_eq!(ended[0].key, ended[1].key);
    }
    let mut bench = Bench::new();
    bench.c("S", 100, 0, b"").c("S", 100, 0, b"").c("S", 900, 0, b"");
    assert_eq!(bench.finish().0.iter().map(|c| c.packets[0]).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_stray_syn_does_not_part_a_connection() {
    let mut bench = Bench::new();
    bench.handshake(1, 1).c("A", 1, 1, b"one").c("S", 40, 0, b"").c("A", 4, 1, b"two");
    assert_eq!(given(&bench.only(), Side::Client), "onetwo");
}

#[test]
fn handshakes_out_of_order_are_one() {
    let mut bench = Bench::new();
    bench.s("SA", 0, 1, b"").c("S", 0, 0, b"").c("A", 1, 1, b"x");
    let c = bench.only();
    assert_eq!((c.client_by, c.state, c.key.client.to_string()), (ClientBy::Syn, State::Open, CLIENT.into()));
    let mut bench = Bench::new();
    bench.c("A", 1, 1, b"x").c("S", 0, 0, b"").s("SA", 0, 1, b"");
    assert_eq!(bench.only().payload[0], 1);
    // Both at once.
    let mut bench = Bench::new();
    bench.s("S", 0, 0, b"").c("S", 0, 0, b"").s("SA", 0, 1, b"").c("A", 1, 1, b"x");
    assert_eq!(bench.only().key.client.to_string(), SERVER);
}

#[test]
fn a_connection_whose_beginning_was_not_captured_replaces_a_dead_one() {
    let mut bench = Bench::new();
    bench.handshake(1, 1).c("A", 1, 1, b"one");
    bench.c("A", 3_000_000_000, 1, b"for").c("A", 3_000_000_003, 1, b"two").c("A", 3_000_000_006, 1, b"!");
    let (ended, _) = bench.finish();
    assert_eq!(ended.iter().map(|c| given(c, Side::Client)).collect::<Vec<_>>(), ["one", "two!"]);
    // One alone changes nothing.
    let mut bench = Bench::new();
    bench.handshake(1, 1).c("A", 1, 1, b"one").c("A", 3_000_000_000, 1, b"for").c("A", 4, 1, b"two");
    let c = bench.only();
    assert_eq!((given(&c, Side::Client).as_str(), c.payload[0], c.packets[0]), ("onetwo", 6, 5));
}

#[test]
fn data_with_the_syn() {
    let mut bench = Bench::new();
    bench.c("S", 99, 0, b"GET ").s("SA", 0, 104, b"").c("A", 104, 1, b"/");
    let c = bench.only();
    assert_eq!((given(&c, Side::Client).as_str(), c.payload[0], c.gaps[0]), ("GET /", 5, 0));
}

#[test]
fn states_of_connections() {
    let state = |play: &dyn Fn(&mut Bench)| {
        let mut bench = Bench::new();
        play(&mut bench);
        bench.only().state
    };
    assert_eq!(state(&|b| _ = b.c("S", 0, 0, b"").c("S", 0, 0, b"")), State::Unanswered);
    assert_eq!(state(&|b| _ = b.c("S", 0, 0, b"").s("RA", 0, 1, b"")), State::Refused);
    assert_eq!(state(&|b| _ = b.c("S", 0, 0, b"").s("SA", 0, 1, b"").c("R", 1, 0, b"")), State::Reset);
    assert_eq!(state(&|b| _ = b.handshake(1, 1)), State::Open);
    assert_eq!(state(&|b| _ = b.handshake(1, 1).s("RA", 1, 1, b"why")), State::Reset);
    assert_eq!(state(&|b| _ = b.handshake(1, 1).s("FA", 1, 1, b"").c("R", 1, 1, b"")), State::Closed);
    assert_eq!(state(&|b| _ = b.handshake(1, 1).s("R", 1, 1, b"").s("A", 1, 1, b"x")), State::Open);
    assert_eq!(state(&|b| _ = b.c("A", 1, 1, b"").c("FA", 1, 1, b"")), State::Midstream);
    assert_eq!(state(&|b| _ = b.feed(&udp(CLIENT, SERVER, b"x"))), State::Datagrams);
}

#[test]
fn appetites_are_honoured() {
    let text: Vec<u8> = (0..100).collect();
    for (appetite, given_len) in [(Appetite::All, 100), (Appetite::Skip(35), 65), (Appetite::Enough, 10)] {
        // In order, and with every second segment late.
        for order in [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 2, 1, 4, 3, 6, 5, 8, 7, 9]] {
            let mut bench = Bench::new();
            bench.script.appetites[0] = vec![appetite, Appetite::All];
            bench.handshake(1, 1);
            for n in order {
                bench.c("A", 1 + 10 * n, 1, &text[10 * n as usize..][..10]);
            }
            let c = bench.only();
            let (bytes, passed, lost) = sums(&c, Side::Client);
            assert_eq!((bytes.len(), lost, c.payload[0]), (given_len, 0, 100), "{appetite:?} {order:?}");
            assert_eq!(passed, 100 - given_len as u64);
            if let Appetite::Skip(length) = appetite {
                assert_eq!(bytes[10..], text[10 + length as usize..]);
            }
        }
    }
}

#[test]
fn what_nobody_wants_is_not_stored() {
    for appetite in [Appetite::Skip(1 << 40), Appetite::Enough] {
        let mut bench = Bench::new();
        bench.script.appetites[0] = vec![appetite];
        bench.handshake(1, 1).c("A", 1, 1, b"x");
        let before = bench.table.buffered();
        for n in 0..1000 {
            bench.c("A", 3 + n * 1000, 1, &[7; 1000]);
        }
        assert!(bench.table.buffered() - before < 200, "one range");
        bench.c("A", 2, 1, b"y");
        assert_eq!(bench.table.buffered(), 0);
        let c = bench.only();
        assert_eq!((c.payload[0], sums(&c, Side::Client).1), (1_000_002, 1_000_001));
    }
}

#[test]
fn after_a_gap_everything_comes_unless_enough_was_said() {
    for (appetite, expected) in [(Appetite::Skip(1000), "aefgh"), (Appetite::Enough, "a")] {
        let mut bench = Bench::new();
        bench.script.appetites[0] = vec![appetite, Appetite::All];
        bench.handshake(1, 1).c("A", 1, 1, b"a").c("A", 4, 1, b"d").s("A", 1, 5, b"!").c("A", 5, 1, b"efgh");
        let c = bench.only();
        assert_eq!(given(&c, Side::Client), expected);
        assert_sums(&c);
    }
}

#[test]
fn a_wrong_orientation_is_turned_in_the_end() {
    let (a, b) = ("192.0.2.77:55555", "198.51.100.9:60001");
    let mut bench = Bench::new();
    bench.script.client = Some(Side::Server);
    bench.feed(&tcp(a, b, "A", 1, 1, b"220 ready")).feed(&tcp(b, a, "A", 1, 10, b"HELO"));
    assert_eq!(bench.script.opened[0].client.to_string(), a, "the first packet's, at opening");
    let c = bench.only();
    assert_eq!((c.key.client.to_string(), c.key.server.to_string()), (b.into(), a.into()));
    assert_eq!((c.client_by, c.payload, c.packets), (ClientBy::Protocol, [4, 9], [1, 1]));
    assert_eq!((c.turns[0].side, c.turns[1].side), (Side::Server, Side::Client));
    assert_eq!((c.first_bytes[0].as_slice(), c.first_bytes[1].as_slice()), (&b"HELO"[..], &b"220 ready"[..]));
    assert_eq!(
        c.facts.as_ref().map(|told| told[0].clone()),
        Some(Told::Data(Side::Client, b"220 ready".to_vec(), 1))
    );
    // What a SYN says stands.
    let mut bench = Bench::new();
    bench.script.client = Some(Side::Server);
    bench.handshake(1, 1).c("A", 1, 1, b"x");
    let c = bench.only();
    assert_eq!((c.key.client.to_string(), c.client_by), (CLIENT.into(), ClientBy::Syn));
}

#[test]
fn link_addresses_are_those_of_the_senders() {
    let mut bench = Bench::new();
    let mut broadcast = udp("0.0.0.0:68", "255.255.255.255:67", b"x");
    broadcast.macs = Some(([2, 0, 0, 0, 0, 9], [0xff; 6]));
    bench.feed(&broadcast);
    let c = bench.only();
    assert_eq!((c.client_mac, c.server_mac), (Some([2, 0, 0, 0, 0, 9]), None));
    let mut bench = Bench::new();
    bench.feed(&udp("203.0.113.5:50000", "192.0.2.1:53", b"x"));
    let c = bench.only();
    assert_eq!((c.client_mac, c.server_mac), (Some([2, 0, 0, 0, 0, 1]), Some([2, 0, 0, 0, 0, 2])));
    let mut bench = Bench::new();
    bench.s("A", 1, 1, b"");
    let mut back = tcp(CLIENT, SERVER, "A", 1, 1, b"");
    back.macs = Some(([2, 0, 0, 0, 0, 3], [2, 0, 0, 0, 0, 4]));
    let c = {
        bench.feed(&back);
        bench.only()
    };
    assert_eq!((c.client_mac, c.server_mac), (Some([2, 0, 0, 0, 0, 3]), Some([2, 0, 0, 0, 0, 1])));
}

#[test]
fn datagrams_are_given_one_by_one() {
    let (q, a) = ("192.0.2.10:53124", "198.51.100.53:53");
    let mut bench = Bench::new();
    bench.feed(&udp(q, a, b"one")).feed(&udp(q, a, b"")).feed(&udp(a, q, b"two")).feed(&udp(q, a, b"three"));
    let c = bench.only();
    let expected = [
        Told::Data(Side::Client, b"one".to_vec(), 1),
        Told::Data(Side::Server, b"two".to_vec(), 3),
        Told::Data(Side::Client, b"three".to_vec(), 4),
    ];
    assert_eq!(c.facts.as_deref(), Some(&expected[..]));
    assert_eq!((c.packets, c.payload, c.first_bytes[0].as_slice()), ([3, 1], [8, 3], &b"one"[..]));
    assert_eq!((c.key.carrier, c.key.protocol(), c.client_by), (Carrier::Udp, 17, ClientBy::Port));
}

#[test]
fn an_echo_is_one_conversation_even_when_only_the_reply_is_seen() {
    let echo = |kind| Transport::Icmp { v6: false, kind, code: 0, rest: [1, 2, 0, 0] };
    let mut bench = Bench::new();
    bench.feed(&layers("192.0.2.1", "192.0.2.9", echo(0), b"ping")).feed(&layers(
        "192.0.2.9",
        "192.0.2.1",
        echo(8),
        b"ping",
    ));
    let c = bench.only();
    assert_eq!(
        (c.key.client.to_string(), c.key.server.to_string()),
        ("192.0.2.9:8".into(), "192.0.2.1:0".into())
    );
    assert_eq!((c.key.carrier, c.client_by, c.packets), (Carrier::Icmp, ClientBy::Protocol, [1, 1]));
}

#[test]
fn other_protocols_and_fragments_go_by_addresses() {
    let mut bench = Bench::new();
    bench.feed(&layers("192.0.2.1", "192.0.2.9", Transport::Other(47), b"x"));
    let mut fragment = layers("192.0.2.9", "192.0.2.1", Transport::Other(6), b"rest");
    fragment.fragment = true;
    bench.feed(&fragment).feed(&fragment.clone());
    bench.feed(&tcp("192.0.2.1:0", "192.0.2.9:0", "A", 1, 1, b"y"));
    let (ended, _) = bench.finish();
    let carriers: Vec<_> = ended.iter().map(|c| (c.key.carrier, c.packets[0] + c.packets[1])).collect();
    assert_eq!(carriers.len(), 3);
    for expected in [(Carrier::Other(47), 1), (Carrier::Other(6), 2), (Carrier::Tcp, 1)] {
        assert!(carriers.contains(&expected), "{carriers:?}");
    }
    assert_eq!(ended.iter().filter(|c| c.state == State::Datagrams).count(), 2);
}

#[test]
fn captures_are_told_apart() {
    let mut bench = Bench::new();
    bench.handshake(1, 1);
    (bench.capture, bench.frame) = (1, 10);
    bench.c("A", 1, 1, b"abc");
    (bench.capture, bench.frame) = (0, 20);
    bench.c("A", 4, 1, b"def");
    (bench.capture, bench.frame) = (1, 30);
    bench.s("A", 1, 7, b"x");
    let c = bench.only();
    let expected =
        [(0, FrameSpan { first: 1, last: 21, count: 4 }), (1, FrameSpan { first: 11, last: 31, count: 2 })];
    assert_eq!(*c.captures, expected);
}

#[test]
fn silence_ends_conversations_and_one_wrong_clock_does_not() {
    let (a, b) = ("192.0.2.3:5000", "192.0.2.4:53");
    let other = udp("192.0.2.5:5000", "192.0.2.6:53", b"x");
    let mut bench = Bench::new();
    bench.feed(&udp(a, b, b"1")).handshake(1, 1).c("A", 1, 1, b"abc");
    bench.sleep(1_000_000).feed(&other).sleep(-1_000_000).feed(&udp(a, b, b"2")).c("A", 4, 1, b"def");
    assert_eq!((bench.ended.len(), bench.table.len()), (0, 3));
    for _ in 0..10 {
        bench.sleep(20).feed(&other);
    }
    assert_eq!((bench.ended.len(), bench.table.len()), (1, 2), "UDP is idle, TCP is not");
    assert_eq!(bench.ended[0].payload, [2, 0]);
    for _ in 0..100 {
        bench.sleep(40).feed(&other);
    }
    assert_eq!((bench.ended.len(), bench.table.len()), (2, 1));
    let (ended, anomalies) = bench.finish();
    assert_eq!(ended.len(), 3);
    assert!(anomalies.iter().any(|a| a.kind == Kind::ClockStep));
}

#[test]
fn the_first_conversation_after_a_leap_is_not_taken_for_idle() {
    let mut bench = Bench::new();
    bench.feed(&udp("192.0.2.3:5000", "192.0.2.4:53", b"old")).sleep(200_000_000);
    bench.c("A", 1, 1, b"abc").s("A", 1, 4, b"").c("A", 4, 1, b"def");
    let (ended, _) = bench.finish();
    let payloads: Vec<_> = ended.iter().map(|c| (c.payload, c.packets)).collect();
    assert_eq!(payloads, [([3, 0], [1, 0]), ([6, 0], [2, 1])]);
}

#[test]
fn after_a_long_silence_conversations_end_some_at_a_time() {
    let (server, all) = ("192.0.2.4:53", 1000);
    let client = |number: usize| format!("192.0.2.3:{}", 5000 + number);
    let other = udp("192.0.2.5:5000", "192.0.2.6:53", b"x");
    let mut bench = Bench::new();
    for number in 0..all {
        bench.feed(&udp(&client(number), server, b"1"));
    }
    // The clock is believed when the next packet agrees.
    bench.sleep(10_000).feed(&other);
    assert_eq!((bench.ended.len(), bench.table.len()), (0, all + 1));
    // The last has not had its turn, but a packet for it is of another conversation.
    bench.feed(&udp(&client(all - 1), server, b"22"));
    let (first, rest) = (bench.ended.len(), bench.table.len());
    assert!((2..=65).contains(&first), "{first}");
    assert_eq!(first + rest, all + 2);
    let again = bench.ended.last().expect("the last");
    assert_eq!((again.key.client.port(), again.payload), (5999, [1, 0]));
    let mut before = first;
    while bench.table.len() > 2 {
        bench.feed(&other);
        assert!((1..=64).contains(&(bench.ended.len() - before)));
        before = bench.ended.len();
    }
    let (ended, _) = bench.finish();
    assert_eq!((ended.len(), ended.iter().map(|c| c.payload[0]).sum::<u64>()), (all + 2, 1018));
}

#[test]
fn ten_minute_beats_stay_in_one_connection() {
    let mut bench = Bench::new();
    bench.handshake(1, 1);
    for beat in 0..50 {
        bench.sleep(600).c("A", 1 + beat * 4, 1 + beat, b"ping").s("A", 1 + beat, 5 + beat * 4, b"p");
    }
    let c = bench.only();
    assert_eq!((c.turns.len(), c.payload), (100, [200, 50]));
}

#[test]
fn closed_and_half_open_connections_go_sooner() {
    let mut bench = Bench::new();
    bench
        .feed(&tcp("192.0.2.1:1025", SERVER, "S", 0, 0, b""))
        .handshake(1, 1)
        .c("FA", 1, 1, b"")
        .s("FA", 1, 2, b"");
    let other = udp("192.0.2.5:5000", "192.0.2.6:53", b"x");
    for _ in 0..4 {
        bench.sleep(10).feed(&other);
    }
    assert_eq!(bench.ended.iter().map(|c| c.state).collect::<Vec<_>>(), [State::Closed]);
    for _ in 0..6 {
        bench.sleep(10).feed(&other);
    }
    assert_eq!(bench.ended.iter().map(|c| c.state).collect::<Vec<_>>(), [State::Closed, State::Unanswered]);
}

#[test]
fn when_there_are_too_many_the_idle_go() {
    let mut bench = Bench::with(Config { max_flows: 100, ..Config::default() });
    bench.handshake(1, 1).c("A", 1, 1, b"abc");
    for n in 0..5000_u32 {
        let (addr, port) = (n % 200 + 1, 1024 + n);
        bench.feed(&tcp(&format!("192.0.2.{addr}:{port}"), SERVER, "S", n, 0, b""));
        assert!(bench.table.len() <= 100);
    }
    bench.c("A", 4, 1, b"def");
    let (ended, anomalies) = bench.finish();
    assert_eq!(ended.len(), 5001);
    let long: Vec<_> = ended.iter().filter(|c| c.payload[0] > 0).collect();
    assert_eq!((long.len(), long[0].payload[0]), (1, 6), "the flood did not end the connection");
    let limit = anomalies.iter().find(|a| a.kind == Kind::Limit).expect("noted");
    assert_eq!(limit.count, 4901);
}

#[test]
fn what_was_silent_for_long_is_not_missed() {
    for (max_flows, noted) in [(5, true), (20, false)] {
        let mut bench = Bench::with(Config { max_flows, ..Config::default() });
        for n in 0..60 {
            bench.sleep(1).feed(&tcp(&format!("192.0.2.1:{}", 1024 + n), SERVER, "S", n, 0, b""));
        }
        let (ended, anomalies) = bench.finish();
        assert_eq!(ended.len(), 60);
        assert_eq!(anomalies.iter().any(|a| a.kind == Kind::Limit), noted, "{max_flows}");
    }
}

#[test]
fn where_room_is_short_what_was_answered_goes_before_what_just_began() {
    let mut bench = Bench::with(Config { max_flows: 100, ..Config::default() });
    // Ten questions and a connection each second: some 60 of them are younger than what quiet is.
    for second in 0..200_u32 {
        for n in 0..10_u32 {
            let asking = format!("192.0.2.1:{}", 1024 + second * 10 + n);
            bench.feed(&udp(&asking, "192.0.2.53:53", b"question"));
            bench.feed(&udp("192.0.2.53:53", &asking, b"answer"));
        }
        let end = format!("192.0.2.2:{}", 1024 + second);
        bench.feed(&tcp(&end, SERVER, "S", 1, 0, b"")).sleep(1);
        bench.feed(&tcp(SERVER, &end, "SA", 1, 2, b""));
    }
    let (ended, anomalies) = bench.finish();
    assert_eq!(ended.len(), 2200, "none is parted");
    assert!(anomalies.iter().all(|a| a.kind != Kind::Limit), "none is missed");
}

#[test]
fn where_room_is_short_the_end_of_a_connection_is_no_other() {
    let mut bench = Bench::with(Config { max_flows: 50, ..Config::default() });
    for n in 0..2000_u32 {
        let end = format!("192.0.2.1:{}", 1024 + n);
        bench.feed(&tcp(&end, SERVER, "S", 1, 0, b""));
        bench.feed(&tcp(SERVER, &end, "SA", 1, 2, b""));
        bench.feed(&tcp(&end, SERVER, "A", 2, 2, b"bye"));
        bench.feed(&tcp(SERVER, &end, "FA", 2, 5, b""));
        bench.feed(&tcp(&end, SERVER, "FA", 5, 3, b""));
        // The last acknowledgement comes after twenty others have ended.
        if n >= 20 {
            bench.feed(&tcp(SERVER, &format!("192.0.2.1:{}", 1004 + n), "A", 3, 6, b""));
        }
    }
    let (ended, anomalies) = bench.finish();
    assert_eq!(ended.len(), 2000);
    assert!(anomalies.iter().all(|a| a.kind != Kind::Limit));
}

#[test]
fn floods_with_one_pair_of_ports_and_a_standing_clock_stay_small() {
    let mut bench = Bench::new();
    for n in 0..20_000_u32 {
        bench.time = Timestamp(0);
        bench.c("S", n.wrapping_mul(0x0100_0001), 0, b"");
        bench.ended.clear();
        assert_eq!(bench.table.len(), 1);
    }
}

#[test]
fn endless_holes_stay_bounded() {
    let mut bench = Bench::with(Config { max_buffered: 100_000, ..Config::default() });
    bench.handshake(1, 1);
    for n in 0..100_000_u32 {
        bench.c("A", 2 + n * 2, 1, b"x");
        assert!(bench.table.buffered() <= 100_000);
    }
    let c = bench.only();
    assert_eq!((c.payload[0], c.gaps[0]), (200_000, 100_000));
}

#[test]
fn the_whole_budget_may_be_spent_by_others() {
    let mut bench = Bench::with(Config { max_buffered: 1000, ..Config::default() });
    for host in 1..50 {
        let from = format!("192.0.2.{host}:4000");
        bench.feed(&tcp(&from, SERVER, "S", 0, 0, b"")).feed(&tcp(&from, SERVER, "A", 9, 1, &[b'x'; 50]));
        bench.feed(&tcp(&from, SERVER, "A", 59, 1, b"end"));
    }
    let (ended, anomalies) = bench.finish();
    for c in &ended {
        assert_eq!((c.payload[0], c.gaps[0]), (61, 8));
        assert_sums(c);
    }
    assert!(anomalies.iter().any(|a| a.kind == Kind::Limit));
}

#[test]
fn the_tunnel_of_the_first_packet_is_kept() {
    let mut bench = Bench::new();
    let mut tagged = udp(CLIENT, SERVER, b"x");
    assert!(tagged.encapsulation.push(Step::Vlan(7)));
    bench.feed(&tagged).feed(&udp(SERVER, CLIENT, b"y"));
    let c = bench.only();
    assert_eq!((c.encapsulation.steps(), c.packets), (&[Step::Vlan(7)][..], [1, 1]));
}

#[test]
fn portions_are_the_same_as_all_at_once() {
    let mut bench = Bench::new();
    for n in 1..=10 {
        bench.feed(&udp(&format!("192.0.2.{n}:5000"), SERVER, b"x"));
    }
    let Bench { table, script, log, ended, .. } = &mut bench;
    assert!(!table.finish_some(4, script, log, ended));
    assert_eq!(ended.len(), 4);
    assert!(table.finish_some(6, script, log, ended));
    assert_eq!(ended.len(), 10);
}

/// Numbers without end from a seed (Marsaglia's xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Cuts `len` bytes at random, repeats, overlaps, and moves each piece by at most `window` places.
fn cut(len: usize, most: usize, window: usize, dice: &mut Dice) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < len {
        let to = len.min(from + 1 + dice.below(most));
        pieces.push((from, to));
        if dice.below(4) == 0 {
            let from = from.saturating_sub(dice.below(most));
            pieces.push((from, len.min(to + dice.below(most))));
        }
        from = to;
    }
    let mut keyed: Vec<_> =
        pieces.into_iter().enumerate().map(|(n, piece)| (n + dice.below(window), piece)).collect();
    keyed.sort_by_key(|(place, _)| *place);
    keyed.into_iter().map(|(_, piece)| piece).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_segments_is_the_stream(
        seed in 1..u64::MAX, len in 1..6000_usize, most in 1..300_usize, window in 1..60_usize, first: u32,
    ) {
        let mut dice = Dice(seed);
        let stream: Vec<u8> = (0..len).map(|_| dice.below(256) as u8).collect();
        let mut bench = Bench::new();
        bench.handshake(first, 77);
        for (from, to) in cut(len, most, window, &mut dice) {
            bench.c("A", first.wrapping_add(from as u32), 77, &stream[from..to]);
        }
        let c = bench.only();
        prop_assert_eq!(sums(&c, Side::Client).0, stream);
        prop_assert_eq!((c.payload[0], c.gaps[0], c.conflicts), (len as u64, 0, 0));
        prop_assert_eq!(c.turns.iter().map(|turn| turn.bytes).sum::<u64>(), len as u64);
    }

    #[test]
    fn with_losses_and_appetites_all_adds_up(
        seed in 1..u64::MAX, len in 1..6000_usize, most in 1..300_usize, window in 1..60_usize, answered: bool,
    ) {
        let mut dice = Dice(seed);
        let stream: Vec<u8> = (0..len).map(|_| dice.below(256) as u8).collect();
        let mut bench = Bench::with(Config { max_buffered: 20_000, ..Config::default() });
        bench.script.appetites[0] = (0..200)
            .map(|_| match dice.below(3) {
                0 => Appetite::All,
                _ => Appetite::Skip(dice.below(500) as u64),
            })
            .collect();
        if dice.below(4) == 0 {
            bench.script.appetites[0].push(Appetite::Enough);
        }
        bench.handshake(1, 1);
        for (from, to) in cut(len, most, window, &mut dice) {
            if dice.below(5) == 0 {
                continue;
            }
            let mut layers = tcp(CLIENT, SERVER, "A", 1 + from as u32, 1, &stream[from..to]);
            if dice.below(5) == 0 {
                layers.payload = &layers.payload[..dice.below(to - from)];
            }
            bench.feed(&layers);
            if answered && dice.below(3) == 0 {
                bench.s("A", 1, 1 + to as u32, b"");
            }
        }
        bench.c("FA", 1 + len as u32, 1, b"");
        let c = bench.only();
        prop_assert_eq!(c.payload[0], len as u64);
        let mut place = 0;
        for told in c.facts.iter().flatten() {
            match told {
                Told::Data(_, bytes, _) => {
                    prop_assert_eq!(&stream[place..place + bytes.len()], &bytes[..]);
                    place += bytes.len();
                }
                Told::Gap(_, length) | Told::Passed(_, length) => place += *length as usize,
            }
        }
        if c.facts.is_some() {
            prop_assert_eq!(place, len);
            assert_sums(&c);
        }
    }

    #[test]
    fn nothing_that_comes_breaks_it(packets in prop::collection::vec(any::<(bool, u8, u32, u32, u8, u8, i32)>(), 1..300)) {
        let mut bench = Bench::with(Config { max_flows: 3, max_buffered: 500, ..Config::default() });
        for (back, flags, seq, ack, len, port, time) in packets {
            let payload = vec![port; usize::from(len)];
            let end = format!("192.0.2.1:{}", port % 6);
            let (src, dst) = if back { (SERVER, end.as_str()) } else { (end.as_str(), SERVER) };
            // Near numbers half of the time.
            let near = |n: u32| if n.is_multiple_of(2) { n % 1000 } else { n };
            let mut layers = tcp(src, dst, "", near(seq), near(ack), &payload);
            if let Transport::Tcp(tcp) = &mut layers.transport {
                tcp.flags = flags;
            }
            layers.payload_len += u32::from(flags) % 3;
            bench.time = Timestamp(i64::from(time) * if port % 2 == 0 { 1 << 32 } else { 1000 });
            bench.feed(&layers);
            prop_assert!(bench.table.len() <= 3);
        }
        let (ended, _) = bench.finish();
        for c in &ended {
            if c.facts.is_some() {
                assert_sums(c);
            }
            prop_assert!(c.end >= c.start);
        }
    }
}

#[test]
fn the_same_packets_give_the_same_conversations() {
    let run = || {
        let mut bench = Bench::with(Config { max_flows: 20, ..Config::default() });
        let mut dice = Dice(5);
        for _ in 0..3000 {
            let end = format!("192.0.2.{}:5000", 1 + dice.below(60));
            let flags = ["S", "A", "FA", "RA"][dice.below(4)];
            bench.feed(&tcp(&end, SERVER, flags, dice.below(200) as u32, 1, &[0; 20][..dice.below(20)]));
        }
        let (ended, anomalies) = bench.finish();
        (format!("{ended:?}"), anomalies)
    };
    assert_eq!(run(), run());
}

/// Wants what it is told to want.
struct Idle;

impl Dissector for Idle {
    type Facts = ();
    type Shared = Option<Appetite>;
    fn open(_: &Opening, _: &mut Option<Appetite>) -> Self {
        Self
    }
    fn data(&mut self, _: Side, _: &[u8], _: At, appetite: &mut Option<Appetite>) -> Appetite {
        appetite.unwrap_or(Appetite::All)
    }
    fn gap(&mut self, _: Side, _: u64, _: At, _: &mut Option<Appetite>) {}
    fn passed(&mut self, _: Side, _: u64, _: At) {}
    fn client(&self) -> Option<Side> {
        None
    }
    fn end(self, _: &mut Option<Appetite>) {}
}

/// Not a test: what packets and a flood cost.
/// `cargo test --lib flow::tests::cost -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn cost() {
    let payload = [0; 1000];
    let play =
        |what: &str, hosts: u32, count: u32, flags: &str, len: usize, late: bool, appetite: Appetite| {
            let mut table = Table::<Idle>::new(Config::default());
            let (mut log, mut ended) = (crate::anomaly::Log::new(), Vec::new());
            let mut layers = tcp("192.0.2.1:4000", SERVER, flags, 0, 1, &payload[..len]);
            let mut appetite = Some(appetite);
            let begun = std::time::Instant::now();
            for n in 0..count {
                layers.src =
                    std::net::Ipv4Addr::from(0x0a00_0000 + (n % hosts).wrapping_mul(7919) % 0x0100_0000)
                        .into();
                let place = n / hosts;
                // Every ten segments the first comes last.
                let place =
                    if late && place.is_multiple_of(10) { place + 9 } else { place - u32::from(late) };
                if let Transport::Tcp(tcp) = &mut layers.transport {
                    tcp.seq = place.wrapping_mul(len as u32);
                }
                let at = At { time: Timestamp(i64::from(n) * 1000), frame: u64::from(n), capture: 0 };
                table.packet(&layers, at, 60, &mut appetite, &mut log, &mut ended);
                ended.clear();
            }
            let cost = begun.elapsed().as_nanos() / u128::from(count);
            eprintln!("{what}: {cost} ns a packet, {} open", table.len());
        };
    play("bare acknowledgements of 4096", 4096, 1_000_000, "A", 0, false, Appetite::All);
    play("one stream", 1, 1_000_000, "A", 1000, false, Appetite::All);
    play("4096 streams", 4096, 1_000_000, "A", 1000, false, Appetite::All);
    play("100000 streams", 100_000, 1_000_000, "A", 1000, false, Appetite::All);
    play("4096 streams, nobody listens", 4096, 1_000_000, "A", 1000, false, Appetite::Enough);
    play("one stream in disorder", 1, 1_000_000, "A", 1000, true, Appetite::All);
    play("a flood of SYNs", 1_000_000, 1_000_000, "S", 0, false, Appetite::All);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    eprintln!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or(""));
}
