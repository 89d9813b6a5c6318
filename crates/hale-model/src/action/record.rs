//! What the guard says to an action, and what became of it: verdicts, records, approvals.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, PlanStep, Risk};
use crate::alert::AlertKind;
use crate::container::ContainerRef;
use crate::ids::{ActionId, AlertId, ApprovalId, IncidentId, MachineId, PlanId, ProcRef};
use crate::workload::WorkloadRef;

/// What the guard decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may be done now, without a person.
    Allow,
    /// A person has to say yes.
    Ask,
    /// It is not done.
    Deny,
}

impl Decision {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        }
    }
}

/// One reason of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Stable id of the rule: `guard.protected_pid`, `guard.mode.observe`, …
    pub rule: String,
    /// In words.
    pub text: String,
}

/// The guard's answer to one action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// What.
    pub decision: Decision,
    /// How dangerous.
    pub risk: Risk,
    /// Whether it can be undone.
    pub reversible: bool,
    /// How many things it touches.
    pub blast_radius: u32,
    /// Why; never empty. The reason that decided comes first.
    pub reasons: Vec<Reason>,
}

/// Where an action is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Proposed.
    Planned,
    /// A person has to say yes.
    AwaitingApproval,
    /// The guard or a person said no, or the world had changed.
    Refused,
    /// On disk, about to be done.
    Intended,
    /// Being done, or done and being verified.
    Running,
    /// Done and verified.
    Succeeded,
    /// Done or tried, and not verified.
    Failed,
    /// Done and put back.
    Undone,
    /// hale cannot know whether it was done.
    Unknown,
}

impl ActionState {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ActionState::Planned => "planned",
            ActionState::AwaitingApproval => "awaiting_approval",
            ActionState::Refused => "refused",
            ActionState::Intended => "intended",
            ActionState::Running => "running",
            ActionState::Succeeded => "succeeded",
            ActionState::Failed => "failed",
            ActionState::Undone => "undone",
            ActionState::Unknown => "unknown",
        }
    }

    /// Whether nothing more will happen to it.
    pub fn is_final(self) -> bool {
        match self {
            ActionState::Planned
            | ActionState::AwaitingApproval
            | ActionState::Intended
            | ActionState::Running => false,
            ActionState::Refused
            | ActionState::Succeeded
            | ActionState::Failed
            | ActionState::Undone
            | ActionState::Unknown => true,
        }
    }
}

/// How an action can be put back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum Undo {
    /// It cannot.
    None {
        /// Why not.
        why: String,
    },
    /// CONT.
    Continue {
        /// Whom.
        target: ProcRef,
    },
    /// Set the old nice value.
    Renice {
        /// Whose.
        target: ProcRef,
        /// The old value.
        nice: i32,
        /// The value that the action set: another one by now is somebody else's wish.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<i32>,
    },
    /// Start the unit again.
    StartUnit {
        /// Which.
        unit: String,
    },
    /// Stop the unit again.
    StopUnit {
        /// Which.
        unit: String,
    },
    /// Move quarantined files back.
    RestoreFiles {
        /// Directory of the quarantine under the data directory; its `manifest.jsonl` says what lay where.
        quarantine: String,
    },
    /// Start the container again.
    StartContainer {
        /// Which.
        container: ContainerRef,
    },
    /// Stop the container again.
    StopContainer {
        /// Which; only the run that the action began.
        container: ContainerRef,
    },
    /// Set the old limit of the container's memory.
    ContainerMemory {
        /// Which.
        container: ContainerRef,
        /// The old limit.
        limit_bytes: u64,
        /// The limit that the action set: another one by now is somebody else's wish.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set_bytes: Option<u64>,
    },
    /// Give the workload its old template again.
    WorkloadTemplate {
        /// Which; its generation is the one that the action made.
        workload: WorkloadRef,
        /// The old template of its pods, whole.
        template: serde_json::Value,
    },
    /// Give the workload its old number of pods again.
    WorkloadReplicas {
        /// Which; its generation is the one that the action made.
        workload: WorkloadRef,
        /// The old number.
        replicas: u32,
    },
}

impl Undo {
    /// There is nothing to put back.
    pub fn nothing_changed() -> Undo {
        Undo::None { why: "nothing was changed".to_owned() }
    }
}

/// What was true of the target just before the action, read by the executor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreState {
    /// When.
    pub read_at: Timestamp,
    /// The facts that identify the target's state; an approval binds to these. Sorted keys, no clock, no counters.
    pub facts: serde_json::Value,
}

