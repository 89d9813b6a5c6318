//! How often hale may act alone. Beyond these a person is asked; what people ask for or approve is
//! not limited.

use hale_model::Timestamp;
use hale_model::action::{ActionKind, ActionRecord, ActionState, Actor, Reason};
use hale_model::alert::AlertKind;
use hale_model::text::duration;

use super::{GuardInput, reason};

/// The window of every limit here.
const WINDOW_SECS: i64 = 3600;

/// A cure that has to be repeated this often within the window does not cure.
const MAX_REPEATS_PER_WINDOW: usize = 3;

/// The same trouble of the same target, so soon after a verified cure, says that the cure did not hold:
/// it is not repeated, whoever reports it.
const RELAPSE_SECS: i64 = 1800;

/// Whether this was a verified cure that should have lasted until `now`, for the same kind of trouble.
/// Older than that, it has held.
pub fn is_recent_cure(record: &ActionRecord, kind: &AlertKind, now: Timestamp) -> bool {
    record.state == ActionState::Succeeded
        && record.alert_kind.as_ref() == Some(kind)
        && record
            .finished_at
            .is_some_and(|at| now.as_second().saturating_sub(at.as_second()) < RELAPSE_SECS)
}

/// What has its target begin anew. The end of a process and room on a disk do not fail to hold because
/// others come later.
fn brings_back(kind: ActionKind) -> bool {
    match kind {
        ActionKind::ServiceRestart
        | ActionKind::ServiceStart
        | ActionKind::ContainerRestart
        | ActionKind::ContainerStart
        | ActionKind::ContainerSetMemory
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback => true,
        ActionKind::ProcessKill
        | ActionKind::ProcessPause
        | ActionKind::ProcessRenice
        | ActionKind::ServiceStop
        | ActionKind::ContainerStop
        | ActionKind::MemoryDropCaches
        | ActionKind::DiskClean
        | ActionKind::K8sScale
        | ActionKind::CommandRun
        | ActionKind::Notify => false,
    }
}

fn relapsed(input: &GuardInput<'_>, same: &[&ActionRecord]) -> Option<Reason> {
    if !brings_back(input.action.kind()) {
        return None;
    }
    let kind = input.alert_kind?;
    let cure = same.iter().rev().find(|record| is_recent_cure(record, kind, input.now))?;
    let since = input.now.as_second().saturating_sub(cure.finished_at?.as_second());
    let text = format!(
        "the same was done to {} {} ago and verified, and {kind} is back: that cure did not hold",
        input.action.target(),
        duration(u64::try_from(since).unwrap_or(0))
    );
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

    let keys = input.action.target_keys();
    let same: Vec<&ActionRecord> = ours
        .iter()
        .copied()
        .filter(|r| r.step.action.kind() == input.action.kind())
        .filter(|r| r.step.action.target_keys().iter().any(|key| keys.contains(key)))
        .collect();
    if let Some(reason) = relapsed(input, &same) {
        return Some(reason);
    }
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
