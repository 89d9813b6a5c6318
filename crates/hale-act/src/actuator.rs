//! The one door: every action goes through here to its executor.

use std::sync::Arc;

use hale_model::ProcRef;
use hale_model::action::{Action, Outcome, PreState, Undo};
use hale_model::alert::Severity;
use hale_model::{ActionId, Timestamp};
use serde_json::{Value, json};

use crate::container::{self, Job as ContainerJob};
use crate::error::ActError;
use crate::k8s::{self, Job as WorkloadJob};
use crate::kill::Kill;
use crate::notify::{Notification, NotificationKind, NotifyHandle};
use crate::proc::Procs;
use crate::roots::ActRoots;
use crate::service::{self, ServiceJob};
use crate::{command_run, disk_clean, drop_caches, kill, pause, renice};

/// What looking at the world says about an action whose outcome was never written.
#[derive(Clone, Debug, PartialEq)]
pub enum Reconciled {
    /// It was done, in full (`outcome.done`) or in part, and this is its outcome.
    Done(Outcome),
    /// The world is as it was before, and why hale thinks so.
    NotDone(String),
    /// It cannot be told, and why.
    Unknown(String),
}

/// Carries out actions on this machine. Cheap to clone.
#[derive(Clone)]
pub struct Actuator {
    inner: Arc<Inner>,
}

struct Inner {
    roots: ActRoots,
    procs: Procs,
    notify: Option<NotifyHandle>,
}

impl Actuator {
    /// An actuator for these places. Touches nothing yet.
    pub fn new(roots: ActRoots) -> Self {
        let procs = Procs::new(&roots.proc);
        Actuator { inner: Arc::new(Inner { roots, procs, notify: None }) }
    }

    /// The same, with somewhere to send `notify` actions; without it they are unsupported.
    #[must_use]
    pub fn with_notifications(self, handle: NotifyHandle) -> Self {
        let roots = self.inner.roots.clone();
        let procs = self.inner.procs.clone();
        Actuator { inner: Arc::new(Inner { roots, procs, notify: Some(handle) }) }
    }

    /// Reads the target and checks that the action can be tried. Changes nothing.
    ///
    /// # Errors
    /// The target is gone or changed, may not be touched, or this machine cannot do such a thing.
    pub async fn pre_state(&self, action: &Action) -> Result<PreState, ActError> {
        let facts = self.facts(action).await?;
        Ok(PreState { read_at: Timestamp::now(), facts })
    }

    async fn facts(&self, action: &Action) -> Result<Value, ActError> {
        let Inner { roots, procs, .. } = &*self.inner;
        match Work::of(action) {
            Work::Kill(kill) => kill::pre_state(procs, &kill),
            Work::Pause(target) => pause::pre_state(procs, target),
            Work::Renice(target, nice) => renice::pre_state(procs, target, nice),
            Work::Service(target) => match roots.declared(target.unit) {
                Some(declared) => service::declared::pre_state(procs, declared, &target),
                None => service::pre_state(&roots.system_bus, &target).await,
            },
            Work::Container(target) => container::pre_state(&roots.engine, &target).await,
            Work::Workload(target) => k8s::pre_state(&roots.kubernetes, &target).await,
            Work::DropCaches => drop_caches::pre_state(roots),
            Work::Command(command) => command_run::pre_state(&command),
            Work::Clean(order) => {
                let roots = roots.clone();
                blocking("look at the mount", move || disk_clean::pre_state(&roots, &order)).await
            }
            Work::Notify { .. } => self.notifier().map(|_| json!({})),
        }
    }

