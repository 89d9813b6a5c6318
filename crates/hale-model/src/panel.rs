//! Questions that only screens ask: courses of figures, lists to page through, a past moment, what
//! hale achieved. Each is answered from the same stores as everything else.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::api::Query;
use crate::config::Mode;
use crate::container::Container;
use crate::health::HealthFactor;
use crate::ids::MachineId;
use crate::sample::{SourceStatus, UnitStat};
use crate::snapshot::{Device, Interface, Mount, System};
use crate::view::{DoctorCheck, ProcessView};

/// Figures of a machine whose course can be asked for: columns of the view `sys_samples`, and
/// `health_score` (0..1).
pub const SERIES_METRICS: [&str; 16] = [
    "cpu_total",
    "cpu_iowait",
    "load1",
    "mem_used_percent",
    "mem_used_bytes",
    "swap_used_percent",
    "disk_read_mbps",
    "disk_write_mbps",
    "net_rx_mbps",
    "net_tx_mbps",
    "process_count",
    "zombie_count",
    "cpu_some_avg10",
    "mem_some_avg10",
    "io_some_avg10",
    "health_score",
];
/// Points of a course at most.
pub const SERIES_POINTS_MAX: u32 = 2000;
/// Lines of a list at most.
pub const PANEL_ROWS_MAX: u32 = 1000;

/// What a screen asks. → [`PanelView`], except [`Panel::AsOf`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "panel", rename_all = "snake_case")]
pub enum Panel {
    /// Another question, answered as of a past moment: alerts, one alert, incidents, one incident,
    /// approvals and audit. → the view of that question.
    AsOf {
        /// When.
        at: Timestamp,
        /// What.
        question: Box<Query>,
    },
    /// The machine at a past moment, from the stored sample before it. → [`PanelView::Moment`]
    Moment {
        /// When.
        at: Timestamp,
    },
    /// → [`PanelView::Series`]
    Series {
        /// Of [`SERIES_METRICS`].
        metrics: Vec<String>,
        /// From.
        since: Timestamp,
        /// To.
        until: Timestamp,
        /// At most so many points each.
        points: u32,
    },
    /// Processes of the newest look. → [`PanelView::Processes`]
    Processes {
        /// Only those whose name, command, user, unit or pid holds this.
        search: String,
        /// At most so many.
        limit: u32,
        /// What comes first.
        sort: ProcessSort,
    },
    /// Service units of the newest look. → [`PanelView::Units`]
    Units,
    /// Stored journal entries, newest first. → [`PanelView::Journal`]
    Journal {
        /// From.
        since: Timestamp,
        /// To.
        until: Timestamp,
        /// Only this priority and worse: 0 (emergency) to 7 (debug).
        priority_max: u8,
        /// Only entries whose message, unit or identifier holds this.
        search: String,
        /// At most so many.
        limit: u32,
    },
    /// What hale runs with. Secrets are masked. → [`PanelView::Settings`]
    Settings,
    /// What hale achieved. → [`PanelView::Achieved`]
    Achieved {
        /// From.
        since: Timestamp,
        /// To.
        until: Timestamp,
    },
    /// Containers of the newest look. → [`PanelView::Containers`]
    Containers,
}

/// What comes first in a list of processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessSort {
    /// Most CPU.
    #[default]
    Cpu,
    /// Most memory.
    Memory,
    /// Most open files.
    Files,
    /// Lowest pid.
    Pid,
}

/// An answer to a screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "panel", content = "data", rename_all = "snake_case")]
pub enum PanelView {
    /// See [`Moment`].
    Moment(Box<Moment>),
    /// See [`SeriesView`].
    Series(SeriesView),
    /// See [`ProcessesView`].
    Processes(ProcessesView),
    /// See [`UnitsView`].
    Units(UnitsView),
    /// See [`JournalView`].
    Journal(JournalView),
    /// See [`SettingsView`].
    Settings(Box<SettingsView>),
    /// See [`Achieved`].
    Achieved(Box<Achieved>),
    /// See [`ContainersView`].
    Containers(ContainersView),
}

/// A machine at a past moment, as far as it was stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// The moment that was asked for.
    pub at: Timestamp,
    /// When the newest stored sample before it was measured; none: there is none near it, and then
    /// nothing below is known.
    pub measured_at: Option<Timestamp>,
    /// The machine.
    pub machine_id: MachineId,
    /// Health then.
    pub health: Option<PastHealth>,
    /// Whole-machine figures.
    pub system: System,
    /// The leading processes; only those are stored.
    pub processes: Vec<PastProcess>,
    /// File systems.
    pub mounts: Vec<Mount>,
    /// Block devices.
    pub devices: Vec<Device>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
}

