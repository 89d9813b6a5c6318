//! Containers that are not well, and containers that keep restarting.
//!
//! Not well is what a container's own health check says, an end that nobody asked for although it
//! should run, and memory that will reach its limit within minutes at the rate at which it grows. A
//! container that a person stopped is no finding: the engine remembers that it was told to, and where it
//! does not, an exit status by TERM or KILL is taken for that.

use std::collections::{BTreeMap, VecDeque};

use hale_model::alert::Subject;
use hale_model::container::{Container, ContainerHealth, ContainerStat, ContainerState};
use hale_model::sample::Source;
use hale_model::text::{bytes, printable, shorten};
use serde_json::Value;

use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;
use super::message::Vars;
use crate::decide::names::container_pattern;

/// Exit statuses of a program that was told to stop: 128 + INT, KILL, TERM.
const STOPPED_BY_SIGNAL: [i32; 3] = [130, 137, 143];
/// Ended by KILL.
const KILLED: i32 = 137;
/// Most containers watched.
const CONTAINERS_MAX: usize = 1024;
/// Restarts are counted over this time.
const LOOP_WINDOW_SECS: u64 = 600;
/// Most restarts remembered for a container.
const RESTARTS_KEPT_MAX: usize = 64;
/// Memory is watched over this time.
const GROWTH_WINDOW_SECS: f64 = 60.0;
/// Measurements of memory remembered for a container.
const MEASUREMENTS_MAX: usize = 64;
/// Fewer measurements show no trend.
const MEASUREMENTS_MIN: usize = 3;
/// Below this share of the limit there is time.
const NEAR_LIMIT_PERCENT: f64 = 80.0;
/// At the rate of now the limit is reached within this time.
const LIMIT_WITHIN_SECS: f64 = 120.0;
/// Growth of less than this share of the limit is noise.
const GROWTH_MIN_PERCENT: f64 = 5.0;
/// Of what a health check printed.
const OUTPUT_BYTES_MAX: usize = 200;

/// Memory of one run of a container.
#[derive(Default)]
struct Growth {
    run: Option<hale_model::Timestamp>,
    measured: VecDeque<(u64, u64)>,
    /// It was found to run into its limit; over when it gives memory back.
    claimed: bool,
}

/// A container that is not well.
#[derive(Default)]
pub(super) struct ContainerUnhealthy {
    growth: BTreeMap<String, Growth>,
}

impl ContainerUnhealthy {
    pub(super) const VARS: &[&str] = &[
        "container",
        "id",
        "image",
        "reason",
        "what",
        "exit_code",
        "oom_killed",
        "failing_streak",
        "health_output",
        "memory",
        "memory_limit",
        "restart_policy",
    ];
}

impl Detector for ContainerUnhealthy {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        if view.tick.first {
            self.growth.clear();
        }
        let containers = &view.snapshot.containers;
        self.growth.retain(|id, _| containers.iter().any(|c| c.stat.id == *id));
        let watched = containers.iter().filter(|c| !c.stat.kubernetes).take(CONTAINERS_MAX);
        watched.filter_map(|container| self.judge(view, container)).collect()
    }
}

impl ContainerUnhealthy {
    fn judge(&mut self, view: &View<'_>, container: &Container) -> Option<Claim> {
        let stat = &container.stat;
        let full_in = self.reaches_limit(view, stat);
        let name = &stat.name;
        match (stat.state, stat.health) {
            (ContainerState::Running, Some(ContainerHealth::Unhealthy)) => {
                let times = stat.failing_streak;
                let what = format!("its health check failed {times} times in a row");
                let output = stat.health_output.as_deref().unwrap_or_default();
                let said = shorten(printable(output).trim(), OUTPUT_BYTES_MAX);
                let text = format!("container {name} is unhealthy: {said}");
                Some(claim(stat, "health_check", &what, text, Some(f64::from(times))))
            }
            (ContainerState::Exited | ContainerState::Dead, _) => down(view, stat),
            (ContainerState::Running, _) => {
                let (secs, used, limit) = full_in?;
                let what = format!(
                    "it uses {} of its {} of memory and reaches the limit in about {secs:.0} s",
                    bytes(used),
                    bytes(limit)
                );
                let text = format!("container {name}: {what}");
                Some(claim(stat, "memory", &what, text, Some(used as f64)))
            }
            (
                ContainerState::Created
                | ContainerState::Paused
                | ContainerState::Restarting
                | ContainerState::Removing
                | ContainerState::Unknown,
                _,
            ) => None,
        }
    }

