//! One provider's circuit breaker: closed, open for a while, then half open for one probe. Its clock is
//! an input.

use hale_model::Timestamp;
use jiff::SignedDuration;

use crate::error::{FaultKind, ProviderError};

/// Failures in a row after which a provider is left alone.
const FAILURES_MAX: u32 = 3;
/// How long at first; it doubles with every probe that fails.
const FIRST_REST_SECS: i64 = 30;
const REST_SECS_MAX: i64 = 900;
/// A refused key or a missing model is mended by people, not by waiting.
const UNUSABLE_REST_SECS: i64 = 300;
/// However long the server asks for.
const RETRY_AFTER_SECS_MAX: i64 = 3600;

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    /// How often it opened since the last success.
    rests: u32,
    until: Option<Timestamp>,
    /// The one probe of the half-open state is under way since then.
    probing_since: Option<Timestamp>,
    last: Option<ProviderError>,
}

/// A probe that never came back (its task was dropped) blocks no longer than this.
const PROBE_SECS_MAX: i64 = 3600;

impl Breaker {
    /// Whether it may be asked now; if not, until when not, and what failed last.
    pub(crate) fn enter(&mut self, now: Timestamp) -> Result<(), (Timestamp, String)> {
        let Some(until) = self.until else { return Ok(()) };
        let why = || self.last.as_ref().map(|e| e.to_string()).unwrap_or_default();
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

    pub(crate) fn succeeded(&mut self) {
        *self = Breaker::default();
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
            | FaultKind::NoKey
            | FaultKind::NoBudget
            | FaultKind::Resting { .. } => return,
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
            None if was_probe || self.failures >= FAILURES_MAX => {
                let doubled = FIRST_REST_SECS << self.rests.min(6);
                self.rests = self.rests.saturating_add(1);
                doubled.min(REST_SECS_MAX)
            }
            None => return,
        };
        self.until = Some(after(now, rest_secs));
    }

    /// Until when it is left alone, and why.
    pub(crate) fn resting(&self, now: Timestamp) -> Option<(Timestamp, &ProviderError)> {
        let until = self.until.filter(|until| now < *until)?;
        Some((until, self.last.as_ref()?))
    }
}

fn after(now: Timestamp, secs: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(secs)).unwrap_or(Timestamp::MAX)
}
