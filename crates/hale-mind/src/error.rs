//! What can go wrong between hale and a model, in words that say what to do next. No error holds a
//! key: details that come from a server pass through [`crate::scrub`] first.

use std::fmt;

use hale_model::Timestamp;
use hale_model::text::moment;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the day's limits are set.
pub(crate) const USD_KEY: &str = "ai.daily_budget_usd";
pub(crate) const TOKENS_KEY: &str = "ai.daily_budget_tokens";

/// What one provider's attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// No key was found anywhere.
    NoKey,
    /// The key or token was refused (401, 403).
    Unauthorized,
    /// Too many requests, or the quota is spent (429).
    RateLimited {
        /// Seconds until the next try, if the provider said.
        retry_after_secs: Option<u64>,
    },
    /// It has no capacity at the moment (503, 529).
    Overloaded {
        /// Seconds until the next try, if the provider said.
        retry_after_secs: Option<u64>,
    },
    /// It failed (other 5xx, or an error in the middle of the answer).
    Server,
    /// No answer in time.
    Timeout,
    /// No connection: name, route, TLS.
    Unreachable,
    /// The answer cannot be read: wrong form, cut off, empty, or beyond the byte limit.
    Garbage,
    /// Its answer could be read and was not what had been asked for, the second time too.
    Unfit,
    /// Its answer was cut off at the limit of tokens, before it was whole.
    CutOff,
    /// The question is longer than the model reads (413, context length).
    TooLarge,
    /// The request is not accepted as it stands (400, 422).
    Rejected,
    /// There is no such model or address (404).
    NotFound,
    /// The model or the provider's filter declined to answer.
    Refused,
    /// What is left of the day's budget does not suffice for it.
    NoBudget,
    /// It failed repeatedly and is left alone until then.
    Resting {
        /// When it is tried again.
        until: Timestamp,
    },
}

/// A [`FaultKind`] with what was seen, before it is known whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub kind: FaultKind,
    /// May hold text of a server: not yet scrubbed.
    pub detail: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Fault { kind, detail: detail.into() }
    }

    pub(crate) fn garbage(detail: impl Into<String>) -> Self {
        Fault::new(FaultKind::Garbage, detail)
    }
}

/// Why one provider did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub struct ProviderError {
    /// `anthropic`
    pub provider: String,
    /// The model that was asked.
    pub model: String,
    /// Name of the environment variable that would hold its key; empty where it needs none.
    pub key_name: String,
    /// What happened.
    #[serde(flatten)]
    pub fault: FaultKind,
    /// What was seen, shortened, printable, without keys.
    pub detail: String,
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.provider, self.model, self.what())
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::NoKey => write!(f, "no key")?,
            FaultKind::Unauthorized => write!(f, "the key was refused")?,
            FaultKind::RateLimited { retry_after_secs: Some(secs) } => {
                write!(f, "too many requests; it asks to wait {secs} s")?;
            }
            FaultKind::RateLimited { retry_after_secs: None } => write!(f, "too many requests")?,
            FaultKind::Overloaded { .. } => write!(f, "overloaded")?,
            FaultKind::Server => write!(f, "it failed")?,
            FaultKind::Timeout => write!(f, "no answer in time")?,
            FaultKind::Unreachable => write!(f, "cannot be reached")?,
            FaultKind::Garbage => write!(f, "its answer cannot be read")?,
            FaultKind::Unfit => write!(f, "its answer did not fit, twice")?,
            FaultKind::CutOff => write!(f, "its answer was cut off at the limit of ai.max_tokens")?,
            FaultKind::TooLarge => write!(f, "the question is too long for it")?,
            FaultKind::Rejected => write!(f, "it does not accept the request")?,
            FaultKind::NotFound => write!(f, "no such model or address")?,
            FaultKind::Refused => write!(f, "it declined to answer")?,
            FaultKind::NoBudget => write!(f, "today's budget does not suffice")?,
            FaultKind::Resting { until } => write!(f, "resting until {}", moment(*until))?,
        }
        Ok(())
    }
}

