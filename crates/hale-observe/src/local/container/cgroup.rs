//! Memory and CPU of a container, from the files of its cgroup.

use std::path::{Path, PathBuf};

use crate::local::read::{Scratch, lines};

const FILE_LIMIT_BYTES: usize = 16 * 1024;
/// A limit beyond this is none.
const LIMIT_BYTES_MAX: u64 = 1 << 60;
/// Where Docker and Podman make the cgroup of a container, with systemd and without.
const USUAL_PATHS: [&str; 4] = [
    "system.slice/docker-ID.scope",
    "docker/ID",
    "machine.slice/libpod-ID.scope",
    "libpod_parent/libpod-ID",
];

/// Where the figures of a container are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// cgroup v2: one directory.
    Unified(PathBuf),
    /// cgroup v1: one a controller.
    Split { memory: PathBuf, cpu: PathBuf },
}

/// What they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) memory_bytes: Option<u64>,
    /// What it may use; none where there is no limit, or it cannot be read.
    pub(super) limit_bytes: Option<u64>,
    pub(super) cpu_usec: Option<u64>,
}

impl Place {
    /// The cgroup of the container's first process, or where engines usually make it if that process is in
    /// another pid namespace than hale; none where neither can be seen from here.
    pub(super) fn of(
        scratch: &mut Scratch,
        proc: &Path,
        sys: &Path,
        pid: i32,
        id: &str,
    ) -> Option<Place> {
        if pid <= 0 {
            return None;
        }
        let root = sys.join("fs/cgroup");
        let text = scratch.read(&proc.join(format!("{pid}/cgroup")), FILE_LIMIT_BYTES).ok();
        let text = text.map(|text| String::from_utf8_lossy(text).into_owned());
        let told = text.and_then(|text| place_of(&text, &root, id)).filter(Place::exists);
        told.or_else(|| Place::usual(&root, id))
    }

    fn usual(root: &Path, id: &str) -> Option<Place> {
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let paths = USUAL_PATHS.map(|path| path.replace("ID", id));
        let unified = paths.iter().map(|path| Place::Unified(root.join(path)));
        let split = paths.iter().map(|path| {
            let cpu = ["cpuacct", "cpu,cpuacct"].map(|controller| root.join(controller).join(path));
            let memory = root.join("memory").join(path);
            let cpu = cpu.into_iter().find(|cpu| cpu.is_dir()).unwrap_or_else(|| memory.clone());
            Place::Split { memory, cpu }
        });
        unified.chain(split).find(Place::exists)
    }

    fn exists(&self) -> bool {
        match self {
            Place::Unified(directory) => directory.join("memory.current").exists(),
            Place::Split { memory, .. } => memory.join("memory.usage_in_bytes").exists(),
        }
    }

    /// Reads the figures; what cannot be read is none.
    pub(super) fn read(&self, scratch: &mut Scratch) -> Figures {
        let (used, limit, stat, inactive, cpu_usec) = match self {
            Place::Unified(directory) => (
                number(scratch, &directory.join("memory.current")),
                number(scratch, &directory.join("memory.max")),
                directory.join("memory.stat"),
                "inactive_file",
                field(scratch, &directory.join("cpu.stat"), "usage_usec"),
            ),
            Place::Split { memory, cpu } => (
                number(scratch, &memory.join("memory.usage_in_bytes")),
                number(scratch, &memory.join("memory.limit_in_bytes")),
                memory.join("memory.stat"),
                "total_inactive_file",
                number(scratch, &cpu.join("cpuacct.usage")).map(|nanos| nanos / 1000),
            ),
        };
        // As `docker stats` counts: page cache that nobody used lately can be dropped at once.
        let dropped = field(scratch, &stat, inactive).unwrap_or(0);
        Figures {
            memory_bytes: used.map(|used| used.saturating_sub(dropped)),
            // cgroup v1 writes a number beyond all memory where there is none.
            limit_bytes: limit.filter(|limit| *limit < LIMIT_BYTES_MAX),
            cpu_usec,
        }
    }
}

/// The directories that a process's cgroup lines name, as far as they carry the container's id: a path
/// as another cgroup namespace sees it does not.
fn place_of(text: &str, root: &Path, id: &str) -> Option<Place> {
    let (mut unified, mut memory, mut cpu) = (None, None, None);
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let Some(path) = up_to_container(path, id) else { continue };
        let has = |name: &str| controllers.split(',').any(|c| c == name);
        if controllers.is_empty() {
            unified = Some(root.join(path));
        } else if has("memory") {
            memory = Some(root.join("memory").join(path));
        } else if has("cpuacct") {
            cpu = Some(root.join(controllers).join(path));
        }
    }
    match (memory, cpu, unified) {
        (Some(memory), cpu, _) => {
            Some(Place::Split { cpu: cpu.unwrap_or_else(|| memory.clone()), memory })
        }
        (None, _, Some(directory)) => Some(Place::Unified(directory)),
        (None, _, None) => None,
    }
}

