//! Units that failed, and units that keep restarting.

use std::collections::{BTreeMap, VecDeque};

use hale_model::alert::Subject;
use hale_model::sample::{Source, UnitStat};
use serde_json::Value;

use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;

/// Exit statuses of a program that was told to stop (128 + INT, 128 + TERM) and says so.
const STOPPED_BY_SIGNAL: [i32; 2] = [130, 143];
/// Restarts are counted over this time.
const FLAP_WINDOW_SECS: u64 = 600;
/// Most restarts remembered for a unit.
const MAX_RESTARTS_KEPT: usize = 64;
/// Most units watched for restarts.
const MAX_UNITS: usize = 4096;

/// A unit that is in the failed state. One that a person stopped is inactive, or, where the
/// program reports the signal as its exit status, failed with that status: no finding either way.
#[derive(Default)]
pub(super) struct ServiceFailed;

impl ServiceFailed {
    pub(super) const VARS: &[&str] = &["unit", "result", "exit_status", "restarts"];
}

impl Detector for ServiceFailed {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        let stopped =
            |u: &UnitStat| u.result == "exit-code" && STOPPED_BY_SIGNAL.contains(&u.exit_status);
        let failed = view.snapshot.units.iter().filter(|u| u.active_state == "failed");
        failed.filter(|u| !stopped(u)).take(MAX_UNITS).map(failed_claim).collect()
    }
}

fn failed_claim(unit: &UnitStat) -> Claim {
    // Only whoever started a process learns how it ended; a pid file does not say.
    let exit_status = (unit.service_type != "declared").then_some(unit.exit_status);
    let ended = exit_status.map(|code| format!(", exit status {code}")).unwrap_or_default();
    Claim {
        subject: Subject::Unit { unit: unit.unit.clone() },
        vars: vars([
            ("unit", unit.unit.as_str().into()),
            ("result", unit.result.as_str().into()),
            ("exit_status", exit_status.map_or_else(|| "unknown".into(), Value::from)),
            ("restarts", unit.restarts.into()),
        ]),
        proofs: vec![Proof {
            source: Source::Unit,
            metric: "active_state",
            text: format!("{} is failed ({}): {}{ended}", unit.unit, unit.sub_state, unit.result),
            value: exit_status.map(f64::from),
            unit: None,
        }],
        since: None,
        marginal: false,
    }
}

#[derive(Default)]
struct Restarts {
    count: u32,
    /// When, and how many.
    seen: VecDeque<(u64, u32)>,
}

/// A unit that systemd restarted often within ten minutes, or gave up restarting.
#[derive(Default)]
pub(super) struct ServiceFlapping {
    units: BTreeMap<String, Restarts>,
    /// Whether the units were read before: then one that is new has really restarted that often.
    watching: bool,
}

impl ServiceFlapping {
    pub(super) const VARS: &[&str] = &["unit", "result", "restarts", "window", "sub_state"];
}

impl Detector for ServiceFlapping {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        if view.tick.first {
            self.units.clear();
            self.watching = false;
        }
        if !view.snapshot.is_fresh(Source::Unit) {
            return Vec::new();
        }
        let mut claims = Vec::new();
        for unit in &view.snapshot.units {
            if unit.restarts == 0 && !self.units.contains_key(&unit.unit) {
                continue;
            }
            if self.units.len() < MAX_UNITS || self.units.contains_key(&unit.unit) {
                self.count(view, unit);
                claims.extend(self.judge(view, unit));
            }
        }
        self.units.retain(|name, r| r.count > 0 && view.snapshot.unit(name).is_some());
        self.watching = true;
        claims
    }
}

impl ServiceFlapping {
    fn count(&mut self, view: &View<'_>, unit: &UnitStat) {
        let known = self.units.contains_key(&unit.unit);
        let restarts = self.units.entry(unit.unit.clone()).or_default();
        if !known && !self.watching {
            restarts.count = unit.restarts;
        }
        // Started by hand, the count begins again at 0.
        let more = unit.restarts.checked_sub(restarts.count).unwrap_or(unit.restarts);
        restarts.count = unit.restarts;
        if more > 0 {
            restarts.seen.push_back((view.tick.now_ns, more));
        }
        while restarts.seen.len() > MAX_RESTARTS_KEPT
            || restarts
                .seen
                .front()
                .is_some_and(|(at, _)| view.tick.since(*at) > FLAP_WINDOW_SECS as f64)
        {
            restarts.seen.pop_front();
        }
    }

    fn judge(&self, view: &View<'_>, unit: &UnitStat) -> Option<Claim> {
        let restarts = self.units.get(&unit.unit)?;
        let within: u32 = restarts.seen.iter().map(|(_, n)| *n).fold(0, u32::saturating_add);
        let gave_up = unit.result == "start-limit-hit" && within > 0;
        let limit = view.config.thresholds.flapping_restarts;
        if within < limit && !gave_up {
            return None;
        }
        Some(Claim {
            subject: Subject::Unit { unit: unit.unit.clone() },
            vars: vars([
                ("unit", unit.unit.as_str().into()),
                ("result", unit.result.as_str().into()),
                ("restarts", within.into()),
                ("window", FLAP_WINDOW_SECS.into()),
                ("sub_state", unit.sub_state.as_str().into()),
            ]),
            proofs: vec![Proof {
                source: Source::Unit,
                metric: "restarts",
                text: format!(
                    "{} restarted by itself {within} times within {} minutes, now {} ({})",
                    unit.unit,
                    FLAP_WINDOW_SECS / 60,
                    unit.active_state,
                    unit.sub_state
                ),
                value: Some(f64::from(within)),
                unit: Some("count"),
            }],
            since: None,
            marginal: false,
        })
    }
}
