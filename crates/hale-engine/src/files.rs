//! The data directory: who may read it, and who may run on it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hale_model::api::{ApiError, ErrorKind};

/// Holds the room that is kept for a full disk.
const ROOM: &str = "room";
/// What a state database needs to be opened and written a little.
const ROOM_BYTES: u64 = 1024 * 1024;

/// The files of one data directory.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) dir: PathBuf,
}

impl Files {
    pub(crate) fn new(dir: &Path) -> Files {
        Files { dir: dir.to_owned() }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.join("state.db")
    }

    pub(crate) fn telemetry(&self) -> PathBuf {
        self.dir.join("telemetry.duckdb")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("hale.lock")
    }

    /// Takes a little room on the disk, to be given back where the disk is full: then an agent can still start
    /// on it, and a person can still stop it. Where there is no room to take, there is none.
    pub(crate) fn keep_room(&self) {
        use rustix::fs::{FallocateFlags, fallocate};
        let path = self.dir.join(ROOM);
        let is_there = fs::metadata(&path).is_ok_and(|found| found.len() >= ROOM_BYTES);
        if is_there {
            return;
        }
        let mut options = OpenOptions::new();
        let kept = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| Ok(fallocate(&file, FallocateFlags::empty(), 0, ROOM_BYTES)?));
        if kept.is_err() {
            let _ = fs::remove_file(&path);
        }
    }

    /// Gives that room back; whether there was any.
    pub(crate) fn give_room(&self) -> bool {
        fs::remove_file(self.dir.join(ROOM)).is_ok()
    }

    /// Creates the directory for this user alone; takes rights of others away if it was wider.
    pub(crate) fn prepare(&self) -> Result<(), ApiError> {
        let failed = |what: &str, error: std::io::Error| {
            ApiError::new(
                ErrorKind::Failed,
                format!("cannot {what} the data directory {}: {error}", self.dir.display()),
            )
            .hint("choose another with --data-dir or HALE_DATA_DIR, or correct its owner")
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|e| failed("create", e))?;
        let mode = fs::metadata(&self.dir).map_err(|e| failed("look at", e))?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o700))
                .map_err(|e| failed("protect", e))?;
        }
        Ok(())
    }
}

/// One agent a data directory. The kernel gives the lock back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(files: &Files) -> Result<Lock, ApiError> {
        let path = files.lock();
        let failed = |error: &dyn std::fmt::Display| {
            ApiError::new(ErrorKind::Failed, format!("cannot lock {}: {error}", path.display())).hint(
                "free space there (`df -h`, `df -i`), mount it to be written, or choose another --data-dir",
            )
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| failed(&e))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let dir = files.dir.display();
                let message = match holder.trim() {
                    "" => format!("another agent already runs on {dir}"),
                    pid => format!("another agent (pid {pid}) already runs on {dir}"),
                };
                return Err(ApiError::new(ErrorKind::Failed, message)
                    .hint("`hale status` asks it; or give this one its own --data-dir"));
            }
            Err(error) => return Err(failed(&error)),
        }
        // The lock is what counts; on a full disk nobody can be told whose it is.
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::warn!("cannot note who holds {}: {error}", path.display());
        }
        Ok(Lock { _file: file })
    }

    /// The pid of the agent that holds the lock now, if one does.
    pub(crate) fn holder(files: &Files) -> Option<i32> {
        let mut file = File::open(files.lock()).ok()?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                file.read_to_string(&mut text).ok()?;
                text.trim().parse().ok()
            }
            Ok(()) | Err(_) => None,
        }
    }
}
