//! What one snapshot says about a condition on a Kubernetes workload.

use hale_model::snapshot::Snapshot;
use hale_model::workload::{Workload, WorkloadRef};

use super::condition::{Seen, so};

/// The workload that was meant; why it cannot be seen.
fn same<'a>(snapshot: &'a Snapshot, wanted: &WorkloadRef) -> Result<&'a Workload, (Seen, String)> {
    match snapshot.workload(wanted) {
        Some(now) if now.workload.uid == wanted.uid => Ok(now),
        Some(_) => Err((Seen::Broken, format!("{wanted} was deleted and made anew"))),
        None => Err((Seen::Broken, format!("{wanted} is gone"))),
    }
}

fn counts(now: &Workload) -> String {
    let stuck = now.stuck.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    format!(
        "{}: {} of {} pods updated, {} available, {} in all{stuck}",
        now.workload, now.updated, now.wanted, now.available, now.existing
    )
}

/// A specification newer than the one that was judged is rolled out.
pub(super) fn rolled_out(snapshot: &Snapshot, judged: &WorkloadRef) -> (Seen, String) {
    match same(snapshot, judged) {
        Ok(now) => {
            let newer = now.workload.generation > judged.generation;
            (so(newer && now.is_rolled_out()), counts(now))
        }
        Err(seen) => seen,
    }
}

/// So many pods are wanted, and all of them are available.
pub(super) fn has_replicas(
    snapshot: &Snapshot,
    judged: &WorkloadRef,
    replicas: u32,
) -> (Seen, String) {
    match same(snapshot, judged) {
        Ok(now) => (so(now.wanted == replicas && now.is_rolled_out()), counts(now)),
        Err(seen) => seen,
    }
}
