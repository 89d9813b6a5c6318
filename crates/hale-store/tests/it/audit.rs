//! The audit chain: any edit, removal or reordering is found.

use hale_store::{Access, State};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::json;

use crate::world::at;

fn chain(entries: u64) -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("state.db"), Access::Write).unwrap();
    for n in 1..=entries {
        let details = json!({ "n": n, "why": "it leaks" });
        state.append_audit(at(n as i64), "hale", "intent", &format!("ac-{n}"), &details).unwrap();
    }
    (dir, state)
}

fn tamper(dir: &tempfile::TempDir, sql: &str) {
    Connection::open(dir.path().join("state.db")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn an_untouched_chain_is_whole_also_after_reopening() {
    let (dir, state) = chain(5);
    let check = state.verify_audit().unwrap();
    assert_eq!((check.entries, check.broken_at), (5, None), "{}", check.finding);
    drop(state);
    let reader = State::open(&dir.path().join("state.db"), Access::Read).unwrap();
    assert_eq!(reader.verify_audit().unwrap().broken_at, None);
    let newest: Vec<u64> = reader.audit(2).unwrap().iter().map(|e| e.seq).collect();
    assert_eq!(newest, [4, 5]);
    assert_eq!(reader.audit(0).unwrap().len(), 5);
    let first = reader.audit(0).unwrap().remove(0);
    assert_eq!(first.prev_hash, "0".repeat(64));
    assert_eq!(first.details, r#"{"n":1,"why":"it leaks"}"#);
}

#[test]
fn what_was_done_to_the_chain_is_said() {
    let head = "UPDATE audit_head SET entries = 4, hash = (SELECT hash FROM audit WHERE seq = 4);";
    for (sql, finding) in [
        (
            "UPDATE audit SET details = '{}' WHERE seq = 2",
            "broken at entry 2: its contents are not what was hashed",
        ),
        (
            "UPDATE audit SET ts = '1999-01-01T00:00:00Z' WHERE seq = 5",
            "broken at entry 5: its contents are not what was hashed",
        ),
        ("DELETE FROM audit WHERE seq = 1", "broken at entry 1: entry 1 is missing; the next is 2"),
        ("DELETE FROM audit WHERE seq = 3", "broken at entry 3: entry 3 is missing; the next is 4"),
        ("DELETE FROM audit WHERE seq > 3", "broken at entry 4: entries 4 to 5 are missing"),
        ("DELETE FROM audit", "broken at entry 1: entries 1 to 5 are missing"),
        (
            "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3",
            "broken at entry 3: it does not follow the entry before it",
        ),
        (
            "INSERT INTO audit SELECT 6, ts, actor, kind, subject, details, hash, hash FROM audit WHERE seq = 5",
            "broken at entry 6: its contents are not what was hashed",
        ),
    ] {
        let (dir, state) = chain(5);
        tamper(&dir, sql);
        assert_eq!(state.verify_audit().unwrap().finding, finding, "{sql}");
    }
    // The end removed, and the row that remembers it made to fit: the file beside it still knows.
    let (dir, state) = chain(5);
    tamper(&dir, &format!("DELETE FROM audit WHERE seq = 5; {head}"));
    let finding = state.verify_audit().unwrap().finding;
    assert!(finding.contains("remembers another entry 5 than the chain holds"), "{finding}");
    // Everything removed.
    let (dir, state) = chain(5);
    tamper(&dir, "DELETE FROM audit; DELETE FROM audit_head");
    assert_eq!(state.verify_audit().unwrap().broken_at, Some(5));
}

#[test]
fn a_head_file_that_lags_behind_is_no_fault() {
    let (dir, state) = chain(3);
    let head = dir.path().join("state.db.audit-head");
    let old = std::fs::read(&head).unwrap();
    state.append_audit(at(9), "hale", "outcome", "x", &json!({})).unwrap();
    assert_ne!(std::fs::read(&head).unwrap(), old);
    std::fs::write(&head, old).unwrap();
    assert_eq!(state.verify_audit().unwrap().broken_at, None);
    std::fs::remove_file(&head).unwrap();
    assert_eq!(state.verify_audit().unwrap().broken_at, None);
}

#[derive(Clone, Debug)]
enum Damage {
    Edit { entry: i64, column: usize, byte: usize },
    Remove { entry: i64 },
    Swap { entry: i64, with: i64 },
}

const ENTRIES: i64 = 8;
const COLUMNS: [&str; 7] = ["ts", "actor", "kind", "subject", "details", "prev_hash", "hash"];

fn damage() -> impl Strategy<Value = Damage> {
    let entry = 1..=ENTRIES;
    prop_oneof![
        (entry.clone(), 0..COLUMNS.len(), any::<usize>())
            .prop_map(|(entry, column, byte)| Damage::Edit { entry, column, byte }),
        entry.clone().prop_map(|entry| Damage::Remove { entry }),
        (entry.clone(), 1..ENTRIES)
            .prop_map(|(entry, by)| Damage::Swap { entry, with: (entry + by - 1) % ENTRIES + 1 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_single_damage_is_found(damage in damage()) {
        let (dir, state) = chain(ENTRIES as u64);
        let connection = Connection::open(dir.path().join("state.db")).unwrap();
        match damage {
            Damage::Edit { entry, column, byte } => {
                let column = COLUMNS[column];
                let read = format!("SELECT {column} FROM audit WHERE seq = ?1");
                let old: String = connection.query_row(&read, [entry], |r| r.get(0)).unwrap();
                let mut bytes = old.into_bytes();
                let at = byte % bytes.len();
                bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
                let new = String::from_utf8(bytes).unwrap();
                let write = format!("UPDATE audit SET {column} = ?2 WHERE seq = ?1");
                connection.execute(&write, (entry, new)).unwrap();
            }
            Damage::Remove { entry } => {
                connection.execute("DELETE FROM audit WHERE seq = ?1", [entry]).unwrap();
            }
            Damage::Swap { entry, with } => {
                for (from, to) in [(entry, -1), (with, entry), (-1, with)] {
                    connection
                        .execute("UPDATE audit SET seq = ?2 WHERE seq = ?1", [from, to])
                        .unwrap();
                }
            }
        }
        let check = state.verify_audit().unwrap();
        prop_assert!(check.broken_at.is_some(), "{}", check.finding);
    }
}
