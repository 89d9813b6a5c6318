//! From a detector's claim to an alert with a life.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, EvidenceId, Fingerprint, IncidentId, MachineId, ProcRef, hex_digest};
use crate::sample::Source;

/// How bad it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Service is lost, or about to be.
    Critical,
}

impl Severity {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! alert_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What an alert is about. The names are a promise to users and scripts.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum AlertKind {
            $($(#[$doc])* $variant,)*
            /// A user's own rule, by its name.
            Rule(String),
        }

        impl AlertKind {
            /// Every built-in kind.
            pub const BUILT_IN: &'static [AlertKind] = &[$(AlertKind::$variant,)*];

            /// The name in JSON, SQL and on screens.
            pub fn as_str(&self) -> &str {
                match self {
                    $(AlertKind::$variant => $name,)*
                    AlertKind::Rule(name) => name,
                }
            }
        }

        impl FromStr for AlertKind {
            type Err = std::convert::Infallible;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Ok(match name {
                    $($name => AlertKind::$variant,)*
                    other => AlertKind::Rule(other.to_owned()),
                })
            }
        }
    };
}

alert_kinds! {
    /// RAM in use above the threshold.
    MemoryHigh = "memory.high",
    /// Tasks that wait for memory instead of working (PSI).
    MemoryPressure = "memory.pressure",
    /// Swap in use above the threshold.
    SwapHigh = "swap.high",
    /// A file system short of space.
    DiskSpace = "disk.space",
    /// A file system short of inodes.
    DiskInodes = "disk.inodes",
    /// A file system that will be full soon.
    DiskFilling = "disk.filling",
    /// Load above a multiple of the cores.
    LoadHigh = "load.high",
    /// A process that keeps the cores busy.
    CpuHotProcess = "cpu.hot_process",
    /// A sensor above its limit.
    TemperatureHigh = "temperature.high",
    /// Dead children that nobody collects.
    ProcessZombie = "process.zombie",
    /// An orphan that burns CPU.
    ProcessOrphan = "process.orphan",
    /// Many processes of one command line.
    ProcessDuplicates = "process.duplicates",
    /// Duplicates or orphans of an agent that together hold much memory.
    ProcessGhostStorm = "process.ghost_storm",
    /// A process whose memory grows without end.
    ProcessLeak = "process.leak",
    /// A process whose open files grow without end.
    ProcessFdLeak = "process.fd_leak",
    /// The kernel killed a process for want of memory.
    KernelOom = "kernel.oom",
    /// A unit that failed.
    ServiceFailed = "service.failed",
    /// A unit that keeps restarting.
    ServiceFlapping = "service.flapping",
    /// A container whose health check fails.
    ContainerUnhealthy = "container.unhealthy",
    /// A container that keeps restarting.
    ContainerRestarting = "container.restarting",
    /// Requests that fail.
    HttpErrors = "http.errors",
    /// Requests that are slow.
    HttpLatency = "http.latency",
    /// Many like messages in the journal.
    JournalBurst = "journal.burst",
    /// A metric far from what is usual at this hour.
    MetricAnomaly = "metric.anomaly",
    /// A source that can no longer be read.
    SourceStale = "source.stale",
}

impl AlertKind {
    /// Whether it tells of something that has happened, rather than of something that is so. Such an
    /// alert cannot be seen to end: it is over when what it led to has been put right.
    pub fn tells_of_an_event(&self) -> bool {
        *self == AlertKind::KernelOom
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for AlertKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AlertKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(name.parse().unwrap_or_else(|never: std::convert::Infallible| match never {}))
    }
}

impl JsonSchema for AlertKind {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AlertKind".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

/// What a finding is about, and what an action may be aimed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Subject {
    /// The machine as a whole.
    Machine,
    /// One process.
    Process {
        /// Which.
        process: ProcRef,
    },
    /// Processes that belong together.
    ProcessGroup {
        /// What stays the same while members come and go: a command line, or the parent's identity.
        group_key: String,
        /// For people: `12 × python3 mcp_server.py`.
        label: String,
        /// The members, by identity; never a pattern.
        members: Vec<ProcRef>,
        /// Their process groups.
        pgids: Vec<i32>,
        /// The cgroup they share, if they share one.
        cgroup: Option<String>,
    },
    /// A systemd unit.
    Unit {
        /// `nginx.service`
        unit: String,
    },
    /// A mounted file system.
    Mount {
        /// Where.
        mount_point: String,
    },
    /// A temperature sensor or a GPU.
    Sensor {
        /// Its label.
        label: String,
    },
    /// A metric of the machine.
    Metric {
        /// Its name, as in the telemetry views.
        metric: String,
    },
    /// A kind of message in the journal.
    Journal {
        /// Unit or identifier that logs it.
        origin: String,
        /// The message with its changing parts left out.
        template: String,
    },
    /// A container.
    Container {
        /// Its id, whole, in hexadecimal: what an action is aimed at.
        id: String,
        /// Its name: what stays when it is made anew.
        name: String,
    },
    /// A service, as traces and webhooks name it.
    Service {
        /// `checkout`
        service: String,
    },
    /// A Kubernetes workload.
    Workload {
        /// Its namespace.
        namespace: String,
        /// `Deployment`
        kind: String,
        /// Its name.
        name: String,
    },
    /// One of hale's own sources.
    Source {
        /// Which.
        source: Source,
    },
}

