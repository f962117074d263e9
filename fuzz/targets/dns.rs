#![no_main]
use exfilscan::flow::Carrier::*;
use exfilscan::protocol::dns;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::alone(
        data,
        &[(Udp, 53), (Tcp, 53), (Udp, 5353), (Udp, 5355)],
        dns::recognise,
        |start| Box::new(dns::Dns::new(start)),
    );
});
