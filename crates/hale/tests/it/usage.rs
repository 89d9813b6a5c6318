//! Wrong usage, and what a person sees first.

use std::io::Read as _;
use std::process::Stdio;

use crate::bed::Bed;

#[test]
fn hale_alone_is_a_short_help() {
    let ended = Bed::new().hale(&[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.starts_with("Keeps Linux machines healthy"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\x1b'));
}

#[test]
fn wrong_usage_is_exit_2_and_says_what_is_right() {
    let bed = Bed::new();
    for (line, expected) in [
        ("stauts", "'status'"),
        (
            "report --since yesterday",
            "`yesterday` is not a duration: write 90s, 15m, 1h, 24h or 7d",
        ),
        ("kill 0", "0 is not in 1.."),
        ("kill -9 12", "unexpected argument '-9'"),
        ("kill 99999999999", "99999999999 is not in"),
        ("query SELECT --format xml", "[possible values: table, json, md, csv]"),
        ("incidents list --state done", "[possible values: open, diagnosing, awaiting_approval"),
        ("up --listen 0.0.0.0:0", "has no fixed port"),
        ("up --listen nowhere", "`nowhere` is not an address"),
        ("pause --for 1y", "`1y` is not a duration"),
        ("status -q -v", "cannot be used with"),
    ] {
        let ended = bed.hale(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, 2, "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{line}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{line}");
    }
}

#[test]
fn a_program_gets_an_envelope_even_for_a_wrong_line() {
    for line in ["robot nonsense", "--quiet robot health --bogus", "robot machine"] {
        let ended = Bed::new().hale(&line.split(' ').collect::<Vec<_>>());
        let envelope: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(ended.code, 2, "{line}");
        assert_eq!(envelope["schema_version"], "hale.robot.error.v1", "{line}");
        assert_eq!(envelope["data"]["kind"], "usage", "{line}");
        assert_ne!(envelope["data"]["message"], "", "{line}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bed = Bed::new();
    // More than a pipe holds, so that writing meets the closed end.
    let mut child = bed
        .command(&["robot-docs", "schemas"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn a_full_disk_under_standard_output_is_an_error() {
    let bed = Bed::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bed.command(&["config", "path"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("standard output cannot be written"), "{said}");
}
