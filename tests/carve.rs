//! Packets are carved out as they were, and nothing else happens to any file.

mod common;

use common::{Run, bytes, capture, exfilscan, finish, run};
use exfilscan::capture::{self, Opened};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A packet as its file states it.
#[derive(Debug, Clone, PartialEq)]
struct Packet {
    /// In units of its interface.
    count: Option<u64>,
    nanos: i64,
    link: u16,
    stated_len: u32,
    data: Vec<u8>,
}

/// The packets of a capture, in order.
fn packets(path: &Path) -> Vec<Packet> {
    let expanded = capture::expand(&[path.to_owned()]);
    let options = capture::Options { hash: false, threaded: false };
    let Ok(Opened::Packets(reader)) = capture::open(&expanded.sources[0], 0, options) else {
        panic!("{}: no capture", path.display());
    };
    let mut originals = reader.originals();
    let mut all = Vec::new();
    while let Some(original) = originals.next_original() {
        all.push(Packet {
            count: original.count,
            nanos: original.packet.time.0,
            link: original.packet.link.0,
            stated_len: original.stated_len,
            data: original.packet.data.to_vec(),
        });
    }
    let info = originals.finish(&mut exfilscan::anomaly::Log::new());
    assert_eq!(info.truncated_at, None, "{}", path.display());
    all
}

/// The frames of these numbers.
fn numbered(all: &[Packet], frames: &[usize]) -> Vec<Packet> {
    frames.iter().map(|frame| all[frame - 1].clone()).collect()
}

/// The original frame numbers that a carved file states.
fn originals(path: &Path) -> Vec<usize> {
    let text = String::from_utf8_lossy(&fs::read(path).expect("written")).into_owned();
    let numbers = text.split("original frame ").skip(1);
    numbers
        .map(|rest| {
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
        })
        .collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).expect("written");
        self.path(name)
    }
    fn names(&self) -> Vec<String> {
        let entries =
            fs::read_dir(self.0.path()).expect("a folder").map(|entry| entry.expect("entry").file_name());
        let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Runs `carve` on these inputs.
fn carve<P: AsRef<Path>>(inputs: &[P], out: &Path, options: &[&str]) -> Run {
    let args = [OsString::from("carve"), "-o".into(), out.into()].into_iter();
    let args = args.chain(inputs.iter().map(|path| path.as_ref().as_os_str().to_owned()));
    run(args.chain(options.iter().map(OsString::from)))
}

fn findings(path: &Path) -> Value {
    common::report([path])
}

/// A pcap with nanoseconds, raw IPv4, of these packets a second and a nanosecond apart.
fn pcap(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [0xa1b2_3c4d_u32.to_le_bytes(), 0x0004_0002_u32.to_le_bytes()].concat();
    file.extend([0, 0, 65_535, 101].map(u32::to_le_bytes).concat());
    for (n, packet) in (1..).zip(packets) {
        let length = packet.len() as u32;
        file.extend([1_700_000_000 + n, n, length, length + 3].map(u32::to_le_bytes).concat());
        file.extend(packet);
    }
    file
}

/// An IPv4 packet; `word` holds the fragment's flags and offset.
fn ip(ends: [[u8; 4]; 2], protocol: u8, word: u16, payload: &[u8]) -> Vec<u8> {
    let total = 20 + payload.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend([total.to_be_bytes(), 7_u16.to_be_bytes(), word.to_be_bytes()].concat());
    packet.extend([&[64, protocol, 0, 0][..], &ends.concat(), payload].concat());
    packet
}

fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    [&[src, dst, 8 + payload.len() as u16, 0].map(u16::to_be_bytes).concat()[..], payload].concat()
}

/// 192.0.2.1 and 203.0.113.4, and the two ends of a tunnel between them.
const ENDS: [[u8; 4]; 2] = [[192, 0, 2, 1], [203, 0, 113, 4]];
const TUNNEL: [[u8; 4]; 2] = [[198, 51, 100, 1], [198, 51, 100, 2]];

/// The Community ID that `flows` prints for the flow of this client port.
fn community_id(path: &Path, port: u16) -> String {
    let flows = run([OsString::from("flows"), path.into()]);
    let flows = flows.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let flow = flows.filter(|record| record["type"] == "flow").find(|flow| flow["client"]["port"] == port);
    flow.expect("a flow")["community_id"].as_str().expect("a text").to_owned()
}

