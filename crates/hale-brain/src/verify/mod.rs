//! Did the cure work? The world is observed again; nobody asks the executor.
//!
//! A [`Watch`] looks at snapshots taken after the action ended. All conditions must hold, seen by
//! fresh sources, without a break, for the stated time. What is not observed proves nothing: a
//! stale source or a gap between snapshots starts the hold time anew, and never counts as cured. What
//! is judged over the requests of a time by itself has to be gone at the end.

mod condition;
mod container;
mod workload;

use hale_model::action::{Condition, Expectation, Verification};
use hale_model::alert::{AlertKind, Finding};
use hale_model::container::ProbeTarget;
use hale_model::snapshot::Snapshot;

use condition::Seen;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Two snapshots further apart than this many times the distance before have a gap between them.
const GAP_TIMES_SPACING: u64 = 3;

/// A distance shorter than this (an extra look in between) says nothing about the rhythm.
const MIN_SPACING_NS: u64 = 5 * NANOS_PER_SEC;

/// Gaps that move the deadline; after these, time in which nobody looked is counted like any other.
const MAX_GAPS_EXCUSED: u32 = 3;

/// How long after a cure that was proved an alert of this kind beside it may still be open for what was before:
/// requests are judged over the last half minute, and whoever asked the service that was cured has failed with it.
pub fn settle_secs(kind: &AlertKind) -> i64 {
    if matches!(kind, AlertKind::HttpErrors | AlertKind::HttpLatency) { 30 } else { 5 }
}

/// Whether this looks back over some time by itself: requests that fail or are slow are judged by all of
/// the last seconds, so that waiting once more as long would count the same time twice.
fn looks_back(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::FindingGone { alert_kind: AlertKind::HttpErrors | AlertKind::HttpLatency, .. }
    )
}

/// Watches for the effect of one action. Times are those of `Snapshot::boottime_ns`.
#[derive(Clone, Debug)]
pub struct Watch {
    expectation: Expectation,
    /// Give up after this moment. Moved by time in which nobody looked.
    deadline_ns: u64,
    /// The newest snapshot that counted, or the end of the action.
    last_ns: u64,
    /// Since when all conditions have held.
    held_since_ns: Option<u64>,
    /// The distance between the last two snapshots.
    spacing_ns: Option<u64>,
    /// Gaps so far.
    gaps: u32,
    /// When the action ended.
    ended_at_ns: u64,
    /// What was first seen after the action.
    first: condition::FirstSeen,
}

impl Watch {
    /// Watches from the moment the action ended, on the clock of `Snapshot::boottime_ns`.
    pub fn new(expectation: Expectation, ended_at_boottime_ns: u64) -> Self {
        let within_ns = expectation.within_secs.saturating_mul(NANOS_PER_SEC);
        Watch {
            deadline_ns: ended_at_boottime_ns.saturating_add(within_ns),
            last_ns: ended_at_boottime_ns,
            expectation,
            held_since_ns: None,
            spacing_ns: None,
            gaps: 0,
            ended_at_ns: ended_at_boottime_ns,
            first: condition::FirstSeen::default(),
        }
    }

