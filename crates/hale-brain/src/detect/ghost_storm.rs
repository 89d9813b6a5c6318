//! Ghosts: helpers whose agent is gone.
//!
//! A claim opens when, of one owner, more processes of one command line than allowed are orphans,
//! or at least two orphans were started by an agent or node process, and together with what hangs
//! under them they hold more than the configured share of RAM. It ends when they are gone.
//! Members are unmanaged orphans only, by identity. What has a living parent, what a service or a
//! container looks after, and what runs another command line is never a member.

use std::collections::{BTreeMap, BTreeSet};

use hale_model::alert::Subject;
use hale_model::sample::Source;
use hale_model::snapshot::Process;
use hale_model::text;

use super::detectors::{Claim, Detector, Proof, View, short_command, vars};
use super::kin::abandoned_by;
use super::memory::Learned;

/// One orphan is no storm.
const MIN_ABANDONED: usize = 2;

#[derive(Default)]
pub(super) struct GhostStorm;

impl GhostStorm {
    pub(super) const VARS: &[&str] = &[
        "count", "command", "memory", "percent", "parents", "pgids", "pids", "pid_list", "cgroup",
        "user", "oldest",
    ];
}

impl Detector for GhostStorm {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        if view.kin.orphans.is_empty() {
            return Vec::new();
        }
        storms(view).iter().filter_map(|storm| claim(view, storm)).collect()
    }
}

struct Storm<'a> {
    group_key: String,
    label: String,
    members: Vec<&'a Process>,
}

/// The groups that are storms if they hold enough memory.
fn storms<'a>(view: &View<'a>) -> Vec<Storm<'a>> {
    let limit = view.config.thresholds.max_duplicate_processes as usize;
    let mut by_command: BTreeMap<(&str, u32), Vec<&Process>> = BTreeMap::new();
    for p in view.kin.orphans.iter().filter(|p| !p.info.cmdline.is_empty()) {
        by_command.entry((p.info.cmdline.as_str(), p.info.uid)).or_default().push(p);
    }
    let mut storms = Vec::new();
    let mut by_agent: BTreeMap<(&str, u32), Vec<&Process>> = BTreeMap::new();
    for ((cmdline, uid), members) in by_command {
        if members.len() > limit {
            let label = short_command(members[0]);
            storms.push(Storm { group_key: format!("{cmdline} of uid {uid}"), label, members });
            continue;
        }
        for member in members {
            if let Some(agent) = abandoned_by(member) {
                by_agent.entry((agent, uid)).or_default().push(member);
            }
        }
    }
    for ((agent, uid), mut members) in by_agent {
        if members.len() >= MIN_ABANDONED {
            members.sort_by_key(|p| p.pid);
            let label = format!("orphans of {agent}");
            storms.push(Storm {
                group_key: format!("orphans of {agent} of uid {uid}"),
                label,
                members,
            });
        }
    }
    storms
}

fn claim(view: &View<'_>, storm: &Storm<'_>) -> Option<Claim> {
    let members = &storm.members;
    let memory = view.kin.memory_of_trees(members);
    let percent = view.mem_percent(memory)?;
    let least = view.config.thresholds.ghost_storm_ram_percent;
    if percent < 0.8 * least {
        return None;
    }
    let pids: Vec<i32> = members.iter().map(|p| p.pid).collect();
    let groups: BTreeSet<_> = members.iter().map(|p| p.process_group()).collect();
    let shown: Vec<serde_json::Value> =
        groups.iter().map(|group| group.map_or_else(|| "?".into(), Into::into)).collect();
    let pgids: Vec<i32> = groups.into_iter().flatten().collect();
    let parents: BTreeSet<&str> = members
        .iter()
        .filter_map(|p| p.original_parent.as_deref())
        .map(|parent| parent.name.as_str())
        .collect();
    let parents: Vec<&str> = parents.into_iter().collect();
    let parents = if parents.is_empty() { "?".to_owned() } else { parents.join(", ") };
    let cgroups: BTreeSet<_> = members.iter().map(|p| p.info.cgroup.clone()).collect();
    let cgroup = if cgroups.len() == 1 { cgroups.into_iter().next().flatten() } else { None };
    let oldest = members.iter().map(|p| p.age_secs as u64).max().unwrap_or(0);
    let count = members.len();
    Some(Claim {
        subject: Subject::ProcessGroup {
            group_key: storm.group_key.clone(),
            label: format!("{count} × {}", storm.label),
            members: members.iter().map(|p| p.proc_ref()).collect(),
            pgids,
            cgroup: cgroup.clone(),
        },
        vars: vars([
            ("count", count.into()),
            ("command", storm.label.as_str().into()),
            ("memory", memory.into()),
            ("percent", percent.into()),
            ("parents", parents.as_str().into()),
            ("pgids", shown.into()),
            ("pid_list", pid_list(&pids).into()),
            ("pids", pids.into()),
            ("cgroup", cgroup.into()),
            ("user", members[0].info.user.as_str().into()),
            ("oldest", oldest.into()),
        ]),
        proofs: vec![
            Proof {
                source: Source::Process,
                metric: "orphans",
                text: format!("{count} orphans run `{}`, left behind by {parents}", storm.label),
                value: Some(count as f64),
                unit: Some("count"),
            },
            Proof {
                source: Source::Memory,
                metric: "rss_bytes",
                text: format!("they hold {} together, {percent:.1} % of RAM", text::bytes(memory)),
                value: Some(memory as f64),
                unit: Some("bytes"),
            },
        ],
        since: None,
        marginal: percent < least,
    })
}

/// The pids that are members of a storm with enough memory.
pub(super) fn members(view: &View<'_>) -> BTreeSet<i32> {
    if view.kin.orphans.is_empty() {
        return BTreeSet::new();
    }
    let real = storms(view).into_iter().filter(|storm| claim(view, storm).is_some());
    real.flat_map(|storm| storm.members).map(|p| p.pid).collect()
}

/// `1,2,3`, as `ps -p` takes them.
pub(super) fn pid_list(pids: &[i32]) -> String {
    pids.iter().take(64).map(ToString::to_string).collect::<Vec<_>>().join(",")
}
