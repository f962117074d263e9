#![no_main]
use exfilscan::flow::Carrier::*;
use exfilscan::protocol::http2;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::alone(data, &[(Tcp, 80)], http2::recognise, |start| {
        Box::new(http2::Http2::new(start))
    });
});
