//! `hale guard`, as scripts meet it: no home directory, and the exit code is the verdict.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Runs the command without any environment at all.
fn guard(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hale"))
        .arg("guard")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_exit_code_is_the_verdict() {
    for (command, code) in
        [("uptime", 0), ("touch a", 0), ("rm -rf /srv/data", 4), ("rm -rf /", 3), ("'", 4)]
    {
        let output = guard(&[command], b"");
        assert_eq!(output.status.code(), Some(code), "{command}");
        let from_stdin = guard(&["-"], command.as_bytes());
        assert_eq!(from_stdin.status.code(), Some(code), "{command}");
        assert_eq!(output.stdout, from_stdin.stdout);
    }
}

#[test]
fn a_verdict_tells_part_reason_and_what_to_do_instead() {
    let output = guard(&["sudo systemctl stop sshd"], b"");
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r"
    CRITICAL  it may lose data or service, or cannot be known: a person types YES

    critical  the operator needs it to get in
              in   sudo systemctl stop sshd
              try  restart it, with a timer that starts it again
              rule services.access.stop
    ");
    let json: serde_json::Value =
        serde_json::from_slice(&guard(&["--json", "rm -rf /"], b"").stdout).unwrap();
    assert_eq!(json["risk"], "deny");
    assert_eq!(json["rules"][0]["id"], "shell.delete.system");
}

#[test]
fn every_line_is_answered_in_order_and_a_bad_one_ends_with_exit_1() {
    let input = "{\"id\":\"a\",\"command\":\"ls\"}\n[]\n{\"id\":3,\"command\":\"reboot\"}\n";
    let output = guard(&["--jsonl"], input.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        serde_json::json!({"id": "a", "risk": "info", "rules": [], "why": "it only reads"})
    );
    assert!(lines[1]["error"].as_str().unwrap().starts_with("line 2: "));
    assert_eq!((lines[2]["id"].as_i64(), lines[2]["risk"].as_str()), (Some(3), Some("critical")));
}
