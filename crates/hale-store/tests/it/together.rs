//! Many at once: nobody ever sees a lock error, and nothing is lost.

use std::process::{Command, Stdio};

use hale_store::{Access, State};
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
