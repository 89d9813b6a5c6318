//! A record as it was at a past moment. Records are overwritten as they change, so their state then
//! is told by the times they carry and by the timeline, which only grows.

use hale_model::Timestamp;
use hale_model::action::{ActionRecord, ActionState, Approval, ApprovalState, Decision};
use hale_model::alert::{Alert, AlertState};
use hale_model::incident::{Incident, IncidentState, TimelineEntry};

/// The alert as it was then; none: it had not begun. That it had been acknowledged is not recorded
/// with its time, so it counts as open until it closed.
pub fn alert_at(alert: &Alert, at: Timestamp) -> Option<Alert> {
    if alert.first_seen_at > at {
        return None;
    }
    let mut then = alert.clone();
    then.last_seen_at = then.last_seen_at.min(at);
    then.evidence.retain(|evidence| evidence.observed_at <= at);
    if alert.closed_at.is_none_or(|closed| closed > at) {
        then.closed_at = None;
        then.close_reason = None;
        if alert.state == AlertState::Closed {
            then.state = AlertState::Open;
        }
    }
    Some(then)
}

/// The approval as it was then; none: it had not been asked.
pub fn approval_at(approval: &Approval, at: Timestamp) -> Option<Approval> {
    if approval.created_at > at {
        return None;
    }
    let mut then = approval.clone();
    let is_decided = approval.decided_at.is_some_and(|decided| decided <= at);
    if !is_decided {
        then.decided_at = None;
        then.decided_by = None;
        then.why = None;
        then.state =
            if approval.expires_at <= at { ApprovalState::Expired } else { ApprovalState::Pending };
    }
    Some(then)
}

/// The incident, its actions and its timeline as they were then; none: it had not begun. `asked`: the
/// questions about its actions.
pub fn incident_at(
    incident: &Incident,
    actions: &[ActionRecord],
    asked: &[Approval],
    timeline: Vec<TimelineEntry>,
    at: Timestamp,
) -> Option<(Incident, Vec<ActionRecord>, Vec<TimelineEntry>)> {
    if incident.opened_at > at {
        return None;
    }
    let timeline: Vec<TimelineEntry> =
        timeline.into_iter().filter(|entry| entry.ts <= at).collect();
    let actions: Vec<ActionRecord> =
        actions.iter().filter_map(|a| action_at(a, asked, at)).collect();
    let mut then = incident.clone();
    if incident.closed_at.is_none_or(|closed| closed > at) {
        then.closed_at = None;
        then.state = state_by(&timeline, &actions);
    }
    if !timeline.iter().any(|entry| entry.kind == "diagnosis") {
        then.diagnosis = None;
    }
    Some((then, actions, timeline))
}

fn action_at(record: &ActionRecord, asked: &[Approval], at: Timestamp) -> Option<ActionRecord> {
    if record.created_at > at {
        return None;
    }
    let mut then = record.clone();
    if record.finished_at.is_some_and(|finished| finished <= at) {
        return Some(then);
    }
    then.finished_at = None;
    then.verification = None;
    then.note = None;
    let was_begun = record.intended_at.is_some_and(|intended| intended <= at);
    if was_begun {
        then.state = ActionState::Running;
    } else {
        then.intended_at = None;
        then.outcome = None;
        // The verdict is judged anew once a person said yes: the question tells what was then.
        let questions = asked.iter().filter(|question| question.action_id == record.id);
        let waits = match questions.clone().count() {
            0 => record.verdict.decision == Decision::Ask,
            _ => questions
                .filter_map(|question| approval_at(question, at))
                .any(|question| question.state == ApprovalState::Pending),
        };
        then.state = if waits { ActionState::AwaitingApproval } else { ActionState::Planned };
    }
    Some(then)
}

/// The state that the newest telling line of the timeline left the incident in.
fn state_by(timeline: &[TimelineEntry], actions: &[ActionRecord]) -> IncidentState {
    let waits = actions.iter().any(|a| a.state == ActionState::AwaitingApproval);
    let told = timeline.iter().rev().find_map(|entry| match entry.kind.as_str() {
        "intent" => Some(IncidentState::Acting),
        "outcome" => Some(IncidentState::Verifying),
        "escalated" => Some(IncidentState::Escalated),
        "verdict" | "approval" if waits => Some(IncidentState::AwaitingApproval),
        "diagnosis" | "recalled" | "verdict" | "approval" | "undone" | "verified" => {
            Some(IncidentState::Diagnosing)
        }
        _ => None,
    });
    told.unwrap_or(IncidentState::Open)
}
