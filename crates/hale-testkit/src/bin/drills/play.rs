//! Plays one drill: start the agent, make the fault, watch hale and the world, judge.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hale_model::alert::{Severity, Subject};
use hale_model::incident::DiagnosisSource;
use hale_model::view::{ActionView, AlertView, IncidentView};
use hale_testkit::world::{self, Ident};

use crate::agent::Agent;
use crate::catalogue::{Act, Case, Drill, Needs, Response, config, quiet_config};
use crate::kills::Kills;
use crate::stage::{Picture, Stage};
use crate::table::Row;

const POLL: Duration = Duration::from_millis(400);
/// The agent has to have seen the machine well before anything happens.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long the oracle goes on looking after hale said that all is well.
const HOLD: Duration = Duration::from_secs(10);

/// What all drills share.
pub struct Player {
    /// The program under test.
    pub hale: PathBuf,
    /// The fault programs.
    pub fault: PathBuf,
    /// Where drills have their directories.
    pub dir: PathBuf,
}

/// What was seen of one case.
#[derive(Default)]
struct Seen {
    alert: Option<(String, f64)>,
    settled_secs: Option<f64>,
    broke: Option<String>,
}

/// Why a drill cannot be played here.
pub fn skipped(drill: &Drill) -> Option<String> {
    match drill.needs {
        Needs::Systemd if !world::has_systemd() => Some("no systemd on this machine".to_owned()),
        Needs::Swap if !world::has_swap() => Some("no swap on this machine".to_owned()),
        Needs::Root | Needs::Systemd | Needs::Swap => {
            let root = rustix::process::geteuid().is_root();
            (!root).then(|| "needs root".to_owned())
        }
    }
}

impl Player {
    /// Plays a drill; a row for each of its faults.
    pub fn play(&self, drill: &Drill, kills: Option<&mut Kills>) -> Vec<Row> {
        if let Some(why) = skipped(drill) {
            return vec![Row::skipped(drill.name, &why)];
        }
        let dir = self.place(drill.name);
        self.try_play(drill, &dir, kills)
            .unwrap_or_else(|error| vec![Row::failed(drill.name, &format!("{error:#}"))])
    }

    /// Plays a drill, and the same again with an agent that remembers the first time.
    pub fn play_twice(&self, drill: &Drill) -> Vec<Row> {
        let dir = self.place(drill.name);
        let mut rows = self.play(drill, None);
        // What is left to a person, or did not go well, teaches nothing.
        let taught = |row: &Row| row.skipped.is_none() && !row.person && row.right();
        if !rows.iter().all(taught) {
            return rows;
        }
        let again = self.with_memory_of(&dir).and_then(|()| self.try_play(drill, &dir, None));
        let again =
            again.unwrap_or_else(|error| vec![Row::failed(drill.name, &format!("{error:#}"))]);
        rows.extend(again.into_iter().map(|mut row| {
            row.name.push_str(", again");
            row
        }));
        rows
    }

    /// Clears the stage of a drill, so that the same can be set, and leaves only the agent's data.
    fn with_memory_of(&self, dir: &Path) -> Result<()> {
        let (data, aside) = (dir.join("hale/data"), self.dir.join("remembered"));
        fs::rename(&data, &aside).with_context(|| format!("set {} aside", data.display()))?;
        fs::remove_dir_all(dir).with_context(|| format!("clear {}", dir.display()))?;
        fs::create_dir_all(dir.join("hale")).context("make the agent's directory")?;
        fs::rename(&aside, &data).with_context(|| format!("put {} back", data.display()))
    }

    /// A fresh directory's path for a drill.
    pub fn place(&self, name: &str) -> PathBuf {
        let slug: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let mut dir = self.dir.join(&slug);
        let mut n = 1;
        while dir.exists() {
            n += 1;
            dir = self.dir.join(format!("{slug}-{n}"));
        }
        dir
    }

    fn try_play(
        &self,
        drill: &Drill,
        dir: &Path,
        mut kills: Option<&mut Kills>,
    ) -> Result<Vec<Row>> {
        let mut stage = Stage::set(dir, &self.fault)?;
        let settings = (drill.settings)()?;
        let agent = Agent::start(&self.hale, &dir.join("hale"), &config(&settings))?;
        sleep(WARM_UP);
        let before = stage.picture(agent.pid(), &[], &[])?;
        let start = Instant::now();
        let cases = (drill.inject)(&mut stage)?;
        let (idents, units) = faulty(&cases);
        let beside = stage.picture(agent.pid(), &idents, &units)?;
        let times = kills.as_mut().map(|k| k.plan()).unwrap_or_default();
        let limit = Duration::from_secs(drill.limit_secs) * if times.is_empty() { 1 } else { 2 };
        let mut watch = Watch { stage, agent, cases, start, seen: Vec::new(), kills: times };
        watch.seen.resize_with(watch.cases.len(), Seen::default);
        watch.until_settled(limit)?;
        watch.hold()?;
        let done = watch.kills_done();
        if let Some(kills) = kills {
            kills.done += done;
        }
        watch.judge(drill.name, &[before, beside])
    }

