//! What a failed command wrote, and what is offered after it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_brain::companion::fuzzing::failures(bytes));
