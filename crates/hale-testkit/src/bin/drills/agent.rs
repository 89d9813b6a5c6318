//! The agent under test, and what it says: only through its program, as a user would ask it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hale_model::view::{AlertView, AlertsView, Envelope, IncidentView, IncidentsView};
use serde::de::DeserializeOwned;

const READY_WITHIN: Duration = Duration::from_secs(30);
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// `hale up` with a data directory and a configuration of its own.
pub struct Agent {
    hale: PathBuf,
    dir: PathBuf,
    child: Option<Child>,
    /// Every alert it ever told of, with the moment it was first heard.
    pub heard: BTreeMap<String, (AlertView, Instant)>,
    /// Alerts that it remembers from before this drill, with when each was last seen.
    remembered: BTreeMap<String, String>,
    /// Likewise incidents.
    past: BTreeSet<String>,
}

impl Agent {
    /// Writes the configuration and starts it.
    pub fn start(hale: &Path, dir: &Path, config: &str) -> Result<Agent> {
        fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let path = dir.join("config.toml");
        fs::write(&path, config).with_context(|| format!("write {}", path.display()))?;
        let mut agent = Agent {
            hale: hale.to_owned(),
            dir: dir.to_owned(),
            child: None,
            heard: BTreeMap::new(),
            remembered: BTreeMap::new(),
            past: BTreeSet::new(),
        };
        agent.spawn()?;
        agent.past = agent.incidents()?.into_iter().map(|incident| incident.id).collect();
        let view: AlertsView = agent.robot(&["alerts", "--all", "--limit", "0"])?;
        let known = view.alerts.into_iter().filter(|alert| alert.state == "closed");
        agent.remembered = known.map(|alert| (alert.id, alert.last_seen_at.to_string())).collect();
        Ok(agent)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.hale);
        command
            .arg("--data-dir")
            .arg(self.data())
            .arg("--config")
            .arg(self.dir.join("config.toml"));
        command
    }

    fn spawn(&mut self) -> Result<()> {
        let log = self.dir.join("up.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("open {}", log.display()))?;
        let out = log.try_clone().context("share the log")?;
        let child = self
            .command()
            .arg("up")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.hale.display()))?;
        self.child = Some(child);
        self.await_ready()
    }

    fn await_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while UnixStream::connect(self.data().join("hale.sock")).is_err() {
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten()) {
                bail!("hale up ended at once ({status}):\n{}", self.log_tail());
            }
            if Instant::now() > deadline {
                bail!(
                    "hale up does not answer after {} s:\n{}",
                    READY_WITHIN.as_secs(),
                    self.log_tail()
                );
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The end of what it wrote to its terminal.
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.dir.join("up.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Its pid, while it is up.
    pub fn pid(&self) -> Option<i32> {
        self.child.as_ref().map(|c| c.id() as i32)
    }

    /// `kill -9`, then a fresh start on the same data.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().context("kill -9 hale")?;
            child.wait().context("wait for hale")?;
        }
        self.spawn()
    }

    /// Ends it as a service manager would.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if let Some(pid) = rustix::process::Pid::from_raw(child.id() as i32) {
            // It may have ended by itself: then there is nothing to signal.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let deadline = Instant::now() + ENDS_WITHIN;
        while Instant::now() < deadline {
            if child.try_wait().context("wait for hale")?.is_some() {
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        child.kill().context("kill hale")?;
        child.wait().context("wait for hale")?;
        bail!("hale did not end {} s after TERM", ENDS_WITHIN.as_secs())
    }

    fn robot<T: DeserializeOwned>(&self, args: &[&str]) -> Result<T> {
        let output = self.command().arg("robot").args(args).output().context("run hale robot")?;
        let envelope: Envelope<T> = serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "hale robot {} ({}) said: {}{}",
                args.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        Ok(envelope.data)
    }

    /// Asks for the alerts, remembers those that are new.
    pub fn listen(&mut self) -> Result<()> {
        let view: AlertsView = self.robot(&["alerts", "--all", "--limit", "0"])?;
        let now = Instant::now();
        for alert in view.alerts {
            if self
                .remembered
                .get(&alert.id)
                .is_some_and(|at| *at == alert.last_seen_at.to_string())
            {
                continue;
            }
            let entry = self.heard.entry(alert.id.clone()).or_insert_with(|| (alert.clone(), now));
            entry.0 = alert;
        }
        Ok(())
    }

    /// Every incident of this drill, with its actions.
    pub fn incidents(&self) -> Result<Vec<IncidentView>> {
        let view: IncidentsView = self.robot(&["incidents", "--limit", "0"])?;
        Ok(view.incidents.into_iter().filter(|i| !self.past.contains(&i.id)).collect())
    }

    /// The ids of all alerts it has stored, closed ones too.
    pub fn stored_alerts(&self) -> Result<BTreeSet<String>> {
        let view: AlertsView = self.robot(&["alerts", "--all", "--limit", "0"])?;
        Ok(view.alerts.into_iter().map(|alert| alert.id).collect())
    }

    /// The ids of all alerts in its log of notifications.
    pub fn logged_alerts(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(self.data().join("alerts.jsonl")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|v| {
                v.pointer("/alert/id").or_else(|| v.get("id"))?.as_str().map(str::to_owned)
            })
            .filter(|id| id.starts_with("al-"))
            .collect()
    }

    /// Whether the chain of its audit log is whole; else what it says.
    pub fn audit_verify(&self) -> Result<()> {
        let output =
            self.command().args(["audit", "verify"]).output().context("run hale audit verify")?;
        if output.status.success() {
            return Ok(());
        }
        bail!(
            "hale audit verify: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // An error left this behind; the drill has been reported as failed already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