    /// A period without any fault, but with the usual coming and going.
    pub fn quiet(&self, minutes: u64) -> Row {
        let name = format!("no fault, {minutes} min at 1 s");
        self.try_quiet(&name, minutes)
            .unwrap_or_else(|error| Row::failed(&name, &format!("{error:#}")))
    }

    fn try_quiet(&self, name: &str, minutes: u64) -> Result<Row> {
        let dir = self.place("quiet");
        let mut stage = Stage::set(&dir, &self.fault)?;
        stage.fault_for(&["steady-big", "--mib", "500"], minutes * 60 + 60)?;
        let mut agent = Agent::start(&self.hale, &dir.join("hale"), &quiet_config())?;
        let before = stage.picture(agent.pid(), &[], &[])?;
        let start = Instant::now();
        let mut loaded = false;
        while start.elapsed() < Duration::from_secs(minutes * 60) {
            // Short work, as builds and cron jobs are.
            stage.fault_for(&["worker", "--mib", "24", "--percent", "30"], 3)?;
            sleep(Duration::from_secs(5));
            stage.reap()?;
            agent.listen()?;
            let (load, cores) = world::load()?;
            loaded |= load > 2.0 * cores;
        }
        let incidents = agent.incidents()?;
        let mut row = Row::new(name);
        row.quiet = true;
        row.harmed = before.harmed(&stage)?;
        row.false_actions = executed(&incidents).into_iter().map(describe).collect();
        let heard = agent.heard.values().map(|(alert, _)| alert);
        // Others may load the machine: then an alert about that is a true one.
        let heard = heard.filter(|alert| !(loaded && alert.kind == "load.high"));
        for alert in heard.filter(|alert| alert.severity >= Severity::Medium) {
            row.problems
                .push(format!("false alert: {} {}: {}", alert.kind, alert.subject, alert.summary));
        }
        row.alerts = kinds_heard(&agent);
        agent.stop()?;
        Ok(row)
    }
}

/// The processes and units of all faults together.
pub fn faulty(cases: &[Case]) -> (Vec<Ident>, Vec<String>) {
    let idents = cases.iter().flat_map(|c| c.idents.iter().copied()).collect();
    let units = cases.iter().flat_map(|c| c.units.iter().cloned()).collect();
    (idents, units)
}

fn kinds_heard(agent: &Agent) -> Vec<String> {
    let mut kinds: Vec<String> =
        agent.heard.values().map(|(a, _)| format!("{} {}", a.kind, a.subject)).collect();
    kinds.sort();
    kinds
}

struct Watch {
    stage: Stage,
    agent: Agent,
    cases: Vec<Case>,
    start: Instant,
    seen: Vec<Seen>,
    /// Moments of kill -9, each `None` once it was done.
    kills: Vec<Option<Duration>>,
}

impl Watch {
    fn kills_done(&self) -> u32 {
        self.kills.iter().filter(|k| k.is_none()).count() as u32
    }

    fn until_settled(&mut self, limit: Duration) -> Result<()> {
        while self.start.elapsed() < limit {
            self.kill_if_due()?;
            self.look()?;
            let killed = self.kills.iter().all(Option::is_none);
            if killed && self.seen.iter().all(|s| s.settled_secs.is_some()) {
                return Ok(());
            }
            sleep(POLL);
        }
        Ok(())
    }

    fn kill_if_due(&mut self) -> Result<()> {
        let now = self.start.elapsed();
        if let Some(due) = self.kills.iter_mut().find(|k| k.is_some_and(|at| at <= now)) {
            *due = None;
            self.agent.kill_and_restart()?;
        }
        Ok(())
    }

    fn look(&mut self) -> Result<()> {
        self.stage.reap()?;
        self.agent.listen()?;
        let incidents = self.agent.incidents()?;
        let secs = self.start.elapsed().as_secs_f64();
        for (case, seen) in self.cases.iter().zip(&mut self.seen) {
            if seen.alert.is_none() {
                let found = self.agent.heard.values().find(|(alert, _)| names(alert, case));
                seen.alert =
                    found.map(|(alert, at)| (alert.id.clone(), (*at - self.start).as_secs_f64()));
            }
            if seen.settled_secs.is_none() && settled(case, seen, &incidents)? {
                seen.settled_secs = Some(secs);
            }
        }
        Ok(())
    }

