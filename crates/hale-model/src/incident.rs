//! Correlated alerts with a timeline, what hale thinks of them, and what happened.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::ids::{AlertId, EvidenceId, IncidentId, MachineId};

/// Where an incident is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Seen, nothing decided.
    Open,
    /// The cause is looked for.
    Diagnosing,
    /// A person has to decide.
    AwaitingApproval,
    /// An action runs.
    Acting,
    /// The world is watched for the effect.
    Verifying,
    /// Its alerts are over.
    Resolved,
    /// hale cannot or may not cure it: a person is needed.
    Escalated,
}

impl IncidentState {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentState::Open => "open",
            IncidentState::Diagnosing => "diagnosing",
            IncidentState::AwaitingApproval => "awaiting_approval",
            IncidentState::Acting => "acting",
            IncidentState::Verifying => "verifying",
            IncidentState::Resolved => "resolved",
            IncidentState::Escalated => "escalated",
        }
    }
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The four voices of the stream of thoughts, and people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Agent {
    /// Observe.
    Scout,
    /// Orient.
    Brain,
    /// Decide.
    Guard,
    /// Act and verify.
    Fixer,
    /// A person.
    Person,
}

impl Agent {
    /// The name as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Agent::Scout => "Scout",
            Agent::Brain => "Brain",
            Agent::Guard => "Guard",
            Agent::Fixer => "Fixer",
            Agent::Person => "Person",
        }
    }
}

/// One line of an incident's story. Also the `thought` of the live stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// When.
    pub ts: Timestamp,
    /// Who.
    pub agent: Agent,
    /// What sort of thing: `alert_opened`, `diagnosis`, `recalled`, `verdict`, `intent`, `outcome`,
    /// `verified`, `undone`, `escalated`, `resolved`, `note`.
    pub kind: String,
    /// In words.
    pub text: String,
}

/// Where a diagnosis comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiagnosisSource {
    /// Rules and correlation.
    Local,
    /// A lesson learned here.
    Runbook,
    /// A language model.
    Model,
}

/// What hale thinks is the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// The cause's short name (`ghost_storm`, `memory_leak`, `disk_filled_by_logs`): what lessons and drills compare.
    pub cause_kind: String,
    /// The cause, in a sentence or two.
    pub cause: String,
    /// 0..1.
    pub confidence: f64,
    /// Where it comes from.
    pub source: DiagnosisSource,
    /// The observations it rests on.
    pub evidence: Vec<EvidenceId>,
    /// How to keep it from happening again.
    pub prevention: Option<String>,
}

/// Alerts that belong together, and their story.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Ids that others gave it (webhooks).
    pub external_ids: Vec<String>,
    /// One line.
    pub title: String,
    /// Where in its life.
    pub state: IncidentState,
    /// The worst of its alerts so far.
    pub severity: Severity,
    /// Where.
    pub machine_id: MachineId,
    /// Start of its first alert.
    pub opened_at: Timestamp,
    /// When it was resolved.
    pub closed_at: Option<Timestamp>,
    /// Its alerts, in order of arrival.
    pub alerts: Vec<AlertId>,
    /// What hale thinks.
    pub diagnosis: Option<Diagnosis>,
}
