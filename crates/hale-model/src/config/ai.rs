//! `[ai]` and `[[ai.providers]]`: which language models are asked, in which order, and what they may
//! cost. Keys have no place here: only the name under which one is kept.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[ai]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ai {
    /// Whether a language model may be asked. Without one that has a key, hale works alone.
    pub enabled: bool,
    /// Seconds between two calls that hale makes by itself; a person's question does not wait.
    #[schemars(range(max = 86_400))]
    pub cooldown_secs: u64,
    /// Tokens of one answer.
    #[schemars(range(min = 64, max = 65_536))]
    pub max_tokens: u32,
    /// US dollars a day (UTC); 0: only models that cost nothing.
    #[schemars(range(max = 100_000.0))]
    pub daily_budget_usd: f64,
    /// Tokens a day (UTC), read and written together; 0: not limited.
    #[schemars(range(max = 1_000_000_000))]
    pub daily_budget_tokens: u64,
    /// Seconds that one provider has for its whole answer.
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_secs: u64,
    /// Tried in this order; one without a key is passed over.
    pub providers: Vec<AiProvider>,
    /// Signing in to Google, instead of a key for Gemini.
    #[serde(skip_serializing_if = "Google::is_default")]
    pub google: Google,
}

impl Default for Ai {
    fn default() -> Self {
        Ai {
            enabled: true,
            cooldown_secs: 60,
            max_tokens: 1024,
            daily_budget_usd: 5.0,
            daily_budget_tokens: 0,
            timeout_secs: 120,
            providers: vec![AiProvider {
                model: "claude-sonnet-4-5".to_owned(),
                api_key_env: "ANTHROPIC_API_KEY".to_owned(),
                ..AiProvider::default()
            }],
            google: Google::default(),
        }
    }
}

/// `[ai.google]`: the OAuth client that `hale login` signs in with. hale ships none. The client's secret
/// has no place here: it is kept where keys are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Google {
    /// Id of your OAuth client of type "Desktop app"; empty: HALE_GOOGLE_CLIENT_ID in the environment.
    pub client_id: String,
    /// What hale may do in your name: scopes, with spaces between.
    pub scope: String,
    /// Where a person signs in.
    pub auth_url: String,
    /// Where codes become tokens.
    pub token_url: String,
    /// Where a device without a browser asks for a code.
    pub device_url: String,
}

impl Default for Google {
    fn default() -> Self {
        Google {
            client_id: String::new(),
            scope: "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/generative-language.retriever".to_owned(),
            auth_url: "https://accounts.google.com/o/oauth2/v2/auth".to_owned(),
            token_url: "https://oauth2.googleapis.com/token".to_owned(),
            device_url: "https://oauth2.googleapis.com/device/code".to_owned(),
        }
    }
}

impl Google {
    fn is_default(&self) -> bool {
        *self == Google::default()
    }
}

/// The API that a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Anthropic Messages.
    #[default]
    Anthropic,
    /// Google Gemini generateContent.
    Gemini,
    /// OpenAI chat completions, and whatever speaks it: OpenRouter, vLLM, llama.cpp, LiteLLM…
    OpenAi,
    /// Ollama.
    Ollama,
}

impl ProviderKind {
    /// Every kind.
    pub const ALL: [ProviderKind; 4] =
        [ProviderKind::Anthropic, ProviderKind::Gemini, ProviderKind::OpenAi, ProviderKind::Ollama];

    /// The name in config, JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ProviderKind::Anthropic => "anthropic",
            ProviderKind::Gemini => "gemini",
            ProviderKind::OpenAi => "openai",
            ProviderKind::Ollama => "ollama",
        }
    }

    /// Where it answers unless `base_url` says otherwise.
    pub fn base_url(self) -> &'static str {
        match self {
            ProviderKind::Anthropic => "https://api.anthropic.com",
            ProviderKind::Gemini => "https://generativelanguage.googleapis.com",
            ProviderKind::OpenAi => "https://api.openai.com/v1",
            ProviderKind::Ollama => "http://127.0.0.1:11434",
        }
    }

    /// The environment variable that its users keep the key in; empty: it needs none.
    pub fn key_name(self) -> &'static str {
        match self {
            ProviderKind::Anthropic => "ANTHROPIC_API_KEY",
            ProviderKind::Gemini => "GEMINI_API_KEY",
            ProviderKind::OpenAi => "OPENAI_API_KEY",
            ProviderKind::Ollama => "",
        }
    }

    /// The model that is asked unless `model` names one. None: it depends on what is installed there.
    pub fn model(self) -> Option<&'static str> {
        match self {
            ProviderKind::Anthropic => Some("claude-sonnet-4-5"),
            ProviderKind::Gemini => Some("gemini-2.5-flash"),
            ProviderKind::OpenAi => Some("gpt-5-mini"),
            ProviderKind::Ollama => None,
        }
    }
}

