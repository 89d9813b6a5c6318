//! What one snapshot says about one condition.

use std::collections::{BTreeMap, BTreeSet};

use hale_model::action::Condition;
use hale_model::alert::{AlertKind, Finding, Subject};
use hale_model::container::ProbeTarget;
use hale_model::sample::{Source, SourceState};
use hale_model::snapshot::{Mount, Snapshot};

use super::container;
use super::workload;
use crate::detect::reported::behind;

/// What a snapshot says about a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It holds.
    Holds,
    /// It does not hold.
    Broken,
    /// It does not hold, and waiting will not change that.
    Failed,
    /// The source it rests on was not read: neither.
    Unknown,
}

/// Automatic restarts of each unit as first counted after the action. Starting a unit by hand sets
/// systemd's counter back, so the count from before may be higher than the one that matters.
pub(super) type FirstRestarts = BTreeMap<String, u32>;

/// What was first seen after the action: what must not change from then on.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstSeen {
    /// Automatic restarts of units.
    restarts: FirstRestarts,
    /// Runs of containers.
    runs: container::FirstRuns,
    /// Mounts that were seen with the space they should have.
    freed: BTreeSet<String>,
}

pub(super) fn so(holds: bool) -> Seen {
    if holds { Seen::Holds } else { Seen::Broken }
}

/// Space that was freed and is taken again is not freed by waiting: something goes on writing. Half
/// of what was asked for is the line, for a mount that stays near its figure may still come right.
fn free_space(mount: &Mount, wanted_percent: f64, freed: &mut BTreeSet<String>) -> (Seen, String) {
    let (name, free) = (&mount.mount_point, mount.free_percent);
    if free >= wanted_percent {
        freed.insert(name.clone());
    } else if free < wanted_percent / 2.0 && freed.contains(name) {
        return (Seen::Failed, format!("{name} was freed and is filled again: {free:.1} % free"));
    }
    (so(free >= wanted_percent), format!("{name} has {free:.1} % free"))
}

/// What this snapshot says, with the line for the record.
pub(super) fn look(
    condition: &Condition,
    snapshot: &Snapshot,
    findings: &[Finding],
    first: &mut FirstSeen,
    ended_at_ns: u64,
) -> (Seen, String) {
    let stale: Vec<Source> =
        sources(condition).into_iter().filter(|s| !is_readable(snapshot, *s, condition)).collect();
    if let Some(source) = stale.first() {
        return (Seen::Unknown, format!("the {source} source could not be read"));
    }
    match condition {
        Condition::ProcessesGone { targets } => {
            let left: Vec<String> = targets
                .iter()
                .filter(|t| snapshot.living(t).is_some())
                .map(|t| t.pid.to_string())
                .collect();
            let text = if left.is_empty() {
                format!("{} of {} processes are gone", targets.len(), targets.len())
            } else {
                format!("still alive: {}", left.join(" "))
            };
            (so(left.is_empty()), text)
        }
        Condition::ProcessStopped { target } => match snapshot.living(target) {
            Some(process) => {
                (so(process.state == 'T'), format!("{target} is in state {}", process.state))
            }
            None => (Seen::Broken, format!("{target} is gone")),
        },
        Condition::ProcessNice { target, nice } => match snapshot.living(target) {
            Some(process) => {
                (so(process.nice == *nice), format!("{target} has nice {}", process.nice))
            }
            None => (Seen::Broken, format!("{target} is gone")),
        },
        Condition::UnitActive { unit } => unit_state(snapshot, unit, true),
        Condition::UnitInactive { unit } => unit_state(snapshot, unit, false),
        Condition::UnitSteady { unit, restarts } => match snapshot.unit(unit) {
            Some(stat) => {
                let counted = *first.restarts.entry(unit.clone()).or_insert(stat.restarts);
                let allowed = counted.min(*restarts);
                let text = format!("{unit} restarted by itself {} times", stat.restarts);
                (so(stat.restarts <= allowed), text)
            }
            None => (Seen::Broken, format!("{unit} is not loaded")),
        },
        Condition::MountFree { mount_point, free_percent } => match snapshot.mount(mount_point) {
            Some(mount) => free_space(mount, *free_percent, &mut first.freed),
            None => (Seen::Broken, format!("nothing is mounted at {mount_point}")),
        },
        Condition::ContainerRunning { container } => container::running(snapshot, container),
        Condition::ContainerStopped { container } => container::stopped(snapshot, container),
        Condition::ContainerHealthy { container } => container::healthy(snapshot, container),
        Condition::ContainerSteady { container } => {
            container::steady(snapshot, container, &mut first.runs)
        }
        Condition::ContainerMemoryLimit { container, limit_bytes } => {
            container::memory_limit(snapshot, container, *limit_bytes)
        }
        Condition::HttpOk { url } => {
            container::probed(snapshot, &ProbeTarget::Http { url: url.clone() }, ended_at_ns)
        }
        Condition::TcpOpen { address } => {
            let target = ProbeTarget::Tcp { address: address.clone() };
            container::probed(snapshot, &target, ended_at_ns)
        }
        Condition::RolloutComplete { workload } => workload::rolled_out(snapshot, workload),
        Condition::WorkloadReplicas { workload, replicas } => {
            workload::has_replicas(snapshot, workload, *replicas)
        }
        Condition::FindingGone { alert_kind, subject } => {
            let key = subject.key();
            let same = findings.iter().find(|f| f.kind == *alert_kind && f.subject.key() == key);
            match same {
                Some(finding) => (Seen::Broken, format!("{alert_kind}: {}", finding.summary)),
                None => (Seen::Holds, format!("no {alert_kind} about {subject} any more")),
            }
        }
        Condition::ReportsOver { alert_kind, subject } => {
            match behind(snapshot, alert_kind, subject) {
                Some(open) => {
                    let who = open.report.source.title();
                    (Seen::Broken, format!("{who} still reports {alert_kind} about {subject}"))
                }
                None => (Seen::Holds, format!("nobody reports {alert_kind} about {subject} now")),
            }
        }
    }
}

