//! Who has files open for writing on a file system: `/proc/PID/fdinfo`. Looked at when the trouble of a
//! file system is diagnosed, not in every turn: it takes one small read an open file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use hale_model::ProcRef;
use hale_model::snapshot::MountWriters;

use super::disk::mounts::{MountEntry, parse_mountinfo_line};
use super::process;
use super::read::{Scratch, decimal, lines, lossy, names, words};

const MOUNTINFO_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const SMALL_LIMIT_BYTES: usize = 4096;
const PROCESSES_MAX: usize = 16_384;
const FILES_PER_PROCESS_MAX: usize = 1024;
const FILES_MAX: usize = 50_000;
const WRITERS_MAX: usize = 64;
/// Mount namespaces that are told apart: one a container.
const NAMESPACES_MAX: usize = 256;

/// Ids of the mounts, as one namespace numbers them, through which the file system is reached.
type MountIds = HashSet<u64>;

/// The processes with a regular file open for writing on the file system that is mounted there. None
/// where that cannot be asked: no such mount, or one whose server may never answer. Blocking.
pub fn writers_on(proc: &Path, mount_point: &str) -> Option<MountWriters> {
    let mut scratch = Scratch::default();
    let table = mount_table(&mut scratch, &proc.join("self/mountinfo"));
    let mount = table.iter().rev().find(|(_, m, _)| m.mount_point == mount_point)?;
    if mount.1.may_hang() {
        return None;
    }
    let mut search = Search {
        proc,
        scratch,
        device: mount.1.device_number().to_owned(),
        own_namespace: std::fs::read_link(proc.join("self/ns/mnt")).ok(),
        own: HashSet::new(),
        others: HashMap::new(),
        files_left: FILES_MAX,
        all_seen: true,
    };
    search.own = search.ids(&table, &table);
    let processes = search.run(&table);
    let mount_point = mount_point.to_owned();
    Some(MountWriters { mount_point, processes, all_seen: search.all_seen })
}

struct Search<'a> {
    proc: &'a Path,
    scratch: Scratch,
    device: String,
    own_namespace: Option<PathBuf>,
    own: MountIds,
    others: HashMap<PathBuf, MountIds>,
    files_left: usize,
    all_seen: bool,
}

/// A mount's id, what it is, and where its changes go if it is a layer over others.
type Row = (u64, MountEntry, Option<String>);

impl Search<'_> {
    fn run(&mut self, table: &[Row]) -> Vec<ProcRef> {
        let mut pids: Vec<i32> = names(self.proc, 4 * PROCESSES_MAX)
            .iter()
            .filter_map(|name| decimal(name.as_bytes()).and_then(|n| i32::try_from(n).ok()))
            .collect();
        pids.sort_unstable();
        self.all_seen &= pids.len() <= PROCESSES_MAX;
        let mut found = Vec::new();
        for pid in pids.into_iter().take(PROCESSES_MAX) {
            if found.len() >= WRITERS_MAX || self.files_left == 0 {
                self.all_seen = false;
                break;
            }
            let directory = self.proc.join(pid.to_string());
            if self.writes(&directory, table) {
                found.extend(self.identity(pid, &directory));
            }
        }
        found
    }

    fn identity(&mut self, pid: i32, directory: &Path) -> Option<ProcRef> {
        let line = self.scratch.read(&directory.join("stat"), SMALL_LIMIT_BYTES).ok()?;
        process::identity(pid, line)
    }

    fn writes(&mut self, directory: &Path, table: &[Row]) -> bool {
        let files = match std::fs::read_dir(directory.join("fdinfo")) {
            Ok(files) => files,
            Err(error) => {
                // One that has ended writes nothing.
                self.all_seen &= error.kind() == std::io::ErrorKind::NotFound;
                return false;
            }
        };
        let ids = self.ids_of(directory, table);
        if ids.is_empty() {
            return false;
        }
        for (seen, file) in files.flatten().enumerate() {
            if seen >= FILES_PER_PROCESS_MAX || self.files_left == 0 {
                self.all_seen = false;
                return false;
            }
            self.files_left -= 1;
            let Ok(text) = self.scratch.read(&file.path(), SMALL_LIMIT_BYTES) else { continue };
            let through = open_for_writing(text).filter(|mount_id| ids.contains(mount_id));
            // Not /dev/null, which lies on a file system of memory too.
            let file = directory.join("fd").join(file.file_name());
            if through.is_some() && std::fs::metadata(file).is_ok_and(|facts| facts.is_file()) {
                return true;
            }
        }
        false
    }

    /// The ids as the process's own namespace numbers them.
    fn ids_of(&mut self, directory: &Path, table: &[Row]) -> MountIds {
        let namespace = std::fs::read_link(directory.join("ns/mnt")).ok();
        let Some(namespace) = namespace.filter(|n| Some(n) != self.own_namespace.as_ref()) else {
            return self.own.clone();
        };
        if let Some(known) = self.others.get(&namespace) {
            return known.clone();
        }
        let theirs = mount_table(&mut self.scratch, &directory.join("mountinfo"));
        let ids = self.ids(&theirs, table);
        if self.others.len() < NAMESPACES_MAX {
            self.others.insert(namespace, ids.clone());
        }
        ids
    }

    fn ids(&self, theirs: &[Row], own: &[Row]) -> MountIds {
        let reaches = |(_, mount, upper): &&Row| {
            mount.device_number() == self.device
                // What a container writes into its root lies on the host's disk.
                || upper.as_deref().is_some_and(|path| device_of(path, own) == Some(&self.device))
        };
        theirs.iter().filter(reaches).map(|(id, _, _)| *id).collect()
    }
}

