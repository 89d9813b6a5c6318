//! Patterns of the allowlist: a pattern, NUL, a name.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_brain::fuzzing::globs(bytes));