fn unit_state(snapshot: &Snapshot, unit: &str, wanted_active: bool) -> (Seen, String) {
    match snapshot.unit(unit) {
        Some(stat) => {
            let active = stat.active_state == "active";
            // Between two states it is neither: only a unit at rest is inactive.
            let inactive = matches!(stat.active_state.as_str(), "inactive" | "failed");
            // A unit that only has something to do is well when it has done it.
            let served = stat.service_type == "oneshot" && inactive && stat.result == "success";
            let holds = if wanted_active { active || served } else { inactive };
            (so(holds), format!("{unit} is {} ({})", stat.active_state, stat.sub_state))
        }
        // systemd forgets units that are not active.
        None => (so(!wanted_active), format!("{unit} is not loaded")),
    }
}

/// The sources that must be fresh for a condition to be seen at all.
fn sources(condition: &Condition) -> Vec<Source> {
    match condition {
        Condition::ProcessesGone { .. }
        | Condition::ProcessStopped { .. }
        | Condition::ProcessNice { .. } => vec![Source::Process],
        Condition::UnitActive { .. }
        | Condition::UnitInactive { .. }
        | Condition::UnitSteady { .. } => vec![Source::Unit],
        Condition::MountFree { .. } => vec![Source::Disk],
        Condition::ContainerRunning { .. }
        | Condition::ContainerStopped { .. }
        | Condition::ContainerHealthy { .. }
        | Condition::ContainerSteady { .. }
        | Condition::ContainerMemoryLimit { .. } => vec![Source::Container],
        Condition::RolloutComplete { .. } | Condition::WorkloadReplicas { .. } => {
            vec![Source::Kubernetes]
        }
        // A probe that was not asked is unknown by itself.
        Condition::HttpOk { .. } | Condition::TcpOpen { .. } => Vec::new(),
        Condition::FindingGone { alert_kind, subject } => sources_of(alert_kind, subject),
        Condition::ReportsOver { .. } => vec![Source::Webhook],
    }
}

/// A source that this machine does not have cannot be waited for: a finding that could rest on it
/// rests on the others. A condition about such a thing itself stays unseen.
fn is_readable(snapshot: &Snapshot, source: Source, condition: &Condition) -> bool {
    let absent =
        snapshot.sources.iter().any(|s| s.source == source && s.state == SourceState::Absent);
    let may_be_absent =
        matches!(condition, Condition::FindingGone { .. }) && sources(condition).len() > 1;
    snapshot.is_fresh(source) || (absent && may_be_absent)
}

/// What a finding of this kind rests on.
fn sources_of(kind: &AlertKind, subject: &Subject) -> Vec<Source> {
    match kind {
        AlertKind::MemoryHigh | AlertKind::MemoryPressure | AlertKind::SwapHigh => {
            vec![Source::Memory]
        }
        AlertKind::DiskSpace | AlertKind::DiskInodes | AlertKind::DiskFilling => {
            vec![Source::Disk]
        }
        AlertKind::LoadHigh => vec![Source::Cpu],
        AlertKind::TemperatureHigh => vec![Source::Cpu, Source::Gpu],
        AlertKind::CpuHotProcess
        | AlertKind::ProcessZombie
        | AlertKind::ProcessOrphan
        | AlertKind::ProcessDuplicates
        | AlertKind::ProcessGhostStorm
        | AlertKind::ProcessLeak
        | AlertKind::ProcessFdLeak => vec![Source::Process],
        AlertKind::KernelOom => vec![Source::Memory, Source::Journal],
        AlertKind::ServiceFailed | AlertKind::ServiceFlapping => vec![Source::Unit],
        AlertKind::JournalBurst => vec![Source::Journal],
        AlertKind::ContainerUnhealthy
        | AlertKind::ContainerRestarting
        | AlertKind::HttpErrors
        | AlertKind::HttpLatency
        | AlertKind::MetricAnomaly
        | AlertKind::Rule(_) => sources_of_subject(subject),
        AlertKind::SourceStale => match subject {
            Subject::Source { source } => vec![*source],
            Subject::Machine
            | Subject::Process { .. }
            | Subject::ProcessGroup { .. }
            | Subject::Unit { .. }
            | Subject::Mount { .. }
            | Subject::Sensor { .. }
            | Subject::Metric { .. }
            | Subject::Journal { .. }
            | Subject::Container { .. }
            | Subject::Service { .. }
            | Subject::Workload { .. } => Source::ALL.to_vec(),
        },
    }
}

fn sources_of_subject(subject: &Subject) -> Vec<Source> {
    match subject {
        Subject::Process { .. } | Subject::ProcessGroup { .. } => vec![Source::Process],
        Subject::Unit { .. } => vec![Source::Unit],
        Subject::Mount { .. } => vec![Source::Disk],
        Subject::Sensor { .. } => vec![Source::Cpu, Source::Gpu],
        Subject::Journal { .. } => vec![Source::Journal],
        Subject::Container { .. } => vec![Source::Container],
        Subject::Workload { .. } => vec![Source::Kubernetes],
        Subject::Service { .. } => vec![Source::Otlp],
        Subject::Source { source } => vec![*source],
        // A series of a Prometheus target is named `target/metric{…}`; hale's own metrics have no such name.
        Subject::Metric { metric } if metric.contains('/') => vec![Source::Scrape],
        Subject::Machine | Subject::Metric { .. } => {
            vec![Source::Memory, Source::Cpu, Source::Disk, Source::Network, Source::Process]
        }
    }
}
