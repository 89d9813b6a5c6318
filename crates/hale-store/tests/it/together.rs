//! Many at once: nobody ever sees a lock error, and nothing is lost.

use std::process::{Command, Stdio};

use hale_store::{Access, State, StoreError, Telemetry};
use serde_json::json;

use crate::world::*;

const DATABASE: &str = "HALE_STORE_TOGETHER_DATABASE";
const EACH: u64 = 60;

/// Not a test by itself: one of the processes.
#[test]
fn child_reads_and_writes() {
    let Ok(path) = std::env::var(DATABASE) else { return };
    work(std::path::Path::new(&path), std::process::id().into());
}

fn work(path: &std::path::Path, who: u64) {
    for n in 0..EACH {
        // Opened each time, as a command does.
        let mut state = State::open(path, Access::Write).unwrap();
        state.append_audit(at(0), &format!("uid:{who}"), "note", "x", &json!(n)).unwrap();
        state
            .atomically(|state| {
                let mut one = alert(who * 1000 + n);
                one.flaps = state.alerts(&[], 3)?.len() as u32;
                state.put_alert(&one)
            })
            .unwrap();
        drop(state);
        let reader = State::open(path, Access::Read).unwrap();
        assert!(!reader.alerts(&[], 0).unwrap().is_empty());
        let check = reader.verify_audit().unwrap();
        assert_eq!(check.broken_at, None, "{}", check.finding);
    }
}

#[test]
fn three_processes_and_two_threads() {
    let dir = tempfile::tempdir().unwrap();
    // Even the making of the file is a race.
    let path = dir.path().join("state.db");
    let children: Vec<_> = (0..3)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "together::child_reads_and_writes", "--nocapture"])
                .env(DATABASE, &path)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    std::thread::scope(|scope| {
        for who in [1, 2] {
            let path = &path;
            scope.spawn(move || work(path, who));
        }
    });
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let state = State::open(&path, Access::Read).unwrap();
    let check = state.verify_audit().unwrap();
    assert_eq!((check.entries, check.broken_at), (5 * EACH, None), "{}", check.finding);
    assert_eq!(state.alerts(&[], 0).unwrap().len() as u64, 5 * EACH);
}

const QUERIED: &str = "HALE_STORE_TOGETHER_QUERIED";

/// Not a test by itself: a process that asks something that takes long.
#[test]
fn child_asks_a_long_question() {
    let Ok(path) = std::env::var(QUERIED) else { return };
    let sql = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b";
    let path = std::path::Path::new(&path);
    let state = path.with_extension("none");
    let mut error = hale_store::query_readonly(path, &state, sql, 1).unwrap_err();
    // The parent may have it open at the moment.
    while matches!(error, StoreError::Busy { .. }) {
        error = hale_store::query_readonly(path, &state, sql, 1).unwrap_err();
    }
    assert!(matches!(error, StoreError::Timeout { .. }), "{error:?}");
}

#[test]
fn a_long_question_keeps_nobody_from_writing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("telemetry.duckdb");
    let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
    let first = sample(1, 30);
    telemetry.append(&first, &snapshot(&first, None)).unwrap();
    telemetry.flush().unwrap();
    drop(telemetry);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "together::child_asks_a_long_question", "--nocapture"])
        .env(QUERIED, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut was_held = false;
    loop {
        match Telemetry::open(&path, Access::Write) {
            Err(StoreError::Busy { .. }) => was_held = true,
            Ok(_) if was_held => break,
            Ok(_) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "the question was over before anybody could write"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // Nothing of the copy is left to be found, also when whoever asked is killed.
    let mut left = Vec::new();
    for _ in 0..100 {
        left = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with('.'))
            .collect();
        if left.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(left, Vec::<String>::new());
}
