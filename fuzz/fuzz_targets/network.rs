//! `/proc/net/dev` and the socket tables.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_observe::fuzzing::network(bytes));
