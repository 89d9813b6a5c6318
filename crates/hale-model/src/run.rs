//! What was run for a person: a sentence, the plan it came to, and how each command of it ended. Kept
//! so that it can be looked up, run again, and offered the next time without asking a model.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::Risk;
use crate::ids::{ActionId, PlanId, RunId};

/// Bytes of a command's output that are kept with its run: the end, where errors stand.
pub const RUN_OUTPUT_BYTES_MAX: usize = 4096;

/// Where the commands for a sentence came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum PlanOrigin {
    /// hale's own intents: no model was asked.
    Local {
        /// The intent's id: `files.big`.
        intent: String,
    },
    /// The same sentence was done before.
    Remembered {
        /// The plan that was done then.
        plan_id: PlanId,
        /// When it last succeeded.
        last_at: Timestamp,
    },
    /// A language model.
    Model {
        /// `anthropic`
        provider: String,
        /// The model, as its provider names it.
        model: String,
    },
    /// What is known about failures: the next step after one.
    Heal {
        /// The rule's id: `heal.port_in_use`.
        rule: String,
    },
    /// A person ran a command of the history again.
    History,
}

impl PlanOrigin {
    /// The first word of it, as SQL and screens show it.
    pub fn as_str(&self) -> &'static str {
        match self {
            PlanOrigin::Local { .. } => "local",
            PlanOrigin::Remembered { .. } => "remembered",
            PlanOrigin::Model { .. } => "model",
            PlanOrigin::Heal { .. } => "heal",
            PlanOrigin::History => "history",
        }
    }
}

impl fmt::Display for PlanOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            PlanOrigin::Local { intent } => write!(f, " {intent}"),
            PlanOrigin::Remembered { plan_id, .. } => write!(f, " {plan_id}"),
            PlanOrigin::Model { provider, model } => write!(f, " {provider}/{model}"),
            PlanOrigin::Heal { rule } => write!(f, " {rule}"),
            PlanOrigin::History => Ok(()),
        }
    }
}

/// One command that was run for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The plan it is a step of.
    pub plan_id: PlanId,
    /// Which step, from 0.
    pub step: u32,
    /// Its action in the record of actions and in the audit chain.
    pub action_id: ActionId,
    /// When it began.
    pub at: Timestamp,
    /// What the person said; none where a command was run again.
    pub sentence: Option<String>,
    /// The command, exactly as it was shown and run.
    pub command: String,
    /// What it was for.
    pub why: String,
    /// Where it ran.
    pub working_dir: Option<String>,
    /// What the guard found it to be.
    pub risk: Risk,
    /// Where it came from.
    pub origin: PlanOrigin,
    /// Its exit code; none while it runs, and where a signal ended it.
    pub exit: Option<i32>,
    /// How it ended, in words; none while it runs, and where hale was cut off with it.
    pub how: Option<String>,
    /// How long it took; none as for `how`.
    pub duration_ms: Option<u64>,
    /// The end of its output, both streams, at most [`RUN_OUTPUT_BYTES_MAX`].
    pub output: String,
}

impl Run {
    /// Whether it did what it should, as far as its exit code tells.
    pub fn succeeded(&self) -> bool {
        self.exit == Some(0)
    }
}

/// One command of a plan that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RememberedStep {
    /// As it was run.
    pub command: String,
    /// What it is for.
    pub why: String,
}

/// A sentence and the commands that did what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RememberedPlan {
    /// The sentence, normalised: what it is found by.
    pub key: String,
    /// The sentence as it was last said.
    pub sentence: String,
    /// The plan that succeeded.
    pub plan_id: PlanId,
    /// What it does, in words.
    pub reasoning: String,
    /// Its commands, in their order.
    pub steps: Vec<RememberedStep>,
    /// How often all of them succeeded.
    pub successes: u32,
    /// When that last was.
    pub last_at: Timestamp,
}

/// Commands that were run, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunsView {
    /// The runs.
    pub runs: Vec<Run>,
}
