//! Files of `/proc/PID`, and `/etc/passwd`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_observe::fuzzing::process(bytes));
