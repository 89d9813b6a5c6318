//! How well a machine is, in one number with its reasons.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::{Severity, Subject};
use crate::ids::MachineId;

/// One reason for a health score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthFactor {
    /// `memory`, `cpu`, `disk`, `process`, `service`, `journal`, `temperature`, `sources`.
    pub id: String,
    /// 0 (worst) to 1. What was never collected scores low, not high.
    pub score: f64,
    /// What that score means.
    pub severity: Severity,
    /// Why, with the figure.
    pub why: String,
}

/// How well a machine is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// The machine.
    pub machine_id: MachineId,
    /// When.
    pub at: Timestamp,
    /// 0 (worst) to 1.
    pub score: f64,
    /// What that score means.
    pub severity: Severity,
    /// The factor that weighs most, as one sentence; none if all is well.
    pub top_issue: Option<String>,
    /// The reasons, worst first.
    pub factors: Vec<HealthFactor>,
}

/// What is expected to happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prediction {
    /// The machine.
    pub machine_id: MachineId,
    /// When it was made.
    pub generated_at: Timestamp,
    /// `disk.full`, `inodes.full`, `memory.full`.
    pub kind: String,
    /// Of what.
    pub subject: Subject,
    /// Seconds until it happens if nothing changes.
    pub eta_secs: u64,
    /// 0..1: how well a straight line fits what was seen.
    pub confidence: f64,
    /// In words.
    pub text: String,
}
