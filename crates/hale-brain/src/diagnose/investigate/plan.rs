//! From what a model proposes to typed actions with exact targets. What names nothing that is
//! observed falls away; what is left is for the guard to judge, like anybody's wish.

use hale_model::action::{Action, Condition, Expectation, PlanStep};
use hale_model::alert::Alert;
use hale_model::sample::UnitStat;
use hale_model::snapshot::Snapshot;
use hale_model::text::{printable, shorten};

use crate::diagnose::steps;

use super::{Proposal, ProposalKind};

const DROP_CACHES: &str = "sync; echo 1 > /proc/sys/vm/drop_caches";
const COMMAND_TIMEOUT_SECS: u32 = 120;
/// A command's effect may take as long as the detectors need to see it.
const COMMAND_HOLD_SECS: u64 = 10;
const COMMAND_WITHIN_SECS: u64 = 300;

/// Proposals as steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Planned {
    /// In the model's order.
    pub steps: Vec<PlanStep>,
    /// What fell away, and why.
    pub dropped: Vec<String>,
}

/// Turns proposals into steps that treat this alert.
pub fn plan_of(proposals: &[Proposal], alert: &Alert, snapshot: &Snapshot) -> Planned {
    let mut planned = Planned::default();
    for proposal in proposals {
        match step(proposal, alert, snapshot) {
            Ok(step) => planned.steps.push(step),
            Err(why) => planned.dropped.push(why),
        }
    }
    planned
}

/// What a proposal would do, for the guard, where there is no alert that it would treat.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// With exact targets.
    pub action: Action,
    /// What a person would type.
    pub command: String,
}

/// Names exactly what a proposal would do.
///
/// # Errors
/// It names nothing that was observed.
pub fn wish_of(proposal: &Proposal, snapshot: &Snapshot) -> Result<Wish, String> {
    let target = shorten(&printable(proposal.target.trim()), 200);
    let (action, command) = match proposal.kind {
        ProposalKind::KillProcess => {
            let process = observed(&target, snapshot)?;
            (steps::kill_action(vec![process.proc_ref()]), format!("kill {}", process.pid))
        }
        ProposalKind::ReniceProcess => {
            let step = steps::renice(observed(&target, snapshot)?, String::new())?;
            (step.action, step.command)
        }
        ProposalKind::RestartService => {
            let unit = observed_unit(&target, snapshot)?;
            (steps::restart_action(unit), format!("systemctl restart {}", unit.unit))
        }
        ProposalKind::FreeCache => (Action::MemoryDropCaches, DROP_CACHES.to_owned()),
        ProposalKind::Custom => {
            let command = custom(proposal)?;
            (command_run(&command), command)
        }
    };
    Ok(Wish { action, command })
}

fn step(proposal: &Proposal, alert: &Alert, snapshot: &Snapshot) -> Result<PlanStep, String> {
    let why = shorten(&printable(&proposal.explanation), 500);
    let target = shorten(&printable(proposal.target.trim()), 200);
    match proposal.kind {
        ProposalKind::KillProcess => {
            let process = observed(&target, snapshot)?;
            Ok(steps::kill(alert, vec![process.proc_ref()], why))
        }
        ProposalKind::ReniceProcess => steps::renice(observed(&target, snapshot)?, why),
        ProposalKind::RestartService => {
            let unit = observed_unit(&target, snapshot)?;
            Ok(steps::restart_and_watch(alert, unit, Vec::new(), why))
        }
        ProposalKind::FreeCache => Ok(PlanStep {
            action: Action::MemoryDropCaches,
            why,
            command: DROP_CACHES.to_owned(),
            expectation: until_gone(alert),
        }),
        ProposalKind::Custom => {
            let command = custom(proposal)?;
            Ok(PlanStep {
                action: command_run(&command),
                why,
                command,
                expectation: until_gone(alert),
            })
        }
    }
}

fn custom(proposal: &Proposal) -> Result<String, String> {
    let command = proposal.command.trim();
    match command.is_empty() {
        true => Err("a command was proposed and not named".to_owned()),
        false => Ok(command.to_owned()),
    }
}

fn command_run(command: &str) -> Action {
    Action::CommandRun {
        command: command.to_owned(),
        working_dir: None,
        timeout_secs: COMMAND_TIMEOUT_SECS,
    }
}

fn observed_unit<'a>(target: &str, snapshot: &'a Snapshot) -> Result<&'a UnitStat, String> {
    let named = snapshot.unit(target).or_else(|| snapshot.unit(&format!("{target}.service")));
    named.ok_or_else(|| format!("no unit `{target}` was observed"))
}

/// The process with this pid, if it was seen: `123` or `nginx (123)`.
fn observed<'a>(
    target: &str,
    snapshot: &'a Snapshot,
) -> Result<&'a hale_model::snapshot::Process, String> {
    let digits: Vec<&str> =
        target.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
    let [pid] = digits.as_slice() else {
        return Err(format!("`{target}` does not name one process by its pid"));
    };
    pid.parse()
        .ok()
        .and_then(|pid| snapshot.process(pid))
        .ok_or_else(|| format!("no process {pid} was observed"))
}

fn until_gone(alert: &Alert) -> Expectation {
    Expectation {
        conditions: vec![Condition::FindingGone {
            alert_kind: alert.kind.clone(),
            subject: alert.subject.clone(),
        }],
        hold_secs: COMMAND_HOLD_SECS,
        within_secs: COMMAND_WITHIN_SECS,
    }
}
