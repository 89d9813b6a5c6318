//! The mount table: which mounts are file systems that can fill up, each once.

use std::collections::HashMap;
use std::path::Path;

use crate::local::read::{lossy, words};

const TEXT_LIMIT_BYTES: usize = 4096;

/// Network and user-space file systems: their server may never answer.
const REMOTE: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "glusterfs",
    "9p",
    "virtiofs",
    "afs",
    "lustre",
    "beegfs",
];
/// Full by nature, or no storage of their own.
const NEVER: &[&str] = &["squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs", "autofs"];
/// Storage without a block device for a source.
const POOLED: &[&str] = &["zfs", "bcachefs", "ubifs"];
/// Kernel file systems live here; what is mounted below them holds no one's data.
const KERNEL_PLACES: &[&str] = &["/proc", "/sys", "/dev/pts", "/dev/mqueue", "/dev/hugepages"];

/// One line of mountinfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::local) struct MountEntry {
    pub(super) device_number: String,
    /// What of the file system is mounted; `/` unless it is a part.
    pub(super) root: String,
    pub(in crate::local) mount_point: String,
    pub(super) read_only: bool,
    pub(super) fs_type: String,
    pub(super) source: String,
}

impl MountEntry {
    /// Of the file system: `8:1`.
    pub(in crate::local) fn device_number(&self) -> &str {
        &self.device_number
    }

    /// Whether asking about it may take forever.
    pub(in crate::local) fn may_hang(&self) -> bool {
        REMOTE.contains(&self.fs_type.as_str()) || self.fs_type.starts_with("fuse")
    }

    /// Whether it is a file bound over another (`/etc/hosts` in a container): its storage may well be
    /// mounted as a directory too, and that mount is the one to show.
    pub(super) fn is_bound_file(&self) -> bool {
        self.root != "/"
            && self.is_real()
            && !self.may_hang()
            && !Path::new(&self.mount_point).is_dir()
    }

    fn is_real(&self) -> bool {
        let fs_type = self.fs_type.as_str();
        let below = |place: &&str| {
            self.mount_point
                .strip_prefix(*place)
                .is_some_and(|r| r.is_empty() || r.starts_with('/'))
        };
        if NEVER.contains(&fs_type) || KERNEL_PLACES.iter().any(below) {
            return false;
        }
        match fs_type {
            "tmpfs" | "ramfs" => !self.read_only && !below(&"/run/credentials"),
            // Every container has one: only the root that hale itself sees can fill for hale.
            "overlay" | "rootfs" => self.mount_point == "/",
            // Other programs' views of storage that is mounted elsewhere.
            "fuse" | "fuseblk" => self.source.starts_with('/'),
            "fuse.sshfs" | "fuse.glusterfs" | "fuse.s3fs" | "fuse.rclone" | "fuse.mergerfs" => true,
            _ => {
                REMOTE.contains(&fs_type)
                    || POOLED.contains(&fs_type)
                    || self.source.starts_with("/dev/")
            }
        }
    }

    /// Mounts with the same key share their space. The parts of a btrfs have numbers of their own.
    fn storage_key(&self) -> String {
        if self.fs_type == "btrfs" { self.source.clone() } else { self.device_number.clone() }
    }
}

pub(in crate::local) fn parse_mountinfo_line(line: &[u8]) -> Option<MountEntry> {
    let mut words = words(line).skip(2);
    let device_number = lossy(words.next()?, 32);
    let root = unescape(words.next()?);
    let mount_point = unescape(words.next()?);
    let mut read_only = has_option(words.next()?, b"ro");
    // Optional fields, of any number, end at a dash.
    words.find(|word| *word == b"-")?;
    let fs_type = lossy(words.next()?, 64);
    let source = unescape(words.next()?);
    read_only |= words.next().is_some_and(|options| has_option(options, b"ro"));
    Some(MountEntry { device_number, root, mount_point, read_only, fs_type, source })
}

fn has_option(options: &[u8], wanted: &[u8]) -> bool {
    options.split(|b| *b == b',').any(|option| option == wanted)
}

