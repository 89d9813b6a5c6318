//! What one service did lately, what is usual for it, and whether the two differ by more than chance.

use std::collections::VecDeque;

use hale_model::Timestamp;
use hale_model::traffic::{NodeKind, Sketch, Traffic};
use serde::{Deserialize, Serialize};

use super::super::detectors::View;
use super::SILENT_SECS;
use crate::rootcause::Deviation;

/// Turns are remembered for so long; their durations only for the second.
const COUNTS_SECS: f64 = 60.0;
const DURATIONS_SECS: f64 = 10.0;
/// Most turns remembered.
const MAX_TURNS: usize = 128;
/// A name without traffic for so long is forgotten, unless much was learned about it.
pub(super) const KEPT_SECS: f64 = 1800.0;

/// The windows that are judged, in seconds; the first is the newest turn alone.
const WINDOWS_SECS: [f64; 4] = [0.0, 5.0, 10.0, COUNTS_SECS];
/// Requests in a window before it is judged: one error of three is no incident.
const MIN_REQUESTS: u64 = 10;
/// Failures in a window before it is judged.
const MIN_ERRORS: u64 = 5;
/// Share of failures that counts as trouble, above what is usual.
pub(super) const ERROR_FLOOR: f64 = 0.05;
/// The same while too little is known.
const ERROR_FLOOR_LEARNING: f64 = 0.2;
/// A share of failures that is never taken for usual.
const MAX_USUAL_ERRORS: f64 = 0.2;
/// Natural logarithm of how much likelier trouble must be than chance.
const MIN_EVIDENCE: f64 = 9.0;

/// A request is slow if it takes so many times longer than 95 of 100 usually do, and so many
/// milliseconds longer.
const SLOW_FACTOR: f64 = 3.0;
const SLOW_MORE_MS: f64 = 100.0;
/// Share of slow requests that is trouble: one slow client is not.
const SLOW_SHARE: f64 = 0.25;
const MIN_TIMED_REQUESTS: u64 = 20;

/// What has to be seen before it is called usual.
const LEARN_SECS: f64 = 20.0;
const LEARN_REQUESTS: f64 = 60.0;
/// What is usual is the mean of about so many requests, and of so many windows.
const USUAL_REQUESTS: f64 = 20_000.0;
const USUAL_WINDOWS: f64 = 360.0;

/// By so much of what is usual, and so many milliseconds, the 95th percentile of a few seconds varies.
const LATENCY_NOISE_SHARE: f64 = 0.5;
const LATENCY_NOISE_MS: f64 = 20.0;

/// Requests in the newest turns that show whether a trouble is over.
const CLEAR_REQUESTS: u64 = 5;
const CLEAR_SECS: f64 = 30.0;

/// One turn of one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn {
    at_ns: u64,
    pub(super) requests: u64,
    pub(super) errors: u64,
    /// Of the errors, those that something further down had caused.
    pub(super) passed_on: u64,
    /// Of the requests, those that got no answer.
    pub(super) unanswered: u64,
    latency: Sketch,
    kind: NodeKind,
}

/// A name's turn: as the service itself tells, and what its callers tell of calls it did not answer;
/// of what tells nothing itself, as its callers tell.
pub(super) fn turn_of(name: &str, traffic: &Traffic, now_ns: u64) -> Turn {
    let mut turn = Turn { at_ns: now_ns, ..Turn::default() };
    let own = traffic.service(name).filter(|s| s.requests > 0);
    if let Some(own) = own {
        (turn.requests, turn.errors) = (own.requests, own.errors);
        turn.passed_on = own.passed_on_errors.min(own.errors);
        turn.latency = own.latency.clone();
    }
    for edge in traffic.callers(name) {
        turn.kind = edge.to_kind;
        let unanswered = edge.errors.min(edge.requests.saturating_sub(edge.answered));
        if own.is_none() && edge.to_kind != NodeKind::Service {
            turn.requests += edge.requests;
            turn.errors += edge.errors;
            turn.latency.merge(&edge.latency);
        } else {
            turn.requests += unanswered;
            turn.errors += unanswered;
            turn.unanswered += unanswered;
        }
    }
    turn
}

/// What is usual.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Usual {
    secs: f64,
    requests: f64,
    error_share: f64,
    windows: f64,
    /// Natural logarithm of the milliseconds that 95 of 100 requests do not exceed.
    ln_p95: f64,
}

impl Usual {
    fn is_known(&self) -> bool {
        self.secs >= LEARN_SECS && self.requests >= LEARN_REQUESTS
    }

