//! A playbook's cure: the next rung of its ladder, aimed at what is observed now. What comes out is a
//! plan like any other: each of its steps has an exact target, and goes through the guard.

use hale_model::ProcRef;
use hale_model::action::{
    Action, ActionKind, ActionRecord, CleanMeans, Condition, Expectation, PlanStep,
};
use hale_model::alert::{Alert, AlertKind, Severity, Subject};
use hale_model::container::ContainerStat;
use hale_model::playbook::{
    ConditionSeen, EscalationCall, Means, PlaybookUse, PlaybookVerification, Rung, Step,
};
use hale_model::sample::UnitStat;
use hale_model::snapshot::{Mount, Process};

use super::treat::{self, Treatment};
use super::{DiagnoseInput, cleaning, containers, culprit, steps, workloads};
use crate::decide::names::service_of;
use crate::decide::recent_cure;
use crate::detect::reported::is_only_reported;
use crate::playbook::{Playbooks, Ready, Seen, Target, command, words};
use crate::remember;

/// How long an effect that needs no time must be seen, and by when.
const AT_ONCE_HOLD_SECS: u64 = 2;
const AT_ONCE_WITHIN_SECS: u64 = 60;
const COMMAND_TIMEOUT_SECS: u64 = 60;
const MEBI: u64 = 1024 * 1024;

/// The playbooks, and how far an incident has climbed their ladders.
#[derive(Clone, Copy, Debug)]
pub struct Plays<'a> {
    /// Those that hale goes by.
    pub playbooks: &'a Playbooks,
    /// Rungs of this incident so far.
    pub climbed: &'a [Climbed],
    /// What was done in the last hour, oldest first: a cure that did not hold is no rung to stand on again,
    /// whatever playbook it was of.
    pub recent: &'a [ActionRecord],
}

/// A rung that was proposed for an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Climbed {
    /// Which.
    pub usage: PlaybookUse,
    /// Whether it has ended; else it waits for a person, or is being done.
    pub ended: bool,
    /// Whether it had cured the same trouble in an incident before, a while ago.
    pub did_not_hold: bool,
}

/// What the playbooks say to an alert.
pub(super) enum Played<'a> {
    /// None applies.
    Nothing,
    /// This is to be done.
    Rung(Play<'a>),
    /// The ladder has ended.
    Ended {
        /// Who is called, and what for.
        call: EscalationCall,
    },
}

/// A rung, aimed.
pub(super) struct Play<'a> {
    pub(super) ready: &'a Ready,
    pub(super) usage: PlaybookUse,
    pub(super) steps: Vec<PlanStep>,
}

/// What the playbooks say to this alert. `only_stricter`: those that demand more than a kind of alert,
/// and the user's own; the others have a say where hale itself knows no cure.
pub(super) fn choose<'a>(
    input: &DiagnoseInput<'a>,
    alert: &Alert,
    only_stricter: bool,
) -> Played<'a> {
    let Some(plays) = input.plays else { return Played::Nothing };
    let seen = Seen::new(input.now, alert, input.snapshot, input.config);
    for ready in plays.playbooks.matching(&seen) {
        if ready.is_stricter() != only_stricter {
            continue;
        }
        match climb(input, ready, &seen, plays) {
            Played::Nothing => {}
            played @ (Played::Rung(_) | Played::Ended { .. }) => return played,
        }
    }
    Played::Nothing
}

