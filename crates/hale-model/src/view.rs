//! The shapes that robots and screens receive. Hand-converted from the nouns, so that a noun may
//! change without breaking a promise.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::{ActionRecord, Approval, Verdict};
use crate::alert::{Alert, Evidence, Severity, Subject};
use crate::health::{Health, HealthFactor, Prediction};
use crate::ids::MachineId;
use crate::incident::{Diagnosis, Incident, TimelineEntry};
use crate::sample::{GpuStat, Pressure, SourceStatus, Temperature, UnitStat};
use crate::snapshot::{Device, Interface, Mount, System};

/// What every `hale robot …` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope<T> {
    /// `hale.robot.<command>.v1`
    pub schema_version: String,
    /// When it was made.
    pub generated_at: Timestamp,
    /// The answer.
    pub data: T,
    /// Seconds since each source was last read well.
    pub staleness: BTreeMap<String, u64>,
    /// What the reader should know about this answer.
    pub warnings: Vec<String>,
}

impl<T> Envelope<T> {
    /// The answer to `hale robot COMMAND`, made at this moment.
    pub fn new(
        command: &str,
        generated_at: Timestamp,
        data: T,
        staleness: BTreeMap<String, u64>,
    ) -> Self {
        Envelope {
            schema_version: format!("hale.robot.{command}.v1"),
            generated_at,
            data,
            staleness,
            warnings: Vec::new(),
        }
    }
}

/// `robot health`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthView {
    /// The worst machine counts.
    pub overall: OverallHealth,
    /// Each machine.
    pub machines: Vec<MachineHealth>,
}

/// All machines together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverallHealth {
    /// 0 (worst) to 1.
    pub score: f64,
    /// What that means.
    pub severity: Severity,
}

/// One machine's health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineHealth {
    /// The machine.
    pub id: MachineId,
    /// 0 (worst) to 1.
    pub score: f64,
    /// What that means.
    pub severity: Severity,
    /// What weighs most.
    pub top_issue: Option<String>,
    /// Why, worst first.
    pub factors: Vec<HealthFactor>,
}

impl From<&[Health]> for HealthView {
    fn from(all: &[Health]) -> Self {
        // No machine was ever judged: nothing is known to be well.
        let worst = all.iter().min_by(|a, b| a.score.total_cmp(&b.score));
        HealthView {
            overall: OverallHealth {
                score: worst.map_or(0.0, |h| h.score),
                severity: worst.map_or(Severity::Critical, |h| h.severity),
            },
            machines: all
                .iter()
                .map(|h| MachineHealth {
                    id: h.machine_id.clone(),
                    score: h.score,
                    severity: h.severity,
                    top_issue: h.top_issue.clone(),
                    factors: h.factors.clone(),
                })
                .collect(),
        }
    }
}

/// An alert as robots and screens see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertView {
    /// Its id.
    pub id: String,
    /// What makes a later finding the same alert.
    pub fingerprint: String,
    /// Where.
    pub machine_id: MachineId,
    /// What kind.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// `open`, `acknowledged`, `closed`
    pub state: String,
    /// About what, in words.
    pub subject: String,
    /// About what, as data.
    pub target: Subject,
    /// One sentence.
    pub summary: String,
    /// Start.
    pub first_seen_at: Timestamp,
    /// Last time it was still so.
    pub last_seen_at: Timestamp,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// Why it closed.
    pub close_reason: Option<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// Commands that may help.
    pub suggested_actions: Vec<String>,
    /// Its incident.
    pub incident_id: Option<String>,
}

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> Self {
        AlertView {
            id: alert.id.to_string(),
            fingerprint: alert.fingerprint.to_string(),
            machine_id: alert.machine_id.clone(),
            kind: alert.kind.to_string(),
            severity: alert.severity,
            state: alert.state.as_str().to_owned(),
            subject: alert.subject.to_string(),
            target: alert.subject.clone(),
            summary: alert.summary.clone(),
            first_seen_at: alert.first_seen_at,
            last_seen_at: alert.last_seen_at,
            closed_at: alert.closed_at,
            close_reason: alert.close_reason.clone(),
            evidence: alert.evidence.clone(),
            suggested_actions: alert.suggested_actions.clone(),
            incident_id: alert.incident_id.as_ref().map(ToString::to_string),
        }
    }
}

/// `robot alerts`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertsView {
    /// Newest first.
    pub alerts: Vec<AlertView>,
}

