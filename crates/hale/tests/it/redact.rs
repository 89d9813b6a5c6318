//! `hale redact`, as scripts meet it: a filter that needs no home directory.

use std::io::Write as _;
use std::process::{Command, Stdio};

struct Filtered {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the filter without any environment at all.
fn filter(arguments: &[&str], input: &[u8]) -> Filtered {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hale"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    Filtered {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn text_passes_without_what_must_not_leave() {
    let text = "db1.acme.internal: login from 10.9.8.7, PASSWORD=Willow!Canyon4410\nlast line without an end";
    let filtered = filter(&["redact"], text.as_bytes());
    assert_eq!((filtered.code, filtered.stderr.as_str()), (0, ""));
    assert_eq!(
        filtered.stdout,
        "<host-1>: login from <ip-1>, PASSWORD=<secret-1>\nlast line without an end"
    );
    let filtered = filter(&["redact", "--json"], b"10.9.8.7 and 10.9.8.6");
    let json: serde_json::Value = serde_json::from_str(&filtered.stdout).unwrap();
    assert_eq!(json, serde_json::json!({ "redacted": "<ip-1> and <ip-2>", "found": { "ip": 2 } }));
}

#[test]
fn bytes_that_are_no_text_are_told() {
    let filtered = filter(&["redact"], b"a\xff 10.9.8.7");
    assert_eq!((filtered.code, filtered.stdout.as_str()), (0, "a\u{fffd} <ip-1>"));
    assert!(filtered.stderr.contains("UTF-8"), "{}", filtered.stderr);
}

#[test]
fn every_line_is_answered_in_order_and_a_bad_one_ends_with_exit_1() {
    let input = "{\"id\":\"r1\",\"text\":\"é <ip-1> 10.9.8.7\"}\n[]\n{\"id\":\"r3\",\"text\":\"nothing\"}\n";
    let filtered = filter(&["redact", "--jsonl"], input.as_bytes());
    assert_eq!(filtered.code, 1, "{}", filtered.stderr);
    let answers: Vec<serde_json::Value> =
        filtered.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["redacted"], "é <text-1> <ip-1>");
    assert_eq!(answers[0]["restored"], "é <ip-1> 10.9.8.7");
    assert!(answers[1]["error"].as_str().unwrap().starts_with("line 2: "), "{}", answers[1]);
    assert_eq!(
        answers[2],
        serde_json::json!({ "id": "r3", "redacted": "nothing", "restored": "nothing" })
    );
    assert!(filtered.stderr.contains("line 2"), "{}", filtered.stderr);
}
