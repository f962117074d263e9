#![no_main]
use exfilscan::flow::Carrier::*;
use exfilscan::protocol::ftp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::alone(data, &[(Tcp, 21)], ftp::recognise, |start| {
        Box::new(ftp::Ftp::new(start))
    });
});