/// An action as robots and screens see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionView {
    /// Its id.
    pub id: String,
    /// What kind.
    pub kind: String,
    /// At what, in words.
    pub target: String,
    /// How dangerous.
    pub risk: String,
    /// `allow`, `ask`, `deny`
    pub verdict: String,
    /// The guard's reasons.
    pub reasons: Vec<String>,
    /// Where in its life.
    pub state: String,
    /// Exit code of what was called.
    pub exit: Option<i32>,
    /// How it can be, or was, undone; in words.
    pub undo: Option<String>,
    /// Why this action.
    pub why: String,
    /// What a person would type.
    pub command: String,
    /// What the executor said.
    pub detail: Option<String>,
    /// What was seen afterwards.
    pub observations: Vec<String>,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl From<&ActionRecord> for ActionView {
    fn from(record: &ActionRecord) -> Self {
        ActionView {
            id: record.id.to_string(),
            kind: record.step.action.kind().to_string(),
            target: record.step.action.target(),
            risk: record.verdict.risk.to_string(),
            verdict: record.verdict.decision.as_str().to_owned(),
            reasons: record
                .verdict
                .reasons
                .iter()
                .map(|r| format!("{}: {}", r.rule, r.text))
                .collect(),
            state: record.state.as_str().to_owned(),
            exit: record.outcome.as_ref().and_then(|o| o.exit),
            undo: record.outcome.as_ref().map(|o| o.undo.describe()),
            why: record.step.why.clone(),
            command: record.step.command.clone(),
            detail: record
                .note
                .clone()
                .or_else(|| record.outcome.as_ref().map(|o| o.detail.clone())),
            observations: record
                .verification
                .as_ref()
                .map(|v| v.observations.clone())
                .unwrap_or_default(),
            created_at: record.created_at,
            finished_at: record.finished_at,
        }
    }
}

impl crate::action::Undo {
    /// In words.
    pub fn describe(&self) -> String {
        use crate::action::Undo;
        match self {
            Undo::None { why } => format!("none: {why}"),
            Undo::Continue { target } => format!("continue process {target}"),
            Undo::Renice { target, nice, set: _ } => {
                format!("set nice of process {target} back to {nice}")
            }
            Undo::StartUnit { unit } => format!("start {unit}"),
            Undo::StopUnit { unit } => format!("stop {unit}"),
            Undo::RestoreFiles { quarantine } => format!("restore files from {quarantine}"),
            Undo::WorkloadTemplate { workload, .. } => {
                format!("give {workload} the template that it had")
            }
            Undo::WorkloadReplicas { workload, replicas } => {
                format!("scale {workload} to {replicas}")
            }
            Undo::StartContainer { container } => format!("start container {container}"),
            Undo::StopContainer { container } => format!("stop container {container}"),
            Undo::ContainerMemory { container, limit_bytes, set_bytes: _ } => format!(
                "set the memory limit of container {container} to {}",
                crate::text::bytes(*limit_bytes)
            ),
        }
    }
}

/// An incident with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentView {
    /// Its id.
    pub id: String,
    /// Ids that others gave it.
    pub external_ids: Vec<String>,
    /// One line.
    pub title: String,
    /// Where in its life.
    pub state: String,
    /// How bad.
    pub severity: Severity,
    /// Where.
    pub machine_id: MachineId,
    /// Start.
    pub opened_at: Timestamp,
    /// End.
    pub closed_at: Option<Timestamp>,
    /// Ids of its alerts.
    pub alerts: Vec<String>,
    /// What hale thinks.
    pub diagnosis: Option<Diagnosis>,
    /// What was proposed and done.
    pub actions: Vec<ActionView>,
    /// The story.
    pub timeline: Vec<TimelineEntry>,
}

impl IncidentView {
    /// Puts together what is stored apart.
    pub fn new(
        incident: &Incident,
        actions: &[ActionRecord],
        timeline: Vec<TimelineEntry>,
    ) -> Self {
        IncidentView {
            id: incident.id.to_string(),
            external_ids: incident.external_ids.clone(),
            title: incident.title.clone(),
            state: incident.state.as_str().to_owned(),
            severity: incident.severity,
            machine_id: incident.machine_id.clone(),
            opened_at: incident.opened_at,
            closed_at: incident.closed_at,
            alerts: incident.alerts.iter().map(ToString::to_string).collect(),
            diagnosis: incident.diagnosis.clone(),
            actions: actions.iter().map(ActionView::from).collect(),
            timeline,
        }
    }
}

/// `robot incidents`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentsView {
    /// Newest first.
    pub incidents: Vec<IncidentView>,
}

