#![no_main]
use exfilscan::flow::Carrier::*;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::opaque(data, &[(Tcp, 4444), (Udp, 4444), (Icmp, 0), (Tcp, 443), (Other(50), 0)]);
});
