//! `config.toml`: every key, its default, its range. The reference page and the checks that name a
//! wrong key, its line and the nearest right one are made from these types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod ai;
mod dashboard;
mod kubernetes;
mod load;
mod notify;
mod reference;
mod scrape;
mod services;
mod shape;
mod traffic;

pub use ai::{Ai, AiProvider, Google, ProviderKind};
pub use dashboard::Dashboard;
pub use kubernetes::Kubernetes;
pub use load::{ConfigError, ConfigErrors, Loaded, check_listen, parse};
pub use notify::{ChannelKind, NotifyChannel};
pub use reference::reference_page;
pub use scrape::ScrapeTarget;
pub use services::DeclaredService;
pub use traffic::{Objective, Otlp, Slo};

/// What hale may do by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Watch and tell.
    #[default]
    Observe,
    /// Also say what to do, with the command.
    Suggest,
    /// Also ask for approval, and do what was approved.
    Approve,
    /// Also do alone what is safe, granted or earned; ask for the rest.
    Auto,
}

impl Mode {
    /// The name in config, JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::Suggest => "suggest",
            Mode::Approve => "approve",
            Mode::Auto => "auto",
        }
    }
}

/// Language of alerts and notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English
    #[default]
    En,
    /// French
    Fr,
    /// Korean
    Ko,
}

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What hale does, and how often.
    pub general: General,
    /// When something counts as trouble.
    pub thresholds: Thresholds,
    /// Which language models are asked, and what they may cost.
    pub ai: Ai,
    /// Who is told, and how.
    pub notifications: Notifications,
    /// What is never reported, never touched, and what may be restarted.
    pub allowlist: Allowlist,
    /// What `mode = "auto"` may do alone.
    pub autonomy: Autonomy,
    /// How long things are kept.
    pub history: History,
    /// Where the agent listens.
    pub server: Server,
    /// Services that no systemd runs: how to see them and how to restart them.
    pub services: Vec<DeclaredService>,
    /// What the dashboard counts with.
    pub dashboard: Dashboard,
    /// Which container engine is asked.
    pub containers: Containers,
    /// What services send: traces, metrics, logs.
    pub otlp: Otlp,
    /// What is promised of services.
    pub slo: Vec<Slo>,
    /// Which cluster hale may look at and touch.
    pub kubernetes: Kubernetes,
    /// Prometheus targets that hale asks by itself.
    pub scrape: Vec<ScrapeTarget>,
}

/// `[general]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct General {
    /// observe, suggest, approve or auto.
    pub mode: Mode,
    /// Seconds between two collections.
    #[schemars(range(min = 1, max = 3600))]
    pub interval_secs: u64,
    /// en, fr or ko.
    pub language: Language,
    /// Name of this machine; the host name if empty.
    pub machine_id: String,
}

impl Default for General {
    fn default() -> Self {
        General {
            mode: Mode::Observe,
            interval_secs: 5,
            language: Language::En,
            machine_id: String::new(),
        }
    }
}

