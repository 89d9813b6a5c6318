//! What may be done, and how it is told whether it helped; in [`record`] what the guard says to it and
//! what became of it.

mod record;

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::{AlertKind, Severity, Subject};
use crate::container::ContainerRef;
use crate::ids::{AlertId, IncidentId, MachineId, PlanId, ProcRef};
use crate::playbook::PlaybookUse;
use crate::workload::WorkloadRef;

pub use record::{
    ActionRecord, ActionState, Actor, Approval, ApprovalState, Decision, Outcome, PreState, Reason,
    Undo, Verdict, Verification,
};

/// How dangerous an action is; derived from the registry, never from what a model claims.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Changes nothing that matters.
    Info,
    /// Changes something that can be put right.
    Warning,
    /// May lose work or service: a person types YES.
    Critical,
    /// Not done for anyone.
    Deny,
}

impl Risk {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Risk::Info => "info",
            Risk::Warning => "warning",
            Risk::Critical => "critical",
            Risk::Deny => "deny",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A way to free disk space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "means", rename_all = "snake_case")]
pub enum CleanMeans {
    /// Let journald drop archived entries until this much is left. Cannot be undone.
    JournalVacuum {
        /// What may remain.
        keep_bytes: u64,
    },
    /// Remove downloaded package files (they can be fetched again).
    PackageCache,
    /// Move old regular files under these directories to the quarantine, whence undo restores them.
    OldFiles {
        /// Absolute directories.
        directories: Vec<String>,
        /// Only files not modified for this long.
        older_than_secs: u64,
    },
    /// The same for directories that have a bound of their own (a spool, a quota of the program that fills
    /// them): room in them is what counts, not space on the file system, so the quarantine may lie on the same one.
    MakeRoom {
        /// Absolute directories.
        directories: Vec<String>,
        /// Only files not modified for this long.
        older_than_secs: u64,
    },
}

/// Something hale can do to a machine. Every mode decides about every one of these without `_`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Action {
    /// TERM, a grace period, then KILL, each through a pidfd.
    #[serde(rename = "process.kill")]
    ProcessKill {
        /// Exactly these.
        targets: Vec<ProcRef>,
        /// Seconds between TERM and KILL.
        grace_secs: u32,
        /// KILL at once.
        force: bool,
        /// Also the other members of each target's process group, one by one, as they are at that moment.
        group: bool,
    },
    /// STOP; undone by CONT.
    #[serde(rename = "process.pause")]
    ProcessPause {
        /// Which.
        target: ProcRef,
    },
    /// Change the nice value; undone by setting the old one.
    #[serde(rename = "process.renice")]
    ProcessRenice {
        /// Which.
        target: ProcRef,
        /// New value, -20 to 19.
        nice: i32,
    },
    /// Restart a systemd unit.
    #[serde(rename = "service.restart")]
    ServiceRestart {
        /// `nginx.service`
        unit: String,
        /// The run that was judged; if the unit has another by now, the plan is stale.
        invocation_id: Option<String>,
    },
    /// Start a systemd unit; undone by stopping it.
    #[serde(rename = "service.start")]
    ServiceStart {
        /// Which.
        unit: String,
    },
    /// Stop a systemd unit; undone by starting it.
    #[serde(rename = "service.stop")]
    ServiceStop {
        /// Which.
        unit: String,
        /// The run that was judged.
        invocation_id: Option<String>,
    },
    /// Have the kernel drop clean caches.
    #[serde(rename = "memory.drop_caches")]
    MemoryDropCaches,
    /// Free disk space.
    #[serde(rename = "disk.clean")]
    DiskClean {
        /// The file system that is short.
        mount_point: String,
        /// How, in this order, until it is enough.
        means: Vec<CleanMeans>,
        /// Enough free space, in percent; 100: everything that may go, goes (where inodes are short).
        target_free_percent: f64,
    },
    /// Run a shell command as hale's own user. Judged by what the command does.
    #[serde(rename = "command.run")]
    CommandRun {
        /// In bash's grammar, as a person would type it.
        command: String,
        /// Absolute; none: hale's own.
        working_dir: Option<String>,
        /// Ended after so long.
        timeout_secs: u32,
    },
    /// Tell a person.
    #[serde(rename = "notify")]
    Notify {
        /// What.
        message: String,
        /// How bad.
        severity: Severity,
    },
    /// Restart a container: stopped with its own grace period, started again.
    #[serde(rename = "container.restart")]
    ContainerRestart {
        /// Which, and which of its runs was judged.
        container: ContainerRef,
    },
    /// Start a container; undone by stopping it.
    #[serde(rename = "container.start")]
    ContainerStart {
        /// Which, and after which of its runs.
        container: ContainerRef,
    },
    /// Stop a container; undone by starting it.
    #[serde(rename = "container.stop")]
    ContainerStop {
        /// Which, and which of its runs was judged.
        container: ContainerRef,
    },
    /// Change the limit of a container's memory while it runs; undone by setting the old one.
    #[serde(rename = "container.set_memory")]
    ContainerSetMemory {
        /// Which, and which of its runs was judged.
        container: ContainerRef,
        /// The new limit.
        limit_bytes: u64,
    },
    /// Restart a workload's pods a few at a time; undone by its old template.
    #[serde(rename = "k8s.rollout_restart")]
    K8sRolloutRestart {
        /// Which, and which state of its specification was judged.
        workload: WorkloadRef,
    },
    /// Give a Deployment the template of its previous ReplicaSet; undone by the one it has now.
    #[serde(rename = "k8s.rollback")]
    K8sRollback {
        /// Which, and which state of its specification was judged.
        workload: WorkloadRef,
    },
    /// Change the number of a workload's pods; undone by the old number.
    #[serde(rename = "k8s.scale")]
    K8sScale {
        /// Which, and which state of its specification was judged.
        workload: WorkloadRef,
        /// Wanted.
        replicas: u32,
    },
}

