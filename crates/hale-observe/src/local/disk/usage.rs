//! How full a mount is. A file server that died makes statvfs wait forever: mounts of that kind are
//! asked from a thread that can be left behind.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use hale_model::sample::MountUsage;
use rustix::fs::StatVfs;
use rustix::io::Errno;

use super::mounts::MountEntry;
use crate::local::read::{Scratch, decimal, lines};

/// How long a mount may take to answer.
const ANSWER_TIMEOUT_MS: u64 = 1000;
/// Threads left behind in the kernel at the same time, one a mount that hangs.
const HANGING_MOUNTS_MAX: usize = 16;
const RECORDED_LIMIT_BYTES: usize = 256 * 1024;

/// Asks mounts, and remembers which of them do not answer.
#[derive(Default)]
pub(super) struct UsageReader {
    hanging: HashMap<String, mpsc::Receiver<Result<StatVfs, Errno>>>,
}

impl UsageReader {
    /// The usage of one mount; none if it has no size of its own or vanished. An error is a sentence for people.
    pub(super) fn usage(&mut self, entry: &MountEntry) -> Result<Option<MountUsage>, String> {
        let answer = if entry.may_hang() {
            self.ask_with_timeout(entry)?
        } else {
            rustix::fs::statvfs(&entry.mount_point)
        };
        match answer {
            Ok(fs) if fs.f_blocks == 0 => Ok(None),
            Ok(fs) => Ok(Some(usage_of(entry, &fs))),
            // Unmounted since, or hidden under a directory that others may not enter.
            Err(Errno::NOENT | Errno::ACCESS) => Ok(None),
            Err(errno) => {
                let error = std::io::Error::from(errno);
                Err(format!("cannot statvfs {}: {error}", entry.mount_point))
            }
        }
    }

    fn ask_with_timeout(&mut self, entry: &MountEntry) -> Result<Result<StatVfs, Errno>, String> {
        let place = &entry.mount_point;
        let hangs = || {
            format!(
                "{place} ({} from {}) does not answer: is its server up?",
                entry.fs_type, entry.source
            )
        };
        // A mount that was asked before and hangs still is not waited for again.
        let (answer, wait_ms) = match self.hanging.remove(place) {
            Some(answer) => (answer, 0),
            None if self.hanging.len() >= HANGING_MOUNTS_MAX => return Err(hangs()),
            None => {
                let asked = ask(place.clone()).map_err(|e| format!("cannot ask {place}: {e}"))?;
                (asked, ANSWER_TIMEOUT_MS)
            }
        };
        match answer.recv_timeout(Duration::from_millis(wait_ms)) {
            Ok(answer) => Ok(answer),
            Err(_) => {
                self.hanging.insert(place.clone(), answer);
                Err(hangs())
            }
        }
    }
}

fn ask(place: String) -> std::io::Result<mpsc::Receiver<Result<StatVfs, Errno>>> {
    let (reply, answer) = mpsc::sync_channel(1);
    std::thread::Builder::new().name("hale-statvfs".to_owned()).spawn(move || {
        // Nobody listens any more if the collector ended.
        let _ = reply.send(rustix::fs::statvfs(&place));
    })?;
    Ok(answer)
}

fn usage_of(entry: &MountEntry, fs: &StatVfs) -> MountUsage {
    let block_bytes = if fs.f_frsize == 0 { fs.f_bsize } else { fs.f_frsize };
    let bytes = |blocks: u64| blocks.saturating_mul(block_bytes);
    MountUsage {
        total_bytes: bytes(fs.f_blocks),
        free_bytes: bytes(fs.f_bfree),
        available_bytes: bytes(fs.f_bavail),
        inodes_total: fs.f_files,
        inodes_free: fs.f_ffree,
        ..usage_named(entry)
    }
}

fn usage_named(entry: &MountEntry) -> MountUsage {
    MountUsage {
        mount_point: entry.mount_point.clone(),
        device: entry.source.clone(),
        fs_type: entry.fs_type.clone(),
        read_only: entry.read_only,
        ..MountUsage::default()
    }
}

/// What statvfs said when a machine was recorded: a recording has no mounts of its own. The file
/// `self/statvfs` in its `/proc` holds a line a mount: total, free and available bytes, inodes in all
/// and free, and the mount point.
#[derive(Default)]
pub(super) struct Recorded {
    by_place: HashMap<String, [u64; 5]>,
}

impl Recorded {
    pub(super) fn read(scratch: &mut Scratch, proc: &Path) -> Recorded {
        match scratch.read(&proc.join("self/statvfs"), RECORDED_LIMIT_BYTES) {
            Ok(text) => Recorded { by_place: lines(text).filter_map(parse_line).collect() },
            Err(_) => Recorded::default(),
        }
    }

    pub(super) fn usage(&self, entry: &MountEntry) -> Option<MountUsage> {
        let [total_bytes, free_bytes, available_bytes, inodes_total, inodes_free] =
            *self.by_place.get(&entry.mount_point)?;
        Some(MountUsage {
            total_bytes,
            free_bytes,
            available_bytes,
            inodes_total,
            inodes_free,
            ..usage_named(entry)
        })
    }
}

pub(in crate::local) fn parse_line(line: &[u8]) -> Option<(String, [u64; 5])> {
    let mut parts = line.splitn(6, |b| *b == b' ');
    let mut numbers = [0; 5];
    for number in &mut numbers {
        *number = parts.next().and_then(decimal)?;
    }
    Some((String::from_utf8_lossy(parts.next()?).into_owned(), numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(mount_point: &str, fs_type: &str) -> MountEntry {
        MountEntry {
            device_number: "1:1".to_owned(),
            root: "/".to_owned(),
            mount_point: mount_point.to_owned(),
            read_only: false,
            fs_type: fs_type.to_owned(),
            source: "/dev/x".to_owned(),
        }
    }

    #[test]
    fn real_places_and_vanished_ones() {
        let mut reader = UsageReader::default();
        for fs_type in ["ext4", "nfs4"] {
            let usage = reader.usage(&entry("/", fs_type));
            assert!(usage.is_ok_and(|u| u.is_some_and(|u| u.total_bytes > 0)), "{fs_type}");
        }
        assert_eq!(reader.usage(&entry("/no/such/place", "ext4")), Ok(None));
    }

    #[test]
    fn a_mount_that_hangs_is_named_and_asked_only_once() {
        let mut reader = UsageReader::default();
        let (never, answer) = mpsc::sync_channel(1);
        reader.hanging.insert("/mnt/dead".to_owned(), answer);
        let error = reader.usage(&entry("/mnt/dead", "nfs4"));
        let text = "/mnt/dead (nfs4 from /dev/x) does not answer: is its server up?";
        assert_eq!(error, Err(text.to_owned()));
        assert_eq!(reader.hanging.len(), 1);
        // When it comes back, the late answer is taken and the next question is a new one.
        assert!(never.send(Err(Errno::NOENT)).is_ok());
        assert_eq!(reader.usage(&entry("/mnt/dead", "nfs4")), Ok(None));
        assert!(reader.hanging.is_empty());
    }

    #[test]
    fn recorded_lines() {
        let expected = ("/my files".to_owned(), [5, 4, 3, 2, 1]);
        assert_eq!(parse_line(b"5 4 3 2 1 /my files"), Some(expected));
        assert_eq!(parse_line(b"5 4 3 2 /x"), None);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            parse_line(&bytes);
        }
    }
}
