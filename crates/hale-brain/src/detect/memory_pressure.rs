//! Nothing works because everything waits for memory: pressure stall information (`full`), of a service or
//! container at its limit, or of the machine where none of them explains it.

use std::collections::BTreeMap;

use hale_model::alert::Subject;
use hale_model::sample::{Pressure, Source, StalledCgroup};
use hale_model::snapshot::Snapshot;
use hale_model::text::bytes;

use super::container;
use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;

/// Below this share of the threshold it is over.
const CLEAR_SHARE: f64 = 0.5;

#[derive(Default)]
pub(super) struct MemoryPressure;

impl MemoryPressure {
    pub(super) const VARS: &[&str] = &["who", "percent", "held", "used", "limit", "cgroup"];
}

impl Detector for MemoryPressure {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        let snapshot = view.snapshot;
        let threshold = view.config.thresholds.memory_pressure_percent;
        let told = |pressure: &Pressure| pressure.full_avg10 >= threshold * CLEAR_SHARE;
        let mut by_subject = BTreeMap::new();
        for stalled in snapshot.stalled.iter().filter(|s| told(&s.pressure)) {
            // The worst comes first: further cgroups of one service add nothing.
            if let Some(subject) = subject(snapshot, stalled) {
                let held = (stalled.used_bytes, stalled.limit_bytes);
                by_subject.entry(subject.key()).or_insert_with(|| {
                    claim(subject, stalled.pressure, held, threshold).with_place(&stalled.cgroup)
                });
            }
        }
        if !by_subject.is_empty() {
            return by_subject.into_values().collect();
        }
        let held = (snapshot.system.mem_used_bytes, snapshot.system.mem_total_bytes);
        let machine = snapshot.system.memory_pressure.filter(told);
        let claims = machine.map(|pressure| claim(Subject::Machine, pressure, held, threshold));
        claims.into_iter().collect()
    }
}

/// The service or container that can be treated; none where it is neither of this machine's.
fn subject(snapshot: &Snapshot, stalled: &StalledCgroup) -> Option<Subject> {
    match (&stalled.container, &stalled.unit) {
        (Some(id), _) => snapshot.container(id, "").map(|c| container::subject(&c.stat)),
        (None, Some(unit)) => snapshot.unit(unit).map(|u| Subject::Unit { unit: u.unit.clone() }),
        (None, None) => None,
    }
}

fn claim(
    subject: Subject,
    pressure: Pressure,
    (used, limit): (Option<u64>, Option<u64>),
    threshold: f64,
) -> Claim {
    let (who, percent) = (subject.to_string(), pressure.full_avg10);
    let held = match (used, limit) {
        (Some(used), Some(limit)) => format!("{} / {}", bytes(used), bytes(limit)),
        (Some(used), None) => bytes(used),
        (None, _) => "?".to_owned(),
    };
    Claim {
        vars: vars([
            ("who", who.as_str().into()),
            ("percent", percent.into()),
            ("held", held.as_str().into()),
            ("used", used.into()),
            ("limit", limit.into()),
        ]),
        proofs: vec![Proof {
            source: Source::Memory,
            metric: "memory_pressure_full_avg10",
            text: format!("{who}: memory pressure full avg10={percent:.2}, holds {held}"),
            value: Some(percent),
            unit: Some("percent"),
        }],
        since: None,
        marginal: percent < threshold,
        subject,
    }
}

impl Claim {
    fn with_place(mut self, cgroup: &str) -> Claim {
        self.vars.insert("cgroup".to_owned(), cgroup.into());
        self
    }
}
