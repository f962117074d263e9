//! Paths, order, hashes, threads.

use super::super::bytes::Order;
use super::write::{Ng, Pcap};
use super::*;
use sha2::Digest as _;
use std::fs;
use std::path::Path;

const OPTIONS: Options = Options { hash: true, threaded: false };

fn at(seconds: u32) -> Vec<u8> {
    Pcap::usual().packet(seconds, 0, 60, &[0; 60]).bytes
}

fn names(expanded: &Expanded, root: &Path) -> Vec<String> {
    let short = |source: &Source| {
        source.path.strip_prefix(root).map_or(source.name.clone(), |path| path.display().to_string())
    };
    expanded.sources.iter().map(short).collect()
}

fn whole(path: &Path, options: Options) -> Whole {
    let source = Source { path: path.to_owned(), name: path.display().to_string(), first: None };
    match open(&source, 7, options) {
        Ok(Opened::Packets(reader)) => drain(reader),
        _ => panic!("not opened"),
    }
}

#[test]
fn directories_are_searched_and_put_in_order_of_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path();
    fs::create_dir_all(root.join("a/b")).expect("a directory");
    fs::write(root.join("a/late.pcap"), at(300)).expect("written");
    fs::write(root.join("a/b/early"), at(100)).expect("written");
    fs::write(
        root.join("z.ng"),
        Ng::new(Order::Little).interface(1, 0, &[]).enhanced(0, 200_000_000, 1, &[0], &[]).bytes,
    )
    .expect("written");
    fs::write(root.join("same.pcap"), at(300)).expect("written");
    fs::write(root.join("empty.pcap"), b"").expect("written");
    fs::write(root.join("notes.txt"), b"not a capture").expect("written");
    fs::write(root.join("none.pcap"), Pcap::usual().bytes).expect("written");
    fs::write(root.join("records.ndjson"), b"{\"type\":\"capture\"}\n").expect("written");
    let expanded = expand(&[root.to_owned()]);
    assert!(expanded.failed.is_empty(), "{:?}", expanded.failed);
    let expected = ["a/b/early", "z.ng", "a/late.pcap", "same.pcap", "none.pcap", "records.ndjson"];
    assert_eq!(names(&expanded, root), expected);
    assert_eq!(expanded.sources[1].first.map(|t| t.0), Some(200_000_000_000));
    // Named again, below itself and by a file, nothing is read twice.
    let again = expand(&[root.join("a"), root.to_owned(), root.join("z.ng"), root.join("a")]);
    assert_eq!(names(&again, root), expected);
    assert!(again.failed.is_empty(), "{:?}", again.failed);
}

#[test]
fn what_is_named_and_cannot_be_used_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path();
    fs::create_dir(root.join("empty")).expect("a directory");
    fs::create_dir(root.join("others")).expect("a directory");
    fs::write(root.join("others/x"), b"text").expect("written");
    fs::write(root.join("zero"), b"").expect("written");
    let named = ["gone", "empty", "others", "others/x", "zero"].map(|name| root.join(name));
    let expanded = expand(&named);
    assert!(expanded.sources.is_empty());
    let errors: Vec<&Error> = expanded.failed.iter().map(|(_, error)| error).collect();
    assert!(
        matches!(
            errors[..],
            [Error::Io(_), Error::NoCaptures(0), Error::NoCaptures(1), Error::NotACapture(_), Error::Empty]
        ),
        "{errors:?}"
    );
}

#[cfg(unix)]
#[test]
fn loops_of_links_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path();
    fs::create_dir(root.join("a")).expect("a directory");
    fs::write(root.join("a/x.pcap"), at(1)).expect("written");
    std::os::unix::fs::symlink(root, root.join("a/up")).expect("a link");
    std::os::unix::fs::symlink(root.join("a/x.pcap"), root.join("a/y.pcap")).expect("a link");
    std::os::unix::fs::symlink("nowhere", root.join("a/dangling")).expect("a link");
    let expanded = expand(&[root.to_owned()]);
    assert_eq!(names(&expanded, root), ["a/x.pcap"]);
    assert!(expanded.failed.is_empty(), "{:?}", expanded.failed);
}

#[test]
fn standard_input_is_not_touched_beforehand() {
    let expanded = expand(&["-".into(), "-".into()]);
    assert_eq!(expanded.sources, [Source { path: "-".into(), name: "-".into(), first: None }]);
}

#[test]
fn the_hash_is_that_of_the_whole_file_as_stored() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.pcap");
    let mut bytes = Pcap::usual().three().bytes;
    bytes.extend([0xff; 3000]);
    fs::write(&path, &bytes).expect("written");
    let expected = super::super::stored::hex(sha2::Sha256::new_with_prefix(&bytes));
    for threaded in [false, true] {
        let read = whole(&path, Options { threaded, ..OPTIONS });
        assert_eq!((read.info.sha256.as_str(), read.info.bytes), (expected.as_str(), bytes.len() as u64));
        let without = whole(&path, Options { hash: false, threaded });
        assert_eq!((without.info.sha256.as_str(), without.info.bytes), ("", bytes.len() as u64));
    }
    // Given up after the first packet.
    let source = Source { path, name: String::new(), first: None };
    let Ok(Opened::Packets(mut reader)) = open(&source, 0, OPTIONS) else { panic!("not opened") };
    assert!(reader.next_packet().is_some());
    assert_eq!(reader.finish(&mut Log::new()).sha256, expected);
}

#[test]
fn a_thread_reads_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.pcap");
    let mut file = Pcap::usual();
    // Longer than all pieces in the queue, with records longer than the headroom of a piece.
    for second in 0..60_u32 {
        file = file
            .packet(second, 0, 250_000, &vec![second as u8; 250_000 - second as usize])
            .packet(second, 1, 9, &[7; 9]);
    }
    fs::write(&path, &file.bytes).expect("written");
    let inline = whole(&path, OPTIONS);
    let threaded = whole(&path, Options { threaded: true, ..OPTIONS });
    assert_eq!(inline.packets.len(), 120);
    assert!(inline.packets == threaded.packets);
    assert_eq!(inline.info, threaded.info);
    // Dropped and finished in the middle, nothing hangs.
    let source = Source { path, name: String::new(), first: None };
    for finish in [true, false] {
        let options = Options { threaded: true, ..OPTIONS };
        let Ok(Opened::Packets(mut reader)) = open(&source, 0, options) else { panic!("not opened") };
        assert!(reader.next_packet().is_some());
        if finish {
            assert_eq!(reader.finish(&mut Log::new()).sha256, inline.info.sha256);
        }
    }
}