    /// Does it. The identity of the target is compared once more at the last moment.
    ///
    /// # Errors
    /// Nothing was changed, and why. What was changed in part is an outcome that is not `done`.
    pub async fn apply(
        &self,
        id: &ActionId,
        action: &Action,
        pre: &PreState,
    ) -> Result<Outcome, ActError> {
        let Inner { roots, procs, .. } = &*self.inner;
        tracing::debug!(action = %id, kind = %action.kind(), "apply");
        match Work::of(action) {
            Work::Kill(kill) => kill::apply(procs, &kill).await,
            Work::Pause(target) => pause::apply(procs, target).await,
            Work::Renice(target, nice) => renice::apply(procs, target, nice),
            Work::Service(target) => match roots.declared(target.unit) {
                Some(declared) => service::declared::apply(procs, declared, &target, pre).await,
                None => service::apply(&roots.system_bus, &target, pre).await,
            },
            Work::Container(target) => container::apply(&roots.engine, &target, pre).await,
            Work::Workload(target) => k8s::apply(&roots.kubernetes, &target, pre).await,
            Work::DropCaches => {
                let roots = roots.clone();
                blocking("drop caches", move || drop_caches::apply(&roots)).await
            }
            Work::Command(command) => command_run::apply(&command).await,
            Work::Clean(order) => {
                let (roots, id, pre) = (roots.clone(), id.clone(), pre.clone());
                blocking("clean the disk", move || disk_clean::apply(&roots, &id, &order, &pre))
                    .await
            }
            Work::Notify { message, severity } => self.notify(id, message, severity),
        }
    }

    fn notify(
        &self,
        id: &ActionId,
        message: &str,
        severity: Severity,
    ) -> Result<Outcome, ActError> {
        let notifier = self.notifier()?;
        notifier.send(Notification {
            key: format!("action:{id}"),
            ..notifier.message(NotificationKind::Escalation, severity, message)
        });
        Ok(Outcome {
            done: true,
            exit: Some(0),
            detail: format!("handed to: {}", notifier.channels().join(", ")),
            undo: Undo::None { why: "what was said cannot be unsaid".to_owned() },
        })
    }

    fn notifier(&self) -> Result<&NotifyHandle, ActError> {
        self.inner.notify.as_ref().ok_or_else(|| ActError::Unsupported {
            operation: "notify".to_owned(),
            why: "no agent is running that could deliver it".to_owned(),
            next: "start it with `hale up`".to_owned(),
        })
    }

    /// Puts back what an action changed. Repeating it is harmless.
    ///
    /// # Errors
    /// It could not be put back, or not all of it; trying again may go on where it stopped.
    pub async fn undo(&self, id: &ActionId, undo: &Undo) -> Result<String, ActError> {
        let Inner { roots, procs, .. } = &*self.inner;
        tracing::debug!(action = %id, "undo");
        match undo {
            Undo::None { why } => Ok(format!("nothing to undo: {why}")),
            Undo::Continue { target } => pause::undo(procs, target).await,
            Undo::Renice { target, nice, set } => renice::undo(procs, target, *nice, *set),
            Undo::StartUnit { unit } => {
                service::undo(&roots.system_bus, ServiceJob::Start, unit).await
            }
            Undo::StopUnit { unit } => {
                service::undo(&roots.system_bus, ServiceJob::Stop, unit).await
            }
            Undo::StartContainer { container } => {
                container::undo(&roots.engine, container, ContainerJob::Start, None).await
            }
            Undo::StopContainer { container } => {
                container::undo(&roots.engine, container, ContainerJob::Stop, None).await
            }
            Undo::ContainerMemory { container, limit_bytes, set_bytes } => {
                let job = ContainerJob::SetMemory(*limit_bytes);
                container::undo(&roots.engine, container, job, *set_bytes).await
            }
            Undo::WorkloadTemplate { workload, template } => {
                k8s::undo_template(&roots.kubernetes, workload, template).await
            }
            Undo::WorkloadReplicas { workload, replicas } => {
                k8s::undo_replicas(&roots.kubernetes, workload, *replicas).await
            }
            Undo::RestoreFiles { quarantine } => {
                let (roots, quarantine) = (roots.clone(), quarantine.clone());
                blocking("restore files", move || disk_clean::undo(&roots, &quarantine)).await
            }
        }
    }