/// The device that holds a path, by the longest mount point above it; of two at one place the later hides
/// the earlier.
fn device_of<'a>(path: &str, table: &'a [Row]) -> Option<&'a str> {
    let above = |mount_point: &str| Path::new(path).starts_with(mount_point);
    let holds = table.iter().filter(|(_, mount, _)| above(&mount.mount_point));
    holds.max_by_key(|(_, mount, _)| mount.mount_point.len()).map(|(_, m, _)| m.device_number())
}

fn mount_table(scratch: &mut Scratch, path: &Path) -> Vec<Row> {
    let Ok(text) = scratch.read(path, MOUNTINFO_LIMIT_BYTES) else { return Vec::new() };
    lines(text).filter_map(parse_row).collect()
}

fn parse_row(line: &[u8]) -> Option<Row> {
    let id = words(line).next().and_then(decimal)?;
    let mount = parse_mountinfo_line(line)?;
    let options = words(line).last().unwrap_or_default();
    let upper = options.split(|b| *b == b',').find_map(|o| o.strip_prefix(b"upperdir="));
    Some((id, mount, upper.map(|path| lossy(path, SMALL_LIMIT_BYTES))))
}

/// The mount of a file that is open for writing.
fn open_for_writing(fdinfo: &[u8]) -> Option<u64> {
    const ACCESS: u64 = 0o3;
    let field = |name: &[u8]| {
        let line = lines(fdinfo).find_map(|line| line.strip_prefix(name))?;
        std::str::from_utf8(line).ok().map(str::trim)
    };
    let flags = u64::from_str_radix(field(b"flags:")?, 8).ok()?;
    let mount_id = field(b"mnt_id:")?.parse().ok()?;
    matches!(flags & ACCESS, 1 | 2).then_some(mount_id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn open_files_as_the_kernel_tells_them() {
        for (text, expected) in [
            ("pos:\t10\nflags:\t0100001\nmnt_id:\t29\nino:\t5\n", Some(29)),
            ("pos:\t0\nflags:\t02102002\nmnt_id:\t30\n", Some(30)),
            ("pos:\t0\nflags:\t0100000\nmnt_id:\t29\n", None),
            ("pos:\t0\nflags:\t010000000\nmnt_id:\t29\n", None),
            ("pos:\t0\nflags:\t0100001\n", None),
            ("", None),
        ] {
            assert_eq!(open_for_writing(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_root_of_a_container_lies_where_its_upper_directory_does() {
        let own = [
            "21 1 8:1 / / rw - ext4 /dev/sda1 rw",
            "22 21 8:2 / /var/lib/docker rw - ext4 /dev/sda2 rw",
            "23 21 0:40 / /tmp rw - tmpfs tmpfs rw",
        ];
        let theirs = [
            "90 80 0:77 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/var/lib/docker/x/diff,workdir=/w",
            "91 90 0:40 /part /shared rw - tmpfs tmpfs rw",
            "92 90 0:88 / /run rw - tmpfs tmpfs rw",
        ];
        let rows = |lines: &[&str]| {
            lines.iter().filter_map(|l| parse_row(l.as_bytes())).collect::<Vec<_>>()
        };
        let (own, theirs) = (rows(&own), rows(&theirs));
        for (device, expected) in [("8:2", vec![90]), ("8:1", vec![]), ("0:40", vec![91])] {
            let search = Search {
                proc: Path::new("/proc"),
                scratch: Scratch::default(),
                device: device.to_owned(),
                own_namespace: None,
                own: HashSet::new(),
                others: HashMap::new(),
                files_left: 0,
                all_seen: true,
            };
            assert_eq!(search.ids(&theirs, &own), expected.into_iter().collect(), "{device}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            open_for_writing(&bytes);
            parse_row(&bytes);
        }
    }
}
