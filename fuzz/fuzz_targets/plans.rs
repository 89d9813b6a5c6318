//! A model's answer to a sentence: read or refused, and never a command that cannot be shown.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_brain::companion::fuzzing::plans(bytes));
