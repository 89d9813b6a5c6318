//! What a model has to answer, and the reading of it. Its own estimate of risk is not even read:
//! the guard derives risk from the registry.

use hale_model::reply::{json_object_in, why_no_json};
use hale_model::text::{printable, shorten};
use serde::Deserialize;
use serde_json::{Value, json};

const CLAIMS_MAX: usize = 20;
const ACTIONS_MAX: usize = 8;
const EVIDENCE_PER_CLAIM_MAX: usize = 20;
const OBJECTIONS_MAX: usize = 10;
const TEXT_BYTES_MAX: usize = 4000;
const COMMAND_BYTES_MAX: usize = 2000;
const CAUSE_KIND_BYTES_MAX: usize = 40;

/// An answer that fits the schema. Nothing in it is believed yet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Answer {
    /// The incident it is about.
    pub incident_id: String,
    /// The cause, for people.
    pub diagnostic: String,
    /// The cause's short name.
    pub cause_kind: String,
    /// `critical`, `high`, `medium` or `low`. For people; the alerts' severity counts.
    pub severity: String,
    /// 0..1.
    pub confidence: f64,
    /// What it says, each with what it rests on.
    pub claims: Vec<Claim>,
    /// What it would do.
    #[serde(default)]
    pub actions: Vec<Proposal>,
    /// How to keep it from happening again.
    #[serde(default)]
    pub prevention: Option<String>,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Claim {
    /// In words.
    pub text: String,
    /// Ids of observations.
    pub evidence: Vec<String>,
}

/// An action that a model proposes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Proposal {
    /// What sort.
    #[serde(rename = "type")]
    pub kind: ProposalKind,
    /// A pid, a unit, or empty.
    #[serde(default)]
    pub target: String,
    /// What a person would type.
    #[serde(default)]
    pub command: String,
    /// Why.
    #[serde(default)]
    pub explanation: String,
}

/// The sorts of action that a model may propose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalKind {
    /// End a process.
    KillProcess,
    /// Lower a process's share of CPU.
    ReniceProcess,
    /// Restart a unit.
    RestartService,
    /// Drop clean caches.
    FreeCache,
    /// A shell command: a person always decides.
    Custom,
}

/// The second pass.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Review {
    /// 0..1.
    pub confidence: f64,
    /// What speaks against it.
    #[serde(default)]
    pub objections: Vec<String>,
}

/// The JSON schema of [`Answer`].
pub fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["incident_id", "diagnostic", "cause_kind", "severity", "confidence", "claims",
                     "actions", "prevention"],
        "properties": {
            "incident_id": {"type": "string", "description": "the id of what this is about, as given"},
            "diagnostic": {"type": "string", "description": "the cause, clearly, for a person"},
            "cause_kind": {"type": "string", "description": "short name: memory_leak, disk_full, bad_deploy, …"},
            "severity": {"type": "string", "enum": ["critical", "high", "medium", "low"]},
            "confidence": {"type": "number", "description": "0 to 1"},
            "claims": {
                "type": "array",
                "description": "every statement that the diagnosis rests on",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["text", "evidence"],
                    "properties": {
                        "text": {"type": "string"},
                        "evidence": {"type": "array", "items": {"type": "string"},
                                     "description": "ids of observations, as given in brackets"}
                    }
                }
            },
            "actions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["type", "target", "command", "explanation"],
                    "properties": {
                        "type": {"type": "string", "enum": ["kill_process", "renice_process",
                                 "restart_service", "free_cache", "custom"]},
                        "target": {"type": "string", "description": "pid, unit, or empty"},
                        "command": {"type": "string", "description": "the exact command"},
                        "explanation": {"type": "string"}
                    }
                }
            },
            "prevention": {"type": "string"}
        }
    })
}

/// The JSON schema of [`Review`].
pub fn review_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["confidence", "objections"],
        "properties": {
            "confidence": {"type": "number", "description": "0 to 1"},
            "objections": {"type": "array", "items": {"type": "string"}}
        }
    })
}

/// The answer in these words: JSON, perhaps with other words or a code fence around it.
pub(super) fn read_text(text: &str) -> Result<Answer, String> {
    read_value(&json_in(text)?)
}

pub(super) fn read_value(value: &Value) -> Result<Answer, String> {
    let answer: Answer = serde_json::from_value(value.clone()).map_err(|e| told(&e))?;
    checked(answer)
}

pub(super) fn read_review(text: &str) -> Result<Review, String> {
    read_review_value(&json_in(text)?)
}

pub(super) fn read_review_value(value: &Value) -> Result<Review, String> {
    let mut review: Review = serde_json::from_value(value.clone()).map_err(|e| told(&e))?;
    if !review.confidence.is_finite() {
        return Err("`confidence` is not a number".to_owned());
    }
    review.objections.truncate(OBJECTIONS_MAX);
    Ok(review)
}

fn told(error: &serde_json::Error) -> String {
    shorten(&printable(&error.to_string()), 200)
}

fn json_in(text: &str) -> Result<Value, String> {
    json_object_in(text).ok_or_else(|| shorten(&printable(&why_no_json(text)), 200))
}

fn checked(answer: Answer) -> Result<Answer, String> {
    let too_long = |what: &str, limit: usize| Err(format!("`{what}` is over {limit} bytes"));
    if !answer.confidence.is_finite() || !(0.0..=1.0).contains(&answer.confidence) {
        return Err("`confidence` is not within 0 to 1".to_owned());
    }
    if !matches!(answer.severity.as_str(), "critical" | "high" | "medium" | "low") {
        return Err("`severity` is not one of critical, high, medium, low".to_owned());
    }
    if answer.diagnostic.trim().is_empty() {
        return Err("`diagnostic` is empty".to_owned());
    }
    if answer.diagnostic.len() > TEXT_BYTES_MAX {
        return too_long("diagnostic", TEXT_BYTES_MAX);
    }
    if answer.prevention.as_ref().is_some_and(|p| p.len() > TEXT_BYTES_MAX) {
        return too_long("prevention", TEXT_BYTES_MAX);
    }
    if answer.claims.len() > CLAIMS_MAX
        || answer.claims.iter().any(|c| c.evidence.len() > EVIDENCE_PER_CLAIM_MAX)
    {
        return Err(format!(
            "more than {CLAIMS_MAX} claims, or {EVIDENCE_PER_CLAIM_MAX} ids for one"
        ));
    }
    if answer.claims.iter().any(|c| c.text.len() > TEXT_BYTES_MAX) {
        return too_long("claims.text", TEXT_BYTES_MAX);
    }
    if answer.actions.len() > ACTIONS_MAX {
        return Err(format!("more than {ACTIONS_MAX} actions"));
    }
    let long = |p: &Proposal| {
        p.command.len() > COMMAND_BYTES_MAX
            || p.target.len() > COMMAND_BYTES_MAX
            || p.explanation.len() > TEXT_BYTES_MAX
    };
    if answer.actions.iter().any(long) {
        return too_long("actions", COMMAND_BYTES_MAX);
    }
    Ok(answer)
}

/// A short name as ours are: lower case words joined by `_`.
pub(super) fn cause_kind(said: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let mut slug: String = said.chars().take(CAUSE_KIND_BYTES_MAX).map(word).collect();
    while slug.contains("__") {
        slug = slug.replace("__", "_");
    }
    let slug = slug.trim_matches('_');
    if slug.is_empty() { "unknown".to_owned() } else { slug.to_owned() }
}
