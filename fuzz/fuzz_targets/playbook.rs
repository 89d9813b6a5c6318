//! Playbooks: YAML of users, and the conditions, targets and commands in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| hale_brain::fuzzing::playbook(text));
