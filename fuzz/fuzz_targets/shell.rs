//! The shell guard: any bytes are a command that has a verdict.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hale_brain::decide::shell::judge(&String::from_utf8_lossy(bytes));
});
