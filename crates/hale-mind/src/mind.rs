//! The chain of providers: each in its turn until one answers, with the reason why the others did not.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hale_model::Timestamp;
use hale_model::config::{Ai, AiProvider, ProviderKind};
use reqwest::Client;

use crate::breaker::Breaker;
use crate::budget::{self, Ledger, LedgerStore};
use crate::draft::Draft;
use crate::error::{Fault, FaultKind, MindError, ProviderError};
use crate::governor::Governor;
use crate::http::{self, Patience};
use crate::keys::Keys;
use crate::openai::{self, Dialect};
use crate::prices::Price;
use crate::provider::{self, Credential, Outgoing};
use crate::rest::Leave;
use crate::scrub::scrub;
use crate::types::{Delta, Part, Reply, Request, Usage};

/// Bytes of one request.
pub const REQUEST_BYTES_MAX: usize = 2 << 20;

/// On whose behalf a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A person asked and waits: no cooldown.
    Person,
    /// hale begins a conversation by itself: not before the cooldown is over.
    Automatic,
    /// A further turn of a conversation that was let begin: no cooldown.
    Continued,
}

/// Gives the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// All providers of the configuration, in their order. Cheap to share behind an `Arc`; calls may run at
/// the same time.
pub struct Mind {
    config: Ai,
    seats: Vec<Seat>,
    keys: Arc<Keys>,
    pub(crate) ledger: Arc<dyn LedgerStore>,
    governor: Governor,
    clock: Clock,
}

/// One provider's place in the chain.
pub(crate) struct Seat {
    pub(crate) provider: AiProvider,
    pub(crate) patience: Patience,
    pub(crate) price: Price,
    breaker: Mutex<Breaker>,
    client: OnceLock<Client>,
    dialect: Mutex<Dialect>,
}

impl Mind {
    /// Asks nobody yet, and looks for no key.
    pub fn new(config: &Ai, keys: Arc<Keys>, ledger: Arc<dyn LedgerStore>) -> Mind {
        let seat = |provider: &AiProvider| Seat {
            patience: Patience::of(provider, config.timeout_secs),
            price: Price::of(provider, provider.model()),
            breaker: Mutex::default(),
            client: OnceLock::new(),
            dialect: Mutex::new(Dialect::of(provider.base_url(), provider.model())),
            provider: provider.clone(),
        };
        Mind {
            seats: config.providers.iter().map(seat).collect(),
            config: config.clone(),
            keys,
            ledger,
            governor: Governor::default(),
            clock: Arc::new(Timestamp::now),
        }
    }

    /// With other memory limits.
    #[must_use]
    pub fn with_governor(mut self, governor: Governor) -> Mind {
        self.governor = governor;
        self
    }