    /// In how many seconds its memory reaches its limit if it goes on like this, with use and limit.
    fn reaches_limit(&mut self, view: &View<'_>, stat: &ContainerStat) -> Option<(f64, u64, u64)> {
        let (used, limit) = stat.memory_bytes.zip(stat.memory_limit_bytes)?;
        let growth = self.growth.entry(stat.id.clone()).or_default();
        if growth.run != stat.started_at {
            *growth = Growth { run: stat.started_at, ..Growth::default() };
        }
        let measured = &mut growth.measured;
        // What gives memory back is no leak: it begins anew.
        if measured.back().is_some_and(|(_, before)| used < *before) {
            measured.clear();
            growth.claimed = false;
        }
        measured.push_back((view.tick.now_ns, used));
        let old = |at: u64| view.tick.since(at) > GROWTH_WINDOW_SECS;
        while measured.len() > MEASUREMENTS_MAX || measured.front().is_some_and(|(at, _)| old(*at))
        {
            measured.pop_front();
        }
        let percent_of_limit = |b: u64| 100.0 * b as f64 / limit.max(1) as f64;
        if percent_of_limit(used) < NEAR_LIMIT_PERCENT {
            return None;
        }
        let (since, first) = *measured.front()?;
        let grown = used.saturating_sub(first);
        let secs = view.tick.since(since);
        let rate = grown as f64 / secs.max(0.001);
        let left = limit.saturating_sub(used) as f64;
        let trend = measured.len() >= MEASUREMENTS_MIN
            && percent_of_limit(grown) >= GROWTH_MIN_PERCENT
            && rate > 0.0;
        growth.claimed = growth.claimed || trend && left / rate <= LIMIT_WITHIN_SECS;
        let secs_left = if rate > 0.0 { left / rate } else { LIMIT_WITHIN_SECS };
        growth.claimed.then_some((secs_left.min(LIMIT_WITHIN_SECS), used, limit))
    }
}

/// Whether it ended by itself although it should run, and how.
fn down(view: &View<'_>, stat: &ContainerStat) -> Option<Claim> {
    let granted = &view.config.allowlist.restartable_containers;
    let should_run = stat.is_kept_running() || container_pattern(granted, &stat.name).is_some();
    let code = stat.exit_code.unwrap_or(0);
    let by_itself = stat.oom_killed
        || code != 0
            && match stat.end_asked {
                Some(asked) => !asked,
                None => !STOPPED_BY_SIGNAL.contains(&code),
            };
    if !should_run || !by_itself || stat.started_at.is_none() {
        return None;
    }
    let (reason, what) = if stat.oom_killed {
        ("oom_killed", "the kernel ended it for want of memory".to_owned())
    } else if code == KILLED && stat.memory_limit_bytes.is_some() {
        let what = "it was killed, and not by the engine: most likely for want of memory";
        ("killed", what.to_owned())
    } else {
        ("exited", format!("it ended with status {code}"))
    };
    let text = format!("container {} is {}, exit status {code}", stat.name, stat.state);
    Some(claim(stat, reason, &what, text, Some(f64::from(code))))
}

fn claim(
    stat: &ContainerStat,
    reason: &str,
    what: &str,
    text: String,
    value: Option<f64>,
) -> Claim {
    let mut figures = identity(stat);
    let output = stat.health_output.as_deref().map(printable);
    figures.extend(vars([
        ("reason", reason.into()),
        ("what", what.into()),
        ("exit_code", stat.exit_code.map_or(Value::Null, Into::into)),
        ("oom_killed", stat.oom_killed.into()),
        ("failing_streak", stat.failing_streak.into()),
        (
            "health_output",
            output.map_or(Value::Null, |o| shorten(o.trim(), OUTPUT_BYTES_MAX).into()),
        ),
        ("memory", stat.memory_bytes.map_or(Value::Null, Into::into)),
        ("memory_limit", stat.memory_limit_bytes.map_or(Value::Null, Into::into)),
        ("restart_policy", stat.restart_policy.as_str().into()),
    ]));
    let (metric, unit) = match reason {
        "memory" => ("memory_bytes", Some("bytes")),
        "health_check" => ("failing_streak", Some("count")),
        _ => ("exit_code", None),
    };
    Claim {
        subject: subject(stat),
        vars: figures,
        proofs: vec![Proof { source: Source::Container, metric, text, value, unit }],
        since: None,
        marginal: false,
    }
}

