//! The Prometheus text format, as scraped targets send it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_observe::fuzzing::exposition(bytes));
