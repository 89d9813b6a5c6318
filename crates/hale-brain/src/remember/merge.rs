//! Lessons of another machine: what an import may change, and what it may not.
//!
//! Nobody can give trust away. What comes in counts as foreign: it orders what is proposed and is
//! told to people, and it never lets hale act alone. Nothing is counted twice, so that taking the
//! same file in again, or getting one's own lessons back, changes nothing.

use hale_model::knowledge::ExportedLesson;
use hale_model::lesson::Lesson;

/// The lesson as it is once `incoming` was taken in.
pub fn merged(known: Option<&Lesson>, incoming: &ExportedLesson) -> Lesson {
    let mut lesson = known.cloned().unwrap_or_else(|| {
        Lesson::new(
            incoming.alert_kind.clone(),
            incoming.action_kind,
            &incoming.target_class,
            incoming.last_at,
        )
    });
    let has_own_record = lesson.successes > 0 || lesson.failures > 0;
    // The other machine's totals hold what it once got from here.
    let more = |theirs: u32, own: u32, foreign: u32| foreign.max(theirs.saturating_sub(own));
    lesson.foreign_successes = more(incoming.successes, lesson.successes, lesson.foreign_successes);
    lesson.foreign_failures = more(incoming.failures, lesson.failures, lesson.foreign_failures);
    // A lesson of an older hale says only when it was used last: that must not grow younger.
    if lesson.successes > 0 && lesson.last_success_at.is_none() {
        lesson.last_success_at = Some(lesson.last_at);
    }
    lesson.last_at = lesson.last_at.max(incoming.last_at);
    // What was seen here stands over what others say, in both directions.
    if !has_own_record && lesson.withdrawn.is_none() {
        lesson.withdrawn.clone_from(&incoming.withdrawn);
    }
    let fill = |own: &mut Option<String>, theirs: &Option<String>| {
        if own.is_none() {
            own.clone_from(theirs);
        }
    };
    fill(&mut lesson.subject_class, &incoming.subject_class);
    fill(&mut lesson.cause_kind, &incoming.cause_kind);
    fill(&mut lesson.summary, &incoming.summary);
    lesson
}