/// Health at a past moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PastHealth {
    /// 0 (worst) to 1.
    pub score: f64,
    /// What that means.
    pub severity: Severity,
    /// Why, worst first.
    pub factors: Vec<HealthFactor>,
}

/// A process at a past moment: what is stored of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PastProcess {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks after boot.
    pub start_ticks: u64,
    /// The kernel's name.
    pub name: String,
    /// Command line.
    pub command: String,
    /// Owner.
    pub user: String,
    /// State letter.
    pub state: String,
    /// Percent of one core.
    pub cpu_percent: Option<f64>,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Open file descriptors.
    pub open_fds: Option<u32>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Container id.
    pub container: Option<String>,
}

/// Courses of figures on one time axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesView {
    /// From.
    pub since: Timestamp,
    /// To.
    pub until: Timestamp,
    /// A point is the mean over so many seconds.
    pub step_secs: f64,
    /// Seconds since 1970 of each point, ascending.
    pub times: Vec<f64>,
    /// One a metric, in the order asked.
    pub series: Vec<Series>,
}

/// One course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Of [`SERIES_METRICS`].
    pub metric: String,
    /// One a point; none: not measured.
    pub values: Vec<Option<f64>>,
}

/// Processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessesView {
    /// When they were looked at.
    pub collected_at: Timestamp,
    /// All there are.
    pub total: u64,
    /// Those that fit the question.
    pub matched: u64,
    /// At most as many as were asked for.
    pub processes: Vec<ProcessView>,
}

/// Service units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnitsView {
    /// When they were looked at.
    pub collected_at: Timestamp,
    /// By name.
    pub units: Vec<UnitStat>,
}

/// Containers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainersView {
    /// When they were looked at.
    pub collected_at: Timestamp,
    /// How their engine answered; none: this hale asks none.
    pub source: Option<SourceStatus>,
    /// By name.
    pub containers: Vec<Container>,
}

/// Journal entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalView {
    /// Newest first.
    pub entries: Vec<JournalLine>,
    /// Whether there were more than the limit.
    pub truncated: bool,
}

/// One journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalLine {
    /// When it was logged.
    pub at: Timestamp,
    /// 0 (emergency) to 7 (debug).
    pub priority: u8,
    /// systemd unit.
    pub unit: Option<String>,
    /// Program.
    pub identifier: Option<String>,
    /// Process id.
    pub pid: Option<i32>,
    /// The message.
    pub message: String,
}

/// What hale runs with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsView {
    /// hale's version.
    pub version: String,
    /// The machine.
    pub machine_id: Option<MachineId>,
    /// Mode in force.
    pub mode: Mode,
    /// Until when actions are stopped.
    pub paused_until: Option<Timestamp>,
    /// Where the configuration was read from.
    pub config_path: String,
    /// Whether that file exists; if not, all values are defaults.
    pub config_exists: bool,
    /// Where hale keeps its files.
    pub data_dir: String,
    /// The configuration in force, defaults included; secrets masked.
    pub config: serde_json::Value,
    /// The defaults, to tell what was set.
    pub defaults: serde_json::Value,
    /// How each source did.
    pub sources: Vec<SourceStatus>,
    /// Language models and their budget.
    pub models: Vec<DoctorCheck>,
    /// What of hale itself does not work now.
    pub warnings: Vec<String>,
}

/// What hale achieved in a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Achieved {
    /// From.
    pub since: Timestamp,
    /// To.
    pub until: Timestamp,
    /// Incidents that began in that time.
    pub incidents: u32,
    /// Of these, resolved by now.
    pub resolved: u32,
    /// Of these, cured by an action that was proven, with no person deciding.
    pub cured_alone: u32,
    /// Of these, cured by an action that a person approved or asked for.
    pub cured_with_person: u32,
    /// Of these, over without any action of hale.
    pub over_by_itself: u32,
    /// Incidents that are with a person now.
    pub escalated: u32,
    /// Mean seconds from the start of an incident to its end; none: none was resolved.
    pub mttr_mean_secs: Option<f64>,
    /// Median seconds from the start of an incident to its end.
    pub mttr_median_secs: Option<f64>,
    /// Actions that reached the world and ended in that time.
    pub actions: u32,
    /// Of these, proven by looking again.
    pub actions_succeeded: u32,
    /// Share of these, 0..1; none: there was no action.
    pub success_rate: Option<f64>,
    /// Minutes of people's time and of downtime saved, by the formula below.
    pub saved_minutes: f64,
    /// The same in money; none where `[dashboard]` names no price of a minute.
    pub saved_money: Option<f64>,
    /// `USD`, as `[dashboard]` says.
    pub currency: String,
    /// How the two were calculated, with the figures.
    pub formula: String,
}