    fn learn(&mut self, turn: &Turn, secs: f64) {
        let weight = turn.requests as f64;
        self.secs += secs;
        self.requests = (self.requests + weight).min(USUAL_REQUESTS);
        let share = turn.errors as f64 / weight;
        self.error_share += (share - self.error_share) * (weight / self.requests).min(1.0);
        self.error_share = self.error_share.min(MAX_USUAL_ERRORS);
        if let Some(p95) = turn.latency.quantile_ms(0.95).filter(|ms| *ms > 0.0) {
            self.windows = (self.windows + 1.0).min(USUAL_WINDOWS);
            self.ln_p95 += (p95.ln() - self.ln_p95) / self.windows;
        }
    }
}

/// What the figures say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too little to say.
    #[default]
    Unknown,
    /// As usual.
    Well,
    /// Between the two.
    Marginal,
    /// Not as usual.
    Sick,
}

/// What is known of one name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    usual: Usual,
    #[serde(skip)]
    turns: VecDeque<Turn>,
    #[serde(skip)]
    pub(super) kind: NodeKind,
    #[serde(skip)]
    failing: Option<Firing>,
    #[serde(skip)]
    slow: Option<Firing>,
    #[serde(skip)]
    seen_ns: u64,
    /// When the newest request was told of.
    #[serde(skip)]
    request_ns: u64,
    #[serde(skip)]
    request_at: Option<Timestamp>,
    /// What was told of the trouble when there were requests last: silence proves nothing.
    #[serde(skip)]
    last_failing: Option<Window>,
    #[serde(skip)]
    last_slow: Option<Window>,
}

/// A trouble that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Firing {
    since_ns: u64,
    /// Whether the newest figures still say so.
    pub(super) sure: bool,
}

impl Firing {
    /// Seconds since it was found.
    pub(super) fn secs(self, view: &View<'_>) -> f64 {
        view.tick.since(self.since_ns)
    }
}

/// Figures of one window.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    pub(super) secs: f64,
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) passed_on: u64,
    pub(super) unanswered: u64,
    pub(super) latency: Sketch,
}

impl Window {
    pub(super) fn error_share(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors as f64 / self.requests as f64 }
    }
}

/// How much likelier so many of so many are if their share is what it is, than if it were `usual`:
/// the natural logarithm.
fn evidence(count: u64, of: u64, usual: f64) -> f64 {
    let (k, n) = (count as f64, of as f64);
    let usual = usual.clamp(1e-4, 0.99);
    let share = (k / n).clamp(1e-9, 1.0);
    let rest = if k < n { (n - k) * ((1.0 - share) / (1.0 - usual)).ln() } else { 0.0 };
    k * (share / usual).ln() + rest
}

impl Known {
    /// Another boot, or a start: times of before mean nothing.
    pub(super) fn begin_anew(&mut self) {
        *self = Known { usual: self.usual, ..Known::default() };
    }

    pub(super) fn last_ns(&self) -> u64 {
        self.seen_ns
    }

    pub(super) fn is_well_known(&self) -> bool {
        self.usual.requests >= USUAL_REQUESTS / 10.0
    }

    pub(super) fn push(&mut self, view: &View<'_>, turn: Turn) {
        if turn.requests > 0 {
            self.kind = turn.kind;
            self.request_ns = turn.at_ns;
            self.request_at = Some(view.snapshot.collected_at);
        }
        self.seen_ns = turn.at_ns;
        self.turns.push_back(turn);
        let old = |t: &Turn, secs: f64| view.tick.since(t.at_ns) >= secs;
        while self.turns.len() > MAX_TURNS
            || self.turns.front().is_some_and(|t| old(t, COUNTS_SECS))
        {
            self.turns.pop_front();
        }
        for turn in self.turns.iter_mut().filter(|t| old(t, DURATIONS_SECS)) {
            turn.latency = Sketch::default();
        }
    }

    /// The newest so many seconds, at least the newest turn.
    pub(super) fn window(&self, view: &View<'_>, secs: f64) -> Window {
        let mut window = Window { secs: view.tick.passed_secs, ..Window::default() };
        for (n, turn) in self.turns.iter().rev().enumerate() {
            let age = view.tick.since(turn.at_ns);
            if (n > 0 || age > 0.0) && age >= secs {
                break;
            }
            window.secs = age + view.tick.passed_secs;
            window.requests += turn.requests;
            window.errors += turn.errors;
            window.passed_on += turn.passed_on;
            window.unanswered += turn.unanswered;
            window.latency.merge(&turn.latency);
        }
        window
    }