    /// The oracle looks on: a cure that does not last is none.
    fn hold(&mut self) -> Result<()> {
        let end = Instant::now() + HOLD;
        while Instant::now() < end {
            self.stage.reap()?;
            for (case, seen) in self.cases.iter().zip(&mut self.seen) {
                let must_be_well = match case.response {
                    Response::Act(_) | Response::Clears => seen.settled_secs.is_some(),
                    Response::Person => false,
                };
                if must_be_well && seen.broke.is_none() && !(case.well)()? {
                    let after = self.start.elapsed().as_secs_f64();
                    seen.broke =
                        Some(format!("the cure did not last: no longer so after {after:.0} s"));
                }
            }
            sleep(Duration::from_secs(1));
        }
        self.agent.listen()
    }

    fn judge(mut self, name: &str, pictures: &[Picture]) -> Result<Vec<Row>> {
        let incidents = self.agent.incidents()?;
        let mut harmed = Vec::new();
        for picture in pictures {
            harmed.extend(picture.harmed(&self.stage)?);
        }
        harmed.sort();
        harmed.dedup();
        let mut problems = self.record_problems(&incidents)?;
        problems.extend(self.same_incident());
        let strays = self.strays(&incidents);
        let mut rows = Vec::new();
        for (case, seen) in self.cases.iter().zip(&self.seen) {
            let mut row = judge_case(case, seen, &incidents);
            row.name = if self.cases.len() == 1 {
                name.to_owned()
            } else {
                format!("{name}: {}", case.kinds.join("/"))
            };
            row.alerts = kinds_heard(&self.agent);
            row.harmed.clone_from(&harmed);
            row.false_actions.clone_from(&strays);
            row.problems.extend(problems.clone());
            row.kills = self.kills_done();
            rows.push(row);
        }
        if rows.iter().any(|row| !row.right()) {
            let text = serde_json::to_value(&incidents).context("make JSON of the incidents")?;
            let log = self.agent.log_tail();
            for row in &mut rows {
                row.incidents = Some(text.clone());
                row.log = Some(log.clone());
            }
        }
        self.agent.stop()?;
        self.stage.strike()?;
        Ok(rows)
    }

    /// Two faults that have nothing to do with each other are two incidents.
    fn same_incident(&self) -> Option<String> {
        let alerts: Vec<_> = self.seen.iter().filter_map(|s| s.alert.as_ref()).collect();
        let incidents: Vec<_> = alerts
            .iter()
            .filter_map(|(id, _)| self.agent.heard.get(id)?.0.incident_id.clone())
            .collect();
        let mut distinct = incidents.clone();
        distinct.sort();
        distinct.dedup();
        (distinct.len() < incidents.len()).then(|| "two faults share one incident".to_owned())
    }

    /// What must be true of hale's own records, whatever happened to it.
    fn record_problems(&self, incidents: &[IncidentView]) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        let stored = self.agent.stored_alerts()?;
        let told = self.agent.heard.keys().cloned().chain(self.agent.logged_alerts());
        let mut lost: Vec<String> = told.filter(|id| !stored.contains(id)).collect();
        lost.sort();
        lost.dedup();
        problems.extend(lost.iter().map(|id| format!("alert {id} was told and is lost")));
        if let Err(error) = self.agent.audit_verify() {
            problems.push(format!("{error:#}"));
        }
        let mut times: BTreeMap<(String, String), u32> = BTreeMap::new();
        for action in executed(incidents) {
            *times.entry((action.kind.clone(), action.target.clone())).or_default() += 1;
        }
        for ((kind, target), count) in times.into_iter().filter(|(_, count)| *count > 1) {
            problems.push(format!("{kind} on {target} was done {count} times"));
        }
        Ok(problems)
    }

    /// Actions that no case asked for.
    fn strays(&self, incidents: &[IncidentView]) -> Vec<String> {
        executed(incidents)
            .into_iter()
            .filter(|action| !self.cases.iter().any(|case| wanted(action, case)))
            .map(describe)
            .collect()
    }
}

fn describe(action: &ActionView) -> String {
    format!("{} on {} ({})", action.kind, action.target, action.state)
}

/// What was done to the machine, or may have been.
fn executed(incidents: &[IncidentView]) -> Vec<&ActionView> {
    incidents
        .iter()
        .flat_map(|incident| &incident.actions)
        .filter(|a| a.kind != "notify")
        .filter(|a| !matches!(a.state.as_str(), "planned" | "awaiting_approval" | "refused"))
        .collect()
}

