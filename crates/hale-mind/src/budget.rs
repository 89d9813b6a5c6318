//! The day's budget and the cooldown. What was used stands in a [`Ledger`] that whoever owns the mind
//! keeps on disk, so that neither a restart nor a second process starts at zero. A call reserves the
//! most it may cost before it leaves and settles afterwards: calls at the same time cannot overdraw
//! it together, and a crash in between counts as spent.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hale_model::Timestamp;
use hale_model::config::Ai;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::breaker::Breaker;
use crate::error::{MindError, TOKENS_KEY, USD_KEY};
use crate::prices::Price;
use crate::types::Usage;

/// Providers whose failures are remembered.
const BREAKERS_MAX: usize = 32;

/// What one day used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// The day, in UTC; none before the first call.
    pub day: Option<Date>,
    /// Tokens read, reservations included.
    pub input_tokens: u64,
    /// Tokens written, reservations included.
    pub output_tokens: u64,
    /// Millionths of a US dollar, reservations included.
    pub usd_micros: u64,
    /// Calls that were answered.
    pub calls: u64,
    /// When hale last began a conversation by itself. Outlives the day.
    pub last_automatic_at: Option<Timestamp>,
    /// Who failed lately, by address and model, so that no other process runs into it again. Outlives
    /// the day.
    pub breakers: BTreeMap<String, Breaker>,
}

impl Ledger {
    /// Begins a new day if this is one.
    fn turn_to(&mut self, day: Date) {
        if self.day != Some(day) {
            *self = Ledger {
                day: Some(day),
                last_automatic_at: self.last_automatic_at,
                breakers: std::mem::take(&mut self.breakers),
                ..Ledger::default()
            };
        }
    }

    /// What the day of this instant used: nothing, if the ledger is of another day.
    #[must_use]
    pub fn of_day(mut self, now: Timestamp) -> Ledger {
        self.turn_to(day_of(now));
        self
    }

    fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Forgets breakers that say nothing, and the oldest of too many (a configuration that changed often).
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        self.breakers.retain(|_, breaker| !breaker.is_closed());
        if self.breakers.len() > BREAKERS_MAX {
            self.breakers.retain(|_, breaker| breaker.resting(now).is_some());
        }
        while self.breakers.len() > BREAKERS_MAX {
            self.breakers.pop_first();
        }
    }

    /// What of the day's limits is used up, for a model of this price: no call fits any more. The ledger
    /// is of today.
    pub(crate) fn used_up(&self, config: &Ai, price: Price) -> Option<String> {
        let limit_micros = limit_micros(config);
        if !price.is_free() && self.usd_micros >= limit_micros {
            return Some(format!("{} of {} used", dollars(self.usd_micros), dollars(limit_micros)));
        }
        let limit = config.daily_budget_tokens;
        (limit > 0 && self.tokens() >= limit)
            .then(|| format!("{} of {limit} tokens used", self.tokens()))
    }
}

/// Where the ledger is kept.
pub trait LedgerStore: Send + Sync {
    /// Reads the ledger (an empty one if there is none), lets it be changed, and writes it back, all in
    /// one step that no other process comes between. The change may be made more than once if the step
    /// has to be repeated.
    ///
    /// # Errors
    /// Why it cannot be read or written. No paid call is made then.
    fn update(&self, change: &mut dyn FnMut(&mut Ledger)) -> Result<(), String>;

    /// The ledger as it stands; an empty one if there is none. Nothing is made or written where a store
    /// can help it.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self) -> Result<Ledger, String> {
        let mut found = Ledger::default();
        self.update(&mut |ledger| found.clone_from(ledger))?;
        Ok(found)
    }
}

/// A ledger that lasts as long as the process: for commands without a data directory.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Ledger>);

