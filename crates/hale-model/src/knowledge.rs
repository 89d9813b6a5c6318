//! Knowledge that people wrote down: solutions, gotchas, playbooks; and the file that a runbook
//! travels in. Reading and writing Markdown is in `markdown.rs`; what may be trusted is not decided
//! here.

mod markdown;
mod view;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::ActionKind;
use crate::alert::AlertKind;
use crate::ids::LessonId;
use crate::lesson::Lesson;

pub use markdown::{KnowledgeError, KnowledgeErrors};
pub use view::{
    KnowledgeView, LessonView, RunbookEntryView, RunbookHit, RunbookImported, RunbookView, Trust,
};

/// Bytes of one entry's text.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a title.
pub const TITLE_BYTES_MAX: usize = 200;
/// Bytes of an id.
pub const ID_BYTES_MAX: usize = 80;
/// Tags, or alert kinds, of one entry.
pub const LIST_ITEMS_MAX: usize = 32;
/// Bytes of one tag or alert kind.
pub const LIST_ITEM_BYTES_MAX: usize = 80;
/// Lessons, or entries of knowledge, in one runbook file.
pub const RUNBOOK_ITEMS_MAX: usize = 20_000;
/// Bytes of text in one runbook file.
pub const RUNBOOK_BYTES_MAX: usize = 12 * 1024 * 1024;
/// Bytes of one text of a lesson (class of target, symptom, reason).
pub const LESSON_TEXT_BYTES_MAX: usize = 1000;
/// The form of the file that `hale runbook export` writes.
pub const RUNBOOK_SCHEMA: &str = "hale.runbook.v1";

/// What sort of entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnowledgeKind {
    /// What cures a symptom.
    Solution,
    /// What surprises, and has to be known beforehand.
    Gotcha,
    /// How to go about it, step by step.
    Playbook,
}

impl KnowledgeKind {
    /// Every kind.
    pub const ALL: &'static [KnowledgeKind] =
        &[KnowledgeKind::Solution, KnowledgeKind::Gotcha, KnowledgeKind::Playbook];

    /// The name in files, JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            KnowledgeKind::Solution => "solution",
            KnowledgeKind::Gotcha => "gotcha",
            KnowledgeKind::Playbook => "playbook",
        }
    }
}

impl fmt::Display for KnowledgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnowledgeOrigin {
    /// Part of hale.
    Shipped,
    /// Brought in by a person.
    Imported,
}

impl KnowledgeOrigin {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            KnowledgeOrigin::Shipped => "shipped",
            KnowledgeOrigin::Imported => "imported",
        }
    }
}

/// One entry. Text for people and, fenced, for models: never an instruction to hale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Knowledge {
    /// Its name: small letters, digits, `.`, `_` and `-`.
    pub id: String,
    /// One line.
    pub title: String,
    /// What sort.
    pub kind: KnowledgeKind,
    /// The alerts that it is about.
    #[serde(default)]
    pub alert_kinds: Vec<AlertKind>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The day it was last looked over.
    pub updated: Date,
    /// Markdown.
    pub body: String,
}

/// An entry and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredKnowledge {
    /// The entry.
    pub entry: Knowledge,
    /// Where it comes from.
    pub origin: KnowledgeOrigin,
}

/// One thing of a runbook.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunbookRef {
    /// What was learned.
    Lesson(LessonId),
    /// What was written down: its id.
    Knowledge(String),
}

impl RunbookRef {
    /// Its id as text.
    pub fn id(&self) -> &str {
        match self {
            RunbookRef::Lesson(id) => id.as_str(),
            RunbookRef::Knowledge(id) => id,
        }
    }
}

/// How a thing was recalled; the surest way first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RecalledBy {
    /// The symptom is the same.
    Signature,
    /// The words are (BM25).
    Text,
    /// The meaning is near (cosine of embeddings).
    Meaning,
}

impl RecalledBy {
    /// The name in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            RecalledBy::Signature => "signature",
            RecalledBy::Text => "text",
            RecalledBy::Meaning => "meaning",
        }
    }
}

