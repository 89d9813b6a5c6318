//! The OOM killer's lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_brain::fuzzing::messages(bytes));
