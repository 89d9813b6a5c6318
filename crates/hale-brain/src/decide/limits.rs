//! How often hale may act alone. Beyond these a person is asked; what people ask for or approve is
//! not limited.

use hale_model::Timestamp;
use hale_model::action::{ActionRecord, ActionState, Actor, Reason};

use super::{GuardInput, reason};

/// The window of every limit here.
const WINDOW_SECS: i64 = 3600;

/// A cure that has to be repeated this often within the window does not cure.
const MAX_REPEATS_PER_WINDOW: usize = 3;

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
    let same: Vec<&&ActionRecord> = ours
        .iter()
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
