//! What goes to and fro in an investigation.

use hale_model::incident::{Agent, Diagnosis};
use hale_model::{EvidenceId, IncidentId};
use serde_json::Value;

use super::{Proposal, ToolRequest, ToolSpec};

/// What bounds one investigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls of a model, the repair and the second pass not counted.
    pub turns_max: u32,
    /// Tool runs, all turns together.
    pub tool_runs_max: u32,
    /// Tokens in and out, as the providers count them.
    pub tokens_max: u64,
    /// Bytes of one tool's result that the model sees.
    pub tool_result_bytes_max: usize,
    /// Bytes of an answer that are looked at.
    pub answer_bytes_max: usize,
    /// Tokens that one reply may have.
    pub reply_tokens_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            turns_max: 6,
            tool_runs_max: 12,
            tokens_max: 60_000,
            tool_result_bytes_max: 8 * 1024,
            answer_bytes_max: 64 * 1024,
            reply_tokens_max: 1024,
        }
    }
}

/// Something that was observed and may be cited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The id to cite.
    pub id: EvidenceId,
    /// What was seen, in words: data, never instruction.
    pub text: String,
}

/// What is known when the investigation begins.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseFile {
    /// The incident, which the answer must name.
    pub incident_id: IncidentId,
    /// One line.
    pub title: String,
    /// The machine, in a few lines.
    pub machine: Vec<String>,
    /// What the local layer makes of it.
    pub local: String,
    /// The observations so far.
    pub observations: Vec<Observation>,
    /// What a person wants to know, if a person asked.
    pub question: Option<String>,
    /// `en`, `fr` or `ko`.
    pub language: &'static str,
}

/// Who says something in the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// hale.
    User(String),
    /// The model: its words, and the tools it asked for.
    Assistant {
        /// Words.
        text: String,
        /// Tools.
        calls: Vec<ToolCall>,
    },
    /// What tools returned, one a call.
    Tools(Vec<ToolResult>),
}

/// A model asks for a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The provider's id of this call.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// Its arguments, unchecked.
    pub arguments: Value,
    /// What the provider wants back with it, unread.
    pub opaque: Option<String>,
}

/// What a tool returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The call that it answers.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// For the model: fenced, bounded.
    pub text: String,
    /// Whether it says why there is no result.
    pub is_error: bool,
}

/// A call of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCall {
    /// What the model is told about its work.
    pub system: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools it may ask for; none: it must answer.
    pub tools: Vec<ToolSpec>,
    /// The schema of the answer where it must answer now.
    pub answer_schema: Option<Value>,
    /// Tokens of the reply.
    pub reply_tokens_max: u32,
}

/// What the machine wants done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Call a model, and come back with what it replied.
    CallModel(Box<ModelCall>),
    /// Run these reads, and come back with one result each, in this order.
    RunTools(Vec<ToolRun>),
    /// It is over.
    Conclude(Box<Conclusion>),
}

/// A read to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolRun {
    /// The call that it answers.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// What to read.
    pub request: ToolRequest,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// The model replied.
    Replied {
        /// Its words.
        text: String,
        /// The tools it asks for.
        calls: Vec<ToolCall>,
        /// Tokens in and out of this call.
        tokens: u64,
        /// Whether the limit of tokens cut it off.
        is_cut: bool,
    },
    /// No model could be asked.
    Failed(String),
    /// The reads were done: per run the observations, or why there are none.
    ToolsRan(Vec<Result<Vec<Observation>, String>>),
    /// The time for this investigation is over.
    TimeUp,
}

/// A line of the stream of thoughts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    /// Who.
    pub agent: Agent,
    /// In words.
    pub text: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Conclusion {
    /// With a diagnosis.
    Diagnosed(Box<ModelDiagnosis>),
    /// The answer was thrown away; the local diagnosis stands.
    Discarded {
        /// Why.
        why: String,
        /// What sort of reason that is.
        flaw: Flaw,
    },
    /// No model could be asked.
    Unavailable {
        /// Why.
        why: String,
    },
}

/// Why an answer was thrown away: whether another model may do better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It was not what had been asked for, the second time too.
    Unfit,
    /// It was cut off at the limit of tokens, the second time too.
    CutOff,
    /// A limit of the whole conversation was reached, in time or in tokens.
    Limit,
}

/// What a model found, after checking.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelDiagnosis {
    /// The diagnosis, its evidence only what exists.
    pub diagnosis: Diagnosis,
    /// What it claims, each with whether it is grounded.
    pub claims: Vec<CheckedClaim>,
    /// What it would do: proposals, whatever risk it claims for them.
    pub proposals: Vec<Proposal>,
    /// Objections of the second pass.
    pub objections: Vec<String>,
    /// Tokens it all took.
    pub tokens: u64,
}

/// A claim and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedClaim {
    /// In the model's words.
    pub text: String,
    /// Observations that exist.
    pub evidence: Vec<EvidenceId>,
    /// Ids that it cited and that do not exist.
    pub invented: Vec<String>,
}

impl CheckedClaim {
    /// Whether it rests on anything.
    pub fn grounded(&self) -> bool {
        !self.evidence.is_empty()
    }
}
