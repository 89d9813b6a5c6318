//! What a team is told about one incident: facts, so that every channel can say them in its own form.

use hale_model::Timestamp;
use hale_model::action::{ApprovalState, Risk};
use hale_model::alert::Severity;
use hale_model::incident::IncidentState;
use serde::{Deserialize, Serialize};

/// How an incident stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentNews {
    /// Its id.
    pub id: String,
    /// One line.
    pub title: String,
    /// Where in its life.
    pub state: IncidentState,
    /// The worst so far.
    pub severity: Severity,
    /// Since when.
    pub opened_at: Timestamp,
    /// Until when.
    pub closed_at: Option<Timestamp>,
    /// The cause as hale sees it, in a sentence.
    pub cause: Option<String>,
    /// How sure hale is of it, 0..1.
    pub confidence: Option<f64>,
    /// The question to a person that these news are about.
    pub approval: Option<ApprovalNews>,
    /// What cured it, where hale did.
    pub cured_by: Vec<String>,
    /// What that saved, in words.
    pub saved: Option<String>,
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalNews {
    /// Its id.
    pub id: String,
    /// What hale would do.
    pub action: String,
    /// How dangerous that is.
    pub risk: Risk,
    /// Whether it still waits.
    pub state: ApprovalState,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// Who answered.
    pub decided_by: Option<String>,
}

impl IncidentNews {
    /// Seconds from its beginning to its end, or to `now`.
    pub(crate) fn lasted_secs(&self, now: Timestamp) -> u64 {
        let end = self.closed_at.unwrap_or(now);
        u64::try_from(end.as_second() - self.opened_at.as_second()).unwrap_or(0)
    }

    /// Where it stands, in words for people.
    pub(crate) fn state_words(&self) -> &'static str {
        match self.state {
            IncidentState::Open => "open",
            IncidentState::Diagnosing => "looking for the cause",
            IncidentState::AwaitingApproval => "waits for a person's approval",
            IncidentState::Acting => "acting",
            IncidentState::Verifying => "watching whether it helped",
            IncidentState::Resolved => "resolved",
            IncidentState::Escalated => "needs a person",
        }
    }
}
