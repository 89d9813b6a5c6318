//! What takes keys out of the words of servers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_mind::fuzzing::scrubbing(bytes));
