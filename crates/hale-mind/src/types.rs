//! What is asked of a model and what comes back, in words that every provider shares. Nothing here
//! knows a provider's wire format.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The tool through which providers without free-standing structured output give their answer. No
/// tool of a caller may have this name.
pub const ANSWER_TOOL: &str = "final_answer";

/// One question, with everything the model is shown. The texts leave as they stand here: whoever
/// makes a request has redacted them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What the model is, and the rules it answers by.
    pub system: String,
    /// The conversation so far, the oldest first.
    pub messages: Vec<Message>,
    /// Tools the model may call.
    pub tools: Vec<ToolSpec>,
    /// JSON Schema of the answer; none: free text.
    pub answer_schema: Option<Value>,
    /// Tokens that the model may write, its hidden reasoning included.
    pub max_tokens: u32,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// hale, or the person it speaks for; tool results too.
    User,
    /// The model.
    Assistant,
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: Vec<Part>,
}

impl Message {
    /// A text of hale's.
    pub fn user(text: impl Into<String>) -> Self {
        Message { role: Role::User, content: vec![Part::Text { text: text.into() }] }
    }

    /// A text of the model's.
    pub fn assistant(text: impl Into<String>) -> Self {
        Message { role: Role::Assistant, content: vec![Part::Text { text: text.into() }] }
    }
}

/// A piece of a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// The model wants a tool run.
    ToolCall(ToolCall),
    /// What the tool gave.
    ToolResult {
        /// [`ToolCall::id`].
        id: String,
        /// [`ToolCall::name`].
        name: String,
        /// What it printed.
        content: String,
        /// Whether it failed.
        is_error: bool,
    },
}

/// A tool that the model wants run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names this call within the conversation.
    pub id: String,
    /// Which tool. Not checked: the model may name one that does not exist.
    pub name: String,
    /// Its arguments. Not checked against the tool's schema.
    pub input: Value,
    /// What the provider wants back unread with this call (a signature of its reasoning).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// When to use it.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub input_schema: Value,
}

/// Tokens that a call used, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written, hidden reasoning included.
    pub output_tokens: u64,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It was done.
    #[default]
    End,
    /// It waits for the tools it called.
    ToolCalls,
    /// `max_tokens` were written: the text is cut.
    MaxTokens,
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Its words; empty where it only called tools.
    pub text: String,
    /// The JSON of its answer, where a schema was asked for and JSON came. Not validated.
    pub answer: Option<Value>,
    /// Tools it wants run.
    pub tool_calls: Vec<ToolCall>,
    /// What it used. Where the provider did not say, an estimate on the high side.
    pub usage: Usage,
    /// Whether the provider said what was used.
    pub usage_is_estimated: bool,
    /// Cost in US dollars, by the price list.
    pub cost_usd: f64,
    /// Whether the model was not on the price list, so that the cost is the most it may be.
    pub price_is_guessed: bool,
    /// Provider that answered: `anthropic`.
    pub provider: String,
    /// Model that answered, as the provider names it.
    pub model: String,
    /// Why it stopped.
    pub stop: Stop,
    /// Place in the chain of the provider that answered, from 0.
    #[serde(default)]
    pub place: usize,
    /// Providers tried before this one, each with what was wrong.
    pub passed_over: Vec<crate::ProviderError>,
}

impl Reply {
    /// It as a turn of the conversation, for the next request.
    pub fn message(&self) -> Message {
        let text = Some(&self.text).filter(|text| !text.is_empty());
        let text = text.map(|text| Part::Text { text: text.clone() });
        let calls = self.tool_calls.iter().cloned().map(Part::ToolCall);
        Message { role: Role::Assistant, content: text.into_iter().chain(calls).collect() }
    }
}

/// News while a model answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// A provider is asked now. Text that came before belongs to one that failed: discard it.
    Asking {
        /// `anthropic`
        provider: String,
        /// Its model.
        model: String,
        /// The exact body that leaves now.
        body: String,
    },
    /// More words of the answer.
    Text(String),
    /// More words of the model's reasoning, where the provider shows them.
    Thought(String),
    /// It begins to call a tool.
    Tool(String),
    /// This provider failed; the next is asked, if there is one.
    Failed(crate::ProviderError),
}

/// Vectors of texts, in the order of the texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// Provider and model: only vectors of one model can be compared.
    pub model: String,
    /// One vector a text.
    pub vectors: Vec<Vec<f32>>,
    /// What it used.
    pub usage: Usage,
    /// Cost in US dollars.
    pub cost_usd: f64,
}
