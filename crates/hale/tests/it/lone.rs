//! Commands with no agent running.

use crate::bed::{Bed, repository};

#[test]
fn status_works_on_a_machine_where_hale_never_ran() {
    let bed = Bed::new();
    for columns in ["80", "100", "120"] {
        let mut command = bed.command(&["status"]);
        command.env("COLUMNS", columns);
        let ended = bed.finish(command);
        let columns: usize = columns.parse().unwrap();
        for line in ended.stdout.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
    let ended = bed.hale(&["status"]);
    assert!(matches!(ended.code, 0 | 5), "{}: {}", ended.code, ended.stderr);
    for part in ["health ", "CPU ", "memory ", "disk ", "PID ", "no agent"] {
        assert!(ended.stdout.contains(part), "{part} in {}", ended.stdout);
    }
    assert!(ended.stdout.lines().count() <= 40, "{}", ended.stdout);
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\x1b'), "colour without a terminal");
    // Looking leaves nothing behind.
    assert!(!bed.data_dir().exists());
}

#[test]
fn every_read_command_answers_with_json() {
    let bed = Bed::new();
    for line in [
        "status",
        "report",
        "explain 1",
        "alerts list",
        "alerts list --all",
        "incidents list",
        "approvals list",
        "config show",
        "config path",
        "config check",
        "doctor",
        "query SELECT%1%AS%a",
        "audit list",
    ] {
        let mut arguments: Vec<String> = line.split(' ').map(|a| a.replace('%', " ")).collect();
        arguments.push("--json".to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = bed.hale(&arguments);
        assert!(matches!(ended.code, 0 | 5), "{line}: {} {}", ended.code, ended.stderr);
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&ended.stdout);
        assert!(parsed.is_ok(), "{line}: {}", ended.stdout);
    }
}

#[test]
fn robot_prints_an_envelope_always() {
    let bed = Bed::new();
    for (line, version) in [
        ("health", "hale.robot.health.v1"),
        ("triage", "hale.robot.triage.v1"),
        ("status", "hale.robot.status.v1"),
        ("machines", "hale.robot.machines.v1"),
        ("alerts", "hale.robot.alerts.v1"),
        ("incidents --limit 0", "hale.robot.incidents.v1"),
        ("approvals", "hale.robot.approvals.v1"),
        ("runbook", "hale.robot.runbook.v1"),
        ("runbook --search disk", "hale.robot.runbook.v1"),
        ("machine nowhere", "hale.robot.error.v1"),
    ] {
        let mut arguments = vec!["robot"];
        arguments.extend(line.split(' '));
        let ended = bed.hale(&arguments);
        let envelope: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(envelope["schema_version"], version, "{line}");
        for key in ["generated_at", "data", "staleness", "warnings"] {
            assert!(envelope.get(key).is_some(), "{line}: {key}");
        }
        let expected: &[i32] = if line == "machine nowhere" { &[1] } else { &[0, 5] };
        assert!(expected.contains(&ended.code), "{line}: {}", ended.code);
    }
    bed.config("[general]\nmodee = 1\n");
    let ended = bed.hale(&["robot", "health"]);
    let envelope: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, envelope["data"]["kind"].as_str()), (2, Some("usage")));
}

/// Every key that an envelope has is in its schema, and every key that the schema demands is there.
#[test]
fn the_examples_fit_the_schemas() {
    let bed = Bed::new();
    let ended = bed.hale(&["robot-docs", "examples"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let examples: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let schemas: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(repository("docs/reference/robot-schemas.json")).unwrap(),
    )
    .unwrap();
    let examples = examples.as_object().unwrap();
    assert!(examples.len() >= 7);
    for (line, example) in examples {
        let schema = &schemas[example["schema_version"].as_str().unwrap()];
        let data = schema["properties"]["data"]["$ref"].as_str().unwrap();
        let data = schema.pointer(data.trim_start_matches('#')).unwrap();
        let known = data["properties"].as_object().unwrap();
        for key in example["data"].as_object().unwrap().keys() {
            assert!(known.contains_key(key), "{line}: {key}");
        }
        for key in data["required"].as_array().unwrap() {
            assert!(example["data"].get(key.as_str().unwrap()).is_some(), "{line}: {key}");
        }
    }
}

#[test]
fn what_does_not_exist_is_exit_1_and_says_where_to_look() {
    let bed = Bed::new();
    for line in [
        "alerts show al-nope",
        "alerts ack al-nope",
        "alerts close al-nope",
        "incidents show in-nope",
        "incidents note in-nope text",
        "incidents postmortem in-nope",
        "incidents export in-nope",
        "incidents replay in-nope",
        "approvals show ap-nope",
        "approve ap-nope",
        "reject ap-nope",
        "undo ac-nope",
        "status --machine nowhere",
        "kill 2147483647",
    ] {
        let ended = bed.hale(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, 1, "{line}: {}", ended.stderr);
        let lines: Vec<&str> = ended.stderr.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("hale: "), "{line}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{line}");
    }
}

