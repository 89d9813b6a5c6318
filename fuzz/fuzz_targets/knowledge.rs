//! An entry of knowledge as Markdown: read, refused with lines, written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_model::fuzzing::knowledge(bytes));