/// Whether this alert is about this fault and not about another.
fn names(alert: &AlertView, case: &Case) -> bool {
    let processes = alert.target.processes();
    let same_process = processes.is_empty()
        || case.idents.is_empty()
        || processes
            .iter()
            .any(|p| case.idents.contains(&Ident { pid: p.pid, start_ticks: p.start_ticks }));
    let same_unit = match &alert.target {
        Subject::Unit { unit } => case.units.contains(unit),
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
        | Subject::Source { .. } => true,
    };
    case.kinds.contains(&alert.kind.as_str())
        && same_process
        && same_unit
        && case.subject.as_ref().is_none_or(|part| alert.subject.contains(part.as_str()))
}

fn incident_of<'a>(seen: &Seen, incidents: &'a [IncidentView]) -> Option<&'a IncidentView> {
    let (alert, _) = seen.alert.as_ref()?;
    incidents.iter().find(|incident| incident.alerts.contains(alert))
}

fn settled(case: &Case, seen: &Seen, incidents: &[IncidentView]) -> Result<bool> {
    let Some(incident) = incident_of(seen, incidents) else { return Ok(false) };
    let over = match &case.response {
        Response::Act(act) if !act.ends_it => {
            incident.actions.iter().any(|a| a.kind == act.kind && a.state == "succeeded")
        }
        Response::Act(_) | Response::Clears => incident.state == "resolved",
        Response::Person => return Ok(left_to_person(incident)),
    };
    Ok(over && (case.well)()?)
}

/// Escalated or asked; or, where it is not urgent, left open with the reason why nothing is done.
fn left_to_person(incident: &IncidentView) -> bool {
    match incident.state.as_str() {
        "escalated" | "awaiting_approval" => true,
        "open" => incident.timeline.iter().any(|entry| entry.kind == "no_action"),
        _ => false,
    }
}

/// The process ids in an action's target: `12 × python3: 1 2 3` or `7 (node)`.
fn pids(target: &str) -> Vec<i32> {
    let list = target.split_once(": ").map_or(target, |(_, list)| list);
    let mut pids: Vec<i32> =
        list.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

fn aims_at(action: &ActionView, act: &Act, case: &Case) -> bool {
    match &act.target {
        Some(target) => action.target == *target,
        None => {
            let mut wanted: Vec<i32> = case.idents.iter().map(|i| i.pid).collect();
            wanted.sort_unstable();
            pids(&action.target) == wanted
        }
    }
}

fn wanted(action: &ActionView, case: &Case) -> bool {
    match &case.response {
        Response::Act(act) => action.kind == act.kind && aims_at(action, act, case),
        Response::Person | Response::Clears => false,
    }
}

fn source(source: DiagnosisSource) -> String {
    match source {
        DiagnosisSource::Local => "rules",
        DiagnosisSource::Runbook => "memory",
        DiagnosisSource::Model => "model",
    }
    .to_owned()
}

fn judge_case(case: &Case, seen: &Seen, incidents: &[IncidentView]) -> Row {
    let mut row = Row::new("");
    row.secs_to_alert = seen.alert.as_ref().map(|(_, secs)| *secs);
    row.problems.extend(seen.broke.clone());
    let Some(incident) = incident_of(seen, incidents) else {
        row.problems.push("no incident has the alert".to_owned());
        return row;
    };
    row.state.clone_from(&incident.state);
    let cause = incident.diagnosis.as_ref().map(|d| d.cause_kind.clone());
    row.diagnosis_right = cause.as_deref().is_some_and(|cause| case.causes.contains(&cause));
    row.cause = cause;
    row.diagnosis_by = incident.diagnosis.as_ref().map(|d| source(d.source));
    let done = executed(std::slice::from_ref(incident));
    row.action_right = match &case.response {
        Response::Act(_) => {
            matches!(done.as_slice(), [one] if wanted(one, case) && one.state == "succeeded")
        }
        Response::Person | Response::Clears => done.is_empty(),
    };
    row.person = matches!(case.response, Response::Person);
    row.eased = matches!(&case.response, Response::Act(act) if !act.ends_it);
    if seen.settled_secs.is_none() {
        row.problems.push(format!("not settled; the incident is {}", incident.state));
    }
    row.secs_to_recovery = seen.settled_secs.filter(|_| !row.person);
    row
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::pids;

    #[test]
    fn pids_of_a_target() {
        for (target, expected) in [
            ("3 × python3: 12 11 13", vec![11, 12, 13]),
            ("2 × a: b: 4 5", vec![4, 5]),
            ("7 (node)", vec![7]),
            ("nginx.service", vec![]),
            ("/srv/data", vec![]),
        ] {
            assert_eq!(pids(target), expected, "{target}");
        }
    }
}
