//! The spool of receipts: a directory with a bound, which old dumps can fill.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// One dump.
const DUMP_BYTES: usize = 1024 * 1024;
/// How old dumps claim to be.
const DUMP_AGE: Duration = Duration::from_secs(3 * 86_400);
/// Receipts kept; the oldest goes first.
const RECEIPTS_MAX: i64 = 500;
const DUMP_PREFIX: &str = "dump-";

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It would hold more than it may.
    #[error("the spool {directory} is full: {used_bytes} of {limit_bytes} bytes", directory = directory.display())]
    Full {
        /// Which.
        directory: PathBuf,
        /// What it holds.
        used_bytes: u64,
        /// What it may hold.
        limit_bytes: u64,
    },
    /// The file system refuses.
    #[error("cannot {operation} {path}", path = path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// The directory.
pub struct Spool {
    directory: PathBuf,
    limit_bytes: u64,
    /// One writer at a time, so that the bound holds.
    writing: Mutex<()>,
}

impl Spool {
    /// Makes the directory if it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(directory: PathBuf, limit_bytes: u64) -> Result<Spool, SpoolError> {
        fs::create_dir_all(&directory).map_err(|source| SpoolError::Io {
            operation: "make",
            path: directory.clone(),
            source,
        })?;
        Ok(Spool { directory, limit_bytes, writing: Mutex::default() })
    }

    /// Writes the receipt of a policy; one from long ago goes.
    ///
    /// # Errors
    /// It is full, or cannot be written.
    pub fn receipt(&self, number: i64, text: &str) -> Result<(), SpoolError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&self.directory.join(format!("receipt-{number}.txt")), text.as_bytes())?;
        let old = self.directory.join(format!("receipt-{}.txt", number - RECEIPTS_MAX));
        match fs::remove_file(&old) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(SpoolError::Io { operation: "remove", path: old, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Fills it with dumps of three days ago, up to its bound and no further.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn fill(&self) -> Result<(), SpoolError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let block = vec![b'.'; DUMP_BYTES];
        let old = SystemTime::now().checked_sub(DUMP_AGE).unwrap_or(SystemTime::UNIX_EPOCH);
        for number in 0_u64.. {
            let room = self.limit_bytes.saturating_sub(self.used_bytes()?);
            let part = block.get(..usize::try_from(room).unwrap_or(usize::MAX).min(DUMP_BYTES));
            let path = self.directory.join(format!("{DUMP_PREFIX}{number:05}.bin"));
            let Some(part) = part.filter(|part| !part.is_empty()) else { break };
            self.write(&path, part)?;
            fs::File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_modified(old))
                .map_err(|source| SpoolError::Io { operation: "date", path, source })?;
        }
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SpoolError> {
        let used_bytes = self.used_bytes()?;
        if used_bytes + bytes.len() as u64 > self.limit_bytes {
            let directory = self.directory.clone();
            return Err(SpoolError::Full { directory, used_bytes, limit_bytes: self.limit_bytes });
        }
        fs::File::create(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|source| SpoolError::Io { operation: "write", path: path.to_owned(), source })
    }

    /// What it holds now, whoever removed or added something.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn used_bytes(&self) -> Result<u64, SpoolError> {
        let read =
            |source| SpoolError::Io { operation: "read", path: self.directory.clone(), source };
        let mut used = 0;
        for entry in fs::read_dir(&self.directory).map_err(read)? {
            // Gone since it was listed: then it holds nothing.
            if let Ok(metadata) = entry.map_err(read)?.metadata() {
                used += metadata.len();
            }
        }
        Ok(used)
    }

    /// Whether dumps leave no room for receipts.
    pub fn is_full(&self) -> bool {
        self.used_bytes().is_ok_and(|used| used + 4096 > self.limit_bytes)
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_full_spool_takes_nothing_until_it_is_cleaned() {
        let place = tempfile::tempdir().unwrap();
        let limit = 3 * 1024 * 1024 + 77;
        let spool = Spool::open(place.path().join("spool"), limit).unwrap();
        spool.receipt(1, "paid").unwrap();
        spool.fill().unwrap();
        assert_eq!(spool.used_bytes().unwrap(), limit);
        assert!(spool.is_full());
        let refused = spool.receipt(2, "paid").unwrap_err();
        assert!(matches!(refused, SpoolError::Full { .. }), "{refused}");
        // A new process finds it as full as it was.
        let spool = Spool::open(place.path().join("spool"), limit).unwrap();
        assert!(spool.is_full());

        let age = spool.directory().join("dump-00000.bin").metadata().unwrap().modified().unwrap();
        assert!(age.elapsed().unwrap() > Duration::from_secs(2 * 86_400));
        fs::remove_file(spool.directory().join("dump-00000.bin")).unwrap();
        assert!(!spool.is_full());
        spool.receipt(2, "paid").unwrap();
    }
}
