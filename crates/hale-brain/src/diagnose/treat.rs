//! The cure for each kind of alert, or why there is none. Cures are proposals with exact targets:
//! whether they may be done is for the guard to say.

use hale_model::ProcRef;
use hale_model::action::PlanStep;
use hale_model::alert::{Alert, AlertKind, Subject};
use hale_model::sample::UnitStat;
use hale_model::snapshot::{Mount, Process, Snapshot, percent};
use hale_model::text::bytes;

use crate::decide::names::{is_orphan, is_protected, service_of, unit_pattern};
use crate::decide::registry::is_interactive_session;

use super::scope::{Scope, zombie_parent};
use super::{DiagnoseInput, cleaning, containers, culprit, reported, services, steps};

/// Free space beyond what the alert asks for, so that it does not come back at once.
const CLEAN_MARGIN_PERCENT: f64 = 5.0;
/// Room for so long is made where the mount still fills, in at most this share of it: one burst of
/// writing is no reason to move everything.
const CLEAN_AHEAD_SECS: f64 = 60.0;
const CLEAN_AHEAD_PERCENT_MAX: f64 = 25.0;

/// What to do about one alert.
pub(super) enum Treatment {
    /// Any one of these, the first preferred.
    Steps(Vec<PlanStep>),
    /// Nothing that hale would do.
    None {
        /// In words for a person, with the next step.
        why: String,
    },
}

pub(super) fn none(why: impl Into<String>) -> Treatment {
    Treatment::None { why: why.into() }
}

/// The cure for this alert, in the light of the others of its incident.
pub(super) fn treat(input: &DiagnoseInput<'_>, alert: &Alert, alerts: &[&Alert]) -> Treatment {
    if let Some(treatment) = reported::treat(input, alert, alerts) {
        return treatment;
    }
    if let Some(treatment) = services::treat(input, alert, alerts) {
        return treatment;
    }
    if let Some(container) = containers::named(input.snapshot, &alert.subject) {
        return containers::treat(input, alert, alerts, container);
    }
    match &alert.kind {
        AlertKind::ProcessGhostStorm => ghost_storm(input, alert),
        AlertKind::ProcessLeak | AlertKind::ProcessFdLeak => leak(input, alert),
        AlertKind::ProcessOrphan => orphan(input, alert),
        AlertKind::ProcessZombie => zombie(input, alert),
        AlertKind::CpuHotProcess => hot_process(input, alert),
        AlertKind::DiskSpace | AlertKind::DiskFilling | AlertKind::DiskInodes => disk(input, alert),
        AlertKind::KernelOom => oom(input, alert, alerts),
        AlertKind::ServiceFailed => service_failed(input, alert, alerts),
        AlertKind::MemoryHigh | AlertKind::SwapHigh => memory(input, alert),
        AlertKind::MemoryPressure => memory_pressure(input, alert),
        AlertKind::LoadHigh => load(input, alert),
        AlertKind::ServiceFlapping => none(
            "starting it once more repeats what fails at every start: a person has to mend it \
             (`journalctl -u UNIT`), or stop it",
        ),
        AlertKind::ProcessDuplicates => {
            none("they still have their parents and may be meant: a person knows")
        }
        AlertKind::TemperatureHigh => none("heat has no cure in software: check the cooling"),
        AlertKind::JournalBurst => {
            none("silencing a complaint does not mend it: read it, and mend its cause")
        }
        AlertKind::MetricAnomaly => none("unusual is not wrong: a person knows what changed"),
        AlertKind::SourceStale => none("`hale doctor` says what keeps the source from being read"),
        AlertKind::Rule(name) => none(format!("the rule `{name}` names no cure")),
        AlertKind::ContainerUnhealthy | AlertKind::ContainerRestarting => {
            none(format!("{} is not among the observed containers any more", alert.subject))
        }
        AlertKind::HttpErrors | AlertKind::HttpLatency => {
            none("it is not known what runs this service on this machine")
        }
    }
}

