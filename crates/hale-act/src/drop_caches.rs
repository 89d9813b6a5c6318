//! `memory.drop_caches`: write what is dirty, then have the kernel drop clean page cache. Caches
//! fill again by themselves, so there is nothing to undo.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use hale_model::action::{Outcome, Undo};
use hale_model::text;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::roots::ActRoots;

const OPERATION: &str = "drop caches";
/// 1: page cache only. 2 and 3 also drop dentries and inodes, which makes everything slow for a while.
const PAGE_CACHE: &[u8] = b"1\n";

pub(crate) fn pre_state(roots: &ActRoots) -> Result<Value, ActError> {
    let path = roots.drop_caches.as_path();
    match access(path, Access::WRITE_OK) {
        Ok(()) => Ok(json!({ "drop_caches": path.display().to_string() })),
        Err(errno) => Err(explain(path, errno)),
    }
}

fn explain(path: &Path, errno: Errno) -> ActError {
    let target = path.display().to_string();
    if errno == Errno::NOENT || errno == Errno::ROFS {
        return ActError::Unsupported {
            operation: OPERATION.to_owned(),
            why: format!("{target} is missing or read-only, as in a container"),
            next: "run hale on the host itself".to_owned(),
        };
    }
    ActError::from_errno(OPERATION, target, errno)
        .with_next("only root may write it: run hale as root")
}

/// Blocking: `sync` takes as long as the disks need.
pub(crate) fn apply(roots: &ActRoots) -> Result<Outcome, ActError> {
    let path = roots.drop_caches.as_path();
    let fail = |e: std::io::Error| match e.raw_os_error() {
        Some(errno) => explain(path, Errno::from_raw_os_error(errno)),
        None => ActError::from_io(OPERATION, path.display().to_string(), e),
    };
    let mut file = OpenOptions::new().write(true).open(path).map_err(fail)?;
    // Dirty pages cannot be dropped: written back first, they can.
    rustix::fs::sync();
    let before = cache_bytes(&roots.proc);
    file.write_all(PAGE_CACHE).map_err(fail)?;
    let after = cache_bytes(&roots.proc);
    let detail = match (before, after) {
        (Some(before), Some(after)) => format!(
            "cache went from {} to {}: {} freed",
            text::bytes(before),
            text::bytes(after),
            text::bytes(before.saturating_sub(after))
        ),
        _ => "caches were dropped; /proc/meminfo does not say how much".to_owned(),
    };
    Ok(Outcome { done: true, exit: Some(0), detail, undo: no_undo() })
}

fn no_undo() -> Undo {
    Undo::None { why: "caches fill again by themselves".to_owned() }
}

/// `Cached` and `Buffers` of /proc/meminfo, in bytes.
fn cache_bytes(proc: &Path) -> Option<u64> {
    let meminfo = std::fs::read_to_string(proc.join("meminfo")).ok()?;
    parse_cache_bytes(&meminfo)
}

fn parse_cache_bytes(meminfo: &str) -> Option<u64> {
    let kib = |key: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|l| l.strip_prefix(key))?;
        line.trim().split(' ').next()?.parse().ok()
    };
    kib("Cached:")?.checked_add(kib("Buffers:")?)?.checked_mul(1024)
}

pub(crate) fn reconcile() -> Reconciled {
    Reconciled::Unknown(
        "whether caches were dropped leaves no trace; they fill again by themselves either way"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn cache_is_cached_plus_buffers() {
        let meminfo = "MemTotal: 99 kB\nBuffers:   8 kB\nCached:      1024 kB\nSwapCached: 5 kB\n";
        assert_eq!(parse_cache_bytes(meminfo), Some(1032 * 1024));
        for broken in
            ["", "Cached: x kB\nBuffers: 1 kB", "Cached: 18446744073709551615 kB\nBuffers: 1 kB"]
        {
            assert_eq!(parse_cache_bytes(broken), None);
        }
    }

    #[test]
    fn page_cache_alone_is_dropped_and_a_missing_switch_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut roots = ActRoots::new(dir.path());
        roots.drop_caches = dir.path().join("drop_caches");
        let error = pre_state(&roots).unwrap_err();
        assert_eq!(error.kind(), "unsupported");
        std::fs::write(&roots.drop_caches, "0\n").unwrap();
        pre_state(&roots).unwrap();
        for _ in 0..2 {
            let outcome = apply(&roots).unwrap();
            assert!(outcome.done && outcome.detail.contains("freed"), "{}", outcome.detail);
        }
        assert_eq!(std::fs::read(&roots.drop_caches).unwrap(), PAGE_CACHE);
    }
}
