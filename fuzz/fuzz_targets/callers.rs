//! What callers show at the door: bearer tokens, cookies, the Host header, the sign-in form.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_serve::fuzz_callers(bytes));
