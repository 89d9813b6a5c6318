//! Many processes of one command line that are no ghosts: their parents live, or something manages
//! them. Workers of a pool (a living parent keeps them, or is the same program) are no duplicates.

use hale_model::alert::Subject;
use hale_model::sample::Source;
use hale_model::snapshot::Process;
use hale_model::text;

use super::detectors::{Claim, Detector, Proof, View, short_command, vars};
use super::ghost_storm::{self, pid_list};
use super::memory::Learned;

#[derive(Default)]
pub(super) struct Duplicates;

impl Duplicates {
    pub(super) const VARS: &[&str] =
        &["count", "command", "memory", "percent", "pids", "pid_list", "user", "limit"];
}

impl Detector for Duplicates {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        if view.kin.twins.is_empty() {
            return Vec::new();
        }
        let limit = view.config.thresholds.max_duplicate_processes as usize;
        let ghosts = ghost_storm::members(view);
        let mut claims = Vec::new();
        for twins in &view.kin.twins {
            let members: Vec<&Process> = twins
                .members
                .iter()
                .copied()
                .filter(|p| !ghosts.contains(&p.pid) && !view.kin.is_pooled(p, twins, limit))
                .collect();
            if members.len() > limit {
                claims.push(claim(view, &members, limit));
            }
        }
        claims
    }
}

fn claim(view: &View<'_>, members: &[&Process], limit: usize) -> Claim {
    let first = members[0];
    let command = short_command(first);
    let memory: u64 = members.iter().map(|p| p.rss_bytes).fold(0, u64::saturating_add);
    let count = members.len();
    let pids: Vec<i32> = members.iter().map(|p| p.pid).collect();
    let mut pgids: Vec<i32> = members.iter().filter_map(|p| p.process_group()).collect();
    pgids.sort_unstable();
    pgids.dedup();
    let one_cgroup = members.iter().all(|p| p.info.cgroup == first.info.cgroup);
    let place = [first.info.unit.as_deref(), first.info.container.as_deref()];
    Claim {
        subject: Subject::ProcessGroup {
            group_key: format!(
                "{} of uid {} in {}",
                first.info.cmdline,
                first.info.uid,
                place.into_iter().flatten().collect::<Vec<_>>().join(" ")
            ),
            label: format!("{count} × {command}"),
            members: members.iter().map(|p| p.proc_ref()).collect(),
            pgids,
            cgroup: if one_cgroup { first.info.cgroup.clone() } else { None },
        },
        vars: vars([
            ("count", count.into()),
            ("command", command.as_str().into()),
            ("memory", memory.into()),
            ("percent", view.mem_percent(memory).into()),
            ("pid_list", pid_list(&pids).into()),
            ("pids", pids.into()),
            ("user", first.info.user.as_str().into()),
            ("limit", limit.into()),
        ]),
        proofs: vec![Proof {
            source: Source::Process,
            metric: "duplicates",
            text: format!(
                "{count} processes run `{command}`, {limit} are allowed; they hold {}",
                text::bytes(memory)
            ),
            value: Some(count as f64),
            unit: Some("count"),
        }],
        since: None,
        marginal: false,
    }
}
