//! Log lines: where the header ends, and which template a message is of.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_brain::fuzzing::templates(bytes));
