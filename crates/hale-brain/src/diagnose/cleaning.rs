//! How space on a mount may be freed, from what is least missed to what may be.

use hale_model::action::CleanMeans;
use hale_model::config::Config;
use hale_model::snapshot::{Mount, Snapshot};

use crate::decide::names::{is_plain_absolute, lies_under, path_pattern};

/// Where journald keeps its files: on disk, or only until the next boot.
const JOURNAL_DIRECTORIES: &[&str] = &["/var/log/journal", "/run/log/journal"];

/// Where package managers keep what they downloaded.
const PACKAGE_CACHES: &[&str] = &["/var/cache/apt", "/var/cache/dnf", "/var/cache/pacman"];

const MEBI: u64 = 1024 * 1024;

/// What the journal keeps is a twentieth of the file system, within these bounds.
const JOURNAL_KEEP_MIN_BYTES: u64 = 16 * MEBI;
const JOURNAL_KEEP_MAX_BYTES: u64 = 512 * MEBI;

/// Files younger than a day may be in use.
const OLD_FILES_SECS: u64 = 86_400;

/// The mount that a path lies on: the one with the longest matching mount point.
pub(super) fn mount_of<'a>(path: &str, snapshot: &'a Snapshot) -> Option<&'a Mount> {
    let holds = |m: &&Mount| {
        m.mount_point == "/"
            || path == m.mount_point
            || path.strip_prefix(m.mount_point.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    snapshot.mounts.iter().filter(holds).max_by_key(|m| m.mount_point.len())
}

/// Makes room in the directories that may be cleaned, all of them together; and the mount of the first. A mount
/// that is short of space itself has no room to give: there old files have to leave it.
pub(super) fn room<'a>(snapshot: &'a Snapshot, config: &Config) -> Option<(&'a Mount, CleanMeans)> {
    let allowlist = &config.allowlist;
    let directories: Vec<String> = allowlist
        .cleanable_paths
        .iter()
        .filter(|p| is_plain_absolute(p) && !p.contains('*'))
        .filter(|p| path_pattern(&allowlist.protected_paths, p).is_none())
        .cloned()
        .collect();
    let mount = mount_of(directories.first()?, snapshot)?;
    let here = |path: &String| mount_of(path, snapshot).is_some_and(|m| m == mount);
    let directories = directories.into_iter().filter(here).collect();
    let older_than_secs = OLD_FILES_SECS;
    let short = mount.free_percent < config.thresholds.disk_min_free_percent;
    let means = if short {
        CleanMeans::OldFiles { directories, older_than_secs }
    } else {
        CleanMeans::MakeRoom { directories, older_than_secs }
    };
    Some((mount, means))
}

/// The ways that apply to this mount. Empty if none does.
pub(super) fn means(mount: &Mount, snapshot: &Snapshot, config: &Config) -> Vec<CleanMeans> {
    let here =
        |path: &&str| mount_of(path, snapshot).is_some_and(|m| m.mount_point == mount.mount_point);
    let mut means = Vec::new();
    if PACKAGE_CACHES.iter().any(&here) {
        means.push(CleanMeans::PackageCache);
    }
    if JOURNAL_DIRECTORIES.iter().any(&here) {
        let keep_bytes =
            (mount.total_bytes / 20).clamp(JOURNAL_KEEP_MIN_BYTES, JOURNAL_KEEP_MAX_BYTES);
        means.push(CleanMeans::JournalVacuum { keep_bytes });
    }
    let allowlist = &config.allowlist;
    let directories: Vec<String> = allowlist
        .cleanable_paths
        .iter()
        .filter(|p| is_plain_absolute(p) && !p.contains('*'))
        .filter(|p| here(&p.as_str()) || lies_under(&mount.mount_point, p))
        .map(|p| if here(&p.as_str()) { p.clone() } else { mount.mount_point.clone() })
        .filter(|p| path_pattern(&allowlist.protected_paths, p).is_none())
        .collect();
    if !directories.is_empty() {
        means.push(CleanMeans::OldFiles { directories, older_than_secs: OLD_FILES_SECS });
    }
    means
}
