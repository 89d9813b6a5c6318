//! The runbook: what was learned and what people wrote down, searched, shown, taken in.

use hale_brain::remember;
use hale_model::Timestamp;
use hale_model::action::Actor;
use hale_model::alert::AlertKind;
use hale_model::api::{ApiError, ErrorKind, View};
use hale_model::config::Autonomy;
use hale_model::knowledge::{
    ExportedLesson, Knowledge, KnowledgeOrigin, KnowledgeView, LessonView, Runbook,
    RunbookEntryView, RunbookHit, RunbookImported, RunbookRef, RunbookView, StoredKnowledge, Trust,
};
use hale_model::lesson::Lesson;
use hale_store::{RunbookRecord, State, StoreError};
use serde_json::json;

use crate::commands::not_found;
use crate::core::Core;
use crate::desk::Desk;
use crate::meaning::Near;
use crate::telemetry::store_error;

type Result<T> = std::result::Result<T, ApiError>;

/// Hits of a search that names no limit.
const HITS_DEFAULT: u32 = 20;
/// Hits of one search.
const HITS_MAX: u32 = 1000;
/// Problems of an import that are told at once.
const TOLD_PROBLEMS_MAX: usize = 10;
const EXCERPT_BYTES_MAX: usize = 160;

/// Puts the knowledge that is part of hale into the state database, if it is not there yet.
pub(crate) fn ship(state: &mut State) -> Result<()> {
    let shipped =
        remember::shipped().map_err(|e| ApiError::new(ErrorKind::Failed, e.to_string()))?;
    state.ship_knowledge(&shipped).map_err(store_error)
}

impl Desk {
    /// Reads the runbook. Where there is no file yet, or one that an older hale made, what can be
    /// known is put together in memory.
    fn library<T>(
        &self,
        read: impl FnOnce(&State) -> std::result::Result<T, StoreError>,
    ) -> Result<T> {
        let exists = self.files.state().exists();
        if exists && self.read(State::holds_knowledge)? {
            return self.read(read);
        }
        let lessons = if exists { self.read(State::lessons)? } else { Vec::new() };
        let mut memory = State::in_memory().map_err(store_error)?;
        ship(&mut memory)?;
        memory
            .atomically(|state| lessons.iter().try_for_each(|lesson| state.put_lesson(lesson)))
            .map_err(store_error)?;
        read(&memory).map_err(store_error)
    }

    pub(crate) fn runbook(&self, alert_kind: Option<&AlertKind>, limit: u32) -> Result<View> {
        let (mut lessons, mut knowledge) = match alert_kind {
            Some(kind) => {
                self.library(|s| Ok((s.lessons_about(kind)?, s.knowledge_about(kind)?)))?
            }
            None => self.library(|s| Ok((s.lessons()?, s.list_knowledge(limit)?)))?,
        };
        // The latest first: a list that is cut must not lose what was just learned.
        lessons.sort_by_key(|lesson| std::cmp::Reverse(lesson.last_at));
        if limit > 0 {
            lessons.truncate(limit as usize);
            knowledge.truncate(limit as usize);
        }
        let view = RunbookView {
            lessons: lessons.iter().map(|lesson| self.lesson_view(lesson)).collect(),
            knowledge: knowledge.iter().map(KnowledgeView::brief).collect(),
            hits: Vec::new(),
        };
        Ok(View::Runbook(Box::new(view)))
    }

    fn lesson_view(&self, lesson: &Lesson) -> LessonView {
        lesson_view(lesson, &self.settings.config.autonomy, Timestamp::now())
    }

