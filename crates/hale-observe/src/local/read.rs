//! Bounded reading of small kernel files relative to a directory, into one buffer that is used
//! again and again.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir};
use rustix::io::Errno;

const FIRST_READ_BYTES: usize = 8 * 1024;
const DIRECTORY_BUFFER_BYTES: usize = 32 * 1024;

/// Why a source could not be read: the place, the operation and what the kernel said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// The kernel refused an operation on a file.
    #[error("cannot {operation} {}: {}", path.display(), errno_text(*errno))]
    File {
        /// Which file.
        path: PathBuf,
        /// What was tried: open, read, list.
        operation: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The file was read, but does not say what it should.
    #[error("cannot parse {}: {expected}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is missing.
        expected: &'static str,
    },
    /// Something that is not a file failed.
    #[error("{0}")]
    Other(String),
}

fn errno_text(errno: Errno) -> impl fmt::Display {
    std::io::Error::from(errno)
}

impl ReadError {
    pub(crate) fn content(path: &Path, expected: &'static str) -> Self {
        ReadError::Content { path: path.to_owned(), expected }
    }

    /// Whether this user may not read the place.
    pub(crate) fn is_forbidden(&self) -> bool {
        match self {
            ReadError::File { errno, .. } => matches!(*errno, Errno::PERM | Errno::ACCESS),
            ReadError::Content { .. } | ReadError::Other(_) => false,
        }
    }

    /// Whether the place simply does not exist on this machine.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            ReadError::File { errno, .. } => *errno == Errno::NOENT,
            ReadError::Content { .. } | ReadError::Other(_) => false,
        }
    }
}

/// A buffer for whole small files.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
}

impl Scratch {
    /// At most `limit_bytes` of a file, in as many reads as it takes.
    pub(crate) fn read_at(
        &mut self,
        dir: impl AsFd,
        name: impl rustix::path::Arg,
        limit_bytes: usize,
    ) -> Result<&[u8], Errno> {
        let fd = open_file(dir, name)?;
        let mut len = 0;
        while len < limit_bytes {
            let want = limit_bytes.min((2 * len).max(FIRST_READ_BYTES));
            if self.bytes.len() < want {
                self.bytes.resize(want, 0);
            }
            let got = retry(|| rustix::io::read(&fd, &mut self.bytes[len..want]))?;
            if got == 0 {
                break;
            }
            len += got;
        }
        Ok(&self.bytes[..len])
    }

    /// The first read of a file, at most `limit_bytes`: whole for kernel files of one record, which
    /// saves the second read that would only tell the end.
    pub(crate) fn read_record_at(
        &mut self,
        dir: impl AsFd,
        name: impl rustix::path::Arg,
        limit_bytes: usize,
    ) -> Result<&[u8], Errno> {
        let fd = open_file(dir, name)?;
        if self.bytes.len() < limit_bytes {
            self.bytes.resize(limit_bytes, 0);
        }
        let got = retry(|| rustix::io::read(&fd, &mut self.bytes[..limit_bytes]))?;
        Ok(&self.bytes[..got])
    }

    /// Like [`Scratch::read_at`], by path, with an error for people.
    pub(crate) fn read(&mut self, path: &Path, limit_bytes: usize) -> Result<&[u8], ReadError> {
        self.read_at(CWD, path, limit_bytes).map_err(|errno| ReadError::File {
            path: path.to_owned(),
            operation: "read",
            errno,
        })
    }

    /// A small file's text without white space around it, lossy; none if it cannot be read.
    pub(crate) fn text(&mut self, path: &Path) -> Option<String> {
        const LIMIT_BYTES: usize = 4096;
        let bytes = self.read_at(CWD, path, LIMIT_BYTES).ok()?;
        Some(String::from_utf8_lossy(bytes).trim().to_owned())
    }

    /// A small file that holds one number.
    pub(crate) fn number<T: std::str::FromStr>(&mut self, path: &Path) -> Option<T> {
        self.text(path)?.parse().ok()
    }
}

fn open_file(dir: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    // NONBLOCK: a fifo that someone put into a given root must not stop the watch.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

/// Repeats a call that a signal interrupted.
pub(crate) fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}

/// Opens a directory.
pub(crate) fn open_dir(path: &Path) -> Result<OwnedFd, ReadError> {
    open_dir_at(CWD, path).map_err(|errno| ReadError::File {
        path: path.to_owned(),
        operation: "open",
        errno,
    })
}