/// `[thresholds]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// RAM in use, in percent, that is worth an alert (high).
    #[schemars(range(min = 1.0, max = 100.0))]
    pub ram_warn_percent: f64,
    /// RAM in use, in percent, that is critical.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub ram_critical_percent: f64,
    /// For how long, in seconds.
    #[schemars(range(max = 86_400))]
    pub ram_for_secs: u64,
    /// Share of time, in percent, in which nothing works because everything waits for memory (PSI `full`), of
    /// the machine or of one service or container.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub memory_pressure_percent: f64,
    /// Swap in use, in percent.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub swap_warn_percent: f64,
    /// Load over 5 minutes against the number of cores.
    #[schemars(range(min = 0.1, max = 1000.0))]
    pub cpu_load_factor: f64,
    /// For how long, in seconds.
    #[schemars(range(max = 86_400))]
    pub load_for_secs: u64,
    /// CPU of one process, in percent of one core, that makes it a hot process.
    #[schemars(range(min = 1.0, max = 100_000.0))]
    pub hot_process_percent: f64,
    /// For how long, in seconds.
    #[schemars(range(max = 86_400))]
    pub hot_process_for_secs: u64,
    /// CPU of an orphan, in percent of one core, that is worth an alert.
    #[schemars(range(min = 0.1, max = 100_000.0))]
    pub orphan_cpu_percent: f64,
    /// For how long, in seconds.
    #[schemars(range(max = 86_400))]
    pub orphan_for_secs: u64,
    /// Free space of a file system, in percent.
    #[schemars(range(max = 100.0))]
    pub disk_min_free_percent: f64,
    /// Free inodes of a file system, in percent.
    #[schemars(range(max = 100.0))]
    pub inode_min_free_percent: f64,
    /// A file system forecast to be full within this many hours is worth an alert.
    #[schemars(range(min = 0.01, max = 8760.0))]
    pub disk_full_within_hours: f64,
    /// Processes of one command line beyond this are duplicates.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_duplicate_processes: u32,
    /// Share of RAM, in percent, that duplicates or orphans must hold together to be a ghost storm.
    #[schemars(range(max = 100.0))]
    pub ghost_storm_ram_percent: f64,
    /// Seconds after which a zombie is worth an alert.
    #[schemars(range(max = 86_400))]
    pub zombie_timeout_secs: u64,
    /// Degrees Celsius of a CPU.
    #[schemars(range(min = 1.0, max = 150.0))]
    pub temperature_cpu_max: f64,
    /// Degrees Celsius of a GPU.
    #[schemars(range(min = 1.0, max = 150.0))]
    pub temperature_gpu_max: f64,
    /// Seconds of steady growth before a leak is called one.
    #[schemars(range(min = 10, max = 86_400))]
    pub leak_window_secs: u64,
    /// Growth of memory over that window that is worth an alert, in MiB.
    #[schemars(range(min = 1.0, max = 1_048_576.0))]
    pub leak_min_growth_mib: f64,
    /// Growth of open files over that window that is worth an alert.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub fd_leak_min_growth: u32,
    /// Like messages of priority warning or worse, a minute, that are a burst.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub journal_burst_per_minute: u32,
    /// Automatic restarts of a unit within ten minutes that make it flap.
    #[schemars(range(min = 1, max = 1000))]
    pub flapping_restarts: u32,
    /// False alarms of `metric.anomaly` that are acceptable, a day, over all metrics.
    #[schemars(range(max = 1000.0))]
    pub anomaly_budget_per_day: f64,
    /// Hours that a metric is learned before it can be called unusual.
    #[schemars(range(max = 8760.0))]
    pub anomaly_min_hours: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            ram_warn_percent: 80.0,
            ram_critical_percent: 90.0,
            ram_for_secs: 30,
            memory_pressure_percent: 20.0,
            swap_warn_percent: 40.0,
            cpu_load_factor: 2.0,
            load_for_secs: 300,
            hot_process_percent: 90.0,
            hot_process_for_secs: 300,
            orphan_cpu_percent: 20.0,
            orphan_for_secs: 60,
            disk_min_free_percent: 10.0,
            inode_min_free_percent: 5.0,
            disk_full_within_hours: 24.0,
            max_duplicate_processes: 5,
            ghost_storm_ram_percent: 2.0,
            zombie_timeout_secs: 300,
            temperature_cpu_max: 85.0,
            temperature_gpu_max: 80.0,
            leak_window_secs: 600,
            leak_min_growth_mib: 64.0,
            fd_leak_min_growth: 200,
            journal_burst_per_minute: 120,
            flapping_restarts: 3,
            anomaly_budget_per_day: 1.0,
            anomaly_min_hours: 24.0,
        }
    }
}