#[test]
fn frames_come_out_as_they_were() {
    let folder = Folder::new();
    for case in ["lokibot", "real-tls-beat-snapped", "dns-tunnel", "real-raw-tar-v6"] {
        let (input, out) = (capture(case), folder.path("out.pcapng"));
        let done = carve(&[&input], &out, &["--frames", "2-4,1,7,9-9"]);
        assert_eq!((done.code, done.err.as_str(), done.out.as_str()), (0, "", ""), "{case}");
        assert_eq!(originals(&out), [1, 2, 3, 4, 7, 9]);
        assert_eq!(packets(&out), numbered(&packets(&input), &[1, 2, 3, 4, 7, 9]), "{case}");
        assert_eq!(folder.names(), ["out.pcapng"], "nothing else is left behind");
    }
}

#[test]
fn the_new_file_says_where_it_is_from() {
    let folder = Folder::new();
    let (input, out) = (capture("lokibot"), folder.path("out.pcapng"));
    assert_eq!(carve(&[&input], &out, &["--frames", "3-5,9"]).code, 0);
    let text = String::from_utf8_lossy(&fs::read(&out).expect("written")).into_owned();
    let hash = findings(&input)["captures"][0]["sha256"].as_str().expect("a hash").to_owned();
    let name = input.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(
        text.contains(&format!("from {name}, SHA-256 {hash}: 4 packets, original frames 3-5, 9")),
        "{text}"
    );
    assert_eq!(carve(&[&input], &out, &["--frames", "3-5,9", "--no-hash"]).code, 0);
    let text = String::from_utf8_lossy(&fs::read(&out).expect("written")).into_owned();
    assert!(text.contains(&format!("from {name}: 4 packets")), "{text}");
}

/// By scanning, and out of a report in either format, by id, beginning of it, and number.
#[test]
fn a_finding_is_carved_whole() {
    let folder = Folder::new();
    for case in ["vidar-2018", "agenttesla-ftp", "hancitor", "icmp-tunnel", "dns-tunnel", "formbook"] {
        let (input, out) = (capture(case), folder.path("out.pcapng"));
        let report = findings(&input);
        let finding = &report["findings"][0];
        let id = finding["id"].as_str().expect("an id");
        assert_eq!(carve(&[&input], &out, &["--finding", id]).code, 0, "{case}");
        let carved = originals(&out);
        assert_eq!(packets(&out), numbered(&packets(&input), &carved), "{case}");
        // All that the finding names is in it.
        for term in finding["terms"].as_array().expect("terms") {
            let frames = term["frames"].as_array().expect("frames").iter();
            let lost: Vec<_> =
                frames.filter(|f| !carved.contains(&(f.as_u64().expect("a number") as usize))).collect();
            assert!(lost.is_empty(), "{case}: {} {lost:?}", term["signal"]);
        }
        for evidence in finding["evidence"].as_array().expect("evidence") {
            let range = &evidence["frames"][0];
            for end in [&range[0], &range[1]] {
                assert!(carved.contains(&(end.as_u64().expect("a number") as usize)), "{case}: {range}");
            }
        }
        // What comes out of the scan of it is the same finding.
        let again = findings(&out);
        assert_eq!(again["findings"][0]["server"]["addrs"], finding["server"]["addrs"], "{case}");
        let expected = fs::read(&out).expect("written");
        let json = folder.write("report.json", report.to_string().as_bytes());
        let ndjson = run([OsString::from("scan"), "-f".into(), "ndjson".into(), input.clone().into()]);
        let ndjson = folder.write("report.ndjson", ndjson.out.as_bytes());
        for (name, report) in [(id, &json), (&id[..10], &ndjson), ("1", &json)] {
            let report = report.to_string_lossy();
            let done = carve(&[&input], &out, &["--finding", name, "--report", &report]);
            assert_eq!((done.code, done.err.as_str()), (0, ""), "{case}");
            assert_eq!(fs::read(&out).expect("written"), expected, "{case} by {name}");
        }
    }
}