#[test]
fn sql_that_does_not_only_read_is_refused() {
    let bed = Bed::new();
    for sql in [
        "DELETE FROM alerts",
        "DROP TABLE alerts",
        "SELECT 1; DROP TABLE alerts",
        "COPY (SELECT 1) TO '/tmp/hale-must-not-exist'",
        "ATTACH '/etc/passwd' AS x",
        "PRAGMA database_list",
        "SELECT * FROM read_text('/etc/passwd')",
        "INSTALL httpfs",
        "SET memory_limit='1TB'",
        "",
        "\u{0}",
    ] {
        if sql.contains('\u{0}') {
            continue;
        }
        let ended = bed.hale(&["query", sql]);
        assert_ne!(ended.code, 0, "{sql}: {}", ended.stdout);
        assert!(!ended.stdout.contains("root:"), "{sql}");
    }
    assert!(!std::path::Path::new("/tmp/hale-must-not-exist").exists());
}

#[test]
fn pause_holds_with_no_agent_too() {
    let bed = Bed::new();
    let paused = bed.hale(&["pause", "--for", "1h"]);
    assert!(paused.stdout.starts_with("Actions are stopped until 20"), "{}", paused.stdout);
    assert!(bed.hale(&["status"]).stdout.contains("actions are stopped until 20"));
    assert_eq!(
        bed.hale(&["pause"]).stdout,
        "Actions are stopped until `hale resume`. Watching goes on.\n"
    );
    assert_eq!(bed.hale(&["resume"]).stdout, "Actions go on.\n");
    assert!(!bed.hale(&["status"]).stdout.contains("actions are stopped"));
    let audit = bed.hale(&["audit", "list", "--json"]).stdout;
    let entries: Vec<serde_json::Value> = serde_json::from_str(&audit).unwrap();
    let kinds: Vec<&str> = entries.iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["pause", "pause", "resume"]);
    assert_eq!(bed.hale(&["audit", "verify"]).code, 0);
}

#[test]
fn files_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let bed = Bed::new();
    bed.hale(&["pause"]);
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bed.data_dir()), 0o700);
    for entry in std::fs::read_dir(bed.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_is() {
    let bed = Bed::new();
    bed.hale(&["pause"]);
    let state = bed.data_dir().join("state.db");
    let noise = vec![0x5a_u8; 40_000];
    std::fs::write(&state, &noise).unwrap();
    let ended = bed.hale(&["alerts", "list"]);
    assert_eq!(ended.code, 1, "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("state.db"), "{}", ended.stderr);
    assert_eq!(std::fs::read(&state).unwrap(), noise);
}

#[test]
fn the_unit_file_is_shown_before_it_is_written() {
    let bed = Bed::new();
    let ended = bed.hale(&["service", "install", "--dry-run"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for line in [
        "Type=notify",
        "Restart=on-failure",
        "--data-dir \"~/.local/share/hale\" up",
        "WatchdogSec=180",
    ] {
        assert!(ended.stdout.contains(line), "{line} in {}", ended.stdout);
    }
    bed.config("[general]\ninterval_secs = 600\n");
    assert!(bed.hale(&["service", "install", "--dry-run"]).stdout.contains("WatchdogSec=1800"));
    let ended = bed.hale(&["service", "uninstall", "--dry-run"]);
    assert!(ended.stdout.contains("disable --now hale.service"), "{}", ended.stdout);
}