    /// The fewest of the newest turns that can show whether it is well again.
    fn newest(&self, view: &View<'_>) -> Window {
        let mut window = Window::default();
        for turn in self.turns.iter().rev() {
            if view.tick.since(turn.at_ns) >= CLEAR_SECS || window.requests >= CLEAR_REQUESTS {
                break;
            }
            window.requests += turn.requests;
            window.errors += turn.errors;
            window.latency.merge(&turn.latency);
        }
        window
    }

    /// The share of failures from which on it is trouble.
    fn error_limit(&self, floor: Option<f64>) -> f64 {
        let learned = self.usual.is_known();
        let floor = floor.unwrap_or(if learned { ERROR_FLOOR } else { ERROR_FLOOR_LEARNING });
        floor.max(2.0 * self.usual.error_share + 0.02)
    }

    /// Whether it fails; `floor`: the least share that is trouble, where it is promised.
    pub(super) fn errors(&self, view: &View<'_>, floor: Option<f64>) -> Verdict {
        let limit = self.error_limit(floor);
        let usual = (1.5 * self.usual.error_share).max(0.01);
        let sick = WINDOWS_SECS.iter().map(|secs| self.window(view, *secs)).any(|w| {
            w.requests >= MIN_REQUESTS
                && w.errors >= MIN_ERRORS
                && w.error_share() >= limit
                && evidence(w.errors, w.requests, usual) >= MIN_EVIDENCE
        });
        let newest = self.newest(view);
        let over = newest.requests >= CLEAR_REQUESTS && newest.error_share() < limit / 2.0;
        match (sick, over) {
            (_, true) => Verdict::Well,
            (true, false) => Verdict::Sick,
            (false, false) if newest.requests >= CLEAR_REQUESTS => Verdict::Marginal,
            (false, false) => Verdict::Unknown,
        }
    }

    /// The milliseconds from which on a request is slow; none while that is not known.
    pub(super) fn slow_ms(&self) -> Option<f64> {
        let p95 = self.usual.ln_p95.exp();
        (self.usual.is_known() && self.usual.windows >= 3.0)
            .then(|| (SLOW_FACTOR * p95).max(p95 + SLOW_MORE_MS))
    }

    /// Whether it is slow.
    pub(super) fn latency(&self, view: &View<'_>) -> Verdict {
        let Some(limit_ms) = self.slow_ms() else { return Verdict::Unknown };
        let sick =
            [0.0, 3.0, DURATIONS_SECS].iter().map(|s| self.window(view, *s).latency).any(|l| {
                let (slow, all) = (l.count_above_ms(limit_ms), l.count());
                all >= MIN_TIMED_REQUESTS
                    && slow as f64 >= SLOW_SHARE * all as f64
                    && evidence(slow, all, 0.05) >= MIN_EVIDENCE
            });
        let newest = self.newest(view).latency;
        let slow = newest.count_above_ms(limit_ms) as f64;
        let over =
            newest.count() >= CLEAR_REQUESTS && slow < SLOW_SHARE / 2.0 * newest.count() as f64;
        match (sick, over) {
            (_, true) => Verdict::Well,
            (true, false) => Verdict::Sick,
            (false, false) if newest.count() >= CLEAR_REQUESTS => Verdict::Marginal,
            (false, false) => Verdict::Unknown,
        }
    }

    /// Goes on from the verdicts of this turn, and learns from it if all is well.
    pub(super) fn settle(&mut self, view: &View<'_>, errors: Verdict, latency: Verdict) {
        let silent = view.tick.since(self.request_ns) >= SILENT_SECS;
        let next = |was: Option<Firing>, verdict: Verdict| match (was, verdict) {
            (_, Verdict::Well) => None,
            (None, Verdict::Sick) => Some(Firing { since_ns: view.tick.now_ns, sure: true }),
            (None, Verdict::Marginal | Verdict::Unknown) => None,
            // What cannot be seen is not over; after long silence there is nothing left to claim.
            (Some(_), _) if silent => None,
            (Some(firing), verdict) => Some(Firing { sure: verdict == Verdict::Sick, ..firing }),
        };
        self.failing = next(self.failing, errors);
        self.slow = next(self.slow, latency);
        let news = self.request_ns == view.tick.now_ns;
        if news || self.failing.is_none() {
            self.last_failing = self.failing.map(|_| self.lately(view, true));
        }
        if news || self.slow.is_none() {
            self.last_slow = self.slow.map(|_| self.lately(view, false));
        }
        if self.failing.is_none()
            && self.slow.is_none()
            && !view.tick.gap
            && let Some(turn) = self.turns.back().filter(|t| t.at_ns == view.tick.now_ns)
            && turn.requests > 0
            && (self.usual.is_known() || turn.errors == 0 || errors != Verdict::Marginal)
        {
            self.usual.learn(turn, view.tick.passed_secs);
        }
    }