#[test]
fn a_report_finds_its_capture_by_hash_under_another_name() {
    let folder = Folder::new();
    let input = capture("vidar-2018");
    let report = folder.write("report.json", findings(&input).to_string().as_bytes());
    let renamed = folder.write("renamed", &bytes("vidar-2018"));
    let out = folder.path("out.pcapng");
    let report = report.to_string_lossy();
    let options = ["--finding", "1", "--evidence-only", "--report", &*report];
    assert_eq!(carve(&[&renamed], &out, &options).code, 0);
    assert_eq!(packets(&out), numbered(&packets(&input), &originals(&out)));
    // Another capture is not taken for it, whatever its name.
    let other = carve(&[capture("lokibot")], &out, &options);
    assert_eq!(other.code, 3, "{}", other.err);
    assert!(
        other.err.contains("not among the inputs") && other.err.contains("nothing is selected"),
        "{}",
        other.err
    );
}

#[test]
fn evidence_alone_is_less_than_the_channel() {
    let folder = Folder::new();
    let (input, out) = (capture("dns-tunnel"), folder.path("out.pcapng"));
    assert_eq!(carve(&[&input], &out, &["--finding", "1"]).code, 0);
    let whole = originals(&out);
    assert_eq!(carve(&[&input], &out, &["--finding", "1", "--evidence-only"]).code, 0);
    let part = originals(&out);
    assert!(part.len() < whole.len() && part.iter().all(|frame| whole.contains(frame)), "{part:?} {whole:?}");
}

#[test]
fn compression_makes_no_difference_but_in_the_hash() {
    let folder = Folder::new();
    let plain = bytes("lokibot");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("compressed");
    let zipped = folder.write("a.pcap.gz", &gzip.finish().expect("gzip"));
    let plain = folder.write("a.pcap", &plain);
    let out = folder.path("out.pcapng");
    let mut carved = Vec::new();
    for input in [&plain, &zipped] {
        assert_eq!(carve(&[input], &out, &["--finding", "1"]).code, 0);
        carved.push(packets(&out));
    }
    assert!(!carved[0].is_empty());
    assert_eq!(carved[0], carved[1]);
}

/// A conversation that goes on in a second file is taken out of both.
#[test]
fn several_files_are_one_observation() {
    let folder = Folder::new();
    let whole = bytes("redline-soap");
    let mut middle = 24;
    while middle < whole.len() / 2 {
        middle +=
            16 + u32::from_le_bytes(whole[middle + 8..middle + 12].try_into().expect("four bytes")) as usize;
    }
    fs::create_dir(folder.path("day")).expect("a folder");
    fs::create_dir(folder.path("night")).expect("a folder");
    folder.write("night/x.pcap", &whole[..middle]);
    folder.write("day/x.pcap", &[&whole[..24], &whole[middle..]].concat());
    let (one, two) = (folder.path("one.pcapng"), folder.path("two.pcapng"));
    assert_eq!(carve(&[capture("redline-soap")], &one, &["--finding", "1"]).code, 0);
    let done = carve(&[folder.path("day"), folder.path("night")], &two, &["--finding", "1"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert_eq!(packets(&one), packets(&two));
    let text = String::from_utf8_lossy(&fs::read(&two).expect("written")).into_owned();
    // Files of one name are told apart.
    for name in ["day/x.pcap", "night/x.pcap"] {
        let path = folder.path(name);
        assert!(text.contains(&format!(" of {}", path.display())), "{name}");
        assert!(text.contains(&format!("from {}, SHA-256 ", path.display())), "{name}");
    }
    let frames = carve(&[folder.path("day"), folder.path("night")], &two, &["--frames", "1"]);
    assert_eq!(frames.code, 2);
    assert!(frames.err.contains("--frames"), "{}", frames.err);
}

#[test]
fn the_id_of_the_inner_flow_takes_the_frames_of_the_tunnel() {
    let folder = Folder::new();
    let tunnelled = |port| {
        let inner = ip(ENDS, 17, 0, &udp(port, 53, b"question"));
        let ethernet = [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0][..], &inner].concat();
        ip(TUNNEL, 17, 0, &udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &ethernet].concat()))
    };
    let input = folder.write("vxlan.pcap", &pcap(&[tunnelled(40_000), tunnelled(40_001), tunnelled(40_000)]));
    let out = folder.path("out.pcapng");
    let id = community_id(&input, 40_000);
    assert_eq!(carve(&[&input], &out, &["--community-id", &id]).code, 0);
    assert_eq!(originals(&out), [1, 3]);
    let carved = packets(&out);
    assert_eq!(carved, numbered(&packets(&input), &[1, 3]));
    assert_eq!(
        (carved[1].nanos, carved[1].stated_len as usize),
        (1_700_000_003_000_000_003, carved[1].data.len() + 3)
    );
}

