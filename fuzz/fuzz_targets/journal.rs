//! Lines of `journalctl -o json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_observe::fuzzing::journal(bytes));
