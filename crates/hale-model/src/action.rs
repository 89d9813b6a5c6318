//! What may be done, what the guard says to it, and what became of it.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::{AlertKind, Severity, Subject};
use crate::container::ContainerRef;
use crate::ids::{ActionId, AlertId, ApprovalId, IncidentId, MachineId, PlanId, ProcRef};
use crate::playbook::PlaybookUse;
use crate::workload::WorkloadRef;

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
}

/// What the guard decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may be done now, without a person.
    Allow,
    /// A person has to say yes.
    Ask,
    /// It is not done.
    Deny,
}

impl Decision {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        }
    }
}

/// One reason of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Stable id of the rule: `guard.protected_pid`, `guard.mode.observe`, …
    pub rule: String,
    /// In words.
    pub text: String,
}

/// The guard's answer to one action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// What.
    pub decision: Decision,
    /// How dangerous.
    pub risk: Risk,
    /// Whether it can be undone.
    pub reversible: bool,
    /// How many things it touches.
    pub blast_radius: u32,
    /// Why; never empty. The reason that decided comes first.
    pub reasons: Vec<Reason>,
}

/// Where an action is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Proposed.
    Planned,
    /// A person has to say yes.
    AwaitingApproval,
    /// The guard or a person said no, or the world had changed.
    Refused,
    /// On disk, about to be done.
    Intended,
    /// Being done, or done and being verified.
    Running,
    /// Done and verified.
    Succeeded,
    /// Done or tried, and not verified.
    Failed,
    /// Done and put back.
    Undone,
    /// hale cannot know whether it was done.
    Unknown,
}

impl ActionState {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ActionState::Planned => "planned",
            ActionState::AwaitingApproval => "awaiting_approval",
            ActionState::Refused => "refused",
            ActionState::Intended => "intended",
            ActionState::Running => "running",
            ActionState::Succeeded => "succeeded",
            ActionState::Failed => "failed",
            ActionState::Undone => "undone",
            ActionState::Unknown => "unknown",
        }
    }

    /// Whether nothing more will happen to it.
    pub fn is_final(self) -> bool {
        match self {
            ActionState::Planned
            | ActionState::AwaitingApproval
            | ActionState::Intended
            | ActionState::Running => false,
            ActionState::Refused
            | ActionState::Succeeded
            | ActionState::Failed
            | ActionState::Undone
            | ActionState::Unknown => true,
        }
    }
}

/// How an action can be put back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum Undo {
    /// It cannot.
    None {
        /// Why not.
        why: String,
    },
    /// CONT.
    Continue {
        /// Whom.
        target: ProcRef,
    },
    /// Set the old nice value.
    Renice {
        /// Whose.
        target: ProcRef,
        /// The old value.
        nice: i32,
    },
    /// Start the unit again.
    StartUnit {
        /// Which.
        unit: String,
    },
    /// Stop the unit again.
    StopUnit {
        /// Which.
        unit: String,
    },
    /// Move quarantined files back.
    RestoreFiles {
        /// Directory of the quarantine under the data directory; its `manifest.jsonl` says what lay where.
        quarantine: String,
    },
    /// Start the container again.
    StartContainer {
        /// Which.
        container: ContainerRef,
    },
    /// Stop the container again.
    StopContainer {
        /// Which; only the run that the action began.
        container: ContainerRef,
    },
    /// Set the old limit of the container's memory.
    ContainerMemory {
        /// Which.
        container: ContainerRef,
        /// The old limit.
        limit_bytes: u64,
    },
    /// Give the workload its old template again.
    WorkloadTemplate {
        /// Which; its generation is the one that the action made.
        workload: WorkloadRef,
        /// The old template of its pods, whole.
        template: serde_json::Value,
    },
    /// Give the workload its old number of pods again.
    WorkloadReplicas {
        /// Which; its generation is the one that the action made.
        workload: WorkloadRef,
        /// The old number.
        replicas: u32,
    },
}

/// What was true of the target just before the action, read by the executor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreState {
    /// When.
    pub read_at: Timestamp,
    /// The facts that identify the target's state; an approval binds to these. Sorted keys, no clock, no counters.
    pub facts: serde_json::Value,
}

