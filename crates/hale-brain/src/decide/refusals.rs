//! What is refused to everyone, in every mode, approved or not. Every rule is asked, so that a
//! person sees all that stands in the way; the order of the reasons is the order of the rules.

use hale_model::ProcRef;
use hale_model::action::{Action, Actor, CleanMeans, Reason, Risk};
use hale_model::sample::Source;
use hale_model::snapshot::Process;
use hale_model::text::shorten;

use super::names::{
    command_pattern, is_plain_absolute, lies_under, path_pattern, service_of, unit_pattern,
};
use super::{GuardInput, IN_FLIGHT, container, reason, registry, touched_keys, workload};

/// A refusal, and whether anything could ever make it right.
pub(super) struct Refusal {
    /// The rule and why.
    pub reason: Reason,
    /// No mode, no approval and no waiting helps: the target itself is out of bounds.
    pub for_good: bool,
}

pub(super) fn never(rule: &str, text: String) -> Refusal {
    Refusal { reason: reason(rule, text), for_good: true }
}

pub(super) fn not_now(rule: &str, text: String) -> Refusal {
    Refusal { reason: reason(rule, text), for_good: false }
}

/// Everything that forbids this action.
pub(super) fn refusals(input: &GuardInput<'_>) -> Vec<Refusal> {
    if let Action::Notify { .. } = input.action {
        return Vec::new();
    }
    let mut found = Vec::new();
    paused(input, &mut found);
    arguments(input, &mut found);
    match input.action {
        Action::ProcessKill { .. } | Action::ProcessPause { .. } | Action::ProcessRenice { .. } => {
            processes(input, &mut found)
        }
        Action::ServiceRestart { unit, invocation_id }
        | Action::ServiceStop { unit, invocation_id } => {
            service(input, unit, invocation_id.as_deref(), &mut found);
        }
        Action::ServiceStart { unit } => service(input, unit, None, &mut found),
        Action::MemoryDropCaches => {
            administrators_only(input, "the kernel's caches", &mut found);
            observed(input, Source::Memory, &mut found);
        }
        Action::DiskClean { mount_point, means, .. } => {
            disk(input, mount_point, means, &mut found);
        }
        Action::CommandRun { .. } => denied_command(input, &mut found),
        Action::ContainerRestart { container: target }
        | Action::ContainerStart { container: target }
        | Action::ContainerStop { container: target }
        | Action::ContainerSetMemory { container: target, .. } => {
            container::refusals(input, target, &mut found);
        }
        Action::K8sRolloutRestart { workload: target }
        | Action::K8sRollback { workload: target }
        | Action::K8sScale { workload: target, .. } => {
            workload::refusals(input, target, &mut found);
        }
        Action::Notify { .. } => {}
    }
    in_flight(input, &mut found);
    found
}

fn paused(input: &GuardInput<'_>, found: &mut Vec<Refusal>) {
    if input.paused_until.is_some_and(|until| input.now < until) {
        let text = "actions are paused; `hale resume` lets them go on".to_owned();
        found.push(not_now("guard.paused", text));
    }
}

/// What the shell guard denies is denied for good; the rest of what it finds only raises the risk.
fn denied_command(input: &GuardInput<'_>, found: &mut Vec<Refusal>) {
    let findings = registry::aggravations(input.action, input.snapshot, input.config);
    let denied = findings.into_iter().filter(|finding| finding.risk == Risk::Deny);
    found.extend(denied.map(|finding| never(&finding.rule, finding.text)));
}

fn arguments(input: &GuardInput<'_>, found: &mut Vec<Refusal>) {
    let wrong = match input.action {
        Action::ProcessKill { targets, .. } => {
            targets.is_empty().then(|| "no process is named".to_owned())
        }
        Action::ProcessRenice { nice, .. } => {
            (!(-20..=19).contains(nice)).then(|| format!("nice {nice} is not within -20 to 19"))
        }
        Action::ServiceRestart { unit, .. }
        | Action::ServiceStart { unit }
        | Action::ServiceStop { unit, .. } => (unit.is_empty() || unit.contains(['*', '/', '\0']))
            .then(|| format!("`{unit}` is not the name of one unit")),
        Action::DiskClean { means, target_free_percent, .. } => {
            if means.is_empty() {
                Some("no way of cleaning is named".to_owned())
            } else {
                (!(0.0..=100.0).contains(target_free_percent))
                    .then(|| format!("{target_free_percent} is not a percentage"))
            }
        }
        Action::CommandRun { command, working_dir, timeout_secs } => {
            if command.trim().is_empty() {
                Some("the command is empty".to_owned())
            } else if working_dir.as_ref().is_some_and(|dir| !dir.starts_with('/')) {
                Some("the working directory is not absolute".to_owned())
            } else {
                (*timeout_secs == 0).then(|| "a command needs a time limit".to_owned())
            }
        }
        Action::ContainerRestart { container }
        | Action::ContainerStart { container }
        | Action::ContainerStop { container } => container::wrong_name(container),
        Action::ContainerSetMemory { container, limit_bytes } => {
            container::wrong_name(container).or_else(|| container::wrong_limit(*limit_bytes, input))
        }
        Action::K8sRolloutRestart { workload } | Action::K8sRollback { workload } => {
            workload::wrong_name(workload)
        }
        Action::K8sScale { workload, replicas } => workload::wrong_name(workload)
            .or_else(|| workload::wrong_scale(workload, *replicas, input)),
        Action::ProcessPause { .. } | Action::MemoryDropCaches | Action::Notify { .. } => None,
    };
    found.extend(wrong.map(|text| never("guard.argument", text)));
}

