//! What was run for a person: a sentence, the plan it came to, and how each command of it ended. Kept
//! so that it can be looked up, run again, and offered the next time without asking a model.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::{Decision, Risk, Verdict};
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
    /// The sentence, normalised, and `working_dir` where there is one: what it is found by.
    pub key: String,
    /// The directory in which its commands do what the sentence asks for; none: in any. What was kept
    /// before this was told has none, and its commands may still depend on one.
    #[serde(default)]
    pub working_dir: Option<String>,
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

/// One step of a plan for a sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskStep {
    /// The command, exactly as it would be run.
    pub command: String,
    /// What it is for.
    pub why: String,
    /// What the guard says to it: risk, decision, reasons.
    pub verdict: Verdict,
    /// How it ended; none: not run.
    pub run: Option<Run>,
}

/// What a sentence came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskPlan {
    /// Its id.
    pub plan_id: PlanId,
    /// When it was made.
    pub created_at: Timestamp,
    /// What the person said; none where a command is run again.
    pub sentence: Option<String>,
    /// What was understood and how it is done.
    pub reasoning: String,
    /// Where the commands came from.
    pub origin: PlanOrigin,
    /// The earlier sentence, where it was not this very one that was done before.
    pub similar_to: Option<String>,
    /// Where they run.
    pub working_dir: String,
    /// The commands; each runs only when the one before succeeded.
    pub steps: Vec<AskStep>,
    /// What has to be known first; then there are no steps.
    pub question: Option<String>,
}

impl AskPlan {
    /// The worst of its steps.
    pub fn risk(&self) -> Risk {
        self.steps.iter().map(|step| step.verdict.risk).max().unwrap_or(Risk::Info)
    }

    /// The first step that is not done for anyone, or not now.
    pub fn refused(&self) -> Option<&AskStep> {
        self.steps.iter().find(|step| step.verdict.decision == Decision::Deny)
    }

    /// Whether every step was run and succeeded.
    pub fn succeeded(&self) -> bool {
        !self.steps.is_empty()
            && self.steps.iter().all(|step| step.run.as_ref().is_some_and(Run::succeeded))
    }
}

/// A sentence from end to end: the plan, the ways on after failures, and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskView {
    /// The plan, with how its steps ended.
    #[serde(flatten)]
    pub plan: AskPlan,
    /// What was done after failures, in that order.
    pub recoveries: Vec<AskPlan>,
    /// Whether the sentence was carried out; none: nothing was run.
    pub succeeded: Option<bool>,
}

impl AskView {
    /// A plan of which nothing was run.
    pub fn only_shown(plan: AskPlan) -> AskView {
        AskView { plan, recoveries: Vec::new(), succeeded: None }
    }
}