#[test]
fn all_fragments_of_a_datagram_are_taken() {
    let folder = Folder::new();
    let datagram = udp(40_000, 9999, &[7; 40]);
    let part =
        |from: usize, to: usize, more: u16| ip(ENDS, 17, more | (from / 8) as u16, &datagram[from..to]);
    let other = ip(ENDS, 17, 0, &udp(40_001, 9999, b"other"));
    let parts = [part(32, 48, 0), other, part(0, 16, 0x2000), part(16, 32, 0x2000)];
    let input = folder.write("fragments.pcap", &pcap(&parts));
    let out = folder.path("out.pcapng");
    assert_eq!(carve(&[&input], &out, &["--community-id", &community_id(&input, 40_000)]).code, 0);
    assert_eq!(originals(&out), [1, 3, 4]);
}

#[test]
fn wishes_are_joined() {
    let folder = Folder::new();
    let packet = |port| ip(ENDS, 17, 0, &udp(port, 53, b"question"));
    let input = folder.write("a.pcap", &pcap(&[40_000, 40_001, 40_002, 40_003, 40_001].map(packet)));
    let out = folder.path("out.pcapng");
    let (one, two) = (community_id(&input, 40_001), community_id(&input, 40_003));
    let options = ["--community-id", &one, "--community-id", &two, "--frames", "3"];
    assert_eq!(carve(&[&input], &out, &options).code, 0);
    assert_eq!(originals(&out), [2, 3, 4, 5]);
}

#[test]
fn what_is_not_there_is_said_and_is_status_1() {
    let folder = Folder::new();
    let (input, out) = (capture("lokibot"), folder.path("out.pcapng"));
    let absent = "1:AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for options in [
        &["--community-id", absent][..],
        &["--frames", "999999"],
        &["--finding", "99"],
        &["--finding", "xf-ffffffffffffffff"],
    ] {
        let done = carve(&[&input], &out, options);
        assert_eq!(done.code, 1, "{options:?}: {}", done.err);
        assert!(done.err.contains(options[1]) && done.err.contains("nothing is selected"), "{}", done.err);
        assert_eq!(folder.names(), [""; 0], "{options:?}");
    }
    let some = carve(&[&input], &out, &["--community-id", absent, "--frames", "1"]);
    assert_eq!((some.code, originals(&out)), (1, vec![1]), "{}", some.err);
    assert_eq!(some.err.lines().count(), 1, "{}", some.err);
    let quiet = carve(&[&input], &out, &["--quiet", "--frames", "999999"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (1, ""));
}

#[test]
fn no_input_is_written_to() {
    let folder = Folder::new();
    let input = folder.write("a.pcap", &bytes("lokibot"));
    let report = folder.write("r.json", findings(&input).to_string().as_bytes());
    let before = [fs::read(&input), fs::read(&report)].map(|read| read.expect("read"));
    let text = report.to_string_lossy().into_owned();
    for out in [&input, &folder.path("./a.pcap"), &report] {
        let done = carve(&[&input], out, &["--finding", "1", "--report", &text]);
        assert_eq!(done.code, 2, "{}", done.err);
        assert_eq!([fs::read(&input), fs::read(&report)].map(|read| read.expect("read")), before);
    }
    assert_eq!(carve(&[folder.0.path()], &input, &["--finding", "1"]).code, 2);
    assert_eq!(folder.names(), ["a.pcap", "r.json"]);
}

