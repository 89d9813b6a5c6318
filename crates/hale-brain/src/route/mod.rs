//! From a sentence to a local plan, without a model.
//!
//! [`route`] reads a sentence in English, French or Korean (or a mixture) and answers with the
//! commands of the one intent that explains it, or says that it does not understand. The intents
//! and the words are data (`rules/intents/*.toml`); the code knows how to cut a sentence, forgive
//! typing mistakes, read values and put them into a command as exactly one word each.
//!
//! The principle that makes it safe to be sure: every word of a sentence has to be accounted for.
//! Whatever an intent does not expect (a negation, a condition, a second request, a subject it
//! has never heard of) makes the sentence unknown, it is never skipped. What a command risks is
//! not decided here: the shell guard judges each one like any other.

mod company;
mod error;
mod fold;
mod hangul;
mod host;
mod intents;
mod knowledge;
mod language;
mod lexicon;
mod matching;
mod mood;
mod names;
mod nearest;
mod orders;
mod render;
mod stem;
mod template;
mod tokens;
mod typo;
mod values;
mod whose;

use hale_model::config::Language;

pub use error::RouteError;
pub use host::{HostFacts, LOG_FILES, PackageManager};
pub use intents::{Examples, IntentInfo};

use knowledge::knowledge;

/// Longest sentence that is read, in bytes; a longer one is a text, not a request.
pub const SENTENCE_BYTES_MAX: usize = 600;
/// Most words of a sentence that is read.
pub const SENTENCE_WORDS_MAX: usize = 60;
/// Most intents named to a person whose sentence is not understood.
pub const NEAREST_MAX: usize = 3;
/// Below this confidence (0..1) a plan is not given.
pub const CONFIDENCE_MIN: f64 = 0.7;

/// What a sentence came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Routed {
    /// Understood: what to run.
    Plan(LocalPlan),
    /// Not understood, or not surely enough.
    Unknown(Unknown),
}

/// Commands that answer a sentence; nothing has judged their risk yet.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalPlan {
    /// The intent's id, such as `files.big`.
    pub intent: String,
    /// The sentence's language.
    pub language: Language,
    /// What the plan does, one sentence in that language.
    pub explanation: String,
    /// What to run, in this order; a step is run only when the one before succeeded.
    pub steps: Vec<LocalStep>,
    /// Whether the intent means to change something; a hint for words, never for the guard.
    pub changes: bool,
    /// How sure, 0..1; never below [`CONFIDENCE_MIN`].
    pub confidence: f64,
}

/// One command of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalStep {
    /// A line for a POSIX shell; every value from the sentence is quoted in it.
    pub command: String,
    /// What it is for, in the sentence's language.
    pub why: String,
}

/// A sentence without a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    /// The sentence's language.
    pub language: Language,
    /// Why there is no plan.
    pub reason: Reason,
    /// The nearest intents, nearest first, at most [`NEAREST_MAX`]; none when nothing is near.
    pub nearest: Vec<Nearest>,
}

/// An intent that a sentence came near to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The intent's id.
    pub intent: String,
    /// A sentence that it understands, in the language of the person.
    pub example: String,
}

/// Why a sentence got no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing to read: no words in it.
    Empty,
    /// Longer than [`SENTENCE_BYTES_MAX`] or [`SENTENCE_WORDS_MAX`].
    TooLong,
    /// These words (as written) were not accounted for by any intent.
    Words(Vec<String>),
    /// The words are known, yet they make no request that hale knows.
    NoIntent,
    /// It talks about a change, or asks about one; it does not ask for it.
    NoOrder,
    /// An intent fits, but this value (a kind such as `path` or `port`) is missing or is not one.
    MissingValue(String),
    /// More than one intent fits equally well.
    Ambiguous,
    /// The intent is known, this machine lacks what it needs (`docker or podman`).
    MissingTool(String),
}

impl Reason {
    /// The reason as a sentence for a person.
    pub fn sentence(&self, language: Language) -> String {
        language::reason_sentence(self, language)
    }
}

/// Reads one sentence for one machine. The same sentence and facts give the same answer.
pub fn route(sentence: &str, host: &HostFacts) -> Routed {
    matching::route_with(knowledge(), sentence, host)
}

/// Every intent hale knows, in the order of their subjects.
pub fn intents() -> Vec<IntentInfo> {
    knowledge().intents.iter().map(intents::Intent::info).collect()
}

/// The language of a sentence; English where nothing tells.
pub fn detect_language(sentence: &str) -> Language {
    let knowledge = knowledge();
    let tokens = tokens::read(sentence, &knowledge.lexicon);
    language::of_tokens(&tokens, sentence, &knowledge.lexicon)
}

/// What is wrong with the built-in intents; none, as a test proves.
pub fn built_in_problems() -> &'static [RouteError] {
    &knowledge().problems
}
