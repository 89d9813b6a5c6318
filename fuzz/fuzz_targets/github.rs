//! GitHub's webhooks. What is accepted keeps its limits; what is refused says why.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_serve::receive_fuzzing::github(bytes));