/// The process the alert names, unless it is one that hale must not think of touching.
pub(super) fn touchable<'a>(
    input: &DiagnoseInput<'a>,
    process: &ProcRef,
) -> Result<&'a Process, Treatment> {
    let Some(found) = input.snapshot.living(process) else {
        return Err(none(format!("{process} is gone by now")));
    };
    if input.snapshot.own_pids.contains(&found.pid) {
        return Err(none(format!("{process} is hale itself, or what hale runs in")));
    }
    if found.info.kernel_thread {
        return Err(none(format!("{process} is a thread of the kernel")));
    }
    if is_protected(found, &input.config.allowlist) {
        return Err(none(format!("{process} is protected by [allowlist]: a person decides")));
    }
    let container = containers::around(input.snapshot, found);
    if let Some(why) = container.and_then(|c| containers::untouchable(input, c)) {
        return Err(none(why));
    }
    Ok(found)
}

fn only_process(alert: &Alert) -> Option<&ProcRef> {
    match &alert.subject {
        Subject::Process { process } => Some(process),
        Subject::ProcessGroup { members, .. } => members.first(),
        Subject::Machine
        | Subject::Unit { .. }
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

/// The service that a process belongs to, as systemd knows it, if it is not protected.
fn service<'a>(input: &DiagnoseInput<'a>, process: &Process) -> Option<&'a UnitStat> {
    let unit = service_of(&process.info)?;
    input.snapshot.unit(unit)
}

fn ghost_storm(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let members: Vec<&Process> =
        alert.subject.processes().iter().filter_map(|p| touchable(input, p).ok()).collect();
    if members.is_empty() {
        return none("none of them is left, or all of them are protected");
    }
    let held: u64 = members.iter().map(|p| p.rss_bytes).sum();
    let targets: Vec<ProcRef> = members.iter().map(|p| p.proc_ref()).collect();
    let why = match targets.len() {
        1 => format!("Nobody uses this process any more; ending it frees {}.", bytes(held)),
        n => {
            format!("Nobody uses these {n} processes any more; ending them frees {}.", bytes(held))
        }
    };
    Treatment::Steps(vec![steps::kill(alert, targets, why)])
}

/// A container or a service is restarted as a whole; what belongs to neither is ended.
fn restart_or_kill(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    process: &Process,
    gain: &str,
) -> PlanStep {
    let target = process.proc_ref();
    if let Some(container) = containers::around(input.snapshot, process) {
        let why = format!("{target} runs in container {}; a restart {gain}.", container.name);
        return containers::restart(input, alert, container, vec![target], why);
    }
    match service(input, process) {
        Some(unit) => {
            let why = format!("{target} belongs to {}; a restart {gain}.", unit.unit);
            steps::restart(input, alert, unit, vec![target], why)
        }
        None => {
            let why = format!(
                "{target} belongs to no service that could be restarted; ending it {gain}."
            );
            steps::kill(alert, vec![target], why)
        }
    }
}

fn leak(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let Some(process) = only_process(alert) else { return none("it names no process") };
    match touchable(input, process) {
        Ok(process) => {
            let gain = "gives back what it kept; the leak itself is in the program and will return";
            Treatment::Steps(vec![restart_or_kill(input, alert, process, gain)])
        }
        Err(none) => none,
    }
}

fn orphan(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let targets: Vec<ProcRef> = alert
        .subject
        .processes()
        .iter()
        .filter_map(|p| touchable(input, p).ok())
        .map(Process::proc_ref)
        .collect();
    if targets.is_empty() {
        return none("none of them is left, or all of them are protected");
    }
    let why = "Nobody waits for its result any more; ending it frees the CPU.".to_owned();
    Treatment::Steps(vec![steps::kill(alert, targets, why)])
}

