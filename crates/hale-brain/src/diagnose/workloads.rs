//! Steps on Kubernetes workloads: aimed at what is observed, within what the configuration allows.

use hale_model::action::{Action, ActionKind, Condition, Expectation, PlanStep};
use hale_model::alert::{Alert, Subject};
use hale_model::playbook::Step;
use hale_model::snapshot::Snapshot;
use hale_model::workload::{Workload, WorkloadKind};

use super::{DiagnoseInput, steps};
use crate::playbook::Target;

/// Pods that are replaced one after another take their time.
const ROLLOUT_HOLD_SECS: u64 = 10;
const ROLLOUT_WITHIN_SECS: u64 = 600;
const SCALE_HOLD_SECS: u64 = 10;
const SCALE_WITHIN_SECS: u64 = 300;

/// The workload that an alert is about: by its name, or as the only one of the service's name.
pub(crate) fn named<'a>(snapshot: &'a Snapshot, subject: &Subject) -> Option<&'a Workload> {
    match subject {
        Subject::Workload { namespace, kind, name } => {
            let kind = WorkloadKind::parse(kind)?;
            snapshot.workloads.iter().find(|w| {
                w.workload.kind == kind
                    && w.workload.namespace == *namespace
                    && w.workload.name == *name
            })
        }
        Subject::Service { service } => {
            let mut all = snapshot.workloads.iter().filter(|w| w.workload.name == *service);
            let first = all.next()?;
            all.next().is_none().then_some(first)
        }
        Subject::Machine
        | Subject::Process { .. }
        | Subject::ProcessGroup { .. }
        | Subject::Unit { .. }
        | Subject::Mount { .. }
        | Subject::Sensor { .. }
        | Subject::Metric { .. }
        | Subject::Journal { .. }
        | Subject::Container { .. }
        | Subject::Source { .. } => None,
    }
}

/// A step of a playbook on a workload; why it cannot be done, in words.
pub(super) fn step(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    step: &Step,
    target: &Target,
    why: String,
) -> Result<PlanStep, String> {
    let subject = match target {
        Target::Workload { namespace, kind, name } => Subject::Workload {
            namespace: namespace.clone(),
            kind: kind.clone(),
            name: name.clone(),
        },
        Target::Subject
        | Target::Owner
        | Target::Culprit
        | Target::Unit(_)
        | Target::Container(_)
        | Target::Mount(_) => alert.subject.clone(),
    };
    let found = named(input.snapshot, &subject);
    let found =
        found.ok_or_else(|| format!("{subject} belongs to no workload that is observed"))?;
    let workload = found.workload.clone();
    let place = format!(
        "-n {} {}/{}",
        workload.namespace,
        workload.kind.as_str().to_lowercase(),
        workload.name
    );
    if step.action == ActionKind::K8sScale {
        return scale(input, alert, step, found, &place, why);
    }
    let rollout = Condition::RolloutComplete { workload: workload.clone() };
    let (action, command) = if step.action == ActionKind::K8sRollback {
        if workload.kind != WorkloadKind::Deployment {
            return Err(format!("{workload} keeps no earlier version that could come back"));
        }
        (Action::K8sRollback { workload }, format!("kubectl rollout undo {place}"))
    } else {
        (Action::K8sRolloutRestart { workload }, format!("kubectl rollout restart {place}"))
    };
    Ok(planned(alert, action, command, why, rollout, ROLLOUT_HOLD_SECS, ROLLOUT_WITHIN_SECS))
}

fn scale(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    step: &Step,
    found: &Workload,
    place: &str,
    why: String,
) -> Result<PlanStep, String> {
    let bounds = &input.config.kubernetes;
    let by = i64::from(step.replicas_by.unwrap_or(0));
    let wanted = step.replicas.map_or(i64::from(found.wanted) + by, i64::from);
    let wanted = u32::try_from(wanted.max(0)).unwrap_or(u32::MAX);
    let replicas = wanted.clamp(bounds.min_replicas, bounds.max_replicas.max(bounds.min_replicas));
    if replicas == found.wanted {
        return Err(format!(
            "{} has {replicas} pods, and [kubernetes] allows {} to {}",
            found.workload, bounds.min_replicas, bounds.max_replicas
        ));
    }
    let workload = found.workload.clone();
    let condition = Condition::WorkloadReplicas { workload: workload.clone(), replicas };
    let command = format!("kubectl scale {place} --replicas={replicas}");
    let action = Action::K8sScale { workload, replicas };
    Ok(planned(alert, action, command, why, condition, SCALE_HOLD_SECS, SCALE_WITHIN_SECS))
}

fn planned(
    alert: &Alert,
    action: Action,
    command: String,
    why: String,
    condition: Condition,
    hold_secs: u64,
    within_secs: u64,
) -> PlanStep {
    let mut conditions = vec![condition];
    conditions.extend(steps::finding_gone(alert));
    PlanStep {
        action,
        why,
        command,
        expectation: Expectation { conditions, hold_secs, within_secs },
    }
}
