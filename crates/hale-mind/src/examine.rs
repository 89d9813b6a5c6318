//! Which providers are usable and why not, for `hale doctor` and set-up: what is configured and which
//! key is found where; with a question over the network only where it is asked for. That question costs
//! nothing: it reads the provider's own description of the model.

use std::time::Duration;

use hale_model::config::ProviderKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Fault, FaultKind, ProviderError};
use crate::gemini;
use crate::http::{self, Patience};
use crate::mind::{Mind, Seat};
use crate::oauth::SignInState;

/// One provider's answer to a probe.
const PROBE_SECS_MAX: u64 = 10;

/// One provider of the chain, as `hale doctor` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderState {
    /// `anthropic`
    pub provider: String,
    /// Its model.
    pub model: String,
    /// Where it is asked.
    pub base_url: String,
    /// Where its key was found, never the key: `the environment`, `a sign-in`; none: it has none.
    pub key: Option<String>,
    /// Name under which the key is looked for; empty: it needs none.
    pub key_name: String,
    /// Why it is not usable; none: it is, as far as was looked.
    pub trouble: Option<ProviderError>,
    /// What is worth knowing of a usable one: a guessed price.
    pub note: Option<String>,
}

impl Mind {
    /// What is known of each provider without asking it.
    pub async fn states(&self) -> Vec<ProviderState> {
        let mut states = Vec::new();
        for seat in self.seats() {
            states.push(self.state(seat).await);
        }
        states
    }

    /// The same, and each usable one is asked whether it takes the key and has the model.
    pub async fn probe(&self) -> Vec<ProviderState> {
        let mut states = Vec::new();
        for seat in self.seats() {
            // Whether a sign-in is still taken shows only when a token is fetched for it.
            self.keys().token_for(&seat.provider, self.now()).await;
            let mut state = self.state(seat).await;
            if state.trouble.is_none() {
                state.trouble = self.probe_seat(seat).await.err();
            }
            states.push(state);
        }
        states
    }

    async fn state(&self, seat: &Seat) -> ProviderState {
        let provider = &seat.provider;
        let now = self.now();
        let (mut key, mut trouble) = (None, None);
        let sign_in = self.keys().sign_in_of(provider).await;
        if self.keys().has_bearer(provider, now) || matches!(sign_in, SignInState::Kept(_)) {
            key = Some("a sign-in".to_owned());
        } else if provider.needs_key() {
            match self.keys().find(provider.key_name()).await {
                Ok(Some((_, place))) => key = Some(place.to_string()),
                Ok(None) => {
                    let why = match &sign_in {
                        SignInState::Failing(error) => format!("{error}; {}", error.hint()),
                        SignInState::Absent | SignInState::Kept(_) => String::new(),
                    };
                    trouble = Some(seat.error(Fault::new(FaultKind::NoKey, why), None));
                }
                Err(error) => {
                    let fault = Fault::new(FaultKind::NoKey, error.to_string());
                    trouble = Some(seat.error(fault, None));
                }
            }
        }
        if trouble.is_none()
            && let Some((until, why)) = self.resting(seat)
        {
            let fault = Fault::new(FaultKind::Resting { until }, why.what());
            trouble = Some(seat.error(fault, None));
        }
        if trouble.is_none()
            && let Ok(used) = self.used_today()
            && let Some(detail) = used.used_up(self.config(), seat.price)
        {
            trouble = Some(seat.error(Fault::new(FaultKind::NoBudget, detail), None));
        }
        let note = seat.price.is_guessed.then(|| {
            format!(
                "not on the price list: reckoned at ${} and ${} a million tokens; set input_usd_per_mtok and output_usd_per_mtok",
                seat.price.input_usd_per_mtok, seat.price.output_usd_per_mtok
            )
        });
        let note = match sign_in {
            SignInState::Failing(error) => Some(format!("{error}; {}", error.hint())),
            SignInState::Absent | SignInState::Kept(_) => note,
        };
        ProviderState {
            provider: provider.provider.as_str().to_owned(),
            model: provider.model().to_owned(),
            base_url: provider.base_url().to_owned(),
            key,
            key_name: provider.key_name().to_owned(),
            trouble,
            note,
        }
    }

    async fn probe_seat(&self, seat: &Seat) -> Result<(), ProviderError> {
        let credentials = self.keys().credentials(&seat.provider, self.now()).await;
        let credentials = credentials.unwrap_or_default();
        let credential = credentials.first().cloned().unwrap_or_default();
        let fail = |fault| seat.error(fault, credential.secret());
        let client = seat.client().map_err(fail)?;
        let (kind, model) = (seat.provider.provider, seat.provider.model());
        let url = format!("{}{}", seat.provider.base_url(), question(seat));
        // A person waits for all of them, one after the other.
        let limit = Duration::from_secs(PROBE_SECS_MAX);
        let (idle, total) = (seat.patience.idle.min(limit), seat.patience.total.min(limit));
        let patience = Patience { idle, total, ..seat.patience };
        let answer = http::fetch(&client, kind, None, &url, &credential, patience).await;
        let answer = answer.map_err(fail)?;
        knows(kind, &answer, model).map_err(fail)
    }
}

/// The path whose answer tells whether the model is there.
fn question(seat: &Seat) -> String {
    let (base, model) = (seat.provider.base_url(), seat.provider.model());
    match seat.provider.provider {
        ProviderKind::Anthropic if base.ends_with("/v1") => format!("/models/{model}"),
        ProviderKind::Anthropic => format!("/v1/models/{model}"),
        ProviderKind::Gemini => format!("{}/{}", gemini::version(base), gemini::resource(model)),
        // Not all that speak the API know `/models/NAME`; the list they all have.
        ProviderKind::OpenAi => "/models".to_owned(),
        ProviderKind::Ollama => "/api/tags".to_owned(),
    }
}

fn knows(kind: ProviderKind, answer: &Value, model: &str) -> Result<(), Fault> {
    let (list, key) = match kind {
        // The answer is about the model itself.
        ProviderKind::Anthropic | ProviderKind::Gemini => return Ok(()),
        ProviderKind::OpenAi => (&answer["data"], "id"),
        ProviderKind::Ollama => (&answer["models"], "name"),
    };
    let Some(list) = list.as_array() else {
        return Err(Fault::garbage("the list of models has another form"));
    };
    let names: Vec<&str> = list.iter().filter_map(|one| one[key].as_str()).collect();
    let latest = format!("{model}:latest");
    if names.iter().any(|name| *name == model || *name == latest) {
        return Ok(());
    }
    // A relay may take more names than it lists.
    if kind == ProviderKind::OpenAi && names.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = names.iter().take(5).copied().collect();
    let detail = format!("it has {} models: {}…", names.len(), shown.join(", "));
    Err(Fault::new(FaultKind::NotFound, detail))
}
