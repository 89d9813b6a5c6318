//! What hale knows about each of its actions: how dangerous it is, whether it can be put back, how
//! much it touches, and with which symptom it is safe to do alone. Risk comes from here and from
//! what is observed; what anybody claims about an action's risk is never read.

use std::borrow::Cow;

use hale_model::action::{Action, ActionKind, CleanMeans, Risk};
use hale_model::alert::AlertKind;
use hale_model::config::Config;
use hale_model::container::ContainerRef;
use hale_model::snapshot::{Process, Snapshot};
use hale_model::text::bytes;

use super::names::{argv0_name, service_of};
use super::shell;

/// What is always true of a kind of action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How dangerous it is at least.
    pub base_risk: Risk,
    /// Whether what it did can be put back exactly.
    pub reversible: bool,
    /// Whether hale puts it back by itself when the proof fails. Not where half a cure is better
    /// than none: moving files back onto a full disk would fill it again.
    pub undo_on_failure: bool,
    /// What it does to the machine, for the table of actions.
    pub effect: &'static str,
}

/// The registry: every kind of action has its line.
pub fn facts(kind: ActionKind) -> Facts {
    let line = |base_risk, reversible, effect| Facts {
        base_risk,
        reversible,
        undo_on_failure: kind != ActionKind::DiskClean,
        effect,
    };
    match kind {
        ActionKind::ProcessKill => line(Risk::Warning, false, "ends processes"),
        ActionKind::ProcessPause => line(Risk::Warning, true, "stops a process until continued"),
        ActionKind::ProcessRenice => line(Risk::Info, true, "changes a process's share of CPU"),
        ActionKind::ServiceRestart => line(Risk::Warning, false, "interrupts a service briefly"),
        ActionKind::ServiceStart => line(Risk::Warning, true, "starts a service"),
        ActionKind::ServiceStop => line(Risk::Critical, true, "takes a service away"),
        ActionKind::MemoryDropCaches => line(Risk::Warning, false, "makes files be read anew"),
        ActionKind::DiskClean => line(Risk::Warning, true, "removes what can be missed"),
        // What it does makes it more: `aggravations` asks the shell guard.
        ActionKind::CommandRun => line(Risk::Info, false, "runs a shell command"),
        ActionKind::Notify => line(Risk::Info, false, "tells a person"),
        ActionKind::ContainerRestart => {
            line(Risk::Warning, false, "interrupts a container briefly")
        }
        ActionKind::ContainerStart => line(Risk::Warning, true, "starts a container"),
        ActionKind::ContainerStop => line(Risk::Critical, true, "takes a container away"),
        ActionKind::ContainerSetMemory => {
            line(Risk::Warning, true, "changes a container's memory limit")
        }
        ActionKind::K8sRolloutRestart => {
            line(Risk::Warning, true, "replaces a workload's pods a few at a time")
        }
        ActionKind::K8sRollback => {
            line(Risk::Warning, true, "brings a deployment's previous version back")
        }
        ActionKind::K8sScale => line(Risk::Warning, true, "changes a workload's number of pods"),
    }
}

/// What must hold besides the pair itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SafeIf {
    /// Every target belongs to hale's own user, lost its parent, and belongs to no service and to
    /// no container but hale's own.
    OwnOrphans,
    /// The unit is in `[allowlist] restartable_units`.
    RestartableUnit,
    /// The container is in `[allowlist] restartable_containers`.
    RestartableContainer,
}

/// An action that auto may do alone for this symptom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafePair {
    /// What is done.
    pub action: ActionKind,
    /// For which symptom.
    pub alert: AlertKind,
    /// On what condition.
    pub condition: SafeIf,
}

/// The pairs that need no grant.
pub const SAFE_PAIRS: &[SafePair] = &[
    SafePair {
        action: ActionKind::ProcessKill,
        alert: AlertKind::ProcessGhostStorm,
        condition: SafeIf::OwnOrphans,
    },
    SafePair {
        action: ActionKind::ServiceRestart,
        alert: AlertKind::ServiceFailed,
        condition: SafeIf::RestartableUnit,
    },
    SafePair {
        action: ActionKind::ContainerRestart,
        alert: AlertKind::ContainerUnhealthy,
        condition: SafeIf::RestartableContainer,
    },
];

/// `action@alert kind`, as `[autonomy] allow` writes it.
pub fn pair_name(action: ActionKind, alert: &AlertKind) -> String {
    format!("{action}@{alert}")
}

/// Every living process that the action would signal: its targets and, where it takes whole
/// process groups, their members. One entry a process.
pub fn signalled<'a>(action: &Action, snapshot: &'a Snapshot) -> Vec<&'a Process> {
    let targets: Vec<&Process> =
        action.processes().iter().filter_map(|t| snapshot.living(t)).collect();
    let whole_groups = matches!(action, Action::ProcessKill { group: true, .. });
    // A group that cannot be told apart from others is not followed: its number is 0 for all of them.
    let groups: Vec<i32> = if whole_groups {
        targets.iter().filter_map(|p| p.process_group()).collect()
    } else {
        Vec::new()
    };
    let in_group = |p: &Process| p.process_group().is_some_and(|group| groups.contains(&group));
    snapshot
        .processes
        .iter()
        .filter(|p| !p.is_zombie())
        .filter(|p| targets.iter().any(|t| t.pid == p.pid) || in_group(p))
        .collect()
}

