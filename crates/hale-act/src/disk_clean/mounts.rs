//! Which file system is meant, and how full it is.

use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{fstatvfs, stat};

use crate::error::ActError;
use crate::files::open_dir;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub mount_point: PathBuf,
    pub source: String,
    pub fs_type: String,
    /// Device number that its files show.
    pub dev: u64,
    /// The file system's own number: device numbers are given again after an unmount.
    pub fs_id: u64,
}

impl Mount {
    /// The file system mounted here. A directory that is not a mount point is not one.
    pub fn at(proc: &Path, mount_point: &str) -> Result<Mount, ActError> {
        let gone = || ActError::TargetGone { target: format!("mount {mount_point}") };
        let mounts = read_mounts(proc)?;
        // The last one mounted hides those before.
        let (path, fs_type, source) = mounts
            .into_iter()
            .rfind(|(path, ..)| path == Path::new(mount_point))
            .ok_or_else(gone)?;
        let (dev, fs_id) = numbers_of(&path).ok_or_else(gone)?;
        Ok(Mount { mount_point: path, source, fs_type, dev, fs_id })
    }

    /// The file system that holds this path.
    pub fn holding(proc: &Path, path: &Path) -> Result<Mount, ActError> {
        let unknown =
            || ActError::failed("find the file system of", path.display().to_string(), "");
        let (mount_point, fs_type, source) = read_mounts(proc)?
            .into_iter()
            .filter(|(mount, ..)| path.starts_with(mount))
            .max_by_key(|(mount, ..)| mount.components().count())
            .ok_or_else(unknown)?;
        let (dev, fs_id) = numbers_of(path).ok_or_else(unknown)?;
        Ok(Mount { mount_point, source, fs_type, dev, fs_id })
    }

    /// Whether moving a file from one to the other frees no space: the same file system, or two
    /// parts (subvolumes, datasets, bind mounts) of one pool.
    pub fn shares_space_with(&self, other: &Mount) -> bool {
        let pool = |mount: &Mount| mount.source.split('/').next().unwrap_or_default().to_owned();
        self.dev == other.dev
            || (self.fs_type == "zfs" && other.fs_type == "zfs" && pool(self) == pool(other))
            || (self.source.starts_with('/')
                && self.fs_type == other.fs_type
                && self.source == other.source)
    }

    /// Free space in percent of what users can use: `df`'s arithmetic.
    pub fn free_percent(&self) -> Result<f64, ActError> {
        Ok(Space::of(&self.mount_point)?.free_percent())
    }
}

/// Device number and file system number.
fn numbers_of(path: &Path) -> Option<(u64, u64)> {
    Some((stat(path).ok()?.st_dev, rustix::fs::statvfs(path).ok()?.f_fsid))
}

/// Space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub used: u64,
    pub available: u64,
}

impl Space {
    pub fn of(path: &Path) -> Result<Space, ActError> {
        let read = open_dir(path).and_then(fstatvfs).or_else(|_| rustix::fs::statvfs(path));
        let fs = read.map_err(|e| {
            ActError::from_errno("read the free space of", path.display().to_string(), e)
        })?;
        Ok(Space {
            used: fs.f_blocks.saturating_sub(fs.f_bfree).saturating_mul(fs.f_frsize),
            available: fs.f_bavail.saturating_mul(fs.f_frsize),
        })
    }

    pub fn free_percent(self) -> f64 {
        let usable = self.used.saturating_add(self.available);
        if usable == 0 { 0.0 } else { self.available as f64 / usable as f64 * 100.0 }
    }
}

fn read_mounts(proc: &Path) -> Result<Vec<(PathBuf, String, String)>, ActError> {
    let path = proc.join("self/mountinfo");
    let table = std::fs::read(&path)
        .map_err(|e| ActError::from_io("read the mount table", path.display().to_string(), e))?;
    Ok(table.split(|b| *b == b'\n').filter_map(parse_mount).collect())
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw` (proc(5)).
fn parse_mount(line: &[u8]) -> Option<(PathBuf, String, String)> {
    let mut fields = line.split(|b| *b == b' ');
    let mount_point = unescape(fields.nth(4)?);
    let mut rest = fields.skip_while(|f| *f != b"-").skip(1);
    let text = |field: &[u8]| String::from_utf8_lossy(&unescape(field)).into_owned();
    let (fs_type, source) = (text(rest.next()?), text(rest.next()?));
    Some((std::ffi::OsString::from_vec(mount_point).into(), fs_type, source))
}

/// `\040` is a space, and so on.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn mount(source: &str, fs_type: &str, dev: u64) -> Mount {
        Mount {
            mount_point: "/x".into(),
            source: source.into(),
            fs_type: fs_type.into(),
            dev,
            fs_id: 0,
        }
    }

    #[test]
    fn mount_lines_with_spaces_and_optional_fields() {
        let line =
            br"36 35 98:0 / /mnt/my\040disk rw,noatime master:1 shared:2 - ext4 /dev/sda1 rw";
        assert_eq!(
            parse_mount(line),
            Some((PathBuf::from("/mnt/my disk"), "ext4".to_owned(), "/dev/sda1".to_owned()))
        );
        let line = b"1 0 0:1 / / rw - tmpfs none rw";
        assert_eq!(parse_mount(line), Some(("/".into(), "tmpfs".into(), "none".into())));
        assert_eq!(parse_mount(b"1 0 0:1 / / rw"), None);
    }

    #[test]
    fn parts_of_one_pool_share_their_space() {
        for (a, b, shared) in [
            (mount("/dev/sda1", "ext4", 1), mount("/dev/sda1", "ext4", 1), true),
            (mount("/dev/sda1", "btrfs", 31), mount("/dev/sda1", "btrfs", 32), true),
            (mount("tank/a", "zfs", 41), mount("tank/b", "zfs", 42), true),
            (mount("tank/a", "zfs", 41), mount("other/b", "zfs", 42), false),
            (mount("tmpfs", "tmpfs", 51), mount("tmpfs", "tmpfs", 52), false),
            (mount("/dev/sda1", "ext4", 1), mount("/dev/sdb1", "ext4", 2), false),
        ] {
            assert_eq!(a.shares_space_with(&b), shared, "{a:?} {b:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line: Vec<u8>) {
            let _ = parse_mount(&line);
        }
    }
}
