//! Cures for containers, and for processes inside of them: a container is restarted as a whole, as a
//! service is. What keeps falling over is not started once more.

use hale_model::ProcRef;
use hale_model::action::{Action, Condition, Expectation, PlanStep};
use hale_model::alert::{Alert, AlertKind, AlertState, Subject};
use hale_model::config::Config;
use hale_model::container::{ContainerRef, ContainerStat, ContainerState, ProbeTarget};
use hale_model::probe;
use hale_model::snapshot::{Process, Snapshot};
use hale_model::text::bytes;

use super::treat::{Treatment, none};
use super::{DiagnoseInput, steps};
use crate::decide::names::{container_pattern, own_container};

/// Where something says that it is well (a health check, a probe), it need not say so for long.
const SAID_HOLD_SECS: u64 = 2;
/// Where nothing does, running is all there is to see: what falls over does so within seconds.
const SILENT_HOLD_SECS: u64 = 10;
/// A container has ten seconds to end, and a health check's first answer may take half a minute.
const WITHIN_SECS: u64 = 120;
const MEMORY_HOLD_SECS: u64 = 10;
/// A raised limit leaves the machine at least so many times what was added.
const MEMORY_HEADROOM_TIMES: u64 = 2;

/// The container that an alert is about: by its id, by its name where it was made anew, or as the
/// only one that runs the service which the alert names.
pub(super) fn named<'a>(snapshot: &'a Snapshot, subject: &Subject) -> Option<&'a ContainerStat> {
    match subject {
        Subject::Container { id, name } => {
            let by_id = if id.is_empty() { None } else { snapshot.container(id, name) };
            by_id.or_else(|| snapshot.container("", name)).map(|c| &c.stat)
        }
        Subject::Service { service } => {
            let serves = |c: &&ContainerStat| {
                c.name == *service || c.compose_service.as_deref() == Some(service)
            };
            let mut all = snapshot.containers.iter().map(|c| &c.stat).filter(serves);
            let first = all.next()?;
            all.next().is_none().then_some(first)
        }
        Subject::Machine
        | Subject::Process { .. }
        | Subject::ProcessGroup { .. }
        | Subject::Unit { .. }
        | Subject::Mount { .. }
        | Subject::Sensor { .. }
        | Subject::Metric { .. }
        | Subject::Journal { .. }
        | Subject::Workload { .. }
        | Subject::Source { .. } => None,
    }
}

/// The container that a process runs in, unless hale runs in it too.
pub(super) fn around<'a>(snapshot: &'a Snapshot, process: &Process) -> Option<&'a ContainerStat> {
    let id = process.info.container.as_deref()?;
    if own_container(snapshot) == Some(id) {
        return None;
    }
    snapshot.container(id, "").map(|c| &c.stat)
}

/// Why hale would not think of touching this container.
pub(super) fn untouchable(input: &DiagnoseInput<'_>, stat: &ContainerStat) -> Option<String> {
    let name = &stat.name;
    if own_container(input.snapshot) == Some(stat.id.as_str())
        || stat.pid > 0 && input.snapshot.own_pids.contains(&stat.pid)
    {
        return Some(format!("hale itself runs in container {name}"));
    }
    if stat.kubernetes {
        return Some(format!("container {name} belongs to Kubernetes, which restarts its own"));
    }
    container_pattern(&input.config.allowlist.protected_containers, name).map(|pattern| {
        format!(
            "container {name} is protected (`{pattern}` in [allowlist] protected_containers): a \
             person decides"
        )
    })
}

/// The cure for an alert about this container.
pub(super) fn treat(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    alerts: &[&Alert],
    stat: &ContainerStat,
) -> Treatment {
    if let Some(why) = untouchable(input, stat) {
        return none(why);
    }
    let name = &stat.name;
    match stat.state {
        ContainerState::Paused => {
            return none(format!(
                "a person froze container {name}: `docker unpause {name}` goes on"
            ));
        }
        ContainerState::Removing | ContainerState::Dead => {
            return none(format!("container {name} is {}", stat.state));
        }
        ContainerState::Created
        | ContainerState::Running
        | ContainerState::Restarting
        | ContainerState::Exited
        | ContainerState::Unknown => {}
    }
    if alert.kind == AlertKind::ContainerRestarting || crash_loops(alerts, stat) {
        return crash_loop(input, alert, stat);
    }
    let why = match stat.state {
        ContainerState::Running => format!("A restart has container {name} begin anew."),
        ContainerState::Created
        | ContainerState::Paused
        | ContainerState::Restarting
        | ContainerState::Removing
        | ContainerState::Exited
        | ContainerState::Dead
        | ContainerState::Unknown => {
            format!("Container {name} is down until it is started again.")
        }
    };
    Treatment::Steps(vec![restart(input, alert, stat, Vec::new(), why)])
}

/// Whether it is known to fall over at every start.
fn crash_loops(alerts: &[&Alert], stat: &ContainerStat) -> bool {
    alerts.iter().any(|a| {
        a.kind == AlertKind::ContainerRestarting
            && a.state != AlertState::Closed
            && matches!(&a.subject, Subject::Container { name, .. } if *name == stat.name)
    })
}

