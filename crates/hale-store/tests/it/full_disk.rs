//! A full disk: said, survived, and over when there is space again.

use std::fs;
use std::path::Path;
use std::process::Command;

use hale_store::{Access, State, StoreError, Telemetry};

use crate::world::*;

/// A small file system, unmounted when it goes.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Result<SmallDisk, String> {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "hale-test"])
            .arg(dir.path())
            .output()
            .map_err(|e| e.to_string())?;
        if output.status.success() {
            Ok(SmallDisk(dir))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let file = self.path().join("filler");
        let mut out = fs::File::create(file).unwrap();
        while std::io::Write::write_all(&mut out, &[1; 4096]).is_ok() {}
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let status = Command::new("mount").args(["-o", &options]).arg(self.path()).status();
        assert!(status.unwrap().success());
    }

    fn free(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn telemetry_waits_out_a_full_disk_needs_root() {
    let disk = match SmallDisk::mount("12m") {
        Ok(disk) => disk,
        Err(why) => {
            eprintln!("SKIPPED telemetry_waits_out_a_full_disk_needs_root: {why}");
            return;
        }
    };
    let path = disk.path().join("telemetry.duckdb");
    let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
    let mut last = None;
    let mut store = |telemetry: &mut Telemetry, n: i64| {
        let now = sample(n, 30);
        telemetry.append(&now, &snapshot(&now, last.as_ref())).unwrap();
        last = Some(now);
    };
    for n in 1..=5 {
        store(&mut telemetry, n);
    }
    telemetry.flush().unwrap();

    disk.fill();
    let mut failures = 0;
    for n in 6..=25 {
        store(&mut telemetry, n);
        if let Err(error) = telemetry.flush() {
            assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
            failures += 1;
        }
    }
    assert!(failures > 0 && telemetry.waiting_rows() > 0, "{failures} failures");

    disk.free();
    store(&mut telemetry, 26);
    telemetry.flush().unwrap();
    assert_eq!((telemetry.waiting_rows(), telemetry.lost_rows()), (0, 0));
    let sql = "SELECT count(*), count(DISTINCT collected_at) FROM sys_samples";
    assert_eq!(telemetry.query(None, sql, 1).unwrap().rows[0], [26, 26]);
    drop(telemetry);
    let again = Telemetry::open(&path, Access::Read).unwrap();
    assert_eq!(again.query(None, sql, 1).unwrap().rows[0], [26, 26]);
}

#[test]
fn state_is_read_where_nothing_can_be_written_needs_root() {
    let disk = match SmallDisk::mount("4m") {
        Ok(disk) => disk,
        Err(why) => {
            eprintln!("SKIPPED state_is_read_where_nothing_can_be_written_needs_root: {why}");
            return;
        }
    };
    let path = disk.path().join("state.db");
    // What is in the log alone counts too: an agent that was killed leaves it so.
    let state = State::open(&path, Access::Write).unwrap();
    for n in 0..10 {
        state.put_alert(&alert(n)).unwrap();
    }
    drop(state);
    for with_log in [false, true] {
        if with_log {
            let state = State::open(&path, Access::Write).unwrap();
            (10..15).for_each(|n| state.put_alert(&alert(n)).unwrap());
            let newer = fs::read(disk.path().join("state.db-wal")).unwrap();
            let before = fs::read(&path).unwrap();
            drop(state);
            fs::write(&path, before).unwrap();
            fs::write(disk.path().join("state.db-wal"), newer).unwrap();
        }
        let expected = if with_log { 15 } else { 10 };
        disk.fill();
        let state = State::open(&path, Access::Read).unwrap();
        assert_eq!(state.alerts(&[], 0).unwrap().len(), expected);
        assert_eq!(state.verify_audit().unwrap().entries, 0);
        drop(state);
        let error = State::open(&path, Access::Write).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        disk.free();
        disk.remount("ro");
        let before = fs::read(&path).unwrap();
        let state = State::open(&path, Access::Read).unwrap();
        assert_eq!(state.alerts(&[], 0).unwrap().len(), expected);
        assert!(state.put_alert(&alert(99)).is_err());
        assert_eq!(fs::read(&path).unwrap(), before);
        // What is begun there can look, and says so when it is to keep something.
        let written = State::open(&path, Access::Write).and_then(|s| s.put_alert(&alert(99)));
        let error = written.unwrap_err();
        assert!(error.hint().unwrap().contains("is read-only"), "{error:?}");
        disk.remount("rw");
    }
}

#[test]
fn state_survives_a_full_disk_needs_root() {
    let disk = match SmallDisk::mount("2m") {
        Ok(disk) => disk,
        Err(why) => {
            eprintln!("SKIPPED state_survives_a_full_disk_needs_root: {why}");
            return;
        }
    };
    let path = disk.path().join("state.db");
    let mut state = State::open(&path, Access::Write).unwrap();
    for n in 0..10 {
        state.put_alert(&alert(n)).unwrap();
    }
    disk.fill();
    let mut stored = 10;
    let error = loop {
        assert!(stored < 10_000, "the disk never filled");
        match state.put_alert(&alert(stored)) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.hint().unwrap().starts_with("free space"), "{error:?}");
    assert!(state.atomically(|state| state.put_incident(&incident(1))).is_err());
    assert_eq!(state.alerts(&[], 0).unwrap().len() as u64, stored);
    disk.free();
    state.put_alert(&alert(stored)).unwrap();
    drop(state);
    let state = State::open(&path, Access::Read).unwrap();
    assert_eq!(state.alerts(&[], 0).unwrap().len() as u64, stored + 1);
}
