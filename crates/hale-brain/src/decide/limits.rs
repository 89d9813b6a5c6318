//! How often hale may act alone. Beyond these a person is asked; what people ask for or approve is
//! not limited.

use hale_model::Timestamp;
use hale_model::action::{Action, ActionKind, ActionRecord, ActionState, Actor, Reason};
use hale_model::text::duration;

use super::{GuardInput, reason};

/// The window of every limit here.
const WINDOW_SECS: i64 = 3600;

/// A cure that has to be repeated this often within the window does not cure.
const MAX_REPEATS_PER_WINDOW: usize = 3;

/// Whether this was a verified cure that should have lasted until `now` (`[autonomy] relapse_secs`). Older
/// than that, it has held.
pub fn is_recent_cure(record: &ActionRecord, now: Timestamp, relapse_secs: u64) -> bool {
    let age_secs = |at: Timestamp| now.as_second().saturating_sub(at.as_second());
    let is_recent = |at| age_secs(at) < i64::try_from(relapse_secs).unwrap_or(i64::MAX);
    record.state == ActionState::Succeeded
        && record.alert_kind.is_some()
        && record.finished_at.is_some_and(is_recent)
}

/// The verified cure that this action would repeat, where that should have lasted until `now`: what has
/// the same target begin anew, for whatever trouble and whoever reported it.
pub fn recent_cure<'a>(
    action: &Action,
    records: impl DoubleEndedIterator<Item = &'a ActionRecord>,
    now: Timestamp,
    relapse_secs: u64,
) -> Option<&'a ActionRecord> {
    let kind = brings_back(action.kind())?;
    let keys = action.target_keys();
    // A container that was made anew under its name is the same to whoever looks after it.
    let name = action.container().map(|container| &container.name);
    let repeats = |done: &Action| {
        brings_back(done.kind()) == Some(kind)
            && (done.target_keys().iter().any(|key| keys.contains(key))
                || name.is_some() && done.container().map(|container| &container.name) == name)
    };
    let is_it = |record: &&ActionRecord| {
        repeats(&record.step.action) && is_recent_cure(record, now, relapse_secs)
    };
    records.rev().find(is_it)
}

/// What has its target begin anew: a start is to what is down what a restart is to what runs. The end of
/// a process and room on a disk do not fail to hold because others come later.
fn brings_back(kind: ActionKind) -> Option<ActionKind> {
    match kind {
        ActionKind::ServiceRestart | ActionKind::ServiceStart => Some(ActionKind::ServiceRestart),
        ActionKind::ContainerRestart | ActionKind::ContainerStart => {
            Some(ActionKind::ContainerRestart)
        }
        ActionKind::ContainerSetMemory
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback => Some(kind),
        ActionKind::ProcessKill
        | ActionKind::ProcessPause
        | ActionKind::ProcessRenice
        | ActionKind::ServiceStop
        | ActionKind::ContainerStop
        | ActionKind::MemoryDropCaches
        | ActionKind::DiskClean
        | ActionKind::K8sScale
        | ActionKind::CommandRun
        | ActionKind::Notify => None,
    }
}

fn relapsed(input: &GuardInput<'_>, ours: &[&ActionRecord]) -> Option<Reason> {
    let kind = input.alert_kind?;
    let relapse_secs = input.config.autonomy.relapse_secs;
    let cure = recent_cure(input.action, ours.iter().copied(), input.now, relapse_secs)?;
    let since = input.now.as_second().saturating_sub(cure.finished_at?.as_second());
    let (target, ago) = (input.action.target(), duration(u64::try_from(since).unwrap_or(0)));
    let text = match cure.alert_kind.as_ref().filter(|before| *before != kind) {
        None => format!(
            "the same was done to {target} {ago} ago and verified, and {kind} is back: that cure did not hold"
        ),
        Some(before) => format!(
            "the same was done to {target} {ago} ago for {before} and verified, and now it is {kind}: \
             that cure did not hold"
        ),
    };
    Some(reason("guard.relapsed", text))
}

/// The limit that this action would exceed.
pub(super) fn exceeded(input: &GuardInput<'_>) -> Option<Reason> {
    let since = input.now.as_second().saturating_sub(WINDOW_SECS);
    let touched_at = |r: &ActionRecord| -> Option<Timestamp> { r.intended_at };
    let ours: Vec<&ActionRecord> = input
        .recent
        .iter()
        .filter(|r| matches!(r.requested_by, Actor::Hale | Actor::Model))
        .filter(|r| touched_at(r).is_some_and(|at| at.as_second() > since))
        .collect();

    let limit = input.config.autonomy.max_actions_per_hour;
    if ours.len() >= limit as usize {
        let text = format!(
            "{} actions in the last 60 minutes; [autonomy] max_actions_per_hour = {limit}",
            ours.len()
        );
        return Some(reason("guard.rate_limit", text));
    }

    if let Some(reason) = relapsed(input, &ours) {
        return Some(reason);
    }
    let keys = input.action.target_keys();
    let same: Vec<&ActionRecord> = ours
        .iter()
        .copied()
        .filter(|r| r.step.action.kind() == input.action.kind())
        .filter(|r| r.step.action.target_keys().iter().any(|key| keys.contains(key)))
        .collect();
    if same.len() >= MAX_REPEATS_PER_WINDOW {
        let text = format!(
            "done {} times to {} in the last 60 minutes: it does not last",
            same.len(),
            input.action.target()
        );
        return Some(reason("guard.repeated", text));
    }
    let failed = same.iter().find(|r| match r.state {
        ActionState::Failed | ActionState::Undone | ActionState::Unknown => true,
        ActionState::Planned
        | ActionState::AwaitingApproval
        | ActionState::Refused
        | ActionState::Intended
        | ActionState::Running
        | ActionState::Succeeded => false,
    });
    failed.map(|r| {
        let text = format!(
            "the same was done to {} in the last 60 minutes and ended {}",
            input.action.target(),
            r.state.as_str()
        );
        reason("guard.failed_before", text)
    })
}
