//! A private directory for the copy of a database: it is gone as soon as the copy is open, and what is open
//! lives on until it is closed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

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
            for _ in 0..TRIES {
                let number = MADE.fetch_add(1, Ordering::Relaxed);
                let dir = place.join(format!(".hale-copy-{}-{number}", std::process::id()));
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

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a copy cannot be removed");
        }
    }
}