    /// Says what became of an action whose intent is on disk but whose outcome is not. Only looks.
    pub async fn reconcile(
        &self,
        id: &ActionId,
        action: &Action,
        pre: Option<&PreState>,
    ) -> Reconciled {
        let Inner { roots, procs, .. } = &*self.inner;
        match Work::of(action) {
            Work::Kill(kill) => kill::reconcile(procs, &kill),
            Work::Pause(target) => pause::reconcile(procs, target, pre),
            Work::Renice(target, nice) => renice::reconcile(procs, target, nice, pre),
            Work::Service(target) => match roots.declared(target.unit) {
                Some(declared) => service::declared::reconcile(procs, declared, &target, pre),
                None => service::reconcile(&roots.system_bus, &target, pre).await,
            },
            Work::Container(target) => container::reconcile(&roots.engine, &target, pre).await,
            Work::Workload(target) => k8s::reconcile(&roots.kubernetes, &target).await,
            Work::DropCaches => drop_caches::reconcile(),
            Work::Command(_) => command_run::reconcile(),
            Work::Clean(order) => {
                let (roots, id) = (roots.clone(), id.clone());
                let look = move || Ok(disk_clean::reconcile(&roots, &id, &order));
                blocking("look at the quarantine", look)
                    .await
                    .unwrap_or_else(|error| Reconciled::Unknown(error.to_string()))
            }
            Work::Notify { .. } => {
                Reconciled::Unknown("whether the message was delivered leaves no trace".to_owned())
            }
        }
    }
}

/// An action as its executor takes it.
enum Work<'a> {
    Kill(Kill<'a>),
    Pause(&'a ProcRef),
    Renice(&'a ProcRef, i32),
    Service(service::Target<'a>),
    Container(container::Target<'a>),
    Workload(k8s::Target<'a>),
    DropCaches,
    Clean(disk_clean::Order),
    Command(command_run::Command<'a>),
    Notify { message: &'a str, severity: Severity },
}

impl<'a> Work<'a> {
    fn of(action: &'a Action) -> Self {
        let service = |job, unit: &'a str, invocation_id: &'a Option<String>| {
            Work::Service(service::Target { job, unit, invocation_id: invocation_id.as_deref() })
        };
        match action {
            Action::ProcessKill { targets, grace_secs, force, group } => {
                Work::Kill(Kill { targets, grace_secs: *grace_secs, force: *force, group: *group })
            }
            Action::ProcessPause { target } => Work::Pause(target),
            Action::ProcessRenice { target, nice } => Work::Renice(target, *nice),
            Action::ServiceRestart { unit, invocation_id } => {
                service(ServiceJob::Restart, unit, invocation_id)
            }
            Action::ServiceStart { unit } => service(ServiceJob::Start, unit, &None),
            Action::ServiceStop { unit, invocation_id } => {
                service(ServiceJob::Stop, unit, invocation_id)
            }
            Action::MemoryDropCaches => Work::DropCaches,
            Action::DiskClean { mount_point, means, target_free_percent } => {
                Work::Clean(disk_clean::Order {
                    mount_point: mount_point.clone(),
                    means: means.clone(),
                    target_free_percent: *target_free_percent,
                })
            }
            Action::CommandRun { command, working_dir, timeout_secs } => {
                Work::Command(command_run::Command {
                    command,
                    working_dir: working_dir.as_deref(),
                    timeout_secs: *timeout_secs,
                })
            }
            Action::Notify { message, severity } => Work::Notify { message, severity: *severity },
            Action::ContainerRestart { container } => {
                Work::Container(container::Target { job: ContainerJob::Restart, container })
            }
            Action::ContainerStart { container } => {
                Work::Container(container::Target { job: ContainerJob::Start, container })
            }
            Action::ContainerStop { container } => {
                Work::Container(container::Target { job: ContainerJob::Stop, container })
            }
            Action::ContainerSetMemory { container, limit_bytes } => {
                let job = ContainerJob::SetMemory(*limit_bytes);
                Work::Container(container::Target { job, container })
            }
            Action::K8sRolloutRestart { workload } => {
                Work::Workload(k8s::Target { job: WorkloadJob::RolloutRestart, workload })
            }
            Action::K8sRollback { workload } => {
                Work::Workload(k8s::Target { job: WorkloadJob::Rollback, workload })
            }
            Action::K8sScale { workload, replicas } => {
                Work::Workload(k8s::Target { job: WorkloadJob::Scale(*replicas), workload })
            }
        }
    }
}

/// File work that may block goes to a thread that may.
async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, ActError> + Send + 'static,
) -> Result<T, ActError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ActError::failed(operation, "this machine", error.to_string())),
    }
}
