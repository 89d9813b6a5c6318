//! What was learned: which action cured which symptom on which class of target.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::ActionKind;
use crate::alert::AlertKind;

/// A symptom's signature, an action, and the record of how it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lesson {
    /// What was wrong.
    pub alert_kind: AlertKind,
    /// What was done.
    pub action_kind: ActionKind,
    /// To what class of target: a unit's name, or a process's command without its changing parts.
    pub target_class: String,
    /// Times it was done and verified.
    pub successes: u32,
    /// Of these, how many a person had approved.
    pub approved_successes: u32,
    /// Times it was done and verification failed.
    pub failures: u32,
    /// The last time.
    pub last_at: Timestamp,
    /// Why it is no longer trusted, if so.
    pub withdrawn: Option<String>,
}
