//! `old_files`: old regular files move to the quarantine, which lies on another file system unless only
//! their directory is to have room.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use hale_model::text;
use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, openat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::copy::copy_verified;
use super::manifest::{Line, Manifest, Original, PathText};
use super::mounts::Space;
use super::open_files::OpenFiles;
use super::quarantine::Quarantine;
use crate::files::{Entry, Walk, open_parent};

/// Files that one action moves.
const MAX_MOVED_FILES: usize = 10_000;
/// Candidates that are remembered while looking.
const MAX_CANDIDATES: usize = 100_000;
/// The quarantine never takes its own file system below this.
pub(crate) const QUARANTINE_MIN_FREE_PERCENT: f64 = 10.0;
/// Reasons for leaving a file that are told one by one.
const MAX_LEFT_NAMED: usize = 3;

/// What is looked for.
pub(crate) struct Wanted<'a> {
    pub directories: &'a [String],
    pub older_than_secs: u64,
    /// Whether inodes are what is short: an empty file holds no space, but one of these.
    pub also_empty: bool,
    pub proc: &'a Path,
    pub dev: u64,
    pub deadline: Instant,
    /// The quarantine's own file system keeps at least so much free.
    pub floor_percent: f64,
}

/// What was moved, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    pub files: u32,
    pub bytes: u64,
    pub left: Vec<String>,
    pub left_count: u32,
    /// Why it stopped before it was enough.
    pub stopped: Option<String>,
}

impl Moved {
    fn leave(&mut self, path: &Path, why: &str) {
        self.left_count += 1;
        if self.left.len() < MAX_LEFT_NAMED {
            self.left.push(text::printable(&format!("{} {why}", path.display())));
        }
    }

    pub fn describe(&self) -> String {
        let mut words = format!("old files: {} moved, {}", self.files, text::bytes(self.bytes));
        if self.left_count > 0 {
            words.push_str(&format!("; {} left: {}", self.left_count, self.left.join(", ")));
        }
        if let Some(why) = &self.stopped {
            words.push_str(&format!("; stopped: {why}"));
        }
        words
    }
}

/// Moves files, oldest first, until `enough` says so.
pub(crate) fn quarantine(
    wanted: &Wanted<'_>,
    store: &Quarantine,
    enough: &dyn Fn() -> bool,
) -> std::io::Result<Moved> {
    let mut moved = Moved::default();
    let candidates = find(wanted, &mut moved);
    let (mut manifest, _) = Manifest::open(store.dir())?;
    store.sync()?;
    let mut open_files = OpenFiles::new(wanted.proc, wanted.dev);
    for entry in &candidates {
        if enough() {
            break;
        }
        if moved.files as usize >= MAX_MOVED_FILES {
            moved.stopped =
                Some(format!("{MAX_MOVED_FILES} files are as many as one action moves"));
            break;
        }
        if Instant::now() >= wanted.deadline {
            moved.stopped = Some("out of time".to_owned());
            break;
        }
        if !has_room(store.dir(), entry, wanted.floor_percent) {
            moved.stopped = Some(format!(
                "the quarantine's file system would fall below {} % free",
                wanted.floor_percent
            ));
            break;
        }
        if open_files.holds(entry.stat.st_ino) {
            moved.leave(&entry.path, "is open");
            continue;
        }
        match move_one(entry, store, &mut manifest) {
            Ok(()) => {
                moved.files += 1;
                moved.bytes = moved.bytes.saturating_add(blocks_bytes(&entry.stat));
            }
            Err(MoveError::Left(why)) => moved.leave(&entry.path, &why),
            Err(MoveError::Quarantine(error)) => {
                moved.stopped = Some(format!("the quarantine cannot be written ({error})"));
                break;
            }
        }
    }
    Ok(moved)
}

fn blocks_bytes(stat: &Stat) -> u64 {
    (stat.st_blocks.max(0) as u64).saturating_mul(512)
}

fn has_room(quarantine: &Path, entry: &Entry, floor_percent: f64) -> bool {
    let Ok(space) = Space::of(quarantine) else { return false };
    let size = blocks_bytes(&entry.stat);
    space.available > size
        && Space { used: space.used.saturating_add(size), available: space.available - size }
            .free_percent()
            >= floor_percent
}

/// Oldest first.
fn find(wanted: &Wanted<'_>, moved: &mut Moved) -> Vec<Entry> {
    let limit = SystemTime::now()
        .checked_sub(Duration::from_secs(wanted.older_than_secs))
        .and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok())
        .map_or(i64::MIN, |t| i64::try_from(t.as_secs()).unwrap_or(i64::MAX));
    let mut found: Vec<Entry> = Vec::new();
    let mut walk = Walk::new(wanted.dev, crate::files::MAX_DEPTH, wanted.deadline);
    for directory in wanted.directories {
        let start = PathBuf::from(directory);
        if start.parent().is_none() {
            moved.leave(&start, "is the root directory");
            continue;
        }
        walk.run(&start, &mut |entry| {
            if found.len() < MAX_CANDIDATES
                && entry.stat.st_mtime < limit
                && is_candidate(&entry, wanted)
            {
                found.push(entry);
            }
        });
    }
    for note in std::mem::take(&mut walk.notes) {
        moved.left_count += 1;
        moved.left.push(note);
    }
    found.sort_by(|a, b| (a.stat.st_mtime, &a.path).cmp(&(b.stat.st_mtime, &b.path)));
    found.dedup_by_key(|entry| entry.stat.st_ino);
    found
}

