//! What comes to the port of a sign-in, and the answers of token endpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_mind::fuzzing::sign_in(bytes));