/// `[notifications]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notifications {
    /// Through the desktop's notification service, where there is one.
    pub desktop: bool,
    /// On the terminal that `hale up` runs in.
    pub terminal: bool,
    /// One JSON object a line; empty: none. `~` is the home directory. By default `alerts.jsonl` in the data directory.
    pub log_file: Option<String>,
    /// Slack, Discord or any address that takes a JSON POST; empty: none.
    pub webhook_url: String,
    /// What the address expects; told by the URL if not given.
    pub webhook_kind: Option<WebhookKind>,
    /// Only alerts at least this bad.
    pub min_severity: crate::alert::Severity,
    /// More than this many in one minute become one digest.
    #[schemars(range(min = 1, max = 10_000))]
    pub digest_over_per_minute: u32,
    /// The same alert is not told again within this many seconds.
    #[schemars(range(max = 604_800))]
    pub repeat_after_secs: u64,
    /// Where a team is told about incidents: Slack, Discord, e-mail, PagerDuty.
    pub channels: Vec<NotifyChannel>,
}

impl Default for Notifications {
    fn default() -> Self {
        Notifications {
            desktop: true,
            terminal: true,
            log_file: None,
            webhook_url: String::new(),
            webhook_kind: None,
            min_severity: crate::alert::Severity::Medium,
            digest_over_per_minute: 10,
            repeat_after_secs: 3600,
            channels: Vec::new(),
        }
    }
}

/// The body that a webhook expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookKind {
    /// `{"text": …}` with blocks.
    Slack,
    /// `{"content": …}` with embeds.
    Discord,
    /// The alert itself.
    Plain,
}

/// `[allowlist]`. Names may hold `*` for any characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Allowlist {
    /// Processes, by name, that are never reported.
    pub ignore_commands: Vec<String>,
    /// Processes, by pid, that are never touched.
    pub protected_pids: Vec<i32>,
    /// Processes, by name, that are never touched.
    pub protected_commands: Vec<String>,
    /// Units that are never touched.
    pub protected_units: Vec<String>,
    /// Paths under which nothing is moved or removed.
    pub protected_paths: Vec<String>,
    /// Users, besides hale's own, whose processes it may touch (root only).
    pub granted_users: Vec<String>,
    /// Units that auto may restart.
    pub restartable_units: Vec<String>,
    /// Containers that auto may restart; they are also expected to run, whatever their restart policy.
    pub restartable_containers: Vec<String>,
    /// Containers that are never touched.
    pub protected_containers: Vec<String>,
    /// Directories whose old files `disk.clean` may move to the quarantine.
    pub cleanable_paths: Vec<String>,
}

impl Default for Allowlist {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Allowlist {
            ignore_commands: owned(&["Xorg"]),
            protected_pids: vec![1],
            protected_commands: owned(&["sshd", "systemd", "dbus*"]),
            protected_units: owned(&[
                "ssh.service",
                "sshd.service",
                "dbus*",
                "systemd-*",
                "user@*",
                "init.scope",
            ]),
            protected_paths: owned(&[
                "/bin", "/boot", "/dev", "/etc", "/lib*", "/proc", "/root", "/run", "/sbin",
                "/sys", "/usr", "/var/lib",
            ]),
            granted_users: Vec::new(),
            restartable_units: Vec::new(),
            restartable_containers: Vec::new(),
            protected_containers: owned(&["k8s_*", "kube-*"]),
            cleanable_paths: Vec::new(),
        }
    }
}

