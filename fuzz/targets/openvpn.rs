#![no_main]
use exfilscan::flow::Carrier::*;
use exfilscan::protocol::openvpn;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exfilscan_fuzz::dissect::alone(data, &[(Tcp, 4444), (Udp, 4444)], openvpn::recognise, |start| {
        Box::new(openvpn::OpenVpn::new(start))
    });
});
