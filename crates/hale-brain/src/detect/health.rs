//! How well a machine is: one score from named factors, each from figures and alerts.
//!
//! A factor starts from its own figure (memory in use, the fullest disk, …) and is lowered by the
//! alerts that belong to it. What was asked for and never read scores low; what the machine does not
//! have (no GPU, no systemd) is left out. The whole is mostly its worst factor: one critical alert
//! pulls it below 0.5.

use std::collections::BTreeMap;

use hale_model::alert::{Alert, AlertKind, Finding, Severity, Subject};
use hale_model::config::Config;
use hale_model::container::ContainerState;
use hale_model::health::{Health, HealthFactor};
use hale_model::sample::{Source, SourceState};
use hale_model::snapshot::Snapshot;

/// How much the worst factor weighs against the mean of all.
const WORST_SHARE: f64 = 0.7;
/// Score of what was never read.
const NEVER_READ: f64 = 0.4;
/// Each further alert of a factor takes this share of what is left.
const FURTHER_ALERT: f64 = 0.1;

/// Something that is wrong.
struct Issue<'a> {
    kind: &'a AlertKind,
    severity: Severity,
    subject: &'a Subject,
    summary: &'a str,
}

/// How well the machine is, by one snapshot and the alerts that are open. One snapshot alone (no
/// history, no alerts) is judged by its figures.
pub fn health_of(snapshot: &Snapshot, alerts: &[&Alert], config: &Config) -> Health {
    let issues = alerts.iter().map(|a| Issue {
        kind: &a.kind,
        severity: a.severity,
        subject: &a.subject,
        summary: &a.summary,
    });
    judge(snapshot, &issues.collect::<Vec<_>>(), config)
}

pub(super) fn from_findings(snapshot: &Snapshot, findings: &[Finding], config: &Config) -> Health {
    let issues = findings.iter().map(|f| Issue {
        kind: &f.kind,
        severity: f.severity,
        subject: &f.subject,
        summary: &f.summary,
    });
    judge(snapshot, &issues.collect::<Vec<_>>(), config)
}