    /// What fits: first what was learned from and written about this kind of alert, then what holds
    /// the words, then what is near in meaning.
    pub(crate) fn runbook_search(
        &self,
        text: &str,
        alert_kind: Option<&AlertKind>,
        limit: u32,
        near: Near,
    ) -> Result<View> {
        let limit = if limit == 0 { HITS_DEFAULT } else { limit.min(HITS_MAX) };
        let named: Vec<AlertKind> = kinds_in(text);
        let kinds: Vec<&AlertKind> = alert_kind.into_iter().chain(&named).collect();
        let now = Timestamp::now();
        let autonomy = &self.settings.config.autonomy;
        let (lessons, about, hits) = self.library(|state| {
            let mut lessons = Vec::new();
            let mut about = Vec::new();
            for kind in kinds {
                lessons.extend(state.lessons_about(kind)?);
                about.extend(state.knowledge_about(kind)?);
            }
            Ok((lessons, about, state.search_runbook(text, limit)?))
        })?;
        let mut holding: Vec<(f64, Lesson)> = lessons
            .into_iter()
            .filter(|lesson| remember::is_known(lesson, now, autonomy))
            .map(|lesson| (remember::reliability(&lesson, now, autonomy), lesson))
            .collect();
        holding.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id().cmp(&b.1.id())));
        let lessons = holding
            .into_iter()
            .map(|(reliability, lesson)| (RunbookRecord::Lesson(Box::new(lesson)), reliability));
        let about = about.into_iter().map(|k| (RunbookRecord::Knowledge(Box::new(k)), 1.0));
        let by_signature: Vec<(RunbookRecord, f64)> = lessons.chain(about).collect();
        let by_text: Vec<(RunbookRecord, f64)> =
            hits.into_iter().map(|hit| (hit.record, hit.score)).collect();
        let references = |found: &[(RunbookRecord, f64)]| -> Vec<(RunbookRef, f64)> {
            found.iter().map(|(record, score)| (record.reference(), *score)).collect()
        };
        let ranked = remember::rank(
            &references(&by_signature),
            &references(&by_text),
            &references(&near),
            limit as usize,
        );
        let mut view = RunbookView::default();
        for recalled in ranked {
            let mut all = by_signature.iter().chain(&by_text).chain(&near);
            let Some((record, _)) = all.find(|(record, _)| record.reference() == recalled.found)
            else {
                continue;
            };
            let rank = u32::try_from(view.hits.len() + 1).unwrap_or(u32::MAX);
            let (what, title, body) = match record {
                RunbookRecord::Lesson(lesson) => {
                    view.lessons.push(self.lesson_view(lesson));
                    let summary = lesson.summary.clone().unwrap_or_default();
                    ("lesson".to_owned(), title_of(lesson), summary)
                }
                RunbookRecord::Knowledge(stored) => {
                    view.knowledge.push(KnowledgeView::brief(stored));
                    let entry = &stored.entry;
                    (entry.kind.to_string(), entry.title.clone(), entry.body.clone())
                }
            };
            view.hits.push(RunbookHit {
                rank,
                id: recalled.found.id().to_owned(),
                what,
                title,
                by: recalled.by,
                score: (recalled.score * 1000.0).round() / 1000.0,
                excerpt: excerpt(&body, text),
            });
        }
        Ok(View::Runbook(Box::new(view)))
    }

    pub(crate) fn runbook_entry(&self, id: &str) -> Result<View> {
        let missing = || not_found("runbook entry", id, "hale runbook list");
        let view = if id.starts_with("le-") {
            let lesson = self.library(|s| s.lesson(id))?.ok_or_else(missing)?;
            RunbookEntryView::Lesson(Box::new(self.lesson_view(&lesson)))
        } else {
            let stored = self.library(|s| s.knowledge(id))?.ok_or_else(missing)?;
            RunbookEntryView::Knowledge(KnowledgeView::whole(&stored))
        };
        Ok(View::RunbookEntry(view))
    }

    pub(crate) fn runbook_export(&self) -> Result<View> {
        let (lessons, knowledge) = self.library(|s| Ok((s.lessons()?, s.list_knowledge(0)?)))?;
        let own = |k: &StoredKnowledge| k.origin == KnowledgeOrigin::Imported;
        let runbook = Runbook::new(
            lessons.iter().map(ExportedLesson::from).collect(),
            knowledge.into_iter().filter(own).map(|k| k.entry).collect(),
        );
        Ok(View::RunbookFile(Box::new(runbook)))
    }

    /// What is written about this kind of alert: id and title. Empty where it cannot be read: an
    /// explanation is whole without it.
    pub(crate) fn known_about(&self, kind: &AlertKind) -> Vec<(String, String)> {
        let found = self.library(|s| s.knowledge_about(kind)).unwrap_or_default();
        found.into_iter().map(|k| (k.entry.id, k.entry.title)).collect()
    }
}

impl Core {
    /// Takes a runbook in, all of it or nothing.
    pub(crate) fn import_runbook(&mut self, runbook: &Runbook, actor: &Actor) -> Result<View> {
        let problems = runbook.problems();
        if !problems.is_empty() {
            let told: Vec<String> = problems.iter().take(TOLD_PROBLEMS_MAX).cloned().collect();
            let more = problems.len() - told.len();
            let more = if more > 0 { format!("\n{more} more") } else { String::new() };
            let message = format!("nothing was taken in: {}{more}", told.join("\n"));
            return Err(
                ApiError::new(ErrorKind::Usage, message).hint("correct it, and import it again")
            );
        }
        let imported = self
            .state
            .atomically(|state| {
                let mut count = RunbookImported::default();
                for incoming in &runbook.lessons {
                    import_lesson(state, incoming, &mut count)?;
                }
                for entry in &runbook.knowledge {
                    import_entry(state, entry, &mut count)?;
                }
                Ok(count)
            })
            .map_err(store_error)?;
        self.audit(&actor.to_string(), "runbook_import", "runbook", &json!(imported));
        Ok(View::RunbookImported(imported))
    }

    /// Takes an entry of knowledge out.
    pub(crate) fn remove_knowledge(&mut self, id: &str, actor: &Actor) -> Result<View> {
        let found = self.state.knowledge(id).map_err(store_error)?;
        let Some(stored) = found.filter(|stored| stored.entry.id == id) else {
            return Err(not_found("entry of knowledge", id, "hale runbook list"));
        };
        if stored.origin == KnowledgeOrigin::Shipped {
            return Err(ApiError::new(ErrorKind::Refused, format!("`{id}` is part of hale"))
                .hint("import an entry with the same id: it takes this one's place"));
        }
        self.state.atomically(|s| s.remove_knowledge(id).map(drop)).map_err(store_error)?;
        // If it had taken the place of one that is part of hale, that one is back.
        ship(&mut self.state)?;
        self.audit(
            &actor.to_string(),
            "runbook_remove",
            id,
            &json!({ "title": stored.entry.title }),
        );
        Ok(View::Done(format!("`{id}` is taken out")))
    }
}

