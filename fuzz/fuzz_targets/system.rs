//! `/proc/stat`, `meminfo`, `vmstat`, `pressure` and their like.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_observe::fuzzing::system(bytes));