/// Regular, one name only (else nothing is freed), holding what is short, and hale's own unless it is
/// root.
fn is_candidate(entry: &Entry, wanted: &Wanted<'_>) -> bool {
    let euid = geteuid();
    entry.is_regular()
        && entry.stat.st_nlink == 1
        && (wanted.also_empty || entry.stat.st_blocks > 0)
        && (euid.is_root() || entry.stat.st_uid == euid.as_raw())
}

enum MoveError {
    /// This file stays; the next may go.
    Left(String),
    /// No file can be moved any more.
    Quarantine(std::io::Error),
}

fn left(errno: Errno) -> MoveError {
    MoveError::Left(errno.to_string())
}

fn move_one(entry: &Entry, store: &Quarantine, manifest: &mut Manifest) -> Result<(), MoveError> {
    let (dir, name) = open_parent(&entry.path).map_err(left)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = openat(&dir, name, flags, Mode::empty()).map_err(left)?;
    let before = fstat(&fd).map_err(left)?;
    if !unchanged(&entry.stat, &before) {
        return Err(MoveError::Left("changed meanwhile".to_owned()));
    }
    let mut source = File::from(fd);
    if let Some(name) = special_attribute(&source) {
        return Err(MoveError::Left(format!("has {name}, which a copy would lose")));
    }
    let seq = manifest.next_seq();
    let intent = Line::Intent { seq, original: original(&entry.path, &before) };
    manifest.append(&intent).map_err(MoveError::Quarantine)?;
    let blake3 = match store_copy(&mut source, store, seq) {
        Ok((size, blake3)) if size == before.st_size.max(0) as u64 => blake3,
        Ok(_) => return give_up(store, manifest, seq, "changed meanwhile"),
        Err(error) => {
            let _ = give_up(store, manifest, seq, &error.to_string());
            return Err(MoveError::Quarantine(error));
        }
    };
    manifest.append_durably(&Line::Stored { seq, blake3 }).map_err(MoveError::Quarantine)?;
    // The last look: what is removed must be what was copied.
    let same_file = fstat(&source).is_ok_and(|now| unchanged(&before, &now));
    let same_name = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|now| unchanged(&before, &now));
    if !same_file || !same_name {
        return give_up(store, manifest, seq, "changed meanwhile");
    }
    if let Err(errno) = unlinkat(&dir, name, AtFlags::empty()) {
        return give_up(store, manifest, seq, &errno.to_string());
    }
    // Not waited for: that the original is gone can be seen.
    manifest.append(&Line::Moved { seq }).map_err(MoveError::Quarantine)
}

fn give_up(
    store: &Quarantine,
    manifest: &mut Manifest,
    seq: u32,
    why: &str,
) -> Result<(), MoveError> {
    // First the line, then the copy: a crash in between leaves a copy too many, never one too few.
    let line = Line::Left { seq, why: why.to_owned() };
    manifest.append_durably(&line).map_err(MoveError::Quarantine)?;
    let _ = std::fs::remove_file(store.file(seq));
    Err(MoveError::Left(why.to_owned()))
}

fn store_copy(source: &mut File, store: &Quarantine, seq: u32) -> std::io::Result<(u64, String)> {
    let mut copy = store.create(seq)?;
    let copied = copy_verified(source, &mut copy)?;
    store.sync()?;
    Ok(copied)
}

fn original(path: &Path, stat: &Stat) -> Original {
    Original {
        path: PathText::from(path),
        size_bytes: stat.st_size.max(0) as u64,
        mode: stat.st_mode,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime_secs: stat.st_mtime,
        mtime_nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
    }
}

fn unchanged(a: &Stat, b: &Stat) -> bool {
    let key = |s: &Stat| {
        let times = (s.st_mtime, s.st_mtime_nsec, s.st_ctime, s.st_ctime_nsec);
        (s.st_dev, s.st_ino, s.st_size, s.st_mode, s.st_uid, s.st_nlink, times)
    };
    key(a) == key(b)
}

/// Access lists and capabilities are not copied, so a file that has them stays. Labels that the
/// system gives by place (SELinux) come back by themselves.
fn special_attribute(file: &File) -> Option<String> {
    let mut names = vec![0_u8; 16 * 1024];
    let Ok(length) = rustix::fs::flistxattr(file, names.as_mut_slice()) else { return None };
    names
        .get(..length)?
        .split(|b| *b == 0)
        .map(String::from_utf8_lossy)
        .find(|name| !name.is_empty() && !name.starts_with("security.selinux"))
        .map(std::borrow::Cow::into_owned)
}