/// What an executor reports when it is done. Not a proof: proof is what is observed afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Whether the executor did what it was told.
    pub done: bool,
    /// Exit code or errno of the thing that was called, where there is one.
    pub exit: Option<i32>,
    /// What it did, in words, with figures.
    pub detail: String,
    /// How to put it back.
    pub undo: Undo,
}

impl Outcome {
    /// Whether the target was as wanted before anything was done: then what follows is no effect of it.
    pub fn changed_nothing(&self) -> bool {
        self.undo == Undo::nothing_changed()
    }
}

/// What verification saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Whether all conditions held for the whole hold time.
    pub verified: bool,
    /// When that was decided.
    pub decided_at: Timestamp,
    /// One line a condition: what was seen.
    pub observations: Vec<String>,
}

/// Who wants something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "actor", rename_all = "snake_case")]
pub enum Actor {
    /// The loop itself.
    Hale,
    /// A language model, through the loop: a person decides, whatever was granted or earned.
    Model,
    /// A person on this machine.
    User {
        /// User id.
        uid: u32,
    },
    /// A person in a team's chat, known by the chat's signature. May only answer what hale asks.
    Chat {
        /// Which chat: `slack`.
        channel: String,
        /// The chat's id of the person.
        user: String,
    },
    /// Whoever holds an API token.
    Token {
        /// The token's name, as it was created.
        name: String,
    },
    /// Whoever signed a browser in with a link that the agent's own user was given.
    Browser,
}

impl Actor {
    /// Whether a person, or a program in a person's name, decided; not hale or a model.
    pub fn is_person(&self) -> bool {
        match self {
            Actor::Hale | Actor::Model => false,
            Actor::User { .. } | Actor::Chat { .. } | Actor::Token { .. } | Actor::Browser => true,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Hale => f.write_str("hale"),
            Actor::Model => f.write_str("model"),
            Actor::User { uid } => write!(f, "uid:{uid}"),
            Actor::Token { name } => write!(f, "token:{name}"),
            Actor::Browser => f.write_str("browser"),
            Actor::Chat { channel, user } => write!(f, "{channel}:{user}"),
        }
    }
}

/// An action from proposal to end, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// Its id.
    pub id: ActionId,
    /// Its plan, unless a person asked for it directly.
    pub plan_id: Option<PlanId>,
    /// Its incident, if any.
    pub incident_id: Option<IncidentId>,
    /// The alert it treats, if any.
    pub alert_id: Option<AlertId>,
    /// That alert's kind.
    pub alert_kind: Option<AlertKind>,
    /// Where.
    pub machine_id: MachineId,
    /// Who wants it.
    pub requested_by: Actor,
    /// What, why and what must be seen afterwards.
    pub step: PlanStep,
    /// What the guard said, last time it was asked.
    pub verdict: Verdict,
    /// Where in its life.
    pub state: ActionState,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// When its intent was written; from then on it may have touched the world.
    pub intended_at: Option<Timestamp>,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
    /// The boot during which it was intended: after a reboot nothing of a process is left.
    pub boot_id: String,
    /// The target just before.
    pub pre_state: Option<PreState>,
    /// What the executor reported.
    pub outcome: Option<Outcome>,
    /// What was seen afterwards.
    pub verification: Option<Verification>,
    /// In words: why it was refused, failed, or is unknown.
    pub note: Option<String>,
}

/// Where an approval is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Waits for a person.
    Pending,
    /// Said yes; not yet used.
    Approved,
    /// Used: it cannot be used again.
    Used,
    /// Said no.
    Rejected,
    /// Too late.
    Expired,
    /// The target changed, or the trouble was over.
    Voided,
}

impl ApprovalState {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ApprovalState::Pending => "pending",
            ApprovalState::Approved => "approved",
            ApprovalState::Used => "used",
            ApprovalState::Rejected => "rejected",
            ApprovalState::Expired => "expired",
            ApprovalState::Voided => "voided",
        }
    }
}

/// A question to a person: may this very action be done to this very state?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Which action.
    pub action_id: ActionId,
    /// Hash over action and pre-state facts: what is done must hash to the same.
    pub binding: String,
    /// Where in its life.
    pub state: ApprovalState,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// When it was answered.
    pub decided_at: Option<Timestamp>,
    /// Who answered.
    pub decided_by: Option<String>,
    /// Their words.
    pub why: Option<String>,
}

impl Approval {
    /// The binding of an action and the state it was judged on.
    pub fn binding_of(action: &Action, pre_state: &PreState) -> String {
        let action = serde_json::to_string(action).unwrap_or_default();
        crate::ids::hex_digest(&[&action, &pre_state.facts.to_string()], 32)
    }
}