    /// With another clock: breakers, cooldown and the day follow it.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Mind {
        self.clock = clock;
        self
    }

    /// With other time limits for every provider.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Mind {
        for seat in &mut self.seats {
            seat.patience = patience;
        }
        self
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &Ai {
        &self.config
    }

    /// The bytes that a request would send to each provider, in their order. What [`Mind::ask`] sends
    /// is the same, but that a provider is only asked when those before it failed.
    pub fn outgoing(&self, request: &Request) -> Vec<Outgoing> {
        self.seats
            .iter()
            .map(|seat| provider::outgoing(&seat.provider, request, seat.dialect()))
            .collect()
    }

    /// What today used so far.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn used_today(&self) -> Result<Ledger, MindError> {
        let found = self.ledger.read().map_err(MindError::Ledger)?;
        Ok(found.of_day((self.clock)()))
    }

    /// Lets hale begin a conversation by itself, once in every cooldown; the calls of the conversation
    /// are then [`Purpose::Continued`].
    ///
    /// # Errors
    /// The last one is too recent ([`MindError::CoolingDown`]); the ledger cannot be kept.
    pub fn begin_automatic(&self) -> Result<(), MindError> {
        budget::begin_automatic(self.ledger.as_ref(), &self.config, (self.clock)())
    }

    /// A provider's answer could be read and was not what had been asked for, to the end of the
    /// conversation: as one of the reasons why nobody answered. Three such in a row, and the provider rests.
    /// `place` is [`Reply::place`]; `is_cut`: the limit of tokens cut it, which says nothing against it.
    pub fn unfit(&self, place: usize, why: &str, is_cut: bool) -> Option<ProviderError> {
        let kind = if is_cut { FaultKind::CutOff } else { FaultKind::Unfit };
        let seat = self.seats.get(place)?;
        let error = seat.error(Fault::new(kind, why), None);
        if !is_cut {
            self.judge(seat, Some(&error));
        }
        Some(error)
    }

    /// The answer was what had been asked for.
    pub fn fit(&self, place: usize) {
        if let Some(seat) = self.seats.get(place) {
            self.judge(seat, None);
        }
    }

    /// Asks the providers in their order until one answers. `on` hears what happens meanwhile; it is
    /// called from the task that awaits this, and should not block. Dropping the future ends the call.
    ///
    /// # Errors
    /// Nobody may be asked, or nobody answered, with the reason of each.
    pub async fn ask(
        &self,
        request: &Request,
        purpose: Purpose,
        on: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Reply, MindError> {
        self.ask_from(0, request, purpose, on).await
    }

    /// The same, but the first so many of the chain are not asked: a conversation stays with who began
    /// it, and who gave no usable answer is not asked again.
    ///
    /// # Errors
    /// As [`Mind::ask`]; with no reasons at all where the chain ends before.
    pub async fn ask_from(
        &self,
        first_place: usize,
        request: &Request,
        purpose: Purpose,
        on: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Reply, MindError> {
        self.admit()?;
        let now = (self.clock)();
        if purpose == Purpose::Automatic {
            budget::begin_automatic(self.ledger.as_ref(), &self.config, now)?;
        }
        let mut passed_over = Vec::new();
        let mut short = None;
        for (place, seat) in self.seats.iter().enumerate().skip(first_place) {
            match self.ask_seat(seat, request, on).await {
                Ok(mut reply) => {
                    reply.place = place;
                    reply.passed_over = passed_over;
                    return Ok(reply);
                }
                Err(Passed::Ledger(error)) => return Err(error),
                Err(Passed::Budget(error, refusal)) => {
                    short = Some(refusal);
                    on(Delta::Failed(error.clone()));
                    passed_over.push(error);
                }
                Err(Passed::Failed(error)) => {
                    tracing::info!(provider = %error.provider, "a model did not answer: {error}");
                    on(Delta::Failed(error.clone()));
                    passed_over.push(error);
                }
            }
        }
        // With no other trouble than money, money is the answer.
        match short {
            Some(refusal)
                if passed_over
                    .iter()
                    .all(|e| matches!(e.fault, FaultKind::NoBudget | FaultKind::NoKey)) =>
            {
                Err(refusal)
            }
            Some(_) | None => Err(MindError::AllFailed(passed_over)),
        }
    }

    pub(crate) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn admit(&self) -> Result<(), MindError> {
        if !self.config.enabled {
            return Err(MindError::Disabled);
        }
        if self.seats.is_empty() {
            return Err(MindError::NoProvider);
        }
        self.governor.check().map_err(MindError::MemoryShort)
    }

    async fn ask_seat(
        &self,
        seat: &Seat,
        request: &Request,
        on: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Reply, Passed> {
        let credentials = self.credentials(seat).await?;
        self.enter(seat)?;
        let mut leave = Leave(Some((self, seat)));
        let result = self.try_credentials(seat, request, &credentials, on).await;
        leave.0 = None;
        let verdict = match &result {
            Ok(_) => Some(Ok(())),
            Err(Passed::Failed(error)) => Some(Err(error)),
            Err(Passed::Budget(..) | Passed::Ledger(_)) => None,
        };
        self.leave(seat, verdict);
        result
    }

    pub(crate) async fn credentials(&self, seat: &Seat) -> Result<Vec<Credential>, Passed> {
        let found = self.keys.credentials(&seat.provider, (self.clock)()).await;
        match found {
            Ok(credentials) if !credentials.is_empty() => Ok(credentials),
            Ok(_) if !seat.provider.needs_key() => Ok(vec![Credential::None]),
            Ok(_) => Err(Passed::Failed(seat.error(Fault::new(FaultKind::NoKey, ""), None))),
            Err(error) => {
                let fault = Fault::new(FaultKind::NoKey, error.to_string());
                Err(Passed::Failed(seat.error(fault, None)))
            }
        }
    }

    /// A signed-in user's token first; if it is refused, the API key.
    async fn try_credentials(
        &self,
        seat: &Seat,
        request: &Request,
        credentials: &[Credential],
        on: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Reply, Passed> {
        let mut last = None;
        for credential in credentials {
            match self.attempt(seat, request, credential, on).await {
                Err(Passed::Failed(error)) if error.fault == FaultKind::Unauthorized => {
                    last = Some(error);
                }
                other => return other,
            }
        }
        let nothing = || seat.error(Fault::new(FaultKind::NoKey, ""), None);
        Err(Passed::Failed(last.unwrap_or_else(nothing)))
    }

    async fn attempt(
        &self,
        seat: &Seat,
        request: &Request,
        credential: &Credential,
        on: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Reply, Passed> {
        let fail = |fault| Passed::Failed(seat.error(fault, credential.secret()));
        let client = seat.client().map_err(fail)?;
        for _ in 0..=openai::DIALECT_CHANGES_MAX {
            let dialect = seat.dialect();
            let outgoing = provider::outgoing(&seat.provider, request, dialect);
            if outgoing.body.len() > REQUEST_BYTES_MAX {
                let detail =
                    format!("{} bytes; the limit is {REQUEST_BYTES_MAX}", outgoing.body.len());
                return Err(fail(Fault::new(FaultKind::TooLarge, detail)));
            }
            let most = Usage {
                input_tokens: tokens_in(outgoing.body.len() as u64),
                output_tokens: u64::from(request.max_tokens),
            };
            let reservation = self.reserve(seat, seat.price, most)?;
            on(Delta::Asking {
                provider: outgoing.provider.clone(),
                model: outgoing.model.clone(),
                body: outgoing.body.clone(),
            });
            let mut guard = Unsettled {
                ledger: self.ledger.as_ref(),
                price: seat.price,
                reservation,
                used: most,
                answered: false,
            };
            let mut draft = Draft::default();
            let said = http::converse(
                &client,
                seat.provider.provider,
                &outgoing,
                credential,
                seat.patience,
                &mut draft,
                on,
            )
            .await;
            let counted = draft.usage();
            // What was refused at the door cost nothing; what broke off cost what came.
            guard.used = match (&said, draft.written_bytes) {
                (Err(_), 0) => counted.unwrap_or_default(),
                _ => Usage {
                    input_tokens: draft.input_tokens.unwrap_or(most.input_tokens),
                    output_tokens: draft
                        .output_tokens
                        .unwrap_or_else(|| tokens_in(draft.written_bytes)),
                },
            };
            let used = guard.used;
            let first_call = calls_in(request);
            let finished = match said {
                Ok(()) => draft.finish(request.answer_schema.is_some(), first_call),
                Err(fault) => Err(fault),
            };
            match finished {
                Ok(finished) => {
                    guard.answered = true;
                    return Ok(Reply {
                        text: finished.text,
                        answer: finished.answer,
                        tool_calls: finished.tool_calls,
                        usage: used,
                        usage_is_estimated: counted.is_none(),
                        cost_usd: seat.price.usd_micros(used) as f64 / 1e6,
                        price_is_guessed: seat.price.is_guessed,
                        provider: outgoing.provider,
                        model: finished.model.unwrap_or(outgoing.model),
                        stop: finished.stop,
                        place: 0,
                        passed_over: Vec::new(),
                    });
                }
                Err(fault) => {
                    let other = (fault.kind == FaultKind::Rejected
                        && seat.provider.provider == ProviderKind::OpenAi)
                        .then(|| dialect.without(&fault.detail))
                        .flatten();
                    match other {
                        Some(other) => seat.speak(other),
                        None => return Err(fail(fault)),
                    }
                }
            }
        }
        let detail = "it refuses one parameter after the other";
        Err(fail(Fault::new(FaultKind::Rejected, detail)))
    }

    pub(crate) fn reserve(
        &self,
        seat: &Seat,
        price: Price,
        most: Usage,
    ) -> Result<budget::Reservation, Passed> {
        let now = (self.clock)();
        budget::reserve(self.ledger.as_ref(), &self.config, price, most, now).map_err(|error| {
            let MindError::BudgetSpent { spent, limit, needed, .. } = &error else {
                return Passed::Ledger(error);
            };
            let detail = format!("{spent} of {limit} used, it may need {needed}");
            Passed::Budget(seat.error(Fault::new(FaultKind::NoBudget, detail), None), error)
        })
    }
}

/// Why a provider was passed over.
pub(crate) enum Passed {
    Failed(ProviderError),
    Budget(ProviderError, MindError),
    Ledger(MindError),
}

impl Seat {
    pub(crate) fn error(&self, fault: Fault, secret: Option<&str>) -> ProviderError {
        let mut fault = fault;
        if matches!(fault.kind, FaultKind::Unreachable | FaultKind::Timeout) {
            fault.detail = format!("{}: {}", self.address(), fault.detail);
        }
        ProviderError {
            provider: self.provider.provider.as_str().to_owned(),
            model: self.provider.model().to_owned(),
            key_name: self.provider.key_name().to_owned(),
            fault: fault.kind,
            detail: scrub(&fault.detail, secret),
        }
    }

    pub(crate) fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is asked, without a name and password that may stand in the address.
    fn address(&self) -> String {
        let url = self.provider.base_url();
        let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
        let end = rest.find('/').unwrap_or(rest.len());
        let from = rest[..end].rfind('@').map_or(0, |at| at + 1);
        format!("{scheme}://{}", &rest[from..])
    }

    /// What it is known by to other processes.
    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.provider.provider.as_str(), self.address(), self.provider.model())
    }

    fn dialect(&self) -> Dialect {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn speak(&self, dialect: Dialect) {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = dialect;
    }

    pub(crate) fn client(&self) -> Result<Client, Fault> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = http::client(&self.provider, self.patience)?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}

/// Settles when the call ends, however it ends.
pub(crate) struct Unsettled<'a> {
    pub(crate) ledger: &'a dyn LedgerStore,
    pub(crate) price: Price,
    pub(crate) reservation: budget::Reservation,
    pub(crate) used: Usage,
    pub(crate) answered: bool,
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        let settled =
            budget::settle(self.ledger, self.reservation, self.price, self.used, self.answered);
        if let Err(error) = settled {
            tracing::warn!("a model call stays booked at the most it may have cost: {error}");
        }
    }
}

/// Tokens in bytes, on the high side: English has four bytes a token, Korean about two and a half.
pub(crate) fn tokens_in(bytes: u64) -> u64 {
    bytes / 3 + 1
}

/// Tool calls in the conversation so far.
fn calls_in(request: &Request) -> usize {
    let parts = request.messages.iter().flat_map(|message| &message.content);
    parts.filter(|part| matches!(part, Part::ToolCall(_))).count()
}
