//! From a lesson to a step: the action that has cured this trouble here, aimed at what is there now.
//!
//! A lesson names a kind of action and a class of target, nothing else is taken from it: its words
//! are data. What it leads to is an exact target that was observed, and goes through the guard like
//! every other step. Only what was verified on this machine leads to a step of its own.

use hale_model::ProcRef;
use hale_model::action::{Action, ActionKind, PlanStep};
use hale_model::alert::Alert;
use hale_model::lesson::Lesson;

use super::{DiagnoseInput, containers, steps, treat};
use crate::decide::names::unit_pattern;
use crate::remember::{self, Signature};

/// The steps that experience has for this trouble, the most reliable first.
pub(super) fn steps(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    signature: &Signature,
) -> Vec<PlanStep> {
    let autonomy = &input.config.autonomy;
    remember::by_signature(input.lessons, signature, input.now, autonomy)
        .into_iter()
        // One that does not say what it was learned from may be about something else.
        .filter(|l| l.successes > 0 && l.subject_class.is_some() && l.cause_kind.is_some())
        .filter_map(|lesson| aim(input, alert, lesson))
        .collect()
}

fn aim(input: &DiagnoseInput<'_>, alert: &Alert, lesson: &Lesson) -> Option<PlanStep> {
    match lesson.action_kind {
        ActionKind::ServiceRestart => restart(input, alert, lesson),
        ActionKind::ProcessKill => {
            let targets = targets(input, alert, lesson)?;
            let why = "Ending it has cured this before.".to_owned();
            let step = steps::kill(alert, targets, why);
            aims_at(input, &step, lesson).then_some(step)
        }
        ActionKind::ProcessRenice => match targets(input, alert, lesson)?.as_slice() {
            [one] => {
                let process = input.snapshot.living(one)?;
                steps::renice(process, "This has eased it before.".to_owned()).ok()
            }
            _ => None,
        },
        // Cleaning needs to know what may go, and the rest more than a class of target.
        ActionKind::ContainerRestart => restart_container(input, alert, lesson),
        ActionKind::ProcessPause
        | ActionKind::ContainerStart
        | ActionKind::ContainerStop
        | ActionKind::ContainerSetMemory
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback
        | ActionKind::K8sScale
        | ActionKind::ServiceStart
        | ActionKind::ServiceStop
        | ActionKind::MemoryDropCaches
        | ActionKind::DiskClean
        | ActionKind::CommandRun
        | ActionKind::Notify => None,
    }
}

fn restart(input: &DiagnoseInput<'_>, alert: &Alert, lesson: &Lesson) -> Option<PlanStep> {
    let unit = input.snapshot.unit(&lesson.target_class)?;
    if unit_pattern(&input.config.allowlist.protected_units, &unit.unit).is_some() {
        return None;
    }
    let why = format!("A restart of {} has cured this before.", unit.unit);
    Some(steps::restart(input, alert, unit, Vec::new(), why))
}

fn restart_container(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    lesson: &Lesson,
) -> Option<PlanStep> {
    let container = input.snapshot.container("", &lesson.target_class)?;
    if containers::untouchable(input, &container.stat).is_some() {
        return None;
    }
    let why = format!("A restart of container {} has cured this before.", container.stat.name);
    Some(containers::restart(input, alert, &container.stat, Vec::new(), why))
}

/// The living processes of the lesson's class: of those that the alert names; of all, only if there
/// is no more than one, because a class is no identity.
fn targets(input: &DiagnoseInput<'_>, alert: &Alert, lesson: &Lesson) -> Option<Vec<ProcRef>> {
    let is_of_class = |target: &ProcRef| {
        let action = Action::ProcessRenice { target: target.clone(), nice: 0 };
        remember::target_class(&action, input.snapshot) == lesson.target_class
    };
    let may = |target: &ProcRef| treat::touchable(input, target).is_ok();
    let named = alert.subject.processes();
    if !named.is_empty() {
        let found: Vec<ProcRef> =
            named.iter().filter(|p| is_of_class(p) && may(p)).cloned().collect();
        return (!found.is_empty()).then_some(found);
    }
    let all = input.snapshot.processes.iter().filter(|p| !p.is_zombie()).map(|p| p.proc_ref());
    let mut found = all.filter(|p| is_of_class(p));
    let one = found.next()?;
    (found.next().is_none() && may(&one)).then(|| vec![one])
}

fn aims_at(input: &DiagnoseInput<'_>, step: &PlanStep, lesson: &Lesson) -> bool {
    remember::target_class(&step.action, input.snapshot) == lesson.target_class
}