/// An approval as robots and screens see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalView {
    /// Its id.
    pub id: String,
    /// `pending`, `approved`, `used`, `rejected`, `expired`, `voided`
    pub state: String,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// The action.
    pub action: ActionView,
    /// Its incident.
    pub incident_id: Option<String>,
    /// What the guard said.
    pub verdict: Verdict,
    /// Who answered.
    pub decided_by: Option<String>,
    /// Their words.
    pub why: Option<String>,
}

impl ApprovalView {
    /// Puts together what is stored apart.
    pub fn new(approval: &Approval, record: &ActionRecord) -> Self {
        ApprovalView {
            id: approval.id.to_string(),
            state: approval.state.as_str().to_owned(),
            created_at: approval.created_at,
            expires_at: approval.expires_at,
            action: ActionView::from(record),
            incident_id: record.incident_id.as_ref().map(ToString::to_string),
            verdict: record.verdict.clone(),
            decided_by: approval.decided_by.clone(),
            why: approval.why.clone(),
        }
    }
}

/// `robot approvals`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalsView {
    /// Newest first.
    pub approvals: Vec<ApprovalView>,
}

/// One line of `robot triage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriageItem {
    /// 1 is first.
    pub rank: u32,
    /// How bad.
    pub severity: Severity,
    /// What.
    pub what: String,
    /// Why it matters, or what caused it.
    pub why: String,
    /// What to type next, most useful first.
    pub commands: Vec<String>,
}

/// `robot triage`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriageView {
    /// Most urgent first; empty if there is nothing to do.
    pub items: Vec<TriageItem>,
}

/// A process as robots and screens see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessView {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks after boot.
    pub start_ticks: u64,
    /// Parent.
    pub ppid: i32,
    /// The kernel's name.
    pub name: String,
    /// Command line, at most 200 bytes.
    pub command: String,
    /// Owner.
    pub user: String,
    /// State letter.
    pub state: char,
    /// Percent of one core.
    pub cpu_percent: Option<f64>,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Share of memory.
    pub mem_percent: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<u32>,
    /// Threads.
    pub threads: u32,
    /// Seconds since it started.
    pub age_secs: u64,
    /// systemd unit.
    pub unit: Option<String>,
    /// Container id.
    pub container: Option<String>,
}

impl From<&crate::snapshot::Process> for ProcessView {
    fn from(p: &crate::snapshot::Process) -> Self {
        ProcessView {
            pid: p.pid,
            start_ticks: p.start_ticks,
            ppid: p.ppid,
            name: p.info.name.clone(),
            command: crate::text::shorten(&p.command(), 200),
            user: p.info.user.clone(),
            state: p.state,
            cpu_percent: p.cpu_percent,
            rss_bytes: p.rss_bytes,
            mem_percent: p.mem_percent,
            open_fds: p.open_fds,
            threads: p.threads,
            age_secs: p.age_secs as u64,
            unit: p.info.unit.clone(),
            container: p.info.container.clone(),
        }
    }
}

/// One machine in full: `status`, `robot status`, `robot machine`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// The machine.
    pub machine_id: MachineId,
    /// When it was measured.
    pub collected_at: Timestamp,
    /// Operating system.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// CPUs.
    pub cores: u32,
    /// Seconds since boot.
    pub uptime_secs: u64,
    /// Whether an agent runs on this data directory.
    pub agent_running: bool,
    /// Its mode, or the configured one.
    pub mode: crate::config::Mode,
    /// Until when actions are stopped; none if they are not.
    pub paused_until: Option<Timestamp>,
    /// How well it is.
    pub health: MachineHealth,
    /// Whole-machine figures.
    pub system: System,
    /// CPU pressure and so on, again by name for screens: `cpu`, `memory`, `io`.
    pub pressure: BTreeMap<String, Pressure>,
    /// Most CPU first.
    pub top_cpu: Vec<ProcessView>,
    /// Most memory first.
    pub top_memory: Vec<ProcessView>,
    /// File systems.
    pub mounts: Vec<Mount>,
    /// Block devices.
    pub devices: Vec<Device>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
    /// TCP sockets by state.
    pub tcp_states: BTreeMap<String, u32>,
    /// GPUs.
    pub gpus: Vec<GpuStat>,
    /// CPU and board sensors.
    pub temperatures: Vec<Temperature>,
    /// Units that are not well.
    pub failed_units: Vec<UnitStat>,
    /// Containers, by name.
    #[serde(default)]
    pub containers: Vec<crate::container::Container>,
    /// Kubernetes workloads.
    #[serde(default)]
    pub workloads: Vec<crate::workload::Workload>,
    /// Open and acknowledged alerts, worst first.
    pub alerts: Vec<AlertView>,
    /// What is expected.
    pub predictions: Vec<Prediction>,
    /// How each source did.
    pub sources: Vec<SourceStatus>,
    /// What of hale itself does not work now: what cannot be stored, rules that do not load.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One machine in brief: a line of `robot machines`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineSummary {
    /// The machine.
    pub id: MachineId,
    /// Health: 0 (worst) to 1.
    pub score: f64,
    /// What that score means.
    pub severity: Severity,
    /// What weighs most.
    pub top_issue: Option<String>,
    /// When it was last measured.
    pub collected_at: Timestamp,
    /// Operating system.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// CPUs.
    pub cores: u32,
    /// Seconds since boot.
    pub uptime_secs: u64,
    /// Alerts that are open or acknowledged.
    pub alerts: u32,
}

