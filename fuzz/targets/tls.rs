#![no_main]
use exfilscan::flow::Carrier::*;
use exfilscan::protocol::tls;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::alone(data, &[(Tcp, 443), (Udp, 443)], tls::recognise, |start| {
        Box::new(tls::Tls::new(start))
    });
});
