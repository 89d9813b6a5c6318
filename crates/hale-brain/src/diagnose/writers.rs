//! Who fills a file system. How much a process writes is known for all storage together, so that only one
//! with a file open for writing on that very file system may be named.

use hale_model::alert::{Alert, Subject};
use hale_model::snapshot::{Mount, Process, Snapshot};
use hale_model::text::bytes;

use super::culprit;

/// Processes that are named one by one.
const NAMED_MAX: usize = 3;

/// How much surer or less sure of the whole cause: a name that is likely, not known.
const LIKELY: f64 = 0.8;

/// What can be said, with a space before it, and the factor by which it lowers the confidence.
pub(super) fn told(alert: &Alert, snapshot: &Snapshot) -> (String, f64) {
    let Some(mount) = mount_of(alert, snapshot) else { return (String::new(), 1.0) };
    let looked = snapshot.writers.iter().find(|looked| looked.mount_point == mount.mount_point);
    let Some(looked) = looked else { return (String::new(), 1.0) };
    let has_open = |p: &&Process| looked.processes.iter().any(|writer| p.is(writer));
    let by_hale = looked
        .processes
        .iter()
        .any(|writer| snapshot.own_pids.contains(&writer.pid) && snapshot.find(writer).is_some());
    let mut open: Vec<&Process> = culprit::candidates(snapshot).filter(has_open).collect();
    // Memory is not written to a block device: the kernel counts nothing.
    let rate = |p: &Process| match mount.fs_type.as_str() {
        "tmpfs" | "ramfs" => 0.0,
        _ => p.write_bytes_per_sec.unwrap_or(0.0),
    };
    open.sort_by(|a, b| rate(b).total_cmp(&rate(a)).then(a.pid.cmp(&b.pid)));
    match open.as_slice() {
        [] => (nobody(looked.all_seen, by_hale), 1.0),
        [only] if rate(only) >= 1.0 && looked.all_seen => (writes_most(only, rate(only)), 1.0),
        [first, ..] if rate(first) >= 1.0 => (writes_most(first, rate(first)), LIKELY),
        several => (open_by(several), LIKELY),
    }
}

fn mount_of<'a>(alert: &Alert, snapshot: &'a Snapshot) -> Option<&'a Mount> {
    let Subject::Mount { mount_point } = &alert.subject else { return None };
    snapshot.mounts.iter().find(|mount| mount.mount_point == *mount_point)
}

fn nobody(all_seen: bool, by_hale: bool) -> String {
    let but = if by_hale { " but hale" } else { "" };
    if all_seen {
        format!(" No running process{but} has a file open for writing there now.")
    } else {
        format!(" No process{but} that hale can look into has a file open for writing there now.")
    }
}

fn writes_most(process: &Process, rate: f64) -> String {
    let who = process.proc_ref();
    format!(" Most is written by {who}, which has a file open there: {}/s now.", bytes(rate as u64))
}

fn open_by(processes: &[&Process]) -> String {
    let mut names: Vec<String> =
        processes.iter().take(NAMED_MAX).map(|p| p.proc_ref().to_string()).collect();
    if processes.len() > NAMED_MAX {
        names.push(format!("{} more", processes.len() - NAMED_MAX));
    }
    let has = if processes.len() == 1 { "has a file" } else { "have files" };
    format!(" {} {has} open for writing there now.", names.join(", "))
}