/// One more start repeats what fails at every start. Only where it is memory that it lacks, there is
/// something to change.
fn crash_loop(input: &DiagnoseInput<'_>, alert: &Alert, stat: &ContainerStat) -> Treatment {
    let name = &stat.name;
    let told_oom = alert.vars.get("oom_killed").and_then(serde_json::Value::as_bool);
    if (stat.oom_killed || told_oom == Some(true))
        && let Some(limit) = raised_limit(input.snapshot, stat)
    {
        return Treatment::Steps(vec![set_memory(alert, stat, limit)]);
    }
    none(format!(
        "starting container {name} once more repeats what fails at every start: a person has to \
         mend it (`docker logs --tail 50 {name}`), or stop it"
    ))
}

/// Half as much again, if the machine can spare it.
fn raised_limit(snapshot: &Snapshot, stat: &ContainerStat) -> Option<u64> {
    let limit = stat.memory_limit_bytes?;
    let more = limit / 2;
    let spare = snapshot.system.mem_available_bytes?;
    (spare >= more.saturating_mul(MEMORY_HEADROOM_TIMES)).then(|| limit.saturating_add(more))
}

/// Restarts a container, in the very run that was judged. The processes that made the trouble must
/// be gone with it.
pub(super) fn restart(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    stat: &ContainerStat,
    troublemakers: Vec<ProcRef>,
    why: String,
) -> PlanStep {
    let container = stat.container_ref();
    let mut conditions = vec![
        Condition::ContainerRunning { container: container.clone() },
        Condition::ContainerSteady { container: container.clone() },
    ];
    if stat.health.is_some() {
        conditions.push(Condition::ContainerHealthy { container: container.clone() });
    }
    let may_ask = |target: &ProbeTarget| may_ask(input.snapshot, input.config, target);
    let own = own_probe(input.config, stat).filter(may_ask);
    // What a report names is asked besides, and shortens nothing: it may be anybody's.
    let told = told_probe(alert).filter(|told| may_ask(told) && Some(told) != own.as_ref());
    let said = stat.health.is_some() || own.is_some();
    conditions.extend(own.into_iter().chain(told).map(condition_of));
    if !troublemakers.is_empty() {
        conditions.push(Condition::ProcessesGone { targets: troublemakers });
    }
    conditions.extend(steps::finding_gone(alert));
    let hold_secs = if said { SAID_HOLD_SECS } else { SILENT_HOLD_SECS };
    PlanStep {
        command: format!("docker restart {}", steps::shell_word(&container.name)),
        expectation: Expectation { conditions, hold_secs, within_secs: WITHIN_SECS },
        action: Action::ContainerRestart { container },
        why,
    }
}

fn condition_of(target: ProbeTarget) -> Condition {
    match target {
        ProbeTarget::Http { url } => Condition::HttpOk { url },
        ProbeTarget::Tcp { address } => Condition::TcpOpen { address },
    }
}

/// How to ask whether it is well, as the configuration or its label says.
pub(super) fn own_probe(config: &Config, stat: &ContainerStat) -> Option<ProbeTarget> {
    let spec = config.containers.probes.get(&stat.name).or(stat.probe.as_ref())?;
    probe::of_container(&stat.name, spec).ok()
}

/// How to ask that, as whoever reported the trouble says.
pub(super) fn told_probe(alert: &Alert) -> Option<ProbeTarget> {
    let url = alert.vars.get("health_url").and_then(serde_json::Value::as_str)?;
    Some(ProbeTarget::Http { url: url.to_owned() })
}

/// Whether this address may be asked while a cure is verified.
pub(super) fn may_ask_url(input: &DiagnoseInput<'_>, url: &str) -> bool {
    may_ask(input.snapshot, input.config, &ProbeTarget::Http { url: url.to_owned() })
}

pub(super) fn may_ask(snapshot: &Snapshot, config: &Config, target: &ProbeTarget) -> bool {
    let containers = snapshot.containers.iter().map(|c| &c.stat);
    let own_ports = config.server.own_ports();
    probe::parse(target)
        .and_then(|address| probe::resolve(&address, containers, &own_ports))
        .is_ok()
}

/// Gives a container more memory.
fn set_memory(alert: &Alert, stat: &ContainerStat, limit_bytes: u64) -> PlanStep {
    let container: ContainerRef = stat.container_ref();
    let name = &container.name;
    let mut conditions =
        vec![Condition::ContainerMemoryLimit { container: container.clone(), limit_bytes }];
    conditions.push(Condition::ContainerHealthy { container: container.clone() });
    conditions.extend(steps::finding_gone(alert));
    PlanStep {
        command: format!(
            "docker update --memory {limit_bytes} --memory-swap -1 {}",
            steps::shell_word(name)
        ),
        why: format!(
            "The kernel ends container {name} at its limit each time; {} may be enough for it. If it \
             leaks, this only takes longer.",
            bytes(limit_bytes)
        ),
        expectation: Expectation {
            conditions,
            hold_secs: MEMORY_HOLD_SECS,
            within_secs: WITHIN_SECS,
        },
        action: Action::ContainerSetMemory { container, limit_bytes },
    }
}
