//! One provider of the chain: what is sent, how the answer is read, which words of its errors mean
//! what. Pure; the bytes travel in [`crate::http`].

use hale_model::config::{AiProvider, ProviderKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::draft::Draft;
use crate::error::{Fault, FaultKind};
use crate::sse::Framing;
use crate::types::Request;
use crate::{anthropic, gemini, ollama, openai};

/// What opens a provider's door.
#[derive(Clone, Debug, Default)]
pub enum Credential {
    /// Nothing is asked for.
    #[default]
    None,
    /// An API key.
    ApiKey(SecretString),
    /// A short-lived access token (OAuth).
    Bearer(SecretString),
}

impl Credential {
    pub(crate) fn secret(&self) -> Option<&str> {
        match self {
            Credential::None => None,
            Credential::ApiKey(secret) | Credential::Bearer(secret) => Some(secret.expose_secret()),
        }
    }

    /// The headers that carry it.
    pub(crate) fn headers(&self, kind: ProviderKind) -> Vec<(&'static str, String)> {
        match (self, kind) {
            (Credential::None, _) => Vec::new(),
            (Credential::ApiKey(key), ProviderKind::Anthropic) => {
                vec![("x-api-key", key.expose_secret().to_owned())]
            }
            (Credential::ApiKey(key), ProviderKind::Gemini) => {
                vec![("x-goog-api-key", key.expose_secret().to_owned())]
            }
            (Credential::ApiKey(key), ProviderKind::OpenAi | ProviderKind::Ollama)
            | (Credential::Bearer(key), _) => {
                vec![("authorization", format!("Bearer {}", key.expose_secret()))]
            }
        }
    }
}

/// A call as it leaves, but for the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Provider: `anthropic`.
    pub provider: String,
    /// Model.
    pub model: String,
    /// Where it goes.
    pub url: String,
    /// Headers, without the one that carries the key.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body.
    pub body: String,
}

pub(crate) fn outgoing(
    provider: &AiProvider,
    request: &Request,
    dialect: openai::Dialect,
) -> Outgoing {
    let (base, model) = (provider.base_url(), provider.model());
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let (path, body) = match provider.provider {
        ProviderKind::Anthropic => {
            headers.push(("anthropic-version".to_owned(), anthropic::VERSION.to_owned()));
            (anthropic::path(base), anthropic::body(model, request))
        }
        ProviderKind::Gemini => (gemini::path(base, model), gemini::body(model, request)),
        ProviderKind::OpenAi => {
            ("/chat/completions".to_owned(), openai::body(model, request, dialect))
        }
        ProviderKind::Ollama => ("/api/chat".to_owned(), ollama::body(model, request)),
    };
    Outgoing {
        provider: provider.provider.as_str().to_owned(),
        model: model.to_owned(),
        url: format!("{base}{path}"),
        headers,
        body: body.to_string(),
    }
}

pub(crate) fn framing(kind: ProviderKind) -> Framing {
    match kind {
        ProviderKind::Anthropic | ProviderKind::Gemini | ProviderKind::OpenAi => Framing::Sse,
        ProviderKind::Ollama => Framing::Lines,
    }
}

/// One event of a stream.
pub(crate) fn event(kind: ProviderKind, draft: &mut Draft, data: &str) -> Result<(), Fault> {
    if kind == ProviderKind::OpenAi && data.trim() == "[DONE]" {
        draft.is_complete = true;
        draft.is_over = true;
        return Ok(());
    }
    let value = json(data)?;
    match kind {
        ProviderKind::Anthropic => anthropic::event(draft, &value),
        ProviderKind::Gemini => gemini::event(draft, &value),
        ProviderKind::OpenAi => openai::event(draft, &value),
        ProviderKind::Ollama => ollama::event(draft, &value),
    }
}

/// A reply in one piece: some servers ignore that a stream was asked for.
pub(crate) fn whole(kind: ProviderKind, draft: &mut Draft, body: &str) -> Result<(), Fault> {
    let value = json(body)?;
    match kind {
        ProviderKind::Anthropic => anthropic::whole(draft, &value),
        ProviderKind::Gemini => gemini::whole(draft, &value),
        ProviderKind::OpenAi => openai::whole(draft, &value),
        ProviderKind::Ollama => ollama::event(draft, &value),
    }
}

fn json(text: &str) -> Result<Value, Fault> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() || value.is_array() => Ok(value),
        Ok(_) | Err(_) => {
            let shown = hale_model::text::shorten(text.trim(), 80);
            Err(Fault::garbage(format!("this is no JSON object: {shown}")))
        }
    }
}

/// What an HTTP status and body other than success mean.
pub(crate) fn fault_of(
    kind: ProviderKind,
    status: u16,
    retry_after_secs: Option<u64>,
    body: &str,
) -> Fault {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    // Gemini's stream errors come as a list of one.
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(&value);
    let message = message_of(value).unwrap_or_default();
    let retry_after_secs = retry_after_secs.or_else(|| gemini::retry_delay_secs(value));
    let says = |words: &[&str]| {
        let text = body.to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    let fault = match status {
        401 | 403 => FaultKind::Unauthorized,
        404 => FaultKind::NotFound,
        408 | 504 => FaultKind::Timeout,
        413 => FaultKind::TooLarge,
        429 => FaultKind::RateLimited { retry_after_secs },
        503 | 529 => FaultKind::Overloaded { retry_after_secs },
        // Gemini answers 400 to a key that is not one.
        400 if says(&["api_key_invalid", "api key not valid"]) => FaultKind::Unauthorized,
        400 | 422
            if says(&[
                "context_length_exceeded",
                "prompt is too long",
                "maximum context length",
                "exceeds the maximum number of tokens",
            ]) =>
        {
            FaultKind::TooLarge
        }
        400 | 422 if says(&["content_policy_violation", "content_filter"]) => FaultKind::Refused,
        400..=499 => FaultKind::Rejected,
        300..=399 => FaultKind::NotFound,
        _ => FaultKind::Server,
    };
    let what = match (message.is_empty(), kind) {
        (false, _) => format!("HTTP {status}: {message}"),
        (true, _) if (300..=399).contains(&status) => {
            format!("HTTP {status}: it leads elsewhere, which is not followed")
        }
        (true, _) => format!("HTTP {status}"),
    };
    Fault::new(fault, what)
}

/// `{"error":{"message":…}}`, `{"error":"…"}`, `{"message":…}`, `{"detail":…}`.
fn message_of(value: &Value) -> Option<String> {
    ["/error/message", "/error", "/message", "/detail"]
        .iter()
        .find_map(|path| value.pointer(path)?.as_str())
        .map(str::to_owned)
}

pub(crate) fn str_of<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// A count; some servers write whole numbers as floats.
pub(crate) fn u64_of(value: &Value, path: &str) -> Option<u64> {
    let number = value.pointer(path)?;
    let float = || number.as_f64().filter(|f| *f >= 0.0 && *f < 1e15).map(|f| f as u64);
    number.as_u64().or_else(float)
}