/// A lesson as it travels: its record, without the right to act alone, which nobody can give away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportedLesson {
    /// What was wrong.
    pub alert_kind: AlertKind,
    /// What was done.
    pub action_kind: ActionKind,
    /// To what class of target.
    pub target_class: String,
    /// The class of what the alert was about.
    #[serde(default)]
    pub subject_class: Option<String>,
    /// The cause that was diagnosed when it last cured.
    #[serde(default)]
    pub cause_kind: Option<String>,
    /// The symptom in words.
    #[serde(default)]
    pub summary: Option<String>,
    /// Times it was verified, wherever that was.
    pub successes: u32,
    /// Times it failed, wherever that was.
    pub failures: u32,
    /// The last time.
    pub last_at: Timestamp,
    /// Why it is not trusted, if so.
    #[serde(default)]
    pub withdrawn: Option<String>,
}

impl From<&Lesson> for ExportedLesson {
    fn from(lesson: &Lesson) -> Self {
        ExportedLesson {
            alert_kind: lesson.alert_kind.clone(),
            action_kind: lesson.action_kind,
            target_class: lesson.target_class.clone(),
            subject_class: lesson.subject_class.clone(),
            cause_kind: lesson.cause_kind.clone(),
            summary: lesson.summary.clone(),
            successes: lesson.successes.saturating_add(lesson.foreign_successes),
            failures: lesson.failures.saturating_add(lesson.foreign_failures),
            last_at: lesson.last_at,
            withdrawn: lesson.withdrawn.clone(),
        }
    }
}

/// A runbook as one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// [`RUNBOOK_SCHEMA`]
    pub schema_version: String,
    /// What was learned, by symptom, action and class of target.
    pub lessons: Vec<ExportedLesson>,
    /// What people wrote down, by id. What is part of hale itself is not repeated here.
    pub knowledge: Vec<Knowledge>,
}

impl Runbook {
    /// A runbook of these.
    pub fn new(lessons: Vec<ExportedLesson>, knowledge: Vec<Knowledge>) -> Self {
        Runbook { schema_version: RUNBOOK_SCHEMA.to_owned(), lessons, knowledge }
    }

    /// Everything that keeps this from being taken in, one sentence each; empty if nothing does.
    /// Whoever takes a runbook in asks this first, wherever it came from.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.schema_version != RUNBOOK_SCHEMA {
            found.push(format!(
                "schema_version is `{}`, this hale reads `{RUNBOOK_SCHEMA}`",
                shown(&self.schema_version)
            ));
        }
        let most = self.lessons.len().max(self.knowledge.len());
        if most > RUNBOOK_ITEMS_MAX {
            found.push(format!("it holds {most} entries, over {RUNBOOK_ITEMS_MAX}"));
            return found;
        }
        let bytes: usize = self.knowledge.iter().map(|k| k.body.len()).sum();
        if bytes > RUNBOOK_BYTES_MAX {
            found.push(format!("it holds {bytes} bytes of text, over {RUNBOOK_BYTES_MAX}"));
        }
        for (index, lesson) in self.lessons.iter().enumerate() {
            let at = format!("lessons[{index}]");
            found.extend(lesson.problems().into_iter().map(|what| format!("{at}: {what}")));
        }
        let mut ids = std::collections::HashSet::new();
        for (index, entry) in self.knowledge.iter().enumerate() {
            let at = format!("knowledge[{index}] `{}`", shown(&entry.id));
            found.extend(
                entry.problems().into_iter().map(|p| format!("{at}: {}: {}", p.key, p.what)),
            );
            if !ids.insert(&entry.id) {
                found.push(format!("{at}: the same id stands in it twice"));
            }
        }
        found
    }
}

impl ExportedLesson {
    fn problems(&self) -> Vec<String> {
        let texts = [
            ("alert_kind", Some(self.alert_kind.as_str())),
            ("target_class", Some(self.target_class.as_str())),
            ("subject_class", self.subject_class.as_deref()),
            ("cause_kind", self.cause_kind.as_deref()),
            ("summary", self.summary.as_deref()),
            ("withdrawn", self.withdrawn.as_deref()),
        ];
        let given = texts.into_iter().filter_map(|(key, text)| Some((key, text?)));
        given.filter_map(|(key, text)| Some(format!("{key} {}", line_problem(text)?))).collect()
    }
}

