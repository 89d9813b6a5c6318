//! Whose tasks wait for memory: `memory.pressure` of the cgroups. Pressure counts upwards, so the walk goes
//! only where there is some, and what it finds is the service or container that it comes from.

use std::path::{Path, PathBuf};

use hale_model::sample::{Pressure, StalledCgroup};

use crate::local::pressure::parse_pressure;
use crate::local::process::cgroup::{ownership, root_prefix};
use crate::local::read::{Scratch, names};

/// Less than this is no trouble of anybody, in percent of time.
pub(super) const SOME_PERCENT_MIN: f64 = 5.0;
const FILE_LIMIT_BYTES: usize = 4096;
const DEPTH_MAX: usize = 12;
/// The most entries of directories that are looked at in one walk.
const ENTRIES_MAX: usize = 8192;
/// The most cgroups that are told.
const STALLED_MAX: usize = 8;
/// A limit beyond this is none.
const LIMIT_BYTES_MAX: u64 = 1 << 60;

/// The cgroups of this machine, or of the container that hale is in, which wait for memory; the worst first.
pub(super) fn read(scratch: &mut Scratch, proc: &Path, sys: &Path) -> Vec<StalledCgroup> {
    let mounted = sys.join("fs/cgroup");
    // Beside the controllers of version 1, systemd mounts version 2 for itself.
    let unified = mounted.join("unified");
    let hybrid = unified.join("cgroup.procs").exists();
    let init = scratch.read(&proc.join("1/cgroup"), FILE_LIMIT_BYTES);
    let prefix = init.map(root_prefix).unwrap_or_default();
    let mut walk = Walk {
        scratch,
        root: if hybrid { unified } else { mounted.clone() },
        limits: if hybrid { mounted.join("memory") } else { mounted },
        prefix,
        entries: 0,
        found: Vec::new(),
    };
    walk.below(&walk.prefix.clone(), Room::default(), 0);
    let worst = |a: &StalledCgroup| (a.pressure.full_avg10, a.pressure.some_avg10);
    walk.found.sort_by(|a, b| worst(b).partial_cmp(&worst(a)).unwrap_or(std::cmp::Ordering::Equal));
    walk.found.truncate(STALLED_MAX);
    walk.found
}

/// What may be held at the tightest place on the way down, and what is held there.
#[derive(Clone, Copy, Default)]
struct Room {
    used: Option<u64>,
    limit: Option<u64>,
}

struct Walk<'a> {
    scratch: &'a mut Scratch,
    /// Where the unified hierarchy is mounted.
    root: PathBuf,
    /// Where memory is limited: the same, or version 1's own hierarchy with the same paths.
    limits: PathBuf,
    prefix: String,
    entries: usize,
    found: Vec<StalledCgroup>,
}