/// `\040` is a space: the kernel writes white space and backslashes in octal.
fn unescape(word: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, tail)) = rest.split_first() {
        let octal =
            tail.get(..3).filter(|d| *first == b'\\' && d.iter().all(|b| (b'0'..b'8').contains(b)));
        match octal {
            Some(digits) => {
                let code = digits.iter().fold(0u32, |n, d| n * 8 + u32::from(d - b'0'));
                bytes.push(code as u8);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    lossy(&bytes, TEXT_LIMIT_BYTES)
}

/// The mounts that are worth watching, by mount point. Of several mounts of the same storage, the
/// whole one with the shortest path; of several mounts at the same place, the one on top.
pub(in crate::local) fn real_mounts(table: impl Iterator<Item = MountEntry>) -> Vec<MountEntry> {
    let mut at_place: HashMap<String, MountEntry> = HashMap::new();
    for entry in table {
        at_place.insert(entry.mount_point.clone(), entry);
    }
    let mut of_storage: HashMap<String, MountEntry> = HashMap::new();
    for entry in at_place.into_values().filter(MountEntry::is_real) {
        let rank = |e: &MountEntry| {
            (e.read_only, e.root != "/", e.mount_point.len(), e.mount_point.clone())
        };
        match of_storage.get(&entry.storage_key()) {
            Some(other) if rank(other) <= rank(&entry) => {}
            _ => {
                of_storage.insert(entry.storage_key(), entry);
            }
        }
    }
    let mut mounts: Vec<MountEntry> = of_storage.into_values().collect();
    mounts.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::read::lines;
    use proptest::prelude::*;

    fn kept(table: &str) -> Vec<String> {
        let entries = lines(table.as_bytes()).filter_map(parse_mountinfo_line);
        real_mounts(entries).iter().map(|m| format!("{} {}", m.mount_point, m.fs_type)).collect()
    }

    #[test]
    fn a_usual_host() {
        let table = r"
22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw
23 28 0:21 / /proc rw,nosuid - proc proc rw
24 28 0:5 / /dev rw,nosuid - devtmpfs udev rw,size=1k
25 24 0:22 / /dev/pts rw - devpts devpts rw
26 28 0:23 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=1k
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
30 24 0:25 / /dev/shm rw - tmpfs tmpfs rw
31 22 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
40 28 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw
41 28 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
42 28 0:40 / /mnt/my\040files rw - nfs4 server:/export rw
43 28 0:41 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
44 28 259:2 /home /srv/home rw - ext4 /dev/nvme0n1p2 rw
45 26 0:42 / /run/credentials/systemd-sysusers.service ro - ramfs none rw
46 28 0:43 / /net rw - autofs auto rw
47 26 0:44 / /run/user/1000/doc rw - fuse.portal portal rw
48 28 0:45 /@ /data rw - btrfs /dev/sdb1 rw,subvol=/@
49 28 0:46 /@log /data/log rw - btrfs /dev/sdb1 rw,subvol=/@log
";
        assert_eq!(
            kept(table),
            [
                "/ ext4",
                "/boot/efi vfat",
                "/data btrfs",
                "/dev/shm tmpfs",
                "/mnt/my files nfs4",
                "/run tmpfs"
            ]
        );
    }

    #[test]
    fn the_mount_on_top_of_a_place_counts() {
        let table = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /data rw - ext4 /dev/sda2 rw\n\
            3 2 0:9 / /data rw - tmpfs tmpfs rw\n";
        assert_eq!(kept(table), ["/ ext4", "/data tmpfs"]);
    }

    #[test]
    fn files_bound_into_a_container() {
        for (line, expected) in [
            ("1 0 8:1 /hosts /etc/passwd rw - ext4 /dev/sda1 rw", true),
            ("1 0 8:1 /home /etc rw - ext4 /dev/sda1 rw", false),
            ("1 0 8:1 / / rw - ext4 /dev/sda1 rw", false),
            ("1 0 0:9 /x /etc/passwd rw - nfs4 server:/x rw", false),
        ] {
            let entry = parse_mountinfo_line(line.as_bytes());
            assert_eq!(entry.map(|e| e.is_bound_file()), Some(expected), "{line}");
        }
    }

    #[test]
    fn lines_that_are_no_mounts() {
        for line in ["", "1 2 3:4 / /x rw", "1 2 3:4 / /x rw - ext4"] {
            assert_eq!(parse_mountinfo_line(line.as_bytes()), None, "{line}");
        }
        assert_eq!(unescape(br"a\040b\134\011\9"), "a b\\\t\\9");
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            real_mounts(lines(&bytes).filter_map(parse_mountinfo_line));
            unescape(&bytes);
        }
    }
}
