//! From the alert nearest to the cause to the cause itself: its name, a sentence with the figures
//! that were observed, and how sure hale is.

use std::collections::BTreeSet;

use hale_model::alert::{Alert, AlertKind, Subject};
use hale_model::incident::{Diagnosis, DiagnosisSource};
use hale_model::sample::UnitStat;
use hale_model::snapshot::{Process, Snapshot};
use hale_model::text::{bytes, duration, printable, shorten};

use super::causes::{self, Cause};
use super::scope::{Scope, zombie_parent};
use super::{DiagnoseInput, culprit, reported, services, writers};

/// The last lines of a unit's log that a diagnosis quotes.
const MAX_LOG_LINES: usize = 3;
const MAX_LOG_LINE_BYTES: usize = 160;

/// A cause with its sentence.
pub(super) struct Judged {
    pub cause: Cause,
    pub text: String,
    /// Before other alerts are weighed in.
    pub confidence: f64,
}

pub(super) fn judged(cause: Cause, confidence: f64, text: String) -> Judged {
    Judged { cause, text, confidence }
}

/// The diagnosis when nothing speaks for any cause.
pub(super) fn unknown(text: &str) -> Diagnosis {
    Diagnosis {
        cause_kind: causes::UNKNOWN.slug.to_owned(),
        cause: text.to_owned(),
        confidence: 0.1,
        source: DiagnosisSource::Local,
        evidence: Vec::new(),
        prevention: Some(causes::UNKNOWN.prevention.to_owned()),
    }
}

/// How sure to be, given everything that is observed: each further alert that the cause explains
/// halves a fifth of the doubt; a target that is no longer there, or a source that cannot be read,
/// adds doubt.
pub(super) fn weigh(
    input: &DiagnoseInput<'_>,
    lead: &Alert,
    alerts: &[&Alert],
    confidence: f64,
) -> f64 {
    let others = alerts.len().saturating_sub(1).min(8);
    let mut doubt = (1.0 - confidence) * 0.8_f64.powi(i32::try_from(others).unwrap_or(8));
    let named = lead.subject.processes();
    let process_alert = lead.kind != AlertKind::KernelOom && !named.is_empty();
    if process_alert && named.iter().all(|p| input.snapshot.find(p).is_none()) {
        doubt = doubt.max(0.4);
    }
    if lead.evidence.iter().any(|e| !input.snapshot.is_fresh(e.source)) {
        doubt = doubt.max(0.3);
    }
    ((1.0 - doubt).clamp(0.05, 0.99) * 100.0).round() / 100.0
}

/// The cause that this alert speaks for.
pub(super) fn judge(input: &DiagnoseInput<'_>, lead: &Alert, alerts: &[&Alert]) -> Judged {
    if let Some(judged) = reported::judge(input, lead) {
        return judged;
    }
    let snapshot = input.snapshot;
    let said = sentence(&lead.summary);
    match &lead.kind {
        AlertKind::ProcessGhostStorm => {
            judged(causes::GHOST_STORM, 0.9, ghost_storm(lead, snapshot))
        }
        AlertKind::ProcessLeak => judged(
            causes::MEMORY_LEAK,
            0.8,
            format!(
                "{said} Memory that only grows is not being given back{}.",
                belongs(lead, snapshot)
            ),
        ),
        AlertKind::ProcessFdLeak => judged(
            causes::FD_LEAK,
            0.8,
            format!(
                "{said} It opens files or sockets and does not close them{}.",
                belongs(lead, snapshot)
            ),
        ),
        AlertKind::ProcessOrphan => judged(
            causes::ORPHAN_SPINNING,
            0.85,
            format!("{said} Whoever started it is gone, so nobody waits for what it computes."),
        ),
        AlertKind::ProcessZombie => zombie(lead, snapshot),
        AlertKind::CpuHotProcess => judged(
            causes::CPU_SPINNER,
            0.85,
            format!(
                "{said} It has kept the CPU busy for longer than work usually takes{}.",
                belongs(lead, snapshot)
            ),
        ),
        AlertKind::ProcessDuplicates => judged(
            causes::DUPLICATES,
            0.6,
            format!("{said} They still belong to somebody, so this may be meant."),
        ),
        AlertKind::DiskSpace | AlertKind::DiskFilling => {
            let full = if lead.kind == AlertKind::DiskSpace { 0.9 } else { 0.75 };
            let (who, sure) = writers::told(lead, snapshot);
            judged(causes::DISK_FULL, full * sure, format!("{said}{who}"))
        }
        AlertKind::DiskInodes => judged(
            causes::INODES_EXHAUSTED,
            0.9,
            format!(
                "{said} Too many small files: no new file can be made however much space is free."
            ),
        ),
        AlertKind::KernelOom => judged(
            causes::OOM_KILL,
            0.9,
            format!(
                "{said} The kernel ended it because its memory limit, or the machine's, was reached."
            ),
        ),
        AlertKind::ServiceFailed => unit_failed(lead, alerts, snapshot),
        AlertKind::ServiceFlapping => unit_crash_loop(lead, snapshot),
        AlertKind::MemoryHigh | AlertKind::SwapHigh => memory(input, lead),
        AlertKind::MemoryPressure => memory_pressure(input, lead),
        AlertKind::LoadHigh => load(lead, snapshot),
        AlertKind::TemperatureHigh => judged(causes::OVERHEATING, 0.6, said),
        AlertKind::JournalBurst => judged(
            causes::JOURNAL_FLOOD,
            0.8,
            format!("{said} The same complaint over and over: its cause is in what it says."),
        ),
        AlertKind::MetricAnomaly => judged(causes::ANOMALY, 0.3, said),
        AlertKind::SourceStale => judged(causes::SOURCE_UNREADABLE, 0.8, said),
        AlertKind::Rule(_) => judged(causes::OWN_RULE, 0.5, said),
        AlertKind::ContainerUnhealthy => container_unhealthy(lead),
        AlertKind::ContainerRestarting => judged(
            causes::CONTAINER_CRASH_LOOP,
            0.9,
            format!("{said} What it fails on is there again at every start."),
        ),
        AlertKind::HttpErrors | AlertKind::HttpLatency => {
            services::judge(lead).unwrap_or_else(|| judged(causes::UNKNOWN, 0.3, said))
        }
    }
}

