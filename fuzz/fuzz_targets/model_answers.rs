//! Answers of language model providers, streamed and whole.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_mind::fuzzing::answers(bytes));
