//! What changed on this machine lately: packages, from the package managers' own logs, and
//! configuration files, from their times. Read when somebody asks, not in the loop.
//!
//! Who changed a file, and what in it, is not here: the file system does not keep that.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use hale_model::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The end of a package manager's log that is read.
const LOG_BYTES_MAX: u64 = 2 * 1024 * 1024;
const LINE_BYTES_MAX: usize = 400;
/// Entries of configuration directories that are looked at.
const ENTRIES_MAX: usize = 20_000;
const DEPTH_MAX: usize = 6;
/// Changes that are kept, the newest.
const CHANGES_MAX: usize = 200;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// What, in words: `package nginx upgraded: 1.22.1-9 → 1.22.1-10`.
    pub text: String,
}

/// What was found, and what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Oldest first.
    pub changes: Vec<Change>,
    /// In words, each with its reason.
    pub unread: Vec<String>,
}

/// Where the machine keeps its logs and its configuration.
#[derive(Clone, Debug)]
pub struct ChangeRoots {
    /// `/var/log`
    pub log: PathBuf,
    /// `/etc` and the like.
    pub config: Vec<PathBuf>,
}

impl Default for ChangeRoots {
    fn default() -> Self {
        ChangeRoots { log: "/var/log".into(), config: vec!["/etc".into(), "/usr/local/etc".into()] }
    }
}

