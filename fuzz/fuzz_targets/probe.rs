//! Where a probe may go: a URL or an address, as whoever reports an incident gives it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_model::fuzzing::probe(bytes));
