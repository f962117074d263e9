#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| exfilscan_fuzz::bodies::check(data));