impl From<&StatusView> for MachineSummary {
    fn from(status: &StatusView) -> Self {
        MachineSummary {
            id: status.machine_id.clone(),
            score: status.health.score,
            severity: status.health.severity,
            top_issue: status.health.top_issue.clone(),
            collected_at: status.collected_at,
            os: status.os.clone(),
            kernel: status.kernel.clone(),
            cores: status.cores,
            uptime_secs: status.uptime_secs,
            alerts: u32::try_from(status.alerts.len()).unwrap_or(u32::MAX),
        }
    }
}

/// `robot machines`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachinesView {
    /// Every machine that hale watches.
    pub machines: Vec<MachineSummary>,
}

/// The whole-machine figures alone: `GET /api/v1/metrics/summary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricsSummary {
    /// The machine.
    pub machine_id: MachineId,
    /// When it was measured.
    pub collected_at: Timestamp,
    /// Whole-machine figures.
    pub system: System,
    /// `cpu`, `memory`, `io`.
    pub pressure: BTreeMap<String, Pressure>,
    /// File systems.
    pub mounts: Vec<Mount>,
    /// GPUs.
    pub gpus: Vec<GpuStat>,
}

impl From<&StatusView> for MetricsSummary {
    fn from(status: &StatusView) -> Self {
        MetricsSummary {
            machine_id: status.machine_id.clone(),
            collected_at: status.collected_at,
            system: status.system.clone(),
            pressure: status.pressure.clone(),
            mounts: status.mounts.clone(),
            gpus: status.gpus.clone(),
        }
    }
}

/// The answer to a SQL query: cells are JSON values in column order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// Whether there were more rows than the limit.
    pub truncated: bool,
}

/// `hale report`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportView {
    /// The machine.
    pub machine_id: MachineId,
    /// From.
    pub since: Timestamp,
    /// To.
    pub until: Timestamp,
    /// Incidents that were open in that time, newest first.
    pub incidents: Vec<IncidentView>,
    /// Alerts a kind: how often and how long.
    pub alert_counts: Vec<AlertCount>,
    /// Actions by kind and end.
    pub action_counts: Vec<ActionCount>,
    /// Figures over that time: least, mean, greatest, last.
    pub trends: Vec<Trend>,
    /// What is expected.
    pub predictions: Vec<Prediction>,
    /// Share of that time for which telemetry exists, 0..1.
    pub coverage: f64,
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertCount {
    /// Which kind.
    pub kind: String,
    /// How many.
    pub count: u32,
    /// Seconds open, all together.
    pub open_secs: u64,
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionCount {
    /// Which kind.
    pub kind: String,
    /// How it ended.
    pub state: String,
    /// How many.
    pub count: u32,
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// A column of the view `sys_samples`.
    pub metric: String,
    /// Least.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Greatest.
    pub max: f64,
    /// Newest.
    pub last: f64,
}

/// `hale explain`: what it is, why it runs or fired, what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// What was asked about.
    pub subject: String,
    /// What it is.
    pub what: String,
    /// Why it runs, or fired.
    pub why: Vec<String>,
    /// Facts, name and value.
    pub facts: Vec<(String, String)>,
    /// What to do, most useful first.
    pub advice: Vec<String>,
    /// Commands for that.
    pub commands: Vec<String>,
    /// How sure hale is, 0..1.
    pub confidence: f64,
}

/// One check of `hale doctor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorCheck {
    /// What was checked.
    pub name: String,
    /// `ok`, `warning`, `failed`, `absent`
    pub state: String,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// `hale doctor`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorView {
    /// Every check.
    pub checks: Vec<DoctorCheck>,
}