/// `[[ai.providers]]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AiProvider {
    /// anthropic, gemini, openai (and all that speak its API) or ollama.
    pub provider: ProviderKind,
    /// The model, as the provider names it; empty: the provider's usual one.
    pub model: String,
    /// The *name* of the environment variable, systemd credential or keyring entry that holds the
    /// key; empty: the provider's usual one. The key itself never stands here.
    pub api_key_env: String,
    /// Where the API is, without the last part of the path; empty: the provider's own address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base_url: String,
    /// The model that turns texts into vectors; empty: the provider's usual one, if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub embedding_model: String,
    /// US dollars for a million tokens read, where the price list does not know the model.
    #[schemars(range(max = 100_000.0))]
    pub input_usd_per_mtok: Option<f64>,
    /// US dollars for a million tokens written.
    #[schemars(range(max = 100_000.0))]
    pub output_usd_per_mtok: Option<f64>,
}

impl AiProvider {
    /// The model that is asked; empty where none is named and the provider has no usual one.
    pub fn model(&self) -> &str {
        if self.model.is_empty() { self.provider.model().unwrap_or_default() } else { &self.model }
    }

    /// Where its API is, without a slash at the end.
    pub fn base_url(&self) -> &str {
        let url = if self.base_url.is_empty() { self.provider.base_url() } else { &self.base_url };
        url.trim_end_matches('/')
    }

    /// The name under which its key is kept; empty: it needs none.
    pub fn key_name(&self) -> &str {
        if self.api_key_env.is_empty() { self.provider.key_name() } else { &self.api_key_env }
    }

    /// Whether it answers on this machine.
    pub fn is_local(&self) -> bool {
        let host = host_of(self.base_url());
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether it cannot be asked without a key: where the address is the user's own, the server may
    /// want none.
    pub fn needs_key(&self) -> bool {
        !self.key_name().is_empty() && (self.base_url.is_empty() || !self.api_key_env.is_empty())
    }
}

/// The host in a URL, without user, port and brackets.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// What is wrong with one provider: the key, what, and what would be right. Values that may be
/// secrets are never repeated.
pub(super) fn flaws(provider: &AiProvider) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    let texts = [
        ("model", &provider.model),
        ("api_key_env", &provider.api_key_env),
        ("base_url", &provider.base_url),
        ("embedding_model", &provider.embedding_model),
    ];
    let name = provider.provider.key_name();
    let name = if name.is_empty() { "OLLAMA_API_KEY" } else { name };
    for (key, text) in texts {
        if holds_a_key(text) {
            found.push((
                key,
                "this looks like a key, which has no place in this file".to_owned(),
                away(name),
            ));
        }
    }
    if !found.is_empty() {
        return found;
    }
    for (key, model) in [("model", &provider.model), ("embedding_model", &provider.embedding_model)]
    {
        let odd = |c: char| !(c.is_ascii_alphanumeric() || "._:/@+-".contains(c));
        if model.contains(odd) || model.contains("..") || model.len() > 200 {
            let hint = "it takes letters, digits and ._:/@+-".to_owned();
            found.push((key, "this is not the name of a model".to_owned(), hint));
        }
    }
    if provider.model().is_empty() {
        let hint = "write model = \"…\", one of those that `ollama list` shows".to_owned();
        found.push(("model", "no model is named".to_owned(), hint));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts_well = !provider.api_key_env.starts_with(|c: char| c.is_ascii_digit());
    if !provider.api_key_env.chars().all(is_name)
        || !starts_well
        || provider.api_key_env.len() > 100
    {
        let what = "this is not the name of an environment variable".to_owned();
        found.push(("api_key_env", what, away(name)));
    }
    found.extend(flaw_of_url(&provider.base_url, name));
    found
}

fn away(name: &str) -> String {
    format!(
        "put the key into the environment as {name}, or store it with `hale setup`; here stands api_key_env = \"{name}\""
    )
}

pub(super) fn flaw_of_url(url: &str, name: &str) -> Option<(&'static str, String, String)> {
    if url.is_empty() {
        return None;
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        let hint = "begin it with https:// or http://".to_owned();
        return Some(("base_url", "this is not a web address".to_owned(), hint));
    };
    if !matches!(scheme, "http" | "https") || host_of(url).is_empty() {
        let hint = "write https://HOST/PATH".to_owned();
        return Some(("base_url", "this is not a web address".to_owned(), hint));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let what =
            "this address holds a name or password, which has no place in this file".to_owned();
        return Some(("base_url", what, away(name)));
    }
    if rest.contains(['?', '#']) || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let what = "an address of an API ends before `?` and `#` and holds no spaces".to_owned();
        return Some(("base_url", what, "write https://HOST/PATH".to_owned()));
    }
    None
}

