//! What an alert is about, in terms that two alerts can share: processes, services, mounts.

use hale_model::ProcRef;
use hale_model::alert::{Alert, AlertKind, Subject};
use hale_model::snapshot::{Process, Snapshot};

use crate::decide::names::{holds_peoples_programs, own_container, service_of};

/// Steps up a chain of parents before it is called endless (a pid reused in the middle of a reading
/// can close a ring).
const MAX_ANCESTORS: usize = 64;

/// What an alert is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// By identity, whether they still live or not.
    pub processes: Vec<ProcRef>,
    /// Services of systemd.
    pub services: Vec<String>,
    /// The mount point.
    pub mount: Option<String>,
    /// Containers, by id.
    pub containers: Vec<String>,
    /// From a service with trouble to the first that fails, as its traces tell.
    pub path: Vec<String>,
}

impl Scope {
    pub(super) fn of(alert: &Alert, snapshot: &Snapshot) -> Scope {
        let mut scope = Scope { processes: alert.subject.processes().to_vec(), ..Scope::default() };
        match &alert.subject {
            Subject::Unit { unit } => scope.services.push(unit.clone()),
            Subject::Mount { mount_point } => scope.mount = Some(mount_point.clone()),
            Subject::Journal { origin, .. } => {
                scope.services.extend(service_named(origin, snapshot));
            }
            Subject::Container { id, .. } => scope.containers.push(id.clone()),
            Subject::ProcessGroup { .. } | Subject::Process { .. } => {}
            Subject::Machine
            | Subject::Sensor { .. }
            | Subject::Metric { .. }
            | Subject::Service { .. }
            | Subject::Workload { .. }
            | Subject::Source { .. } => {}
        }
        if alert.kind == AlertKind::ProcessZombie {
            scope.processes.extend(zombie_parent(alert, snapshot).map(Process::proc_ref));
        }
        for process in scope.processes.iter().filter_map(|p| snapshot.find(p)) {
            scope.services.extend(service_of(&process.info).map(ToOwned::to_owned));
            let home = own_container(snapshot);
            let inside = process.info.container.as_ref().filter(|c| Some(c.as_str()) != home);
            scope.containers.extend(inside.cloned());
        }
        // A process that is gone by now had its unit written down by the detector.
        let told = |name: &str| alert.vars.get(name).and_then(|v| v.as_str());
        let units = told("unit").into_iter().chain(told("cgroup").and_then(unit_of_cgroup));
        // What is declared without systemd has a name without a dot.
        let is_unit = |u: &&str| u.contains('.') || snapshot.unit(u).is_some();
        let told_units = units.filter(is_unit).filter(|u| !holds_peoples_programs(u));
        scope.services.extend(told_units.map(ToOwned::to_owned));
        scope.services.sort();
        scope.services.dedup();
        scope.path = super::services::path(alert);
        if !scope.path.is_empty() {
            scope.containers.extend(told("container_id").map(ToOwned::to_owned));
        }
        scope
    }
}

/// `/system.slice/nginx.service/worker` → `nginx.service`
fn unit_of_cgroup(cgroup: &str) -> Option<&str> {
    cgroup.rsplit('/').find(|part| part.ends_with(".service"))
}

/// The unit that logs under this name, which is a unit's or a program's.
pub(super) fn service_named(origin: &str, snapshot: &Snapshot) -> Option<String> {
    if origin.ends_with(".service") {
        return Some(origin.to_owned());
    }
    let unit = format!("{origin}.service");
    snapshot.unit(&unit).map(|u| u.unit.clone())
}

/// The parent that does not collect the dead children that this alert is about.
pub(super) fn zombie_parent<'a>(alert: &Alert, snapshot: &'a Snapshot) -> Option<&'a Process> {
    let dead = alert.subject.processes().iter().filter_map(|p| snapshot.find(p));
    let parents = dead.map(|p| if p.is_zombie() { p.ppid } else { p.pid });
    parents.filter_map(|pid| snapshot.process(pid)).find(|p| !p.is_zombie())
}

/// Whether one is the other, or among its ancestors below the machine's first process.
pub(super) fn same_tree(a: &ProcRef, b: &ProcRef, snapshot: &Snapshot) -> bool {
    a.same_process(b) || descends(a, b, snapshot) || descends(b, a, snapshot)
}

fn descends(child: &ProcRef, ancestor: &ProcRef, snapshot: &Snapshot) -> bool {
    let Some(mut process) = snapshot.find(child) else { return false };
    for _ in 0..MAX_ANCESTORS {
        let Some(parent) = snapshot.process(process.ppid).filter(|p| p.pid > 1) else {
            return false;
        };
        if parent.is(ancestor) {
            // Whoever takes in orphans is not their family.
            return !matches!(parent.info.name.as_str(), "systemd" | "init");
        }
        process = parent;
    }
    false
}

/// Whether the paths of two services meet, or one calls the other in vain.
fn on_one_path(a: &Scope, b: &Scope, snapshot: &Snapshot) -> bool {
    let calls = |from: &Scope, to: &Scope| {
        let (Some(from), Some(to)) = (from.path.first(), to.path.first()) else { return false };
        let traffic = snapshot.traffic.as_ref();
        traffic.is_some_and(|t| t.edges.iter().any(|e| e.from == *from && e.to == *to))
    };
    a.path.iter().any(|name| b.path.contains(name)) || calls(a, b) || calls(b, a)
}

/// Whether two alerts are about the same thing.
pub(super) fn overlap(a: &Scope, b: &Scope, snapshot: &Snapshot) -> bool {
    let process = a.processes.iter().any(|p| b.processes.iter().any(|q| p.same_process(q)))
        || a.processes.iter().any(|p| b.processes.iter().any(|q| same_tree(p, q, snapshot)));
    let service = a.services.iter().any(|s| b.services.contains(s));
    let mount = a.mount.is_some() && a.mount == b.mount;
    let container = a.containers.iter().any(|c| b.containers.contains(c));
    process || service || mount || container || on_one_path(a, b, snapshot)
}
