//! Which language models are usable and why not, and what is left of the day's budget. Nobody is asked
//! over the network unless a person wants it ([`probe_models`]); whether there is a key is told, never
//! the key.

use hale_mind::{FaultKind, Ledger, ProviderState};
use hale_model::Timestamp;
use hale_model::config::{Ai, ProviderKind};
use hale_model::view::DoctorCheck;

use super::{check, ok, warning};
use crate::Settings;
use crate::adviser::{Adviser, LEDGER_KEY};
use crate::desk::Desk;

/// Begins the name of every check of one provider.
const NAME: &str = "model";

pub(crate) fn checks(desk: &Desk) -> Vec<DoctorCheck> {
    let ai = &desk.settings.config.ai;
    let fresh;
    let adviser = match desk.adviser.get() {
        // The agent's own: it knows who failed lately.
        Some(adviser) => adviser.as_ref(),
        None => match Adviser::new(&desk.settings) {
            Some(adviser) => {
                fresh = adviser;
                &fresh
            }
            None => return vec![none(ai)],
        },
    };
    let states = wait_for(adviser.states()).unwrap_or_default();
    let mut checks: Vec<DoctorCheck> = states.iter().map(of_provider).collect();
    let fault = |state: &ProviderState| state.trouble.as_ref().map(|t| t.fault.clone());
    let has_key = |state: &ProviderState| fault(state) != Some(FaultKind::NoKey);
    if states.iter().any(has_key) {
        let is_used_up = states.iter().any(|state| fault(state) == Some(FaultKind::NoBudget));
        checks.extend(budget(desk, is_used_up));
    } else if let Some(hint) = keys_that_wait(ai) {
        checks.push(check("models", "absent", hint.0, Some(hint.1)));
    }
    checks
}

/// The checks of the providers again, each usable one asked whether it takes the key and has the model.
/// This costs nothing.
pub async fn probe_models(settings: &Settings) -> Vec<DoctorCheck> {
    match Adviser::new(settings) {
        Some(adviser) => adviser.mind().probe().await.iter().map(of_provider).collect(),
        None => vec![none(&settings.config.ai)],
    }
}

/// The same without asking anybody.
pub(crate) async fn known_models(settings: &Settings) -> Vec<DoctorCheck> {
    match Adviser::new(settings) {
        Some(adviser) => adviser.states().await.iter().map(of_provider).collect(),
        None => vec![none(&settings.config.ai)],
    }
}

fn none(ai: &Ai) -> DoctorCheck {
    let found = if ai.enabled {
        "no language model is configured; hale works without one"
    } else {
        "switched off ([ai] enabled = false); hale works without a model"
    };
    let hint = Some("`hale setup`".to_owned()).filter(|_| ai.enabled);
    check("models", "absent", found.to_owned(), hint)
}

fn of_provider(state: &ProviderState) -> DoctorCheck {
    let name = format!("{NAME} {}", state.provider);
    let Some(trouble) = &state.trouble else {
        let key = match &state.key {
            Some(place) => format!("key from {place}"),
            None => "no key needed".to_owned(),
        };
        let found = format!("{} at {} · {key}", state.model, state.base_url);
        return match &state.note {
            None => ok(&name, found),
            Some(note) => check(&name, "ok", found, Some(note.clone())),
        };
    };
    // Without a key hale works as it should, without a model.
    let is_just_without_key = trouble.fault == FaultKind::NoKey && trouble.detail.is_empty();
    if is_just_without_key {
        let found = format!("{}: no key; hale works without a model", state.model);
        return check(&name, "absent", found, Some(trouble.hint()));
    }
    warning(&name, trouble.to_string(), Some(trouble.hint()))
}

/// What today used, from what is stored.
fn budget(desk: &Desk, is_used_up: bool) -> Option<DoctorCheck> {
    if !desk.files.state().exists() {
        return None;
    }
    let text = desk.read(|state| state.setting(LEDGER_KEY)).ok()??;
    let used = serde_json::from_str::<Ledger>(&text).ok()?.of_day(Timestamp::now());
    let ai = &desk.settings.config.ai;
    let usd = used.usd_micros as f64 / 1e6;
    let mut found = format!("${usd:.2} of ${:.2} today, {} calls", ai.daily_budget_usd, used.calls);
    if ai.daily_budget_tokens > 0 {
        let tokens = used.input_tokens.saturating_add(used.output_tokens);
        found.push_str(&format!(", {tokens} of {} tokens", ai.daily_budget_tokens));
    }
    if is_used_up {
        found.push_str(": used up until midnight (UTC)");
        let hint = "raise ai.daily_budget_usd or ai.daily_budget_tokens".to_owned();
        return Some(warning("model budget", found, Some(hint)));
    }
    Some(ok("model budget", found))
}

/// A key in this environment that no configured provider uses.
fn keys_that_wait(ai: &Ai) -> Option<(String, String)> {
    let kind = ProviderKind::ALL.into_iter().find(|kind| {
        let name = kind.key_name();
        !name.is_empty()
            && std::env::var_os(name).is_some_and(|value| !value.is_empty())
            && ai.providers.iter().all(|p| p.key_name() != name)
    })?;
    Some((
        format!("{} is set, and no provider of the config uses it", kind.key_name()),
        format!("add [[ai.providers]] with provider = \"{}\"", kind.as_str()),
    ))
}

/// Questions are answered with and without a runtime around them, so this brings its own. Bounded by
/// the limits within: the keyring has a few seconds.
fn wait_for<T: Send>(work: impl Future<Output = T> + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            Some(runtime.block_on(work))
        });
        thread.join().ok().flatten()
    })
}
