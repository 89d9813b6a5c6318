//! Undo of `old_files`: every file back to its place with its mode, owner and time. What lies there
//! by now is newer and stays; then the old file remains in the quarantine, and that is said.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use hale_model::text;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, Uid, fchmod, fchown,
    fsync, futimens, linkat, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::copy::{copy_verified, digest};
use super::manifest::{Item, Line, Manifest, Original, Stage};
use super::quarantine::Quarantine;
use crate::error::ActError;
use crate::files::open_parent;

const OPERATION: &str = "restore files";
/// Files that are named one by one when they could not be put back.
const MAX_NAMED: usize = 5;

/// What became of the files.
#[derive(Default)]
struct Report {
    restored: u32,
    /// The original was still there, or was put back before.
    in_place: u32,
    /// Something newer lies in its place.
    kept: Vec<String>,
    failed: Vec<String>,
}

pub(crate) fn restore(store: &Quarantine) -> Result<String, ActError> {
    let place = store.dir().display().to_string();
    if !store.dir().is_dir() {
        return Err(ActError::failed(OPERATION, place, "there is no such quarantine any more"));
    }
    let (mut manifest, items) =
        Manifest::open(store.dir()).map_err(|e| ActError::from_io(OPERATION, place.clone(), e))?;
    let mut report = Report::default();
    for (seq, item) in &items {
        restore_item(store, &mut manifest, *seq, item, &mut report)
            .map_err(|e| ActError::from_io(OPERATION, place.clone(), e))?;
    }
    report.finish(&place)
}

impl Report {
    fn finish(self, place: &str) -> Result<String, ActError> {
        let mut words = format!("{} files restored", self.restored);
        if self.in_place > 0 {
            words.push_str(&format!(", {} were in their place already", self.in_place));
        }
        if !self.kept.is_empty() {
            words.push_str(&format!(
                "; {} not, because something newer lies there (kept in {place}/files): {}",
                self.kept.len(),
                some(&self.kept)
            ));
        }
        if !self.failed.is_empty() {
            let failed = format!("; {} could not be: {}", self.failed.len(), some(&self.failed));
            words.push_str(&failed);
        }
        if self.failed.is_empty() && self.kept.is_empty() {
            return Ok(words);
        }
        // Not done: what is left can be put back by a second try.
        let next = "clear what is in the way, then undo it once more";
        Err(ActError::failed(OPERATION, place, format!("only in part: {words}; {next}")))
    }
}

fn some(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(MAX_NAMED).map(|n| text::printable(n)).collect();
    if names.len() > MAX_NAMED {
        shown.push(format!("and {} more", names.len() - MAX_NAMED));
    }
    shown.join(", ")
}

/// An error is one of the quarantine itself; that of a single file goes into the report.
fn restore_item(
    store: &Quarantine,
    manifest: &mut Manifest,
    seq: u32,
    item: &Item,
    report: &mut Report,
) -> io::Result<()> {
    let original = &item.original;
    let path = original.path.path();
    let blake3 = match &item.stage {
        Stage::Restored | Stage::Left => {
            report.in_place += u32::from(item.stage == Stage::Restored);
            return remove_copy(store, seq);
        }
        // The original was never touched.
        Stage::Intent => {
            let why = "interrupted before the copy was complete".to_owned();
            manifest.append_durably(&Line::Left { seq, why })?;
            return remove_copy(store, seq);
        }
        Stage::Stored { blake3 } | Stage::Moved { blake3 } => blake3,
    };
    match put_back(store, seq, original, &path, blake3) {
        Ok(PutBack::Restored) => report.restored += 1,
        Ok(PutBack::InPlace) => report.in_place += 1,
        Ok(PutBack::Occupied) => {
            report.kept.push(path.display().to_string());
            return Ok(());
        }
        Err(error) => {
            report.failed.push(format!("{} ({error})", path.display()));
            return Ok(());
        }
    }
    manifest.append_durably(&Line::Restored { seq })?;
    remove_copy(store, seq)
}

fn remove_copy(store: &Quarantine, seq: u32) -> io::Result<()> {
    match std::fs::remove_file(store.file(seq)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

enum PutBack {
    Restored,
    /// The very file is there: it was never removed, or an interrupted undo had put it back.
    InPlace,
    /// Another file is there.
    Occupied,
}

fn put_back(
    store: &Quarantine,
    seq: u32,
    original: &Original,
    path: &Path,
    blake3: &str,
) -> io::Result<PutBack> {
    let (dir, name) = open_parent(path)?;
    if rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        let same = is_original(&dir, name.as_ref(), original, blake3);
        return Ok(if same { PutBack::InPlace } else { PutBack::Occupied });
    }
    let mut copy = File::open(store.file(seq))?;
    let temporary = format!(".hale-restore-{seq:06}");
    match unlinkat(&dir, &temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let result = write_temporary(&dir, &temporary, &mut copy, original, blake3)
        .and_then(|()| Ok(rename_into_place(&dir, &temporary, name.as_ref())?));
    match result {
        Ok(()) => {
            fsync(&dir)?;
            Ok(PutBack::Restored)
        }
        Err(error) => {
            let _ = unlinkat(&dir, &temporary, AtFlags::empty());
            if error.kind() == io::ErrorKind::AlreadyExists {
                return Ok(PutBack::Occupied);
            }
            Err(error)
        }
    }
}

fn write_temporary(
    dir: &OwnedFd,
    name: &str,
    copy: &mut File,
    original: &Original,
    blake3: &str,
) -> io::Result<()> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?);
    let (_, found) = copy_verified(copy, &mut file)?;
    if found != blake3 {
        return Err(io::Error::other("the copy in the quarantine is damaged"));
    }
    // The owner before the mode: a change of owner drops set-user-id bits.
    fchown(&file, Some(Uid::from_raw(original.uid)), Some(Gid::from_raw(original.gid)))?;
    fchmod(&file, Mode::from_raw_mode(original.mode))?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec {
            tv_sec: original.mtime_secs,
            tv_nsec: original.mtime_nanos.into(),
        },
    };
    futimens(file.as_fd(), &times)?;
    file.sync_all()
}

/// Never over an existing file, however late it appeared.
fn rename_into_place(dir: &OwnedFd, temporary: &str, name: &Path) -> Result<(), Errno> {
    match renameat_with(dir, temporary, dir, name, RenameFlags::NOREPLACE) {
        // A file system without that flag: a link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS) => {
            linkat(dir, temporary, dir, name, AtFlags::empty())?;
            unlinkat(dir, temporary, AtFlags::empty())
        }
        other => other,
    }
}

/// Same size, time and content.
fn is_original(dir: &OwnedFd, name: &Path, original: &Original, blake3: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(fd) = openat(dir, name, flags, Mode::empty()) else { return false };
    let mut file = File::from(fd);
    let alike = rustix::fs::fstat(&file).is_ok_and(|now| {
        now.st_size.max(0) as u64 == original.size_bytes
            && now.st_mode == original.mode
            && (now.st_mtime, now.st_mtime_nsec)
                == (original.mtime_secs, u64::from(original.mtime_nanos))
    });
    alike && digest(&mut file).is_ok_and(|found| found == blake3)
}