fn container_unhealthy(lead: &Alert) -> Judged {
    let said = sentence(&lead.summary);
    let told = |name: &str| lead.vars.get(name).and_then(serde_json::Value::as_str);
    match told("reason") {
        Some("oom_killed") => judged(
            causes::CONTAINER_MEMORY,
            0.9,
            format!("{said} The kernel ended it because its memory limit was reached."),
        ),
        Some("killed") => judged(causes::CONTAINER_MEMORY, 0.7, said),
        Some("memory") => judged(
            causes::CONTAINER_MEMORY,
            0.8,
            format!("{said} At its limit the kernel ends it."),
        ),
        Some("exited") => judged(causes::CONTAINER_DOWN, 0.9, said),
        Some(_) | None => {
            let output = told("health_output").filter(|output| !output.is_empty());
            let output = output.map(|o| format!(" Its check said: {o}.")).unwrap_or_default();
            judged(causes::CONTAINER_UNHEALTHY, 0.8, format!("{said}{output}"))
        }
    }
}

pub(super) fn sentence(summary: &str) -> String {
    let text = summary.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// ` (nginx.service)` where the process belongs to a service.
fn belongs(alert: &Alert, snapshot: &Snapshot) -> String {
    let services = Scope::of(alert, snapshot).services;
    services.first().map(|unit| format!("; it belongs to {unit}")).unwrap_or_default()
}

fn ghost_storm(alert: &Alert, snapshot: &Snapshot) -> String {
    let living: Vec<&Process> =
        alert.subject.processes().iter().filter_map(|p| snapshot.living(p)).collect();
    let held: u64 = living.iter().map(|p| p.rss_bytes).sum();
    let parents: BTreeSet<&str> = living
        .iter()
        .filter_map(|p| p.original_parent.as_ref())
        .map(|parent| parent.name.as_str())
        .collect();
    let by = if parents.is_empty() {
        "whoever started them is gone and never told them to end".to_owned()
    } else {
        let names: Vec<&str> = parents.into_iter().collect();
        format!(
            "they were started by {}, which is gone and never told them to end",
            names.join(" and ")
        )
    };
    let verb = if living.len() == 1 { "process lives" } else { "processes live" };
    format!("{} {} {verb} on with {}: {by}.", sentence(&alert.summary), living.len(), bytes(held),)
}

fn zombie(alert: &Alert, snapshot: &Snapshot) -> Judged {
    let said = sentence(&alert.summary);
    match zombie_parent(alert, snapshot) {
        Some(parent) => judged(
            causes::ZOMBIE_PARENT,
            0.9,
            format!(
                "{said} Dead processes cannot be killed: their parent, {}, has to collect them and does not.",
                parent.proc_ref()
            ),
        ),
        None => judged(causes::ZOMBIE_PARENT, 0.6, said),
    }
}

fn how_it_ended(unit: &UnitStat) -> String {
    match unit.result.as_str() {
        "exit-code" => format!("its main process ended with exit code {}", unit.exit_status),
        "signal" => format!("its main process was ended by signal {}", unit.exit_status),
        "core-dump" => format!("its main process crashed (signal {})", unit.exit_status),
        "oom-kill" => "the kernel ended it for want of memory".to_owned(),
        "timeout" => "it did not start or stop in time".to_owned(),
        "watchdog" => "it stopped answering its watchdog".to_owned(),
        "start-limit-hit" => "systemd gave up after too many starts in a row".to_owned(),
        _ if unit.service_type == "declared" => {
            "its main process died, and a pid file does not say how".to_owned()
        }
        other => format!("systemd says `{other}`"),
    }
}

/// What the unit logged last, quoted so that it cannot be taken for hale's own words.
pub(super) fn last_lines(unit: &str, snapshot: &Snapshot) -> String {
    let lines: Vec<String> = snapshot
        .journal
        .iter()
        .rev()
        .filter(|entry| entry.unit.as_deref() == Some(unit))
        .take(MAX_LOG_LINES)
        .map(|entry| format!("“{}”", shorten(&printable(&entry.message), MAX_LOG_LINE_BYTES)))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let in_order: Vec<String> = lines.into_iter().rev().collect();
    format!(" Its log says: {}.", in_order.join(" "))
}

fn unit_of(alert: &Alert) -> Option<&str> {
    match &alert.subject {
        Subject::Unit { unit } => Some(unit),
        Subject::Machine
        | Subject::Process { .. }
        | Subject::ProcessGroup { .. }
        | Subject::Mount { .. }
        | Subject::Sensor { .. }
        | Subject::Metric { .. }
        | Subject::Journal { .. }
        | Subject::Container { .. }
        | Subject::Service { .. }
        | Subject::Workload { .. }
        | Subject::Source { .. } => None,
    }
}

fn unit_story(alert: &Alert, snapshot: &Snapshot) -> String {
    let Some(name) = unit_of(alert) else { return sentence(&alert.summary) };
    let ended = snapshot.unit(name).map(how_it_ended);
    let ended = ended.map(|e| format!(" Last time, {e}.")).unwrap_or_default();
    format!("{}{ended}{}", sentence(&alert.summary), last_lines(name, snapshot))
}

fn unit_failed(lead: &Alert, alerts: &[&Alert], snapshot: &Snapshot) -> Judged {
    let story = unit_story(lead, snapshot);
    let unit = unit_of(lead).and_then(|name| snapshot.unit(name));
    if unit.is_some_and(|u| u.result == "oom-kill") {
        return judged(causes::OOM_KILL, 0.85, story);
    }
    let loops = unit.is_some_and(|u| u.result == "start-limit-hit")
        || alerts.iter().any(|a| a.kind == AlertKind::ServiceFlapping);
    if loops {
        judged(causes::UNIT_CRASH_LOOP, 0.85, story)
    } else {
        judged(causes::UNIT_FAILED, 0.85, story)
    }
}

fn unit_crash_loop(lead: &Alert, snapshot: &Snapshot) -> Judged {
    let story = unit_story(lead, snapshot);
    let text = format!(
        "{story} It fails on the same thing at every start, so one more start does not help."
    );
    judged(causes::UNIT_CRASH_LOOP, 0.85, text)
}

fn memory(input: &DiagnoseInput<'_>, lead: &Alert) -> Judged {
    let said = sentence(&lead.summary);
    match culprit::memory_hog(input.snapshot, input.config) {
        Some(hog) => {
            let used = input.snapshot.system.mem_used_percent.unwrap_or_default();
            let without = used - hog.mem_percent.unwrap_or_default();
            let text = format!(
                "{said} {} came {} ago and holds {}; without it {without:.0} % would be in use.",
                hog.proc_ref(),
                duration(hog.age_secs as u64),
                bytes(hog.rss_bytes),
            );
            judged(causes::MEMORY_HOG, 0.7, text)
        }
        None => {
            let text = format!("{said} No single process that came lately explains it.");
            judged(causes::MEMORY_PRESSURE, 0.4, text)
        }
    }
}

fn memory_pressure(input: &DiagnoseInput<'_>, lead: &Alert) -> Judged {
    if lead.subject == Subject::Machine {
        return memory(input, lead);
    }
    let said = sentence(&lead.summary);
    if lead.vars.get("limit").is_some_and(|limit| !limit.is_null()) {
        let text = format!(
            "{said} It has reached what it may hold: the kernel takes back what it has just read, and it \
             waits for that again."
        );
        return judged(causes::MEMORY_LIMIT, 0.85, text);
    }
    judged(causes::MEMORY_PRESSURE, 0.5, said)
}

fn load(lead: &Alert, snapshot: &Snapshot) -> Judged {
    let said = sentence(&lead.summary);
    let waiting = snapshot.system.cpu_iowait.unwrap_or_default();
    let stuck = snapshot.processes.iter().filter(|p| p.state == 'D').count();
    match culprit::cpu_hog(snapshot) {
        Some(hog) => {
            let cpu = hog.cpu_percent.unwrap_or_default();
            let text =
                format!("{said} Most of it is {} with {cpu:.0} % of one core.", hog.proc_ref());
            judged(causes::CPU_SPINNER, 0.65, text)
        }
        None if waiting >= 20.0 => {
            let text = format!(
                "{said} The CPUs wait for storage {waiting:.0} % of the time, {stuck} processes are stuck in it."
            );
            judged(causes::IO_OVERLOAD, 0.6, text)
        }
        None => judged(causes::CPU_OVERLOAD, 0.4, format!("{said} No single process explains it.")),
    }
}