/// How many things it touches: processes, units, ways of cleaning.
pub fn blast_radius(action: &Action, snapshot: &Snapshot) -> u32 {
    let count = match action {
        Action::ProcessKill { targets, .. } => signalled(action, snapshot).len().max(targets.len()),
        Action::ProcessPause { .. }
        | Action::ProcessRenice { .. }
        | Action::ServiceRestart { .. }
        | Action::ServiceStart { .. }
        | Action::ServiceStop { .. }
        | Action::CommandRun { .. }
        | Action::MemoryDropCaches
        | Action::ContainerRestart { .. }
        | Action::ContainerStart { .. }
        | Action::ContainerStop { .. }
        | Action::ContainerSetMemory { .. } => 1,
        Action::K8sRolloutRestart { workload } | Action::K8sRollback { workload } => {
            snapshot.workload(workload).map_or(1, |w| w.wanted.max(1) as usize)
        }
        Action::K8sScale { workload, replicas } => {
            let now = snapshot.workload(workload).map_or(0, |w| w.wanted);
            now.abs_diff(*replicas).max(1) as usize
        }
        Action::DiskClean { means, .. } => means
            .iter()
            .map(|m| match m {
                CleanMeans::JournalVacuum { .. } | CleanMeans::PackageCache => 1,
                CleanMeans::OldFiles { directories, .. }
                | CleanMeans::MakeRoom { directories, .. } => directories.len(),
            })
            .sum(),
        Action::Notify { .. } => 0,
    };
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Whether this very action can be put back.
pub fn reversible(action: &Action) -> bool {
    let only_moves_files = match action {
        Action::DiskClean { means, .. } => {
            let moves = |m: &CleanMeans| {
                matches!(m, CleanMeans::OldFiles { .. } | CleanMeans::MakeRoom { .. })
            };
            means.iter().all(moves)
        }
        Action::ProcessKill { .. }
        | Action::ProcessPause { .. }
        | Action::ProcessRenice { .. }
        | Action::ServiceRestart { .. }
        | Action::ServiceStart { .. }
        | Action::ServiceStop { .. }
        | Action::MemoryDropCaches
        | Action::CommandRun { .. }
        | Action::Notify { .. }
        | Action::ContainerRestart { .. }
        | Action::ContainerStart { .. }
        | Action::ContainerStop { .. }
        | Action::ContainerSetMemory { .. }
        | Action::K8sRolloutRestart { .. }
        | Action::K8sRollback { .. }
        | Action::K8sScale { .. } => true,
    };
    facts(action.kind()).reversible && only_moves_files
}

/// Something observed that makes an action more dangerous than its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggravation {
    /// Stable id of the rule.
    pub rule: Cow<'static, str>,
    /// How dangerous it makes it.
    pub risk: Risk,
    /// In words.
    pub text: String,
}

/// What is observed that makes this very action more dangerous.
pub fn aggravations(action: &Action, snapshot: &Snapshot, config: &Config) -> Vec<Aggravation> {
    match action {
        Action::ProcessKill { .. } => {
            let mut found = too_many(action, snapshot, config);
            found.extend(ends_a_service_or_session(action, snapshot));
            found
        }
        Action::ProcessPause { .. } => ends_a_service_or_session(action, snapshot),
        Action::ProcessRenice { target, nice } => {
            let now = snapshot.living(target).map_or(0, |p| p.nice);
            if *nice >= now {
                return Vec::new();
            }
            vec![Aggravation {
                rule: "guard.raises_priority".into(),
                risk: Risk::Warning,
                text: format!("nice {nice} takes CPU from others: it is {now} now"),
            }]
        }
        Action::CommandRun { command, .. } => what_a_command_does(command),
        Action::ContainerSetMemory { container, limit_bytes } => {
            starves(container, *limit_bytes, snapshot)
        }
        Action::K8sScale { workload, replicas } => takes_pods_away(workload, *replicas, snapshot),
        Action::K8sRolloutRestart { .. } | Action::K8sRollback { .. } => Vec::new(),
        Action::ServiceRestart { unit, .. } => what_restarts_it(unit, config),
        Action::ServiceStart { .. }
        | Action::ServiceStop { .. }
        | Action::MemoryDropCaches
        | Action::DiskClean { .. }
        | Action::Notify { .. }
        | Action::ContainerRestart { .. }
        | Action::ContainerStart { .. }
        | Action::ContainerStop { .. } => Vec::new(),
    }
}

