//! Objectives and how fast their error budgets are spent: several windows at several rates, as in the
//! SRE workbook, chapter 5 ("Alerting on SLOs"). Counted by the wall clock, so that it survives a restart.

use std::collections::BTreeMap;

use hale_model::config::{Config, Objective, Slo};
use hale_model::traffic::{SloState, Traffic};
use serde::{Deserialize, Serialize};

use super::super::detectors::View;

/// Objectives that are followed.
const MAX_SLOS: usize = 64;
/// Minutes that are kept one by one; older ones only as hours.
const MINUTES_KEPT: i64 = 6 * 60;
const HOURS_KEPT: i64 = 90 * 24;
/// Bad requests in the short window before it is judged.
const MIN_BAD: u64 = 5;
const MIN_REQUESTS: u64 = 10;

/// A slow burn is only told of when its short window was seen whole; a fast one at once.
const FAST_RATE: f64 = 10.0;

/// Long window and short window in minutes, and the rate that both must exceed.
const TIERS: [(i64, i64, f64); 3] = [(60, 5, 14.4), (360, 30, 6.0), (3 * 24 * 60, 360, 1.0)];

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Count {
    all: u64,
    bad: u64,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.all += other.all;
        self.bad += other.bad;
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Ring {
    minutes: BTreeMap<i64, Count>,
    hours: BTreeMap<i64, Count>,
}

impl Ring {
    fn add(&mut self, minute: i64, count: Count) {
        self.minutes.entry(minute).or_default().add(count);
        self.hours.entry(minute.div_euclid(60)).or_default().add(count);
        self.minutes = self.minutes.split_off(&(minute - MINUTES_KEPT));
        self.hours = self.hours.split_off(&(minute.div_euclid(60) - HOURS_KEPT));
    }

    /// Minutes since the first that is known, as far as minutes are kept.
    fn seen_minutes(&self, minute: i64) -> i64 {
        self.minutes.keys().next().map_or(0, |first| minute - first)
    }

    fn last(&self, minute: i64, minutes: i64) -> Count {
        let mut sum = Count::default();
        if minutes <= MINUTES_KEPT {
            self.minutes.range(minute - minutes + 1..).for_each(|(_, c)| sum.add(*c));
        } else {
            let from = minute.div_euclid(60) - minutes / 60 + 1;
            self.hours.range(from..).for_each(|(_, c)| sum.add(*c));
        }
        sum
    }
}

/// The budgets of all objectives.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Slos {
    rings: BTreeMap<String, Ring>,
}

/// An objective whose budget is spent too fast.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Burning {
    pub(super) service: String,
    pub(super) target: f64,
    pub(super) latency_ms: f64,
    /// Times faster than allowed, over the short window.
    pub(super) rate: f64,
    pub(super) window_minutes: i64,
    pub(super) all: u64,
    pub(super) bad: u64,
}

fn key(slo: &Slo) -> String {
    match slo.objective {
        Objective::Availability => format!("{}/availability", slo.service),
        Objective::Latency => format!("{}/latency/{}", slo.service, slo.latency_ms),
    }
}

/// The share of requests that may be bad.
fn allowed(slo: &Slo) -> f64 {
    (1.0 - slo.target / 100.0).max(1e-5)
}

fn burn(count: Count, slo: &Slo) -> Option<f64> {
    (count.all > 0).then(|| count.bad as f64 / count.all as f64 / allowed(slo))
}

fn minute(view: &View<'_>) -> i64 {
    view.snapshot.collected_at.as_second().div_euclid(60)
}

impl Slos {
    pub(super) fn see(&mut self, view: &View<'_>, traffic: &Traffic) {
        let slos = &view.config.slo;
        for slo in slos.iter().take(MAX_SLOS) {
            let Some(service) = traffic.service(&slo.service).filter(|s| s.requests > 0) else {
                continue;
            };
            let bad = match slo.objective {
                Objective::Availability => service.errors,
                Objective::Latency => service.latency.count_above_ms(slo.latency_ms),
            };
            let count = Count { all: service.requests, bad };
            self.rings.entry(key(slo)).or_default().add(minute(view), count);
        }
        self.rings.retain(|name, _| slos.iter().any(|slo| key(slo) == *name));
    }

    /// The share of failures in a short time that an objective calls trouble: the fastest rate of the tiers.
    pub(super) fn error_floor(&self, config: &Config, service: &str) -> Option<f64> {
        let slo = config
            .slo
            .iter()
            .find(|s| s.service == service && s.objective == Objective::Availability)?;
        Some((TIERS.first().map_or(1.0, |(_, _, rate)| *rate) * allowed(slo)).clamp(0.02, 0.5))
    }

    /// Objectives of this kind that both windows of a tier say are missed.
    pub(super) fn burning(&self, view: &View<'_>, objective: Objective) -> Vec<Burning> {
        let now = minute(view);
        let slos = view.config.slo.iter().take(MAX_SLOS).filter(|s| s.objective == objective);
        slos.filter_map(|slo| {
            let ring = self.rings.get(&key(slo))?;
            TIERS.iter().find_map(|(long, short_minutes, least)| {
                let (long, recent) = (ring.last(now, *long), ring.last(now, *short_minutes));
                let rate = burn(recent, slo)?;
                let fast = rate >= *least && burn(long, slo)? >= *least;
                let seen = *least >= FAST_RATE || ring.seen_minutes(now) >= *short_minutes;
                let enough = recent.bad >= MIN_BAD && recent.all >= MIN_REQUESTS;
                (fast && enough && seen).then(|| Burning {
                    service: slo.service.clone(),
                    target: slo.target,
                    latency_ms: slo.latency_ms,
                    rate,
                    window_minutes: *short_minutes,
                    all: recent.all,
                    bad: recent.bad,
                })
            })
        })
        .collect()
    }

    pub(super) fn states(&self, view: &View<'_>) -> Vec<SloState> {
        let now = minute(view);
        let nothing = Ring::default();
        let state = |slo: &Slo| {
            let ring = self.rings.get(&key(slo)).unwrap_or(&nothing);
            let whole = ring.last(now, i64::from(slo.window_days) * 24 * 60);
            let first = ring.hours.keys().next().map_or(0, |h| (now - h * 60).max(1) * 60);
            let window_secs = i64::from(slo.window_days) * 86_400;
            let bad_share = burn(whole, slo);
            SloState {
                service: slo.service.clone(),
                objective: slo.objective,
                target: slo.target,
                window_days: slo.window_days,
                latency_ms: (slo.objective == Objective::Latency).then_some(slo.latency_ms),
                good_percent: (whole.all > 0)
                    .then(|| 100.0 * (1.0 - whole.bad as f64 / whole.all as f64)),
                budget_left_percent: bad_share.map(|b| 100.0 * (1.0 - b)),
                burn_5m: burn(ring.last(now, 5), slo),
                burn_1h: burn(ring.last(now, 60), slo),
                seen_secs: u64::try_from(first.min(window_secs)).unwrap_or(0),
            }
        };
        view.config.slo.iter().take(MAX_SLOS).map(state).collect()
    }
}
