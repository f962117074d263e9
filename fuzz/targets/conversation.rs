#![no_main]
use exfilscan::flow::Carrier::*;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::conversation(
        data,
        &[(Tcp, 80), (Tcp, 4444), (Udp, 4444), (Tcp, 443), (Icmp, 0)],
    );
});
