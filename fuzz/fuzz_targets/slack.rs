//! What Slack sends when a button is pressed: a form that holds JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_serve::receive_fuzzing::slack(bytes));