    pub(super) fn fires(&self, errors: bool) -> bool {
        self.firing(errors).is_some()
    }

    pub(super) fn firing(&self, errors: bool) -> Option<Firing> {
        if errors { self.failing } else { self.slow }
    }

    /// Failed or slow requests of the last seconds.
    pub(super) fn failures(&self, view: &View<'_>, errors: bool) -> u64 {
        let window = self.window(view, DURATIONS_SECS);
        match (errors, self.slow_ms()) {
            (true, _) => window.errors,
            (false, Some(ms)) => window.latency.count_above_ms(ms),
            (false, None) => 0,
        }
    }

    /// Whether it fails or is slow, if perhaps too little for a claim.
    pub(super) fn is_sick(&self, view: &View<'_>, errors: bool) -> bool {
        if self.fires(errors) {
            return true;
        }
        let window = self.window(view, DURATIONS_SECS);
        if errors {
            return window.errors >= 3 && window.error_share() >= self.error_limit(None) / 2.0;
        }
        let slow = self.slow_ms().map_or(0, |ms| window.latency.count_above_ms(ms));
        slow >= 3 && slow as f64 >= SLOW_SHARE / 2.0 * window.latency.count() as f64
    }

    /// The window that is told of. Without any request since, what was told last: nothing is known anew.
    pub(super) fn told(&self, view: &View<'_>, errors: bool) -> Window {
        let last = if errors { &self.last_failing } else { &self.last_slow };
        let silent = self.request_ns < view.tick.now_ns;
        match last {
            Some(last) if silent => last.clone(),
            Some(_) | None => self.lately(view, errors),
        }
    }

    /// Since when there was no request, where that is so for longer than what is told of.
    pub(super) fn silent_since(&self, view: &View<'_>) -> Option<Timestamp> {
        self.request_at.filter(|_| view.tick.since(self.request_ns) >= DURATIONS_SECS)
    }

    /// Since the trouble was found, at most the last ten seconds.
    fn lately(&self, view: &View<'_>, errors: bool) -> Window {
        let since = self.firing(errors).map_or(DURATIONS_SECS, |f| view.tick.since(f.since_ns));
        self.window(view, (since + 0.5).min(DURATIONS_SECS))
    }

    /// How its last seconds differ from what is usual, for the ranking of causes: failed requests that it made
    /// itself, and milliseconds of waiting.
    pub(super) fn deviations(&self, view: &View<'_>) -> (Option<Deviation>, Option<Deviation>) {
        let window = self.window(view, DURATIONS_SECS);
        let requests = window.requests as f64;
        let expected = self.usual.error_share * requests;
        let own = window.errors.saturating_sub(window.passed_on) as f64;
        // Chance alone moves a count by the root of what is expected.
        let failures = Deviation::new((own - expected) / expected.max(1.0).sqrt(), own - expected);
        let waiting = self.usual_p95_ms().zip(window.latency.quantile_ms(0.95)).and_then(
            |(usual_ms, p95_ms)| {
                let excess_ms = p95_ms - usual_ms;
                let noise_ms = (LATENCY_NOISE_SHARE * usual_ms).max(LATENCY_NOISE_MS);
                Deviation::new(excess_ms / noise_ms, excess_ms * requests)
            },
        );
        (failures, waiting)
    }

    pub(super) fn usual_error_percent(&self) -> f64 {
        100.0 * self.usual.error_share
    }

    pub(super) fn usual_p95_ms(&self) -> Option<f64> {
        (self.usual.windows > 0.0).then(|| self.usual.ln_p95.exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_no_evidence() {
        for (count, of, usual, enough) in [
            (1, 3, 0.01, false),
            (10, 20, 0.01, true),
            (5, 10, 0.01, true),
            (5, 100, 0.01, false),
            (60, 600, 0.06, false),
            (30, 30, 0.01, true),
        ] {
            assert_eq!(evidence(count, of, usual) >= MIN_EVIDENCE, enough, "{count} of {of}");
        }
    }
}
