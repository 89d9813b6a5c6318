//! The agent of the demo: a `hale up` of its own, with its own data, ports and configuration. It acts
//! alone, and on nothing but the marketplace: it may restart the four services and no others, and no
//! threshold of the machine's own can be reached.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use hale_demo::Role;
use hale_model::api::{Handle as _, Query, View};
use hale_model::view::IncidentView;
use hale_serve::Client;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::Place;
use super::fleet::{self, Fleet};
use crate::exit::Failure;

/// The agent must answer by then.
const START_LIMIT: Duration = Duration::from_secs(20);
/// It saves what it learned before it ends.
const END_LIMIT: Duration = Duration::from_secs(2);
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// Visits to the marketplace's door that are promised to succeed, and over how long.
const SLO_TARGET_PERCENT: f64 = 90.0;
const SLO_WINDOW_DAYS: u32 = 1;
/// Incidents that are asked for at a time.
const INCIDENTS_MAX: u32 = 50;

/// A running agent.
pub struct Watchman {
    child: Child,
    client: Client,
    link: String,
}

impl Watchman {
    /// Starts it.
    ///
    /// # Errors
    /// It does not start, or does not answer.
    pub async fn start(place: &Place, fleet: &Fleet) -> Result<Watchman, Failure> {
        let failed = |what: String| Failure::failed(what, "give --keep and look at agent.log");
        let config = place.directory.join("config.toml");
        std::fs::write(&config, configuration(place, fleet))
            .map_err(|e| failed(format!("{} cannot be written: {e}", config.display())))?;
        let log = place.directory.join("agent.log");
        let log = std::fs::File::create(&log)
            .map_err(|e| failed(format!("{} cannot be written: {e}", log.display())))?;
        let program = std::env::current_exe()
            .map_err(|e| failed(format!("this program has no path: {e}")))?;
        let data = place.directory.join("data");
        let mut child = Command::new(program)
            .arg("up")
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(format!("the agent cannot be started: {e}")))?;
        let client = answering(&mut child, hale_engine::agent_socket(&data)).await?;
        Ok(Watchman { child, client, link: format!("http://{}", place.agent) })
    }

    /// Where its dashboard is: signed in, once, so that a person can approve and undo there.
    pub async fn link(&self) -> String {
        self.client.sign_in_link().await.unwrap_or_else(|_| self.link.clone())
    }

    /// Its incidents, with their stories.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn incidents(&self) -> Result<Vec<IncidentView>, Failure> {
        let query = Query::Incidents { state: None, limit: INCIDENTS_MAX };
        let View::Incidents(view) = self.client.query(query).await? else {
            return Err(Failure::unexpected_view());
        };
        Ok(view.incidents)
    }

    /// Ends it in order.
    pub async fn end(mut self) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        // Later than that it is killed with its handle.
        let _ = tokio::time::timeout(END_LIMIT, self.child.wait()).await;
    }
}

async fn answering(child: &mut Child, socket: PathBuf) -> Result<Client, Failure> {
    let begun = tokio::time::Instant::now();
    loop {
        if let Ok(client) = Client::connect(&socket).await {
            return Ok(client);
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || begun.elapsed() > START_LIMIT {
            return Err(Failure::failed(
                format!("the agent does not answer on {}", socket.display()),
                "give --keep and look at agent.log",
            ));
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// What the agent may do: restart the four services, and move old files out of their spool.
fn configuration(place: &Place, fleet: &Fleet) -> String {
    let quoted = |words: &[String]| {
        let words: Vec<String> =
            words.iter().map(|w| toml::Value::from(w.as_str()).to_string()).collect();
        format!("[{}]", words.join(", "))
    };
    let targets = quoted(&Role::ALL.map(|role| place.target(role)));
    let spool = quoted(&[place.market().join("spool").display().to_string()]);
    let (restart, listed, engine) = match fleet {
        Fleet::Containers(engine) => {
            ("container.restart", "restartable_containers", engine.address())
        }
        Fleet::Processes(_) => ("service.restart", "restartable_units", "off".to_owned()),
    };
    // What the lists above entitle to needs no grant. These are about what the services themselves tell, and
    // about them alone.
    let prefix = place.prefix();
    let grants: Vec<String> = ["memory.high", "load.high", "http.errors", "http.latency"]
        .map(|kind| format!("{restart}@{kind}:{prefix}*"))
        .into_iter()
        .chain(["disk.clean@disk.space".to_owned()])
        .collect();
    let mut text = format!(
        r#"[general]
mode = "auto"
interval_secs = 1

[ai]
enabled = false

[notifications]
desktop = false
terminal = false

# Nothing of the machine itself is a trouble here: the marketplace alone is looked after.
[thresholds]
ram_warn_percent = 100
ram_critical_percent = 100
swap_warn_percent = 100
cpu_load_factor = 1000
hot_process_percent = 100000
orphan_cpu_percent = 100000
disk_min_free_percent = 0
inode_min_free_percent = 0
disk_full_within_hours = 0.01
ghost_storm_ram_percent = 100
max_duplicate_processes = 100000
zombie_timeout_secs = 86400
temperature_cpu_max = 150
temperature_gpu_max = 150
leak_window_secs = 86400
leak_min_growth_mib = 1048576
fd_leak_min_growth = 1000000
journal_burst_per_minute = 1000000
flapping_restarts = 1000
anomaly_min_hours = 8760

[allowlist]
{listed} = {targets}
cleanable_paths = {spool}

[autonomy]
allow = {grants}
max_actions_per_hour = 10000
# Seven faults in four services, one right after the other and on purpose: the next one is no relapse of the last.
relapse_secs = 0

[history]
snapshot_interval_secs = 10

[server]
listen = "{agent}"
webhook_token = "{token}"

[otlp]
grpc_listen = ""
http_listen = "{otlp}"

[containers]
engine = {engine}

# The promise about the shop's door. One in ten visits may fail: a shop that is broken on purpose keeps a budget
# that is spent and seen, and no rate of spending it is an alarm of its own before the trouble itself is.
[[slo]]
service = "{entry}"
objective = "availability"
target = {target}
window_days = {days}
"#,
        grants = quoted(&grants),
        agent = place.agent,
        token = place.webhook_token,
        otlp = place.otlp,
        engine = toml::Value::from(engine),
        entry = Role::Gateway.as_str(),
        target = toml::Value::from(SLO_TARGET_PERCENT),
        days = SLO_WINDOW_DAYS,
    );
    if let Fleet::Processes(_) = fleet {
        for role in Role::ALL {
            let program = std::env::current_exe().unwrap_or_default().display().to_string();
            let control = fleet::control_socket(place).display().to_string();
            let restart = [&program, "demo-role", "restart", role.as_str(), "--control", &control]
                .map(str::to_owned);
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n[[services]]\nname = {}\npid_file = {}\nrestart = {}\nhealth_url = {}\n",
                toml::Value::from(place.target(role)),
                toml::Value::from(fleet::pid_file(place, role).display().to_string()),
                quoted(&restart),
                toml::Value::from(format!("http://{}/health", place.addresses.of(role)))
            );
        }
    }
    text
}
