//! User rules: TOML and the CEL in it. Files are separated by NUL.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_brain::fuzzing::rules(bytes));