fn zombie(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let Some(parent) = zombie_parent(alert, input.snapshot) else {
        return none("their parent is not among the observed processes");
    };
    let who = parent.proc_ref();
    if parent.pid == 1 {
        return none(
            "pid 1 itself does not collect them: start the container with an init (`docker run --init`)",
        );
    }
    if let Err(none) = touchable(input, &who) {
        return none;
    }
    if let Some(unit) = service(input, parent) {
        let why =
            format!("{who} does not collect its dead children; with its end they are collected.");
        return Treatment::Steps(vec![steps::restart(input, alert, unit, vec![who], why)]);
    }
    let own = own_uid(input.snapshot).is_some_and(|uid| uid == parent.info.uid);
    if is_interactive_session(parent) || !(own || is_orphan(parent, input.snapshot)) {
        return none(format!(
            "only {who} can collect its dead children: mend it, or end it by hand; zombies hold nothing but their pids"
        ));
    }
    let why = format!(
        "{who} does not collect its dead children and cannot be made to; when it ends, they are collected. It does lose its work."
    );
    Treatment::Steps(vec![steps::kill(alert, vec![who], why)])
}

/// The user that hale runs as.
fn own_uid(snapshot: &Snapshot) -> Option<u32> {
    snapshot
        .own_pids
        .iter()
        .filter_map(|pid| snapshot.process(*pid))
        .find(|p| p.info.name == "hale")
        .or_else(|| snapshot.own_pids.iter().find_map(|pid| snapshot.process(*pid)))
        .map(|p| p.info.uid)
}

/// First let it give way to others; only where it does already, end it.
fn cool(input: &DiagnoseInput<'_>, alert: &Alert, process: &Process) -> Treatment {
    let end = restart_or_kill(input, alert, process, "frees the CPU; what it computes is lost");
    let why = format!(
        "{} then gives way to everything else. This eases the effect; it does not mend the cause.",
        process.proc_ref()
    );
    Treatment::Steps(steps::renice(process, why).into_iter().chain([end]).collect())
}

fn hot_process(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let Some(process) = only_process(alert) else { return none("it names no process") };
    match touchable(input, process) {
        Ok(process) => cool(input, alert, process),
        Err(none) => none,
    }
}

fn load(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let Some(hog) = culprit::cpu_hog(input.snapshot) else {
        return none("no single process explains the load: a person decides what may wait");
    };
    match touchable(input, &hog.proc_ref()) {
        Ok(process) => cool(input, alert, process),
        Err(none) => none,
    }
}

fn memory(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let Some(hog) = culprit::memory_hog(input.snapshot, input.config) else {
        return none(
            "no single process explains it, and dropping caches would not help: what is in use is \
             not cache. A person decides what may go",
        );
    };
    match touchable(input, &hog.proc_ref()) {
        Ok(process) => {
            let gain = format!("gives back {}", bytes(process.rss_bytes));
            Treatment::Steps(vec![restart_or_kill(input, alert, process, &gain)])
        }
        Err(none) => none,
    }
}

fn memory_pressure(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let Subject::Unit { unit: name } = &alert.subject else { return memory(input, alert) };
    let Some(unit) = input.snapshot.unit(name) else {
        return none(format!("{name} is not loaded any more"));
    };
    let why = format!(
        "{name} hardly works for want of memory; a restart gives back what it holds. If it needs that \
         much, it will be so again."
    );
    if let Some(refusal) = protected(input, unit) {
        return refusal;
    }
    Treatment::Steps(vec![steps::restart(input, alert, unit, Vec::new(), why)])
}

fn oom(input: &DiagnoseInput<'_>, alert: &Alert, alerts: &[&Alert]) -> Treatment {
    let services = Scope::of(alert, input.snapshot).services;
    let failed = services
        .iter()
        .filter_map(|name| input.snapshot.unit(name))
        .find(|unit| unit.active_state == "failed");
    match failed {
        Some(unit) if !treated_as_service(&unit.unit, alerts) => {
            restart(input, alert, unit, "The kernel ended it for want of memory.")
        }
        Some(_) => none("its unit's failure is treated"),
        None => none("the kernel has freed the memory already, and no unit is left failed by it"),
    }
}

fn treated_as_service(unit: &str, alerts: &[&Alert]) -> bool {
    alerts.iter().any(|a| {
        a.kind == AlertKind::ServiceFailed
            && matches!(&a.subject, Subject::Unit { unit: u } if u == unit)
    })
}