/// A limit below what the container uses has the kernel end it.
fn starves(container: &ContainerRef, limit_bytes: u64, snapshot: &Snapshot) -> Vec<Aggravation> {
    let used = snapshot.container(&container.id, &container.name).and_then(|c| c.stat.memory_bytes);
    let Some(used) = used.filter(|used| *used >= limit_bytes) else { return Vec::new() };
    vec![Aggravation {
        rule: "guard.below_use".into(),
        risk: Risk::Critical,
        text: format!(
            "container {container} uses {} now: with a limit of {} the kernel ends it",
            bytes(used),
            bytes(limit_bytes)
        ),
    }]
}

/// Half of its pods or more are work that others have to take over at once.
fn takes_pods_away(
    workload: &hale_model::workload::WorkloadRef,
    replicas: u32,
    snapshot: &Snapshot,
) -> Vec<Aggravation> {
    let now = snapshot.workload(workload).map_or(0, |w| w.wanted);
    if replicas > 0 && replicas.saturating_mul(2) > now {
        return Vec::new();
    }
    if replicas >= now {
        return Vec::new();
    }
    vec![Aggravation {
        rule: "guard.takes_pods_away".into(),
        risk: Risk::Critical,
        text: format!("{workload} has {now} pods; {replicas} would be left"),
    }]
}

/// What the program that restarts a declared service does besides, where the shell guard knows it for
/// dangerous: `[[services]]` says how, not that it is harmless.
fn what_restarts_it(unit: &str, config: &Config) -> Vec<Aggravation> {
    let declared = config.services.iter().find(|service| service.name == unit);
    let found = declared.map(|service| what_a_command_does(&service.restart_command()));
    found.unwrap_or_default().into_iter().filter(|f| f.risk >= Risk::Critical).collect()
}

/// The findings of the shell guard, worst first; what it denies is a refusal, and stands here too.
fn what_a_command_does(command: &str) -> Vec<Aggravation> {
    let found = |hit: shell::RuleHit| {
        let about = if hit.part.is_empty() { String::new() } else { format!("{}: ", hit.part) };
        Aggravation { rule: hit.id.into(), risk: hit.risk, text: format!("{about}{}", hit.text) }
    };
    shell::judge(command).rules.into_iter().map(found).collect()
}

fn too_many(action: &Action, snapshot: &Snapshot, config: &Config) -> Vec<Aggravation> {
    let (count, limit) = (blast_radius(action, snapshot), config.autonomy.max_kills_per_action);
    if count <= limit {
        return Vec::new();
    }
    vec![Aggravation {
        rule: "guard.blast_radius".into(),
        risk: Risk::Critical,
        text: format!(
            "signals {count} processes; without a person at most {limit} ([autonomy] \
             max_kills_per_action)"
        ),
    }]
}

fn ends_a_service_or_session(action: &Action, snapshot: &Snapshot) -> Vec<Aggravation> {
    let mut found = Vec::new();
    for process in signalled(action, snapshot) {
        if let Some(unit) = snapshot.units.iter().find(|u| u.main_pid == process.pid) {
            found.push(Aggravation {
                rule: "guard.unit_main_process".into(),
                risk: Risk::Critical,
                text: format!(
                    "{} is the main process of {}: `systemctl restart {}` is the way",
                    process.proc_ref(),
                    unit.unit,
                    unit.unit
                ),
            });
        } else if is_interactive_session(process) {
            found.push(Aggravation {
                rule: "guard.session_leader".into(),
                risk: Risk::Critical,
                text: format!("{} leads a person's session", process.proc_ref()),
            });
        }
    }
    found
}

/// Programs in which a person sits, rather than programs that run something.
const SESSION_PROGRAMS: &[&str] = &[
    "ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "login", "nu", "screen", "sh", "su",
    "sudo", "tcsh", "tmux", "xonsh", "zellij", "zsh",
];

/// Whether a person is likely to sit in it: it leads its session, and is a shell that runs no
/// script, or a terminal multiplexer.
pub fn is_interactive_session(process: &Process) -> bool {
    let name = argv0_name(&process.info).unwrap_or(&process.info.name);
    let arguments = process.info.cmdline.split_whitespace().skip(1);
    let runs_something = arguments.into_iter().any(|a| a == "-c" || !a.starts_with('-'));
    let multiplexer = matches!(name, "tmux" | "screen" | "zellij" | "SCREEN");
    process.sid == process.pid
        && (multiplexer || (SESSION_PROGRAMS.contains(&name) && !runs_something))
}

/// How dangerous this very action is.
pub fn risk(action: &Action, snapshot: &Snapshot, config: &Config) -> Risk {
    let observed = aggravations(action, snapshot, config).into_iter().map(|a| a.risk).max();
    facts(action.kind()).base_risk.max(observed.unwrap_or(Risk::Info))
}

/// Whether it belongs to a service that systemd manages, which is then the thing to act on.
pub fn belongs_to_service(process: &Process) -> bool {
    service_of(&process.info).is_some()
}
