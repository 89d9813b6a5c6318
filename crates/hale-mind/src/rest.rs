//! Which providers are left alone for a while: known to this process, or to all of them by the ledger.

use hale_model::Timestamp;

use crate::breaker::{self, Breaker, Verdict};
use crate::error::{Fault, FaultKind, MindError, ProviderError};
use crate::mind::{Mind, Passed, Seat};

impl Mind {
    /// Whether this provider may be asked now, by what this process and all others know of it.
    pub(crate) fn enter(&self, seat: &Seat) -> Result<(), Passed> {
        let now = self.now();
        let mut entered = seat.breaker().enter(now);
        if entered.is_ok() {
            let result = self.on_shared(seat, false, |breaker| entered = breaker.enter(now));
            result.map_err(|error| Passed::Ledger(MindError::Ledger(error)))?;
            if entered.is_err() {
                seat.breaker().left();
            }
        }
        entered.map_err(|(until, why)| {
            Passed::Failed(seat.error(Fault::new(FaultKind::Resting { until }, why), None))
        })
    }

    /// What a call came to, for this process and all others. The answer stands where that cannot be kept.
    pub(crate) fn leave(&self, seat: &Seat, verdict: Verdict<'_>) {
        let now = self.now();
        let failed = matches!(verdict, Some(Err(_)));
        let is_own = matches!(verdict, Some(Err(e)) if breaker::is_for_people(&e.fault));
        seat.breaker().tell(now, verdict.filter(|_| is_own || !failed));
        let shared = verdict.filter(|_| !is_own);
        let kept = self.on_shared(seat, failed && !is_own, |breaker| breaker.tell(now, shared));
        if let Err(error) = kept {
            tracing::warn!("what became of a model call is not remembered: {error}");
        }
    }

    /// A reader found the answer of no use, or of use: known to all processes.
    pub(crate) fn judge(&self, seat: &Seat, unfit: Option<&ProviderError>) {
        let now = self.now();
        let kept = self.on_shared(seat, unfit.is_some(), |breaker| match unfit {
            Some(error) => breaker.failed(now, error),
            None => breaker.fitted(),
        });
        if let Err(error) = kept {
            tracing::warn!("what became of a model's answer is not remembered: {error}");
        }
    }

    /// Changes the breaker that all processes share; where there is none, it is made or nothing is done.
    fn on_shared(
        &self,
        seat: &Seat,
        make: bool,
        mut change: impl FnMut(&mut Breaker),
    ) -> Result<(), String> {
        let (name, now) = (seat.name(), self.now());
        // Well providers are the rule: nothing is written for them.
        if !make && !self.ledger.read()?.breakers.contains_key(&name) {
            return Ok(());
        }
        self.ledger.update(&mut |ledger| {
            change(ledger.breakers.entry(name.clone()).or_default());
            ledger.tidy(now);
        })
    }

    /// Until when a provider is left alone, and why, by what this process and all others know.
    pub(crate) fn resting(&self, seat: &Seat) -> Option<(Timestamp, ProviderError)> {
        let now = self.now();
        let told = |found: Option<(Timestamp, &ProviderError)>| {
            found.map(|(until, error)| (until, error.clone()))
        };
        told(seat.breaker().resting(now)).or_else(|| {
            let ledger = self.ledger.read().ok()?;
            told(ledger.breakers.get(&seat.name())?.resting(now))
        })
    }
}

/// Ends a probe whose caller went away.
pub(crate) struct Leave<'a>(pub(crate) Option<(&'a Mind, &'a Seat)>);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if let Some((mind, seat)) = self.0 {
            mind.leave(seat, None);
        }
    }
}
