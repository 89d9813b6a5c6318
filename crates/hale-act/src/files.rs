//! Walking to files so that nobody can redirect the walk: every step is an `openat` that follows no
//! symbolic link, so a directory that is swapped for a link in between ends the walk with an error.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

/// Directory levels that a walk goes down.
pub(crate) const MAX_DEPTH: u32 = 64;
/// Directory entries that one walk looks at.
pub(crate) const MAX_ENTRIES: usize = 500_000;

/// Opens a directory by its absolute path. `ENOTDIR` or `ELOOP`: a part of it is a symbolic link.
pub(crate) fn open_dir(path: &Path) -> Result<OwnedFd, Errno> {
    if !path.is_absolute() {
        return Err(Errno::INVAL);
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut fd = openat(CWD, "/", flags | OFlags::PATH, Mode::empty())?;
    for part in path.components() {
        match part {
            Component::RootDir => {}
            Component::Normal(name) => {
                fd = openat(&fd, name, flags | OFlags::PATH, Mode::empty())?;
            }
            Component::CurDir | Component::ParentDir | Component::Prefix(_) => {
                return Err(Errno::INVAL);
            }
        }
    }
    openat(&fd, ".", flags | OFlags::RDONLY, Mode::empty())
}

/// The open directory of a file, and the file's name in it.
pub(crate) fn open_parent(path: &Path) -> Result<(OwnedFd, &OsStr), Errno> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL);
    };
    Ok((open_dir(parent)?, name))
}

/// A file that a walk came by.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub path: PathBuf,
    pub stat: Stat,
}

impl Entry {
    pub fn is_regular(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::RegularFile
    }
}

/// What a walk may look at, and what it must leave out.
pub(crate) struct Walk {
    /// Only this file system.
    pub dev: u64,
    /// Levels below the start.
    pub max_depth: u32,
    /// Stop then.
    pub deadline: Instant,
    /// Entries it may still look at.
    pub entries_left: usize,
    /// What could not be read, in words; at most a few.
    pub notes: Vec<String>,
}

const MAX_WALK_NOTES: usize = 5;

impl Walk {
    pub fn new(dev: u64, max_depth: u32, deadline: Instant) -> Self {
        let max_depth = max_depth.min(MAX_DEPTH);
        Walk { dev, max_depth, deadline, entries_left: MAX_ENTRIES, notes: Vec::new() }
    }

    /// Every entry below `start` that is not a directory, to `visit`.
    pub fn run(&mut self, start: &Path, visit: &mut dyn FnMut(Entry)) {
        match open_dir(start) {
            Ok(fd) => self.directory(&fd, start, 0, visit),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                self.note(format!(
                    "{} is no directory, or a symbolic link leads to it",
                    start.display()
                ));
            }
            Err(errno) => self.note(format!("{}: {errno}", start.display())),
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_WALK_NOTES {
            self.notes.push(hale_model::text::printable(&note));
        }
    }

    fn directory(&mut self, fd: &OwnedFd, path: &Path, depth: u32, visit: &mut dyn FnMut(Entry)) {
        let dir = match rustix::fs::fstat(fd) {
            Ok(stat) if stat.st_dev == self.dev => Dir::read_from(fd),
            Ok(_) => return self.note(format!("{} is on another file system", path.display())),
            Err(errno) => Err(errno),
        };
        let dir = match dir {
            Ok(dir) => dir,
            Err(errno) => return self.note(format!("{}: {errno}", path.display())),
        };
        for entry in dir {
            if self.entries_left == 0 {
                return self.note(format!("only {MAX_ENTRIES} entries were looked at"));
            }
            if Instant::now() >= self.deadline {
                return self.note("out of time: the rest was not looked at".to_owned());
            }
            self.entries_left -= 1;
            let Ok(entry) = entry else { return };
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if name.as_bytes() == b"." || name.as_bytes() == b".." {
                continue;
            }
            self.entry(fd, path.join(&name), &name, depth, visit);
        }
    }

    fn entry(
        &mut self,
        dir: &OwnedFd,
        path: PathBuf,
        name: &OsStr,
        depth: u32,
        visit: &mut dyn FnMut(Entry),
    ) {
        // It may vanish at any moment; that is no news.
        let Ok(stat) = statat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) else { return };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return visit(Entry { path, stat });
        }
        if depth >= self.max_depth || stat.st_dev != self.dev {
            return;
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        match openat(dir, name, flags, Mode::empty()) {
            Ok(fd) => self.directory(&fd, &path, depth + 1, visit),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(errno) => self.note(format!("{}: {errno}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_symbolic_link_is_followed_anywhere_on_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/below")).unwrap();
        std::fs::write(root.join("real/below/file"), "x").unwrap();
        symlink(root.join("real"), root.join("link")).unwrap();
        open_dir(&root.join("real/below")).unwrap();
        for refused in ["link", "link/below", "real/../real", "real/below/file"] {
            assert!(open_dir(&root.join(refused)).is_err(), "{refused}");
        }
        assert_eq!(open_dir(Path::new("relative")).unwrap_err(), Errno::INVAL);

        let dev = root.metadata().unwrap().dev();
        let mut walk = Walk::new(dev, 8, Instant::now() + Duration::from_secs(10));
        let mut seen = Vec::new();
        walk.run(&root, &mut |entry| {
            seen.push((entry.path.strip_prefix(&root).unwrap().to_owned(), entry.is_regular()));
        });
        seen.sort();
        assert_eq!(
            seen,
            [(PathBuf::from("link"), false), (PathBuf::from("real/below/file"), true)]
        );
    }
}