fn climb<'a>(
    input: &DiagnoseInput<'_>,
    ready: &'a Ready,
    seen: &Seen<'_>,
    plays: Plays<'_>,
) -> Played<'a> {
    let name = &ready.playbook.name;
    let of_it: Vec<&Climbed> = plays.climbed.iter().filter(|c| c.usage.name == *name).collect();
    let begun = of_it.iter().any(|c| c.ended);
    let late = ready.playbook.escalation.after.filter(|after| seen.open_secs() >= after.secs);
    if let (true, Some(after)) = (begun, late) {
        return ended(ready, seen.alert, format!("it goes on after {after}"));
    }
    let (mut tried, mut skipped) = (Vec::new(), Vec::new());
    for (at, (rung, applies)) in ready.rungs(seen).enumerate() {
        if let Some(climbed) = of_it.iter().find(|c| c.ended && c.usage.rung == rung.rung) {
            let how = if climbed.did_not_hold { ", which did not hold" } else { "" };
            tried.push(format!("`{}`{how}", rung.rung));
            continue;
        }
        if applies != Some(true) {
            skipped.push(format!("`{}` does not apply", rung.rung));
            continue;
        }
        match aim(input, ready, rung, seen) {
            Ok(steps) if did_not_hold(input, plays, &steps) => {
                skipped.push(format!("`{}` was done a while ago and did not hold", rung.rung));
            }
            Ok(steps) => {
                let usage = usage(ready, rung, at, seen.alert);
                return Played::Rung(Play { ready, usage, steps });
            }
            Err(why) => skipped.push(format!("`{}`: {why}", rung.rung)),
        }
    }
    if !begun {
        return Played::Nothing;
    }
    let rest = if skipped.is_empty() {
        String::new()
    } else {
        format!(" (left out: {})", skipped.join("; "))
    };
    ended(ready, seen.alert, format!("every rung was tried: {}{rest}", tried.join(", ")))
}

fn did_not_hold(input: &DiagnoseInput<'_>, plays: Plays<'_>, steps: &[PlanStep]) -> bool {
    let relapse_secs = input.config.autonomy.relapse_secs;
    let cure = |step: &PlanStep| {
        recent_cure(&step.action, plays.recent.iter(), input.now, relapse_secs).is_some()
    };
    !steps.is_empty() && steps.iter().all(cure)
}

fn ended<'a>(ready: &Ready, alert: &Alert, why: String) -> Played<'a> {
    let mut call = call(ready, alert);
    call.why = format!("playbook {} v{}: {why}", ready.playbook.name, ready.playbook.version);
    Played::Ended { call }
}

fn usage(ready: &Ready, rung: &Rung, at: usize, alert: &Alert) -> PlaybookUse {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    PlaybookUse {
        name: ready.playbook.name.clone(),
        version: ready.playbook.version,
        rung: rung.rung.clone(),
        rung_number: count(at + 1),
        rungs: count(ready.playbook.treatment.len()),
        on_failure: ready.playbook.rollback.on_failure,
        call: call(ready, alert),
    }
}

/// Who is called where it does not help, in words with the alert's figures.
fn call(ready: &Ready, alert: &Alert) -> EscalationCall {
    let escalation = &ready.playbook.escalation;
    let commands = escalation.commands.iter().filter_map(|template| command(template, alert));
    EscalationCall {
        tell: escalation.tell.clone(),
        why: String::new(),
        message: escalation.message.as_deref().map(|message| words(message, alert)),
        by_hand: ready.playbook.rollback.by_hand.as_deref().map(|text| words(text, alert)),
        commands: commands.collect(),
    }
}

/// The steps of a rung with exact targets; why it cannot be done, in words.
fn aim(
    input: &DiagnoseInput<'_>,
    ready: &Ready,
    rung: &Rung,
    seen: &Seen<'_>,
) -> Result<Vec<PlanStep>, String> {
    let aim = Aim { input, alert: seen.alert };
    let mut aimed = Vec::new();
    for (at, step) in rung.steps.iter().enumerate() {
        let mut plan = aim.step(step, seen)?;
        let class = remember::target_class(&plan.action, input.snapshot);
        let kind = plan.action.kind();
        let lesson = remember::find(input.lessons, kind, &seen.alert.kind, &class);
        if let Some(lesson) = lesson.filter(|lesson| remember::is_vetoed(lesson)) {
            return Err(format!("{kind} on {class} was tried {} times in vain", lesson.failures));
        }
        if at + 1 == rung.steps.len() {
            demand(&mut plan.expectation, &ready.playbook.verification, seen.alert);
        } else {
            // The trouble is expected to be over when the last step is done, not before.
            let expected = &mut plan.expectation.conditions;
            expected.retain(|condition| !matches!(condition, Condition::FindingGone { .. }));
        }
        aimed.push(plan);
    }
    Ok(aimed)
}

