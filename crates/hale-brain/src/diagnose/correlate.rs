//! Which alerts are one trouble.
//!
//! Two alerts of one machine belong together if they are about the same thing (process tree,
//! service, mount) at the same time, or if one is a known effect of the other. An effect that could
//! have several causes joins one of them only, so that it never ties two independent faults
//! together.

use hale_model::Timestamp;
use hale_model::alert::{Alert, AlertKind, AlertState, Subject};
use hale_model::incident::{Incident, IncidentState};
use hale_model::snapshot::Snapshot;
use hale_model::{AlertId, IncidentId};

use super::causes::depth;
use super::scope::{Scope, overlap};

/// Alerts further apart in time than this have nothing to do with each other.
const WINDOW_SECS: i64 = 60;

/// A process that holds less than this share of memory does not explain that memory is short.
const MIN_HOLDER_PERCENT: f64 = 3.0;

/// Where a new alert belongs.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a few of them a turn, moved once")]
pub enum Correlation {
    /// It begins an incident; so do the other new alerts that the incident names.
    New(Incident),
    /// It belongs to an open incident.
    Join {
        /// Which incident.
        incident: IncidentId,
        /// Which alert.
        alert: AlertId,
    },
}

/// How alert `a` relates to alert `b`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Relation {
    /// They are about the same thing.
    Same,
    /// `a` is an effect of `b`; the greater the weight, the likelier.
    EffectOf { weight: f64 },
}

struct Node<'a> {
    alert: &'a Alert,
    scope: Scope,
    /// The open incident it is in already.
    incident: Option<&'a Incident>,
}

/// Says for every opened alert where it belongs. The order of the answers is that of the opened
/// alerts; the same input gives the same answers.
pub fn correlate(
    now: Timestamp,
    opened: &[Alert],
    open_incidents: &[(Incident, Vec<Alert>)],
    snapshot: &Snapshot,
) -> Vec<Correlation> {
    let node = |alert, incident| Node { alert, scope: Scope::of(alert, snapshot), incident };
    let known = open_incidents
        .iter()
        .filter(|(incident, _)| incident.state != IncidentState::Resolved)
        .flat_map(|(incident, alerts)| alerts.iter().map(move |a| (a, incident)))
        .filter(|(a, _)| is_recent(a, now));
    let mut nodes: Vec<Node<'_>> = opened.iter().map(|a| node(a, None)).collect();
    nodes.extend(known.map(|(a, i)| node(a, Some(i))));

    let new = opened.len();
    let mut group: Vec<usize> = (0..nodes.len()).collect();
    unite_same(&nodes, &mut group, snapshot);
    attach_effects(&nodes, new, &mut group, snapshot);
    answers(&nodes, new, &group)
}

/// A closed alert still explains what follows from it for a while.
fn is_recent(alert: &Alert, now: Timestamp) -> bool {
    alert.state != AlertState::Closed
        || now.as_second().saturating_sub(alert.last_seen_at.as_second()) <= WINDOW_SECS
}

/// Open and acknowledged alerts last until they are closed, whenever they were last looked at.
fn same_time(a: &Alert, b: &Alert) -> bool {
    let start = |x: &Alert| x.first_seen_at.as_second();
    let end = |x: &Alert| {
        if x.state == AlertState::Closed { x.last_seen_at.as_second() } else { i64::MAX }
    };
    start(a) <= end(b).saturating_add(WINDOW_SECS) && start(b) <= end(a).saturating_add(WINDOW_SECS)
}

fn root(group: &[usize], mut at: usize) -> usize {
    while let Some(up) = group.get(at).copied().filter(|up| *up != at) {
        at = up;
    }
    at
}

fn unite(group: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(group, a), root(group, b));
    // The smaller index stays the root, whatever the order of uniting.
    if let Some(slot) = group.get_mut(a.max(b)) {
        *slot = a.min(b);
    }
}

