//! What one snapshot says about a container, and about an answer over the network.

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::container::{
    Container, ContainerHealth, ContainerRef, ContainerState, ProbeTarget,
};
use hale_model::snapshot::Snapshot;
use hale_model::text::bytes;

use super::condition::{Seen, so};

/// The run of each container that was first seen after the action, with its automatic restarts.
pub(super) type FirstRuns = BTreeMap<String, (Option<Timestamp>, u32)>;

/// The container, or, where it was made anew under the same name meanwhile, that one.
fn find<'a>(snapshot: &'a Snapshot, wanted: &ContainerRef) -> Option<&'a Container> {
    snapshot.container(&wanted.id, &wanted.name).or_else(|| snapshot.container("", &wanted.name))
}

fn gone(wanted: &ContainerRef) -> (Seen, String) {
    (Seen::Broken, format!("there is no container {wanted}"))
}

/// It runs, and not the run that had to end.
pub(super) fn running(snapshot: &Snapshot, wanted: &ContainerRef) -> (Seen, String) {
    let Some(Container { stat, .. }) = find(snapshot, wanted) else { return gone(wanted) };
    let old_run =
        stat.id == wanted.id && wanted.started_at.is_some() && stat.started_at == wanted.started_at;
    if stat.state == ContainerState::Running && old_run {
        return (Seen::Broken, format!("container {wanted} is still in its old run"));
    }
    let ended = stat.exit_code.filter(|_| stat.state == ContainerState::Exited);
    let how = ended.map(|code| format!(" with status {code}")).unwrap_or_default();
    (
        so(stat.state == ContainerState::Running),
        format!("container {wanted} is {}{how}", stat.state),
    )
}

/// It does not run.
pub(super) fn stopped(snapshot: &Snapshot, wanted: &ContainerRef) -> (Seen, String) {
    match snapshot.container(&wanted.id, &wanted.name) {
        Some(Container { stat, .. }) => {
            let rests = matches!(
                stat.state,
                ContainerState::Exited | ContainerState::Created | ContainerState::Dead
            );
            (so(rests), format!("container {wanted} is {}", stat.state))
        }
        None => (Seen::Holds, format!("there is no container {wanted} any more")),
    }
}

/// Its health check passes. One that only starts is not yet well, and not yet ill.
pub(super) fn healthy(snapshot: &Snapshot, wanted: &ContainerRef) -> (Seen, String) {
    let Some(Container { stat, .. }) = find(snapshot, wanted) else { return gone(wanted) };
    let runs = stat.state == ContainerState::Running;
    match stat.health {
        Some(health) => {
            let new_run = wanted.started_at.is_some() && stat.started_at != wanted.started_at;
            let seen = if runs && new_run && health == ContainerHealth::Unhealthy {
                // As often as it may fail it has, in the run that was to be well.
                Seen::Failed
            } else {
                so(runs && health == ContainerHealth::Healthy)
            };
            (seen, format!("the health check of container {wanted} says {health}"))
        }
        None => (so(runs), format!("container {wanted} has no health check and is {}", stat.state)),
    }
}

/// It did not start once more since it was first seen after the action.
pub(super) fn steady(
    snapshot: &Snapshot,
    wanted: &ContainerRef,
    first: &mut FirstRuns,
) -> (Seen, String) {
    let Some(Container { stat, .. }) = find(snapshot, wanted) else { return gone(wanted) };
    if stat.state != ContainerState::Running {
        return (Seen::Broken, format!("container {wanted} is {}", stat.state));
    }
    let now = (stat.started_at, stat.restart_count);
    let seen = first.entry(wanted.name.clone()).or_insert(now);
    let text = format!("container {wanted} restarted by itself {} times", stat.restart_count);
    // What it is told to count it does not count back.
    (if *seen == now { Seen::Holds } else { Seen::Failed }, text)
}

/// Its limit is this.
pub(super) fn memory_limit(
    snapshot: &Snapshot,
    wanted: &ContainerRef,
    limit_bytes: u64,
) -> (Seen, String) {
    let Some(Container { stat, .. }) = find(snapshot, wanted) else { return gone(wanted) };
    let has = stat.memory_limit_bytes.map_or_else(|| "none".to_owned(), bytes);
    (
        so(stat.memory_limit_bytes == Some(limit_bytes)),
        format!("the memory limit of container {wanted} is {has}"),
    )
}

/// What was answered since the action ended.
pub(super) fn probed(
    snapshot: &Snapshot,
    target: &ProbeTarget,
    ended_at_ns: u64,
) -> (Seen, String) {
    match snapshot.probe(target) {
        Some(probe) if probe.asked_at_boottime_ns > ended_at_ns => {
            (so(probe.ok), format!("{target}: {}", probe.text))
        }
        Some(_) | None => (Seen::Unknown, format!("{target} was not asked yet")),
    }
}
