//! What the parts cost: `cargo bench [PART]`.
//!
//! Input is shipped captures and what is made here, small enough for the cache: figures are of the work, not of memory.
//! The whole program against other programs is timed by `benches/compare.sh`; that it stays as fast is checked by
//! `benches/instructions.sh`.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use exfilscan::anomaly::Log;
use exfilscan::capture::{LinkType, Opened, Packet, open_bytes};
use exfilscan::content::{Declared, Scanner};
use exfilscan::decode::{Decoder, Encapsulation, Layers, Tcp, Transport};
use exfilscan::detect::{self, Rules};
use exfilscan::flow::{Appetite, At, Carrier, Config, Dissector, Opening, Side, Table};
use exfilscan::pipeline;
use exfilscan::protocol::{Protocol, Shared, Start, dns::Dns, http::Http, tls::Tls};
use exfilscan::record::{Facts, Records};
use exfilscan::time::Timestamp;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

fn main() {
    divan::main();
}

/// Bytes that the reader takes from its source at once, as in the program.
const PIECE: usize = 1 << 20;

fn path(case: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(case).join("capture.pcap")
}

fn file(case: &str) -> Vec<u8> {
    std::fs::read(path(case)).expect("a shipped capture")
}

/// Calls for each packet of a capture.
fn packets(bytes: Vec<u8>, mut each: impl FnMut(&Packet<'_>)) {
    let Ok(Opened::Packets(mut reader)) = open_bytes(bytes, PIECE) else { panic!("a capture") };
    while let Some(packet) = reader.next_packet() {
        each(&packet);
    }
}

#[divan::bench(args = ["benign-cloud-backup", "benign-telemetry"])]
fn reader(bencher: Bencher<'_, '_>, case: &str) {
    let bytes = file(case);
    let size = BytesCount::new(bytes.len());
    bencher.counter(size).with_inputs(|| bytes.clone()).bench_values(|bytes| {
        packets(bytes, |packet| {
            black_box(packet.data.len());
        });
    });
}

#[divan::bench(args = ["benign-cloud-backup", "benign-telemetry"])]
fn decode(bencher: Bencher<'_, '_>, case: &str) {
    let mut stored: Vec<(LinkType, Vec<u8>)> = Vec::new();
    packets(file(case), |packet| stored.push((packet.link, packet.data.to_vec())));
    bencher.counter(ItemsCount::new(stored.len())).bench_local(|| {
        let (mut decoder, mut log) = (Decoder::new(), Log::new());
        for (frame, (link, data)) in (1..).zip(&stored) {
            let packet = Packet {
                capture: 0,
                frame,
                time: Timestamp(0),
                link: *link,
                fcs_len: 0,
                wire_len: data.len() as u32,
                data,
            };
            black_box(decoder.decode(&packet, &mut log).is_some());
        }
    });
}

/// A dissector that wants all and does nothing.
#[derive(Debug)]
struct Idle(u64);

impl Dissector for Idle {
    type Facts = u64;
    type Shared = ();
    fn open(_: &Opening, (): &mut ()) -> Self {
        Self(0)
    }
    fn data(&mut self, _: Side, bytes: &[u8], _: At, (): &mut ()) -> Appetite {
        self.0 += bytes.len() as u64;
        Appetite::All
    }
    fn gap(&mut self, _: Side, _: u64, _: At, (): &mut ()) {}
    fn passed(&mut self, _: Side, _: u64, _: At) {}
    fn client(&self) -> Option<Side> {
        None
    }
    fn end(self, (): &mut ()) -> u64 {
        self.0
    }
}

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

fn layers(transport: Transport, payload: &[u8]) -> Layers<'_> {
    Layers {
        encapsulation: Encapsulation::default(),
        macs: None,
        src: CLIENT,
        dst: SERVER,
        ttl: 64,
        transport,
        payload,
        payload_len: payload.len() as u32,
        wire_len: 60 + payload.len() as u32,
        bad_checksum: false,
        fragment: false,
    }
}

fn at(number: usize) -> At {
    At { time: Timestamp(number as i64 * 1_000_000), frame: number as u64 + 1, capture: 0 }
}

/// Gives packets to a fresh table.
fn table<'a>(all: impl IntoIterator<Item = Layers<'a>>) -> usize {
    let (mut table, mut log, mut ended) = (Table::<Idle>::new(Config::default()), Log::new(), Vec::new());
    for (number, layers) in all.into_iter().enumerate() {
        table.packet(&layers, at(number), layers.wire_len, &mut (), &mut log, &mut ended);
    }
    table.finish(&mut (), &mut log, &mut ended);
    ended.len()
}

/// Datagrams of so many conversations, one after the other.
#[divan::bench(args = [10, 10_000])]
fn flow_table(bencher: Bencher<'_, '_>, conversations: u16) {
    const PACKETS: usize = 40_000;
    let payload = [0x55; 64];
    let source =
        |number: usize| Transport::Udp { src: 20_000 + (number % usize::from(conversations)) as u16, dst: 9 };
    bencher
        .counter(ItemsCount::new(PACKETS))
        .bench_local(|| table((0..PACKETS).map(|number| layers(source(number), &payload))));
}