/// Whether http:// would carry a key over the network for all to read.
pub(super) fn sends_key_in_clear(provider: &AiProvider) -> bool {
    provider.base_url().starts_with("http://") && !provider.is_local() && provider.needs_key()
}

/// Beginnings of the keys that providers hand out.
const KEY_PREFIXES: [&str; 16] = [
    "sk-",
    "sk_",
    "AIza",
    "AQ.",
    "ya29.",
    "gsk_",
    "xai-",
    "hf_",
    "pplx-",
    "nvapi-",
    "r8_",
    "ghp_",
    "github_pat_",
    "eyJ",
    "Bearer ",
    "csk-",
];

/// Whether a text is, or contains, what looks like a key: a known beginning, or a long run of mixed
/// letters and digits that no name of a model or host has.
pub(super) fn holds_a_key(text: &str) -> bool {
    let words = text.split(|c: char| c.is_whitespace() || "/?&=@\"',;".contains(c));
    text.starts_with("Bearer ") || words.into_iter().any(is_like_a_key)
}

fn is_like_a_key(word: &str) -> bool {
    let known = KEY_PREFIXES
        .iter()
        .any(|prefix| word.len() >= prefix.len() + 12 && word.starts_with(prefix));
    // `claude-sonnet-4-5-20250929` breaks at every dash; a key runs on.
    let long_run = word.split(['-', '.', ':']).any(|run| {
        let (mut digits, mut upper, mut lower) = (0, 0, 0);
        for c in run.chars() {
            digits += usize::from(c.is_ascii_digit());
            upper += usize::from(c.is_ascii_uppercase());
            lower += usize::from(c.is_ascii_lowercase());
        }
        run.len() >= 24 && digits > 2 && lower > 2 && (upper > 2 || !run.contains('_'))
    });
    known || long_run
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn keys_are_told_from_names() {
        for key in [
            "sk-ant-api03-Zq9XwVb2kLmN4pRt",
            "AIzaSyD4fj39dkGh20fkW9",
            "sk-or-v1-0123456789abcdef0123456789abcdef",
            "0123456789abcdef0123456789abcdef",
            "https://example.org/v1/gsk_Abc123Def456Ghi789",
            "Bearer abc",
        ] {
            assert!(holds_a_key(key), "{key}");
        }
        for name in [
            "claude-sonnet-4-5-20250929",
            "anthropic/claude-3.5-sonnet:beta",
            "gemini-2.5-flash-preview-09-2025",
            "MY_COMPANYS_OPENAI_API_KEY_NUMBER_2",
            "https://openrouter.ai/api/v1",
            "http://[::1]:8000/v1",
            "meta-llama/Meta-Llama-3.1-70B-Instruct-AWQ-INT4",
            "qwen2.5-coder:7b-instruct-q4_K_M",
            "https://my-resource-name.openai.azure.com/openai/deployments/gpt-4o",
            "",
        ] {
            assert!(!holds_a_key(name), "{name}");
        }
    }

    #[test]
    fn a_local_address_is_local() {
        let local =
            |url: &str| AiProvider { base_url: url.to_owned(), ..AiProvider::default() }.is_local();
        assert!(local("http://localhost:8000/v1"));
        assert!(local("http://127.0.0.1"));
        assert!(local("http://[::1]:11434/"));
        assert!(!local("http://localhost.example.org"));
        assert!(!local("https://10.0.0.1:11434"));
        assert!(!local("http://127.0.0.1@example.org/"));
    }
}