#[test]
fn bad_input_is_said_and_the_rest_is_carved() {
    let folder = Folder::new();
    let mut cut = bytes("lokibot");
    cut.truncate(cut.len() - 10);
    let input = folder.write("cut.pcap", &cut);
    let out = folder.path("out.pcapng");
    let done = carve(&[&input], &out, &["--frames", "1-3"]);
    assert_eq!((done.code, originals(&out)), (3, vec![1, 2, 3]));
    assert!(done.err.contains("cut.pcap: the capture ends inside a record"), "{}", done.err);
    // It is said once, though the finding took a reading of its own.
    let done = carve(&[&input], &out, &["--finding", "1"]);
    assert_eq!((done.code, done.err.lines().count()), (3, 1), "{}", done.err);
    let done = carve(&[&input, &folder.path("absent")], &out, &["--frames", "1"]);
    assert_eq!((done.code, done.err.lines().count()), (3, 2), "{}", done.err);
    let done = carve(&[folder.path("absent")], &out, &["--finding", "1"]);
    assert_eq!((done.code, done.err.lines().count()), (2, 1), "{}", done.err);
    let records = run([OsString::from("flows"), capture("lokibot").into()]);
    let records = folder.write("records.ndjson", records.out.as_bytes());
    let done = carve(&[&records], &out, &["--frames", "1"]);
    assert!(done.code == 2 && done.err.contains("records"), "{}", done.err);
}

#[test]
fn wrong_usage_is_status_2() {
    let folder = Folder::new();
    let (input, out) = (capture("lokibot"), folder.path("out.pcapng"));
    let nowhere = folder.path("absent/out.pcapng");
    let bad = folder.write("bad.json", b"{}");
    let bad = bad.to_string_lossy();
    for options in [
        &[][..],
        &["--frames", "0"],
        &["--frames", "9-3"],
        &["--community-id", "x"],
        &["--frames", "1", "--evidence-only"],
        &["--finding", "1", "--report", &bad],
        &["--finding", "1", "--report", "absent"],
    ] {
        assert_eq!(carve(&[&input], &out, options).code, 2, "{options:?}");
    }
    assert_eq!(carve(&[&input], &nowhere, &["--frames", "1"]).code, 2);
    let piped = carve(&["-"], &out, &["--frames", "1"]);
    assert!(piped.code == 2 && piped.err.contains("read only once"), "{}", piped.err);
    assert!(!out.exists());
}

#[test]
fn standard_output_and_threads_make_no_difference() {
    let folder = Folder::new();
    let (input, out) = (capture("hancitor"), folder.path("out.pcapng"));
    assert_eq!(carve(&[&input], &out, &["--finding", "1", "-j", "1"]).code, 0);
    let expected = fs::read(&out).expect("written");
    assert_eq!(carve(&[&input], &out, &["--finding", "1", "-j", "4"]).code, 0);
    assert_eq!(fs::read(&out).expect("written"), expected);
    let output = exfilscan()
        .args(["carve", "-o", "-", "--finding", "1"])
        .arg(&input)
        .stdout(Stdio::piped())
        .output()
        .expect("started");
    assert!(output.status.success());
    assert_eq!(output.stdout, expected);
}

/// A report comes through a pipe.
#[test]
fn a_report_may_be_piped_in() {
    let folder = Folder::new();
    let (input, out) = (capture("hancitor"), folder.path("out.pcapng"));
    let mut child = exfilscan()
        .args(["carve", "--finding", "1", "--report", "-", "-o"])
        .args([&out, &input])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    child.stdin.take().expect("a pipe").write_all(findings(&input).to_string().as_bytes()).expect("written");
    let done = finish(&child.wait_with_output().expect("ended"));
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert!(!packets(&out).is_empty());
}

/// What a conversation is, is the same question here as for the records.
#[test]
fn a_conversation_has_as_many_frames_as_its_flows_count() {
    use exfilscan::pipeline::{
        self,
        carve::{Job, Selection, Want},
    };
    use std::collections::BTreeMap;
    let options = pipeline::Options { threaded: false, hash: false, ..pipeline::Options::default() };
    for case in
        ["benign-video-call", "icmp-tunnel", "dns-tunnel", "agenttesla-ftp", "real-raw-tar-v6", "dead-server"]
    {
        let input = [capture(case)];
        let mut flows = BTreeMap::<_, u64>::new();
        for flow in &pipeline::extract(&input, &options, &mut |_| {}).records.flows {
            *flows.entry(flow.community_id).or_default() += flow.frames.count;
        }
        assert!(!flows.is_empty());
        for (id, count) in flows {
            let mut selection = Selection::default();
            selection.add(Want::Conversation(id));
            let mut job = Job::new(&input, options).expect("a file");
            let selected = job.select(&selection, &mut |_| {});
            assert_eq!((selected.frames(), &selected.hits[..]), (count, &[true][..]), "{case}: {id}");
        }
    }
}