macro_rules! action_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The kind of an action, by the name that users and scripts see.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
        )]
        pub enum ActionKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl ActionKind {
            /// Every kind.
            pub const ALL: &'static [ActionKind] = &[$(ActionKind::$variant,)*];

            /// The name in config, JSON, SQL and on screens.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ActionKind::$variant => $name,)*
                }
            }

            /// The kind with this name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
            }
        }
    };
}

action_kinds! {
    /// See [`Action::ProcessKill`].
    ProcessKill = "process.kill",
    /// See [`Action::ProcessPause`].
    ProcessPause = "process.pause",
    /// See [`Action::ProcessRenice`].
    ProcessRenice = "process.renice",
    /// See [`Action::ServiceRestart`].
    ServiceRestart = "service.restart",
    /// See [`Action::ServiceStart`].
    ServiceStart = "service.start",
    /// See [`Action::ServiceStop`].
    ServiceStop = "service.stop",
    /// See [`Action::MemoryDropCaches`].
    MemoryDropCaches = "memory.drop_caches",
    /// See [`Action::DiskClean`].
    DiskClean = "disk.clean",
    /// See [`Action::CommandRun`].
    CommandRun = "command.run",
    /// See [`Action::Notify`].
    Notify = "notify",
    /// See [`Action::ContainerRestart`].
    ContainerRestart = "container.restart",
    /// See [`Action::ContainerStart`].
    ContainerStart = "container.start",
    /// See [`Action::ContainerStop`].
    ContainerStop = "container.stop",
    /// See [`Action::ContainerSetMemory`].
    ContainerSetMemory = "container.set_memory",
    /// See [`Action::K8sRolloutRestart`].
    K8sRolloutRestart = "k8s.rollout_restart",
    /// See [`Action::K8sRollback`].
    K8sRollback = "k8s.rollback",
    /// See [`Action::K8sScale`].
    K8sScale = "k8s.scale",
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Action {
    /// Its kind.
    pub fn kind(&self) -> ActionKind {
        match self {
            Action::ProcessKill { .. } => ActionKind::ProcessKill,
            Action::ProcessPause { .. } => ActionKind::ProcessPause,
            Action::ProcessRenice { .. } => ActionKind::ProcessRenice,
            Action::ServiceRestart { .. } => ActionKind::ServiceRestart,
            Action::ServiceStart { .. } => ActionKind::ServiceStart,
            Action::ServiceStop { .. } => ActionKind::ServiceStop,
            Action::MemoryDropCaches => ActionKind::MemoryDropCaches,
            Action::DiskClean { .. } => ActionKind::DiskClean,
            Action::CommandRun { .. } => ActionKind::CommandRun,
            Action::Notify { .. } => ActionKind::Notify,
            Action::ContainerRestart { .. } => ActionKind::ContainerRestart,
            Action::ContainerStart { .. } => ActionKind::ContainerStart,
            Action::ContainerStop { .. } => ActionKind::ContainerStop,
            Action::ContainerSetMemory { .. } => ActionKind::ContainerSetMemory,
            Action::K8sRolloutRestart { .. } => ActionKind::K8sRolloutRestart,
            Action::K8sRollback { .. } => ActionKind::K8sRollback,
            Action::K8sScale { .. } => ActionKind::K8sScale,
        }
    }

    /// What it is aimed at, for people.
    pub fn target(&self) -> String {
        match self {
            Action::ProcessKill { targets, .. } => match targets.as_slice() {
                [one] => one.to_string(),
                many => {
                    let pids: Vec<_> = many.iter().map(|t| t.pid.to_string()).collect();
                    let name = many.first().map_or("", |t| t.name.as_str());
                    format!("{} × {name}: {}", many.len(), pids.join(" "))
                }
            },
            Action::ProcessPause { target } | Action::ProcessRenice { target, .. } => {
                target.to_string()
            }
            Action::ServiceRestart { unit, .. }
            | Action::ServiceStart { unit }
            | Action::ServiceStop { unit, .. } => unit.clone(),
            Action::MemoryDropCaches => "machine".to_owned(),
            Action::DiskClean { mount_point, .. } => mount_point.clone(),
            Action::CommandRun { command, .. } => command.clone(),
            Action::Notify { .. } => "person".to_owned(),
            Action::ContainerRestart { container }
            | Action::ContainerStart { container }
            | Action::ContainerStop { container }
            | Action::ContainerSetMemory { container, .. } => container.name.clone(),
            Action::K8sRolloutRestart { workload } | Action::K8sRollback { workload } => {
                workload.to_string()
            }
            Action::K8sScale { workload, replicas } => format!("{workload} to {replicas}"),
        }
    }

    /// What two actions may not both be doing something to at the same time.
    pub fn target_keys(&self) -> Vec<String> {
        match self {
            Action::ProcessKill { targets, .. } => {
                targets.iter().map(|t| format!("process:{}", t.key())).collect()
            }
            Action::ProcessPause { target } | Action::ProcessRenice { target, .. } => {
                vec![format!("process:{}", target.key())]
            }
            Action::ServiceRestart { unit, .. }
            | Action::ServiceStart { unit }
            | Action::ServiceStop { unit, .. } => vec![format!("unit:{unit}")],
            Action::MemoryDropCaches => vec!["machine:memory".to_owned()],
            Action::DiskClean { mount_point, .. } => vec![format!("mount:{mount_point}")],
            Action::CommandRun { command, .. } => vec![format!("command:{command}")],
            Action::Notify { .. } => Vec::new(),
            Action::ContainerRestart { container }
            | Action::ContainerStart { container }
            | Action::ContainerStop { container }
            | Action::ContainerSetMemory { container, .. } => {
                vec![format!("container:{}", container.id)]
            }
            Action::K8sRolloutRestart { workload }
            | Action::K8sRollback { workload }
            | Action::K8sScale { workload, .. } => vec![format!("workload:{}", workload.key())],
        }
    }

    /// The container it is aimed at.
    pub fn container(&self) -> Option<&ContainerRef> {
        match self {
            Action::ContainerRestart { container }
            | Action::ContainerStart { container }
            | Action::ContainerStop { container }
            | Action::ContainerSetMemory { container, .. } => Some(container),
            Action::ProcessKill { .. }
            | Action::ProcessPause { .. }
            | Action::ProcessRenice { .. }
            | Action::ServiceRestart { .. }
            | Action::ServiceStart { .. }
            | Action::ServiceStop { .. }
            | Action::MemoryDropCaches
            | Action::DiskClean { .. }
            | Action::CommandRun { .. }
            | Action::Notify { .. }
            | Action::K8sRolloutRestart { .. }
            | Action::K8sRollback { .. }
            | Action::K8sScale { .. } => None,
        }
    }

    /// The processes it would signal.
    pub fn processes(&self) -> &[ProcRef] {
        match self {
            Action::ProcessKill { targets, .. } => targets,
            Action::ProcessPause { target } | Action::ProcessRenice { target, .. } => {
                std::slice::from_ref(target)
            }
            Action::ServiceRestart { .. }
            | Action::ServiceStart { .. }
            | Action::ServiceStop { .. }
            | Action::MemoryDropCaches
            | Action::DiskClean { .. }
            | Action::CommandRun { .. }
            | Action::Notify { .. }
            | Action::ContainerRestart { .. }
            | Action::ContainerStart { .. }
            | Action::ContainerStop { .. }
            | Action::ContainerSetMemory { .. }
            | Action::K8sRolloutRestart { .. }
            | Action::K8sRollback { .. }
            | Action::K8sScale { .. } => &[],
        }
    }
}

/// A step of a plan, with the reason for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanStep {
    /// What.
    pub action: Action,
    /// Why this helps.
    pub why: String,
    /// What a person would type to do the same.
    pub command: String,
    /// What must be seen afterwards.
    pub expectation: Expectation,
}