pub(super) fn observed(input: &GuardInput<'_>, source: Source, found: &mut Vec<Refusal>) -> bool {
    let fresh = input.snapshot.is_fresh(source);
    if !fresh {
        found.push(not_now(
            "guard.target_unobserved",
            format!("the {source} source could not be read just now: nothing is done unseen"),
        ));
    }
    fresh
}

fn processes(input: &GuardInput<'_>, found: &mut Vec<Refusal>) {
    let snapshot = input.snapshot;
    // What can be told by the number alone does not wait for an observation.
    for target in input.action.processes() {
        by_pid(input, target.pid, found);
    }
    if observed(input, Source::Process, found) {
        input.action.processes().iter().for_each(|target| identity(input, target, found));
    }
    let targets = input.action.processes();
    for process in registry::signalled(input.action, snapshot) {
        if !targets.iter().any(|t| t.pid == process.pid) {
            by_pid(input, process.pid, found);
        }
        protected_process(input, process, found);
        own_user(input, process, found);
    }
    // A reused pid belongs to somebody else now: what protects that process is said as well.
    for target in targets {
        let other = snapshot.process(target.pid).filter(|p| !p.is(target));
        other.into_iter().for_each(|process| protected_process(input, process, found));
    }
}

fn by_pid(input: &GuardInput<'_>, pid: i32, found: &mut Vec<Refusal>) {
    if pid <= 1 {
        let text = format!("pid {pid} is the machine itself, or a whole group of processes");
        found.push(never("guard.deny.pid1", text));
    }
    if input.snapshot.own_pids.contains(&pid) {
        let text = format!("pid {pid} is hale itself, or what hale runs in");
        found.push(never("guard.own_process", text));
    }
    if input.config.allowlist.protected_pids.contains(&pid) {
        let text = format!("pid {pid} is in [allowlist] protected_pids");
        found.push(never("guard.protected_pid", text));
    }
}

fn protected_process(input: &GuardInput<'_>, process: &Process, found: &mut Vec<Refusal>) {
    let allowlist = &input.config.allowlist;
    let who = process.proc_ref();
    if process.info.kernel_thread {
        found.push(never("guard.kernel_thread", format!("{who} is a thread of the kernel")));
    }
    if let Some(pattern) = command_pattern(&allowlist.protected_commands, &process.info) {
        let text = format!("{who} matches `{pattern}` in [allowlist] protected_commands");
        found.push(never("guard.protected_command", text));
    }
    let service = service_of(&process.info);
    let main_of = input.snapshot.units.iter().find(|u| u.main_pid == process.pid);
    let unit = service.or(main_of.map(|u| u.unit.as_str()));
    if let Some((unit, pattern)) =
        unit.and_then(|u| unit_pattern(&allowlist.protected_units, u).map(|p| (u, p)))
    {
        let text = format!("{who} belongs to {unit}: `{pattern}` in [allowlist] protected_units");
        found.push(never("guard.protected_unit", text));
    }
}

/// Whether hale, or this person, has anything to say about this process.
fn own_user(input: &GuardInput<'_>, process: &Process, found: &mut Vec<Refusal>) {
    let owner = process.info.uid;
    let by_hale = owner == input.own_uid
        || (input.own_uid == 0
            && input.config.allowlist.granted_users.contains(&process.info.user));
    let (allowed, next) = match input.actor {
        Actor::Hale | Actor::Model | Actor::Chat { .. } => {
            (by_hale, "[allowlist] granted_users can grant it to a hale run by root")
        }
        Actor::User { uid } => {
            let theirs = *uid == 0 || owner == *uid;
            let reachable = input.own_uid == 0 || owner == input.own_uid;
            (theirs && reachable, "only its owner or root can")
        }
        // Signed in, or given a token, by the user that hale runs as: with that user's rights.
        Actor::Token { .. } | Actor::Browser => (by_hale, "only its owner or root can"),
    };
    if !allowed {
        let text = format!(
            "{} belongs to {}; {} may not touch it: {next}",
            process.proc_ref(),
            shorten(&process.info.user, 40),
            input.actor,
        );
        found.push(never("guard.not_own_user", text));
    }
}

