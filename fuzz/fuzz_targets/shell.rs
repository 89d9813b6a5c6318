//! The shell guard: any bytes are a command that has a verdict.
#![no_main]

use std::panic::{set_hook, take_hook};

libfuzzer_sys::fuzz_target!(
    // The guard catches what the foreign parser panics on; only a panic of hale's own is a finding.
    init: {
        let hook = take_hook();
        set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("brush-parser")) {
                hook(info);
            }
        }));
    },
    |bytes: &[u8]| {
        hale_brain::decide::shell::judge(&String::from_utf8_lossy(bytes));
    }
);
