//! The configured models, asked through redaction: whatever leaves was masked in here, and whatever
//! comes back is put right in here. The day's ledger lies in the state database, so that the agent and
//! every command draw on one budget.

use std::path::PathBuf;
use std::sync::Arc;

use hale_brain::decide::redact::{KnownSecrets, Redactor};
use hale_mind::keys::{Keys, Places};
use hale_mind::{
    Delta, Embeddings, FaultKind, Ledger, LedgerStore, Message, Mind, MindError, Outgoing, Part,
    ProviderState, Purpose, Reply, Request,
};
use hale_store::{Access, State, StoreError};
use serde_json::Value;

use crate::Settings;
use crate::files::Files;

/// The setting that holds the day's ledger.
pub(crate) const LEDGER_KEY: &str = "ai.ledger";
/// Values of environment variables with such names are held to be secret.
const SECRET_NAMES: &[&str] = &["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];
const SECRET_BYTES_MIN: usize = 8;

/// Models that can be asked.
pub struct Adviser {
    mind: Mind,
    known: KnownSecrets,
}

impl Adviser {
    /// None where models are switched off or none is configured. Looks for no key yet.
    pub fn new(settings: &Settings) -> Option<Adviser> {
        let ai = &settings.config.ai;
        if !ai.enabled || ai.providers.is_empty() {
            return None;
        }
        let config_dir = settings.config_path.parent().map(PathBuf::from);
        let keys = Arc::new(Keys::new(Places::of_process(config_dir)));
        let ledger = Arc::new(StateLedger { files: Files::new(&settings.data_dir) });
        Some(Adviser { mind: Mind::new(ai, keys, ledger), known: known_secrets(settings) })
    }

    /// The chain itself: what is configured, what today has used.
    pub fn mind(&self) -> &Mind {
        &self.mind
    }

    /// Each provider, and why it cannot be used.
    pub async fn states(&self) -> Vec<ProviderState> {
        self.mind.states().await
    }

    /// Whether any provider can be asked, as far as can be told without asking it.
    pub async fn usable(&self) -> bool {
        self.states().await.iter().any(|state| state.trouble.is_none())
    }

    /// The memory of one conversation: the same value gets the same placeholder in all of it.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.known.clone())
    }

    /// The same, where further names of machines are known.
    pub fn redactor_knowing(&self, machines: &[String]) -> Redactor {
        let mut known = self.known.clone();
        known.host_names.extend_from_slice(machines);
        Redactor::new(known)
    }

    /// The exact bytes that a request would send to each provider, masked.
    pub fn outgoing(&self, redactor: &mut Redactor, request: &Request) -> Vec<Outgoing> {
        self.mind.outgoing(&masked(redactor, request))
    }

    /// Vectors of texts, each masked before it leaves; none: no provider makes any.
    ///
    /// # Errors
    /// Nobody may be asked, or the provider failed.
    pub(crate) async fn embed(&self, texts: &[String]) -> Result<Option<Embeddings>, MindError> {
        let mut redactor = self.redactor();
        let masked: Vec<String> = texts.iter().map(|text| redactor.redact(text)).collect();
        self.mind.embed(&masked).await
    }

    /// Asks. The request leaves masked, the reply comes back with what was masked put in again.
    ///
    /// # Errors
    /// Nobody may be asked, or nobody answered, with the reason of each.
    pub async fn ask(
        &self,
        redactor: &mut Redactor,
        request: &Request,
        purpose: Purpose,
        on: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Reply, MindError> {
        self.ask_from(0, redactor, request, purpose, on).await
    }

    /// The same, but the first so many of the chain are not asked.
    ///
    /// # Errors
    /// As [`Adviser::ask`].
    pub(crate) async fn ask_from(
        &self,
        first_place: usize,
        redactor: &mut Redactor,
        request: &Request,
        purpose: Purpose,
        on: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Reply, MindError> {
        let request = masked(redactor, request);
        let mut reply = self.mind.ask_from(first_place, &request, purpose, on).await?;
        reply.text = redactor.restore(&reply.text);
        reply.answer = reply.answer.map(|answer| each_text(&answer, &mut |t| redactor.restore(t)));
        for call in &mut reply.tool_calls {
            call.input = each_text(&call.input, &mut |t| redactor.restore(t));
        }
        Ok(reply)
    }
}

/// Why none of these can be asked; none: there is just no key, with which hale works as it should.
pub(crate) fn troubles_of(states: &[ProviderState]) -> Option<String> {
    let troubles = states.iter().filter_map(|state| state.trouble.as_ref());
    let told = troubles.filter(|t| t.fault != FaultKind::NoKey || !t.detail.is_empty());
    let told: Vec<String> = told.map(ToString::to_string).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// The request with every text masked that came from the machine or from a person.
fn masked(redactor: &mut Redactor, request: &Request) -> Request {
    let part = |redactor: &mut Redactor, part: &Part| match part {
        Part::Text { text } => Part::Text { text: redactor.redact(text) },
        Part::ToolCall(call) => {
            let mut call = call.clone();
            call.input = each_text(&call.input, &mut |t| redactor.redact(t));
            Part::ToolCall(call)
        }
        Part::ToolResult { id, name, content, is_error } => Part::ToolResult {
            id: id.clone(),
            name: name.clone(),
            content: redactor.redact(content),
            is_error: *is_error,
        },
    };
    let messages = request.messages.iter().map(|message| Message {
        role: message.role,
        content: message.content.iter().map(|p| part(redactor, p)).collect(),
    });
    let messages = messages.collect();
    Request { system: redactor.redact(&request.system), messages, ..request.clone() }
}

/// The same JSON with every text, names of members excepted, replaced.
fn each_text(value: &Value, change: &mut impl FnMut(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| each_text(item, change)).collect(),
        Value::Object(members) => {
            let changed = members.iter().map(|(name, v)| (name.clone(), each_text(v, change)));
            Value::Object(changed.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What hale itself holds or knows to be private.
pub(crate) fn known_secrets(settings: &Settings) -> KnownSecrets {
    let is_secret = |name: &str| {
        let name = name.to_uppercase();
        SECRET_NAMES.iter().any(|word| name.contains(word))
    };
    let mut secrets: Vec<String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, value)| is_secret(name) && value.len() >= SECRET_BYTES_MIN)
        // A path to a secret is not the secret.
        .filter(|(_, value)| !value.starts_with('/'))
        .map(|(_, value)| value)
        .collect();
    let webhook = settings.config.notifications.webhook_url.trim();
    if !webhook.is_empty() {
        secrets.push(webhook.to_owned());
    }
    let places = hale_act::notify::Secrets::of_process();
    for channel in &settings.config.notifications.channels {
        let names = [channel.secret_name(), channel.signing_secret_name()];
        secrets.extend(names.into_iter().filter_map(|name| places.get(name)));
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let user = std::env::var("USER").ok().filter(|user| user != "root");
    KnownSecrets {
        secrets,
        host_names: Some(host).filter(|h| !h.is_empty() && h != "localhost").into_iter().collect(),
        user_names: user.into_iter().collect(),
    }
}

/// The day's ledger in the state database.
struct StateLedger {
    files: Files,
}

impl LedgerStore for StateLedger {
    fn read(&self) -> Result<Ledger, String> {
        let state = match State::open(&self.files.state(), Access::Read) {
            Ok(state) => state,
            // Nothing was asked here yet.
            Err(StoreError::Missing { .. }) => return Ok(Ledger::default()),
            Err(error) => return Err(error.to_string()),
        };
        let text = state.setting(LEDGER_KEY).map_err(|e| e.to_string())?;
        Ok(text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default())
    }

    fn update(&self, change: &mut dyn FnMut(&mut Ledger)) -> Result<(), String> {
        self.files.prepare().map_err(|e| e.message)?;
        let mut state =
            State::open(&self.files.state(), Access::Write).map_err(|e| e.to_string())?;
        let written = state.atomically(|state| {
            let text = state.setting(LEDGER_KEY)?;
            // One that cannot be read any more counts as none: the day begins anew.
            let mut ledger: Ledger =
                text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
            change(&mut ledger);
            state.set_setting(LEDGER_KEY, &serde_json::to_string(&ledger).unwrap_or_default())
        });
        written.map_err(|e| e.to_string())
    }
}
