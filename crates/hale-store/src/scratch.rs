//! A private directory for the copy of a database: it is gone as soon as the copy is open, and what is open
//! lives on until it is closed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How the directory's name begins; the pid of whoever made it follows.
const PREFIX: &str = ".hale-copy-";
/// A copy is made in seconds.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);
/// Entries of a directory that are looked at.
const SWEEP_ENTRIES_MAX: usize = 10_000;
/// Names that are tried before a place is given up.
const TRIES: u32 = 16;

/// The directory; removed with all that is in it when this value goes.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// In the first of these places where one can be made.
    pub(crate) fn new(places: &[&Path]) -> io::Result<Scratch> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for place in places {
            sweep(place);
            for _ in 0..TRIES {
                let number = MADE.fetch_add(1, Ordering::Relaxed);
                let dir = place.join(format!("{PREFIX}{}-{number}", std::process::id()));
                match DirBuilder::new().mode(0o700).create(&dir) {
                    Ok(()) => return Ok(Scratch(dir)),
                    Err(error) => last = error,
                }
                if last.kind() != io::ErrorKind::AlreadyExists {
                    break;
                }
            }
        }
        Err(last)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Copies what `from` holds to a file of this name.
    pub(crate) fn take(&self, from: &mut File, name: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        io::copy(from, &mut to)?;
        Ok(path)
    }
}

/// Removes what a process left that was killed while it copied.
fn sweep(place: &Path) {
    let Ok(entries) = std::fs::read_dir(place) else { return };
    for entry in entries.flatten().take(SWEEP_ENTRIES_MAX) {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let Some((pid, _)) = rest.and_then(|rest| rest.split_once('-')) else { continue };
        let is_gone = !Path::new("/proc").join(pid).exists();
        let modified = entry.metadata().and_then(|found| found.modified());
        let age = modified.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        // One of another pid namespace would be copying still.
        if is_gone && age >= ABANDONED_AFTER {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a copy cannot be removed");
        }
    }
}
