//! kill -9: whatever was acknowledged is there afterwards.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use hale_store::{Access, State, Telemetry};
use serde_json::json;

use crate::world::*;

const DIRECTORY: &str = "HALE_STORE_CRASH_DIRECTORY";

/// Not a test by itself: the process that is killed. Says a number for every intent that is safe.
#[test]
fn child_writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(DIRECTORY) else { return };
    let dir = std::path::Path::new(&dir);
    let mut state = State::open(&dir.join("state.db"), Access::Write).unwrap();
    let mut telemetry = Telemetry::open(&dir.join("telemetry.duckdb"), Access::Write).unwrap();
    let begun = state.audit(1).unwrap().last().map_or(0, |e| e.seq);
    for n in begun + 1.. {
        state
            .atomically(|state| {
                state.put_intent(&action(n))?;
                state.append_audit(at(n as i64), "hale", "intent", "x", &json!({ "n": n }))
            })
            .unwrap();
        let sample = sample(n as i64, 5);
        telemetry.append(&sample, &snapshot(&sample, None)).unwrap();
        telemetry.flush().unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "safe {n}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut safe = Vec::new();
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_writes_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines
            .map_while(Result::ok)
            .filter_map(|line| line.rsplit_once("safe ").and_then(|(_, n)| n.parse::<u64>().ok()));
        // At a different place in the loop each time.
        for _ in 0..2 + round {
            safe.push(numbers.next().expect("the child goes on until it is killed"));
        }
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        safe.extend(numbers);

        let state = State::open(&dir.path().join("state.db"), Access::Read).unwrap();
        let intents = state.unfinished_actions().unwrap();
        for n in &safe {
            assert!(intents.contains(&action(*n)), "intent {n}");
        }
        let check = state.verify_audit().unwrap();
        assert_eq!(check.broken_at, None, "{}", check.finding);
        assert_eq!(check.entries, intents.len() as u64);
        let telemetry = dir.path().join("telemetry.duckdb");
        let stored = hale_store::query_readonly(
            &telemetry,
            &dir.path().join("state.db"),
            "SELECT DISTINCT collected_at FROM sys_samples",
            0,
        )
        .unwrap();
        for n in &safe {
            let row = vec![json!(at(*n as i64).to_string())];
            assert!(stored.rows.contains(&row), "sample {n}");
        }
    }
}
