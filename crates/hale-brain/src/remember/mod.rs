//! What is learned: which action cured which symptom on which class of target, and what hale may
//! therefore do alone.
//!
//! Trust is earned slowly and lost at once: it takes so many approved and verified successes as
//! `[autonomy] earn_after` says, and as many failures in a row as `demote_after` says (one), or a
//! person who puts the action back, takes all of it away. From then on it has to be earned from the
//! start. What is not used for long counts less and less (`lesson_half_life_days`).

mod class;
mod merge;
mod recall;
mod shipped;

use hale_model::Timestamp;
use hale_model::action::{ActionKind, ActionRecord, ActionState, Outcome};
use hale_model::alert::AlertKind;
use hale_model::config::Autonomy;
use hale_model::lesson::Lesson;

pub use class::target_class;
pub use merge::merged;
pub use recall::{
    KNOWN_RELIABILITY_MIN, Recalled, Signature, Symptom, by_signature, fenced, has_lapsed,
    is_known, is_vetoed, nearest, rank, reliability, seen_before, subject_class,
};
pub use shipped::shipped;

/// What one finished action taught.
#[derive(Clone, Debug, PartialEq)]
pub struct LessonChange {
    /// The lesson as it is now.
    pub lesson: Lesson,
    /// Whether trust rose: an approved success was counted.
    pub promoted: bool,
    /// Whether trust fell: it was withdrawn.
    pub demoted: bool,
    /// Whether it speaks against the cure, even if that did not yet take trust away.
    pub failed: bool,
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
    if record.outcome.as_ref().is_some_and(Outcome::changed_nothing) {
        return None;
    }
    let verified = record.verification.as_ref().map(|v| v.verified);
    let by_person = record.requested_by.is_person();
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

/// A finished action, and what it was done about.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// What was done, and what was seen afterwards.
    pub record: &'a ActionRecord,
    /// The class of its target when it began.
    pub target_class: &'a str,
    /// What it was done about, as it was when it began; none where that is not known any more.
    pub symptom: Option<&'a Symptom>,
    /// When it ended.
    pub now: Timestamp,
}

/// Counts a finished action. None if it teaches nothing: it treated no alert, was never done, or
/// its effect was never seen.
pub fn learn(
    lessons: &mut Vec<Lesson>,
    used: &Use<'_>,
    autonomy: &Autonomy,
) -> Option<LessonChange> {
    let alert_kind = used.record.alert_kind.clone()?;
    let action_kind = used.record.step.action.kind();
    if action_kind == ActionKind::Notify {
        return None;
    }
    let teaching = teaching(used.record)?;
    let fresh = Lesson::new(alert_kind, action_kind, used.target_class, used.now);
    let at = lessons.iter().position(|l| l.same_key(&fresh)).unwrap_or_else(|| {
        lessons.push(fresh);
        lessons.len() - 1
    });
    let lesson = lessons.get_mut(at)?;
    lesson.last_at = used.now;
    let mut change = apply(lesson, teaching, used.now, autonomy);
    if !change.failed {
        keep_signature(lesson, used);
    }
    change.lesson = lesson.clone();
    Some(change)
}

/// What a cure is remembered by is what it cured last.
fn keep_signature(lesson: &mut Lesson, used: &Use<'_>) {
    if let Some(Symptom { signature, summary }) = used.symptom {
        lesson.subject_class = Some(signature.subject_class.clone());
        lesson.cause_kind.clone_from(&signature.cause_kind);
        lesson.summary = Some(summary.clone());
    }
    if used.record.incident_id.is_some() {
        lesson.incident_id.clone_from(&used.record.incident_id);
    }
}

fn apply(
    lesson: &mut Lesson,
    teaching: Teaching,
    now: Timestamp,
    autonomy: &Autonomy,
) -> LessonChange {
    match teaching {
        Teaching::Success { approved } => {
            lesson.successes = lesson.successes.saturating_add(1);
            lesson.failures_in_a_row = 0;
            lesson.last_success_at = Some(now);
            if !approved {
                let why = format!("verified, {} times by now", lesson.successes);
                return LessonChange::neutral(lesson, why);
            }
            // Approved successes count from the last failure on: that one set them to zero.
            lesson.approved_successes = lesson.approved_successes.saturating_add(1);
            lesson.withdrawn = None;
            let times = lesson.approved_successes;
            let why = format!("approved and verified, {times} times in a row");
            LessonChange { promoted: true, ..LessonChange::neutral(lesson, why) }
        }
        Teaching::Failure { why } => {
            lesson.failures = lesson.failures.saturating_add(1);
            lesson.failures_in_a_row = lesson.failures_in_a_row.saturating_add(1);
            let allowed = autonomy.demote_after.max(1);
            if lesson.failures_in_a_row >= allowed {
                return withdraw(lesson, why);
            }
            let why = format!("{why} (failure {} of {allowed} in a row)", lesson.failures_in_a_row);
            LessonChange { failed: true, ..LessonChange::neutral(lesson, why) }
        }
        Teaching::TakenBack { why } => withdraw(lesson, why),
    }
}

impl LessonChange {
    fn neutral(lesson: &Lesson, why: String) -> Self {
        LessonChange { lesson: lesson.clone(), promoted: false, demoted: false, failed: false, why }
    }
}

fn withdraw(lesson: &mut Lesson, why: String) -> LessonChange {
    let had_trust = lesson.withdrawn.is_none();
    lesson.approved_successes = 0;
    // The reason is shown and kept: it holds what was observed, which is the machine's own words.
    lesson.withdrawn = Some(recall::kept_words(&why));
    LessonChange { demoted: had_trust, failed: true, ..LessonChange::neutral(lesson, why) }
}
