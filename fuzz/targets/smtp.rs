#![no_main]
use exfilscan::flow::Carrier::*;
use exfilscan::protocol::smtp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::alone(data, &[(Tcp, 587)], smtp::recognise, |start| {
        Box::new(smtp::Smtp::new(start))
    });
});