impl Walk<'_> {
    /// Whether anything below this path waits.
    fn below(&mut self, path: &str, room: Room, depth: usize) -> bool {
        let mut any = false;
        let directory = self.root.join(path.trim_start_matches('/'));
        let left = ENTRIES_MAX.saturating_sub(self.entries);
        let entries = names(&directory, left);
        self.entries += entries.len();
        for name in entries {
            let child = format!("{path}/{name}");
            let Some(pressure) = self.pressure(&child) else { continue };
            if pressure.some_avg10 < SOME_PERCENT_MIN {
                continue;
            }
            any = true;
            let room = self.room(&child, room);
            if depth >= DEPTH_MAX || !self.below(&child, room, depth + 1) {
                self.tell(child, pressure, room);
            }
        }
        any
    }

    /// None for what is no cgroup.
    fn pressure(&mut self, path: &str) -> Option<Pressure> {
        let file = self.root.join(path.trim_start_matches('/')).join("memory.pressure");
        self.scratch.read(&file, FILE_LIMIT_BYTES).ok().map(parse_pressure)
    }

    fn room(&mut self, path: &str, above: Room) -> Room {
        let directory = self.limits.join(path.trim_start_matches('/'));
        let mut number = |name: &str| self.scratch.number::<u64>(&directory.join(name));
        let used = number("memory.current").or_else(|| number("memory.usage_in_bytes"));
        let limits = ["memory.high", "memory.max", "memory.limit_in_bytes"];
        let limit = limits.into_iter().filter_map(number).filter(|l| *l < LIMIT_BYTES_MAX).min();
        match (limit, above.limit) {
            (None, Some(_)) => above,
            (Some(own), Some(outer)) if outer < own => above,
            (limit, _) => Room { used, limit },
        }
    }

    fn tell(&mut self, path: String, pressure: Pressure, room: Room) {
        let owned = ownership(format!("0::{path}").as_bytes(), &self.prefix);
        self.found.push(StalledCgroup {
            cgroup: path,
            unit: owned.unit,
            container: owned.container,
            pressure,
            used_bytes: room.used,
            limit_bytes: room.limit,
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::disallowed_methods,
        reason = "the test is the kernel that writes these files"
    )]
    use super::*;

    fn cgroup(root: &Path, path: &str, some: f64, files: &[(&str, &str)]) {
        let directory = root.join(path);
        std::fs::create_dir_all(&directory).unwrap();
        let full = some / 2.0;
        let text = format!(
            "some avg10={some:.2} avg60=0.00 avg300=0.00 total=1\nfull avg10={full:.2} avg60=0.00 avg300=0.00 total=1\n"
        );
        std::fs::write(directory.join("memory.pressure"), text).unwrap();
        for (name, text) in files {
            std::fs::write(directory.join(name), format!("{text}\n")).unwrap();
        }
    }

    fn told(machine: &Path) -> Vec<String> {
        read(&mut Scratch::default(), &machine.join("proc"), &machine.join("sys"))
            .into_iter()
            .map(|s| {
                format!(
                    "{} unit={:?} container={} full={} {:?}/{:?}",
                    s.cgroup,
                    s.unit.unwrap_or_default(),
                    s.container.is_some(),
                    s.pressure.full_avg10,
                    s.used_bytes,
                    s.limit_bytes
                )
            })
            .collect()
    }

    #[test]
    fn the_service_that_waits_is_found_and_the_tightest_limit_above_it() {
        let machine = tempfile::tempdir().unwrap();
        let root = machine.path().join("sys/fs/cgroup");
        cgroup(&root, "system.slice", 60.0, &[("memory.current", "900"), ("memory.max", "max")]);
        cgroup(
            &root,
            "system.slice/report.service",
            60.0,
            &[("memory.current", "100"), ("memory.high", "120"), ("memory.max", "200")],
        );
        cgroup(&root, "system.slice/report.service/worker", 58.0, &[("memory.current", "90")]);
        cgroup(&root, "system.slice/report.service/idle", 0.0, &[]);
        cgroup(&root, "system.slice/cron.service", 4.9, &[]);
        cgroup(&root, "user.slice", 12.0, &[("memory.current", "70"), ("memory.max", "max")]);
        insta::assert_debug_snapshot!(told(machine.path()), @r#"
        [
            "/system.slice/report.service/worker unit=\"report.service\" container=false full=29 Some(100)/Some(120)",
            "/user.slice unit=\"\" container=false full=6 Some(70)/None",
        ]
        "#);
    }

    #[test]
    fn beside_version_1_and_in_a_container_with_the_hosts_cgroups() {
        let machine = tempfile::tempdir().unwrap();
        let id = "0123456789abcdef".repeat(4);
        let root = machine.path().join("sys/fs/cgroup/unified");
        std::fs::create_dir_all(machine.path().join("proc/1")).unwrap();
        std::fs::write(
            machine.path().join("proc/1/cgroup"),
            format!("0::/docker/{id}/init.scope\n"),
        )
        .unwrap();
        cgroup(&root, &format!("docker/{id}/system.slice/a.service"), 40.0, &[]);
        cgroup(&root, &format!("docker/{id}/system.slice"), 40.0, &[]);
        cgroup(&root, "docker/another", 90.0, &[]);
        std::fs::write(root.join("cgroup.procs"), "1\n").unwrap();
        let limits =
            machine.path().join(format!("sys/fs/cgroup/memory/docker/{id}/system.slice/a.service"));
        std::fs::create_dir_all(&limits).unwrap();
        std::fs::write(limits.join("memory.usage_in_bytes"), "31\n").unwrap();
        std::fs::write(limits.join("memory.limit_in_bytes"), "32\n").unwrap();
        let told: Vec<String> =
            told(machine.path()).into_iter().map(|t| t.replace(&id, "ID")).collect();
        assert_eq!(
            told,
            [
                "/docker/ID/system.slice/a.service unit=\"a.service\" container=false full=20 Some(31)/Some(32)"
            ]
        );
    }

    #[test]
    fn without_cgroups_nobody_is_found() {
        let machine = tempfile::tempdir().unwrap();
        assert_eq!(told(machine.path()), Vec::<String>::new());
    }
}