/// Segments of one stream: in order, or each pair the wrong way round.
#[divan::bench(args = [false, true])]
fn reassembly(bencher: Bencher<'_, '_>, swapped: bool) {
    const SEGMENTS: usize = 4000;
    const SEGMENT: usize = 1400;
    let payload = [0x55; SEGMENT];
    let segment = |number: usize| {
        let number = if swapped { number ^ 1 } else { number };
        let seq = 1 + (number * SEGMENT) as u32;
        Transport::Tcp(Tcp { src: 50_000, dst: 80, seq, ack: 1, flags: Tcp::ACK, window: 0xffff })
    };
    let syn = Transport::Tcp(Tcp { src: 50_000, dst: 80, seq: 0, ack: 0, flags: Tcp::SYN, window: 0xffff });
    bencher.counter(BytesCount::new(SEGMENTS * SEGMENT)).bench_local(|| {
        let data = (0..SEGMENTS).map(|number| layers(segment(number), &payload));
        table(std::iter::once(layers(syn, &[])).chain(data))
    });
}

/// What two sides say, packet by packet.
type Script = Vec<(Side, Vec<u8>)>;

/// The conversation with the most bytes.
fn script(case: &str, port: u16) -> Script {
    let mut all: BTreeMap<(IpAddr, u16), Script> = BTreeMap::new();
    let (mut decoder, mut log) = (Decoder::new(), Log::new());
    packets(file(case), |packet| {
        let Some(layers) = decoder.decode(packet, &mut log) else { return };
        let (Transport::Tcp(Tcp { src, dst, .. }) | Transport::Udp { src, dst }) = layers.transport else {
            return;
        };
        let (client, side) = match (src == port, dst == port) {
            (false, true) => ((layers.src, src), Side::Client),
            (true, false) => ((layers.dst, dst), Side::Server),
            _ => return,
        };
        if !layers.payload.is_empty() {
            all.entry(client).or_default().push((side, layers.payload.to_vec()));
        }
    });
    let size = |script: &Script| script.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    all.into_values().max_by_key(size).expect("a conversation")
}

/// Plays a conversation of a shipped capture into one protocol, as far as it has an appetite.
fn play(
    bencher: Bencher<'_, '_>,
    (case, carrier, port): (&str, Carrier, u16),
    begin: fn(&Start) -> Box<dyn Protocol + Send>,
) {
    let script = script(case, port);
    let size: usize = script.iter().map(|(_, bytes)| bytes.len()).sum();
    let opening = Opening {
        carrier,
        client: SocketAddr::new(CLIENT, 50_000),
        server: SocketAddr::new(SERVER, port),
        at: at(0),
    };
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        let (mut shared, mut facts) = (Shared::default(), Facts::default());
        let mut protocol = begin(&Start { opening, after: None });
        for (number, (side, bytes)) in script.iter().enumerate() {
            black_box(protocol.data(*side, bytes, at(number), &mut shared));
        }
        protocol.end(&mut facts, &mut shared);
        facts
    });
}

#[divan::bench]
fn dissect_tls(bencher: Bencher<'_, '_>) {
    play(bencher, ("telegram-upload", Carrier::Tcp, 443), |start| Box::new(Tls::new(start)));
}

#[divan::bench]
fn dissect_http(bencher: Bencher<'_, '_>) {
    play(bencher, ("vidar-2018", Carrier::Tcp, 80), |start| Box::new(Http::new(start)));
}

#[divan::bench]
fn dissect_dns(bencher: Bencher<'_, '_>) {
    play(bencher, ("dns-tunnel", Carrier::Udp, 53), |start| Box::new(Dns::new(start)));
}

/// A multipart upload with an archive, as the scanner of bodies gets it.
#[divan::bench]
fn scanner(bencher: Bencher<'_, '_>) {
    let script = script("vidar-2018", 80);
    let sent: Vec<u8> =
        script.into_iter().filter(|(side, _)| *side == Side::Client).flat_map(|(_, bytes)| bytes).collect();
    let mark = memchr::memmem::rfind(&sent, b"boundary=").expect("a boundary") + "boundary=".len();
    let line = sent[mark..].split(|byte| *byte == b'\r').next().expect("a line");
    let media = format!("multipart/form-data; boundary={}", String::from_utf8_lossy(line));
    let body = mark + memchr::memmem::find(&sent[mark..], b"\r\n\r\n").expect("a head") + 4;
    let body = &sent[body..];
    bencher.counter(BytesCount::new(body.len())).bench_local(|| {
        let declared = Declared { media_type: Some(&media), upload: true, ..Declared::default() };
        let mut scanner = Scanner::new(&declared);
        body.chunks(1460).for_each(|piece| scanner.feed(piece));
        scanner.finish()
    });
}

/// Records of many clients, each doing what the client of a shipped capture does.
fn records(clients: u32) -> Records {
    let one = pipeline::extract(&[path("lokibot")], &pipeline::Options::default(), &mut |_| {}).records;
    let mut all = Records { captures: one.captures, summary: one.summary, ..Records::default() };
    for client in 0..clients {
        let [_, a, b, c] = client.to_be_bytes();
        let address = IpAddr::V4(Ipv4Addr::new(10, a, b, c));
        all.flows.extend(one.flows.iter().map(|mut flow| {
            flow.client.addr = address;
            flow
        }));
    }
    all
}

#[divan::bench(args = [10, 1000], sample_count = 10)]
fn detection(bencher: Bencher<'_, '_>, clients: u32) {
    let rules = Rules::shipped().expect("the shipped rules");
    let records = records(clients);
    bencher
        .counter(ItemsCount::new(records.flows.len()))
        .with_inputs(|| records.clone())
        .bench_values(|records| detect::detect(records, &rules, &detect::Options::default()));
}

/// What every start pays: the shipped rules, read and compiled.
#[divan::bench(sample_count = 20)]
fn rules() -> Rules {
    Rules::shipped().expect("the shipped rules")
}
