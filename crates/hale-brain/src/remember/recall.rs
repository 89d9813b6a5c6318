//! Recall: what is known about a symptom, and how much it counts by now.
//!
//! The surest way comes first: the same signature (alert kind, class of subject, cause), then the
//! same words, then a near meaning. Within one way the more reliable comes first.

use std::cmp::Ordering;

use hale_model::Timestamp;
use hale_model::alert::{Alert, AlertKind, Subject};
use hale_model::config::Autonomy;
use hale_model::knowledge::{RecalledBy, RunbookRef};
use hale_model::lesson::Lesson;
use hale_model::snapshot::Snapshot;
use hale_model::text::{printable, shorten};

use super::class::{bounded, process_class};

/// How reliable (0..1) a lesson has to be to count as the known cure: one verified success counts
/// for one half-life, three for two and a half.
pub const KNOWN_RELIABILITY_MIN: f64 = 0.6;
/// What happened on another machine counts for so much of what happened here.
const FOREIGN_WEIGHT: f64 = 0.5;
/// Half-lives without a verified use after which the right to act alone sleeps.
const LAPSE_HALF_LIVES: f64 = 2.0;
/// Failures of a cure, without as many successes, after which it is not proposed any more.
const FAILURES_TO_VETO: u32 = 2;
/// Bytes of a symptom's words that a lesson keeps.
const SUMMARY_BYTES_MAX: usize = 300;
/// Bytes of a class in a sentence.
const SHOWN_CLASS_BYTES_MAX: usize = 80;
const SECS_PER_DAY: f64 = 86_400.0;

/// What makes two occurrences the same trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What kind of alert.
    pub alert_kind: AlertKind,
    /// About what class of thing.
    pub subject_class: String,
    /// From which cause, if it was diagnosed.
    pub cause_kind: Option<String>,
}

impl Signature {
    /// The signature of an alert.
    pub fn of(alert: &Alert, cause_kind: Option<&str>, snapshot: &Snapshot) -> Signature {
        Signature {
            alert_kind: alert.kind.clone(),
            subject_class: subject_class(&alert.subject, snapshot),
            cause_kind: cause_kind.map(ToOwned::to_owned),
        }
    }

    /// Whether a lesson was learned from this trouble. What a lesson does not say (an older one says
    /// neither class nor cause) does not speak against it.
    pub fn fits(&self, lesson: &Lesson) -> bool {
        let same = |known: &Option<String>, now: &str| known.as_deref().is_none_or(|k| k == now);
        lesson.alert_kind == self.alert_kind
            && same(&lesson.subject_class, &self.subject_class)
            && self.cause_kind.as_deref().is_none_or(|cause| same(&lesson.cause_kind, cause))
    }
}

/// What stays the same of an alert's subject from one occurrence to the next.
pub fn subject_class(subject: &Subject, snapshot: &Snapshot) -> String {
    match subject {
        Subject::Machine => "machine".to_owned(),
        Subject::Process { process } => process_class(process, snapshot),
        Subject::ProcessGroup { group_key, members, .. } => match members.first() {
            Some(first) => process_class(first, snapshot),
            None => bounded(group_key),
        },
        Subject::Unit { unit } => bounded(unit),
        Subject::Mount { mount_point } => bounded(mount_point),
        Subject::Sensor { label } => bounded(label),
        Subject::Metric { metric } => bounded(metric),
        Subject::Journal { origin, template } => bounded(&format!("{origin}: {template}")),
        Subject::Container { name, .. } => bounded(&format!("container {name}")),
        Subject::Service { service } => bounded(&format!("service {service}")),
        Subject::Workload { namespace, kind, name } => {
            bounded(&format!("{kind} {namespace}/{name}"))
        }
        Subject::Source { source } => source.to_string(),
    }
}

/// A trouble as a lesson keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symptom {
    /// What it is compared by.
    pub signature: Signature,
    /// In words, for people and for searching.
    pub summary: String,
}

impl Symptom {
    /// What this alert shows.
    pub fn of(alert: &Alert, cause_kind: Option<&str>, snapshot: &Snapshot) -> Symptom {
        Symptom {
            signature: Signature::of(alert, cause_kind, snapshot),
            summary: kept_words(&alert.summary),
        }
    }
}

/// Words from the machine as a lesson keeps them: one line, of bounded length, nothing in it that a
/// terminal obeys. They stay data: whoever shows them to a model fences them.
pub(super) fn kept_words(text: &str) -> String {
    shorten(&printable(text), SUMMARY_BYTES_MAX)
}

/// How much of an experience of this age still counts, 0..1. `half_life_days` 0: all of it.
fn weight(at: Timestamp, now: Timestamp, half_life_days: u32) -> f64 {
    if half_life_days == 0 {
        return 1.0;
    }
    0.5_f64.powf(age_days(at, now) / f64::from(half_life_days))
}

fn age_days(at: Timestamp, now: Timestamp) -> f64 {
    (now.duration_since(at).as_secs_f64() / SECS_PER_DAY).max(0.0)
}

/// How likely the cure is to work again, 0..1, from its record and its age: a half where nothing is
/// known or all is long ago (Laplace's rule of succession over decayed counts).
pub fn reliability(lesson: &Lesson, now: Timestamp, autonomy: &Autonomy) -> f64 {
    let weighed = |at| weight(at, now, autonomy.lesson_half_life_days);
    let verified = weighed(lesson.last_success_at.unwrap_or(lesson.last_at));
    let used = weighed(lesson.last_at);
    let successes = f64::from(lesson.successes) * verified
        + f64::from(lesson.foreign_successes) * FOREIGN_WEIGHT * used;
    let failures = f64::from(lesson.failures) * used
        + f64::from(lesson.foreign_failures) * FOREIGN_WEIGHT * used;
    (successes + 1.0) / (successes + failures + 2.0)
}

