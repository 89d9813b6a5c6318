//! One provider's circuit breaker: closed, open for a while, then half open for one probe. Its clock is
//! an input. It is kept in the day's ledger, so that the agent and every command share it, but for what
//! people mend (a refused key, a missing model): that is forgotten with the process, so that whoever has
//! mended it need not wait.

use hale_model::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::error::{FaultKind, ProviderError};

/// Failures in a row after which a provider is left alone.
const FAILURES_MAX: u32 = 3;
/// How long at first; it doubles with every probe that fails.
const FIRST_REST_SECS: i64 = 30;
const REST_SECS_MAX: i64 = 900;
/// Conversations in a row that came to no usable answer, however often it was asked again in each.
const UNFIT_MAX: u32 = 3;
/// A refused key or a missing model is mended by people, not by waiting.
const UNUSABLE_REST_SECS: i64 = 300;
/// However long the server asks for.
const RETRY_AFTER_SECS_MAX: i64 = 3600;

/// What is remembered of one provider's failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breaker {
    failures: u32,
    /// How often it opened since the last success.
    rests: u32,
    /// Conversations without a usable answer since the last one with. That it answers does not end these.
    unfit: u32,
    until: Option<Timestamp>,
    /// The one probe of the half-open state is under way since then.
    probing_since: Option<Timestamp>,
    last: Option<ProviderError>,
}

/// A probe that never came back (its process was killed) blocks no longer than this.
const PROBE_SECS_MAX: i64 = 300;

/// See [`Breaker::tell`].
pub(crate) type Verdict<'a> = Option<Result<(), &'a ProviderError>>;

/// Whether people mend it, and not the time.
pub(crate) fn is_for_people(fault: &FaultKind) -> bool {
    matches!(fault, FaultKind::Unauthorized | FaultKind::NotFound)
}

impl Breaker {
    /// Whether it may be asked now; if not, until when not, and what failed last.
    pub(crate) fn enter(&mut self, now: Timestamp) -> Result<(), (Timestamp, String)> {
        let Some(until) = self.until.filter(|until| is_believable(*until, now)) else {
            return Ok(());
        };
        let why = || self.last.as_ref().map(ProviderError::what).unwrap_or_default();
        if now < until {
            return Err((until, why()));
        }
        if let Some(since) = self.probing_since {
            let given_up = after(since, PROBE_SECS_MAX);
            if now < given_up {
                return Err((given_up, why()));
            }
        }
        self.probing_since = Some(now);
        Ok(())
    }

    /// It answered. Whether that is of use, only its reader can say.
    pub(crate) fn succeeded(&mut self) {
        let (rests, unfit) = match self.unfit {
            0 => (0, 0),
            unfit => (self.rests, unfit),
        };
        *self = Breaker { rests, unfit, ..Breaker::default() };
    }

    /// Its answer was of use.
    pub(crate) fn fitted(&mut self) {
        if self.unfit > 0 {
            *self = Breaker::default();
        }
    }

    /// What a call came to; none: nothing that says anything about the provider.
    pub(crate) fn tell(&mut self, now: Timestamp, verdict: Verdict<'_>) {
        match verdict {
            Some(Ok(())) => self.succeeded(),
            Some(Err(error)) => self.failed(now, error),
            None => self.left(),
        }
    }

    /// Nothing is known against it.
    pub(crate) fn is_closed(&self) -> bool {
        *self == Breaker::default()
    }

    /// The probe ended without a verdict on the provider (the caller gave up).
    pub(crate) fn left(&mut self) {
        self.probing_since = None;
    }

    pub(crate) fn failed(&mut self, now: Timestamp, error: &ProviderError) {
        let was_probe = self.probing_since.take().is_some();
        let rest_secs = match &error.fault {
            // These say something about the question or about hale, not about the provider.
            FaultKind::TooLarge
            | FaultKind::Rejected
            | FaultKind::Refused
            | FaultKind::CutOff
            | FaultKind::NoKey
            | FaultKind::NoBudget
            | FaultKind::Resting { .. } => return,
            FaultKind::Unfit => return self.was_unfit(now, error),
            FaultKind::Unauthorized | FaultKind::NotFound => Some(UNUSABLE_REST_SECS),
            FaultKind::RateLimited { retry_after_secs }
            | FaultKind::Overloaded { retry_after_secs } => retry_after_secs
                .map(|secs| i64::try_from(secs).unwrap_or(i64::MAX).clamp(1, RETRY_AFTER_SECS_MAX)),
            FaultKind::Server
            | FaultKind::Timeout
            | FaultKind::Unreachable
            | FaultKind::Garbage => None,
        };
        self.failures = self.failures.saturating_add(1);
        self.last = Some(error.clone());
        let rest_secs = match rest_secs {
            Some(secs) => secs,
            None if was_probe || self.failures >= FAILURES_MAX => self.longer_rest_secs(),
            None => return,
        };
        self.until = Some(after(now, rest_secs));
    }

    fn was_unfit(&mut self, now: Timestamp, error: &ProviderError) {
        self.unfit = self.unfit.saturating_add(1);
        self.last = Some(error.clone());
        // After a rest one conversation shows whether it has changed.
        if self.unfit >= UNFIT_MAX {
            self.until = Some(after(now, self.longer_rest_secs()));
        }
    }

    fn longer_rest_secs(&mut self) -> i64 {
        let doubled = FIRST_REST_SECS << self.rests.min(6);
        self.rests = self.rests.saturating_add(1);
        doubled.min(REST_SECS_MAX)
    }

    /// Until when it is left alone, and why.
    pub(crate) fn resting(&self, now: Timestamp) -> Option<(Timestamp, &ProviderError)> {
        let until = self.until.filter(|until| now < *until && is_believable(*until, now))?;
        Some((until, self.last.as_ref()?))
    }
}

/// A clock that was set back must not silence a provider for longer than any rest.
fn is_believable(until: Timestamp, now: Timestamp) -> bool {
    until <= after(now, RETRY_AFTER_SECS_MAX)
}

fn after(now: Timestamp, secs: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(secs)).unwrap_or(Timestamp::MAX)
}
