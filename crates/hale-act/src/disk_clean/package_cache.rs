//! `package_cache`: downloaded packages are removed. They can be fetched again.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Instant;

use hale_model::text;
use rustix::fs::{AtFlags, FlockOperation, fcntl_lock, fstat, unlinkat};
use rustix::io::Errno;

use super::journal::Freed;
use super::mounts::Mount;
use crate::files::{Entry, Walk, open_dir, open_parent};
use crate::roots::{ActRoots, CacheLock, PackageCache};

/// Group or others may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Removes cached packages on this mount, oldest first, until `enough` says so.
pub(crate) fn remove(
    roots: &ActRoots,
    mount: &Mount,
    deadline: Instant,
    enough: &dyn Fn() -> bool,
) -> Freed {
    let mut freed = Freed::default();
    let mut said = Vec::new();
    for cache in &roots.package_caches {
        if enough() {
            break;
        }
        if let Some(one) = clean(cache, mount, deadline, enough) {
            freed.irreversible |= one.irreversible;
            freed.failed |= one.failed;
            said.push(one.detail);
        }
    }
    freed.detail = match said.as_slice() {
        [] => "package cache: none on this file system".to_owned(),
        _ => format!("package cache: {}", said.join(", ")),
    };
    freed
}

/// None: there is no such cache here.
fn clean(
    cache: &PackageCache,
    mount: &Mount,
    deadline: Instant,
    enough: &dyn Fn() -> bool,
) -> Option<Freed> {
    let skipped = |why: String| {
        Some(Freed {
            failed: true,
            detail: format!("{} left alone: {why}", cache.name),
            ..Freed::default()
        })
    };
    match check_directory(&cache.directory) {
        Ok(dev) if dev == mount.dev => {}
        Ok(_) | Err(CheckError::Missing) => return None,
        Err(CheckError::Wrong(why)) => return skipped(why),
    }
    let _held = match take_lock(cache.lock.as_ref()) {
        Ok(held) => held,
        Err(why) => return skipped(why),
    };
    let mut packages = Vec::new();
    let mut walk = Walk::new(mount.dev, cache.max_depth, deadline);
    walk.run(&cache.directory, &mut |entry| {
        let name = entry.path.file_name().map(|n| n.to_string_lossy().into_owned());
        let wanted = name.is_some_and(|n| cache.suffixes.iter().any(|s| n.ends_with(s.as_str())));
        if wanted && entry.is_regular() {
            packages.push(entry);
        }
    });
    packages.sort_by_key(|entry| entry.stat.st_mtime);
    Some(remove_all(cache, &packages, deadline, enough, walk.notes))
}

fn remove_all(
    cache: &PackageCache,
    packages: &[Entry],
    deadline: Instant,
    enough: &dyn Fn() -> bool,
    notes: Vec<String>,
) -> Freed {
    let (mut removed, mut bytes) = (0_u32, 0_u64);
    let mut errors = notes;
    for entry in packages {
        if enough() || Instant::now() >= deadline {
            break;
        }
        match unlink(entry) {
            Ok(()) => {
                removed += 1;
                bytes = bytes.saturating_add(entry.stat.st_blocks.max(0) as u64 * 512);
            }
            Err(Errno::NOENT) => {}
            Err(errno) => {
                errors.push(format!("{}: {errno}", entry.path.display()));
                break;
            }
        }
    }
    let mut detail = format!("{}: {removed} files, {}", cache.name, text::bytes(bytes));
    if let Some(first) = errors.first() {
        detail.push_str(&format!(" ({})", text::printable(first)));
    }
    Freed { irreversible: removed > 0, failed: !errors.is_empty(), exit: None, detail }
}

fn unlink(entry: &Entry) -> Result<(), Errno> {
    let (dir, name) = open_parent(&entry.path)?;
    let now = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if (now.st_dev, now.st_ino) != (entry.stat.st_dev, entry.stat.st_ino) {
        return Err(Errno::NOENT);
    }
    unlinkat(&dir, name, AtFlags::empty())
}

enum CheckError {
    Missing,
    Wrong(String),
}

/// The directory has to be what the table says: reached without a symbolic link, and nobody but its
/// owner, who is root or hale's own user, puts files there.
fn check_directory(path: &Path) -> Result<u64, CheckError> {
    let wrong = |why: &str| CheckError::Wrong(format!("{} {why}", path.display()));
    let fd = match open_dir(path) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Err(CheckError::Missing),
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return Err(wrong("is reached through a symbolic link"));
        }
        Err(errno) => return Err(wrong(&format!("cannot be opened ({errno})"))),
    };
    let stat = fstat(&fd).map_err(|e| wrong(&format!("cannot be read ({e})")))?;
    if stat.st_uid != 0 && stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(wrong("belongs to another user"));
    }
    if stat.st_mode & WRITABLE_BY_OTHERS != 0 {
        return Err(wrong("can be written by others than its owner"));
    }
    Ok(stat.st_dev)
}

/// Held until dropped.
fn take_lock(lock: Option<&CacheLock>) -> Result<Option<File>, String> {
    let busy = |path: &Path| format!("the package manager is at work ({} is held)", path.display());
    match lock {
        None => Ok(None),
        Some(CacheLock::Exists(path)) if path.exists() => Err(busy(path)),
        Some(CacheLock::Exists(_)) => Ok(None),
        Some(CacheLock::Record(path)) => {
            let file = match OpenOptions::new().read(true).write(true).open(path) {
                Ok(file) => file,
                // Never used so far: nobody can hold it.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(format!("{} cannot be locked ({e})", path.display())),
            };
            match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(Some(file)),
                Err(Errno::AGAIN | Errno::ACCESS) => Err(busy(path)),
                Err(e) => Err(format!("{} cannot be locked ({e})", path.display())),
            }
        }
    }
}
