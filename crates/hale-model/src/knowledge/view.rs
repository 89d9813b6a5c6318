//! The runbook as robots and screens see it.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KnowledgeKind, KnowledgeOrigin, RecalledBy, StoredKnowledge};

/// How far a lesson is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// `[general] mode = "auto"` may act on it alone.
    Earned,
    /// It is proposed first: it has worked, and not long ago.
    Known,
    /// It says too little, or is too long ago.
    Unproven,
    /// Verification, or a person, has contradicted it.
    Withdrawn,
}

impl Trust {
    /// The name in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Earned => "earned",
            Trust::Known => "known",
            Trust::Unproven => "unproven",
            Trust::Withdrawn => "withdrawn",
        }
    }
}

/// A lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LessonView {
    /// Its id.
    pub id: String,
    /// One line: what cures what on what.
    pub title: String,
    /// What was wrong.
    pub alert_kind: String,
    /// The class of what it was about.
    pub subject_class: Option<String>,
    /// The cause that was diagnosed.
    pub cause_kind: Option<String>,
    /// What was done.
    pub action_kind: String,
    /// To what class of target.
    pub target_class: String,
    /// The symptom in words. Data from the machine.
    pub summary: Option<String>,
    /// How far it is trusted.
    pub trust: Trust,
    /// How likely it is to work again, 0..1: falls with age, a verified use restores it.
    pub reliability: f64,
    /// Verified uses here.
    pub successes: u32,
    /// Of these, approved by a person since trust was lost last.
    pub approved_successes: u32,
    /// Failed uses here.
    pub failures: u32,
    /// Verified uses elsewhere, from an import.
    pub foreign_successes: u32,
    /// Failed uses elsewhere, from an import.
    pub foreign_failures: u32,
    /// The last use.
    pub last_at: Timestamp,
    /// The incident that it was last learned from.
    pub incident_id: Option<String>,
    /// Why it is withdrawn, if it is.
    pub withdrawn: Option<String>,
}

/// An entry of knowledge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KnowledgeView {
    /// Its id.
    pub id: String,
    /// One line.
    pub title: String,
    /// What sort.
    pub kind: KnowledgeKind,
    /// The alerts that it is about.
    pub alert_kinds: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The day it was last looked over.
    pub updated: Date,
    /// Where it comes from.
    pub origin: KnowledgeOrigin,
    /// Markdown; none in lists.
    pub body: Option<String>,
}

impl KnowledgeView {
    /// The entry without its text.
    pub fn brief(stored: &StoredKnowledge) -> Self {
        let entry = &stored.entry;
        KnowledgeView {
            id: entry.id.clone(),
            title: entry.title.clone(),
            kind: entry.kind,
            alert_kinds: entry.alert_kinds.iter().map(ToString::to_string).collect(),
            tags: entry.tags.clone(),
            updated: entry.updated,
            origin: stored.origin,
            body: None,
        }
    }

    /// The entry with its text.
    pub fn whole(stored: &StoredKnowledge) -> Self {
        KnowledgeView { body: Some(stored.entry.body.clone()), ..Self::brief(stored) }
    }
}

/// Why something stands in the answer to a search, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunbookHit {
    /// 1 is the best.
    pub rank: u32,
    /// Id of a lesson or an entry.
    pub id: String,
    /// `lesson`, `solution`, `gotcha`, `playbook`
    pub what: String,
    /// One line.
    pub title: String,
    /// How it was found.
    pub by: RecalledBy,
    /// How well it fits, comparable among hits found in the same way.
    pub score: f64,
    /// The line of the text that fits best; empty if there is none.
    pub excerpt: String,
}

/// `robot runbook`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunbookView {
    /// What was learned; of a search, what it found.
    pub lessons: Vec<LessonView>,
    /// What people wrote down; of a search, what it found.
    pub knowledge: Vec<KnowledgeView>,
    /// The answer to a search, best first; empty in a list.
    pub hits: Vec<RunbookHit>,
}

/// `hale runbook show`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum RunbookEntryView {
    /// What was learned.
    Lesson(Box<LessonView>),
    /// What was written down.
    Knowledge(KnowledgeView),
}

/// `hale runbook import`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunbookImported {
    /// Lessons and entries that were not there before.
    pub added: u32,
    /// Those that are now otherwise than before.
    pub changed: u32,
    /// Those that were there already.
    pub unchanged: u32,
}