/// What is wrong with one key of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnowledgeProblem {
    /// Which key; `body` for the text.
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl Knowledge {
    /// Everything that keeps this entry from being taken in; empty if nothing does.
    pub fn problems(&self) -> Vec<KnowledgeProblem> {
        let mut found = Vec::new();
        let mut add = |key, what: String, hint: Option<String>| {
            found.push(KnowledgeProblem { key, what, hint });
        };
        if !is_id(&self.id) {
            let hint = format!(
                "small letters, digits, `.`, `_` and `-`, at most {ID_BYTES_MAX}, beginning with a letter or digit"
            );
            add("id", format!("`{}` is not an id", shown(&self.id)), Some(hint));
        }
        if self.title.trim().is_empty() {
            add("title", "it is empty".to_owned(), None);
        } else if self.title.len() > TITLE_BYTES_MAX {
            add("title", format!("it is over {TITLE_BYTES_MAX} bytes"), None);
        } else if let Some(what) = line_problem(&self.title) {
            add("title", format!("it {what}"), None);
        }
        for kind in &self.alert_kinds {
            if let Some((what, hint)) = kind_problem(kind.as_str()) {
                add("alert_kinds", what, hint);
            }
        }
        for tag in &self.tags {
            if let Some(what) = item_problem(tag) {
                add("tags", what, None);
            }
        }
        for (key, items) in [("alert_kinds", self.alert_kinds.len()), ("tags", self.tags.len())] {
            if items > LIST_ITEMS_MAX {
                add(key, format!("{items} of them, over {LIST_ITEMS_MAX}"), None);
            }
        }
        if self.body.trim().is_empty() {
            add("body", "there is no text below the front matter".to_owned(), None);
        } else if self.body.len() > BODY_BYTES_MAX {
            add("body", format!("the text is over {BODY_BYTES_MAX} bytes"), None);
        } else if let Some((line, c)) = unprintable(&self.body) {
            add("body", format!("line {line} of the text holds {}", code_point(c)), None);
        }
        found
    }
}

fn is_id(id: &str) -> bool {
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    id.len() <= ID_BYTES_MAX
        && id.chars().all(plain)
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// What is wrong with a text that is one line.
fn line_problem(text: &str) -> Option<String> {
    if text.len() > LESSON_TEXT_BYTES_MAX {
        return Some(format!("is over {LESSON_TEXT_BYTES_MAX} bytes"));
    }
    let bad = text.chars().find(|c| c.is_control() || turns_text_around(*c))?;
    Some(format!("holds {}", code_point(bad)))
}

fn item_problem(item: &str) -> Option<String> {
    if item.trim().is_empty() {
        return Some("an empty one".to_owned());
    }
    if item.len() > LIST_ITEM_BYTES_MAX {
        return Some(format!("`{}` is over {LIST_ITEM_BYTES_MAX} bytes", shown(item)));
    }
    line_problem(item).map(|what| format!("`{}` {what}", shown(item)))
}

/// A kind may be a user's own rule, whose names are not known here: only a near miss of a built-in
/// kind is an error.
fn kind_problem(kind: &str) -> Option<(String, Option<String>)> {
    if let Some(what) = item_problem(kind) {
        return Some((what, None));
    }
    if AlertKind::BUILT_IN.iter().any(|k| k.as_str() == kind) {
        return None;
    }
    let near =
        AlertKind::BUILT_IN.iter().find(|k| strsim::damerau_levenshtein(kind, k.as_str()) <= 2)?;
    Some((
        format!("`{}` is not an alert kind", shown(kind)),
        Some(format!("did you mean `{near}`?")),
    ))
}

/// The first character that a text for people may not hold, and its line from 1.
fn unprintable(text: &str) -> Option<(usize, char)> {
    let bad = |c: &char| (c.is_control() && !matches!(c, '\n' | '\t')) || turns_text_around(*c);
    text.split('\n')
        .enumerate()
        .find_map(|(index, line)| line.chars().find(bad).map(|c| (index + 1, c)))
}

/// Characters that make a line read otherwise than it is stored (Unicode bidirectional controls), or
/// that cannot be seen at all.
fn turns_text_around(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

fn code_point(c: char) -> String {
    format!("U+{:04X}, a character that cannot be shown as it is", u32::from(c))
}

fn shown(text: &str) -> String {
    crate::text::shorten(&crate::text::printable(text), 60)
}
