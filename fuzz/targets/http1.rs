#![no_main]
use exfilscan::flow::Carrier::*;
use exfilscan::protocol::http;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::alone(data, &[(Tcp, 80)], http::recognise, |start| {
        Box::new(http::Http::new(start))
    });
});
