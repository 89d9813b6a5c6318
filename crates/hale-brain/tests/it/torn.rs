//! Torn seeds for every decoder of hale-brain: the promises of the fuzz targets, in a fixed number of runs.

use hale_brain::decide::redact::{KnownSecrets, Redactor};
use hale_brain::route::{HostFacts, Routed, route};
use hale_brain::{companion, decide, detect};

#[path = "../../../../fuzz/torn.rs"]
mod seeds;
use seeds::torn;

#[test]
fn torn_commands_have_a_verdict() {
    torn("shell", 1_000, |bytes| {
        decide::shell::judge(&String::from_utf8_lossy(bytes));
    });
}

#[test]
fn torn_texts_come_back_and_what_is_held_does_not_leave() {
    const HELD: &str = "held-Secret-7f3a";
    torn("redact", 300, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let known = KnownSecrets { secrets: vec![HELD.to_owned()], ..KnownSecrets::default() };
        let mut redactor = Redactor::new(known);
        for part in text.split('\0') {
            let redacted = redactor.redact(part);
            assert!(!redacted.contains(HELD));
            assert_eq!(redactor.restore(&redacted), part);
        }
    });
}

#[test]
fn torn_sentences_never_break_a_line() {
    torn("sentence", 200, |bytes| {
        if let Routed::Plan(plan) = route(&String::from_utf8_lossy(bytes), &HostFacts::default()) {
            assert!(plan.steps.iter().all(|step| !step.command.contains('\n')));
        }
    });
}

#[test]
fn torn_answers_outputs_and_start_up_files_are_read_or_refused() {
    torn("plans", 5_000, companion::fuzzing::plans);
    torn("failures", 1_000, companion::fuzzing::failures);
    torn("shell_startup", 5_000, companion::fuzzing::shell_startup);
}

#[test]
fn torn_logs_and_tables_are_read_or_refused() {
    torn("templates", 1_000, hale_brain::fuzzing::templates);
    torn("anomalies", 1_000, detect::stream_anomaly::fuzzing::rows);
    torn("messages", 2_000, hale_brain::fuzzing::messages);
    torn("globs", 5_000, hale_brain::fuzzing::globs);
}