/// What an executor reports when it is done. Not a proof: proof is what is observed afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Whether the executor did what it was told.
    pub done: bool,
    /// Exit code or errno of the thing that was called, where there is one.
    pub exit: Option<i32>,
    /// What it did, in words, with figures.
    pub detail: String,
    /// How to put it back.
    pub undo: Undo,
}

/// What verification saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Whether all conditions held for the whole hold time.
    pub verified: bool,
    /// When that was decided.
    pub decided_at: Timestamp,
    /// One line a condition: what was seen.
    pub observations: Vec<String>,
}

/// Who wants something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "actor", rename_all = "snake_case")]
pub enum Actor {
    /// The loop itself.
    Hale,
    /// A language model, through the loop: a person decides, whatever was granted or earned.
    Model,
    /// A person on this machine.
    User {
        /// User id.
        uid: u32,
    },
    /// A person in a team's chat, known by the chat's signature. May only answer what hale asks.
    Chat {
        /// Which chat: `slack`.
        channel: String,
        /// The chat's id of the person.
        user: String,
    },
    /// Whoever holds an API token.
    Token {
        /// The token's name, as it was created.
        name: String,
    },
    /// Whoever signed a browser in with a link that the agent's own user was given.
    Browser,
}

impl Actor {
    /// Whether a person, or a program in a person's name, decided; not hale or a model.
    pub fn is_person(&self) -> bool {
        match self {
            Actor::Hale | Actor::Model => false,
            Actor::User { .. } | Actor::Chat { .. } | Actor::Token { .. } | Actor::Browser => true,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Hale => f.write_str("hale"),
            Actor::Model => f.write_str("model"),
            Actor::User { uid } => write!(f, "uid:{uid}"),
            Actor::Token { name } => write!(f, "token:{name}"),
            Actor::Browser => f.write_str("browser"),
            Actor::Chat { channel, user } => write!(f, "{channel}:{user}"),
        }
    }
}

/// An action from proposal to end, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// Its id.
    pub id: ActionId,
    /// Its plan, unless a person asked for it directly.
    pub plan_id: Option<PlanId>,
    /// Its incident, if any.
    pub incident_id: Option<IncidentId>,
    /// The alert it treats, if any.
    pub alert_id: Option<AlertId>,
    /// That alert's kind.
    pub alert_kind: Option<AlertKind>,
    /// Where.
    pub machine_id: MachineId,
    /// Who wants it.
    pub requested_by: Actor,
    /// What, why and what must be seen afterwards.
    pub step: PlanStep,
    /// What the guard said, last time it was asked.
    pub verdict: Verdict,
    /// Where in its life.
    pub state: ActionState,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// When its intent was written; from then on it may have touched the world.
    pub intended_at: Option<Timestamp>,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
    /// The boot during which it was intended: after a reboot nothing of a process is left.
    pub boot_id: String,
    /// The target just before.
    pub pre_state: Option<PreState>,
    /// What the executor reported.
    pub outcome: Option<Outcome>,
    /// What was seen afterwards.
    pub verification: Option<Verification>,
    /// In words: why it was refused, failed, or is unknown.
    pub note: Option<String>,
}

/// Where an approval is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Waits for a person.
    Pending,
    /// Said yes; not yet used.
    Approved,
    /// Used: it cannot be used again.
    Used,
    /// Said no.
    Rejected,
    /// Too late.
    Expired,
    /// The target changed, or the trouble was over.
    Voided,
}

impl ApprovalState {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ApprovalState::Pending => "pending",
            ApprovalState::Approved => "approved",
            ApprovalState::Used => "used",
            ApprovalState::Rejected => "rejected",
            ApprovalState::Expired => "expired",
            ApprovalState::Voided => "voided",
        }
    }
}

/// A question to a person: may this very action be done to this very state?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Which action.
    pub action_id: ActionId,
    /// Hash over action and pre-state facts: what is done must hash to the same.
    pub binding: String,
    /// Where in its life.
    pub state: ApprovalState,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// When it was answered.
    pub decided_at: Option<Timestamp>,
    /// Who answered.
    pub decided_by: Option<String>,
    /// Their words.
    pub why: Option<String>,
}

impl Approval {
    /// The binding of an action and the state it was judged on.
    pub fn binding_of(action: &Action, pre_state: &PreState) -> String {
        let action = serde_json::to_string(action).unwrap_or_default();
        crate::ids::hex_digest(&[&action, &pre_state.facts.to_string()], 32)
    }
}