impl LedgerStore for MemoryLedger {
    fn update(&self, change: &mut dyn FnMut(&mut Ledger)) -> Result<(), String> {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

/// The most one call may use, taken off the day's budget until it is settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reservation {
    day: Date,
    usage: Usage,
    usd_micros: u64,
}

/// Lets an automatic conversation begin if the last one is long enough ago.
pub(crate) fn begin_automatic(
    store: &dyn LedgerStore,
    config: &Ai,
    now: Timestamp,
) -> Result<(), MindError> {
    let mut until = None;
    let cooldown =
        SignedDuration::from_secs(i64::try_from(config.cooldown_secs).unwrap_or(i64::MAX));
    store
        .update(&mut |ledger| {
            until = ledger
                .last_automatic_at
                // A clock that was set back must not silence hale for longer than the cooldown.
                .filter(|last| *last <= now)
                .and_then(|last| last.checked_add(cooldown).ok())
                .filter(|until| now < *until);
            if until.is_none() {
                ledger.last_automatic_at = Some(now);
            }
        })
        .map_err(MindError::Ledger)?;
    match until {
        Some(until) => Err(MindError::CoolingDown { cooldown_secs: config.cooldown_secs, until }),
        None => Ok(()),
    }
}

/// Reserves, or says why not.
pub(crate) fn reserve(
    store: &dyn LedgerStore,
    config: &Ai,
    price: Price,
    usage: Usage,
    now: Timestamp,
) -> Result<Reservation, MindError> {
    let day = day_of(now);
    let usd_micros = price.usd_micros(usage);
    let limit_micros = limit_micros(config);
    let needed_tokens = usage.input_tokens.saturating_add(usage.output_tokens);
    let mut refusal = None;
    store
        .update(&mut |ledger| {
            ledger.turn_to(day);
            let resets_at = next_day(day);
            refusal = None;
            if !price.is_free() && ledger.usd_micros.saturating_add(usd_micros) > limit_micros {
                refusal = Some(MindError::BudgetSpent {
                    spent: dollars(ledger.usd_micros),
                    limit: dollars(limit_micros),
                    needed: dollars(usd_micros),
                    setting: USD_KEY,
                    resets_at,
                });
            } else if config.daily_budget_tokens > 0
                && ledger.tokens().saturating_add(needed_tokens) > config.daily_budget_tokens
            {
                refusal = Some(MindError::BudgetSpent {
                    spent: format!("{} tokens", ledger.tokens()),
                    limit: format!("{} tokens", config.daily_budget_tokens),
                    needed: format!("{needed_tokens} tokens"),
                    setting: TOKENS_KEY,
                    resets_at,
                });
            } else {
                ledger.input_tokens = ledger.input_tokens.saturating_add(usage.input_tokens);
                ledger.output_tokens = ledger.output_tokens.saturating_add(usage.output_tokens);
                ledger.usd_micros = ledger.usd_micros.saturating_add(usd_micros);
            }
        })
        .map_err(MindError::Ledger)?;
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Reservation { day, usage, usd_micros }),
    }
}

/// Puts what was used in the place of what was reserved.
pub(crate) fn settle(
    store: &dyn LedgerStore,
    reservation: Reservation,
    price: Price,
    used: Usage,
    was_answered: bool,
) -> Result<(), String> {
    store.update(&mut |ledger| {
        // Over midnight the reservation is gone with its day, and the day that began is not charged.
        if ledger.day != Some(reservation.day) {
            return;
        }
        let set = |field: &mut u64, reserved: u64, used: u64| {
            *field = field.saturating_sub(reserved).saturating_add(used);
        };
        set(&mut ledger.input_tokens, reservation.usage.input_tokens, used.input_tokens);
        set(&mut ledger.output_tokens, reservation.usage.output_tokens, used.output_tokens);
        set(&mut ledger.usd_micros, reservation.usd_micros, price.usd_micros(used));
        ledger.calls += u64::from(was_answered);
    })
}

fn limit_micros(config: &Ai) -> u64 {
    (config.daily_budget_usd * 1e6) as u64
}

fn day_of(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

fn next_day(day: Date) -> Timestamp {
    day.tomorrow()
        .and_then(|next| next.to_zoned(TimeZone::UTC))
        .map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

fn dollars(usd_micros: u64) -> String {
    let dollars = usd_micros as f64 / 1e6;
    if usd_micros > 0 && dollars < 0.01 {
        format!("${dollars:.6}")
    } else {
        format!("${dollars:.2}")
    }
}
