//! Whatever the bytes, reading ends, without a panic, with no more packets than the bytes can hold.

use super::super::bytes::Order;
use super::rewrite::{rewrite, stated};
use super::write::{Ng, Pcap};
use super::*;
use proptest::prelude::*;

fn captures() -> Vec<Vec<u8>> {
    let mut modified = Pcap::new(Order::Big, 0xa1b2_cd34, 1);
    modified.extra = 8;
    let sections = Ng::three(Order::Little)
        .simple(4, &[1; 4])
        .block(0xbad, &[0; 8])
        .section(Order::Big)
        .interface(101, 64, &[(9, &[0x8a]), (13, &[32])])
        .block(0xa, &[0, 0, 0, 1, 0, 0, 0, 3, 7, 7, 7])
        .obsolete(0, 1, 9, &[1; 9])
        .enhanced(0, 2, 70, &[2; 64], &[]);
    vec![
        Pcap::usual().three().bytes,
        Pcap::new(Order::Big, 0xa1b2_3c4d, 0x2400_0001).three().bytes,
        modified.three().bytes,
        sections.bytes,
        super::formats::snoop(2, 4),
        [super::formats::erf(2, 1, &[1; 60]), super::formats::erf(130, 1, &[1; 70])].concat(),
        super::ascend::log(),
    ]
}

/// A change to a file: bytes set, taken out or put in at a place.
#[derive(Debug, Clone)]
enum Change {
    Set(usize, u8),
    Word(usize, u32),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let word =
        prop_oneof![Just(0), Just(u32::MAX), Just(0x7fff_ffff), Just(262_144), 0..300_u32, any::<u32>()];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        (any::<usize>(), word).prop_map(|(at, value)| Change::Word(at, value)),
        (any::<usize>(), 1..50_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 1..50)).prop_map(|(at, b)| Change::Insert(at, b)),
        (any::<usize>(), 1..100_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: Change) {
    if bytes.len() < 8 {
        return;
    }
    let place = |at: usize, length: usize| {
        let at = at % bytes.len();
        at..(at + length).min(bytes.len())
    };
    match change {
        Change::Set(at, value) => {
            let at = place(at, 1);
            bytes[at].fill(value);
        }
        Change::Word(at, value) => {
            let at = place(at & !3, 4);
            let length = at.len();
            bytes[at].copy_from_slice(&value.to_le_bytes()[..length]);
        }
        Change::Remove(at, length) => {
            bytes.drain(place(at, length));
        }
        Change::Insert(at, new) => {
            let at = place(at, 0);
            bytes.splice(at, new);
        }
        Change::Repeat(at, length) => {
            let again = bytes[place(at, length)].to_vec();
            let at = place(at, 0);
            bytes.splice(at, again);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_captures_are_read_to_the_end(
        which in 0..captures().len(),
        changes in prop::collection::vec(change(), 1..6),
        piece in prop_oneof![Just(16_usize), Just(1 << 12)],
    ) {
        let mut bytes = captures().swap_remove(which);
        for change in changes {
            apply(&mut bytes, change);
        }
        if let Ok(reader) = open_bytes(&bytes, piece) {
            let whole = drain(reader);
            // A record takes sixteen bytes, a block twelve.
            prop_assert!(whole.info.packets as usize <= bytes.len() / 12);
            prop_assert_eq!(whole.info.bytes, bytes.len() as u64);
            let held: usize = whole.packets.iter().map(|packet| packet.data.len()).sum();
            prop_assert!(held <= bytes.len());
            prop_assert!(whole.packets.windows(2).all(|pair| pair[0].frame < pair[1].frame));
        }
    }

    /// What can be read can be written, and is then what was read.
    #[test]
    fn changed_captures_are_written_as_they_were_read(
        which in 0..6_usize,
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut bytes = captures().swap_remove(which);
        for change in changes {
            apply(&mut bytes, change);
        }
        if open_bytes(&bytes, 1 << 16).is_ok() {
            let (before, written) = (stated(&bytes), rewrite(&bytes));
            let after = if written.is_empty() { Vec::new() } else { stated(&written) };
            prop_assert_eq!(before.len(), after.len());
            for ((count, wire_len, seen), (kept, kept_len, again)) in before.into_iter().zip(after) {
                prop_assert_eq!((wire_len, seen.link, seen.fcs_len, &seen.data), (kept_len, again.link, again.fcs_len, &again.data));
                if count.is_some() {
                    prop_assert_eq!((count, seen.nanos), (kept, again.nanos));
                }
            }
        }
    }

    #[test]
    fn noise_behind_a_header_ends(noise in prop::collection::vec(any::<u8>(), 0..2000), which in 0..2_usize) {
        let header = vec![Pcap::usual().bytes, Ng::new(Order::Big).interface(1, 0, &[]).bytes].swap_remove(which);
        let bytes = [header, noise].concat();
        let whole = drain(open_bytes(&bytes, 64).expect("a header"));
        prop_assert!(whole.packets.len() <= bytes.len() / 12);
    }
}