/// `[autonomy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Autonomy {
    /// `action@alert kind` pairs that auto may do alone, e.g. `process.kill@process.leak`. With a target after a
    /// colon only to what it names: `service.restart@http.errors:shop-*`.
    pub allow: Vec<String>,
    /// Approved and verified successes after which a pair is earned for a class of target; 0: never.
    #[schemars(range(max = 1000))]
    pub earn_after: u32,
    /// Failures in a row after which an earned pair is lost again, and has to be earned anew.
    #[schemars(range(min = 1, max = 1000))]
    pub demote_after: u32,
    /// Days after which a lesson that was not verified again counts half; 0: never.
    #[schemars(range(max = 36_500))]
    pub lesson_half_life_days: u32,
    /// Actions in any 60 minutes, those of people not counted.
    #[schemars(range(max = 10_000))]
    pub max_actions_per_hour: u32,
    /// Seconds after a verified cure within which further trouble of its target, of whatever kind and
    /// whoever reports it, says that the cure did not hold: it is not repeated alone. 0: never.
    #[schemars(range(max = 3600))]
    pub relapse_secs: u64,
    /// Processes that one action may signal without a person.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_kills_per_action: u32,
    /// Seconds after which an unanswered approval lapses.
    #[schemars(range(min = 10, max = 604_800))]
    pub approval_expires_secs: u64,
}

impl Default for Autonomy {
    fn default() -> Self {
        Autonomy {
            allow: Vec::new(),
            earn_after: 3,
            demote_after: 1,
            lesson_half_life_days: 90,
            max_actions_per_hour: 20,
            relapse_secs: 1800,
            max_kills_per_action: 50,
            approval_expires_secs: 3600,
        }
    }
}

/// `[history]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Full-resolution telemetry older than this becomes one-minute rollups; 0: never. Alerts,
    /// incidents, actions and audit are kept.
    #[schemars(range(max = 87_600))]
    pub retention_hours: u64,
    /// Seconds between two samples that are stored; those in between only feed the detectors.
    #[schemars(range(min = 1, max = 86_400))]
    pub snapshot_interval_secs: u64,
}

impl Default for History {
    fn default() -> Self {
        History { retention_hours: 168, snapshot_interval_secs: 60 }
    }
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port; empty: only the unix socket. An address that other machines reach takes
    /// HTTPS, or `hale up --insecure-http`, and a token for everything.
    pub listen: String,
    /// Names under which a browser asks for this machine, beside its addresses and its host name.
    pub hosts: Vec<String>,
    /// The certificate chain that other machines are shown, a PEM file. Empty: hale makes one of its
    /// own and keeps it in its data directory.
    pub tls_cert: String,
    /// The key of that certificate, a PEM file that hale's user alone can read.
    pub tls_key: String,
    /// Whoever sends webhooks has to show this (`Authorization: Bearer TOKEN`); empty: on this
    /// machine nobody has to.
    pub webhook_token: String,
    /// Name of the environment variable with the secret that GitHub signs its webhooks with; without
    /// a value there, GitHub's are refused.
    pub github_secret_env: String,
    /// Reports a second that one address may send; more are answered 429.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub webhook_rate_per_sec: u32,
    /// Other names of this machine in reports (`instance` labels): host names or addresses, without
    /// port. What is reported about another machine leads to no action here.
    pub webhook_hosts: Vec<String>,
}

impl Server {
    /// The ports on which hale itself listens: it does not probe itself.
    pub fn own_ports(&self) -> Vec<u16> {
        let port = self.listen.rsplit(':').next().and_then(|port| port.parse().ok());
        port.into_iter().collect()
    }
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: "127.0.0.1:7979".to_owned(),
            hosts: Vec::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            webhook_token: String::new(),
            github_secret_env: "HALE_GITHUB_SECRET".to_owned(),
            webhook_rate_per_sec: 20_000,
            webhook_hosts: Vec::new(),
        }
    }
}

/// `[containers]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Containers {
    /// Socket of the engine (Docker, or Podman's for Docker's clients): `unix:///run/docker.sock`, or
    /// `tcp://` on this machine; `off`: none is asked. Empty: `DOCKER_HOST`, else the usual places.
    pub engine: String,
    /// How to ask containers whether they are well, by name: `{ web = "http://:8080/healthz", db = "tcp://:5432" }`.
    /// Asked while a cure is verified, at the container's own address.
    pub probes: std::collections::BTreeMap<String, String>,
}
