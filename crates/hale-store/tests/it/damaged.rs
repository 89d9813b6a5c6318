//! Files that are torn, foreign or newer: refused with a reason, and not a byte of them changes.

use std::fs;
use std::path::{Path, PathBuf};

use hale_store::{Access, State, StoreError, Telemetry};

use crate::world::*;

fn good_state(dir: &Path) -> PathBuf {
    let path = dir.join("state.db");
    let state = State::open(&path, Access::Write).unwrap();
    for n in 0..200 {
        state.put_alert(&alert(n)).unwrap();
    }
    path
}

fn good_telemetry(dir: &Path) -> PathBuf {
    let path = dir.join("telemetry.duckdb");
    let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
    for n in 1..20 {
        let sample = sample(n, 30);
        telemetry.append(&sample, &snapshot(&sample, None)).unwrap();
    }
    telemetry.flush().unwrap();
    path
}

#[test]
fn a_damaged_state_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = good_state(dir.path());
    let whole = fs::read(&path).unwrap();
    let mut overwritten = whole.clone();
    overwritten[..4096].fill(0xAA);
    let mut schema_gone = whole.clone();
    schema_gone[100..4096].fill(0xFF);
    for (what, bytes) in [
        ("cut in half", whole[..whole.len() / 2].to_vec()),
        ("cut by one page", whole[..whole.len() - 4096].to_vec()),
        ("cut by one byte", whole[..whole.len() - 1].to_vec()),
        ("only the start of a header", whole[..50].to_vec()),
        ("first page overwritten", overwritten),
        ("schema overwritten", schema_gone),
        ("text", b"hello, I am not a database\n".repeat(400)),
        ("zeros", vec![0; 8192]),
    ] {
        for access in [Access::Write, Access::Read] {
            fs::write(&path, &bytes).unwrap();
            let error = State::open(&path, access).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { .. }), "{what}: {error:?}");
            assert!(error.to_string().contains("state.db"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), bytes, "{what} was touched");
        }
    }
}

#[test]
fn damage_in_the_middle_is_found_by_reading_it_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = good_state(dir.path());
    assert_eq!(State::open(&path, Access::Read).unwrap().damage().unwrap(), None);
    // A page of the alerts, not one of the schema: that is read when the file is opened.
    let page: u32 = rusqlite::Connection::open(&path)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'alerts'", [], |row| row.get(0))
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let end = page as usize * 4096;
    bytes[end - 4096..end].fill(0xAA);
    fs::write(&path, &bytes).unwrap();
    let said = State::open(&path, Access::Read).unwrap().damage().unwrap();
    assert!(said.is_some());
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_newer_changed_or_foreign_state_file_is_refused_and_left_alone() {
    for (sql, said) in [
        (
            "INSERT INTO schema_migrations VALUES (70, 'x', 'from the future', 'x')",
            "has schema version 70, this hale knows up to ",
        ),
        (
            "UPDATE schema_migrations SET checksum = 'x'",
            "migration 1 is not the one that made this file",
        ),
        ("DROP TABLE schema_migrations", "an SQLite database of another program"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = good_state(dir.path());
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        for access in [Access::Write, Access::Read] {
            let error = State::open(&path, access).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.hint().is_some());
            assert_eq!(fs::read(&path).unwrap(), before, "{sql}: touched");
        }
    }
}

#[test]
fn reading_makes_no_file_and_writing_takes_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    assert!(matches!(State::open(&path, Access::Read), Err(StoreError::Missing { .. })));
    assert!(!path.exists());
    fs::write(&path, b"").unwrap();
    assert!(matches!(State::open(&path, Access::Read), Err(StoreError::Missing { .. })));
    State::open(&path, Access::Write).unwrap();
    State::open(&path, Access::Read).unwrap();
    let telemetry = dir.path().join("telemetry.duckdb");
    let missing = Telemetry::open(&telemetry, Access::Read).unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }));
    assert!(!telemetry.exists());
}

#[test]
fn damaged_telemetry_is_set_aside_and_the_watch_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = good_telemetry(dir.path());
    let whole = fs::read(&path).unwrap();
    let mut overwritten = whole.clone();
    overwritten[..12_288].fill(0xAA);
    let mut scrambled = whole.clone();
    scrambled[12_288..].iter_mut().for_each(|b| *b ^= 0x5A);
    for (what, bytes) in [
        ("cut in half", whole[..whole.len() / 2].to_vec()),
        ("only the start of a header", whole[..50].to_vec()),
        ("header overwritten", overwritten),
        ("contents scrambled", scrambled),
        ("text", b"hello, I am not a database\n".repeat(1000)),
        ("zeros", vec![0; 65_536]),
    ] {
        fs::write(&path, &bytes).unwrap();
        let read = Telemetry::open(&path, Access::Read).unwrap_err();
        assert!(matches!(read, StoreError::Corrupt { .. }), "{what}: {read:?}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{what} was touched");
        let (mut telemetry, said) = Telemetry::open_or_set_aside(&path).unwrap();
        let said = said.unwrap();
        let sample = sample(1, 5);
        telemetry.append(&sample, &snapshot(&sample, None)).unwrap();
        telemetry.flush().unwrap();
        drop(telemetry);
        let kept = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .find(|p| p.to_string_lossy().contains("duckdb.broken-"))
            .unwrap();
        assert!(said.contains(&*kept.to_string_lossy()), "{said}");
        assert_eq!(fs::read(&kept).unwrap(), bytes, "{what} was not kept");
        fs::remove_file(kept).unwrap();
    }
}

#[test]
fn a_torn_write_ahead_log_costs_only_what_was_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = good_telemetry(dir.path());
    let wal = dir.path().join("telemetry.duckdb.wal");
    for noise in [b"garbage in the log ".repeat(500), vec![0; 4096]] {
        fs::write(&wal, noise).unwrap();
        let (telemetry, said) = Telemetry::open_or_set_aside(&path).unwrap();
        let table = telemetry.query(None, "SELECT count(*) FROM sys_samples", 1).unwrap();
        assert_eq!(table.rows[0][0], 19, "{said:?}");
    }
}

#[test]
fn newer_or_foreign_telemetry_is_refused_and_left_alone() {
    for (sql, said) in [
        (
            "INSERT INTO schema_migrations VALUES (70, 'x', 'from the future', 'x')",
            "has schema version 70, this hale knows up to ",
        ),
        (
            "UPDATE schema_migrations SET checksum = 'x'",
            "migration 1 is not the one that made this file",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = good_telemetry(dir.path());
        duckdb::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        let error = Telemetry::open_or_set_aside(&path).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before, "touched");
    }
}
