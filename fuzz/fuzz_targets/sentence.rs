//! A sentence of a person: cut, looked up, matched and put into commands.
#![no_main]

use hale_brain::route::{HostFacts, Routed, route};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let sentence = String::from_utf8_lossy(bytes);
    if let Routed::Plan(plan) = route(&sentence, &HostFacts::default()) {
        for step in plan.steps {
            // Values are quoted; a line break from a sentence never ends a command.
            assert!(!step.command.contains('\n'), "{}", step.command);
        }
    }
});
