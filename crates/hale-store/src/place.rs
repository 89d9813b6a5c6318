//! What is wrong with the place where a file lies: databases tell a full or a read-only file system only as
//! numbers of their own.

use std::io;
use std::path::Path;

use crate::StoreError;

/// With less than this free, nothing of a database's own files can grow.
const FREE_BYTES_MIN: u64 = 512 * 1024;

/// Why nothing can be written beside this file, if that is so.
pub(crate) fn trouble(path: &Path, operation: &str) -> Option<StoreError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty())?;
    if let Err(errno) = rustix::fs::access(dir, rustix::fs::Access::WRITE_OK) {
        return Some(StoreError::io(path, operation, io::Error::from(errno)));
    }
    if path.exists()
        && let Err(errno) = rustix::fs::access(path, rustix::fs::Access::WRITE_OK)
    {
        return Some(StoreError::io(path, operation, io::Error::from(errno)));
    }
    let found = rustix::fs::statvfs(dir).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    (free < FREE_BYTES_MIN)
        .then(|| StoreError::Full { path: path.to_owned(), operation: operation.to_owned() })
}
