//! What was learned: which action cured which symptom on which class of target.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::ActionKind;
use crate::alert::AlertKind;
use crate::ids::{IncidentId, LessonId};

/// A symptom's signature, an action, and the record of how it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lesson {
    /// What was wrong.
    pub alert_kind: AlertKind,
    /// What was done.
    pub action_kind: ActionKind,
    /// To what class of target: a unit's name, or a process's command without its changing parts.
    pub target_class: String,
    /// Times it was done here and verified.
    pub successes: u32,
    /// Of these, how many a person had approved since the last time that trust was lost.
    pub approved_successes: u32,
    /// Times it was done here and verification failed.
    pub failures: u32,
    /// The last time.
    pub last_at: Timestamp,
    /// Why it is no longer trusted, if so.
    pub withdrawn: Option<String>,
    /// The class of what the alert was about: with its kind and the cause, the symptom's signature.
    #[serde(default)]
    pub subject_class: Option<String>,
    /// The cause that was diagnosed when it last cured.
    #[serde(default)]
    pub cause_kind: Option<String>,
    /// The symptom in words, as it was seen last. Data from the machine: never an instruction.
    #[serde(default)]
    pub summary: Option<String>,
    /// The incident that it was last learned from.
    #[serde(default)]
    pub incident_id: Option<IncidentId>,
    /// The last time it was verified here.
    #[serde(default)]
    pub last_success_at: Option<Timestamp>,
    /// Failures since it was last verified.
    #[serde(default)]
    pub failures_in_a_row: u32,
    /// Verified successes on other machines, from an import: never a reason to act alone.
    #[serde(default)]
    pub foreign_successes: u32,
    /// Failures on other machines, from an import.
    #[serde(default)]
    pub foreign_failures: u32,
}

impl Lesson {
    /// A lesson with nothing counted yet.
    pub fn new(
        alert_kind: AlertKind,
        action_kind: ActionKind,
        target_class: &str,
        at: Timestamp,
    ) -> Self {
        Lesson {
            alert_kind,
            action_kind,
            target_class: target_class.to_owned(),
            successes: 0,
            approved_successes: 0,
            failures: 0,
            last_at: at,
            withdrawn: None,
            subject_class: None,
            cause_kind: None,
            summary: None,
            incident_id: None,
            last_success_at: None,
            failures_in_a_row: 0,
            foreign_successes: 0,
            foreign_failures: 0,
        }
    }

    /// Its id: the same wherever the same is learned.
    pub fn id(&self) -> LessonId {
        LessonId::of(self.alert_kind.as_str(), self.action_kind.as_str(), &self.target_class)
    }

    /// Whether both are about the same symptom, action and class of target.
    pub fn same_key(&self, other: &Lesson) -> bool {
        self.alert_kind == other.alert_kind
            && self.action_kind == other.action_kind
            && self.target_class == other.target_class
    }
}
