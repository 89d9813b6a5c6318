//! `/proc/diskstats` and the mount table.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_observe::fuzzing::disk(bytes));