/// Adds what the playbook wants to see; what the action must show by itself stays.
fn demand(expectation: &mut Expectation, wanted: &PlaybookVerification, alert: &Alert) {
    let mut more = Vec::new();
    if wanted.finding_gone && !alert.kind.tells_of_an_event() {
        more.push(trouble_over(alert));
    }
    if let (Some(free_percent), Subject::Mount { mount_point }) =
        (wanted.mount_free_percent, &alert.subject)
    {
        more.push(Condition::MountFree { mount_point: mount_point.clone(), free_percent });
    }
    let units = wanted.units_active.iter();
    more.extend(units.map(|unit| Condition::UnitActive { unit: unit.clone() }));
    more.extend(wanted.http_ok.iter().map(|url| Condition::HttpOk { url: url.clone() }));
    let tcp = wanted.tcp_open.iter();
    more.extend(tcp.map(|address| Condition::TcpOpen { address: address.clone() }));
    for condition in more {
        if !expectation.conditions.contains(&condition) {
            expectation.conditions.push(condition);
        }
    }
    if let Some(hold) = wanted.hold {
        expectation.hold_secs = expectation.hold_secs.max(hold.secs);
    }
    if let Some(within) = wanted.within {
        expectation.within_secs = within.secs;
    }
    expectation.within_secs = expectation.within_secs.max(expectation.hold_secs);
}

/// That the trouble is over, as seen by whoever sees it: of a service that only others tell about hale has
/// no observation of its own, which would prove nothing by being empty.
fn trouble_over(alert: &Alert) -> Condition {
    let (alert_kind, subject) = (alert.kind.clone(), alert.subject.clone());
    let is_elsewhere = matches!(subject, Subject::Service { .. } | Subject::Workload { .. });
    if is_elsewhere && is_only_reported(&alert.evidence) {
        Condition::ReportsOver { alert_kind, subject }
    } else {
        Condition::FindingGone { alert_kind, subject }
    }
}

struct Aim<'a, 'b> {
    input: &'b DiagnoseInput<'a>,
    alert: &'b Alert,
}

