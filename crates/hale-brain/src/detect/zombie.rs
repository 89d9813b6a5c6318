//! Zombies, grouped by the parent that does not collect them. A claim opens when a child has been
//! dead for longer than the timeout, by hale's own count, and ends when it was collected.

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::alert::Subject;
use hale_model::sample::Source;
use hale_model::snapshot::Process;

use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;

/// Most zombies whose age is remembered.
const MAX_TRACKED: usize = 8192;

#[derive(Default)]
pub(super) struct Zombie {
    dead_since: BTreeMap<(i32, u64), (u64, Timestamp)>,
}

impl Zombie {
    pub(super) const VARS: &[&str] =
        &["count", "parent_pid", "parent_start_ticks", "parent_name", "oldest", "pids"];
}

impl Detector for Zombie {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        let snapshot = view.snapshot;
        if view.tick.first {
            self.dead_since.clear();
        }
        let zombies: Vec<&Process> = snapshot.processes.iter().filter(|p| p.is_zombie()).collect();
        let mut still = BTreeMap::new();
        let mut by_parent: BTreeMap<i32, Vec<(&Process, u64, Timestamp)>> = BTreeMap::new();
        for p in zombies.into_iter().take(MAX_TRACKED) {
            let key = (p.pid, p.start_ticks);
            let now = (view.tick.now_ns, snapshot.collected_at);
            let (since_ns, since) = self.dead_since.get(&key).copied().unwrap_or(now);
            still.insert(key, (since_ns, since));
            let age = view.tick.since(since_ns);
            if age >= view.config.thresholds.zombie_timeout_secs as f64
                && !view.kin.is_ignored(&p.info.name)
            {
                by_parent.entry(p.ppid).or_default().push((p, age as u64, since));
            }
        }
        if snapshot.is_fresh(Source::Process) || !still.is_empty() {
            self.dead_since = still;
        }
        by_parent.into_iter().map(|(ppid, dead)| claim(view, ppid, &dead)).collect()
    }
}

fn claim(view: &View<'_>, ppid: i32, dead: &[(&Process, u64, Timestamp)]) -> Claim {
    let parent = view.snapshot.process(ppid);
    let name = parent.map_or("?", |p| p.info.name.as_str());
    let identity = parent.map_or_else(|| ppid.to_string(), |p| p.proc_ref().key());
    let oldest = dead.iter().map(|(_, age, _)| *age).max().unwrap_or(0);
    let count = dead.len();
    let pids: Vec<i32> = dead.iter().map(|(p, ..)| p.pid).collect();
    Claim {
        subject: Subject::ProcessGroup {
            group_key: identity,
            label: format!("{count} zombies of {ppid} ({name})"),
            members: dead.iter().map(|(p, ..)| p.proc_ref()).collect(),
            pgids: parent.and_then(Process::process_group).into_iter().collect(),
            cgroup: parent.and_then(|p| p.info.cgroup.clone()),
        },
        vars: vars([
            ("count", count.into()),
            ("parent_pid", ppid.into()),
            ("parent_start_ticks", parent.map(|p| p.start_ticks).into()),
            ("parent_name", name.into()),
            ("oldest", oldest.into()),
            ("pids", pids.into()),
        ]),
        proofs: vec![Proof {
            source: Source::Process,
            metric: "zombies",
            text: format!("{count} children of {ppid} ({name}) are dead and not collected"),
            value: Some(count as f64),
            unit: Some("count"),
        }],
        since: dead.iter().map(|(.., since)| *since).min(),
        marginal: false,
    }
}