    /// Looks at one snapshot and the findings in it. None: still undecided. Snapshots that are not
    /// newer than the last one, or than the end of the action, are not looked at.
    ///
    /// After `within_secs` it is decided against the cure unless the conditions hold at that very
    /// moment; then they get the time to hold to the end.
    pub fn step(&mut self, snapshot: &Snapshot, findings: &[Finding]) -> Option<Verification> {
        if snapshot.boottime_ns <= self.last_ns {
            return None;
        }
        self.mind_gap(snapshot);
        self.last_ns = snapshot.boottime_ns;

        let seen: Vec<(Seen, String)> = self
            .expectation
            .conditions
            .iter()
            .map(|c| condition::look(c, snapshot, findings, &mut self.first, self.ended_at_ns))
            .collect();
        let holds = seen.iter().all(|(seen, _)| *seen == Seen::Holds);
        let mut lasting = self.expectation.conditions.iter().zip(&seen);
        let lasts = lasting.all(|(c, (seen, _))| *seen == Seen::Holds || looks_back(c));
        let was_holding = self.held_since_ns.is_some();
        self.held_since_ns = lasts.then(|| self.held_since_ns.unwrap_or(snapshot.boottime_ns));

        let held_ns = self.held_since_ns.map_or(0, |since| snapshot.boottime_ns - since);
        let hold_ns = self.expectation.hold_secs.saturating_mul(NANOS_PER_SEC);
        let failed = seen.iter().any(|(seen, _)| *seen == Seen::Failed);
        let late = failed || snapshot.boottime_ns > self.deadline_ns;
        let verified = if holds && held_ns >= hold_ns && (!late || was_holding || hold_ns == 0) {
            true
        } else if late && !(holds && was_holding) {
            false
        } else {
            return None;
        };
        Some(Verification {
            verified,
            decided_at: snapshot.collected_at,
            observations: self.observations(seen, held_ns, verified),
        })
    }

    /// Nothing is known about a time in which nobody looked: it breaks the hold, and it is not
    /// counted against the cure either.
    fn mind_gap(&mut self, snapshot: &Snapshot) {
        let distance_ns = snapshot.boottime_ns - self.last_ns;
        let own_ns = snapshot.elapsed_secs.filter(|s| *s > 0.0).map(|s| (s * 1e9) as u64);
        let usual_ns = self.spacing_ns.or(own_ns).unwrap_or(0).max(MIN_SPACING_NS);
        if distance_ns > usual_ns.saturating_mul(GAP_TIMES_SPACING) {
            self.held_since_ns = None;
            self.gaps = self.gaps.saturating_add(1);
            if self.gaps <= MAX_GAPS_EXCUSED {
                self.deadline_ns = self.deadline_ns.saturating_add(distance_ns - usual_ns);
            }
        }
        self.spacing_ns = Some(distance_ns);
    }

    /// What has to be asked over the network to see whether it worked.
    pub fn probes(&self) -> Vec<ProbeTarget> {
        let asked = |condition: &Condition| match condition {
            Condition::HttpOk { url } => Some(ProbeTarget::Http { url: url.clone() }),
            Condition::TcpOpen { address } => Some(ProbeTarget::Tcp { address: address.clone() }),
            Condition::ProcessesGone { .. }
            | Condition::ProcessStopped { .. }
            | Condition::ProcessNice { .. }
            | Condition::UnitActive { .. }
            | Condition::UnitInactive { .. }
            | Condition::UnitSteady { .. }
            | Condition::MountFree { .. }
            | Condition::FindingGone { .. }
            | Condition::ContainerRunning { .. }
            | Condition::ContainerStopped { .. }
            | Condition::ContainerHealthy { .. }
            | Condition::ContainerSteady { .. }
            | Condition::ContainerMemoryLimit { .. }
            | Condition::RolloutComplete { .. }
            | Condition::WorkloadReplicas { .. }
            | Condition::ReportsOver { .. } => None,
        };
        self.expectation.conditions.iter().filter_map(asked).collect()
    }

    fn observations(&self, seen: Vec<(Seen, String)>, held_ns: u64, verified: bool) -> Vec<String> {
        let held = held_ns / NANOS_PER_SEC;
        let mut lines: Vec<String> = seen
            .into_iter()
            .map(|(seen, text)| match seen {
                Seen::Holds => text,
                Seen::Broken | Seen::Failed => format!("not so: {text}"),
                Seen::Unknown => format!("not seen: {text}"),
            })
            .collect();
        if verified {
            lines.push(format!("held for {held} s (asked: {} s)", self.expectation.hold_secs));
        } else {
            let after = self.last_ns.saturating_sub(self.ended_at_ns) / NANOS_PER_SEC;
            lines.push(format!("given up {after} s after the action ended"));
        }
        lines
    }
}
