//! Durations, and the helpers that shorten and clean text.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_model::fuzzing::duration(bytes));