/// Opens a directory relative to another.
pub(crate) fn open_dir_at(dir: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

/// Calls `each` with every name in a directory (without `.` and `..`) until it returns false.
pub(crate) fn for_each_name(
    dir: &OwnedFd,
    mut each: impl FnMut(&[u8]) -> bool,
) -> Result<(), Errno> {
    let mut buffer: Vec<u8> = Vec::with_capacity(DIRECTORY_BUFFER_BYTES);
    let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && !each(name) {
            break;
        }
    }
    Ok(())
}

/// The names in a directory, sorted, at most `limit_entries`; none where it cannot be read.
pub(crate) fn names(path: &Path, limit_entries: usize) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(dir) = open_dir(path) {
        // What was listed before an error is still true.
        let _ = for_each_name(&dir, |name| {
            found.push(String::from_utf8_lossy(name).into_owned());
            found.len() < limit_entries
        });
    }
    found.sort();
    found
}

/// Target of a symbolic link relative to a directory, lossy.
pub(crate) fn link_at(dir: impl AsFd, name: impl rustix::path::Arg) -> Option<String> {
    let target = rustix::fs::readlinkat(dir, name, Vec::new()).ok()?;
    Some(target.to_string_lossy().into_owned())
}

/// Owner and size of a file relative to a directory.
pub(crate) fn owner_and_size(
    dir: impl AsFd,
    name: impl rustix::path::Arg,
) -> Result<(u32, i64), Errno> {
    let stat = rustix::fs::statat(dir, name, AtFlags::empty())?;
    Ok((stat.st_uid, stat.st_size))
}

/// Whether this directory is a live procfs, not a recording.
pub(crate) fn is_procfs(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|fs| fs.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// Words of a line of bytes, separated by spaces and tabs.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| *b == b' ' || *b == b'\t').filter(|w| !w.is_empty())
}

/// Lines of bytes, without their ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n').filter(|l| !l.is_empty())
}

/// A decimal number and nothing else; none when it does not fit.
pub(crate) fn decimal(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// A hexadecimal number and nothing else.
pub(crate) fn hexadecimal(word: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(word).ok().filter(|t| !t.starts_with('+'))?;
    u64::from_str_radix(text, 16).ok()
}

/// A number with a sign or a fraction, or whatever else `FromStr` knows.
pub(crate) fn parse<T: std::str::FromStr>(word: &[u8]) -> Option<T> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Lossy text of at most `limit_bytes`, cut at a character.
pub(crate) fn lossy(bytes: &[u8], limit_bytes: usize) -> String {
    let cut = bytes.len() > limit_bytes;
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit_bytes)]).into_owned();
    if cut || text.len() > limit_bytes {
        while text.len() > limit_bytes || (cut && text.ends_with('\u{fffd}')) {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
    use super::*;

    #[test]
    fn numbers() {
        for (given, expected) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("1x", None),
        ] {
            assert_eq!(decimal(given.as_bytes()), expected, "{given}");
        }
        assert_eq!(hexadecimal(b"0A"), Some(10));
        assert_eq!(hexadecimal(b"+A"), None);
    }

    #[test]
    fn text_is_cut_at_a_character_and_stays_within_its_limit() {
        assert_eq!(lossy("日本語".as_bytes(), 7), "日本");
        assert_eq!(lossy(b"abc", 3), "abc");
        // One bad byte becomes three: the limit holds for what is kept.
        assert!(lossy(&[0xff; 10], 10).len() <= 10);
        assert_eq!(lossy(b"a\xffb", 10), "a\u{fffd}b");
    }

    #[test]
    fn a_file_is_read_up_to_the_limit_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        std::fs::write(&path, vec![b'x'; 100_000]).unwrap();
        let mut scratch = Scratch::default();
        assert_eq!(scratch.read(&path, 50_000).unwrap().len(), 50_000);
        assert_eq!(scratch.read(&path, 1 << 20).unwrap().len(), 100_000);
        let missing = scratch.read(&dir.path().join("none"), 10).unwrap_err();
        assert!(missing.is_missing());
        assert!(missing.to_string().starts_with("cannot read /"), "{missing}");
    }

    #[test]
    fn a_fifo_in_a_root_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        rustix::fs::mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(Scratch::default().read(&path, 10).unwrap(), b"");
    }
}
