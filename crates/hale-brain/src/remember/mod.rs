//! What is learned: which action cured which symptom on which class of target, and what hale may
//! therefore do alone.
//!
//! Trust is earned slowly and lost at once: it takes so many approved and verified successes as
//! `[autonomy] earn_after` says, and one failure, or a person who puts the action back, takes all
//! of it away. From then on it has to be earned from the start.

mod class;

use hale_model::Timestamp;
use hale_model::action::{ActionKind, ActionRecord, ActionState, Actor};
use hale_model::alert::AlertKind;
use hale_model::lesson::Lesson;

pub use class::target_class;

/// What one finished action taught.
#[derive(Clone, Debug, PartialEq)]
pub struct LessonChange {
    /// The lesson as it is now.
    pub lesson: Lesson,
    /// Whether trust rose: an approved success was counted.
    pub promoted: bool,
    /// Whether trust fell: it was withdrawn.
    pub demoted: bool,
    /// In words.
    pub why: String,
}

impl LessonChange {
    /// Whether this very change earned the right to act alone.
    pub fn earns(&self, earn_after: u32) -> bool {
        self.promoted && earn_after > 0 && self.lesson.approved_successes == earn_after
    }
}

/// The lesson about this action for this symptom on this class of target.
pub fn find<'a>(
    lessons: &'a [Lesson],
    action: ActionKind,
    alert: &AlertKind,
    class: &str,
) -> Option<&'a Lesson> {
    lessons
        .iter()
        .find(|l| l.action_kind == action && l.alert_kind == *alert && l.target_class == class)
}

/// Whether experience lets hale do this alone. `earn_after` 0: never.
pub fn earned(
    lessons: &[Lesson],
    action: ActionKind,
    alert: &AlertKind,
    class: &str,
    earn_after: u32,
) -> bool {
    earn_after > 0
        && find(lessons, action, alert, class)
            .is_some_and(|l| l.withdrawn.is_none() && l.approved_successes >= earn_after)
}

/// What a finished action says about its cure.
enum Teaching {
    Success { approved: bool },
    Failure { why: String },
    TakenBack { why: String },
}

fn teaching(record: &ActionRecord) -> Option<Teaching> {
    let verified = record.verification.as_ref().map(|v| v.verified);
    let by_person = matches!(record.requested_by, Actor::User { .. });
    let approved =
        by_person || record.verdict.reasons.iter().any(|r| r.rule == crate::decide::APPROVED);
    let failure = || {
        let seen = record.verification.as_ref().map(|v| v.observations.join("; "));
        Teaching::Failure {
            why: format!("it did not cure on its last use: {}", seen.unwrap_or_default()),
        }
    };
    match (record.state, verified) {
        (ActionState::Succeeded, Some(true)) => Some(Teaching::Success { approved }),
        (ActionState::Failed | ActionState::Undone, Some(false)) => Some(failure()),
        (ActionState::Undone, Some(true)) => {
            Some(Teaching::TakenBack { why: "a person put it back after its last use".to_owned() })
        }
        // Never applied, or never looked at: it says nothing about the cure.
        (
            ActionState::Planned
            | ActionState::AwaitingApproval
            | ActionState::Refused
            | ActionState::Intended
            | ActionState::Running
            | ActionState::Succeeded
            | ActionState::Failed
            | ActionState::Undone
            | ActionState::Unknown,
            None | Some(true | false),
        ) => None,
    }
}

/// Counts a finished action. None if it teaches nothing: it treated no alert, was never done, or
/// its effect was never seen.
pub fn record(
    lessons: &mut Vec<Lesson>,
    record: &ActionRecord,
    target_class: &str,
    now: Timestamp,
) -> Option<LessonChange> {
    let alert_kind = record.alert_kind.clone()?;
    let action_kind = record.step.action.kind();
    if action_kind == ActionKind::Notify {
        return None;
    }
    let teaching = teaching(record)?;
    let at = lessons.iter().position(|l| {
        l.action_kind == action_kind && l.alert_kind == alert_kind && l.target_class == target_class
    });
    let at = at.unwrap_or_else(|| {
        lessons.push(Lesson {
            alert_kind,
            action_kind,
            target_class: target_class.to_owned(),
            successes: 0,
            approved_successes: 0,
            failures: 0,
            last_at: now,
            withdrawn: None,
        });
        lessons.len() - 1
    });
    let lesson = lessons.get_mut(at)?;
    lesson.last_at = now;
    let (promoted, demoted, why) = apply(lesson, teaching);
    Some(LessonChange { lesson: lesson.clone(), promoted, demoted, why })
}

fn apply(lesson: &mut Lesson, teaching: Teaching) -> (bool, bool, String) {
    match teaching {
        Teaching::Success { approved } => {
            lesson.successes = lesson.successes.saturating_add(1);
            if !approved {
                return (false, false, format!("verified, {} times by now", lesson.successes));
            }
            // Approved successes count from the last failure on: that one set them to zero.
            lesson.approved_successes = lesson.approved_successes.saturating_add(1);
            lesson.withdrawn = None;
            let times = lesson.approved_successes;
            (true, false, format!("approved and verified, {times} times in a row"))
        }
        Teaching::Failure { why } => {
            lesson.failures = lesson.failures.saturating_add(1);
            withdraw(lesson, why)
        }
        Teaching::TakenBack { why } => withdraw(lesson, why),
    }
}

fn withdraw(lesson: &mut Lesson, why: String) -> (bool, bool, String) {
    let had_trust = lesson.withdrawn.is_none();
    lesson.approved_successes = 0;
    lesson.withdrawn = Some(why.clone());
    (false, had_trust, why)
}
