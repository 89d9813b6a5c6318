//! Language models over HTTP. One file a provider ([`anthropic`], [`gemini`], [`openai`], [`ollama`]: what
//! is sent and how the answer is read, pure), one for the bytes on their way ([`http`]), and around them
//! what makes several providers one [`Mind`]: the ordered chain, a circuit breaker each, the cooldown, the
//! day's budget, the memory governor, the keys.
//!
//! Not in here: what is asked and why, redaction, the validation of answers, tools. A request leaves as it
//! was given; whoever makes it has redacted it.
//!
//! ```ignore
//! let keys = Arc::new(Keys::new(Places::of_process(Some(config_dir))));
//! let mind = Mind::new(&config.ai, keys, Arc::new(MemoryLedger::default()));
//! let request = Request {
//!     system: "…".into(),
//!     messages: vec![Message::user("why is the disk full?")],
//!     answer_schema: Some(schema),
//!     max_tokens: config.ai.max_tokens,
//!     ..Request::default()
//! };
//! let reply = mind.ask(&request, Purpose::Person, &mut |delta| show(delta)).await?;
//! ```
//!
//! The next turn repeats the conversation: push an assistant [`Message`] made of the reply
//! ([`Reply::message`]), then a user message with one [`Part::ToolResult`] for every tool call.

mod anthropic;
mod breaker;
mod budget;
mod draft;
mod embed;
mod error;
mod examine;
#[doc(hidden)]
pub mod fuzzing;
mod gemini;
mod governor;
mod http;
pub mod keys;
mod mind;
pub mod oauth;
mod ollama;
mod openai;
mod prices;
mod provider;
mod rest;
mod scrub;
mod sse;
mod types;

pub use breaker::Breaker;
pub use budget::{Ledger, LedgerStore, MemoryLedger};
pub use embed::EMBED_TEXTS_MAX;
pub use error::{FaultKind, MindError, ProviderError};
pub use examine::ProviderState;
pub use governor::Governor;
pub use http::{Patience, RESPONSE_BYTES_MAX};
pub use mind::{Clock, Mind, Purpose, REQUEST_BYTES_MAX};
pub use prices::Price;
pub use provider::{Credential, Outgoing};
pub use types::{
    ANSWER_TOOL, Delta, Embeddings, Message, Part, Reply, Request, Role, Stop, ToolCall, ToolSpec,
    Usage,
};
