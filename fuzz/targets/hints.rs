#![no_main]
use exfilscan::flow::Carrier::*;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // DHCP, NBNS, mDNS, LLMNR and Kerberos are told by their content and port; NTLM stands inside SMB and HTTP.
    exfilscan_fuzz::dissect::conversation(
        data,
        &[(Udp, 67), (Udp, 137), (Udp, 5353), (Udp, 88), (Tcp, 88), (Tcp, 445), (Tcp, 80), (Tcp, 1080)],
    );
});