/// Whether these two groups are already in different incidents, which stay apart.
fn apart(nodes: &[Node<'_>], group: &[usize], a: usize, b: usize) -> bool {
    let incident_of = |at: usize| {
        let root_of = root(group, at);
        (0..nodes.len())
            .filter(|i| root(group, *i) == root_of)
            .find_map(|i| nodes.get(i).and_then(|n| n.incident))
            .map(|incident| &incident.id)
    };
    match (incident_of(a), incident_of(b)) {
        (Some(a), Some(b)) => a != b,
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}

fn unite_same(nodes: &[Node<'_>], group: &mut [usize], snapshot: &Snapshot) {
    for (i, a) in nodes.iter().enumerate() {
        for (j, b) in nodes.iter().enumerate().skip(i + 1) {
            let related = match a.incident.zip(b.incident) {
                Some((a, b)) => a.id == b.id,
                None => relation(a, b, snapshot) == Some(Relation::Same),
            };
            if related && !apart(nodes, group, i, j) {
                unite(group, i, j);
            }
        }
    }
}

/// Each new effect joins its likeliest cause; a new cause takes in the effects that were seen
/// before it, unless those have found another cause already.
fn attach_effects(nodes: &[Node<'_>], new: usize, group: &mut [usize], snapshot: &Snapshot) {
    for (i, effect) in nodes.iter().enumerate() {
        let mut best: Option<(usize, f64)> = None;
        for (j, cause) in nodes.iter().enumerate() {
            if i == j || (i >= new && j >= new) || apart(nodes, group, i, j) {
                continue;
            }
            if let Some(Relation::EffectOf { weight }) = relation(effect, cause, snapshot)
                && best.is_none_or(|(_, so_far)| weight > so_far)
            {
                best = Some((j, weight));
            }
        }
        let explained = effect.incident.is_some() && is_explained(nodes, i, snapshot);
        if let Some((cause, _)) = best
            && !explained
        {
            unite(group, i, cause);
        }
    }
}

/// Whether an alert's own incident already holds a cause of it.
fn is_explained(nodes: &[Node<'_>], at: usize, snapshot: &Snapshot) -> bool {
    let Some(effect) = nodes.get(at) else { return false };
    let own = effect.incident.map(|i| &i.id);
    nodes.iter().enumerate().any(|(j, cause)| {
        j != at
            && cause.incident.map(|i| &i.id) == own
            && matches!(relation(effect, cause, snapshot), Some(Relation::EffectOf { .. }))
    })
}

fn relation(a: &Node<'_>, b: &Node<'_>, snapshot: &Snapshot) -> Option<Relation> {
    if a.alert.machine_id != b.alert.machine_id || !same_time(a.alert, b.alert) {
        return None;
    }
    if overlap(&a.scope, &b.scope, snapshot) {
        return Some(Relation::Same);
    }
    effect_weight(a.alert, b, snapshot).map(|weight| Relation::EffectOf { weight })
}

/// How likely the first is an effect of the second; none if it is not a known one.
fn effect_weight(effect: &Alert, cause: &Node<'_>, snapshot: &Snapshot) -> Option<f64> {
    if depth(&effect.kind) <= depth(&cause.alert.kind) {
        return None;
    }
    match effect.kind {
        AlertKind::MemoryHigh | AlertKind::SwapHigh => memory_weight(cause, snapshot),
        // What waits at a limit of its own does not wait for the machine's memory.
        AlertKind::MemoryPressure => {
            (effect.subject == Subject::Machine).then(|| memory_weight(cause, snapshot)).flatten()
        }
        AlertKind::KernelOom => memory_weight(cause, snapshot),
        AlertKind::LoadHigh | AlertKind::TemperatureHigh => cpu_weight(cause, snapshot),
        AlertKind::MetricAnomaly => metric_weight(effect, cause, snapshot),
        AlertKind::ServiceFailed | AlertKind::ServiceFlapping => {
            let killed = Scope::of(effect, snapshot)
                .services
                .iter()
                .any(|unit| snapshot.unit(unit).is_some_and(|u| u.result == "oom-kill"));
            (killed && cause.alert.kind == AlertKind::KernelOom).then_some(1.0)
        }
        AlertKind::DiskSpace
        | AlertKind::DiskInodes
        | AlertKind::DiskFilling
        | AlertKind::CpuHotProcess
        | AlertKind::ProcessZombie
        | AlertKind::ProcessOrphan
        | AlertKind::ProcessDuplicates
        | AlertKind::ProcessGhostStorm
        | AlertKind::ProcessLeak
        | AlertKind::ProcessFdLeak
        | AlertKind::ContainerUnhealthy
        | AlertKind::ContainerRestarting
        | AlertKind::HttpErrors
        | AlertKind::HttpLatency
        | AlertKind::JournalBurst
        | AlertKind::SourceStale
        | AlertKind::Rule(_) => None,
    }
}

fn memory_weight(cause: &Node<'_>, snapshot: &Snapshot) -> Option<f64> {
    match cause.alert.kind {
        AlertKind::ProcessGhostStorm | AlertKind::ProcessLeak | AlertKind::ProcessDuplicates => {
            let living = cause.scope.processes.iter().filter_map(|p| snapshot.living(p));
            let held: f64 = living.filter_map(|p| p.mem_percent).sum();
            (held >= MIN_HOLDER_PERCENT).then_some(held)
        }
        // The machine as a whole explains little, but better than nothing.
        AlertKind::MemoryHigh | AlertKind::SwapHigh => Some(1.0),
        AlertKind::MemoryPressure => (cause.alert.subject == Subject::Machine).then_some(1.0),
        AlertKind::KernelOom => machine_wide(cause.alert).then_some(1.0),
        AlertKind::DiskSpace
        | AlertKind::DiskInodes
        | AlertKind::DiskFilling
        | AlertKind::LoadHigh
        | AlertKind::CpuHotProcess
        | AlertKind::TemperatureHigh
        | AlertKind::ProcessZombie
        | AlertKind::ProcessOrphan
        | AlertKind::ProcessFdLeak
        | AlertKind::ServiceFailed
        | AlertKind::ServiceFlapping
        | AlertKind::ContainerUnhealthy
        | AlertKind::ContainerRestarting
        | AlertKind::HttpErrors
        | AlertKind::HttpLatency
        | AlertKind::JournalBurst
        | AlertKind::MetricAnomaly
        | AlertKind::SourceStale
        | AlertKind::Rule(_) => None,
    }
}

/// Whether the kernel ran out of memory as a whole: a cgroup's own limit says nothing about the rest.
fn machine_wide(oom: &Alert) -> bool {
    oom.vars.get("where").and_then(|place| place.as_str()).is_none_or(|place| place == "machine")
}

fn cpu_weight(cause: &Node<'_>, snapshot: &Snapshot) -> Option<f64> {
    let is_cause = matches!(
        cause.alert.kind,
        AlertKind::CpuHotProcess
            | AlertKind::ProcessOrphan
            | AlertKind::ProcessGhostStorm
            | AlertKind::ProcessDuplicates
    );
    let living = cause.scope.processes.iter().filter_map(|p| snapshot.living(p));
    let busy: f64 = living.filter_map(|p| p.cpu_percent).sum();
    let machine = cause.alert.kind == AlertKind::LoadHigh;
    (is_cause && busy >= 10.0).then_some(busy).or(machine.then_some(1.0))
}

/// An unusual figure follows from an alert about what that figure counts.
fn metric_weight(effect: &Alert, cause: &Node<'_>, snapshot: &Snapshot) -> Option<f64> {
    let subject = effect.subject.to_string();
    let memory = subject.starts_with("mem_") || subject.starts_with("swap_");
    let cpu = subject.starts_with("cpu_") || subject.starts_with("load");
    let whole = match cause.alert.kind {
        AlertKind::MemoryHigh | AlertKind::SwapHigh => memory,
        AlertKind::MemoryPressure => memory && cause.alert.subject == Subject::Machine,
        AlertKind::LoadHigh => cpu,
        AlertKind::DiskSpace
        | AlertKind::DiskInodes
        | AlertKind::DiskFilling
        | AlertKind::CpuHotProcess
        | AlertKind::TemperatureHigh
        | AlertKind::ProcessZombie
        | AlertKind::ProcessOrphan
        | AlertKind::ProcessDuplicates
        | AlertKind::ProcessGhostStorm
        | AlertKind::ProcessLeak
        | AlertKind::ProcessFdLeak
        | AlertKind::KernelOom
        | AlertKind::ServiceFailed
        | AlertKind::ServiceFlapping
        | AlertKind::ContainerUnhealthy
        | AlertKind::ContainerRestarting
        | AlertKind::HttpErrors
        | AlertKind::HttpLatency
        | AlertKind::JournalBurst
        | AlertKind::MetricAnomaly
        | AlertKind::SourceStale
        | AlertKind::Rule(_) => false,
    };
    if whole {
        return Some(1.0);
    }
    let by_memory = memory.then(|| memory_weight(cause, snapshot)).flatten();
    by_memory.or_else(|| cpu.then(|| cpu_weight(cause, snapshot)).flatten())
}

fn answers(nodes: &[Node<'_>], new: usize, group: &[usize]) -> Vec<Correlation> {
    let mut done = vec![false; nodes.len()];
    let mut answers = Vec::new();
    for at in 0..new {
        if done.get(at).copied().unwrap_or(true) {
            continue;
        }
        let members: Vec<usize> =
            (0..nodes.len()).filter(|i| root(group, *i) == root(group, at)).collect();
        let alerts: Vec<&Alert> = members
            .iter()
            .filter(|i| **i < new)
            .filter_map(|i| nodes.get(*i).map(|n| n.alert))
            .collect();
        members.iter().for_each(|i| {
            if let Some(slot) = done.get_mut(*i) {
                *slot = true;
            }
        });
        let incident = members.iter().find_map(|i| nodes.get(*i).and_then(|n| n.incident));
        match incident {
            Some(incident) => {
                answers.extend(alerts.iter().map(|a| Correlation::Join {
                    incident: incident.id.clone(),
                    alert: a.id.clone(),
                }))
            }
            None => answers.extend(begin(&alerts).map(Correlation::New)),
        }
    }
    answers
}

/// When an alert that begins an incident opened. One that came back was over in between: what it is part
/// of now began with its return, and not with what was cured before.
fn opened_at(alert: &Alert) -> Timestamp {
    if alert.flaps > 0 { alert.last_seen_at } else { alert.first_seen_at }
}

/// The incident that these alerts begin. Its title is what the alert nearest to the cause says.
fn begin(alerts: &[&Alert]) -> Option<Incident> {
    let first = alerts.iter().min_by_key(|a| (opened_at(a), a.id.clone()))?;
    let lead = alerts.iter().min_by_key(|a| {
        (depth(&a.kind), std::cmp::Reverse(a.severity), a.first_seen_at, a.id.clone())
    })?;
    Some(Incident {
        id: match first.flaps {
            0 => IncidentId::of(&first.id),
            times => IncidentId::of_return(&first.id, times),
        },
        external_ids: Vec::new(),
        title: lead.summary.clone(),
        state: IncidentState::Open,
        severity: alerts.iter().map(|a| a.severity).max()?,
        machine_id: first.machine_id.clone(),
        opened_at: opened_at(first),
        closed_at: None,
        alerts: alerts.iter().map(|a| a.id.clone()).collect(),
        diagnosis: None,
    })
}