fn judge(snapshot: &Snapshot, issues: &[Issue<'_>], config: &Config) -> Health {
    let mut factors: Vec<HealthFactor> = FACTORS
        .iter()
        .filter_map(|(id, source)| factor(snapshot, issues, config, id, *source))
        .collect();
    factors.push(sources_factor(snapshot, issues));
    factors.sort_by(|a, b| a.score.total_cmp(&b.score).then_with(|| a.id.cmp(&b.id)));
    let worst = factors.first().map_or(NEVER_READ, |f| f.score);
    let mean = factors.iter().map(|f| f.score).sum::<f64>() / factors.len().max(1) as f64;
    let score = round(WORST_SHARE * worst + (1.0 - WORST_SHARE) * mean);
    let severity = severity_of(score);
    let top_issue = factors.first().filter(|f| f.score < 0.9).map(|f| f.why.clone());
    Health {
        machine_id: snapshot.machine_id.clone(),
        at: snapshot.collected_at,
        score,
        severity,
        top_issue,
        factors,
    }
}

/// Each factor with the source of its figures.
const FACTORS: &[(&str, Source)] = &[
    ("memory", Source::Memory),
    ("cpu", Source::Cpu),
    ("disk", Source::Disk),
    ("process", Source::Process),
    ("service", Source::Unit),
    ("container", Source::Container),
    ("journal", Source::Journal),
    ("temperature", Source::Cpu),
];

fn factor(
    snapshot: &Snapshot,
    issues: &[Issue<'_>],
    config: &Config,
    id: &str,
    source: Source,
) -> Option<HealthFactor> {
    let status = snapshot.sources.iter().find(|s| s.source == source);
    let own: Vec<&Issue<'_>> = issues.iter().filter(|i| factor_of(i) == id).collect();
    let figure = match id {
        "memory" => memory(snapshot, config),
        "cpu" => cpu(snapshot, config),
        "disk" => disk(snapshot, config),
        "process" => processes(snapshot),
        "service" => services(snapshot),
        "container" => containers(snapshot),
        "journal" => journal(snapshot),
        _ => temperature(snapshot, config),
    };
    let absent = status.is_some_and(|s| s.state == SourceState::Absent);
    let no_sensor = id == "temperature" && status.is_some();
    // A single look need not ask the journal, which has no figure of its own, only events, nor the
    // container engine.
    let not_asked =
        status.is_none() && (id == "container" || id == "journal" && !snapshot.sources.is_empty());
    let absent = absent || not_asked;
    let base = match figure {
        Some(figure) => figure,
        None if (absent || no_sensor) && own.is_empty() => return None,
        None if absent || no_sensor => (1.0, String::new()),
        None => {
            let note = status.and_then(|s| s.note.as_deref()).unwrap_or("never read");
            (NEVER_READ, format!("{id}: no data ({note})"))
        }
    };
    Some(lowered(id, base, &own))
}

/// The factor that an alert belongs to.
fn factor_of(issue: &Issue<'_>) -> &'static str {
    match issue.kind {
        AlertKind::MemoryHigh
        | AlertKind::MemoryPressure
        | AlertKind::SwapHigh
        | AlertKind::KernelOom => "memory",
        AlertKind::LoadHigh | AlertKind::CpuHotProcess => "cpu",
        AlertKind::DiskSpace | AlertKind::DiskInodes | AlertKind::DiskFilling => "disk",
        AlertKind::ProcessZombie
        | AlertKind::ProcessOrphan
        | AlertKind::ProcessDuplicates
        | AlertKind::ProcessGhostStorm
        | AlertKind::ProcessLeak
        | AlertKind::ProcessFdLeak => "process",
        AlertKind::ServiceFailed
        | AlertKind::ServiceFlapping
        | AlertKind::HttpErrors
        | AlertKind::HttpLatency => "service",
        AlertKind::ContainerUnhealthy | AlertKind::ContainerRestarting => "container",
        AlertKind::JournalBurst => "journal",
        AlertKind::TemperatureHigh => "temperature",
        AlertKind::SourceStale => "sources",
        AlertKind::MetricAnomaly | AlertKind::Rule(_) => by_subject(issue.subject),
    }
}

fn by_subject(subject: &Subject) -> &'static str {
    match subject {
        Subject::Mount { .. } => "disk",
        Subject::Process { .. } | Subject::ProcessGroup { .. } => "process",
        Subject::Unit { .. } | Subject::Service { .. } | Subject::Workload { .. } => "service",
        Subject::Container { .. } => "container",
        Subject::Sensor { .. } => "temperature",
        Subject::Journal { .. } => "journal",
        Subject::Source { .. } => "sources",
        Subject::Metric { metric } if metric.starts_with("mem") => "memory",
        Subject::Metric { metric } if metric.starts_with("disk") || metric.starts_with("io") => {
            "disk"
        }
        Subject::Metric { metric } if metric.starts_with("process") => "process",
        Subject::Metric { .. } | Subject::Machine => "cpu",
    }
}

/// A factor's figure, lowered by its alerts.
fn lowered(id: &str, (base, why): (f64, String), own: &[&Issue<'_>]) -> HealthFactor {
    let worst = own.iter().min_by_key(|i| std::cmp::Reverse(i.severity));
    let Some(worst) = worst else {
        let score = round(base);
        return HealthFactor { id: id.to_owned(), score, severity: severity_of(score), why };
    };
    let cap = match worst.severity {
        Severity::Low => 0.9,
        Severity::Medium => 0.75,
        Severity::High => 0.55,
        Severity::Critical => 0.2,
    };
    let further = (1.0 - FURTHER_ALERT).powi(own.len().min(100) as i32 - 1);
    // A low alert alone stays in its band.
    let score = if worst.severity == Severity::Low { cap } else { cap * further };
    let why = if base < score { why } else { worst.summary.to_owned() };
    let score = round(score.min(base));
    HealthFactor { id: id.to_owned(), score, severity: severity_of(score), why }
}

/// What a score means: 0.9 and more is low, 0.7 medium, 0.5 high, less critical.
fn severity_of(score: f64) -> Severity {
    match score {
        s if s >= 0.9 => Severity::Low,
        s if s >= 0.7 => Severity::Medium,
        s if s >= 0.5 => Severity::High,
        _ => Severity::Critical,
    }
}

fn round(score: f64) -> f64 {
    let score = if score.is_finite() { score } else { 0.0 };
    (score.clamp(0.0, 1.0) * 100.0).round() / 100.0
}

/// 1 up to `good`, 0.7 at `warn`, 0.45 at `bad`, falling on to 0.1.
fn falling(value: f64, good: f64, warn: f64, bad: f64) -> f64 {
    let between = |from: f64, to: f64, high: f64, low: f64| {
        if to <= from { low } else { high + (low - high) * ((value - from) / (to - from)) }
    };
    match value {
        v if v <= good => 1.0,
        v if v <= warn => between(good, warn, 1.0, 0.7),
        v if v <= bad => between(warn, bad, 0.7, 0.45),
        _ => between(bad, bad + (bad - warn).max(1.0), 0.45, 0.3).max(0.1),
    }
}

type Figure = Option<(f64, String)>;

fn memory(snapshot: &Snapshot, config: &Config) -> Figure {
    let used = snapshot.system.mem_used_percent?;
    let t = &config.thresholds;
    let score = falling(used, 0.9 * t.ram_warn_percent, t.ram_warn_percent, t.ram_critical_percent);
    Some((score, format!("RAM {used:.0} % in use")))
}

fn cpu(snapshot: &Snapshot, config: &Config) -> Figure {
    let load = snapshot.system.load5?;
    let cores = f64::from(snapshot.host.cores.max(1));
    let warn = config.thresholds.cpu_load_factor * cores;
    let score = falling(load, 0.75 * warn, warn, 2.0 * warn);
    Some((score, format!("load {load:.1} on {cores:.0} cores")))
}

fn disk(snapshot: &Snapshot, config: &Config) -> Figure {
    let least = config.thresholds.disk_min_free_percent;
    let least_inodes = config.thresholds.inode_min_free_percent;
    let writable = snapshot.mounts.iter().filter(|m| !m.read_only && m.total_bytes > 0);
    let scores = writable.flat_map(|m| {
        let space = (falling_free(m.free_percent, least), m.free_percent, "free", m);
        let inodes = m
            .inode_free_percent
            .map(|free| (falling_free(free, least_inodes), free, "of its inodes free", m));
        std::iter::once(space).chain(inodes)
    });
    let (score, free, what, mount) = scores.min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((score, format!("{} has {free:.0} % {what}", mount.mount_point)))
}

/// Which of them should run is for the detectors to say.
fn containers(snapshot: &Snapshot) -> Figure {
    if !snapshot.is_fresh(Source::Container) {
        return None;
    }
    let all = snapshot.containers.len();
    if all == 0 {
        return Some((1.0, "no containers".to_owned()));
    }
    let running = snapshot.containers.iter().filter(|c| c.stat.state == ContainerState::Running);
    Some((1.0, format!("{} of {all} containers run", running.count())))
}

fn falling_free(free: f64, least: f64) -> f64 {
    falling(100.0 - free, 100.0 - 1.5 * least, 100.0 - least, 100.0 - 0.3 * least)
}

fn processes(snapshot: &Snapshot) -> Figure {
    let count = snapshot.processes.len();
    if count == 0 {
        return None;
    }
    let zombies = snapshot.processes.iter().filter(|p| p.is_zombie()).count();
    let score = if zombies > 20 { 0.8 } else { 1.0 };
    Some((score, format!("{count} processes, {zombies} of them zombies")))
}

fn services(snapshot: &Snapshot) -> Figure {
    if snapshot.units.is_empty() {
        return None;
    }
    let mut failed = snapshot.units.iter().filter(|u| u.active_state == "failed");
    let first = failed.next();
    let count = first.map_or(0, |_| 1 + failed.count());
    let why = first.map_or_else(
        || format!("{} services, none failed", snapshot.units.len()),
        |u| format!("{count} failed: {}", u.unit),
    );
    Some((if count > 0 { 0.6 } else { 1.0 }, why))
}

fn journal(snapshot: &Snapshot) -> Figure {
    let is_there = snapshot.is_fresh(Source::Journal);
    is_there.then(|| (1.0, format!("{} new entries", snapshot.journal.len())))
}

fn temperature(snapshot: &Snapshot, config: &Config) -> Figure {
    let t = &config.thresholds;
    let cpus = snapshot.temperatures.iter().map(|s| {
        let limit =
            s.critical_celsius.map_or(t.temperature_cpu_max, |c| c.min(t.temperature_cpu_max));
        (s.label.as_str(), s.celsius, limit)
    });
    let gpus = snapshot
        .gpus
        .iter()
        .filter_map(|g| g.celsius.map(|c| (g.name.as_str(), c, t.temperature_gpu_max)));
    let plausible = cpus.chain(gpus).filter(|(_, c, _)| (-40.0..140.0).contains(c));
    let scored =
        plausible.map(|(label, c, limit)| (falling(c, 0.9 * limit, limit, limit + 15.0), label, c));
    let (score, label, celsius) = scored.min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((score, format!("{label} at {celsius:.0} °C")))
}

/// How much of what was asked could be read.
fn sources_factor(snapshot: &Snapshot, issues: &[Issue<'_>]) -> HealthFactor {
    let own: Vec<&Issue<'_>> = issues.iter().filter(|i| factor_of(i) == "sources").collect();
    let mut by_state: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for status in &snapshot.sources {
        let state = match status.state {
            SourceState::Fresh => "fresh",
            SourceState::Absent => "absent",
            SourceState::Stale => "stale",
        };
        by_state.entry(state).or_default().push(status.source.as_str());
    }
    let fresh = by_state.get("fresh").map_or(0, Vec::len);
    let stale = by_state.get("stale").cloned().unwrap_or_default();
    let asked = fresh + stale.len();
    let base = match (asked, stale.len()) {
        (0, _) => (NEVER_READ, "no source was read".to_owned()),
        (_, 0) => (1.0, format!("{fresh} sources read")),
        (_, lost) => {
            let score = 0.85 - 0.5 * lost as f64 / asked as f64;
            (score, format!("cannot read {}", stale.join(", ")))
        }
    };
    lowered("sources", base, &own)
}
