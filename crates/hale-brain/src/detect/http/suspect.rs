//! The first that fails on the path: from a service with trouble down the calls it makes, to the
//! deepest one that is sick while what it calls is well. Who only passes errors on is not the cause.

use std::collections::{BTreeMap, VecDeque};

use hale_model::traffic::{NodeKind, Traffic};

use super::super::detectors::View;
use super::Services;

/// Calls are remembered for so long.
const CALLS_SECS: f64 = 15.0;
/// Services tell of their requests at different times: so much earlier than one trouble shows, another's
/// share in it may have been told.
const LATE_SECS: f64 = 3.0;
/// Most calls of a turn, and most turns.
const MAX_TURNS: usize = 64;
/// Steps down from where the trouble shows.
const MAX_DEPTH: usize = 16;
/// Where at least this share of the errors was made here and not passed on, the path ends.
const OWN_SHARE: f64 = 0.7;
/// Calls of others that must go well to clear what is called.
const CLEARING_CALLS: u64 = 10;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Calls {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) answered: u64,
    pub(super) time_ms: f64,
}

type Pair = (String, String);

/// Who called whom lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    turns: VecDeque<(u64, Vec<(Pair, Calls)>)>,
}

impl Paths {
    pub(super) fn see(&mut self, view: &View<'_>, traffic: &Traffic) {
        let calls = traffic.edges.iter().map(|e| {
            let calls = Calls {
                requests: e.requests,
                errors: e.errors,
                answered: e.answered,
                time_ms: e.latency.sum_ms(),
            };
            ((e.from.clone(), e.to.clone()), calls)
        });
        self.turns.push_back((view.tick.now_ns, calls.collect()));
        while self.turns.len() > MAX_TURNS
            || self.turns.front().is_some_and(|(at, _)| view.tick.since(*at) >= CALLS_SECS)
        {
            self.turns.pop_front();
        }
    }

    /// The calls of so many seconds, at least those of the newest turn.
    fn sum(&self, view: &View<'_>, secs: f64) -> BTreeMap<&Pair, Calls> {
        let mut sum: BTreeMap<&Pair, Calls> = BTreeMap::new();
        let young = self.turns.iter().filter(|(at, _)| view.tick.since(*at) <= secs);
        for (pair, calls) in young.flat_map(|(_, calls)| calls) {
            let all = sum.entry(pair).or_default();
            all.requests += calls.requests;
            all.errors += calls.errors;
            all.answered += calls.answered;
            all.time_ms += calls.time_ms;
        }
        sum
    }
}

/// From where the trouble shows to the first that fails.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// Names, the last one the suspect; never empty.
    pub(super) names: Vec<String>,
    /// What the suspect is.
    pub(super) kind: NodeKind,
    /// Calls to the suspect by the one before it, and of these failed, and answered.
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) answered: u64,
}

impl Path {
    pub(super) fn suspect(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }
}

/// Follows the trouble of a service to where it begins.
pub(super) fn follow(services: &Services, view: &View<'_>, from: &str, errors: bool) -> Path {
    // Errors of an earlier trouble say nothing about this one.
    let firing = services.nodes.get(from).and_then(|known| known.firing(errors));
    let secs = firing.map_or(CALLS_SECS, |firing| firing.secs(view) + LATE_SECS).min(CALLS_SECS);
    let calls = services.paths.sum(view, secs);
    let mut path = Path {
        names: vec![from.to_owned()],
        kind: services.kind(from),
        calls: 0,
        failed: 0,
        answered: 0,
    };
    while path.names.len() < MAX_DEPTH {
        let here = path.suspect().to_owned();
        if errors && made_here(services, view, &here) {
            break;
        }
        let worst = |blamed: &dyn Fn(&str, &Calls) -> bool| {
            calls
                .iter()
                .filter(|((caller, callee), _)| *caller == here && !path.names.contains(callee))
                .filter(|((_, callee), c)| blamed(callee, c))
                .max_by(|a, b| {
                    let weight = |c: &Calls| if errors { c.errors as f64 } else { c.time_ms };
                    weight(a.1).total_cmp(&weight(b.1)).then_with(|| b.0.cmp(a.0))
                })
        };
        let sick = worst(&|callee, c| blames(services, view, &calls, &here, callee, c, errors));
        // Who passes errors on suffers from whoever made them, also where that one is well again by now.
        let passed = || {
            let passes = errors && passes_on(services, view, &here, secs);
            let tells = |callee: &str| services.kind(callee) == NodeKind::Service;
            passes.then(|| worst(&|callee, c| c.errors > 0 && tells(callee))).flatten()
        };
        let next = sick.or_else(passed);
        let Some(((_, callee), c)) = next else { break };
        path.names.push(callee.clone());
        path.kind = services.kind(callee);
        (path.calls, path.failed, path.answered) = (c.requests, c.errors, c.answered);
    }
    path
}

/// Whether most of the errors of a service were made in it, as its traces tell.
fn made_here(services: &Services, view: &View<'_>, name: &str) -> bool {
    let Some(known) = services.nodes.get(name) else { return false };
    let window = known.window(view, CALLS_SECS);
    let answered_errors = window.errors.saturating_sub(window.unanswered);
    let own = answered_errors.saturating_sub(window.passed_on);
    answered_errors > 0 && own as f64 >= OWN_SHARE * answered_errors as f64
}

/// Whether most of the errors that a service answered came from what it calls, as its traces tell.
fn passes_on(services: &Services, view: &View<'_>, name: &str, secs: f64) -> bool {
    let Some(known) = services.nodes.get(name) else { return false };
    let window = known.window(view, secs);
    let answered_errors = window.errors.saturating_sub(window.unanswered);
    answered_errors > 0 && window.passed_on as f64 >= OWN_SHARE * answered_errors as f64
}

/// Whether what is called can be why its caller is sick.
fn blames(
    services: &Services,
    view: &View<'_>,
    calls: &BTreeMap<&Pair, Calls>,
    caller: &str,
    callee: &str,
    here: &Calls,
    errors: bool,
) -> bool {
    if !services.is_sick(view, callee, errors) {
        // A slow answer may be an error of its caller, and an error may keep its caller waiting.
        let other = services.nodes.get(callee).is_some_and(|known| known.fires(!errors));
        if !other {
            return false;
        }
    }
    if errors && here.errors == 0 {
        return false;
    }
    // What tells nothing itself is cleared by others whose calls go well.
    let silent = services.kind(callee) != NodeKind::Service;
    let cleared = calls.iter().any(|((other, to), c)| {
        to == callee
            && other != caller
            && c.requests >= CLEARING_CALLS
            && c.errors.saturating_mul(10) < c.requests
    });
    !(errors && silent && cleared)
}