impl<'a> Aim<'a, '_> {
    fn step(&self, step: &Step, seen: &Seen<'a>) -> Result<PlanStep, String> {
        let target = Target::parse(&step.target)?;
        let why = words(&step.why, self.alert);
        match step.action {
            ActionKind::ProcessKill => {
                let mut plan = steps::kill(self.alert, self.processes(&target)?, why);
                if let Action::ProcessKill { grace_secs, force, .. } = &mut plan.action {
                    *force = step.force.unwrap_or(*force);
                    let grace = step.grace.and_then(|span| u32::try_from(span.secs).ok());
                    *grace_secs = grace.unwrap_or(*grace_secs);
                }
                Ok(plan)
            }
            ActionKind::ProcessPause => {
                let target = self.process(&target)?;
                let stopped = Condition::ProcessStopped { target: target.clone() };
                let command = format!("kill -STOP {}", target.pid);
                Ok(at_once(Action::ProcessPause { target }, why, command, vec![stopped]))
            }
            ActionKind::ProcessRenice => {
                let target = self.process(&target)?;
                let nice = step.nice.unwrap_or(steps::YIELDING_NICE);
                let is_nice = self.input.snapshot.living(&target).is_some_and(|p| p.nice >= nice);
                if is_nice {
                    return Err(format!("{target} gives way already"));
                }
                let reniced = Condition::ProcessNice { target: target.clone(), nice };
                let command = format!("renice -n {nice} -p {}", target.pid);
                let action = Action::ProcessRenice { target, nice };
                Ok(at_once(action, why, command, vec![reniced]))
            }
            ActionKind::ServiceRestart => self.restart_unit(&target, seen, why),
            ActionKind::ServiceStart | ActionKind::ServiceStop => {
                self.start_or_stop_unit(step.action, &target, seen, why)
            }
            ActionKind::MemoryDropCaches => {
                let command = "sync && echo 1 > /proc/sys/vm/drop_caches".to_owned();
                let gone = steps::finding_gone(self.alert).into_iter().collect();
                Ok(at_once(Action::MemoryDropCaches, why, command, gone))
            }
            ActionKind::DiskClean => self.clean(step, &target, seen, why),
            ActionKind::CommandRun => self.run(step, why),
            ActionKind::Notify => {
                let message = words(step.message.as_deref().unwrap_or_default(), self.alert);
                let severity = step.severity.unwrap_or(Severity::High);
                Ok(at_once(Action::Notify { message, severity }, why, String::new(), Vec::new()))
            }
            ActionKind::ContainerRestart
            | ActionKind::ContainerStart
            | ActionKind::ContainerStop
            | ActionKind::ContainerSetMemory => self.container_step(step, &target, seen, why),
            ActionKind::K8sRolloutRestart | ActionKind::K8sRollback | ActionKind::K8sScale => {
                workloads::step(self.input, self.alert, step, &target, why)
            }
        }
    }

    /// The processes that an action may think of touching.
    fn processes(&self, target: &Target) -> Result<Vec<ProcRef>, String> {
        let named: Vec<ProcRef> = match target {
            Target::Culprit => vec![self.culprit()?.proc_ref()],
            Target::Subject
            | Target::Owner
            | Target::Unit(_)
            | Target::Container(_)
            | Target::Mount(_)
            | Target::Workload { .. } => self.alert.subject.processes().to_vec(),
        };
        if named.is_empty() {
            return Err(format!("{} names no process", self.alert.subject));
        }
        let mut because = None;
        let mut may = Vec::new();
        for process in named {
            match treat::touchable(self.input, &process) {
                Ok(_) => may.push(process),
                Err(Treatment::None { why }) => because = because.or(Some(why)),
                Err(Treatment::Steps(_)) => {}
            }
        }
        if may.is_empty() { Err(because.unwrap_or_default()) } else { Ok(may) }
    }

    fn process(&self, target: &Target) -> Result<ProcRef, String> {
        let mut all = self.processes(target)?.into_iter();
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(format!("{} is more than one process", self.alert.subject)),
        }
    }

    /// The one process that explains a shortage of the machine.
    fn culprit(&self) -> Result<&'a Process, String> {
        let snapshot = self.input.snapshot;
        let kind = &self.alert.kind;
        let memory = [AlertKind::MemoryHigh, AlertKind::MemoryPressure, AlertKind::SwapHigh];
        let found = if memory.contains(kind) {
            culprit::memory_hog(snapshot, self.input.config)
        } else {
            culprit::cpu_hog(snapshot)
        };
        found.ok_or_else(|| "no single process explains it".to_owned())
    }

    fn unit(&self, target: &Target, seen: &Seen<'a>) -> Result<&'a UnitStat, String> {
        let snapshot = self.input.snapshot;
        let named = match target {
            Target::Unit(name) => {
                return snapshot.unit(name).ok_or_else(|| format!("{name} is not loaded"));
            }
            Target::Subject => {
                let is_unit = matches!(self.alert.subject, Subject::Unit { .. });
                seen.found.unit.filter(|_| is_unit)
            }
            Target::Culprit => {
                let process = self.culprit()?;
                service_of(&process.info).and_then(|unit| snapshot.unit(unit))
            }
            Target::Owner | Target::Container(_) | Target::Mount(_) | Target::Workload { .. } => {
                seen.found.unit
            }
        };
        named.ok_or_else(|| format!("{} belongs to no service", self.alert.subject))
    }

    fn restart_unit(
        &self,
        target: &Target,
        seen: &Seen<'a>,
        why: String,
    ) -> Result<PlanStep, String> {
        let unit = self.unit(target, seen)?;
        let troublemakers = self.alert.subject.processes().iter();
        let troublemakers = troublemakers.filter(|p| self.input.snapshot.living(p).is_some());
        Ok(steps::restart(self.input, self.alert, unit, troublemakers.cloned().collect(), why))
    }

    fn start_or_stop_unit(
        &self,
        kind: ActionKind,
        target: &Target,
        seen: &Seen<'a>,
        why: String,
    ) -> Result<PlanStep, String> {
        let unit = self.unit(target, seen)?;
        let name = unit.unit.clone();
        let word = steps::shell_word(&name);
        if kind == ActionKind::ServiceStart {
            let active = vec![Condition::UnitActive { unit: name.clone() }];
            let command = format!("systemctl start {word}");
            return Ok(at_once(Action::ServiceStart { unit: name }, why, command, active));
        }
        let inactive = vec![Condition::UnitInactive { unit: name.clone() }];
        let run = unit.invocation_id.clone();
        let invocation_id = (!run.is_empty()).then_some(run);
        let action = Action::ServiceStop { unit: name, invocation_id };
        Ok(at_once(action, why, format!("systemctl stop {word}"), inactive))
    }

    fn container(&self, target: &Target, seen: &Seen<'a>) -> Result<&'a ContainerStat, String> {
        let snapshot = self.input.snapshot;
        let found = match target {
            Target::Container(name) => {
                let named = snapshot.container("", name).map(|c| &c.stat);
                return named.ok_or_else(|| format!("there is no container {name}"));
            }
            Target::Culprit => containers::around(snapshot, self.culprit()?),
            Target::Subject => containers::named(snapshot, &self.alert.subject),
            Target::Owner | Target::Unit(_) | Target::Mount(_) | Target::Workload { .. } => {
                let inside = seen.found.process.and_then(|p| containers::around(snapshot, p));
                inside.or_else(|| containers::named(snapshot, &self.alert.subject))
            }
        };
        found.ok_or_else(|| format!("{} belongs to no container", self.alert.subject))
    }

    fn container_step(
        &self,
        step: &Step,
        target: &Target,
        seen: &Seen<'a>,
        why: String,
    ) -> Result<PlanStep, String> {
        let stat = self.container(target, seen)?;
        if let Some(why) = containers::untouchable(self.input, stat) {
            return Err(why);
        }
        let container = stat.container_ref();
        let word = steps::shell_word(&container.name);
        if step.action == ActionKind::ContainerStart {
            let running = vec![Condition::ContainerRunning { container: container.clone() }];
            let command = format!("docker start {word}");
            return Ok(at_once(Action::ContainerStart { container }, why, command, running));
        }
        if step.action == ActionKind::ContainerStop {
            let stopped = vec![Condition::ContainerStopped { container: container.clone() }];
            let command = format!("docker stop {word}");
            return Ok(at_once(Action::ContainerStop { container }, why, command, stopped));
        }
        if step.action == ActionKind::ContainerSetMemory {
            return self.set_memory(step, stat, why);
        }
        let troublemakers = self.alert.subject.processes().iter();
        let living = troublemakers.filter(|p| self.input.snapshot.living(p).is_some()).cloned();
        Ok(containers::restart(self.input, self.alert, stat, living.collect(), why))
    }

    fn set_memory(
        &self,
        step: &Step,
        stat: &ContainerStat,
        why: String,
    ) -> Result<PlanStep, String> {
        let container = stat.container_ref();
        let limit = stat.memory_limit_bytes;
        let limit = limit.ok_or_else(|| format!("container {} has no limit", stat.name))?;
        let wanted = limit as f64 * step.memory_factor.unwrap_or(1.0);
        // Whole pages, as the kernel counts.
        let limit_bytes = (wanted as u64 / 4096).max(1) * 4096;
        let limited = Condition::ContainerMemoryLimit { container: container.clone(), limit_bytes };
        let word = steps::shell_word(&container.name);
        let command = format!("docker update --memory {limit_bytes} --memory-swap -1 {word}");
        let action = Action::ContainerSetMemory { container, limit_bytes };
        Ok(at_once(action, why, command, vec![limited]))
    }

    fn clean(
        &self,
        step: &Step,
        target: &Target,
        seen: &Seen<'a>,
        why: String,
    ) -> Result<PlanStep, String> {
        let mount: &Mount = match target {
            Target::Mount(path) => self
                .input
                .snapshot
                .mount(path)
                .ok_or_else(|| format!("nothing is mounted at {path}"))?,
            Target::Subject
            | Target::Owner
            | Target::Culprit
            | Target::Unit(_)
            | Target::Container(_)
            | Target::Workload { .. } => {
                seen.found.mount.ok_or_else(|| format!("{} is no mount", self.alert.subject))?
            }
        };
        let means = self.means(step, mount);
        if means.is_empty() {
            return Err(format!("nothing of that kind lies on {}", mount.mount_point));
        }
        let (target_percent, must_have) = match step.free_percent {
            Some(free) => (free, Some(free)),
            None => treat::goal(self.input, self.alert, mount),
        };
        Ok(steps::clean(self.alert, mount, means, target_percent, must_have, why))
    }

    /// Those of the ways that apply to the mount which the step names, with its figures.
    fn means(&self, step: &Step, mount: &Mount) -> Vec<CleanMeans> {
        let wanted = |means: &CleanMeans| {
            let kind = match means {
                CleanMeans::PackageCache => Means::PackageCache,
                CleanMeans::JournalVacuum { .. } => Means::Journal,
                CleanMeans::OldFiles { .. } | CleanMeans::MakeRoom { .. } => Means::OldFiles,
            };
            step.means.as_ref().is_none_or(|named| named.contains(&kind))
        };
        let all = cleaning::means(mount, self.input.snapshot, self.input.config);
        let mut means: Vec<CleanMeans> = all.into_iter().filter(wanted).collect();
        for one in &mut means {
            match one {
                CleanMeans::JournalVacuum { keep_bytes } => {
                    let mib = step.journal_keep_mib.map(|mib| mib.saturating_mul(MEBI));
                    *keep_bytes = mib.unwrap_or(*keep_bytes);
                }
                CleanMeans::OldFiles { older_than_secs, .. }
                | CleanMeans::MakeRoom { older_than_secs, .. } => {
                    // Never younger than hale itself would take.
                    let secs = step.older_than.map(|span| span.secs.max(*older_than_secs));
                    *older_than_secs = secs.unwrap_or(*older_than_secs);
                }
                CleanMeans::PackageCache => {}
            }
        }
        means
    }

    fn run(&self, step: &Step, why: String) -> Result<PlanStep, String> {
        let template = step.command.as_deref().unwrap_or_default();
        let command = command(template, self.alert)
            .ok_or_else(|| format!("a figure of `{template}` is not known"))?;
        let timeout = step.timeout.map_or(COMMAND_TIMEOUT_SECS, |span| span.secs);
        let action = Action::CommandRun {
            command: command.clone(),
            working_dir: None,
            timeout_secs: u32::try_from(timeout).unwrap_or(u32::MAX),
        };
        let gone = steps::finding_gone(self.alert).into_iter().collect();
        Ok(at_once(action, why, command, gone))
    }
}

fn at_once(action: Action, why: String, command: String, conditions: Vec<Condition>) -> PlanStep {
    let expectation =
        Expectation { conditions, hold_secs: AT_ONCE_HOLD_SECS, within_secs: AT_ONCE_WITHIN_SECS };
    PlanStep { action, why, command, expectation }
}

/// A playbook held against the world: its conditions, and each rung aimed.
pub struct Tried {
    /// Conditions of trigger and diagnosis, as they are now.
    pub conditions: Vec<ConditionSeen>,
    /// What it takes to be the cause.
    pub cause: String,
    /// Each rung: its name, and its steps or why it cannot be done now.
    pub rungs: Vec<(String, Result<Vec<PlanStep>, String>)>,
}

/// Holds one playbook against an alert, whether it applies or not. Nothing is done.
pub fn try_playbook(input: &DiagnoseInput<'_>, ready: &Ready, alert: &Alert) -> Tried {
    let seen = Seen::new(input.now, alert, input.snapshot, input.config);
    let rungs = ready.rungs(&seen).map(|(rung, applies)| {
        let steps = match applies {
            Some(true) => aim(input, ready, rung, &seen),
            Some(false) => Err("its condition is not true now".to_owned()),
            None => Err("its condition is not known now".to_owned()),
        };
        (rung.rung.clone(), steps)
    });
    let rungs = rungs.collect();
    Tried { conditions: ready.conditions(&seen), cause: ready.cause(alert), rungs }
}