fn import_lesson(
    state: &State,
    incoming: &ExportedLesson,
    count: &mut RunbookImported,
) -> std::result::Result<(), StoreError> {
    let (alert, action) = (incoming.alert_kind.as_str(), incoming.action_kind.as_str());
    let known = state.lesson_with_key(alert, action, &incoming.target_class)?;
    let merged = remember::merged(known.as_ref(), incoming);
    match &known {
        Some(known) if *known == merged => count.unchanged += 1,
        Some(_) => count.changed += 1,
        None => count.added += 1,
    }
    if known.as_ref() == Some(&merged) { Ok(()) } else { state.put_lesson(&merged) }
}

fn import_entry(
    state: &State,
    entry: &Knowledge,
    count: &mut RunbookImported,
) -> std::result::Result<(), StoreError> {
    let known = state.knowledge(&entry.id)?.filter(|stored| stored.entry.id == entry.id);
    match known {
        Some(known) if known.entry == *entry => {
            count.unchanged += 1;
            return Ok(());
        }
        Some(_) => count.changed += 1,
        None => count.added += 1,
    }
    state.put_knowledge(entry, KnowledgeOrigin::Imported)
}

/// A lesson as it is now.
fn lesson_view(lesson: &Lesson, autonomy: &Autonomy, now: Timestamp) -> LessonView {
    let earned = autonomy.earn_after > 0
        && lesson.approved_successes >= autonomy.earn_after
        && !remember::has_lapsed(lesson, now, autonomy);
    let trust = if lesson.withdrawn.is_some() {
        Trust::Withdrawn
    } else if earned {
        Trust::Earned
    } else if remember::is_known(lesson, now, autonomy) {
        Trust::Known
    } else {
        Trust::Unproven
    };
    let reliability = remember::reliability(lesson, now, autonomy);
    LessonView {
        id: lesson.id().to_string(),
        title: title_of(lesson),
        alert_kind: lesson.alert_kind.to_string(),
        subject_class: lesson.subject_class.clone(),
        cause_kind: lesson.cause_kind.clone(),
        action_kind: lesson.action_kind.to_string(),
        target_class: lesson.target_class.clone(),
        summary: lesson.summary.clone(),
        trust,
        reliability: (reliability * 100.0).round() / 100.0,
        successes: lesson.successes,
        approved_successes: lesson.approved_successes,
        failures: lesson.failures,
        foreign_successes: lesson.foreign_successes,
        foreign_failures: lesson.foreign_failures,
        last_at: lesson.last_at,
        incident_id: lesson.incident_id.as_ref().map(ToString::to_string),
        withdrawn: lesson.withdrawn.clone(),
    }
}

fn title_of(lesson: &Lesson) -> String {
    format!("{}: {} on {}", lesson.alert_kind, lesson.action_kind, lesson.target_class)
}

/// The built-in alert kinds that stand in a text by their whole names.
fn kinds_in(text: &str) -> Vec<AlertKind> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_');
    let words: Vec<&str> = text.split(|c| !is_part(c)).collect();
    AlertKind::BUILT_IN.iter().filter(|kind| words.contains(&kind.as_str())).cloned().collect()
}

/// The line that holds most of the words; the first of these.
fn excerpt(body: &str, words: &str) -> String {
    let words: Vec<String> = words
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 2)
        .map(ToOwned::to_owned)
        .collect();
    let fits = |line: &str| {
        let line = line.to_lowercase();
        words.iter().filter(|word| line.contains(word.as_str())).count()
    };
    let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut best: Option<(usize, &str)> = None;
    for line in lines {
        let count = fits(line);
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, line));
        }
    }
    let line = best.map_or("", |(_, line)| line);
    hale_model::text::shorten(&hale_model::text::printable(line), EXCERPT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn kinds_are_found_by_their_whole_names() {
        for (text, expected) in [
            ("why service.failed?", vec![AlertKind::ServiceFailed]),
            ("service.failed.too", vec![]),
            ("disk.space disk.inodes", vec![AlertKind::DiskSpace, AlertKind::DiskInodes]),
            ("", vec![]),
        ] {
            assert_eq!(kinds_in(text), expected, "{text}");
        }
    }

    #[test]
    fn an_excerpt_is_the_line_that_fits_best() {
        let body = "first\n\nthe disk is here\nfull disk, at last\n";
        assert_eq!(excerpt(body, "disk full"), "full disk, at last");
        assert_eq!(excerpt(body, "nothing"), "first");
        assert_eq!(excerpt("red \u{1b}[31m", "x"), "red \u{fffd}[31m");
        assert_eq!(excerpt("", "x"), "");
    }
}