/// What to do about an incident: an immutable value. Leaves no choices to whoever carries it out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// For which incident.
    pub incident_id: IncidentId,
    /// The alert it treats.
    pub alert_id: AlertId,
    /// That alert's kind: with the action's kind it is the pair that autonomy is granted on.
    pub alert_kind: AlertKind,
    /// Where.
    pub machine_id: MachineId,
    /// When it was made.
    pub created_at: Timestamp,
    /// In this order; the first that fails ends the plan.
    pub steps: Vec<PlanStep>,
    /// Whose plan it is.
    #[serde(default = "by_hale")]
    pub made_by: Actor,
    /// Which rung of which playbook it is.
    #[serde(default)]
    pub playbook: Option<PlaybookUse>,
}

fn by_hale() -> Actor {
    Actor::Hale
}

/// What must be observed after an action for it to count as a cure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// All of these.
    pub conditions: Vec<Condition>,
    /// How long they must hold without a break.
    pub hold_secs: u64,
    /// Give up if they do not hold this long after the action ended.
    pub within_secs: u64,
}

/// Something that can be seen in a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Condition {
    /// None of these lives (zombies do not live).
    ProcessesGone {
        /// Which.
        targets: Vec<ProcRef>,
    },
    /// This one is in the kernel's stopped state.
    ProcessStopped {
        /// Which.
        target: ProcRef,
    },
    /// This one has this nice value.
    ProcessNice {
        /// Which.
        target: ProcRef,
        /// Wanted.
        nice: i32,
    },
    /// The unit is active.
    UnitActive {
        /// Which.
        unit: String,
    },
    /// The unit is not active.
    UnitInactive {
        /// Which.
        unit: String,
    },
    /// The unit did not restart by itself any more than this since the action.
    UnitSteady {
        /// Which.
        unit: String,
        /// Restarts counted when the action ended.
        restarts: u32,
    },
    /// The mount has at least this much free.
    MountFree {
        /// Where.
        mount_point: String,
        /// In percent.
        free_percent: f64,
    },
    /// No finding of this kind about this subject any more.
    FindingGone {
        /// Which kind.
        alert_kind: AlertKind,
        /// About what.
        subject: Subject,
    },
    /// The container runs.
    ContainerRunning {
        /// Which; its `started_at` is the run that must be over, where there is one.
        container: ContainerRef,
    },
    /// The container does not run.
    ContainerStopped {
        /// Which.
        container: ContainerRef,
    },
    /// The container's own health check passes; one without a check is well when it runs.
    ContainerHealthy {
        /// Which.
        container: ContainerRef,
    },
    /// The container's run is the one first seen after the action.
    ContainerSteady {
        /// Which.
        container: ContainerRef,
    },
    /// The container's memory has this limit.
    ContainerMemoryLimit {
        /// Which.
        container: ContainerRef,
        /// Wanted.
        limit_bytes: u64,
    },
    /// An HTTP GET answers with a status of 200 to 299.
    HttpOk {
        /// Of this machine, or of a container on it.
        url: String,
    },
    /// A TCP connection can be made.
    TcpOpen {
        /// Of this machine, or of a container on it.
        address: String,
    },
    /// A specification newer than the one that was judged is rolled out: every wanted pod is there, of the
    /// newest template, and available.
    RolloutComplete {
        /// Which; its generation is the one that was judged.
        workload: WorkloadRef,
    },
    /// The workload wants so many pods, and all of them are available.
    WorkloadReplicas {
        /// Which.
        workload: WorkloadRef,
        /// Wanted.
        replicas: u32,
    },
    /// Nobody reports this any more: for what hale itself does not observe.
    ReportsOver {
        /// Which kind.
        alert_kind: AlertKind,
        /// About what.
        subject: Subject,
    },
}