impl ProviderError {
    /// What happened, without whose it is.
    pub fn what(&self) -> String {
        match self.detail.as_str() {
            "" => self.fault.to_string(),
            detail => format!("{}: {detail}", self.fault),
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        let key = &self.key_name;
        match &self.fault {
            FaultKind::NoKey => format!("set {key}, or store a key with `hale setup`"),
            FaultKind::Unauthorized if key.is_empty() => {
                "look at base_url: this address wants a key".to_owned()
            }
            FaultKind::Unauthorized => {
                format!("put a valid key into {key}, or store one with `hale setup`")
            }
            FaultKind::RateLimited { .. } => {
                "wait, raise the quota at the provider, or add a second provider".to_owned()
            }
            FaultKind::Overloaded { .. } | FaultKind::Server | FaultKind::Resting { .. } => {
                "wait, or add a second provider to [[ai.providers]]".to_owned()
            }
            FaultKind::Timeout => {
                "raise ai.timeout_secs, take a smaller model, or add a second provider".to_owned()
            }
            FaultKind::Unreachable => {
                "see whether it runs there; look at base_url, the network and the proxy".to_owned()
            }
            FaultKind::Garbage => "look at base_url: does it lead to this kind of API?".to_owned(),
            FaultKind::Unfit => "take a larger model, or add a second provider".to_owned(),
            FaultKind::CutOff => "raise ai.max_tokens".to_owned(),
            FaultKind::TooLarge => "ask about less at once, or take a larger model".to_owned(),
            FaultKind::Rejected => "look at model and base_url".to_owned(),
            FaultKind::NotFound => format!(
                "look at base_url and model: does {} offer `{}`?",
                self.provider, self.model
            ),
            FaultKind::NoBudget if self.detail.contains("tokens") => {
                format!("raise {TOKENS_KEY}, or wait until tomorrow (UTC)")
            }
            FaultKind::NoBudget => format!("raise {USD_KEY}, or add a local model"),
            FaultKind::Refused => "ask in other words, or add a second provider".to_owned(),
        }
    }
}

/// Why no model answered.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum MindError {
    /// `[ai] enabled = false`.
    #[error("the language model is switched off")]
    Disabled,
    /// The chain is empty.
    #[error("no language model is configured")]
    NoProvider,
    /// The last automatic call is too recent.
    #[error(
        "the last automatic model call was less than {cooldown_secs} s ago; the next may go at {}", moment(*.until)
    )]
    CoolingDown {
        /// `ai.cooldown_secs`
        cooldown_secs: u64,
        /// When the next may go.
        until: Timestamp,
    },
    /// The day's money or tokens would not suffice for this call.
    #[error(
        "today's model budget does not suffice: {spent} of {limit} used, this call may need {needed}"
    )]
    BudgetSpent {
        /// What was used, with its unit.
        spent: String,
        /// What may be used, with its unit.
        limit: String,
        /// What this call may cost at most.
        needed: String,
        /// The setting that limits it.
        setting: &'static str,
        /// When the next day begins.
        resets_at: Timestamp,
    },
    /// The ledger cannot be kept, so that no budget could be.
    #[error("cannot keep the model budget: {0}")]
    Ledger(String),
    /// hale or its control group is near its memory limit.
    #[error("no memory for a model call: {0}")]
    MemoryShort(String),
    /// Every provider was tried, or skipped, in vain. Empty only where none was left to try.
    #[error("no model answered: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    AllFailed(Vec<ProviderError>),
}

impl MindError {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            MindError::Disabled => "set `enabled = true` in [ai]".to_owned(),
            MindError::NoProvider => "add [[ai.providers]], or run `hale setup`".to_owned(),
            MindError::CoolingDown { .. } => "wait, or lower ai.cooldown_secs".to_owned(),
            MindError::BudgetSpent { setting, resets_at, .. } => {
                format!("raise {setting}, or wait until {}", moment(*resets_at))
            }
            MindError::Ledger(_) => "see `hale doctor`".to_owned(),
            MindError::MemoryShort(_) => {
                "raise the memory limit of the service (MemoryMax=)".to_owned()
            }
            MindError::AllFailed(errors) => {
                errors.first().map(ProviderError::hint).unwrap_or_default()
            }
        }
    }
}
