//! A shell's start-up file: aliases and functions, never run.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_brain::companion::fuzzing::shell_startup(bytes));