fn identity(stat: &ContainerStat) -> Vars {
    vars([
        ("container", stat.name.as_str().into()),
        ("id", stat.id.as_str().into()),
        ("image", stat.image.as_str().into()),
    ])
}

pub(super) fn subject(stat: &ContainerStat) -> Subject {
    Subject::Container { id: stat.id.clone(), name: stat.name.clone() }
}

#[derive(Default)]
struct Restarts {
    count: u32,
    /// When, and how many.
    seen: VecDeque<(u64, u32)>,
    /// One of these ends was the kernel's, for want of memory.
    oom_killed: bool,
}

/// A container that its engine restarted often within ten minutes.
#[derive(Default)]
pub(super) struct ContainerRestarting {
    containers: BTreeMap<String, Restarts>,
    /// Whether containers were read before: then one that is new has really restarted that often.
    watching: bool,
}

impl ContainerRestarting {
    pub(super) const VARS: &[&str] =
        &["container", "id", "image", "restarts", "window", "exit_code", "oom_killed", "state"];
}

impl Detector for ContainerRestarting {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        if view.tick.first {
            self.containers.clear();
            self.watching = false;
        }
        if !view.snapshot.is_fresh(Source::Container) {
            return Vec::new();
        }
        let mut claims = Vec::new();
        for Container { stat, .. } in view.snapshot.containers.iter().take(CONTAINERS_MAX) {
            if stat.kubernetes || stat.restart_count == 0 && !self.containers.contains_key(&stat.id)
            {
                continue;
            }
            self.count(view, stat);
            claims.extend(self.judge(view, stat));
        }
        let there = |id: &String| view.snapshot.containers.iter().any(|c| c.stat.id == *id);
        self.containers.retain(|id, r| (r.count > 0 || !r.seen.is_empty()) && there(id));
        self.watching = true;
        claims
    }
}

impl ContainerRestarting {
    fn count(&mut self, view: &View<'_>, stat: &ContainerStat) {
        let known = self.containers.contains_key(&stat.id);
        let restarts = self.containers.entry(stat.id.clone()).or_default();
        // Those from before the watch count only if it is between two of them right now.
        if !known && !self.watching && stat.state != ContainerState::Restarting {
            restarts.count = stat.restart_count;
        }
        // Started by hand, the count begins again at 0.
        let more = stat.restart_count.checked_sub(restarts.count).unwrap_or(stat.restart_count);
        restarts.count = stat.restart_count;
        restarts.oom_killed |= stat.oom_killed;
        if more > 0 {
            restarts.seen.push_back((view.tick.now_ns, more));
        }
        let old = |at: u64| view.tick.since(at) > LOOP_WINDOW_SECS as f64;
        while restarts.seen.len() > RESTARTS_KEPT_MAX
            || restarts.seen.front().is_some_and(|(at, _)| old(*at))
        {
            restarts.seen.pop_front();
        }
        if restarts.seen.is_empty() {
            restarts.oom_killed = stat.oom_killed;
        }
    }

    fn judge(&self, view: &View<'_>, stat: &ContainerStat) -> Option<Claim> {
        let restarts = self.containers.get(&stat.id)?;
        let within: u32 = restarts.seen.iter().map(|(_, n)| *n).fold(0, u32::saturating_add);
        if within < view.config.thresholds.flapping_restarts {
            return None;
        }
        let code = stat.exit_code.map_or(Value::Null, Into::into);
        let mut figures = identity(stat);
        figures.extend(vars([
            ("restarts", within.into()),
            ("window", LOOP_WINDOW_SECS.into()),
            ("exit_code", code),
            ("oom_killed", restarts.oom_killed.into()),
            ("state", stat.state.as_str().into()),
        ]));
        let why = if restarts.oom_killed { ", ended by the kernel for want of memory" } else { "" };
        Some(Claim {
            subject: subject(stat),
            vars: figures,
            proofs: vec![Proof {
                source: Source::Container,
                metric: "restart_count",
                text: format!(
                    "container {} restarted by itself {within} times within {} minutes, now {}{why}",
                    stat.name,
                    LOOP_WINDOW_SECS / 60,
                    stat.state,
                ),
                value: Some(f64::from(within)),
                unit: Some("count"),
            }],
            since: None,
            marginal: false,
        })
    }
}