fn identity(input: &GuardInput<'_>, target: &ProcRef, found: &mut Vec<Refusal>) {
    match input.snapshot.process(target.pid) {
        None => {
            let text = format!("{target} is not, or no longer, among the observed processes");
            found.push(not_now("guard.target_unobserved", text));
        }
        Some(process) if !process.is(target) => {
            let text = format!(
                "pid {} is another process by now: {}, started at tick {}, not {}",
                target.pid,
                shorten(&process.info.name, 40),
                process.start_ticks,
                target.start_ticks,
            );
            found.push(never("guard.pid_reused", text));
        }
        Some(process) if process.is_zombie() => {
            let text = format!("{target} is dead already; only its parent can collect it");
            found.push(never("guard.target_unobserved", text));
        }
        Some(_) => {}
    }
}

fn service(input: &GuardInput<'_>, unit: &str, judged_run: Option<&str>, found: &mut Vec<Refusal>) {
    administrators_only(input, "the machine's services", found);
    if let Some(pattern) = unit_pattern(&input.config.allowlist.protected_units, unit) {
        let text = format!("{unit} matches `{pattern}` in [allowlist] protected_units");
        found.push(never("guard.protected_unit", text));
    }
    let snapshot = input.snapshot;
    let holds_hale =
        snapshot.own_pids.iter().filter(|pid| **pid != 1).any(|pid| {
            snapshot.process(*pid).is_some_and(|p| p.info.unit.as_deref() == Some(unit))
        });
    if holds_hale {
        found.push(never("guard.own_process", format!("hale itself runs in {unit}")));
    }
    let stat = snapshot.unit(unit);
    if let Some(process) = stat.and_then(|stat| snapshot.process(stat.main_pid)) {
        let allowlist = &input.config.allowlist;
        if allowlist.protected_pids.contains(&process.pid) {
            let text = format!("{unit} runs pid {} of [allowlist] protected_pids", process.pid);
            found.push(never("guard.protected_pid", text));
        }
        if let Some(pattern) = command_pattern(&allowlist.protected_commands, &process.info) {
            let text = format!(
                "{unit} runs {}: `{pattern}` in [allowlist] protected_commands",
                process.proc_ref()
            );
            found.push(never("guard.protected_command", text));
        }
    }
    if !observed(input, Source::Unit, found) {
        return;
    }
    match (stat, judged_run) {
        (None, _) => {
            let text = format!("{unit} is not among the units that systemd has loaded");
            found.push(not_now("guard.target_unobserved", text));
        }
        (Some(stat), Some(run)) if stat.invocation_id != run => {
            let text = format!("{unit} has been started anew since it was judged");
            found.push(never("guard.unit_changed", text));
        }
        (Some(_), _) => {}
    }
}

/// What belongs to the machine is for its administrator; hale itself is held by its mode.
pub(super) fn administrators_only(input: &GuardInput<'_>, what: &str, found: &mut Vec<Refusal>) {
    let allowed = match input.actor {
        Actor::Hale | Actor::Model => true,
        Actor::User { uid } => *uid == 0 || *uid == input.own_uid,
        Actor::Chat { .. } => false,
        Actor::Token { .. } | Actor::Browser => true,
    };
    if !allowed {
        let text = format!("{} may not touch {what}: they belong to root", input.actor);
        found.push(never("guard.not_own_user", text));
    }
}

fn disk(input: &GuardInput<'_>, mount_point: &str, means: &[CleanMeans], found: &mut Vec<Refusal>) {
    administrators_only(input, "the machine's disks", found);
    for means in means {
        match means {
            CleanMeans::JournalVacuum { .. } | CleanMeans::PackageCache => {}
            CleanMeans::OldFiles { directories, .. } | CleanMeans::MakeRoom { directories, .. } => {
                directories.iter().for_each(|d| directory(input, d, found));
            }
        }
    }
    if !observed(input, Source::Disk, found) {
        return;
    }
    match input.snapshot.mount(mount_point) {
        None => {
            let text = format!("nothing is mounted at {mount_point}");
            found.push(not_now("guard.target_unobserved", text));
        }
        Some(mount) if mount.read_only => {
            let text = format!("{mount_point} is mounted read-only");
            found.push(never("guard.argument", text));
        }
        Some(_) => {}
    }
}

fn directory(input: &GuardInput<'_>, directory: &str, found: &mut Vec<Refusal>) {
    let allowlist = &input.config.allowlist;
    if !is_plain_absolute(directory) {
        let text = format!("`{directory}` is not an absolute path without `.` and `..`");
        found.push(never("guard.protected_path", text));
    } else if let Some(pattern) = path_pattern(&allowlist.protected_paths, directory) {
        let text = format!("{directory} meets `{pattern}` in [allowlist] protected_paths");
        found.push(never("guard.protected_path", text));
    }
    if !allowlist.cleanable_paths.iter().any(|granted| lies_under(directory, granted)) {
        let text = format!("{directory} is not under [allowlist] cleanable_paths");
        found.push(never("guard.path_not_granted", text));
    }
}

fn in_flight(input: &GuardInput<'_>, found: &mut Vec<Refusal>) {
    let keys = touched_keys(input.action, input.snapshot);
    if let Some(busy) = keys.iter().find(|key| input.in_flight.contains(key)) {
        let text = format!("something is being done to {busy} already: one action at a time");
        found.push(not_now(IN_FLIGHT, text));
    }
}