/// Whether this is the known cure: it has worked, nothing speaks against it, and it is not long ago.
pub fn is_known(lesson: &Lesson, now: Timestamp, autonomy: &Autonomy) -> bool {
    lesson.withdrawn.is_none()
        && lesson.successes.saturating_add(lesson.foreign_successes) > 0
        && reliability(lesson, now, autonomy) >= KNOWN_RELIABILITY_MIN
}

/// Whether so much time has passed without a verified use that the right to act alone sleeps; the
/// next approved success wakes it.
pub fn has_lapsed(lesson: &Lesson, now: Timestamp, autonomy: &Autonomy) -> bool {
    let half_life = f64::from(autonomy.lesson_half_life_days);
    let last = lesson.last_success_at.unwrap_or(lesson.last_at);
    half_life > 0.0 && age_days(last, now) > LAPSE_HALF_LIVES * half_life
}

/// Whether it was tried in vain so often that it is not proposed any more.
pub fn is_vetoed(lesson: &Lesson) -> bool {
    lesson.failures >= FAILURES_TO_VETO && lesson.failures > lesson.successes
}

/// The lessons learned from this trouble that still hold, the most reliable first.
pub fn by_signature<'a>(
    lessons: &'a [Lesson],
    signature: &Signature,
    now: Timestamp,
    autonomy: &Autonomy,
) -> Vec<&'a Lesson> {
    let holds = |l: &&Lesson| signature.fits(l) && !is_vetoed(l) && is_known(l, now, autonomy);
    let mut found: Vec<&Lesson> = lessons.iter().filter(holds).collect();
    found.sort_by(|a, b| by_reliability(a, b, now, autonomy));
    found
}

fn by_reliability(a: &Lesson, b: &Lesson, now: Timestamp, autonomy: &Autonomy) -> Ordering {
    reliability(b, now, autonomy)
        .total_cmp(&reliability(a, now, autonomy))
        .then_with(|| b.last_at.cmp(&a.last_at))
        .then_with(|| a.id().cmp(&b.id()))
}

/// `seen before: cured 3 times by service.restart on web.service, last 2026-03-01T10:00:00Z`
pub fn seen_before(lesson: &Lesson) -> String {
    let here = lesson.successes;
    let (times, place) =
        if here > 0 { (here, "") } else { (lesson.foreign_successes, " on another machine") };
    let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    let class = shorten(&printable(&lesson.target_class), SHOWN_CLASS_BYTES_MAX);
    let last = lesson.last_success_at.unwrap_or(lesson.last_at).strftime("%Y-%m-%dT%H:%M:%SZ");
    let failed = match lesson.failures.saturating_add(lesson.foreign_failures) {
        0 => String::new(),
        1 => "; failed once".to_owned(),
        n => format!("; failed {n} times"),
    };
    format!(
        "seen before: cured {often}{place} by {} on {class}, last {last}{failed}",
        lesson.action_kind
    )
}

/// One thing recalled.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// What.
    pub found: RunbookRef,
    /// The surest way in which it was found.
    pub by: RecalledBy,
    /// How well it fits by that way; comparable within one way only.
    pub score: f64,
}

/// Puts together what the three ways found, each already in its own order, best first: signature
/// before words before meaning, nothing twice, at most so many.
pub fn rank(
    by_signature: &[(RunbookRef, f64)],
    by_text: &[(RunbookRef, f64)],
    by_meaning: &[(RunbookRef, f64)],
    limit: usize,
) -> Vec<Recalled> {
    let ways = [
        (RecalledBy::Signature, by_signature),
        (RecalledBy::Text, by_text),
        (RecalledBy::Meaning, by_meaning),
    ];
    let mut seen = std::collections::HashSet::new();
    let mut ranked = Vec::new();
    for (by, found) in ways {
        for (found, score) in found {
            if ranked.len() < limit && seen.insert(found) {
                ranked.push(Recalled { found: found.clone(), by, score: *score });
            }
        }
    }
    ranked
}

/// The vectors nearest to the query by cosine, nearest first. A vector of another length, of
/// length zero or with a value that is no number is left out.
pub fn nearest<K: Clone>(query: &[f32], vectors: &[(K, &[f32])], limit: usize) -> Vec<(K, f64)> {
    let Some(length) = norm(query) else { return Vec::new() };
    let mut found: Vec<(usize, f64)> = vectors
        .iter()
        .enumerate()
        .filter(|(_, (_, vector))| vector.len() == query.len())
        .filter_map(|(at, (_, vector))| {
            let dot: f32 = query.iter().zip(*vector).map(|(a, b)| a * b).sum();
            let cosine = f64::from(dot) / (length * norm(vector)?);
            cosine.is_finite().then_some((at, cosine))
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found.truncate(limit);
    found.into_iter().map(|(at, cosine)| (vectors[at].0.clone(), cosine)).collect()
}

/// Euclidean length; none for nothing and for what is no number.
fn norm(vector: &[f32]) -> Option<f64> {
    let square: f32 = vector.iter().map(|n| n * n).sum();
    let length = f64::from(square).sqrt();
    (length.is_finite() && length > 0.0).then_some(length)
}

/// Text of a runbook for a model: every line behind a mark that the text cannot remove, so that
/// nothing in it can pass for anything else than what was stored.
pub fn fenced(text: &str, limit_bytes: usize) -> String {
    let cut = shorten(text, limit_bytes);
    cut.lines().map(|line| format!("| {}\n", printable(line))).collect()
}