fn protected(input: &DiagnoseInput<'_>, unit: &UnitStat) -> Option<Treatment> {
    let pattern = unit_pattern(&input.config.allowlist.protected_units, &unit.unit)?;
    Some(none(format!(
        "{} is protected (`{pattern}` in [allowlist] protected_units): a person decides",
        unit.unit
    )))
}

fn restart(input: &DiagnoseInput<'_>, alert: &Alert, unit: &UnitStat, because: &str) -> Treatment {
    if let Some(refusal) = protected(input, unit) {
        return refusal;
    }
    let why = format!("{because} {} is down until it is started again.", unit.unit);
    Treatment::Steps(vec![steps::restart(input, alert, unit, Vec::new(), why)])
}

fn service_failed(input: &DiagnoseInput<'_>, alert: &Alert, alerts: &[&Alert]) -> Treatment {
    let Subject::Unit { unit: name } = &alert.subject else { return none("it names no unit") };
    let Some(unit) = input.snapshot.unit(name) else {
        return none(format!("{name} is not loaded any more"));
    };
    let flaps = alerts
        .iter()
        .any(|a| a.kind == AlertKind::ServiceFlapping && a.subject.key() == alert.subject.key());
    if flaps || unit.result == "start-limit-hit" {
        return none(format!(
            "{name} has failed at every start until systemd gave up: a person has to mend it{}",
            steps::log_hint(unit)
        ));
    }
    if unit.active_state != "failed" {
        return none(format!("{name} is {} by now", unit.active_state));
    }
    restart(input, alert, unit, "What made it fail may be over.")
}

fn disk(input: &DiagnoseInput<'_>, alert: &Alert) -> Treatment {
    let Subject::Mount { mount_point } = &alert.subject else { return none("it names no mount") };
    let Some(mount) = input.snapshot.mount(mount_point) else {
        return none(format!("nothing is mounted at {mount_point} any more"));
    };
    if mount.read_only {
        return none(format!("{mount_point} is mounted read-only"));
    }
    let means = cleaning::means(mount, input.snapshot, input.config);
    if means.is_empty() {
        return none(format!(
            "nothing on {mount_point} may be cleaned: list directories with old files in [allowlist] \
             cleanable_paths, or look with `du -xh --max-depth=2 {} | sort -h | tail`",
            steps::shell_word(mount_point)
        ));
    }
    let (target, must_have) = goal(input, alert, mount);
    let why = if alert.kind == AlertKind::DiskInodes {
        format!("Files that nobody needs any more hold the inodes of {mount_point}.")
    } else {
        format!(
            "What can be fetched or is old goes first; {mount_point} then has {target:.0} % free if there is enough of it."
        )
    };
    Treatment::Steps(vec![steps::clean(alert, mount, means, target, must_have, why)])
}

/// What to clean up to, and what must be free afterwards for it to count.
pub(super) fn goal(input: &DiagnoseInput<'_>, alert: &Alert, mount: &Mount) -> (f64, Option<f64>) {
    if alert.kind == AlertKind::DiskInodes {
        // Free space says nothing about inodes: everything that may go, goes.
        return (100.0, None);
    }
    let wanted = input.config.thresholds.disk_min_free_percent;
    // Where it still fills, what is freed has to last for longer than the look at it.
    let ahead = mount.filling_bytes_per_sec.unwrap_or(0.0) * CLEAN_AHEAD_SECS;
    let ahead = percent(ahead, mount.total_bytes as f64).unwrap_or(0.0);
    let ahead = ahead.min(CLEAN_AHEAD_PERCENT_MAX);
    let target = (wanted.max(mount.free_percent) + CLEAN_MARGIN_PERCENT + ahead).min(95.0);
    // Where it only fills quickly, more must be free than now.
    let must_have = wanted.max(mount.free_percent + 1.0).min(target);
    (target, Some(if mount.free_percent < wanted { wanted } else { must_have }))
}