/// The part of the path that is the container's, not that of a unit inside of it.
fn up_to_container<'a>(path: &'a str, id: &str) -> Option<&'a str> {
    let at = path.find(id)?;
    let end = path.get(at..)?.find('/').map_or(path.len(), |more| at + more);
    let path = path.get(..end)?.trim_start_matches('/');
    (!path.split('/').any(|part| part == "..")).then_some(path)
}

fn number(scratch: &mut Scratch, path: &Path) -> Option<u64> {
    let text = scratch.read(path, FILE_LIMIT_BYTES).ok()?;
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// `name value` lines.
fn field(scratch: &mut Scratch, path: &Path, name: &str) -> Option<u64> {
    let text = scratch.read(path, FILE_LIMIT_BYTES).ok()?;
    lines(text).find_map(|line| {
        let (found, value) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        (found == name).then(|| value.trim().parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    #[allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "the test is the engine")]
    fn a_container_whose_process_is_not_seen_is_found_where_engines_make_it() {
        let place = tempfile::tempdir().unwrap();
        let (proc, sys) = (place.path().join("proc"), place.path().join("sys"));
        let root = sys.join("fs/cgroup");
        let find = || Place::of(&mut Scratch::default(), &proc, &sys, 4242, ID);
        assert_eq!(find(), None);
        let memory = root.join("memory/docker").join(ID);
        std::fs::create_dir_all(&memory).unwrap();
        std::fs::write(memory.join("memory.usage_in_bytes"), "4096\n").unwrap();
        let cpu = root.join("cpuacct/docker").join(ID);
        std::fs::create_dir_all(&cpu).unwrap();
        assert_eq!(find(), Some(Place::Split { memory, cpu }));
        let unified = root.join(format!("system.slice/docker-{ID}.scope"));
        std::fs::create_dir_all(&unified).unwrap();
        std::fs::write(unified.join("memory.current"), "4096\n").unwrap();
        assert_eq!(find(), Some(Place::Unified(unified)));
        // A process of ours has that number: it is not the container's.
        std::fs::create_dir_all(proc.join("4242")).unwrap();
        std::fs::write(proc.join("4242/cgroup"), "0::/user.slice\n").unwrap();
        assert!(find().is_some());
    }

    #[test]
    fn the_containers_own_directory_is_found_in_either_hierarchy() {
        let root = Path::new("/sys/fs/cgroup");
        let unified = |path: &str| Some(Place::Unified(root.join(path.replace("ID", ID))));
        for (text, expected) in [
            ("0::/system.slice/docker-ID.scope", unified("system.slice/docker-ID.scope")),
            ("0::/docker/ID/system.slice/cron.service", unified("docker/ID")),
            ("0::/../ID", None),
            ("0::/", None),
            ("", None),
            (
                "4:memory:/docker/ID\n3:cpu,cpuacct:/docker/ID\n0::/docker/ID",
                Some(Place::Split {
                    memory: root.join(format!("memory/docker/{ID}")),
                    cpu: root.join(format!("cpu,cpuacct/docker/{ID}")),
                }),
            ),
        ] {
            assert_eq!(place_of(&text.replace("ID", ID), root, ID), expected, "{text}");
        }
    }

    #[test]
    fn memory_is_what_cannot_be_dropped() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("memory.current", "5000\n"),
            ("memory.max", "9000\n"),
            ("memory.stat", "anon 3000\ninactive_file 1500\nactive_file 500\n"),
            ("cpu.stat", "usage_usec 77\nuser_usec 70\n"),
        ] {
            #[expect(clippy::disallowed_methods, reason = "a test's own directory")]
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let place = Place::Unified(dir.path().to_owned());
        let figures = place.read(&mut Scratch::default());
        let expected =
            Figures { memory_bytes: Some(3500), limit_bytes: Some(9000), cpu_usec: Some(77) };
        assert_eq!(figures, expected);
        let nowhere = Place::Unified(dir.path().join("none"));
        assert_eq!(nowhere.read(&mut Scratch::default()), Figures::default());
    }
}