/// Everything that changed since then. Blocks while it reads.
pub fn recent_changes(roots: &ChangeRoots, since: Timestamp) -> Changes {
    let mut found = Changes::default();
    let zone = TimeZone::system();
    for (name, read) in LOGS {
        let path = roots.log.join(name);
        match tail(&path) {
            Ok(text) => {
                let lines = text.lines().filter_map(|line| read(line, &zone));
                found.changes.extend(lines.filter(|change| change.at >= since));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => found.unread.push(format!("{}: {error}", path.display())),
        }
    }
    let mut looked = 0;
    for dir in &roots.config {
        changed_files(dir, since, 0, &mut looked, &mut found);
    }
    if looked >= ENTRIES_MAX {
        found
            .unread
            .push(format!("more than {ENTRIES_MAX} configuration files: not all were read"));
    }
    found.changes.sort_by_key(|change| change.at);
    let over = found.changes.len().saturating_sub(CHANGES_MAX);
    found.changes.drain(..over);
    found
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

type ReadLine = fn(&str, &TimeZone) -> Option<Change>;

/// Each package manager's log, and how a line of it is read.
const LOGS: &[(&str, ReadLine)] =
    &[("dpkg.log", dpkg), ("dnf.rpm.log", dnf), ("pacman.log", pacman)];

fn change(at: Timestamp, text: &str) -> Option<Change> {
    Some(Change { at, text: hale_model::text::shorten(text, LINE_BYTES_MAX) })
}

/// `2026-11-20 10:11:12 upgrade nginx:amd64 1.22.1-9 1.22.1-10`, in local time.
fn dpkg(line: &str, zone: &TimeZone) -> Option<Change> {
    let mut words = line.split(' ');
    let (day, time) = (words.next()?, words.next()?);
    let (what, package) = (words.next()?, words.next()?);
    let (old, new) = (words.next()?, words.next()?);
    let at: DateTime = format!("{day}T{time}").parse().ok()?;
    let at = at.to_zoned(zone.clone()).ok()?.timestamp();
    let name = package.split(':').next().unwrap_or(package);
    match what {
        "install" => change(at, &format!("package {name} installed: {new}")),
        "upgrade" => change(at, &format!("package {name} upgraded: {old} → {new}")),
        "remove" | "purge" => change(at, &format!("package {name} removed: {old}")),
        _ => None,
    }
}

/// `2026-11-20T10:11:12+0000 SUBDEBUG Upgraded: nginx-1:1.22.1-9.x86_64`
fn dnf(line: &str, _zone: &TimeZone) -> Option<Change> {
    let (at, rest) = line.split_once(' ')?;
    let (_level, rest) = rest.split_once(' ')?;
    let (what, package) = rest.split_once(": ")?;
    let what = match what {
        "Installed" => "installed",
        "Upgrade" => "upgraded",
        "Erase" | "Erased" | "Removed" => "removed",
        _ => return None,
    };
    change(offset_time(at)?, &format!("package {what}: {}", package.trim()))
}

/// `[2026-11-20T10:11:12+0000] [ALPM] upgraded nginx (1.22.1-1 -> 1.22.1-2)`
fn pacman(line: &str, _zone: &TimeZone) -> Option<Change> {
    let (at, rest) = line.strip_prefix('[')?.split_once("] [ALPM] ")?;
    let (what, package) = rest.split_once(' ')?;
    if !matches!(what, "installed" | "upgraded" | "removed" | "downgraded" | "reinstalled") {
        return None;
    }
    change(offset_time(at)?, &format!("package {what}: {}", package.trim()))
}

fn offset_time(text: &str) -> Option<Timestamp> {
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text).ok()
}

fn changed_files(
    dir: &Path,
    since: Timestamp,
    depth: usize,
    looked: &mut usize,
    found: &mut Changes,
) {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => return found.unread.push(format!("{}: {error}", dir.display())),
    };
    for entry in entries.flatten() {
        *looked += 1;
        if *looked >= ENTRIES_MAX {
            return;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        let path = entry.path();
        if metadata.is_dir() {
            if depth < DEPTH_MAX {
                changed_files(&path, since, depth + 1, looked, found);
            }
            continue;
        }
        let modified = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        let Some(at) = modified.filter(|at| *at >= since && metadata.is_file()) else { continue };
        found.changes.extend(change(at, &format!("file {} was written", path.display())));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
    use super::*;

    #[test]
    fn lines_of_package_logs() {
        let utc = TimeZone::UTC;
        for (read, line, expected) in [
            (
                dpkg as ReadLine,
                "2026-11-20 10:11:12 upgrade nginx:amd64 1.22.1-9 1.22.1-10",
                Some("2026-11-20T10:11:12Z package nginx upgraded: 1.22.1-9 → 1.22.1-10"),
            ),
            (
                dpkg,
                "2026-11-20 10:11:12 install jq:amd64 <none> 1.6-2",
                Some("2026-11-20T10:11:12Z package jq installed: 1.6-2"),
            ),
            (dpkg, "2026-11-20 10:11:12 status half-installed jq:amd64 1.6-2", None),
            (dpkg, "2026-11-20 10:11:12 startup archives unpack", None),
            (
                dnf,
                "2026-11-20T10:11:12+0100 SUBDEBUG Installed: jq-1.6-2.x86_64",
                Some("2026-11-20T09:11:12Z package installed: jq-1.6-2.x86_64"),
            ),
            (dnf, "2026-11-20T10:11:12+0100 INFO --- logging initialized ---", None),
            (
                pacman,
                "[2026-11-20T10:11:12+0000] [ALPM] upgraded jq (1.6-2 -> 1.6-3)",
                Some("2026-11-20T10:11:12Z package upgraded: jq (1.6-2 -> 1.6-3)"),
            ),
            (pacman, "[2026-11-20T10:11:12+0000] [ALPM] transaction started", None),
            (pacman, "", None),
        ] {
            let read = read(line, &utc).map(|c| format!("{} {}", c.at, c.text));
            assert_eq!(read.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn what_was_written_since_then_is_found_and_what_is_older_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (log, etc) = (dir.path().join("log"), dir.path().join("etc/nginx"));
        std::fs::create_dir_all(&log).unwrap();
        std::fs::create_dir_all(&etc).unwrap();
        std::fs::write(etc.join("new.conf"), "x").unwrap();
        let old = File::create(etc.join("old.conf")).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        std::fs::write(log.join("dpkg.log"), b"\xff\xfe\nbroken\n").unwrap();
        let roots =
            ChangeRoots { log, config: vec![dir.path().join("etc"), dir.path().join("missing")] };
        let hour_ago = Timestamp::now() - std::time::Duration::from_secs(3600);
        let found = recent_changes(&roots, hour_ago);
        let texts: Vec<&str> = found.changes.iter().map(|c| c.text.as_str()).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(texts[0].ends_with("etc/nginx/new.conf was written"), "{texts:?}");
        assert!(found.unread.is_empty(), "{:?}", found.unread);
    }
}