impl Subject {
    /// The part of the fingerprint: the same as long as it is the same trouble.
    pub fn key(&self) -> String {
        match self {
            Subject::Machine => "machine".to_owned(),
            Subject::Process { process } => format!("process:{}", process.key()),
            Subject::ProcessGroup { group_key, .. } => {
                format!("process_group:{}", hex_digest(&[group_key], 12))
            }
            Subject::Unit { unit } => format!("unit:{unit}"),
            Subject::Mount { mount_point } => format!("mount:{mount_point}"),
            Subject::Sensor { label } => format!("sensor:{label}"),
            Subject::Metric { metric } => format!("metric:{metric}"),
            Subject::Journal { origin, template } => {
                format!("journal:{origin}:{}", hex_digest(&[template], 12))
            }
            Subject::Container { name, .. } => format!("container:{name}"),
            Subject::Service { service } => format!("service:{service}"),
            Subject::Workload { namespace, kind, name } => {
                format!("workload:{namespace}/{kind}/{name}")
            }
            Subject::Source { source } => format!("source:{source}"),
        }
    }

    /// The processes it names.
    pub fn processes(&self) -> &[ProcRef] {
        match self {
            Subject::Process { process } => std::slice::from_ref(process),
            Subject::ProcessGroup { members, .. } => members,
            Subject::Machine
            | Subject::Unit { .. }
            | Subject::Mount { .. }
            | Subject::Sensor { .. }
            | Subject::Metric { .. }
            | Subject::Journal { .. }
            | Subject::Container { .. }
            | Subject::Service { .. }
            | Subject::Workload { .. }
            | Subject::Source { .. } => &[],
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Machine => f.write_str("machine"),
            Subject::Process { process } => write!(f, "process {process}"),
            Subject::ProcessGroup { label, .. } => f.write_str(label),
            Subject::Unit { unit } => f.write_str(unit),
            Subject::Mount { mount_point } => f.write_str(mount_point),
            Subject::Sensor { label } => f.write_str(label),
            Subject::Metric { metric } => f.write_str(metric),
            Subject::Journal { origin, template } => write!(f, "{origin}: {template}"),
            Subject::Container { name, .. } => write!(f, "container {name}"),
            Subject::Service { service } => write!(f, "service {service}"),
            Subject::Workload { namespace, kind, name } => {
                write!(f, "{} {namespace}/{name}", kind.to_lowercase())
            }
            Subject::Source { source } => write!(f, "source {source}"),
        }
    }
}

/// One observation that supports a claim. A claim cites its id; an id that no observation has is
/// an ungrounded claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The id to cite.
    pub id: EvidenceId,
    /// Which collector saw it.
    pub source: Source,
    /// When.
    pub observed_at: Timestamp,
    /// What, in words: `RSS 412 MiB, 180 MiB more than 60 s ago`.
    pub text: String,
    /// The figure itself.
    pub value: Option<f64>,
    /// Its unit: `percent`, `bytes`, `bytes_per_sec`, `count`, `celsius`, `secs`.
    pub unit: Option<String>,
}

/// A detector's claim about one snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub kind: AlertKind,
    /// Where.
    pub machine_id: MachineId,
    /// About what.
    pub subject: Subject,
    /// How bad.
    pub severity: Severity,
    /// One sentence, in the configured language.
    pub summary: String,
    /// The figures in that sentence, by name.
    pub vars: BTreeMap<String, serde_json::Value>,
    /// What it rests on; never empty.
    pub evidence: Vec<Evidence>,
    /// Commands a person may want to run, most useful first; every figure in them is quoted for a shell.
    #[serde(default)]
    pub suggested_actions: Vec<String>,
    /// Since when it has been so.
    pub since: Timestamp,
}

impl Finding {
    /// Findings with the same fingerprint are one alert.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.machine_id, self.kind.as_str(), &self.subject.key())
    }
}

/// Where an alert is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has taken it.
    Open,
    /// A person has seen it; it no longer notifies.
    Acknowledged,
    /// Over, or closed by a person.
    Closed,
}

impl AlertState {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Open => "open",
            AlertState::Acknowledged => "acknowledged",
            AlertState::Closed => "closed",
        }
    }
}

/// A finding with a life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// What makes a later finding the same alert.
    pub fingerprint: Fingerprint,
    /// Where.
    pub machine_id: MachineId,
    /// What kind.
    pub kind: AlertKind,
    /// How bad, now.
    pub severity: Severity,
    /// Where in its life.
    pub state: AlertState,
    /// About what; members of a group are those of the newest finding.
    pub subject: Subject,
    /// One sentence, of the newest finding.
    pub summary: String,
    /// The figures in it.
    pub vars: BTreeMap<String, serde_json::Value>,
    /// Newest evidence.
    pub evidence: Vec<Evidence>,
    /// Commands a person may want to run, most useful first.
    pub suggested_actions: Vec<String>,
    /// Start of the condition.
    pub first_seen_at: Timestamp,
    /// Last time a detector still saw it.
    pub last_seen_at: Timestamp,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// Why it closed: `recovered`, `acted`, `gone`, or a person's words.
    pub close_reason: Option<String>,
    /// Times it came back within the damping window instead of opening anew.
    pub flaps: u32,
    /// The incident it belongs to.
    pub incident_id: Option<IncidentId>,
}
